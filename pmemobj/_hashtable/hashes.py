"""The hashes of keys as they stand in a pool: the same in every process, for ever.

Python's own hash of a str or bytes differs from process to process, so it cannot be stored. Keys that are equal must
have the same hash, whatever their types: 1, 1.0 and True are one key. So the hash of a key is always that of the stored
key which equals it. Whether the key itself can be stored does not matter here, so that a look-up with an instance of a
subclass of str finds what a dict finds.

This module has the rules for the most frequent types of keys; `key_rules` has those for all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmemobj._engine.heap import Handle, Heap
from pmemobj._format import STR_SEED, WORD

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_MASK = 0xFFFFFFFFFFFFFFFF
_MULTIPLIER = 0x9E3779B97F4A7C15
_BYTES_SEED, _NONE_HASH = 0xB7, 0x6E6F6E65

_other_hash: Callable[[Heap, Any], int]


def register_other_hash(function: Callable[[Heap, Any], int]) -> None:
    """From now on `function` hashes the keys of all types for which there is no rule here."""
    global _other_hash
    _other_hash = function


def stored_hash(heap: Heap, key: Any) -> int:
    """The 64-bit hash of a key, which is that of every stored key that equals it.

    For numbers this is Python's own hash, which is the same in every process, and the same for 1, 1.0 and True.

    Raises:
        TypeError: the key is unhashable.
        NotPersistableError: the key is hashable, but it cannot be known which stored keys equal it.
    """
    kind = type(key)
    if kind is str:
        return hash_of_str(key)
    if kind is int or kind is bool:
        return hash(key) & _MASK
    if (kind is float or kind is complex) and key == key:
        return hash(key) & _MASK
    if kind is bytes:
        return mix(key, _BYTES_SEED)
    if key is None:
        return _NONE_HASH
    if isinstance(key, Handle) and compares_by_identity(kind):
        # It compares by identity. If the object is dead, this raises the reason.
        key._p_heap.read(key._p_offset)
        return key._p_offset >> 4
    return _other_hash(heap, key)


def compares_by_identity(cls: Any) -> bool:
    """Whether each instance of a class equals only itself."""
    return cls.__eq__ is object.__eq__ and cls.__hash__ is not None


def hash_of_str(text: str) -> int:
    """The hash of a str, and of every instance of a subclass that equals it."""
    if cython.compiled:
        size = 0
        characters = utf8_of(text, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
        if characters != cython.NULL:
            return mix_memory(characters, size, STR_SEED)  # type: ignore[name-defined,no-any-return]  # noqa: F821
        forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
    return mix(text.encode("utf-8", "surrogatepass"), STR_SEED)


def hash_of_bytes(data: bytes) -> int:
    """The hash of bytes, and of every instance of a subclass that equals them."""
    return mix(data, _BYTES_SEED)


def mix(data: bytes, seed: int) -> int:
    """A hash of bytes: eight bytes at a time are multiplied and folded. The low bits must be good; secrecy does not
        matter.
    """
    if cython.compiled:
        return mix_memory(data, len(data), seed)  # type: ignore[name-defined,no-any-return]  # noqa: F821
    else:
        state = seed ^ len(data)
        for start in range(0, len(data), WORD):
            state ^= int.from_bytes(data[start : start + WORD], "little")
            state = state * _MULTIPLIER & _MASK
            state ^= state >> 29
        return state
