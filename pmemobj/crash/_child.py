"""Child processes that run a caller's code: forked off, with a time limit, and gone with all they started at the end.

A child sees the variables of the caller. Nothing that it does to them comes back; what it prints does.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_OUTPUT_LIMIT = 1 << 20
#: Seconds between two looks at whether the child has ended, and how long its processes may take to.
_LOOK_EVERY, _BURIAL = 0.02, 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        status: Its exit status as `os.waitpid` tells it.
        output: What it printed.
        timed_out: Whether its time ran out.
        threads: How many threads it had then besides the one that it began with.
    """

    status: int
    output: str
    timed_out: bool
    threads: int = 0


def run(body: Callable[[int], object], seconds: float, called_off: Callable[[], bool] = lambda: False) -> Ended:
    """Fork, let the child do `body`, which never returns and is given where to print, and wait for its end.

    Args:
        body: What the child does.
        seconds: How long it may take.
        called_off: Asked now and then whether to kill it at once.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setpgid(0, 0)
            body(writing)
        finally:
            # Without the finalizers of the parent's program, which this process inherited.
            os._exit(1)
    os.close(writing)
    output, threads = bytearray(), 0
    try:
        timed_out = not _read_while(
            reading, output, time.monotonic() + seconds, lambda: not (_has_ended(child) or called_off())
        )
        if timed_out:
            threads = len(os.listdir(f"/proc/{child}/task")) - 1
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
    return Ended(status, output.decode(errors="replace"), timed_out, threads)


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


@contextlib.contextmanager
def output_to(descriptor: int) -> Iterator[None]:
    """Send everything that is printed to a file descriptor, at once; there is nothing to read."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    stream = io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True, errors="replace")
    sys.stdin = open(nothing, closefd=False)  # noqa: SIM115 - it lives as long as this process
    sys.stdout = sys.stderr = stream
    yield


def exit_code(end: SystemExit, descriptor: int) -> int:
    """The exit code that the interpreter would make of it; a message is printed."""
    if isinstance(end.code, int):
        return end.code & 0xFF
    if end.code is not None:
        with contextlib.suppress(BaseException):
            os.write(descriptor, f"{end.code}\n".encode(errors="replace"))
    return int(end.code is not None)


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
