"""A kill on a copy: the code runs on the pool as it was when the open transaction began, and the pool itself goes on.

The child process closes the pool that it has inherited, on private memory, and opens the copy under the same heap. So
the variables and the persistent objects of the caller exist there and lead into the copy. What it stores until it dies
is in the copy, which is in memory that the parent can read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pmemobj import _format
from pmemobj._inspection.walk import Limits
from pmemobj.crash._aftermath import not_possible, recovered, walk_before_transaction, walk_copy
from pmemobj.crash._copy import PoolCopy
from pmemobj.crash._forked import ForkedPool, bind
from pmemobj.crash._kill_child import Death, run_to_death
from pmemobj.crash._kill_report import CrashReport, Verdict
from pmemobj.inspect import Graph
from pmemobj.pool import PersistentObjectPool


def kill_on_copy(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    at: int | None,
    seconds: float,
    max_nodes: int | None,
    transaction: bool,
) -> CrashReport:
    """What `kill` does with ``rolled_back=True``; see there for arguments and errors."""
    what = f"crash pool {pool.path}"
    limits = Limits(None, max_nodes, None)
    # The children inherit the pool, so nobody may change or close it before the last of them exists.
    with pool._heap.lock:
        run = _Run(what, ForkedPool(what, pool), PoolCopy(what, pool), action, seconds, limits)
        try:
            before = walk_before_transaction(run.now, pool._heap.name, limits)
            death, at_crash, after = run.crash(at, transaction)
            if transaction:
                verdict = Verdict.CHANGED if before != after else death.verdict
            else:
                verdict = _verdict_alone(death, before == after) or run.verdict_by_the_end(after)
        finally:
            run.now.close()
    return death.report(verdict, before, at_crash, after)


@dataclass(frozen=True)
class _Run:
    """Runs of one action on copies of one state of a pool.

    Attributes:
        what: The operation, for errors.
        forked: What the children must know of the pool.
        now: A copy of the pool as it is.
        action: What to run.
        seconds: How long it may take.
        limits: How far to walk.
    """

    what: str
    forked: ForkedPool
    now: PoolCopy
    action: Callable[[], object]
    seconds: float
    limits: Limits

    def crash(self, at: int | None, transaction: bool) -> tuple[Death, Graph, Graph]:
        """How the child ended, and the pool at the crash and after recovery."""
        pool = self.forked.pool
        copy = self.now.again()
        try:
            death = run_to_death(
                pool, lambda: self._begin(copy), self.action, at, self.seconds, transaction=transaction
            )
            if death.failed:
                raise not_possible(self.what, death.output)
            at_crash = walk_copy(copy, pool._heap.name, self.limits)
            after = recovered(self.what, self.forked, self.now, copy, self.limits, self.seconds)
        finally:
            copy.close()
        return death, at_crash, after

    def _begin(self, copy: PoolCopy) -> None:
        """In the child: change over to the copy, which libpmemobj recovers, to the beginning of the transaction."""
        # The stamps of new objects are random. With a seed, a second run leads to the same pool, even if a thread of
        # the parent has made objects in another pool since the first one.
        _format._chance.seed(0)
        self.forked.stand_on(self.now.files)
        self.forked.leave()
        bind(self.forked.pool._heap, copy.open(False), copy.size)

    def verdict_by_the_end(self, after: Graph) -> Verdict:
        """Whether all of the action is stored in the pool that recovery has left: run it again, up to its end."""
        death, _, at_end = self.crash(None, False)
        return Verdict.STORED if death.complete and at_end == after else Verdict.TORN


def _verdict_alone(death: Death, is_as_before: bool) -> Verdict | None:
    """The verdict for code that ran without a transaction around it; None if it depends on what was still to come."""
    if death.ending:
        if not is_as_before:
            return Verdict.PARTLY_STORED
        return Verdict.RAISED_ALONE if death.verdict is Verdict.RAISED else death.verdict
    if death.complete:
        return Verdict.STORED if death.changes else Verdict.UNCHANGED
    return Verdict.NOTHING_STORED if is_as_before else None
