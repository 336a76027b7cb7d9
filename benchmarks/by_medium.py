"""What a commit costs by medium and mode of durability, beside LMDB, SQLite, and one write that is waited for.

A program of its own: ``python -m benchmarks.by_medium DIRECTORY [--elements N] [--repeat N]``, once with a directory on
a disk and once on tmpfs. Each figure is the median of some rounds, in microseconds for one change; the systems take
turns in each round, since a disk is now quick and now slow. LMDB and SQLite keep the same keys and values
as bytes of eight digits or words; their values are what a program would keep there.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pmemobj
from pmemobj._files.medium import Medium, medium_of

BATCH = 1000
Change = Callable[[int], None]
Batch = Callable[[Change], None]


class Fields(pmemobj.PersistentObject):
    """An object with five attributes."""

    def __init__(self, number: int) -> None:
        self.a = self.b = self.c = self.d = self.e = number


class System:
    """What is measured: single changes by name, and a way to make many of them one commit.

    Attributes:
        changes: Each takes a random number; it is durable when it returns.
        batch: Makes `BATCH` changes one commit.
    """

    def __init__(self, changes: dict[str, Change], batch: Batch) -> None:
        self.changes, self.batch = changes, batch


def each(change: Change, numbers: list[int]) -> None:
    """The changes of a batch."""
    for number in numbers:
        change(number)


@contextmanager
def of_pmemobj(path: Path, elements: int, durability: str | None) -> Iterator[System]:
    """A pool with a list, a dict and an object."""
    with pmemobj.create(path, (64 << 20) + 400 * elements, durability=durability) as pool:
        pool.root = pool.persistent({"list": [0] * elements, "dict": dict.fromkeys(range(elements), 0)})
        thing = pool.root["thing"] = pool.new(Fields, 0)
        pool.root["tail"] = pool.new(pmemobj.PersistentList)
        items, table, tail = pool.root["list"], pool.root["dict"], pool.root["tail"]

        def list_set(number: int) -> None:
            items[number % elements] = number

        def dict_set(number: int) -> None:
            table[number % elements] = number

        def new_key(number: int) -> None:
            table[number + elements] = number

        def attribute_set(number: int) -> None:
            thing.a = number

        changes = {
            "list set": list_set,
            "dict set": dict_set,
            "attribute set": attribute_set,
            "append": tail.append,
            "new key": new_key,
        }

        def batch(change: Change) -> None:
            numbers = random.sample(range(1 << 40), BATCH)
            with pool.transaction():
                each(change, numbers)

        yield System(changes, batch)


@contextmanager
def of_lmdb(path: Path, elements: int) -> Iterator[System]:
    """LMDB as it is without options: each transaction is durable when it is committed."""
    import lmdb

    environment = lmdb.open(str(path), map_size=2 << 30, subdir=False)
    with environment.begin(write=True) as transaction:
        for number in range(elements):
            transaction.put(b"%016d" % number, b"%08d" % 0)
    open_transaction: Any = None

    def put(key: int, number: int) -> None:
        if open_transaction is not None:
            open_transaction.put(b"%016d" % key, b"%08d" % number)
            return
        with environment.begin(write=True) as transaction:
            transaction.put(b"%016d" % key, b"%08d" % number)

    def batch(change: Change) -> None:
        nonlocal open_transaction
        numbers = random.sample(range(1 << 40), BATCH)
        with environment.begin(write=True) as transaction:
            open_transaction = transaction
            each(change, numbers)
            open_transaction = None

    existing: Change = lambda number: put(number % elements, number)  # noqa: E731
    new: Change = lambda number: put(number + elements, number)  # noqa: E731
    yield System(
        {"list set": existing, "dict set": existing, "attribute set": existing, "append": new, "new key": new}, batch
    )
    environment.close()


@contextmanager
def of_sqlite(path: Path, elements: int, synchronous: str) -> Iterator[System]:
    """SQLite with a write-ahead log."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute(f"pragma synchronous={synchronous}")
    connection.execute("create table entries (key integer primary key, value)")
    connection.execute("begin")
    connection.executemany("insert into entries values (?, 0)", ((number,) for number in range(elements)))
    connection.execute("commit")

    def put(key: int, number: int) -> None:
        connection.execute("insert or replace into entries values (?, ?)", (key, number))

    def batch(change: Change) -> None:
        numbers = random.sample(range(1 << 40), BATCH)
        connection.execute("begin")
        each(change, numbers)
        connection.execute("commit")

    existing: Change = lambda number: put(number % elements, number)  # noqa: E731
    new: Change = lambda number: put(number + elements, number)  # noqa: E731
    yield System(
        {"list set": existing, "dict set": existing, "attribute set": existing, "append": new, "new key": new}, batch
    )
    connection.close()


@contextmanager
def of_file(path: Path) -> Iterator[System]:
    """One write of a sector and one fdatasync, in a file that was written before."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    os.pwrite(descriptor, bytes(1 << 20), 0)
    os.fsync(descriptor)

    def write(number: int) -> None:
        os.pwrite(descriptor, number.to_bytes(512, "little"), number % 2048 * 512)
        os.fdatasync(descriptor)

    yield System(dict.fromkeys(("list set", "dict set", "attribute set", "append", "new key"), write), lambda _: None)
    os.close(descriptor)


def systems(directory: Path, elements: int) -> dict[str, Any]:
    """The systems to measure on the memory under a directory, by their names."""
    found: dict[str, Any] = {}
    if medium_of(str(directory)) is Medium.DISK:
        for mode in ("full", "relaxed", "in-place"):
            found[f"pmemobj {mode}"] = of_pmemobj(directory / f"{mode}.pmem", elements, mode)
    else:
        found["pmemobj"] = of_pmemobj(directory / "own.pmem", elements, None)
        found["pmemobj in-place"] = of_pmemobj(directory / "in-place.pmem", elements, "in-place")
    found["LMDB"] = of_lmdb(directory / "lmdb", elements)
    found["SQLite FULL"] = of_sqlite(directory / "full.sqlite", elements, "full")
    found["SQLite NORMAL"] = of_sqlite(directory / "normal.sqlite", elements, "normal")
    found["write and fdatasync"] = of_file(directory / "file")
    return found


def timed(count: int, run: Callable[[], Any]) -> float:
    """Microseconds for one of `count` things."""
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) / count * 1e6


def fill(path: Path, durability: str | None, objects: int = 100_000) -> float:
    """Seconds to fill a pool with objects of a class, one transaction for each thousand."""
    start = time.perf_counter()
    with pmemobj.create(path, 512 << 20, durability=durability) as pool:
        pool.root = pool.new(pmemobj.PersistentList)
        for first in range(0, objects, BATCH):
            with pool.transaction():
                pool.root.extend([pool.new(Fields, number) for number in range(first, first + BATCH)])
    return time.perf_counter() - start


CHANGES = ("list set", "dict set", "attribute set", "append", "new key")
#: Those of the systems on a disk that wait for nothing, so that more of their changes are timed.
QUICK = ("pmemobj relaxed", "SQLite NORMAL")


def measure(opened: dict[str, System], repeat: int, is_disk: bool) -> dict[tuple[str, str, str], list[float]]:
    """Microseconds for one change, alone and in a batch, of each round."""
    measured: dict[tuple[str, str, str], list[float]] = {}
    for turn in range(repeat):
        for name in CHANGES:
            for system, made in opened.items():
                change, is_slow = made.changes[name], is_disk and system not in QUICK
                numbers = [turn << 40 | number for number in random.sample(range(1 << 40), 60 if is_slow else 2000)]
                taken = timed(len(numbers), partial(each, change, numbers))
                measured.setdefault((name, "alone", system), []).append(taken)
                if system == "pmemobj in-place" and is_slow and turn:
                    continue  # a batch takes seconds there
                taken = timed(BATCH, partial(made.batch, change))
                measured.setdefault((name, "batch", system), []).append(taken)
    return measured


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--elements", type=int, default=100_000)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--no-fill", action="store_true")
    given = arguments.parse_args()
    is_disk = medium_of(str(given.directory)) is Medium.DISK
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="by-medium-") as name:
        directory = Path(name)
        with ExitStack() as stack:
            contexts = systems(directory, given.elements)
            opened = {system: stack.enter_context(context) for system, context in contexts.items()}
            measured = measure(opened, given.repeat, is_disk)
        print(f"{'':24}" + "".join(f"{system:>20}" for system in opened))
        for how in ("alone", "batch"):
            for change in CHANGES:
                row = [statistics.median(measured[change, how, system]) for system in opened]
                print(f"{change + ', ' + how:24}" + "".join(f"{value:20.2f}" for value in row))
        if not given.no_fill:
            for mode in ("full", "relaxed") if is_disk else (None,):
                print(f"fill with 100,000 objects, {mode or 'memory'}: {fill(directory / f'fill-{mode}', mode):.2f} s")


if __name__ == "__main__":
    main()
