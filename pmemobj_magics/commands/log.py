"""Show the log of transactions of a pool, and turn it on and off."""

from __future__ import annotations

import os
from collections.abc import Callable

from pmemobj import LogLine, PersistentObjectPool
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.session import Session
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
    """What the transactions on a pool did since its log was begun.

    Args:
        session: The session.
        name: The pool; a closed one tells what it did until then.
        last: How many entries to show; None for all that are kept.
        start: Begin to record, or go on.
        stop: Record no longer.
        clear: Forget what was recorded, after it has been shown.
        times: Whether the text has times too.

    Raises:
        MagicUsageError: both to start and to stop.
        PoolClosedError: to start, on a closed pool.
    """
    if start and stop:
        raise MagicUsageError("start and stop the log", "it can do one of both", "leave one out")
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
    return f"{pool.log.note}; %pmem_log --start goes on" if pool.log.note else "not recording; %pmem_log --start begins"


def _namer(session: Session) -> Callable[[LogLine], str]:
    """What gives the line of a cell or a file a name."""

    def name(line: LogLine) -> str:
        cell = session.shell.compile.format_code_name(line.file)
        return f"line {line.number} of {cell[1]}" if cell else f"{os.path.basename(line.file)}:{line.number}"

    return name
