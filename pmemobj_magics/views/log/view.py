"""What `%pmem_log` returns: the entries, and how they show themselves.

Text has no times, so that it is the same in every run; the table and the picture have them.
"""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterator, Sequence
from typing import Any

from pmemobj import LogEntry
from pmemobj_magics.display import plural
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.log.signs import STEPS, end_of
from pmemobj_magics.views.log.strip import draw, time_text

__all__ = ["LogView"]

#: Changes of an entry that are shown; the steps, which open at a click, have no such limit.
_CHANGES = 4
_LEFT = 'style="text-align:left;vertical-align:top"'


class LogView:
    """Entries of the log of a pool.

    Args:
        name: How the pool is called.
        entries: What is shown, the oldest first.
        recorded: How many entries there have been in all.
        state: Whether the log is recording, or why not, in words.
        times: Whether the text has times, too.
        line_name: Gives a line of the program a name, such as ``line 2 of In[5]``.

    Attributes:
        entries: What is shown.
    """

    def __init__(
        self,
        name: str,
        entries: Sequence[LogEntry],
        recorded: int,
        state: str,
        *,
        times: bool = False,
        line_name: Any = None,
    ) -> None:
        self.entries = tuple(entries)
        self._name, self._recorded, self._state, self._times = name, recorded, state, times
        self._line_name = line_name

    @property
    def title(self) -> str:
        """How much of what is shown."""
        count = len(self.entries)
        shown = f"the last {count} of {self._recorded} entries" if count < self._recorded else _entries(count)
        return f"log of {self._name}: {shown} ({self._state})"

    @property
    def svg(self) -> str:
        """The strip: what happened to which object, one column for each step."""
        return draw(self.entries)

    def save(self, path: str) -> None:
        """Write it to a file that loads nothing.

        Raises:
            DrawingError: the name does not end in .svg or .html, or it cannot be written.
        """
        kind = os.path.splitext(path)[1].lower()
        if kind not in (".svg", ".html"):
            raise DrawingError(f"save the log to {path}", "its ending is neither .svg nor .html", "choose one of them")
        style = ":root { color-scheme: light dark } body { margin: 1rem; font-family: sans-serif }"
        head = f'<meta charset="utf-8"><title>{html.escape(self.title)}</title><style>{style}</style>'
        page = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{self._repr_html_()}</body></html>\n'
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.svg if kind == ".svg" else page)
        except OSError as error:
            raise DrawingError(
                f"save the log to {path}", error.strerror or str(error), "choose another place"
            ) from None

    # ---- as text ----

    def __repr__(self) -> str:
        return "\n".join([self.title, *(line for entry in self.entries for line in self._lines(entry))])

    def _lines(self, entry: LogEntry) -> Iterator[str]:
        yield f"{entry.number:>4} {end_of(entry.outcome).mark} {entry.title}"
        if entry.line is not None and entry.line.text:
            yield f"       {entry.line.text}"
        for change in entry.changes[:_CHANGES]:
            yield f"         {change}"
        more = len(entry.changes[_CHANGES:]) + entry.unnamed
        if more:
            yield f"         and {plural(more, 'further change')}"
        if entry.cost:
            yield f"       {entry.cost}"
        if self._times:
            yield f"       {self._time_text(entry)}"

    @staticmethod
    def _time_text(entry: LogEntry) -> str:
        return f"after {time_text(entry.began)}, took {time_text(max(0.0, entry.ended - entry.began))}"

    # ---- as a table and a picture ----

    def _repr_html_(self) -> str:
        title = f"<strong>{html.escape(self.title)}</strong>"
        if not self.entries:
            return f'<div class="pmem">{title}</div>'
        svg = self.svg
        data = base64.b64encode(svg.encode()).decode()
        width = svg.partition(' width="')[2].partition('"')[0]
        alt = html.escape(f"strip of {_entries(len(self.entries))}", quote=True)
        # An image, because notebooks that are not trusted drop SVG from HTML.
        look = f"max-width:100%;width:{width}px;height:auto"
        picture = f'<img alt="{alt}" style="{look}" src="data:image/svg+xml;base64,{data}">'
        head = "".join(f"<th {_LEFT}>{name}</th>" for name in ("", "what", "changes", "how", "when"))
        rows = "".join(self._row(entry) for entry in self.entries)
        return f'<div class="pmem">{title}<div>{picture}</div><table><tr>{head}</tr>{rows}</table></div>'

    def _row(self, entry: LogEntry) -> str:
        sign = end_of(entry.outcome)
        mark = f'<span title="{html.escape(sign.meaning, quote=True)}">{entry.number}&nbsp;{sign.mark}</span>'
        what = html.escape(entry.title)
        if entry.line is not None and entry.line.text:
            place = f" <small>({html.escape(self._line_name(entry.line))})</small>" if self._line_name else ""
            what += f"<br><code>{html.escape(entry.line.text)}</code>{place}"
        changes = [f"<code>{html.escape(str(change))}</code>" for change in entry.changes[:_CHANGES]]
        more = entry.changes[_CHANGES:]
        if more or entry.unnamed:
            further = "".join(f"<code>{html.escape(str(change))}</code><br>" for change in more)
            beyond = f"and {plural(entry.unnamed, 'change')} that are not kept" if entry.unnamed else ""
            count = plural(len(more) + entry.unnamed, "further change")
            changes.append(f"<details><summary>{count}</summary>{further}{beyond}</details>")
        cells = (mark, what, "<br>".join(changes), _how(entry), html.escape(self._time_text(entry)))
        return f"<tr>{''.join(f'<td {_LEFT}>{cell}</td>' for cell in cells)}</tr>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _how(entry: LogEntry) -> str:
    """What an entry asked of libpmemobj; at a click, step by step."""
    summary = html.escape(entry.cost) or "nothing"
    steps = [f"<li>{_step(step)}</li>" for step in entry.steps]
    if entry.hidden:
        steps.append(f"<li>and {plural(entry.hidden, 'step')} more</li>")
    return f"<details><summary>{summary}</summary><ol>{''.join(steps)}</ol></details>" if steps else summary


def _step(step: Any) -> str:
    size = f", {plural(step.size, 'byte')}" if step.size else ""
    sign = STEPS.get(step.what)
    word = f'<span title="{html.escape(sign.meaning, quote=True)}">{step.what}</span>' if sign else step.what
    return f"{word} <code>{html.escape(step.text)}</code>{size}"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"
