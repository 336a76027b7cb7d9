"""Run one cell in a transaction, or begin and end a transaction over several cells."""

from __future__ import annotations

from typing import Any

from pmemobj import PersistentObjectPool, Transaction, TransactionAborted, TransactionError
from pmemobj_magics.common.texts import plural
from pmemobj_magics.shell.cell import CellCode, show_own_frames
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.transactions import TransactionReport

__all__ = ["abort", "begin", "commit", "run_cell"]


def run_cell(session: Session, code: CellCode, name: str | None) -> Any:
    """Run a cell in one transaction on a pool and return the value of its last expression.

    Any exception, KeyboardInterrupt included, rolls the transaction back and is raised again; it is shown like an error
    of an ordinary cell.
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


def begin(session: Session, name: str | None, nested: bool = False) -> TransactionReport:
    """Begin a transaction that stays open over the following cells.

    Args:
        session: The session.
        name: The pool.
        nested: Whether to begin another level inside the transaction that this function has begun.

    Raises:
        TransactionError: a transaction is open already; or, for another level, none is.
        TransactionAborted: an error has rolled back the transaction in which a level should begin.
    """
    pool = session.find(name)
    if nested:
        return _begin_level(session, pool)
    other = session.cells[0] if session.cells else session.begun_pool()
    if other is not None or pool.in_transaction:
        raise TransactionError(
            f"begin a transaction on {session.title(pool)}",
            f"a transaction is open on {session.call(other or pool)}",
            session.how_to_end(other or pool),
        )
    session.begun[pool] = pool.transaction().begin()
    return TransactionReport(
        pool,
        "open",
        f"a transaction on {session.call(pool)} is open: %pmem_commit keeps its changes, %pmem_abort undoes them",
    )


def _begin_level(session: Session, pool: PersistentObjectPool) -> TransactionReport:
    transaction = session.begun_on(pool)
    if transaction is None:
        why = "the open transaction was begun in Python" if pool.in_transaction else "no transaction is open"
        todo = "use `with pool.transaction():` inside it" if pool.in_transaction else "begin one with %pmem_begin"
        raise TransactionError(f"begin a nested transaction on {session.title(pool)}", why, todo)
    transaction.begin()
    text = (
        f"level {pool.transaction_depth} of the transaction on {session.call(pool)} is open: %pmem_commit ends this "
        "level and stores nothing yet, %pmem_abort undoes all levels"
    )
    return TransactionReport(pool, "open", text)


def commit(session: Session, name: str | None) -> TransactionReport:
    """Commit the transaction that `begin` began.

    Raises:
        TransactionError: no transaction was begun.
        TransactionAborted: an error had rolled the transaction back; it has ended.
    """
    pool, transaction = _take(session, name, "commit")
    call = session.call(pool)
    try:
        transaction.commit()
    except TransactionAborted as error:
        raise TransactionAborted(
            f"commit the transaction on {session.title(pool)}",
            f"an error inside it has rolled it back: {error.why}",
            "none of its changes is stored; begin a new transaction with %pmem_begin",
        ) from error
    finally:
        if not transaction.active:
            del session.begun[pool]
    if transaction.active:
        left = plural(pool.transaction_depth, "level")
        text = f"the innermost level has ended; still open on {call}: {left}. Nothing is stored yet"
        return TransactionReport(pool, "open", text)
    return TransactionReport(pool, "committed", f"committed: the changes of {call} since %pmem_begin are stored")


def abort(session: Session, name: str | None) -> TransactionReport:
    """Roll back the transaction that `begin` began.

    Raises:
        TransactionError: no transaction was begun.
    """
    pool, transaction = _take(session, name, "abort")
    try:
        transaction.abort()
    except TransactionAborted as reason:
        # abort() always raises; passing the exception to __exit__ ends the transaction.
        transaction.__exit__(type(reason), reason, reason.__traceback__)
    finally:
        del session.begun[pool]
    return TransactionReport(pool, "aborted", f"rolled back: {session.call(pool)} is as it was at %pmem_begin")


def _take(session: Session, name: str | None, what: str) -> tuple[PersistentObjectPool, Transaction]:
    """The transaction to end, and its pool; without a name the transaction that is open."""
    pool = session.find(name) if name else session.begun_pool() or session.find(None)
    transaction = session.begun_on(pool)
    if pool in session.cells:
        raise TransactionError(
            f"{what} a transaction on {session.title(pool)}",
            "this cell runs in one, which is committed when the cell ends and rolled back when it fails",
            f"put %pmem_{what} into the next cell" if transaction else "to roll back, raise an error",
        )
    if transaction is None:
        why, todo = "no transaction is open", "begin one with %pmem_begin"
        if pool.in_transaction:
            why, todo = "the open transaction was begun in Python", f"call its {what}() there"
        raise TransactionError(f"{what} a transaction on {session.title(pool)}", why, todo)
    return pool, transaction
