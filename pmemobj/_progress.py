"""What long operations call now and then, so that a program can show how far they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmemobj.errors import a_or_an

#: Called now and then with how much is done, and how much there is.
Progress = Callable[[int, int], Any]


def demand_progress(what: str, progress: Any) -> None:
    """Refuse what cannot be called, before anything is done that would end in the middle.

    Args:
        what: The operation, for errors.
        progress: What a program gave as `progress`; None if it gave nothing.

    Raises:
        TypeError: `progress` cannot be called.
    """
    if progress is not None and not callable(progress):
        noun = a_or_an(type(progress).__name__)
        raise TypeError(f"cannot {what}: progress is {noun} (give a function of two numbers, or leave progress out)")
