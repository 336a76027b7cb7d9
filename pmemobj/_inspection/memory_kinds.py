"""Describers: which words the objects of each kind have, and in which of their allocations.

A describer returns the layouts of the allocations of the object at an offset, that of the object itself first. The
layouts follow `_format`. A describer does not compute with numbers that are larger than the allocation could hold, so
a damaged object is described as far as possible.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pmemobj._engine.heap import Heap
from pmemobj._format import (
    DICT_SIZE,
    ENTRY_SIZE,
    LIST_SIZE,
    OBJECT_SIZE,
    ROOT_CLASSES,
    ROOT_SIZE,
    ROOT_STATE,
    ROOT_VALUE,
    SET_ENTRY_SIZE,
    SIZES_WITHOUT_ATTRIBUTES,
    STATE_JOURNAL,
    STATE_JOURNAL_MASK,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TABLE_TEXTS,
    TAG_LEAF,
    TAG_MASK,
    TUPLE_ITEMS,
    WORD,
    Kind,
    kind_of,
    record_number,
)
from pmemobj._inspection.memory_buffers import FEW_UNUSED, joined, of_array, of_bytearray, of_extension
from pmemobj._inspection.word_meanings import (
    AllocationLayout,
    Meaning,
    Reading,
    Span,
    as_text,
    count,
    data,
    guarded,
    header_of,
    offset_of,
    room_at,
    single,
    unused,
    value,
    value_in,
    with_body,
)
from pmemobj._values.words import describe
from pmemobj.errors import PmemError

#: Of the index of a large table, this many words are shown.
_FEW_OF_INDEX = 4
_STATES = {0: "closed", 1: "open or never closed", 2: "suspended"}


def _state(word: int) -> str:
    if word & STATE_JOURNAL_MASK == STATE_JOURNAL:
        return "open or never closed, with a journal"
    return _STATES.get(word, "unknown")



def _items(heap: Heap, at: int, length: int, capacity: int, label: Callable[[int], str]) -> list[Span]:
    """The spans of value words, and of the unused words behind them."""
    return [
        Span(at, length, label, value_in(heap)),
        Span(
            at + WORD * length,
            capacity - length,
            lambda number: label(length + number),
            unused("unused, beyond the length"),
            FEW_UNUSED,
        ),
    ]


# ---- lists, tuples, objects --------------------------------------------------------------------------


def _list(heap: Heap, offset: int) -> list[AllocationLayout]:
    counts = {"length": ("item", "items"), "capacity": ("place for items", "places for items")}
    layouts = with_body(heap, offset, Kind.LIST, counts, "items", partial(_area, heap, offset))
    assert layouts[0].size == LIST_SIZE
    return layouts


def _area(heap: Heap, offset: int, length: int, capacity: int, items: int) -> AllocationLayout:
    capacity = min(capacity, room_at(heap, items))
    spans = _items(heap, 0, min(length, capacity), capacity, lambda at: f"items[{at}]")
    return AllocationLayout("items", items, Kind.LIST_ITEMS, spans, counted=(offset + WORD, 0, WORD))


def _deque(heap: Heap, offset: int) -> list[AllocationLayout]:
    state, capacity, items, limit = heap.read_words(offset + WORD, 4)
    most = "no limit" if not limit else f"{limit - 1} items at most"
    spans = [
        single(0, "header", header_of(heap)),
        single(8, "state", _ring_state),
        single(16, "capacity", count("place for items", "places for items")),
        single(24, "items", offset_of("items")),
        single(32, "maxlen", lambda _: Reading(Meaning.COUNT, most)),
    ]
    own = AllocationLayout("object", offset, Kind.DEQUE, spans)
    return [own, guarded("items", items, lambda: _ring(heap, items, state, capacity))] if items else [own]


def _ring_state(word: int) -> Reading:
    return Reading(Meaning.COUNT, f"{word & 0xFFFFFFFF} items from place {word >> 32} on")


def _ring(heap: Heap, items: int, state: int, capacity: int) -> AllocationLayout:
    places = min(capacity, room_at(heap, items))
    first, length = state >> 32, state & 0xFFFFFFFF

    def read(at: int, word: int) -> Reading:
        number = (at - first) % places
        return value(heap, word) if number < length else unused("unused, for an item to come")(at, word)

    def label(at: int) -> str:
        number = (at - first) % places
        return f"[{number}]" if number < length else "–"

    return AllocationLayout("items", items, Kind.DEQUE_ITEMS, [Span(0, places, label, read)])


def _tuple(heap: Heap, offset: int) -> list[AllocationLayout]:
    length = min(heap.read(offset + WORD), room_at(heap, offset) - TUPLE_ITEMS // WORD)
    spans = [
        single(0, "header", header_of(heap)),
        single(8, "length", count("item", "items")),
        Span(TUPLE_ITEMS, length, lambda at: f"items[{at}]", value_in(heap)),
    ]
    return [AllocationLayout("object", offset, Kind(kind_of(heap.read(offset))), spans)]


def _object(heap: Heap, offset: int) -> list[AllocationLayout]:
    counts = {"capacity": ("slot for attributes", "slots for attributes")}
    layouts = with_body(heap, offset, Kind.OBJECT, counts, "slots", partial(_slots, heap, offset))
    assert layouts[0].size == OBJECT_SIZE
    return layouts


def _slots(heap: Heap, offset: int, capacity: int, slots: int) -> AllocationLayout:
    names = _attributes(heap, offset)
    used = min(capacity, room_at(heap, slots), len(names))
    rest = min(capacity, room_at(heap, slots)) - used
    spans = [
        Span(0, used, lambda at: f".{names[at]}", lambda _, word: value(heap, word, "not set")),
        Span(WORD * used, rest, lambda at: f"slot {used + at}", _spare_slot(heap), FEW_UNUSED),
    ]
    return AllocationLayout("slots", slots, Kind.OBJECT_SLOTS, spans)


def _attributes(heap: Heap, offset: int) -> list[str]:
    try:
        return list(heap.types.layout(record_number(heap.read(offset))).slots)
    except (PmemError, AttributeError):
        return []


def _spare_slot(heap: Heap) -> Callable[[int, int], Reading]:
    return lambda _, word: value(heap, word, "no attribute has this slot yet")


# ---- dicts and sets ----------------------------------------------------------------------------------


def _dict(heap: Heap, offset: int) -> list[AllocationLayout]:
    return _with_table(heap, offset, Kind.DICT, Kind.DICT_TABLE, ENTRY_SIZE)


def _set(heap: Heap, offset: int) -> list[AllocationLayout]:
    return _with_table(heap, offset, Kind.SET, Kind.SET_TABLE, SET_ENTRY_SIZE)


def _with_table(heap: Heap, offset: int, kind: Kind, table_kind: Kind, width: int) -> list[AllocationLayout]:
    counts = {
        "deleted": ("entry deleted", "entries deleted"),
        "used": ("entry in use, including deleted ones", "entries in use, including deleted ones"),
    }

    def layout(_deleted: int, used: int, table: int) -> AllocationLayout:
        return _table(heap, offset, table, used, table_kind, width)

    layouts = with_body(heap, offset, kind, counts, "table", layout)
    assert layouts[0].size == DICT_SIZE
    return layouts


def _table(heap: Heap, offset: int, table: int, used: int, kind: Kind, width: int) -> AllocationLayout:
    slots, capacity, texts = heap.read_words(table, 3)
    each, room = width // WORD, room_at(heap, table) - TABLE_ENTRIES // WORD
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
    text_words = max(0, min(texts // WORD, room - each * capacity - index_words))
    texts_at = index_at + WORD * index_words
    spans = [
        single(0, "slots", count("slot in the index", "slots in the index")),
        single(TABLE_CAPACITY, "capacity", count("place for entries", "places for entries")),
        single(TABLE_TEXTS, "texts", count("byte of texts", "bytes of texts")),
        Span(TABLE_ENTRIES, each * used, label, entry_word),
        Span(
            TABLE_ENTRIES + width * used,
            each * (capacity - used),
            lambda at: label(each * used + at),
            unused("unused, for the next entry"),
            FEW_UNUSED,
        ),
        Span(index_at, index_words, lambda at: f"slots {2 * at}, {2 * at + 1}", slot_texts, _FEW_OF_INDEX),
        Span(
            texts_at,
            text_words,
            lambda at: f"texts[{WORD * at}:{WORD * at + WORD}]",
            lambda _, word: Reading(Meaning.DATA, as_text(word.to_bytes(WORD, "little"))),
        ),
    ]
    return AllocationLayout("table", table, kind, spans, counted=(offset + 2 * WORD, TABLE_ENTRIES, width))


def _hash_text(word: int, slots: int) -> str:
    return f"its search begins at slot {word & slots - 1}" if slots else "hash"


def _slot_text(held: int, slots: int, used: int) -> str:
    number = held & slots - 1 if slots else 0
    return f"entry {number - 1}" if 0 < number <= used else "empty"


# ---- leaves, and the root object -----------------------------------------------------------------------


def leaf_layout(heap: Heap, word: int, name: str) -> AllocationLayout:
    """The layout of the leaf that a value word leads to."""
    offset = word & ~TAG_MASK
    head = heap.read(offset)
    kind, size = Kind(kind_of(head)), head >> 16
    size = min(size, WORD * (room_at(heap, offset) - 1))
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
            data(size, _payload_text(kind)),
        ),
    ]
    return AllocationLayout(name, offset, kind, spans, describe(heap, offset | TAG_LEAF))


def _payload_text(kind: Kind) -> Callable[[bytes], str]:
    """How to show eight bytes of the payload of a leaf."""
    if kind in (Kind.FLOAT, Kind.COMPLEX):
        return lambda raw: joined(raw, "d", WORD)
    if kind is Kind.INT:
        return lambda raw: "a part of the number" if len(raw) == WORD else "its highest bits, with the sign"
    return as_text


def root_layout(heap: Heap) -> AllocationLayout:
    """The layout of the root object of a pool."""
    spans = [
        single(0, "magic", lambda word: Reading(Meaning.DATA, as_text(word.to_bytes(WORD, "little")))),
        single(
            8,
            "version",
            lambda word: Reading(Meaning.COUNT, f"layout {word & 0xFFFFFFFF}, required features {word >> 32:#x}"),
        ),
        single(16, "features", lambda word: Reading(Meaning.COUNT, f"optional features {word & 0xFFFFFFFF:#x}")),
        single(24, "checksum", lambda _: Reading(Meaning.DATA, "CRC-32 of the 24 bytes before")),
        single(
            ROOT_STATE, "state", lambda word: Reading(Meaning.COUNT, f"{word}, {_state(word)}")
        ),
        single(ROOT_VALUE, "root", lambda word: value(heap, word)),
        single(ROOT_CLASSES, "classes", lambda word: value(heap, word)),
        Span(56, (ROOT_SIZE - 56) // WORD, lambda _: "reserved", lambda _, __: Reading(Meaning.UNUSED, "reserved"), 0),
    ]
    return AllocationLayout("root object", heap.root_offset, None, spans)


Describer = Callable[[Heap, int], list[AllocationLayout]]

#: The describer of each kind.
DESCRIBERS: dict[int, Describer] = {
    Kind.LIST: _list,
    Kind.DEQUE: _deque,
    Kind.TUPLE: _tuple,
    Kind.FROZENSET: _tuple,
    Kind.OBJECT: _object,
    Kind.DICT: _dict,
    Kind.SET: _set,
    Kind.BYTEARRAY: of_bytearray,
    Kind.ARRAY: of_array,
    Kind.EXTENSION: of_extension,
}


def describe_object(heap: Heap, offset: int) -> list[AllocationLayout]:
    """The layouts of the allocations of the object at `offset`, that of the object itself first."""
    head = heap.read(offset)
    layouts = DESCRIBERS[kind_of(head)](heap, offset)
    size = SIZES_WITHOUT_ATTRIBUTES.get(Kind(kind_of(head)))
    if size is None or record_number(head) < 0:
        return layouts
    # A container of a program's own class: two more words lead to its attributes.
    counts = {"slot capacity": ("slot for attributes", "slots for attributes")}
    more = with_body(heap, offset + size - WORD, Kind.OBJECT, counts, "slots", partial(_slots, heap, offset))
    layouts[0].spans += [span._replace(at=span.at + size - WORD) for span in more[0].spans[1:]]
    return layouts + more[1:]
