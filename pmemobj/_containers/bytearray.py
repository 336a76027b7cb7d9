"""PersistentByteArray: a bytearray in a pool.

A plain bytearray decides what arguments mean and which error a wrong argument raises: each method lets one read its
    arguments first, and then stores the resulting bytes.
"""

from __future__ import annotations

import operator
from abc import ABC
from collections.abc import Iterable, MutableSequence
from typing import Any

from pmemobj._containers.buffer import END, Buffer, number, plain, position
from pmemobj._containers.bytes_methods import BytesLike
from pmemobj._containers.hex_rows import MOST_ROWS, PER_ROW, rows_of_bytes
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import Kind
from pmemobj._public_names import public_in

_LENGTH, _DATA = 8, 24
_INDICES = "bytearray indices must be integers or slices, not {}"
_NOT_THERE = "bytearray index out of range"


class PersistentByteArray(BytesLike):
    """A bytearray in a pool; made with ``pool.new(PersistentByteArray, source)``, with the arguments of bytearray.

    Slices, and methods that make a new object, return plain bytearrays. What `view` says about buffers holds for
    ``memoryview(b)``, ``hashlib.sha256(b)``, ``file.write(b)`` and the like.

    ``fromhex`` is missing, since a class alone has no pool. Use ``pool.new(PersistentByteArray, bytes.fromhex(s))``.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction it is durable with the
        commit.

    Cost: reading calls no C function. Setting one byte is one store; append and pop at the end take amortised constant
        time; insertion and deletion move the bytes behind, and only bytes that change are logged.

    Example::

        import pmemobj

        with pmemobj.create("bytes.pmem", 16 << 20) as pool:
            data = pool.root = pool.new(pmemobj.PersistentByteArray, b"abc")
            data[0:1] = b"xy"
            assert data == b"xybc"
    """

    __slots__ = ()
    _p_kind = Kind.BYTEARRAY
    _p_empty = (0, 0, 0)
    _p_data_kind = Kind.BYTEARRAY_DATA
    _p_no_index = _INDICES
    _p_not_there = _NOT_THERE
    _p_builtin = "bytearray"

    def __init__(self, *source: Any, **encoding: Any) -> None:
        data = bytes(bytearray(*map(plain, source), **encoding))
        self._splice(0, END, data)

    # ---- reading ----

    def __len__(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LENGTH)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._chosen(index)
        return read_consistently(self, self._byte, number(index, _INDICES))

    def _byte(self, index: int) -> int:
        heap = self._p_heap
        at = position(index, heap.read(self._p_offset + _LENGTH), _NOT_THERE)
        at += heap.read(self._p_offset + _DATA)
        return heap.read(at & ~7) >> 8 * (at & 7) & 0xFF

    def _chosen(self, index: slice) -> bytearray:
        chosen = range(len(self))[index]
        if chosen.step == 1:
            return bytearray(self._bytes(chosen.start, chosen.stop))
        return bytearray(self._scattered(chosen, 1))

    def _elements(self, start: int, stop: int) -> list[int]:
        return list(self._bytes(start, stop))

    def __contains__(self, value: Any) -> bool:
        return plain(value) in self.copy()

    def _plain(self, data: bytes) -> bytearray:
        return bytearray(data)

    def _compare(self, other: Any, relation: Any) -> Any:
        """Compare with any bytes-like object, byte by byte."""
        if isinstance(other, Buffer):
            data = other._bytes()
        elif isinstance(other, (bytes, bytearray)):
            data = bytes(other)
        else:
            try:
                with memoryview(other) as view:
                    data = view.tobytes()
            except TypeError:
                return NotImplemented
        return relation(self._bytes(), data)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._bytes()!r})"

    # ---- new bytearrays, which are plain ----

    def __add__(self, other: Any) -> bytearray:
        return self.copy() + plain(other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Any:
        return other + self._bytes() if isinstance(other, (bytes, bytearray)) else NotImplemented

    # ---- changing ----

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            data = _reader()
            data[:] = plain(value)
            self._assign(index, bytes(data))
            return
        one = _reader(1)
        at = number(index, _INDICES)
        one[0] = value
        with self._p_heap.lock:
            self._overwrite(position(at, len(self), _NOT_THERE), one)

    def append(self, value: Any, /) -> None:
        """Add one byte at the end.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        one = _reader()
        one.append(value)
        self._splice(END, END, bytes(one))

    def extend(self, values: Iterable[int], /) -> None:
        """Add all of `values`, which is bytes-like or an iterable of ints, at the end; or none of them if one is wrong.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k bytes.

        Example::

            pool.root.extend(b"more bytes")
        """
        added = _reader()
        added.extend(plain(values))
        self._splice(END, END, bytes(added))

    def insert(self, index: int, value: Any, /) -> None:
        """Put one byte before position `index`. A position beyond an end means this end.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to move and log the bytes behind.
        """
        one = _reader()
        one.insert(index, value)
        self._insert(index, bytes(one))

    def remove(self, value: Any, /) -> None:
        """Remove the first byte that equals `value`.

        Raises:
            ValueError: there is none.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n).
        """
        removed = operator.index(value)  # This may run foreign code, so it comes before the contents are read.
        with self._p_heap.lock:
            contents = self.copy()
            contents.remove(removed)
            at = self.index(removed)
            self._splice(at, at + 1, b"")

    def reverse(self) -> None:
        """Reverse the order of the bytes in place.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to log and write all bytes that change.
        """
        with self._p_heap.lock:
            self._overwrite(0, self._bytes()[::-1])

    def __iadd__(self, other: Any) -> PersistentByteArray:
        added = _reader()
        added += plain(other)
        self._splice(END, END, bytes(added))
        return self

    # ---- for walkers ----

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        return heap.read(offset + _LENGTH), []

    @staticmethod
    def _p_rows(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, str]]]:
        length = heap.read(offset + _LENGTH)
        shown = min(length, PER_ROW * min(limit, MOST_ROWS))
        return rows_of_bytes(length, heap.read_bytes(heap.read(offset + _DATA), shown))

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} byte" if count == 1 else f"{count} bytes"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentByteArray"


def _reader(size: int = 0) -> Any:
    """A bytearray that reads arguments. It comes from a function, so that Cython does not know its type and read them
    itself.
    """
    return bytearray(size)


class _NoPattern(ABC):  # noqa: B024 - it is only registered
    """A class between PersistentByteArray and MutableSequence, so that `match` does not take the former for a sequence.

    Registering a class with MutableSequence marks it as a sequence for `match`. A plain bytearray is a MutableSequence
    that `match` does not take for a sequence. A class that is registered here, before this class is registered there,
    is not marked.
    """


public_in("pmemobj")(PersistentByteArray)
_NoPattern.register(PersistentByteArray)
MutableSequence.register(_NoPattern)
