"""`Table`: a title and rows, shown as aligned text and as an HTML table."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

__all__ = ["Table"]


class Table:
    """A title and rows of text.

    Args:
        title: The line above the rows.
        rows: The cells; all rows have the same length.
        header: The names of the columns; without them the first column names the rows.
    """

    def __init__(self, title: str, rows: Sequence[Sequence[str]] = (), header: Sequence[str] = ()) -> None:
        self.title = title
        self.rows = [tuple(row) for row in rows]
        self.header = tuple(header)

    def __repr__(self) -> str:
        lines = [self.header, *self.rows] if self.header else self.rows
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        texts = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
        return "\n".join([self.title, *(f"  {text}" for text in texts)])

    def _repr_html_(self) -> str:
        head = _row(self.header, "th") if self.header else ""
        body = "".join(_row(row, "td", first="td" if self.header else "th") for row in self.rows)
        table = f'<table class="pmem-table">{head}{body}</table>' if self.rows else ""
        return f'<div class="pmem"><strong>{html.escape(self.title)}</strong>{table}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _row(cells: Sequence[str], tag: str, first: str = "") -> str:
    """One row; its cells are aligned to the left, because notebooks align tables to the right."""
    tags = [first or tag, *([tag] * (len(cells) - 1))]
    texts = (f'<{t} style="text-align:left">{html.escape(c)}</{t}>' for t, c in zip(tags, cells, strict=True))
    return f"<tr>{''.join(texts)}</tr>"
