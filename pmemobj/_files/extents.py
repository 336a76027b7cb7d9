"""Where a file has contents, and where it has holes: pools are large files of which a small part is used."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator


def extents(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Where in its first `size` bytes a file, given by its descriptor, is no hole: beginnings and ends.

    The file may change meanwhile. Its position is moved.
    """
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                return
            raise
        if start >= size:
            return
        end = min(os.lseek(file, start, os.SEEK_HOLE), size)
        yield start, end
