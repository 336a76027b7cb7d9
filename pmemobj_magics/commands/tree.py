"""Show the objects of a pool as a tree."""

from __future__ import annotations

from pmemobj_magics.commands.objects import Extent, find, walk
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.tree import PoolTree

__all__ = ["draw_tree"]


def draw_tree(session: Session, expression: str, extent: Extent) -> PoolTree:
    """The objects of a pool as a tree, from its root or from any persistent object.

    Args:
        session: The session.
        expression: A pool or a persistent object, in Python; without it the pool that other magics use.
        extent: How much to show.

    Raises:
        ExpressionError: the expression fails, or its value cannot be drawn.
        PmemError: the pool is closed, or several pools are possible.
    """
    pool, start, name = find(session, expression)
    graph = walk(pool, start, extent)
    return PoolTree(graph, name=name, offsets=extent.offsets, holders=session.holders(pool))
