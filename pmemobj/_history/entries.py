"""Entries of the log of transactions, with their steps and changes: words and numbers only.

No entry refers to a pool or to objects in it, so it says the same when the pool is closed or an object is freed.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field, fields
from typing import Any

from pmemobj._public_names import public_in
from pmemobj._text import plural

__all__ = ["ABSENT", "GONE", "SHOWN", "LogChange", "LogEntry", "LogLine", "LogStep"]

#: A table shows at most this many changes of an entry.
SHOWN = 4
#: The texts for a value that did not exist before, and for one that does not exist afterwards.
ABSENT, GONE = "absent", "gone"
#: Of fields that the first version did not have. What it has pickled is shown as before, hence no `repr`; and as a key
#: of a pool it is found by a hash of the fields that are compared.
_LATER = {"later": True}


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class LogLine:
    """A source line of the program, by the file (or notebook cell) and its number."""

    file: str
    number: int

    @property
    def text(self) -> str:
        """The text of the line; empty if it cannot be found."""
        return linecache.getline(self.file, self.number).strip()


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class LogStep:
    """One thing that happened in a transaction.

    Attributes:
        what: ``begin`` and ``end`` of an inner level, ``snapshot``, ``fill``, ``allocate``, ``free``, ``store``,
            ``publish``, ``persist``.
        text: What it was done to, in words: ``root['guesses'][2]``, ``table of a dict``.
        object: The object to which this belongs; empty for levels, and for memory that is allocated or freed.
        size: How many bytes; 0 for a step that concerns no bytes.
        time: When it happened, in seconds after the log was started.
        level: How many transactions were open inside each other; 0 outside of transactions.
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
    """A value that has changed: where it is, and the texts of the value before and after."""

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
    """One atomic change of the pool, or several changes that one line of the program made in a row.

    Attributes:
        number: Its number in the log, from 1.
        what: ``transaction``, begun by the program; ``statement``, one operation that is a transaction by itself;
            ``store``, a failure-atomic store; ``publication``, made by libpmemobj's publish; ``changes``, several of
            the last three kinds that one line made in a row.
        outcome: ``committed``, ``rolled back``, ``stored``, ``published``, ``done`` (of ``changes``), ``running``,
            ``cut off`` (by an interrupt).
        why: The error that caused a roll-back.
        line: The line of the program that did it, if that is known.
        times: How many times the same line did the same in a row. The counts and times are those of all of them
            together, the steps are those of the first, and the changes lead from before the first to after the last.
        began, ended: When it began and ended, in seconds after the log was started.
        levels: How many transactions were open inside each other; 0 if the program began none.
        snapshots, logged: How many ranges were logged, and how many bytes they have.
        stores: How many changes of live memory there were.
        allocations, allocated: How many allocations were made, and their size in bytes with libpmemobj's headers.
        frees: How many allocations were freed.
        steps: The single steps; at most some dozens of them.
        hidden: How many further steps there were.
        changes: Which values have changed; none after a roll-back.
        unnamed: How many further changes there were.
        records, record_bytes: How many records it wrote to the journal of the pool, and how many bytes they have. These
            two, `syncs` and `checkpoints` are 0 for a pool without a journal, and do not count in comparisons. A
            roll-back writes no record; what it has put back is in the next one.
        syncs: How many syncs of the journal it waited for. None in relaxed mode, and none for a commit whose record
            another thread had synced as well.
        checkpoints: How many times it found the journal full, and wrote everything to the file of the pool.
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
    records: int = field(default=0, repr=False, compare=False, metadata=_LATER)
    record_bytes: int = field(default=0, repr=False, compare=False, metadata=_LATER)
    syncs: int = field(default=0, repr=False, compare=False, metadata=_LATER)
    checkpoints: int = field(default=0, repr=False, compare=False, metadata=_LATER)

    def __setstate__(self, state: list[Any]) -> None:
        # Pickles of the first version lack the last fields.
        names = fields(self)
        values = [*state, *(each.default for each in names[len(state) :])]
        for each, value in zip(names, values, strict=True):
            object.__setattr__(self, each.name, value)

    @property
    def title(self) -> str:
        """What it was and how it ended: ``transaction, committed``; ``2 separate changes, no transaction``."""
        levels = f" ({self.levels} levels)" if self.levels > 1 else ""
        if self.what == "changes":
            return f"{self.times} separate changes, no transaction"
        if self.outcome in ("stored", "published"):
            return f"one {self.what}, durable" if self.times == 1 else f"{self.times} {self.what}s, each durable"
        if self.times > 1:
            return f"{self.times} {self.what}s, each {self.outcome}"
        return f"{self.what}{levels}, {self.outcome}" + (f" ({self.why})" if self.why else "")

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
    def journal(self) -> str:
        """What it took of the journal: ``1 record (512 bytes), 1 sync``; empty if it took nothing, or there is none."""
        if not (self.records or self.syncs or self.checkpoints):
            return ""
        records = (
            f"{plural(self.records, 'record')} ({plural(self.record_bytes, 'byte')})" if self.records else "no record"
        )
        syncs = plural(self.syncs, "sync") if self.syncs else "no sync"
        checkpoints = f", {plural(self.checkpoints, 'checkpoint')}" if self.checkpoints else ""
        return f"{records}, {syncs}{checkpoints}"

    @property
    def more(self) -> int:
        """How many changes of this entry a table does not show."""
        return len(self.changes[SHOWN:]) + self.unnamed
