"""Creating and opening pools: what works, and a distinct error for everything that does not."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import shutil
import socket
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, PATIENCE, POOL_SIZE

import pmemobj
from pmemobj import PersistentList, PersistentObjectPool, _format
from pmemobj._files import pool_file
from pmemobj._lifecycle import trial
from pmemobj._pmdk import library

Pool = PersistentObjectPool


# ---- what works ----------------------------------------------------------------------------------


def test_a_new_pool_is_empty_and_has_the_size_asked_for(pool_path: str) -> None:
    with pmemobj.create(pool_path, pool_size=POOL_SIZE) as pool:
        assert pool.root is None
        assert pool.size == POOL_SIZE == os.path.getsize(pool_path)
        assert not pool.recovered
        assert 0 < pool.free < POOL_SIZE


def test_the_default_size_is_64_mib(pool_path: str) -> None:
    with pmemobj.create(pool_path) as pool:
        assert pool.size == pmemobj.DEFAULT_POOL_SIZE == 64 * MIB


def test_the_smallest_pool_works(pool_path: str, reopen: Callable[..., Pool]) -> None:
    pool = pmemobj.create(pool_path, pool_size=8 * MIB)
    pool.root = pool.new(PersistentList, range(1000))
    assert reopen(pool).root == list(range(1000))


@pytest.mark.parametrize("extra", [1, 7, 8, 4095, 4096, 123456])
def test_any_number_of_bytes_above_the_minimum_is_a_pool_size(
    pool_path: str, reopen: Callable[..., Pool], extra: int
) -> None:
    pool = pmemobj.create(pool_path, pool_size=8 * MIB + extra)
    pool.root = "x" * 1000
    assert reopen(pool).root == "x" * 1000


@pytest.mark.parametrize("flag", ["r", "w", "c"])
def test_flags_that_open_can_also_write(pool: Pool, flag: str) -> None:
    pool.root = 1
    pool.close()
    with Pool(pool.path, flag=flag) as again:
        assert again.root == 1
        again.root = 2
    with pmemobj.open(pool.path) as third:
        assert third.root == 2


@pytest.mark.parametrize("flag", ["x", "c"])
def test_flags_that_create(pool_path: str, flag: str) -> None:
    with Pool(pool_path, flag=flag, pool_size=POOL_SIZE) as pool:
        pool.root = "made"
    with pmemobj.open(pool_path) as pool:
        assert pool.root == "made"


@pytest.mark.parametrize("name", ["with space", "grün €\n日本", "percent%20%s", "-dash", 'it\'s "quoted"', "n" * 200])
def test_any_file_name_works(scratch: Path, name: str) -> None:
    path = str(scratch / name)
    with pmemobj.create(path, pool_size=POOL_SIZE) as pool:
        pool.root = 1
        assert pool.path == path
    with pmemobj.open(path) as pool:
        assert pool.root == 1
    assert os.listdir(scratch) == [name]


def test_a_file_name_that_is_no_utf8(scratch: Path) -> None:
    path = os.fsdecode(os.fsencode(scratch) + b"/bad\xff\xfe")
    pmemobj.create(path, pool_size=POOL_SIZE).close()
    pmemobj.open(path).close()


#: When libpmemobj opens a pool, it appends this ending to the name, and looks for a file of that name.
BADBLOCKS = "_r0_p0_badblocks.txt"


def test_what_can_be_created_can_be_opened_whatever_the_length_of_its_name(scratch: Path) -> None:
    longest = os.pathconf(scratch, "PC_NAME_MAX") - len(BADBLOCKS)
    pmemobj.create(scratch / ("n" * longest), pool_size=POOL_SIZE).close()
    pmemobj.open(scratch / ("n" * longest)).close()
    with pytest.raises(pmemobj.PmemError):
        pmemobj.create(scratch / ("n" * (longest + 1)), pool_size=POOL_SIZE)
    assert os.listdir(scratch) == ["n" * longest]


def test_a_path_that_no_file_can_have() -> None:
    for use in (pmemobj.open, pmemobj.create, pmemobj.check, lambda path: pmemobj.restore(path, path)):
        with pytest.raises(ValueError, match=r"has half of a character.*correct the path"):
            use("\ud800")
        with pytest.raises(ValueError, match="has a NUL character"):
            use("a\0b")


def test_paths_may_be_pathlike(scratch: Path) -> None:
    class Pathlike:
        def __fspath__(self) -> str:
            return str(scratch / "pathlike")

    pmemobj.create(Pathlike(), pool_size=POOL_SIZE).close()
    pmemobj.open(scratch / "pathlike").close()


def test_relative_paths_are_meant_from_where_the_pool_was_opened(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scratch)
    with pmemobj.create("relative", pool_size=POOL_SIZE) as pool:
        pool.root = "here"
        pool.suspend()
        monkeypatch.chdir("/")
        pool.resume()
        assert pool.root == "here"


def test_a_symbolic_link_to_a_pool_opens_it(pool: Pool, scratch: Path) -> None:
    pool.root = "behind"
    pool.close()
    (scratch / "link").symlink_to(pool.path)
    with pmemobj.open(scratch / "link") as again:
        assert again.root == "behind"


@pytest.mark.parametrize("mask, mode, expected", [(0o022, 0o666, 0o644), (0o077, 0o666, 0o600), (0o002, 0o640, 0o640)])
def test_the_mode_is_reduced_by_the_umask(pool_path: str, mask: int, mode: int, expected: int) -> None:
    before = os.umask(mask)
    try:
        pmemobj.create(pool_path, pool_size=POOL_SIZE, mode=mode).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(pool_path).st_mode) == expected


def test_creating_leaves_nothing_but_the_pool(pool: Pool, scratch: Path) -> None:
    assert os.listdir(scratch) == [os.path.basename(pool.path)]


def test_a_file_that_a_killed_creator_left_is_no_obstacle(scratch: Path, pool_path: str) -> None:
    # Process ids repeat in containers, so this process might have chosen the same name.
    left = scratch / f".{os.path.basename(pool_path)}.creating-{os.getpid()}"
    left.write_bytes(b"left behind")
    pmemobj.create(pool_path, pool_size=POOL_SIZE).close()
    pmemobj.open(pool_path).close()


def test_only_an_unclean_pool_is_tried_first(
    pool: Pool, reopen: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The trial runs in a child process, and costs more than all the other steps of opening.
    trials = []
    real_trial = trial.run
    monkeypatch.setattr(trial, "run", lambda path, *more: (trials.append(path), real_trial(path, *more)))
    pool.root = pool.new(PersistentList, ["x" * 50] * 300)
    for _ in range(3):
        pool = reopen(pool)
        with pool.transaction():
            pool.root.extend(range(100))
    assert trials == []
    copy = f"{pool.path}.copy"
    shutil.copyfile(pool.path, copy)  # as a program that was killed would leave it
    pool.close()
    assert reopen(copy).recovered and trials == [copy]


# ---- closing ---------------------------------------------------------------------------------------


def test_closing_twice_is_fine(pool: Pool) -> None:
    pool.close()
    assert pool.closed
    pool.close()
    assert pool.closed and pool not in pmemobj.open_pools()


USES: dict[str, Callable[[Pool], Any]] = {
    "root": lambda pool: pool.root,
    "set root": lambda pool: setattr(pool, "root", 1),
    "set root to a leaf": lambda pool: setattr(pool, "root", "x" * 100),
    "new": lambda pool: pool.new(PersistentList),
    "mm.new": lambda pool: pool.mm.new(PersistentList),
    "transaction": lambda pool: pool.transaction().begin(),
    "mm.transaction": lambda pool: pool.mm.transaction().begin(),
    "gc": lambda pool: pool.gc(),
    "size": lambda pool: pool.size,
    "used": lambda pool: pool.used,
    "free": lambda pool: pool.free,
    "with": lambda pool: pool.__enter__(),
    "suspend": lambda pool: pool.suspend(),
    "walk": lambda pool: pmemobj.inspect.walk(pool),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_every_use_of_a_closed_pool_says_that_it_is_closed(pool: Pool, use: Callable[[Pool], Any]) -> None:
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError, match="it was closed") as caught:
        use(pool)
    assert pool.path in str(caught.value) and isinstance(caught.value, ValueError)


def test_a_closed_pool_can_still_be_shown_and_asked_what_it_is(pool: Pool) -> None:
    pool.close()
    assert "closed" in repr(pool) and not pool.in_transaction and pool.medium in list(type(pool.medium))


def test_an_exception_closes_the_pool_and_goes_on(pool_path: str) -> None:
    with pytest.raises(KeyError), pmemobj.create(pool_path, pool_size=POOL_SIZE) as pool:
        raise KeyError
    assert pool.closed


def test_a_block_left_with_an_open_transaction_rolls_back_and_says_so(pool: Pool) -> None:
    with pytest.raises(pmemobj.TransactionError, match="still open"), pool:
        pool.transaction().begin()
        pool.root = "never committed"
    assert pool.closed
    with pmemobj.open(pool.path) as again:
        assert again.root is None


def test_open_pools_lists_what_is_open(make_pool: Callable[..., Pool]) -> None:
    one, other = make_pool("one"), make_pool("other")
    assert [pool for pool in pmemobj.open_pools() if pool in (one, other)] == [one, other]
    one.close()
    assert one not in pmemobj.open_pools() and other in pmemobj.open_pools()


def test_a_program_that_forgets_to_close_leaves_a_clean_pool(pool_path: str, run_python: Callable[..., Any]) -> None:
    run_python(
        """
import pmemobj, sys
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = 1
pool.transaction().begin()
pool.root = 2
""",
        pool_path,
    )
    with pmemobj.open(pool_path) as pool:
        assert pool.root == 1 and not pool.recovered


# ---- errors of creating ------------------------------------------------------------------------


def refusal(error: type[BaseException], builtin: type[BaseException], action: Callable[[], Any]) -> BaseException:
    """The error that an action raises. It must be complete: it has an errno and three parts, and can be pickled."""
    with pytest.raises(error) as caught:
        action()
    found = caught.value
    assert type(found) is error and isinstance(found, builtin)
    assert str(found).startswith(f"cannot {found.what}: {found.why}")
    if isinstance(found, OSError):
        assert found.errno == error.errno_code != 0
    return found


@pytest.fixture
def nothing_left(scratch: Path) -> Iterator[None]:
    """After the test the directory must hold the same files as before."""
    before = sorted(os.listdir(scratch))
    yield
    assert sorted(os.listdir(scratch)) == before


@pytest.mark.parametrize("create", [pmemobj.create, lambda path: Pool(path, flag="x")], ids=["create", "x"])
def test_creating_over_a_file(pool_path: str, scratch: Path, create: Callable[..., Pool]) -> None:
    Path(pool_path).write_text("precious")
    refusal(pmemobj.PoolExistsError, FileExistsError, lambda: create(pool_path))
    assert Path(pool_path).read_text() == "precious" and os.listdir(scratch) == [os.path.basename(pool_path)]


def test_creating_over_an_open_pool_of_this_process(pool: Pool, scratch: Path) -> None:
    refusal(pmemobj.PoolExistsError, FileExistsError, lambda: pmemobj.create(pool.path))
    pool.root = "still fine"
    assert os.listdir(scratch) == [os.path.basename(pool.path)]


@pytest.mark.parametrize("target", ["directory", "dangling"])
def test_creating_over_a_directory_or_a_dangling_link(scratch: Path, target: str) -> None:
    (scratch / "directory").mkdir()
    (scratch / "dangling").symlink_to("nowhere")
    refusal(pmemobj.PoolExistsError, FileExistsError, lambda: pmemobj.create(scratch / target))


@pytest.mark.parametrize("size", [8 * MIB - 1, 4096, 0, -1, -(1 << 70)])
@pytest.mark.usefixtures("nothing_left")
def test_a_pool_below_the_minimum_size(pool_path: str, size: int) -> None:
    error = refusal(pmemobj.BadPoolSizeError, ValueError, lambda: pmemobj.create(pool_path, pool_size=size))
    assert f"{size:,} bytes are below libpmemobj's minimum (choose 8 MiB or more)" in str(error)


@pytest.mark.parametrize("size", [1e9, None, True, b"1", [MIB]])
@pytest.mark.usefixtures("nothing_left")
def test_a_pool_size_of_a_wrong_type(pool_path: str, size: Any) -> None:
    with pytest.raises(TypeError, match="pool_size"):
        pmemobj.create(pool_path, pool_size=size)


@pytest.mark.parametrize("size", [1 << 62, 1 << 63, 1 << 64, 1 << 70])
@pytest.mark.usefixtures("nothing_left")
def test_a_pool_size_beyond_all_reason(pool_path: str, size: int) -> None:
    with pytest.raises((pmemobj.BadPoolSizeError, pmemobj.DiskFullError)):
        pmemobj.create(pool_path, pool_size=size)


@pytest.mark.usefixtures("nothing_left")
def test_a_pool_larger_than_the_free_space(pool_path: str, scratch: Path) -> None:
    there = os.statvfs(scratch)
    # The size is above that of the whole file system, which therefore refuses at once instead of filling up.
    size = there.f_frsize * there.f_blocks + (1 << 40)
    error = refusal(pmemobj.DiskFullError, OSError, lambda: pmemobj.create(pool_path, pool_size=size))
    assert "space" in str(error)


@pytest.mark.usefixtures("nothing_left")
def test_a_pool_larger_than_the_limit_of_the_process(pool_path: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9 * MIB, hard))
    try:
        with pytest.raises(pmemobj.PmemError) as caught:
            pmemobj.create(pool_path, pool_size=POOL_SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value, OSError), repr(caught.value)


@pytest.mark.parametrize("flag", ["", "a", "rw", "X", "n", None, 1, "x+"])
def test_an_unknown_flag(pool_path: str, flag: Any) -> None:
    with pytest.raises(ValueError, match=r"flag .* is unknown \(use 'x', 'r', 'w' or 'c'\)"):
        Pool(pool_path, flag=flag)
    assert not os.path.exists(pool_path)


@pytest.mark.parametrize("path", [b"bytes", None, 3, 1.5, ["list"]])
@pytest.mark.parametrize("call", [pmemobj.create, pmemobj.open])
def test_a_path_of_a_wrong_type(call: Callable[..., Pool], path: Any) -> None:
    with pytest.raises(TypeError):
        call(path)


@pytest.mark.parametrize("call", [pmemobj.create, pmemobj.open])
@pytest.mark.usefixtures("nothing_left")
def test_a_path_with_a_nul_in_it(call: Callable[..., Pool], scratch: Path) -> None:
    with pytest.raises(ValueError):
        call(f"{scratch}/a\0b")


@pytest.mark.parametrize("call", [pmemobj.create, pmemobj.open])
def test_an_empty_path(call: Callable[..., Pool], scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scratch / "here").mkdir()
    monkeypatch.chdir(scratch / "here")
    with pytest.raises(pmemobj.PmemError) as caught:
        call("")
    assert "create it with" not in str(caught.value) or call is pmemobj.open
    assert os.listdir(scratch) == ["here"] and not os.listdir(scratch / "here")


@pytest.mark.parametrize("call", [pmemobj.create, pmemobj.open])
def test_a_directory_that_is_missing(call: Callable[..., Pool], scratch: Path) -> None:
    error = refusal(pmemobj.PoolNotFoundError, FileNotFoundError, lambda: call(scratch / "missing" / "pool"))
    assert f"there is no directory {scratch / 'missing'}" in str(error)


@pytest.mark.parametrize("call", [pmemobj.create, pmemobj.open])
@pytest.mark.parametrize("case", ["file as directory", "name too long", "loop of links"])
def test_a_path_that_the_system_refuses(call: Callable[..., Pool], scratch: Path, case: str) -> None:
    (scratch / "file").touch()
    (scratch / "loop").symlink_to(scratch / "loop")
    before = sorted(os.listdir(scratch))
    path = {"file as directory": "file/pool", "name too long": "n" * 300, "loop of links": "loop/pool"}[case]
    with pytest.raises(pmemobj.PmemError) as caught:
        call(scratch / path)
    assert isinstance(caught.value, OSError) and "creating" not in str(caught.value)
    assert sorted(os.listdir(scratch)) == before


# ---- errors of opening ---------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["r", "w"])
def test_opening_what_is_not_there(pool_path: str, flag: str) -> None:
    error = refusal(pmemobj.PoolNotFoundError, FileNotFoundError, lambda: Pool(pool_path, flag=flag))
    assert pool_path in str(error) and "pmemobj.create()" in str(error)
    assert not os.path.exists(pool_path)


@pytest.mark.parametrize("flag", ["w", "c"])
def test_opening_a_directory(scratch: Path, flag: str) -> None:
    refusal(pmemobj.PoolIsDirectoryError, IsADirectoryError, lambda: Pool(scratch, flag=flag))


NO_POOLS = {
    "empty": b"",
    "short": b"PMEM",
    "text": b"a text\n" * 2_000_000,
    "random": bytes(range(256)) * (40 << 10),
    "zeros": bytes(9 * MIB),
    "PMEMBLK": b"PMEMBLK\0" + bytes(9 * MIB),
    "poolset": b"PMEMPOOLSET\n16M /nowhere\n",
    "the beginning alone": b"PMEMOBJ",
}


@pytest.mark.parametrize("data", NO_POOLS.values(), ids=NO_POOLS.keys())
def test_opening_a_file_that_is_no_pool(pool_path: str, data: bytes) -> None:
    Path(pool_path).write_bytes(data)
    for flag in "wc":
        refusal(pmemobj.NotAPoolError, ValueError, lambda flag=flag: Pool(pool_path, flag=flag))
    assert Path(pool_path).read_bytes() == data


def test_opening_something_that_is_no_regular_file(scratch: Path) -> None:
    os.mkfifo(scratch / "fifo")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(scratch / "socket"))
    begun = time.monotonic()
    with contextlib.closing(listener):
        for path in (scratch / "fifo", scratch / "socket", "/dev/zero", "/dev/null"):
            refusal(pmemobj.NotAPoolError, ValueError, lambda path=path: pmemobj.open(path))
    assert time.monotonic() - begun < PATIENCE  # it would wait for ever


def test_opening_a_pool_of_another_program(pool_path: str) -> None:
    library.close(library.create(pool_path, "pmemkv", POOL_SIZE, 0o600))
    before = Path(pool_path).read_bytes()
    error = refusal(pmemobj.PoolLayoutError, ValueError, lambda: pmemobj.open(pool_path))
    assert "'pmemkv'" in str(error)
    assert Path(pool_path).read_bytes() == before


def root_offset(data: bytes) -> int:
    return int.from_bytes(data[_format.POOL_ROOT_OFFSET :][:8], "little")


@pytest.mark.parametrize("version, features", [(_format.LAYOUT_VERSION + 1, 0), (_format.LAYOUT_VERSION, 1 << 31)])
def test_opening_a_pool_of_a_newer_release(pool: Pool, version: int, features: int) -> None:
    pool.close()
    data = bytearray(Path(pool.path).read_bytes())
    at = root_offset(data)
    data[at + 8 : at + 16] = version.to_bytes(4, "little") + features.to_bytes(4, "little")
    data[at + 24 : at + 32] = zlib.crc32(data[at : at + 24]).to_bytes(8, "little")
    Path(pool.path).write_bytes(data)
    error = refusal(pmemobj.PoolVersionError, pmemobj.PoolLayoutError, lambda: pmemobj.open(pool.path))
    assert f"version {version}" in str(error) and hex(features) in str(error)
    assert Path(pool.path).read_bytes() == data


def test_unknown_compatible_features_are_harmless(pool: Pool) -> None:
    pool.close()
    data = bytearray(Path(pool.path).read_bytes())
    at = root_offset(data)
    data[at + 16 : at + 20] = b"\xff\xff\xff\xff"
    data[at + 24 : at + 32] = zlib.crc32(data[at : at + 24]).to_bytes(8, "little")
    Path(pool.path).write_bytes(data)
    pmemobj.open(pool.path).close()


# ---- busy ----------------------------------------------------------------------------------------


def test_a_pool_that_is_open_in_this_process(pool: Pool) -> None:
    error = refusal(pmemobj.PoolBusyError, BlockingIOError, lambda: pmemobj.open(pool.path))
    assert error.why == "the pool is open already, in this process"
    pool.root = "unharmed"
    pool.close()
    with pmemobj.open(pool.path) as again:
        assert again.root == "unharmed" and not again.recovered


def test_a_pool_that_is_open_in_another_process(pool: Pool, spawn: Callable[..., Any]) -> None:
    pool.close()
    child = spawn(
        "import pmemobj, sys\npool = pmemobj.open(sys.argv[1])\nprint('open', flush=True)\nsys.stdin.read()", pool.path
    )
    assert child.stdout.readline() == "open\n"
    assert pmemobj.check(pool.path).ok
    for use in (pmemobj.open, pmemobj.remove):
        error = refusal(pmemobj.PoolBusyError, BlockingIOError, lambda use=use: use(pool.path))
        assert error.why.startswith(f"the pool is open already, in process {child.pid} ("), error.why
        assert error.todo.startswith("close it there first")
    child.communicate()
    assert child.returncode == 0
    with pmemobj.open(pool.path) as again:
        assert not again.recovered


@pytest.mark.parametrize("clean", [True, False])
def test_a_copy_of_an_open_pool(pool: Pool, scratch: Path, clean: bool, reopen: Callable[..., Pool]) -> None:
    # Both have the same UUID, by which libpmemobj distinguishes pools.
    if clean:
        pool.close()
    shutil.copy(pool.path, scratch / "copy")
    if clean:
        pool = reopen(pool.path)
    error = refusal(pmemobj.PoolBusyError, BlockingIOError, lambda: pmemobj.open(scratch / "copy"))
    assert error.why.startswith("the pool, or a copy of it, is open already")
    pool.root = 1
    pool.close()
    with pmemobj.open(scratch / "copy") as copy:
        assert copy.root is None and copy.recovered is not clean


def test_somebody_elses_lock_counts_as_busy(pool: Pool) -> None:
    pool.close()
    with open(pool.path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refusal(pmemobj.PoolBusyError, BlockingIOError, lambda: pmemobj.open(pool.path))
    pmemobj.open(pool.path).close()


def test_a_lock_that_goes_in_a_moment_is_waited_for(pool: Pool) -> None:
    # The lock is held as by a program that was killed while it tried the pool in a child process.
    pool.close()
    file = open(pool.path, "rb")  # noqa: SIM115 - closed by the timer
    fcntl.flock(file, fcntl.LOCK_EX)
    timer = threading.Timer(0.1, file.close)
    timer.start()
    pmemobj.open(pool.path).close()
    assert file.closed
    timer.join()


# ---- permissions -----------------------------------------------------------------------------------


@contextlib.contextmanager
def as_ordinary_user(directory: Path, may_write: bool) -> Iterator[None]:
    """Permissions do not apply to root, so the tests become an ordinary user for a moment."""
    os.chmod(directory, 0o777 if may_write else 0o755)
    if os.geteuid() != 0:
        if not may_write:
            os.chmod(directory, 0o555)
        yield
        os.chmod(directory, 0o755)
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o222])
def test_a_file_without_permission(pool: Pool, scratch: Path, mode: int) -> None:
    pool.root = "kept"
    pool.close()
    os.chmod(pool.path, mode)
    with as_ordinary_user(scratch, may_write=True):
        refusal(pmemobj.PoolPermissionError, PermissionError, lambda: pmemobj.open(pool.path))
    os.chmod(pool.path, 0o600)
    with pmemobj.open(pool.path) as again:
        assert again.root == "kept" and not again.recovered


@pytest.mark.usefixtures("nothing_left")
def test_a_directory_without_permission(scratch: Path) -> None:
    with as_ordinary_user(scratch, may_write=False):
        refusal(pmemobj.PoolPermissionError, PermissionError, lambda: pmemobj.create(scratch / "pool"))


def test_a_user_can_create_and_open_in_a_directory_of_his_own(scratch: Path) -> None:
    with as_ordinary_user(scratch, may_write=True):
        if not os.access(os.__file__, os.R_OK, effective_ids=True):
            pytest.skip("this Python is for root only")
        pmemobj.create(scratch / "pool", pool_size=POOL_SIZE).close()
        pmemobj.open(scratch / "pool").close()


# ---- a system without /proc, as some containers are ------------------------------------------------------


@pytest.mark.usefixtures("nothing_left")
def test_without_proc_creating_says_what_is_missing(pool_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_file, "PROC", "/nowhere/self")
    for size in (POOL_SIZE, "auto"):
        with pytest.raises(pmemobj.PoolAccessError) as caught:
            pmemobj.create(pool_path, pool_size=size)
        assert str(caught.value) == (
            f"cannot create pool {pool_path}: /nowhere/self/status, which tells the permissions of new files (the umask), "
            "cannot be read (mount the file system proc at /proc)"
        )


def test_without_proc_only_pools_in_one_file_are_opened(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("one", POOL_SIZE), ("grows", "auto")):
        pmemobj.create(scratch / name, pool_size=size).close()
    monkeypatch.setattr(pool_file, "PROC", "/nowhere/self")
    pmemobj.open(scratch / "one").close()
    with pytest.raises(pmemobj.PoolAccessError, match=r"/nowhere/self is missing, which .* \(mount the file system proc"):
        pmemobj.open(scratch / "grows")
    monkeypatch.undo()
    with pmemobj.open(scratch / "grows") as pool:
        assert not pool.recovered
