"""Numbers, sizes and counts as people read them, the same in all texts and pictures."""

from __future__ import annotations

import math

__all__ = ["count_short", "count_text", "number_text", "plural", "size_text"]

_UNITS = ("KiB", "MiB", "GiB", "TiB")
#: From here on the order of magnitude tells enough.
_BEYOND_COUNTING = 10**9
#: A larger number does not fit into a float.
_BEYOND_FLOATS = 10**300


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


def count_short(number: int) -> str:
    """A number in eleven characters or fewer: ``12,431``, ``3.2e+87``, ``10^5321``."""
    if number < _BEYOND_COUNTING:
        return number_text(number)
    return f"{float(number):.1e}" if number < _BEYOND_FLOATS else f"10^{math.floor(math.log10(number))}"


def plural(number: int, noun: str) -> str:
    """``1 node``, ``2 nodes``, ``12,431 nodes``."""
    return f"{number_text(number)} {noun}{'' if number == 1 else 's'}"


def count_text(shown: int, total: int | None, noun: str = "object") -> str:
    """How much of a whole is shown: ``12 objects``, ``showing 200 of 12,431 objects``.

    Args:
        shown: How many are shown.
        total: How many there are; None if damage prevents counting them.
        noun: What they are, in the singular.
    """
    if total is None:
        return f"showing {plural(shown, noun)}; damage prevents counting the others"
    if shown < total:
        return f"showing {number_text(shown)} of {plural(total, noun)}"
    return plural(total, noun)
