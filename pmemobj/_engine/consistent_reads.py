"""Reading while other threads may write: optimistic reads, the protocol that is known as a seqlock.

Writers hold the lock of the pool; readers take none. `Heap.version` tells a reader whether a writer came in between:

1. The reader notes the version. If it is odd, a statement is half done (or a roll-back): the read waits for the lock.
2. It reads, as often and as much as it likes. What it reads may be nonsense if a writer is at work, so every offset and
   every count is compared with the bounds of the pool before it is used, and exceptions are held back.
3. It compares the version. If the number is still the same, nobody has changed the pool, and the result (or the
   exception) is right. If not, the result is thrown away and the read is made once more, with the lock
   (`read_with_lock`), so that a busy writer cannot keep a reader waiting for ever.

A writer makes the number odd before its first store and even again after its last one (`Heap._begin_change`,
`Heap._end_change`); a statement that changes many words counts as one change. A single 8-byte store is atomic, so it
does not count at all. A commit need not count either, though it frees memory: a reader that began after the statement
which gave the memory up finds no way to it.

Every method that reads more than one word of the pool for its caller follows this protocol: `read_consistently` is
all of it. Methods that are called millions of times a second write the first attempt out, without a call
through a Python object::

    version = heap.version
    if not is_half_changed(version):
        try:
            value = self._value(number)
        except Exception:
            if heap.still_valid(version):
                raise
        else:
            if heap.still_valid(version):
                return value
    return read_with_lock(self, self._value, number)

(In a .py file the first condition reads ``heap.still_valid(version)``, which is the same at that point and exists
uncompiled, too.)

The quick look-ups (`quick_entry`, `_quick_word`) leave out step 3. They are compiled, run no Python code and keep the
interpreter lock, so no other thread runs between their first and their last load. They must not leave out
step 1: a writer may have been interrupted inside its statement, which only the version shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

A = TypeVar("A")

if not cython.compiled:

    def is_half_changed(version: int) -> bool:
        """Whether a heap with this version shows half a change; compiled this is part of the caller (see the .pxd)."""
        return version & 1 != 0


def read_consistently(owner: Any, read: Callable[..., A], *args: Any) -> A:
    """What `read` returns if no other thread changes the pool meanwhile; for methods that read.

    Args:
        owner: A handle, or whatever has its heap in the attribute `_p_heap`.
        read: May run twice, so it changes nothing, and looks up the heap of the owner each time.
        *args: For `read`.
    """
    heap = owner._p_heap
    version = heap.version
    if not is_half_changed(version):
        try:
            result = read(*args)
        except Exception:
            if heap.version == version:
                raise
        else:
            if heap.version == version:
                return result
    return read_with_lock(owner, read, *args)


def read_with_lock(owner: Any, read: Callable[..., A], *args: Any) -> A:
    """As `read_consistently`, after a writer has come in between.

    With the lock no other thread can change anything. While another thread is in a transaction, perhaps for long, the
    lock is not to be had; then the read is optimistic once more, until it hits a moment between two statements.
    """
    while True:
        heap = owner._p_heap
        if heap.lock.acquire_soon():
            try:
                return read(*args)
            finally:
                heap.lock.release()
        version = heap.version
        if is_half_changed(version):
            continue
        try:
            result = read(*args)
        except Exception:
            if heap.version == version:
                raise
        else:
            if heap.version == version:
                return result
