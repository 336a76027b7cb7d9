"""``%pmem_bytes``, ``%pmem_stats``, ``%pmem_gc`` and ``%pmem_check``: the memory of a pool, down to its bytes."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.memory import check_pool, collect_garbage, measure_pool, show_bytes
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.shell.arguments import expand_path

__all__ = ["MemoryMagics"]

_save = argument("--save", metavar="FILE", help="also write it to a file: .svg, .html or .txt")


class MemoryMagics(BaseMagics):
    """Bytes, space, garbage and damage."""

    @magic(
        argument("expression", nargs="*", metavar="EXPR", help="a persistent object (default: the pool's root object)"),
        argument("--max-words", metavar="N", help="largest number of words of 8 bytes (default 200)"),
        argument("--offsets", action="store_true", help="show the offset of each allocation in the pool"),
        _save,
        code=True,
    )
    def pmem_bytes(self, arguments: argparse.Namespace) -> Any:
        """Show the bytes of an object in the pool, and what each word means.

        Each card is one allocation; a leaf is an allocation for a value that does not fit into a word. In a
        transaction, uncommitted words are marked and shown with the old bytes from libpmemobj's undo log.

        Example::

            %pmem_bytes pool.root["guesses"]
            %pmem_bytes pool.root --max-words 40 --offsets --save root.svg
        """
        picture = show_bytes(
            self.session,
            " ".join(arguments.expression),
            max_words=self.count("--max-words", arguments.max_words, None),
            offsets=arguments.offsets,
        )
        return self.saved(picture, arguments.save)

    @magic(pool_argument, _save)
    def pmem_stats(self, arguments: argparse.Namespace) -> Any:
        """Show what takes the space in a pool: used, free, libpmemobj's overhead, and the objects by type.

        Garbage counts as used until %pmem_gc frees it. The size of an object includes all of its own allocations, but
        not the objects that it refers to.

        Example::

            %pmem_stats
            %pmem_stats other --save space.svg
        """
        return self.saved(measure_pool(self.session, arguments.name, progress=self.progress), arguments.save)

    @magic(
        pool_argument,
        argument("--drop-variables", action="store_true", help="also free objects that only Python variables hold"),
    )
    def pmem_gc(self, arguments: argparse.Namespace) -> Any:
        """Free the objects that cannot be reached any more, and say how many of each type were freed.

        Objects that Python variables hold are kept, also the ones in Out[3] and the like. With --drop-variables they
        are freed as at the next close, and every later use of such a variable raises an error.

        Example::

            %pmem_gc
            %pmem_gc --drop-variables
        """
        return collect_garbage(
            self.session, arguments.name, drop_variables=arguments.drop_variables, progress=self.progress
        )

    @magic(argument("name", nargs="?", metavar="NAME", help="variable of a pool, or a file that is not open"))
    def pmem_check(self, arguments: argparse.Namespace) -> Any:
        """Look for damage in a pool, and say in words what was found and where.

        An open pool is examined in its present state. The headers of a closed file are examined, too, in a separate
        process. Nothing is changed.

        Example::

            %pmem_check
            %pmem_check old/game.pmem
        """
        name = arguments.name and expand_path(arguments.name, self.session)
        return check_pool(self.session, name, progress=self.progress)
