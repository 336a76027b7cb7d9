"""A backup or a dump that was written, or a pool that was made from a dump, in one line."""

from __future__ import annotations

from pmemobj_magics.common.tables import Table

__all__ = ["DumpReport"]


class DumpReport(Table):
    """What was written or made.

    Attributes:
        path: The new file.
        count: The number of objects in a dump; None for a backup, or a pool that was restored.
    """

    def __init__(self, path: str, text: str, count: int | None = None) -> None:
        super().__init__(text)
        self.path = path
        self.count = count
