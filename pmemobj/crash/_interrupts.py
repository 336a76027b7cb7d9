"""Interrupts that wait until a pool is open again.

While a child process has the pool, and while the pool is being resumed, a KeyboardInterrupt would leave the caller
with a closed pool. So SIGINT is only noted; loops that wait look at the note and end early; and the interrupt is
raised when the pool is open again.
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
        arrived: Whether there was a SIGINT.
    """

    def __init__(self) -> None:
        self.arrived = False
        self._before: _Handler | None = None
        self._mask: set[int] | None = None

    def defer(self) -> None:
        """Only note interrupts from now on."""
        # A terminal interrupts child processes, too. They inherit the blocked signal, so they can finish as well. The
        # handler notes interrupts that are delivered to other threads of this process.
        self._mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}))
        # Python interrupts only the main thread, and only if the signal has a Python handler.
        if threading.current_thread() is threading.main_thread() and callable(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._note)

    def restore(self) -> None:
        """Let interrupts through again; this does not raise one that has arrived."""
        # A blocked interrupt is delivered here, to the handler that notes it.
        if self._mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        self._mask = self._before = None

    def _note(self, _number: int, _frame: types.FrameType | None) -> None:
        self.arrived = True

    @property
    def waiting(self) -> bool:
        """Whether a waiting loop should end: an interrupt has arrived, or is blocked."""
        blocked_here = self._before is not None and signal.SIGINT not in (self._mask or ())
        return self.arrived or (blocked_here and signal.SIGINT in signal.sigpending())


@contextlib.contextmanager
def deferred() -> Iterator[Interrupts]:
    """A block that no interrupt ends: an interrupt is raised after the block."""
    interrupts = Interrupts()
    try:
        interrupts.defer()
        yield interrupts
    finally:
        interrupts.restore()
        if interrupts.arrived:
            signal.raise_signal(signal.SIGINT)
