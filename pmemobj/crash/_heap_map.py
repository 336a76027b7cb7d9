"""Which bytes of a pool mean something after recovery, so that memories with the same meaning are examined once.

Nobody reads the bytes of free memory: they are written before they are read. What means something in libpmemobj's
heap is its headers (before the first chunk), the header and bitmap at the beginning of each run, and the allocations.
"""

from __future__ import annotations

from bisect import bisect_right

from pmemobj._engine.size_classes import CHUNK
from pmemobj._format import (
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_SIZE_MASK,
    POOL_HEAP_OFFSET,
    POOL_ROOT_OFFSET,
    ROOT_SIZE,
    WORD,
)
from pmemobj._pmdk import chunks

_PAGE = 4096
#: The distance from the beginning of the heap to the headers of its chunks, behind the headers of the heap and of the
#: zone; and to the first chunk.
_TO_HEADERS = 1024 + 64
_TO_CHUNKS = _TO_HEADERS + 65528 * WORD
#: The header of a run; its bitmap follows. The smallest unit determines how long the bitmap can be.
_RUN_HEADER, _SMALLEST_UNIT = 16, 32
_BITMAP_WORDS = 38
#: The type of a chunk is in the lowest bits of its header. Only a run has a bitmap.
_KIND_MASK, _RUN = 0xFFFF, 4
#: A second zone would begin here; of pools that have one, every byte counts.
_ONE_ZONE = 65528 * CHUNK


def first_chunk(heap: int) -> int:
    """Where the first chunk lies, given where the heap begins."""
    return heap + _TO_CHUNKS


class HeapMap:
    """The map of one memory, given as words; in a heap that cannot be read, every byte means something."""

    def __init__(self, words: memoryview, size: int) -> None:
        heap = words[POOL_HEAP_OFFSET // WORD]
        self._headers = heap + _TO_HEADERS
        self._chunks = heap + _TO_CHUNKS
        root = words[POOL_ROOT_OFFSET // WORD]
        self._ranges = [(root, root + ROOT_SIZE)]
        self._readable = size < _ONE_ZONE
        self._words = words
        try:
            for offset in chunks.offsets(words):
                start = offset - ALLOCATION_HEADER_SIZE
                self._ranges.append((start, start + (words[start // WORD] & ALLOCATION_SIZE_MASK)))
        except chunks.HeapDamage:
            self._readable = False
        self._ranges.sort()
        self._starts = [start for start, _ in self._ranges]

    def meaningful(self, page: int, content: bytes) -> bytes:
        """The bytes of a page, with zeros in place of those that mean nothing."""
        if not self._readable or page + _PAGE <= self._chunks:
            return content
        masked = bytearray(len(content))
        for start, end in self._ranges_in(page):
            start, end = max(start - page, 0), min(end - page, _PAGE)
            if start < end:
                masked[start:end] = content[start:end]
        return bytes(masked)

    def _ranges_in(self, page: int) -> list[tuple[int, int]]:
        """The ranges of bytes in and around a page that mean something."""
        found = [(page, self._chunks)] if page < self._chunks else []
        first = bisect_right(self._starts, page) - 1
        last = bisect_right(self._starts, page + _PAGE)
        found += self._ranges[max(first, 0) : last]
        for chunk in {at - (at - self._chunks) % CHUNK for at in (page, page + _PAGE - 1)}:
            header = self._headers + (chunk - self._chunks) // CHUNK * WORD
            if chunk < self._chunks or self._words[header // WORD] & _KIND_MASK != _RUN:
                continue
            unit = self._words[chunk // WORD] or _SMALLEST_UNIT
            bitmap = max(_BITMAP_WORDS, -(-CHUNK // max(unit, _SMALLEST_UNIT) // 64)) * WORD
            found.append((chunk, chunk + _RUN_HEADER + bitmap))
        return found
