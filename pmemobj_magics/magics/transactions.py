"""The magics that begin and end transactions, and run cells in them."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.arguments import expand_path
from pmemobj_magics.cell import CellCode
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.views.log import LogView

__all__ = ["TransactionMagics"]


class TransactionMagics(BaseMagics):
    """Transactions."""

    @magic(pool_argument, cell=True)
    def pmem_transaction(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Run the cell in one transaction: all of its changes happen, or none. Short: %%pmem_tx.

        An error or an interrupt rolls back and is shown as usual. The value of the last expression
        is shown too.

        Example::

            %%pmem_transaction
            pool.root["tries"] += 1
            pool.root["guesses"].append(17)
        """
        return commands.run_cell(self.session, code, arguments.name)

    @magic(pool_argument, cell=True)
    def pmem_tx(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Short for %%pmem_transaction: run the cell in one transaction.

        Example::

            %%pmem_tx
            pool.root["tries"] += 1
        """
        return commands.run_cell(self.session, code, arguments.name)

    @magic(pool_argument)
    def pmem_begin(self, arguments: argparse.Namespace) -> commands.TransactionReport:
        """Begin a transaction that stays open over the following cells.

        What they change can be looked at, and kept with %pmem_commit or undone with %pmem_abort. A
        cell that fails leaves it open.

        Example::

            %pmem_begin
            pool.root["tries"] = 0
            %pmem_graph
            %pmem_abort
        """
        return commands.begin(self.session, arguments.name)

    @magic(pool_argument)
    def pmem_commit(self, arguments: argparse.Namespace) -> commands.TransactionReport:
        """Keep everything that was changed since %pmem_begin.

        Example::

            %pmem_commit
        """
        return commands.commit(self.session, arguments.name)

    @magic(pool_argument)
    def pmem_abort(self, arguments: argparse.Namespace) -> commands.TransactionReport:
        """Undo everything that was changed since %pmem_begin.

        Example::

            %pmem_abort
        """
        return commands.abort(self.session, arguments.name)

    @magic(
        pool_argument,
        argument("--last", metavar="N", help="how many entries to show (default 20; 0 for all that are kept)"),
        argument("--times", action="store_true", help="show times in the text, too"),
        argument("--start", action="store_true", help="begin to record, or go on"),
        argument("--stop", action="store_true", help="record no longer"),
        argument("--clear", action="store_true", help="forget what was recorded, after showing it"),
        argument("--save", metavar="FILE", help="write it to a file too: .svg or .html"),
    )
    def pmem_log(self, arguments: argparse.Namespace) -> LogView:
        """Show what the transactions did: snapshots, allocations, frees, which values changed, commit or abort.

        Changes that are atomic by themselves are there too. It records from %pmem_open on.

        Example::

            %pmem_log
            %pmem_log --last 3 --times
        """
        last = self.count("--last", arguments.last, 20, least=0) or None
        flags = {name: getattr(arguments, name) for name in ("start", "stop", "clear", "times")}
        view = commands.show_log(self.session, arguments.name, last=last, **flags)
        if arguments.save:
            view.save(expand_path(arguments.save, self.session))
        return view
