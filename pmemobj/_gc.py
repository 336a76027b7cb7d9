"""Garbage collection: mark what can be reached, sweep the rest.

Nothing in a pool counts references; an object that lost its last one stays until it is swept. The
marking starts at the root and the class table, and at every live handle, since the program may
still store that object somewhere, and at what buffers show. A crash in the middle of a sweep is
harmless: only unreachable memory is freed, and what is left of it stays unreachable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pmemobj._base import kind_at
from pmemobj._heap import Heap
from pmemobj._layout import ALL_KINDS, CONTAINER_KINDS, ROOT_CLASSES, ROOT_VALUE, TAG_LEAF, Kind
from pmemobj._values import is_container, is_leaf
from pmemobj.errors import PoolFullError, TransactionError

#: Frees in one transaction: enough to share the cost of its commit, few enough for its log.
_SWEEP_BATCH = 1000

_BODY_NAMES = {
    Kind.LIST_ITEMS: "items",
    Kind.DICT_TABLE: "table",
    Kind.OBJECT_SLOTS: "slots",
    Kind.BYTEARRAY_DATA: "data",
    Kind.ARRAY_DATA: "data",
}


def root_words(heap: Heap) -> list[int]:
    """The words that everything hangs on."""
    return [heap.read(heap.root_offset + ROOT_VALUE), heap.read(heap.root_offset + ROOT_CLASSES)]


def containers(heap: Heap, words: Iterable[int]) -> list[int]:
    """The offsets of all shared objects that can be reached from `words`; `mark` tells the errors."""
    found: list[int] = []
    mark(heap, words, containers=found)
    return found


def mark(
    heap: Heap, words: Iterable[int], reached: set[int] | None = None, containers: list[int] | None = None
) -> set[int]:
    """The offsets of all allocations that can be reached from `words`.

    Args:
        heap: An open pool, or an image of one.
        words: Where to start.
        reached: What was reached before; it is added to.
        containers: A list to which the shared objects among them are appended. (Their headers do not
            tell: a body has none, and its first word may look like one.)

    Raises:
        PoolDamagedError: a word leads nowhere.
    """
    reached = set() if reached is None else reached
    waiting = [word for word in words if is_leaf(word) or is_container(word)]
    while waiting:
        word = waiting.pop()
        if is_leaf(word):
            reached.add(word ^ TAG_LEAF)
        elif word not in reached:
            reached.add(word)
            if containers is not None:
                containers.append(word)
            walker = kind_at(heap, word)
            reached.update(walker._p_bodies(heap, word))
            waiting.extend(found for found in walker._p_words(heap, word) if is_leaf(found) or is_container(found))
    return reached


def collect(heap: Heap, keep_handles: bool = True) -> Counter[str]:
    """Free every allocation that cannot be reached.

    Args:
        heap: An open pool, outside a transaction.
        keep_handles: Whether objects that only live handles know are kept.

    Returns:
        How many allocations of each type were freed.

    Raises:
        TransactionError: a transaction is open in this thread.
    """
    if heap.in_transaction():
        raise TransactionError(
            f"collect the garbage of {heap.name}", "a transaction is open", "commit or abort it first"
        )
    with heap.statement:
        # One transaction around the marking keeps other threads out; it changes nothing by itself.
        reached = mark(heap, root_words(heap))
        from_root = len(reached)
        mark(heap, heap.loans.lent, reached)
        if keep_handles:
            mark(heap, list(heap.handles.keys()), reached)
        doomed = [
            (offset, kind) for offset, _, kind in heap.allocations() if offset not in reached and kind in ALL_KINDS
        ]
        freed = Counter(_type_name(heap, offset, kind) for offset, kind in doomed)
    for start in range(0, len(doomed), _SWEEP_BATCH):
        batch = [offset for offset, _ in doomed[start : start + _SWEEP_BATCH]]
        _free(heap, batch)
        heap.invalidate(
            batch,
            "it was freed by garbage collection, since nothing in the pool referred to it",
            "store what you want to keep in the root or in something that the root reaches",
        )
    heap.may_have_garbage = len(reached) > from_root
    return freed


def _free(heap: Heap, batch: list[int]) -> None:
    """Free allocations in one transaction, or, where a full pool has no room for its log, in more."""
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


def _type_name(heap: Heap, offset: int, kind: int) -> str:
    if kind in CONTAINER_KINDS:
        return kind_at(heap, offset)._p_type_name(heap, offset)
    return _BODY_NAMES.get(Kind(kind)) or Kind(kind).name.lower()
