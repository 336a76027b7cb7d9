"""Graphs of the same pool at several moments: what differs, and the part of each to draw.

They are walked whole, to be compared; what is drawn of them has limits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from pmemobj.inspect import Edge, Graph, Node, differences

__all__ = ["clip", "news"]


def clip(graph: Graph, max_nodes: int, max_items: int) -> Graph:
    """What a walk with these limits would have found."""
    nodes: dict[int, Node] = {}
    edges: list[Edge] = []
    waiting = deque([graph.start.target])
    seen = {graph.start.target}
    while waiting and len(nodes) < max_nodes:
        node = graph.nodes.get(waiting.popleft() or 0)
        if node is None:
            continue
        node = nodes[node.offset] = replace(node, slots=node.slots[:max_items])
        for edge in _edges(node):
            edges.append(edge)
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return replace(graph, nodes=nodes, edges=tuple(edges))


def _edges(node: Node) -> list[Edge]:
    edges = []
    for slot in node.slots:
        for target, label in ((slot.key_target, f"key {slot.label}"), (slot.target, slot.label)):
            if target is not None:
                edges.append(Edge(node.offset, target, label))
    return edges


def news(before: Graph, after: Graph) -> dict[int, str]:
    """``new`` or ``changed`` for the objects that are; where an object stands in the picture does not count."""
    changes = differences(before, after).items()
    return {offset: change.kind for offset, change in changes if change.kind != "removed"}
