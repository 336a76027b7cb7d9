"""Pools as programs use them: create, open, the root object, transactions, looking inside, close."""

from __future__ import annotations

import os
import types
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from pmemobj._containers import base
from pmemobj._containers.base import Persistent
from pmemobj._engine.heap import Heap, steady
from pmemobj._engine.transaction import Transaction
from pmemobj._files import pool_file
from pmemobj._files.medium import Medium, medium_of
from pmemobj._files.sizes import DEFAULT_POOL_SIZE, PoolSize
from pmemobj._format import ROOT_STATE, ROOT_VALUE
from pmemobj._lifecycle import open_pools as _registry
from pmemobj._lifecycle.session import Session
from pmemobj._objects import gc as _gc
from pmemobj._objects.convert import to_persistent
from pmemobj._objects.manager import MemoryManager
from pmemobj._public_names import public_in
from pmemobj._values.words import decode, replace
from pmemobj.errors import TransactionError

if TYPE_CHECKING:
    # Few programs look inside a pool, so what they need for it is imported when they do.
    from pmemobj import inspect
    from pmemobj._history.log import TransactionLog
    from pmemobj._inspection.stats import PoolStats
    from pmemobj._verify.examination import Report

__all__ = ["PersistentObjectPool", "create", "open", "open_pools"]

P = TypeVar("P", bound=Persistent)
Path = str | os.PathLike[str]


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

    # A misspelt attribute is refused; otherwise its value would be forgotten at the end of the program.
    __slots__ = ("__weakref__", "_heap", "_session")

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
        name = pool_file.checked_path("open pool", path)
        if sandbox and flag == "x":
            raise ValueError(
                f"cannot create pool {path}: a new pool in a sandbox would leave nothing (use flag 'w' to open one)"
            )
        _registry.demand_no_transaction(f"open pool {name}")
        session = Session(name, bool(sandbox))
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
        """Free what the root does not reach, and close the pool. Again is fine.

        Handles refuse every use from then on. In a sandbox, all changes vanish.

        Raises:
            TransactionError: a transaction is open in this thread; the pool stays open.
            BufferInUseError: memoryviews or arrays show memory of the pool; it stays open, as a
                mmap does. (At the end of ``with pool:`` it is closed all the same, but the file
                stays mapped and locked until the last of them is gone.)

        Cost: nothing to speak of if nothing changed, else that of `gc`.
        """
        self._session.close(f"close pool {self.path}")

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
        self._session.suspend()

    def resume(self) -> None:
        """Open the file of a suspended pool again, with recovery, under the same handles.

        Nothing happens if the pool is open.

        Raises:
            PoolClosedError: the pool was closed, not suspended.
            PmemError: as for opening a pool; it can be tried again.
        """
        self._session.resume()

    def is_at(self, path: Path) -> bool:
        """Whether `path` leads to the very file, or directory, that this pool has open.

        It may be spelt in any way and lead through links; a copy is another file. What is open goes with
        the file when that is moved.
        """
        return self._session.is_at(pool_file.checked_path("compare the pool with", path))

    @property
    def absolute_path(self) -> str:
        """Where the file, or directory, was when the pool was opened, whatever is the current directory now."""
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
        return self._session.abandon_transaction()

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
        return self._session.manager

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
        """The same as a tree, which shows itself as text, or in a notebook as one to unfold.

        Args:
            start, depth, max_nodes, max_items: As for `graph`.
            offsets: Whether to tell where each object lies.
        """
        from pmemobj import inspect

        found = self.graph(start, depth=depth, max_nodes=max_nodes, max_items=max_items)
        return inspect.Tree(found, "", offsets)

    @property
    def log(self) -> TransactionLog:
        """What the transactions since ``pool.log.start()`` did. It can be read after the pool was closed."""
        return self._session.log

    def stats(self, *, progress: _gc.Progress | None = None) -> PoolStats:
        """What takes the space of the pool.

        Args:
            progress: Called now and then as ``progress(done, total)``, with numbers of allocations; not in a
                transaction. An exception from it ends the measuring.

        Cost: visits every allocation, several times.
        """
        from pmemobj._inspection import stats

        return stats.measure(self._heap, self.medium, progress)

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
    def recovered(self) -> bool:
        """Whether the last process that used the pool did not close it, so that it was recovered when it was opened."""
        return self._session.recovered

    @property
    def _file(self) -> str:
        """The same as `absolute_path`, for the rooms of this package that read the file of an open pool."""
        return self._session.file

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
        return medium_of(self._session.file)

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
    return _registry.pools()
