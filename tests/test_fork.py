"""Forked children: they inherit the mapping, and must not touch it."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import ForkedPoolError, PersistentDict, PersistentList, PersistentObjectPool

Pool = PersistentObjectPool
PATIENCE = 20


def in_child(action: Callable[[], Any]) -> None:
    """Run an action in a forked child; it must come to its end there without an error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            os.write(writing, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    deadline = time.monotonic() + PATIENCE
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.002)
    with os.fdopen(reading) as pipe:
        assert status == 0, pipe.read() or f"status {status}"


@pytest.fixture
def filled(pool: Pool) -> Pool:
    pool.root = pool.new(PersistentDict, items=pool.new(PersistentList, [1, 2]), text="x" * 50)
    return pool


def test_a_child_that_touches_the_pool_is_told_so(filled: Pool) -> None:
    root, items = filled.root, filled.root["items"]

    def child() -> None:
        for use in (
            lambda: filled.root,
            lambda: root["text"],
            lambda: items.append(3),
            lambda: items.__setitem__(0, 5),
            lambda: filled.new(PersistentList),
            lambda: filled.transaction().begin(),
            lambda: filled.gc(),
            lambda: filled.size,
            lambda: setattr(filled, "root", None),
            lambda: pmemobj.inspect.walk(filled),
            lambda: filled.__enter__(),
            lambda: filled.suspend(),
        ):
            with pytest.raises(ForkedPoolError, match="before this process was forked off") as caught:
                use()
            assert isinstance(caught.value, RuntimeError) and str(os.getpid()) in str(caught.value)

    in_child(child)
    assert filled.root["items"] == [1, 2]
    filled.root["items"].append(3)
    assert_sound(filled)


def test_a_child_may_close_what_it_inherited(filled: Pool) -> None:
    def child() -> None:
        assert filled not in pmemobj.open_pools()
        filled.close()
        assert filled.closed

    in_child(child)
    assert filled.root["items"] == [1, 2] and not filled.closed


def test_a_child_cannot_open_the_pool_of_its_parent(filled: Pool) -> None:
    def child() -> None:
        with pytest.raises(pmemobj.PoolBusyError):
            pmemobj.open(filled.path)

    in_child(child)
    assert filled.root["text"] == "x" * 50


def test_a_child_can_use_pools_of_its_own(filled: Pool, scratch: Any) -> None:
    def child() -> None:
        with pmemobj.create(scratch / "child", pool_size=8 << 20) as pool, pool.transaction():
            pool.root = pool.new(PersistentList, ["child"])

    in_child(child)
    with pmemobj.open(scratch / "child") as pool:
        assert pool.root == ["child"] and not pool.recovered
    filled.root["items"].append(3)


def test_a_child_forked_inside_a_transaction(filled: Pool, scratch: Any) -> None:
    """It leaves the block on its way out; that must change nothing in the parent's pool."""

    def child() -> None:
        with pytest.raises((ForkedPoolError, pmemobj.TransactionError)):
            transaction.__exit__(None, None, None)
        with pytest.raises((ForkedPoolError, pmemobj.TransactionError)):
            filled.root["items"].append("child")
        assert not filled.in_transaction

    with filled.transaction() as transaction:
        filled.root["items"].append("uncommitted")
        in_child(child)
        filled.root["items"].append("after")
    assert filled.root["items"] == [1, 2, "uncommitted", "after"]
    with pytest.raises(KeyError), filled.transaction() as transaction:
        filled.root["items"].append("rolled back")
        in_child(child)
        raise KeyError
    assert filled.root["items"] == [1, 2, "uncommitted", "after"]
    assert_sound(filled)


def test_a_child_that_ends_normally_leaves_the_parents_pool_alone(
    pool_path: str, run_python: Callable[..., Any]
) -> None:
    # With sys.exit and all that runs at the end of an interpreter, as multiprocessing does it.
    done = run_python(
        """
import os, sys, pmemobj
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, [1])
with pool.transaction():
    pool.root.append(2)
    if os.fork() == 0:
        sys.stderr = open(os.devnull, "w")
        sys.exit(0)
    os.wait()
    pool.root.append(3)
print(pool.root.copy(), flush=True)
garbage = pool.new(pmemobj.PersistentList, ["garbage" * 10])
if os.fork() == 0:
    sys.exit(0)
assert os.wait()[1] == 0
print(garbage.copy())
""",
        pool_path,
    )
    assert done.stdout == "[1, 2, 3]\n['" + "garbage" * 10 + "']\n"
    with pmemobj.open(pool_path) as pool:
        assert pool.root == [1, 2, 3] and not pool.recovered


def test_multiprocessing_with_fork(filled: Pool) -> None:
    import multiprocessing

    context = multiprocessing.get_context("fork")
    with context.Pool(2) as workers:
        assert workers.map(len, ["a", "bb", "ccc"]) == [1, 2, 3]
    filled.root["items"].append(3)
    assert filled.root["items"] == [1, 2, 3]


def test_a_forked_child_finds_no_lock_held(filled: Pool, scratch: Any) -> None:
    # Another thread is inside a transaction while this one forks.
    import threading

    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with filled.transaction():
            inside.set()
            done.wait(PATIENCE)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    inside.wait(PATIENCE)

    def child() -> None:
        with pytest.raises(ForkedPoolError):
            filled.root["items"].append(3)
        with pytest.raises(ForkedPoolError):
            filled.gc()
        filled.close()

    try:
        in_child(child)
    finally:
        done.set()
        worker.join(PATIENCE)
    assert filled.root["items"] == [1, 2]
