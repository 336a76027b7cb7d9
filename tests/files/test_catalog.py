"""`inspect.find_pools`, which tells what pools lie in a folder, and `pmemobj.remove`, which deletes one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import POOL_SIZE, child_environment
from keeper import keeping

import pmemobj
from pmemobj import NotAPoolError, PoolBusyError, PoolNotFoundError, PoolPermissionError
from pmemobj.inspect import PoolState, find_pools

pytestmark = pytest.mark.once


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(path: str, size: object = POOL_SIZE) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    pmemobj.create(path, size).close()  # type: ignore[arg-type]


def states(**options: object) -> dict[str, PoolState]:
    return {found.path: found.state for found in find_pools(**options)}  # type: ignore[arg-type]


def test_what_is_found(folder: Path) -> None:
    for path in ("b.pmem", "a.anything", "sub/c.pmem", ".hidden/d.pmem", "one/two/three/four/e.pmem"):
        make(path)
    make("grows", "auto")
    (folder / "text.pmem").write_text("PMEM is no pool")
    (folder / "empty.pmem").touch()
    os.mkfifo(folder / "pipe")
    os.symlink(folder, folder / "loop")
    os.symlink("nowhere", folder / "dangling")
    assert list(states()) == ["a.anything", "b.pmem", "grows", "sub/c.pmem"]
    assert list(states(depth=4)) == ["a.anything", "b.pmem", "grows", "one/two/three/four/e.pmem", "sub/c.pmem"]
    assert len(find_pools(most=2)) == 2
    found = {pool.path: pool for pool in find_pools()}
    assert found["b.pmem"].size == POOL_SIZE and not found["b.pmem"].grows and found["grows"].grows
    assert found["b.pmem"].state is PoolState.CLOSED and found["b.pmem"].pid == 0 and not found["b.pmem"].why


def test_the_states(folder: Path) -> None:
    for name in ("closed", "killed", "damaged", "foreign", "mine"):
        make(name)
    subprocess.run(
        [sys.executable, "-c", "import pmemobj, os; p = pmemobj.open('killed'); os._exit(0)"], env=child_environment(), check=True
    )
    with open("damaged", "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)
    with open("foreign", "r+b") as file:
        file.seek(4096)
        file.write(b"somebody's\0" + b"\0" * 64)
    with pmemobj.open("mine"):
        there = states()
        assert there["mine"] is PoolState.IN_USE
        assert next(pool.pid for pool in find_pools() if pool.path == "mine") == os.getpid()
    assert there["closed"] is PoolState.CLOSED and there["killed"] is PoolState.UNCLOSED
    assert there["damaged"] in (PoolState.DAMAGED, PoolState.UNUSABLE) and there["foreign"] is PoolState.UNUSABLE
    assert all(pool.why for pool in find_pools() if pool.path in ("damaged", "foreign"))
    # Looking has changed nothing: the pool is still recovered by the next open.
    with pmemobj.open("killed") as pool:
        assert pool.recovered


def test_what_another_process_has_open(folder: Path) -> None:
    make("busy.pmem")
    with keeping("busy.pmem") as pid:
        (found,) = find_pools()
        assert (found.state, found.pid) == (PoolState.IN_USE, pid)
        with pytest.raises(PoolBusyError):
            pmemobj.remove("busy.pmem")
        assert os.path.exists("busy.pmem")
    assert states() == {"busy.pmem": PoolState.CLOSED}


@pytest.mark.parametrize("wrong", [None, 5, b"x"])
def test_a_folder_that_is_none(folder: Path, wrong: object) -> None:
    with pytest.raises(TypeError):
        find_pools(wrong)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="missing"):
        find_pools("missing")


# ---- removing ----------------------------------------------------------------------------------------


def test_remove(folder: Path) -> None:
    make("one.pmem")
    make("grows", "auto")
    pmemobj.remove("one.pmem")
    pmemobj.remove(folder / "grows")
    assert os.listdir(folder) == []


def test_remove_a_growing_pool_with_something_else_in_its_directory(folder: Path) -> None:
    make("grows", "auto")
    (folder / "grows" / "notes.txt").write_text("mine")
    pmemobj.remove("grows")
    assert os.listdir(folder / "grows") == ["notes.txt"]


def test_remove_a_damaged_pool(folder: Path) -> None:
    make("bad.pmem")
    with open("bad.pmem", "r+b") as file:
        file.seek(64)
        file.write(b"\xff" * 8192)
    pmemobj.remove("bad.pmem")
    assert not os.path.exists("bad.pmem")


def test_what_is_not_removed(folder: Path) -> None:
    make("open.pmem")
    (folder / "text.txt").write_text("no pool")
    (folder / "folder").mkdir()
    with pmemobj.open("open.pmem") as pool:
        pool.root = 5
        with pytest.raises(PoolBusyError, match="open in this program"):
            pmemobj.remove("open.pmem")
        assert pool.root == 5
    for path, error in (("text.txt", NotAPoolError), ("folder", NotAPoolError), ("missing", PoolNotFoundError), ("", PoolNotFoundError)):
        with pytest.raises(error):
            pmemobj.remove(path)
    assert sorted(os.listdir(folder)) == ["folder", "open.pmem", "text.txt"]


def test_remove_without_permission(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may remove everything")
    make("sub/kept.pmem")
    os.chmod("sub", 0o555)
    try:
        with pytest.raises(PoolPermissionError):
            pmemobj.remove("sub/kept.pmem")
    finally:
        os.chmod("sub", 0o755)
    assert os.path.exists("sub/kept.pmem")


def test_the_depth_of_transactions(pool: pmemobj.PersistentObjectPool) -> None:
    assert pool.transaction_depth == 0
    with pool.transaction():
        assert pool.transaction_depth == 1
        with pool.transaction():
            assert pool.transaction_depth == 2
        assert pool.transaction_depth == 1
    assert pool.transaction_depth == 0
