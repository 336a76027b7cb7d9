"""Notebook 10: the cost of a change, the checks of the exercises, and a test that pytest runs.

A check makes objects of the learner's class in a pool of its own, in the checking mode, and asks the crash lab.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pmemobj
from course.answers import not_yet, right
from course.crash_lab import tell
from course.scratch import scratch_pool
from pmemobj import MissingSnapshotError, PersistentObjectPool, PmemError
from pmemobj.crash import What, record

CHECKING = "PMEMOBJ_CHECK"
#: A text that needs a leaf, so that a cell that still holds it wastes memory.
LONG = "a long and steady drizzle from the north-west"


def bytes_logged(pool: PersistentObjectPool, action: Callable[[], object]) -> int:
    """The number of bytes that an action copies to the undo log; it runs on a copy of the pool."""
    return sum(event.size for event in record(pool, action).steps if event.what is What.SNAPSHOT)


def told(error: Exception) -> str:
    """The message of an error without offsets and path, which differ from pool to pool."""
    text = error.why if isinstance(error, PmemError) else str(error)
    return re.sub(r" (bytes|at) 0x[0-9a-f]+( to 0x[0-9a-f]+)?", r" \1 ...", f" {text}").strip()


@contextmanager
def _checked_pool() -> Iterator[PersistentObjectPool]:
    """A scratch pool in the checking mode."""
    before = os.environ.get(CHECKING)
    os.environ[CHECKING] = "1"
    try:
        with scratch_pool() as pool:
            yield pool
    finally:
        if before is None:
            del os.environ[CHECKING]
        else:
            os.environ[CHECKING] = before


def _failed(error: Exception) -> str:
    return f"the code raised {type(error).__name__}: {told(error)}"


# ---- exercise 1 ---------------------------------------------------------------------------------


def check_pop(ring_class: Any) -> None:
    """Check that `pop` takes out the oldest value and clears its cell, and does both or neither."""
    with _checked_pool() as pool:
        ring = pool.root = pool.new(ring_class, 3)
        for value in ("snow", LONG, "rain", "sun"):
            ring.append(value)
        try:
            complaint = _what_is_wrong_with_pop(ring)
        except Exception as error:
            complaint = _failed(error)
        if complaint:
            return not_yet(complaint)
        for value in (LONG, "fog"):
            ring.append(value)
        return _check_crashes_of_pop(pool, ring)


def _what_is_wrong_with_pop(ring: Any) -> str:
    """Pop a ring of drizzle, rain and sun until it is empty; return what is wrong, or an empty string."""
    taken = ring.pop()
    if taken is None:
        return "pop returns None: read the value before its cell is cleared, and return it"
    if taken != LONG:
        return f"pop returned {taken!r}, but the oldest value was the drizzle"
    if list(ring) == [LONG, "rain", "sun"]:
        return "pop returned the oldest value, and it is still in the ring"
    if list(ring) != ["rain", "sun"]:
        return f"after one pop the ring should have rain and sun, but it has {list(ring)}"
    if LONG in list(ring.cells):
        return "the drizzle is out of the ring, but a cell still holds its memory"
    if [ring.pop(), ring.pop()] != ["rain", "sun"]:
        return "the second and the third pop should give rain and sun"
    try:
        ring.pop()
    except IndexError:
        return ""
    return "pop of an empty ring should raise IndexError"


def _check_crashes_of_pop(pool: PersistentObjectPool, ring: Any) -> None:
    before, after = list(ring), list(ring)[1:]

    def whole(pool: PersistentObjectPool) -> bool:
        cells = sorted(value for value in pool.root.cells if value is not None)
        return list(pool.root) in (before, after) and cells == sorted(pool.root)

    report = record(pool, lambda: ring.pop()).explore(whole)
    if not report.ok:
        tell(report)
        return not_yet("it works without a crash, but this crash leaves half a pop")
    return right(f"the oldest value comes out wholly or not at all ({report.coverage})")


# ---- exercise 2 ---------------------------------------------------------------------------------


def check_correct(day_class: Any) -> None:
    """Check that a commit corrects all temperatures, a roll-back none, and that no crash leaves a mixture."""
    old, new = [9.0, 10.0, 12.0, 15.0], [11.0, 12.0, 14.0, 17.0]
    with _checked_pool() as pool:
        day = pool.root = pool.new(day_class, old)
        try:
            complaint = _what_is_wrong_with_correct(pool, day, old, new)
        except MissingSnapshotError as error:
            return not_yet(f"{type(error).__name__}: {told(error)}")
        except Exception as error:
            return not_yet(_failed(error))
        if complaint:
            return not_yet(complaint)
        report = record(pool, lambda: day.correct(-2)).explore(lambda pool: list(pool.root.hours) in (old, new))
        if not report.ok:
            tell(report)
            return not_yet("this crash can still happen")
        return right(f"all of them, or none ({report.coverage})")


def _what_is_wrong_with_correct(pool: PersistentObjectPool, day: Any, old: list[float], new: list[float]) -> str:
    """Correct a day from `old` to `new`; return what is wrong after a commit or a roll-back, or an empty string."""
    day.correct(2)
    if list(day.hours) != new:
        return f"{old}, two degrees warmer, should be {new}, but it is {list(day.hours)}"
    try:
        with pool.transaction():
            day.correct(5)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    if list(day.hours) != new:
        return "a commit keeps the new values, but a roll-back does not bring back the old ones"
    return ""


# ---- a test -------------------------------------------------------------------------------------


def run_pytest(cls: type, test: str) -> None:
    """Write the cell of a class and a test of it into a file, run pytest on it, and print the last line."""
    if importlib.util.find_spec("pytest") is None:
        return print("pytest is not installed here: pip install pytest")
    method = next(value for value in vars(cls).values() if callable(value))
    cell = "".join(linecache.getlines(method.__code__.co_filename))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "test_it.py").write_text(f"from pmemobj import Field, Persistent\n\n\n{cell}\n\n{test}")
        options = ["-q", "--color=no", "-p", "pmemobj.testing", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", *options, "test_it.py"]
        path = os.pathsep.join(filter(None, (str(Path(pmemobj.__file__).parent.parent), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, CHECKING: "1", "PYTEST_ADDOPTS": ""}
        # Other plugins are not needed here, and take a second to load.
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=100)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()]
    return print(re.sub(r" in [0-9.]+s.*", "", lines[-1]))
