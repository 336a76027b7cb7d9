"""Program crashes: a child process runs the code on the real pool and dies by SIGKILL.

The parent lets go of the pool, forks, and the child opens it: so the code sees the variables of the
caller, and its objects of the pool, and what it does is real. What it stored until it died is in
the file (the page cache outlives a process), with libpmemobj's undo log beside it. The parent
reads these bytes as they are, then opens the pool again, and libpmemobj rolls back.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from pmemobj import inspect
from pmemobj.errors import SandboxError, TransactionError
from pmemobj.pool import PersistentObjectPool

_COUNT_SIZE = 8
_OUTPUT_LIMIT = 1 << 20
#: Seconds between two looks at whether the child has ended, and how long its processes may take to.
_LOOK_EVERY, _BURIAL = 0.02, 5.0
#: Exit codes of a child that did not die as planned.
_RAISED, _NOT_OPENED = 3, 4


class Verdict(Enum):
    """What became of the pool; the value is what people are told."""

    ROLLED_BACK = "rolled back: after recovery the pool is as it was before"
    CHANGED = "the pool is neither as before nor whole: something was stored outside the transaction"
    UNCHANGED = "nothing had been changed when it died"
    RAISED = "the code raised an exception before it could be killed; its transaction was rolled back"
    TIMED_OUT = "the code did not end in time and was killed; after recovery the pool is as it was before"


@dataclass(frozen=True)
class CrashReport:
    """One crash.

    Attributes:
        verdict: What became of the pool.
        at: The change after which the child was to die; None for just before the commit.
        changes: How many changes of live memory it had made when it died.
        before: The pool before.
        at_crash: What the child had stored when it died, read from the file before recovery.
        after: The pool after recovery.
        output: What the code printed, its traceback included.
    """

    verdict: Verdict
    at: int | None
    changes: int
    before: inspect.Graph
    at_crash: inspect.Graph
    after: inspect.Graph
    output: str

    @property
    def ok(self) -> bool:
        """Whether the pool came back as it was."""
        return self.before == self.after

    @property
    def frames(self) -> tuple[tuple[str, inspect.Graph], ...]:
        """The three graphs with their titles."""
        return ("before", self.before), ("at the crash", self.at_crash), ("after recovery", self.after)

    def __str__(self) -> str:
        planned = "just before the commit" if self.at is None else f"after change {self.at}"
        made = f"{self.changes} change{'' if self.changes == 1 else 's'} made"
        return f"killed {planned}, {made}: {self.verdict.value}"


def kill(
    pool: PersistentObjectPool,
    action: Callable[[], object],
    at: int | None = None,
    *,
    seconds: float = 30.0,
    max_nodes: int | None = 1000,
) -> CrashReport:
    """Run `action` in a transaction in a child process, kill it there, and recover.

    Args:
        pool: An open pool; it is open again, with the same handles, at return.
        action: What to run; it sees everything that the caller sees. What it does to variables
            happens in the child only.
        at: Kill after this change of live memory, counted from 1; None: just before the commit. If
            there are fewer changes, just before the commit too.
        seconds: How long it may run; then it is killed wherever it is.
        max_nodes: How many objects to compare and show.

    Raises:
        TransactionError: a transaction is open in this thread.
        SandboxError: the pool is open in a sandbox.
        ValueError: `at` is below 1.
        PmemError: recovery failed.
    """
    if at is not None and at < 1:
        raise ValueError(f"cannot crash at change {at}: changes are counted from 1")
    if pool.in_transaction:
        raise TransactionError(f"crash pool {pool.path}", "a transaction is open", "commit or abort it first")
    if pool.sandbox:
        raise SandboxError(
            f"crash pool {pool.path}",
            "it is open in a sandbox, where nothing would be left of what the child process did",
            "open it without sandbox=True, or crash a copy",
        )
    before = inspect.walk(pool, max_nodes=max_nodes)
    pool.suspend()
    try:
        with mmap.mmap(-1, _COUNT_SIZE) as counter:
            status, output, timed_out = _run_child(pool, action, at, seconds, counter)
            changes = int.from_bytes(counter[:], "little")
        at_crash = inspect.walk_file(pool._file, max_nodes=max_nodes)
    finally:
        pool.resume()
    after = inspect.walk(pool, max_nodes=max_nodes)
    verdict = _judge(before, after, status, changes, timed_out)
    return CrashReport(verdict, at, changes, before, at_crash, after, output)


def _judge(before: inspect.Graph, after: inspect.Graph, status: int, changes: int, timed_out: bool) -> Verdict:
    if before != after:
        return Verdict.CHANGED
    if timed_out:
        return Verdict.TIMED_OUT
    if not os.WIFSIGNALED(status):
        return Verdict.RAISED
    return Verdict.ROLLED_BACK if changes else Verdict.UNCHANGED


# ---- the parent's side ----------------------------------------------------------------------------


def _run_child(
    pool: PersistentObjectPool, action: Callable[[], object], at: int | None, seconds: float, counter: mmap.mmap
) -> tuple[int, str, bool]:
    """Fork, wait for the end, and return exit status, output, and whether time ran out."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _be_the_child(pool, action, at, writing, counter)
    os.close(writing)
    output = bytearray()
    try:
        timed_out = not _read_while(reading, output, time.monotonic() + seconds, lambda: not _has_ended(child))
    finally:
        # Also on a KeyboardInterrupt: all who have the pool must be gone before it is opened again.
        # That is the child and what it started; the end of the pipe tells when they are.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        _read_while(reading, output, time.monotonic() + _BURIAL, lambda: True)
        os.close(reading)
    return status, output.decode(errors="replace"), timed_out


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read_while(reading: int, output: bytearray, deadline: float, condition: Callable[[], bool]) -> bool:
    """Read what is printed while a condition holds and the pipe has writers; keep the beginning.

    Returns:
        Whether that ended before the deadline.
    """
    while condition():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        if select.select([reading], [], [], min(remaining, _LOOK_EVERY))[0]:
            data = os.read(reading, 65536)
            if not data:
                break
            output += data[: _OUTPUT_LIMIT - len(output)]
    return True


# ---- the child's side -------------------------------------------------------------------------------


def _be_the_child(
    pool: PersistentObjectPool, action: Callable[[], object], at: int | None, writing: int, counter: mmap.mmap
) -> None:
    """Never returns: ends by SIGKILL as planned, or by an exit code."""
    code = _NOT_OPENED
    os.setpgid(0, 0)
    try:
        with _output_to(writing):
            pool.resume()
            code = _RAISED
            _count_changes(pool, at, counter)
            with pool.transaction():
                action()
                _die()
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(writing, traceback.format_exc().encode(errors="replace"))
    finally:
        # Without the finalizers of the parent's program, which this process inherited.
        os._exit(code)


def _count_changes(pool: PersistentObjectPool, at: int | None, counter: mmap.mmap) -> None:
    """Count changes where the parent can see it after our death, and die at the planned one."""
    changes = 0

    def on_change() -> None:
        nonlocal changes
        changes += 1
        counter[:] = changes.to_bytes(_COUNT_SIZE, "little")
        if changes == at:
            _die()

    pool._heap.on_change = on_change


@contextlib.contextmanager
def _output_to(descriptor: int) -> Iterator[None]:
    """Send everything that is printed to a file descriptor, at once; there is nothing to read."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    stream = io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True, errors="replace")
    sys.stdin = open(nothing, closefd=False)  # noqa: SIM115 - it lives as long as this process
    sys.stdout = sys.stderr = stream
    yield


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
