"""The line below a tree or a graph: the pool, how much of it is shown, and what has changed."""

from __future__ import annotations

import os

from pmemobj.inspect import Comparison, Graph
from pmemobj_magics.common.texts import count_text

__all__ = ["footer"]


def footer(graph: Graph, comparison: Comparison | None = None) -> str:
    """The pool, how much of it is shown, and what has changed: ``game.pmem · showing 200 of 12 431 objects``."""
    shown = len(graph.nodes)
    total = None if graph.total is None else shown + graph.hidden
    parts = [os.path.basename(graph.pool), count_text(shown, total)]
    if graph.unreachable_total:
        parts.append(count_text(len(graph.unreachable), graph.unreachable_total, "unreachable object"))
    if comparison is None:
        parts += ["a transaction is open; it has changed too much to mark the changes"] if graph.is_open else []
    elif comparison.is_uncommitted:
        parts.append(f"uncommitted changes: {comparison.summary}")
    else:
        parts.append(f"changes since the earlier picture: {comparison.summary}")
    return " · ".join(parts)
