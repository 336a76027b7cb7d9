"""Objects that consist of bytes as records of a dump and back: byte arrays, arrays, objects with fields.

Bytes are written as base64, little-endian as in the pool: decimal numbers would have to be exact in every reader,
and a block that a program lays out itself may hold anything. The fields of the class stand in each record, since a
class whose fields were changed has objects with the old and with the new fields.
"""

from __future__ import annotations

import math
from array import array
from typing import Any

from pmemobj._containers.base import kind_at
from pmemobj._containers.elements import ELEMENTS, MAX_DIMENSIONS
from pmemobj._dumping.json_plain import base64_of, bytes_of, plain_to_json
from pmemobj._dumping.json_values import from_json, to_json
from pmemobj._dumping.records import Form, NumberOf, Record, Target, class_of, word_of
from pmemobj._engine.heap import Heap
from pmemobj._engine.size_classes import usable_size
from pmemobj._format import (
    ABSENT,
    ARRAY_SIZE,
    BLOCK_DATA,
    BYTEARRAY_SIZE,
    EXTENSION_BODY,
    WORD,
    Kind,
    class_number,
)
from pmemobj._objects.blocks import first_words, kind_for, shape_of, size_of, words_of
from pmemobj._objects.fields import Fields, fields_at, parse
from pmemobj._objects.typed_memory import SIZES, VALUE
from pmemobj.errors import PoolDamagedError

#: An object counts its fields with 16 bits.
_COUNTED = 1 << 16


def _as_words(data: bytes) -> array[int]:
    return array("Q", data + bytes(-len(data) % WORD))


# ---- byte arrays and arrays ------------------------------------------------------------------------


def _write_area(heap: Heap, offset: int) -> Record:
    length, capacity, data = heap.read_count(offset + WORD), *heap.read_words(offset + 2 * WORD, 2)
    if length > capacity:
        raise PoolDamagedError(
            f"dump the bytes of the object at {offset:#x} of {heap.name}",
            f"its length {length} is beyond its capacity {capacity}",
            "restore the pool from a copy",
        )
    return {"data": base64_of(heap.read_bytes(data, length))}


def _read_area(target: Target, data: bytes, kind: Kind) -> list[int]:
    if not data:
        return [0, 0, 0]
    capacity = usable_size((len(data) + WORD - 1) & -WORD)
    return [len(data), capacity, target.block(kind, capacity, _as_words(data))]


def _write_bytearray(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    return _write_area(heap, offset)


def _read_bytearray(target: Target, record: Record) -> list[int]:
    return _read_area(target, bytes_of(record["data"]), Kind.BYTEARRAY_DATA)


def _write_array(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    code, shape = heap.read_words(offset + 4 * WORD, 2)
    if code not in ELEMENTS:
        raise PoolDamagedError(
            f"dump the array at {offset:#x} of {heap.name}", "its type code is unknown", "restore the pool from a copy"
        )
    record: Record = {"code": chr(code)}
    if shape:
        record["shape"] = heap.read_words(shape + WORD, heap.read_count(shape))
    return record | _write_area(heap, offset)


def _read_array(target: Target, record: Record) -> list[int]:
    code, data = ord(record["code"]), bytes_of(record["data"])
    if code not in ELEMENTS or len(data) % ELEMENTS[code].size:
        raise ValueError(f"{len(data)} bytes are no elements of type {record['code']!r}")
    area = _read_area(target, data, Kind.ARRAY_DATA)
    shape = record.get("shape", [])
    if not shape:
        return [*area, code, 0]
    fits = 1 < len(shape) <= MAX_DIMENSIONS and all(type(count) is int and count > 0 for count in shape)
    if not fits or math.prod(shape) * ELEMENTS[code].size != len(data):
        raise ValueError(f"{len(data)} bytes of type {record['code']!r} have not the shape {shape}")
    words = [len(shape), *shape]
    return [*area, code, target.block(Kind.ARRAY_DATA, WORD * len(words), words)]


# ---- objects with fields ---------------------------------------------------------------------------


def _write_extension(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    fields = fields_at(heap, offset)
    shape = heap.types.layout(class_number(heap.read(offset)))
    # This fails if a block does not belong to the object.
    kind_at(heap, offset)._p_bodies(heap, offset)
    words = heap.read_words(offset + EXTENSION_BODY, fields.values + fields.blocks)
    return {
        "class": plain_to_json(shape.name),
        "fields": plain_to_json(shape.fields.decode()),
        "values": _values_to_json(heap, words[: fields.values], number_of),
        "blocks": [_block_to_json(heap, block, number_of) for block in words[fields.values :]],
        "raw": base64_of(heap.read_bytes(offset + fields.size - fields.raw, fields.raw)),
    }


def _values_to_json(heap: Heap, words: list[int], number_of: NumberOf) -> list[Any]:
    return [None if word == ABSENT else to_json(heap, word, number_of) for word in words]


def _block_to_json(heap: Heap, offset: int, number_of: NumberOf) -> Any:
    if not offset:
        return None
    code, count = shape_of(heap, offset)
    if code == VALUE:
        return {"code": code, "values": _values_to_json(heap, words_of(heap, offset), number_of)}
    return {"code": code, "data": base64_of(heap.read_bytes(offset + BLOCK_DATA, count * SIZES[code]))}


def _fields_of(record: Record) -> Fields:
    text = from_json(record["fields"])
    if type(text) is not str:
        raise ValueError("its fields are no text")
    return demand_fields(text)


def demand_fields(text: str) -> Fields:
    """The layout of the fields of a class; ValueError if the text describes none."""
    fields = parse(text.encode())
    if max(fields.values, fields.blocks) >= _COUNTED:
        raise ValueError("there are too many fields")
    return fields


def _size_of_extension(record: Record) -> int:
    return _fields_of(record).size


def _read_extension(target: Target, record: Record) -> list[int]:
    class_of(target, record)
    fields = _fields_of(record)
    raw = bytes_of(record["raw"])
    if (len(record["values"]), len(record["blocks"]), len(raw)) != fields[:3]:
        raise ValueError(
            f"it has not what its fields ask for: {fields.values} values, {fields.blocks} blocks, "
            f"{fields.raw} raw bytes"
        )
    values = [word_of(target, form) for form in record["values"]]
    owner = target.offset(record["object"])
    blocks = [_read_block(target, form, owner, slot) for slot, form in enumerate(record["blocks"])]
    return [fields.counts, *values, *blocks, *_as_words(raw)]


def _read_block(target: Target, form: Any, owner: int, slot: int) -> int:
    if form is None:
        return 0
    code = form["code"]
    if code == VALUE:
        words = array("Q", (word_of(target, value) for value in form["values"]))
        count = len(words)
    else:
        data = bytes_of(form["data"])
        count, rest = divmod(len(data), SIZES[code])
        if rest:
            raise ValueError(f"{len(data)} bytes are no block of type {code!r}")
        words = _as_words(data)
    return target.block(kind_for(code), size_of(code, count), array("Q", first_words(code, count, owner, slot)) + words)


BUFFER_FORMS: dict[int, Form] = {
    Kind.BYTEARRAY: Form("bytearray", lambda record: BYTEARRAY_SIZE, _write_bytearray, _read_bytearray),
    Kind.ARRAY: Form("array", lambda record: ARRAY_SIZE, _write_array, _read_array),
    Kind.EXTENSION: Form("extension", _size_of_extension, _write_extension, _read_extension),
}

assert BYTEARRAY_SIZE == 4 * WORD and ARRAY_SIZE == 6 * WORD
