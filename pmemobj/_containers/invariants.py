"""The invariants of every object in a pool, asserted from its bytes: the common part of `_check`.

These assertions are about the work of this package, for its tests and for those who change it. Users learn from `check`
what is wrong with a pool. A failed assertion shows the state of the object, since the operation that caused it is long
over.
"""

from __future__ import annotations

from collections.abc import Iterable

from pmemobj._engine.heap import Heap
from pmemobj._format import ABSENT, ALLOCATION_HEADER_SIZE, CONTAINER_KINDS, TAG_LEAF, WORD, Kind, kind_of
from pmemobj._values.words import describe, is_container, is_immediate, is_leaf, is_packed, leaf_parts

#: How many words of an object `dump` shows.
_SHOWN = 12


def demand_allocation(heap: Heap, offset: int, kind: int, size: int) -> None:
    """Assert that there is an allocation of `kind` at `offset` with room for `size` bytes.

    libpmemobj's own header before the offset tells this; see `_format`, "ALLOCATION_HEADER_SIZE".
    """
    found = heap.read(offset - WORD)
    assert found == kind, f"the allocation at {offset:#x} is of kind {found}, not {kind} ({Kind(kind).name})"
    usable = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
    assert size <= usable, f"{Kind(kind).name} at {offset:#x} needs {size} bytes and has {usable}"


def demand_words(heap: Heap, words: Iterable[int], has_keys: bool = False) -> None:
    """Assert that each value word refers to what it claims, and that no leaf is owned twice.

    Args:
        heap: The heap.
        words: The words.
        has_keys: Whether there are keys among them, whose texts may lie in the table.
    """
    owned = set()
    for word in words:
        if is_leaf(word):
            assert word not in owned, f"the leaf at {word ^ TAG_LEAF:#x} is owned twice"
            owned.add(word)
            kind, payload = leaf_parts(heap, word)
            demand_allocation(heap, word ^ TAG_LEAF, kind, WORD + len(payload))
        elif is_container(word):
            kind_there = kind_of(heap.read(word))
            assert kind_there in CONTAINER_KINDS, f"there is no object at {word:#x}"
            demand_allocation(heap, word, kind_there, WORD)
        else:
            is_value = is_immediate(word) or (has_keys and is_packed(word))
            assert word == ABSENT or is_value, f"the word {word:#018x} stands for no value"


def dump(heap: Heap, offset: int) -> str:
    """The state of the object at `offset` as text: the words of its own allocation. It never raises."""
    try:
        usable = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
        words = heap.read_words(offset, min(usable // WORD, _SHOWN))
    except Exception as error:
        return f"  {offset:#x} cannot be read: {error}"
    lines = [f"  {offset:#x}, {usable} bytes in {heap.name}:"]
    lines += [f"  +{WORD * at:<4} {word:#018x}  {describe(heap, word)}" for at, word in enumerate(words)]
    return "\n".join(lines)
