"""What stands below a picture or a tree: which pool, how much of it, and what differs."""

from __future__ import annotations

import os

from pmemobj.inspect import Comparison, Graph
from pmemobj_magics.display import count_text

__all__ = ["footer"]


def footer(graph: Graph, comparison: Comparison | None = None) -> str:
    """Which pool, and how much of it: ``game.pmem · showing 200 of 12 431 objects``; and what differs."""
    shown = len(graph.nodes)
    total = None if graph.total is None else shown + graph.hidden
    parts = [os.path.basename(graph.pool), count_text(shown, total)]
    if graph.unreachable_total:
        unreachable = count_text(len(graph.unreachable), graph.unreachable_total)
        parts.append(unreachable.replace(" object", " unreachable object"))
    if comparison is None:
        parts += ["a transaction is open, and did too much to be marked"] if graph.is_open else []
    elif comparison.is_uncommitted:
        parts.append(f"not committed: {comparison.summary}")
    else:
        parts.append(f"since the picture before: {comparison.summary}")
    return " · ".join(parts)
