"""The life of a pool: several creators, creators that died, files that are moved, pools that nobody closes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, POOL_SIZE

import pmemobj
from pmemobj import PersistentList, PersistentObjectPool
from pmemobj._files import storage

Pool = PersistentObjectPool


# ---- creators ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [POOL_SIZE, "auto"])
def test_flag_c_opens_what_another_creator_made_first(
    pool_path: str, monkeypatch: pytest.MonkeyPatch, size: Any
) -> None:
    real = storage.at(pool_path, 0 if size != "auto" else 64 * MIB).__class__.give_name

    def slower(self: Any, path: str) -> None:
        monkeypatch.undo()
        with pmemobj.create(path, pool_size=size) as first:
            first.root = "made by the other"
        real(self, path)

    monkeypatch.setattr(storage.SingleFile if size != "auto" else storage.Directory, "give_name", slower)
    with Pool(pool_path, flag="c", pool_size=size) as pool:
        assert pool.root == "made by the other"
    assert os.listdir(os.path.dirname(pool_path)) == [os.path.basename(pool_path)]


CREATE_AND_DIE = """
import os, signal, sys
from pmemobj._files import storage
import pmemobj
for kind in (storage.SingleFile, storage.Directory):
    kind.give_name = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
pmemobj.create(sys.argv[1], pool_size='auto' if sys.argv[2] == 'auto' else 16 << 20)
"""


@pytest.mark.parametrize("kind", ["auto", "file"])
def test_the_next_creator_clears_up_what_a_killed_one_left(
    run_python: Any, scratch: Path, pool_path: str, kind: str
) -> None:
    assert run_python(CREATE_AND_DIE, pool_path, kind, check=False).returncode == -9
    (left,) = os.listdir(scratch)
    assert left.startswith(".creating-")
    # Files with similar names, and files in use, stay.
    kept = [".creating-notes", ".creating-12-abcdef01.bak"]
    for name in kept:
        (scratch / name).write_text("mine")
    pmemobj.create(pool_path, pool_size=POOL_SIZE).close()
    assert sorted(os.listdir(scratch)) == sorted([*kept, os.path.basename(pool_path)])


def test_what_a_creator_is_working_at_is_not_cleared_up(
    scratch: Path, pool_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool is kept even in the moment before libpmemobj locks its file, since its creator locks the directory."""
    real = storage.SingleFile.create

    def after_another(self: Any, size: int, mode: int, *policy: int) -> Any:
        monkeypatch.undo()
        Path(self._path).write_bytes(b"")  # as when libpmemobj has just made it
        pmemobj.create(scratch / "other.pmem", pool_size=POOL_SIZE).close()
        os.unlink(self._path)  # fails if the other creator has removed it
        return real(self, size, mode, *policy)

    monkeypatch.setattr(storage.SingleFile, "create", after_another)
    pmemobj.create(pool_path, pool_size=POOL_SIZE).close()
    assert sorted(os.listdir(scratch)) == ["other.pmem", os.path.basename(pool_path)]


def test_every_creator_keeps_others_from_clearing_up(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = storage.creating_in(str(scratch)), storage.creating_in(str(scratch))
    descriptor = os.open(scratch, os.O_RDONLY)
    try:
        naps: list[float] = []
        monkeypatch.setattr(storage.time, "sleep", naps.append)
        with first:
            second.__enter__()  # at once: creators do not wait for each other
        assert not naps
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        second.__exit__(None, None, None)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_a_file_that_is_held_is_not_cleared_up(scratch: Path, pool_path: str) -> None:
    held = scratch / ".creating-1-01234567"
    with open(held, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        pmemobj.create(pool_path, pool_size=POOL_SIZE).close()
        assert held.exists()
    pmemobj.create(f"{pool_path}.2", pool_size=POOL_SIZE).close()
    assert not held.exists()


def test_a_foreign_lock_on_the_directory_is_no_obstacle(
    scratch: Path, pool_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_PATIENCE", 0.05)
    descriptor = os.open(scratch, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        pmemobj.create(pool_path, pool_size=POOL_SIZE).close()
    finally:
        os.close(descriptor)


def test_a_size_that_the_file_system_cannot_hold_is_named(pool_path: str) -> None:
    with pytest.raises(pmemobj.DiskFullError, match=r"needs 1,125,899,906,842,624 bytes, and the file system has space for [0-9,]+ bytes"):
        pmemobj.create(pool_path, pool_size=1 << 50)


# ---- which file it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [POOL_SIZE, "auto"])
def test_a_pool_knows_its_file_under_every_name(
    scratch: Path, size: Any, monkeypatch: pytest.MonkeyPatch, reopen: Callable[..., Pool]
) -> None:
    (scratch / "sub").mkdir()
    monkeypatch.chdir(scratch)
    with pmemobj.create("t.pmem", pool_size=size) as pool, pmemobj.create("sub/t.pmem", pool_size=size):
        assert pool.absolute_path == str(scratch / "t.pmem")
        (scratch / "link").symlink_to("t.pmem")
        assert pool.is_at("t.pmem") and pool.is_at("link") and pool.is_at(Path("sub/../t.pmem"))
        monkeypatch.chdir("sub")
        assert not pool.is_at("t.pmem") and pool.is_at("../t.pmem") and pool.absolute_path == str(scratch / "t.pmem")
        assert not pool.is_at("nowhere") and not pool.is_at("")
        os.rename("../t.pmem", "../moved.pmem")
        assert pool.is_at("../moved.pmem") and not pool.is_at("../t.pmem")
    assert not pool.is_at("../moved.pmem")


def test_a_pool_whose_file_was_moved_is_not_let_go_of(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [1])
    moved = f"{pool.path}.moved"
    os.rename(pool.path, moved)
    with pytest.raises(pmemobj.PoolNotFoundError, match=r"moved or removed.*move it back"):
        pool.suspend()
    Path(pool.path).write_text("another file")
    with pytest.raises(pmemobj.PoolNotFoundError, match="another file has its name now"):
        pool.suspend()
    assert not pool.closed
    pool.root.append(2)
    os.rename(moved, pool.path)
    pool.suspend()
    pool.resume()
    assert pool.root == [1, 2]


# ---- closing, suspending and resuming ---------------------------------------------------------------------------


def test_what_was_closed_is_not_resumed(pool: Pool) -> None:
    pool.resume()  # open: nothing to do
    pool.suspend()
    pool.resume()
    pool.close()
    for _ in range(2):
        with pytest.raises(pmemobj.PoolClosedError, match="it was closed, not suspended"):
            pool.resume()
    assert pool.closed


def test_a_suspended_pool_that_is_closed_stays_closed(pool: Pool) -> None:
    pool.suspend()
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError, match="it was closed, not suspended"):
        pool.resume()


def test_a_failed_resume_can_be_tried_again(pool: Pool) -> None:
    pool.root = 1
    pool.suspend()
    os.rename(pool.path, f"{pool.path}.moved")
    with pytest.raises(pmemobj.PoolNotFoundError):
        pool.resume()
    os.rename(f"{pool.path}.moved", pool.path)
    pool.resume()
    assert pool.root == 1


@pytest.mark.parametrize("name, hint", [("rot", "did you mean root?"), ("score", "store it in the root")])
def test_a_pool_takes_no_other_attributes(pool: Pool, name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=f"cannot set {name} of pool .*{hint}"):
        setattr(pool, name, 1)
    assert not hasattr(pool, name)
    with pytest.raises(AttributeError, match="size"):
        pool.size = 1  # type: ignore[misc]


def test_a_class_derived_from_the_pool_may_have_more(pool_path: str) -> None:
    class Own(Pool):
        pass

    with Own(pool_path, "x", POOL_SIZE) as pool:
        pool.note = 1  # type: ignore[attr-defined]


# ---- the end of the program ------------------------------------------------------------------------------

FORGOTTEN = """
import sys, pmemobj
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = 1
t = pool.transaction()
t.begin()
pool.root = 2
{end}
"""


@pytest.mark.parametrize("end, code", [("", 0), ("sys.exit(3)", 3)])
def test_a_forgotten_commit_is_told_at_the_end(
    run_python: Any, pool_path: str, reopen: Callable[..., Pool], end: str, code: int
) -> None:
    done = run_python(FORGOTTEN.format(end=end), pool_path, check=False)
    assert done.returncode == code
    assert f"RuntimeWarning: a transaction on pool {pool_path} was still open" in done.stderr
    pool = reopen(pool_path)
    assert pool.root == 1 and not pool.recovered


def test_nothing_is_told_where_nothing_was_open(run_python: Any, pool_path: str) -> None:
    assert run_python(FORGOTTEN.format(end="t.commit()"), pool_path).stderr == ""


def test_a_thread_that_never_ends_its_transaction_does_not_keep_the_program(
    run_python: Any, pool_path: str, reopen: Callable[..., Pool]
) -> None:
    code = """
import sys, threading, time, pmemobj
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = 1
inside = threading.Event()
def work():
    with pool.transaction():
        pool.root = 2
        inside.set()
        time.sleep(1000)
threading.Thread(target=work, daemon=True).start()
inside.wait()
"""
    done = run_python(code, pool_path, seconds=30)
    assert f"a transaction on pool {pool_path} was still open" in done.stderr
    assert reopen(pool_path).root == 1


def test_a_star_import_leaves_the_builtin_open_alone(run_python: Any) -> None:
    run_python("from pmemobj import *; import builtins; assert open is builtins.open and create and open_pools")
