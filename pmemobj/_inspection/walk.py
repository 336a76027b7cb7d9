"""The read-only walk of a pool, which finds its objects and their references as plain data.

The walk makes no handles and imports no classes, so it also shows objects whose class is missing. It trusts nothing
that it reads: an object that makes no sense becomes a node that says what is wrong. It works on an open pool and,
through `walk_file`, on the bytes of a file that libpmemobj has neither opened nor recovered.
"""

from __future__ import annotations

import os
import zlib
from array import array
from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NamedTuple

from pmemobj._containers.base import Persistent, kind_at, resurrect
from pmemobj._engine.heap import Handle, Heap
from pmemobj._files import busy_copies, pool_file
from pmemobj._format import ALLOCATION_HEADER_SIZE, ROOT_CLASSES, ROOT_VALUE, TAG_LEAF, stamp_of
from pmemobj._inspection.before_image import OpenPool, as_before, files_as_before
from pmemobj._inspection.graphs import Graph
from pmemobj._inspection.nodes import ENTRIES, HEADER, VALUE, Allocation, Edge, Node, Offsets, Slot
from pmemobj._objects.class_table import ClassTable
from pmemobj._objects.gc import Marks, held, mark
from pmemobj._pmdk import library
from pmemobj._values.words import describe, immediate, is_container, is_leaf
from pmemobj.errors import PmemError, PoolDamagedError, a_or_an

__all__ = [
    "Limits",
    "demand_limits",
    "heap_of",
    "image",
    "image_of",
    "nearby",
    "slot_of",
    "walk",
    "walk_before",
    "walk_file",
    "walk_heap",
]

#: Where there are too many objects, one in this many of those that are shown may be an unreachable one.
_UNREACHABLE_SHARE = 4
#: `describe` needs a heap only for words that lead to memory.
_NO_HEAP = Heap("")


class Limits(NamedTuple):
    """How far a walk goes; None for no limit.

    Attributes:
        depth: How many steps.
        nodes: How many objects.
        items: How many entries of each object.
    """

    depth: int | None
    nodes: int | None
    items: int | None


# ---- what a program asks for -------------------------------------------------------------------------


def slot_of(word: int) -> Slot:
    """What a word of a pool stands for, without looking at any pool: a value, or an offset as `Slot.target`.

    Args:
        word: The word, as it lies in the entries of an object.

    Raises:
        TypeError, ValueError: `word` is no int, or does not fit into 64 bits.
    """
    if not isinstance(word, int) or not 0 <= word < 1 << 64:
        kind = ValueError if isinstance(word, int) else TypeError
        raise kind(f"cannot tell what {word!r} stands for: it is no word of a pool (give an int of 64 bits, from 0 on)")
    if is_leaf(word):
        return Slot("", "a value in memory of its own", word ^ TAG_LEAF)
    if is_container(word):
        return Slot("", "an object", word)
    return Slot("", describe(_NO_HEAP, word))


def walk(
    pool: OpenPool,
    start: Any = None,
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
    unreachable: bool = False,
    changes: bool = False,
) -> Graph:
    """Walk an open pool from its root, or from any persistent object in it.

    Inside a transaction the graph shows the uncommitted state.

    Args:
        pool: The open pool.
        start: A persistent object of the pool; by default the root.
        depth: How many steps to go; None for all.
        max_nodes: How many objects to show at the most.
        max_items: How many entries of each object to show at the most; of a bytearray or an array, how many rows.
        unreachable: Whether to show also the objects that the root does not reach and only Python variables keep.
            Where there are more objects than `max_nodes`, a quarter of it at the most goes to these.
        changes: Whether to walk also the state in which the running transaction found the pool (`Graph.before`).

    Raises:
        PoolClosedError: the pool is closed.
        NotPersistableError: `start` is no object of this pool.
        TypeError: `pool` is no pool, `start` no persistent object, or a limit no int.
        ValueError: a limit is negative.

    Cost: proportional to the number of objects, since they are counted.

    Example::

        import pmemobj

        with pmemobj.create("seen.pmem", 16 << 20) as pool:
            pool.root = pool.persistent({"answer": 42})
            graph = pmemobj.inspect.walk(pool)
            slot = graph.nodes[graph.start.target].slots[0]
            assert (slot.label, slot.text) == ("'answer'", "42")
    """
    demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    heap = heap_of(pool, "walk", " or use walk_file")
    limits = Limits(depth, max_nodes, max_items)
    if start is None:
        found = walk_heap(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", limits, unreachable)
    else:
        word = immediate(heap, start) if isinstance(start, Handle) else 0
        if not word:
            raise TypeError(
                f"cannot walk from {a_or_an(type(start).__name__)}: it is no persistent object of {heap.name} "
                "(give one that the pool holds, or leave it out to begin at the root)"
            )
        found = walk_heap(heap, word, "start", limits)
    is_open = heap.in_transaction() and heap.doomed is None
    return replace(found, is_open=is_open, before=walk_before(pool, found, limits) if changes and is_open else None)


def walk_file(
    path: str | os.PathLike[str],
    *,
    depth: int | None = None,
    max_nodes: int | None = None,
    max_items: int | None = None,
) -> Graph:
    """Walk the bytes of a pool as they are in its file, without libpmemobj and therefore without recovery.

    After a crash this shows the torn state: what a transaction had stored when it was cut off. A pool that another
    process has open is walked as of its last commit; the name of the graph (`Graph.pool`) says which process that is.

    Args and returns are those of `walk`.

    Raises:
        PmemError: the file is no pool of this package.
        PoolBusyError: another process has it open, and changes it all the time.

    Cost: as for `walk`; that of a copy besides, if another process has the pool open (see
    `PersistentObjectPool.held_by`).
    """
    demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    limits = Limits(depth, max_nodes, max_items)
    name = pool_file.checked_path("read pool", path)
    if not busy_copies.is_open_elsewhere(name):
        try:
            with image(name) as heap:
                # If the table of classes cannot be read, each object of a class is shown as damaged.
                with suppress(PoolDamagedError):
                    heap.types = ClassTable(heap)
                return walk_heap(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", limits)
        except PmemError as error:
            if not busy_copies.is_refused_for_another(name, error):
                raise
    with busy_copies.copied(f"read pool {name}", name) as copy:
        found = pool_file.identify(copy.path, name)
        # Of libpmemobj's redo logs, each of which changes one word that a program sees, nothing has to be carried out.
        with files_as_before(os.path.basename(name), found.files, found.root_offset) as heap:
            graph = walk_heap(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", limits)
    return replace(graph, pool=f"{graph.pool}, {busy_copies.stands_for(copy.holder)}")


def nearby(
    target: Any, *, depth: int | None = None, max_nodes: int | None = None, max_items: int | None = None
) -> Graph:
    """Walk from a persistent object without counting what else can be reached (`Graph.total` is None).

    Args:
        target: The object.
        depth, max_nodes, max_items: Limits, as those of `walk`.

    Raises:
        TypeError: `target` is no persistent object, or a limit no int.
        ValueError: a limit is negative.
        PmemError: the pool is closed, or the object does not exist any more.

    Cost: depends on the limits only, and not on how many objects there are.
    """
    demand_limits(depth=depth, max_nodes=max_nodes, max_items=max_items)
    if not isinstance(target, Handle):
        raise TypeError(
            f"cannot walk from {a_or_an(type(target).__name__)}: it is no persistent object "
            "(give one that a pool holds; plain values are copied)"
        )
    heap, offset = target._p_heap, target._p_offset
    heap.read(offset)
    nodes, edges = _visit(heap, [offset], Limits(depth, max_nodes, max_items))
    return Graph(heap.name, _slot(heap, "start", 0, offset), nodes, tuple(edges), None)


# ---- what the rooms above ask for --------------------------------------------------------------------


def demand_limits(**limits: Any) -> None:
    """Refuse limits that mean nothing: Python would count a negative one from the end.

    Raises:
        TypeError: a limit is neither an int nor None.
        ValueError: a limit is negative.
    """
    for name, limit in limits.items():
        if limit is None:
            continue
        if not isinstance(limit, int):
            raise TypeError(f"cannot walk with {name}={limit!r}: it is no int (give a number, or None for no limit)")
        if limit < 0:
            raise ValueError(f"cannot walk with {name}={limit}: it is negative (give 0 or more, or None for no limit)")


def heap_of(pool: OpenPool, verb: str, otherwise: str = "") -> Heap:
    """The heap of a pool.

    Args:
        pool: What should be a pool.
        verb: What the caller does to it, for the message.
        otherwise: What else the caller could do, for the message.

    Raises:
        TypeError: `pool` is no pool.
    """
    heap = getattr(pool, "_heap", None)
    if not isinstance(heap, Heap):
        what = a_or_an(type(pool).__name__)
        use = f"open it with pmemobj.open(){',' if otherwise else ''}{otherwise}"
        raise TypeError(f"cannot {verb} {what}: it is no pool ({use})")
    return heap


@contextmanager
def image(path: str) -> Iterator[Heap]:
    """A heap on the bytes of the pool at `path`, mapped read-only; the caller makes its table of classes.

    Raises:
        PmemError: the file is no pool of this package.
    """
    found = pool_file.identify(path)
    with image_of(os.path.basename(path), found.files, found.root_offset, found.pages) as heap:
        yield heap


@contextmanager
def image_of(
    name: str, files: Sequence[tuple[str, int]], root_offset: int, pages: Mapping[int, bytes] | None = None
) -> Iterator[Heap]:
    """A heap on the bytes of the files of a pool, as `image` makes it.

    Args:
        name: How messages call the pool.
        files: Path and size in bytes of each.
        root_offset: Where the root object lies.
        pages: Pages that are seen instead of those in the files, by their numbers: what a journal has.
    """
    with library.files_in_a_row(files, pages=pages or {}) as mapped:
        heap = Heap(name)
        heap.bind_image(mapped, root_offset)
        heap.resurrect = resurrect
        try:
            yield heap
        finally:
            heap.unbind(pool_file.closed_error(name))


def walk_heap(heap: Heap, start: int, label: str, limits: Limits, unreachable: bool = False) -> Graph:
    """Walk a heap, live or an image, from the word `start`; `label` names that word in the graph."""
    first = _slot(heap, label, 0, start)
    reached, lost = _reached(heap, start, unreachable)
    # The reachable objects come first, but a few of the unreachable ones are always shown.
    room = None if limits.nodes is None else limits.nodes - min(len(lost), limits.nodes // _UNREACHABLE_SHARE)
    nodes, edges = _visit(heap, [] if first.target is None else [first.target], limits._replace(nodes=room))
    rest = None if limits.nodes is None else limits.nodes - len(nodes)
    apart, further = _visit(heap, lost, limits._replace(nodes=rest), known=nodes)
    total = None if reached is None else len(reached)
    left_out = Offsets([*reached, *lost]) if reached is not None and len(nodes) + len(apart) < len(reached) else None
    return Graph(heap.name, first, nodes, (*edges, *further), total, apart, len(lost), reached=left_out)


def walk_before(pool: OpenPool, now: Graph, limits: Limits) -> Graph | None:
    """The walk that found `now`, in the pool as it was when the running transaction began.

    Returns:
        The earlier graph; None where there is no image of that state.
    """
    heap = pool._heap
    with as_before(pool) as past:
        if past is None:
            return None
        start = now.start.target
        if now.start.label == "root":
            found = walk_heap(past, past.read(past.root_offset + ROOT_VALUE), "root", limits)
        elif start is None or start in heap.fresh:
            found = Graph(heap.name, now.start)
        else:
            found = walk_heap(past, start, "start", limits)
        # Each object that is shown now existed before, reachable or not, unless this transaction has made it.
        missing = [offset for offset in now.shown if offset not in found.nodes and offset not in heap.fresh]
        further = {offset: _node(past, offset, 0, limits.items) for offset in missing}
        return replace(found, nodes={**found.nodes, **further})


# ---- the walk ----------------------------------------------------------------------------------------


def _visit(
    heap: Heap, starts: Sequence[int], limits: Limits, known: Container[int] = ()
) -> tuple[dict[int, Node], list[Edge]]:
    """The objects that `starts` lead to, nearest first, without those that are `known`; and their references."""
    nodes: dict[int, Node] = {}
    edges: list[Edge] = []
    seen = set(starts)
    waiting = deque((offset, 0) for offset in starts)
    while waiting and (limits.nodes is None or len(nodes) < limits.nodes):
        offset, steps = waiting.popleft()
        node = _node(heap, offset, steps, limits.items)
        nodes[offset] = node
        for edge in node.edges:
            edges.append(edge)
            target = edge.target
            if target not in seen and target not in known and (limits.depth is None or steps < limits.depth):
                seen.add(target)
                waiting.append((target, steps + 1))
    return nodes, edges


def _reached(heap: Heap, start: int, unreachable: bool) -> tuple[list[int] | None, list[int]]:
    """The objects that a word reaches, or None where damage prevents it; and, if wanted, the unreachable ones."""
    found: list[int] = []
    lost: list[int] = []
    marks = Marks(heap.limit)
    try:
        mark(heap, [start], marks, found)
    except PmemError:
        return None, lost
    if unreachable:
        with suppress(PmemError):
            # The pool's own records of classes have Python objects too, but the program did not make them.
            mark(heap, [heap.read(heap.root_offset + ROOT_CLASSES)], marks)
            mark(heap, held(heap), marks, lost)
    return found, lost


def _node(heap: Heap, offset: int, depth: int, max_items: int | None) -> Node:
    limit = max_items if max_items is not None else heap.limit
    try:
        walker = kind_at(heap, offset)
        name = walker._p_type_name(heap, offset)
        count, entries = walker._p_entries(heap, offset, limit)
        allocations = [Allocation(offset, heap.allocation_size(offset), HEADER)]
        allocations += [
            Allocation(body, heap.allocation_size(body), ENTRIES) for body in walker._p_bodies(heap, offset)
        ]
        size = sum(allocation.size for allocation in allocations)
        size += sum(heap.allocation_size(word ^ TAG_LEAF) for word in walker._p_words(heap, offset) if is_leaf(word))
        entries = list(entries)
        leaves = (word ^ TAG_LEAF for _, key, word in entries for word in (key, word) if is_leaf(word))
        allocations += [Allocation(leaf, heap.allocation_size(leaf), VALUE) for leaf in leaves]
        slots = tuple(_slot(heap, label, key, word) for label, key, word in entries)
        text = walker._p_summary(count)
        rows, shown = walker._p_rows(heap, offset, limit)
        digest = _digest(heap, walker, offset) if max(count, rows) > limit else 0
        if rows:
            count, slots = rows, tuple(Slot(label, text) for label, text in shown)
    except PmemError as error:
        return Node(offset, "damaged", 0, str(error), depth=depth, damage=str(error))
    stamp, own = stamp_of(heap.read(offset)), tuple(allocations)
    return Node(offset, name, size, text, count, slots, depth, stamp=stamp, digest=digest, allocations=own)


def _digest(heap: Heap, walker: type[Persistent], offset: int) -> int:
    """A checksum of all entries of an object: it differs, most probably, when any entry does."""
    found = zlib.crc32(array("Q", walker._p_words(heap, offset)))
    if not found:  # the object consists of bytes or numbers, and has no words
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
