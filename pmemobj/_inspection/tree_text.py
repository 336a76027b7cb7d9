"""A graph as a tree: the walk that the text and the HTML of a tree share, and the text itself.

Every object is written out once, where the tree reaches it first. An object that more than one reference leads to
carries a number, and everywhere else only the number stands; so a tree of a graph with cycles ends. Where a
comparison with an earlier graph is given, each difference is marked at the object or slot that differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from pmemobj._inspection.nodes import Change, ChangeKind, Node, Slot
from pmemobj._public_names import public_in
from pmemobj._text import number_text

__all__ = ["UNREACHABLE", "TreeRow", "TreeWalk", "slot_note", "tree_text"]

#: The heading of the objects that nothing in the pool refers to.
UNREACHABLE = "Not reachable from the root: kept only by Python variables, and freed when the pool closes"


class WalkedGraph(Protocol):
    """What a tree needs of a `Graph`, which is defined above this module since a graph prints itself as a tree."""

    @property
    def start(self) -> Slot: ...
    @property
    def unreachable(self) -> dict[int, Node]: ...
    @property
    def shown(self) -> dict[int, Node]: ...
    @property
    def shared(self) -> dict[int, int]: ...
    @property
    def unreachable_in_order(self) -> list[int]: ...


class GraphChanges(Protocol):
    """What a tree needs of a `Comparison`."""

    @property
    def before(self) -> WalkedGraph: ...
    @property
    def changes(self) -> dict[int, Change]: ...
    @property
    def removed(self) -> dict[int, Node]: ...
    def word(self, offset: int) -> str: ...


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class TreeRow:
    """One row below an object in a tree.

    Attributes:
        what: ``key`` (a key that is itself an object), ``slot``, ``removed`` (a slot that is no longer there),
            ``damage`` (what is wrong with the object), or ``more`` (entries that the limits left out).
        label: The label of the slot.
        text: The value, or the type of the object; of the last two kinds, the whole row.
        target: The offset of the object that is the value or the key; None for a plain value.
        change: Of a slot that differs, whether it is ``new`` or ``changed``.
        note: What to say of the difference: ``added``, ``was 25``, ``removed``.
    """

    what: Literal["key", "slot", "removed", "damage", "more"]
    label: str
    text: str
    target: int | None = None
    change: ChangeKind | None = None
    note: str = ""


@public_in("pmemobj.inspect")
class TreeWalk:
    """Walks a graph as a tree, and remembers which objects have been written out.

    Args:
        graph: What a walk found.
        comparison: What differs from an earlier graph.

    Attributes:
        nodes: The objects of the graph by offset.
        numbers: The numbers of the objects that more than one reference leads to, by offset.
        written: The offsets of the objects that have been written out.
    """

    def __init__(self, graph: WalkedGraph, comparison: GraphChanges | None = None) -> None:
        if not hasattr(graph, "shown"):
            raise TypeError(f"cannot write {graph!r} as a tree: it is no graph (make one with pool.graph())")
        self._graph = graph
        self._comparison = comparison
        self.nodes = graph.shown
        self.numbers = graph.shared
        self.written: set[int] = set()

    def node(self, offset: int | None) -> Node | None:
        """The object at an offset; None for a plain value, and for an object that the limits left out."""
        return None if offset is None else self.nodes.get(offset)

    def change(self, offset: int) -> Change | None:
        """What became of an object; None if it is as before, or nothing is compared."""
        return None if self._comparison is None else self._comparison.changes.get(offset)

    def word(self, offset: int) -> str:
        """What to say of an object that differs; an empty string if it is as before."""
        return "" if self._comparison is None else self._comparison.word(offset)

    @property
    def earlier_start(self) -> str:
        """The value where the walk began, as it was before, if it differs; else an empty string."""
        if self._comparison is None:
            return ""
        old, new = self._comparison.before.start, self._graph.start
        return "" if old == new or old.text == new.text else old.text

    @property
    def removed(self) -> dict[int, Node]:
        """The objects that are no longer there, as they were."""
        return {} if self._comparison is None else self._comparison.removed

    def unreachable(self) -> Iterator[int]:
        """The unreachable objects to begin with, so that each stands below the one that leads to it.

        Each is asked for after the one before was written out.
        """
        for offset in self._graph.unreachable_in_order:
            if offset not in self.written:
                yield offset

    def enter(self, offset: int | None) -> list[TreeRow]:
        """Write an object out: its rows; none if it is not shown, or was written out before."""
        node = self.node(offset)
        if node is None or node.offset in self.written:
            return []
        self.written.add(node.offset)
        return list(_rows(node, self.change(node.offset)))


def _rows(node: Node, change: Change | None) -> Iterator[TreeRow]:
    for number, slot in enumerate(node.slots):
        if slot.key_target is not None:
            yield TreeRow("key", "key", slot.label, slot.key_target)
        if change is None or number not in change.slots:
            yield TreeRow("slot", slot.label, slot.text, slot.target)
        else:
            old = change.slots[number]
            kind: ChangeKind = "new" if old is None else "changed"
            yield TreeRow("slot", slot.label, slot.text, slot.target, kind, slot_note(old))
    for slot in () if change is None else change.gone:
        yield TreeRow("removed", slot.label, slot.text, None, "removed", "removed")
    if node.damage:
        yield TreeRow("damage", "", node.damage)
    elif node.count > len(node.slots):
        yield TreeRow("more", "", f"+{number_text(node.count - len(node.slots))} more")


@public_in("pmemobj.inspect")
def slot_note(slot: Slot | None) -> str:
    """What to say of a slot that differs: what it was before, or that it was added.

    Args:
        slot: The slot as it was before; None if there was none.
    """
    if slot is None:
        return "added"
    if not hasattr(slot, "text"):
        raise TypeError(f"cannot tell what {slot!r} was: it is no slot (give one of a node, or None)")
    return f"was {slot.text}"


# ---- as text ---------------------------------------------------------------------------------------


@public_in("pmemobj.inspect")
def tree_text(
    graph: WalkedGraph,
    comparison: GraphChanges | None = None,
    name: str = "",
    offsets: bool = False,
    holders: Mapping[int, str] | None = None,
) -> str:
    """The objects of `graph` as an indented tree, one line for each slot.

    Args:
        graph: What a walk found.
        comparison: What differs from an earlier graph; the differences are marked.
        name: What to call the value where the walk began.
        offsets: Whether to tell where each object lies.
        holders: The variables that keep unreachable objects, by offset.
    """
    return "\n".join(_TextTree(TreeWalk(graph, comparison), offsets).lines(graph, name, holders or {}))


class _Line(NamedTuple):
    """A line that is still to be written.

    Attributes:
        label: What stands before the value.
        text: The value, or the type of the object.
        target: The offset of the object.
        note: What stands behind the value.
        margin: What stands before the branch: the trunks of the objects above.
        is_last: Whether it is the last line below its object.
    """

    label: str
    text: str
    target: int | None = None
    note: str = ""
    margin: str = ""
    is_last: bool = False


class _TextTree:
    def __init__(self, walk: TreeWalk, offsets: bool) -> None:
        self._walk = walk
        self._offsets = offsets

    def lines(self, graph: WalkedGraph, name: str, holders: Mapping[int, str]) -> Iterator[str]:
        walk, start = self._walk, graph.start
        note = f"  (was {walk.earlier_start})" if walk.earlier_start else ""
        yield f"{name or start.label}: {self._value(start.text, start.target)}{note}"
        yield from self._below(self._inside("", start.target))
        if graph.unreachable:
            yield UNREACHABLE
        for offset in walk.unreachable():
            label = f"{holders[offset]}: " if offset in holders else ""
            yield from self._below(_in_place("", [_Line(label, walk.nodes[offset].type, offset)]))
        for offset, node in walk.removed.items():
            yield f"- {node.type}, {node.text}{self._place(offset)}  ({walk.word(offset)})"

    def _below(self, waiting: list[_Line]) -> Iterator[str]:
        # A stack instead of recursion: the tree of a linked list is as deep as the list is long.
        while waiting:
            line = waiting.pop()
            branch, below = ("└─ ", "   ") if line.is_last else ("├─ ", "│  ")
            # The value comes first, since it says "shown above" of an object that was written out before.
            yield f"{line.margin}{branch}{line.label}{self._value(line.text, line.target)}{line.note}"
            waiting += self._inside(line.margin + below, line.target)

    def _value(self, text: str, target: int | None) -> str:
        if target is None:
            return text
        node = self._walk.node(target)
        if node is None:
            return f"{text} … (not shown)"
        number = f" #{self._walk.numbers[target]}" if target in self._walk.numbers else ""
        if target in self._walk.written:
            return f"{node.type}{number} (shown above)"
        word = self._walk.word(target)
        return f"{node.type}{number}, {node.text}{self._place(target)}{f'  ({word})' if word else ''}"

    def _place(self, offset: int) -> str:
        return f" at {offset:#x}" if self._offsets else ""

    def _inside(self, margin: str, offset: int | None) -> list[_Line]:
        """The lines below an object that is written out here; the first one stands last, as a stack wants it."""
        return _in_place(margin, [line for row in self._walk.enter(offset) if (line := _line_of(row)) is not None])


def _line_of(row: TreeRow) -> _Line | None:
    if row.what == "damage":
        return None  # the text of a damaged object says the same
    if row.what == "more":
        return _Line(row.text, "")
    sign = "- " if row.what == "removed" else ""
    return _Line(f"{sign}{row.label}: ", row.text, row.target, f"  ({row.note})" if row.note else "")


def _in_place(margin: str, lines: list[_Line]) -> list[_Line]:
    placed = [line._replace(margin=margin, is_last=number == len(lines)) for number, line in enumerate(lines, 1)]
    return placed[::-1]
