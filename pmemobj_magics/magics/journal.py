"""``%pmem_journal``: what the journal and the undo log of a pool have."""

from __future__ import annotations

import argparse

from pmemobj_magics.commands.journal import show_journal
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.views.journal import JournalView

__all__ = ["JournalMagics"]


class JournalMagics(BaseMagics):
    """The journal."""

    @magic(
        pool_argument,
        argument("--last", metavar="N", help="how many records to show (default 10; 0 shows all)"),
    )
    def pmem_journal(self, arguments: argparse.Namespace) -> JournalView:
        """Show which records the journal has now, which pages and lines each changes, and what the undo log has.

        The undo log has copies of what a running transaction changes; a record has what a commit has changed. A pool
        has a journal on a disk, with --durability full or relaxed.

        Example::

            %pmem_journal
            %pmem_journal shop --last 3
        """
        return show_journal(
            self.session, arguments.name, last=self.count("--last", arguments.last, 10, least=0) or None
        )
