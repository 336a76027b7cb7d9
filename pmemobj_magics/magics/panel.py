"""``%pmem_panel``: the panel with which pools are opened, changed and crashed by mouse or keyboard."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.panel import show_panel
from pmemobj_magics.magics.base import BaseMagics, argument, magic

__all__ = ["PanelMagics"]


class PanelMagics(BaseMagics):
    """The panel."""

    @magic(argument("name", nargs="?", metavar="NAME", help="variable or file of an open pool to begin with"))
    def pmem_panel(self, arguments: argparse.Namespace) -> Any:
        """Open a panel: open pools, begin transactions, change objects, and crash them, by mouse or keyboard.

        Each act shows the line of Python or the magic that does the same. Pools and transactions of cells appear in the
        panel, and the other way round.

        Example::

            %pmem_panel
        """
        return show_panel(self.session, arguments.name)
