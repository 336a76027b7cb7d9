"""Garbage collection: mark what can be reached, and sweep the rest.

No references are counted in a pool, so an object that lost its last reference stays until it is swept. Marking starts
at the root and the class table, at every live handle, since the program may still store that object somewhere, and at
memory that buffers show. A crash in the middle of a sweep does no harm: only garbage is freed, and what
remains of it stays garbage.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable

from pmemobj._containers.base import kind_at
from pmemobj._containers.invariants import demand_allocation, demand_words
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ALIGNMENT,
    ALL_KINDS,
    ALLOCATION_TYPE,
    CONTAINER_KINDS,
    KEYED_KINDS,
    ROOT_CLASSES,
    ROOT_VALUE,
    TAG_LEAF,
    TAG_MASK,
    WORD,
    Kind,
    kind_of,
)
from pmemobj._objects.blocks import Anchor, owner_of, words_of
from pmemobj._progress import Progress, demand_progress
from pmemobj.errors import PmemError, PoolDamagedError, PoolFullError, TransactionError

#: How many allocations one transaction frees: enough to share the cost of its commit, and few enough for its log.
_SWEEP_BATCH = 1000
#: How many objects are dealt with between two reports of progress.
REPORT_EVERY = 10_000

_BODY_NAMES = {
    Kind.LIST_ITEMS: "items",
    Kind.DEQUE_ITEMS: "items",
    Kind.DICT_TABLE: "table",
    Kind.OBJECT_SLOTS: "slots",
    Kind.BYTEARRAY_DATA: "data",
    Kind.ARRAY_DATA: "data",
    Kind.SET_TABLE: "table",
    Kind.BLOCK_WORDS: "block",
    Kind.BLOCK_BYTES: "block",
}


class Marks:
    """A set of offsets of allocations: one bit for every 16 bytes of the pool.

    Pages of it into which no offset falls are never touched, so it takes memory only for the parts of the pool that are
    used.
    """

    __slots__ = ("_bits", "_count", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bits = bytearray(limit // (8 * ALIGNMENT) + 1)
        self._count = 0

    def add(self, offset: int) -> bool:
        """Add an offset, and return whether it is new. An offset outside the pool is not added."""
        if offset >= self._limit:
            return False
        unit = offset // ALIGNMENT
        bit = 1 << (unit & 7)
        byte = self._bits[unit >> 3]
        if byte & bit:
            return False
        self._bits[unit >> 3] = byte | bit
        self._count += 1
        return True

    def __contains__(self, offset: int) -> bool:
        return offset < self._limit and self._bits[offset // (8 * ALIGNMENT)] >> (offset // ALIGNMENT & 7) & 1 == 1

    def __len__(self) -> int:
        return self._count


def root_words(heap: Heap) -> list[int]:
    """The words at which marking starts: the root, and the class table."""
    return [heap.read(heap.root_offset + ROOT_VALUE), heap.read(heap.root_offset + ROOT_CLASSES)]


def containers(heap: Heap, words: Iterable[int]) -> list[int]:
    """The offsets of all persistent objects that can be reached from `words`. It raises what `mark` raises."""
    found: list[int] = []
    mark(heap, words, containers=found)
    return found


def mark(
    heap: Heap,
    words: Iterable[int],
    reached: Marks | None = None,
    containers: list[int] | None = None,
    report: Callable[[int], None] | None = None,
) -> Marks:
    """The offsets of all allocations that can be reached from `words`.

    Args:
        heap: An open pool, or an image of one.
        words: The words at which to start.
        reached: What was reached before; offsets are added to it.
        containers: A list to which the persistent objects among them are appended. (They cannot be told by their
            headers afterwards: a body has no header, and its first word may look like one.)
        report: Called now and then with the number of allocations that were reached.

    Raises:
        PoolDamagedError: a word leads to no allocation.
    """
    marks = Marks(heap.limit) if reached is None else reached
    waiting: list[int] = []
    _mark_words(heap, words, marks, waiting)
    turns = 0
    while waiting:
        offset = waiting.pop()
        if containers is not None:
            containers.append(offset)
        walker = kind_at(heap, offset)
        for body in walker._p_bodies(heap, offset):
            marks.add(body)
        _mark_words(heap, walker._p_words(heap, offset), marks, waiting)
        turns += 1
        if report is not None and turns % REPORT_EVERY == 0:
            report(len(marks))
    return marks


def _mark_words(heap: Heap, words: Iterable[int], marks: Marks, waiting: list[int]) -> None:
    """Mark what value words refer to. Objects that are new are added to those that are `waiting` to be walked."""
    for word in words:
        tag = word & TAG_MASK
        if tag == TAG_LEAF:
            marks.add(word ^ TAG_LEAF)
        elif tag == 0 and word != 0:
            if marks.add(word):
                waiting.append(word)
            elif word >= heap.limit:
                heap.refuse(word)


def _mark_handles(heap: Heap, marks: Marks) -> None:
    """Mark what can be reached from the objects and blocks to which Python objects refer.

    A block keeps the object that owns it, since freeing the block changes that object.
    """
    objects = []
    for handle in heap.handles.live():
        offset = handle._p_offset
        if not isinstance(handle, Anchor):
            objects.append(offset)
        elif handle.head == heap.read(offset):
            marks.add(offset)
            mark(heap, words_of(heap, offset), marks)
            objects.append(owner_of(heap, offset)[0])
    mark(heap, objects, marks)


def held(heap: Heap) -> list[int]:
    """The offsets of the objects that the program keeps: by Python objects, by their blocks, or by buffers."""
    objects = list(heap.exports.lent)
    for handle in heap.handles.live():
        offset = handle._p_offset
        if not isinstance(handle, Anchor):
            objects.append(offset)
        elif handle.head == heap.read(offset):
            objects.append(owner_of(heap, offset)[0])
    return sorted({offset for offset in objects if offset})


class DoubtfulGarbageError(PoolDamagedError):
    """Nothing is freed, because objects may be unreachable only because of damage."""


def _demand_whole(heap: Heap, objects: Iterable[int]) -> None:
    """Refuse to free anything if one of the objects that are reached is damaged."""
    at = heap.root_offset
    try:
        demand_words(heap, root_words(heap))
        for at in objects:
            walker = kind_at(heap, at)
            kind = kind_of(heap.read(at))
            demand_allocation(heap, at, kind, WORD)
            walker._p_verify(heap, at)
            demand_words(heap, walker._p_words(heap, at), has_keys=kind in KEYED_KINDS)
    except (AssertionError, PmemError) as error:
        raise DoubtfulGarbageError(
            f"collect the garbage of {heap.name}",
            f"what the root reaches is damaged (at {at:#x}: {error}), so other objects may only seem to be garbage",
            "see pool.check(); nothing was freed; restore the pool from a copy, or dump what is left",
        ) from error


def _unreached(heap: Heap, marks: Marks) -> array[int]:
    """The offset of every allocation of pmemobj that is not marked."""
    found = array("Q")
    for offset in heap.offsets():
        if offset not in marks:
            kind = heap.read(offset - ALLOCATION_TYPE)
            if kind in ALL_KINDS:
                found.append(offset)
    return found


def collect(heap: Heap, keep_handles: bool = True, progress: Progress | None = None) -> Counter[str]:
    """Free every allocation that cannot be reached.

    Args:
        heap: An open pool, outside a transaction.
        keep_handles: Whether unreachable objects that are kept by Python variables stay.
        progress: Called now and then. An exception from it ends the collection, and the next one frees the rest.

    Returns:
        How many allocations of each type were freed.

    Raises:
        TransactionError: a transaction is open in this thread, or `progress` has changed the pool.
        DoubtfulGarbageError: an object is damaged, so what cannot be reached may be what this object referred to. For
            this all objects are examined once, the first time since the pool was opened that something would be freed.
    """
    what = f"collect the garbage of {heap.name}"
    demand_progress(what, progress)
    if heap.in_transaction():
        raise TransactionError(what, "a transaction is open", "commit or abort it first")
    # The lock keeps other threads from finding again what is about to be freed.
    with heap.lock:
        tell = reporter(heap, progress, "collecting the garbage of")
        with heap.statement:
            objects: list[int] | None = None if heap.is_trusted else []
            reached = mark(heap, root_words(heap), None, objects, tell)
            from_root = len(reached)
            mark(heap, heap.exports.lent, reached)
            if keep_handles:
                _mark_handles(heap, reached)
            garbage = _unreached(heap, reached)
            if garbage and objects is not None:
                _demand_whole(heap, objects)
                heap.is_trusted = True
            freed = Counter(_type_name(heap, offset) for offset in garbage)
        done = len(reached)
        for start in range(0, len(garbage), _SWEEP_BATCH):
            batch = garbage[start : start + _SWEEP_BATCH].tolist()
            _free(heap, batch)
            heap.invalidate(
                batch,
                "it was freed by garbage collection, since nothing in the pool referred to it",
                "store what you want to keep in the root or in something that the root reaches",
            )
            if tell is not None:
                tell(done + start + len(batch))
        heap.may_have_garbage = len(reached) > from_root
        if tell is not None:
            tell(done + len(garbage))
    return freed


def reclaim(heap: Heap) -> bool:
    """Free garbage for an allocation that has just failed, in the middle of its transaction.

    This is done only if the transaction has changed nothing yet. Then memory shows what was committed, so what is
    garbage now is garbage whether the transaction commits or is rolled back. Later a roll-back might need such an
    object again, and what the transaction itself frees is not free before its commit.

    Allocations that the transaction has made may be half filled, and may refer to objects to which nothing else refers.
    So every word in them that could be a reference is taken for one. The frees are not part of the transaction.

    Returns:
        Whether anything was freed.
    """
    if heap.changes != heap.changes_at_begin:
        return False
    try:
        marks = mark(heap, root_words(heap))
        from_root = len(marks)
        mark(heap, heap.exports.lent, marks)
        _mark_handles(heap, marks)
        garbage = set(_unreached(heap, marks))
        suspects = [
            word & ~TAG_MASK
            for offset, size in dict(heap.fresh).items()
            for word in heap.read_words(offset, size // WORD)
            if word & ~TAG_MASK in garbage
        ]
        mark(heap, [offset for offset in suspects if _kind(heap, offset) in CONTAINER_KINDS], marks)
        if garbage and not heap.is_trusted:
            _demand_whole(heap, containers(heap, root_words(heap)))
            heap.is_trusted = True
    except PmemError:
        return False
    kept = {*suspects, *dict(heap.fresh)}
    freed = [offset for offset in garbage if offset not in marks and offset not in kept]
    heap.free_now(freed)
    heap.may_have_garbage = len(marks) > from_root or bool(heap.fresh)
    return bool(freed)


def reporter(heap: Heap, progress: Progress | None, doing: str) -> Callable[[int], None] | None:
    """A function that calls `progress`, and raises if `progress` changes the pool.

    Args:
        heap: An open pool.
        progress: Called with the number of allocations that are done, and that of all.
        doing: What is being done, for the message.
    """
    if progress is None:
        return None
    total = len(heap.offsets())

    def tell(done: int) -> None:
        changes = heap.changes
        progress(done, total)
        if heap.changes != changes or heap.fresh:
            raise TransactionError(
                f"go on {doing} {heap.name}",
                "the progress callback changed the pool",
                "let it show the progress and nothing else",
            )

    return tell


def _free(heap: Heap, batch: list[int]) -> None:
    """Free allocations in one transaction; in more than one if a full pool has no room for the log."""
    try:
        with heap.statement:
            for offset in batch:
                heap.free(offset)
    except PoolFullError:
        if len(batch) == 1:
            raise
        middle = len(batch) // 2
        _free(heap, batch[:middle])
        _free(heap, batch[middle:])


def _kind(heap: Heap, offset: int) -> int:
    """The kind of the allocation at `offset`, as libpmemobj stores it."""
    return heap.read(offset - ALLOCATION_TYPE)


def _type_name(heap: Heap, offset: int) -> str:
    kind = _kind(heap, offset)
    if kind in CONTAINER_KINDS:
        return kind_at(heap, offset)._p_type_name(heap, offset)
    return _BODY_NAMES.get(Kind(kind)) or Kind(kind).name.lower()
