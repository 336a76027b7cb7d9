"""Fixtures for pytest: a pool for one test, and an exploration of all crashes of one piece of code.

Turn them on with ``pytest_plugins = ["pmemobj.testing"]`` in the topmost ``conftest.py``, or ``-p pmemobj.testing``::

    def test_append(crash_pool, crash_explore):
        crash_pool.root = crash_pool.new(MyQueue)
        crash_explore(lambda: crash_pool.root.append(1), check=lambda pool: pool.root.is_whole())
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pmemobj import crash
from pmemobj.crash import Exploration, PowerModeError
from pmemobj.pool import PersistentObjectPool, create

#: The smallest size that libpmemobj allows: the smaller the pool, the quicker each crash image is made.
_SIZE = 8 << 20


@pytest.fixture
def crash_pool() -> Iterator[PersistentObjectPool]:
    """An empty pool of 8 MiB, on tmpfs if there is one; it is removed after the test."""
    directory = tempfile.mkdtemp(prefix="pmemobj-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    try:
        with create(os.path.join(directory, "crash.pmem"), pool_size=_SIZE) as pool:
            yield pool
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def crash_explore(crash_pool: PersistentObjectPool) -> Callable[..., Exploration]:
    """``crash_explore(action, check=None, pool=crash_pool, **how)``: record, explore, and fail over any violation.

    The code must return. `how` are further arguments of `Recording.explore`. The test is skipped on a machine that
    cannot record stores.
    """

    def run(
        action: Callable[[], object],
        check: Callable[[PersistentObjectPool], object] | None = None,
        pool: PersistentObjectPool = crash_pool,
        **how: Any,
    ) -> Exploration:
        try:
            recording = crash.record(pool, action, seed=how.get("seed", 0))
        except PowerModeError as error:
            pytest.skip(str(error))
        assert recording.returned, f"the recorded code {recording.ending}\n{recording.output}"
        report = recording.explore(check, **how)
        report.assert_ok()
        return report

    return run
