"""The base of dict and set: an object that consists of two counts and a hash table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pmemobj._containers.base import Persistent
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    DICT_SIZE,
    DICT_TABLE,
    ENTRY_KEY,
    ENTRY_SIZE,
    ENTRY_VALUE,
    SET_ENTRY_SIZE,
    SET_SIZE,
    Kind,
    kind_of,
)
from pmemobj._hashtable.entries import contents, count_live, last_entry
from pmemobj._hashtable.table import drop_entries, remove_entries
from pmemobj._hashtable.table_check import verify_table
from pmemobj._values.words import decode

assert DICT_SIZE == SET_SIZE  # both have the same header, so that the functions of `_hashtable` serve both


class StoredTable(Persistent):
    """What a dict and a set do alike. They differ in the size of an entry: that of a dict has a value."""

    __slots__ = ()
    _p_empty = (0, 0, 0)

    def __len__(self) -> int:
        return count_live(self._p_heap, self._p_offset)

    def clear(self) -> None:
        """Remove all entries.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to free the keys and values that have memory of their own.
        """
        heap, offset = self._p_heap, self._p_offset
        with heap.lock:
            if heap.read(offset + DICT_TABLE):
                with heap.statement:
                    drop_entries(heap, offset, _width(heap, offset))

    def _remove(self, entry: int) -> None:
        """Remove the entry at an offset, by whoever holds the lock."""
        heap, offset = self._p_heap, self._p_offset
        with heap.statement:
            remove_entries(heap, offset, _width(heap, offset), [entry])

    def _pop_last(self, width: int) -> tuple[Any, Any] | None:
        """Remove the entry that was added last, given the size of an entry.

        Returns:
            Its key, and its value, which is None in a set; None if there is no entry.
        """
        heap, offset = self._p_heap, self._p_offset
        with heap.lock:
            while True:
                entry = last_entry(heap, offset, width)
                if not entry:
                    return None
                changes = heap.changes
                key = decode(heap, heap.read(entry + ENTRY_KEY))
                value = decode(heap, heap.read(entry + ENTRY_VALUE)) if width == ENTRY_SIZE else None
                if heap.changes == changes:  # Else reading a pickle has run foreign code.
                    self._remove(entry)
                    return key, value

    # ---- for walkers ----

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return contents(heap, offset, _width(heap, offset))

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        table = heap.read(offset + DICT_TABLE)
        return (table,) if table else ()

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        verify_table(heap, offset, _width(heap, offset))


def _width(heap: Heap, offset: int) -> int:
    """The size of an entry of the dict or set at `offset`."""
    return ENTRY_SIZE if kind_of(heap.read(offset)) == Kind.DICT else SET_ENTRY_SIZE
