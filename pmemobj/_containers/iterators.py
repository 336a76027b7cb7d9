"""The iterators of dicts and sets, which raise if the container changes during the iteration, as Python's own do."""

from __future__ import annotations

from typing import Any

from pmemobj._containers.base import Persistent
from pmemobj._format import ABSENT, DICT_DELETED, DICT_TABLE, DICT_USED, ENTRY_KEY, ENTRY_VALUE, TABLE_ENTRIES, WORD
from pmemobj._hashtable.entries import count_live
from pmemobj._values.words import decode

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

if not cython.compiled:  # Compiled, it comes from the .pxd, since it is a C function.
    from pmemobj._engine.consistent_reads import read_optimistically

#: A count of live entries that no container has.
_NEVER = 0xFFFFFFFFFFFFFFFF


class Walk:
    """An iterator over a container, in the order of insertion or in the opposite order.

    Args:
        owner: The dict or set.
        width: The size of its entries.
        field: `ENTRY_KEY` or `ENTRY_VALUE`, or 0 for pairs of both.
        direction: 1, or -1 for the opposite order.
        noun: The name of the container in messages.
    """

    def __init__(self, owner: Persistent, width: int, field: int, direction: int, noun: str) -> None:
        heap = owner._p_heap
        self._owner, self._width, self._field, self._direction, self._noun = owner, width, field, direction, noun
        # All of them are read at once, since another thread may be changing them.
        deleted, used, table = heap.read_words(owner._p_offset + DICT_DELETED, (DICT_TABLE - DICT_DELETED) // WORD + 1)
        self._live = self._left = used - deleted if deleted <= used else used
        self._table = table
        self._number = 0 if direction > 0 else used - 1
        self._ended = False

    def __iter__(self) -> Walk:
        return self

    def __length_hint__(self) -> int:
        unchanged = not self._ended and count_live(self._owner._p_heap, self._owner._p_offset) == self._live
        return self._left if unchanged else 0

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        self._number_before, self._left_before, self._live_before = self._number, self._left, self._live
        found = read_optimistically(self._owner._p_heap, self._owner, _read_next, self, None, 0)
        if self._ended:
            raise StopIteration
        return found

    def _next(self) -> Any:
        """The next item. At the end it returns None and notes that this was the end."""
        if self._ended:
            return None
        heap = self._owner._p_heap
        offset = self._owner._p_offset
        if count_live(heap, offset) != self._live:
            self._live = _NEVER  # From now on every call raises, as with dict.
            raise RuntimeError(f"{self._noun} changed size during iteration")
        if heap.peek(offset + DICT_TABLE) != self._table:
            raise RuntimeError(f"{self._noun} keys changed during iteration")
        used = heap.peek(offset + DICT_USED)
        while 0 <= self._number < used:
            entry = self._table + TABLE_ENTRIES + self._width * self._number
            self._number += self._direction
            key_word = heap.peek(entry + ENTRY_KEY)
            if key_word != ABSENT:
                if self._left == 0:
                    raise RuntimeError(f"{self._noun} keys changed during iteration")
                self._left -= 1
                if self._field == ENTRY_KEY:
                    return decode(heap, key_word)
                value = decode(heap, heap.peek(entry + ENTRY_VALUE))
                return value if self._field == ENTRY_VALUE else (decode(heap, key_word), value)
        self._ended = True
        return None


def _read_next(_owner: Any, one: Any, _two: Any, _number: int) -> Any:
    """The next item of the iterator `one`, from the state in which the step began: the read may run more than once."""
    walk: Walk = one
    walk._number, walk._left, walk._live = walk._number_before, walk._left_before, walk._live_before
    walk._ended = False
    return walk._next()
