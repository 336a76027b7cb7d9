"""Which Python object stands for an offset: tables that do not keep their objects alive.

A `weakref.WeakValueDictionary` calls Python code whenever an object dies, and a KeyboardInterrupt that arrives in this
code is printed and lost. So no Python code is called here when an object dies.

* `WeakTable` keeps weak references without callbacks, and looks for dead references when it has doubled.
* `HandleTable`, compiled, keeps addresses; the objects remove themselves when they are deallocated
  (`Handle.__dealloc__`), which is C. So an object is found for as long as it exists, also when
  a garbage collector cleared its weak references and a ``__del__`` then revived it. Only an object that is
  being deallocated (its reference count is 0) is not found.

Other threads and destructors may change a table wherever Python objects are made or released, so compiled code
does neither in the middle of a change.
"""

from __future__ import annotations

import weakref
from typing import Any

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_FEWEST = 16
_SPREAD = 0x9E3779B97F4A7C15
#: Words of a slot: the number, 0 where there is none, and the address of the object.
_SLOT = 2


class WeakTable:
    """Objects by number, for as long as something else keeps them alive."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[Any]] = {}
        self._limit = _FEWEST

    def find(self, number: int) -> Any:
        """The live object of a number, or None."""
        reference = self._references.get(number)
        return None if reference is None else reference()

    def enter(self, number: int, found: Any) -> None:
        """Let a number stand for an object from now on."""
        self._references[number] = weakref.ref(found)
        if len(self._references) > self._limit:
            self._forget_dead()

    def remove(self, number: int) -> Any:
        """Let a number stand for nothing; return the live object that it stood for, or None."""
        reference = self._references.pop(number, None)
        return None if reference is None else reference()

    def live(self) -> list[Any]:
        """All live objects."""
        # A copy is made without interruption; another thread could change the dict during the loop.
        return [found for reference in self._references.copy().values() if (found := reference()) is not None]

    def _forget_dead(self) -> None:
        for number, reference in self._references.copy().items():
            if reference() is None and self._references.get(number) is reference:
                self._references.pop(number, None)
        self._limit = 2 * len(self._references) + _FEWEST


class HandleTable:
    """A `WeakTable` for objects that call `leave` when they are deallocated; compiled only.

    A hash table with open addressing. When a slot is emptied, the entries behind it move up, so that there are no gaps.
    """

    def __cinit__(self) -> None:
        self._mask = _FEWEST - 1
        self._used = 0
        self._slots = new_memory(_SLOT * _FEWEST, 8)  # type: ignore[name-defined]  # noqa: F821
        if self._slots == cython.NULL:
            raise MemoryError

    def __dealloc__(self) -> None:
        free_memory(self._slots)  # type: ignore[name-defined]  # noqa: F821

    def find(self, number: int) -> Any:
        """The live object of a number, or None."""
        return self._object(self._slot(number))

    def enter(self, number: int, found: Any) -> None:
        """Let a number stand for an object from now on."""
        if 3 * self._used >= 2 * self._mask:
            self._grow()
        at = self._slot(number)
        if not self._slots[at]:
            self._slots[at] = number
            self._used += 1
        self._slots[at + 1] = cython.cast(cython.ulonglong, cython.cast(cython.p_void, found))

    def remove(self, number: int) -> Any:
        """Let a number stand for nothing; return the live object that it stood for, or None."""
        at = self._slot(number)
        found = self._object(at)
        if self._slots[at]:
            self._empty(at)
        return found

    def leave(self, number: int, address: int) -> None:
        """Let a number no longer stand for the object at an address, if it still does."""
        at = self._slot(number)
        if self._slots[at] and self._slots[at + 1] == address:
            self._empty(at)

    def live(self) -> list[Any]:
        """All live objects."""
        found: list[Any] = []
        # Appending to a list makes no object, so nothing changes the table during the loop.
        for at in range(self._mask + 1):
            each = self._object(_SLOT * at)
            if each is not None:
                found.append(each)
        return found

    def _object(self, at: int) -> Any:
        """The object of a slot, if there is one that is not being deallocated."""
        if not self._slots[at]:
            return None
        address = cython.cast(cython.p_void, self._slots[at + 1])
        if references_to(address) <= 0:  # type: ignore[name-defined]  # noqa: F821
            return None
        return cython.cast(object, address)

    def _slot(self, number: int) -> int:
        """The slot of a number, or the slot where it would be entered."""
        at = self._home(number)
        while self._slots[_SLOT * at] != 0 and self._slots[_SLOT * at] != number:
            at = (at + 1) & self._mask
        return _SLOT * at

    def _home(self, number: int) -> int:
        """Where the search for a number begins."""
        return (number * _SPREAD >> 32) & self._mask

    def _empty(self, hole: int) -> None:
        self._used -= 1
        hole //= _SLOT
        at = hole
        while True:
            at = (at + 1) & self._mask
            number = self._slots[_SLOT * at]
            if not number:
                break
            # The entry moves if a search for it passes the hole.
            if ((at - self._home(number)) & self._mask) >= ((at - hole) & self._mask):
                self._slots[_SLOT * hole] = number
                self._slots[_SLOT * hole + 1] = self._slots[_SLOT * at + 1]
                hole = at
        self._slots[_SLOT * hole] = 0

    def _grow(self) -> None:
        old = self._slots
        count = self._mask + 1
        larger = new_memory(2 * _SLOT * count, 8)  # type: ignore[name-defined]  # noqa: F821
        if larger == cython.NULL:
            raise MemoryError
        self._slots = larger
        self._mask = 2 * count - 1
        for at in range(0, _SLOT * count, _SLOT):
            if old[at]:
                place = self._slot(old[at])
                self._slots[place] = old[at]
                self._slots[place + 1] = old[at + 1]
        free_memory(old)  # type: ignore[name-defined]  # noqa: F821


def new_handle_table() -> Any:
    """The table for handles."""
    return HandleTable() if cython.compiled else WeakTable()
