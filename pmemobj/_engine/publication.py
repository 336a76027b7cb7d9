"""Publications: allocations, a free and one store that happen at once, without a transaction.

libpmemobj reserves memory (``pmemobj_xreserve``) without writing anything to the pool. The caller fills the memory and
makes it durable; then one redo log (``pmemobj_publish``) says that the memory is allocated, that other memory is free,
and that one word is replaced. All of it happens, or, after a crash, nothing. Where one word decides
what an object holds, this takes half the time of a transaction, which first logs the allocation and
the old word, and discards the log after the commit.

A reservation that is not published is forgotten, at the latest when the process ends.
"""

from __future__ import annotations

from typing import Any

from pmemobj._engine.heap import Heap
from pmemobj._format import ALLOCATION_HEADER_SIZE, WORD
from pmemobj._pmdk import calls

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

#: A publication has at most the allocations of a key and a value, a store, and a free.
_MOST = 4
#: Larger allocations are left to a transaction, which makes room in a pool that has no such piece.
_LARGEST = 1 << 16


class Publication:
    """One publication in a heap. The caller holds the lock of the heap, and is not in a transaction.

    Args:
        heap: The heap.
    """

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._count = 0
        self._made: list[tuple[int, int]] = []
        if not cython.compiled:
            self._actions: Any = calls.new_actions(_MOST)

    def alloc(self, size: int, kind: int) -> int:
        """Reserve `size` bytes.

        C function: ``pmemobj_xreserve``.

        Returns:
            The offset; 0 if there is no room, though a transaction may still find some.
        """
        heap = self._heap
        if size > _LARGEST:
            return 0
        heap.demand_log_space()
        offset = calls.reserve(heap.base, self._action(), size, kind, heap.class_for(size))
        if offset:
            self._count += 1
            heap.follow_growth()
            self._made.append((offset, size))
            if heap.observer is not None:
                # The whole allocation: with its header libpmemobj writes a cache line, whatever follows it there.
                heap.observer.reserve(offset - ALLOCATION_HEADER_SIZE, heap.allocation_size(offset))
        return offset

    def finish(self, slot: int, word: int, freed: int = 0) -> None:
        """Replace the word at `slot`, allocate what was reserved, and free `freed` if it is not 0, all at once.

        Durability: all of it is in the medium when this returns; if the process is killed before, all of it or nothing.
        C functions: ``pmemobj_persist`` of what was reserved, ``pmemobj_set_value``, ``pmemobj_defer_free``,
        ``pmemobj_publish``.
        """
        heap = self._heap
        heap._demand_writable()
        if slot > heap.limit or slot + WORD > heap.limit:
            heap.refuse(slot)
        if freed:
            heap.demand_log_space()  # libpmemobj must know the size classes before it frees, too
            heap.demand_allocation(freed)
        if heap.journal is not None:
            heap.journal.prepare(sum([size for _, size in self._made]))
        if heap.needs_flush:
            for offset, size in self._made:
                calls.persist(heap.base, heap.base + offset, size, heap.slow)
        heap.persists += len(self._made)
        calls.set_value(heap.base, self._action(), heap.base + slot, word)
        self._count += 1
        if freed:
            calls.defer_free(heap.base, heap.pool_uuid, freed, self._action())
            self._count += 1
        if heap.observer is not None:
            heap.observer.publishing(slot, WORD, freed)
        heap._count_change()
        heap._begin_change()
        count = self._count
        self._count = 0  # from here on there is nothing to cancel
        calls.publish(heap.base, self._first(), count, heap.slow)
        heap.published += 1
        if heap.observer is not None:
            heap.observer.accept_expected()
        heap._tell_change()
        if heap.journal is not None:
            heap.journal.commit()
            heap._wait_for_record()

    def cancel(self) -> None:
        """Give back what was reserved, unless it was published. C function: ``pmemobj_cancel``."""
        if self._count:
            count = self._count
            self._count = 0
            calls.cancel(self._heap.base, self._first(), count)
            if self._heap.observer is not None:
                self._heap.observer.cancelled()

    def _first(self) -> Any:
        """The actions, as the functions of `calls` take them."""
        if cython.compiled:
            return cython.cast(cython.ulonglong, cython.address(self._memory[0]))  # type: ignore[attr-defined]
        else:
            return self._actions

    def _action(self) -> Any:
        """The next action."""
        if cython.compiled:
            return cython.cast(cython.ulonglong, cython.address(self._memory[16 * self._count]))  # type: ignore[attr-defined]
        else:
            return self._actions + self._count
