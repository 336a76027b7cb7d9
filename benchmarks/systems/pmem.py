"""pmemobj, compiled and uncompiled."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pmemobj
from benchmarks.systems.base import Job, Unavailable, silent
from benchmarks.systems.containers import Containers

__all__ = ["Pmemobj", "PmemobjUncompiled", "make_objects", "objects_file"]

MIB = 1 << 20
#: How many objects a graph shows at most; the default of `%pmem_graph`.
GRAPH_NODES, GRAPH_ITEMS = 200, 20


class Point(pmemobj.PersistentObject):
    """An object of an ordinary class."""

    x: int
    y: int
    z: int

    def __init__(self) -> None:
        self.x = self.y = self.z = 1


def pool_size(size: int) -> int:
    """Bytes of a pool for some structures of that many elements, with room to grow."""
    return 24 * MIB + 400 * size


def make_objects(path: Path, size: int) -> None:
    """A pool with a list of that many objects."""
    with pmemobj.create(path, 24 * MIB + 200 * size) as pool:
        items = pool.root = pool.new(pmemobj.PersistentList)
        for start in range(0, size, 10_000):
            with pool.transaction():
                items.extend([pool.new(Point) for _ in range(min(10_000, size - start))])


def objects_file(size: int) -> str:
    """The name of such a pool among the data that all share."""
    return f"objects-{size}.pmem"


class Pmemobj(Containers):
    """The containers of pmemobj in one pool."""

    name = "pmemobj"
    compiled = True

    @classmethod
    def environment(cls) -> dict[str, str]:
        return {"PMEMOBJ_PURE": "0" if cls.compiled else "1"}

    def version(self) -> str:
        if os.environ.get("PMEMOBJ_CHECK", "0") not in ("", "0"):
            raise Unavailable("PMEMOBJ_CHECK is on, which compares the whole pool at each commit: unset it")
        if pmemobj.compiled != self.compiled:
            raise Unavailable("it runs in the other form, compiled or uncompiled: check PMEMOBJ_PURE")
        return f"pmemobj {pmemobj.__version__}, {'compiled' if self.compiled else 'uncompiled'}"

    def durability(self) -> str:
        return "each operation, when it returns: flushed or msynced"

    def pool(self) -> pmemobj.PersistentObjectPool:
        """The pool with all structures of this process."""
        return self.kept("pool", self._new_pool)

    def _new_pool(self) -> pmemobj.PersistentObjectPool:
        pool = pmemobj.create(self.path("main.pmem"), pool_size(self.place.size))
        pool.root = pool.new(pmemobj.PersistentList)
        return pool

    def finish(self) -> None:
        for pool in pmemobj.open_pools():
            pool.close()

    def _in_pool(self, cls: Any, *args: Any) -> Any:
        pool = self.pool()
        with pool.transaction():
            made = pool.new(cls, *args)
            pool.root.append(made)
        return made

    def new_list(self, items: list[Any]) -> Any:
        return self._in_pool(pmemobj.PersistentList, items)

    def new_dict(self, keys: list[Any], values: list[int]) -> Any:
        return self._in_pool(pmemobj.PersistentDict, dict(zip(keys, values, strict=True)))

    def new_point(self) -> Any:
        return self._in_pool(Point)

    def transaction(self) -> AbstractContextManager[object]:
        return self.pool().transaction()

    # ---- building, and the space that it takes ----

    def _build(self, size: int, cls: Any, source: Any) -> Job:
        path = self.path("built.pmem")
        pool = pmemobj.create(path, pool_size(size))

        def run() -> None:
            pool.root = pool.new(cls, source)

        def after() -> None:
            pool.close()
            path.unlink()

        return Job(run, after)

    def build_list(self, size: int, count: int) -> Job:
        return self._build(size, pmemobj.PersistentList, list(range(size)))

    def build_dict(self, size: int, count: int) -> Job:
        return self._build(size, pmemobj.PersistentDict, dict(zip(self.names(size), range(size), strict=True)))

    def _bytes(self, size: int, cls: Any, source: Any) -> Job:
        path = self.path("counted.pmem")
        pool = pmemobj.create(path, pool_size(size))

        def run() -> float:
            before = pool.used
            pool.root = pool.new(cls, source)
            return (pool.used - before) / size

        def after() -> None:
            pool.close()
            path.unlink()

        return Job(run, after)

    def bytes_list(self, size: int, count: int) -> Job:
        return self._bytes(size, pmemobj.PersistentList, list(range(size)))

    def bytes_dict(self, size: int, count: int) -> Job:
        return self._bytes(size, pmemobj.PersistentDict, dict(zip(self.names(size), range(size), strict=True)))

    # ---- pools with many objects ----

    def _objects(self, size: int) -> str:
        return self.kept(
            f"objects {size}",
            lambda: str(self.from_store(objects_file(size), lambda path: make_objects(path, size))),
        )

    def open_read(self, size: int, count: int) -> Job:
        path = self._objects(size)
        opened = []

        def run() -> None:
            pool = pmemobj.open(path)
            opened.append(pool)
            pool.root[size // 2]

        return Job(run, lambda: opened.pop().close())

    def close_read(self, size: int, count: int) -> Job:
        def run() -> float:
            # Immediately after opening, as in the C program. Python's gc, which runs before each pass, would intervene.
            pool = self.opened(size)
            start = time.perf_counter()
            pool.close()
            return time.perf_counter() - start

        return Job(run)

    def opened(self, size: int) -> pmemobj.PersistentObjectPool:
        """A pool that has been opened and read."""
        pool = pmemobj.open(self._objects(size))
        pool.root[size // 2]
        return pool

    def collect(self, size: int, count: int) -> Job:
        pool = self.opened(size)
        return Job(lambda: silent(pool.gc()), pool.close)

    def inspect_walk(self, size: int, count: int) -> Job:
        pool = self.opened(size)
        return Job(lambda: silent(pmemobj.inspect.walk(pool)), pool.close)

    def graph(self, size: int, count: int) -> Job:
        from pmemobj_magics.views.graph import PoolGraph

        pool = self.opened(size)

        def run() -> None:
            graph = pmemobj.inspect.walk(pool, max_nodes=GRAPH_NODES, max_items=GRAPH_ITEMS)
            assert PoolGraph(graph).svg

        return Job(run, pool.close)


class PmemobjUncompiled(Pmemobj):
    """The same sources, uncompiled."""

    name = "pmemobj-pure"
    compiled = False
    largest = 100_000
    on_disk = False  # on a disk the disk takes the time, compiled or not
