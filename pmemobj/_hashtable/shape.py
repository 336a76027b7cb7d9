"""The shape of a table: how many slots and places it gets; and the bytes of its index.

The number of slots is a power of two, and at most four fifths of them are taken; with more, searches get long. The
number of places for entries does not depend on that. There are as many places as entries, and a share more for later
ones, which fills the piece of memory that libpmemobj gives anyway. So a table that is made at once takes little more
memory than its entries. A table that grows key by key gets a quarter more each time, which keeps the cost of a key
constant. Texts get as much room to grow as the entries that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pmemobj._engine.heap import Heap
from pmemobj._engine.size_classes import usable_size
from pmemobj._format import TABLE_ENTRIES, WORD

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

MIN_SLOTS = 8
SLOT_SIZE = 4
_SLOT_MAX = 0xFFFFFFFF
#: How many fifths of the slots can be taken.
_LOAD = 4
#: For what share of the present entries, as a shift, a table has additional room, if there is memory for it.
_SHARES = (2, 3, 5)
#: The number of places in the first table of a dict or set that grows key by key.
_FEW = 5


class Shape(NamedTuple):
    """The shape of a table.

    Attributes:
        slots: How many slots its index has.
        places: For how many entries there is room.
        size: The bytes of the table.
    """

    slots: int
    places: int
    size: int


def shape_for(count: int, width: int, texts: int = 0) -> Shape:
    """The shape of a table with room for `count` entries of `width` bytes and `texts` bytes of texts, or a little more.
    """
    slots = MIN_SLOTS
    while most_places(slots) < count:
        slots *= 2
    size = usable_size(size_of(slots, count, width) + texts)
    room = size - size_of(slots, 0, width)
    # The remaining bytes are divided in the same proportion.
    return Shape(slots, min(room * count // (width * count + texts), most_places(slots)), size)


def shapes_for(present: int, added: int, width: int, texts: int = 0) -> Iterator[Shape]:
    """The shapes that a table may get when `added` entries come to those that are present, the best shape first.

    The later shapes are for a pool that has no memory for the better ones.

    Args:
        present: How many entries there are.
        added: How many entries are added.
        width: The bytes of an entry.
        texts: The bytes of the texts of all entries.
    """
    count = present + added
    least = max(built_for(count), _FEW if present or added == 1 else 0)
    for share in _SHARES:
        wanted = max(present + (present >> share), least)
        room = texts and max(texts * wanted // count, texts + (count * width >> _SHARES[-1]) * (present > 0))
        yield shape_for(wanted, width, (room + WORD - 1) & -WORD)


def built_for(count: int) -> int:
    """For how many entries there is room in a table that is made with `count` entries."""
    return count + (count >> _SHARES[-1])


def most_places(slots: int) -> int:
    """How many entries so many slots can index."""
    return slots * _LOAD // 5


def size_of(slots: int, places: int, width: int) -> int:
    """The bytes of a table, without its texts."""
    return TABLE_ENTRIES + width * places + SLOT_SIZE * slots


def index_of(hashes: list[int], slots: int) -> bytearray:
    """The bytes of the index for entries with these hashes, in this order."""
    index = bytearray(SLOT_SIZE * slots)
    found = memoryview(index).cast("I")
    mask = slots - 1
    for number, key_hash in enumerate(hashes, 1):
        perturb = key_hash
        slot = perturb & mask
        while found[slot]:
            perturb >>= 5
            slot = (slot * 5 + perturb + 1) & mask
        found[slot] = key_hash & (_SLOT_MAX ^ mask) | number
    return index


def fill_index(heap: Heap, table: int, width: int, count: int) -> None:
    """Write the index of a table that this transaction has allocated, for the hashes of its first `count` entries."""
    slots, places = heap.read(table), heap.read(table + WORD)
    if not cython.compiled:
        hashes = heap.read_words(table + TABLE_ENTRIES, width // WORD * count)[:: width // WORD]
        heap.init_bytes(table + TABLE_ENTRIES + width * places, bytes(index_of(hashes, slots)))
        return
    if table + TABLE_ENTRIES + width * places + SLOT_SIZE * slots > heap.limit:
        heap.refuse(table)
    entry = heap.base + table + TABLE_ENTRIES
    found = cython.cast(cython.p_uint, entry + width * places)
    mask = slots - 1
    for number in range(1, count + 1):
        key_hash = cython.cast(cython.p_ulonglong, entry)[0]
        entry += width
        perturb = key_hash
        slot = perturb & mask
        while found[slot]:
            perturb >>= 5
            slot = (slot * 5 + perturb + 1) & mask
        found[slot] = key_hash & (_SLOT_MAX ^ mask) | number
