"""The explorer without a kernel and without scripts: the graph as an image, and the tree, in plain HTML."""

from __future__ import annotations

import html
from typing import Any

from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.crash.looks import details, figure
from pmemobj_magics.views.graph import PoolGraph

__all__ = ["StaticPicture", "page"]


class StaticPicture:
    """A picture that stands folded below an explorer.

    JupyterLab shows an error where a notebook has lost its widgets, not the HTML that comes with them; so this is an
    output of its own. Its text never changes, as the picture does with each update of the explorer.
    """

    def __init__(self, page: str) -> None:
        self._page = page

    def __repr__(self) -> str:
        return "(the same as a picture, which needs no kernel)"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": details("the same as a picture", self._page)}


def page(picture: PoolGraph, tree: str) -> str:
    """The graph as an image and the tree, which is HTML; the tree alone where there is no graphviz."""
    try:
        picture.svg  # noqa: B018 - drawn now, or not at all
    except DrawingError as error:
        return f'<div class="pmem-explored">{tree}<p>({html.escape(error.why)}; {html.escape(error.todo)})</p></div>'
    return f'<div class="pmem-explored">{figure("graph", picture)}{tree}</div>'
