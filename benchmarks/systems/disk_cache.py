"""diskcache, which keeps pickles in SQLite, with nothing evicted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import diskcache

from benchmarks.systems.mappings import Mappings

__all__ = ["Diskcache"]


class Diskcache(Mappings):
    """A cache that is no cache: it forgets nothing."""

    name = "diskcache"

    def open_at(self, path: Path) -> Any:
        return diskcache.Cache(str(path), eviction_policy="none", size_limit=1 << 40, cull_limit=0)

    def key(self, number: int) -> Any:
        return number

    def transaction(self, store: Any) -> AbstractContextManager[object]:
        context: AbstractContextManager[object] = store.transact()
        return context

    def sync(self, store: Any) -> None:
        """Every operation is a commit of SQLite."""

    def version(self) -> str:
        return f"diskcache {diskcache.__version__}"

    def durability(self) -> str:
        return "survives the program; SQLite, NORMAL"
