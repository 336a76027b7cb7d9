"""Persistent: the base of containers that a program lays out in memory by itself.

A class declares its state as fields: `Field("q")` for a number, `Field("value")` for anything that can be stored,
`Field("block")` for a block of memory of its own (see `blocks`). Its objects have the kind EXTENSION, and describe
themselves: the object says how many value words, blocks and raw bytes it has, and the record of its class says the
names and codes of the fields. So the garbage collection and everything that only reads a pool needs no class and runs
no foreign code. It does no harm if a class is missing, or has other fields by now: an object is read by the fields that
it has.

A field is a data descriptor, and only fields are state. Any other attribute would be forgotten with the Python object,
so its name must begin with ``_v_``.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from pmemobj._containers import base as _base
from pmemobj._containers.base import guarded_repr
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ALLOCATION_HEADER_SIZE,
    EXTENSION_BODY,
    EXTENSION_COUNTS,
    WORD,
    WORD_NONE,
    Kind,
    class_number,
    kind_of,
    new_header,
)
from pmemobj._objects import blocks as _blocks
from pmemobj._objects import typed_memory
from pmemobj._objects.blocks import Block, block_at, words_of
from pmemobj._objects.class_names import define, shown_name
from pmemobj._objects.typed_memory import SIZES, VALUE, Location, element_size
from pmemobj._public_names import public_in
from pmemobj._values.words import free_leaf, immediate
from pmemobj.errors import BadFieldError, NotPersistableError, PoolDamagedError, a_or_an

BLOCK = "block"
#: How many fields of a kind an object can have.
_MOST = 0xFFFF


@public_in("pmemobj")
class Field:
    """A piece of the state of a class derived from `Persistent`.

    Args:
        code: 'value' (the field begins as None), 'block' (it begins as None), or a code of `struct` for a number
            (it begins as 0): one of ``? b B h H i I q Q f d``.

    Raises:
        BadFieldError: there is no such code.

    Durability: setting a field is one failure-atomic store, or one transaction if the old or the new value needs memory
        of its own; inside a transaction it is durable with the commit.

    Cost: constant, to read and to set. Reading calls no C function.
    """

    def __init__(self, code: str = VALUE) -> None:
        if code != BLOCK:
            element_size(code)
        self.code = code
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, target: Any, owner: type | None = None) -> Any:
        return self if target is None else read_field(target, self.name)

    def __set__(self, target: Any, value: Any) -> None:
        write_field(target, self.name, value)

    def __delete__(self, target: Any) -> None:
        empty = "None" if self.code in (VALUE, BLOCK) else "0"
        raise AttributeError(
            f"cannot delete {self.name}: an object has all its fields for as long as it exists (set it to {empty})"
        )


# ---- where the fields lie ------------------------------------------------------------------------


class Fields(NamedTuple):
    """The layout of an object.

    Attributes:
        values: How many value words it has.
        blocks: How many blocks it has.
        raw: How many raw bytes it has, for the numbers.
        places: For each field its code, and its position among the value words, the blocks, or the raw bytes.
    """

    values: int
    blocks: int
    raw: int
    places: dict[str, tuple[str, int]]

    @property
    def counts(self) -> int:
        """The word of an object that holds the counts."""
        return self.values | self.blocks << 16 | self.raw << 32

    @property
    def size(self) -> int:
        """The bytes of an object."""
        return EXTENSION_BODY + WORD * (self.values + self.blocks) + self.raw


@cache
def parse(text: bytes) -> Fields:
    """The layout for a list of fields, as it stands in a class record.

    Raises:
        ValueError: the list is damaged.
    """
    values = blocks = raw = 0
    places: dict[str, tuple[str, int]] = {}
    for item in text.decode().split():
        name, _, code = item.partition("=")
        if code == VALUE:
            places[name] = code, values
            values += 1
        elif code == BLOCK:
            places[name] = code, blocks
            blocks += 1
        elif code in SIZES:
            raw = -(-raw // SIZES[code]) * SIZES[code]
            places[name] = code, raw
            raw += SIZES[code]
        else:
            raise ValueError(item)
    return Fields(values, blocks, (raw + WORD - 1) & -WORD, places)


def declared(cls: type) -> bytes:
    """The list of the fields of a class, those of its base classes first."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for name, item in vars(base).items():
            if isinstance(item, Field):
                if not name.isidentifier():
                    raise BadFieldError(f"lay out a {cls.__qualname__}", f"{name!r} is no name", "rename the field")
                found[name] = item.code
    counts = [sum(code == wanted for code in found.values()) for wanted in (VALUE, BLOCK)]
    if max(counts) > _MOST:
        raise BadFieldError(f"lay out a {cls.__qualname__}", f"more than {_MOST} fields of a kind", "use a block")
    return " ".join(f"{name}={code}" for name, code in found.items()).encode()


def fields_at(heap: Heap, offset: int) -> Fields:
    """The layout of the object at `offset`, from the record of its class.

    Raises:
        PoolDamagedError: the object and the record contradict each other.
    """
    head = heap.read(offset)
    if heap.types is None:
        heap.refuse(offset)
    text = heap.types.layout(class_number(head)).fields
    if kind_of(head) == Kind.EXTENSION and text is not None:
        try:
            fields = parse(text)
        except ValueError:
            pass
        else:
            if fields.counts == heap.read(offset + EXTENSION_COUNTS):
                return fields
    raise PoolDamagedError(
        f"read the fields of the object at {offset:#x} in {heap.name}",
        "it does not fit the record of its class",
        "restore the pool from a copy",
    )


def _block_offsets(heap: Heap, offset: int) -> list[int]:
    """The offsets of the blocks of the object at `offset`, 0 for a block that is missing.

    Raises:
        PoolDamagedError: the counts do not fit into the object, or a block belongs to another object.
    """
    counts = heap.read(offset + EXTENSION_COUNTS)
    values, blocks, raw = counts & 0xFFFF, counts >> 16 & 0xFFFF, counts >> 32
    if EXTENSION_BODY + WORD * (values + blocks) + raw <= heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE:
        found = heap.read_words(offset + EXTENSION_BODY + WORD * values, blocks)
        if all(not at or _blocks.owner_of(heap, at) == (offset, slot) for slot, at in enumerate(found)):
            return found
    raise PoolDamagedError(
        f"follow the object at {offset:#x} in {heap.name}",
        "its counts or blocks are wrong",
        "restore the pool from a copy",
    )


# ---- reading and writing ---------------------------------------------------------------------------


def read_field(target: StoredFields, name: str) -> Any:
    """The value of a field; that of a block field is a `Block` or None."""
    _demand_fields(target, name)
    location = target._p_location(name)
    if location.code != BLOCK:
        return typed_memory.read(target, name)
    return read_consistently(target, _read_block, target, name)


def _read_block(target: StoredFields, name: str) -> Block | None:
    location = target._p_location(name)
    offset = location.heap.read(location.address)
    return block_at(location.heap, offset) if offset else None


def write_field(target: StoredFields, name: str, value: Any) -> None:
    """Replace the value of a field."""
    _demand_fields(target, name)
    location = target._p_location(name, change=True)
    if location.code != BLOCK:
        typed_memory.write(target, name, value)
        return
    if value is not None and not isinstance(value, Block):
        raise TypeError(
            f"cannot set {name} to {a_or_an(type(value).__name__)}: the field holds a block (use mm.alloc, or None)"
        )
    _, slot = fields_at(location.heap, target._p_offset).places[name]
    _blocks.adopt(location.heap, target._p_offset, slot, value)


def _demand_fields(target: Any, name: str) -> None:
    if not isinstance(target, StoredFields):
        raise TypeError(
            f"cannot use field {name} of a {type(target).__name__}: the class keeps its state in attributes "
            "(derive it from Persistent, or leave out the Field)"
        )


class StoredFields(_base.Persistent):
    """Implements `Persistent`, except that its classes are not registered."""

    __slots__ = ()
    _p_kind = Kind.EXTENSION

    def _p_location(self, key: Any, change: bool = False) -> Location:
        """Where the field with the name `key` lies; None means all raw bytes."""
        heap, offset = self._p_heap, self._p_offset
        fields = fields_at(heap, offset)
        raw_at = offset + fields.size - fields.raw
        if key is None:
            return Location(heap, "B", raw_at, fields.raw, False)
        if key not in fields.places:
            raise AttributeError(
                f"cannot find field {key!r} of a {type(self).__qualname__}: the object was made with the fields "
                f"{', '.join(fields.places) or '(none)'} (make a new object and copy the contents)"
            )
        code, at = fields.places[key]
        if code in SIZES:
            return Location(heap, code, raw_at + at, 1, True)
        return Location(
            heap, code, offset + EXTENSION_BODY + WORD * (at + (fields.values if code == BLOCK else 0)), 1, True
        )

    def _p_deallocate(self) -> None:
        """Free everything that the object owns, its blocks and leaves. Then every field is None or 0.

        A class calls this if it needs the memory before the next garbage collection, which does not call it. The object
        itself is freed when no other object refers to it any more.
        """
        heap, offset = self._p_heap, self._p_offset
        with heap.statement:
            fields = fields_at(heap, offset)
            for slot in range(fields.blocks):
                _blocks.adopt(heap, offset, slot, None)
            dropped = heap.read_words(offset + EXTENSION_BODY, fields.values)
            heap.write_words(offset + EXTENSION_BODY, [0] * ((fields.size - EXTENSION_BODY) // WORD))
            for word in dropped:
                free_leaf(heap, word)

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:3] != "_v_" and not hasattr(getattr(type(self), name, None), "__set__"):
            raise AttributeError(
                f"cannot set {name} of a {type(self).__qualname__}: it is no field, so it would be forgotten "
                "(declare it with Field, or let its name begin with _v_)"
            )
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        places = fields_at(self._p_heap, self._p_offset).places
        return guarded_repr(self, lambda: ", ".join(f"{name}={read_field(self, name)!r}" for name in places))

    # ---- for walkers, which rely on the memory and never on the class ----

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        if cls is Persistent:
            raise NotPersistableError(
                f"create a Persistent in {heap.name}", "it has no fields", "derive a class from it, with Field(...)"
            )
        text = declared(cls)
        fields = parse(text)
        number = heap.types.number_of(cls, text)
        offset = heap.alloc(fields.size, Kind.EXTENSION, zero=True)
        heap.init(offset, [new_header(Kind.EXTENSION, number), fields.counts])
        return offset

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        blocks = [at for at in _block_offsets(heap, offset) if at]
        words = heap.read_words(offset + EXTENSION_BODY, heap.read(offset + EXTENSION_COUNTS) & 0xFFFF)
        return words + [word for at in blocks for word in words_of(heap, at)]

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        return [at for at in _block_offsets(heap, offset) if at]

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        fields = fields_at(heap, offset)
        blocks = _block_offsets(heap, offset)
        raw = offset + fields.size - fields.raw
        total = 0
        entries: list[tuple[str, int, int]] = []
        for name, (code, at) in fields.places.items():
            found: list[tuple[str, int, int]] = []
            if code == VALUE:
                found = [(name, ABSENT, heap.read(offset + EXTENSION_BODY + WORD * at))]
            elif code in SIZES:
                found = [(name, ABSENT, _number_word(Location(heap, code, raw + at, 1, True)))]
            elif blocks[at]:
                element_code, count = _blocks.shape_of(heap, blocks[at])
                if element_code == VALUE:
                    found = [(f"{name}[{i}]", ABSENT, word) for i, word in enumerate(words_of(heap, blocks[at]))]
                else:
                    found = [(f"len({name})", ABSENT, count << 1 | 1)]
            total += len(found)
            entries += found[: limit - len(entries)]
        return total, [(label, key, word or WORD_NONE) for label, key, word in entries]

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} entry" if count == 1 else f"{count} entries"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        head = heap.read(offset)
        if heap.types is None:
            heap.refuse(offset)
        return shown_name(heap.types.layout(class_number(head)).name)


def _number_word(location: Location) -> int:
    """A word for a number that is to be shown; an int that is too large for a word is shown as a float."""
    (value,) = typed_memory.read_row(location)
    return immediate(location.heap, value) or immediate(location.heap, float(value))


@public_in("pmemobj")
class Persistent(StoredFields, metaclass=ABCMeta):
    """Base of all persistent classes, and of containers that a program lays out in memory by itself.

    A class declares its state with `Field`. It works on its state through the fields, and through ``self._p_mm``, the
    `MemoryManager` of its pool; docs/persistent_classes.md builds such a class. A class that only needs attributes is
    derived from `PersistentObject` instead.

    ``_p_new()`` runs once, when the object is created, before ``__init__``. ``_p_resurrect()`` runs whenever an
    existing object is found again. ``_p_oid`` names the object, ``_p_traverse()`` yields the values that it holds,
    ``_p_substructures()`` yields the offsets of its blocks, and ``_p_deallocate()`` frees both. A class may define any
    of these methods anew; the garbage collection reads the memory and calls none of them.

    Durability: as that of each `Field`; creating an object is one transaction.
    Cost: as that of each `Field`.

    Example::

        import pmemobj

        class Counter(pmemobj.Persistent):
            count = pmemobj.Field("Q")

        with pmemobj.create("counter.pmem", 16 << 20) as pool:
            counter = pool.root = pool.new(Counter)
            counter.count += 1
            assert pool.root.count == 1
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        define(cls)

    @classmethod
    def __subclasshook__(cls, other: type) -> Any:
        return True if cls is Persistent and issubclass(other, _base.Persistent) else NotImplemented
