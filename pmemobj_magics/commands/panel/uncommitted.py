"""What the open transaction of a pool has changed so far: each place with what it was and what it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from pmemobj import PersistentObjectPool, glance
from pmemobj.inspect import Comparison, Graph, Node, Slot
from pmemobj_magics.common.texts import number_text

__all__ = ["Uncommitted", "uncommitted"]

#: How much of a pool is compared, and how many places are listed.
_NODES, _ITEMS, _ROWS = 2000, 200, 200
#: A place, what it was, what it is, and a word.
Row = tuple[str, str, str, str]


@dataclass(frozen=True)
class Uncommitted:
    """What is not committed.

    Attributes:
        rows: The places that differ.
        note: What was left out, or an empty string.
        is_aborted: Whether the transaction was rolled back by an error and has not been left yet.
    """

    rows: tuple[Row, ...] = ()
    note: str = ""
    is_aborted: bool = False


def uncommitted(pool: PersistentObjectPool, name: str) -> Uncommitted:
    """What the transaction of the calling thread has changed.

    Args:
        pool: The pool, with an open transaction.
        name: The variable of the pool, with which each place begins.

    Cost: proportional to the number of objects that the root reaches.
    """
    graph = glance.look(pool, max_nodes=_NODES, max_items=_ITEMS).graph
    comparison = graph.uncommitted
    if comparison is None:
        return Uncommitted(is_aborted=not graph.is_open)
    rows = list(_rows(graph, comparison, name))
    notes = []
    if len(rows) > _ROWS:
        notes.append(f"{number_text(len(rows) - _ROWS)} more places differ.")
    if graph.hidden:
        notes.append(f"Only the {number_text(_NODES)} objects nearest to the root are compared.")
    return Uncommitted(tuple(rows[:_ROWS]), " ".join(notes))


def _rows(graph: Graph, comparison: Comparison, name: str) -> Iterator[Row]:
    root, old = graph.start, comparison.before.start
    places = _places(graph, f"{name}.root")
    if (root.text, root.target) != (old.text, old.target):
        yield f"{name}.root", old.text, root.text, "changed"
    for offset, change in comparison.changes.items():
        node = graph.nodes.get(offset)
        if node is None or change.kind != "changed":
            continue  # a new or removed object appears at the place that refers to it
        place = places.get(offset, node.type)
        for number, was in change.slots.items():
            slot = node.slots[number]
            now = _told(graph, slot)
            yield _step(place, node, slot), was.text if was else "", now, "changed" if was else "added"
        for slot in change.gone:
            yield _step(place, node, slot), slot.text, "", "removed"
        if not change.slots and not change.gone:
            yield place, "", node.text, "changed"


def _told(graph: Graph, slot: Slot) -> str:
    """A value in a few words; of an object, its type and its size."""
    node = None if slot.target is None else graph.nodes.get(slot.target)
    return slot.text if node is None else f"{node.type}, {node.text}"


def _places(graph: Graph, start: str) -> dict[int, str]:
    """The shortest path to each object of the graph, as Python would write it."""
    if graph.start.target is None:
        return {}
    places = {graph.start.target: start}
    waiting = deque([graph.start.target])
    while waiting:
        node = graph.nodes.get(waiting.popleft())
        for slot in node.slots if node else ():
            if node is not None and slot.target is not None and slot.target not in places:
                places[slot.target] = _step(places[node.offset], node, slot)
                waiting.append(slot.target)
    return places


def _step(place: str, node: Node, slot: Slot) -> str:
    if node.type in ("PersistentDict", "PersistentList", "PersistentTuple", "PersistentByteArray", "PersistentArray"):
        return f"{place}[{slot.label}]"
    if slot.label.isidentifier():
        return f"{place}.{slot.label}"
    return f"{place} {slot.label}".rstrip()
