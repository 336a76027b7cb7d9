"""A process that changes a pool, and is killed in the middle; for the machines that do everything in any order."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from damage_lab import try_in_fork
from soundness import assert_sound

import pmemobj
from pmemobj._lifecycle import trial


@contextlib.contextmanager
def tried_in_fork() -> Iterator[None]:
    """Let a pool that was not closed be tried in a fork of this process: what is done there is the same.

    Starting a Python for each trial takes longer than everything else where there are many of them.
    """
    with mock.patch.object(trial, "run", try_in_fork):
        yield


def die_at_work(
    pool: pmemobj.PersistentObjectPool, finished: Callable[[Any], Any], cut_off: Callable[[Any], Any], at: int
) -> None:
    """Let a child take the pool, do both to its root, and be killed by SIGKILL; then take it back.

    Args:
        pool: Outside of transactions.
        finished: Changes that the child commits one by one.
        cut_off: Changes in a transaction that it does not live to commit.
        at: At which of the stores of that transaction it is killed, or else at their end.
    """
    pool.suspend()
    child = os.fork()
    if child == 0:
        try:
            _live(pool.path, finished, cut_off, at)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"the child ended with {status}"
    with tried_in_fork():
        pool.resume()
    assert pool.recovered
    assert_sound(pool)


def _live(path: str, finished: Callable[[Any], Any], cut_off: Callable[[Any], Any], at: int) -> None:
    pool = pmemobj.open(path)
    finished(pool.root)
    stores = 0

    def count() -> None:
        nonlocal stores
        stores += 1
        if stores == at:
            os.kill(os.getpid(), signal.SIGKILL)

    pool.transaction().begin()
    pool._heap.on_change = count
    cut_off(pool.root)
    os.kill(os.getpid(), signal.SIGKILL)
