"""The mapped pool as words: reads, stores, allocations, and the transaction they belong to.

Everything above this module sees a pool as offsets and 64-bit words. A read is a fetch from the
mapping and calls nothing. A store goes one of three ways, and there is no fourth:

* `Heap.write` and `Heap.move`, with their kin for words and bytes, change live memory: they snapshot
  what they change, in whole words;
* `Heap.init` and `Heap.init_bytes` fill memory that this transaction allocated;
* `Heap.store` replaces one word, outside a transaction by an 8-byte failure-atomic store.

(`Heap.poke` is what `MemoryManager.store` offers to people who write containers of their own.)
None of them changes what lies before the root object, which is libpmemobj's: a mistake above must not cost the pool.

Transactions are flat: a nested one joins the outer. States, and what leads from one to another::

    idle     --begin-->   open (depth 1)                    pmemobj_tx_begin
    open     --begin-->   open (depth + 1)                  nothing in C
    open     --end-->     open (depth - 1), or idle         at depth 1: pmemobj_tx_commit, tx_end
    open     --roll_back-->   doomed                        pmemobj_tx_abort, tx_end
    doomed   --begin-->   TransactionAborted                nothing runs in a dead transaction
    doomed   --end-->     doomed (depth - 1), or idle

A KeyboardInterrupt may arrive wherever Python code is entered or called. Compiled, the code of this
module is not such a place, only its calls into `_lib` are, and each of them is prepared for it. So
whatever must not be torn apart is here (`Statement`) or in another compiled module (`_transaction`).

One thread at a time is inside: `begin` takes the lock of the heap (`_lock`), the matching `end` gives it
back. Readers take no lock. What they read is sound if nobody changed the pool meanwhile, and
`version` tells: see `consistent_reads`.
The C library would end the process for a transaction call in the wrong state; `depth` and
`doomed` make sure that none is made.

A handle (the Python object for a persistent one) holds its heap and an offset, never an address,
so a heap can be unbound from its mapping and bound to another of the same pool, and its handles
go on working. A handle whose object is gone is given a dead heap, which refuses everything.

The mapping of a growing pool becomes longer, always at the same address, and only inside a call
that allocates (memory for the caller, or for a longer log). `limit`, the end of what may be read,
follows it before the offset of what was allocated is known to anybody.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import weakref
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pmemobj._engine.consistent_reads import read_consistently, read_with_lock
from pmemobj._engine.exports import Loans
from pmemobj._engine.handle_table import WeakTable, new_handle_table
from pmemobj._engine.lock import PoolLock, me, thread_key
from pmemobj._engine.snapshots import PAGE, SnapshotRanges
from pmemobj._format import (
    ALIGNMENT,
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_SIZE_MASK,
    MAX_ALLOCATION,
    MIN_PART_SIZE,
    POOL_HEADER_SIZE,
    POOL_HEAP_OFFSET,
    POOL_HEAP_SIZE,
    WORD,
)
from pmemobj._pmdk import calls, library
from pmemobj._pmdk import chunks as _chunks
from pmemobj.errors import (
    ForkedPoolError,
    InvalidHandleError,
    OtherPoolError,
    PmemError,
    PoolClosedError,
    PoolDamagedError,
    PoolFullError,
    TransactionAborted,
    TransactionError,
)

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

A = TypeVar("A")

# The names that these functions had; for the modules that still use them.
steady, steadily = read_consistently, read_with_lock

_CHUNK = 256 * 1024
#: What libpmemobj takes of a run of units for its own header and bitmap, at most.
_RUN_OVERHEAD = 2048


def _part_of_chunk(count: int) -> int:
    """The size of `count` units, or one more, that share a chunk.

    libpmemobj 1.12 finds no free unit in a run that has exactly 64 of them, or a multiple of 64.
    """
    if count % 64 == 0:
        count += 1
    return ((_CHUNK - _RUN_OVERHEAD) // count) & ~(ALIGNMENT - 1)


#: The sizes of allocations, libpmemobj's header included; `alloc` takes the next larger.
#:
#: libpmemobj's own smallest is 128 bytes, more than a short leaf needs, and its runs of larger
#: ones are up to 16 chunks long, so that a few allocations fill a small pool. Ours are small steps
#: up to 128 bytes, then a chunk divided by 1, 2, 3, 4, 6, 8, 12, ..., then whole chunks.
_UNITS: list[int] = sorted(
    {
        *range(32, 129, 16),
        *(_part_of_chunk(part << shift) for shift in range(10) for part in (2, 3)),
        *(count * _CHUNK - _RUN_OVERHEAD for count in (1, 2, 3, 4, 5, 6, 8, 10)),
    }
)
_SIZES = frozenset(_UNITS)
#: Which of them a small allocation gets, by its bytes in steps of 16.
_FITTING = [bisect_left(_UNITS, ALIGNMENT * step + ALLOCATION_HEADER_SIZE) for step in range(257)]
#: A larger allocation is looked at before libpmemobj is asked for it.
_LARGE = 1 << 16
#: After so many allocations of a transaction, libpmemobj does not flush each of the further ones, but `_commit` does so
#: with neighbours together: on a disk each flush is an msync. With few of them that would only be one more fence.
_FEW_ALLOCATIONS = 8
#: Neighbours are not further apart than this, on a disk and elsewhere.
_NEAR_ON_DISK, _NEAR = 4096, 256
_ZERO, _NO_FLUSH = library.ZERO, library.NO_FLUSH
#: The size of the pieces by which an undo log gets longer, as allocations: eight in a chunk. libpmemobj chooses
#: the class that fits best, so they fit exactly (cache lines and one header). No value has this size.
_LOG_UNIT = 507 * 64 + ALLOCATION_HEADER_SIZE
#: What libpmemobj adds to the size that it is told.
_LOG_OVERHEAD = 192 + ALLOCATION_HEADER_SIZE
_LOGS_IN_CHUNK = 8
#: Which part of the chunks is set aside for logs, and how many at the most.
_LOG_SHARE = 8
_MOST_LOG_CHUNKS = 16
#: Frees in one transaction, of what could not be freed in the one that gave it up.
_FREE_BATCH = 1000
#: Sizes of libpmemobj's own classes are multiples of this.
_BUILTIN_UNIT = 128
#: So many words of arrays, or rows of them, a transaction logs by themselves; then it takes the page of each further
#: one. Each range is an entry of the log and a flush at commit, of which a page that is wanted piece by piece has many;
#: but a transaction that changes one word should not log 4 KiB.
_FEW_SNAPSHOTS = 4
#: Nor one that changes words far apart: when so many more pages were logged than words found in them later, only a page
#: is that has so many snapshots already.
_MOST_IN_VAIN, _FEW_IN_PAGE = 32, 2
#: The places behind the end of an array are noted for the commit this many times further than they are in use, up to
#: so many bytes.
_TAIL_GROWTH = 4
_LARGEST_TAIL = 1 << 16
#: Every heap that exists, by its id.
_live = WeakTable()


def live_heaps() -> list[Heap]:
    """Every heap that exists."""
    return _live.live()


class _Refusal:
    """Stands in for the views of a heap that has no mapping: any use of it says why."""

    def __init__(self, heap: Heap) -> None:
        self._heap = weakref.ref(heap)

    def __getitem__(self, index: Any) -> Any:
        heap = self._heap()
        if heap is not None:
            heap.refuse()
        raise PoolClosedError("read a pool", "it is closed", "open it again")

    __setitem__ = __len__ = __getitem__


class Heap:
    """One pool's memory; see the module's text. Offsets and sizes are bytes, words are unsigned."""

    __slots__ = (
        "__weakref__",
        "_awaits_classes",
        "_awaits_log_space",
        "_begun_again",
        "_classes",
        "_dropped",
        "_frees_left",
        "_grows",
        "_in_vain",
        "_is_making_up",
        "_log_class",
        "_log_is_full",
        "_log_reserve",
        "_logged_at_begin",
        "_marks",
        "_noted",
        "_owner",
        "_pin",
        "_raw",
        "_reason",
        "_singles",
        "_snapshotted",
        "_strayed",
        "_tails",
        "_task",
        "_unflushed",
        "_unlogged",
        "_unsettled_level",
        "_wants_log_space",
        "_words",
        "after_rollback",
        "after_transaction",
        "base",
        "by_page",
        "changes",
        "changes_at_begin",
        "checker",
        "depth",
        "doomed",
        "fresh",
        "handles",
        "identity",
        "is_trusted",
        "limit",
        "loans",
        "lock",
        "logged",
        "manager",
        "may_have_garbage",
        "name",
        "on_change",
        "on_growth",
        "persists",
        "pool_uuid",
        "pop",
        "published",
        "reclaim",
        "reclaimed",
        "reserve",
        "resurrect",
        "root_offset",
        "slow",
        "snapshots",
        "statement",
        "types",
        "version",
    )

    def __init__(self, name: str) -> None:
        #: How messages call the pool.
        self.name = name
        #: Held by whoever changes the pool, from the first read that the change depends on.
        self.lock = PoolLock(name)
        #: Every live handle by offset: the same object for the same offset while it lives.
        self.handles: Any = new_handle_table()
        self._noted: dict[int, int] = {}
        #: The UUID of the pool that the handles belong to, once it has been bound; 0 before.
        self.identity = 0
        #: Makes the handle of an offset that has none; set by the pool.
        self.resurrect: Callable[[Heap, int], Handle] | None = None
        #: Frees garbage when an allocation fails, and tells whether there was any; set by the pool.
        self.reclaim: Callable[[Heap], bool] | None = None
        #: Whether that has been tried in this transaction, which had `changes` when it began.
        self.reclaimed = False
        self.changes_at_begin = 0
        #: What `_p_mm` answers; set by the pool.
        self.manager: Any = None
        #: The table of classes of this pool; set by the pool.
        self.types: Any = None
        #: Which objects have memory that buffers outside of the pool show.
        self.loans = Loans()
        #: Who is told of all that is done, if anybody is: see `_watching`.
        self.checker: Any = None
        #: Called after every change of live memory; the crash demonstrations count with it.
        self.on_change: Callable[[], None] | None = None
        #: Called when the pool has become larger.
        self.on_growth: Callable[[], None] | None = None
        #: Whether to persist means to wait for a disk.
        self.slow = False
        #: Whether it is done page by page (``msync``), whatever lies between what was changed.
        self.by_page = False
        #: Called after a roll-back, for caches of what the pool holds.
        self.after_rollback: list[Callable[[], None]] = []
        #: Called when a transaction of the user's (no single statement) has been committed; see `glance`.
        self.after_transaction: list[Callable[[], None]] = []
        #: Whether something may have become unreachable since the last garbage collection.
        #: Whether what the root reaches is known to be whole, so that what it does not reach is garbage.
        self.is_trusted = False
        self.may_have_garbage = False
        self.statement = Statement(self)
        #: What was asked of libpmemobj since the heap was made: ranges and bytes logged, words made
        #: durable by themselves. For tests of what an operation costs.
        self.snapshots = self.logged = self.persists = self.published = 0
        self._snapshotted = SnapshotRanges()
        self.changes = 0
        #: Odd while what memory shows is half a change; see the text of the module.
        self.version = 0
        #: How many statements were open when it became odd.
        self._unsettled_level = 0
        self._detach(PoolClosedError(f"use pool {name}", "it is not open", "open it"))
        _live.enter(id(self), self)

    # ---- the mapping ----

    def _detach(self, reason: PmemError) -> None:
        self._reason: PmemError | None = reason
        self.pop: Any = None
        self._pin: Any = None
        self.base = self.limit = self.reserve = self.root_offset = self.pool_uuid = 0
        self._grows = False
        self._words: Any = _Refusal(self)
        self._raw: Any = self._words
        #: libpmemobj's numbers of the allocation classes that were added for `_UNITS`.
        self._classes: list[int] = []
        #: Whether some have still to be.
        self._awaits_classes = False
        #: That of the class for pieces of logs.
        self._log_class = 0
        #: Whether there was no room to set some aside for logs.
        self._wants_log_space = False
        #: Whether that has still to be tried.
        self._awaits_log_space = False
        #: Bytes of chunks that were set aside for logs, and which nothing else can have.
        self._log_reserve = 0
        #: What was allocated in this transaction, and given up in it.
        self._dropped: set[int] = set()
        #: What this transaction gives up, and has no log space to free; see `free`.
        self._frees_left: list[int] = []
        self._log_is_full = False
        self._is_making_up = False
        self._logged_at_begin = 0
        self._begun_again = False
        #: Ranges that this transaction failed to log; see `snapshot`.
        self._unlogged: list[tuple[int, int]] = []
        #: How many words of arrays this transaction has logged by themselves; see `write_in`.
        self._singles = 0
        #: How many more pages it has logged than words that were found in them later.
        self._in_vain = 0
        #: From where on the places of an array mean nothing if this transaction is rolled back, by where it begins.
        self._tails: dict[int, int] = {}
        #: The thread that is in a transaction, open or doomed; 0 for none.
        self._owner: Any = 0
        #: The asyncio task whose ``with`` block it is, if one's it is.
        self._task: Any = None
        #: Why nobody will end it where it was begun, if that is so.
        self._strayed: TransactionError | None = None
        self._marks: list[int] = []
        self.depth = 0
        self.doomed: BaseException | None = None
        #: Size by offset of what the running transaction allocated.
        self.fresh: dict[int, int] = {}
        #: What of that libpmemobj does not flush.
        self._unflushed: list[int] = []

    def bind(self, pop: Any, size: int, root_size: int, max_size: int = 0) -> None:
        """Attach to an open pool; handles made before go on working.

        What it holds is not trusted: somebody else may have changed the file.

        Args:
            pop: The pool.
            size: Bytes of its file; a growing pool is asked for its size.
            root_size: Bytes of the root object.
            max_size: Of a growing pool, the bytes that it may grow to.

        Raises:
            OtherPoolError: it is not the pool that the handles belong to.
        """
        calls.load()
        self.is_trusted = False
        self.pop = pop
        self.base = library.address(pop)
        size &= ~(WORD - 1)
        self._grows = max_size > 0
        self.reserve = max_size or size
        self._view_up_to(POOL_HEADER_SIZE if self._grows else size)
        self._reason = None
        if self._grows:
            self._view_up_to(self._mapped_end())
        self.root_offset = library.root(pop, root_size)
        self.pool_uuid = library.uuid(pop, self.root_offset)
        if self.identity not in (0, self.pool_uuid):
            raise OtherPoolError(
                f"go on with pool {self.name}", "another pool lies there now", "put the file back, or open the new one"
            )
        self.identity = self.pool_uuid
        self._awaits_classes = self._awaits_log_space = True

    def _demand_classes(self) -> None:
        """Tell libpmemobj the sizes of allocations, before the first is made or freed; who only reads needs none.

        That is also when libpmemobj begins to follow what the runs of the heap say.

        Memory for logs has a class of its own. libpmemobj does not give up the run that a class takes its units
        from, not even for want of memory, and for logs that is what one wishes for. (Only `recycle` takes it.)
        """
        if self._awaits_classes:
            self._ask_heap(_chunks.verify, "change what is allocated in", "dump what can be read, or ")
            # One by one, so that after a KeyboardInterrupt it goes on where it was.
            for unit in _UNITS[len(self._classes) :]:
                number = library.add_allocation_class(self.pop, unit, max(1, (_CHUNK - _RUN_OVERHEAD) // unit))
                self._classes.append(number)
            self._log_class = library.add_allocation_class(self.pop, _LOG_UNIT, _LOGS_IN_CHUNK * self._log_chunks())
            library.set_log_piece(self.pop, _LOG_UNIT - _LOG_OVERHEAD)
            self._awaits_classes = False

    def demand_log_space(self) -> None:
        """Keep memory for logs, so that what gives memory back works when the pool is full.

        Not when the pool is opened, but before the first transaction or publication, since libpmemobj then
        looks at each run of the pool, which takes as long as opening it.
        """
        if self._awaits_log_space:
            self._demand_classes()
            # A growing pool must not grow for this.
            if not self._grows or _chunks.has_free_row(self._words, self._log_chunks()):
                self._set_log_space_aside()
            self._awaits_log_space = False

    def _log_chunks(self) -> int:
        return log_space(self.limit - (self.root_offset & -_CHUNK)) // _CHUNK

    def _set_log_space_aside(self) -> None:
        self._wants_log_space = not library.set_aside(self.pop, _LOG_UNIT - ALLOCATION_HEADER_SIZE, self._log_class)
        self._log_reserve = 0 if self._wants_log_space else self._log_chunks() * _CHUNK
        self.follow_growth()

    def _recycle(self) -> None:
        """Take back the memory that libpmemobj keeps for sizes of which nothing is allocated.

        It keeps a run for each size that was ever asked for, and a growing list goes through all of them.
        C function: ``pmemobj_defrag``.
        """
        library.recycle(self.pop)
        self._set_log_space_aside()

    def _view_up_to(self, end: int) -> None:
        """Let reads reach `end`. Other threads read meanwhile, so the limit comes last."""
        self._raw = library.view(self.pop, end)
        self._words = self._raw.cast("Q")
        self.limit = end

    def _mapped_end(self) -> int:
        """Where the heap of libpmemobj ends; it counts a new part only when that is mapped."""
        return self.read(POOL_HEAP_OFFSET) + self.read(POOL_HEAP_SIZE)

    def follow_growth(self) -> bool:
        """Let the limit follow what libpmemobj has mapped; by whoever holds the lock.

        Returns:
            Whether the pool has grown since the last time. A call that failed though the pool grew
            is to be made again: when libpmemobj begins a new zone (every 16 GiB), it may fail to
            find the memory that it has just added, and then finds it the next time.
        """
        if not self._grows or self.limit == self._mapped_end():
            return False
        # The old views are not released: another thread may be reading through them just now.
        self._view_up_to(self._mapped_end())
        if self.on_growth is not None:
            self.on_growth()
        return True

    def bind_image(self, image: memoryview, root_offset: int) -> None:
        """Attach to the bytes of a pool file, for reading only and without libpmemobj."""
        self._raw = image[: len(image) & ~7]
        self._words = self._raw.cast("Q")
        self.base, self._pin = library.pin(image)
        self.limit = self.reserve = len(image)
        self.root_offset = root_offset
        self._reason = None

    def unbind(self, reason: PmemError) -> None:
        """Let go of the mapping; from now on every use raises an error like `reason`."""
        for view in (self._words, self._raw):
            if isinstance(view, memoryview):
                view.release()
        if self._pin is not None:
            library.unpin(self._pin)
        self._detach(reason)

    @property
    def is_bound(self) -> bool:
        """Whether there is a mapping to read."""
        return self._reason is None

    @property
    def is_writable(self) -> bool:
        """Whether the mapping is that of an open pool, not of an image."""
        return self.pop is not None

    def refuse(self, offset: int = 0) -> None:
        """Raise the error for an access that cannot be made.

        Raises:
            PmemError: the reason that `unbind` was given, or, with a mapping, that `offset` lies
                outside it.
        """
        reason = self._reason
        if reason is not None:
            raise type(reason)(reason.what, reason.why, reason.todo)
        raise PoolDamagedError(
            f"follow offset {offset:#x} in {self.name}",
            f"it lies outside the pool's {self.limit} bytes",
            "restore the pool from a copy",
        )

    # ---- reading ----

    def read(self, offset: int) -> int:
        """The word at `offset`."""
        if cython.compiled:
            if offset + 8 > self.limit or offset + 8 < offset:
                self.refuse(offset)
            return cython.cast(cython.p_ulonglong, self.base + offset)[0]  # type: ignore[no-any-return]
        else:  # Cython leaves out this branch; without the `else` it would warn of code that is never reached
            try:
                word: int = self._words[offset >> 3]
                return word
            except IndexError:
                self.refuse(offset)
                raise

    if not cython.compiled:

        def peek(self, offset: int) -> int:
            """As `read`; compiled it is no call but part of the caller, for those that count nanoseconds."""
            return self.read(offset)

        def fetch(self, offset: int) -> int:
            """As `peek`, without a look at the bounds, for those who have looked at them."""
            return self.read(offset)

        def fetch_half(self, offset: int) -> int:
            """The 32 bits at `offset`, likewise."""
            return self.read(offset & ~7) >> 8 * (offset & 4) & 0xFFFFFFFF

    def read_count(self, offset: int) -> int:
        """The word at `offset` as the number of things in the pool, which cannot be more than it has bytes."""
        count = self.read(offset)
        if count > self.limit:
            raise PoolDamagedError(
                f"read offset {offset:#x} in {self.name}",
                f"{count} things cannot be in {self.limit} bytes",
                "restore the pool from a copy",
            )
        return count

    def read_words(self, offset: int, count: int) -> list[int]:
        """The `count` words from `offset` on."""
        if count < 0 or offset + WORD * count > self.limit:
            self.refuse(offset)
        if cython.compiled:
            source = cython.cast(cython.p_ulonglong, self.base + offset)
            return [source[at] for at in range(count)]
        else:
            first = offset >> 3
            words: list[int] = self._words[first : first + count].tolist()
            return words

    def read_bytes(self, offset: int, size: int) -> bytes:
        """A copy of the `size` bytes from `offset` on."""
        if size < 0 or offset + size > self.limit:
            self.refuse(offset)
        return bytes(self._raw[offset : offset + size])

    def read_as(self, form: struct.Struct, offset: int) -> Any:
        """The one value that a `struct.Struct` describes, at `offset`."""
        try:
            return form.unpack_from(self._raw, offset)[0]
        except struct.error:
            self.refuse(offset)
            raise

    def allocation_size(self, offset: int) -> int:
        """Bytes of the pool that the allocation at `offset` takes, libpmemobj's header included."""
        if offset < ALLOCATION_HEADER_SIZE:
            self.refuse(offset)
        return self.read(offset - ALLOCATION_HEADER_SIZE) & ALLOCATION_SIZE_MASK

    # ---- storing ----

    def snapshot(self, offset: int, size: int) -> None:
        """Log the words that `size` bytes lie in, so that a roll-back brings them back; commit flushes them.

        What this transaction has logged already is not logged again. What it has failed to log is refused
        until it ends: libpmemobj notes a range before it finds no room for it, and takes it for logged then.
        C function: ``pmemobj_tx_xadd_range_direct``.

        Raises:
            PoolFullError: no room for the log.
        """
        self._demand_transaction()
        end = (offset + size + WORD - 1) & ~(WORD - 1)
        offset &= ~(WORD - 1)
        size = end - offset
        if end > self.limit or offset < self.root_offset:
            self._refuse_to_change(offset)
        if self._snapshotted.covers(offset, size):
            return
        if self._unlogged:
            self._demand_not_failed(offset, end)
        try:
            calls.snapshot(self.base + offset, size)
        except OSError as error:
            self._unlogged.append((offset, end))
            if not self._begin_again():
                raise self._full(f"log {size} bytes", error) from None
            self.snapshot(offset, size)
            return
        self.snapshots += 1
        self.logged += size
        if self.checker is not None:
            self.checker.allow(offset, size)
        # Last: what is in there is not looked at again.
        self._snapshotted.add(offset, size)

    def _demand_not_failed(self, offset: int, end: int) -> None:
        if any(start < end and offset < stop for start, stop in self._unlogged):
            raise self._full(f"log {end - offset} bytes")

    def _begin_again(self) -> bool:
        """Exchange libpmemobj's transaction, if nothing is in it, for one that has more room for its log."""
        self.follow_growth()
        if self._begun_again or self.changes != self.changes_at_begin or self.fresh or self._snapshotted.is_used:
            return False
        self._begun_again = True
        calls.abort()
        self._recycle()
        calls.begin(self.base)
        self._unlogged = []
        return True

    def write(self, offset: int, word: int) -> None:
        """Replace one word of live memory, inside a transaction."""
        self.snapshot(offset, WORD)
        self._change(offset, word)

    def _change(self, offset: int, word: int) -> None:
        """Replace one word that this transaction has logged."""
        self._count_change()
        self._unsettle()
        self._put(offset, word)
        self._tell_change()

    def _put(self, offset: int, word: int) -> None:
        if cython.compiled:
            cython.cast(cython.p_ulonglong, self.base + offset)[0] = word
        else:
            self._words[offset >> 3] = word

    def _put_bytes(self, offset: int, data: bytes) -> None:
        if cython.compiled and type(data) is bytes:
            target = cython.cast(cython.p_char, self.base + offset)
            copy_bytes(target, cython.cast(cython.p_char, data), len(data))  # type: ignore[name-defined]  # noqa: F821
        else:
            self._raw[offset : offset + len(data)] = data

    def write_in(self, offset: int, word: int, area: int, end: int) -> None:
        """As `write`, for a word of an allocation that lies from `area` to `end`.

        Many words written one by one would each be an entry of the log; so after a few of them the page of each
        is logged, as long as others are in these pages too. Never beyond the allocation, where libpmemobj's own
        bookkeeping lies.
        """
        self._demand_same_task()
        self._demand_transaction()
        if self._snapshotted.covers(offset, WORD):
            if self._in_vain:
                self._in_vain -= 1
        else:
            self._log_page(offset, area, end)
            self.snapshot(offset, WORD)
        self._change(offset, word)

    def _log_page(self, offset: int, area: int, end: int) -> None:
        """Log the page of a word that is not logged yet, unless the word by itself is less."""
        if self._singles < _FEW_SNAPSHOTS:
            self._singles += 1
        elif self._in_vain < _MOST_IN_VAIN or self._snapshotted.times(offset) >= _FEW_IN_PAGE:
            self._in_vain += 1
            page = offset & ~(PAGE - 1)
            first = max(page, area)
            self.snapshot(first, min(page + PAGE, end) - first)

    def append_in(self, offset: int, word: int, counter: int, area: int, end: int) -> None:
        """As `write_in`, for a place that means nothing until the word at `counter` counts it.

        So it need not be logged where the pool has nothing there when the transaction is rolled back.
        """
        self._demand_same_task()
        self._demand_transaction()
        if not self._snapshotted.covers(offset, WORD):
            if not self._prepare_tail(offset, WORD, counter, area, end, area):
                self._log_page(offset, area, end)
            self.snapshot(offset, WORD)
        self._change(offset, word)

    def append_words_in(self, offset: int, words: list[int], counter: int, area: int, end: int) -> None:
        """As `append_in`, for words side by side."""
        self._demand_same_task()
        if not self._prepare_tail(offset, WORD * len(words), counter, area, end, area):
            self._log_page(offset, area, end)
        self.write_words(offset, words)

    def append_row_in(
        self, offset: int, one: int, two: int, three: int, size: int, counter: int, area: int, end: int
    ) -> None:
        """As `append_words_in`, for two or three words, `size` bytes, without a list."""
        self._demand_same_task()
        if not self._prepare_tail(offset, size, counter, area, end, area):
            self._log_page(offset, area, end)
        self.snapshot(offset, size)
        self._count_change()
        self._unsettle()
        self._put(offset, one)
        self._put(offset + WORD, two)
        if size > 2 * WORD:
            self._put(offset + 2 * WORD, three)
        self._tell_change()

    def append_bytes_in(self, offset: int, data: bytes, counter: int, area: int, end: int, start: int) -> None:
        """As `append_in`, for bytes of an array that begins at `start`, behind another one in the same allocation."""
        self._demand_same_task()
        self._prepare_tail(offset, len(data), counter, area, end, start)
        self.write_bytes(offset, data)

    def _prepare_tail(self, offset: int, size: int, counter: int, area: int, end: int, start: int) -> bool:
        """Let commit flush places behind the end of an array, without a log; False where they have to be logged.

        What lies there means nothing to whoever comes after a roll-back if it lies behind the end that the
        array has then: from where the first place was taken while the counter was not yet changed. Of an array
        that this transaction has allocated, all goes.
        C function: ``pmemobj_tx_xadd_range_direct`` with ``POBJ_XADD_NO_SNAPSHOT``.
        """
        self._demand_transaction()
        if offset + size > end or end > self.limit or offset < self.root_offset:
            self._refuse_to_change(offset)
        if self._snapshotted.covers(offset, size):
            return True
        if not self._snapshotted.covers(counter, WORD):
            self._tails[start] = offset
        is_fresh = area in self.fresh
        first = start if is_fresh else self._tails.get(start, end)
        if offset < first:
            return False
        size = min(max(size, min((_TAIL_GROWTH - 1) * (offset - first), _LARGEST_TAIL)), end - offset)
        if not is_fresh:  # else libpmemobj flushes all of it anyway
            try:
                calls.flush_at_commit(self.base + offset, size)
            except OSError as error:
                raise self._full(f"note {size} bytes", error) from None
        if self.checker is not None:
            self.checker.fill(offset, size)
        # Last: what is in there is not looked at again.
        self._snapshotted.add(offset, size)
        return True

    def write_words(self, offset: int, words: list[int]) -> None:
        """Replace words of live memory that lie side by side, inside a transaction."""
        self.snapshot(offset, WORD * len(words))
        self._count_change()
        self._unsettle()
        for word in words:
            self._put(offset, word)
            offset += WORD
        self._tell_change()

    def move(self, target: int, source: int, count: int) -> None:
        """Copy `count` words of live memory, overlapping or not, inside a transaction."""
        if count:
            self.snapshot(target, WORD * count)
            self._count_change()
            self._unsettle()
            into, out_of = target >> 3, source >> 3
            self._words[into : into + count] = self._words[out_of : out_of + count]
            self._tell_change()

    def write_bytes(self, offset: int, data: bytes) -> None:
        """Replace bytes of live memory, inside a transaction; snapshots the words that they lie in."""
        if data:
            self.snapshot(offset, len(data))
            self._count_change()
            self._unsettle()
            self._put_bytes(offset, data)
            self._tell_change()

    def move_bytes(self, target: int, source: int, size: int) -> None:
        """Copy `size` bytes of live memory, overlapping or not, inside a transaction."""
        if size:
            self.snapshot(target, size)
            self._count_change()
            self._unsettle()
            self._raw[target : target + size] = self._raw[source : source + size]
            self._tell_change()

    def store(self, offset: int, word: int) -> None:
        """Replace one word: in a transaction as `write`, else failure-atomically at once.

        Durability: outside a transaction the word is in the medium when this returns.
        C function: ``pmemobj_persist``.
        """
        if self.depth and self._owner == thread_key():
            self._demand_same_task()
            self.write(offset, word)
            return
        lock = self.lock
        lock.acquire()
        try:
            self._demand_writable()
            if offset + WORD > self.limit or offset < self.root_offset:
                self._refuse_to_change(offset)
            if self.checker is not None:
                self.checker.storing(offset, WORD)
            self._count_change()
            self._put(offset, word)
            calls.persist(self.base, self.base + offset, WORD, self.slow)
            self.persists += 1
            if self.checker is not None:
                self.checker.accept(offset, WORD)
            self._tell_change()
        finally:
            lock.release()

    def store_apart(self, pieces: list[tuple[int, bytes]]) -> None:
        """Put bytes where the pool has nothing, outside a transaction: durable at once, in no order.

        A later `store` says that they are there. Where durability goes by the page, one call waits for all pieces.
        C functions: ``pmemobj_persist``, or ``pmemobj_flush`` and ``pmemobj_drain``.

        Args:
            pieces: Offset and bytes of each; whole words.
        """
        lock = self.lock
        lock.acquire()
        try:
            self._demand_writable()
            first = self.limit
            last = 0
            for offset, data in pieces:
                if offset + len(data) > self.limit or offset < self.root_offset:
                    self._refuse_to_change(offset)
                first = min(first, offset)
                last = max(last, offset + len(data))
                if self.checker is not None:
                    self.checker.storing(offset, len(data))
            self._count_change()
            for offset, data in pieces:
                self._put_bytes(offset, data)
                if not self.by_page:
                    calls.flush(self.base, self.base + offset, len(data))
            if self.by_page:
                calls.persist(self.base, self.base + first, last - first, self.slow)
            else:
                calls.drain(self.base)
            self.persists += 1
            if self.checker is not None:
                self.checker.accept_expected()
            self._tell_change()
        finally:
            lock.release()

    def init(self, offset: int, words: Iterable[int]) -> None:
        """Fill freshly allocated memory with words; nothing is logged."""
        data = words if isinstance(words, array) else array("Q", words)
        first = offset >> 3
        self._words[first : first + len(data)] = data

    def init_copy(self, offset: int, source: int, count: int) -> None:
        """Fill freshly allocated memory with `count` words that lie elsewhere; nothing is logged."""
        if source + WORD * count > self.limit:
            self.refuse(source)
        if offset + WORD * count > self.limit:
            self.refuse(offset)
        if cython.compiled:
            target = cython.cast(cython.p_char, self.base + offset)
            copy_bytes(target, cython.cast(cython.p_char, self.base + source), WORD * count)  # type: ignore[name-defined]  # noqa: F821
        else:
            into, out_of = offset >> 3, source >> 3
            self._words[into : into + count] = self._words[out_of : out_of + count]

    def init_word(self, offset: int, word: int) -> None:
        """Fill one word of freshly allocated memory; nothing is logged."""
        if offset + WORD > self.limit:
            self.refuse(offset)
        self._put(offset, word)

    def init_bytes(self, offset: int, data: bytes) -> None:
        """Fill freshly allocated memory with bytes; nothing is logged."""
        self._raw[offset : offset + len(data)] = data

    def poke(self, offset: int, data: bytes) -> None:
        """Replace bytes of live memory that the caller has logged, or will `persist` by itself.

        For `MemoryManager.store` alone; what its user forgets, the checking mode finds.
        """
        if self.in_transaction():
            self._demand_transaction()
        else:
            self._demand_writable()
        if offset + len(data) > self.limit or offset < self.root_offset:
            self._refuse_to_change(offset)
        self._count_change()
        self._unsettle()
        self._raw[offset : offset + len(data)] = data
        self._tell_change()

    def persist(self, offset: int, size: int) -> None:
        """Make bytes durable that `poke` changed outside a transaction. C function: ``pmemobj_persist``."""
        self._demand_writable()
        if offset + size > self.limit:
            self.refuse(offset)
        calls.persist(self.base, self.base + offset, size, self.slow)
        if self.checker is not None:
            self.checker.accept(offset, size)

    def _refuse_to_change(self, offset: int) -> None:
        """Refuse a store to a place where nothing lies that a container could own."""
        if offset >= self.root_offset:
            self.refuse(offset)
        raise PoolDamagedError(
            f"change offset {offset:#x} in {self.name}",
            "what lies there, before the root object, belongs to libpmemobj",
            "restore the pool from a copy",
        )

    def _count_change(self) -> None:
        """To be called before the change, lest an interrupt between the two leave it uncounted."""
        self.changes += 1
        self.may_have_garbage = True

    def _unsettle(self) -> None:
        """From here on memory may show half a change, until the statement ends that does it."""
        if not self.version & 1:
            self._unsettled_level = len(self._marks)
            self.version += 1

    if not cython.compiled:

        def still_valid(self, version: int) -> bool:
            """Whether nobody has begun to change the pool since its version was `version`: see `consistent_reads`."""
            return version == self.version and not version & 1

    def is_steady(self, version: int) -> bool:
        """As `still_valid`, which compiled is part of the caller; for modules that still use this name."""
        return self.still_valid(version)

    def _settle(self) -> None:
        if self.version & 1:
            self.version += 1

    def _tell_change(self) -> None:
        if not self._marks:
            self._settle()  # no statement: each change is one by itself
        if self.on_change is not None:
            self.on_change()

    def free_now(self, offsets: Iterable[int]) -> None:
        """Free allocations at once, for good. C function: ``pmemobj_free``."""
        self._demand_classes()
        self._unsettle()
        if self.checker is not None:
            offsets = list(offsets)
            self.checker.freed_now(offsets)
        for offset in offsets:
            library.free_now(self.pool_uuid, offset)
        if not self._marks:
            self._settle()

    # ---- allocating ----

    def alloc(self, size: int, kind: int, zero: bool = False) -> int:
        """Allocate `size` bytes inside the transaction; an abort gives them back.

        C function: ``pmemobj_tx_xalloc``.

        Returns:
            The offset, a multiple of 16.

        Raises:
            PoolFullError: no room.
        """
        self._demand_transaction()
        flags = _ZERO if zero else 0
        if size > _LARGE:
            self._demand_possible(size)
        elif len(self.fresh) >= _FEW_ALLOCATIONS:
            flags |= _NO_FLUSH
        class_id = self.class_for(size)
        offset = self._try_to_alloc(size, kind, flags, class_id)
        if not offset:
            offset = self._alloc_at_last(size, kind, flags, class_id)
        self.follow_growth()
        assert offset & (ALIGNMENT - 1) == 0, offset
        self.fresh[offset] = size
        if flags & _NO_FLUSH:
            self._unflushed.append(offset)
        if self._dropped:
            self._dropped.discard(offset)
        self.may_have_garbage = True
        if self.checker is not None:
            # All of it: with its header libpmemobj writes a whole cache line, whatever then stands behind the header.
            self.checker.allocated(offset - ALLOCATION_HEADER_SIZE, self.allocation_size(offset))
        return offset

    def _demand_possible(self, size: int) -> None:
        """Refuse what no allocation can have: a growing pool would grow to its end before libpmemobj gave up."""
        largest = min(MAX_ALLOCATION, self.reserve) if self._grows else MAX_ALLOCATION
        if size > largest:
            raise PoolFullError(
                f"allocate {size} bytes in {self.name}",
                f"one allocation in it can have no more than {largest} bytes",
                "divide the data, or create a larger pool",
            )

    def class_for(self, size: int) -> int:
        """libpmemobj's number of the class that an allocation of `size` bytes is taken from."""
        step = (size + ALIGNMENT - 1) // ALIGNMENT
        if step < len(_FITTING):
            return self._classes[_FITTING[step]]
        fitting = bisect_left(_UNITS, size + ALLOCATION_HEADER_SIZE)
        return self._classes[fitting] if fitting < len(_UNITS) else 0

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
        """Free garbage, once a transaction; whether there was some."""
        if self.reclaimed or self.reclaim is None:
            return False
        self.reclaimed = True
        found = self.reclaim(self)
        if found:
            self._recycle()
        return found

    def demand_allocation(self, offset: int) -> None:
        """Raise PoolDamagedError unless libpmemobj's header before `offset` is one that can be freed."""
        size = self.allocation_size(offset)
        if offset % ALIGNMENT or not (size in _SIZES or (size and size % _BUILTIN_UNIT == 0)):
            # libpmemobj would believe it, and clear as many bits.
            raise PoolDamagedError(
                f"free the memory at {offset:#x} of {self.name}",
                f"libpmemobj's header there speaks of {size} bytes",
                "restore the pool from a copy",
            )

    def free(self, offset: int) -> None:
        """Free an allocation when the transaction commits.

        Where there is no room for the log of that, it is merely let go of, which nobody can tell from the
        outside; `end` frees it after the commit. So giving up memory does not fail in a full pool.
        C function: ``pmemobj_tx_xfree``.
        """
        self._demand_transaction()
        self.demand_allocation(offset)
        if self.checker is not None:
            self.checker.freed(offset)
        # Half of an operation that frees must not be committed either.
        self._count_change()
        self._unsettle()
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
            self._settle()

    def _make_up(self) -> None:
        """After a transaction: free what it gave up, and set memory aside for logs again."""
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
                    break  # the garbage collection will do it
                left += self._frees_left
            self._frees_left = []
            self._set_log_space_aside()
        finally:
            self._is_making_up = False

    def allocations(self) -> list[tuple[int, int, int]]:
        """Offset, usable size and kind of every allocation but the root object."""
        return self._ask_heap(_chunks.allocations)

    def offsets(self) -> array[int]:
        """The offset of every allocation but the root object, ascending; in a fraction of the time."""
        return self._ask_heap(_chunks.offsets)

    def _ask_heap(
        self, question: Callable[[Any], A], what: str = "go through the allocations of", instead: str = ""
    ) -> A:
        if self._reason is not None:
            self.refuse()
        try:
            return question(self._words)
        except _chunks.HeapDamage as error:
            raise PoolDamagedError(
                f"{what} {self.name}", str(error), f"{instead}restore the pool from a copy"
            ) from None

    def used_size(self) -> int:
        """Bytes that are allocated, libpmemobj's headers included. Cost: visits every allocation.

        What a running transaction has taken counts, and what it gives up does until its commit.
        """
        self._demand_writable()
        return sum(self.allocation_size(offset) for offset in self.offsets()) + self._taken_size()

    def _taken_size(self) -> int:
        """Bytes that the running transaction has allocated, and still has."""
        return sum(self.allocation_size(offset) for offset in list(self.fresh) if offset not in self._dropped)

    def free_size(self) -> int:
        """Bytes that can be allocated: neither taken nor set aside for logs. Cost: visits every allocation."""
        used = self.used_size()
        if self._awaits_log_space:
            with self.lock:
                self.demand_log_space()
        return max(0, self.limit - (self.root_offset & ~0xFFF) - self._log_reserve - used)

    def _full(self, what: str, error: OSError | None = None) -> PmemError:
        if error is None or error.errno == errno.ENOMEM:
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
        return PoolDamagedError(f"{what} in {self.name}", str(error), "restore the pool from a copy")

    # ---- transactions ----

    def begin(self) -> None:
        """Open a transaction, or join the one that this thread has open.

        C function: ``pmemobj_tx_begin``.

        Raises:
            TransactionAborted: it has been rolled back and not been left yet.
            TransactionError: this thread is in a transaction of another pool.
        """
        lock = self.lock
        lock.acquire()
        try:
            if self.depth == 0:
                self._demand_writable()
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
            if any(heap.in_transaction() for heap in live_heaps()):
                raise TransactionError(
                    f"begin a transaction on {self.name}",
                    "this thread is inside a transaction of another pool",
                    "leave that one first: a transaction covers one pool",
                )
            # A KeyboardInterrupt cut off a roll-back of this thread.
            calls.abort()
        self.fresh = {}
        self._unflushed = []
        if self._dropped:
            self._dropped = set()
        if self._snapshotted.is_used:
            self._snapshotted = SnapshotRanges()
        self._marks = []
        self.reclaimed = self._begun_again = self._log_is_full = False
        self.changes_at_begin = self.changes
        self._logged_at_begin = self.logged
        self._frees_left = []
        self._singles = self._in_vain = 0
        if self._tails:
            self._tails = {}
        if self._unlogged:
            self._unlogged = []
        if self._awaits_log_space:
            self.demand_log_space()
        try:
            calls.begin(self.base)
            self._owner = thread_key()
            self.lock.owner = me()
            self.follow_growth()
            if self.checker is not None:
                self.checker.begun()
        except BaseException:
            # A KeyboardInterrupt may arrive when the C call has already succeeded.
            calls.abort()
            raise

    def end(self, error: BaseException | None, undo: bool) -> None:
        """Leave the innermost level: commit at the outermost, unless something went wrong.

        Args:
            error: The exception that ends the block, if any.
            undo: Whether it rolls back the whole transaction. At the outermost level any error does.

        Raises:
            TransactionAborted: the block ends well, but the transaction was rolled back inside it.
        """
        if not self.in_transaction():
            # The pool was closed inside the block; the error that says so is on its way.
            if error is None:
                self._demand_transaction()
            return
        lock = self.lock
        try:
            try:
                if self.doomed is None and error is not None and (undo or self.depth == 1):
                    self.roll_back(error)
                elif self.doomed is None and self.depth == 1:
                    self._commit()
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
                self._settle()
            try:
                if self.depth == 0 and self._is_tight() and not self._is_making_up:
                    self._make_up()
            finally:
                lock.release()

    def _is_tight(self) -> bool:
        """Whether the transaction that has just ended used up memory for logs, or lacked some."""
        return bool(self._frees_left) or self._wants_log_space or self.logged - self._logged_at_begin > _LOG_UNIT

    def _commit(self) -> None:
        if self.checker is not None:
            self.checker.verify()
        if self._unflushed:
            self._flush_fresh()
        try:
            calls.commit(self.slow)
        finally:
            # What is committed stays so, also when a KeyboardInterrupt arrives just now.
            self.fresh = {}
            self.loans.keep_new()
            if self.checker is not None:
                self.checker.reset()

    def _flush_fresh(self) -> None:
        """Make durable what libpmemobj does not flush at commit, before that. C function: ``pmemobj_persist``."""
        near = _NEAR_ON_DISK if self.slow else _NEAR
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

    def roll_back(self, reason: BaseException) -> None:
        """Undo everything since the outermost `begin`; the transaction is dead from here on.

        C function: ``pmemobj_tx_abort``.
        """
        self.doomed = reason
        self._frees_left = []
        self._unsettle()
        try:
            calls.abort()
        except KeyboardInterrupt:
            calls.abort()
            raise
        finally:
            self._forget_fresh()
            self._settle()

    def _forget_fresh(self) -> None:
        """Invalidate what the rolled-back transaction created, here and in the caches above."""
        self.invalidate(self.fresh, "the transaction that created it was rolled back", "create it again")
        self.fresh = {}
        self.loans.forget_new()
        for refresh in self.after_rollback:
            refresh()
        if self.checker is not None:
            self.checker.reset()

    def release_lock(self) -> None:
        """Give back what an interrupt kept this thread from giving back; outside transactions."""
        self.lock.release_all()

    def in_transaction(self) -> bool:
        """Whether the calling thread has a transaction open here, or a dead one not yet left."""
        return self.depth > 0 and self._owner == thread_key()

    def invalidate(self, offsets: Iterable[int], why: str, todo: str) -> None:
        """Let the handles of `offsets`, where there are any, refuse everything from now on."""
        dead = _dead_heap(self.name, InvalidHandleError(f"use this object of {self.name}", why, todo))
        for offset in offsets:
            handle = self.handles.remove(offset)
            if handle is not None:
                attach(handle, dead, offset)

    def note_headers(self) -> None:
        """Remember what the live handles stand for, before the pool is given out of hand."""
        self._noted = {handle._p_offset: self.read(handle._p_offset) for handle in self.handles.live()}

    def drop_missing_handles(self) -> None:
        """Invalidate the handles of objects that another process freed while we were unbound.

        Another object may lie at the same offset by now; the stamp in its header tells.
        """
        if not self._noted:
            return
        there = {offset for offset, _, _ in self.allocations()}
        missing = [off for off, head in self._noted.items() if off not in there or self.read(off) != head]
        self._noted = {}
        self.invalidate(missing, "another process freed it meanwhile", "fetch it from the root again")

    def _demand_writable(self) -> None:
        if self.pop is None:
            if self._reason is not None:
                self.refuse()
            raise TransactionError(f"change {self.name}", "this is a read-only image of a pool", "open the pool itself")

    def _demand_transaction(self) -> None:
        """Raise unless a libpmemobj transaction call may be made now by this thread."""
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

    def _demand_same_task(self) -> None:
        """Refuse what another task than that of the transaction does: the two did not ask for one fate."""
        if self._task is not None and self._task is not current_task():
            raise TransactionError(
                f"change {self.name}",
                "another task of this thread is in a transaction on it, and awaits something there",
                "do not await inside a transaction, or share an asyncio.Lock",
            )

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


class Statement:
    """The context of one mutating operation: joins the running transaction or is one by itself.

    An error that comes before the first change leaves a surrounding transaction as it was; one
    that comes after it rolls back the whole of it, since half an operation must not be committed.
    """

    __slots__ = ("_heap",)

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, _type: Any, error: BaseException | None, _traceback: Any) -> None:
        self.leave(error)

    def enter(self) -> None:
        """What a ``with`` calls first; for compiled callers, which need not look it up."""
        heap = self._heap
        heap.begin()
        heap._marks.append(heap.changes)

    def leave(self, error: BaseException | None) -> None:
        """What a ``with`` calls last."""
        heap = self._heap
        changed = heap._marks.pop() != heap.changes
        try:
            heap.end(error, changed)
        finally:
            if len(heap._marks) < heap._unsettled_level:
                heap._settle()


@cython.no_gc_clear  # so that it still has its heap when it is deallocated
@cython.cclass  # or else Cython would not allow the line above
class Handle:
    """What every Python object for a persistent one is made of: a heap and an offset."""

    __slots__ = ("__weakref__", "_p_heap", "_p_offset")

    def __cinit__(self, *_args: Any, **_kwargs: Any) -> None:
        self._p_heap = _nowhere
        self._p_offset = 0

    def __dealloc__(self) -> None:
        # A heap that the garbage collector took apart before has no table any more.
        if self._p_heap.handles is not None:
            address = cython.cast(cython.ulonglong, cython.cast(cython.p_void, self))
            self._p_heap.handles.leave(self._p_offset, address)


def _new_handle(cls: type[Handle], *_args: Any, **_kwargs: Any) -> Handle:
    self = object.__new__(cls)
    attach(self, _nowhere, 0)
    return self


def attach(handle: Handle, heap: Heap, offset: int) -> None:
    """Let a handle stand for the object at `offset`; past a ``__setattr__`` of its class."""
    if cython.compiled:
        handle._p_heap = heap
        handle._p_offset = offset
    else:
        object.__setattr__(handle, "_p_heap", heap)
        object.__setattr__(handle, "_p_offset", offset)


if not cython.compiled:
    # What Cython makes of `__cinit__`. (`__dealloc__` is not called.)
    Handle.__new__ = _new_handle  # type: ignore[assignment]


def current_task() -> Any:
    """The asyncio task that runs in this thread, or None."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return None
    return asyncio.current_task()


def _brief(error: BaseException) -> str:
    return error.why if isinstance(error, PmemError) else f"{type(error).__name__}: {error}"


def usable_size(size: int) -> int:
    """How many bytes an allocation of `size` bytes really has, for what grows into them."""
    fitting = bisect_left(_UNITS, size + ALLOCATION_HEADER_SIZE)
    if fitting < len(_UNITS):
        return _UNITS[fitting] - ALLOCATION_HEADER_SIZE
    return (size + ALLOCATION_HEADER_SIZE + _CHUNK - 1) // _CHUNK * _CHUNK - ALLOCATION_HEADER_SIZE


def log_space(size: int) -> int:
    """How many bytes are set aside for logs in a pool that has `size` bytes for allocations."""
    chunks = max(1, min(size // (_CHUNK * _LOG_SHARE), _MOST_LOG_CHUNKS))
    # No multiple of 64 units, as in `_part_of_chunk`.
    return _CHUNK * (chunks - (chunks * _LOGS_IN_CHUNK % 64 == 0))


def _after_fork_in_child() -> None:
    """A child must not touch the mappings that it inherits: they are the parent's, locks and all."""
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
