"""Texts and tables: how results look in a terminal and in a notebook.

Nothing here knows pools or IPython; the objects carry ``_repr_mimebundle_``, which IPython looks for.
"""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pmemobj_magics.errors import MagicUsageError

__all__ = [
    "Table",
    "count_short",
    "count_text",
    "number_text",
    "page",
    "plural",
    "shows_text_only",
    "size_text",
    "write_file",
]

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def size_text(size: int) -> str:
    """A number of bytes for people: ``16 MiB``, ``12.9 MiB``, ``312 bytes``."""
    if size < 1024:
        return plural(size, "byte")
    value = float(size)
    for unit in _UNITS:
        value /= 1024
        if value < 1024 or unit == _UNITS[-1]:
            break
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def number_text(number: int) -> str:
    """A number with its thousands apart: ``12 431``."""
    return f"{number:,}".replace(",", " ")


def count_short(number: int) -> str:
    """The same, and a power of ten for what is beyond counting: ``3.2e+87``, ``10^5321``."""
    if number < 10**9:
        return number_text(number)
    return f"{float(number):.1e}" if number < 10**300 else f"10^{math.floor(math.log10(number))}"


def plural(number: int, noun: str) -> str:
    """``1 node``, ``2 nodes``, ``12 431 nodes``."""
    return f"{number_text(number)} {noun}{'' if number == 1 else 's'}"


def count_text(shown: int, total: int | None) -> str:
    """How much of a whole is shown: ``12 objects``, ``showing 200 of 12 431 objects``."""
    if total is None:
        return f"showing {plural(shown, 'object')}; damage prevents counting the others"
    if shown < total:
        return f"showing {number_text(shown)} of {plural(total, 'object')}"
    return plural(total, "object")


def shows_text_only() -> bool:
    """Whether this is IPython in a terminal, where a picture would be a single line of text."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and set(shell.display_formatter.active_types) == {"text/plain"}


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
:root {{ color-scheme: light dark }} body {{ margin: 1rem; font-family: sans-serif; line-height: 1.5 }}
svg {{ max-width: 100%; height: auto }}
</style></head>
<body>{body}</body>
</html>
"""


def page(title: str, body: str) -> bytes:
    """A whole HTML file that loads nothing, light or dark as the reader likes; `body` is HTML."""
    return _PAGE.format(title=html.escape(title), body=body).encode()


def write_file(what: str, path: Path, writers: Mapping[str, Callable[[], bytes]]) -> None:
    """Write `what` to a file, in the form that its ending says.

    Args:
        what: How to call it in an error.
        path: The file.
        writers: What gives the bytes, by ending.

    Raises:
        MagicUsageError: another ending, or the file cannot be written.
    """
    doing = f"save {what} as {path}"
    writer = writers.get(path.suffix.lower())
    if writer is None:
        *others, last = writers
        raise MagicUsageError(
            doing, "the ending says the form, and this one is unknown", f"use {', '.join(others)} or {last}"
        )
    try:
        path.write_bytes(writer())
    except OSError as error:
        raise MagicUsageError(doing, error.strerror or str(error), "choose another place") from None


class Table:
    """A title and rows of text, shown as a table.

    Args:
        title: What stands above it.
        rows: The cells; all rows equally long.
        header: Names of the columns; without them the first column names the rows.
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
    """One row; left-aligned, because notebooks align tables to the right."""
    tags = [first or tag, *([tag] * (len(cells) - 1))]
    texts = (f'<{t} style="text-align:left">{html.escape(c)}</{t}>' for t, c in zip(tags, cells, strict=True))
    return f"<tr>{''.join(texts)}</tr>"
