"""PersistentDeque: a ring of value words in one area, which a header describes.

The layout is described in `_format`, "deque". One word of the header has both the position of the first item and the
number of items. So this word alone decides what the deque holds: adding at an end writes the item where it means
nothing yet, and then this word; removing writes this word only. The words outside of the ring mean nothing.

With a `maxlen`, the area has one place more than that, so that an item that comes does not overwrite the one that goes.
"""

from __future__ import annotations

import operator
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any

from pmemobj._containers.base import guarded_repr
from pmemobj._containers.comparable import Comparable
from pmemobj._containers.invariants import demand_allocation
from pmemobj._containers.sequence import numbered
from pmemobj._engine.heap import Heap
from pmemobj._engine.publication import Publication
from pmemobj._engine.size_classes import has_become_sparse, usable_size
from pmemobj._format import ABSENT, DEQUE_SIZE, TAG_LEAF, WORD, Kind
from pmemobj._public_names import public_in
from pmemobj._values.nans import canonical, canonical_items
from pmemobj._values.words import decode, duplicate, encode, free_leaf, immediate, is_leaf, prepare, replace

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

if not cython.compiled:  # Compiled, it comes from the .pxd, since it is a C function.
    from pmemobj._engine.consistent_reads import read_optimistically

_STATE, _CAPACITY, _ITEMS, _MAXLEN = 8, 16, 24, 32
#: The state is the number of items in its lower half, and the position of the first in its upper half.
_HALF, _LOWER = 32, 0xFFFFFFFF
_MIN_CAPACITY = 4
#: An area with more places than this is exchanged for a smaller one when three quarters of it are unused.
_MAX_SPARSE, _SPARSE = 64, 4
#: Stands for an item that does not exist.
_beyond: Any = object()


class PersistentDeque(Comparable):
    """A `collections.deque` in a pool; made with ``pool.new(PersistentDeque, iterable, maxlen)``.

    It has all methods of deque. Copies, sums and products are plain deques.

    Args:
        iterable: The items.
        maxlen: How many items it holds at most; adding one more at an end drops the item at the other end. None for
            no limit.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction it is durable with the
        commit.

    Cost: adding and removing at both ends takes amortised constant time: two failure-atomic stores to add, one to
        remove. An item is reached in constant time, wherever it is. Inserting, deleting and rotating move the items of
        the shorter side. Reading calls no C function.

    Example::

        import pmemobj

        with pmemobj.create("jobs.pmem", 16 << 20) as pool:
            jobs = pool.root = pool.new(pmemobj.PersistentDeque)
            jobs.append("first")
            jobs.append("second")
            assert jobs.popleft() == "first" and list(jobs) == ["second"]
    """

    __slots__ = ()
    _p_kind = Kind.DEQUE
    _p_empty = (0, 0, 0, 0)
    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    def __init__(self, iterable: Iterable[Any] = (), maxlen: int | None = None) -> None:
        limit = deque(maxlen=maxlen).maxlen  # This raises if it is none.
        values = list(iterable)
        heap = self._p_heap
        with heap.statement:
            if len(self):
                self.clear()
            heap.write(self._p_offset + _MAXLEN, 0 if limit is None else limit + 1)
            self._extend(values, False)

    __hash__ = None  # type: ignore[assignment]

    @property
    def maxlen(self) -> int | None:
        """How many items there can be at most; None for no limit.

        Cost: constant.
        """
        limit: int = self._p_heap.read(self._p_offset + _MAXLEN)
        return limit - 1 if limit else None

    # ---- reading ----

    def __len__(self) -> int:
        return self._count()

    def _count(self) -> int:
        """How many items there are.

        Raises:
            PoolDamagedError: more than the area can have.
        """
        heap = self._p_heap
        count = heap.read(self._p_offset + _STATE) & _LOWER
        if count > heap.peek(self._p_offset + _CAPACITY):
            heap.refuse(self._p_offset)
        return count

    def _place(self, number: int) -> int:
        """The offset of the word of the item `number`, or of the places behind the last item and before the first."""
        heap = self._p_heap
        capacity = heap.peek(self._p_offset + _CAPACITY)
        if capacity == 0:
            heap.refuse(self._p_offset)
        at = ((heap.peek(self._p_offset + _STATE) >> _HALF) + number) % capacity
        return heap.peek(self._p_offset + _ITEMS) + WORD * at

    def _words(self) -> list[int]:
        """The words of all items, the first item first."""
        return ring_words(self._p_heap, self._p_offset, sys.maxsize)

    def __getitem__(self, index: Any) -> Any:
        at = self._number(index)
        value = _beyond if at == sys.maxsize else read_optimistically(self._p_heap, self, _read_item, None, None, at)
        return deque()[index] if value is _beyond else value

    def _number(self, index: Any) -> int:
        """An index as a number, which may be outside; `sys.maxsize` if it is no index."""
        if type(index) is not int:
            if not hasattr(type(index), "__index__"):
                return sys.maxsize
            index = operator.index(index)
        return index if -sys.maxsize <= index < sys.maxsize else sys.maxsize

    def _value(self, number: int) -> Any:
        """The item at a number, or `_beyond`."""
        count = self._count()
        at = number + count if number < 0 else number
        if not 0 <= at < count:
            return _beyond
        return decode(self._p_heap, self._p_heap.peek(self._place(at)))

    def _position(self, index: Any) -> int:
        """The position that an index means, from 0 on; -1 if it is no index, or outside."""
        number = self._number(index)
        count = self._count()
        at = number + count if number < 0 else number
        return at if 0 <= at < count else -1

    def __iter__(self) -> Iterator[Any]:
        return DequeIterator(self, 0, 1)

    def __reversed__(self) -> Iterator[Any]:
        return DequeIterator(self, len(self) - 1, -1)

    def __contains__(self, value: Any) -> bool:
        value = canonical(value)
        return any(item is value or item == value for item in self)

    def count(self, value: Any, /) -> int:
        """How often `value` occurs.

        Cost: O(n), one comparison for each item.
        """
        value = canonical(value)
        return sum(1 for item in self if item is value or item == value)

    def index(self, value: Any, start: int = 0, stop: int = sys.maxsize, /) -> int:
        """The first position of `value` within ``[start:stop]``.

        Raises:
            ValueError: it is not there.

        Cost: O(n), one comparison for each item before it.
        """
        value = canonical(value)
        numbers = range(len(self))[slice(operator.index(start), operator.index(stop))]
        for at, item in enumerate(self):
            if at in numbers and (item is value or item == value):
                return at
        return deque().index(value)  # This raises.

    def copy(self) -> deque[Any]:
        """A shallow copy, as a plain deque with the same `maxlen`.

        Cost: O(n).
        """
        return deque(self, self.maxlen)

    def __repr__(self) -> str:
        limit = self.maxlen
        more = "" if limit is None else f", maxlen={limit}"
        return guarded_repr(self, lambda: f"{list(self)!r}{more}")

    def _compare(self, other: Any, relation: Any) -> Any:
        """Compare by items with another deque."""
        if not isinstance(other, (PersistentDeque, deque)):
            return NotImplemented
        others = list(other)
        return relation(list(self), others if isinstance(other, PersistentDeque) else canonical_items(others))

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, (PersistentDeque, deque)):
            return NotImplemented
        result = self.copy()
        result.extend(other)
        return result

    def __radd__(self, other: Any) -> Any:
        if not isinstance(other, deque):
            return NotImplemented
        result = other.copy()
        result.extend(self)
        return result

    def __mul__(self, times: Any) -> Any:
        if not hasattr(type(times), "__index__"):
            return NotImplemented
        times = operator.index(times)
        return self.copy() * times

    def __rmul__(self, times: Any) -> Any:
        return self * times if hasattr(type(times), "__index__") else NotImplemented

    # ---- adding and removing at the ends ----

    def append(self, value: Any, /) -> None:
        """Add `value` at the right end. If `maxlen` is reached, the first item is dropped.

        Durability: two failure-atomic stores, first the item and then the word that decides; inside a transaction with
            its commit.

        Cost: O(1) amortised. When the area is full, a larger one is allocated, which takes one transaction and O(n).

        Example::

            pool.root.append("last")
        """
        if not self._add_at_once(value, False):
            self._extend([value], False)

    def appendleft(self, value: Any, /) -> None:
        """Add `value` at the left end. If `maxlen` is reached, the last item is dropped.

        Durability: as that of `append`.
        Cost: as that of `append`.
        """
        if not self._add_at_once(value, True):
            self._extend([value], True)

    def _add_at_once(self, value: Any, left: bool) -> bool:
        """Add a value at an end if there is room for it; return False if this takes a transaction or a larger area."""
        heap = self._p_heap
        word = immediate(heap, value)
        lock = heap.lock
        lock.acquire()
        try:
            count = self._count()
            limit = heap.peek(self._p_offset + _MAXLEN)
            if count >= heap.peek(self._p_offset + _CAPACITY) or limit == 1:
                return False
            slot = self._place(heap.peek(self._p_offset + _CAPACITY) - 1 if left else count)
            drops = limit != 0 and count + 1 == limit
            state = self._state_after(-1 if left else int(drops), count + (not drops))
            gone = heap.peek(self._place(count - 1 if left else 0)) if drops else ABSENT
            if heap.in_transaction():
                return word != ABSENT and not drops and self._add_logged(slot, word, state)
            if word != ABSENT and not is_leaf(gone):
                heap.store_ahead(slot, word)
                heap.store(self._p_offset + _STATE, state)
                return True
            publication = Publication(heap)
            try:
                if word == ABSENT:
                    word = prepare(heap, publication, value)
                    if word == ABSENT:
                        return False
                heap.store_ahead(slot, word)
                publication.finish(self._p_offset + _STATE, state, gone ^ TAG_LEAF if is_leaf(gone) else 0)
            finally:
                publication.cancel()
        finally:
            lock.release()
        return True

    def _add_logged(self, slot: int, word: int, state: int) -> bool:
        """Add a word inside a transaction, where there is room for it."""
        heap = self._p_heap
        items = heap.peek(self._p_offset + _ITEMS)
        heap.write_in(slot, word, items, items + WORD * heap.peek(self._p_offset + _CAPACITY))
        heap.write(self._p_offset + _STATE, state)
        return True

    def _state_after(self, step: int, count: int) -> int:
        """The state when the first item is `step` places further on, and there are `count` items."""
        heap = self._p_heap
        capacity = heap.peek(self._p_offset + _CAPACITY)
        first = (heap.peek(self._p_offset + _STATE) >> _HALF) + capacity + step  # A step back stays above 0.
        return (first % capacity) << _HALF | count

    def pop(self) -> Any:
        """Remove the last item and return it.

        Raises:
            IndexError: there is none.

        Durability: one failure-atomic store, or one atomic step of libpmemobj if the item has memory of its own; inside
            a transaction with its commit.

        Cost: O(1) amortised.
        """
        return self._take(False)

    def popleft(self) -> Any:
        """Remove the first item and return it.

        Raises:
            IndexError: there is none.

        Durability: as that of `pop`.
        Cost: O(1) amortised.

        Example::

            job = pool.root.popleft()
        """
        return self._take(True)

    def _take(self, left: bool) -> Any:
        heap = self._p_heap
        with heap.lock:
            while True:
                count = self._count()
                if count == 0:
                    return deque().pop()  # This raises.
                word = heap.peek(self._place(0 if left else count - 1))
                changes = heap.changes
                value = decode(heap, word)
                if heap.changes == changes:  # Else reading a pickle has run foreign code.
                    break
            self._drop(word, self._state_after(int(left), count - 1), count)
            return value

    def _drop(self, word: int, state: int, count: int) -> None:
        """Let the state be another one, after which the item with a word is not there any more."""
        heap = self._p_heap
        capacity = heap.peek(self._p_offset + _CAPACITY)
        is_sparse = capacity > _MAX_SPARSE and has_become_sparse(count, count - 1, capacity, _SPARSE)
        if not is_sparse and not heap.in_transaction():
            if not is_leaf(word):
                heap.store(self._p_offset + _STATE, state)
                return
            publication = Publication(heap)
            try:
                publication.finish(self._p_offset + _STATE, state, word ^ TAG_LEAF)
            finally:
                publication.cancel()
            return
        with heap.statement:
            heap.write(self._p_offset + _STATE, state)
            if is_sparse:
                self._shrink(self._words())
            free_leaf(heap, word)

    def extend(self, values: Iterable[Any], /) -> None:
        """Add all of `values` at the right end, or none of them if one cannot be stored.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k values.
        """
        added = list(values)
        if added:
            self._extend(added, False)

    def extendleft(self, values: Iterable[Any], /) -> None:
        """Add all of `values` at the left end, one after the other, so that the last of them is the first item.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k values.
        """
        added = list(values)
        if added:
            self._extend(added, True)

    def _extend(self, values: list[Any], left: bool) -> None:
        heap = self._p_heap
        with heap.statement:
            limit = heap.read(self._p_offset + _MAXLEN)
            words = [immediate(heap, value) or encode(heap, value) for value in values]
            surplus = max(0, len(words) - (limit - 1)) if limit else 0
            for word in words[:surplus]:  # They have come and gone.
                free_leaf(heap, word)
            words = words[surplus:]
            present = self._words()
            dropped = max(0, len(present) + len(words) - (limit - 1)) if limit else 0
            if left:
                words.reverse()
                gone = present[len(present) - dropped :] if dropped else []
                self._put(words, len(present) - dropped, -len(words))
            else:
                gone = present[:dropped]
                self._put(words, len(present) - dropped, dropped)
            for word in gone:
                free_leaf(heap, word)

    def _put(self, words: list[int], kept: int, step: int) -> None:
        """Add words at an end of those items that are kept.

        Args:
            words: The words, in the order in which they lie.
            kept: How many of the present items are kept.
            step: How many places further on the first item is then: a negative number if words come before it.
        """
        heap = self._p_heap
        count = kept + len(words)
        capacity = heap.read(self._p_offset + _CAPACITY)
        if count > capacity:
            present = self._words()
            before, after = (words, present[:kept]) if step < 0 else (present[len(present) - kept :], words)
            self._move_to(before + after, count + (count >> 3) if capacity else count)
            return
        if capacity:
            state = self._state_after(step, count)
            heap.write(self._p_offset + _STATE, state)
            self._write_at(0 if step < 0 else kept, words)

    def _write_at(self, number: int, words: list[int]) -> None:
        """Write the words of items from a number on, inside a transaction."""
        heap = self._p_heap
        if words:
            capacity, items = heap.peek(self._p_offset + _CAPACITY), heap.peek(self._p_offset + _ITEMS)
            start = self._place(number)
            room = (items + WORD * capacity - start) // WORD
            heap.write_words(start, words[:room])
            if len(words) > room:
                heap.write_words(items, words[room:])

    def _move_to(self, words: list[int], capacity: int, must: bool = True) -> bool:
        """Let these words be the items, in a new area; return whether there was one."""
        heap = self._p_heap
        limit = heap.read(self._p_offset + _MAXLEN)
        if limit:
            capacity = max(min(capacity, limit), len(words))
        capacity = usable_size(WORD * max(capacity, _MIN_CAPACITY)) // WORD
        if must:
            items = heap.alloc(WORD * capacity, Kind.DEQUE_ITEMS)
        else:
            items = heap.alloc_at_hand(WORD * capacity, Kind.DEQUE_ITEMS)
            if not items:
                return False
        heap.init(items, words)
        old = heap.read(self._p_offset + _ITEMS)
        heap.write_words(self._p_offset + _STATE, [len(words), capacity, items])
        if old:
            heap.free(old)
        return True

    def _shrink(self, words: list[int]) -> None:
        """Move to a smaller area if there is one at hand: deleting must work in a full pool, too."""
        if not words:
            self._give_up_area()
        else:
            self._move_to(words, len(words) + (len(words) >> 3), must=False)

    def _give_up_area(self) -> None:
        heap = self._p_heap
        old = heap.read(self._p_offset + _ITEMS)
        heap.write_words(self._p_offset + _STATE, [0, 0, 0])
        if old:
            heap.free(old)

    # ---- changing ----

    def __setitem__(self, index: Any, value: Any) -> None:
        heap = self._p_heap
        with heap.lock:
            at = self._position(index)
            if at < 0:
                deque()[index] = value  # This raises.
            items = heap.peek(self._p_offset + _ITEMS)
            replace(heap, self._place(at), value, items, items + WORD * heap.peek(self._p_offset + _CAPACITY))

    def __delitem__(self, index: Any) -> None:
        with self._p_heap.lock:
            at = self._position(index)
            if at < 0:
                del deque()[index]  # This raises.
            self._delete(at)

    def _delete(self, at: int) -> None:
        """Delete the item at a position, by moving the items of the shorter side."""
        heap = self._p_heap
        with heap.statement:
            words = self._words()
            word = words.pop(at)
            left = at < len(words) / 2
            heap.write(self._p_offset + _STATE, self._state_after(int(left), len(words)))
            self._write_at(*((0, words[:at]) if left else (at, words[at:])))
            capacity = heap.peek(self._p_offset + _CAPACITY)
            if capacity > _MAX_SPARSE and has_become_sparse(len(words) + 1, len(words), capacity, _SPARSE):
                self._shrink(words)
            free_leaf(heap, word)

    def insert(self, index: int, value: Any, /) -> None:
        """Put `value` before position `index`. A position beyond an end means this end.

        Raises:
            IndexError: `maxlen` is reached.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to move and log the items of the shorter side.
        """
        index = operator.index(index)
        heap = self._p_heap
        with heap.statement:
            limit = heap.read(self._p_offset + _MAXLEN)
            words = self._words()
            if limit and len(words) >= limit - 1:
                raise IndexError("deque already at its maximum size")
            at = slice(index, None).indices(len(words))[0]
            words.insert(at, immediate(heap, value) or encode(heap, value))
            if len(words) > heap.read(self._p_offset + _CAPACITY):
                self._move_to(words, len(words) + (len(words) >> 3))
                return
            left = at < len(words) / 2
            heap.write(self._p_offset + _STATE, self._state_after(-1 if left else 0, len(words)))
            self._write_at(*((0, words[: at + 1]) if left else (at, words[at:])))

    def remove(self, value: Any, /) -> None:
        """Remove the first item that equals `value`.

        Raises:
            ValueError: there is none.
            IndexError: a comparison has changed the deque.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to compare the items before it, and to move and log those of the shorter side.
        """
        wanted = canonical(value)
        with self._p_heap.lock:
            for at in range(len(self)):
                state = self._p_heap.read(self._p_offset + _STATE)
                item = self[at]
                is_it = item is wanted or item == wanted
                if self._p_heap.read(self._p_offset + _STATE) != state:
                    raise IndexError("deque mutated during remove().")
                if is_it:
                    self._delete(at)
                    return
        deque().remove(value)  # This raises.

    def clear(self) -> None:
        """Remove all items.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to free the values that have memory of their own.
        """
        heap = self._p_heap
        with heap.statement:
            words = self._words()
            self._give_up_area()
            for word in words:
                free_leaf(heap, word)

    def reverse(self) -> None:
        """Reverse the order of the items in place.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to log and write all items.
        """
        with self._p_heap.statement:
            self._write_at(0, self._words()[::-1])

    def rotate(self, n: int = 1, /) -> None:
        """Move the last item to the front, `n` times; to the left if `n` is negative.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) for the k items that move, at most half of all.
        """
        n = operator.index(n)
        heap = self._p_heap
        with heap.statement:
            words = self._words()
            if len(words) < 2:
                return
            n %= len(words)
            if n > len(words) // 2:
                n -= len(words)
            if not n:
                return
            heap.write(self._p_offset + _STATE, self._state_after(-n, len(words)))
            if len(words) < heap.read(self._p_offset + _CAPACITY):
                self._write_at(*((0, words[-n:]) if n > 0 else (len(words) + n, words[:-n])))

    def __iadd__(self, values: Iterable[Any]) -> PersistentDeque:  # type: ignore[misc]  # `+` makes a plain deque
        self.extend(values)
        return self

    def __imul__(self, times: Any) -> PersistentDeque:
        if not hasattr(type(times), "__index__"):
            return NotImplemented
        times = operator.index(times)
        operator.mul([], times)  # This raises if the number is too large.
        heap = self._p_heap
        with heap.statement:
            limit = heap.read(self._p_offset + _MAXLEN)
            words = self._words()
            if times < 1:
                self.clear()
            elif times > 1 and words:
                count = len(words) * times
                kept = min(count, limit - 1) if limit else count
                # The last `kept` of all; the present words are among the first copies, and stay at their end.
                copies = [words[at % len(words)] for at in range(count - kept, count - len(words))]
                before = [duplicate(heap, word) for word in copies]
                self._move_to(before + words, kept)
        return self

    # ---- for walkers ----

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return ring_words(heap, offset, sys.maxsize)

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        items = heap.read(offset + _ITEMS)
        return (items,) if items else ()

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        return heap.read(offset + _STATE) & _LOWER, numbered(ring_words(heap, offset, limit))

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} item" if count == 1 else f"{count} items"

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        state, capacity, items, limit = heap.read_words(offset + _STATE, 4)
        first, count = state >> _HALF, state & _LOWER
        demand_allocation(heap, offset, Kind.DEQUE, DEQUE_SIZE)
        assert count <= capacity and (first < capacity or first == 0), f"{count} items from {first} on, of {capacity}"
        assert not limit or count < limit, f"{count} items where {limit - 1} are the most"
        assert bool(items) == bool(capacity), f"an area for {capacity} items at {items:#x}"
        if items:
            demand_allocation(heap, items, Kind.DEQUE_ITEMS, WORD * capacity)

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentDeque"


def ring_words(heap: Heap, offset: int, limit: int) -> list[int]:
    """Up to `limit` words of the deque at `offset`, from its first item on."""
    state, capacity, items = heap.read_words(offset + _STATE, 3)
    first, count = state >> _HALF, state & _LOWER
    if count > capacity or (first >= capacity and first) or items > heap.limit:
        heap.refuse(offset)
    count = min(count, limit)
    words: list[int] = heap.read_words(items + WORD * first, min(count, capacity - first))
    return words + heap.read_words(items, count - len(words)) if len(words) < count else words


def _read_item(owner: Any, _one: Any, _two: Any, number: int) -> Any:
    of: PersistentDeque = owner
    return of._value(number)


class DequeIterator:
    """Iterates over a deque in either direction. Like that of deque, it notices when items come or go meanwhile."""

    __slots__ = ("_at", "_of", "_state", "_step")

    def __init__(self, of: PersistentDeque, at: int, step: int) -> None:
        self._of: PersistentDeque | None = of
        self._state = of._p_heap.read(of._p_offset + _STATE)
        self._at = at
        self._step = step

    def __iter__(self) -> DequeIterator:
        return self

    def __next__(self) -> Any:
        of = self._of
        if of is None:
            raise StopIteration
        try:
            value = read_optimistically(of._p_heap, of, _read_next, self, None, 0)
        except RuntimeError:
            self._of = None  # as that of deque, it has come to its end then
            raise
        if value is _beyond:
            self._of = None
            raise StopIteration
        self._at += self._step
        return value

    def _next(self, of: PersistentDeque) -> Any:
        if of._p_heap.peek(of._p_offset + _STATE) != self._state:
            raise RuntimeError("deque mutated during iteration")
        return of._value(self._at) if self._at >= 0 else _beyond

    def __length_hint__(self) -> int:
        of = self._of
        if of is None:
            return 0
        return max(0, len(of) - self._at if self._step > 0 else self._at + 1)


def _read_next(owner: Any, one: Any, _two: Any, _number: int) -> Any:
    iterator: DequeIterator = one
    return iterator._next(owner)


public_in("pmemobj")(PersistentDeque)
MutableSequence.register(PersistentDeque)
