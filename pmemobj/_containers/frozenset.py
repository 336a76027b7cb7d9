"""PersistentFrozenSet: a row of items in one allocation, as a tuple (see `rows`).

The items never change. So the first method that looks for one reads
them all into a plain frozenset, which stays with the Python object and answers from then on.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Iterable, Iterator, Set
from typing import Any

from pmemobj._containers.base import guarded_repr
from pmemobj._containers.comparable import Comparable
from pmemobj._containers.rows import ROW_LENGTH, first_words, make_row, row_words, verify_row
from pmemobj._containers.set import DICT_VIEWS, PersistentSet
from pmemobj._engine.heap import Heap
from pmemobj._format import ABSENT, Kind
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.key_rules import encode_key
from pmemobj._public_names import public_in
from pmemobj._values.nans import canonical, canonical_pairs, with_nans_of
from pmemobj._values.words import decode

Operand = Any


class PersistentFrozenSet(Comparable):
    """A frozenset in a pool; made with ``pool.new(PersistentFrozenSet, iterable)``. It keeps the order of insertion.

    A frozenset of values alone needs none of this: it is a value itself, and comes back as a plain frozenset. This
    class is for one with persistent objects in it. An item is what can be a key of a PersistentDict. It compares with
    all other sets, and has the hash of the plain frozenset. All methods and operators that make a new set return a
    plain frozenset.

    Durability: written once, by the transaction that creates it.

    Cost: the first look-up reads all items, O(n), and keeps them in ordinary memory; each further one is that of a
        plain frozenset. In the pool it takes 8 bytes for each item, and 16 bytes.

    Example::

        import pmemobj

        with pmemobj.create("team.pmem", 16 << 20) as pool:
            ada, bob = pool.new(pmemobj.PersistentObject), pool.new(pmemobj.PersistentObject)
            team = pool.root = pool.new(pmemobj.PersistentFrozenSet, [ada, bob])
            assert ada in team and team == frozenset({ada, bob})
    """

    __slots__ = ("_v_items",)
    _v_items: frozenset[Any]
    _p_kind = Kind.FROZENSET
    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]

    def __init__(self, iterable: Iterable[Any] = (), /) -> None:
        # `_p_make` has written the items. As with frozenset, calling this once more changes nothing.
        self._p_heap.read(self._p_offset)  # This raises if the object has no pool.

    def _plain(self) -> frozenset[Any]:
        self._p_heap.read(self._p_offset)  # This raises if the object is dead, or its pool is closed.
        try:
            return self._v_items
        except AttributeError:
            self._v_items = frozenset(self)
            return self._v_items

    # ---- reading ----

    def __len__(self) -> int:
        return self._p_heap.read_count(self._p_offset + ROW_LENGTH)

    def __iter__(self) -> Iterator[Any]:
        heap = self._p_heap
        return iter([decode(heap, word) for word in self._p_words(heap, self._p_offset)])

    def __contains__(self, item: Any) -> bool:
        if isinstance(item, (set, PersistentSet)):
            item = frozenset(item)  # A set has no hash, but is looked for as a frozenset, as in a plain one.
        return canonical(item) in self._plain()

    def __repr__(self) -> str:
        return guarded_repr(self, lambda: f"{{{', '.join(map(repr, self))}}}" if len(self) else "")

    def _hash(self) -> int:
        return hash(self._plain())

    def copy(self) -> frozenset[Any]:
        """The same items, as a plain frozenset.

        Cost: O(1) once the items were read.
        """
        return self._plain()

    def isdisjoint(self, other: Iterable[Any], /) -> bool:
        """Whether this set and `other` have no item in common.

        Cost: O(n + k) for k items in `other`.
        """
        return self._plain().isdisjoint(self._with_nans(other))

    def issubset(self, other: Iterable[Any], /) -> bool:
        """Whether every item of this set is in `other`.

        Cost: O(n + k) for k items in `other`.
        """
        return self._plain().issubset(self._with_nans(other))

    def issuperset(self, other: Iterable[Any], /) -> bool:
        """Whether every item of `other` is in this set.

        Cost: O(n + k) for k items in `other`.
        """
        return self._plain().issuperset(self._with_nans(other))

    def union(self, *others: Iterable[Any]) -> frozenset[Any]:
        """The items of this set and of all others, as a plain frozenset.

        Cost: O(n + k) for k items in the others.
        """
        return self._plain().union(*map(self._with_nans, others))

    def intersection(self, *others: Iterable[Any]) -> frozenset[Any]:
        """The items that this set and all others have, as a plain frozenset.

        Cost: O(n + k) for k items in the others.
        """
        return self._plain().intersection(*map(self._with_nans, others))

    def difference(self, *others: Iterable[Any]) -> frozenset[Any]:
        """The items of this set that are in none of the others, as a plain frozenset.

        Cost: O(n + k) for k items in the others.
        """
        return self._plain().difference(*map(self._with_nans, others))

    def symmetric_difference(self, other: Iterable[Any], /) -> frozenset[Any]:
        """The items that are either in this set or in `other`, but not in both, as a plain frozenset.

        Cost: O(n + k) for k items in `other`.
        """
        return self._plain().symmetric_difference(self._with_nans(other))

    def __or__(self, other: Operand) -> Any:
        return self._combined(other, operator.or_)

    def __and__(self, other: Operand) -> Any:
        return self._combined(other, operator.and_)

    def __sub__(self, other: Operand) -> Any:
        return self._combined(other, operator.sub)

    def __xor__(self, other: Operand) -> Any:
        return self._combined(other, operator.xor)

    def __ror__(self, other: Operand) -> Any:
        return self._combined(other, lambda mine, others: others | mine)

    def __rand__(self, other: Operand) -> Any:
        return self._combined(other, lambda mine, others: others & mine)

    def __rsub__(self, other: Operand) -> Any:
        return self._combined(other, lambda mine, others: others - mine)

    def __rxor__(self, other: Operand) -> Any:
        return self._combined(other, lambda mine, others: others ^ mine)

    def _combined(self, other: Any, operation: Any) -> Any:
        """The result of an operator for two sets, as plain sets."""
        if not isinstance(other, (set, frozenset, PersistentSet, PersistentFrozenSet)):
            return NotImplemented
        return operation(self._plain(), self._with_nans(other))

    def _compare(self, other: Any, relation: Any) -> Any:
        """Unlike the other operators of sets, comparisons know the views of dicts."""
        return self._combined(set(other) if isinstance(other, DICT_VIEWS) else other, relation)

    def _with_nans(self, other: Any) -> Any:
        """Another operand in ordinary memory, with the NaNs of this set."""
        if isinstance(other, PersistentFrozenSet):
            return other._plain()
        return set(other) if isinstance(other, PersistentSet) else with_nans_of(self._plain(), other)

    # ---- for walkers ----

    @staticmethod
    def _p_make(heap: Heap, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        items = canonical_pairs(dict.fromkeys(tuple(*args, **kwargs)))
        for item in items:
            stored_hash(heap, item)  # This refuses what could not be found again.
        return make_row(heap, Kind.FROZENSET, [encode_key(heap, item) for item in items])

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return row_words(heap, offset)

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        length, words = first_words(heap, offset, limit)
        return length, [("item", ABSENT, word) for word in words]

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} item" if count == 1 else f"{count} items"

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        verify_row(heap, offset, Kind.FROZENSET)

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentFrozenSet"


public_in("pmemobj")(PersistentFrozenSet)
Set.register(PersistentFrozenSet)
