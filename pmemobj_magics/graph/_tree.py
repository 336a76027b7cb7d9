"""`pmemobj.inspect.Graph` to a tree of text: for terminals, and where graphviz is missing.

Every object is written out once, where a walk reaches it first. An object that is referred to more
than once carries a number, and stands elsewhere by that number; so cycles end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pmemobj.inspect import Graph, Node, Slot
from pmemobj_magics.display import number_text

__all__ = ["to_tree"]

#: A place in the tree: what stands before its lines, whether it is the last there, and what it holds.
_Place = tuple[str, bool, Slot]


def to_tree(graph: Graph, name: str = "root") -> str:
    """The objects of `graph` as an indented tree, one line for each slot."""
    return "\n".join(_Tree(graph).lines(name))


class _Tree:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        references = Counter(edge.target for edge in graph.edges)
        if graph.start.target is not None:
            references[graph.start.target] += 1
        shared = [offset for offset in graph.nodes if references[offset] > 1]
        self.numbers = {offset: number for number, offset in enumerate(shared, 1)}
        self.written: set[int] = set()

    def lines(self, name: str) -> Iterator[str]:
        start = self.graph.start
        yield f"{name}: {self._value(start)}"
        # A stack and no recursion: a linked list is as deep as it is long.
        waiting = self._inside("", start.target)
        while waiting:
            margin, last, slot = waiting.pop()
            branch, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
            if not slot.text:
                yield f"{margin}{branch}{slot.label}"
                continue
            # The numbers of shared objects: whether it is written here is asked before it is.
            yield f"{margin}{branch}{slot.label}: {self._value(slot)}"
            waiting += self._inside(margin + below, slot.target)

    def _value(self, slot: Slot) -> str:
        node = self.graph.nodes.get(slot.target) if slot.target is not None else None
        if slot.target is None:
            return slot.text
        if node is None:
            return f"{slot.text} … (not shown)"
        number = f" #{self.numbers[node.offset]}" if node.offset in self.numbers else ""
        if node.offset in self.written:
            return f"{node.type}{number} (shown above)"
        return f"{node.type}{number}, {node.text}"

    def _inside(self, margin: str, offset: int | None) -> list[_Place]:
        """The slots of an object that is written here, the first one last as a stack wants it."""
        node = self.graph.nodes.get(offset) if offset is not None else None
        if node is None or node.offset in self.written:
            return []
        self.written.add(node.offset)
        slots = [*_keys_apart(node), *_more(node)]
        return [(margin, number == len(slots) - 1, slot) for number, slot in enumerate(slots)][::-1]


def _keys_apart(node: Node) -> Iterator[Slot]:
    """The slots, with a line of its own for a key that is itself an object."""
    for slot in node.slots:
        if slot.key_target is not None:
            yield Slot("key", slot.label, slot.key_target)
        yield slot


def _more(node: Node) -> Iterator[Slot]:
    if not node.damage and node.count > len(node.slots):
        yield Slot(f"+{number_text(node.count - len(node.slots))} more", "")
