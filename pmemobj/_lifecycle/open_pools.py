"""The pools that this process has open, and their closing when the interpreter ends."""

from __future__ import annotations

import atexit
import contextlib
import warnings
from typing import Any, Protocol

from pmemobj._engine.heap import Heap, demand_own_transaction
from pmemobj.errors import TransactionError

#: Seconds that the end of the program waits for a thread that is in a transaction.
_LAST_WAIT = 1.0


class OpenSession(Protocol):
    """What the registry needs of `session.Session`, which is defined above it."""

    @property
    def path(self) -> str: ...
    @property
    def heap(self) -> Heap: ...
    def abandon_transaction(self) -> bool: ...
    def close(self, strictly: str = "") -> bool: ...


#: The sessions in the order of opening, by their ids, each with the pool object that the program has. A suspended
#: session stays in the table, since it can be resumed.
_sessions: dict[int, tuple[OpenSession, Any]] = {}


def enter(session: OpenSession, pool: Any) -> None:
    """Note that a session is open, and which pool object the program uses it by."""
    _sessions[id(session)] = session, pool


def leave(session: OpenSession) -> None:
    """Forget a session that is closed; one that was never entered is forgotten already."""
    _sessions.pop(id(session), None)


def pools() -> list[Any]:
    """The pool objects whose sessions are open and not suspended, in the order of opening."""
    return [pool for _, pool in _open()]


def demand_no_transaction(what: str) -> None:
    """Refuse an operation while the calling thread is in a transaction of any pool.

    Raises:
        TransactionError: it is in one.
        ForkedPoolError: this process was forked off in the middle of one.
    """
    demand_own_transaction(what)
    if any(session.heap.in_transaction() for session, _ in _open()):
        raise TransactionError(what, "a transaction is open in this thread", "commit or abort it first")


def _open() -> list[tuple[OpenSession, Any]]:
    # The table is copied first, since other threads may open pools meanwhile.
    return [entry for entry in list(_sessions.values()) if entry[0].heap.is_writable]


@atexit.register
def _close_all() -> None:
    """Close the pools that the program left open, so that the next program need not recover them."""
    unfinished = []
    for session, _ in _open():
        with contextlib.suppress(Exception):
            if session.abandon_transaction():
                unfinished.append(session.path)
            # A thread that outlives the main thread may be in a transaction that it never ends.
            if session.heap.lock.acquire(timeout=_LAST_WAIT):
                session.close()
            else:
                unfinished.append(session.path)
    for path in unfinished:
        warnings.warn(
            f"a transaction on pool {path} was still open at the end of the program, so it is rolled back "
            "(commit it, or use `with pool.transaction():`)",
            RuntimeWarning,
            stacklevel=1,
        )
