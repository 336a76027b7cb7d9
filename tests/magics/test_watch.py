"""``%pmem_watch``: what the explorer holds and hands to the page, and when it looks anew; the page is in `test_browser_watch`."""

# ruff: noqa: F811 - a fixture is called as what it gives

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import threading
import time
import weakref
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from conftest import POOL_SIZE
from test_magics import Run, game, run, shell, short  # noqa: F401 - fixtures

import pmemobj
from pmemobj import PersistentDict
from pmemobj_magics.errors import ExpressionError, MagicUsageError
from pmemobj_magics.views.watch import PoolExplorer, WatchLimits, follow, static, widget

pytestmark = pytest.mark.once

Shell = Any


def nodes(explorer: PoolExplorer) -> dict[str, Any]:
    """The objects that the page gets, by type and text: ``{'PersistentList: 2 items': ...}``."""
    return {f"{node['type']}: {node['text']}": node for node in explorer.scene["nodes"].values()}


def words(html: str) -> str:
    """What a reader sees of it."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def name(handle: Any) -> str:
    return f"o{handle._p_offset}"


@pytest.fixture
def explorer(run: Run, game: Any) -> PoolExplorer:
    return run("%pmem_watch")


# ---- the magic ---------------------------------------------------------------------------------------


def test_it_returns_the_explorer_and_shows_a_tree(run: Run, game: Any) -> None:
    explorer = run("%pmem_watch -o seen")
    assert run("seen") is explorer
    assert repr(explorer) == "PoolExplorer(root=PersistentDict, 2 nodes, 1 edge)"
    bundle, _ = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    tree = ["root: PersistentDict, 2 keys", "├─ 'name': 'David'", "└─ 'guesses': PersistentList, 2 items"]
    assert bundle["text/plain"].splitlines()[:4] == [repr(explorer), *tree]
    assert str(explorer) == explorer.tree and "0x" not in bundle["text/plain"]
    # The same without widgets: an image and the tree, and nothing that has to be run.
    assert "data:image/svg+xml;base64," in bundle["text/html"] and "'guesses': PersistentList 2 items" in words(bundle["text/html"])
    assert "<script" not in bundle["text/html"]


def test_from_an_object(run: Run, game: Any) -> None:
    explorer = run('%pmem_watch pool.root["guesses"]')
    assert repr(explorer) == 'PoolExplorer(pool.root["guesses"]=PersistentList, 1 node, 0 edges)'
    assert explorer.trail == [{"id": name(game.root["guesses"]), "label": 'pool.root["guesses"]'}]
    assert run("%pmem_watch pool").trail == []


def test_running_it_again_gives_the_same_one(run: Run, game: Any) -> None:
    first, inner = run("%pmem_watch"), run("%pmem_watch pool.root['guesses']")
    first.trail = inner.trail
    again = run("%pmem_watch --max-items 1")
    assert again is first is not inner and (again.max_items, again.trail) == (1, [])
    assert nodes(again)["PersistentDict: 2 keys"]["more"] == 1
    run("%pmem_open other.pmem --create --size 16M --as other")
    assert run("%pmem_watch other") is not first


@pytest.mark.parametrize(
    "line, what, why",
    [
        ("missing", "evaluate missing", "NameError"),
        ("5", "explore 5", "it is an int"),
        ("pool.root['name']", "explore pool.root['name']", "it is a str"),
        ("pool.new(pmemobj.PersistentList)", "explore pool.new", "the root does not reach it"),
        ("pool --max-nodes 0", "use --max-nodes 0", "too small"),
        ("--depth 3", "understand %pmem_watch", "unknown option --depth"),
    ],
)
def test_what_cannot_be_explored(run: Run, game: Any, line: str, what: str, why: str) -> None:
    with pytest.raises((ExpressionError, MagicUsageError)) as error:
        run(f"%pmem_watch {line}")
    assert len(short(error)) <= 3 and f"cannot {what}" in short(error)[0] and why in short(error)[1]


def test_of_a_closed_pool(run: Run, game: Any) -> None:
    run("%pmem_close")
    for line in ("%pmem_watch", "%pmem_watch pool"):
        with pytest.raises(pmemobj.PoolClosedError) as error:
            run(line)
        assert short(error)[-1] == "  open it again: %pmem_open game.pmem"


def test_without_graphviz_the_rest_works(run: Run, game: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    explorer = run("%pmem_watch")
    assert explorer.scene["svg"] == "" and "apt install graphviz" in explorer.scene["hint"]
    assert len(explorer.scene["nodes"]) == 2
    html = explorer._repr_mimebundle_()[0]["text/html"]
    assert "PersistentList 2 items" in words(html) and "apt install graphviz" in html and "<img" not in html


# ---- what the page gets ------------------------------------------------------------------------------


def test_the_page_gets_all_that_it_shows(run: Run, game: Any) -> None:
    game.root["again"] = game.root["guesses"]
    explorer = run("%pmem_watch")
    scene = json.loads(json.dumps(explorer.scene))
    root, guesses = name(game.root), name(game.root["guesses"])
    assert scene["start"] == ["root", "PersistentDict", root, None, ""]
    assert scene["nodes"][root]["slots"] == [
        ["'name'", "'David'", None, None, ""],
        ["'guesses'", "PersistentList", guesses, None, ""],
        ["'again'", "PersistentList", guesses, None, ""],
    ]
    assert scene["footer"] == "game.pmem · 2 objects" and scene["svg"].startswith("<svg")
    # By these names objects are found in the drawing.
    assert all(re.search(rf'id="pmem-\w+-{each}"', scene["svg"]) for each in (root, guesses))
    words = [row["text"] for piece in scene["memories"][guesses]["pieces"] for row in piece["rows"] if "at" in row]
    assert "2 items" in words and any("25" in word for word in words)
    assert "0x" not in json.dumps({key: scene[key] for key in ("nodes", "memories")})


def test_offsets_when_they_are_asked_for(run: Run, game: Any) -> None:
    explorer = run("%pmem_watch --offsets")
    root = name(game.root)
    assert explorer.scene["nodes"][root]["at"] == f"{game.root._p_offset:#x}"
    assert "··" not in json.dumps(explorer.scene["memories"])


def test_limits(run: Run, game: Any) -> None:
    run("pool.root['many'] = pool.persistent([[n] for n in range(60)])")
    explorer = run("%pmem_watch --max-nodes 20 --max-items 25")
    many = nodes(explorer)["PersistentList: 60 items"]
    assert len(explorer.scene["nodes"]) == 20 and len(many["slots"]) == 25 and many["more"] == 35
    assert explorer.scene["footer"] == "game.pmem · showing 20 of 63 objects"
    # The page asks for more entries; as many as it likes are not to be had.
    explorer.max_items = 100_000
    assert explorer.max_items == widget.MOST_ITEMS and len(nodes(explorer)["PersistentList: 60 items"]["slots"]) == 60


def test_the_bytes_of_what_is_far_away_are_told_when_it_is_chosen(pool: Any) -> None:
    pool.root = pool.persistent([[1], [2, 3]])
    explorer = PoolExplorer(pool, limits=WatchLimits(words=1))
    far = name(pool.root[1])
    assert far not in explorer.scene["memories"] and explorer.memory == {}
    explorer.selected = far
    assert explorer.memory["id"] == far and "2 items" in json.dumps(explorer.memory)
    # And again when it has changed.
    pool.root[1].append(4)
    explorer.follow()
    assert explorer.memory["id"] == far and "3 items" in json.dumps(explorer.memory)
    explorer.memory = {}
    for nonsense in ("", "o1", "x", "o99999999999"):
        explorer.selected = nonsense
    assert explorer.memory == {}


def test_the_page_begins_elsewhere(run: Run, game: Any, explorer: PoolExplorer) -> None:
    guesses = game.root["guesses"]
    explorer.trail = [{"id": name(guesses), "label": "'guesses'"}]
    assert list(explorer.scene["nodes"]) == [name(guesses)] and explorer.scene["start"][0] == "'guesses'"
    # What was not in sight is no news.
    explorer.trail = []
    assert [node["mark"] for node in explorer.scene["nodes"].values()] == ["", ""]
    explorer.trail = [{"id": name(guesses), "label": "'guesses'"}]
    # When the object is gone the root is shown, and it is said.
    run("del pool.root['guesses']")
    assert explorer.trail == [] and explorer.scene["start"][0] == "root" and "'guesses' was freed" in explorer.note
    for nonsense in ([{}], [5], [{"id": "o12", "label": "x"}], [{"id": "oo", "label": 1}]):
        explorer.trail = nonsense
        assert explorer.scene["start"][0] == "root"


# ---- following ---------------------------------------------------------------------------------------


def test_it_follows_the_cells(run: Run, game: Any, explorer: PoolExplorer) -> None:
    run("pool.root['guesses'].append(7)")
    assert nodes(explorer)["PersistentList: 3 items"]["mark"] == "changed"
    assert nodes(explorer)["PersistentDict: 2 keys"]["mark"] == ""
    run("pool.root['more'] = pool.new(pmemobj.PersistentDict)")
    assert nodes(explorer)["PersistentDict: 0 keys"]["mark"] == "added"
    run("pool.root['guesses'][0] = 26; del pool.root['more']")
    root, guesses = nodes(explorer)["PersistentDict: 2 keys"], nodes(explorer)["PersistentList: 3 items"]
    assert guesses["slots"][0] == ["0", "26", None, None, "was 25"] and root["gone"] == ["'more': PersistentDict"]
    assert "changes since the earlier picture: 2 changed, 1 removed" in explorer.scene["footer"]
    # A cell that fails may have changed something, too.
    with pytest.raises(ZeroDivisionError):
        run("pool.root['guesses'].clear(); 1/0")
    assert "PersistentList: 0 items" in nodes(explorer)


def test_a_cell_that_changes_nothing_costs_nothing(run: Run, explorer: PoolExplorer, monkeypatch: Any) -> None:
    monkeypatch.setattr(PoolExplorer, "update", lambda self: pytest.fail("there was nothing to update"))
    run("len(pool.root['guesses']), repr(pool.root)")
    assert explorer.state == "open"


def test_it_shows_what_is_not_committed_and_says_so(run: Run, game: Any, explorer: PoolExplorer) -> None:
    before = nodes(explorer)
    run("%pmem_begin")
    assert explorer.state == "uncommitted" and "its changes are uncommitted" in explorer.note
    run("pool.root['guesses'].append(7)")
    assert explorer.state == "uncommitted"
    changed = nodes(explorer)["PersistentList: 3 items"]
    assert changed["mark"] == "changed, uncommitted" and changed["slots"][2][-1] == "added"
    assert "uncommitted changes: 1 changed" in explorer.scene["footer"]
    guesses = explorer.scene["memories"][name(game.root["guesses"])]
    assert any(row.get("state") == "changed" and "2 items" in row["old"][1] for row in guesses["pieces"][0]["rows"])
    assert game.in_transaction
    run("%pmem_abort")
    assert (explorer.state, explorer.note) == ("open", "") and nodes(explorer).keys() == before.keys()
    assert list(game.root["guesses"]) == [25, 40] and not any(node["mark"] for node in nodes(explorer).values())
    # When it is committed, what is new is all that it did.
    run("%pmem_begin")
    run("pool.root['guesses'].append(7)")
    run("%pmem_commit")
    assert explorer.state == "open" and nodes(explorer)["PersistentList: 3 items"]["mark"] == "changed"


def test_the_transaction_of_another_thread_is_not_disturbed(run: Run, game: Any, explorer: PoolExplorer) -> None:
    begun, done = threading.Event(), threading.Event()

    def work() -> None:
        with game.transaction():
            game.root["guesses"].append(7)
            begun.set()
            done.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(60)
        run("1")
        assert explorer.state == "busy" and "PersistentList: 2 items" in nodes(explorer)
    finally:
        done.set()
        thread.join()
    run("1")
    assert explorer.state == "open" and "PersistentList: 3 items" in nodes(explorer)


def test_commits_in_the_middle_of_a_cell_are_seen(
    run: Run,
    game: Any,
    explorer: PoolExplorer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    explorer.observe(lambda _: seen.append(len(explorer.scene["nodes"])), names=["scene"])
    explorer._well_rested_at = 0.0
    with game.transaction():
        game.root["first"] = game.new(PersistentDict)
    assert seen == [3]
    # Not each of many: it rests meanwhile, and the end of the cell shows the last.
    run("for n in range(10):", "    with pool.transaction(): pool.root[n] = pool.new(pmemobj.PersistentDict)")
    assert len(seen) < 5 and seen[-1] == 13
    # In threads nobody looks, nor in the child that a cell is tried in.
    explorer._well_rested_at = 0.0
    count = len(seen)
    monkeypatch.setattr(os, "getpid", lambda: 0)
    with game.transaction():
        game.root["first"] = None
    monkeypatch.undo()
    assert len(seen) == count

    def work() -> None:
        with game.transaction():
            game.root.clear()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(seen) == count


def test_a_closed_pool_is_let_go_of_and_found_again(run: Run, explorer: PoolExplorer) -> None:
    scene = explorer.scene
    run("%pmem_close")
    assert explorer.state == "closed" and explorer.scene is scene and explorer.pool is None
    explorer.selected = next(iter(scene["nodes"]))  # no error without a pool
    run("%pmem_open game.pmem", "pool.root['guesses'].append(7)")
    assert explorer.state == "open" and "PersistentList: 3 items" in nodes(explorer)
    run("pool.suspend()")
    assert explorer.state == "closed"
    run("pool.resume()")
    assert explorer.state == "open"


def test_it_keeps_neither_pool_nor_objects(pool_path: str) -> None:
    pool = pmemobj.create(pool_path, POOL_SIZE)
    pool.root = pool.persistent({"x": [1]})
    explorer = PoolExplorer(pool)
    lost = weakref.ref(pool)
    gone = name(pool.root["x"])
    del pool.root["x"]
    assert pool.gc()["PersistentList"] == 1
    explorer.follow()
    assert gone not in explorer.scene["nodes"]
    pool.close()
    del pool
    gc.collect()
    assert lost() is None
    explorer.follow()
    assert explorer.state == "closed" and len(explorer.scene["nodes"]) == 1


def test_an_error_of_an_update_is_no_error_of_the_cell(
    run: Run, game: Any, explorer: PoolExplorer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(widget, "take", lambda *_: 1 / 0)
    assert run("pool.root['guesses'].append(7)", "5") == 5
    assert explorer.state == "failed" and "ZeroDivisionError" in explorer.note
    monkeypatch.undo()
    run("1")
    assert explorer.state == "open" and "PersistentList: 3 items" in nodes(explorer)


def test_a_class_that_is_defined_later_is_picked_up(run: Run, run_python: Any) -> None:
    run_python(
        "import pmemobj\nclass Later(pmemobj.PersistentObject): pass\n"
        "with pmemobj.create('later.pmem', 16 << 20) as pool: pool.root = pool.new(Later)"
    )
    run("import pmemobj", "%pmem_open later.pmem;")
    explorer = run("%pmem_watch")
    assert nodes(explorer).keys() == {"class Later (not defined yet): 0 attributes"}
    run("class Later(pmemobj.PersistentObject): pass")
    assert nodes(explorer).keys() == {"Later: 0 attributes"}


_MANY = 20_000


def test_a_large_pool_is_looked_at_in_no_time(make_pool: Any) -> None:
    pool = make_pool("large.pmem", 64 << 20)
    pool._heap.observer = None  # the checking mode takes longer to make it than everything else
    pool.root = pool.persistent([[n] for n in range(_MANY)])
    explorer = PoolExplorer(pool)
    used = []
    for number in range(3):
        pool.root[0].append(number)
        before = sum(os.times()[:4])
        explorer.follow()
        used.append(sum(os.times()[:4]) - before)
    assert explorer.scene["footer"].startswith("large.pmem · showing 21 of 20,001 objects")
    # Most of it goes to graphviz and to the marking of what can be reached; 100,000 objects take a few times as long.
    assert min(used) < (0.15 if pmemobj.compiled else 1.5)
    assert len(json.dumps(explorer.scene)) < 500_000
    pool.close()


def test_slow_drawings_become_smaller(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.root = pool.persistent([[n] for n in range(40)])
    explorer = PoolExplorer(pool, limits=WatchLimits(items=40, rows=40))
    assert explorer.scene["svg"].count('class="node"') == 42
    monkeypatch.setattr(widget, "_SLOW", 0.0)
    for _ in range(3):
        pool.root.append(1)
        explorer.follow()
    assert explorer.scene["svg"].count('class="node"') == 16 and len(explorer.scene["nodes"]) == 41


# ---- with a loop, as a kernel has one ------------------------------------------------------------------


def test_what_happens_between_cells_is_seen(
    run: Run, game: Any, explorer: PoolExplorer, shell: Shell, monkeypatch: Any
) -> None:
    monkeypatch.setattr(follow, "_PAUSE", 0.01)

    async def until(found: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not found():
            assert time.monotonic() < end
            await asyncio.sleep(0.01)

    async def kernel() -> None:
        shell.events.trigger("post_run_cell", None)  # the end of a cell
        thread = threading.Thread(target=lambda: game.root["guesses"].append(7))
        thread.start()
        thread.join()
        await until(lambda: "PersistentList: 3 items" in nodes(explorer))
        # It rests after an update: of cells that follow one another quickly the last is seen.
        explorer._rested_at = time.monotonic() + 0.05
        game.root["guesses"].append(8)
        shell.events.trigger("post_run_cell", None)
        assert "PersistentList: 3 items" in nodes(explorer)
        await until(lambda: "PersistentList: 4 items" in nodes(explorer))

    asyncio.run(kernel())


def test_a_picture_stands_below_it_and_follows(run: Run, game: Any, shell: Shell, monkeypatch: Any) -> None:
    sent: list[tuple[str, Any]] = []

    class Handle:
        def display(self, shown: Any) -> None:
            sent.append(("display", shown))

        def update(self, shown: Any) -> None:
            sent.append(("update", shown))

    monkeypatch.setattr(static, "DisplayHandle", Handle)

    async def kernel() -> None:
        explorer = run("%pmem_watch")
        run("1")
        assert [kind for kind, _ in sent] == ["display"]
        explorer._rested_at = 0.0
        run("pool.root['guesses'].append(7)")
        assert [kind for kind, _ in sent] == ["display", "update"]

    asyncio.run(kernel())
    first, second = (shown._repr_mimebundle_() for _, shown in sent)
    assert first["text/plain"] == second["text/plain"], "nbval would take the update for another output"
    assert "2 items" in first["text/html"] and "3 items" in second["text/html"]
    assert first["text/html"].startswith("<details><summary>")


def test_unloading_ends_it(run: Run, game: Any, explorer: PoolExplorer) -> None:
    run("%unload_ext pmemobj_magics")
    run("pool.root['guesses'].append(7)")
    assert "PersistentList: 2 items" in nodes(explorer)


def test_a_pool_that_is_closed_in_a_transaction_is_shown_without_it(run: Run, game: Any, explorer: PoolExplorer) -> None:
    run("%pmem_begin\npool.root['name'] = 'Ada'")
    assert explorer.state == "uncommitted"
    run("%pmem_abort\n%pmem_close")
    assert explorer.state == "closed" and "'name': 'David'" in explorer.tree and "Ada" not in json.dumps(explorer.scene)
