"""The protocol of optimistic reads, step by step, on a heap that consists of a version and a lock."""

from __future__ import annotations

from typing import Any

import pytest

from pmemobj._engine.consistent_reads import read_consistently, read_with_lock


class FakeLock:
    """A lock that is free, or that another thread holds for some attempts."""

    def __init__(self, busy: int = 0) -> None:
        self.busy = busy
        self.taken = self.held = 0

    def acquire_soon(self) -> bool:
        if self.busy:
            self.busy -= 1
            return False
        self.taken += 1
        self.held += 1
        return True

    def release(self) -> None:
        self.held -= 1


class FakeHeap:
    """What the protocol uses of a heap."""

    def __init__(self, version: int = 0, busy: int = 0) -> None:
        self.version = version
        self.lock = FakeLock(busy)


class Owner:
    """A handle of a fake heap, with a read that lets a writer come in between."""

    def __init__(self, heap: FakeHeap, writers: int = 0, error: type[Exception] | None = None) -> None:
        self._p_heap = heap
        self.writers = writers
        self.error = error
        self.reads = 0

    def read(self, number: int) -> Any:
        """Return the number; nonsense, or an error, while a writer changes the pool."""
        self.reads += 1
        if self.writers:
            self.writers -= 1
            self._p_heap.version += 2
            if self.error is not None:
                raise self.error
            return "nonsense"
        return number


def test_without_a_writer_the_first_read_counts_and_takes_no_lock() -> None:
    owner = Owner(FakeHeap())
    assert read_consistently(owner, owner.read, 5) == 5
    assert owner.reads == 1 and owner._p_heap.lock.taken == 0


@pytest.mark.parametrize("error", [None, IndexError])
def test_a_read_into_which_a_writer_came_is_made_again_with_the_lock(error: type[Exception] | None) -> None:
    owner = Owner(FakeHeap(), 1, error)
    assert read_consistently(owner, owner.read, 5) == 5
    assert owner.reads == 2 and owner._p_heap.lock.taken == 1 and owner._p_heap.lock.held == 0


def test_half_a_change_is_not_read_without_the_lock() -> None:
    owner = Owner(FakeHeap(version=1))
    assert read_consistently(owner, owner.read, 5) == 5
    assert owner.reads == 1 and owner._p_heap.lock.taken == 1


def test_an_error_without_a_writer_is_the_result() -> None:
    owner = Owner(FakeHeap())

    def fail() -> None:
        owner.reads += 1
        raise KeyError("no such key")

    with pytest.raises(KeyError, match="no such key"):
        read_consistently(owner, fail)
    assert owner.reads == 1


def test_while_the_lock_is_busy_the_read_is_optimistic() -> None:
    owner = Owner(FakeHeap(busy=3), 2)
    assert read_with_lock(owner, owner.read, 5) == 5
    assert owner.reads == 3 and owner._p_heap.lock.taken == 0


def test_an_error_with_the_lock_releases_the_lock() -> None:
    owner = Owner(FakeHeap(version=1))

    def fail() -> None:
        raise KeyError("no such key")

    with pytest.raises(KeyError):
        read_consistently(owner, fail)
    assert owner._p_heap.lock.taken == 1 and owner._p_heap.lock.held == 0
