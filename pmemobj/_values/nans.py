"""NaNs: those of one type and the same bits are the same, and one Python object.

Python asks whether two things are the same before it asks whether they are equal, so a dict finds the
very NaN that it was given. What is in a pool has no identity, only bits; so these take its place. All
that comes out of a pool is exchanged here for one object per pattern of bits (`one`), and so is what is
compared with it. Then Python's own containers, which do most of the comparing, find by identity what
should be found. The ordinary float NaN is `math.nan`.

An object that was made once stays, as an interned string does: there are few patterns in use.
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

#: What tells the NaNs of a type apart. Exact types only, as everywhere where values are stored.
_BITS: dict[type, Callable[[Any], Any]] = {
    float: _DOUBLE.pack,
    complex: lambda value: _COMPLEX.pack(value.real, value.imag),
    Decimal: Decimal.as_tuple,
}
_SCALARS = frozenset(_BITS)
#: A tuple that is a key may hold some.
_KEYS = _SCALARS | {tuple}
_BESIDE_FLOAT = _KEYS - {float}
_known: dict[tuple[type, Any], Any] = {(float, _DOUBLE.pack(math.nan)): math.nan}


def is_nan(value: Any) -> bool:
    """Whether a float, complex or Decimal is a NaN, or has one as a part."""
    return value.is_nan() if isinstance(value, Decimal) else bool(value != value)


def one(value: Any) -> Any:
    """Of a NaN the object that stands for all of its type and bits; any other value as it is."""
    kind = type(value)
    if kind not in _SCALARS or not is_nan(value):
        return value
    return _known.setdefault((kind, _BITS[kind](value)), value)


def one_key(key: Any) -> Any:
    """As `one`, also for the items of plain tuples, which can be keys."""
    if type(key) is not tuple:
        return one(key)
    items = tuple(map(one_key, key))
    return key if all(map(is_, items, key)) else items


def ones(values: Any) -> Any:
    """The values of a list or tuple, each as `one` has it, in one of the same kind."""
    if not _bear_any(values):
        return values
    return tuple(map(one, values)) if isinstance(values, tuple) else list(map(one, values))


def one_of_each(values: dict[Any, Any]) -> dict[Any, Any]:
    """A dict whose keys are as `one_key` has them, and whose values as `one` has them."""
    if not _bear_any(values) and not _bear_any(values.values()):
        return values
    return {one_key(key): one(value) for key, value in values.items()}


def those_of(mine: set[Any] | dict[Any, Any], others: Any) -> Any:
    """`others`, with an object out of `mine` in place of each NaN that is the same as one in there.

    What is not in `mine` is left as it is, since it may come out of a union, say. Others that are sets
    or dicts stay such.
    """
    if not _bear_any(mine):
        return others
    if isinstance(others, dict):
        return {_mine_or(mine, key): value for key, value in others.items()}
    exchanged = map(partial(_mine_or, mine), others)
    if isinstance(others, (set, frozenset)):
        return frozenset(exchanged) if isinstance(others, frozenset) else set(exchanged)
    return exchanged


def _mine_or(mine: Any, item: Any) -> Any:
    twin = one_key(item)
    return twin if twin is not item and twin in mine else item


def _bear_any(values: Collection[Any]) -> bool:
    """Whether there is a NaN among these, or in a tuple among them; quick to say no."""
    types = set(map(type, values))
    if types.isdisjoint(_KEYS):
        return False
    if types.isdisjoint(_BESIDE_FLOAT):
        return any(map(math.isnan, [value for value in values if type(value) is float]))
    return any(map(_bears, values))


def _bears(key: Any) -> bool:
    if type(key) is tuple:
        return any(map(_bears, key))
    return type(key) in _SCALARS and is_nan(key)
