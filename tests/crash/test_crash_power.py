"""Power cuts: everything that code stores is recorded, every state that a power cut could leave is recovered and judged."""

from __future__ import annotations

import ctypes
import dataclasses
import hashlib
import itertools
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scratch import scratch_parent

import pmemobj
from pmemobj import _text, crash
from pmemobj.crash import Event, LineState, What, _explore, _few_lanes, _power, _recorder, _recovery, _states
from pmemobj.crash._copy import PoolCopy
from pmemobj.crash._image import Image

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")

MIB = 1 << 20


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pmemobj.PersistentObjectPool]:
    """A pool with two accounts, which hold 100 together; recording does not change it."""
    directory = scratch_parent() or str(tmp_path_factory.mktemp("bank"))
    path = os.path.join(directory, f"pmemobj-test-bank-{os.getpid()}.pmem")
    made = pmemobj.create(path, pool_size=8 * MIB)
    made.root = made.persistent([60, 40])
    yield made
    made.close()
    os.unlink(path)


def digest(pool: pmemobj.PersistentObjectPool) -> str:
    return hashlib.sha256(Path(pool.path).read_bytes()).hexdigest()


def items(pool: pmemobj.PersistentObjectPool) -> int:
    """The offset of the items of the root list."""
    return pool._heap.read(pool.root._p_offset + 24)


def word(number: int) -> bytes:
    return (2 * number + 1).to_bytes(8, "little")


def holds_100(pool: pmemobj.PersistentObjectPool) -> bool:
    """A check at the top of a module, so that it can be pickled."""
    return sum(pool.root) == 100


class Deeds:
    """The code that is recorded; it works on the pool of the fixture."""

    def __init__(self, pool: pmemobj.PersistentObjectPool) -> None:
        self.pool = pool

    def transfer(self) -> None:
        with self.pool.transaction():
            self.pool.root[0] -= 10
            self.pool.root[1] += 10

    def without_transaction(self) -> None:
        self.pool.root[0] -= 10
        self.pool.root[1] += 10

    def without_snapshot(self) -> None:
        with self.pool.transaction():
            self.pool._heap.poke(items(self.pool), word(50))
            self.pool.root[1] = 50

    def snapshot_too_late(self) -> None:
        heap = self.pool._heap
        with self.pool.transaction():
            heap.poke(items(self.pool), word(50))
            heap.snapshot(items(self.pool), 8)
            self.pool.root[1] = 50

    def never_persisted(self) -> None:
        self.pool._heap.poke(items(self.pool), word(50))

    def persisted(self) -> None:
        self.never_persisted()
        self.pool._heap.persist(items(self.pool), 8)

    def publish(self, fences: int) -> None:
        """Store data and then a flag that says so, in two cache lines at the unused end of the root object."""
        heap = self.pool._heap
        heap.poke(heap.root_offset + 64, word(7))
        if fences == 2:
            heap.persist(heap.root_offset + 64, 8)
        heap.poke(heap.root_offset + 192, word(1))
        heap.persist(heap.root_offset + 64, 136)

    def publish_at_once(self) -> None:
        self.publish(1)

    def publish_in_order(self) -> None:
        self.publish(2)


@pytest.fixture
def deeds(bank: pmemobj.PersistentObjectPool) -> Deeds:
    return Deeds(bank)


def test_a_recording_has_every_store_flush_and_fence_with_its_line(deeds: Deeds) -> None:
    before = digest(deeds.pool)
    recording = crash.record(deeds.pool, deeds.transfer)
    assert recording.returned and not recording.truncated and recording.output == ""
    kinds = [step.what for step in recording.steps]
    for what in (What.STORE, What.FLUSH, What.FENCE, What.SNAPSHOT, What.COMMIT, What.COMMITTED, What.ENDED):
        assert what in kinds
    stores = {step.offset: step for step in recording.steps if step.what is What.STORE and not step.by_library}
    assert [step.data for step in stores.values()] == [word(50), word(50)]
    assert list(stores) == [items(deeds.pool), items(deeds.pool) + 8]
    first = Deeds.transfer.__code__.co_firstlineno
    assert [(step.place.line, step.place.function) for step in stores.values() if step.place] == [
        (first + 2, "transfer"),
        (first + 3, "transfer"),
    ]
    # The pool of this process goes on, and neither it nor its file has seen anything of that.
    assert list(deeds.pool.root) == [60, 40]
    assert digest(deeds.pool) == before


def test_a_correct_transaction_passes_and_the_pool_stays_as_it_is(deeds: Deeds) -> None:
    before = digest(deeds.pool)
    report = crash.record(deeds.pool, deeds.transfer).explore(holds_100, recovery=4)
    report.assert_ok()
    assert report.complete and report.possible == report.chosen > report.images > 10
    assert report.recoveries > 0
    assert {"old", "new"} == set(report.results)
    assert f"Tried all {report.chosen} possible crash states, at " in str(report)
    assert "every simulated power cut leaves the pool as it was before, or as it is afterwards" in report._repr_html_()
    assert digest(deeds.pool) == before
    assert list(deeds.pool.root) == [60, 40]


def test_a_store_without_a_snapshot_is_found_and_told(
    deeds: Deeds, scratch: Path, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    report = crash.record(deeds.pool, deeds.without_snapshot).explore()
    assert report.counts().keys() == {"atomicity"}
    smallest = report.counterexample
    assert smallest is not None
    (story,) = smallest.kept
    assert story.offset == items(deeds.pool) & ~63
    assert [place.function for place in story.places] == ["without_snapshot"]
    assert "keep only cache line" in str(report) and "test_crash_power.py" in str(report)
    with pytest.raises(AssertionError, match="atomicity"):
        report.assert_ok()
    first = report.first_violation
    assert first is not None and first.minimize() == smallest
    # Reports are plain data, which can be copied and sent; what it takes to go on stays here.
    assert dataclasses.asdict(report)["counterexample"]["event"] == smallest.event
    sent = pickle.loads(pickle.dumps(report))
    assert sent == report and str(sent) == str(report)
    with pytest.raises(pmemobj.PmemError, match="pickled"):
        sent.first_violation.minimize()
    # The image is a pool: opened outside the lab (and where the pool that it is a copy of is not open), it shows the same.
    first.export(scratch / "image.pmem")
    with pytest.raises(FileExistsError):
        first.export(scratch / "image.pmem")
    shown = run_python("import pmemobj, sys; print(list(pmemobj.open(sys.argv[1]).root))", scratch / "image.pmem")
    assert shown.stdout.strip() in ("[50, 40]", "[50, 50]")


@pytest.mark.parametrize(
    "deed, invariant, models",
    [
        # What each model sees; simple ones see nothing of what is not fenced, or of another order.
        ("publish_at_once", "check", {"events", "lines"}),
        ("publish_in_order", None, set()),
        ("without_snapshot", "atomicity", {"drop", "all-or-none", "prefix", "events", "lines"}),
        ("snapshot_too_late", "atomicity", {"drop", "all-or-none", "prefix", "events", "lines"}),
        ("never_persisted", "durability", {"drop", "all-or-none", "prefix", "events", "lines"}),
        ("persisted", None, set()),
        ("transfer", None, set()),
    ],
)
def test_what_each_model_finds(deeds: Deeds, deed: str, invariant: str | None, models: set[str]) -> None:
    def data_before_flag(pool: pmemobj.PersistentObjectPool) -> bool:
        heap = pool._heap
        return heap.read(heap.root_offset + 192) == 0 or heap.read(heap.root_offset + 64) != 0

    recording = crash.record(deeds.pool, getattr(deeds, deed))
    found = {}
    for model in crash.MODELS:
        report = recording.explore(data_before_flag, model=model, invariants=())
        found[model] = report.counts()
        assert report.complete
    assert {model for model, counts in found.items() if counts} == models
    assert all(set(counts) == {invariant} for counts in found.values() if counts)
    with pytest.raises(ValueError, match="model='guess'"):
        recording.explore(model="guess")


def test_the_check_of_the_user_decides_what_statements_may_come_apart(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.without_transaction)
    # Each statement is whole; only the check knows that they belong together.
    recording.explore().assert_ok()
    report = recording.explore(lambda pool: sum(pool.root) == 100)
    assert report.counts().keys() == {"check"}
    # In the check the caller's own pool and objects lead into the image.
    mine = deeds.pool.root

    def raises(pool: pmemobj.PersistentObjectPool) -> None:
        assert pool is deeds.pool
        assert mine[0] + mine[1] == 100, "money is lost"

    report = recording.explore(raises)
    assert report.counts().keys() == {"check"}
    assert "money is lost" in str(report.first_violation)


def test_equal_seeds_give_equal_reports(deeds: Deeds) -> None:
    def append() -> None:
        deeds.pool.root.append(deeds.pool.persistent({"a": ["a string of 32 signs in its leaf"]}))

    one, other = (crash.record(deeds.pool, append, seed=3) for _ in range(2))
    # libpmemobj pads some of its headers with what happens to be on its stack: no word of the leaf is only half written.
    one_did, other_did = (
        [(step.what, step.offset, step.size, b"" if step.by_library else step.data) for step in recording.steps]
        for recording in (one, other)
    )
    assert one_did == other_did
    reports = [recording.explore(budget=40, seed=1) for recording in (one, other)]
    assert str(reports[0]) == str(reports[1]) and reports[0] == reports[1]
    assert reports[0].results == reports[1].results
    assert not reports[0].complete and "a sample (seed 1)" in str(reports[0])
    assert "states were left out" in str(reports[0])
    reports[0].assert_ok()
    assert str(one.explore(budget=40, seed=2, workers=1)) != str(reports[0])


def test_states_that_are_not_looked_at_come_to_the_same_as_those_that_are(
    deeds: Deeds, monkeypatch: pytest.MonkeyPatch, make_pool: Callable[..., pmemobj.PersistentObjectPool]
) -> None:
    pool = deeds.pool

    def first_allocation() -> None:
        pool.root.append(pool.persistent({"a": ["a string that needs a leaf"]}))

    report = crash.record(pool, first_allocation).explore()
    report.assert_ok()
    assert report.complete and report.possible > 100 * report.images

    # Few enough to look at each of them: memory for this leaf has been set aside already.
    other = make_pool("other.pmem", 8 * MIB)
    other.root = other.persistent([60, 40, "a leaf of some length", *range(8)])

    def careless() -> None:
        with other.transaction():
            other.root[1] = "a leaf of that length"
            other.root[2] = "and another, of the same"
            # Two lines, of which either may be lost: varying both together does not show that.
            other._heap.poke(items(other), word(50))
            other._heap.poke(items(other) + 64, word(50))

    recording = crash.record(other, careless)
    short = recording.explore(budget=1000)
    monkeypatch.setattr(_explore, "free_lines", lambda moment, first_chunk: [])
    full = recording.explore(budget=1000)
    assert short.complete and full.complete and short.images < full.images
    assert short.possible == full.possible == short.chosen == full.chosen
    seen, all_there_is = (
        {(found.moment.event, found.broken, found.outcome.memory) for found in report.violations}
        for report in (short, full)
    )
    assert seen == all_there_is != set()


def test_code_that_does_not_end_well_is_recorded_as_far_as_it_came(
    deeds: Deeds, capfd: pytest.CaptureFixture[str]
) -> None:
    pool = deeds.pool

    def raises() -> None:
        with pool.transaction():
            pool.root[0] = 0
            print("so far")
            raise LookupError("no more")

    def leaves() -> None:
        pool.root[0] = 1
        sys.exit(7)

    def dies() -> None:
        with pool.transaction():
            pool.root[0] = 2
            os.kill(os.getpid(), signal.SIGKILL)

    recording = crash.record(pool, raises)
    assert not recording.returned and "so far" in recording.output and "LookupError: no more" in recording.output
    report = recording.explore(holds_100)
    # What it would have done is not known: that is no proof, unless just this was to be tried.
    first = str(report).splitlines()[0]
    assert report.ok and first.startswith("the code raised an exception; before that, every simulated power cut")
    with pytest.raises(AssertionError, match="the code raised an exception; before that, every simulated power cut"):
        report.assert_ok()
    report.assert_ok(must_return=False)
    assert first in report._repr_html_() and set(report.results) == {"old"}
    assert crash.record(pool, leaves).ending == "exited with code 7"
    recording = crash.record(pool, dies)
    assert recording.ending == "died of SIGKILL"
    assert set(recording.explore(holds_100).results) == {"old"}
    assert crash.record(pool, lambda: time.sleep(60), seconds=0.3).ending == "was killed when its time was up"
    # The pool is locked by this process; code that wants to open it is told so.
    assert "PoolBusyError" in crash.record(pool, lambda: pmemobj.open(pool.path)).output
    recording = crash.record(pool, deeds.transfer, trace_size=1024)
    assert recording.truncated and str(recording.explore()).startswith("the code did more than could be recorded; before")
    assert list(pool.root) == [60, 40] and capfd.readouterr() == ("", "")


def test_a_worker_that_dies_or_hangs_is_the_outcome_of_its_image(deeds: Deeds) -> None:
    def check(pool: pmemobj.PersistentObjectPool) -> None:
        if pool.root[0] == 50:
            how()

    recording = crash.record(deeds.pool, deeds.transfer)
    how = os.abort
    report = recording.explore(check)
    assert "SIGABRT" in str(report.first_violation) and report.recovered == report.images
    how = lambda: time.sleep(60)  # noqa: E731
    assert "did not end within 0.2 s" in str(recording.explore(check, patience=0.2).first_violation)
    report = recording.explore(check, seconds=0.3)
    assert "time was up" in str(report) and "open" in report.results


def test_where_no_crash_was_tried_nothing_passes(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.transfer)

    def slow(pool: pmemobj.PersistentObjectPool) -> None:
        time.sleep(60)

    for how in ({"seconds": 0}, {"check": slow, "seconds": 0.3}):
        report = recording.explore(**how)
        assert not report.ok and not report.tried and not report.violations and not report.counts()
        assert str(report).startswith("no crash was tried: the time was up before the first\n")
        with pytest.raises(AssertionError, match="no crash was tried"):
            report.assert_ok()
    assert "no crash was tried" in report._repr_html_()


def test_what_is_right_may_not_be_known_in_time(deeds: Deeds, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the promised states were not recovered in time, a recovered image proves nothing."""
    recording = crash.record(deeds.pool, deeds.without_snapshot)

    def without_the_first(*args: Any, **how: Any) -> _explore.Found:
        found = _explore.explore(*args, **how)
        found.outcomes[: len(found.states)] = [None] * len(found.states)
        return dataclasses.replace(found, states=[""] * len(found.states))

    monkeypatch.setattr(_power, "explore", without_the_first)
    report = recording.explore()
    assert not report.violations and not report.tried and not report.ok and report.recovered


class Mute:
    def __bool__(self) -> bool:
        raise LookupError("no answer")


def forks(_pool: object) -> bool:
    return os.fork() > 0


MISDEEDS = {
    "aborts": (lambda pool: os.abort(), "the check ran, with SIGABRT"),
    "leaves": (lambda pool: os._exit(3), "the check ran, with exit code 3"),
    "exits": (lambda pool: sys.exit("a last word"), "SystemExit: a last word"),
    "interrupts": (lambda pool: signal.raise_signal(signal.SIGINT), "KeyboardInterrupt"),
    "dereferences null": (lambda pool: ctypes.string_at(0), "the check ran, with SIGSEGV"),
    "closes the pool": (lambda pool: pool.close(), "it closed the pool"),
    "does not tell": (lambda pool: Mute(), "LookupError: no answer"),
    "hangs": (lambda pool: time.sleep(60), "it did not end within 1 s"),
    "mistypes": (lambda pool: pool.rooot, "AttributeError"),
    "has no argument": (lambda: True, "TypeError"),
}


@pytest.mark.once
def test_what_a_check_does_to_its_process_is_the_fault_of_the_check(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.persisted)
    for name, (check, words) in MISDEEDS.items():
        report = recording.explore(check, model="drop", patience=1 if name == "hangs" else 60)  # type: ignore[arg-type]
        assert report.counts().keys() == {"check"}, name
        assert all(words in violation.broken.text for violation in report.violations), name
        # It fails where nothing has crashed, too: that is what is told first.
        assert report.doubt == report.notes[0] and words in report.doubt and "probably wrong" in report.doubt, name
        assert "_user_check" not in str(report), name
    # What a process that it forks off does is not heard.
    report = recording.explore(forks, model="drop")
    assert report.ok and not report.doubt
    report = recording.explore(lambda pool: time.sleep(60), seconds=2)
    assert not report.recovered and "your check was still running when the time was up" in report.doubt
    # A recovery that ends its process is no fault of the check.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recovery, "state_of", lambda heap: os.abort())
        report = recording.explore(holds_100, model="drop")
    assert report.counts().keys() == {"opens"} and not report.doubt
    assert list(deeds.pool.root) == [60, 40]


def test_an_answer_that_is_neither_true_nor_false_is_told(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.persisted)
    answers: dict[str, object] = {
        "200": 200,
        "'a text'": "a text",
        "[0, 1, 2, 3, 4, 5, ...]": list(range(100)),
        "an object of class Opaque": type("Opaque", (), {})(),
    }
    for words, answer in answers.items():
        report = recording.explore(lambda pool, answer=answer: answer, model="drop")
        assert report.ok and f"your check returned {words}, which is neither True nor False; it counts as true" in report.notes
    for plain in (None, True):
        assert "neither" not in str(recording.explore(lambda pool, plain=plain: plain, model="drop"))
    assert "check: it returned []" in str(recording.explore(lambda pool: [], model="drop"))


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executor_can_take_over_the_images(deeds: Deeds, kind: str) -> None:
    recording = crash.record(deeds.pool, deeds.without_snapshot)
    here = recording.explore(holds_100)
    executor = (
        ThreadPoolExecutor(1) if kind == "threads" else ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    )
    with executor:
        there = recording.explore(holds_100, executor=executor)
    assert str(there) == str(here) and there.counts() == here.counts()


@pytest.mark.once
def test_processes_that_were_forked_off_while_the_pool_was_open_are_refused(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.transfer)
    with (
        ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor,
        pytest.raises(pmemobj.errors.ForkedPoolError, match=r"was forked off while pool .* was open .*\"spawn\""),
    ):
        recording.explore(holds_100, executor=executor)


def test_frames_tell_where_each_line_is(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.transfer)
    line = items(deeds.pool) & ~63
    states = []
    for number in range(len(recording.steps) + 1):
        frame = recording.frame(number)
        found = [each.state for each in frame.lines if each.offset == line]
        if found and (not states or states[-1] != found[0]):
            states.append(found[0])
    assert states == [LineState.DIRTY, LineState.FLUSHED, LineState.FENCED]
    assert frame.promises == 2 and frame.possible == 1 and frame.step is None
    commit = next(step.number for step in recording.steps if step.what is What.COMMIT)
    log = recording.frame(commit).undo_log
    assert [(entry.offset, entry.data) for entry in log] == [
        (items(deeds.pool), word(60)),
        (items(deeds.pool) + 8, word(40)),
    ]
    with pytest.raises(IndexError):
        recording.frame(len(recording.steps) + 1)


def test_a_promise_of_the_program_is_kept_to(deeds: Deeds) -> None:
    pool = deeds.pool
    heap = pool._heap

    def careless() -> None:
        heap.poke(items(pool), word(50))
        crash.acknowledge("told the client")
        heap.persist(items(pool), 8)

    def careful() -> None:
        heap.poke(items(pool), word(50))
        heap.persist(items(pool), 8)
        crash.acknowledge("told the client")

    recording = crash.record(pool, careless)
    assert "told the client" in [step.text for step in recording.steps]
    assert recording.explore().counts().keys() == {"durability"}
    crash.record(pool, careful).explore().assert_ok()
    crash.acknowledge("outside of a recording this does nothing")


def test_what_cannot_be_recorded_is_refused(
    deeds: Deeds, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deeds.pool.transaction(), pytest.raises(pmemobj.TransactionError):
        crash.record(deeds.pool, deeds.transfer)
    with (
        pmemobj.create(scratch / "growing", pool_size="auto", max_size=64 * MIB) as growing,
        pytest.raises(pmemobj.PmemError, match="growing"),
    ):
        crash.record(growing, lambda: None)
    monkeypatch.setattr(_recorder.platform, "machine", lambda: "aarch64")
    with pytest.raises(crash.PowerModeError, match="x86-64 Linux only"):
        crash.record(deeds.pool, deeds.transfer)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "pmemobj.crash._native", None)
    monkeypatch.delattr(crash, "_native", raising=False)
    with pytest.raises(crash.PowerModeError, match="C compiler"):
        crash.record(deeds.pool, deeds.transfer)


def test_a_fence_makes_durable_what_was_flushed_and_no_more() -> None:
    memory = _states.ReplayedMemory(Image(4 * MIB))
    line = MIB

    def store(number: int, offset: int) -> Event:
        return Event(number, What.STORE, offset, 8, word(number))

    memory.apply(store(0, line))
    memory.apply(store(1, line + 8))
    memory.apply(Event(2, What.FLUSH, line + 4, 8))
    memory.apply(store(3, line))
    memory.apply(store(4, line + 64))
    assert memory.moment(5, 0).possible == 4 * 2
    assert [number for _, number in memory.moment(5, 0).order()] == [1, 2, 3, 1]
    memory.apply(Event(5, What.FENCE))
    assert memory.durable == {line: word(0) + word(1) + bytes(48)}
    assert {at: [each.event for each in versions] for at, versions in memory.pending.items()} == {
        line: [3],
        line + 64: [4],
    }
    # What is stored again as it was makes no version; what means nothing to the next process neither.
    memory.apply(store(4, line + 64))
    memory.apply(store(6, _states.VOLATILE[1].start))
    assert memory.moment(7, 0).possible == 4


def test_choices_count_what_they_say(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.transfer)
    for moment in _states.moments(recording._taken.base, recording.steps)[0]:
        for model in crash.MODELS:
            found = list(_states.choices(moment, model, 10_000, random.Random(0)))
            assert len(set(found)) == len(found) == _states.possible(moment, model)
            if model == "lines" and len(found) > 4:
                few = list(_states.choices(moment, model, 4, random.Random(0)))
                assert len(set(few)) == 4 and set(few) < {*found}
    assert _states.level([1, 2, 3], 100) == 3
    assert _states.level([1000, 2, 1000], 102) == 50


@pytest.mark.once
def test_numbers_that_nobody_can_write_are_told_shortly(deeds: Deeds) -> None:
    def append() -> None:
        with deeds.pool.transaction():
            deeds.pool.root.append("x" * 300_000)

    recording = crash.record(deeds.pool, append)
    report = recording.explore(budget=6, invariants=())
    report.assert_ok()
    with pytest.raises(ValueError, match="digits"):
        str(report.possible)
    for text in (str(report), report._repr_html_()):
        assert re.search(r"Tried \d+ of 10\^\d{4} possible crash states, a sample \(seed 0\), at ", text)
        assert re.search(r"10\^\d{4} states were left out", text)
    assert "possible" not in repr(report) and pickle.loads(pickle.dumps(report)) == report
    # As if it were short but for that number: the repr of thousands of lines takes seconds.
    frame = dataclasses.replace(recording.frame(report.events[0]), lines=(), possible=report.possible)
    assert repr(frame)
    told = [_text.count_short(number) for number in (0, 999_999_999, 8_700 * 10**27, 10**300, 10**5321, 5 * 10**5321)]
    assert told == ["0", "999,999,999", "8.7e+30", "10^300", "10^5321", "10^5321"]


@pytest.mark.once
def test_planning_takes_memory_for_what_is_looked_at(
    scratch: Path, run_python: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The images of a hundred transactions, at six hundred moments, are not all in memory at once."""
    program = """
        import resource, sys
        import pmemobj
        from pmemobj import crash

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

        with pmemobj.create(sys.argv[1], 8 << 20) as pool:
            pool.root = pool.persistent([])

            def appends():
                for _ in range(100):
                    pool.root.append("x" * 2000)

            recording = crash.record(pool, appends)
            before = peak()
            report = recording.explore(budget=30, model="drop", invariants=(), workers=1)
            assert report.ok and report.images <= 30 and report.moments == 15, report
            print(peak() - before, report.notes)
        """
    said = run_python(textwrap.dedent(program), scratch / "long.pmem").stdout
    assert int(said.split()[0]) < 20
    assert re.search(r"the power was cut at 15 of \d{3} points of the program, drawn at random", said)


def test_what_choices_name_is_bounded(deeds: Deeds, monkeypatch: pytest.MonkeyPatch) -> None:
    def append() -> None:
        deeds.pool.root.append("x" * 2000)

    recording = crash.record(deeds.pool, append)
    full = recording.explore(invariants=())
    for name, module, least in (("MOST_LINES", _states, 50), ("MOST_NAMED", _explore, 400)):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, least)
            one, other = (recording.explore(invariants=()) for _ in range(2))
        assert one == other and one.ok and one.possible == full.possible
        assert one.images < full.images and one.notes != full.notes
        assert (one.moments < full.moments) == (name == "MOST_LINES")


@pytest.mark.parametrize("calls", [5, 15])
def test_planning_keeps_to_the_time(deeds: Deeds, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """Planning stops when the time is up; the clock of this test advances at each call."""
    recording = crash.record(deeds.pool, deeds.transfer)
    full = recording.explore()
    assert 5 < full.moments < 12 and full.chosen >= 25
    clock = SimpleNamespace(monotonic=itertools.count().__next__)
    for module in (_states, _explore):
        monkeypatch.setattr(module, "time", clock)
    report = recording.explore(seconds=calls)
    assert not report.ok and not report.complete and str(report).startswith("no crash was tried")
    assert "before all states were counted" in str(report)
    assert report.images < full.images and (report.possible < full.possible) == (calls == 5)


@pytest.mark.once
def test_arguments_that_make_no_sense_are_refused(deeds: Deeds) -> None:
    recording = crash.record(deeds.pool, deeds.never_persisted)
    nan = float("nan")
    bad: dict[type[Exception], dict[str, tuple[object, ...]]] = {
        ValueError: {
            "budget": (0, -1),
            "workers": (0, -1),
            "recovery": (-1,),
            "seconds": (-1, nan),
            "patience": (0, -0.5, nan, float("inf")),
            "invariants": (("guess",), ("sound", False)),
            "model": ("guess", None),
        },
        TypeError: {
            "budget": (True, "5", 5.0, None),
            "workers": (True, "2"),
            "recovery": (None,),
            "seconds": ("5", None, True),
            "patience": ("5", False),
            "invariants": (False, "sound", None),
        },
    }
    for error, arguments in bad.items():
        for name, values in arguments.items():
            for value in values:
                with pytest.raises(error, match=rf"^cannot explore crashes with {name}=.*: .+ \(use .+\)$"):
                    recording.explore(**{name: value})
    with pytest.raises(TypeError, match=r"^cannot explore crashes: progress is an int \(give .+\)$"):
        recording.explore(progress=5)
    assert recording.explore(invariants=["sound"], seconds=float("inf"), workers=1).counts() == {"durability": 1}


@pytest.mark.once
def test_one_is_no_plural(deeds: Deeds) -> None:
    report = crash.record(deeds.pool, lambda: deeds.pool.root[0]).explore(budget=1, model="drop")
    report = dataclasses.replace(report, moments=1)
    text = "possible crash state of the model drop, at 1 point of the program; 1 was distinct"
    assert f"Tried the only {text}\n" in str(dataclasses.replace(report, possible=1, chosen=1))
    assert f"Tried the only {text}, 1 recovered" in dataclasses.replace(report, possible=1, chosen=1)._repr_html_()
    assert "left out: the budget is 1 image\n" in str(crash.record(deeds.pool, deeds.transfer).explore(budget=1))


# ---- images say that they have fewer lanes ----------------------------------------------------------


def in_a_thread(action: Callable[[], object]) -> None:
    """Run an action in a thread of its own, to which libpmemobj gives a lane of its own."""
    worker = threading.Thread(target=action)
    worker.start()
    worker.join()


def test_lanes_that_nobody_uses_make_no_difference(
    bank: pmemobj.PersistentObjectPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all 1,024 lanes each image has the same outcome, whichever lane the transaction uses."""
    for deed in (Deeds(bank).transfer, lambda: in_a_thread(Deeds(bank).transfer)):
        recording = crash.record(bank, deed)
        few = recording.explore(recovery=8)
        with monkeypatch.context() as patch:
            patch.setattr(_few_lanes.FewLanes, "_declare", lambda self, count: setattr(self, "_count", self._all))
            all_of_them = recording.explore(recovery=8)
        assert few.ok and few.results == all_of_them.results and few.images > 10


def test_the_lane_of_another_thread_counts_as_soon_as_an_image_has_it(
    bank: pmemobj.PersistentObjectPool, tmp_path: Path
) -> None:
    image = PoolCopy("copy it", bank).image
    lanes = _few_lanes.FewLanes(image)
    first = int.from_bytes(image.read(5120, 8), "little")
    before = int.from_bytes(image.read(5128, 8), "little")
    assert before < 1024
    lanes.written(first + 3072 * 500)
    assert int.from_bytes(image.read(5128, 8), "little") == 501
    # Another process, because the pool that it is a copy of is open here; libpmemobj demands a right checksum.
    (tmp_path / "few.pmem").write_bytes(image.read(0, image.size))
    program = "import pmemobj, sys; print(pmemobj.open(sys.argv[1]).root)"
    limited = os.environ | {"PMEMOBJ_NLANES": "501"}
    command = [sys.executable, "-c", program, str(tmp_path / "few.pmem")]
    assert "[60, 40]" in subprocess.run(command, env=limited, capture_output=True, text=True, check=True).stdout


def test_a_check_may_use_threads(bank: pmemobj.PersistentObjectPool) -> None:
    def check(pool: pmemobj.PersistentObjectPool) -> bool:
        for _ in range(20):
            in_a_thread(lambda: pool.root.append(1))
        return len(pool.root) == 22

    assert crash.record(bank, Deeds(bank).transfer).explore(check).ok
