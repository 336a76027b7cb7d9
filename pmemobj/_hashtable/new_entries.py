"""Entries that are to be added to a table: their words, row by row, and the texts of their keys.

They are collected before the table changes, since a value that cannot be stored must not leave half a change. They are
collected as bytes, since each word by itself would be a Python object.
"""

from __future__ import annotations

import struct
from typing import Any

from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    ENTRY_VALUE,
    PACKED_OFFSET_SHIFT,
)
from pmemobj._hashtable.key_rules import encode_key
from pmemobj._hashtable.key_texts import pack
from pmemobj._values.words import encode, free_leaf, immediate, is_packed

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_WORD = struct.Struct("<Q")


class NewEntries:
    """Some entries of `width` bytes for a table.

    Args:
        width: `ENTRY_SIZE` for a dict, `SET_ENTRY_SIZE` for a set.
    """

    __slots__ = ("rows", "texts", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        #: The entries as they will stand in the table, except for packed keys.
        self.rows = bytearray()
        #: The texts of the keys, each in whole words. Until `settle`, each key says where its text begins in here.
        self.texts = bytearray()

    def __len__(self) -> int:
        return len(self.rows) // self.width

    def add(self, heap: Heap, key: Any, key_hash: int, value_word: int = ABSENT) -> None:
        """Add an entry. This may allocate a leaf for its key, and pickle the key."""
        self.add_words(key_hash, word_of_key(heap, key, self.texts), value_word)

    def add_words(self, key_hash: int, key_word: int, value_word: int = ABSENT) -> None:
        """Add an entry whose words are known."""
        start = len(self.rows)
        if cython.compiled:
            resize(self.rows, start + self.width)  # type: ignore[name-defined]  # noqa: F821
        else:
            self.rows += bytes(self.width)
        self._put(start + ENTRY_HASH, key_hash)
        self._put(start + ENTRY_KEY, key_word)
        if self.width == ENTRY_SIZE:
            self._put(start + ENTRY_VALUE, value_word)

    def word(self, number: int, part: int) -> int:
        """The word at `part` of an entry: its hash, key or value."""
        at = number * self.width + part
        if cython.compiled:
            return cython.cast(cython.p_ulonglong, bytes_of(self.rows) + at)[0]  # type: ignore[name-defined,no-any-return]  # noqa: F821
        else:
            word: int = _WORD.unpack_from(self.rows, at)[0]
            return word

    def _put(self, at: int, word: int) -> None:
        if cython.compiled:
            cython.cast(cython.p_ulonglong, bytes_of(self.rows) + at)[0] = word  # type: ignore[name-defined]  # noqa: F821
        else:
            _WORD.pack_into(self.rows, at, word)

    def settle(self, start: int) -> None:
        """Write into the keys where their texts will lie, now that the first text is known to begin at `start`."""
        for number in range(len(self.rows) // self.width):
            word = self.word(number, ENTRY_KEY)
            if is_packed(word):
                self._put(number * self.width + ENTRY_KEY, word + (start << PACKED_OFFSET_SHIFT))

    def free_keys(self, heap: Heap) -> None:
        """Free the leaves of the keys, inside the transaction that has allocated them."""
        for number in range(len(self.rows) // self.width):
            free_leaf(heap, self.word(number, ENTRY_KEY))


def word_of_key(heap: Heap, key: Any, texts: bytearray) -> int:
    """The word of a key that is to be added. Its text may lie in `texts` for the time being (see `key_texts`)."""
    kind = type(key)
    if kind is str:
        word = immediate(heap, key) or pack(key, texts)
        return word if word != ABSENT else encode(heap, key)
    return encode(heap, key) if kind is int else encode_key(heap, key)
