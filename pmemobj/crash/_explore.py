"""Exploring: choose images, let workers recover them, and judge what came out.

The verdict is about an image and a moment: before a commit has returned, the old state is right; afterwards it
means that something was lost that somebody relies on.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from pmemobj.crash import _workers
from pmemobj.crash._image import Lines
from pmemobj.crash._recorder import Taken
from pmemobj.crash._recovery import Finding, Outcome, Recovery
from pmemobj.crash._states import CAP, Choice, Keys, Moment, choices, level, moments, possible
from pmemobj.crash._workers import Job, Setting

#: What `judge` finds besides the findings of an outcome.
ATOMICITY, DURABILITY = "atomicity", "durability"


@dataclass(frozen=True)
class Found:
    """All that an exploration came to, for `_report` to tell.

    Attributes:
        moments: Where the power may fail.
        possible: How many images the model has.
        chosen: The moment, the choice and the number of the job of each that was looked at.
        states: The name of the state before, and after each promise.
        outcomes: The outcome of each job; None where the time was up.
        images: The lines of each job.
    """

    moments: list[Moment]
    possible: int
    chosen: list[tuple[int, Choice, int]]
    states: list[str]
    outcomes: list[Outcome | None]
    images: list[Lines]


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
) -> Found:
    """Choose and recover; see `Recording.explore`."""
    deadline = time.monotonic() + seconds
    there, meant = moments(taken.base, taken.events)
    counts = [possible(moment, model) for moment in there]
    cap = min(CAP, level(counts, budget))
    keys = Keys(taken.base)
    # First what each promise stands for: by that the others are judged.
    images: list[Lines] = [{}, *meant]
    numbers: dict[int, int] = {}
    chosen = []
    for at, moment in enumerate(there):
        for choice in choices(moment, model, cap, random.Random(f"{seed} {at}")):
            key = keys.of(moment, choice)
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(images)
                images.append(moment.image(choice))
            chosen.append((at, choice, number))
    first = 1 + len(meant)
    step = max(1, (len(images) - first) // recovery) if recovery else 0
    crashed = set(range(first, len(images), step)[:recovery] if step else ())
    jobs: list[Job] = [(lines, number in crashed) for number, lines in enumerate(images)]
    if executor is not None:
        outcomes = _workers.run_elsewhere(executor, setting, jobs, identity, deadline)
    else:
        outcomes = _workers.run(setting, jobs, workers or min(2, os.cpu_count() or 1), deadline)
    states = [outcome.state if outcome is not None else "" for outcome in outcomes[:first]]
    return Found(there, sum(counts), chosen, states, outcomes, images)


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
