"""The files of a pool as words that are read when they are needed.

The checks before a pool is opened need two words here and two there, a chunk apart. In a mapping
each access is a page fault, which takes ten times as long as reading the words from the file, and unmapping takes time
again. Words that lie side by side, like the headers of all chunks, are read as a slice.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import TracebackType
from typing import overload

from pmemobj._format import WORD

#: So many words are read together, a power of two.
_ROW_SHIFT = 6
_ROW = 1 << _ROW_SHIFT
_PAGE = 4096


class FileWords:
    """Several files as one sequence of words. A context manager, which opens and closes the files.

    Args:
        files: Path and size in bytes of each, in order; the sizes of all but the last are whole rows.
        pages: What is read in place of pages of 4096 bytes in the files, by their numbers in the sequence.
    """

    def __init__(self, files: Sequence[tuple[str, int]], pages: Mapping[int, bytes] | None = None) -> None:
        self._pages = pages
        self._paths = [path for path, _ in files]
        self._starts = [0, *accumulate(size for _, size in files)]
        self._descriptors: list[int] = []
        # Two rows are kept, since a walk over the heap reads in two places in turn: their numbers, and their words.
        self._number, self._other_number = -1, -1
        self._row, self._other_row = (memoryview(bytearray(_ROW * WORD)).cast("Q") for _ in range(2))

    def __enter__(self) -> FileWords:
        self._descriptors = []
        try:
            for path in self._paths:
                self._descriptors.append(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __len__(self) -> int:
        return self._starts[-1] // WORD

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> memoryview: ...

    def __getitem__(self, index: int | slice) -> int | memoryview:
        if isinstance(index, slice):
            return self._slice(*index.indices(len(self)))
        number = index >> _ROW_SHIFT
        if number != self._number:
            self._number, self._other_number = self._other_number, self._number
            self._row, self._other_row = self._other_row, self._row
            if number != self._number:
                self._read(number)
        return self._row[index & (_ROW - 1)]

    def _slice(self, start: int, stop: int, step: int) -> memoryview:
        """A copy of the words of a range; words behind the end of a file are 0, as in a row."""
        content = memoryview(bytearray(WORD * max(0, stop - start)))
        filled = 0
        while filled < len(content):
            at = WORD * start + filled
            which = bisect_right(self._starts, at) - 1
            room = content[filled : filled + self._starts[which + 1] - at]
            filled += os.preadv(self._descriptors[which], [room], at - self._starts[which]) or len(room)
        if self._pages:
            self._lay_over(content, WORD * start)
        return content.cast("Q")[::step]

    def _lay_over(self, content: memoryview, start: int) -> None:
        """Put what is read in place of pages into bytes that were read from `start` on."""
        assert self._pages is not None
        end = start + len(content)
        for number in range(start // _PAGE, -(-end // _PAGE)):
            page = self._pages.get(number)
            if page is not None:
                first, last = max(start, _PAGE * number), min(end, _PAGE * (number + 1))
                content[first - start : last - start] = page[first - _PAGE * number : last - _PAGE * number]

    def _read(self, number: int) -> None:
        """Read a row. Words behind the end of a file are 0: a file that has become shorter is damaged anyway."""
        at = number * _ROW * WORD
        if not 0 <= at < self._starts[-1]:
            raise IndexError(f"word {number * _ROW} of {len(self)}")
        self._number = -1
        which = bisect_right(self._starts, at) - 1
        there = os.preadv(self._descriptors[which], [self._row], at - self._starts[which])
        for missing in range(there // WORD, _ROW):
            self._row[missing] = 0
        if self._pages:
            with self._row.cast("B") as content:
                self._lay_over(content, at)
        self._number = number
