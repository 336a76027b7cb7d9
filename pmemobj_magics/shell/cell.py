"""Compile and run the body of a cell magic, and show its errors like those of any cell.

``shell.run_cell`` inside a magic would show an error and then swallow it. So the body takes the way of ``%%time``:
transform, parse, compile, execute. The value of a last expression is returned, and IPython displays it.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any

from pmemobj_magics.errors import CellSyntaxError, MagicUsageError

__all__ = ["CellCode", "Shell", "compile_cell", "show_own_frames"]

#: IPython's `InteractiveShell`, whose own types are too incomplete to be checked.
Shell = Any


@dataclass(frozen=True)
class CellCode:
    """A compiled cell.

    Attributes:
        body: Its statements, without a last expression.
        last: The expression at its end, or None.
        filename: The name under which tracebacks find its lines.
        quiet: Whether it ends in a semicolon, which keeps its value from being shown.
    """

    body: CodeType
    last: CodeType | None
    filename: str
    quiet: bool

    def run(self, namespace: dict[str, Any]) -> Any:
        """Run the cell in `namespace`, and return the value of its last expression."""
        exec(self.body, namespace)
        return eval(self.last, namespace) if self.last else None


def compile_cell(shell: Shell, line: str, cell: str) -> CellCode:
    """Compile the body of a cell magic without running it.

    Args:
        shell: The shell, whose transformations and compiler apply.
        line: The first line of the cell with the magic, for tracebacks.
        cell: The lines below the first one.

    Raises:
        CellSyntaxError: the body is not valid Python; the error is shown as in any cell.
        MagicUsageError: the body contains ``await``.
    """
    # A comment stands in the place of the magic's own line, so that line numbers are the ones that the user sees.
    source = f"# {line.strip()}\n{shell.transform_cell(cell)}"
    filename = shell.compile.cache(source, shell.execution_count, raw_code=source)
    try:
        body_code, last_code = _compile(shell, source, filename)
    except SyntaxError as error:
        raise _syntax_error(shell, error) from None
    if any(code and code.co_flags & inspect.CO_COROUTINE for code in (body_code, last_code)):
        raise MagicUsageError(
            f"run a cell with await in {line.split()[0]}",
            "while the cell waits, other code would run inside its transaction",
            "put the await into a cell before this one",
        )
    return CellCode(body_code, last_code, filename, shell.displayhook.semicolon_at_end_of_expression(source))


def _compile(shell: Shell, source: str, filename: str) -> tuple[CodeType, CodeType | None]:
    tree = shell.transform_ast(shell.compile.ast_parse(source, filename))
    last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    # A top-level await compiles here, so that it gets an error message of its own instead of a syntax error.
    with shell.compile.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        body = shell.compile(tree, filename, "exec")
        return body, shell.compile(last, filename, "eval") if last else None


def _syntax_error(shell: Shell, error: SyntaxError) -> CellSyntaxError:
    shown = CellSyntaxError("run the cell", f"line {error.lineno}: {error.msg}")
    lines = shell.SyntaxTB.structured_traceback(type(error), error, [])
    shown._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return shown


def show_own_frames(shell: Shell, error: BaseException, code: CellCode) -> None:
    """Make IPython show the traceback of a cell's error from the cell's own line on, without the magic's frames."""
    traceback = error.__traceback__
    while traceback and traceback.tb_frame.f_code.co_filename != code.filename:
        traceback = traceback.tb_next
    if traceback is None or hasattr(error, "_render_traceback_"):
        return
    # An exception with __slots__ takes no attribute; then IPython shows the whole traceback.
    with contextlib.suppress(AttributeError):
        error._render_traceback_ = lambda: _render(shell, error, traceback)  # type: ignore[attr-defined]


def _render(shell: Shell, error: BaseException, traceback: TracebackType) -> list[str]:
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, traceback, tb_offset=0)
    return lines
