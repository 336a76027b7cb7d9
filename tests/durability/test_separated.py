"""A pool and its journal that were separated while the pool was open, or a journal that is not as it was."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from forks import in_child
from mortal import tried_in_fork
from power_cuts import beside

import pmemobj
from pmemobj._durability import journal
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    # What is tried here is the journal, which is never compiled.
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
    pytest.mark.filterwarnings("error"),
]
Killed = Callable[..., Path]
#: An open pool in another process. It goes on when it reads a line, and ends when it reads another.
OPEN = """
import sys, pmemobj
from pmemobj._lifecycle import session
from pmemobj._files.medium import Medium
session.medium_of = lambda _: Medium.DISK
pool = pmemobj.open(sys.argv[1], durability="full")
pool.root.append(2)
print("open", flush=True)
input()
pool.root.append(3)
pool.close()
print("closed", flush=True)
input()
"""


@pytest.fixture(autouse=True)
def quick_trials() -> Any:
    with tried_in_fork():
        yield


@pytest.fixture
def opened(scratch: Path, as_disk: None, spawn: Callable[..., Popen[str]]) -> tuple[Path, Popen[str]]:
    """A pool that another process has open, with a commit that is in the journal only."""
    with pmemobj.create(scratch / "pool", 8 << 20, durability="full") as pool:
        pool.root = pool.persistent([1])
    child = spawn(OPEN, scratch / "pool")
    assert child.stdout is not None and child.stdout.readline() == "open\n"
    return scratch / "pool", child


def end(child: Popen[str]) -> None:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write("\n")
    child.stdin.flush()
    assert child.stdout.readline() == "closed\n"


def demand_without_last_commits(path: Path) -> None:
    report = pmemobj.check(path)
    assert not report.ok and "is missing" in str(report)
    with pytest.raises(pmemobj.errors.PoolDamagedError, match=r"last commits are in the journal .* is missing"):
        pmemobj.open(path)
    with pytest.warns(RuntimeWarning, match="without its last commits"), pmemobj.open(path, sandbox=True) as pool:
        assert pool.root == [1]


def test_a_file_that_was_copied_without_its_journal_is_told(opened: tuple[Path, Popen[str]], scratch: Path) -> None:
    path, child = opened
    copy = scratch / "copy"
    shutil.copy(path, copy)
    before = copy.read_bytes()
    end(child)
    demand_without_last_commits(copy)
    assert copy.read_bytes() == before
    with pmemobj.open(path) as pool:
        assert pool.root == [1, 2, 3]


def test_a_file_that_was_moved_while_it_was_open_is_whole_when_it_is_closed(
    opened: tuple[Path, Popen[str]], scratch: Path
) -> None:
    path, child = opened
    (scratch / "elsewhere").mkdir()
    moved = path.rename(scratch / "elsewhere" / "moved")
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.open(moved)
    end(child)
    assert os.listdir(moved.parent) == ["moved"] and not beside(path).exists()
    assert pmemobj.check(moved).ok
    with pmemobj.open(moved) as pool:
        assert pool.root == [1, 2, 3] and not pool.recovered


def test_a_file_that_was_moved_and_whose_program_was_killed_needs_its_journal(
    opened: tuple[Path, Popen[str]], scratch: Path
) -> None:
    path, child = opened
    moved = path.rename(scratch / "moved")
    child.send_signal(signal.SIGKILL)
    child.wait()
    demand_without_last_commits(moved)
    beside(path).rename(beside(moved))
    with pmemobj.open(moved) as pool:
        assert pool.root == [1, 2] and pool.recovered


def test_an_old_copy_of_its_own_journal_leads_back(killed: Killed, scratch: Path) -> None:
    """It cannot be told from the journal: so the documentation says to keep both together."""
    old = scratch / "old"

    def use(pool: pmemobj.PersistentObjectPool) -> None:
        pool.root = pool.persistent([1, 2, 3])
        pool.root.append(4)
        shutil.copy(beside(Path(pool.path)), old)
        assert pool._heap.journal.checkpoint()
        pool.root.append(5)

    path = killed(use)
    shutil.copy(old, beside(path))
    with pmemobj.open(path) as pool:
        assert pool.root == [1, 2, 3, 4] and pool.check().ok


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_journal_without_permission_is_told_to_another_user(killed: Killed) -> None:
    path = killed(lambda pool: setattr(pool, "root", 1))
    for directory in (path.parent, path.parent.parent):
        directory.chmod(0o777)
    path.chmod(0o666)
    beside(path).chmod(0o600)

    def open_as_another() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        before = path.read_bytes()
        for look in (pmemobj.open, lambda where: pmemobj.open(where, sandbox=True)):
            with pytest.raises(pmemobj.errors.PoolPermissionError, match=r"its journal .* cannot be read"):
                look(path)
        assert path.read_bytes() == before

    in_child(open_as_another)
    with pmemobj.open(path) as pool:
        assert pool.root == 1


#: Killed at one of the operations of a checkpoint, of which there are many.
CHECKPOINT = """
import os, sys, pmemobj
from pmemobj._durability import file_operations, journal
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import session
session.medium_of = lambda _: Medium.DISK
path, at = sys.argv[1], int(sys.argv[2])
journal.MOST_PAGES = 20
is_checkpoint, count = False, 0

class Mortal(file_operations.FileOperations):
    pass

def dying(name):
    def operation(self, *arguments, **more):
        global count
        count += is_checkpoint
        if is_checkpoint and count == at:
            os.kill(os.getpid(), 9)
        return getattr(file_operations.FileOperations, name)(self, *arguments, **more)
    return operation

for name in ("write", "sync", "sync_data"):
    setattr(Mortal, name, dying(name))
file_operations.current = Mortal()
real = journal.Journal._write_pages

def write_pages(self, runs):
    global is_checkpoint
    is_checkpoint = number > 20
    real(self, runs)

journal.Journal._write_pages = write_pages
number = 0
pool = pmemobj.open(path, durability="relaxed")
while True:
    number += 1
    with pool.transaction():
        pool.root[number * 37 % 5000] = number
        pool.root[number * 911 % 5000] = number
        pool.root[0] = number
    print(number, flush=True)
"""


@pytest.mark.parametrize("at", [1, 2, 5, 9, 12, 16, 30])
def test_a_relaxed_pool_that_is_killed_in_a_checkpoint_loses_nothing(
    scratch: Path, as_disk: None, spawn: Callable[..., Popen[str]], at: int
) -> None:
    path = scratch / "pool"
    with pmemobj.create(path, 8 << 20, durability="in-place") as pool:
        pool.root = pool.persistent([0] * 5000)
    child = spawn(CHECKPOINT, path, at)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    told = int(output.split()[-1])
    wanted = [0] * 5000
    for number in range(1, told + 2):
        wanted[number * 37 % 5000] = wanted[number * 911 % 5000] = number
        wanted[0] = number
        if number == told:
            acknowledged = list(wanted)
    with pmemobj.open(path) as pool:
        assert pool.recovered and list(pool.root) in (acknowledged, wanted)
        assert pool.check().ok
    assert not beside(path).exists() and journal.MOST_PAGES > 20
