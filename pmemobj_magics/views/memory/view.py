"""`MemoryPicture`: an object's bytes, which show themselves as a picture and as text, and save themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pmemobj.inspect import Memory
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.views.memory.picture import to_svg

__all__ = ["MemoryPicture", "save"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ margin: 1rem; font-family: sans-serif }} svg {{ max-width: 100%; height: auto }}</style></head>
<body>{svg}</body>
</html>
"""


class MemoryPicture:
    """The memory of an object, as it was when the picture was asked for.

    In a notebook it is an SVG, elsewhere a table of text.

    Args:
        memory: What `pmemobj.inspect.memory` found.
        name: What the user calls the object.
        offsets: Whether to tell where its allocations lie in the pool.
    """

    def __init__(self, memory: Memory, name: str = "", *, offsets: bool = False) -> None:
        self.memory = memory
        self.name = name or memory.type
        self.offsets = offsets

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return to_svg(self.memory, self.name, self.offsets)

    def __repr__(self) -> str:
        return f"{self.name}: {self.memory.text(self.offsets)}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file; its ending says in which form: .svg, .html or .txt.

        The HTML is one file that loads nothing.

        Raises:
            MagicUsageError: another ending, or the file cannot be written.
        """
        save(path, "the bytes", self.svg, repr(self))


def save(path: str | os.PathLike[str], what: str, svg: str, text: str) -> None:
    """Write a picture, or the text for it, as the ending of the path says."""
    what = f"save {what} as {os.fspath(path)}"
    title = svg.partition("<title>")[2].partition("</title>")[0]
    forms = {
        ".svg": f'<?xml version="1.0" encoding="UTF-8"?>\n{svg}\n',
        ".html": _PAGE.format(title=title, svg=svg),
        ".txt": f"{text}\n",
    }
    content = forms.get(Path(path).suffix.lower())
    if content is None:
        raise MagicUsageError(what, "the ending says the form, and this one is unknown", "use .svg, .html or .txt")
    try:
        Path(path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise MagicUsageError(what, error.strerror or str(error), "choose another place") from None
