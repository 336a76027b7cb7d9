"""The transaction as a program sees it: a context manager, or begin, commit and abort by hand.

`transaction_state` explains what a transaction is, and `heap` makes the calls of libpmemobj. This module has
the levels of one user: which of them a ``with`` statement began and which were begun by hand; they must
end in the opposite order. It is compiled, so that no interrupt arrives between two of its lines.
"""

from __future__ import annotations

from typing import Any

from pmemobj._engine.decorated import F, in_transactions
from pmemobj._engine.heap import Heap
from pmemobj._engine.transaction_state import current_task
from pmemobj._public_names import public_in
from pmemobj.errors import TransactionAborted, TransactionError


class Transaction:
    """A transaction on one pool: all changes inside it happen, or none.

    It is a context manager: leaving the block commits; an exception rolls back, and is raised further. It is a
    decorator: each call of the function is a transaction. Or it is used by hand, with `begin`, `commit` and `abort`.
    A nested transaction joins the outermost one, and only that one commits; an abort anywhere inside rolls back all
    of it.

    Durability: the changes are durable when the outermost block has been left.
    Cost: on DAX and tmpfs microseconds; on a disk a few msyncs, together about half a millisecond.
    C functions: ``pmemobj_tx_begin``, ``pmemobj_tx_commit``, ``pmemobj_tx_abort``.
    """

    __slots__ = ("_begun", "_entered", "_heap", "_levels")

    def __init__(self, heap: Heap) -> None:
        if not isinstance(heap, Heap):  # compiled, None would end the process later
            raise TypeError(
                f"cannot make a transaction on {heap!r:.80}: it is no pool's memory (use pool.transaction())"
            )
        self._heap = heap
        #: How many open levels `begin` has opened, and how many ``with``.
        self._begun = self._entered = 0
        #: The depth inside each open ``with`` block.
        self._levels: list[int] = []

    @property
    def active(self) -> bool:
        """Whether the transaction was begun, and neither committed nor aborted."""
        return self._begun + self._entered > 0 and self._heap.in_transaction()

    def begin(self) -> Transaction:
        """Begin, or begin a nested level.

        Raises:
            PoolClosedError: the pool is closed.
            TransactionAborted: the surrounding transaction was rolled back, and has not been left yet.
        """
        if self._heap.observer is not None:
            self._heap.observer.entering()
        self._heap.begin()
        self._begun += 1
        return self

    def commit(self) -> None:
        """End the innermost level; at the outermost make all changes durable.

        Raises:
            TransactionError: no level was begun with `begin`.
            TransactionAborted: the transaction was rolled back inside.
        """
        self._demand_begun("commit")
        if self._heap.observer is not None:
            self._heap.observer.leaving()
        self._begun -= 1
        self._heap.end(None, True)
        self._tell()

    def abort(self) -> None:
        """Roll back all changes since the outermost begin, and raise at once.

        All levels that `begin` opened are ended; ``with`` blocks end as the exception leaves them.

        Raises:
            TransactionAborted: always, so that no more code runs in a transaction that was rolled back.
            TransactionError: the transaction was not begun.
        """
        reason = TransactionAborted(
            f"go on in the transaction on {self._heap.name}", "abort() was called", "begin another"
        )
        if not self.active:
            self._demand_begun("abort")
        if self._heap.doomed is None:
            self._heap.roll_back(reason)
        while self._begun:
            self._begun -= 1
            self._heap.end(reason, True)
        raise reason

    def __call__(self, function: F) -> F:
        """Make each call of a function a transaction of its own on this pool, as in ``@pool.transaction()``.

        Inside a transaction a call joins it. `pmemobj.transactional` is the same for methods, whose pool is that of
        their object.

        Args:
            function: A function or method; a coroutine function keeps its transaction open until it ends.

        Raises:
            TypeError: it is nothing that can be called.
            TransactionError: it is a generator.
        """
        heap = self._heap
        return in_transactions(function, lambda *args, **kwargs: Transaction(heap))

    def __enter__(self) -> Transaction:
        heap = self._heap
        if heap.observer is not None:
            heap.observer.entering()
        heap.begin()
        self._entered += 1
        self._levels.append(heap.depth)
        if heap.depth == 1:
            try:
                heap._task = current_task()
            except BaseException as failure:
                self.__exit__(type(failure), failure, None)
                raise
        return self

    def __exit__(self, _type: Any, error: BaseException | None, _traceback: Any) -> None:
        heap = self._heap
        self._entered -= 1
        # A program may call `__exit__` after `begin`, without `__enter__`; then no level was recorded.
        level = self._levels.pop() if self._levels else heap.depth
        try:
            if heap.depth and not heap.in_transaction():
                heap._strayed = TransactionError(
                    f"go on in the transaction on {heap.name}",
                    "the generator or task that was inside has ended in another thread",
                    "call pool.abandon_transaction() in this thread, which rolls it back",
                )
            elif heap.depth > level and heap.doomed is None:
                heap.roll_back(
                    TransactionError(
                        f"end a transaction on {heap.name}",
                        "one that was begun later in this thread (by a task, a generator, or with begin) is still open",
                        "end that one first",
                    )
                )
            elif heap.observer is not None:
                heap.observer.leaving()
        except BaseException as failure:
            heap.end(failure, True)
            raise
        heap.end(error, True)
        if error is None:
            self._tell()

    def _tell(self) -> None:
        """Call the listeners of the pool when everything is committed and the lock is released."""
        heap = self._heap
        if heap.after_transaction and heap.depth == 0:
            for call in tuple(heap.after_transaction):
                call()

    def _demand_begun(self, what: str) -> None:
        if not self._heap.depth:
            self._begun = 0
        if self._begun and self._heap.in_transaction():
            return
        if self._entered:
            why, todo = "a `with` statement began it", "leave its block, which ends it"
        else:
            why, todo = "it was not begun in this thread", "call begin() first"
        raise TransactionError(f"{what} a transaction on {self._heap.name}", why, todo)


public_in("pmemobj")(Transaction)
