"""One allocation as a card: a title, and a row for each of its words.

A row shows the position of the word, its eight bytes on the colour of its purpose, its name, and its meaning. An
uncommitted word also has a dashed frame, and the row below it shows the old bytes from the undo log.
"""

from __future__ import annotations

from typing import Any

from pmemobj.inspect import Gap, Meaning, Piece, State, Word
from pmemobj_magics.common.svg import FAINT, INK, element, label, rule, text_width
from pmemobj_magics.common.texts import plural

__all__ = ["COLOURS", "UNCOMMITTED", "Card", "swatch"]

COLOURS = {
    Meaning.LIBRARY: "#e4e7ec",
    Meaning.HEADER: "#e3d7fb",
    Meaning.COUNT: "#d3e3fa",
    Meaning.BODY: "#fbd9a5",
    Meaning.LEAF: "#fde9c2",
    Meaning.OBJECT: "#f9d0c4",
    Meaning.VALUE: "#cfeed8",
    Meaning.HASH: "#e9e6d8",
    Meaning.INDEX: "#dfeceb",
    Meaning.DATA: "#d5eff2",
    Meaning.UNUSED: "#f3f4f6",
}
UNCOMMITTED = "#b45309"
_EDGE, _RULE, _HEAD, _LEAF_HEAD = "#8a94a6", "#e3e7ee", "#e7ecf5", "#fdf3dc"
_GHOST_HEAD, _DAMAGED = "#f3f4f6", "#b3261e"
_DASHES = "4 2"

_ROW, _TITLE, _PAD = 19, 26, 10
_AT, _BYTE = 34, 18
_BYTES_AT = _PAD + _AT + 6
_LABEL_AT = _BYTES_AT + 8 * _BYTE + 10
_SIZE, _SMALL = 11, 10
#: The largest number of characters of each text.
_LABEL_CHARS, _TEXT_CHARS, _DAMAGE_CHARS = 22, 36, 80


class Card:
    """The card of an allocation; `x` and `y` are set when the cards are arranged.

    Attributes:
        piece: The allocation.
        x: The left edge of the card.
        y: The upper edge of the card.
    """

    def __init__(self, piece: Piece, title: str, offsets: bool) -> None:
        self.piece, self._title, self._offsets = piece, title, offsets
        self.x = self.y = 0.0
        library = () if piece.is_leaf else piece.library
        self._rows: list[tuple[Word | Gap, bool]] = []
        for row in (*library, *piece.rows):
            self._rows.append((row, False))
            if isinstance(row, Word) and row.state is State.CHANGED:
                self._rows.append((row, True))
        words = [row for row, _ in self._rows if isinstance(row, Word)]
        labels = [text_width(_cut(word.label, _LABEL_CHARS), _SIZE, mono=True) for word in words]
        self._text_at = _LABEL_AT + max([52.0, *labels]) + 10
        texts = [self._width_of(row, old) for row, old in self._rows]
        heads = text_width(self._title, 13) + text_width(self._notes(), _SMALL) + 40
        if piece.damage:
            texts.append(text_width(self._damage, _SIZE) - self._text_at + _PAD)
        self.width = max([heads, *(self._text_at + width + _PAD for width in texts)])
        self.height = _TITLE + _ROW * len(self._rows) + (_ROW if piece.damage else 0) + 4.0

    def _width_of(self, row: Word | Gap, old: bool) -> float:
        if isinstance(row, Gap):
            return 0.0
        text = row.old_text if old else self._text(row)
        return text_width(_cut(text, _TEXT_CHARS), _SIZE) + (0 if old else _chip_width(row))

    def _text(self, word: Word) -> str:
        text = word.text
        if self._offsets and word.target:
            text += f"  at {word.target:#x}"
        return text + "  (logged, but not changed)" if word.state is State.LOGGED else text

    @property
    def _damage(self) -> str:
        return _cut(f"damaged: {self.piece.damage}", _DAMAGE_CHARS)

    def _notes(self) -> str:
        piece = self.piece
        notes = [piece.kind] if piece.kind else []
        notes += [f"{piece.size} bytes"] if piece.size else []
        notes += [f"at {piece.offset:#x}"] if self._offsets else []
        notes += ["new, uncommitted"] if piece.new else []
        notes += ["freed at the commit"] if piece.given_up else []
        return " · ".join(notes)

    # ---- where arrows begin and end ----

    def word_y(self, word: Word, old: bool = False) -> float:
        """The middle of the row of a word, or of the row with its old bytes."""
        number = next(at for at, (row, was) in enumerate(self._rows) if row is word and was is old)
        return self.y + _TITLE + _ROW * (number + 0.5)

    @property
    def title_y(self) -> float:
        """The middle of the title."""
        return self.y + _TITLE / 2

    @property
    def targets(self) -> list[tuple[Word, bool, str]]:
        """The words with an arrow, whether it begins at the old bytes, and the name of the allocation at its end."""
        found = []
        for row, old in self._rows:
            if isinstance(row, Word) and (row.old_piece if old else row.piece):
                found.append((row, old, row.old_piece if old else row.piece))
        return found

    @property
    def meanings(self) -> list[Meaning]:
        """The purposes of its words."""
        return [row.meaning for row, _ in self._rows if isinstance(row, Word)]

    # ---- drawing ----

    def svg(self) -> str:
        """The card at its position."""
        piece, x, y = self.piece, self.x, self.y
        edge = _DAMAGED if piece.damage else UNCOMMITTED if piece.new else _EDGE
        dashes = _DASHES if piece.damage or piece.new or piece.given_up else None
        head = _LEAF_HEAD if piece.is_leaf else _GHOST_HEAD if piece.given_up else _HEAD
        frame: dict[str, Any] = {"x": x, "y": y, "width": self.width, "rx": 5}
        parts = [
            element("rect", height=self.height, fill="#ffffff", **frame),
            element("rect", height=float(_TITLE), fill=head, **frame),
            element(
                "rect",
                height=self.height,
                fill="none",
                stroke=edge,
                stroke_dasharray=dashes,
                stroke_width=1.5 if dashes else 1,
                **frame,
            ),
            label(x + _PAD, self.title_y, self._title, 13, font_weight="bold"),
            label(x + self.width - _PAD, self.title_y, self._notes(), _SMALL, fill=FAINT, text_anchor="end"),
        ]
        for number, (row, old) in enumerate(self._rows):
            middle = y + _TITLE + _ROW * (number + 0.5)
            if number and not old:
                line = middle - _ROW / 2
                parts.append(rule(x + _PAD, line, x + self.width - _PAD, line, stroke=_RULE))
            parts.append(self._gap(row, middle) if isinstance(row, Gap) else self._word(row, middle, old))
        if piece.damage:
            middle = y + _TITLE + _ROW * (len(self._rows) + 0.5)
            parts.append(label(x + _PAD, middle, self._damage, _SIZE, fill=_DAMAGED))
        return "".join(parts)

    def _gap(self, gap: Gap, middle: float) -> str:
        words = plural(gap.count, "word")
        return label(self.x + _BYTES_AT, middle, f"⋮  {words}: {gap.text}", _SMALL, fill=FAINT, font_style="italic")

    def _word(self, word: Word, middle: float, old: bool) -> str:
        x = self.x
        uncommitted = word.state in (State.CHANGED, State.NEW)
        raw = (word.old or b"") if old else word.raw
        left = x + _BYTES_AT
        parts = [
            element(
                "rect",
                x=left,
                y=middle - 8,
                width=8.0 * _BYTE,
                height=16,
                fill="#ffffff" if old else COLOURS[word.meaning],
                stroke=UNCOMMITTED if uncommitted else None,
                stroke_width=1.2 if uncommitted and not old else 0.8 if old else None,
                stroke_dasharray=_DASHES if uncommitted and not old else None,
                rx=2,
            )
        ]
        for at, byte in enumerate(raw):
            colour = FAINT if old or word.meaning is Meaning.UNUSED else INK
            center = left + _BYTE * (at + 0.5)
            parts.append(label(center, middle, f"{byte:02x}", _SMALL, mono=True, text_anchor="middle", fill=colour))
        if old:
            style: dict[str, Any] = {"fill": FAINT, "font_style": "italic"}
            parts.append(label(x + _PAD + _AT, middle, "was", _SMALL, text_anchor="end", **style))
            parts.append(label(x + _LABEL_AT, middle, "undo log", _SIZE, **style))
            parts.append(label(x + self._text_at, middle, _cut(word.old_text, _TEXT_CHARS), _SIZE, **style))
            return "".join(parts)
        place = f"{word.at:+d}".replace("-", "−")
        parts.append(label(x + _PAD + _AT, middle, place, _SMALL, mono=True, text_anchor="end", fill=FAINT))
        if uncommitted and not self.piece.new:
            parts.append(rule(x + 3, middle - 9, x + 3, middle + 9, stroke=UNCOMMITTED, stroke_width=3))
        name = FAINT if word.meaning in (Meaning.LIBRARY, Meaning.UNUSED) else INK
        parts.append(label(x + _LABEL_AT, middle, _cut(word.label, _LABEL_CHARS), _SIZE, mono=True, fill=name))
        parts.append(_chip(word, x + self._text_at, middle))
        text_x = x + self._text_at + _chip_width(word)
        parts.append(label(text_x, middle, _cut(self._text(word), _TEXT_CHARS), _SIZE, fill=name))
        return "".join(parts)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _chip_width(word: Word) -> float:
    return text_width(word.tag, 9, mono=True) + 12 if word.tag else 0.0


def _chip(word: Word, x: float, middle: float) -> str:
    """The tag bits of a word, which name the kind of its value."""
    if not word.tag:
        return ""
    width = _chip_width(word) - 6
    box = element("rect", x=x, y=middle - 7, width=width, height=14, rx=7, fill="#ffffff", stroke=_EDGE)
    return box + label(x + width / 2, middle, word.tag, 9, mono=True, text_anchor="middle", fill=FAINT)


def swatch(x: float, middle: float, meaning: Meaning) -> str:
    """A sample of the colour of a purpose, for the legend."""
    return element("rect", x=x, y=middle - 6, width=18, height=12, rx=2, fill=COLOURS[meaning])
