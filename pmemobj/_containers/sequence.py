"""What lists and tuples in a pool have in common: reading, searching and comparing.

Both are a row of value words, and they differ in two points only: where the words lie (`_first`), and which builtin
    type is imitated (`_p_plain`). The builtin type also decides about errors. An argument that it would refuse is
    passed to an empty instance of it, which raises its own exception with its own message, in every version of Python.

New sequences (slices, sums, products) are plain ones, since a persistent object is only made where a program asks for
it.
"""

from __future__ import annotations

import operator
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj._containers.base import guarded_repr
from pmemobj._containers.comparable import Comparable
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._format import ABSENT, IMMEDIATE_BITS, TUPLE_ITEMS, WORD, Kind  # noqa: F401 - for the .pxd
from pmemobj._values.nans import canonical, canonical_items
from pmemobj._values.words import decode

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

if not cython.compiled:  # Compiled, it comes from the .pxd, since it is a C function.
    from pmemobj._engine.consistent_reads import read_optimistically

_LENGTH = 8
_LIST_KIND = int(Kind.LIST)
#: Words that are so many places apart are read one by one.
_FAR_APART = 64
#: Stands for an item that does not exist.
_beyond: Any = object()


class StoredSequence(Comparable):
    """A row of value words that is read as a sequence."""

    __slots__ = ()

    #: The builtin type that the class imitates.
    _p_plain = None  # type: Any

    def _first(self) -> int:
        """The offset of the first word."""
        raise AssertionError(f"{type(self).__qualname__} does not say where its items are")

    # ---- items ----

    def __len__(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LENGTH)

    def __getitem__(self, index: Any) -> Any:
        if cython.compiled and type(index) is int:
            word = _quick_word(self, short_index(index))  # type: ignore[name-defined]  # noqa: F821
            if word & 1:
                return cython.cast(cython.longlong, word) >> 1
            if word & IMMEDIATE_BITS:
                # Decoding such a word runs no Python code, so no other thread can run meanwhile.
                return decode(self._p_heap, word)
        return self._item(index)

    def _item(self, index: Any) -> Any:
        """The item at an index, which may be an object of the program, or the items of a slice."""
        if isinstance(index, slice):
            return self._p_plain(read_consistently(self, self._cut, with_numbers(index)))
        exact = index
        if type(index) is not int:
            if not hasattr(type(index), "__index__"):
                return self._p_plain()[index]  # This raises.
            # The conversion runs only once, since it may be foreign code. The read below may run twice.
            exact = operator.index(index)
        try:
            number = exact
        except OverflowError:  # In the compiled form this is a C integer.
            return self._p_plain()[index]
        value = self._fetch(number)
        return self._p_plain()[index] if value is _beyond else value

    def _value(self, number: int) -> Any:
        """The item at a number, or `_beyond`."""
        heap = self._p_heap
        length = heap.read_count(self._p_offset + _LENGTH)
        at = number + length if number < 0 else number
        if not 0 <= at < length:
            return _beyond
        return decode(heap, heap.peek(self._first() + WORD * at))

    def _fetch(self, number: int) -> Any:
        """The item at a number, or `_beyond`; an optimistic read (see `consistent_reads`)."""
        return read_optimistically(self._p_heap, self, _read_item, None, None, number)

    def _cut(self, index: slice) -> list[Any]:
        """The items of a slice."""
        heap = self._p_heap
        return [decode(heap, word) for word in self._words(range(len(self))[index])]

    def _position(self, index: Any) -> int:
        """The position that an index means, from 0 on; -1 if it is no index, or outside."""
        if type(index) is not int:
            if not hasattr(type(index), "__index__"):
                return -1
            index = operator.index(index)
        try:
            at = index
        except OverflowError:  # In the compiled form this is a C integer.
            return -1
        # The length is read only now, since the __index__ above may be foreign code that changes it.
        length = self._p_heap.read_count(self._p_offset + _LENGTH)
        if at < 0:
            at += length
        return at if 0 <= at < length else -1

    def _words(self, chosen: range | None = None) -> list[int]:
        """The words of all items, or of the items at the positions `chosen`."""
        if chosen is None:
            return self._p_heap.read_words(self._first(), len(self))
        if not chosen:
            return []
        if abs(chosen.step) >= _FAR_APART:
            first = self._first()
            return [self._p_heap.read(first + WORD * at) for at in chosen]
        low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1])
        words = self._p_heap.read_words(self._first() + WORD * low, high + 1 - low)
        return words[:: chosen.step]

    def __iter__(self) -> Iterator[Any]:
        return SequenceIterator(self, 0, 1)

    def __reversed__(self) -> Iterator[Any]:
        return SequenceIterator(self, len(self) - 1, -1)

    def __contains__(self, value: Any) -> bool:
        value = canonical(value)
        return any(item is value or item == value for item in self)

    def index(self, value: Any, start: int = 0, stop: int = sys.maxsize, /) -> int:
        """The first position of `value` within ``[start:stop]``.

        Raises:
            ValueError: it is not there.

        Cost: O(n), one comparison for each item before it.
        """
        value = canonical(value)
        at, end = _bound(start), _bound(stop)
        length = len(self)
        if at < 0:
            at = max(at + length, 0)
        if end < 0:
            end += length
        # The length is read anew each time, since a comparison may be foreign code that changes it.
        while at < end and at < len(self):
            item = self[at]
            if item is value or item == value:
                return at
            at += 1
        plain = self._p_plain()
        return plain.index(value)  # type: ignore[no-any-return]  # This raises.

    def count(self, value: Any, /) -> int:
        """How often `value` occurs.

        Cost: O(n), one comparison for each item.
        """
        value = canonical(value)
        return sum(1 for item in self if item is value or item == value)

    def __repr__(self) -> str:
        return guarded_repr(self, lambda: repr(self._p_plain(self)))

    # ---- new plain sequences ----

    def __add__(self, other: Any) -> Any:
        other = self._as_plain(other)
        return NotImplemented if other is None else self._p_plain(self) + other

    def __radd__(self, other: Any) -> Any:
        other = self._as_plain(other)
        return NotImplemented if other is None else other + self._p_plain(self)

    def __mul__(self, times: Any) -> Any:
        if not hasattr(type(times), "__index__"):
            return NotImplemented
        times = operator.index(times)  # It may be foreign code, so it runs before the items are read.
        return self._p_plain(self) * times

    def __rmul__(self, times: Any) -> Any:
        return self * times if hasattr(type(times), "__index__") else NotImplemented

    def _as_plain(self, other: Any) -> Any:
        """The other operand as a plain sequence of the imitated type; None if it has another type."""
        if isinstance(other, StoredSequence) and other._p_plain is self._p_plain:
            return self._p_plain(other)
        return other if isinstance(other, self._p_plain) else None

    # ---- comparing ----

    def _compare(self, other: Any, relation: Any) -> Any:
        """Compare by items with a sequence of the same class or with a plain one."""
        plain = self._as_plain(other)
        if plain is None:
            return NotImplemented
        return relation(self._p_plain(self), canonical_items(plain) if plain is other else plain)

    def _hash(self) -> int:
        return hash(self._p_plain(self))

    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    # ---- for walkers ----

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} item" if count == 1 else f"{count} items"


def _read_item(owner: Any, _one: Any, _two: Any, number: int) -> Any:
    sequence: StoredSequence = owner
    return sequence._value(number)


class SequenceIterator:
    """Iterates over a sequence in either direction. Like the iterator of list, it reads the length anew each time."""

    __slots__ = ("_at", "_of", "_step")

    def __init__(self, of: StoredSequence, at: int, step: int) -> None:
        self._of: StoredSequence | None = of
        self._at = at
        self._step = step

    def __iter__(self) -> SequenceIterator:
        return self

    def __next__(self) -> Any:
        if cython.compiled:
            word = _next_word(self)  # type: ignore[name-defined]  # noqa: F821
            if word & 1:
                self._at += self._step
                return cython.cast(cython.longlong, word) >> 1
            if word & IMMEDIATE_BITS:
                self._at += self._step
                return decode(self._of._p_heap, word)  # type: ignore[union-attr]  # _next_word has looked at it.
        value = self._next()
        if value is _beyond:
            raise StopIteration
        return value

    def _next(self) -> Any:
        """The next item, or `_beyond`."""
        of = self._of
        if of is None:
            return _beyond
        at = self._at
        if 0 <= at < of._p_heap.read_count(of._p_offset + _LENGTH):
            self._at = at + self._step
            value = of._fetch(at)
            if value is not _beyond:
                return value
        # An iterator that has come to an end stays there, also if the list grows again.
        self._of = None
        return _beyond

    def __length_hint__(self) -> int:
        of = self._of
        if of is None:
            return 0
        left = len(of) - self._at if self._step > 0 else self._at + 1
        return left if 0 <= left <= len(of) else 0


def with_numbers(index: slice) -> slice:
    """The slice with numbers as its bounds, so that a foreign ``__index__`` runs before anything is read.

    Raises:
        TypeError, ValueError: what Python raises for such a slice.
    """
    bounds = [index.start, index.stop, index.step]
    for at, bound in enumerate(bounds):
        if hasattr(type(bound), "__index__"):
            bounds[at] = operator.index(bound)
    index = slice(*bounds)
    index.indices(0)  # This raises if a bound is no number, or if the step is 0.
    return index


def _bound(bound: Any) -> int:
    """A bound of a search as a number."""
    if not hasattr(type(bound), "__index__"):
        raise TypeError("slice indices must be integers or have an __index__ method")
    return operator.index(bound)


def numbered(words: Iterable[int]) -> list[tuple[str, int, int]]:
    """Entries for `_p_entries`: each word with its position as the label."""
    return [(str(at), ABSENT, word) for at, word in enumerate(words)]
