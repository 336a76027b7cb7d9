"""The invariants of the table of a dict or set, asserted from its bytes."""

from __future__ import annotations

from array import array

from pmemobj._engine.heap import Heap
from pmemobj._format import ABSENT, DICT_DELETED, TABLE_ENTRIES, TABLE_TEXTS, WORD
from pmemobj._hashtable.entries import entry_words
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.key_texts import fault_of_texts, texts_at, texts_end
from pmemobj._hashtable.search import find_entry
from pmemobj._hashtable.shape import MIN_SLOTS, SLOT_SIZE, index_of, most_places
from pmemobj._hashtable.word_hashes import holds_nan
from pmemobj._values.words import decode


def verify_table(heap: Heap, offset: int, width: int) -> None:
    """Assert all invariants of the table of the container at `offset`.

    Raises:
        AssertionError: with the first thing that is wrong.
    """
    deleted, used, table = heap.read_words(offset + DICT_DELETED, 3)
    words = entry_words(heap, offset, width)
    each = width // WORD
    if not table:
        assert deleted == used == 0, "counts without a table"
        return
    slots, capacity = heap.read_words(table, 2)
    assert slots >= MIN_SLOTS and slots & (slots - 1) == 0, "the number of slots is no power of two"
    assert deleted <= used <= capacity <= most_places(slots), "counts beyond the capacity"
    texts, texts_size = texts_at(heap, table, width), heap.read(table + TABLE_TEXTS)
    assert texts + texts_size <= texts_end(heap, table), "the table is larger than its allocation"
    fault = fault_of_texts(words, each, texts, texts_size)
    assert not fault, fault
    assert sum(word == ABSENT for word in words[1::each]) == deleted, "a wrong number of deleted entries"
    assert not used or words[-each + 1] != ABSENT, "the last entry is a deleted one"
    numbers = array("I", heap.read_bytes(table + TABLE_ENTRIES + width * capacity, SLOT_SIZE * slots))
    # A slot with a number beyond the count is left over from an entry that was never finished.
    index = array("I", (held if held & (slots - 1) <= used else 0 for held in numbers)).tobytes()
    assert index == index_of(words[::each], slots), "the index is not that of the entries"
    for at in range(0, len(words), each):
        key_hash, key_word, *value = words[at : at + each]
        if key_word == ABSENT:
            assert not any(value), f"entry {at // each} is deleted and has a value"
            continue
        assert ABSENT not in value, f"entry {at // each} has no value"
        key = decode(heap, key_word)
        same = stored_hash(heap, key) == key_hash
        assert same or holds_nan(heap, key_word), f"entry {at // each} has a wrong hash"
        # A pickle with a NaN in it equals nothing, not even the value that is read from it the next time.
        if same and key == decode(heap, key_word):
            found = table + TABLE_ENTRIES + width * (at // each)
            assert find_entry(heap, offset, width, key, key_hash) == found, f"entry {at // each} is not found"
