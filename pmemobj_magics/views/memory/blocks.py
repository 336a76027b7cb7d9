"""The bars and maps that show how full a pool is."""

from __future__ import annotations

from typing import Any

from pmemobj import PoolStats
from pmemobj_magics.common.svg import FAINT, PANEL_EDGE, element, label, text_width
from pmemobj_magics.common.texts import size_text

__all__ = ["CELL", "MARGIN", "MOST_TYPES", "ROW", "WIDTH", "block", "density_map", "percent", "whole_bar"]

#: Pixels: the width of a picture, the space around it, the height of a row, the height of a cell of the map.
WIDTH, MARGIN, ROW, CELL = 780, 16, 20, 11
#: The largest number of types with a row of their own.
MOST_TYPES = 14
_BAR, _PER_ROW = 22, 64
_INNER = WIDTH - 2 * MARGIN
_OVERHEAD, _FREE, _USED = "#c9ced8", "#ffffff", "#0b5cad"


def percent(size: int, whole: int) -> str:
    """A part of a whole; a part above zero is never shown as 0 %."""
    part = 100 * size / whole if whole else 0.0
    return "under 1 %" if 0 < part < 1 else f"{part:.0f} %"


def block(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A rectangle of a bar."""
    return element("rect", x=x, y=y, width=width, height=height, fill=colour, stroke="#5b6577", stroke_width=0.5)


def whole_bar(stats: PoolStats, top: float) -> str:
    """The file as one bar, with a legend below it."""
    pieces = [("libpmemobj's overhead", stats.overhead, _OVERHEAD)]
    pieces += [("used", stats.used, _USED), ("free", stats.free, _FREE)]
    parts = [element("rect", x=MARGIN, y=top, width=_INNER, height=_BAR, fill=_FREE, stroke=PANEL_EDGE)]
    x, legend_x = float(MARGIN), float(MARGIN)
    for name, size, colour in pieces:
        width = max(2.0 if size else 0.0, _INNER * size / stats.size)
        width = min(width, MARGIN + _INNER - x)
        parts.append(block(x, top, width, _BAR, colour))
        x += width
        text = f"{name}: {size_text(size)}, {percent(size, stats.size)}"
        parts.append(block(legend_x, top + _BAR + 8, 14, 10, colour))
        parts.append(label(legend_x + 20, top + _BAR + 13, text, 11))
        legend_x += text_width(text, 11) + 44
    return "".join(parts)


def density_map(stats: PoolStats, top: float, title: str) -> list[str]:
    """The file from its beginning to its end in two rows of cells; a fuller cell is darker."""
    parts = [label(MARGIN, top, title, 11, fill=FAINT)]
    wide = _INNER / _PER_ROW
    each = stats.size / max(1, len(stats.density))
    for number, density in enumerate(stats.density):
        row, column = divmod(number, _PER_ROW)
        is_overhead = (number + 1) * each <= stats.heap_start
        shade = 0.15 + 0.85 * density if density else 0.0
        look: dict[str, Any] = {"fill": _OVERHEAD} if is_overhead else {"fill": _USED, "fill_opacity": f"{shade:.2f}"}
        look |= {"x": MARGIN + wide * column, "y": top + 12.0 + (CELL + 2) * row, "width": wide - 1, "height": CELL}
        parts.append(element("rect", stroke=PANEL_EDGE, stroke_width=0.5, **look))
    return parts
