"""The class of an object that is found again, and the stand-ins for classes that are missing.

A stand-in shows the attributes or fields of an object and refuses to change them, since only the class knows what a
change would have to keep right. As soon as a class with the name is defined, the stand-ins for this name refuse every
use, and an object that is fetched again is an instance of the real class. A stand-in does not turn into such an
instance by itself, since at that moment the class is still being defined and not ready to be used.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pmemobj._containers.base import Persistent, class_finders, kind_at
from pmemobj._engine.handle_table import WeakTable
from pmemobj._engine.heap import Heap
from pmemobj._format import class_number
from pmemobj._objects.attributes import PersistentObject, StoredAttributes, is_special
from pmemobj._objects.class_names import class_missing, find_class, is_alias, is_own
from pmemobj._objects.fields import StoredFields, read_field
from pmemobj._objects.own_containers import attributes_of
from pmemobj._objects.typed_memory import Location
from pmemobj._values.words import decode, describe
from pmemobj.errors import ClassRefusedError, a_or_an

#: The stand-ins that are in use, by their ids.
_alive = WeakTable()


class _StandIn:
    """What both kinds of stand-ins have in common."""

    __slots__ = ()

    def _p_revive(self) -> None:
        _alive.enter(id(self), self)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"cannot read {name} of {_missing(self)}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse(self, f"set {name}")

    def __delattr__(self, name: str) -> None:
        _refuse(self, f"delete {name}")

    def __repr__(self: Any) -> str:
        heap, offset = self._p_heap, self._p_offset
        _, entries = kind_at(heap, offset)._p_entries(heap, offset, heap.limit)
        shown = ", ".join(f"{label}={describe(heap, word)}" for label, _, word in entries)
        return f"<{type(self).__qualname__} (class not defined) {shown}>"


class ObjectStandIn(_StandIn, StoredAttributes):
    """The class of an object whose own class is derived from `PersistentObject` and missing."""

    __slots__ = ()


class FieldsStandIn(_StandIn, StoredFields):
    """The class of an object whose own class is derived from `Persistent` and missing."""

    __slots__ = ()

    def _p_location(self, key: Any, change: bool = False) -> Location:
        if change:
            _refuse(self, f"write {key}")
        return super()._p_location(key)

    def _p_deallocate(self) -> None:
        _refuse(self, "free the contents")

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__" or name[:3] in ("_p_", "_v_"):
            raise AttributeError(name)
        return read_field(self, name)


class _ContainerStandIn(_StandIn):
    """A stand-in that shows its contents as the container does, and its attributes."""

    __slots__ = ()

    def __getattr__(self: Any, name: str) -> Any:
        if not is_special(name):
            for label, word in attributes_of(self._p_heap, self._p_offset):
                if label == name:
                    return decode(self._p_heap, word)
        raise AttributeError(f"cannot read {name} of {_missing(self)}", name=name, obj=self)


#: The methods with which containers change; a stand-in refuses them.
_CHANGES = (
    *("__setitem__", "__delitem__", "__iadd__", "__imul__", "__ior__", "__iand__", "__isub__", "__ixor__"),
    *("append", "appendleft", "extend", "extendleft", "insert", "pop", "popleft", "popitem", "remove", "discard"),
    *("add", "clear", "reverse", "rotate", "sort", "update", "setdefault", "intersection_update"),
    *("difference_update", "symmetric_difference_update", "frombytes", "fromfile", "fromlist", "byteswap", "writing"),
)


def _refusal(name: str) -> Any:
    def refuse(self: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
        _refuse(self, f"call {name}")

    return refuse


#: The stand-ins for missing classes that are derived from a container, by the container and the stored name.
_container_stand_ins: dict[tuple[type[Persistent], str], type[Persistent]] = {}


def container_stand_in(base: type[Persistent], name: str) -> type[Persistent]:
    """The class of an object whose own class is derived from the container `base` and missing."""
    found = _container_stand_ins.get((base, name))
    if found is None:
        changes = {change: _refusal(change) for change in _CHANGES if hasattr(base, change)}
        real = type("ContainerStandIn", (_ContainerStandIn, base), {"__slots__": (), "__module__": __name__, **changes})
        found = _container_stand_ins[base, name] = _stand_in_class(name, real)
    return found


def _missing(stand_in: Any) -> str:
    module, _, qualname = stand_in._p_missing.partition(":")
    return (
        f"{a_or_an(qualname)}: class {qualname} of module {module} is not defined, so this is a stand-in "
        "(define or import the class, or name its successor with pmemobj.alias, then fetch the object again)"
    )


def _refuse(stand_in: Any, what: str) -> NoReturn:
    raise class_missing(what, stand_in._p_heap.name, stand_in._p_missing)


def _stand_in_class(name: str, base: type[Persistent]) -> type[Persistent]:
    module, _, qualname = name.partition(":")
    body = {"__slots__": (), "__module__": module, "__qualname__": qualname, "_p_missing": name}
    return type(qualname.rpartition(".")[2], (base,), body)


def _refused(heap: Heap, name: str, found: Any, base: str) -> ClassRefusedError:
    """The error for a name that means something which cannot be the class of the object."""
    if is_own(found, Persistent) and found._p_kind in class_finders:
        has, lacks = ("attributes", "fields") if base == "PersistentObject" else ("fields", "attributes")
        says = "pmemobj.alias names" if is_alias(name) else "its name now means"
        return ClassRefusedError(
            f"read {a_or_an(name.partition(':')[2])} of {heap.name}",
            f"the object has {has}, and {says} {found.__module__}.{found.__qualname__}, whose objects have {lacks}",
            f"let that class be derived from {base}, or name another one with pmemobj.alias",
        )
    return ClassRefusedError(
        f"read an object of {heap.name}",
        f"its class is said to be {name}, which is no class derived from {base}",
        f"if it is yours, derive it from {base} or name its successor with pmemobj.alias; else do not trust this pool",
    )


def _finder(real: type[Persistent], stand_in: type[Persistent], base: str) -> Any:
    """A function that finds the class of an object whose class is derived from `real`."""
    stand_ins: dict[str, type[Persistent]] = {}

    def find(heap: Heap, offset: int) -> type[Persistent]:
        if heap.types is None:
            heap.refuse(offset)
        name = heap.types.layout(class_number(heap.read(offset))).name
        found = find_class(name)
        if found is None:
            return stand_ins.setdefault(name, _stand_in_class(name, stand_in))
        if not is_own(found, real):
            raise _refused(heap, name, found, base)
        own: type[Persistent] = found
        return own

    return find


def retire_stand_ins(name: str) -> None:
    """Invalidate the stand-ins for a class that is defined now. Its name is given with dots only."""
    for stand_in in [one for one in _alive.live() if one._p_missing.replace(":", ".") == name]:
        _alive.remove(id(stand_in))
        stand_in._p_heap.invalidate(
            [stand_in._p_offset], "its class has been defined since it was fetched", "fetch it again, from the root"
        )


#: What finds the class of an object of one's own class, with attributes or with fields.
find_object_class = _finder(PersistentObject, ObjectStandIn, "PersistentObject")
find_fields_class = _finder(StoredFields, FieldsStandIn, "Persistent")
