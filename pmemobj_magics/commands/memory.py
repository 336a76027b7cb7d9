"""Show the bytes of objects, what takes the space of a pool, and what is wrong in it; collect its garbage."""

from __future__ import annotations

import os

import pmemobj
from pmemobj import PersistentObjectPool, TransactionError, inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.errors import ExpressionError, NoSuchPoolError
from pmemobj_magics.progress import bar
from pmemobj_magics.session import Session
from pmemobj_magics.views.memory import CheckReport, GarbageReport, HeapPicture, MemoryPicture

__all__ = ["check_pool", "collect_garbage", "measure_pool", "show_bytes"]


def show_bytes(
    session: Session, expression: str = "", *, max_words: int | None, offsets: bool = False
) -> MemoryPicture:
    """The memory of an object, word by word.

    Args:
        session: The session.
        expression: A persistent object, a block, or a pool, in Python; without it the pool that other magics take. A
            pool stands for its root object.
        max_words: How many words to show at the most; None for the default.
        offsets: Whether to tell where in the pool the allocations lie.

    Raises:
        ExpressionError: the expression fails, or gives nothing that has memory in a pool.
        PmemError: the pool is closed, the object gone, or which pool is not clear.
    """
    target = session.evaluate(expression) if expression else session.find(None)
    name = expression or session.call(target)
    try:
        return MemoryPicture(inspect.memory(target, max_words=max_words), name, offsets=offsets)
    except TypeError:
        why = f"it is {a_or_an(type(target).__name__)}, a plain value outside of any pool"
        todo = "show the object that holds it: its word, or the leaf with its bytes, is there"
        raise ExpressionError(f"show the bytes of {expression}", why, todo) from None


def measure_pool(session: Session, name: str | None, *, progress: bool) -> HeapPicture:
    """What takes the space of a pool.

    Raises:
        PmemError: the pool is closed, or which one is not clear.
    """
    pool = session.find(name)
    with bar(f"measuring {session.call(pool)}", "nothing was changed", progress) as tell:
        return HeapPicture(pool.stats(progress=tell), session.call(pool), pool.path)


def collect_garbage(session: Session, name: str | None, *, drop_variables: bool, progress: bool) -> GarbageReport:
    """Free what nothing refers to any more.

    Args:
        session: The session.
        name: The pool.
        drop_variables: Whether to free also what only Python variables know.
        progress: Whether to show a bar where it takes longer.

    Raises:
        TransactionError: a transaction is open.
        PmemError: the pool is closed, or which one is not clear.
    """
    pool = session.find(name)
    call = session.call(pool)
    _demand_no_transaction(session, pool, f"collect the garbage of {session.title(pool)}")
    with bar(f"collecting garbage in {call}", "what was not freed yet is left for the next time", progress) as tell:
        before = pool.stats(progress=tell)
        freed = pool.gc(keep_handles=not drop_variables, progress=tell)
        return GarbageReport(freed, before, pool.stats(progress=tell), call, pool.path)


def check_pool(session: Session, name: str | None, *, progress: bool) -> CheckReport:
    """Find out what is wrong in an open pool, or in the file of one that is closed.

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
    _demand_no_transaction(session, pool, f"check {session.title(pool)}")
    with bar(f"checking {call}", "nothing was changed", progress) as tell:
        return CheckReport(pool.check(progress=tell), call)


def _demand_no_transaction(session: Session, pool: PersistentObjectPool, what: str) -> None:
    if pool.in_transaction:
        raise TransactionError(what, "a transaction is open", session.how_to_end(pool))
