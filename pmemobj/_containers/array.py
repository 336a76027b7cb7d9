"""PersistentArray: array.array, in a pool, with one more type code, more dimensions, and a view for NumPy.

What arguments mean, and what is wrong with them, is left to an `array.array`: each method lets one read
its arguments first, and stores the bytes that come of it.
"""

from __future__ import annotations

import math
import types
from array import array
from collections.abc import Callable, Iterable, MutableSequence
from typing import Any

from pmemobj._containers.buffer import END, Buffer, number, place_number, plain, position
from pmemobj._containers.elements import (
    ELEMENTS,
    MAX_DIMENSIONS,
    Element,
    as_array,
    element_of,
    initial,
    pack,
    pack_one,
    unpack,
)
from pmemobj._containers.hex_rows import MOST_ROWS, PER_ROW, rows_of_numbers
from pmemobj._containers.number_sequence import NumberSequence
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import WORD, Kind
from pmemobj._public_names import public_in
from pmemobj.errors import PoolDamagedError

_LENGTH, _DATA, _CODE, _SHAPE = 8, 24, 32, 40
_INDICES = "array indices must be integers"


class PersistentArray(NumberSequence):
    """Numbers of one type, side by side in a pool; made with ``pool.new(PersistentArray, dtype, values)``.

    As a sequence it behaves like `array.array`: it grows and shrinks, and its slices are plain arrays (or lists of
    bools, since `array.array` has no bools). ``numpy.asarray(a)`` is a read-only array without a copy; see `view` for
    what this demands, and `writing` for changing elements through NumPy.

    With a `shape` of several dimensions, buffers and NumPy see this shape, and ``a[i, j]`` is an element. The sequence
    consists of all elements in C order, and its length is fixed.

    A method that fails has changed nothing, while `array.array.extend` keeps the elements before a wrong value.

    Three things of `array.array` are missing: ``buffer_info``, since an address stays valid only as long as the memory
    does, and ``fromunicode`` and ``tounicode``, since there is no type code for characters.

    Args:
        dtype: A type code (b B h H i I l L q Q f d, as in `array`, and ?), or a NumPy dtype or its name.
        values: The elements, or a number of zeros. A buffer with elements of this type also gives its shape.
        shape: The number of elements in each dimension, for all values, or for as many zeros.

    Durability: each method is atomic by itself and durable when it returns; inside a transaction it is durable with the
        commit.

    Cost: reading calls no C function. Setting an element is one store; append and pop at the end take amortised
        constant time; insertion and deletion move the elements behind, and only bytes that change are logged.

    Example::

        import pmemobj

        with pmemobj.create("numbers.pmem", 16 << 20) as pool:
            numbers = pool.root = pool.new(pmemobj.PersistentArray, "d", [1.5, 2.5])
            with numbers.writing() as view:
                view[0] = 0.5
            assert sum(numbers) == 3.0
    """

    __slots__ = ()
    __class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[var-annotated]
    _p_kind = Kind.ARRAY
    _p_empty = (0, 0, 0, ord("B"), 0)
    _p_data_kind = Kind.ARRAY_DATA
    _p_no_index = _INDICES
    _p_not_there = "array assignment index out of range"
    _p_builtin = "array"

    def __init__(self, dtype: Any, values: Any = (), *, shape: Iterable[int] | None = None) -> None:
        element = element_of(dtype)
        data, own_shape = initial(element, values, shape)
        heap = self._p_heap
        with heap.statement:
            self._check_changeable()
            heap.exports.demand_resizable(self._p_offset, type(self).__name__)
            old_shape = heap.read(self._p_offset + _SHAPE)
            heap.write_words(self._p_offset + _CODE, [ord(element.code), 0])
            self._splice(0, END, data)
            if old_shape:
                heap.free(old_shape)
            if len(own_shape) > 1:
                at = heap.alloc(WORD * (1 + len(own_shape)), Kind.ARRAY_DATA)
                heap.init(at, [len(own_shape), *own_shape])
                heap.write(self._p_offset + _SHAPE, at)

    # ---- type and shape ----

    @property
    def _element(self) -> Element:
        return _element_at(self._p_heap, self._p_offset)

    @property
    def typecode(self) -> str:
        """The type code of the elements."""
        return self._element.code

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self._element.size

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements in each dimension."""
        return self._dimensions() or (len(self),)

    def _dimensions(self) -> tuple[int, ...]:
        """The shape if there are several dimensions, else an empty tuple."""
        return read_consistently(self, self._read_dimensions)

    def _read_dimensions(self) -> tuple[int, ...]:
        heap = self._p_heap
        at = heap.read(self._p_offset + _SHAPE)
        return tuple(heap.read_words(at + WORD, heap.read(at))) if at else ()

    def _item(self) -> tuple[str, int]:
        element = self._element
        return element.code, element.size

    def _shaped(self, view: memoryview) -> memoryview:
        code: Any = self._element.code
        shape = self._dimensions()
        return view.cast(code, shape) if shape else view.cast(code)

    def _typestr(self) -> str:
        return self._element.typestr

    # ---- reading ----

    def __len__(self) -> int:
        return self._size() // self._element.size

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._chosen(self._element, index)
        return read_consistently(self, self._number, _numbers(index))

    def _number(self, index: Any) -> Any:
        element = self._element
        heap = self._p_heap
        at = self._place(index, element.size, "array index out of range")
        return heap.read_as(element.form, heap.read(self._p_offset + _DATA) + at)

    def _place(self, index: Any, size: int, complaint: str) -> int:
        """The byte at which an element begins; its index is a number, or a tuple with one for each dimension."""
        if not isinstance(index, tuple):
            return position(index, self._p_heap.read(self._p_offset + _LENGTH) // size, complaint) * size
        shape = self.shape
        if len(index) != len(shape):
            raise TypeError(f"array of {len(shape)} dimensions takes {len(shape)} indices, not {len(index)}")
        at = 0
        for one, count in zip(index, shape, strict=True):
            at = at * count + position(one, count, complaint)
        return at * size

    def _chosen(self, element: Element, index: slice) -> Any:
        chosen = range(len(self))[index]
        if chosen.step == 1:
            found = as_array(element, self._bytes(chosen.start * element.size, chosen.stop * element.size))
        else:
            found = as_array(element, self._scattered(chosen, element.size))
        return [value != 0 for value in found] if element.code == "?" else found

    def _elements(self, start: int, stop: int) -> list[Any]:
        element = self._element
        return unpack(element, self._bytes(start * element.size, stop * element.size))

    def __contains__(self, value: Any) -> bool:
        return value in self._whole()

    def _whole(self) -> array[Any]:
        """A copy in ordinary memory. That the bools in it are numbers makes no difference in comparisons."""
        return as_array(self._element, self._bytes())

    def index(self, value: Any, start: int = 0, stop: int = END, /) -> int:
        """The first position of `value` within ``[start:stop]``.

        Raises:
            ValueError: it is not there.

        Cost: O(n), to copy the elements and to compare them.
        """
        return self._whole().index(value, start, stop)

    def count(self, value: Any, /) -> int:
        """How often `value` occurs.

        Cost: O(n).
        """
        return self._whole().count(value)

    def tolist(self) -> list[Any]:
        """All elements as a plain list. (``a.view().tolist()`` is nested according to the shape.)

        Cost: O(n).
        """
        return unpack(self._element, self._bytes())

    def tobytes(self) -> bytes:
        """The bytes of all elements.

        Cost: O(n).
        """
        return self._bytes()

    def tofile(self, file: Any, /) -> None:
        """Write the bytes of all elements to a binary file.

        Cost: O(n), without a copy in ordinary memory.
        """
        with self.view() as view:
            file.write(view)

    def _plain(self, data: bytes) -> array[Any]:
        return as_array(self._element, data)

    def _compare(self, other: Any, relation: Any) -> Any:
        """Compare with another persistent array or with a plain one, element by element."""
        if not isinstance(other, (PersistentArray, array)):
            return NotImplemented
        return relation(self._whole(), other._whole() if isinstance(other, PersistentArray) else other)

    def __repr__(self) -> str:
        elements = f", {self.tolist()!r}" if len(self) else ""
        shape = f", shape={self.shape!r}" if self._dimensions() else ""
        return f"{type(self).__name__}({self.typecode!r}{elements}{shape})"

    # ---- new arrays, which are plain ----

    def __add__(self, other: Any) -> Any:
        return self[:] + _same_as_slice(self, other)

    def __radd__(self, other: Any) -> Any:
        return other + self[:] if isinstance(other, type(self[:0])) else NotImplemented

    # ---- changing ----

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            self._assign(index, self._same_kind(value, 'can only assign array (not "{}") to array slice'))
            return
        numbers = _numbers(index)
        data = self._pack(pack_one, value)
        with self._p_heap.lock:
            self._overwrite(self._place(numbers, len(data), self._p_not_there), data)

    def _pack(self, pack: Callable[[Element, Any], bytes], values: Any) -> bytes:
        """The bytes of values as elements of this array, made by `pack`.

        Raises:
            RuntimeError: reading the values has run code that gave the array another type of elements.
        """
        element = self._element
        data = pack(element, values)
        if self._element is not element:
            raise RuntimeError("array changed its type of elements while values for it were read")
        return data

    def _same_kind(self, value: Any, complaint: str) -> bytes:
        """The bytes of an array whose elements have the same type."""
        element = self._element
        if isinstance(value, (PersistentArray, array)):
            code = value.typecode
        elif element.code == "?" and isinstance(value, list):
            return self._pack(pack, value)  # A slice of an array of bools is a list.
        else:
            raise TypeError(complaint.format(type(value).__name__))
        if code != element.code:
            raise TypeError(f"can only combine arrays of the same type code, not {code!r} with {element.code!r}")
        return bytes(plain(value))

    def append(self, value: Any, /) -> None:
        """Add one element at the end.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(1) amortised.
        """
        self._splice(END, END, self._pack(pack_one, value))

    def extend(self, values: Iterable[Any], /) -> None:
        """Add all of `values`, an iterable or an array of the same type, at the end; or none of them if one is wrong.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k elements.

        Example::

            pool.root.extend([3.5, 4.5])
        """
        if isinstance(values, (array, PersistentArray)):
            if values.typecode != self.typecode:
                raise TypeError("can only extend with array of same kind")
            data = bytes(plain(values))
        else:
            data = self._pack(pack, values)
        self._splice(END, END, data)

    def fromlist(self, values: list[Any], /) -> None:
        """Add the elements of a list at the end, or none of them if one is wrong.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k elements.
        """
        if not isinstance(values, list):
            raise TypeError("arg must be list")
        self.extend(values)

    def frombytes(self, data: Any, /) -> None:
        """Add elements at the end, which are given as the bytes that they consist of.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k elements.
        """
        added = as_array(self._element, plain(data)).tobytes()
        self._splice(END, END, added)

    def fromfile(self, file: Any, count: int, /) -> None:
        """Add `count` elements at the end, which are read from a binary file.

        Raises:
            EOFError: the file has fewer; these have been added.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(k) amortised for k elements.
        """
        added = array(self._element.store)
        try:
            added.fromfile(file, count)
        finally:
            self._splice(END, END, added.tobytes())

    def insert(self, index: int, value: Any, /) -> None:
        """Put one element before position `index`. A position beyond an end means this end.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to move and log the elements behind.
        """
        at = place_number(index)
        self._insert(at, self._pack(pack_one, value))

    def remove(self, value: Any, /) -> None:
        """Remove the first element that equals `value`.

        Raises:
            ValueError: there is none.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n).
        """
        with self._p_heap.lock:
            try:
                at = self.index(value)
            except ValueError:
                raise ValueError("array.remove(x): x not in array") from None
            del self[at]

    def reverse(self) -> None:
        """Reverse the order of the elements in place.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to log and write all elements that change.
        """
        self._rearrange(lambda elements: elements.reverse())

    def byteswap(self) -> None:
        """Swap the bytes of each element.

        Durability: one transaction; inside a transaction with its commit.
        Cost: O(n), to log and write all elements that change.
        """
        self._rearrange(lambda elements: elements.byteswap())

    def _rearrange(self, change: Any) -> None:
        with self._p_heap.lock:
            elements = as_array(self._element, self._bytes())
            change(elements)
            self._overwrite(0, elements.tobytes())

    def __iadd__(self, other: Any) -> PersistentArray:
        self._splice(END, END, self._same_kind(other, 'can only extend array with array (not "{}")'))
        return self

    def _check_resizable(self) -> None:
        if self._dimensions():
            raise ValueError(f"cannot resize an array of several dimensions, {self.shape}")
        self._p_heap.exports.demand_resizable(self._p_offset, type(self).__name__)

    # ---- for walkers and tests ----

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        return [body for body in (heap.read(offset + _DATA), heap.read(offset + _SHAPE)) if body]

    @staticmethod
    def _p_entries(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, int, int]]]:
        return heap.read(offset + _LENGTH) // _element_at(heap, offset).size, []

    @staticmethod
    def _p_rows(heap: Heap, offset: int, limit: int) -> tuple[int, list[tuple[str, str]]]:
        element = _element_at(heap, offset)
        length = heap.read(offset + _LENGTH) // element.size
        most = min(limit, MOST_ROWS)
        data = heap.read_bytes(heap.read(offset + _DATA), min(length, PER_ROW * most) * element.size)
        return rows_of_numbers(length, unpack(element, data), element.code == "f", most)

    @staticmethod
    def _p_summary(count: int) -> str:
        return f"{count} element" if count == 1 else f"{count} elements"

    @staticmethod
    def _p_type_name(heap: Heap, offset: int) -> str:
        return "PersistentArray"

    def _check(self) -> None:
        """Assert the invariants that hold between operations, from the bytes."""
        Buffer._check(self)
        assert math.prod(self.shape) == len(self), f"{self.shape} for {len(self)} elements"
        if self._dimensions():
            assert 1 < len(self.shape) <= MAX_DIMENSIONS and min(self.shape) > 0, self.shape


def _element_at(heap: Heap, offset: int) -> Element:
    element = ELEMENTS.get(heap.read(offset + _CODE))
    if element is None:
        raise PoolDamagedError(
            f"read the array at {offset:#x} in {heap.name}", "its type code is unknown", "restore the pool from a copy"
        )
    return element


def _numbers(index: Any) -> Any:
    """An index, or one for each dimension, as numbers. A foreign ``__index__`` runs here and not later."""
    if isinstance(index, tuple):
        return tuple(number(one, _INDICES) for one in index)
    return number(index, _INDICES)


def _same_as_slice(self: PersistentArray, other: Any) -> Any:
    return other[:] if isinstance(other, PersistentArray) else other


public_in("pmemobj")(PersistentArray)
MutableSequence.register(PersistentArray)
