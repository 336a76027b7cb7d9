"""A read-only walk of a pool: plain dataclasses for everything that draws, prints or compares.

The walk makes no handles and imports no classes, so it shows objects whose class is missing. It
trusts nothing that it reads: what makes no sense becomes a node that says so. It works on an open
pool and, through `walk_file`, on the bytes of a file that no library has opened or recovered.
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections import deque
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from pmemobj import _display
from pmemobj._containers.base import Persistent, kind_at, resurrect
from pmemobj._engine.heap import Handle, Heap
from pmemobj._files import pool_file
from pmemobj._format import ALLOCATION_HEADER_SIZE, ROOT_CLASSES, ROOT_VALUE, TAG_LEAF, stamp_of
from pmemobj._inspection.before_image import as_before
from pmemobj._inspection.graphs import (
    ENTRIES,
    HEADER,
    VALUE,
    Change,
    Comparison,
    Edge,
    Graph,
    Node,
    Offsets,
    Part,
    Slot,
    Tree,
    differences,
)
from pmemobj._inspection.memory import memory
from pmemobj._inspection.memory_data import Gap, Memory, Piece, State, Word
from pmemobj._inspection.tree_text import DOOMED, slot_note, tree_text
from pmemobj._inspection.word_meanings import Meaning
from pmemobj._objects.class_table import ClassTable
from pmemobj._objects.gc import Marks, held, mark
from pmemobj._pmdk import library
from pmemobj._values.words import describe, immediate, is_container, is_leaf
from pmemobj.errors import PmemError, PoolDamagedError, a_or_an

if TYPE_CHECKING:
    from pmemobj.pool import PersistentObjectPool

__all__ = [
    "DOOMED",
    "ENTRIES",
    "HEADER",
    "VALUE",
    "Change",
    "Comparison",
    "Edge",
    "Gap",
    "Graph",
    "Meaning",
    "Memory",
    "Node",
    "Offsets",
    "Part",
    "Piece",
    "Slot",
    "State",
    "Tree",
    "Word",
    "differences",
    "memory",
    "slot_note",
    "slot_of",
    "tree_text",
    "walk",
    "walk_file",
]

#: Of the objects that a walk shows, the part that doomed ones may take where there are too many.
_DOOMED_PART = 4


def slot_of(word: int) -> Slot:
    """What a word of a pool stands for, without looking at any pool: a value, or an offset as `Slot.target`.

    Args:
        word: The word, as it lies in the entries of an object.
    """
    if not isinstance(word, int) or not 0 <= word < 1 << 64:
        kind = ValueError if isinstance(word, int) else TypeError
        raise kind(f"cannot tell what {word!r} stands for: it is no word of a pool (give an int of 64 bits, from 0 on)")
    if is_leaf(word):
        return Slot("", "a value in memory of its own", word ^ TAG_LEAF)
    if is_container(word):
        return Slot("", "an object", word)
    return Slot("", describe(_NO_HEAP, word))


#: Values that stand in their word need none.
_NO_HEAP = Heap("")


def walk(
    pool: PersistentObjectPool,
    start: Any = None,
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
    doomed: bool = False,
    changes: bool = False,
) -> Graph:
    """Walk an open pool from its root, or from any persistent object in it.

    Inside a transaction it shows the uncommitted state.

    Args:
        pool: The open pool.
        start: A persistent object of the pool; by default the root.
        depth: How many steps to go; None for all.
        max_nodes: How many objects to show at the most.
        max_items: How many entries of each object to show at the most; of a bytearray or an array, how many rows.
        doomed: Whether to show also what only the program holds and the root does not reach. They take a
            quarter of `max_nodes` at the most where the root reaches too much.
        changes: Whether to walk also the state that the running transaction found (`Graph.before`).

    Raises:
        PoolClosedError: the pool is closed.
        NotPersistableError: `start` is no object of this pool.
        TypeError: `pool` is no pool, `start` no persistent object, or a limit no int.
        ValueError: a limit is negative.

    Example::

        import pmemobj

        with pmemobj.create("seen.pmem", 16 << 20) as pool:
            pool.root = pool.persistent({"answer": 42})
            graph = pmemobj.inspect.walk(pool)
            slot = graph.nodes[graph.start.target].slots[0]
            assert (slot.label, slot.text) == ("'answer'", "42")
    """
    _demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    heap = getattr(pool, "_heap", None)
    if not isinstance(heap, Heap):
        raise TypeError(
            f"cannot walk {a_or_an(type(pool).__name__)}: it is no pool (open it with pmemobj.open(), or use walk_file)"
        )
    limits = _Limits(depth, max_nodes, max_items)
    if start is None:
        found = _walk(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", limits, doomed)
    else:
        word = immediate(heap, start) if isinstance(start, Handle) else 0
        if not word:
            raise TypeError(
                f"cannot walk from {a_or_an(type(start).__name__)}: it is no persistent object of {heap.name} "
                "(give one that the pool holds, or leave it out to begin at the root)"
            )
        found = _walk(heap, word, "start", limits)
    is_open = heap.in_transaction() and heap.doomed is None
    return replace(found, is_open=is_open, before=_before(pool, found, limits) if changes and is_open else None)


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
    with image(pool_file.checked_path("read pool", path)) as heap:
        # Without a table of classes that can be read, each object of a class is shown as damaged.
        with suppress(PoolDamagedError):
            heap.types = ClassTable(heap)
        return _walk(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", _Limits(depth, max_nodes, max_items))


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
    found = pool_file.identify(path)
    with library.files_in_a_row(found.files) as image:
        heap = Heap(os.path.basename(path))
        heap.bind_image(image, found.root_offset)
        heap.resurrect = resurrect
        try:
            yield heap
        finally:
            heap.unbind(pool_file.closed_error(path))


class _Limits(NamedTuple):
    depth: int | None
    nodes: int | None
    items: int | None


def _walk(heap: Heap, start: int, label: str, limits: _Limits, doomed: bool = False) -> Graph:
    first = _slot(heap, label, 0, start)
    reached, lost = _reached(heap, start, doomed)
    # What the root reaches comes first, but a few of the doomed are always shown.
    room = None if limits.nodes is None else limits.nodes - min(len(lost), limits.nodes // _DOOMED_PART)
    nodes, edges = _visit(heap, [] if first.target is None else [first.target], limits._replace(nodes=room))
    rest = None if limits.nodes is None else limits.nodes - len(nodes)
    apart, further = _visit(heap, lost, limits._replace(nodes=rest), known=nodes)
    total = None if reached is None else len(reached)
    left_out = Offsets([*reached, *lost]) if reached is not None and len(nodes) + len(apart) < len(reached) else None
    return Graph(heap.name, first, nodes, (*edges, *further), total, apart, len(lost), reached=left_out)


def _visit(
    heap: Heap, starts: Sequence[int], limits: _Limits, known: Container[int] = ()
) -> tuple[dict[int, Node], list[Edge]]:
    """The objects that some lead to, nearest first, but for those that are `known`; and their references."""
    nodes: dict[int, Node] = {}
    edges: list[Edge] = []
    seen = set(starts)
    waiting = deque((offset, 0) for offset in starts)
    while waiting and (limits.nodes is None or len(nodes) < limits.nodes):
        offset, steps = waiting.popleft()
        node = _node(heap, offset, steps, limits.items)
        nodes[offset] = node
        for slot in node.slots:
            for target, name in ((slot.key_target, f"key {slot.label}"), (slot.target, slot.label)):
                if target is not None:
                    edges.append(Edge(offset, target, name))
                    if target not in seen and target not in known and (limits.depth is None or steps < limits.depth):
                        seen.add(target)
                        waiting.append((target, steps + 1))
    return nodes, edges


def _reached(heap: Heap, start: int, doomed: bool) -> tuple[list[int] | None, list[int]]:
    """The objects that can be reached from a word, or None where damage prevents it; and the doomed ones."""
    found: list[int] = []
    lost: list[int] = []
    marks = Marks(heap.limit)
    try:
        mark(heap, [start], marks, found)
    except PmemError:
        return None, lost
    if doomed:
        with suppress(PmemError):
            # The records of classes have Python objects too, and are not of the program.
            mark(heap, [heap.read(heap.root_offset + ROOT_CLASSES)], marks)
            mark(heap, held(heap), marks, lost)
    return found, lost


def _walk_small(thing: Handle, *, depth: int, max_nodes: int, max_items: int) -> Graph:
    """A walk from an object in a time that does not depend on how much it leads to: nothing is counted."""
    heap = thing._p_heap
    nodes, edges = _visit(heap, [thing._p_offset], _Limits(depth, max_nodes, max_items))
    return Graph(heap.name, _slot(heap, "start", 0, thing._p_offset), nodes, tuple(edges), None)


_display.walk_from = _walk_small


def _before(pool: PersistentObjectPool, now: Graph, limits: _Limits) -> Graph | None:
    """The same walk as the pool was when the running transaction began; None where that cannot be told."""
    heap = pool._heap
    with as_before(pool) as past:
        if past is None:
            return None
        start = now.start.target
        if now.start.label == "root":
            found = _walk(past, past.read(past.root_offset + ROOT_VALUE), "root", limits)
        elif start is None or start in heap.fresh:
            found = Graph(heap.name, now.start)
        else:
            found = _walk(past, start, "start", limits)
        # What is shown now was there before, unless this transaction has made it, reached by then or not.
        missing = [offset for offset in now.shown if offset not in found.nodes and offset not in heap.fresh]
        further = {offset: _node(past, offset, 0, limits.items) for offset in missing}
        return replace(found, nodes={**found.nodes, **further})


def _node(heap: Heap, offset: int, depth: int, max_items: int | None) -> Node:
    limit = max_items if max_items is not None else heap.limit
    try:
        walker = kind_at(heap, offset)
        name = walker._p_type_name(heap, offset)
        count, entries = walker._p_entries(heap, offset, limit)
        parts = [Part(offset, heap.allocation_size(offset), HEADER)]
        parts += [Part(body, heap.allocation_size(body), ENTRIES) for body in walker._p_bodies(heap, offset)]
        size = sum(part.size for part in parts)
        size += sum(heap.allocation_size(word ^ TAG_LEAF) for word in walker._p_words(heap, offset) if is_leaf(word))
        entries = list(entries)
        leaves = (word ^ TAG_LEAF for _, key, word in entries for word in (key, word) if is_leaf(word))
        parts += [Part(leaf, heap.allocation_size(leaf), VALUE) for leaf in leaves]
        slots = tuple(_slot(heap, label, key, word) for label, key, word in entries)
        text = walker._p_summary(count)
        rows, shown = walker._p_rows(heap, offset, limit)
        digest = _digest(heap, walker, offset) if max(count, rows) > limit else 0
        if rows:
            count, slots = rows, tuple(Slot(label, text) for label, text in shown)
    except PmemError as error:
        return Node(offset, "damaged", 0, str(error), depth=depth, damage=str(error))
    stamp = stamp_of(heap.read(offset))
    return Node(offset, name, size, text, count, slots, depth, stamp=stamp, digest=digest, parts=tuple(parts))


def _digest(heap: Heap, walker: type[Persistent], offset: int) -> int:
    """A number that is another one, most probably, when any entry of an object is."""
    found = zlib.crc32(array("Q", walker._p_words(heap, offset)))
    if not found:  # bytes or numbers, and no words
        for body in walker._p_bodies(heap, offset):
            found = zlib.crc32(heap.read_bytes(body, heap.allocation_size(body) - ALLOCATION_HEADER_SIZE), found)
    return found or 1


def _slot(heap: Heap, label: str, key: int, word: int) -> Slot:
    key_target = key if is_container(key) else None
    if not is_container(word):
        return Slot(label, describe(heap, word), None, key_target)
    try:
        text = kind_at(heap, word)._p_type_name(heap, word)
    except PmemError:
        text = "damaged"
    return Slot(label, text, word, key_target)
