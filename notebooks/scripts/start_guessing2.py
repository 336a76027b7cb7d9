#!/usr/bin/env python3
"""Start a guessing game, kept as an object of one class; guess2.py makes the guesses."""

import os
import sys

from guess_lib import GAME_FILE, HIGHEST, LOWEST, Guesser

import pmemobj


def ask_name() -> str:
    try:
        name = input("Hello, what is your name? ").strip()
    except (EOFError, KeyboardInterrupt, UnicodeDecodeError):
        print()
        name = ""
    if not name:
        sys.exit("There is no game without a name.")
    return name


def main() -> None:
    if os.path.lexists(GAME_FILE):
        sys.exit(
            f"There is a game in {GAME_FILE} already. "
            "Go on with it: python guess2.py NUMBER (or delete the file to give it up)"
        )
    name = ask_name()
    with pmemobj.create(GAME_FILE, pool_size=16 * 1024 * 1024) as pool:
        pool.root = pool.new(Guesser, name)
    print(f"{name}, I've picked a number between {LOWEST} and {HIGHEST}.")
    print("Type 'python guess2.py' followed by your guess at the prompt.")


if __name__ == "__main__":
    try:
        main()
    except pmemobj.PmemError as error:
        sys.exit(str(error))
