"""Conversion of whole structures: from plain containers to persistent ones and back.

Both directions are the same walk (`conversion_walk`). `TO_PERSISTENT` and `TO_PLAIN` say for each type how its
containers are taken apart and how their counterparts are put together. They name Persistent classes by their kinds, so
this module need not import these classes.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from types import NoneType, SimpleNamespace
from typing import Any

from pmemobj._containers.base import Persistent, create, kinds
from pmemobj._engine.heap import Handle, Heap
from pmemobj._format import ABSENT, Kind, class_number
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._objects.conversion_walk import Conversion, ConversionWalk, Parts
from pmemobj._public_names import public_in
from pmemobj._values import pickles
from pmemobj._values.leaves import payload_of
from pmemobj._values.plain_containers import MAX_DEPTH, PLAIN_CONTAINERS
from pmemobj._values.words import decode, immediate
from pmemobj.errors import NotPersistableError, a_or_an

__all__ = ["to_python"]

#: The types whose values can always be stored as they are.
_ATOMS = frozenset({NoneType, bool, int, float, complex, str, bytes})

# ---- the conversions ---------------------------------------------------------------------------


def _extend(new: Any, _labels: list[Any], values: list[Any]) -> None:
    new.extend(values)


def _update(new: Any, labels: list[Any], values: list[Any]) -> None:
    new.update(zip(labels, values, strict=True))


def _elements(source: Any) -> Parts:
    return ((element, element) for element in source)


#: How containers in ordinary memory are converted, by their exact type.
TO_PERSISTENT: dict[type, Conversion] = {
    list: Conversion(Kind.LIST, enumerate, _extend),
    deque: Conversion(Kind.DEQUE, enumerate, _extend, empty=lambda source: ((), source.maxlen)),
    dict: Conversion(Kind.DICT, dict.items, _update, keys=iter),
    tuple: Conversion(Kind.TUPLE, enumerate, arguments=lambda _source, values: (values,)),
    set: Conversion(Kind.SET, arguments=lambda source, _values: (source.copy(),), keys=iter),
    frozenset: Conversion(Kind.FROZENSET, _elements, arguments=lambda _source, values: (values,)),
    bytearray: Conversion(Kind.BYTEARRAY, arguments=lambda source, _values: (bytes(source),)),
    array: Conversion(Kind.ARRAY, arguments=lambda source, _values: (source.typecode, source)),
}


def keys_and_values(source: Any) -> Parts:
    """The keys and values of a persistent dict: keys are parts, too, since a key may be a persistent tuple."""
    for key, value in source.items():
        yield key, key
        yield key, value


def _update_from_pairs(new: Any, _labels: list[Any], values: list[Any]) -> None:
    demand_hashable(values[::2])
    new.update(zip(values[::2], values[1::2], strict=True))


def _add_all(new: Any, _labels: list[Any], values: list[Any]) -> None:
    demand_hashable(values)
    new.update(values)


def _plain_frozenset(items: list[Any]) -> frozenset[Any]:
    demand_hashable(items)
    return frozenset(items)


def demand_hashable(keys: list[Any]) -> None:
    """Refuse the plain form of an object as a key, which has no hash."""
    if any(type(key) is SimpleNamespace for key in keys):
        raise TypeError(
            "cannot convert a container whose keys are objects into a plain one: "
            "the plain form of an object cannot be a key (convert the items of the container one by one)"
        )


def _attributes(source: Any) -> Parts:
    heap, offset = source._p_heap, source._p_offset
    yield "_p_class", heap.types.layout(class_number(heap.read(offset))).name
    for name, _, word in kinds[Kind.OBJECT]._p_entries(heap, offset, sys.maxsize)[1]:
        yield name, decode(heap, word)


def _plain_array(source: Any) -> Any:
    """An array.array; a list if array.array has no such elements, and nested lists if there are several dimensions."""
    if source.typecode == "?" or len(source.shape) > 1:
        with source.view() as view:
            return view.tolist()
    return array(source.typecode, source.tobytes())


#: How containers in a pool are converted, by the kind of their class.
TO_PLAIN: dict[int, Conversion] = {
    Kind.LIST: Conversion(list, enumerate, _extend),
    Kind.DEQUE: Conversion(deque, enumerate, _extend, empty=lambda source: ((), source.maxlen)),
    Kind.DICT: Conversion(dict, keys_and_values, _update_from_pairs),
    Kind.TUPLE: Conversion(tuple, enumerate, arguments=lambda _source, values: (values,)),
    Kind.SET: Conversion(set, _elements, _add_all),
    Kind.FROZENSET: Conversion(_plain_frozenset, _elements, arguments=lambda _source, values: (values,)),
    Kind.BYTEARRAY: Conversion(bytearray, arguments=lambda source, _values: (bytes(source[:]),)),
    Kind.ARRAY: Conversion(_plain_array, arguments=lambda source, _values: (source,)),
    Kind.OBJECT: Conversion(
        SimpleNamespace,
        _attributes,
        lambda new, labels, values: vars(new).update(zip(labels, values, strict=True)),
        path=lambda label: f".{label}",
    ),
}


#: The same for classes that have the kind of another container, which comes first otherwise.
TO_PLAIN_OF_CLASS: dict[type, Conversion] = {}


# ---- into a pool -------------------------------------------------------------------------------


def to_persistent(heap: Heap, value: Any) -> Any:
    """Convert a value as `pool.persistent` does."""
    walk = ConversionWalk(
        lambda found: _persistent_conversion(heap, found),
        lambda target, *args: create(heap, class_of(target), args, {}),
    )
    if not walk.find(value):
        return value
    with heap.statement:
        return walk.build()


def class_of(target: Any) -> type[Persistent]:
    """The class of a conversion whose target is a kind or a class."""
    found: type[Persistent] = target if isinstance(target, type) else kinds[target]
    return found


def _persistent_conversion(heap: Heap, value: Any) -> Conversion | None:
    conversion = TO_PERSISTENT.get(type(value))
    if type(value) in PLAIN_CONTAINERS and _holds_values_only(heap, value):
        return None
    if conversion is None:
        _demand_storable(heap, value)
        return None
    for key in conversion.keys(value):
        stored_hash(heap, key)
        _demand_storable_key(heap, key)
    return conversion


def _holds_values_only(heap: Heap, value: Any, depth: int = 1) -> bool:
    """Whether a tuple or frozenset is a value: nothing in it is, or becomes, a persistent object."""
    if depth > MAX_DEPTH:
        return False
    for item in value:
        cls = type(item)
        if cls in PLAIN_CONTAINERS:
            if not _holds_values_only(heap, item, depth + 1):
                return False
        elif cls in TO_PERSISTENT or isinstance(item, Handle):
            return False
        else:
            _demand_storable(heap, item)
    return True


def _demand_storable_key(heap: Heap, key: Any) -> None:
    """Refuse a key that cannot be stored. Plain tuples and frozensets are accepted, since their items never change."""
    waiting = [key]
    while waiting:
        item = waiting.pop()
        if type(item) in PLAIN_CONTAINERS:
            waiting.extend(item)
        else:
            _demand_storable(heap, item)


def _demand_storable(heap: Heap, value: Any) -> None:
    cls = type(value)
    if cls in _ATOMS or immediate(heap, value) != ABSENT:
        return
    for base in TO_PERSISTENT:
        if isinstance(value, base) and cls is not base and cls not in pickles.nominated:
            raise NotPersistableError(
                f"store {a_or_an(cls.__module__)}.{cls.__qualname__}",
                f"it would come back as a plain {base.__name__}, without its class",
                f"store {base.__name__}(value) if that is enough",
            )
    payload_of(value)


# ---- out of a pool -----------------------------------------------------------------------------


@public_in("pmemobj")
def to_python(value: Any) -> Any:
    """The plain form of a persistent object and of all objects that it refers to.

    Lists, dicts, tuples and sets become Python's own. An object becomes a `types.SimpleNamespace` with its stored
    attributes; the attribute ``_p_class`` has the name of its class, as ``module:qualname``. Shared objects stay
    shared, cycles stay cycles, and structures may be nested to any depth. Later changes of the result do not change the
    pool.

    Args:
        value: A persistent object. Anything else is returned as it is.

    Raises:
        TypeError: an object has no plain form, since it lays out its memory by itself; or an object is a key.

    Durability: none, the pool does not change.
    Cost: proportional to the objects that are reached. Other threads cannot change the pool meanwhile.

    Example::

        import pmemobj

        with pmemobj.create("plain.pmem", 16 << 20) as pool:
            pool.root = pool.persistent({"scores": [3, 1, 2]})
            assert pmemobj.to_python(pool.root) == {"scores": [3, 1, 2]}
    """
    if not isinstance(value, Persistent):
        return value
    with value._p_heap.lock:
        walk = ConversionWalk(_plain_conversion, lambda target, *args: target(*args))
        walk.find(value)
        return walk.build()


def _plain_conversion(value: Any) -> Conversion | None:
    if not isinstance(value, Persistent):
        return None
    named = next((TO_PLAIN_OF_CLASS[cls] for cls in type(value).__mro__ if cls in TO_PLAIN_OF_CLASS), None)
    conversion = named or TO_PLAIN.get(int(type(value)._p_kind))
    if conversion is None:
        raise TypeError(
            f"cannot convert {a_or_an(type(value).__qualname__)} into a plain object: its class alone knows "
            "what its memory means (convert the objects that refer to it one by one)"
        )
    return conversion
