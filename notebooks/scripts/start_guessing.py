#!/usr/bin/env python3
"""Start a guessing game that is played one command at a time; guess.py makes the guesses."""

import os
import random
import sys

import pmemobj

GAME_FILE = os.environ.get("GUESS_POOL", "guess.pmem")


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
            "Go on with it: python guess.py NUMBER (or delete the file to give it up)"
        )
    name = ask_name()
    # All of the game is stored, or nothing: then the root stays None.
    with pmemobj.create(GAME_FILE, pool_size=16 * 1024 * 1024) as pool, pool.transaction():
        game = pool.root = pool.new(pmemobj.PersistentDict)
        game["name"] = name
        game["number"] = random.randint(1, 50)
        game["guesses"] = pool.new(pmemobj.PersistentList)
    print(f"{name}, I've picked a number between 1 and 50.")
    print("Type 'python guess.py' followed by your guess at the prompt.")


if __name__ == "__main__":
    try:
        main()
    except pmemobj.PmemError as error:
        sys.exit(str(error))
