"""The timeline of a recorded cell: the state that a power cut before each step leaves, and the state after recovery.

This is plain data, which the film and the widget draw. If there are too many steps, the timeline has the steps before
which the power was cut, and evenly spread others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pmemobj.crash import Event, Exploration, Frame, LineState, Picture, Place, Recording, What
from pmemobj_magics.views.crash.owners import Owners
from pmemobj_magics.views.crash.places import Places
from pmemobj_magics.views.crash.states import States

__all__ = ["Cut", "Step", "Timeline", "timeline"]

#: The largest number of steps in a timeline.
_MOST = 150
Image = dict[int, bytes]
_KINDS = {What.STORE: "store", What.FLUSH: "flush", What.FENCE: "fence"}


@dataclass(frozen=True)
class Cut:
    """One power cut.

    Attributes:
        at_crash: The letter of the state on the medium before recovery; empty if it cannot be read.
        after: The letter of the state after recovery; empty if recovery failed.
        status: ``recovered``, or what happened instead.
    """

    at_crash: str
    after: str
    status: str


@dataclass(frozen=True)
class CacheLine:
    """A cache line at a step.

    Attributes:
        offset: The offset of its first byte in the pool.
        sign: The letter of its state: D, F or S.
        by_library: Whether libpmemobj stored to it last.
        told: A description in words.
    """

    offset: int
    sign: str
    by_library: bool
    told: str


@dataclass(frozen=True)
class Step:
    """The moment just before a step.

    Attributes:
        number: The number of the step; the last number is the end of the cell.
        kind: ``store``, ``flush``, ``fence``, or ``program`` for a remark of the program.
        title: The step in words.
        where: The name of the line that caused the step; empty if there is none.
        source: The text of that line.
        cell_line: The number of that line, if it is in the cell.
        lines: The cache lines that have been stored to.
        undo_log: The values that recovery would restore, in words.
        possible: How many states a power cut can leave. It can be too large for Python to print, so repr omits it.
        lost: The cut that loses all unfenced data.
        kept: The cut that loses nothing.
        results: The outcomes of the simulated crashes before this step; empty if there was none.
    """

    number: int
    kind: str
    title: str
    where: str
    source: str
    cell_line: int | None
    lines: tuple[CacheLine, ...]
    undo_log: tuple[str, ...]
    possible: int = field(repr=False)
    lost: Cut
    kept: Cut
    results: tuple[str, ...]


@dataclass(frozen=True)
class Timeline:
    """Everything that can be shown of a recording.

    Attributes:
        steps: The moments that are shown.
        total: The number of all moments.
        states: The states of the pool by letter; A is the state before the cell.
        example: The number of the step of the counterexample and its cut; None without a violation.
    """

    steps: tuple[Step, ...]
    total: int
    states: States
    example: tuple[int, Cut] | None


def timeline(recording: Recording, report: Exploration, places: Places, max_nodes: int) -> Timeline:
    """Make the timeline of a recording; this takes some milliseconds for each step."""
    numbers = _chosen(len(recording.steps), report)
    frames = recording.frames(numbers)
    images = [
        {line.offset: line.content if kept else line.durable for line in frame.lines}
        for frame in frames
        for kept in (False, True)
    ]
    smallest = _smallest(report)
    if smallest is not None:
        images.append(smallest)
    pictures = _pictures(recording, [{}, *images], max_nodes)
    states = _states_of(recording, pictures, places)
    cuts = [_cut(picture, states) for picture in pictures[1:]]
    results: dict[int, list[str]] = {}
    for event, result in zip(report.events, report.results, strict=True):
        results.setdefault(event, []).append(result)
    steps = tuple(
        _step(frame, places, cuts[2 * at], cuts[2 * at + 1], tuple(results.get(frame.number, ())))
        for at, frame in enumerate(frames)
    )
    example = (report.counterexample.event, cuts[-1]) if report.counterexample and smallest is not None else None
    return Timeline(steps, len(recording.steps) + 1, states, example)


def _states_of(recording: Recording, pictures: Sequence[Picture], places: Places) -> States:
    """The states of the pool, with the state of the first picture as A; names for offsets are made from all of them."""
    before = pictures[0].after or pictures[0].at_crash
    assert before is not None, "the pool could be recorded, so it can be read"
    # The earliest states come first, so that freed memory is named after the object that it was part of.
    seen = [before, *(graph for picture in pictures for graph in (picture.at_crash, picture.after) if graph)]
    places.owners = Owners(seen, recording.region)
    return States(before)


def _cut(picture: Picture, states: States) -> Cut:
    at_crash, after = (states.letter(graph) if graph else "" for graph in (picture.at_crash, picture.after))
    return Cut(at_crash, after, picture.status)


def _chosen(count: int, report: Exploration) -> list[int]:
    """The numbers of the steps to show; `count` is the number of the end."""
    if count < _MOST:
        return list(range(count + 1))
    wanted = [report.counterexample.event] if report.counterexample else []
    for numbers in (sorted(set(report.events)), range(count + 1)):
        room = _MOST - len(wanted)
        stride = max(1, -(-len(numbers) // max(room, 1)))
        wanted = sorted({*wanted, *numbers[::stride]})[:_MOST] if room else wanted
    return sorted({*wanted, 0, count})


def _smallest(report: Exploration) -> Image | None:
    """The image of the smallest counterexample."""
    if report.counterexample is None or report.first_violation is None:
        return None
    return report.first_violation.moment.image(report.counterexample.choice)


def _pictures(recording: Recording, images: Sequence[Image], max_nodes: int) -> list[Picture]:
    """Pictures of the images; equal images, of which there are many, share one picture."""
    keys = [tuple(sorted(image.items())) for image in images]
    different = list(dict.fromkeys(keys))
    made = dict(zip(different, recording.pictures([dict(key) for key in different], max_nodes), strict=True))
    return [made[key] for key in keys]


def _step(frame: Frame, places: Places, lost: Cut, kept: Cut, results: tuple[str, ...]) -> Step:
    event = frame.step
    place = places.of(event) if event is not None else None
    return Step(
        frame.number,
        _kind(event),
        places.event(event),
        places.name(place) if place else "",
        places.source(place) if place else "",
        _cell_line(place, places),
        tuple(
            CacheLine(
                line.offset,
                line.state.value,
                line.stored_by is not None and line.stored_by.by_library,
                _told(line.offset, line.state, line.versions, line.stored_by, places),
            )
            for line in frame.lines
        ),
        tuple(map(places.owners.snapshot, frame.undo_log)),
        frame.possible,
        lost,
        kept,
        results,
    )


def _kind(event: Event | None) -> str:
    return _KINDS.get(event.what, "program") if event is not None else "program"


def _cell_line(place: Place | None, places: Places) -> int | None:
    return place.line if place is not None and places.is_in_the_cell(place) else None


def _told(offset: int, state: LineState, versions: int, stored_by: Event | None, places: Places) -> str:
    words = f"cache line of {places.owners.name(stored_by.offset if stored_by else offset)}: {state.name.lower()}"
    if versions:
        words += f", {versions} version{'s' if versions > 1 else ''} may be on the medium besides the fenced one"
    place = places.of(stored_by) if stored_by is not None else None
    if stored_by is not None:
        words += f"; last stored in step {stored_by.number}"
        words += f" by libpmemobj for {places.name(place)}" if place and stored_by.by_library else ""
        words += f" by {places.name(place)}" if place and not stored_by.by_library else ""
    return words
