"""Which references are drawn as arrows.

Graphviz takes long for many arrows between few objects: 200 objects with 600 references at random
took more than 25 s, with 400 less than half a second. So each object is reached by one arrow; of the
other references as many are drawn as the budget allows, and the rest stand as ``Type #3`` in their
row, where ``#3`` is written on the object that is meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pmemobj.inspect import Graph

__all__ = ["Arrows", "Place"]

#: A reference by the place that holds it: the object, ``k`` for a key or ``v`` for a value, the slot.
Place = tuple[int, str, int]

#: How many arrows for each object that is shown, on the average; and how many in any case.
_PER_NODE, _LEAST = 2, 400


class Arrows:
    """The references of a graph.

    Attributes:
        references: How many references each object has.
        between: How many there are between the objects that are shown.
        drawn: The places whose references are arrows, with the objects that they lead to.
    """

    def __init__(self, graph: Graph) -> None:
        self.references = Counter(edge.target for edge in graph.edges)
        places = dict(_places(graph))
        self.between = len(places)
        self.drawn = _choose(places, graph.start.target, max(_LEAST, _PER_NODE * len(graph.nodes)))
        meant = {target for place, target in places.items() if place not in self.drawn}
        self._numbers = {offset: number for number, offset in enumerate((o for o in graph.nodes if o in meant), 1)}

    def number_text(self, offset: int) -> str:
        """`` #3`` for an object that stands somewhere by its number."""
        return f" #{self._numbers[offset]}" if offset in self._numbers else ""


def _places(graph: Graph) -> Iterator[tuple[Place, int]]:
    for node in graph.nodes.values():
        for number, slot in enumerate(node.slots):
            for column, target in (("k", slot.key_target), ("v", slot.target)):
                if target is not None and target in graph.nodes:
                    yield (node.offset, column, number), target


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
