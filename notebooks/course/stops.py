"""Stop the learner's code after each of its changes, to check that it happens wholly or not at all.

Python calls a trace function before every instruction of the learner's code. The trace function looks at the pool; if
the pool has changed since the last look, or if a transaction has ended, the code can be stopped with an exception or
with a signal. So a check need not know how the code works.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from pmemobj import PersistentObjectPool

__all__ = ["Stopped", "run_and_stop", "stop_everywhere"]

#: The largest number of changes, because an endless loop would never end.
_ENOUGH = 50


class Stopped(BaseException):
    """Ends the code that is stopped. It is not an `Exception`, so that ``except Exception`` does not catch it."""


def run_and_stop(
    pool: PersistentObjectPool,
    action: Callable[[], Any],
    state: Callable[[], Any],
    number: int,
    stop: Callable[[], Any],
) -> None:
    """Run `action`, and call `stop` after the `number`-th of its changes and commits.

    Args:
        pool: The pool that `action` changes.
        action: The code to run. All functions from cells of the learner are watched.
        state: A function that reads the part of the pool that is watched.
        number: The change or commit, counted from 1. If there are fewer, `action` ends normally.
        stop: A function that raises an error or does not return.
    """
    seen, inside, count = state(), pool.in_transaction, 0

    def look(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal seen, inside, count
        frame.f_trace_opcodes = True
        if event == "opcode":
            before, was_inside = seen, inside
            seen, inside = state(), pool.in_transaction
            # A commit does not change the values, but it makes the changes permanent.
            count += seen != before or (was_inside and not inside)
            if count == number:
                sys.settrace(None)
                stop()
        return look

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        return look(frame, "call", None) if _is_the_learners(frame) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        action()
    finally:
        sys.settrace(before)


def stop_everywhere(
    pool: PersistentObjectPool, prepare: Callable[[], Any], action: Callable[[], Any], state: Callable[[], Any]
) -> list[Any]:
    """The states of the pool when an error stops `action` after its first change or commit, its second, and so on.

    The last state in the list is the one without a stop. An error that `action` itself raises is passed on to the
    caller; a transaction that is left open is rolled back.
    """
    left = []
    for number in range(1, _ENOUGH):
        prepare()
        try:
            run_and_stop(pool, action, state, number, _raise)
        except Stopped:
            left.append(_after(pool, state))
        else:
            return [*left, _after(pool, state)]
        finally:
            pool.abandon_transaction()
    return left


def _after(pool: PersistentObjectPool, state: Callable[[], Any]) -> Any:
    # After a stop between the last line of a `with` block and its end, the transaction is still open.
    pool.abandon_transaction()
    return state()


def _raise() -> None:
    raise Stopped


def _is_the_learners(frame: FrameType) -> bool:
    """Whether code comes from a cell, of IPython or of the tests, and not from the file of a library."""
    return frame.f_globals.get("__name__") in ("__main__", "cells")
