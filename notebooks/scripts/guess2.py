#!/usr/bin/env python3
"""Make a guess in the game that start_guessing2.py started: python guess2.py 25"""

import os

import guess_lib


def main() -> None:
    guess = guess_lib.read_guess()
    with guess_lib.reopen_game() as pool:
        game = pool.root
        outcome = game.check_guess(guess)
        print(game.message(outcome))
        if outcome == guess_lib.RIGHT:
            os.remove(guess_lib.GAME_FILE)


if __name__ == "__main__":
    main()
