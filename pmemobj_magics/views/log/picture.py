"""The picture of the history: time runs to the right, with a lane for each object and a column for each step.

Time is not to scale, because a transaction takes microseconds and a person may think for minutes between two of them.
So each step has a column, and the pauses between entries are written as numbers. If the columns do not fit side by
side, the picture continues in a further row, which repeats the names of its lanes.

As for `common.svg`, there is a light panel behind the picture, and only presentation attributes are used.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pmemobj import LogEntry, LogStep
from pmemobj_magics.common.signs import Sign
from pmemobj_magics.common.texts import number_text
from pmemobj_magics.views.log.signs import STEPS, outcome_sign

__all__ = ["draw", "time_text"]

#: The largest numbers of entries, of steps of an entry, and of lanes.
_MOST_ENTRIES, _MOST_STEPS, _MOST_LANES = 40, 12, 8
#: Pixels: a column, a lane, the gap between two entries, the names of lanes, a row of the picture, the margin.
_COLUMN, _LANE, _GAP, _NAMES, _WIDTH, _MARGIN = 22, 24, 14, 190, 960, 12
_BAR, _HEAD, _LEGEND = 22, 18, 18
_TEXT, _FAINT, _RULE = "#1f2430", "#626c7d", "#e3e7ee"
_FONT, _MONO = "Helvetica,Arial,sans-serif", "DejaVu Sans Mono,Menlo,monospace"
_MEMORY, _OTHERS = "memory", "other objects"
_MARKS = (
    "✓ all changes are in the pool     ✗ dashed: none of them is     ×n: a line of code did this n times     "
    "+n: n steps are not shown"
)


@dataclass
class _Block:
    """One entry with its columns and its position."""

    entry: LogEntry
    steps: list[LogStep]
    hidden: int
    x: float = 0.0
    levels: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def columns(self) -> int:
        return max(2, len(self.steps) + (self.hidden > 0))

    @property
    def width(self) -> int:
        return self.columns * _COLUMN


def draw(entries: Sequence[LogEntry]) -> str:
    """The picture of the latest of these entries, as SVG."""
    shown = entries[-_MOST_ENTRIES:]
    lanes = _lanes(shown)
    rows = list(_rows([_block(entry) for entry in shown]))
    width = _NAMES + max((block.x + block.width for row in rows for block in row), default=0) + 2 * _MARGIN
    row_height = _HEAD + _BAR + 6 + _LANE * len(lanes) + 20
    signs = _signs(shown)
    height = row_height * len(rows) + _LEGEND * ((len(signs) + 1) // 2 + 1) + 2 * _MARGIN
    width = max(width, 660)
    parts = [
        f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>'
    ]
    before: LogEntry | None = None
    for number, row in enumerate(rows):
        top = _MARGIN + row_height * number
        parts += _row(row, lanes, top, width, before)
        before = row[-1].entry
    parts += _legend(signs, _MARGIN + row_height * len(rows) + 8)
    label = html.escape(f"{len(shown)} entries of the history of transactions", quote=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
    view = f'viewBox="0 0 {width:g} {height:g}" font-family="{_FONT}" font-size="11"'
    return f'{head} {view} fill="{_TEXT}" role="img" aria-label="{label}">{"".join(parts)}</svg>'


def time_text(seconds: float) -> str:
    """A time with its unit: ``34 µs``, ``2.1 ms``, ``1.5 s``, ``12 min``."""
    for below, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (100.0, 1.0, "s")):
        if seconds < below:
            value = seconds * factor
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{seconds / 60:.0f} min"


# ---- positions -------------------------------------------------------------------------------------


def _block(entry: LogEntry) -> _Block:
    """The steps of an entry that get columns, and the columns that each inner transaction covers."""
    steps: list[LogStep] = []
    levels: list[tuple[int, int, int]] = []
    begun: list[int] = []
    hidden = entry.hidden
    for step in entry.steps:
        if step.what == "begin":
            begun.append(len(steps))
        elif step.what == "end":
            if begun:
                levels.append((step.level, begun.pop(), len(steps)))
        elif len(steps) < _MOST_STEPS:
            steps.append(step)
        else:
            hidden += 1
    # An inner transaction that was rolled back has no end step.
    levels += [(entry.levels, at, len(steps)) for at in begun]
    return _Block(entry, steps, hidden, levels=levels)


def _lanes(entries: Sequence[LogEntry]) -> list[str]:
    """The objects in the order of their first step; if there are too many, the rarest share one lane."""
    counts = Counter(_lane(step) for entry in entries for step in entry.steps[:_MOST_STEPS] if step.what in STEPS)
    memory = [_MEMORY] if counts.pop(_MEMORY, 0) else []
    kept = {name for name, _ in counts.most_common(_MOST_LANES)}
    return [*(name for name in counts if name in kept), *([_OTHERS] if len(counts) > len(kept) else []), *memory]


def _lane(step: LogStep) -> str:
    return step.object or _MEMORY


def _rows(blocks: list[_Block]) -> Iterator[list[_Block]]:
    row: list[_Block] = []
    x = 0.0
    for block in blocks:
        if row and _NAMES + x + block.width > _WIDTH:
            yield row
            row, x = [], 0.0
        block.x = x
        x += block.width + _GAP
        row.append(block)
    if row:
        yield row


# ---- drawing ---------------------------------------------------------------------------------------


def _row(row: list[_Block], lanes: list[str], top: float, width: float, before: LogEntry | None) -> Iterator[str]:
    first = top + _HEAD + _BAR + 6
    for number, lane in enumerate(lanes):
        y = first + _LANE * number
        yield f'<path d="M{_MARGIN} {y + _LANE:g}H{width - _MARGIN:g}" stroke="{_RULE}"/>'
        yield _text_at(_MARGIN, y + 16, _cut(lane, 28), mono=lane not in (_MEMORY, _OTHERS))
    for block in row:
        yield from _entry(block, lanes, top, first, before)
        before = block.entry


def _entry(block: _Block, lanes: list[str], top: float, first: float, before: LogEntry | None) -> Iterator[str]:
    entry = block.entry
    x, bar = _MARGIN + _NAMES + block.x, top + _HEAD
    sign = outcome_sign(entry.outcome)
    dashes = ' stroke-dasharray="4 3"' if sign.mark != "✓" else ""
    pause = time_text(entry.began - before.ended) if before is not None and entry.began > before.ended else ""
    if pause:
        yield _text_at(x - _GAP / 2, top + 12, f"+{pause}" if block.columns > 2 else "", size=9, colour=_FAINT)
    height = _LANE * len(lanes)
    yield (
        f'<rect x="{x - 3:g}" y="{bar:g}" width="{block.width + 6:g}" height="{_BAR + 8 + height:g}" rx="5" '
        f'fill="{sign.colour}" fill-opacity="0.10" stroke="{sign.colour}"{dashes}/>'
    )
    yield f'<rect x="{x - 3:g}" y="{bar:g}" width="{block.width + 6:g}" height="{_BAR}" rx="5" fill="{sign.colour}"/>'
    for level, begin, end in block.levels:
        inner = x + begin * _COLUMN
        yield (
            f'<rect x="{inner:g}" y="{bar + 3 * level - 1:g}" width="{max(1, end - begin) * _COLUMN:g}" '
            f'height="{_BAR - 3 * level}" rx="4" fill="none" stroke="#000" stroke-width="1.2"/>'
        )
    times = f"×{number_text(entry.times)}" if entry.times > 1 else ""
    title = f"{entry.number} {sign.mark}{times}"
    yield _text_at(x + 4, bar + 15, _cut(title, max(3, block.width // 7)), bold=True)
    for number, step in enumerate(block.steps):
        lane = _lane(step)
        y = first + _LANE * lanes.index(lane if lane in lanes else _OTHERS)
        yield from _chip(STEPS[step.what], x + _COLUMN * number + 2, y + 3)
    if block.hidden:
        yield _text_at(x + _COLUMN * len(block.steps) + 2, first + 14, f"+{block.hidden}", size=9, colour=_FAINT)
    lasted = time_text(max(0.0, entry.ended - entry.began))
    yield _text_at(x, first + height + 14, lasted if block.width >= 44 else "", size=9, colour=_FAINT)


def _chip(sign: Sign, x: float, y: float) -> Iterator[str]:
    light = "#fff" if sign.colour == "#0072b2" else "#000"
    yield f'<rect x="{x:g}" y="{y:g}" width="18" height="18" rx="3" fill="{sign.colour}" stroke="#00000055"/>'
    look = f'text-anchor="middle" font-weight="bold" fill="{light}"'
    yield f'<text x="{x + 9:g}" y="{y + 13:g}" {look}>{sign.mark}</text>'


def _signs(entries: Sequence[LogEntry]) -> list[Sign]:
    """The signs of the steps that occur."""
    there = {step.what for entry in entries for step in entry.steps}
    return [sign for what, sign in STEPS.items() if what in there]


def _legend(signs: list[Sign], top: float) -> Iterator[str]:
    """The meanings of the letters in two columns, and below them the meanings of the marks."""
    for number, sign in enumerate(signs):
        x, y = _MARGIN + 330 * (number % 2), top + _LEGEND * (number // 2)
        yield f'<g transform="translate({x} {y - 3:g}) scale(0.78)">{"".join(_chip(sign, 0, 0))}</g>'
        yield _text_at(x + 20, y + 8, sign.meaning, size=9, colour=_FAINT)
    yield _text_at(_MARGIN, top + _LEGEND * ((len(signs) + 1) // 2) + 8, _MARKS, size=9, colour=_FAINT)


def _text_at(
    x: float, y: float, text: str, *, size: int = 11, colour: str = "", bold: bool = False, mono: bool = False
) -> str:
    if not text:
        return ""
    look = f' font-size="{size}"' if size != 11 else ""
    look += f' fill="{colour}"' if colour else ""
    look += ' font-weight="bold"' if bold else ""
    look += f' font-family="{_MONO}"' if mono else ""
    return f'<text x="{x:g}" y="{y:g}" xml:space="preserve"{look}>{html.escape(text)}</text>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
