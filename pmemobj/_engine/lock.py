"""The lock of a pool: it costs almost nothing when it is free, and nobody waits for it for ever.

Compiled code is not interrupted between two of its own lines, so a field that says who has the lock is enough to take
it; only a thread that must wait needs a real lock to wait at. Uncompiled code may be
interrupted anywhere, so it uses Python's own `RLock`.

In two cases a thread would wait for a plain lock for ever; here these are errors: the owner of the lock ended
without ending its transaction, or the owner itself waits for a lock that the waiting thread
has (two threads, two pools: a deadlock). So a thread that waits looks for these cases now and then. A third case cannot
be distinguished from a long transaction: the owner waits for the other thread in another way, for instance by `join`.
So there is a warning after some seconds.

Threads are identified by something that is never used twice: compiled by the number of the interpreter's
thread state, uncompiled by a mark, a weak reference to an object that lives as long as the thread. (A
number of `threading.get_ident` is not enough: a new thread often gets the number of a thread that has
ended.) The mark of the thread that is in a transaction is kept in both forms, since it tells whether the thread lives.
"""

from __future__ import annotations

import threading
import time
import warnings
import weakref
from typing import Any

from pmemobj.errors import TransactionError

try:
    import cython
except ImportError:
    from pmemobj import _nocython as cython

#: Seconds that a thread waits without a word.
QUIET_WAIT = 5.0
#: Seconds between two looks at what the owner of a lock is doing.
_A_WHILE = 0.05
#: Seconds for which `acquire_soon` waits: a statement is usually over by then.
_SOON = 0.001

_local = threading.local()
#: The locks that threads wait for, by the marks of the threads.
_waiting: dict[Any, Any] = {}


# ---- threads -------------------------------------------------------------------------------------


class _Life:
    """Lives as long as its thread."""

    __slots__ = ("__weakref__", "name")

    def __init__(self) -> None:
        self.name = threading.current_thread().name


def me() -> Any:
    """The mark of the calling thread; called, it returns None when the thread has ended."""
    try:
        return _local.mark
    except AttributeError:
        _local.life = _Life()
        mark = _local.mark = weakref.ref(_local.life)
        return mark


def thread_key() -> Any:
    """A key that no other thread has, nor any thread that has ended; never 0."""
    if cython.compiled:
        return id_of(this_thread())  # type: ignore[name-defined]  # noqa: F821
    else:
        return me()


# ---- waiting -------------------------------------------------------------------------------------


class _Watch:
    """A thread that waits for a lock, and checks now and then that waiting makes sense."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self._mark = me()
        self._quiet_until = time.monotonic() + QUIET_WAIT
        _waiting[self._mark] = lock

    def look(self) -> None:
        """Check that waiting makes sense.

        Raises:
            TransactionError: it does not, since the lock will never be released.
        """
        lock = self._lock
        if lock.is_orphaned:
            raise orphaned(lock.name)
        self._demand_no_circle()
        if time.monotonic() > self._quiet_until:
            self._quiet_until = float("inf")
            self._complain()

    def end(self) -> None:
        """To be called when the waiting is over, with the lock or without it."""
        _waiting.pop(self._mark, None)

    def _demand_no_circle(self) -> None:
        """Raise if the owner waits, directly or through others, for a transaction of this thread."""
        lock = self._lock
        for _ in range(len(_waiting)):
            lock = _waiting.get(lock.owner)
            if lock is None:
                return
            if lock.owner is self._mark:
                raise TransactionError(
                    f"wait for pool {self._lock.name}",
                    "the thread that is in a transaction on it waits for a transaction of this thread (a deadlock)",
                    "leave one transaction before using the other pool, or take the pools in the same order everywhere",
                )

    def _complain(self) -> None:
        owner = self._lock.owner
        life = owner() if owner is not None else None
        warnings.warn(
            f"{threading.current_thread().name} has waited {QUIET_WAIT:g} seconds to use {self._lock.name}: "
            f"{life.name if life is not None else 'another thread'} has a transaction open on it (end that one, and "
            "wait for no other thread inside a transaction)",
            RuntimeWarning,
            stacklevel=4,
        )


def orphaned(name: str) -> TransactionError:
    """The error for a lock whose owner has ended inside a transaction."""
    return TransactionError(
        f"change pool {name}",
        "a thread ended inside a transaction on it, without commit or abort",
        "call pool.abandon_transaction(), which rolls it back, or close the pool and open it again",
    )


# ---- the lock ------------------------------------------------------------------------------------


class PoolLock:
    """A re-entrant lock that knows which thread holds it for a transaction. (The uncompiled form is below.)

    Args:
        name: How messages call the pool.

    Attributes:
        owner: The mark of the thread that is in a transaction; None for none.
    """

    __slots__ = ("_count", "_holder", "_queue", "_then", "name", "owner")

    def __init__(self, name: str) -> None:
        self.name = name
        self.owner: Any = None
        #: The key of the thread that has the lock, 0 for none, and how often it has it.
        self._holder: Any = 0
        self._count = 0
        #: Key and gate of each thread that waits, in the order in which they came.
        self._queue: list[tuple[Any, Any]] = []
        #: What its holder will call when it has released the lock for good.
        self._then: Any = None

    def acquire(self, timeout: float = -1.0) -> bool:
        """Take the lock, once more if the calling thread has it; wait for others.

        Args:
            timeout: How long to wait (seconds); -1: as long as waiting makes sense.

        Returns:
            Whether it was taken.

        Raises:
            TransactionError: its owner has ended in a transaction, or waits for this thread.
        """
        key = thread_key()
        if self._holder == key:
            self._count += 1
            return True
        if self._holder != 0:
            return self._wait(key, timeout)
        self._holder = key
        self._count = 1
        return True

    def _wait(self, key: Any, timeout: float) -> bool:
        """Wait in the queue. `release` hands the lock over, or else the thread that releases it could take it again."""
        gate = threading.Lock()
        gate.acquire()
        place = key, gate
        self._queue.append(place)
        try:
            if timeout >= 0:
                gate.acquire(timeout=timeout)
            else:
                self._wait_watchfully(gate)
        except BaseException:
            if self._holder == key:
                self.release()
            else:
                self._queue.remove(place)
            raise
        if self._holder == key:
            return True
        self._queue.remove(place)
        return False

    def _wait_watchfully(self, gate: Any) -> None:
        watch = _Watch(self)
        try:
            while not gate.acquire(timeout=_A_WHILE):
                watch.look()
        finally:
            watch.end()

    def acquire_soon(self) -> bool:
        """Take the lock if it can be had without a long wait; whether it was taken."""
        return self.acquire(_SOON)

    def release(self) -> None:
        """Give back what one `acquire` took.

        Raises:
            RuntimeError: the calling thread does not have the lock.
        """
        if self._holder != thread_key():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if self._count == 0:
            then, self._then = self._then, None
            if self._queue:
                self._holder, gate = self._queue.pop(0)
                self._count = 1
                gate.release()
            else:
                self._holder = 0
            if then is not None:
                then()

    def when_released(self, then: Any) -> bool:
        """Let the calling thread call something as soon as it has the lock no longer, once, however often it is told.

        Returns:
            False if it does not have the lock; then nothing will be called.
        """
        if self._holder != thread_key():
            return False
        self._then = then
        return True

    def release_all(self) -> None:
        """Release the lock as often as this thread has taken it."""
        while self._holder == thread_key():
            self.release()

    @property
    def is_orphaned(self) -> bool:
        """Whether the thread that is in a transaction has ended."""
        owner = self.owner
        return owner is not None and owner() is None

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        self.release()


if not cython.compiled:

    class _InterpretedLock(PoolLock):
        """A `PoolLock` made of an `RLock`, for code that may be interrupted between any two lines."""

        __slots__ = ("_lock",)

        def __init__(self, name: str) -> None:
            self.name = name
            self.owner = None
            self._lock = threading.RLock()

        def acquire(self, timeout: float = -1.0) -> bool:
            if not self._lock.acquire(False):
                if timeout >= 0:
                    return self._lock.acquire(True, timeout)
                self._watch()
            if self.owner is not None and self.owner is not me():
                # The owner has ended, and this thread has got its number, by which RLock identifies threads.
                self._lock.release()
                raise orphaned(self.name)
            return True

        def acquire_soon(self) -> bool:
            return self._lock.acquire(True, _SOON)

        def _watch(self) -> None:
            watch = _Watch(self)
            try:
                while not self._lock.acquire(True, _A_WHILE):
                    watch.look()
            finally:
                watch.end()

        def release(self) -> None:
            self._lock.release()
            # Only this thread sees its entry, so nobody else can have made one in between.
            if _local.__dict__.get("then", {}).get(self) and not self._lock._is_owned():  # type: ignore[attr-defined]
                _local.then.pop(self)()

        def when_released(self, then: Any) -> bool:
            if not self._lock._is_owned():  # type: ignore[attr-defined]
                return False
            _local.__dict__.setdefault("then", {})[self] = then
            return True

        def release_all(self) -> None:
            while self._lock._is_owned():  # type: ignore[attr-defined]
                self.release()

        def __exit__(self, *_error: object) -> None:
            self.release()

    PoolLock = _InterpretedLock  # type: ignore[misc]
