"""Pools: create, open, the root object, transactions, recovery, close."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import errno
import os
import secrets
import types
from collections import Counter
from typing import Any, TypeVar

from pmemobj import _base, _checking, _file, _gc, _lib, _probe
from pmemobj._base import Persistent
from pmemobj._heap import Heap, Transaction
from pmemobj._layout import (
    LAYOUT_NAME,
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
from pmemobj._medium import Medium, medium_of
from pmemobj._object import ClassTable
from pmemobj._values import decode, replace
from pmemobj.errors import (
    BadPoolSizeError,
    PmemError,
    PoolDamagedError,
    PoolExistsError,
    TransactionAborted,
    TransactionError,
)

__all__ = ["DEFAULT_POOL_SIZE", "MemoryManager", "PersistentObjectPool", "Transaction", "create", "open"]

P = TypeVar("P", bound=Persistent)
Path = str | os.PathLike[str]

DEFAULT_POOL_SIZE = 64 * 1024 * 1024

_MAX_POOL_SIZE = (1 << 63) - 1
#: Bytes of a file name, less the ending that libpmemobj appends to it when it opens a pool.
_MAX_NAME = 255 - len("_r0_p0_badblocks.txt")

#: Pools that are open; closed in good order when the interpreter ends.
_open_pools: dict[int, PersistentObjectPool] = {}


class MemoryManager:
    """What an object reaches of its pool through ``_p_mm``: making objects, and transactions."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def new(self, cls: type[P], /, *args: Any, **kwargs: Any) -> P:
        """Create a persistent object in the same pool; see `PersistentObjectPool.new`."""
        return _base.create(self._heap, cls, args, kwargs)

    def transaction(self) -> Transaction:
        """A transaction on the same pool; see `PersistentObjectPool.transaction`."""
        return Transaction(self._heap)


class PersistentObjectPool:
    """A pool file of persistent objects, mapped into this process.

    Args:
        path: The file.
        flag: ``'x'`` creates and fails if there is a file; ``'r'`` and ``'w'`` open, both for
            reading and writing; ``'c'`` does either.
        pool_size: Bytes of a new pool, at least 8 MiB; fixed once it is created. libpmemobj uses
            whole pages.
        mode: Permissions of a new file, less the umask.

    Attributes:
        path: The file, as given.
        recovered: Whether the last process that used the pool did not close it, so that it was
            checked, recovered and freed of garbage now.

    Raises:
        PoolExistsError: a pool is to be created where a file is.
        PoolNotFoundError: a pool is to be opened that is not there.
        BadPoolSizeError: `pool_size` is too small.
        NotAPoolError, PoolLayoutError, PoolVersionError, PoolDamagedError, PoolIsDirectoryError: what
            the file is instead.
        PoolBusyError: the pool is open already, here or in another process.
        PoolPermissionError, DiskFullError: the system does not let it be.

    Durability: see `Transaction`, and `medium` for what the memory below can promise.
    C functions: ``pmemobj_create``, ``pmemobj_open``, ``pmemobj_close``.
    """

    def __init__(self, path: Path, flag: str = "w", pool_size: int = DEFAULT_POOL_SIZE, mode: int = 0o666) -> None:
        if flag not in ("x", "r", "w", "c"):
            raise ValueError(f"cannot open pool {path}: flag {flag!r} is unknown (use 'x', 'r', 'w' or 'c')")
        self.path = _checked_path(path)
        # The program may change its directory while the pool is suspended.
        self._file = os.path.abspath(self.path)
        self.recovered = False
        self._heap = Heap(self.path)
        self._heap.resurrect = _base.resurrect
        self._mm = self._heap.manager = MemoryManager(self._heap)
        _demand_no_transaction(f"open pool {self.path}")
        create_it = flag == "x" or (flag == "c" and not os.path.lexists(self._file))
        if create_it:
            self._create(pool_size, mode)
        else:
            self._open()
        _open_pools[id(self)] = self

    # ---- opening and closing ----

    def _create(self, pool_size: int, mode: int) -> None:
        """Make the pool under a temporary name, and give it its own when it is complete."""
        what = f"create pool {self.path}"
        _demand_size(what, pool_size)
        if not self.path:
            raise _file.translate(what, FileNotFoundError(errno.ENOENT, ""))
        if len(os.fsencode(os.path.basename(self._file))) > _MAX_NAME:
            # libpmemobj could create it, but never open it again.
            raise _file.translate(what, OSError(errno.ENAMETOOLONG, ""), self.path)
        if os.path.lexists(self._file):
            raise PoolExistsError(what, "there is a file of that name", "open it with pmemobj.open(), or remove it")
        # Short, since the pool's own name may be as long as names can be; unique, so that no other
        # creator is met, not even one that died and whose process id was given out again.
        unfinished = os.path.join(os.path.dirname(self._file), f".creating-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            pop = _lib.create(unfinished, LAYOUT_NAME, pool_size, mode & ~_umask())
            try:
                self._heap.bind(pop, os.path.getsize(unfinished), ROOT_SIZE)
                self._write_root()
                _file.give_name(unfinished, self._file)
            except BaseException:
                self._unbind()
                raise
        except FileExistsError:
            raise PoolExistsError(what, "there is a file of that name", "open it with pmemobj.open()") from None
        except OSError as error:
            if isinstance(error, PmemError):
                raise
            raise _file.translate(what, error, self.path) from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
        self._start()

    def _write_root(self) -> None:
        heap = self._heap
        identity = root_identity()
        words = [int.from_bytes(identity[at : at + WORD], "little") for at in range(0, ROOT_IDENTITY_SIZE, WORD)]
        with heap.statement:
            heap.write_words(heap.root_offset, [*words, STATE_OPEN, WORD_NONE, WORD_NONE])

    def _open(self) -> None:
        what = f"open pool {self.path}"
        found = _file.identify(self._file, self.path)
        try:
            _file.check_not_busy(self._file)
            unclean = found.state not in (STATE_CLEAN, STATE_SUSPENDED)
            damage = found.log_damage or ("" if unclean else found.heap_damage)
            if damage:
                raise PoolDamagedError(what, damage, "restore the pool from a copy")
            if unclean:
                _probe.run(self._file)
            pop = _lib.open_pool(self._file, LAYOUT_NAME)
        except OSError as error:
            if isinstance(error, PmemError):
                raise
            raise _file.translate(what, error, self.path) from None
        try:
            self._heap.bind(pop, found.size, ROOT_SIZE)
            self._start()
            self.recovered = unclean
            garbage = self._heap.may_have_garbage
            self._heap.store(self._heap.root_offset + ROOT_STATE, STATE_OPEN)
            self._heap.may_have_garbage = garbage
            self._heap.drop_missing_handles()
            if self.recovered:
                _gc.collect(self._heap)
            elif found.state == STATE_SUSPENDED:
                self._heap.may_have_garbage = True
        except BaseException:
            self._unbind()
            raise

    def _start(self) -> None:
        """What follows once the heap is bound and its root is there."""
        heap = self._heap
        if _checking.wanted():
            heap.checker = _checking.Checker(heap)
        if heap.types is None:
            heap.types = ClassTable(heap)
        else:
            heap.types.reload()

    def _unbind(self) -> None:
        """Let go of the mapping, without marking the pool as closed in good order."""
        pop = self._heap.pop
        self._heap.checker = None
        self._heap.unbind(_file.closed_error(self.path))
        if pop is not None:
            _lib.close(pop)

    def close(self) -> None:
        """Free what the root does not reach, and close the pool. Again is fine.

        Handles refuse every use from then on.

        Raises:
            TransactionError: a transaction is open in this thread; the pool stays open.

        Cost: nothing to speak of if nothing changed, else that of `gc`.
        """
        heap = self._heap
        # Other threads wait for the lock; when they get it, the pool is closed and says so.
        with heap.lock:
            if not heap.is_writable:
                _open_pools.pop(id(self), None)
                return
            _demand_no_transaction(f"close pool {self.path}")
            try:
                if heap.may_have_garbage:
                    _gc.collect(heap, keep_handles=False)
                heap.store(heap.root_offset + ROOT_STATE, STATE_CLEAN)
            finally:
                self._unbind()
                _open_pools.pop(id(self), None)

    def suspend(self) -> None:
        """Let go of the file so that another process can open it; `resume` takes it back.

        Handles stay valid: they refuse while the pool is suspended and work again afterwards, as
        long as nobody freed their objects meanwhile.

        Raises:
            TransactionError: a transaction is open in this thread.
            PoolClosedError: the pool is closed.
        """
        heap = self._heap
        with heap.lock:
            heap.read(heap.root_offset + ROOT_STATE)
            _demand_no_transaction(f"suspend pool {self.path}")
            heap.note_headers()
            heap.store(heap.root_offset + ROOT_STATE, STATE_SUSPENDED)
            self._unbind()

    def resume(self) -> None:
        """Open the file of a suspended pool again, with recovery, under the same handles.

        Raises: as for opening a pool.
        """
        with self._heap.lock:
            if not self._heap.is_writable:
                _demand_no_transaction(f"resume pool {self.path}")
                self._open()

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
        self.close()
        if left_open and error is None:
            raise TransactionError(
                f"close pool {self.path} with its changes",
                "a transaction was still open; it was rolled back, and the pool is closed",
                "commit before the end of the block",
            )

    def abandon_transaction(self) -> bool:
        """Roll back whatever transaction the calling thread has open, at every level.

        For after an interrupt; a transaction is otherwise ended where it was begun.

        Returns:
            Whether there was one.
        """
        heap = self._heap
        found = heap.in_transaction()
        reason = TransactionAborted(f"go on in the transaction on {self.path}", "the pool is being closed")
        while heap.in_transaction():
            heap.end(reason, True)
        heap.release_lock()
        return found

    # ---- objects ----

    @property
    def root(self) -> Any:
        """The object that everything else hangs on: None at first, then any value that can be stored.

        Durability: setting it is atomic by itself and durable when it returns.
        """
        heap = self._heap
        return decode(heap, heap.read(heap.root_offset + ROOT_VALUE))

    @root.setter
    def root(self, value: Any) -> None:
        heap = self._heap
        heap.read(heap.root_offset + ROOT_VALUE)
        replace(heap, heap.root_offset + ROOT_VALUE, value)

    def new(self, cls: type[P], /, *args: Any, **kwargs: Any) -> P:
        """Create a persistent object in this pool.

        It lives as long as the root reaches it; what the root does not reach at close is freed.

        Args:
            cls: PersistentList, PersistentDict or a class derived from PersistentObject.
            *args, **kwargs: For its ``__init__``, which runs in one transaction with the creation.

        Raises:
            NotPersistableError: `cls` is no persistent class, or an argument cannot be stored.
            PoolFullError: no room.
            PoolClosedError: the pool is closed.

        C function: ``pmemobj_tx_xalloc``.
        """
        return _base.create(self._heap, cls, args, kwargs)

    @property
    def mm(self) -> MemoryManager:
        """The memory manager, as objects see it through ``_p_mm``."""
        return self._mm

    def transaction(self) -> Transaction:
        """A transaction on this pool, to be used as ``with pool.transaction(): ...``."""
        return Transaction(self._heap)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open in the calling thread."""
        return self._heap.in_transaction()

    def gc(self, keep_handles: bool = True) -> Counter[str]:
        """Free every object that cannot be reached from the root or a live Python object.

        Args:
            keep_handles: False frees also what only Python objects know, as `close` does; these
                objects then raise `InvalidHandleError`.

        Returns:
            How many allocations of each type were freed.

        Raises:
            TransactionError: a transaction is open in this thread.

        Cost: proportional to the number of objects.
        """
        return _gc.collect(self._heap, keep_handles)

    # ---- what it is ----

    @property
    def size(self) -> int:
        """Bytes of the pool file."""
        self._heap.read(self._heap.root_offset)
        return self._heap.limit

    @property
    def used(self) -> int:
        """Bytes that are allocated, libpmemobj's headers included. Cost: visits every allocation."""
        return sum(self._heap.allocation_size(offset) for offset, _, _ in self._heap.allocations())

    @property
    def free(self) -> int:
        """Bytes that are not allocated; the largest piece may be much smaller."""
        heap = self._heap
        return self.size - (heap.root_offset & ~0xFFF) - self.used

    @property
    def medium(self) -> Medium:
        """The kind of memory that the file is on, and so what "durable" means."""
        return medium_of(self._file)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{self._heap.limit} bytes"
        return f"<PersistentObjectPool {self.path} ({state})>"

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle pool {self.path}: it belongs to one process (open it by its path there)")


def create(path: Path, pool_size: int = DEFAULT_POOL_SIZE, mode: int = 0o666) -> PersistentObjectPool:
    """Create a pool; the same as ``PersistentObjectPool(path, flag='x', ...)``.

    The file appears under its name only when it is complete.

    Args:
        path: A file that is not there yet.
        pool_size: Bytes, at least 8 MiB; 64 MiB by default.
        mode: Permissions of the file, less the umask.

    Raises:
        PoolExistsError: (also FileExistsError) something is there.
        BadPoolSizeError: (also ValueError) the size is below libpmemobj's minimum.
        DiskFullError, PoolPermissionError, PoolNotFoundError: the system does not let it be.
    """
    return PersistentObjectPool(path, "x", pool_size, mode)


def open(path: Path) -> PersistentObjectPool:
    """Open an existing pool, for reading and writing; ``PersistentObjectPool(path, flag='w')``.

    Raises:
        PoolNotFoundError: (also FileNotFoundError) there is no such file.
        PmemError: see `PersistentObjectPool` for the others.
    """
    return PersistentObjectPool(path, "w")


def open_pools() -> list[PersistentObjectPool]:
    """The pools that this process has open, in the order of opening."""
    return [pool for pool in _open_pools.values() if not pool.closed]


def _demand_no_transaction(what: str) -> None:
    """Refuse what cannot be done while the calling thread is in a transaction, of whichever pool."""
    if any(pool.in_transaction for pool in open_pools()):
        raise TransactionError(what, "a transaction is open in this thread", "commit or abort it first")


def _demand_size(what: str, pool_size: Any) -> None:
    if not isinstance(pool_size, int) or isinstance(pool_size, bool):
        raise TypeError(f"cannot {what}: pool_size is a {type(pool_size).__name__} (give the number of bytes)")
    if pool_size > _MAX_POOL_SIZE:
        raise BadPoolSizeError(what, f"{pool_size} bytes are more than any file can have", "choose a smaller pool_size")
    if pool_size < MIN_POOL_SIZE:
        raise BadPoolSizeError(
            what,
            f"{pool_size} bytes are below libpmemobj's minimum of {MIN_POOL_SIZE} bytes (8 MiB)",
            "choose 16 MiB or more",
        )


def _checked_path(path: Path) -> str:
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"cannot open pool {path!r}: the path is no str (use os.fsdecode)")
    if "\0" in name:
        raise ValueError(f"cannot open pool {name!r}: the path has a NUL character (mend the path)")
    return name


def _umask() -> int:
    """The umask, read without setting it, which would be seen by other threads."""
    with builtins.open("/proc/self/status", encoding="ascii", errors="replace") as status:
        masks = [line.split()[1] for line in status if line.startswith("Umask:")]
    return int(masks[0], 8)


@atexit.register
def _close_all() -> None:
    """Close what the program left open, so that the next one need not recover it."""
    for pool in open_pools():
        with contextlib.suppress(Exception):
            pool.abandon_transaction()
            pool.close()
