"""The line below a tree or a graph: the pool, how much of it is shown, and what has changed.

A tree with this line is made here too, as text and as HTML.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping

from pmemobj.inspect import Comparison, Graph, tree_text
from pmemobj_magics.common.texts import count_text
from pmemobj_magics.views.tree.html import to_html

__all__ = ["footer", "whole_html", "whole_text"]


def footer(graph: Graph, comparison: Comparison | None = None) -> str:
    """The pool, how much of it is shown, and what has changed: ``game.pmem · showing 200 of 12,431 objects``."""
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


def whole_text(
    graph: Graph,
    comparison: Comparison | None = None,
    name: str = "",
    offsets: bool = False,
    holders: Mapping[int, str] | None = None,
) -> str:
    """A tree as text, with the line below it; the arguments are those of `pmemobj.inspect.tree_text`."""
    return f"{tree_text(graph, comparison, name, offsets, holders)}\n{footer(graph, comparison)}"


def whole_html(
    graph: Graph,
    comparison: Comparison | None = None,
    name: str = "",
    offsets: bool = False,
    holders: Mapping[int, str] | None = None,
    note: str = "",
) -> str:
    """A tree as HTML, with the line below it, and behind this a note in plain text."""
    tree = to_html(graph, comparison, name, offsets, holders)
    below = html.escape(f"{footer(graph, comparison)}{note}")
    return f'<div>{tree}<small style="opacity:.7">{below}</small></div>'
