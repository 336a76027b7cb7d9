"""Runs the check of the user, which may do anything: raise, end its process, hang, fork, close the pool.

The consequences must be attributed to the check, not to libpmemobj. Exceptions are caught here. For everything else,
the worker notes in memory that it shares with its parent when it runs the check.
"""

from __future__ import annotations

import mmap
import os
import reprlib
import time
import traceback
from collections.abc import Callable
from enum import IntEnum

from pmemobj.pool import PersistentObjectPool

Check = Callable[[PersistentObjectPool], object]


class _At(IntEnum):
    """What a worker is doing."""

    ELSEWHERE, CHECK, CLOSED = range(3)


#: How many seconds to wait for processes that a check has left behind.
_MOMENT = 1.0


class Note:
    """A note of what a worker is doing; made before the fork, so that the parent can read it, also after a death."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def write(self, at: _At) -> None:
        self._shared[0] = at

    @property
    def at_check(self) -> bool:
        """Whether the check runs, or was running when the worker died."""
        return self._shared[0] != _At.ELSEWHERE

    @property
    def closed(self) -> bool:
        """Whether the worker ended because the check had closed the pool."""
        return self._shared[0] == _At.CLOSED


def checked(check: Check, pool: PersistentObjectPool, note: Note) -> tuple[str, str]:
    """Run the check.

    Returns:
        What is wrong, or an empty string; and what the check returned, if that is true but neither True nor None.
    """
    process = os.getpid()
    note.write(_At.CHECK)
    try:
        answer = check(pool)
        is_true = answer is None or bool(answer)
        told = "" if answer is None or _is_bool(answer) else _in_words(answer)
        complaint = "" if is_true else f"it returned {told or answer}"
        return complaint, told if is_true else ""
    except BaseException as error:
        # This includes SystemExit and KeyboardInterrupt. The traceback is told without the frame of this function.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        return "".join(traceback.format_exception(type(error), error, trace, limit=-3)).strip(), ""
    finally:
        if os.getpid() != process:
            os._exit(0)  # this is a child process that the check has forked off
        _wait_for_children()
        if pool.closed:
            # This worker cannot go on without its pool.
            note.write(_At.CLOSED)
            os._exit(0)
        note.write(_At.ELSEWHERE)


def _wait_for_children() -> None:
    """Wait a moment for processes that the check has forked off: they hold the lock of the image, which is reopened."""
    until = time.monotonic() + _MOMENT
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return


def _is_bool(answer: object) -> bool:
    """Whether a value is a bool of Python or of NumPy, whose class is no subclass of bool."""
    return isinstance(answer, bool) or type(answer).__name__ in ("bool", "bool_")


def _in_words(answer: object) -> str:
    """A value as a short text, without addresses."""
    try:
        told = reprlib.repr(answer)
    except Exception:
        told = "<"
    return f"an object of class {type(answer).__name__}" if told.startswith("<") else told
