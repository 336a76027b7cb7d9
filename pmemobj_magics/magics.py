"""The magics themselves: arguments, help and options; `commands` does the work."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from IPython.core import magic_arguments
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display
from traitlets import Bool, Float, Int

from pmemobj import PmemError
from pmemobj.crash import MODELS
from pmemobj_magics import commands
from pmemobj_magics.arguments import (
    demand_choice,
    expand_path,
    parse,
    parse_count,
    parse_pool_size,
    parse_seconds,
    parse_size,
)
from pmemobj_magics.cell import CellCode, Shell, compile_cell
from pmemobj_magics.errors import MagicUsageError, shorten
from pmemobj_magics.session import DEFAULT_NAME, Session, demand_name

__all__ = ["PmemMagics"]

_Body = Callable[..., Any]
_Decorator = Callable[[_Body], _Body]

# IPython's decorators and its display carry no types.
_display: Callable[[Any], Any] = display
_argument: Callable[..., _Decorator] = magic_arguments.argument
_magic_arguments: Callable[..., _Decorator] = magic_arguments.magic_arguments

_output = _argument("-o", dest="output", metavar="NAME", help="bind the result to this variable too")
_pool = _argument("name", nargs="?", metavar="NAME", help="variable of the pool (default: the only open one, or pool)")


def _magic(*arguments: _Decorator, cell: bool = False, code: bool = False) -> _Decorator:
    """Make a method a magic with these arguments and what all magics share: ``-o``, and errors in short form.

    Args:
        arguments: Its arguments, in the order of its help.
        cell: Whether it has a body, which it then gets compiled.
        code: Whether its line has Python code, whose quotes must stay.
    """
    kind: Callable[[Any], Any] = cell_magic if cell else line_magic

    def decorate(body: _Body) -> _Body:
        for argument in (_output, *reversed(arguments)):
            argument(body)
        # The help calls it %name; the rest of the sign of a cell magic is ours.
        _magic_arguments("%" * cell + body.__name__)(body)

        @functools.wraps(body)
        def run(self: PmemMagics, line: str, cell: str | None = None) -> Any:
            try:
                return self._run(body, line, cell, code)
            except PmemError as error:
                # Here already, lest a cell magic around this one show the line that has it.
                if self.short_errors:
                    shorten(self.shell, error, error.__traceback__)
                raise

        no_var_expand(run)
        magic: _Body = kind(run)
        return magic

    return decorate


@magics_class
class PmemMagics(Magics):
    """Magics that open pools, run cells in transactions, draw objects, and crash cells on purpose."""

    short_errors = Bool(True, help="Show expected errors in three lines instead of a traceback.").tag(config=True)
    max_nodes = Int(200, help="How many objects a graph shows at the most.").tag(config=True)
    max_items = Int(20, help="How many entries of an object a graph shows at the most.").tag(config=True)
    crash_seconds = Float(30.0, help="How long the cell of %%pmem_crash may run.").tag(config=True)
    progress = Bool(True, help="Show a bar where something takes longer.").tag(config=True)

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.session = Session(shell)

    def show_error(
        self,
        shell: Shell,
        kind: type[PmemError],
        error: PmemError,
        traceback: TracebackType | None,
        tb_offset: int | None = None,
    ) -> None:
        """Show an error of ours that ends a cell; IPython calls it (see ``set_custom_exc``)."""
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)

    def show_traceback(self, exc_tuple: Any = None, *args: Any, **options: Any) -> None:
        """Show any error; stands in for the shell's own method of that name, and shortens errors of ours first."""
        _, error, traceback = exc_tuple or sys.exc_info()
        if self.short_errors and isinstance(error, PmemError):
            shorten(self.shell, error, traceback)
        shell: Shell = self.shell
        type(shell).showtraceback(shell, exc_tuple, *args, **options)

    def _run(self, body: _Body, line: str, cell: str | None, takes_code: bool) -> Any:
        line, quiet = line.rstrip(), False
        if cell is None and line.endswith(";"):
            line, quiet = line[:-1], True
        arguments = parse(body, line, code=takes_code, cell=cell is not None)
        if arguments.output:
            demand_name(arguments.output)
        if cell is None:
            result = body(self, arguments)
        else:
            code = compile_cell(self.session.shell, f"%%{body.__name__} {line}", cell)
            result = body(self, arguments, code)
            quiet = code.quiet and body.__name__ in ("pmem_transaction", "pmem_tx")
        if arguments.output:
            self.session.bind(arguments.output, result)
        return None if quiet else result

    # ---- pools ----

    @_magic(
        _argument("path", metavar="PATH", help="the file; ~ and {expressions} are put in"),
        _argument("--create", action="store_true", help="make the pool if there is none"),
        _argument("--exclusive", action="store_true", help="make the pool, and fail if there is a file"),
        _argument("--size", help="of a new pool: 64M, 1G, bytes, or auto for one that grows (default 64M)"),
        _argument("--max-size", metavar="SIZE", help="how far a new pool of --size auto may grow (default 64G)"),
        _argument("--sandbox", action="store_true", help="keep all changes in memory; they vanish at close"),
        _argument(
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
        )

    @_magic()
    def pmem(self, arguments: argparse.Namespace) -> commands.PoolList:
        """List the open pools: name, file, used and free memory, kind of memory, transaction.

        Example::

            %pmem
        """
        return commands.list_pools(self.session)

    @_magic(_pool)
    def pmem_close(self, arguments: argparse.Namespace) -> commands.PoolReport:
        """Close a pool. Again is fine. Its objects refuse every use from then on.

        Example::

            %pmem_close
            %pmem_close other
        """
        return commands.close_pool(self.session, arguments.name)

    # ---- transactions ----

    @_magic(_pool, cell=True)
    def pmem_transaction(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Run the cell in one transaction: all of its changes happen, or none. Short: %%pmem_tx.

        An error or an interrupt rolls back and is shown as usual. The value of the last expression
        is shown too.

        Example::

            %%pmem_transaction
            pool.root["tries"] += 1
            pool.root["guesses"].append(17)
        """
        return commands.run_cell(self.session, code, arguments.name)

    @_magic(_pool, cell=True)
    def pmem_tx(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Short for %%pmem_transaction: run the cell in one transaction.

        Example::

            %%pmem_tx
            pool.root["tries"] += 1
        """
        return commands.run_cell(self.session, code, arguments.name)

    @_magic(_pool)
    def pmem_begin(self, arguments: argparse.Namespace) -> commands.TransactionReport:
        """Begin a transaction that stays open over the following cells.

        What they change can be looked at, and kept with %pmem_commit or undone with %pmem_abort. A
        cell that fails leaves it open.

        Example::

            %pmem_begin
            pool.root["tries"] = 0
            %pmem_graph
            %pmem_abort
        """
        return commands.begin(self.session, arguments.name)

    @_magic(_pool)
    def pmem_commit(self, arguments: argparse.Namespace) -> commands.TransactionReport:
        """Keep everything that was changed since %pmem_begin.

        Example::

            %pmem_commit
        """
        return commands.commit(self.session, arguments.name)

    @_magic(_pool)
    def pmem_abort(self, arguments: argparse.Namespace) -> commands.TransactionReport:
        """Undo everything that was changed since %pmem_begin.

        Example::

            %pmem_abort
        """
        return commands.abort(self.session, arguments.name)

    # ---- pictures ----

    @line_magic
    @_magic(
        _argument("expression", nargs="*", metavar="EXPR", help="a pool or a persistent object (default: the root)"),
        _argument("--depth", metavar="N", help="how many steps to follow (default: all)"),
        _argument("--max-nodes", metavar="N", help="how many objects to show (default 200)"),
        _argument("--max-items", metavar="N", help="how many entries of each object to show (default 20)"),
        _argument("--offsets", action="store_true", help="show where each object lies, and its size"),
        _argument("--save", metavar="FILE", help="write it to a file too: .svg, .png, .dot or .html"),
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
            "depth": self._count("--depth", arguments.depth, None, least=0),
            "max_nodes": self._count("--max-nodes", arguments.max_nodes, self.max_nodes),
            "max_items": self._count("--max-items", arguments.max_items, self.max_items),
        }
        graph = commands.draw_graph(self.session, " ".join(arguments.expression), offsets=arguments.offsets, **counts)
        if arguments.save:
            graph.save(expand_path(arguments.save.strip("'\""), self.session))
        return graph

    @_magic(
        _argument("expression", nargs="*", metavar="EXPR", help="a pool or a persistent object (default: the root)"),
        _argument("--max-nodes", metavar="N", help="how many objects to show (default 200)"),
        _argument("--max-items", metavar="N", help="how many entries of each object to show (default 20)"),
        code=True,
    )
    def pmem_watch(self, arguments: argparse.Namespace) -> Any:
        """Explore a pool: tree, graph and details, which follow what the next cells do.

        Search, fold, jump along references, move and enlarge, by pointer or by keys (? tells them). To have it
        beside the notebook: right click, Create New View for Output. In a terminal it is a tree.

        Example::

            %pmem_watch
            %pmem_watch pool.root["guesses"]
        """
        limits = commands.WatchLimits(
            nodes=self._count("--max-nodes", arguments.max_nodes, self.max_nodes) or 1,
            items=self._count("--max-items", arguments.max_items, self.max_items) or 1,
        )
        return commands.watch(self.session, " ".join(arguments.expression), limits)

    @staticmethod
    def _count(option: str, text: str | None, default: int | None, least: int = 1) -> int | None:
        return default if text is None else parse_count(option, text, least)

    @_magic(
        _pool,
        _argument("--kill", action="store_true", help="kill the process once (the default)"),
        _argument("--at", metavar="N", help="with --kill: after the N-th change (default: just before the commit)"),
        _argument("--sweep", action="store_true", help="kill it at every change"),
        _argument("--power", action="store_true", help="cut the power at every moment, in every way"),
        _argument("--model", default=None, help="of a power cut: drop, all-or-none, prefix, events, lines (default)"),
        _argument("--check", nargs="+", metavar="EXPR", help="with --power: must be true of the recovered pool"),
        _argument("--budget", metavar="N", help="how many crashes at most (200 kills, 3000 cuts)"),
        _argument("--seconds", metavar="S", help="how long to go on (default 60)"),
        _argument("--seed", metavar="N", help="with --power: chooses the sample, if there are more"),
        _argument("--interactive", action="store_true", default=None, help="with --power: a timeline with a slider"),
        _argument("--save", metavar="FILE", help="with --power: write that to an .html file too"),
        cell=True,
        code=True,
    )
    def pmem_crash(self, arguments: argparse.Namespace, code: CellCode) -> Any:
        """Crash the cell on purpose, and show what recovery makes of the pool.

        It runs in a copy of this process; the kernel lives on. --kill and --sweep run it in a transaction,
        on the real pool; with --power it makes its own, on a copy, and nothing changes.

        Example::

            %%pmem_crash --power --check sum(pool.root.values()) == 100
            with pool.transaction():
                pool.root["anna"] -= 10
                pool.root["bert"] += 10
        """
        mode = _crash_mode(arguments)
        limits = commands.Limits(
            cell=self.crash_seconds,
            exploring=60.0 if arguments.seconds is None else parse_seconds("--seconds", arguments.seconds),
            budget=self._count("--budget", arguments.budget, 3000 if mode == "power" else 200) or 1,
            max_nodes=self.max_nodes,
            max_items=self.max_items,
            progress=self.progress,
        )
        if mode == "sweep":
            return commands.sweep(self.session, code, arguments.name, limits)
        if mode == "power":
            model = demand_choice("--model", arguments.model or "lines", MODELS)
            seed = self._count("--seed", arguments.seed, 0, least=0) or 0
            result = commands.cut_power(
                self.session,
                code,
                arguments.name,
                model=model,
                check=commands.unquoted(arguments.check or []),
                seed=seed,
                limits=limits,
                interactive=bool(arguments.interactive),
            )
            if arguments.interactive:
                _display(result.widget)
            if arguments.save:
                result.save(expand_path(arguments.save.strip("'\""), self.session))
            return result
        at = self._count("--at", arguments.at, None)
        return commands.kill(self.session, code, arguments.name, at, limits)


#: Which options of %%pmem_crash belong to which kinds of crash.
_OF_MODE = {
    "at": ("kill",),
    "model": ("power",),
    "check": ("power",),
    "seed": ("power",),
    "interactive": ("power",),
    "save": ("power",),
    "budget": ("sweep", "power"),
    "seconds": ("sweep", "power"),
}


def _crash_mode(arguments: argparse.Namespace) -> str:
    """Which kind of crash is asked for.

    Raises:
        MagicUsageError: more than one, or an option of another kind.
    """
    asked = [mode for mode in ("kill", "sweep", "power") if getattr(arguments, mode)]
    if len(asked) > 1:
        both = " and ".join(f"--{mode}" for mode in asked)
        raise MagicUsageError(f"use {both} together", "each is a kind of crash of its own", "choose one of them")
    mode = asked[0] if asked else "kill"
    for option, modes in _OF_MODE.items():
        if getattr(arguments, option) is not None and mode not in modes:
            fitting = " or ".join(f"--{each}" for each in modes)
            todo = f"leave it out, or add {fitting}"
            raise MagicUsageError(f"use --{option} with --{mode}", f"it belongs to {fitting}", todo)
    return mode
