"""What Tab offers behind a magic of this package: options, choices, open pools, paths.

This is a matcher of IPython's version 2, which sees the whole line. On a line with another magic it offers nothing.
On a line with one of these magics its offers replace the ones of other matchers (files and Python names). Where
Python code belongs, it offers nothing, and IPython completes the code.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

import pmemobj
from pmemobj.crash import MODELS
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.graph import LAYOUTS

__all__ = ["CHOICES", "make_matcher"]

#: The values that an option can have, by the name of the option.
CHOICES: Mapping[str, Sequence[str]] = {
    "model": MODELS,
    "layout": tuple(LAYOUTS),
    "durability": ("full", "relaxed", "in-place"),
    "size": ("64M", "256M", "1G", "auto"),
    "max_size": ("1G", "16G", "64G"),
}
_MAGIC = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%{0,2})(pmem(?:_\w+)?)(\s.*)")
#: A word of a line. Text in quotes is one word, also while the closing quote is still missing.
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'?|"[^"]*"?)+""")
_NOTHING: list[str] = []


def make_matcher(session: Session) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Make the matcher of a session, for ``shell.Completer.custom_matchers``."""

    @context_matcher(identifier="pmemobj", priority=200)
    def match(context: CompletionContext) -> SimpleMatcherResult:
        found, fragment, kind = _NOTHING, "", ""
        magic = _magic_of(session, context)
        if magic is not None:
            found, fragment, kind = _complete(session, *magic)
        return {
            "completions": [SimpleCompletion(text, type=kind) for text in found],
            "matched_fragment": fragment,
            "suppress": bool(found),
            "ordered": True,
        }

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = match
    return matcher


def _magic_of(session: Session, context: CompletionContext) -> tuple[argparse.ArgumentParser, str] | None:
    """The parser of the magic on whose line the cursor is, and the text between the magic and the cursor."""
    match = _MAGIC.fullmatch(context.text_until_cursor)
    if match is None:
        return None
    sign, name, rest = match.groups()
    is_cell = sign == "%%"
    if (is_cell and context.cursor_line > 0) or (
        not sign and (name in session.namespace or not _is_automatic(session))
    ):
        return None
    method = session.shell.magics_manager.magics["cell" if is_cell else "line"].get(name)
    parser = getattr(method, "parser", None)
    return None if parser is None else (parser, rest)


def _is_automatic(session: Session) -> bool:
    """Whether the user may leave out the ``%`` of a magic."""
    automatic: bool = session.shell.automagic
    return automatic


def _complete(session: Session, parser: argparse.ArgumentParser, rest: str) -> tuple[list[str], str, str]:
    """The completions for the end of `rest`, the text that they replace, and their kind."""
    words = _WORD.findall(rest)
    fragment = words.pop() if words and rest.endswith(words[-1]) else ""
    options = {sign: action for action in parser._actions for sign in action.option_strings}
    if "=" in fragment and fragment.partition("=")[0] in options:
        sign, _, fragment = fragment.partition("=")
        return *_values(session, options[sign], fragment), "value"
    if words and words[-1] in options and options[words[-1]].nargs != 0:
        return *_values(session, options[words[-1]], fragment), "value"
    if fragment.startswith("-"):
        unused = [sign for sign in options if sign not in words]
        return _beginning(unused, fragment), fragment, "option"
    action = _next_argument(parser, options, words)
    found, fragment = (_NOTHING, fragment) if action is None else _values(session, action, fragment)
    if not found and not fragment:
        found = [sign for sign in options if sign not in words and sign != "-o"]
    return found, fragment, "value"


def _next_argument(
    parser: argparse.ArgumentParser, options: Mapping[str, argparse.Action], words: Sequence[str]
) -> argparse.Action | None:
    """The positional argument that comes next, behind the given words; None if all are given."""
    given = 0
    for number, word in enumerate(words):
        before = options.get(words[number - 1]) if number else None
        given += not word.startswith("-") and (before is None or before.nargs == 0)
    wanted = [action for action in parser._actions if not action.option_strings]
    if given < len(wanted):
        return wanted[given]
    return wanted[-1] if wanted and wanted[-1].nargs == "*" else None


def _values(session: Session, action: argparse.Action, fragment: str) -> tuple[list[str], str]:
    """The values that an argument can have, and the text that they replace."""
    if action.choices or action.dest in CHOICES:
        return _beginning(map(str, action.choices or CHOICES[action.dest]), fragment), fragment
    if action.metavar in ("PATH", "FILE"):
        return _paths(fragment), fragment
    if action.metavar == "NAME" and not action.option_strings:
        return _beginning((session.call(pool) for pool in pmemobj.open_pools()), fragment), fragment
    if action.metavar == "EXPR" and not action.option_strings:
        return _beginning(_expressions(session), fragment), fragment
    if action.metavar == "GRAPH":
        graphs = [name for name in session.variables if type(session.namespace[name]).__name__ == "PoolGraph"]
        return _beginning(graphs, fragment), fragment
    return _NOTHING, fragment


def _beginning(words: Iterable[str], fragment: str) -> list[str]:
    return sorted({word for word in words if word.startswith(fragment)})


def _expressions(session: Session) -> Iterator[str]:
    """Expressions that can be drawn: open pools, their roots, and variables that hold persistent objects."""
    for pool in pmemobj.open_pools():
        for name in session.names(pool):
            yield from (name, f"{name}.root")
    yield from (name for name in session.variables if isinstance(session.namespace[name], pmemobj.Persistent))


def _paths(fragment: str) -> list[str]:
    """The files and directories whose path begins with `fragment`; a pool can be a file or a directory of any name.

    The journal of an open pool is left out: nobody opens it, and it has the name of the pool and more.
    """
    if "{" in fragment or "$" in fragment:
        return _NOTHING
    directory, name = os.path.split(re.sub("['\"]", "", fragment))
    try:
        with os.scandir(os.path.expanduser(directory) or ".") as entries:
            there = [(entry.name, entry.is_dir()) for entry in entries]
    except OSError:
        return _NOTHING
    found = []
    for other, is_directory in sorted(there):
        if other.startswith(name) and (name.startswith(".") or not other.startswith(".")):
            path = os.path.join(directory, other)
            if _is_journal(path):
                continue
            path += "/" if is_directory and not _is_pool(path) else ""
            found.append(path if path.startswith("~") else shlex.quote(path))
    return found


def _is_journal(path: str) -> bool:
    """Whether it is the journal of an open pool, or of one that was not closed (docs/durability.md)."""
    pool = os.path.expanduser(path).removesuffix("-journal")
    return path.endswith("-journal") and os.path.isfile(pool)


def _is_pool(path: str) -> bool:
    """Whether a directory is a growing pool, which is completed without a slash, like a file."""
    return os.path.exists(os.path.join(os.path.expanduser(path), "pool.set"))
