"""The texts of a table: keys of more than seven and up to 255 bytes lie beside the index that finds them.

A leaf of its own would cost such a key an allocation: half of what it takes to add it, and three times the bytes.
Keys are never replaced, only dropped, so their texts can stand one after the other behind the index. The word of
a key says how long its text is and where it lies. A text that no key refers to any more stays until the
table is rebuilt, which takes along only the others.

Texts that are to be added are collected first, since where they will lie is not known before the table
has room for them: until then the words of their keys say where they are in that collection (see `pack`).
"""

from __future__ import annotations

from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ALLOCATION_HEADER_SIZE,
    ENTRY_KEY,
    PACKED_MAX,
    PACKED_OFFSET_SHIFT,
    PACKED_SIZE_SHIFT,
    PACKED_STR,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TABLE_SLOTS,
    TABLE_TEXTS,
    WORD,
)
from pmemobj._hashtable.shape import SLOT_SIZE
from pmemobj._values.words import is_packed

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython


def pack(key: str, texts: bytearray) -> int:
    """The word of a key whose text has been added to `texts`, and lies where the word says, from their beginning.

    Returns:
        The word; `ABSENT` where the text is too long.
    """
    start = len(texts)
    if cython.compiled:
        size = 0
        characters = utf8_of(key, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
        if characters != cython.NULL:
            if size > PACKED_MAX:
                return ABSENT
            resize(texts, start + filled_up(size))  # type: ignore[name-defined]  # noqa: F821
            place = bytes_of(texts) + start  # type: ignore[name-defined]  # noqa: F821
            clear_memory(place, 0, filled_up(size))  # type: ignore[name-defined]  # noqa: F821
            copy_memory(place, characters, size)  # type: ignore[name-defined]  # noqa: F821
            return PACKED_STR | size << PACKED_SIZE_SHIFT | start << PACKED_OFFSET_SHIFT
        forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
    data = key.encode("utf-8", "surrogatepass")
    size = len(data)
    if size > PACKED_MAX:
        return ABSENT
    texts += data.ljust(filled_up(size), b"\0")
    return PACKED_STR | size << PACKED_SIZE_SHIFT | start << PACKED_OFFSET_SHIFT


def filled_up(size: int) -> int:
    """The bytes that a text of `size` bytes takes: whole words."""
    return (size + WORD - 1) & ~(WORD - 1)


def texts_at(heap: Heap, table: int, width: int) -> int:
    """Where the texts of a table begin: behind its index."""
    return (
        table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY) + SLOT_SIZE * heap.peek(table + TABLE_SLOTS)
    )


def texts_end(heap: Heap, table: int) -> int:
    """Where the last text may end: with the allocation."""
    return table - ALLOCATION_HEADER_SIZE + heap.allocation_size(table)


def has_room(heap: Heap, table: int, width: int, size: int) -> bool:
    """Whether texts of `size` bytes in all fit into a table."""
    used = heap.peek(table + TABLE_TEXTS)
    # Each by itself first, lest nonsense add up to sense.
    if max(used, heap.peek(table + TABLE_CAPACITY), heap.peek(table + TABLE_SLOTS)) > heap.limit:
        return False
    return texts_at(heap, table, width) + used + size <= texts_end(heap, table)


def put_text(heap: Heap, table: int, width: int, data: bytes) -> int:
    """Put one text or several, whole words, into a table that has room for them, inside a transaction.

    Snapshotted before: how many bytes of texts there are; not the places, which mean nothing without that.

    Returns:
        Where they begin.
    """
    start = texts_at(heap, table, width)
    used = heap.peek(table + TABLE_TEXTS)
    heap.append_bytes_in(start + used, data, table + TABLE_TEXTS, table, texts_end(heap, table), start)
    heap.write(table + TABLE_TEXTS, used + len(data))
    return start + used


def size_of_texts(heap: Heap, table: int, width: int, count: int) -> int:
    """The bytes that the texts of those of the first `count` entries take that are not deleted."""
    size = 0
    slot = table + TABLE_ENTRIES + ENTRY_KEY
    for _ in range(count):
        word = heap.peek(slot)
        if is_packed(word):
            size += filled_up(word >> PACKED_SIZE_SHIFT & 0xFF)
        slot += width
    return size


def fault_of_texts(words: list[int], each: int, start: int, size: int) -> str:
    """What is wrong with where the packed keys among the words of entries have their texts; empty where nothing is.

    Args:
        words: So many words for each entry, of which the second is the key.
        each: How many.
        start: Where the texts of the table begin.
        size: How many bytes of them it says that it has.
    """
    if any(is_packed(word) for at in range(2, each) for word in words[at::each]):
        return "it has a value that only a key can be"
    end = start
    for place, length in sorted(
        (word >> PACKED_OFFSET_SHIFT, word >> PACKED_SIZE_SHIFT & 0xFF) for word in words[1::each] if is_packed(word)
    ):
        if place < end or place % WORD or place + filled_up(length) > start + size:
            return f"the text of a key at {place:#x} is not between its texts"
        end = place + filled_up(length)
    return ""


def take_texts(heap: Heap, table: int, width: int, count: int) -> None:
    """Copy the texts of the first `count` entries of a table that this transaction allocated from where they still lie.

    Holds after: the keys say where they lie now, one after the other from the beginning.
    """
    place = texts_at(heap, table, width)
    slot = table + TABLE_ENTRIES + ENTRY_KEY
    for _ in range(count):
        word = heap.peek(slot)
        if is_packed(word):
            size = filled_up(word >> PACKED_SIZE_SHIFT & 0xFF)
            heap.init_copy(place, word >> PACKED_OFFSET_SHIFT, size // WORD)
            heap.init_word(slot, (place << PACKED_OFFSET_SHIFT) | (word & 0xFFFF))
            place += size
        slot += width
