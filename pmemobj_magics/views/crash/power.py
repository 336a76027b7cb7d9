"""What cutting the power at every moment of a cell came to."""

from __future__ import annotations

import html
import linecache
import os
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from pmemobj.crash import Event, Exploration, Recording
from pmemobj_magics.display import number_text
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.views.crash.film import film, outcome_strip, three_figures
from pmemobj_magics.views.crash.looks import OUTCOMES, details, listing, page, printed_lines, split_output, verdict_line
from pmemobj_magics.views.crash.places import Places
from pmemobj_magics.views.crash.timeline import Cut, Step, timeline
from pmemobj_magics.views.crash.widget import TimelineWidget, data_of, script
from pmemobj_magics.views.graph import PoolGraph, clip, news

__all__ = ["PowerResult", "PowerVerdict"]

#: Crashes that are told one by one in text.
_STRIP = 60


class PowerVerdict(Enum):
    """What the power cuts came to; the value is what people are told."""

    SAFE = "every crash that was tried left the pool whole: as before, or as after"
    UNCHANGED = "nothing was changed: there is nothing that a power cut could break"
    BROKEN = "some crashes leave the pool broken"
    RAISED = "the cell raised an exception; every crash up to there left the pool whole"
    ENDED = "the cell did not come to its end; every crash up to there left the pool whole"
    UNTRIED = "no crash was tried: the time was up before the first"


class PowerResult:
    """A cell recorded, and the power cut at its every moment, in every way that the model has.

    Attributes:
        recording: What the cell did to the pool.
        report: What `pmemobj.crash` found.
        check: The text of the check, or an empty string.
        timeline: What there was at each step.
        printed: What the cell printed.
        error: The last line of the exception, if the cell raised one.
        interactive: Whether `widget` is shown beside it.
    """

    def __init__(
        self,
        recording: Recording,
        report: Exploration,
        filename: str,
        places: Places,
        check: str,
        limits: tuple[int, int],
        interactive: bool = False,
    ) -> None:
        self.recording, self.report, self.check, self.interactive = recording, report, check, interactive
        self._filename, self._places, self._limits = filename, places, limits
        raised = recording.ending.startswith("raised")
        self.printed, self.error = split_output(recording.output, filename) if raised else (recording.output, "")
        self.timeline = timeline(recording, report, places, max_nodes=1000)

    # ---- what came of it ----

    @property
    def verdict(self) -> PowerVerdict:
        """What came of it."""
        if self.report.violations:
            return PowerVerdict.BROKEN
        if not self.report.ok:
            return PowerVerdict.UNTRIED
        if self.error:
            return PowerVerdict.RAISED
        if not self.recording.returned:
            return PowerVerdict.ENDED
        return PowerVerdict.UNCHANGED if self.recording.unchanging else PowerVerdict.SAFE

    @property
    def ok(self) -> bool:
        """Whether the cell came to its end, and nothing went wrong."""
        return self.verdict in (PowerVerdict.SAFE, PowerVerdict.UNCHANGED)

    @property
    def steps(self) -> tuple[Event, ...]:
        """Every store, flush and fence of the cell, and what the program was doing."""
        return self.recording.steps

    @property
    def frames(self) -> tuple[Step, ...]:
        """The moments before these steps: cache lines, undo log, what a power cut leaves and recovery makes of it."""
        return self.timeline.steps

    @cached_property
    def graphs(self) -> dict[str, PoolGraph]:
        """The states of the pool by letter; what is new or changed since A, the one before, is marked."""
        states = self.timeline.states.graphs
        return {
            letter: PoolGraph(clip(graph, *self._limits), marks=news(states["A"], graph), frame=letter)
            for letter, graph in states.items()
        }

    @property
    def summary(self) -> str:
        """The verdict, with how the cell ended if it did not come to its end; first what makes it doubtful."""
        doubt = self.report.doubt.replace("before the code runs", "before the cell runs")
        return f"{doubt}; {self._told}" if doubt else self._told

    @property
    def _told(self) -> str:
        ending = f"raised {self.error}" if self.error else self.recording.ending
        if self.report.ok and ending:
            return f"the cell {ending}; every crash up to there left the pool whole"
        if not self.report.violations:
            return self.verdict.value
        text = self.report.verdict
        return f"{text}; the cell {ending}" if ending else text

    # ---- as text ----

    def __repr__(self) -> str:
        return "\n".join(self._texts())

    def _texts(self) -> Iterator[str]:
        report = self.report
        yield self.summary
        yield self.coverage
        yield f"outcomes  {self._letters()}"
        yield f"          ({', '.join(f'{OUTCOMES[each].letter} {OUTCOMES[each].meaning}' for each in self._kinds())})"
        if report.counterexample is not None:
            first, *rest = self._places.counterexample(report.counterexample)
            yield f"smallest counterexample: {first}"
            yield from ("  " + line for text in rest for line in text.splitlines())
        if self.timeline.example is not None:
            yield f"  {self._outcome(self.timeline.example[1])}"
        for note in self._notes:
            yield f"note: {note}"
        for line in printed_lines(self.printed):
            yield f"printed: {line}"

    @property
    def _notes(self) -> tuple[str, ...]:
        """Those that the summary does not tell."""
        return tuple(note for note in self.report.notes if note not in (self.report.doubt, self.verdict.value))

    @property
    def coverage(self) -> str:
        """How much of what is possible was looked at."""
        report = self.report
        recoveries = f", and {report.recoveries} more from crashes during recovery" if report.recoveries else ""
        return f"{report.coverage}{recoveries}"

    def _letters(self) -> str:
        results = self.report.results
        if len(results) <= _STRIP:
            return "".join(OUTCOMES[result].letter for result in results)
        return ", ".join(f"{number_text(results.count(kind))} × {OUTCOMES[kind].letter}" for kind in self._kinds())

    def _kinds(self) -> list[str]:
        return [kind for kind in OUTCOMES if kind in self.report.results]

    def _outcome(self, cut: Cut) -> str:
        states = self.timeline.states
        after = "; ".join(states.changes(cut.after)) if cut.after else cut.status
        return f"after recovery: {after or 'as before'}"

    # ---- as HTML ----

    def _repr_html_(self) -> str:
        # Beside the widget one line is enough, until the notebook is opened somewhere where it is not shown.
        return details("the same without a slider", self._page()) if self.interactive else self._page()

    def _page(self) -> str:
        timeline = self.timeline
        check = f"<p>check: <code>{html.escape(self.check)}</code></p>" if self.check else ""
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self._notes)
        printed = html.escape("\n".join(printed_lines(self.printed)))
        return (
            f'<div class="pmem-crash">{verdict_line(self.ok, self.summary)}{check}'
            f"<p>{html.escape(self.coverage)}</p>{outcome_strip(timeline, self.report.results)}"
            f"{self._telling()}{film(timeline)}<ul>{notes}</ul>"
            f"{f'<pre>{printed}</pre>' if printed else ''}</div>"
        )

    def _telling(self) -> str:
        """The one crash that is shown at once: the counterexample, or the one that recovery had most to do for."""
        example = self.report.counterexample
        if self.timeline.example is not None and example is not None:
            told = "\n".join(self._places.counterexample(example))
            text = f'<pre style="white-space:pre-wrap">{html.escape(told)}</pre>'
            head = f"<p><strong>smallest counterexample</strong></p>{text}"
            return head + self._listing() + three_figures(self.graphs, self.timeline.example[1])
        undone = [step for step in self.frames if step.kept.after == "A" != step.kept.at_crash]
        if not undone:
            return ""
        step = undone[-1]
        where = f" ({step.where})" if step.where else ""
        head = f"<p>for example, power cut before step {step.number}, {step.title}{where}; nothing is lost:</p>"
        return head + three_figures(self.graphs, step.kept)

    def _listing(self) -> str:
        """The cell, with marks at the lines that the counterexample is about."""
        example = self.report.counterexample
        if example is None:
            return ""
        marks: dict[int, list[str]] = {}
        for word, stories in (("lost", example.lost), ("kept", example.kept)):
            for store in (store for story in stories for store in story.stores):
                place = self._places.of(store)
                if place is not None and self._places.is_in_the_cell(place):
                    marks.setdefault(place.line, []).append(f"what this stored is {word}")
        place = self._places.of(example.before) if example.before else None
        if place is not None and self._places.is_in_the_cell(place):
            marks.setdefault(place.line, []).append("the power is cut here")
        told = {number: ", ".join(dict.fromkeys(texts)) for number, texts in marks.items()}
        return listing(self._source(), told) if told else ""

    def _source(self) -> list[tuple[int, str]]:
        """The lines of the cell with their numbers; the first one is that of the magic."""
        lines = [line.rstrip("\n") for line in linecache.getlines(self._filename)]
        return list(enumerate(lines, 1))[1:]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    # ---- to be stepped through ----

    @cached_property
    def widget(self) -> TimelineWidget:
        """The timeline with a slider; it needs no kernel once it is shown."""
        return TimelineWidget(data=data_of(self, self._source()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline with its slider to one HTML file that loads nothing, with all that is shown here below.

        Raises:
            MagicUsageError: the file cannot be written.
        """
        body = script(data_of(self, self._source())) + self._page()
        try:
            Path(path).write_bytes(page(self.summary, body))
        except OSError as error:
            what = f"save the result as {os.fspath(path)}"
            raise MagicUsageError(what, error.strerror or str(error), "choose another place") from None
