"""Records of a dump, one for each shared object: what a `Form` is, and the forms of lists, tuples and objects.

A record is a dict that JSON can hold (docs/dump_format.md). Writing a record reads words only, so objects whose
class is missing are moved like all others. Reading a record asks a `Target` for memory. There are two targets: one
adds up what it is asked for, the other builds the objects. So the size of a pool is known, and every record has been
checked, before the first byte of the pool is made.

`table_records` has the forms of dicts and sets, `buffer_records` those of objects that consist of bytes, and `forms`
the table of all. A new kind of container needs a form in one of these.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pmemobj._containers.base import kind_at, kinds
from pmemobj._dumping.json_plain import Leaf, plain_to_json
from pmemobj._dumping.json_values import ObjectNumber, from_json, to_json
from pmemobj._engine.heap import Heap
from pmemobj._engine.size_classes import usable_size
from pmemobj._format import ABSENT, DEQUE_SIZE, LIST_SIZE, OBJECT_SIZE, TUPLE_ITEMS, WORD, Kind, kind_of, record_number
from pmemobj._values.leaves import payload_of
from pmemobj._values.words import immediate

Record = dict[str, Any]
NumberOf = Callable[[int], int]


class ClassKey(NamedTuple):
    """What identifies a class of a pool.

    Attributes:
        name: Its name, ``module:qualname``.
        fields: The list of its fields; None for a class of objects with attributes. A class whose fields were
            changed has one record for each list.
    """

    name: str
    fields: str | None = None


class Target(Protocol):
    """Gives memory to the reader of a record."""

    #: The number and the attribute slots of each class.
    classes: dict[ClassKey, tuple[int, dict[str, int]]]

    def leaf(self, kind: Kind, payload: bytes) -> int:
        """The word of a new leaf."""

    def block(self, kind: Kind, size: int, words: Iterable[int]) -> int:
        """The offset of a new body that begins with `words`; the bytes behind them are 0."""

    def fill(self, body: int, words: Iterable[int]) -> None:
        """Fill the beginning of the body that was made last with `words`."""

    def offset(self, number: int) -> int:
        """The offset of the object with a number; ValueError if there is none."""

    def hash_of(self, word: int) -> int | None:
        """The hash of a key in the pool that is built; None where only the class of the key could compute it."""

    @property
    def heap(self) -> Heap:
        """The pool that is built; for words that need no memory any heap will do."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the objects of one kind are moved.

    Attributes:
        name: The record's ``type``.
        size: Bytes of the object itself, given its record.
        write: Makes the rest of the record of the object at an offset.
        read: Makes the bodies and leaves of an object; returns the words that follow its header word.
    """

    name: str
    size: Callable[[Record], int]
    write: Callable[[Heap, int, NumberOf], Record]
    read: Callable[[Target, Record], list[int]]


def word_of(target: Target, form: Any) -> int:
    """The word for a value in a dump; makes a leaf if the value needs one."""
    value = from_json(form)
    if isinstance(value, ObjectNumber):
        return target.offset(value.number)
    if isinstance(value, Leaf):
        return target.leaf(value.kind, value.payload)
    return immediate(target.heap, value) or target.leaf(*payload_of(value))


# ---- lists and tuples ----------------------------------------------------------------------------


def _write_sequence(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    words = kinds[kind_of(heap.read(offset))]._p_words(heap, offset)  # those of the attributes are not among them
    return {"values": [to_json(heap, word, number_of) for word in words]}


def _read_list(target: Target, record: Record) -> list[int]:
    words = array("Q", (word_of(target, form) for form in record["values"]))
    if not words:
        return [0, 0, 0]
    capacity = usable_size(WORD * len(words)) // WORD
    return [len(words), capacity, target.block(Kind.LIST_ITEMS, WORD * capacity, words)]


def _write_deque(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    limit = heap.read(offset + 4 * WORD)
    more = {"maxlen": limit - 1} if limit else {}
    return {**_write_sequence(heap, offset, number_of), **more}


def _read_deque(target: Target, record: Record) -> list[int]:
    words = array("Q", (word_of(target, form) for form in record["values"]))
    limit = record.get("maxlen")
    if limit is not None and (type(limit) is not int or limit < len(words)):
        raise ValueError(f"its {len(words)} values are more than its maxlen, or {limit!r} is no such number")
    bound = 0 if limit is None else limit + 1
    if not words:
        return [0, 0, 0, bound]
    capacity = usable_size(WORD * len(words)) // WORD
    return [len(words), capacity, target.block(Kind.DEQUE_ITEMS, WORD * capacity, words), bound]


def _size_of_tuple(record: Record) -> int:
    return TUPLE_ITEMS + WORD * len(record["values"])


def _read_tuple(target: Target, record: Record) -> list[int]:
    words = [word_of(target, form) for form in record["values"]]
    return [len(words), *words]


# ---- objects of one's own classes -----------------------------------------------------------------


def _write_object(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    words = list(kind_at(heap, offset)._p_words(heap, offset))
    return write_attributes(heap, offset, words, number_of)


def write_attributes(heap: Heap, offset: int, words: list[int], number_of: NumberOf) -> Record:
    """The class of the object at `offset`, and its attributes, which are these words in the order of their slots."""
    shape = heap.types.layout(record_number(heap.read(offset)))
    attributes = [
        [plain_to_json(name), to_json(heap, words[slot], number_of)]
        for name, slot in shape.slots.items()
        if slot < len(words) and words[slot] != ABSENT
    ]
    return {"class": plain_to_json(shape.name), "attributes": attributes}


def class_of(target: Target, record: Record) -> tuple[int, dict[str, int]]:
    """The number and the attribute slots of the class that a record names; KeyError if the dump has no such class."""
    name = from_json(record["class"])
    key = ClassKey(name, from_json(record["fields"]) if "fields" in record else None)
    if key not in target.classes:
        raise KeyError(name)
    return target.classes[key]


def read_attributes(target: Target, record: Record) -> list[int]:
    """The two words that lead to the attributes of an object."""
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


RECORD_FORMS: dict[int, Form] = {
    Kind.LIST: Form("list", lambda record: LIST_SIZE, _write_sequence, _read_list),
    Kind.DEQUE: Form("deque", lambda record: DEQUE_SIZE, _write_deque, _read_deque),
    Kind.TUPLE: Form("tuple", _size_of_tuple, _write_sequence, _read_tuple),
    Kind.FROZENSET: Form("frozenset", _size_of_tuple, _write_sequence, _read_tuple),
    Kind.OBJECT: Form("object", lambda record: OBJECT_SIZE, _write_object, read_attributes),
}
