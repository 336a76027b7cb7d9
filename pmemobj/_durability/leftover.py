"""What lies beside a pool: a journal that must be replayed, or something else.

No process has the pool open; or the pool is a copy of one that another process has open (`onlookers`).

The state in the root object of the file says whether it needs a journal, and which: `STATE_JOURNAL` with the number of
the journal. So it is known if that journal is missing, and an older journal is never taken for it. libpmemobj's
`run_id` tells whether a program has opened the file without the journal.

Looking changes nothing. `Leftover.overlay` tells what the pages of the pool are with the journal, for those who only
read; `Leftover.replay` writes them to the files.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import warnings
from collections.abc import Sequence
from enum import Enum
from itertools import groupby

from pmemobj._durability import file_operations, journal_format
from pmemobj._durability.journal_format import PAGE, RECORDS, Header, Record
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._format import POOL_IDENTITY, POOL_RUN_ID, STATE_JOURNAL, STATE_JOURNAL_MASK, STATE_OPEN, WORD
from pmemobj._pmdk import interposition, library
from pmemobj.errors import (
    PmemError,
    PoolAccessError,
    PoolBusyError,
    PoolDamagedError,
    PoolExistsError,
    PoolPermissionError,
    PoolVersionError,
)

#: The name of the journal of a growing pool, in its directory, and the ending of that of a pool in one file.
IN_DIRECTORY = "pool.journal"
ENDING = "-journal"
#: The ending of a journal that is not of this pool, when it has been moved out of the way.
ASIDE = ".other"

#: The pages of a pool, by their numbers.
Pages = dict[int, bytes]


class Kind(Enum):
    """What there is."""

    NOTHING = "no journal, and none is needed"
    PENDING = "its journal, with commits that the file lacks"
    DONE = "its journal, of which the file has everything"
    OTHER = "a journal of another pool, or of another time"
    NO_JOURNAL = "something that is no journal"
    MISSING = "its journal is missing, or cannot be used"


class Leftover:
    """What lies beside a pool.

    Attributes:
        kind: What it is.
        path: The journal, whether there is one or not.
        why: For `Kind.MISSING`, what is wrong; for `Kind.OTHER`, what it is.
        header: Its header, if it has one.
    """

    __slots__ = ("header", "kind", "path", "why")

    def __init__(self, kind: Kind, path: str, why: str = "", header: Header | None = None) -> None:
        self.kind, self.path, self.why, self.header = kind, path, why, header

    # ---- reading ----

    def overlay(self, files: Sequence[tuple[str, int]], read: bytes | None = None) -> Pages:
        """The pages that the journal changes, as they are with it; the files stay as they are.

        Args:
            files: Path and size in bytes of each file of the pool, in order.
            read: The bytes of the journal, if the caller has read them.

        Raises:
            PoolDamagedError: a whole record does not fit to the pool.
            OSError: the journal cannot be read.
        """
        if self.kind is not Kind.PENDING:
            return {}
        assert self.header is not None
        whole = _read(self.path) if read is None else read
        with memoryview(whole) as data, library.files_in_a_row(files, private=True) as image:
            changed: set[int] = set()
            for record in journal_format.whole_records(data[RECORDS:], self.header):
                try:
                    _scatter(record, image)
                except ValueError:
                    raise PoolDamagedError(
                        f"read the journal {self.path}",
                        f"its record {record.sequence} has pages that the pool has not",
                        "restore the pool, with its journal, from a copy",
                    ) from None
                changed.update(journal_format.pages_of(record))
            return {page: bytes(image[PAGE * page : PAGE * (page + 1)]) for page in sorted(changed)}

    def count_records(self) -> int:
        """How many whole records there are."""
        if self.kind is not Kind.PENDING:
            return 0
        assert self.header is not None
        with memoryview(_read(self.path)) as data:
            return sum(1 for _ in journal_format.whole_records(data[RECORDS:], self.header))

    # ---- changing; the caller holds the lock of the pool ----

    def demand_usable(self, what: str) -> None:
        """Refuse a pool that lacks its journal.

        Raises:
            PoolDamagedError: it does.
        """
        if self.kind is Kind.MISSING:
            raise PoolDamagedError(
                what,
                self.why,
                "put the journal back beside it, or restore both from a copy; what the file alone has can be looked at "
                "with sandbox=True",
            )

    def replay(self, files: Sequence[tuple[str, int]], pages: Pages, state_at: int) -> None:
        """Write what the journal has to the files; afterwards the pool needs no journal. It can be repeated.

        Args:
            files: Path and size in bytes of each file of the pool, in order.
            pages: What `overlay` has returned.
            state_at: The offset of the state in the pool.
        """
        if self.kind is Kind.PENDING:
            space = PoolSpace(files)
            try:
                write_pages(space, pages)
                space.sync()
                # Only now, for as long as the state names the journal, the replay is repeated after a crash.
                space.write(state_at, STATE_OPEN.to_bytes(WORD, "little"))
                space.sync()
            finally:
                space.close()
        if self.kind in (Kind.PENDING, Kind.DONE):
            self._remove()

    def make_room(self, what: str) -> None:
        """Move something else that has the name of the journal out of the way, so that a journal can be made.

        Raises:
            PoolExistsError: it is no journal, so it is left alone.
            PoolBusyError: a process uses it, for a pool that has been moved, or that it is creating.
        """
        if self.kind is Kind.NO_JOURNAL:
            raise PoolExistsError(
                what,
                f"its journal would be {self.path}, and something that is no journal has that name",
                'move that away, or open the pool with durability="in-place"',
            )
        if self.kind in (Kind.OTHER, Kind.DONE) and _is_in_use(self.path):
            raise PoolBusyError(
                what,
                f"its journal would be {self.path}, which is in use for another pool, one that was moved away or that "
                "is being created",
                "close that pool, try again in a moment, or choose another name",
            )
        if self.kind is Kind.DONE:
            self._remove()  # a program was killed while it made the journal of a new pool
        if self.kind is Kind.OTHER:
            directory, name = os.path.split(self.path)
            with file_operations.opened_directory(directory) as descriptor:
                file_operations.current.rename(name, name + ASIDE, descriptor)
            warnings.warn(
                f"the journal {self.path} {self.why}, so it is not used, and is called {name + ASIDE} now",
                RuntimeWarning,
                stacklevel=6,
            )

    def _remove(self) -> None:
        directory, name = os.path.split(self.path)
        with file_operations.opened_directory(directory) as descriptor, contextlib.suppress(FileNotFoundError):
            file_operations.current.unlink(name, descriptor)
            # Should the name come back after a power cut, when libpmemobj has opened the file since, the journal would
            # be taken for one of an earlier time, which is never removed.
            file_operations.current.sync(descriptor)


def journal_path(path: str, grows: bool) -> str:
    """The path of the journal of a pool: beside the file itself, wherever links to it are; or in the directory."""
    return os.path.join(path, IN_DIRECTORY) if grows else os.path.realpath(path) + ENDING


def look(what: str, path: str, grows: bool, head: bytes, state: int) -> Leftover:
    """What lies beside a pool that no process has open.

    Args:
        what: The operation, for errors.
        path: The file, or the directory of a growing pool.
        grows: Which of the two it is.
        head: The header of the pool, from the file.
        state: The state from the root object in the file.

    Raises:
        PoolPermissionError, PoolAccessError: there is a journal that cannot be read.
        PoolVersionError: a later release has made the journal.
    """
    beside = journal_path(path, grows)
    is_needed = names_journal(state)
    try:
        start = _read(beside, RECORDS)
    except (FileNotFoundError, NotADirectoryError):
        if is_needed:
            why = f"its last commits are in the journal {beside}, which is missing"
            return Leftover(Kind.MISSING, beside, why)
        return Leftover(Kind.NOTHING, beside)
    except OSError as error:
        if error.errno == errno.EISDIR:
            start = b"?"
        else:
            raise _unreadable(what, beside, error) from None
    if journal_format.is_of_other_version(start):
        raise PoolVersionError(
            what, f"its journal {beside} was written by a later release", "install the release of pmemobj that wrote it"
        )
    header = journal_format.read_header(start)
    if is_needed:
        return _judge_needed(beside, header, head, state)
    if header is None:
        # A program may have been killed before the header of its journal was durable.
        return Leftover(Kind.DONE if journal_format.is_unfinished(start) else Kind.NO_JOURNAL, beside)
    if header.identity != head[POOL_IDENTITY]:
        return Leftover(Kind.OTHER, beside, "belongs to another pool", header)
    if _has_run_id(head, header):
        return Leftover(Kind.DONE, beside, "", header)
    return Leftover(Kind.OTHER, beside, "is of an earlier time", header)


def _judge_needed(beside: str, header: Header | None, head: bytes, state: int) -> Leftover:
    """Whether what lies there is the journal that the file needs."""
    if header is None:
        return Leftover(Kind.MISSING, beside, f"its last commits are in the journal {beside}, which is damaged")
    if header.identity != head[POOL_IDENTITY]:
        why = f"its last commits are in its journal, and {beside} is the journal of another pool"
    elif state != state_of(header.number):
        why = f"its last commits are in its journal, and {beside} is a journal of another time"
    elif not _has_run_id(head, header):
        why = f"a program has opened it without its journal {beside}, so that the two no longer fit together"
    else:
        return Leftover(Kind.PENDING, beside, "", header)
    return Leftover(Kind.MISSING, beside, why, header)


def names_journal(state: int) -> bool:
    """Whether a state says that the last commits of the pool are in a journal."""
    return state & STATE_JOURNAL_MASK == STATE_JOURNAL


def state_of(number: int) -> int:
    """The state of a pool whose last commits are in the journal of this number."""
    return STATE_JOURNAL | number << 8


def _has_run_id(head: bytes, header: Header) -> bool:
    """Whether nobody but the owner of the journal has opened the file: libpmemobj raises the number at each open.

    The first checkpoint writes the raised number to the file, and is made before the program sees the pool.
    """
    run_id = run_id_of(head)
    return run_id == header.run_id + 2 or (run_id == header.run_id and header.generation == 0)


def run_id_of(head: bytes) -> int:
    """libpmemobj's `run_id` in the header of a pool."""
    return int.from_bytes(head[POOL_RUN_ID : POOL_RUN_ID + WORD], "little")


def _scatter(record: Record, image: memoryview) -> None:
    module = interposition.module()
    if module is None:
        journal_format.scatter(record, image)
    else:
        module.scatter(record.data, journal_format.RECORD_HEAD, record.pages, image)


def write_pages(space: PoolSpace, pages: Pages) -> None:
    """Write pages to the files of a pool."""
    for run in _runs(pages):
        space.write(PAGE * run[0], b"".join([pages[page] for page in run]))


def _runs(pages: Pages) -> list[list[int]]:
    """The numbers of the pages, neighbours together."""
    numbered = groupby(enumerate(sorted(pages)), lambda pair: pair[1] - pair[0])
    return [[page for _, page in run] for _, run in numbered]


def _read(path: str, size: int = 1 << 62) -> bytes:
    descriptor = file_operations.current.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return file_operations.current.read(descriptor, size, 0)
    finally:
        file_operations.current.close(descriptor)


def _is_in_use(path: str) -> bool:
    """Whether a process has a journal open as its own."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _unreadable(what: str, path: str, error: OSError) -> PmemError:
    why = f"its journal {path} cannot be read ({os.strerror(error.errno or 0).lower()})"
    if error.errno in (errno.EACCES, errno.EPERM):
        return PoolPermissionError(what, why, "change the permissions of the journal")
    return PoolAccessError(what, why, "see what is wrong with that file; do not remove it", code=error.errno or 0)
