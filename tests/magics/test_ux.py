"""What people should get in Jupyter, point by point: errors, completion, help, `-o`, running a cell again, long work.

The points are numbered as in the list that they were agreed on by; each has a test here, and most have more of them
in the tests of what they are about.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from test_magics import Run, game, run, shell, short  # noqa: F401 - fixtures

import pmemobj
from pmemobj import PmemError
from pmemobj_magics.shell import progress

pytestmark = pytest.mark.once


def our_magics(shell: InteractiveShell) -> dict[str, Any]:  # noqa: F811
    """Every magic of ours, by its name with its sign."""
    known = shell.magics_manager.magics
    return {
        sign + name: method
        for sign, kind in (("%", "line"), ("%%", "cell"))
        for name, method in known[kind].items()
        if name.startswith("pmem")
    }


# ---- 1: expected errors are three lines --------------------------------------------------------------

_HOLD = """
import pmemobj, sys
pool = pmemobj.create(sys.argv[1], 16 << 20)
print("ready", flush=True)
sys.stdin.read()
"""


def test_1_an_expected_error_is_three_lines_and_stops_the_run(
    run: Run,  # noqa: F811
    game: Any,  # noqa: F811
    spawn: Callable[..., subprocess.Popen[str]],
    scratch: Path,
) -> None:
    other = spawn(_HOLD, scratch / "busy.pmem")
    assert other.stdout is not None and other.stdout.readline() == "ready\n"
    run("%pmem_open closed.pmem --create --size 16M --as closed", "%pmem_close closed")
    run("%pmem_open full.pmem --create --size 8M --as full")
    run("full.root = full.new(pmemobj.PersistentList)")
    for cell in (
        "%pmem_open game.pmem --craete",
        "%pmem_open missing.pmem",
        "%pmem_open busy.pmem --as busy",
        "%pmem_begin closed",
        "closed.root",
        "full.root.append('x' * (9 << 20))",
        "%pmem_log nowhere",
        "%pmem_dump dump.jsonl nowhere",
        "%pmem_restore game.pmem copy.pmem",
        "%pmem_restore missing.jsonl copy.pmem",
    ):
        with pytest.raises(PmemError) as error:
            run(cell, "ran_on = True")
        lines = short(error)
        assert 2 <= len(lines) <= 3 and lines[0].startswith(type(error.value).__name__), cell
        assert ": cannot " in lines[0] and all(line.startswith("  ") for line in lines[1:]), cell
    assert run("'ran_on' in dir()") is False
    run("%config PmemMagics.short_errors = False")
    with pytest.raises(PmemError) as error:
        run("%pmem_open missing.pmem")
    assert "Traceback (most recent call last)" in "\n".join(short(error))


# ---- 2: did you mean -----------------------------------------------------------------------------------


def test_2_what_is_misspelt_is_recognised(run: Run, game: Any) -> None:  # noqa: F811
    for cell, hint in (
        ("%pmem_close poool", "did you mean pool?"),
        ("%pmem_log --lsat 3", "did you mean --last?"),
        ("%%pmem_crash --power --model lnes\npass", "did you mean lines?"),
        ("%pmem_graph pool.root['guesse']", "did you mean guesses?"),
        ("%pmem_graph pol.root", "did you mean pool?"),
        ("%pmem_open missing.pmem", "add --create to create it"),
    ):
        with pytest.raises(PmemError) as error:
            run(cell)
        assert short(error)[-1].strip() == hint, cell


# ---- 3: completion ---------------------------------------------------------------------------------


@pytest.fixture
def complete(shell: InteractiveShell) -> Callable[[str], list[str]]:  # noqa: F811
    """What a text becomes, for each of its completions."""

    def completed(text: str) -> list[str]:
        with provisionalcompleter():
            found = list(shell.Completer.completions(text, len(text)))
        return [text[: each.start] + each.text + text[each.end :] for each in found]

    return completed


def test_3_options_choices_pools_and_paths_are_completed(
    run: Run,  # noqa: F811
    game: Any,  # noqa: F811
    complete: Callable[[str], list[str]],
    scratch: Path,
) -> None:
    run("%pmem_open other.pmem --create --size 16M --as other", "guesses = pool.root['guesses']")
    (scratch / "a dir").mkdir()
    (scratch / "a dir" / "old.pmem").touch()
    (scratch / "gate.txt").touch()
    for text, wanted in (
        # Options, without those that are there.
        ("%pmem_open game.pmem --c", ["%pmem_open game.pmem --create"]),
        ("%pmem_log --st", ["%pmem_log --start", "%pmem_log --stop"]),
        ("%pmem_log --start --st", ["%pmem_log --start --stop"]),
        ("%%pmem_crash --po", ["%%pmem_crash --power"]),
        ("%%pmem_crash --ro", ["%%pmem_crash --rolled-back"]),
        ("%pmem_crash o", ["%pmem_crash other"]),
        ("log = %pmem_log --la", ["log = %pmem_log --last"]),
        ("pmem_log --la", ["pmem_log --last"]),
        # Choices.
        ("%%pmem_crash --model pr", ["%%pmem_crash --model prefix"]),
        ("%%pmem_crash --model=pr", ["%%pmem_crash --model=prefix"]),
        ("%pmem_open x --durability re", ["%pmem_open x --durability relaxed"]),
        ("%pmem_open x --create --size 2", ["%pmem_open x --create --size 256M"]),
        # Open pools.
        ("%pmem_close ", ["%pmem_close other", "%pmem_close pool"]),
        ("%%pmem_tx o", ["%%pmem_tx other"]),
        ("%%pmem_tx\n%pmem_close o", ["%%pmem_tx\n%pmem_close other"]),
        ("%pmem_dump x.jsonl o", ["%pmem_dump x.jsonl other"]),
        ("%pmem_graph po", ["%pmem_graph pool", "%pmem_graph pool.root"]),
        ("%pmem_graph gu", ["%pmem_graph guesses"]),
        # Paths.
        ("%pmem_open ga", ["%pmem_open game.pmem", "%pmem_open gate.txt"]),
        ("%pmem_open a", ["%pmem_open 'a dir/'"]),
        ("%pmem_open 'a dir/'o", ["%pmem_open 'a dir/old.pmem'"]),
        ("%pmem_open 'a dir/o", ["%pmem_open 'a dir/old.pmem'"]),
        ("%pmem_log --save gat", ["%pmem_log --save gate.txt"]),
    ):
        assert complete(text) == wanted, text


def test_3_on_other_lines_nothing_changes(
    run: Run,  # noqa: F811
    game: Any,  # noqa: F811
    shell: InteractiveShell,  # noqa: F811
    complete: Callable[[str], list[str]],
) -> None:
    ours = ("%%pmem_tx\npool.roo", "pool.tra", "%timeit poo", "%pmem_beg", "pmem_lo", "%%pmem_tx\n%%pmem_crash --po")
    run("pmem = 5")
    with_it = [complete(text) for text in (*ours, "pmem --")]
    assert with_it[:2] == [["%%pmem_tx\npool.root"], ["pool.transaction", "pool.transaction_depth"]]
    shell.run_line_magic("unload_ext", "pmemobj_magics")
    assert "%pmem_log --last" not in complete("%pmem_log --la")
    without = [complete(text) for text in (*ours, "pmem --")]
    shell.run_line_magic("load_ext", "pmemobj_magics")
    # Names of magics are IPython's own to complete, and are gone without them.
    assert [found for found in with_it if not any("pmem_beg" in each or "pmem_lo" in each for each in found)] == [
        found for number, found in enumerate(without) if number not in (3, 4)
    ]


# ---- 4: the list of pools, and help -----------------------------------------------------------------


def test_4_the_list_of_pools_as_text_and_html(run: Run, game: Any) -> None:  # noqa: F811
    run("%pmem_open trial.pmem --create --size 16M --as trial", "%pmem_close trial")
    run("%pmem_open trial.pmem --sandbox --as trial", "%pmem_begin trial")
    pools = run("%pmem")
    bundle = pools._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    rows = [re.split(r"\s{2,}", line.strip()) for line in bundle["text/plain"].splitlines()]
    assert rows[1] == ["name", "file", "used", "free", "memory", "transaction"]
    assert rows[2][:2] == ["pool", "game.pmem"] and rows[2][-1] == "none"
    assert rows[3][:2] == ["trial", "trial.pmem"] and rows[3][-1] == "open (%pmem_begin)"
    assert rows[3][-2].endswith(", sandbox")
    for word in (cell for row in rows[1:] for cell in row):
        assert f">{word}<" in bundle["text/html"]
    assert all(re.fullmatch(r"\d+(\.\d)? (bytes|[KM]iB)", row[column]) for row in rows[2:] for column in (2, 3))


def test_4_each_help_fits_a_screen_and_has_an_example(shell: InteractiveShell) -> None:  # noqa: F811
    for name, method in our_magics(shell).items():
        lines = shell.object_inspect_text(name).splitlines()
        # The last line has the path of the file, which cannot be shortened.
        assert len(lines) <= 24 and max(map(len, lines[:-1])) <= 80, (name, len(lines), max(map(len, lines[:-1])))
        text = "\n".join(lines)
        assert "Example:\n" in text and "::" not in text and f"    {name}" in text, name
        for action in method.parser._actions:
            assert all(sign in text for sign in action.option_strings), (name, action.option_strings)


def test_4_options_of_all_magics_are_traits(run: Run, shell: InteractiveShell) -> None:  # noqa: F811
    run("%config PmemMagics.max_nodes = 7")
    (magics,) = [each for each in shell.configurables if type(each).__name__ == "PmemMagics"]
    assert magics.max_nodes == 7
    assert {"short_errors", "max_nodes", "max_items", "progress", "log"} <= set(magics.trait_names(config=True))


# ---- 5: a cell in a transaction -----------------------------------------------------------------------


def test_5_a_cell_runs_once_and_wholly_or_not_at_all(run: Run, game: Any) -> None:  # noqa: F811
    run("ran = []")
    assert run("%%pmem_tx", "ran.append(1)", "pool.root['tries'] = 1", "pool.root['tries'] + 1") == 2
    for line in ("1/0", "import signal; signal.raise_signal(signal.SIGINT)"):
        with contextlib.suppress(ZeroDivisionError, KeyboardInterrupt):
            run("%%pmem_tx", "ran.append(2)", "pool.root['tries'] = 2", line)
            pytest.fail("the error did not go on")
        assert game.root["tries"] == 1 and not game.in_transaction
    assert run("ran") == [1, 2, 2]
    with pytest.raises(ZeroDivisionError) as error:
        run("%%pmem_tx", "pool.root['tries'] = 2", "1/0")
    shown = "\n".join(short(error))
    assert shown.count("ZeroDivisionError") == 2 and "----> 3 1/0" in shown and "pmemobj_magics" not in shown


# ---- 6: -o everywhere ------------------------------------------------------------------------------


def test_6_every_magic_returns_its_object_and_binds_it(run: Run, game: Any, shell: InteractiveShell) -> None:  # noqa: F811
    lines = {
        "%pmem": "",
        "%pmem_open": "game.pmem",
        "%pmem_begin": "",
        "%pmem_commit": "",
        "%pmem_abort": "",
        "%pmem_log": "",
        "%pmem_graph": "",
        "%pmem_dump": "x.jsonl",
        "%pmem_restore": "x.jsonl copy.pmem",
        "%%pmem_tx": "",
        "%%pmem_transaction": "",
        "%%pmem_crash": "",
        "%pmem_crash": "",
        "%pmem_close": "",
    }
    for name, method in our_magics(shell).items():
        assert any("-o" in action.option_strings for action in method.parser._actions), name
    for name, line in lines.items():
        if name == "%pmem_abort":
            run("%pmem_begin")
        body = ("6 * 7",) if name.startswith("%%") else ()
        result = run(f"{name} {line} -o bound", *body)
        assert result is not None and run("bound") is result, name
        assert body == () or name == "%%pmem_crash" or result == 42
        if not body:
            assert "text/plain" in result._repr_mimebundle_(), name
        run("del bound")


# ---- 7: braces ----------------------------------------------------------------------------------------


def test_7_code_is_taken_as_it_stands_and_paths_are_expanded(
    run: Run,  # noqa: F811
    game: Any,  # noqa: F811
    shell: InteractiveShell,  # noqa: F811
) -> None:
    for name, method in our_magics(shell).items():
        assert getattr(method, "_ipython_magic_no_var_expand", False), name
    run("name = 'x'", "%pmem_log --save {name}.svg")
    assert os.path.exists("x.svg")
    assert run("%%pmem_tx", "text = '{name} $name'", "text") == "{name} $name"
    for line in ("%pmem_open {nme}.pmem", "%pmem_log --save {nme}.svg", "%pmem_dump {nme}.jsonl"):
        with pytest.raises(PmemError) as error:
            run(line)
        assert short(error)[-1] == "  did you mean name?", line


# ---- 11: crashes ----------------------------------------------------------------------------------


def test_11_a_crash_of_each_kind_has_steps_a_verdict_and_frames(run: Run, game: Any) -> None:  # noqa: F811
    pytest.importorskip("pmemobj.crash._native")
    process = os.getpid()
    for line in ("--at 1", "--sweep", "--kill", "--power --budget 3"):
        result = run(f"%%pmem_crash {line}", "with pool.transaction():", "    pool.root['name'] = 'Ada'")
        assert result.steps and result.verdict and len(result.frames) >= 2, line
        assert game.root["name"] == "David" and not game.in_transaction
    assert run("import os; os.getpid()") == process


# ---- 16: running cells again -------------------------------------------------------------------------

_MAKE = """
import pmemobj, sys
class Seeker(pmemobj.PersistentObject):
    pass
with pmemobj.create(sys.argv[1], 16 << 20) as pool:
    pool.root = pool.new(Seeker)
    pool.root.tries = 3
"""


def test_16_a_pool_that_is_open_is_the_same_one(run: Run, game: Any) -> None:  # noqa: F811
    assert run("%pmem_open game.pmem --create --size 16M").pool is game is run("pool")


def test_16_a_restarted_kernel_opens_a_pool_before_its_classes(run: Run, run_python: Any, scratch: Path) -> None:  # noqa: F811
    run_python(_MAKE, scratch / "guesser.pmem")
    assert "class Seeker (not defined yet)" in repr(run("%pmem_open guesser.pmem"))
    assert "class Seeker (not defined yet)" in run("%pmem_graph").tree
    stand_in = run("pool.root")
    assert "Seeker" in repr(stand_in)
    with pytest.raises(PmemError) as error:
        run("pool.root.tries = 4")
    assert len(short(error)) <= 3
    define = ("import pmemobj", "class Seeker(pmemobj.PersistentObject):", "    def more(self): self.tries += {}")
    run("\n".join(define).format(1))
    run("pool.root.more()")
    assert run("pool.root.tries") == 4 and "not defined yet" not in run("%pmem_graph").tree
    # The same cell again, changed.
    run("\n".join(define).format(10))
    run("%pmem_close", "%pmem_open guesser.pmem")
    run("pool.root.more()")
    assert run("pool.root.tries") == 14


def test_16_every_cell_may_be_run_twice(run: Run, game: Any) -> None:  # noqa: F811
    for cell in (
        "%load_ext pmemobj_magics",
        "%pmem",
        "%pmem_log",
        "%pmem_dump x.jsonl",
        "%pmem_close",
        "%pmem_open game.pmem",
    ):
        run(cell)
        run(cell)
    assert len(pmemobj.open_pools()) == 1


# ---- 17: what takes longer ------------------------------------------------------------------------


class _Bar:
    """Stands in for tqdm's: notes what is shown, and may be interrupted."""

    made: ClassVar[list[_Bar]] = []
    interrupts = False

    def __init__(self, *_: Any, desc: str = "", **options: Any) -> None:
        self.desc, self.options, self.n, self.total, self.closed = desc, options, 0, 0, False
        type(self).made.append(self)

    def update(self, count: int) -> None:
        self.n += count
        if self.interrupts:
            signal.raise_signal(signal.SIGINT)

    def reset(self, total: int) -> None:
        self.n, self.total = 0, total

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "line, told",
    [
        ("%pmem_dump x.jsonl", "dumping pool was interrupted; nothing was written to x.jsonl"),
        ("%pmem_restore y.jsonl copy.pmem", "restoring copy.pmem was interrupted; no pool was created"),
        ("%pmem_gc", "collecting garbage in pool was interrupted; the garbage that was not freed yet is left for the next %pmem_gc"),
    ],
)
def test_17_long_work_has_a_bar_and_stops_cleanly(
    run: Run,  # noqa: F811
    game: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    told: str,
) -> None:
    if line.partition(" ")[0] not in our_magics(run("get_ipython()")):
        pytest.fail(f"there is no {line}")
    run("%pmem_dump y.jsonl", "pool.root['more'] = pool.persistent([[n] for n in range(50)])", "del pool.root['more']")
    before = sorted(os.listdir()), dict(game.root)
    monkeypatch.setattr(progress, "tqdm", _Bar)
    monkeypatch.setattr(_Bar, "made", [])
    monkeypatch.setattr(_Bar, "interrupts", True)
    with pytest.raises(KeyboardInterrupt) as error:
        run(line)
    assert short(error)[-1] == f"KeyboardInterrupt: {told}"
    assert (sorted(os.listdir()), dict(game.root)) == before and not game.in_transaction
    monkeypatch.setattr(_Bar, "interrupts", False)
    assert run(line) is not None
    for bar in _Bar.made:
        assert bar.closed and bar.desc == told.partition(" was interrupted")[0]
        assert bar.options == {"total": 0, "delay": progress.BAR_AFTER, "leave": False, "disable": False}
    assert _Bar.made[-1].n == _Bar.made[-1].total > 0
    run("%config PmemMagics.progress = False", line.replace("copy", "third"))
    assert _Bar.made[-1].options["disable"] is True
