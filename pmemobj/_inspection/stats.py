"""What takes the space of a pool: sizes, objects by type, fragmentation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pmemobj._containers.base import kind_at
from pmemobj._engine.heap import Heap
from pmemobj._files.medium import Medium
from pmemobj._format import ALLOCATION_HEADER_SIZE, ALLOCATION_TYPE, CONTAINER_KINDS, TAG_LEAF
from pmemobj._objects.gc import REPORT_EVERY, reporter
from pmemobj._progress import Progress, demand_progress
from pmemobj._public_names import public_in
from pmemobj._values.words import is_leaf
from pmemobj.errors import PmemError

#: `PoolStats.density` divides the file into this many sections.
SECTIONS = 128


@dataclass(frozen=True, slots=True)
class TypeStats:
    """The objects of one type.

    Attributes:
        count: How many there are, garbage included.
        size: How many bytes of the pool they take, with their bodies and the values in them, but without the objects
            that they refer to.
    """

    count: int = 0
    size: int = 0


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class PoolStats:
    """What takes the space of a pool. All sizes are bytes, libpmemobj's headers included.

    Attributes:
        size: The size of the pool file.
        overhead: What libpmemobj keeps for itself: before the first allocation, and for logs.
        used: What is allocated, including the allocations of a running transaction, which `types` does not count yet.
        free: What can be allocated; the largest free piece may be much smaller.
        types: The objects by the name of their type, those that take most space first. What belongs to no object (the
            root's own value, damaged objects) is counted as "other".
        fragmentation: Between 0 and 1, the fraction of the unallocated bytes that lies between allocations and not
            behind the last one, so that only allocations that fit can use it.
        medium: The kind of memory that the file is on.
        heap_start: Where the first allocation can begin; what lies before is overhead.
        density: For each of 128 equal sections of the file, in order, which fraction of it is allocated: 0 to 1.
    """

    size: int
    overhead: int
    used: int
    free: int
    types: dict[str, TypeStats]
    fragmentation: float
    medium: Medium
    heap_start: int = 0
    density: tuple[float, ...] = ()

    def __str__(self) -> str:
        rows = [("", "count", "bytes"), *((name, one.count, one.size) for name, one in self.types.items())]
        table = "\n".join(f"{name:30} {count!s:>10} {size!s:>14}" for name, count, size in rows)
        return (
            f"{self.size} bytes on {self.medium.short}: {self.used} used, {self.free} free "
            f"({self.fragmentation:.0%} of it between allocations)\n{table}"
        )


def measure(heap: Heap, medium: Medium, progress: Progress | None = None) -> PoolStats:
    """Measure every allocation of an open pool, while no other thread can change it.

    Args:
        heap: The pool.
        medium: The kind of memory that its file is on.
        progress: Called now and then; an exception from it ends the measuring.
    """
    demand_progress(f"measure {heap.name}", progress)
    with heap.lock:
        heap.read(heap.root_offset)
        tell = None if heap.in_transaction() else reporter(heap, progress, "measuring")
        offsets = heap.offsets()
        used, free = heap.used_size(), heap.free_size()
        last = max((offset - ALLOCATION_HEADER_SIZE + heap.allocation_size(offset) for offset in offsets), default=0)
        types: dict[str, TypeStats] = defaultdict(TypeStats)
        section = -(-heap.limit // SECTIONS)
        taken = [0] * SECTIONS
        for done, offset in enumerate(offsets):
            if tell is not None and done % REPORT_EVERY == 0:
                tell(done)
            _spread(taken, section, offset - ALLOCATION_HEADER_SIZE, heap.allocation_size(offset))
            if heap.read(offset - ALLOCATION_TYPE) in CONTAINER_KINDS:
                name, size = _object(heap, offset)
                types[name] = TypeStats(types[name].count + 1, types[name].size + size)
        if tell is not None:
            tell(len(offsets))
    rest = used - sum(one.size for one in types.values())
    if rest:
        types["other"] = TypeStats(0, rest)
    begin = heap.root_offset & ~0xFFF
    unused = heap.limit - begin - used
    behind = heap.limit - max(last, begin)
    fragmentation = max(0.0, 1 - behind / unused) if unused else 0.0
    by_size = dict(sorted(types.items(), key=lambda item: -item[1].size))
    density = tuple(min(1.0, size / section) for size in taken)
    return PoolStats(heap.limit, heap.limit - used - free, used, free, by_size, fragmentation, medium, begin, density)


def _spread(taken: list[int], section: int, start: int, size: int) -> None:
    """Count the bytes of an allocation in the sections of the file that it lies in."""
    end = start + size
    while start < end:
        number = start // section
        stop = min(end, (number + 1) * section)
        taken[number] += stop - start
        start = stop


def _object(heap: Heap, offset: int) -> tuple[str, int]:
    """The type of an object, and its size in bytes with everything that belongs to it."""
    try:
        walker = kind_at(heap, offset)
        allocations = [offset, *walker._p_bodies(heap, offset)]
        allocations += [word ^ TAG_LEAF for word in walker._p_words(heap, offset) if is_leaf(word)]
        return walker._p_type_name(heap, offset), sum(map(heap.allocation_size, allocations))
    except PmemError:
        return "other", 0
