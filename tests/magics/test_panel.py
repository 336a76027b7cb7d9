"""``%pmem_panel``: every act, its errors, its line of code, and what it shows; the page is in `test_browser_panel`."""

# ruff: noqa: F811 - a fixture is called as what it gives

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import child_environment
from keeper import keeping
from test_magics import Run, game, run, shell  # noqa: F401 - fixtures

import pmemobj
from pmemobj import PersistentDict, PersistentList
from pmemobj_magics import PoolPanel
from pmemobj_magics.errors import MagicUsageError, NoSuchPoolError

#: The panel is never compiled.
pytestmark = pytest.mark.once

SIZE = "16M"


class Desk:
    """A panel as somebody uses it: buttons, fields and messages by their names."""

    def __init__(self, panel: PoolPanel) -> None:
        self.panel, self.frame = panel, panel._frame

    def page(self, name: str) -> None:
        self.frame.pages.value = name

    def use(self, *labels: str) -> None:
        """Begin to write into fields: the page tells the kernel of it."""
        for label in labels:
            self.frame.status._handle_custom_msg({"used": label}, [])

    # ---- the page Pools ----

    def create(self, path: str = "bank.pmem", size: str = SIZE, name: str = "") -> dict[str, Any]:
        pools = self.frame.pools
        self.use("path", "variable")
        pools.path.value, pools.size.value, pools.name.value = path, size, name
        pools.create_button.click()
        return dict(pools.create_message.told)

    def open(self, path: str, name: str = "", sandbox: bool = False) -> dict[str, Any]:
        pools = self.frame.pools
        self.use("path", "variable")
        pools.path.value, pools.name.value, pools.sandbox.value = path, name, sandbox
        pools.open_button.click()
        return dict(pools.open_message.told)

    def close(self) -> dict[str, Any]:
        self.frame.pools.close_button.click()
        return dict(self.frame.pools.close_message.told)

    @property
    def pools(self) -> list[str]:
        return [line for line, _ in self.frame.pools.pools.options]

    # ---- transactions ----

    def press(self, name: str) -> dict[str, Any]:
        getattr(self.frame.transaction, f"{name}_button").click()
        return dict(self.frame.transaction.message.told)

    @property
    def pending(self) -> str:
        return self.frame.transaction.list_html

    # ---- the page Change ----

    def change(self, kind: str = "set", place: str = "", value: str = "") -> dict[str, Any]:
        self.page("Change")
        change = self.frame.change
        change.kind.value = kind
        self.use(change.place.description, change.value.description)
        change.place.value, change.value.value = place, value
        change.change_button.click()
        return dict(change.message.told)

    def select(self, thing: Any) -> None:
        assert self.panel.explorer is not None
        self.panel.explorer.selected = "" if thing is None else f"o{thing._p_offset}"

    # ---- the page Crash ----

    def crash(self, name: str, check: str = "") -> dict[str, Any]:
        self.page("Crash")
        self.frame.crash.check.value = check
        getattr(self.frame.crash, f"{name}_button").click()
        return dict(self.frame.crash.message.told)

    @property
    def shown(self) -> str:
        """The HTML of the result of a crash."""
        return "".join(getattr(part, "value", "") for part in self.frame.crash.result.children)

    @property
    def state(self) -> str:
        return str(self.frame.status.told["state"])


@pytest.fixture
def desk(run: Run) -> Desk:
    """An empty panel in an empty folder."""
    return Desk(run("%pmem_panel"))


@pytest.fixture
def bank(run: Run, desk: Desk) -> Desk:
    """A panel whose pool holds two accounts and a list."""
    desk.create()
    desk.page("Change")
    desk.change("set the root", value="{'ada': 70, 'bob': 30, 'log': [1, 2, 3]}")
    return desk


def fails(told: dict[str, Any], what: str, why: str = "", todo: str = "") -> None:
    assert told.get("kind") == "error", told
    assert what in told["what"] and why in told.get("why", "") and todo in told.get("todo", ""), told


# ---- opening -----------------------------------------------------------------------------------------


def test_the_empty_panel(desk: Desk) -> None:
    assert repr(desk.panel) == "PoolPanel(no pool)" and desk.panel.pool is None and desk.state == "none"
    assert desk.pools == [] and desk.panel.code == ""
    transaction = desk.frame.transaction
    assert transaction.begin_button.disabled and transaction.commit_button.disabled and transaction.abort_button.disabled
    bundle, _ = desk.panel._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert bundle["text/plain"] == "PoolPanel(no pool)"


def test_create(run: Run, desk: Desk) -> None:
    told = desk.create("bank.pmem")
    assert told["kind"] == "done" and told["code"] == "%pmem_open bank.pmem --exclusive --size 16M"
    assert "state: created just now" in told["more"] and "root: None" in told["more"]
    assert run("pool") is desk.panel.pool and desk.state == "open" and os.path.exists("bank.pmem")
    assert desk.pools == ["bank.pmem · 16 MiB, disk · open here as pool"] or "tmpfs" in desk.pools[0]


def test_create_a_growing_pool(desk: Desk) -> None:
    told = desk.create("large", "auto")
    assert told["code"] == "%pmem_open large --exclusive --size auto" and os.path.isdir("large")
    assert desk.panel.pool is not None and desk.panel.pool.max_size > desk.panel.pool.size


def test_create_what_exists(desk: Desk) -> None:
    desk.create()
    desk.close()
    fails(desk.create(), "Cannot create pool bank.pmem", "there is a file of this name", "open it")
    assert desk.panel.code.count("exclusive") == 1


def test_a_second_pool_gets_a_name_of_its_own(run: Run, desk: Desk) -> None:
    desk.create("one.pmem")
    assert desk.create("two.pmem")["code"].endswith("--as pool2")
    assert run("pool2") is desk.panel.pool and not run("pool").closed
    assert desk.create("three.pmem", name="third")["code"].endswith("--as third")
    fails(desk.create("four.pmem", name="not a name"), "not a name")
    run("taken = 5")
    fails(desk.create("four.pmem", name="taken"), "taken")
    assert not os.path.exists("four.pmem")
    # The list chooses among the open ones.
    desk.frame.pools.pools.value = "one.pmem"
    assert desk.panel.pool is run("pool")


def test_the_list_the_field_and_close_mean_the_same_pool(run: Run, desk: Desk) -> None:
    desk.create("a.pmem")
    desk.close()
    desk.create("b.pmem")
    # To choose a closed pool fills in its path, and the list goes on marking it.
    desk.frame.pools.pools.value = "a.pmem"
    assert desk.frame.pools.path.value == "a.pmem" and desk.frame.pools.pools.value == "a.pmem"
    fails(desk.close(), "Cannot close pool a.pmem", "not open here")
    assert desk.panel.pool is not None and desk.panel.pool.path == "b.pmem"
    desk.open("a.pmem")
    desk.frame.pools.path.value = "b.pmem"
    desk.close()
    assert [pool.path for pool in pmemobj.open_pools()] == ["a.pmem"] and desk.panel.pool is not None


@pytest.mark.parametrize("name", ["p q", "1x", "class", "print"])
def test_variables_that_cannot_be(desk: Desk, name: str) -> None:
    fails(desk.create("a.pmem", name=name), f"Cannot bind the pool to {name}")
    assert not os.path.exists("a.pmem")


@pytest.mark.parametrize("path", ["with space.pmem", "{braces}.pmem", "$dollar.pmem", "quote'.pmem", "ünï.pmem", "#x.pmem"])
def test_paths_with_any_character(run: Run, desk: Desk, path: str) -> None:
    desk.create(path)
    assert os.path.exists(path)
    desk.close()
    assert desk.open(path)["kind"] == "done"
    # The line does the same in a cell.
    code = desk.panel.code
    desk.close()
    pmemobj.remove(path)
    run(code.split("\n")[0])
    assert os.path.exists(path)


def test_open_says_what_was_found(run: Run, desk: Desk) -> None:
    subprocess.run(
        [sys.executable, "-c", "import pmemobj, os; p = pmemobj.create('killed.pmem', 16 << 20); os._exit(0)"],
        env=child_environment(),
        check=True,
    )
    desk.frame.pools.again_button.click()
    assert "not closed by its last program" in desk.pools[0]
    told = desk.open("killed.pmem")
    assert told["code"] == "%pmem_open killed.pmem" and "recovered" in told["more"]


def test_open_in_a_sandbox(desk: Desk) -> None:
    desk.create()
    desk.change("set the root", value="1")
    desk.close()
    assert desk.open("bank.pmem", sandbox=True)["code"] == "%pmem_open bank.pmem --sandbox"
    desk.change("set the root", value="2")
    assert "(sandbox)" in desk.pools[0] and "lost at close" in desk.frame.status.told["text"]
    desk.close()
    desk.open("bank.pmem")
    assert desk.panel.pool is not None and desk.panel.pool.root == 1


@pytest.mark.parametrize(
    "path, what, why",
    [
        ("", "Cannot open a pool", "empty"),
        ("missing.pmem", "Cannot open pool missing.pmem", "there is no such file"),
        ("text.txt", "Cannot open pool text.txt", ""),
        ("nowhere/x.pmem", "Cannot open pool nowhere/x.pmem", ""),
    ],
)
def test_what_cannot_be_opened(desk: Desk, path: str, what: str, why: str) -> None:
    Path("text.txt").write_text("no pool")
    fails(desk.open(path), what, why)
    assert desk.panel.pool is None and desk.panel.code == ""
    # The advice is for the panel: it names buttons, and no options of magics.
    assert "--" not in desk.frame.pools.open_message.told.get("todo", "")
    # The next success takes the error away.
    desk.create()
    assert desk.frame.pools.open_message.told == {}


def test_a_pool_that_another_process_has(desk: Desk) -> None:
    desk.create("busy.pmem")
    desk.close()
    with keeping("busy.pmem") as pid:
        fails(desk.open("busy.pmem"), "Cannot open pool busy.pmem", f"in process {pid} (", "close it there first")
        desk.frame.pools.again_button.click()
        assert desk.pools[0].endswith(f"open in another program (process {pid})")


def test_a_folder_that_must_not_be_written(desk: Desk) -> None:
    if os.geteuid() == 0:
        fails(desk.create("/proc/bank.pmem"), "Cannot create pool /proc/bank.pmem")
        return
    os.mkdir("locked", 0o555)
    fails(desk.create("locked/bank.pmem"), "Cannot create pool locked/bank.pmem")


def test_close_and_delete(desk: Desk) -> None:
    desk.create()
    desk.frame.pools.delete_button.click()
    fails(dict(desk.frame.pools.close_message.told), "Cannot delete pool bank.pmem", "it is open here", "Close")
    assert desk.close()["code"] == "%pmem_close" and desk.state == "closed"
    fails(desk.close(), "Cannot close pool bank.pmem", "not open here")
    desk.frame.pools.delete_button.click()
    assert "Delete bank.pmem" in desk.frame.pools._question.value and os.path.exists("bank.pmem")
    desk.frame.pools._no.click()
    assert os.path.exists("bank.pmem")
    desk.frame.pools.delete_button.click()
    desk.frame.pools._yes.click()
    assert not os.path.exists("bank.pmem") and desk.pools == []
    assert desk.panel.code.endswith("%pmem_delete bank.pmem")
    # The panel does not go on showing what no longer exists.
    assert desk.panel.explorer is None and desk.state == "none"


def test_only_pools_can_be_deleted(desk: Desk) -> None:
    Path("text.txt").write_text("mine")
    os.mkdir("folder")
    for path, why in (("text.txt", "it is no pool"), ("folder", "it is no pool"), ("missing", "no such file"), ("", "empty")):
        desk.frame.pools.path.value = path
        desk.frame.pools.delete_button.click()
        fails(dict(desk.frame.pools.close_message.told), "Cannot delete", why)
        assert desk.frame.pools._question.value == ""
    assert sorted(os.listdir()) == ["folder", "text.txt"]


def test_cells_and_the_panel_see_the_same_pools(run: Run, desk: Desk) -> None:
    run("%pmem_open cell.pmem --create --size 16M")
    assert desk.panel.pool is run("pool") and len(desk.pools) == 1
    run("%pmem_close")
    assert desk.panel.pool is None and desk.state == "closed"
    run("%pmem_open cell.pmem")
    assert desk.panel.pool is run("pool") and desk.state == "open"


def test_a_panel_of_a_pool_by_name(run: Run, desk: Desk) -> None:
    run("%pmem_open a.pmem --create --size 16M --as a")
    run("%pmem_open b.pmem --create --size 16M --as b")
    panel = run("%pmem_panel b")
    assert panel.pool is run("b") and run("%pmem_panel b") is panel and run("%pmem_panel") is desk.panel
    assert PoolPanel(run("a")).pool is run("a")
    with pytest.raises(NoSuchPoolError):
        run("%pmem_panel c")
    with pytest.raises(MagicUsageError, match="not a pool"):
        PoolPanel(5)  # type: ignore[arg-type]


def test_a_panel_needs_ipython() -> None:
    with pytest.raises(MagicUsageError, match="Jupyter or IPython"):
        PoolPanel()


# ---- transactions ------------------------------------------------------------------------------------


def test_begin_change_abort(bank: Desk) -> None:
    assert bank.press("begin")["code"] == "%pmem_begin" and bank.state == "uncommitted"
    bank.change("set", "'ada'", "40")
    bank.change("delete", "'bob'")
    bank.change("set", "'eve'", "[5]")
    for part in ("pool.root[&#x27;ada&#x27;]", "<del><bdi>70</bdi></del>", "<ins><bdi>40</bdi></ins>", "removed", "added"):
        assert part in bank.pending
    # The explorer marks the same.
    assert bank.panel.explorer is not None and bank.panel.explorer.state == "uncommitted"
    assert bank.press("abort")["code"] == "%pmem_abort" and bank.state == "open" and bank.pending == ""
    assert bank.panel.pool is not None and bank.panel.pool.root.to_python() == {"ada": 70, "bob": 30, "log": [1, 2, 3]}


def test_commit(bank: Desk) -> None:
    bank.press("begin")
    bank.change("set", "'ada'", "40")
    assert bank.press("commit")["code"] == "%pmem_commit"
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 40 and not bank.panel.pool.in_transaction


def test_nested(bank: Desk) -> None:
    bank.press("begin")
    assert bank.frame.transaction.begin_button.description == "Begin nested"
    assert bank.press("begin")["code"] == "%pmem_begin --nested"
    assert "depth 2" in bank.frame.status.told["text"] and "1 nested" in bank.pending
    bank.change("set", "'ada'", "1")
    assert "still open" in bank.press("commit")["what"]
    assert bank.panel.pool is not None and bank.panel.pool.transaction_depth == 1
    bank.press("abort")
    assert bank.panel.pool.root["ada"] == 70


def test_a_transaction_holds_for_cells_and_the_other_way_round(run: Run, bank: Desk) -> None:
    bank.press("begin")
    run("pool.root['ada'] = 1")
    assert "<ins><bdi>1</bdi></ins>" in bank.pending
    run("%pmem_abort")
    assert bank.state == "open" and run("pool.root['ada']") == 70
    run("%pmem_begin")
    assert bank.state == "uncommitted" and bank.frame.status.told["begun"] > 0
    bank.change("set", "'ada'", "2")
    bank.press("commit")
    assert run("pool.root['ada']") == 2


def test_a_transaction_that_python_began(run: Run, bank: Desk) -> None:
    run("begun = pool.transaction().begin()\npool.root['ada'] = 3")
    assert bank.frame.transaction.commit_button.disabled and "begun in Python" in bank.pending
    # Closing rolls it back and says so.
    assert "rolled back" in bank.close()["what"]
    bank.open("bank.pmem")
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 70


def test_closing_with_an_open_transaction(bank: Desk) -> None:
    bank.press("begin")
    bank.change("set", "'ada'", "1")
    told = bank.close()
    # What stays in sight is the state without the transaction.
    assert bank.panel.explorer is not None and bank.panel.explorer.state == "closed"
    assert "'ada': 70" in bank.panel.explorer.tree and "uncommitted" not in bank.panel.explorer.tree
    assert "rolled back" in told["what"] and bank.panel.code.endswith("%pmem_abort\n%pmem_close")
    bank.open("bank.pmem")
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 70


def test_without_a_pool(desk: Desk) -> None:
    fails(desk.press("begin"), "Cannot begin a transaction", "no pool is open")
    fails(desk.press("commit"), "Cannot commit")
    fails(desk.crash("end"), "Cannot crash")


def test_a_full_pool_aborts_the_transaction_and_says_so(bank: Desk) -> None:
    bank.press("begin")
    bank.change("set", "'ada'", "1")
    fails(bank.change("set", "'big'", f"'{'x' * 15_000_000}'"), "Cannot", "")
    if bank.state == "aborted":
        assert "rolled this transaction back" in bank.pending
        fails(bank.change("set", "'ada'", "2"), "Cannot")
    bank.press("abort")
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 70 and bank.state == "open"


# ---- changes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, place, value, code, result",
    [
        ("set", "0", "9", "pool.root['log'][0] = 9", [9, 2, 3]),
        ("set", "-1", "None", "pool.root['log'][-1] = None", [1, 2, None]),
        ("append", "", "'x'", "pool.root['log'].append('x')", [1, 2, 3, "x"]),
        ("insert", "3", "[4]", "pool.root['log'].insert(3, pool.persistent([4]))", [1, 2, 3, [4]]),
        ("insert", "0", "(1, 2)", "pool.root['log'].insert(0, pool.persistent((1, 2)))", [(1, 2), 1, 2, 3]),
        ("delete", "1", "", "del pool.root['log'][1]", [1, 3]),
        (
            "move",
            "0",
            "2",
            "with pool.transaction():\n    pool.root['log'].insert(2, pool.root['log'].pop(0))",
            [2, 3, 1],
        ),
    ],
)
def test_changes_of_a_list(bank: Desk, kind: str, place: str, value: str, code: str, result: list[Any]) -> None:
    assert bank.panel.pool is not None
    log = bank.panel.pool.root["log"]
    bank.page("Change")
    bank.select(log)
    told = bank.change(kind, place, value)
    assert told["kind"] == "done" and told["code"] == code and "durable" in told["what"]
    assert log.to_python() == result


def test_changes_of_a_dict(bank: Desk) -> None:
    assert bank.panel.pool is not None
    root = bank.panel.pool.root
    bank.change("set", "(1, 'x')", "{'a': [1]}")
    assert root[1, "x"].to_python() == {"a": [1]}
    assert bank.change("move", "'ada'", "'eve'")["code"].startswith("with pool.transaction():")
    assert "ada" not in root and root["eve"] == 70
    bank.change("delete", "'eve'")
    assert "eve" not in root
    assert "'bob'" in bank.frame.change.place.options


def test_changes_of_a_set_and_of_bytes(run: Run, bank: Desk) -> None:
    bank.change("set", "'s'", "{1, 2}")
    bank.select(run("pool.root['s']"))
    assert bank.change("add", value="'x'")["code"] == "pool.root['s'].add('x')"
    assert bank.change("delete", value="1")["code"] == "pool.root['s'].remove(1)"
    fails(bank.change("delete", value="99"), "Cannot remove 99", "not in the set")
    assert run("pool.root['s'].to_python()") == {2, "x"}
    run("pool.root['b'] = pool.persistent(bytearray(b'abc'))")
    bank.select(run("pool.root['b']"))
    bank.change("set", "0", "65")
    bank.change("append", value="66")
    assert bytes(run("pool.root['b']")) == b"AbcB"
    fails(bank.change("append", value="'no'"), "")


PLAYER = """
import pmemobj
class Player(pmemobj.PersistentObject):
    def __init__(self, name, score=0):
        print("a player is made")
        self.name, self.score = name, score
    @property
    def best(self):
        raise SystemExit("looking must run no code")
"""


def test_fields_count_in_the_order_in_which_they_were_used(bank: Desk) -> None:
    """On a busy machine somebody presses the button before the kernel's text has come to the page."""
    bank.page("Change")
    change = bank.frame.change
    change.kind.value = "set"
    change.template.value = "{}"
    assert change.value.value == "{}"
    for used, expected in (
        ({"key": "'new'"}, "{}"),
        ({"value": "5", "new": "[]"}, "[]"),
        ({"new": "{}", "value": "5"}, "5"),
        ({"value": "", "nonsense": 5, "new": "no such template"}, ""),
    ):
        bank.frame._take(used)
        assert (change.place.value, change.value.value) == ("'new'", expected)


def test_classes_of_the_notebook(run: Run, bank: Desk) -> None:
    run(PLAYER)
    bank.page("Change")
    assert "Player()" in bank.frame.change.template.options
    told = bank.change("set", "'p'", "Player('Ada', score=3)")
    assert told["code"] == "pool.root['p'] = pool.new(Player, 'Ada', score=3)" and told["more"] == "a player is made"
    bank.select(run("pool.root['p']"))
    assert bank.change("set", "score", "4")["code"] == "pool.root['p'].score = 4"
    bank.change("set", "friends", "[]")
    assert bank.frame.change.place.options == ("name", "score", "friends")
    bank.change("delete", "friends")
    assert run("pool.root['p'].score") == 4 and not run("hasattr(pool.root['p'], 'friends')")
    fails(bank.change("delete", "friends"), "Cannot delete friends", "no such attribute")
    fails(bank.change("set", "not a name", "1"), "as attribute")
    # The same object at a second place.
    bank.select(None)
    assert bank.change("set", "'q'", "pool.root['p']")["code"] == "pool.root['q'] = pool.root['p']"
    assert run("pool.root['p'] is pool.root['q']")
    # A constructor that fails has changed nothing.
    fails(bank.change("set", "'r'", "Player()"), "TypeError")
    assert "r" not in run("pool.root")


def test_a_class_that_is_missing(run: Run, desk: Desk) -> None:
    program = f"{PLAYER.replace('Player', 'Gambler')}\npool = pmemobj.create('bank.pmem', 16 << 20)\n"
    program += "pool.root = pool.persistent({'p': pool.new(Gambler, 'Ada')})\npool.close()"
    subprocess.run([sys.executable, "-c", program], env=child_environment(), check=True)
    bank = desk
    bank.open("bank.pmem")
    assert bank.panel.pool is not None
    bank.select(bank.panel.pool.root["p"])
    bank.page("Change")
    assert "not defined" in bank.frame.change._head.value and bank.frame.change.kind.options == ()
    fails(_press(bank), "Cannot change")
    run(PLAYER.replace("Player", "Gambler"))
    bank.close()
    bank.open("bank.pmem")
    bank.select(bank.panel.pool.root["p"])
    assert bank.change("set", "name", "'Bob'")["kind"] == "done"


def _press(desk: Desk) -> dict[str, Any]:
    desk.frame.change.change_button.click()
    return dict(desk.frame.change.message.told)


@pytest.mark.parametrize(
    "value, why, todo",
    [
        ("", "empty", "5, 'Ada'"),
        ("Ada", "is a name", "'Ada'"),
        ("open('x', 'w')", "not a class", ""),
        ("__import__('os').remove('bank.pmem')", "", ""),
        ("1 + 1", "computed", ""),
        ("[x for x in (1,)]", "computed", ""),
        ("lambda: 1", "computed", ""),
        ("f'{1}'", "computed", ""),
        ("[1, 2", "not a value", ""),
        ("...", "cannot be stored", ""),
        ("{[1]: 2}", "unhashable", ""),
        ("{**{}}", "**", ""),
        ("pool", "the pool", ""),
        ("pool.close()", "not a class", ""),
        ("pool.root['nothing']", "there is nothing at", ""),
        ("pool.root.clear", "there is nothing at", ""),
        ("other.root", "does not begin", ""),
        ("Player('Ada')", "not a class", "define a class"),
        ("(" * 500 + ")" * 500, "", ""),
        ("9" * 5000, "", ""),
    ],
)
def test_values_are_never_run(bank: Desk, value: str, why: str, todo: str) -> None:
    assert bank.panel.pool is not None
    before = bank.panel.pool.root.to_python()
    fails(bank.change("set", "'ada'", value), "", why, todo)
    assert bank.panel.pool.root.to_python() == before and os.path.exists("bank.pmem") and not os.path.exists("x")


@pytest.mark.parametrize(
    "kind, place, value, why",
    [
        ("set", "3", "1", "3 items"),
        ("set", "'a'", "1", "whole number"),
        ("set", "1.5", "1", "whole number"),
        ("set", "True", "1", "whole number"),
        ("insert", "-4", "1", "3 items"),
        ("delete", "5", "", "3 items"),
        ("move", "0", "7", "3 items"),
    ],
)
def test_places_are_checked_before_anything_is_changed(bank: Desk, kind: str, place: str, value: str, why: str) -> None:
    assert bank.panel.pool is not None
    log = bank.panel.pool.root["log"]
    bank.page("Change")
    bank.select(log)
    fails(bank.change(kind, place, value), "", why)
    assert log.to_python() == [1, 2, 3]


def test_keys_that_cannot_be(bank: Desk) -> None:
    fails(bank.change("delete", "'nobody'"), "Cannot find 'nobody'", "no such key")
    fails(bank.change("set", "[1]", "1"), "", "unhashable")
    fails(bank.change("move", "'ada'", "'bob'"), "Cannot move", "a key already")


def test_the_preview_changes_nothing(bank: Desk) -> None:
    bank.page("Change")
    change = bank.frame.change
    change.kind.value, change.place.value, change.value.value = "set", "'ada'", "5"
    assert "pool.root[&#x27;ada&#x27;] = 5" in change._line.value
    change.value.value = "Ada"
    assert "not yet" in change._line.value
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 70


def test_what_the_page_sends_late_is_not_used_again(bank: Desk) -> None:
    bank.page("Change")
    change = bank.frame.change
    bank.change("set", "'ada'", "5")
    change.value.value = "5"  # held back by ipywidgets until after the press
    change.place.value = "'ada'"
    assert change.value.value == change.place.value == ""
    change.value.value = "6"
    assert change.value.value == "6"


def test_the_same_text_can_be_written_again_at_once(bank: Desk) -> None:
    change = bank.frame.change
    bank.change("set", "'ada'", "5")
    bank.use("key", "value")
    change.place.value, change.value.value = "'ada'", "5"
    assert (change.place.value, change.value.value) == ("'ada'", "5")


def test_the_same_template_can_be_chosen_again_at_once(bank: Desk) -> None:
    change = bank.frame.change
    bank.change("set", "'list'", "[]")
    change.template.value = "[]"
    assert change.value.value == "[]"


def test_what_the_page_says_of_fields_that_do_not_exist(bank: Desk) -> None:
    for nonsense in ("no such field", 5, None, [], {}):
        bank.frame.status._handle_custom_msg({"used": nonsense}, [])
    assert bank.change("set", "'ada'", "5")["kind"] == "done"


def test_what_a_change_promises(bank: Desk) -> None:
    bank.page("Change")
    assert "durable by itself" in bank.frame.change._promise.value and "no undo" in bank.frame.change._promise.value
    bank.press("begin")
    assert "Abort undoes it" in bank.frame.change._promise.value


def test_an_object_without_a_path(run: Run, bank: Desk) -> None:
    run("import pmemobj\nlonely = pool.new(pmemobj.PersistentList, [1])")
    bank.page("Change")
    bank.select(run("lonely"))
    assert bank.change("append", value="2")["code"] == "lonely.append(2)"
    run("pool.root[range(3)] = pool.persistent([7])")
    bank.select(run("pool.root[range(3)]"))
    assert "no path" in bank.frame.change._head.value and _press(bank)["kind"] == "error"


# ---- crashes -----------------------------------------------------------------------------------------


def test_end_the_program(bank: Desk) -> None:
    bank.press("begin")
    bank.change("set", "'ada'", "40")
    told = bank.crash("end")
    assert told["kind"] == "done" and told["code"] == "%pmem_crash", told
    assert bank.shown.count("<img") == 3
    # The live pool is as it was, and its transaction is open.
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 40 and bank.panel.pool.in_transaction
    bank.press("abort")
    assert bank.panel.pool.root["ada"] == 70


def transfer(desk: Desk) -> None:
    desk.press("begin")
    desk.change("set", "'ada'", "40")
    desk.change("set", "'bob'", "60")


CHECK = "pool.root['ada'] + pool.root['bob'] == 100"


def test_cut_the_power(bank: Desk) -> None:
    pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")
    transfer(bank)
    told = bank.crash("power", CHECK)
    assert told["kind"] == "done" and "every simulated power cut" in told["what"], told
    assert told["code"].splitlines() == [
        f"%%pmem_crash --power --rolled-back --check {CHECK}",
        "with pool.transaction():",
        "    pool.root['ada'] = 40",
        "    pool.root['bob'] = 60",
    ]
    assert "TimelineWidget" in [type(each).__name__ for each in bank.frame.crash.result.children]
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 40 and bank.panel.pool.in_transaction


def test_without_a_transaction_and_without_a_check(bank: Desk) -> None:
    """A power cut between two statements breaks no demand, so only the kill is shown, and its verdict is "torn"."""
    transfer(bank)
    told = bank.crash("without")
    assert "✓" not in told["what"] and "every simulated power cut" not in told["what"], told
    assert len(bank.frame.crash.result.children) == 1 and "--no-transaction --at 1" in told["code"]


def test_select_the_root(run: Run, bank: Desk) -> None:
    bank.page("Change")
    bank.select(run("pool.root['log']"))
    bank.frame.change.root_button.click()
    assert bank.panel.explorer is not None and bank.panel.explorer.selected == f"o{run('pool.root')._p_offset}"
    assert "pool.root</code> (PersistentDict" in bank.frame.change._head.value


def test_the_same_without_a_transaction(bank: Desk) -> None:
    pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")
    transfer(bank)
    told = bank.crash("without", CHECK)
    assert "violate your check" in told["what"], told
    assert bank.shown.count("<img") >= 3
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 40 and bank.panel.pool.in_transaction


def test_the_changes_of_cells_are_crashed_too(run: Run, bank: Desk) -> None:
    pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")
    bank.change("set", "'ada'", "70")  # before the transaction, so no part of it
    run("pool.root['log'].append(9)\n%pmem_begin\npool.root['ada'] -= 30")
    bank.change("set", "'bob'", "60")
    told = bank.crash("power", CHECK)
    assert told["code"].splitlines()[1:] == [
        "with pool.transaction():",
        "    pool.root['ada'] -= 30",
        "    pool.root['bob'] = 60",
    ]
    assert "every simulated power cut" in told["what"]


def test_a_cell_magic_in_the_transaction_is_crashed_too(run: Run, bank: Desk) -> None:
    bank.press("begin")
    run("%%time\npool.root['ada'] = 40")
    told = bank.crash("without")
    assert told["kind"] != "error" and "run_cell_magic('time'" in told["code"], told
    assert bank.panel.pool is not None and bank.panel.pool.root["ada"] == 40


def test_checks_to_choose(bank: Desk) -> None:
    bank.page("Crash")
    assert [check for _, check in bank.frame.crash.checks.options] == ["", "len(pool.root) == 3"]
    assert bank.panel.pool is not None
    bank.select(bank.panel.pool.root["log"])
    options = dict(bank.frame.crash.checks.options)
    assert options["the sum stays 6"] == "sum(pool.root['log']) == 6"
    bank.frame.crash.checks.value = "sum(pool.root['log']) == 6"
    assert bank.frame.crash.check.value == "sum(pool.root['log']) == 6"


def test_crashes_without_changes(bank: Desk) -> None:
    bank.crash("end")
    assert bank.shown
    fails(bank.crash("power"), "Cannot crash", "no transaction is open", "Begin")
    assert not bank.shown  # the pictures of an earlier crash
    bank.press("begin")
    fails(bank.crash("power"), "Cannot crash", "nothing was changed")
    bank.change("set", "'ada'", "1")
    if (told := bank.crash("power", "1 +"))["kind"] == "done":
        pytest.fail(str(told))
    fails(told, "")
    assert "--" not in told["todo"]


# ---- as code -----------------------------------------------------------------------------------------


def test_the_session_as_a_cell_gives_the_same_pool(run: Run, bank: Desk) -> None:
    run(PLAYER)
    bank.change("set", "'p'", "Player('Ada', 3)")
    transfer(bank)
    bank.crash("end")
    bank.crash("power", CHECK)
    bank.crash("without")
    bank.press("commit")
    bank.press("begin")
    bank.press("begin")
    bank.change("delete", "'bob'")
    bank.press("commit")
    bank.press("abort")
    assert bank.panel.pool is not None
    bank.page("Change")
    bank.select(bank.panel.pool.root["log"])
    bank.change("move", "0", "2")
    bank.change("append", value="pool.root['p']")
    expected = str(bank.panel.pool.tree())
    code = bank.panel.code
    assert code == bank.frame.code.box.code
    bank.close()
    os.rename("bank.pmem", "first.pmem")
    run(code)
    pool = run("pool")
    assert str(pool.tree()) == expected and pool.path == "bank.pmem"
    assert pool.root["log"][-1] is pool.root["p"]


def test_the_code_mentions_cells(run: Run, bank: Desk) -> None:
    run("pool.root['ada'] = 1")
    bank.change("set", "'bob'", "2")
    lines = bank.panel.code.splitlines()
    assert lines[-2].startswith("# In [") and lines[-1] == "pool.root['bob'] = 2"


def test_failed_acts_are_not_in_the_code(bank: Desk) -> None:
    before = bank.panel.code
    bank.change("set", "'ada'", "Ada")
    bank.open("missing.pmem")
    assert bank.panel.code == before


# ---- pictures and other panels -----------------------------------------------------------------------


def test_two_panels_on_one_pool(run: Run, bank: Desk) -> None:
    second = Desk(PoolPanel(run("pool")))
    bank.press("begin")
    bank.change("set", "'ada'", "1")
    second.panel.follow()
    assert second.state == "uncommitted" and "<ins><bdi>1</bdi></ins>" in second.pending
    second.press("abort")
    bank.panel.follow()
    assert bank.state == "open" and bank.pending == ""


def test_the_static_picture(bank: Desk) -> None:
    bank.press("begin")
    bank.change("set", "'ada'", "1")
    html = bank.panel._repr_mimebundle_()[0]["text/html"]
    assert "data:image/svg+xml;base64," in html and "%pmem_open bank.pmem --exclusive" in html and "<script" not in html


def test_bytes_and_log(bank: Desk) -> None:
    bank.frame.views.value = "Bytes"
    assert "<svg" in bank.frame._bytes.value
    bank.frame.views.value = "Log"
    assert "<table" in bank.frame._log.value


def test_a_big_pool(run: Run, desk: Desk) -> None:
    run("%pmem_open big.pmem --create --size 64M")
    run("pool.root = pool.persistent([[n] for n in range(20_000)])")
    run("pool.root[0].append(1)")
    assert desk.panel.pool is not None
    desk.page("Change")
    desk.select(desk.panel.pool.root[19_999])
    assert desk.change("append", value="5")["code"] == "pool.root[19999].append(5)"
    assert isinstance(desk.panel.pool.root, PersistentList) and not isinstance(desk.panel.pool.root, PersistentDict)
