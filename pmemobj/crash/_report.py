"""What a recording and its exploration tell, as plain dataclasses, as text and as HTML."""

from __future__ import annotations

import html
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pmemobj._text import count_short, plural
from pmemobj.crash._image import Image, Lines
from pmemobj.crash._recovery import Finding, Outcome
from pmemobj.crash._states import Choice, Moment
from pmemobj.crash._trace import LINE, Event, Place
from pmemobj.errors import PmemError

#: Signs of the outcomes strip, for those who do not see colours.
_SIGNS = {"old": ("o", "#cfe3f5"), "new": ("n", "#cdebd0"), "wrong": ("X", "#f4b6b0"), "open": ("?", "#e4e4e4")}
_STRIP = 400
BLIND = (
    "assumed: x86-64 stores of aligned 8-byte words whole, and those of one line in order (also streaming stores); "
    "not seen: writes by system calls or other processes"
)


@dataclass(frozen=True, slots=True)
class LineStory:
    """What a counterexample does with one cache line.

    Attributes:
        offset: Where it begins.
        kept: How many of its unfenced versions reached the medium.
        versions: How many there were.
        stores: The stores that made those that were lost.
    """

    offset: int
    kept: int
    versions: int
    stores: tuple[Event, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """The lines of the program that stored what was lost."""
        found = dict.fromkeys(store.place for store in self.stores)
        return tuple(place for place in found if place is not None)

    def __str__(self) -> str:
        part = "" if not self.kept else f" (but for the first {self.kept} of {self.versions} versions)"
        by = ", ".join(map(str, self.places))
        return f"line {self.offset:#x}{part}" + (f", stored by {by}" if by else "")


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A crash that breaks something, with as little of it as possible.

    Attributes:
        finding: What is broken.
        event: The number of the event before which the power fails.
        before: That event; None for the end.
        lost: The lines that are lost; all others are kept.
        kept: Instead, if that is less: the lines that are kept; all others are lost.
        choice: The same for `Moment.image`.
    """

    finding: Finding
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
        return f"cut the power {when}; {what}\n  -> {self.finding}"


class Backing:
    """What a violation needs to go on from: it stays in this process.

    Copies of a report share it, and a pickled report goes without it.
    """

    def __init__(
        self, base: Image | None = None, minimize: Callable[[Violation], Counterexample] | None = None
    ) -> None:
        self._base, self._minimize = base, minimize

    def base(self) -> Image:
        """The image at the beginning of the recording."""
        if self._base is None:
            raise PmemError("go back to the recording", "this report was pickled", "do it where the report was made")
        return self._base

    def minimize(self, violation: Violation) -> Counterexample:
        """The smallest crash that breaks the same."""
        self.base()
        assert self._minimize is not None
        return self._minimize(violation)

    def __deepcopy__(self, _memo: object) -> Backing:
        return self

    def __reduce__(self) -> tuple[type[Backing], tuple[()]]:
        return Backing, ()


@dataclass(frozen=True)
class Violation:
    """An image that recovery made something wrong of.

    Attributes:
        finding: What is wrong.
        moment: Where the power failed.
        choice: What had reached the medium.
        outcome: What became of it.
    """

    finding: Finding
    moment: Moment = field(repr=False, compare=False)
    choice: Choice
    outcome: Outcome = field(repr=False)
    _backing: Backing = field(repr=False, compare=False)

    def minimize(self) -> Counterexample:
        """The smallest crash that breaks the same; takes some recoveries."""
        return self._backing.minimize(self)

    def lines(self) -> Lines:
        """What differs from the pool at the beginning of the recording, in whole cache lines."""
        return self.moment.image(self.choice)

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the image, before recovery, to a new file: for ``pmempool check``, or to be opened as a pool.

        Raises:
            FileExistsError: something is there.
        """
        export(self._backing.base(), self.lines(), path)

    def __str__(self) -> str:
        return f"{self.finding} (power cut before event {self.moment.event})"


@dataclass(frozen=True)
class Report:
    """What an exploration came to. Equal recordings, models, budgets and seeds give equal texts.

    Attributes:
        model: The model of what a power cut leaves.
        seed: What chose images where there were too many.
        moments: How many moments were looked at.
        possible: How many images the model has at all moments of the recording. This number and the next may have
            more digits than Python writes; `coverage` tells them shortly.
        chosen: How many of those were to be looked at, or must come to the same as one that was.
        images: How many of them differ.
        recovered: How many of these were recovered; fewer if the time was up.
        recoveries: How many images came from crashing recoveries as well.
        violations: All that is wrong.
        counterexample: The smallest for the first of them, if there is one.
        results: For each image that was looked at, in order: ``old``, ``new``, ``wrong``, or ``open`` if time was up.
        notes: What limits what this says.
        events: For each of the results, the number of the step before which the power was cut.
        ending: Why the recording does not have all that the code was to do: ``raised an exception``; empty if it does.
        doubt: Why the check is probably wrong, if it is; the first of the notes.
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
        """How many crashes there is a result of."""
        return len(self.results) - self.results.count("open")

    @property
    def ok(self) -> bool:
        """Whether crashes were tried, and none led to anything wrong; how the code ended, `ending` tells."""
        return self.tried > 0 and not self.violations

    @property
    def complete(self) -> bool:
        """Whether every image that the model has was recovered."""
        return self.tried > 0 and self.chosen == self.possible and self.recovered == self.images

    @property
    def first_violation(self) -> Violation | None:
        """The first in the order of the moments."""
        return self.violations[0] if self.violations else None

    @property
    def coverage(self) -> str:
        """``explored 96 of 96``, or how those that were explored were chosen."""
        looked_at = self.chosen - self.results.count("open")
        text = f"explored {count_short(looked_at)} of {count_short(self.possible)} states (model {self.model})"
        return text if self.complete else f"{text}, sampled, seed {self.seed}"

    def assert_ok(self, *, must_return: bool = True) -> None:
        """For tests.

        Args:
            must_return: Whether it is an error, too, if the code did not come to its end or more happened than could be
                recorded, since nothing is known of the rest. Where the code is meant to raise or to die, put False.

        Raises:
            AssertionError: an image led to something wrong, with the smallest counterexample; or no crash was tried;
                or the code did not come to its end.
        """
        if not self.ok or (must_return and self.ending):
            raise AssertionError(str(self))

    def counts(self) -> dict[str, int]:
        """How many violations there are of each invariant."""
        return dict(Counter(violation.finding.invariant for violation in self.violations))

    def __str__(self) -> str:
        return "\n".join(self._texts())

    @property
    def _verdict(self) -> str:
        """The first line: what came out, and what it does not speak of."""
        if self.violations:
            kinds = ", ".join(f"{name} {count}" for name, count in self.counts().items())
            text = f"{plural(len(self.violations), 'violation')} ({kinds})"
        elif not self.tried:
            text = "no crash was tried: the time was up before the first"
        else:
            text = "no violation: every crash that was tried leaves the pool as it was before or as it is after"
        return f"the code {self.ending}; up to there {text}" if self.ending else text

    def _texts(self) -> Iterator[str]:
        yield self._verdict
        yield f"{self.coverage}: {plural(self.images, 'different image')} at {plural(self.moments, 'moment')}"
        if self.recoveries:
            yield f"{plural(self.recoveries, 'more image')} from crashes during recovery"
        if self.counterexample is not None:
            yield f"smallest counterexample: {self.counterexample}"
        for note in self.notes:
            yield f"note: {note}"

    def _repr_html_(self) -> str:
        sign = "wrong" if self.violations else "new" if self.ok and not self.ending else "open"
        head, colour = html.escape(self._verdict), _SIGNS[sign][1]
        images = plural(self.images, "different one")
        rows = [
            ("states", self.coverage),
            ("images", f"{images} at {plural(self.moments, 'moment')}, {self.recovered} recovered"),
            ("crashes during recovery", plural(self.recoveries, "image") if self.recoveries else "none tried"),
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
    """Tell the smaller of two choices."""
    moment = violation.moment
    lost = _stories(moment, events, least_lost, lost=True)
    kept = _stories(moment, events, least_kept, lost=False)
    # A crash that loses nothing is explained by what must have arrived.
    by_kept = bool(kept) and (not lost or len(kept) < len(lost))
    return Counterexample(
        violation.finding,
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
        told = versions[kept:] if lost else versions[:kept]
        stores = tuple(events[number] for number in dict.fromkeys(version.event for version in told))
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
