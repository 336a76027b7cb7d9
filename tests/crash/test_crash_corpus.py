"""The corpus of mistakes: each model finds exactly what the cases say, and no twin raises a false alarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")

from crash_corpus import CASES
from crash_corpus.page import as_page
from crash_corpus.run import LEVELS, run, workbench
from crash_corpus.workbench import Workbench

from pmemobj import crash
from pmemobj.crash import MODELS

# What is recorded are the same stores, whether a compiled module makes them.
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def bench() -> Iterator[Workbench]:
    with workbench() as made:
        yield made


@pytest.mark.parametrize("part", range(6))
def test_each_mistake_is_found_and_no_twin_raises_an_alarm(bench: Workbench, part: int) -> None:
    wrong = [text for case in list(CASES.values())[part::6] for text in run(bench, case).complaints()]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["transfer", "counter_before_item", "two_words_of_two_lines"])
def test_what_is_not_tried_follows(bench: Workbench, name: str) -> None:
    """`run` skips models whose verdict follows from that of another model; this test skips none."""
    case = CASES[name]
    recording = crash.record(bench.pool, lambda: case.action(bench))
    found = set()
    for model in MODELS:
        report = recording.explore(
            (lambda pool: case.check(bench)) if case.check else None, model=model, atomic=case.atomic
        )
        found |= set() if report.ok else {model}
    assert found == run(bench, case).found_by == case.models


def test_the_page_is_current() -> None:
    page = (Path(__file__).parents[2] / "docs" / "crash_corpus.md").read_text()
    assert page == as_page(CASES.values()), "run make crash-corpus"


def test_the_corpus_is_large_enough() -> None:
    assert sum(bool(case.invariant) for case in CASES.values()) >= 30
    assert sum(not case.invariant for case in CASES.values()) >= 20
    assert {case.level for case in CASES.values()} == {*LEVELS}
    # Every mistake has a twin.
    twins = {name for case in CASES.values() for name in case.twin_of}
    assert {case.name for case in CASES.values() if case.invariant} - twins == set()
