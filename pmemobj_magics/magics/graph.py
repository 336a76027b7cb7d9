"""``%pmem_graph``: objects and their references as a drawing."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.graph import compare_graphs, draw_graph
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.magics.base import BaseMagics, argument, expression_argument, extent_arguments, magic

__all__ = ["GraphMagics"]


class GraphMagics(BaseMagics):
    """Graphs."""

    @magic(
        expression_argument,
        *extent_arguments,
        argument("--layout", metavar="NAME", default="LR", help="LR (left to right), TB (down), radial or spring"),
        argument("--diff", nargs="*", metavar="GRAPH", help="mark changes since the latest graph or one in a variable"),
        argument("--save", metavar="FILE", help="also write it to a file: .svg, .png, .dot or .html"),
        code=True,
    )
    def pmem_graph(self, arguments: argparse.Namespace) -> Any:
        """Draw the objects of a pool and the references between them.

        The graph begins at the root, or at any persistent object. In a transaction, uncommitted changes are marked.
        With two graphs after --diff, the second one is shown with the changes since the first.

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
                "give no graph for the latest one, one graph, or two graphs without an expression",
            )
        extent = self.extent(arguments)
        if graphs and len(graphs) == 2:
            graph = compare_graphs(self.session, graphs, layout=arguments.layout, offsets=extent.offsets)
        else:
            since = None if graphs is None else "".join(graphs)
            graph = draw_graph(self.session, expression, extent, since=since, layout=arguments.layout)
        return self.saved(graph, arguments.save)
