"""The slots of a table's index: what one holds, and how it is found by open addressing with CPython's probing sequence.

A slot holds the number of an entry, counted from 1, and above it as many bits of the hash as there is room for, so that
a search seldom looks at an entry with another hash. A slot is empty if it holds 0, or the number of an entry beyond
those that the table counts. Two slots share a word.
"""

from __future__ import annotations

from pmemobj._engine.heap import Heap
from pmemobj._format import WORD
from pmemobj.errors import PoolDamagedError

#: The bits of a slot.
SLOT_MAX = 0xFFFFFFFF
#: After so many steps the probing sequence does not depend on the hash any more, and visits every slot.
PERTURBED_STEPS = 13


def read_slot(heap: Heap, index: int, slot: int) -> int:
    """Two slots share a word."""
    word = heap.peek(index + WORD * (slot >> 1))
    return word >> 32 if slot & 1 else word & SLOT_MAX


def with_slot(heap: Heap, index: int, slot: int, content: int) -> int:
    """The word of a slot, with something else in that slot."""
    word = heap.peek(index + WORD * (slot >> 1))
    return (word & SLOT_MAX) | content << 32 if slot & 1 else word >> 32 << 32 | content


def slot_content(mask: int, key_hash: int, number: int) -> int:
    """What a slot holds for an entry: its number, and above it the bits of its hash that do not choose the slot."""
    return key_hash & (SLOT_MAX ^ mask) | number


def slot_of(heap: Heap, index: int, mask: int, key_hash: int, number: int) -> int:
    """The slot that holds the number of an entry, on the path of its hash."""
    perturb = key_hash
    slot = key_hash & mask
    for _ in range(mask + 1 + PERTURBED_STEPS):
        if read_slot(heap, index, slot) & mask == number:
            return slot
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    raise PoolDamagedError(
        f"change a table of {heap.name}", f"its index has no slot for entry {number}", "restore the pool from a copy"
    )


def free_slot(heap: Heap, index: int, mask: int, key_hash: int, used: int) -> int:
    """The first slot on the path of a hash that has none of the `used` entries."""
    perturb = key_hash
    slot = key_hash & mask
    for _ in range(mask + 1 + PERTURBED_STEPS):
        number = read_slot(heap, index, slot) & mask
        if number == 0 or number > used:
            return slot
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    raise PoolDamagedError(
        f"change a table of {heap.name}", "its index has no slot that is free", "restore the pool from a copy"
    )
