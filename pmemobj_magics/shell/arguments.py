"""Parse the line of a magic: words, options, sizes, and ``{variables}`` in paths.

IPython's own expansion of variables is switched off for these magics: a line may be Python code with braces, and
IPython silently leaves an unknown variable as it is. Paths are expanded here, and an unknown variable is an error.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from IPython.core.error import UsageError
from IPython.utils.text import DollarFormatter

from pmemobj_magics.errors import MagicUsageError, did_you_mean
from pmemobj_magics.shell.session import Session

__all__ = [
    "demand_choice",
    "expand_path",
    "parse",
    "parse_count",
    "parse_pool_size",
    "parse_seconds",
    "parse_size",
    "unquoted",
]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B(?:ytes)?)?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse(method: Callable[..., Any], line: str, *, code: bool = False, cell: bool = False) -> argparse.Namespace:
    """Parse a line with the parser that ``magic_arguments`` attached to `method`.

    Args:
        method: The magic.
        line: The text behind its name.
        code: Whether the words are Python code, whose quotes must be kept.
        cell: Whether it is a cell magic.

    Raises:
        MagicUsageError: the line does not fit the parser.
    """
    name = f"{'%%' if cell else '%'}{method.__name__}"
    how = f"{name}? shows its arguments"
    try:
        words = _words_of_code(line) if code else _split(line)
        arguments, unknown = method.parser.parse_known_args(words)  # type: ignore[attr-defined]
    except (UsageError, ValueError) as error:
        raise MagicUsageError(f"understand {name} {line}", str(error), how) from None
    if unknown:
        kind = "option" if unknown[0].startswith("-") else "argument"
        hint = did_you_mean(unknown[0], _options(method)) or how
        raise MagicUsageError(f"understand {name} {line}", f"unknown {kind} {unknown[0]}", hint)
    found: argparse.Namespace = arguments
    return found


def _options(method: Callable[..., Any]) -> Iterator[str]:
    for decorator in method.decorators:  # type: ignore[attr-defined]
        yield from (word for word in getattr(decorator, "args", ()) if word.startswith("--"))


def _split(line: str) -> list[str]:
    """Split a line into words as a shell does, but keep each ``{expression}`` in one piece."""
    fields = re.findall(r"\{[^{}]*\}", line)
    stashed = re.sub(r"\{[^{}]*\}", "\0", line)
    rest = iter(fields)
    return [re.sub("\0", lambda _: next(rest), word) for word in shlex.split(stashed)]


def _words_of_code(line: str) -> list[str]:
    """Split a line that holds an expression into words, and keep its quotes."""
    words = shlex.shlex(line, posix=False, punctuation_chars=False)
    words.whitespace_split, words.commenters = True, ""
    return list(words)


def unquoted(words: Sequence[str]) -> str:
    """The expression that these words of a line are: as it stands, or without the quotes around all of it."""
    text = " ".join(words)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text


def expand_path(text: str, session: Session) -> str:
    """Replace ``~``, each ``{expression}`` and each ``$variable`` in a path.

    Raises:
        MagicUsageError: an expression fails.
    """
    try:
        return os.path.expanduser(DollarFormatter().vformat(text, (), session.namespace))
    except Exception as error:
        hint = did_you_mean(error.name, session.variables) if isinstance(error, NameError) and error.name else ""
        reason = f"{type(error).__name__}: {error}"
        todo = hint or "define the variable, or write {{ for a brace in the name of a file"
        raise MagicUsageError(f"expand {text}", reason, todo) from None


def parse_size(text: str) -> int:
    """The number of bytes that ``64M``, ``64MiB``, ``1.5G`` or a plain number means.

    Raises:
        MagicUsageError: the text is not a size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise MagicUsageError(f"understand the size {text}", "it is not a number of bytes", "write 64M, 1G or 67108864")
    number, unit = match.groups()
    return int(float(number) * 1024 ** _POWERS[unit.upper()]) if unit else int(float(number))


def parse_pool_size(text: str) -> int | Literal["auto"]:
    """The size of a new pool: ``auto`` for a pool that grows, or a size as for `parse_size`."""
    return "auto" if text.strip().lower() == "auto" else parse_size(text)


def parse_count(option: str, text: str, least: int = 1) -> int:
    """The whole number that the text of an option means.

    Raises:
        MagicUsageError: the text is not a whole number, or the number is below `least`.
    """
    is_number = re.fullmatch(r"-?\d+", text)
    if not is_number or int(text) < least:
        why = "the number is too small" if is_number else "its value must be a whole number"
        raise MagicUsageError(f"use {option} {text}", why, f"choose {least} or more")
    return int(text)


def parse_seconds(option: str, text: str) -> float:
    """The time in seconds that the text of an option means.

    Raises:
        MagicUsageError: the text is not a number above 0.
    """
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not float(text):
        raise MagicUsageError(
            f"use {option} {text}", "its value must be a number of seconds", "choose a number above 0"
        )
    return float(text)


def demand_choice(option: str, text: str, known: Sequence[str]) -> str:
    """The text of an option, if it is one of the known choices.

    Raises:
        MagicUsageError: it is another text.
    """
    if text not in known:
        hint = did_you_mean(text, known) or f"choose one of {', '.join(known)}"
        raise MagicUsageError(f"use {option} {text}", f"unknown choice {text}", hint)
    return text
