"""Which class an object gets when it is found again, and what stands in for a class that is missing.

A stand-in shows the attributes or fields of the object, and refuses to change them: nobody knows what
the class would have to say about that. When a class with the name is defined, the stand-ins for it
are told to refuse everything, and the object comes as one of the real class when it is fetched anew.
They do not turn into it, since the class is being defined at that moment and not ready to be used.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pmemobj._containers.base import Persistent, class_finders, kind_at
from pmemobj._engine.handle_table import WeakTable
from pmemobj._engine.heap import Heap
from pmemobj._format import class_number
from pmemobj._objects.attributes import PersistentObject, StoredAttributes
from pmemobj._objects.class_names import class_missing, find_class, is_alias, is_own
from pmemobj._objects.fields import StoredFields, read_field
from pmemobj._objects.typed_memory import Location
from pmemobj._values.words import describe
from pmemobj.errors import ClassRefusedError, a_or_an

#: The stand-ins that are in use, by their ids.
_alive = WeakTable()


class _StandIn:
    """What both kinds of stand-in do."""

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
    """Stands in for a `PersistentObject` of a missing class."""

    __slots__ = ()


class FieldsStandIn(_StandIn, StoredFields):
    """Stands in for an object with fields of a missing class."""

    __slots__ = ()

    def _p_location(self, key: Any, change: bool = False) -> Location:
        if change:
            _refuse(self, f"write {key}")
        return super()._p_location(key)

    def _p_deallocate(self) -> None:
        _refuse(self, "give back what is in there")

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__" or name[:3] in ("_p_", "_v_"):
            raise AttributeError(name)
        return read_field(self, name)


def _missing(stand_in: Any) -> str:
    module, _, qualname = stand_in._p_missing.partition(":")
    return (
        f"a {qualname}: class {qualname} of module {module} is not defined, so this is a stand-in "
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
    """A class with the name, dots only, is there: let go of its stand-ins."""
    for stand_in in [one for one in _alive.live() if one._p_missing.replace(":", ".") == name]:
        _alive.remove(id(stand_in))
        stand_in._p_heap.invalidate(
            [stand_in._p_offset], "its class was not defined then, but is now", "fetch it again, from the root"
        )


#: What finds the class of an object of one's own class, with attributes or with fields.
find_object_class = _finder(PersistentObject, ObjectStandIn, "PersistentObject")
find_fields_class = _finder(StoredFields, FieldsStandIn, "Persistent")
