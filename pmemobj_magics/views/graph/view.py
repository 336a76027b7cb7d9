"""`PoolGraph`: a picture of a pool that shows itself as SVG, as text, or as a tree, and saves itself."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from typing import Any

from pmemobj.inspect import Comparison, Graph, Node
from pmemobj_magics.common.pages import page, svg_file, write_file
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph.dot import node_name, to_dot
from pmemobj_magics.views.graph.layout import find_layout
from pmemobj_magics.views.graph.look import Looks
from pmemobj_magics.views.graph.svg import render, tidy
from pmemobj_magics.views.tree import footer, whole_html, whole_text

__all__ = ["PoolGraph"]


class PoolGraph:
    """The objects of a pool and their references, as they were when the picture was made.

    A notebook shows it as SVG, or as a tree without graphviz; ``print()`` writes the tree as text.

    Args:
        graph: What a walk found.
        name: The name of the value at which the graph begins: the root, or an expression.
        offsets: Whether to show the offset and the size of each object.
        marks: ``new`` or ``changed`` for some objects, by offset, if there is no earlier graph.
        before: An earlier graph of the pool, from which differences are marked. Without it, in a transaction, the
            state at its beginning is used.
        layout: One of `LAYOUTS`.
        holders: The variables that keep unreachable objects, by the offset of the object.
        frame: A text that is different for each drawing of a series, so that their ids differ.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        name: str = "",
        offsets: bool = False,
        marks: Mapping[int, str] | None = None,
        before: Graph | None = None,
        layout: str = "LR",
        holders: Mapping[int, str] | None = None,
        frame: str = "",
    ) -> None:
        self.graph = graph
        self.name = name or graph.start.label
        #: The differences from the earlier graph, or None.
        self.comparison = graph.uncommitted if before is None else Comparison(before, graph)
        self._looks = Looks(self.comparison, marks or {}, graph.unreachable, holders or {})
        self._layout = find_layout(layout)
        self._offsets = offsets
        self._dot = to_dot(graph, self._looks, self._layout, name=self.name, offsets=offsets)
        self._frame = frame
        self._svg: str | None = None

    @property
    def dot(self) -> str:
        """The drawing in graphviz's language."""
        return str(self._dot.source)

    @property
    def svg(self) -> str:
        """The drawing as SVG.

        Raises:
            DrawingError: graphviz is missing or failed.
        """
        if self._svg is None:
            digest = hashlib.sha1(f"{self._frame}\0{self.dot}".encode()).hexdigest()
            nodes = [*self.graph.shown.values(), *self._looks.removed.values()]
            titles = {node_name(node.offset): _title(node, self._looks) for node in nodes}
            titles["start"] = self.name
            drawn = render(self.dot, "svg", self._layout.engine)
            self._svg = tidy(drawn, prefix=f"pmem-{digest[:8]}", label=repr(self), titles=titles)
        return self._svg

    @property
    def tree(self) -> str:
        """The objects as a tree of text."""
        return whole_text(self.graph, self.comparison, self.name, self._offsets, self._looks.holders)

    def __repr__(self) -> str:
        differs = "" if self.comparison is None else f"; {self._difference(self.comparison)}"
        return f"PoolGraph({self.graph.summary}{differs})"

    @staticmethod
    def _difference(comparison: Comparison) -> str:
        return f"{'uncommitted' if comparison.is_uncommitted else 'since the earlier graph'}: {comparison.summary}"

    def __str__(self) -> str:
        return self.tree

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        if _shows_text_only():
            return {"text/plain": f"{self!r}\n{self.tree}"}
        try:
            return {"text/plain": repr(self), "image/svg+xml": self.svg}
        except DrawingError as error:
            text = f"{self.tree}\n({error.why}; {error.todo})"
            return {"text/plain": f"{self!r}\n{text}", "text/html": self._tree_html(error)}

    def _tree_html(self, error: DrawingError) -> str:
        note = f" ({error.why}; {error.todo})"
        return whole_html(self.graph, self.comparison, self.name, self._offsets, self._looks.holders, note)

    # ---- files ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, in the format that its ending names: .svg, .png, .dot or .html.

        The HTML is one file that loads nothing.

        Raises:
            MagicUsageError: the ending is another one, or the file cannot be written.
            DrawingError: the ending is .svg or .png, and graphviz is missing or failed.
        """
        writers = {
            ".svg": lambda: svg_file(self.svg),
            ".png": self._png_file,
            ".dot": self.dot.encode,
            ".html": self._page,
        }
        write_file("the graph", path, writers)

    def _png_file(self) -> bytes:
        dot = self._dot.copy()
        dot.graph_attr.update(bgcolor="#fbfcfe", dpi="144")
        return render(dot.source, "png", self._layout.engine)

    def _page(self) -> bytes:
        try:
            body = self.svg
        except DrawingError as error:
            body = self._tree_html(error)
        return page(footer(self.graph, self.comparison), body)


def _shows_text_only() -> bool:
    """Whether this is IPython in a terminal, which would show one line of text in place of a picture."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and set(shell.display_formatter.active_types) == {"text/plain"}


def _title(node: Node, looks: Looks) -> str:
    return ": ".join([node.type, ", ".join([node.text, *looks.of(node).words])])
