"""What a walk of a pool finds, as plain data, and what differs between two of them.

An object is known by its offset together with the stamp in its header: at the offset of one that was
freed another may lie later. Two graphs may both be cut off by limits; what is told of them is
only what both show. So an object that one of them merely left out is neither new nor removed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pmemobj import _display
from pmemobj._inspection.tree_text import count_text, number_text, tree_text
from pmemobj._public_names import public_in
from pmemobj.errors import a_or_an

__all__ = [
    "ENTRIES",
    "HEADER",
    "VALUE",
    "Change",
    "Comparison",
    "Edge",
    "Graph",
    "Node",
    "Offsets",
    "Part",
    "Slot",
    "Tree",
    "differences",
]

_Kind = Literal["new", "changed", "removed"]

#: The type whose entries have no place of their own: one that is another is another entry.
_WITHOUT_PLACES = "PersistentSet"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Slot:
    """One labelled place of an object.

    Attributes:
        label: Index, key or attribute name, as text; of a row of bytes or numbers, the index of the first.
        text: The value, shortened; for an object, its type; for bytes and numbers, those in the row.
        target: The offset of the object it refers to, or None for a plain value.
        key_target: The offset of the object that is its key, or None.
    """

    label: str
    text: str
    target: int | None = None
    key_target: int | None = None


#: What a part of an object is.
HEADER, ENTRIES, VALUE = "header", "entries", "value"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Part:
    """An allocation that belongs to an object and to nothing else.

    Attributes:
        offset: Where it begins, in bytes from the start of the pool.
        size: How many bytes it has.
        what: `HEADER` (what references lead to), `ENTRIES` (a body or table), or `VALUE` (a text, a large number, ...).
    """

    offset: int
    size: int
    what: str


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Node:
    """One persistent object.

    Attributes:
        offset: Where it begins, in bytes from the start of the pool.
        type: The name of its type; of a class that is not defined, the name and a note.
        size: Bytes of the pool that it takes: its header, bodies and leaves, not what it refers to.
        text: A few words on its contents.
        count: How many entries it has; of a bytearray or an array, how many rows.
        slots: The first of them.
        depth: Steps from where the walk began.
        damage: What is wrong with it, or an empty string.
        stamp: Tells it from another object at the same offset, before or after.
        digest: Of all its entries, where `slots` has not all of them; else 0. It is for comparing.
        parts: The allocations that it is made of; of its values, those of the entries that are shown.
    """

    offset: int
    type: str
    size: int
    text: str
    count: int = 0
    slots: tuple[Slot, ...] = ()
    depth: int = 0
    damage: str = ""
    stamp: int = 0
    digest: int = field(default=0, compare=False)
    parts: tuple[Part, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether `slots` has all of its entries."""
        return len(self.slots) >= self.count


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Edge:
    """A reference from one object to another, with the label of its slot."""

    source: int
    target: int
    label: str


@public_in("pmemobj.inspect")
class Offsets:
    """A set of offsets that is made once and takes eight bytes for each."""

    __slots__ = ("_sorted",)

    def __init__(self, offsets: Iterable[int]) -> None:
        self._sorted = array("Q", sorted(offsets))

    def __contains__(self, offset: int) -> bool:
        at = bisect_left(self._sorted, offset)
        return at < len(self._sorted) and self._sorted[at] == offset

    def __len__(self) -> int:
        return len(self._sorted)


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """What a walk found; ``print()`` writes it as a tree.

    Attributes:
        pool: The name of the pool.
        start: The value where the walk began, as a slot.
        nodes: The objects by offset, nearest first.
        edges: The references between them, and to objects that the limits left out.
        total: How many objects can be reached in all; None where damage prevents counting.
        doomed: The objects that only the running program holds, by offset; they are freed at close.
        doomed_total: How many of those there are in all.
        before: The same walk as the pool was when the running transaction began; None where there is none.
        is_open: Whether a transaction was open, so that what is shown is not committed.
        reached: Which objects can be reached, those included that the limits left out; None where
            `nodes` has them all, or nobody knows.
    """

    pool: str
    start: Slot
    nodes: dict[int, Node] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    total: int | None = 0
    doomed: dict[int, Node] = field(default_factory=dict)
    doomed_total: int = 0
    before: Graph | None = None
    is_open: bool = False
    reached: Offsets | None = field(default=None, compare=False)

    @property
    def hidden(self) -> int:
        """How many reachable objects the limits left out, as far as known."""
        if self.total is not None:
            return self.total - len(self.nodes)
        return len({edge.target for edge in self.edges} - self.nodes.keys() - self.doomed.keys())

    @property
    def shown(self) -> dict[int, Node]:
        """All objects of the graph, the doomed ones last."""
        return {**self.nodes, **self.doomed}

    @property
    def shared(self) -> dict[int, int]:
        """A number, from 1 on, for each object that more than one reference leads to, by its offset."""
        references = Counter(edge.target for edge in self.edges)
        if self.start.target is not None:
            references[self.start.target] += 1
        return {offset: at for at, offset in enumerate((each for each in self.shown if references[each] > 1), 1)}

    @property
    def doomed_in_order(self) -> list[int]:
        """The offsets of the doomed objects: first those that no other leads to, then what goes in circles."""
        inner = {edge.target for edge in self.edges if edge.source in self.doomed}
        return sorted(self.doomed, key=inner.__contains__)

    @property
    def summary(self) -> str:
        """Where it begins and how much there is: ``root=PersistentDict, 12 nodes, 15 edges, 3 hidden``."""
        shown = self.shown
        drawn = sum(edge.target in shown for edge in self.edges)
        counts = [count_text(len(self.nodes), "node"), count_text(drawn, "edge")]
        if self.hidden:
            counts.append(f"{number_text(self.hidden)} hidden")
        damaged = sum(bool(node.damage) for node in shown.values())
        if damaged:
            counts.append(f"{damaged} damaged")
        if self.doomed_total:
            counts.append(f"{number_text(self.doomed_total)} doomed")
        return f"{self.start.label}={self.start.text}, {', '.join(counts)}"

    @property
    def uncommitted(self) -> Comparison | None:
        """What the running transaction has changed so far; None where there is none, or it cannot be told."""
        return None if self.before is None else Comparison(self.before, self, True)

    def __repr__(self) -> str:
        return f"Graph({self.summary})"

    def __str__(self) -> str:
        return tree_text(self, self.uncommitted)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return _display.graph(self)

    def knows(self, offset: int) -> bool:
        """Whether an object of that offset was there, shown or left out; yes where nobody knows."""
        if offset in self.nodes or offset in self.doomed:
            return True
        return offset in self.reached if self.reached is not None else self.total is None


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True, repr=False)
class Tree:
    """A graph that shows itself as a tree, each object written out once.

    Attributes:
        graph: The graph.
        name: What to call the value where it begins.
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


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object between two graphs.

    Attributes:
        kind: ``new``, ``changed`` or ``removed``.
        slots: Of a changed one, the numbers of its slots that are not as before, each with what was
            there, or None where nothing was.
        gone: The slots that it had and has no more.
    """

    kind: _Kind
    slots: dict[int, Slot | None] = field(default_factory=dict)
    gone: tuple[Slot, ...] = ()


#: How the kinds are called, of two pictures and of a transaction.
_WORDS: dict[_Kind, str] = {"new": "added", "changed": "changed", "removed": "removed"}
_UNCOMMITTED: dict[_Kind, str] = {
    "new": "new, uncommitted",
    "changed": "changed, uncommitted",
    "removed": "let go of, uncommitted",
}


@public_in("pmemobj.inspect")
class Comparison:
    """What differs between two graphs of a pool, for those who draw or write the later one.

    Attributes:
        before: The earlier graph.
        changes: What became of the objects, by offset; all others are as before.
        is_uncommitted: Whether the difference is what a running transaction did.
    """

    __slots__ = ("before", "changes", "is_uncommitted")

    def __init__(self, before: Graph, after: Graph, is_uncommitted: bool = False) -> None:
        self.before = before
        self.changes = differences(before, after)
        self.is_uncommitted = is_uncommitted

    def word(self, offset: int) -> str:
        """What to say of an object: ``added``, ``changed, uncommitted``; nothing if it is as before."""
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

    Where an object stands in the graph, and how much of the pool it takes, does not count. Of objects that
    the limits left out nothing is said; of entries, that there is a change, but not which.
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
    is_other = 0 != old.digest != node.digest != 0
    if replace(old, depth=node.depth, size=node.size) == node and not is_other:
        return None
    before, after = dict(_places(old)), dict(_places(node))
    slots = {
        number: before.get(place)
        for number, (place, slot) in enumerate(after.items())
        if before.get(place) != slot and (place in before or old.is_whole)
    }
    gone = tuple(slot for place, slot in before.items() if place not in after) if node.is_whole else ()
    same = (old.type, old.text, old.count, old.damage) == (node.type, node.text, node.count, node.damage)
    return None if same and not is_other and not slots and not gone else Change("changed", slots, gone)


def _places(node: Node) -> Iterator[tuple[tuple[object, ...], Slot]]:
    """The slots by what they are known by: label and key, and a number, since long keys are shortened."""
    seen: Counter[tuple[object, ...]] = Counter()
    for slot in node.slots:
        place: tuple[object, ...] = (slot.label, slot.key_target)
        if node.type == _WITHOUT_PLACES:
            place = (slot.text, slot.target)
        yield (*place, seen[place]), slot
        seen[place] += 1
