"""The sizes that allocations have: the size classes that a pool declares to libpmemobj, and what follows from them.

libpmemobj's own smallest size is 128 bytes, more than a short leaf needs, and it takes larger sizes out of runs of up
to 16 chunks, so that a few allocations fill a small pool. Our size classes go by small steps up to 128
bytes, then a chunk is divided by 1, 2, 3, 4, 6, 8, 12 and so on, then come whole chunks.

All sizes are bytes. Nothing here needs a pool. It is also decided here when an area has become too large for what is in
it.
"""

from __future__ import annotations

from bisect import bisect_left

from pmemobj._format import ALIGNMENT, ALLOCATION_HEADER_SIZE

#: libpmemobj divides its heap into pieces of this size; each serves allocations of one class.
CHUNK = 256 * 1024
#: What libpmemobj takes at most of a run of units for its own header and bitmap.
RUN_OVERHEAD = 2048


def _part_of_chunk(count: int) -> int:
    """The size of `count` units, or of one unit more, that share a chunk.

    libpmemobj 1.12 finds no free unit in a run that has exactly 64 of them, or a multiple of 64.
    """
    if count % 64 == 0:
        count += 1
    return ((CHUNK - RUN_OVERHEAD) // count) & ~(ALIGNMENT - 1)


#: The sizes of the classes, libpmemobj's header included, ascending; an allocation takes the next larger one.
UNITS: list[int] = sorted(
    {
        *range(32, 129, 16),
        *(_part_of_chunk(part << shift) for shift in range(10) for part in (2, 3)),
        *(count * CHUNK - RUN_OVERHEAD for count in (1, 2, 3, 4, 5, 6, 8, 10)),
    }
)
SIZES = frozenset(UNITS)
#: Sizes of libpmemobj's own classes are multiples of this.
BUILTIN_UNIT = 128
#: The size of the pieces by which an undo log gets longer, as allocations: eight in a chunk. libpmemobj chooses
#: the class that fits best, so the pieces fit exactly (cache lines and one header). No value has this size.
LOG_UNIT = 507 * 64 + ALLOCATION_HEADER_SIZE
#: libpmemobj adds this to the size of a piece that it is told.
LOG_OVERHEAD = 192 + ALLOCATION_HEADER_SIZE
LOGS_IN_CHUNK = 8
#: One chunk in so many is set aside for logs, and never more than the second number.
_LOG_SHARE = 8
_MOST_LOG_CHUNKS = 16
#: How often a sparse area is to be moved, while it gets emptier, where there is no room for a smaller one.
_ATTEMPTS = 8


def units_in_run(unit: int) -> int:
    """How many units of a class libpmemobj should set aside together: those that fit into a chunk."""
    return max(1, (CHUNK - RUN_OVERHEAD) // unit)


def class_index(size: int) -> int:
    """The index in `UNITS` of the class for an allocation of `size` bytes; ``len(UNITS)`` if it is larger than any."""
    return bisect_left(UNITS, size + ALLOCATION_HEADER_SIZE)


def usable_size(size: int) -> int:
    """How many bytes an allocation of `size` bytes really has, for data that can grow into the rest."""
    index = class_index(size)
    if index < len(UNITS):
        return UNITS[index] - ALLOCATION_HEADER_SIZE
    return (size + ALLOCATION_HEADER_SIZE + CHUNK - 1) // CHUNK * CHUNK - ALLOCATION_HEADER_SIZE


def log_space(size: int) -> int:
    """How many bytes are set aside for logs in a pool that has `size` bytes for allocations."""
    chunks = max(1, min(size // (CHUNK * _LOG_SHARE), _MOST_LOG_CHUNKS))
    # The number of units must be no multiple of 64, as in `_part_of_chunk`.
    return CHUNK * (chunks - (chunks * LOGS_IN_CHUNK % 64 == 0))


def has_become_sparse(before: int, live: int, capacity: int, sparse: int) -> bool:
    """Whether it is time to move what is left in an area to a smaller one.

    That may fail in a full pool. So it is not tried with each deletion from then on, but a few times on the way down.

    Args:
        before: How many places were live.
        live: How many are.
        capacity: How many places there are.
        sparse: The area is sparse if one in so many of its places is live.
    """
    if live * sparse >= capacity:
        return False
    step = max(capacity // (_ATTEMPTS * sparse), 1)
    return before * sparse >= capacity or before // step != live // step
