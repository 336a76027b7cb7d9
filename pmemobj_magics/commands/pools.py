"""Open, list and close pools."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pmemobj
from pmemobj import PersistentObjectPool, PoolExistsError, PoolNotFoundError, TransactionError, inspect
from pmemobj_magics.display import Table, plural, size_text
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.session import Session, demand_name

__all__ = ["PoolList", "PoolReport", "close_pool", "list_pools", "open_pool"]


class PoolReport(Table):
    """What is said of one pool.

    Attributes:
        pool: The pool itself.
    """

    def __init__(self, pool: PersistentObjectPool, title: str, facts: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(title, facts)
        self.pool = pool


class PoolList(Table):
    """The open pools.

    Attributes:
        pools: The pools themselves, in the order of opening.
    """

    def __init__(self, pools: list[PersistentObjectPool], rows: Sequence[Sequence[str]]) -> None:
        title = plural(len(pools), "open pool") if pools else "no pool is open (%pmem_open PATH --create)"
        super().__init__(title, rows, ("name", "file", "used", "free", "memory", "transaction") if pools else ())
        self.pools = pools


def open_pool(
    session: Session, path: str, *, create: bool = False, exclusive: bool = False, size: int, name: str
) -> PoolReport:
    """Open a pool and bind it to a variable; one that is open already is taken as it is.

    Args:
        session: The session.
        path: The file.
        create: Make the pool if there is no file.
        exclusive: Make the pool, and fail if there is a file.
        size: Bytes of a new pool.
        name: The variable.

    Raises:
        MagicUsageError: the variable holds something else.
        PmemError: as for opening a pool.
    """
    _demand_free(session, name)
    pool = None if exclusive else _open_already(session, path)
    if pool is not None:
        state = "open already"
    elif exclusive or (create and not os.path.lexists(path)):
        pool, state = _create(path, size), "created just now"
    else:
        pool = _open(path)
        state = "recovered: the last program did not close it" if pool.recovered else "closed in good order before"
    session.bind(name, pool)
    return _report(session, pool, name, state)


def _demand_free(session: Session, name: str) -> None:
    value = session.namespace.get(demand_name(name))
    if value is not None and not isinstance(value, PersistentObjectPool):
        raise MagicUsageError(
            f"bind the pool to {name}", f"{name} is a {type(value).__name__}", "choose another name: --as NAME"
        )


def _open_already(session: Session, path: str) -> PersistentObjectPool | None:
    real = os.path.realpath(path)
    pool = next((pool for pool in pmemobj.open_pools() if os.path.realpath(pool.path) == real), None)
    if pool is not None and not os.path.lexists(path):
        # What is in memory would be lost with the last handle; a new file of that name is another pool.
        raise PoolNotFoundError(
            f"open pool {path}",
            "its file was removed while the pool is open here",
            f"close it first: %pmem_close {session.call(pool)}",
        )
    return pool


def _create(path: str, size: int) -> PersistentObjectPool:
    try:
        return pmemobj.create(path, size)
    except PoolExistsError as error:
        raise PoolExistsError(error.what, error.why, "leave out --exclusive to open it") from None


def _open(path: str) -> PersistentObjectPool:
    try:
        return pmemobj.open(path)
    except PoolNotFoundError as error:
        raise PoolNotFoundError(error.what, error.why, "add --create to make it") from None


def _report(session: Session, pool: PersistentObjectPool, name: str, state: str) -> PoolReport:
    facts = [
        ("size", f"{size_text(pool.size)}, {size_text(pool.free)} free"),
        ("memory", pool.medium.value),
        ("state", state),
        ("root", _root_text(pool)),
    ]
    if pool.in_transaction:
        facts.append(("transaction", session.transaction_text(pool)))
    return PoolReport(pool, f"{name}: {pool.path}", facts)


def _root_text(pool: PersistentObjectPool) -> str:
    graph = inspect.walk(pool, max_nodes=1, max_items=0)
    node = graph.nodes.get(graph.start.target or 0)
    if node is None:
        return graph.start.text
    total = f"; {plural(graph.total, 'object')} in the pool" if graph.total is not None else ""
    return f"{node.type}, {node.text}{total}"


def list_pools(session: Session) -> PoolList:
    """The open pools, however they were opened."""
    pools = pmemobj.open_pools()
    return PoolList(pools, [_row(session, pool) for pool in pools])


def _row(session: Session, pool: PersistentObjectPool) -> tuple[str, ...]:
    names = ", ".join(session.names(pool)) or "(none)"
    kind = pool.medium.short
    return names, pool.path, size_text(pool.used), size_text(pool.free), kind, session.transaction_text(pool)


def close_pool(session: Session, name: str | None) -> PoolReport:
    """Close a pool; again is fine.

    Raises:
        TransactionError: a transaction is open on it.
        NoSuchPoolError: there is none of that name.
    """
    pool = session.find_any(name)
    call = session.call(pool)
    if pool.closed:
        return PoolReport(pool, f"{call} was closed already: {pool.path}")
    if pool.in_transaction:
        raise TransactionError(
            f"close {session.title(pool)}", "a transaction is open", "end it first: %pmem_commit or %pmem_abort"
        )
    pool.close()
    session.begun.pop(pool, None)
    return PoolReport(pool, f"closed {call}: {pool.path}")
