"""The explorer for viewers without a kernel and without scripts: the graph as an image, and the tree, in plain HTML."""

from __future__ import annotations

import html
from typing import Any

from pmemobj_magics.common.pages import details
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph import PoolGraph, figure

__all__ = ["StaticPicture", "static_html"]


class StaticPicture:
    """A folded picture below an explorer.

    When a notebook has lost the state of its widgets, JupyterLab shows an error and not the HTML that belongs to a
    widget, so this picture is a separate output. Each update of the explorer changes the picture, but not its text.
    """

    def __init__(self, page: str) -> None:
        self._page = page

    def __repr__(self) -> str:
        return "(static version, which needs no kernel)"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": details("static version", self._page)}


def static_html(picture: PoolGraph, tree: str) -> str:
    """The graph as an image, and below it the tree as HTML; without graphviz only the tree."""
    try:
        picture.svg  # noqa: B018 - drawing may fail, and must do so here
    except DrawingError as error:
        return f'<div class="pmem-explored">{tree}<p>({html.escape(error.why)}; {html.escape(error.todo)})</p></div>'
    return f'<div class="pmem-explored">{figure("graph", picture)}{tree}</div>'
