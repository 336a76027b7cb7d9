"""Tables by type, without an import of the modules whose types few programs use.

An import of `decimal`, `fractions`, `uuid`, `datetime` and what they import would take a sixth of the time that the
import of this package takes. A value of such a type exists only if its module is loaded. So a table has the rows for
these types from the first time on that a row is looked up in vain after the module was loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any


class TypeTable(dict[Any, Any]):
    """A table by type, or by something that belongs to a type. A look-up of a type without a row gives None.

    Only a look-up with square brackets adds the rows for modules that were loaded meanwhile.
    """

    def __init__(self, rows: Mapping[Any, Any], late: Mapping[str, Callable[[], Mapping[Any, Any]]]) -> None:
        """Make a table.

        Args:
            rows: The rows for the types of modules that are always loaded.
            late: By the name of a module that may be loaded later, a function that makes the rows for its types.
        """
        super().__init__(rows)
        self._late = dict(late)

    def __missing__(self, key: Any) -> Any:
        if not self._late.keys().isdisjoint(sys.modules.keys()):
            # Another thread may add the same rows at the same time.
            # A program that forbids a module has None for it.
            for name in [name for name in self._late.copy() if sys.modules.get(name) is not None]:
                self.update(self._late.get(name, dict)())
                self._late.pop(name, None)
        return self.get(key)


def loaded_class(module: str, name: str) -> Any:
    """A class of a module that may not be loaded. Until it is, this is an empty tuple: nothing is an instance of it."""
    return getattr(sys.modules.get(module), name, ())
