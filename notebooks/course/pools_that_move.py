"""Notebook 9: the files of a pool, and the checks of the exercises.

A check makes a pool in a directory of its own, runs the learner's function on it, and looks at the files and at their
contents.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pmemobj
from course.answers import not_yet, raised, right
from pmemobj import PersistentObjectPool, PmemError, PoolDamagedError

SEEN = {"heron": 3, "bittern": 1, "coot": 12}


def show_files(directory: str) -> None:
    """Print the files of a growing pool and their sizes."""
    for path in sorted(Path(directory).iterdir()):
        size = path.stat().st_size
        print(f"{path.name:12}", f"{size >> 20:4} MiB" if size >> 20 else f"{size:4} bytes")


@contextmanager
def _birds() -> Iterator[str]:
    """The path of a pool that was closed properly; pools that the learner leaves open are closed at the end."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "birds.pmem")
        with pmemobj.create(path, pool_size=8 << 20) as pool:
            pool.root = pool.persistent({"place": "Reed Lake", "seen": SEEN})
        before = pmemobj.open_pools()
        try:
            yield path
        finally:
            for pool in pmemobj.open_pools():
                if pool not in before:
                    pool.abandon_transaction()
                    pool.close()


def _contents(path: str) -> Any:
    with pmemobj.open(path, sandbox=True) as pool:
        return pool.root.to_python()


def check_backup(backup: Callable[[PersistentObjectPool, str], object]) -> None:
    """Check that there is a copy that needs no recovery, and that the program can go on."""
    with _birds() as path:
        pool = pmemobj.open(path)
        seen, copy = pool.root["seen"], f"{path}.copy.pmem"
        try:
            backup(pool, copy)
        except Exception as error:
            return not_yet(raised(error))
        complaint = _what_is_wrong_here(pool, seen) or _what_is_wrong_there(pool, copy)
    if complaint:
        return not_yet(complaint)
    return right("the copy is complete and needs no recovery, and the program goes on")


def _what_is_wrong_here(pool: PersistentObjectPool, seen: Any) -> str:
    """The reason why the program cannot go on, or an empty string."""
    try:
        seen["swan"] = 2
        return ""
    except PmemError:
        if not pool.closed:
            return "the pool is open, but the objects that the program held are dead: it was closed and opened again"
        with suppress(PmemError):
            pool.resume()
            return "the program cannot go on: its pool is still suspended"
        return "the program cannot go on: its pool is closed, and its objects are dead for ever"


def _what_is_wrong_there(pool: PersistentObjectPool, path: str) -> str:
    """What is wrong with the copy, or an empty string."""
    if not os.path.exists(path):
        return "there is no copy"
    pool.suspend()
    try:
        with pmemobj.open(path) as copy:
            if copy.recovered:
                return "the copy was made while the pool was in use: it needs recovery when it is opened"
            if copy.root is None or copy.root.to_python() != {"place": "Reed Lake", "seen": SEEN}:
                return "the copy is a pool, but does not hold what the original held"
    except PoolDamagedError:
        return "the copy was made while the pool was in use: it lacks what is in the journal, and cannot be opened"
    except PmemError as error:
        return f"the copy cannot be opened as a pool ({type(error).__name__})"
    finally:
        pool.resume()
    return ""


def check_rehearse(rehearse: Callable[[str, Callable[[PersistentObjectPool], Any]], Any]) -> None:
    """Check that a change can be tried without changing a byte of the file."""

    def change(pool: PersistentObjectPool) -> int:
        with pool.transaction():
            pool.root["seen"]["coot"] = 6
            pool.root["seen"]["swan"] = 2
        return sum(pool.root["seen"].values())

    with _birds() as path:
        before, opened = Path(path).read_bytes(), pmemobj.open_pools()
        try:
            result = rehearse(path, change)
        except Exception as error:
            return not_yet(raised(error))
        if any(pool not in opened for pool in pmemobj.open_pools()):
            return not_yet("a pool is still open, so no other program can open it")
        if not os.path.exists(path):
            return not_yet("the file of the pool was removed")
        if Path(path).read_bytes() != before:
            if _contents(path)["seen"] != SEEN:
                return not_yet("the change has reached the file")
            return not_yet("the objects are as before, but some bytes of the file have changed")
        expected = 3 + 1 + 6 + 2
        if result != expected:
            return not_yet(f"the file is untouched, but the result is {result!r} and not what change returns")
    return right("the change was made, its result is here, and no byte of the file has changed")
