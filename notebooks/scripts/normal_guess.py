#!/usr/bin/env python3
"""The guessing game, all in one run. Nothing is stored: when the program ends, the game is forgotten."""

import random
import sys


def play() -> None:
    name = input("Hello, what is your name? ").strip()
    if not name:
        sys.exit("There is no game without a name.")
    number = random.randint(1, 50)
    print(f"{name}, I've picked a number between 1 and 50.")
    tries = 0
    guess = None
    while guess != number:
        guess = ask_guess()
        tries += 1
        if guess < number:
            print("Your guess is too low.")
        elif guess > number:
            print("Your guess is too high.")
    print(f"You guessed my number in {tries} {'try' if tries == 1 else 'tries'}, {name}.")


def ask_guess() -> int:
    while True:
        print("Take a guess.")
        try:
            guess = int(input("> "))
        except ValueError:
            guess = 0
        if 1 <= guess <= 50:
            return guess
        print("Type one whole number between 1 and 50.")


if __name__ == "__main__":
    try:
        play()
    except (EOFError, KeyboardInterrupt):
        print()
        sys.exit("You left the game, so it is lost: nothing of it was stored.")
