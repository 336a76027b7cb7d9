"""The results of an exploration: plain dataclasses, their text, and their HTML."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pmemobj._former_names import attribute_of
from pmemobj._text import count_short, plural
from pmemobj.crash._image import Image, Lines
from pmemobj.crash._recovery import BrokenInvariant, Outcome
from pmemobj.crash._states import MODELS, Choice, Moment
from pmemobj.crash._trace import LINE, Event, Place
from pmemobj.errors import PmemError

#: Letter and colour of each result in the strip; the letters serve readers who do not see colours.
_SIGNS = {"old": ("o", "#cfe3f5"), "new": ("n", "#cdebd0"), "wrong": ("X", "#f4b6b0"), "open": ("?", "#e4e4e4")}
#: The strip shows at most this many results.
_STRIP = 400
#: What to call the invariants of users in a sentence.
_INVARIANT_NAMES = {"check": "your check", "atomicity": "atomicity", "durability": "durability"}
BLIND = (
    "assumptions: on x86-64 an aligned 8-byte store is atomic, and stores to one cache line keep their order (also "
    "streaming stores); writes by system calls and by other processes are not seen"
)


@dataclass(frozen=True, slots=True)
class LineStory:
    """What a counterexample does with one cache line.

    Attributes:
        offset: Where the line begins.
        kept: How many of its unfenced versions reached the medium.
        versions: How many unfenced versions there were.
        stores: The stores that made the versions that were lost, or kept.
    """

    offset: int
    kept: int
    versions: int
    stores: tuple[Event, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """The places in the program that made these stores."""
        found = dict.fromkeys(store.place for store in self.stores)
        return tuple(place for place in found if place is not None)

    def __str__(self) -> str:
        part = "" if not self.kept else f" (except the first {self.kept} of {self.versions} versions)"
        by = ", ".join(map(str, self.places))
        return f"cache line {self.offset:#x}{part}" + (f", stored by {by}" if by else "")


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A minimal crash that breaks an invariant.

    Attributes:
        broken: The invariant that does not hold.
        event: The number of the event before which the power fails.
        before: This event; None for the end.
        lost: The cache lines that are lost; all others are kept.
        kept: If these are fewer: the cache lines that are kept; all others are lost. Then `lost` is empty.
        choice: The same crash, as `Moment.image` takes it.
    """

    broken: BrokenInvariant
    event: int
    before: Event | None
    lost: tuple[LineStory, ...]
    kept: tuple[LineStory, ...]
    choice: Choice

    def __str__(self) -> str:
        when = f"before event {self.before}" if self.before is not None else "after the last event"
        if self.kept:
            what = "keep only " + "; ".join(map(str, self.kept))
        elif self.lost:
            what = "lose only " + "; ".join(map(str, self.lost))
        else:
            what = "lose nothing"
        return f"cut the power {when}; {what}\n  -> {self.broken}"


class Backing:
    """What a violation needs to be examined further; it stays in this process.

    Copies of an exploration share it, and a pickled exploration goes without it.
    """

    def __init__(
        self, base: Image | None = None, minimize: Callable[[Violation], Counterexample] | None = None
    ) -> None:
        self._base, self._minimize = base, minimize

    def base(self) -> Image:
        """The image at the beginning of the recording."""
        if self._base is None:
            raise PmemError(
                "go back to the recording", "this exploration was pickled", "do it in the process that explored"
            )
        return self._base

    def minimize(self, violation: Violation) -> Counterexample:
        """A minimal crash that breaks the same invariant."""
        self.base()
        assert self._minimize is not None
        return self._minimize(violation)

    def __deepcopy__(self, _memo: object) -> Backing:
        return self

    def __reduce__(self) -> tuple[type[Backing], tuple[()]]:
        return Backing, ()


@dataclass(frozen=True)
class Violation:
    """A simulated power cut after which an invariant does not hold.

    Attributes:
        broken: The invariant that does not hold.
        moment: The moment at which the power failed.
        choice: Which versions had reached the medium.
        outcome: What recovery made of the image.
    """

    broken: BrokenInvariant
    moment: Moment = field(repr=False, compare=False)
    choice: Choice
    outcome: Outcome = field(repr=False)
    _backing: Backing = field(repr=False, compare=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Pickles of version 0.1.0 call the first attribute `finding`.
        self.__dict__.update({"broken" if name == "finding" else name: value for name, value in state.items()})

    def minimize(self) -> Counterexample:
        """Find a minimal crash that breaks the same invariant. Cost: some recoveries."""
        return self._backing.minimize(self)

    def lines(self) -> Lines:
        """The image: the cache lines in which it differs from the pool at the beginning of the recording."""
        return self.moment.image(self.choice)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the image, before recovery, to a new file: for ``pmempool check``, or to be opened as a pool.

        Raises:
            FileExistsError: there is a file of that name.
        """
        export(self._backing.base(), self.lines(), path)

    def __str__(self) -> str:
        return f"{self.broken} (power cut before event {self.moment.event})"


@dataclass(frozen=True)
class Exploration:
    """The result of an exploration. Equal recordings, models, budgets and seeds give equal texts.

    Attributes:
        model: The model of what a power cut leaves.
        seed: The seed for the choice of images where there were too many.
        moments: How many points of the program the power was cut at.
        possible: How many crash states the model has at all moments of the recording. This number and the next may have
            more digits than Python writes; `coverage` states them shortly.
        chosen: How many of these states were chosen, those included that are equivalent to states that were chosen.
        images: How many of the chosen states are distinct.
        recovered: How many of the distinct states were recovered; fewer if the time was up.
        recoveries: How many images came from crashes during recovery.
        violations: Every simulated power cut after which an invariant does not hold, once for each such invariant.
        counterexample: A minimal crash for the first violation, if there is one.
        results: For each state that was chosen, in order: ``old``, ``new``, ``wrong``, or ``open`` if the time was up.
        notes: What limits these results.
        events: For each of `results`, the number of the step before which the power was cut.
        ending: Why the recording does not have everything that the code does: ``raised an exception``; empty if it has.
        doubt: Why the check itself is probably wrong, if so; it is the first of the notes.
    """

    model: str
    seed: int
    moments: int
    possible: int = field(repr=False)
    chosen: int = field(repr=False)
    images: int
    recovered: int
    recoveries: int
    violations: tuple[Violation, ...]
    counterexample: Counterexample | None
    results: tuple[str, ...]
    notes: tuple[str, ...]
    events: tuple[int, ...] = ()
    ending: str = ""
    doubt: str = ""

    @property
    def tried(self) -> int:
        """How many crash states have a result."""
        return len(self.results) - self.results.count("open")

    @property
    def ok(self) -> bool:
        """Whether crashes were tried, and none of them broke an invariant; `ending` says how the code ended."""
        return self.tried > 0 and not self.violations

    @property
    def complete(self) -> bool:
        """Whether every crash state of the model was tried, or is equivalent to one that was."""
        return self.tried > 0 and self.chosen == self.possible and self.recovered == self.images

    @property
    def first_violation(self) -> Violation | None:
        """The first violation in the order of the moments."""
        return self.violations[0] if self.violations else None

    @property
    def coverage(self) -> str:
        """How many crash states were tried: ``Tried all 6 possible crash states, at 4 points of the program; ...``."""
        tried = self.chosen - self.results.count("open")
        states = f"possible crash state{'' if self.possible == 1 else 's'}"
        model = "" if self.model == MODELS[-1] else f" of the model {self.model}"
        if self.complete:
            number = {1: "the only", 2: "both"}.get(self.possible, f"all {count_short(self.possible)}")
            text = f"Tried {number} {states}{model}"
        else:
            number = f"{count_short(tried)} of {count_short(self.possible)}"
            text = f"Tried {number} {states}{model}, a sample (seed {self.seed})"
        were = "was" if self.images == 1 else "were"
        return f"{text}, at {plural(self.moments, 'point')} of the program; {self.images} {were} distinct"

    @property
    def verdict(self) -> str:
        """The result in one sentence: ``2 of 6 simulated power cuts violate your check``."""
        if not self.tried:
            return "no crash was tried: the time was up before the first"
        if not self.violations:
            return "every simulated power cut leaves the pool as it was before, or as it is afterwards"
        wrong = self.results.count("wrong")
        counts = self.counts()
        named = [_INVARIANT_NAMES.get(name, f"the invariant {name!r}") for name in counts]
        told = [f"{name} ({count})" for name, count in zip(named, counts.values(), strict=True)]
        cuts = f"{count_short(wrong)} of {plural(len(self.results), 'simulated power cut')}"
        return f"{cuts} violate{'s' if wrong == 1 else ''} {named[0] if len(told) == 1 else ', '.join(told)}"

    def assert_ok(self, *, must_return: bool = True) -> None:
        """Raise an AssertionError unless everything is right; for tests.

        Args:
            must_return: Whether it is an error, too, if the code did not return, or did more than could be recorded,
                since nothing is known about the rest. Give False for code that is meant to raise or to die.

        Raises:
            AssertionError: an invariant does not hold (the message has the smallest counterexample); or no crash was
                tried; or the code did not return.
        """
        if not self.ok or (must_return and self.ending):
            raise AssertionError(str(self))

    def counts(self) -> dict[str, int]:
        """How many violations of each invariant there are."""
        return dict(Counter(violation.broken.invariant for violation in self.violations))

    def __str__(self) -> str:
        return "\n".join(self._texts())

    @property
    def _first_line(self) -> str:
        """The verdict, after what it does not cover."""
        return f"the code {self.ending}; before that, {self.verdict}" if self.ending else self.verdict

    def _texts(self) -> Iterator[str]:
        yield self._first_line
        yield self.coverage
        if self.recoveries:
            yield f"{plural(self.recoveries, 'more crash state')} came from crashes during recovery"
        if self.counterexample is not None:
            yield f"smallest counterexample: {self.counterexample}"
        for note in self.notes:
            yield f"note: {note}"

    def _repr_html_(self) -> str:
        sign = "wrong" if self.violations else "new" if self.ok and not self.ending else "open"
        head, colour = html.escape(self._first_line), _SIGNS[sign][1]
        rows = [
            ("crash states", f"{self.coverage}, {self.recovered} recovered"),
            ("crashes during recovery", plural(self.recoveries, "crash state") if self.recoveries else "none tried"),
            *((name, plural(count, "violation")) for name, count in self.counts().items()),
        ]
        if self.counterexample is not None:
            rows.append(("smallest counterexample", str(self.counterexample)))
        rows += [("note", note) for note in self.notes]
        table = "".join(
            f"<tr><th style='text-align:left;vertical-align:top'>{html.escape(name)}</th>"
            f"<td style='text-align:left;white-space:pre-wrap'>{html.escape(text)}</td></tr>"
            for name, text in rows
        )
        return (
            f"<div class='pmemobj-crash'><p style='background:{colour};padding:4px'><b>{head}</b></p>"
            f"<table>{table}</table><p>{self._strip()}</p></div>"
        )

    def _strip(self) -> str:
        cells = "".join(
            f"<span title='{result}' style='background:{_SIGNS[result][1]};font-family:monospace'>"
            f"{_SIGNS[result][0]}</span>"
            for result in self.results[:_STRIP]
        )
        more = f" and {len(self.results) - _STRIP} more" if len(self.results) > _STRIP else ""
        return f"{cells}{more} (o: as before, n: as after, X: wrong, ?: not tried)"


def counterexample(
    violation: Violation, events: tuple[Event, ...], least_lost: Choice, least_kept: Choice
) -> Counterexample:
    """Make a counterexample of the smaller of two choices."""
    moment = violation.moment
    lost = _stories(moment, events, least_lost, lost=True)
    kept = _stories(moment, events, least_kept, lost=False)
    # A crash that loses nothing is explained by the lines that must have reached the medium.
    by_kept = bool(kept) and (not lost or len(kept) < len(lost))
    return Counterexample(
        violation.broken,
        moment.event,
        events[moment.event] if moment.event < len(events) else None,
        () if by_kept else lost,
        kept if by_kept else (),
        least_kept if by_kept else least_lost,
    )


def _stories(moment: Moment, events: tuple[Event, ...], choice: Choice, lost: bool) -> tuple[LineStory, ...]:
    counts = dict(choice)
    found = []
    for line, versions in moment.pending.items():
        kept = counts.get(line, 0)
        if kept == len(versions) if lost else kept == 0:
            continue
        shown = versions[kept:] if lost else versions[:kept]
        stores = tuple(events[number] for number in dict.fromkeys(version.event for version in shown))
        found.append(LineStory(line, kept if lost else 0, len(versions), stores))
    return tuple(found)


def export(base: Image, lines: Lines, path: str | os.PathLike[str]) -> None:
    """Write an image to a new file."""
    copy = base.copy()
    for offset, content in lines.items():
        copy.write(offset, content[:LINE])
    with open(path, "xb") as file:
        for offset in range(0, copy.size, 1 << 20):
            file.write(copy.read(offset, 1 << 20))


def __getattr__(name: str) -> Any:
    """Give pickles of version 0.1.0 the classes that they know under former names."""
    return attribute_of(__name__, name)
