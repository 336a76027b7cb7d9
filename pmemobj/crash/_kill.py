"""Program crashes: a child process runs the code on the real pool and dies by SIGKILL.

The parent suspends the pool and forks, and the child resumes the pool. So the code sees the variables of the caller
and the caller's persistent objects, and what it does is real. What it stored until it died is in the file (the page
cache outlives a process), together with libpmemobj's undo log. The parent reads these bytes as they are, then opens
the pool again, and libpmemobj rolls back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pmemobj import inspect
from pmemobj.crash._interrupts import Interrupts, deferred
from pmemobj.crash._kill_child import run_to_death
from pmemobj.crash._kill_on_copy import kill_on_copy
from pmemobj.crash._kill_report import CrashReport, Verdict
from pmemobj.errors import SandboxError, TransactionError
from pmemobj.pool import PersistentObjectPool


def kill(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    at: int | None = None,
    *,
    seconds: float = 30.0,
    max_nodes: int | None = 1000,
    rolled_back: bool = False,
    transaction: bool = True,
) -> CrashReport:
    """Run `action` in a transaction in a child process, kill it there, and recover.

    The child works on the pool itself, or with `rolled_back` on a copy of it.

    Args:
        pool: An open pool; it is open again, with the same handles, at return.
        action: What to run; it sees everything that the caller sees. What it does to variables happens in the child
            only. If it waits for threads of its own that write, its time runs out, since these threads wait for the
            transaction.
        at: Kill after this change of live memory, counted from 1; None to kill just before the commit. If there are
            fewer changes, the process is killed just before the commit, too.
        seconds: How long it may run; then it is killed wherever it is.
        max_nodes: How many objects to compare and show.
        rolled_back: Whether to work on a copy of the pool, as it was when the transaction began that is open in the
            calling thread; or as it is, if none is open. The pool and the transaction stay as they are, and
            objects that the transaction created do not exist on the copy. The pool may be in a sandbox. A growing pool
            does not grow on a copy.
        transaction: Whether a transaction is made around the code. Without one, each statement of the code is stored by
            itself, and a kill between two of them leaves a part of the work. This needs `rolled_back`. To tell whether
            the kill came between two statements, the code may be run a second time, up to its end.

    Raises:
        TransactionError: a transaction is open in this thread, of another pool or without `rolled_back`.
        SandboxError: the pool is open in a sandbox, without `rolled_back`.
        PoolNotFoundError: its file was moved or removed; the pool stays open.
        ValueError: `at` is below 1, or `transaction` is false without `rolled_back`.
        PmemError: recovery failed.
        KeyboardInterrupt: once the pool is open again.

    Example::

        import pmemobj
        from pmemobj import crash

        with pmemobj.create("bank.pmem", 16 << 20) as pool:
            money = pool.root = pool.persistent({"ada": 100, "bob": 100})

            def transfer():
                money["ada"] -= 30
                money["bob"] += 30

            crash.kill(pool, transfer, at=1)
            assert sum(money.values()) == 200
    """
    if at is not None and at < 1:
        raise ValueError(f"cannot crash at change {at}: changes are counted from 1")
    if rolled_back:
        return kill_on_copy(pool, action, at, seconds, max_nodes, transaction)
    if not transaction:
        raise ValueError(
            "cannot kill code without a transaction in the pool itself: what it leaves would stay there "
            "(add rolled_back=True, which works on a copy)"
        )
    if pool.in_transaction:
        raise TransactionError(
            f"crash pool {pool.path}",
            "a transaction is open",
            "commit or abort it first, crash that transaction with kill_here, or use rolled_back=True",
        )
    if pool.sandbox:
        raise SandboxError(
            f"crash pool {pool.path}",
            "it is open in a sandbox, where the changes of the child process would be lost",
            "open it without sandbox=True, or crash a copy",
        )
    before = inspect.walk(pool, max_nodes=max_nodes)
    with deferred() as interrupts:
        pool.suspend()
        try:
            death = run_to_death(
                pool, partial(_take_the_pool, pool, interrupts), action, at, seconds, lambda: interrupts.waiting
            )
            at_crash = inspect.walk_file(pool._file, max_nodes=max_nodes)
        finally:
            pool.resume()
    after = inspect.walk(pool, max_nodes=max_nodes)
    verdict = Verdict.CHANGED if before != after else death.verdict
    return death.report(verdict, before, at_crash, after)


def _take_the_pool(pool: PersistentObjectPool, interrupts: Interrupts) -> None:
    """In the child."""
    interrupts.restore()
    # What the child stores until it dies is to be seen in the file, as libpmemobj itself leaves it there.
    pool._session.forgo_journal()
    pool.resume()
