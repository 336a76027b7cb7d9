"""Draw the objects of a pool."""

from __future__ import annotations

import contextlib
from typing import Any

import pmemobj
from pmemobj import Persistent, PersistentObjectPool, PmemError, inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.graph import PoolGraph
from pmemobj_magics.session import Session

__all__ = ["draw_graph"]


def draw_graph(
    session: Session,
    expression: str = "",
    *,
    depth: int | None,
    max_nodes: int | None,
    max_items: int | None,
    offsets: bool = False,
) -> PoolGraph:
    """The graph of a pool from its root, or from any persistent object.

    Args:
        session: The session.
        expression: A pool or a persistent object, in Python; without it the pool that other magics take.
        depth: How many steps to follow; None for all.
        max_nodes, max_items: How many objects, and entries of each, to show.
        offsets: Whether to show each object's offset and size.

    Raises:
        ExpressionError: the expression fails, or gives nothing that can be drawn.
        PmemError: the pool is closed, or which one is not clear.
    """
    limits = {"depth": depth, "max_nodes": max_nodes, "max_items": max_items}
    value = session.evaluate(expression) if expression else session.find(None)
    if isinstance(value, PersistentObjectPool):
        return PoolGraph(inspect.walk(value, **limits), offsets=offsets)
    return PoolGraph(_walk_from(expression, value, limits), name=expression, offsets=offsets)


def _walk_from(expression: str, value: Any, limits: dict[str, int | None]) -> inspect.Graph:
    if not isinstance(value, Persistent):
        why = f"it is {a_or_an(type(value).__name__)}, neither a pool nor a persistent object"
        raise ExpressionError(f"draw {expression}", why, "plain values are drawn in the object that holds them")
    for pool in pmemobj.open_pools():
        # An object does not tell its pool; a walk refuses the objects of other pools.
        with contextlib.suppress(PmemError, TypeError):
            return inspect.walk(pool, value, **limits)
    raise ExpressionError(f"draw {expression}", "its pool is closed, or the object is no longer there", "open the pool")
