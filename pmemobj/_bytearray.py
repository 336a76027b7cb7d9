"""PersistentByteArray: bytearray, in a pool.

What arguments mean, and what is wrong with them, is left to a bytearray: each method lets one read
its arguments first, and stores the bytes that come of it.
"""

from __future__ import annotations

import operator
from abc import ABC
from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any

from pmemobj._base import register_kind
from pmemobj._buffer import END, Buffer, plain, position
from pmemobj._bytes_methods import BytesLike
from pmemobj._heap import Heap, steady
from pmemobj._layout import BYTEARRAY_SIZE, Kind, new_header
from pmemobj._rows import MOST_ROWS, PER_ROW, rows_of_bytes

_LENGTH, _DATA = 8, 24
_INDICES = "bytearray indices must be integers or slices, not {}"


class PersistentByteArray(BytesLike):
    """A bytearray in a pool; made with ``pool.new(PersistentByteArray, source)``, as a bytearray is.

    Slices and the methods that make something new return plain bytearrays. What `view` says about
    buffers holds for ``memoryview(b)``, ``hashlib.sha256(b)``, ``file.write(b)`` and the like.

    Left out is ``fromhex``, since a class alone has no pool: ``pool.new(PersistentByteArray, bytes.fromhex(s))``.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction
    it is so together with it.
    Cost: reads call no C function; setting one byte is one store; append and pop at the end are
    amortised constant, insertion and deletion move what follows, and only what changes is logged.
    """

    __slots__ = ()
    _p_kind = Kind.BYTEARRAY
    _p_data_kind = Kind.BYTEARRAY_DATA

    def __init__(self, *source: Any, **encoding: Any) -> None:
        data = bytes(bytearray(*map(plain, source), **encoding))
        self._splice(0, END, data)

    # ---- reading ----

    def __len__(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LENGTH)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._chosen(index)
        return steady(self, self._byte, index)

    def _byte(self, index: Any) -> int:
        heap = self._p_heap
        at = position(index, heap.read(self._p_offset + _LENGTH), _INDICES, "bytearray index out of range")
        at += heap.read(self._p_offset + _DATA)
        return heap.read(at & ~7) >> 8 * (at & 7) & 0xFF

    def _chosen(self, index: slice) -> bytearray:
        chosen = range(len(self))[index]
        if chosen.step == 1:
            return bytearray(self._bytes(chosen.start, chosen.stop))
        return self.copy()[index]

    def __iter__(self) -> Iterator[int]:
        # Like bytearray's: the length is looked at anew for every element.
        at = 0
        while at < len(self):
            yield self[at]
            at += 1

    def __reversed__(self) -> Iterator[int]:
        at = len(self)
        while at > 0:
            at -= 1
            if at < len(self):
                yield self[at]

    def __contains__(self, value: Any) -> bool:
        return plain(value) in self.copy()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._bytes()!r})"

    # ---- comparing ----

    def __eq__(self, other: Any) -> Any:
        return _compare(self, other, operator.eq)

    def __ne__(self, other: Any) -> Any:
        return _compare(self, other, operator.ne)

    def __lt__(self, other: Any) -> Any:
        return _compare(self, other, operator.lt)

    def __le__(self, other: Any) -> Any:
        return _compare(self, other, operator.le)

    def __gt__(self, other: Any) -> Any:
        return _compare(self, other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return _compare(self, other, operator.ge)

    __hash__ = None  # type: ignore[assignment]

    # ---- making new ones, which are plain ----

    def __add__(self, other: Any) -> bytearray:
        return self.copy() + plain(other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Any:
        return other + self._bytes() if isinstance(other, (bytes, bytearray)) else NotImplemented

    def __mul__(self, count: Any) -> bytearray:
        return self.copy() * count  # type: ignore[no-any-return]

    def __rmul__(self, count: Any) -> bytearray:
        return self.copy() * count  # type: ignore[no-any-return]

    # ---- changing ----

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            data = _reader()
            data[:] = plain(value)
            self._assign(index, bytes(data))
            return
        one = _reader(1)
        one[0] = value
        with self._p_heap.lock:
            at = position(index, len(self), _INDICES, "bytearray index out of range")
            self._overwrite(at, one)

    def _assign(self, index: slice, data: bytes) -> None:
        with self._p_heap.lock:
            chosen = range(len(self))[index]
            if chosen.step == 1:
                self._splice(chosen.start, max(chosen.start, chosen.stop), data)
                return
            changed = self.copy()
            if not data:
                del changed[index]  # as bytearray does it, whose extended slices can be assigned nothing
            else:
                changed[index] = data
            self._become(changed)

    def __delitem__(self, index: Any) -> None:
        with self._p_heap.lock:
            if isinstance(index, slice):
                self._assign(index, b"")
            else:
                at = position(index, len(self), _INDICES, "bytearray index out of range")
                self._splice(at, at + 1, b"")

    def _become(self, changed: bytearray) -> None:
        """Let the contents be `changed`; what comes before the first difference is left alone."""
        if len(changed) == len(self):
            self._overwrite(0, changed)
            return
        with self._p_heap.statement:
            self._splice(len(changed), END, b"")
            self._overwrite(0, changed)

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
        with self._p_heap.lock:
            at = slice(operator.index(index), None).indices(len(self))[0]
            self._splice(at, at, bytes(one))

    def pop(self, index: int = -1, /) -> int:
        """Remove and return the byte at `index`, by default the last."""
        at = operator.index(index)
        with self._p_heap.lock:
            length = len(self)
            if not length:
                raise IndexError("pop from empty bytearray")
            at = position(at, length, _INDICES, "pop index out of range")
            value: int = self[at]
            self._splice(at, at + 1, b"")
            return value

    def remove(self, value: Any, /) -> None:
        """Remove the first byte that is `value`; ValueError if there is none."""
        with self._p_heap.lock:
            contents = self.copy()
            contents.remove(value)
            at = self.index(operator.index(value))
            self._splice(at, at + 1, b"")

    def clear(self) -> None:
        """Remove all bytes, and give back their memory."""
        self._splice(0, END, b"")

    def reverse(self) -> None:
        """Reverse the order, in place."""
        with self._p_heap.lock:
            self._overwrite(0, self._bytes()[::-1])

    def __iadd__(self, other: Any) -> PersistentByteArray:
        added = _reader()
        added += plain(other)
        self._splice(END, END, bytes(added))
        return self

    def __imul__(self, count: Any) -> PersistentByteArray:
        times = operator.index(count)
        with self._p_heap.lock:
            if times <= 0:
                self.clear()
            else:
                self._splice(END, END, self._bytes() * (times - 1))
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


def _compare(self: PersistentByteArray, other: Any, relation: Any) -> Any:
    """Compare with anything bytes-like, byte by byte."""
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


class _NoPattern(ABC):  # noqa: B024 - it is only registered
    """Between PersistentByteArray and MutableSequence, since registering there makes `match` take it for a sequence.

    A bytearray is a MutableSequence too, and `match` takes it for none. What is registered here before this
    class is registered there is not marked.
    """


register_kind(PersistentByteArray)
_NoPattern.register(PersistentByteArray)
MutableSequence.register(_NoPattern)
