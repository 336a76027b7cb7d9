"""Pickles of the immutable types that a program nominated; nothing else is ever unpickled.

Opening a pool must not run code that the pool names. So the unpickler finds only what
`persist_via_pickle` was given, and whatever could not be read back by it is not written.
"""

from __future__ import annotations

import builtins
import io
import pickle
from array import array
from enum import Enum
from typing import Any

from pmemobj._heap import Handle
from pmemobj.errors import NotPersistableError, PoolDamagedError, UnpicklingRefusedError, a_or_an

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

#: A pickle that may call one of these could do anything, whatever else is nominated.
_TOO_POWERFUL = (getattr, setattr, delattr, builtins.eval, builtins.exec, compile, builtins.__import__, open)

#: What the program nominated; a dict for its order.
nominated: dict[Any, None] = {}


def persistent_twin(cls: type) -> str:
    """The name of the Persistent class that holds what the plain container `cls` holds, or an empty string."""
    if cls.__module__ == "numpy" and cls.__name__ == "ndarray":  # by name: numpy may be missing
        return "PersistentArray"
    return MUTABLE_TWINS.get(cls) or _IMMUTABLE_TWINS.get(cls, "")


def persist_via_pickle(*types: Any) -> None:
    """Let instances of these immutable classes be stored as pickles.

    Only what was nominated is ever unpickled, whoever wrote the pool. A class whose pickles are
    built by a function (as some compiled classes are) needs that function nominated too; the error
    at the first store names it.

    Args:
        types: Classes whose instances never change. Changes of a mutable one would be lost.

    Raises:
        NotPersistableError: not a class or function, or one that pickle cannot name.
    """
    for item in types:
        if not callable(item) or not hasattr(item, "__qualname__"):
            raise NotPersistableError(
                f"nominate {item!r}", "it is no class", "name classes, as in persist_via_pickle(decimal.Decimal)"
            )
        if item in _TOO_POWERFUL:
            raise NotPersistableError(
                f"nominate {item.__qualname__}", "whoever wrote a pool could do anything with it", "nominate classes"
            )
        if item in MUTABLE_TWINS or (isinstance(item, type) and issubclass(item, Handle)):
            raise NotPersistableError(
                f"nominate {item.__qualname__}", "its instances change", "use the Persistent class for it"
            )
    nominated.update(dict.fromkeys(types))


class _NominatedOnly(pickle.Unpickler):
    """Finds nothing but what the program nominated; a pickle can then call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        for item in nominated:
            if item.__module__ == module and item.__qualname__ == name:
                return item
        todo = f"if you trust the pool, call pmemobj.persist_via_pickle({module}.{name})"
        if module == "builtins" and name in {item.__name__ for item in _TOO_POWERFUL}:
            todo = "let the class be pickled in another way: a pool may not call this"
        raise UnpicklingRefusedError(f"unpickle {module}.{name}", "this program did not nominate it", todo)


class _EnumsByValue(pickle.Pickler):
    """Writes Enum members as their class and their value.

    Some releases of Python write `getattr` and the name instead, which no pool may call.
    """

    def reducer_override(self, item: Any) -> Any:
        cls = type(item)
        if isinstance(item, Enum) and cls.__reduce_ex__.__module__ == "enum":
            return cls, (item._value_,)
        return NotImplemented


def _loads(data: bytes) -> Any:
    return _NominatedOnly(io.BytesIO(data)).load()


def _dumps(value: Any) -> bytes:
    into = io.BytesIO()
    _EnumsByValue(into, protocol=5).dump(value)
    return into.getvalue()


def load(payload: bytes) -> Any:
    """The value of a pickle that `dump` made.

    Raises:
        UnpicklingRefusedError: it names something that was not nominated.
        PoolDamagedError: it is no whole pickle.
    """
    try:
        return _loads(payload)
    except (UnpicklingRefusedError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise PoolDamagedError(
            "read a pickle", f"it is damaged ({type(error).__name__}: {error})", "restore the pool from a copy"
        ) from error


def dump(value: Any) -> bytes:
    """The pickle of an instance of a nominated class.

    Raises:
        UnpicklingRefusedError: it needs something else that was not nominated.
        NotPersistableError: its class does not let it be pickled.
    """
    try:
        data = _dumps(value)
        # What could not be read back must not be written.
        _loads(data)
    except UnpicklingRefusedError:
        raise
    except Exception as error:
        raise NotPersistableError(
            f"store {a_or_an(type(value).__qualname__)} as a pickle",
            f"{type(error).__name__}: {error}",
            "mend its pickling",
        ) from error
    return data
