"""The heap of a pool: everything above this room sees a pool as a heap, with offsets and 64-bit words.

`Heap` is made of layers, each a class in a module of its own: how a pool is mapped and read (`mapping`), who may
change it (`transaction_state`), where memory comes from (`allocator`), in which ways memory changes (`stores`), and
in this module, how a transaction begins and ends, and the Python objects that stand for persistent ones.

A KeyboardInterrupt may arrive wherever Python code is entered or called. Compiled, the code of this
room is not such a place; only its calls into `library` are, and each of them is prepared for it. So
steps that an interrupt must not separate are in this module (`Statement`) or in another compiled one (`transaction`).

A handle (the Python object for a persistent one) holds its heap and an offset, never an address,
so a heap can be unbound from its mapping and bound to another mapping of the same pool, and its handles
go on working. A handle whose object is gone gets a dead heap, which refuses everything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from pmemobj._engine.exports import BufferExports
from pmemobj._engine.handle_table import WeakTable, new_handle_table
from pmemobj._engine.lock import PoolLock, me, thread_key
from pmemobj._engine.snapshots import SnapshotRanges
from pmemobj._engine.stores import LoggedStores
from pmemobj._pmdk import calls
from pmemobj.errors import ForkedPoolError, InvalidHandleError, PmemError, TransactionError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

#: How many allocations one transaction frees that could not be freed in the transaction which gave them up.
_FREE_BATCH = 1000
#: Bytes of the lines that libpmemobj changes at most for a range that is logged, allocated or freed: the two ends of
#: the range, its entries in logs, its header, and its bits in the heap.
_MOST_FOR_RANGE = 512
#: Every heap that exists, by its id.
_live = WeakTable()


def live_heaps() -> list[Heap]:
    """Every heap that exists."""
    return _live.live()


class Heap(LoggedStores):
    """One pool's memory, its transactions and its handles; see the module's text.

    Attributes:
        handles: Every live handle by offset: the same object for the same offset while it lives.
        resurrect: Makes the handle of an offset that has none; set by the pool.
        manager: What the attribute `_p_mm` of handles is; set by the pool.
        types: The table of classes of this pool; set by the pool.
        exports: Which objects have memory that buffers outside of the pool show.
        rebuilds: How often a hash table was exchanged or given up since the pool was opened.
        after_rollback: Called after a roll-back, for caches of what the pool holds.
        after_transaction: Called when a transaction of the user's (no single statement) was committed; see `glance`.
        is_trusted: Whether what the root reaches is known to be whole, so that what it does not reach is garbage.
        statement: The context of a single operation.
    """

    __slots__ = (
        "_is_making_up",
        "_noted",
        "after_rollback",
        "after_transaction",
        "exports",
        "handles",
        "is_trusted",
        "manager",
        "rebuilds",
        "resurrect",
        "statement",
        "types",
    )

    def __init__(self, name: str) -> None:
        LoggedStores.__init__(self, name)
        self.handles: Any = new_handle_table()
        #: The header of each live handle's object when the pool was last suspended.
        self._noted: dict[int, int] = {}
        self.resurrect: Callable[[Heap, int], Handle] | None = None
        self.manager: Any = None
        self.types: Any = None
        self.exports = BufferExports()
        self.rebuilds = 0
        self.after_rollback: list[Callable[[], None]] = []
        self.after_transaction: list[Callable[[], None]] = []
        self.is_trusted = False
        self.statement = Statement(self)
        #: Whether it frees now what earlier transactions could not free.
        self._is_making_up = False
        _live.enter(id(self), self)

    # ---- the mapping ----

    def bind(self, pop: Any, size: int, root_size: int, max_size: int = 0) -> None:
        """Attach to an open pool; handles made before go on working.

        The contents are not trusted: somebody else may have changed the file.

        Args:
            pop: libpmemobj's handle of the pool (a ``PMEMobjpool *``).
            size: Bytes of its file; a growing pool is asked for its size.
            root_size: Bytes of the root object.
            max_size: Of a growing pool, the bytes that it may grow to.

        Raises:
            OtherPoolError: it is not the pool that the handles belong to.
        """
        self.is_trusted = False
        self._map_pool(pop, size, root_size, max_size)
        self._log_space_is_due = True

    def unbind(self, reason: PmemError) -> None:
        """Let go of the mapping; from now on every use raises an error like `reason`."""
        self._release_mapping()
        self._detach(reason)

    def _detach(self, reason: PmemError) -> None:
        """Forget the mapping, and all that was true of it, without touching it."""
        self._forget_mapping(reason)
        self._forget_transaction()
        self.journal = None
        self._forget_allocations()
        self._is_making_up = False

    # ---- transactions ----

    def begin(self) -> None:
        """Open a transaction, or join the one that this thread has open.

        C function: ``pmemobj_tx_begin``.

        Raises:
            TransactionAborted: the transaction was rolled back, and has not been left yet.
            TransactionError: this thread is in a transaction of another pool.
        """
        lock = self.lock
        lock.acquire()
        try:
            if self.depth == 0:
                self._demand_writable()
                if self.journal is not None:
                    self.journal.prepare(0)
                self._begin_outermost()
            else:
                self._demand_transaction()
                self._demand_same_task()
            self.depth += 1
        except BaseException:
            lock.release()
            raise

    def _begin_outermost(self) -> None:
        if calls.in_transaction():
            demand_own_transaction(f"begin a transaction on {self.name}")
            if any(heap.in_transaction() for heap in live_heaps()):
                raise TransactionError(
                    f"begin a transaction on {self.name}",
                    "this thread is inside a transaction of another pool",
                    "leave that one first: a transaction covers one pool",
                )
            # A KeyboardInterrupt cut off a roll-back of this thread.
            calls.abort()
        self._begin_allocations()
        if self._ranges.is_touched():
            self._ranges = SnapshotRanges()
        self._begun_again = False
        self.tail_bytes = 0
        self._marks = []
        if self._log_space_is_due:
            self.demand_log_space()
        try:
            calls.begin(self.base)
            self._owner = thread_key()
            self.lock.owner = me()
            if self._grows:
                self.follow_growth()
            if self.observer is not None:
                self.observer.begun()
        except BaseException:
            # A KeyboardInterrupt may arrive when the C call has already succeeded.
            calls.abort()
            raise

    def end(self, error: BaseException | None, undo: bool) -> None:
        """Leave the innermost level: commit at the outermost, unless something went wrong.

        Args:
            error: The exception that ends the block, if any.
            undo: Whether the error rolls back the whole transaction. At the outermost level every error does.

        Raises:
            TransactionAborted: the block ends well, but the transaction was rolled back inside it.
        """
        if not self.in_transaction():
            # The pool was closed inside the block; the error that says so is on its way.
            if error is None:
                self._demand_transaction()
            return
        lock = self.lock
        is_committed = False
        try:
            try:
                if self.doomed is None and error is not None and (undo or self.depth == 1):
                    self.roll_back(error)
                elif self.doomed is None and self.depth == 1:
                    self._commit()
                    is_committed = True
            except BaseException as failure:
                if self.doomed is None:
                    self.roll_back(failure)
                raise
            if self.doomed is not None and error is None:
                self._demand_transaction()
        finally:
            self.depth -= 1
            if self.depth == 0:
                self.doomed = None
                self._owner = 0
                self.lock.owner = None
                self._task = self._strayed = None
                self.fresh = {}
                self._end_change()
            try:
                if is_committed and self.journal is not None:
                    self.journal.commit()
                if self.depth == 0 and self._is_tight() and not self._is_making_up:
                    self._make_up()
            finally:
                lock.release()
        if is_committed and self.journal is not None:
            self._wait_for_record()

    def _make_up(self) -> None:
        """After a transaction: free what it gave up and could not free, and set memory aside for logs again."""
        self._is_making_up = True
        try:
            left = self._frees_left
            while left:
                batch = left[-_FREE_BATCH:]
                del left[-_FREE_BATCH:]
                with self.statement:
                    for offset in batch:
                        self.free(offset)
                if len(self._frees_left) == len(batch):
                    break  # no progress; the garbage collection will free the rest
                left += self._frees_left
            self._frees_left = []
            self._set_log_space_aside()
        finally:
            self._is_making_up = False

    def _commit(self) -> None:
        if self.observer is not None:
            self.observer.verify()
        if self.journal is not None:
            self.journal.prepare_commit(self._most_flushed())
        if self._unflushed:
            self._flush_fresh()
        try:
            calls.commit(self.slow)
        finally:
            # A commit cannot be undone, even if a KeyboardInterrupt arrives at this moment.
            self.fresh = {}
            self.exports.keep_new()
            if self.observer is not None:
                self.observer.reset()

    def _most_flushed(self) -> int:
        """No fewer bytes than the commit of the running transaction will flush, in whole lines; without the journal's
        own tables."""
        ranges = self.changes - self.changes_at_begin + self.snapshots - self._snapshots_at_begin + len(self.fresh)
        taken = sum(self.fresh.values())
        return 2 * (self.logged - self._logged_at_begin + self.tail_bytes + taken) + _MOST_FOR_RANGE * ranges

    def roll_back(self, reason: BaseException) -> None:
        """Undo everything since the outermost `begin`; the transaction is doomed until its outermost level is left.

        C function: ``pmemobj_tx_abort``.
        """
        self.doomed = reason
        self._frees_left = []
        self._begin_change()
        try:
            calls.abort()
        except KeyboardInterrupt:
            calls.abort()
            raise
        finally:
            self._forget_fresh()
            self._end_change()

    def _forget_fresh(self) -> None:
        """Invalidate what the rolled-back transaction created, here and in the caches above."""
        self.invalidate(self.fresh, "the transaction that created it was rolled back", "create it again")
        self.fresh = {}
        self.exports.forget_new()
        for refresh in self.after_rollback:
            refresh()
        if self.observer is not None:
            self.observer.reset()

    def release_lock(self) -> None:
        """Release the lock if an interrupt prevented this thread from doing so; to be called outside transactions."""
        self.lock.release_all()

    # ---- handles ----

    def handle(self, offset: int) -> Handle:
        """The Python object for the container at `offset`, made if none is alive."""
        found: Handle | None = self.handles.find(offset)
        if found is None:
            if self.resurrect is None:
                self.refuse(offset)
                raise AssertionError("unreachable")
            found = self.resurrect(self, offset)
        return found

    def invalidate(self, offsets: Iterable[int], why: str, todo: str) -> None:
        """Make the handles of `offsets`, as far as there are any, refuse everything from now on."""
        dead = _dead_heap(self.name, InvalidHandleError(f"use this object of {self.name}", why, todo))
        for offset in offsets:
            handle = self.handles.remove(offset)
            if handle is not None:
                attach(handle, dead, offset)

    def note_headers(self) -> None:
        """Remember the headers of the objects that have handles, before other processes may change the pool."""
        self._noted = {handle._p_offset: self.read(handle._p_offset) for handle in self.handles.live()}

    def drop_missing_handles(self) -> None:
        """Invalidate the handles of objects that another process freed while this heap was not bound.

        Another object may lie at the same offset now; the stamp in its header differs.
        """
        if not self._noted:
            return
        there = {offset for offset, _, _ in self.allocations()}
        missing = [off for off, head in self._noted.items() if off not in there or self.read(off) != head]
        self._noted = {}
        self.invalidate(missing, "another process freed it meanwhile", "fetch it from the root again")


class Statement:
    """The context of one operation that changes the pool: it joins the running transaction, or is one by itself.

    An error before the first change leaves a surrounding transaction as it was. An error
    after it rolls back the whole transaction, since half an operation must not be committed.
    """

    __slots__ = ("_heap",)

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, _type: Any, error: BaseException | None, _traceback: Any) -> None:
        self.leave(error)

    def enter(self) -> None:
        """What a ``with`` statement calls first; compiled callers call it directly."""
        heap = self._heap
        heap.begin()
        heap._marks.append(heap.changes)

    def leave(self, error: BaseException | None) -> None:
        """What a ``with`` statement calls last."""
        heap = self._heap
        changed = heap._marks.pop() != heap.changes
        try:
            heap.end(error, changed)
        finally:
            if len(heap._marks) < heap._changing_level:
                heap._end_change()


@cython.no_gc_clear  # a handle must still have its heap when it is deallocated
@cython.cclass  # without this, Cython does not allow the line above
class Handle:
    """The base of every Python object that stands for a persistent one: a heap and an offset."""

    __slots__ = ("__weakref__", "_p_heap", "_p_offset")

    def __cinit__(self, *_args: Any, **_kwargs: Any) -> None:
        self._p_heap = _nowhere
        self._p_offset = 0

    def __dealloc__(self) -> None:
        # The garbage collector may have cleared the heap before; then it has no table any more.
        if self._p_heap.handles is not None:
            address = cython.cast(cython.ulonglong, cython.cast(cython.p_void, self))
            self._p_heap.handles.leave(self._p_offset, address)


def _new_handle(cls: type[Handle], *_args: Any, **_kwargs: Any) -> Handle:
    self = object.__new__(cls)
    attach(self, _nowhere, 0)
    return self


def attach(handle: Handle, heap: Heap, offset: int) -> None:
    """Make a handle stand for the object at `offset`, without calling a ``__setattr__`` of its class."""
    if cython.compiled:
        handle._p_heap = heap
        handle._p_offset = offset
    else:
        object.__setattr__(handle, "_p_heap", heap)
        object.__setattr__(handle, "_p_offset", offset)


if not cython.compiled:
    # Uncompiled, this does what `__cinit__` does. (`__dealloc__` is never called.)
    Handle.__new__ = _new_handle  # type: ignore[assignment]


def demand_own_transaction(what: str) -> None:
    """Refuse an operation in a process that was forked off in the middle of a transaction and has not ended it.

    libpmemobj takes that transaction for one of this process. To abort it would undo the changes of the parent, with
    which this process shares the memory.

    Raises:
        ForkedPoolError: this is such a process.
    """
    if _was_forked_in_transaction and calls.in_transaction():
        raise ForkedPoolError(
            what,
            f"process {os.getpid()} was forked off in the middle of a transaction, which belongs to its parent",
            "fork outside of transactions, or start a new process",
        )


#: Whether this process was forked off by a thread in the middle of a transaction.
_was_forked_in_transaction = False


def _after_fork_in_child() -> None:
    """Detach the heaps of a forked child, which must not touch the mappings and locks of its parent."""
    global _was_forked_in_transaction
    _was_forked_in_transaction = calls.in_transaction()
    for heap in live_heaps():
        heap.lock = PoolLock(heap.name)  # another thread of the parent may have held it
        if heap.is_writable:
            heap._detach(
                ForkedPoolError(
                    f"use pool {heap.name} in process {os.getpid()}",
                    "it was opened before this process was forked off",
                    "open it in one process only",
                )
            )


os.register_at_fork(after_in_child=_after_fork_in_child)


def _dead_heap(name: str, reason: PmemError) -> Heap:
    """A heap that has no mapping and never will; every use raises an error like `reason`."""
    heap = Heap(name)
    heap._reason = reason
    return heap


#: The heap of handles that were made without a pool.
_nowhere = _dead_heap(
    "",
    InvalidHandleError(
        "use this object",
        "it was made without a pool",
        "create it with pool.new(Class, ...), or out of another one with copy.copy",
    ),
)
