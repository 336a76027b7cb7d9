"""The states after a power cut that ``make crash-figures`` tries, and the page that it makes of them.

Each kind of operation is tried in a process of its own, whose death would be a violation, too.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from power_kinds import KINDS, Tally, record, short_journals, tried
from power_mistakes import MISTAKES, found
from scratch import scratch_parent

from pmemobj._pmdk import library

PAGE = Path(__file__).parents[2] / "docs" / "power_cuts.md"
#: How many states of each kind are tried, those of power cuts during recovery included; a tenth of it for a sample.
STATES, PART = 1000, 10
#: In so many states a mistake must be found.
ROUNDS, AT_ONCE = 8, 40
WORKERS = 2

_HEAD = """# Power cuts, tried

`make crash-figures` writes this page (`QUICK=1` tries a tenth, and leaves it as it is). While a program works with a pool
in the modes `"full"` and `"relaxed"`, all its operations on files are recorded. A state is what a disk may have when the
power is cut after one of them: what was waited for, and of everything else any part. A sector of 512 bytes is as
it was after one of its writes, or torn between words of 8 bytes; sizes and names are old or new. Each state is
opened with the real code; in part of them the power is cut again while the pool recovers, up to three times. Then it must
have what was promised ([Durability by medium](durability.md)), without damage, and memory that is free must be free.

"""
_KINDS = """| the power is cut during | states | of these during recovery | violations |
|---|---|---|---|
"""
_MISTAKES = """
The same finds mistakes that were made on purpose in the code:

| mistake | found in state number |
|---|---|
"""


def _in_scratch() -> Path:
    library.load()
    return Path(tempfile.mkdtemp(prefix="pmemobj-power-", dir=scratch_parent()))


def try_kind(name: str, wanted: int) -> Tally:
    """Try at least `wanted` states of a kind, the same number in every kind of pool and mode."""
    kind, tally = KINDS[name], Tally()
    pairs = [(size, mode) for size in kind.sizes for mode in kind.modes]
    for number, (size, mode) in enumerate(pairs):
        enough = wanted * (number + 1) // len(pairs)
        seed = 0
        while tally.states < enough:
            seed += 1
            directory = _in_scratch()
            try:
                with short_journals():
                    recording = record(kind, directory / "made", mode, size, seed=seed)
                    tally.add(tried(recording, directory, min(60, enough - tally.states), seed))
            finally:
                shutil.rmtree(directory)
    tally.wrong = [f"{name}: {wrong}" for wrong in tally.wrong]
    return tally


def try_mistake(name: str) -> Tally:
    """Try states until one shows a mistake."""
    directory = _in_scratch()
    try:
        with short_journals():
            return found(MISTAKES[name], directory, ROUNDS, AT_ONCE)
    finally:
        shutil.rmtree(directory)


def _all(names: list[str], function: object, *more: int) -> Iterator[tuple[str, Tally]]:
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as workers:
        tasks = [workers.submit(function, name, *more) for name in names]  # type: ignore[arg-type]
        for name, task in zip(names, tasks, strict=True):
            try:
                yield name, task.result()
            except BrokenProcessPool:
                yield name, Tally(wrong=[f"{name}: the process died"])


def power_cuts(quick: bool) -> tuple[Tally, list[str]]:
    """Try everything, and write the page if all is well and it is no sample.

    Returns:
        What was tried, and the mistakes that no state shows.
    """
    total, missed, page = Tally(), [], [_HEAD, _KINDS]
    for name, tally in _all(list(KINDS), try_kind, STATES // (PART if quick else 1)):
        total.add(tally)
        print(f"     {name}: {tally.states} states, {len(tally.wrong)} violations", flush=True)
        page.append(f"| {KINDS[name].title} | {tally.states:,} | {tally.again:,} | {len(tally.wrong)} |\n")
    page.append(f"| together | {total.states:,} | {total.again:,} | {len(total.wrong)} |\n")
    page.append(_MISTAKES)
    for name, tally in _all(list(MISTAKES), try_mistake):
        if not tally.wrong:
            missed.append(name)
        page.append(f"| {MISTAKES[name].text} | {tally.states if tally.wrong else 'not found'} |\n")
    if not (quick or total.wrong or missed):
        PAGE.write_text("".join(page))
    return total, missed
