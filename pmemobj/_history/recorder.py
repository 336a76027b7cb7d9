"""The recorder of the log: it hears what a heap does, and makes drafts of entries of it.

It stands where a heap tells of its work (`_watching`), and whom it finds there it passes everything on to, first. What
a word means is asked at once (`_whereabouts`), since later the object may be gone; how an object is reached
from the root is asked when the log is read.

A change outside transactions may take several stores, of which the last one decides (see `_table`): what is
stored where nothing counts yet belongs to the entry of the store that lets it count.

A recorder that fails has failed to look on, which is no failure of what it looks at: it leaves, and says so.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pmemobj._engine.heap import Heap
from pmemobj._engine.lock import thread_key
from pmemobj._engine.observer import Watcher
from pmemobj._format import ALLOCATION_HEADER_SIZE, WORD
from pmemobj._history.drafts import MOST_CHANGES, Draft
from pmemobj._history.entries import ABSENT, GONE, LogLine
from pmemobj._history.places import CLASS_TABLE, OTHER, VALUE, Spot, Whereabouts, kind_text, word_text
from pmemobj.errors import PmemError

__all__ = ["Recorder"]

#: Steps of an entry that are kept one by one, and words of a range that are looked at.
_STEPS, _WORDS = 60, 32
#: After so many entries the recorder lets itself out.
_MOST_ENTRIES = 20_000
#: Skip frames of this package and of those that extend it (``pmemobj_...``): they are not the program's own code.
_OURS = "pmemobj"
#: Stop at frames of these packages: below them there is no user code.
_SHELLS = ("IPython", "ipykernel", "runpy", "asyncio")


class Recorder(Watcher):
    """Hears what a heap does; see the text of the module."""

    def __init__(self, heap: Heap, zero: float, keep: Callable[[Draft], None]) -> None:
        self._heap = heap
        self.zero = zero
        self._keep = keep
        #: Why it let itself out, if it did.
        self.note = ""
        self._inner: Watcher | None = heap.checker
        self._where = Whereabouts(heap)
        #: The threads that begin a transaction, and may be waiting for their turn.
        self._entering: set[Any] = set()
        self._entries = 0
        self.draft: Draft | None = None

    @property
    def is_in_place(self) -> bool:
        """Whether the heap still tells it what it does; closing ends that."""
        return self._heap.checker is self

    def running(self) -> list[Draft]:
        """The transaction that the calling thread is in, as far as it has come."""
        heap, draft = self._heap, self.draft
        if draft is None or not heap.in_transaction() or heap.doomed is not None:
            return []
        so_far = replace(draft, steps=list(draft.steps), changes=[], old=dict(draft.old))
        so_far.stores = heap.changes - heap.changes_at_begin
        so_far.ended = time.perf_counter() - self.zero
        with self._looking():
            self._compare(so_far)
        return [so_far]

    def leave(self, note: str = "") -> None:
        """Let the heap tell whoever stood there before."""
        self.draft = None
        if self.is_in_place:
            self._heap.checker = self._inner
        self.note = note

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Around everything that looks: a failure of it is none of the operation."""
        try:
            yield
        except Exception as error:
            self.leave(f"it stopped recording, since looking on failed ({type(error).__name__}: {error})")

    # ---- in a transaction ----

    def entering(self) -> None:
        if self._inner is not None:
            self._inner.entering()
        heap = self._heap
        if not heap.in_transaction():
            self._entering.add(thread_key())
        elif self.draft is not None:
            with self._looking():
                level = self._level() + 1
                self.draft.levels = max(self.draft.levels, level)
                self._step("begin", f"level {level}", level=level)

    def leaving(self) -> None:
        if self._inner is not None:
            self._inner.leaving()
        if self.draft is not None and self._heap.in_transaction():
            with self._looking():
                level = self._level()
                if level > 1:
                    self._step("end", f"level {level}", level=level)

    def begun(self) -> None:
        if self._inner is not None:
            self._inner.begun()
        with self._looking():
            self._cut_off()
            is_own = thread_key() in self._entering
            self._entering.discard(thread_key())
            self.draft = self._new("transaction" if is_own else "statement")
            self.draft.levels = int(is_own)

    def allow(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.allow(offset, size)
        if self.draft is not None:
            with self._looking():
                self.draft.snapshots += 1
                self.draft.logged += size
                self._range("snapshot", offset, size)

    def fill(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.fill(offset, size)
        if self.draft is not None:
            with self._looking():
                self._range("fill", offset, size)

    def allocated(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.allocated(offset, size)
        self._allocate(offset, size)

    def _allocate(self, offset: int, size: int) -> None:
        if self.draft is not None:
            with self._looking():
                self.draft.allocations += 1
                self.draft.allocated += size
                self._step("allocate", kind_text(self._heap, offset + ALLOCATION_HEADER_SIZE), None, size)

    def freed(self, offset: int) -> None:
        if self._inner is not None:
            self._inner.freed(offset)
        self._free(offset)

    def _free(self, offset: int) -> None:
        if self.draft is not None:
            with self._looking():
                self.draft.frees += 1
                self._step("free", kind_text(self._heap, offset), None, self._heap.allocation_size(offset))

    def verify(self) -> None:
        if self._inner is not None:
            self._inner.verify()
        if self.draft is not None and self._heap.in_transaction():
            with self._looking():
                self.draft.is_committing = True
                self._compare(self.draft)

    def reset(self) -> None:
        if self._inner is not None:
            self._inner.reset()
        if self.draft is not None:
            with self._looking():
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
            self.draft = None  # one that only read
        else:
            self._finish(draft)

    # ---- outside of one ----

    def storing(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.storing(offset, size)
        with self._looking():
            draft = self._single()
            draft.stores += 1
            self._range("store", offset, size)

    def accept(self, offset: int, size: int) -> None:
        if self._inner is not None:
            self._inner.accept(offset, size)
        if not self._heap.in_transaction():
            with self._looking():
                self._accepted(offset, size)

    def _accepted(self, offset: int, size: int) -> None:
        draft = self._single()
        if not draft.steps:
            # A program's own container made durable what it had changed before.
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
        with self._looking():
            self._single().what = "publication"
        self._allocate(offset, size)

    def publishing(self, slot: int, size: int, freed: int) -> None:
        if self._inner is not None:
            self._inner.publishing(slot, size, freed)
        with self._looking():
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
            with self._looking():
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
            with self._looking():
                self._step("free", f"garbage, {len(offsets)} allocations, at once")

    # ---- drafts ----

    def _new(self, what: str) -> Draft:
        return Draft(what, _users_line(), time.perf_counter() - self.zero)

    def _single(self) -> Draft:
        """The draft of a change outside transactions, the one that is being made or a new one."""
        if self.draft is None or self.draft.what not in ("store", "publication"):
            self._cut_off()
            self.draft = self._new("store")
        return self.draft

    def _cut_off(self) -> None:
        """What was begun and not ended: an interrupt came."""
        draft, self.draft = self.draft, None
        if draft is not None and not draft.is_empty:
            draft.outcome = "cut off"
            self._finish(draft)

    def _finish(self, draft: Draft) -> None:
        self.draft = None
        draft.ended = time.perf_counter() - self.zero
        draft.old.clear()
        self._keep(draft)
        self._entries += 1
        if self._entries >= _MOST_ENTRIES:
            self.leave(f"it stopped recording after {_MOST_ENTRIES} entries, so that the program goes on at full speed")

    def _level(self) -> int:
        """How many transactions of the program are inside each other, statements not counted."""
        return self._heap.depth - len(self._heap._marks)

    def _step(self, what: str, text: Spot | str, end: Spot | None = None, size: int = 0, level: int = -1) -> None:
        draft = self.draft
        if draft is None:
            return
        if len(draft.steps) >= _STEPS:
            draft.hidden += 1
            return
        if level < 0:
            level = self._level() if draft.what == "transaction" else 0
        draft.steps.append((what, text, end, size, time.perf_counter() - self.zero, level))

    def _range(self, what: str, offset: int, size: int) -> None:
        """A step that has to do with words of an object; what they are now is noted."""
        draft = self.draft
        if draft is None:
            return
        if len(draft.steps) >= _STEPS:
            draft.hidden += 1
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
        """Which words are other ones now."""
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
        """What became of a word; None where that says nothing to a program."""
        # The names of keys are there now, if they were not before.
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
    """The line of the program that is running, past the frames of these packages."""
    frame = sys._getframe(1)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in _SHELLS:
            return None
        if package.partition("_")[0] != _OURS and package != "contextlib":
            return LogLine(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]
    return None
