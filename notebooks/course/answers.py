"""How an exercise answers the learner.

A check looks at what the learner made (a value, a class, a pool) or tries it; it has no list of right answers. It
prints one line, so that a notebook with unsolved exercises runs from top to bottom, and nbval compares that line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pmemobj

__all__ = ["exercise", "not_yet", "raised", "right"]


def right(text: str) -> None:
    """Say that an exercise is solved, and what the check found out."""
    print(f"✓ right: {text}")


def not_yet(text: str) -> None:
    """Say what an exercise still lacks: a hint, never the answer."""
    print(f"✗ not yet: {text}")


def raised(error: Exception) -> str:
    """The hint for code of the learner that raised an error."""
    return f"the code raised {type(error).__name__}: {error}"


def exercise(check: Callable[..., None]) -> Callable[..., None]:
    """Make a function a check that never raises: an error comes from the learner's code, so it becomes a hint."""

    @functools.wraps(check)
    def checked(*arguments: Any) -> None:
        if any(isinstance(each, pmemobj.PersistentObjectPool) and each.in_transaction for each in arguments):
            return not_yet("a transaction is open; end the transaction first: %pmem_abort")
        try:
            return check(*arguments)
        except Exception as error:
            return not_yet(f"{type(error).__name__}: {error}")

    return checked
