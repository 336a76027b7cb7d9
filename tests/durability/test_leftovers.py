"""What may lie beside a pool that was not closed, and what becomes of it; nothing is lost without a word."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from forks import in_child
from mortal import tried_in_fork
from power_cuts import beside, recorded

import pmemobj
from pmemobj import inspect
from pmemobj._durability import journal_format, leftover
from pmemobj._durability.journal_format import RECORDS, SECTOR
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
    pytest.mark.filterwarnings("error"),
    pytest.mark.once,
]
Killed = Callable[..., Path]


@pytest.fixture(autouse=True)
def quick_trials() -> Any:
    with tried_in_fork():
        yield


def fill(pool: pmemobj.PersistentObjectPool) -> None:
    pool.root = pool.persistent([1, 2, 3])
    pool.root.append(4)
    with pool.transaction():
        pool.root.extend([5, 6])


FULL = [1, 2, 3, 4, 5, 6]


def contents(path: Path) -> bytes:
    return path.read_bytes() + beside(path).read_bytes()


def demand(path: Path, values: list[int] = FULL) -> None:
    with pmemobj.open(path, durability="full") as pool:
        assert pool.recovered and pool.root == values
        assert pool.check().ok
    assert not beside(path).exists(), "a pool that was closed is one file"
    with pmemobj.open(path, durability="in-place") as pool:
        assert not pool.recovered and pool.root == values


# ---- the journal of the pool itself ----


def test_what_is_in_the_journal_only_is_replayed(killed: Killed) -> None:
    path = killed(fill)
    assert beside(path).exists()
    demand(path)


@pytest.mark.parametrize("durability", ["full", "relaxed", "in-place", None])
def test_every_mode_replays(killed: Killed, durability: str | None) -> None:
    path = killed(fill)
    with pmemobj.open(path, durability=durability) as pool:
        assert pool.root == FULL


def test_a_replay_can_be_cut_off_and_repeated(killed: Killed, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed(fill)
    real = leftover.PoolSpace.sync

    def stop(self: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(leftover.PoolSpace, "sync", stop)
    with pytest.raises(KeyboardInterrupt):
        pmemobj.open(path)
    monkeypatch.setattr(leftover.PoolSpace, "sync", real)
    demand(path)


def test_a_growing_pool_has_its_journal_in_its_directory(killed: Killed) -> None:
    path = killed(fill, pool_size="auto", max_size=512 << 20)
    assert (path / "pool.journal").exists()
    demand(path)


def test_growth_is_in_the_journal_too(killed: Killed) -> None:
    def grow(pool: pmemobj.PersistentObjectPool) -> None:
        pool.root = pool.persistent([])
        with pool.transaction():
            pool.root.extend("x" * 10_000 for _ in range(2000))
        assert pool.size > 100 << 20

    path = killed(grow, pool_size="auto", max_size=512 << 20)
    assert len(list(path.glob("*.pmem"))) == 2
    assert pmemobj.check(path).ok
    with pmemobj.open(path) as pool:
        assert len(pool.root) == 2000 and set(pool.root) == {"x" * 10_000}
        assert pool.size > 100 << 20


def test_a_part_is_durable_before_a_record_counts_it(scratch: Path, as_disk: None) -> None:
    (scratch / "made").mkdir()
    with pmemobj.create(scratch / "made" / "pool", "auto", max_size=512 << 20, durability="full") as pool:
        pool.root = pool.persistent([])
        with recorded(scratch / "made") as (disk, _):
            pool.root.append("x" * (12 << 20))
        events = [event[:2] for event in disk.events]
        record = events.index(("write", "pool/pool.journal"))
        assert ("sync", "pool/000001.pmem") in events[:record] and ("sync", "pool") in events[:record]


def test_a_part_that_no_record_counts_is_removed(killed: Killed) -> None:
    def grow(pool: pmemobj.PersistentObjectPool) -> None:
        pool.root = pool.persistent([])
        shutil.copytree(Path(pool.path).parent, Path(pool.path).parent.parent / "before")
        pool.root.append("x" * (12 << 20))

    path = killed(grow, pool_size="auto", max_size=512 << 20)
    before = path.parent.parent / "before" / "pool"
    shutil.copy(path / "000001.pmem", before / "000001.pmem")
    with pmemobj.open(before) as pool:
        assert pool.root == [] and pool.size < 100 << 20
    assert not (before / "000001.pmem").exists()


@pytest.mark.parametrize("size", [0, 128 << 20])
def test_a_part_that_libpmemobj_was_still_making_is_removed(killed: Killed, size: int) -> None:
    """A program was killed in the middle of growth; the part is empty at first, and has no permissions."""
    path = killed(fill, pool_size="auto", max_size=512 << 20)
    for directory in (path, path.parent, path.parent.parent):
        directory.chmod(0o777)
    for file in path.iterdir():
        file.chmod(0o666)
    with (path / "000001.pmem").open("wb") as part:
        part.truncate(size)
    (path / "000001.pmem").chmod(0)

    def open_it() -> None:
        if os.geteuid() == 0:  # root may read everything
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            library._libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: it has its /proc/self
        assert pmemobj.inspect.walk_file(str(path)).nodes
        demand(path)

    in_child(open_it)
    assert not (path / "000001.pmem").exists()


@pytest.mark.parametrize("cut", [1, 100, SECTOR, 3 * SECTOR])
def test_a_torn_tail_is_ignored(killed: Killed, cut: int) -> None:
    path = killed(fill)
    data = beside(path).read_bytes()
    header = journal_format.read_header(data)
    assert header is not None
    records = list(journal_format.whole_records(memoryview(data)[RECORDS:], header))
    end = RECORDS + sum(len(record.data) for record in records)
    beside(path).write_bytes(data[: end - cut])
    with pmemobj.open(path) as pool:
        assert pool.root in (FULL[:4], [1, 2, 3], FULL)


def test_each_flipped_bit_is_found(killed: Killed) -> None:
    """Whatever bit of a record is wrong: the pool is as it was after some commit before."""
    path = killed(fill)
    data = bytearray(beside(path).read_bytes())
    header = journal_format.read_header(bytes(data))
    assert header is not None
    count = len(list(journal_format.whole_records(memoryview(data)[RECORDS:], header)))
    end = RECORDS + sum(len(record.data) for record in journal_format.whole_records(memoryview(data)[RECORDS:], header))
    for at in range(RECORDS, end, 97):
        data[at] ^= 1 << at % 8
        assert len(list(journal_format.whole_records(memoryview(data)[RECORDS:], header))) < count, f"byte {at}"
        data[at] ^= 1 << at % 8


def test_both_forms_of_replay_agree(killed: Killed, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed(fill)
    with_module = leftover.look("test", str(path), False, *head_and_state(path)).overlay([(str(path), 8 << 20)])
    monkeypatch.setattr(interposition, "_interposer", None)
    without = leftover.look("test", str(path), False, *head_and_state(path)).overlay([(str(path), 8 << 20)])
    assert with_module == without and len(with_module) > 2


def head_and_state(path: Path) -> tuple[bytes, int]:
    from pmemobj._format import POOL_ROOT_OFFSET, ROOT_STATE

    data = path.read_bytes()
    root = int.from_bytes(data[POOL_ROOT_OFFSET:][:8], "little")
    return data[:8192], int.from_bytes(data[root + ROOT_STATE :][:8], "little")


# ---- looking without changing ----


def test_looking_takes_the_journal_into_account_and_changes_nothing(killed: Killed) -> None:
    path = killed(fill)
    before = contents(path)
    report = pmemobj.check(path)
    assert report.ok and any("records" in str(finding) for finding in report.findings)
    assert "6 items" in str(inspect.walk_file(str(path))) or len(inspect.walk_file(str(path)).nodes) == 1
    with pmemobj.open(path, sandbox=True) as pool:
        assert pool.root == FULL
        pool.root.append("gone")
    assert contents(path) == before
    demand(path)


# ---- the wrong one, or none ----


def test_a_missing_journal_is_told(killed: Killed) -> None:
    path = killed(fill)
    beside(path).unlink()
    with pytest.raises(pmemobj.errors.PoolDamagedError, match=r"journal .* is missing"):
        pmemobj.open(path)
    report = pmemobj.check(path)
    assert not report.ok and "is missing" in str(report)
    with pytest.warns(RuntimeWarning, match="without its last commits"), pmemobj.open(path, sandbox=True) as pool:
        assert pool.root is None


def test_the_journal_of_another_pool_is_told(killed: Killed) -> None:
    path, other = killed(fill), killed(fill)
    shutil.copy(beside(other), beside(path))
    with pytest.raises(pmemobj.errors.PoolDamagedError, match="journal of another pool"):
        pmemobj.open(path)
    assert not pmemobj.check(path).ok


def test_the_journal_of_another_time_is_told(killed: Killed, scratch: Path) -> None:
    path = killed(fill)
    old = scratch / "old"
    shutil.copy(beside(path), old)
    with pmemobj.open(path, durability="full") as pool:
        pool.root.append(7)
        left = scratch / "later"
        left.mkdir()
        shutil.copy(path, left / "pool")
    shutil.copy(old, beside(left / "pool"))
    with pytest.raises(pmemobj.errors.PoolDamagedError, match="journal of another time"):
        pmemobj.open(left / "pool")


@pytest.mark.parametrize("which", ["another pool", "an earlier time"])
def test_a_journal_that_is_not_needed_is_put_aside(killed: Killed, which: str) -> None:
    path = killed(fill)
    stale = beside(path).read_bytes() if which == "an earlier time" else beside(killed(fill)).read_bytes()
    for _ in range(2):
        pmemobj.open(path, durability="in-place").close()
    beside(path).write_bytes(stale)
    with pmemobj.open(path, durability="in-place") as pool:
        assert pool.root == FULL
    assert beside(path).exists(), "nobody needs its name"
    assert pmemobj.check(path).ok
    with pytest.warns(RuntimeWarning, match=which), pmemobj.open(path, durability="full") as pool:
        assert pool.root == FULL
    assert Path(f"{beside(path)}.other").read_bytes() == stale


def test_what_is_left_of_a_removed_pool_does_not_keep_others_from_being_created(killed: Killed) -> None:
    path = killed(fill)
    path.unlink()
    with pytest.warns(RuntimeWarning, match="another pool"), pmemobj.create(path, 8 << 20, durability="full") as pool:
        assert pool.root is None


def test_a_header_that_was_torn_at_first_is_removed(killed: Killed) -> None:
    """Whichever of its words came to the disk before the power cut."""
    path = killed(fill)
    whole = beside(path).read_bytes()[:RECORDS]
    pmemobj.open(path).close()
    header = next(whole[at : at + SECTOR] for at in (0, SECTOR) if whole[at])
    words = len(header.rstrip(b"\0")) // 8 + 1
    for lost in range(1, 1 << words, 5):
        torn = b"".join(bytes(8) if lost >> word & 1 else header[8 * word : 8 * word + 8] for word in range(words))
        beside(path).write_bytes(torn.ljust(RECORDS, b"\0"))
        with pmemobj.open(path, durability="full") as pool:
            assert pool.root == FULL
        assert not beside(path).exists()


@pytest.mark.parametrize("content", [b"", bytes(4096), bytes(100)])
def test_a_journal_that_was_never_begun_is_removed(killed: Killed, content: bytes) -> None:
    path = killed(fill)
    pmemobj.open(path).close()
    beside(path).write_bytes(content)
    with pmemobj.open(path, durability="full") as pool:
        assert pool.root == FULL
    assert not beside(path).exists()


@pytest.mark.parametrize("content", [b"", bytes(4096)])
def test_a_journal_that_was_never_begun_keeps_no_pool_from_being_created(
    scratch: Path, as_disk: None, content: bytes
) -> None:
    """A power cut, or a kill, while a pool was created: its journal had its name, and no header yet."""
    path = scratch / "pool"
    beside(path).write_bytes(content)
    with pmemobj.create(path, 8 << 20, durability="full") as pool:
        pool.root = 1
    assert os.listdir(scratch) == ["pool"]


@pytest.mark.parametrize("is_directory", [False, True])
def test_something_else_that_has_the_name_is_left_alone(killed: Killed, is_directory: bool) -> None:
    path = killed(fill)
    pmemobj.open(path).close()
    if is_directory:
        beside(path).mkdir()
    else:
        beside(path).write_text("notes of mine")
    with pytest.raises(pmemobj.errors.PoolExistsError, match="no journal has that name"):
        pmemobj.open(path, durability="full")
    with pmemobj.open(path, durability="in-place") as pool:
        assert pool.root == FULL
    assert beside(path).exists()


@pytest.mark.parametrize("damage", ["header", "cut off", "directory"])
def test_a_damaged_header_is_told(killed: Killed, damage: str) -> None:
    path = killed(fill)
    data = bytearray(beside(path).read_bytes())
    beside(path).unlink()
    if damage == "directory":
        beside(path).mkdir()
    elif damage == "cut off":
        beside(path).write_bytes(data[:40])
    else:
        for at in (20, SECTOR + 20):
            data[at] ^= 1
        beside(path).write_bytes(data)
    with pytest.raises(pmemobj.errors.PoolDamagedError, match="which is damaged"):
        pmemobj.open(path)


def test_a_journal_of_a_later_release_is_told(killed: Killed) -> None:
    path = killed(fill)
    data = bytearray(beside(path).read_bytes())
    data[8] = 9
    data[SECTOR + 8] = 9
    beside(path).write_bytes(data)
    with pytest.raises(pmemobj.errors.PoolVersionError, match="later release"):
        pmemobj.open(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_journal_without_permission_is_told(killed: Killed) -> None:
    path = killed(fill)
    beside(path).chmod(0)
    with pytest.raises(pmemobj.errors.PoolPermissionError, match="cannot be read"):
        pmemobj.open(path)


def test_a_program_that_opened_the_file_without_the_journal_is_told(killed: Killed) -> None:
    from pmemobj._files import storage

    path = killed(fill)
    library.close(storage.at(str(path), 0).open(False))  # plain libpmemobj
    with pytest.raises(pmemobj.errors.PoolDamagedError, match="opened it without its journal"):
        pmemobj.open(path)
    assert "opened it without" in str(pmemobj.check(path))


def test_a_journal_may_be_on_another_file_system(killed: Killed, tmp_path: Path) -> None:
    path = killed(fill)
    shutil.move(beside(path), tmp_path / "elsewhere")
    beside(path).symlink_to(tmp_path / "elsewhere")
    demand(path)


def test_a_pool_may_be_moved_with_its_journal(killed: Killed, scratch: Path) -> None:
    path = killed(fill)
    moved = scratch / "moved.pmem"
    shutil.move(beside(path), beside(moved))
    shutil.move(path, moved)
    demand(moved)


def test_a_link_leads_to_the_journal(killed: Killed, scratch: Path) -> None:
    path = killed(fill)
    (scratch / "link").symlink_to(path)
    with pmemobj.open(scratch / "link") as pool:
        assert pool.root == FULL


# ---- several at once ----


def test_two_processes_replay_at_once(killed: Killed, spawn: Callable[..., Popen[str]]) -> None:
    path = killed(fill)
    program = (
        "import sys, time, pmemobj\nfrom pmemobj._lifecycle import session\nfrom pmemobj._files.medium import Medium\n"
        "session.medium_of = lambda _: Medium.DISK\n"
        "while True:\n"
        " try: pool = pmemobj.open(sys.argv[1], durability='full'); break\n"
        " except pmemobj.PoolBusyError: time.sleep(0.01)\n"
        "pool.root.append(int(sys.argv[2])); pool.close()"
    )
    children = [spawn(program, path, number) for number in (7, 8, 9)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    with pmemobj.open(path) as pool:
        assert pool.root[:6] == FULL and sorted(pool.root[6:]) == [7, 8, 9]


def test_another_opening_between_the_steps_is_noticed(
    killed: Killed, monkeypatch: pytest.MonkeyPatch, spawn: Callable[..., Popen[str]]
) -> None:
    """Between making the journal and mapping the pool, the pool is not locked."""
    from pmemobj._files import storage

    path = killed(fill)
    real = storage.SingleFile.open
    program = (
        "import sys, os, pmemobj\nfrom pmemobj._lifecycle import session\nfrom pmemobj._files.medium import Medium\n"
        "session.medium_of = lambda _: Medium.DISK\n"
        "pool = pmemobj.open(sys.argv[1], durability='full'); pool.root.append(7); os._exit(0)"
    )

    def after_another(self: Any, *arguments: Any, **more: Any) -> Any:
        if interposition.JOURNAL not in arguments:  # it is the trial, in a child
            return real(self, *arguments, **more)
        monkeypatch.undo()
        from pmemobj._files.medium import Medium
        from pmemobj._lifecycle import session

        monkeypatch.setattr(session, "medium_of", lambda _: Medium.DISK)
        assert spawn(program, path).wait(60) == 0
        return real(self, *arguments)

    monkeypatch.setattr(storage.SingleFile, "open", after_another)
    with pmemobj.open(path, durability="full") as pool:
        assert pool.root == [*FULL, 7]
    with pmemobj.open(path) as pool:
        assert pool.root == [*FULL, 7]


def test_the_journal_of_a_pool_that_is_being_created_is_not_put_aside(
    scratch: Path, as_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pmemobj._files import storage

    real = storage.SingleFile.give_name
    path = scratch / "pool"

    def after_another(self: Any, name: str) -> None:
        monkeypatch.setattr(storage.SingleFile, "give_name", real)
        with pytest.raises(pmemobj.errors.PoolBusyError, match="is in use for another pool"):
            pmemobj.create(path, 8 << 20, durability="full")
        real(self, name)

    monkeypatch.setattr(storage.SingleFile, "give_name", after_another)
    with pmemobj.create(path, 8 << 20, durability="full") as pool:
        assert beside(path).exists()
        pool.root = 1
    with pmemobj.open(path) as pool:
        assert pool.root == 1
    assert os.listdir(scratch) == ["pool"]


def test_a_creation_that_fails_at_last_leaves_no_journal(
    scratch: Path, as_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pmemobj._files import storage

    def fail(self: Any, name: str) -> None:
        raise FileExistsError(name)

    monkeypatch.setattr(storage.SingleFile, "give_name", fail)
    with pytest.raises(pmemobj.errors.PoolExistsError):
        pmemobj.create(scratch / "pool", 8 << 20, durability="full")
    assert os.listdir(scratch) == []


def test_a_journal_is_read_on_a_machine_with_little_memory(killed: Killed, run_python: Callable[..., Any]) -> None:
    """A read asked for a gigabyte, however short the journal was: `make test-machine` found that."""
    path = killed(fill)
    run_python(
        "import resource, sys, pmemobj\n"
        "pmemobj.create('other', 8 << 20).close()\n"  # What every pool needs is there before the limit is set.
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (512 << 20),) * 2)\n"
        "with pmemobj.open(sys.argv[1]) as pool:\n"
        f"    assert list(pool.root) == {FULL}\n",
        path,
    )
