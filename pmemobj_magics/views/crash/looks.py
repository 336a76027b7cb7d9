"""What the results of all kinds of crash share: signs, the verdict, notes, listings, and the text that a cell printed.

Elements without a colour of their own have the colour of the page, light or dark. All styles are inline, because
JupyterLab removes style sheets and scripts from notebooks that are not trusted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

from pmemobj_magics.common.signs import Sign
from pmemobj_magics.common.texts import number_text

__all__ = [
    "AS_BEFORE",
    "ON_COPY",
    "OUTCOMES",
    "SIGNS",
    "WRAPPED",
    "listing",
    "note",
    "printed_lines",
    "row",
    "split_output",
    "verdict_line",
]

#: The largest numbers of characters and lines of printed text that are shown.
_PRINTED, _PRINTED_LINES = 4000, 40


#: The state of a cache line, by its letter; the first three letters are values of `pmemobj.crash.LineState`.
SIGNS = {
    "D": Sign("D", "#e69f00", "dirty: stored in the cache only; a power cut may lose it"),
    "F": Sign("F", "#f0e442", "flushed: on its way to the medium; a power cut may lose it until the next fence"),
    "S": Sign("S", "#56b4e9", "fenced: safe on the medium"),
    "L": Sign("L", "#d55e00", "lost in this power cut"),
}
#: The outcome of a crash, by the word in `pmemobj.crash`.
OUTCOMES = {
    "old": Sign("o", "#56b4e9", "as before the cell"),
    "new": Sign("n", "#009e73", "as after the cell"),
    "wrong": Sign("X", "#d55e00", "wrong state"),
    "open": Sign("?", "#bbbbbb", "not tried: the time limit was reached"),
}

#: Notes on kills: what the cell ran on, and in what.
AS_BEFORE = "the cell ran on a copy of the pool, as it was when the open transaction began"
ON_COPY = "the cell ran on a copy of the pool"
WRAPPED = "%%pmem_crash wrapped this cell in a transaction. Use --power to test it exactly as written"


def verdict_line(ok: bool, text: str) -> str:
    """The first line of a result."""
    return f"<p><strong>{'✓' if ok else '✗'}</strong> {html.escape(text)}</p>"


def note(text: str) -> str:
    """A line below the verdict."""
    return f"<p><small>{html.escape(text)}</small></p>"


def row(figures: Iterable[str]) -> str:
    """Figures side by side."""
    return f'<div style="display:flex; flex-wrap:wrap; gap:12px; align-items:flex-start">{"".join(figures)}</div>'


def listing(lines: Iterable[tuple[int, str]], marks: Mapping[int, str]) -> str:
    """Numbered lines of source; `marks` has a text for some of the lines."""
    rows = []
    for number, line in lines:
        if number in marks:
            # In a narrow window the mark moves to the next line as a whole.
            mark = f'<span style="display:inline-block">← {html.escape(marks[number])}</span>'
            rows.append(f"<strong>{html.escape(f'▶ {number:>3}  {line}   ')}{mark}</strong>")
        else:
            rows.append(html.escape(f"  {number:>3}  {line}"))
    return f'<pre style="line-height:1.3; white-space:pre-wrap">{chr(10).join(rows)}</pre>'


def printed_lines(text: str) -> list[str]:
    """The lines that a cell printed, or the first of very many."""
    lines = text[:_PRINTED].splitlines()[:_PRINTED_LINES]
    if sum(map(len, lines)) + len(lines) < len(text):
        lines.append(f"… ({number_text(len(text))} characters in all)")
    return lines


def split_output(output: str, filename: str) -> tuple[str, str]:
    """The text that a failing cell printed before its traceback, and a short form of the traceback."""
    printed, _, trace = output.partition("Traceback (most recent call last):\n")
    last = trace.strip().rpartition("\n")[2]
    lines = re.findall(rf'File "{re.escape(filename)}", line (\d+)', trace)
    return printed, f"{last} (line {lines[-1]} of the cell)" if lines else last
