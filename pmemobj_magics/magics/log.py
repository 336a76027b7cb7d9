"""``%pmem_log``: the history of transactions."""

from __future__ import annotations

import argparse

from pmemobj_magics.commands.log import show_log
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.views.log import LogView

__all__ = ["LogMagics"]


class LogMagics(BaseMagics):
    """History."""

    @magic(
        pool_argument,
        argument("--last", metavar="N", help="how many entries to show (default 20; 0 shows all that are kept)"),
        argument("--times", action="store_true", help="show times in the text, too"),
        argument("--start", action="store_true", help="start recording, or continue"),
        argument("--stop", action="store_true", help="stop recording"),
        argument("--clear", action="store_true", help="forget the history after showing it"),
        argument("--save", metavar="FILE", help="also write it to a file: .svg or .html"),
    )
    def pmem_log(self, arguments: argparse.Namespace) -> LogView:
        """Show what transactions did: changed values, snapshots, allocations, frees, and commit or abort.

        Changes that are atomic without a transaction are shown, too. Recording starts with %pmem_open.

        Example::

            %pmem_log
            %pmem_log --last 3 --times
        """
        last = self.count("--last", arguments.last, 20, least=0) or None
        flags = {name: getattr(arguments, name) for name in ("start", "stop", "clear", "times")}
        view: LogView = self.saved(show_log(self.session, arguments.name, last=last, **flags), arguments.save)
        return view
