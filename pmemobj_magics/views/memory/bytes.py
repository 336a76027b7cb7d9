"""`MemoryPicture`: the bytes of an object, which show and save themselves."""

from __future__ import annotations

import os
from typing import Any

from pmemobj.inspect import Memory
from pmemobj_magics.common.pages import page, svg_file, write_file
from pmemobj_magics.views.memory.layout import caption, to_svg

__all__ = ["MemoryPicture"]


class MemoryPicture:
    """The memory of an object, as it was when the picture was made.

    A notebook shows it as SVG, a terminal as a table of text.

    Args:
        memory: What `pmemobj.inspect.memory` found.
        name: The name of the object for the user.
        offsets: Whether to show the offsets of its allocations.
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
        """Write the picture to a file, in the format that its ending names: .svg, .html or .txt.

        The HTML is one file that loads nothing.

        Raises:
            MagicUsageError: the ending is another one, or the file cannot be written.
        """
        writers = {
            ".svg": lambda: svg_file(self.svg),
            ".html": lambda: page(f"The memory of {self.name}: {caption(self.memory)}", self.svg),
            ".txt": lambda: f"{self!r}\n".encode(),
        }
        write_file("the bytes", path, writers)
