"""Decide when the explorers of a session look at their pools again.

They do so only in the main thread of the kernel, and never in the middle of a statement: at the end of each cell;
after the commit of a transaction, so that a loop can be watched; and twice a second while the kernel waits, because
threads and tasks may have changed a pool. A stamp says whether a pool has changed; without a change nothing is done.
After a slow update the next one waits longer, so that loops and many cells in a row are hardly slowed down; a skipped
update is made up for at the end of the cell, or when the kernel waits.

The follower holds explorers by weak references, and explorers hold their pools by weak references. An error in an
update is shown in the explorer, not in the user's cell.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any, Protocol

from pmemobj import PersistentObjectPool
from pmemobj_magics.views.watch.widget import PoolExplorer

__all__ = ["Follower", "Following"]

#: IPython's `InteractiveShell`, whose own types are too incomplete to be checked.
Shell = Any
#: Seconds between two looks while the kernel waits.
_PAUSE = 0.5


class Following(Protocol):
    """What is updated: an explorer, or something that has one."""

    @property
    def path(self) -> str:
        """The absolute path of the pool."""

    @property
    def is_rested(self) -> bool:
        """Whether the rest after the last update is over."""

    def follow(self) -> None:
        """Update if the pool has changed; an error is shown and not raised."""

    def show_picture(self) -> None:
        """Put a static picture below what was shown."""


class Follower:
    """Updates the explorers of a shell until `stop` is called."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._explorers: weakref.WeakSet[Following] = weakref.WeakSet()
        self._names: weakref.WeakValueDictionary[tuple[str, str], Following] = weakref.WeakValueDictionary()
        self._timer: asyncio.TimerHandle | None = None
        shell.events.register("post_run_cell", self._after_cell)

    @property
    def explorers(self) -> list[Following]:
        """The explorers that are updated, in no particular order."""
        return list(self._explorers)

    def add(self, explorer: Following, expression: str) -> None:
        """Update this explorer, too; it shows the value of the expression."""
        self._explorers.add(explorer)
        self._names[expression, explorer.path] = explorer

    def find(self, pool: PersistentObjectPool, expression: str) -> PoolExplorer | None:
        """The explorer that shows this already, so that running a cell again does not make another one."""
        found = self._names.get((expression, pool.absolute_path))
        return found if isinstance(found, PoolExplorer) else None

    def stop(self) -> None:
        """Stop all updates."""
        self._shell.events.unregister("post_run_cell", self._after_cell)
        if self._timer is not None:
            self._timer.cancel()
        self._explorers.clear()
        self._names.clear()

    def _after_cell(self, _result: Any = None) -> None:
        # A kernel may run cells in other threads; the pools are looked at after the next cell of the main thread.
        if threading.current_thread() is not threading.main_thread():
            return
        waits = self._wait()
        for explorer in self.explorers:
            if not waits or explorer.is_rested:
                explorer.follow()
            if waits:
                explorer.show_picture()

    def _wait(self) -> bool:
        """Schedule `_look`; False if the shell has no event loop, as in a terminal."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return False
        if self._explorers:
            self._timer = loop.call_later(_PAUSE, self._look)
        return True

    def _look(self) -> None:
        for explorer in self.explorers:
            if explorer.is_rested:
                explorer.follow()
        self._wait()
