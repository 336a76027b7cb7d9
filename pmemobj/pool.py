"""Pools: create, open, the root object, transactions, recovery, close."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import difflib
import errno
import os
import types
import warnings
from collections import Counter
from functools import partial
from typing import Any, Literal, TypeVar

from pmemobj import inspect
from pmemobj._containers import base
from pmemobj._containers.base import Persistent
from pmemobj._engine import checker, exports
from pmemobj._engine.heap import Heap, steady
from pmemobj._engine.lock import PoolLock
from pmemobj._engine.transaction import Transaction
from pmemobj._files import pool_file, poolset
from pmemobj._files import storage as _storage
from pmemobj._files.medium import Medium, known_medium, medium_of
from pmemobj._format import (
    MIN_POOL_SIZE,
    ROOT_IDENTITY_SIZE,
    ROOT_SIZE,
    ROOT_STATE,
    ROOT_VALUE,
    STATE_CLEAN,
    STATE_OPEN,
    STATE_SUSPENDED,
    WORD,
    WORD_NONE,
    root_identity,
)
from pmemobj._history.log import TransactionLog
from pmemobj._inspection import stats as _stats
from pmemobj._inspection.stats import PoolStats
from pmemobj._lifecycle import trial
from pmemobj._objects import gc as _gc
from pmemobj._objects import registry
from pmemobj._objects.class_table import ClassTable
from pmemobj._objects.convert import to_persistent
from pmemobj._objects.manager import MemoryManager
from pmemobj._pmdk import library
from pmemobj._public_names import public_in
from pmemobj._values.words import decode, replace
from pmemobj._verify.examination import Report, examine
from pmemobj.errors import (
    BadPoolSizeError,
    DiskFullError,
    PmemError,
    PoolClosedError,
    PoolDamagedError,
    PoolExistsError,
    PoolNotFoundError,
    SandboxError,
    TransactionAborted,
    TransactionError,
)

__all__ = [
    "DEFAULT_MAX_SIZE",
    "DEFAULT_POOL_SIZE",
    "MemoryManager",
    "PersistentObjectPool",
    "PoolStats",
    "Transaction",
    "create",
    "open",
]

registry.fill_tables()

P = TypeVar("P", bound=Persistent)
Path = str | os.PathLike[str]

PoolSize = int | Literal["auto"]

DEFAULT_POOL_SIZE = 64 * 1024 * 1024
#: What a growing pool may grow to unless something else is said. More is not offered: libpmemobj
#: 1.12 has no room for the books of more than six zones (of 16 GiB) that come while a pool is open.
DEFAULT_MAX_SIZE = 64 * 1024 * 1024 * 1024

_MAX_POOL_SIZE = (1 << 63) - 1
#: Bytes of a file name, less the ending that libpmemobj appends to it when it opens a pool.
_MAX_NAME = 255 - len("_r0_p0_badblocks.txt")

#: Seconds that the end of the program waits for a thread that is in a transaction.
_LAST_WAIT = 1.0

#: Pools that are open; closed in good order when the interpreter ends.
_open_pools: dict[int, PersistentObjectPool] = {}


@public_in("pmemobj")
class PersistentObjectPool:
    """A pool of persistent objects, mapped into this process.

    Args:
        path: The file; of a growing pool, the directory.
        flag: ``'x'`` creates and fails if there is a file; ``'r'`` and ``'w'`` open, both for
            reading and writing; ``'c'`` does either, whichever comes first when several programs try.
        pool_size: Bytes of a new pool, at least 8 MiB; fixed once it is created. libpmemobj uses
            whole pages. Or ``'auto'`` for a pool that begins with 8 MiB and grows by itself, by 128
            MiB at a time. It is a directory, to be moved, copied and removed as a whole. While it is
            opened, libpmemobj lets the process have another working directory for a moment, which
            other threads may notice.
        mode: Permissions of a new file, less the umask.
        max_size: Bytes that a growing pool may grow to; 64 GiB unless given, and at the most. The
            addresses are reserved, memory and disk are not.
        sandbox: Whether the changes stay in the memory of this process and vanish at close. The
            file must exist and is never written; it is locked all the same, and must be writable.

    Attributes:
        path: The file, as given.
        sandbox: Whether changes stay in memory.
        recovered: Whether the last process that used the pool did not close it, so that it was
            checked, recovered and freed of garbage now.

    Raises:
        PoolExistsError: a pool is to be created where a file is, with flag ``'x'``.
        PoolNotFoundError: a pool is to be opened that is not there.
        BadPoolSizeError: `pool_size` or `max_size` is too small, or too large.
        NotAPoolError, PoolLayoutError, PoolVersionError, PoolDamagedError, PoolIsDirectoryError: what
            the file is instead.
        PoolBusyError: the pool is open already, here or in another process.
        PoolPermissionError, DiskFullError: the system does not let it be.

    Durability: see `Transaction`, and `medium` for what the memory below can promise.
    C functions: ``pmemobj_create``, ``pmemobj_open``, ``pmemobj_close``.
    """

    # What is misspelt is refused instead of being forgotten at the end of the program.
    __slots__ = (
        "__weakref__",
        "_file",
        "_heap",
        "_identity",
        "_log",
        "_mm",
        "_storage",
        "_suspended",
        "path",
        "recovered",
        "sandbox",
    )

    def __init__(
        self,
        path: Path,
        flag: str = "w",
        pool_size: PoolSize = DEFAULT_POOL_SIZE,
        mode: int = 0o666,
        *,
        max_size: int | None = None,
        sandbox: bool = False,
    ) -> None:
        if flag not in ("x", "r", "w", "c"):
            raise ValueError(f"cannot open pool {path}: flag {flag!r} is unknown (use 'x', 'r', 'w' or 'c')")
        self.path = pool_file.checked_path("open pool", path)
        self.sandbox = bool(sandbox)
        if self.sandbox and flag == "x":
            raise ValueError(
                f"cannot create pool {path}: in a sandbox nothing would be left of it (use flag 'w' to open one)"
            )
        self._storage: _storage.Storage | None = None
        # The program may change its directory while the pool is suspended.
        self._file = os.path.abspath(self.path)
        #: Device and number of that file, by which it is known wherever it is moved to.
        self._identity = (-1, -1)
        self._suspended = False
        self.recovered = False
        self._begin_anew()
        _demand_no_transaction(f"open pool {self.path}")
        if flag == "x":
            self._create(pool_size, max_size, mode)
        elif flag != "c" or self.sandbox or not self._created(pool_size, max_size, mode):
            self._open()
        _open_pools[id(self)] = self

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name) and type(self) is PersistentObjectPool:
            near = difflib.get_close_matches(name, ("root", "path"), n=1)
            hint = f"did you mean {near[0]}?" if near else "store it in the root: pool.root = ..."
            raise AttributeError(f"cannot set {name} of pool {self.path}: a pool has no such attribute ({hint})")
        super().__setattr__(name, value)

    # ---- opening and closing ----

    @classmethod
    def _without_file(cls, name: str) -> PersistentObjectPool:
        """A pool that is not open; the crash lab binds its heap to images."""
        self = cls.__new__(cls)
        self.path = self._file = name
        self.sandbox = self.recovered = self._suspended = False
        self._storage, self._identity = None, (-1, -1)
        self._begin_anew()
        return self

    def _begin_anew(self) -> None:
        """Start with a heap that no pool was bound to yet; it would take another one for a mistake."""
        self._heap = Heap(self.path)
        self._heap.resurrect = base.resurrect
        self._heap.reclaim = _gc.reclaim
        self._mm = self._heap.manager = MemoryManager(self._heap)
        self._log = TransactionLog(self._heap)

    def _created(self, pool_size: PoolSize, max_size: int | None, mode: int) -> bool:
        """Create the pool unless there is something already, or another creator is quicker."""
        if os.path.lexists(self._file):
            return False
        try:
            self._create(pool_size, max_size, mode)
        except PoolExistsError:
            self._begin_anew()
            return False
        return True

    def _create(self, pool_size: PoolSize, max_size: int | None, mode: int) -> None:
        """Make the pool under a temporary name, and give it its own when it is complete."""
        what = f"create pool {self.path}"
        size, may_grow_to = demand_sizes(what, pool_size, max_size)
        if not isinstance(mode, int):
            raise TypeError(f"cannot {what}: mode is {mode!r}, no int (give permissions as in 0o600)")
        if not self.path:
            raise pool_file.translate(what, FileNotFoundError(errno.ENOENT, ""))
        if len(os.fsencode(os.path.basename(self._file))) > _MAX_NAME:
            # libpmemobj could create it, but never open it again.
            raise pool_file.translate(what, OSError(errno.ENAMETOOLONG, ""), self.path)
        if os.path.lexists(self._file):
            raise PoolExistsError(what, "there is a file of that name", "open it with pmemobj.open(), or remove it")
        directory = os.path.dirname(self._file)
        unfinished = _storage.temporary_name(directory)
        try:
            with _storage.creating_in(directory):
                _demand_space(what, size, directory)
                self._storage = _storage.at(unfinished, may_grow_to)
                try:
                    pop = self._storage.create(may_grow_to or size, mode & ~_umask())
                    self._bind(pop, 0 if may_grow_to else os.path.getsize(unfinished), may_grow_to)
                    self._write_root()
                    self._heap.is_trusted = True
                    self._storage.give_name(self._file)
                except BaseException:
                    self._unbind()
                    raise
                finally:
                    _storage.remove(unfinished)
        except FileExistsError:
            raise PoolExistsError(what, "there is a file of that name", "open it with pmemobj.open()") from None
        except OSError as error:
            if isinstance(error, PmemError):
                raise
            raise pool_file.translate(what, error, self.path) from None
        self._start()

    def _write_root(self) -> None:
        heap = self._heap
        identity = root_identity()
        words = [int.from_bytes(identity[at : at + WORD], "little") for at in range(0, ROOT_IDENTITY_SIZE, WORD)]
        with heap.statement:
            heap.write_words(heap.root_offset, [*words, STATE_OPEN, WORD_NONE, WORD_NONE])

    def _open(self) -> None:
        what = f"open pool {self.path}"
        if not self.path:
            raise pool_file.translate(what, FileNotFoundError(errno.ENOENT, ""))
        exports.finish()
        found = pool_file.identify(self._file, self.path)
        try:
            with pool_file.locked(self._file, self.path):
                if not found.tidy:
                    self._tidy(what)
            unclean = found.state not in (STATE_CLEAN, STATE_SUSPENDED)
            damage = found.log_damage or ("" if unclean else found.heap_damage)
            if damage:
                raise PoolDamagedError(what, damage, "restore the pool from a copy")
            if unclean:
                trial.run(self._file, found.size)
            self._storage = _storage.at(self._file, found.max_size)
            if found.has_long_logs and not self.sandbox:
                # Free units of our classes would be lost until the next time; see docs/libpmemobj.md.
                library.close(self._storage.open(False))
            pop = self._storage.open(self.sandbox)
        except BaseException as error:
            self._unbind()
            if isinstance(error, PmemError) or not isinstance(error, OSError):
                raise
            raise pool_file.translate(what, error, self.path) from None
        try:
            self._bind(pop, found.size, found.max_size)
            if self.sandbox:
                self._storage.grow_in_memory()
            self._start()
            self.recovered = unclean
            garbage = self._heap.may_have_garbage
            self._heap.store(self._heap.root_offset + ROOT_STATE, STATE_OPEN)
            self._heap.may_have_garbage = garbage
            self._heap.drop_missing_handles()
            if self.recovered:
                self._collect_after_a_kill()
            elif found.state == STATE_SUSPENDED:
                self._heap.may_have_garbage = True
        except BaseException:
            self._unbind()
            raise

    def _collect_after_a_kill(self) -> None:
        """Free what a program that was killed had not yet, unless damage may be the reason why nothing refers to it."""
        try:
            _gc.collect(self._heap)
        except _gc.DoubtfulGarbageError as error:
            self._heap.may_have_garbage = True
            warnings.warn(f"pool {self.path} is damaged: {error.why} ({error.todo})", RuntimeWarning, stacklevel=5)

    def _tidy(self, what: str) -> None:
        """Remove what is left of a growth that was cut off."""
        if self.sandbox:
            raise SandboxError(
                what,
                "a program was killed while the pool grew, and left files that are to be tidied up",
                "open it once without sandbox=True",
            )
        poolset.tidy(what, self._file)

    def _bind(self, pop: library.Pool, size: int, max_size: int) -> None:
        assert self._storage is not None
        self._heap.on_growth = self._storage.grown
        self._heap.bind(pop, size, ROOT_SIZE, max_size)

    def _start(self) -> None:
        """What follows once the heap is bound and its root is there."""
        heap = self._heap
        medium = known_medium(self._file)
        heap.slow = medium is Medium.DISK
        # libpmem reads this when it is loaded; then it flushes files like persistent memory, line by line.
        heap.by_page = medium is not Medium.DAX and os.environ.get("PMEM_IS_PMEM_FORCE") != "1"
        self._identity = _identity(self._file)
        self._suspended = False
        if checker.wanted():
            heap.checker = checker.Checker(heap)
        if self._log.is_wanted:
            self._log._begin()
        if heap.types is None:
            heap.types = ClassTable(heap)
        else:
            heap.types.reload()

    def _unbind(self) -> None:
        """Let go of the mapping, without marking the pool as closed in good order."""
        pop = self._heap.pop
        if pop is not None:
            self._heap.follow_growth()
        self._log.remember_names()
        self._heap.checker = None
        self._heap.unbind(pool_file.closed_error(self.path))
        if pop is not None:
            self._heap.loans.when_returned(partial(_let_go, pop, self._storage))
        elif self._storage is not None:
            self._storage.close()
        self._storage = None

    def close(self) -> None:
        """Free what the root does not reach, and close the pool. Again is fine.

        Handles refuse every use from then on. In a sandbox, all changes vanish.

        Raises:
            TransactionError: a transaction is open in this thread; the pool stays open.
            BufferInUseError: memoryviews or arrays show memory of the pool; it stays open, as a
                mmap does. (At the end of ``with pool:`` it is closed all the same, but the file
                stays mapped and locked until the last of them is gone.)

        Cost: nothing to speak of if nothing changed, else that of `gc`.
        """
        self._close(f"close pool {self.path}")

    def _close(self, strictly: str = "") -> bool:
        """Close the pool; where buffers are alive, fail if it is to be done `strictly`, else leave it mapped for them.

        Returns:
            Whether it was left so.
        """
        heap = self._heap
        if heap.lock.is_orphaned:
            # Nobody can end that transaction; whoever opens the pool next rolls it back.
            if strictly:
                heap.loans.demand_none(strictly)
            lingers = bool(heap.loans.lent)
            self._unbind()
            heap.lock = PoolLock(heap.name)
            _open_pools.pop(id(self), None)
            return lingers
        # Other threads wait for the lock; when they get it, the pool is closed and says so.
        with heap.lock:
            if not heap.is_writable:
                self._suspended = False
                _open_pools.pop(id(self), None)
                return False
            _demand_no_transaction(f"close pool {self.path}")
            if strictly:
                heap.loans.demand_none(strictly)
            try:
                if not self.sandbox:
                    if heap.checker is not None:
                        heap.checker.verify()
                    if heap.may_have_garbage:
                        # Of a damaged pool nothing is freed: it says so when it is opened, and when it is asked to.
                        with contextlib.suppress(_gc.DoubtfulGarbageError):
                            _gc.collect(heap, keep_handles=False)
                    # What is kept for a buffer alone is left to the next one who opens the pool.
                    state = STATE_SUSPENDED if heap.may_have_garbage else STATE_CLEAN
                    heap.store(heap.root_offset + ROOT_STATE, state)
            finally:
                lingers = bool(heap.loans.lent)
                self._unbind()
                _open_pools.pop(id(self), None)
            return lingers

    def suspend(self) -> None:
        """Let go of the file so that another process can open it; `resume` takes it back.

        Handles stay valid: they refuse while the pool is suspended and work again afterwards, as
        long as nobody freed their objects meanwhile.

        Raises:
            TransactionError: a transaction is open in this thread.
            BufferInUseError: memoryviews or arrays show memory of the pool.
            PoolClosedError: the pool is closed.
            PoolNotFoundError: the file was moved or removed, so that `resume` would not find it; the
                pool stays open.
            SandboxError: the pool is open in a sandbox; its changes would be lost.
        """
        heap = self._heap
        with heap.lock:
            heap.read(heap.root_offset + ROOT_STATE)
            self._demand_no_sandbox("suspend")
            _demand_no_transaction(f"suspend pool {self.path}")
            heap.loans.demand_none(f"suspend pool {self.path}")
            self._demand_in_place()
            heap.note_headers()
            heap.store(heap.root_offset + ROOT_STATE, STATE_SUSPENDED)
            self._suspended = True
            self._unbind()

    def resume(self) -> None:
        """Open the file of a suspended pool again, with recovery, under the same handles.

        Nothing happens if the pool is open.

        Raises:
            PoolClosedError: the pool was closed, not suspended.
            PmemError: as for opening a pool; it can be tried again.
        """
        with self._heap.lock:
            if not self._heap.is_writable:
                self._demand_no_sandbox("resume")
                if not self._suspended:
                    raise PoolClosedError(
                        f"resume pool {self.path}",
                        "it was closed, not suspended",
                        "open it again with pmemobj.open(), and fetch its objects from the root",
                    )
                _demand_no_transaction(f"resume pool {self.path}")
                self._open()

    def is_at(self, path: Path) -> bool:
        """Whether `path` leads to the very file, or directory, that this pool has open.

        It may be spelt in any way and lead through links; a copy is another file. What is open goes with
        the file when that is moved.
        """
        return not self.closed and _identity(pool_file.checked_path("compare the pool with", path)) == self._identity

    def _demand_in_place(self) -> None:
        """Refuse to let go of a file that would not be found again."""
        if self.is_at(self._file):
            return
        there = os.path.lexists(self._file)
        raise PoolNotFoundError(
            f"let go of pool {self.path}",
            f"its file was moved or removed{', and there is another in its place' if there else ''}",
            f"move it back to {self._file}, or close the pool and open the file where it is now",
        )

    def _demand_no_sandbox(self, what: str) -> None:
        if self.sandbox:
            raise SandboxError(
                f"{what} pool {self.path}",
                "it was opened in a sandbox, and its changes exist only while it is open",
                "close it and open it again",
            )

    @property
    def absolute_path(self) -> str:
        """Where the file, or directory, was when the pool was opened, whatever is the current directory now."""
        return self._file

    @property
    def closed(self) -> bool:
        """Whether the pool is closed (or suspended)."""
        return not self._heap.is_writable

    def __enter__(self) -> PersistentObjectPool:
        self._heap.read(self._heap.root_offset + ROOT_STATE)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _traceback: types.TracebackType | None
    ) -> None:
        left_open = self.abandon_transaction()
        if self._close():
            warnings.warn(
                f"pool {self.path} is closed, but buffers (memoryviews, arrays) still show its memory: its file "
                "stays mapped and locked until they are gone",
                ResourceWarning,
                stacklevel=2,
            )
        if left_open and error is None:
            raise TransactionError(
                f"close pool {self.path} with its changes",
                "a transaction was still open; it was rolled back, and the pool is closed",
                "commit before the end of the block",
            )

    def abandon_transaction(self) -> bool:
        """Roll back whatever transaction the calling thread has open, at every level.

        For after an interrupt; a transaction is otherwise ended where it was begun. One that was
        left open by a thread that has ended is rolled back too, by opening the file anew, as
        recovery does it; handles go on working, but for those of objects that the transaction created.

        Returns:
            Whether there was one.

        Raises:
            SandboxError: the thread ended in a sandbox, which can only be closed.
            BufferInUseError: such a thread left buffers that show memory of the pool.
        """
        heap = self._heap
        if heap.lock.is_orphaned:
            return self._go_on_after_dead_thread()
        found = heap.in_transaction()
        reason = TransactionAborted(f"go on in the transaction on {self.path}", "the pool is being closed")
        while heap.in_transaction():
            heap.end(reason, True)
        heap.release_lock()
        return found

    def _go_on_after_dead_thread(self) -> bool:
        """Let recovery roll back a transaction that no thread is in any more, and go on."""
        what = f"roll back the transaction of a thread that has ended on {self.path}"
        heap = self._heap
        self._demand_no_sandbox(what)
        heap.loans.demand_none(what)
        heap.invalidate(list(heap.fresh), "the thread that created it ended in its transaction", "create it again")
        heap.note_headers()
        self._unbind()
        heap.lock = PoolLock(heap.name)
        self._open()
        return True

    # ---- objects ----

    @property
    def root(self) -> Any:
        """The object that everything else hangs on: None at first, then any value that can be stored.

        Durability: setting it is atomic by itself and durable when it returns.
        """
        return steady(self, self._root)

    @root.setter
    def root(self, value: Any) -> None:
        heap = self._heap
        heap.read(heap.root_offset + ROOT_VALUE)
        replace(heap, heap.root_offset + ROOT_VALUE, value)

    def _root(self) -> Any:
        heap = self._heap
        return decode(heap, heap.read(heap.root_offset + ROOT_VALUE))

    @property
    def _p_heap(self) -> Heap:
        """For `steady`, which knows handles."""
        return self._heap

    def new(self, cls: type[P], /, *args: Any, **kwargs: Any) -> P:
        """Create a persistent object in this pool.

        It lives as long as the root reaches it; what the root does not reach at close is freed.

        Args:
            cls: PersistentList, PersistentDict or a class derived from PersistentObject.
            *args: For its ``__init__``, which runs in one transaction with the creation.
            **kwargs: Likewise.

        Raises:
            NotPersistableError: `cls` is no persistent class, or an argument cannot be stored.
            PoolFullError: no room.
            PoolClosedError: the pool is closed.

        C function: ``pmemobj_tx_xalloc``.
        """
        return base.create(self._heap, cls, args, kwargs)

    def persistent(self, value: Any) -> Any:
        """Convert a plain structure into persistent objects of this pool, all of it or nothing.

        Every list, dict, tuple, set, frozenset, bytearray and array.array in it becomes a persistent
        one; a frozenset becomes a PersistentSet. What is shared stays shared, cycles stay cycles, and
        no depth is too much. All other values must be such as can be stored, and stay as they are:
        persistent objects of this pool too, and the keys of dicts and the elements of sets.

        Args:
            value: The structure. A value that needs no conversion is returned as it is.

        Returns:
            Its persistent form, to be stored in the root or somewhere that the root reaches.

        Raises:
            NotPersistableError: a part cannot be stored; the message says which, as in
                ``root["players"][3]``, where root is `value`. Instances of subclasses (defaultdict,
                OrderedDict, Counter, named tuples) are refused, since they would come back as what they
                are derived from, unless they were nominated with `persist_via_pickle`.
            PoolFullError: no room.

        Durability: one transaction, or part of the one that is running.
        Cost: proportional to the structure, which is read twice.
        """
        return to_persistent(self._heap, value)

    @property
    def mm(self) -> MemoryManager:
        """The memory manager, as objects see it through ``_p_mm``."""
        return self._mm

    def transaction(self) -> Transaction:
        """A transaction on this pool, to be used as ``with pool.transaction(): ...``.

        Other threads wait before they change the pool. Those that only read do not: they see its
        changes statement by statement, before it is committed and perhaps rolled back, and each of
        their reads is of a moment of its own. Who needs several reads of one moment, or only what is
        committed, puts them into a transaction too.

        It belongs to this thread, and in asyncio to the task whose ``with`` block it is.

        Example::

            import pmemobj

            with pmemobj.create("bank.pmem", 16 << 20) as pool:
                pool.root = pool.persistent({"ada": 100, "bob": 100})
                with pool.transaction():
                    pool.root["ada"] -= 30
                    pool.root["bob"] += 30
        """
        return Transaction(self._heap)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open in the calling thread."""
        return self._heap.in_transaction()

    def gc(self, keep_handles: bool = True, *, progress: _gc.Progress | None = None) -> Counter[str]:
        """Free every object that cannot be reached from the root or a live Python object.

        It runs by itself at close, and once before an allocation fails for want of space, if the
        running transaction has changed nothing yet.

        Args:
            keep_handles: False frees also what only Python objects know, as `close` does; these
                objects then raise `InvalidHandleError`.
            progress: Called now and then as ``progress(done, total)``, with numbers of allocations. An
                exception from it ends the collection; what is not freed yet is left for the next.

        Returns:
            How many allocations of each type were freed.

        Raises:
            TransactionError: a transaction is open in this thread.

        Cost: proportional to the number of objects.
        """
        return _gc.collect(self._heap, keep_handles, progress)

    # ---- what is in it ----

    def graph(
        self, start: Any = None, *, depth: int | None = None, max_nodes: int | None = 200, max_items: int | None = 20
    ) -> inspect.Graph:
        """The objects and their references, as data; a notebook shows a picture of it, ``print()`` a tree.

        With it come the objects that only the program holds (`doomed`), and inside a transaction what it has
        changed so far (`uncommitted`).

        Args:
            start: A persistent object of the pool; by default the root.
            depth: How many steps to go; None for all.
            max_nodes, max_items: How many objects, and entries of each, to show at the most; None for all.

        Raises:
            PoolClosedError: the pool is closed.
            NotPersistableError, TypeError, ValueError: as for `inspect.walk`.

        Cost: proportional to the number of objects, since they are counted.
        """
        limits = {"depth": depth, "max_nodes": max_nodes, "max_items": max_items}
        return inspect.walk(self, start, **limits, doomed=True, changes=True)

    def tree(
        self,
        start: Any = None,
        *,
        depth: int | None = None,
        max_nodes: int | None = 200,
        max_items: int | None = 20,
        offsets: bool = False,
    ) -> inspect.Tree:
        """The same as a tree, which shows itself as text, or in a notebook as one to unfold.

        Args:
            start, depth, max_nodes, max_items: As for `graph`.
            offsets: Whether to tell where each object lies.
        """
        found = self.graph(start, depth=depth, max_nodes=max_nodes, max_items=max_items)
        return inspect.Tree(found, "", offsets)

    @property
    def log(self) -> TransactionLog:
        """What the transactions since ``pool.log.start()`` did. It can be read after the pool was closed."""
        return self._log

    def stats(self, *, progress: _gc.Progress | None = None) -> PoolStats:
        """What takes the space of the pool.

        Args:
            progress: Called now and then as ``progress(done, total)``, with numbers of allocations; not in a
                transaction. An exception from it ends the measuring.

        Cost: visits every allocation, several times.
        """
        return _stats.measure(self._heap, self.medium, progress)

    def check(self, *, progress: _gc.Progress | None = None) -> Report:
        """Find out everything that is wrong in the pool, as it is now; it stays open and is not changed.

        `pmemobj.check` does more with a file that is not open: it looks at its headers too, and at a pool that
        would end the process that opens it.

        Args:
            progress: Called now and then as ``progress(done, total)``, with numbers of allocations. An exception from
                it ends the examination.

        Returns:
            A report; what is wrong is never raised. What only Python objects know counts as not reached.

        Raises:
            TransactionError: a transaction is open in this thread.
            PoolClosedError: the pool is closed.

        Cost: proportional to the contents; other threads cannot change the pool meanwhile.
        """
        return examine(self._heap, self.path, progress)

    # ---- what it is ----

    @property
    def size(self) -> int:
        """Bytes of the pool, with all parts of a growing one."""
        self._heap.read(self._heap.root_offset)
        return self._heap.limit

    @property
    def max_size(self) -> int:
        """Bytes that the pool may grow to; the same as `size` unless it was created with ``'auto'``."""
        self._heap.read(self._heap.root_offset)
        return self._heap.reserve

    @property
    def used(self) -> int:
        """Bytes that are allocated, libpmemobj's headers included. Cost: visits every allocation.

        What a running transaction has allocated counts; what it gives up does until its commit.
        """
        return self._heap.used_size()

    @property
    def free(self) -> int:
        """Bytes that can be allocated, before a growing pool grows; the largest piece may be much smaller.

        What is set aside for logs is not free.
        """
        return self._heap.free_size()

    @property
    def medium(self) -> Medium:
        """The kind of memory that the file is on, and so what "durable" means."""
        return medium_of(self._file)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._heap.limit} bytes"
        if self.sandbox:
            state += ", sandbox"
        return f"<PersistentObjectPool {self.path} ({state})>"

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle pool {self.path}: it belongs to one process (open it by its path there)")


def create(
    path: Path, pool_size: PoolSize = DEFAULT_POOL_SIZE, mode: int = 0o666, *, max_size: int | None = None
) -> PersistentObjectPool:
    """Create a pool; the same as ``PersistentObjectPool(path, flag='x', ...)``.

    The file appears under its name only when it is complete.

    Args:
        path: A file that is not there yet; of a growing pool, a directory.
        pool_size: Bytes, at least 8 MiB; 64 MiB by default. ``'auto'`` for a pool that grows.
        mode: Permissions of the file, less the umask.
        max_size: Bytes that a growing pool may grow to, at least 8 MiB; 64 GiB by default.

    Raises:
        PoolExistsError: (also FileExistsError) something is there.
        BadPoolSizeError: (also ValueError) a size is below libpmemobj's minimum, or too large, or
            there is a `max_size` for a pool of fixed size.
        DiskFullError, PoolPermissionError, PoolNotFoundError: the system does not let it be.
    """
    return PersistentObjectPool(path, "x", pool_size, mode, max_size=max_size)


def open(path: Path, *, sandbox: bool = False) -> PersistentObjectPool:
    """Open an existing pool, for reading and writing; ``PersistentObjectPool(path, flag='w')``.

    Args:
        path: The file, or the directory of a growing pool.
        sandbox: Whether all changes stay in memory and vanish at close.

    Raises:
        PoolNotFoundError: (also FileNotFoundError) there is no such file.
        PmemError: see `PersistentObjectPool` for the others.
    """
    return PersistentObjectPool(path, "w", sandbox=sandbox)


def open_pools() -> list[PersistentObjectPool]:
    """The pools that this process has open, in the order of opening."""
    # A copy, since other threads may open pools meanwhile.
    return [pool for pool in list(_open_pools.values()) if not pool.closed]


def _let_go(pop: library.Pool, storage: _storage.Storage | None) -> None:
    library.close(pop)
    if storage is not None:
        storage.close()


def _demand_no_transaction(what: str) -> None:
    """Refuse what cannot be done while the calling thread is in a transaction, of whichever pool."""
    if any(pool.in_transaction for pool in open_pools()):
        raise TransactionError(what, "a transaction is open in this thread", "commit or abort it first")


def demand_sizes(what: str, pool_size: Any, max_size: Any) -> tuple[int, int]:
    """The size of a new pool of fixed size and 0, or 0 and what a growing pool may grow to.

    Raises:
        BadPoolSizeError, TypeError: there can be no such pool.
    """
    if pool_size != "auto":
        if max_size is not None:
            raise BadPoolSizeError(
                what, "max_size is for a pool that grows", "give pool_size='auto' too, or leave max_size out"
            )
        _demand_size(what, "pool_size", pool_size, _MAX_POOL_SIZE)
        return pool_size, 0
    if max_size is None:
        max_size = DEFAULT_MAX_SIZE
    demand_max_size(what, max_size)
    return 0, max_size & ~(poolset.PAGE - 1)


def demand_max_size(what: str, max_size: Any) -> None:
    """Refuse what a growing pool cannot grow to.

    Raises:
        BadPoolSizeError, TypeError: it is too small, too large, or no number.
    """
    _demand_size(what, "max_size", max_size, DEFAULT_MAX_SIZE)


def _demand_size(what: str, name: str, size: Any, largest: int) -> None:
    if not isinstance(size, int) or isinstance(size, bool):
        auto = " or 'auto'" if name == "pool_size" else ""
        raise TypeError(f"cannot {what}: {name} is {size!r}, no int (give the number of bytes{auto})")
    if size > largest:
        raise BadPoolSizeError(
            what, f"{size} bytes are more than the {largest} that a pool can have", f"choose a smaller {name}"
        )
    if size < MIN_POOL_SIZE:
        amount = "1 byte is" if size == 1 else f"{size} bytes are"
        raise BadPoolSizeError(
            what,
            f"{amount} below libpmemobj's minimum of {MIN_POOL_SIZE} bytes (8 MiB)",
            "choose 16 MiB or more",
        )


def _umask() -> int:
    """The umask, read without setting it, which would be seen by other threads."""
    with builtins.open("/proc/self/status", encoding="ascii", errors="replace") as status:
        masks = [line.split()[1] for line in status if line.startswith("Umask:")]
    return int(masks[0], 8)


def _demand_space(what: str, size: int, directory: str) -> None:
    """Refuse at once what would fill the disk first. `size` is 0 for a growing pool."""
    there = os.statvfs(directory)
    free = there.f_bfree * there.f_frsize
    # Some file systems do not count.
    if there.f_blocks and size > free:
        raise DiskFullError(
            what,
            f"its {size} bytes are too many: the file system has space for {free} bytes",
            "choose a smaller size, or free space",
        )


def _identity(path: str) -> tuple[int, int]:
    """By what a file is the same one under another name; like nothing else if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return -2, -2
    return found.st_dev, found.st_ino


@atexit.register
def _close_all() -> None:
    """Close what the program left open, so that the next one need not recover it."""
    unfinished = []
    for pool in open_pools():
        with contextlib.suppress(Exception):
            if pool.abandon_transaction():
                unfinished.append(pool.path)
            # A thread that does not end with the program may be in a transaction, for ever.
            if pool._heap.lock.acquire(timeout=_LAST_WAIT):
                pool._close()
            else:
                unfinished.append(pool.path)
    for path in unfinished:
        warnings.warn(
            f"a transaction on pool {path} was still open at the end of the program, so it is rolled back "
            "(commit it, or use `with pool.transaction():`)",
            RuntimeWarning,
            stacklevel=1,
        )
