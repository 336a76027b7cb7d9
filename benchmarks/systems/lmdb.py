"""LMDB: one named database a container, integer keys where the keys are numbers, a writable map.

Numbers are eight bytes, packed; a str is its UTF-8. An attribute is a key of its own. ``writemap`` is what the
manual calls faster; a commit is synced all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from itertools import repeat
from pathlib import Path
from typing import Any

import lmdb

from benchmarks.systems.base import Job, System, batches, nothing

__all__ = ["Lmdb"]

#: The types of lmdb say that a key may be missing. Our keys exist.
AnyEnvironment = Any

NUMBER = struct.Struct("=Q")
Pairs = Iterable[tuple[bytes, bytes]]


def map_size(size: int) -> int:
    """Bytes of addresses for data of that many elements; only what is used takes space."""
    return (256 << 20) + 1000 * size


class Lmdb(System):
    """LMDB maps bytes to bytes, so numbers are packed here."""

    name = "lmdb"

    def version(self) -> str:
        return f"lmdb {lmdb.__version__}, LMDB {'.'.join(map(str, lmdb.version()))}"

    def durability(self) -> str:
        return "each commit: msynced"

    def open_at(self, path: Path, size: int, writemap: bool = True) -> AnyEnvironment:
        """An environment in a file; without `writemap` the file is no larger than what is in it."""
        return lmdb.open(str(path), map_size=map_size(size), subdir=False, max_dbs=8, writemap=writemap)

    def environment_of_process(self) -> AnyEnvironment:
        """The environment of this process."""
        return self.kept("environment", lambda: self.open_at(self.path("main.lmdb"), 2 * self.place.size))

    def finish(self) -> None:
        if "environment" in self._kept:
            self.environment_of_process().close()

    def fill(self, environment: AnyEnvironment, name: str, pairs: Pairs, integers: bool) -> Any:
        """A database with these pairs, which come in order."""
        database = environment.open_db(name.encode(), integerkey=integers)
        with environment.begin(write=True, db=database) as txn:
            txn.cursor().putmulti(pairs, append=True)
        return database

    def filled(self, name: str, size: int) -> Any:
        """That database of the process, with the data of a container."""
        pack = NUMBER.pack
        pairs: dict[str, Callable[[], Pairs]] = {
            "ints": lambda: ((pack(i), pack(i)) for i in range(size)),
            "strs": lambda: ((pack(i), text.encode()) for i, text in enumerate(self.texts(size))),
            "names": lambda: ((key.encode(), pack(i)) for i, key in enumerate(self.names(size))),
            "numbers": lambda: ((pack(i), pack(i)) for i in range(size)),
            "point": lambda: ((name, pack(1)) for name in (b"x", b"y", b"z")),
        }
        integers = name not in ("names", "point")
        environment = self.environment_of_process()
        return self.kept(f"database {name} {size}", lambda: self.fill(environment, name, pairs[name](), integers))

    # ---- reading: one transaction, as the manual advises ----

    def _numbers_at(self, name: str, size: int, keys: list[int]) -> Job:
        database = self.filled(name, size)
        pack, unpack = NUMBER.pack, NUMBER.unpack

        def run() -> None:
            with self.environment_of_process().begin(db=database, buffers=True) as txn:
                get = txn.get
                for key in keys:
                    unpack(get(pack(key)))[0]

        return Job(run)

    def _numbers_named(self, size: int, keys: list[str]) -> Job:
        database, unpack = self.filled("names", size), NUMBER.unpack

        def run() -> None:
            with self.environment_of_process().begin(db=database, buffers=True) as txn:
                get = txn.get
                for key in keys:
                    unpack(get(key.encode()))[0]

        return Job(run)

    def list_get_int(self, size: int, count: int) -> Job:
        return self._numbers_at("ints", size, self.indices(size, count))

    def list_get_str(self, size: int, count: int) -> Job:
        database, indices, pack = self.filled("strs", size), self.indices(size, count), NUMBER.pack

        def run() -> None:
            with self.environment_of_process().begin(db=database) as txn:
                get = txn.get
                for index in indices:
                    get(pack(index)).decode()

        return Job(run)

    def list_iterate(self, size: int, count: int) -> Job:
        database, unpack = self.filled("ints", size), NUMBER.unpack

        def run() -> None:
            with self.environment_of_process().begin(db=database, buffers=True) as txn:
                for value in txn.cursor().iternext(keys=False):
                    unpack(value)[0]

        return Job(run)

    def dict_get_str(self, size: int, count: int) -> Job:
        return self._numbers_named(size, self.hot_names(size, count))

    def dict_get_any(self, size: int, count: int) -> Job:
        return self._numbers_named(size, self.any_names(size, count))

    def dict_get_int(self, size: int, count: int) -> Job:
        return self._numbers_at("numbers", size, self.hot_numbers(size, count))

    def dict_in(self, size: int, count: int) -> Job:
        database, keys = self.filled("names", size), self.hot_names(size, count)

        def run() -> None:
            with self.environment_of_process().begin(db=database, buffers=True) as txn:
                get = txn.get
                for key in keys:
                    get(key.encode()) is not None  # noqa: B015

        return Job(run)

    def attribute_get(self, size: int, count: int) -> Job:
        database, unpack = self.filled("point", 0), NUMBER.unpack

        def run() -> None:
            with self.environment_of_process().begin(db=database, buffers=True) as txn:
                get = txn.get
                for _ in repeat(None, count):
                    unpack(get(b"x"))[0]

        return Job(run)

    # ---- changing ----

    def _put(self, database: Any, keys: list[bytes], batch: bool, after: Callable[[], object] = nothing) -> Job:
        begin, pack = self.environment_of_process().begin, NUMBER.pack
        values = self.fresh_values(len(keys))

        def each() -> None:
            for key, value in zip(keys, values, strict=True):
                with begin(write=True, db=database) as txn:
                    txn.put(key, pack(value))

        def in_one() -> None:
            with begin(write=True, db=database) as txn:
                put = txn.put
                for key, value in zip(keys, values, strict=True):
                    put(key, pack(value))

        return Job(in_one if batch else each, after)

    def _delete(self, database: Any, keys: list[bytes]) -> None:
        with self.environment_of_process().begin(write=True, db=database) as txn:
            for key in keys:
                txn.delete(key)

    def list_set(self, size: int, count: int, batch: bool = False) -> Job:
        keys = [NUMBER.pack(index) for index in self.indices(size, count)]
        return self._put(self.filled("ints", size), keys, batch)

    def list_append(self, size: int, count: int, batch: bool = False) -> Job:
        database, keys = self.filled("ints", size), [NUMBER.pack(index) for index in range(size, size + count)]
        return self._put(database, keys, batch, lambda: self._delete(database, keys))

    def dict_set(self, size: int, count: int, batch: bool = False) -> Job:
        return self._put(self.filled("names", size), [key.encode() for key in self.hot_names(size, count)], batch)

    def dict_new(self, size: int, count: int, batch: bool = False) -> Job:
        database, keys = self.filled("names", size), [key.encode() for key in self.fresh_names(count)]
        return self._put(database, keys, batch, lambda: self._delete(database, keys))

    def attribute_set(self, size: int, count: int, batch: bool = False) -> Job:
        return self._put(self.filled("point", 0), [b"x"] * count, batch)

    def batch_list_set(self, size: int, count: int) -> Job:
        return self.list_set(size, count, batch=True)

    def batch_list_append(self, size: int, count: int) -> Job:
        return self.list_append(size, count, batch=True)

    def batch_dict_set(self, size: int, count: int) -> Job:
        return self.dict_set(size, count, batch=True)

    def batch_dict_new(self, size: int, count: int) -> Job:
        return self.dict_new(size, count, batch=True)

    def batch_attribute_set(self, size: int, count: int) -> Job:
        return self.attribute_set(size, count, batch=True)

    # ---- building, space, opening ----

    def _build(self, size: int, pairs: Callable[[], Pairs], integers: bool, measure_space: bool = False) -> Job:
        path = self.path("built.lmdb")
        environment = self.open_at(path, size)

        def run() -> float | None:
            self.fill(environment, "built", pairs(), integers)
            if not measure_space:
                return None
            return float((environment.info()["last_pgno"] + 1) * environment.stat()["psize"] / size)

        def after() -> None:
            environment.close()
            path.unlink()

        return Job(run, after)

    def build_list(self, size: int, count: int, measure_space: bool = False) -> Job:
        source, pack = list(range(size)), NUMBER.pack
        return self._build(size, lambda: ((pack(i), pack(v)) for i, v in enumerate(source)), True, measure_space)

    def build_dict(self, size: int, count: int, measure_space: bool = False) -> Job:
        source, pack = self.names(size), NUMBER.pack
        return self._build(size, lambda: ((k.encode(), pack(i)) for i, k in enumerate(source)), False, measure_space)

    def bytes_list(self, size: int, count: int) -> Job:
        return self.build_list(size, count, measure_space=True)

    def bytes_dict(self, size: int, count: int) -> Job:
        return self.build_dict(size, count, measure_space=True)

    def fill_objects(self, size: int, count: int) -> Job:
        path, fields, pack = self.path("filled.lmdb"), struct.Struct("=5Q"), NUMBER.pack

        def run() -> None:
            environment = self.open_at(path, size)
            for numbers in batches(size):
                self.fill(environment, "objects", ((pack(n), fields.pack(n, n, n, n, n)) for n in numbers), True)
            environment.close()

        return Job(run, path.unlink)

    def _make_objects(self, path: Path, size: int) -> None:
        environment, fields = self.open_at(path, size, writemap=False), struct.pack("=3Q", 1, 1, 1)
        self.fill(environment, "objects", ((NUMBER.pack(i), fields) for i in range(size)), integers=True)
        environment.close()
        path.with_name(path.name + "-lock").unlink(missing_ok=True)

    def _objects(self, size: int) -> Path:
        name = f"objects-{size}.lmdb"
        return self.kept(name, lambda: self.from_store(name, lambda path: self._make_objects(path, size)))

    def _open(self, size: int) -> AnyEnvironment:
        environment = self.open_at(self._objects(size), size)
        database = environment.open_db(b"objects", integerkey=True, create=False)
        with environment.begin(db=database) as txn:
            struct.unpack("=3Q", txn.get(NUMBER.pack(size // 2)))
        return environment

    def open_read(self, size: int, count: int) -> Job:
        self._objects(size)
        opened: list[AnyEnvironment] = []
        return Job(lambda: opened.append(self._open(size)), lambda: opened.pop().close())

    def close_read(self, size: int, count: int) -> Job:
        return Job(self._open(size).close)
