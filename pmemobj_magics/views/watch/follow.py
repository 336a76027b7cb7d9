"""When the explorers of a session look at their pools anew.

Always in the kernel's own thread, and never in the middle of a statement of the user's: at the end of each cell; when
a transaction has been committed, so that a loop can be watched; and now and then while the kernel waits, for what
threads and tasks have done meanwhile. Whether anything is new is told by a stamp; if nothing is, nothing is done. If
an update took long, the next one waits the longer, so that loops, and many cells in a row, are not slowed down by
much; what is left out comes at the end of the cell, or when the kernel waits.

It holds explorers weakly, and they their pools. An error in here is shown in the explorer, not in the user's cell.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Any

from pmemobj import PersistentObjectPool
from pmemobj_magics.cell import Shell
from pmemobj_magics.views.watch.widget import PoolExplorer

__all__ = ["Follower"]

#: Seconds between two looks while the kernel waits.
_PAUSE = 0.5


class Follower:
    """Keeps the explorers of a shell up to date until `stop`."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._explorers: weakref.WeakSet[PoolExplorer] = weakref.WeakSet()
        self._names: weakref.WeakValueDictionary[tuple[str, str], PoolExplorer] = weakref.WeakValueDictionary()
        self._timer: asyncio.TimerHandle | None = None
        shell.events.register("post_run_cell", self._after_cell)

    @property
    def explorers(self) -> list[PoolExplorer]:
        """Those that are followed, in no particular order."""
        return list(self._explorers)

    def add(self, explorer: PoolExplorer, expression: str) -> None:
        """Follow this one too, which shows what the expression gave."""
        self._explorers.add(explorer)
        self._names[expression, explorer.path] = explorer

    def find(self, pool: PersistentObjectPool, expression: str) -> PoolExplorer | None:
        """The one that shows this already, so that running a cell again does not make more and more of them."""
        return self._names.get((expression, pool.absolute_path))

    def stop(self) -> None:
        """Follow no longer."""
        self._shell.events.unregister("post_run_cell", self._after_cell)
        if self._timer is not None:
            self._timer.cancel()
        self._explorers.clear()
        self._names.clear()

    def _after_cell(self, _result: Any = None) -> None:
        # A kernel may run cells in further threads; their pools are looked at when this one has its turn.
        if threading.current_thread() is not threading.main_thread():
            return
        waits = self._wait()
        for explorer in self.explorers:
            if not waits or explorer.is_rested:
                explorer.follow()
            if waits:
                explorer.show_picture()

    def _wait(self) -> bool:
        """Have `_look` called in a while; False if this shell has no loop that would, such as that of a terminal."""
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
