"""What all magics share: the decorator that makes a method a magic, options, ``-o``, and errors in short form."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from IPython.core import magic_arguments
from IPython.core.magic import Magics, cell_magic, line_magic, no_var_expand
from IPython.display import display
from traitlets import Bool, Float, Int

from pmemobj import PmemError
from pmemobj_magics.commands.objects import Extent
from pmemobj_magics.errors import shorten
from pmemobj_magics.shell.arguments import expand_path, parse, parse_count
from pmemobj_magics.shell.cell import Shell, compile_cell
from pmemobj_magics.shell.help import help_text
from pmemobj_magics.shell.session import Session, demand_name

__all__ = [
    "BaseMagics",
    "argument",
    "expression_argument",
    "extent_arguments",
    "limit_arguments",
    "magic",
    "pool_argument",
    "show",
]

_Body = Callable[..., Any]
_Decorator = Callable[[_Body], _Body]

# IPython's decorators and its display function have no type annotations.
show: Callable[[Any], Any] = display
argument: Callable[..., _Decorator] = magic_arguments.argument
_magic_arguments: Callable[..., _Decorator] = magic_arguments.magic_arguments

_output = argument("-o", dest="output", metavar="NAME", help="also bind the result to this variable")
pool_argument = argument(
    "name", nargs="?", metavar="NAME", help="variable of the pool (default: the only open one, or pool)"
)
expression_argument = argument(
    "expression", nargs="*", metavar="EXPR", help="a pool or a persistent object (default: the root)"
)
limit_arguments = (
    argument("--max-nodes", metavar="N", help="largest number of objects (default 200)"),
    argument("--max-items", metavar="N", help="largest number of entries of each object (default 20)"),
    argument("--offsets", action="store_true", help="show the offset of each object"),
)
#: How much of a pool a tree or a graph shows; see `BaseMagics.extent`.
extent_arguments = (
    argument("--depth", metavar="N", help="how many references to follow (default: all)"),
    *limit_arguments,
)


def magic(*arguments: _Decorator, cell: bool = False, code: bool = False, name: str = "") -> _Decorator:
    """Make a method a magic with these arguments, with ``-o``, and with errors in short form.

    Args:
        arguments: The arguments, in the order in which the help lists them.
        cell: Whether it is a cell magic; the method gets the compiled body of the cell.
        code: Whether the line contains Python code, whose quotes must be kept.
        name: The name of the magic, if it is not that of the method: a line magic and a cell magic can have one name.
    """
    kind: Callable[[Any], Any] = cell_magic if cell else line_magic

    def decorate(body: _Body) -> _Body:
        method = body.__name__
        body.__name__ = name or method
        for each in (_output, *reversed(arguments)):
            each(body)
        doc = body.__doc__ or ""
        _magic_arguments(body.__name__)(body)
        body.__doc__ = help_text("%" * (1 + cell) + body.__name__, doc, body.parser)  # type: ignore[attr-defined]

        @functools.wraps(body)
        def run(self: BaseMagics, line: str, cell: str | None = None) -> Any:
            try:
                return self._run(body, line, cell, code)
            except PmemError as error:
                # The error is shortened before a surrounding cell magic can show the user's line with a traceback.
                if self.short_errors:
                    shorten(self.shell, error, error.__traceback__)
                raise

        no_var_expand(run)
        run.__name__ = method  # by which IPython finds it
        made: _Body = kind(body.__name__)(run)
        return made

    return decorate


class BaseMagics(Magics):
    """Options, session and errors; each feature has a subclass with its magics."""

    short_errors = Bool(True, help="Show expected errors in three lines instead of a traceback.").tag(config=True)
    max_nodes = Int(200, help="Largest number of objects in a picture.").tag(config=True)
    max_items = Int(20, help="Largest number of entries of each object.").tag(config=True)
    crash_seconds = Float(30.0, help="Seconds that the cell of %%pmem_crash may run.").tag(config=True)
    log = Bool(True, help="Let %pmem_open switch on the history of transactions that %pmem_log shows.").tag(config=True)
    progress = Bool(True, help="Show a progress bar when the work takes long.").tag(config=True)

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
        """Show an error of pmemobj that ends a cell; IPython calls this method (see ``set_custom_exc``)."""
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)

    def show_traceback(self, exc_tuple: Any = None, *args: Any, **options: Any) -> None:
        """Show any error, but shorten errors of pmemobj first; this replaces ``showtraceback`` of the shell."""
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

    @staticmethod
    def count(option: str, text: str | None, default: int | None, least: int = 1) -> int | None:
        """The number that an option gives, or the default if the option is missing."""
        return default if text is None else parse_count(option, text, least)

    def extent(self, arguments: argparse.Namespace) -> Extent:
        """How much of a pool to show, by `extent_arguments`."""
        return Extent(
            self.count("--depth", arguments.depth, None, least=0),
            self.count("--max-nodes", arguments.max_nodes, self.max_nodes),
            self.count("--max-items", arguments.max_items, self.max_items),
            arguments.offsets,
        )

    def saved(self, result: Any, path: str | None) -> Any:
        """The result, which is first saved to a file if the option ``--save`` names one."""
        if path:
            result.save(expand_path(path.strip("'\""), self.session))
        return result
