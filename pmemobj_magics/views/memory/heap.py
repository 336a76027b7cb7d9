"""What takes the space of a pool, as a picture and as a table: `pmemobj.PoolStats`, and before and after a collection.

Three views of the same bytes: the whole file as one bar, the file from its beginning to its end in small parts, and
the objects by type.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from pmemobj import PoolStats
from pmemobj_magics.display import Table, number_text, plural, size_text
from pmemobj_magics.views.memory.svg import FAINT, PANEL_EDGE, element, label, panel, text_width
from pmemobj_magics.views.memory.view import save

__all__ = ["GarbageReport", "HeapPicture"]

_WIDTH, _MARGIN, _BAR, _ROW, _CELL, _PER_ROW = 780, 16, 22, 20, 11, 64
_INNER = _WIDTH - 2 * _MARGIN
#: Types that are shown by themselves.
_MOST_TYPES = 14
_COLOURS = ("#0b5cad", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#7b2d8e")
_OTHER, _OWN, _FREE, _USED = "#9aa3b2", "#c9ced8", "#ffffff", "#0b5cad"


class HeapPicture:
    """What takes the space of a pool, as it was when the picture was asked for.

    In a notebook it is an SVG, elsewhere a table.

    Args:
        stats: What `PersistentObjectPool.stats` found.
        name: What the user calls the pool.
        file: The path of its file.
    """

    def __init__(self, stats: PoolStats, name: str, file: str) -> None:
        self.stats, self.name, self.file = stats, name, os.path.basename(file)

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        stats = self.stats
        parts = [
            label(_MARGIN, 20, self.name, 13, mono=True, font_weight="bold"),
            label(_MARGIN + text_width(self.name, 13, mono=True) + 10, 20, _headline(self.file, stats), 12, fill=FAINT),
            _whole(stats, 38),
            *_map(stats, 106, "the file from its beginning to its end: the darker a part, the more of it is taken"),
        ]
        body, height = _types(stats, 106 + 2 * _CELL + 44)
        return panel(_WIDTH, height, f"What takes the space of {self.name}", "".join([*parts, *body]))

    def __repr__(self) -> str:
        stats = self.stats
        facts = [
            ("used", size_text(stats.used), _percent(stats.used, stats.size)),
            ("free", size_text(stats.free), _percent(stats.free, stats.size)),
            ("libpmemobj's own", size_text(stats.overhead), _percent(stats.overhead, stats.size)),
        ]
        rows = [
            (
                _type_name(name),
                number_text(one.count) if one.count else "",
                size_text(one.size),
                _percent(one.size, stats.used),
            )
            for name, one in stats.types.items()
        ]
        space = Table(f"{self.name}: {self.file}, {size_text(stats.size)}", facts)
        types = Table("what is used, by type:", rows, ("type", "count", "size", "of used"))
        return f"{space!r}\n{types!r}" if rows else repr(space)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file; its ending says in which form: .svg, .html or .txt.

        Raises:
            MagicUsageError: another ending, or the file cannot be written.
        """
        save(path, "the statistics", self.svg, repr(self))


class GarbageReport:
    """What a garbage collection has freed.

    Attributes:
        freed: How many allocations of each type.
        before, after: What took the space before and after it.
    """

    def __init__(self, freed: Counter[str], before: PoolStats, after: PoolStats, name: str, file: str) -> None:
        self.freed, self.before, self.after = freed, before, after
        self.name, self.file = name, os.path.basename(file)

    @property
    def summary(self) -> str:
        """One line."""
        if not self.freed:
            return f"{self.name}: there was no garbage"
        gained = self.before.used - self.after.used
        return f"{self.name}: freed {plural(sum(self.freed.values()), 'allocation')}, {size_text(gained)}"

    @property
    def _table(self) -> Table:
        rows = [(name, number_text(count)) for name, count in self.freed.most_common()]
        rows.append(("used before", plural(self.before.used, "byte")))
        rows.append(("used after", plural(self.after.used, "byte")))
        return Table(self.summary, rows)

    @property
    def svg(self) -> str:
        """Where the file was full before, and is after."""
        rows = self.freed.most_common()
        parts = [label(_MARGIN, 20, self.summary, 13, font_weight="bold")]
        parts += _map(self.before, 40, f"before: {plural(self.before.used, 'byte')} used")
        parts += _map(self.after, 40 + 2 * _CELL + 34, f"after: {plural(self.after.used, 'byte')} used")
        top = 40.0 + 2 * (2 * _CELL + 34)
        most = max([*self.freed.values(), 1])
        for name, count in rows[:_MOST_TYPES]:
            parts.append(label(_MARGIN, top + _ROW / 2, name, 11))
            parts.append(label(300, top + _ROW / 2, number_text(count), 11, text_anchor="end"))
            parts.append(_block(320.0, top + 4, max(2.0, 430 * count / most), 12, _COLOURS[5]))
            top += _ROW
        if len(rows) > _MOST_TYPES:
            parts.append(label(_MARGIN, top + _ROW / 2, f"and {plural(len(rows) - _MOST_TYPES, 'more type')}", 11))
            top += _ROW
        return panel(_WIDTH, top + 10, self.summary, "".join(parts))

    def __repr__(self) -> str:
        return repr(self._table)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg}


def _headline(file: str, stats: PoolStats) -> str:
    objects = plural(sum(one.count for one in stats.types.values()), "object")
    return f"{file} · {size_text(stats.size)} · {objects} · {stats.medium.short}"


def _percent(size: int, whole: int) -> str:
    """A part of a whole; what is there is never 0 %."""
    part = 100 * size / whole if whole else 0.0
    return "under 1 %" if 0 < part < 1 else f"{part:.0f} %"


def _type_name(name: str) -> str:
    return "belongs to no object" if name == "other" else name


def _colour(number: int, name: str) -> str:
    return _OTHER if name == "other" or number >= len(_COLOURS) else _COLOURS[number]


def _block(x: float, y: float, width: float, height: float, colour: str) -> str:
    return element("rect", x=x, y=y, width=width, height=height, fill=colour, stroke="#5b6577", stroke_width=0.5)


def _whole(stats: PoolStats, top: float) -> str:
    """The file as one bar, with what its pieces mean below it."""
    pieces = [("libpmemobj's own", stats.overhead, _OWN)]
    pieces += [("used", stats.used, _USED), ("free", stats.free, _FREE)]
    parts = [element("rect", x=_MARGIN, y=top, width=_INNER, height=_BAR, fill=_FREE, stroke=PANEL_EDGE)]
    x, legend_x = float(_MARGIN), float(_MARGIN)
    for name, size, colour in pieces:
        width = max(2.0 if size else 0.0, _INNER * size / stats.size)
        width = min(width, _MARGIN + _INNER - x)
        parts.append(_block(x, top, width, _BAR, colour))
        x += width
        text = f"{name}: {size_text(size)}, {_percent(size, stats.size)}"
        parts.append(_block(legend_x, top + _BAR + 8, 14, 10, colour))
        parts.append(label(legend_x + 20, top + _BAR + 13, text, 11))
        legend_x += text_width(text, 11) + 44
    return "".join(parts)


def _map(stats: PoolStats, top: float, title: str) -> list[str]:
    """The parts of the file, one behind the other in two rows."""
    parts = [label(_MARGIN, top, title, 11, fill=FAINT)]
    wide = _INNER / _PER_ROW
    each = stats.size / max(1, len(stats.density))
    for number, density in enumerate(stats.density):
        row, column = divmod(number, _PER_ROW)
        own = (number + 1) * each <= stats.heap_start
        shade = 0.15 + 0.85 * density if density else 0.0
        look: dict[str, Any] = {"fill": _OWN} if own else {"fill": _USED, "fill_opacity": f"{shade:.2f}"}
        look |= {"x": _MARGIN + wide * column, "y": top + 12.0 + (_CELL + 2) * row, "width": wide - 1, "height": _CELL}
        parts.append(element("rect", stroke=PANEL_EDGE, stroke_width=0.5, **look))
    return parts


def _types(stats: PoolStats, top: float) -> tuple[list[str], float]:
    """A row for each type, and where they end."""
    parts = [label(_MARGIN, top - 10, "what is used, by type", 11, fill=FAINT)]
    rows = list(stats.types.items())
    most = max((one.size for _, one in rows), default=1)
    for number, (name, one) in enumerate(rows[:_MOST_TYPES]):
        middle = top + _ROW * (number + 0.5)
        count = number_text(one.count) if one.count else ""
        parts.append(_block(_MARGIN, middle - 6, 14, 12, _colour(number, name)))
        shown = _type_name(name)
        parts.append(label(_MARGIN + 22, middle, shown if len(shown) <= 34 else f"{shown[:33]}…", 11))
        parts.append(label(330, middle, count, 11, text_anchor="end"))
        parts.append(label(420, middle, size_text(one.size), 11, text_anchor="end"))
        parts.append(_block(436.0, middle - 6, max(2.0, 260 * one.size / most), 12, _colour(number, name)))
        parts.append(label(_WIDTH - _MARGIN, middle, _percent(one.size, stats.used), 11, text_anchor="end", fill=FAINT))
    end = top + _ROW * min(len(rows), _MOST_TYPES)
    if len(rows) > _MOST_TYPES:
        left = rows[_MOST_TYPES:]
        size = size_text(sum(one.size for _, one in left))
        parts.append(label(_MARGIN, end + _ROW / 2, f"and {plural(len(left), 'more type')}, {size}", 11, fill=FAINT))
        end += _ROW
    if not rows:
        parts.append(label(_MARGIN, end + _ROW / 2, "nothing", 11))
        end += _ROW
    return parts, end + 12
