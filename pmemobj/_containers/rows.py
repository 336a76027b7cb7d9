"""Objects that are a row of value words in one allocation, behind a header and a length: tuples and frozensets.

The layout is described in `_format`, "tuple". How many words there are is known before the object exists, so they need
no area of their own. They are written once, before anything refers to the memory.
"""

from __future__ import annotations

from pmemobj._containers.invariants import demand_allocation
from pmemobj._engine.heap import Heap
from pmemobj._format import TUPLE_ITEMS, WORD, Kind, new_header

#: The offset of the length.
ROW_LENGTH = 8


def make_row(heap: Heap, kind: Kind, words: list[int]) -> int:
    """The offset of a new row of these words, made inside a transaction."""
    offset = heap.alloc(TUPLE_ITEMS + WORD * len(words), kind)
    heap.init(offset, [new_header(kind), len(words), *words])
    return offset


def row_words(heap: Heap, offset: int) -> list[int]:
    """All words of the row at `offset`."""
    return heap.read_words(offset + TUPLE_ITEMS, heap.read_count(offset + ROW_LENGTH))


def first_words(heap: Heap, offset: int, limit: int) -> tuple[int, list[int]]:
    """How many words the row at `offset` has, and up to `limit` of them."""
    length = heap.read(offset + ROW_LENGTH)
    return length, heap.read_words(offset + TUPLE_ITEMS, min(length, limit))


def verify_row(heap: Heap, offset: int, kind: Kind) -> None:
    """Assert that the row at `offset` fits its allocation."""
    demand_allocation(heap, offset, kind, TUPLE_ITEMS + WORD * heap.read(offset + ROW_LENGTH))
