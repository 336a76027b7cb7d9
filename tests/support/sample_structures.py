"""Containers written with the public protocol alone, as a program outside the package would."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from pmemobj import Field, Persistent


class RingBuffer(Persistent):
    """The last values that were appended, the oldest first, and how many there were in all."""

    first = Field("i")
    count = Field("H")
    total = Field("Q")
    items = Field("block")

    def __init__(self, capacity: int) -> None:
        self.items = self._p_mm.alloc(capacity, "value")

    def __len__(self) -> int:
        return int(self.count)

    def __iter__(self) -> Iterator[Any]:
        items = self.items
        return iter([items[(self.first + at) % len(items)] for at in range(self.count)])

    def append(self, value: Any) -> None:
        with self._p_mm.transaction():
            items = self.items
            items[(self.first + self.count) % len(items)] = value
            self.total += 1
            if self.count < len(items):
                self.count += 1
            else:
                self.first = (self.first + 1) % len(items)

    def popleft(self) -> Any:
        with self._p_mm.transaction():
            if not self.count:
                raise IndexError("pop from an empty ring")
            value, self.items[self.first] = self.items[self.first], None
            self.first = (self.first + 1) % len(self.items)
            self.count -= 1
            return value


class Node(Persistent):
    """One key of a `SkipList`, with a link to the next node on each of its levels."""

    key = Field()
    value = Field()
    links = Field("block")

    def __init__(self, key: Any, value: Any, height: int) -> None:
        self.key, self.value = key, value
        self.links = self._p_mm.alloc(height, "value")


class SkipList(Persistent):
    """A sorted mapping."""

    HEIGHT = 6
    head = Field()
    count = Field("q")

    def __init__(self) -> None:
        self.head = self._p_mm.new(Node, None, None, self.HEIGHT)

    def _before(self, key: Any) -> list[Any]:
        """On each level the last node whose key is less."""
        path = [None] * self.HEIGHT
        node = self.head
        for level in reversed(range(self.HEIGHT)):
            while (following := node.links[level]) is not None and following.key < key:
                node = following
            path[level] = node
        return path

    def _find(self, key: Any) -> Any:
        node = self._before(key)[0].links[0]
        if node is None or node.key != key:
            raise KeyError(key)
        return node

    def __getitem__(self, key: Any) -> Any:
        return self._find(key).value

    def __setitem__(self, key: Any, value: Any) -> None:
        with self._p_mm.transaction():
            path = self._before(key)
            node = path[0].links[0]
            if node is not None and node.key == key:
                node.value = value
                return
            height = 1
            while height < self.HEIGHT and random.random() < 0.5:
                height += 1
            node = self._p_mm.new(Node, key, value, height)
            for level in range(height):
                node.links[level] = path[level].links[level]
                path[level].links[level] = node
            self.count += 1

    def __delitem__(self, key: Any) -> None:
        with self._p_mm.transaction():
            node = self._find(key)
            for level, before in enumerate(self._before(key)[: len(node.links)]):
                before.links[level] = node.links[level]
            self.count -= 1

    def __len__(self) -> int:
        return int(self.count)

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self.items())

    def items(self) -> Iterable[tuple[Any, Any]]:
        node = self.head.links[0]
        while node is not None:
            yield node.key, node.value
            node = node.links[0]
