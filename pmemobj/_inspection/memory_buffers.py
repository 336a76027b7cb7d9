"""Describers of objects that hold bytes or numbers, of objects with fields, and of blocks.

`memory_kinds` has the describers of the other kinds, and explains what a describer does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from pmemobj._containers.elements import ELEMENTS, Element
from pmemobj._engine.heap import Heap
from pmemobj._format import ARRAY_SIZE, BLOCK_DATA, BYTEARRAY_SIZE, EXTENSION_BODY, WORD, Kind, kind_of
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
    with_body,
)
from pmemobj._objects.blocks import shape_of
from pmemobj._objects.fields import fields_at
from pmemobj._objects.typed_memory import SIZES, VALUE

#: Of unused words, this many are shown.
FEW_UNUSED = 1


# ---- bytes and numbers -------------------------------------------------------------------------------


def of_bytearray(heap: Heap, offset: int) -> list[AllocationLayout]:
    """A bytearray and its data."""
    return _with_data(heap, offset, Kind.BYTEARRAY, Kind.BYTEARRAY_DATA, None)


def of_array(heap: Heap, offset: int) -> list[AllocationLayout]:
    """An array, its data, and its shape if it has several dimensions."""
    code, shape = heap.read_words(offset + BYTEARRAY_SIZE, 2)
    layouts = _with_data(heap, offset, Kind.ARRAY, Kind.ARRAY_DATA, ELEMENTS.get(code))
    layouts[0].spans += [
        single(32, "type code", lambda word: Reading(Meaning.COUNT, f"{chr(word & 0x7F)!r}, as in struct")),
        single(
            40, "shape", lambda word: offset_of("shape")(word) if word else Reading(Meaning.BODY, "one dimension only")
        ),
    ]
    if shape:
        layouts.append(guarded("shape", shape, lambda: _shape(heap, shape)))
    assert layouts[0].size == ARRAY_SIZE
    return layouts


def _shape(heap: Heap, offset: int) -> AllocationLayout:
    dimensions = max(0, min(heap.read(offset), room_at(heap, offset) - 1))
    spans = [
        single(0, "dimensions", count()),
        Span(
            WORD,
            dimensions,
            lambda at: f"shape[{at}]",
            lambda _, word: count("element", "elements")(word),
        ),
    ]
    return AllocationLayout("shape", offset, Kind.ARRAY_DATA, spans)


def _with_data(heap: Heap, offset: int, kind: Kind, data_kind: Kind, element: Element | None) -> list[AllocationLayout]:
    counts = {"length": ("byte", "bytes"), "capacity": ("byte of room", "bytes of room")}
    return with_body(heap, offset, kind, counts, "data", partial(_data, heap, kind=data_kind, element=element))


def _data(heap: Heap, length: int, capacity: int, area: int, kind: Kind, element: Element | None) -> AllocationLayout:
    capacity = min(capacity // WORD, room_at(heap, area))
    return AllocationLayout("data", area, kind, _raw(min(length, WORD * capacity), capacity, 0, *_numbers(element)))


def _raw(length: int, capacity: int, at: int, text: Callable[[bytes], str], each: int, name: str) -> list[Span]:
    """The spans of `length` bytes, and of the unused words behind them; an element has `each` bytes."""
    used = -(-length // WORD)

    def label(number: int) -> str:
        first = WORD * number // each
        last = min((WORD * (number + 1) - 1) // each, max(length // each - 1, first))
        return f"{name}[{first}]" if first == last else f"{name}[{first}:{last + 1}]"

    return [
        Span(at, used, label, data(length, text)),
        Span(at + WORD * used, capacity - used, lambda _: name, unused("unused, beyond the length"), FEW_UNUSED),
    ]


def _numbers(element: Element | None) -> tuple[Callable[[bytes], str], int, str]:
    """How to show the elements of an array, or the bytes of a bytearray."""
    if element is None:
        return as_text, 1, "data"
    size, code = element.size, element.code
    return lambda raw: joined(raw, code, size), size, "data"


def joined(raw: bytes, code: str, size: int) -> str:
    """The numbers with a type code of `struct` in some bytes, as text; an incomplete one at the end is left out."""
    whole = raw[: len(raw) // size * size]
    return ", ".join(
        f"{number:.7g}" if code == "f" else repr(number) for (number,) in struct.iter_unpack(f"={code}", whole)
    )


# ---- objects with fields -----------------------------------------------------------------------------


def of_extension(heap: Heap, offset: int) -> list[AllocationLayout]:
    """An object with fields, and its blocks."""
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
                Meaning.COUNT, f"values {word & 0xFFFF}, blocks {word >> 16 & 0xFFFF}, raw bytes {word >> 32}"
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
    layouts = [AllocationLayout("object", offset, Kind.EXTENSION, spans)]
    for number, block in enumerate(heap.read_words(offset + blocks_at, fields.blocks)):
        if block:
            name = f"block .{names[False, False, number]}"
            layouts.append(guarded(name, block, lambda at=block, name=name: block_layout(heap, at, name)))  # type: ignore[misc]
    return layouts


def block_layout(heap: Heap, offset: int, name: str = "block") -> AllocationLayout:
    """The layout of a block.

    Raises:
        PoolDamagedError: there is no block.
    """
    code, length = shape_of(heap, offset)
    row = name.partition(" ")[2]
    spans = [
        single(0, "header", _block_header),
        single(8, "elements", lambda word: Reading(Meaning.COUNT, f"{word >> 8} of code {chr(word & 0x7F)!r}")),
        single(16, "owner", _owner),
        single(24, "number", lambda word: Reading(Meaning.COUNT, f"block {word} of its owner")),
    ]
    if code == VALUE:
        spans.append(
            Span(BLOCK_DATA, length, lambda at: f"{row}[{at}]", lambda _, word: value(heap, word, "None")),
        )
    else:
        size = SIZES[code]
        used = -(-length * size // WORD)
        spans += _raw(length * size, used, BLOCK_DATA, lambda raw: joined(raw, code, size), size, row)
    return AllocationLayout(name, offset, Kind(kind_of(heap.read(offset))), spans)


def _block_header(word: int) -> Reading:
    kind = kind_of(word)
    return Reading(Meaning.HEADER, f"kind {kind}, {Kind(kind).name}; random bits", varying=(2, WORD))


def _owner(word: int) -> Reading:
    if not word:
        return Reading(Meaning.BODY, "nothing owns it yet")
    return Reading(Meaning.OBJECT, "→ the object that owns it", target=word, varying=(0, WORD))
