"""The hash table of dicts and sets: entries in insertion order, and an index of slots that find them.

Layout: see `_layout`, "dict", "set" and "table". The functions here are given the offset of the
container and the size of its entries: `ENTRY_SIZE` with a value word, `SET_ENTRY_SIZE` without.

The index is open addressing with CPython's probing sequence. A slot has the number of an entry, and
above it as much of the hash as there is room for, so that a search seldom looks at an entry that is
not the one. A deleted entry keeps its place and its slot, with key 0, so that probing goes on past it
and the order of the others stays; it goes when the table is rebuilt, or when all entries after it are
gone. For the last entry is the one whose slot can simply be emptied: nothing was put into the index
after it, so no other probing has ever gone past that slot. The index is thus at any time what the
entries that are used, put in by number, make of it, and `popitem` need not walk over what it has left
behind. A slot with a number beyond those is empty too: the count alone makes an entry be there, so
that a key whose words need no memory is added without a transaction (`add_at_once`).

`find_entry` may run foreign code, the `__eq__` of keys, and everything may have changed after it. So
whoever changes a table encodes all words first, then finds, and then changes, with nothing foreign
between the last two. `find_entry` itself starts anew where a comparison changed the table under it.
"""

from __future__ import annotations

import sys
from typing import Any

from pmemobj._engine.heap import Handle, Heap, steadily
from pmemobj._engine.publication import Publication
from pmemobj._format import (
    ABSENT,
    DICT_DELETED,
    DICT_SIZE,
    DICT_TABLE,
    DICT_USED,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    ENTRY_VALUE,
    IMMEDIATE_BITS,
    PACKED_MAX,
    PACKED_OFFSET_SHIFT,
    PACKED_SIZE_SHIFT,
    PACKED_STR,
    SET_ENTRY_SIZE,
    SHORT_MAX,
    STR_SEED,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TABLE_SLOTS,
    TABLE_TEXTS,
    TAG_LEAF,
    TAG_MASK,
    TAG_STR,
    WORD,
    Kind,
    header,
    kind_of,
)
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.key_texts import (
    filled_up,
    has_room,
    pack,
    put_text,
    size_of_texts,
    take_texts,
    texts_at,
)
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._hashtable.shape import MIN_SLOTS, SLOT_SIZE, Shape, fill_index, shapes_for
from pmemobj._values.nans import one_key
from pmemobj._values.words import (
    decode,
    exchange,
    free_leaf,
    immediate,
    is_container,
    is_leaf,
    is_packed,
    leaf_parts,
    packed_text,
    prepare,
)
from pmemobj.errors import PoolDamagedError, PoolFullError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_SLOT_MAX = 0xFFFFFFFF
_STR_HEADER = header(Kind.STR)
_TUPLE = int(Kind.TUPLE)
#: Python's hash of a smaller int is the int itself, but for -1.
_HASH_MODULUS = sys.hash_info.modulus
#: No offset of an entry: finding it may run foreign code.
_CARE = 1
#: The perturbation of the probing is used up after so many steps; then every slot is visited.
_PERTURBED_STEPS = 13
#: How often a search begins anew; where dict would go on for ever.
_ATTEMPTS = 100
#: No offset of an entry.
_CHANGED = 1
#: A table gets smaller when no more than one in so many of its places is live.
_SPARSE = 8


# ---- finding -------------------------------------------------------------------------------------


def value_of(heap: Heap, offset: int, key: Any, default: Any) -> Any:
    """The value of a key in the dict at `offset`, or `default`."""
    entry = find_entry(heap, offset, ENTRY_SIZE, key, stored_hash(heap, key))
    return decode(heap, heap.peek(entry + ENTRY_VALUE)) if entry else default


def look_up(owner: Any, key: Any, default: Any) -> Any:
    """The value of a key in a dict, or `default`, whatever other threads do meanwhile."""
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
    version = heap.version
    if heap.still_valid(version):
        try:
            value = value_of(heap, owner._p_offset, key, default)
        except Exception:
            if heap.still_valid(version):
                raise
        else:
            if heap.still_valid(version):
                return value
    return steadily(owner, _look_up, owner, key, default)


def _look_up(owner: Any, key: Any, default: Any) -> Any:
    return value_of(owner._p_heap, owner._p_offset, key, default)


def has_entry(owner: Any, width: int, key: Any) -> bool:
    """Whether a key is in a dict or set, whatever other threads do meanwhile."""
    heap = owner._p_heap
    if cython.compiled:
        found = quick_entry(heap, owner._p_offset, width, key)
        if found != _CARE:
            return found != 0
    key_hash = stored_hash(heap, key)
    version = heap.version
    if heap.still_valid(version):
        try:
            found = find_entry(heap, owner._p_offset, width, key, key_hash)
        except Exception:
            if heap.still_valid(version):
                raise
        else:
            if heap.still_valid(version):
                return found != 0
    return steadily(owner, _has_entry, owner, width, key, key_hash)


def _has_entry(owner: Any, width: int, key: Any, key_hash: int) -> bool:
    return find_entry(owner._p_heap, owner._p_offset, width, key, key_hash) != 0


def quick_entry(heap: Heap, offset: int, width: int, key: Any) -> int:
    """The offset of the entry of a str or a number, 0, or `_CARE` where it needs the long way; compiled.

    No foreign code runs here, so that no other thread does, and the entry is what it is until the
    caller lets one run.
    """
    characters = cython.NULL
    size = 0
    word = ABSENT
    if heap.version & 1:
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
        key_hash = -2 if number == -1 else number  # Python's own, for a number below its modulus
        word = number << 1 | 1
    else:
        return _CARE
    # The bounds are looked at once, here: each by itself first, lest nonsense add up to sense.
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
    mask = slots - 1
    perturb = key_hash
    slot = key_hash & mask
    for _ in range(slots + _PERTURBED_STEPS):
        found = heap.fetch_half(index + SLOT_SIZE * slot)
        place = found & mask
        if place == 0 or place > used:
            return 0
        entry = table + TABLE_ENTRIES + width * (place - 1)
        if (found ^ key_hash) & (_SLOT_MAX ^ mask) == 0 and heap.fetch(entry + ENTRY_HASH) == key_hash:
            stored = heap.fetch(entry + ENTRY_KEY)
            if stored != ABSENT:
                if stored == word:
                    return entry
                if stored & 0xFF == PACKED_STR:
                    if characters != cython.NULL and _packed_says(heap, stored, characters, size):
                        return entry
                elif characters == cython.NULL or stored & TAG_MASK != TAG_LEAF:
                    return _CARE
                elif _leaf_says(heap, stored, characters, size):
                    return entry
                elif heap.peek(stored ^ TAG_LEAF) & 0xFFFF != _STR_HEADER:
                    return _CARE  # of a nominated class, say, which may compare equal
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    return 0


def _packed_says(heap: Heap, stored: int, characters: Any, size: int) -> bool:
    """Whether the key of a packed text is the str that has these bytes in UTF-8; compiled."""
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
        RuntimeError: each comparison changes the table, so that the search never comes to an end.
    """
    for _ in range(_ATTEMPTS):
        found = _search(heap, offset, width, key, key_hash)
        if found != _CHANGED:
            return found
    raise RuntimeError("every comparison of a look-up changed the container")


def _search(heap: Heap, offset: int, width: int, key: Any, key_hash: int) -> int:
    """What `find_entry` returns, or `_CHANGED` if a comparison changed the table under the search."""
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
    for _ in range(slots + _PERTURBED_STEPS):
        found = _read_slot(heap, index, slot)
        number = found & mask
        if number == 0 or number > used:
            return 0
        entry = table + TABLE_ENTRIES + width * (number - 1)
        if (found ^ key_hash) & (_SLOT_MAX ^ mask) == 0 and heap.peek(entry + ENTRY_HASH) == key_hash:
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
    """The word of a key that fits into one, if it can be in this pool at all."""
    kind = type(key)
    if kind is not str and kind is not int and isinstance(key, Handle) and key._p_heap is not heap:
        return ABSENT
    return immediate(heap, key)


def _equals(heap: Heap, stored: int, key: Any) -> bool:
    """Whether the key that a word stands for equals `key`, which has the same hash."""
    if is_container(stored):
        # All but tuples compare by identity, and those of the same identity have the same word.
        if kind_of(heap.peek(stored)) != _TUPLE:
            return False
    elif type(key) is str and is_packed(stored):
        return _packed_is_str(heap, stored, key)
    elif type(key) is str and is_leaf(stored):
        return _leaf_is_str(heap, stored, key)
    candidate = decode(heap, stored)
    key = one_key(key)
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
        # A str of a nominated class may equal it.
        return bool(decode(heap, stored) == key)
    return payload == key.encode("utf-8", "surrogatepass")


def _read_slot(heap: Heap, index: int, slot: int) -> int:
    """Two slots share a word."""
    word = heap.peek(index + WORD * (slot >> 1))
    return word >> 32 if slot & 1 else word & _SLOT_MAX


def _with_slot(heap: Heap, index: int, slot: int, content: int) -> int:
    """The word of a slot, with something else in that slot."""
    word = heap.peek(index + WORD * (slot >> 1))
    return (word & _SLOT_MAX) | content << 32 if slot & 1 else word >> 32 << 32 | content


def as_word(word: int) -> bytes:
    """The bytes of a word."""
    if cython.compiled:
        return cython.cast(cython.p_char, cython.address(word))[:WORD]  # type: ignore[no-any-return]
    else:
        return word.to_bytes(WORD, "little")


def _content(mask: int, key_hash: int, number: int) -> int:
    """What a slot holds for an entry: its number, and above it the bits of its hash that do not choose the slot."""
    return key_hash & (_SLOT_MAX ^ mask) | number


def _slot_of(heap: Heap, index: int, mask: int, key_hash: int, number: int) -> int:
    """The slot that holds the number of an entry, on the path of its hash."""
    perturb = key_hash
    slot = key_hash & mask
    for _ in range(mask + 1 + _PERTURBED_STEPS):
        if _read_slot(heap, index, slot) & mask == number:
            return slot
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    raise PoolDamagedError(
        f"change a table of {heap.name}", f"its index has no slot for entry {number}", "restore the pool from a copy"
    )


def _free_slot(heap: Heap, index: int, mask: int, key_hash: int, used: int) -> int:
    """The first slot on the path of a hash that has none of the `used` entries."""
    perturb = key_hash
    slot = key_hash & mask
    for _ in range(mask + 1 + _PERTURBED_STEPS):
        number = _read_slot(heap, index, slot) & mask
        if number == 0 or number > used:
            return slot
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    raise PoolDamagedError(
        f"change a table of {heap.name}", "its index has no slot that is free", "restore the pool from a copy"
    )


# ---- changing, outside a transaction -------------------------------------------------------------


def _next_place(heap: Heap, offset: int, width: int) -> int:
    """Where the next entry goes without anything being moved or cleared before; 0 where that is not possible."""
    table = heap.peek(offset + DICT_TABLE)
    if not table:
        return 0
    used = heap.peek(offset + DICT_USED)
    entry = table + TABLE_ENTRIES + width * used
    if used >= heap.peek(table + TABLE_CAPACITY) or heap.peek(entry + ENTRY_KEY) != ABSENT:
        return 0
    return entry


def prepare_key(heap: Heap, publication: Publication, key: Any, texts: bytearray) -> int:
    """As `word_of_key`, but for a key whose leaf a publication will allocate; `ABSENT` where it cannot."""
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
    """Add an entry by three stores; by whoever holds the lock, outside a transaction.

    The entry with its text, its slot and the count reach the medium in this order, and until the last one the key is
    not there: a slot with a number beyond the count is taken for empty. So what a crash leaves of an
    entry means nothing; the next to use the place clears the slot (see `_clear_leftovers`), of which the entry tells.
    Where a word of the entry is a leaf that `publication` has prepared, the last store is that publication.

    Returns:
        Whether it did; False where the table has no room, or a leftover.
    """
    entry = _next_place(heap, offset, width)
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
        pieces.append((table + TABLE_TEXTS, as_word(before + len(texts))))
    index = table + TABLE_ENTRIES + width * heap.peek(table + TABLE_CAPACITY)
    mask = heap.peek(table + TABLE_SLOTS) - 1
    slot = _free_slot(heap, index, mask, key_hash, used)
    words = as_word(key_hash) + as_word(key_word)
    pieces.append((entry, words if width == SET_ENTRY_SIZE else words + as_word(value_word)))
    heap.store_apart(pieces)
    heap.store(index + WORD * (slot >> 1), _with_slot(heap, index, slot, _content(mask, key_hash, used + 1)))
    if is_leaf(key_word) or (width == ENTRY_SIZE and is_leaf(value_word)):
        publication.finish(offset + DICT_USED, used + 1)
    else:
        heap.store(offset + DICT_USED, used + 1)
    return True


def store_value(heap: Heap, offset: int, entry: int, word: int) -> bool:
    """Replace the value of an entry where neither the old nor the new one owns memory; else return False."""
    slot = entry + ENTRY_VALUE
    if is_leaf(heap.peek(slot)):
        return False
    if heap.in_transaction():
        exchange_value(heap, offset, entry, word)
    else:
        heap.store(slot, word)
    return True


# ---- changing, inside a statement ----------------------------------------------------------------


def put_entry(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> None:
    """Let `key` be there, in a dict with the value of a word, for which its slot then answers."""
    entry = find_entry(heap, offset, width, key, key_hash)
    if not entry:
        add_entry(heap, offset, width, key, key_hash, value_word)
    elif width == ENTRY_SIZE:
        exchange_value(heap, offset, entry, value_word)


def add_entry(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> None:
    """As `put_entry`, for a key that has just been found missing."""
    if cython.compiled and _add_plainly(heap, offset, width, key, key_hash, value_word):
        return
    changes = heap.changes
    new = NewEntries(width)
    new.add(heap, key, key_hash, value_word)
    if heap.changes != changes:  # pickling it ran foreign code
        entry = find_entry(heap, offset, width, key, key_hash)
        if entry:
            new.free_keys(heap)
            if width == ENTRY_SIZE:
                exchange_value(heap, offset, entry, value_word)
            return
    append_entries(heap, offset, new)


def add_in_statement(heap: Heap, offset: int, width: int, key: Any, key_hash: int, value_word: int) -> None:
    """`add_entry`, and what it takes to be a statement."""
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
    """What `append_entries` does, for one int or str in a table that has room; compiled, without a list.

    Returns:
        Whether it did; False where it takes more.
    """
    entry = _next_place(heap, offset, width) if type(key) is int or type(key) is str else 0
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
    slot = _free_slot(heap, index, mask, key_hash, used)
    content = _with_slot(heap, index, slot, _content(mask, key_hash, used + 1))
    heap.write_in(index + WORD * (slot >> 1), content, table, index + SLOT_SIZE * (mask + 1))
    counter = offset + DICT_USED
    heap.append_row_in(entry, key_hash, key_word, value_word, width, counter, table, index)
    heap.write(counter, used + 1)
    return True


def _add_text(heap: Heap, table: int, width: int, key: Any) -> int:
    """Put the text of a key into a table that has room for it: the word of the key, else `ABSENT`; compiled."""
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


def exchange_value(heap: Heap, offset: int, entry: int, word: int) -> None:
    """Replace the value of an entry of the dict at `offset`, inside a transaction."""
    table = heap.peek(offset + DICT_TABLE)
    end = table + TABLE_ENTRIES + ENTRY_SIZE * heap.peek(table + TABLE_CAPACITY)
    exchange(heap, entry + ENTRY_VALUE, word, table, end)


def append_entries(heap: Heap, offset: int, new: NewEntries) -> None:
    """Add entries whose keys are not there yet.

    Snapshotted before: the slots, the counts, and the places of the entries where a roll-back would have to restore
    them: in a transaction that has taken something away there.
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
        slot = _free_slot(heap, index, mask, key_hash, used + number)
        word = _with_slot(heap, index, slot, _content(mask, key_hash, used + number + 1))
        heap.write_in(index + WORD * (slot >> 1), word, table, end)
    heap.append_bytes_in(entry, bytes(new.rows), offset + DICT_USED, table, index, table)
    heap.write(offset + DICT_USED, used + count)


def _clear_leftovers(heap: Heap, offset: int, width: int, count: int) -> None:
    """Make all places beyond those in use as new, where a crash or a roll-back has left an entry in the next `count`.

    Snapshotted before: the slots that still have their numbers, and the keys.
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
        if _read_slot(heap, index, slot) & mask > used:
            heap.write_in(index + WORD * (slot >> 1), _with_slot(heap, index, slot, 0), table, end)
    while entry < index:
        if heap.peek(entry + ENTRY_KEY) != ABSENT:
            heap.write_in(entry + ENTRY_KEY, ABSENT, table, end)
        entry += width


def remove_entries(heap: Heap, offset: int, width: int, entries: list[int]) -> None:
    """Drop entries with their leaves, and, if the last is among them, all deleted ones before it.

    Snapshotted before: the words of the keys and values, the slots that are emptied, the counts.
    Holds after: the last of the used entries, if there are any, is live.
    """
    deleted, used, table = heap.read_words(offset + DICT_DELETED, 3)
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
        slot = _slot_of(heap, index, mask, heap.peek(first + width * (used - 1) + ENTRY_HASH), used)
        heap.write(index + WORD * (slot >> 1), _with_slot(heap, index, slot, 0))
        used -= 1
        deleted -= 1
    heap.write_words(offset + DICT_DELETED, [deleted, used])
    for word in dropped:  # last, since in a full pool they may take all room for logs
        free_leaf(heap, word)
    if (used - deleted) * _SPARSE < capacity and slots > MIN_SLOTS:
        try:
            rebuild(heap, offset, width)
        except PoolFullError:
            pass  # deleting must be possible in a full pool; the next one tries again


def drop_entries(heap: Heap, offset: int, width: int) -> None:
    """Drop all entries, and the table."""
    table = heap.peek(offset + DICT_TABLE)
    if table:
        words = contents(heap, offset, width)
        # First what needs to be logged: in a full pool the frees may take all room for logs.
        heap.write_words(offset + DICT_DELETED, [0, 0, 0])
        for word in words:
            free_leaf(heap, word)
        heap.free(table)


def rebuild(heap: Heap, offset: int, width: int, new: NewEntries | None = None) -> None:
    """Move the live entries and new ones to another table, with room to grow.

    It is filled while it is fresh, so that only the counts are logged.
    """
    new = new or NewEntries(width)
    old, used, deleted = heap.peek(offset + DICT_TABLE), heap.peek(offset + DICT_USED), heap.peek(offset + DICT_DELETED)
    if old and (used > heap.peek(old + TABLE_CAPACITY) or deleted > used):
        raise _miscounted(heap, used, deleted)
    present = used - deleted
    added = len(new)
    live = live_words(heap, offset, width) if deleted else []
    if deleted and len(live) != present * (width // WORD):
        raise _miscounted(heap, used, deleted)  # the new table would be too small for them
    kept = size_of_texts(heap, old, width, used) if old and heap.peek(old + TABLE_TEXTS) else 0
    table, shape = _alloc_table(heap, width, present, added, kept + len(new.texts))
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
        f"it has not as many keys as it counts ({used} entries, {deleted} of them deleted)",
        "see pool.check(); restore the pool from a copy",
    )


def _alloc_table(heap: Heap, width: int, present: int, added: int, texts: int) -> tuple[int, Shape]:
    """Memory for a table, and its shape; with less room to grow where the pool has not so much."""
    failure = None
    for shape in shapes_for(present, added, width, texts):
        try:
            return heap.alloc(shape.size, _kind_of_table(width), zero=True), shape
        except PoolFullError as error:
            failure = error
    assert failure is not None
    raise failure


def _kind_of_table(width: int) -> Kind:
    return Kind.DICT_TABLE if width == ENTRY_SIZE else Kind.SET_TABLE


# ---- all entries ---------------------------------------------------------------------------------


def entry_words(heap: Heap, offset: int, width: int) -> list[int]:
    """The words of all used entries, the deleted ones included."""
    table = heap.peek(offset + DICT_TABLE)
    if not table:
        return []
    heap.peek(table)  # refuses nonsense, which the sum below might make larger than a word
    return heap.read_words(table + TABLE_ENTRIES, heap.read_count(offset + DICT_USED) * (width // WORD))


def live_words(heap: Heap, offset: int, width: int) -> list[int]:
    """The words of the entries that are live, in order."""
    words = entry_words(heap, offset, width)
    each = width // WORD
    if ABSENT not in words[1::each]:
        return words
    return [word for at in range(0, len(words), each) if words[at + 1] != ABSENT for word in words[at : at + each]]


def contents(heap: Heap, offset: int, width: int) -> list[int]:
    """The words of all keys and values; those of deleted entries are `ABSENT`."""
    words = entry_words(heap, offset, width)
    each = width // WORD
    return words[1::3] + words[2::3] if each == 3 else words[1::2]


def count_live(heap: Heap, offset: int) -> int:
    """How many entries are live.

    Raises:
        PoolDamagedError: it counts more than the pool has bytes.
    """
    used = heap.read_count(offset + DICT_USED)
    deleted = heap.peek(offset + DICT_DELETED)
    return used - deleted if deleted <= used else used


def last_entry(heap: Heap, offset: int, width: int) -> int:
    """The offset of the last entry, or 0."""
    used = heap.peek(offset + DICT_USED)
    return heap.peek(offset + DICT_TABLE) + TABLE_ENTRIES + width * (used - 1) if used else 0
