"""Name the offsets of a pool in words that the author of the cell knows, instead of numbers.

The names come from the states of the pool that were seen, the earliest first. So freed memory is named after the
object that it was part of, and free memory after the object that it became part of.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable

from pmemobj import inspect
from pmemobj.crash import Snapshot
from pmemobj.inspect import HEADER, Graph
from pmemobj_magics.common.texts import plural
from pmemobj_magics.views.crash.states import paths

__all__ = ["Owners"]

_WORD = 8
#: The largest number of words, and of bytes that are not words, that are shown of an entry of the undo log.
_VALUES, _BYTES = 4, 16


class Owners:
    """Names offsets after the objects that they belong to.

    Args:
        graphs: States of the pool.
        region: A function that names other offsets: libpmemobj's logs and metadata, or free memory.
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
        """The names of several offsets, each name once."""
        return ", ".join(dict.fromkeys(map(self.name, offsets)))

    def snapshot(self, entry: Snapshot) -> str:
        """An entry of the undo log: the part of the pool that it belongs to, and the values that recovery restores."""
        name = self.name(entry.offset)
        # A header holds counts, and offsets of parts of the object.
        tell = self._value if not name.endswith(f"({HEADER})") else self._number
        return f"{name}: {plural(len(entry.data), 'byte')}, {self._were(entry.data, tell)}"

    def _were(self, data: bytes, tell: Callable[[int], str]) -> str:
        if not any(data):
            return "all bytes are zero"
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
