"""Numbers in texts for users: the singular or the plural of a noun, and short forms of very large numbers."""

from __future__ import annotations

import math

_UNITS = ("KiB", "MiB", "GiB", "TiB")
#: From this number on only the order of magnitude is shown.
_BEYOND_COUNTING = 10**9
#: Above this number a float may overflow.
_BEYOND_FLOATS = 10**300


def count_short(number: int) -> str:
    """``4,096``, ``8.7e+30``, ``10^5321``: eleven characters at the most, however large the number is.

    Python refuses to convert ints of more than 4,300 digits to text.
    """
    if number < _BEYOND_COUNTING:
        return number_text(number)
    return f"{float(number):.1e}" if number < _BEYOND_FLOATS else f"10^{math.floor(math.log10(number))}"


def plural(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{count_short(number)} {noun}{'' if number == 1 else 's'}"


def size_text(size: int) -> str:
    """A number of bytes with its unit: ``16 MiB``, ``12.9 MiB``, ``312 bytes``."""
    if size < 1024:
        return plural(size, "byte")
    value = float(size)
    for unit in _UNITS:
        value /= 1024
        if value < 1024 or unit == _UNITS[-1]:
            break
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def number_text(number: int) -> str:
    """A number with its thousands separated: ``12,431``."""
    return f"{number:,}"
