"""Dicts and sets as records of a dump and back.

The hash of a key is written beside the key if it does not follow from the written key. The hash of an object, or of
a PersistentTuple that contains one, depends on where the object lies, so it is computed anew from the words of the
restored pool. Therefore `builder` fills the tuples before the tables.
"""

from __future__ import annotations

from array import array
from typing import Any

from pmemobj._dumping.json_plain import Leaf
from pmemobj._dumping.json_values import ObjectNumber, from_json, to_json
from pmemobj._dumping.records import Form, NumberOf, Record, Target, word_of
from pmemobj._engine.heap import Heap
from pmemobj._format import ABSENT, DICT_SIZE, ENTRY_HASH, ENTRY_SIZE, SET_ENTRY_SIZE, SET_SIZE, WORD, Kind
from pmemobj._hashtable.entries import live_words
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.key_texts import pack
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.shape import built_for, index_of, shape_for, size_of
from pmemobj._hashtable.word_hashes import depends_on_places, hash_of_leaf, hash_of_word, holds_nan, leaf_holds_nan
from pmemobj._values.leaves import BadPayload
from pmemobj._values.nans import one
from pmemobj._values.words import immediate, is_container, is_leaf, leaf_parts
from pmemobj.errors import NotPersistableError, PoolDamagedError

#: The hash of such a key follows from its value, so it need not be written.
_PLAIN_KEYS = (Kind.STR, Kind.BYTES, Kind.INT)


def _write_table(heap: Heap, offset: int, number_of: NumberOf, width: int) -> Record:
    each = width // WORD
    words = live_words(heap, offset, width)
    items = []
    for at in range(0, len(words), each):
        item = [to_json(heap, word, number_of) for word in words[at + 1 : at + each]]
        if not _has_own_hash(heap, offset, words[at + 1], words[at]):
            item.append(f"{words[at]:#018x}")
        items.append(item)
    return {"items": items}


def _has_own_hash(heap: Heap, offset: int, key: int, key_hash: int) -> bool:
    """Whether the hash of the restored key follows from the key."""
    if is_leaf(key):
        return leaf_parts(heap, key)[0] in _PLAIN_KEYS
    if not is_container(key):
        return True
    try:
        own = hash_of_word(heap, key)
    except BadPayload as error:
        raise PoolDamagedError(f"dump a key of {heap.name}", str(error), "restore the pool from a copy") from None
    if own is None and depends_on_places(heap, key):
        raise NotPersistableError(
            f"dump the key at {key:#x} of the object at {offset:#x} of {heap.name}",
            "its hash depends on where an object lies and on a value that only its class can read",
            "use as the key a tuple that does not contain both",
        )
    return own == key_hash


def _read_table(target: Target, record: Record, name: str, width: int, kind: Kind) -> list[int]:
    each = width // WORD
    new = NewEntries(width)
    seen = set()
    for item in record["items"]:
        if type(item) is not list or not each - 1 <= len(item) <= each:
            raise ValueError(f"{item!r:.60} is no item of a {name}")
        key, given = item[0], item[each - 1 :]
        plain = from_json(key)
        # A pool of an older release may have the same NaN as several keys, each with a different hash.
        mark = (one(plain), *given) if _is_nan(plain) else plain
        if mark in seen:
            raise ValueError(f"the key {key!r} occurs twice")
        seen.add(mark)
        word = (immediate(target.heap, plain) or pack(plain, new.texts)) if type(plain) is str else ABSENT
        word = word or word_of(target, key)
        key_hash = _given_hash(target, key, plain, word, given[0]) if given else _hash_of(target, plain, word)
        new.add_words(key_hash, word, *(word_of(target, value) for value in item[1 : each - 1]))
    count = len(new)
    if not count:
        return [0, 0, 0]
    shape = shape_for(built_for(count), width, len(new.texts))
    table = target.block(kind, shape.size, ())
    new.settle(table + size_of(shape.slots, shape.places, width))
    unused = bytes(width * (shape.places - count))
    index = index_of([new.word(number, ENTRY_HASH) for number in range(count)], shape.slots)
    head = array("Q", [shape.slots, shape.places, len(new.texts)])
    target.fill(table, head + array("Q", bytes(new.rows) + unused + bytes(index) + bytes(new.texts)))
    return [0, count, table]


def _hash_of(target: Target, plain: Any, word: int) -> int:
    """The hash of a key that has no hash beside it; it is computed without unpickling anything."""
    found = _own_hash(target, plain, word)
    if found is None:
        raise ValueError("a key has no hash beside it, and its hash does not follow from the key")
    return found


def _given_hash(target: Target, key: Any, plain: Any, word: int, text: Any) -> int:
    """The hash that stands beside a key, after a check: with a wrong hash the key would never be found.

    A hash that cannot be computed from the key is accepted as it is; so is the hash of a NaN, which may be any
    number in pools of older releases.
    """
    given = int(text, 16)
    own = _own_hash(target, plain, word)
    # While objects are only counted, none of them has a place, and `hash_of` returns 0.
    known = own is not None and (own != 0 or not isinstance(plain, ObjectNumber))
    if known and own != given and not _bears_nan(target, plain, word):
        raise ValueError(f"the key {key!r:.60} has the hash {own:#018x}, not {text}")
    return given


def _bears_nan(target: Target, plain: Any, word: int) -> bool:
    return holds_nan(target.heap, word) if isinstance(plain, ObjectNumber) else _is_nan(plain)


def _own_hash(target: Target, plain: Any, word: int) -> int | None:
    if isinstance(plain, ObjectNumber):
        return target.hash_of(word)
    if isinstance(plain, Leaf):
        return hash_of_leaf(target.heap, plain.kind, plain.payload)
    return stored_hash(target.heap, plain)


def _is_nan(plain: Any) -> bool:
    return leaf_holds_nan(plain.kind, plain.payload) if isinstance(plain, Leaf) else bool(plain != plain)


TABLE_FORMS: dict[int, Form] = {
    Kind.DICT: Form(
        "dict",
        lambda record: DICT_SIZE,
        lambda heap, offset, number_of: _write_table(heap, offset, number_of, ENTRY_SIZE),
        lambda target, record: _read_table(target, record, "dict", ENTRY_SIZE, Kind.DICT_TABLE),
    ),
    Kind.SET: Form(
        "set",
        lambda record: SET_SIZE,
        lambda heap, offset, number_of: _write_table(heap, offset, number_of, SET_ENTRY_SIZE),
        lambda target, record: _read_table(target, record, "set", SET_ENTRY_SIZE, Kind.SET_TABLE),
    ),
}
