"""What happened in the session, in order: the cells that changed a pool, and the acts of the panel.

The crash lab of the panel runs the changes of the open transaction again. For that it has to know which cells and
acts made them, and the code that a panel shows mentions the cells between its acts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pmemobj
from pmemobj import PersistentObjectPool, PoolClosedError, glance
from pmemobj_magics.shell.cell import Shell

__all__ = ["Happening", "Record"]

#: The largest number of happenings that are remembered.
_MOST = 2000
_BEGIN = "%pmem_begin"


@dataclass(frozen=True)
class Happening:
    """A cell or an act.

    Attributes:
        code: The text of the cell, or the lines of the act.
        cell: The number of the cell in ``In``; 0 for an act.
        pools: The absolute paths of the pools that it changed.
    """

    code: str
    cell: int
    pools: frozenset[str]


class Record:
    """The happenings of a session.

    Attributes:
        is_running: Whether a cell is running.
    """

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._happenings: list[Happening] = []
        self._before: dict[str, tuple[Any, int]] = {}
        #: The cell that runs or ran last: its text, and when it began.
        self._cell, self._cell_began = "", 0.0
        self.is_running = False
        #: By pool with an open transaction: the number of its first happening, and when it began (seconds since 1970).
        self._begun: dict[str, tuple[int, float]] = {}
        self._forgotten = 0
        shell.events.register("pre_run_cell", self._before_cell)
        shell.events.register("post_run_cell", self._after_cell)

    def stop(self) -> None:
        """Stop recording."""
        self._shell.events.unregister("pre_run_cell", self._before_cell)
        self._shell.events.unregister("post_run_cell", self._after_cell)

    def act(self, code: str, changes: bool) -> None:
        """Note an act of a panel that has just been done.

        Args:
            code: The lines that it ran.
            changes: Whether it can change what is in a pool; beginning or committing a transaction does not.
        """
        after = _stamps()
        changed = [path for path, stamp in after.items() if self._before.get(path) != stamp]
        if changes:
            self._add(Happening(code, 0, frozenset(changed)))
        self._notice(after)

    def expect(self) -> None:
        """Note how the pools are before an act."""
        self._before = _stamps()
        self._notice(self._before)

    @property
    def count(self) -> int:
        """How many happenings there were."""
        return self._forgotten + len(self._happenings)

    def since(self, number: int) -> list[Happening]:
        """The happenings after the first `number` ones, as far as they are remembered."""
        return self._happenings[max(0, number - self._forgotten) :]

    def begun_at(self, pool: PersistentObjectPool) -> float:
        """When the open transaction on a pool began, in seconds since 1970; 0.0 if none is open.

        Of a transaction that a cell began, it is the time when the cell began.
        """
        self._notice(_stamps())
        return self._begun.get(pool.absolute_path, (0, 0.0))[1]

    def in_transaction(self, pool: PersistentObjectPool) -> list[Happening]:
        """What has changed the pool since its open transaction began, in order."""
        self._notice(_stamps())
        path = pool.absolute_path
        if path not in self._begun:
            return []
        start = max(0, self._begun[path][0] - self._forgotten)
        return [each for each in self._happenings[start:] if path in each.pools]

    # ---- cells ----

    def _before_cell(self, info: Any) -> None:
        self._cell = getattr(info, "raw_cell", "") or ""
        self._cell_began, self.is_running = time.time(), True
        self.expect()

    def _after_cell(self, result: Any = None) -> None:
        after = _stamps()
        changed = frozenset(path for path, stamp in after.items() if self._before.get(path) != stamp)
        _, found, rest = self._cell.rpartition(_BEGIN)
        options, _, later = rest.partition("\n")
        if found and "--nested" not in options:
            # What the cell did before it began the transaction is no part of the transaction, and an earlier one ended.
            self._begun.clear()
        else:
            later = self._cell
        if changed and later.strip():
            # A kernel counts on before the cell runs, so the count of the shell is not the number of the cell.
            self._add(Happening(later, getattr(result, "execution_count", None) or 1, changed))
        self._notice(after, began_here=bool(changed and later.strip()))
        self.is_running = False

    def _notice(self, stamps: dict[str, tuple[Any, int]], began_here: bool = False) -> None:
        """Note which transactions have begun or ended; one that began in a cell began with it."""
        now = self.count
        for path, (_, depth) in stamps.items():
            if depth and path not in self._begun:
                first = now - 1 if began_here and self._happenings else now
                self._begun[path] = first, self._cell_began if self.is_running else time.time()
        for path in list(self._begun):
            if path not in stamps or not stamps[path][1]:
                del self._begun[path]

    def _add(self, happening: Happening) -> None:
        self._happenings.append(happening)
        surplus = len(self._happenings) - _MOST
        if surplus > 0:
            del self._happenings[:surplus]
            self._forgotten += surplus


def _stamps() -> dict[str, tuple[Any, int]]:
    """For each open pool, by its absolute path, a stamp that changes with it, and the depth of its transaction."""
    found = {}
    for pool in pmemobj.open_pools():
        try:
            found[pool.absolute_path] = (glance.stamp(pool)[0], pool.transaction_depth)
        except PoolClosedError:
            continue
    return found
