"""A state machine on a growing pool: it is filled, grows in transactions that commit or not, is killed and reopened."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from conftest import MIB
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from machines import PoolMachine, idle

import pmemobj
from pmemobj import PersistentList, PersistentObjectPool, PoolFullError

#: The limit of the pool, which grows once, by 8 MiB; see `test_growing`.
FIRST, LARGEST = 8 * MIB, 16 * MIB

#: Bytes of a value: a few values fill the first part, and some more fill the second part.
big = st.builds(lambda byte, size: bytes([byte]) * size, st.integers(1, 255), st.sampled_from([10, 300_000, 1 << 20, 3 << 20]))
places = st.integers(0, 9)


class Growing(PoolMachine):
    """A list of large values. The pool grows whenever they need more space, and never becomes smaller."""

    work_values = big

    def __init__(self) -> None:
        super().__init__()
        self.size = FIRST

    def create(self, path: str) -> PersistentObjectPool:
        return pmemobj.create(path, pool_size="auto", max_size=LARGEST)

    @initialize()
    def fill(self) -> None:
        self.pool.root = self.pool.new(PersistentList)
        self.model = []

    def compare(self) -> None:
        pool = self.pool
        assert pool.root == self.model
        pool.root._check()
        # A new part stays even if the transaction that needed it is rolled back, or its process is killed.
        assert self.size <= pool.size <= LARGEST == pool.max_size
        self.size = pool.size
        on_disk = [os.path.getsize(f"{pool.path}/{name}") for name in os.listdir(pool.path) if name.endswith(".pmem")]
        assert sum(on_disk) == pool.size

    def work(self, root: Any, new: list[Any]) -> None:
        # The pool must not become full, so that the child dies only by being killed.
        if sum(map(len, root)) < 3 * MIB:
            for value in new:
                root[:1] = [value[:1000], value[:300_000]]

    def both(self, action: Callable[[Any], Any]) -> None:
        """Change the pool and the model, or neither: if the pool has no room, nothing may have changed."""
        try:
            action(self.pool.root)
        except PoolFullError:
            assert self.size == LARGEST or self.pool.size == LARGEST, "it is not full before it has grown"
            # Inside a transaction the outcome is not known yet.
            self.abort_if_any()
        else:
            action(self.model)

    def abort_if_any(self) -> None:
        if self.transactions:
            self.abort()

    @rule(value=big)
    def append(self, value: bytes) -> None:
        self.both(lambda items: items.append(value))

    @rule(new=st.lists(big, max_size=3))
    def extend(self, new: list[bytes]) -> None:
        self.both(lambda items: items.extend(new))

    @rule(at=places, value=big)
    def replace(self, at: int, value: bytes) -> None:
        if at < len(self.model):
            self.both(lambda items: items.__setitem__(at, value))

    @rule(at=places)
    def drop(self, at: int) -> None:
        self.both(lambda items: items.__delitem__(slice(at, at + 2)))

    @rule()
    def clear(self) -> None:
        self.both(lambda items: items.clear())

    @precondition(idle)
    @rule()
    def forget_in_a_sandbox(self) -> None:
        """Changes in a sandbox, growth included, do not affect the pool."""
        self.pool.close()
        with pmemobj.open(self.pool.path, sandbox=True) as sandbox:
            try:
                sandbox.root.extend([bytes(3 * MIB)] * 2)
            except PoolFullError:
                pass
        self.pool = pmemobj.open(self.pool.path)
        assert self.pool.size == self.size


TestGrowing = Growing.TestCase
TestGrowing.settings = settings(max_examples=12, stateful_step_count=30)
