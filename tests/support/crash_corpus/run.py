"""Explores cases, with each of the models."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scratch import scratch_parent

from crash_corpus import Case, own_objects, raw_library, raw_stores
from crash_corpus.workbench import Workbench
from pmemobj import crash
from pmemobj.crash import MODELS, Exploration

#: Importing them is what enters their cases.
LEVELS = [module.__name__.rpartition(".")[2] for module in (own_objects, raw_stores, raw_library)]

#: Which other models have all images of a model among theirs.
_INCLUDED_IN = {
    "drop": {"all-or-none", "prefix", "events"},
    "all-or-none": {"prefix"},
    "prefix": set(),
    "events": set(),
    "lines": set(),
}


@dataclass(frozen=True)
class Result:
    """The result of exploring a case.

    Attributes:
        case: The case.
        reports: The explorations with the models that were tried.
        found_by: The models that find a violation.
    """

    case: Case
    reports: dict[str, Exploration]
    found_by: frozenset[str]

    @property
    def broken(self) -> frozenset[str]:
        """The names of all invariants that were found broken."""
        return frozenset(invariant for report in self.reports.values() for invariant in report.counts())

    def complaints(self) -> list[str]:
        """In which ways the result differs from what the case says about itself."""
        case = self.case
        found = [] if self.reports["lines"].complete else [f"{case.name}: {self.reports['lines'].coverage}"]
        if self.broken != ({case.invariant} if case.invariant else set()):
            found.append(f"{case.name}: found {sorted(self.broken)}\n{self.reports['lines']}")
        if self.found_by != case.models:
            found.append(f"{case.name}: found by {sorted(self.found_by)}, not by {sorted(case.models)}")
        return found


@contextmanager
def workbench() -> Iterator[Workbench]:
    """A workbench in memory, where there is room."""
    with tempfile.TemporaryDirectory(prefix="pmemobj-corpus-", dir=scratch_parent()) as directory:
        bench = Workbench(directory)
        try:
            yield bench
        finally:
            bench.close()


def run(bench: Workbench, case: Case) -> Result:
    """Record a case once, and explore it with all models, or as many as it takes to know what all of them find.

    For a model that finds something is followed by all that have its images among theirs; and where `lines` has looked at
    every one of its own and found nothing, as at those of a twin, the others find nothing either.
    """
    recording = crash.record(bench.pool, lambda: case.action(bench))
    assert recording.returned, f"{case.name} {recording.ending}\n{recording.output}"
    check = case.check
    reports: dict[str, Exploration] = {}
    found: set[str] = set()
    for model in ("lines", *(model for model in MODELS if model != "lines")):
        if model in found or (model != "lines" and reports["lines"].ok and reports["lines"].complete):
            continue
        reports[model] = recording.explore(
            None if check is None else lambda pool: check(bench),
            model=model,
            atomic=case.atomic,
            invariants=case.invariants,
        )
        if not reports[model].ok:
            found |= {model} | _INCLUDED_IN[model]
    return Result(case, reports, frozenset(found))
