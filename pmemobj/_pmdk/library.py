"""libpmemobj through cffi: one checked wrapper for each C function that is used.

The library is loaded when the first pool is created or opened, not at import, so that the crash lab can put its
recorder in front of the library. cffi works in ABI mode: no headers and no compiler are
needed at install time; `declarations.h` is all the C that the package declares.

A self-contained wheel (`tools/make_wheel.py`) has the library in `_bundled`. There it is preferred to the system's
library: a user of such a wheel wants the version that was tested, whatever older version the machine has.

A C error becomes an `OSError` with the errno and libpmemobj's own message; the callers,
which know the purpose of the call, turn it into an error of `pmemobj.errors`. Calls that make libpmemobj
end the process (a transaction function outside stage WORK, for instance) are never made: `heap` prevents them.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pmemobj._pmdk import interposition
from pmemobj._pmdk.declarations import ffi
from pmemobj.errors import LibraryError

_SONAME = "libpmemobj.so.1"
_BUNDLED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_bundled", _SONAME)
#: The interface (major, minor) of libpmemobj 1.12, the oldest that has what is called here.
_INTERFACE = (2, 4)

STAGE_NONE = 0
STAGE_WORK = 1

ZERO = 1 << 0
NO_FLUSH = 1 << 1
NO_SNAPSHOT = 1 << 2
#: Without this flag a failed call has already aborted the transaction when it returns.
NO_ABORT = 1 << 4
_HEADER_COMPACT = 1
_GLOBAL_ARENA = 1
_PR_SET_PDEATHSIG = 1
_PROT_NONE = 0
_MAP_FIXED = 0x10
_MAP_NORESERVE = 0x4000

_lib: Any = None
_libc: Any = ffi.dlopen(None)
#: Only one thread at a time creates or opens a pool, since some settings for this are those of the whole process.
_opening = threading.Lock()

#: A `PMEMobjpool *`.
Pool = Any


def load() -> Any:
    """The loaded library. All threads of the process share one arena of it.

    Raises:
        LibraryError: it is not installed, or older than 1.12.
    """
    global _lib
    if _lib is None:
        try:
            library = ffi.dlopen(_BUNDLED if os.path.exists(_BUNDLED) else _SONAME)
        except OSError as error:
            raise LibraryError(
                "load libpmemobj", str(error), "install it, on Debian or Ubuntu: apt-get install libpmemobj1"
            ) from None
        complaint = library.pmemobj_check_version(*_INTERFACE)
        if complaint != ffi.NULL:
            raise LibraryError("use this libpmemobj", ffi.string(complaint).decode(), "install version 1.12 or later")
        # There is one transaction at a time, so memory that an arena reserves for another thread would be wasted.
        library.pmemobj_ctl_set(ffi.NULL, b"heap.arenas_assignment_type", ffi.new("int *", _GLOBAL_ARENA))
        interposition.patch()
        _lib = library
    return _lib


def last_failure(code: int | None = None) -> OSError:
    """The error of the call that has just failed, with libpmemobj's own message."""
    code = ffi.errno if code is None else code
    message = ffi.string(_lib.pmemobj_errormsg()).decode(errors="replace")
    return OSError(code, message or os.strerror(code))


# ---- pools -----------------------------------------------------------------------------------


def create(path: str, layout: str, size: int, mode: int, policy: int = interposition.PASS, reserve: int = 0) -> Pool:
    """``pmemobj_create``: make a pool file of `size` bytes and map it; `size` is 0 for a poolset, which may grow.

    A pool that may grow does not note the unsafe shutdowns of its device (ctl ``sds.at_create``). libpmemobj notes a
    sum over all parts, but does not add those that come later. So on persistent memory it would refuse a pool that had
    grown and was not closed, as one that has lost data.

    Args:
        path, layout, size, mode: As libpmemobj takes them.
        policy, reserve: As for `open_pool`.
    """
    library = load()
    with _opening, interposition.opening(policy, reserve) as opened:
        try:
            if not size:
                _set(b"sds.at_create", 0)
            pop = library.pmemobj_create(os.fsencode(path), layout.encode(), size, mode)
            failure = last_failure() if pop == ffi.NULL else None
        finally:
            if not size:
                _set(b"sds.at_create", 1)
    if failure is not None:
        interposition.release(opened.base)
        raise failure
    return pop


def open_pool(
    path: str,
    layout: str,
    copy_on_write: bool = False,
    policy: int = interposition.PASS,
    reserve: int = 0,
    overlay: bytes = b"",
) -> Pool:
    """``pmemobj_open``: map a pool file; an interrupted transaction in it is rolled back first.

    Args:
        path: The file.
        layout: The name that must stand in it.
        copy_on_write: Whether all changes, the roll-back included, stay in the memory of this
            process (ctl ``copy_on_write.at_open``).
        policy: What a flush means for this pool, one of the policies of `interposition`.
        reserve: How many bytes a growing pool may grow to.
        overlay: Pages that are seen instead of those in the files: see `interposition.laid_over`.
    """
    library = load()
    with _opening, interposition.laid_over(overlay), interposition.opening(policy, reserve) as opened:
        try:
            if copy_on_write:
                _set(b"copy_on_write.at_open", 1)
            pop = library.pmemobj_open(os.fsencode(path), layout.encode())
            failure = last_failure() if pop == ffi.NULL else None
        finally:
            if copy_on_write:
                _set(b"copy_on_write.at_open", 0)
    if failure is not None:
        interposition.release(opened.base)
        raise failure
    return pop


def close(pop: Pool) -> None:
    """``pmemobj_close``: unmap. Never call it inside a transaction."""
    # First the policy, since another pool may get the same address as soon as this one is unmapped.
    interposition.release(address(pop))
    _lib.pmemobj_close(pop)


def root(pop: Pool, size: int) -> int:
    """``pmemobj_root``: the offset of the root object, allocated and zeroed at the first call."""
    oid = _lib.pmemobj_root(pop, size)
    if oid.off == 0:
        raise last_failure()
    return int(oid.off)


def uuid(pop: Pool, offset: int) -> int:
    """The identity of the pool, as every PMEMoid has it, taken from the root object."""
    return int(_lib.pmemobj_root(pop, _lib.pmemobj_root_size(pop)).pool_uuid_lo)


def address(pop: Pool) -> int:
    """Where the pool is mapped; the address of an object is this plus its offset."""
    return int(ffi.cast("uintptr_t", pop))


def pool_at(addr: int) -> Pool:
    """The pool that is mapped at an address; the reverse of `address`."""
    return ffi.cast("PMEMobjpool *", addr)


def function_address(name: str) -> int:
    """The address of a function of the library, for compiled code, which calls it directly."""
    return int(ffi.cast("uintptr_t", ffi.addressof(_lib, name)))


def view(pop: Pool, size: int) -> memoryview:
    """The mapping as writable bytes. It must be released before the pool is closed."""
    return memoryview(ffi.buffer(ffi.cast("char *", pop), size)).cast("B")


def window(addr: int, size: int) -> tuple[memoryview, Any]:
    """The memory at `addr` as read-only bytes, and an object that lives as long as anything shows them.

    Everything that is made of the memoryview (slices, casts, arrays) keeps that object alive; the caller
    keeps only a weak reference, which tells when all of these are gone.
    """
    token = ffi.cast("char *", addr)
    return _read_only(token, size), token


def window_on_copy(data: bytes) -> tuple[memoryview, Any]:
    """As `window`, for a copy of `data` in memory of this process."""
    token = ffi.new("char[]", len(data))
    ffi.memmove(token, data, len(data))
    return _read_only(token, len(data)), token


def _read_only(memory: Any, size: int) -> memoryview:
    return memoryview(ffi.buffer(memory, size)).cast("B").toreadonly()


def pin(image: memoryview) -> tuple[int, Any]:
    """The address of a buffer, and an object that holds it in place until `unpin`."""
    held = ffi.from_buffer(image)
    return int(ffi.cast("uintptr_t", held)), held


def unpin(held: Any) -> None:
    """Let go of a buffer that `pin` held."""
    ffi.release(held)


def _set(name: bytes, value: int) -> None:
    """Change a setting (ctl) of the whole process."""
    if _lib.pmemobj_ctl_set(ffi.NULL, name, ffi.new("int *", value)) != 0:
        raise last_failure()


def _after_fork_in_child() -> None:
    global _opening
    _opening = threading.Lock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_after_fork_in_child)


@contextlib.contextmanager
def files_in_a_row(
    files: Sequence[tuple[str, int]], private: bool = False, pages: Mapping[int, bytes] | None = None
) -> Iterator[memoryview]:
    """``mmap``: several files as if they were one; read-only, or a private copy that changes no file.

    Args:
        files: Path and size in bytes of each; the sizes of all but the last are whole pages.
        private: Whether the mapping can be changed. It takes memory for the pages that are changed.
        pages: What is seen in place of pages of 4096 bytes in the files, by their numbers.
    """
    protection, flags = mmap.PROT_READ, mmap.MAP_SHARED
    if private or pages:
        protection, flags = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | _MAP_NORESERVE
    length = sum(size for _, size in files)
    start = _map(ffi.NULL, length, _PROT_NONE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE, -1)
    try:
        at = int(ffi.cast("uintptr_t", start))
        for path, size in files:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                _map(ffi.cast("void *", at), size, protection, flags | _MAP_FIXED, descriptor)
            finally:
                os.close(descriptor)
            at += size
        for number, content in (pages or {}).items():
            ffi.memmove(start + len(content) * number, content, len(content))
        with memoryview(ffi.buffer(start, length)) as whole, whole if private else whole.toreadonly() as image:
            yield image
    finally:
        _libc.munmap(start, length)


def map_over(addr: int, files: Sequence[tuple[str, int]], shared: bool = False) -> None:
    """``mmap``: replace a mapping by files, in a process that was forked off and inherited a pool.

    Args:
        addr: Where the mapping begins.
        files: Path and size in bytes of each.
        shared: Whether changes go into these files; otherwise closing the pool changes no file.
    """
    for path, size in files:
        descriptor = os.open(path, os.O_RDWR if shared else os.O_RDONLY)
        try:
            protection = mmap.PROT_READ | mmap.PROT_WRITE
            flags = (mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE) | _MAP_FIXED
            _map(ffi.cast("void *", addr), size, protection, flags, descriptor)
        finally:
            os.close(descriptor)
        addr += size


def _map(address: Any, length: int, protection: int, flags: int, descriptor: int) -> Any:
    found = _libc.mmap(address, length, protection, flags, descriptor, 0)
    if found == ffi.cast("void *", -1):
        raise OSError(ffi.errno, os.strerror(ffi.errno))
    return found


def add_allocation_class(pop: Pool, unit_size: int, units: int) -> int:
    """ctl ``heap.alloc_class.new.desc``: units of `unit_size` bytes, 16 of them libpmemobj's header.

    Args:
        pop: The pool.
        unit_size: Bytes.
        units: How many units libpmemobj should set aside together.

    Returns:
        The number of the class, to be given to `tx_alloc`; 0 if libpmemobj has the same class already: then it
        chooses that class by size.
    """
    desc = ffi.new("struct pobj_alloc_class_desc *")
    desc.unit_size, desc.units_per_block, desc.header_type = unit_size, units, _HEADER_COMPACT
    if _lib.pmemobj_ctl_set(pop, b"heap.alloc_class.new.desc", desc) == 0:
        return int(desc.class_id)
    if ffi.errno == errno.EINVAL:
        return 0
    raise last_failure()


def set_log_piece(pop: Pool, size: int) -> None:
    """ctl ``tx.cache.size``: an undo log that is full gets longer by `size` bytes at a time."""
    if _lib.pmemobj_ctl_set(pop, b"tx.cache.size", ffi.new("long long *", size)) != 0:
        raise last_failure()


def set_aside(pop: Pool, size: int, class_id: int) -> bool:
    """``pmemobj_xreserve``, ``pmemobj_cancel``: make libpmemobj reserve a run for a class, and allocate nothing in it.

    Returns:
        Whether there was room for the run. It lasts until `recycle`; nothing in the file counts as allocated.
    """
    action = ffi.new("struct pobj_action *")
    if _lib.pmemobj_xreserve(pop, action, size, 0, class_id << 48).off == 0:
        return False
    _lib.pmemobj_cancel(pop, action, 1)
    return True


def new_actions(count: int) -> Any:
    """Room for the actions of a publication."""
    return ffi.new("struct pobj_action[]", count)


def reserve(pop: Pool, action: Any, size: int, type_num: int, class_id: int) -> int:
    """``pmemobj_xreserve``: the offset of memory that `publish` allocates; 0 where there is none."""
    return int(_lib.pmemobj_xreserve(pop, action, size, type_num, class_id << 48).off)


def set_value(pop: Pool, action: Any, addr: int, value: int) -> None:
    """``pmemobj_set_value``: let `publish` store a word at an address."""
    _lib.pmemobj_set_value(pop, action, ffi.cast("uint64_t *", addr), value)


def defer_free(pop: Pool, pool_uuid: int, offset: int, action: Any) -> None:
    """``pmemobj_defer_free``: let `publish` free an allocation."""
    _lib.pmemobj_defer_free(pop, (pool_uuid, offset), action)


def publish(pop: Pool, actions: Any, count: int) -> None:
    """``pmemobj_publish``: do all actions, or, if the process ends, all or none."""
    _lib.pmemobj_publish(pop, actions, count)


def cancel(pop: Pool, actions: Any, count: int) -> None:
    """``pmemobj_cancel``: do none of the actions."""
    _lib.pmemobj_cancel(pop, actions, count)


def recycle(pop: Pool) -> None:
    """``pmemobj_defrag`` of no objects: libpmemobj gives up the runs that it keeps for sizes which nothing has."""
    _lib.pmemobj_defrag(pop, ffi.NULL, 0, ffi.NULL)


def persist(pop: Pool, addr: int, size: int) -> None:
    """``pmemobj_persist``: the bytes are in the medium when this returns."""
    _lib.pmemobj_persist(pop, ffi.cast("void *", addr), size)


def flush(pop: Pool, addr: int, size: int) -> None:
    """``pmemobj_flush``: the bytes are in the medium when the next `drain` returns."""
    _lib.pmemobj_flush(pop, ffi.cast("void *", addr), size)


def drain(pop: Pool) -> None:
    """``pmemobj_drain``: what was flushed is in the medium when this returns."""
    _lib.pmemobj_drain(pop)


def die_with_parent() -> None:
    """``prctl(PR_SET_PDEATHSIG)``: this process gets SIGKILL when its parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def equal(addr: int, data: memoryview) -> bool:
    """``memcmp``: whether the memory at `addr` holds `data`."""
    return bool(_libc.memcmp(ffi.cast("void *", addr), ffi.from_buffer(data), len(data)) == 0)


# ---- allocations -----------------------------------------------------------------------------


def allocations(pop: Pool) -> Iterator[tuple[int, int, int]]:
    """``pmemobj_first``, ``pmemobj_next``: every allocation but the root object.

    It never ends in a damaged pool, so only tests use it, to verify `chunks.allocations`.

    Yields:
        Offset, usable size (bytes), type number. The pool must not change meanwhile.
    """
    lib = _lib
    oid = lib.pmemobj_first(pop)
    while oid.off:
        yield oid.off, lib.pmemobj_alloc_usable_size(oid), lib.pmemobj_type_num(oid)
        oid = lib.pmemobj_next(oid)


def free_now(pool_uuid: int, offset: int) -> None:
    """``pmemobj_free``: free an allocation at once, atomically; a roll-back does not bring it back."""
    _lib.pmemobj_free(ffi.new("PMEMoid *", (pool_uuid, offset)))


def usable_size(pool_uuid: int, offset: int) -> int:
    """``pmemobj_alloc_usable_size``: bytes of the allocation that begins at `offset`."""
    return int(_lib.pmemobj_alloc_usable_size((pool_uuid, offset)))


# ---- transactions (of the calling thread) ------------------------------------------------------


def tx_stage() -> int:
    """``pmemobj_tx_stage``: `STAGE_NONE`, `STAGE_WORK`, or a later one."""
    return int(_lib.pmemobj_tx_stage()) if _lib is not None else STAGE_NONE


def tx_begin(pop: Pool) -> None:
    """``pmemobj_tx_begin`` without a jump buffer, so that an abort returns here."""
    code = _lib.pmemobj_tx_begin(pop, ffi.NULL, ffi.cast("int", 0))
    if code:
        failure = last_failure(code)
        _lib.pmemobj_tx_end()
        raise failure


def tx_commit() -> None:
    """``pmemobj_tx_commit`` and ``pmemobj_tx_end``; durable when this returns."""
    try:
        _lib.pmemobj_tx_commit()
    finally:
        # A KeyboardInterrupt may arrive between the two calls; the commit has happened then.
        _lib.pmemobj_tx_end()


def tx_abort() -> None:
    """``pmemobj_tx_abort`` and ``pmemobj_tx_end``: roll back, or finish a roll-back that was interrupted."""
    with contextlib.suppress(KeyboardInterrupt):
        if _lib.pmemobj_tx_stage() == STAGE_WORK:
            _lib.pmemobj_tx_abort(errno.ECANCELED)
    while _lib.pmemobj_tx_stage() != STAGE_NONE:
        _lib.pmemobj_tx_end()


def tx_snapshot(addr: int, size: int, flags: int = 0) -> None:
    """``pmemobj_tx_xadd_range_direct``: log the bytes as they are, and flush them at commit."""
    code = _lib.pmemobj_tx_xadd_range_direct(ffi.cast("void *", addr), size, NO_ABORT | flags)
    if code:
        raise last_failure(code)


def tx_alloc(size: int, type_num: int, flags: int = 0, class_id: int = 0) -> int:
    """``pmemobj_tx_xalloc``: a new allocation, given back if the transaction aborts.

    Args:
        size: Bytes.
        type_num: The type number.
        flags: `ZERO`, `NO_FLUSH` (commit does not flush it), or both.
        class_id: The class that the allocation is taken from; 0: the class that fits best.

    Returns:
        Its offset.
    """
    oid = _lib.pmemobj_tx_xalloc(size, type_num, NO_ABORT | flags | class_id << 48)
    if oid.off == 0:
        raise last_failure()
    return int(oid.off)


def tx_free(pool_uuid: int, offset: int) -> None:
    """``pmemobj_tx_xfree``: free the allocation when the transaction commits."""
    code = _lib.pmemobj_tx_xfree((pool_uuid, offset), NO_ABORT)
    if code:
        raise last_failure(code)
