"""All workloads for all systems, in turn.

There is a process for each system on each medium, and each part of the plan begins with new data in it. All systems do
one pass of a workload, then all do the next, and each round begins with another system. So what disturbs the machine
for a while disturbs all systems alike. A failure of a system is noted in the results, and the others go on. An
interrupt ends the run and keeps the measurements so far.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.media import filesystem_of, machine
from benchmarks.results import Measurement, Medium, Results, SystemFacts
from benchmarks.systems import load, title_of
from benchmarks.systems.base import Unavailable
from benchmarks.workloads import RAM, Part, Sizes, Workload, parts

__all__ = ["Failed", "Plan", "Progress", "measure_all"]

ROOT = Path(__file__).parent.parent
#: Seconds that one request may take. Making the data takes longest.
PATIENCE = 300.0


class Failed(Exception):
    """A worker could not do what it was asked for."""


class Progress(Protocol):
    """Shows how far the run has come."""

    def describe(self, what: str) -> None:
        """Show what is being measured."""

    def advance(self) -> None:
        """One more workload of a part is done."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured.

    Attributes:
        systems: Names, in the order of the tables.
        sizes: How much is measured.
        media: Name and directory of each; the first is used for what all share.
        only: Workloads or sets to which the run is restricted; empty for all.
    """

    systems: tuple[str, ...]
    sizes: Sizes
    media: dict[str, Path]
    only: frozenset[str] = frozenset()
    patience: float = PATIENCE

    def parts(self, medium: str) -> list[Part]:
        """The parts that are measured on a medium; the first one takes the place of tmpfs, if there is none."""
        return list(parts(self.sizes, (medium, RAM) if medium == next(iter(self.media)) else (medium,), self.only))

    def steps(self) -> int:
        """How often `Progress.advance` will be called."""
        return sum(len(part.workloads) for medium in self.media for part in self.parts(medium))


class Process:
    """A worker process, as its parent sees it."""

    def __init__(self, name: str, patience: float) -> None:
        self.name, self._patience = name, patience
        # The figures do not depend on the caller's checking mode or build mode, and str hash alike in every run.
        inherited = {key: value for key, value in os.environ.items() if key not in ("PMEMOBJ_PURE", "PMEMOBJ_CHECK")}
        environment = inherited | load(name).environment() | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        command = [sys.executable, "-m", "benchmarks.worker", name]
        # In a session of its own, the worker gets no interrupts. The parent gets them, and ends its workers in order.
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )

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
        """Whether the worker is still there to answer."""
        return self._child.poll() is None

    def _answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        # Each request has an answer of one line, so Python's buffer is empty when the next answer is awaited. A timer
        # in a thread would survive an interrupt that comes before its `try`, and keep the program from ending.
        ready, _, _ = select.select([self._child.stdout], [], [], self._patience)
        if not ready:
            self._child.kill()
            self._child.wait()
            raise Failed(f"took more than {self._patience:.0f} s and was ended")
        line = self._child.stdout.readline()
        if not line:
            raise Failed(self._end())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def _end(self) -> str:
        return f"its process ended with {self._child.wait()}"

    def stop(self) -> None:
        """End the worker, in order if it is idle."""
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
            for medium, directory in directories.items():
                with _Runner(plan, results, progress, medium, directory, shared) as runner:
                    for part in plan.parts(medium):
                        runner.measure(part, present)
                        save()
        except KeyboardInterrupt:
            results.interrupted = True
    save()


def _present(names: Iterable[str], results: Results) -> Iterator[str]:
    """The systems whose packages are installed; the others are noted."""
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


class _Runner:
    """The workers of one medium, and the requests to them."""

    def __init__(
        self, plan: Plan, results: Results, progress: Progress, medium: str, directory: Path, shared: Path
    ) -> None:
        self.plan, self.results, self.progress = plan, results, progress
        self.medium, self.directory, self.shared = medium, directory, shared
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.stop()

    def measure(self, part: Part, systems: Iterable[str]) -> None:
        """Measure all workloads of a part, with those systems that have them."""
        try:
            ready = [name for name in systems if self._can_any(name, part) and self._begin(name, part)]
            for workload in part.workloads:
                self._measure(workload, part, [name for name in ready if self._can(name, workload, part)])
                self.progress.advance()
        finally:
            for name, process in self._processes.items():
                if process.alive:
                    self._ask(name, f"end of {part.name}", do="end")
                shutil.rmtree(self.directory / name, ignore_errors=True)

    def _can_any(self, name: str, part: Part) -> bool:
        return self.medium in load(name).media and any(self._can(name, workload, part) for workload in part.workloads)

    def _can(self, name: str, workload: Workload, part: Part) -> bool:
        """Whether a system has a workload, and, where growth is measured, makes as much data as that takes."""
        system = load(name)
        return hasattr(system, workload.key) and not (part.grows and system.most(workload.set) < part.size)

    def _begin(self, name: str, part: Part) -> bool:
        """Whether the system is ready for a part."""
        facts = next(system for system in self.results.systems if system.name == name)
        if facts.missing:
            return False
        if name not in self._processes or not self._processes[name].alive:
            self._processes[name] = Process(name, self.plan.patience)
        own = self.directory / name
        own.mkdir()
        self.progress.describe(f"{self.medium}, {part.name}: {title_of(name)}")
        try:
            said = self._processes[name].ask(do="begin", own=str(own), shared=str(self.shared), size=part.size)
        except Failed as error:
            facts.missing = str(error)
            return False
        facts.version, facts.durability = said["version"], said["durability"]
        return True

    def _ask(self, name: str, what: str, **request: Any) -> dict[str, Any]:
        """The answer of a system; empty if it failed, which is noted."""
        if not self._processes[name].alive:
            return {}
        self.progress.describe(f"{self.medium}, {what}: {title_of(name)}")
        try:
            return self._processes[name].ask(**request)
        except Failed as error:
            self.results.failures.append(f"{title_of(name)}, {self.medium}, {what}: {error}")
            return {}

    def _has_taken_long(self, workload: Workload, one: Measurement) -> bool:
        return workload.unit == "s" and sum(one.values) * one.count > self.plan.sizes.patience

    def _measure(self, workload: Workload, part: Part, names: list[str]) -> None:
        sizes, size, found = self.plan.sizes, part.size, dict[str, Measurement]()
        what = f"{workload.title.format(batch=sizes.batch)}, {size} elements"
        request = {"workload": asdict(workload), "size": size, "batch": sizes.batch}
        request["seconds"] = sizes.seconds / 2 if part.grows else sizes.seconds
        try:
            for name in names:
                answer = self._ask(name, what, do="prepare", **request)
                if answer:
                    found[name] = Measurement(
                        name, self.medium, workload.key, answer["size"], answer["count"], [], part.grows
                    )
            names = list(found)
            for turn in range(sizes.rounds):
                start = turn % max(1, len(names))
                for name in names[start:] + names[:start]:
                    answer = self._ask(name, what, do="run")
                    if answer:
                        found[name].values.append(answer["value"])
                    if not answer or self._has_taken_long(workload, found[name]):
                        names = [other for other in names if other != name]
        finally:
            self.results.measurements += [one for one in found.values() if one.values]
