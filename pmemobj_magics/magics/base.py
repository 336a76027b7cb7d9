"""What all magics share: the sign that makes a method one, options, ``-o``, and errors in short form."""

from __future__ import annotations

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
from pmemobj_magics.arguments import parse, parse_count
from pmemobj_magics.cell import Shell, compile_cell
from pmemobj_magics.errors import shorten
from pmemobj_magics.help import help_text
from pmemobj_magics.session import Session, demand_name

__all__ = ["BaseMagics", "argument", "magic", "pool_argument", "show"]

_Body = Callable[..., Any]
_Decorator = Callable[[_Body], _Body]

# IPython's decorators and its display carry no types.
show: Callable[[Any], Any] = display
argument: Callable[..., _Decorator] = magic_arguments.argument
_magic_arguments: Callable[..., _Decorator] = magic_arguments.magic_arguments

_output = argument("-o", dest="output", metavar="NAME", help="bind the result to this variable too")
pool_argument = argument(
    "name", nargs="?", metavar="NAME", help="variable of the pool (default: the only open one, or pool)"
)


def magic(*arguments: _Decorator, cell: bool = False, code: bool = False) -> _Decorator:
    """Make a method a magic with these arguments and what all magics share: ``-o``, and errors in short form.

    Args:
        arguments: Its arguments, in the order of its help.
        cell: Whether it has a body, which it then gets compiled.
        code: Whether its line has Python code, whose quotes must stay.
    """
    kind: Callable[[Any], Any] = cell_magic if cell else line_magic

    def decorate(body: _Body) -> _Body:
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
                # Here already, lest a cell magic around this one show the line that has it.
                if self.short_errors:
                    shorten(self.shell, error, error.__traceback__)
                raise

        no_var_expand(run)
        made: _Body = kind(run)
        return made

    return decorate


class BaseMagics(Magics):
    """Options, session and errors; the magics of each theme are in a class below it."""

    short_errors = Bool(True, help="Show expected errors in three lines instead of a traceback.").tag(config=True)
    max_nodes = Int(200, help="How many objects a graph shows at the most.").tag(config=True)
    max_items = Int(20, help="How many entries of an object a graph shows at the most.").tag(config=True)
    crash_seconds = Float(30.0, help="How long the cell of %%pmem_crash may run.").tag(config=True)
    log = Bool(True, help="Let %pmem_open begin the log of transactions, for %pmem_log.").tag(config=True)
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

    @staticmethod
    def count(option: str, text: str | None, default: int | None, least: int = 1) -> int | None:
        """The number that an option gives, or what holds without it."""
        return default if text is None else parse_count(option, text, least)
