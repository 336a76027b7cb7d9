"""Memory with types: numbers and values at locations in a pool, read and written one at a time or in rows.

A location is a row of elements of one code: a code of `struct` for numbers, or ``value`` for anything that can be
stored. An object that has memory (a block, or an object with fields) has a method `_p_location(key)`, which checks the
key and returns the location. So no function in this module can reach beyond an allocation.

There are two ways to write. `write` snapshots what it changes (or, outside a transaction, changes one word
failure-atomically) and frees the leaves that are replaced. `store` is for a program that takes one `snapshot` and then
changes much of it, or that calls `persist` itself. It takes numbers only, since only `write` frees and allocates
leaves. If the program forgets the `snapshot` or the `persist`, the checking mode finds it.

Keys and values are converted before the first change, since the conversion may run foreign code. Then the location is
looked up again, since that code may have freed it. A key is converted only once, since it might mean another location
the second time.
"""

from __future__ import annotations

import operator
import struct
from typing import Any, NamedTuple, Protocol

from pmemobj._containers.sequence import with_numbers
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import ABSENT, WORD
from pmemobj._values.words import decode, encode, exchange, immediate, is_leaf
from pmemobj.errors import BadFieldError, TransactionError

VALUE = "value"
#: How many characters of a value a message shows.
_SHOWN = 60
#: The bytes of a number by its code. The codes l, L, n and N of `struct` are missing, since their sizes depend on the
#: machine.
SIZES = {code: struct.calcsize(f"<{code}") for code in "?bBhHiIqQfd"}


class Location(NamedTuple):
    """Where a row of `length` elements lies; `single` if the key means one element and not a row."""

    heap: Heap
    code: str
    address: int
    length: int
    single: bool

    @property
    def size(self) -> int:
        """The bytes of the row."""
        return self.length * element_size(self.code)


class HasLocations(Protocol):
    """An object that has typed memory."""

    def _p_location(self, key: Any, change: bool = False) -> Location: ...


def element_size(code: str) -> int:
    """The bytes of an element.

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
    """The key with numbers as its indices, so that no foreign ``__index__`` runs later."""
    if isinstance(key, slice):
        return with_numbers(key)
    return operator.index(key) if hasattr(key, "__index__") else key


def read(target: HasLocations, key: Any) -> Any:
    """The element that `key` means, or the list of the elements of its row."""
    return read_consistently(target, _read, target, key)


def _read(target: HasLocations, key: Any) -> Any:
    location = target._p_location(key)
    values = read_row(location)
    return values[0] if location.single else values


def read_row(location: Location) -> list[Any]:
    """The elements at a location."""
    heap, code, address, count, _ = location
    if code == VALUE:
        return [None if word == ABSENT else decode(heap, word) for word in heap.read_words(address, count)]
    return list(struct.unpack(f"<{count}{code}", heap.read_bytes(address, count * SIZES[code])))


def write(target: HasLocations, key: Any, value: Any) -> None:
    """Replace what `key` means; see `MemoryManager.write`."""
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
            "it may own memory, which only write() frees and allocates",
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
    """The values that are to be written, as many as the location has elements."""
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
    """A value as text for a message, which is cut if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write an int with so many digits.
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
