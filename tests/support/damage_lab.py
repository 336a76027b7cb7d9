"""Opens many damaged pools in little time, in processes that may die of it.

A pool is opened and used here as a program would do it, by a worker: a forked child that does one
case after the other. The trial of a pool that was not closed, for which `pmemobj.open` starts a
process, is forked off the worker instead, which costs a tenth; what is run in it is the same. A
worker that dies or hangs is the failure that is looked for; another goes on with the next case.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soundness import assert_sound

import pmemobj
from pmemobj._engine import checker
from pmemobj._lifecycle import trial
from pmemobj._pmdk import library
from pmemobj._verify.examination import Examination

#: Seconds that a case may take. What takes longer hangs.
LIMIT = 20.0

#: Outcomes that are right. "reported": it opened, is not sound, and `check` finds what is wrong with it.
FINE = ("sound", "recovered", "refused", "reported")


@dataclass(frozen=True, slots=True)
class Case:
    """A pool, and what is changed in it, in place."""

    original: bytes
    damage: Callable[[Any], object]


def outcomes(cases: Sequence[Case], directory: Path, workers: int = 2) -> list[str]:
    """What becomes of each case: one of `FINE`, or what went wrong.

    Args:
        cases: What to try.
        directory: Where the damaged pools are put.
        workers: How many share the work; each has every n-th case.
    """
    shares = [cases[number::workers] for number in range(workers)]
    started = [(share, directory / f"pool{number}") for number, share in enumerate(shares)]
    results = [_outcomes(share, path, _start(share, 0, path)) for share, path in started]
    found: list[str] = [""] * len(cases)
    for number, result in enumerate(results):
        found[number::workers] = list(result)
    return found


def _start(cases: Sequence[Case], first: int, path: Path) -> tuple[int, int]:
    """Process id of a new worker, and the descriptor from which its outcomes are read."""
    into, out = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(into)
        _work(cases[first:], path, out)
    os.close(out)
    return worker, into


def _outcomes(cases: Sequence[Case], path: Path, started: tuple[int, int]) -> Iterator[str]:
    done = 0
    while True:
        worker, into = started
        with os.fdopen(into, "rb", buffering=0) as lines:
            while done < len(cases):
                line = _line(lines, LIMIT)
                if line is None:
                    break
                yield line
                done += 1
            hangs = done < len(cases) and not _ends(worker, 0.5)
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        status = _reap(worker)
        if done < len(cases):
            yield "HANGS" if hangs else f"DIES of {status}"
            done += 1
        if done >= len(cases):
            return
        started = _start(cases, done, path)


_reaped: dict[int, int] = {}


def _ends(worker: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            _reaped[worker] = status
            return True
        time.sleep(0.01)
    return False


def _reap(worker: int) -> int:
    if worker not in _reaped:
        _, _reaped[worker] = os.waitpid(worker, 0)
    return os.waitstatus_to_exitcode(_reaped.pop(worker))


def _line(lines: object, seconds: float) -> str | None:
    """The next line that a worker writes; None where none comes."""
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([lines], [], [], seconds)
        piece = lines.read(1) if ready else b""  # type: ignore[attr-defined]
        if not piece:
            return None
        text += piece
    return text.decode().rstrip("\n")


# ---- in the worker ---------------------------------------------------------------------------------


def _work(cases: Sequence[Case], path: Path, out: int) -> None:
    try:
        library.die_with_parent()
        trial.run = try_in_fork
        checker.wanted = lambda: False
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        for case in cases:
            os.write(out, (_outcome(case, path) + "\n").encode())
    finally:
        os._exit(0)


def _put(case: Case, path: Path) -> None:
    """Make the damaged pool; in place, which is much faster than a new file."""
    with open(path, "r+b" if path.exists() else "w+b") as file:
        file.write(case.original)
        file.truncate()
        file.flush()
        with mmap.mmap(file.fileno(), 0) as pool:
            case.damage(pool)


def _outcome(case: Case, path: Path) -> str:
    _put(case, path)
    try:
        with pmemobj.open(path) as pool:
            try:
                assert_sound(pool)
                sound = True
            except Exception:
                sound = False
            recovered = pool.recovered
            repr(pool.root)
            pool.root = pool.new(pmemobj.PersistentList, ["x" * 100] * 10)
            pool.gc()
    except pmemobj.PmemError as error:
        return "refused" if error.why else f"NO REASON: {error}"
    except Exception as error:
        return f"RAW {type(error).__name__}: {error}"
    if sound:
        return "recovered" if recovered else "sound"
    _put(case, path)
    return "reported" if _errors_of(path) else "UNREPORTED"


def try_in_fork(path: str, size: int, name: str) -> None:
    """`trial.run`, without starting a Python for it."""
    said = _in_fork(lambda: trial.TASKS["open"](path))
    if said:
        raise pmemobj.PoolDamagedError(f"open pool {name}", said, "")


def _errors_of(path: Path) -> bool:
    """Whether `check` has something to say, as its child would find it."""

    def examine() -> None:
        with trial._opened(str(path)) as heap:
            findings = list(Examination(heap, heap.allocations()).run())
            if any(finding.severity == "error" for finding in findings):
                raise pmemobj.PmemError("", "found", "")

    return bool(_in_fork(examine))


def _in_fork(work: Callable[[], None]) -> str:
    """Why `work` did not end well in a process of its own; empty if it did."""
    into, out = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            library.die_with_parent()
            work()
            os.write(out, b'""\n')
        except pmemobj.PmemError as error:
            os.write(out, (json.dumps(error.why or "no reason") + "\n").encode())
        finally:
            os._exit(0)
    os.close(out)
    with os.fdopen(into, "rb", buffering=0) as lines:
        line = _line(lines, LIMIT / 2)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "the trial died or hung" if line is None else str(json.loads(line))
