"""What `pmemobj` calls to display graphs, trees and persistent objects: its entry points `pmemobj.display`.

`pmemobj` looks for these functions by their entry points (see pyproject.toml) and knows nothing else of this package.
"""

from __future__ import annotations

from pmemobj import Persistent, inspect
from pmemobj_magics.views.graph import PoolGraph
from pmemobj_magics.views.tree import PoolTree, small_tree

__all__ = ["graph", "tree", "tree_of_object"]

#: How many objects, entries of each object, and steps the small tree of an object shows at the most.
_MOST_NODES, _MOST_ITEMS, _MOST_DEPTH = 30, 20, 4


def graph(graph: inspect.Graph) -> dict[str, str]:
    """A picture of a graph."""
    return PoolGraph(graph)._repr_mimebundle_()


def tree(tree: inspect.Tree) -> dict[str, str]:
    """A tree that can be unfolded, and its text."""
    return PoolTree(tree.graph, name=tree.name, offsets=tree.offsets)._repr_mimebundle_()


def tree_of_object(thing: Persistent, text: str) -> dict[str, str]:
    """The repr of a persistent object, and a small tree of it to unfold.

    Args:
        thing: The object.
        text: Its repr.

    Returns:
        The texts by their MIME types; empty if the object cannot be read.
    """
    try:
        found = inspect.nearby(thing, depth=_MOST_DEPTH, max_nodes=_MOST_NODES, max_items=_MOST_ITEMS)
    except Exception:
        return {}
    return {"text/plain": text, "text/html": small_tree(found, text)}
