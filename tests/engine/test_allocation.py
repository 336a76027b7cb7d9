"""The size classes that a pool adds to libpmemobj's: every size can be allocated, and small pools fill up."""

from __future__ import annotations

import pytest

from pmemobj import PersistentList, PersistentObjectPool, PoolFullError
from pmemobj._engine.size_classes import UNITS
from pmemobj._format import ALLOCATION_HEADER_SIZE
from pmemobj._pmdk import library

SIZES = [unit - ALLOCATION_HEADER_SIZE for unit in UNITS]


@pytest.mark.parametrize("size", SIZES)
def test_each_class_has_units_to_give(pool: PersistentObjectPool, size: int) -> None:
    # libpmemobj finds no free unit in a run of exactly 64; see _part_of_chunk.
    pool.root = bytes(size - 8)
    assert pool.root == bytes(size - 8)


@pytest.mark.parametrize("size", [size for size in SIZES if size < 100_000])
def test_the_size_of_a_class_is_taken_whole(pool: PersistentObjectPool, size: int) -> None:
    pool.root = bytes(size - 8)
    assert pool.used == size + ALLOCATION_HEADER_SIZE


def test_a_list_that_grows_leaves_most_of_a_small_pool_to_its_values(pool: PersistentObjectPool) -> None:
    values = pool.root = pool.new(PersistentList)
    pool._heap.observer = None  # it would compare the pool with its copy at each commit
    with pytest.raises(PoolFullError):
        while True:
            values.append(b"x" * 1000)
    # With libpmemobj's own classes the list reached 2 MB: each size that it grew through took up to 4 MiB.
    assert len(values) * 1000 > 4_000_000


def test_the_heap_as_we_read_it_is_as_libpmemobj_reads_it(pool: PersistentObjectPool) -> None:
    pool.root = pool.new(PersistentList, ["x" * (7 * number) for number in range(200)])
    pool.root.extend(b"y" * (1 << shift) for shift in range(12, 21))
    for at in range(0, 150, 3):
        pool.root[at] = at
    assert pool._heap.allocations() == list(library.allocations(pool._heap.pop))
    with pool.transaction():
        pool.root[1] = "a text that is new in this transaction"
        assert pool._heap.allocations() == list(library.allocations(pool._heap.pop))
