"""The magics that draw what is in a pool."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.arguments import expand_path
from pmemobj_magics.magics._base import BaseMagics, argument, magic

__all__ = ["PictureMagics"]


class PictureMagics(BaseMagics):
    """Pictures of the objects in a pool."""

    @magic(
        argument("expression", nargs="*", metavar="EXPR", help="a pool or a persistent object (default: the root)"),
        argument("--depth", metavar="N", help="how many steps to follow (default: all)"),
        argument("--max-nodes", metavar="N", help="how many objects to show (default 200)"),
        argument("--max-items", metavar="N", help="how many entries of each object to show (default 20)"),
        argument("--offsets", action="store_true", help="show where each object lies, and its size"),
        argument("--save", metavar="FILE", help="write it to a file too: .svg, .png, .dot or .html"),
        code=True,
    )
    def pmem_graph(self, arguments: argparse.Namespace) -> Any:
        """Draw the objects of a pool and how they refer to each other.

        From the root, or from any persistent object. In a transaction: with its changes so far.

        Example::

            %pmem_graph
            %pmem_graph pool.root["guesses"] --depth 1 --save guesses.svg
        """
        counts = {
            "depth": self.count("--depth", arguments.depth, None, least=0),
            "max_nodes": self.count("--max-nodes", arguments.max_nodes, self.max_nodes),
            "max_items": self.count("--max-items", arguments.max_items, self.max_items),
        }
        graph = commands.draw_graph(self.session, " ".join(arguments.expression), offsets=arguments.offsets, **counts)
        if arguments.save:
            graph.save(expand_path(arguments.save.strip("'\""), self.session))
        return graph
