"""Operations that a crash breaks, each with a sentence on what is wrong, and correct twins of them.

What a crash lab is worth is what it finds, and what it leaves alone. So every case says what must be found in it
(`Case.invariant`, one of those in docs/crash_lab.md) and by which models (`Case.models`); twins, which do the same
thing right, must pass all of them. Each case is a function of a few lines that is given a `Workbench`: an object
with fields and blocks, and some cache lines for those who write as one does in C.

    workbench       the pool that all cases work on, and how they reach its memory
    own_objects     what is done wrong with this project's own interface
    raw_stores      the same in C: stores, flushes, fences, and protocols made of them
    raw_library     the same in C: libpmemobj's transactions and allocations
    run             explores cases with each model
    page            the page of docs/ that tells what came out
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
    """A piece of code, and what a crash must show of it.

    Attributes:
        name: The name of the function.
        level: The module it is in, which says how it is written.
        text: What is wrong with it, or, of a twin, why it is right.
        action: The code; it is given the workbench.
        check: What must hold after every crash, given the workbench; or None.
        invariant: What must be found; '' for a twin.
        models: Which models find it.
        atomic: Whether it must be seen whole or not at all.
        invariants: Those of `pmemobj.crash.INVARIANTS` that are looked at.
        twin_of: Of a twin, the names of the cases that it does right.
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
    """A case in which something is wrong; `models` are those that find it.

    A case with a check has, unless it says otherwise, a protocol of its own, whose steps may be seen.
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
    """A case that does right what `bugs` do wrong; it is judged as the first of them."""
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
