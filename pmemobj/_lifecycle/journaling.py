"""A pool gets a journal when it is opened: the steps from a sound file to a mapping whose commits are recorded.

::

    make    with the lock of the pool: make the journal, and let the state in the file name it; both are durable
    map     let libpmemobj map the pool copy-on-write
    adopt   see that no other process came in between, and write what the opening itself has changed

From the moment when the state names the journal, a crash leads to a replay, so every later step may be cut off.
"""

from __future__ import annotations

import contextlib
import errno
import os

from pmemobj._durability import leftover
from pmemobj._durability.journal import Journal, NewJournal
from pmemobj._durability.journal_format import Header
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._engine.heap import Heap
from pmemobj._files import pool_file
from pmemobj._format import POOL_HEADER_SIZE, POOL_IDENTITY, ROOT_STATE, WORD
from pmemobj.errors import DiskFullError, PmemError, PoolAccessError, PoolPermissionError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class Overtaken(Exception):
    """Another process has opened the pool between two steps; the opening has to begin anew."""


class NoJournalError(Exception):
    """No journal can be made beside the pool.

    Attributes:
        reason: The error to be raised if the program insists on a journal.
    """

    def __init__(self, reason: PmemError) -> None:
        super().__init__(str(reason))
        self.reason = reason


def prepare(what: str, path: str, found: pool_file.PoolFile, named: str) -> Prepared:
    """Make the journal of a pool, and let the file name it. The caller holds the lock of the pool.

    Args:
        what: The operation, for errors.
        path: The pool under its present name.
        found: What the caller knows of it.
        named: The path of the pool by which the journal is named.

    Raises:
        Overtaken: the pool is not as the caller knows it.
        NoJournalError: no journal can be made. Nothing has changed then.
        PoolExistsError: something that is no journal has its name.
    """
    grows = bool(found.max_size)
    again = pool_file.identify(path)
    if again.state != found.state or again.files != found.files:
        raise Overtaken
    beside = leftover.look(what, named, grows, _head(again.files[0][0]), again.state)
    if beside.kind is leftover.Kind.PENDING:
        raise Overtaken
    try:
        beside.make_room(what)
        return Prepared(what, path, again, beside.path)
    except OSError as error:
        if isinstance(error, PmemError):
            raise
        raise _no_journal(what, beside.path, error) from None


class Prepared:
    """A journal that was made for a pool which libpmemobj has still to map.

    Args:
        what: The operation, for errors.
        path: The pool under its present name.
        found: What is known of it.
        journal_path: Where the journal is to be made.

    Raises:
        OSError: it cannot be made. Nothing has changed then.
    """

    def __init__(self, what: str, path: str, found: pool_file.PoolFile, journal_path: str) -> None:
        self._path, self._state_at, self._state_before = path, found.root_offset + ROOT_STATE, found.state
        first = found.files[0][0]
        head = _head(first)
        number = int.from_bytes(os.urandom(7), "little") or 1
        header = Header(head[POOL_IDENTITY], number, 0, leftover.run_id_of(head))
        self.state = leftover.state_of(number)
        self.space = PoolSpace(found.files)
        try:
            self.made = NewJournal(journal_path, header, os.stat(first).st_mode & 0o666)
        except BaseException:
            self.space.close()
            raise
        try:
            self._set_state(self.state)
        except BaseException:
            # The state may name the journal, so it stays; the next opening finds nothing in it.
            self._close()
            raise

    def _set_state(self, state: int) -> None:
        self.space.write(self._state_at, state.to_bytes(WORD, "little"))
        self.space.sync()

    def withdraw(self) -> None:
        """Undo what was done, if the pool could not be opened and nobody else has opened it."""
        with contextlib.suppress(OSError), pool_file.locked(self._path):
            if self.made.is_in_place():
                self._set_state(self._state_before)
                self.made.remove()
        self._close()

    def _close(self) -> None:
        self.made.close()
        self.space.close()

    def adopt(self, heap: Heap, is_relaxed: bool) -> None:
        """Let the heap, which is bound to the pool, record its commits from now on.

        Raises:
            Overtaken: the state in the pool does not name this journal, or the journal is gone.
            NotDurableError: the disk fails.
        """
        if heap.read(heap.root_offset + ROOT_STATE) != self.state or not self.made.is_in_place():
            self._close()
            raise Overtaken
        journal = Journal(heap.name, self.made, heap.base, self.space, is_relaxed)
        heap.journal = journal
        # From here on, libpmemobj's `run_id` in the file is that of this opening, so that a later one is noticed.
        journal.checkpoint()


def _head(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(POOL_HEADER_SIZE)


def _no_journal(what: str, path: str, error: OSError) -> Exception:
    """The error for a journal that cannot be made; a `NoJournalError` where the pool can do without."""
    why = f"its journal {path} cannot be made ({os.strerror(error.errno or 0).lower()})"
    if error.errno in _FORBIDDEN:
        todo = 'change the permissions of the directory, or open the pool with durability="in-place"'
        return NoJournalError(PoolPermissionError(what, why, todo))
    if error.errno in _FULL:
        todo = 'free space on the disk, or open the pool with durability="in-place"'
        return NoJournalError(DiskFullError(what, why, todo))
    todo = 'see to the disk, or open the pool with durability="in-place"'
    return PoolAccessError(what, why, todo, code=error.errno or 0)
