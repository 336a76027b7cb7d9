"""Magics that run one cell in a transaction, or begin and end a transaction over several cells."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.transactions import abort, begin, commit, run_cell
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.shell.cell import CellCode
from pmemobj_magics.views.transactions import TransactionReport

__all__ = ["TransactionMagics"]


class TransactionMagics(BaseMagics):
    """Transactions."""

    @magic(pool_argument, cell=True)
    def pmem_transaction(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Run the cell in one transaction: either all of its changes happen, or none. Short: %%pmem_tx.

        An error or an interrupt rolls the transaction back and is shown as usual. The value of the last expression is
        shown, too.

        Example::

            %%pmem_transaction
            pool.root["tries"] += 1
            pool.root["guesses"].append(17)
        """
        return run_cell(self.session, code, arguments.name)

    @magic(pool_argument, cell=True)
    def pmem_tx(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Run the cell in one transaction: the short name of %%pmem_transaction.

        Example::

            %%pmem_tx
            pool.root["tries"] += 1
        """
        return run_cell(self.session, code, arguments.name)

    @magic(pool_argument, argument("--nested", action="store_true", help="begin a level inside the open transaction"))
    def pmem_begin(self, arguments: argparse.Namespace) -> TransactionReport:
        """Begin a transaction that stays open over the following cells.

        Their changes can be looked at, and kept with %pmem_commit or undone with %pmem_abort. The transaction stays
        open when a cell fails.

        Example::

            %pmem_begin
            pool.root["tries"] = 0
            %pmem_graph
            %pmem_abort
        """
        return begin(self.session, arguments.name, arguments.nested)

    @magic(pool_argument)
    def pmem_commit(self, arguments: argparse.Namespace) -> TransactionReport:
        """Keep all changes since %pmem_begin; of a nested transaction, end the innermost level.

        Example::

            %pmem_commit
        """
        return commit(self.session, arguments.name)

    @magic(pool_argument)
    def pmem_abort(self, arguments: argparse.Namespace) -> TransactionReport:
        """Undo all changes since %pmem_begin, and end all levels.

        Example::

            %pmem_abort
        """
        return abort(self.session, arguments.name)
