"""The views that keys(), values() and items() of a PersistentDict return. They follow the dict, as those of dict do.

The operations of a set take any iterable and return plain sets. They are written here and not inherited from
`collections.abc`, since the versions there do not handle unhashable values and the order of items as dict's views do.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Set, ValuesView
from types import MappingProxyType
from typing import Any

from pmemobj._values.nans import canonical, canonical_pairs, with_nans_of

_missing: Any = object()


class _View:
    """What the three views have in common. The base class in `collections.abc` sets `_mapping`."""

    __slots__ = ()
    _mapping: Any

    @property
    def mapping(self) -> MappingProxyType[Any, Any]:
        """The dict, for reading only."""
        return MappingProxyType(self._mapping)

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("every view has its own")

    def __repr__(self) -> str:
        return f"dict_{type(self).__name__.lower()}({list(self)!r})"


class _SetLike(_View):
    """The operations of a set, which keys and items have."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(self._mapping)

    def __contains__(self, item: Any) -> bool:
        raise AssertionError("every view has its own")

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Whether this view and `other` have no item in common."""
        return not any(item in self for item in other)

    def __and__(self, other: Iterable[Any]) -> set[Any]:
        return {item for item in other if item in self}

    __rand__ = __and__

    def __or__(self, other: Iterable[Any]) -> set[Any]:
        mine = set(self)
        return mine.union(with_nans_of(mine, other))

    def __ror__(self, other: Iterable[Any]) -> set[Any]:
        mine = set(self)
        return set(with_nans_of(mine, other)).union(mine)

    def __sub__(self, other: Iterable[Any]) -> set[Any]:
        mine = set(self)
        return mine.difference(with_nans_of(mine, other))

    def __rsub__(self, other: Iterable[Any]) -> set[Any]:
        mine = set(self)
        return set(with_nans_of(mine, other)).difference(mine)

    def __xor__(self, other: Iterable[Any]) -> set[Any]:
        mine = set(self)
        return mine.symmetric_difference(with_nans_of(mine, other))

    __rxor__ = __xor__

    def _all_in(self, other: Any) -> bool:
        if isinstance(other, (set, frozenset)):
            other = canonical_pairs(dict.fromkeys(other))
        return all(item in other for item in self)

    def __eq__(self, other: Any) -> Any:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) == len(other) and self._all_in(other)

    def __le__(self, other: Any) -> Any:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) <= len(other) and self._all_in(other)

    def __lt__(self, other: Any) -> Any:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) < len(other) and self._all_in(other)

    def __ge__(self, other: Any) -> Any:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) >= len(other) and all(item in self for item in other)

    def __gt__(self, other: Any) -> Any:
        if not isinstance(other, Set):
            return NotImplemented
        return len(self) > len(other) and all(item in self for item in other)

    __hash__ = None  # type: ignore[assignment]


class Keys(_SetLike, KeysView[Any]):
    """The keys of a dict."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._mapping)

    def __reversed__(self) -> Iterator[Any]:
        found: Iterator[Any] = reversed(self._mapping)
        return found

    def __contains__(self, key: Any) -> bool:
        return key in self._mapping


class Values(_View, ValuesView[Any]):
    """The values of a dict."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = self._mapping._walk_values(1)
        return found

    def __reversed__(self) -> Iterator[Any]:
        found: Iterator[Any] = self._mapping._walk_values(-1)
        return found

    def __contains__(self, value: Any) -> bool:
        value = canonical(value)
        return any(found is value or found == value for found in self)


class Items(_SetLike, ItemsView[Any, Any]):
    """The pairs of key and value of a dict."""

    __slots__ = ()

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        found: Iterator[tuple[Any, Any]] = self._mapping._walk_items(1)
        return found

    def __reversed__(self) -> Iterator[tuple[Any, Any]]:
        found: Iterator[tuple[Any, Any]] = self._mapping._walk_items(-1)
        return found

    def __contains__(self, item: Any) -> bool:
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        key, value = item[0], canonical(item[1])
        found = self._mapping.get(key, _missing)
        return found is not _missing and bool(found is value or found == value)
