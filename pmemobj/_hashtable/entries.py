"""The entries of a table as they lie in it: all of them, the live ones, how many, the last one, the next place."""

from __future__ import annotations

from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    DICT_DELETED,
    DICT_TABLE,
    DICT_USED,
    ENTRY_KEY,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    WORD,
)


def entry_words(heap: Heap, offset: int, width: int) -> list[int]:
    """The words of all used entries, those of the deleted ones included."""
    table = heap.peek(offset + DICT_TABLE)
    if not table:
        return []
    heap.peek(table)  # This refuses a wrong offset, with which the sum below might overflow a word.
    return heap.read_words(table + TABLE_ENTRIES, heap.read_count(offset + DICT_USED) * (width // WORD))


def live_words(heap: Heap, offset: int, width: int) -> list[int]:
    """The words of the live entries, in order."""
    words = entry_words(heap, offset, width)
    each = width // WORD
    if ABSENT not in words[1::each]:
        return words
    return [word for at in range(0, len(words), each) if words[at + 1] != ABSENT for word in words[at : at + each]]


def contents(heap: Heap, offset: int, width: int) -> list[int]:
    """The words of all keys and values; those of deleted entries are `ABSENT`."""
    words = entry_words(heap, offset, width)
    each = width // WORD
    return words[1::3] + words[2::3] if each == 3 else words[1::2]


def count_live(heap: Heap, offset: int) -> int:
    """How many entries are live.

    Raises:
        PoolDamagedError: the count is larger than the pool.
    """
    used = heap.read_count(offset + DICT_USED)
    deleted = heap.peek(offset + DICT_DELETED)
    return used - deleted if deleted <= used else used


def last_entry(heap: Heap, offset: int, width: int) -> int:
    """The offset of the last entry, or 0."""
    used = heap.peek(offset + DICT_USED)
    return heap.peek(offset + DICT_TABLE) + TABLE_ENTRIES + width * (used - 1) if used else 0


def next_place(heap: Heap, offset: int, width: int) -> int:
    """The offset of the place for the next entry; 0 if the table is full, or if the place has remains of an entry."""
    table = heap.peek(offset + DICT_TABLE)
    if not table:
        return 0
    used = heap.peek(offset + DICT_USED)
    entry = table + TABLE_ENTRIES + width * used
    if used >= heap.peek(table + TABLE_CAPACITY) or heap.peek(entry + ENTRY_KEY) != ABSENT:
        return 0
    return entry
