"""How a check finds out whether something happens wholly or not at all: it stops the learner's code after each.

Python tells a trace function of every single instruction that it is about to carry out in the learner's code. There
we look at the pool; when it is not as it was at the last look, or when a transaction has ended since, the code can be
stopped, be it with an exception or with a signal. So nothing needs to be known of how the code does what it does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from pmemobj import PersistentObjectPool

__all__ = ["Stopped", "run_and_stop", "stop_everywhere"]

#: Changes after which nobody looks further; an endless loop would never be done.
_ENOUGH = 50


class Stopped(BaseException):
    """Ends code that is stopped. It is no `Exception`, so that no ``except Exception`` holds it up."""


def run_and_stop(
    pool: PersistentObjectPool,
    action: Callable[[], Any],
    state: Callable[[], Any],
    number: int,
    stop: Callable[[], Any],
) -> None:
    """Run `action`, and call `stop` in its middle: after the `number`-th of its changes and commits.

    Args:
        pool: What it changes.
        action: What to run. Its own code is watched, and all that comes from the same cells or files of the learner.
        state: What to look at; it only reads.
        number: Which of them, counted from 1. If there are fewer, `action` ends by itself.
        stop: What to do then; it raises, or does not return.
    """
    seen, inside, count = state(), pool.in_transaction, 0

    def look(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal seen, inside, count
        frame.f_trace_opcodes = True
        if event == "opcode":
            before, was_inside = seen, inside
            seen, inside = state(), pool.in_transaction
            # A commit shows no change, but from there on what was changed stays.
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
    """What the pool holds when `action` is stopped by an error after its first change or commit, its second, and so on.

    The last in the list is what it holds when nothing stopped it.

    What `action` itself raises when nobody stops it goes on to the caller; a transaction that is left open is undone.
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
    # Stopped between the last line of a `with` block and its end, the transaction is still open: not committed.
    pool.abandon_transaction()
    return state()


def _raise() -> None:
    raise Stopped


def _is_the_learners(frame: FrameType) -> bool:
    """Whether code was typed into a cell: those of IPython, and of the tests, have no file of a library."""
    return frame.f_globals.get("__name__") in ("__main__", "cells")
