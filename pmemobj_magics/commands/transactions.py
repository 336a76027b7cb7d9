"""Transactions: around one cell, or over several."""

from __future__ import annotations

from typing import Any

from pmemobj import PersistentObjectPool, Transaction, TransactionAborted, TransactionError
from pmemobj_magics.cell import CellCode, show_own_frames
from pmemobj_magics.display import Table
from pmemobj_magics.session import Session

__all__ = ["TransactionReport", "abort", "begin", "commit", "run_cell"]


class TransactionReport(Table):
    """What became of a transaction.

    Attributes:
        pool: The pool.
        state: ``open``, ``committed`` or ``aborted``.
    """

    def __init__(self, pool: PersistentObjectPool, state: str, text: str) -> None:
        super().__init__(text)
        self.pool = pool
        self.state = state


def run_cell(session: Session, code: CellCode, name: str | None) -> Any:
    """Run a cell in one transaction on a pool and return the value of its last expression.

    Any exception, KeyboardInterrupt included, rolls back and goes on; it is shown as in a cell of its own.
    """
    pool = session.find(name)
    try:
        with pool.transaction():
            session.cells.append(pool)
            try:
                return code.run(session.namespace)
            finally:
                session.cells.pop()
    except BaseException as error:
        show_own_frames(session.shell, error, code)
        raise


def begin(session: Session, name: str | None) -> TransactionReport:
    """Begin a transaction that stays open from cell to cell.

    Raises:
        TransactionError: one is open.
    """
    pool = session.find(name)
    other = session.cells[0] if session.cells else session.begun_pool()
    if other is not None or pool.in_transaction:
        raise TransactionError(
            f"begin a transaction on {session.title(pool)}",
            f"one is open on {session.call(other or pool)}",
            session.how_to_end(other or pool),
        )
    session.begun[pool] = pool.transaction().begin()
    return TransactionReport(
        pool,
        "open",
        f"transaction on {session.call(pool)} is open: %pmem_commit keeps its changes, %pmem_abort undoes them",
    )


def commit(session: Session, name: str | None) -> TransactionReport:
    """Commit what `begin` began.

    Raises:
        TransactionError: nothing was begun.
        TransactionAborted: it had been rolled back by an error inside; it is over then.
    """
    pool, transaction = _take(session, name, "commit")
    call = session.call(pool)
    try:
        transaction.commit()
    except TransactionAborted as error:
        raise TransactionAborted(
            f"commit the transaction on {session.title(pool)}",
            f"it was rolled back inside: {error.why}",
            "nothing of it is stored; begin another with %pmem_begin",
        ) from error
    finally:
        del session.begun[pool]
    return TransactionReport(pool, "committed", f"committed: the changes on {call} since %pmem_begin are stored")


def abort(session: Session, name: str | None) -> TransactionReport:
    """Roll back what `begin` began.

    Raises:
        TransactionError: nothing was begun.
    """
    pool, transaction = _take(session, name, "abort")
    try:
        transaction.abort()
    except TransactionAborted as reason:
        # That is how abort() returns; leaving the block with it ends the transaction.
        transaction.__exit__(type(reason), reason, reason.__traceback__)
    finally:
        del session.begun[pool]
    return TransactionReport(pool, "aborted", f"rolled back: {session.call(pool)} is as it was at %pmem_begin")


def _take(session: Session, name: str | None, what: str) -> tuple[PersistentObjectPool, Transaction]:
    """The transaction to end; without a name the one that is open."""
    pool = session.find(name) if name else session.begun_pool() or session.find(None)
    transaction = session.begun_on(pool)
    if pool in session.cells:
        raise TransactionError(
            f"{what} a transaction on {session.title(pool)}",
            "this cell runs in one, which is committed when it ends and rolled back when it fails",
            f"put %pmem_{what} into a cell after it" if transaction else "to roll back, raise an error",
        )
    if transaction is None:
        why, todo = "none is open", "begin one with %pmem_begin"
        if pool.in_transaction:
            why, todo = "the one that is open was begun in Python", f"use its {what}() there"
        raise TransactionError(f"{what} a transaction on {session.title(pool)}", why, todo)
    return pool, transaction
