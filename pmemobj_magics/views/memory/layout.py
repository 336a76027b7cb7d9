"""Arrange the cards of an object's allocations in two columns, with arrows between them.

The object is in the left column, its parts are in the right one, and the leaves that the slots of the parts own are in
the left column again, and so on. So all arrows run in the space between the columns. A leaf is placed beside the word
that owns it, if there is room.
"""

from __future__ import annotations

import os
from typing import Any

from pmemobj.inspect import Meaning, Memory, State, Word
from pmemobj_magics.common.svg import FAINT, element, label, panel, text_width
from pmemobj_magics.common.texts import plural
from pmemobj_magics.views.memory.card import UNCOMMITTED, Card, swatch

__all__ = ["caption", "to_svg"]

_MARGIN, _BETWEEN, _GAP, _TOP, _LEGEND = 16, 74, 14, 40, 22
#: The largest number of characters of the value in the title of a leaf.
_VALUE_CHARS = 20
#: Colours that are dark enough for thin lines and differ in lightness.
_LINES = ("#0b5cad", "#b45309", "#1a7f37", "#7b2d8e", "#0f766e", "#9f1239")


def caption(memory: Memory) -> str:
    """``PersistentList · 3 allocations · 144 bytes · game.pmem``."""
    texts = [memory.type, plural(len(memory.pieces), "allocation"), plural(memory.size, "byte")]
    if memory.uncommitted:
        texts.append(f"{plural(len(memory.uncommitted), 'word')} uncommitted")
    return " · ".join([*texts, os.path.basename(memory.pool)])


def to_svg(memory: Memory, name: str, offsets: bool) -> str:
    """The picture.

    Args:
        memory: The memory of the object.
        name: The name of the object for the user.
        offsets: Whether to show the offsets of the allocations.
    """
    titles = [_title(memory, number) for number in range(len(memory.pieces))]
    cards = [Card(piece, title, offsets) for piece, title in zip(memory.pieces, titles, strict=True)]
    arrows = _place(cards)
    width = max(card.x + card.width for card in cards) + _MARGIN
    heading = f"{name}: {caption(memory)}"
    width = max(width, text_width(heading, 12) + 2 * _MARGIN, 420.0)
    bottom = max(card.y + card.height for card in cards) + _GAP
    body = [label(_MARGIN, 20, name, 13, mono=True, font_weight="bold")]
    body.append(label(_MARGIN + text_width(name, 13, mono=True) + 10, 20, caption(memory), 12, fill=FAINT))
    body += [card.svg() for card in cards]
    body += [_arrow(*arrow, colour=_LINES[number % len(_LINES)]) for number, arrow in enumerate(arrows)]
    if memory.left_out:
        text = f"… and {plural(memory.left_out, 'more value')} with allocations of their own"
        body.append(label(_MARGIN, bottom, text, 11, fill=FAINT))
        bottom += _LEGEND
    legend, height = _legend(memory, cards, bottom, width)
    return panel(width, height, f"The memory of {heading}", "".join([*body, legend]))


def _title(memory: Memory, number: int) -> str:
    if number == 0:
        return memory.type
    piece = memory.pieces[number]
    text = piece.text if len(piece.text) <= _VALUE_CHARS else f"{piece.text[: _VALUE_CHARS - 1]}…"
    return f"{piece.name}: {text}" if text else piece.name


def _place(cards: list[Card]) -> list[tuple[Card, Word, bool, Card]]:
    """Give each card its position, and return the arrows between them."""
    by_name = {card.piece.name: card for card in cards}
    sources = {name: (card, word) for card in cards for word, _, name in card.targets}
    columns: tuple[list[Card], list[Card]] = ([], [])
    for card in cards:
        columns[card.piece.depth % 2].append(card)
    lefts = max(card.width for card in columns[0])
    for column, x in zip(columns, (_MARGIN, _MARGIN + lefts + _BETWEEN), strict=True):
        wide = max((card.width for card in column), default=0.0)
        for card in column:
            card.x, card.width = float(x), wide
    free = [float(_TOP), float(_TOP)]
    for card in cards:
        side = card.piece.depth % 2
        card.y = free[side]
        if card.piece.is_leaf and card.piece.name in sources:
            owner, word = sources[card.piece.name]
            card.y = max(card.y, owner.word_y(word) - 13)
        free[side] = card.y + card.height + _GAP
    return [(card, word, old, by_name[name]) for card in cards for word, old, name in card.targets]


def _arrow(source: Card, word: Word, old: bool, target: Card, colour: str) -> str:
    """A curve from the edge of a row to the title of a card."""
    forth = source.x < target.x
    x1 = source.x + source.width if forth else source.x
    x2 = target.x if forth else target.x + target.width
    y1, y2 = source.word_y(word, old), target.title_y
    sign = 1 if forth else -1
    tip = x2 - 8 * sign
    bend = (tip - x1) * 0.55
    curve = f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {tip - bend:.1f} {y2:.1f} {tip:.1f} {y2:.1f}"
    head = f"M{x2:.1f} {y2:.1f}L{tip:.1f} {y2 - 4.5:.1f}L{tip:.1f} {y2 + 4.5:.1f}Z"
    dashes = "5 3" if word.state in (State.CHANGED, State.NEW) and not old else None
    return (
        element("circle", cx=x1, cy=y1, r=3.5, fill=colour)
        + element("path", d=curve, fill="none", stroke=colour, stroke_width=1.6, stroke_dasharray=dashes)
        + element("path", d=head, fill=colour)
    )


def _legend(memory: Memory, cards: list[Card], top: float, width: float) -> tuple[str, float]:
    """The legend of the colours, and the height of the picture."""
    used = {meaning for card in cards for meaning in card.meanings}
    parts: list[str] = []
    x, y = float(_MARGIN), top + 6
    entries: list[Meaning | None] = [meaning for meaning in Meaning if meaning in used]
    if memory.uncommitted:
        entries.append(None)
    for entry in entries:
        text = "uncommitted; the row below it has the old bytes from the undo log" if entry is None else entry.value
        wide = 24 + text_width(text, 10) + 14
        if x + wide > width - _MARGIN and x > _MARGIN:
            x, y = float(_MARGIN), y + _LEGEND
        parts.append(_dashed(x, y) if entry is None else swatch(x, y, entry))
        parts.append(label(x + 24, y, text, 10, fill=FAINT))
        x += wide
    return "".join(parts), y + 18


def _dashed(x: float, middle: float) -> str:
    frame: dict[str, Any] = {"stroke": UNCOMMITTED, "stroke_dasharray": "4 2", "stroke_width": 1.2}
    return element("rect", x=x, y=middle - 6, width=18, height=12, rx=2, fill="#ffffff", **frame)
