"""Every read and store of the heap refuses places outside the pool, also those where a sum of the two numbers overflows.

The numbers come from pools, which may be damaged. Compiled, they are C integers: a sum beyond 64 bits begins again at 0,
and looks like a place in the pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conftest import MIB

from pmemobj import PersistentObjectPool
from pmemobj.errors import PmemError

Pool = PersistentObjectPool
BEYOND = [1 << 64, (1 << 64) - 8, (1 << 64) - 16, (1 << 64) - 64, 1 << 63, 16 * MIB, 16 * MIB + 8]
READS: dict[str, Callable[[Any, int], Any]] = {
    "read": lambda heap, at: heap.read(at),
    "read_words": lambda heap, at: heap.read_words(at, 2),
    "read_words, few": lambda heap, at: heap.read_words(at, 1),
    "read_bytes": lambda heap, at: heap.read_bytes(at, 100),
    "read_words, many": lambda heap, at: heap.read_words(0, at),
    "read_bytes, many": lambda heap, at: heap.read_bytes(4096, at),
}
IN_TRANSACTION: dict[str, Callable[[Any, int], Any]] = {
    "snapshot": lambda heap, at: heap.snapshot(at, 16),
    "write": lambda heap, at: heap.write(at, 1),
    "write_in": lambda heap, at: heap.write_in(at, 1, at, at + 64),
    "write_words": lambda heap, at: heap.write_words(at, [1, 2]),
    "write_bytes": lambda heap, at: heap.write_bytes(at, b"12345678" * 3),
    "move": lambda heap, at: heap.move(at, heap.root_offset, 2),
    "append_in": lambda heap, at: heap.append_in(at, 1, at, at, at + 64),
    "append_words_in": lambda heap, at: heap.append_words_in(at, [1, 2], at, at, at + 64),
    "init_copy": lambda heap, at: heap.init_copy(heap.root_offset, at, 2),
}
OUTSIDE: dict[str, Callable[[Any, int], Any]] = {
    "store": lambda heap, at: heap.store(at, 1),
    "store_ahead": lambda heap, at: heap.store_ahead(at, 1),
    "store_apart": lambda heap, at: heap.store_apart([(at, b"12345678")]),
    "poke": lambda heap, at: heap.poke(at, b"12345678"),
    "persist": lambda heap, at: heap.persist(at, 64),
}


@pytest.mark.parametrize("at", BEYOND, ids=hex)
def test_no_place_outside_the_pool_is_read_or_changed(pool: Pool, at: int) -> None:
    pool.root = 5
    heap = pool._heap
    for name, read in READS.items():
        if "many" not in name or at >= 16 * MIB:
            with pytest.raises((PmemError, OverflowError, MemoryError)):
                pytest.fail(f"{name} gave {str(read(heap, at))[:50]}")
    for change in OUTSIDE.values():
        with pytest.raises((PmemError, OverflowError, ValueError)):
            change(heap, at)
    for change in IN_TRANSACTION.values():
        with pytest.raises((PmemError, OverflowError, ValueError)), pool.transaction():
            change(heap, at)
    assert pool.root == 5 and pool.check().ok
