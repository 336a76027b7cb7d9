"""PersistentObject: instances of a program's own classes, with their attributes in the pool.

An instance is a header and a row of value words. The names of its attributes stand once for its class (see
`class_table`); the number in the header of an object says which class that is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj._containers.base import Persistent
from pmemobj._containers.invariants import demand_allocation
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    IMMEDIATE_BITS,
    OBJECT_SIZE,
    WORD,
    Kind,
    class_number,
    new_header,
)
from pmemobj._former_names import current_name
from pmemobj._objects.class_names import define, shown_name, stored_name
from pmemobj._objects.class_table import AttributeLayout, ClassTable
from pmemobj._public_names import public_in
from pmemobj._values.words import decode, duplicate, encode, free_leaf, replace
from pmemobj.errors import NotPersistableError, a_or_an

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

if not cython.compiled:  # Compiled, it comes from the .pxd, since it is a C function.
    from pmemobj._engine.consistent_reads import read_optimistically

_CAPACITY, _SLOTS = 8, 16
_MIN_CAPACITY = 4
_nothing: Any = object()


class StoredAttributes(Persistent):
    """Implements `PersistentObject`, except for what an extension type cannot have."""

    __slots__ = ()
    _p_kind = Kind.OBJECT

    # ---- attributes ----

    def __getattribute__(self, name: str) -> Any:
        if cython.compiled:
            word = _quick_word(self, name)  # type: ignore[name-defined]  # noqa: F821
            if word & 1:
                return cython.cast(cython.longlong, word) >> 1
            if word & IMMEDIATE_BITS:
                return decode(self._p_heap, word)
        return _attribute(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if cython.compiled and _set_quickly(self, name, value):
            return
        if name == "__class__":
            self._p_demand_same_class(value)
        if is_volatile(type(self), name):
            set_volatile(self, name, value)
            return
        _set_stored(self, name, value)

    def __delattr__(self, name: str) -> None:
        if is_volatile(type(self), name):
            _delete_volatile(self, name)
            return
        heap = self._p_heap
        offset = self._p_offset
        with heap.lock:
            slot = _layout(heap, offset).slots.get(name)
            at = 0
            if slot is not None and slot < heap.peek(offset + _CAPACITY):
                at = heap.peek(offset + _SLOTS) + WORD * slot
            word = heap.peek(at) if at else ABSENT
            if word == ABSENT:
                # It may be the cached value of a cached_property. If not, this raises AttributeError.
                _delete_volatile(self, name)
                return
            with heap.statement:
                heap.write(at, ABSENT)
                free_leaf(heap, word)

    def __dir__(self) -> Iterator[str]:
        yield from object.__dir__(self)
        _, entries = read_consistently(self, _entries, self)
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
            "it may refer to everything in the pool",
            "use copy.copy(), and then copy those of the objects that it refers to which you need",
        )

    def _p_demand_same_class(self, cls: Any) -> None:
        """Raise NotPersistableError unless `cls` is a definition of the class that the pool names."""
        stored = _layout(self._p_heap, self._p_offset).name
        if not isinstance(cls, type) or stored_name(cls) != current_name(stored):
            raise NotPersistableError(
                f"make a {type(self).__name__} a {getattr(cls, '__qualname__', cls)}",
                "the pool keeps the class of an object for good",
                "create an object of the other class and copy the attributes",
            )

    def _p_grow(self, slot: int) -> None:
        """Move the attributes to a longer row, in which there is a place for `slot`."""
        heap = self._p_heap
        offset = self._p_offset
        old = heap.peek(offset + _SLOTS)
        words = heap.read_words(old, heap.peek(offset + _CAPACITY))
        capacity = max(_MIN_CAPACITY, len(_layout(heap, offset).slots), slot + 1)
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
                "a frozen dataclass does not set its fields as attributes, so they would not reach the pool",
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
        names = _layout(heap, offset).slots
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
        names = list(_layout(heap, offset).slots)
        nameless = heap.read_words(row, capacity)[len(names) :]
        assert not any(nameless), f"attributes beyond the {len(names)} names {names}: {nameless}"

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} attribute" if count == 1 else f"{count} attributes"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return shown_name(_layout(heap, offset).name)


@public_in("pmemobj")
class PersistentObject(StoredAttributes):
    """Base of a program's own persistent classes: their attributes are their state.

    ``__init__`` runs once, when an object is created with ``pool.new(Class, ...)``. The method ``_v__init__`` runs
    before it, and again whenever the object is found in a later run. Names that begin with ``_v_`` are volatile: they
    are ordinary attributes of the Python object and are forgotten with it. The same holds for all that is put into
    ``__dict__`` directly, as `functools.cached_property` does. A roll-back does not restore volatile attributes.

    Properties, methods and class attributes work as in every class, and so does `dataclasses.dataclass`, except for
    ``frozen`` and ``slots``, which keep the fields in ordinary memory. `copy.copy` makes a new object in the same pool
    with the same values of its attributes.

    Durability: setting an attribute is one failure-atomic store, or one atomic step of libpmemobj if a value needs
        memory of its own; the first value of an attribute of an object is one transaction, and so is deleting one.
        Inside a transaction all of this is durable with the commit.

    Cost: constant. Reading an attribute calls no C function.

    Example::

        import pmemobj

        class Account(pmemobj.PersistentObject):
            def __init__(self, owner):
                self.owner = owner
                self.balance = 0

        with pmemobj.create("bank.pmem", 16 << 20) as pool:
            pool.root = pool.new(Account, "Ada")
            pool.root.balance += 10
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        define(cls)

    def __init__(self) -> None:
        pass

    def _v__init__(self) -> None:
        """Set up volatile attributes. It is called when the object is created and whenever it is found again."""

    def _p_revive(self) -> None:
        self._v__init__()


def _attribute(self: StoredAttributes, name: str) -> Any:
    """The value of any attribute, stored or not."""
    if not is_special(name):
        value = _read_stored(self, name)
        if value is not _nothing:
            return value
    if cython.compiled:
        return generic_get(self, name)  # type: ignore[name-defined]  # noqa: F821
    else:
        return object.__getattribute__(self, name)


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
            slot = _layout(heap, offset).slot_for(name)
            if slot >= heap.peek(offset + _CAPACITY):
                self._p_grow(slot)
            heap.write(heap.peek(offset + _SLOTS) + WORD * slot, word)
    finally:
        lock.release()


def _slot_of(heap: Heap, offset: int, name: str) -> int:
    """The offset of the attribute's word in the object at `offset`, or 0."""
    slot = _layout(heap, offset).slots.get(name)
    if slot is None:
        return 0
    number = slot
    if number >= heap.peek(offset + _CAPACITY):
        return 0
    return heap.peek(offset + _SLOTS) + WORD * number


def _layout(heap: Heap, offset: int) -> AttributeLayout:
    """The attribute layout of the object at `offset`."""
    head = heap.peek(offset)
    table = heap.types
    if table is None:
        heap.refuse(offset)
    found = _known_layout(table, head)
    return table.layout(class_number(head)) if found is None else found


def _known_layout(table: ClassTable, head: int) -> AttributeLayout | None:
    """The layout of the objects with a header, if it has been read from the pool already."""
    number = (head >> 16) & 0xFFFFFF  # `class_number`, without a call
    layouts = table.layouts
    return layouts[number] if number < len(layouts) else None


def is_special(name: str) -> bool:
    """Whether a name belongs to Python or to pmemobj, or is volatile."""
    if type(name) is str:
        text = name  # In the compiled form this has a C type, so the usual case takes no time.
        if not text.startswith("_"):
            return False
    return name[:2] == "__" or name[:3] == "_p_" or name[:3] == "_v_"


def _read_stored(self: StoredAttributes, name: str) -> Any:
    """The value of a stored attribute, or `_nothing`; an optimistic read (see `consistent_reads`)."""
    return read_optimistically(self._p_heap, self, _stored, name, None, 0)


def _find_slot(self: StoredAttributes, name: Any) -> int:
    """The offset of the word of an attribute that is stored and not hidden by the class, or 0; compiled.

    From then on `_found_slot` finds it.
    """
    heap = self._p_heap
    table = heap.types
    if heap.limit == 0 or type(name) is not str or is_special(name):
        return 0
    head = heap.peek(self._p_offset)
    layout = _known_layout(table, head)
    slot = -1 if layout is None else layout.slots.get(name, -1)
    if slot < 0 or is_data_descriptor(type(self), name):
        return 0
    table.found.remember(name, version_tag(self), head, slot)  # type: ignore[name-defined]  # noqa: F821
    return _found_slot(self, name)  # type: ignore[name-defined,no-any-return]  # noqa: F821


def _set_quickly(self: StoredAttributes, name: Any, value: Any) -> bool:
    """Set an attribute that has a slot and is not hidden by the class; compiled. Return whether it could be done."""
    if self._p_heap.limit == 0:
        return False
    lock = self._p_heap.lock
    lock.acquire()
    try:
        at = _found_slot(self, name)  # type: ignore[name-defined]  # noqa: F821
        if at == 0:
            at = _find_slot(self, name)
            if at == 0:
                return False
        replace(self._p_heap, at, value)
    finally:
        lock.release()
    return True


def _stored(owner: Any, name: Any, _two: Any, _number: int) -> Any:
    """The value of a stored attribute, or `_nothing`."""
    self: StoredAttributes = owner
    heap = self._p_heap
    if cython.compiled:
        at = _found_slot(self, name)  # type: ignore[name-defined]  # noqa: F821
        if at == 0:
            at = _find_slot(self, name)
        if at:
            word = heap.peek(at)
            return _nothing if word == ABSENT else decode(heap, word)
    at = _slot_of(heap, self._p_offset, name)
    if at:
        word = heap.peek(at)
        if word != ABSENT and not is_data_descriptor(type(self), name):
            return decode(heap, word)
    return _nothing


def _entries(self: StoredAttributes) -> tuple[int, list[tuple[str, int, int]]]:
    return StoredAttributes._p_entries(self._p_heap, self._p_offset, sys.maxsize)


def _class_attribute(cls: type, name: str) -> Any:
    for base in cls.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def is_data_descriptor(cls: type, name: str) -> bool:
    """Whether the class has a property or the like with this name, which hides the stored attribute."""
    if cython.compiled:
        return has_data_descriptor(cls, name)  # type: ignore[name-defined,no-any-return]  # noqa: F821
    else:
        found = _class_attribute(cls, name)
        return found is not None and (hasattr(type(found), "__set__") or hasattr(type(found), "__delete__"))


def is_volatile(cls: type, name: str) -> bool:
    """Whether an attribute is not part of the state."""
    if name[:3] == "_p_":
        raise AttributeError(f"cannot change {name}: names that begin with _p_ are pmemobj's own (choose another)")
    if name[:3] == "_v_" or is_data_descriptor(cls, name):
        return True
    if name[:2] == "__":
        raise AttributeError(
            f"cannot change {name}: names that begin with __ are Python's own and no part of the state (choose another)"
        )
    return False


def set_volatile(self: StoredAttributes, name: str, value: Any) -> None:
    """Do what ``object.__setattr__`` does, which refuses instances of an extension type that defines its own."""
    if name == "__dict__":
        raise AttributeError(
            f"cannot set __dict__ of {a_or_an(type(self).__name__)}: it is not the state, which lies in the pool "
            "(use setattr for each attribute)"
        )
    if cython.compiled:
        generic_set(self, name, value)  # type: ignore[name-defined]  # noqa: F821
    else:
        object.__setattr__(self, name, value)


def _delete_volatile(self: StoredAttributes, name: str) -> None:
    """Do what ``object.__delattr__`` does, which refuses these instances, too."""
    if cython.compiled:
        generic_delete(self, name, cython.NULL)  # type: ignore[name-defined]  # noqa: F821
    else:
        object.__delattr__(self, name)
