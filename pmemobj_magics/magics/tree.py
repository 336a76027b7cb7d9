"""``%pmem_tree``: objects as a tree."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.tree import draw_tree
from pmemobj_magics.magics.base import BaseMagics, argument, expression_argument, extent_arguments, magic

__all__ = ["TreeMagics"]


class TreeMagics(BaseMagics):
    """Trees."""

    @magic(
        expression_argument,
        *extent_arguments,
        argument("--save", metavar="FILE", help="also write the tree to a file: .html or .txt"),
        code=True,
    )
    def pmem_tree(self, arguments: argparse.Namespace) -> Any:
        """Show the objects of a pool as a tree that unfolds.

        The tree works without graphviz and without a kernel. An object with several references is written out once
        and gets a number; at the other places stands a link with this number.

        Example::

            %pmem_tree
            %pmem_tree pool.root["guesses"] --depth 2 --save guesses.html
        """
        tree = draw_tree(self.session, " ".join(arguments.expression), self.extent(arguments))
        return self.saved(tree, arguments.save)
