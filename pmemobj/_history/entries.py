"""What the log of transactions tells: entries, their steps and changes, in words and numbers.

Nothing here leads back into a pool: an entry says the same when the pool is closed, or the object gone.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass

from pmemobj._public_names import public_in

__all__ = ["ABSENT", "GONE", "SHOWN", "LogChange", "LogEntry", "LogLine", "LogStep"]

#: Changes of an entry that a table shows.
SHOWN = 4
#: What stands for a value that was not there before, or is not there afterwards.
ABSENT, GONE = "absent", "gone"


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the program, by the file (or notebook cell) that has it."""

    file: str
    number: int

    @property
    def text(self) -> str:
        """The line itself; empty where it cannot be found."""
        return linecache.getline(self.file, self.number).strip()


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class LogStep:
    """One thing that happened in a transaction.

    Attributes:
        what: ``begin`` and ``end`` of an inner level, ``snapshot``, ``fill``, ``allocate``, ``free``, ``store``,
            ``publish``, ``persist``.
        text: What it was done to, in words: ``root['guesses'][2]``, ``table of a dict``.
        object: The object that has it; empty for memory that is allocated or freed, and levels.
        size: Bytes; 0 where none are meant.
        time: Seconds after the log was begun.
        level: How deep in transactions; 0 outside.
    """

    what: str
    text: str
    object: str
    size: int
    time: float
    level: int


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class LogChange:
    """A value that is another one afterwards: where it is, and both in words."""

    where: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.before == ABSENT:
            return f"{self.where} = {self.after}"
        return f"{self.where}{'' if ': ' in self.where else ':'} {self.before} → {self.after}"


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class LogEntry:
    """What happened to the pool as a whole or not at all.

    Attributes:
        number: Its number in the log, from 1.
        what: ``transaction``, begun by the program; ``statement``, one operation that is a transaction by itself;
            ``store``, made durable by a failure-atomic store; ``publication``, by libpmemobj's publish; ``changes``,
            several of the last three that one line made in a row.
        outcome: ``committed``, ``rolled back``, ``stored``, ``published``, ``done`` (of ``changes``), ``running``,
            ``cut off`` (by an interrupt).
        why: Of a roll-back, the error.
        line: Where the program did it, if that is known.
        times: How often the same line did the same in a row; numbers and times are of all of them together,
            steps of the first, and changes lead from the first to the last.
        began, ended: Seconds after the log was begun.
        levels: How many transactions were inside each other; 0 if the program began none.
        snapshots, logged: Ranges that were logged, and their bytes.
        stores: Changes of live memory.
        allocations, allocated: New allocations and their bytes, with libpmemobj's headers.
        frees: Allocations that were given up.
        steps: What was done, one by one; not more than some dozens.
        hidden: How many further steps there were.
        changes: Which values are other ones now; of a roll-back, none.
        unnamed: How many further changes there are.
    """

    number: int
    what: str
    outcome: str
    why: str
    line: LogLine | None
    times: int
    began: float
    ended: float
    levels: int
    snapshots: int
    logged: int
    stores: int
    allocations: int
    allocated: int
    frees: int
    steps: tuple[LogStep, ...]
    hidden: int
    changes: tuple[LogChange, ...]
    unnamed: int

    @property
    def title(self) -> str:
        """What it was and how it ended: ``transaction (2 levels), committed``."""
        levels = f" ({self.levels} levels)" if self.levels > 1 else ""
        times = f" x {self.times}" if self.times > 1 else ""
        return f"{self.what}{levels}{times}, {self.outcome}" + (f" ({self.why})" if self.why else "")

    @property
    def cost(self) -> str:
        """What it asked of libpmemobj: ``2 snapshots (16 bytes), 1 allocation (48 bytes), 3 stores``."""
        parts = (
            (self.snapshots, "snapshot", self.logged),
            (self.allocations, "allocation", self.allocated),
            (self.frees, "free", 0),
            (self.stores, "store", 0),
        )
        return ", ".join(
            f"{count} {name}{'' if count == 1 else 's'}" + (f" ({size} bytes)" if size else "")
            for count, name, size in parts
            if count
        )

    @property
    def more(self) -> int:
        """How many changes a table does not show."""
        return len(self.changes[SHOWN:]) + self.unnamed
