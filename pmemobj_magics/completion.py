"""Completion of what follows our magics: options, choices, open pools, paths.

A matcher of IPython's second form, which sees the whole line. On other lines it has nothing to say; on ours, what
it finds takes the place of what others would offer (file names and Python, of which a magic's line is neither).
Where Python belongs, it leaves the field to IPython.
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
from pmemobj_magics.session import Session
from pmemobj_magics.views.graph import LAYOUTS

__all__ = ["CHOICES", "make_matcher"]

#: The words that an option takes, by its name.
CHOICES: Mapping[str, Sequence[str]] = {
    "model": MODELS,
    "layout": tuple(LAYOUTS),
    "size": ("64M", "256M", "1G", "auto"),
    "max_size": ("1G", "16G", "64G"),
}
_MAGIC = re.compile(r"\s*(?:[\w.]+\s*=\s*)?(%{0,2})(pmem(?:_\w+)?)(\s.*)")
#: One of a line: what is in quotes belongs together, also while the second quote is missing.
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'?|"[^"]*"?)+""")
_NOTHING: list[str] = []


def make_matcher(session: Session) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """The matcher for a session; to be put into ``shell.Completer.custom_matchers``."""

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
    """The parser of the magic whose line the cursor is in, and what stands between the two."""
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
    """Whether a magic may do without its sign."""
    automatic: bool = session.shell.automagic
    return automatic


def _complete(session: Session, parser: argparse.ArgumentParser, rest: str) -> tuple[list[str], str, str]:
    """What may stand at the end of `rest`; the part of that end which it replaces; and what it is."""
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
    """The argument without an option that is to come, after what is there."""
    given = 0
    for number, word in enumerate(words):
        before = options.get(words[number - 1]) if number else None
        given += not word.startswith("-") and (before is None or before.nargs == 0)
    wanted = [action for action in parser._actions if not action.option_strings]
    if given < len(wanted):
        return wanted[given]
    return wanted[-1] if wanted and wanted[-1].nargs == "*" else None


def _values(session: Session, action: argparse.Action, fragment: str) -> tuple[list[str], str]:
    """What an argument may be, and the part of the line that it replaces."""
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
    """What a picture may begin with: the pools, their roots, and variables that hold objects of theirs."""
    for pool in pmemobj.open_pools():
        for name in session.names(pool):
            yield from (name, f"{name}.root")
    yield from (name for name in session.variables if isinstance(session.namespace[name], pmemobj.Persistent))


def _paths(fragment: str) -> list[str]:
    """Files and directories that a path may go on to; pools, which have no fixed ending, are among both."""
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
            path += "/" if is_directory and not _is_pool(path) else ""
            found.append(path if path.startswith("~") else shlex.quote(path))
    return found


def _is_pool(path: str) -> bool:
    """Whether a directory is a growing pool, which is named like a file."""
    return os.path.exists(os.path.join(os.path.expanduser(path), "pool.set"))
