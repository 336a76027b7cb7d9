"""Changing the table of a dict or set, but for adding keys: values are replaced, entries removed, tables rebuilt.

The functions here are given the offset of the container and the size of its entries: `ENTRY_SIZE` with a value word,
`SET_ENTRY_SIZE` without. See `pmemobj._hashtable` for how a table works.
"""

from __future__ import annotations

from pmemobj._engine.heap import Heap
from pmemobj._engine.size_classes import has_become_sparse
from pmemobj._format import (
    ABSENT,
    DICT_DELETED,
    DICT_TABLE,
    DICT_USED,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    ENTRY_VALUE,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TABLE_SLOTS,
    TABLE_TEXTS,
    WORD,
    Kind,
)
from pmemobj._hashtable.entries import contents, live_words
from pmemobj._hashtable.index_slots import slot_of, with_slot
from pmemobj._hashtable.key_texts import size_of_texts, take_texts, texts_at
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.shape import MIN_SLOTS, Shape, fill_index, shapes_for
from pmemobj._values.words import exchange, free_leaf, is_leaf
from pmemobj.errors import PoolDamagedError

#: A table is rebuilt with fewer places when only one in so many of its places is live.
_SPARSE = 8


# ---- values --------------------------------------------------------------------------------------


def store_value(heap: Heap, offset: int, entry: int, word: int) -> bool:
    """Replace the value of an entry. Return False if the old or the new value owns memory."""
    slot = entry + ENTRY_VALUE
    if is_leaf(heap.peek(slot)):
        return False
    if heap.in_transaction():
        exchange_value(heap, offset, entry, word)
    else:
        heap.store(slot, word)
    return True


def exchange_value(heap: Heap, offset: int, entry: int, word: int) -> None:
    """Replace the value of an entry of the dict at `offset`, inside a transaction."""
    table = heap.peek(offset + DICT_TABLE)
    end = table + TABLE_ENTRIES + ENTRY_SIZE * heap.peek(table + TABLE_CAPACITY)
    exchange(heap, entry + ENTRY_VALUE, word, table, end)


# ---- entries -------------------------------------------------------------------------------------


def remove_entries(heap: Heap, offset: int, width: int, entries: list[int]) -> None:
    """Remove entries with their leaves; if the last entry is among them, also all deleted entries before it.

    Snapshotted before: the words of the keys and values, the slots that are emptied, and the counts.
    Holds after: the last of the used entries, if there are any, is live.
    """
    deleted, used, table = heap.read_words(offset + DICT_DELETED, 3)
    before = used - deleted
    deleted += len(entries)
    capacity = heap.peek(table + TABLE_CAPACITY)
    slots = heap.peek(table + TABLE_SLOTS)
    if deleted == used and slots > MIN_SLOTS:
        drop_entries(heap, offset, width)
        return
    dropped = []
    for entry in entries:
        dropped += heap.read_words(entry + ENTRY_KEY, width // WORD - 1)
        heap.write_words(entry + ENTRY_KEY, [ABSENT] * (width // WORD - 1))
    first = table + TABLE_ENTRIES
    index = first + width * capacity
    mask = slots - 1
    while used and heap.peek(first + width * (used - 1) + ENTRY_KEY) == ABSENT:
        slot = slot_of(heap, index, mask, heap.peek(first + width * (used - 1) + ENTRY_HASH), used)
        heap.write(index + WORD * (slot >> 1), with_slot(heap, index, slot, 0))
        used -= 1
        deleted -= 1
    heap.write_words(offset + DICT_DELETED, [deleted, used])
    for word in dropped:  # These come last, since in a full pool they may take all room for logs.
        free_leaf(heap, word)
    live = used - deleted
    # It is compared here too, since the function is not compiled, and most removals end here.
    if slots > MIN_SLOTS and live * _SPARSE < capacity and has_become_sparse(before, live, capacity, _SPARSE):
        rebuild(heap, offset, width, None, False)


def drop_entries(heap: Heap, offset: int, width: int) -> None:
    """Remove all entries, and free the table."""
    table = heap.peek(offset + DICT_TABLE)
    if table:
        heap.rebuilds += 1
        words = contents(heap, offset, width)
        # What is logged comes first, since in a full pool the frees may take all room for logs.
        heap.write_words(offset + DICT_DELETED, [0, 0, 0])
        for word in words:
            free_leaf(heap, word)
        heap.free(table)


# ---- the table -----------------------------------------------------------------------------------


def rebuild(heap: Heap, offset: int, width: int, new: NewEntries | None = None, must: bool = True) -> None:
    """Move the live entries and new ones to another table, which has room to grow.

    The table is filled before anything refers to it, so only the counts are snapshotted.

    Args:
        heap: The heap.
        offset: The offset of the dict or set.
        width: The bytes of an entry.
        new: What is added.
        must: Whether it must not fail for want of memory; otherwise nothing is changed where there is no room at hand.
    """
    new = new or NewEntries(width)
    heap.rebuilds += 1
    old, used, deleted = heap.peek(offset + DICT_TABLE), heap.peek(offset + DICT_USED), heap.peek(offset + DICT_DELETED)
    if old and (used > heap.peek(old + TABLE_CAPACITY) or deleted > used):
        raise _miscounted(heap, used, deleted)
    present = used - deleted
    added = len(new)
    live = live_words(heap, offset, width) if deleted else []
    if deleted and len(live) != present * (width // WORD):
        raise _miscounted(heap, used, deleted)  # The new table would be too small for the entries.
    kept = size_of_texts(heap, old, width, used) if old and heap.peek(old + TABLE_TEXTS) else 0
    table, shape = _alloc_table(heap, width, present, added, kept + len(new.texts), must)
    if not table:
        return
    first = table + TABLE_ENTRIES
    heap.init(table, [shape.slots, shape.places, kept + len(new.texts)])
    if deleted:
        heap.init(first, live)
    elif used:
        heap.init_copy(first, old + TABLE_ENTRIES, used * (width // WORD))
    if kept:
        take_texts(heap, table, width, present)
    if new.texts:
        start = texts_at(heap, table, width) + kept
        new.settle(start)
        heap.init_bytes(start, bytes(new.texts))
    heap.init_bytes(first + width * present, bytes(new.rows))
    fill_index(heap, table, width, present + added)
    heap.write_words(offset + DICT_DELETED, [0, present + added, table])
    if old:
        heap.free(old)


def _miscounted(heap: Heap, used: int, deleted: int) -> PoolDamagedError:
    return PoolDamagedError(
        f"rebuild a table of {heap.name}",
        f"it does not have as many keys as it counts ({used} entries, {deleted} of them deleted)",
        "see pool.check(); restore the pool from a copy",
    )


def _alloc_table(heap: Heap, width: int, present: int, added: int, texts: int, must: bool) -> tuple[int, Shape]:
    """Memory for a table, and its shape. The table has less room to grow if the pool has little memory.

    If there is no memory at hand for any shape, the smallest is what memory is searched for.
    """
    kind = _kind_of_table(width)
    for shape in shapes_for(present, added, width, texts):
        table = heap.alloc_at_hand(shape.size, kind, True)
        if table:
            return table, shape
    return heap.alloc(shape.size, kind, True) if must else 0, shape


def _kind_of_table(width: int) -> Kind:
    return Kind.DICT_TABLE if width == ENTRY_SIZE else Kind.SET_TABLE
