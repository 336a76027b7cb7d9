"""``make crash-figures``: what the crash lab reaches, beside its targets.

Prints a line for each of the ten figures, with a mark where one falls short, and ends with 1 then. ``--quick`` takes a
sample of what takes minutes; a figure that counts how much was done falls short there, and says so.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crash_corpus
import crash_mutators
import kill_loop
import power_figures
from crash_corpus.run import Result, run, workbench
from power_kinds import KINDS
from power_mistakes import MISTAKES

from pmemobj import crash
from pmemobj.crash import MODELS

KIB = 1024
#: Quick runs try one in this many cases and mutators.
SAMPLE = 6
#: Once with the rights that there are, since what the interpreter is made of may be root's own; and then without.
_UNPRIVILEGED = """
import os, sys
import pmemobj
from pmemobj import crash
from pmemobj._pmdk import library as _lib

def explore(name):
    with pmemobj.create(os.path.join(sys.argv[1], name), pool_size=8 << 20) as pool:
        pool.root = pool.persistent([60, 40])
        report = crash.record(pool, lambda: pool.root.reverse()).explore()
        assert report.ok and report.complete and report.images > 1, report

explore("with")
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    _lib._libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: a process that began as this user has its /proc/self
assert os.geteuid() != 0 and "LD_PRELOAD" not in os.environ
explore("without")
with open("/proc/self/maps") as maps:
    assert "valgrind" not in maps.read()
"""
_OPENS = "import pmemobj, sys; pmemobj.open(sys.argv[1]).close()"


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        number: As in the list of what is to be reached.
        reached: What came out, in words.
        target: What is to be reached.
        ok: Whether it is.
    """

    number: int
    reached: str
    target: str
    ok: bool

    def __str__(self) -> str:
        return f"{'ok   ' if self.ok else 'SHORT'} {self.number}. {self.reached}\n         to reach: {self.target}"


def main() -> int:
    arguments = argparse.ArgumentParser(description="What the crash lab reaches, beside what it is to reach.")
    arguments.add_argument("--quick", action="store_true", help="a sample, in less than a minute")
    quick = arguments.parse_args().quick
    found = []
    for figure in figures(quick):
        found.append(figure)
        print(figure, flush=True)
    busy = os.getloadavg()[0]
    print(f"(the machine has {os.cpu_count()} processors and {busy:.1f} processes that want one)")
    if quick:
        print(f"(a sample: one in {SAMPLE} of the cases and of the mutators)")
    return int(not all(figure.ok for figure in found))


def figures(quick: bool) -> Iterator[Figure]:
    """All ten, one after the other."""
    with workbench() as bench:
        before = _digest(bench.pool)
        cases = list(crash_corpus.CASES.values())[:: SAMPLE if quick else 1]
        results = [run(bench, case) for case in cases]
        yield corpus(results, quick)
        after = _digest(bench.pool)
        minimised = minimised_and_exported(results)
    with crash_mutators.scratch_pool() as pool:
        yield recoveries_a_second(pool, 600 if quick else 3000)
        yield how_long(pool, 6 if quick else 40)
        yield hundred_kilobytes(pool)
        yield same_seed_same_result(pool)
        yield mutators(pool, quick)
    yield isolated(before == after)
    yield minimised
    yield states_of_a_disk(quick)
    yield killed_programs(quick)


def corpus(results: list[Result], quick: bool) -> Figure:
    """Mistakes found, false alarms, and what other models find."""
    bugs = [result for result in results if result.case.invariant]
    twins = [result for result in results if not result.case.invariant]
    by_model = {model: sum(model in result.found_by for result in bugs) for model in MODELS}
    alarms = sum(bool(result.found_by) for result in twins)
    others = ", ".join(f"{model} {count}" for model, count in by_model.items() if model != "lines")
    text = f"corpus: {by_model['lines']} of {len(bugs)} mistakes found, {alarms} false alarms of {len(twins)} twins ({others})"
    enough = quick or (len(bugs) >= 30 and len(twins) >= 20)
    right = not any(result.complaints() for result in results)
    return Figure(1, text, "30 or more, all found; 20 or more twins, no false alarm", enough and right)


def recoveries_a_second(pool: Any, budget: int) -> Figure:
    """How fast one worker recovers images of 8 MiB and examines everything in each."""
    pool.root = pool.persistent([60, 40])
    recording = crash.record(pool, lambda: pool.root.extend(range(40)))
    start = time.perf_counter()
    report = recording.explore(budget=budget, seconds=300, workers=1)
    rate = report.recovered / (time.perf_counter() - start)
    text = f"{rate:.0f} recoveries a second and worker, 8 MiB pool ({report.recovered} images)"
    return Figure(2, text, "400 or more", rate >= 400 and report.ok)


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def how_long(pool: Any, rounds: int) -> Figure:
    """How long an exhaustive exploration takes, with its recording."""
    pool.root = pool.persistent([60, 40])

    def transfer() -> None:
        with pool.transaction():
            pool.root[0] -= 10
            pool.root[1] += 10

    def first_allocation() -> None:
        pool.root.append("a string that needs memory of its own, and a list that needs more")

    def both(action: Callable[[], object]) -> Any:
        return crash.record(pool, action).explore(lambda pool: True)

    taken, complete = [], True
    for _ in range(rounds):
        seconds, report = _timed(lambda: both(transfer))
        taken.append(seconds)
        complete = complete and report.complete
    p95 = sorted(taken)[min(len(taken) - 1, int(0.95 * len(taken)))]
    first, report = _timed(lambda: both(first_allocation))
    complete = complete and report.complete
    text = (
        f"a small transaction takes {1000 * p95:.0f} ms (p95 of {rounds}), first allocations {first:.2f} s "
        f"({report.possible} states, {report.images} images){'' if complete else ', not all states'}"
    )
    return Figure(3, text, "150 ms, 2 s, exhaustively", complete and p95 <= 0.150 and first <= 2)


def hundred_kilobytes(pool: Any) -> Figure:
    """How long it takes to record a large transaction."""
    pool.root = pool.persistent(bytearray(100 * KIB))
    data = os.urandom(100 * KIB)

    def change() -> None:
        with pool.transaction():
            pool.root[:] = data

    seconds, recording = min((_timed(lambda: crash.record(pool, change)) for _ in range(5)), key=lambda one: one[0])
    whole = recording.returned and not recording.truncated
    text = f"a transaction of 100 KiB is recorded in {1000 * seconds:.0f} ms (best of 5, {len(recording.steps)} events)"
    return Figure(4, text, "100 ms", whole and seconds <= 0.1)


def same_seed_same_result(pool: Any) -> Figure:
    """Two recordings and explorations with the same seed give the same text."""
    pool.root = pool.persistent([60, 40])

    def append() -> None:
        pool.root.append(pool.persistent({"a": ["a string that needs a leaf"]}))

    texts, results = set(), set()
    for workers in (1, 2, 2):
        report = crash.record(pool, append, seed=3).explore(budget=100, seed=5, workers=workers)
        texts.add(str(report))
        results.add(report.results)
    same = len(texts) == len(results) == 1
    return Figure(
        5, f"same seed: {len(texts)} text of 3 runs ({len(report.results)} verdicts)", "one, to the byte", same
    )


def mutators(pool: Any, quick: bool) -> Figure:
    """All changes of all containers, with crashes in recovery."""
    chosen = crash_mutators.MUTATORS[:: SAMPLE if quick else 1]
    images = recoveries = 0
    wrong = []
    for mutator in chosen:
        report = crash_mutators.explored(pool, mutator, *((60, 8) if quick else (200, 100)))
        images += report.images
        recoveries += report.recoveries
        if not report.ok:
            wrong.append(f"{mutator.kind}, {mutator.name}: {report}")
    kinds = len({mutator.kind for mutator in chosen})
    text = (
        f"{len(chosen)} operations on {kinds} kinds of container, {images} images, and {recoveries} from crashes in "
        f"their recovery: {len(wrong)} with a violation"
    )
    enough = quick or (len(chosen) >= 12 and recoveries >= 10_000)
    return Figure(6, "\n".join([text, *wrong]), "12 or more, 10,000 images, no violation", enough and not wrong)


def isolated(same: bool) -> Figure:
    """The live pool stays unchanged; neither root rights, LD_PRELOAD nor Valgrind are needed."""
    with tempfile.TemporaryDirectory(prefix="pmemobj-figures-") as directory:
        os.chmod(directory, 0o777)
        done = subprocess.run(
            [sys.executable, "-c", _UNPRIVILEGED, directory], capture_output=True, text=True, timeout=60
        )
    with open("/proc/self/maps") as maps:
        library = next((line.split()[-1] for line in maps if "libpmemobj" in line), "?")
    how = "without root, LD_PRELOAD and Valgrind" if done.returncode == 0 else done.stderr.strip()[-300:]
    text = f"the live pool is {'byte-identical' if same else 'CHANGED'} after all that; {how}, with {library}"
    return Figure(7, text, "byte-identical; none of these, no patched PMDK", same and done.returncode == 0)


def minimised_and_exported(results: list[Result]) -> Figure:
    """A counterexample for every report, and the image of one of each invariant as a file that can be opened."""
    reports = [report for result in results for report in result.reports.values() if not report.ok]
    small = sum(report.counterexample is not None for report in reports)
    images: dict[str, Any] = {}
    for report in reports:
        for violation in report.violations:
            violation.minimize()
            images.setdefault(violation.broken.invariant, violation)
            break
    opened = 0
    checker = shutil.which("pmempool")
    with tempfile.TemporaryDirectory(prefix="pmemobj-figures-") as directory:
        for invariant, violation in images.items():
            path = os.path.join(directory, f"{invariant}.pmem")
            violation.export(path)
            command = [checker, "check", path] if checker else [sys.executable, "-c", _OPENS, path]
            opened += subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    by = "pmempool check passes" if checker else "pmempool is not installed; libpmemobj opens"
    text = f"{small} of {len(reports)} reports minimised; exported images: {by} {opened} of {len(images)}"
    return Figure(8, text, "every one; images for pmempool check", small == len(reports) > 0 and opened == len(images))


def states_of_a_disk(quick: bool) -> Figure:
    """Power cuts of pools with a journal, one level down; and mistakes on purpose."""
    total, missed = power_figures.power_cuts(quick)
    text = (
        f"{total.states:,} states of a disk, {total.again:,} of them cut during recovery, of {len(KINDS)} kinds of "
        f"operation: {len(total.wrong)} violations; {len(MISTAKES) - len(missed)} of {len(MISTAKES)} mistakes found"
    )
    enough = quick or total.states >= 10_000
    right = enough and not total.wrong and not missed
    return Figure(9, "\n".join([text, *total.wrong[:20], *missed]), "10,000 states, none; 12 or more, all", right)


def killed_programs(quick: bool) -> Figure:
    """Programs that are killed at random moments, for ten minutes."""
    kills, wrong = kill_loop.killed_for(60 if quick else 600)
    text = f"{kills} programs killed in all modes: {len(wrong)} with a violation"
    return Figure(10, "\n".join([text, *wrong]), "200 or more, no violation", not wrong and (quick or kills >= 200))


def _digest(pool: Any) -> str:
    return hashlib.sha256(Path(pool.path).read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
