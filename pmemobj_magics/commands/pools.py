"""Open, list and close pools."""

from __future__ import annotations

import os
from typing import Literal

import pmemobj
from pmemobj import (
    DEFAULT_POOL_SIZE,
    PersistentObjectPool,
    PmemError,
    PoolBusyError,
    PoolExistsError,
    PoolNotFoundError,
    TransactionError,
)
from pmemobj.errors import a_or_an
from pmemobj_magics.common.tables import Table
from pmemobj_magics.common.texts import plural
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.shell.session import Session, demand_name
from pmemobj_magics.views.pools import PoolList, PoolReport, pool_facts, pool_row

__all__ = ["close_all_pools", "close_pool", "delete_pool", "list_pools", "open_pool"]

_Size = int | Literal["auto"]
#: What is said about a pool that was just opened.
_CREATED = "created just now"
_RECOVERED = "recovered: the last program did not close it"
_CLOSED_BEFORE = "the last program closed it properly"
_HELD = "open in {}; this is its state as of its last commit"
#: The arguments of functions as they stand in advice, each with the option of the magic that means it.
_OPTIONS = (
    ("pool_size='auto'", "--size auto"),
    ("pool_size", "--size"),
    ("max_size", "--max-size"),
    ("sandbox=True", "--sandbox"),
    ('durability="in-place"', "--durability in-place"),
    ("use 'in-place'", "use --durability in-place"),
    ("leave out durability", "leave out --durability"),
)


def open_pool(
    session: Session,
    path: str,
    *,
    create: bool = False,
    exclusive: bool = False,
    sandbox: bool = False,
    durability: str | None = None,
    size: _Size | None = None,
    max_size: int | None = None,
    name: str,
    log: bool = False,
) -> PoolReport:
    """Open a pool and bind it to a variable; a pool that is open already is used as it is.

    Args:
        session: The session.
        path: The file, or the directory of a growing pool.
        create: Create the pool if there is no file.
        exclusive: Create the pool, and fail if there is a file.
        sandbox: Keep the changes in memory only. Another process may have the pool open.
        durability: How commits become durable on a disk; None for what suits the kind of memory.
        size: Bytes of a new pool, or ``auto`` for a pool that grows; None for the default.
        max_size: Bytes that a new pool of size ``auto`` may grow to.
        name: The variable.
        log: Whether to switch on the pool's history of transactions.

    Raises:
        MagicUsageError: the variable holds something else, or the options contradict each other.
        PoolBusyError: the pool is open in a sandbox and was asked for without one, or the other way round; or it is
            open with another durability.
        PmemError: as `pmemobj.open` and `pmemobj.create`.
    """
    _demand_free(session, name)
    if sandbox and (create or exclusive):
        raise MagicUsageError(
            f"create pool {path}", "a sandbox would keep nothing of the new pool", "create it first, without --sandbox"
        )
    if sandbox and durability is not None:
        raise MagicUsageError(
            f"open pool {path} with --durability {durability}",
            "a sandbox keeps nothing, whose changes vanish at close",
            "leave out --durability, or --sandbox",
        )
    pool = None if exclusive else _open_already(session, path, sandbox, durability)
    is_new = pool is None and (exclusive or (create and not os.path.lexists(path)))
    if pool is not None:
        state = "it was open already"
    else:
        if is_new:
            pool = _create(path, DEFAULT_POOL_SIZE if size is None else size, max_size, durability)
        else:
            pool = _open(path, sandbox, durability)
        state = _CREATED if is_new else _RECOVERED if pool.recovered else _CLOSED_BEFORE
        if pool.held_by:
            state = _HELD.format(pool.held_by)
        if log:
            pool.log.start()
    session.bind(name, pool)
    given = [option for option, value in (("--size", size), ("--max-size", max_size)) if value is not None]
    facts = pool_facts(pool, state, session.transaction_text(pool), [] if is_new else given)
    return PoolReport(pool, f"{name}: {pool.path}", facts)


def _demand_free(session: Session, name: str) -> None:
    value = session.namespace.get(demand_name(name))
    if value is not None and not isinstance(value, PersistentObjectPool):
        raise MagicUsageError(
            f"bind the pool to {name}", f"{name} is {a_or_an(type(value).__name__)}", "choose another name: --as NAME"
        )


def _open_already(session: Session, path: str, sandbox: bool, durability: str | None) -> PersistentObjectPool | None:
    """The open pool in the file at `path`; files are compared, because a path depends on the current directory."""
    if not os.path.lexists(path):
        lost = next((pool for pool in pmemobj.open_pools() if pool.absolute_path == os.path.abspath(path)), None)
        if lost is not None:
            # A new file at this path would be another pool, and the contents of the open one would be lost.
            raise PoolNotFoundError(
                f"open pool {path}",
                "its file was removed while the pool is open here",
                f"close it first: %pmem_close {session.call(lost)}",
            )
        return None
    pool = next((pool for pool in pmemobj.open_pools() if pool.is_at(path)), None)
    if pool is not None and pool.sandbox != sandbox:
        inside = "in a sandbox, which loses changes" if pool.sandbox else "outside a sandbox, which keeps changes"
        raise PoolBusyError(
            f"open pool {path}", f"it is open already {inside}", f"close it first: %pmem_close {session.call(pool)}"
        )
    if pool is not None and durability not in (None, pool.durability):
        raise PoolBusyError(
            f"open pool {path} with --durability {durability}",
            f"it is open already, and its durability is {pool.durability}",
            f"leave out --durability, or close it first: %pmem_close {session.call(pool)}",
        )
    return pool


def _create(path: str, size: _Size, max_size: int | None, durability: str | None) -> PersistentObjectPool:
    try:
        return pmemobj.create(path, size, max_size=max_size, durability=durability)
    except PoolExistsError as error:
        todo = "leave out --exclusive to open it" if os.path.lexists(path) else _with_options(error.todo)
        raise PoolExistsError(error.what, error.why, todo) from None
    except PmemError as error:
        error.todo = _with_options(error.todo)
        raise


def _open(path: str, sandbox: bool, durability: str | None) -> PersistentObjectPool:
    try:
        return pmemobj.open(path, sandbox=sandbox, durability=durability)
    except PoolNotFoundError as error:
        raise PoolNotFoundError(error.what, error.why, "" if sandbox else "add --create to create it") from None
    except PmemError as error:
        error.todo = _with_options(error.todo)
        raise


def _with_options(advice: str) -> str:
    """Advice that names arguments of a function, for a user who gave options of a magic."""
    for argument, option in _OPTIONS:
        advice = advice.replace(argument, option)
    return advice


def list_pools(session: Session) -> PoolList:
    """The open pools, including the ones that were opened in Python."""
    pools = pmemobj.open_pools()
    rows = [pool_row(pool, session.names(pool), session.transaction_text(pool)) for pool in pools]
    return PoolList(pools, rows)


def close_pool(session: Session, name: str | None) -> PoolReport:
    """Close a pool; closing it again has no effect.

    Raises:
        TransactionError: a transaction is open on the pool.
        NoSuchPoolError: there is no such pool.
    """
    pool = session.find_any(name)
    call = session.call(pool)
    if pool.closed:
        return PoolReport(pool, f"{call} was closed already: {pool.path}")
    session.demand_no_transaction(pool, "close")
    pool.close()
    session.begun.pop(pool, None)
    return PoolReport(pool, f"closed {call}: {pool.path}")


def close_all_pools(session: Session) -> Table:
    """Close every open pool.

    Raises:
        TransactionError: a transaction is open on one of them; then no pool is closed.
    """
    pools = pmemobj.open_pools()
    busy = next((pool for pool in pools if pool.in_transaction), None)
    if busy is not None:
        raise TransactionError(
            "close all pools", f"a transaction is open on {session.call(busy)}", session.how_to_end(busy)
        )
    rows = [(session.call(pool), pool.path) for pool in pools]
    for pool in pools:
        close_pool(session, pool.path)
    return Table(f"closed {plural(len(rows), 'pool')}" if rows else "no pool was open", rows)


def delete_pool(session: Session, path: str) -> Table:
    """Delete the files of a pool that is not open.

    Raises:
        PoolBusyError: the pool is open here or in another program.
        NotAPoolError: something else is at the path.
        PmemError: as `pmemobj.remove`.
    """
    mine = next((pool for pool in pmemobj.open_pools() if pool.is_at(path)), None)
    if mine is not None:
        call = session.call(mine)
        raise PoolBusyError(f"delete pool {path}", "it is open here", f"close it first: %pmem_close {call}")
    pmemobj.remove(path)
    return Table(f"deleted: {path}")
