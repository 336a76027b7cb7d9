"""The log of transactions: what each of them snapshotted, allocated, freed and changed, and how it ended.

While the log records, a recorder (`recorder`) observes what the heap does; otherwise the log costs nothing. The log
keeps the last entries, as words and numbers. It keeps no objects alive, and can be read after the pool was closed.

Three limits bound its cost. Only the first steps of each transaction are kept one by one; the others are counted.
Repeated changes by the same line are one entry with a count. And after some ten thousand entries the recorder removes
itself, so that a program with many changes is slowed down for a fraction of a second only; the log says so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from pmemobj._engine.heap import Heap
from pmemobj._history.drafts import Draft
from pmemobj._history.entries import SHOWN, LogChange, LogEntry, LogLine, LogStep
from pmemobj._history.places import Spot, paths
from pmemobj._history.recorder import Recorder
from pmemobj._public_names import public_in

__all__ = ["LogChange", "LogEntry", "LogLine", "LogStep", "TransactionLog"]

#: The log keeps at most this many entries.
_KEPT = 500


@public_in("pmemobj")
class TransactionLog:
    """What the transactions on a pool did, while it was recording; `PersistentObjectPool.log`.

    Call `start` to record. Entries can be read at any time, also after the pool was closed.

    Attributes:
        recorded: How many entries there have been.

    Cost: nothing while it does not record; otherwise some 20 µs for each change of the pool.
    """

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._drafts: deque[Draft] = deque(maxlen=_KEPT)
        self._recorder: Recorder | None = None
        #: How objects were reached from the root when the log was last read, by offset and header.
        self._names: dict[tuple[int, int], str] = {}
        self._zero = time.perf_counter()
        self.recorded = 0

    @property
    def recording(self) -> bool:
        """Whether changes of the pool are being recorded."""
        return self._recorder is not None and self._recorder.is_in_place

    @property
    def note(self) -> str:
        """Why the recording has ended by itself; an empty string if it has not."""
        return "" if self._recorder is None else self._recorder.note

    @property
    def dropped(self) -> int:
        """How many entries have been dropped, since only the last few hundred are kept."""
        return self.recorded - len(self._drafts)

    def start(self) -> None:
        """Record from now on, without a transaction that is already running. A second call changes nothing.

        Raises:
            PoolClosedError: the pool is closed.
        """
        self._heap.read(self._heap.root_offset)
        self._begin()

    def _begin(self) -> None:
        """Make a recorder the observer of the heap."""
        if not self.recording:
            self._recorder = Recorder(self._heap, self._zero, self._keep)
            self._heap.observer = self._recorder

    def stop(self) -> None:
        """Stop recording; the entries can still be read. A second call changes nothing."""
        if self._recorder is not None:
            self._recorder.leave()
        self._recorder = None

    def clear(self) -> None:
        """Drop all entries, and count from the beginning again."""
        self._drafts.clear()
        self.recorded = 0
        self._zero = time.perf_counter()
        if self._recorder is not None:
            self._recorder.zero = self._zero

    @property
    def is_wanted(self) -> bool:
        """Whether the log was recording when the pool was suspended, so that it continues when the pool is resumed."""
        return self._recorder is not None and not self.note

    @property
    def entries(self) -> tuple[LogEntry, ...]:
        """All entries that are kept, the oldest first. Cost: walks the pool, up to some thousand objects."""
        return self.last(None)

    def last(self, count: int | None) -> tuple[LogEntry, ...]:
        """The last `count` entries; None for all that are kept."""
        if count is not None and (not isinstance(count, int) or count < 0):
            kind = ValueError if isinstance(count, int) else TypeError
            raise kind(
                f"cannot tell the last {count!r} entries: it is no number of entries (give 0 or more, or None for all)"
            )
        drafts = list(self._drafts)
        if count is not None:
            drafts = drafts[max(0, len(drafts) - count) :]
        if self._recorder is not None:
            drafts += self._recorder.running()
        name = self._namer(drafts)
        return tuple(draft.finished(name, self.recorded + 1) for draft in drafts)

    def _namer(self, drafts: Sequence[Draft]) -> Callable[[Spot], str]:
        """A function that gives spots their names, as far as their objects can be reached now."""
        heap = self._heap
        known = {(spot.owner, spot.head) for draft in drafts for spot in draft.spots() if spot.owner}
        if heap.is_bound:
            there = paths(heap, {owner for owner, _ in known})
            self._names = {(owner, heap.read(owner)): name for owner, name in there.items()}
        names = self._names
        return lambda spot: spot.text(names.get((spot.owner, spot.head), ""))

    def text(self, last: int | None = None) -> str:
        """The last entries as a table, without times; None for all that are kept."""
        return "\n".join(_lines(self, self.last(last)))

    def __repr__(self) -> str:
        state = "recording" if self.recording else self.note or "not recording"
        return f"<TransactionLog of {self._heap.name}: {self.recorded} entries, {state}>"

    def remember_names(self) -> None:
        """Remember how the objects are reached from the root; called before the pool is closed or suspended."""
        if self._drafts and self._heap.is_bound:
            with suppress(Exception):
                self._namer(list(self._drafts))

    def _keep(self, draft: Draft) -> Draft:
        """Add a complete draft, or merge it into the last one if the same line did the same; the draft that is kept."""
        before = self._drafts[-1] if self._drafts else None
        if before is not None and before.is_repeated_by(draft):
            before.add(draft)
            return before
        self.recorded += 1
        draft.number = self.recorded
        self._drafts.append(draft)
        return draft


def _lines(log: TransactionLog, entries: Sequence[LogEntry]) -> Iterator[str]:
    yield repr(log)[1:-1]
    for entry in entries:
        source = entry.line.text if entry.line is not None else ""
        yield f"{entry.number:>3}  {entry.title}" + (f": {source}" if source else "")
        for change in entry.changes[:SHOWN]:
            yield f"     {change}"
        if entry.more:
            yield f"     and {entry.more} more"
