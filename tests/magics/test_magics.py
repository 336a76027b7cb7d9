"""The magics, driven in a real InteractiveShell; `test_magics_kernel` drives them in a kernel."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("IPython")
pytest.importorskip("graphviz")

from conftest import put_away
from IPython.core.interactiveshell import InteractiveShell
from keeper import keeping
from traitlets.config import Config

import pmemobj
from pmemobj._durability.file_operations import FileOperations
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import modes, session
from pmemobj.crash import Verdict
from pmemobj_magics.errors import ExpressionError, MagicUsageError, NoSuchPoolError
from pmemobj_magics.shell.arguments import parse_size
from pmemobj_magics.shell.completion import CHOICES

pytestmark = pytest.mark.once

Run = Callable[..., Any]
MAGICS = {
    "line": {
        *("pmem", "pmem_abort", "pmem_begin", "pmem_bytes", "pmem_check", "pmem_close", "pmem_commit", "pmem_gc"),
        *("pmem_graph", "pmem_log", "pmem_open", "pmem_stats", "pmem_dump", "pmem_restore", "pmem_tree"),
        *("pmem_backup", "pmem_journal"),
        *("pmem_crash", "pmem_watch", "pmem_panel", "pmem_delete"),
    },
    "cell": {"pmem_crash", "pmem_transaction", "pmem_tx"},
}


@pytest.fixture
def shell(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the magics, in a directory of its own; its pools are closed afterwards."""
    monkeypatch.chdir(scratch)
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "pmemobj_magics")
    yield shell
    # While a transaction is open no other pool can be closed.
    for pool in sorted(pmemobj.open_pools(), key=lambda pool: not pool.in_transaction):
        put_away(pool)
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell: InteractiveShell) -> Run:
    """``run(cell)`` gives the value of the cell; an error in it is raised, with what was shown as ``shown``."""

    def run_cell(*lines: str) -> Any:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            result = shell.run_cell("\n".join(lines), store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            error.shown = shown.getvalue()
            raise error
        return result.result

    return run_cell


@pytest.fixture
def game(run: Run) -> pmemobj.PersistentObjectPool:
    """An open pool in the variable ``pool``, with a name and a list of guesses."""
    run("%pmem_open game.pmem --create --size 16M")
    run("import pmemobj", "pool.root = pool.new(pmemobj.PersistentDict, name='David')")
    return run("pool.root['guesses'] = pool.new(pmemobj.PersistentList, [25, 40]); pool")


def short(error: pytest.ExceptionInfo[Any]) -> list[str]:
    """The lines of an error as they were shown, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", error.value.shown).rstrip().splitlines()


# ---- loading ---------------------------------------------------------------------------------------


def test_loading_twice_and_unloading(shell: InteractiveShell) -> None:
    def registered() -> dict[str, set[str]]:
        known = shell.magics_manager.magics
        return {kind: {name for name in known[kind] if name.startswith("pmem")} for kind in ("line", "cell")}

    assert registered() == MAGICS
    shell.run_line_magic("reload_ext", "pmemobj_magics")
    assert registered() == MAGICS
    assert [type(each).__name__ for each in shell.configurables].count("PmemMagics") == 1
    shell.run_line_magic("unload_ext", "pmemobj_magics")
    assert registered() == {"line": set(), "cell": set()}


def test_each_help_fits_a_screen_and_has_an_example(shell: InteractiveShell) -> None:
    for kind, names in MAGICS.items():
        for name in names:
            text = shell.magics_manager.magics[kind][name].__doc__
            assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 110, name
            assert "Example:\n" in text and f"{'%' * (1 + (kind == 'cell'))}pmem" in text, name


# ---- open, list, close -------------------------------------------------------------------------------


def test_open_creates_and_says_what_it_found(run: Run) -> None:
    report = run("%pmem_open game.pmem --create --size 16M")
    assert run("pool") is report.pool and report.pool.size == 16 << 20
    lines = repr(report).splitlines()
    assert lines[0] == "pool: game.pmem"
    assert [line.split()[0] for line in lines[1:]] == ["size", "memory", "state", "root"]
    assert re.search(r"size +16 MiB, 1[01]\.\d MiB free", lines[1])
    assert "created just now" in lines[3] and lines[4].split() == ["root", "None"]
    assert "<table" in report._repr_html_()


def test_open_again_gives_the_same_pool(run: Run, game: Any) -> None:
    for line in ("game.pmem", "game.pmem --create", "./game.pmem", "{pool.path}", "'game.pmem'"):
        report = run(f"%pmem_open {line} --as other")
        assert report.pool is game is run("other")
        assert "it was open already" in repr(report)


def test_open_finds_a_clean_pool_and_its_root(run: Run, game: Any) -> None:
    run("%pmem_close")
    text = repr(run("%pmem_open game.pmem"))
    assert "the last program closed it properly" in text and "PersistentDict, 2 keys; 2 objects in the pool" in text


def test_open_says_that_it_recovered(run: Run, run_python: Any, scratch: Path) -> None:
    path = scratch / "killed.pmem"
    run_python(
        f"import pmemobj, os; pool = pmemobj.create({str(path)!r}, 16 << 20); pool.root = 5; os.kill(os.getpid(), 9)",
        check=False,
    )
    assert "recovered: the last program did not close it" in repr(run("%pmem_open killed.pmem"))
    assert run("pool.root") == 5


def test_a_missing_file_names_create(run: Run) -> None:
    with pytest.raises(FileNotFoundError) as error:
        run("%pmem_open game.pmem")
    assert short(error) == [
        "PoolNotFoundError: cannot open pool game.pmem",
        "  there is no such file",
        "  add --create to create it",
    ]


def test_exclusive_wants_no_file(run: Run) -> None:
    run("%pmem_open game.pmem --exclusive --size 16M")
    with pytest.raises(FileExistsError) as error:
        run("%pmem_open game.pmem --exclusive")
    assert short(error)[-1] == "  leave out --exclusive to open it"


def test_a_removed_file_is_not_taken_for_the_open_pool(run: Run, game: Any) -> None:
    os.unlink("game.pmem")
    with pytest.raises(pmemobj.PoolNotFoundError, match="removed while the pool is open") as error:
        run("%pmem_open game.pmem --create")
    assert short(error)[-1] == "  close it first: %pmem_close pool"
    run("%pmem_close")
    assert "created just now" in repr(run("%pmem_open game.pmem --create --size 16M"))


def test_a_pool_that_another_program_has_open(run: Run, game: Any) -> None:
    run("%pmem_close")
    with keeping("game.pmem") as pid:
        for line in ("%pmem_open game.pmem", "%pmem_delete game.pmem"):
            with pytest.raises(pmemobj.PoolBusyError) as error:
                run(line)
            assert short(error)[1].startswith(f"  the pool is open already, in process {pid} (python")
            assert short(error)[2].startswith("  close it there first")
        with pytest.raises(pmemobj.PoolBusyError) as error:
            run("%pmem_open game.pmem")
        assert short(error)[2].endswith(", but with --sandbox its last commit can be looked at")
        opened = repr(run("%pmem_open game.pmem --sandbox --as looked"))
        assert (
            f"open in process {pid} (python" in opened
            and "; this is its state as of its last commit; in a sandbox" in opened
        )
        run("%pmem_close looked")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64M", 64 << 20),
        ("64MiB", 64 << 20),
        ("64 mb", 64 << 20),
        ("1.5G", 3 << 29),
        ("16777216", 1 << 24),
        ("8K", 8192),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "64X", "-1", "1e9", "64M!"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(MagicUsageError, match="write 64M"):
        parse_size(text)


def test_a_size_below_the_minimum(run: Run) -> None:
    with pytest.raises(pmemobj.BadPoolSizeError) as error:
        run("%pmem_open game.pmem --create --size 1M")
    assert len(short(error)) == 3
    assert not os.path.exists("game.pmem")


def test_paths_are_expanded(run: Run, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    monkeypatch.setenv("HOME", str(scratch))
    (scratch / "a b").mkdir()
    run("import pathlib", "here, name = pathlib.Path('a b'), 'x'")
    for line, path in (
        ("{here / 'one.pmem'}", "a b/one.pmem"),
        ("{here}/{name}.pmem", "a b/x.pmem"),
        ("'a b/two.pmem'", "a b/two.pmem"),
        ("~/three.pmem", str(scratch / "three.pmem")),
        ("$name", "x"),
        ("{{x}}.pmem", "{x}.pmem"),
    ):
        assert run(f"%pmem_open {line} --create --size 16M").pool.path == path
        run("%pmem_close")


def test_an_undefined_variable_in_a_path(run: Run) -> None:
    run("directory = 'x'")
    with pytest.raises(MagicUsageError, match="'directry' is not defined") as error:
        run("%pmem_open {directry}/game.pmem --create")
    assert short(error)[-1] == "  did you mean directory?"


def test_a_name_that_is_taken_or_impossible(run: Run, game: Any) -> None:
    run("x = 5")
    for name in ("x", "a-b", "class"):
        with pytest.raises(MagicUsageError, match=f"cannot bind the (pool|result) to {name}"):
            run(f"%pmem_open game.pmem --as {name}")
    assert run("x") == 5


def test_unknown_options_and_arguments(run: Run) -> None:
    with pytest.raises(MagicUsageError) as error:
        run("%pmem_open game.pmem --craete")
    assert short(error) == [
        "MagicUsageError: cannot understand %pmem_open game.pmem --craete",
        "  unknown option --craete",
        "  did you mean --create?",
    ]
    for line in ("%pmem_open", "%pmem_open 'x", "%pmem_open a b", "%pmem x", "%pmem_open a --size", "%pmem -o 1"):
        with pytest.raises(MagicUsageError) as error:
            run(line)
        assert len(short(error)) <= 3, line


def test_list(run: Run, game: Any) -> None:
    run("%pmem_open other.pmem --create --size 16M --as other", "also = other")
    pools = run("%pmem")
    assert pools.pools == pmemobj.open_pools()
    rows = [re.split(r"\s{2,}", line.strip()) for line in repr(pools).splitlines()]
    assert rows[0] == ["2 open pools"]
    assert rows[1] == ["name", "file", "used", "free", "memory", "transaction"]
    assert [row[:2] for row in rows[2:]] == [["pool", "game.pmem"], ["also, other", "other.pmem"]]
    assert {row[-1] for row in rows[2:]} == {"none"}
    run("%pmem_begin other", "del pool")
    assert [(row[0], row[-1]) for row in run("%pmem").rows] == [
        ("(none)", "none"),
        ("also, other", "open (%pmem_begin)"),
    ]


def test_list_of_nothing(run: Run) -> None:
    assert "no pool is open" in repr(run("%pmem"))
    assert run("%pmem").pools == []


def test_close_again_is_fine(run: Run, game: Any) -> None:
    assert repr(run("%pmem_close pool")) == "closed pool: game.pmem"
    for line in ("%pmem_close", "%pmem_close pool"):
        assert repr(run(line)) == "pool was closed already: game.pmem"
    with pytest.raises(pmemobj.PoolClosedError) as error:
        run("%pmem_begin")
    assert short(error)[-1] == "  open it again: %pmem_open game.pmem"


def test_all_pools_are_closed_at_once(run: Run, game: Any) -> None:
    other = run("%pmem_open other.pmem --create --size 16M --as other").pool
    with pytest.raises(MagicUsageError, match="--all closes every pool"):
        run("%pmem_close other --all")
    run("%pmem_begin other")
    with pytest.raises(pmemobj.TransactionError, match="a transaction is open on other"):
        run("%pmem_close --all")
    assert not game.closed and not other.closed
    run("%pmem_abort other")
    lines = repr(run("%pmem_close --all")).splitlines()
    assert lines[0] == "closed 2 pools" and [line.split() for line in lines[1:]] == [
        ["pool", "game.pmem"],
        ["other", "other.pmem"],
    ]
    assert game.closed and other.closed and repr(run("%pmem_close --all")) == "no pool was open"


def test_a_pool_without_a_name_is_found_by_its_file(run: Run, game: Any) -> None:
    run("del pool")
    assert repr(run("%pmem_close game.pmem")) == "closed game.pmem: game.pmem"


# ---- which pool ------------------------------------------------------------------------------------


def test_without_a_name_the_only_pool_or_the_variable_pool(run: Run) -> None:
    only = run("%pmem_open a.pmem --create --size 16M --as a").pool
    assert run("%pmem_begin").pool is only
    run("%pmem_abort")
    run("%pmem_open b.pmem --create --size 16M --as b;")
    with pytest.raises(NoSuchPoolError) as error:
        run("%pmem_begin")
    assert short(error)[1:] == ["  2 pools are open, and none is called pool", "  name one of them: a, b"]
    run("pool = b")
    assert run("%pmem_begin").pool is run("b")
    # To commit or abort, the one that is in a transaction is meant.
    run("del pool")
    assert run("%pmem_abort").pool is run("b")


def test_names_that_are_none(run: Run) -> None:
    with pytest.raises(NoSuchPoolError, match=r"open a pool: %pmem_open PATH --create"):
        run("%pmem_begin")
    run("%pmem_open a.pmem --create --size 16M --as library", "number = 5")
    with pytest.raises(NoSuchPoolError, match=r"did you mean library\?"):
        run("%pmem_begin libary")
    with pytest.raises(NoSuchPoolError, match=r"number is an int, not a pool \(the open pools are: library\)"):
        run("%pmem_begin number")


# ---- transactions in a cell -------------------------------------------------------------------------


@pytest.mark.parametrize("magic", ["%%pmem_tx", "%%pmem_transaction", "%%pmem_tx pool", "%%pmem_tx game.pmem"])
def test_a_cell_in_a_transaction(run: Run, game: Any, magic: str) -> None:
    assert run(magic, "assert pool.in_transaction", "x = 5", "pool.root['tries'] = x", "x + 1") == 6
    assert game.root["tries"] == 5 and not game.in_transaction
    assert run("x, _") == (5, 6)


def test_the_body_runs_once(run: Run, game: Any) -> None:
    run("ran = []")
    run("%%pmem_tx", "ran.append(1)")
    with pytest.raises(ZeroDivisionError):
        run("%%pmem_tx", "ran.append(2)", "1/0")
    assert run("ran") == [1, 2]


def test_an_error_rolls_back_and_shows_the_users_line_only(run: Run, game: Any) -> None:
    run("def fail():", "    raise KeyError('inner')")
    with pytest.raises(KeyError) as error:
        run("%%pmem_tx", "pool.root['name'] = 'Ada'", "fail()")
    assert game.root["name"] == "David" and not game.in_transaction
    shown = "\n".join(short(error))
    assert shown.count("KeyError: 'inner'") == 1
    assert "----> 3 fail()" in shown and "raise KeyError('inner')" in shown
    assert "pmemobj_magics" not in shown and "run_cell_magic" not in shown


def test_an_error_of_pmemobj_in_the_users_line_keeps_its_traceback(run: Run, game: Any) -> None:
    with pytest.raises(pmemobj.NotPersistableError) as error:
        run("%%pmem_tx", "pool.root['name'] = object()")
    assert "----> 2 pool.root['name'] = object()" in "\n".join(short(error))


def test_an_interrupt_rolls_back_and_goes_on(run: Run, game: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run("%%pmem_tx", "pool.root['name'] = 'Ada'", "raise KeyboardInterrupt")
    assert game.root["name"] == "David" and not game.in_transaction


def test_mistakes_in_the_text_of_a_cell(run: Run, game: Any) -> None:
    run("ran = []")
    with pytest.raises(Exception, match="line 3: invalid syntax") as error:
        run("%%pmem_tx", "ran.append(1)", "x = = 2")
    assert [line.strip() for line in short(error)][-3:] == ["x = = 2", "^", "SyntaxError: invalid syntax"]
    assert "pmemobj_magics" not in error.value.shown
    with pytest.raises(MagicUsageError) as error:
        run("%%pmem_tx", "ran.append(1)", "await something()")
    assert short(error)[-1] == "  put the await into a cell before this one"
    assert run("ran") == []


def test_a_semicolon_hides_the_value(run: Run, game: Any) -> None:
    assert run("%%pmem_tx -o kept", "5;  # and a comment") is None
    assert run("kept") == 5
    assert run("%%pmem_tx", "';'") == ";"


def test_magics_and_commands_within_a_cell(run: Run, game: Any) -> None:
    assert run("%%pmem_tx", "pool.root['x'] = 1", "graph = %pmem_graph", "files = !echo hello", "files[0]") == "hello"
    assert repr(run("graph")) == "PoolGraph(root=PersistentDict, 2 nodes, 1 edge; uncommitted: 1 changed)"


def test_a_short_error_stays_short_within_a_cell(run: Run, game: Any) -> None:
    with pytest.raises(pmemobj.TransactionError) as error:
        run("%%pmem_tx", "pool.root['x'] = 1", "%pmem_close")
    assert len(short(error)) == 3 and "x" not in game.root


def test_definitions_and_future_statements(run: Run, game: Any) -> None:
    run("%%pmem_tx", "from __future__ import annotations", "def f(x: undefined): return x", "")
    assert run("f(3)") == 3
    assert run("%%pmem_tx", "[f(i) for i in range(2)]") == [0, 1]


# ---- transactions over several cells ----------------------------------------------------------------


def test_begin_look_abort(run: Run, game: Any) -> None:
    assert run("%pmem_begin").state == "open"
    run("pool.root['name'] = 'Ada'")
    with pytest.raises(ZeroDivisionError):
        run("1/0")
    assert run("pool.root['name']") == "Ada" and "'Ada'" in str(run("%pmem_graph"))
    assert repr(run("%pmem_abort")) == "rolled back: pool is as it was at %pmem_begin"
    assert game.root["name"] == "David" and not game.in_transaction


def test_begin_commit(run: Run, game: Any) -> None:
    run("%pmem_begin")
    run("pool.root['name'] = 'Ada'")
    run("%%pmem_tx", "pool.root['guesses'].append(5)")
    assert run("%pmem_commit").state == "committed"
    assert game.root["name"] == "Ada" and list(game.root["guesses"]) == [25, 40, 5] and not game.in_transaction


def test_what_needs_another_state(run: Run, game: Any) -> None:
    for line in ("%pmem_commit", "%pmem_abort"):
        with pytest.raises(pmemobj.TransactionError) as error:
            run(line)
        assert short(error)[1:] == ["  no transaction is open", "  begin one with %pmem_begin"]
    run("%pmem_begin")
    for line in ("%pmem_begin", "%pmem_close", "%%pmem_crash\n1"):
        with pytest.raises(pmemobj.TransactionError, match=r"%pmem_commit.*%pmem_abort") as error:
            run(line)
        assert len(short(error)) == 3
    assert "transaction  open (%pmem_begin)" in repr(run("%pmem_open game.pmem"))
    run("%pmem_abort")


def test_a_transaction_begun_in_python(run: Run, game: Any) -> None:
    run("mine = pool.transaction().begin()")
    assert run("%pmem").rows[0][-1] == "open"
    for line in ("%pmem_commit", "%pmem_abort"):
        with pytest.raises(pmemobj.TransactionError, match="begun in Python"):
            run(line)
    run("mine.commit()")


def test_an_error_in_a_cell_rolls_back_what_was_begun_before(run: Run, game: Any) -> None:
    run("%pmem_begin")
    run("pool.root['name'] = 'Ada'")
    with pytest.raises(ZeroDivisionError):
        run("%%pmem_tx", "1/0")
    assert run("%pmem").rows[0][-1] == "rolled back; end it with %pmem_abort"
    # What follows must not be stored on its own, as if the transaction were still there.
    with pytest.raises(pmemobj.TransactionAborted):
        run("pool.root['name'] = 'Eve'")
    with pytest.raises(pmemobj.TransactionAborted, match="an error inside it has rolled it back"):
        run("%pmem_commit")
    assert game.root["name"] == "David" and not game.in_transaction
    run("%pmem_begin")
    with pytest.raises(ZeroDivisionError):
        run("%%pmem_tx", "1/0")
    assert run("%pmem_abort").state == "aborted" and not game.in_transaction


# ---- graphs -----------------------------------------------------------------------------------------


def test_graph_from_the_root_or_any_object(run: Run, game: Any) -> None:
    run("other = pool.root")
    for expression in ("", "pool", "pool.root", "other"):
        assert "=PersistentDict, 2 nodes, 1 edge)" in repr(run(f"%pmem_graph {expression}"))
    graph = run('%pmem_graph pool.root["guesses"] --max-items 1')
    assert repr(graph) == "PoolGraph(start=PersistentList, 1 node, 0 edges)"
    assert str(graph).splitlines()[0] == 'pool.root["guesses"]: PersistentList, 2 items'
    assert "+1 more" in str(graph)
    assert repr(run("%pmem_graph pool.root if True else None")) == repr(run("%pmem_graph other"))


def test_graph_finds_the_pool_of_an_object(run: Run, game: Any) -> None:
    run("%pmem_open b.pmem --create --size 16M --as b")
    run("b.root = b.new(pmemobj.PersistentList, [1])")
    assert str(run("%pmem_graph b.root")).endswith("b.pmem · 1 object")


def test_graph_options(run: Run, game: Any) -> None:
    assert "1 hidden" in repr(run("%pmem_graph --depth 0"))
    assert "1 hidden" in repr(run("%pmem_graph --max-nodes 1"))
    assert "0x" in run("%pmem_graph --offsets").dot
    run("name = 'picture'", "%pmem_graph --save {name}.dot", "%pmem_graph --save 'a b.html'")
    assert Path("picture.dot").read_text() == run("%pmem_graph").dot and Path("a b.html").exists()
    run("%config PmemMagics.max_nodes = 1")
    assert "1 hidden" in repr(run("%pmem_graph"))


@pytest.mark.parametrize("option", ["--depth -1", "--depth x", "--max-nodes 0", "--max-items 1.5", "--max-nodes"])
def test_graph_with_options_that_make_no_sense(run: Run, game: Any, option: str) -> None:
    with pytest.raises(MagicUsageError) as error:
        run(f"%pmem_graph {option}")
    assert len(short(error)) <= 3


def test_graph_of_what_cannot_be_drawn(run: Run, game: Any) -> None:
    for expression, words in (
        ("pool.root['gueses']", "KeyError: 'gueses' (did you mean guesses?)"),
        ("poool", "NameError: name 'poool' is not defined (did you mean pool?)"),
        ("pool.root[", "SyntaxError"),
        ("pool.root['name']", "it is a str, neither a pool nor a persistent object"),
    ):
        with pytest.raises(ExpressionError, match=re.escape(words)) as error:
            run(f"%pmem_graph {expression}")
        assert len(short(error)) <= 3
    run("gone = pool.root", "%pmem_close")
    with pytest.raises(ExpressionError, match="its pool is closed"):
        run("%pmem_graph gone")


def test_a_class_that_is_not_defined_yet(run: Run, run_python: Any, scratch: Path) -> None:
    """As in a kernel that was restarted: drawn at once, and picked up when its cell has run."""
    definition = "class Guesser(pmemobj.PersistentObject):\n    def __init__(self): self.tries = 1"
    run_python(
        f"import pmemobj\n{definition}\n"
        f"with pmemobj.create({str(scratch / 'c.pmem')!r}, 16 << 20) as pool: pool.root = pool.new(Guesser)"
    )
    run("%pmem_open c.pmem", "import pmemobj")
    assert "root: class Guesser (not defined yet), 1 attribute" in str(run("%pmem_graph"))
    run(definition)
    assert "root: Guesser, 1 attribute" in str(run("%pmem_graph"))
    assert run("pool.root.tries") == 1


# ---- crashes ----------------------------------------------------------------------------------------

CRASH = ("pool.root['name'] = 'Ada'", "pool.root['guesses'].append(45)", "x = 7")


def test_crash_before_the_commit(run: Run, game: Any) -> None:
    run("x, handle = 1, pool.root['guesses']")
    result = run("%%pmem_crash", *CRASH, "print('said')", "display('shown')", "x")
    assert repr(result).splitlines() == [
        "before          PoolGraph(root=PersistentDict, 2 nodes, 1 edge)",
        "at the crash    PoolGraph(root=PersistentDict, 2 nodes, 1 edge) with 2 changed",
        "after recovery  PoolGraph(root=PersistentDict, 2 nodes, 1 edge)",
        f"killed just before the commit, after {result.steps} changes: {Verdict.ROLLED_BACK.value}",
        "note: %%pmem_crash wrapped this cell in a transaction. Use --power to test it exactly as written",
        "printed: said",
        "printed: 'shown'",
        "printed: 7",
    ]
    assert result.verdict is Verdict.ROLLED_BACK and result.ok
    before, crashed, after = (str(graph) for _, graph in result.frames)
    assert "'David'" in before and "'Ada'" in crashed and "2: 45" in crashed and after == before
    # The session goes on: its variables, and its handles.
    assert run("x, list(handle), pool.root['name']") == (1, [25, 40], "David")
    run("handle.append(3)")
    assert list(game.root["guesses"]) == [25, 40, 3]


def test_crash_at_each_change(run: Run, game: Any) -> None:
    steps = run("%%pmem_crash", *CRASH).steps
    assert steps > 1
    for at in range(1, steps + 1):
        result = run(f"%%pmem_crash pool --at {at}", *CRASH)
        assert result.steps == at and result.verdict is Verdict.ROLLED_BACK
        assert f"killed after change {at}:" in repr(result)
    result = run(f"%%pmem_crash --at {steps + 1} -o kept", *CRASH)
    assert f"because the cell makes only {steps} changes" in repr(result) and run("kept") is result


def test_crash_shows_three_pictures(run: Run, game: Any, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    result = run("%%pmem_crash", *CRASH, "print('<b>')")
    page = result._repr_mimebundle_()["text/html"]
    assert re.findall(r"<figcaption><strong>(.*?)</strong>", page) == ["before", "at the crash", "after recovery"]
    assert "<pre>&lt;b&gt;\n</pre>" in page
    if shutil.which("dot"):
        assert page.count('src="data:image/svg+xml;base64,') == 3
        assert "changed" in result.frames[1][1].svg
    monkeypatch.setenv("PATH", str(scratch))
    assert run("%%pmem_crash", *CRASH)._repr_html_().count("<pre>root: PersistentDict") == 3


def test_a_cell_that_raises_is_not_killed(run: Run, game: Any) -> None:
    result = run("%%pmem_crash", "print('said')", "pool.root['name'] = 'Ada'", "1/0")
    assert (
        result.verdict is Verdict.RAISED and result.error == "ZeroDivisionError: division by zero (line 4 of the cell)"
    )
    assert repr(result).splitlines()[3:] == [
        f"the cell was not killed, because it raised {result.error}; its transaction was rolled back",
        "note: %%pmem_crash wrapped this cell in a transaction. Use --power to test it exactly as written",
        "printed: said",
    ]
    assert game.root["name"] == "David"


def test_a_cell_that_wants_input_or_does_not_end(run: Run, game: Any) -> None:
    assert "input() is not possible" in run("%%pmem_crash", "input('? ')").error
    run("%config PmemMagics.crash_seconds = 2")
    result = run("%%pmem_crash", "pool.root['name'] = 'Ada'", "while True: pass")
    assert result.verdict is Verdict.TIMED_OUT and "killed when its time was up, after 1 change:" in repr(result)
    assert game.root["name"] == "David"


@pytest.mark.parametrize("at", ["0", "-1", "x", "1.5"])
def test_crash_at_what_is_no_change(run: Run, game: Any, at: str) -> None:
    with pytest.raises(MagicUsageError) as error:
        run(f"%%pmem_crash --at {at}", *CRASH)
    assert len(short(error)) == 3


def test_a_large_pool_is_clipped_and_not_marked_as_changed(run: Run, game: Any) -> None:
    run("pool.root['guesses'].extend(range(1000))")
    result = run("%%pmem_crash", "pool.root['name'] = 'Ada'")
    assert "1 changed" in repr(result) and "+982 more" in str(result.frames[1][1])


# ---- what all share ----------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["%pmem", "%pmem_open game.pmem", "%pmem_graph", "%pmem_begin", "%pmem_close"])
def test_output_is_bound_and_a_semicolon_hides_it(run: Run, game: Any, line: str) -> None:
    result = run(f"{line} -o kept")
    assert result is run("kept") and {"text/plain"} < set(result._repr_mimebundle_())
    if game.in_transaction:
        run("%pmem_abort")
    assert run(f"{line} ;") is None


@pytest.mark.parametrize(
    "cell, place",
    [
        (["pool.root"], ""),
        (["#", "pool.root"], " in line 2"),
        (["use(pool)"], r" in line 2 of In\[\d+\]"),
        (["use(pool)", ""], r" in line 2 of In\[\d+\]"),
    ],
)
def test_errors_of_ones_own_lines_are_short_too(run: Run, game: Any, cell: list[str], place: str) -> None:
    run("def use(pool):", "    return pool.root")
    run("other = pmemobj.create('other.pmem', pool_size=1 << 24)")
    run("pool.close()")
    with pytest.raises(pmemobj.PoolClosedError) as error:
        run(*cell)
    what, why, todo = short(error)
    assert re.fullmatch(rf"PoolClosedError{place}: cannot use pool game.pmem", what), what
    assert (why, todo) == ("  it was closed", "  open it again with pmemobj.open()")
    assert run("other.root") is None


def test_without_the_extension_errors_are_python_s_again(run: Run, game: Any) -> None:
    run("pool.close()")
    run("%unload_ext pmemobj_magics")
    with pytest.raises(pmemobj.PoolClosedError) as error:
        run("pool.root")
    assert "Traceback (most recent call last)" in error.value.shown


def test_tracebacks_can_be_had_back(run: Run) -> None:
    run("%config PmemMagics.short_errors = False")
    with pytest.raises(pmemobj.PoolNotFoundError) as error:
        run("%pmem_open missing.pmem")
    assert "Traceback (most recent call last)" in error.value.shown and len(short(error)) > 10


def test_no_variable_is_expanded_in_code(run: Run, game: Any) -> None:
    run("name = 'x'")
    assert run("%%pmem_tx", "'{name} $name'") == "{name} $name"
    assert repr(run("%pmem_graph {0: pool.root}[0]")) == "PoolGraph(start=PersistentDict, 2 nodes, 1 edge)"


# ---- what a newcomer met ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["16M", "auto"])
def test_the_file_decides_which_pool_is_open_already(run: Run, scratch: Path, size: str) -> None:
    (scratch / "sub").mkdir()
    run(f"%pmem_open t.pmem --create --size {size}", "pool.root = 'above'", "above = pool")
    run("%cd -q sub")
    with pytest.raises(pmemobj.PoolNotFoundError):
        run("%pmem_open t.pmem")
    assert run("%pmem_open ../t.pmem --as again").pool is run("above")
    below = run(f"%pmem_open t.pmem --create --size {size}").pool
    assert below is not run("above") and below.root is None
    assert run("%pmem_open t.pmem --as again").pool is below


def test_a_sandbox_is_opened_and_called_one(run: Run, game: Any) -> None:
    with pytest.raises(pmemobj.PoolBusyError, match="open already outside a sandbox"):
        run("%pmem_open game.pmem --sandbox")
    run("%pmem_close")
    report = run("%pmem_open game.pmem --sandbox")
    assert report.pool.sandbox and "in a sandbox: all changes are lost at close" in repr(report)
    assert run("%pmem").rows[0][4].endswith(", sandbox")
    run("pool.root['name'] = 'Ada'")
    with pytest.raises(pmemobj.PoolBusyError, match="open already in a sandbox"):
        run("%pmem_open game.pmem")
    assert run("%pmem_open game.pmem --sandbox").pool is report.pool
    run("%pmem_close", "%pmem_open game.pmem")
    assert run("pool.root['name']") == "David"
    for line in ("%pmem_open new.pmem --create --sandbox", "%pmem_open new.pmem --exclusive --sandbox"):
        with pytest.raises(MagicUsageError, match="create it first, without --sandbox"):
            run(line)
    with pytest.raises(pmemobj.PoolNotFoundError) as error:
        run("%pmem_open new.pmem --sandbox")
    assert "--create" not in str(error.value)


def test_a_growing_pool_is_created(run: Run, scratch: Path) -> None:
    report = run("%pmem_open large.pmem --create --size auto --max-size 1G")
    assert (scratch / "large.pmem").is_dir() and report.pool.max_size == 1 << 30
    assert re.search(r"size +8 MiB now, [\d.]+ MiB free; grows up to 1 GiB\n", repr(report))
    assert "grows up to 64 GiB" in repr(run("%pmem_open more.pmem --create --size AUTO --as more"))
    for options, advice in (
        ("--max-size 1G", "give --size auto too, or leave --max-size out"),
        ("--size auto --max-size 1", "choose 8 MiB or more"),
        ("--size auto --max-size 100G", "choose a smaller --max-size"),
    ):
        with pytest.raises(pmemobj.BadPoolSizeError) as error:
            run(f"%pmem_open new.pmem --create {options}")
        assert short(error)[-1] == f"  {advice}"


def test_sizes_that_change_nothing_or_are_too_large(run: Run, game: Any) -> None:
    for line in ("%pmem_open game.pmem --size 32M", "%pmem_open game.pmem --create --size 32M"):
        assert "free (--size ignored: the pool exists already)" in repr(run(line))
    assert "ignored" not in repr(run("%pmem_open game.pmem"))
    with pytest.raises(pmemobj.DiskFullError) as error:
        run("%pmem_open huge.pmem --create --size 100T")
    assert f"the pool needs {100 << 40:,} bytes" in short(error)[1] and "choose a smaller size" in short(error)[2]
    with pytest.raises(pmemobj.BadPoolSizeError, match="1 byte is below"):
        run("%pmem_open tiny.pmem --create --size 1")


@pytest.mark.parametrize("magic", ["%pmem_begin", "%pmem_close", "%%pmem_crash\n1"])
@pytest.mark.parametrize("begun", [False, True])
def test_in_the_cell_of_a_transaction_the_advice_works(run: Run, game: Any, magic: str, begun: bool) -> None:
    if begun:
        run("%pmem_begin")
    with pytest.raises(pmemobj.TransactionError) as error:
        run("%%pmem_tx", "get_ipython().run_cell_magic('pmem_crash', '', '1')" if "crash" in magic else magic)
    assert "the transaction ends with this cell" in short(error)[-1]
    if begun:
        run("%pmem_abort")
    assert not game.in_transaction


def test_the_transaction_of_a_cell_is_not_ended_inside_it(run: Run, game: Any) -> None:
    for line, advice in (("%pmem_commit", "raise an error"), ("%pmem_abort", "raise an error")):
        with pytest.raises(pmemobj.TransactionError, match=f"this cell runs in one.*{advice}"):
            run("%%pmem_tx", line)
    run("%pmem_begin")
    with pytest.raises(pmemobj.TransactionError, match="put %pmem_commit into the next cell"):
        run("%%pmem_tx", "pool.root['name'] = 'Ada'", "%pmem_commit")
    run("%pmem_abort")
    assert game.root["name"] == "David"
    run("mine = pool.transaction().begin()")
    with pytest.raises(pmemobj.TransactionError, match="the transaction was begun in Python"):
        run("%pmem_close")
    run("mine.commit()")


def test_complaints_name_the_magic_that_was_called(run: Run, game: Any) -> None:
    for magic in ("%%pmem_tx", "%%pmem_transaction", "%%pmem_crash", "%pmem_begin"):
        with pytest.raises(MagicUsageError) as error:
            run(f"{magic} --foo", *(["1"] if magic.startswith("%%") else []))
        assert short(error)[0].endswith(f": cannot understand {magic} --foo"), short(error)


@pytest.mark.parametrize(
    "line, words",
    [
        ("import os; os._exit(3)", "exited with code 3, after 1 change: the code ended its process"),
        ("import sys; sys.exit()", "exited with code 0, after 1 change: the code ended its process"),
        ("import os; os.kill(os.getpid(), 15)", "died of SIGTERM, after 1 change: a signal ended the process"),
    ],
)
def test_other_ends_of_a_crashing_cell_are_told(run: Run, game: Any, line: str, words: str) -> None:
    result = run("%%pmem_crash", "pool.root['name'] = 'Ada'", line)
    assert words in result.summary and result.error == ""
    assert run("pool.root['name']") == "David"


def test_an_interrupt_of_a_crash_is_short_and_leaves_the_pool_open(run: Run, game: Any) -> None:
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt) as error:
        run("%%pmem_crash", "pool.root['name'] = 'Ada'", "while True: pass")
    assert short(error) == ["KeyboardInterrupt: the cell was stopped and its changes were undone; pool is open"]
    run("pool.root['name'] += '!'")
    assert game.root["name"] == "David!"


def test_a_pool_whose_file_was_moved_is_not_lost_to_a_crash(run: Run, game: Any) -> None:
    os.rename("game.pmem", "moved.pmem")
    with pytest.raises(pmemobj.PoolNotFoundError, match="moved or removed"):
        run("%%pmem_crash", "pool.root['name'] = 'Ada'")
    assert run("pool.root['name']") == "David" and run("%pmem_open moved.pmem").pool is game
    os.rename("moved.pmem", "game.pmem")


def test_a_value_that_cannot_be_displayed_says_so_in_three_lines(run: Run, game: Any, shell: InteractiveShell) -> None:
    run("kept = pool.root", "pool.close()")

    def shown(*lines: str) -> list[str]:
        with contextlib.redirect_stdout(io.StringIO()) as text:
            shell.run_cell("\n".join(lines))
        return [line for line in re.sub(r"Out\[\d+\]: ", "", text.getvalue()).splitlines() if line]

    three = ["PoolClosedError: cannot use pool game.pmem", "  it was closed", "  open it again with pmemobj.open()"]
    for line in ("kept", "[kept]", "display(kept)"):
        assert [re.sub(r"\x1b\[[0-9;]*m", "", each) for each in shown(line)] == three, line
    run("%unload_ext pmemobj_magics")
    assert len(shown("kept")) > 3


# ---- durability ------------------------------------------------------------------------------------


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests lie on tmpfs, where they are quick; here it is taken for a disk."""
    for module in (pmemobj.pool, session):
        monkeypatch.setattr(module, "medium_of", lambda _: Medium.DISK)


def memory_row(report: Any) -> str:
    return dict(report.rows)["memory"]


def test_the_row_about_memory_of_a_sandbox_promises_nothing(run: Run, game: Any) -> None:
    run("%pmem_close")
    text = memory_row(run("%pmem_open game.pmem --sandbox"))
    assert run("pool.durability") == "none"
    assert text == f"{run('pool.medium').short}: the file is only read, and no commit reaches it (none)"


@pytest.mark.usefixtures("on_disk")
def test_a_pool_is_opened_in_each_mode_and_the_row_about_memory_tells(run: Run) -> None:
    text = memory_row(run("%pmem_open game.pmem --create --size 16M --durability relaxed"))
    assert text.startswith("disk: ") and "no commit waits" in text and text.endswith("(relaxed)")
    assert run("pool.durability") == "relaxed" and os.path.exists("game.pmem-journal")
    assert run("%pmem").rows[0][4] == "disk, relaxed"
    # The same line can be run again; without the option, and with the same one.
    for line in ("", "--durability relaxed"):
        assert memory_row(run(f"%pmem_open game.pmem {line}")) == text
    run("%pmem_close")
    text = memory_row(run("%pmem_open game.pmem --durability full"))
    assert "every commit waits" in text and text.endswith("(full)")
    assert run("pool.durability") == "full" and run("%pmem").rows[0][4] == "disk, full"
    run("%pmem_close")
    assert memory_row(run("%pmem_open game.pmem")) == text
    run("%pmem_close")
    # In place, the text of the kind of memory says it already.
    assert memory_row(run("%pmem_open game.pmem --durability in-place")) == Medium.DISK.value
    assert run("pool.durability") == "in-place" and run("%pmem").rows[0][4] == "disk"
    run("%pmem_close")
    assert run("%pmem_open new.pmem --exclusive --size 16M --durability full").pool.durability == "full"
    assert run("%pmem_open grows --create --size auto --durability relaxed --as g").pool.durability == "relaxed"


@pytest.mark.parametrize(
    "line, expected",
    [
        ("--durability relaxd", ["unknown choice relaxd", "did you mean relaxed?"]),
        ("--durability none", ["unknown choice none", "choose one of full, relaxed, in-place"]),
        ("--sandbox --durability full", ["a sandbox keeps nothing", "leave out --durability, or --sandbox"]),
        ("--durability full", ["'full' promises something", "leave out --durability, or put the pool on a disk"]),
    ],
)
def test_durability_that_a_pool_cannot_have(run: Run, game: Any, line: str, expected: list[str]) -> None:
    run("%pmem_close")
    with pytest.raises(pmemobj.PmemError) as error:
        run(f"%pmem_open game.pmem {line}")
    lines = short(error)
    assert len(lines) == 3 and "durability" in "".join(lines) and game.closed
    assert lines[1].strip().startswith(expected[0]) and lines[2].strip() == expected[1]


@pytest.mark.usefixtures("on_disk")
def test_durability_of_a_pool_that_is_open_in_another(run: Run, game: Any) -> None:
    with pytest.raises(pmemobj.PoolBusyError) as error:
        run("%pmem_open game.pmem --durability in-place")
    assert short(error) == [
        "PoolBusyError: cannot open pool game.pmem with --durability in-place",
        "  it is open already, and its durability is full",
        "  leave out --durability, or close it first: %pmem_close pool",
    ]
    assert run("%pmem_open game.pmem --durability full").pool is game and not game.closed


@pytest.mark.usefixtures("on_disk")
def test_advice_about_the_journal_names_the_option(run: Run, game: Any) -> None:
    run("%pmem_close")
    os.mkdir("game.pmem-journal")
    with pytest.raises(pmemobj.PoolExistsError) as error:
        run("%pmem_open game.pmem --durability full")
    assert short(error)[-1] == "  move that away, or open the pool with --durability in-place"


def test_the_choices_of_durability_are_those_of_a_pool() -> None:
    assert CHOICES["durability"] == modes.CHOICES


# ---- backups ---------------------------------------------------------------------------------------


def test_backup(run: Run, game: Any) -> None:
    report = run("%pmem_backup {pool.path}.backup -o made")
    assert repr(report) == "backed up pool: 16 MiB in game.pmem.backup" and run("made").path == "game.pmem.backup"
    run("pool.root['name'] = 'changed'")
    with pytest.raises(pmemobj.PoolExistsError) as error:
        run("%pmem_backup game.pmem.backup pool")
    assert short(error)[1:] == ["  there is a file of that name", "  choose another name, or remove that file first"]
    run("%pmem_begin")
    with pytest.raises(pmemobj.TransactionError) as error:
        run("%pmem_backup other")
    assert short(error)[-1] == "  end the transaction first: %pmem_commit or %pmem_abort" and not os.path.exists(
        "other"
    )
    run("%pmem_abort")
    run("%pmem_close")
    text = repr(run("%pmem_open game.pmem.backup"))
    assert "the last program closed it properly" in text and run("pool.root['name']") == "David"


def test_an_interrupted_backup_says_what_it_leaves(
    run: Run, game: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FileOperations, "allocate", interrupt)
    with pytest.raises(KeyboardInterrupt) as error:
        run("%pmem_backup copy.pmem")
    assert "backing up pool was interrupted; there is no copy at copy.pmem" in error.value.shown
    assert os.listdir() == ["game.pmem"]
