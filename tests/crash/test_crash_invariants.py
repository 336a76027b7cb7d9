"""Each invariant of the crash lab can be violated: these tests do what a sound libpmemobj never does.

libpmemobj recovers as it should, so no code that is recorded leads to a second open that changes something, or to a
recovery that comes to another end when it is cut off. So for those the opening of an image is replaced by one that does
more than libpmemobj's: a home-made recovery, with a mistake in it. Workers are forked off, so they do the same.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")

from pmemobj import PersistentObjectPool, crash
from pmemobj._format import ALLOCATION_HEADER_SIZE, TAG_LEAF, Kind
from pmemobj._pmdk import chunks, library
from pmemobj.crash._image import Image

# The crash lab is never compiled.
pytestmark = pytest.mark.once

pytest_plugins = ["pmemobj.testing"]

Pool = PersistentObjectPool


@pytest.fixture
def items(crash_pool: Pool) -> int:
    """A pool with a list of two numbers, and the offset of the numbers."""
    crash_pool.root = crash_pool.persistent([60, 40])
    return crash_pool._heap.read(crash_pool.root._p_offset + 24)


@pytest.fixture
def recovering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[library.Pool, memoryview], None]], None]:
    """Make every opening of an image call a function with the pool and its words."""
    plain = Image.open

    def install(also: Callable[[library.Pool, memoryview], None]) -> None:
        def opened(self: Image, copy_on_write: bool) -> library.Pool:
            pop = plain(self, copy_on_write)
            try:
                with library.view(pop, self.size) as memory, memory.cast("Q") as words:
                    also(pop, words)
            except OSError:
                library.close(pop)
                raise
            return pop

        monkeypatch.setattr(Image, "open", opened)

    return install


def transfer(pool: Pool) -> None:
    with pool.transaction():
        pool.root[0] -= 10
        pool.root[1] += 10


def persist(pop: library.Pool, offset: int) -> None:
    library.persist(pop, library.address(pop) + offset, 8)


def test_a_recovery_that_is_cut_off_and_comes_to_another_end(
    crash_pool: Pool, items: int, recovering: Callable[..., None]
) -> None:
    recording = crash.record(crash_pool, lambda: transfer(crash_pool))
    plain = recording.explore(recovery=30)
    plain.assert_ok()
    assert plain.recoveries > 0

    def half_undone(pop: library.Pool, words: memoryview) -> None:
        """Marks the first item, then, unless it finds it marked, the other one: crashed in between it never does."""
        if words[items >> 3] != 1:
            words[items >> 3] = 1
            persist(pop, items)
            words[(items >> 3) + 1] = 1
            persist(pop, items + 8)

    recovering(half_undone)
    report = recording.explore(recovery=30, atomic=False, invariants=())
    assert report.counts().keys() == {"recovery"}
    assert "crash at event" in str(report.first_violation) and "another state" in str(report.first_violation)
    # It is found only in images whose recovery is crashed.
    recording.explore(atomic=False, invariants=()).assert_ok()


def test_a_recovery_that_cannot_be_carried_on(
    crash_pool: Pool, items: int, recovering: Callable[..., None]
) -> None:
    recording = crash.record(crash_pool, lambda: transfer(crash_pool))

    def refuses_its_own(pop: library.Pool, words: memoryview) -> None:
        if words[items >> 3] == 0x99:
            raise OSError(5, "it was here before")
        before = words[items >> 3]
        words[items >> 3] = 0x99
        persist(pop, items)
        words[items >> 3] = before
        persist(pop, items)

    recovering(refuses_its_own)
    report = recording.explore(recovery=30, atomic=False, invariants=())
    assert report.counts().keys() == {"recovery"}
    assert "it was here before" in str(report.first_violation)


def test_a_second_open_that_changes_something(
    crash_pool: Pool, items: int, recovering: Callable[..., None]
) -> None:
    recording = crash.record(crash_pool, lambda: transfer(crash_pool))

    def counts_openings(pop: library.Pool, words: memoryview) -> None:
        words[items >> 3] += 2  # a larger int
        persist(pop, items)

    recovering(counts_openings)
    report = recording.explore(atomic=False, invariants=("second open",))
    assert report.counts().keys() == {"second open"}
    texts = {violation.broken.text for violation in report.violations}
    assert texts == {f"it changes 1 word, the first at {items:#x}", "it changes the objects that the root reaches"}


def test_a_second_open_that_fails(crash_pool: Pool, items: int, recovering: Callable[..., None]) -> None:
    recording = crash.record(crash_pool, lambda: transfer(crash_pool))

    def only_once(_pop: library.Pool, words: memoryview) -> None:
        if words[(items >> 3) + 2] == 7:
            raise OSError(5, "it was here before")
        words[(items >> 3) + 2] = 7  # a capacity that is not used yet

    recovering(only_once)
    report = recording.explore(atomic=False, invariants=("second open",))
    assert report.counts().keys() == {"second open"}
    assert "libpmemobj refuses it: it was here before" in str(report.first_violation)


def test_memory_that_no_collection_finds(crash_pool: Pool) -> None:
    def allocate(kind: int) -> None:
        with crash_pool.transaction():
            offset = crash_pool._heap.alloc(40, kind, True)
            crash_pool._heap.init(offset, [Kind.BYTES | 0xB5 << 8 | 8 << 16, 0])
            crash_pool.root = offset  # a number

    report = crash.record(crash_pool, lambda: allocate(1000)).explore(budget=200)
    assert report.counts().keys() == {"garbage"} and "(type 1000)" in str(report.first_violation)
    # Of a kind that is known it is garbage that is found, and no mistake.
    crash.record(crash_pool, lambda: allocate(Kind.BYTES)).explore(budget=200).assert_ok()


def test_memory_that_is_given_out_twice(crash_pool: Pool) -> None:
    """A bit in a bitmap of libpmemobj is cleared, so that libpmemobj takes used memory for free memory."""
    crash_pool.root = crash_pool.persistent(["a text of its own", "another of that length"])
    heap = crash_pool._heap
    leaf = heap.read(heap.read(crash_pool.root._p_offset + 24)) ^ TAG_LEAF

    def careless() -> None:
        words = library.view(heap.pop, heap.limit).cast("Q")
        chunk, count = next((at, count) for at, _, count in chunks._chunks(words) if at < leaf < at + (count << 18))
        unit, _, first = chunks._units(words, chunk, count)
        number = (leaf - ALLOCATION_HEADER_SIZE - first) // unit
        bits = chunk + 16 + number // 64 * 8
        assert heap.read(bits) >> number % 64 & 1
        heap.poke(bits, (heap.read(bits) ^ 1 << number % 64).to_bytes(8, "little"))
        heap.persist(bits, 8)

    recording = crash.record(crash_pool, careless)
    assert recording.returned, recording.output
    report = recording.explore(atomic=False, invariants=("allocation",))
    assert report.counts().keys() == {"allocation"} and f"refers to {leaf:#x}" in str(report.first_violation)
