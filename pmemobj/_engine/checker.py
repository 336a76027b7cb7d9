"""The checking mode: proof that a transaction snapshotted everything that it changed.

The mode keeps a copy of the used part of the pool. Before each commit the copy and the pool are
compared: every byte of an allocation that differs must lie in a range that was snapshotted, or in
memory that this transaction allocated. Any other byte would survive a roll-back, or be lost in a
crash; such bytes made the predecessor of this package lose data.

The environment variable ``PMEMOBJ_CHECK=1`` turns the mode on; the whole test suite runs with it.
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
from pmemobj._engine.observer import Observer
from pmemobj._format import ALL_KINDS, ROOT_SIZE, WORD, Kind
from pmemobj._pmdk import library
from pmemobj.errors import MissingSnapshotError

#: So many bytes are compared at once; a chunk that differs is compared again in smaller pieces.
_CHUNK, _PIECE = 1 << 16, 1 << 9


def wanted() -> bool:
    """Whether the environment asks for the checking mode."""
    return os.environ.get("PMEMOBJ_CHECK", "0") not in ("", "0")


class Checker(Observer):
    """Checks the changes of one heap; see the module's text."""

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
        """Compare the pool up to `end` from now on; the copy takes over the new part as it is."""
        if end > self._end:
            end = min((end + _CHUNK - 1) & ~(_CHUNK - 1), self._heap.limit)
            if end > len(self._copy):
                self._enlarge()
            self._view[self._end : end] = self._heap.read_bytes(self._end, end - self._end)
            self._end = end

    def _enlarge(self) -> None:
        """Make the copy as long as the pool, which has grown."""
        larger = mmap.mmap(-1, self._heap.limit)
        larger[: self._end] = self._view[: self._end]
        self._copy, self._view = larger, memoryview(larger)

    def allow(self, offset: int, size: int) -> None:
        """These bytes may change in this transaction: they were snapshotted, or it has allocated them."""
        self._reach(offset + size)
        self._allowed.append((offset, offset + size))

    def expect(self, offset: int, size: int) -> None:
        """These bytes will change outside a transaction; the copy takes them over after the change."""
        self._expected.append((offset, size))

    def accept_expected(self) -> None:
        """All expected changes have been made. If an interrupt prevents this call, `verify` makes it."""
        for offset, size in list(self._expected):
            self.accept(offset, size)
        self._expected = []

    def storing(self, offset: int, size: int) -> None:
        """These bytes will change by a failure-atomic store."""
        self.expect(offset, size)

    def accept(self, offset: int, size: int) -> None:
        """These bytes were changed by a failure-atomic store outside a transaction."""
        self._reach(offset + size)
        self._view[offset : offset + size] = self._heap.read_bytes(offset, size)
        # Last, so that an interrupt in between does not lose the entry.
        if (offset, size) in self._expected:
            self._expected.remove((offset, size))

    def reset(self) -> None:
        """A transaction has ended: the contents of the pool are right as they are now."""
        self._allowed.clear()
        for start, end in self._differing_chunks():
            self._view[start:end] = self._heap.read_bytes(start, end - start)

    def verify(self) -> None:
        """Compare the pool with the copy, before a commit.

        Raises:
            MissingSnapshotError: some bytes should have been snapshotted; the error names the first of them.
        """
        self.accept_expected()
        suspects = self._changed_outside_allowed()
        if not suspects:
            return
        # Bytes between allocations belong to libpmemobj, which logs them itself.
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
            # Few pieces differ, and a loop over all words would take longer than everything else here.
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
