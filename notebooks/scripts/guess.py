#!/usr/bin/env python3
"""Make a guess in the game that start_guessing.py started: python guess.py 25"""

import os
import sys

import pmemobj

GAME_FILE = os.environ.get("GUESS_POOL", "guess.pmem")


def read_guess() -> int:
    try:
        (word,) = sys.argv[1:]
        guess = int(word)
    except ValueError:
        guess = 0
    if not 1 <= guess <= 50:
        sys.exit("Give one whole number between 1 and 50, like this: python guess.py 25")
    return guess


def is_game(root: object) -> bool:
    """Whether start_guessing.py made it; the file may be the pool of another program."""
    return (
        isinstance(root, pmemobj.PersistentDict)
        and set(root) >= {"name", "number", "guesses"}
        and isinstance(root["guesses"], pmemobj.PersistentList)
    )


def main() -> None:
    guess = read_guess()
    try:
        pool = pmemobj.open(GAME_FILE)
    except FileNotFoundError:
        sys.exit(f"There is no game in {GAME_FILE}. Start one: python start_guessing.py")
    with pool:
        game = pool.root
        if game is None:
            os.remove(GAME_FILE)
            sys.exit(
                f"The game in {GAME_FILE} was not set up completely, so I deleted it. "
                "Start over: python start_guessing.py"
            )
        if not is_game(game):
            sys.exit(f"The pool {GAME_FILE} holds something else than this game. Set GUESS_POOL to another file.")
        number, guesses = game["number"], game["guesses"]
        # A game that is won already is here only if its last command was killed before it removed the file.
        if number not in guesses:
            guesses.append(guess)
        if guesses[-1] < number:
            print("Your guess is too low.")
        elif guesses[-1] > number:
            print("Your guess is too high.")
        else:
            tries = "1 try" if len(guesses) == 1 else f"{len(guesses)} tries"
            print(f"You guessed my number in {tries}, {game['name']}.")
            os.remove(GAME_FILE)


if __name__ == "__main__":
    try:
        main()
    except pmemobj.PmemError as error:
        sys.exit(str(error))
