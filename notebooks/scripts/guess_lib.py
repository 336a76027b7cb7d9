"""What the commands of the second guessing game share: the game as a class, and how to reopen it."""

import os
import random
import sys

import pmemobj

GAME_FILE = os.environ.get("GUESS2_POOL", "guess2.pmem")
LOWEST, HIGHEST = 1, 50

# What a guess can turn out to be.
TOO_LOW, TOO_HIGH, RIGHT = "too low", "too high", "right"


class Guesser(pmemobj.PersistentObject):
    """One game. Its attributes are in the pool, which finds the class by the name ``guess_lib:Guesser``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = random.randint(LOWEST, HIGHEST)
        self.guesses = self._p_mm.new(pmemobj.PersistentList)
        self.outcome = ""  # of the latest guess

    def check_guess(self, guess: int) -> str:
        """Note a guess together with its outcome: both, or neither if the program is killed on the way."""
        with self._p_mm.transaction():
            if self.outcome != RIGHT:  # after the right guess no other counts
                self.guesses.append(guess)
                self.outcome = self.compare(guess)
        return self.outcome

    def compare(self, guess: int) -> str:
        if guess < self.number:
            return TOO_LOW
        return TOO_HIGH if guess > self.number else RIGHT

    def message(self, outcome: str) -> str:
        if outcome != RIGHT:
            return f"Your guess is {outcome}."
        count = len(self.guesses)
        return f"You guessed my number in {count} {'try' if count == 1 else 'tries'}, {self.name}."


def reopen_game() -> pmemobj.PersistentObjectPool:
    """Open the pool of the game, or end the program with a line that says why there is no game."""
    try:
        pool = pmemobj.open(GAME_FILE)
        game = pool.root
    except FileNotFoundError:
        sys.exit(f"There is no game in {GAME_FILE}. Start one: python start_guessing2.py")
    except pmemobj.PmemError as error:
        sys.exit(str(error))
    if game is None:
        os.remove(GAME_FILE)
        sys.exit(
            f"The game in {GAME_FILE} was not set up completely, so I deleted it. Start over: python start_guessing2.py"
        )
    if not isinstance(game, Guesser):
        sys.exit(f"The pool {GAME_FILE} holds something else than this game.")
    return pool


def read_guess() -> int:
    """The number on the command line; anything else ends the program."""
    try:
        (word,) = sys.argv[1:]
        guess = int(word)
    except ValueError:
        guess = 0
    if not LOWEST <= guess <= HIGHEST:
        sys.exit(f"Give one whole number between {LOWEST} and {HIGHEST}, like this: python guess2.py 25")
    return guess
