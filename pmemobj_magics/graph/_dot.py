"""`pmemobj.inspect.Graph` to DOT.

Each object is a table with a row for each slot. A plain value stands in its row; a reference is an
arrow from its row to the table of the object, so that shared objects and cycles are seen as such.
The name of a node is made of the object's offset, its identity: the same object has the same name in
every frame of a series.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import graphviz

from pmemobj.inspect import Graph
from pmemobj_magics.display import count_text, number_text, plural
from pmemobj_magics.graph._arrows import Arrows
from pmemobj_magics.graph._label import FAINT, FONT, TEXT, node_label, start_label

__all__ = ["footer", "node_name", "to_dot"]

_GRAPH = {
    "rankdir": "LR",
    "bgcolor": "transparent",
    "nodesep": "0.25",
    "ranksep": "0.45",
    "pad": "0.15",
    "fontname": FONT,
    "fontsize": "11",
    "fontcolor": FAINT,
    "labelloc": "b",
    "labeljust": "l",
    # Bounds on how long graphviz looks for a better layout.
    "nslimit": "2",
    "nslimit1": "2",
    "mclimit": "0.3",
}
_NODE = {"shape": "plain", "fontname": FONT, "fontsize": "12", "fontcolor": TEXT}
_EDGE = {"color": "#52607a", "arrowsize": "0.7"}


def node_name(offset: int) -> str:
    """The name of an object's node."""
    return f"o{offset}"


def footer(graph: Graph) -> str:
    """Which pool, and how much of it: ``game.pmem · showing 200 of 12 431 objects``."""
    shown = len(graph.nodes)
    total = None if graph.total is None else shown + graph.hidden
    return f"{os.path.basename(graph.pool)} · {count_text(shown, total)}"


def to_dot(
    graph: Graph, *, name: str = "root", offsets: bool = False, marks: Mapping[int, str] | None = None
) -> graphviz.Digraph:
    """The drawing of `graph` as DOT; the same graph always gives the same text.

    Args:
        graph: What a walk found.
        name: What to call the value where it begins.
        offsets: Whether to show each object's offset and size.
        marks: ``new`` or ``changed`` for some objects, by offset.
    """
    arrows = Arrows(graph)
    caption = f"{footer(graph)}{_arrows_note(arrows)}"
    # Lines of a label end in \l where they are to stand on the left.
    label = f"{graphviz.escape(caption)}\\l"
    dot = graphviz.Digraph(graph_attr={**_GRAPH, "label": label}, node_attr=_NODE, edge_attr=_EDGE)
    dot.node("start", start_label(graph.start, name))
    if graph.start.target in graph.nodes:
        dot.edge("start", f"{node_name(graph.start.target)}:head:w")
    for node in graph.nodes.values():
        mark = (marks or {}).get(node.offset, "")
        dot.node(node_name(node.offset), node_label(node, arrows, offsets=offsets, mark=mark))
    for (source, column, number), target in arrows.drawn.items():
        # One's own head is reached from above; from the west the arrow would cross the table.
        head = "head:n" if target == source else "head:w"
        dot.edge(f"{node_name(source)}:{column}{number}:e", f"{node_name(target)}:{head}")
    return dot


def _arrows_note(arrows: Arrows) -> str:
    if len(arrows.drawn) == arrows.between:
        return ""
    return f" · {number_text(len(arrows.drawn))} of {plural(arrows.between, 'reference')} drawn, the others by number"
