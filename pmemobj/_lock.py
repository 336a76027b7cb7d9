"""The lock of a heap: reentrant, and next to nothing when nobody else wants it.

Compiled code is not interrupted between two of its own lines, so looking who has the lock and taking
it needs nothing but a field; only who must wait needs a real lock to wait at. Uncompiled code
may be interrupted anywhere, so there it is `threading.RLock`, which offers the same.
"""

from __future__ import annotations

import threading
from typing import Any

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython


class HeapLock:
    """A reentrant lock with `acquire`, `release` and ``with``; for compiled code only."""

    __slots__ = ("_count", "_gate", "_owner", "_waiting")

    def __init__(self) -> None:
        self._owner = 0
        self._count = 0
        self._waiting = 0
        #: Locked, but for the moment in which it lets one of those who wait look again.
        self._gate = threading.Lock()
        self._gate.acquire()

    def acquire(self) -> None:
        """Take the lock, once more if the calling thread has it; wait for others."""
        me = this_thread()  # type: ignore[name-defined]  # noqa: F821
        if self._owner == me:
            self._count += 1
            return
        if self._owner:
            self._wait()
        self._owner = me
        self._count = 1

    def _wait(self) -> None:
        self._waiting += 1
        try:
            while self._owner:
                self._gate.acquire()
        finally:
            self._waiting -= 1

    def release(self) -> None:
        """Give back what one `acquire` took.

        Raises:
            RuntimeError: the calling thread does not have the lock.
        """
        if self._owner != this_thread():  # type: ignore[name-defined]  # noqa: F821
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if self._count == 0:
            self._owner = 0
            if self._waiting and self._gate.locked():
                self._gate.release()

    def _is_owned(self) -> bool:
        return bool(self._owner == this_thread())  # type: ignore[name-defined]  # noqa: F821

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_error: Any) -> None:
        self.release()


if not cython.compiled:
    HeapLock = threading.RLock  # type: ignore[misc,assignment]
