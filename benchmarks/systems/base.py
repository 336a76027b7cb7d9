"""The shape of a system: a class with a method for each workload that it can do.

A method gets the size of the data and the count of operations, does everything that is not to be timed, and returns
a `Job`. It keeps the data that it makes (`kept`) for the next pass, and for the other workloads of
its process. Every system looks up the same indices and keys in the same order.
"""

from __future__ import annotations

import os
import random
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from benchmarks.workloads import DISK, FILL_BATCH, RAM

__all__ = ["HOT_KEYS", "Job", "Place", "System", "Unavailable", "allocated", "batches", "copied", "nothing", "silent"]

T = TypeVar("T")

#: Keys that the look-ups of the figures use again and again, as a program does with the keys that it knows.
HOT_KEYS = 1_000


class Unavailable(Exception):
    """A system cannot be measured here; the text says why, and what to do."""


def nothing() -> None:
    """Do nothing: most jobs have nothing to do afterwards."""


def silent(_: object) -> None:
    """Drop a result that would otherwise be taken for a measured value."""


@dataclass(frozen=True, slots=True)
class Job:
    """One pass.

    Attributes:
        run: The function that is timed. If it returns a number, that number is taken instead of the time.
        after: A function that is called afterwards, to leave the data as it was.
    """

    run: Callable[[], float | None]
    after: Callable[[], object] = nothing


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system keeps its data.

    Attributes:
        own: A directory of its own, on the medium that is measured.
        shared: A directory that all processes of a run share, on the fastest medium.
        size: The number of elements of the largest data that will be there at a time.
    """

    own: Path
    shared: Path
    size: int


class System(ABC):
    """A way to keep data, with its operations done as fast as its manual allows.

    Attributes:
        name: The name by which the system is chosen, and found in the results.
        largest: The largest number of elements. More would take minutes to make; the results say if there were less.
        largest_of: Smaller numbers for the workloads of some sets.
        media: On which media the system is measured.
    """

    name: ClassVar[str]
    largest: ClassVar[int] = 10_000_000
    largest_of: ClassVar[dict[str, int]] = {}
    media: ClassVar[tuple[str, ...]] = (RAM, DISK)

    def __init__(self, place: Place) -> None:
        self.place = place
        self._kept: dict[str, Any] = {}
        self._serial = 0
        self._next_value = 1_000_000_000

    @classmethod
    def environment(cls) -> dict[str, str]:
        """Variables that the environment of its process must have."""
        return {}

    @classmethod
    def most(cls, workloads: str) -> int:
        """The largest number of elements for the workloads of a set."""
        return min(cls.largest, cls.largest_of.get(workloads, cls.largest))

    @abstractmethod
    def version(self) -> str:
        """What exactly is measured."""

    @abstractmethod
    def durability(self) -> str:
        """What holds when a single operation has returned, and what its file needs for that."""

    @abstractmethod
    def finish(self) -> None:
        """Close everything that is still open."""

    # ---- for those that implement it ----

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returned when it was asked for the first time."""
        if name not in self._kept:
            self._kept[name] = make()
        found: T = self._kept[name]
        return found

    def path(self, name: str) -> Path:
        """A path on the medium that nothing has used yet."""
        self._serial += 1
        return self.place.own / f"{self._serial}-{name}"

    def indices(self, size: int, count: int) -> list[int]:
        """Random indices below `size`."""
        return self.kept(f"indices {size} {count}", lambda: random.Random(1).choices(range(size), k=count))

    def names(self, size: int) -> list[str]:
        """The keys of a dict of that size: too long for a word, like most names."""
        return self.kept(f"names {size}", lambda: [f"name-{i:06d}" for i in range(size)])

    def texts(self, size: int) -> list[str]:
        """Short texts, the values of a list."""
        return [f"t{i % 100_000}" for i in range(size)]

    def hot_names(self, size: int, count: int) -> list[str]:
        """Keys for look-ups: a thousand of them, again and again."""
        names = self.names(size)
        return self.kept(
            f"hot names {size} {count}",
            lambda: random.Random(3).choices(random.Random(2).sample(names, min(size, HOT_KEYS)), k=count),
        )

    def any_names(self, size: int, count: int) -> list[str]:
        """Keys for look-ups: any of them."""
        names = self.names(size)
        return self.kept(f"any names {size} {count}", lambda: random.Random(4).choices(names, k=count))

    def hot_numbers(self, size: int, count: int) -> list[int]:
        """Keys for look-ups in a dict whose keys are numbers."""
        return self.kept(
            f"hot numbers {size} {count}",
            lambda: random.Random(3).choices(random.Random(2).sample(range(size), min(size, HOT_KEYS)), k=count),
        )

    def fresh_values(self, count: int) -> range:
        """Ints that nothing holds yet: some systems notice a change to the same value, and do nothing."""
        start = self._next_value
        self._next_value += count
        return range(start, start + count)

    def fresh_names(self, count: int) -> list[str]:
        """Keys that no dict has yet."""
        self._serial += 1
        return [f"new-{self._serial}-{i:06d}" for i in range(count)]

    def from_store(self, name: str, make: Callable[[Path], None]) -> Path:
        """A copy, on the medium, of data that is made once a run for all who need the same.

        Args:
            name: Of the data, with its size.
            make: Makes it at the path that it gets, a file or a directory.
        """
        store = self.place.shared / name
        if not store.exists():
            unfinished = self.place.shared / f"unfinished-{name}"
            make(unfinished)
            unfinished.rename(store)
        return copied(store, self.path(name))


def batches(size: int) -> list[range]:
    """The numbers below `size`, as the workload that fills a store puts them into transactions."""
    return [range(first, min(first + FILL_BATCH, size)) for first in range(0, size, FILL_BATCH)]


def copied(source: Path, copy: Path) -> Path:
    """The copy of a file or a directory. It is on its medium, otherwise the first open would pay for that."""
    if source.is_dir():
        shutil.copytree(source, copy)
    else:
        shutil.copyfile(source, copy)
    for file in files_of(copy):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return copy


def files_of(path: Path) -> list[Path]:
    """The file, or all files in the directory."""
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


def allocated(path: Path) -> int:
    """Bytes that the file system has given to a file, or to all files in a directory."""
    return sum(file.stat().st_blocks * 512 for file in files_of(path))
