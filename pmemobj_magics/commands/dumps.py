"""Copy a pool, write its objects as text, and make a pool from such a text."""

from __future__ import annotations

import os
from typing import Literal

import pmemobj
from pmemobj import PoolExistsError
from pmemobj_magics.commands.pools import open_pool
from pmemobj_magics.common.texts import plural, size_text
from pmemobj_magics.shell.progress import bar
from pmemobj_magics.shell.session import Session, demand_name
from pmemobj_magics.views.dumps import DumpReport
from pmemobj_magics.views.pools import PoolReport

__all__ = ["back_up_pool", "dump_pool", "restore_pool"]


def back_up_pool(session: Session, path: str, name: str | None, *, progress: bool) -> DumpReport:
    """Copy an open pool as of its last commit.

    Args:
        session: The session.
        path: The copy; no file of this name may exist.
        name: The pool.
        progress: Whether to show a bar when the work takes long.

    Raises:
        TransactionError: a transaction is open.
        PmemError: as `pmemobj.PersistentObjectPool.backup`.
    """
    pool = session.find(name)
    call = session.call(pool)
    session.demand_no_transaction(pool, "back up")
    with bar(f"backing up {call}", f"there is no copy at {path}", progress) as tell:
        pool.backup(path, progress=tell)
    return DumpReport(path, f"backed up {call}: {size_text(pool.size)} in {path}")


def dump_pool(session: Session, path: str, name: str | None, *, progress: bool) -> DumpReport:
    """Write every object that the root reaches, one line for each.

    Args:
        session: The session.
        path: The file; an existing file is replaced when the dump is complete.
        name: The pool.
        progress: Whether to show a bar when the work takes long.

    Raises:
        TransactionError: a transaction is open.
        PmemError: as `pmemobj.dump`.
    """
    pool = session.find(name)
    call = session.call(pool)
    session.demand_no_transaction(pool, "dump")
    _demand_no_pool(path)
    with bar(f"dumping {call}", f"nothing was written to {path}", progress) as tell:
        count = pmemobj.dump(pool, path, progress=tell)
    size = size_text(os.path.getsize(path))
    return DumpReport(path, f"dumped {call}: {plural(count, 'object')}, {size} in {path}", count)


def _demand_no_pool(path: str) -> None:
    """Refuse to replace an open pool with a dump: probably the two file names were exchanged."""
    if any(pool.is_at(path) for pool in pmemobj.open_pools()):
        raise PoolExistsError(
            f"dump to {path}", "this file is an open pool", "name the file of the dump first: %pmem_dump FILE NAME"
        )


def restore_pool(
    session: Session,
    source: str,
    path: str,
    *,
    size: int | Literal["auto"] | None,
    max_size: int | None,
    name: str | None,
    log: bool,
    progress: bool,
) -> DumpReport | PoolReport:
    """Make a new pool from a dump, and open it if it is given a name.

    Args:
        session: The session.
        source: The file of the dump.
        path: The new pool; no file of this name may exist.
        size: Bytes, or ``auto``; None for what the contents need and a quarter more.
        max_size: Bytes that a growing pool may grow to.
        name: The variable to bind the opened pool to; None leaves it closed.
        log: Whether to switch on the pool's history of transactions.
        progress: Whether to show a bar when the work takes long.

    Raises:
        PmemError: as `pmemobj.restore`.
    """
    if name is not None:
        demand_name(name)
    with bar(f"restoring {path}", "no pool was created", progress) as tell:
        pmemobj.restore(source, path, size, max_size=max_size, progress=tell)
    if name is None:
        return DumpReport(path, f"restored {path} from {source}; open it with %pmem_open {path}")
    return open_pool(session, path, name=name, log=log)
