"""PersistentObject: instances of one's own classes, with their attributes in the pool.

An instance is a header and a row of value words. The names of its attributes stand once for its
class, in a class record that grows as instances get new attributes (a shape). The records stand
in the class table of the pool; the number in an object's header says which is its own.

`ClassTable` is this process's view of that table. What it keeps of the pool is read anew after
every roll-back, since a roll-back may take back a name that has just been added.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj._base import Persistent, create, demand_no_slots, kinds, register_kind
from pmemobj._heap import Heap, steadily, steady
from pmemobj._invariants import demand_allocation
from pmemobj._layout import (
    ABSENT,
    BLOCK_KINDS,
    BLOCK_OWNER,
    IMMEDIATE_BITS,
    OBJECT_SIZE,
    ROOT_CLASSES,
    WORD,
    Kind,
    class_number,
    kind_of,
    new_header,
)
from pmemobj._list import PersistentList
from pmemobj._names import register, shown_name, stored_name
from pmemobj._values import decode, duplicate, encode, free_leaf, replace
from pmemobj.errors import NotPersistableError, PoolDamagedError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_CAPACITY, _SLOTS = 8, 16
_MIN_CAPACITY = 4
_nothing: Any = object()
#: How many attribute names of a class are found without hashing, a power of two.
_PLACES = 16
_LAST_PLACE = _PLACES - 1


class Shape:
    """One class record: the class's name and the slot of each attribute name.

    That of a class with fields (see `_extension`) has, instead of attribute names, their list as bytes.
    """

    __slots__ = ("_found", "_heap", "_record", "fields", "name", "number", "slots")

    def __init__(self, heap: Heap, number: int, record: PersistentList) -> None:
        self._found: list[Any] = [None] * _PLACES
        self._heap, self.number, self._record = heap, number, record
        if not isinstance(record, PersistentList) or not len(record) or type(record[0]) is not str:
            raise _bad_record(heap, number)
        self.name = str(record[0])
        self.fields = record[1] if len(record) > 1 and isinstance(record[1], bytes) else None
        self.slots: dict[str, int] = {}
        self.reload()

    def reload(self) -> None:
        """Read the attribute names again."""
        # Not list(), which would take the room for as many as the record says that it has.
        names = [name for name in self._record][1:] if self.fields is None else []  # noqa: C416
        if not all(type(name) is str for name in names):
            raise _bad_record(self._heap, self.number)
        # A new one, since another thread may be looking something up.
        self.slots = {name: slot for slot, name in enumerate(names)}
        if cython.compiled:
            self._forget()

    def _quick_slot(self, instance: Any, name: Any) -> int:
        """The slot of an attribute that is nothing but stored state, or -1; compiled.

        A name in a program is one str object, so what was found for that object is remembered, for
        as long as the class of the instance is unchanged: its version tag is then the same.
        """
        place = cython.cast(cython.ulonglong, cython.cast(cython.p_void, name)) >> 5 & _LAST_PLACE
        tag = version_tag(instance)  # type: ignore[name-defined]  # noqa: F821
        if self._names[place] != cython.cast(cython.p_void, name) or self._tags[place] != tag or tag == 0:  # type: ignore[attr-defined]
            if type(name) is not str or _is_special(name):
                return -1
            slot = self.slots.get(name, -1)
            if slot < 0 or _is_data_descriptor(type(instance), name):
                return -1
            self._names[place] = cython.NULL  # type: ignore[attr-defined]
            self._found[place] = name  # which keeps its address its own
            self._slots[place] = slot  # type: ignore[attr-defined]
            self._tags[place] = version_tag(instance)  # type: ignore[attr-defined,name-defined]  # noqa: F821
            self._names[place] = cython.cast(cython.p_void, name)  # type: ignore[attr-defined]
        return self._slots[place]  # type: ignore[attr-defined,no-any-return]

    def _forget(self) -> None:
        """Forget what `_quick_slot` has found; compiled."""
        for place in range(_PLACES):
            self._names[place] = cython.NULL  # type: ignore[attr-defined]

    def slot_for(self, attribute: str) -> int:
        """The slot of an attribute name, which is added to the record if it is new."""
        slot = self.slots.get(attribute)
        if slot is None:
            name = str.__str__(attribute)  # of a subclass, say a StrEnum, the plain text
            self._record.append(name)
            slot = self.slots[name] = len(self.slots)
        return slot


def _bad_record(heap: Heap, number: int) -> PoolDamagedError:
    return PoolDamagedError(
        f"find class number {number} in {heap.name}",
        "its record is no list of a class name and attribute names",
        "restore the pool from a copy",
    )


class ClassTable:
    """The classes that a pool knows; made when the pool is opened.

    Args:
        heap: The open pool.
    """

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        #: By class number; None for those that nobody has asked for.
        self.shapes: list[Shape | None] = []
        heap.after_rollback.append(self.reload)
        self.reload()

    def reload(self) -> None:
        """Bring what is kept here in line with the pool."""
        records = self._records()
        known = len(records) if records is not None else 0
        del self.shapes[known:]
        for shape in self.shapes:
            if shape is not None:
                shape.reload()

    def _records(self) -> PersistentList | None:
        table: PersistentList | None = decode(self._heap, self._heap.read(self._heap.root_offset + ROOT_CLASSES))
        if table is not None and not isinstance(table, PersistentList):
            raise PoolDamagedError(
                f"find the classes of {self._heap.name}", "they are no list", "restore the pool from a copy"
            )
        return table

    @property
    def count(self) -> int:
        """How many classes there are."""
        records = self._records()
        return 0 if records is None else len(records)

    def shape(self, number: int) -> Shape:
        """The shape of class number `number`.

        Raises:
            PoolDamagedError: the pool has no such class.
        """
        shapes = self.shapes
        found = shapes[number] if number < len(shapes) else None
        if found is None:
            version = self._heap.version
            records = self._records()
            if records is None or number >= len(records):
                raise PoolDamagedError(
                    f"find class number {number} in {self._heap.name}",
                    "the pool's class table has no such entry",
                    "restore the pool from a copy",
                )
            found = Shape(self._heap, number, records[number])
            while len(shapes) <= number:
                shapes.append(None)
            shapes[number] = found
            if not self._heap.is_steady(version) and not self._heap.in_transaction():
                # Another thread may have rolled it back meanwhile; whoever asks again gets what is true then.
                shapes[number] = None
        return found

    def title(self, offset: int, kind: int) -> str:
        """The name of the class that an allocation belongs to, for messages; empty where it says none."""
        heap = self._heap
        owner = heap.peek(offset + BLOCK_OWNER) if kind in BLOCK_KINDS else offset
        if not owner or kind_of(heap.peek(owner)) not in (Kind.OBJECT, Kind.EXTENSION):
            return ""
        try:
            return self.shape(class_number(heap.peek(owner))).name.partition(":")[2]
        except PoolDamagedError:
            return ""

    def number_of(self, cls: type, fields: bytes | None = None) -> int:
        """The number of a class, which gets a record if it is new; inside a transaction.

        Args:
            cls: The class.
            fields: The list of its fields, for a class that has them; None for one with attributes.
        """
        name = stored_name(cls)
        records = self._records()
        count = 0 if records is None else len(records)
        for number in range(count):
            shape = self.shape(number)
            if shape.name == name and shape.fields == fields:
                return number
        if records is None:
            records = create(self._heap, PersistentList, (), {})
            replace(self._heap, self._heap.root_offset + ROOT_CLASSES, records)
        record = (name,) if fields is None else (name, fields)
        records.append(create(self._heap, PersistentList, (record,), {}))
        return count


class StoredAttributes(Persistent):
    """What `PersistentObject` does, without what an extension type cannot have."""

    __slots__ = ()
    _p_kind = Kind.OBJECT

    # ---- attributes ----

    def __getattribute__(self, name: str) -> Any:
        if cython.compiled:
            word = _quick_word(self, name)
            if word & 1:
                return cython.cast(cython.longlong, word) >> 1
            if word != ABSENT:
                return decode(self._p_heap, word)
        if not _is_special(name):
            value = _read_stored(self, name)
            if value is not _nothing:
                return value
        if cython.compiled:
            return generic_get(self, name)  # type: ignore[name-defined]  # noqa: F821
        else:
            return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "__class__":
            self._p_demand_same_class(value)
        if _is_volatile(type(self), name):
            _set_volatile(self, name, value)
            return
        _set_stored(self, name, value)

    def __delattr__(self, name: str) -> None:
        if _is_volatile(type(self), name):
            _delete_volatile(self, name)
            return
        heap = self._p_heap
        offset = self._p_offset
        with heap.lock:
            slot = _shape(heap, offset).slots.get(name)
            at = 0
            if slot is not None and slot < heap.peek(offset + _CAPACITY):
                at = heap.peek(offset + _SLOTS) + WORD * slot
            word = heap.peek(at) if at else ABSENT
            if word == ABSENT:
                # What a cached_property remembers, or else an AttributeError.
                _delete_volatile(self, name)
                return
            with heap.statement:
                heap.write(at, ABSENT)
                free_leaf(heap, word)

    def __dir__(self) -> Iterator[str]:
        yield from object.__dir__(self)
        _, entries = steady(self, _entries, self)
        yield from (name for name, _, _ in entries)

    def __copy__(self) -> Any:
        """For `copy.copy`: a new object in the same pool, whose attributes have the same values.

        ``__init__`` does not run, ``_v__init__`` does; volatile attributes are not copied.
        """
        heap = self._p_heap
        offset = self._p_offset
        with heap.statement:
            words = [duplicate(heap, word) for word in self._p_words(heap, offset)]
            row = heap.alloc(WORD * len(words), Kind.OBJECT_SLOTS) if words else 0
            if row:
                heap.init(row, words)
            copy = heap.alloc(OBJECT_SIZE, Kind.OBJECT)
            number = class_number(heap.peek(offset))
            heap.init(copy, [new_header(Kind.OBJECT, number), len(words), row])
            return heap.handle(copy)

    def __deepcopy__(self, memo: Any) -> Any:
        raise NotPersistableError(
            f"make a deep copy of a {type(self).__name__}",
            "what it refers to may be everything in the pool",
            "use copy.copy(), and copy what it refers to as far as you want it",
        )

    def _p_demand_same_class(self, cls: Any) -> None:
        """Raise TypeError unless `cls` is a definition of the class that the pool names."""
        stored = _shape(self._p_heap, self._p_offset).name
        if not isinstance(cls, type) or stored_name(cls) != stored:
            raise NotPersistableError(
                f"make a {type(self).__name__} a {getattr(cls, '__qualname__', cls)}",
                "the pool keeps the class of an object for good",
                "create an object of the other class and copy the attributes",
            )

    def _p_grow(self, slot: int) -> None:
        """Move the attributes to a longer row that has `slot`."""
        heap = self._p_heap
        offset = self._p_offset
        old = heap.peek(offset + _SLOTS)
        words = heap.read_words(old, heap.peek(offset + _CAPACITY))
        capacity = max(_MIN_CAPACITY, len(_shape(heap, offset).slots), slot + 1)
        row = heap.alloc(WORD * capacity, Kind.OBJECT_SLOTS, zero=True)
        heap.init(row, words)
        heap.write_words(offset + _CAPACITY, [capacity, row])
        if old:
            heap.free(old)

    # ---- for walkers ----

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        if getattr(getattr(cls, "__dataclass_params__", None), "frozen", False):
            raise NotPersistableError(
                f"create a {cls.__qualname__} in {heap.name}",
                "a frozen dataclass sets its fields past its class, so that they would not reach the pool",
                "leave frozen=True out",
            )
        number = heap.types.number_of(cls)
        offset = heap.alloc(OBJECT_SIZE, Kind.OBJECT)
        heap.init(offset, [new_header(Kind.OBJECT, number), 0, 0])
        return offset

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return heap.read_words(heap.read(offset + _SLOTS), heap.read_count(offset + _CAPACITY))

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        row = heap.read(offset + _SLOTS)
        return (row,) if row else ()

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        words = list(StoredAttributes._p_words(heap, offset))
        names = _shape(heap, offset).slots
        present = [
            (name, ABSENT, words[slot]) for name, slot in names.items() if slot < len(words) and words[slot] != ABSENT
        ]
        return len(present), present[:limit]

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        capacity, row = heap.read_words(offset + _CAPACITY, 2)
        demand_allocation(heap, offset, Kind.OBJECT, OBJECT_SIZE)
        assert bool(row) == bool(capacity), f"a row for {capacity} attributes at {row:#x}"
        if row:
            demand_allocation(heap, row, Kind.OBJECT_SLOTS, WORD * capacity)
        names = list(_shape(heap, offset).slots)
        nameless = heap.read_words(row, capacity)[len(names) :]
        assert not any(nameless), f"attributes beyond the {len(names)} names {names}: {nameless}"

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} attribute" if count == 1 else f"{count} attributes"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return shown_name(_shape(heap, offset).name)


class PersistentObject(StoredAttributes):
    """Base of one's own persistent classes: their attributes are the state.

    ``__init__`` runs once, when the object is created with ``pool.new(Class, ...)``. The method
    ``_v__init__`` runs then too, before it, and whenever the object is found again in a later run.
    Names that begin with ``_v_`` are volatile: they are ordinary attributes of the Python object
    and are forgotten with it; so is all that is put into ``__dict__`` directly, as
    `functools.cached_property` does. A roll-back does not bring volatile attributes back.

    Properties, methods and class attributes work as always, and so does `dataclasses.dataclass`,
    but for ``frozen`` and ``slots``, which keep the fields in ordinary memory. `copy.copy` makes a
    new object in the same pool with the same attribute values.

    Durability: setting or deleting an attribute is atomic by itself and durable when it returns;
    inside a transaction it is so together with it.
    Cost: reading an attribute calls no C function.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        demand_no_slots(cls)
        register(cls)

    def __init__(self) -> None:
        pass

    def _v__init__(self) -> None:
        """Set up volatile attributes; called at creation and at every resurrection."""

    def _p_revive(self) -> None:
        self._v__init__()


def _set_stored(self: StoredAttributes, name: str, value: Any) -> None:
    heap = self._p_heap
    offset = self._p_offset
    lock = heap.lock
    lock.acquire()
    try:
        at = _slot_of(heap, offset, name)
        if at:
            replace(heap, at, value)
            return
        with heap.statement:
            word = encode(heap, value)
            slot = _shape(heap, offset).slot_for(name)
            if slot >= heap.peek(offset + _CAPACITY):
                self._p_grow(slot)
            heap.write(heap.peek(offset + _SLOTS) + WORD * slot, word)
    finally:
        lock.release()


def _slot_of(heap: Heap, offset: int, name: str) -> int:
    """Where the attribute's word lies in the object at `offset`, or 0."""
    slot = _shape(heap, offset).slots.get(name)
    if slot is None:
        return 0
    number = slot
    if number >= heap.peek(offset + _CAPACITY):
        return 0
    return heap.peek(offset + _SLOTS) + WORD * number


def _shape(heap: Heap, offset: int) -> Shape:
    """The shape of the object at `offset`."""
    head = heap.peek(offset)
    table = heap.types
    if table is None:
        heap.refuse(offset)
    number = (head >> 16) & 0xFFFFFF  # `class_number`, without a call
    shapes = table.shapes
    found = shapes[number] if number < len(shapes) else None
    return table.shape(number) if found is None else found  # type: ignore[no-any-return]


def _is_special(name: str) -> bool:
    """Whether a name is one of Python's, of ours, or volatile."""
    if type(name) is str:
        text = name  # compiled, a C type: the usual case costs nothing
        if not text.startswith("_"):
            return False
    return name[:2] == "__" or name[:3] == "_p_" or name[:3] == "_v_"


def _read_stored(self: StoredAttributes, name: str) -> Any:
    """As `_stored`, whatever other threads do meanwhile."""
    heap = self._p_heap
    version = heap.version
    if heap.is_steady(version):
        try:
            value = _stored(self, name)
        except Exception:
            if heap.is_steady(version):
                raise
        else:
            if heap.is_steady(version):
                return value
    return steadily(self, _stored, self, name)


def _quick_word(self: StoredAttributes, name: Any) -> int:
    """The word of an attribute whose value needs no care, else `ABSENT`; compiled.

    As with sequences: where making the value takes but a moment, no other thread can run in it.
    """
    heap = self._p_heap
    table = heap.types
    if heap.version & 1 or heap.limit == 0:
        return ABSENT
    offset = self._p_offset
    number = (heap.peek(offset) >> 16) & 0xFFFFFF  # `class_number`, without a call
    shapes = table.shapes
    shape = shapes[number] if number < len(shapes) else None
    if shape is None:
        return ABSENT
    slot = shape._quick_slot(self, name)
    if slot < 0 or slot >= heap.peek(offset + _CAPACITY):
        return ABSENT
    word = heap.peek(heap.peek(offset + _SLOTS) + WORD * slot)
    return word if word & IMMEDIATE_BITS else ABSENT


def _stored(self: StoredAttributes, name: str) -> Any:
    """The value of an attribute in the pool, or `_nothing`."""
    heap = self._p_heap
    at = _slot_of(heap, self._p_offset, name)
    if at:
        word = heap.peek(at)
        if word != ABSENT and not _is_data_descriptor(type(self), name):
            return decode(heap, word)
    return _nothing


def _entries(self: StoredAttributes) -> tuple[int, list[tuple[str, int, int]]]:
    return StoredAttributes._p_entries(self._p_heap, self._p_offset, sys.maxsize)


def _class_attribute(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _is_data_descriptor(cls: type, name: str) -> bool:
    """Whether a property or the like stands between the attribute and the state."""
    if cython.compiled:
        return has_data_descriptor(cls, name)  # type: ignore[name-defined,no-any-return]  # noqa: F821
    else:
        found = _class_attribute(cls, name)
        return found is not None and (hasattr(type(found), "__set__") or hasattr(type(found), "__delete__"))


def _is_volatile(cls: type, name: str) -> bool:
    """Whether an attribute is no part of the state."""
    if name[:3] == "_p_":
        raise AttributeError(f"cannot change {name}: names that begin with _p_ are pmemobj's own (choose another)")
    if name[:3] == "_v_" or _is_data_descriptor(cls, name):
        return True
    if name[:2] == "__":
        raise AttributeError(
            f"cannot change {name}: names that begin with __ are Python's own, and none of the state (choose another)"
        )
    return False


def _set_volatile(self: StoredAttributes, name: str, value: Any) -> None:
    """``object.__setattr__``, which refuses the instances of an extension type with its own."""
    if cython.compiled:
        generic_set(self, name, value)  # type: ignore[name-defined]  # noqa: F821
    else:
        object.__setattr__(self, name, value)


def _delete_volatile(self: StoredAttributes, name: str) -> None:
    """``object.__delattr__``, likewise."""
    if cython.compiled:
        generic_delete(self, name, cython.NULL)  # type: ignore[name-defined]  # noqa: F821
    else:
        object.__delattr__(self, name)


register_kind(PersistentObject)
register(PersistentObject)
assert kinds[int(Kind.OBJECT)] is PersistentObject
