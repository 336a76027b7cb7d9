"""Show what the journal and the undo log of a pool have."""

from __future__ import annotations

from pmemobj import inspect
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.journal import JournalView

__all__ = ["show_journal"]


def show_journal(session: Session, name: str | None, *, last: int | None) -> JournalView:
    """The records of the journal, and the copies in the undo log of a transaction that is open here.

    Args:
        session: The session.
        name: The pool.
        last: How many records to show; None for all.

    Raises:
        PmemError: the pool is closed, or several pools are possible.
    """
    pool = session.find(name)
    return JournalView(session.call(pool), inspect.logs(pool, last=last))
