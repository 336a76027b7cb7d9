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
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from functools import partial
from importlib import import_module
from operator import is_
from typing import Any

from pmemobj._values.late_types import TypeTable

_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")


def _decimals() -> dict[Any, Any]:
    from decimal import Decimal

    return {Decimal: (Decimal.is_nan, Decimal.as_tuple)}


def _without_nans(module: str, *names: str) -> dict[Any, Any]:
    return {getattr(import_module(module), name): None for name in names}


#: For each type with NaNs whether a value is a NaN, or has one as a part, and what distinguishes its NaNs. Only exact
#: types count, as for all values that are stored. Frequent types without NaNs have a row, too, with None: to find that
#: there is no row takes longer.
_TYPES = TypeTable(
    {
        float: (math.isnan, _DOUBLE.pack),
        complex: (lambda value: value != value, lambda value: _COMPLEX.pack(value.real, value.imag)),
        **dict.fromkeys((type(None), bool, int, str, bytes, tuple, frozenset)),
    },
    late={
        "datetime": partial(_without_nans, "datetime", "date", "time", "datetime", "timedelta"),
        "decimal": _decimals,
        "fractions": partial(_without_nans, "fractions", "Fraction"),
        "uuid": partial(_without_nans, "uuid", "UUID"),
    },
)
_OFTEN = frozenset({type(None), bool, int, float, str, bytes})
_known: dict[tuple[type, Any], Any] = {(float, _DOUBLE.pack(math.nan)): math.nan}


def is_nan(value: Any) -> bool:
    """Whether a value is a float, complex or Decimal that is a NaN, or has one as a part."""
    row = _TYPES[type(value)]
    return row is not None and row[0](value)


def canonical(value: Any) -> Any:
    """For a NaN the canonical object of its type and bits, also inside of tuples and frozensets; others as they are."""
    kind = type(value)
    row = _TYPES[kind]
    if row is None:
        if kind is not tuple and kind is not frozenset:
            return value
        items = list(map(canonical, value))
        return value if all(map(is_, items, value)) else kind(items)
    if not row[0](value):
        return value
    return _known.setdefault((kind, row[1](value)), value)


def canonical_items(values: Any) -> Any:
    """The same for each item of a list or tuple."""
    if not _any_nan(values):
        return values
    return tuple(map(canonical, values)) if isinstance(values, tuple) else list(map(canonical, values))


def canonical_pairs(values: dict[Any, Any]) -> dict[Any, Any]:
    """The same for each key and each value of a dict."""
    if not _any_nan(values) and not _any_nan(values.values()):
        return values
    return {canonical(key): canonical(value) for key, value in values.items()}


def with_nans_of(mine: AbstractSet[Any] | dict[Any, Any], others: Any) -> Any:
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
    twin = canonical(item)
    return twin if twin is not item and twin in mine else item


def _any_nan(values: Collection[Any]) -> bool:
    """Whether a value is a NaN, or a tuple or frozenset with a NaN in it; this is quick if there is none."""
    types = set(map(type, values))
    if types <= _OFTEN:
        return float in types and any(map(math.isnan, [value for value in values if type(value) is float]))
    may = tuple in types or frozenset in types or any(map(_TYPES.__getitem__, types))
    return may and any(map(_holds_nan, values))


def _holds_nan(key: Any) -> bool:
    return any(map(_holds_nan, key)) if type(key) in (tuple, frozenset) else is_nan(key)
