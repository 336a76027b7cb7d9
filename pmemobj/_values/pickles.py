"""Pickles of the immutable types that a program nominated; nothing else is ever unpickled.

Opening a pool must not run code that the pool names. So the unpickler finds only what
`persist_via_pickle` was given, and whatever could not be read back by it is not written.
"""

from __future__ import annotations

import builtins
import io
import pickle
from enum import Enum
from typing import Any

from pmemobj._former_names import current
from pmemobj._public_names import public_in
from pmemobj._values.unsupported import demand_nominable
from pmemobj.errors import NotPersistableError, PoolDamagedError, UnpicklingRefusedError, a_or_an

#: A pickle that may call one of these could do anything, whatever else is nominated.
_TOO_POWERFUL = (getattr, setattr, delattr, builtins.eval, builtins.exec, compile, builtins.__import__, open)

#: What the program nominated; a dict for its order, which is that of the latest nominations.
nominated: dict[Any, None] = {}


@public_in("pmemobj")
def persist_via_pickle(*types: Any) -> None:
    """Let instances of these immutable classes be stored as pickles.

    Only what was nominated is ever unpickled, whoever wrote the pool. A class whose pickles are
    built by a function (as some compiled classes are) needs that function nominated too; the error
    at the first store names it.

    Args:
        types: Classes whose instances never change, defined at the top level of a module. Changes of a
            mutable one would be lost; those that can be told to be mutable are refused.

    Raises:
        NotPersistableError: not a class or function; one that pickle cannot name; or instances of it change.

    Example::

        import enum
        import pmemobj

        class Colour(enum.Enum):
            RED = 1

        pmemobj.persist_via_pickle(Colour)
        with pmemobj.create("colours.pmem", 16 << 20) as pool:
            pool.root = Colour.RED
            assert pool.root is Colour.RED
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
        demand_nominable(item)
    for item in types:
        nominated.pop(item, None)
        nominated[item] = None


class _NominatedOnly(pickle.Unpickler):
    """Finds nothing but what the program nominated; a pickle can then call nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        module, name = current(module, name)
        # The latest first: who runs a cell again means the class that it defines now.
        for item in reversed(nominated):
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
    cls = type(value)
    if "<locals>" in cls.__qualname__:
        raise NotPersistableError(
            f"store {a_or_an(cls.__name__)} as a pickle",
            f"its class {cls.__qualname__} is local to a function, where no program finds it again",
            "define it at the top level of a module",
        )
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
