"""Draw the objects of a pool, as a graph or as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pmemobj import Persistent, PersistentObjectPool, inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.errors import MagicUsageError, did_you_mean
from pmemobj_magics.session import Session
from pmemobj_magics.views.graph import PoolGraph, find_layout
from pmemobj_magics.views.tree import PoolTree

__all__ = ["Extent", "compare_graphs", "draw_graph", "draw_tree"]


@dataclass(frozen=True)
class Extent:
    """How much to show.

    Attributes:
        depth: How many steps to follow; None for all.
        max_nodes, max_items: How many objects, and entries of each.
        offsets: Whether to tell each object's offset and size.
    """

    depth: int | None
    max_nodes: int | None
    max_items: int | None
    offsets: bool = False


def draw_graph(
    session: Session, expression: str, extent: Extent, *, since: str | None = None, layout: str = "LR"
) -> PoolGraph:
    """The graph of a pool from its root, or from any persistent object.

    Args:
        session: The session.
        expression: A pool or a persistent object, in Python; without it the pool that other magics take.
        extent: How much to show.
        since: Show what differs from the graph in this variable, or, if it is empty, from the last one drawn.
        layout: How to arrange it.

    Raises:
        ExpressionError: the expression fails, or gives nothing that can be drawn.
        MagicUsageError: there is no such layout, or no graph to compare with.
        PmemError: the pool is closed, or which one is not clear.
    """
    find_layout(layout)
    pool, start = _find(session, expression)
    name = "root" if start is None else expression
    before = None if since is None else _earlier(session, since) if since else _last(session, pool, name)
    graph = _walk(pool, start, extent)
    session.drawn[pool.absolute_path, name] = graph
    return PoolGraph(
        graph, name=name, offsets=extent.offsets, before=before, layout=layout, holders=session.holders(pool)
    )


def compare_graphs(session: Session, names: Sequence[str], *, layout: str = "LR", offsets: bool = False) -> PoolGraph:
    """The second of two graphs that are in variables, with what differs from the first.

    Raises:
        MagicUsageError: they are no graphs.
    """
    before, after = (_earlier(session, name) for name in names)
    return PoolGraph(after, name=names[1], offsets=offsets, before=before, layout=layout)


def draw_tree(session: Session, expression: str, extent: Extent) -> PoolTree:
    """The same objects as a tree.

    Args and errors are those of `draw_graph`.
    """
    pool, start = _find(session, expression)
    name = "root" if start is None else expression
    return PoolTree(_walk(pool, start, extent), name=name, offsets=extent.offsets, holders=session.holders(pool))


def _find(session: Session, expression: str) -> tuple[PersistentObjectPool, Persistent | None]:
    """The pool that is meant, and the object in it, or None for its root."""
    value = session.evaluate(expression) if expression else session.find(None)
    if isinstance(value, PersistentObjectPool):
        return value, None
    return session.demand_pool_of(value, expression, "draw", "drawn"), value


def _walk(pool: PersistentObjectPool, start: Persistent | None, extent: Extent) -> inspect.Graph:
    return pool.graph(start, depth=extent.depth, max_nodes=extent.max_nodes, max_items=extent.max_items)


def _last(session: Session, pool: PersistentObjectPool, name: str) -> inspect.Graph:
    found = session.drawn.get((pool.absolute_path, name))
    if found is None:
        raise MagicUsageError(
            f"compare {name} of {session.title(pool)}",
            "no graph of it was drawn before",
            "draw one with %pmem_graph, change something, and compare then",
        )
    return found


def _earlier(session: Session, name: str) -> inspect.Graph:
    """The graph in a variable."""
    value: Any = session.namespace.get(name)
    if isinstance(value, PoolGraph):
        return value.graph
    if isinstance(value, inspect.Graph):
        return value
    graphs = [each for each in session.variables if isinstance(session.namespace[each], PoolGraph | inspect.Graph)]
    why = "there is no such variable" if value is None else f"it is {a_or_an(type(value).__name__)}, no graph"
    hint = did_you_mean(name, graphs) or "keep one first: %pmem_graph -o before"
    raise MagicUsageError(f"compare with {name}", why, hint)
