"""What shelve and diskcache have in common: mappings of keys to pickled values in a file.

What they have is one flat mapping, so a list is the keys from 0 on, and an object with attributes is one value,
which is read and written whole. Both take 5 to 100 µs for an operation whatever the size, so less data is made for
them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any

from benchmarks.systems.base import Job, System, allocated, batches, nothing

__all__ = ["Mappings"]


class Point:
    """What is pickled."""

    def __init__(self) -> None:
        self.x = self.y = self.z = 1


class Record:
    """What is pickled when a store is filled."""

    def __init__(self, number: int) -> None:
        self.a = self.b = self.c = self.d = self.e = number


class Mappings(System):
    """A store of its own for each container."""

    largest = 10_000

    @abstractmethod
    def open_at(self, path: Path) -> Any:
        """Open a mapping."""

    @abstractmethod
    def key(self, number: int) -> Any:
        """The key that stands for a number."""

    def transaction(self, store: Any) -> AbstractContextManager[object]:
        """The context in which many changes are made."""
        return nullcontext()

    @abstractmethod
    def sync(self, store: Any) -> None:
        """Make the changes as durable as this system can."""

    def new(self) -> tuple[Any, Path]:
        """A new mapping and the directory that it is in."""
        directory = self.path("mapping")
        directory.mkdir()
        return self.open_at(directory), directory

    def finish(self) -> None:
        for name, store in self._kept.items():
            if name.startswith("store "):
                store.close()

    def fill(self, store: Any, keys: list[Any], values: list[Any]) -> Any:
        """Put values into an empty mapping."""
        with self.transaction(store):
            for key, value in zip(keys, values, strict=True):
                store[key] = value
        self.sync(store)
        return store

    def ints(self, size: int) -> Any:
        """A list of ints; a dict whose keys are int looks the same here."""
        keys = [self.key(i) for i in range(size)]
        return self.kept(f"store ints {size}", lambda: self.fill(self.new()[0], keys, list(range(size))))

    def strs(self, size: int) -> Any:
        """A list of short texts."""
        keys = [self.key(i) for i in range(size)]
        return self.kept(f"store strs {size}", lambda: self.fill(self.new()[0], keys, self.texts(size)))

    def by_name(self, size: int) -> Any:
        """A dict whose keys are str."""
        return self.kept(f"store names {size}", lambda: self.fill(self.new()[0], self.names(size), list(range(size))))

    def points(self) -> Any:
        """A mapping with one object."""
        return self.kept("store points", lambda: self.fill(self.new()[0], ["point"], [Point()]))

    # ---- reading ----

    def _get(self, store: Any, keys: list[Any]) -> Job:
        def run() -> None:
            for key in keys:
                store[key]

        return Job(run)

    def list_get_int(self, size: int, count: int) -> Job:
        return self._get(self.ints(size), list(map(self.key, self.indices(size, count))))

    def list_get_str(self, size: int, count: int) -> Job:
        return self._get(self.strs(size), list(map(self.key, self.indices(size, count))))

    def list_iterate(self, size: int, count: int) -> Job:
        return self._get(self.ints(size), [self.key(i) for i in range(size)])

    def dict_get_str(self, size: int, count: int) -> Job:
        return self._get(self.by_name(size), self.hot_names(size, count))

    def dict_get_any(self, size: int, count: int) -> Job:
        return self._get(self.by_name(size), self.any_names(size, count))

    def dict_get_int(self, size: int, count: int) -> Job:
        return self._get(self.ints(size), list(map(self.key, self.hot_numbers(size, count))))

    def dict_in(self, size: int, count: int) -> Job:
        store, keys = self.by_name(size), self.hot_names(size, count)

        def run() -> None:
            for key in keys:
                key in store  # noqa: B015

        return Job(run)

    def attribute_get(self, size: int, count: int) -> Job:
        store = self.points()

        def run() -> None:
            for _ in repeat(None, count):
                store["point"].x

        return Job(run)

    # ---- changing ----

    def _put(self, store: Any, keys: list[Any], batch: bool, after: Callable[[], object] = nothing) -> Job:
        sync, values = self.sync, self.fresh_values(len(keys))

        def each() -> None:
            for key, value in zip(keys, values, strict=True):
                store[key] = value
                sync(store)

        def in_one() -> None:
            with self.transaction(store):
                for key, value in zip(keys, values, strict=True):
                    store[key] = value
            sync(store)

        return Job(in_one if batch else each, after)

    def _delete(self, store: Any, keys: list[Any]) -> None:
        with self.transaction(store):
            for key in keys:
                del store[key]

    def list_set(self, size: int, count: int, batch: bool = False) -> Job:
        return self._put(self.ints(size), list(map(self.key, self.indices(size, count))), batch)

    def list_append(self, size: int, count: int, batch: bool = False) -> Job:
        store, keys = self.ints(size), [self.key(i) for i in range(size, size + count)]
        return self._put(store, keys, batch, lambda: self._delete(store, keys))

    def dict_set(self, size: int, count: int, batch: bool = False) -> Job:
        return self._put(self.by_name(size), self.hot_names(size, count), batch)

    def dict_new(self, size: int, count: int, batch: bool = False) -> Job:
        store, keys = self.by_name(size), self.fresh_names(count)
        return self._put(store, keys, batch, lambda: self._delete(store, keys))

    def attribute_set(self, size: int, count: int, batch: bool = False) -> Job:
        store, sync, values = self.points(), self.sync, self.fresh_values(count)

        def change(value: int) -> None:
            point = store["point"]
            point.x = value
            store["point"] = point

        def each() -> None:
            for value in values:
                change(value)
                sync(store)

        def in_one() -> None:
            with self.transaction(store):
                for value in values:
                    change(value)
            sync(store)

        return Job(in_one if batch else each)

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

    def _build(self, keys: list[Any], measure_space: bool = False) -> Job:
        store, directory = self.new()
        values = list(range(len(keys)))

        def run() -> float | None:
            self.fill(store, keys, values)
            return allocated(directory) / len(keys) if measure_space else None

        return Job(run, store.close)

    def build_list(self, size: int, count: int) -> Job:
        return self._build([self.key(i) for i in range(size)])

    def build_dict(self, size: int, count: int) -> Job:
        return self._build(self.names(size))

    def bytes_list(self, size: int, count: int) -> Job:
        return self._build([self.key(i) for i in range(size)], measure_space=True)

    def bytes_dict(self, size: int, count: int) -> Job:
        return self._build(self.names(size), measure_space=True)

    def fill_objects(self, size: int, count: int) -> Job:
        def run() -> None:
            store, _ = self.new()
            for numbers in batches(size):
                self.fill(store, [self.key(number) for number in numbers], [Record(number) for number in numbers])
            store.close()

        return Job(run)

    def _make_objects(self, path: Path, size: int) -> None:
        path.mkdir()
        self.fill(self.open_at(path), [self.key(i) for i in range(size)], [Point() for _ in range(size)]).close()

    def _objects(self, size: int) -> Path:
        name = f"objects-{size}.{self.name}"
        return self.kept(name, lambda: self.from_store(name, lambda path: self._make_objects(path, size)))

    def _open(self, size: int) -> Any:
        store = self.open_at(self._objects(size))
        store[self.key(size // 2)].x
        return store

    def open_read(self, size: int, count: int) -> Job:
        self._objects(size)
        opened: list[Any] = []
        return Job(lambda: opened.append(self._open(size)), lambda: opened.pop().close())

    def close_read(self, size: int, count: int) -> Job:
        return Job(self._open(size).close)
