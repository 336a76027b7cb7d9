"""After a power cut at any moment, a pool with a journal has what was promised, and nothing half."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from mortal import tried_in_fork
from power_cuts import Disk, recorded

import pmemobj
from pmemobj._durability import journal, journal_format
from pmemobj._durability.file_operations import FileOperations, standing_in
from pmemobj._durability.journal_format import RECORDS
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    # What is tried here is the journal, which is never compiled.
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]


#: How many states are tried in each mode; `PMEMOBJ_POWER_CUTS` sets another number.
STATES = int(os.environ.get("PMEMOBJ_POWER_CUTS", "150"))
#: The last events of a recording, in which the pool is closed.
CLOSING = 6
#: What records at this moment, for the mistakes below.
recorder: Any = None


def state_of(pool: pmemobj.PersistentObjectPool) -> Any:
    root = pool.root
    return None if root is None else (root["n"], tuple(root["list"]), tuple(sorted(root["dict"].items())), root["text"])


def work(pool: pmemobj.PersistentObjectPool, disk: Any, turns: int, chance: random.Random) -> None:
    """Commits of every kind; after each, what the pool holds is promised."""
    root = pool.root
    for turn in range(turns):
        kind = chance.randrange(6)
        if kind == 0:
            root["n"] = turn
        elif kind == 1:
            root["list"].append(turn)
        elif kind == 2:
            root["text"] = "x" * chance.randrange(600)
        elif kind == 3:
            root["dict"][str(turn)] = turn
        elif kind == 4:
            with pool.transaction():
                root["list"].extend(range(chance.randrange(800)))
                root["dict"].update({str(number): number for number in range(chance.randrange(60))})
                root["n"] = -turn
        else:
            with pool.transaction():
                root["list"].clear()
                root["dict"].clear()
        disk.promise(state_of(pool))


def record(directory: Path, durability: str, turns: int, size: int | str) -> tuple[Any, dict[str, bytes]]:
    path = directory / "pool"
    with pmemobj.create(path, size, durability="in-place") as pool:
        pool.root = pool.persistent({"n": 0, "list": [], "dict": {}, "text": ""})
    global recorder
    with recorded(directory) as (disk, before):
        recorder = disk
        with pmemobj.open(path, durability=durability) as pool:
            disk.promise(state_of(pool))
            work(pool, disk, turns, random.Random(1))
            assert pool._heap.journal.checkpoints > 2, "the journal must begin anew a few times"
            last = state_of(pool)
        disk.promise(last)
    return disk, before


def test_a_generation_is_durable_before_its_first_record(scratch: Path, short_journal: None) -> None:
    """Otherwise old records behind a torn new one would be taken for valid. Few power cuts would show that."""
    (scratch / "made").mkdir()
    disk, _ = record(scratch / "made", "full", 60, 8 * MIB)
    events = [event for event in disk.events if event[1] == "pool-journal"]
    headers = [
        at for at, event in enumerate(events) if event[0] == "write" and event[2] < RECORDS and len(event[3]) == 512
    ]
    generations = [journal_format.read_header(bytes(1024)[: events[at][2]] + events[at][3]) for at in headers]
    assert [header.generation for header in generations if header] == list(range(len(headers)))
    for at in headers[1:]:
        assert events[at + 1][0] == "sync"


def test_records_of_the_generation_before_count_for_nothing(scratch: Path, short_journal: None) -> None:
    (scratch / "made").mkdir()
    disk, before = record(scratch / "made", "full", 60, 8 * MIB)
    model = Disk(before)
    for event in disk.events:
        if event[0] == "write" and event[1] == "pool-journal" and event[2] == RECORDS and "pool-journal" in model.files:
            # A header was written just before; the records behind are those of the generation before.
            data = bytes(model.files["pool-journal"].content)
            header = journal_format.read_header(data)
            assert header is not None
            assert list(journal_format.whole_records(memoryview(data)[RECORDS:], header)) == []
        model.do(event)


def _kind_of_write(event: Any) -> tuple[bool, bool]:
    """Whether an event writes to the header of a file, and whether it writes a single word, such as the state."""
    return event[0] == "write" and event[2] < RECORDS, event[0] == "write" and len(event[3]) == 8


def moments_of(events: list[Any], chance: random.Random, count: int) -> list[int]:
    """When the power is cut: half of the times anywhere, half of them at kinds of moments that are rare."""
    kinds: dict[Any, list[int]] = {}
    for moment in range(1, len(events) + 1):
        last = events[max(0, moment - 2) : moment]
        near = tuple((event[0], event[1], _kind_of_write(event)) for event in last)
        near = (*near, moment > len(events) - CLOSING)
        kinds.setdefault(near, []).append(moment)
    rare = sorted(kinds.values(), key=len)
    return [
        chance.choice(chance.choice(rare)) if turn % 2 else chance.randrange(len(events) + 1) for turn in range(count)
    ]


def violations(
    disk: Any,
    before: dict[str, bytes],
    scratch: Path,
    count: int,
    relaxed: bool = False,
    seed: int = 1,
    at_the_end: bool = False,
) -> list[str]:
    """What is wrong in `count` states, each opened with the real code; `at_the_end`, all of them while it closes."""
    chance = random.Random(seed)
    moments = sorted(moments_of(disk.events, chance, count))
    if at_the_end:
        moments = sorted(len(disk.events) - chance.randrange(CLOSING) for _ in range(count))
    all_states = [event[2] for event in disk.events if event[0] == "promise"]
    model = Disk(before)
    done = 0
    wrong = []
    for number, moment in enumerate(moments):
        while done < moment:
            model.do(disk.events[done])
            done += 1
        directory = scratch / f"cut{number}"
        model.cut(directory, chance)
        promised = max(len(model.promises) - 1, 0)
        allowed = all_states[:2] if not model.promises else all_states[promised : promised + 2]
        if relaxed:
            allowed = all_states[: promised + 2]
        try:
            with pmemobj.open(directory / "pool") as pool:
                found = state_of(pool)
                if not pool.check().ok:
                    wrong.append(f"state {number} after event {moment}: damaged")
        except Exception as error:  # any error is a violation
            wrong.append(f"state {number} after event {moment}: {error!r}")
        else:
            if found not in allowed:
                wrong.append(f"state {number} after event {moment}: neither the state before nor the one after")
        shutil.rmtree(directory)
    return wrong


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_a_power_cut_leaves_what_was_promised(scratch: Path, short_journal: None, durability: str) -> None:
    (scratch / "made").mkdir()
    disk, before = record(scratch / "made", durability, 60, 8 * MIB)
    with tried_in_fork():
        wrong = violations(disk, before, scratch, STATES, durability == "relaxed")
        wrong += violations(disk, before, scratch, 2 * STATES // 5, durability == "relaxed", at_the_end=True)
    assert not wrong, wrong[:5]


# ---- mistakes on purpose -----------------------------------------------------------------------------


def _no_sync_before_the_promise(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal.Journal, "wait", lambda self: None)


def _checkpoint_before_the_records_are_durable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(journal.Journal, "_sync", lambda self: None)


def _pages_not_waited_for_at_a_checkpoint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(PoolSpace, "sync", lambda self: None)


class NoSync(FileOperations):
    def write(self, descriptor: int, data: Any, offset: int) -> None:
        recorder.write(descriptor, data, offset)

    def sync_data(self, descriptor: int) -> None:
        pass


def _checksum_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    def checksum(record: memoryview) -> int:
        return int.from_bytes(record[60:64], "little")

    patch.setattr(journal_format, "_checksum_of", checksum)


def _journal_not_durable_before_the_state_names_it(patch: pytest.MonkeyPatch) -> None:
    real = journal.NewJournal.__init__

    def make(self: Any, *arguments: Any) -> None:
        quiet = NoSync()
        quiet.sync = lambda descriptor: None  # type: ignore[method-assign]
        quiet.open = recorder.open  # type: ignore[method-assign]
        quiet.allocate = recorder.allocate  # type: ignore[method-assign]
        with standing_in(quiet):
            real(self, *arguments)

    patch.setattr(journal.NewJournal, "__init__", make)


def _state_written_before_the_pages_are_durable(patch: pytest.MonkeyPatch) -> None:
    def finish(self: Any, state_at: int, state: int) -> None:
        self._write_gathered()
        self._sync()
        self._write_pages(self._native.runs(self._base))
        self._space.write(state_at, state.to_bytes(8, "little"))
        self._space.sync()
        self._made.remove()

    patch.setattr(journal.Journal, "finish", finish)


def _journal_removed_before_the_file_is_durable(patch: pytest.MonkeyPatch) -> None:
    def finish(self: Any, state_at: int, state: int) -> None:
        self._write_gathered()
        self._sync()
        self._made.remove()
        recorder.sync(self._made.directory)
        self._write_pages(self._native.runs(self._base))
        self._space.sync()
        self._space.write(state_at, state.to_bytes(8, "little"))
        self._space.sync()

    patch.setattr(journal.Journal, "finish", finish)


def _lines_of_a_commit_left_out(patch: pytest.MonkeyPatch) -> None:
    real = journal_format.finish_record

    def finish(record: bytearray, pages: int, lines: int, header: Any, place: Any) -> Any:
        if place.sequence % 3 == 2:
            record[-512:] = bytes(512)
        return real(record, pages, lines, header, place)

    patch.setattr(journal_format, "finish_record", finish)


#: Each of these would lose data, and the states must show it.
MISTAKES = [
    _no_sync_before_the_promise,
    _checkpoint_before_the_records_are_durable,
    _pages_not_waited_for_at_a_checkpoint,
    _checksum_not_looked_at,
    _journal_not_durable_before_the_state_names_it,
    _state_written_before_the_pages_are_durable,
    _journal_removed_before_the_file_is_durable,
    _lines_of_a_commit_left_out,
]


#: Those that do harm only in the few moments in which the pool is closed, where most states are harmless, too.
WHILE_CLOSING = (_state_written_before_the_pages_are_durable, _journal_removed_before_the_file_is_durable)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__.strip("_"))
def test_a_mistake_is_found(scratch: Path, short_journal: None, monkeypatch: pytest.MonkeyPatch, mistake: Any) -> None:
    (scratch / "made").mkdir()
    with monkeypatch.context() as patch:
        mistake(patch)
        disk, before = record(scratch / "made", "full", 62, 8 * MIB)
        if mistake is not _checksum_not_looked_at:
            patch.undo()
            monkeypatch.undo()
        with tried_in_fork():
            for seed in range(1, 6):
                if violations(disk, before, scratch, 60, seed=seed, at_the_end=mistake in WHILE_CLOSING):
                    return
    raise AssertionError("not found in 300 states")
