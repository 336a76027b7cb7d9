"""Notebook 3: the exercises tell right from wrong; the board of widgets and the commands play one game in turns."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipywidgets")

from conftest import PATIENCE, child_environment
from course import persistent_objects
from exercises import NOTEBOOKS, asker, assert_told_apart

import pmemobj

pytestmark = pytest.mark.once


@pytest.fixture
def variables(pool: Any) -> dict[str, Any]:
    return {"pool": pool, "persistent_objects": persistent_objects, "PersistentObject": pmemobj.PersistentObject}


def body(*lines: str) -> str:
    return "\n    ".join(lines)


def test_possible(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("03_persistent_objects", variables, capsys)

    def loop(low: str, high: str) -> str:
        return body(
            "low, high = 1, 50",
            "for guess in game.guesses:",
            "    said = game.compare(guess)",
            f"    low = {low} if said != 'too high' else low",
            f"    high = {high} if said != 'too low' else high",
            "return low, high",
        )

    above, below = "guess + (said == 'too low')", "guess - (said == 'too high')"
    wrong = {
        "return game.number, game.number": "possible returns (36, 36)",
        "return (1, 50)": "25 (too low), 40 (too high) possible returns (1, 50)",
        "return [26, 39]": "should return a pair",
        loop("guess", f"min(high, {below})"): "possible returns (25, 39)",
        loop(above, below): "40 (too high), 20 (too high), 3 (too low), 25 (too high) possible returns (4, 24)",
        "return game.guess": "AttributeError",
    }
    assert_told_apart(ask, "check_possible", "...", wrong, [loop(f"max(low, {above})", f"min(high, {below})")])


def test_record(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("03_persistent_objects", variables, capsys)

    def method(*lines: str) -> str:
        return "\n        ".join(lines)

    transaction = "with self._p_mm.transaction():"
    wrong = {
        method("self.games += 1", "self.wins += won"): "a stop in the middle of record(True) turned 5 games and 3 wins into 6 games and 3 wins",
        method("self.wins += won; self.games += 1"): "into 5 games and 4 wins",
        method("self.games += 1"): "turned 5 games and 3 wins into 6 games and 3 wins",
        method(transaction, "    self.games += 1", "    self.wins += 1"): "record(False)",
        method(transaction, "    self.games += 1", "self.wins += won"): "a stop in the middle of record(",
        method("with self.transaction():", "    self.games += 1"): "AttributeError",
    }
    right = [
        method(transaction, "    self.games += 1", "    self.wins += won"),
        method(transaction, "    if won:", "        self.wins += 1", "    self.games += 1"),
    ]
    assert_told_apart(ask, "check_record", "...", wrong, right)


# ---- the board ----------------------------------------------------------------------------------


@pytest.fixture
def place(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with a game for Ada, whose number is 36."""
    monkeypatch.chdir(scratch)
    with pmemobj.create(persistent_objects.GAME_FILE, 16 << 20) as pool, pool.transaction():
        pool.root = pool.new(persistent_objects.Guesser, "Ada")
        pool.root.number = 36
    yield scratch


def command(place: Path, *words: str) -> str:
    program, *arguments = words
    return subprocess.run(
        [sys.executable, str(NOTEBOOKS / "scripts" / program), *arguments],
        cwd=place,
        env=child_environment(),
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    ).stdout


def buttons(board: Any) -> dict[str, Any]:
    found = {}
    for row in board.children:
        for child in getattr(row, "children", ()):
            if hasattr(child, "click"):
                found[child.description] = child
    return found


def test_the_board_and_the_commands_play_one_game(place: Path) -> None:
    board = persistent_objects.Board()
    assert repr(board) == "Board('Ada, take a guess.', no guess yet)"
    assert command(place, "guess2.py", "25") == "Your guess is too low.\n"
    press = buttons(board)
    press["look"].click()
    assert repr(board) == "Board('Ada, take a guess.', 25 is too low)"
    board._number.value = 40
    press["guess"].click()
    assert repr(board) == "Board('Your guess is too high.', 25 is too low, 40 is too high)"
    assert command(place, "game_status.py").splitlines()[1:] == ["  25 is too low", "  40 is too high"]
    assert (board._playing.layout.display, board._starting.layout.display) == ("flex", "none")
    board.guess(36)
    assert board._text == "You guessed my number in 3 tries, Ada." and not os.path.lexists(persistent_objects.GAME_FILE)
    assert (board._playing.layout.display, board._starting.layout.display) == ("none", "flex")
    board._name.value = "Bob"
    press["new game"].click()
    assert command(place, "game_status.py") == "Bob, you have not guessed yet.\n"


def test_the_board_says_what_is_wrong(place: Path) -> None:
    board = persistent_objects.Board()
    with pmemobj.open(persistent_objects.GAME_FILE):
        board.look()
        assert "open already" in board._text or "busy" in board._text.lower(), board._text
    board.start("Cleo")
    assert "cannot create" in board._text
    Path(persistent_objects.GAME_FILE).unlink()
    for action in (board.look, lambda: board.guess(1)):
        action()
        assert board._text.startswith("There is no game in guess2.pmem.")


def test_the_board_is_a_picture_too(place: Path) -> None:
    board = persistent_objects.Board()
    board.guess(25)
    bundle = board._repr_mimebundle_()
    shown = bundle[0] if isinstance(bundle, tuple) else bundle
    assert {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"} == set(shown)
    assert "numbers from 26 to 50 are possible" in shown["text/html"] and "Your guess is too low." in shown["text/html"]
