"""Growing pools: a directory of parts is opened, moved, filled, cut off and damaged like any other pool."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, put_away
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentList, PersistentObjectPool, _format, crash, inspect
from pmemobj._pmdk import library

Pool = PersistentObjectPool
Grow = Callable[..., Pool]

#: The bytes of the first part, and of each further part if `max_size` leaves room for it.
FIRST, STEP = 8 * MIB, 128 * MIB
#: The limit of a growing pool for tests, which grows once, by 8 MiB.
SMALL = 16 * MIB


@pytest.fixture
def path(scratch: Path) -> str:
    return str(scratch / "grows")


@pytest.fixture
def grow(path: str) -> Iterator[Grow]:
    """Creates the growing pool, or opens it if there is one; the pool is closed after the test."""
    made = []

    def make(max_size: int = SMALL, at: str = path) -> Pool:
        made.append(Pool(at, "c", "auto", max_size=max_size))
        return made[-1]

    yield make
    for pool in made:
        put_away(pool)


def parts(path: str) -> dict[str, int]:
    """Names and sizes of the part files."""
    return {name: os.path.getsize(f"{path}/{name}") for name in sorted(os.listdir(path)) if name != "pool.set"}


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool without the checking mode, which takes long with much data."""
    monkeypatch.setenv("PMEMOBJ_CHECK", "0")


def fill(pool: Pool, size: int = 6 * MIB) -> list[bytes]:
    """Let the root be a list of `size` bytes, in different pieces of 1 MiB; return these pieces."""
    pool.root = pool.new(PersistentList)
    values = [bytes([number]) * MIB for number in range(size // MIB)]
    pool.root.extend(values)
    return values


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Make libpmemobj fail to allocate a new part, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---- creating and growing ------------------------------------------------------------------------


def test_it_does_not_note_unsafe_shutdowns(path: str, scratch: Path) -> None:
    """libpmemobj's note is a sum over all parts, which it does not renew when a part comes. So a pool on persistent
    memory that had grown, and was not closed, would be refused: `make test-machine` found that."""
    shutdown_state = 4
    features = {}
    for name, size in (("growing", "auto"), ("fixed", 8 * MIB)):
        pmemobj.create(scratch / name, size).close()  # type: ignore[arg-type]
        first = scratch / name / "000000.pmem" if size == "auto" else scratch / name
        features[name] = int.from_bytes(first.read_bytes()[_format.POOL_INCOMPAT_FEATURES], "little") & shutdown_state
    assert features == {"growing": 0, "fixed": shutdown_state}


def test_a_pool_grows_by_itself_and_keeps_its_contents(grow: Grow, path: str, scratch: Path) -> None:
    pool = grow()
    assert os.listdir(scratch) == ["grows"]
    assert pool.size == FIRST and pool.max_size == SMALL and parts(path) == {"000000.pmem": FIRST}
    before = pool.new(PersistentList, ["made before it grew"])
    values = fill(pool)
    pool.root.append(before)
    assert pool.size == SMALL and parts(path) == {"000000.pmem": FIRST, "000001.pmem": SMALL - FIRST}
    assert 6 * MIB < pool.used < SMALL and pool.free < SMALL - pool.used
    assert list(before) == ["made before it grew"] and pool.root[:-1] == values
    assert_sound(pool)
    pool.close()
    pool = grow()
    assert not pool.recovered and pool.size == pool.max_size == SMALL
    assert pool.root[:-1] == values
    pool.root.clear()
    pool.close()
    pool = grow()
    assert pool.size == SMALL, "a pool does not shrink"
    assert_sound(pool, no_garbage=True)


def test_by_default_addresses_for_64_gib_are_reserved_but_no_disk(path: str) -> None:
    with pmemobj.create(path, pool_size="auto") as pool:
        assert pool.max_size == pmemobj.DEFAULT_MAX_SIZE == 64 << 30
        assert sum(os.stat(f"{path}/{name}").st_blocks for name in os.listdir(path)) * 512 <= 9 * MIB
        pool.root = bytes(7 * MIB)
        assert pool.size == FIRST + STEP


@pytest.mark.usefixtures("unchecked")
def test_several_parts_and_one_value_across_two_of_them(grow: Grow, path: str) -> None:
    pool = grow(512 * MIB)
    big = os.urandom(1000) * 140_000
    pool.root = big
    assert list(parts(path)) == ["000000.pmem", "000001.pmem", "000002.pmem"]
    pool.close()
    pool = grow()
    assert pool.root == big and pool.size == FIRST + 2 * STEP


def test_a_pool_of_fixed_size_says_that_it_cannot_grow(path: str) -> None:
    pool = pmemobj.create(path, FIRST + 4099)
    assert pool.max_size == pool.size
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        _ = pool.max_size


@pytest.mark.parametrize("pure_read", [False, True])
def test_nothing_beyond_what_is_mapped_can_be_read(grow: Grow, pure_read: bool) -> None:
    pool = grow()
    heap = pool._heap
    read = (lambda at: heap.read_words(at, 1)) if pure_read else heap.read
    # Beyond the limit, addresses are reserved without memory, so a read would end the process.
    for end in (FIRST, SMALL):
        assert heap.limit == end
        read(end - 8)
        heap.read_bytes(end - 8, 8)
        for access in (
            lambda end=end: read(end),
            lambda end=end: heap.read_words(end - 8, 2),
            lambda end=end: heap.read_bytes(end - 8, 9),
            lambda end=end: heap.store(end, 1),
        ):
            with pytest.raises(pmemobj.PoolDamagedError, match=f"outside the pool's {end} bytes"):
                access()
        with pytest.raises(pmemobj.PoolDamagedError), pool.transaction():
            heap.write(end, 1)
        if end == FIRST:
            fill(pool)


@pytest.mark.usefixtures("unchecked")
def test_other_threads_read_while_it_grows(grow: Grow) -> None:
    pool = grow(512 * MIB)
    pool.root = pool.new(PersistentList, [pool.new(PersistentList, range(1000))])
    expected, wrong, stop = list(range(1000)), [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                if pool.root[0] != expected:
                    wrong.append("other values")
            except BaseException as error:
                wrong.append(repr(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(3):
        pool.root.append(bytes(60 * MIB))
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong and pool.size == FIRST + 2 * STEP


def test_a_roll_back_takes_back_the_contents_but_not_the_growth(grow: Grow) -> None:
    pool = grow()
    pool.root = pool.new(PersistentList, [1])
    with pytest.raises(KeyError), pool.transaction():
        pool.root.extend([bytes(MIB)] * 6)
        raise KeyError
    assert pool.root == [1] and pool.size == SMALL
    pool.gc()
    assert pool.used < MIB
    fill(pool)


def test_the_checking_mode_sees_bytes_of_new_parts(grow: Grow) -> None:
    pool = grow()
    values = fill(pool)
    at = max(offset for offset, _, kind in pool._heap.allocations() if kind == _format.Kind.BYTES)
    assert at > FIRST
    with pytest.raises(pmemobj.MissingSnapshotError, match=f"{at + 8:#x}"), pool.transaction():
        pool.root.append(0)
        pool._heap.init(at + 8, [pool._heap.read(at + 8) ^ 1])
    pool._heap.init(at + 8, [pool._heap.read(at + 8) ^ 1])
    assert pool.root == values


# ---- errors of creating --------------------------------------------------------------------------


def test_sizes_that_make_no_sense(path: str, scratch: Path) -> None:
    def refused(error: type[Exception], *words: str, **arguments: Any) -> None:
        with pytest.raises(error) as caught:
            pmemobj.create(path, **arguments)
        assert all(word in str(caught.value) for word in words), str(caught.value)
        assert not os.listdir(scratch)

    for size in (FIRST - 1, 0, -1, -(1 << 70)):
        refused(pmemobj.BadPoolSizeError, f"{size:,} bytes", "choose 8 MiB or more", pool_size="auto", max_size=size)
    for size in ((64 << 30) + 1, 1 << 62, 1 << 70):
        refused(pmemobj.BadPoolSizeError, f"{size:,} bytes", f"{64 << 30:,}", pool_size="auto", max_size=size)
    for wrong in (True, False, 1e9, b"1", [MIB]):
        refused(TypeError, "max_size", pool_size="auto", max_size=wrong)
    refused(pmemobj.BadPoolSizeError, "max_size", pool_size="auto", max_size="auto")
    refused(TypeError, "pool_size", "'auto'", pool_size=b"auto")
    for text in ("automatic", "AUTO", ""):
        refused(pmemobj.BadPoolSizeError, "pool_size", "'auto'", pool_size=text)
    refused(pmemobj.BadPoolSizeError, "pool_size='auto'", pool_size=16 * MIB, max_size=SMALL)
    refused(pmemobj.BadPoolSizeError, "pool_size='auto'", max_size=SMALL)
    with pytest.raises(TypeError):
        Pool(path, "x", "auto", 0o666, SMALL)  # type: ignore[misc] - only by name


def test_whole_pages_of_the_limit_are_used(grow: Grow) -> None:
    # libpmemobj 1.12 would make a last part that it could not open again.
    pool = grow(SMALL + 4095)
    assert pool.max_size == SMALL
    values = fill(pool)
    pool.close()
    assert grow().root == values


def test_the_smallest_growing_pool_cannot_grow(grow: Grow) -> None:
    pool = grow(FIRST)
    with pytest.raises(pmemobj.PoolFullError, match=f"max_size of {FIRST} bytes is reached"):
        fill(pool)


@pytest.mark.parametrize("there", ["file", "directory", "growing pool", "fixed pool"])
def test_creating_over_something(path: str, scratch: Path, grow: Grow, there: str) -> None:
    if there == "file":
        Path(path).write_text("precious")
    elif there == "directory":
        os.mkdir(path)
    elif there == "growing pool":
        grow().close()
    else:
        pmemobj.create(path, pool_size=FIRST).close()
    before = sorted(scratch.rglob("*"))
    with pytest.raises(pmemobj.PoolExistsError):
        pmemobj.create(path, pool_size="auto")
    assert sorted(scratch.rglob("*")) == before


@pytest.mark.parametrize("there", ["file", "pool"])
def test_two_creators_at_once_do_not_overwrite_each_other(path: str, monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    # Another file appears after the name was checked, and before the pool gets this name.
    unhurried = library.create

    def create(*args: Any) -> Any:
        made = unhurried(*args)
        monkeypatch.undo()
        if there == "file":
            Path(path).write_text("precious")
        else:
            with pmemobj.create(path, "auto", max_size=SMALL) as other:
                other.root = "precious"
        return made

    monkeypatch.setattr(library, "create", create)
    with pytest.raises(pmemobj.PoolExistsError):
        pmemobj.create(path, "auto", max_size=SMALL)
    assert os.listdir(os.path.dirname(path)) == ["grows"]
    if there == "file":
        assert Path(path).read_text() == "precious"
    else:
        with pmemobj.open(path) as pool:
            assert pool.root == "precious"


def test_creating_where_it_cannot_be(scratch: Path) -> None:
    (scratch / "file").write_bytes(b"")
    before = sorted(os.listdir(scratch))
    for name in ("missing/pool", "file/pool", "n" * 300):
        with pytest.raises(pmemobj.PmemError) as caught:
            pmemobj.create(scratch / name, "auto")
        assert isinstance(caught.value, OSError) and "creating" not in str(caught.value)
    with no_file_larger_than(MIB), pytest.raises(pmemobj.DiskFullError):
        pmemobj.create(scratch / "pool", "auto")
    assert sorted(os.listdir(scratch)) == before


@pytest.mark.parametrize("mask, mode, expected", [(0o022, 0o666, 0o644), (0o077, 0o666, 0o600), (0o002, 0o660, 0o660)])
def test_parts_that_are_added_have_the_mode_of_the_first(
    path: str, grow: Grow, mask: int, mode: int, expected: int
) -> None:
    before = os.umask(mask)
    try:
        with pmemobj.create(path, "auto", mode, max_size=SMALL) as pool:
            fill(pool)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(os.stat(f"{path}/{name}").st_mode) for name in os.listdir(path)} == {expected}
    assert stat.S_IMODE(os.stat(path).st_mode) == expected | (expected & 0o444) >> 2 and len(parts(path)) == 2


# ---- names and places ----------------------------------------------------------------------------


def test_any_directory_name_works(scratch: Path, grow: Grow) -> None:
    for name in ("with space # and", "line\nbreak\ttab", "grün € bad\udcff", "n" * 200):
        path = os.path.join(scratch, name)
        pool = grow(at=path)
        values = fill(pool, 5 * MIB)
        pool.close()
        pool = grow(at=path)
        assert pool.root == values and pool.size == SMALL
        pool.close()
        assert os.listdir(scratch) == [name]
        shutil.rmtree(path)


def test_relative_paths_and_links(scratch: Path, grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scratch)
    pool = grow(at="here")
    monkeypatch.chdir("/")
    values = fill(pool)
    assert len(parts(f"{scratch}/here")) == 2
    pool.suspend()
    pool.resume()
    assert pool.root == values
    pool.close()
    (scratch / "link").symlink_to("here")
    assert grow(at=f"{scratch}/link").root == values


def test_a_pool_that_is_moved_and_copied_while_it_is_closed(path: str, scratch: Path, grow: Grow) -> None:
    pool = grow()
    pool.root = "kept"
    pool.close()
    os.rename(path, scratch / "moved")
    shutil.copytree(scratch / "moved", scratch / "copy")
    copy = grow(at=f"{scratch}/copy")
    values = fill(copy)
    assert len(parts(f"{scratch}/copy")) == 2 and len(parts(f"{scratch}/moved")) == 1
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(scratch / "moved")
    copy.close()
    assert grow(at=f"{scratch}/moved").root == "kept"
    pmemobj.open_pools()[-1].close()
    assert grow(at=f"{scratch}/copy").root == values


def test_a_pool_that_is_moved_while_it_is_open_grows_where_it_is(path: str, scratch: Path, grow: Grow) -> None:
    pool = grow()
    os.rename(path, scratch / "moved")
    os.mkdir(path)
    values = fill(pool)
    assert os.listdir(path) == [] and len(parts(f"{scratch}/moved")) == 2
    pool.close()
    assert grow(at=f"{scratch}/moved").root == values


def test_files_of_other_kinds_in_the_directory_do_no_harm(path: str, grow: Grow) -> None:
    values = fill(grow())
    pmemobj.open_pools()[-1].close()
    Path(path, "README").write_text("what this is")
    os.makedirs(f"{path}/notes/000001.pmem")
    assert grow().root == values


def test_removing_the_directory_removes_the_pool(path: str, grow: Grow) -> None:
    pool = grow()
    shutil.rmtree(path)
    pool.root = "still works until it is full"
    with pytest.raises(pmemobj.PoolFullError):
        fill(pool)
    pool.close()
    with pytest.raises(pmemobj.PoolNotFoundError):
        pmemobj.open(path)


def test_the_limit_can_be_raised_in_the_poolset_file(path: str, grow: Grow) -> None:
    pool = grow()
    with pytest.raises(pmemobj.PoolFullError):
        fill(pool, 14 * MIB)
    pool.close()
    file = Path(path, "pool.set")
    assert file.read_text() == f"PMEMPOOLSET\nOPTION SINGLEHDR\n{SMALL} /proc/self/cwd/\n"
    file.write_text(file.read_text().replace(str(SMALL), str(2 * SMALL)))
    pool = grow()
    assert pool.max_size == 2 * SMALL
    values = fill(pool, 14 * MIB)
    pool.close()
    file.write_text(file.read_text().replace(str(2 * SMALL), str(FIRST)))
    pool = grow()
    assert pool.root == values and pool.max_size == pool.size == 2 * SMALL


def test_the_poolset_file_is_one_for_the_tools_of_pmdk(grow: Grow, path: str, run_python: Callable[..., Any]) -> None:
    fill(grow())
    pmemobj.open_pools()[-1].close()
    run_python(
        "import os, sys\nfrom pmemobj import _format\nfrom pmemobj._pmdk import library\nos.chdir(sys.argv[1])\n"
        "pool = library.open_pool('pool.set', _format.LAYOUT_NAME)\n"
        "assert len(list(library.allocations(pool))) > 6\nlibrary.close(pool)",
        path,
    )


# ---- full ------------------------------------------------------------------------------------------


def test_the_end_of_growth(grow: Grow) -> None:
    pool = grow()
    values = fill(pool)
    with pytest.raises(pmemobj.PoolFullError, match=f"max_size of {SMALL} bytes is reached") as caught:
        pool.root.extend([bytes(MIB)] * 20)
    assert isinstance(caught.value, MemoryError) and pool.path in str(caught.value)
    assert pool.root == values
    with pytest.raises(pmemobj.PoolFullError, match=f"no more than {SMALL} bytes"):
        pool.root.append(bytes(2 * SMALL))
    assert_sound(pool)
    del pool.root[2:]
    pool.gc()
    pool.root.extend([b"again" * 200000] * 8)


@pytest.mark.usefixtures("unchecked")
def test_a_full_disk(grow: Grow, path: str) -> None:
    pool = grow(1 << 30)
    pool.root = pool.new(PersistentList, ["as before"])
    with no_file_larger_than(100 * MIB):
        for _ in range(2):
            with pytest.raises(pmemobj.PoolFullError, match="no room for it to grow") as caught:
                pool.root.extend([bytes(MIB)] * 10)
            assert "disk" in caught.value.todo
        assert pool.root == ["as before"] and pool.size == FIRST and list(parts(path)) == ["000000.pmem"]
        pool.root.append("what fits")
    # libpmemobj has skipped two numbers by now, and could not open a pool with the part that it makes next.
    values = fill(pool)
    assert list(parts(path)) == ["000000.pmem", "000001.pmem"]
    pool.root.extend([bytes(MIB)] * 130)
    pool.close()
    assert list(parts(path)) == ["000000.pmem", "000001.pmem", "000002.pmem"]
    assert grow().root[: len(values)] == values


# ---- crashes ---------------------------------------------------------------------------------------

GROWER = """
import pmemobj, sys
pool = pmemobj.open(sys.argv[1])
print("open", flush=True)
while True:
    pool.root = pool.new(pmemobj.PersistentList, [bytes(30 << 20)] * 4)
    pool.gc()
    pool.root = "small"
"""


def test_a_program_that_is_killed_while_its_pool_grows(path: str, grow: Grow, spawn: Callable[..., Any]) -> None:
    grow(1 << 30).close()
    for delay in (0.0, 0.01):
        child = spawn(GROWER, path, PMEMOBJ_CHECK="0")
        assert child.stdout.readline() == "open\n"
        before = len(parts(path))
        deadline = time.monotonic() + 20
        while len(parts(path)) == before and before < 3 and time.monotonic() < deadline:
            pass
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        pool = grow()
        assert pool.recovered and pool.size == sum(parts(path).values())
        assert list(parts(path)) == [f"{number:06}.pmem" for number in range(len(parts(path)))]
        assert_sound(pool)
        pool.root = "recovered"
        pool.close()


@pytest.mark.parametrize("clean", [True, False])
def test_what_a_cut_off_growth_leaves_is_tidied_up(
    path: str, grow: Grow, run_python: Callable[..., Any], clean: bool
) -> None:
    pool = grow(1 << 30)
    values = fill(pool)
    pool.close()
    if not clean:
        run_python("import pmemobj, sys, os\npmemobj.open(sys.argv[1])\nos._exit(0)", path)
    before = parts(path)
    for leftovers in ({"000002.pmem": 0}, {"000002.pmem": STEP}, {"000002.pmem": 5 * MIB, "000003.pmem": STEP}):
        for name, size in leftovers.items():
            with open(f"{path}/{name}", "xb") as file:
                file.truncate(size)
        assert inspect.walk_file(path).nodes
        pool = grow()
        assert pool.root == values and parts(path) == before and pool.recovered is not clean
        pool.close()
        clean = True
    os.rename(f"{path}/000001.pmem", f"{path}/000007.pmem")
    assert inspect.walk_file(path).nodes
    assert grow().root == values and parts(path) == before


def test_an_unclean_pool_is_recovered(path: str, grow: Grow, run_python: Callable[..., Any]) -> None:
    values = fill(grow())
    pmemobj.open_pools()[-1].close()
    run_python(
        """
import os, pmemobj, sys
pool = pmemobj.open(sys.argv[1])
pool.transaction().begin()
pool.root.clear()
pool.root.append("never committed")
os._exit(0)
""",
        path,
    )
    pool = grow()
    assert pool.recovered and pool.root == values
    assert_sound(pool, no_garbage=True)


def test_another_process_lets_a_suspended_pool_grow(path: str, grow: Grow, run_python: Callable[..., Any]) -> None:
    pool = grow()
    kept = pool.root = pool.new(PersistentList, ["kept"])
    pool.suspend()
    run_python(
        "import pmemobj, sys\nwith pmemobj.open(sys.argv[1]) as pool:\n"
        "    assert pool.size == 8 << 20\n    pool.root.append(bytes(5 << 20))",
        path,
    )
    pool.resume()
    assert kept[1] == bytes(5 * MIB) and pool.size == SMALL


def test_a_crash_demonstration_on_a_pool_that_grows(grow: Grow) -> None:
    pool = grow(512 * MIB)
    pool.root = pool.new(PersistentList, [1])

    def action() -> None:
        pool.root.extend([bytes(MIB)] * 5)
        pool.root[0] = 2

    report = crash.kill(pool, action, seconds=60)
    assert report.verdict is crash.Verdict.ROLLED_BACK, report.output
    at_crash = next(iter(report.at_crash.nodes.values()))
    assert at_crash.count == 6 and at_crash.slots[0].text == "2"
    assert pool.root == [1] and pool.size == FIRST + STEP
    assert_sound(pool)


# ---- what is refused ---------------------------------------------------------------------------------


def test_a_pool_that_is_open(path: str, grow: Grow, spawn: Callable[..., Any]) -> None:
    pool = grow()
    fill(pool)
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(path)
    pool.close()
    child = spawn("import pmemobj, sys\npool = pmemobj.open(sys.argv[1])\nprint(1, flush=True)\nsys.stdin.read()", path)
    assert child.stdout.readline() == "1\n"
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(path)
    child.communicate()
    grow()


def test_single_files_of_a_growing_pool_are_no_pools(path: str, grow: Grow) -> None:
    fill(grow())
    pmemobj.open_pools()[-1].close()
    before = parts(path)
    for name, words in (("000000.pmem", "part"), ("000001.pmem", "not begin"), ("pool.set", "poolset")):
        for action in (pmemobj.open, inspect.walk_file):
            with pytest.raises(pmemobj.NotAPoolError, match=words):
                action(f"{path}/{name}")
    assert parts(path) == before


def make_foreign(path: Path) -> None:
    (path / "000000-backup.pmem").write_bytes(bytes(FIRST))


def replace_by_link(path: Path) -> None:
    os.rename(path / "000001.pmem", path / "elsewhere")
    (path / "000001.pmem").symlink_to("elsewhere")


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no first part": (lambda path: os.unlink(path / "000000.pmem"), "first part is missing"),
    "no second part": (lambda path: os.unlink(path / "000001.pmem"), "bytes together"),
    "first part cut off": (lambda path: os.truncate(path / "000000.pmem", 4 * MIB), "cut off"),
    "second part cut off": (lambda path: os.truncate(path / "000001.pmem", 5 * MIB), "bytes together"),
    "second part nearly empty": (lambda path: os.truncate(path / "000001.pmem", 1), "only 0 bytes"),
    "a foreign file": (make_foreign, "'000000-backup.pmem' in it is no part"),
    "a link for a part": (replace_by_link, "'000001.pmem' in it is no part"),
    "another poolset": (lambda path: (path / "pool.set").write_text("PMEMPOOLSET\n8M /etc/x\n"), "no poolset"),
    "an empty poolset": (lambda path: (path / "pool.set").write_text(""), "no poolset"),
}


def test_damaged_directories(path: str, grow: Grow, scratch: Path) -> None:
    fill(grow())
    pmemobj.open_pools()[-1].close()
    for number, (damage, words) in enumerate(DAMAGE.values()):
        copy = scratch / f"copy {number}"
        shutil.copytree(path, copy)
        damage(copy)
        before = {file: (file.lstat().st_size, file.lstat().st_mtime_ns) for file in copy.iterdir()}
        for action in (pmemobj.open, inspect.walk_file):
            with pytest.raises(pmemobj.PoolDamagedError, match=words):
                action(copy)
        assert before == {file: (file.lstat().st_size, file.lstat().st_mtime_ns) for file in copy.iterdir()}
        shutil.rmtree(copy)
    with pytest.raises(pmemobj.PoolDamagedError):
        (Path(path) / "000000.pmem").unlink()
        Pool(path, "c")


def test_files_and_directories_without_permission(path: str, grow: Grow) -> None:
    fill(grow())
    pmemobj.open_pools()[-1].close()
    if os.geteuid() != 0:
        os.chmod(f"{path}/000001.pmem", 0o444)
        with pytest.raises(pmemobj.PoolPermissionError):
            pmemobj.open(path)
        return
    # Permissions do not apply to root, so the test becomes an ordinary user for a moment.
    os.chmod(os.path.dirname(path), 0o755)
    for mode in (0o755, 0o600):
        os.chmod(path, mode)
        os.seteuid(65534)
        try:
            with pytest.raises(pmemobj.PoolPermissionError):
                pmemobj.open(path)
        finally:
            os.seteuid(0)


def test_empty_paths_name_nothing(path: str, grow: Grow, monkeypatch: pytest.MonkeyPatch) -> None:
    grow().close()
    monkeypatch.chdir(path)
    with pytest.raises(pmemobj.PoolNotFoundError, match="empty"):
        pmemobj.open("")
    grow(at=".").close()
