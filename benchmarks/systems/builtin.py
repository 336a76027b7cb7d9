"""Python's own objects, in RAM: what all ratios refer to."""

from __future__ import annotations

import gc
import platform
import sys
from typing import Any

from benchmarks.systems.base import Job, batches, silent
from benchmarks.systems.containers import Containers
from benchmarks.workloads import RAM

__all__ = ["Builtins"]


class Point:
    """An object of an ordinary class."""

    def __init__(self) -> None:
        self.x = self.y = self.z = 1


class Record:
    """An object with five attributes."""

    def __init__(self, number: int) -> None:
        self.a = self.b = self.c = self.d = self.e = number


class Builtins(Containers):
    """list, dict and the attributes of an ordinary object."""

    name = "builtins"
    media = (RAM,)

    def version(self) -> str:
        return f"{platform.python_implementation()} {platform.python_version()}"

    def durability(self) -> str:
        return "none: gone with the process"

    def finish(self) -> None:
        """Nothing is open."""

    def new_list(self, items: list[Any]) -> Any:
        return list(items)

    def new_dict(self, keys: list[Any], values: list[int]) -> Any:
        return dict(zip(keys, values, strict=True))

    def new_point(self) -> Any:
        return Point()

    def empty_loop(self, size: int, count: int) -> Job:
        indices = self.indices(size, count)

        def run() -> None:
            for _ in indices:
                pass

        return Job(run)

    def build_list(self, size: int, count: int) -> Job:
        source = list(range(size))
        return Job(lambda: silent(list(source)))

    def build_dict(self, size: int, count: int) -> Job:
        pairs = list(zip(self.names(size), range(size), strict=True))
        return Job(lambda: silent(dict(pairs)))

    def fill_objects(self, size: int, count: int) -> Job:
        def run() -> None:
            items: list[Record] = []
            for numbers in batches(size):
                items.extend([Record(number) for number in numbers])

        return Job(run)

    def bytes_list(self, size: int, count: int) -> Job:
        # Ints that Python does not share take memory of their own.
        values = list(range(size))
        return Job(lambda: (sys.getsizeof(values) + sum(map(sys.getsizeof, values))) / size)

    def bytes_dict(self, size: int, count: int) -> Job:
        table = self.new_dict(self.names(size), list(range(size)))
        return Job(lambda: (sys.getsizeof(table) + sum(map(sys.getsizeof, [*table, *table.values()]))) / size)

    def collect(self, size: int, count: int) -> Job:
        points = self.kept(f"points {size}", lambda: [Point() for _ in range(size)])
        return Job(lambda: silent(gc.collect() and points))
