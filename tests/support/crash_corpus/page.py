"""Makes docs/crash_corpus.md of the cases; `run` proves that the cases are what they say."""

from __future__ import annotations

from collections.abc import Iterable

from crash_corpus import Case
from pmemobj.crash import MODELS

_HEAD = """\
# What each model of a power cut finds

The crash lab ([crash_lab.md](crash_lab.md)) has explored {bugs} operations that a crash breaks, each of which contains one
mistake, and {twins} correct twins. The default model, `lines`, must find every mistake and must not find anything in the twins.
The simpler models are those of simpler tools. Their images are among those of `lines`, so a twin that passes `lines` passes them, too.

The cases are in `tests/support/crash_corpus/`. `make crash-corpus` explores all of them and writes this page. A test explores
them, too, and fails if the page does not match.

| | {models} |
|---|{rules}|
| mistakes found, of {bugs} | {found} |
| false alarms, of {twins} | {alarms} |
"""
_LEVELS = {
    "own_objects": "With this project's own interface",
    "raw_stores": "In C: stores, flushes, fences, and protocols made of them",
    "raw_library": "In C: libpmemobj's transactions and allocations",
}


def as_page(cases: Iterable[Case]) -> str:
    """The whole page."""
    cases = list(cases)
    bugs = [case for case in cases if case.invariant]
    twins = [case for case in cases if not case.invariant]
    head = _HEAD.format(
        bugs=len(bugs),
        twins=len(twins),
        models=" | ".join(f"`{model}`" for model in MODELS),
        rules="|".join("---" for _ in MODELS),
        found=" | ".join(str(sum(model in case.models for case in bugs)) for model in MODELS),
        alarms=" | ".join("0" for _ in MODELS),
    )
    parts = [head]
    for level, title in _LEVELS.items():
        parts += ["", f"## {title}", ""]
        parts += [
            f"| mistake | what is wrong | invariant | {' | '.join(MODELS)} |",
            "|---|---|---|" + "---|" * len(MODELS),
        ]
        for case in bugs:
            if case.level == level:
                marks = " | ".join("×" if model in case.models else "" for model in MODELS)
                parts.append(f"| `{case.name}` | {case.text} | {case.invariant} | {marks} |")
        parts += ["", "| correct twin | of | why |", "|---|---|---|"]
        for case in twins:
            if case.level == level:
                parts.append(f"| `{case.name}` | {', '.join(f'`{name}`' for name in case.twin_of)} | {case.text} |")
    return "\n".join(parts) + "\n"
