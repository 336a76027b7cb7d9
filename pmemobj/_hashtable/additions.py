"""Adding entries to a table: by three stores outside a transaction, and by writes inside of one.

Whoever changes a table encodes all words first, then finds the entry, and then changes the table, with no foreign code
between the last two steps: `find_entry` may run the ``__eq__`` of keys, after which everything may be different.
"""

from __future__ import annotations

from typing import Any

from pmemobj._engine.heap import Heap
from pmemobj._engine.publication import Publication
from pmemobj._format import (
    ABSENT,
    DICT_TABLE,
    DICT_USED,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    PACKED_MAX,
    PACKED_OFFSET_SHIFT,
    PACKED_SIZE_SHIFT,
    PACKED_STR,
    SET_ENTRY_SIZE,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TABLE_SLOTS,
    TABLE_TEXTS,
    WORD,
)
from pmemobj._hashtable.entries import next_place
from pmemobj._hashtable.index_slots import free_slot, read_slot, slot_content, with_slot
from pmemobj._hashtable.key_texts import filled_up, has_room, pack, put_text, texts_at
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.search import find_entry
from pmemobj._hashtable.shape import SLOT_SIZE
from pmemobj._hashtable.table import exchange_value, rebuild
from pmemobj._values.words import immediate, is_leaf, prepare

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython


# ---- outside a transaction -----------------------------------------------------------------------


def prepare_key(heap: Heap, publication: Publication, key: Any, texts: bytearray) -> int:
    """The word of a key, as `word_of_key` makes it. If it needs a leaf, a publication will allocate it.

    Returns:
        The word; `ABSENT` if a publication cannot do it.
    """
    if type(key) is str:
        word = immediate(heap, key) or pack(key, texts)
        if word != ABSENT:
            return word
    return prepare(heap, publication, key)


def add_at_once(
    heap: Heap,
    publication: Publication,
    offset: int,
    width: int,
    key_hash: int,
    key_word: int,
    value_word: int,
    texts: bytearray,
) -> bool:
    """Add an entry by three stores, outside a transaction. The caller holds the lock.

    The entry with its text, its slot, and the count reach the medium in this order, and until the last store the key is
    not there: a slot with a number beyond the count counts as empty. So what a crash leaves of an entry means
    nothing. The next entry for this place clears the slot; the remains of the entry tell which slot it is (see
        `_clear_leftovers`). If a word of the entry is a leaf that `publication` has prepared, the last store is that
        publication.

    Returns:
        False if the table has no room, or if there are remains of an entry in the place.
    """
    entry = next_place(heap, offset, width)
    if not entry:
        return False
    table, used = heap.peek(offset + DICT_TABLE), heap.peek(offset + DICT_USED)
    pieces = []
    if texts:
        if not has_room(heap, table, width, len(texts)):
            return False
        before = heap.peek(table + TABLE_TEXTS)
        place = texts_at(heap, table, width) + before
        key_word += place << PACKED_OFFSET_SHIFT
        pieces.append((place, bytes(texts)))
        pieces.append((table + TABLE_TEXTS, _bytes_of_word(before + len(texts))))
    index = table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY)
    mask = heap.peek(table + TABLE_SLOTS) - 1
    slot = free_slot(heap, index, mask, key_hash, used)
    words = _bytes_of_word(key_hash) + _bytes_of_word(key_word)
    pieces.append((entry, words if width == SET_ENTRY_SIZE else words + _bytes_of_word(value_word)))
    heap.store_apart(pieces)
    heap.store_ahead(index + WORD * (slot >> 1), with_slot(heap, index, slot, slot_content(mask, key_hash, used + 1)))
    if is_leaf(key_word) or (width == ENTRY_SIZE and is_leaf(value_word)):
        publication.finish(offset + DICT_USED, used + 1)
    else:
        heap.store(offset + DICT_USED, used + 1)
    return True


def _bytes_of_word(word: int) -> bytes:
    """The bytes of a word."""
    if cython.compiled:
        return cython.cast(cython.p_char, cython.address(word))[:WORD]  # type: ignore[no-any-return]
    else:
        return word.to_bytes(WORD, "little")


# ---- inside a statement --------------------------------------------------------------------------


def put_entry(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> None:
    """Add `key`, or let its entry have another value; then this entry owns what the value's word refers to."""
    entry = find_entry(heap, offset, width, key, key_hash)
    if not entry:
        add_entry(heap, offset, width, key, key_hash, value_word)
    elif width == ENTRY_SIZE:
        exchange_value(heap, offset, entry, value_word)


def add_entry(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> None:
    """Add a key that has just been found to be missing."""
    if cython.compiled and _add_plainly(heap, offset, width, key, key_hash, value_word):
        return
    changes = heap.changes
    new = NewEntries(width)
    new.add(heap, key, key_hash, value_word)
    if heap.changes != changes:  # Pickling the key has run foreign code.
        entry = find_entry(heap, offset, width, key, key_hash)
        if entry:
            new.free_keys(heap)
            if width == ENTRY_SIZE:
                exchange_value(heap, offset, entry, value_word)
            return
    append_entries(heap, offset, new)


def add_in_statement(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> None:
    """Do what `add_entry` does, as a statement of its own."""
    if cython.compiled:
        heap.statement.enter()
        try:
            add_entry(heap, offset, width, key, key_hash, value_word)
        except BaseException as error:
            heap.statement.leave(error)
            raise
        heap.statement.leave(None)
    else:
        with heap.statement:
            add_entry(heap, offset, width, key, key_hash, value_word)


def _add_plainly(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> bool:
    """Do what `append_entries` does, for one int or str in a table that has room; compiled, without a list.

    Returns:
        False if it takes more than that.
    """
    entry = next_place(heap, offset, width) if type(key) is int or type(key) is str else 0
    if not entry:
        return False
    table, used = heap.peek(offset + DICT_TABLE), heap.peek(offset + DICT_USED)
    key_word = immediate(heap, key)
    if key_word == ABSENT:
        key_word = _add_text(heap, table, width, key)
        if key_word == ABSENT:
            return False
    mask = heap.peek(table + TABLE_SLOTS) - 1
    index = table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY)
    slot = free_slot(heap, index, mask, key_hash, used)
    content = with_slot(heap, index, slot, slot_content(mask, key_hash, used + 1))
    heap.write_in(index + WORD * (slot >> 1), content, table, index + SLOT_SIZE * (mask + 1))
    counter = offset + DICT_USED
    heap.append_row_in(entry, key_hash, key_word, value_word, width, counter, table, index)
    heap.write(counter, used + 1)
    return True


def _add_text(heap: Heap, table: int, width: int, key: Any) -> int:
    """Put the text of a key into a table that has room for it. Return the word of the key, or `ABSENT`; compiled."""
    if type(key) is not str:
        return ABSENT
    size = 0
    characters = utf8_of(key, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
    if characters == cython.NULL:
        forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
        return ABSENT
    if size > PACKED_MAX or not has_room(heap, table, width, filled_up(size)):
        return ABSENT
    data = words_of(characters, size)  # type: ignore[name-defined]  # noqa: F821
    place = put_text(heap, table, width, data)
    return PACKED_STR | size << PACKED_SIZE_SHIFT | place << PACKED_OFFSET_SHIFT


def append_entries(heap: Heap, offset: int, new: NewEntries) -> None:
    """Add entries whose keys are not there yet.

    Snapshotted before: the slots, the counts, and those places of entries that a roll-back has to restore, which are
        there only in a transaction that has removed entries.
    Holds after: the last entries are these.
    """
    width = new.width
    count = len(new)
    used, table = heap.peek(offset + DICT_USED), heap.peek(offset + DICT_TABLE)
    if (
        not table
        or used + count > heap.peek(table + TABLE_CAPACITY)
        or (new.texts and not has_room(heap, table, width, len(new.texts)))
    ):
        rebuild(heap, offset, width, new)
        return
    mask = heap.peek(table + TABLE_SLOTS) - 1
    entry = table + TABLE_ENTRIES + width * used
    index = table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY)
    end = index + SLOT_SIZE * (mask + 1)
    _clear_leftovers(heap, offset, width, count)
    if new.texts:
        new.settle(put_text(heap, table, width, bytes(new.texts)))
    for number in range(count):
        key_hash = new.word(number, ENTRY_HASH)
        slot = free_slot(heap, index, mask, key_hash, used + number)
        word = with_slot(heap, index, slot, slot_content(mask, key_hash, used + number + 1))
        heap.write_in(index + WORD * (slot >> 1), word, table, end)
    heap.append_bytes_in(entry, bytes(new.rows), offset + DICT_USED, table, index, table)
    heap.write(offset + DICT_USED, used + count)


def _clear_leftovers(heap: Heap, offset: int, width: int, count: int) -> None:
    """Clear all places behind the entries if a crash or a roll-back has left remains in the next `count` places.

    Snapshotted before: the slots that still have the numbers of such entries, and the keys.
    """
    used, table = heap.peek(offset + DICT_USED), heap.peek(offset + DICT_TABLE)
    capacity = heap.peek(table + TABLE_CAPACITY)
    entry = table + TABLE_ENTRIES + width * used
    index = table + TABLE_ENTRIES + width * capacity
    for number in range(count):
        if heap.peek(entry + width * number + ENTRY_KEY) != ABSENT:
            break
    else:
        return
    mask = heap.peek(table + TABLE_SLOTS) - 1
    end = index + SLOT_SIZE * (mask + 1)
    for slot in range(mask + 1):
        if read_slot(heap, index, slot) & mask > used:
            heap.write_in(index + WORD * (slot >> 1), with_slot(heap, index, slot, 0), table, end)
    while entry < index:
        if heap.peek(entry + ENTRY_KEY) != ABSENT:
            heap.write_in(entry + ENTRY_KEY, ABSENT, table, end)
        entry += width
