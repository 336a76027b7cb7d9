"""What cutting the power at every moment of a cell came to."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import Any

from pmemobj.crash import Event, Recording, Report
from pmemobj_magics.crash._looks import OUTCOMES, chip, legend, split_output, verdict_line

__all__ = ["PowerResult", "PowerVerdict"]

_STRIP = 300


class PowerVerdict(Enum):
    """What the power cuts came to; the value is what people are told."""

    SAFE = "every crash that was tried left the pool whole: as before, or as after"
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
        printed: What the cell printed.
        error: The last line of the exception, if the cell raised one.
    """

    def __init__(self, recording: Recording, report: Report, filename: str, check: str) -> None:
        self.recording, self.report, self.check = recording, report, check
        raised = recording.ending.startswith("raised")
        self.printed, self.error = split_output(recording.output, filename) if raised else (recording.output, "")

    @property
    def verdict(self) -> PowerVerdict:
        """What came of it."""
        if not self.report.ok:
            return PowerVerdict.BROKEN
        if not self.report.recovered:
            return PowerVerdict.UNTRIED
        if self.error:
            return PowerVerdict.RAISED
        return PowerVerdict.SAFE if self.recording.returned else PowerVerdict.ENDED

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong."""
        return self.verdict is PowerVerdict.SAFE

    @property
    def steps(self) -> tuple[Event, ...]:
        """Every store, flush and fence of the cell, and what the program was doing."""
        return self.recording.steps

    @property
    def summary(self) -> str:
        """The verdict, with how the cell ended if it did not come to its end."""
        text = self.verdict.value
        if self.verdict is PowerVerdict.BROKEN:
            kinds = ", ".join(f"{name} {count}" for name, count in self.report.counts().items())
            wrong = self.report.results.count("wrong")
            text = f"{wrong} of {len(self.report.results)} crashes leave the pool broken ({kinds})"
        if self.error:
            return f"{text} (the cell raised {self.error})"
        return f"{text} (the cell {self.recording.ending})" if self.recording.ending else text

    def __repr__(self) -> str:
        return "\n".join(self._texts())

    def _texts(self) -> Iterator[str]:
        report = self.report
        yield self.summary
        yield f"{report.coverage}: {report.images} different images at {report.moments} moments"
        yield f"outcomes  {''.join(OUTCOMES[result].letter for result in report.results[:_STRIP])}"
        if report.counterexample is not None:
            yield f"smallest counterexample: {report.counterexample}"
        for note in report.notes:
            yield f"note: {note}"
        for line in self.printed.splitlines():
            yield f"printed: {line}"

    def _repr_html_(self) -> str:
        return f'<div class="pmem-crash">{verdict_line(self.ok, self.summary)}{self._strip()}</div>'

    def _strip(self) -> str:
        counts = Counter(self.report.results)
        cells = "".join(chip(OUTCOMES[result]) for result in self.report.results[:_STRIP])
        return f"<p>{html.escape(self.report.coverage)}</p><p>{cells}</p>{legend(OUTCOMES[each] for each in counts)}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
