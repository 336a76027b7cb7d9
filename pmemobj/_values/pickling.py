"""The pickler and the unpickler for values of nominated classes; `pickles` says what is nominated.

Only programs that store or read such a value import this module, since the import of pickle takes long.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from enum import Enum
from typing import Any


class _Unpickler(pickle.Unpickler):
    """Takes every class and every function from the function `find`, so a pickle can call nothing else."""

    def __init__(self, data: bytes, find: Callable[[str, str], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._find = find

    def find_class(self, module: str, name: str) -> Any:
        return self._find(module, name)


class _EnumsByValue(pickle.Pickler):
    """Writes Enum members as their class and their value.

    Some releases of Python write `getattr` and the name instead, but no pool may call `getattr`.
    """

    def reducer_override(self, item: Any) -> Any:
        cls = type(item)
        if isinstance(item, Enum) and cls.__reduce_ex__.__module__ == "enum":
            return cls, (item._value_,)
        return NotImplemented


def loads(data: bytes, find: Callable[[str, str], Any]) -> Any:
    """The value of a pickle, made with the classes and functions that `find(module, name)` returns."""
    return _Unpickler(data, find).load()


def dumps(value: Any) -> bytes:
    """The pickle of a value."""
    into = io.BytesIO()
    _EnumsByValue(into, protocol=5).dump(value)
    return into.getvalue()
