"""Reading while other threads may write: optimistic reads, the protocol that is known as a seqlock.

Writers hold the lock of the pool; readers take none. `Heap.version` tells a reader whether a writer came in between:

1. The reader notes the version. If it is odd, a statement is half done (or a roll-back): the read waits for the lock.
2. It reads, as often and as much as it likes. What it reads may be nonsense if a writer is at work, so every offset and
   every count is compared with the bounds of the pool before it is used, and exceptions are held back.
3. It compares the version. If the number is still the same, nobody has changed the pool, and the result (or the
   exception) is right. If not, the result is thrown away and the read is made once more, with the lock
   if it can be had soon, so that a busy writer cannot keep a reader waiting for ever.

A writer makes the number odd before its first store and even again after its last one (`Heap._begin_change`,
`Heap._end_change`); a statement that changes many words counts as one change. A single 8-byte store is atomic, so it
does not count at all. A commit need not count either, though it frees memory: a reader that began after the statement
which gave the memory up finds no way to it.

The protocol stands in one function, `read_optimistically`, and every method that reads more than one word of the pool
for its caller uses it. Methods that are called millions of times a second call it directly: compiled, their `Reader` is
a C function, so no arguments are packed. All others call `read_consistently`, which takes any function of Python.

The quick look-ups (`quick_entry`, `_quick_word`) leave out step 3. They are compiled, run no Python code and keep the
interpreter lock, so no other thread runs between their first and their last load. They must not leave out
step 1: a writer may have been interrupted inside its statement, which only the version shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pmemobj._engine.heap import Heap

A = TypeVar("A")
#: ``read(owner, one, two, number)``; compiled, a C function (`CReader` in the .pxd).
Reader = Callable[[Any, Any, Any, int], Any]


def read_optimistically(heap: Heap, owner: Any, read: Reader, one: Any, two: Any, number: int) -> Any:
    """What ``read(owner, one, two, number)`` returns, or raises, if no other thread changes the pool meanwhile.

    Args:
        heap: The heap of the owner.
        owner: A handle, or whatever has its heap in the attribute `_p_heap`.
        read: May run more than once, so it changes nothing that it does not set again, and looks up the heap of the
            owner each time. Compiled, it is a C function.
        one, two, number: For `read`.
    """
    while True:
        version = heap.version
        if heap.still_valid(version):
            try:
                result = read(owner, one, two, number)
            except Exception:
                if heap.still_valid(version):
                    raise
            else:
                if heap.still_valid(version):
                    return result
        # A writer came in between. With the lock no other thread can change anything. While another thread is in a
        # transaction, perhaps for long, the lock is not to be had; then a moment between two statements will do.
        heap = owner._p_heap
        if heap.lock.acquire_soon():
            try:
                return read(owner, one, two, number)
            finally:
                heap.lock.release()


def read_consistently(owner: Any, read: Callable[..., A], *args: Any) -> A:
    """What ``read(*args)`` returns, or raises, if no other thread changes the pool meanwhile.

    Args:
        owner: As for `read_optimistically`.
        read: As for `read_optimistically`, but any function of Python.
        *args: For `read`.
    """
    return read_optimistically(owner._p_heap, owner, _call, read, args, 0)  # type: ignore[no-any-return]


def _call(_owner: Any, read: Callable[..., Any], args: tuple[Any, ...], _number: int) -> Any:
    return read(*args)
