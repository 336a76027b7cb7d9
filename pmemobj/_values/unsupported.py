"""Why a value cannot be stored, or its class not be nominated, and what a program can do instead.

What a pool holds are values that never change, and persistent objects. Most of what is refused belongs to a
few families, and for each of them another thing is meant: a NumPy number means the number, a function
its name, an open file its path. So each family has its own reason and its own way out.

Whether instances of a class change cannot be known in general. It is known where a class has the
mutators of one that changes: a subclass of dict that still has dict's own ``__setitem__``, a
dataclass that still has object's ``__setattr__``. A class that defines the mutator anew may refuse
there, as a frozen dict does, and has the benefit of the doubt.
"""

from __future__ import annotations

import abc
import io
import types
from array import array
from collections import OrderedDict, UserDict, UserList, deque
from collections.abc import Iterator, MappingView
from functools import partial, partialmethod
from typing import Any

from pmemobj._engine.heap import Handle
from pmemobj.errors import NotPersistableError, a_or_an

#: Plain containers whose contents change, and the class that a program wants instead.
MUTABLE_TWINS: dict[Any, str] = {
    list: "PersistentList",
    dict: "PersistentDict",
    set: "PersistentSet",
    bytearray: "PersistentByteArray",
    array: "PersistentArray",
}
#: Likewise for those that do not change; a program may nominate these, if it prefers pickles.
_IMMUTABLE_TWINS: dict[Any, str] = {tuple: "PersistentTuple", frozenset: "PersistentSet"}
#: Classes that change: what changes them, and the class that holds what they hold.
_MUTABLE: dict[Any, tuple[str, str]] = {
    list: ("__setitem__", "PersistentList"),
    deque: ("__setitem__", "PersistentList"),
    UserList: ("__setitem__", "PersistentList"),
    OrderedDict: ("__setitem__", "PersistentDict"),
    dict: ("__setitem__", "PersistentDict"),
    UserDict: ("__setitem__", "PersistentDict"),
    set: ("add", "PersistentSet"),
    bytearray: ("__setitem__", "PersistentByteArray"),
    array: ("__setitem__", "PersistentArray"),
    types.SimpleNamespace: ("__setattr__", "PersistentObject"),
}
_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.WrapperDescriptorType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.ModuleType,
    types.CodeType,
    classmethod,
    staticmethod,
    property,
    partial,
    partialmethod,
)
_RUNNING = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)

#: Modules of locks, threads, sockets and the like.
_OF_THE_PROCESS = {"_thread", "threading", "_socket", "socket", "subprocess", "asyncio", "multiprocessing"}
_PART_OF_PROCESS = (
    "it is part of the running process",
    "keep it in an attribute whose name begins with _v_, which is not stored, or store what it can be made of again",
)

#: Families of values by their types: why none of them can be stored, and what to do.
_FAMILIES: tuple[tuple[Any, str, str], ...] = (
    (_CODE, "it is code, and a pool holds none", "store a name, and look the thing up by it"),
    (
        (types.EllipsisType, types.NotImplementedType),
        "it is a constant of the interpreter, not data",
        "use None, or a str that means the same",
    ),
    (
        memoryview,
        "it only shows memory that belongs to something else",
        "store bytes(view), or pool.new(pmemobj.PersistentByteArray, view), which can change",
    ),
    (io.IOBase, *_PART_OF_PROCESS),
    (
        _RUNNING,
        "it is a call that goes on, and belongs to the process",
        "store what comes of it, for instance as pool.new(pmemobj.PersistentList, ...)",
    ),
    (
        (Iterator, MappingView),
        "it only leads to the items of something else",
        "store the items, for instance as pool.new(pmemobj.PersistentList, ...)",
    ),
)


def persistent_twin(cls: type) -> str:
    """The name of the Persistent class that holds what the plain container `cls` holds, or an empty string."""
    return MUTABLE_TWINS.get(cls) or _IMMUTABLE_TWINS.get(cls, "")


def _numpy_class(cls: type, name: str) -> bool:
    """Whether `cls` is NumPy's class of that name, or derived from it; NumPy may be missing."""
    return any(base.__module__ == "numpy" and base.__name__ == name for base in cls.__mro__)


def why_mutable(cls: type) -> tuple[str, str] | None:
    """How it is known that instances of a class change, and what to do; None where it is not known."""
    if _numpy_class(cls, "ndarray"):
        return (
            "its instances change, and a stored copy would not follow",
            "use pool.new(pmemobj.PersistentArray, array.dtype, array), or store array.tobytes()",
        )
    for base, (changer, twin) in _MUTABLE.items():
        if issubclass(cls, base) and getattr(cls, changer) is getattr(base, changer):
            use = "derive a class from pmemobj.PersistentObject"
            if twin != "PersistentObject":
                use = f"use the Persistent class for it: pool.new(pmemobj.{twin}, ...)"
            return "its instances change, and a stored copy would not follow", use
    parameters = getattr(cls, "__dataclass_params__", None)
    thawed = parameters is not None and not parameters.frozen
    if thawed and "__setattr__" not in {name for base in cls.__mro__[:-1] for name in vars(base)}:
        return (
            "its instances change: it is a dataclass that is not frozen",
            f"say @dataclass(frozen=True), or derive {cls.__qualname__} from pmemobj.PersistentObject",
        )
    return None


def demand_nominable(item: Any) -> None:
    """Refuse what cannot be the class of immutable values, as far as that can be seen.

    Raises:
        NotPersistableError: it is code without a name, a class of code or of everything, or mutable.
    """
    name = item.__qualname__
    reason: tuple[str, str] | None = None
    if isinstance(item, types.FunctionType) and "<" in name:
        reason = "pickle finds functions by their names, and none leads to this one", "nominate classes"
    elif isinstance(item, types.BuiltinFunctionType) and item.__module__ == "builtins":
        reason = "it is a function of Python's own, of which no value is made", "nominate classes"
    elif not isinstance(item, type):
        return
    elif issubclass(item, (type, *_CODE)) and item is not partial:
        reason = "its instances are code, and a pool holds none", "store a name, and look the thing up by it"
    elif item in (object, abc.ABC):
        reason = "it says nothing about what is to be stored", "nominate the class of the values itself"
    elif issubclass(item, Handle):
        reason = "its instances change, and live in pools themselves", "store them as they are"
    else:
        reason = why_mutable(item)
    if reason is not None:
        raise NotPersistableError(f"nominate {name}", *reason)


def advice(value: Any) -> tuple[str, str] | None:
    """Why a value of this family cannot be stored, and what to do; None where it is of no known family."""
    cls = type(value)
    if isinstance(value, type):
        if issubclass(value, Handle):
            return "it is a class, not an object", f"create an object of it with pool.new({value.__name__}, ...)"
        return "it is a type, which is code, and a pool holds none", "store its name, and look it up by that"
    if _numpy_class(cls, "generic"):
        return "it is a scalar of NumPy, not a value of Python", "use value.item()"
    if cls is object:
        return "it is nothing but its identity, which ends with the process", "use an Enum member or a str"
    if cls is frozenset:
        return (
            "pmemobj has no form for it in persistent memory",
            "as a value use pool.new(pmemobj.PersistentSet, ...), as a key a sorted tuple; or nominate it for both: "
            "pmemobj.persist_via_pickle(frozenset)",
        )
    if cls.__module__.partition(".")[0] in _OF_THE_PROCESS:
        return _PART_OF_PROCESS
    for family, why, todo in _FAMILIES:
        if isinstance(value, family):
            return why, todo
    return why_mutable(cls)


def refusal(value: Any) -> NotPersistableError:
    """The error for a value for which there is no form."""
    cls = type(value)
    twin = persistent_twin(cls)
    if twin and cls is not frozenset:  # which may be meant as a key
        return NotPersistableError(
            f"store {a_or_an(cls.__name__)}",
            "it lives in ordinary memory",
            f"use pool.new(pmemobj.{twin}, ...), or pool.persistent(...), which converts what is in it too",
        )
    known = advice(value)
    if isinstance(value, type):
        what = f"store class {value.__qualname__}"
    elif cls.__module__ == "builtins":
        what = f"store {a_or_an(cls.__qualname__)}"
    else:
        what = f"store a value of type {cls.__module__}.{cls.__qualname__}"
    if known is not None:
        return NotPersistableError(what, *known)
    return NotPersistableError(
        what,
        "pmemobj has no form for it in persistent memory",
        "derive its class from pmemobj.PersistentObject, or, if its instances never change, nominate it with "
        f"pmemobj.persist_via_pickle({cls.__qualname__})",
    )
