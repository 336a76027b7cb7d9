"""Tells everything that is wrong with a pool, without changing it.

The file is looked at in a child process with a limit of time: a damaged pool may end or hang the
process that works on it, and then that is the finding. The child opens the pool copy-on-write, so
that an interrupted transaction is rolled back in memory only, and reads it with `_examine`. Where
libpmemobj cannot be let near the file, the bytes are read as they are. (A pool that is open examines
itself, by its method `check`.)
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

from pmemobj._files import pool_file, poolset
from pmemobj._format import STATE_CLEAN, STATE_OPEN, STATE_SUSPENDED
from pmemobj._lifecycle import trial as _probe
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
    """Find out everything that is wrong with a pool file. The file is not changed.

    Args:
        path: The file, or the directory of a growing pool; it must not be open.
        seconds: How long libpmemobj may take with it; by default a minute, and more for large pools.

    Returns:
        A report; what is wrong with the file is never raised.

    Raises:
        PoolNotFoundError, PoolPermissionError, PoolIsDirectoryError: it cannot be read.
        PoolBusyError: it is open, here or in another process.
        ValueError: `seconds` is no time to wait.
        TypeError: `path` is no path; for an open pool close it and give ``pool.path``.

    Cost: proportional to the contents, and a process.

    Example::

        import pmemobj

        pmemobj.create("sound.pmem", 16 << 20).close()
        assert pmemobj.check("sound.pmem").ok
    """
    name = pool_file.checked_path("check", path)
    if seconds is not None and not (isinstance(seconds, (int, float)) and 0 < seconds < math.inf):
        raise ValueError(f"cannot check {name}: {seconds!r} seconds are no time to wait (give a positive number)")
    try:
        found = pool_file.identify(name, thorough=True)
    except (NotAPoolError, PoolLayoutError, PoolDamagedError) as error:
        if isinstance(error, NotAPoolError) and not (os.path.isfile(name) or poolset.is_growing_pool(name)):
            raise
        return Report(name, (Finding(ERROR, "header", None, error.why),), 0)
    try:
        with pool_file.locked(name):
            pass
    except OSError as error:
        if isinstance(error, PmemError):
            raise
        raise pool_file.translate(f"check pool {name}", error, name) from None
    seconds = seconds or _probe.patience(found.size)
    findings = list(_outside(found))
    damaged = any(finding.severity == ERROR for finding in findings)
    trial = _probe.in_child(name, "examine-bytes" if damaged else "examine", seconds)
    if trial.busy:
        raise PoolBusyError(f"check pool {name}", trial.complaint, "close it there first")
    inside, objects = _probe.findings_of(trial.lines)
    if trial.complaint:
        findings.append(Finding(ERROR, "contents" if damaged else "libpmemobj", None, trial.complaint))
        if not inside and not damaged:
            # It came to nothing: what can be seen without libpmemobj is better than that.
            trial = _probe.in_child(name, "examine-bytes", seconds)
            inside, objects = _probe.findings_of(trial.lines)
            if trial.complaint:
                inside.append(Finding(ERROR, "contents", None, trial.complaint))
    # The damage of the heap is seen twice.
    return Report(name, tuple(dict.fromkeys([*findings, *inside])), objects)


def _outside(found: pool_file.PoolFile) -> Iterator[Finding]:
    """What the header, the root object and the lanes say of themselves."""
    if found.state == STATE_OPEN:
        yield Finding(INFORMATION, "state", None, "the last process did not close the pool; opening it recovers it")
    elif found.state == STATE_SUSPENDED:
        yield Finding(INFORMATION, "state", None, "the pool was suspended; closing it collects its garbage")
    elif found.state != STATE_CLEAN:
        yield Finding(ERROR, "state", None, f"its state {found.state:#x} is none that there is")
    if not found.tidy:
        yield Finding(
            INFORMATION,
            "directory",
            None,
            "a program was killed while the pool grew, and left files; opening the pool tidies them up",
        )
    if found.log_damage:
        yield Finding(ERROR, "lanes", None, found.log_damage)
    if found.heap_damage and found.state != STATE_OPEN:
        yield Finding(ERROR, "heap", None, found.heap_damage)
