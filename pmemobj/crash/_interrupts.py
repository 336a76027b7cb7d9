"""Interrupts that wait until a pool is open again.

While a child process has the pool, and while it is being taken up again, a KeyboardInterrupt would leave the caller
with a pool that is closed. So SIGINT is noted only, whoever waits looks at the note, and the interrupt comes when all
is as it was.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import types
from collections.abc import Callable, Iterator

_Handler = Callable[[int, types.FrameType | None], object] | int


class Interrupts:
    """SIGINT within a block of `deferred`.

    Attributes:
        arrived: Whether there was one.
    """

    def __init__(self) -> None:
        self.arrived = False
        self._before: _Handler | None = None
        self._mask: set[int] | None = None

    def defer(self) -> None:
        """Note them from now on."""
        # Processes that are started meanwhile are to finish as well: a terminal interrupts them all, and they
        # inherit what is blocked. Here the handler takes what arrives in other threads.
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}))
        # Only the main thread is interrupted by Python, and only where Python handles the signal.
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._note)

    def restore(self) -> None:
        """Let them through again; one that arrived is not raised by this."""
        # One that is blocked is delivered here, to the handler that notes it.
        if self._mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        self._mask = self._before = None

    def _note(self, _number: int, _frame: types.FrameType | None) -> None:
        self.arrived = True

    @property
    def waiting(self) -> bool:
        """Whether the wait should end: one has arrived, or is blocked."""
        blocked_here = self._before is not None and signal.SIGINT not in (self._mask or ())
        return self.arrived or (blocked_here and signal.SIGINT in signal.sigpending())


@contextlib.contextmanager
def deferred() -> Iterator[Interrupts]:
    """A block that no interrupt ends: it comes behind the block."""
    interrupts = Interrupts()
    try:
        interrupts.defer()
        yield interrupts
    finally:
        interrupts.restore()
        if interrupts.arrived:
            signal.raise_signal(signal.SIGINT)
