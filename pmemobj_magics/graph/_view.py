"""`PoolGraph`: a picture of a pool that shows itself as SVG, as text, or as a tree, and saves itself."""

from __future__ import annotations

import hashlib
import html
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pmemobj.inspect import Graph
from pmemobj_magics.display import number_text, plural
from pmemobj_magics.errors import DrawingError, MagicUsageError
from pmemobj_magics.graph._dot import footer, node_name, to_dot
from pmemobj_magics.graph._svg import render, tidy
from pmemobj_magics.graph._tree import to_tree

__all__ = ["PoolGraph"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ margin: 1rem; font-family: sans-serif }} svg {{ max-width: 100%; height: auto }}</style></head>
<body>{body}</body>
</html>
"""


class PoolGraph:
    """The objects of a pool and their references, as they were when the picture was asked for.

    In a notebook it is an SVG, and without graphviz a tree; ``print()`` writes the tree anywhere.

    Args:
        graph: What a walk found.
        name: What to call the value where it begins: the root, or an expression.
        offsets: Whether to show each object's offset and size.
        marks: ``new`` or ``changed`` for some objects, by offset.
        frame: Tells drawings of one series apart, so that their ids differ.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        name: str = "root",
        offsets: bool = False,
        marks: Mapping[int, str] | None = None,
        frame: str = "",
    ) -> None:
        self.graph = graph
        self.name = name
        self._dot = to_dot(graph, name=name, offsets=offsets, marks=marks)
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
            titles = {node_name(node.offset): f"{node.type}: {node.text}" for node in self.graph.nodes.values()}
            titles["start"] = self.name
            drawn = render(self.dot, "svg")
            self._svg = tidy(drawn, prefix=f"pmem-{digest[:8]}", label=repr(self), titles=titles)
        return self._svg

    @property
    def tree(self) -> str:
        """The objects as a tree of text."""
        return f"{to_tree(self.graph, self.name)}\n{footer(self.graph)}"

    def __repr__(self) -> str:
        graph = self.graph
        start = "root" if self.name == "root" else "start"
        drawn = sum(edge.target in graph.nodes for edge in graph.edges)
        counts = [plural(len(graph.nodes), "node"), plural(drawn, "edge")]
        if graph.hidden:
            counts.append(f"{number_text(graph.hidden)} hidden")
        damaged = sum(bool(node.damage) for node in graph.nodes.values())
        if damaged:
            counts.append(f"{damaged} damaged")
        return f"PoolGraph({start}={graph.start.text}, {', '.join(counts)})"

    def __str__(self) -> str:
        return self.tree

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"text/plain": repr(self), "image/svg+xml": self.svg}
        except DrawingError as error:
            text = f"{self.tree}\n({error.why}; {error.todo})"
            return {"text/plain": f"{self!r}\n{text}", "text/html": f"<pre>{html.escape(text)}</pre>"}

    # ---- files ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file; its ending says in which form: .svg, .png, .dot or .html.

        The HTML is one file that loads nothing.

        Raises:
            MagicUsageError: another ending, or the file cannot be written.
            DrawingError: .svg or .png without graphviz.
        """
        what = f"save the graph as {os.fspath(path)}"
        writers = {".svg": self._svg_file, ".png": self._png_file, ".dot": self.dot.encode, ".html": self._page}
        writer = writers.get(Path(path).suffix.lower())
        if writer is None:
            raise MagicUsageError(
                what, "the ending says the form, and this one is unknown", "use .svg, .png, .dot or .html"
            )
        try:
            Path(path).write_bytes(writer())
        except OSError as error:
            raise MagicUsageError(what, error.strerror or str(error), "choose another place") from None

    def _svg_file(self) -> bytes:
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{self.svg}\n'.encode()

    def _png_file(self) -> bytes:
        dot = self._dot.copy()
        dot.graph_attr.update(bgcolor="#fbfcfe", dpi="144")
        return render(dot.source, "png")

    def _page(self) -> bytes:
        try:
            body = self.svg
        except DrawingError:
            body = f"<pre>{html.escape(self.tree)}</pre>"
        return _PAGE.format(title=html.escape(footer(self.graph)), body=body).encode()
