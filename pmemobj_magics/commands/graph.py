"""Draw the objects of a pool as a graph, and compare two graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pmemobj import PersistentObjectPool, inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.commands.objects import Extent, find, walk
from pmemobj_magics.errors import MagicUsageError, did_you_mean
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.graph import PoolGraph, find_layout

__all__ = ["compare_graphs", "draw_graph"]


def draw_graph(
    session: Session, expression: str, extent: Extent, *, since: str | None = None, layout: str = "LR"
) -> PoolGraph:
    """The graph of a pool, from its root or from any persistent object.

    Args:
        session: The session.
        expression: A pool or a persistent object, in Python; without it the pool that other magics use.
        extent: How much to show.
        since: Mark the differences from the graph in this variable, or, if it is empty, from the latest graph.
        layout: How to arrange the drawing.

    Raises:
        ExpressionError: the expression fails, or its value cannot be drawn.
        MagicUsageError: there is no such layout, or no graph to compare with.
        PmemError: the pool is closed, or several pools are possible.
    """
    find_layout(layout)
    pool, start, name = find(session, expression)
    before = None if since is None else _kept(session, since) if since else _latest(session, pool, name)
    graph = walk(pool, start, extent)
    session.drawn[pool.absolute_path, name] = graph
    return PoolGraph(
        graph, name=name, offsets=extent.offsets, before=before, layout=layout, holders=session.holders(pool)
    )


def compare_graphs(session: Session, names: Sequence[str], *, layout: str = "LR", offsets: bool = False) -> PoolGraph:
    """The second of the graphs in two variables, with the differences from the first one marked.

    Raises:
        MagicUsageError: a variable holds no graph.
    """
    before, after = (_kept(session, name) for name in names)
    return PoolGraph(after, name=names[1], offsets=offsets, before=before, layout=layout)


def _latest(session: Session, pool: PersistentObjectPool, name: str) -> inspect.Graph:
    """The graph of this pool and expression that was drawn last."""
    found = session.drawn.get((pool.absolute_path, name))
    if found is None:
        raise MagicUsageError(
            f"compare {name} of {session.title(pool)}",
            "no graph of it was drawn before",
            "draw one with %pmem_graph, change something, then compare",
        )
    return found


def _kept(session: Session, name: str) -> inspect.Graph:
    """The graph in a variable."""
    value: Any = session.namespace.get(name)
    if isinstance(value, PoolGraph):
        return value.graph
    if isinstance(value, inspect.Graph):
        return value
    graphs = [each for each in session.variables if isinstance(session.namespace[each], PoolGraph | inspect.Graph)]
    why = "there is no such variable" if value is None else f"it is {a_or_an(type(value).__name__)}, not a graph"
    hint = did_you_mean(name, graphs) or "keep a graph in a variable first: %pmem_graph -o before"
    raise MagicUsageError(f"compare with {name}", why, hint)
