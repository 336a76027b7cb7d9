"""A read-only walk of a pool: plain dataclasses for everything that draws, prints or compares.

The walk makes no handles and imports no classes, so it shows objects whose class is missing. It
trusts nothing that it reads: what makes no sense becomes a node that says so. It works on an open
pool and, through `walk_file`, on the bytes of a file that no library has opened or recovered.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pmemobj import _file, _lib
from pmemobj._base import kind_at, resurrect
from pmemobj._classes import ClassTable
from pmemobj._gc import containers
from pmemobj._heap import Handle, Heap
from pmemobj._layout import ROOT_VALUE, TAG_LEAF
from pmemobj._memory import memory
from pmemobj._memory_form import Gap, Memory, Piece, State, Word
from pmemobj._readings import Meaning
from pmemobj._values import describe, immediate, is_container, is_leaf
from pmemobj.errors import PmemError, PoolDamagedError, a_or_an

if TYPE_CHECKING:
    from pmemobj.pool import PersistentObjectPool

__all__ = [
    "Edge",
    "Gap",
    "Graph",
    "Meaning",
    "Memory",
    "Node",
    "Piece",
    "Slot",
    "State",
    "Word",
    "memory",
    "walk",
    "walk_file",
]


@dataclass(frozen=True, slots=True)
class Slot:
    """One labelled place of an object.

    Attributes:
        label: Index, key or attribute name, as text; of a row of bytes or numbers, the index of the first.
        text: The value, shortened; for an object, its type; for bytes and numbers, those in the row.
        target: The offset of the object it refers to, or None for a plain value.
        key_target: The offset of the object that is its key, or None.
    """

    label: str
    text: str
    target: int | None = None
    key_target: int | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One persistent object.

    Attributes:
        offset: Where it begins, in bytes from the start of the pool.
        type: The name of its type; of a class that is not defined, the name and a note.
        size: Bytes of the pool that it takes: its header, bodies and leaves, not what it refers to.
        text: A few words on its contents.
        count: How many entries it has; of a bytearray or an array, how many rows.
        slots: The first of them.
        depth: Steps from where the walk began.
        damage: What is wrong with it, or an empty string.
    """

    offset: int
    type: str
    size: int
    text: str
    count: int = 0
    slots: tuple[Slot, ...] = ()
    depth: int = 0
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A reference from one object to another, with the label of its slot."""

    source: int
    target: int
    label: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What a walk found.

    Attributes:
        pool: The name of the pool.
        start: The value where the walk began, as a slot.
        nodes: The objects by offset, nearest first.
        edges: The references between them, and to objects that the limits left out.
        total: How many objects can be reached in all; None where damage prevents counting.
    """

    pool: str
    start: Slot
    nodes: dict[int, Node] = field(default_factory=dict)
    edges: tuple[Edge, ...] = ()
    total: int | None = 0

    @property
    def hidden(self) -> int:
        """How many reachable objects the limits left out, as far as known."""
        if self.total is not None:
            return self.total - len(self.nodes)
        return len({edge.target for edge in self.edges} - self.nodes.keys())


def walk(
    pool: PersistentObjectPool,
    start: Any = None,
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
) -> Graph:
    """Walk an open pool from its root, or from any persistent object in it.

    Inside a transaction it shows the uncommitted state.

    Args:
        pool: The open pool.
        start: A persistent object of the pool; by default the root.
        depth: How many steps to go; None for all.
        max_nodes: How many objects to show at the most.
        max_items: How many entries of each object to show at the most; of a bytearray or an array, how many rows.

    Raises:
        PoolClosedError: the pool is closed.
        NotPersistableError: `start` is no object of this pool.
        TypeError: `pool` is no pool, `start` no persistent object, or a limit no int.
        ValueError: a limit is negative.
    """
    _demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    heap = getattr(pool, "_heap", None)
    if not isinstance(heap, Heap):
        raise TypeError(
            f"cannot walk {a_or_an(type(pool).__name__)}: it is no pool (open it with pmemobj.open(), or use walk_file)"
        )
    if start is None:
        return _walk(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", depth, max_nodes, max_items)
    word = immediate(heap, start) if isinstance(start, Handle) else 0
    if not word:
        raise TypeError(
            f"cannot walk from {a_or_an(type(start).__name__)}: it is no persistent object of {heap.name} "
            "(give one that the pool holds, or leave it out to begin at the root)"
        )
    return _walk(heap, word, "start", depth, max_nodes, max_items)


def walk_file(
    path: str | os.PathLike[str],
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
) -> Graph:
    """Walk the bytes of a pool as they are in its file, without libpmemobj and so without recovery.

    After a crash this shows the torn state: what a transaction had stored when it was cut off.

    Args and returns are those of `walk`.

    Raises:
        PmemError: the file is no pool of this package.
    """
    _demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    with image(_file.checked_path("read pool", path)) as heap:
        # Without a table of classes that can be read, each object of a class is shown as damaged.
        with suppress(PoolDamagedError):
            heap.types = ClassTable(heap)
        return _walk(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", depth, max_nodes, max_items)


def _demand_limits(**limits: Any) -> None:
    """Refuse limits of a walk that mean nothing: Python would take a negative one from the end."""
    for name, limit in limits.items():
        if limit is None:
            continue
        if not isinstance(limit, int):
            raise TypeError(f"cannot walk with {name}={limit!r}: it is no int (give a number, or None for no limit)")
        if limit < 0:
            raise ValueError(f"cannot walk with {name}={limit}: it is negative (give 0 or more, or None for no limit)")


@contextmanager
def image(path: str) -> Iterator[Heap]:
    """A heap on the bytes of a pool, mapped read-only; its table of classes is still to be made."""
    found = _file.identify(path)
    with _lib.files_in_a_row(found.files) as image:
        heap = Heap(os.path.basename(path))
        heap.bind_image(image, found.root_offset)
        heap.resurrect = resurrect
        try:
            yield heap
        finally:
            heap.unbind(_file.closed_error(path))


def _walk(heap: Heap, start: int, label: str, depth: int | None, max_nodes: int | None, max_items: int | None) -> Graph:
    nodes: dict[int, Node] = {}
    edges: list[Edge] = []
    waiting: deque[tuple[int, int]] = deque()
    first = _slot(heap, label, 0, start)
    if first.target is not None:
        waiting.append((first.target, 0))
    seen = {first.target}
    while waiting and (max_nodes is None or len(nodes) < max_nodes):
        offset, steps = waiting.popleft()
        node = _node(heap, offset, steps, max_items)
        nodes[offset] = node
        for slot in node.slots:
            for target, name in ((slot.key_target, f"key {slot.label}"), (slot.target, slot.label)):
                if target is not None:
                    edges.append(Edge(offset, target, name))
                    if target not in seen and (depth is None or steps < depth):
                        seen.add(target)
                        waiting.append((target, steps + 1))
    return Graph(heap.name, first, nodes, tuple(edges), _count(heap, start))


def _count(heap: Heap, start: int) -> int | None:
    try:
        return len(containers(heap, [start]))
    except PmemError:
        return None


def _node(heap: Heap, offset: int, depth: int, max_items: int | None) -> Node:
    limit = max_items if max_items is not None else heap.limit
    try:
        walker = kind_at(heap, offset)
        name = walker._p_type_name(heap, offset)
        count, entries = walker._p_entries(heap, offset, limit)
        size = heap.allocation_size(offset)
        size += sum(heap.allocation_size(body) for body in walker._p_bodies(heap, offset))
        size += sum(heap.allocation_size(word ^ TAG_LEAF) for word in walker._p_words(heap, offset) if is_leaf(word))
        slots = tuple(_slot(heap, label, key, word) for label, key, word in entries)
        text = walker._p_summary(count)
        rows, shown = walker._p_rows(heap, offset, limit)
        if rows:
            count, slots = rows, tuple(Slot(label, text) for label, text in shown)
    except PmemError as error:
        return Node(offset, "damaged", 0, str(error), depth=depth, damage=str(error))
    return Node(offset, name, size, text, count, slots, depth)


def _slot(heap: Heap, label: str, key: int, word: int) -> Slot:
    key_target = key if is_container(key) else None
    if not is_container(word):
        return Slot(label, describe(heap, word), None, key_target)
    try:
        text = kind_at(heap, word)._p_type_name(heap, word)
    except PmemError:
        text = "damaged"
    return Slot(label, text, word, key_target)
