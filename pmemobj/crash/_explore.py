"""Exploring: choose images, let workers recover them, and judge what came out.

The verdict is about an image and a moment: before a commit has returned, the old state is right; afterwards it
means that something was lost that somebody relies on.
"""

from __future__ import annotations

import itertools
import math
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from pmemobj._format import POOL_HEAP_OFFSET, WORD
from pmemobj.crash import _workers
from pmemobj.crash._heap_map import first_chunk
from pmemobj.crash._image import Image
from pmemobj.crash._recorder import Taken
from pmemobj.crash._recovery import Finding, Outcome, Recovery
from pmemobj.crash._states import (
    CAP,
    MOST_NAMED,
    Choice,
    Keys,
    Moment,
    choices,
    drawn,
    free_lines,
    level,
    longest,
    moments,
    nothing_done,
    series,
    survey,
)
from pmemobj.crash._workers import Job, Setting

#: What `judge` finds besides the findings of an outcome.
ATOMICITY, DURABILITY = "atomicity", "durability"


@dataclass(frozen=True)
class Found:
    """All that an exploration came to, for `_report` to tell.

    Attributes:
        moments: Where the power may fail.
        counted: How many there are in all; fewer moments are looked at where the budget does not bear all of them.
        possible: How many images the model has.
        chosen: The moment, the choice and the number of the job of each that was looked at.
        covered: How many more need not be looked at, since they must come to the same as one that was.
        states: The name of the state before, and after each promise.
        outcomes: The outcome of each job; None where the time was up.
        cut: Whether the time was up before all moments were counted or all images were chosen.
    """

    moments: list[Moment]
    counted: int
    possible: int
    chosen: list[tuple[int, Choice, int]]
    covered: int
    states: list[str]
    outcomes: list[Outcome | None]
    cut: bool


def explore(
    taken: Taken,
    setting: Setting,
    identity: int,
    *,
    model: str,
    budget: int,
    seconds: float,
    seed: int,
    recovery: int,
    workers: int | None,
    executor: Executor | None,
    progress: Callable[[int, int], object] | None,
) -> Found:
    """Choose and recover; see `Recording.explore`."""
    deadline = time.monotonic() + seconds
    counts, sizes = survey(taken.base, taken.events, model, deadline)
    if time.monotonic() >= deadline:
        return Found([], len(counts), sum(counts), [], 0, [""], [None], True)
    wanted = drawn(sizes, budget, seed)
    there, meant = moments(taken.base, taken.events, set(wanted))
    plan = _Plan(taken.base, there, [counts[at] for at in wanted], meant, model, budget, seed, deadline)
    plan.choose()

    def recover(jobs: list[Job], before: int = 0) -> list[Outcome | None]:
        def told(done: int) -> None:
            if progress is not None:
                progress(before + done, before + len(jobs))

        if executor is not None:
            return _workers.run_elsewhere(executor, setting, jobs, identity, deadline)
        return _workers.run(setting, jobs, workers or min(2, os.cpu_count() or 1), deadline, told)

    first = 1 + len(meant)
    step = max(1, (len(plan.images) - first) // recovery) if recovery else 0
    crashed = set(range(first, len(plan.images), step)[:recovery] if step else ())
    jobs = [(*image, number in crashed) for number, image in enumerate(plan.images)]
    # What an image is compared with comes just before it, so that what was done when the time is up can be judged.
    order = sorted(
        range(len(jobs)), key=lambda number: (number - 1, 0) if number < first else (jobs[number][0].promises, 1)
    )
    outcomes: list[Outcome | None] = [None] * len(jobs)
    for number, outcome in zip(order, recover([jobs[number] for number in order]), strict=True):
        outcomes[number] = outcome
    known = len(plan.images)
    covered = plan.choose_again(outcomes)
    if len(plan.images) > known:
        outcomes += recover([(*image, False) for image in plan.images[known:]], known)
    states = [outcome.state if outcome is not None else "" for outcome in outcomes[:first]]
    return Found(there, len(counts), sum(counts), plan.chosen, covered, states, outcomes, plan.cut)


class _Plan:
    """Which images are recovered.

    Attributes:
        images: Moment and choice of each, of which its lines can be made; first what each promise stands for, by
            which the others are judged.
        chosen: Moment, choice and number of the image.
        cut: Whether the time was up before all were chosen.
    """

    def __init__(
        self,
        base: Image,
        there: list[Moment],
        counts: list[int],
        meant: list[Moment],
        model: str,
        budget: int,
        seed: int,
        deadline: float,
    ) -> None:
        self._there, self._counts, self._model, self._budget, self._seed = there, counts, model, budget, seed
        self._deadline, self.cut = deadline, False
        self._keys = Keys(base)
        self._numbers: dict[int, int] = {}
        self.images: list[tuple[Moment, Choice]] = [(nothing_done(), ()), *((moment, ()) for moment in meant)]
        self.chosen: list[tuple[int, Choice, int]] = []
        chunks = first_chunk(int.from_bytes(base.read(POOL_HEAP_OFFSET, WORD), "little"))
        #: At moments where it pays: the lines that need not be varied where a series of them makes no difference.
        self._free: dict[int, list[int]] = {}
        self._effort = list(counts)
        for at, moment in enumerate(there if model == "lines" else ()):
            free = free_lines(moment, chunks)
            effort = longest(moment, free) * counts[at] // _product(moment, free)
            if effort < counts[at]:
                self._free[at], self._effort[at] = free, effort
        self._caps = _caps(self._effort, [len(moment.pending) for moment in there], budget)
        #: How many lines the choices name, and what they share.
        self._named = 0
        self._pairs: dict[tuple[int, int], tuple[int, int]] = {}
        #: Moment, choice of the other lines, and numbers of the images of a series.
        self._series: list[tuple[int, Choice, list[int]]] = []

    def choose(self) -> None:
        """The images to begin with."""
        for at, moment in enumerate(self._there):
            if self.cut:
                break
            free = self._free.get(at, [])
            if free and self._effort[at] <= self._caps[at]:
                for choice in self._varied(at, [line for line in moment.pending if line not in free]):
                    numbers = [self._add(at, choice + kept) for kept in series(moment, free)]
                    self._series.append((at, choice, numbers))
            else:
                chance = random.Random(f"{self._seed} {at}")
                for choice in choices(moment, self._model, self._caps[at], chance):
                    self._add(at, choice)
                    if self.cut:
                        break

    def choose_again(self, outcomes: list[Outcome | None]) -> int:
        """More images, where some lines made a difference; returns how many need not be looked at."""
        covered = 0
        for at, choice, numbers in self._series:
            moment, free = self._there[at], self._free[at]
            left = _product(moment, free) - len(numbers)
            found = [outcomes[number] for number in numbers]
            memories = {outcome.memory if outcome is not None else b"" for outcome in found}
            if len(memories) == 1 and b"" not in memories:
                covered += left
            elif left <= self._budget - len(self.images) and left * len(moment.pending) <= MOST_NAMED - self._named:
                known = set(series(moment, free))
                for kept in self._varied(at, free):
                    if kept not in known:
                        self._add(at, choice + kept)
        return covered

    def _varied(self, at: int, lines: list[int]) -> Iterator[Choice]:
        pending = self._there[at].pending
        for kept in itertools.product(*(range(len(pending[line]) + 1) for line in lines)):
            yield tuple((line, count) for line, count in zip(lines, kept, strict=True) if count)

    def _add(self, at: int, choice: Choice) -> int:
        moment = self._there[at]
        choice = tuple([self._pairs.setdefault(pair, pair) for pair in choice])
        key = self._keys.of(moment, choice)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.images)
            self.images.append((moment, choice))
        self._named += len(choice)
        self.cut = self.cut or time.monotonic() >= self._deadline
        self.chosen.append((at, choice, number))
        return number


def _caps(effort: list[int], sizes: list[int], budget: int) -> list[int]:
    """How many images each moment may have, so that neither their number nor the lines that they name are too many."""
    cap = min(CAP, level(effort, budget))
    named = level([min(cap, count) * size for count, size in zip(effort, sizes, strict=True)], MOST_NAMED)
    return [max(1, min(cap, named // size)) if size else cap for size in sizes]


def _product(moment: Moment, lines: list[int]) -> int:
    """How many ways there are to choose versions of these lines."""
    return math.prod(len(moment.pending[line]) + 1 for line in lines)


def judge(outcome: Outcome, promises: int, states: list[str], atomic: bool) -> tuple[Finding, ...]:
    """What is wrong with an outcome, given how many promises had been made."""
    findings = list(outcome.findings)
    right = states[promises : promises + 2]
    # Where time did not suffice for what is right, nothing can be said against what is there.
    if atomic and outcome.state and all(right) and outcome.state not in right:
        if outcome.state in states[:promises]:
            text = "what had been promised is gone: the state is an older one"
            findings.append(Finding(DURABILITY, text))
        elif "unreadable" not in outcome.state:
            text = "the state is neither that before nor that after"
            findings.append(Finding(ATOMICITY, text))
    return tuple(findings)


def smallest(
    setting: Setting, moment: Moment, choice: Choice, invariant: str, states: list[str], atomic: bool
) -> tuple[Choice, Choice] | None:
    """Choices with the same violation: one that loses as little as can be, one that keeps as little as can be.

    They are found by changing one line after another, so nothing can be taken away from either, though
    there may be others.

    Returns:
        None if the worker that was to find them died.
    """

    def search(recovery: Recovery) -> tuple[Choice, Choice]:
        def violates(kept: dict[int, int]) -> bool:
            lines = moment.image(tuple((line, count) for line, count in kept.items() if count))
            outcome = recovery.outcome(lines)
            return any(each.invariant == invariant for each in judge(outcome, moment.promises, states, atomic))

        least_lost = _shrunk(moment, dict(choice), violates, lambda line: range(len(moment.pending[line]), 0, -1))
        least_kept = _shrunk(moment, dict(choice), violates, lambda line: range(len(moment.pending[line])))
        return least_lost, least_kept

    answer: tuple[Choice, Choice] | None = _workers.in_worker(setting, search)
    return answer


def _shrunk(
    moment: Moment,
    kept: dict[int, int],
    violates: Callable[[dict[int, int]], bool],
    better: Callable[[int], Iterable[int]],
) -> Choice:
    for line in moment.pending:
        now = kept.get(line, 0)
        for count in better(line):
            if count == now:
                break
            if violates({**kept, line: count}):
                kept[line] = count
                break
    return tuple((line, kept[line]) for line in moment.pending if kept.get(line))
