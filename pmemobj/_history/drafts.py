"""Drafts: entries of the log while they are being made.

A draft counts what happens, and refers to words of the pool as `Spot`s. How an object is reached from the root is
found out when the log is read; only then does a spot get its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from pmemobj._history.entries import LogChange, LogEntry, LogLine, LogStep
from pmemobj._history.places import VALUE, Spot

__all__ = ["COMPLETE", "MOST_CHANGES", "Draft"]

#: An entry keeps at most this many changes.
MOST_CHANGES = 40
#: The outcomes of changes that are complete.
COMPLETE = frozenset(("committed", "stored", "published", "done"))
#: What is added up when drafts are merged; what their journal takes is told later, to the draft that is kept.
_COUNTS = ("snapshots", "logged", "stores", "allocations", "allocated", "frees")


@dataclass(slots=True)
class Draft:
    """An entry that is being made; the attributes are explained at `LogEntry`."""

    what: str
    line: LogLine | None
    began: float
    number: int = 0
    outcome: str = "running"
    why: str = ""
    times: int = 1
    ended: float = 0.0
    levels: int = 0
    snapshots: int = 0
    logged: int = 0
    stores: int = 0
    allocations: int = 0
    allocated: int = 0
    frees: int = 0
    steps: list[tuple[str, Spot | str, Spot | None, int, float, int]] = field(default_factory=list)
    hidden: int = 0
    #: By offset, the word before the change, its spot, and its text; emptied at the end.
    old: dict[int, tuple[int, Spot | None, str]] = field(default_factory=dict)
    changes: list[tuple[Spot, str, str]] = field(default_factory=list)
    unnamed: int = 0
    records: int = 0
    record_bytes: int = 0
    syncs: int = 0
    checkpoints: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.steps or self.stores or self.hidden)

    def is_repeated_by(self, other: Draft) -> bool:
        """Whether the same line of the program did something again; transactions of the program are never merged."""
        if "transaction" in (self.what, other.what) or self.line is None:
            return False
        return self.line == other.line and {self.outcome, other.outcome} <= COMPLETE

    def add(self, other: Draft) -> None:
        """Merge another draft of the same line into this one."""
        self.times += other.times
        if self.what != other.what:
            self.what, self.outcome = "changes", "done"
        self.ended = other.ended
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        known = {(spot.owner, spot.slot): number for number, (spot, _, _) in enumerate(self.changes)}
        for spot, text, now in other.changes:
            number = known.get((spot.owner, spot.slot))
            if number is not None:
                self.changes[number] = spot, self.changes[number][1], now
            elif len(self.changes) < MOST_CHANGES:
                self.changes.append((spot, text, now))
            else:
                self.unnamed += 1

    def spots(self) -> Iterator[Spot]:
        """The spots that the draft refers to."""
        yield from (text for _, text, *_ in list(self.steps) if isinstance(text, Spot))
        yield from (spot for spot, _, _ in list(self.changes))

    def finished(self, name: Callable[[Spot], str], number: int) -> LogEntry:
        """The finished entry.

        Args:
            name: Gives the name of a spot.
            number: The number of the entry if the draft has none yet.
        """

        def step(what: str, place: Spot | str, end: Spot | None, size: int, at: float, level: int) -> LogStep:
            if isinstance(place, str):
                return LogStep(what, place, "", size, at, level)
            text = name(place) if end is None or end.slot == place.slot else f"{name(place)} to {end.slot}"
            return LogStep(what, text, name(replace(place, slot="")) if place.owner else "the pool", size, at, level)

        return LogEntry(
            self.number or number,
            self.what,
            self.outcome,
            self.why,
            self.line,
            self.times,
            self.began,
            self.ended,
            self.levels,
            self.snapshots,
            self.logged,
            self.stores,
            self.allocations,
            self.allocated,
            self.frees,
            tuple(step(*made) for made in list(self.steps)),
            self.hidden,
            tuple(LogChange(name(spot), before, after) for spot, before, after in sorted(self.changes, key=_rank)),
            self.unnamed,
            self.records,
            self.record_bytes,
            self.syncs,
            self.checkpoints,
        )


def _rank(change: tuple[Spot, str, str]) -> bool:
    """The sort key of a change: values of the program come before the objects' own numbers."""
    return change[0].role != VALUE
