"""libpmemobj's undo logs, read as they lie in a pool: what a roll-back or a recovery would put back.

Each lane has an undo log (`_format` has the numbers) of 2048 bytes, with continuations where these are not enough. Its
entries begin at cache lines, one behind the other::

    +0   8  the offset of the bytes; the kind of the entry in the highest bits
    +8   8  Fletcher's checksum of the entry (with zeros here) and of the generation in the header of its log
    +16  8  how many bytes
    +24     the bytes as they were

A commit increases the generation, which makes all entries void at once. So a reader finds entries that are right or
none, also while another thread writes to the log.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator

from pmemobj._format import (
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
    fletcher64,
)

#: A function that reads a number of bytes from an offset on; fewer where the pool ends.
Read = Callable[[int, int], bytes]

_CACHE_LINE = 64
_PLACE_MASK = (1 << ENTRY_KIND_SHIFT) - 1
_ENTRY = struct.Struct("<QQQ")
#: Where the undo log is in a lane, and how many bytes of entries it has.
LOG, CAPACITY = LANE_LOGS[-1]
#: More continuations than a log ever has; following a circle of them would never end.
_MAX_CONTINUATIONS = 1 << 16


class UndoLog:
    """What a roll-back of the running transaction would put back, to be asked word by word.

    Cost: proportional to what the transaction has logged.
    """

    def __init__(self, read: Read) -> None:
        found = sorted(all_entries(read), key=lambda entry: entry[0])
        self._starts = [place for place, _ in found]
        self._data = [data for _, data in found]

    def copy_of(self, offset: int) -> bytes | None:
        """The 8 bytes that were in a word before the transaction; None where it has not logged them."""
        at = bisect_right(self._starts, offset) - 1
        if at < 0:
            return None
        begin = offset - self._starts[at]
        copy = self._data[at][begin : begin + WORD]
        return copy if len(copy) == WORD else None


def all_entries(read: Read) -> Iterator[tuple[int, bytes]]:
    """The valid entries of all lanes: where the bytes were, and the bytes."""
    lanes, count = _word(read, POOL_LANES_OFFSET), _word(read, POOL_LANE_COUNT)
    first = (LOG + LOG_HEADER_SIZE) // WORD
    places = memoryview(read(lanes, LANE_SIZE * count)).cast("Q")[first :: LANE_SIZE // WORD]
    for lane, place in enumerate(places.tolist()):
        if place:
            yield from entries(read, lanes + LANE_SIZE * lane + LOG)


def entries(read: Read, log: int) -> Iterator[tuple[int, bytes]]:
    """The valid entries of the undo log at an offset, and of its continuations, in the order in which they were made.

    Args:
        read: What reads the pool.
        log: Where the log is.
    """
    capacity = CAPACITY
    for _ in range(_MAX_CONTINUATIONS):
        generation = _word(read, log + LOG_GENERATION)
        at, end = log + LOG_HEADER_SIZE, log + LOG_HEADER_SIZE + capacity
        while at + ENTRY_DATA <= end:
            place, checksum, size = _ENTRY.unpack(read(at, ENTRY_DATA).ljust(ENTRY_DATA, b"\0"))
            whole = _up(ENTRY_DATA + size)
            if not place or not size or at + whole > end:
                return
            entry = read(at, whole)
            if len(entry) < whole or checksum != _checksum(entry, generation):
                return
            yield place & _PLACE_MASK, entry[ENTRY_DATA : ENTRY_DATA + size]
            at += whole
        following = _word(read, log + LOG_NEXT)
        if not following:
            return
        log = _up(following)
        capacity = _word(read, log + LOG_CAPACITY)


def _word(read: Read, offset: int) -> int:
    return int.from_bytes(read(offset, WORD), "little")


def _up(size: int) -> int:
    return (size + _CACHE_LINE - 1) & -_CACHE_LINE


def _checksum(entry: bytes, generation: int) -> int:
    """The checksum of an entry, with zeros in place of the checksum, and of the generation of its log."""
    return fletcher64(entry[:WORD] + bytes(WORD) + entry[2 * WORD :] + generation.to_bytes(WORD, "little"))
