"""The journal of an open pool: commits, checkpoints, and what happens when the disk fails.

The pool is mapped copy-on-write, and the functions in the place of libpmem's note which lines change. A commit gathers
these lines into one record, which is written to the journal by one call and made durable by one more. It happens
only when nothing is half done: at the end of a transaction, of a statement outside one, of a publication, of a
collection. So the state after each record is one from which libpmemobj can go on.

A checkpoint writes the pages that the records have changed to the files, makes them durable, begins a new generation of
the journal, and gives the private copies of the pages back to the system. If it is cut off, the journal still has
everything, and the next opening of the pool repeats it.

Threads: whoever calls `prepare`, `commit` or `checkpoint` holds the lock of the pool. `wait` is called without it, so
that one sync may serve several threads.

Interrupts: a KeyboardInterrupt may arrive between any two steps. So the C module puts a record into a list before
anything counts as gathered, and a record is taken from the list only after it was written; writing one twice
does no harm.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import threading
from collections.abc import Sequence

from pmemobj._durability import file_operations, journal_format, onlookers
from pmemobj._durability.journal_format import LINE, RECORD_HEAD, RECORDS, SECTOR, Header, Place, Record
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._format import WORD
from pmemobj._pmdk import chunks, interposition, library
from pmemobj.errors import DiskFullError, NotDurableError

#: Bytes of a new journal, which are written once ahead, so that a sync has only contents to write. It becomes twice as
#: long whenever it is full, up to a part of the pool's size, between two limits.
FIRST_SIZE = 256 << 10
_LEAST_LIMIT, _MOST_LIMIT = 4 << 20, 64 << 20
#: A checkpoint is due when the records have changed so many pages, since each takes memory until then.
MOST_PAGES = 32768
#: For onlookers, a checkpoint is put off until there are so many times more pages, or the journal is so much longer.
_PUT_OFF = 4
#: Room that a record needs besides the lines that its caller knows of: libpmemobj's logs and bookkeeping.
_SLACK = 64 << 10

#: So many bytes are written ahead by one call.
_AHEAD = 1 << 20

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NewJournal:
    """A journal that was made for a pool, before libpmemobj opens it.

    Args:
        path: The file to be made; there is none of that name.
        header: The header.
        mode: Its permissions.

    Raises:
        OSError: it cannot be made. Then nothing of it is left.
    """

    def __init__(self, path: str, header: Header, mode: int) -> None:
        files = file_operations.current
        self.path, self.header = path, header
        self.name = os.path.basename(path)
        self.directory = files.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        self.file = -1
        try:
            self.file = files.open(self.name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode, self.directory)
            # As long as it is open, no other process takes it for something that was left behind.
            with contextlib.suppress(OSError):  # some file systems have no locks
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            files.allocate(self.file, 0, FIRST_SIZE)
            files.write(self.file, bytes(FIRST_SIZE), 0)
            files.write(self.file, header.pack(), header.offset)
            files.sync(self.file)
            files.sync(self.directory)
        except BaseException:
            if self.file >= 0:
                with contextlib.suppress(OSError):
                    files.unlink(self.name, self.directory)
            self.close()
            raise

    def close(self) -> None:
        """Close the file, and leave it where it is."""
        for descriptor in (self.file, self.directory):
            if descriptor >= 0:
                file_operations.current.close(descriptor)
        self.file = self.directory = -1

    def remove(self) -> None:
        """Remove the file for good, if it still has its name.

        Should the name come back after a power cut, when libpmemobj has opened the pool since, this would be taken for
        a journal of an earlier time, which is never removed.
        """
        if self.is_in_place():
            file_operations.current.unlink(self.name, self.directory)
            file_operations.current.sync(self.directory)

    def is_in_place(self) -> bool:
        """Whether the file is still the one that has its name."""
        try:
            there = os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self.file))


class CommitObserver:
    """Is told what each commit takes; `pool.log` is told. It does nothing; a derived class overrides the methods.

    The thread that commits calls the methods. An exception from them is raised by the commit, so they must raise none.
    """

    def record_written(self, size: int) -> None:
        """A record of so many bytes was written."""

    def synced(self) -> None:
        """The journal was synced."""

    def checkpoint_made(self) -> None:
        """The file of the pool has everything, and the journal began anew."""

    def commit_returns(self) -> None:
        """The commit is as durable as it promises; what follows belongs to no commit of this thread."""


class Journal:
    """The journal of an open pool.

    Args:
        name: How messages call the pool.
        made: The journal that was made for it; this object closes it.
        base: Where the pool is mapped.
        space: The files of the pool; this object closes them.
        is_relaxed: Whether commits wait for no sync.

    Attributes:
        records: How many records were written, and the next three likewise: syncs of the journal, bytes of records,
            checkpoints.
        syncs, written, checkpoints: See `records`.
        observer: Who is told what each commit takes; None for nobody.
        path: The file, for messages.
    """

    def __init__(self, name: str, made: NewJournal, base: int, space: PoolSpace, is_relaxed: bool) -> None:
        self._name, self._made, self._base, self._space, self._is_relaxed = name, made, base, space, is_relaxed
        self.path = made.path
        self._header = made.header
        self._native = interposition.native()
        self._noted, self._gather = self._native.noted, self._native.gather
        self._place = Place(RECORDS, 0, self._header.checksum)
        self._capacity = FIRST_SIZE
        #: The beginning of the file, where records are stored without a call of the system; None to write all of them.
        self._mapped: mmap.mmap | None = None
        self._mapped_size = 0
        self._limit = max(_LEAST_LIMIT, min(_MOST_LIMIT, space.size // 2))
        self._map()
        #: The header of a generation that is being begun.
        self._coming: Header | None = None
        #: Records that were gathered and are not written yet.
        self._gathered: list[tuple[bytearray, int, int]] = []
        #: The number of records that are durable.
        self._durable = 0
        #: How many records there were when the footers were last noted; without another record they are the same.
        self._footers_noted = -1
        self._syncing = threading.Lock()
        #: Why nothing can be made durable any more; None as long as the disk works.
        self._failure: NotDurableError | None = None
        self.records = self.syncs = self.written = self.checkpoints = 0
        self.observer: CommitObserver | None = None

    # ---- before a change ----

    def prepare(self, size: int) -> None:
        """Make sure that a change of `size` bytes can be committed; to be called before it, outside of transactions.

        Raises:
            NotDurableError: the disk has failed before.
            DiskFullError: there is no room for the record.
        """
        if self._failure is not None:
            self._refuse()
        need = self._need(size)
        if self._place.position + need > self._capacity and not self._lengthen(need, self._limit):
            if self._put_off(need):
                return
            self.checkpoint()
            need = self._need(size)
            if self._place.position + need > self._capacity and not self._lengthen(need):
                self._refuse_full(need)

    def prepare_commit(self, size: int) -> None:
        """As `prepare`, at the end of a transaction that changes `size` bytes at most."""
        if self._failure is not None:
            self._refuse()
        need = self._need(size)
        if self._place.position + need > self._capacity and not self._lengthen(need):
            self._refuse_full(need)

    def _need(self, size: int) -> int:
        """How long a record can be of what is noted so far, and `size` bytes more, each line in its own page."""
        pages, lines = self._noted(self._base)
        return int(_SLACK + 16 * pages + LINE * lines + size + size // 4)

    def _lengthen(self, need: int, limit: int = 1 << 62) -> bool:
        """Make room for a record of so many bytes; whether there is.

        As long as the journal is short it doubles, lest the next record need this too. It is made longer than usual
        only for a record that must be written before a checkpoint can be made; the checkpoint makes it shorter again.
        """
        files, file = file_operations.current, self._made.file
        end = self._place.position + need
        if end > limit:
            return False
        target = -(-max(end, min(2 * self._capacity, self._limit)) // SECTOR) * SECTOR
        try:
            files.allocate(file, self._capacity, target - self._capacity)
            for at in range(self._capacity, min(target, self._limit), _AHEAD):
                files.write(file, bytes(min(_AHEAD, target - at)), at)
        except OSError as error:
            if error.errno in _FULL:
                return False
            raise self._fail("lengthen", error) from None
        self._capacity = target
        self._map()
        return True

    def _map(self) -> None:
        """In relaxed mode, map what has been written ahead: its blocks are there, so a store to it cannot fail.

        A store saves the system call. But to wait for a page that was stored to takes ext4 twice as long as for one
        that was written by a call, so in full mode, where each commit waits, records are written.
        """
        self._unmap()
        if not self._is_relaxed:
            return
        size = min(self._capacity, self._limit)
        self._mapped = file_operations.current.map(self._made.file, size)
        self._mapped_size = 0 if self._mapped is None else size

    def _unmap(self) -> None:
        before, self._mapped_size, self._mapped = self._mapped, 0, None
        if before is not None:
            before.close()

    # ---- a commit ----

    def commit(self) -> None:
        """Write one record of everything that has changed. In full mode, it is durable after `wait`.

        Raises:
            NotDurableError: the disk has failed, now or before.
        """
        self._write_gathered()
        if self._place.position + _SLACK > min(self._capacity, self._limit) or self._written() > MOST_PAGES:
            self._relieve()

    def _write_gathered(self) -> None:
        if self._failure is not None:
            self._refuse()
        if self._coming is not None:
            self._finish_generation_at_last()
        self._gather(self._base, RECORD_HEAD, SECTOR, self._gathered)
        while self._gathered:
            record, pages, lines = self._gathered[0]
            place = journal_format.finish_record(record, pages, lines, self._header, self._place)
            position = self._place.position
            try:
                if position + len(record) <= self._mapped_size:
                    assert self._mapped is not None
                    file_operations.current.store(self._mapped, self._made.file, record, position)
                else:
                    file_operations.current.write(self._made.file, record, position)
            except OSError as error:
                raise self._fail("write", error) from None
            self.written += len(record)
            self._place = place
            self.records = place.sequence
            del self._gathered[0]
            if self.observer is not None:
                self.observer.record_written(len(record))

    def _finish_generation_at_last(self) -> None:
        try:
            self._finish_generation()
        except OSError as error:
            raise self._fail("begin a generation of", error) from None

    def wait(self) -> None:
        """In full mode, wait until all records that were written before this call are durable.

        Raises:
            NotDurableError: the disk has failed.
        """
        if not self._is_relaxed:
            self._sync()
        if self.observer is not None:
            self.observer.commit_returns()

    def sync(self) -> None:
        """Wait until all records that were written before this call are durable, in relaxed mode too.

        Raises:
            NotDurableError: the disk has failed, now or before.
        """
        if self._failure is not None:
            self._refuse()
        self._sync()

    def _sync(self) -> None:
        wanted = self.records
        if self._durable >= wanted:
            return
        with self._syncing:
            if self._durable >= wanted:
                return  # another thread has waited for a sync that began after our record was written
            if self._failure is not None:
                self._refuse()
            reached = self.records
            try:
                file_operations.current.sync_data(self._made.file)
            except OSError as error:
                raise self._fail("sync", error) from None
            self.syncs += 1
            self._durable = reached
        if self.observer is not None:
            self.observer.synced()

    # ---- looking at it ----

    def present_records(self) -> list[Record]:
        """The records since the last checkpoint, read from the file; other threads may commit meanwhile.

        Raises:
            OSError: the file cannot be read.
        """
        while True:
            header, end = self._header, self._place.position
            data = file_operations.current.read(self._made.file, end - RECORDS, RECORDS)
            if header is self._header:
                return list(journal_format.whole_records(memoryview(data), header))

    def waiting(self) -> tuple[int, int]:
        """How many pages, and how many lines of them, the next record will have as it looks now."""
        pages, lines = self._noted(self._base)
        return int(pages), int(lines)

    # ---- a checkpoint ----

    def _relieve(self) -> None:
        """Make the journal longer, or empty it by a checkpoint."""
        is_due = self._written() > MOST_PAGES or not self._lengthen(_SLACK, self._limit)
        if is_due and not self._put_off(_SLACK):
            self.checkpoint()

    def _put_off(self, need: int) -> bool:
        """Put a checkpoint off for a process that copies the files, and make room for a record; whether that is done.

        There is a bound, since that process may be stopped, and never go on.
        """
        if self._written() > _PUT_OFF * MOST_PAGES or not onlookers.are_there(self._made.file):
            return False
        if self._place.position + need <= self._capacity:
            return True
        return self._lengthen(max(need, self._limit // 4), _PUT_OFF * self._limit)

    def _written(self) -> int:
        """How many pages the records have changed since the last checkpoint."""
        return int(self._native.written(self._base))

    def checkpoint(self, for_others: bool = False) -> bool:
        """Write everything that is committed to the files of the pool, and begin a new generation of the journal.

        Args:
            for_others: Whether the files will be used without this library, too. Then what libpmemobj needs and never
                flushes is written as well (`chunks.footers`).

        Returns:
            False if the files have holes for which the disk has no room; then nothing is lost, and nothing gained.

        Raises:
            NotDurableError: the disk has failed, now or before.
        """
        if for_others and self.records != self._footers_noted:
            self._note_footers()
        self._write_gathered()
        if for_others:
            self._footers_noted = self.records
        self._sync()
        runs = self._native.runs(self._base)
        if not runs and self._place.position == RECORDS:
            return True
        try:
            self._write_pages(runs)
        except OSError as error:
            if error.errno in _FULL:
                return False
            raise self._fail("checkpoint", error) from None
        try:
            self._space.sync()
            self._begin_generation()
        except OSError as error:
            raise self._fail("checkpoint", error) from None
        self._native.forget(self._base, True)
        self.checkpoints += 1
        if self.observer is not None:
            self.observer.checkpoint_made()
        return True

    def _note_footers(self) -> None:
        size = self._space.size & -WORD
        with library.view(library.pool_at(self._base), size) as memory, memory.cast("Q") as words:
            try:
                footers = chunks.footers(words)
            except chunks.HeapDamage:
                return  # nobody can allocate in that heap
            for at, word in footers:
                if words[at >> 3] >> 32 != word >> 32:
                    words[at >> 3] = word
                self._native.note(self._base, at, WORD)

    def _write_pages(self, runs: Sequence[tuple[int, int]]) -> None:
        end = self._space.size
        with library.view(library.pool_at(self._base), end) as memory:
            for offset, size in runs:
                self._space.write(offset, memory[offset : min(offset + size, end)])

    def _begin_generation(self) -> None:
        """From here on, the records that there are count for nothing."""
        self._coming = self._header._replace(generation=self._header.generation + 1)
        self._finish_generation()
        if self._capacity > self._limit:
            # Not before the header is durable: of the generation before, all records are needed, or none.
            file_operations.current.truncate(self._made.file, self._limit)
            self._capacity = self._limit

    def _finish_generation(self) -> None:
        """Begin the generation that is coming. If an interrupt cuts this off, the next record does it again before."""
        header = self._coming
        assert header is not None
        file_operations.current.write(self._made.file, header.pack(), header.offset)
        file_operations.current.sync_data(self._made.file)
        self._header = header
        self._place = Place(RECORDS, self._place.sequence, header.checksum)
        self._coming = None

    # ---- growth ----

    def add_part(self, name: str, size: int, directory: int) -> None:
        """Take in a part that libpmemobj has added to the pool, and make it durable, before a record counts it.

        Args:
            name: The name of the part.
            size: Its bytes.
            directory: A descriptor of the directory that it lies in.

        Raises:
            NotDurableError: the disk has failed.
        """
        try:
            self._space.add(name, size, directory)
            self._space.sync_new_file()
            file_operations.current.sync(directory)
        except OSError as error:
            raise self._fail("take in a new part of", error) from None

    @property
    def covered(self) -> int:
        """Bytes of the parts that the journal knows of."""
        return self._space.size

    # ---- the end ----

    def finish(self, state_at: int, state: int) -> None:
        """Write everything to the files, with the state of a pool that needs no journal, and remove the journal.

        Args:
            state_at: The offset of the state in the pool.
            state: The state.

        Raises:
            NotDurableError: the disk has failed. The journal stays, and the next opening replays it.
            DiskFullError: the files have holes for which the disk has no room. Likewise.
        """
        if not self.checkpoint(for_others=True):
            raise DiskFullError(
                f"write the last commits to the file of pool {self._name}",
                "the file has holes, and the disk has no room for their contents",
                "free space; the commits are in the journal, and the next opening replays it",
            )
        # From here on no record would be replayed.
        self._failure = NotDurableError(f"change pool {self._name}", "it is being closed", "open it again")
        try:
            # The state alone, after everything else: for as long as it names the journal, a crash leads to a replay.
            self._space.write(state_at, state.to_bytes(WORD, "little"))
            self._space.sync()
        except OSError as error:
            raise self._fail("close", error) from None
        with contextlib.suppress(OSError):
            self._made.remove()  # where that fails, the next opening finds that it is not needed

    def discard(self) -> None:
        """Remove the journal of a new pool that does not get its name."""
        with contextlib.suppress(OSError):
            self._made.remove()

    def close(self) -> None:
        """Close the files; nothing more is written."""
        with self._syncing:
            if self._failure is None:
                self._failure = NotDurableError(f"change pool {self._name}", "it was closed", "open it again")
            self._unmap()
            self._made.close()
            self._space.close()

    # ---- failures ----

    def _fail(self, what: str, error: OSError) -> NotDurableError:
        """Remember that the disk has failed. What is on it is unknown from now on, so nothing is tried again."""
        self._failure = NotDurableError(
            f"{what} the journal {self.path} of pool {self._name}",
            f"the disk has failed ({os.strerror(error.errno or 0)}), so nobody knows whether the last commits are "
            "durable",
            "close the pool, see to the disk, and open the pool again, which shows what there is; until then the pool "
            "refuses changes",
            code=error.errno or 0,
        )
        return self._failure

    def _refuse(self) -> None:
        failure = self._failure
        assert failure is not None
        raise NotDurableError(failure.what, failure.why, failure.todo, code=failure.errno or 0)

    def _refuse_full(self, need: int) -> None:
        raise DiskFullError(
            f"commit to pool {self._name}",
            f"the disk has no room for a record of up to {need:,} bytes in the journal {self.path}",
            "free space on the disk, or commit in smaller transactions",
        )
