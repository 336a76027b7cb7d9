"""A pool that is mapped into the process, as offsets and 64-bit words: how it is bound, and how it is read.

A read is a load from the mapping and calls nothing. `limit`, the end of what may be read, is compared with every offset
before it is used, since offsets come out of the pool and a damaged one must not end the process.

A mapping may be unbound, and bound again to the same pool (at another address): whoever holds offsets goes on
working. While it is unbound, every use raises the error that `unbind` was given.

The mapping of a growing pool becomes longer, always at the same address, and only inside a call that allocates
(memory for the caller, or for a longer log). `limit` follows before anybody knows the offset of what was allocated.
"""

from __future__ import annotations

import struct
import weakref
from array import array
from collections.abc import Callable
from typing import Any, TypeVar

from pmemobj._format import (
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_SIZE_MASK,
    POOL_HEADER_SIZE,
    POOL_HEAP_OFFSET,
    POOL_HEAP_SIZE,
    WORD,
)
from pmemobj._pmdk import calls, chunks, library
from pmemobj.errors import OtherPoolError, PmemError, PoolClosedError, PoolDamagedError, TransactionError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

A = TypeVar("A")


class _Refusal:
    """Takes the place of the views of a mapping that is not bound: any use of it raises the reason."""

    def __init__(self, pool: MappedPool) -> None:
        self._pool = weakref.ref(pool)

    def __getitem__(self, index: Any) -> Any:
        pool = self._pool()
        if pool is not None:
            pool.refuse()
        raise PoolClosedError("read a pool", "it is closed", "open it again")

    __setitem__ = __len__ = __getitem__


class MappedPool:
    """The memory of one pool, to be read; the base class of `Heap`. Offsets and sizes are bytes, words are unsigned.

    Attributes:
        name: How messages call the pool.
        base: Where the pool is mapped; the address of a word is this plus its offset. 0 without a mapping.
        limit: Where the memory ends that may be read.
        reserve: How long a growing pool can become.
        root_offset: Where the root object lies; what lies before it belongs to libpmemobj.
        pop: libpmemobj's handle of the open pool (a ``PMEMobjpool *``); None for an image, or without a mapping.
        pool_uuid: The pool's identity as it stands in libpmemobj's object identifiers; 0 for an image.
        identity: The UUID of the pool that the offsets belong to, from the first binding on; 0 before.
        version: Odd while the memory shows half a change; see `consistent_reads`.
        slow: Whether libpmemobj waits for a disk when it makes a change durable.
        by_page: Whether changes are made durable page by page (``msync``), with whatever lies between them.
        needs_flush: Whether libpmemobj must be told of changes that are to be durable; in RAM, no change needs that.
        on_growth: Called when the pool has become larger.
    """

    __slots__ = (
        "__weakref__",
        "_grows",
        "_pin",
        "_raw",
        "_reason",
        "_words",
        "base",
        "by_page",
        "identity",
        "limit",
        "name",
        "needs_flush",
        "on_growth",
        "pool_uuid",
        "pop",
        "reserve",
        "root_offset",
        "slow",
        "version",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.identity = 0
        self.version = 0
        self.slow = self.by_page = False
        self.needs_flush = True
        self.on_growth: Callable[[], None] | None = None
        self._forget_mapping(PoolClosedError(f"use pool {name}", "it is not open", "open it"))

    # ---- binding ----

    def _forget_mapping(self, reason: PmemError) -> None:
        #: Why every use is refused; None while there is a mapping.
        self._reason: PmemError | None = reason
        self.pop: Any = None
        #: What holds the bytes of an image in place.
        self._pin: Any = None
        self.base = self.limit = self.reserve = self.root_offset = self.pool_uuid = 0
        self._grows = False
        #: The mapping as 64-bit words, and as bytes.
        self._words: Any = _Refusal(self)
        self._raw: Any = self._words

    def _map_pool(self, pop: Any, size: int, root_size: int, max_size: int) -> None:
        """Read from an open pool from now on; for the arguments and errors see `Heap.bind`."""
        calls.load()
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

    def bind_image(self, image: memoryview, root_offset: int) -> None:
        """Attach to the bytes of a pool file, for reading only and without libpmemobj."""
        self._raw = image[: len(image) & ~7]
        self._words = self._raw.cast("Q")
        self.base, self._pin = library.pin(image)
        self.limit = self.reserve = len(image)
        self.root_offset = root_offset
        self._reason = None

    def _release_mapping(self) -> None:
        """Release the views of the mapping, which must be done before it is unmapped."""
        for view in (self._words, self._raw):
            if isinstance(view, memoryview):
                view.release()
        if self._pin is not None:
            library.unpin(self._pin)

    def _view_up_to(self, end: int) -> None:
        """Let reads reach `end`. Other threads read meanwhile, so the limit is raised last."""
        self._raw = library.view(self.pop, end)
        self._words = self._raw.cast("Q")
        self.limit = end

    def _mapped_end(self) -> int:
        """Where libpmemobj's heap ends; libpmemobj counts a new part only when it is mapped."""
        return self.read(POOL_HEAP_OFFSET) + self.read(POOL_HEAP_SIZE)

    def follow_growth(self) -> bool:
        """Raise the limit to the end of what libpmemobj has mapped; the caller holds the lock.

        Returns:
            Whether the pool has grown since the last time. A call that failed although the pool grew
            should be made again: when libpmemobj begins a new zone (every 16 GiB), it may fail to
            find the memory that it has just added, and finds it the next time.
        """
        if not self._grows or self.limit == self._mapped_end():
            return False
        # The old views are not released: another thread may be reading through them just now.
        self._view_up_to(self._mapped_end())
        if self.on_growth is not None:
            self.on_growth()
        return True

    @property
    def is_bound(self) -> bool:
        """Whether there is a mapping to read."""
        return self._reason is None

    @property
    def is_writable(self) -> bool:
        """Whether the mapping is that of an open pool, not of an image."""
        return self.pop is not None

    # ---- refusing ----

    def refuse(self, offset: int = 0) -> None:
        """Raise the error for an access that cannot be made.

        Raises:
            PmemError: without a mapping: the reason that `unbind` was given.
            PoolDamagedError: with one: `offset` lies outside it.
        """
        reason = self._reason
        if reason is not None:
            raise type(reason)(reason.what, reason.why, reason.todo)
        raise PoolDamagedError(
            f"follow offset {offset:#x} in {self.name}",
            f"it lies outside the pool's {self.limit} bytes",
            "restore the pool from a copy",
        )

    def _refuse_to_change(self, offset: int) -> None:
        """Refuse a store to a place where no container can have anything."""
        if offset >= self.root_offset:
            self.refuse(offset)
        raise PoolDamagedError(
            f"change offset {offset:#x} in {self.name}",
            "what lies there, before the root object, belongs to libpmemobj",
            "restore the pool from a copy",
        )

    def _refuse_read_only(self) -> None:
        if self._reason is not None:
            self.refuse()
        raise TransactionError(f"change {self.name}", "this is a read-only image of a pool", "open the pool itself")

    # ---- reading ----

    if not cython.compiled:
        # Compiled, these are part of the caller: see the .pxd.

        def still_valid(self, version: int) -> bool:
            """Whether nobody has begun to change the pool since its version was `version`: see `consistent_reads`."""
            return version == self.version and not version & 1

        def peek(self, offset: int) -> int:
            """As `read`, for callers in which a function call would be the larger part of the time."""
            return self.read(offset)

        def fetch(self, offset: int) -> int:
            """As `peek`, for callers that have compared the offset with the limit themselves."""
            return self.read(offset)

        def fetch_half(self, offset: int) -> int:
            """The 32 bits at `offset`; the caller has compared the offset with the limit."""
            return self.read(offset & ~7) >> 8 * (offset & 4) & 0xFFFFFFFF

        def _demand_writable(self) -> None:
            """Raise unless the mapping is that of an open pool."""
            if self.pop is None:
                self._refuse_read_only()

        def _put(self, offset: int, word: int) -> None:
            """Store one word; the caller has done all that must come before."""
            self._words[offset >> 3] = word

    def read(self, offset: int) -> int:
        """The word at `offset`."""
        if cython.compiled:
            return self.peek(offset)
        else:  # Cython leaves out this branch; without the `else` it would warn of code that is never reached
            try:
                word: int = self._words[offset >> 3]
                return word
            except IndexError:
                self.refuse(offset)
                raise

    def read_count(self, offset: int) -> int:
        """The word at `offset` as a number of things in the pool, which cannot be more than the pool has bytes."""
        count = self.peek(offset)
        if count > self.limit:
            raise PoolDamagedError(
                f"read offset {offset:#x} in {self.name}",
                f"{count} things cannot be in {self.limit} bytes",
                "restore the pool from a copy",
            )
        return count

    def read_words(self, offset: int, count: int) -> list[int]:
        """The `count` words from `offset` on."""
        # Without a sum: that of numbers from a damaged pool may be more than a word can hold, and look small.
        if count < 0 or offset > self.limit or count > (self.limit - offset) // WORD:
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
        if size < 0 or offset > self.limit or size > self.limit - offset:
            self.refuse(offset)
        return bytes(self._raw[offset : offset + size])

    def read_as(self, form: struct.Struct, offset: int) -> Any:
        """The one value that a `struct.Struct` describes, at `offset`."""
        try:
            return form.unpack_from(self._raw, offset)[0]
        except struct.error:
            self.refuse(offset)
            raise

    # ---- libpmemobj's heap ----

    def allocation_size(self, offset: int) -> int:
        """Bytes of the pool that the allocation at `offset` takes, libpmemobj's header included."""
        if offset < ALLOCATION_HEADER_SIZE:
            self.refuse(offset)
        return self.peek(offset - ALLOCATION_HEADER_SIZE) & ALLOCATION_SIZE_MASK

    def allocations(self) -> list[tuple[int, int, int]]:
        """Offset, usable size and kind of every allocation but the root object."""
        return self._walk_chunks(chunks.allocations)

    def offsets(self) -> array[int]:
        """The offset of every allocation but the root object, ascending; faster than `allocations`."""
        return self._walk_chunks(chunks.offsets)

    def _walk_chunks(
        self, question: Callable[[Any], A], what: str = "go through the allocations of", instead: str = ""
    ) -> A:
        """What a function of `chunks` finds in libpmemobj's heap.

        Args:
            question: The function.
            what: What the error says cannot be done to the pool.
            instead: What the error advises before the copy.

        Raises:
            PoolDamagedError: the heap is damaged.
        """
        if self._reason is not None:
            self.refuse()
        try:
            return question(self._words)
        except chunks.HeapDamage as error:
            raise PoolDamagedError(
                f"{what} {self.name}", str(error), f"{instead}restore the pool from a copy"
            ) from None
