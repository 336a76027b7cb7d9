"""A session: one pool, from the moment that it is opened until it is closed.

Opening goes one way, and each step relies on those before it::

    copy        in a sandbox: if another process has the pool open, go on with a copy of it (`busy_copies`)
    identify    read the file before libpmemobj sees it: is it a pool, how was it left?
    settle      replay the journal of a program that was killed; remove what it has left of a growth
    judge       refuse damage over which libpmemobj would end or hang the process
    try         open a pool that was not closed in a child process first, and walk it there
    journal     on a disk, make the journal of the pool (`journaling`)
    map         let libpmemobj map the pool; it applies its redo logs and rolls back by its undo logs
    start       bind the heap to the mapping, and mark the pool as open
    collect     free what a program that was killed left unreachable

If the pool was not closed, the steps `map` and `collect` (`Session._recover`) are its recovery.

A session can be suspended, so that another process may open the file, and resumed. The heap stays the same object for
the whole session, so that the handles of the program survive a suspension.
"""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from pmemobj._containers import base
from pmemobj._durability import leftover
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._engine import checker, exports
from pmemobj._engine.heap import Heap
from pmemobj._engine.lock import PoolLock
from pmemobj._files import busy_copies, pool_file, poolset, sizes, storage
from pmemobj._files.medium import Medium, medium_of
from pmemobj._format import (
    ROOT_IDENTITY_SIZE,
    ROOT_SIZE,
    ROOT_STATE,
    STATE_CLEAN,
    STATE_OPEN,
    STATE_SUSPENDED,
    WORD,
    WORD_NONE,
    root_identity,
)
from pmemobj._lifecycle import journaling, modes, open_pools
from pmemobj._objects import gc, registry
from pmemobj._objects.class_table import ClassTable
from pmemobj._objects.manager import MemoryManager
from pmemobj._pmdk import interposition, library
from pmemobj.errors import (
    PmemError,
    PoolBusyError,
    PoolClosedError,
    PoolDamagedError,
    PoolExistsError,
    PoolNotFoundError,
    SandboxError,
    TransactionAborted,
)

if TYPE_CHECKING:
    from pmemobj._history.log import TransactionLog

#: How often an opening begins anew because another process came in between.
_ATTEMPTS = 5
#: Seconds in which another program will have created a pool, after it has made the journal.
_MOMENT = 2.0

registry.fill_tables()


class Session:
    """One pool, opened or to be opened.

    Args:
        path: The file, or the directory of a growing pool, as the program gave it.
        sandbox: Whether the changes stay in memory.
        durability: What the program asks for, one of `modes.CHOICES`; None for what suits the medium.

    Attributes:
        path: As given.
        file: The absolute path; the program may change its directory while the pool is suspended.
        heap: The heap that the handles of the program refer to.
        manager: The memory manager of that heap.
        sandbox: As given.
        held_by: The process that has the pool open, in words, if this is a sandbox of a copy of it; otherwise empty.
        suspended: Whether the pool is closed for the time being, and can be resumed.
        recovered: Whether the last opening found that no process had closed the pool.
        mode: How its commits become durable; of a pool that is not open, the mode that it had last.
    """

    __slots__ = (
        "__weakref__",
        "_durability",
        "_identity",
        "_journal",
        "_log",
        "_medium",
        "_storage",
        "file",
        "heap",
        "held_by",
        "manager",
        "mode",
        "path",
        "recovered",
        "sandbox",
        "suspended",
    )

    def __init__(self, path: str, sandbox: bool = False, durability: str | None = None) -> None:
        self.path = path
        self._durability = durability
        self.file = os.path.abspath(path)
        self.sandbox = sandbox
        self.held_by = ""
        self.suspended = False
        self.recovered = False
        self.mode = modes.UNKNOWN
        self._medium = Medium.DISK
        self._storage: storage.Storage | None = None
        #: The journal that was made for the pool while it is being opened.
        self._journal: journaling.Prepared | None = None
        #: Device and inode of the file, by which it is known wherever it is moved to.
        self._identity = (-1, -1)
        self._make_heap()

    def _make_heap(self) -> None:
        """Start with a heap that was never bound to a pool; a heap refuses to be bound to another pool later."""
        self.heap = Heap(self.path)
        self.heap.resurrect = base.resurrect
        self.heap.reclaim = gc.reclaim
        self.manager = self.heap.manager = MemoryManager(self.heap)
        self._log: TransactionLog | None = None

    @property
    def log(self) -> TransactionLog:
        """The history of transactions, made when it is asked for: most programs never look at it."""
        if self._log is None:
            from pmemobj._history.log import TransactionLog

            self._log = TransactionLog(self.heap)
        return self._log

    # ---- creating ----------------------------------------------------------------------------------------

    def create_or_open(self, pool_size: Any, max_size: Any, mode: Any) -> None:
        """Create the pool, or open it if there is one; when several programs try, one of them creates it."""
        if not os.path.lexists(self.file):
            try:
                self.create(pool_size, max_size, mode)
            except PoolExistsError:  # another program was quicker
                self._make_heap()
            else:
                return
        self.open()

    def create(self, pool_size: Any, max_size: Any, mode: Any) -> None:
        """Make the pool under a temporary name, and give it its own name when it is complete.

        Raises:
            PmemError: as for `pmemobj.create`.
        """
        what = f"create pool {self.path}"
        size, may_grow_to = sizes.demand_sizes(what, pool_size, max_size)
        if not isinstance(mode, int):
            raise TypeError(f"cannot {what}: mode is {mode!r}, no int (give permissions as in 0o600)")
        pool_file.demand_new_name(what, self.file, self.path)
        self._choose_mode(what)
        permissions = mode & ~storage.umask(what)
        directory = os.path.dirname(self.file)
        try:
            with storage.creating_in(directory):
                sizes.demand_space(what, size, directory)
                self._make(storage.temporary_name(directory), size, may_grow_to, permissions)
        except PoolBusyError:
            # Its journal is in use: by a pool that was moved away, or by a program that is creating the same pool.
            if not self._appears():
                raise
            raise _exists(what) from None
        except FileExistsError:
            raise _exists(what) from None
        except OSError as error:
            if isinstance(error, PmemError):
                raise
            raise pool_file.translate(what, error, self.path) from None
        self._begin()

    def _appears(self) -> bool:
        """Whether a file of the pool's name is there in a moment."""
        until = time.monotonic() + _MOMENT
        while not os.path.lexists(self.file):
            if time.monotonic() > until:
                return False
            time.sleep(_MOMENT / 100)
        return True

    def _make(self, unfinished: str, size: int, may_grow_to: int, permissions: int) -> None:
        self._storage = storage.at(unfinished, may_grow_to)
        has_journal = self.mode.policy == interposition.JOURNAL
        try:
            # Nobody can see the unfinished file, so it need not be durable before it is complete.
            policy = interposition.MEMORY if has_journal else self.mode.policy
            pop = self._storage.create(may_grow_to or size, permissions, policy)
            self._bind(pop, 0 if may_grow_to else os.path.getsize(unfinished), may_grow_to)
            self._write_root(STATE_CLEAN if has_journal else STATE_OPEN)
            if has_journal:
                self._begin_journal(unfinished, may_grow_to)
            self.heap.is_trusted = True
            self._storage.give_name(self.file)
            if self.heap.journal is not None:
                self.heap.journal.path = leftover.journal_path(self.file, bool(may_grow_to))
        except BaseException:
            if self.heap.journal is not None:
                self.heap.journal.discard()
            self._unbind()
            raise
        finally:
            storage.remove(unfinished)

    def _begin_journal(self, unfinished: str, may_grow_to: int) -> None:
        """Open a new pool again, which libpmemobj has mapped for its creation, with a journal beside its final name."""
        self._unbind()
        found = pool_file.identify(unfinished)
        with contextlib.closing(PoolSpace(found.files)) as space:
            space.sync_all()
        self._storage = storage.at(unfinished, may_grow_to)
        named = unfinished if may_grow_to else self.file
        what = f"create pool {self.path}"
        try:
            pop = self._map_with_journal(what, unfinished, found, named)
            self._bind(pop, found.size, may_grow_to)
            self._adopt_journal()
        except journaling.Overtaken:
            # Another process creates a pool of this name, and has taken the new journal for one that was left behind.
            raise pool_file.busy_error(what, self.file) from None
        if self.heap.journal is None:
            self.heap.store(self.heap.root_offset + ROOT_STATE, STATE_OPEN)

    def _write_root(self, state: int) -> None:
        heap = self.heap
        identity = root_identity()
        words = [int.from_bytes(identity[at : at + WORD], "little") for at in range(0, ROOT_IDENTITY_SIZE, WORD)]
        with heap.statement:
            heap.write_words(heap.root_offset, [*words, state, WORD_NONE, WORD_NONE])

    # ---- opening -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the pool, by the steps that the head of this module lists.

        Raises:
            PmemError: as for `pmemobj.open`.
        """
        what = f"open pool {self.path}"
        pool_file.demand_path(what, self.path)
        exports.finish()
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(journaling.Overtaken):
                self._open(what)
                return
        raise pool_file.busy_error(what, self.file)

    def _open(self, what: str) -> None:
        if not self.sandbox or not busy_copies.is_open_elsewhere(self.file):
            try:
                self._open_at(what, self.file)
                return
            except PmemError as error:
                if not self.sandbox or not busy_copies.is_refused_for_another(self.file, error):
                    raise
        with busy_copies.copied(what, self.file, self.path) as copy:
            try:
                self._open_at(what, copy.path)
            except PoolBusyError:
                raise PoolBusyError(
                    what,
                    "this process has it open, or a copy of it, and cannot have both",
                    "close that first; a copy may also be a sandbox of the same pool",
                ) from None
            self.held_by = copy.holder
        if copy.warning:
            warnings.warn(
                f"pool {self.path} is opened without its last commits: {copy.warning}", RuntimeWarning, stacklevel=5
            )

    def _open_at(self, what: str, path: str) -> None:
        """Open what lies at a path: the pool itself, or a copy of it."""
        found = pool_file.identify(path, self.path)
        if found.max_size:
            pool_file.demand_proc(what)
        unclean = found.state not in (STATE_CLEAN, STATE_SUSPENDED)
        self._choose_mode(what)
        try:
            with pool_file.locked(path, self.path):
                found = self._settle(what, found)
            _demand_sound(what, found, unclean)
            if unclean:
                self._try(path, found)
            pop = self._map(what, path, found)
        except BaseException as error:
            self._unbind()
            if isinstance(error, PmemError) or not isinstance(error, OSError):
                raise
            raise pool_file.translate(what, error, self.path) from None
        try:
            self._start(pop, found)
            self._recover(found, unclean)
        except BaseException:
            self._unbind()
            raise

    def _choose_mode(self, what: str) -> None:
        library.load()
        self._medium = medium_of(self.file)
        self.mode = modes.choose(what, self._durability, self._medium, self.sandbox)

    def _settle(self, what: str, found: pool_file.PoolFile) -> pool_file.PoolFile:
        """Write what a journal has to the files, and remove what is left of a growth; what the pool is afterwards."""
        beside = found.leftover
        if self.sandbox:
            if beside.kind is leftover.Kind.MISSING:
                warnings.warn(
                    f"pool {self.path} is opened without its last commits: {beside.why}", RuntimeWarning, stacklevel=5
                )
        elif beside.kind is not leftover.Kind.NOTHING:
            beside.demand_usable(what)
            # Another process may have changed the file before this one got the lock.
            found = pool_file.identify(self.file, self.path)
            beside = found.leftover
            beside.demand_usable(what)
            beside.replay(found.files, found.pages, found.root_offset + ROOT_STATE)
            found = pool_file.identify(self.file, self.path)
        self._tidy(what, found)
        return found if found.tidy else pool_file.identify(self.file, self.path)

    def _tidy(self, what: str, found: pool_file.PoolFile) -> None:
        """Remove what is left of a growth that was cut off."""
        if found.tidy:
            return
        if self.sandbox:
            raise SandboxError(
                what,
                "a program was killed while the pool grew, and left files that must be removed first",
                "open it once without sandbox=True",
            )
        poolset.tidy(what, self.file)

    def _try(self, path: str, found: pool_file.PoolFile) -> None:
        """Open the pool in a child process first. It is imported here, since few openings need it."""
        from pmemobj._lifecycle import trial

        trial.run(path, found.size, self.path)

    def _map(self, what: str, path: str, found: pool_file.PoolFile) -> library.Pool:
        self._storage = storage.at(path, found.max_size)
        if found.has_long_logs and not self.sandbox:
            # libpmemobj frees the long logs when it opens the pool, before it can be told our size classes; free
            # units of these classes would be lost until the next opening. So it is opened twice (docs/libpmemobj.md).
            library.close(self._storage.open(False))
        if self.mode.policy == interposition.JOURNAL:
            return self._map_with_journal(what, path, found, path)
        overlay = storage.overlay_of(found.files, found.pages) if self.sandbox else b""
        return self._storage.open(self.sandbox, self.mode.policy, overlay)

    def _map_with_journal(self, what: str, path: str, found: pool_file.PoolFile, named: str) -> library.Pool:
        """Make the journal, and let libpmemobj map the pool copy-on-write.

        Where no journal can be made, the pool is mapped in place, unless the program insists on a journal.

        Args:
            what: The operation, for errors.
            path: The pool under its present name.
            found: What is known of it.
            named: The path of the pool by which the journal is named.
        """
        assert self._storage is not None
        try:
            with pool_file.locked(path, self.path):
                self._journal = journaling.prepare(what, path, found, named)
        except journaling.NoJournalError as error:
            if self._durability is not None:
                raise error.reason from None
            self.mode = modes.PASSED_ON
            return self._storage.open(False)
        try:
            return self._storage.open(True, interposition.JOURNAL)
        except BaseException:
            self._journal.withdraw()
            self._journal = None
            raise

    def _adopt_journal(self) -> None:
        """Record the commits of the heap from now on, if a journal was made."""
        if self._journal is not None:
            prepared, self._journal = self._journal, None
            prepared.adopt(self.heap, self.mode.name == modes.RELAXED)

    def _start(self, pop: library.Pool, found: pool_file.PoolFile) -> None:
        """Bind the heap to the mapping, and mark the pool as open."""
        assert self._storage is not None
        self._bind(pop, found.size, found.max_size)
        if self.sandbox:
            self._storage.grow_in_memory()
        self._adopt_journal()
        self._begin()
        heap = self.heap
        if heap.journal is None:
            may_have_garbage = heap.may_have_garbage
            heap.store(heap.root_offset + ROOT_STATE, STATE_OPEN)
            heap.may_have_garbage = may_have_garbage  # the store of the state makes no garbage
        else:
            heap.changes += 1  # the state names the journal, and was stored in the file; see `glance`

    def _recover(self, found: pool_file.PoolFile, unclean: bool) -> None:
        """Invalidate handles whose objects are gone, and free what a killed program left unreachable.

        A damaged pool keeps its garbage, since the damage may be the reason why nothing refers to it.
        """
        self.recovered = unclean
        self.heap.drop_missing_handles()
        if not unclean:
            if found.state == STATE_SUSPENDED:
                self.heap.may_have_garbage = True
            return
        try:
            gc.collect(self.heap)
        except gc.DoubtfulGarbageError as error:
            self.heap.may_have_garbage = True
            warnings.warn(f"pool {self.path} is damaged: {error.why} ({error.todo})", RuntimeWarning, stacklevel=5)

    def _bind(self, pop: library.Pool, size: int, max_size: int) -> None:
        assert self._storage is not None
        self.heap.on_growth = self._grown
        self.heap.bind(pop, size, ROOT_SIZE, max_size)

    def _grown(self) -> None:
        """Finish what libpmemobj has added to a growing pool; the journal has to know it before a record counts it."""
        assert self._storage is not None
        self._storage.grown()
        journal = self.heap.journal
        if journal is not None:
            directory, parts = self._storage.parts_from(journal.covered)
            for name, size in parts:
                journal.add_part(name, size, directory)

    def _begin(self) -> None:
        """Set up what the heap needs besides its mapping."""
        heap = self.heap
        is_passed = self.mode.policy == interposition.PASS
        heap.slow = is_passed and self._medium is Medium.DISK
        # libpmem reads this variable when it is loaded, and then flushes files like persistent memory, line by line.
        is_forced = os.environ.get("PMEM_IS_PMEM_FORCE") == "1"
        heap.by_page = is_passed and self._medium is not Medium.DAX and not is_forced
        heap.needs_flush = self.mode.policy != interposition.MEMORY
        self._identity = _identity(self.file)
        self.suspended = False
        if checker.wanted():
            heap.observer = checker.Checker(heap)
        if self._log is not None and self._log.is_wanted:
            self._log._begin()
        if heap.types is None:
            heap.types = ClassTable(heap)
        else:
            heap.types.reload()

    # ---- closing -----------------------------------------------------------------------------------------

    def close(self, strictly: str = "") -> bool:
        """Free the garbage, mark the pool as closed, and unmap it. Nothing happens if it is closed already.

        Args:
            strictly: The operation, for errors, if buffers on the pool must prevent it. If empty, the pool is closed
                all the same, and stays mapped for these buffers.

        Returns:
            Whether the pool stays mapped for buffers.
        """
        heap = self.heap
        if heap.lock.is_orphaned:
            # No thread can end that transaction. The next opening of the pool rolls it back.
            if strictly:
                heap.exports.demand_none(strictly)
            lingers = self._leave()
            heap.lock = PoolLock(heap.name)
            return lingers
        # Other threads wait for the lock. When they get it, the pool is closed and refuses what they do.
        with heap.lock:
            if not heap.is_writable:
                self.suspended = False
                open_pools.leave(self)
                return False
            open_pools.demand_no_transaction(f"close pool {self.path}")
            if strictly:
                heap.exports.demand_none(strictly)
            try:
                if not self.sandbox:
                    self._finish()
            finally:
                lingers = self._leave()
            return lingers

    def _leave(self) -> bool:
        """Give up the mapping for good; the value is that of `close`."""
        lingers = bool(self.heap.exports.lent)
        self._unbind()
        open_pools.leave(self)
        return lingers

    def _finish(self) -> None:
        """Free the garbage and mark the pool as closed in good order."""
        heap = self.heap
        if heap.observer is not None:
            heap.observer.verify()
        if heap.may_have_garbage:
            # Nothing is freed in a damaged pool; the next open and `gc()` report the damage.
            with contextlib.suppress(gc.DoubtfulGarbageError):
                gc.collect(heap, keep_handles=False)
        # Garbage that only a buffer keeps is left for the next closing.
        self._leave_state(STATE_SUSPENDED if heap.may_have_garbage else STATE_CLEAN)

    def _leave_state(self, state: int) -> None:
        """Let the file say how it was left; if there is a journal, the file has everything afterwards."""
        heap = self.heap
        if heap.journal is not None:
            heap.journal.finish(heap.root_offset + ROOT_STATE, state)
        else:
            heap.store(heap.root_offset + ROOT_STATE, state)

    def _unbind(self) -> None:
        """Give up the mapping, without marking the pool as closed in good order."""
        pop = self.heap.pop
        if pop is not None:
            self.heap.follow_growth()
        if self._log is not None:
            self._log.remember_names()
        self.heap.observer = None
        if self.heap.journal is not None:
            self.heap.journal.close()
        self.heap.unbind(pool_file.closed_error(self.path))
        if pop is not None:
            self.heap.exports.when_returned(partial(_unmap, pop, self._storage))
        elif self._storage is not None:
            self._storage.close()
        self._storage = None
        if self._journal is not None:
            self._journal.withdraw()
            self._journal = None

    # ---- suspending and resuming ---------------------------------------------------------------------------

    def suspend(self) -> None:
        """Unmap the pool so that another process can open it.

        Raises:
            PmemError: as for `PersistentObjectPool.suspend`.
        """
        heap = self.heap
        with heap.lock:
            heap.read(heap.root_offset + ROOT_STATE)
            self._demand_no_sandbox(f"suspend pool {self.path}")
            open_pools.demand_no_transaction(f"suspend pool {self.path}")
            heap.exports.demand_none(f"suspend pool {self.path}")
            self.demand_in_place(f"suspend pool {self.path}")
            heap.note_headers()
            self._leave_state(STATE_SUSPENDED)
            self.suspended = True
            self._unbind()

    def resume(self) -> None:
        """Open a suspended pool again, under the same handles. Nothing happens if it is open.

        Raises:
            PmemError: as for `PersistentObjectPool.resume`.
        """
        with self.heap.lock:
            if self.heap.is_writable:
                return
            self._demand_no_sandbox(f"resume pool {self.path}")
            if not self.suspended:
                raise PoolClosedError(
                    f"resume pool {self.path}",
                    "it was closed, not suspended",
                    "open it again with pmemobj.open(), and fetch its objects from the root",
                )
            open_pools.demand_no_transaction(f"resume pool {self.path}")
            self.open()

    def forgo_journal(self) -> None:
        """Work in place from the next opening on: for a child process whose stores are to be seen in the file."""
        if self.mode.policy == interposition.JOURNAL:
            self._durability = modes.IN_PLACE

    def is_at(self, path: str) -> bool:
        """Whether `path` leads to the very file, or directory, that is open here."""
        return self.heap.is_writable and _identity(path) == self._identity

    def demand_in_place(self, what: str) -> None:
        """Refuse an operation that would not find the file of the open pool.

        Args:
            what: The operation, for errors.

        Raises:
            PoolNotFoundError: the file was moved or removed.
        """
        if self.is_at(self.file):
            return
        replaced = os.path.lexists(self.file)
        raise PoolNotFoundError(
            what,
            f"its file was moved or removed{', and another file has its name now' if replaced else ''}",
            f"move it back to {self.file}, or close the pool and open the file where it is now",
        )

    def _demand_no_sandbox(self, what: str) -> None:
        if self.sandbox:
            raise SandboxError(
                what,
                "it was opened in a sandbox, and its changes exist only while it is open",
                "close it and open it again",
            )

    # ---- transactions that were left open --------------------------------------------------------------------

    def abandon_transaction(self) -> bool:
        """Roll back the transaction that the calling thread, or a thread that has ended, left open.

        Returns:
            Whether there was one.

        Raises:
            PmemError: as for `PersistentObjectPool.abandon_transaction`.
        """
        heap = self.heap
        if heap.lock.is_orphaned:
            self._reopen_after_dead_thread()
            return True
        found = heap.in_transaction()
        reason = TransactionAborted(f"go on in the transaction on {self.path}", "the pool is being closed")
        while heap.in_transaction():
            heap.end(reason, True)
        heap.release_lock()
        return found

    def _reopen_after_dead_thread(self) -> None:
        """Open the pool anew: its recovery rolls back the transaction, which no thread can end any more."""
        what = f"roll back the transaction of a thread that has ended on {self.path}"
        heap = self.heap
        self._demand_no_sandbox(what)
        heap.exports.demand_none(what)
        heap.invalidate(list(heap.fresh), "the thread that created it ended in its transaction", "create it again")
        heap.note_headers()
        self._unbind()
        heap.lock = PoolLock(heap.name)
        self.open()


def _exists(what: str) -> PoolExistsError:
    return PoolExistsError(what, "there is a file of that name", "open it with pmemobj.open()")


def _demand_sound(what: str, found: pool_file.PoolFile, unclean: bool) -> None:
    """Refuse damage that libpmemobj does not survive. It repairs the heap of a pool that was not closed."""
    damage = found.log_damage or ("" if unclean else found.heap_damage)
    if damage:
        raise PoolDamagedError(what, damage, "restore the pool from a copy")


def _unmap(pop: library.Pool, where: storage.Storage | None) -> None:
    library.close(pop)
    if where is not None:
        where.close()


def _identity(path: str) -> tuple[int, int]:
    """Device and inode, by which a file is the same under another name; a pair that no file has if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return -2, -2
    return found.st_dev, found.st_ino
