"""Which words a transaction has snapshotted already, so that none is handed to libpmemobj twice.

libpmemobj would notice by itself, but to ask it costs more than a hundred times what a look here
does. A hash table has a record for each page of 4 KiB that was touched: its number, how often a
snapshot was made in it, and a bit for each of its 512 words.
"""

from __future__ import annotations

from typing import Any

from pmemobj._format import WORD

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

PAGE = 4096

_PAGE_SHIFT = 9  # of word numbers
_PAGE_MASK = 511
#: Words of a record: the page's number plus 1 (0: no record), the count, the bits.
_RECORD = 10
_COUNT, _BITS = 1, 2
_ALL = 0xFFFFFFFFFFFFFFFF
_FEWEST = 8
_SPREAD = 0x9E3779B97F4A7C15


class SnapshotRanges:
    """A set of words, each known by its offset in bytes; offsets and sizes are multiples of 8.

    Uncompiled, an interrupt may come between any two lines. Then the set may lack what it should have,
    which costs another snapshot; it must never have what it should not. So there is no way to
    empty one: a transaction takes a new one, if this one `is_used`.
    """

    __slots__ = ("_capacity", "_memory", "_used", "_words", "is_used")

    def __init__(self) -> None:
        #: Whether something may have been added.
        self.is_used = False
        self._used = 0
        self._make(_FEWEST)

    def covers(self, offset: int, size: int) -> bool:
        """Whether all words of ``[offset, offset + size)`` are in the set."""
        table = self._table()
        word = offset >> 3
        end = (offset + size) >> 3
        while word < end:
            at = self._find(word >> _PAGE_SHIFT)
            if table[at] == 0:
                return False
            last = min(end, (word | _PAGE_MASK) + 1)
            while word < last:
                bit = word & 63
                take = min(64 - bit, last - word)
                bits = (_ALL >> (64 - take)) << bit
                if table[at + _BITS + ((word & _PAGE_MASK) >> 6)] & bits != bits:
                    return False
                word += take
        return True

    def add(self, offset: int, size: int) -> None:
        """Put the words of ``[offset, offset + size)`` into the set, once they are snapshotted."""
        self.is_used = True
        word = offset >> 3
        end = (offset + size) >> 3
        while word < end:
            at = self._find(word >> _PAGE_SHIFT)
            if self._table()[at] == 0:
                at = self._new_record(word >> _PAGE_SHIFT)
            table = self._table()
            table[at + _COUNT] += 1
            last = min(end, (word | _PAGE_MASK) + 1)
            while word < last:
                bit = word & 63
                take = min(64 - bit, last - word)
                table[at + _BITS + ((word & _PAGE_MASK) >> 6)] |= (_ALL >> (64 - take)) << bit
                word += take

    def times(self, offset: int) -> int:
        """How often something was added in the page of `offset`."""
        at = self._find(offset >> 3 >> _PAGE_SHIFT)
        table = self._table()
        return table[at + _COUNT] if table[at] else 0

    # ---- the table ----

    def _table(self) -> Any:
        """The records as words: compiled a pointer, else a view."""
        if cython.compiled:
            return cython.cast(cython.p_ulonglong, cython.cast(cython.p_char, self._memory))
        else:
            return self._words

    def _make(self, capacity: int) -> None:
        # In this order: with a capacity that is too small, a larger table is merely not used up.
        self._memory = bytearray(WORD * _RECORD * capacity)
        if not cython.compiled:
            self._words = memoryview(self._memory).cast("Q")
        self._capacity = capacity

    def _find(self, page: int) -> int:
        """Where the record of a page is, or where it would be."""
        table = self._table()
        mask = self._capacity - 1
        slot = (page * _SPREAD >> 32) & mask
        while table[slot * _RECORD] != 0 and table[slot * _RECORD] != page + 1:
            slot = (slot + 1) & mask
        return slot * _RECORD

    def _new_record(self, page: int) -> int:
        if 3 * self._used >= 2 * self._capacity:
            self._grow()
        at = self._find(page)
        self._table()[at] = page + 1
        self._used += 1
        return at

    def _grow(self) -> None:
        old = self._memory
        count = self._capacity
        self._make(2 * count)
        size = WORD * _RECORD
        for start in range(0, size * count, size):
            record = old[start : start + size]
            number = int.from_bytes(record[:WORD], "little")
            if number:
                at = self._find(number - 1) * WORD
                self._memory[at : at + size] = record
