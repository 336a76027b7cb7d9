"""The help of a magic, as its question mark shows it: on one screen of 24 lines with 80 characters.

``magic_arguments`` would let argparse write the help, with headings and blank lines that take more room. Here it is
one line of usage, the description, one line for each argument, and an example. Where these do not fit on a screen,
the blank lines between them are left out.
"""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Iterator, Sequence

__all__ = ["SCREEN", "help_text"]

#: Lines and characters; IPython's own two lines around the help and the line of the next prompt are subtracted.
SCREEN = 21, 79


def help_text(name: str, doc: str, parser: argparse.ArgumentParser) -> str:
    """The help of a magic.

    Args:
        name: The magic with its sign, such as ``%pmem_open``.
        doc: The docstring of its method, with an ``Example::`` at the end.
        parser: The parser of its arguments.
    """
    description, _, example = inspect.cleandoc(doc).partition("Example::")
    actions = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    paragraphs = [textwrap.fill(" ".join(part.split()), SCREEN[1] - 1) for part in description.strip().split("\n\n")]
    entries = [(_sign(action), (action.help or "").replace("%%", "%")) for action in actions]
    usage = " ".join([name, *(_use(action) for action in actions if not action.option_strings), "[options]"])
    rest = ["\n".join(_listed(entries))]
    rest += [f"Example:\n{textwrap.indent(inspect.cleandoc(example), '    ')}"] if example else []
    for between_paragraphs, between_blocks in (("\n\n", "\n\n"), ("\n", "\n\n"), ("\n", "\n")):
        text = between_blocks.join([usage, between_paragraphs.join(paragraphs), *rest])
        if len(text.splitlines()) <= SCREEN[0]:
            break
    return text


def _sign(action: argparse.Action) -> str:
    """``--size SIZE``, ``NAME``."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return value
    return action.option_strings[0] if action.nargs == 0 else f"{action.option_strings[0]} {value}"


def _use(action: argparse.Action) -> str:
    return f"[{_sign(action)}]" if action.nargs in ("?", "*") else _sign(action)


def _listed(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The arguments one below the other, with their meanings beside them."""
    width = max((len(sign) for sign, _ in entries), default=0)
    for sign, text in entries:
        first = f"  {sign.ljust(width)}  "
        yield from textwrap.wrap(text, SCREEN[1] - 1, initial_indent=first, subsequent_indent=" " * len(first))
