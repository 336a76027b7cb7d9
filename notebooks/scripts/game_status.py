#!/usr/bin/env python3
"""Show how the game that start_guessing2.py started stands: python game_status.py"""

import guess_lib


def main() -> None:
    with guess_lib.reopen_game() as pool:
        game = pool.root
        count = len(game.guesses)
        if count == 0:
            print(f"{game.name}, you have not guessed yet.")
            return
        print(f"{game.name}, you have made {count} {'guess' if count == 1 else 'guesses'}:")
        for guess in game.guesses:
            print(f"{guess:4} is {game.compare(guess)}")


if __name__ == "__main__":
    main()
