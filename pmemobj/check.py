"""The check of a pool file: it reports everything that is wrong with the file, and does not change it.

A damaged pool may end or hang the process that works on it. So a child process with a limit of time examines the file,
and if the child dies, its end is one of the findings. The child opens the pool copy-on-write, so that an interrupted
transaction is rolled back in memory only. If libpmemobj would not survive the file, the child reads the bytes of the
file instead. (The method `check` of an open pool examines that pool in its own process.)
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from pmemobj._durability.leftover import Kind
from pmemobj._files import busy_copies, pool_file, poolset
from pmemobj._format import STATE_CLEAN, STATE_JOURNAL, STATE_JOURNAL_MASK, STATE_OPEN, STATE_SUSPENDED
from pmemobj._lifecycle import trial
from pmemobj._verify.examination import ERROR, INFORMATION, Finding, Report
from pmemobj.errors import (
    NotAPoolError,
    PmemError,
    PoolBusyError,
    PoolDamagedError,
    PoolLayoutError,
)

__all__ = ["Finding", "Report", "check"]


def check(path: str | os.PathLike[str], *, seconds: float | None = None) -> Report:
    """Find everything that is wrong with a pool file. The file is not changed.

    Args:
        path: The file, or the directory of a growing pool. This process must not have it open. If another process has,
            a copy as of its last commit is checked.
        seconds: How long libpmemobj may work on the file; by default a minute, and more for large pools.

    Returns:
        A report. Damage of the file is never raised.

    Raises:
        PoolNotFoundError, PoolPermissionError, PoolIsDirectoryError: the file cannot be read.
        PoolBusyError: the pool is open here; or in another process that changes it all the time.
        ValueError: `seconds` is no time to wait.
        TypeError: `path` is no path. To check an open pool, call its method `check`.

    Cost: proportional to the contents, and a process.

    Example::

        import pmemobj

        pmemobj.create("sound.pmem", 16 << 20).close()
        assert pmemobj.check("sound.pmem").ok
    """
    name = pool_file.checked_path("check", path)
    if seconds is not None and not (isinstance(seconds, (int, float)) and 0 < seconds < math.inf):
        raise ValueError(f"cannot check {name}: {seconds!r} seconds are no time to wait (give a positive number)")
    if not busy_copies.is_open_elsewhere(name):
        try:
            report = _report(name, name, seconds)
            if report.ok or not busy_copies.is_open_elsewhere(name):
                return report
        except PoolBusyError as error:
            if not busy_copies.is_refused_for_another(name, error):
                raise
    with busy_copies.copied(f"check pool {name}", name) as copy:
        report = _report(copy.path, name, seconds)
    whose = Finding(INFORMATION, "process", None, busy_copies.stands_for(copy.holder))
    lacking = [Finding(ERROR, "journal", None, copy.warning)] if copy.warning else []
    # Of course that process has not closed it.
    others = [finding for finding in report.findings if (finding.severity, finding.path) != (INFORMATION, "state")]
    return Report(name, (whose, *lacking, *others), report.objects)


def _report(path: str, name: str, seconds: float | None) -> Report:
    """Check the pool at `path`, which no process has open; messages call it `name`."""
    try:
        found = pool_file.identify(path, name, thorough=True)
    except (NotAPoolError, PoolLayoutError, PoolDamagedError) as error:
        if isinstance(error, NotAPoolError) and not (os.path.isfile(path) or poolset.is_growing_pool(path)):
            raise
        return Report(name, (Finding(ERROR, "header", None, error.why),), 0)
    _demand_closed(path)
    outside = list(_outside(found))
    inside, objects = _inside(path, outside, seconds or trial.patience(found.size))
    # Both find the damage of the heap.
    return Report(name, tuple(dict.fromkeys([*outside, *inside])), objects)


def _demand_closed(name: str) -> None:
    """Refuse a pool that some process has open."""
    try:
        with pool_file.locked(name):
            pass
    except OSError as error:
        if isinstance(error, PmemError):
            raise
        raise pool_file.translate(f"check pool {name}", error, name) from None


def _outside(found: pool_file.PoolFile) -> Iterator[Finding]:
    """What the header, the root object and the logs show, without libpmemobj."""
    beside = found.leftover
    is_in_use = found.state == STATE_OPEN or found.state & STATE_JOURNAL_MASK == STATE_JOURNAL
    if beside.kind is Kind.MISSING:
        yield Finding(ERROR, "journal", None, beside.why)
    elif beside.kind is Kind.PENDING:
        count = beside.count_records()
        text = f"its last commits are in the journal {beside.path} ({count} records), and belong to what is checked"
        yield Finding(INFORMATION, "journal", None, text)
    elif beside.kind is Kind.OTHER:
        yield Finding(INFORMATION, "journal", None, f"{beside.path} {beside.why}, so it is not used")
    if is_in_use:
        yield Finding(INFORMATION, "state", None, "the last process did not close the pool; opening it recovers it")
    elif found.state == STATE_SUSPENDED:
        yield Finding(
            INFORMATION, "state", None, "the pool was suspended, or is a backup; closing it collects its garbage"
        )
    elif found.state != STATE_CLEAN:
        yield Finding(ERROR, "state", None, f"its state {found.state:#x} is none that there is")
    if not found.tidy:
        yield Finding(
            INFORMATION,
            "directory",
            None,
            "a program was killed while the pool grew, and left files; opening the pool removes them",
        )
    if found.log_damage:
        yield Finding(ERROR, "lanes", None, found.log_damage)
    if found.heap_damage and not is_in_use:
        yield Finding(ERROR, "heap", None, found.heap_damage)


def _inside(name: str, outside: list[Finding], seconds: float) -> tuple[list[Finding], int]:
    """What child processes find in the contents, and how many objects they reach.

    Args:
        name: The path of the pool.
        outside: What was found before. If there is an error, libpmemobj must not open the file.
        seconds: How long each child may take.
    """
    damaged = any(finding.severity == ERROR for finding in outside)
    first = trial.in_child(name, "examine-bytes" if damaged else "examine", seconds)
    if first.busy:
        raise pool_file.busy_error(f"check pool {name}", name)
    found, objects = trial.findings_of(first.lines)
    if first.complaint:
        complaint = Finding(ERROR, "contents" if damaged else "libpmemobj", None, first.complaint)
        if not found and not damaged:
            # libpmemobj failed before anything was examined, so the bytes are examined without it.
            second = trial.in_child(name, "examine-bytes", seconds)
            found, objects = trial.findings_of(second.lines)
            if second.complaint:
                found.append(Finding(ERROR, "contents", None, second.complaint))
        found.insert(0, complaint)
    return found, objects
