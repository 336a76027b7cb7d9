"""PersistentTuple: a row of items in one allocation (see `rows`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pmemobj._containers.rows import first_words, make_row, row_words, verify_row
from pmemobj._containers.sequence import StoredSequence, numbered
from pmemobj._engine.heap import Heap
from pmemobj._format import TUPLE_ITEMS, Kind
from pmemobj._public_names import public_in
from pmemobj._values.words import encode


class PersistentTuple(StoredSequence):
    """A tuple in a pool; made with ``pool.new(PersistentTuple, iterable)``.

    It has all methods of tuple. It compares with plain tuples, and has their hash if all its items have one. Its items
    never change, but an item may be a container that changes. Slices, sums and products are plain tuples.

    Durability: written once, by the transaction that creates it.
    Cost: reading calls no C function. A tuple takes 8 bytes for each item, and 16 bytes.

    Example::

        import pmemobj

        with pmemobj.create("pairs.pmem", 16 << 20) as pool:
            pool.root = pool.new(pmemobj.PersistentTuple, (1, "two"))
            assert pool.root == (1, "two")
    """

    __slots__ = ()
    _p_kind = Kind.TUPLE
    _p_plain = tuple

    def __init__(self, iterable: Iterable[Any] = (), /) -> None:
        # `_p_make` has written the items. As with tuple, calling this once more changes nothing.
        self._p_heap.read(self._p_offset)  # This raises if the object has no pool.

    def _first(self) -> int:
        return self._p_offset + TUPLE_ITEMS

    # ---- for walkers ----

    @staticmethod
    def _p_make(heap: Heap, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        return make_row(heap, Kind.TUPLE, [encode(heap, value) for value in tuple(*args, **kwargs)])

    @staticmethod
    def _p_words(heap: Heap, offset: int) -> Iterable[int]:
        return row_words(heap, offset)

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        length, words = first_words(heap, offset, limit)
        return length, numbered(words)

    @staticmethod
    def _p_verify(heap: Heap, offset: int) -> None:
        verify_row(heap, offset, Kind.TUPLE)

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentTuple"


public_in("pmemobj")(PersistentTuple)
Sequence.register(PersistentTuple)
