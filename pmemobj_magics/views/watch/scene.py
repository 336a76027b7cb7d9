"""What the explorer shows of a pool at one moment, and the same as JSON for the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from pmemobj import InvalidHandleError, PersistentObjectPool, glance
from pmemobj.inspect import Comparison, Graph, Memory, Node, Offsets, Slot, slot_note, tree_text
from pmemobj_magics.display import size_text
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph import PoolGraph, clip
from pmemobj_magics.views.graph.dot import node_name
from pmemobj_magics.views.tree import footer, to_html
from pmemobj_magics.views.watch.bytes import memory_json

__all__ = ["Limits", "Scene", "Step", "as_json", "take"]

#: A step down from the root, where the reader has begun anew: the offset of an object and what it is called.
Step = tuple[int, str]


@dataclass(frozen=True)
class Limits:
    """How much of a pool is shown.

    Attributes:
        nodes, items: How many objects, and entries of each, the tree has.
        drawn, rows: The same of the graph, which takes more room, and longer to lay out.
        words: How many words of memory are handed to the page at once, those of the nearest objects; of the others
            it asks the kernel when they are chosen.
    """

    nodes: int = 200
    items: int = 20
    drawn: int = 60
    rows: int = 12
    words: int = 1500


@dataclass(frozen=True)
class Scene:
    """A moment of a pool.

    Attributes:
        graph: The objects; its start is called as the last step of the trail.
        trail: The steps from the root to where the graph begins; those that are gone are left out.
        items: How many entries of each object it has at the most.
        comparison: In a transaction what that one has changed, else what has changed since the scene before; None
            where the two cannot be compared.
        memories: The memory of the nearest objects.
    """

    graph: Graph
    trail: tuple[Step, ...] = ()
    items: int = 0
    comparison: Comparison | None = None
    memories: dict[int, Memory] = field(default_factory=dict)

    def picture(self, limits: Limits, offsets: bool = False) -> PoolGraph:
        """A drawing of the nearest objects."""
        # What is not drawn is there all the same, lest it be taken for removed.
        there = self.graph.reached or Offsets(self.graph.nodes)
        drawn = replace(clip(self.graph, limits.drawn, limits.rows), reached=there)
        before = None if self.comparison is None or self.comparison.is_uncommitted else self.comparison.before
        return PoolGraph(drawn, offsets=offsets, before=before)

    def tree(self, offsets: bool = False) -> str:
        """All of it, as a tree of text."""
        tree = tree_text(self.graph, self.comparison, offsets=offsets)
        return f"{tree}\n{footer(self.graph, self.comparison)}"

    def html(self, offsets: bool = False) -> str:
        """The same as a tree to unfold, without a script."""
        return f"{to_html(self.graph, self.comparison, offsets=offsets)}{escape(footer(self.graph, self.comparison))}"

    @property
    def has_undefined(self) -> bool:
        """Whether classes are missing; a cell that defines one changes what is shown, and not the pool."""
        return any("not defined yet" in node.type for node in self.graph.nodes.values())


def take(pool: PersistentObjectPool, trail: tuple[Step, ...], limits: Limits, before: Scene | None = None) -> Scene:
    """Look at a pool.

    Args:
        pool: The open pool.
        trail: Where to begin; the root if it is empty, and if all of it is gone.
        limits: How much to take.
        before: The scene before this one, to tell what is new.

    Raises:
        PoolClosedError: it is closed.
        TransactionError: another thread is changing it.
    """
    while True:
        offset = trail[-1][0] if trail else None
        try:
            seen = glance.look(pool, offset, max_nodes=limits.nodes, max_items=limits.items, max_words=limits.words)
        except InvalidHandleError:
            trail = trail[:-1]
            continue
        name = trail[-1][1] if trail else "root"
        graph = replace(seen.graph, start=replace(seen.graph.start, label=name))
        return Scene(graph, trail, limits.items, _compare(before, graph, trail, limits), seen.memories)


def _compare(before: Scene | None, graph: Graph, trail: tuple[Step, ...], limits: Limits) -> Comparison | None:
    if graph.is_open:
        return graph.uncommitted
    if before is None or (before.trail, before.items) != (trail, limits.items):
        return None
    # What a transaction has shown meanwhile is no state of the pool's.
    earlier = before.graph.before if before.graph.is_open else before.graph
    return None if earlier is None else Comparison(earlier, graph)


def as_json(scene: Scene, picture: PoolGraph, offsets: bool) -> dict[str, Any]:
    """What the page needs to show a scene without asking again."""
    graph = scene.graph
    told: dict[str, Any] = {
        "footer": footer(graph, scene.comparison),
        "start": _slot(graph.start),
        "nodes": {node_name(offset): _node(node, scene.comparison, offsets) for offset, node in graph.nodes.items()},
        "memories": {node_name(at): memory_json(memory, offsets) for at, memory in scene.memories.items()},
        "alt": repr(picture),
        "items": scene.items,
    }
    try:
        return told | {"svg": picture.svg, "hint": ""}
    except DrawingError as error:
        return told | {"svg": "", "hint": f"{error.why}; {error.todo}"}


def _node(node: Node, comparison: Comparison | None, offsets: bool) -> dict[str, Any]:
    change = comparison.changes.get(node.offset) if comparison is not None else None
    notes = {} if change is None else {number: slot_note(slot) for number, slot in change.slots.items()}
    return {
        "at": f"{node.offset:#x}" if offsets else "",
        "type": node.type,
        "text": "" if node.damage else node.text,
        "size": size_text(node.size),
        "damage": node.damage,
        "mark": comparison.word(node.offset) if comparison is not None else "",
        "more": 0 if node.damage else max(0, node.count - len(node.slots)),
        "slots": [_slot(slot, notes.get(number, "")) for number, slot in enumerate(node.slots)],
        "gone": [] if change is None else [f"{slot.label}: {slot.text}" for slot in change.gone],
    }


def _slot(slot: Slot, note: str = "") -> list[str | None]:
    """Label, text, the objects that are value and key, and what to say of a change."""
    target = None if slot.target is None else node_name(slot.target)
    return [slot.label, slot.text, target, None if slot.key_target is None else node_name(slot.key_target), note]
