"""Counts in texts: things in the singular where there is one, and numbers that are beyond counting told shortly."""

from __future__ import annotations

import math

#: From here on the size of a number says all that anybody wants to know of it.
_BEYOND_COUNTING = 10**9
#: Behind this no float holds it.
_BEYOND_FLOATS = 10**300


def count_short(number: int) -> str:
    """``4096``, ``8.7e+30``, ``10^5321``: never longer than ten signs or so, however large the number.

    Python itself refuses to write numbers of more than 4,300 digits.
    """
    if number < _BEYOND_COUNTING:
        return str(number)
    return f"{float(number):.1e}" if number < _BEYOND_FLOATS else f"10^{math.floor(math.log10(number))}"


def plural(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{count_short(number)} {noun}{'' if number == 1 else 's'}"


def number_text(number: int) -> str:
    """A number with its thousands apart: ``12 431``."""
    return f"{number:,}".replace(",", " ")
