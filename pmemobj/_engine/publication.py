"""Allocations, frees and one store that happen at once: what needs memory, but no transaction.

libpmemobj sets memory aside (``pmemobj_xreserve``) without writing anything to the pool. The caller fills it and
makes it durable; then one redo log says that it is allocated, that other memory is free, and that one word is
replaced (``pmemobj_publish``), wholly or not at all, whatever happens meanwhile. Where one word decides
what an object holds, that takes half the time of a transaction, which first logs the allocation and
the old word, and then takes the log back.

What is set aside and not published is forgotten, at the latest with the process.
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

#: The most that one of them does: allocations of a key and a value, a store, and a free.
_MOST = 4
#: More bytes are left to a transaction, which knows what to do where there is no such piece.
_LARGEST = 1 << 16


class Publication:
    """One such change of a heap; by whoever holds its lock, outside a transaction.

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
        """Set `size` bytes aside.

        C function: ``pmemobj_xreserve``.

        Returns:
            Their offset; 0 where there is no room, which a transaction may still find.
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
            if heap.checker is not None:
                # All of it: with its header libpmemobj writes a whole cache line, whatever stands behind the header.
                heap.checker.reserve(offset - ALLOCATION_HEADER_SIZE, heap.allocation_size(offset))
        return offset

    def finish(self, slot: int, word: int, freed: int = 0) -> None:
        """Replace the word at `slot`, and with it allocate what was set aside, and free `freed` if it is not 0.

        Durability: all of it is in the medium when this returns, or, if the process does not live to see that,
        all or nothing of it.
        C functions: ``pmemobj_persist`` of what was set aside, ``pmemobj_set_value``, ``pmemobj_defer_free``,
        ``pmemobj_publish``.
        """
        heap = self._heap
        heap._demand_writable()
        if slot + WORD > heap.limit:
            heap.refuse(slot)
        if freed:
            heap.demand_allocation(freed)
        for offset, size in self._made:
            calls.persist(heap.base, heap.base + offset, size, heap.slow)
            heap.persists += 1
        calls.set_value(heap.base, self._action(), heap.base + slot, word)
        self._count += 1
        if freed:
            calls.defer_free(heap.base, heap.pool_uuid, freed, self._action())
            self._count += 1
        if heap.checker is not None:
            heap.checker.publishing(slot, WORD, freed)
        heap._count_change()
        heap._unsettle()
        count = self._count
        self._count = 0  # from here on there is nothing to cancel
        calls.publish(heap.base, self._first(), count, heap.slow)
        heap.published += 1
        if heap.checker is not None:
            heap.checker.accept_expected()
        heap._tell_change()

    def cancel(self) -> None:
        """Give back what was set aside, unless it was published. C function: ``pmemobj_cancel``."""
        if self._count:
            count = self._count
            self._count = 0
            calls.cancel(self._heap.base, self._first(), count)
            if self._heap.checker is not None:
                self._heap.checker.cancelled()

    def _first(self) -> Any:
        """The actions, as `_calls` takes them."""
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
