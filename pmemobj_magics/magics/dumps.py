"""``%pmem_backup``, ``%pmem_dump`` and ``%pmem_restore``: a pool as a copy or as text, and a pool from such a text."""

from __future__ import annotations

import argparse
from typing import Any

from pmemobj_magics.commands.dumps import back_up_pool, dump_pool, restore_pool
from pmemobj_magics.magics.base import BaseMagics, argument, magic, pool_argument
from pmemobj_magics.shell.arguments import expand_path, parse_pool_size, parse_size
from pmemobj_magics.views.dumps import DumpReport

__all__ = ["DumpMagics"]


class DumpMagics(BaseMagics):
    """Backups and dumps."""

    @magic(argument("path", metavar="PATH", help="the copy; no file of this name may exist"), pool_argument)
    def pmem_backup(self, arguments: argparse.Namespace) -> DumpReport:
        """Copy an open pool as of its last commit. The copy is a closed pool; %pmem_open opens it later.

        Example::

            %pmem_backup game.backup
            %pmem_backup other.backup other
        """
        path = expand_path(arguments.path, self.session)
        return back_up_pool(self.session, path, arguments.name, progress=self.progress)

    @magic(
        argument("path", metavar="FILE", help="the new file; an old one is replaced when the dump is complete"),
        pool_argument,
    )
    def pmem_dump(self, arguments: argparse.Namespace) -> DumpReport:
        """Write everything that the root of a pool reaches as text; %pmem_restore makes a pool from it.

        Example::

            %pmem_dump game.jsonl
            %pmem_dump other.jsonl other
        """
        path = expand_path(arguments.path, self.session)
        return dump_pool(self.session, path, arguments.name, progress=self.progress)

    @magic(
        argument("source", metavar="FILE", help="the text that %%pmem_dump wrote"),
        argument("path", metavar="PATH", help="the new pool; no file of this name may exist"),
        argument("--size", help="64M, 1G, bytes, or auto (default: the needed size and a quarter more)"),
        argument("--max-size", metavar="SIZE", help="how far a pool of --size auto may grow (default 64G)"),
        argument("--as", dest="name", metavar="NAME", help="open the pool, and bind it to this variable"),
    )
    def pmem_restore(self, arguments: argparse.Namespace) -> Any:
        """Make a new pool from a dump: a copy, or a pool of another size. No code of its classes is run.

        Example::

            %pmem_restore game.jsonl copy.pmem --as copy
        """
        return restore_pool(
            self.session,
            expand_path(arguments.source, self.session),
            expand_path(arguments.path, self.session),
            size=None if arguments.size is None else parse_pool_size(arguments.size),
            max_size=None if arguments.max_size is None else parse_size(arguments.max_size),
            name=arguments.name,
            log=self.log,
            progress=self.progress,
        )
