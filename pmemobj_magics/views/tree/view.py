"""`PoolTree`: the objects of a pool as a tree, which shows and saves itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pmemobj.inspect import Graph
from pmemobj_magics.common.pages import page, write_file
from pmemobj_magics.views.tree.summary import footer, whole_html, whole_text

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
        return whole_text(self.graph, self.comparison, self.name, self._offsets, self._holders)

    @property
    def html(self) -> str:
        """The tree as HTML, which unfolds without a script."""
        return whole_html(self.graph, self.comparison, self.name, self._offsets, self._holders)

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
