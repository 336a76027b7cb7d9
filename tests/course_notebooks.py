"""The cells of the notebooks, for the tests of what they ask."""

from __future__ import annotations

import json
import linecache
import os
from pathlib import Path
from typing import Any

#: Where the pools of checks lie in tests, for ``tempfile.tempdir``: a commit costs microseconds there.
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def cell(notebook: str, start: str, which: int = 0) -> str:
    """The code of a notebook that begins like this, the first one or another."""
    cells = json.loads((NOTEBOOKS / notebook).read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [source for source in sources if source.startswith(start)][which]


def run(source: str, variables: dict[str, Any]) -> None:
    """Run a cell; its lines can be told."""
    linecache.cache["<cell>"] = len(source), None, source.splitlines(keepends=True), "<cell>"
    exec(compile(source, "<cell>", "exec"), variables)


def changed(source: str, *changes: str) -> str:
    """The cell with parts of it replaced, each of which it must have: old, new, old, new, ..."""
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    return source
