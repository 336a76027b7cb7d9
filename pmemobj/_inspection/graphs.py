"""What a walk of a pool found, and what differs between two walks.

Limits may have cut off each of two graphs. A comparison speaks only of what both of them cover, so an object that
the limits of one graph left out counts neither as new nor as removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pmemobj import _display
from pmemobj._inspection.nodes import Change, ChangeKind, Edge, Node, Offsets, Slot
from pmemobj._inspection.tree_text import tree_text
from pmemobj._public_names import public_in
from pmemobj._text import number_text
from pmemobj.errors import a_or_an

__all__ = ["Comparison", "Graph", "Tree", "differences"]


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """What a walk found; ``print()`` writes it as a tree.

    Attributes:
        pool: The name of the pool.
        start: The value where the walk began, as a slot.
        nodes: The objects by offset, nearest first.
        edges: The references between the objects, and those to objects that the limits left out.
        total: How many objects can be reached in all; None where damage prevents counting.
        unreachable: The objects that the root does not reach and only Python variables keep, by offset; they are
            freed when the pool closes.
        unreachable_total: How many unreachable objects there are in all.
        before: The same walk in the pool as it was when the running transaction began; None if no transaction runs.
        is_open: Whether a transaction was open, so that what is shown is not committed.
        reached: The offsets of all objects that can be reached, including those that the limits left out; None where
            `nodes` has all of them, or where they are not known.
    """

    pool: str
    start: Slot
    nodes: dict[int, Node] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    total: int | None = 0
    unreachable: dict[int, Node] = field(default_factory=dict)
    unreachable_total: int = 0
    before: Graph | None = None
    is_open: bool = False
    reached: Offsets | None = field(default=None, compare=False)

    @property
    def hidden(self) -> int:
        """How many reachable objects the limits left out, as far as that is known."""
        if self.total is not None:
            return self.total - len(self.nodes)
        return len({edge.target for edge in self.edges} - self.nodes.keys() - self.unreachable.keys())

    @property
    def shown(self) -> dict[int, Node]:
        """All objects of the graph, the unreachable ones last."""
        return {**self.nodes, **self.unreachable}

    @property
    def shared(self) -> dict[int, int]:
        """A number, from 1 on, for each object that more than one reference leads to, by its offset."""
        references = Counter(edge.target for edge in self.edges)
        if self.start.target is not None:
            references[self.start.target] += 1
        return {offset: at for at, offset in enumerate((each for each in self.shown if references[each] > 1), 1)}

    @property
    def unreachable_in_order(self) -> list[int]:
        """The offsets of the unreachable objects: first those that no other one refers to, then the others."""
        inner = {edge.target for edge in self.edges if edge.source in self.unreachable}
        return sorted(self.unreachable, key=inner.__contains__)

    @property
    def summary(self) -> str:
        """Where the walk began and how much it found: ``root=PersistentDict, 12 nodes, 15 edges, 3 hidden``."""
        shown = self.shown
        drawn = sum(edge.target in shown for edge in self.edges)
        counts = [_counted(len(self.nodes), "node"), _counted(drawn, "edge")]
        if self.hidden:
            counts.append(f"{number_text(self.hidden)} hidden")
        damaged = sum(bool(node.damage) for node in shown.values())
        if damaged:
            counts.append(f"{damaged} damaged")
        if self.unreachable_total:
            counts.append(f"{number_text(self.unreachable_total)} unreachable")
        return f"{self.start.label}={self.start.text}, {', '.join(counts)}"

    @property
    def uncommitted(self) -> Comparison | None:
        """What the running transaction has changed so far; None where no transaction runs, or this is not known."""
        return None if self.before is None else Comparison(self.before, self, True)

    def __repr__(self) -> str:
        return f"Graph({self.summary})"

    def __str__(self) -> str:
        return tree_text(self, self.uncommitted)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return _display.graph(self)

    def knows(self, offset: int) -> bool:
        """Whether an object was at this offset, shown or left out; True where that is not known."""
        if offset in self.nodes or offset in self.unreachable:
            return True
        return offset in self.reached if self.reached is not None else self.total is None


def _counted(number: int, noun: str) -> str:
    return f"{number_text(number)} {noun}{'' if number == 1 else 's'}"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True, repr=False)
class Tree:
    """A graph that shows itself as a tree, in which each object is written out once.

    Attributes:
        graph: The graph.
        name: What to call the value where the walk began.
        offsets: Whether to tell where each object lies.
    """

    graph: Graph
    name: str = ""
    offsets: bool = False

    def __repr__(self) -> str:
        return tree_text(self.graph, self.graph.uncommitted, self.name, self.offsets)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return _display.tree(self)


# ---- what differs -----------------------------------------------------------------------------------


#: What to say of each kind of change: between two pictures, and in a running transaction.
_WORDS: dict[ChangeKind, str] = {"new": "added", "changed": "changed", "removed": "removed"}
_UNCOMMITTED: dict[ChangeKind, str] = {
    "new": "new, uncommitted",
    "changed": "changed, uncommitted",
    "removed": "removed, uncommitted",
}


@public_in("pmemobj.inspect")
class Comparison:
    """What differs between two graphs of a pool, as a view of the later one needs it.

    Attributes:
        before: The earlier graph.
        changes: What became of the objects that differ, by offset; all others are as before.
        is_uncommitted: Whether the difference is what a running transaction did.
    """

    __slots__ = ("before", "changes", "is_uncommitted")

    def __init__(self, before: Graph, after: Graph, is_uncommitted: bool = False) -> None:
        self.before = before
        self.changes = differences(before, after)
        self.is_uncommitted = is_uncommitted

    def word(self, offset: int) -> str:
        """What to say of an object: ``added``, ``changed, uncommitted``; an empty string if it is as before."""
        change = self.changes.get(offset)
        return "" if change is None else (_UNCOMMITTED if self.is_uncommitted else _WORDS)[change.kind]

    @property
    def removed(self) -> dict[int, Node]:
        """The objects that are no longer there, as they were."""
        nodes = self.before.shown
        return {offset: nodes[offset] for offset, change in self.changes.items() if change.kind == "removed"}

    @property
    def summary(self) -> str:
        """How many objects of each kind: ``1 added, 2 changed``; or ``no change``."""
        counted = Counter(change.kind for change in self.changes.values())
        words = [f"{number_text(counted[kind])} {word}" for kind, word in _WORDS.items() if counted[kind]]
        return ", ".join(words) or "no change"


@public_in("pmemobj.inspect")
def differences(before: Graph, after: Graph) -> dict[int, Change]:
    """The objects that are new in `after`, changed, or removed, by offset; all others are as before.

    Where an object stands in the graph and how many bytes it takes are not compared. Objects that the limits left
    out are not compared either; of entries that the limits left out, only whether any of them differs is told.
    """
    for graph in (before, after):
        if not isinstance(graph, Graph):
            raise TypeError(f"cannot compare {a_or_an(type(graph).__name__)}: it is no graph (pool.graph() makes one)")
    found: dict[int, Change] = {}
    old_nodes, new_nodes = before.shown, after.shown
    for offset, node in new_nodes.items():
        old = old_nodes.get(offset)
        if old is None:
            if not before.knows(offset):
                found[offset] = Change("new")
        elif old.stamp != node.stamp:
            found[offset] = Change("new")
        elif (change := _change(old, node)) is not None:
            found[offset] = change
    for offset in old_nodes:
        if offset not in new_nodes and not after.knows(offset):
            found[offset] = Change("removed")
    return found


def _change(old: Node, node: Node) -> Change | None:
    has_other_digest = 0 != old.digest != node.digest != 0
    if replace(old, depth=node.depth, size=node.size) == node and not has_other_digest:
        return None
    before, after = dict(_positions(old)), dict(_positions(node))
    slots = {
        number: before.get(position)
        for number, (position, slot) in enumerate(after.items())
        if before.get(position) != slot and (position in before or old.is_whole)
    }
    gone = tuple(slot for position, slot in before.items() if position not in after) if node.is_whole else ()
    same = (old.type, old.text, old.count, old.damage) == (node.type, node.text, node.count, node.damage)
    return None if same and not has_other_digest and not slots and not gone else Change("changed", slots, gone)


def _positions(node: Node) -> Iterator[tuple[tuple[object, ...], Slot]]:
    """The slots, each with what identifies it: its label and key, and a number, since long keys are shortened."""
    seen: Counter[tuple[object, ...]] = Counter()
    for slot in node.slots:
        position: tuple[object, ...] = (slot.label, slot.key_target)
        if slot.label == "item":  # Items of sets have no positions: a changed one is one removed and one added.
            position = (slot.text, slot.target)
        yield (*position, seen[position]), slot
        seen[position] += 1
