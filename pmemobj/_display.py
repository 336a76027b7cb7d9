"""What a notebook shows of graphs, trees and persistent objects.

The package that draws them is installed beside this one, and announces itself through entry points of the group
`pmemobj.display`. They are looked up when something is displayed for the first time, so a program without a notebook
never loads what draws. Where none is installed, or what draws cannot be imported, the text alone is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

__all__ = ["graph", "thing", "tree"]

Bundle = dict[str, str]

_GROUP = "pmemobj.display"


def graph(graph: Any) -> Bundle:
    """A picture of a graph; or its text."""
    draw = _hook("graph")
    return {"text/plain": str(graph)} if draw is None else draw(graph)


def tree(tree: Any) -> Bundle:
    """A tree that can be unfolded; or its text."""
    draw = _hook("tree")
    return {"text/plain": repr(tree)} if draw is None else draw(tree)


def thing(thing: Any) -> Bundle:
    """The repr of a persistent object, and a small tree of it to unfold.

    Returns:
        The texts by their MIME types. It is empty, so that IPython shows the object as if it had no bundle, where its
        class has methods for display of its own, or the object cannot be read: then the error from its repr says why.
    """
    if _shows_itself(type(thing)):
        return {}
    try:
        text = repr(thing)
    except Exception:
        return {}
    draw = _hook("object")
    return {"text/plain": text} if draw is None else draw(thing, text)


@cache
def _hook(name: str) -> Callable[..., Bundle] | None:
    """The function that draws things of one kind (``graph``, ``tree``, ``object``); None if there is none."""
    from importlib.metadata import entry_points  # here, since it takes as long to import as half of this package

    for point in entry_points(group=_GROUP, name=name):
        try:
            found: Callable[..., Bundle] = point.load()
        except ImportError:
            continue
        return found
    return None


def _shows_itself(cls: type) -> bool:
    """Whether a class has IPython's methods for display, apart from the one that all persistent objects have."""
    return any(
        name.startswith("_repr_") and name.endswith("_") and name != "_repr_mimebundle_"
        for base in cls.__mro__
        for name in vars(base)
    )
