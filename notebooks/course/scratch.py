"""A pool for one experiment of a check, so that the check leaves the learner's pool alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pmemobj
from pmemobj import PersistentObjectPool

__all__ = ["scratch_pool"]


@contextmanager
def scratch_pool() -> Iterator[PersistentObjectPool]:
    """A new pool in a temporary directory, which is closed and removed at the end."""
    with tempfile.TemporaryDirectory() as directory, _pool_in(directory) as pool:
        yield pool


def _pool_in(directory: str) -> PersistentObjectPool:
    return pmemobj.create(os.path.join(directory, "scratch.pmem"), pool_size=8 << 20)
