"""A mirror: copies in memory of files that another process goes on changing, brought up to date pass by pass.

A pass reads all files, and copies the pages that differ. While it runs, the files change, so what it leaves is no state
of one moment. But the pages that a program changes within some milliseconds are few, and they can be read twice within
microseconds::

    pass          some pages differ: these are hot
    still moment  the hot pages are read again and again, until two readings are the same: between them lies a moment
    pass          if no other page differs, all of them were at that moment as they are in the mirror

What this cannot notice is a page that changes between two readings, and has changed back, byte by byte, at the second.
A transaction does not do that: it raises numbers in libpmemobj's log, which stay raised.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

from pmemobj._durability import file_operations
from pmemobj._files.extents import extents
from pmemobj._files.poolset import PAGE

#: So many bytes are compared at a time; the caches of most processors have room for both sides.
_PIECE = 256 << 10
#: For so many seconds hot pages are read twice, before only those of them that changed then count as hot.
_TRYING = 0.05

#: Pages by their numbers, counted through all files.
Contents = dict[int, bytes]


class _Pair(NamedTuple):
    """A file and its copy.

    Attributes:
        source, target: Descriptors of both.
        size: Bytes.
        first: The number of its first page.
    """

    source: int
    target: int
    size: int
    first: int


class _Run(NamedTuple):
    """Neighbouring pages of one file: from which descriptor and offset, how many bytes, and the first page's number."""

    source: int
    offset: int
    size: int
    first: int


class Mirror:
    """Copies of the files of a pool; this object closes them.

    Args:
        targets: The paths of the copies, in order; more are added when they are needed. Nothing has these names yet.
    """

    def __init__(self, targets: Iterator[str]) -> None:
        self._names = targets
        #: Path and descriptor of each copy.
        self._targets: list[tuple[str, int]] = []
        #: Which file each copy is of, by device and inode.
        self._originals: list[tuple[int, int]] = []
        self._pairs: list[_Pair] = []

    def close(self) -> None:
        """Close the copies."""
        while self._targets:
            os.close(self._targets.pop()[1])

    @contextmanager
    def before(self, files: Sequence[tuple[str, int]]) -> Iterator[tuple[tuple[int, int, int], ...]]:
        """Open the files during the block, for passes.

        Args:
            files: Path and size in bytes of each, in order; the sizes of all but the last are whole pages.

        Yields:
            Device, inode and size of each: as long as these are the same, so are the files.

        Raises:
            OSError: one cannot be opened; FileNotFoundError if it has been renamed meanwhile.
        """
        first = 0
        identities = []
        try:
            for place, (path, size) in enumerate(files):
                source = file_operations.current.open(path, os.O_RDONLY | os.O_NONBLOCK)
                self._pairs.append(_Pair(source, -1, size, first))
                status = os.fstat(source)
                target = self._target(place, (status.st_dev, status.st_ino), size)
                self._pairs[-1] = _Pair(source, target, size, first)
                identities.append((status.st_dev, status.st_ino, size))
                first += -(-size // PAGE)
            yield tuple(identities)
        finally:
            while self._pairs:
                file_operations.current.close(self._pairs.pop().source)

    def _target(self, place: int, original: tuple[int, int], size: int) -> int:
        if place == len(self._targets):
            path = next(self._names)
            self._targets.append((path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)))
            self._originals.append(original)
        target = self._targets[place][1]
        if self._originals[place] != original:
            # What is a hole in the new file would keep the contents of the old one.
            os.ftruncate(target, 0)
            self._originals[place] = original
        if os.fstat(target).st_size != size:
            os.ftruncate(target, size)
        return target

    def copies(self, count: int) -> list[str]:
        """The paths of the first `count` copies; the others are removed."""
        for path, descriptor in self._targets[count:]:
            os.close(descriptor)
            os.unlink(path)
        del self._targets[count:], self._originals[count:]
        return [path for path, _ in self._targets]

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the first copy."""
        return os.pread(self._targets[0][1], size, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Replace bytes of the first copy."""
        _write(self._targets[0][1], data, offset)

    # ---- inside `before` ----

    def catch_up(self, spared: Container[int] = ()) -> set[int]:
        """One pass: copy the pages that differ, without those that are spared.

        Returns:
            Their numbers.

        Raises:
            OSError: ENOSPC if there is no room for the copies; EIO if a file has become shorter.
        """
        changed: set[int] = set()
        for pair in self._pairs:
            for start, end in _pages_with_data(pair.source, pair.size):
                for at in range(start, end, _PIECE):
                    wanted = min(_PIECE, end - at)
                    new, old = os.pread(pair.source, wanted, at), os.pread(pair.target, wanted, at)
                    if len(new) < wanted:
                        raise OSError(errno.EIO, "a file of the pool has become shorter")
                    if new != old:
                        changed.update(_update(pair, at, new, old, spared))
        return changed

    def still(self, pages: Iterable[int]) -> Contents | None:
        """What pages have at one moment; None if they are changed all the time.

        If so many pages are given that there is no moment at which none of them changes, those of them that have not
        changed lately are copied, and left out of the answer.
        """
        hot = set(pages)
        for _ in range(2):
            runs = self._runs(hot)
            warm: set[int] = set()
            second: list[bytes] = []
            until = time.monotonic() + _TRYING
            while not second or time.monotonic() < until:
                first, second = _read(runs), _read(runs)
                if first == second:
                    return dict(_pages(runs, first))
                warm.update(_differences(runs, first, second))
            self.put({number: data for number, data in _pages(runs, second) if number not in warm})
            hot = warm
        return None

    def put(self, contents: Mapping[int, bytes]) -> None:
        """Replace pages of the copies."""
        for pair in self._pairs:
            end = pair.first + -(-pair.size // PAGE)
            for number, data in contents.items():
                if pair.first <= number < end:
                    _write(pair.target, data, PAGE * (number - pair.first))

    def _runs(self, pages: set[int]) -> list[_Run]:
        found = []
        for pair in self._pairs:
            end = pair.first + -(-pair.size // PAGE)
            mine = sorted(number for number in pages if pair.first <= number < end)
            for _, group in groupby(enumerate(mine), lambda numbered: numbered[1] - numbered[0]):
                numbers = [number for _, number in group]
                offset = PAGE * (numbers[0] - pair.first)
                size = min(PAGE * len(numbers), pair.size - offset)
                found.append(_Run(pair.source, offset, size, numbers[0]))
        return found


def count_data(files: Sequence[tuple[str, int]]) -> int:
    """How many bytes of files, given by path and size, are not in holes."""
    found = 0
    for path, size in files:
        file = file_operations.current.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            found += sum(end - start for start, end in _pages_with_data(file, size))
        finally:
            file_operations.current.close(file)
    return found


def _pages_with_data(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Where in its first `size` bytes a file is no hole: beginnings and ends, in whole pages."""
    for start, end in extents(file, size):
        yield start & -PAGE, min(-(-end // PAGE) * PAGE, size)


def _update(pair: _Pair, at: int, new: bytes, old: bytes, spared: Container[int]) -> list[int]:
    """Copy the pages of a piece that differ; their numbers."""
    changed = []
    begun = -1
    for offset in range(0, len(new), PAGE):
        number = pair.first + (at + offset) // PAGE
        if new[offset : offset + PAGE] != old[offset : offset + PAGE] and number not in spared:
            changed.append(number)
            begun = offset if begun < 0 else begun
        elif begun >= 0:
            _write(pair.target, new[begun:offset], at + begun)
            begun = -1
    if begun >= 0:
        _write(pair.target, new[begun:], at + begun)
    return changed


def _write(target: int, data: bytes, offset: int) -> None:
    while data:
        done = os.pwrite(target, data, offset)
        data, offset = data[done:], offset + done


def _read(runs: Sequence[_Run]) -> list[bytes]:
    return [os.pread(source, size, offset) for source, offset, size, _ in runs]


def _pages(runs: Sequence[_Run], read: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The pages of runs, by their numbers."""
    for run, data in zip(runs, read, strict=True):
        for offset in range(0, len(data), PAGE):
            yield run.first + offset // PAGE, data[offset : offset + PAGE]


def _differences(runs: Sequence[_Run], first: Sequence[bytes], second: Sequence[bytes]) -> Iterator[int]:
    """The numbers of the pages that two readings have differently."""
    for run, before, after in zip(runs, first, second, strict=True):
        if before != after:
            for offset in range(0, len(after), PAGE):
                if before[offset : offset + PAGE] != after[offset : offset + PAGE]:
                    yield run.first + offset // PAGE
