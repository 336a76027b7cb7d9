"""Buffers as mutable sequences of numbers: what bytearray and array.array do alike.

A type that derives from `NumberSequence` says what an element is (`_item`), how one is read
(`__getitem__`), what its plain counterpart is (`_plain`), what it can be compared with (`_compare`), and
what its builtin says of wrong indices. It lets its builtin read the arguments, and hands on bytes.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, ClassVar

from pmemobj._containers.buffer import END, Buffer, number, place_number, position
from pmemobj._containers.sequence import with_numbers


class NumberSequence(Buffer):
    """The operations that need not know what the bytes mean, only how many of them are an element."""

    __slots__ = ()

    #: The builtin's words: for what is no index, for one that is not there, and its own name.
    _p_no_index: ClassVar[str] = ""
    _p_not_there: ClassVar[str] = ""
    _p_builtin: ClassVar[str] = ""

    def __len__(self) -> int:
        raise AssertionError("every type has its own")

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError("every type has its own")

    def _plain(self, data: bytes) -> Any:
        """A builtin object with elements like these, of which `data` are the bytes."""
        raise AssertionError("every type has its own")

    # ---- iterating: like the builtin types, the length is looked at anew for every element ----

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

    # ---- making new ones, which are plain ----

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
        """Let the elements of a slice be those of `data`; none deletes them."""
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
                del changed[index]  # as the builtin types do it, whose extended slices can be assigned nothing
            self._become(bytes(changed))

    def _become(self, changed: bytes) -> None:
        """Let the contents be `changed`; what comes before the first difference is left alone."""
        if len(changed) == self._size():
            self._overwrite(0, changed)
            return
        with self._p_heap.statement:
            self._splice(len(changed), END, b"")
            self._overwrite(0, changed)

    def _insert(self, index: Any, data: bytes) -> None:
        """Put one element before position `index`; positions beyond an end mean that end."""
        at = place_number(index)
        with self._p_heap.lock:
            start = slice(at, None).indices(len(self))[0] * self._item()[1]
            self._splice(start, start, data)

    def _remove_at(self, at: int) -> None:
        size = self._item()[1]
        self._splice(at * size, (at + 1) * size, b"")

    def pop(self, index: int = -1, /) -> Any:
        """Remove and return the element at `index`, by default the last."""
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
        """Remove all elements, and give back their memory."""
        self._splice(0, END, b"")

    def __imul__(self, count: Any) -> Any:
        times = operator.index(count)
        with self._p_heap.lock:
            if times <= 0:
                self.clear()
            else:
                self._splice(END, END, self._bytes() * (times - 1))
        return self
