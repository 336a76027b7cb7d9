"""Conversion between Python values and the 64-bit words that stand for them in a pool.

Every slot of every container holds one word (see `_format`). A value that fits into a word is stored as the word itself
(an immediate). Other immutable values are copied into a leaf, which belongs to this one slot. A persistent object is
stored as its offset. So `replace`, the only way to overwrite a slot, frees the leaf that the slot held, and no
references are counted.

Only exact types are accepted: an instance of a subclass of int, for example, would come back as an int. So it is
refused unless its class was nominated with `persist_via_pickle`.
"""

from __future__ import annotations

import struct
from typing import Any

from pmemobj._engine.heap import Handle, Heap
from pmemobj._engine.publication import Publication
from pmemobj._format import (
    ABSENT,
    HEADER_MARK,
    LEAF_KINDS,
    PACKED_OFFSET_SHIFT,
    PACKED_SIZE_SHIFT,
    PACKED_STR,
    SHORT_BYTES,
    SHORT_MAX,
    TAG_CONTAINER,
    TAG_LEAF,
    TAG_MASK,
    TAG_REST,
    TAG_STR,
    WORD,
    WORD_FALSE,
    WORD_INF,
    WORD_MINUS_INF,
    WORD_MINUS_ZERO,
    WORD_NONE,
    WORD_TRUE,
    WORD_ZERO,
    Kind,
    header,
    kind_of,
)
from pmemobj._values.leaves import BadPayload, payload_of, value_of
from pmemobj._values.plain_containers import describe_plain_container
from pmemobj.errors import (
    NotPersistableError,
    PoolDamagedError,
    TimeZoneNotFoundError,
    TransactionError,
    a_or_an,
)

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_MASK = 0xFFFFFFFFFFFFFFFF
_LEAF_KINDS = {str: Kind.STR, bytes: Kind.BYTES, int: Kind.INT, float: Kind.FLOAT}
_STR_KIND = int(Kind.STR)
_STR_HEADER = header(Kind.STR)
#: A character takes at most 4 bytes: twice this many bytes for each give more characters than are shown.
_BYTES_EACH = 8
_INT_MIN, _INT_MAX = -(1 << 62), (1 << 62) - 1

_DOUBLE = struct.Struct("<d")
_QUAD = struct.Struct("<Q")

_CONSTANTS: dict[int, Any] = {
    WORD_NONE: None,
    WORD_FALSE: False,
    WORD_TRUE: True,
    WORD_ZERO: 0.0,
    WORD_MINUS_ZERO: -0.0,
    WORD_INF: float("inf"),
    WORD_MINUS_INF: float("-inf"),
}
#: The words of the floats that `_float_word` cannot rotate, by the bits of the double.
_FLOAT_CONSTANTS = {
    _QUAD.unpack(_DOUBLE.pack(value))[0]: word for word, value in _CONSTANTS.items() if type(value) is float
}


# ---- words -------------------------------------------------------------------------------------


def immediate(heap: Heap, value: Any) -> int:
    """The word for a value that needs no memory of its own, else `ABSENT`.

    Raises:
        NotPersistableError: the value is a persistent object of another pool.
    """
    kind = type(value)
    if kind is int:
        return _small_int(value)
    if kind is str:
        return _short_str(value)
    if value is None:
        return WORD_NONE
    if value is True:
        return WORD_TRUE
    if value is False:
        return WORD_FALSE
    if kind is float:
        return _float_word(value)
    if kind is bytes and len(value) <= SHORT_MAX:
        return SHORT_BYTES | len(value) << 4 | int.from_bytes(value, "little") << 8
    if isinstance(value, Handle):
        return reference(heap, value)
    return ABSENT


def _small_int(value: int) -> int:
    if cython.compiled:
        overflow = 0
        number = long_long_of(value, cython.address(overflow))  # type: ignore[name-defined]  # noqa: F821
        word = cython.cast(cython.ulonglong, number) << 1
        if overflow or cython.cast(cython.longlong, word) >> 1 != number:
            return ABSENT
        return word | 1  # type: ignore[no-any-return]
    else:
        return (value << 1 | 1) & _MASK if _INT_MIN <= value <= _INT_MAX else ABSENT


def _short_str(value: str) -> int:
    if len(value) > SHORT_MAX:
        return ABSENT
    if cython.compiled:
        size = 0
        data_at = utf8_of(value, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
        if data_at != cython.NULL:
            if size > SHORT_MAX:
                return ABSENT
            return TAG_STR | size << 4 | padded_word(data_at, size) << 8  # type: ignore[name-defined,no-any-return]  # noqa: F821
        forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
    data = value.encode("utf-8", "surrogatepass")
    if len(data) > SHORT_MAX:
        return ABSENT
    return TAG_STR | len(data) << 4 | int.from_bytes(data, "little") << 8


def _float_word(value: float) -> int:
    (bits,) = _QUAD.unpack(_DOUBLE.pack(value))
    exponent_top = bits >> 60 & 7
    if exponent_top == 3 or exponent_top == 4:
        word: int = (bits << 4 & _MASK) | (bits >> 63) << 3 | (exponent_top == 4) << 2 | 2
        return word
    return _FLOAT_CONSTANTS.get(bits, ABSENT)


def reference(heap: Heap, value: Handle) -> int:
    """The word for a persistent object of this heap.

    Raises:
        NotPersistableError: the object lies in another pool.
    """
    if value._p_heap is not heap:
        value._p_heap.read(value._p_offset)  # If the object is dead, this raises the reason.
        raise NotPersistableError(
            f"store {a_or_an(type(value).__name__)} of pool {value._p_heap.name} in pool {heap.name}",
            "a pool holds only its own objects",
            "create a copy with pool.new()",
        )
    return value._p_offset


def decode(heap: Heap, word: int) -> Any:
    """The Python value of a word. For a container this is its one live handle."""
    if word & 1:
        if cython.compiled:
            return cython.cast(cython.longlong, word) >> 1
        else:
            return (word >> 1) - (1 << 63) if word >> 63 else word >> 1
    if word & 3 == 2:
        return _word_float(word)
    if cython.compiled and is_ascii_word(word):  # type: ignore[name-defined]  # noqa: F821
        return ascii_of(word)  # type: ignore[name-defined]  # noqa: F821
    try:
        return _decode_tagged(heap, word)
    except (UnicodeDecodeError, BadPayload) as error:
        raise _nonsense(heap, f"the word {word:#018x} stands for no value ({error})") from None


def _decode_tagged(heap: Heap, word: int) -> Any:
    tag = word & TAG_MASK
    if tag == TAG_STR:
        size = word >> 4 & 15
        if size <= SHORT_MAX:
            if cython.compiled:
                word >>= 8
                return str_of(cython.cast(cython.p_char, cython.address(word)), size, "surrogatepass")  # type: ignore[name-defined]  # noqa: F821
            else:
                return (word >> 8).to_bytes(SHORT_MAX, "little")[:size].decode("utf-8", "surrogatepass")
        if word & 0xFF == PACKED_STR:
            if cython.compiled:
                size = word >> PACKED_SIZE_SHIFT & 0xFF
                if (word >> PACKED_OFFSET_SHIFT) + size > heap.limit:
                    heap.refuse(word >> PACKED_OFFSET_SHIFT)
                at = cython.cast(cython.p_char, heap.base + (word >> PACKED_OFFSET_SHIFT))
                return str_of(at, size, "surrogatepass")  # type: ignore[name-defined]  # noqa: F821
            else:
                return packed_text(heap, word).decode("utf-8", "surrogatepass")
    elif tag == TAG_CONTAINER:
        if word != ABSENT:
            return heap.handle(word)
    elif tag == TAG_LEAF:
        if cython.compiled and _is_text(heap, word):
            data_at = cython.cast(cython.p_char, heap.base + (word & ~TAG_MASK) + WORD)
            size = heap.peek(word & ~TAG_MASK) >> 16
            return str_of(data_at, size, "surrogatepass")  # type: ignore[name-defined]  # noqa: F821
        kind, payload = leaf_parts(heap, word)
        return value_of(kind, payload)
    elif word in _CONSTANTS:
        return _CONSTANTS[word]
    elif SHORT_BYTES <= word & 0xFF <= SHORT_BYTES | SHORT_MAX << 4:
        return (word >> 8).to_bytes(SHORT_MAX, "little")[: word >> 4 & 7]
    raise _nonsense(heap, f"the word {word:#018x} stands for no value")


def _is_text(heap: Heap, word: int) -> bool:
    """Whether a leaf is a str that lies within the pool; compiled, where it is read without a copy of its bytes."""
    offset = word & ~TAG_MASK
    head = heap.peek(offset)
    return head & 0xFFFF == _STR_HEADER and offset + WORD + (head >> 16) <= heap.limit


def _word_float(word: int) -> float:
    bits = (word & 8) << 60 | (4 if word & 4 else 3) << 60 | word >> 4
    if cython.compiled:
        value = 0.0
        copy_memory(cython.address(value), cython.address(bits), WORD)  # type: ignore[name-defined]  # noqa: F821
        return value
    else:
        return float(_DOUBLE.unpack(_QUAD.pack(bits))[0])


def _nonsense(heap: Heap, why: str) -> PoolDamagedError:
    return PoolDamagedError(f"read a value of {heap.name}", why, "restore the pool from a copy")


def is_leaf(word: int) -> bool:
    """Whether the slot with this word owns an allocation."""
    return word & TAG_MASK == TAG_LEAF


def is_container(word: int) -> bool:
    """Whether the word is the offset of a persistent object, which other slots may share."""
    return word & TAG_MASK == TAG_CONTAINER and word != ABSENT


def is_packed(word: int) -> bool:
    """Whether the word is a key whose text lies in the table."""
    return word & 0xFF == PACKED_STR


def packed_text(heap: Heap, word: int) -> bytes:
    """The text of a key that lies in the table, in UTF-8."""
    return heap.read_bytes(word >> PACKED_OFFSET_SHIFT, word >> PACKED_SIZE_SHIFT & 0xFF)


def is_immediate(word: int) -> bool:
    """Whether the word is a value by itself, which `decode` makes without reading more of the pool."""
    if word & 3:
        return True  # an int or a float
    tag = word & TAG_MASK
    if tag == TAG_STR:
        return word >> 4 & 15 <= SHORT_MAX
    return word in _CONSTANTS or SHORT_BYTES <= word & 0xFF <= SHORT_BYTES | SHORT_MAX << 4


# ---- storing -----------------------------------------------------------------------------------


def encode(heap: Heap, value: Any) -> int:
    """The word for any value that can be stored. It may allocate a leaf, so it is called inside a transaction.

    Raises:
        NotPersistableError: the value cannot be stored.
        PoolFullError: there is no room for the leaf.
        TransactionError: pickling the value has changed the pool.
    """
    word = immediate(heap, value)
    if word != ABSENT:
        return word
    if cython.compiled and type(value) is str:
        word = _new_text(heap, value)
        if word != ABSENT:
            return word
    changes = heap.changes
    kind, payload = payload_of(value)
    if heap.changes != changes:
        # The caller has already decided where the word goes.
        raise TransactionError(
            f"store {a_or_an(type(value).__qualname__)} in {heap.name}",
            "its pickling changed the pool meanwhile",
            "let the methods that pickle calls only read",
        )
    return new_leaf(heap, kind, payload)


def _new_text(heap: Heap, value: str) -> int:
    """The word for a new leaf of a str, made without a copy of its bytes; `ABSENT` if it has no UTF-8. Compiled."""
    size = 0
    data_at = utf8_of(value, cython.address(size))  # type: ignore[name-defined]  # noqa: F821
    if data_at == cython.NULL:
        forget_error()  # type: ignore[name-defined]  # noqa: F821 - half a surrogate pair has no UTF-8
        return ABSENT
    offset = heap.alloc(WORD + size, _STR_KIND)
    place = cython.cast(cython.p_char, heap.base + offset)
    cython.cast(cython.p_ulonglong, place)[0] = _STR_HEADER | size << 16
    copy_memory(place + WORD, data_at, size)  # type: ignore[name-defined]  # noqa: F821
    return offset | TAG_LEAF


def new_leaf(heap: Heap, kind: int, payload: bytes) -> int:
    """The word for a new leaf, made inside a transaction. The slot that it is written to will own the leaf.

    Raises:
        PoolFullError: there is no room for it.
    """
    offset = heap.alloc(WORD + len(payload), kind)
    return _fill_leaf(heap, offset, kind, payload)


def _fill_leaf(heap: Heap, offset: int, kind: int, payload: bytes) -> int:
    """Write a leaf into memory that has just been allocated for it; return its word."""
    heap.init_bytes(offset, _QUAD.pack(header(kind, len(payload))) + payload)
    return offset | TAG_LEAF


def duplicate(heap: Heap, word: int) -> int:
    """The word with which another slot holds the same value, made inside a transaction.

    Raises:
        PoolFullError: there is no room for another leaf.
    """
    if not is_leaf(word):
        return word
    kind, payload = leaf_parts(heap, word)
    return new_leaf(heap, kind, payload)


def replace(heap: Heap, slot: int, value: Any, area: int = 0, end: int = 0) -> None:
    """Store `value` in the live slot at offset `slot`, and free the leaf that it held.

    Args:
        heap: The heap.
        slot: The offset of the slot's word.
        value: What to store.
        area: The beginning of the allocation that has many such slots, so that the log can be cheaper; 0 if there is
            none.
        end: The end of that allocation.

    Durability: atomic by itself and durable at return; inside a transaction with its commit.
    Cost: one 8-byte store if neither the old nor the new value is a leaf, else one publication (see `publication`).
    """
    lock = heap.lock
    lock.acquire()
    try:
        word = immediate(heap, value)
        if word != ABSENT and not is_leaf(heap.peek(slot)):
            if area and heap.in_transaction():
                heap.write_in(slot, word, area, end)
            else:
                heap.store(slot, word)
            return
        if not heap.in_transaction() and _swap(heap, slot, word, value):
            return
        with heap.statement:
            if word == ABSENT:
                word = encode(heap, value)
            exchange(heap, slot, word, area, end)
    finally:
        lock.release()


def _swap(heap: Heap, slot: int, word: int, value: Any) -> bool:
    """Do what `exchange` does outside a transaction. Return False if this takes a transaction.

    Args:
        heap: The heap.
        slot: The offset of the slot's word.
        word: The word of the value if it needs no memory, else `ABSENT`.
        value: What to store.
    """
    publication = Publication(heap)
    try:
        if word == ABSENT:
            word = prepare(heap, publication, value)
            if word == ABSENT:
                return False
        dropped = heap.peek(slot)
        publication.finish(slot, word, dropped ^ TAG_LEAF if is_leaf(dropped) else 0)
        return True
    finally:
        publication.cancel()


def prepare(heap: Heap, publication: Publication, value: Any) -> int:
    """The word of a value. If the value needs a leaf, a publication will allocate it.

    Returns:
        The word; `ABSENT` if there is no room at hand, or if foreign code may have to encode the value: what that code
        changes belongs to the same transaction.
    """
    word = immediate(heap, value)
    if word != ABSENT:
        return word
    kind = type(value)
    if kind is str:
        payload = value.encode("utf-8", "surrogatepass")
    elif kind is bytes:
        payload = value
    elif kind is int or kind is float:
        _, payload = payload_of(value)
    else:
        return ABSENT
    leaf_kind = _LEAF_KINDS[kind]
    offset = publication.alloc(WORD + len(payload), leaf_kind)
    if not offset:
        return ABSENT
    return _fill_leaf(heap, offset, leaf_kind, payload)


def exchange(heap: Heap, slot: int, word: int, area: int = 0, end: int = 0) -> None:
    """Write a word into a live slot and free the leaf that the slot held, inside a transaction.

    Args:
        heap: The heap.
        slot: The offset of the slot's word.
        word: The new word.
        area: As for `replace`.
        end: As for `replace`.
    """
    dropped = heap.peek(slot)
    if area:
        heap.write_in(slot, word, area, end)
    else:
        heap.write(slot, word)
    free_leaf(heap, dropped)


def free_leaf(heap: Heap, word: int) -> None:
    """Free the leaf that a slot owned, if the word is one. Containers are freed by the garbage collection only."""
    if is_leaf(word):
        heap.free(word ^ TAG_LEAF)


# ---- leaves ------------------------------------------------------------------------------------


def leaf_parts(heap: Heap, word: int) -> tuple[Kind, bytes]:
    """The kind and the payload of the leaf that a word points to.

    Raises:
        PoolDamagedError: there is no leaf at this offset.
    """
    offset = word & ~TAG_MASK
    head = heap.peek(offset)
    kind = kind_of(head)
    if kind not in LEAF_KINDS:
        raise _nonsense(heap, f"there is no value at offset {offset:#x}")
    return Kind(kind), heap.read_bytes(offset + WORD, head >> 16)


# ---- texts ---------------------------------------------------------------------------------------


def describe(heap: Heap, word: int, limit: int = 40) -> str:
    """A short text for the value of a word, for pictures and tables.

    It never unpickles, never makes a handle, and never raises, whatever the pool contains.
    """
    if word == ABSENT:
        return "absent"
    if is_container(word):
        return f"object at {word:#x}"
    size = ""
    try:
        if is_leaf(word):
            kind, payload = leaf_parts(heap, word)
            size = f"{kind.name.lower()} of {len(payload)} bytes"
            if kind is Kind.PICKLE:
                return size
            if kind is Kind.PLAIN_CONTAINER:
                text = describe_plain_container(payload)
                return text if len(text) <= limit else text[: limit - 1] + "…"
            if kind in (Kind.STR, Kind.BYTES) and len(payload) > _BYTES_EACH * limit:
                # The repr of a MiB would take some ten milliseconds, for a text that is cut off anyway.
                return repr(value_of(kind, _beginning(payload, _BYTES_EACH * limit, kind)))[: limit - 1] + "…"
        value = decode(heap, word)
    except TimeZoneNotFoundError:
        return size
    except Exception:
        return f"damaged ({word:#x})"
    try:
        text = repr(value)
    except ValueError:
        return size  # Python refuses to write an int with so many digits.
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _beginning(payload: bytes, size: int, kind: Kind) -> bytes:
    """About the first `size` bytes of a text or of bytes; a text is cut between two characters."""
    while kind is Kind.STR and payload[size] & 0xC0 == 0x80:
        size -= 1
    return payload[:size]


assert header(Kind.STR) >> 8 & 0xFF == HEADER_MARK and TAG_REST == TAG_MASK & WORD_NONE
