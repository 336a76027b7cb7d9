"""Notebook 11: bars on a logarithmic scale, the flushes of a recording, and the checks of the exercises.

Times differ from machine to machine and from run to run, so no check uses a clock. The number of flushes of a change
is the same everywhere; the crash lab counts the flushes.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pmemobj
from course.answers import exercise, not_yet, right
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool
from pmemobj.crash import What, record

SIZE = 16 << 20
SHARED = Path("/dev/shm")


# ---- places -------------------------------------------------------------------------------------


def new_pool(path: Path) -> PersistentObjectPool:
    """Make a pool with a hundred numbers and no orders, and close the one of the same name from an earlier run."""
    there = pmemobj.open_pools()
    for pool in there:
        # No pool can be closed while a transaction is open.
        pool.abandon_transaction()
    for pool in there:
        # Names are compared, because the directory in RAM is another one in each run.
        if Path(pool.absolute_path).name == path.name:
            pool.close()
    for left in (path, path.with_name(f"{path.name}-journal")):
        left.unlink(missing_ok=True)
    pool = pmemobj.create(path, SIZE)
    with pool.transaction():
        pool.root = pool.new(PersistentDict, total=0)
        pool.root["numbers"] = pool.new(PersistentList, range(100))
        pool.root["amounts"] = pool.new(PersistentList)
    return pool


def directory_in_ram() -> tempfile.TemporaryDirectory[str]:
    """A temporary directory on tmpfs, or an ordinary one without tmpfs; it is removed with the variable."""
    return tempfile.TemporaryDirectory(prefix="how-fast-", dir=SHARED if os.access(SHARED, os.W_OK) else None)


# ---- flushes ------------------------------------------------------------------------------------


def flushes(pool: PersistentObjectPool, action: Callable[[], object]) -> int:
    """The number of flushes of an action, which runs on a copy of the pool."""
    recording = record(pool, action)
    if not recording.returned:
        raise RuntimeError(f"the code {recording.ending}:\n{recording.output}")
    return sum(event.what is What.FLUSH for event in recording.steps)


# ---- bars ---------------------------------------------------------------------------------------

_WIDTH, _NAMES, _BARS, _ROW, _TOP = 640, 230, 300, 26, 44
_UNITS = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def duration(seconds: float) -> str:
    """A time with its unit: 29 ns, 2.9 ms."""
    value, unit = next(((seconds / each, name) for each, name in _UNITS if seconds >= each), (seconds / 1e-9, "ns"))
    return f"{value:.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


class Bars:
    """Times as bars on a logarithmic scale; each grid line is ten times the one to its left."""

    def __init__(self, title: str, times: Mapping[str, float]) -> None:
        self.title, self.times = title, dict(times)
        logarithms = [math.log10(seconds) for seconds in self.times.values()]
        # There is half a step at either end, so that the shortest bar has a length.
        self._first, self._last = math.floor(min(logarithms) - 0.5), math.ceil(max(logarithms) + 0.1)

    def _length(self, seconds: float) -> float:
        return (math.log10(seconds) - self._first) / (self._last - self._first)

    def __repr__(self) -> str:
        wide = max(map(len, self.times))
        rows = (
            f"{name:{wide}} {duration(seconds):>7} {'█' * round(40 * self._length(seconds))}"
            for name, seconds in self.times.items()
        )
        return "\n".join((self.title, *rows))

    def _repr_svg_(self) -> str:
        bottom = _TOP + _ROW * len(self.times)
        parts = [_text(12, 24, self.title, 13, "bold")]
        for tens in range(self._first, self._last + 1):
            x = _NAMES + _BARS * (tens - self._first) / (self._last - self._first)
            parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="#d0d7e2"/>')
            parts.append(_text(x, bottom + 16, duration(10**tens * 1.0001), 10, anchor="middle"))
        for at, (name, seconds) in enumerate(self.times.items()):
            y, length = _TOP + _ROW * at, _BARS * self._length(seconds)
            parts.append(_text(_NAMES - 8, y + 15, name, 12, anchor="end"))
            parts.append(f'<rect x="{_NAMES}" y="{y + 2}" width="{length:.1f}" height="{_ROW - 8}" fill="#0072b2"/>')
            parts.append(_text(_NAMES + length + 6, y + 15, duration(seconds), 12))
        size = f'width="{_WIDTH}" height="{bottom + 28}"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {_WIDTH} {bottom + 28}" role="img" '
            f'font-family="Helvetica,Arial,sans-serif" aria-label="{escape(repr(self), {chr(34): "&quot;"})}">'
            f'<rect {size} rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>{"".join(parts)}</svg>'
        )


def _text(x: float, y: float, text: str, size: int, weight: str = "normal", anchor: str = "start") -> str:
    look = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="#1b2733"'
    return f'<text x="{x:.1f}" y="{y}" {look}>{escape(text)}</text>'


# ---- the exercises: the lab counts, no clock judges ---------------------------------------------


@exercise
def check_prediction(pool: PersistentObjectPool, one_by_one: int | None, together: int | None) -> None:
    """Check the predicted flushes of a hundred changes, one by one and in one transaction."""
    if not (isinstance(one_by_one, int) and isinstance(together, int)):
        return not_yet("predict both, as numbers")
    numbers = pool.root["numbers"]

    def change_all() -> None:
        for index in range(100):
            numbers[index] += 1_000

    def change_all_together() -> None:
        with pool.transaction():
            change_all()

    # The first number can be counted, so it must be exact. The second one can only be guessed.
    if one_by_one != flushes(pool, change_all):
        return not_yet(f"it is not {one_by_one} one by one; look at what a single number took")
    measured = flushes(pool, change_all_together)
    if not measured / 2 <= together <= measured * 2:
        comparison = "more" if together < measured else "less"
        return not_yet(f"together there are {comparison} than {together}, by more than a factor of two")
    return right(f"{one_by_one} one by one, {measured} together")


ORDERS = (12, 30, 7, 55, 18, 9, 41, 3, 26, 14)


@exercise
def check_enter(pool: PersistentObjectPool, enter: Callable[[PersistentObjectPool, Any], object]) -> None:
    """Check that ten orders are entered with few flushes, and that no power cut leaves a wrong total."""
    expected = [*pool.root["amounts"], *ORDERS]

    def sound(pool: PersistentObjectPool) -> bool:
        return bool(pool.root["total"] == sum(pool.root["amounts"]))

    def done(pool: PersistentObjectPool) -> bool:
        return list(pool.root["amounts"]) == expected and sound(pool)

    def run() -> None:
        enter(pool, ORDERS)
        # The recorded code must look itself, because the pool of the notebook is not changed.
        print("entered" if done(pool) else "not all entered")

    recording = record(pool, run)
    said = recording.output.strip().splitlines()
    if not recording.returned:
        return not_yet(f"the code {recording.ending}: {said[-1] if said else ''}")
    if said[-1:] != ["entered"]:
        return not_yet("afterwards, amounts and total are not what they should be")
    count = sum(event.what is What.FLUSH for event in recording.steps)
    if count > 4 * len(ORDERS):
        return not_yet(f"{count} flushes for {len(ORDERS)} orders; {4 * len(ORDERS)} are enough")
    if not recording.explore(sound, atomic=False, budget=200).ok:
        return not_yet(f"only {count} flushes, but a power cut can leave a total that does not fit the amounts")
    return right(f"{count} flushes, and the total was right after every simulated power cut")
