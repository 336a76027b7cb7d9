"""Shared objects as records of a dump and back, one `Form` for each kind of container.

A record is a dict that JSON can hold (docs/dump_format.md). Writing one reads words only, so that
objects whose class is missing are moved like all others. Reading one asks a `Target` for memory.
There are two targets: one that counts what it is asked for, and one that builds; so what a dump
needs is known, and every record has been looked at, before the first byte of a pool is made.

A new kind of container is a `Form` in `FORMS`, here or in the module that calls `FORMS.update`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pmemobj._base import kind_at
from pmemobj._hashes import stored_hash
from pmemobj._heap import Heap, usable_size
from pmemobj._layout import (
    ABSENT,
    DICT_SIZE,
    ENTRY_SIZE,
    LIST_SIZE,
    OBJECT_SIZE,
    TABLE_ENTRIES,
    WORD,
    Kind,
    class_number,
    kind_of,
)
from pmemobj._leaves import DECODERS, payload_of
from pmemobj._portable import Leaf, Reference, from_json, plain_to_json, to_json
from pmemobj._values import immediate, is_container, is_leaf, leaf_parts
from pmemobj.errors import PoolDamagedError

Record = dict[str, Any]
NumberOf = Callable[[int], int]

#: Leaves of which a key's hash is found again from the value, so that it need not be written.
_PLAIN_KEYS = (Kind.STR, Kind.BYTES, Kind.INT)


class Target(Protocol):
    """What gives memory to the reader of a record."""

    #: The number and the attribute slots of each class, by its name.
    classes: dict[str, tuple[int, dict[str, int]]]

    def leaf(self, kind: Kind, payload: bytes) -> int:
        """The word of a new leaf."""

    def block(self, kind: Kind, size: int, words: Iterable[int]) -> int:
        """The offset of a new body that begins with `words`; what follows is 0."""

    def offset(self, number: int) -> int:
        """The offset of the object with a number; ValueError if there is none."""

    @property
    def heap(self) -> Heap:
        """The pool that is built; for words without memory of their own, any."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the objects of one kind are moved.

    Attributes:
        name: The record's ``type``.
        size: Bytes of the object itself, given its record.
        write: Makes the rest of the record of the object at an offset.
        read: Makes the bodies and leaves; returns the words behind the object's header word.
    """

    name: str
    size: Callable[[Record], int]
    write: Callable[[Heap, int, NumberOf], Record]
    read: Callable[[Target, Record], list[int]]


def write_record(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    """The record of the object at `offset`, but for its number.

    Raises:
        PoolDamagedError: it cannot be read, or there is no form for its kind.
    """
    kind_at(heap, offset)
    kind = kind_of(heap.read(offset))
    form = FORMS.get(kind)
    if form is None:
        raise PoolDamagedError(
            f"dump the object at {offset:#x} of {heap.name}",
            f"there is no form for its kind {kind}",
            "remove it first",
        )
    return {"type": form.name, **form.write(heap, offset, number_of)}


def kind_named(name: Any) -> Kind:
    """The kind whose records have this ``type``; ValueError if there is none."""
    for kind, form in FORMS.items():
        if form.name == name:
            return Kind(kind)
    raise ValueError(f"there is no type {name!r}")


def word_of(target: Target, form: Any) -> int:
    """The word for what stands in a dump; may make a leaf."""
    value = from_json(form)
    if isinstance(value, Reference):
        return target.offset(value.number)
    if isinstance(value, Leaf):
        return target.leaf(value.kind, value.payload)
    return immediate(target.heap, value) or target.leaf(*payload_of(value))


# ---- lists ---------------------------------------------------------------------------------------


def _write_list(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    return {"values": [to_json(heap, word, number_of) for word in kind_at(heap, offset)._p_words(heap, offset)]}


def _read_list(target: Target, record: Record) -> list[int]:
    words = array("Q", (word_of(target, form) for form in record["values"]))
    if not words:
        return [0, 0, 0]
    capacity = usable_size(WORD * len(words)) // WORD
    return [len(words), capacity, target.block(Kind.LIST_ITEMS, WORD * capacity, words)]


# ---- dicts ---------------------------------------------------------------------------------------


def _write_dict(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    items = []
    for key_hash, key, value in _live_entries(heap, offset):
        item = [to_json(heap, key, number_of), to_json(heap, value, number_of)]
        if not _has_own_hash(heap, key, key_hash):
            item.append(f"{key_hash:#018x}")
        items.append(item)
    return {"items": items}


def _live_entries(heap: Heap, offset: int) -> Iterator[tuple[int, int, int]]:
    used, table = heap.read_words(offset + 16, 2)
    if table:
        words = heap.read_words(table + TABLE_ENTRIES, 3 * used)
        for at in range(0, len(words), 3):
            if words[at + 1] != ABSENT:
                yield words[at], words[at + 1], words[at + 2]


def _has_own_hash(heap: Heap, key: int, key_hash: int) -> bool:
    """Whether the restored key will say its hash by itself."""
    if is_container(key):
        return key_hash == _identity_hash(key)
    return not is_leaf(key) or leaf_parts(heap, key)[0] in _PLAIN_KEYS


def _identity_hash(offset: int) -> int:
    """The hash of an object that compares by identity, as `_hashes` has it."""
    return offset >> 4


def _read_dict(target: Target, record: Record) -> list[int]:
    entries = array("Q")
    seen = set()
    for key, value, *given in record["items"]:
        plain = from_json(key)
        if plain in seen:
            raise ValueError(f"the key {key!r} occurs twice")
        seen.add(plain)
        word = word_of(target, key)
        key_hash = int(given[0], 16) if given else _hash_of(target, plain, word)
        entries.extend((key_hash, word, word_of(target, value)))
    count = len(entries) // 3
    if not count:
        return [0, 0, 0]
    slots = 8
    while slots * 2 // 3 < count + (count >> 3):
        slots *= 2
    capacity = slots * 2 // 3
    index = index_of(entries[::3], slots)
    packed = entries + array("Q", bytes(ENTRY_SIZE * (capacity - count))) + array("Q", index.tobytes())
    size = TABLE_ENTRIES + WORD * len(packed)
    return [count, count, target.block(Kind.DICT_TABLE, size, [slots, capacity, *packed])]


def _hash_of(target: Target, plain: Any, word: int) -> int:
    if isinstance(plain, Reference):
        return _identity_hash(word)
    if isinstance(plain, Leaf):
        plain = DECODERS[plain.kind](plain.payload)
    return stored_hash(target.heap, plain)


def index_of(hashes: Iterable[int], slots: int) -> array[int]:
    """The index of a table whose entries have these hashes, by the probing that `_layout` names."""
    index = array("I", bytes(4 * slots))
    mask = slots - 1
    for number, key_hash in enumerate(hashes, 1):
        slot, perturb = key_hash & mask, key_hash
        while index[slot]:
            perturb >>= 5
            slot = (slot * 5 + perturb + 1) & mask
        index[slot] = number
    return index


# ---- objects of one's own classes -----------------------------------------------------------------


def _write_object(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    shape = heap.types.shape(class_number(heap.read(offset)))
    words = list(kind_at(heap, offset)._p_words(heap, offset))
    return {
        "class": plain_to_json(shape.name),
        "attributes": [
            [plain_to_json(name), to_json(heap, words[slot], number_of)]
            for name, slot in shape.slots.items()
            if slot < len(words) and words[slot] != ABSENT
        ],
    }


def class_of(target: Target, record: Record) -> tuple[int, dict[str, int]]:
    """Number and slots of the class that a record names; KeyError if the dump has no such class."""
    return target.classes[from_json(record["class"])]


def _read_object(target: Target, record: Record) -> list[int]:
    _, slots = class_of(target, record)
    if not record["attributes"]:
        return [0, 0]
    row = [ABSENT] * len(slots)
    for name, form in record["attributes"]:
        slot = slots[from_json(name)]
        if row[slot] != ABSENT:
            raise ValueError(f"the attribute {name!r} occurs twice")
        row[slot] = word_of(target, form)
    return [len(row), target.block(Kind.OBJECT_SLOTS, WORD * len(row), row)]


# ---- all of them ---------------------------------------------------------------------------------

FORMS: dict[int, Form] = {
    Kind.LIST: Form("list", lambda record: LIST_SIZE, _write_list, _read_list),
    Kind.DICT: Form("dict", lambda record: DICT_SIZE, _write_dict, _read_dict),
    Kind.OBJECT: Form("object", lambda record: OBJECT_SIZE, _write_object, _read_object),
}

assert ENTRY_SIZE == 3 * WORD
