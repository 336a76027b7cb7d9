"""Notebook 2: the exercises tell right from wrong; and how a check stops code after each of its changes."""

from __future__ import annotations

from typing import Any

import pytest
from course import guessing_game
from course.stops import Stopped, run_and_stop, stop_everywhere
from exercises import asker, assert_told_apart, run

from pmemobj import PersistentDict, PersistentList

pytestmark = pytest.mark.once

once = pytest.mark.once


@pytest.fixture
def variables(pool: Any) -> dict[str, Any]:
    """The variables of the notebook when its exercises begin."""
    pool.root = pool.new(PersistentDict, name="Ada", number=36)
    pool.root["guesses"] = pool.new(PersistentList, [25, 40, 30])
    return {"pool": pool, "guessing_game": guessing_game}


def body(*lines: str) -> str:
    return "\n    ".join(lines)


@once
def test_status(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("02_guessing_game", variables, capsys)
    game = "game = pool.root"
    compare = "too_low = game['number'] > guess"
    wrong = {
        body(game, "return ((1, 'too low'),)"): "returns a tuple",
        body(game, "return [(g, 'too low' if g < game['number'] else 'too high') for g in game['guesses']]"): "36, 'too high'",
        body(game, "return []"): "for the number 36 and the guesses [25, 40] status returns []",
        body(
            game,
            "found = []",
            "while game['guesses']:",
            "    g, n = game['guesses'].pop(0), game['number']",
            "    found.append((g, 'too low' if g < n else 'right' if g == n else 'too high'))",
            "return found",
        ): "changes the game",
        body(compare): "NameError",
    }
    right = [
        body(
            game,
            "n = game['number']",
            "return [(g, 'too low' if g < n else 'right' if g == n else 'too high') for g in game['guesses']]",
        )
    ]
    assert_told_apart(ask, "check_status", "...", wrong, right)
    root = variables["pool"].root
    assert (root["number"], list(root["guesses"])) == (36, [25, 40, 30])


@once
def test_undo(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("02_guessing_game", variables, capsys)
    pop, count = "game['guesses'].pop()", "game['undos'] = game.get('undos', 0) + 1"
    guarded = "if game['guesses']:"
    wrong = {
        body(pop, count): "undo was stopped, and",
        body(guarded, f"    {count}; {pop}"): "became guesses [25, 40] with 1 undos",
        body("with pool.transaction():", f"    {pop}; {count}"): "IndexError",
        body(guarded, "    with pool.transaction():", f"        {pop}", f"    {count}"): "undo was stopped, and",
        body(guarded, f"    {pop}"): "became guesses [25] with 0 undos",
        body("with pool.transaction():", f"    {guarded} {pop}", f"    {count}"): "in a game without guesses",
    }
    right = [
        body(guarded, "    with pool.transaction():", f"        {pop}; {count}"),
        body("with pool.transaction():", f"    {guarded}", f"        {count}; {pop}"),
    ]
    assert_told_apart(ask, "check_undo", "...", wrong, right)
    root = variables["pool"].root
    assert dict(root, guesses=list(root["guesses"])) == {"name": "Ada", "number": 36, "guesses": [25, 40, 30]}


@once
def test_tries(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("02_guessing_game", variables, capsys)
    wrong = {"answer = 5": "are too few", "answer = 7": "no number takes 7", "answer = 'six'": "TypeError"}
    assert_told_apart(ask, "check_tries", "answer = None", wrong, ["answer = 6"])


TRANSFERS = """
def plain():
    a["n"] -= 1; b["n"] += 1

def careful():
    with pool.transaction():
        plain()

def stubborn():
    for _ in range(2):
        try:
            plain()
        except Exception:
            pass
"""


def test_code_is_stopped_after_each_change(pool: Any) -> None:
    a, b = pool.new(PersistentDict, n=1), pool.new(PersistentDict, n=1)
    variables = {"pool": pool, "a": a, "b": b}
    run(TRANSFERS, variables)

    def prepare() -> None:
        a["n"] = b["n"] = 1

    def left_by(name: str) -> list[Any]:
        return stop_everywhere(pool, prepare, variables[name], lambda: (a["n"], b["n"]))

    assert left_by("plain") == [(0, 1), (0, 2), (0, 2)]
    # Twice before the commit, once after it; at last it is not stopped.
    assert left_by("careful") == [(1, 1), (1, 1), (0, 2), (0, 2)]
    assert left_by("stubborn") == [(0, 1), (0, 2), (-1, 2), (-1, 3), (-1, 3)]
    assert not pool.in_transaction


def test_what_code_raises_itself_goes_on(pool: Any) -> None:
    pool.root = 1
    variables: dict[str, Any] = {"pool": pool}
    run("def fail():\n    with pool.transaction():\n        pool.root = 2\n        1 / 0", variables)
    with pytest.raises(ZeroDivisionError):
        run_and_stop(pool, variables["fail"], lambda: pool.root, 2, lambda: None)
    with pytest.raises(ZeroDivisionError):
        stop_everywhere(pool, lambda: None, variables["fail"], lambda: pool.root)
    assert pool.root == 1 and not issubclass(Stopped, Exception)
