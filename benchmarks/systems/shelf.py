"""The standard library's shelf, on the best dbm that this Python has."""

from __future__ import annotations

import dbm
import shelve
from pathlib import Path
from typing import Any

from benchmarks.systems.mappings import Mappings

__all__ = ["Shelve"]


class Shelve(Mappings):
    """A shelf that keeps nothing in memory; with `writeback` it would keep everything there."""

    name = "shelve"

    def open_at(self, path: Path) -> Any:
        return shelve.open(str(path / "shelf"), protocol=5)

    def key(self, number: int) -> Any:
        return str(number)

    def sync(self, store: Any) -> None:
        store.sync()

    def _module(self) -> str:
        store, directory = self.new()
        store.close()
        return dbm.whichdb(str(directory / "shelf")) or "unknown"

    def version(self) -> str:
        return f"shelve on {self._module()}"

    def durability(self) -> str:
        if self._module() == "dbm.gnu":
            return "each operation and sync: fsynced, not atomic"
        return "each operation and sync: handed to the system, not fsynced, not atomic"
