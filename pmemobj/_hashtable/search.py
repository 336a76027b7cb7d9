"""Finding the entry of a key in the table of a dict or set.

`quick_entry` is for a str or an int in the compiled form: it calls no Python code, so nothing changes meanwhile. All
other keys, and all keys in the uncompiled form, go by `find_entry`. It may run foreign code, the ``__eq__`` of keys,
which may change the table. Then the search begins anew.
"""

from __future__ import annotations

import sys
from typing import Any

from pmemobj._engine.heap import Handle, Heap
from pmemobj._format import (
    ABSENT,
    DICT_SIZE,
    DICT_TABLE,
    DICT_USED,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    ENTRY_VALUE,
    IMMEDIATE_BITS,
    PACKED_OFFSET_SHIFT,
    PACKED_SIZE_SHIFT,
    PACKED_STR,  # noqa: F401 - for the .pxd
    SHORT_MAX,
    STR_SEED,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TABLE_SLOTS,
    TAG_LEAF,
    TAG_MASK,  # noqa: F401 - for the .pxd
    TAG_STR,
    WORD,
    Kind,
    header,
    kind_of,
)
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.index_slots import PERTURBED_STEPS, SLOT_MAX, read_slot
from pmemobj._hashtable.shape import SLOT_SIZE
from pmemobj._values.nans import canonical
from pmemobj._values.words import (
    decode,
    immediate,
    is_container,
    is_leaf,
    is_packed,
    leaf_parts,
    packed_text,
)

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

if not cython.compiled:  # Compiled, it comes from the .pxd, since it is a C function.
    from pmemobj._engine.consistent_reads import read_optimistically

_STR_HEADER = header(Kind.STR)
_TUPLE, _FROZENSET = int(Kind.TUPLE), int(Kind.FROZENSET)
#: Python's hash of a smaller int is the int itself, except for -1.
_HASH_MODULUS = sys.hash_info.modulus
#: Returned by `quick_entry` in place of an offset: take the slow path, which may call ``__eq__``.
_CARE = 1
#: Returned by `_search` in place of an offset: a comparison changed the table, so search again.
_CHANGED = 1
#: How often a search begins anew. A dict of Python's would go on for ever.
_ATTEMPTS = 100


def value_of(heap: Heap, offset: int, key: Any, default: Any) -> Any:
    """The value of a key in the dict at `offset`, or `default`."""
    entry = find_entry(heap, offset, ENTRY_SIZE, key, stored_hash(heap, key))
    return decode(heap, heap.peek(entry + ENTRY_VALUE)) if entry else default


def look_up(owner: Any, key: Any, default: Any) -> Any:
    """The value of a key in a dict, or `default`; an optimistic read (see `consistent_reads`)."""
    heap = owner._p_heap
    if cython.compiled:
        entry = quick_entry(heap, owner._p_offset, ENTRY_SIZE, key)
        if entry == 0:
            return default
        if entry != _CARE:
            word = heap.peek(entry + ENTRY_VALUE)
            if word & 1:
                return cython.cast(cython.longlong, word) >> 1
            if word & IMMEDIATE_BITS:
                return decode(heap, word)
    return read_optimistically(heap, owner, _read_value, key, default, 0)


def _read_value(owner: Any, key: Any, default: Any, _number: int) -> Any:
    handle: Handle = owner
    return value_of(handle._p_heap, handle._p_offset, key, default)


def has_entry(owner: Any, width: int, key: Any) -> bool:
    """Whether a key is in a dict or set; an optimistic read (see `consistent_reads`)."""
    heap = owner._p_heap
    if cython.compiled:
        found = quick_entry(heap, owner._p_offset, width, key)
        if found != _CARE:
            return found != 0
    return read_optimistically(heap, owner, _read_presence, key, width, stored_hash(heap, key))  # type: ignore[no-any-return]


def _read_presence(owner: Any, key: Any, width: Any, key_hash: int) -> Any:
    handle: Handle = owner
    return find_entry(handle._p_heap, handle._p_offset, width, key, key_hash) != 0


def quick_entry(heap: Heap, offset: int, width: int, key: Any) -> int:
    """The offset of the entry of a str or an int, 0 if there is none, or `_CARE`; compiled.

    No foreign code runs here, so no other thread does either, and the result holds until the caller lets foreign code
    run.
    """
    characters = cython.NULL
    size = 0
    word = ABSENT
    if is_half_changed(heap.version):  # type: ignore[name-defined]  # noqa: F821
        return _CARE
    if type(key) is str:
        characters = utf8_of(key, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
        if characters == cython.NULL:
            forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
            return _CARE
        key_hash = mix_memory(characters, size, STR_SEED)  # type: ignore[name-defined]  # noqa: F821
        if size <= SHORT_MAX:
            word = TAG_STR | size << 4 | padded_word(characters, size) << 8  # type: ignore[name-defined]  # noqa: F821
    elif type(key) is int:
        overflow = 0
        number = long_long_of(key, cython.address(overflow))  # type: ignore[name-defined]  # noqa: F821
        if overflow or number >= _HASH_MODULUS or number <= -_HASH_MODULUS:
            return _CARE
        key_hash = -2 if number == -1 else number  # Python's own hash of a number below its modulus.
        word = number << 1 | 1
    else:
        return _CARE
    # All bounds are checked once, here; each number by itself first, since the sum of wrong numbers might look right.
    limit = heap.limit
    if offset + DICT_SIZE > limit:
        return _CARE
    table = heap.fetch(offset + DICT_TABLE)
    if not table:
        return 0
    if table > limit or table + TABLE_ENTRIES > limit:
        return _CARE
    used = heap.fetch(offset + DICT_USED)
    slots = heap.fetch(table + TABLE_SLOTS)
    capacity = heap.fetch(table + TABLE_CAPACITY)
    index = table + TABLE_ENTRIES + width * capacity
    if used > capacity or capacity > limit or slots > limit or index + SLOT_SIZE * slots > limit or slots == 0:
        return _CARE
    return probe(heap, table, index, slots, used, width, key_hash, word, characters, size)  # type: ignore[name-defined,no-any-return]  # noqa: F821


def _packed_says(heap: Heap, stored: int, characters: Any, size: int) -> bool:
    """Whether a key whose text lies in the table is the str that has these bytes in UTF-8; compiled."""
    offset = stored >> PACKED_OFFSET_SHIFT
    if stored >> PACKED_SIZE_SHIFT & 0xFF != size or offset + ((size + WORD - 1) & ~(WORD - 1)) > heap.limit:
        return False
    return same_words(cython.cast(cython.p_const_char, heap.base + offset), characters, size)  # type: ignore[name-defined,no-any-return]  # noqa: F821


def _leaf_says(heap: Heap, stored: int, characters: Any, size: int) -> bool:
    """Whether a leaf is the str that has these bytes in UTF-8; compiled."""
    leaf = stored ^ TAG_LEAF
    if heap.peek(leaf) != _STR_HEADER | size << 16 or leaf + WORD + size > heap.limit:
        return False
    at = cython.cast(cython.p_const_char, heap.base + leaf + WORD)
    return same_memory(at, characters, size)  # type: ignore[name-defined,no-any-return]  # noqa: F821


def find_entry(heap: Heap, offset: int, width: int, key: Any, key_hash: int) -> int:
    """The offset of the entry of `key`, or 0.

    Raises:
        RuntimeError: each comparison has changed the table, so the search does not come to an end.
    """
    for _ in range(_ATTEMPTS):
        found = _search(heap, offset, width, key, key_hash)
        if found != _CHANGED:
            return found
    raise RuntimeError("every comparison of a look-up changed the container")


def _search(heap: Heap, offset: int, width: int, key: Any, key_hash: int) -> int:
    """Return what `find_entry` returns, or `_CHANGED` if a comparison has changed the table during the search."""
    table = heap.peek(offset + DICT_TABLE)
    if not table:
        return 0
    word = _word_of(heap, key)
    used = heap.peek(offset + DICT_USED)
    slots = heap.peek(table + TABLE_SLOTS)
    index = table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY)
    mask = slots - 1
    perturb = key_hash
    slot = key_hash & mask
    for _ in range(slots + PERTURBED_STEPS):
        found = read_slot(heap, index, slot)
        number = found & mask
        if number == 0 or number > used:
            return 0
        entry = table + TABLE_ENTRIES + width * (number - 1)
        if (found ^ key_hash) & (SLOT_MAX ^ mask) == 0 and heap.peek(entry + ENTRY_HASH) == key_hash:
            stored = heap.peek(entry + ENTRY_KEY)
            if stored != ABSENT:
                if stored == word:
                    return entry
                changes = heap.changes
                same = _equals(heap, stored, key)
                if heap.changes != changes and (
                    heap.peek(offset + DICT_TABLE) != table
                    or heap.peek(entry + ENTRY_KEY) != stored
                    or heap.peek(entry + ENTRY_HASH) != key_hash
                ):
                    return _CHANGED
                if same:
                    return entry
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    return 0


def _word_of(heap: Heap, key: Any) -> int:
    """The word of a key that fits into one word; `ABSENT` for others, and for an object of another pool."""
    kind = type(key)
    if kind is not str and kind is not int and isinstance(key, Handle) and key._p_heap is not heap:
        return ABSENT
    return immediate(heap, key)


def _equals(heap: Heap, stored: int, key: Any) -> bool:
    """Whether the key that a word stands for equals `key`, which has the same hash."""
    if is_container(stored):
        # Containers that change compare by identity, and the same container has the same word.
        kind = kind_of(heap.peek(stored))
        if kind != _TUPLE and kind != _FROZENSET:
            return False
    elif type(key) is str and is_packed(stored):
        return _packed_is_str(heap, stored, key)
    elif type(key) is str and is_leaf(stored):
        return _leaf_is_str(heap, stored, key)
    candidate = decode(heap, stored)
    key = canonical(key)
    return candidate is key or bool(candidate == key)


def _packed_is_str(heap: Heap, stored: int, key: str) -> bool:
    if cython.compiled:
        size = 0
        characters = utf8_of(key, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
        if characters != cython.NULL:
            return _packed_says(heap, stored, characters, size)
        forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
    return packed_text(heap, stored) == key.encode("utf-8", "surrogatepass")


def _leaf_is_str(heap: Heap, stored: int, key: str) -> bool:
    if cython.compiled:
        size = 0
        characters = utf8_of(key, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
        if characters == cython.NULL:
            forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
        elif _leaf_says(heap, stored, characters, size):
            return True
    kind, payload = leaf_parts(heap, stored)
    if kind != Kind.STR:
        # It may be an instance of a nominated subclass of str, which may be equal.
        return bool(decode(heap, stored) == key)
    return payload == key.encode("utf-8", "surrogatepass")
