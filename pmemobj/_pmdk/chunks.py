"""libpmemobj's heap, read as it lies in the file: which allocations there are.

libpmemobj follows its own bookkeeping unchecked: a size of 0 in it makes `pmemobj_next` run for
ever, another number makes the process die. So this module reads it and checks every number: for
callers that need all allocations, and before a pool is opened. The layout has been the same
since libpmemobj 1.6 (heap layout 1.0), and its version stands in its header::

    heap header    1024 bytes: +0 signature, +16 major, +24 minor version; +40 chunk size
    zones          each at most 16 GiB: a header, 65528 chunk headers, the chunks
      zone header  64 bytes: +0 magic (4 bytes), +4 number of chunks (4 bytes)
      chunk header 8 bytes: type (2 bytes), flags (2 bytes), number of chunks (4 bytes)
      chunk        256 KiB; a chunk header of n stands for n chunks: free, one allocation, or a run
      footer       the last of the n headers that belong to a free area or an allocation: type 1, number of chunks
    run            +0 unit size, +8 alignment, +16 a bit for each unit (1: in use), then the units
    allocation     +0 size with this header (48 bits; the rest are flags), +8 type number, +16 contents

Only heaps as this package makes them are understood: allocations have the header above, runs have
no alignment and the shortest bitmap that is possible.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from pmemobj._format import (
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_INTERNAL,
    ALLOCATION_SIZE_MASK,
    POOL_HEAP_OFFSET,
    WORD,
)

_SIGNATURE = int.from_bytes(b"MEMORY_H", "little")
_VERSION = 16
_HEAP_HEADER_SIZE = 1024
_MAX_CHUNKS = 65528
_ZONE_HEADER_SIZE = 64
_ZONE_MAGIC = 0xC3F0A2D2
CHUNK_SIZE = 256 * 1024
_CHUNKS_AT = _ZONE_HEADER_SIZE + WORD * _MAX_CHUNKS
_ZONE_SIZE = _CHUNKS_AT + CHUNK_SIZE * _MAX_CHUNKS
_FOOTER, _FREE, _USED, _RUN = 1, 2, 3, 4
_COMPACT, _FLEXIBLE = 1, 8
_RUN_HEADER_SIZE = 16
_BITS = 64
_CACHE_LINE = 64

Words = Any


class HeapDamage(Exception):
    """libpmemobj's bookkeeping contradicts itself; the text says how and where."""


def verify_headers(words: Words) -> None:
    """Check the headers of the heap, its zones and its chunks, but not the contents of the chunks.

    Args:
        words: The pool as 64-bit words.

    Raises:
        HeapDamage: the bookkeeping contradicts itself.

    Cost: little; the headers of all chunks lie side by side.
    """
    for first, heads in _zones(words):
        _verify_heads(heads, first)


def verify(words: Words) -> None:
    """Check every run, too, but not single allocations.

    Raises:
        HeapDamage: the bookkeeping contradicts itself.

    Cost: a few microseconds for each 256 KiB.
    """
    for at, kind, count in _chunks(words):
        if kind == _RUN:
            _units(words, at, count)


def has_free_row(words: Words, count: int) -> bool:
    """Whether `count` chunks side by side are free.

    Raises:
        HeapDamage: the bookkeeping contradicts itself.
    """
    return any(kind == _FREE and length >= count for _, kind, length in _chunks(words))


def footers(words: Words) -> list[tuple[int, int]]:
    """The offset of every footer, and a word that may stand there; libpmemobj only reads the upper half, the number.

    When libpmemobj frees chunks, it looks at the word before their header, and takes it for the footer of a free area,
    which it joins to them. It stores footers and never flushes them. So after a power cut, or wherever only what was
    flushed is kept, there may be an old word instead; then libpmemobj believes an area to be free that is in use, and
    allocates it again (versions 1.12 to 2.1 write the footers of allocations anew when they open a pool, but not those
    of free areas). So whoever keeps only what was flushed has to see to the footers.

    Raises:
        HeapDamage: the bookkeeping contradicts itself.

    Cost: little; the headers of all chunks lie side by side.
    """
    found = []
    for first, heads in _zones(words):
        at = first - _CHUNKS_AT + _ZONE_HEADER_SIZE
        chunk, total = 0, len(heads)
        while chunk < total:
            count = _length(heads[chunk], chunk, total, first)
            chunk += count
            if count > 1 and heads[chunk - count] & 0xFFFF != _RUN:
                found.append((at + WORD * (chunk - 1), count << 32 | _FOOTER))
    return found


def offsets(words: Words) -> array[int]:
    """The offset of every allocation but libpmemobj's own, in ascending order.

    Raises:
        HeapDamage: the bookkeeping contradicts itself.
    """
    found = array("Q")
    for at, kind, count in _chunks(words):
        if kind == _USED:
            _note(words, at, CHUNK_SIZE * count, found)
        elif kind == _RUN:
            unit, number, first = _units(words, at, count)
            _note_units(words, at, unit, number, first, found)
    return found


def allocations(words: Words) -> list[tuple[int, int, int]]:
    """As `offsets`, with the usable size (bytes) and the type number of each."""
    return [
        (
            offset,
            (words[(offset >> 3) - 2] & ALLOCATION_SIZE_MASK) - ALLOCATION_HEADER_SIZE,
            words[(offset >> 3) - 1],
        )
        for offset in offsets(words)
    ]


def _chunks(words: Words) -> Iterator[tuple[int, int, int]]:
    """Offset, type and length (in chunks) of every free area, allocation of whole chunks, and run."""
    for first, heads in _zones(words):
        chunk, total = 0, len(heads)
        while chunk < total:
            count = _length(heads[chunk], chunk, total, first)
            yield first + CHUNK_SIZE * chunk, heads[chunk] & 0xFFFF, count
            chunk += count


def _zones(words: Words) -> Iterator[tuple[int, Any]]:
    """For every zone, the offset of its first chunk, and the headers of its chunks as words."""
    limit = WORD * len(words)
    heap = words[POOL_HEAP_OFFSET >> 3]
    if heap % WORD or heap + _HEAP_HEADER_SIZE + _CHUNKS_AT + CHUNK_SIZE > limit or words[heap >> 3] != _SIGNATURE:
        raise HeapDamage("libpmemobj's heap is not where the header says")
    if words[(heap + _VERSION) >> 3] != 1:
        raise HeapDamage(f"libpmemobj's heap has version {words[(heap + _VERSION) >> 3]}")
    for zone in range(heap + _HEAP_HEADER_SIZE, limit - _CHUNKS_AT - CHUNK_SIZE + 1, _ZONE_SIZE):
        magic, total = words[zone >> 3] & 0xFFFFFFFF, words[zone >> 3] >> 32
        if not magic and not total and zone > heap + _HEAP_HEADER_SIZE:
            return  # this zone is not in use yet, so no later zone is
        if magic != _ZONE_MAGIC or not 0 < total <= _MAX_CHUNKS or zone + _CHUNKS_AT + CHUNK_SIZE * total > limit:
            raise HeapDamage(f"the header of the zone at {zone:#x} is wrong")
        heads = zone + _ZONE_HEADER_SIZE >> 3
        yield zone + _CHUNKS_AT, words[heads : heads + total]


def _verify_heads(heads: Words, first: int) -> None:
    chunk, total = 0, len(heads)
    while chunk < total:
        chunk += _length(heads[chunk], chunk, total, first)


def _length(head: int, chunk: int, total: int, first: int) -> int:
    """How many chunks a chunk header stands for.

    Args:
        head: The header.
        chunk: Its number in the zone.
        total: How many chunks the zone has.
        first: The offset of the first chunk of the zone.
    """
    kind, flags, count = head & 0xFFFF, head >> 16 & 0xFFFF, head >> 32
    if kind not in (_FREE, _USED, _RUN) or not 0 < count <= total - chunk:
        raise HeapDamage(f"the header of chunk {chunk} of the zone at {first - _CHUNKS_AT:#x} is wrong")
    # The layout at the top of this module needs these flags.
    needed = _COMPACT | _FLEXIBLE if kind == _RUN else _COMPACT if kind == _USED else 0
    if flags & needed != needed:
        raise HeapDamage(f"chunk {chunk} of the zone at {first - _CHUNKS_AT:#x} has flags {flags:#x}")
    return count


def _units(words: Words, at: int, count: int) -> tuple[int, int, int]:
    """Unit size, number of units and offset of the first unit of a run."""
    unit, alignment = words[at >> 3], words[(at >> 3) + 1]
    content = CHUNK_SIZE * count - _RUN_HEADER_SIZE
    if unit % 16 or not 16 <= unit <= content or alignment:
        raise HeapDamage(f"the run at {at:#x} has units of {unit} bytes")
    values = -(-(content // unit) // _BITS)
    # The units begin at a cache line.
    line = _CACHE_LINE // WORD
    values = -(-(values + 2) // line) * line - 2
    return unit, (content - WORD * values) // unit, at + _RUN_HEADER_SIZE + WORD * values


def _note_units(words: Words, at: int, unit: int, number: int, first: int, found: array[int]) -> None:
    """Note the allocations in a run; one may take several units."""
    bitmap = (at + _RUN_HEADER_SIZE) >> 3
    index = 0
    while index < number:
        bits = words[bitmap + (index >> 6)] >> (index & 63)
        if bits == 0:
            index = (index | 63) + 1
        elif bits & 1:
            # An allocation ends where its word of the bitmap ends, at the latest, or the run.
            room = unit * min(_BITS - (index & 63), number - index)
            size = _note(words, first + unit * index, room, found)
            index += (size + unit - 1) // unit
        else:
            index += 1


def _note(words: Words, place: int, room: int, found: array[int]) -> int:
    """Note the allocation whose header is at `place`, and return its size (bytes, header included)."""
    head: int = words[place >> 3]
    size = head & ALLOCATION_SIZE_MASK
    if not ALLOCATION_HEADER_SIZE <= size <= room:
        raise HeapDamage(f"the allocation at {place + ALLOCATION_HEADER_SIZE:#x} has a size of {size} bytes")
    if not head & ALLOCATION_INTERNAL:
        found.append(place + ALLOCATION_HEADER_SIZE)
    return size
