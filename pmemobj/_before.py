"""The pool as it was when the running transaction began: what its roll-back would make of it.

Everything that a transaction changes in live memory is in libpmemobj's undo log first. So the state before
it is that of now, with the entries of the log put back into a private copy of the pool's file, which takes
memory for the pages that differ and for no others. Nothing of the pool itself is touched.

The log is a chain: first the one in the transaction's lane (see `_layout`), then continuations,
which are allocations. It ends at the first entry whose checksum does not fit the generation of the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from pmemobj import _file, _lib
from pmemobj._base import resurrect
from pmemobj._classes import ClassTable
from pmemobj._heap import Heap
from pmemobj._layout import (
    ENTRY_CHECKSUM,
    ENTRY_DATA,
    ENTRY_KIND_SHIFT,
    LANE_LOGS,
    LANE_SIZE,
    LOG_CAPACITY,
    LOG_GENERATION,
    LOG_HEADER_SIZE,
    LOG_NEXT,
    POOL_LANE_COUNT,
    POOL_LANES_OFFSET,
    WORD,
)
from pmemobj.errors import PmemError, PoolDamagedError

if TYPE_CHECKING:
    from pmemobj.pool import PersistentObjectPool

__all__ = ["Entry", "as_before", "entries"]

_CACHE_LINE = 64
_PLACE = (1 << ENTRY_KIND_SHIFT) - 1
#: Bytes of a log that are looked at: to verify them takes 50 ms or so. A longer one is not told of.
_LONGEST = 1 << 20
#: Bytes of a pool in a sandbox that are copied; its changes are in no file.
_LARGEST_COPY = 1 << 28


class Entry(NamedTuple):
    """What a roll-back would put back: bytes, and where they were."""

    offset: int
    data: bytes


def entries(heap: Heap) -> list[Entry] | None:
    """The undo log of the transaction that this thread has open on a pool, the oldest entry first.

    Returns:
        None where the log is too long to be read in a moment, or where there is no transaction.
    """
    if not heap.in_transaction():
        return None
    found: list[Entry] = []
    budget = _LONGEST
    lanes, count = heap.read(POOL_LANES_OFFSET), heap.read(POOL_LANE_COUNT)
    log, capacity = LANE_LOGS[-1]
    for lane in range(lanes + log, lanes + log + LANE_SIZE * count, LANE_SIZE):
        if not heap.read(lane + LOG_HEADER_SIZE):
            continue
        generation = heap.read(lane + LOG_GENERATION)
        at, size = lane, capacity
        while _read(heap, at + LOG_HEADER_SIZE, size, generation, found):
            budget -= size
            at = (heap.read(at + LOG_NEXT) + _CACHE_LINE - 1) & -_CACHE_LINE
            if not at:
                break
            size = heap.read(at + LOG_CAPACITY)
            if size > budget:
                return None
    return found


def _read(heap: Heap, at: int, size: int, generation: int, found: list[Entry]) -> bool:
    """Read the entries of one log, or of a continuation; whether all of it is in use."""
    end = at + size
    while at < end:
        place, checksum, length = heap.read_words(at, 3)
        whole = (ENTRY_DATA + length + _CACHE_LINE - 1) & -_CACHE_LINE
        if not place or not length or whole > end - at:
            return False
        words = heap.read_words(at, whole // WORD)
        words[ENTRY_CHECKSUM // WORD] = 0
        if checksum != _file.fletcher64([*words, generation]):
            return False
        found.append(Entry(place & _PLACE, heap.read_bytes(at + ENTRY_DATA, length)))
        at += whole
    return True


@contextmanager
def as_before(pool: PersistentObjectPool) -> Iterator[Heap | None]:
    """The pool as it was when the running transaction began, to be read; None where that cannot be told."""
    heap = pool._heap
    log = entries(heap)
    if log is None:
        yield None
        return
    past = Heap(heap.name)
    past.resurrect = resurrect
    with _private_copy(pool) as image:
        if image is None or any(entry.offset + len(entry.data) > len(image) for entry in log):
            yield None
            return
        for entry in log:
            image[entry.offset : entry.offset + len(entry.data)] = entry.data
        past.bind_image(image, heap.root_offset)
        with suppress(PoolDamagedError):
            past.types = ClassTable(past)
        try:
            yield past
        finally:
            past.unbind(_file.closed_error(heap.name))


@contextmanager
def _private_copy(pool: PersistentObjectPool) -> Iterator[memoryview | None]:
    heap = pool._heap
    if pool.sandbox:
        yield memoryview(bytearray(heap.read_bytes(0, heap.limit))) if heap.limit <= _LARGEST_COPY else None
        return
    try:
        files = _file.identify(pool._file).files
    except PmemError:  # it was moved away, say
        yield None
        return
    with _lib.files_in_a_row(files, private=True) as image:
        yield image
