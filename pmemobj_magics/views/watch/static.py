"""The explorer for viewers without a kernel and without scripts: the graph as an image, and the tree, in plain HTML."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from IPython.display import DisplayHandle

from pmemobj_magics.common.pages import details
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph import PoolGraph, figure

__all__ = ["PictureBelow", "StaticPicture", "static_html"]


class StaticPicture:
    """A folded picture below a widget.

    When a notebook has lost the state of its widgets, JupyterLab shows an error and not the HTML that belongs to a
    widget, so this picture is a separate output. Each update of the widget changes the picture, but not its text.
    """

    def __init__(self, page: str) -> None:
        self._page = page

    def __repr__(self) -> str:
        return "(static version, which needs no kernel)"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": details("static version", self._page)}


class PictureBelow:
    """Puts a static picture below a widget each time that the widget was shown, and keeps it up to date.

    Args:
        page: Makes the picture, as HTML.
    """

    def __init__(self, page: Callable[[], str]) -> None:
        self._page = page
        #: The display handle of the picture; its class has no type annotations.
        self._handle: Any = None
        self._is_due = False

    def expect(self) -> None:
        """Note that the widget is being shown; an output cannot be made before it is there."""
        self._is_due = True

    def show(self) -> None:
        """Show the picture, if the widget was shown since the last time."""
        if self._is_due:
            self._is_due = False
            if self._handle is None:
                handle: Any = DisplayHandle
                self._handle = handle()
            self._handle.display(StaticPicture(self._page()))

    def update(self) -> None:
        """Change the picture that was shown, if there is one."""
        if self._handle is not None:
            self._handle.update(StaticPicture(self._page()))


def static_html(picture: PoolGraph, tree: str) -> str:
    """The graph as an image, and below it the tree as HTML; without graphviz only the tree."""
    try:
        picture.svg  # noqa: B018 - drawing may fail, and must do so here
    except DrawingError as error:
        return f'<div class="pmem-explored">{tree}<p>({html.escape(error.why)}; {html.escape(error.todo)})</p></div>'
    return f'<div class="pmem-explored">{figure("graph", picture)}{tree}</div>'
