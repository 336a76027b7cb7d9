"""Stands in for the `cython` module where Cython is not installed.

Cython is needed only to compile the hot modules. Uncompiled they use its name `compiled`, which is False, and
decorators; the types are mentioned only in branches that do not run.
"""

from __future__ import annotations

from typing import Any

compiled = False


def cast(_type: Any, value: Any) -> Any:  # pragma: no cover - only reached when compiled
    return value


def no_gc_clear(decorated: Any) -> Any:
    """A decorator that changes nothing, like the other decorators of Cython uncompiled."""
    return decorated


cclass = final = no_gc_clear

p_ulonglong: Any = None
p_char: Any = None
p_void: Any = None
p_uint: Any = None
NULL: Any = None
longlong: Any = None
ulonglong: Any = None
