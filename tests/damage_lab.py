"""Opens many damaged pools in little time, in processes that may die of it.

A pool is opened and used here as a program would do it, by a worker: a forked child that does one
case after the other. The trial of a pool that was not closed, for which `pmemobj.open` starts a
process, is forked off the worker instead, which costs a tenth; what is run in it is the same. A
worker that dies or hangs is the failure that is looked for; another goes on with the next case.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from soundness import assert_sound

import pmemobj
from pmemobj import _checking, _lib, _probe
from pmemobj._examine import Examination

#: Seconds that a case may take. What takes longer hangs.
LIMIT = 20.0

#: Outcomes that are right. "unsound" is what opened, and `check` finds what is wrong with it.
FINE = ("sound", "recovered", "refused", "reported")


def outcomes(cases: Sequence[Callable[[], bytes]], path: Path) -> Iterator[str]:
    """What becomes of each case: one of `FINE`, or what went wrong.

    Args:
        cases: Each makes the bytes of a damaged pool.
        path: A file to put them into.
    """
    done = 0
    while done < len(cases):
        into, out = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.close(into)
            _work(cases, done, path, out)
        os.close(out)
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


def _work(cases: Sequence[Callable[[], bytes]], first: int, path: Path, out: int) -> None:
    try:
        _lib.die_with_parent()
        _probe.run = _try_in_fork
        _checking.wanted = lambda: False
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        for case in cases[first:]:
            os.write(out, (_outcome(case(), path) + "\n").encode())
    finally:
        os._exit(0)


def _outcome(data: bytes, path: Path) -> str:
    path.write_bytes(data)
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
    path.write_bytes(data)
    return "reported" if _errors_of(path) else "UNREPORTED"


def _try_in_fork(path: str) -> None:
    """`_probe.run`, without starting a Python for it."""
    said = _in_fork(lambda: _probe.TASKS["open"](path))
    if said:
        raise pmemobj.PoolDamagedError(f"open pool {path}", said, "")


def _errors_of(path: Path) -> bool:
    """Whether `check` has something to say, as its child would find it."""

    def examine() -> None:
        with _probe._opened(str(path)) as heap:
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
            _lib.die_with_parent()
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
