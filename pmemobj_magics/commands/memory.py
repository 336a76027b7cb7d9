"""Show the bytes of an object, measure the space in a pool, collect its garbage, and check it for damage."""

from __future__ import annotations

import os

import pmemobj
from pmemobj import inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.errors import ExpressionError, NoSuchPoolError
from pmemobj_magics.shell.progress import bar
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.memory import CheckReport, GarbageReport, MemoryPicture, StatsPicture

__all__ = ["check_pool", "collect_garbage", "measure_pool", "show_bytes"]


def show_bytes(
    session: Session, expression: str = "", *, max_words: int | None, offsets: bool = False
) -> MemoryPicture:
    """The memory of an object, word by word.

    Args:
        session: The session.
        expression: A persistent object, a block, or a pool, in Python; without it the pool that other magics use. A
            pool means its root object.
        max_words: The largest number of words to show; None for the default.
        offsets: Whether to show the offsets of the allocations.

    Raises:
        ExpressionError: the expression fails, or its value has no memory in a pool.
        PmemError: the pool is closed, the object was freed, or several pools are possible.
    """
    target = session.evaluate(expression) if expression else session.find(None)
    name = expression or session.call(target)
    try:
        return MemoryPicture(inspect.memory(target, max_words=max_words), name, offsets=offsets)
    except TypeError:
        why = f"it is {a_or_an(type(target).__name__)}, a plain value outside any pool"
        todo = "show the bytes of the object that holds it"
        raise ExpressionError(f"show the bytes of {expression}", why, todo) from None


def measure_pool(session: Session, name: str | None, *, progress: bool) -> StatsPicture:
    """Measure what takes the space in a pool.

    Raises:
        PmemError: the pool is closed, or several pools are possible.
    """
    pool = session.find(name)
    with bar(f"measuring {session.call(pool)}", "nothing was changed", progress) as tell:
        return StatsPicture(pool.stats(progress=tell), session.call(pool), pool.path)


def collect_garbage(session: Session, name: str | None, *, drop_variables: bool, progress: bool) -> GarbageReport:
    """Free the objects that cannot be reached any more.

    Args:
        session: The session.
        name: The pool.
        drop_variables: Whether to free also the objects that only Python variables hold.
        progress: Whether to show a bar when the work takes long.

    Raises:
        TransactionError: a transaction is open.
        PmemError: the pool is closed, or several pools are possible.
    """
    pool = session.find(name)
    call = session.call(pool)
    session.demand_no_transaction(pool, "collect the garbage of")
    left = "the garbage that was not freed yet is left for the next %pmem_gc"
    with bar(f"collecting garbage in {call}", left, progress) as tell:
        before = pool.stats(progress=tell)
        freed = pool.gc(keep_handles=not drop_variables, progress=tell)
        return GarbageReport(freed, before, pool.stats(progress=tell), call, pool.path)


def check_pool(session: Session, name: str | None, *, progress: bool) -> CheckReport:
    """Find the damage in an open pool, or in the file of a closed pool.

    Raises:
        TransactionError: a transaction is open.
        PmemError: there is no such pool.
    """
    try:
        pool = session.find_any(name)
    except NoSuchPoolError:
        if name and os.path.exists(name):
            return CheckReport(pmemobj.check(name), os.path.basename(name))
        raise
    call = session.call(pool)
    if pool.closed:
        return CheckReport(pmemobj.check(pool.absolute_path), f"{call} (closed)")
    session.demand_no_transaction(pool, "check")
    with bar(f"checking {call}", "nothing was changed", progress) as tell:
        return CheckReport(pool.check(progress=tell), call)
