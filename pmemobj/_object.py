"""PersistentObject: instances of one's own classes, with their attributes in the pool.

An instance is a header and a row of value words. The names of its attributes stand once for its
class, in a class record that grows as instances get new attributes (a shape). The records stand
in the class table of the pool; the number in an object's header says which is its own.

`ClassTable` is this process's view of that table. What it keeps of the pool is read anew after
every roll-back, since a roll-back may take back a name that has just been added.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj._base import Persistent, class_finders, create, kinds, register_kind
from pmemobj._heap import Heap
from pmemobj._layout import ABSENT, OBJECT_SIZE, ROOT_CLASSES, WORD, Kind, class_number, new_header
from pmemobj._list import PersistentList
from pmemobj._values import decode, encode, free_leaf, replace
from pmemobj.errors import ClassNotFoundError, ClassRefusedError, PoolDamagedError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_CAPACITY, _SLOTS = 8, 16
_MIN_CAPACITY = 4

#: The Persistent classes of this process by stored name; the latest definition counts.
_classes: dict[str, type[PersistentObject]] = {}


def stored_name(cls: type) -> str:
    """The name under which a pool knows a class: ``module:qualname``."""
    return f"{cls.__module__}:{cls.__qualname__}"


class Shape:
    """One class record: the class's name and the slot of each attribute name."""

    __slots__ = ("_descriptors", "_heap", "_record", "name", "number", "slots")

    def __init__(self, heap: Heap, number: int, record: PersistentList) -> None:
        self._heap, self.number, self._record = heap, number, record
        self.name = str(record[0])
        self.slots: dict[str, int] = {}
        self.reload()

    def reload(self) -> None:
        """Read the attribute names again."""
        names = list(self._record)[1:]
        self.slots.clear()
        self.slots.update({name: slot for slot, name in enumerate(names)})

    def slot_for(self, attribute: str) -> int:
        """The slot of an attribute name, which is added to the record if it is new."""
        slot = self.slots.get(attribute)
        if slot is None:
            self._record.append(attribute)
            slot = self.slots[attribute] = len(self.slots)
        return slot


class ClassTable:
    """The classes that a pool knows; made when the pool is opened.

    Args:
        heap: The open pool.
    """

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._shapes: list[Shape] = []
        heap.after_rollback.append(self.reload)
        self.reload()

    def reload(self) -> None:
        """Bring what is kept here in line with the pool."""
        records = self._records()
        known = len(records) if records is not None else 0
        del self._shapes[known:]
        for shape in self._shapes:
            shape.reload()

    def _records(self) -> PersistentList | None:
        table: PersistentList | None = decode(self._heap, self._heap.read(self._heap.root_offset + ROOT_CLASSES))
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
        if number >= len(self._shapes):
            records = self._records()
            if records is None or number >= len(records):
                raise PoolDamagedError(
                    f"find class number {number} in {self._heap.name}",
                    "the pool's class table has no such entry",
                    "restore the pool from a copy",
                )
            for missing in range(len(self._shapes), len(records)):
                self._shapes.append(Shape(self._heap, missing, records[missing]))
        return self._shapes[number]

    def number_of(self, cls: type) -> int:
        """The number of a class, which gets a record if it is new; inside a transaction."""
        name = stored_name(cls)
        records = self._records()
        count = 0 if records is None else len(records)
        for number in range(count):
            if self.shape(number).name == name:
                return number
        if records is None:
            records = create(self._heap, PersistentList, (), {})
            replace(self._heap, self._heap.root_offset + ROOT_CLASSES, records)
        records.append(create(self._heap, PersistentList, ((name,),), {}))
        return count


def find_class(name: str, heap_name: str = "the pool") -> type[PersistentObject]:
    """The class with a stored name: one already defined, or from its module, which is imported.

    Raises:
        ClassNotFoundError: it is nowhere.
        ClassRefusedError: the name belongs to something else.
    """
    found = defined_class(name)
    if found is None:
        module, _, qualname = name.partition(":")
        found = _import(module, qualname)
    if found is None:
        module, _, qualname = name.partition(":")
        raise ClassNotFoundError(
            f"read a {qualname} of {heap_name}",
            f"class {qualname} of module {module} is not defined",
            "define or import the class first",
        )
    if not (isinstance(found, type) and issubclass(found, PersistentObject)):
        raise ClassRefusedError(
            f"read an object of {heap_name}", f"{name} is no PersistentObject class", "open only pools that you trust"
        )
    return found


def defined_class(name: str) -> type[PersistentObject] | None:
    """The class with a stored name, if it is defined already; nothing is imported."""
    return _classes.get(name)


def _import(module: str, qualname: str) -> Any:
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


class StoredAttributes(Persistent):
    """What `PersistentObject` does, without what an extension type cannot have."""

    __slots__ = ()
    _p_kind = Kind.OBJECT

    # ---- attributes ----

    def __getattribute__(self, name: str) -> Any:
        if name[:2] != "__" and name[:3] != "_p_" and name[:3] != "_v_":
            heap = self._p_heap
            offset = self._p_offset
            slot = _shape(heap, offset).slots.get(name)
            if slot is not None and slot < heap.read(offset + _CAPACITY):
                word = heap.read(heap.read(offset + _SLOTS) + WORD * slot)
                if word != ABSENT and not _is_data_descriptor(type(self), name):
                    return decode(heap, word)
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if _is_volatile(type(self), name):
            _set_volatile(self, name, value)
            return
        heap = self._p_heap
        offset = self._p_offset
        with heap.lock:
            shape = _shape(heap, offset)
            slot = shape.slots.get(name)
            capacity = heap.read(offset + _CAPACITY)
            if slot is not None and slot < capacity:
                replace(heap, heap.read(offset + _SLOTS) + WORD * slot, value)
                return
            with heap.statement:
                word = encode(heap, value)
                slot = shape.slot_for(name)
                if slot >= capacity:
                    self._p_grow(slot)
                heap.write(heap.read(offset + _SLOTS) + WORD * slot, word)

    def __delattr__(self, name: str) -> None:
        if _is_volatile(type(self), name):
            _delete_volatile(self, name)
            return
        heap = self._p_heap
        offset = self._p_offset
        with heap.lock:
            slot = _shape(heap, offset).slots.get(name)
            at = 0
            if slot is not None and slot < heap.read(offset + _CAPACITY):
                at = heap.read(offset + _SLOTS) + WORD * slot
            word = heap.read(at) if at else ABSENT
            if word == ABSENT:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            with heap.statement:
                heap.write(at, ABSENT)
                free_leaf(heap, word)

    def __dir__(self) -> Iterator[str]:
        yield from object.__dir__(self)
        _, entries = StoredAttributes._p_entries(self._p_heap, self._p_offset, sys.maxsize)
        yield from (name for name, _, _ in entries)

    def _p_grow(self, slot: int) -> None:
        """Move the attributes to a longer row that has `slot`."""
        heap = self._p_heap
        offset = self._p_offset
        old = heap.read(offset + _SLOTS)
        words = heap.read_words(old, heap.read(offset + _CAPACITY))
        capacity = max(_MIN_CAPACITY, len(_shape(heap, offset).slots), slot + 1)
        row = heap.alloc(WORD * capacity, Kind.OBJECT_SLOTS, zero=True)
        heap.init(row, words)
        heap.write_words(offset + _CAPACITY, [capacity, row])
        if old:
            heap.free(old)

    # ---- for walkers ----

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        number = heap.types.number_of(cls)
        offset = heap.alloc(OBJECT_SIZE, Kind.OBJECT)
        heap.init(offset, [new_header(Kind.OBJECT, number), 0, 0])
        return offset

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return heap.read_words(heap.read(offset + _SLOTS), heap.read(offset + _CAPACITY))

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
    def _p_summary(count: int) -> str:
        return f"{count} attribute" if count == 1 else f"{count} attributes"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        name = _shape(heap, offset).name
        qualname = name.partition(":")[2]
        return qualname if defined_class(name) is not None else f"class {qualname} (not defined yet)"


class PersistentObject(StoredAttributes):
    """Base of one's own persistent classes: their attributes are the state.

    ``__init__`` runs once, when the object is created with ``pool.new(Class, ...)``. The method
    ``_v__init__`` runs then too, before it, and whenever the object is found again in a later run.
    Names that begin with ``_v_`` are volatile: they are ordinary attributes of the Python object
    and are forgotten with it. Properties, methods and class attributes work as always.

    Durability: setting or deleting an attribute is atomic by itself and durable when it returns;
    inside a transaction it is so together with it.
    Cost: reading an attribute calls no C function.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _classes[stored_name(cls)] = cls

    def __init__(self) -> None:
        pass

    def _v__init__(self) -> None:
        """Set up volatile attributes; called at creation and at every resurrection."""

    def _p_revive(self) -> None:
        self._v__init__()


def _shape(heap: Heap, offset: int) -> Shape:
    """The shape of the object at `offset`."""
    head = heap.read(offset)
    if heap.types is None:
        heap.refuse(offset)
    shape: Shape = heap.types.shape(class_number(head))
    return shape


def _class_attribute(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _is_data_descriptor(cls: type, name: str) -> bool:
    """Whether a property or the like stands between the attribute and the state."""
    found = _class_attribute(cls, name)
    return found is not None and (hasattr(type(found), "__set__") or hasattr(type(found), "__delete__"))


def _is_volatile(cls: type, name: str) -> bool:
    """Whether an attribute is no part of the state."""
    if name[:2] == "__" or name[:3] == "_v_" or _is_data_descriptor(cls, name):
        return True
    if name[:3] == "_p_":
        raise AttributeError(f"cannot set {name}: names that begin with _p_ are pmemobj's own (choose another)")
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


def _find_class_at(heap: Heap, offset: int) -> type[Persistent]:
    return find_class(_shape(heap, offset).name, heap.name)


register_kind(PersistentObject)
class_finders[int(Kind.OBJECT)] = _find_class_at
_classes[stored_name(PersistentObject)] = PersistentObject
assert kinds[int(Kind.OBJECT)] is PersistentObject
