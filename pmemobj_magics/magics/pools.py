"""``%pmem``, ``%pmem_open``, ``%pmem_close`` and ``%pmem_delete``: list, open, close and delete pools."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.pools import close_all_pools, close_pool, delete_pool, list_pools, open_pool
from pmemobj_magics.common.tables import Table
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.shell.arguments import demand_choice, expand_path, parse_pool_size, parse_size
from pmemobj_magics.shell.completion import CHOICES
from pmemobj_magics.shell.session import DEFAULT_NAME
from pmemobj_magics.views.pools import PoolList, PoolReport

__all__ = ["PoolMagics"]


class PoolMagics(BaseMagics):
    """Pools."""

    @magic(
        argument("path", metavar="PATH", help="the file; ~ and {expressions} are expanded"),
        argument("--create", action="store_true", help="create the pool if there is no file"),
        argument("--exclusive", action="store_true", help="create the pool, and fail if there is a file"),
        argument("--size", help="size of a new pool: 64M, 1G, bytes, or auto to grow (default 64M)"),
        argument("--max-size", metavar="SIZE", help="how far a new pool of --size auto may grow (default 64G)"),
        argument("--sandbox", action="store_true", help="keep all changes in memory; they are lost at close"),
        argument("--durability", metavar="MODE", help="on a disk: full, relaxed or in-place (default full)"),
        argument(
            "--as", dest="name", default=DEFAULT_NAME, metavar="NAME", help="bind it to this variable (default pool)"
        ),
    )
    def pmem_open(self, arguments: argparse.Namespace) -> PoolReport:
        """Open a pool, bind it to a variable, and show its state.

        A pool that is open already is used as it is, so the cell can be run again. With ``--sandbox``, a pool that
        another process has open is shown as of its last commit.

        Example::

            %pmem_open game.pmem --create --size 32M
            %pmem_open large.pmem --create --size auto --max-size 1G
            %pmem_open game.pmem --sandbox --as trial
            %pmem_open game.pmem --durability relaxed
        """
        return open_pool(
            self.session,
            expand_path(arguments.path, self.session),
            create=arguments.create,
            exclusive=arguments.exclusive,
            size=None if arguments.size is None else parse_pool_size(arguments.size),
            max_size=None if arguments.max_size is None else parse_size(arguments.max_size),
            sandbox=arguments.sandbox,
            durability=None
            if arguments.durability is None
            else demand_choice("--durability", arguments.durability, CHOICES["durability"]),
            name=arguments.name,
            log=self.log,
        )

    @magic()
    def pmem(self, arguments: argparse.Namespace) -> PoolList:
        """List the open pools: name, file, used and free space, kind of memory, transaction.

        Example::

            %pmem
        """
        return list_pools(self.session)

    @magic(pool_argument, argument("--all", action="store_true", help="close every open pool"))
    def pmem_close(self, arguments: argparse.Namespace) -> Any:
        """Close a pool. Closing it again has no effect. Every later use of its objects raises an error.

        Example::

            %pmem_close
            %pmem_close other
            %pmem_close --all
        """
        if not arguments.all:
            return close_pool(self.session, arguments.name)
        if arguments.name:
            raise MagicUsageError(f"close {arguments.name} with --all", "--all closes every pool", "leave one out")
        return close_all_pools(self.session)

    @magic(argument("path", metavar="PATH", help="the file or directory of a pool that is not open"))
    def pmem_delete(self, arguments: argparse.Namespace) -> Table:
        """Delete a pool, without asking. It must be closed; other files are never deleted.

        Example::

            %pmem_delete old.pmem
        """
        return delete_pool(self.session, expand_path(arguments.path, self.session))
