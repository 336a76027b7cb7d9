"""Draws the picture of the rooms on their floors: ``python docs/make_architecture.py``.

The floors are those that `tests/project/test_layers.py` enforces, so the picture says what the code does.
"""

from __future__ import annotations

import html
import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "rooms.svg"
#: What stands in the box of a room, below its name.
CAPTIONS = {
    "_pmdk": "libpmemobj, and its structures in the file",
    "_durability": "the journal, on disks",
    "_progress": "how far operations are",
    "_engine": "words, allocation, transactions, handles",
    "_files": "files, creating, growing",
    "_values": "values to words and back",
    "_hashtable": "the table of dicts and sets",
    "_containers": "list, tuple, dict, set, bytearray, array",
    "_objects": "own classes, conversion, garbage collection",
    "_inspection": "graphs, bytes, statistics",
    "_history": "what transactions did",
    "_verify": "the search for damage",
    "_lifecycle": "opening, recovery, closing",
    "_dumping": "pools as text and back",
    "errors": "every exception",
    "_format": "the bytes of a pool",
    "_text": "counts in messages",
    "_display": "what notebooks display",
    "_public_names": "how classes are called",
    "_former_names": "names that have changed",
    "_version": "the version",
    "_build_mode": "compiled or not",
    "_nocython": "without Cython",
    "inspect": "looking into a pool",
    "glance": "looking again and again",
    "pool": "the pool, for a program",
    "check": "check and its report",
    "dump": "dump, restore, resize",
    "__main__": "the command line",
    "crash": "crashes on purpose",
    "testing": "fixtures for pytest",
}
WIDTH, ROW, BOX, MARGIN = 860, 54, 44, 12
FONT = "Helvetica, Arial, sans-serif"


def floors() -> tuple[tuple[str, ...], ...]:
    """The floors, lowest first, of the test that enforces them."""
    spec = importlib.util.spec_from_file_location("layers", ROOT / "tests" / "project" / "test_layers.py")
    assert spec is not None and spec.loader is not None
    layers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layers)
    found: tuple[tuple[str, ...], ...] = layers.FLOORS
    return found


def picture() -> str:
    """The whole picture as SVG."""
    rows = [("pmemobj_magics",), *reversed(floors())]
    height = MARGIN * 2 + ROW * len(rows) + 26
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="{FONT}" role="img">',
        "<title>The rooms of pmemobj, floor by floor: imports point down</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
    ]
    for number, row in enumerate(rows):
        parts += _floor(row, MARGIN + number * ROW)
    note = "Imports point down. Rooms (blue) are private folders; grey boxes are modules at the top of the package."
    style = 'font-size="12" fill="#5b6472" text-anchor="middle"'
    parts.append(f'<text x="{WIDTH / 2}" y="{height - 14}" {style}>{note}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _floor(names: tuple[str, ...], top: int) -> list[str]:
    width = (WIDTH - MARGIN * (len(names) + 1)) / len(names)
    parts = []
    for number, name in enumerate(names):
        left = MARGIN + number * (width + MARGIN)
        is_room = name in CAPTIONS and (ROOT / "pmemobj" / name).is_dir() and name.startswith("_")
        fill, edge = ("#e4eefa", "#7fa8d6") if is_room else ("#f7f8fa", "#c3cad4")
        caption = "magics, commands and views for Jupyter" if name == "pmemobj_magics" else CAPTIONS.get(name, "")
        middle = left + width / 2
        parts += [
            f'<rect x="{left:g}" y="{top}" width="{width:g}" height="{BOX}" rx="5" fill="{fill}" stroke="{edge}"/>',
            f'<text x="{middle:g}" y="{top + 19}" font-size="14" font-weight="bold" fill="#1d2733" '
            f'text-anchor="middle">{html.escape(name)}</text>',
            f'<text x="{middle:g}" y="{top + 35}" font-size="11.5" fill="#3f4a59" '
            f'text-anchor="middle">{html.escape(caption)}</text>',
        ]
    return parts


if __name__ == "__main__":
    PICTURE.write_text(picture())
