"""A graph as a tree of text: for terminals, and wherever nothing can be drawn.

Every object is written out once, where a walk reaches it first. An object that is referred to more
than once carries a number, and stands elsewhere by that number; so cycles end. What differs from an
earlier graph is told in words behind the line; what is no longer there has a line that begins with ``-``.
Below the tree stand the objects that it does not lead to: the doomed ones, and those that were removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pmemobj._public_names import public_in

if TYPE_CHECKING:
    from pmemobj._inspection.graphs import Change, Comparison, Graph, Node, Slot

__all__ = ["DOOMED", "count_text", "number_text", "slot_note", "tree_text"]

#: What is said of objects that nothing in the pool refers to.
DOOMED = "doomed: only variables keep these; they are freed at close"


def number_text(number: int) -> str:
    """A number with its thousands apart: ``12 431``."""
    return f"{number:,}".replace(",", " ")


def count_text(number: int, noun: str) -> str:
    """``1 node``, ``2 nodes``, ``12 431 nodes``."""
    return f"{number_text(number)} {noun}{'' if number == 1 else 's'}"


@public_in("pmemobj.inspect")
def tree_text(
    graph: Graph,
    comparison: Comparison | None = None,
    name: str = "",
    offsets: bool = False,
    holders: Mapping[int, str] | None = None,
) -> str:
    """The objects of `graph` as an indented tree, one line for each slot.

    Args:
        graph: What a walk found.
        comparison: What differs from an earlier graph, to be told.
        name: What to call the value where it begins.
        offsets: Whether to tell where each object lies.
        holders: The variables that keep doomed objects, by offset.
    """
    if not hasattr(graph, "shown"):
        raise TypeError(f"cannot write {graph!r} as a tree: it is no graph (make one with pool.graph())")
    return "\n".join(_Tree(graph, comparison, offsets).lines(name or graph.start.label, holders or {}))


class _Line(NamedTuple):
    """A line that is still to be written.

    Attributes:
        label: What stands before the value.
        text: The value, or the type of the object.
        target: The offset of the object.
        note: What stands behind.
        margin: What stands before all of it.
        is_last: Whether it is the last one there.
    """

    label: str
    text: str
    target: int | None = None
    note: str = ""
    margin: str = ""
    is_last: bool = False


class _Tree:
    def __init__(self, graph: Graph, comparison: Comparison | None, offsets: bool) -> None:
        self.graph = graph
        self.nodes = graph.shown
        self.comparison = comparison
        self.offsets = offsets
        self.numbers = graph.shared
        self.written: set[int] = set()

    def lines(self, name: str, holders: Mapping[int, str]) -> Iterator[str]:
        start = self.graph.start
        yield f"{name}: {self._value(start.text, start.target)}{self._start_note()}"
        yield from self._below(self._inside("", start.target))
        if self.graph.doomed:
            yield DOOMED
            yield from self._doomed(holders)
        removed = {} if self.comparison is None else self.comparison.removed
        for offset, node in removed.items():
            assert self.comparison is not None
            yield f"- {node.type}, {node.text}{self._place(offset)}  ({self.comparison.word(offset)})"

    def _doomed(self, holders: Mapping[int, str]) -> Iterator[str]:
        """The doomed objects, each below the one that leads to it."""
        for offset in self.graph.doomed_in_order:
            if offset not in self.written:
                label = f"{holders[offset]}: " if offset in holders else ""
                yield from self._below(_in_place("", [_Line(label, self.nodes[offset].type, offset)]))

    def _start_note(self) -> str:
        if self.comparison is None or self.comparison.before.start == self.graph.start:
            return ""
        old = self.comparison.before.start
        return "" if old.text == self.graph.start.text else f"  (was {old.text})"

    def _below(self, waiting: list[_Line]) -> Iterator[str]:
        # A stack and no recursion: a linked list is as deep as it is long.
        while waiting:
            line = waiting.pop()
            branch, below = ("└─ ", "   ") if line.is_last else ("├─ ", "│  ")
            # The numbers of shared objects: whether it is written here is asked before it is.
            yield f"{line.margin}{branch}{line.label}{self._value(line.text, line.target)}{line.note}"
            waiting += self._inside(line.margin + below, line.target)

    def _value(self, text: str, target: int | None) -> str:
        if target is None:
            return text
        node = self.nodes.get(target)
        if node is None:
            return f"{text} … (not shown)"
        number = f" #{self.numbers[target]}" if target in self.numbers else ""
        if target in self.written:
            return f"{node.type}{number} (shown above)"
        word = "" if self.comparison is None else self.comparison.word(target)
        return f"{node.type}{number}, {node.text}{self._place(target)}{f'  ({word})' if word else ''}"

    def _place(self, offset: int) -> str:
        return f" at {offset:#x}" if self.offsets else ""

    def _inside(self, margin: str, offset: int | None) -> list[_Line]:
        """The slots of an object that is written here, the first one last as a stack wants it."""
        node = self.nodes.get(offset) if offset is not None else None
        if node is None or node.offset in self.written:
            return []
        self.written.add(node.offset)
        change = None if self.comparison is None else self.comparison.changes.get(node.offset)
        return _in_place(margin, list(_lines_inside(node, change)))


def _in_place(margin: str, lines: list[_Line]) -> list[_Line]:
    placed = [line._replace(margin=margin, is_last=number == len(lines)) for number, line in enumerate(lines, 1)]
    return placed[::-1]


def _lines_inside(node: Node, change: Change | None) -> Iterator[_Line]:
    """The slots, with a line of its own for a key that is itself an object, and what the slots were before."""
    for number, slot in enumerate(node.slots):
        if slot.key_target is not None:
            yield _Line("key: ", slot.label, slot.key_target)
        note = "" if change is None or number not in change.slots else f"  ({slot_note(change.slots[number])})"
        yield _Line(f"{slot.label}: ", slot.text, slot.target, note)
    for slot in () if change is None else change.gone:
        yield _Line(f"- {slot.label}: ", slot.text, None, "  (removed)")
    if not node.damage and node.count > len(node.slots):
        yield _Line(f"+{number_text(node.count - len(node.slots))} more", "")


@public_in("pmemobj.inspect")
def slot_note(slot: Slot | None) -> str:
    """What to say of a slot that is not as before: what was there, if anything."""
    if slot is None:
        return "added"
    if not hasattr(slot, "text"):
        raise TypeError(f"cannot tell what {slot!r} was: it is no slot (give one of a node, or None)")
    return f"was {slot.text}"
