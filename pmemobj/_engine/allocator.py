"""Allocating and freeing in a pool, with the size classes and the memory for logs that this needs.

What a transaction allocates is given back if it is rolled back, and what it frees stays allocated until its commit.

Freeing must work in a full pool, too, but its log takes memory. So a part of the pool is set aside for logs; and where
this is not enough, an allocation is only let go of, and freed by a transaction after the commit (`Heap.end`).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Any

from pmemobj._engine.size_classes import (
    BUILTIN_UNIT,
    CHUNK,
    LOG_OVERHEAD,
    LOG_UNIT,
    LOGS_IN_CHUNK,
    SIZES,
    UNITS,
    class_index,
    log_space,
    units_in_run,
)
from pmemobj._engine.transaction_state import TransactionState
from pmemobj._format import ALIGNMENT, ALLOCATION_HEADER_SIZE, MAX_ALLOCATION, MIN_PART_SIZE
from pmemobj._pmdk import calls, chunks, library
from pmemobj.errors import PmemError, PoolDamagedError, PoolFullError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

#: The index of the class of a small allocation, by its bytes in steps of 16.
_CLASS_OF_STEP = [class_index(ALIGNMENT * step) for step in range(257)]
#: An allocation of more bytes is compared with what is possible before libpmemobj is asked for it.
_LARGE = 1 << 16
#: After so many allocations in a transaction, libpmemobj no longer flushes each further one; the commit flushes
#: neighbours together (`_flush_fresh`), since on a disk each flush is an msync. With few of them, this would save
#: nothing and cost a fence.
_FEW_ALLOCATIONS = 8
#: Allocations are neighbours if they are not further apart than this, on a disk and elsewhere.
_NEAR_ON_DISK, _NEAR = 4096, 256
_ZERO, _NO_FLUSH = library.ZERO, library.NO_FLUSH


class AllocationClasses:
    """The numbers by which libpmemobj knows the size classes in an open pool; each open gives them out anew."""

    __slots__ = ("are_added", "log_class", "numbers")

    def __init__(self) -> None:
        #: Whether all classes have been added.
        self.are_added = False
        #: The number of each class of `UNITS`; 0 where libpmemobj chooses the class itself.
        self.numbers: list[int] = []
        #: The number of the class for pieces of logs.
        self.log_class = 0

    def add_to(self, pop: Any, log_chunks: int) -> None:
        """Tell libpmemobj the classes. After a KeyboardInterrupt, a further call goes on where this one stopped.

        Memory for logs has a class of its own. libpmemobj does not give up the run that a class takes its units
        from, even when other classes lack memory, which is what logs need. (Only `library.recycle` takes the run.)
        """
        for unit in UNITS[len(self.numbers) :]:
            self.numbers.append(library.add_allocation_class(pop, unit, units_in_run(unit)))
        self.log_class = library.add_allocation_class(pop, LOG_UNIT, LOGS_IN_CHUNK * log_chunks)
        library.set_log_piece(pop, LOG_UNIT - LOG_OVERHEAD)
        self.are_added = True

    def class_for(self, size: int) -> int:
        """libpmemobj's number of the class that an allocation of `size` bytes is taken from."""
        step = (size + ALIGNMENT - 1) // ALIGNMENT
        if step < len(_CLASS_OF_STEP):
            return self.numbers[_CLASS_OF_STEP[step]]
        index = class_index(size)
        return self.numbers[index] if index < len(UNITS) else 0


class Allocator(TransactionState):
    """A mapped pool in which memory can be allocated and freed; a base class of `Heap`.

    Attributes:
        fresh: What the running transaction has allocated: size by offset.
        reclaim: Frees garbage when an allocation fails, and tells whether there was any; set by the pool.
        reclaimed: Whether the running transaction has tried that.
        changes_at_begin: The value of `changes` when the transaction began.
        classes: The size classes that libpmemobj was told.
    """

    __slots__ = (
        "_dropped",
        "_frees_left",
        "_log_is_full",
        "_log_reserve",
        "_log_space_is_due",
        "_log_space_is_missing",
        "_logged_at_begin",
        "_snapshots_at_begin",
        "_unflushed",
        "changes_at_begin",
        "classes",
        "fresh",
        "reclaim",
        "reclaimed",
    )

    def __init__(self, name: str) -> None:
        TransactionState.__init__(self, name)
        self.reclaim: Callable[[Any], bool] | None = None
        self._forget_allocations()

    def _forget_allocations(self) -> None:
        self.classes = AllocationClasses()
        #: Whether memory for logs has still to be set aside.
        self._log_space_is_due = False
        #: Whether there was no room for it.
        self._log_space_is_missing = False
        #: Bytes of chunks that were set aside for logs, which nothing else can have.
        self._log_reserve = 0
        #: What the running transaction has allocated and freed again.
        self._dropped: set[int] = set()
        self._begin_allocations()

    def _begin_allocations(self) -> None:
        """Forget what an earlier transaction has allocated and freed."""
        self.fresh: dict[int, int] = {}
        #: Those of `fresh` that libpmemobj does not flush at commit.
        self._unflushed: list[int] = []
        if self._dropped:
            self._dropped = set()
        #: What the transaction gives up, but has no log space to free: see `free`.
        self._frees_left: list[int] = []
        self._log_is_full = False
        self.reclaimed = False
        self.changes_at_begin = self.changes
        self._logged_at_begin = self.logged
        self._snapshots_at_begin = self.snapshots

    # ---- size classes, and memory for logs ----

    def _demand_classes(self) -> None:
        """Tell libpmemobj the size classes before the first allocation or free; readers do not need them.

        From then on libpmemobj believes what the runs of its heap say, so they are verified before.
        """
        if not self.classes.are_added:
            self._walk_chunks(chunks.verify, "change what is allocated in", "dump what can be read, or ")
            self._mend_footers()
            self.classes.add_to(self.pop, self._log_chunks())

    def _mend_footers(self) -> None:
        """Write those of libpmemobj's footers anew that were lost with the power or with a killed program.

        They are not flushed, as those that libpmemobj itself writes; nothing depends on them after a crash.
        """
        wrong = [(at, word) for at, word in self._walk_chunks(chunks.footers) if self.read(at) >> 32 != word >> 32]
        if wrong:
            with library.view(self.pop, self.limit) as memory, memory.cast("Q") as words:
                for at, word in wrong:
                    words[at >> 3] = word

    def demand_log_space(self) -> None:
        """Keep memory for logs, so that an operation which gives memory back works when the pool is full.

        Not when the pool is opened, but before the first transaction or publication, since libpmemobj then
        looks at each run of the pool, which takes as long as opening it.
        """
        if self._log_space_is_due:
            self._demand_classes()
            # A growing pool must not grow for this.
            if not self._grows or chunks.has_free_row(self._words, self._log_chunks()):
                self._set_log_space_aside()
            self._log_space_is_due = False

    def _log_chunks(self) -> int:
        return log_space(self.limit - (self.root_offset & -CHUNK)) // CHUNK

    def _set_log_space_aside(self) -> None:
        size = LOG_UNIT - ALLOCATION_HEADER_SIZE
        self._log_space_is_missing = not library.set_aside(self.pop, size, self.classes.log_class)
        self._log_reserve = 0 if self._log_space_is_missing else self._log_chunks() * CHUNK
        self.follow_growth()

    def _recycle(self) -> None:
        """Take back the memory that libpmemobj keeps for sizes of which nothing is allocated.

        libpmemobj keeps a run for each size that was ever asked for, and a growing list asks for many.
        C function: ``pmemobj_defrag``.
        """
        library.recycle(self.pop)
        self._set_log_space_aside()

    def _is_tight(self) -> bool:
        """Whether the transaction that has just ended used up memory for logs, or lacked some."""
        return bool(self._frees_left) or self._log_space_is_missing or self.logged - self._logged_at_begin > LOG_UNIT

    # ---- allocating ----

    def class_for(self, size: int) -> int:
        """libpmemobj's number of the class that an allocation of `size` bytes is taken from."""
        return self.classes.class_for(size)

    def alloc(self, size: int, kind: int, zero: bool = False) -> int:
        """Allocate `size` bytes inside the transaction; a roll-back gives them back.

        C function: ``pmemobj_tx_xalloc``.

        Returns:
            The offset, a multiple of 16.

        Raises:
            PoolFullError: no room.
        """
        offset: int = self._alloc(size, kind, zero, True)
        return offset

    def alloc_at_hand(self, size: int, kind: int, zero: bool = False) -> int:
        """Allocate `size` bytes inside the transaction if there is room at hand, for what can be done without.

        Where there is none, nothing is searched for: `alloc` would recycle and collect the whole pool, and that at each
        attempt.

        Returns:
            The offset; 0 if there is no room.
        """
        offset: int = self._alloc(size, kind, zero, False)
        return offset

    @cython.final
    def _alloc(self, size: int, kind: int, zero: bool, must: bool) -> int:
        self._demand_transaction()
        flags = _ZERO if zero else 0
        if size > _LARGE:
            if must:
                self._demand_possible(size)
            elif size > self._largest():
                return 0
        elif len(self.fresh) >= _FEW_ALLOCATIONS:
            flags |= _NO_FLUSH
        class_id = self.classes.class_for(size)
        offset: int = self._try_to_alloc(size, kind, flags, class_id)
        if not offset:
            if not must:
                return 0
            offset = self._alloc_at_last(size, kind, flags, class_id)
        if self._grows:
            self.follow_growth()
        assert offset & (ALIGNMENT - 1) == 0, offset
        self.fresh[offset] = size
        if flags & _NO_FLUSH:
            self._unflushed.append(offset)
        if self._dropped:
            self._dropped.discard(offset)
        self.may_have_garbage = True
        if self.observer is not None:
            # The whole allocation: with its header libpmemobj writes a cache line, whatever follows the header there.
            self.observer.allocated(offset - ALLOCATION_HEADER_SIZE, self.allocation_size(offset))
        return offset

    def _largest(self) -> int:
        """Bytes that one allocation can have at most."""
        return min(MAX_ALLOCATION, self.reserve) if self._grows else MAX_ALLOCATION

    def _demand_possible(self, size: int) -> None:
        """Refuse a size that no allocation can have: a growing pool would grow to its end before libpmemobj gave up."""
        largest = self._largest()
        if size > largest:
            raise PoolFullError(
                f"allocate {size} bytes in {self.name}",
                f"one allocation in it can have no more than {largest} bytes",
                "divide the data, or create a larger pool",
            )

    @cython.final
    def _try_to_alloc(self, size: int, kind: int, flags: int, class_id: int) -> int:
        """The offset of a new allocation, or 0 if there is no room."""
        try:
            return calls.alloc(size, kind, flags, class_id)
        except OSError as error:
            if error.errno != errno.ENOMEM:
                raise self._full(f"allocate {size} bytes", error) from None
        return 0

    def _alloc_at_last(self, size: int, kind: int, flags: int, class_id: int) -> int:
        """Allocate where there was no room at first: in a new part, in what is kept for other sizes, in garbage."""
        offset = self._try_to_alloc(size, kind, flags, class_id) if self.follow_growth() else 0
        if not offset:
            self._recycle()
            offset = self._try_to_alloc(size, kind, flags, class_id)
        if not offset and self._free_garbage():
            offset = self._try_to_alloc(size, kind, flags, class_id)
        if not offset:
            raise self._full(f"allocate {size} bytes")
        return offset

    def _free_garbage(self) -> bool:
        """Free garbage, at most once in a transaction; whether there was some."""
        if self.reclaimed or self.reclaim is None:
            return False
        self.reclaimed = True
        if not self.reclaim(self):
            return False
        self._recycle()
        return True

    def _flush_fresh(self) -> None:
        """Make durable what libpmemobj does not flush at commit, before the commit. C function: ``pmemobj_persist``."""
        if not self.needs_flush:
            self._unflushed = []
            return
        near = _NEAR_ON_DISK if self.slow else _NEAR
        if self.journal is not None:
            near = 0  # a record of the journal has each line that is flushed
        offsets = sorted(self._unflushed)
        start = end = offsets[0]
        for at in offsets:
            if at > end + near:
                calls.persist(self.base, self.base + start, end - start, self.slow)
                start = at
            size = self.fresh[at]
            end = max(end, at + size)
        calls.persist(self.base, self.base + start, end - start, self.slow)
        self._unflushed = []

    # ---- freeing ----

    def demand_allocation(self, offset: int) -> None:
        """Raise PoolDamagedError unless libpmemobj's header before `offset` is one that can be freed."""
        size = self.allocation_size(offset)
        if offset % ALIGNMENT or not (size in SIZES or (size and size % BUILTIN_UNIT == 0)):
            # libpmemobj would believe the size, and mark as many units as free.
            raise PoolDamagedError(
                f"free the memory at {offset:#x} of {self.name}",
                f"libpmemobj's header there speaks of {size} bytes",
                "restore the pool from a copy",
            )

    def free(self, offset: int) -> None:
        """Free an allocation when the transaction commits.

        Where there is no room to log that, the allocation is only let go of, which makes no difference to callers;
        `Heap.end` frees it after the commit. So giving up memory does not fail in a full pool.
        C function: ``pmemobj_tx_xfree``.
        """
        self._demand_transaction()
        self.demand_allocation(offset)
        if self.observer is not None:
            self.observer.freed(offset)
        # Half of an operation that frees must not be committed either.
        self._count_change()
        self._begin_change()
        if self._log_is_full and offset not in self.fresh:
            self._frees_left.append(offset)
        else:
            try:
                calls.free(self.pool_uuid, offset)
                if offset in self.fresh:
                    self._dropped.add(offset)
            except OSError as error:
                if error.errno != errno.ENOMEM:
                    raise self._full("log that memory is given back", error) from None
                self.follow_growth()
                self._log_is_full = True
                self._frees_left.append(offset)
        if not self._marks:
            self._end_change()

    def free_now(self, offsets: Iterable[int]) -> None:
        """Free allocations at once, for good. C function: ``pmemobj_free``."""
        self._demand_classes()
        self._begin_change()
        if self.observer is not None:
            offsets = list(offsets)
            self.observer.freed_now(offsets)
        for offset in offsets:
            library.free_now(self.pool_uuid, offset)
        if not self._marks:
            self._end_change()
        if self.journal is not None and self.depth == 0:
            self.journal.commit()
            self._wait_for_record()

    # ---- how much there is ----

    def used_size(self) -> int:
        """Bytes that are allocated, libpmemobj's headers included. Cost: visits every allocation.

        What a running transaction has allocated counts, and what it frees counts until its commit.
        """
        self._demand_writable()
        return sum(self.allocation_size(offset) for offset in self.offsets()) + self._taken_size()

    def _taken_size(self) -> int:
        """Bytes that the running transaction has allocated, and not freed again."""
        return sum(self.allocation_size(offset) for offset in list(self.fresh) if offset not in self._dropped)

    def free_size(self) -> int:
        """Bytes that can be allocated: neither taken nor set aside for logs. Cost: visits every allocation."""
        used = self.used_size()
        if self._log_space_is_due:
            with self.lock:
                self.demand_log_space()
        return max(0, self.limit - (self.root_offset & ~0xFFF) - self._log_reserve - used)

    def _full(self, what: str, error: OSError | None = None) -> PmemError:
        """The error for an operation that libpmemobj has failed to do, for want of memory if `error` is None."""
        if error is not None and error.errno != errno.ENOMEM:
            return PoolDamagedError(f"{what} in {self.name}", str(error), "restore the pool from a copy")
        free = self.free_size()
        why = f"the pool of {self.limit} bytes has no piece of that size free ({free} bytes are free in all)"
        todo = "delete something and call gc(), or create a larger pool"
        if self._grows and self.limit + MIN_PART_SIZE <= self.reserve:
            why += ", and its file system had no room for it to grow"
            todo = "free space on the disk, or delete something and call gc()"
        elif self._grows:
            why += f", and its max_size of {self.reserve} bytes is reached"
            todo = "delete something and call gc(), or create a pool with a larger max_size"
        taken = self._taken_size()
        if self.depth > 1 and taken:
            why += f"; the running transaction has taken {taken} bytes that only its end can give back"
            todo = "commit in smaller transactions; if that is not enough, " + todo
        return PoolFullError(f"{what} in {self.name}", why, todo)
