"""Checks of the arguments of `Recording.explore`, made before anything begins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pmemobj.crash._recovery import INVARIANTS
from pmemobj.crash._states import MODELS

_WHAT = "explore crashes with"


def demand_model(model: object) -> None:
    """Refuse a name that is no model; raises ValueError."""
    if model not in MODELS:
        raise ValueError(f"cannot {_WHAT} model={model!r:.80}: there is no such model (use one of {', '.join(MODELS)})")


def demand_count(name: str, value: object, least: int) -> None:
    """Refuse a value that is no count; raises TypeError, or ValueError below `least`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"cannot {_WHAT} {name}={value!r:.80}: it is no int (use a whole number from {least} on)")
    if value < least:
        raise ValueError(f"cannot {_WHAT} {name}={value}: that is too small (use a whole number from {least} on)")


def demand_seconds(name: str, value: Any, zero: bool) -> None:
    """Refuse a value that is no time; raises TypeError, or ValueError for NaN, a negative time, or a wrong zero."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"cannot {_WHAT} {name}={value!r:.80}: it is no number (use a number of seconds)")
    if not value >= 0 or (value == 0 and not zero) or (name == "patience" and math.isinf(value)):
        raise ValueError(f"cannot {_WHAT} {name}={value}: there is no such time (use a positive number of seconds)")


def demanded_invariants(value: Any) -> tuple[str, ...]:
    """The names of invariants; raises TypeError if the value holds no names, ValueError for an unknown name."""
    use = f"use a tuple of names out of {', '.join(map(repr, INVARIANTS))}; () for none"
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"cannot {_WHAT} invariants={value!r:.80}: it is no tuple of names ({use})")
    names = tuple(value)
    for name in names:
        if name not in INVARIANTS:
            raise ValueError(f"cannot {_WHAT} invariants={value!r:.80}: {name!r:.80} is no invariant ({use})")
    return names
