"""The errors of the magics, and the short form in which an expected error is shown.

An expected error (a missing file, a misspelt option) is shown in three lines: what failed, why, and what to do. It is
a real exception all the same, so that "Run All" stops at it and a test of the notebook fails. IPython asks an
exception for its own rendering (``_render_traceback_``) before it makes a traceback. IPython's ``UsageError`` would be
as short, but programs that run notebooks ignore it.

An error of a line that the user wrote is shown in the same way as an error of a magic: ``pool.root`` of a closed pool
is as expected as ``%pmem_open`` of a missing file.
"""

from __future__ import annotations

import difflib
import linecache
import traceback as tracebacks
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from pmemobj import PmemError

__all__ = [
    "CellSyntaxError",
    "DrawingError",
    "ExpressionError",
    "MagicUsageError",
    "NoSuchPoolError",
    "did_you_mean",
    "shorten",
]

_RED, _PLAIN = "\x1b[31m", "\x1b[39m"


class CellSyntaxError(PmemError):
    """The cell is not valid Python. (IPython would show a `SyntaxError` from a magic with all frames of the magic.)"""


class MagicUsageError(PmemError, ValueError):
    """The arguments of a magic are wrong."""


class NoSuchPoolError(PmemError, LookupError):
    """No open pool has this name, or several open pools are possible."""


class ExpressionError(PmemError, ValueError):
    """An expression in the line of a magic failed, or its value is of no use to the magic."""


class DrawingError(PmemError, RuntimeError):
    """Graphviz is not installed, or could not draw the graph."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?`` with the most similar known word, or an empty string."""
    near = difflib.get_close_matches(word, sorted(set(known)), n=1)
    return f"did you mean {near[0]}?" if near else ""


def shorten(shell: Any, error: PmemError, traceback: TracebackType | None) -> None:
    """Make IPython show `error` in at most three lines instead of a traceback, unless it has a rendering already."""
    if not hasattr(error, "_render_traceback_"):
        colours = ("", "") if shell.colors.lower() == "nocolor" else (_RED, _PLAIN)
        lines = _short_lines(error, _where(shell, traceback), *colours)
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


def _short_lines(error: PmemError, where: str, red: str, plain: str) -> list[str]:
    lines = [f"cannot {error.what}", f"  {error.why}", f"  {error.todo}" if error.todo else ""]
    what, *rest = (" ".join(line.splitlines()) for line in lines if line)
    return [f"{red}{type(error).__name__}{plain}{where}: {what}", *rest]


def _where(shell: Any, traceback: TracebackType | None) -> str:
    """The line of the user's cell that failed, unless the cell has only one line."""
    in_cells = [
        (frame.filename, frame.lineno)
        for frame in tracebacks.extract_tb(traceback)
        if shell.compile.format_code_name(frame.filename)
    ]
    if not in_cells:
        return ""
    (outer, _), (inner, number) = in_cells[0], in_cells[-1]
    if inner != outer:
        return f" in line {number} of {shell.compile.format_code_name(inner)[1]}"
    return f" in line {number}" if len(linecache.getlines(inner)) > 1 else ""
