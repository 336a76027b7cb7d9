"""Translate `pmemobj.inspect.Graph` into DOT, the language of graphviz.

Each object is a table with one row for each slot. A plain value is written in its row. A reference is an arrow from
its row to the table of the object, so that shared objects and cycles can be seen. The name of a node is made from the
offset of the object, which is its identity: the same object has the same name in every picture of a series, also in a
picture that shows it as removed.
"""

from __future__ import annotations

from collections.abc import Iterator

import graphviz

from pmemobj.inspect import UNREACHABLE, Graph
from pmemobj_magics.common.texts import number_text, plural
from pmemobj_magics.views.graph.arrows import Arrows, Origin
from pmemobj_magics.views.graph.label import FONT, node_label, start_label
from pmemobj_magics.views.graph.layout import Layout
from pmemobj_magics.views.graph.look import BORDER, DASHED, FAINT, TEXT, Looks
from pmemobj_magics.views.tree import footer

__all__ = ["node_name", "to_dot"]

_GRAPH = {
    "bgcolor": "transparent",
    "nodesep": "0.25",
    "ranksep": "0.45",
    "pad": "0.15",
    "fontname": FONT,
    "fontsize": "11",
    "fontcolor": FAINT,
    "labelloc": "b",
    "labeljust": "l",
    # These limit the time that graphviz spends on a better layout.
    "nslimit": "2",
    "nslimit1": "2",
    "mclimit": "0.3",
}
_NODE = {"shape": "plain", "fontname": FONT, "fontsize": "12", "fontcolor": TEXT}
_EDGE = {"color": "#52607a", "arrowsize": "0.7"}

#: The frame around unreachable objects.
_APART = {
    "style": "dashed,rounded",
    "color": "#7c3f8c",
    "fontcolor": "#7c3f8c",
    "fontsize": "10",
    "labelloc": "t",
    "labeljust": "l",
    "margin": "10",
}
_NO_LONGER = {"color": BORDER, "style": "dotted"}


def node_name(offset: int) -> str:
    """The name of an object's node."""
    return f"o{offset}"


def to_dot(
    graph: Graph, looks: Looks, layout: Layout, *, name: str = "root", offsets: bool = False
) -> graphviz.Digraph:
    """The drawing of `graph` as DOT; the same graph always gives the same text.

    Args:
        graph: What a walk found.
        looks: What is new, changed, removed or unreachable in it.
        layout: How to arrange it.
        name: The name of the value at which the drawing begins.
        offsets: Whether to show the offset and the size of each object.
    """
    arrows = Arrows(graph, looks)
    caption = f"{footer(graph, looks.comparison)}{_arrows_note(arrows)}"
    # In a label of DOT, \l ends a line that is aligned to the left.
    attributes = {**_GRAPH, **layout.attributes, "label": f"{graphviz.escape(caption)}\\l"}
    dot = graphviz.Digraph(graph_attr=attributes, node_attr=_NODE, edge_attr=_EDGE, engine=layout.engine)
    dot.node("start", start_label(graph.start, name, _start_note(graph, looks)))
    if graph.start.target in graph.nodes:
        dot.edge("start", f"{node_name(graph.start.target)}:head{layout.arrives}")
    for node in graph.nodes.values():
        dot.node(node_name(node.offset), node_label(node, arrows, looks, offsets=offsets))
    if graph.unreachable:
        with dot.subgraph(name="cluster_unreachable", graph_attr={**_APART, "label": UNREACHABLE}) as apart:
            for node in graph.unreachable.values():
                apart.node(node_name(node.offset), node_label(node, arrows, looks, offsets=offsets))
    for node in looks.removed.values():
        dot.node(node_name(node.offset), node_label(node, arrows, looks, offsets=offsets))
    for source, target, look in _edges(arrows, looks, layout):
        dot.edge(source, target, **look)
    return dot


def _edges(arrows: Arrows, looks: Looks, layout: Layout) -> Iterator[tuple[str, str, dict[str, str]]]:
    for origin, target in arrows.drawn.items():
        yield *_ends(origin, target, layout), _line(origin, looks)
    for origin, target in arrows.ghosts.items():
        yield *_ends(origin, target, layout), _NO_LONGER


def _ends(origin: Origin, target: int, layout: Layout) -> tuple[str, str]:
    source, column, number = origin
    # An arrow to its own object arrives from above; from the side it would cross the table.
    head = "head:n" if target == source else f"head{layout.arrives}"
    row = f"{'v' if column == 'w' else column}{number}"
    return f"{node_name(source)}:{row}{layout.leaves}", f"{node_name(target)}:{head}"


def _line(origin: Origin, looks: Looks) -> dict[str, str]:
    """The attributes of an arrow; its colour is the one of its slot."""
    color = looks.slot(origin[0], origin[2]).color
    line = {"style": "dashed"} if looks.line == DASHED else {}
    return {} if color == _EDGE["color"] else {"color": color, "penwidth": "1.8", **line}


def _start_note(graph: Graph, looks: Looks) -> str:
    """The value at the beginning of the earlier graph, if it was another one."""
    if looks.comparison is None:
        return ""
    old = looks.comparison.before.start
    return "" if (old.text, old.target) == (graph.start.text, graph.start.target) else f"was {old.text}"


def _arrows_note(arrows: Arrows) -> str:
    if len(arrows.drawn) == arrows.between:
        return ""
    drawn = f"{number_text(len(arrows.drawn))} of {plural(arrows.between, 'reference')}"
    return f" · {drawn} are drawn as arrows, the others as numbers (#)"
