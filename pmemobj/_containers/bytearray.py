"""PersistentByteArray: bytearray, in a pool.

What arguments mean, and what is wrong with them, is left to a bytearray: each method lets one read
its arguments first, and stores the bytes that come of it.
"""

from __future__ import annotations

import operator
from abc import ABC
from collections.abc import Iterable, MutableSequence
from typing import Any

from pmemobj._containers.buffer import END, Buffer, number, plain, position
from pmemobj._containers.bytes_methods import BytesLike
from pmemobj._containers.hex_rows import MOST_ROWS, PER_ROW, rows_of_bytes
from pmemobj._engine.heap import Heap, steady
from pmemobj._format import BYTEARRAY_SIZE, Kind, new_header
from pmemobj._public_names import public_in

_LENGTH, _DATA = 8, 24
_INDICES = "bytearray indices must be integers or slices, not {}"
_NOT_THERE = "bytearray index out of range"


class PersistentByteArray(BytesLike):
    """A bytearray in a pool; made with ``pool.new(PersistentByteArray, source)``, as a bytearray is.

    Slices and the methods that make something new return plain bytearrays. What `view` says about
    buffers holds for ``memoryview(b)``, ``hashlib.sha256(b)``, ``file.write(b)`` and the like.

    Left out is ``fromhex``, since a class alone has no pool: ``pool.new(PersistentByteArray, bytes.fromhex(s))``.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction
    it is so together with it.
    Cost: reads call no C function; setting one byte is one store; append and pop at the end are
    amortised constant, insertion and deletion move what follows, and only what changes is logged.

    Example::

        import pmemobj

        with pmemobj.create("bytes.pmem", 16 << 20) as pool:
            data = pool.root = pool.new(pmemobj.PersistentByteArray, b"abc")
            data[0:1] = b"xy"
            assert data == b"xybc"
    """

    __slots__ = ()
    _p_kind = Kind.BYTEARRAY
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
        return steady(self, self._byte, number(index, _INDICES))

    def _byte(self, index: int) -> int:
        heap = self._p_heap
        at = position(index, heap.read(self._p_offset + _LENGTH), _NOT_THERE)
        at += heap.read(self._p_offset + _DATA)
        return heap.read(at & ~7) >> 8 * (at & 7) & 0xFF

    def _chosen(self, index: slice) -> bytearray:
        chosen = range(len(self))[index]
        if chosen.step == 1:
            return bytearray(self._bytes(chosen.start, chosen.stop))
        return self.copy()[index]

    def __contains__(self, value: Any) -> bool:
        return plain(value) in self.copy()

    def _plain(self, data: bytes) -> bytearray:
        return bytearray(data)

    def _compare(self, other: Any, relation: Any) -> Any:
        """With anything bytes-like, byte by byte."""
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

    # ---- making new ones, which are plain ----

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
        """Add one byte at the end; amortised constant time."""
        one = _reader()
        one.append(value)
        self._splice(END, END, bytes(one))

    def extend(self, values: Iterable[int], /) -> None:
        """Add all of `values` (bytes-like, or an iterable of ints) at the end, or none of them."""
        added = _reader()
        added.extend(plain(values))
        self._splice(END, END, bytes(added))

    def insert(self, index: int, value: Any, /) -> None:
        """Put one byte before position `index`; positions beyond an end mean that end."""
        one = _reader()
        one.insert(index, value)
        self._insert(index, bytes(one))

    def remove(self, value: Any, /) -> None:
        """Remove the first byte that is `value`; ValueError if there is none."""
        removed = operator.index(value)  # before the contents are looked at
        with self._p_heap.lock:
            contents = self.copy()
            contents.remove(removed)
            at = self.index(removed)
            self._splice(at, at + 1, b"")

    def reverse(self) -> None:
        """Reverse the order, in place."""
        with self._p_heap.lock:
            self._overwrite(0, self._bytes()[::-1])

    def __iadd__(self, other: Any) -> PersistentByteArray:
        added = _reader()
        added += plain(other)
        self._splice(END, END, bytes(added))
        return self

    # ---- for walkers ----

    @staticmethod
    def _p_allocate(heap: Heap, cls: type) -> int:
        offset = heap.alloc(BYTEARRAY_SIZE, Kind.BYTEARRAY)
        heap.init(offset, [new_header(Kind.BYTEARRAY), 0, 0, 0])
        return offset

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
    """A bytearray to read arguments with; from a function, lest Cython, knowing the type, read them its own way."""
    return bytearray(size)


class _NoPattern(ABC):  # noqa: B024 - it is only registered
    """Between PersistentByteArray and MutableSequence, since registering there makes `match` take it for a sequence.

    A bytearray is a MutableSequence too, and `match` takes it for none. What is registered here before this
    class is registered there is not marked.
    """


public_in("pmemobj")(PersistentByteArray)
_NoPattern.register(PersistentByteArray)
MutableSequence.register(_NoPattern)
