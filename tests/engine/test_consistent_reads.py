"""The protocol of optimistic reads, step by step, on a real heap and its real lock."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import pmemobj
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap

Pool = pmemobj.PersistentObjectPool


class Reader:
    """A read that lets a writer come in between, and that notes whether it had the lock.

    Args:
        heap: The heap that is read.
        writers: How many of the first reads a writer disturbs.
        error: What such a read raises; None if it returns nonsense.
    """

    def __init__(self, heap: Heap, writers: int = 0, error: type[Exception] | None = None) -> None:
        self._p_heap = heap
        self.writers, self.error = writers, error
        self.reads = 0
        self.locked: list[bool] = []

    def read(self, number: int) -> Any:
        """Return the number; nonsense, or an error, while a writer changes the pool."""
        self.reads += 1
        self.locked.append(not lock_is_free(self._p_heap))
        if self.writers:
            self.writers -= 1
            self._p_heap.version += 2
            if self.error is not None:
                raise self.error
            return "nonsense"
        return number


def lock_is_free(heap: Heap) -> bool:
    """Whether another thread could have the lock now."""
    found = []

    def ask() -> None:
        found.append(heap.lock.acquire(timeout=0))
        if found[0]:
            heap.lock.release()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return bool(found[0])


@pytest.fixture
def heap(pool: Pool) -> Heap:
    return pool._heap


def test_without_a_writer_the_first_read_counts_and_takes_no_lock(heap: Heap) -> None:
    reader = Reader(heap)
    assert read_consistently(reader, reader.read, 5) == 5
    assert reader.locked == [False]


@pytest.mark.parametrize("error", [None, IndexError])
def test_a_read_into_which_a_writer_came_is_made_again_with_the_lock(
    heap: Heap, error: type[Exception] | None
) -> None:
    reader = Reader(heap, 1, error)
    assert read_consistently(reader, reader.read, 5) == 5
    assert reader.locked == [False, True] and lock_is_free(heap)


def test_half_a_change_is_not_read_without_the_lock(heap: Heap) -> None:
    heap.version += 1
    try:
        reader = Reader(heap)
        assert read_consistently(reader, reader.read, 5) == 5
        assert reader.locked == [True] and lock_is_free(heap)
    finally:
        heap.version += 1


def test_an_error_without_a_writer_is_the_result(heap: Heap) -> None:
    reader = Reader(heap)

    def fail() -> None:
        reader.read(0)
        raise KeyError("no such key")

    with pytest.raises(KeyError, match="no such key"):
        read_consistently(reader, fail)
    assert reader.locked == [False]


def test_while_the_lock_is_busy_the_read_is_optimistic(heap: Heap) -> None:
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with heap.lock:
            taken.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(20)
    try:
        reader = Reader(heap, 2)
        assert read_consistently(reader, reader.read, 5) == 5
        # The other thread had the lock all the time, so this one never had it.
        assert reader.reads == 3 and thread.is_alive()
    finally:
        done.set()
        thread.join()


def test_an_error_with_the_lock_releases_the_lock(heap: Heap) -> None:
    heap.version += 1
    try:
        reader = Reader(heap)

        def fail() -> None:
            reader.read(0)
            raise KeyError("no such key")

        with pytest.raises(KeyError):
            read_consistently(reader, fail)
        assert reader.locked == [True] and lock_is_free(heap)
    finally:
        heap.version += 1


def test_a_handle_that_becomes_invalid_meanwhile_is_read_no_more(pool: Pool) -> None:
    """The heap is looked up again, since an invalid handle has another one."""
    heap = pool._heap

    class Owner:
        _p_heap: Any = heap

    owner = Owner()
    seen: list[Any] = []

    def read() -> int:
        seen.append(owner._p_heap)
        if len(seen) == 1:
            heap.version += 2
            owner._p_heap = other
        return len(seen)

    other = pmemobj._engine.heap._dead_heap("gone", pmemobj.PoolClosedError("read it", "it is closed", "open it"))
    assert read_consistently(owner, read) == 2 and seen == [heap, other]
