"""``%pmem_watch``: the explorer that follows a pool."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.watch import watch
from pmemobj_magics.magics.base import BaseMagics, expression_argument, limit_arguments, magic
from pmemobj_magics.views.watch import WatchLimits

__all__ = ["WatchMagics"]


class WatchMagics(BaseMagics):
    """The explorer."""

    @magic(expression_argument, *limit_arguments, code=True)
    def pmem_watch(self, arguments: argparse.Namespace) -> Any:
        """Explore a pool: a tree, a graph and the bytes of its objects, updated when the next cells change it.

        Search, fold, follow references, move and zoom with the mouse or with keys; ? lists the keys. To see it beside
        the notebook, right-click it and choose Create New View for Output. In a terminal it is a tree.

        Example::

            %pmem_watch
            %pmem_watch pool.root["guesses"]
        """
        limits = WatchLimits(
            nodes=self.count("--max-nodes", arguments.max_nodes, self.max_nodes) or 1,
            items=self.count("--max-items", arguments.max_items, self.max_items) or 1,
        )
        return watch(self.session, " ".join(arguments.expression), limits, offsets=arguments.offsets)
