"""How objects, slots and arrows look that are new, changed, removed, unreachable, damaged or of an undefined class.

A word and the style of a line say the same as the colour, because not everybody sees colours alike, and many printers
print none. A dashed line means that something is not permanent: it is uncommitted or unreachable. A dotted line means
that something no longer exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pmemobj.inspect import Change, Comparison, Node

__all__ = ["BORDER", "DASHED", "DOTTED", "FAINT", "GONE", "PLAIN", "TEXT", "Look", "Looks", "SlotLook"]

TEXT, FAINT, BORDER = "#1f2430", "#626c7d", "#8a94a6"
_DAMAGED, _UNDEFINED, _NEW, _CHANGED, _UNREACHABLE = "#b3261e", "#8a5a00", "#1a7f37", "#0b5cad", "#7c3f8c"
SOLID, DASHED, DOTTED = "", "DASHED", "DOTTED"
_HEADS = {"PersistentDict": "#dbe8fb", "PersistentList": "#dcf2e1"}
_OBJECT_HEAD, _DAMAGED_HEAD, _UNDEFINED_HEAD = "#eae1fb", "#fbdcdc", "#fdf0d5"
_UNREACHABLE_HEAD, _GONE_HEAD = "#f3e6f6", "#f1f3f6"


@dataclass(frozen=True, slots=True)
class Look:
    """The frame of an object.

    Attributes:
        color: The colour of the border.
        line: The style of the border.
        width: The width of the border.
        head: The colour behind the type.
        ink: The colour of the text.
        words: Notes in the head, beside the type.
    """

    color: str
    line: str
    width: int
    head: str
    ink: str = TEXT
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlotLook:
    """The look of a slot.

    Attributes:
        sign: The sign before the label.
        back: The colour behind the row; empty for none.
        color: The colour of the arrow.
    """

    sign: str
    back: str
    color: str


PLAIN = SlotLook("", "", "#52607a")
ADDED = SlotLook("+ ", "#e6f6ea", _NEW)
CHANGED = SlotLook("~ ", "#e4eefb", _CHANGED)
GONE = SlotLook("− ", "#f1f3f6", BORDER)


@dataclass(frozen=True)
class Looks:
    """What is known about the objects of one drawing.

    Attributes:
        comparison: The differences from an earlier graph.
        marks: ``new`` or ``changed`` for some objects, by offset, if there is no comparison.
        unreachable: The objects that only Python variables hold.
        holders: The names of these variables, by the offset of the object.
    """

    comparison: Comparison | None = None
    marks: Mapping[int, str] = field(default_factory=dict)
    unreachable: Mapping[int, Node] = field(default_factory=dict)
    holders: Mapping[int, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The line of a new or changed object: dashed while the change is uncommitted."""
        return DASHED if self.comparison is not None and self.comparison.is_uncommitted else SOLID

    @property
    def removed(self) -> dict[int, Node]:
        """The objects that no longer exist."""
        return {} if self.comparison is None else self.comparison.removed

    def change(self, offset: int) -> Change | None:
        """How an object differs from the earlier graph, if that is known."""
        return None if self.comparison is None else self.comparison.changes.get(offset)

    def word(self, offset: int) -> str:
        """The same in a word or two."""
        return self.marks.get(offset, "") if self.comparison is None else self.comparison.word(offset)

    def slot(self, offset: int, number: int) -> SlotLook:
        """How a slot looks."""
        change = self.change(offset)
        if change is None or number not in change.slots:
            return PLAIN
        return ADDED if change.slots[number] is None else CHANGED

    def of(self, node: Node) -> Look:
        """How an object looks."""
        offset, word = node.offset, self.word(node.offset)
        words = [word] if word else []
        if offset in self.removed:
            return Look(BORDER, DOTTED, 2, _GONE_HEAD, FAINT, tuple(words))
        color, line, width, head = BORDER, SOLID, 1, _HEADS.get(node.type, _OBJECT_HEAD)
        if offset in self.unreachable:
            color, line, head = _UNREACHABLE, DASHED, _UNREACHABLE_HEAD
            words.insert(0, "unreachable" + (f", kept by {self.holders[offset]}" if offset in self.holders else ""))
        if node.damage:
            color, line, head = _DAMAGED, DASHED, _DAMAGED_HEAD
        elif node.type.endswith("(not defined yet)"):
            color, line, head = _UNDEFINED, DASHED, _UNDEFINED_HEAD
        if word:
            color, line, width = (_NEW if word.startswith(("new", "added")) else _CHANGED), line or self.line, 3
        return Look(color, line, width, head, words=tuple(words))
