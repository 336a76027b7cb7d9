"""The pool that a forked child inherits: in C it is open there, and perhaps in the middle of a transaction."""

from __future__ import annotations

import faulthandler

from pmemobj._engine.heap import Heap
from pmemobj._format import ROOT_SIZE
from pmemobj._pmdk import calls, library
from pmemobj.crash._copy import PoolCopy
from pmemobj.errors import TransactionError
from pmemobj.pool import PersistentObjectPool, open_pools


class ForkedPool:
    """What a child must know of an inherited pool, of which Python has detached its heap; it is made before the fork.

    The caller holds the lock of the pool until the child exists.

    Args:
        what: The operation, for errors.
        pool: The open pool.

    Attributes:
        pool: The pool.
        is_open: Whether the calling thread is in a transaction of it that can still be undone.

    Raises:
        PoolClosedError: the pool is closed.
        TransactionError: the thread is in a transaction of another pool, which the child would roll back.
    """

    def __init__(self, what: str, pool: PersistentObjectPool) -> None:
        heap = pool._heap
        heap.read(heap.root_offset)
        for other in open_pools():
            if other is not pool and other.in_transaction:
                why = f"this thread is in a transaction of another pool, {other.path}"
                raise TransactionError(what, why, "commit or abort that one first")
        self.pool = pool
        self.is_open = heap.in_transaction() and heap.doomed is None
        self._fresh = list(heap.fresh)
        self._pop, self._base = heap.pop, heap.base

    def live_on(self, copy: PoolCopy) -> None:
        """In the child: go on where the parent is, on the copy; what is stored from now on is in the copy."""
        library.map_over(self._base, copy.files, shared=True)

    def stand_on(self, files: list[tuple[str, int]]) -> None:
        """In the child: let private copies of files take the place of the pool, so that no file changes any more.

        Args:
            files: Files that have what the memory of the pool has, since the transaction in it must go on to be ended.
        """
        faulthandler.disable()  # the parent reports how this process dies
        library.map_over(self._base, files)

    def leave(self) -> None:
        """In the child, after `stand_on`: roll back the transaction and close the pool.

        Afterwards the child may open a copy of the pool, and the handles of the program refuse what was new.
        """
        if self.is_open:
            calls.abort()
        library.close(self._pop)
        heap = self.pool._heap
        heap.invalidate(
            self._fresh,
            "the open transaction created it, and the crash lab works on a copy as of the beginning of that",
            "create it in the code that is crashed",
        )
        heap.exports.forget_new()


def bind(heap: Heap, pop: library.Pool, size: int) -> None:
    """Bind a heap to an open copy of its pool."""
    heap.bind(pop, size, ROOT_SIZE)
    heap.demand_log_space()  # before a recording begins, of which it is no part
    heap.slow = heap.by_page = False
    heap.needs_flush = True  # a recorder has to hear of every flush
    heap.journal = None
    heap.observer = None
    if heap.types is not None:
        heap.types.reload()
