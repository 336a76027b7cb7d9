"""The magics that show how a pool's memory is used, down to its bytes."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.arguments import expand_path
from pmemobj_magics.magics._base import BaseMagics, argument, magic

__all__ = ["MemoryMagics"]


class MemoryMagics(BaseMagics):
    """Bytes of objects, statistics, garbage, and whether all is well."""

    @magic(
        argument("expression", nargs="*", metavar="EXPR", help="a persistent object (default: the pool's root object)"),
        argument("--max-words", metavar="N", help="how many words of 8 bytes to show (default 200)"),
        argument("--offsets", action="store_true", help="show where in the pool each allocation lies"),
        argument("--save", metavar="FILE", help="write it to a file too: .svg, .html or .txt"),
        code=True,
    )
    def pmem_bytes(self, arguments: argparse.Namespace) -> Any:
        """Show an object's memory as it lies in the pool, and what each word of it means.

        Each card is one allocation; a leaf is a value that does not fit into its word. In a transaction what is
        not committed is marked, with the bytes that libpmemobj's undo log has kept of it.

        Example::

            %pmem_bytes pool.root["guesses"]
            %pmem_bytes pool.root --max-words 40 --offsets --save root.svg
        """
        picture = commands.show_bytes(
            self.session,
            " ".join(arguments.expression),
            max_words=self.count("--max-words", arguments.max_words, None),
            offsets=arguments.offsets,
        )
        if arguments.save:
            picture.save(expand_path(arguments.save.strip("'\""), self.session))
        return picture
