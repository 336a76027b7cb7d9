"""The acts that begin, commit and abort a transaction."""

from __future__ import annotations

import time
from collections.abc import Callable

import pmemobj
from pmemobj import PersistentObjectPool
from pmemobj_magics.commands.panel.desk import Desk
from pmemobj_magics.commands.panel.pools import argument_of
from pmemobj_magics.commands.panel.uncommitted import Uncommitted, uncommitted
from pmemobj_magics.views.panel.transaction_bar import TransactionBar

__all__ = ["TransactionActs"]

_BY_PYTHON = "This transaction was begun in Python: leave its with block, or call its commit() or abort() in a cell."
_ABORTED = "An error has rolled this transaction back: nothing of it will be stored. Abort ends it."
_HINT = "Commit keeps these changes, Abort undoes them. If the program ends now, they are undone, too."
_NESTED = (
    "Commit ends the nested transaction, and stores nothing yet: only the outermost Commit does. "
    "Abort undoes all changes."
)


class TransactionActs:
    """What the buttons for transactions do.

    Args:
        desk: Runs the acts.
        current: The pool of the panel, or None.
    """

    bar: TransactionBar

    def __init__(self, desk: Desk, current: Callable[[], PersistentObjectPool | None]) -> None:
        self._desk, self._current = desk, current
        self._seen: object = None
        self._last = Uncommitted()

    def begin(self) -> None:
        """Begin a transaction, or a level in the open one."""

        def act() -> None:
            pool = self._demand_pool("begin a transaction")
            nested = " --nested" if pool.in_transaction else ""
            self._run(pool, f"%pmem_begin{argument_of(self._desk.session, pool)}{nested}", _begun)

        self._desk.do(self.bar.message, act)

    def commit(self) -> None:
        """Commit the innermost level."""
        self._end("commit", _committed)

    def abort(self) -> None:
        """Abort the transaction with all its levels."""
        self._end("abort", lambda _: "The transaction was rolled back: all its changes are undone.")

    def _end(self, how: str, said: Callable[[PersistentObjectPool], str]) -> None:
        def act() -> None:
            pool = self._demand_pool(f"{how} a transaction")
            self._run(pool, f"%pmem_{how}{argument_of(self._desk.session, pool)}", said)

        self._desk.do(self.bar.message, act)

    def _run(self, pool: PersistentObjectPool, code: str, said: Callable[[PersistentObjectPool], str]) -> None:
        self._desk.run(code)
        self._desk.note(code)
        # The magics speak of magics; here there are buttons.
        self.bar.message.done(said(pool), code)

    def _demand_pool(self, what: str) -> PersistentObjectPool:
        pool = self._current()
        if pool is None:
            raise pmemobj.PoolClosedError(what, "no pool is open in this panel", "open one on the page Pools")
        return pool

    # ---- the state ----

    def show(self) -> None:
        """Show the state of the transaction."""
        pool = self._current()
        if pool is None or not pool.in_transaction:
            self._seen, self._last = None, Uncommitted()
            self.bar.show(pool is not None, 0, (), "")
            return
        stamp = (pool.absolute_path, pmemobj.glance.stamp(pool), pool.transaction_depth)
        if stamp != self._seen:
            self._last = uncommitted(pool, self._desk.session.call(pool))
            self._seen = stamp
        mine = self._desk.session.begun_on(pool) is not None
        hint = _NESTED if pool.transaction_depth > 1 else _HINT
        notes = [_ABORTED if self._last.is_aborted else hint if mine else _BY_PYTHON, self._last.note]
        note = " ".join(note for note in notes if note)
        self.bar.show(True, pool.transaction_depth, self._last.rows, note, mine)

    @property
    def is_aborted(self) -> bool:
        """Whether an error has rolled the open transaction back."""
        return self._last.is_aborted

    @property
    def begun(self) -> float:
        """When the open transaction began, in seconds since 1970; 0 if none is open."""
        pool = self._current()
        if pool is None or not pool.in_transaction:
            return 0.0
        return self._desk.session.record.begun_at(pool) or time.time()


def _begun(pool: PersistentObjectPool) -> str:
    if pool.transaction_depth > 1:
        return f"A nested transaction is open (depth {pool.transaction_depth}). {_NESTED}"
    return "A transaction is open. Commit keeps its changes, Abort undoes them."


def _committed(pool: PersistentObjectPool) -> str:
    if pool.in_transaction:
        return "The nested transaction has ended. The one around it is still open, and nothing is stored yet."
    if pool.sandbox:
        return "The transaction was committed: its changes stay in the sandbox until the pool is closed."
    return "The transaction was committed: its changes are stored."
