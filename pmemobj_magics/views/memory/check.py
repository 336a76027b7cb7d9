"""`CheckReport`: what an examination of a pool has found, with a line for each finding."""

from __future__ import annotations

import html
import os
from typing import Any

from pmemobj import Report
from pmemobj_magics.common.texts import plural

__all__ = ["CheckReport"]

#: Colours that are readable on a light and on a dark background.
_GREEN, _RED, _BLUE = "#1a8f4a", "#d1453b", "#3b82d6"


class CheckReport:
    """The damage that an examination of a pool has found.

    Attributes:
        report: What `pmemobj.check` found.
        name: The name of the pool for the user.
    """

    def __init__(self, report: Report, name: str) -> None:
        self.report, self.name = report, name

    @property
    def ok(self) -> bool:
        """Whether the pool has no damage; there may be findings that are only information."""
        return self.report.ok

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        report = self.report
        objects = plural(report.objects, "object")
        if report.ok:
            return f"{self.name}: no damage found in {objects}"
        return f"{self.name}: {plural(len(report.errors), 'error')} in {objects}"

    def __repr__(self) -> str:
        lines = [f"{'✓' if self.ok else '✗'} {self.summary}"]
        lines += [f"  {finding}" for finding in self.report.findings]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        colour = _GREEN if self.ok else _RED
        sign = f'<span style="color:{colour};font-weight:bold">{"✓" if self.ok else "✗"}</span>'
        items = []
        for finding in self.report.findings:
            colour = _RED if finding.severity == "error" else _BLUE
            word = f'<span style="color:{colour};font-weight:bold">{html.escape(finding.severity)}</span>'
            at = "" if finding.offset is None else f" <small>(at {finding.offset:#x})</small>"
            items.append(f"<li>{word} <code>{html.escape(finding.path)}</code>{at}: {html.escape(finding.text)}</li>")
        found = f"<ul>{''.join(items)}</ul>" if items else ""
        file = html.escape(os.path.basename(self.report.path))
        return f'<div class="pmem">{sign} {html.escape(self.summary)} <small>({file})</small>{found}</div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}
