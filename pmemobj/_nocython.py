"""What the hot modules use of the `cython` module, for where Cython is not installed.

Cython itself is needed only to compile them; uncompiled they ask for nothing but `compiled`.
"""

from __future__ import annotations

from typing import Any

compiled = False


def cast(_type: Any, value: Any) -> Any:  # pragma: no cover - only reached when compiled
    return value


def no_gc_clear(cls: Any) -> Any:
    return cls


cclass = no_gc_clear


p_ulonglong: Any = None
p_char: Any = None
p_void: Any = None
p_uint: Any = None
NULL: Any = None
longlong: Any = None
ulonglong: Any = None
