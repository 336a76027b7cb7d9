"""The signs of the history: a letter and a colour for each kind of step, a mark and a colour for each outcome."""

from __future__ import annotations

from pmemobj_magics.common.signs import Sign

__all__ = ["OUTCOMES", "STEPS", "outcome_sign"]

#: By `LogStep.what`; the begin and the end of an inner level have no sign.
STEPS = {
    "snapshot": Sign("S", "#e69f00", "snapshot: the old bytes are copied to the undo log before they change"),
    "fill": Sign("N", "#f0e442", "new: bytes behind the end; not logged, but flushed at commit"),
    "allocate": Sign("A", "#56b4e9", "allocate memory"),
    "free": Sign("F", "#cc79a7", "free memory at the commit"),
    "store": Sign("W", "#009e73", "write 8 bytes, atomically and durably"),
    "publish": Sign("P", "#0072b2", "publish: one redo log allocates, frees and writes a word atomically"),
    "persist": Sign("D", "#bbbbbb", "make earlier changes durable"),
}
#: By `LogEntry.outcome`.
OUTCOMES = {
    "committed": Sign("✓", "#009e73", "committed: all changes are in the pool"),
    "stored": Sign("✓", "#009e73", "durable: every store is atomic"),
    "published": Sign("✓", "#009e73", "durable by one redo log"),
    "done": Sign("✓", "#009e73", "all changes are in the pool"),
    "rolled back": Sign("✗", "#d55e00", "rolled back: none of its changes remains"),
    "cut off": Sign("✗", "#d55e00", "ended by an interrupt: none of its changes remains"),
    "running": Sign("…", "#f0e442", "still open"),
}


def outcome_sign(outcome: str) -> Sign:
    """The sign of an outcome."""
    return OUTCOMES.get(outcome, Sign("?", "#bbbbbb", outcome))
