"""`SweepResult`: a cell that was killed after every change."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

from pmemobj.crash import CrashReport, Verdict
from pmemobj_magics.common.pages import details
from pmemobj_magics.common.signs import Sign, chip, legend
from pmemobj_magics.common.texts import number_text, plural
from pmemobj_magics.views.crash.kill import CrashResult
from pmemobj_magics.views.crash.looks import OUTCOMES, WRAPPED, note, row, verdict_line
from pmemobj_magics.views.crash.states import differences
from pmemobj_magics.views.graph import figure

__all__ = ["SweepResult"]

#: The largest number of stored values that are listed for a kill.
_STORED = 8


class SweepResult:
    """A cell that was killed after one change after another, and once more just before its commit.

    Attributes:
        report: What `pmemobj.crash` found for each kill, in the order of the changes.
        steps: The number of changes that the cell makes.
        stopped: Why not all of them were tried, or an empty string.
    """

    def __init__(
        self,
        reports: Sequence[CrashReport],
        filename: str,
        max_nodes: int,
        max_items: int,
        stopped: str = "",
        notes: Sequence[str] = (WRAPPED,),
    ) -> None:
        self.report = tuple(reports)
        self.steps = max(report.changes for report in reports)
        self.stopped = stopped
        self._said = notes
        self._looks = filename, max_nodes, max_items, notes

    @property
    def verdict(self) -> Verdict:
        """The first bad verdict, or else the verdict of the kill just before the commit."""
        return next((report.verdict for report in self.report if not report.ok), self.report[-1].verdict)

    @property
    def ok(self) -> bool:
        """Whether recovery restored the state before the cell after every kill."""
        return all(report.ok for report in self.report)

    @property
    def frames(self) -> tuple[Any, ...]:
        """The titles and graphs of the first bad kill, or else of the last kill."""
        return self.at(self._telling).frames

    @property
    def _telling(self) -> int:
        return next((number for number, report in enumerate(self.report) if not report.ok), len(self.report) - 1)

    def at(self, number: int) -> CrashResult:
        """The result of one kill, by its index in `report`."""
        return CrashResult(self.report[number], *self._looks)

    @property
    def summary(self) -> str:
        """How often the cell was killed, and the state of the pool after recovery."""
        if self._nothing:
            return "the cell changed nothing, so there is nothing that a kill could break"
        last = self.at(len(self.report) - 1)
        if last.error:
            whole = f"the cell raised {last.error}"
        elif last.report.ending:
            whole = f"the cell {last.report.ending.replace('killed', 'was killed')}"
        else:
            whole = "the cell was killed just before its commit"
        if not self.steps and self.ok:
            return f"{whole}: recovery restored the state before the cell"
        if len(self.report) == 1:
            tried = f"{whole}, but after none of its {plural(self.steps, 'change')}"
        else:
            tried = f"killed after {number_text(len(self.report) - 1)} of {plural(self.steps, 'change')}; then {whole}"
        return f"{tried}: {self._came_back if self.ok else self._broken}"

    @property
    def _nothing(self) -> bool:
        """Whether the cell came to its end without a change."""
        return self.ok and not self.steps and not self.report[-1].ending

    @property
    def _came_back(self) -> str:
        """The state of the pool after recovery, and how many of the possible kills were tried."""
        whole = "recovery restored the state before the cell"
        if len(self.report) == self.steps + 1:
            return f"{whole} every time"
        tried = f"{number_text(len(self.report))} of {plural(self.steps + 1, 'kill')}"
        if len(self.report) == 1:
            return f"{tried} was tried, and {whole}"
        return f"{tried} were tried, and {whole} every time"

    @property
    def _broken(self) -> str:
        failed = sum(not report.ok for report in self.report)
        return f"{plural(failed, 'kill')} left the pool in another state: {self.verdict.value}"

    @property
    def _notes(self) -> list[str]:
        hints = dict.fromkeys(report.hint for report in self.report)
        return [text for text in chain([self.stopped], hints, self._said) if text]

    def __repr__(self) -> str:
        lines = [self.summary, f"outcomes  {''.join(_sign(report).mark for report in self.report)}"]
        counts = Counter(report.verdict for report in self.report)
        lines += [f"  {count} × {verdict.value}" for verdict, count in counts.items()]
        return "\n".join([*lines, *(f"note: {text}" for text in self._notes)])

    def _repr_html_(self) -> str:
        strip = "".join(chip(_sign(report), f"{_when(report)}: {report.verdict.value}") for report in self.report)
        notes = "".join(map(note, self._notes))
        kept = (Sign("r", OUTCOMES["old"].colour, "rolled back: as before the cell"), OUTCOMES["wrong"], _OTHER)
        films = "".join(
            details(f"{chip(_sign(report))} {html.escape(_when(report))}", self._film(report)) for report in self.report
        )
        return (
            f'<div class="pmem-crash">{verdict_line(self.ok, self.summary)}<p>{strip}</p>{legend(kept)}{notes}'
            f"{row(_figures(self.at(self._telling)))}"
            f"{details('each kill, with the values that the cell had stored', films)}</div>"
        )

    def _film(self, report: CrashReport) -> str:
        stored = differences(report.before, report.at_crash) or ["no value that the root reaches"]
        items = "".join(f"<li><code>{html.escape(text)}</code></li>" for text in stored[:_STORED])
        return f"<p>Stored when the cell was killed:</p><ul>{items}</ul><p>{html.escape(report.verdict.value)}</p>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


_OTHER = Sign("e", "#bbbbbb", "the cell ended without a kill, or had changed nothing")


def _sign(report: CrashReport) -> Sign:
    if not report.ok:
        return OUTCOMES["wrong"]
    return Sign("r", OUTCOMES["old"].colour, "rolled back") if report.verdict is Verdict.ROLLED_BACK else _OTHER


def _when(report: CrashReport) -> str:
    return f"after change {report.at}" if report.at is not None else "just before the commit"


def _figures(result: CrashResult) -> list[str]:
    return [figure(title, graph) for title, graph in result.frames]
