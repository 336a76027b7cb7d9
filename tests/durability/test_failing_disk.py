"""What happens when the disk is full, or fails, at each operation on a file."""

from __future__ import annotations

import errno
import mmap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from mortal import tried_in_fork
from power_cuts import beside

import pmemobj
from pmemobj._durability.file_operations import Data, FileOperations, standing_in
from pmemobj._pmdk import interposition, library
from pmemobj.errors import DiskFullError, NotDurableError, PmemError

library.load()
pytestmark = [
    # What is tried here is the journal, which is never compiled.
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]

CHANGING = ("open", "write", "allocate", "truncate", "sync_data", "sync", "unlink")


class FailingDisk(FileOperations):
    """Lets the n-th of the operations that `which` names fail, and, if `for_good`, all that follow."""

    def __init__(self, fails_at: int, code: int, which: tuple[str, ...] = CHANGING, for_good: bool = False) -> None:
        self.count, self._fails_at, self._code, self._which, self._for_good = 0, fails_at, code, which, for_good
        self.failed = ""

    def _pass(self, name: str) -> None:
        if name in self._which:
            self.count += 1
            if self.count == self._fails_at or (self._for_good and self.count > self._fails_at):
                self.failed = self.failed or name
                raise OSError(self._code, "the disk of this test")


    def store(self, mapped: mmap.mmap, descriptor: int, data: Data, offset: int) -> None:
        """As on a file system whose files cannot be mapped: a store never fails, and a write may."""
        self.write(descriptor, data, offset)


def _passing(name: str) -> Callable[..., Any]:
    def operation(self: FailingDisk, *arguments: Any, **more: Any) -> Any:
        self._pass(name)
        return getattr(FileOperations, name)(self, *arguments, **more)

    return operation


for _name in CHANGING:
    setattr(FailingDisk, _name, _passing(_name))


def use(path: Path, promised: list[int], durability: str = "full") -> None:
    """Commits of every kind; each is promised when it returns."""
    with pmemobj.open(path, durability=durability) as pool:
        for number in range(24):
            if number % 4 == 3:
                with pool.transaction():
                    pool.root["list"].extend(range(1500))
                    del pool.root["list"][: len(pool.root["list"]) - 5]
                    pool.root["n"] = number
            else:
                pool.root["n"] = number
            promised.append(number)


@pytest.fixture
def path(scratch: Path, short_journal: None) -> Path:
    with pmemobj.create(scratch / "pool", 8 * MIB, durability="full") as pool:
        pool.root = pool.persistent({"n": -1, "list": []})
    return scratch / "pool"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("for_good", [False, True])
def test_an_operation_that_fails_costs_no_promise(path: Path, code: int, for_good: bool) -> None:
    original = path.read_bytes()
    with standing_in(FailingDisk(0, code)) as _, tried_in_fork():
        counter = FailingDisk(0, code)
        with standing_in(counter):
            use(path, [])
        kinds = set()
        for at in range(1, counter.count + 1, 1 if counter.count < 90 else 3):
            path.write_bytes(original)
            promised: list[int] = []
            disk = FailingDisk(at, code, for_good=for_good)
            with standing_in(disk), suppress(PmemError):  # a failure is an error of this package, and no other
                use(path, promised)
            kinds.add(disk.failed)
            with pmemobj.open(path, durability="in-place") as pool:
                last = promised[-1] if promised else -1
                assert pool.root["n"] in (last, last + 1), f"operation {at} ({disk.failed}), promised {last}"
                assert pool.check().ok
            beside(path).unlink(missing_ok=True)
    assert {"write", "sync_data", "sync", "unlink"} <= kinds


def test_a_transaction_without_room_is_rolled_back_and_the_pool_goes_on(path: Path) -> None:
    with pmemobj.open(path, durability="full") as pool, standing_in(FailingDisk(1, errno.ENOSPC, ("allocate",), True)):
        pool.root["n"] = 1
        with pytest.raises(DiskFullError, match="no room for a record"), pool.transaction():
            pool.root["n"] = 2
            pool.root["list"].extend(range(20_000))
        assert pool.root["n"] == 1 and pool.root["list"] == []
        for number in range(3, 400):
            pool.root["n"] = number
        assert pool._heap.journal.checkpoints > 1, "a checkpoint makes room where the journal cannot become longer"
    with pmemobj.open(path) as pool:
        assert pool.root["n"] == 399 and pool.root["list"] == []


@pytest.mark.parametrize("which", ["write", "sync_data"])
def test_a_pool_whose_disk_has_failed_refuses_changes(path: Path, which: str) -> None:
    pool = pmemobj.open(path, durability="full")
    pool.root["n"] = 1
    with standing_in(FailingDisk(1, errno.EIO, (which,))), pytest.raises(NotDurableError, match="the disk has failed"):
        pool.root["n"] = 2
    for change in (
        lambda: pool.root.update(n=3),
        lambda: pool.root["list"].append(1),
        lambda: pool.root.__setitem__("text", "x" * 1000),
        lambda: pool.transaction().begin(),
        pool.sync,
    ):
        with pytest.raises(NotDurableError, match="open the pool again"):
            change()
    assert pool.root["n"] == 2, "reading goes on"
    with pytest.raises(NotDurableError):
        pool.close()
    assert pool.closed
    with pmemobj.open(path) as again:
        assert again.root["n"] in (1, 2) and again.recovered


def test_the_pool_is_in_place_where_no_journal_can_be_made(
    path: Path, monkeypatch: pytest.MonkeyPatch, scratch: Path
) -> None:
    from pmemobj._lifecycle import modes

    for code, kind in ((errno.EROFS, pmemobj.errors.PoolPermissionError), (errno.ENOSPC, DiskFullError)):

        class NoJournal(FileOperations):
            def open(self, path: str, flags: int, mode: int = 0o600, directory: int | None = None) -> int:
                if path.endswith("-journal") and flags & 0o100:
                    raise OSError(code, "")  # noqa: B023
                return super().open(path, flags, mode, directory)

        with standing_in(NoJournal()):
            with pytest.raises(kind, match="cannot be made"):
                pmemobj.open(path, durability="full")
            with pytest.raises(kind, match="cannot be made"):
                pmemobj.create(scratch / f"new{code}", 8 * MIB, durability="relaxed")
            monkeypatch.setattr(modes, "DEFAULT_ON_DISK", "full")
            with pmemobj.open(path) as pool:
                assert pool.durability == "in-place"
                pool.root["n"] += 1
            with pmemobj.create(scratch / f"new{code}", 8 * MIB) as pool:
                assert pool.durability == "in-place"
                pool.root = 1
            with pmemobj.open(scratch / f"new{code}") as pool:
                assert pool.root == 1 and not pool.recovered
