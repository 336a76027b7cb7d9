"""What the explorer shows of a pool at one moment, and the same as JSON for the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html import escape
from typing import Any

from pmemobj import InvalidHandleError, PersistentObjectPool, glance
from pmemobj.inspect import Comparison, Graph, Memory, Node, Offsets, Slot, slot_note
from pmemobj_magics.common.texts import size_text
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.views.graph import PoolGraph, clip
from pmemobj_magics.views.graph.dot import node_name
from pmemobj_magics.views.tree import footer, to_html, whole_text
from pmemobj_magics.views.watch.memory_json import memory_json

__all__ = ["Scene", "TrailStep", "WatchLimits", "as_json", "take"]

#: An object on which the reader has focused: its offset and its name.
TrailStep = tuple[int, str]


@dataclass(frozen=True)
class WatchLimits:
    """How much of a pool is shown.

    Attributes:
        nodes: The largest number of objects in the tree.
        items: The largest number of entries of each object in the tree.
        drawn: The largest number of objects in the graph, which takes more space, and more time to lay out.
        rows: The largest number of entries of each object in the graph.
        words: The largest number of words of memory in the scene, for the objects nearest to its beginning. For
            another object the page asks the kernel when the reader selects it.
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
        graph: The objects; its start has the name of the last step of the trail.
        trail: The objects on which the reader has focused, without the ones that were freed.
        items: The largest number of entries of each object.
        comparison: The uncommitted changes in a transaction; otherwise the changes since the earlier scene, or None
            if the two scenes cannot be compared.
        memories: The memory of the objects nearest to the beginning.
    """

    graph: Graph
    trail: tuple[TrailStep, ...] = ()
    items: int = 0
    comparison: Comparison | None = None
    memories: dict[int, Memory] = field(default_factory=dict)

    def picture(self, limits: WatchLimits, offsets: bool = False) -> PoolGraph:
        """A drawing of the objects nearest to the beginning."""
        # The drawing must know which objects exist, or it would show the ones beyond its limits as removed.
        there = self.graph.reached or Offsets(self.graph.nodes)
        drawn = replace(clip(self.graph, limits.drawn, limits.rows), reached=there)
        before = None if self.comparison is None or self.comparison.is_uncommitted else self.comparison.before
        return PoolGraph(drawn, offsets=offsets, before=before)

    def tree(self, offsets: bool = False) -> str:
        """The whole scene as a tree of text."""
        return whole_text(self.graph, self.comparison, offsets=offsets)

    def html(self, offsets: bool = False) -> str:
        """The whole scene as a tree of HTML, which unfolds without a script."""
        return f"{to_html(self.graph, self.comparison, offsets=offsets)}{escape(footer(self.graph, self.comparison))}"

    @property
    def has_undefined(self) -> bool:
        """Whether classes are missing; a cell that defines one changes what is shown without changing the pool."""
        return any("not defined yet" in node.type for node in self.graph.nodes.values())


def take(
    pool: PersistentObjectPool, trail: tuple[TrailStep, ...], limits: WatchLimits, before: Scene | None = None
) -> Scene:
    """Take a scene of a pool.

    Args:
        pool: The open pool.
        trail: The scene begins at its last object that exists, or else at the root.
        limits: How much to show.
        before: The earlier scene, from which differences are marked.

    Raises:
        PoolClosedError: the pool is closed.
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


def _compare(
    before: Scene | None, graph: Graph, trail: tuple[TrailStep, ...], limits: WatchLimits
) -> Comparison | None:
    if graph.is_open:
        return graph.uncommitted
    if before is None or (before.trail, before.items) != (trail, limits.items):
        return None
    # A scene of an open transaction is not a state of the pool, so its beginning is used.
    earlier = before.graph.before if before.graph.is_open else before.graph
    return None if earlier is None else Comparison(earlier, graph)


def as_json(scene: Scene, picture: PoolGraph, offsets: bool) -> dict[str, Any]:
    """Everything that the page needs to show a scene without asking the kernel."""
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
    """The label, the text, the objects that are value and key, and a note on a change."""
    target = None if slot.target is None else node_name(slot.target)
    return [slot.label, slot.text, target, None if slot.key_target is None else node_name(slot.key_target), note]
