"""Buffers as mutable sequences of numbers: what bytearray and array.array have in common.

A class that derives from `NumberSequence` says what an element is (`_item`), how one is read (``__getitem__``), what
its plain counterpart is (`_plain`), what it can be compared with (`_compare`), and which messages its builtin type has
for wrong indices. It lets the builtin type read the arguments, and passes on bytes.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, ClassVar

from pmemobj._containers.buffer import END, Buffer, number, place_number, position
from pmemobj._containers.sequence import with_numbers


class NumberSequence(Buffer):
    """The operations that only need to know how many bytes an element has."""

    __slots__ = ()

    #: The messages of the builtin type for an object that is no index and for a missing element, and its name.
    _p_no_index: ClassVar[str] = ""
    _p_not_there: ClassVar[str] = ""
    _p_builtin: ClassVar[str] = ""

    def __len__(self) -> int:
        raise AssertionError("every type has its own")

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("every type has its own")

    def _plain(self, data: bytes) -> Any:
        """An object of the builtin type that consists of these bytes."""
        raise AssertionError("every type has its own")

    # ---- iterating; like the builtin types, this reads the length anew for every element ----

    def __iter__(self) -> Iterator[Any]:
        at = 0
        while at < len(self):
            yield self[at]
            at += 1

    def __reversed__(self) -> Iterator[Any]:
        at = len(self)
        while at > 0:
            at -= 1
            if at < len(self):
                yield self[at]

    __hash__ = None  # type: ignore[assignment]

    # ---- new sequences, which are plain ----

    def __mul__(self, count: Any) -> Any:
        return self[:] * count

    def __rmul__(self, count: Any) -> Any:
        return self[:] * count

    # ---- changing ----

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            self._assign(index, b"")
            return
        at = number(index, self._p_no_index)
        with self._p_heap.lock:
            self._remove_at(position(at, len(self), self._p_not_there))

    def _assign(self, index: slice, data: bytes) -> None:
        """Replace the elements of a slice by those in `data`. Empty `data` deletes them."""
        index = with_numbers(index)
        size = self._item()[1]
        with self._p_heap.lock:
            chosen = range(len(self))[index]
            if chosen.step == 1:
                self._splice(chosen.start * size, max(chosen.start, chosen.stop) * size, data)
                return
            changed = self._plain(self._bytes())
            if data:
                changed[index] = self._plain(data)
            else:
                del changed[index]  # As in the builtin types, nothing can be assigned to an extended slice.
            self._become(bytes(changed))

    def _become(self, changed: bytes) -> None:
        """Replace the contents by `changed`. The part before the first difference is not written."""
        if len(changed) == self._size():
            self._overwrite(0, changed)
            return
        with self._p_heap.statement:
            self._splice(len(changed), END, b"")
            self._overwrite(0, changed)

    def _insert(self, index: Any, data: bytes) -> None:
        """Put one element before position `index`. A position beyond an end means this end."""
        at = place_number(index)
        with self._p_heap.lock:
            start = slice(at, None).indices(len(self))[0] * self._item()[1]
            self._splice(start, start, data)

    def _remove_at(self, at: int) -> None:
        size = self._item()[1]
        self._splice(at * size, (at + 1) * size, b"")

    def pop(self, index: int = -1, /) -> Any:
        """Remove the element at `index`, by default the last one, and return it.

        Raises:
            IndexError: there is no such element.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised at the end; elsewhere O(n), to move and log the elements behind.
        """
        at = place_number(index)
        with self._p_heap.lock:
            length = len(self)
            if not length:
                raise IndexError(f"pop from empty {self._p_builtin}")
            at = position(at, length, "pop index out of range")
            value = self[at]
            self._remove_at(at)
            return value

    def clear(self) -> None:
        """Remove all elements, and free their memory.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1).
        """
        self._splice(0, END, b"")

    def __imul__(self, count: Any) -> Any:
        times = operator.index(count)
        with self._p_heap.lock:
            if times <= 0:
                self.clear()
            else:
                self._splice(END, END, self._bytes() * (times - 1))
        return self
