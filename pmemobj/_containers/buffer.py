"""What PersistentByteArray and PersistentArray are made of: an area of bytes that grows, and that buffers show.

Layout: see `_layout`, "bytearray", "array" and "data". Offsets and lengths in this module are bytes.

A buffer on the area is read-only, and without a copy wherever that is sound; `_loans` says when it is
not. Writing through a buffer cannot be allowed as such: a store by NumPy neither logs what it
overwrites, nor can it be prevented once the array has the address, not even when the transaction is
over. So `writing` gives out a copy of the range, and puts it in place at the end of the block: what
is kept beyond the block writes to memory that is nobody's, and what was not changed is not logged.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj._containers.comparable import Comparable
from pmemobj._engine.heap import Heap, steady, usable_size
from pmemobj._engine.transaction import Transaction
from pmemobj._format import WORD
from pmemobj.errors import TransactionError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

_LENGTH, _CAPACITY, _DATA = 8, 16, 24
_MIN_CAPACITY = 16
#: In pieces of this size it is found out what has changed.
_PIECE = 512
#: A position beyond every length.
END = sys.maxsize
_PYBUF_WRITABLE = 1


class Buffer(Comparable):
    """Bytes in a pool, and the buffer protocol; the base of the types that give them a meaning."""

    __slots__ = ()

    #: The kind of the area.
    _p_data_kind = 0

    # ---- reading ----

    def _size(self) -> int:
        return self._p_heap.read_count(self._p_offset + _LENGTH)

    def _bytes(self, start: int = 0, stop: int = END) -> bytes:
        """A copy of the bytes of ``[start:stop]``."""
        return steady(self, self._copy_of, start, stop)

    def _copy_of(self, start: int, stop: int) -> bytes:
        heap = self._p_heap
        data = heap.read(self._p_offset + _DATA)
        return heap.read_bytes(data + start, max(0, min(stop, self._size()) - start))

    def view(self) -> memoryview:
        """A read-only memoryview, without a copy; what ``memoryview(self)`` is where Python can ask for it.

        While it, or anything made of it, is alive, the object cannot be resized and its pool not be
        closed or suspended. It shows each change at once. Inside the transaction that allocated the
        memory (it created the object, or made it grow) the view is a copy, since the memory goes
        if the transaction is rolled back; while it is alive the object cannot be changed at all.

        Uncompiled, before Python 3.12, this is the only way to a buffer (but for NumPy, which has
        one of its own). It waits while another thread is in a transaction. A forked child sees in
        it what its parent does to the pool.
        """
        heap = self._p_heap
        # With the lock, since another thread may be about to move the area.
        with heap.lock:
            length = self._size()
            data = heap.read(self._p_offset + _DATA)
            if not length or data in heap.fresh or not heap.is_writable:
                view = heap.loans.lend_copy(self._p_offset, self._bytes())
            else:
                if data + length > heap.limit:
                    heap.refuse(data)
                view = heap.loans.lend(self._p_offset, heap.base + data, length)
        return self._shaped(view)

    def _item(self) -> tuple[str, int]:
        """The type code of the elements, and the bytes of one."""
        return "B", 1

    def _shaped(self, view: memoryview) -> memoryview:
        """The bytes of the whole object as a view of its elements."""
        return view

    if cython.compiled:

        # The names that nobody defines here are from the .pxd.
        @cython.locals(buffer=buffer_request, flags=cython.int)  # type: ignore[name-defined] # noqa: F821
        def __getbuffer__(self, buffer: Any, flags: Any) -> None:
            view = self.view()
            # Cython has put a reference to None into the request, which is now overwritten.
            Py_DECREF(None)  # type: ignore[name-defined] # noqa: F821
            PyObject_GetBuffer(view, buffer, flags)  # type: ignore[name-defined] # noqa: F821

    else:

        def __buffer__(self, flags: int) -> memoryview:
            # Called by Python 3.12 and later.
            if flags & _PYBUF_WRITABLE:
                raise BufferError("Object is not writable.")
            return self.view()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # NumPy asks for it where it cannot ask for a buffer: uncompiled, before Python 3.12.
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

        ``with a.writing() as view:`` gives a writable memoryview (``numpy.asarray(view)`` is a
        writable array). What was written is put in place at the end of the block, and committed
        with the transaction, which the block opens or joins; an exception in the block rolls it
        back. Until then the object shows its old state, and cannot be changed in another way.

        The view is released at the end of the block. Arrays and slices of it that are kept longer
        have no effect on the object any more.

        Args:
            lo, hi: A range of elements, as in a slice.

        Raises:
            BufferInUseError: another such block on the object is open, or see `view`.

        Durability: as for any transaction.
        Cost: a copy of the range in ordinary memory; only what has changed is logged and written.
        """
        return Writing(self, lo, hi)

    def _check_changeable(self) -> None:
        self._p_heap.loans.demand_changeable(self._p_offset, type(self).__name__)

    def _check_resizable(self) -> None:
        self._p_heap.loans.demand_resizable(self._p_offset, type(self).__name__)

    def _overwrite(self, start: int, data: Any) -> None:
        """Let the bytes from `start` on be `data`, whatever the length of that; only what differs is written."""
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
        """Replace the bytes of ``[start:stop]`` by `data`; all changes of length end here.

        Snapshotted before: the words in which bytes move or are overwritten, and the header.
        Holds after: length counts exactly the bytes; an empty object has no area.
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
        """Move to a larger area; it is filled while it is fresh, so that only the header is logged."""
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
        """Assert what holds between operations, from the bytes."""
        heap = self._p_heap
        length, capacity, data = heap.read_words(self._p_offset + _LENGTH, 3)
        state = f"length {length}, capacity {capacity}, data at {data:#x}"
        assert length <= capacity and length % self._item()[1] == 0, state
        assert capacity % WORD == 0 and bool(capacity) == bool(data), state
        if data:
            # libpmemobj lists what the running transaction allocated only when it is committed.
            listed = {at: size for at, size, kind in heap.allocations() if kind == self._p_data_kind}
            size = heap.fresh.get(data) or listed.get(data, 0)
            assert size >= capacity, f"{state}, of {size} bytes"
            assert len(self._bytes()) == length, state


class Writing:
    """The context that `Buffer.writing` returns."""

    __slots__ = ("_bounds", "_buffer", "_copy", "_start", "_token", "_transaction", "_view")

    def __init__(self, buffer: Buffer, lo: int, hi: int | None) -> None:
        self._buffer = buffer
        # The bounds are numbers before the size is looked at: an ``__index__`` may change the object.
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
            # What can go wrong comes before the transaction, which then need not be rolled back.
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
                heap.loans.hold(buffer._p_offset, self._token)
            except BaseException as failure:
                self._token = None
                self._transaction.__exit__(type(failure), failure, None)
                raise
        return view

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        # In all of this an interrupt may arrive, which must not leave the transaction open.
        try:
            self._token = None
            # Where an array or a slice of it goes on, release() complains; what they show is the copy.
            with contextlib.suppress(BufferError):
                self._view.release()
            if error is None:
                self._buffer._overwrite(self._start, self._copy)
        except BaseException as failure:
            self._transaction.__exit__(type(failure), failure, None)
            raise
        self._transaction.__exit__(kind, error, traceback)


class _Token:
    """Something that a weak reference can watch."""

    __slots__ = ("__weakref__",)


def _store_in_word(heap: Heap, at: int, data: bytes) -> None:
    """Replace bytes that lie in one word: outside a transaction one failure-atomic store."""
    slot = at - at % WORD
    old = heap.read(slot).to_bytes(WORD, "little")
    new = old[: at - slot] + data + old[at - slot + len(data) :]
    if new != old:
        heap.store(slot, int.from_bytes(new, "little"))


def _differences(old: Any, new: Any) -> Iterator[tuple[int, int]]:
    """The stretches in which two byte strings of the same length differ, to within a piece."""
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
    """An index as an int, with the error of the builtin type.

    This may run an ``__index__`` that changes the very object, so no length is looked at before it.
    """
    if not hasattr(index, "__index__"):
        raise TypeError(complaint.format(type(index).__name__))
    return operator.index(index)


def place_number(index: Any) -> int:
    """An index as an int that is small enough for a place, as `insert` and `pop` of the builtin types demand."""
    at = operator.index(index)
    if not -END - 1 <= at <= END:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return at


def position(at: int, length: int, complaint: str) -> int:
    """A number that stands for an index as a position from 0 on; IndexError if there is none."""
    if at < 0:
        at += length
    if not 0 <= at < length:
        raise IndexError(complaint)
    return at


def plain(value: Any) -> Any:
    """A persistent buffer as bytes, for what cannot ask for its buffer; anything else as it is."""
    return value._bytes() if isinstance(value, Buffer) else value
