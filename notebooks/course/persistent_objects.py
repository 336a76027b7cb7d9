"""Notebook 3: the guessing game as a board of widgets, and the checks of the exercises.

The board uses the rules of scripts/guess_lib.py and the pool of the commands there. It keeps no pool open: each button
opens the pool, calls a method of the game, and closes the pool, as each command does. So both can be used in turns.
"""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

import pmemobj
from course.answers import exercise, not_yet, right
from course.stops import stop_everywhere
from pmemobj import PersistentObjectPool, PmemError

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import guess2
from guess_lib import GAME_FILE, HIGHEST, LOWEST, RIGHT, TOO_HIGH, TOO_LOW, Guesser, reopen_game

__all__ = ["Board", "Guesser", "check_possible", "check_record", "guess2", "show_source"]

_POOL_SIZE = 16 << 20


def show_source(thing: Any) -> None:
    """Print the code of a class or function."""
    print(textwrap.dedent(inspect.getsource(thing)), end="")


# ---- the board ----------------------------------------------------------------------------------


class Board(ipywidgets.VBox):
    """The guessing game with buttons."""

    def __init__(self) -> None:
        self._picture = ipywidgets.HTML()
        self._said = ipywidgets.HTML()
        self._name = ipywidgets.Text(value="Ada", description="name", layout={"width": "220px"})
        middle = (LOWEST + HIGHEST) // 2
        self._number = ipywidgets.BoundedIntText(
            value=middle, min=LOWEST, max=HIGHEST, description="number", layout={"width": "220px"}
        )
        self._playing = _row(
            self._number,
            _button("guess", lambda: self.guess(self._number.value), "primary"),
            _button("look", self.look),
        )
        self._starting = _row(self._name, _button("new game", lambda: self.start(self._name.value), "primary"))
        super().__init__([self._picture, self._said, self._playing, self._starting])
        self.look()

    # These three methods do what the commands do, and show the same texts.

    def start(self, name: str) -> None:
        """Start a new game, unless there is one."""
        try:
            with pmemobj.create(GAME_FILE, _POOL_SIZE) as pool:
                pool.root = pool.new(Guesser, name)
                self._show(pool.root, f"{name}, I've picked a number between {LOWEST} and {HIGHEST}.")
        except PmemError as error:
            self._show(None, str(error))

    def guess(self, number: int) -> None:
        """Make a guess, and show the answer of the game."""
        try:
            with reopen_game() as pool:
                game = pool.root
                outcome = game.check_guess(number)
                self._show(game, game.message(outcome))
                if outcome == RIGHT:
                    os.remove(GAME_FILE)
        except SystemExit as end:  # which is how the commands say that there is no game
            self._show(None, str(end))

    def look(self) -> None:
        """Show the present state of the game."""
        try:
            with reopen_game() as pool:
                self._show(pool.root, f"{pool.root.name}, take a guess.")
        except SystemExit as end:
            self._show(None, str(end))

    # ---- how it looks ----

    def _show(self, game: Guesser | None, text: str) -> None:
        guesses = [(guess, game.compare(guess)) for guess in game.guesses] if game else []
        over = game is None or game.outcome == RIGHT
        self._text = text
        self._guesses = guesses
        self._picture.value = _picture(guesses)
        self._said.value = f'<p style="font-size:120%; margin:2px 0 6px">{escape(text)}</p>'
        self._playing.layout.display = "none" if over else "flex"
        self._starting.layout.display = "flex" if over else "none"

    def __repr__(self) -> str:
        told = ", ".join(f"{guess} is {outcome}" for guess, outcome in self._guesses) or "no guess yet"
        return f"Board({self._text!r}, {told})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and a picture for viewers without widgets."""
        bundle = super()._repr_mimebundle_(**options)
        shown = bundle[0] if isinstance(bundle, tuple) else bundle
        instead = "(Here is a board to play on. Run the cell to see it.)"
        shown |= {"text/plain": repr(self), "text/html": f"{self._picture.value}{self._said.value}<p>{instead}</p>"}
        return bundle


def _button(text: str, action: Callable[[], None], style: str = "") -> ipywidgets.Button:
    button = ipywidgets.Button(description=text, button_style=style, layout={"width": "100px"})
    button.on_click(lambda _: action())
    return button


def _row(*children: ipywidgets.Widget) -> ipywidgets.HBox:
    return ipywidgets.HBox(children)


_CELL, _ROW, _IN_A_ROW = 20, 56, 25
_WIDTH = _CELL * _IN_A_ROW + 20


def _picture(guesses: list[tuple[int, str]]) -> str:
    """The numbers in two rows; excluded numbers are grey, and each guess has a sign above it and its order below it."""
    low, high = _left(guesses)
    height = _ROW * -(-(HIGHEST - LOWEST + 1) // _IN_A_ROW) + 8
    parts = [
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>',
        *(_number(number, low <= number <= high) for number in range(LOWEST, HIGHEST + 1)),
        *(_mark(guess, outcome, order) for order, (guess, outcome) in enumerate(guesses, start=1)),
    ]
    told = f"numbers from {low} to {high} are possible"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'font-family="Helvetica,Arial,sans-serif" style="max-width:100%" aria-label="{told}">{"".join(parts)}</svg>'
    )


def _place(number: int) -> tuple[int, int]:
    """The corner of a number's cell."""
    row, column = divmod(number - LOWEST, _IN_A_ROW)
    return 10 + _CELL * column, 22 + _ROW * row


def _number(number: int, possible: bool) -> str:
    x, y = _place(number)
    fill, ink = ("#56b4e9", "#0b2a3c") if possible else ("#e9edf3", "#626c7d")
    return (
        f'<rect x="{x}" y="{y}" width="{_CELL}" height="20" fill="{fill}" stroke="#fbfcfe"/>'
        f'<text x="{x + _CELL // 2}" y="{y + 14}" font-size="11" text-anchor="middle" fill="{ink}">{number}</text>'
    )


def _mark(guess: int, outcome: str, order: int) -> str:
    x, y = _place(guess)
    sign = {TOO_LOW: "▸", TOO_HIGH: "◂"}.get(outcome, "★")
    style = 'text-anchor="middle" fill="#1b2733"'
    return (
        f'<text x="{x + _CELL // 2}" y="{y - 4}" font-size="14" {style}>{sign}</text>'
        f'<text x="{x + _CELL // 2}" y="{y + 32}" font-size="10" {style}>{order}.</text>'
    )


def _left(guesses: list[tuple[int, str]]) -> tuple[int, int]:
    """The smallest and the largest number that the guesses do not exclude."""
    low = max([guess + (outcome == TOO_LOW) for guess, outcome in guesses if outcome != TOO_HIGH], default=LOWEST)
    high = min([guess - (outcome == TOO_HIGH) for guess, outcome in guesses if outcome != TOO_LOW], default=HIGHEST)
    return low, high


# ---- the exercises ------------------------------------------------------------------------------

#: Games on which `possible` is tried: a number, and the guesses so far.
_GAMES = (36, [25, 40]), (7, []), (7, [40, 20, 3, 25]), (50, [1, 49]), (36, [25, 36])


@exercise
def check_possible(pool: PersistentObjectPool, possible: Callable[[Guesser], Any]) -> None:
    """Check that `possible` returns the numbers that the guesses do not exclude."""
    for number, guesses in _GAMES:
        said = possible(_game(pool, number, guesses))
        if said is None:
            return not_yet("possible returns nothing")
        if not isinstance(said, tuple) or len(said) != 2:
            return not_yet(f"possible returns {said!r}, but should return a pair")
        left = [each for each in range(LOWEST, HIGHEST + 1) if _fits(each, number, guesses)]
        if said != (left[0], left[-1]):
            return not_yet(f"for the guesses {_told(number, guesses)} possible returns {said}")
    return right(f"possible was right about {len(_GAMES)} games")


def _game(pool: PersistentObjectPool, number: int, guesses: list[int]) -> Guesser:
    """A game that nothing in the pool refers to, so that it is freed when the pool is closed."""
    game = pool.new(Guesser, "Ada")
    game.number = number
    game.guesses.extend(guesses)
    return game


def _fits(candidate: int, number: int, guesses: list[int]) -> bool:
    """Whether another number would have got the same answers."""
    return all((guess < candidate, guess > candidate) == (guess < number, guess > number) for guess in guesses)


def _told(number: int, guesses: list[int]) -> str:
    def outcome(guess: int) -> str:
        return "right" if guess == number else "too low" if guess < number else "too high"

    return ", ".join(f"{guess} ({outcome(guess)})" for guess in guesses) or "of a new game, which are none,"


@exercise
def check_record(pool: PersistentObjectPool, player_class: type[Any]) -> None:
    """Check that `record` counts a game wholly or not at all, wherever it is stopped."""
    player = pool.new(player_class, "Eve")

    def games_and_wins() -> tuple[int, int]:
        return player.games, player.wins

    def prepare() -> None:
        player.games, player.wins = 5, 3

    for won, after in ((True, (6, 4)), (False, (6, 3))):
        *stopped, end = stop_everywhere(pool, prepare, lambda: player.record(won), games_and_wins)  # noqa: B023
        if end == (5, 3):
            return not_yet("record counts nothing")
        if end != after:
            return not_yet(f"record({won}) turned {_games((5, 3))} into {_games(end)}")
        if torn := [state for state in stopped if state not in ((5, 3), after)]:
            return not_yet(f"a stop in the middle of record({won}) turned {_games((5, 3))} into {_games(torn[0])}")
    return right("wherever record was stopped, the game was counted wholly or not at all")


def _games(counts: tuple[int, int]) -> str:
    return f"{counts[0]} games and {counts[1]} wins"
