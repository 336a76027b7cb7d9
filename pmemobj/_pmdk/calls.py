"""The libpmemobj functions that changes of a pool need, called as cheaply as each form allows.

Compiled, they are called through their addresses, which costs a few nanoseconds and no Python
object; uncompiled, through the wrappers of `library`. Both raise an `OSError` with libpmemobj's own
words. As in `library`, calls that would end the process (a transaction call in the wrong stage) are not prevented
here: `heap` does not make them.

A wait for a disk takes most of a millisecond. So the interpreter lock is released during the call
if the caller says that the pool is `slow`; on faster memory, releasing the lock costs more
than the call.
"""

from __future__ import annotations

import errno
from typing import Any

from pmemobj._pmdk import library

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_NO_ABORT = library.NO_ABORT
_NO_SNAPSHOT = library.NO_SNAPSHOT
_STAGE_WORK = library.STAGE_WORK
_STAGE_NONE = library.STAGE_NONE
_CANCELED = errno.ECANCELED

# Compiled: where libpmemobj's functions are; see the .pxd for their types.
_persist: Any
_flush: Any
_drain: Any
_tx_begin: Any
_tx_commit: Any
_tx_abort: Any
_tx_end: Any
_tx_stage: Any
_tx_add: Any
_tx_alloc: Any
_tx_free: Any
_reserve: Any
_set_value: Any
_defer_free: Any
_publish: Any
_cancel: Any


def load() -> None:
    """Load libpmemobj, and find its functions. It must be called before any other function of this module."""
    global _persist, _flush, _drain, _tx_begin, _tx_commit, _tx_abort, _tx_end, _tx_stage, _tx_add, _tx_alloc, _tx_free
    global _reserve, _set_value, _defer_free, _publish, _cancel
    library.load()
    if cython.compiled and _persist == cython.NULL:
        _persist = cython.cast(persist_function, _address("pmemobj_persist"))  # type: ignore[name-defined]  # noqa: F821
        _flush = cython.cast(persist_function, _address("pmemobj_flush"))  # type: ignore[name-defined]  # noqa: F821
        _drain = cython.cast(drain_function, _address("pmemobj_drain"))  # type: ignore[name-defined]  # noqa: F821
        _tx_begin = cython.cast(begin_function, _address("pmemobj_tx_begin"))  # type: ignore[name-defined]  # noqa: F821
        _tx_commit = cython.cast(plain_function, _address("pmemobj_tx_commit"))  # type: ignore[name-defined]  # noqa: F821
        _tx_abort = cython.cast(abort_function, _address("pmemobj_tx_abort"))  # type: ignore[name-defined]  # noqa: F821
        _tx_end = cython.cast(code_function, _address("pmemobj_tx_end"))  # type: ignore[name-defined]  # noqa: F821
        _tx_stage = cython.cast(code_function, _address("pmemobj_tx_stage"))  # type: ignore[name-defined]  # noqa: F821
        _tx_add = cython.cast(add_function, _address("pmemobj_tx_xadd_range_direct"))  # type: ignore[name-defined]  # noqa: F821
        _tx_alloc = cython.cast(alloc_function, _address("pmemobj_tx_xalloc"))  # type: ignore[name-defined]  # noqa: F821
        _tx_free = cython.cast(free_function, _address("pmemobj_tx_xfree"))  # type: ignore[name-defined]  # noqa: F821
        _reserve = cython.cast(reserve_function, _address("pmemobj_xreserve"))  # type: ignore[name-defined]  # noqa: F821
        _set_value = cython.cast(set_function, _address("pmemobj_set_value"))  # type: ignore[name-defined]  # noqa: F821
        _defer_free = cython.cast(defer_function, _address("pmemobj_defer_free"))  # type: ignore[name-defined]  # noqa: F821
        _publish = cython.cast(publish_function, _address("pmemobj_publish"))  # type: ignore[name-defined]  # noqa: F821
        _cancel = cython.cast(cancel_function, _address("pmemobj_cancel"))  # type: ignore[name-defined]  # noqa: F821


def _address(name: str) -> int:
    return library.function_address(name)


def persist(pop: int, address: int, size: int, slow: bool) -> None:
    """``pmemobj_persist``: the bytes are in the medium when this returns."""
    if not cython.compiled:
        library.persist(library.pool_at(pop), address, size)
    elif slow:
        with cython.nogil:
            _persist(cython.cast(cython.p_void, pop), cython.cast(cython.p_void, address), size)
    else:
        _persist(cython.cast(cython.p_void, pop), cython.cast(cython.p_void, address), size)


def flush(pop: int, address: int, size: int) -> None:
    """``pmemobj_flush``: the bytes are in the medium when the next `drain` returns."""
    if cython.compiled:
        _flush(cython.cast(cython.p_void, pop), cython.cast(cython.p_void, address), size)
    else:
        library.flush(library.pool_at(pop), address, size)


def drain(pop: int) -> None:
    """``pmemobj_drain``: what was flushed before is in the medium when this returns."""
    if cython.compiled:
        _drain(cython.cast(cython.p_void, pop))
    else:
        library.drain(library.pool_at(pop))


def in_transaction() -> bool:
    """``pmemobj_tx_stage``: whether this thread is inside a transaction of any pool."""
    if cython.compiled:
        return bool(_tx_stage != cython.NULL and _tx_stage() != _STAGE_NONE)
    else:
        return library.tx_stage() != _STAGE_NONE


def begin(pop: int) -> None:
    """``pmemobj_tx_begin`` without a jump buffer, so that an abort returns here."""
    if cython.compiled:
        code = _tx_begin(cython.cast(cython.p_void, pop), cython.NULL, 0)
        if code:
            failure = library.last_failure(code)
            _tx_end()
            raise failure
    else:
        library.tx_begin(library.pool_at(pop))


def commit(slow: bool) -> None:
    """``pmemobj_tx_commit`` and ``pmemobj_tx_end``; durable when this returns."""
    if not cython.compiled:
        library.tx_commit()
    elif slow:
        with cython.nogil:
            _tx_commit()
            _tx_end()
    else:
        _tx_commit()
        _tx_end()


def abort() -> None:
    """``pmemobj_tx_abort`` and ``pmemobj_tx_end``: roll back, or finish a roll-back that was interrupted."""
    if cython.compiled:
        if _tx_stage() == _STAGE_WORK:
            _tx_abort(_CANCELED)
        while _tx_stage() != _STAGE_NONE:
            _tx_end()
    else:
        library.tx_abort()


def snapshot(address: int, size: int) -> None:
    """``pmemobj_tx_xadd_range_direct``: log the bytes as they are, and flush them at commit."""
    if cython.compiled:
        code = _tx_add(cython.cast(cython.p_void, address), size, _NO_ABORT)
        if code:
            raise library.last_failure(code)
    else:
        library.tx_snapshot(address, size)


def flush_at_commit(address: int, size: int) -> None:
    """``pmemobj_tx_xadd_range_direct`` with ``POBJ_XADD_NO_SNAPSHOT``: commit flushes the bytes, abort ignores them."""
    if cython.compiled:
        code = _tx_add(cython.cast(cython.p_void, address), size, _NO_ABORT | _NO_SNAPSHOT)
        if code:
            raise library.last_failure(code)
    else:
        library.tx_snapshot(address, size, _NO_SNAPSHOT)


def alloc(size: int, kind: int, flags: int, class_id: int) -> int:
    """``pmemobj_tx_xalloc``: the offset of a new allocation, given back if the transaction aborts."""
    if cython.compiled:
        made = _tx_alloc(size, kind, _NO_ABORT | flags | class_id << 48)
        if made.off == 0:
            raise library.last_failure(last_error)  # type: ignore[name-defined]  # noqa: F821
        return made.off  # type: ignore[no-any-return]
    else:
        return library.tx_alloc(size, kind, flags, class_id)


def free(pool_uuid: int, offset: int) -> None:
    """``pmemobj_tx_xfree``: free the allocation when the transaction commits."""
    if cython.compiled:
        which = cython.declare(oid)  # type: ignore[name-defined]  # noqa: F821
        which.pool_uuid_lo = pool_uuid
        which.off = offset
        code = _tx_free(which, _NO_ABORT)
        if code:
            raise library.last_failure(code)
    else:
        library.tx_free(pool_uuid, offset)


# ---- publications (see publication.py); compiled, an action is given by its address ----------------


def new_actions(count: int) -> Any:
    """Room for so many actions; uncompiled only."""
    return library.new_actions(count)


def reserve(pop: int, action: Any, size: int, kind: int, class_id: int) -> int:
    """``pmemobj_xreserve``: the offset of memory that `publish` will allocate; 0 where there is none."""
    if cython.compiled:
        return _reserve(  # type: ignore[no-any-return]
            cython.cast(cython.p_void, pop), cython.cast(cython.p_void, action), size, kind, class_id << 48
        ).off
    else:
        return library.reserve(library.pool_at(pop), action, size, kind, class_id)


def set_value(pop: int, action: Any, address: int, value: int) -> None:
    """``pmemobj_set_value``: let `publish` store a word."""
    if cython.compiled:
        _set_value(
            cython.cast(cython.p_void, pop),
            cython.cast(cython.p_void, action),
            cython.cast(cython.p_ulonglong, address),
            value,
        )
    else:
        library.set_value(library.pool_at(pop), action, address, value)


def defer_free(pop: int, pool_uuid: int, offset: int, action: Any) -> None:
    """``pmemobj_defer_free``: let `publish` free an allocation."""
    if cython.compiled:
        which = cython.declare(oid)  # type: ignore[name-defined]  # noqa: F821
        which.pool_uuid_lo = pool_uuid
        which.off = offset
        _defer_free(cython.cast(cython.p_void, pop), which, cython.cast(cython.p_void, action))
    else:
        library.defer_free(library.pool_at(pop), pool_uuid, offset, action)


def publish(pop: int, actions: Any, count: int, slow: bool) -> None:
    """``pmemobj_publish``: do all actions; if the process ends before this returns, all or none are done."""
    if not cython.compiled:
        library.publish(library.pool_at(pop), actions, count)
    elif slow:
        with cython.nogil:
            _publish(cython.cast(cython.p_void, pop), cython.cast(cython.p_void, actions), count)
    else:
        _publish(cython.cast(cython.p_void, pop), cython.cast(cython.p_void, actions), count)


def cancel(pop: int, actions: Any, count: int) -> None:
    """``pmemobj_cancel``: do none of the actions, and give back what was reserved for them."""
    if cython.compiled:
        _cancel(cython.cast(cython.p_void, pop), cython.cast(cython.p_void, actions), count)
    else:
        library.cancel(library.pool_at(pop), actions, count)
