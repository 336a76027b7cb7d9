"""ZODB with FileStorage: PersistentList and PersistentMapping, and the trees of the package BTrees.

The list and the mapping are one record each, written whole at each commit. The trees are cut into buckets; those for
ints and for objects are other types, and each is used where it fits. The connection's cache holds everything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import transaction
import ZODB
import ZODB.FileStorage
from BTrees.LLBTree import LLBTree
from BTrees.LOBTree import LOBTree
from BTrees.OLBTree import OLBTree
from persistent import Persistent
from persistent.list import PersistentList
from persistent.mapping import PersistentMapping

from benchmarks.systems.base import Job, batches
from benchmarks.systems.containers import Containers

__all__ = ["ZodbLists", "ZodbTrees"]

CACHE_OBJECTS = 2_000_000


class Point(Persistent):  # type: ignore[misc, unused-ignore]
    """An object of an ordinary class."""

    def __init__(self) -> None:
        self.x = self.y = self.z = 1


class Record(Persistent):  # type: ignore[misc, unused-ignore]
    """An object with five attributes."""

    def __init__(self, number: int) -> None:
        self.a = self.b = self.c = self.d = self.e = number


def open_database(path: Path) -> Any:
    """A database that keeps what it has read."""
    return ZODB.DB(ZODB.FileStorage.FileStorage(str(path / "data.fs")), cache_size=CACHE_OBJECTS, cache_size_bytes=0)


def written(path: Path) -> int:
    """Bytes of the storage's file, to which everything is appended."""
    return (path / "data.fs").stat().st_size


def make_objects(path: Path, size: int) -> None:
    """A database with that many objects in a tree."""
    path.mkdir()
    database = open_database(path)
    connection = database.open()
    tree = connection.root.objects = LOBTree()
    for start in range(0, size, 10_000):
        tree.update({index: Point() for index in range(start, min(start + 10_000, size))})
        transaction.commit()
        connection.cacheMinimize()
    connection.close()
    database.close()


class Zodb(Containers):
    """What both kinds have in common."""

    commits = True
    largest = 1_000_000
    largest_of: ClassVar[dict[str, int]] = {"places": 100_000}

    def version(self) -> str:
        return f"ZODB {version('ZODB')}, persistent {version('persistent')}, BTrees {version('BTrees')}"

    def durability(self) -> str:
        return "each commit: written and fsynced"

    def database(self) -> Any:
        """The database of this process."""

        def make() -> Any:
            directory = self.path("zodb")
            directory.mkdir()
            return open_database(directory)

        return self.kept("database", make)

    def root(self) -> Any:
        """The root mapping of the one connection."""
        return self.kept("root", lambda: self.database().open().root())

    def finish(self) -> None:
        if "database" in self._kept:
            transaction.abort()
            self.database().close()

    def keep(self, made: Any) -> Any:
        """Store an object below the root."""
        root = self.root()
        root[f"structure {len(root)}"] = made
        transaction.commit()
        return made

    def commit(self) -> None:
        transaction.commit()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        yield
        transaction.commit()

    def new_point(self) -> Any:
        return self.keep(Point())

    def _in_new(self, make: Any, size: int, measure_space: bool = False) -> Job:
        directory = self.path("built")
        directory.mkdir()
        database = open_database(directory)
        root = database.open().root()
        transaction.commit()

        def run() -> float | None:
            before = written(directory)
            root["built"] = make()
            transaction.commit()
            return (written(directory) - before) / size if measure_space else None

        return Job(run, database.close)

    def build_list(self, size: int, count: int, measure_space: bool = False) -> Job:
        source = list(range(size))
        return self._in_new(lambda: self.make_list(source), size, measure_space)

    def build_dict(self, size: int, count: int, measure_space: bool = False) -> Job:
        source = dict(zip(self.names(size), range(size), strict=True))
        return self._in_new(lambda: self.make_dict(source), size, measure_space)

    def bytes_list(self, size: int, count: int) -> Job:
        return self.build_list(size, count, measure_space=True)

    def bytes_dict(self, size: int, count: int) -> Job:
        return self.build_dict(size, count, measure_space=True)

    def make_list(self, items: list[Any]) -> Any:
        """A list that is not stored yet."""
        return PersistentList(items)

    def make_dict(self, items: dict[Any, int]) -> Any:
        """A dict that is not stored yet."""
        return PersistentMapping(items)

    def new_list(self, items: list[Any]) -> Any:
        return self.keep(self.make_list(items))

    def new_dict(self, keys: list[Any], values: list[int]) -> Any:
        return self.keep(self.make_dict(dict(zip(keys, values, strict=True))))


class ZodbLists(Zodb):
    """One record a container."""

    name = "zodb"


class ZodbTrees(Zodb):
    """One record a bucket."""

    name = "zodb-btrees"

    def make_list(self, items: list[Any]) -> Any:
        return (LLBTree if isinstance(items[0], int) else LOBTree)(dict(enumerate(items)))

    def make_dict(self, items: dict[Any, int]) -> Any:
        return (LLBTree if isinstance(next(iter(items)), int) else OLBTree)(items)

    def list_iterate(self, size: int, count: int) -> Job:
        tree = self.ints(size)

        def run() -> None:
            for _ in tree.itervalues():
                pass

        return Job(run)

    def _list_append(self, size: int, count: int) -> Any:
        tree, commit = self.ints(size), self.commit

        def each() -> None:
            for index in range(size, size + count):
                tree[index] = 7

        def committed() -> None:
            for index in range(size, size + count):
                tree[index] = 7
                commit()

        def after() -> None:
            for index in range(size + count - 1, size - 1, -1):
                del tree[index]
            commit()

        return each, committed, after

    # ---- many objects, which only a tree holds sensibly ----

    def fill_objects(self, size: int, count: int) -> Job:
        directory = self.path("filled")
        directory.mkdir()

        def run() -> None:
            database = open_database(directory)
            tree = database.open().root.objects = LOBTree()
            for numbers in batches(size):
                tree.update({number: Record(number) for number in numbers})
                transaction.commit()
            database.close()

        return Job(run)

    def _objects(self, size: int) -> Path:
        name = f"objects-{size}.zodb"
        return self.kept(name, lambda: self.from_store(name, lambda path: make_objects(path, size)))

    def _open(self, size: int) -> Any:
        database = open_database(self._objects(size))
        assert database.open().root.objects[size // 2].x == 1
        return database

    def open_read(self, size: int, count: int) -> Job:
        self._objects(size)
        opened: list[Any] = []
        return Job(lambda: opened.append(self._open(size)), lambda: opened.pop().close())

    def close_read(self, size: int, count: int) -> Job:
        return Job(self._open(size).close)
