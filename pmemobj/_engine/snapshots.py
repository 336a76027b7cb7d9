"""Notes which words a transaction has snapshotted, so that none is snapshotted twice, and how much to take at once.

libpmemobj would notice by itself, but asking it costs more than a hundred times what a look here does.
A hash table has a record for each page of 4 KiB that was touched: its number, how often a snapshot was made in it, and
a bit for each of its 512 words.

Each range that is snapshotted is an entry of the undo log and a flush at commit. Where a program changes many words of
one page, it is cheaper to snapshot the page once (`SnapshotRanges.wants_page`).
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
#: A transaction snapshots this many words of arrays one by one, then the page of each further word: a transaction that
#: changes one word should not snapshot 4 KiB.
_FEW_SINGLES = 4
#: A program may change words that are far apart. So if this many more pages were snapshotted than words were found in
#: them later, a page is snapshotted only after this many snapshots in it.
_MOST_UNUSED_PAGES, _FEW_IN_PAGE = 32, 2


class SnapshotRanges:
    """What one transaction has snapshotted: a set of words, each known by its offset, a multiple of 8 as all sizes.

    Uncompiled, an interrupt may come between any two lines. Then the set may lack a word that was snapshotted,
    which costs another snapshot; it must never have a word that was not. So there is no way to
    empty a set: a transaction takes a new one, if this one `is_touched`.

    Attributes:
        is_used: Whether something may have been snapshotted.
        unused_pages: How many more pages were snapshotted than words that were found in them later.
    """

    __slots__ = ("_capacity", "_failed", "_memory", "_singles", "_tails", "_used", "_words", "is_used", "unused_pages")

    def __init__(self) -> None:
        self.is_used = False
        self.unused_pages = 0
        #: Beginning and end of each range that libpmemobj failed to snapshot; None without one.
        self._failed: list[tuple[int, int]] | None = None
        #: Where the part of an array begins that is not snapshotted, by the offset of the array; None without one.
        self._tails: dict[int, int] | None = None
        #: How many words were snapshotted one by one.
        self._singles = 0
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

    def is_touched(self) -> bool:
        """Whether this is no longer as a new one is."""
        return self.is_used or self._singles > 0 or self._tails is not None or self._failed is not None

    def wants_page(self, offset: int) -> bool:
        """Whether to snapshot the page of a word rather than the word, which is not snapshotted yet."""
        if self._singles < _FEW_SINGLES:
            self._singles += 1
            return False
        if self.unused_pages >= _MOST_UNUSED_PAGES and self.times(offset) < _FEW_IN_PAGE:
            return False
        self.unused_pages += 1
        return True

    def note_tail(self, array: int, offset: int) -> None:
        """From `offset` on, the places of an array mean nothing if the transaction is rolled back now."""
        if self._tails is None:
            self._tails = {}
        self._tails[array] = offset

    def tail(self, array: int, end: int) -> int:
        """Where the places of an array begin that mean nothing after a roll-back; `end` if none is known."""
        return end if self._tails is None else self._tails.get(array, end)

    def note_failure(self, offset: int, end: int) -> None:
        """libpmemobj failed to snapshot ``[offset, end)``, but takes it for snapshotted from now on."""
        if self._failed is None:
            self._failed = []
        self._failed.append((offset, end))

    def forget_failures(self) -> None:
        """libpmemobj has begun a new log."""
        self._failed = None

    def has_failed(self, offset: int, end: int) -> bool:
        """Whether libpmemobj failed to log some of ``[offset, end)``."""
        if self._failed is not None:
            for start, stop in self._failed:
                if start < end and offset < stop:
                    return True
        return False

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
