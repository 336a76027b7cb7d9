"""Graphs of one pool at several moments: their differences, and the part of each graph that is drawn.

The graphs are complete so that they can be compared; only a part of them within limits is drawn.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from pmemobj.inspect import Edge, Graph, Node, differences

__all__ = ["clip", "news"]


def clip(graph: Graph, max_nodes: int, max_items: int) -> Graph:
    """The part of a graph that a walk with these limits would have found."""
    nodes: dict[int, Node] = {}
    edges: list[Edge] = []
    waiting = deque([graph.start.target])
    seen = {graph.start.target}
    while waiting and len(nodes) < max_nodes:
        node = graph.nodes.get(waiting.popleft() or 0)
        if node is None:
            continue
        node = nodes[node.offset] = replace(node, slots=node.slots[:max_items])
        for edge in node.edges:
            edges.append(edge)
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return replace(graph, nodes=nodes, edges=tuple(edges))


def news(before: Graph, after: Graph) -> dict[int, str]:
    """``new`` or ``changed`` for each object that is; the position of an object in a picture does not count."""
    changes = differences(before, after).items()
    return {offset: change.kind for offset, change in changes if change.kind != "removed"}
