"""The line of a magic taken apart: words, options, sizes, and ``{variables}`` in paths.

IPython's own expansion is off for our magics (code may contain braces, and it leaves an unknown
variable as it stands); a path is expanded here, and an unknown variable is an error.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from IPython.core.error import UsageError
from IPython.utils.text import DollarFormatter

from pmemobj_magics.errors import MagicUsageError, did_you_mean
from pmemobj_magics.session import Session

__all__ = ["demand_choice", "expand_path", "parse", "parse_count", "parse_pool_size", "parse_seconds", "parse_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B(?:ytes)?)?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


def parse(method: Callable[..., Any], line: str, *, code: bool = False, cell: bool = False) -> argparse.Namespace:
    """The arguments in `line`, by the parser that ``magic_arguments`` put on `method`.

    Args:
        method: The magic.
        line: What follows its name.
        code: Whether the words are Python code, where quotes must stay.
        cell: Whether it is the magic of a whole cell.

    Raises:
        MagicUsageError: they do not fit.
    """
    name = f"{'%%' if cell else '%'}{method.__name__}"
    try:
        words = _words_of_code(line) if code else _split(line)
        arguments, unknown = method.parser.parse_known_args(words)  # type: ignore[attr-defined]
    except (UsageError, ValueError) as error:
        raise MagicUsageError(f"understand {name} {line}", str(error), f"{name}? shows how") from None
    if unknown:
        raise MagicUsageError(
            f"understand {name} {line}",
            f"{unknown[0]} is no {'option' if unknown[0].startswith('-') else 'argument'} of it",
            did_you_mean(unknown[0], _options(method)) or f"{name}? shows how",
        )
    found: argparse.Namespace = arguments
    return found


def _options(method: Callable[..., Any]) -> Iterator[str]:
    for decorator in method.decorators:  # type: ignore[attr-defined]
        yield from (word for word in getattr(decorator, "args", ()) if word.startswith("--"))


def _split(line: str) -> list[str]:
    """The words of a line, as a shell splits it, but each ``{expression}`` left whole."""
    fields = re.findall(r"\{[^{}]*\}", line)
    stashed = re.sub(r"\{[^{}]*\}", "\0", line)
    rest = iter(fields)
    return [re.sub("\0", lambda _: next(rest), word) for word in shlex.split(stashed)]


def _words_of_code(line: str) -> list[str]:
    """The words of a line with an expression in it, quotes and all."""
    words = shlex.shlex(line, posix=False, punctuation_chars=False)
    words.whitespace_split, words.commenters = True, ""
    return list(words)


def expand_path(text: str, session: Session) -> str:
    """A path with ``~``, ``{expression}`` and ``$variable`` put in.

    Raises:
        MagicUsageError: an expression fails.
    """
    try:
        return os.path.expanduser(DollarFormatter().vformat(text, (), session.namespace))
    except Exception as error:
        hint = did_you_mean(error.name, session.variables) if isinstance(error, NameError) and error.name else ""
        reason = f"{type(error).__name__}: {error}"
        raise MagicUsageError(f"expand {text}", reason, hint or "define it, or write {{ for a brace") from None


def parse_size(text: str) -> int:
    """Bytes: ``64M``, ``64MiB``, ``1.5G`` or a plain number.

    Raises:
        MagicUsageError: it is no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise MagicUsageError(f"understand the size {text}", "it is no number of bytes", "write 64M, 1G or 67108864")
    number, unit = match.groups()
    return int(float(number) * 1024 ** _POWERS[unit.upper()]) if unit else int(float(number))


def parse_pool_size(text: str) -> int | Literal["auto"]:
    """The size of a new pool: ``auto`` for one that grows, or as `parse_size`."""
    return "auto" if text.strip().lower() == "auto" else parse_size(text)


def parse_count(option: str, text: str, least: int = 1) -> int:
    """A whole number, not below `least`.

    Raises:
        MagicUsageError: it is none.
    """
    if not re.fullmatch(r"-?\d+", text) or int(text) < least:
        raise MagicUsageError(f"use {option} {text}", "it is no whole number, or too small", f"choose {least} or more")
    return int(text)


def parse_seconds(option: str, text: str) -> float:
    """A time in seconds, above 0.

    Raises:
        MagicUsageError: it is none.
    """
    if not re.fullmatch(r"\d+(\.\d+)?", text) or not float(text):
        raise MagicUsageError(f"use {option} {text}", "it is no number of seconds", "choose one above 0, such as 10")
    return float(text)


def demand_choice(option: str, text: str, known: Sequence[str]) -> str:
    """The text, if it is one of those that are known.

    Raises:
        MagicUsageError: it is not.
    """
    if text not in known:
        hint = did_you_mean(text, known) or f"choose one of {', '.join(known)}"
        raise MagicUsageError(f"use {option} {text}", "there is no such choice", hint)
    return text
