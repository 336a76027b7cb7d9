"""Find the Python expression that leads to an object of a pool, such as ``pool.root['guesses'][0]``.

The explorer knows objects by their offsets; a line of Python needs a path. The search goes from the root along the
references, the nearest objects first, so that the path is as short as possible. It reads values and runs no code of
the user's classes, except the ``__repr__`` of nothing: only keys that Python can read back become part of a path.
"""

from __future__ import annotations

import ast
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pmemobj import (
    Field,
    InvalidHandleError,
    Persistent,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentTuple,
    PmemError,
)

__all__ = ["Finder", "Located", "attributes_of", "key_code"]

#: The seconds that a search may take.
_PATIENCE = 5.0
#: How many entries the search reads between two looks at the clock.
_ENTRIES = 1000


@dataclass(frozen=True)
class Located:
    """An object, and how a line of Python says which one.

    Attributes:
        value: The object; for the root also a plain value.
        code: The expression.
    """

    value: Any
    code: str


class Finder:
    """Finds objects, and remembers them until `forget` is called, so that each is searched for once in an update."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int | None], Located | None] = {}

    def forget(self) -> None:
        """Forget everything, since the pool may have changed."""
        self._found = {}

    def locate(
        self, pool: PersistentObjectPool, name: str, offset: int | None, names: dict[int, str]
    ) -> Located | None:
        """As the function `locate`."""
        key = pool.absolute_path, name, offset
        if key not in self._found:
            self._found[key] = locate(pool, name, offset, names)
        return self._found[key]


def locate(pool: PersistentObjectPool, name: str, offset: int | None, names: dict[int, str]) -> Located | None:
    """Find an object by its offset.

    Args:
        pool: The open pool.
        name: The variable that holds the pool.
        offset: The offset of the object; None for the root.
        names: Variables that hold objects of the pool, by the offset of the object; they are used for objects that no
            path leads to.

    Returns:
        The object and its expression; None if no path was found in time.

    Cost: proportional to the entries of the objects that are nearer to the root; at most five seconds.
    """
    root = pool.root
    if offset is None or _offset(root) == offset:
        return Located(root, f"{name}.root")
    found = _search(root, f"{name}.root", offset)
    if found is None and offset in names:
        variable = names[offset].split(",")[0]
        if variable.isidentifier():
            with_handle = pool.mm.resurrect(type(root._p_oid)(root._p_oid.pool, offset)) if _offset(root) else None
            return None if with_handle is None else Located(with_handle, variable)
    return found


def _search(root: Any, code: str, offset: int) -> Located | None:
    deadline = time.monotonic() + _PATIENCE
    seen = {_offset(root)}
    waiting = deque([Located(root, code)])
    read = 0
    while waiting:
        holder = waiting.popleft()
        for step, value in _entries(holder.value):
            read += 1
            if read % _ENTRIES == 0 and time.monotonic() > deadline:
                return None
            at = _offset(value)
            if not at or at in seen:
                continue
            seen.add(at)
            found = Located(value, f"{holder.code}{step}")
            if at == offset:
                return found
            waiting.append(found)
    return None


def _entries(holder: Any) -> Iterator[tuple[str, Any]]:
    """The values of an object, each with the piece of code that leads to it."""
    try:
        if isinstance(holder, PersistentDict):
            for key, value in holder.items():
                if isinstance(value, Persistent):
                    written = key_code(key)
                    if written:
                        yield f"[{written}]", value
        elif isinstance(holder, PersistentList | PersistentTuple):
            for number, value in enumerate(holder):
                if isinstance(value, Persistent):
                    yield f"[{number}]", value
        elif isinstance(holder, Persistent):
            for attribute in attributes_of(holder):
                yield f".{attribute}", getattr(holder, attribute)
    except (PmemError, RuntimeError, AttributeError):
        # It was changed or freed by another thread, or its class is missing: what it leads to is not found.
        return


def attributes_of(thing: Persistent) -> list[str]:
    """The names of the stored attributes of an object, in order; empty for a container."""
    if isinstance(thing, PersistentObject):
        of_class = set(object.__dir__(thing))
        # __dir__ yields the names of the class first, and then the stored ones, which may have the same names.
        names = list(PersistentObject.__dir__(thing))[len(list(object.__dir__(thing))) :]
        return [name for name in names if name.isidentifier() and not (name in of_class and _is_property(thing, name))]
    return [name for name in dir(type(thing)) if isinstance(getattr(type(thing), name, None), Field)]


def _is_property(thing: Persistent, name: str) -> bool:
    return isinstance(getattr(type(thing), name, None), property)


def _offset(value: Any) -> int:
    """The offset of an object; 0 for a plain value."""
    if not isinstance(value, Persistent):
        return 0
    try:
        return value._p_oid.offset
    except (InvalidHandleError, AttributeError):
        return 0


def key_code(key: Any) -> str:
    """A key as Python writes it, or an empty string if Python could not read that back."""
    if isinstance(key, Persistent):
        return ""
    text = repr(key)
    try:
        same = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return text if type(same) is type(key) and same == key else ""
