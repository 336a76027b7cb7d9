"""PersistentSet: the table of a dict without values, and so with an order, that of insertion.

Where it differs from set: what makes a new set (`copy()`, `union()`, ``|`` and so on) makes a plain
one, since a new persistent object needs a pool and would be garbage until it is stored; and what
changes the set by several items is atomic, also if reading the other operand breaks off.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Iterable, Iterator, MutableSet
from typing import Any

from pmemobj._containers.base import guarded_repr
from pmemobj._containers.iterators import Walk
from pmemobj._containers.stored_table import StoredTable
from pmemobj._engine.heap import Heap
from pmemobj._engine.publication import Publication
from pmemobj._format import (
    ABSENT,
    DICT_TABLE,
    ENTRY_KEY,
    SET_ENTRY_SIZE,
    TABLE_ENTRIES,
    WORD,
    Kind,
)
from pmemobj._hashtable.additions import add_at_once, add_in_statement, append_entries, prepare_key, put_entry
from pmemobj._hashtable.entries import entry_words, live_words
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.search import find_entry, has_entry
from pmemobj._hashtable.table import drop_entries, remove_entries
from pmemobj._public_names import public_in
from pmemobj._values.nans import canonical_pairs, with_nans_of
from pmemobj._values.words import decode

Operand = Any

#: The views of plain dicts that are compared with sets.
DICT_VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.items()))


class PersistentSet(StoredTable):
    """A set in a pool; made with ``pool.new(PersistentSet, iterable)``. It keeps the order of insertion.

    An item is what can be a key of a PersistentDict. All methods and operators that make a new set return a plain one.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction it is durable with the
        commit.

    Cost: a look-up takes constant time on average and calls no C function. Adding an item is three stores, or one
        transaction when the table must grow; removing an item is one transaction; both are amortised constant.

    Example::

        import pmemobj

        with pmemobj.create("seen.pmem", 16 << 20) as pool:
            seen = pool.root = pool.new(pmemobj.PersistentSet, ["a", "b"])
            seen.add("c")
            assert seen - {"a"} == {"b", "c"}
    """

    __slots__ = ()
    _p_kind = Kind.SET
    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    def __init__(self, iterable: Iterable[Any] = (), /) -> None:
        items = _items_of((iterable,))
        heap = self._p_heap
        with heap.statement:
            new = NewEntries(SET_ENTRY_SIZE)
            for item in items:
                new.add(heap, item, stored_hash(heap, item))
            drop_entries(heap, self._p_offset, SET_ENTRY_SIZE)
            if len(new):
                append_entries(heap, self._p_offset, new)

    # ---- reading ----

    def __contains__(self, item: Any) -> bool:
        if isinstance(item, (set, PersistentSet)):
            item, _ = self._key(item)
        return has_entry(self, SET_ENTRY_SIZE, item)

    def __iter__(self) -> Iterator[Any]:
        return Walk(self, SET_ENTRY_SIZE, ENTRY_KEY, 1, "Set")

    def __repr__(self) -> str:
        return guarded_repr(self, lambda: f"{{{', '.join(map(repr, self))}}}" if len(self) else "")

    def copy(self) -> set[Any]:
        """A shallow copy, as a plain set.

        Cost: O(n).
        """
        return set(self)

    def isdisjoint(self, other: Iterable[Any], /) -> bool:
        """Whether this set and `other` have no item in common.

        Cost: O(n + k) for k items in `other`.
        """
        mine = set(self)
        return mine.isdisjoint(with_nans_of(mine, other))

    def issubset(self, other: Iterable[Any], /) -> bool:
        """Whether every item of this set is in `other`.

        Cost: O(n + k) for k items in `other`.
        """
        mine = set(self)
        return mine.issubset(with_nans_of(mine, other))

    def issuperset(self, other: Iterable[Any], /) -> bool:
        """Whether every item of `other` is in this set.

        Cost: O(n + k) for k items in `other`.
        """
        mine = set(self)
        return mine.issuperset(with_nans_of(mine, other))

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """The items of this set and of all others, as a plain set.

        Cost: O(n + k) for k items in the others.
        """
        mine = set(self)
        return mine.union(*(with_nans_of(mine, other) for other in others))

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """The items that this set and all others have, as a plain set.

        Cost: O(n + k) for k items in the others.
        """
        mine = set(self)
        return mine.intersection(*(with_nans_of(mine, other) for other in others))

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """The items of this set that are in none of the others, as a plain set.

        Cost: O(n + k) for k items in the others.
        """
        mine = set(self)
        return mine.difference(*(with_nans_of(mine, other) for other in others))

    def symmetric_difference(self, other: Iterable[Any], /) -> set[Any]:
        """The items that are either in this set or in `other`, but not in both, as a plain set.

        Cost: O(n + k) for k items in `other`.
        """
        mine = set(self)
        return mine.symmetric_difference(with_nans_of(mine, other))

    def __or__(self, other: Operand) -> Any:
        return _combine(self, other, operator.or_)

    def __and__(self, other: Operand) -> Any:
        return _combine(self, other, operator.and_)

    def __sub__(self, other: Operand) -> Any:
        return _combine(self, other, operator.sub)

    def __xor__(self, other: Operand) -> Any:
        return _combine(self, other, operator.xor)

    def __ror__(self, other: Operand) -> Any:
        return _combine(self, other, lambda mine, others: others | mine)

    def __rand__(self, other: Operand) -> Any:
        return _combine(self, other, lambda mine, others: others & mine)

    def __rsub__(self, other: Operand) -> Any:
        return _combine(self, other, lambda mine, others: others - mine)

    def __rxor__(self, other: Operand) -> Any:
        return _combine(self, other, lambda mine, others: others ^ mine)

    def __eq__(self, other: Any) -> Any:
        return _compare(self, other, operator.eq)

    def __ne__(self, other: Any) -> Any:
        return _compare(self, other, operator.ne)

    def __le__(self, other: Any) -> Any:
        return _compare(self, other, operator.le)

    def __lt__(self, other: Any) -> Any:
        return _compare(self, other, operator.lt)

    def __ge__(self, other: Any) -> Any:
        return _compare(self, other, operator.ge)

    def __gt__(self, other: Any) -> Any:
        return _compare(self, other, operator.gt)

    __hash__ = None  # type: ignore[assignment]

    # ---- changing by one item ----

    def add(self, item: Any, /) -> None:
        """Add `item`, unless an equal item is there.

        Durability: three stores, of which the last makes the item visible; one transaction if the table must grow;
            inside a transaction with its commit.

        Cost: O(1) amortised.

        Example::

            pool.root.add("a new item")
        """
        heap = self._p_heap
        key_hash = stored_hash(heap, item)
        with heap.lock:
            if not find_entry(heap, self._p_offset, SET_ENTRY_SIZE, item, key_hash):
                if not heap.in_transaction() and self._add_at_once(item, key_hash):
                    return
                add_in_statement(heap, self._p_offset, SET_ENTRY_SIZE, item, key_hash, ABSENT)

    def _add_at_once(self, item: Any, key_hash: int) -> bool:
        """Add an item that is missing, outside a transaction. Return False if this takes a transaction."""
        heap = self._p_heap
        publication = Publication(heap)
        try:
            texts = bytearray()
            word = prepare_key(heap, publication, item, texts)
            if word == ABSENT:
                return False
            return add_at_once(heap, publication, self._p_offset, SET_ENTRY_SIZE, key_hash, word, ABSENT, texts)
        finally:
            publication.cancel()

    def discard(self, item: Any, /) -> None:
        """Remove `item` if it is there.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        self._take_out(item)

    def remove(self, item: Any, /) -> None:
        """Remove `item`.

        Raises:
            KeyError: it is not there.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        if not self._take_out(item):
            raise KeyError(item)

    def pop(self) -> Any:
        """Remove the item that was added last, and return it.

        Raises:
            KeyError: the set is empty.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        found = self._pop_last(SET_ENTRY_SIZE)
        if found is None:
            raise KeyError("pop from an empty set")
        return found[0]

    # ---- changing by many, all or none ----

    def update(self, *others: Iterable[Any]) -> None:
        """Add all items of the others, or none of them if one cannot be stored.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k items in the others.

        Example::

            pool.root.update(["a", "b"], {"c"})
        """
        self._change(_items_of(other for other in others if other is not self), add=True, drop=False)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Remove all items that are in any of the others.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) for k items in the others.
        """
        items = _items_of(others)
        if any(other is self for other in others):
            self.clear()
        self._change(items, add=False, drop=True)

    def symmetric_difference_update(self, other: Iterable[Any], /) -> None:
        """Remove the items that are in `other` too, and add the items that were only in `other`.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k items in `other`.
        """
        if other is self:
            self.clear()
        else:
            self._change(_items_of((other,)), add=True, drop=True)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Remove all items that are not in all of the others.

        Raises:
            RuntimeError: comparing the items has changed the set.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n + k) for k items in the others.
        """
        heap = self._p_heap
        with heap.lock:
            words = entry_words(heap, self._p_offset, SET_ENTRY_SIZE)
            items = [(at, decode(heap, words[at + 1])) for at in range(0, len(words), 2) if words[at + 1] != ABSENT]
            mine = {item for _, item in items}
            kept = mine.intersection(*(with_nans_of(mine, other) for other in others))
            dropped = [at for at, item in items if item not in kept]
            if entry_words(heap, self._p_offset, SET_ENTRY_SIZE) != words:
                raise RuntimeError("Set changed size during iteration")
            if dropped:
                first = heap.read(self._p_offset + DICT_TABLE) + TABLE_ENTRIES
                with heap.statement:
                    remove_entries(heap, self._p_offset, SET_ENTRY_SIZE, [first + WORD * at for at in dropped])

    def __ior__(self, other: Operand) -> Any:
        if not _is_set(other):
            return NotImplemented
        self.update(other)
        return self

    def __iand__(self, other: Operand) -> Any:
        if not _is_set(other):
            return NotImplemented
        self.intersection_update(other)
        return self

    def __isub__(self, other: Operand) -> Any:
        if not _is_set(other):
            return NotImplemented
        self.difference_update(other)
        return self

    def __ixor__(self, other: Operand) -> Any:
        if not _is_set(other):
            return NotImplemented
        self.symmetric_difference_update(other)
        return self

    # ---- how the table changes ----

    def _key(self, item: Any) -> tuple[Any, int]:
        """The item that is looked for, and its hash."""
        heap = self._p_heap
        try:
            return item, stored_hash(heap, item)
        except TypeError:
            if not isinstance(item, (set, PersistentSet)):
                raise
            # A set has no hash, but is looked for as a frozenset, as in a plain set.
            item = frozenset(item)
            return item, stored_hash(heap, item)

    def _find(self, item: Any) -> int:
        item, key_hash = self._key(item)
        return find_entry(self._p_heap, self._p_offset, SET_ENTRY_SIZE, item, key_hash)

    def _take_out(self, item: Any) -> bool:
        heap = self._p_heap
        with heap.lock:
            entry = self._find(item)
            if entry:
                self._remove(entry)
            return entry != 0

    def _change(self, items: dict[Any, None], add: bool, drop: bool) -> None:
        """Add those of `items` that are missing, or remove those that are there, or both."""
        heap = self._p_heap
        offset = self._p_offset
        if not items:
            return
        with heap.statement:
            # All words come first, since an item that cannot be stored must not leave half a change.
            changes = heap.changes
            new = NewEntries(SET_ENTRY_SIZE)
            dropped: list[int] = []
            for item in items:
                key_hash = stored_hash(heap, item)
                entry = find_entry(heap, offset, SET_ENTRY_SIZE, item, key_hash)
                if not entry and add:
                    new.add(heap, item, key_hash)
                elif entry and drop:
                    dropped.append(entry)
            if heap.changes == changes:
                if dropped:
                    remove_entries(heap, offset, SET_ENTRY_SIZE, dropped)
                if len(new):
                    append_entries(heap, offset, new)
                return
            # Comparing or pickling has run foreign code, which may have removed the entries that were found.
            new.free_keys(heap)
            for item in items:
                if not (drop and self._take_out(item)) and add:
                    put_entry(heap, offset, SET_ENTRY_SIZE, item, stored_hash(heap, item), ABSENT)

    # ---- for walkers ----

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        words = live_words(heap, offset, SET_ENTRY_SIZE)[1::2]
        return len(words), [("item", ABSENT, word) for word in words[:limit]]

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} item" if count == 1 else f"{count} items"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentSet"


def _is_set(other: Any) -> bool:
    return isinstance(other, (set, frozenset, PersistentSet))


def _combine(self: PersistentSet, other: Any, operation: Any) -> Any:
    """The result of an operator for two sets, as plain sets."""
    if not _is_set(other):
        return NotImplemented
    mine = set(self)
    return operation(mine, set(other) if isinstance(other, PersistentSet) else with_nans_of(mine, other))


def _compare(self: PersistentSet, other: Any, operation: Any) -> Any:
    """The result of a comparison; unlike the other operators, those of sets know the views of dicts."""
    if isinstance(other, DICT_VIEWS):
        return operation(set(self), with_nans_of(set(self), set(other)))
    return _combine(self, other, operation)


def _items_of(sources: Iterable[Iterable[Any]]) -> dict[Any, None]:
    """The items of all iterables, each item once, in order. Python itself raises if one is no iterable."""
    items: dict[Any, None] = {}
    for source in sources:
        items.update(canonical_pairs(dict.fromkeys(source)))
    return items


public_in("pmemobj")(PersistentSet)
MutableSet.register(PersistentSet)
