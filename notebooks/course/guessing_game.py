"""Notebook 2: the checks of the exercises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course.answers import exercise, not_yet, right
from course.stops import stop_everywhere
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool

LOWEST, HIGHEST = 1, 50

#: Games on which `status` is tried: a number and the guesses so far.
_GAMES = (36, [25, 40]), (36, [40, 25, 36]), (1, [50]), (17, [])


@exercise
def check_status(pool: PersistentObjectPool, status: Callable[[PersistentObjectPool], Any]) -> None:
    """Check that `status` describes each guess and changes nothing."""
    with _Games(pool) as play:
        for number, guesses in _GAMES:
            play(number, guesses)
            said = status(pool)
            if said is None:
                return not_yet("status returns nothing")
            if not isinstance(said, list):
                return not_yet(f"status returns a {type(said).__name__}, but should return a list")
            if said != [(guess, _outcome(number, guess)) for guess in guesses]:
                return not_yet(f"for the number {number} and the guesses {guesses} status returns {said}")
            if pool.root["guesses"] != guesses:
                return not_yet("status changes the game")
    return right(f"status was right about {len(_GAMES)} games")


@exercise
def check_undo(pool: PersistentObjectPool, undo: Callable[[PersistentObjectPool], Any]) -> None:
    """Check that `undo` takes back a guess and counts that: both or neither, wherever it is stopped."""

    def guesses_and_undos() -> tuple[list[int], int]:
        return list(pool.root["guesses"]), pool.root.get("undos", 0)

    with _Games(pool) as play:
        for guesses, undos in (([25, 40], 0), ([25, 25], 2)):
            before, after = (guesses, undos), (guesses[:-1], undos + 1)
            *stopped, end = stop_everywhere(
                pool,
                lambda: play(36, guesses, undos),  # noqa: B023 - called here
                lambda: undo(pool),
                guesses_and_undos,
            )
            if end == before:
                return not_yet("undo changes nothing")
            if end != after:
                return not_yet(f"{_told(before)} became {_told(end)}")
            if torn := [state for state in stopped if state not in (before, after)]:
                return not_yet(f"undo was stopped, and {_told(before)} became {_told(torn[0])}")
        play(36, [])
        undo(pool)
        if guesses_and_undos() != ([], 0):
            return not_yet(f"in a game without guesses, undo left {_told(guesses_and_undos())}")
    return right(f"undo was stopped in {len(stopped)} places, and each time the game was as before or as after")


def _told(state: tuple[list[int], int]) -> str:
    guesses, undos = state
    return f"guesses {guesses} with {undos} undos"


@exercise
def check_tries(answer: int | None) -> None:
    """Check the largest number of guesses that halving takes."""
    if answer is None:
        return not_yet("put a number into answer")
    most = max(_tries(number) for number in range(LOWEST, HIGHEST + 1))
    if answer < most:
        return not_yet(f"there are numbers for which {answer} are too few")
    if answer > most:
        return not_yet(f"no number takes {answer}")
    hardest = sum(_tries(number) == most for number in range(LOWEST, HIGHEST + 1))
    return right(f"{hardest} of the fifty numbers take {most} guesses, and none takes more")


def _tries(number: int) -> int:
    low, high, tries = LOWEST, HIGHEST, 1
    while (guess := (low + high) // 2) != number:
        low, high = (guess + 1, high) if guess < number else (low, guess - 1)
        tries += 1
    return tries


def _outcome(number: int, guess: int) -> str:
    return "right" if guess == number else "too low" if guess < number else "too high"


class _Games:
    """Puts games into the pool for a check, and afterwards restores the learner's game."""

    def __init__(self, pool: PersistentObjectPool) -> None:
        self._pool = pool
        self._own = pool.root

    def __enter__(self) -> Callable[..., None]:
        return self._play

    def _play(self, number: int, guesses: list[int], undos: int = 0) -> None:
        with self._pool.transaction():
            game = self._pool.new(PersistentDict, name="Ada", number=number)
            game["guesses"] = self._pool.new(PersistentList, guesses)
            if undos:
                game["undos"] = undos
            self._pool.root = game

    def __exit__(self, *_raised: object) -> None:
        self._pool.abandon_transaction()
        self._pool.root = self._own
