"""Under which name a class or function of this package is known outside of it.

A module with an underscore in its name may be moved at any time. So what is public says of itself that it belongs to
the module from which programs import it: an error message then speaks of ``pmemobj.PersistentDict``, and a pickle or a
pool stores a name that stays. `_former_names` has the names that were stored before this rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

T = TypeVar("T", bound=Callable[..., object])


def public_in(module: str) -> Callable[[T], T]:
    """A decorator for what is public: it belongs to `module`.

    An extension type cannot be decorated, so it is handed over in a call below its definition.
    """

    def name(item: T) -> T:
        # An extension type takes its module from a field in C, which Python code cannot change.
        if not (cython.compiled and rename_extension_type(item, module)):  # type: ignore[name-defined]  # noqa: F821
            item.__module__ = module
        return item

    return name
