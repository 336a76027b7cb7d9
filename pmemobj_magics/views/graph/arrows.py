"""Which references are drawn as arrows.

Graphviz takes long for many arrows between few objects: 200 objects with 600 references at random
took more than 25 s, with 400 less than half a second. So each object is reached by one arrow; of the
other references as many are drawn as the budget allows, and the rest stand as ``Type #3`` in their
row, where ``#3`` is written on the object that is meant.

References that are no longer there lead to ghosts, or from them, or stand in a row of what was removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from pmemobj.inspect import Change, Graph, Node
from pmemobj_magics.views.graph.look import Looks

__all__ = ["Arrows", "Place"]

#: A reference by the place that holds it: the object; ``k`` for a key, ``v`` for a value, ``g`` for a value
#: that is gone and has a row of its own, ``w`` for what a value was; the slot.
Place = tuple[int, str, int]

#: How many arrows for each object that is shown, on the average; and how many in any case.
_PER_NODE, _LEAST = 2, 400
#: How many arrows of what is no longer there.
_GHOSTS = 100


class Arrows:
    """The references of a graph.

    Attributes:
        references: How many references each object has.
        between: How many there are between the objects that are shown.
        drawn: The places whose references are arrows, with the objects that they lead to.
        ghosts: The same for references that are no longer there.
    """

    def __init__(self, graph: Graph, looks: Looks | None = None) -> None:
        looks = looks or Looks()
        nodes = graph.shown
        self.references = Counter(edge.target for edge in graph.edges)
        places = dict(_places(nodes.values(), nodes))
        self.between = len(places)
        self.drawn = _choose(places, graph.start.target, max(_LEAST, _PER_NODE * len(nodes)))
        meant = {target for place, target in places.items() if place not in self.drawn}
        self._numbers = {offset: number for number, offset in enumerate((o for o in nodes if o in meant), 1)}
        removed = looks.removed
        changes = {} if looks.comparison is None else looks.comparison.changes
        gone = [*_places(removed.values(), {**nodes, **removed}), *_former(changes, nodes, removed)]
        self.ghosts = dict(gone[:_GHOSTS])

    def number_text(self, offset: int) -> str:
        """`` #3`` for an object that stands somewhere by its number."""
        return f" #{self._numbers[offset]}" if offset in self._numbers else ""


def _places(nodes: Iterable[Node], shown: Mapping[int, Node]) -> Iterator[tuple[Place, int]]:
    for node in nodes:
        for number, slot in enumerate(node.slots):
            for column, target in (("k", slot.key_target), ("v", slot.target)):
                if target is not None and target in shown:
                    yield (node.offset, column, number), target


def _former(
    changes: Mapping[int, Change], nodes: Mapping[int, Node], removed: Mapping[int, Node]
) -> Iterator[tuple[Place, int]]:
    """What the slots of the objects that are shown led to, and lead to no more."""
    shown = {**nodes, **removed}
    for offset, change in changes.items():
        for number, slot in enumerate(change.gone):
            if offset in nodes and slot.target in shown:
                yield (offset, "g", number), slot.target
        for number, was in change.slots.items():
            now = nodes[offset].slots[number].target
            if was is not None and was.target is not None and was.target in shown and was.target != now:
                yield (offset, "w", number), was.target


def _choose(places: dict[Place, int], start: int | None, budget: int) -> dict[Place, int]:
    """The first reference to each object, then others while the budget lasts."""
    reached = {start}
    first: dict[Place, int] = {}
    others: dict[Place, int] = {}
    for place, target in places.items():
        (others if target in reached else first)[place] = target
        reached.add(target)
    room = max(0, budget - len(first))
    return first | dict(list(others.items())[:room])
