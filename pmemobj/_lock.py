"""The lock of a pool: next to nothing when nobody else wants it, and a word when one waits for long.

Compiled code is not interrupted between two of its own lines, so looking who has the lock and taking
it needs nothing but a field; only who must wait needs a real lock to wait at. Uncompiled code may be
interrupted anywhere, so there it is Python's own `RLock`.

One thread at a time is in a transaction of a pool; the others wait, some for ever: a thread that is
waited for inside the transaction itself, say by `join`, never gets its turn. Nothing can tell
that from a long transaction, so there is no error, but a warning after some seconds.
"""

from __future__ import annotations

import _thread
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, Literal

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

#: Seconds that a thread waits without a word.
QUIET_WAIT = 5.0


def _complain(name: str, owner: int) -> None:
    thread = next((thread.name for thread in threading.enumerate() if thread.ident == owner), "another thread")
    warnings.warn(
        f"{threading.current_thread().name} has waited {QUIET_WAIT:g} seconds to use {name}: {thread} has a "
        "transaction open on it (end that one, and wait for no other thread inside a transaction)",
        RuntimeWarning,
        stacklevel=4,
    )


class PoolLock:
    """A reentrant lock. (This class is the compiled form; the other one is below.)

    Args:
        name: What it guards, for the warning.
        in_transaction: Tells which thread has a transaction open there; 0 for none.
    """

    __slots__ = ("_count", "_gate", "_name", "_owner", "_waiting")

    def __init__(self, name: str, in_transaction: Callable[[], int]) -> None:
        self._name = name
        self._owner = 0
        self._count = 0
        self._waiting = 0
        #: Locked, but for the moment in which it lets one of those who wait look again.
        self._gate = threading.Lock()
        self._gate.acquire()

    def acquire(self, timeout: float = -1.0) -> bool:
        """Take the lock, once more if the calling thread has it; wait for others.

        Args:
            timeout: How long to wait (seconds); -1: for ever.

        Returns:
            Whether it was taken.
        """
        me = this_thread()  # type: ignore[name-defined]  # noqa: F821
        if self._owner == me:
            self._count += 1
            return True
        if self._owner and not self._wait(timeout):
            return False
        self._owner = me
        self._count = 1
        return True

    def _wait(self, timeout: float) -> bool:
        """Wait until nobody has the lock. Nothing foreign runs between that and the caller's taking it."""
        self._waiting += 1
        try:
            if timeout >= 0:
                return self._wait_until(time.monotonic() + timeout)
            if not self._wait_until(time.monotonic() + QUIET_WAIT):
                _complain(self._name, self._owner)
                while self._owner:
                    self._gate.acquire()
            return True
        finally:
            self._waiting -= 1

    def _wait_until(self, deadline: float) -> bool:
        while self._owner:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._gate.acquire(timeout=left)  # let through, or too late: the loop finds out
        return True

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

    def __enter__(self) -> Literal[True]:
        self.acquire()
        return True

    def __exit__(self, *_error: Any) -> None:
        self.release()


if not cython.compiled:

    class _InterpretedLock(_thread.RLock):  # type: ignore[misc]
        """What `PoolLock` does, for code that may be interrupted between any two lines."""

        __slots__ = ("_in_transaction", "_name")

        _name: str
        _in_transaction: Callable[[], int]

        def __new__(cls, name: str, in_transaction: Callable[[], int]) -> _InterpretedLock:
            """`RLock` takes no arguments."""
            lock: _InterpretedLock = super().__new__(cls)
            lock._name, lock._in_transaction = name, in_transaction
            return lock

        def acquire(self, timeout: float = -1.0) -> bool:  # type: ignore[override]
            if super().acquire(False):
                return True
            if timeout >= 0:
                return super().acquire(timeout=timeout)
            if not super().acquire(timeout=QUIET_WAIT):
                _complain(self._name, self._in_transaction())
                super().acquire()
            return True

        def __enter__(self) -> Literal[True]:  # type: ignore[override]
            self.acquire()
            return True

    PoolLock = _InterpretedLock  # type: ignore[misc,assignment]
