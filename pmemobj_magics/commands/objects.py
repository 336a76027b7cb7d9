"""Find the object that an expression means, and walk the objects that it reaches."""

from __future__ import annotations

from dataclasses import dataclass

from pmemobj import Persistent, PersistentObjectPool, inspect
from pmemobj_magics.shell.session import Session

__all__ = ["Extent", "find", "walk"]


@dataclass(frozen=True)
class Extent:
    """How much of a pool to show.

    Attributes:
        depth: How many references to follow from the first object; None for no limit.
        max_nodes: The largest number of objects.
        max_items: The largest number of entries of each object.
        offsets: Whether to show the offset and the size of each object.
    """

    depth: int | None
    max_nodes: int | None
    max_items: int | None
    offsets: bool = False


def find(session: Session, expression: str) -> tuple[PersistentObjectPool, Persistent | None, str]:
    """The pool that an expression means, the object in it (None for its root), and the name of that object.

    Raises:
        ExpressionError: the expression fails, or its value cannot be drawn.
        PmemError: the pool is closed, or several pools are possible.
    """
    value = session.evaluate(expression) if expression else session.find(None)
    if isinstance(value, PersistentObjectPool):
        return value, None, "root"
    return session.demand_pool_of(value, expression, "draw", "drawn"), value, expression


def walk(pool: PersistentObjectPool, start: Persistent | None, extent: Extent) -> inspect.Graph:
    """The objects that `start` reaches, within the limits of `extent`."""
    return pool.graph(start, depth=extent.depth, max_nodes=extent.max_nodes, max_items=extent.max_items)
