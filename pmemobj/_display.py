"""What a notebook shows of graphs, trees and objects: pictures, where `pmemobj_magics` is there to draw them.

The one door to that package, which stands above this one: it is opened when something is displayed and not
before, so that a program without a notebook never loads it. Where it is missing, there is the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["graph", "thing", "tree"]

Bundle = dict[str, str]

#: How many objects, entries of each and steps the small tree of an object shows at the most.
SMALL = {"max_nodes": 30, "max_items": 20, "depth": 4}

#: Walks from an object, with limits; set by `inspect`.
walk_from: Callable[..., Any] | None = None


def graph(graph: Any) -> Bundle:
    """A picture of a graph; or its tree."""
    try:
        from pmemobj_magics.views.graph import PoolGraph
    except ImportError:
        return {"text/plain": str(graph)}
    return PoolGraph(graph)._repr_mimebundle_()


def tree(tree: Any) -> Bundle:
    """A tree that can be unfolded; and its text."""
    try:
        from pmemobj_magics.views.tree import PoolTree
    except ImportError:
        return {"text/plain": repr(tree)}
    return PoolTree(tree.graph, name=tree.name, offsets=tree.offsets)._repr_mimebundle_()


def thing(thing: Any) -> Bundle:
    """The repr of a persistent object, and a small tree of it to unfold.

    Nothing, so that a notebook goes on as if there were no bundle, where the class shows itself in a way of its own,
    or the object cannot be read: then its repr says why.
    """
    if _shows_itself(type(thing)):
        return {}
    try:
        text = repr(thing)
        assert walk_from is not None
        found = walk_from(thing, **SMALL)
    except Exception:
        return {}
    try:
        from pmemobj_magics.views.tree import small_tree
    except ImportError:
        return {"text/plain": text}
    return {"text/plain": text, "text/html": small_tree(found, text)}


def _shows_itself(cls: type) -> bool:
    """Whether a class has IPython's methods for display, other than that of all persistent objects."""
    return any(
        name.startswith("_repr_") and name.endswith("_") and name != "_repr_mimebundle_"
        for base in cls.__mro__
        for name in vars(base)
    )
