"""All workloads for all systems, in turn.

For each part of the plan there is a process for each system. Of each workload all systems do one pass, then all the
next, beginning with another one each round; so what disturbs the machine for a while disturbs all alike. A system that
fails says so in the results, and the others go on. An interrupt ends the run and keeps what was measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.media import filesystem_of, machine
from benchmarks.results import Measurement, Medium, Results, SystemFacts
from benchmarks.systems import load, title_of
from benchmarks.systems.base import Unavailable
from benchmarks.workloads import Part, Sizes, Workload, parts

__all__ = ["Failed", "Plan", "Progress", "measure_all"]

ROOT = Path(__file__).parent.parent
#: Seconds that one request may take; making the data is the longest.
PATIENCE = 300.0


class Failed(Exception):
    """A worker could not do what it was asked for."""


class Progress(Protocol):
    """Somebody who shows how far it is."""

    def describe(self, what: str) -> None:
        """Say what is measured now."""

    def advance(self) -> None:
        """Another workload of a part is done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes:
        systems: Names, in the order of the tables.
        sizes: How much.
        media: Name and directory of each; the first is used for what all share.
        only: Workloads or sets to which it is restricted; empty for all.
    """

    systems: tuple[str, ...]
    sizes: Sizes
    media: dict[str, Path]
    only: frozenset[str] = frozenset()
    patience: float = PATIENCE

    def parts(self) -> list[tuple[str, Part]]:
        """The medium and the part, one after the other."""
        return [
            (medium, part)
            for medium in self.media
            for part in parts(self.sizes, on_disk=medium == "disk" and len(self.media) > 1, only=self.only)
        ]

    def steps(self) -> int:
        """How often `Progress.advance` will be called."""
        return sum(len(part.workloads) for _, part in self.parts())


class Process:
    """A worker from outside."""

    def __init__(self, name: str, own: Path, shared: Path, size: int, patience: float) -> None:
        self.name, self._patience = name, patience
        environment = os.environ | load(name).environment() | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "benchmarks.worker", name, str(own), str(shared), str(size)]
        # A session of its own: an interrupt is for the parent, which ends its workers in good order.
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        try:
            self._answer()
        except Failed:
            self.stop()
            raise

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises:
            Failed: the system could not do it, died or took too long.
        """
        assert self._child.stdin is not None
        try:
            print(json.dumps(request), file=self._child.stdin, flush=True)
        except BrokenPipeError:
            raise Failed(self._end()) from None
        return self._answer()

    @property
    def alive(self) -> bool:
        """Whether it can be asked for more."""
        return self._child.poll() is None

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        timer = threading.Timer(self._patience, self._child.kill)
        timer.start()
        try:
            line = self._child.stdout.readline()
        finally:
            expired = not timer.is_alive()
            timer.cancel()
        if not line:
            raise Failed(f"took more than {self._patience:.0f} s and was ended" if expired else self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def _end(self) -> str:
        return f"its process ended with {self._child.wait()}"

    def stop(self) -> None:
        """End it, in good order if it is idle."""
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


def measure_all(plan: Plan, results: Results, progress: Progress, save: Callable[[], object]) -> None:
    """Measure everything, into `results`.

    Args:
        plan: What is to be measured.
        results: Where it is put; it says so itself if it was interrupted.
        progress: Who is told.
        save: Called after each part, so that little is lost whatever happens.
    """
    results.machine = machine()
    results.media = [Medium(name, filesystem_of(path)) for name, path in plan.media.items()]
    present = list(_present(plan.systems, results))
    with _scratch(plan.media) as directories:
        shared = next(iter(directories.values())) / "shared"
        shared.mkdir()
        try:
            for medium, part in plan.parts():
                _measure_part(plan, results, progress, present, medium, part, directories[medium], shared)
                save()
        except KeyboardInterrupt:
            results.interrupted = True
    save()


def _present(names: Iterable[str], results: Results) -> Iterator[str]:
    """Those whose packages are there; the others are noted."""
    for name in names:
        facts = SystemFacts(name, title_of(name))
        results.systems.append(facts)
        try:
            load(name)
        except Unavailable as error:
            facts.missing = str(error)
        else:
            yield name


@contextmanager
def _scratch(media: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """A directory on each medium, removed afterwards."""
    made: dict[str, Path] = {}
    try:
        for name, parent in media.items():
            parent.mkdir(parents=True, exist_ok=True)
            made[name] = Path(tempfile.mkdtemp(prefix="pmemobj-benchmark-", dir=parent))
        yield made
    finally:
        for directory in made.values():
            shutil.rmtree(directory, ignore_errors=True)


def _measure_part(
    plan: Plan,
    results: Results,
    progress: Progress,
    systems: list[str],
    medium: str,
    part: Part,
    directory: Path,
    shared: Path,
) -> None:
    workers: dict[str, Process] = {}
    try:
        for name in systems:
            progress.describe(f"{medium}, {part.name}: {title_of(name)}")
            worker = _start(plan, results, name, directory / name, shared, part.size)
            if worker is not None:
                workers[name] = worker
        for workload in part.workloads:
            _measure_workload(plan, results, progress, workers, medium, workload, part.size)
            progress.advance()
    finally:
        for worker in workers.values():
            worker.stop()
        for name in systems:
            shutil.rmtree(directory / name, ignore_errors=True)


def _start(plan: Plan, results: Results, name: str, own: Path, shared: Path, size: int) -> Process | None:
    """A worker that has said who it is; None, and a note, if it cannot be had."""
    facts = next(system for system in results.systems if system.name == name)
    if facts.missing:
        return None
    own.mkdir()
    try:
        worker = Process(name, own, shared, size, plan.patience)
        if not facts.version:
            said = worker.ask(do="facts")
            facts.version, facts.durability = said["version"], said["durability"]
    except Failed as error:
        facts.missing = str(error)
        return None
    return worker


def _measure_workload(
    plan: Plan,
    results: Results,
    progress: Progress,
    workers: dict[str, Process],
    medium: str,
    workload: Workload,
    size: int,
) -> None:
    sizes = plan.sizes
    found: dict[str, Measurement] = {}

    def ask(name: str, **request: Any) -> dict[str, Any]:
        """The answer; empty if there is none, which is noted."""
        if not workers[name].alive:
            return {}
        progress.describe(f"{medium}, {workload.title.format(batch=sizes.batch)}: {title_of(name)}")
        try:
            return workers[name].ask(**request)
        except Failed as error:
            results.failures.append(f"{title_of(name)}, {medium}, {workload.key}, {size} elements: {error}")
            return {}

    try:
        for name in workers:
            answer = ask(
                name, do="prepare", workload=asdict(workload), size=size, batch=sizes.batch, seconds=sizes.seconds
            )
            if answer:
                grows = workload.set == "growth"
                found[name] = Measurement(name, medium, workload.key, answer["size"], answer["count"], [], grows)
        names = list(found)
        for round_ in range(sizes.rounds):
            start = round_ % len(names) if names else 0
            for name in names[start:] + names[:start]:
                answer = ask(name, do="run")
                if answer:
                    found[name].values.append(answer["value"])
                else:
                    names = [other for other in names if other != name]
    finally:
        for one in found.values():
            # What could be made only smaller is no point of the curve at this size; a smaller one has been measured.
            if one.values and not (one.growth and one.size < size):
                results.measurements.append(one)
