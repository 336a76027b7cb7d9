"""The base of containers that are compared by their contents, element by element."""

from __future__ import annotations

import operator
from typing import Any

from pmemobj._containers.base import Persistent


class Comparable(Persistent):
    """Has all six comparisons, which are made of one.

    A class that derives from this defines `_compare`, and `_hash` if its objects have a hash.
    """

    __slots__ = ()

    def _compare(self, other: Any, relation: Any) -> Any:
        """What a function of `operator` says of the contents of this object and another, if they can be compared."""
        raise AssertionError(f"{type(self).__qualname__} does not say how it is compared")

    def _hash(self) -> int:
        raise TypeError(f"unhashable type: '{type(self).__name__}'")

    def __eq__(self, other: Any) -> Any:
        return self._compare(other, operator.eq)

    def __ne__(self, other: Any) -> Any:
        return self._compare(other, operator.ne)

    def __lt__(self, other: Any) -> Any:
        return self._compare(other, operator.lt)

    def __le__(self, other: Any) -> Any:
        return self._compare(other, operator.le)

    def __gt__(self, other: Any) -> Any:
        return self._compare(other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return self._compare(other, operator.ge)

    def __hash__(self) -> int:
        # This stands beside the comparisons because a compiled class inherits both or neither.
        return self._hash()
