"""`JournalView`: the journal of a pool beside libpmemobj's undo log, as text and as two tables side by side."""

from __future__ import annotations

import html
from typing import Any

from pmemobj.inspect import JournalRecord, PresentLogs
from pmemobj_magics.common.texts import number_text, plural

__all__ = ["JournalView"]

_LEFT = 'style="text-align:left;vertical-align:top;padding-right:1em"'


class JournalView:
    """What the logs of a pool had when this was made.

    Args:
        name: The name of the pool for the user.
        logs: What was found.

    Attributes:
        logs: As given.
    """

    def __init__(self, name: str, logs: PresentLogs) -> None:
        self.name, self.logs = name, logs

    @property
    def title(self) -> str:
        """Which logs these are."""
        return f"logs of {self.name} ({self.logs.durability})"

    def __repr__(self) -> str:
        return f"{self.title}\n{self.logs.text()}"

    def _repr_html_(self) -> str:
        logs = self.logs
        journal = [_row("th", "record", "page", "lines", "what lies there")] if logs.records else []
        for record in logs.records:
            journal += _record_rows(record)
        if logs.waiting_text:
            journal.append(f"<tr><td colspan='4' {_LEFT}><i>{html.escape(logs.waiting_text)}</i></td></tr>")
        undo = [_row("th", "what", "bytes", "before")] if logs.copies else []
        undo += [_row("td", copy.where, number_text(copy.size), copy.before) for copy in logs.copies]
        if logs.hidden:
            undo.append(_row("td", f"and {number_text(logs.hidden)} more", "", ""))
        tables = "".join(
            f"<td {_LEFT}><b>{html.escape(text)}</b><table>{''.join(rows)}</table></td>"
            for text, rows in ((logs.undo_text, undo), (logs.journal_text, journal))
        )
        return f'<div class="pmem"><strong>{html.escape(self.title)}</strong><table><tr>{tables}</tr></table></div>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _record_rows(record: JournalRecord) -> list[str]:
    names = [f"{number_text(record.number)} ({plural(record.size, 'byte')})", *[""] * len(record.pages)]
    rows = [
        _row("td", name, number_text(page.number), page.line_numbers, page.what)
        for name, page in zip(names, record.pages, strict=False)
    ]
    if record.hidden:
        rows.append(_row("td", "", f"and {number_text(record.hidden)} more", "", ""))
    return rows


def _row(tag: str, *cells: str) -> str:
    return f"<tr>{''.join(f'<{tag} {_LEFT}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
