"""Choose the references that are drawn as arrows.

Graphviz needs a long time for many arrows between few objects: a drawing of 200 objects with 600 random references
took more than 25 s, one with 400 references less than half a second. So one arrow leads to each object, and as many
of the other references become arrows as the budget allows. The rest are written as ``Type #3`` in their rows, and the
object that they refer to has ``#3`` in its title.

References that no longer exist are dotted arrows. They begin or end at removed objects, or begin in the row of a
removed slot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pmemobj.inspect import Change, Graph, Node
from pmemobj_magics.views.graph.look import Looks

__all__ = ["Arrows", "Origin"]

#: Where a reference is held: the offset of the object; ``k`` for a key, ``v`` for a value, ``g`` for the value of a
#: removed slot, ``w`` for the former value of a slot; the number of the slot.
Origin = tuple[int, str, int]

#: The budget: this many arrows for each object on average, and at least this many in all.
_PER_NODE, _LEAST = 2, 400
#: The largest number of arrows for references that no longer exist.
_GHOSTS = 100


class Arrows:
    """The references of a graph.

    Attributes:
        references: The number of references to each object.
        between: The number of references between objects that are shown.
        drawn: The origins of the references that are arrows, with the objects that they lead to.
        ghosts: The same for references that no longer exist.
    """

    def __init__(self, graph: Graph, looks: Looks | None = None) -> None:
        looks = looks or Looks()
        nodes = graph.shown
        self.references = Counter(edge.target for edge in graph.edges)
        origins = dict(_origins(nodes.values(), nodes))
        self.between = len(origins)
        self.drawn = _choose(origins, graph.start.target, max(_LEAST, _PER_NODE * len(nodes)))
        meant = {target for origin, target in origins.items() if origin not in self.drawn}
        self._numbers = {offset: number for number, offset in enumerate((o for o in nodes if o in meant), 1)}
        removed = looks.removed
        changes = {} if looks.comparison is None else looks.comparison.changes
        gone = [*_origins(removed.values(), {**nodes, **removed}), *_former(changes, nodes, removed)]
        self.ghosts = dict(gone[:_GHOSTS])

    def number_text(self, offset: int) -> str:
        """`` #3`` for an object that some row refers to by its number."""
        return f" #{self._numbers[offset]}" if offset in self._numbers else ""


def _origins(nodes: Iterable[Node], shown: Mapping[int, Node]) -> Iterator[tuple[Origin, int]]:
    for node in nodes:
        for number, slot in enumerate(node.slots):
            for column, target in (("k", slot.key_target), ("v", slot.target)):
                if target is not None and target in shown:
                    yield (node.offset, column, number), target


def _former(
    changes: Mapping[int, Change], nodes: Mapping[int, Node], removed: Mapping[int, Node]
) -> Iterator[tuple[Origin, int]]:
    """The former references of slots that now hold something else or were removed."""
    shown = {**nodes, **removed}
    for offset, change in changes.items():
        for number, slot in enumerate(change.gone):
            if offset in nodes and slot.target in shown:
                yield (offset, "g", number), slot.target
        for number, was in change.slots.items():
            now = nodes[offset].slots[number].target
            if was is not None and was.target is not None and was.target in shown and was.target != now:
                yield (offset, "w", number), was.target


def _choose(origins: dict[Origin, int], start: int | None, budget: int) -> dict[Origin, int]:
    """The first reference to each object, and as many others as the budget allows."""
    reached = {start}
    first: dict[Origin, int] = {}
    others: dict[Origin, int] = {}
    for origin, target in origins.items():
        (others if target in reached else first)[origin] = target
        reached.add(target)
    room = max(0, budget - len(first))
    return first | dict(list(others.items())[:room])
