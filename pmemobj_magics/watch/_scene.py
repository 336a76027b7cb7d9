"""What the explorer shows of a pool at one moment, and the same as JSON for the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pmemobj import InvalidHandleError, PersistentObjectPool, glance
from pmemobj.inspect import Graph, Memory, Node, Slot
from pmemobj_magics.display import plural, size_text
from pmemobj_magics.errors import DrawingError
from pmemobj_magics.graph import PoolGraph, clip, news
from pmemobj_magics.graph._dot import footer, node_name
from pmemobj_magics.watch._bytes import memory_json

__all__ = ["Limits", "Scene", "Step", "as_json", "summary", "take"]

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
        graph: The objects.
        trail: The steps from the root to where the graph begins; those that are gone are left out.
        items: How many entries of each object it has at the most.
        marks: ``new`` or ``changed`` for objects that were not so in the scene before.
        uncommitted: Whether it is in a transaction of this thread.
        memories: The memory of the nearest objects.
    """

    graph: Graph
    trail: tuple[Step, ...] = ()
    items: int = 0
    marks: dict[int, str] = field(default_factory=dict)
    uncommitted: bool = False
    memories: dict[int, Memory] = field(default_factory=dict)

    def picture(self, limits: Limits, offsets: bool = False) -> PoolGraph:
        """A drawing of the nearest objects."""
        drawn = clip(self.graph, limits.drawn, limits.rows)
        name = self.trail[-1][1] if self.trail else "root"
        marks = {at: mark for at, mark in self.marks.items() if at in drawn.nodes}
        return PoolGraph(drawn, name=name, offsets=offsets, marks=marks)

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
        marks = _marks(before, seen.graph, trail, limits)
        return Scene(seen.graph, trail, limits.items, marks, seen.uncommitted, seen.memories)


def _marks(before: Scene | None, graph: Graph, trail: tuple[Step, ...], limits: Limits) -> dict[int, str]:
    """What has changed since the scene before, as far as the two can be compared."""
    if before is None or (before.trail, before.items) != (trail, limits.items):
        return {}
    marks = news(before.graph, graph)
    if before.graph.hidden:
        # What is there now may have been there before, beyond the limits.
        marks = {offset: mark for offset, mark in marks.items() if mark != "new"}
    return marks


def as_json(scene: Scene, picture: PoolGraph, offsets: bool) -> dict[str, Any]:
    """What the page needs to show a scene without asking again."""
    graph = scene.graph
    told: dict[str, Any] = {
        "footer": footer(graph),
        "start": _slot(replace(graph.start, label=picture.name)),
        "nodes": {node_name(offset): _node(node, scene.marks, offsets) for offset, node in graph.nodes.items()},
        "memories": {node_name(at): memory_json(memory, offsets) for at, memory in scene.memories.items()},
        "alt": repr(picture),
        "items": scene.items,
    }
    try:
        return told | {"svg": picture.svg, "hint": ""}
    except DrawingError as error:
        return told | {"svg": "", "hint": f"{error.why}; {error.todo}"}


def _node(node: Node, marks: dict[int, str], offsets: bool) -> dict[str, Any]:
    return {
        "at": f"{node.offset:#x}" if offsets else "",
        "type": node.type,
        "text": "" if node.damage else node.text,
        "size": size_text(node.size),
        "damage": node.damage,
        "mark": marks.get(node.offset, ""),
        "more": 0 if node.damage else max(0, node.count - len(node.slots)),
        "slots": [_slot(slot) for slot in node.slots],
    }


def _slot(slot: Slot) -> list[str | None]:
    target = None if slot.target is None else node_name(slot.target)
    return [slot.label, slot.text, target, None if slot.key_target is None else node_name(slot.key_target)]


def summary(scene: Scene) -> str:
    """What the scene has, in a few words: ``root=PersistentDict, 12 nodes, 15 edges``."""
    graph = scene.graph
    name = scene.trail[-1][1] if scene.trail else "root"
    edges = sum(edge.target in graph.nodes for edge in graph.edges)
    return f"{name}={graph.start.text}, {plural(len(graph.nodes), 'node')}, {plural(edges, 'edge')}"
