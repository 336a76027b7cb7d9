"""``%%pmem_crash --sweep`` and ``--power``: what they say, what they show, and that they leave everything as it was."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from test_magics import Run, run, shell, short  # noqa: F401 - fixtures

import pmemobj
from pmemobj.crash import PowerModeError, Verdict, What
from pmemobj_magics.commands import crash as crash_commands
from pmemobj_magics.errors import ExpressionError, MagicUsageError
from pmemobj_magics.shell import progress
from pmemobj_magics.shell.arguments import unquoted
from pmemobj_magics.views.crash import PowerVerdict
from pmemobj_magics.views.crash.places import without_our_frames
from pmemobj_magics.views.crash.states import differences

pytestmark = pytest.mark.once

TAKE, GIVE = "pool.root['anna'] -= 10", "pool.root['bert'] += 10"
CHECK = "--check sum(pool.root.values()) == 100"
TRANSFER = ("with pool.transaction():", f"    {TAKE}", f"    {GIVE}")


@pytest.fixture
def bank(run: Run) -> pmemobj.PersistentObjectPool:  # noqa: F811
    """An open pool in the variable ``pool``, with two accounts."""
    run("%pmem_open bank.pmem --create --size 16M")
    return run("pool.root = pool.persistent({'anna': 60, 'bert': 40})", "pool")


def as_before(bank: Any) -> bool:
    return dict(bank.root) == {"anna": 60, "bert": 40} and not bank.in_transaction


def digest() -> str:
    return hashlib.sha256(Path("bank.pmem").read_bytes()).hexdigest()


# ---- the line ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, words",
    [
        ("--sweep --power", "use --sweep and --power together"),
        ("--sweep --at 2", "use --at with --sweep   --at belongs to --kill   leave it out, or use --kill"),
        ("--check True", "use --check with --kill   --check belongs to --power   leave it out, or add --power"),
        ("--sweep --no-transaction", "use --no-transaction with --sweep"),
        ("--power --no-transaction", "use --no-transaction with --power"),
        ("--sweep --interactive", "use --interactive with --sweep"),
        ("--power --model lnes", "did you mean lines?"),
        ("--power --model x", "choose one of drop, all-or-none"),
        ("--power --seconds never", "use --seconds never"),
        ("--sweep --seconds 0", "above 0"),
        ("--power --budget 0", "use --budget 0"),
        ("--power --seed -1", "use --seed -1"),
        ("--pwoer", "did you mean --power?"),
        ("--power --check sum(", "understand --check sum("),
    ],
)
def test_a_line_that_makes_no_sense(run: Run, bank: Any, line: str, words: str) -> None:  # noqa: F811
    with pytest.raises((MagicUsageError, ExpressionError)) as error:
        run(f"%%pmem_crash {line}", TAKE)
    assert words in " ".join(short(error)) and len(short(error)) == 3
    assert as_before(bank)


@pytest.mark.parametrize(
    "words, text",
    [
        (["a", "==", "'b c'"], "a == 'b c'"),
        (["'pool.root == 1'"], "pool.root == 1"),
        (['"x"', "in", "pool.root"], '"x" in pool.root'),
        ([], ""),
    ],
)
def test_a_check_stands_as_it_is_or_in_quotes(words: list[str], text: str) -> None:
    assert unquoted(words) == text


def test_numbers_are_spread_evenly() -> None:
    assert crash_commands._spread(3, 5) == [1, 2, 3] and crash_commands._spread(100, 4) == [25, 50, 75, 100]


# ---- sweep ---------------------------------------------------------------------------------------------


def test_sweep_kills_at_every_change(run: Run, bank: Any) -> None:  # noqa: F811
    result = run("%%pmem_crash --sweep -o kept", TAKE, GIVE, "print('said')")
    assert run("kept") is result and result.ok and result.verdict is Verdict.ROLLED_BACK
    assert result.steps == 2 and [report.at for report in result.report] == [1, 2, None]
    assert [title for title, _ in result.frames] == ["before", "at the crash", "after recovery"]
    assert repr(result).splitlines() == [
        "killed after 2 of 2 changes; then the cell was killed just before its commit: "
        "recovery restored the state before the cell every time",
        "outcomes  rrr",
        f"  3 × {Verdict.ROLLED_BACK.value}",
        "note: %%pmem_crash wrapped this cell in a transaction. Use --power to test it exactly as written",
    ]
    page = result._repr_mimebundle_()["text/html"]
    assert page.count("<details>") == 4 and "root[&#x27;anna&#x27;]: 60 → 50" in page
    assert "%%pmem_crash wrapped this cell in a transaction" in page
    killed = run("%%pmem_crash --kill", TAKE)
    assert repr(killed).splitlines()[-2:] == [killed.summary, repr(result).splitlines()[-1]]
    assert "%%pmem_crash wrapped this cell in a transaction" in killed._repr_html_()
    assert as_before(bank)


def test_sweep_within_its_limits(run: Run, bank: Any) -> None:  # noqa: F811
    result = run("%%pmem_crash --sweep --budget 3", *[TAKE] * 6)
    assert [report.at for report in result.report] == [3, 6, None] and result.steps == 6
    assert "killed after 2 of 6 changes" in repr(result) and "note: with a budget of 3 kills" in repr(result)
    assert result.summary.endswith("3 of 7 kills were tried, and recovery restored the state before the cell every time")
    result = run("%%pmem_crash --sweep --budget 1", *[TAKE] * 6)
    assert result.summary == (
        "the cell was killed just before its commit, but after none of its 6 changes: "
        "1 of 7 kills was tried, and recovery restored the state before the cell"
    )
    result = run("%%pmem_crash --sweep --seconds 0.001", *[TAKE] * 6)
    assert [report.at for report in result.report] == [None] and "the time limit was reached after 0 changes" in result._repr_html_()


def test_a_cell_that_changes_nothing_has_nothing_to_break(run: Run, bank: Any) -> None:  # noqa: F811
    result = run("%%pmem_crash --sweep", "sum(pool.root.values())")
    assert result.ok and result.summary == "the cell changed nothing, so there is nothing that a kill could break"
    result = run("%%pmem_crash --sweep", "1/0")
    assert result.summary.endswith("(line 2 of the cell): recovery restored the state before the cell")
    for cell in (["sum(pool.root.values())"], ["with pool.transaction():", "    pass"]):
        result = run("%%pmem_crash --power", *cell)
        assert result.ok and result.verdict is PowerVerdict.UNCHANGED
        assert repr(result).startswith(f"{result.summary}\n") and repr(result).count("nothing was changed") == 1
        assert "nothing was changed: there is nothing that a power cut could break" in result.report.notes
    assert run("%%pmem_crash --power --check False", "1").verdict is PowerVerdict.BROKEN


def test_threads_that_wait_for_the_transaction_of_the_magic_are_told(run: Run, bank: Any) -> None:  # noqa: F811
    run("%config PmemMagics.crash_seconds = 1", "import threading", f"def take(): {TAKE}")
    cell = ["thread = threading.Thread(target=take)", "thread.start()", "thread.join()"]
    words = "it had other threads: a thread that writes waits for the transaction in which the code runs"
    for kind in ("--kill", "--sweep"):
        result = run(f"%%pmem_crash {kind}", *cell)
        assert result.verdict is Verdict.TIMED_OUT and f"note: {words}" in repr(result) and words in result._repr_html_()
    assert words not in repr(run("%%pmem_crash --kill", TAKE, "while True: pass"))


#: Stores past the log, as no program does by mistake: through the address of the first item.
PAST_THE_LOG = (
    "import ctypes",
    "at = pool._heap.read(pool.root['list']._p_offset + 24)",
    "ctypes.c_uint64.from_address(pool._heap.base + at).value = 77 << 1 | 1",
)


def test_sweep_finds_what_is_stored_outside_the_transaction(run: Run, bank: Any) -> None:  # noqa: F811
    run("pool.root['list'] = pool.persistent([1])")
    result = run("%%pmem_crash --sweep", TAKE, *PAST_THE_LOG, GIVE)
    assert not result.ok and result.verdict is Verdict.CHANGED and "outcomes  X" in repr(result)
    assert "the sweep ended with this kill: the pool is no longer as it was" in repr(result)
    assert "1 kill left the pool in another state: the pool is neither as before nor whole" in result.summary
    assert "77" in str(result.frames[2][1]) and "root[&#x27;list&#x27;][0]: 1 → 77" in result._repr_html_()


# ---- power ---------------------------------------------------------------------------------------------


def test_power_finds_what_a_cell_forgot(run: Run, bank: Any) -> None:  # noqa: F811
    before = digest()
    result = run(f"%%pmem_crash --power -o kept {CHECK}", TAKE, GIVE) or run("kept")
    assert digest() == before and as_before(bank)
    assert result.verdict is PowerVerdict.BROKEN and not result.ok and result.report.counts() == {"check": 2}
    assert {What.STORE, What.FLUSH, What.FENCE} < {step.what for step in result.steps}
    assert [step.number for step in result.frames] == list(range(len(result.steps) + 1))
    lines = repr(result).splitlines()
    assert lines[:4] == [
        "2 of 6 simulated power cuts violate your check",
        "Tried all 6 possible crash states, at 4 points of the program; 3 were distinct",
        "outcomes  oXXnnn",
        "          (o as before the cell, n as after the cell, X wrong state)",
    ]
    assert lines[4] == "smallest counterexample: cut the power before step 2, fence (line 2)"
    assert lines[6] == f"    a cache line of root (entries), stored by line 2, {TAKE}"
    assert lines[7:9] == ["  then check: it returned False", "  after recovery: root['anna']: 60 → 50"]
    assert lines[9].startswith("note: assumptions: ")
    # The same again says the same.
    assert repr(run(f"%%pmem_crash --power {CHECK}", TAKE, GIVE)) == repr(result)


def test_power_shows_outcomes_counterexample_and_film(run: Run, bank: Any) -> None:  # noqa: F811
    page = run(f"%%pmem_crash --power {CHECK}", TAKE, GIVE)._repr_mimebundle_()["text/html"]
    assert re.findall(r"<figcaption><strong>(.*?)</strong>", page) == ["before: A", "at the crash: B", "after recovery: B"]
    # Every outcome has a letter beside its colour; a cell of the strip says where it belongs.
    strip = page.partition("<br><span")[2].partition("</p>")[0]
    assert re.findall(r">([oXn?])</code>", strip) == ["o", "X", "X", "n", "n", "n"]
    assert "power cut before step 2, fence: wrong state" in strip
    assert "▶   2" in page and "← the data that this line stored is kept, the power is cut here" in page
    assert page.count("<details>") == 1 + 4 and "step by step: 4 of 10 steps" in page
    assert "<script" not in page and "<style" not in page


def test_power_on_a_transaction(run: Run, bank: Any) -> None:  # noqa: F811
    run("def total(pool):", "    return sum(pool.root.values()) == 100")
    result = run("%%pmem_crash --power --check total", *TRANSFER)
    assert result.ok and result.verdict is PowerVerdict.SAFE and set(result.report.results) == {"old", "new"}
    assert [len(graph.graph.nodes) for graph in result.graphs.values()] == [1, 1, 1]
    logged = [len(step.undo_log) for step in result.frames]
    assert logged[0] == 0 and max(logged) == 2 and logged[-1] == 0
    signs = {line.sign for step in result.frames for line in step.lines}
    assert signs == {"D", "F", "S"}
    # Just before the commit all has been stored, and recovery undoes it; at the end it stays.
    full = result.frames[logged.index(2)]
    assert full.lost.after == full.kept.after == "A"
    last = result.frames[-1]
    assert last.lost.after == last.kept.after == "C" and result.timeline.states.changes("C") == [
        "root['anna']: 60 → 50",
        "root['bert']: 40 → 50",
    ]
    assert last.where == "" and result.frames[0].cell_line == 2 and result.frames[0].source == TRANSFER[0]
    page = result._repr_html_()
    assert "For example: power cut before step" in page and "<code>root (entries): 8 bytes, 60</code>" in page
    assert "0x" not in re.sub(r'src="data:[^"]*"', "", page) + repr(result), "names instead of addresses"


def test_power_samples_where_there_is_too_much(run: Run, bank: Any) -> None:  # noqa: F811
    result = run("%%pmem_crash --power --budget 12 --seed 7", *TRANSFER)
    assert re.match(r"Tried \d+ of \d+ possible crash states, a sample \(seed 7\), at \d+ points", result.coverage)
    assert "left out: the budget is 12 images" in repr(result)
    assert run("%%pmem_crash --power --model drop", *TRANSFER).report.model == "drop"


def test_a_check_that_raises_is_a_violation_with_its_traceback(run: Run, bank: Any) -> None:  # noqa: F811
    run("def broken(pool):", "    return pool.root['claire']")
    result = run("%%pmem_crash --power --model drop --check broken", TAKE)
    assert result.verdict is PowerVerdict.BROKEN and set(result.report.counts()) == {"check"}
    text = repr(result)
    assert "then check: Traceback (most recent call last):" in text and "return pool.root['claire']" in text
    assert "KeyError: 'claire'" in text and "pmemobj_magics" not in text and "_recovery" not in text
    doubt = "Your check is already false before the cell runs, so the check itself is probably wrong: KeyError: 'claire'"
    assert result.summary.startswith(f"{doubt}; ") and text.startswith(result.summary) and text.count(doubt) == 1
    assert result._repr_html_().count("the check itself is probably wrong: KeyError") == 1
    # A number for a demand.
    text = repr(run("%%pmem_crash --power --model drop --check sum(pool.root.values())", TAKE))
    assert "note: your check returned 100, which is neither True nor False; it counts as true" in text
    result = run("%%pmem_crash --power --seconds 2 --check __import__('time').sleep(60)", TAKE)
    assert result.verdict is PowerVerdict.UNTRIED and result.summary.startswith("your check was still running when")


def test_lines_of_other_cells_are_called_by_their_numbers(run: Run, shell: InteractiveShell, bank: Any) -> None:  # noqa: F811
    run("def take():", f"    {TAKE}")
    defined = shell.execution_count - 1
    result = run(f"%%pmem_crash --power {CHECK}", "take()", GIVE)
    assert f"line 2 of cell In[{defined}], {TAKE}" in repr(result)
    assert any(step.source == TAKE for step in result.frames)


# ---- cells that misbehave ------------------------------------------------------------------------------

BAD = [
    ("1/0", PowerVerdict.RAISED, "raised ZeroDivisionError: division by zero (line 4 of the cell)"),
    ("while True: pass", PowerVerdict.ENDED, "was killed when its time was up"),
    ("import os; os._exit(3)", PowerVerdict.ENDED, "exited with code 3"),
    ("import sys; sys.exit()", PowerVerdict.ENDED, "exited with code 0"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", PowerVerdict.ENDED, "died of SIGKILL"),
    ("input('? ')", PowerVerdict.RAISED, "input() is not possible"),
    ("pmemobj.open(pool.path)", PowerVerdict.RAISED, "is open already"),
    ("import os; os.fork()", PowerVerdict.SAFE, ""),
    ("print('x' * 5_000_000)", PowerVerdict.SAFE, ""),
    ("import subprocess; _ = subprocess.run(['sleep', '0'], check=True)", PowerVerdict.SAFE, ""),
    ("pool.close()", PowerVerdict.SAFE, ""),
]


@pytest.mark.parametrize("line, verdict, words", BAD, ids=[line.partition("; ")[2] or line for line, _, _ in BAD])
def test_cells_that_misbehave(run: Run, bank: Any, line: str, verdict: PowerVerdict, words: str) -> None:  # noqa: F811
    before = digest()
    run("import pmemobj", "x = 1", "%config PmemMagics.crash_seconds = 1")
    result = run("%%pmem_crash --power --model all-or-none", "x = 2", TAKE, line)
    assert result.verdict is verdict and words in result.summary and result.steps
    assert len(repr(result)) < 10_000 and len(result._repr_html_()) < 60_000
    assert digest() == before and as_before(bank) and run("x") == 1
    run(TAKE, GIVE)
    assert sum(bank.root.values()) == 100


@pytest.mark.parametrize("line, words", [(line, words) for line, _, words in BAD[:3]], ids=["raises", "loops", "exits"])
def test_cells_that_misbehave_are_swept_too(run: Run, bank: Any, line: str, words: str) -> None:  # noqa: F811
    run("%config PmemMagics.crash_seconds = 1")
    result = run("%%pmem_crash --sweep", "x = 2", TAKE, line)
    assert result.ok and result.steps == 1 and words in result.summary and as_before(bank)


def test_a_check_that_never_ends_or_dies_is_the_outcome_of_its_image(run: Run, bank: Any) -> None:  # noqa: F811
    run("import os")
    result = run("%%pmem_crash --power --model drop --check os.abort()", TAKE)
    assert result.verdict is PowerVerdict.BROKEN and "SIGABRT" in repr(result) and as_before(bank)


# ---- around it -----------------------------------------------------------------------------------------


def test_without_a_recorder_the_other_kinds_work(run: Run, bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(PowerModeError) as error:
        run("%%pmem_crash --power", TAKE)
    assert short(error) == [
        "PowerModeError: cannot cut the power",
        "  stores are recorded on x86-64 Linux only, and this is aarch64 Linux",
        "  --kill and --sweep work everywhere",
    ]
    assert run("%%pmem_crash --sweep", TAKE).ok


def test_an_interrupt_is_short_and_leaves_all_as_it_was(run: Run, bank: Any) -> None:  # noqa: F811
    before = digest()
    run("import time")
    for cell, check in (("while True: pass", "True"), (TAKE, "time.sleep(9)")):
        timer = threading.Timer(0.7, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt) as error:
            run(f"%%pmem_crash --power --check {check}", cell)
        assert short(error) == ["KeyboardInterrupt: the cell was stopped and its changes were undone; pool is open"]
        assert as_before(bank) and digest() == before


def test_what_takes_longer_shows_a_bar(run: Run, bank: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:  # noqa: F811
    monkeypatch.setattr(progress, "BAR_AFTER", 0)
    run("%%pmem_crash --sweep", TAKE)
    run("%%pmem_crash --power", TAKE)
    shown = capsys.readouterr().err
    assert "killing" in shown and "recovering" in shown
    run("%config PmemMagics.progress = False")
    run("%%pmem_crash --sweep", TAKE)
    assert capsys.readouterr().err == ""


def test_without_graphviz_there_are_trees(run: Run, bank: Any, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:  # noqa: F811
    monkeypatch.setenv("PATH", str(scratch))
    result = run(f"%%pmem_crash --power {CHECK}", TAKE, GIVE)
    assert result._repr_html_().count("<pre>root: PersistentDict") == 3
    assert all("tree" in state for state in result.widget.data["states"].values())


# ---- stepping through ----------------------------------------------------------------------------------


def test_the_widget_has_all_that_it_shows(run: Run, bank: Any, capsys: Any) -> None:  # noqa: F811
    result = run(f"%%pmem_crash --power --interactive {CHECK}", TAKE, GIVE)
    data = json.loads(json.dumps(result.widget.data))
    assert len(data["steps"]) == data["total"] == 10 and data["code"] == [[2, TAKE], [3, GIVE]]
    assert "".join(step["results"] for step in data["steps"]) == "oXXnnn"
    assert {step["kind"] for step in data["steps"]} == {"store", "flush", "fence", "program"}
    letters = {cut[place] for step in data["steps"] for cut in (step["lost"], step["kept"]) for place in ("at_crash", "after")}
    assert letters == set(data["states"]) == {"A", "B", "C"}
    example = data["example"]
    assert data["steps"][example["at"]]["number"] == 2 and example["at_crash"] == example["after"] == "B"
    assert repr(result.widget) == "TimelineWidget(10 steps)"
    bundle, _ = result.widget._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    # The film is there too, folded, for when the widget is not.
    assert result._repr_html_().startswith("<details><summary>static version") and "step by step:" in result._repr_html_()


def test_a_timeline_is_saved_as_a_page_that_loads_nothing(run: Run, bank: Any) -> None:  # noqa: F811
    run(f"%%pmem_crash --power --save '{{pool.path}}.html' {CHECK}", TAKE, "name = '</script>'")
    page = Path(f"{bank.path}.html").read_text()
    assert page.count("</script>") == 1 and "export default" not in page and "step by step:" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    with pytest.raises(MagicUsageError) as error:
        run("%%pmem_crash --power --save nowhere/x.html", TAKE)
    assert len(short(error)) == 3


# ---- in an open transaction ------------------------------------------------------------------------------


@pytest.fixture
def begun(run: Run, bank: Any) -> Any:  # noqa: F811
    """The pool in the middle of a transaction, which goes on after the test."""
    run("%pmem_begin", "pool.root['anna'] = 0")
    yield bank
    assert bank.in_transaction and dict(bank.root) == {"anna": 0, "bert": 40}
    run("%pmem_abort")
    assert as_before(bank)


def slots(result: Any) -> list[str]:
    return [graph.graph.nodes[graph.graph.start.target].slots[0].text for _, graph in result.frames]


def test_the_line_magic_crashes_the_open_transaction(run: Run, begun: Any) -> None:  # noqa: F811
    result = run("%pmem_crash -o kept")
    assert run("kept") is result and result.verdict is Verdict.ROLLED_BACK and result.ok and result.steps == 1
    assert slots(result) == ["60", "0", "60"]
    assert repr(result).splitlines()[1:] == [
        "at the crash    PoolGraph(root=PersistentDict, 1 node, 0 edges) with 1 changed",
        "after recovery  PoolGraph(root=PersistentDict, 1 node, 0 edges)",
        f"killed in the middle of the transaction, after 1 change: {Verdict.ROLLED_BACK.value}",
        "note: the pool that is open here is as it was, and its transaction is open",
    ]
    page = result._repr_html_()
    assert page.startswith('<div class="pmem-crash"><p><strong>✓</strong>') and page.count("<svg") in (0, 3)
    assert "is as it was" in page and "wrapped" not in page


def test_the_line_magic_without_a_transaction(run: Run, bank: Any) -> None:  # noqa: F811
    lines = repr(run("%pmem_crash pool")).splitlines()
    assert lines[-2] == f"killed outside of any transaction, after 0 changes: {Verdict.NO_TRANSACTION.value}"
    assert lines[-1] == "note: the pool that is open here is as it was"
    with pytest.raises(pmemobj.PmemError) as error:
        run("%pmem_crash nowhere")
    assert short(error)[-1] == "  the open pools are: pool"
    with pytest.raises(MagicUsageError, match="unknown option --kill"):
        run("%pmem_crash --kill")
    assert as_before(bank)


def test_in_a_cell_with_a_transaction(run: Run, bank: Any) -> None:  # noqa: F811
    result = run("%%pmem_tx", TAKE, "crashed = get_ipython().run_line_magic('pmem_crash', '')", GIVE, "crashed")
    assert result.verdict is Verdict.ROLLED_BACK and slots(result) == ["60", "50", "60"]
    assert dict(bank.root) == {"anna": 50, "bert": 50}


def test_a_cell_on_a_copy_as_of_the_beginning(run: Run, begun: Any) -> None:  # noqa: F811
    for line in ("", "--sweep", "--power"):
        with pytest.raises(pmemobj.TransactionError) as error:
            run(f"%%pmem_crash {line}", TAKE)
        assert "--rolled-back" in short(error)[-1] and "%pmem_crash" in short(error)[-1]
    killed = run("%%pmem_crash --rolled-back --at 1", TAKE, GIVE)
    assert killed.verdict is Verdict.ROLLED_BACK and slots(killed) == ["60", "50", "60"]
    note = "note: the cell ran on a copy of the pool, as it was when the open transaction began"
    assert repr(killed).splitlines()[-2] == note and "wrapped" in repr(killed).splitlines()[-1]
    swept = run("%%pmem_crash --sweep --rolled-back", TAKE, GIVE)
    assert swept.ok and swept.steps == 2 and repr(swept).splitlines()[1] == "outcomes  rrr" and note in repr(swept)
    cut = run(f"%%pmem_crash --power --rolled-back {CHECK}", TAKE, GIVE)
    assert cut.verdict is PowerVerdict.BROKEN and cut.report.counts() == {"check": 2}
    assert "root['anna']: 60 → 50" in repr(cut)
    assert run(f"%%pmem_crash --power --rolled-back {CHECK}", *TRANSFER).verdict is PowerVerdict.SAFE


def test_a_cell_without_a_transaction_is_torn(run: Run, begun: Any) -> None:  # noqa: F811
    torn = run("%%pmem_crash --no-transaction --at 1", TAKE, GIVE)
    assert torn.verdict is Verdict.TORN and not torn.ok and slots(torn) == ["60", "50", "50"]
    assert repr(torn).splitlines()[-2:] == [
        f"killed after change 1: {Verdict.TORN.value}",
        "note: the cell ran on a copy of the pool, as it was when the open transaction began",
    ]
    assert "<strong>✗</strong>" in torn._repr_html_()
    whole = run("%%pmem_crash --no-transaction", TAKE, GIVE)
    assert whole.verdict is Verdict.STORED and whole.report.complete and "<strong>✓</strong>" in whole._repr_html_()
    assert whole.summary == f"killed just after the last statement, after 2 changes: {Verdict.STORED.value}"
    raised = run("%%pmem_crash --no-transaction", TAKE, "1/0")
    assert raised.error.startswith("ZeroDivisionError") and raised.summary.endswith(Verdict.PARTLY_STORED.value)
    early = run("%%pmem_crash --no-transaction", "1/0")
    assert early.summary.endswith("; nothing of it is stored")


def test_a_copy_without_a_transaction(run: Run, bank: Any) -> None:  # noqa: F811
    before = digest()
    result = run("%%pmem_crash --no-transaction --at 1", TAKE, GIVE)
    assert result.verdict is Verdict.TORN
    assert repr(result).splitlines()[-1] == "note: the cell ran on a copy of the pool"
    assert digest() == before and as_before(bank)


# ---- what lies below -----------------------------------------------------------------------------------


def test_differences_are_told_by_the_way_from_the_root(run: Run, bank: Any) -> None:  # noqa: F811
    walk = "import pmemobj.inspect; pmemobj.inspect.walk(pool)"
    run("pool.root['list'] = pool.persistent([1, [2]])")
    before = run(walk)
    run("pool.root['list'][1][0] = 3", "del pool.root['bert']", "pool.root['list'].append(4)")
    assert differences(before, run(walk)) == [
        "root['bert']: 40 → nothing",
        "root['list'][2]: nothing → 4",
        "root['list'][1][0]: 2 → 3",
    ]
    run("pool.root = 5")
    assert differences(before, run(walk)) == ["root: PersistentDict → 5"]


def test_a_traceback_without_our_frames() -> None:
    ours = Path(pmemobj.__file__).parent
    text = f'Traceback (most recent call last):\n  File "{ours}/pool.py", line 1, in x\n    y()\n    ^^^\n  File "mine.py", line 2, in z\n    1/0\nZeroDivisionError: no'
    assert without_our_frames(text).splitlines() == [
        "Traceback (most recent call last):",
        '  File "mine.py", line 2, in z',
        "    1/0",
        "ZeroDivisionError: no",
    ]
    assert without_our_frames("it returned False") == "it returned False"
