"""The table of the forms of all kinds of containers, and its uses: to write a record and to name a kind."""

from __future__ import annotations

from typing import Any

from pmemobj._containers.base import kind_at
from pmemobj._dumping.buffer_records import BUFFER_FORMS
from pmemobj._dumping.records import RECORD_FORMS, Form, NumberOf, Record
from pmemobj._dumping.table_records import TABLE_FORMS
from pmemobj._engine.heap import Heap
from pmemobj._format import Kind, kind_of
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
    return {"type": form.name, **form.write(heap, offset, number_of)}


def kind_named(name: Any) -> Kind:
    """The kind whose records have this ``type``; ValueError if there is none."""
    for kind, form in FORMS.items():
        if form.name == name:
            return Kind(kind)
    raise ValueError(f"there is no type {name!r}")
