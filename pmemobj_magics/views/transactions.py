"""What became of a transaction, in one line."""

from __future__ import annotations

from pmemobj import PersistentObjectPool
from pmemobj_magics.common.tables import Table

__all__ = ["TransactionReport"]


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
