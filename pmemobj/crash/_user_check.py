"""The check of the user, which may do anything: raise, end its process, hang, fork, close the pool.

What comes of that is the check's, and no fault of libpmemobj's. What can be caught is caught here; for the rest a
worker notes, in memory that its parent sees, when it is at the check.
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
    """What a worker is at."""

    ELSEWHERE, CHECK, CLOSED = range(3)


#: Seconds that are waited for processes that a check has left behind.
_MOMENT = 1.0


class Note:
    """What a worker is at, where its parent sees it, after its death too; to be made before it is forked off."""

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
        What is wrong, empty if nothing is; and what it returned, if that was true but neither True nor None.
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
        # Also SystemExit and KeyboardInterrupt; without the line above.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        return "".join(traceback.format_exception(type(error), error, trace, limit=-3)).strip(), ""
    finally:
        if os.getpid() != process:
            os._exit(0)  # a child that the check forked off
        _wait_for_children()
        if pool.closed:
            # There is nothing left here to go on with.
            note.write(_At.CLOSED)
            os._exit(0)
        note.write(_At.ELSEWHERE)


def _wait_for_children() -> None:
    """Wait a moment for what the check has forked off: it has the lock on the image, which is opened again at once."""
    until = time.monotonic() + _MOMENT
    while time.monotonic() < until:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
        except ChildProcessError:
            return


def _is_bool(answer: object) -> bool:
    """Also for NumPy's, which is no subclass."""
    return isinstance(answer, bool) or type(answer).__name__ in ("bool", "bool_")


def _in_words(answer: object) -> str:
    """Short, and without addresses."""
    try:
        told = reprlib.repr(answer)
    except Exception:
        told = "<"
    return f"an object of class {type(answer).__name__}" if told.startswith("<") else told
