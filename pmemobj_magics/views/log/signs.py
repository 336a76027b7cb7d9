"""The signs of the log: a letter and a colour for each step, a mark and a colour for each end.

Colours are those of Okabe and Ito, which people with any kind of colour vision tell apart, and each goes with a
letter or a mark.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENDS", "STEPS", "Sign", "end_of"]


@dataclass(frozen=True)
class Sign:
    """A letter or mark, the colour behind it, and what both mean."""

    mark: str
    colour: str
    meaning: str


#: By `Step.what`; levels have none.
STEPS = {
    "snapshot": Sign("S", "#e69f00", "snapshot: old bytes go to the undo log, then change"),
    "fill": Sign("N", "#f0e442", "new: bytes that nothing counts yet; not logged, flushed at commit"),
    "allocate": Sign("A", "#56b4e9", "allocate memory"),
    "free": Sign("F", "#cc79a7", "free memory, when all of it is certain"),
    "store": Sign("W", "#009e73", "write, durable at once: 8 bytes are written wholly or not at all"),
    "publish": Sign("P", "#0072b2", "publish: one redo log allocates, frees and writes a word at once"),
    "persist": Sign("D", "#bbbbbb", "make durable what was changed before"),
}
#: By `Entry.outcome`.
ENDS = {
    "committed": Sign("✓", "#009e73", "committed: all of it is in the pool"),
    "stored": Sign("✓", "#009e73", "durable, by stores that are whole or not there"),
    "published": Sign("✓", "#009e73", "durable, by one redo log"),
    "done": Sign("✓", "#009e73", "all of it is in the pool"),
    "rolled back": Sign("✗", "#d55e00", "rolled back: as if it had never begun"),
    "cut off": Sign("✗", "#d55e00", "cut off by an interrupt: nothing of it counts"),
    "running": Sign("…", "#f0e442", "still open"),
}


def end_of(outcome: str) -> Sign:
    """The sign of an outcome."""
    return ENDS.get(outcome, Sign("?", "#bbbbbb", outcome))
