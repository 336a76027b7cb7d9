"""`pmemobj.inspect.Graph` to DOT.

Each object is a table with a row for each slot. A plain value stands in its row; a reference is an
arrow from its row to the table of the object, so that shared objects and cycles are seen as such.
The name of a node is made of the object's offset, its identity: the same object has the same name in
every frame of a series, also when it is no longer there and drawn as a ghost.
"""

from __future__ import annotations

from collections.abc import Iterator

import graphviz

from pmemobj.inspect import UNREACHABLE, Graph
from pmemobj_magics.display import number_text, plural
from pmemobj_magics.views.graph.arrows import Arrows, Place
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
    # Bounds on how long graphviz looks for a better layout.
    "nslimit": "2",
    "nslimit1": "2",
    "mclimit": "0.3",
}
_NODE = {"shape": "plain", "fontname": FONT, "fontsize": "12", "fontcolor": TEXT}
_EDGE = {"color": "#52607a", "arrowsize": "0.7"}


#: Around the doomed.
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
        looks: What is new, changed, removed or doomed in it.
        layout: How it is arranged.
        name: What to call the value where it begins.
        offsets: Whether to show each object's offset and size.
    """
    arrows = Arrows(graph, looks)
    caption = f"{footer(graph, looks.comparison)}{_arrows_note(arrows)}"
    # Lines of a label end in \l where they are to stand on the left.
    attributes = {**_GRAPH, **layout.attributes, "label": f"{graphviz.escape(caption)}\\l"}
    dot = graphviz.Digraph(graph_attr=attributes, node_attr=_NODE, edge_attr=_EDGE, engine=layout.engine)
    dot.node("start", start_label(graph.start, name, _start_note(graph, looks)))
    if graph.start.target in graph.nodes:
        dot.edge("start", f"{node_name(graph.start.target)}:head{layout.arrives}")
    for node in graph.nodes.values():
        dot.node(node_name(node.offset), node_label(node, arrows, looks, offsets=offsets))
    if graph.unreachable:
        with dot.subgraph(name="cluster_doomed", graph_attr={**_APART, "label": UNREACHABLE}) as apart:
            for node in graph.unreachable.values():
                apart.node(node_name(node.offset), node_label(node, arrows, looks, offsets=offsets))
    for node in looks.removed.values():
        dot.node(node_name(node.offset), node_label(node, arrows, looks, offsets=offsets))
    for source, target, look in _edges(arrows, looks, layout):
        dot.edge(source, target, **look)
    return dot


def _edges(arrows: Arrows, looks: Looks, layout: Layout) -> Iterator[tuple[str, str, dict[str, str]]]:
    for place, target in arrows.drawn.items():
        yield *_ends(place, target, layout), _line(place, looks)
    for place, target in arrows.ghosts.items():
        yield *_ends(place, target, layout), _NO_LONGER


def _ends(place: Place, target: int, layout: Layout) -> tuple[str, str]:
    source, column, number = place
    # One's own head is reached from above; from the side the arrow would cross the table.
    head = "head:n" if target == source else f"head{layout.arrives}"
    row = f"{'v' if column == 'w' else column}{number}"
    return f"{node_name(source)}:{row}{layout.leaves}", f"{node_name(target)}:{head}"


def _line(place: Place, looks: Looks) -> dict[str, str]:
    """How the arrow of a reference looks: like its slot."""
    color = looks.slot(place[0], place[2]).color
    line = {"style": "dashed"} if looks.line == DASHED else {}
    return {} if color == _EDGE["color"] else {"color": color, "penwidth": "1.8", **line}


def _start_note(graph: Graph, looks: Looks) -> str:
    """What stood at the beginning before, if that was something else."""
    if looks.comparison is None:
        return ""
    old = looks.comparison.before.start
    return "" if (old.text, old.target) == (graph.start.text, graph.start.target) else f"was {old.text}"


def _arrows_note(arrows: Arrows) -> str:
    if len(arrows.drawn) == arrows.between:
        return ""
    return f" · {number_text(len(arrows.drawn))} of {plural(arrows.between, 'reference')} drawn, the others by number"
