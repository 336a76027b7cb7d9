"""Who may change a pool at this moment, and what has changed: the state of the lock, the transaction and the version.

Transactions are flat: a nested one joins the outer. States, and what leads from one to another::

    idle     --begin-->   open (depth 1)                    pmemobj_tx_begin
    open     --begin-->   open (depth + 1)                  nothing in C
    open     --end-->     open (depth - 1), or idle         at depth 1: pmemobj_tx_commit, tx_end
    open     --roll_back-->   doomed                        pmemobj_tx_abort, tx_end
    doomed   --begin-->   TransactionAborted                nothing runs in a transaction that failed
    doomed   --end-->     doomed (depth - 1), or idle

This module has the state, and refuses calls that do not fit to it: the C library would end the process for a
transaction call in the wrong state. `Heap` makes the transitions.

One thread at a time changes a pool: `begin` takes the lock, the matching `end` gives it back. Readers take no
lock; what they read is checked by `version` (see `consistent_reads`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pmemobj._engine.lock import PoolLock, thread_key
from pmemobj._engine.mapping import MappedPool
from pmemobj.errors import PmemError, TransactionAborted, TransactionError

if TYPE_CHECKING:
    from pmemobj._durability.journal import Journal

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython


class TransactionState(MappedPool):
    """A mapped pool that knows its transaction; a base class of `Heap`.

    Attributes:
        lock: Held by whoever changes the pool, from the first read that the change depends on.
        observer: Who is told of all that is done, if anybody is: see the module `observer`.
        journal: Makes commits durable where flushing does not: see `pmemobj._durability`. None elsewhere.
        on_change: Called after every change of live memory; the crash demonstrations count with it.
        depth: How many levels of the transaction are open, or failed and not yet left.
        doomed: Why the transaction was rolled back, until its outermost level is left; None in a good one.
        changes: How many changes of live memory there were.
        may_have_garbage: Whether something may have become unreachable since the last garbage collection.
        snapshots: How many ranges were logged; like the next three, since the heap was made, for tests of costs.
        logged: How many bytes these had.
        persists: How many stores were made durable by themselves.
        published: How many publications there were.
    """

    __slots__ = (
        "_changing_level",
        "_marks",
        "_owner",
        "_strayed",
        "_task",
        "changes",
        "depth",
        "doomed",
        "journal",
        "lock",
        "logged",
        "may_have_garbage",
        "observer",
        "on_change",
        "persists",
        "published",
        "snapshots",
    )

    def __init__(self, name: str) -> None:
        MappedPool.__init__(self, name)
        self.lock = PoolLock(name)
        self.observer: Any = None
        self.journal: Journal | None = None
        self.on_change: Callable[[], None] | None = None
        self.may_have_garbage = False
        self.changes = 0
        self.snapshots = self.logged = self.persists = self.published = 0
        #: How many statements were open when the version became odd.
        self._changing_level = 0
        self._forget_transaction()

    def _forget_transaction(self) -> None:
        #: The thread that is in a transaction, open or doomed; 0 for none.
        self._owner: Any = 0
        #: The asyncio task whose ``with`` block the transaction is; None if no task began it.
        self._task: Any = None
        #: Why the transaction cannot be ended where it was begun, if that is so.
        self._strayed: TransactionError | None = None
        #: The value of `changes` at the beginning of each open statement.
        self._marks: list[int] = []
        self.depth = 0
        self.doomed: BaseException | None = None

    def in_transaction(self) -> bool:
        """Whether the calling thread has a transaction open here, or a doomed one that it has not left."""
        return self.depth > 0 and self._owner == thread_key()

    def _wait_for_record(self) -> None:
        """Wait until what this thread has committed is durable, where a journal promises that.

        If the thread has the lock, as the methods of containers do, it waits when it has released the lock for good; so
        others commit meanwhile, and share the next sync.
        """
        journal = self.journal
        if journal is not None and not self.lock.when_released(journal.wait):
            journal.wait()

    # ---- what every change does; compiled, these are part of the caller ----

    if not cython.compiled:

        def _demand_transaction(self) -> None:
            """Raise unless a libpmemobj transaction call may be made now by this thread."""
            if self._owner != thread_key() or self._strayed is not None or self.doomed is not None:
                self._refuse_transaction()

        def _demand_same_task(self) -> None:
            """Refuse a change by another task than the one that began the transaction."""
            if self._task is not None:
                self._refuse_other_task()

        def _count_change(self) -> None:
            """To be called before the change, lest an interrupt between the two leave it uncounted."""
            self.changes += 1
            self.may_have_garbage = True

        def _begin_change(self) -> None:
            """From here on memory may show half a change, until the statement that makes it ends."""
            if not self.version & 1:
                self._changing_level = len(self._marks)
                self.version += 1

        def _end_change(self) -> None:
            """From here on memory shows no half change."""
            if self.version & 1:
                self.version += 1

        def _tell_change(self) -> None:
            """To be called after each change."""
            if not self._marks:
                self._end_change()  # outside a statement, each change is one by itself
            if self.on_change is not None:
                self.on_change()

    # ---- refusing ----

    def _refuse_transaction(self) -> None:
        """Raise the error for a transaction call that this thread must not make now."""
        if self._owner != thread_key():
            if self._reason is not None:
                self.refuse()
            raise TransactionError(
                f"change {self.name}", "no transaction is open in this thread", "use pool.transaction()"
            )
        if self._strayed is not None:
            raise TransactionError(self._strayed.what, self._strayed.why, self._strayed.todo)
        if self.doomed is not None:
            raise TransactionAborted(
                f"go on in the transaction on {self.name}",
                f"it was rolled back ({_brief(self.doomed)})",
                "leave the transaction and begin another",
            ) from self.doomed

    def _refuse_other_task(self) -> None:
        """Raise if this is another task than the one that began the transaction: their changes are not one unit."""
        if self._task is not current_task():
            raise TransactionError(
                f"change {self.name}",
                "another task of this thread is in a transaction on it, and awaits something there",
                "do not await inside a transaction, or share an asyncio.Lock",
            )


def current_task() -> Any:
    """The asyncio task that runs in this thread, or None."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return None
    return asyncio.current_task()


def _brief(error: BaseException) -> str:
    return error.why if isinstance(error, PmemError) else f"{type(error).__name__}: {error}"
