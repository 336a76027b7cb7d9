"""Operations that a crash breaks, each with a sentence on what is wrong, and correct twins of them.

A crash lab must find mistakes, and must not raise false alarms. So every case says which invariant it violates
(`Case.invariant`, one of those in docs/crash_lab.md) and which models find this (`Case.models`). Twins do the same
thing correctly, and must pass all models. Each case is a function of a few lines that is given a `Workbench`: an
object with fields and blocks, and some cache lines for cases that are written as one would write them in C.

    workbench       the pool that all cases work on, and access to its memory
    own_objects     mistakes with this project's own interface
    raw_stores      mistakes in C: stores, flushes, fences, and protocols made of them
    raw_library     mistakes in C: libpmemobj's transactions and allocations
    run             explores cases with each model
    page            makes the page of docs/ with the results
    __main__        writes docs/crash_corpus.md (``make crash-corpus``)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pmemobj.crash import INVARIANTS, MODELS

Action = Callable[[Any], object]
Check = Callable[[Any], object]


@dataclass(frozen=True)
class Case:
    """A piece of code, and what the crash lab must find in it.

    Attributes:
        name: The name of the function.
        level: The module that has the case; each module has cases of one level of abstraction.
        text: What is wrong with the code, or, for a twin, why it is right.
        action: The code; it is given the workbench.
        check: What must hold after every crash, given the workbench; or None.
        invariant: The invariant that must be found broken; '' for a twin.
        models: Which models find it.
        atomic: Whether the change must be seen as a whole or not at all.
        invariants: Which of `pmemobj.crash.INVARIANTS` are examined.
        twin_of: For a twin, the names of the cases that it does correctly.
    """

    name: str
    level: str
    text: str
    action: Action
    check: Check | None
    invariant: str
    models: frozenset[str]
    atomic: bool
    invariants: tuple[str, ...]
    twin_of: tuple[str, ...]


CASES: dict[str, Case] = {}


def bug(
    invariant: str,
    models: str = "all",
    check: Check | None = None,
    atomic: bool | None = None,
    invariants: tuple[str, ...] = INVARIANTS,
) -> Callable[[Action], Action]:
    """Register a case with a mistake; `models` are those that find the mistake.

    Unless `atomic` says otherwise, a case with a check has a protocol of its own, whose single steps may be seen.
    """
    known = frozenset(MODELS if models == "all" else models.split())
    assert known and known <= {*MODELS} and "lines" in known, models

    def enter(action: Action) -> Action:
        _enter(action, invariant, known, check, atomic, invariants, ())
        return action

    return enter


def twin(
    *bugs: Action, check: Check | None = None, atomic: bool | None = None, invariants: tuple[str, ...] = INVARIANTS
) -> Callable[[Action], Action]:
    """Register a case that does correctly what `bugs` do wrong; it is judged like the first of them."""
    first = CASES[bugs[0].__name__]

    def enter(action: Action) -> Action:
        _enter(
            action,
            "",
            frozenset(),
            check or first.check,
            first.atomic if atomic is None else atomic,
            first.invariants if invariants == INVARIANTS else invariants,
            tuple(each.__name__ for each in bugs),
        )
        return action

    return enter


def _enter(
    action: Action,
    invariant: str,
    models: frozenset[str],
    check: Check | None,
    atomic: bool | None,
    invariants: tuple[str, ...],
    twin_of: tuple[str, ...],
) -> None:
    name, level = action.__name__, action.__module__.rpartition(".")[2]
    assert name not in CASES and action.__doc__, name
    text = " ".join(action.__doc__.split())
    whole = check is None if atomic is None else atomic
    CASES[name] = Case(name, level, text, action, check, invariant, models, whole, invariants, twin_of)
