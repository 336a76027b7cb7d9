"""Onlookers: processes that copy the files of a pool which another process has open.

What an onlooker has copied is useless once a checkpoint has begun a new generation of the journal. So it locks one byte
of the journal for reading, and whoever has the pool open makes the journal longer instead, within bounds, before it
begins a checkpoint. The lock is a request and not a guard: whether its copy is whole, the onlooker tells by the header
of the journal. The system drops the lock when the onlooker ends, however it ends.

The lock is one of an open file (``F_OFD_SETLK``), which has nothing to do with the lock on the whole file (``flock``)
by which the owner of a journal is known.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator

from pmemobj._durability import file_operations

#: The byte that is locked: one of the first header, which always exists.
_AT, _SIZE = 0, 1
#: ``struct flock``: type, whence, start, length, process.
_LOCK = struct.Struct("@hhqqi0q")


@contextlib.contextmanager
def holding_checkpoints_off(path: str) -> Iterator[int]:
    """Ask whoever has the pool open to make no checkpoint during the block.

    Args:
        path: The journal.

    Yields:
        A descriptor of the journal, to be read; -1 if there is none, or none that can be read.
    """
    try:
        journal = file_operations.current.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        yield -1
        return
    try:
        with contextlib.suppress(OSError):  # some file systems have no locks; then the onlooker may have to begin anew
            fcntl.fcntl(journal, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, _AT, _SIZE, 0))
        yield journal
    finally:
        file_operations.current.close(journal)


def are_there(journal: int) -> bool:
    """Whether a process asks for no checkpoint, by the descriptor of the journal that its owner has."""
    try:
        asked = fcntl.fcntl(journal, fcntl.F_OFD_GETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _AT, _SIZE, 0))
    except OSError:
        return False
    return bool(_LOCK.unpack(asked)[0] != fcntl.F_UNLCK)
