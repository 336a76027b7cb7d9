"""The table of the forms of all kinds of containers, and its uses: to write a record and to name a kind."""

from __future__ import annotations

from typing import Any

from pmemobj._containers.base import kind_at
from pmemobj._dumping.buffer_records import BUFFER_FORMS
from pmemobj._dumping.records import (
    RECORD_FORMS,
    Form,
    NumberOf,
    Record,
    Target,
    class_of,
    read_attributes,
    write_attributes,
)
from pmemobj._dumping.table_records import TABLE_FORMS
from pmemobj._engine.heap import Heap
from pmemobj._format import ATTRIBUTES_SIZE, DERIVABLE_KINDS, SIZES_WITHOUT_ATTRIBUTES, Kind, kind_of, record_number
from pmemobj._objects.own_containers import slots_of
from pmemobj.errors import PoolDamagedError

#: The form of each kind.
FORMS: dict[int, Form] = {**RECORD_FORMS, **TABLE_FORMS, **BUFFER_FORMS}


def write_record(heap: Heap, offset: int, number_of: NumberOf) -> Record:
    """The record of the object at `offset`, without its number.

    Raises:
        PoolDamagedError: the object cannot be read, or there is no form for its kind.
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
    record = {"type": form.name, **form.write(heap, offset, number_of)}
    if kind in DERIVABLE_KINDS and record_number(heap.read(offset)) >= 0:
        count, slots = slots_of(heap, offset)
        record |= write_attributes(heap, offset, heap.read_words(slots, count), number_of)
    return record


def size_of(kind: Kind, record: Record) -> int:
    """Bytes of the object of a record itself."""
    own = ATTRIBUTES_SIZE if kind in SIZES_WITHOUT_ATTRIBUTES and "class" in record else 0
    return FORMS[kind].size(record) + own


def number_in_header(target: Target, kind: Kind, record: Record) -> int:
    """The class number in the header of the object of a record.

    Raises:
        KeyError: the dump does not have its class.
    """
    if "class" not in record:
        return 0
    position, _ = class_of(target, record)
    return position + 1 if kind in DERIVABLE_KINDS else position


def read_record(target: Target, kind: Kind, record: Record) -> list[int]:
    """Make the bodies and leaves of the object of a record; returns the words that follow its header word."""
    words = FORMS[kind].read(target, record)
    if kind in DERIVABLE_KINDS and "class" in record:
        if kind in SIZES_WITHOUT_ATTRIBUTES:
            words = [*words, *read_attributes(target, record)]
        elif record["attributes"]:
            raise ValueError(f"a {FORMS[kind].name} has no attributes")
    return words


def kind_named(name: Any) -> Kind:
    """The kind whose records have this ``type``; ValueError if there is none."""
    for kind, form in FORMS.items():
        if form.name == name:
            return Kind(kind)
    raise ValueError(f"there is no type {name!r}")
