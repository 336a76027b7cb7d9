"""The help of a magic, as its question mark shows it: on a screen of 24 lines with 80 characters.

``magic_arguments`` would let argparse write it, with headings and a line for each word. Here it is one line of
use, what the magic does, its arguments, and an example; where one line for each argument makes it too
long, short ones stand side by side.
"""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

__all__ = ["SCREEN", "help_text"]

#: Lines and characters; IPython's own two lines around it, and the line for the next input, are left out.
SCREEN = 21, 79
#: From here on an argument is no short one, which stands in half a line.
_HALF = 39


def help_text(name: str, doc: str, parser: argparse.ArgumentParser) -> str:
    """The help of the magic with that name and sign.

    Args:
        name: Such as ``%pmem_open``.
        doc: The docstring of its method, with an ``Example::`` at the end.
        parser: What takes its arguments apart.
    """
    said, _, example = inspect.cleandoc(doc).partition("Example::")
    actions = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    paragraphs = [textwrap.fill(" ".join(part.split()), SCREEN[1] - 1) for part in said.strip().split("\n\n")]
    entries = [(_sign(action), (action.help or "").replace("%%", "%")) for action in actions]
    use = " ".join([name, *(_use(action) for action in actions if not action.option_strings), "[options]"])
    shown_example = textwrap.indent(inspect.cleandoc(example), "    ")
    lines: list[str] = []
    for packed in (False, True):
        arguments = list(_packed(entries) if packed else _listed(entries))
        lines = [use, "", *"\n\n".join(paragraphs).splitlines(), "", *arguments]
        lines += ["", "Example::", *shown_example.splitlines()] if shown_example else []
        if len(lines) <= SCREEN[0]:
            break
        paragraphs = ["\n".join(paragraphs)]
    return "\n".join(lines)


def _sign(action: argparse.Action) -> str:
    """``--size SIZE``, ``NAME``."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return value
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"


def _use(action: argparse.Action) -> str:
    return f"[{_sign(action)}]" if action.nargs in ("?", "*") else _sign(action)


def _listed(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    """One below the other, and what they mean beside them."""
    width = max((len(sign) for sign, _ in entries), default=0)
    for sign, text in entries:
        yield from _beside(sign, text, width)


def _beside(sign: str, text: str, width: int) -> list[str]:
    first = f"  {sign.ljust(width)}  "
    return textwrap.wrap(text, SCREEN[1] - 1, initial_indent=first, subsequent_indent=" " * len(first))


def _packed(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The same, but those that are short go two in a line, after the others."""
    short = [(sign, text) for sign, text in entries if len(sign) + 2 + len(text) < _HALF]
    yield from _listed([entry for entry in entries if entry not in short])
    halves = [f"{sign}  {text}" for sign, text in short]
    for left, right in zip_longest(halves[::2], halves[1::2], fillvalue=""):
        yield f"  {left.ljust(_HALF)}{right}".rstrip()
