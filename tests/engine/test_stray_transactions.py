"""Transactions that are left where they cannot be ended: by dead threads, generators and tasks; and deadlocks.

Each case is an error that says what to do, and the pool can be used afterwards.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from soundness import assert_sound
from test_threads import Worker

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, TransactionError

Pool = PersistentObjectPool
PATIENCE = 60
LONG = "a string that is too long for a word"


def leave_open(pool: Pool) -> None:
    """A thread begins a transaction, changes things, and ends."""
    pool.root = pool.new(PersistentList, [1, LONG])

    def work() -> None:
        pool.transaction().begin()
        pool.root.append(2)
        pool.root[1] = LONG * 2
        pool.root.append(pool.new(PersistentDict, a=1))

    assert Worker(work).wait() is None


def test_a_thread_that_ends_in_a_transaction(pool: Pool) -> None:
    leave_open(pool)
    root, lost = pool.root, pool.root[-1]
    for use in (
        lambda: root.append(3),
        lambda: root.__setitem__(0, 3),
        lambda: pool.gc(),
        lambda: pool.transaction().begin(),
        lambda: setattr(pool, "root", 1),
    ):
        with pytest.raises(TransactionError, match="a thread ended inside a transaction"):
            use()
        # A new thread may have the number of the thread that has ended, and must not be taken for it.
        error = Worker(use).wait()
        assert isinstance(error, TransactionError) and "a thread ended" in str(error)
    assert not pool.in_transaction and Worker(lambda: pool.in_transaction).wait() is False
    assert pool.abandon_transaction() and not pool.abandon_transaction()
    assert root == [1, LONG] and pool.root is root and pool.recovered
    with pytest.raises(pmemobj.InvalidHandleError):
        lost["a"]
    root.append(3)
    with pool.transaction():
        root.append(4)
    assert Worker(lambda: root.append(5)).wait() is None
    assert root == [1, LONG, 3, 4, 5]
    assert_sound(pool)


@pytest.mark.parametrize("by_block", [False, True])
def test_closing_a_pool_that_a_dead_thread_left_in_a_transaction(
    pool: Pool, reopen: Callable[..., Pool], by_block: bool
) -> None:
    leave_open(pool)
    if by_block:
        with pytest.raises(TransactionError, match="was rolled back"), pool:
            pass
    else:
        pool.close()
    assert pool.closed
    assert reopen(pool.path).root == [1, LONG]


def test_a_program_that_ends_with_the_transaction_of_a_dead_thread(
    pool_path: str, run_python: Callable[..., Any]
) -> None:
    run_python(
        """
import pmemobj, sys, test_stray_transactions
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
test_stray_transactions.leave_open(pool)
""",
        pool_path,
    )
    with pmemobj.open(pool_path) as pool:
        assert pool.root == [1, LONG]


def test_the_transaction_of_a_dead_thread_in_a_sandbox(pool: Pool) -> None:
    pool.close()
    with pmemobj.open(pool.path, sandbox=True) as sandbox:
        leave_open(sandbox)
        with pytest.raises(pmemobj.SandboxError):
            sandbox.abandon_transaction()
        sandbox.close()
    with pmemobj.open(pool.path) as again:
        assert again.root is None and not again.recovered


# ---- generators ----------------------------------------------------------------------------------


def changing(pool: Pool) -> Iterator[int]:
    with pool.transaction():
        pool.root = "inside"
        yield 1
        pool.root = "later"
        yield 2


def test_a_generator_that_is_abandoned_rolls_back(pool: Pool) -> None:
    generator = changing(pool)
    next(generator)
    assert pool.root == "inside" and pool.in_transaction
    del generator
    gc.collect()
    assert pool.root is None and not pool.in_transaction
    pool.root = 1


def test_a_generator_that_is_collected_in_another_thread(pool: Pool) -> None:
    held = [changing(pool)]
    next(held[0])
    # The generator ends in the other thread, but the transaction belongs to this thread.
    assert Worker(held.clear).wait() is None
    for use in (lambda: setattr(pool, "root", 1), lambda: pool.transaction().begin()):
        with pytest.raises(TransactionError, match=r"another thread.*abandon_transaction"):
            use()
    assert pool.abandon_transaction()
    assert pool.root is None
    pool.root = 1


def test_two_generators_that_are_not_nested(pool: Pool) -> None:
    """The first task would believe its changes committed, while the other task can still roll them back."""
    first, second = changing(pool), changing(pool)
    next(first), next(second)
    next(first)
    with pytest.raises(pmemobj.TransactionAborted, match="begun later in this thread"):
        next(first)
    with pytest.raises(pmemobj.TransactionAborted):
        next(second)
    assert pool.root is None and not pool.in_transaction
    pool.root = 1


# ---- tasks ---------------------------------------------------------------------------------------


def test_tasks_that_take_turns(pool: Pool) -> None:
    """The other task gets an error at its first change, and is not rolled back with this task."""
    pool.root = pool.new(PersistentList, [0])
    items = pool.root
    errors: list[BaseException] = []

    async def first() -> None:
        with pool.transaction():
            items.append("first")
            await asyncio.sleep(0.01)
            items.append("also first")

    async def other() -> None:
        await asyncio.sleep(0)
        for change in (
            lambda: items.append("other"),
            lambda: items.__setitem__(0, 1),
            lambda: changing(pool).send(None),
        ):
            try:
                change()
            except TransactionError as error:
                errors.append(error)
        assert items[0] == 0  # reading is allowed

    async def both() -> None:
        await asyncio.gather(first(), other())

    asyncio.run(both())
    assert len(errors) == 3 and all("another task" in str(error) for error in errors)
    assert items == [0, "first", "also first"]
    items.append(1)


def test_a_task_that_is_cancelled_rolls_back(pool: Pool) -> None:
    async def work() -> None:
        with pool.transaction():
            pool.root = 1
            await asyncio.sleep(60)

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert pool.root is None and not pool.in_transaction


# ---- deadlocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [5, LONG])
def test_two_threads_that_wait_for_each_others_pools(pool: Pool, make_pool: Callable[..., Pool], value: Any) -> None:
    other = make_pool()
    ready = threading.Barrier(2)

    def work(mine: Pool, theirs: Pool) -> None:
        with mine.transaction():
            mine.root = value
            ready.wait(PATIENCE)
            theirs.root = value

    started = time.monotonic()
    workers = [Worker(lambda: work(pool, other)), Worker(lambda: work(other, pool))]
    results = [worker.wait() for worker in workers]
    assert time.monotonic() - started < PATIENCE
    assert any(isinstance(result, TransactionError) for result in results), results
    for one in (pool, other):
        one.root = None
        assert_sound(one)
