"""`PowerResult`: a recorded cell, with the power cut before every step."""

from __future__ import annotations

import html
import linecache
import os
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from typing import Any

from pmemobj.crash import Event, Exploration, Recording
from pmemobj_magics.common.pages import details, page, write_file
from pmemobj_magics.common.texts import number_text
from pmemobj_magics.views.crash.film import film, outcome_strip, three_figures
from pmemobj_magics.views.crash.looks import OUTCOMES, listing, printed_lines, split_output, verdict_line
from pmemobj_magics.views.crash.places import Places
from pmemobj_magics.views.crash.timeline import Cut, Step, timeline
from pmemobj_magics.views.crash.widget import TimelineWidget, data_of, script
from pmemobj_magics.views.graph import PoolGraph, clip, news

__all__ = ["PowerResult", "PowerVerdict"]

#: The largest number of crashes with a letter each in the text.
_STRIP = 60


class PowerVerdict(Enum):
    """The verdict on all power cuts; the value is the text for the user."""

    SAFE = "after every simulated power cut the pool was as before the cell, or as after it"
    UNCHANGED = "the cell changed nothing, so there is nothing that a power cut could break"
    BROKEN = "some simulated power cuts leave a wrong state"
    RAISED = "the cell raised an exception; no simulated power cut before it broke the pool"
    ENDED = "the cell did not reach its end; no simulated power cut before that broke the pool"
    UNTRIED = "no power cut was simulated, because the time limit was reached before the first one"


class PowerResult:
    """A recorded cell, with the power cut before every step, in all ways that the model allows.

    Attributes:
        recording: What the cell did to the pool.
        report: What `pmemobj.crash` found.
        check: The text of the check, or an empty string.
        timeline: The state of the pool at each step.
        printed: The text that the cell printed.
        error: The last line of the exception, if the cell raised one.
        interactive: Whether `widget` is shown beside this result.
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

    # ---- the verdict ----

    @property
    def verdict(self) -> PowerVerdict:
        """The verdict."""
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
        """Whether the cell reached its end, and no power cut did harm."""
        return self.verdict in (PowerVerdict.SAFE, PowerVerdict.UNCHANGED)

    @property
    def steps(self) -> tuple[Event, ...]:
        """Every store, flush and fence of the cell, and remarks of the program."""
        return self.recording.steps

    @property
    def frames(self) -> tuple[Step, ...]:
        """The moments before these steps, with cache lines, undo log, and the states before and after recovery."""
        return self.timeline.steps

    @cached_property
    def graphs(self) -> dict[str, PoolGraph]:
        """The states of the pool by letter; new and changed objects since A, the state before the cell, are marked."""
        states = self.timeline.states.graphs
        return {
            letter: PoolGraph(clip(graph, *self._limits), marks=news(states["A"], graph), frame=letter)
            for letter, graph in states.items()
        }

    @property
    def summary(self) -> str:
        """The verdict in words: first what makes it doubtful, last how the cell ended if it did not reach its end."""
        doubt = self.report.doubt.replace("before the code runs", "before the cell runs")
        return f"{doubt}; {self._told}" if doubt else self._told

    @property
    def _told(self) -> str:
        ending = f"raised {self.error}" if self.error else self.recording.ending
        if self.report.ok and ending:
            return f"the cell {ending}; no simulated power cut before that broke the pool"
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
        yield f"          ({', '.join(f'{OUTCOMES[each].mark} {OUTCOMES[each].meaning}' for each in self._kinds())})"
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
        """The notes that are not part of the summary."""
        return tuple(note for note in self.report.notes if note not in (self.report.doubt, self.verdict.value))

    @property
    def coverage(self) -> str:
        """How many of the possible states were tried."""
        report = self.report
        recoveries = f"; also {number_text(report.recoveries)} crashes during recovery" if report.recoveries else ""
        return f"{report.coverage}{recoveries}"

    def _letters(self) -> str:
        results = self.report.results
        if len(results) <= _STRIP:
            return "".join(OUTCOMES[result].mark for result in results)
        return ", ".join(f"{number_text(results.count(kind))} × {OUTCOMES[kind].mark}" for kind in self._kinds())

    def _kinds(self) -> list[str]:
        return [kind for kind in OUTCOMES if kind in self.report.results]

    def _outcome(self, cut: Cut) -> str:
        states = self.timeline.states
        after = "; ".join(states.changes(cut.after)) if cut.after else cut.status
        return f"after recovery: {after or 'as before the cell'}"

    # ---- as HTML ----

    def _repr_html_(self) -> str:
        # Beside the widget this is folded; it is for viewers that do not show the widget.
        return details("static version", self._page()) if self.interactive else self._page()

    def _page(self) -> str:
        timeline = self.timeline
        check = f"<p>your check: <code>{html.escape(self.check)}</code></p>" if self.check else ""
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self._notes)
        printed = html.escape("\n".join(printed_lines(self.printed)))
        return (
            f'<div class="pmem-crash">{verdict_line(self.ok, self.summary)}{check}'
            f"<p>{html.escape(self.coverage)}</p>{outcome_strip(timeline, self.report.results)}"
            f"{self._telling()}{film(timeline)}<ul>{notes}</ul>"
            f"{f'<pre>{printed}</pre>' if printed else ''}</div>"
        )

    def _telling(self) -> str:
        """The power cut that is shown unfolded: the counterexample, or the last one that recovery had to undo."""
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
        head = f"<p>For example: power cut before step {step.number}, {step.title}{where}; no data is lost.</p>"
        return head + three_figures(self.graphs, step.kept)

    def _listing(self) -> str:
        """The source of the cell, with marks at the lines that the counterexample is about."""
        example = self.report.counterexample
        if example is None:
            return ""
        marks: dict[int, list[str]] = {}
        for word, stories in (("lost", example.lost), ("kept", example.kept)):
            for store in (store for story in stories for store in story.stores):
                place = self._places.of(store)
                if place is not None and self._places.is_in_the_cell(place):
                    marks.setdefault(place.line, []).append(f"the data that this line stored is {word}")
        place = self._places.of(example.before) if example.before else None
        if place is not None and self._places.is_in_the_cell(place):
            marks.setdefault(place.line, []).append("the power is cut here")
        told = {number: ", ".join(dict.fromkeys(texts)) for number, texts in marks.items()}
        return listing(self._source(), told) if told else ""

    def _source(self) -> list[tuple[int, str]]:
        """The numbered lines of the cell below the line of the magic."""
        lines = [line.rstrip("\n") for line in linecache.getlines(self._filename)]
        return list(enumerate(lines, 1))[1:]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    # ---- the timeline with a slider ----

    @cached_property
    def widget(self) -> TimelineWidget:
        """The timeline with a slider; once it is shown it needs no kernel."""
        return TimelineWidget(data=data_of(self, self._source()))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline with its slider, and below it the static version, to one HTML file that loads nothing.

        Raises:
            MagicUsageError: the ending is not .html, or the file cannot be written.
        """
        body = script(data_of(self, self._source())) + self._page()
        write_file("the result", path, {".html": lambda: page(self.summary, body)})
