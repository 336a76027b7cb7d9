"""libpmemobj's lanes as they lie in the file: whether libpmemobj can read its own logs without harm.

A lane holds the logs of one thread at a time: two redo logs and an undo log, each a header and its entries
(`_format`). At open libpmemobj reads all logs, and follows some fields unchecked: the size of the first entry
of an undo log, and at the first commit the continuation of a log. So this module checks the logs before each open.

The lanes are mapped, since they lie close together: three megabytes, of which a few words in each page are needed.
A continuation may lie anywhere in the heap, and is read word by word.
"""

from __future__ import annotations

from array import array
from typing import Any

from pmemobj._format import (
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_INTERNAL,
    ALLOCATION_SIZE_MASK,
    ENTRY_CHECKSUM,
    ENTRY_DATA,
    ENTRY_KIND_SHIFT,
    ENTRY_LENGTH,
    ENTRY_OF_BYTES,
    LANE_LOGS,
    LANE_SIZE,
    LOG_CAPACITY,
    LOG_GENERATION,
    LOG_HEADER_SIZE,
    LOG_NEXT,
    POOL_HEADER_SIZE,
    POOL_LANE_COUNT,
    POOL_LANES_OFFSET,
    WORD,
    fletcher64,
)
from pmemobj._pmdk.file_words import FileWords

_MOST = 1024
#: More continuations than a log ever has; following a circle of them would never end.
_MAX_CONTINUATIONS = 10_000
_CACHE_LINE = 64
#: Words from one lane to the next, and from its beginning to its logs; how many bytes of entries the undo log has.
_STRIDE = LANE_SIZE // WORD
_FIRST_REDO, _SECOND_REDO, _UNDO = (log // WORD for log, _ in LANE_LOGS)
_UNDO_CAPACITY = LANE_LOGS[-1][1]
#: In words, from the beginning of a log, and of the first entry in it.
_NEXT, _CAPACITY, _GENERATION = LOG_NEXT // WORD, LOG_CAPACITY // WORD, LOG_GENERATION // WORD
_ENTRY = LOG_HEADER_SIZE // WORD
_LENGTH = _ENTRY + ENTRY_LENGTH // WORD

#: The words of a file from its beginning to the end of the lanes, or further.
Words = Any


def misplaced(words: FileWords) -> str:
    """What is wrong with the position of the lanes that the header states; an empty text if it is right."""
    count = words[POOL_LANE_COUNT // WORD]
    if words[POOL_LANES_OFFSET // WORD] != POOL_HEADER_SIZE or not 0 < count <= _MOST:
        return "libpmemobj's logs are not where they should be"
    if WORD * len(words) < end(words):
        return "the file ends within libpmemobj's logs"
    return ""


def end(words: FileWords) -> int:
    """Where the lanes end, in bytes from the beginning of the file."""
    return words[POOL_LANES_OFFSET // WORD] + words[POOL_LANE_COUNT // WORD] * LANE_SIZE


def damage(lanes: Words, words: FileWords) -> str:
    """What is in the lanes that libpmemobj never writes, not even in a pool that was not closed; or an empty text.

    A log that had continuations is left with a header of zeros. Only entries of bytes have a checksum; an entry of
    another kind would be carried out by libpmemobj unchecked, and write to any address.

    Args:
        lanes: The words of the file up to the end of the lanes, after `misplaced` has found nothing wrong.
        words: All words of the file.
    """
    found = _damage(lanes, lanes[POOL_LANE_COUNT // WORD])
    if isinstance(found, str):
        return found
    if not all(_continues_well(words, follower) for follower in found):
        return "a log of libpmemobj is continued where nothing can be"
    return ""


def _damage(lanes: Words, count: int) -> str | set[int]:
    """What is wrong in the lanes themselves; if nothing is wrong, the offsets of the continuations of logs."""
    followers = set()
    for lane in range(count):
        first = POOL_HEADER_SIZE // WORD + _STRIDE * lane
        undo = first + _UNDO
        if lanes[undo + _NEXT]:
            followers.add(lanes[undo + _NEXT])
        if lanes[first + _FIRST_REDO + _NEXT]:
            followers.add(lanes[first + _FIRST_REDO + _NEXT])
        if lanes[first + _SECOND_REDO + _NEXT]:
            followers.add(lanes[first + _SECOND_REDO + _NEXT])
        # Redo logs may have any capacity, since they are written with that of the copy in RAM that they are
        # made of; libpmemobj carries out only those whose checksum is right.
        capacity = lanes[undo + _CAPACITY]
        if capacity and capacity != _UNDO_CAPACITY:
            return "an undo log of libpmemobj has a size that is none"
        target = lanes[undo + _ENTRY]
        if target:
            if lanes[undo + _LENGTH] > _UNDO_CAPACITY:
                return "an undo log of libpmemobj has an entry longer than itself"
            if target >> ENTRY_KIND_SHIFT != ENTRY_OF_BYTES:
                return "an undo log of libpmemobj begins with an entry of a kind that it never has"
    return followers


def unfinished(lanes: Words) -> str:
    """What libpmemobj would undo, though it must undo nothing in a pool that was closed; or an empty text.

    The entries of a finished log stay in it; they are void because their checksums belong to an earlier
    generation of the log. To be called only if `damage` has found nothing.
    """
    for header in _begun(lanes, lanes[POOL_LANE_COUNT // WORD]):
        entry = header + _ENTRY
        size = (ENTRY_DATA + lanes[entry + ENTRY_LENGTH // WORD] + _CACHE_LINE - 1) & -_CACHE_LINE
        content = array("Q", lanes[entry : entry + size // WORD])
        checksum, content[ENTRY_CHECKSUM // WORD] = content[ENTRY_CHECKSUM // WORD], 0
        content.append(lanes[header + _GENERATION])
        if size <= _UNDO_CAPACITY and checksum == fletcher64(content.tobytes()):
            return "it was closed, but an undo log of libpmemobj has something to undo"
    return ""


def _begun(lanes: Words, count: int) -> list[int]:
    """Where each undo log begins that has an entry."""
    found = []
    for lane in range(count):
        undo = POOL_HEADER_SIZE // WORD + _STRIDE * lane + _UNDO
        if lanes[undo + _ENTRY]:
            found.append(undo)
    return found


def has_long_logs(lanes: Words) -> bool:
    """Whether libpmemobj has kept a continuation of an undo log."""
    first = POOL_HEADER_SIZE // WORD + _UNDO + _NEXT
    return any(lanes[first : first + _STRIDE * lanes[POOL_LANE_COUNT // WORD] : _STRIDE])


def _continues_well(words: FileWords, offset: int) -> bool:
    """Whether the continuation of a log at `offset`, and each further continuation, is an allocation for logs.

    The log itself begins at the next cache line in it.
    """
    size = WORD * len(words)
    for _ in range(_MAX_CONTINUATIONS):
        log = (offset + _CACHE_LINE - 1) & -_CACHE_LINE
        if offset % WORD or not POOL_HEADER_SIZE <= offset <= log <= size - LOG_HEADER_SIZE:
            return False
        allocation = words[(offset - ALLOCATION_HEADER_SIZE) // WORD]
        stop = offset - ALLOCATION_HEADER_SIZE + (allocation & ALLOCATION_SIZE_MASK)
        if not allocation & ALLOCATION_INTERNAL or stop > size:
            return False
        if not 0 < words[(log + LOG_CAPACITY) // WORD] <= stop - log - LOG_HEADER_SIZE:
            return False
        offset = words[(log + LOG_NEXT) // WORD]
        if not offset:
            return True
    return False
