"""Containers of a program's own classes: a class that is derived from PersistentList, PersistentDict and so on.

Its methods are those of the program, its contents are those of the container, and its instances have attributes, which
lie in the pool as those of a `PersistentObject` do: the number in the header says which class record has their names,
and two words behind those of the container lead to the slots. A tuple or frozenset never changes, so the objects of a
class that is derived from one have no attributes.

Nothing of this costs anything where a container is of no such class: the functions that look for attributes are put
into a class when it is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from pmemobj._containers.base import Persistent, kinds, own_kinds
from pmemobj._containers.invariants import demand_allocation
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ATTRIBUTES_SIZE,
    DERIVABLE_KINDS,
    SIZES_WITHOUT_ATTRIBUTES,
    WORD,
    Kind,
    new_header,
)
from pmemobj._former_names import current_name
from pmemobj._objects.attributes import is_data_descriptor, is_special, is_volatile, set_volatile
from pmemobj._objects.class_names import define, find_class, is_own, shown_name, stored_name
from pmemobj._objects.class_table import AttributeLayout
from pmemobj._values.words import decode, encode, free_leaf, replace
from pmemobj.errors import ClassRefusedError, NotPersistableError, a_or_an

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

if not cython.compiled:  # Compiled, they come from the .pxd, since they are C functions.
    from pmemobj._engine.consistent_reads import read_optimistically

#: The least number of slots that are allocated.
_MIN_SLOTS = 2
_nothing: Any = object()


# ---- where the attributes lie ------------------------------------------------------------------------


if cython.compiled:
    for _kind, _size in SIZES_WITHOUT_ATTRIBUTES.items():
        _sizes[int(_kind)] = _size  # type: ignore[used-before-def]  # noqa: F821 - a C array, from the .pxd
else:
    _sizes: Any = {int(kind): size for kind, size in SIZES_WITHOUT_ATTRIBUTES.items()}


def layout_at(heap: Heap, offset: int) -> AttributeLayout:
    """The class record of the container at `offset`, whose header has the number of one."""
    return _layout(heap, offset)


def _layout(heap: Heap, offset: int) -> AttributeLayout:
    head = heap.peek(offset)
    table = heap.types
    if table is None:
        heap.refuse(offset)
    number = ((head >> 16) & 0xFFFFFF) - 1  # `record_number`, without a call
    layouts = table.layouts
    found: AttributeLayout | None = layouts[number] if number < len(layouts) else None
    return table.layout(number) if found is None else found


def place_of_slots(heap: Heap, offset: int) -> int:
    """The offset of the two words that lead to the slots of the container at `offset`; 0 if it cannot have any."""
    kind = heap.peek(offset) & 0xFF
    if not kind < 64:
        return 0
    size: int = _sizes[kind] if cython.compiled else _sizes.get(kind, 0)
    return offset + size if size else 0


def where_slots_are(heap: Heap, offset: int) -> int:
    """What `place_of_slots` returns, for other modules."""
    return place_of_slots(heap, offset)


def slots_of(heap: Heap, offset: int) -> tuple[int, int]:
    """How many slots the container at `offset` has, and the offset of the first; zeros if it has none."""
    place = place_of_slots(heap, offset)
    return (heap.read_count(place), heap.read(place + WORD)) if place else (0, 0)


def attributes_of(heap: Heap, offset: int) -> list[tuple[str, int]]:
    """The names and words of the attributes of the container at `offset`."""
    count, slots = slots_of(heap, offset)
    words = heap.read_words(slots, count)
    names = layout_at(heap, offset).slots
    return [(name, words[at]) for name, at in names.items() if at < count and words[at] != ABSENT]


def _slot_of(heap: Heap, offset: int, name: str) -> int:
    """The offset of the word of an attribute, or 0."""
    layout = _layout(heap, offset)
    number = layout.slots.get(name)
    place = place_of_slots(heap, offset)
    if number is None or not place:
        return 0
    at = number
    return heap.peek(place + WORD) + WORD * at if at < heap.peek(place) else 0


# ---- what is put into a class of a program -----------------------------------------------------------


def _get(self: Any, name: str) -> Any:
    """The value of an attribute: a stored one, unless the class has a property of this name; else what Python finds."""
    if _may_be_stored(self, name):
        value = read_optimistically(self._p_heap, self, _read, name, None, 0)
        if value is not _nothing and not is_data_descriptor(type(self), name):
            return value
    if cython.compiled:
        return generic_get(self, name)  # type: ignore[name-defined]  # noqa: F821
    else:
        return object.__getattribute__(self, name)


def _may_be_stored(self: Any, name: str) -> bool:
    """Whether some object of the class has, or had, a stored attribute with this name: methods are looked up, too."""
    if is_special(name):
        return False
    handle = self
    if handle._p_heap.limit == 0:  # The pool is closed. A method is found all the same, and says so when it is called.
        return not hasattr(type(self), name)
    return name in _layout(handle._p_heap, handle._p_offset).slots


def _read(owner: Any, name: Any, _two: Any, _number: int) -> Any:
    """The value of a stored attribute, or `_nothing`."""
    handle = owner
    at = _slot_of(handle._p_heap, handle._p_offset, name)
    word = handle._p_heap.peek(at) if at else ABSENT
    return _nothing if word == ABSENT else decode(handle._p_heap, word)


def stored(self: Any, name: str) -> Any:
    """The value of a stored attribute, whatever the class has under this name; None if there is none."""
    value = read_optimistically(self._p_heap, self, _read, name, None, 0)
    return None if value is _nothing else value


def _set(self: Any, name: str, value: Any) -> None:
    if name == "__class__":
        _demand_same_class(self, value)
    if is_volatile(type(self), name):
        set_volatile(self, name, value)
        return
    set_stored(self, name, value)


def set_stored(self: Any, name: str, value: Any) -> None:
    """Store an attribute, whatever the class has under this name."""
    heap, offset = self._p_heap, self._p_offset
    with heap.lock:
        place = place_of_slots(heap, offset)
        if not place:
            _refuse_attribute(self, name)
        if _set_present(self, name, value):
            return
        with heap.statement:
            word = encode(heap, value)
            number = layout_at(heap, offset).slot_for(name)
            count, slots = slots_of(heap, offset)
            if number >= count:
                slots = _with_room(heap, place, count, slots, number + 1)
            heap.write(slots + WORD * number, word)


def _set_present(self: Any, name: str, value: Any) -> bool:
    """Replace the value of an attribute that has a slot already; return whether it has one."""
    heap = self._p_heap
    at = _slot_of(heap, self._p_offset, name)
    if at:
        replace(heap, at, value)
    return at != 0


def _with_room(heap: Heap, place: int, count: int, old: int, needed: int) -> int:
    """Move the attributes to a longer row of slots; return its offset."""
    words = heap.read_words(old, count)
    capacity = max(_MIN_SLOTS, needed)
    slots = heap.alloc(WORD * capacity, Kind.OBJECT_SLOTS, zero=True)
    heap.init(slots, words)
    heap.write_words(place, [capacity, slots])
    if old:
        heap.free(old)
    return slots


def _delete(self: Any, name: str) -> None:
    if not is_volatile(type(self), name):
        heap, offset = self._p_heap, self._p_offset
        with heap.lock:
            at = _slot_of(heap, offset, name)
            word = heap.read(at) if at else ABSENT
            if word != ABSENT:
                with heap.statement:
                    heap.write(at, ABSENT)
                    free_leaf(heap, word)
                return
    object.__delattr__(self, name)


def _dir(self: Any) -> Iterator[str]:
    yield from object.__dir__(self)
    yield from (name for name, _ in read_consistently(self, attributes_of, self._p_heap, self._p_offset))


_HOOKS: dict[str, Any] = {"__getattribute__": _get, "__setattr__": _set, "__delattr__": _delete, "__dir__": _dir}
#: Those of the functions that only one class among the bases can bring along.
_OURS = ("__getattribute__", "__setattr__", "__delattr__")


def derive(cls: Any) -> None:
    """Let a class that a program has derived from a container be stored.

    Raises:
        NotPersistableError: its objects cannot lie in a pool.
    """
    if cls._p_kind not in DERIVABLE_KINDS:
        return
    define(cls)
    if any(_HOOKS["__setattr__"] is base.__dict__.get("__setattr__") for base in cls.__mro__[1:]):
        return
    for name in _OURS:
        if name in cls.__dict__:
            raise NotPersistableError(
                f"define class {cls.__qualname__}",
                f"its {name} would stand in place of the one with which pmemobj stores attributes",
                "use properties, or define it in a class that is derived from this one",
            )
    for name, hook in _HOOKS.items():
        if name not in cls.__dict__:
            setattr(cls, name, hook)


def _refuse_attribute(self: Any, name: str) -> NoReturn:
    raise NotPersistableError(
        f"set {name} of {a_or_an(type(self).__name__)}",
        f"a {kinds[int(self._p_kind)].__name__} never changes, so its objects have no attributes in the pool",
        "let the name begin with _v_ if it may be forgotten, or use a class derived from PersistentObject",
    )


def _demand_same_class(self: Any, cls: Any) -> None:
    stored = layout_at(self._p_heap, self._p_offset).name
    if not isinstance(cls, type) or stored_name(cls) != current_name(stored):
        raise NotPersistableError(
            f"make a {type(self).__name__} a {getattr(cls, '__qualname__', cls)}",
            "the pool keeps the class of an object for good",
            "create an object of the other class and copy the contents",
        )


# ---- for walkers -------------------------------------------------------------------------------------


def _make(base: type[Persistent]) -> Callable[..., int]:
    """What allocates the memory of a new object of a class that is derived from `base`."""

    def make(heap: Heap, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        number = heap.types.number_of(cls) + 1
        if base._p_empty is None:  # the length depends on the arguments
            offset = base._p_make(heap, cls, args, kwargs)
            heap.init(offset, [new_header(base._p_kind, number)])
            return offset
        words = [new_header(base._p_kind, number), *base._p_empty, 0, 0]
        offset = heap.alloc(WORD * len(words), base._p_kind)
        heap.init(offset, words)
        return offset

    return make


def _words(base: type[Persistent]) -> Callable[[Heap, int], Iterable[int]]:
    def words(heap: Heap, offset: int) -> Iterable[int]:
        count, slots = slots_of(heap, offset)
        attributes = [word for word in heap.read_words(slots, count) if word != ABSENT]
        return [*base._p_words(heap, offset), *attributes]

    return words


def _bodies(base: type[Persistent]) -> Callable[[Heap, int], Iterable[int]]:
    def bodies(heap: Heap, offset: int) -> Iterable[int]:
        _, slots = slots_of(heap, offset)
        return [*base._p_bodies(heap, offset), *([slots] if slots else [])]

    return bodies


def _entries(base: type[Persistent]) -> Callable[[Heap, int, int], tuple[int, list[tuple[str, int, int]]]]:
    def entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        own = [(f".{name}", ABSENT, word) for name, word in attributes_of(heap, offset)]
        count, others = base._p_entries(heap, offset, max(0, limit - len(own)))
        return len(own) + count, own[:limit] + others

    return entries


def _verify(base: type[Persistent]) -> Callable[[Heap, int], None]:
    def verify(heap: Heap, offset: int) -> None:
        base._p_verify(heap, offset)
        place = place_of_slots(heap, offset)
        if place:
            demand_allocation(heap, offset, base._p_kind, place + ATTRIBUTES_SIZE - offset)
        count, slots = slots_of(heap, offset)
        assert bool(slots) == bool(count), f"a row for {count} attributes at {slots:#x}"
        if slots:
            demand_allocation(heap, slots, Kind.OBJECT_SLOTS, WORD * count)
        names = list(layout_at(heap, offset).slots)
        nameless = heap.read_words(slots, count)[len(names) :]
        assert not any(nameless), f"attributes beyond the {len(names)} names {names}: {nameless}"

    return verify


def _type_name(heap: Heap, offset: int) -> str:
    return shown_name(layout_at(heap, offset).name)


def _walker(base: type[Persistent]) -> type[Persistent]:
    """The class that walks the objects of all classes that programs derive from `base`."""
    methods: dict[str, Callable[..., Any]] = {
        "_p_make": _make(base),
        "_p_words": _words(base),
        "_p_bodies": _bodies(base),
        "_p_entries": _entries(base),
        "_p_verify": _verify(base),
        "_p_type_name": _type_name,
        "_p_finder": _finder(base),
    }
    body = {name: staticmethod(method) for name, method in methods.items()}
    return type(f"Own{base.__name__}", (base,), {"__slots__": (), "__module__": __name__, **body})


# ---- finding the class again -------------------------------------------------------------------------


def _finder(base: type[Persistent]) -> Callable[[Heap, int], type[Persistent]]:
    def find(heap: Heap, offset: int) -> type[Persistent]:
        name = layout_at(heap, offset).name
        found = find_class(name)
        if found is None:
            return _stand_in_for(base, name)
        if not is_own(found, base):
            raise ClassRefusedError(
                f"read {a_or_an(name.partition(':')[2])} of {heap.name}",
                f"the object is a {base.__name__}, and its class is said to be {name}, which is not derived from that",
                f"derive that class from {base.__name__}, or name its successor with pmemobj.alias",
            )
        own: type[Persistent] = found
        return own

    return find


#: What makes the stand-in for a missing class, from the class that it is derived from and its stored name.
_stand_in_for: Callable[[type[Persistent], str], type[Persistent]]


def let_stand_in(function: Callable[[type[Persistent], str], type[Persistent]]) -> None:
    """From now on `function` makes the stand-ins for missing classes."""
    global _stand_in_for
    _stand_in_for = function


def fill_own_kinds() -> None:
    """Enter a walker for each kind from which classes may be derived."""
    for kind in DERIVABLE_KINDS:
        own_kinds.setdefault(int(kind), _walker(kinds[int(kind)]))
