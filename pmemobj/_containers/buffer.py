"""The base of PersistentByteArray and PersistentArray: an area of bytes that grows, and that buffers show.

The layout is described in `_format`, "bytearray", "array" and "data". Offsets and lengths in this module are bytes.

A buffer on the area is read-only. It shows the area itself and not a copy wherever that is sound; `exports` says when
it is not. Writing through a buffer directly cannot be allowed: a store by NumPy does not log what it overwrites, and
once the array has the address, no store can be prevented, not even after the transaction. So `writing` hands out a copy
of the range, and puts it in place at the end of the block. A view that is kept beyond the block then writes to memory
that nobody reads, and only what has changed is logged.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj._containers.comparable import Comparable
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._engine.size_classes import usable_size
from pmemobj._engine.transaction import Transaction
from pmemobj._format import WORD
from pmemobj.errors import TransactionError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_LENGTH, _CAPACITY, _DATA = 8, 16, 24
_MIN_CAPACITY = 16
#: Changes are looked for in pieces of this size.
_PIECE = 512
#: A position beyond the end of every object.
END = sys.maxsize
_PYBUF_WRITABLE = 1


class Buffer(Comparable):
    """Bytes in a pool, and the buffer protocol; the base of the types that give the bytes a meaning."""

    __slots__ = ()

    #: The kind of allocation of the area.
    _p_data_kind = 0

    # ---- reading ----

    def _size(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LENGTH)

    def _bytes(self, start: int = 0, stop: int = END) -> bytes:
        """A copy of the bytes of ``[start:stop]``."""
        return read_consistently(self, self._copy_of, start, stop)

    def _copy_of(self, start: int, stop: int) -> bytes:
        heap = self._p_heap
        data = heap.read(self._p_offset + _DATA)
        return heap.read_bytes(data + start, max(0, min(stop, self._size()) - start))

    def view(self) -> memoryview:
        """A read-only memoryview of the object, without a copy. ``memoryview(self)`` returns it where Python can ask
        for it.

        As long as the view, or anything made of it, is alive, the object cannot be resized, and its pool cannot be
        closed or suspended. The view shows each change at once. There is one exception: inside the transaction that
        allocated the memory (it created the object or made it grow) the view is a copy, since a roll-back frees the
        memory. As long as such a copy is alive, the object cannot be changed at all.

        In the uncompiled form, before Python 3.12, this is the only way to a buffer (NumPy has another one of its own).
        The method waits while another thread is in a transaction. In a forked child the view shows the changes that its
        parent makes to the pool.

        Cost: O(1), but O(n) if it must be a copy.

        Example::

            with pool.root.view() as view:
                print(view[0], view.nbytes)
        """
        heap = self._p_heap
        # The lock is held, since another thread may be about to move the area.
        with heap.lock:
            length = self._size()
            data = heap.read(self._p_offset + _DATA)
            if not length or data in heap.fresh or not heap.is_writable:
                view = heap.exports.lend_copy(self._p_offset, self._bytes())
            else:
                if data + length > heap.limit:
                    heap.refuse(data)
                view = heap.exports.lend(self._p_offset, heap.base + data, length)
        return self._shaped(view)

    def _item(self) -> tuple[str, int]:
        """The type code of the elements, and the bytes of one."""
        return "B", 1

    def _shaped(self, view: memoryview) -> memoryview:
        """The bytes of the whole object as a view of its elements."""
        return view

    if cython.compiled:

        # The names that are not defined here come from the .pxd.
        @cython.locals(buffer=buffer_request, flags=cython.int)  # type: ignore[name-defined] # noqa: F821
        def __getbuffer__(self, buffer: Any, flags: Any) -> None:
            view = self.view()
            # Cython has put a reference to None into the request, which is now overwritten.
            Py_DECREF(None)  # type: ignore[name-defined] # noqa: F821
            PyObject_GetBuffer(view, buffer, flags)  # type: ignore[name-defined] # noqa: F821

    else:

        def __buffer__(self, flags: int) -> memoryview:
            # Python 3.12 and later call this.
            if flags & _PYBUF_WRITABLE:
                raise BufferError("Object is not writable.")
            return self.view()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # NumPy uses it where there is no buffer: in the uncompiled form, before Python 3.12.
        view = self.view()
        return {"version": 3, "shape": view.shape, "typestr": self._typestr(), "data": view.cast("B")}

    def _typestr(self) -> str:
        """The type of the elements, as NumPy's array interface calls it."""
        return "|u1"

    def __bytes__(self) -> bytes:
        return self._bytes()

    # ---- changing ----

    def writing(self, lo: int = 0, hi: int | None = None) -> Writing:
        """A transaction in which the elements of ``[lo:hi]`` are written through a memoryview.

        ``with a.writing() as view:`` gives a writable memoryview (``numpy.asarray(view)`` is a writable array). At the
        end of the block the elements are put in place and committed with the transaction, which the block opens or
        joins; an exception in the block rolls the transaction back. Until then the object shows its old state and
        cannot be changed in another way.

        The view is released at the end of the block. Arrays and slices of it that are kept longer have no effect on the
        object any more.

        Args:
            lo, hi: A range of elements, as in a slice.

        Raises:
            BufferInUseError: another such block is open on the object, or a copy that `view` has made is alive.

        Durability: with the commit of the transaction at the end of the block.
        Cost: O(k) for k elements, which are copied to ordinary memory; only what has changed is logged and written.

        Example::

            with pool.root.writing() as view:
                view[0] = 7
        """
        return Writing(self, lo, hi)

    def _check_changeable(self) -> None:
        self._p_heap.exports.demand_changeable(self._p_offset, type(self).__name__)

    def _check_resizable(self) -> None:
        self._p_heap.exports.demand_resizable(self._p_offset, type(self).__name__)

    def _overwrite(self, start: int, data: Any) -> None:
        """Replace the bytes from `start` on by `data`. Only bytes that differ are written."""
        heap = self._p_heap
        with heap.lock:
            self._check_changeable()
            if not data:
                return
            at = heap.read(self._p_offset + _DATA) + start
            if (at % WORD) + len(data) <= WORD:
                _store_in_word(heap, at, bytes(data))
                return
            runs = list(_differences(self._bytes(start, start + len(data)), data))
            if runs:
                with heap.statement:
                    for lo, hi in runs:
                        heap.write_bytes(at + lo, data[lo:hi])

    def _splice(self, start: int, stop: int, data: bytes) -> None:
        """Replace the bytes of ``[start:stop]`` by `data`. All changes of the length end here.

        Snapshotted before: the words in which bytes move or are overwritten, and the header.
        Holds after: the length counts exactly the bytes, and an empty object has no area.
        """
        heap = self._p_heap
        with heap.lock:
            length = self._size()
            start, stop = min(start, length), min(stop, length)
            if len(data) == stop - start:
                self._overwrite(start, data)
                return
            self._check_changeable()
            self._check_resizable()
            with heap.statement:
                area = heap.read(self._p_offset + _DATA)
                new_length = length - (stop - start) + len(data)
                if new_length == 0:
                    heap.write_words(self._p_offset + _LENGTH, [0, 0, 0])
                    heap.free(area)
                elif new_length > heap.read(self._p_offset + _CAPACITY):
                    self._reallocate(new_length, (self._bytes(0, start), data, self._bytes(stop, length)))
                else:
                    heap.move_bytes(area + start + len(data), area + stop, length - stop)
                    heap.write_bytes(area + start, data)
                    heap.write(self._p_offset + _LENGTH, new_length)

    def _reallocate(self, length: int, parts: Iterable[bytes]) -> None:
        """Move to a larger area. It is filled before anything refers to it, so only the header is logged."""
        heap = self._p_heap
        old = heap.read(self._p_offset + _DATA)
        wanted = max(length + (length >> 3) if old else length, _MIN_CAPACITY)
        capacity = usable_size((wanted + WORD - 1) & ~(WORD - 1))
        area = at = heap.alloc(capacity, self._p_data_kind)
        for part in parts:
            heap.init_bytes(at, part)
            at += len(part)
        heap.write_words(self._p_offset + _LENGTH, [length, capacity, area])
        if old:
            heap.free(old)

    # ---- for walkers and tests ----

    @staticmethod
    def _p_bodies(heap: Heap, offset: int) -> Iterable[int]:
        data = heap.read(offset + _DATA)
        return (data,) if data else ()

    def _check(self) -> None:
        """Assert the invariants that hold between operations, from the bytes."""
        heap = self._p_heap
        length, capacity, data = heap.read_words(self._p_offset + _LENGTH, 3)
        state = f"length {length}, capacity {capacity}, data at {data:#x}"
        assert length <= capacity and length % self._item()[1] == 0, state
        assert capacity % WORD == 0 and bool(capacity) == bool(data), state
        if data:
            # libpmemobj lists the allocations of the running transaction only after the commit.
            listed = {at: size for at, size, kind in heap.allocations() if kind == self._p_data_kind}
            size = heap.fresh.get(data) or listed.get(data, 0)
            assert size >= capacity, f"{state}, of {size} bytes"
            assert len(self._bytes()) == length, state


class Writing:
    """The context manager that `Buffer.writing` returns."""

    __slots__ = ("_bounds", "_buffer", "_copy", "_start", "_token", "_transaction", "_view")

    def __init__(self, buffer: Buffer, lo: int, hi: int | None) -> None:
        self._buffer = buffer
        # The bounds become numbers before the size is read, since an ``__index__`` may change the object.
        self._bounds = slice(operator.index(lo), None if hi is None else operator.index(hi))
        self._view: Any = None
        self._token: Any = None

    def __enter__(self) -> memoryview:
        buffer = self._buffer
        heap = buffer._p_heap
        if self._token is not None:
            raise TransactionError(
                "enter this writing() block", "it is open already", "call writing() again for another"
            )
        with heap.lock:
            # Whatever can fail comes before the transaction, which then need not be rolled back.
            buffer._check_changeable()
            size = buffer._size()
            code: Any
            code, item_size = buffer._item()
            start, stop, _ = self._bounds.indices(size // item_size)
            self._start = start * item_size
            self._copy = bytearray(buffer._bytes(self._start, max(start, stop) * item_size))
            view = memoryview(self._copy)
            view = buffer._shaped(view) if len(self._copy) == size else view.cast(code)
            self._transaction = Transaction(heap)
            self._transaction.__enter__()
            try:
                self._view = view
                self._token = _Token()
                heap.exports.hold(buffer._p_offset, self._token)
            except BaseException as failure:
                self._token = None
                self._transaction.__exit__(type(failure), failure, None)
                raise
        return view

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        # An interrupt may arrive anywhere here, and it must not leave the transaction open.
        try:
            self._token = None
            # If an array or a slice of it is still alive, release() raises. What it shows is only the copy.
            with contextlib.suppress(BufferError):
                self._view.release()
            if error is None:
                self._buffer._overwrite(self._start, self._copy)
        except BaseException as failure:
            self._transaction.__exit__(type(failure), failure, None)
            raise
        self._transaction.__exit__(kind, error, traceback)


class _Token:
    """An object that a weak reference can watch."""

    __slots__ = ("__weakref__",)


def _store_in_word(heap: Heap, at: int, data: bytes) -> None:
    """Replace bytes that lie in one word. Outside a transaction this is one failure-atomic store."""
    slot = at - at % WORD
    old = heap.read(slot).to_bytes(WORD, "little")
    new = old[: at - slot] + data + old[at - slot + len(data) :]
    if new != old:
        heap.store(slot, int.from_bytes(new, "little"))


def _differences(old: Any, new: Any) -> Iterator[tuple[int, int]]:
    """The ranges in which two byte strings of the same length differ, rounded to whole pieces."""
    first = -1
    for at in range(0, len(old), _PIECE):
        same = old[at : at + _PIECE] == new[at : at + _PIECE]
        if first < 0 and not same:
            first = at
        elif first >= 0 and same:
            yield first, at
            first = -1
    if first >= 0:
        yield first, len(old)


def number(index: Any, complaint: str) -> int:
    """An index as an int; the error for another type is that of the builtin type.

    This may run an ``__index__`` that changes the very object, so the length is read only afterwards.
    """
    if not hasattr(index, "__index__"):
        raise TypeError(complaint.format(type(index).__name__))
    return operator.index(index)


def place_number(index: Any) -> int:
    """An index as an int that is small enough for a position, as `insert` and `pop` of the builtin types demand it."""
    at = operator.index(index)
    if not -END - 1 <= at <= END:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return at


def position(at: int, length: int, complaint: str) -> int:
    """The position from 0 on that an index means.

    Raises:
        IndexError: there is none.
    """
    if at < 0:
        at += length
    if not 0 <= at < length:
        raise IndexError(complaint)
    return at


def plain(value: Any) -> Any:
    """The bytes of a persistent buffer, for functions that cannot use its buffer; any other value as it is."""
    return value._bytes() if isinstance(value, Buffer) else value
