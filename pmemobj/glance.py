"""Looks at a pool again and again while a program changes it, for views that follow a pool on the screen.

`stamp` tells cheaply whether anything has changed. `look` walks the pool, and `look_into` describes the memory of an
object; meanwhile no other thread can change the pool, and if another thread is in the middle of a transaction, they
raise an error instead of waiting. They begin at an object that an earlier look has found, which is given by its
offset and not by a handle: a handle would keep the object from being freed, so looking would change what is seen.

A look changes nothing, begins no transaction and imports no class. Inside a transaction of its own thread it shows
the uncommitted state, and says so.
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


#: `look` describes at most this many words of each object.
_WORDS_EACH = 64


@dataclass(frozen=True, slots=True)
class Glance:
    """The result of a look.

    Attributes:
        graph: The objects; inside a transaction of the calling thread also as it found them (`Graph.before`).
        uncommitted: Whether a transaction of the calling thread is open, so that what is shown may still be undone. (A
            transaction that was rolled back already does not count.)
        memories: The memory of the nearest objects by offset, if it was asked for.
    """

    graph: Graph
    uncommitted: bool
    memories: dict[int, Memory] = field(default_factory=dict)


def stamp(pool: OpenPool) -> tuple[int, bool]:
    """A value that stays equal as long as a look would find the same.

    It notices changes by all threads of this process; other processes cannot change the pool while it is open here.

    Cost: a few reads of memory.

    Raises:
        PoolClosedError: the pool is closed.
    """
    heap = heap_of(pool, "look at")
    heap.read(heap.root_offset)
    # `changes` counts changes, `version` also roll-backs and frees; both only grow.
    return heap.changes + heap.version, heap.in_transaction()


def after_transactions(pool: OpenPool, call: Callable[[], None]) -> None:
    """Have a method called after each commit of a transaction of the program, in the thread that committed it.

    It is not called after a statement that is a transaction by itself. The transaction is committed when the method is
    called, whatever the method does; an exception from it reaches the code that ended the transaction.

    Args:
        pool: The pool, open or not; `suspend` and `resume` make no difference.
        call: A bound method. It is held weakly, and not called any more when its object is gone.
    """
    heap = heap_of(pool, "look at")
    if not isinstance(call, MethodType):
        raise TypeError(
            f"cannot call {a_or_an(type(call).__name__)} after transactions: held weakly, it must be the method of an "
            "object that the program keeps (give a bound method)"
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
    """Walk the pool as `inspect.walk` does, from the root or from an object that an earlier look has found.

    Args:
        pool: The open pool.
        offset: The offset of such an object, from a node of its graph; None for the root.
        depth, max_nodes, max_items: Limits, as those of `inspect.walk`.
        max_words: How many words of memory to describe at the most, those of the nearest objects first.

    Raises:
        PoolClosedError: the pool is closed.
        InvalidHandleError: the root does not reach an object at this offset, or does so no longer.
        TransactionError: another thread is in a transaction, so that incomplete changes would be seen.
        TypeError, ValueError: a limit is no int, or negative.

    Cost: proportional to the number of objects that the root reaches, since they are counted, and to the limits.
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
    """Describe the memory of an object that an earlier look has found, as `inspect.memory` does.

    Args:
        pool: The open pool.
        offset: The offset of the object, from a node of the graph.
        max_words: How many words to show at the most.

    Raises:
        PmemError: as for `look`.

    Cost: proportional to the number of objects that the root reaches, and to what is shown.
    """
    demand_limits(max_words=max_words)
    heap = heap_of(pool, "look at")
    with _undisturbed(heap):
        _demand_reached(heap, offset)
        return describe_at(heap, offset, max_words)


def _demand_reached(heap: Heap, offset: int) -> None:
    """Refuse an offset at which no object is any more: only objects that the root reaches are certain to exist."""
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
    """A block in which other threads cannot change the pool."""
    lock = heap.lock
    if lock.is_orphaned or not lock.acquire_soon():
        raise TransactionError(f"look at {heap.name}", "another thread is in a transaction on it", "look again later")
    try:
        yield
    finally:
        lock.release()
