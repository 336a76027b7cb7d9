"""PersistentList: a header that points to an area of value words.

Layout: see `_layout`, "list" and "items". Words at and beyond the length mean nothing, so an
append fills one of them first and then counts it, each with one store.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any

from pmemobj._base import Persistent, guarded_repr, register_kind
from pmemobj._heap import Heap, usable_size
from pmemobj._layout import ABSENT, LIST_SIZE, WORD, Kind, new_header
from pmemobj._values import decode, encode, exchange, free_leaf, immediate, replace

_LENGTH, _CAPACITY, _ITEMS = 8, 16, 24
_MIN_CAPACITY = 4
#: A position beyond every length.
_END = sys.maxsize


class PersistentList(Persistent):
    """A list in a pool; made with ``pool.new(PersistentList, iterable)``.

    Slices are read as plain Python lists.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction
    it is so together with it.
    Cost: reads call no C function; setting an item that fits a word is one store; append and pop at
    the end are amortised constant, insertion and deletion move what follows.
    """

    __slots__ = ()
    _p_kind = Kind.LIST

    def __init__(self, iterable: Iterable[Any] = ()) -> None:
        values = list(iterable)
        if values or len(self):
            self._splice(0, _END, values)

    # ---- reading ----

    def __len__(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LENGTH)

    def __getitem__(self, index: Any) -> Any:
        heap = self._p_heap
        length = heap.read(self._p_offset + _LENGTH)
        if isinstance(index, slice):
            words = self._words()
            return [decode(heap, word) for word in words[index]]
        at = _position(index, length, "list index out of range")
        return decode(heap, heap.read(heap.read(self._p_offset + _ITEMS) + WORD * at))

    def __iter__(self) -> Iterator[Any]:
        # Like list's: the length is looked at anew for every element.
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

    def __contains__(self, value: Any) -> bool:
        return any(item is value or item == value for item in self)

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The first position of `value` within ``[start:stop]``; ValueError if there is none."""
        for at in range(*slice(start, stop).indices(len(self))):
            if at < len(self):
                item = self[at]
                if item is value or item == value:
                    return at
        raise ValueError(f"{value!r} is not in list")

    def count(self, value: Any) -> int:
        """How often `value` occurs."""
        return sum(1 for item in self if item is value or item == value)

    def _words(self) -> list[int]:
        heap = self._p_heap
        return heap.read_words(heap.read(self._p_offset + _ITEMS), len(self))

    def __repr__(self) -> str:
        return guarded_repr(self, lambda: repr(list(self)))

    # ---- comparing ----

    def __eq__(self, other: Any) -> Any:
        return _compare(self, other, operator.eq)

    def __ne__(self, other: Any) -> Any:
        return _compare(self, other, operator.ne)

    def __lt__(self, other: Any) -> Any:
        return _compare(self, other, operator.lt)

    def __le__(self, other: Any) -> Any:
        return _compare(self, other, operator.le)

    def __gt__(self, other: Any) -> Any:
        return _compare(self, other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return _compare(self, other, operator.ge)

    __hash__ = None  # type: ignore[assignment]

    # ---- changing ----

    def __setitem__(self, index: Any, value: Any) -> None:
        heap = self._p_heap
        if isinstance(index, slice):
            self._assign(index, list(value))
            return
        with heap.lock:
            at = _position(index, len(self), "list assignment index out of range")
            replace(heap, heap.read(self._p_offset + _ITEMS) + WORD * at, value)

    def __delitem__(self, index: Any) -> None:
        with self._p_heap.lock:
            if isinstance(index, slice):
                self._delete(range(len(self))[index])
            else:
                at = _position(index, len(self), "list assignment index out of range")
                self._splice(at, at + 1, [])

    def append(self, value: Any) -> None:
        """Add `value` at the end; amortised constant time."""
        self._splice(_END, _END, [value])

    def extend(self, values: Iterable[Any]) -> None:
        """Add all of `values` at the end, or none of them."""
        added = list(values)
        if added:
            self._splice(_END, _END, added)

    def insert(self, index: int, value: Any) -> None:
        """Put `value` before position `index`; positions beyond an end mean that end."""
        at = operator.index(index)
        if not -_END <= at <= _END:
            raise IndexError("cannot fit 'int' into an index-sized integer")
        with self._p_heap.lock:
            start = slice(at, None).indices(len(self))[0]
            self._splice(start, start, [value])

    def pop(self, index: int = -1) -> Any:
        """Remove and return the item at `index`, by default the last."""
        with self._p_heap.lock:
            length = len(self)
            if not length:
                raise IndexError("pop from empty list")
            at = _position(index, length, "pop index out of range")
            value = self[at]
            self._splice(at, at + 1, [])
            return value

    def remove(self, value: Any) -> None:
        """Remove the first item that equals `value`; ValueError if there is none."""
        with self._p_heap.lock:
            try:
                at = self.index(value)
            except ValueError:
                raise ValueError("list.remove(x): x not in list") from None
            del self[at]

    def clear(self) -> None:
        """Remove all items."""
        self._splice(0, _END, [])

    def reverse(self) -> None:
        """Reverse the order, in place."""
        with self._p_heap.lock:
            self._overwrite(self._words()[::-1])

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sort, stably; an exception in a comparison or in `key` leaves the old order.

        Raises:
            ValueError: a comparison or `key` changed the list.
        """
        # No lock is held while foreign code compares; what changed meanwhile is seen at the end.
        words = self._words()
        values = [decode(self._p_heap, word) for word in words]
        keys = values if key is None else [key(value) for value in values]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)
        with self._p_heap.lock:
            if self._words() != words:
                raise ValueError("list modified during sort")
            self._overwrite([words[at] for at in order])

    def __iadd__(self, values: Iterable[Any]) -> PersistentList:
        self.extend(values)
        return self

    def copy(self) -> list[Any]:
        """A shallow copy, as a plain list."""
        return list(self)

    # ---- the three ways in which the items change ----

    def _splice(self, start: int, stop: int, values: list[Any]) -> None:
        """Replace the items of ``[start:stop]`` by `values`; nearly all changes of length end here.

        Snapshotted before: the items that move or are overwritten, and the header.
        Holds after: length counts exactly the items; those dropped have given back their leaves.
        """
        heap = self._p_heap
        if not values and start == stop:
            return
        with heap.statement:
            words = [immediate(heap, value) or encode(heap, value) for value in values]
            length = len(self)
            start, stop = min(start, length), min(stop, length)
            items = heap.read(self._p_offset + _ITEMS)
            dropped = heap.read_words(items + WORD * start, stop - start)
            new_length = length - len(dropped) + len(words)
            if new_length > heap.read(self._p_offset + _CAPACITY):
                kept = self._words()
                self._reallocate(kept[:start] + words + kept[stop:])
            else:
                heap.move(items + WORD * (start + len(words)), items + WORD * stop, length - stop)
                if words:
                    heap.write_words(items + WORD * start, words)
                if new_length != length:
                    heap.write(self._p_offset + _LENGTH, new_length)
            for word in dropped:
                free_leaf(heap, word)

    def _overwrite(self, words: list[int]) -> None:
        """Let the items be `words`, which own the same leaves in another order, or fewer of them."""
        heap = self._p_heap
        length = len(self)
        if length > 1 or not words:
            with heap.statement:
                if words:
                    heap.write_words(heap.read(self._p_offset + _ITEMS), words)
                if len(words) < length:
                    heap.write(self._p_offset + _LENGTH, len(words))

    def _delete(self, chosen: range) -> None:
        """Delete the items at the positions `chosen`."""
        if chosen.step == 1:
            self._splice(chosen.start, max(chosen.start, chosen.stop), [])
        elif len(chosen):
            words = self._words()
            with self._p_heap.statement:
                for at in chosen:
                    free_leaf(self._p_heap, words[at])
                dropped = set(chosen)
                self._overwrite([word for at, word in enumerate(words) if at not in dropped])

    def _reallocate(self, words: list[int]) -> None:
        """Move to a larger area; it is filled while it is fresh, so that only the header is logged."""
        heap = self._p_heap
        old = heap.read(self._p_offset + _ITEMS)
        wanted = len(words) + (len(words) >> 3) if old else len(words)
        capacity = usable_size(WORD * max(wanted, _MIN_CAPACITY)) // WORD
        items = heap.alloc(WORD * capacity, Kind.LIST_ITEMS)
        heap.init(items, words)
        heap.write_words(self._p_offset + _LENGTH, [len(words), capacity, items])
        if old:
            heap.free(old)

    def _assign(self, index: slice, values: list[Any]) -> None:
        with self._p_heap.lock:
            chosen = range(len(self))[index]
            if chosen.step == 1:
                self._splice(chosen.start, max(chosen.start, chosen.stop), values)
                return
            if len(values) != len(chosen):
                raise ValueError(
                    f"attempt to assign sequence of size {len(values)} to extended slice of size {len(chosen)}"
                )
            heap = self._p_heap
            with heap.statement:
                # All words first: a value that cannot be stored must not leave half an assignment.
                words = [immediate(heap, value) or encode(heap, value) for value in values]
                items = heap.read(self._p_offset + _ITEMS)
                for at, word in zip(chosen, words, strict=True):
                    exchange(heap, items + WORD * at, word)

    # ---- for walkers ----

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        offset = heap.alloc(LIST_SIZE, Kind.LIST)
        heap.init(offset, [new_header(Kind.LIST), 0, 0, 0])
        return offset

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return heap.read_words(heap.read(offset + _ITEMS), heap.read(offset + _LENGTH))

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        items = heap.read(offset + _ITEMS)
        return (items,) if items else ()

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        length = heap.read(offset + _LENGTH)
        words = heap.read_words(heap.read(offset + _ITEMS), min(length, limit))
        return length, [(str(at), ABSENT, word) for at, word in enumerate(words)]

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} item" if count == 1 else f"{count} items"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentList"


def _position(index: Any, length: int, complaint: str) -> int:
    """A list index as a position from 0 on, with list's own errors."""
    if not hasattr(index, "__index__"):
        raise TypeError(f"list indices must be integers or slices, not {type(index).__name__}")
    at = operator.index(index)
    if at < 0:
        at += length
    if not 0 <= at < length:
        raise IndexError(complaint)
    return at


def _compare(self: PersistentList, other: Any, relation: Any) -> Any:
    """Compare with another persistent list or with a plain one, by items."""
    if isinstance(other, PersistentList):
        other = list(other)
    elif not isinstance(other, list):
        return NotImplemented
    return relation(list(self), other)


register_kind(PersistentList)
MutableSequence.register(PersistentList)
