"""The texts of a table: keys of more than seven and up to 255 bytes, which lie behind the index of the table.

A leaf for such a key would cost an allocation, which is half of the time that it takes to add the key, and three times
the bytes. Keys are never replaced but only removed, so their texts can stand one after the other behind the index. The
word of a key says how long its text is and where it lies. A text that no key refers to any more stays until the table
is rebuilt, which takes along only the others.

Texts that are to be added are collected first, since it is not known where they will lie before the table has room for
them. Until then the words of their keys say where the texts lie in this collection (see `pack`).
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
    """Add the text of a key to `texts`, and return the word of the key, which says where the text lies in `texts`.

    Returns:
        The word; `ABSENT` if the text is too long.
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
    """The bytes that a text of `size` bytes takes, rounded up to whole words."""
    return (size + WORD - 1) & ~(WORD - 1)


def texts_at(heap: Heap, table: int, width: int) -> int:
    """The offset at which the texts of a table begin: behind its index."""
    return (
        table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY) + SLOT_SIZE * heap.peek(table + TABLE_SLOTS)
    )


def texts_end(heap: Heap, table: int) -> int:
    """The offset at which the last text may end: the end of the allocation."""
    return table - ALLOCATION_HEADER_SIZE + heap.allocation_size(table)


def has_room(heap: Heap, table: int, width: int, size: int) -> bool:
    """Whether texts of `size` bytes fit into a table."""
    used = heap.peek(table + TABLE_TEXTS)
    # Each number is compared by itself first, since the sum of wrong numbers might look right.
    if max(used, heap.peek(table + TABLE_CAPACITY), heap.peek(table + TABLE_SLOTS)) > heap.limit:
        return False
    return texts_at(heap, table, width) + used + size <= texts_end(heap, table)


def put_text(heap: Heap, table: int, width: int, data: bytes) -> int:
    """Put one text or several, each in whole words, into a table that has room for them, inside a transaction.

    Snapshotted before: the number of bytes of texts; not the bytes behind them, which mean nothing yet.

    Returns:
        The offset at which they begin.
    """
    start = texts_at(heap, table, width)
    used = heap.peek(table + TABLE_TEXTS)
    heap.append_bytes_in(start + used, data, table + TABLE_TEXTS, table, texts_end(heap, table), start)
    heap.write(table + TABLE_TEXTS, used + len(data))
    return start + used


def size_of_texts(heap: Heap, table: int, width: int, count: int) -> int:
    """The bytes that the texts of the first `count` entries take, without those of deleted entries."""
    size = 0
    slot = table + TABLE_ENTRIES + ENTRY_KEY
    for _ in range(count):
        word = heap.peek(slot)
        if is_packed(word):
            size += filled_up(word >> PACKED_SIZE_SHIFT & 0xFF)
        slot += width
    return size


def fault_of_texts(words: list[int], each: int, start: int, size: int) -> str:
    """What is wrong with the packed keys among the words of entries; an empty text if nothing is.

    Args:
        words: The words of all entries; the second word of each entry is its key.
        each: How many words an entry has.
        start: The offset at which the texts of the table begin.
        size: How many bytes of texts the table says that it has.
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
    """Copy the texts of the first `count` entries of a table that this transaction has allocated from the old table.

    Holds after: the keys say where their texts lie now, one after the other from the beginning.
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
