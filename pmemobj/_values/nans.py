"""NaNs: two NaNs of one type with the same bits count as the same, and are one Python object.

A NaN does not equal itself. Python's containers still find a NaN, since they ask whether two objects are identical
before they ask whether they are equal. A NaN in a pool has no identity, only bits, so here the bits decide: for each
type and each pattern of bits there is one canonical object. Every NaN that is read from a pool, and every NaN that is
compared with one, is exchanged for the canonical object (`canonical`). Then Python's own containers, which do most of
the comparing, find it by identity. The canonical object of the ordinary float NaN is `math.nan`.

A canonical object is kept for good, as an interned string is, since only few patterns of bits are in use.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Collection
from decimal import Decimal
from functools import partial
from operator import is_
from typing import Any

_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")

#: For each type what distinguishes its NaNs. Only exact types count, as for all values that are stored.
_BITS: dict[type, Callable[[Any], Any]] = {
    float: _DOUBLE.pack,
    complex: lambda value: _COMPLEX.pack(value.real, value.imag),
    Decimal: Decimal.as_tuple,
}
_SCALARS = frozenset(_BITS)
#: The types of keys that can be NaNs or, as tuples, hold some.
_KEYS = _SCALARS | {tuple}
_BESIDE_FLOAT = _KEYS - {float}
_known: dict[tuple[type, Any], Any] = {(float, _DOUBLE.pack(math.nan)): math.nan}


def is_nan(value: Any) -> bool:
    """Whether a float, complex or Decimal is a NaN, or has one as a part."""
    return value.is_nan() if isinstance(value, Decimal) else bool(value != value)


def canonical(value: Any) -> Any:
    """For a NaN the canonical object of its type and bits; any other value as it is."""
    kind = type(value)
    if kind not in _SCALARS or not is_nan(value):
        return value
    return _known.setdefault((kind, _BITS[kind](value)), value)


def canonical_key(key: Any) -> Any:
    """The same for a key, which may be a plain tuple with NaNs in it."""
    if type(key) is not tuple:
        return canonical(key)
    items = tuple(map(canonical_key, key))
    return key if all(map(is_, items, key)) else items


def canonical_items(values: Any) -> Any:
    """The same for each item of a list or tuple."""
    if not _any_nan(values):
        return values
    return tuple(map(canonical, values)) if isinstance(values, tuple) else list(map(canonical, values))


def canonical_pairs(values: dict[Any, Any]) -> dict[Any, Any]:
    """The same for each key and each value of a dict."""
    if not _any_nan(values) and not _any_nan(values.values()):
        return values
    return {canonical_key(key): canonical(value) for key, value in values.items()}


def with_nans_of(mine: set[Any] | dict[Any, Any], others: Any) -> Any:
    """The items of `others`, with the object in `mine` in place of each NaN that counts as the same.

    An item that is not in `mine` stays as it is, since it may become part of the result, for example of a union. If
    `others` is a set or a dict, so is the result.
    """
    if not _any_nan(mine):
        return others
    if isinstance(others, dict):
        return {_same_of(mine, key): value for key, value in others.items()}
    exchanged = map(partial(_same_of, mine), others)
    if isinstance(others, (set, frozenset)):
        return frozenset(exchanged) if isinstance(others, frozenset) else set(exchanged)
    return exchanged


def _same_of(mine: Any, item: Any) -> Any:
    twin = canonical_key(item)
    return twin if twin is not item and twin in mine else item


def _any_nan(values: Collection[Any]) -> bool:
    """Whether a value is a NaN, or a tuple with a NaN in it; this is quick if there is none."""
    types = set(map(type, values))
    if types.isdisjoint(_KEYS):
        return False
    if types.isdisjoint(_BESIDE_FLOAT):
        return any(map(math.isnan, [value for value in values if type(value) is float]))
    return any(map(_holds_nan, values))


def _holds_nan(key: Any) -> bool:
    if type(key) is tuple:
        return any(map(_holds_nan, key))
    return type(key) in _SCALARS and is_nan(key)
