"""The history of a pool with a journal: how many records, bytes and syncs each commit took."""

from __future__ import annotations

import dataclasses
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import MIB, PATIENCE

import pmemobj
from pmemobj import LogEntry, PersistentObjectPool
from pmemobj._durability.file_operations import FileOperations, standing_in
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def made(path: Path, durability: str) -> Pool:
    pool = pmemobj.create(path, 16 * MIB, durability=durability)
    pool.root = pool.persistent({"n": 0, "list": list(range(2000)), "dict": {}})
    pool.root["list"].append(1)
    pool.log.start()
    return pool


@pytest.fixture
def game(scratch: Path, as_disk: None) -> Iterator[Pool]:
    """A pool with a journal, in full mode, whose log has just been started."""
    with made(scratch / "pool", "full") as pool:
        yield pool


def change(pool: Pool) -> None:
    """Change the pool in each of the ways that are atomic."""
    pool.root["n"] = 1
    pool.root["n"] = LONG
    pool.root["list"].append(60)
    pool.root["new"] = 1
    with pool.transaction():
        pool.root["n"] = 2
        pool.root["list"][0] = LONG
        del pool.root["list"][1000:]


def test_each_commit_is_a_record_and_a_sync(game: Pool) -> None:
    before = game._heap.journal.records, game._heap.journal.written, game._heap.journal.syncs
    change(game)
    entries = game.log.entries
    assert [(entry.records, entry.syncs, entry.checkpoints) for entry in entries] == [(1, 1, 0)] * 5
    assert [entry.journal for entry in entries[:1]] == ["1 record (512 bytes), 1 sync"]
    assert all(entry.record_bytes % 512 == 0 and entry.record_bytes >= 512 for entry in entries)
    journal = game._heap.journal
    told = tuple(sum(getattr(entry, name) for entry in entries) for name in ("records", "record_bytes", "syncs"))
    assert told == (journal.records - before[0], journal.written - before[1], journal.syncs - before[2])


def test_what_one_line_does_again_and_again_is_added_up(game: Pool) -> None:
    for number in range(5):
        game.root["n"] = number
    (entry,) = game.log.entries
    assert (entry.times, entry.records, entry.syncs) == (5, 5, 5)
    assert entry.journal == "5 records (2,560 bytes), 5 syncs"


def test_what_only_reads_or_is_rolled_back_writes_nothing(game: Pool) -> None:
    for _ in range(2):
        with game.transaction():
            assert game.root["n"] == 0
    with pytest.raises(ZeroDivisionError), game.transaction():
        game.root["n"] = 1
        raise ZeroDivisionError
    outcomes = [("committed", ""), ("committed", ""), ("rolled back", "")]
    assert [(entry.outcome, entry.journal) for entry in game.log.entries] == outcomes
    # What the roll-back has put back was flushed, so the next commit has it, even one that changes nothing.
    with game.transaction():
        assert game.root["n"] == 0
    assert game.log.entries[-1].records == 1


def test_relaxed_commits_wait_for_nothing(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool", "relaxed") as pool:
        change(pool)
        pool.sync()  # this belongs to no commit
        pool.gc()
        assert [(entry.records, entry.syncs) for entry in pool.log.entries] == [(1, 0)] * 5
        assert pool.log.entries[0].journal == "1 record (512 bytes), no sync"


def test_without_a_journal_there_is_nothing_to_tell(scratch: Path, pool: Pool, as_disk: None) -> None:
    pool.root = pool.persistent({"n": 0, "list": list(range(2000))})
    pool.log.start()
    with made(scratch / "pool", "in-place") as other:
        for each in (pool, other):
            change(each)
            assert [entry.journal for entry in each.log.entries] == [""] * 5


def test_a_commit_that_finds_the_journal_full_tells_of_its_checkpoint(scratch: Path, short_journal: None) -> None:
    with made(scratch / "pool", "full") as pool:
        while not pool._heap.journal.checkpoints > 2:
            with pool.transaction():
                pool.root["list"][:] = range(2000)
        with_checkpoint = [entry for entry in pool.log.entries if entry.checkpoints]
        assert with_checkpoint and "checkpoint" in with_checkpoint[0].journal


class WaitingDisk(FileOperations):
    """A sync waits until it may go on."""

    def __init__(self) -> None:
        self.is_syncing, self.may_go_on = threading.Event(), threading.Event()

    def sync_data(self, descriptor: int) -> None:
        self.is_syncing.set()
        assert self.may_go_on.wait(PATIENCE)
        super().sync_data(descriptor)


def test_a_sync_counts_for_the_thread_that_waited_for_it(game: Pool) -> None:
    """The first thread waits in its sync; two others commit meanwhile, and one of these syncs for both."""
    lists = [game.new(pmemobj.PersistentList, [0]) for _ in range(3)]
    game.root["lists"] = game.persistent(lists)
    game.log.clear()
    disk, journal = WaitingDisk(), game._heap.journal

    def commit(number: int) -> None:
        with game.transaction():
            lists[number][0] = 1

    threads = [threading.Thread(target=commit, args=(number,)) for number in range(3)]
    with standing_in(disk):
        threads[0].start()
        assert disk.is_syncing.wait(PATIENCE)
        for thread in threads[1:]:
            thread.start()
        end = time.monotonic() + PATIENCE
        while journal.records - journal._durable < 3 and time.monotonic() < end:
            time.sleep(0.01)
        disk.may_go_on.set()
        for thread in threads:
            thread.join(PATIENCE)
    assert [entry.records for entry in game.log.entries] == [1, 1, 1]
    assert [entry.syncs for entry in game.log.entries] in ([1, 1, 0], [1, 0, 1])


def test_a_log_that_is_stopped_is_told_nothing(game: Pool) -> None:
    game.root["n"] = 1
    game.log.stop()
    game.root["n"] = 2
    assert game._heap.journal.observer is None
    assert [entry.records for entry in game.log.entries] == [1]


def test_it_goes_on_with_the_journal_of_a_pool_that_was_resumed(game: Pool) -> None:
    game.suspend()
    game.resume()
    game.root["n"] = 1
    assert game.log.entries[-1].journal == "1 record (512 bytes), 1 sync"


def test_entries_of_an_earlier_version_are_read(game: Pool) -> None:
    game.root["n"] = 1
    (entry,) = game.log.entries
    assert pickle.loads(pickle.dumps(entry)) == entry
    values = [getattr(entry, field.name) for field in dataclasses.fields(entry)]
    old = object.__new__(LogEntry)
    old.__setstate__(values[:-4])
    assert (old.records, old.record_bytes, old.syncs, old.checkpoints) == (0, 0, 0, 0)
    # As keys of a pool they would not be found if fields that they lack counted.
    assert old == entry and hash(old) == hash(entry) and "records" not in repr(entry)
    assert old.journal == "" and old.title == entry.title
