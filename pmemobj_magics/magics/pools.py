"""The magics that open, list and close pools."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics import commands
from pmemobj_magics.arguments import expand_path, parse_pool_size, parse_size
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.session import DEFAULT_NAME

__all__ = ["PoolMagics"]


class PoolMagics(BaseMagics):
    """Pools."""

    @magic(
        argument("path", metavar="PATH", help="the file; ~ and {expressions} are put in"),
        argument("--create", action="store_true", help="make the pool if there is none"),
        argument("--exclusive", action="store_true", help="make the pool, and fail if there is a file"),
        argument("--size", help="of a new pool: 64M, 1G, bytes, or auto for one that grows (default 64M)"),
        argument("--max-size", metavar="SIZE", help="how far a new pool of --size auto may grow (default 64G)"),
        argument("--sandbox", action="store_true", help="keep all changes in memory; they vanish at close"),
        argument(
            "--as", dest="name", default=DEFAULT_NAME, metavar="NAME", help="variable to bind it to (default pool)"
        ),
    )
    def pmem_open(self, arguments: argparse.Namespace) -> commands.PoolReport:
        """Open a pool, bind it to a variable, and say what was found.

        A pool that is open already is taken as it is, so the cell can be run again.

        Example::

            %pmem_open game.pmem --create --size 32M
            %pmem_open large.pmem --create --size auto --max-size 1G
            %pmem_open game.pmem --sandbox --as trial
        """
        return commands.open_pool(
            self.session,
            expand_path(arguments.path, self.session),
            create=arguments.create,
            exclusive=arguments.exclusive,
            size=None if arguments.size is None else parse_pool_size(arguments.size),
            max_size=None if arguments.max_size is None else parse_size(arguments.max_size),
            sandbox=arguments.sandbox,
            name=arguments.name,
            log=self.log,
        )

    @magic()
    def pmem(self, arguments: argparse.Namespace) -> commands.PoolList:
        """List the open pools: name, file, used and free memory, kind of memory, transaction.

        Example::

            %pmem
        """
        return commands.list_pools(self.session)

    @magic(pool_argument)
    def pmem_close(self, arguments: argparse.Namespace) -> commands.PoolReport:
        """Close a pool. Again is fine. Its objects refuse every use from then on.

        Example::

            %pmem_close
            %pmem_close other
        """
        return commands.close_pool(self.session, arguments.name)

    @magic(
        argument("path", metavar="FILE", help="the text, such as game.jsonl; replaced when the new one is complete"),
        pool_argument,
    )
    def pmem_dump(self, arguments: argparse.Namespace) -> commands.DumpReport:
        """Write all that the root of a pool reaches as text, which %pmem_restore makes a pool of again.

        Example::

            %pmem_dump game.jsonl
            %pmem_dump other.jsonl other
        """
        path = expand_path(arguments.path, self.session)
        return commands.dump_pool(self.session, path, arguments.name, progress=self.progress)

    @magic(
        argument("source", metavar="FILE", help="the text that %%pmem_dump wrote"),
        argument("path", metavar="PATH", help="the new pool; there must be nothing of that name"),
        argument("--size", help="64M, 1G, bytes, or auto (default: what it needs and a quarter more)"),
        argument("--max-size", metavar="SIZE", help="how far a pool of --size auto may grow (default 64G)"),
        argument("--as", dest="name", metavar="NAME", help="open it, and bind it to this variable"),
    )
    def pmem_restore(self, arguments: argparse.Namespace) -> Any:
        """Make a new pool out of a dump: a copy, or one of another size. No code of its classes runs.

        Example::

            %pmem_restore game.jsonl copy.pmem --as copy
        """
        return commands.restore_pool(
            self.session,
            expand_path(arguments.source, self.session),
            expand_path(arguments.path, self.session),
            size=None if arguments.size is None else parse_pool_size(arguments.size),
            max_size=None if arguments.max_size is None else parse_size(arguments.max_size),
            name=arguments.name,
            log=self.log,
            progress=self.progress,
        )
