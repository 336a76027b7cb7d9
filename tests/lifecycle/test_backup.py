"""A backup is a whole copy of the last commit, or there is none: in every mode, and whatever fails or is killed."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, put_away
from power_cuts import Disk, recorded
from soundness import assert_sound

import pmemobj
from pmemobj._durability.file_operations import FileOperations, standing_in
from pmemobj._durability.leftover import journal_path
from pmemobj._files import copies, storage
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import session
from pmemobj._pmdk import interposition, library

# What copies a pool is never compiled.
pytestmark = pytest.mark.once

library.load()
Pool = pmemobj.PersistentObjectPool

#: A backup differs by whether there is a journal. The other modes are tried by one test.
MODES = ["memory", *(() if interposition.problem() else ("full",))]
OTHER_MODES = ["in-place", *(() if interposition.problem() else ("relaxed",))]


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """What to ask for at open; where it matters, tmpfs is taken for a disk."""
    if request.param == "memory":
        return None
    monkeypatch.setattr(session, "medium_of", lambda _: Medium.DISK)
    return str(request.param)


@pytest.fixture(params=[8 * MIB, "auto"], ids=["file", "growing"])
def bank(request: pytest.FixtureRequest, mode: str | None, scratch: Path) -> Iterator[Pool]:
    """A pool with something of every kind in it."""
    pool = pmemobj.create(scratch / "bank", request.param, durability=mode)
    fill(pool)
    yield pool
    put_away(pool)


def fill(pool: Pool) -> None:
    pool.root = pool.persistent({"n": 0, "copy": 0, "list": list(range(3000)), "text": "x" * 5000, "dict": {}})
    for number in range(40):
        pool.root["dict"][f"key {number}"] = pool.persistent([number]) if number % 3 == 0 else number


def left_in(directory: Path) -> set[str]:
    return {name for name in os.listdir(directory) if not name.endswith("-journal")}


def contents(pool: Pool) -> Any:
    return pmemobj.to_python(pool.root)


@contextlib.contextmanager
def opened_copy(path: Path) -> Iterator[Pool]:
    """The copy, which must be a closed pool: no recovery, no journal, nothing to say."""
    found = pmemobj.inspect.find_pools(path.parent)
    assert {pool.path: pool.state.name for pool in found}[str(path)] == "CLOSED"
    assert not os.path.lexists(journal_path(str(path), path.is_dir()))
    report = pmemobj.check(path)
    assert report.ok and [finding.severity for finding in report.findings if finding.severity != "information"] == []
    with pmemobj.open(path) as pool:
        assert not pool.recovered
        assert_sound(pool)
        yield pool


# ---- the copy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [*MODES, *OTHER_MODES], indirect=True)
def test_a_backup_is_the_pool_as_of_its_last_commit(bank: Pool, scratch: Path) -> None:
    told: list[tuple[int, int]] = []
    bank.root["n"] = 1
    before = contents(bank)
    assert bank.backup(scratch / "copy", progress=lambda done, total: told.append((done, total))) is None
    assert told == sorted(told) and told[-1] == (bank.size, bank.size)
    # The pool goes on as before, and the copy has nothing of it.
    bank.root["n"] = 2
    with bank.transaction():
        bank.root["dict"].clear()
        bank.root["list"].extend(range(1000))
    bank.backup(str(scratch / "second"))
    after, limit = contents(bank), bank.max_size
    bank.close()
    for name, expected in (("copy", before), ("second", after)):
        with opened_copy(scratch / name) as pool:
            assert contents(pool) == expected and pool.max_size == limit
            pool.root["n"] = 77  # a pool like any other
        with pmemobj.open(scratch / name) as pool:
            assert pool.root["n"] == 77
    with pmemobj.open(scratch / "bank") as pool:
        assert contents(pool) == after


def test_a_growing_pool_is_copied_with_the_parts_that_it_has_got(mode: str | None, scratch: Path) -> None:
    with pmemobj.create(scratch / "bank", "auto", max_size=300 * MIB, durability=mode) as pool:
        fill(pool)
        pool.root["large"] = pool.new(pmemobj.PersistentArray, "q", range(2 * MIB))
        assert pool.size > 100 * MIB and len(list((scratch / "bank").glob("*.pmem"))) == 2
        pool.backup(scratch / "copy")
        before = contents(pool)
    with opened_copy(scratch / "copy") as pool:
        assert contents(pool) == before and pool.max_size == 300 * MIB
    assert {path.name for path in (scratch / "copy").iterdir()} == {"pool.set", "000000.pmem", "000001.pmem"}


def test_garbage_in_a_copy_is_collected_when_the_copy_is_closed(bank: Pool, scratch: Path) -> None:
    kept = bank.root["list"]
    bank.root["list"] = None  # only the variable keeps it now
    bank.backup(scratch / "copy")
    assert len(kept) == 3000
    bank.close()
    with opened_copy(scratch / "copy") as pool:
        used = pool.used
    with opened_copy(scratch / "copy") as pool:
        assert used - pool.used > 8 * 3000


def test_a_copy_has_the_permissions_of_the_original(scratch: Path) -> None:
    for name, size in (("file", 8 * MIB), ("growing", "auto")):
        with pmemobj.create(scratch / name, size, 0o600) as pool:
            pool.backup(scratch / f"{name} copy")
        files = [scratch / name, *(scratch / name).glob("*")]
        for file in files:
            copy = str(file).replace(name, f"{name} copy", 1)
            assert os.stat(copy).st_mode == os.stat(file).st_mode, copy


def test_a_copy_has_no_holes(scratch: Path) -> None:
    with pmemobj.create(scratch / "bank", 16 * MIB) as pool:
        pool.backup(scratch / "copy")
    assert os.stat(scratch / "copy").st_blocks * 512 >= 16 * MIB


# ---- what it refuses ---------------------------------------------------------------------------------


def test_not_in_a_transaction_of_this_thread(bank: Pool, scratch: Path) -> None:
    with bank.transaction():
        bank.root["n"] = 5
        with pytest.raises(pmemobj.TransactionError, match="commit or abort it first"):
            bank.backup(scratch / "copy")
    assert bank.root["n"] == 5 and left_in(scratch) == {"bank"}
    bank.backup(scratch / "copy")


def test_not_of_a_sandbox_nor_of_a_closed_pool(scratch: Path) -> None:
    pool = pmemobj.create(scratch / "bank", 8 * MIB)
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        pool.backup(scratch / "copy")
    with (
        pmemobj.open(scratch / "bank", sandbox=True) as pool,
        pytest.raises(pmemobj.SandboxError, match=r"pmemobj\.dump"),
    ):
        pool.backup(scratch / "copy")
    assert left_in(scratch) == {"bank"}


def test_not_over_anything_that_exists(bank: Pool, scratch: Path) -> None:
    (scratch / "file").write_bytes(b"precious")
    (scratch / "folder").mkdir()
    (scratch / "dangling").symlink_to(scratch / "nothing")
    (scratch / "was-journal").write_bytes(b"precious")
    before = left_in(scratch)
    for name, kind, why in (
        ("file", FileExistsError, "there is a file of that name"),
        ("folder", pmemobj.PoolExistsError, "there is a directory of that name"),
        ("dangling", FileExistsError, "there is a file"),
        ("bank", FileExistsError, "there is a file"),
        ("was", pmemobj.PoolExistsError, "may have the last commits"),
        ("nowhere/copy", pmemobj.PoolNotFoundError, "there is no directory"),
        ("file/copy", pmemobj.PoolNotFoundError, "there is no directory"),
        ("x" * 300, OSError, "name too long"),
    ):
        with pytest.raises(kind, match=why) as error:
            bank.backup(scratch / name)
        assert isinstance(error.value, pmemobj.PmemError) and error.value.what.startswith("back up pool ")
    with pytest.raises(pmemobj.PoolNotFoundError, match="the path is empty"):
        bank.backup("")
    with pytest.raises(TypeError, match="no path"):
        bank.backup(5)  # type: ignore[arg-type]
    assert left_in(scratch) == before and (scratch / "file").read_bytes() == b"precious"


def test_a_name_that_is_taken_meanwhile_stays_with_its_owner(bank: Pool, scratch: Path) -> None:
    with pytest.raises(pmemobj.PoolExistsError):
        bank.backup(scratch / "copy", progress=lambda *_: (scratch / "copy").write_bytes(b"theirs"))
    assert (scratch / "copy").read_bytes() == b"theirs" and left_in(scratch) == {"bank", "copy"}


def test_not_into_the_directory_of_a_growing_pool(bank: Pool, scratch: Path) -> None:
    if (scratch / "bank").is_file():  # beside itself is fine
        bank.backup(scratch / "bank.pmem")
        return
    before = set(os.listdir(bank.path))
    for name in ("copy", "000001.pmem"):
        with pytest.raises(pmemobj.PoolAccessError, match="is a growing pool"):
            bank.backup(scratch / "bank" / name)
    assert set(os.listdir(bank.path)) == before


def test_not_if_the_file_was_moved(bank: Pool, scratch: Path) -> None:
    os.rename(bank.path, scratch / "elsewhere")
    with pytest.raises(pmemobj.PoolNotFoundError, match="moved or removed"):
        bank.backup(scratch / "copy")
    os.rename(scratch / "elsewhere", bank.path)
    assert left_in(scratch) == {"bank"}


def test_progress_must_only_look(bank: Pool, scratch: Path) -> None:
    def change(done: int, total: int) -> None:
        bank.root["n"] = done

    with pytest.raises(pmemobj.TransactionError, match="let progress only look"):
        bank.backup(scratch / "copy", progress=change)
    assert left_in(scratch) == {"bank"}


# ---- what may happen meanwhile -----------------------------------------------------------------------


def test_while_another_thread_writes_every_copy_is_one_moment(bank: Pool, scratch: Path) -> None:
    stop, failures = threading.Event(), []

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                with bank.transaction():
                    bank.root["n"] = number
                    bank.root["list"][number % 3000] = number
                    bank.root["text"] = "y" * (number % 7000)
                    bank.root["copy"] = number
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while bank.root["n"] == 0:
            time.sleep(0.001)
        for number in range(4):
            bank.backup(scratch / f"copy {number}")
    finally:
        stop.set()
        thread.join()
    assert failures == []
    bank.close()
    seen = []
    for number in range(4):
        with opened_copy(scratch / f"copy {number}") as pool:
            assert pool.root["n"] == pool.root["copy"] > 0 and len(pool.root["text"]) == pool.root["n"] % 7000
            seen.append(pool.root["n"])
    assert seen == sorted(seen)


def test_it_waits_for_a_transaction_of_another_thread(bank: Pool, scratch: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def work() -> None:
        with bank.transaction():
            bank.root["n"] = 1
            inside.set()
            go_on.wait(30)
            bank.root["copy"] = 1

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait(30)
    threading.Timer(0.1, go_on.set).start()
    bank.backup(scratch / "copy")
    assert go_on.is_set()
    thread.join()
    bank.close()
    with opened_copy(scratch / "copy") as pool:
        assert pool.root["n"] == pool.root["copy"] == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_an_interrupt_leaves_nothing_behind(bank: Pool, scratch: Path, kind: type[BaseException]) -> None:
    def interrupt(done: int, total: int) -> None:
        raise kind

    with pytest.raises(kind):
        bank.backup(scratch / "copy", progress=interrupt)
    assert left_in(scratch) == {"bank"}
    bank.root["n"] = 9
    bank.backup(scratch / "copy")


OPERATIONS = ("open", "read", "write", "allocate", "sync", "sync_data", "link", "make_directory", "rename")


class FailingCopy(FileOperations):
    """Raises an error at the n-th operation on the files of a copy; counts them."""

    def __init__(self, fails_at: int, error: BaseException | None) -> None:
        self.count, self._fails_at, self._error = 0, fails_at, error

    def pass_by(self) -> None:
        self.count += 1
        if self.count == self._fails_at and self._error is not None:
            raise self._error


def _passing(name: str) -> Callable[..., Any]:
    def operation(self: FailingCopy, *arguments: Any, **more: Any) -> Any:
        if name != "link":  # where that fails, the file is renamed instead
            self.pass_by()
        return getattr(FileOperations, name)(self, *arguments, **more)

    return operation


for _name in OPERATIONS:
    setattr(FailingCopy, _name, _passing(_name))


@pytest.mark.parametrize("bank", [8 * MIB, "auto"], ids=["file", "growing"], indirect=True)
@pytest.mark.parametrize("mode", MODES[:1], indirect=True)
@pytest.mark.parametrize(
    "error, kind",
    [
        (OSError(errno.ENOSPC, "no space"), pmemobj.DiskFullError),
        (OSError(errno.EDQUOT, "quota"), pmemobj.DiskFullError),
        (OSError(errno.EIO, "input/output"), pmemobj.PoolAccessError),
        (OSError(errno.EACCES, "denied"), pmemobj.PoolPermissionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["ENOSPC", "EDQUOT", "EIO", "EACCES", "interrupt"],
)
def test_whatever_fails_there_is_no_copy(
    bank: Pool, scratch: Path, error: BaseException, kind: type[BaseException]
) -> None:
    (scratch / "there").mkdir()
    with standing_in(counter := FailingCopy(0, None)):
        bank.backup(scratch / "there" / "copy")
    storage.remove(str(scratch / "there" / "copy"))
    assert counter.count > 10
    for at in range(1, counter.count + 1):
        with standing_in(FailingCopy(at, error)), pytest.raises(kind) as raised:
            bank.backup(scratch / "there" / "copy")
        assert os.listdir(scratch / "there") == [], at
        if isinstance(raised.value, pmemobj.PmemError):
            assert raised.value.what.startswith("back up pool ") and raised.value.why and raised.value.todo
    bank.backup(scratch / "there" / "copy")
    bank.close()
    with opened_copy(scratch / "there" / "copy"):
        pass


def test_without_hard_links_the_file_is_renamed(scratch: Path) -> None:
    class NoLinks(FileOperations):
        def link(self, old: str, new: str, directory: int) -> None:
            raise OSError(errno.EPERM, "no hard links")

    with pmemobj.create(scratch / "bank", 8 * MIB) as pool:
        fill(pool)
        with standing_in(NoLinks()):
            pool.backup(scratch / "copy")
            with pytest.raises(pmemobj.PoolExistsError):
                pool.backup(scratch / "other", progress=lambda *_: (scratch / "other").write_bytes(b""))
    assert left_in(scratch) == {"bank", "copy", "other"} and (scratch / "other").read_bytes() == b""
    with opened_copy(scratch / "copy"):
        pass


def test_a_disk_that_is_full_in_earnest(bank: Pool, scratch: Path) -> None:
    """The system itself refuses: no file may become longer than 1 MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    bank.backup(scratch / "first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, before[1]))
    try:
        with pytest.raises(pmemobj.DiskFullError, match="no room for the copy"):
            bank.backup(scratch / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert left_in(scratch) == {"bank", "first"}


KILLED = """
import os, signal, sys
import pmemobj
from pmemobj._durability import file_operations
path, target, at = sys.argv[1], sys.argv[2], int(sys.argv[3])
pool = pmemobj.open(path)
count = 0

class Mortal(file_operations.FileOperations):
    pass

def dying(name):
    def operation(self, *arguments, **more):
        global count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(file_operations.FileOperations, name)(self, *arguments, **more)
    return operation

for name in ("open", "read", "write", "allocate", "sync", "link", "make_directory", "rename", "close"):
    setattr(Mortal, name, dying(name))
file_operations.current = Mortal()
pool.backup(target)
print(count)
"""


@pytest.mark.parametrize("size", [8 * MIB, "auto"], ids=["file", "growing"])
def test_a_killed_backup_leaves_no_half_file_under_its_name(scratch: Path, run_python: Any, size: int | str) -> None:
    (scratch / "there").mkdir()
    with pmemobj.create(scratch / "bank", size) as pool:
        fill(pool)
        expected = contents(pool)
    count = int(run_python(KILLED, scratch / "bank", scratch / "there" / "copy", 0).stdout)
    storage.remove(str(scratch / "there" / "copy"))
    complete = 0
    for at in (1, count // 2, count - 3, count - 2, count):
        run_python(KILLED, scratch / "bank", scratch / "there" / "copy", at, check=False)
        names = os.listdir(scratch / "there")
        assert all(name == "copy" or storage._TEMPORARY.fullmatch(name) for name in names), names
        if "copy" in names:  # only a whole one has the name
            complete += 1
            with pmemobj.open(scratch / "there" / "copy") as pool:
                assert contents(pool) == expected and not pool.recovered
            storage.remove(str(scratch / "there" / "copy"))
    assert 0 < complete < 5
    # What the killed ones have left goes with the next.
    with pmemobj.open(scratch / "bank") as pool:
        pool.backup(scratch / "there" / "copy")
    assert os.listdir(scratch / "there") == ["copy"]


def wrong_after_a_power_cut(scratch: Path, forgotten: Callable[[Any], bool] = lambda _: False) -> str:
    """Cut the power after each operation of a backup, some times; what is wrong in the first state that has an error.

    The operations that are `forgotten` are left out, as if the backup did not do them.
    """
    there, cut, chance = scratch / "there", scratch / "cut", random.Random(5)
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir()
    with pmemobj.open(scratch / "bank") as pool:
        expected = contents(pool)
        with recorded(there) as (recording, before):
            pool.backup(there / "copy")
    events = [event for event in recording.events if not forgotten(event)]
    for end in range(len(events) + 1):
        disk = Disk(before)
        for event in events[:end]:
            disk.do(event)
        for _ in range(4):
            shutil.rmtree(cut, ignore_errors=True)
            disk.cut(cut, chance)
            if not (cut / "copy").exists():
                if end == len(events):
                    return "it has returned, and there is no copy"
                continue
            try:
                with pmemobj.open(cut / "copy") as pool:
                    assert contents(pool) == expected and not pool.recovered
            except (pmemobj.PmemError, AssertionError) as error:
                return f"after {end} of {len(events)} operations: {error}"
    return ""


def test_after_a_power_cut_there_is_a_whole_copy_or_none(scratch: Path) -> None:
    with pmemobj.create(scratch / "bank", 8 * MIB) as pool:
        fill(pool)
    assert wrong_after_a_power_cut(scratch) == ""
    # Without the sync of the file, or of its directory, that would be found.
    assert wrong_after_a_power_cut(scratch, lambda event: event[0] == "sync" and event[1] != ".").startswith("after ")
    assert "there is no copy" in wrong_after_a_power_cut(scratch, lambda event: event[:2] == ("sync", "."))


@pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")
def test_no_room_for_the_checkpoint_that_a_journal_needs(
    scratch: Path, as_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pmemobj.create(scratch / "bank", 8 * MIB, durability="full") as pool:
        fill(pool)
        with monkeypatch.context() as patched:
            patched.setattr(type(pool._heap.journal), "checkpoint", lambda _, for_others: False)
            with pytest.raises(pmemobj.DiskFullError, match="must be written to its file first"):
                pool.backup(scratch / "copy")
        assert left_in(scratch) == {"bank"}
        pool.backup(scratch / "copy")
    put_away(pool)


def test_blocks_of_zeros_and_odd_sizes_are_copied(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_AT_ONCE", 4096 * 3)
    monkeypatch.setattr(copies, "_ZEROS", bytes(4096 * 3))
    with pmemobj.create(scratch / "bank", 9 * MIB + 4096) as pool:
        fill(pool)
        pool.backup(scratch / "copy")
        original = bytearray((scratch / "bank").read_bytes())
        at = pool._heap.root_offset + 32
    copy = (scratch / "copy").read_bytes()
    original[at : at + 8] = copy[at : at + 8]  # the state is another
    assert copy == original
