"""PersistentList: a header that points to an area of value words.

The layout is described in `_format`, "list" and "items". Words at and beyond the length mean nothing. So `append`
writes a word there first and then counts it, each with one store.

The arguments are read to their end before anything changes, and every statement is one transaction. So if a statement
fails half-way (an iterator that raises in `extend`), nothing has changed, where a plain list keeps a part. `sort` does
not hide the items from the functions that it calls.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable, MutableSequence
from typing import Any

from pmemobj._containers.invariants import demand_allocation
from pmemobj._containers.sequence import StoredSequence, numbered, with_numbers
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._engine.publication import Publication
from pmemobj._engine.size_classes import has_become_sparse, usable_size
from pmemobj._format import ABSENT, LIST_SIZE, WORD, Kind
from pmemobj._public_names import public_in
from pmemobj._values.nans import canonical
from pmemobj._values.words import decode, duplicate, encode, exchange, free_leaf, immediate, prepare, replace

_LENGTH, _CAPACITY, _ITEMS = 8, 16, 24
_MIN_CAPACITY = 4
#: An area with more places than this is exchanged for a smaller one when three quarters of it are unused.
_MAX_SPARSE = 64
#: It is moved when only one in so many of its places is taken.
_SPARSE = 4
#: A position beyond the end of every list.
_END = sys.maxsize


class PersistentList(StoredSequence):
    """A list in a pool; made with ``pool.new(PersistentList, iterable)``.

    It has all methods of list. It differs from list in these points: slices, sums, products and `copy` are plain lists;
    a statement that raises has changed nothing; during `sort` the list is as it was before; reading an item that is a
    persistent object returns this very object, while any other value that is read only equals the one that was stored
    (NaNs with the same bits count as the same); and ``plain += persistent`` makes a new plain list.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction it is durable with the
        commit.

    Cost: reading calls no C function. Setting an item whose value fits a word is one store; append and pop at the end
        take amortised constant time; insertion and deletion move the items behind.

    Example::

        import pmemobj

        with pmemobj.create("scores.pmem", 16 << 20) as pool:
            scores = pool.root = pool.new(pmemobj.PersistentList, [3, 1])
            scores.append(2)
            scores.sort()
            assert scores == [1, 2, 3] and scores[-1] == 3
    """

    __slots__ = ()
    _p_kind = Kind.LIST
    _p_empty = (0, 0, 0)
    _p_plain = list

    def __init__(self, iterable: Iterable[Any] = (), /) -> None:
        values = list(iterable)
        if values or len(self):
            self._splice(0, _END, values)

    def _first(self) -> int:
        return self._p_heap.peek(self._p_offset + _ITEMS)

    __hash__ = None  # type: ignore[assignment]

    def copy(self) -> list[Any]:
        """A shallow copy, as a plain list.

        Cost: O(n).
        """
        return list(self)

    # ---- changing ----

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            index = with_numbers(index)
            try:
                iterator = iter(value)
            except TypeError:
                operator.setitem([], index, value)  # This raises the error of a plain list.
                raise
            self._assign(index, list(iterator))
            return
        self._set_item(index, value)

    def _set_item(self, index: Any, value: Any) -> None:
        heap = self._p_heap
        lock = heap.lock
        lock.acquire()
        try:
            at = self._position(index)
            if at < 0:
                operator.setitem([], index, value)  # This raises.
            items = self._first()
            replace(heap, items + WORD * at, value, items, items + WORD * heap.peek(self._p_offset + _CAPACITY))
        finally:
            lock.release()

    def __delitem__(self, index: Any) -> None:
        with self._p_heap.lock:
            if isinstance(index, slice):
                index = with_numbers(index)
                self._delete(range(len(self))[index])
                return
            at = self._position(index)
            if at < 0:
                operator.delitem([], index)  # This raises.
            self._splice(at, at + 1, [])

    def append(self, value: Any, /) -> None:
        """Add `value` at the end.

        Durability: two failure-atomic stores, first the item and then the length, without which the item means nothing;
            inside a transaction with its commit.

        Cost: O(1) amortised. When the area is full, a larger one is allocated, which takes one transaction and O(n).

        Example::

            pool.root.append("last")
        """
        if not self._append_one(value):
            self._splice(_END, _END, [value])

    def _append_one(self, value: Any) -> bool:
        """Append a value if there is room for it: first the item, then the length, without which the item means
            nothing.

        Outside a transaction these are two stores, each of them durable by itself. If the value needs memory of its
        own, the second store is a publication.

        Returns:
            False if it takes more than that.
        """
        heap = self._p_heap
        word = immediate(heap, value)
        lock = heap.lock
        lock.acquire()
        try:
            if heap.in_transaction():
                return word != ABSENT and self._append_logged(heap, word)
            if word == ABSENT:
                return self._append_leaf(heap, value)
            length = heap.read_count(self._p_offset + _LENGTH)
            if length >= heap.peek(self._p_offset + _CAPACITY):
                return False
            heap.store_ahead(self._first() + WORD * length, word)
            heap.store(self._p_offset + _LENGTH, length + 1)
        finally:
            lock.release()
        return True

    def _append_leaf(self, heap: Heap, value: Any) -> bool:
        """Append a value that needs memory of its own, outside a transaction, if there is room for its word."""
        publication = Publication(heap)
        try:
            word = prepare(heap, publication, value)
            length = heap.read_count(self._p_offset + _LENGTH)
            if word == ABSENT or length >= heap.peek(self._p_offset + _CAPACITY):
                return False
            heap.store_ahead(self._first() + WORD * length, word)
            publication.finish(self._p_offset + _LENGTH, length + 1)
        finally:
            publication.cancel()
        return True

    def _append_logged(self, heap: Heap, word: int) -> bool:
        """Append a word inside a transaction, if there is room for it."""
        length = heap.read_count(self._p_offset + _LENGTH)
        if length >= heap.peek(self._p_offset + _CAPACITY):
            return False
        items = self._first()
        counter = self._p_offset + _LENGTH
        end = items + WORD * heap.peek(self._p_offset + _CAPACITY)
        heap.append_in(items + WORD * length, word, counter, items, end)
        heap.write(counter, length + 1)
        return True

    def extend(self, values: Iterable[Any], /) -> None:
        """Add all of `values` at the end, or none of them if one cannot be stored.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k values.

        Example::

            pool.root.extend(["one", "two"])
        """
        added = list(values)
        if added:
            self._splice(_END, _END, added)

    def insert(self, index: int, value: Any, /) -> None:
        """Put `value` before position `index`. A position beyond an end means this end.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to move and log the items behind the position.
        """
        at = operator.index(index)
        [None].insert(at, None)  # This raises if the number is too large.
        with self._p_heap.lock:
            start = slice(at, None).indices(len(self))[0]
            self._splice(start, start, [value])

    def pop(self, index: int = -1, /) -> Any:
        """Remove the item at `index`, by default the last one, and return it.

        Raises:
            IndexError: there is no such item.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised at the end; elsewhere O(n), to move and log the items behind.
        """
        index = operator.index(index)
        with self._p_heap.lock:
            at = self._position(index)
            if at < 0:
                return [None][: len(self)].pop(index)  # This raises.
            value = self[at]
            self._splice(at, at + 1, [])
            return value

    def remove(self, value: Any, /) -> None:
        """Remove the first item that equals `value`.

        Raises:
            ValueError: there is none.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to compare the items before it, and to move and log those behind it.
        """
        value = canonical(value)
        with self._p_heap.lock:
            for at, item in enumerate(self):
                if item is value or item == value:
                    self._splice(at, at + 1, [])
                    return
        [].remove(value)  # This raises.

    def clear(self) -> None:
        """Remove all items.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to free the values that have memory of their own.
        """
        self._splice(0, _END, [])

    def reverse(self) -> None:
        """Reverse the order of the items in place.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to log and write all items.
        """
        with self._p_heap.lock:
            self._overwrite(self._words()[::-1])

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        """Sort the items in place; the sort is stable. If a comparison or `key` raises, the old order stays.

        Raises:
            ValueError: a comparison or `key` has changed the list; this change stays.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n log n) comparisons in ordinary memory, and O(n) to log and write all items.

        Example::

            pool.root.sort(key=len, reverse=True)
        """
        # No lock is held while foreign code compares. At the end it is seen whether something has changed meanwhile.
        words, values = read_consistently(self, self._words_and_values)
        keys = values if key is None else [key(value) for value in values]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)
        with self._p_heap.lock:
            if self._words() != words:
                raise ValueError("list modified during sort")
            self._overwrite([words[at] for at in order])

    def _words_and_values(self) -> tuple[list[int], list[Any]]:
        words = self._words()
        return words, [decode(self._p_heap, word) for word in words]

    def __iadd__(self, values: Iterable[Any]) -> PersistentList:  # type: ignore[misc]  # `+` makes a plain list
        self.extend(values)
        return self

    def __imul__(self, times: Any) -> PersistentList:
        if not hasattr(type(times), "__index__"):
            return NotImplemented
        times = operator.index(times)
        operator.mul([], times)  # This raises if the number is too large.
        heap = self._p_heap
        with heap.statement:
            if times < 1:
                self.clear()
            elif times > 1 and len(self):
                words = self._words()
                # The area comes first, so that a list that can never fit fails before a leaf is copied.
                area = self._area_for(len(words) * times)
                copies = [duplicate(heap, word) for _ in range(times - 1) for word in words]
                self._put(words, copies, [], area)
        return self

    # ---- the three ways in which the items change ----

    def _splice(self, start: int, stop: int, values: list[Any]) -> None:
        """Replace the items of ``[start:stop]`` by `values`. Nearly all changes of the length end here.

        Snapshotted before: the items that move or are overwritten, and the header, but not the words behind the end.
        Holds after: the length counts exactly the items, and the leaves of the items that were removed are freed.
        """
        heap = self._p_heap
        if not values and start == stop:
            return
        with heap.statement:
            words = [immediate(heap, value) or encode(heap, value) for value in values]
            length = len(self)
            start, stop = min(start, length), min(stop, length)
            items = self._first()
            dropped = heap.read_words(items + WORD * start, stop - start)
            new_length = length - len(dropped) + len(words)
            area = self._area_for(new_length)
            if area is not None:
                kept = self._words()
                self._put(kept[:start], words, kept[stop:], area)
            else:
                heap.move(items + WORD * (start + len(words)), items + WORD * stop, length - stop)
                if words and start == length:
                    end = items + WORD * heap.read(self._p_offset + _CAPACITY)
                    heap.append_words_in(items + WORD * length, words, self._p_offset + _LENGTH, items, end)
                elif words:
                    heap.write_words(items + WORD * start, words)
                if new_length != length:
                    heap.write(self._p_offset + _LENGTH, new_length)
            for word in dropped:
                free_leaf(heap, word)

    def _overwrite(self, words: list[int]) -> None:
        """Replace all items by `words`, which own the same leaves in another order, or fewer of them."""
        length = len(self)
        if length > 1 or not words:
            with self._p_heap.statement:
                self._put([], words, [], self._area_for(len(words)))

    def _put(self, before: list[int], words: list[int], after: list[int], area: tuple[int, int] | None) -> None:
        """Replace the items by these words, in a new area, or in the present one, in which `before` stands already.

        A new area is filled before anything refers to it, so only the header is logged.
        """
        heap = self._p_heap
        length = len(before) + len(words) + len(after)
        old = self._first()
        if area is None:
            changed = words + after
            if changed:
                heap.write_words(old + WORD * len(before), changed)
            if length != len(self):
                heap.write(self._p_offset + _LENGTH, length)
            return
        items, capacity = area
        if items:
            heap.init(items, before + words + after)
        heap.write_words(self._p_offset + _LENGTH, [length, capacity, items])
        if old:
            heap.free(old)

    def _area_for(self, length: int) -> tuple[int, int] | None:
        """A new area and its capacity if the present area is too small or much too large; else None."""
        capacity = self._p_heap.read(self._p_offset + _CAPACITY)
        if length > capacity:
            return self._new_area(length + (length >> 3) if capacity else length)
        if capacity > _MAX_SPARSE and not length:
            return 0, 0
        if capacity > _MAX_SPARSE and has_become_sparse(len(self), length, capacity, _SPARSE):
            # Deleting must work in a full pool, too, and must not cost more there.
            smaller = usable_size(WORD * max(length + (length >> 3), _MIN_CAPACITY)) // WORD
            items = self._p_heap.alloc_at_hand(WORD * smaller, Kind.LIST_ITEMS)
            return (items, smaller) if items else None
        return None

    def _new_area(self, capacity: int) -> tuple[int, int]:
        capacity = usable_size(WORD * max(capacity, _MIN_CAPACITY)) // WORD
        return self._p_heap.alloc(WORD * capacity, Kind.LIST_ITEMS), capacity

    def _delete(self, chosen: range) -> None:
        """Delete the items at the positions `chosen`."""
        if chosen.step == 1:
            self._splice(chosen.start, max(chosen.start, chosen.stop), [])
        elif chosen:
            heap = self._p_heap
            with heap.statement:
                words = self._words()
                first = min(chosen[0], chosen[-1])
                kept = [words[at] for at in range(first, len(words)) if at not in chosen]
                self._put(words[:first], kept, [], self._area_for(first + len(kept)))
                for at in chosen:
                    free_leaf(heap, words[at])

    def _assign(self, index: slice, values: list[Any]) -> None:
        """Assign to a slice whose bounds are numbers."""
        heap = self._p_heap
        with heap.lock:
            chosen = range(len(self))[index]
            if chosen.step == 1:
                self._splice(chosen.start, max(chosen.start, chosen.stop), values)
                return
            if len(values) != len(chosen):
                raise ValueError(
                    f"attempt to assign sequence of size {len(values)} to extended slice of size {len(chosen)}"
                )
            with heap.statement:
                # All words come first, since a value that cannot be stored must not leave half an assignment.
                words = [immediate(heap, value) or encode(heap, value) for value in values]
                items = self._first()
                for at, word in zip(chosen, words, strict=True):
                    exchange(heap, items + WORD * at, word)

    # ---- for walkers ----

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return heap.read_words(heap.read(offset + _ITEMS), heap.read_count(offset + _LENGTH))

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        items = heap.read(offset + _ITEMS)
        return (items,) if items else ()

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        length = heap.read(offset + _LENGTH)
        return length, numbered(heap.read_words(heap.read(offset + _ITEMS), min(length, limit)))

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        length, capacity, items = heap.read_words(offset + _LENGTH, 3)
        demand_allocation(heap, offset, Kind.LIST, LIST_SIZE)
        assert length <= capacity, f"{length} items in an area for {capacity}"
        assert bool(items) == bool(capacity), f"an area for {capacity} items at {items:#x}"
        if items:
            demand_allocation(heap, items, Kind.LIST_ITEMS, WORD * capacity)

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentList"


public_in("pmemobj")(PersistentList)
MutableSequence.register(PersistentList)
