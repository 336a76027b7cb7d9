"""Memory of a pool that buffers show: what is lent, and until when.

``memoryview(b)``, a NumPy array and whatever else asks for a buffer point straight into the mapping,
and nobody can take such a pointer back. So as long as one is alive its memory must stay what it is:
the object is not resized (a BufferError, as with bytearray), garbage collection keeps it, and the
mapping outlives the pool if need be.

One thing cannot be refused, that a transaction is rolled back, and with it every allocation that it
made. So what the running transaction allocated is not lent: a buffer of it is a copy. Lest a copy
and its object come to differ, the object cannot be changed at all while the copy is there.

Nothing needs to be told when a buffer ends. At the bottom of each chain of buffers lies a token that
only they keep alive; we have a weak reference to it. So no finalizer runs, and none can be
interrupted, or come in the wrong thread.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from pmemobj._pmdk import library
from pmemobj.errors import BufferInUseError

#: So many entries are kept before it is looked which of them have ended.
_FEW = 64

#: What is to be done when the buffers of a closed pool are gone.
_waiting: list[tuple[Loans, Callable[[], None]]] = []


class Loans:
    """The buffers on the objects of one pool. All methods are called with the heap's lock held."""

    __slots__ = ("_copies", "_lent", "_new_copies")

    def __init__(self) -> None:
        self._lent = _Entries()
        self._copies = _Entries()
        #: Those of the running transaction.
        self._new_copies = _Entries()

    # ---- lending ----

    def lend(self, offset: int, address: int, size: int) -> memoryview:
        """Read-only bytes of the memory at `address`, which belongs to the object at `offset`."""
        view, token = library.window(address, size)
        self._lent.add(token, offset)
        return view

    def lend_copy(self, offset: int, data: bytes) -> memoryview:
        """Read-only bytes that show `data`, for an object whose memory cannot be lent."""
        view, token = library.window_on_copy(data)
        self.hold(offset, token)
        return view

    def hold(self, offset: int, token: Any) -> None:
        """Keep the object at `offset` from being changed for as long as `token` is alive."""
        self._new_copies.add(token, offset)

    def keep_new(self) -> None:
        """The transaction was committed."""
        if self._new_copies:
            for token, offset in self._new_copies.alive():
                self._copies.add(token, offset)
            self._new_copies = _Entries()

    def forget_new(self) -> None:
        """The transaction was rolled back: what its copies show is no longer any object's state."""
        self._new_copies = _Entries()

    # ---- asking ----

    @property
    def lent(self) -> list[int]:
        """The offsets of the objects whose memory is lent, once for each loan."""
        return self._lent.offsets()

    def demand_changeable(self, offset: int, name: str) -> None:
        """Refuse to change the object at `offset` while a copy of it is taken for the object.

        Raises:
            BufferInUseError: there is one.
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
            BufferInUseError: some do.
        """
        if self._lent:
            count = self.lent.count(offset)
            if count:
                raise BufferInUseError(
                    f"resize this {name}", _alive(count), "drop memoryviews and arrays of it, or release() them"
                )

    def demand_none(self, what: str) -> None:
        """Refuse what takes the mapping away.

        Raises:
            BufferInUseError: buffers show some of it.
        """
        count = len(self.lent)
        if count:
            raise BufferInUseError(
                what, _alive(count), "drop the memoryviews and arrays of its objects, or release() them"
            )

    # ---- the end ----

    def when_returned(self, action: Callable[[], None]) -> None:
        """Call `action` as soon as no memory is lent: now, or when the last buffer has gone."""
        if not self.lent:
            action()
            return
        _waiting.append((self, action))
        for token, _ in self._lent.alive():
            weakref.finalize(token, finish).atexit = False
        # The last one may have gone meanwhile.
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
        """Those whose token is alive; the others are dropped."""
        self._entries[:] = [entry for entry in self._entries if entry[0]() is not None]
        return [offset for _, offset in self._entries]

    def alive(self) -> Iterator[tuple[Any, int]]:
        """The tokens that are alive, and their offsets."""
        for reference, offset in self._entries:
            token = reference()
            if token is not None:
                yield token, offset


def finish() -> None:
    """Do what waited for buffers to go and can be done now.

    It ends in ``pmemobj_close``, so in a thread that is inside a transaction it waits for another call.
    """
    if library.tx_stage() != library.STAGE_NONE:
        return
    for entry in [entry for entry in _waiting if not entry[0].lent]:
        try:
            _waiting.remove(entry)
        except ValueError:
            continue  # another thread was faster
        entry[1]()


# The mappings that a child inherits are its parent's to close.
os.register_at_fork(after_in_child=_waiting.clear)


def _alive(count: int) -> str:
    return "1 buffer shows its memory" if count == 1 else f"{count} buffers show its memory"
