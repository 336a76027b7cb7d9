"""After a power cut at any moment, a pool with a journal has what was promised, and nothing half.

What is recorded, how states are made, and what is demanded of them is in `power_kinds`; the mistakes are in
`power_mistakes`. `make crash-figures` tries many more states.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from disk_states import Disk, Event, Folder
from power_kinds import FIXED, FULL, KINDS, record, short_journals, tried
from power_mistakes import GENERATIONS, MISTAKES, found

from pmemobj._durability import journal_format
from pmemobj._durability.journal_format import RECORDS
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    # What is tried here is the journal, which is never compiled.
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]

#: How many states of each kind of pool and mode are tried; `PMEMOBJ_POWER_CUTS` sets another number.
STATES = int(os.environ.get("PMEMOBJ_POWER_CUTS", "4"))
#: In so many states, at most, a mistake must be found; most are found in the first fifty.
ROUNDS, AT_ONCE = 8, 40


@pytest.fixture(autouse=True)
def as_on_a_disk() -> Iterator[None]:
    with short_journals():
        yield


@pytest.mark.parametrize("name", KINDS)
def test_a_power_cut_leaves_what_was_promised(scratch: Path, name: str) -> None:
    """Each size and each mode once; `make crash-figures` tries all pairs."""
    kind = KINDS[name]
    pairs = {(kind.sizes[number % len(kind.sizes)], kind.modes[number % len(kind.modes)]) for number in (0, 1)}
    for size, durability in sorted(pairs, key=str):
        directory = scratch / f"{size} {durability}"
        directory.mkdir()
        tally = tried(record(kind, directory / "made", durability, size), directory, STATES)
        assert tally.states >= STATES
        assert not tally.wrong, f"{size} {durability}: {tally.wrong[:3]}"


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(scratch: Path, name: str) -> None:
    tally = found(MISTAKES[name], scratch, ROUNDS, AT_ONCE)
    assert tally.wrong, f"not found in {tally.states} states"


def test_a_generation_is_durable_before_its_first_record(scratch: Path) -> None:
    """Otherwise old records behind a torn new one would be taken for valid."""
    events = [
        event for event in record(GENERATIONS, scratch / "made", FULL, FIXED).events if event.name == "pool-journal"
    ]
    headers = [at for at, event in enumerate(events) if event.kind == "write" and event.offset < RECORDS < FIXED]
    headers = [at for at in headers if len(events[at].data) == 512]
    generations = [journal_format.read_header(bytes(1024)[: events[at].offset] + events[at].data) for at in headers]
    assert [header.generation for header in generations if header] == list(range(len(headers)))
    for at in headers[1:]:
        assert events[at + 1].kind == "sync"


# ---- the model of a disk -------------------------------------------------------------------------------


def contents_after(events: list[Event], count: int = 400) -> set[tuple[tuple[str, bytes], ...]]:
    """What the files may be after a power cut behind the events, each by its first 16 bytes."""
    found = set()
    for seed in range(count):
        disk = Disk([])
        for event in events:
            disk.do(event)
        chance = random.Random(seed)
        root = disk.nodes[Disk.ROOT]
        assert isinstance(root, Folder)
        files = []
        for name, node in sorted(root.after_cut(chance).items()):
            pages, size = disk.nodes[node].after_cut(chance)  # type: ignore[union-attr]
            files.append((name, pages.get(0, bytes(4096))[: min(size, 16)]))
        found.add(tuple(files))
    return found


OLD, NEW = b"o" * 16, b"n" * 16
MADE = [
    Event("create", "a", 1),
    Event("write", "a", 1, 0, OLD),
    Event("sync", "a", 1),
    Event("sync", ".", Disk.ROOT),
]


def test_what_was_waited_for_is_there() -> None:
    assert contents_after(MADE) == {(("a", OLD),)}
    assert contents_after(MADE[:3]) == {(), (("a", OLD),)}
    # Without the wait for the file its size may be old, and where the size is new the contents may be zeros.
    assert {(), (("a", b""),), (("a", OLD),), (("a", bytes(16)),)} <= contents_after(MADE[:2])


def test_a_sector_is_old_or_new_or_torn_between_words() -> None:
    states = {dict(state)["a"] for state in contents_after([*MADE, Event("write", "a", 1, 0, NEW)])}
    assert states == {OLD, NEW, OLD[:8] + NEW[8:], NEW[:8] + OLD[8:]}


def test_a_write_is_not_there_without_the_one_before_in_its_sector() -> None:
    twice = [*MADE, Event("write", "a", 1, 0, NEW[:8]), Event("write", "a", 1, 8, NEW[8:])]
    states = {dict(state)["a"] for state in contents_after(twice)}
    assert {OLD, NEW[:8] + OLD[8:], NEW} <= states


def test_names_are_old_or_new_and_a_rename_is_one_step() -> None:
    renamed = contents_after([*MADE, Event("rename", "a", other="b")])
    assert renamed == {(("a", OLD),), (("b", OLD),)}
    assert contents_after([*MADE, Event("unlink", "a")]) == {(), (("a", OLD),)}
    assert contents_after([*MADE, Event("unlink", "a"), Event("sync", ".", Disk.ROOT)]) == {()}
