"""Which class serves the objects of each kind, and other tables that lower rooms look up: all of them are filled here.

A room may not import from a higher one. So where a lower room needs to know a class or a function of a higher one, it
has a table, and this module, which may import all of them, writes the rows. Whatever opens pools calls `fill_tables`.
"""

from __future__ import annotations

from pmemobj._containers.array import PersistentArray
from pmemobj._containers.base import class_finders, register_derivation, register_kind, register_plain_form
from pmemobj._containers.bytearray import PersistentByteArray
from pmemobj._containers.deque import PersistentDeque
from pmemobj._containers.dict import PersistentDict
from pmemobj._containers.frozenset import PersistentFrozenSet
from pmemobj._containers.list import PersistentList
from pmemobj._containers.set import PersistentSet
from pmemobj._containers.tuple import PersistentTuple
from pmemobj._format import Kind
from pmemobj._hashtable.hashes import register_other_hash
from pmemobj._hashtable.key_rules import hash_of_other
from pmemobj._objects.attributes import PersistentObject
from pmemobj._objects.class_names import on_definition, register, stored_name
from pmemobj._objects.convert import to_python
from pmemobj._objects.fields import StoredFields
from pmemobj._objects.missing_classes import (
    container_stand_in,
    find_fields_class,
    find_object_class,
    retire_stand_ins,
)
from pmemobj._objects.own_containers import derive, fill_own_kinds, let_stand_in
from pmemobj._objects.special_dicts import PUBLIC_CONTAINERS, register_conversions
from pmemobj._values.leaves import DECODERS, ENCODERS
from pmemobj._values.plain_containers import PLAIN_CONTAINERS, decode_plain_container, plain_container_payload

#: The class that walks the objects of each kind; a class says of itself which kind it is.
CLASSES = (
    PersistentList,
    PersistentDeque,
    PersistentTuple,
    PersistentDict,
    PersistentSet,
    PersistentFrozenSet,
    PersistentByteArray,
    PersistentArray,
    PersistentObject,
    StoredFields,
)
#: What finds the class of an object whose kind has more than one.
FINDERS = {Kind.OBJECT: find_object_class, Kind.EXTENSION: find_fields_class}


def fill_tables() -> None:
    """Let all lower rooms know what stands here."""
    for cls in CLASSES:
        register_kind(cls)
    fill_own_kinds()
    PUBLIC_CONTAINERS.update({stored_name(cls): cls for cls in CLASSES if cls.__module__ == "pmemobj"})
    register_conversions()
    let_stand_in(container_stand_in)
    register_derivation(derive)
    for kind, finder in FINDERS.items():
        class_finders[int(kind)] = finder
    register(PersistentObject)
    register_plain_form(to_python)
    register_other_hash(hash_of_other)
    DECODERS[Kind.PLAIN_CONTAINER] = decode_plain_container
    for plain in PLAIN_CONTAINERS:
        ENCODERS[plain] = Kind.PLAIN_CONTAINER, plain_container_payload
    if retire_stand_ins not in on_definition:
        on_definition.append(retire_stand_ins)
