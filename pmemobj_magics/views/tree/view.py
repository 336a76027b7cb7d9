"""`PoolTree`: the objects of a pool as a tree, which shows and saves itself."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from typing import Any

from pmemobj.inspect import Graph, tree_text
from pmemobj_magics.common.pages import page, write_file
from pmemobj_magics.views.tree.html import to_html
from pmemobj_magics.views.tree.summary import footer

__all__ = ["PoolTree"]


class PoolTree:
    """The objects of a pool as a tree, as they were when the tree was made.

    Args:
        graph: What a walk found.
        name: The name of the value at which the tree begins: the root, or an expression.
        offsets: Whether to show the offset of each object.
        holders: The variables that keep unreachable objects, by the offset of the object.
    """

    def __init__(
        self, graph: Graph, *, name: str = "", offsets: bool = False, holders: Mapping[int, str] | None = None
    ) -> None:
        self.graph = graph
        self.name = name or graph.start.label
        self.comparison = graph.uncommitted
        self._offsets = offsets
        self._holders = dict(holders or {})

    @property
    def text(self) -> str:
        """The tree as text."""
        tree = tree_text(self.graph, self.comparison, self.name, self._offsets, self._holders)
        return f"{tree}\n{footer(self.graph, self.comparison)}"

    @property
    def html(self) -> str:
        """The tree as HTML, which unfolds without a script."""
        tree = to_html(self.graph, self.comparison, self.name, self._offsets, self._holders)
        below = html.escape(footer(self.graph, self.comparison))
        return f'<div>{tree}<small style="opacity:.7">{below}</small></div>'

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tree to a file, in the format that its ending names: .html or .txt.

        The HTML is one file that loads nothing.

        Raises:
            MagicUsageError: the ending is another one, or the file cannot be written.
        """
        writers = {".html": self._page, ".txt": f"{self.text}\n".encode}
        write_file("the tree", path, writers)

    def _page(self) -> bytes:
        return page(footer(self.graph, self.comparison), self.html)
