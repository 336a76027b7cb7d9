"""The checking mode: proof that a transaction snapshotted all that it changed.

While it is on, a copy of the used part of the pool is kept. Before each commit the two are
compared: every byte of an allocation that differs must lie in a range that was snapshotted, or in
memory that this transaction allocated. A byte that does not would survive an abort or be lost in a
crash; that is what made the predecessor of this package lose data.

Turned on by the environment variable ``PMEMOBJ_CHECK=1``; the whole test suite runs with it.
Cost: a commit takes time in proportion to the used part of the pool.
"""

from __future__ import annotations

import mmap
import os
import sys
from array import array
from bisect import bisect_right
from typing import Any

from pmemobj._engine.heap import Heap
from pmemobj._engine.observer import Watcher
from pmemobj._format import ALL_KINDS, ROOT_SIZE, WORD, Kind
from pmemobj._pmdk import library
from pmemobj.errors import MissingSnapshotError

#: What is compared at once, and in what pieces a chunk that differs is looked through.
_CHUNK, _PIECE = 1 << 16, 1 << 9


def wanted() -> bool:
    """Whether the environment asks for the checking mode."""
    return os.environ.get("PMEMOBJ_CHECK", "0") not in ("", "0")


class Checker(Watcher):
    """Watches one heap; see the module's text."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._begin = heap.root_offset & ~(_CHUNK - 1)
        self._end = self._begin
        self._copy = mmap.mmap(-1, heap.limit)
        self._view: Any = memoryview(self._copy)
        self._allowed: list[tuple[int, int]] = []
        self._expected: list[tuple[int, int]] = []
        self._reach(heap.root_offset + ROOT_SIZE)
        for offset, size, _ in heap.allocations():
            self._reach(offset + size)

    def _reach(self, end: int) -> None:
        """Watch the pool up to `end`; memory that was not watched before is taken as it is."""
        if end > self._end:
            end = min((end + _CHUNK - 1) & ~(_CHUNK - 1), self._heap.limit)
            if end > len(self._copy):
                self._enlarge()
            self._view[self._end : end] = self._heap.read_bytes(self._end, end - self._end)
            self._end = end

    def _enlarge(self) -> None:
        """Let the copy be as long as the pool, which has grown."""
        larger = mmap.mmap(-1, self._heap.limit)
        larger[: self._end] = self._view[: self._end]
        self._copy, self._view = larger, memoryview(larger)

    def allow(self, offset: int, size: int) -> None:
        """These bytes may change in this transaction: they were snapshotted or are fresh."""
        self._reach(offset + size)
        self._allowed.append((offset, offset + size))

    def expect(self, offset: int, size: int) -> None:
        """These bytes are about to change outside a transaction; they are taken as they are then, at the latest."""
        self._expected.append((offset, size))

    def accept_expected(self) -> None:
        """What was expected has been changed. An interrupt may keep it from being said; then `verify` says it."""
        for offset, size in list(self._expected):
            self.accept(offset, size)
        self._expected = []

    def storing(self, offset: int, size: int) -> None:
        """The same for these bytes, and a failure-atomic store."""
        self.expect(offset, size)

    def accept(self, offset: int, size: int) -> None:
        """These bytes were changed by a failure-atomic store outside a transaction."""
        self._reach(offset + size)
        self._view[offset : offset + size] = self._heap.read_bytes(offset, size)
        # Last, lest an interrupt in between lose it.
        if (offset, size) in self._expected:
            self._expected.remove((offset, size))

    def reset(self) -> None:
        """A transaction has ended: what the pool holds now is right."""
        self._allowed.clear()
        for start, end in self._differing_chunks():
            self._view[start:end] = self._heap.read_bytes(start, end - start)

    def verify(self) -> None:
        """Compare before a commit.

        Raises:
            MissingSnapshotError: with the first bytes that should have been snapshotted.
        """
        self.accept_expected()
        suspects = self._changed_outside_allowed()
        if not suspects:
            return
        # Bytes between allocations are the allocator's own; it logs them by itself.
        allocations = sorted([*self._heap.allocations(), (self._heap.root_offset, ROOT_SIZE, 0)])
        for at in suspects:
            index = bisect_right(allocations, (at, sys.maxsize)) - 1
            if index >= 0:
                offset, size, kind = allocations[index]
                if at < offset + size:
                    raise self._complaint(at, offset, kind)

    def _complaint(self, at: int, offset: int, kind: int) -> MissingSnapshotError:
        name = Kind(kind).name if kind in ALL_KINDS else "root" if offset == self._heap.root_offset else f"kind {kind}"
        if self._heap.types is not None and kind in ALL_KINDS:
            of_class = self._heap.types.title(offset, kind)
            name = f"{name} of {of_class}" if of_class else name
        was = self._view[at : at + WORD].hex()
        return MissingSnapshotError(
            f"commit a transaction on {self._heap.name}",
            f"bytes {at:#x} to {at + WORD - 1:#x} ({name} at {offset:#x}, +{at - offset}) changed from {was} to "
            f"{self._heap.read_bytes(at, WORD).hex()} without a snapshot",
            "store through Heap.write, which snapshots what it changes; after MemoryManager.store outside a "
            "transaction call persist()",
        )

    def _changed_outside_allowed(self) -> list[int]:
        """The offsets of the words that have changed and that no allowed range covers, ascending."""
        merged: list[list[int]] = []
        for start, end in sorted(self._allowed):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        starts = [start for start, _ in merged]

        def covered(at: int, end: int) -> bool:
            index = bisect_right(starts, at) - 1
            return index >= 0 and end <= merged[index][1]

        found = []
        for chunk, end in self._differing_chunks():
            if covered(chunk, end):
                continue
            before, now = self._view[chunk:end].tobytes(), self._heap.read_bytes(chunk, end - chunk)
            # Few of them differ, and a loop over all words takes longer than everything else here.
            for piece in range(0, len(now), _PIECE):
                old, new = before[piece : piece + _PIECE], now[piece : piece + _PIECE]
                at = chunk + piece
                if old != new and not covered(at, at + len(new)):
                    pairs = enumerate(zip(array("Q", old), array("Q", new), strict=True))
                    changed = [at + WORD * number for number, (was, word) in pairs if was != word]
                    found += [word_at for word_at in changed if not covered(word_at, word_at + WORD)]
        return found

    def _differing_chunks(self) -> list[tuple[int, int]]:
        return [
            (start, min(start + _CHUNK, self._end))
            for start in range(self._begin, self._end, _CHUNK)
            if not library.equal(self._heap.base + start, self._view[start : min(start + _CHUNK, self._end)])
        ]
