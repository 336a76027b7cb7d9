"""Memory with types: numbers and values at places in a pool, read and written one at a time or in rows.

A location is a row of elements of one code: a code of `struct` for numbers, or ``value`` for anything
that can be stored. Whoever has memory (a block, an object with fields) answers `_p_location(key)` with
the location that a key means, after checking the key; so nothing here can leave an allocation.

There are two ways to write. `write` snapshots what it changes (or, outside a transaction, changes
one word failure-atomically) and frees the leaves that it drops. `store` is for those who have taken
one `snapshot` and then change much of it, or who `persist` by themselves; it takes numbers only,
since nobody but `write` may hand over a leaf. What its user forgets, the checking mode finds.

Keys and values are converted before the first change, since that may run foreign code; then the location is
looked up again, since that code may have freed it. A key is converted once, lest it mean two places.
"""

from __future__ import annotations

import operator
import struct
from typing import Any, NamedTuple, Protocol

from pmemobj._containers.sequence import with_numbers
from pmemobj._engine.heap import Heap, steady
from pmemobj._format import ABSENT, WORD
from pmemobj._values.words import decode, encode, exchange, immediate, is_leaf
from pmemobj.errors import BadFieldError, TransactionError

VALUE = "value"
#: So much of a value is shown in a message.
_SHOWN = 60
#: Bytes of a number by its code. struct's l, L, n and N are left out: their size depends on the machine.
SIZES = {code: struct.calcsize(f"<{code}") for code in "?bBhHiIqQfd"}


class Location(NamedTuple):
    """Where a row of `length` elements lies; `single` where the key meant one element, not a row."""

    heap: Heap
    code: str
    address: int
    length: int
    single: bool

    @property
    def size(self) -> int:
        """Bytes."""
        return self.length * element_size(self.code)


class HasLocations(Protocol):
    """What has typed memory."""

    def _p_location(self, key: Any, change: bool = False) -> Location: ...


def element_size(code: str) -> int:
    """Bytes of an element.

    Raises:
        BadFieldError: there is no such code.
    """
    size = WORD if code == VALUE else SIZES.get(code) if isinstance(code, str) else None
    if size is None:
        raise BadFieldError(
            f"lay out elements of type {code!r}", "there is no such code", f"use 'value' or one of {' '.join(SIZES)}"
        )
    return size


def settled(key: Any) -> Any:
    """A key whose indices are numbers, so that no foreign ``__index__`` runs any more."""
    if isinstance(key, slice):
        return with_numbers(key)
    return operator.index(key) if hasattr(key, "__index__") else key


def read(target: HasLocations, key: Any) -> Any:
    """The element that `key` means, or a list of those in its row."""
    return steady(target, _read, target, key)


def _read(target: HasLocations, key: Any) -> Any:
    location = target._p_location(key)
    values = read_row(location)
    return values[0] if location.single else values


def read_row(location: Location) -> list[Any]:
    """The elements in a location."""
    heap, code, address, count, _ = location
    if code == VALUE:
        return [None if word == ABSENT else decode(heap, word) for word in heap.read_words(address, count)]
    return list(struct.unpack(f"<{count}{code}", heap.read_bytes(address, count * SIZES[code])))


def write(target: HasLocations, key: Any, value: Any) -> None:
    """Replace what `key` means, by itself atomically or in the running transaction."""
    key = settled(key)
    location = target._p_location(key, change=True)
    values = _row(location, value)
    if location.code == VALUE:
        _write_values(target, key, values)
        return
    data = _pack(location, values)
    heap = location.heap
    with heap.lock:
        address = target._p_location(key, change=True).address
        first, end = address & -WORD, (address + len(data) + WORD - 1) & -WORD
        whole = bytearray(heap.read_bytes(first, end - first))
        whole[address - first : address - first + len(data)] = data
        words = list(struct.unpack(f"<{len(whole) // WORD}Q", whole))
        if len(words) == 1:
            heap.store(first, words[0])
        elif words:
            with heap.statement:
                heap.write_words(first, words)


def _write_values(target: HasLocations, key: Any, values: list[Any]) -> None:
    heap, _, address, count, _ = target._p_location(key, change=True)
    with heap.lock:
        if count == 1:
            word = immediate(heap, values[0])
            if word != ABSENT and not is_leaf(heap.read(address)):
                heap.store(address, word)
                return
        with heap.statement:
            words = [immediate(heap, value) or encode(heap, value) for value in values]
            address = target._p_location(key, change=True).address
            for at, word in enumerate(words):
                exchange(heap, address + WORD * at, word)


def store(target: HasLocations, key: Any, value: Any) -> None:
    """Replace numbers without a snapshot and without making them durable."""
    key = settled(key)
    location = target._p_location(key, change=True)
    if location.code not in SIZES:
        raise BadFieldError(
            f"store a {location.code} in {location.heap.name} without a snapshot",
            "it may own memory, which only write() hands over",
            "use write()",
        )
    data = _pack(location, _row(location, value))
    heap = location.heap
    with heap.lock:
        address = target._p_location(key, change=True).address
        heap.poke(address, data)


def snapshot(target: HasLocations, key: Any) -> None:
    """Log what `key` means, so that `store` may change it in this transaction."""
    location = target._p_location(key, change=True)
    if location.length:
        location.heap.snapshot(location.address, location.size)


def persist(target: HasLocations, key: Any) -> None:
    """Make what `store` changed outside a transaction durable."""
    location = target._p_location(key, change=True)
    heap = location.heap
    if heap.in_transaction():
        raise TransactionError(
            f"persist {location.size} bytes of {heap.name}",
            "a transaction is open",
            "commit it, which persists all of it",
        )
    with heap.lock:
        heap.persist(location.address, location.size)


def _row(location: Location, value: Any) -> list[Any]:
    """The values to be written, as many as the location has elements."""
    if location.single:
        return [value]
    values = list(value)
    if len(values) != location.length:
        raise BadFieldError(
            f"write {len(values)} values in {location.heap.name}",
            f"there are {location.length} elements",
            "give as many values as elements",
        )
    return values


def _short(value: Any) -> str:
    """A value for a message; of a long one the beginning."""
    try:
        text = repr(value)
    except ValueError:  # an int that Python does not write in decimal
        return f"an int of {value.bit_length()} bits"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


def _pack(location: Location, values: list[Any]) -> bytes:
    try:
        return struct.pack(f"<{location.length}{location.code}", *values)
    except (struct.error, OverflowError) as error:
        shown = _short(values[0]) if location.single else f"{len(values)} values"
        raise BadFieldError(
            f"write {shown} as {location.code!r} in {location.heap.name}",
            str(error),
            "choose another code, or another value",
        ) from None


assert set(SIZES.values()) == {1, 2, 4, 8}
