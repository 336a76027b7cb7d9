"""The files of a pool as one space of offsets that is written and made durable."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence

from pmemobj._durability import file_operations


class PoolSpace:
    """The open files of a pool, to be written. It keeps the files, wherever their names go.

    Args:
        files: Path and size in bytes of each, in order.
    """

    def __init__(self, files: Sequence[tuple[str, int]]) -> None:
        self._descriptors: list[int] = []
        self._starts = [0]
        #: Which files were written since they were made durable.
        self._written: set[int] = set()
        try:
            for path, size in files:
                self.add(path, size)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return self._starts[-1]

    def add(self, path: str, size: int, directory: int | None = None) -> None:
        """Take in a further file, which continues where the others end."""
        self._descriptors.append(file_operations.current.open(path, os.O_RDWR, directory=directory))
        self._starts.append(self._starts[-1] + size)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Write bytes of the space; what lies behind its end is left out."""
        done = 0
        while done < len(data) and offset + done < self.size:
            which = bisect_right(self._starts, offset + done) - 1
            size = min(len(data) - done, self._starts[which + 1] - offset - done)
            self._written.add(which)
            file_operations.current.write(
                self._descriptors[which], data[done : done + size], offset + done - self._starts[which]
            )
            done += size

    def sync(self) -> None:
        """Wait until everything that was written is durable."""
        for which in sorted(self._written):
            file_operations.current.sync(self._descriptors[which])
            self._written.discard(which)

    def sync_all(self) -> None:
        """Wait until all files are durable, whoever has written them."""
        for descriptor in self._descriptors:
            file_operations.current.sync(descriptor)

    def sync_new_file(self) -> None:
        """Wait until the file that was added last, with its size, is durable."""
        file_operations.current.sync(self._descriptors[-1])

    def close(self) -> None:
        """Close the files."""
        while self._descriptors:
            file_operations.current.close(self._descriptors.pop())
