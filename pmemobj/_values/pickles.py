"""Pickles of the immutable types that a program has nominated; nothing else is ever unpickled.

Reading a pool must not run code that the pool names. So the unpickler finds only the classes that were given to
`persist_via_pickle`, and a pickle that could not be read back is not written.
"""

from __future__ import annotations

import builtins
from typing import Any

from pmemobj._former_names import current
from pmemobj._public_names import public_in
from pmemobj._values.unsupported import demand_nominable
from pmemobj.errors import NotPersistableError, PoolDamagedError, UnpicklingRefusedError, a_or_an

#: A pickle that can call one of these can do anything, so they are never nominated.
_TOO_POWERFUL = (getattr, setattr, delattr, builtins.eval, builtins.exec, compile, builtins.__import__, open)

#: What the program has nominated, the latest last; a dict, since that keeps the order.
nominated: dict[Any, None] = {}


@public_in("pmemobj")
def persist_via_pickle(*types: Any) -> None:
    """Let instances of these immutable classes be stored as pickles.

    Only what was nominated is ever unpickled, whoever wrote the pool. A class whose pickles are
    built by a function (as some compiled classes are) needs that function nominated too; the error
    at the first store names it.

    Args:
        types: Classes whose instances never change, defined at the top level of a module. Later changes of an instance
            would be lost, so a class is refused if its instances are known to change.

    Raises:
        NotPersistableError: an argument is neither a class nor a function, pickle finds no name for it, or its
            instances change.

    Durability: none, no pool changes.
    Cost: constant for each class.

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
                f"nominate {item!r}", "it is no class", "give classes, as in persist_via_pickle(decimal.Decimal)"
            )
        if item in _TOO_POWERFUL:
            raise NotPersistableError(
                f"nominate {item.__qualname__}", "a pool that calls it could do anything", "nominate classes"
            )
        demand_nominable(item)
    for item in types:
        nominated.pop(item, None)
        nominated[item] = None


def _find(module: str, name: str) -> Any:
    """The class or function that a pickle names, which must be nominated, so that a pickle can call nothing else."""
    module, name = current(module, name)
    # The latest comes first: if a cell of a notebook was run again, the class is the one that it has just defined.
    for item in reversed(nominated):
        if item.__module__ == module and item.__qualname__ == name:
            return item
    todo = f"if you trust the pool, call pmemobj.persist_via_pickle({module}.{name})"
    if module == "builtins" and name in {item.__name__ for item in _TOO_POWERFUL}:
        todo = "let the class be pickled in another way: no pool may call this function"
    raise UnpicklingRefusedError(f"unpickle {module}.{name}", "this program has not nominated it", todo)


def load(payload: bytes) -> Any:
    """The value of a pickle that `dump` made.

    Raises:
        UnpicklingRefusedError: the pickle names something that was not nominated.
        PoolDamagedError: the pickle is damaged.
    """
    from pmemobj._values import pickling

    try:
        return pickling.loads(payload, _find)
    except (UnpicklingRefusedError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise PoolDamagedError(
            "read a pickle", f"it is damaged ({type(error).__name__}: {error})", "restore the pool from a copy"
        ) from error


def dump(value: Any) -> bytes:
    """The pickle of an instance of a nominated class.

    Raises:
        UnpicklingRefusedError: the pickle names something that was not nominated.
        NotPersistableError: the value cannot be pickled.
    """
    from pmemobj._values import pickling

    cls = type(value)
    if "<locals>" in cls.__qualname__:
        raise NotPersistableError(
            f"store {a_or_an(cls.__name__)} as a pickle",
            f"its class {cls.__qualname__} is local to a function, so no other program can find it",
            "define it at the top level of a module",
        )
    try:
        data = pickling.dumps(value)
        # A pickle that cannot be read back must not be written.
        pickling.loads(data, _find)
    except UnpicklingRefusedError:
        raise
    except Exception as error:
        raise NotPersistableError(
            f"store {a_or_an(type(value).__qualname__)} as a pickle",
            f"{type(error).__name__}: {error}",
            "correct the methods with which it is pickled",
        ) from error
    return data
