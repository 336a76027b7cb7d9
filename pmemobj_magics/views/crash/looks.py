"""What the results of all kinds of crash look alike in: figures, signs with their colours, what a cell printed.

Colours are those of Okabe and Ito, which people with any kind of colour vision tell apart, and each goes with a letter.
What has no colour of its own takes that of the page, light or dark. Everything is inline: a notebook that is not
trusted loses style sheets and scripts.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pmemobj_magics.display import number_text
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph import PoolGraph

__all__ = [
    "OUTCOMES",
    "SIGNS",
    "WRAPPED",
    "Sign",
    "chip",
    "details",
    "figure",
    "legend",
    "listing",
    "note",
    "page",
    "printed_lines",
    "row",
    "split_output",
    "verdict_line",
]

#: Characters and lines of what a cell printed that are shown.
_PRINTED, _PRINTED_LINES = 4000, 40


@dataclass(frozen=True)
class Sign:
    """A letter, a colour behind it, and what both mean."""

    letter: str
    colour: str
    meaning: str


#: What a cache line is, by its letter (the first three are those of `pmemobj.crash.LineState`).
SIGNS = {
    "D": Sign("D", "#e69f00", "dirty: stored, but in the cache only; a power cut may lose it"),
    "F": Sign("F", "#f0e442", "flushed: on its way to the medium; until the next fence a power cut may still lose it"),
    "S": Sign("S", "#56b4e9", "fenced: safe on the medium"),
    "L": Sign("L", "#d55e00", "lost in this power cut"),
}
#: What became of a crash, by the words of a report.
OUTCOMES = {
    "old": Sign("o", "#56b4e9", "as before"),
    "new": Sign("n", "#009e73", "as after"),
    "wrong": Sign("X", "#d55e00", "wrong"),
    "open": Sign("?", "#bbbbbb", "not tried: the time was up"),
}

#: Said of every kill.
WRAPPED = "the cell ran in one transaction that %%pmem_crash made; --power tries it as it stands"


def chip(sign: Sign, title: str = "") -> str:
    """A letter on its colour; a pointer over it tells more."""
    # What is bad is round, and everything else has corners.
    shape = "border-radius:50%;font-weight:bold;" if sign.letter in "LX" else ""
    box = "border:1px solid #0006;display:inline-block;min-width:1.2em;text-align:center"
    look = f"color:#000;background:{sign.colour};{shape}{box}"
    return f'<code title="{html.escape(title or sign.meaning)}" style="{look}">{sign.letter}</code>'


def legend(signs: Iterable[Sign]) -> str:
    """What the signs mean."""
    told = (f"{chip(sign)} {html.escape(sign.meaning)}" for sign in signs)
    return f"<p><small>{' &nbsp; '.join(told)}</small></p>"


def verdict_line(ok: bool, text: str) -> str:
    """The first line of a result."""
    return f"<p><strong>{'✓' if ok else '✗'}</strong> {html.escape(text)}</p>"


def note(text: str) -> str:
    """A line below the verdict."""
    return f"<p><small>{html.escape(text)}</small></p>"


def row(figures: Iterable[str]) -> str:
    """Figures side by side."""
    return f'<div style="display:flex; flex-wrap:wrap; gap:12px; align-items:flex-start">{"".join(figures)}</div>'


def details(summary: str, content: str) -> str:
    """What opens at a click, without a script; both are HTML."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def listing(lines: Iterable[tuple[int, str]], marks: Mapping[int, str]) -> str:
    """Source with numbers; `marks` says what stands beside some lines."""
    rows = []
    for number, line in lines:
        if number in marks:
            # In a narrow window the mark goes below its line, whole.
            mark = f'<span style="display:inline-block">← {html.escape(marks[number])}</span>'
            rows.append(f"<strong>{html.escape(f'▶ {number:>3}  {line}   ')}{mark}</strong>")
        else:
            rows.append(html.escape(f"  {number:>3}  {line}"))
    return f'<pre style="line-height:1.3; white-space:pre-wrap">{chr(10).join(rows)}</pre>'


def page(title: str, body: str) -> bytes:
    """A whole HTML file that loads nothing."""
    head = f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(title)}</title>'
    style = ":root { color-scheme: light dark } body { margin: 1rem; font-family: sans-serif } img { max-width: 100% }"
    return f"{head}<style>{style}</style></head>\n<body>{body}</body>\n</html>\n".encode()


def figure(title: str, graph: PoolGraph) -> str:
    """A titled frame; as an image, because notebooks that are not trusted drop SVG from HTML."""
    try:
        data = base64.b64encode(graph.svg.encode()).decode()
    except DrawingError as error:
        return _titled(title, f"<pre>{html.escape(graph.tree)}\n({html.escape(error.todo)})</pre>", "")
    width = int(graph.svg.partition(' width="')[2].partition('"')[0])
    look = f"max-width:100%; width:{width}px; height:auto"
    picture = f'<img alt="{html.escape(repr(graph))}" style="{look}" src="data:image/svg+xml;base64,{data}">'
    # All at one scale, so that what stands below in a narrow window is not larger than what stands above.
    return _titled(title, picture, "flex:0 1 auto; max-width:100%")


def _titled(title: str, content: str, style: str) -> str:
    caption = f"<figcaption><strong>{html.escape(title)}</strong></figcaption>"
    return f'<figure style="margin:0; {style}">{caption}{content}</figure>'


def printed_lines(text: str) -> list[str]:
    """What a cell printed; of very much, the beginning."""
    lines = text[:_PRINTED].splitlines()[:_PRINTED_LINES]
    if sum(map(len, lines)) + len(lines) < len(text):
        lines.append(f"… ({number_text(len(text))} characters in all)")
    return lines


def split_output(output: str, filename: str) -> tuple[str, str]:
    """What a failing cell printed before its traceback, and the gist of the traceback."""
    printed, _, trace = output.partition("Traceback (most recent call last):\n")
    last = trace.strip().rpartition("\n")[2]
    lines = re.findall(rf'File "{re.escape(filename)}", line (\d+)', trace)
    return printed, f"{last} (line {lines[-1]} of the cell)" if lines else last
