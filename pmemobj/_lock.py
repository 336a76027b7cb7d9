"""The lock of a pool: one thread at a time changes it, and waiting for that one comes to an end.

A plain lock would be waited for for ever in two cases, which are errors here: its owner ended
without ending its transaction, and its owner waits itself for something that the waiting thread
has (two threads, two pools). So whoever must wait looks up now and then.

Threads are told apart by a mark, a weak reference to something that lives as long as the thread;
their numbers would not do, since a new thread often gets the number of one that has ended, and
with it what Python's locks keep by number.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

from pmemobj.errors import TransactionError

#: Seconds between two looks at what the owner of a lock is doing.
_A_WHILE = 0.05
#: Seconds for which `acquire_soon` waits: a statement is usually over by then.
_SOON = 0.001

_local = threading.local()
#: The locks that threads wait for, by the marks of the threads.
_waiting: dict[Any, PoolLock] = {}


class _Life:
    """Lives as long as its thread."""

    __slots__ = ("__weakref__",)


def me() -> Any:
    """The mark of the calling thread; called, it returns None when the thread has ended."""
    try:
        return _local.mark
    except AttributeError:
        _local.life = _Life()
        mark = _local.mark = weakref.ref(_local.life)
        return mark


class PoolLock:
    """A re-entrant lock that knows in whose transaction it is held.

    Args:
        name: How messages call the pool.
    """

    __slots__ = ("_lock", "_name", "owner")

    def __init__(self, name: str) -> None:
        self._lock = threading.RLock()
        self._name = name
        #: The mark of the thread that is in a transaction; None for none.
        self.owner: Any = None

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            TransactionError: its owner has ended in a transaction, or waits for this thread.
        """
        if not self._lock.acquire(False):
            self._wait()
        if self.owner is not None and self.owner is not me():
            # Only of a thread that has ended, and whose number this one has now.
            self._lock.release()
            raise self._orphaned()

    def acquire_soon(self) -> bool:
        """Whether the lock could be had without waiting for long."""
        return self._lock.acquire(True, _SOON)

    def release(self) -> None:
        """Give it back once."""
        self._lock.release()

    def release_all(self) -> None:
        """Give it back as often as this thread has it."""
        while self._lock._is_owned():  # type: ignore[attr-defined]
            self._lock.release()

    @property
    def is_orphaned(self) -> bool:
        """Whether the thread that is in a transaction has ended."""
        owner = self.owner
        return owner is not None and owner() is None

    def _wait(self) -> None:
        mark = me()
        _waiting[mark] = self
        try:
            while not self._lock.acquire(True, _A_WHILE):
                if self.is_orphaned:
                    raise self._orphaned()
                self._demand_no_circle(mark)
        finally:
            _waiting.pop(mark, None)

    def _demand_no_circle(self, mark: Any) -> None:
        """Raise if the owner waits, directly or through others, for a transaction of this thread."""
        lock: PoolLock | None = self
        for _ in range(len(_waiting)):
            owner = lock.owner if lock is not None else None
            lock = _waiting.get(owner)
            if lock is None:
                return
            if lock.owner is mark:
                raise TransactionError(
                    f"wait for pool {self._name}",
                    "the thread that is in a transaction on it waits for a transaction of this thread (a deadlock)",
                    "leave one transaction before using the other pool, or take the pools in the same order everywhere",
                )

    def _orphaned(self) -> TransactionError:
        return TransactionError(
            f"change pool {self._name}",
            "a thread ended inside a transaction on it, without commit or abort",
            "call pool.abandon_transaction(), which rolls it back, or close the pool and open it again",
        )
