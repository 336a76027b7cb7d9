"""What is drawn of a recording: frames, the undo log, and the objects of an image before and after recovery."""

from __future__ import annotations

from typing import Any

import pytest

import pmemobj
from pmemobj import crash, inspect
from pmemobj.crash import Frame, LineState, What

pytestmark = pytest.mark.once

pytest.importorskip("pmemobj.crash._native")

Pool = pmemobj.PersistentObjectPool


@pytest.fixture
def bank(pool: Pool) -> Pool:
    pool.root = pool.persistent({"anna": 60, "bert": 40})
    return pool


def transfer(pool: Pool) -> None:
    with pool.transaction():
        pool.root["anna"] -= 10
        pool.root["bert"] += 10


def values(graph: inspect.Graph | None) -> list[str]:
    assert graph is not None and graph.start.target is not None
    return [slot.text for slot in graph.nodes[graph.start.target].slots]


def test_pictures_before_and_after_recovery(bank: Pool) -> None:
    recording = crash.record(bank, lambda: transfer(bank))
    stored = next(step.number for step in recording.steps if step.what is What.COMMIT)
    frame = recording.frame(stored)
    lost = {line.offset: line.durable for line in frame.lines}
    kept = {line.offset: line.content for line in frame.lines}
    end = {line.offset: line.durable for line in recording.frame(len(recording.steps)).lines}
    found = recording.pictures([{}, lost, kept, end])
    assert [values(picture.at_crash) for picture in found] == [["60", "40"], ["60", "40"], ["50", "50"], ["50", "50"]]
    assert [values(picture.after) for picture in found] == [["60", "40"]] * 3 + [["50", "50"]]
    assert {picture.status for picture in found} == {"recovered"}
    assert found[0].after == inspect.walk(bank), "the pool itself is as it was"


def test_a_picture_of_what_is_no_pool(bank: Pool) -> None:
    recording = crash.record(bank, lambda: transfer(bank))
    spoilt = {0: bytes(64)}
    assert [picture.status for picture in recording.pictures([spoilt, {}])] == ["refused", "recovered"]
    picture = recording.pictures([spoilt])[0]
    assert picture.at_crash is None and picture.after is None


def test_the_undo_log_ends_with_the_commit(bank: Pool) -> None:
    recording = crash.record(bank, lambda: (transfer(bank), transfer(bank)))  # type: ignore[func-returns-value]
    frames = recording.frames(range(len(recording.steps) + 1))
    at = {frame.number: len(frame.undo_log) for frame in frames}
    commits = [step.number for step in recording.steps if step.what is What.COMMITTED]
    assert [at[0], *(at[number] for number in commits), at[len(recording.steps)]] == [0, 0, 0, 0]
    assert [max(at[number] for number in range(begin, end)) for begin, end in zip([0, commits[0]], commits, strict=True)] == [2, 2]
    assert {size for frame in frames for size in (len(entry.data) for entry in frame.undo_log)} == {8}


def test_frames_are_the_same_one_by_one_and_together(bank: Pool) -> None:
    recording = crash.record(bank, lambda: transfer(bank))
    numbers = [0, 5, 5, len(recording.steps)]
    assert recording.frames(numbers) == [recording.frame(number) for number in numbers]
    states = {line.state for frame in recording.frames(range(len(recording.steps))) for line in frame.lines}
    assert states == set(LineState)
    for wrong in ([-1], [len(recording.steps) + 1], [5, 4]):
        with pytest.raises(IndexError):
            recording.frames(wrong)
    assert isinstance(recording.frames([3])[0], Frame)


def test_a_report_says_where_each_crash_was_and_how_far_it_is(bank: Pool) -> None:
    told: list[Any] = []
    report = crash.record(bank, lambda: transfer(bank)).explore(progress=lambda done, total: told.append((done, total)))
    assert len(report.events) == len(report.results) and sorted(report.events) == list(report.events)
    assert len(set(report.events)) == report.moments
    assert told == sorted(told) and told[-1][0] == told[-1][1] > 1
