"""What all notebooks of the course share: how an exercise answers.

A check looks at what the learner made (a value, a class, a pool) or tries it; it knows no list of answers. It prints
one line, so that a notebook in which nothing was solved yet runs from top to bottom, and nbval compares that line.
"""

from __future__ import annotations

__all__ = ["not_yet", "right"]


def right(text: str) -> None:
    """Say that an exercise is solved, and what was found out."""
    print(f"✓ right: {text}")


def not_yet(text: str) -> None:
    """Say what an exercise still lacks: a hint, never the answer."""
    print(f"✗ not yet: {text}")
