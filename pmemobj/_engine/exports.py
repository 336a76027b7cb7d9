"""Buffers that show memory of a pool (exports, in the words of the buffer protocol): which there are, and until when.

``memoryview(b)``, a NumPy array and everything else that asks for a buffer point straight into the mapping,
and nobody can take such a pointer back. So as long as a buffer is alive, its memory must stay as it is:
the object is not resized (a BufferError, as with bytearray), garbage collection keeps it, and the
mapping outlives the pool if necessary.

A roll-back cannot be refused, and it takes back every allocation that the transaction made.
So memory that the running transaction allocated is not exported: a buffer of it is a copy. The object cannot be
changed while the copy exists, since the two would differ.

Nobody has to report the end of a buffer. Each chain of buffers keeps a token alive, to which this module has a weak
reference. So no finalizer runs, which could be interrupted, or run in the wrong thread.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from pmemobj._pmdk import library
from pmemobj.errors import BufferInUseError

#: A table with so many entries looks for those that have ended.
_FEW = 64

#: What must be done when the buffers of a closed pool are gone.
_waiting: list[tuple[BufferExports, Callable[[], None]]] = []


class BufferExports:
    """The buffers on the objects of one pool. The caller of a method holds the lock of the heap."""

    __slots__ = ("_copies", "_lent", "_new_copies")

    def __init__(self) -> None:
        self._lent = _Entries()
        self._copies = _Entries()
        #: The copies that were made in the running transaction.
        self._new_copies = _Entries()

    # ---- exporting ----

    def lend(self, offset: int, address: int, size: int) -> memoryview:
        """Read-only bytes of the memory at `address`, which belongs to the object at `offset`."""
        view, token = library.window(address, size)
        self._lent.add(token, offset)
        return view

    def lend_copy(self, offset: int, data: bytes) -> memoryview:
        """Read-only bytes that show `data`, for an object whose memory cannot be exported."""
        view, token = library.window_on_copy(data)
        self.hold(offset, token)
        return view

    def hold(self, offset: int, token: Any) -> None:
        """Keep the object at `offset` from being changed for as long as `token` is alive."""
        self._new_copies.add(token, offset)

    def keep_new(self) -> None:
        """To be called after a commit: the copies go on counting."""
        if self._new_copies:
            for token, offset in self._new_copies.alive():
                self._copies.add(token, offset)
            self._new_copies = _Entries()

    def forget_new(self) -> None:
        """To be called after a roll-back: what its copies show is no longer the state of any object."""
        self._new_copies = _Entries()

    # ---- asking ----

    @property
    def lent(self) -> list[int]:
        """The offsets of the objects whose memory is exported, once for each buffer."""
        return self._lent.offsets()

    def demand_changeable(self, offset: int, name: str) -> None:
        """Refuse to change the object at `offset` while a buffer shows a copy of it.

        Raises:
            BufferInUseError: there is such a buffer.
        """
        if (self._copies or self._new_copies) and offset in self._copies.offsets() + self._new_copies.offsets():
            raise BufferInUseError(
                f"change this {name}",
                "a writing() block on it is open, or a buffer is alive that was made in the transaction which "
                "allocated its memory",
                "leave the block, and drop memoryviews and arrays of it, or release() them",
            )

    def demand_resizable(self, offset: int, name: str) -> None:
        """Refuse to resize the object at `offset` while buffers show its memory.

        Raises:
            BufferInUseError: there are such buffers.
        """
        if self._lent:
            count = self.lent.count(offset)
            if count:
                raise BufferInUseError(
                    f"resize this {name}", _alive(count), "drop memoryviews and arrays of it, or release() them"
                )

    def demand_none(self, what: str) -> None:
        """Refuse an operation that unmaps the pool.

        Args:
            what: The operation, for the message.

        Raises:
            BufferInUseError: buffers show some of its memory.
        """
        count = len(self.lent)
        if count:
            raise BufferInUseError(
                what, _alive(count), "drop the memoryviews and arrays of its objects, or release() them"
            )

    # ---- the end ----

    def when_returned(self, action: Callable[[], None]) -> None:
        """Call `action` as soon as no memory is exported: now, or when the last buffer has gone."""
        if not self.lent:
            action()
            return
        _waiting.append((self, action))
        for token, _ in self._lent.alive():
            weakref.finalize(token, finish).atexit = False
        # The last buffer may have gone before its finalizer was registered.
        token = None
        finish()


class _Entries:
    """Offsets of objects, each for as long as a token is alive."""

    __slots__ = ("_entries", "_limit")

    def __init__(self) -> None:
        self._entries: list[tuple[weakref.ref[Any], int]] = []
        self._limit = _FEW

    def __bool__(self) -> bool:
        return bool(self._entries)

    def add(self, token: Any, offset: int) -> None:
        self._entries.append((weakref.ref(token), offset))
        if len(self._entries) > self._limit:
            self._limit = _FEW + 2 * len(self.offsets())

    def offsets(self) -> list[int]:
        """The offsets whose token is alive; the other entries are dropped."""
        self._entries[:] = [entry for entry in self._entries if entry[0]() is not None]
        return [offset for _, offset in self._entries]

    def alive(self) -> Iterator[tuple[Any, int]]:
        """The tokens that are alive, and their offsets."""
        for reference, offset in self._entries:
            token = reference()
            if token is not None:
                yield token, offset


def finish() -> None:
    """Do what waited for the last buffer of a pool, where it has gone.

    This calls ``pmemobj_close``, which must not happen inside a transaction; there the work is left to the next call.
    """
    if library.tx_stage() != library.STAGE_NONE:
        return
    for entry in [entry for entry in _waiting if not entry[0].lent]:
        try:
            _waiting.remove(entry)
        except ValueError:
            continue  # another thread does it
        entry[1]()


# A child must not close the mappings that it inherits: they belong to its parent.
os.register_at_fork(after_in_child=_waiting.clear)


def _alive(count: int) -> str:
    return "1 buffer shows its memory" if count == 1 else f"{count} buffers show its memory"
