"""States of a pool: a letter for each different state, and the differences in words."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from pmemobj.inspect import Graph, Slot

__all__ = ["States", "differences", "paths"]


class States:
    """Gives each different state a letter, beginning with A.

    Attributes:
        graphs: The states by letter.
    """

    def __init__(self, before: Graph) -> None:
        self.graphs: dict[str, Graph] = {}
        self._before = before
        self.letter(before)

    def letter(self, graph: Graph) -> str:
        """The letter of a state; a new letter if no equal state has one."""
        for letter, known in self.graphs.items():
            if _contents(known) == _contents(graph):
                return letter
        letter = _letters(len(self.graphs))
        self.graphs[letter] = graph
        return letter

    def changes(self, letter: str) -> list[str]:
        """The differences of a state from the first one, in words."""
        return differences(self._before, self.graphs[letter])


def _contents(graph: Graph) -> object:
    """The contents of a state, without the order in which the walk found the objects."""
    return graph.start.text, graph.start.target, {at: replace(node, depth=0) for at, node in graph.nodes.items()}


def _letters(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)


def differences(before: Graph, after: Graph) -> list[str]:
    """``root['anna']: 60 → 50`` for each slot whose value has changed, is new, or was removed."""
    if before.start.text != after.start.text or before.start.target != after.start.target:
        return [f"root: {before.start.text} → {after.start.text}"]
    ways = paths(before) | paths(after)
    found = []
    for offset, node in after.nodes.items():
        old = before.nodes.get(offset)
        if old is None:
            continue
        there, here = _values(old.slots), _values(node.slots)
        path = ways.get(offset, node.type)
        for label in [*there, *(label for label in here if label not in there)]:
            one, other = there.get(label), here.get(label)
            if one != other:
                told = f"{one[0] if one else 'nothing'} → {other[0] if other else 'nothing'}"
                found.append(f"{_slot_path(path, label)}: {told}")
        if node.damage and not old.damage:
            found.append(f"{path}: damaged")
    return found


def _values(slots: tuple[Slot, ...]) -> dict[str, tuple[str, int | None]]:
    return {slot.label: (slot.text, slot.target) for slot in slots}


def paths(graph: Graph) -> dict[int, str]:
    """The shortest path from the root to each object."""
    if graph.start.target is None:
        return {}
    found = {graph.start.target: "root"}
    waiting = deque(found)
    while waiting:
        offset = waiting.popleft()
        for slot in graph.nodes[offset].slots if offset in graph.nodes else ():
            if slot.target is not None and slot.target not in found:
                found[slot.target] = _slot_path(found[offset], slot.label)
                waiting.append(slot.target)
    return found


def _slot_path(path: str, label: str) -> str:
    return f"{path}.{label}" if label.isidentifier() else f"{path}[{label}]"
