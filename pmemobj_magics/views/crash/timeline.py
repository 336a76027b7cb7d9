"""The timeline of a recorded cell: what a power cut just before each step leaves, and recovery makes of it.

Pure data, which the film and the widget draw. Where there are too many steps, those are taken before which the report
cut the power, and others spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pmemobj.crash import Event, Exploration, Frame, LineState, Picture, Place, Recording, What
from pmemobj_magics.views.crash.owners import Owners
from pmemobj_magics.views.crash.places import Places
from pmemobj_magics.views.crash.states import States

__all__ = ["Cut", "Step", "Timeline", "timeline"]

#: Steps that are shown at the most.
_MOST = 150
Image = dict[int, bytes]
_KINDS = {What.STORE: "store", What.FLUSH: "flush", What.FENCE: "fence"}


@dataclass(frozen=True)
class Cut:
    """One power cut.

    Attributes:
        at_crash: The letter of what it left on the medium, before recovery; empty if that cannot be read.
        after: The letter of what recovery made of it; empty if there was none.
        status: ``recovered``, or what happened instead.
    """

    at_crash: str
    after: str
    status: str


@dataclass(frozen=True)
class Line:
    """A cache line at a step.

    Attributes:
        offset: Where it begins.
        sign: The letter of its state: D, F or S.
        by_library: Whether its last store was libpmemobj's.
        told: All about it, in words.
    """

    offset: int
    sign: str
    by_library: bool
    told: str


@dataclass(frozen=True)
class Step:
    """The moment just before a step.

    Attributes:
        number: Of the step; the last one is the end.
        kind: ``store``, ``flush``, ``fence``, or ``program`` for what the program says of itself.
        title: What the step is.
        where: The line that it comes from; empty where there is none.
        source: The text of that line.
        cell_line: Its number, if it is in the cell.
        lines: The cache lines that have been stored to.
        undo_log: What recovery would put back, in words.
        possible: How many images a power cut could leave; in no repr, which could not write it.
        lost: The cut that loses all that is not fenced.
        kept: The cut that loses nothing.
        results: What the report found here, in its words; empty if it did not cut here.
    """

    number: int
    kind: str
    title: str
    where: str
    source: str
    cell_line: int | None
    lines: tuple[Line, ...]
    undo_log: tuple[str, ...]
    possible: int = field(repr=False)
    lost: Cut
    kept: Cut
    results: tuple[str, ...]


@dataclass(frozen=True)
class Timeline:
    """All that can be shown of a recording.

    Attributes:
        steps: The moments.
        total: How many there are in all.
        states: The states of the pool by letter; A is that before.
        example: The cut of the first violation, if there is one, and the number of its step.
    """

    steps: tuple[Step, ...]
    total: int
    states: States
    example: tuple[int, Cut] | None


def timeline(recording: Recording, report: Exploration, places: Places, max_nodes: int) -> Timeline:
    """Make the timeline of a recording; it takes some milliseconds for each step."""
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
    before = pictures[0].after or pictures[0].at_crash
    assert before is not None, "the pool could be recorded, so it can be read"
    states = States(before)
    # Those that are seen first: what was freed is called what it was.
    places.owners = Owners(
        [before, *(graph for picture in pictures for graph in (picture.at_crash, picture.after) if graph)],
        recording.region,
    )

    def cut(picture: Picture) -> Cut:
        at_crash, after = (states.letter(graph) if graph else "" for graph in (picture.at_crash, picture.after))
        return Cut(at_crash, after, picture.status)

    cuts = [cut(picture) for picture in pictures[1:]]
    results: dict[int, list[str]] = {}
    for event, result in zip(report.events, report.results, strict=True):
        results.setdefault(event, []).append(result)
    steps = tuple(
        _step(frame, places, cuts[2 * at], cuts[2 * at + 1], tuple(results.get(frame.number, ())))
        for at, frame in enumerate(frames)
    )
    example = (report.counterexample.event, cuts[-1]) if report.counterexample and smallest is not None else None
    return Timeline(steps, len(recording.steps) + 1, states, example)


def _chosen(count: int, report: Exploration) -> list[int]:
    """The numbers of the steps to show; `count` is that of the end."""
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
    """Pictures of the images; of equal ones, which are many, one is made."""
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
            Line(
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
