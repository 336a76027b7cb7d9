"""Looks at a pool, one after another, while a program goes on changing it: for what follows a pool on a screen.

A few things are needed for that and for nothing else. `stamp` tells in no time whether there is anything new.
`look` walks the pool, and `look_into` describes an object's memory, while no other thread can change it, and they
refuse to wait for one that is in the middle of a transaction. And they begin at an object that an earlier look has
found by its offset, not by a handle: a handle would keep the object from being freed, so looking on would change
what there is to be seen.

A look changes nothing, begins no transaction and imports no class. In a transaction of its own thread it shows
the state so far, and says so.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MethodType

from pmemobj._engine.heap import Heap
from pmemobj._format import ROOT_VALUE
from pmemobj._inspection.before_image import OpenPool
from pmemobj._inspection.graphs import Graph
from pmemobj._inspection.memory import describe_at
from pmemobj._inspection.memory_data import Memory
from pmemobj._inspection.walk import Limits, demand_limits, heap_of, walk_before, walk_heap
from pmemobj._objects.gc import containers
from pmemobj.errors import InvalidHandleError, TransactionError, a_or_an

__all__ = ["Glance", "after_transactions", "look", "look_into", "stamp"]


#: Of each object, unless it is the only one.
_WORDS_EACH = 64


@dataclass(frozen=True, slots=True)
class Glance:
    """What a look has found.

    Attributes:
        graph: The objects; in a transaction of the calling thread also as that one found them (`Graph.before`).
        uncommitted: Whether a transaction of the calling thread is open, so that it may still be undone. (One that
            was rolled back already changes nothing any more.)
        memories: The memory of the nearest objects by offset, as far as it was asked for.
    """

    graph: Graph
    uncommitted: bool
    memories: dict[int, Memory] = field(default_factory=dict)


def stamp(pool: OpenPool) -> tuple[int, bool]:
    """Something that is equal as long as a look would find the same, whoever changed the pool in this process.

    (Other processes cannot, while it is open here.) Cost: a few fetches.

    Raises:
        PoolClosedError: the pool is closed.
    """
    heap = heap_of(pool, "look at")
    heap.read(heap.root_offset)
    # The one counts changes, the other also roll-backs and what is freed; both only grow.
    return heap.changes + heap.version, heap.in_transaction()


def after_transactions(pool: OpenPool, call: Callable[[], None]) -> None:
    """Have a method called each time that a transaction on the pool has been committed, in the thread whose it was.

    For one that is open over many statements; a statement that is a transaction by itself tells nobody. The
    transaction is over then, whatever the method does; an exception from it reaches who ended the transaction.

    Args:
        pool: The pool, open or not; `suspend` and `resume` make no difference.
        call: The method. It is held weakly, and called no more when its object is gone.
    """
    heap = heap_of(pool, "look at")
    if not isinstance(call, MethodType):
        raise TypeError(
            f"cannot call {a_or_an(type(call).__name__)} after transactions: held weakly, it must be the method of an "
            "object that somebody keeps (give a bound method)"
        )
    method = weakref.WeakMethod(call)
    waiting = heap.after_transaction

    def tell() -> None:
        found = method()
        if found is not None:
            found()
        elif tell in waiting:
            waiting.remove(tell)

    waiting.append(tell)


def look(
    pool: OpenPool,
    offset: int | None = None,
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
    max_words: int = 0,
) -> Glance:
    """Walk the pool as `inspect.walk` does, from the root or from an object that was found before.

    Args:
        pool: The open pool.
        offset: Of such an object, as the nodes of a graph tell it; None for the root.
        depth, max_nodes, max_items: Limits, as those of `inspect.walk`.
        max_words: Up to how many words of memory to describe too, the nearest objects first.

    Raises:
        PoolClosedError: the pool is closed.
        InvalidHandleError: the root does not reach an object at this offset (any more).
        TransactionError: another thread is changing the pool, so that parts of changes would be seen.
        TypeError, ValueError: a limit is no number, or negative.

    Cost: proportional to the objects that the root reaches, to count them, and to what the limits allow.
    """
    demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items, max_words=max_words)
    heap, limits = heap_of(pool, "look at"), Limits(depth, max_nodes, max_items)
    with _undisturbed(heap):
        if offset is None:
            graph = walk_heap(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", limits)
        else:
            _demand_reached(heap, offset)
            graph = walk_heap(heap, offset, "start", limits)
        is_open = heap.in_transaction() and heap.doomed is None
        before = walk_before(pool, graph, limits) if is_open else None
        graph = replace(graph, is_open=is_open, before=before)
        return Glance(graph, is_open, _memories(heap, graph, max_words))


def look_into(pool: OpenPool, offset: int, max_words: int = 200) -> Memory:
    """Describe the memory of an object that was found before, as `inspect.memory` does.

    Args:
        pool: The open pool.
        offset: Of the object, as the nodes of a graph tell it.
        max_words: How many words to show at the most.

    Raises:
        PmemError: as for `look`.

    Cost: proportional to the objects that the root reaches, and to what is shown.
    """
    demand_limits(max_words=max_words)
    heap = heap_of(pool, "look at")
    with _undisturbed(heap):
        _demand_reached(heap, offset)
        return describe_at(heap, offset, max_words)


def _demand_reached(heap: Heap, offset: int) -> None:
    """What lies at an offset may be something else by now, or nothing; what is reached is an object."""
    if offset not in containers(heap, [heap.read(heap.root_offset + ROOT_VALUE)]):
        raise InvalidHandleError(f"look at an object of {heap.name}", "the root does not reach it", "begin at the root")


def _memories(heap: Heap, graph: Graph, words: int) -> dict[int, Memory]:
    found: dict[int, Memory] = {}
    for offset in graph.nodes:
        if words <= 0:
            break
        found[offset] = memory = describe_at(heap, offset, min(words, _WORDS_EACH))
        words -= sum(len(piece.words) for piece in memory.pieces)
    return found


@contextmanager
def _undisturbed(heap: Heap) -> Iterator[None]:
    """Keep other threads from changing the pool; inside a transaction of this thread they are kept from it anyway."""
    lock = heap.lock
    if lock.is_orphaned or not lock.acquire_soon():
        raise TransactionError(f"look at {heap.name}", "another thread is in a transaction on it", "look again later")
    try:
        yield
    finally:
        lock.release()
