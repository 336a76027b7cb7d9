"""The magics that show how a pool's memory is used, down to its bytes."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.arguments import expand_path
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument

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

    @magic(pool_argument, argument("--save", metavar="FILE", help="write it to a file too: .svg, .html or .txt"))
    def pmem_stats(self, arguments: argparse.Namespace) -> Any:
        """Show what takes the space of a pool: used, free, libpmemobj's own, and the objects by type.

        Garbage counts as used until %pmem_gc frees it. Of a type count its objects with all that is part of
        them, but not what they refer to.

        Example::

            %pmem_stats
            %pmem_stats other --save space.svg
        """
        picture = commands.measure_pool(self.session, arguments.name, progress=self.progress)
        if arguments.save:
            picture.save(expand_path(arguments.save, self.session))
        return picture

    @magic(
        pool_argument,
        argument("--drop-variables", action="store_true", help="free also what only Python variables know"),
    )
    def pmem_gc(self, arguments: argparse.Namespace) -> Any:
        """Free the objects that nothing refers to any more, and say how many of each type there were.

        What a Python variable holds is kept, also by Out[3] and the like; with --drop-variables it is freed,
        as at the next close, and the variable refuses every use from then on.

        Example::

            %pmem_gc
            %pmem_gc --drop-variables
        """
        return commands.collect_garbage(
            self.session, arguments.name, drop_variables=arguments.drop_variables, progress=self.progress
        )

    @magic(argument("name", nargs="?", metavar="NAME", help="variable of a pool, or a file that is not open"))
    def pmem_check(self, arguments: argparse.Namespace) -> Any:
        """Look for damage in a pool, and say in words what was found and where.

        An open pool is examined as it is now. Of a file that is closed its headers are examined too, in a
        process of its own. Nothing is changed.

        Example::

            %pmem_check
            %pmem_check old/game.pmem
        """
        name = arguments.name and expand_path(arguments.name, self.session)
        return commands.check_pool(self.session, name, progress=self.progress)
