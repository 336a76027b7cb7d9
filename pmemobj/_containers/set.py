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
from pmemobj._hashtable.entries import entry_words, last_entry, live_words
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.search import find_entry, has_entry
from pmemobj._hashtable.table import drop_entries, remove_entries
from pmemobj._public_names import public_in
from pmemobj._values.nans import one_of_each, those_of
from pmemobj._values.words import decode

Operand = Any


class PersistentSet(StoredTable):
    """A set in a pool; made with ``pool.new(PersistentSet, iterable)``. It keeps the order of insertion.

    Items are what can be a key of a PersistentDict. Whatever returns a new set returns a plain one.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction
    it is so together with it.
    Cost: look-ups call no C function; adding and removing are a transaction each, amortised constant.

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
        """A shallow copy, as a plain set."""
        return set(self)

    def isdisjoint(self, other: Iterable[Any], /) -> bool:
        """Whether the two have no item in common."""
        mine = set(self)
        return mine.isdisjoint(those_of(mine, other))

    def issubset(self, other: Iterable[Any], /) -> bool:
        """Whether every item is in `other`."""
        mine = set(self)
        return mine.issubset(those_of(mine, other))

    def issuperset(self, other: Iterable[Any], /) -> bool:
        """Whether every item of `other` is here."""
        mine = set(self)
        return mine.issuperset(those_of(mine, other))

    def union(self, *others: Iterable[Any]) -> set[Any]:
        """The items of all, as a plain set."""
        mine = set(self)
        return mine.union(*(those_of(mine, other) for other in others))

    def intersection(self, *others: Iterable[Any]) -> set[Any]:
        """The items that all have, as a plain set."""
        mine = set(self)
        return mine.intersection(*(those_of(mine, other) for other in others))

    def difference(self, *others: Iterable[Any]) -> set[Any]:
        """The items that are in none of the others, as a plain set."""
        mine = set(self)
        return mine.difference(*(those_of(mine, other) for other in others))

    def symmetric_difference(self, other: Iterable[Any], /) -> set[Any]:
        """The items that are in one of the two only, as a plain set."""
        mine = set(self)
        return mine.symmetric_difference(those_of(mine, other))

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
        return _combine(self, other, operator.eq)

    def __ne__(self, other: Any) -> Any:
        return _combine(self, other, operator.ne)

    def __le__(self, other: Any) -> Any:
        return _combine(self, other, operator.le)

    def __lt__(self, other: Any) -> Any:
        return _combine(self, other, operator.lt)

    def __ge__(self, other: Any) -> Any:
        return _combine(self, other, operator.ge)

    def __gt__(self, other: Any) -> Any:
        return _combine(self, other, operator.gt)

    __hash__ = None  # type: ignore[assignment]

    # ---- changing by one item ----

    def add(self, item: Any, /) -> None:
        """Put `item` in, if no equal one is there."""
        heap = self._p_heap
        key_hash = stored_hash(heap, item)
        with heap.lock:
            if not find_entry(heap, self._p_offset, SET_ENTRY_SIZE, item, key_hash):
                if not heap.in_transaction() and self._add_at_once(item, key_hash):
                    return
                add_in_statement(heap, self._p_offset, SET_ENTRY_SIZE, item, key_hash, ABSENT)

    def _add_at_once(self, item: Any, key_hash: int) -> bool:
        """Put in what is not there, without a transaction; False where that takes one."""
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
        """Take `item` out, if it is there."""
        self._take_out(item)

    def remove(self, item: Any, /) -> None:
        """Take `item` out; KeyError if it is not there."""
        if not self._take_out(item):
            raise KeyError(item)

    def pop(self) -> Any:
        """Take out and return an item, the last that was put in; KeyError if there is none."""
        heap = self._p_heap
        with heap.lock:
            while True:
                entry = last_entry(heap, self._p_offset, SET_ENTRY_SIZE)
                if not entry:
                    raise KeyError("pop from an empty set")
                changes = heap.changes
                item = decode(heap, heap.read(entry + ENTRY_KEY))
                if heap.changes == changes:  # else reading a pickle ran foreign code
                    self._remove(entry)
                    return item

    # ---- changing by many, all or none ----

    def update(self, *others: Iterable[Any]) -> None:
        """Put in all items of the others."""
        self._change(_items_of(other for other in others if other is not self), add=True, drop=False)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Take out what is in any of the others."""
        items = _items_of(others)
        if any(other is self for other in others):
            self.clear()
        self._change(items, add=False, drop=True)

    def symmetric_difference_update(self, other: Iterable[Any], /) -> None:
        """Take out what is in `other` too, and put in what was only there."""
        if other is self:
            self.clear()
        else:
            self._change(_items_of((other,)), add=True, drop=True)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Keep only what all the others have as well.

        Raises:
            RuntimeError: comparing the items changed the set.
        """
        heap = self._p_heap
        with heap.lock:
            words = entry_words(heap, self._p_offset, SET_ENTRY_SIZE)
            items = [(at, decode(heap, words[at + 1])) for at in range(0, len(words), 2) if words[at + 1] != ABSENT]
            mine = {item for _, item in items}
            kept = mine.intersection(*(those_of(mine, other) for other in others))
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

    # ---- the ways in which the table changes ----

    def _key(self, item: Any) -> tuple[Any, int]:
        """What is looked for, and its hash."""
        heap = self._p_heap
        try:
            return item, stored_hash(heap, item)
        except TypeError:
            if not isinstance(item, (set, PersistentSet)):
                raise
            # Like set's: a set, though unhashable, is looked for as a frozenset.
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
        """Of `items`, put in those that are missing, or take out those that are there, or both."""
        heap = self._p_heap
        offset = self._p_offset
        if not items:
            return
        with heap.statement:
            # All words first: what cannot be stored must not leave half a change.
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
            # Comparing or pickling ran foreign code, and what was found may be there no longer.
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
    """What an operator makes of two sets, as plain ones."""
    if not _is_set(other):
        return NotImplemented
    mine = set(self)
    return operation(mine, set(other) if isinstance(other, PersistentSet) else those_of(mine, other))


def _items_of(sources: Iterable[Iterable[Any]]) -> dict[Any, None]:
    """The items of all, each once, in order, with Python's own errors."""
    items: dict[Any, None] = {}
    for source in sources:
        items.update(one_of_each(dict.fromkeys(source)))
    return items


public_in("pmemobj")(PersistentSet)
MutableSet.register(PersistentSet)
