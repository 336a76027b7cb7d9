"""The hashes of keys, computed from their words without handles, classes or unpickling.

`check` needs them to judge stored hashes, and dumps need them because an object gets another offset when it is
restored. A key that compares by identity is hashed by its offset, and a PersistentTuple or PersistentFrozenSet by its
items, which may be such objects. All other hashes follow from the value, or stand beside the key.
"""

from __future__ import annotations

from collections.abc import Callable

from pmemobj._engine.heap import Heap
from pmemobj._format import IMMUTABLE_KINDS, TUPLE_ITEMS, WORD, Kind, kind_of
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.key_rules import hash_of_frozenset, hash_of_tuple
from pmemobj._values.leaves import value_of
from pmemobj._values.nans import is_nan
from pmemobj._values.plain_containers import MAX_DEPTH, split_parts
from pmemobj._values.words import decode, is_container, is_leaf, leaf_parts
from pmemobj.errors import NotPersistableError, PoolDamagedError, TimeZoneNotFoundError

#: How deep persistent tuples may be nested, which is deeper than a program could hash.
_DEEPEST = 300


def hash_of_word(heap: Heap, word: int, depth: int = 0) -> int | None:
    """The hash of the key that a word stands for; None if only decoding the key with its class would tell.

    Raises:
        PoolDamagedError, ValueError: the word stands for no key.
    """
    if is_container(word):
        if not _is_immutable(heap, word):
            return word >> 4
        rule = hash_of_tuple if kind_of(heap.read(word)) == Kind.TUPLE else hash_of_frozenset
        return _combined(rule, [hash_of_word(heap, item, depth + 1) for item in _items(heap, word, depth)])
    if is_leaf(word):
        return hash_of_leaf(heap, *leaf_parts(heap, word))
    return stored_hash(heap, decode(heap, word))


def hash_of_leaf(heap: Heap, kind: int, payload: bytes, depth: int = 1) -> int | None:
    """The hash of the key that a leaf is; None if the leaf does not tell.

    Raises:
        PoolDamagedError, ValueError: the leaf is no value.
    """
    if kind == Kind.PICKLE:
        return None
    if kind == Kind.PLAIN_CONTAINER:
        _demand_depth(heap, depth, MAX_DEPTH)
        cls, parts = split_parts(payload)
        hashes = [
            hash_of_leaf(heap, part, item, depth + 1) if part else stored_hash(heap, item) for part, item in parts
        ]
        return _combined(hash_of_frozenset if cls is frozenset else hash_of_tuple, hashes)
    try:
        return stored_hash(heap, value_of(kind, payload))
    except (TimeZoneNotFoundError, NotPersistableError):
        return None
    except TypeError:
        return None  # A signalling NaN has no hash.


def depends_on_places(heap: Heap, word: int, depth: int = 0) -> bool:
    """Whether the hash of a key changes when objects get other places.

    Raises:
        PoolDamagedError: the key cannot be read.
    """
    if not is_container(word):
        return False
    return not _is_immutable(heap, word) or any(
        depends_on_places(heap, item, depth + 1) for item in _items(heap, word, depth)
    )


def holds_nan(heap: Heap, word: int, depth: int = 0) -> bool:
    """Whether a key is a NaN, or a tuple with one in it. Before there was a rule for NaNs, such keys had any hash.

    Raises:
        PoolDamagedError, ValueError: the key cannot be read.
    """
    if is_container(word):
        return _is_immutable(heap, word) and any(holds_nan(heap, item, depth + 1) for item in _items(heap, word, depth))
    return is_leaf(word) and leaf_holds_nan(*leaf_parts(heap, word))


def leaf_holds_nan(kind: int, payload: bytes) -> bool:
    """The same for a leaf."""
    if kind == Kind.PLAIN_CONTAINER:
        return any(leaf_holds_nan(part, item) for part, item in split_parts(payload)[1] if part)
    return kind in (Kind.FLOAT, Kind.COMPLEX, Kind.DECIMAL) and is_nan(value_of(kind, payload))


def _is_immutable(heap: Heap, offset: int) -> bool:
    return kind_of(heap.read(offset)) in IMMUTABLE_KINDS


def _items(heap: Heap, offset: int, depth: int) -> list[int]:
    _demand_depth(heap, depth, _DEEPEST)
    return heap.read_words(offset + TUPLE_ITEMS, heap.read_count(offset + WORD))


def _demand_depth(heap: Heap, depth: int, deepest: int) -> None:
    if depth > deepest:
        raise PoolDamagedError(
            f"hash a tuple that is a key of {heap.name}",
            f"its tuples are nested more than {deepest} deep",
            "use a flatter key",
        )


def _combined(rule: Callable[[list[int]], int], hashes: list[int | None]) -> int | None:
    known = [each for each in hashes if each is not None]
    return rule(known) if len(known) == len(hashes) else None
