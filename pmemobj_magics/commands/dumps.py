"""Write a pool as text, and make a pool out of such a text."""

from __future__ import annotations

import os
from typing import Literal

import pmemobj
from pmemobj import PoolExistsError, TransactionError
from pmemobj_magics.commands.pools import PoolReport, open_pool
from pmemobj_magics.display import Table, plural, size_text
from pmemobj_magics.progress import bar
from pmemobj_magics.session import Session, demand_name

__all__ = ["DumpReport", "dump_pool", "restore_pool"]


class DumpReport(Table):
    """What was written, or made.

    Attributes:
        path: The file that is there now.
        count: How many objects a dump has; None of a pool that was made.
    """

    def __init__(self, path: str, text: str, count: int | None = None) -> None:
        super().__init__(text)
        self.path = path
        self.count = count


def dump_pool(session: Session, path: str, name: str | None, *, progress: bool) -> DumpReport:
    """Write everything that the root reaches, one line an object.

    Args:
        session: The session.
        path: The file; one that is there is replaced when the text is complete.
        name: The pool.
        progress: Whether to show a bar where it takes longer.

    Raises:
        TransactionError: a transaction is open.
        PmemError: as `pmemobj.dump`.
    """
    pool = session.find(name)
    call = session.call(pool)
    if pool.in_transaction:
        raise TransactionError(f"dump {session.title(pool)}", "a transaction is open", session.how_to_end(pool))
    _demand_no_pool(path)
    with bar(f"dumping {call}", f"nothing was written to {path}", progress) as tell:
        count = pmemobj.dump(pool, path, progress=tell)
    size = size_text(os.path.getsize(path))
    return DumpReport(path, f"dumped {call}: {plural(count, 'object')}, {size} in {path}", count)


def _demand_no_pool(path: str) -> None:
    """Refuse to put text in the place of a pool: the two file names were exchanged."""
    if any(pool.is_at(path) for pool in pmemobj.open_pools()):
        raise PoolExistsError(
            f"dump to {path}", "that is an open pool", "name the file of the dump: %pmem_dump FILE NAME"
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
    """Make a new pool out of a dump, and open it if it is given a name.

    Args:
        session: The session.
        source: The file of the dump.
        path: The pool; there must be nothing of that name.
        size: Bytes, or ``auto``; what the contents need and a quarter more if None.
        max_size: Bytes that a growing pool may grow to.
        name: The variable to bind the opened pool to; None leaves it closed.
        log: Whether to begin its log of transactions.
        progress: Whether to show a bar where it takes longer.

    Raises:
        PmemError: as `pmemobj.restore`.
    """
    if name is not None:
        demand_name(name)
    with bar(f"restoring {path}", "no pool was made", progress) as tell:
        pmemobj.restore(source, path, size, max_size=max_size, progress=tell)
    if name is None:
        return DumpReport(path, f"restored {path} from {source}; open it with %pmem_open {path}")
    return open_pool(session, path, name=name, log=log)
