"""What lies at an offset of a pool, in words that mean something to whoever wrote the cell: no numbers of bytes.

The map is made of the states of the pool that were seen, the earliest first, so that memory that was freed is
called what it was, and memory that was free what it became.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable

from pmemobj import inspect
from pmemobj.crash import Snapshot
from pmemobj.inspect import HEADER, Graph
from pmemobj_magics.display import plural
from pmemobj_magics.views.crash.states import paths

__all__ = ["Owners"]

_WORD = 8
#: Words of an entry of the undo log whose values are told, and bytes that are not words.
_VALUES, _BYTES = 4, 16


class Owners:
    """Names offsets by the objects that they belong to.

    Args:
        graphs: States of the pool.
        region: What else there is at an offset: libpmemobj's logs and books, or free memory.
    """

    def __init__(self, graphs: Iterable[Graph] = (), region: Callable[[int], str] = lambda _: "the pool") -> None:
        self._region = region
        self._objects: dict[int, str] = {}
        named: dict[int, tuple[int, str]] = {}
        for graph in graphs:
            for offset, path in paths(graph).items():
                self._objects.setdefault(offset, path)
                node = graph.nodes.get(offset)
                for part in node.allocations if node else ():
                    named.setdefault(part.offset, (part.offset + part.size, f"{path} ({part.what})"))
        self._named = sorted((start, *rest) for start, rest in named.items())
        self._starts = [start for start, _, _ in self._named]

    def name(self, offset: int) -> str:
        """``root (entries)``, ``root['log'] (header)``, ``libpmemobj's log``."""
        at = bisect_right(self._starts, offset) - 1
        if at >= 0 and offset < self._named[at][1]:
            return self._named[at][2]
        return self._region(offset)

    def names(self, offsets: Iterable[int]) -> str:
        """The names of several, each once."""
        return ", ".join(dict.fromkeys(map(self.name, offsets)))

    def snapshot(self, entry: Snapshot) -> str:
        """An entry of the undo log: where it belongs, and what recovery would put back there."""
        name = self.name(entry.offset)
        # In headers there are counts, and offsets of what belongs to the object.
        tell = self._value if not name.endswith(f"({HEADER})") else self._number
        return f"{name}: {plural(len(entry.data), 'byte')}, {self._were(entry.data, tell)}"

    def _were(self, data: bytes, tell: Callable[[int], str]) -> str:
        if not any(data):
            return "all zero"
        if len(data) % _WORD:
            return f"{data[:_BYTES].hex(' ')}{' …' if len(data) > _BYTES else ''}"
        words = [int.from_bytes(data[at : at + _WORD], "little") for at in range(0, len(data), _WORD)]
        told = [tell(word) for word in words[:_VALUES]]
        return " | ".join(told) + (" | …" if len(words) > _VALUES else "")

    def _number(self, word: int) -> str:
        at = bisect_right(self._starts, word) - 1
        return f"→ {self._named[at][2]}" if at >= 0 and self._starts[at] == word else str(word)

    def _value(self, word: int) -> str:
        meant = inspect.slot_of(word)
        if meant.target is None:
            return meant.text
        return f"→ {self._objects.get(meant.target) or self.name(meant.target)}"
