"""Why a value cannot be stored, or its class not be nominated, and what a program can do instead.

A pool holds values that never change, and persistent objects. Most values that are refused belong to a few families. In
each family the program means something else that can be stored: instead of a NumPy scalar the number, instead of a
function its name, instead of an open file its path. So each family has its own reason and its own advice.

In general it cannot be known whether the instances of a class change. It is known if a class still has the mutators of
a base class that changes: a subclass of dict with dict's own ``__setitem__``, or a dataclass with object's
``__setattr__``. A class that defines the mutator anew may refuse every change there, as a frozen dict does, so it is
accepted.
"""

from __future__ import annotations

import abc
import io
import types
from array import array
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Iterator, MappingView
from functools import partial, partialmethod
from typing import Any

from pmemobj._engine.heap import Handle
from pmemobj.errors import NotPersistableError, a_or_an

#: Plain containers whose contents change, and the class that a program wants instead.
MUTABLE_TWINS: dict[Any, str] = {
    list: "PersistentList",
    deque: "PersistentDeque",
    dict: "PersistentDict",
    set: "PersistentSet",
    bytearray: "PersistentByteArray",
    array: "PersistentArray",
    defaultdict: "PersistentDefaultDict",
    Counter: "PersistentCounter",
    OrderedDict: "PersistentOrderedDict",
}
#: Classes whose instances change: a method that changes them, and the Persistent class for the same contents.
_MUTABLE: dict[Any, tuple[str, str]] = {
    list: ("__setitem__", "PersistentList"),
    deque: ("__setitem__", "PersistentDeque"),
    UserList: ("__setitem__", "PersistentList"),
    OrderedDict: ("__setitem__", "PersistentOrderedDict"),
    Counter: ("__setitem__", "PersistentCounter"),
    defaultdict: ("__setitem__", "PersistentDefaultDict"),
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
#: Calls that are suspended.
_RUNNING = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)

#: Modules that define locks, threads, sockets and similar objects.
_OF_THE_PROCESS = {"_thread", "threading", "_socket", "socket", "subprocess", "asyncio", "multiprocessing"}
_PART_OF_PROCESS = (
    "it is part of the running process",
    "keep it in an attribute whose name begins with _v_, which is not stored, or store what is needed to make it again",
)

#: The public classes with which programs work on pools, by name: why an instance cannot be stored, and what to do.
_WORKING_CLASSES = {
    "PersistentObjectPool": (
        "a pool is what values are stored in, and no value",
        "store an object of it, such as pool.root, or the path of another pool, pool.path",
    ),
    "Transaction": ("it is part of the running process", "store the values themselves inside the transaction"),
    "MemoryManager": ("it belongs to the open pool", "ask the pool for it each time: pool.mm"),
    "TransactionLog": ("it is part of the running process", "store str(entry) for the entries of interest"),
    "Block": ("a block belongs to one object", "assign it to a field of that object, or store list(block)"),
}

#: Families of values by their types: why no value of the family can be stored, and what to do.
_FAMILIES: tuple[tuple[Any, str, str], ...] = (
    (_CODE, "it is code, and a pool holds no code", "store a name, and look the code up by it"),
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
        "it is a call that is still running in this process",
        "store the items that it yields, or its result, for instance as pool.new(pmemobj.PersistentList, ...)",
    ),
    (
        (Iterator, MappingView),
        "it has no items itself, but refers to those of another object",
        "store the items, for instance as pool.new(pmemobj.PersistentList, ...)",
    ),
)


def _is_class_of(module: str, name: str, cls: type) -> bool:
    """Whether `cls` is the class with a name, or derived from it. This module cannot import the class."""
    return any(base.__module__ == module and base.__name__ == name for base in cls.__mro__)


def _working_object(cls: type) -> tuple[str, str] | None:
    """Why an instance of a class with which programs work on pools is no value, and what to do."""
    for name, (why, todo) in _WORKING_CLASSES.items():
        if _is_class_of("pmemobj", name, cls):
            return why, todo
    return None


def why_mutable(cls: type) -> tuple[str, str] | None:
    """Why instances of a class are known to change, and what to do; None if it is not known that they do."""
    if _is_class_of("numpy", "ndarray", cls):
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
    changes = parameters is not None and not parameters.frozen
    if changes and "__setattr__" not in {name for base in cls.__mro__[:-1] for name in vars(base)}:
        return (
            "its instances change: it is a dataclass that is not frozen",
            f"say @dataclass(frozen=True), or derive {cls.__qualname__} from pmemobj.PersistentObject",
        )
    return None


def demand_nominable(item: Any) -> None:
    """Refuse what is known not to be a class of immutable values.

    Raises:
        NotPersistableError: `item` is a function that has no name, a class of code, a base class of all classes, a
            class whose instances change, or one with which programs work on pools.
    """
    name = item.__qualname__
    reason: tuple[str, str] | None = None
    if isinstance(item, types.FunctionType) and "<" in name:
        reason = "pickle finds a function by its name, and this function has none", "nominate classes"
    elif isinstance(item, types.BuiltinFunctionType) and item.__module__ == "builtins":
        reason = "it is a function of Python's own, and no value is made by it", "nominate classes"
    elif not isinstance(item, type):
        return
    elif issubclass(item, (type, *_CODE)) and item is not partial:
        reason = "its instances are code, and a pool holds no code", "store a name, and look the code up by it"
    elif item in (object, abc.ABC):
        reason = "it does not say which values are to be stored", "nominate the class of these values"
    elif issubclass(item, Handle):
        reason = "its instances change, and they live in pools themselves", "store them as they are"
    else:
        reason = _working_object(item) or why_mutable(item)
    if reason is not None:
        raise NotPersistableError(f"nominate {name}", *reason)


def advice(value: Any) -> tuple[str, str] | None:
    """Why a value cannot be stored, and what to do; None if it belongs to no known family."""
    cls = type(value)
    if isinstance(value, type):
        if issubclass(value, Handle):
            return "it is a class, not an object", f"create an object of it with pool.new({value.__name__}, ...)"
        return "it is a type, which is code, and a pool holds no code", "store its name, and look it up by the name"
    if _is_class_of("numpy", "generic", cls):
        return "it is a scalar of NumPy, not a value of Python", "use value.item()"
    if cls is object:
        return "it is nothing but its identity, which ends with the process", "use an Enum member or a str"
    if cls.__module__.partition(".")[0] in _OF_THE_PROCESS:
        return _PART_OF_PROCESS
    for family, why, todo in _FAMILIES:
        if isinstance(value, family):
            return why, todo
    return _working_object(cls) or why_mutable(cls)


def unsupported_error(value: Any) -> NotPersistableError:
    """The error for a value that cannot be stored."""
    cls = type(value)
    twin = MUTABLE_TWINS.get(cls)
    if twin:
        return NotPersistableError(
            f"store {a_or_an(cls.__name__)}",
            "it lives in ordinary memory",
            f"use pool.new(pmemobj.{twin}, ...), or pool.persistent(...), which also converts everything in it",
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
