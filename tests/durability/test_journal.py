"""The journal of an open pool: what a commit writes, checkpoints, threads, modes."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from power_cuts import beside

import pmemobj
from pmemobj._durability import journal_format
from pmemobj._durability.file_operations import FileOperations, standing_in
from pmemobj._durability.journal_format import RECORDS
from pmemobj._pmdk import interposition, library
from pmemobj.errors import DurabilityError

library.load()
pytestmark = pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")


def made(path: Path, durability: str = "full", **how: Any) -> pmemobj.PersistentObjectPool:
    pool = pmemobj.create(path, how.pop("size", 16 * MIB), durability=durability, **how)
    pool.root = pool.persistent({"n": 0, "list": list(range(2000)), "dict": {}})
    return pool


def records_of(pool: pmemobj.PersistentObjectPool, change: Callable[[], Any]) -> int:
    before = pool._heap.journal.records
    change()
    return pool._heap.journal.records - before


def test_an_operation_is_one_record(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool") as pool:
        root = pool.root

        def in_transaction() -> None:
            with pool.transaction():
                root["n"] = 5
                root["list"].extend(range(500))
                root["dict"].update({str(number): number for number in range(50)})

        root["list"].append(1)
        root["dict"]["a"] = 1
        for change in (
            lambda: root.__setitem__("n", 1),  # a store
            lambda: root.__setitem__("n", "x" * 1000),  # a publication
            lambda: root["list"].append(3),  # two stores, of which the first means nothing
            lambda: root["dict"].__setitem__("b", 2),  # a new key
            lambda: root["list"].extend([1, 2, 3]),  # a statement
            in_transaction,
        ):
            assert records_of(pool, change) == 1
        assert records_of(pool, lambda: [len(root), list(root["list"])]) == 0
        assert pool._heap.journal.syncs == pool._heap.journal._durable or pool._heap.journal.syncs > 0


def test_a_record_has_little_more_than_what_has_changed(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool") as pool:
        pool.root["dict"].update({str(number): number for number in range(30_000)})
        journal = pool._heap.journal
        for change, most in (
            (lambda: pool.root.__setitem__("n", 1), 512),
            (lambda: pool.root["dict"].__setitem__("new", 1), 1024),
            (lambda: pool.root["list"].append(1), 1024),
        ):
            change()
            before = journal.written
            change()
            assert journal.written - before <= most


def test_checkpoints_bound_the_journal_and_the_memory(scratch: Path, short_journal: None) -> None:
    with made(scratch / "pool", size=32 * MIB) as pool:
        journal = pool._heap.journal
        pool.root["big"] = pool.persistent([0] * 1_000_000)
        for number in range(3000):
            pool.root["big"][number * 331 % 1_000_000] = number
        assert journal.checkpoints > 10
        assert beside(scratch / "pool").stat().st_size <= 256 << 10
        assert private_memory(pool) < 4 << 20
        for number in range(3000):
            assert pool.root["big"][number * 331 % 1_000_000] == number
    with pmemobj.open(scratch / "pool") as pool:
        assert pool.root["big"][331] == 1


class CopyWhenCut(FileOperations):
    """Copies a directory at each moment at which a file was made shorter: what a kill then would leave."""

    def __init__(self, directory: Path, copies: Path) -> None:
        self._directory, self._copies = directory, copies
        self.made: list[Path] = []

    def truncate(self, descriptor: int, size: int) -> None:
        super().truncate(descriptor, size)
        self.made.append(self._copies / str(len(self.made)))
        shutil.copytree(self._directory, self.made[-1])


def test_a_long_journal_is_not_cut_as_long_as_its_records_are_needed(scratch: Path, short_journal: None) -> None:
    """Otherwise a program that is killed then has old lines of the first records over new pages of the file."""
    (scratch / "made").mkdir()
    files = CopyWhenCut(scratch / "made", scratch)
    with made(scratch / "made" / "pool") as pool, standing_in(files):
        root = pool.root
        for number in range(1, 4):
            root["n"] = -number
            with pool.transaction():
                root["n"] = number
                root["list"] = pool.persistent(list(range(number * 20_000)))
    assert len(files.made) >= 3
    for number, left in enumerate(files.made[:3], 1):
        with pmemobj.open(left / "pool") as pool:
            assert pool.root["n"] == number and len(pool.root["list"]) == number * 20_000
            assert pool.check().ok


def private_memory(pool: pmemobj.PersistentObjectPool) -> int:
    """Bytes of the mapping that the process has for itself."""
    begin = f"{pool._heap.base:x}-"
    with open("/proc/self/smaps", encoding="utf-8") as maps:
        lines = iter(maps)
        for line in lines:
            if line.startswith(begin):
                for fact in lines:
                    if fact.startswith("Anonymous:"):
                        return int(fact.split()[1]) << 10
    raise AssertionError("the mapping is not listed")


class SlowDisk(FileOperations):
    """A sync takes a while, so that threads meet at it."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync_data(self, descriptor: int) -> None:
        time.sleep(0.05)
        super().sync_data(descriptor)
        self.syncs += 1


@pytest.mark.parametrize("in_transactions", [True, False])
def test_threads_share_a_sync(scratch: Path, as_disk: None, in_transactions: bool) -> None:
    with made(scratch / "pool") as pool:
        disk = SlowDisk()
        reached = dict.fromkeys(range(8), 0)

        def commit(key: int) -> None:
            for number in range(5):
                with pool.transaction() if in_transactions else contextlib.nullcontext():
                    pool.root["dict"][str(key)] = number
                reached[key] = pool._heap.journal._durable

        threads = [threading.Thread(target=commit, args=(key,)) for key in range(8)]
        with standing_in(disk):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert pool._heap.journal._durable == pool._heap.journal.records
        assert all(durable >= 5 for durable in reached.values())
        assert disk.syncs <= 25, "each of 40 commits has waited, and not for one sync each"
        assert dict(pool.root["dict"]) == {str(key): 4 for key in range(8)}


def test_a_statement_returns_when_it_is_durable(scratch: Path, as_disk: None) -> None:
    """Whatever takes the lock of the pool around it: methods of containers do, and sorting, and collecting garbage."""
    with made(scratch / "pool") as pool:
        journal = pool._heap.journal
        root, numbers = pool.root, pool.root["list"]
        numbers.extend([3, 1, 2])
        for change in (
            lambda: root.update(n=2),
            lambda: numbers.append("a text that needs memory of its own"),
            lambda: numbers.__setitem__(0, "another one that needs memory"),
            lambda: numbers.reverse(),
            lambda: root["dict"].clear(),
            lambda: root.pop("n"),
            lambda: setattr(pool, "root", root),
            pool.gc,
        ):
            before = journal.records
            change()
            assert journal.records >= before and journal._durable == journal.records
        assert journal.records >= 8


def test_relaxed_waits_only_when_it_is_asked_to(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool", "relaxed") as pool:
        journal = pool._heap.journal
        pool.sync()
        before = journal.syncs
        for number in range(50):
            pool.root["n"] = number
        assert journal.syncs == before
        pool.sync()
        pool.sync()
        assert journal.syncs == before + 1
        assert pool.durability == "relaxed"


def test_sync_is_for_every_pool(pool: pmemobj.PersistentObjectPool) -> None:
    pool.sync()
    pool.close()
    with pytest.raises(pmemobj.errors.PoolClosedError):
        pool.sync()


@pytest.mark.skipif(not pmemobj.compiled, reason="uncompiled, Python 3.11 has no buffers of our objects")
def test_a_buffer_outlives_the_journal(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool") as pool:
        pool.root["data"] = pool.new(pmemobj.PersistentByteArray, b"abc" * 1000)
        view = memoryview(pool.root["data"])
        pool._heap.journal.checkpoint()
        assert view == b"abc" * 1000
        with pytest.warns(ResourceWarning):
            pool.__exit__(None, None, None)
    assert view == b"abc" * 1000
    assert not beside(scratch / "pool").exists()
    del view
    with pmemobj.open(scratch / "pool") as pool:
        assert pool.root["data"] == b"abc" * 1000


def test_suspending_leaves_one_file(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool") as pool:
        root = pool.root
        pool.suspend()
        assert not beside(scratch / "pool").exists()
        with pmemobj.open(scratch / "pool") as other:
            other.root["n"] = 7
        pool.resume()
        assert root["n"] == 7 and beside(scratch / "pool").exists()
        root["n"] = 8
    with pmemobj.open(scratch / "pool") as pool:
        assert pool.root["n"] == 8 and not pool.recovered


def test_the_thread_of_a_transaction_ends(scratch: Path, as_disk: None) -> None:
    with made(scratch / "pool") as pool:

        def leave() -> None:
            pool.transaction().begin()
            pool.root["n"] = 99

        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        assert pool.abandon_transaction()
        assert pool.root["n"] == 0
        pool.root["n"] = 1
    with pmemobj.open(scratch / "pool") as pool:
        assert pool.root["n"] == 1


def test_a_new_pool_is_one_file_when_it_is_closed(scratch: Path, as_disk: None) -> None:
    for name, size in (("one", 8 * MIB), ("grows", "auto")):
        with pmemobj.create(scratch / name, size, durability="full") as pool:
            pool.root = 1
            assert beside(scratch / name).exists()
        assert not beside(scratch / name).exists()
        with pmemobj.open(scratch / name) as pool:
            assert pool.root == 1 and not pool.recovered


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"durability": "fast"}, "is unknown"),
        ({"durability": 1}, "is unknown"),
        ({"durability": "full"}, "everything on tmpfs is lost"),
        ({"durability": "relaxed"}, "everything on tmpfs is lost"),
        ({"durability": "full", "sandbox": True}, "whose changes vanish at close"),
    ],
)
def test_a_wrong_durability_is_told(pool_path: str, how: dict[str, Any], why: str) -> None:
    pmemobj.create(pool_path, 8 * MIB).close()
    with pytest.raises(DurabilityError, match=why):
        pmemobj.open(pool_path, **how)


def test_in_place_can_be_had_everywhere(pool_path: str, tmp_path: Path) -> None:
    for path in (pool_path, tmp_path / "pool"):
        with pmemobj.create(path, 8 * MIB, durability="in-place") as pool:
            assert pool.durability == "in-place"


def test_persistent_memory_is_full_and_never_relaxed(pool_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pmemobj._files.medium import Medium
    from pmemobj._lifecycle import session

    monkeypatch.setattr(session, "medium_of", lambda _: Medium.DAX)
    with pmemobj.create(pool_path, 8 * MIB) as pool:
        assert pool.durability == "full" and pool._heap.journal is None
    with pytest.raises(DurabilityError, match="waits for nothing"):
        pmemobj.open(pool_path, durability="relaxed")


def test_without_the_module_a_journal_is_refused(scratch: Path, run_python: Callable[..., Any]) -> None:
    run_python(
        "import sys\nsys.modules['pmemobj._pmdk._interposer'] = None\nimport pmemobj\n"
        "from pmemobj._lifecycle import session\nfrom pmemobj._files.medium import Medium\n"
        "session.medium_of = lambda _: Medium.DISK\n"
        "try: pmemobj.create('pool', 8 << 20, durability='full')\n"
        "except pmemobj.errors.DurabilityError as error: assert 'was not built' in str(error)\n"
        "else: raise AssertionError\n"
    )


def demand_readable(pool: pmemobj.PersistentObjectPool) -> None:
    """A replay would find the last record."""
    journal = pool._heap.journal
    data = beside(Path(pool.path)).read_bytes()
    header = journal_format.read_header(data)
    assert header == journal._header
    sequences = [record.sequence for record in journal_format.whole_records(memoryview(data)[RECORDS:], header)]
    assert sequences == list(range(journal.records - len(sequences), journal.records))
    assert sequences or journal._place.position == RECORDS


def test_an_interrupt_at_any_operation_loses_nothing(scratch: Path, short_journal: None) -> None:
    """A KeyboardInterrupt arrives at each operation on a file in turn; the program goes on after it."""

    class Interrupting(FileOperations):
        def __init__(self, at: int) -> None:
            self.left = at

        def _count(self) -> None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

        def write(self, descriptor: int, data: Any, offset: int) -> None:
            if self.left % 2:
                self._count()
            super().write(descriptor, data, offset)
            if self.left % 2 == 0:
                self._count()

        def sync_data(self, descriptor: int) -> None:
            super().sync_data(descriptor)
            self._count()

        def sync(self, descriptor: int) -> None:
            self._count()
            super().sync(descriptor)

    with made(scratch / "pool", size=8 * MIB) as pool:
        done = 0
        for turn in range(1, 120):
            with standing_in(Interrupting(turn)):
                for number in range(turn * 1000, turn * 1000 + 60):
                    try:
                        with pool.transaction():
                            pool.root["n"] = number
                            pool.root["list"][number % 2000] = number
                        done = number
                    except KeyboardInterrupt:
                        break
            assert pool.root["n"] in (done, number)
            done = pool.root["n"]
            pool.root["dict"]["turn"] = turn
            demand_readable(pool)
            if turn % 10 == 0:
                left = scratch / f"left{turn}"
                left.mkdir()
                for file in (scratch / "pool", beside(scratch / "pool")):
                    (left / file.name).write_bytes(file.read_bytes())
        last = pool.root["n"]
        items = list(pool.root["list"])
    with pmemobj.open(scratch / "pool", durability="in-place") as pool:
        assert pool.root["n"] == last and list(pool.root["list"]) == items
    for left in scratch.glob("left*"):
        with pmemobj.open(left / "pool", durability="in-place") as pool:
            number = pool.root["n"]
            assert pool.root["list"][number % 2000] == number and pool.check().ok


@pytest.mark.parametrize("after", ["write", "sync"])
def test_an_interrupt_in_the_beginning_of_a_generation_loses_nothing(
    scratch: Path, short_journal: None, after: str
) -> None:
    class Interrupting(FileOperations):
        is_header = False
        count = 0

        def write(self, descriptor: int, data: Any, offset: int) -> None:
            super().write(descriptor, data, offset)
            self.is_header = offset < RECORDS and len(data) == 512
            if self.is_header and after == "write":
                self.count += 1
                raise KeyboardInterrupt

        def sync_data(self, descriptor: int) -> None:
            super().sync_data(descriptor)
            if self.is_header and after == "sync":
                self.is_header = False
                self.count += 1
                raise KeyboardInterrupt

    with made(scratch / "pool", size=8 * MIB) as pool:
        disk = Interrupting()
        number = 0
        with standing_in(disk):
            while disk.count == 0:
                number += 1
                with suppress(KeyboardInterrupt):
                    pool.root["n"] = number
        pool.root["n"] = -1
        demand_readable(pool)
        for number in range(1000):
            pool.root["n"] = number
            if number % 100 == 0:
                demand_readable(pool)
    with pmemobj.open(scratch / "pool", durability="in-place") as pool:
        assert pool.root["n"] == 999
