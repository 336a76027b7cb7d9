"""Notebook 8: a census of the objects in a pool, and the checks of the exercises.

Each check runs the learner's code on a pool of its own, collects the garbage, and looks at the objects that are left.
"""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pmemobj
from course.answers import not_yet, raised, right
from course.scratch import scratch_pool
from pmemobj import PersistentDict, PersistentObjectPool

Step = Callable[[PersistentObjectPool], object]
Arrive = Callable[[PersistentObjectPool, str, Any], object]

CARGOES = ("coal", "corn", "milk")


def census(pool: PersistentObjectPool) -> None:
    """Print the number of objects of each type, and how many of them the root reaches."""
    there = Counter({name: one.count for name, one in pool.stats().types.items()})
    there["PersistentList"] -= _own_lists(pool)
    reached = Counter(node.type for node in pmemobj.inspect.walk(pool).nodes.values())
    print(f"{'':16}{'in the pool':>12}{'reached from the root':>24}")
    for name in sorted(+there):
        print(f"{name:16}{there[name]:12}{reached[name]:24}")


def _own_lists(pool: PersistentObjectPool) -> int:
    """The number of lists that the pool itself uses: one of all classes, and one for each class (docs/format.md)."""
    text = io.StringIO()
    pmemobj.dump(pool, text)
    classes: int = json.loads(text.getvalue().partition("\n")[0])["classes"]
    return 1 + classes if classes else 0


# In place, so that `check` speaks of the file alone: what is in a journal is a matter of another notebook.
_PROGRAM = """
import os, signal
import pmemobj
from pmemobj import PersistentList

def die():
    os.kill(os.getpid(), signal.SIGKILL)

pool = pmemobj.open("train.pmem", durability="in-place")
"""


def run_and_kill(program: str) -> None:
    """Run a program on train.pmem in a separate process, and kill it at its end, or when it calls ``die()``."""
    done = subprocess.run([sys.executable, "-c", f"{_PROGRAM}{program}\ndie()"], timeout=60)
    print("killed" if done.returncode == -signal.SIGKILL else "the program ended by itself")


def wagons_freed(pool: PersistentObjectPool) -> int:
    """The number of wagons that a collection frees when only the root counts, and no variable."""
    return pool.gc(keep_handles=False)["Wagon"]


def check_bridge(build: Step, first_half: Step, second_half: Step, answer: tuple[int | None, int | None]) -> None:
    """Check the numbers of wagons that become garbage with one half of the bridge, and with both halves."""
    if None in answer:
        return not_yet("put two numbers into answer")
    found = []
    for steps in ([first_half], [first_half, second_half]):
        with scratch_pool() as pool:
            for step in (build, *steps):
                step(pool)
            found.append(wagons_freed(pool))
    if answer[0] != found[0]:
        return not_yet("the first number is wrong: what still refers to the corn?")
    if answer[1] != found[1]:
        return not_yet("the first number is right, and the second one is wrong")
    return right("the milk still referred to the corn; a reference back is a reference, too")


def check_station(open_station: Step, arrive: Arrive, scrap: Step) -> None:
    """Check that the wagons are freed with their train, and that the log still has every arrival."""
    with scratch_pool() as pool:
        try:
            open_station(pool)
            times = _let_all_arrive(pool, arrive)
            scrap(pool)
        except Exception as error:
            return not_yet(raised(error))
        freed = wagons_freed(pool)
        lost = _first_loss(pool, times)
        if lost and freed:
            return not_yet(f"the wagons are freed, but {lost}")
        if lost:
            return not_yet(lost)
        if not freed:
            return not_yet("the train is scrapped, but no wagon was freed: something still refers to them")
        if freed <= len(CARGOES):
            return not_yet(f"{freed} of {len(CARGOES) + 1} wagons were freed: something still refers to the others")
    return right("all wagons are freed, and the log says what they carried")


def _let_all_arrive(pool: PersistentObjectPool, arrive: Arrive) -> list[str]:
    wagon, times = pool.root["engine"].behind, []
    while wagon is not None:
        times.append(f"{9 + len(times)}:00")
        arrive(pool, times[-1], wagon)
        wagon = wagon.behind
    return times


def _first_loss(pool: PersistentObjectPool, times: list[str]) -> str:
    """The first arrival that the log has lost, in words, or an empty string."""
    log = pool.root.get("log") if isinstance(pool.root, PersistentDict) else None
    for time, cargo in zip(times, CARGOES, strict=True):
        entry = log.get(time) if log is not None else None
        if entry is None:
            return f"the log has lost the arrival at {time}"
        if cargo not in (entry, getattr(entry, "cargo", None)):
            return f"{cargo} arrived at {time}, but the log does not say so"
    return ""
