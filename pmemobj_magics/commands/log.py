"""Show the history of transactions of a pool, and switch its recording on and off."""

from __future__ import annotations

import os
from collections.abc import Callable

from pmemobj import LogLine, PersistentObjectPool
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.log import LogView

__all__ = ["show_log"]


def show_log(
    session: Session,
    name: str | None,
    *,
    last: int | None,
    start: bool = False,
    stop: bool = False,
    clear: bool = False,
    times: bool = False,
) -> LogView:
    """What the transactions of a pool did since recording began.

    Args:
        session: The session.
        name: The pool; a closed pool shows its history until it was closed.
        last: How many entries to show; None for all that are kept.
        start: Whether to start recording, or to continue.
        stop: Whether to stop recording.
        clear: Whether to forget the history after it was shown.
        times: Whether the text shows times.

    Raises:
        MagicUsageError: both start and stop were given.
        PoolClosedError: start was given, and the pool is closed.
    """
    if start and stop:
        raise MagicUsageError("start and stop the log", "the two contradict each other", "leave one of them out")
    pool = session.find_any(name)
    log = pool.log
    if stop:
        log.stop()
    if start:
        log.start()
    entries = log.last(last)
    view = LogView(
        session.call(pool),
        entries,
        max(log.recorded, len(entries)),
        _state(pool),
        times=times,
        line_name=_namer(session),
    )
    if clear:
        log.clear()
    return view


def _state(pool: PersistentObjectPool) -> str:
    if pool.closed:
        return "the pool is closed"
    if pool.log.recording:
        return "recording"
    why = pool.log.note or "not recording"
    return f"{why}; %pmem_log --start {'continues' if pool.log.note else 'starts'} it"


def _namer(session: Session) -> Callable[[LogLine], str]:
    """A function that names a line of a cell or of a file."""

    def name(line: LogLine) -> str:
        cell = session.shell.compile.format_code_name(line.file)
        return f"line {line.number} of {cell[1]}" if cell else f"{os.path.basename(line.file)}:{line.number}"

    return name
