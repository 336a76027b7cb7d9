"""The pool as it was when the running transaction began: what its roll-back would make of it.

Everything that a transaction changes in live memory is in libpmemobj's undo log first. So the state before
it is that of now, with the entries of the log put back into a private copy of the pool's file, which takes
memory for the pages that differ and for no others. Nothing of the pool itself is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pmemobj._containers.base import resurrect
from pmemobj._engine.heap import Heap
from pmemobj._files import pool_file
from pmemobj._objects.class_table import ClassTable
from pmemobj._pmdk import library
from pmemobj._pmdk.undo_log import all_entries
from pmemobj.errors import PmemError, PoolDamagedError

if TYPE_CHECKING:
    from pmemobj.pool import PersistentObjectPool

__all__ = ["as_before"]

#: Bytes and entries of a log that are looked at: to verify so many takes a tenth of a second. Of a longer one nothing
#: is told.
_LONGEST, _MOST = 1 << 21, 20_000
#: Bytes of a pool in a sandbox that are copied; its changes are in no file.
_LARGEST_COPY = 1 << 28


@contextmanager
def as_before(pool: PersistentObjectPool) -> Iterator[Heap | None]:
    """The pool as it was when the transaction of this thread began, to be read; None where that cannot be told."""
    heap = pool._heap
    log = _entries(heap) if heap.in_transaction() else None
    if log is None:
        yield None
        return
    past = Heap(heap.name)
    past.resurrect = resurrect
    with _private_copy(pool) as image:
        if image is None or any(offset + len(data) > len(image) for offset, data in log):
            yield None
            return
        for offset, data in log:
            image[offset : offset + len(data)] = data
        past.bind_image(image, heap.root_offset)
        with suppress(PoolDamagedError):
            past.types = ClassTable(past)
        try:
            yield past
        finally:
            past.unbind(pool_file.closed_error(heap.name))


def _entries(heap: Heap) -> list[tuple[int, bytes]] | None:
    """The undo log, if it can be read in a moment."""

    def read(offset: int, size: int) -> bytes:
        return heap.read_bytes(offset, min(size, heap.limit - offset))

    found: list[tuple[int, bytes]] = []
    size = 0
    for entry in all_entries(read):
        size += len(entry[1])
        if size > _LONGEST or len(found) >= _MOST:
            return None
        found.append(entry)
    return found


@contextmanager
def _private_copy(pool: PersistentObjectPool) -> Iterator[memoryview | None]:
    heap = pool._heap
    if pool.sandbox:
        yield memoryview(bytearray(heap.read_bytes(0, heap.limit))) if heap.limit <= _LARGEST_COPY else None
        return
    try:
        files = pool_file.identify(pool._file).files
    except PmemError:  # it was moved away, say
        yield None
        return
    with library.files_in_a_row(files, private=True) as image:
        yield image
