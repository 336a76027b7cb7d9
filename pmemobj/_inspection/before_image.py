"""The pool as it was when the running transaction began, which is what a roll-back would restore.

libpmemobj copies everything that a transaction changes in live memory into its undo log first. So the state before
the transaction is the present state with the entries of the log put back. They are put back into a private
(copy-on-write) mapping of the pool's file, which takes memory only for the pages that differ. The pool itself is
not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from pmemobj._containers.base import resurrect
from pmemobj._engine.heap import Heap
from pmemobj._files import pool_file
from pmemobj._objects.class_table import ClassTable
from pmemobj._pmdk import library
from pmemobj._pmdk.undo_log import all_entries
from pmemobj.errors import PmemError, PoolDamagedError

__all__ = ["OpenPool", "as_before", "files_as_before"]

#: Read at most this many bytes and entries of the log (0.1 s to verify); with a longer log there is no before-image.
_LONGEST, _MOST = 1 << 21, 20_000
#: Copy a pool in a sandbox, whose changes are in no file, only up to this many bytes.
_LARGEST_COPY = 1 << 28


class OpenPool(Protocol):
    """What the views of a pool need of `pmemobj.PersistentObjectPool`, which is defined above this room."""

    @property
    def _heap(self) -> Heap: ...
    @property
    def _file(self) -> str: ...
    @property
    def sandbox(self) -> bool: ...


@contextmanager
def as_before(pool: OpenPool) -> Iterator[Heap | None]:
    """A heap to read the pool as it was when the transaction of this thread began; None where that is not possible."""
    heap = pool._heap
    log = _entries(heap) if heap.in_transaction() else None
    if log is None:
        yield None
        return
    with _private_copy(pool) as image:
        if image is None or any(offset + len(data) > len(image) for offset, data in log):
            yield None
            return
        with _put_back(heap.name, image, log, heap.root_offset) as past:
            yield past


@contextmanager
def files_as_before(name: str, files: Sequence[tuple[str, int]], root_offset: int) -> Iterator[Heap]:
    """A heap to read files of a pool as they were before the transaction that is open in them; however long its log is.

    Args:
        name: How messages call the pool.
        files: Path and size in bytes of each; they stay as they are.
        root_offset: Where the root object lies.

    Cost: proportional to the log.
    """
    with library.files_in_a_row(files, private=True) as image:
        log = list(all_entries(lambda offset, size: bytes(image[offset : offset + size])))
        with _put_back(name, image, log, root_offset) as past:
            yield past


@contextmanager
def _put_back(name: str, image: memoryview, log: list[tuple[int, bytes]], root_offset: int) -> Iterator[Heap]:
    past = Heap(name)
    past.resurrect = resurrect
    # As libpmemobj does it: the last entry first, so that the oldest bytes stay.
    for offset, data in reversed(log):
        image[offset : offset + len(data)] = data
    past.bind_image(image, root_offset)
    with suppress(PoolDamagedError):
        past.types = ClassTable(past)
    try:
        yield past
    finally:
        past.unbind(pool_file.closed_error(name))


def _entries(heap: Heap) -> list[tuple[int, bytes]] | None:
    """The entries of the undo log; None if the log is too long."""

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
def _private_copy(pool: OpenPool) -> Iterator[memoryview | None]:
    """The bytes of the pool, to be changed at will; None where there is no copy of them."""
    heap = pool._heap
    if pool.sandbox or heap.journal is not None:  # the files do not have everything
        yield memoryview(bytearray(heap.read_bytes(0, heap.limit))) if heap.limit <= _LARGEST_COPY else None
        return
    try:
        files = pool_file.identify(pool._file).files
    except PmemError:  # the file was moved while the pool is open, for example
        yield None
        return
    with library.files_in_a_row(files, private=True) as image:
        yield image
