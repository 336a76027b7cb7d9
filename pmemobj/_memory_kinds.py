"""Which words the objects of each kind have, and in which of their allocations: a describer for each kind.

A describer returns the allocations of the object at an offset as `Part`s, its own first, by the bytes as `_layout`
has them. It computes with no number that is larger than the allocation could hold, so a damaged object is described
as far as it goes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pmemobj._blocks import shape_of
from pmemobj._elements import ELEMENTS, Element
from pmemobj._extension import fields_at
from pmemobj._heap import Heap
from pmemobj._layout import (
    ALLOCATION_HEADER_SIZE,
    ARRAY_SIZE,
    BLOCK_DATA,
    BYTEARRAY_SIZE,
    DICT_SIZE,
    ENTRY_SIZE,
    EXTENSION_BODY,
    LIST_SIZE,
    OBJECT_SIZE,
    ROOT_CLASSES,
    ROOT_SIZE,
    ROOT_STATE,
    ROOT_VALUE,
    SET_ENTRY_SIZE,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TAG_LEAF,
    TAG_MASK,
    TUPLE_ITEMS,
    WORD,
    Kind,
    class_number,
    kind_of,
)
from pmemobj._readings import (
    Meaning,
    Reading,
    Span,
    as_text,
    count,
    data,
    header_of,
    offset_of,
    single,
    unused,
    value,
    value_in,
)
from pmemobj._typed import SIZES, VALUE
from pmemobj._values import describe
from pmemobj.errors import PmemError

#: Of what is unused, and of the index of a large table, so many words are shown.
_FEW_UNUSED, _FEW_OF_INDEX = 1, 4
_STATES = {0: "closed", 1: "open or never closed", 2: "suspended"}


@dataclass(slots=True)
class Part:
    """One allocation of an object.

    Attributes:
        name: What to call it: ``object``, ``items``, ``table``...
        offset: Where it begins.
        kind: Its kind; None for the root object, which libpmemobj made.
        spans: Its words, in order.
        text: What it holds as a whole.
        counted: Where entries grow behind the last without a copy of what was there: the offset of the word that
            counts them, where the first begins, and the bytes of each.
    """

    name: str
    offset: int
    kind: Kind | None
    spans: list[Span] = field(default_factory=list)
    text: str = ""
    counted: tuple[int, int, int] | None = None

    @property
    def size(self) -> int:
        """The bytes that have a meaning, or may get one."""
        return max((span.at + WORD * span.length for span in self.spans), default=0)


Describer = Callable[[Heap, int], list[Part]]


def _room(heap: Heap, offset: int) -> int:
    """How many words an allocation can have at the most."""
    size = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
    return max(0, min(size, heap.limit - offset) // WORD)


def _items(heap: Heap, at: int, length: int, capacity: int, label: Callable[[int], str]) -> list[Span]:
    """Value words, and those behind them that wait for values."""
    return [
        Span(at, length, label, value_in(heap)),
        Span(at + WORD * length, capacity - length, label, unused("unused, beyond the length"), _FEW_UNUSED),
    ]


# ---- lists, tuples, objects --------------------------------------------------------------------------


def _list(heap: Heap, offset: int) -> list[Part]:
    length, capacity, items = heap.read_words(offset + WORD, 3)
    parts = [
        Part(
            "object",
            offset,
            Kind.LIST,
            [
                single(0, "header", header_of(heap)),
                single(8, "length", count("items")),
                single(16, "capacity", count("places for items")),
                single(24, "items", offset_of("items")),
            ],
        )
    ]
    if items:
        capacity = min(capacity, _room(heap, items))
        spans = _items(heap, 0, min(length, capacity), capacity, lambda at: f"items[{at}]")
        parts.append(Part("items", items, Kind.LIST_ITEMS, spans, counted=(offset + WORD, 0, WORD)))
    assert parts[0].size == LIST_SIZE
    return parts


def _tuple(heap: Heap, offset: int) -> list[Part]:
    length = min(heap.read(offset + WORD), _room(heap, offset) - TUPLE_ITEMS // WORD)
    spans = [
        single(0, "header", header_of(heap)),
        single(8, "length", count("items")),
        Span(TUPLE_ITEMS, length, lambda at: f"items[{at}]", value_in(heap)),
    ]
    return [Part("object", offset, Kind.TUPLE, spans)]


def _object(heap: Heap, offset: int) -> list[Part]:
    capacity, slots = heap.read_words(offset + WORD, 2)
    parts = [
        Part(
            "object",
            offset,
            Kind.OBJECT,
            [
                single(0, "header", header_of(heap)),
                single(8, "capacity", count("slots for attributes")),
                single(16, "slots", offset_of("slots")),
            ],
        )
    ]
    if slots:
        names = _attributes(heap, offset)
        used = min(capacity, _room(heap, slots), len(names))
        rest = min(capacity, _room(heap, slots)) - used
        spans = [
            Span(0, used, lambda at: f".{names[at]}", lambda _, word: value(heap, word, "not set")),
            Span(WORD * used, rest, lambda at: f"slot {used + at}", _spare_slot(heap), _FEW_UNUSED),
        ]
        parts.append(Part("slots", slots, Kind.OBJECT_SLOTS, spans))
    assert parts[0].size == OBJECT_SIZE
    return parts


def _attributes(heap: Heap, offset: int) -> list[str]:
    try:
        return list(heap.types.shape(class_number(heap.read(offset))).slots)
    except (PmemError, AttributeError):
        return []


def _spare_slot(heap: Heap) -> Callable[[int, int], Reading]:
    return lambda _, word: value(heap, word, "for an attribute that the class has not yet")


# ---- dicts and sets ----------------------------------------------------------------------------------


def _dict(heap: Heap, offset: int) -> list[Part]:
    return _with_table(heap, offset, Kind.DICT, Kind.DICT_TABLE, ENTRY_SIZE)


def _set(heap: Heap, offset: int) -> list[Part]:
    return _with_table(heap, offset, Kind.SET, Kind.SET_TABLE, SET_ENTRY_SIZE)


def _with_table(heap: Heap, offset: int, kind: Kind, table_kind: Kind, width: int) -> list[Part]:
    _, used, table = heap.read_words(offset + WORD, 3)
    parts = [
        Part(
            "object",
            offset,
            kind,
            [
                single(0, "header", header_of(heap)),
                single(8, "deleted", count("entries deleted")),
                single(16, "used", count("entries used, with those")),
                single(24, "table", offset_of("table")),
            ],
        )
    ]
    if table:
        parts.append(_table(heap, offset, table, used, table_kind, width))
    assert parts[0].size == DICT_SIZE
    return parts


def _table(heap: Heap, offset: int, table: int, used: int, kind: Kind, width: int) -> Part:
    slots, capacity = heap.read_words(table, 2)
    each, room = width // WORD, _room(heap, table) - TABLE_ENTRIES // WORD
    capacity = max(0, min(capacity, room // each))
    used = min(used, capacity)
    names = ("hash", "key", "value") if each == 3 else ("hash", "item")

    def label(at: int) -> str:
        return f"entry {at // each} {names[at % each]}"

    def entry_word(at: int, word: int) -> Reading:
        if at % each == 0:
            return Reading(Meaning.HASH, _hash_text(word, slots))
        return value(heap, word, "deleted" if at % each == 1 else "no value")

    def slot_texts(_: int, word: int) -> Reading:
        texts = [_slot_text(half, slots, used) for half in (word & 0xFFFFFFFF, word >> 32)]
        return Reading(Meaning.INDEX, ", ".join(texts))

    index_at = TABLE_ENTRIES + width * capacity
    index_words = max(0, min(slots // 2, room - each * capacity))
    spans = [
        single(0, "slots", count("slots in the index")),
        single(TABLE_CAPACITY, "capacity", count("places for entries")),
        Span(TABLE_ENTRIES, each * used, label, entry_word),
        Span(
            TABLE_ENTRIES + width * used,
            each * (capacity - used),
            lambda at: label(each * used + at),
            unused("unused, for the next entry"),
            _FEW_UNUSED,
        ),
        Span(index_at, index_words, lambda at: f"slots {2 * at}, {2 * at + 1}", slot_texts, _FEW_OF_INDEX),
    ]
    return Part("table", table, kind, spans, counted=(offset + 2 * WORD, TABLE_ENTRIES, width))


def _hash_text(word: int, slots: int) -> str:
    return f"its search begins at slot {word & slots - 1}" if slots else "hash"


def _slot_text(held: int, slots: int, used: int) -> str:
    number = held & slots - 1 if slots else 0
    return f"entry {number - 1}" if 0 < number <= used else "empty"


# ---- bytes and numbers -------------------------------------------------------------------------------


def _bytearray(heap: Heap, offset: int) -> list[Part]:
    return _with_data(heap, offset, Kind.BYTEARRAY, Kind.BYTEARRAY_DATA, None)


def _array(heap: Heap, offset: int) -> list[Part]:
    code, shape = heap.read_words(offset + BYTEARRAY_SIZE, 2)
    parts = _with_data(heap, offset, Kind.ARRAY, Kind.ARRAY_DATA, ELEMENTS.get(code))
    parts[0].spans += [
        single(32, "type code", lambda word: Reading(Meaning.COUNT, f"{chr(word & 0x7F)!r}, as in struct")),
        single(
            40, "shape", lambda word: offset_of("shape")(word) if word else Reading(Meaning.BODY, "one dimension only")
        ),
    ]
    if shape:
        spans = [
            single(0, "dimensions", count()),
            Span(
                WORD,
                max(0, min(heap.read(shape), _room(heap, shape) - 1)),
                lambda at: f"shape[{at}]",
                lambda _, word: Reading(Meaning.COUNT, f"{word} elements"),
            ),
        ]
        parts.append(Part("shape", shape, Kind.ARRAY_DATA, spans))
    assert parts[0].size == ARRAY_SIZE
    return parts


def _with_data(heap: Heap, offset: int, kind: Kind, data_kind: Kind, element: Element | None) -> list[Part]:
    length, capacity, area = heap.read_words(offset + WORD, 3)
    parts = [
        Part(
            "object",
            offset,
            kind,
            [
                single(0, "header", header_of(heap)),
                single(8, "length", count("bytes")),
                single(16, "capacity", count("bytes of room")),
                single(24, "data", offset_of("data")),
            ],
        )
    ]
    if area:
        capacity = min(capacity // WORD, _room(heap, area))
        length = min(length, WORD * capacity)
        spans = _raw(length, capacity, 0, *_numbers(element))
        parts.append(Part("data", area, data_kind, spans))
    return parts


def _raw(length: int, capacity: int, at: int, text: Callable[[bytes], str], each: int, name: str) -> list[Span]:
    """`length` bytes in words, and the words behind them; of what the texts show there are `each` bytes a piece."""
    used = -(-length // WORD)

    def label(number: int) -> str:
        first = WORD * number // each
        last = min((WORD * (number + 1) - 1) // each, max(length // each - 1, first))
        return f"{name}[{first}]" if first == last else f"{name}[{first}:{last + 1}]"

    return [
        Span(at, used, label, data(length, text)),
        Span(at + WORD * used, capacity - used, lambda _: name, unused("unused, beyond the length"), _FEW_UNUSED),
    ]


def _numbers(element: Element | None) -> tuple[Callable[[bytes], str], int, str]:
    """How to show the elements of an array; bytes where it is none."""
    if element is None:
        return as_text, 1, "data"
    size, code = element.size, element.code
    return lambda raw: _joined(raw, code, size), size, "data"


def _joined(raw: bytes, code: str, size: int) -> str:
    whole = raw[: len(raw) // size * size]
    return ", ".join(
        f"{number:.7g}" if code == "f" else repr(number) for (number,) in struct.iter_unpack(f"={code}", whole)
    )


# ---- objects with fields -----------------------------------------------------------------------------


def _extension(heap: Heap, offset: int) -> list[Part]:
    fields = fields_at(heap, offset)
    names = {(code in SIZES, code == VALUE, at): name for name, (code, at) in fields.places.items()}
    blocks_at = EXTENSION_BODY + WORD * fields.values
    raw_at = blocks_at + WORD * fields.blocks
    codes = {at: (name, code) for name, (code, at) in fields.places.items() if code in SIZES}

    def numbers_in(number: int) -> list[tuple[int, str, str]]:
        first = WORD * number
        return [(at - first, *codes[at]) for at in sorted(codes) if first <= at < first + WORD]

    def raw_label(number: int) -> str:
        return ", ".join(f".{name}" for _, name, _ in numbers_in(number)) or "(nothing)"

    def raw_text(number: int, word: int) -> Reading:
        raw = word.to_bytes(WORD, "little")
        found = [f"{struct.unpack_from(f'<{code}', raw, at)[0]!r} ({code})" for at, _, code in numbers_in(number)]
        used = min(WORD, fields.raw - WORD * number)
        return Reading(Meaning.DATA, ", ".join(found), varying=(used, WORD))

    spans = [
        single(0, "header", header_of(heap)),
        single(
            8,
            "counts",
            lambda word: Reading(
                Meaning.COUNT, f"values: {word & 0xFFFF}, blocks: {word >> 16 & 0xFFFF}, bytes of numbers: {word >> 32}"
            ),
        ),
        Span(
            EXTENSION_BODY,
            fields.values,
            lambda at: f".{names[False, True, at]}",
            lambda _, word: value(heap, word, "None"),
        ),
        Span(
            blocks_at,
            fields.blocks,
            lambda at: f".{names[False, False, at]}",
            lambda at, word: offset_of(f"block .{names[False, False, at]}" if word else "block")(word),
        ),
        Span(raw_at, -(-fields.raw // WORD), raw_label, raw_text),
    ]
    parts = [Part("object", offset, Kind.EXTENSION, spans)]
    for number, block in enumerate(heap.read_words(offset + blocks_at, fields.blocks)):
        if block:
            parts.append(block_part(heap, block, f"block .{names[False, False, number]}"))
    return parts


def block_part(heap: Heap, offset: int, name: str = "block") -> Part:
    """A block of memory.

    Raises:
        PoolDamagedError: there is none.
    """
    code, length = shape_of(heap, offset)
    spans = [
        single(0, "header", _block_header),
        single(8, "elements", lambda word: Reading(Meaning.COUNT, f"{word >> 8} of code {chr(word & 0x7F)!r}")),
        single(16, "owner", _owner),
        single(24, "number", lambda word: Reading(Meaning.COUNT, f"block {word} of its owner")),
    ]
    if code == VALUE:
        spans.append(
            Span(BLOCK_DATA, length, lambda at: f"[{at}]", lambda _, word: value(heap, word, "None")),
        )
    else:
        size = SIZES[code]
        used = -(-length * size // WORD)
        spans += _raw(length * size, used, BLOCK_DATA, lambda raw: _joined(raw, code, size), size, "")
    return Part(name, offset, Kind(kind_of(heap.read(offset))), spans)


def _block_header(word: int) -> Reading:
    kind = kind_of(word)
    return Reading(Meaning.HEADER, f"kind {kind}, {Kind(kind).name}; 48 random bits", varying=(2, WORD))


def _owner(word: int) -> Reading:
    if not word:
        return Reading(Meaning.BODY, "nothing owns it yet")
    return Reading(Meaning.OBJECT, "→ the object that owns it", target=word, varying=(0, WORD))


# ---- leaves, and the root object -----------------------------------------------------------------------


def leaf_part(heap: Heap, word: int, name: str) -> Part:
    """The leaf that a value word leads to."""
    offset = word & ~TAG_MASK
    head = heap.read(offset)
    kind, size = Kind(kind_of(head)), head >> 16
    size = min(size, WORD * (_room(heap, offset) - 1))
    spans = [
        single(
            0,
            "header",
            lambda word: Reading(Meaning.HEADER, f"kind {kind.value}, {kind.name}; {word >> 16} bytes follow"),
        ),
        Span(
            WORD,
            -(-size // WORD),
            lambda at: f"payload[{WORD * at}:{min(WORD * at + WORD, size)}]",
            data(size, as_text),
        ),
    ]
    return Part(name, offset, kind, spans, describe(heap, offset | TAG_LEAF))


def root_part(heap: Heap) -> Part:
    """The root object of a pool, where everything in it begins."""
    spans = [
        single(0, "magic", lambda word: Reading(Meaning.DATA, as_text(word.to_bytes(WORD, "little")))),
        single(
            8,
            "version",
            lambda word: Reading(Meaning.COUNT, f"layout {word & 0xFFFFFFFF}, features {word >> 32:#x} to be known"),
        ),
        single(16, "features", lambda word: Reading(Meaning.COUNT, f"{word & 0xFFFFFFFF:#x} need not be known")),
        single(24, "checksum", lambda _: Reading(Meaning.DATA, "CRC-32 of the 24 bytes before")),
        single(
            ROOT_STATE, "state", lambda word: Reading(Meaning.COUNT, f"{word}, {_STATES.get(word, 'none there is')}")
        ),
        single(ROOT_VALUE, "root", lambda word: value(heap, word)),
        single(ROOT_CLASSES, "classes", lambda word: value(heap, word)),
        Span(56, (ROOT_SIZE - 56) // WORD, lambda _: "reserved", lambda _, __: Reading(Meaning.UNUSED, "for later"), 0),
    ]
    return Part("root object", heap.root_offset, None, spans)


#: What describes the objects of each kind.
DESCRIBERS: dict[int, Describer] = {
    Kind.LIST: _list,
    Kind.TUPLE: _tuple,
    Kind.OBJECT: _object,
    Kind.DICT: _dict,
    Kind.SET: _set,
    Kind.BYTEARRAY: _bytearray,
    Kind.ARRAY: _array,
    Kind.EXTENSION: _extension,
}
