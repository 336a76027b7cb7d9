"""The magics that draw what is in a pool."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.arguments import expand_path
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.magics.base import BaseMagics, argument, magic

__all__ = ["PictureMagics"]

_expression = argument("expression", nargs="*", metavar="EXPR", help="pool or persistent object (default: the root)")
_extent = (
    argument("--depth", metavar="N", help="how many steps to follow (default: all)"),
    argument("--max-nodes", metavar="N", help="how many objects to show (default 200)"),
    argument("--max-items", metavar="N", help="how many entries of each object to show (default 20)"),
    argument("--offsets", action="store_true", help="show where each object lies"),
)


class PictureMagics(BaseMagics):
    """Pictures of the objects in a pool."""

    @magic(
        _expression,
        *_extent,
        argument("--layout", metavar="NAME", default="LR", help="LR (left to right), TB (down), radial or spring"),
        argument(
            "--diff", nargs="*", metavar="GRAPH", help="mark what differs from the last graph, or one in a variable"
        ),
        argument("--save", metavar="FILE", help="write it to a file too: .svg, .png, .dot or .html"),
        code=True,
    )
    def pmem_graph(self, arguments: argparse.Namespace) -> Any:
        """Draw the objects of a pool and how they refer to each other.

        From the root, or from any persistent object. Inside a transaction, its changes are marked. Two
        graphs after --diff are compared with each other.

        Example::

            %pmem_graph pool.root["guesses"] --depth 1 --save guesses.svg
            %pmem_graph -o before
            %pmem_graph --diff before
        """
        expression, graphs = " ".join(arguments.expression), arguments.diff
        if graphs is not None and len(graphs) > (1 if expression else 2):
            raise MagicUsageError(
                f"compare {' '.join([expression, *graphs]).strip()}",
                "there are too many graphs",
                "give none for the last one, one in a variable, or two without an expression",
            )
        extent = self._extent(arguments)
        if graphs and len(graphs) == 2:
            graph = commands.compare_graphs(self.session, graphs, layout=arguments.layout, offsets=extent.offsets)
        else:
            since = None if graphs is None else "".join(graphs)
            graph = commands.draw_graph(self.session, expression, extent, since=since, layout=arguments.layout)
        return self._saved(graph, arguments.save)

    @magic(
        _expression, *_extent, argument("--save", metavar="FILE", help="write it to a .html or .txt file"), code=True
    )
    def pmem_tree(self, arguments: argparse.Namespace) -> Any:
        """Show the objects of a pool as a tree to unfold.

        It needs neither graphviz nor the kernel. Objects with several references have a number, and stand
        elsewhere by that number.

        Example::

            %pmem_tree
            %pmem_tree pool.root["guesses"] --depth 2 --save guesses.html
        """
        tree = commands.draw_tree(self.session, " ".join(arguments.expression), self._extent(arguments))
        return self._saved(tree, arguments.save)

    def _extent(self, arguments: argparse.Namespace) -> commands.Extent:
        return commands.Extent(
            self.count("--depth", arguments.depth, None, least=0),
            self.count("--max-nodes", arguments.max_nodes, self.max_nodes),
            self.count("--max-items", arguments.max_items, self.max_items),
            arguments.offsets,
        )

    def _saved(self, picture: Any, path: str | None) -> Any:
        if path:
            picture.save(expand_path(path.strip("'\""), self.session))
        return picture
