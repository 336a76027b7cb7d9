"""Systems whose objects are used like Python's own, so one loop serves all of them.

The builtins run through the very same lines, so the loop is in both sides of a ratio. What differs is a
commit: systems that need one after each change (`commits`) have a loop with it.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import repeat
from typing import Any, ClassVar

from benchmarks.systems.base import Job, System, nothing

__all__ = ["Containers"]


class Containers(System):
    """Lists, dicts and an object with attributes.

    Attributes:
        commits: Whether a change is durable only after `commit`.
    """

    commits: ClassVar[bool] = False

    # ---- what each of them has to provide ----

    @abstractmethod
    def new_list(self, items: list[Any]) -> Any:
        """A list of these items, kept for good."""

    @abstractmethod
    def new_dict(self, keys: list[Any], values: list[int]) -> Any:
        """A dict of these items, kept for good."""

    @abstractmethod
    def new_point(self) -> Any:
        """An object with the attributes x, y and z."""

    def commit(self) -> None:
        """Make the changes durable."""

    def transaction(self) -> AbstractContextManager[object]:
        """The context in which many changes are made."""
        return contextlib.nullcontext()

    # ---- the data ----

    def ints(self, size: int) -> Any:
        """A list of small ints."""
        return self.kept(f"ints {size}", lambda: self.new_list(list(range(size))))

    def strs(self, size: int) -> Any:
        """A list of short texts."""
        return self.kept(f"strs {size}", lambda: self.new_list(self.texts(size)))

    def by_name(self, size: int) -> Any:
        """A dict whose keys are str."""
        return self.kept(f"by name {size}", lambda: self.new_dict(self.names(size), list(range(size))))

    def by_number(self, size: int) -> Any:
        """A dict whose keys are int."""
        return self.kept(f"by number {size}", lambda: self.new_dict(list(range(size)), list(range(size))))

    def point(self) -> Any:
        """An object with attributes."""
        return self.kept("point", self.new_point)

    # ---- reading ----

    def _list_get(self, items: Any, size: int, count: int) -> Job:
        indices = self.indices(size, count)

        def run() -> None:
            for index in indices:
                items[index]

        return Job(run)

    def list_get_int(self, size: int, count: int) -> Job:
        return self._list_get(self.ints(size), size, count)

    def list_get_str(self, size: int, count: int) -> Job:
        return self._list_get(self.strs(size), size, count)

    def list_iterate(self, size: int, count: int) -> Job:
        items = self.ints(size)

        def run() -> None:
            for _ in items:
                pass

        return Job(run)

    def _dict_get(self, table: Any, keys: list[Any]) -> Job:
        def run() -> None:
            for key in keys:
                table[key]

        return Job(run)

    def dict_get_str(self, size: int, count: int) -> Job:
        return self._dict_get(self.by_name(size), self.hot_names(size, count))

    def dict_get_any(self, size: int, count: int) -> Job:
        return self._dict_get(self.by_name(size), self.any_names(size, count))

    def dict_get_int(self, size: int, count: int) -> Job:
        return self._dict_get(self.by_number(size), self.hot_numbers(size, count))

    def dict_in(self, size: int, count: int) -> Job:
        table, keys = self.by_name(size), self.hot_names(size, count)

        def run() -> None:
            for key in keys:
                key in table  # noqa: B015

        return Job(run)

    def attribute_get(self, size: int, count: int) -> Job:
        point = self.point()

        def run() -> None:
            for _ in repeat(None, count):
                point.x

        return Job(run)

    # ---- changing: each operation durable by itself, or all of them in one transaction ----

    def _changes(self, each: Callable[[], None], committed: Callable[[], None], after: Callable[[], object]) -> Job:
        return Job(committed if self.commits else each, after)

    def _in_one(self, each: Callable[[], None], after: Callable[[], object] = nothing) -> Job:
        def run() -> None:
            with self.transaction():
                each()

        return Job(run, after)

    def _list_set(self, size: int, count: int) -> tuple[Callable[[], None], Callable[[], None]]:
        items, indices, commit = self.ints(size), self.indices(size, count), self.commit
        values = self.fresh_values(count)

        def each() -> None:
            for index, value in zip(indices, values, strict=True):
                items[index] = value

        def committed() -> None:
            for index, value in zip(indices, values, strict=True):
                items[index] = value
                commit()

        return each, committed

    def list_set(self, size: int, count: int) -> Job:
        return self._changes(*self._list_set(size, count), nothing)

    def batch_list_set(self, size: int, count: int) -> Job:
        return self._in_one(self._list_set(size, count)[0])

    def _list_append(self, size: int, count: int) -> tuple[Callable[[], None], Callable[[], None], Callable[[], None]]:
        items, commit = self.ints(size), self.commit

        def each() -> None:
            for _ in repeat(None, count):
                items.append(7)

        def committed() -> None:
            for _ in repeat(None, count):
                items.append(7)
                commit()

        return each, committed, lambda: self.shorten(items, size)

    def shorten(self, items: Any, size: int) -> None:
        """Remove the items that a pass has appended."""
        del items[size:]
        self.commit()

    def list_append(self, size: int, count: int) -> Job:
        return self._changes(*self._list_append(size, count))

    def batch_list_append(self, size: int, count: int) -> Job:
        each, _, after = self._list_append(size, count)
        return self._in_one(each, after)

    def _dict_set(self, table: Any, keys: list[str]) -> tuple[Callable[[], None], Callable[[], None]]:
        commit, values = self.commit, self.fresh_values(len(keys))

        def each() -> None:
            for key, value in zip(keys, values, strict=True):
                table[key] = value

        def committed() -> None:
            for key, value in zip(keys, values, strict=True):
                table[key] = value
                commit()

        return each, committed

    def dict_set(self, size: int, count: int) -> Job:
        return self._changes(*self._dict_set(self.by_name(size), self.hot_names(size, count)), nothing)

    def batch_dict_set(self, size: int, count: int) -> Job:
        return self._in_one(self._dict_set(self.by_name(size), self.hot_names(size, count))[0])

    def forget_keys(self, table: Any, keys: list[str]) -> None:
        """Remove the keys that a pass has added."""
        with self.transaction():
            for key in reversed(keys):
                del table[key]

    def dict_new(self, size: int, count: int) -> Job:
        table, keys = self.by_name(size), self.fresh_names(count)
        return self._changes(*self._dict_set(table, keys), lambda: self.forget_keys(table, keys))

    def batch_dict_new(self, size: int, count: int) -> Job:
        table, keys = self.by_name(size), self.fresh_names(count)
        return self._in_one(self._dict_set(table, keys)[0], lambda: self.forget_keys(table, keys))

    def _attribute_set(self, count: int) -> tuple[Callable[[], None], Callable[[], None]]:
        point, commit, values = self.point(), self.commit, self.fresh_values(count)

        def each() -> None:
            for value in values:
                point.x = value

        def committed() -> None:
            for value in values:
                point.x = value
                commit()

        return each, committed

    def attribute_set(self, size: int, count: int) -> Job:
        return self._changes(*self._attribute_set(count), nothing)

    def batch_attribute_set(self, size: int, count: int) -> Job:
        return self._in_one(self._attribute_set(count)[0])
