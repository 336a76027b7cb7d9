"""pmemobj: by default, in the other modes of durability that a disk has, and uncompiled.

The classes differ in the mode, in the form of the code, and in how much data they make. `Pmemobj` is what a
program gets that asks for nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pmemobj
from benchmarks.systems.base import Job, Unavailable, batches, copied, silent
from benchmarks.systems.containers import Containers
from benchmarks.workloads import DISK, RAM

__all__ = ["Pmemobj", "PmemobjInPlace", "PmemobjRelaxed", "PmemobjUncompiled", "make_objects", "objects_file"]

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


class Record(pmemobj.PersistentObject):
    """An object with five attributes."""

    def __init__(self, number: int) -> None:
        self.a = self.b = self.c = self.d = self.e = number


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


def leave_journal(path: str, size: int) -> None:
    """End this process as a kill does, with a pool open whose journal has nearly `size` bytes of records.

    An eighth of them is a list, the rest are transactions, each of which changes a thousand random words of it.
    """
    elements = size // 64
    # A checkpoint empties a journal that is half as long as the pool, or 64 MiB.
    pool = pmemobj.create(path, 3 * size + pool_size(0), durability="relaxed")
    journal = pool._heap.journal
    assert journal is not None
    checkpoints, longest, chosen = journal.checkpoints, 0, random.Random(5)
    items = pool.root = pool.new(pmemobj.PersistentList, [0] * elements)
    while journal.written + longest < size:
        before = journal.written
        with pool.transaction():
            for value in range(1_000):
                items[chosen.randrange(elements)] = value
        longest = max(longest, journal.written - before)
    os._exit(0 if journal.checkpoints == checkpoints else 1)


class Pools(Containers):
    """The containers of pmemobj in one pool.

    Attributes:
        compiled: Whether the compiled form of the modules is measured.
        mode: The durability that is asked for; None for the default.
    """

    compiled: ClassVar[bool] = True
    mode: ClassVar[str | None] = None

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
        return "each operation, when it returns: written to the journal and waited for; on tmpfs, nothing to wait for"

    def pool(self) -> pmemobj.PersistentObjectPool:
        """The pool with all structures of this process."""
        return self.kept("pool", self._new_pool)

    def _new_pool(self) -> pmemobj.PersistentObjectPool:
        pool = self.create(self.path("main.pmem"), self.place.size)
        pool.root = pool.new(pmemobj.PersistentList)
        return pool

    def create(self, path: Path, size: int) -> pmemobj.PersistentObjectPool:
        """A pool for some structures of that many elements, in the mode of this system."""
        return pmemobj.create(path, pool_size(size), durability=self.mode)

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
        pool = self.create(path, size)

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
        pool = self.create(path, size)

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

    def fill_objects(self, size: int, count: int) -> Job:
        path = self.path("filled.pmem")

        def run() -> None:
            with self.create(path, size) as pool:
                items = pool.root = pool.new(pmemobj.PersistentList)
                for numbers in batches(size):
                    with pool.transaction():
                        items.extend([pool.new(Record, number) for number in numbers])

        return Job(run, path.unlink)

    def _objects(self, size: int) -> str:
        return self.kept(
            f"objects {size}",
            lambda: str(self.from_store(objects_file(size), lambda path: make_objects(path, size))),
        )

    def open_read(self, size: int, count: int) -> Job:
        path = self._objects(size)
        opened = []

        def run() -> None:
            pool = pmemobj.open(path, durability=self.mode)
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
        pool = pmemobj.open(self._objects(size), durability=self.mode)
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


class Pmemobj(Pools):
    """What a program gets: on a disk, the journal, and each commit waits for it."""

    name = "pmemobj"

    def _unreplayed(self, mebibytes: int) -> Path:
        """A directory with a pool and the journal that a killed program has left."""
        directory = self.path("killed")
        directory.mkdir()
        code = (
            f"from benchmarks.systems import pmem; pmem.leave_journal({str(directory / 'pool')!r}, {mebibytes * MIB})"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
        return directory

    def replay(self, size: int, count: int) -> Job:
        killed = self.kept(f"killed {size}", lambda: self._unreplayed(size))
        copy = copied(killed, self.path("copy"))
        opened = []

        def run() -> None:
            pool = pmemobj.open(copy / "pool")
            opened.append(pool)
            pool.root[0]

        def after() -> None:
            opened.pop().close()
            shutil.rmtree(copy)

        return Job(run, after)


class PmemobjRelaxed(Pools):
    """On a disk, with a journal that no commit waits for."""

    name = "pmemobj-relaxed"
    mode = "relaxed"
    media = (DISK,)

    def durability(self) -> str:
        return "survives the program; synced at checkpoints, and by `pool.sync()`"


class PmemobjInPlace(Pools):
    """On a disk, as libpmemobj itself does it."""

    name = "pmemobj-in-place"
    mode = "in-place"
    media = (DISK,)
    #: It waits for each page and each allocation.
    largest_of: ClassVar[dict[str, int]] = {"places": 100_000, "fill": 5_000}

    def durability(self) -> str:
        return "each operation, when it returns: each changed page is msynced"


class PmemobjUncompiled(Pools):
    """The same sources, uncompiled."""

    name = "pmemobj-pure"
    compiled = False
    largest = 100_000
    largest_of: ClassVar[dict[str, int]] = {"fill": 10_000}
    media = (RAM,)  # on a disk the disk takes the time, compiled or not
