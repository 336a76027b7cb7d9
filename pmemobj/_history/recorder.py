"""The recorder of the log: it observes what a heap does, and makes drafts of entries.

It is the observer of the heap (`_engine.observer`), and first passes each call on to the observer that it has
replaced. What a word means is found out at once (`places`), since later the object may be gone. How an object is
reached from the root is found out when the log is read.

A change outside of transactions may take several stores, the last of which makes it valid (see `_hashtable.table`).
So stores to places that mean nothing yet belong to the entry of the store that makes them valid.

The journal of a pool, if it has one, tells the recorder what each commit takes. That is after the draft was finished,
so the last draft of each thread is remembered until its commit returns.

If the recorder fails, the operation that it observes must not fail: the recorder removes itself, and says why.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pmemobj._durability.journal import CommitObserver
from pmemobj._engine.heap import Heap
from pmemobj._engine.lock import thread_key
from pmemobj._engine.observer import Observer
from pmemobj._format import ALLOCATION_HEADER_SIZE, WORD
from pmemobj._history.drafts import COMPLETE, MOST_CHANGES, Draft
from pmemobj._history.entries import ABSENT, GONE, LogLine
from pmemobj._history.places import CLASS_TABLE, OTHER, VALUE, Spot, WordFinder, kind_text, word_text
from pmemobj.errors import PmemError

__all__ = ["Recorder"]

#: An entry keeps this many single steps; of each range, this many words are compared.
_STEPS, _WORDS = 60, 32
#: After this many entries the recorder removes itself.
_MOST_ENTRIES = 20_000
#: Skip frames of this package and of those that extend it (``pmemobj_...``): they are not the program's own code.
_OURS = "pmemobj"
#: Stop at frames of these packages: below them there is no user code.
_SHELLS = ("IPython", "ipykernel", "runpy", "asyncio")


class Recorder(Observer, CommitObserver):
    """Observes a heap and makes drafts; the module docstring explains how."""

    def __init__(self, heap: Heap, zero: float, keep: Callable[[Draft], Draft]) -> None:
        self._heap = heap
        self.zero = zero
        self._keep = keep
        #: Why the recorder has removed itself, if it has.
        self.note = ""
        self._inner: Observer | None = heap.observer
        self._where = WordFinder(heap)
        #: The threads that are beginning a transaction of the program; they may still be waiting for the lock.
        self._entering: set[Any] = set()
        self._entries = 0
        self.draft: Draft | None = None
        #: By thread, the draft that was finished last, while its commit has not returned.
        self._committing: dict[Any, Draft] = {}
        if heap.journal is not None:
            heap.journal.observer = self

    @property
    def is_in_place(self) -> bool:
        """Whether the recorder still observes the heap; closing the pool ends that."""
        return self._heap.observer is self

    def running(self) -> list[Draft]:
        """The draft of the transaction that is open in the calling thread, as far as it has come."""
        heap, draft = self._heap, self.draft
        if draft is None or not heap.in_transaction() or heap.doomed is not None:
            return []
        so_far = replace(draft, steps=list(draft.steps), changes=[], old=dict(draft.old))
        so_far.stores = heap.changes - heap.changes_at_begin
        so_far.ended = time.perf_counter() - self.zero
        with self._observing():
            self._compare(so_far)
        return [so_far]

    def leave(self, note: str = "") -> None:
        """Stop observing: the observer that was there before takes its place again."""
        self.draft = None
        if self.is_in_place:
            self._heap.observer = self._inner
        journal = self._heap.journal
        if journal is not None and journal.observer is self:
            journal.observer = None
        self.note = note

    @contextmanager
    def _observing(self) -> Iterator[None]:
        """A block in which an error ends the recording, and not the operation that is observed."""
        try:
            yield
        except Exception as error:
            self.leave(f"it stopped recording because of an error in the recorder ({type(error).__name__}: {error})")

    # ---- in a transaction ----

    def entering(self) -> None:
        if self._inner is not None:
            self._inner.entering()
        heap = self._heap
        if not heap.in_transaction():
            self._entering.add(thread_key())
        elif self.draft is not None:
            with self._observing():
                level = self._level() + 1
                self.draft.levels = max(self.draft.levels, level)
                self._step("begin", f"level {level}", level=level)

    def leaving(self) -> None:
        if self._inner is not None:
            self._inner.leaving()
        if self.draft is not None and self._heap.in_transaction():
            with self._observing():
                level = self._level()
                if level > 1:
                    self._step("end", f"level {level}", level=level)

    def begun(self) -> None:
        if self._inner is not None:
            self._inner.begun()
        with self._observing():
            self._cut_off()
            is_own = thread_key() in self._entering
            self._entering.discard(thread_key())
            self.draft = self._new("transaction" if is_own else "statement")
            self.draft.levels = int(is_own)

    def allow(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.allow(offset, size)
        if self.draft is not None:
            with self._observing():
                self.draft.snapshots += 1
                self.draft.logged += size
                self._range("snapshot", offset, size)

    def fill(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.fill(offset, size)
        if self.draft is not None:
            with self._observing():
                self._range("fill", offset, size)

    def allocated(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.allocated(offset, size)
        self._allocate(offset, size)

    def _allocate(self, offset: int, size: int) -> None:
        if self.draft is not None:
            with self._observing():
                self.draft.allocations += 1
                self.draft.allocated += size
                self._step("allocate", kind_text(self._heap, offset + ALLOCATION_HEADER_SIZE), None, size)

    def freed(self, offset: int) -> None:
        if self._inner is not None:
            self._inner.freed(offset)
        self._free(offset)

    def _free(self, offset: int) -> None:
        if self.draft is not None:
            with self._observing():
                self.draft.frees += 1
                self._step("free", kind_text(self._heap, offset), None, self._heap.allocation_size(offset))

    def verify(self) -> None:
        if self._inner is not None:
            self._inner.verify()
        if self.draft is not None and self._heap.in_transaction():
            with self._observing():
                self._compare(self.draft)

    def reset(self) -> None:
        if self._inner is not None:
            self._inner.reset()
        if self.draft is not None:
            with self._observing():
                self._end_transaction(self.draft)

    def _end_transaction(self, draft: Draft) -> None:
        heap = self._heap
        draft.stores = heap.changes - heap.changes_at_begin
        if heap.doomed is not None:
            draft.outcome, draft.changes, draft.unnamed = "rolled back", [], 0
            draft.why = _reason(heap.doomed)
        else:
            draft.outcome = "committed"
        if draft.what == "statement" and draft.is_empty:
            self.draft = None  # the statement only read
        else:
            self._finish(draft)

    # ---- outside of a transaction ----

    def storing(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.storing(offset, size)
        with self._observing():
            draft = self._single()
            draft.stores += 1
            self._range("store", offset, size)

    def accept(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.accept(offset, size)
        if not self._heap.in_transaction():
            with self._observing():
                self._accepted(offset, size)

    def _accepted(self, offset: int, size: int) -> None:
        draft = self._single()
        if not draft.steps:
            # A container of the program has made durable what it had changed before.
            self._range("persist", offset, size)
        prepares = any(what == "store" and spot and spot.unused for what, _, spot, *_ in draft.steps[-1:])
        if not prepares and draft.what != "publication":
            draft.outcome = "stored"
            self._compare(draft)
            self._finish(draft)

    def expect(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.expect(offset, size)

    def reserve(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.reserve(offset, size)
        with self._observing():
            self._single().what = "publication"
        self._allocate(offset, size)

    def publishing(self, slot: int, size: int, freed: int) -> None:
        if self._inner is not None:
            self._inner.publishing(slot, size, freed)
        with self._observing():
            draft = self._single()
            draft.what = "publication"
            draft.stores += 1
            self._range("publish", slot, size)
        if freed:
            self._free(freed)

    def accept_expected(self) -> None:
        if self._inner is not None:
            self._inner.accept_expected()
        if self.draft is not None and self.draft.what == "publication":
            with self._observing():
                self.draft.outcome = "published"
                self._compare(self.draft)
                self._finish(self.draft)

    def cancelled(self) -> None:
        if self._inner is not None:
            self._inner.cancelled()
        self.draft = None

    def freed_now(self, offsets: Sequence[int]) -> None:
        if self._inner is not None:
            self._inner.freed_now(offsets)
        if self.draft is not None:
            with self._observing():
                self._step("free", f"garbage, {len(offsets)} allocations, at once")

    # ---- the journal ----

    def record_written(self, size: int) -> None:
        draft = self._committing.get(thread_key())
        if draft is not None:
            draft.records += 1
            draft.record_bytes += size

    def synced(self) -> None:
        draft = self._committing.get(thread_key())
        if draft is not None:
            draft.syncs += 1

    def checkpoint_made(self) -> None:
        draft = self._committing.get(thread_key())
        if draft is not None:
            draft.checkpoints += 1

    def commit_returns(self) -> None:
        self._committing.pop(thread_key(), None)

    # ---- drafts ----

    def _new(self, what: str) -> Draft:
        self._committing.pop(thread_key(), None)
        return Draft(what, _users_line(), time.perf_counter() - self.zero)

    def _single(self) -> Draft:
        """The draft of a change outside of transactions: the one that is being made, or a new one."""
        if self.draft is None or self.draft.what not in ("store", "publication"):
            self._cut_off()
            self.draft = self._new("store")
        return self.draft

    def _cut_off(self) -> None:
        """Finish a draft whose change was begun and not ended, since an interrupt came."""
        draft, self.draft = self.draft, None
        if draft is not None and not draft.is_empty:
            draft.outcome = "cut off"
            self._finish(draft)

    def _finish(self, draft: Draft) -> None:
        self.draft = None
        draft.ended = time.perf_counter() - self.zero
        draft.old.clear()
        kept = self._keep(draft)
        if self._heap.journal is not None and draft.outcome in COMPLETE:
            self._committing[thread_key()] = kept
        self._entries += 1
        if self._entries >= _MOST_ENTRIES:
            self.leave(f"it stopped recording after {_MOST_ENTRIES} entries, so that the program runs at full speed")

    def _level(self) -> int:
        """How many transactions of the program are open inside each other; statements do not count."""
        return self._heap.depth - len(self._heap._marks)

    def _draft_with_room(self) -> Draft | None:
        """The draft, if one more step fits; otherwise the step only counts as hidden."""
        draft = self.draft
        if draft is not None and len(draft.steps) >= _STEPS:
            draft.hidden += 1
            return None
        return draft

    def _step(self, what: str, text: Spot | str, end: Spot | None = None, size: int = 0, level: int = -1) -> None:
        draft = self._draft_with_room()
        if draft is None:
            return
        if level < 0:
            level = self._level() if draft.what == "transaction" else 0
        draft.steps.append((what, text, end, size, time.perf_counter() - self.zero, level))

    def _range(self, what: str, offset: int, size: int) -> None:
        """Add a step that concerns words of an object, and note what these words are now."""
        draft = self._draft_with_room()
        if draft is None:
            return
        count = (size + WORD - 1) // WORD
        first, last = self._where.find(offset), self._where.find(offset + WORD * (count - 1))
        if first is None:
            self._step(what, "memory of an object", None, size)
        else:
            self._step(what, first, last if last is not None and last.owner == first.owner else None, size)
        for at in range(offset, offset + WORD * min(count, _WORDS), WORD):
            if at not in draft.old and len(draft.old) < _WORDS * _STEPS:
                word = self._heap.read(at)
                spot = self._where.find(at)
                role = OTHER if spot is None or spot.unused else spot.role
                draft.old[at] = word, spot, word_text(self._heap, role, word)

    def _compare(self, draft: Draft) -> None:
        """Add the words that have changed to the draft."""
        for at, (word, before, text) in draft.old.items():
            now = self._heap.read(at)
            change = self._change(at, before, text, now) if now != word else None
            if change is None:
                continue
            if len(draft.changes) < MOST_CHANGES:
                draft.changes.append(change)
            else:
                draft.unnamed += 1

    def _change(self, at: int, before: Spot | None, text: str, now: int) -> tuple[Spot, str, str] | None:
        """The change of a word; None if it concerns nothing that a program knows."""
        # Now the key of a new entry can be read, which was not there before the change.
        spot = self._where.find(at) or before
        had_value = before is not None and before.role == VALUE and not before.unused
        if before is not None and had_value and (spot is None or spot.role != VALUE):
            return before, text, GONE
        if spot is None or spot.type == CLASS_TABLE or spot.role == OTHER or spot.unused:
            return None
        was_unused = before is not None and before.unused
        return spot, ABSENT if was_unused else text, word_text(self._heap, spot.role, now)


def _reason(error: BaseException) -> str:
    """Why a transaction was rolled back, in one line."""
    text = error.why if isinstance(error, PmemError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    return text.partition("\n")[0][:200]


def _users_line() -> LogLine | None:
    """The line of the program that is running: the innermost frame that is not in these packages."""
    frame = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in _SHELLS:
            return None
        if package.partition("_")[0] != _OURS and package != "contextlib":
            return LogLine(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None
