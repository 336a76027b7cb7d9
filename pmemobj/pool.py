"""Pools as programs use them: create, open, the root object, transactions, looking inside, close."""

from __future__ import annotations

import os
import types
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from pmemobj._containers import base
from pmemobj._containers.base import Persistent
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._engine.transaction import Transaction
from pmemobj._files import pool_file, storage
from pmemobj._files.medium import Medium, medium_of
from pmemobj._files.sizes import DEFAULT_POOL_SIZE, PoolSize
from pmemobj._format import ROOT_STATE, ROOT_VALUE
from pmemobj._lifecycle import modes
from pmemobj._lifecycle import open_pools as _registry
from pmemobj._lifecycle.session import Session
from pmemobj._objects import gc as _gc
from pmemobj._objects.convert import to_persistent
from pmemobj._objects.manager import MemoryManager
from pmemobj._public_names import public_in
from pmemobj._text import size_text
from pmemobj._values.words import decode, replace
from pmemobj.errors import PoolBusyError, TransactionError

if TYPE_CHECKING:
    # Few programs look inside a pool, so what they need for it is imported when they do.
    from pmemobj import inspect
    from pmemobj._history.log import TransactionLog
    from pmemobj._inspection.stats import PoolStats
    from pmemobj._progress import Progress
    from pmemobj._verify.examination import Report

__all__ = ["PersistentObjectPool", "create", "open", "open_pools", "remove"]

P = TypeVar("P", bound=Persistent)
Path = str | os.PathLike[str]


@public_in("pmemobj")
class PersistentObjectPool:
    """A pool of persistent objects, mapped into this process.

    Args:
        path: The file, or the directory of a growing pool.
        flag: ``'x'`` creates the pool, and fails if there is a file. ``'r'`` and ``'w'`` open the pool, both for
            reading and writing. ``'c'`` creates the pool, or opens it if there is one; when several programs try at
            the same time, one of them creates it, and the others open it.
        pool_size: Bytes of a new pool, at least 8 MiB, or text as in ``'64M'``; libpmemobj uses whole pages. A pool
            in one file keeps its size. Or ``'auto'`` for a pool that begins with 8 MiB and grows by itself, by 128 MiB
            at a time. Such a pool is a directory, to be moved, copied and removed as a whole. While it is being opened,
            libpmemobj changes the working directory of the process for a moment, which other threads may notice.
        mode: Permissions of a new file, less the umask.
        max_size: Bytes that a growing pool may grow to; 64 GiB by default, and at the most. The addresses are
            reserved, memory and disk are not.
        sandbox: Whether the changes stay in the memory of this process and vanish at close. The file must exist, and
            is never written. But it is locked, so it must be writable. If another process has the pool open, the
            sandbox is one of a copy in memory, as of its last commit (see `held_by`).
        durability: On a disk, ``'full'`` (a journal: each commit waits for one write to the disk), ``'relaxed'`` (a
            journal that no commit waits for) or ``'in-place'`` (libpmem waits for each changed page); see
            the property `durability`. None for what suits the kind of memory.

    Raises:
        PoolExistsError: there is a file already, and the flag is ``'x'``.
        PoolNotFoundError: there is no file, and the flag is ``'r'`` or ``'w'``; or there is no directory for it.
        BadPoolSizeError: `pool_size` or `max_size` is too small, or too large.
        NotAPoolError, PoolLayoutError, PoolVersionError, PoolDamagedError, PoolIsDirectoryError: the file is no
            sound pool of this release; the class says what it is instead.
        PoolBusyError: the pool is open already, in this process or in another. For a sandbox: in this process; or in
            another one that changes it all the time, so that there is no moment to copy it.
        DurabilityError: the pool cannot have this `durability`, or not in this place.
        PoolPermissionError, DiskFullError, PoolAccessError: the system refuses the operation.

    Durability: see `Transaction`; `medium` tells what the kind of memory can promise.
    C functions: ``pmemobj_create``, ``pmemobj_open``, ``pmemobj_close``.
    """

    # A misspelt attribute is refused; otherwise its value would be forgotten at the end of the program.
    __slots__ = ("__weakref__", "_heap", "_session")

    def __init__(
        self,
        path: Path,
        flag: str = "w",
        pool_size: PoolSize = DEFAULT_POOL_SIZE,
        mode: int = 0o666,
        *,
        max_size: int | str | None = None,
        sandbox: bool = False,
        durability: str | None = None,
    ) -> None:
        if flag not in ("x", "r", "w", "c"):
            raise ValueError(f"cannot open pool {path}: flag {flag!r} is unknown (use 'x', 'r', 'w' or 'c')")
        name = pool_file.checked_path("open pool", path)
        if sandbox and flag == "x":
            raise ValueError(
                f"cannot create pool {path}: a new pool in a sandbox would leave nothing (use flag 'w' to open one)"
            )
        _registry.demand_no_transaction(f"open pool {name}")
        modes.demand_choice(f"{'create' if flag == 'x' else 'open'} pool {name}", durability, bool(sandbox))
        session = Session(name, bool(sandbox), durability)
        if flag == "x":
            session.create(pool_size, max_size, mode)
        elif flag == "c" and not sandbox:
            session.create_or_open(pool_size, max_size, mode)
        else:
            session.open()
        self._use(session)
        _registry.enter(session, self)

    @classmethod
    def _without_file(cls, name: str) -> PersistentObjectPool:
        """A pool that is not open; the crash lab binds its heap to images."""
        self = cls.__new__(cls)
        self._use(Session(name))
        return self

    def _use(self, session: Session) -> None:
        self._session = session
        #: The session's heap, kept here too because every read of the root needs it.
        self._heap = session.heap

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(type(self), name) and type(self) is PersistentObjectPool:
            import difflib

            near = difflib.get_close_matches(name, ("root", "path"), n=1)
            hint = f"did you mean {near[0]}?" if near else "store it in the root: pool.root = ..."
            raise AttributeError(f"cannot set {name} of pool {self.path}: a pool has no such attribute ({hint})")
        super().__setattr__(name, value)

    # ---- opening and closing ----

    def close(self) -> None:
        """Free what the root does not reach, and close the pool. Nothing happens if it is closed already.

        Handles refuse every use from then on. In a sandbox, all changes vanish.

        Raises:
            TransactionError: a transaction is open in this thread. The pool stays open.
            BufferInUseError: memoryviews or arrays show memory of the pool. The pool stays open, as an mmap does in
                this case. (At the end of ``with pool:`` the pool is closed all the same, but the file stays mapped
                and locked until the last of these buffers is gone.)

        Cost: very little if nothing has changed, otherwise that of `gc`.
        """
        self._session.close(f"close pool {self.path}")

    def suspend(self) -> None:
        """Unmap and unlock the file, so that another process can open it; `resume` opens it again.

        Handles stay valid. They refuse every use while the pool is suspended, and work again afterwards, unless the
        other process has freed their objects.

        Raises:
            TransactionError: a transaction is open in this thread.
            BufferInUseError: memoryviews or arrays show memory of the pool.
            PoolClosedError: the pool is closed.
            PoolNotFoundError: the file was moved or removed, so that `resume` would not find it. The pool stays open.
            SandboxError: the pool is open in a sandbox, whose changes would be lost.
        """
        self._session.suspend()

    def resume(self) -> None:
        """Open the file of a suspended pool again, with recovery, under the same handles.

        Nothing happens if the pool is open.

        Raises:
            PoolClosedError: the pool was closed, not suspended.
            PmemError: as for opening a pool. The program can call `resume` again.
        """
        self._session.resume()

    def is_at(self, path: Path) -> bool:
        """Whether `path` leads to the very file, or directory, that this pool has open.

        The path may be written in any way, and lead through links. A copy is another file. If the file is moved while
        it is open, its new path is the right one.
        """
        return self._session.is_at(pool_file.checked_path("compare the pool with", path))

    @property
    def absolute_path(self) -> str:
        """The absolute path of the file, or directory, when the pool was opened."""
        return self._session.file

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
        if self._session.close():
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
        """Roll back the transaction that the calling thread has open, with all its levels.

        This is for the time after an interrupt; otherwise a transaction is ended where it was begun. If a thread has
        ended and left its transaction open, the pool is opened anew, and the recovery rolls the transaction back.
        Handles go on working, except those of objects that the transaction created.

        Returns:
            Whether there was one.

        Raises:
            SandboxError: a thread left a transaction open in a sandbox, which can only be closed.
            BufferInUseError: a thread has ended, and buffers still show memory of the pool.
        """
        return self._session.abandon_transaction()

    # ---- objects ----

    @property
    def root(self) -> Any:
        """The object from which all others are reached: None at first, then any value that can be stored.

        Durability: setting the root is atomic by itself, and durable when it returns.
        """
        return read_consistently(self, self._root)

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
        """The heap under the name that handles have for it, so that `read_consistently` can read the root."""
        return self._heap

    def new(self, cls: type[P], /, *args: Any, **kwargs: Any) -> P:
        """Create a persistent object in this pool.

        The object lives as long as the root reaches it. Objects that the root does not reach at close are freed.

        Args:
            cls: PersistentList, PersistentDict, or another persistent class.
            args, kwargs: The arguments of its ``__init__``, which runs in one transaction with the creation.

        Raises:
            NotPersistableError: `cls` is no persistent class, or an argument cannot be stored.
            PoolFullError: the pool has no room for the object.
            PoolClosedError: the pool is closed.

        C function: ``pmemobj_tx_xalloc``.
        """
        return base.create(self._heap, cls, args, kwargs)

    def persistent(self, value: Any) -> Any:
        """Convert a plain structure into persistent objects of this pool, all of it or nothing.

        Every list, dict, set, bytearray and array.array in it becomes a persistent object; so does a tuple or
        frozenset with one of these or a persistent object in it, at any depth. Shared parts stay shared, cycles stay
        cycles, and the depth has no limit. All other values must be values that can be stored, and stay as they are:
        tuples and frozensets of values, persistent objects of this pool, the keys of dicts and the elements of sets
        included.

        Args:
            value: The structure. A value that needs no conversion is returned as it is.

        Returns:
            Its persistent form, to be stored in the root or somewhere that the root reaches.

        Raises:
            NotPersistableError: a part cannot be stored. The message says which, as in ``root["players"][3]``, where
                root is `value`. Instances of subclasses (defaultdict, OrderedDict, Counter, named tuples) are refused,
                since they would come back as instances of the base class, unless they were nominated with
                `persist_via_pickle`.
            PoolFullError: the pool has no room for the structure.

        Durability: one transaction, or part of the one that is running.
        Cost: proportional to the structure, which is read twice.
        """
        return to_persistent(self._heap, value)

    @property
    def mm(self) -> MemoryManager:
        """The memory manager, as objects see it through ``_p_mm``."""
        return self._session.manager

    def transaction(self) -> Transaction:
        """A transaction on this pool, to be used as ``with pool.transaction(): ...``.

        Other threads wait before they change the pool. Threads that only read do not wait: they see the changes
        statement by statement, before the transaction is committed or rolled back, and two reads may see two different
        states. A program that needs several reads of one state, or only committed values, reads in a transaction too.

        The transaction belongs to this thread, and in asyncio to the task whose ``with`` block it is.

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

    @property
    def transaction_depth(self) -> int:
        """How many transactions are open in the calling thread, each nested in the one before; 0 if there is none."""
        return self._heap.depth if self._heap.in_transaction() else 0

    def sync(self) -> None:
        """Wait until everything that is committed is durable. Only in relaxed mode there is anything to wait for.

        Raises:
            NotDurableError: the disk has failed.
            PoolClosedError: the pool is closed.

        C function: ``fdatasync`` of the journal.
        """
        heap = self._heap
        heap.read(heap.root_offset)
        if heap.journal is not None:
            heap.journal.sync()

    def backup(self, path: Path, *, progress: Progress | None = None) -> None:
        """Copy the pool as of its last commit to another file, while the program goes on using it.

        The copy is a pool that was closed: it needs no recovery and no journal, and may be copied and moved. It has the
        identity of the original, so one process cannot have both open at the same time. A growing pool is copied as
        a directory. The copy has the permissions of the original, less the umask.

        Args:
            path: The path of the copy; there must be no file of this name. It may lie on another disk.
            progress: Called from time to time as ``progress(done, total)``, with numbers of bytes. An exception from
                it ends the copying.

        Raises:
            TransactionError: a transaction is open in this thread, or `progress` has changed the pool.
            SandboxError: the pool is open in a sandbox, whose changes are in no file; `pmemobj.dump` can write them.
            PoolExistsError: there is a file already at `path`, or the journal of a pool that had this name.
            PoolNotFoundError: there is no directory for the copy; or the file of the pool was moved or removed.
            DiskFullError, PoolPermissionError, PoolAccessError: the system refuses the operation; `path` must not lie
                in the directory of a growing pool.
            NotDurableError: the pool has a journal, and its disk has failed.
            PoolClosedError: the pool is closed.

        Durability: the copy is durable when this method returns. If it fails, is interrupted or killed, there is
        nothing at `path`.
        Cost: the pool is read and written once, and takes its full size on the disk. Other threads can read meanwhile;
        they wait before they change the pool, and this method waits for the end of their transactions.
        C functions: ``pread``, ``pwrite``, ``fsync``, ``link``.

        Example::

            import pmemobj

            with pmemobj.create("bank.pmem", 16 << 20) as pool:
                pool.root = pool.persistent({"ada": 100})
                pool.backup("bank.backup")
                pool.root["ada"] = 0
            with pmemobj.open("bank.backup") as pool:
                assert pool.root["ada"] == 100
        """
        from pmemobj._lifecycle.backup import back_up

        back_up(self._session, pool_file.checked_path("back up a pool to", path), progress)

    def gc(self, keep_handles: bool = True, *, progress: Progress | None = None) -> Counter[str]:
        """Free every object that cannot be reached from the root or a live Python object.

        The collection also runs at close, and once before an allocation fails for want of space, if the running
        transaction has changed nothing yet.

        Args:
            keep_handles: Whether to keep objects that only Python variables refer to. With False, they are freed as by
                `close`, and their handles raise `InvalidHandleError` from then on.
            progress: Called from time to time as ``progress(done, total)``, with numbers of allocations. An exception
                from it ends the collection; the next collection frees the rest.

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

        With it come the objects that only the program holds (`unreachable`), and inside a transaction what it has
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
        from pmemobj import inspect

        limits = {"depth": depth, "max_nodes": max_nodes, "max_items": max_items}
        return inspect.walk(self, start, **limits, unreachable=True, changes=True)

    def tree(
        self,
        start: Any = None,
        *,
        depth: int | None = None,
        max_nodes: int | None = 200,
        max_items: int | None = 20,
        offsets: bool = False,
    ) -> inspect.Tree:
        """The same as a tree: ``print()`` shows it as text, a notebook shows a tree that can be unfolded.

        Args:
            start, depth, max_nodes, max_items: As for `graph`.
            offsets: Whether to show the offset of each object.
        """
        from pmemobj import inspect

        found = self.graph(start, depth=depth, max_nodes=max_nodes, max_items=max_items)
        return inspect.Tree(found, "", offsets)

    @property
    def log(self) -> TransactionLog:
        """The history of the transactions since ``pool.log.start()``. It can be read after the pool was closed."""
        return self._session.log

    def stats(self, *, progress: Progress | None = None) -> PoolStats:
        """What takes the space of the pool.

        Args:
            progress: Called from time to time as ``progress(done, total)``, with numbers of allocations; not in a
                transaction. An exception from it ends the measuring.

        Cost: visits every allocation, several times.
        """
        from pmemobj._inspection import stats

        return stats.measure(self._heap, self.medium, progress)

    def check(self, *, progress: Progress | None = None) -> Report:
        """Find everything that is wrong in the open pool. The pool is not changed.

        `pmemobj.check` does more with the file of a closed pool: it examines its headers too, and even a pool that
        libpmemobj would not survive.

        Args:
            progress: Called from time to time as ``progress(done, total)``, with numbers of allocations. An exception
                from it ends the examination.

        Returns:
            A report. Damage is never raised. Objects that only Python variables refer to count as not reached.

        Raises:
            TransactionError: a transaction is open in this thread.
            PoolClosedError: the pool is closed.

        Cost: proportional to the contents; other threads cannot change the pool meanwhile.
        """
        from pmemobj._verify.examination import examine

        return examine(self._heap, self.path, progress)

    # ---- what it is ----

    @property
    def path(self) -> str:
        """The file, or the directory of a growing pool, as given."""
        return self._session.path

    @property
    def sandbox(self) -> bool:
        """Whether the changes stay in the memory of this process and vanish at close."""
        return self._session.sandbox

    @property
    def held_by(self) -> str:
        """The process that has the pool open, if this is a sandbox of it; an empty string for every other pool.

        Such a sandbox shows a copy in memory as of the last commit before it was opened, or a later one. The other
        process goes on, and neither of the two sees what the other changes from then on.

        Durability: the file of the pool, and its journal, are only read.
        Cost: opening it reads the files of the pool once or a few times, and takes as much memory as their contents.
        The other process waits for nothing.
        C functions: ``pread``, ``pmemobj_open`` of the copy.

        Example::

            import subprocess
            import sys

            import pmemobj

            LOOK = "import pmemobj; pool = pmemobj.open('busy.pmem', sandbox=True); print(pool.root, pool.held_by)"

            with pmemobj.create("busy.pmem", 16 << 20) as pool:
                pool.root = "at work"
                looked = subprocess.run([sys.executable, "-c", LOOK], check=True, capture_output=True, text=True)
                assert looked.stdout.startswith("at work process ")
                assert pool.held_by == ""
        """
        return self._session.held_by

    @property
    def recovered(self) -> bool:
        """Whether the last process that used the pool did not close it, so that it was recovered when it was opened."""
        return self._session.recovered

    @property
    def _file(self) -> str:
        """The same as `absolute_path`, for the rooms of this package that read the file of an open pool."""
        return self._session.file

    @property
    def size(self) -> int:
        """Bytes of the pool, all parts of a growing pool included."""
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

        Allocations of a running transaction count. Memory that it frees counts until its commit.
        """
        return self._heap.used_size()

    @property
    def free(self) -> int:
        """Bytes that can be allocated before a growing pool grows; the largest free piece may be much smaller.

        Memory that is set aside for logs is not free.
        """
        return self._heap.free_size()

    @property
    def medium(self) -> Medium:
        """The kind of memory that the file is on, which decides what "durable" means."""
        return medium_of(self._session.file)

    @property
    def durability(self) -> str:
        """What a commit promises: ``'full'``, ``'relaxed'``, ``'in-place'``, ``'memory'`` or ``'none'``.

        * ``'full'``: what is committed is durable: on persistent memory (DAX), or by a journal on a disk.
        * ``'relaxed'``: by a journal on a disk, a killed program loses no commit. A power cut may lose the last
          ones, but never a part of one, nor one without those after it; `sync` waits until none can be lost.
        * ``'in-place'``: the same on a disk; libpmem waits for each changed page. Also the mode in RAM, where libpmem's
          functions cannot be replaced.
        * ``'memory'``: in RAM, a killed program loses no commit. With the machine, all of the pool is gone.
        * ``'none'``: in a sandbox, whose changes vanish at close.
        """
        return self._session.mode.name

    def __repr__(self) -> str:
        facts = ["closed"] if self.closed else [size_text(self._heap.limit), self.medium.short]
        if self.sandbox:
            facts.append("sandbox")
        elif not self.closed:
            facts.append(f"durability {self.durability}")
        if self.in_transaction:
            facts.append("in a transaction")
        return f"<PersistentObjectPool {self.path} ({', '.join(facts)})>"

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle pool {self.path}: it belongs to one process (open it by its path there)")


def create(
    path: Path,
    pool_size: PoolSize = DEFAULT_POOL_SIZE,
    mode: int = 0o666,
    *,
    max_size: int | str | None = None,
    durability: str | None = None,
) -> PersistentObjectPool:
    """Create a pool; the same as ``PersistentObjectPool(path, flag='x', ...)``.

    The file gets its name only when it is complete.

    Args:
        path: The path of the new file, or directory; there must be no file of this name.
        pool_size: Bytes, at least 8 MiB, or text as in ``'64M'``; 64 MiB by default. ``'auto'`` for a pool that grows.
        mode: Permissions of the file, less the umask.
        max_size: Bytes that a growing pool may grow to, at least 8 MiB; 64 GiB by default.
        durability: As for `PersistentObjectPool`.

    Raises:
        PoolExistsError: (also FileExistsError) there is a file of this name.
        BadPoolSizeError: (also ValueError) a size is below libpmemobj's minimum, or too large, or there is a
            `max_size` for a pool of fixed size.
        DiskFullError, PoolPermissionError, PoolNotFoundError, PoolAccessError: the system refuses the operation.
    """
    return PersistentObjectPool(path, "x", pool_size, mode, max_size=max_size, durability=durability)


def open(path: Path, *, sandbox: bool = False, durability: str | None = None) -> PersistentObjectPool:
    """Open an existing pool, for reading and writing; ``PersistentObjectPool(path, flag='w')``.

    Args:
        path: The file, or the directory of a growing pool.
        sandbox: Whether all changes stay in memory and vanish at close. Such a pool may be open in another process.
        durability: As for `PersistentObjectPool`.

    Raises:
        PoolNotFoundError: (also FileNotFoundError) there is no such file.
        PmemError: for the other reasons that `PersistentObjectPool` lists.
    """
    return PersistentObjectPool(path, "w", sandbox=sandbox, durability=durability)


def remove(path: Path) -> None:
    """Delete a pool that is not open. What was in it is lost.

    Of a growing pool, the files of the pool are deleted, and the directory if nothing else is in it.

    Args:
        path: The file, or the directory of a growing pool.

    Raises:
        PoolBusyError: this or another process has it open.
        NotAPoolError: something else is at `path`; it is not touched.
        PoolNotFoundError: (also FileNotFoundError) nothing is at `path`.
        PoolPermissionError, PoolAccessError: the system refuses to delete it.

    Durability: the directory is synced, so the pool does not come back after a power cut.

    Example::

        import pmemobj

        pmemobj.create("old.pmem", 16 << 20).close()
        pmemobj.remove("old.pmem")
    """
    name = pool_file.checked_path("remove pool", path)
    what = f"remove pool {name}"
    pool_file.demand_path(what, name)
    mine = next((pool for pool in open_pools() if pool.is_at(name)), None)
    if mine is not None:
        raise PoolBusyError(what, "it is open in this program", "close it first")
    storage.remove_pool(what, name)


def open_pools() -> list[PersistentObjectPool]:
    """The pools that this process has open, in the order of opening."""
    return _registry.pools()


def __getattr__(name: str) -> Any:
    """`PoolStats`, which version 0.1.0 had here too; few programs need it, so it is imported when it is asked for."""
    if name == "PoolStats":
        from pmemobj._inspection.stats import PoolStats

        return PoolStats
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
