"""HTML that needs neither a script nor a style sheet, and files in the format that their ending names."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pmemobj_magics.errors import MagicUsageError

__all__ = ["details", "image", "page", "svg_file", "write_file"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
:root {{ color-scheme: light dark }} body {{ margin: 1rem; font-family: sans-serif; line-height: 1.5 }}
svg, img {{ max-width: 100%; height: auto }}
</style></head>
<body>{body}</body>
</html>
"""


def page(title: str, body: str) -> bytes:
    """A complete HTML file that loads nothing and follows the reader's light or dark theme; `body` is HTML."""
    return _PAGE.format(title=html.escape(title), body=body).encode()


def svg_file(svg: str) -> bytes:
    """The content of an SVG file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}\n'.encode()


def details(summary: str, content: str) -> str:
    """A summary that unfolds its content at a click, without a script; both are HTML."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def image(svg: str, alt: str) -> str:
    """A drawing as an ``<img>``, because JupyterLab removes SVG from the HTML of notebooks that are not trusted."""
    data = base64.b64encode(svg.encode()).decode()
    width = svg.partition(' width="')[2].partition('"')[0]
    look = f"max-width:100%; width:{width}px; height:auto"
    return f'<img alt="{html.escape(alt)}" style="{look}" src="data:image/svg+xml;base64,{data}">'


def write_file(what: str, path: str | os.PathLike[str], writers: Mapping[str, Callable[[], bytes]]) -> None:
    """Write something to a file, in the format that the file's ending names.

    Args:
        what: What is written, as an error calls it.
        path: The file.
        writers: The functions that make the content, by ending.

    Raises:
        MagicUsageError: the ending is another one, or the file cannot be written.
    """
    place = Path(path)
    doing = f"save {what} as {place}"
    writer = writers.get(place.suffix.lower())
    if writer is None:
        *others, last = writers
        todo = f"use {', '.join(others)} or {last}" if others else f"use {last}"
        raise MagicUsageError(doing, "the ending names the format, and this one is unknown", todo)
    try:
        place.write_bytes(writer())
    except OSError as error:
        raise MagicUsageError(doing, error.strerror or str(error), "choose another place") from None
