"""The magic that shows a pool while it is changed."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.magics.base import BaseMagics, argument, magic

__all__ = ["WatchMagics"]


class WatchMagics(BaseMagics):
    """The explorer."""

    @magic(
        argument("expression", nargs="*", metavar="EXPR", help="a pool or a persistent object (default: the root)"),
        argument("--max-nodes", metavar="N", help="how many objects to show (default 200)"),
        argument("--max-items", metavar="N", help="how many entries of each object to show (default 20)"),
        argument("--offsets", action="store_true", help="show where each object lies"),
        code=True,
    )
    def pmem_watch(self, arguments: argparse.Namespace) -> Any:
        """Explore a pool: tree, graph and bytes of its objects, which follow what the next cells do.

        Search, fold, jump along references, move and enlarge, by pointer or by keys (? tells them). To have it
        beside the notebook: right click, Create New View for Output. In a terminal it is a tree.

        Example::

            %pmem_watch
            %pmem_watch pool.root["guesses"]
        """
        limits = commands.WatchLimits(
            nodes=self.count("--max-nodes", arguments.max_nodes, self.max_nodes) or 1,
            items=self.count("--max-items", arguments.max_items, self.max_items) or 1,
        )
        return commands.watch(self.session, " ".join(arguments.expression), limits, offsets=arguments.offsets)
