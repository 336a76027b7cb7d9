"""The readers with which an examination reads objects: one for each kind of container.

A reader reports everything that contradicts itself in the object at an offset, and returns the references that can
be followed from there. It compares every number with the size of the pool before it computes a size from it, and it
runs no code of a program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pmemobj._containers.deque import ring_words
from pmemobj._containers.elements import ELEMENTS, MAX_DIMENSIONS
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ALLOCATION_HEADER_SIZE,
    ARRAY_SIZE,
    BLOCK_DATA,
    BYTEARRAY_SIZE,
    DEQUE_SIZE,
    DICT_SIZE,
    ENTRY_SIZE,
    EXTENSION_BODY,
    EXTENSION_COUNTS,
    LIST_SIZE,
    OBJECT_SIZE,
    SET_ENTRY_SIZE,
    SET_SIZE,
    TABLE_ENTRIES,
    TUPLE_ITEMS,
    WORD,
    Kind,
    class_number,
    kind_of,
    record_number,
)
from pmemobj._hashtable.key_texts import fault_of_texts
from pmemobj._hashtable.shape import MIN_SLOTS, SLOT_SIZE
from pmemobj._hashtable.word_hashes import hash_of_word, holds_nan
from pmemobj._objects.blocks import owner_of, shape_of, size_of, words_of
from pmemobj._objects.fields import BLOCK, Fields, parse
from pmemobj._objects.typed_memory import VALUE
from pmemobj._values.words import describe, is_container
from pmemobj.errors import PmemError

#: A slot of an index has 32 bits.
_SLOT_MAX = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Reference:
    """A value word of an object, and the step that leads to it.

    Attributes:
        step: What is written behind the path of the object: ``[3]``, ``.name``, ``<key 'a'>``.
        word: The word.
        is_key: Whether it is the key of a table.
    """

    step: str
    word: int
    is_key: bool = False


class Examiner(Protocol):
    """What readers ask of an `Examination`, which has the docstrings; every method reports what it finds wrong."""

    @property
    def heap(self) -> Heap: ...
    def say(self, offset: int, text: str) -> None: ...
    def is_place(self, offset: int) -> bool: ...
    def has_room(self, offset: int, size: int) -> bool: ...
    def body(self, offset: int, body: int, kind: Kind, size: int) -> bool: ...
    def body_fits(self, offset: int, body: int, kind: Kind, size: int) -> bool: ...
    def attributes(self, number: int) -> list[str] | None: ...
    def fields(self, number: int) -> bytes | None: ...


# ---- lists and tuples ------------------------------------------------------------------------------


def _read_list(examination: Examiner, offset: int) -> list[Reference]:
    length, capacity, items = examination.heap.read_words(offset + WORD, 3)
    if length > capacity:
        examination.say(offset, f"its length {length} is beyond its capacity {capacity}")
        return []
    if not items and not capacity:
        return []
    if not examination.body(offset, items, Kind.LIST_ITEMS, WORD * capacity):
        return []
    return _numbered(examination.heap.read_words(items, length))


def _read_deque(examination: Examiner, offset: int) -> list[Reference]:
    heap = examination.heap
    state, capacity, items, limit = heap.read_words(offset + WORD, 4)
    first, count = state >> 32, state & 0xFFFFFFFF
    if count > capacity or (first and first >= capacity):
        examination.say(offset, f"its {count} items from place {first} on do not fit its {capacity} places")
        return []
    if limit and count >= limit:
        examination.say(offset, f"it has {count} items, where {limit - 1} are the most")
    if not items and not capacity:
        return []
    if not examination.body(offset, items, Kind.DEQUE_ITEMS, WORD * capacity):
        return []
    return _numbered(ring_words(heap, offset, count))


def _read_tuple(examination: Examiner, offset: int) -> list[Reference]:
    length = examination.heap.read(offset + WORD)
    if not examination.has_room(offset, TUPLE_ITEMS + WORD * length):
        return []
    return _numbered(examination.heap.read_words(offset + TUPLE_ITEMS, length))


def _numbered(words: list[int]) -> list[Reference]:
    return [Reference(f"[{at}]", word) for at, word in enumerate(words)]


# ---- objects of one's own classes ------------------------------------------------------------------


def _read_object(examination: Examiner, offset: int) -> list[Reference]:
    return read_attributes(examination, offset, offset + WORD)


def read_attributes(examination: Examiner, offset: int, place: int) -> list[Reference]:
    """Read the attributes of the object at `offset`, whose capacity of slots and offset of slots stand at `place`.

    The object of a class that is derived from a tuple has none, and no such words: then `place` is 0.
    """
    heap = examination.heap
    number = record_number(heap.read(offset))
    names = examination.attributes(number)
    if names is None:
        examination.say(offset, f"the pool has no class with its number {number}")
        names = []
    capacity, row = heap.read_words(place, 2) if place else (0, 0)
    if not row and not capacity:
        return []
    if not examination.body(offset, row, Kind.OBJECT_SLOTS, WORD * capacity):
        return []
    slots = []
    for slot, word in enumerate(heap.read_words(row, capacity)):
        if word != ABSENT:
            if slot >= len(names):
                examination.say(offset, f"its slot {slot} has a value and its class no name for it")
            slots.append(Reference(f".{names[slot]}" if slot < len(names) else f".<slot {slot}>", word))
    return slots


def _read_extension(examination: Examiner, offset: int) -> list[Reference]:
    heap = examination.heap
    counts = heap.read(offset + EXTENSION_COUNTS)
    values, blocks, raw = counts & 0xFFFF, counts >> 16 & 0xFFFF, counts >> 32
    if not examination.has_room(offset, EXTENSION_BODY + WORD * (values + blocks) + raw):
        return []
    fields = _fields_of(examination, offset, counts)
    names = {} if fields is None else {(code == BLOCK, at): name for name, (code, at) in fields.places.items()}
    words = heap.read_words(offset + EXTENSION_BODY, values + blocks)
    slots = [
        Reference(f".{names.get((False, at), f'<value {at}>')}", word)
        for at, word in enumerate(words[:values])
        if word != ABSENT
    ]
    for at, block in enumerate(words[values:]):
        if block:
            name = names.get((True, at), f"<block {at}>")
            slots += _read_block(examination, offset, block, at, name)
    return slots


def _fields_of(examination: Examiner, offset: int, counts: int) -> Fields | None:
    """The fields of an object that has these counts, from the record of its class; None if the two contradict."""
    number = class_number(examination.heap.read(offset))
    text = examination.fields(number)
    if text is None:
        examination.say(offset, f"the pool has no class of objects with fields with its number {number}")
        return None
    fields = parse(text)
    if fields.counts != counts:
        examination.say(offset, f"its counts {counts:#x} are not those of the fields of its class, {fields.counts:#x}")
        return None
    # Raw fields are left out: the number of a raw byte may be the same as that of a value word.
    return fields._replace(places={name: it for name, it in fields.places.items() if it[0] in (VALUE, BLOCK)})


def _read_block(examination: Examiner, offset: int, block: int, at: int, name: str) -> list[Reference]:
    heap = examination.heap
    kind = kind_of(heap.read(block)) if examination.is_place(block) else 0
    if kind not in (Kind.BLOCK_WORDS, Kind.BLOCK_BYTES):
        examination.say(offset, f"there is no block where its {name} leads to")
        return []
    if not examination.body(offset, block, Kind(kind), BLOCK_DATA):
        return []
    try:
        code, count = shape_of(heap, block)
    except PmemError as error:
        examination.say(offset, f"its {name}: {error.why}")
        return []
    if owner_of(heap, block) != (offset, at):
        examination.say(offset, f"its {name} says that it is block {owner_of(heap, block)[1]} of another object")
    if not examination.body_fits(offset, block, Kind(kind), size_of(code, count)) or code != VALUE:
        return []
    return [Reference(f".{name}[{i}]", word) for i, word in enumerate(words_of(heap, block)) if word != ABSENT]


# ---- bytes -----------------------------------------------------------------------------------------


def _read_bytearray(examination: Examiner, offset: int) -> list[Reference]:
    _read_area(examination, offset, Kind.BYTEARRAY_DATA)
    return []


def _read_array(examination: Examiner, offset: int) -> list[Reference]:
    length = _read_area(examination, offset, Kind.ARRAY_DATA)
    code, shape = examination.heap.read_words(offset + BYTEARRAY_SIZE, 2)
    if code not in ELEMENTS:
        examination.say(offset, f"its type code {code:#x} is none that there is")
        return []
    size = ELEMENTS[code].size
    if length % size:
        examination.say(offset, f"its {length} bytes are no whole elements of {size} bytes")
    if shape and examination.body(offset, shape, Kind.ARRAY_DATA, WORD):
        count = examination.heap.read(shape)
        if not 1 < count <= MAX_DIMENSIONS:
            examination.say(offset, f"it has {count} dimensions, where 2 to {MAX_DIMENSIONS} can be")
        elif examination.body_fits(offset, shape, Kind.ARRAY_DATA, WORD * (1 + count)):
            dimensions = examination.heap.read_words(shape + WORD, count)
            if math.prod(dimensions) != length // size:
                examination.say(offset, f"its shape {dimensions} is not that of {length // size} elements")
    return []


def _read_area(examination: Examiner, offset: int, kind: Kind) -> int:
    """Examine the area of bytes of an object; returns how many of its bytes are in use."""
    length, capacity, data = examination.heap.read_words(offset + WORD, 3)
    if length > capacity or capacity % WORD:
        examination.say(offset, f"its {length} bytes do not fit an area of {capacity}")
    elif data or capacity:
        examination.body(offset, data, kind, capacity)
    return length


# ---- dicts and sets --------------------------------------------------------------------------------


def _read_dict(examination: Examiner, offset: int) -> list[Reference]:
    return _read_table(examination, offset, ENTRY_SIZE, Kind.DICT_TABLE)


def _read_set(examination: Examiner, offset: int) -> list[Reference]:
    return _read_table(examination, offset, SET_ENTRY_SIZE, Kind.SET_TABLE)


def _read_table(examination: Examiner, offset: int, width: int, kind: Kind) -> list[Reference]:
    heap = examination.heap
    deleted, used, table = heap.read_words(offset + WORD, 3)
    if not table:
        if deleted or used:
            examination.say(offset, f"it counts {used} entries, and has no table")
        return []
    if not examination.body(offset, table, kind, TABLE_ENTRIES):
        return []
    slots, capacity, texts_size = heap.read_words(table, 3)
    # The numbers are compared with limits first, so that no size is computed from nonsense.
    if not MIN_SLOTS <= slots <= heap.limit or slots & (slots - 1) or not used <= capacity < slots:
        examination.say(offset, f"its table has {slots} slots for {capacity} entries, {used} of them used")
        return []
    index_at = TABLE_ENTRIES + width * capacity
    room = heap.allocation_size(table) - ALLOCATION_HEADER_SIZE
    texts_at = index_at + SLOT_SIZE * slots
    if texts_at + texts_size > room:
        examination.say(offset, f"its table takes {texts_at + texts_size} bytes, and has {room}")
        return []
    each = width // WORD
    words = heap.read_words(table + TABLE_ENTRIES, each * used)
    fault = fault_of_texts(words, each, table + texts_at, texts_size)
    if fault:
        examination.say(offset, fault)
    entries = [words[at : at + each] for at in range(0, len(words), each)]
    index = memoryview(heap.read_bytes(table + index_at, SLOT_SIZE * slots)).cast("I").tolist()
    present = [number for number, entry in enumerate(entries, 1) if entry[1] != ABSENT]
    if len(present) != used - deleted:
        examination.say(offset, f"it counts {deleted} deleted of {used} entries, and has {len(present)} keys")
    mask = slots - 1
    if any(held & mask > capacity for held in index):
        examination.say(offset, "its index names entries for which it has no room")
    # A number beyond the count is left over from a key whose addition a crash cut off: it means nothing.
    index = [held if 0 < held & mask <= used else 0 for held in index]
    for problem in _index_problems(index, entries, present):
        examination.say(offset, problem)
    found = []
    for number in present:
        key_hash, key, *values = entries[number - 1]
        label = describe(heap, key, 24)
        if not _may_hash_to(heap, key, key_hash):
            examination.say(offset, f"entry {number - 1} has not the hash of its key {label}")
        found.append(Reference(f"<key {label}>" if values else f"<item {label}>", key, is_key=True))
        found += [Reference(f"[{label}]", value) for value in values]
    return found


def _index_problems(index: list[int], entries: list[list[int]], present: list[int]) -> Iterator[str]:
    numbers = [held & len(index) - 1 for held in index if held]
    if len(set(numbers)) != len(numbers):
        yield "its index names an entry twice"
    lost = [number for number in present if not _is_found(index, entries[number - 1][0], number)]
    if lost:
        yield f"its index does not lead to {len(lost)} of its keys, the first of them entry {lost[0] - 1}"


def _is_found(index: list[int], key_hash: int, number: int) -> bool:
    """Whether the probing sequence of a hash, as `_format` defines it, comes to the entry with this number."""
    mask = len(index) - 1
    number |= key_hash & (_SLOT_MAX ^ mask)
    slot, perturb = key_hash & mask, key_hash
    for _ in range(len(index) + 13):
        if index[slot] in (0, number):
            return index[slot] == number
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    return False


def _may_hash_to(heap: Heap, key: int, key_hash: int) -> bool:
    """Whether an entry may have this hash; True where the key alone does not determine the hash."""
    try:
        if is_container(key) and kind_of(heap.read(key)) in (Kind.OBJECT, Kind.EXTENSION):
            return True  # its class may define equality and hash
        own = hash_of_word(heap, key)
        return own is None or own == key_hash or holds_nan(heap, key)
    except (PmemError, TypeError, ValueError):
        return True  # a key that cannot be read is reported when its word is followed


#: For each kind the size of the object itself in bytes, and its reader.
READERS: dict[int, tuple[int, Callable[[Examiner, int], list[Reference]]]] = {
    Kind.LIST: (LIST_SIZE, _read_list),
    Kind.DEQUE: (DEQUE_SIZE, _read_deque),
    Kind.DICT: (DICT_SIZE, _read_dict),
    Kind.SET: (SET_SIZE, _read_set),
    Kind.TUPLE: (TUPLE_ITEMS, _read_tuple),
    Kind.FROZENSET: (TUPLE_ITEMS, _read_tuple),
    Kind.OBJECT: (OBJECT_SIZE, _read_object),
    Kind.BYTEARRAY: (BYTEARRAY_SIZE, _read_bytearray),
    Kind.ARRAY: (ARRAY_SIZE, _read_array),
    Kind.EXTENSION: (EXTENSION_BODY, _read_extension),
}
