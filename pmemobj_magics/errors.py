"""The magics' own errors, and the short form in which an expected error is shown.

An expected failure (a missing file, a misspelt option) is three lines: what, why, what to do. It
stays a real exception, so that "Run All" stops at it and a test of the notebook fails: IPython asks
an exception for its own rendering (``_render_traceback_``) before it makes a traceback. IPython's
``UsageError`` would be as short, but those who run notebooks pass over it.

It does not matter whether a magic raised it or a line of the user's own: ``pool.root`` of a closed
pool is as expected a failure as ``%pmem_open`` of a missing one.
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
    """The cell is no Python. (IPython would show a `SyntaxError` of a magic with all frames of ours.)"""


class MagicUsageError(PmemError, ValueError):
    """The arguments of a magic make no sense."""


class NoSuchPoolError(PmemError, LookupError):
    """No open pool goes by that name, or it is not clear which one is meant."""


class ExpressionError(PmemError, ValueError):
    """An expression in the line of a magic failed, or gave nothing that the magic can use."""


class DrawingError(PmemError, RuntimeError):
    """Graphviz is missing, or could not draw."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean X?`` for the nearest known word, or an empty string."""
    near = difflib.get_close_matches(word, sorted(set(known)), n=1)
    return f"did you mean {near[0]}?" if near else ""


def shorten(shell: Any, error: PmemError, traceback: TracebackType | None) -> None:
    """Make IPython show `error` in at most three lines instead of a traceback, unless it has its own way."""
    if not hasattr(error, "_render_traceback_"):
        colours = ("", "") if shell.colors.lower() == "nocolor" else (_RED, _PLAIN)
        lines = _short_lines(error, _place(shell, traceback), *colours)
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


def _short_lines(error: PmemError, place: str, red: str, plain: str) -> list[str]:
    lines = [f"cannot {error.what}", f"  {error.why}", f"  {error.todo}" if error.todo else ""]
    what, *rest = (" ".join(line.splitlines()) for line in lines if line)
    return [f"{red}{type(error).__name__}{plain}{place}: {what}", *rest]


def _place(shell: Any, traceback: TracebackType | None) -> str:
    """Where in the user's cells it happened, unless that is plain to see."""
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
