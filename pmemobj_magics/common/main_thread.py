"""Call functions in the main thread of the kernel, where cells run.

JupyterLab sends what people do in widgets to a subshell of the kernel, so their handlers run in another thread, also
while a cell runs. A transaction belongs to the thread that began it, so whatever changes a pool, or looks at one in a
transaction, has to happen in the main thread: between two cells.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

__all__ = ["MainThread"]


class MainThread:
    """The main thread and its event loop; it is made in that thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self.remember()

    def remember(self) -> None:
        """Note the event loop of the main thread, if this is the main thread and the loop runs."""
        if self.is_this_one:
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                self._loop = None  # in a terminal, or in a program

    @property
    def is_this_one(self) -> bool:
        """Whether the caller is in the main thread."""
        return threading.current_thread() is threading.main_thread()

    def call(self, function: Callable[[], object]) -> bool:
        """Call a function in the main thread: at once if this is the main thread, otherwise when the running cell ends.

        Returns:
            Whether it was called at once.
        """
        if self.is_this_one or self._loop is None or self._loop.is_closed():
            function()
            return True
        self._loop.call_soon_threadsafe(function)
        return False
