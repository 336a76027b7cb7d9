"""Exploring a recording: choose images, let workers recover them, and judge the outcomes.

A verdict is about an image at a moment: before a commit has returned, the old state is right; afterwards it means
that a promise was broken, since somebody relies on the new state.
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
from pmemobj._progress import Progress
from pmemobj.crash import _workers
from pmemobj.crash._heap_map import first_chunk
from pmemobj.crash._image import Image
from pmemobj.crash._recorder import Taken
from pmemobj.crash._recovery import BrokenInvariant, Outcome, Recovery
from pmemobj.crash._states import (
    CAP,
    MOST_NAMED,
    Choice,
    ImageKeys,
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

#: The invariants that `judge` adds to those of an outcome.
ATOMICITY, DURABILITY = "atomicity", "durability"


@dataclass(frozen=True)
class Found:
    """Everything that an exploration found, from which an `Exploration` is made.

    Attributes:
        moments: The moments at which the power was cut.
        counted: How many moments there are in all; it is more if the budget does not allow all of them.
        possible: How many images the model has.
        chosen: The moment, the choice and the number of the job of each image that was chosen.
        covered: How many images were skipped, since they are equivalent to images that were recovered.
        states: The digest of the state at the beginning, and of the state after each promise.
        outcomes: The outcome of each job; None if the time was up before.
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


@dataclass(frozen=True)
class Search:
    """How to explore; the attributes are explained at `Recording.explore`."""

    model: str
    budget: int
    seconds: float
    seed: int
    recovery: int
    workers: int | None
    executor: Executor | None
    progress: Progress | None


def explore(taken: Taken, setting: Setting, identity: int, search: Search) -> Found:
    """Choose images, recover them, and choose further ones where the first made a difference.

    Args:
        taken: The recording.
        setting: What is common to all images.
        identity: The identity of the recorded pool.
        search: How to explore.
    """
    deadline = time.monotonic() + search.seconds
    counts, sizes = survey(taken.base, taken.events, search.model, deadline)
    if time.monotonic() >= deadline:
        return Found([], len(counts), sum(counts), [], 0, [""], [None], True)
    wanted = drawn(sizes, search.budget, search.seed)
    there, meant = moments(taken.base, taken.events, set(wanted))
    plan = _ImagePlan(taken.base, there, [counts[at] for at in wanted], meant, search, deadline)
    plan.choose()

    def recover(jobs: list[Job], before: int = 0) -> list[Outcome | None]:
        def told(done: int) -> None:
            if search.progress is not None:
                search.progress(before + done, before + len(jobs))

        if search.executor is not None:
            return _workers.run_elsewhere(search.executor, setting, jobs, identity, deadline)
        return _workers.run(setting, jobs, search.workers or min(2, os.cpu_count() or 1), deadline, told)

    first = 1 + len(meant)
    step = max(1, (len(plan.images) - first) // search.recovery) if search.recovery else 0
    crashed = set(range(first, len(plan.images), step)[: search.recovery] if step else ())
    jobs = [(*image, number in crashed) for number, image in enumerate(plan.images)]
    # Each image comes just after the promised states that it is compared with. So when the time is up, every image that
    # was recovered can be judged.
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


class _ImagePlan:
    """The choice of the images that are recovered.

    Attributes:
        images: The moment and the choice of each image, from which its lines can be made. The first ones are the
            beginning and the state after each promise, by which the others are judged.
        chosen: The number of a moment, a choice, and the number of its image in `images`.
        cut: Whether the time was up before all images were chosen.
    """

    def __init__(
        self,
        base: Image,
        there: list[Moment],
        counts: list[int],
        meant: list[Moment],
        search: Search,
        deadline: float,
    ) -> None:
        self._there = there
        self._model, self._budget, self._seed = search.model, search.budget, search.seed
        self._deadline, self.cut = deadline, False
        self._keys = ImageKeys(base)
        self._numbers: dict[int, int] = {}
        self.images: list[tuple[Moment, Choice]] = [(nothing_done(), ()), *((moment, ()) for moment in meant)]
        self.chosen: list[tuple[int, Choice, int]] = []
        chunks = first_chunk(int.from_bytes(base.read(POOL_HEAP_OFFSET, WORD), "little"))
        #: By moment, where this saves images: the lines that need not be varied if a series makes no difference.
        self._free: dict[int, list[int]] = {}
        self._effort = list(counts)
        for at, moment in enumerate(there if search.model == "lines" else ()):
            free = free_lines(moment, chunks)
            effort = longest(moment, free) * counts[at] // _product(moment, free)
            if effort < counts[at]:
                self._free[at], self._effort[at] = free, effort
        self._caps = _caps(self._effort, [len(moment.pending) for moment in there], search.budget)
        #: How many lines the choices name, and the pairs that they share, to save memory.
        self._named = 0
        self._pairs: dict[tuple[int, int], tuple[int, int]] = {}
        #: Of each series: the moment, the choice of the other lines, and the numbers of its images.
        self._series: list[tuple[int, Choice, list[int]]] = []

    def choose(self) -> None:
        """Choose the images to begin with."""
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
        """Choose more images where a series made a difference; returns how many images can be skipped."""
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
    """How many images each moment may have, so that there are neither too many images nor too many lines in them."""
    cap = min(CAP, level(effort, budget))
    named = level([min(cap, count) * size for count, size in zip(effort, sizes, strict=True)], MOST_NAMED)
    return [max(1, min(cap, named // size)) if size else cap for size in sizes]


def _product(moment: Moment, lines: list[int]) -> int:
    """How many ways there are to choose versions of these lines."""
    return math.prod(len(moment.pending[line]) + 1 for line in lines)


def judge(outcome: Outcome, promises: int, states: list[str], atomic: bool) -> tuple[BrokenInvariant, ...]:
    """The invariants that do not hold for an outcome, given how many promises had been made."""
    broken = list(outcome.broken)
    right = states[promises : promises + 2]
    # If the time was up before the promised states were recovered, the state cannot be judged.
    if atomic and outcome.state and all(right) and outcome.state not in right:
        if outcome.state in states[:promises]:
            text = "a promised change is lost: the state is an older one"
            broken.append(BrokenInvariant(DURABILITY, text))
        elif "unreadable" not in outcome.state:
            text = "the state is neither the one before nor the one after"
            broken.append(BrokenInvariant(ATOMICITY, text))
    return tuple(broken)


def smallest(
    setting: Setting, moment: Moment, choice: Choice, invariant: str, states: list[str], atomic: bool
) -> tuple[Choice, Choice] | None:
    """Two choices with the same violation: one loses as little as possible, the other keeps as little as possible.

    They are found by changing one line after another, so they are locally minimal: no single line can be taken away
    from either of them, but there may be smaller ones.

    Returns:
        The two choices; None if the worker that searches for them died.
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
