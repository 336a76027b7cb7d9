"""Notebook 1: the checks of the exercises."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from course.answers import exercise, not_yet, right
from pmemobj import NotPersistableError, PersistentList, PersistentObjectPool

_ENOUGH_COLOURS = 3

#: The program of the other process, which knows only the path of the file.
_LOOK = """
import sys, pmemobj
with pmemobj.open(sys.argv[1]) as pool:
    print(*pool.root["colours"], sep=", ")
"""


@exercise
def check_colours(pool: PersistentObjectPool) -> None:
    """Check that another process finds a list of colours."""
    root = pool.root
    colours = root["colours"] if hasattr(root, "keys") and "colours" in root else None
    if colours is None:
        return not_yet('the root has no "colours"')
    if not isinstance(colours, PersistentList):
        return not_yet(f"the colours are a {type(colours).__name__}, but should be a PersistentList")
    if len(colours) < _ENOUGH_COLOURS:
        return not_yet(f"the list has {len(colours)} colours, but should have at least {_ENOUGH_COLOURS}")
    if not all(isinstance(colour, str) for colour in colours):
        return not_yet("something in the list is not a string")
    return right(f"another process found {_what_another_finds(pool)}")


def _what_another_finds(pool: PersistentObjectPool) -> str:
    pool.suspend()
    try:
        command = [sys.executable, "-c", _LOOK, pool.absolute_path]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    finally:
        pool.resume()


@exercise
def check_taken(pool: PersistentObjectPool, things: dict[str, Any], answer: str) -> None:
    """Check that the pool takes these things and no others."""
    if not answer:
        return not_yet("put letters into answer")
    guessed = set(answer.upper()) - set(" ,")
    if unknown := guessed - set(things):
        return not_yet(f"there is no {min(unknown)}")
    taken = {letter for letter, thing in things.items() if _takes(pool, thing)}
    if wrong := guessed - taken:
        return not_yet(f"the pool refuses {min(wrong)}; what kind of value is it?")
    if taken - guessed:
        return not_yet("the pool takes these, but it takes more")
    return right("the pool takes these, and refuses the others")


def _takes(pool: PersistentObjectPool, thing: Any) -> bool:
    try:
        pool.new(PersistentList, [thing])
    except NotPersistableError:
        return False
    return True


@exercise
def check_visits(visits: int) -> None:
    """Check that the cell was run three times more often than the notebook itself runs it."""
    ran_by_itself = 3
    if visits < ran_by_itself + 3:
        return not_yet(f"there were {visits} visits; run the cell again")
    return right(f"there were {visits} visits, and only the pool has counted them")
