"""The lock of a pool: a thread that waits for it for long says for what.

One thread at a time is in a transaction of a pool; the others wait, some for ever: a thread that is
waited for inside the transaction itself, say by `join`, never gets its turn. Nothing can tell
that from a long transaction, so there is no error, but a warning after some seconds.

The warning costs each locked operation 40 ns compiled (and 70 ns uncompiled): `RLock` itself
cannot call back.
"""

from __future__ import annotations

import threading
import warnings
from _thread import RLock
from collections.abc import Callable
from typing import Literal

#: Seconds that a thread waits without a word.
QUIET_WAIT = 5.0


class PoolLock(RLock):  # type: ignore[misc]
    """A reentrant lock.

    Args:
        name: What it guards, for the warning.
        owner: Tells which thread has a transaction open there; 0 for none.
    """

    __slots__ = ("_name", "_owner")

    _name: str
    _owner: Callable[[], int]

    def __new__(cls, name: str, owner: Callable[[], int]) -> PoolLock:
        """`RLock` takes no arguments."""
        lock: PoolLock = super().__new__(cls)
        lock._name, lock._owner = name, owner
        return lock

    def __enter__(self) -> Literal[True]:  # type: ignore[override]
        if not self.acquire(False):
            self.wait()
        return True

    def wait(self) -> None:
        """Take it when the thread that has it gives it back; say so if that takes long."""
        if self.acquire(timeout=QUIET_WAIT):
            return
        owner = self._owner()
        name = next((thread.name for thread in threading.enumerate() if thread.ident == owner), "another thread")
        warnings.warn(
            f"{threading.current_thread().name} has waited {QUIET_WAIT:g} seconds to use {self._name}: {name} has a "
            "transaction open on it (end that one, and wait for no other thread inside a transaction)",
            RuntimeWarning,
            stacklevel=3,
        )
        self.acquire()
