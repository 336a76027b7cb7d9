"""`CrashResult`: one kill, with the pool before the cell or the transaction, at the crash, and after recovery."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pmemobj.crash import CrashReport, Verdict
from pmemobj_magics.common.texts import plural
from pmemobj_magics.views.crash.looks import WRAPPED, note, printed_lines, row, split_output, verdict_line
from pmemobj_magics.views.graph import PoolGraph, clip, figure, news

__all__ = ["CrashResult", "marks_text"]

#: What a report says of code that raised an exception, so that it could not be killed.
_RAISED = "not killed"
#: What such code left.
_LEFT = {
    Verdict.RAISED: "its transaction was rolled back",
    Verdict.RAISED_ALONE: "nothing of it is stored",
}


class CrashResult:
    """One kill in three pictures: before the cell or the transaction, at the crash, after recovery.

    Args:
        report: The report.
        filename: The name of the cell in tracebacks; an empty string if no cell was run.
        max_nodes: The largest number of objects in a picture.
        max_items: The largest number of entries of each object.
        notes: What the user must know about the way in which the cell was run.

    Attributes:
        report: What `pmemobj.crash` found.
        frames: The titles and graphs; new and changed objects since the first graph are marked.
        printed: The text that the cell printed.
        error: The last line of the exception, if the cell raised one and was not killed.
    """

    def __init__(
        self, report: CrashReport, filename: str, max_nodes: int, max_items: int, notes: Sequence[str] = (WRAPPED,)
    ) -> None:
        self.report = report
        self._said = notes
        self._marks = [news(report.before, graph) for _, graph in report.frames]
        self.frames: tuple[tuple[str, PoolGraph], ...] = tuple(
            (title, PoolGraph(clip(graph, max_nodes, max_items), marks=marks, frame=title))
            for (title, graph), marks in zip(report.frames, self._marks, strict=True)
        )
        raised = report.ending == _RAISED
        self.printed, self.error = split_output(report.output, filename) if raised else (report.output, "")

    @property
    def verdict(self) -> Verdict:
        """The state of the pool after recovery."""
        return self.report.verdict

    @property
    def steps(self) -> int:
        """The number of changes to the pool that the cell had made when it died."""
        return self.report.changes

    @property
    def ok(self) -> bool:
        """Whether recovery restored the state before the cell."""
        return self.report.ok

    @property
    def _is_well(self) -> bool:
        """Whether nothing is torn."""
        return self.ok or self.verdict is Verdict.STORED

    @property
    def summary(self) -> str:
        """When the cell died, and the verdict."""
        if self.error:
            left = _LEFT.get(self.verdict, self.verdict.value)
            return f"the cell was not killed, because it raised {self.error}; {left}"
        return f"{self._moment()}: {self.verdict.value}"

    def _moment(self) -> str:
        made, at = plural(self.steps, "change"), self.report.at
        if self.report.ending:
            return f"{self.report.ending}, after {made}"
        if at is None:
            return f"{self.report.moment}, after {made}"
        if self.steps < at:
            return f"{self.report.moment}, because the cell makes only {made}"
        return self.report.moment

    def __repr__(self) -> str:
        width = max(len(title) for title, _ in self.frames)
        lines = [
            f"{title:{width}}  {graph!r}{marks_text(marks)}"
            for (title, graph), marks in zip(self.frames, self._marks, strict=True)
        ]
        printed = [f"printed: {line}" for line in printed_lines(self.printed)]
        notes = [f"note: {text}" for text in self._notes]
        return "\n".join([*lines, self.summary, *notes, *printed])

    @property
    def _notes(self) -> list[str]:
        return [text for text in (self.report.hint, *self._said) if text]

    def _repr_html_(self) -> str:
        figures = [figure(title, graph) for title, graph in self.frames]
        text = html.escape("\n".join(printed_lines(self.printed)))
        printed = f"<pre>{text}\n</pre>" if text else ""
        return (
            f'<div class="pmem-crash">{verdict_line(self._is_well, self.summary)}{"".join(map(note, self._notes))}'
            f"{row(figures)}{printed}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def marks_text(marks: dict[int, str]) -> str:
    """`` with 1 new, 2 changed``; an empty string without marks."""
    counts = Counter(marks.values())
    texts = [f"{counts[mark]} {mark}" for mark in ("new", "changed") if counts[mark]]
    return f" with {', '.join(texts)}" if texts else ""
