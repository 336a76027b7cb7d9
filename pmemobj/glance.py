"""Looks at a pool, one after another, while a program goes on changing it: for what follows a pool on a screen.

Three things are needed for that and for nothing else. `stamp` tells in no time whether there is anything new.
`look` walks the pool while no other thread can change it, and refuses to wait for one that is in the middle of
a transaction. And it begins at an object that an earlier look has found by its offset, not by a handle: a handle
would keep the object from being freed, so looking on would change what there is to be seen.

A look changes nothing, begins no transaction and imports no class. In a transaction of its own thread it shows
the state so far, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pmemobj._gc import containers
from pmemobj._heap import Heap
from pmemobj._layout import ROOT_VALUE
from pmemobj.errors import InvalidHandleError, TransactionError
from pmemobj.inspect import Graph, _demand_limits, _walk

if TYPE_CHECKING:
    from pmemobj.pool import PersistentObjectPool

__all__ = ["Glance", "look", "stamp"]


@dataclass(frozen=True, slots=True)
class Glance:
    """What a look has found.

    Attributes:
        graph: The objects.
        uncommitted: Whether a transaction of the calling thread is open, so that it may still be undone.
    """

    graph: Graph
    uncommitted: bool


def stamp(pool: PersistentObjectPool) -> tuple[int, bool]:
    """Something that is equal as long as a look would find the same, whoever changed the pool in this process.

    (Other processes cannot, while it is open here.) Cost: a few fetches.

    Raises:
        PoolClosedError: the pool is closed.
    """
    heap = pool._heap
    heap.read(heap.root_offset)
    # The one counts changes, the other also roll-backs and what is freed; both only grow.
    return heap.changes + heap.version, heap.in_transaction()


def look(
    pool: PersistentObjectPool,
    offset: int | None = None,
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
) -> Glance:
    """Walk the pool as `inspect.walk` does, from the root or from an object that was found before.

    Args:
        pool: The open pool.
        offset: Of such an object, as the nodes of a graph tell it; None for the root.
        depth, max_nodes, max_items: Limits, as those of `inspect.walk`.

    Raises:
        PoolClosedError: the pool is closed.
        InvalidHandleError: the root does not reach an object at this offset (any more).
        TransactionError: another thread is changing the pool, so that parts of changes would be seen.
        TypeError, ValueError: a limit is no number, or negative.

    Cost: proportional to the objects that the root reaches, to count them, and to what the limits allow.
    """
    _demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    heap = pool._heap
    with _undisturbed(heap):
        root = heap.read(heap.root_offset + ROOT_VALUE)
        if offset is None:
            graph = _walk(heap, root, "root", depth, max_nodes, max_items)
        else:
            # Its memory may be something else's by now, or nothing's; what is reached is an object.
            if offset not in containers(heap, [root]):
                raise InvalidHandleError(
                    f"look at an object of {heap.name}", "the root does not reach it", "begin at the root"
                )
            graph = _walk(heap, offset, "start", depth, max_nodes, max_items)
        return Glance(graph, heap.in_transaction())


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
