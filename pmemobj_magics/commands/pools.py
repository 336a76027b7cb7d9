"""Open, list and close pools."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import pmemobj
from pmemobj import (
    DEFAULT_POOL_SIZE,
    BadPoolSizeError,
    PersistentObjectPool,
    PoolBusyError,
    PoolExistsError,
    PoolNotFoundError,
    TransactionError,
    inspect,
)
from pmemobj.errors import a_or_an
from pmemobj_magics.display import Table, plural, size_text
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.session import Session, demand_name

__all__ = ["PoolList", "PoolReport", "close_pool", "list_pools", "open_pool"]


_Size = int | Literal["auto"]


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
    session: Session,
    path: str,
    *,
    create: bool = False,
    exclusive: bool = False,
    sandbox: bool = False,
    size: _Size | None = None,
    max_size: int | None = None,
    name: str,
    log: bool = False,
) -> PoolReport:
    """Open a pool and bind it to a variable; one that is open already is taken as it is.

    Args:
        session: The session.
        path: The file, or the directory of a growing pool.
        create: Make the pool if there is no file.
        exclusive: Make the pool, and fail if there is a file.
        sandbox: Keep its changes in memory.
        size: Bytes of a new pool, or ``auto`` for one that grows; the default if None.
        max_size: Bytes that a new pool of size ``auto`` may grow to.
        name: The variable.
        log: Whether to begin its log of transactions.

    Raises:
        MagicUsageError: the variable holds something else, or the options contradict each other.
        PoolBusyError: the pool is open, but the one in a sandbox and the other not.
        PmemError: as for opening a pool.
    """
    _demand_free(session, name)
    if sandbox and (create or exclusive):
        raise MagicUsageError(
            f"create pool {path}", "in a sandbox nothing would be left of it", "create it first, without --sandbox"
        )
    pool = None if exclusive else _open_already(session, path, sandbox)
    new = False
    if pool is not None:
        state = "open already"
    elif exclusive or (create and not os.path.lexists(path)):
        pool = _create(path, DEFAULT_POOL_SIZE if size is None else size, max_size)
        state, new = "created just now", True
    else:
        pool = _open(path, sandbox)
        state = "recovered: the last program did not close it" if pool.recovered else "closed in good order before"
    if log and state != "open already":
        pool.log.start()
    session.bind(name, pool)
    unused = [option for option, given in (("--size", size), ("--max-size", max_size)) if given is not None and not new]
    return _report(session, pool, name, state, unused)


def _demand_free(session: Session, name: str) -> None:
    value = session.namespace.get(demand_name(name))
    if value is not None and not isinstance(value, PersistentObjectPool):
        raise MagicUsageError(
            f"bind the pool to {name}", f"{name} is {a_or_an(type(value).__name__)}", "choose another name: --as NAME"
        )


def _open_already(session: Session, path: str, sandbox: bool) -> PersistentObjectPool | None:
    """The open pool that `path` leads to. The file decides, since a path means another file in another directory."""
    if not os.path.lexists(path):
        lost = next((pool for pool in pmemobj.open_pools() if pool.absolute_path == os.path.abspath(path)), None)
        if lost is not None:
            # What is in memory would be lost with the last handle; a new file of that name is another pool.
            raise PoolNotFoundError(
                f"open pool {path}",
                "its file was removed while the pool is open here",
                f"close it first: %pmem_close {session.call(lost)}",
            )
        return None
    pool = next((pool for pool in pmemobj.open_pools() if pool.is_at(path)), None)
    if pool is not None and pool.sandbox != sandbox:
        inside = "in a sandbox, so changes vanish" if pool.sandbox else "outside a sandbox, so changes are kept"
        raise PoolBusyError(
            f"open pool {path}", f"it is open already {inside}", f"close it first: %pmem_close {session.call(pool)}"
        )
    return pool


def _create(path: str, size: _Size, max_size: int | None) -> PersistentObjectPool:
    try:
        return pmemobj.create(path, size, max_size=max_size)
    except PoolExistsError as error:
        raise PoolExistsError(error.what, error.why, "leave out --exclusive to open it") from None
    except BadPoolSizeError as error:
        # The same advice in the words of the magic.
        todo = error.todo.replace("pool_size='auto'", "--size auto").replace("pool_size", "--size")
        raise BadPoolSizeError(error.what, error.why, todo.replace("max_size", "--max-size")) from None


def _open(path: str, sandbox: bool) -> PersistentObjectPool:
    try:
        return pmemobj.open(path, sandbox=sandbox)
    except PoolNotFoundError as error:
        raise PoolNotFoundError(error.what, error.why, "" if sandbox else "add --create to make it") from None


def _report(
    session: Session, pool: PersistentObjectPool, name: str, state: str, unused: Sequence[str] = ()
) -> PoolReport:
    size = f"{size_text(pool.size)}, {size_text(pool.free)} free"
    if pool.max_size > pool.size:
        size = f"{size_text(pool.size)} now, {size_text(pool.free)} free; grows up to {size_text(pool.max_size)}"
    if unused:
        size += f" ({' and '.join(unused)} ignored: the pool was there already)"
    facts = [
        ("size", size),
        ("memory", pool.medium.value),
        ("state", f"{state}; in a sandbox: changes vanish at close" if pool.sandbox else state),
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
    kind = f"{pool.medium.short}, sandbox" if pool.sandbox else pool.medium.short
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
        raise TransactionError(f"close {session.title(pool)}", "a transaction is open", session.how_to_end(pool))
    pool.close()
    session.begun.pop(pool, None)
    return PoolReport(pool, f"closed {call}: {pool.path}")
