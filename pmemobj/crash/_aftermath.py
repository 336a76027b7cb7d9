"""What a dead child has left in a copy of a pool: as it lies, without its transaction, and recovered by libpmemobj."""

from __future__ import annotations

from contextlib import suppress

from pmemobj._containers.base import resurrect
from pmemobj._engine.heap import Heap
from pmemobj._format import ROOT_SIZE, ROOT_VALUE
from pmemobj._inspection.before_image import files_as_before
from pmemobj._inspection.graphs import Graph
from pmemobj._inspection.walk import Limits, image_of, walk_heap
from pmemobj._objects.class_table import ClassTable
from pmemobj.crash import _child
from pmemobj.crash._copy import PoolCopy
from pmemobj.crash._forked import ForkedPool
from pmemobj.errors import PmemError, PoolDamagedError

__all__ = ["not_possible", "recovered", "walk_before_transaction", "walk_copy"]


def walk_copy(copy: PoolCopy, name: str, limits: Limits) -> Graph:
    """The objects as the bytes of the copy lie, without recovery."""
    with image_of(name, copy.files, copy.root_offset) as heap:
        with suppress(PoolDamagedError):
            heap.types = ClassTable(heap)
        return _walk(heap, limits)


def walk_before_transaction(copy: PoolCopy, name: str, limits: Limits) -> Graph:
    """The objects as the transaction that is open in the copy found them, by the undo log and without libpmemobj."""
    with files_as_before(name, copy.files, copy.root_offset) as heap:
        return _walk(heap, limits)


def recovered(what: str, forked: ForkedPool, now: PoolCopy, copy: PoolCopy, limits: Limits, seconds: float) -> Graph:
    """The objects after libpmemobj has opened and recovered a copy, in a child process; the copy stays as it is.

    Args:
        what: The operation, for errors.
        forked: The pool that the child inherits.
        now: A copy of this pool as it is now.
        copy: The copy to recover; it may be the same.
        limits: How far to walk.
        seconds: How long the child may take.

    Raises:
        PmemError: libpmemobj refused the copy, or the child died or hung.
    """

    def question() -> Graph | str:
        forked.stand_on(now.files)
        forked.leave()
        heap = Heap(name)
        heap.resurrect = resurrect
        try:
            heap.bind(copy.open(True), copy.size, ROOT_SIZE)
            heap.types = ClassTable(heap)
            return _walk(heap, limits)
        except (OSError, PmemError) as error:
            return str(error)

    name = forked.pool._heap.name
    answer: Graph | str | None = _child.ask(question, seconds)
    if isinstance(answer, Graph):
        return answer
    why = f"libpmemobj did not recover it: {answer or 'the process that tried it died, or took too long'}"
    raise PmemError(what, why, "look for damage with pmemobj.check after the pool is closed")


def not_possible(what: str, output: str) -> PmemError:
    """The error for a child process that could not do its part; `output` is what it wrote."""
    why = (output.strip().splitlines() or ["the child process ended too early, or did not end in time"])[-1]
    return PmemError(what, why, "see the cause in this message")


def _walk(heap: Heap, limits: Limits) -> Graph:
    return walk_heap(heap, heap.read(heap.root_offset + ROOT_VALUE), "root", limits)
