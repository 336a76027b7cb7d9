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
from pmemobj._engine.consistent_reads import read_consistently

#: An iterator reads so many elements at once at first, and at the most.
_FEW, _MANY = 8, 1024
#: Elements that are so many bytes apart are read one by one.
_FAR_APART = 512


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

    def _elements(self, start: int, stop: int) -> list[Any]:
        """The elements from `start` to before `stop`, or to the end."""
        raise AssertionError("every type has its own")

    def _scattered(self, chosen: range, size: int) -> bytes:
        """The bytes of the elements at the positions `chosen`, each of `size` bytes."""
        if not chosen:
            return b""
        if abs(chosen.step) * size >= _FAR_APART:
            return read_consistently(self, self._pieces, chosen, size)
        low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1])
        return bytes(self._plain(self._bytes(low * size, (high + 1) * size))[:: chosen.step])

    def _pieces(self, chosen: range, size: int) -> bytes:
        return b"".join([self._copy_of(at * size, (at + 1) * size) for at in chosen])

    def __iter__(self) -> Iterator[Any]:
        return NumberIterator(self, 0, 1)

    def __reversed__(self) -> Iterator[Any]:
        return NumberIterator(self, len(self) - 1, -1)

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


class NumberIterator:
    """Iterates over a sequence of numbers in either direction.

    Like those of the builtin types, it shows what the sequence has at each step. It reads several elements at once, and
    reads again as soon as anything in the pool has changed: then it begins with few, so that a loop which changes
    something at each step does not read many elements for each.
    """

    __slots__ = ("_at", "_heap", "_many", "_next_of", "_of", "_read", "_step", "_version")

    def __init__(self, of: NumberSequence, at: int, step: int) -> None:
        self._of: NumberSequence | None = of
        self._heap = of._p_heap
        self._at, self._step, self._many = at, step, _FEW
        #: The elements that were read, of which `_next_of` are not yet shown; those that come first are the last.
        self._read: list[Any] = []
        self._next_of = 0
        self._version = 0

    def __iter__(self) -> NumberIterator:
        return self

    def __next__(self) -> Any:
        if self._next_of == 0 or self._heap.version != self._version or self._heap.limit == 0:
            self._fill()
        self._at += self._step
        self._next_of -= 1
        return self._read[self._next_of]

    def _fill(self) -> None:
        """Read the next elements.

        Raises:
            StopIteration: there are none.
        """
        of = self._of
        if of is None:
            raise StopIteration
        self._many = _FEW if self._next_of else min(2 * self._many, _MANY)
        length = len(of)
        if not 0 <= self._at < length:
            self._of = None  # An iterator that has come to an end stays there, also if the sequence grows again.
            self._next_of = 0
            raise StopIteration
        self._version = self._heap.version
        if self._step > 0:
            self._read = of._elements(self._at, self._at + self._many)
            self._read.reverse()
        else:
            self._read = of._elements(max(0, self._at - self._many + 1), self._at + 1)
        self._next_of = len(self._read)
        if not self._next_of:  # Another thread has shortened it since its length was read.
            self._fill()

    def __length_hint__(self) -> int:
        of = self._of
        if of is None:
            return 0
        return max(0, len(of) - self._at if self._step > 0 else self._at + 1)
