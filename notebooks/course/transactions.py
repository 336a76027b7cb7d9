"""Notebook 4: the library in words, transactions in transactions as a drawing, and the checks of the exercises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from course.answers import exercise, not_yet, right
from course.stops import stop_everywhere
from pmemobj import PersistentList, PersistentObjectPool

Library = tuple[list[str], dict[str, str]]


def show_library(pool: PersistentObjectPool) -> None:
    """Print the place of each book."""
    shelf, lent = _library(pool)
    print("shelf:", ", ".join(shelf) or "(empty)")
    print("lent: ", ", ".join(f"{title} to {person}" for title, person in lent.items()) or "(none)")


def _library(pool: PersistentObjectPool) -> Library:
    return list(pool.root["shelf"]), dict(pool.root["lent"])


# ---- as a drawing -------------------------------------------------------------------------------

_WIDTH, _LINE, _TOP = 520, 26, 40
_GOOD, _BAD, _INK, _MUTED = "#0072b2", "#b3420a", "#1b2733", "#626c7d"


class Nesting:
    """An outer transaction with inner ones of two changes each, and what is kept in the end.

    Args:
        changes: The changes, as code.
        fails: Whether the last one raises an error.
    """

    def __init__(self, *changes: str, fails: bool) -> None:
        self._changes = changes
        self._fails = fails
        self._end = "abort: all of it is undone" if fails else "commit: all of it is stored"

    def __repr__(self) -> str:
        return f"Nesting({len(self._changes)} changes, then {self._end})"

    def _repr_svg_(self) -> str:
        rows = list(self._rows())
        bottom = _TOP + _LINE * len(rows)
        colour = _BAD if self._fails else _GOOD
        parts = [
            _text(16, 24, "the outer transaction", _INK, "bold"),
            f'<rect x="18" y="32" width="4" height="{bottom - 32}" fill="{_INK}"/>',
            *(drawn for at, row in enumerate(rows) for drawn in _row(_TOP + _LINE * at, *row)),
            _text(16, bottom + 20, f"{'✗' if self._fails else '✓'} {self._end}", colour, "bold"),
        ]
        size = f'width="{_WIDTH}" height="{bottom + 34}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {bottom + 34}" role="img" '
            f'font-family="Helvetica,Arial,sans-serif" aria-label="{escape(repr(self))}">'
            f'<rect {size} rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>{"".join(parts)}</svg>'
        )

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Each line and its kind: a change, the end of an inner transaction, an error that leaves one."""
        for at, change in enumerate(self._changes, 1):
            yield change, "change"
            if at == len(self._changes) and self._fails:
                yield "✗ an error leaves the inner transaction", "error"
            elif at % 2 == 0:
                yield "the inner transaction ends: nothing is stored yet", "end"


def _row(y: int, text: str, kind: str) -> Iterator[str]:
    if kind == "change":
        yield f'<rect x="40" y="{y}" width="4" height="{_LINE}" fill="{_GOOD}"/>'
        code = 'font-family="monospace" font-size="12" xml:space="preserve"'
        yield f'<text x="56" y="{y + 17}" {code} fill="{_INK}">{escape(text)}</text>'
    else:
        yield _text(40, y + 17, text, _BAD if kind == "error" else _MUTED, "bold" if kind == "error" else "normal")


def _text(x: int, y: int, text: str, fill: str, weight: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="12" font-weight="{weight}" fill="{fill}">{escape(text)}</text>'


# ---- the exercises ------------------------------------------------------------------------------


@exercise
def check_puzzle(pool: PersistentObjectPool, puzzle: Callable[[Any], Any], answer: str | None) -> None:
    """Run the puzzle, and check that these letters are left and no others."""
    if answer is None:
        return not_yet("put letters into answer")
    letters = pool.new(PersistentList)
    puzzle(letters)
    guessed = set(answer.upper()) - set(" ,")
    if too_many := guessed - set(letters):
        return not_yet(f"{min(too_many)} is not in the list; which blocks is it in, and how did they end?")
    if set(letters) - guessed:
        return not_yet("these are right, but some are missing")
    return right(f"{' and '.join(letters)}; everything in the two blocks was undone, or never ran")


@exercise
def check_give_back(pool: PersistentObjectPool, give_back: Callable[[str], Any]) -> None:
    """Check that a book comes back wholly or not at all, and that no other book moves."""
    with _Library(pool) as fill:
        before: Library = (["Emma"], {"Dune": "Ada", "Solaris": "Bob"})
        after: Library = (["Emma", "Solaris"], {"Dune": "Ada"})
        said: list[Any] = []
        *stopped, end = stop_everywhere(
            pool, lambda: fill(*before), lambda: said.append(give_back("Solaris")), lambda: _library(pool)
        )
        if end == before:
            return not_yet("it changes nothing")
        if end != after:
            return not_yet(f"{_told(before)} became {_told(end)}")
        if said[-1] != "Bob":
            return not_yet(f"Bob had the book, but give_back returns {said[-1]!r}")
        if torn := [state for state in stopped if state not in (before, after)]:
            return not_yet(f"a stop in its middle left {_told(torn[0])}")
        fill(*before)
        if complaint := _complaint_about_a_book_that_is_not_lent(give_back):
            return not_yet(complaint)
        if _library(pool) != before:
            return not_yet(f"a book that is not lent turned {_told(before)} into {_told(_library(pool))}")
    return right("wherever it was stopped, each book was in one place")


def _complaint_about_a_book_that_is_not_lent(give_back: Callable[[str], Any]) -> str:
    try:
        give_back("Ulysses")
    except KeyError:
        return ""
    except Exception as error:
        return f"for a book that is not lent it raises {type(error).__name__}, but should raise KeyError"
    return "for a book that is not lent it raises no error"


@exercise
def check_lend_some(pool: PersistentObjectPool, lend_some: Callable[[list[str], str], Any]) -> None:
    """Check that `lend_some` lends the books on the shelf, wholly or not at all."""
    with _Library(pool) as fill:
        before: Library = (["Dune", "Emma", "Lalka"], {"Solaris": "Bob"})
        after: Library = (["Dune"], {"Solaris": "Bob", "Emma": "Ada", "Lalka": "Ada"})
        said: list[Any] = []
        *stopped, end = stop_everywhere(
            pool,
            lambda: fill(*before),
            lambda: said.append(lend_some(["Emma", "Solaris", "Lalka"], "Ada")),
            lambda: _library(pool),
        )
        if end == before:
            return not_yet("it changes nothing")
        if end != after:
            return not_yet(f"{_told(before)} became {_told(end)}")
        if said[-1] != ["Emma", "Lalka"]:
            return not_yet(f"it lent Emma and Lalka, but returns {said[-1]!r}")
        if torn := [state for state in stopped if state not in (before, after)]:
            return not_yet(f"a stop in its middle left {_told(torn[0])}")
    return right(f"lend_some was stopped in {len(stopped)} places, and each time it had lent all or none")


def _told(library: Library) -> str:
    shelf, lent = library
    return f"shelf {', '.join(shelf) or '(empty)'}; lent {', '.join(lent) or '(none)'}"


class _Library:
    """Puts books into the library for a check, and afterwards restores the learner's books."""

    def __init__(self, pool: PersistentObjectPool) -> None:
        self._pool = pool
        self._own = _library(pool)

    def __enter__(self) -> Callable[[list[str], dict[str, str]], None]:
        return self._fill

    def _fill(self, shelf: list[str], lent: dict[str, str]) -> None:
        with self._pool.transaction():
            self._pool.root["shelf"][:] = shelf
            self._pool.root["lent"].clear()
            self._pool.root["lent"].update(lent)

    def __exit__(self, *_raised: object) -> None:
        self._pool.abandon_transaction()
        self._fill(*self._own)
