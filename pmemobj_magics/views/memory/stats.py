"""`StatsPicture`: what takes the space in a pool, as a picture and as a table.

The picture shows the same bytes in three ways: the whole file as one bar, the file from its beginning to its end as a
map, and the objects by type.
"""

from __future__ import annotations

import os
from typing import Any

from pmemobj import PoolStats
from pmemobj_magics.common.pages import page, svg_file, write_file
from pmemobj_magics.common.svg import FAINT, label, panel, text_width
from pmemobj_magics.common.tables import Table
from pmemobj_magics.common.texts import number_text, plural, size_text
from pmemobj_magics.views.memory.blocks import (
    CELL,
    MARGIN,
    MOST_TYPES,
    ROW,
    WIDTH,
    block,
    density_map,
    percent,
    whole_bar,
)

__all__ = ["StatsPicture"]

_COLOURS = ("#0b5cad", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#7b2d8e")
_OTHER = "#9aa3b2"
_MAP_TITLE = "the file from its beginning to its end; a darker cell is fuller"


class StatsPicture:
    """What takes the space in a pool, as it was when the picture was made.

    A notebook shows it as SVG, a terminal as a table.

    Args:
        stats: What `PersistentObjectPool.stats` found.
        name: The name of the pool for the user.
        file: The path of its file.
    """

    def __init__(self, stats: PoolStats, name: str, file: str) -> None:
        self.stats, self.name, self.file = stats, name, os.path.basename(file)

    @property
    def _title(self) -> str:
        return f"What takes the space in {self.name}"

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        stats = self.stats
        right = MARGIN + text_width(self.name, 13, mono=True) + 10
        parts = [
            label(MARGIN, 20, self.name, 13, mono=True, font_weight="bold"),
            label(right, 20, _headline(self.file, stats), 12, fill=FAINT),
            whole_bar(stats, 38),
            *density_map(stats, 106, _MAP_TITLE),
        ]
        body, height = _types(stats, 106 + 2 * CELL + 44)
        return panel(WIDTH, height, self._title, "".join([*parts, *body]))

    def __repr__(self) -> str:
        stats = self.stats
        facts = [
            ("used", size_text(stats.used), percent(stats.used, stats.size)),
            ("free", size_text(stats.free), percent(stats.free, stats.size)),
            ("libpmemobj's overhead", size_text(stats.overhead), percent(stats.overhead, stats.size)),
        ]
        rows = [
            (
                _type_name(name),
                number_text(one.count) if one.count else "",
                size_text(one.size),
                percent(one.size, stats.used),
            )
            for name, one in stats.types.items()
        ]
        space = Table(f"{self.name}: {self.file}, {size_text(stats.size)}", facts)
        types = Table("used space by type:", rows, ("type", "count", "size", "share"))
        return f"{space!r}\n{types!r}" if rows else repr(space)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, in the format that its ending names: .svg, .html or .txt.

        Raises:
            MagicUsageError: the ending is another one, or the file cannot be written.
        """
        writers = {
            ".svg": lambda: svg_file(self.svg),
            ".html": lambda: page(self._title, self.svg),
            ".txt": lambda: f"{self!r}\n".encode(),
        }
        write_file("the statistics", path, writers)


def _headline(file: str, stats: PoolStats) -> str:
    objects = plural(sum(one.count for one in stats.types.values()), "object")
    return f"{file} · {size_text(stats.size)} · {objects} · {stats.medium.short}"


def _type_name(name: str) -> str:
    return "belongs to no object" if name == "other" else name


def _colour(number: int, name: str) -> str:
    return _OTHER if name == "other" or number >= len(_COLOURS) else _COLOURS[number]


def _types(stats: PoolStats, top: float) -> tuple[list[str], float]:
    """A row for each type, and the height of the picture."""
    parts = [label(MARGIN, top - 10, "used space by type", 11, fill=FAINT)]
    rows = list(stats.types.items())
    most = max((one.size for _, one in rows), default=1)
    for number, (name, one) in enumerate(rows[:MOST_TYPES]):
        middle = top + ROW * (number + 0.5)
        count = number_text(one.count) if one.count else ""
        parts.append(block(MARGIN, middle - 6, 14, 12, _colour(number, name)))
        shown = _type_name(name)
        parts.append(label(MARGIN + 22, middle, shown if len(shown) <= 34 else f"{shown[:33]}…", 11))
        parts.append(label(330, middle, count, 11, text_anchor="end"))
        parts.append(label(420, middle, size_text(one.size), 11, text_anchor="end"))
        parts.append(block(436.0, middle - 6, max(2.0, 260 * one.size / most), 12, _colour(number, name)))
        parts.append(label(WIDTH - MARGIN, middle, percent(one.size, stats.used), 11, text_anchor="end", fill=FAINT))
    end = top + ROW * min(len(rows), MOST_TYPES)
    if len(rows) > MOST_TYPES:
        left = rows[MOST_TYPES:]
        size = size_text(sum(one.size for _, one in left))
        parts.append(label(MARGIN, end + ROW / 2, f"and {plural(len(left), 'more type')}, {size}", 11, fill=FAINT))
        end += ROW
    if not rows:
        parts.append(label(MARGIN, end + ROW / 2, "nothing is used", 11))
        end += ROW
    return parts, end + 12
