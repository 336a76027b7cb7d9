"""The hashes of keys as they stand in a pool: the same in every process, for ever.

Python's own hash of a str or bytes is different in every process, so it cannot be stored. Keys
that are equal must hash alike, whatever their types: 1, 1.0 and True are one key.
"""

from __future__ import annotations

from typing import Any

from pmemobj._heap import Handle, Heap
from pmemobj._layout import WORD
from pmemobj._values import reference
from pmemobj.errors import NotPersistableError

_MASK = 0xFFFFFFFFFFFFFFFF
_MULTIPLIER = 0x9E3779B97F4A7C15
_STR_SEED, _BYTES_SEED, _NONE_HASH = 0x5D, 0xB7, 0x6E6F6E65


def stored_hash(heap: Heap, key: Any) -> int:
    """The 64-bit hash of a key.

    Python's own is used for numbers, where it is not randomised and makes 1, 1.0 and True alike.

    Raises:
        TypeError: the key is unhashable.
        NotPersistableError: it is hashable, but cannot be a key in a pool.
    """
    kind = type(key)
    if kind is str:
        return _mix(key.encode("utf-8", "surrogatepass"), _STR_SEED)
    if kind is int or kind is bool or kind is float or kind is complex:
        return hash(key) & _MASK
    if kind is bytes:
        return _mix(key, _BYTES_SEED)
    if key is None:
        return _NONE_HASH
    if isinstance(key, Handle):
        hash(key)  # a class that defines equality without a hash is unhashable
        own_hash: Any = kind.__hash__
        if own_hash is object.__hash__:
            return reference(heap, key) >> 4
    hash(key)
    raise NotPersistableError(
        f"use a {kind.__module__}.{kind.__qualname__} as a key",
        "its hash may differ in the next process",
        "use None, a number, str, bytes, or a persistent object that compares by identity",
    )


def _mix(data: bytes, seed: int) -> int:
    """Eight bytes at a time, multiplied and folded; good low bits matter, secrecy does not."""
    state = seed ^ len(data)
    for start in range(0, len(data), WORD):
        state ^= int.from_bytes(data[start : start + WORD], "little")
        state = state * _MULTIPLIER & _MASK
        state ^= state >> 29
    return state
