"""What must hold of every object in a pool, asserted from its bytes: the common part of `_check`.

These are assertions about the package's own work, for its tests and for whoever changes it; what is
wrong with a pool file is found out, and told to users, elsewhere. A failed one shows the state as it
lies there, since what led to it is long over.
"""

from __future__ import annotations

from collections.abc import Iterable

from pmemobj._engine.heap import Heap
from pmemobj._format import ABSENT, ALLOCATION_HEADER_SIZE, CONTAINER_KINDS, TAG_LEAF, WORD, Kind, kind_of
from pmemobj._values.words import describe, is_container, is_immediate, is_leaf, is_packed, leaf_parts

#: How many words of an object a dump shows.
_SHOWN = 12


def demand_allocation(heap: Heap, offset: int, kind: int, size: int) -> None:
    """Assert that there is an allocation of `kind` at `offset` with room for `size` bytes.

    libpmemobj's own header before it tells; see `_layout`, "ALLOCATION_HEADER_SIZE".
    """
    found = heap.read(offset - WORD)
    assert found == kind, f"the allocation at {offset:#x} is of kind {found}, not {kind} ({Kind(kind).name})"
    usable = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
    assert size <= usable, f"{Kind(kind).name} at {offset:#x} needs {size} bytes and has {usable}"


def demand_words(heap: Heap, words: Iterable[int], has_keys: bool = False) -> None:
    """Assert that each value word leads to what it says, and that no leaf is owned twice.

    Args:
        heap: The heap.
        words: The words.
        has_keys: Whether there are keys among them, whose texts may lie beside them.
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
    """The state of the object at `offset`: the words of its own allocation, never raising."""
    try:
        usable = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
        words = heap.read_words(offset, min(usable // WORD, _SHOWN))
    except Exception as error:
        return f"  {offset:#x} cannot be read: {error}"
    lines = [f"  {offset:#x}, {usable} bytes in {heap.name}:"]
    lines += [f"  +{WORD * at:<4} {word:#018x}  {describe(heap, word)}" for at, word in enumerate(words)]
    return "\n".join(lines)
