"""A graph as an image with a caption, for HTML that may be shown where a notebook is not trusted."""

from __future__ import annotations

import html

from pmemobj_magics.common.pages import image
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph.view import PoolGraph

__all__ = ["figure"]


def figure(title: str, graph: PoolGraph) -> str:
    """The drawing of a graph below its title; without graphviz its tree as text."""
    try:
        picture = image(graph.svg, repr(graph))
    except DrawingError as error:
        return _titled(title, f"<pre>{html.escape(graph.tree)}\n({html.escape(error.todo)})</pre>", "")
    # All figures of a row have one scale, so a figure that moves to the next line in a narrow window does not grow.
    return _titled(title, picture, "flex:0 1 auto; max-width:100%")


def _titled(title: str, content: str, style: str) -> str:
    caption = f"<figcaption><strong>{html.escape(title)}</strong></figcaption>"
    return f'<figure style="margin:0; {style}">{caption}{content}</figure>'
