"""What killing a cell at every change came to."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pmemobj.crash import CrashReport, Verdict
from pmemobj_magics.crash._kill import CrashResult
from pmemobj_magics.crash._looks import OUTCOMES, Sign, chip, details, figure, legend, row, verdict_line
from pmemobj_magics.crash._states import differences
from pmemobj_magics.display import number_text, plural

__all__ = ["SweepResult"]

_STORED = 4


class SweepResult:
    """A cell killed at one change after another, and once more just before its commit.

    Attributes:
        report: What `pmemobj.crash` found each time, in the order of the changes.
        steps: How many changes the cell makes.
        stopped: Why there are fewer than that, or an empty string.
    """

    def __init__(
        self, reports: Sequence[CrashReport], filename: str, max_nodes: int, max_items: int, stopped: str = ""
    ) -> None:
        self.report = tuple(reports)
        self.steps = max(report.changes for report in reports)
        self.stopped = stopped
        self._looks = filename, max_nodes, max_items

    @property
    def verdict(self) -> Verdict:
        """The worst of the verdicts; where none is bad, that of the kill just before the commit."""
        return next((report.verdict for report in self.report if not report.ok), self.report[-1].verdict)

    @property
    def ok(self) -> bool:
        """Whether the pool came back as it was before, each time."""
        return all(report.ok for report in self.report)

    @property
    def frames(self) -> tuple[Any, ...]:
        """Titles and graphs of the first kill that went wrong; else of the last."""
        return self.at(self._telling).frames

    @property
    def _telling(self) -> int:
        return next((number for number, report in enumerate(self.report) if not report.ok), len(self.report) - 1)

    def at(self, number: int) -> CrashResult:
        """One of the kills, by its place in `report`."""
        return CrashResult(self.report[number], *self._looks)

    @property
    def summary(self) -> str:
        """How often it was killed, and what became of the pool."""
        kills = [report for report in self.report if report.at is not None]
        last = self.at(len(self.report) - 1)
        if last.error:
            whole = f"the cell raised {last.error}"
        elif last.report.ending:
            whole = f"the cell {last.report.ending.replace('killed', 'was killed')}"
        else:
            whole = "the cell was killed just before its commit"
        tried = f"{number_text(len(kills))} of {plural(self.steps, 'change')}"
        good = "every time the pool came back as it was before"
        failed = sum(not report.ok for report in self.report)
        bad = f"{plural(failed, 'time')} it did not come back as it was: {self.verdict.value}"
        return f"killed after {tried}; then {whole}: {good if self.ok else bad}"

    def __repr__(self) -> str:
        lines = [self.summary, f"outcomes  {''.join(_sign(report).letter for report in self.report)}"]
        counts = Counter(report.verdict for report in self.report)
        lines += [f"  {count} × {verdict.value}" for verdict, count in counts.items()]
        if self.stopped:
            lines.append(f"note: {self.stopped}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        strip = "".join(chip(_sign(report), f"{_when(report)}: {report.verdict.value}") for report in self.report)
        stopped = f"<p>{html.escape(self.stopped)}</p>" if self.stopped else ""
        kept = (Sign("r", OUTCOMES["old"].colour, "rolled back: as before"), OUTCOMES["wrong"], _OTHER)
        films = "".join(
            details(f"{chip(_sign(report))} {html.escape(_when(report))}", self._film(report)) for report in self.report
        )
        return (
            f'<div class="pmem-crash">{verdict_line(self.ok, self.summary)}<p>{strip}</p>{legend(kept)}{stopped}'
            f"{row(_figures(self.at(self._telling)))}"
            f"{details('each kill, and what it had stored', films)}</div>"
        )

    def _film(self, report: CrashReport) -> str:
        stored = differences(report.before, report.at_crash) or ["nothing that the root reaches"]
        items = "".join(f"<li><code>{html.escape(text)}</code></li>" for text in stored[: 2 * _STORED])
        return f"<p>stored when it died:</p><ul>{items}</ul><p>{html.escape(report.verdict.value)}</p>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


_OTHER = Sign("e", "#bbbbbb", "it ended by itself, or had changed nothing")


def _sign(report: CrashReport) -> Sign:
    if not report.ok:
        return OUTCOMES["wrong"]
    return Sign("r", OUTCOMES["old"].colour, "rolled back") if report.verdict is Verdict.ROLLED_BACK else _OTHER


def _when(report: CrashReport) -> str:
    return f"after change {report.at}" if report.at is not None else "just before the commit"


def _figures(result: CrashResult) -> list[str]:
    return [figure(title, graph) for title, graph in result.frames]
