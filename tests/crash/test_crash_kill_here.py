"""`pmemobj.crash.kill_here`: a real child dies in the middle of the open transaction, and the live pool goes on."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sample_classes import Account
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentByteArray, PersistentList, PersistentObjectPool, crash
from pmemobj._pmdk import calls, library
from pmemobj.crash import Verdict, _copy, _forked, kill_here

#: Nothing of the crash lab is compiled.
pytestmark = pytest.mark.once

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
MIB = 1 << 20


def fill(pool: Pool) -> None:
    pool.root = pool.persistent({"items": [1, LONG], "doomed": {"inner": [LONG]}, "count": 5})
    pool.root["account"] = pool.new(Account, "a", 5)


def change(pool: Pool) -> None:
    """New objects, deleted ones, lists that grow, and values that are replaced."""
    root = pool.root
    root["new"] = pool.persistent([[LONG], {"deep": [1, 2]}])
    del root["doomed"]
    for number in range(500):
        root["items"].append(number)
    root["items"].append(LONG * 3)
    root["account"].balance = 777
    root["count"] += 1


def as_filled(pool: Pool) -> None:
    root = pool.root
    assert root["items"] == [1, LONG] and root["doomed"]["inner"] == [LONG] and root["count"] == 5
    assert root["account"].balance == 5 and len(root) == 4
    assert_sound(pool)


def as_changed(pool: Pool) -> None:
    root = pool.root
    assert root["items"] == [1, LONG, *range(500), LONG * 3] and "doomed" not in root and root["count"] == 6
    assert root["account"].balance == 777 and root["new"][1]["deep"] == [1, 2]
    assert_sound(pool)


def texts(graph: pmemobj.inspect.Graph) -> set[str]:
    return {slot.text for node in graph.nodes.values() for slot in node.slots}


def rolled_back(report: crash.CrashReport) -> None:
    assert report.verdict is Verdict.ROLLED_BACK and report.ok and report.at is None and report.ending == ""
    assert report.before == report.after != report.at_crash
    assert str(report).startswith("killed in the middle of the transaction, ")
    assert "777" in texts(report.at_crash) and "777" not in texts(report.after) | texts(report.before)
    assert {"5", f"{LONG!r}"} <= texts(report.after)


@pytest.fixture(params=["tmpfs", "disk"])
def directory(request: pytest.FixtureRequest, scratch: Path, tmp_path: Path) -> Path:
    return scratch if request.param == "tmpfs" else tmp_path


@pytest.fixture(params=["one file", "growing"])
def path(request: pytest.FixtureRequest, directory: Path) -> str:
    """The path of a filled pool that is closed."""
    sizes: dict[str, Any] = {"pool_size": 16 * MIB}
    if request.param == "growing":
        sizes = {"pool_size": "auto", "max_size": 1 << 30}
    where = str(directory / "here.pmem")
    with pmemobj.create(where, **sizes) as pool:
        fill(pool)
    return where


@pytest.fixture
def filled(pool: Pool) -> Pool:
    fill(pool)
    return pool


def children() -> str:
    """The child processes that this thread has, also those that have ended and nobody has waited for."""
    return Path("/proc/thread-self/children").read_text()


def contents(path: str) -> dict[str, str]:
    """The digests of all files of a pool."""
    names = [os.path.join(path, name) for name in sorted(os.listdir(path))] if os.path.isdir(path) else [path]
    return {name: hashlib.blake2b(Path(name).read_bytes()).hexdigest() for name in names}


# ---- what it shows, and what it leaves ---------------------------------------------------------------


@pytest.mark.parametrize("sandbox", [False, True], ids=["", "sandbox"])
@pytest.mark.parametrize("commits", [True, False], ids=["then committed", "then aborted"])
def test_the_transaction_goes_on(path: str, sandbox: bool, commits: bool) -> None:
    with pmemobj.open(path, sandbox=sandbox) as pool:
        transaction = pool.transaction().begin()
        change(pool)
        new = pool.root["new"]
        before = contents(path)
        rolled_back(kill_here(pool))
        assert contents(path) == before
        assert pool.in_transaction and transaction.active and new[1]["deep"] == [1, 2]
        if commits:
            transaction.commit()
            as_changed(pool)
            assert pool.root["new"] is new
        else:
            with pytest.raises(pmemobj.TransactionAborted):
                transaction.abort()
            as_filled(pool)
            with pytest.raises(pmemobj.InvalidHandleError):
                new.append(1)
        pool.root["after"] = LONG
        del pool.root["after"]
    assert pmemobj.check(path).ok
    with pmemobj.open(path) as pool:
        assert not pool.recovered
        (as_changed if commits and not sandbox else as_filled)(pool)


@pytest.mark.parametrize("sandbox", [False, True], ids=["", "sandbox"])
def test_a_transaction_in_which_the_pool_has_grown(scratch: Path, sandbox: bool) -> None:
    where = str(scratch / "growing.pmem")
    with pmemobj.create(where, "auto", max_size=1 << 30) as pool:
        fill(pool)
    with pmemobj.open(where, sandbox=sandbox) as pool:
        parts = len(os.listdir(where))
        size = pool._heap.limit
        with pool.transaction():
            change(pool)
            for number in range(50):
                pool.root[f"large {number}"] = bytes(4 * MIB)
            assert pool._heap.limit > size and (sandbox or len(os.listdir(where)) > parts)
            before = sorted(os.listdir(where))
            rolled_back(kill_here(pool))
            assert sorted(os.listdir(where)) == before
            pool.root["larger"] = bytes(4 * MIB)
        assert len(pool.root) == 55


def test_changes_of_a_sandbox_before_the_transaction_are_in_the_pictures(path: str) -> None:
    with pmemobj.open(path, sandbox=True) as pool:
        pool.root["sand"] = "castle, which is long"
        with pool.transaction():
            change(pool)
            report = kill_here(pool)
        rolled_back(report)
        assert "'castle, which is long'" in texts(report.before) & texts(report.at_crash) & texts(report.after)


def test_levels_and_several_crashes_in_one_transaction(filled: Pool) -> None:
    with filled.transaction():
        assert kill_here(filled).verdict is Verdict.UNCHANGED
        filled.root["account"].balance = 777
        first = kill_here(filled)
        with filled.transaction() as inner:
            inner.begin()
            change(filled)
            second = kill_here(filled)
            inner.commit()
        third = kill_here(filled)
        for report in (first, second, third):
            rolled_back(report)
        assert first.before == second.before == third.before
        assert 0 < first.changes < second.changes == third.changes
    as_changed(filled)
    assert kill_here(filled).after.nodes == third.at_crash.nodes


def test_a_transaction_that_an_error_has_rolled_back(filled: Pool) -> None:
    with pytest.raises(pmemobj.TransactionAborted), filled.transaction():
        change(filled)
        with pytest.raises(ZeroDivisionError), filled.transaction():
            1 / 0  # noqa: B018
        report = kill_here(filled)
        assert report.verdict is Verdict.UNDONE_BEFORE and report.ok and report.changes == 0
        assert report.before == report.after and report.before.nodes == report.at_crash.nodes
        assert str(report).startswith("killed in a transaction that had failed, 0 changes made: an error had rolled")
    as_filled(filled)


def test_without_a_transaction_everything_is_there(filled: Pool) -> None:
    change(filled)
    report = kill_here(filled)
    assert report.verdict is Verdict.NO_TRANSACTION and report.ok and report.changes == 0
    assert report.before == report.after and "777" in texts(report.after)
    assert str(report).startswith("killed outside of any transaction, 0 changes made: no transaction was open: ")
    as_changed(filled)


def test_the_log_of_the_transaction_may_be_longer_than_a_view_would_read(filled: Pool) -> None:
    filled.root["many"] = many = filled.new(PersistentByteArray, bytes(3 * MIB))
    with filled.transaction():
        filled.root["account"].balance = 777
        many[:] = b"\1" * (3 * MIB)
        with filled.transaction():
            assert pmemobj.inspect.walk(filled, changes=True).before is None
        report = kill_here(filled)
    rolled_back(report)


def test_pictures_have_a_limit(filled: Pool) -> None:
    with filled.transaction():
        change(filled)
        report = kill_here(filled, max_nodes=2)
        assert [len(graph.nodes) for _, graph in report.frames] == [2, 2, 2] and report.ok


# ---- that it is real ---------------------------------------------------------------------------------


def test_recovery_is_that_of_libpmemobj(filled: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the undo log is void, libpmemobj restores nothing, and the report says what is wrong with the pool."""
    live_on = _forked.ForkedPool.live_on

    def and_commit(forked: Any, copy: Any) -> None:
        live_on(forked, copy)
        calls.commit(False)

    monkeypatch.setattr(_forked.ForkedPool, "live_on", and_commit)
    with filled.transaction():
        change(filled)
        report = kill_here(filled)
        assert "777" in texts(report.after) & texts(report.at_crash)
    as_changed(filled)


def test_a_copy_that_libpmemobj_refuses(filled: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    live_on = _forked.ForkedPool.live_on

    def and_damage(forked: Any, copy: Any) -> None:
        live_on(forked, copy)
        copy._images[0].write(8, b"damaged!" * 6)

    monkeypatch.setattr(_forked.ForkedPool, "live_on", and_damage)
    with filled.transaction():
        change(filled)
        with pytest.raises(pmemobj.PmemError, match="libpmemobj did not recover it"):
            kill_here(filled)
    as_changed(filled)


def test_a_child_that_cannot_take_the_copy(filled: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_keywords: Any) -> None:
        raise OSError(12, "no memory")

    monkeypatch.setattr(library, "map_over", fail)
    with filled.transaction():
        change(filled)
        with pytest.raises(pmemobj.PmemError, match="no memory"):
            kill_here(filled)
    as_changed(filled)


# ---- refusals, interrupts, leftovers ------------------------------------------------------------------


def test_not_in_a_transaction_of_another_pool(filled: Pool, make_pool: Callable[..., Pool]) -> None:
    """The child would have to leave that transaction, whose memory it shares with this process."""
    other = make_pool()
    other.root = other.new(PersistentList, [1])
    with other.transaction():
        other.root.append(2)
        with pytest.raises(pmemobj.TransactionError, match=r"another pool, .*other\.pmem"):
            kill_here(filled)
    assert other.root == [1, 2]


def test_another_pool_that_is_open_is_left_alone(filled: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    other.root = other.new(PersistentList, [1])
    with filled.transaction():
        change(filled)
        rolled_back(kill_here(filled))
    other.root.append(2)
    assert other.root == [1, 2]


def test_a_closed_pool_and_one_whose_file_was_moved(filled: Pool) -> None:
    with filled.transaction():
        change(filled)
        os.rename(filled.path, f"{filled.path}.moved")
        with pytest.raises(pmemobj.PoolNotFoundError, match="moved or removed"):
            kill_here(filled)
        os.rename(f"{filled.path}.moved", filled.path)
        rolled_back(kill_here(filled))
    as_changed(filled)
    filled.close()
    with pytest.raises(pmemobj.PoolClosedError):
        kill_here(filled)


def test_the_transaction_of_another_thread_ends_first(filled: Pool) -> None:
    begun = threading.Event()

    def work() -> None:
        with filled.transaction():
            filled.root["count"] = 6
            begun.set()
            time.sleep(0.2)
            filled.root["items"].append(2)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    report = kill_here(filled)
    thread.join()
    assert report.verdict is Verdict.NO_TRANSACTION and {"6", "2"} <= texts(report.after)


def test_an_interrupt_leaves_the_transaction_as_it_is(filled: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    live_on = _forked.ForkedPool.live_on
    parent = os.getpid()

    def interrupt(forked: Any, copy: Any) -> None:
        os.kill(parent, signal.SIGINT)
        time.sleep(60)
        live_on(forked, copy)

    monkeypatch.setattr(_forked.ForkedPool, "live_on", interrupt)
    before = children()
    with filled.transaction():
        change(filled)
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            kill_here(filled)
        assert time.monotonic() - begun < 50 and filled.in_transaction
    as_changed(filled)
    assert children() == before


def test_nothing_is_left_over(filled: Pool) -> None:
    with filled.transaction():
        change(filled)
        kill_here(filled)
        before = len(os.listdir("/proc/self/fd")), children()
        for _ in range(3):
            kill_here(filled)
        assert (len(os.listdir("/proc/self/fd")), children()) == before


# ---- what it costs -----------------------------------------------------------------------------------


@pytest.fixture
def on_disk() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="pmemobj-test-"))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.once
@pytest.mark.parametrize("sandbox", [False, True], ids=["", "sandbox"])
def test_holes_stay_holes(pool_path: str, sandbox: bool) -> None:
    """A copy has the pages that have data, and no others."""
    with pmemobj.create(pool_path, pool_size=512 * MIB) as pool:
        fill(pool)
    subprocess.run(["fallocate", "--dig-holes", pool_path], check=False)
    with pmemobj.open(pool_path, sandbox=sandbox) as pool:
        pool.root["large"] = bytes(range(256)) * (8 * MIB // 256)
        with pool.transaction(), pool._heap.lock:
            copy = _copy.PoolCopy("copy it", pool)
            ((path, size),) = copy.files
            assert size == 512 * MIB and 8 * MIB < os.stat(path).st_blocks * 512 < 24 * MIB
            copy.close()
