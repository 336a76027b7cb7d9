"""`GarbageReport`: what a garbage collection has freed, as a picture and as a table."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from pmemobj import PoolStats
from pmemobj_magics.common.svg import label, panel
from pmemobj_magics.common.tables import Table
from pmemobj_magics.common.texts import number_text, plural, size_text
from pmemobj_magics.views.memory.blocks import CELL, MARGIN, MOST_TYPES, ROW, WIDTH, block, density_map

__all__ = ["GarbageReport"]

_FREED = "#d55e00"


class GarbageReport:
    """What a garbage collection has freed.

    Attributes:
        freed: The number of freed allocations of each type.
        before: The space in the pool before the collection.
        after: The space in the pool after the collection.
        name: The name of the pool for the user.
        file: The name of its file.
    """

    def __init__(self, freed: Counter[str], before: PoolStats, after: PoolStats, name: str, file: str) -> None:
        self.freed, self.before, self.after = freed, before, after
        self.name, self.file = name, os.path.basename(file)

    @property
    def summary(self) -> str:
        """What was freed, in one line."""
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
        """Maps of the file before and after the collection, and a bar for each type that was freed."""
        rows = self.freed.most_common()
        step = 2 * CELL + 34
        parts = [label(MARGIN, 20, self.summary, 13, font_weight="bold")]
        parts += density_map(self.before, 40, f"before: {plural(self.before.used, 'byte')} used")
        parts += density_map(self.after, 40 + step, f"after: {plural(self.after.used, 'byte')} used")
        top = 40.0 + 2 * step
        most = max([*self.freed.values(), 1])
        for name, count in rows[:MOST_TYPES]:
            parts.append(label(MARGIN, top + ROW / 2, name, 11))
            parts.append(label(300, top + ROW / 2, number_text(count), 11, text_anchor="end"))
            parts.append(block(320.0, top + 4, max(2.0, 430 * count / most), 12, _FREED))
            top += ROW
        if len(rows) > MOST_TYPES:
            parts.append(label(MARGIN, top + ROW / 2, f"and {plural(len(rows) - MOST_TYPES, 'more type')}", 11))
            top += ROW
        return panel(WIDTH, top + 10, self.summary, "".join(parts))

    def __repr__(self) -> str:
        return repr(self._table)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.svg}
