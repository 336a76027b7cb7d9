"""`LogView`: entries of the history of transactions, which show and save themselves.

The text has no times, so that it is the same in every run; the table and the picture have times.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

from pmemobj import LogEntry
from pmemobj_magics.common.pages import image, page, svg_file, write_file
from pmemobj_magics.common.texts import number_text, plural
from pmemobj_magics.views.log.picture import draw, time_text
from pmemobj_magics.views.log.signs import STEPS, outcome_sign

__all__ = ["LogView"]

#: The largest number of changes of an entry; the steps, which unfold at a click, have no such limit.
_CHANGES = 4
_LEFT = 'style="text-align:left;vertical-align:top"'


class LogView:
    """Entries of the history of a pool.

    Args:
        name: The name of the pool for the user.
        entries: The entries to show, the oldest first.
        recorded: The number of all entries that were ever recorded.
        state: Whether the history is being recorded, or why not, in words.
        times: Whether the text shows times.
        line_name: A function that names a line of the program, such as ``line 2 of In[5]``.

    Attributes:
        entries: The entries that are shown.
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
        """The pool, how many of its entries are shown, and whether recording continues."""
        count = len(self.entries)
        shown = _entries(count)
        if count < self._recorded:
            shown = f"the last {number_text(count)} of {_entries(self._recorded)}"
        return f"history of {self._name}: {shown} ({self._state})"

    @property
    def svg(self) -> str:
        """The picture: what happened to which object, with a column for each step."""
        return draw(self.entries)

    def save(self, path: str) -> None:
        """Write the history to a file that loads nothing, in the format that its ending names: .svg or .html.

        Raises:
            MagicUsageError: the ending is another one, or the file cannot be written.
        """
        writers = {
            ".svg": lambda: svg_file(self.svg),
            ".html": lambda: page(self.title, self._repr_html_()),
        }
        write_file("the history", path, writers)

    # ---- as text ----

    def __repr__(self) -> str:
        return "\n".join([self.title, *(line for entry in self.entries for line in self._lines(entry))])

    def _lines(self, entry: LogEntry) -> Iterator[str]:
        yield f"{entry.number:>4} {outcome_sign(entry.outcome).mark} {entry.title}"
        if entry.line is not None and entry.line.text:
            yield f"       {entry.line.text}"
        for change in entry.changes[:_CHANGES]:
            yield f"         {change}"
        more = len(entry.changes[_CHANGES:]) + entry.unnamed
        if more:
            yield f"         and {plural(more, 'further change')}"
        if entry.cost:
            yield f"       {entry.cost}"
        if entry.journal:
            yield f"       journal: {entry.journal}"
        if self._times:
            yield f"       {self._time_text(entry)}"

    @staticmethod
    def _time_text(entry: LogEntry) -> str:
        return f"began after {time_text(entry.began)}, took {time_text(max(0.0, entry.ended - entry.began))}"

    # ---- as a table and a picture ----

    def _repr_html_(self) -> str:
        title = f"<strong>{html.escape(self.title)}</strong>"
        if not self.entries:
            return f'<div class="pmem">{title}</div>'
        picture = image(self.svg, f"picture of {_entries(len(self.entries))}")
        head = "".join(f"<th {_LEFT}>{name}</th>" for name in ("", "what", "changes", "steps", "time"))
        rows = "".join(self._row(entry) for entry in self.entries)
        return f'<div class="pmem">{title}<div>{picture}</div><table><tr>{head}</tr>{rows}</table></div>'

    def _row(self, entry: LogEntry) -> str:
        sign = outcome_sign(entry.outcome)
        mark = f'<span title="{html.escape(sign.meaning, quote=True)}">{entry.number}&nbsp;{sign.mark}</span>'
        what = html.escape(entry.title)
        if entry.line is not None and entry.line.text:
            place = f" <small>({html.escape(self._line_name(entry.line))})</small>" if self._line_name else ""
            what += f"<br><code>{html.escape(entry.line.text)}</code>{place}"
        changes = [f"<code>{html.escape(str(change))}</code>" for change in entry.changes[:_CHANGES]]
        more = entry.changes[_CHANGES:]
        if more or entry.unnamed:
            further = "".join(f"<code>{html.escape(str(change))}</code><br>" for change in more)
            beyond = f"({plural(entry.unnamed, 'change')} not kept)" if entry.unnamed else ""
            count = plural(len(more) + entry.unnamed, "further change")
            changes.append(f"<details><summary>{count}</summary>{further}{beyond}</details>")
        cells = (mark, what, "<br>".join(changes), _how(entry), html.escape(self._time_text(entry)))
        return f"<tr>{''.join(f'<td {_LEFT}>{cell}</td>' for cell in cells)}</tr>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _how(entry: LogEntry) -> str:
    """The cost of an entry in calls of libpmemobj, which unfolds to the single steps, and what the journal took."""
    summary = html.escape(entry.cost) or "no steps"
    steps = [f"<li>{_step(step)}</li>" for step in entry.steps]
    if entry.hidden:
        steps.append(f"<li>and {plural(entry.hidden, 'step')} more</li>")
    told = f"<details><summary>{summary}</summary><ol>{''.join(steps)}</ol></details>" if steps else summary
    return f"{told}journal: {html.escape(entry.journal)}" if entry.journal else told


def _step(step: Any) -> str:
    size = f", {plural(step.size, 'byte')}" if step.size else ""
    sign = STEPS.get(step.what)
    word = f'<span title="{html.escape(sign.meaning, quote=True)}">{step.what}</span>' if sign else step.what
    return f"{word} <code>{html.escape(step.text)}</code>{size}"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{number_text(count)} entries"
