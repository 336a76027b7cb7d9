"""The end of the program where it is: in the middle of its open transaction, with nothing replayed.

A child process is forked off, so it is the program at this very moment, with libpmemobj in the middle of the
transaction. Over the inherited mapping of the pool it maps a copy of it, at the same addresses, and then it dies by
SIGKILL. The parent reads the copy as the dead child has left it, and lets a second child recover it with libpmemobj.
The pool of the parent, its transaction and its handles stay as they are.
"""

from __future__ import annotations

import os
import signal
import traceback
from contextlib import suppress

from pmemobj._engine.heap import Heap
from pmemobj._inspection.walk import Limits
from pmemobj.crash import _child
from pmemobj.crash._aftermath import not_possible, recovered, walk_before_transaction, walk_copy
from pmemobj.crash._copy import PoolCopy
from pmemobj.crash._forked import ForkedPool
from pmemobj.crash._kill_report import CrashReport, Verdict
from pmemobj.pool import PersistentObjectPool


def kill_here(pool: PersistentObjectPool, *, seconds: float = 30.0, max_nodes: int | None = 1000) -> CrashReport:
    """End the program here: kill a child that is this program in the middle of its open transaction, and recover.

    The child dies on a copy of the pool. The pool itself, its transaction and its objects stay as they are: it goes on,
    and `commit` and `abort` do what they would have done.

    Args:
        pool: An open pool: of fixed size or growing, in a sandbox or not. Usually a transaction is open in the calling
            thread; without one, everything is stored already, and the verdict says so.
        seconds: How long each of the two children may take.
        max_nodes: How many objects to compare and show.

    Returns:
        The pool as the transaction found it (computed from libpmemobj's undo log), as the dead child left it, and as
        libpmemobj recovered it.

    Raises:
        TransactionError: this thread is in a transaction of another pool, or a thread ended in one of this pool.
        PoolNotFoundError: its file was moved or removed; the pool stays open.
        PoolClosedError: the pool is closed.
        PmemError: the child could not be made, or recovery failed.

    Durability: nothing of the pool changes.
    Cost: that of a copy of the pool in memory (holes in its files cost nothing), and some ten milliseconds.

    Example::

        import pmemobj
        from pmemobj import crash

        with pmemobj.create("bank.pmem", 16 << 20) as pool:
            money = pool.root = pool.persistent({"ada": 100, "bob": 100})
            with pool.transaction():
                money["ada"] -= 30
                report = crash.kill_here(pool)
                money["bob"] += 30
            assert report.ok and report.before == report.after != report.at_crash
            assert money == {"ada": 70, "bob": 130}
    """
    what = f"crash pool {pool.path}"
    heap = pool._heap
    limits = Limits(None, max_nodes, None)
    with heap.lock:
        forked = ForkedPool(what, pool)
        changes = heap.changes - heap.changes_at_begin if forked.is_open else 0
        copy = PoolCopy(what, pool)
        try:
            ended = _child.run(lambda writing: _die_on(forked, copy, writing), seconds)
            if ended.timed_out or not os.WIFSIGNALED(ended.status) or os.WTERMSIG(ended.status) != signal.SIGKILL:
                raise not_possible(what, ended.output)
            before = walk_before_transaction(copy, heap.name, limits)
            at_crash = walk_copy(copy, heap.name, limits)
            after = recovered(what, forked, copy, copy, limits, seconds)
        finally:
            copy.close()
        verdict = _verdict(heap, changes, before == after)
    if forked.is_open:
        moment = "killed in the middle of the transaction"
    else:
        failed = verdict is Verdict.UNDONE_BEFORE
        moment = "killed in a transaction that had failed" if failed else "killed outside of any transaction"
    return CrashReport(verdict, None, changes, before, at_crash, after, "", moment=moment)


def _verdict(heap: Heap, changes: int, is_as_before: bool) -> Verdict:
    if not is_as_before:
        return Verdict.CHANGED
    if not heap.in_transaction():
        return Verdict.NO_TRANSACTION
    if heap.doomed is not None:
        return Verdict.UNDONE_BEFORE
    return Verdict.ROLLED_BACK if changes else Verdict.UNCHANGED


def _die_on(forked: ForkedPool, copy: PoolCopy, writing: int) -> None:
    """In the child: be the program on the copy, and die; never returns."""
    try:
        forked.live_on(copy)
        os.kill(os.getpid(), signal.SIGKILL)
    except BaseException:
        with suppress(BaseException):
            os.write(writing, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(1)
