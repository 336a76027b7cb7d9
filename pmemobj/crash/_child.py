"""Child processes that run code of the caller, with a time limit.

A child is forked off, so it sees the variables of the caller. What it does to them does not come back; what it prints
does. At the end, the child and all processes that it started are gone.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pmemobj._pmdk import library

_OUTPUT_LIMIT = 1 << 20
#: Seconds between two tests of whether the child has ended, and seconds that its processes may take to end.
_LOOK_EVERY, _CLEAN_UP = 0.02, 5.0
#: The bytes in front of an answer that tell its length.
_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended.

    Attributes:
        status: Its exit status as `os.waitpid` tells it.
        output: What it printed.
        timed_out: Whether it was killed because its time was up.
        threads: How many threads it had then, besides its main thread.
    """

    status: int
    output: str
    timed_out: bool
    threads: int = 0


def run(body: Callable[[int], object], seconds: float, called_off: Callable[[], bool] = lambda: False) -> Ended:
    """Fork a child that runs `body`, and wait for its end.

    Args:
        body: What the child runs; it is given the descriptor to print to, and never returns.
        seconds: How long the child may take.
        called_off: Asked now and then whether to kill the child at once.
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
            # Do not run the finalizers of the caller's program, which this process has inherited.
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
        # Also after a KeyboardInterrupt: every process that has the pool must be gone before it is opened again.
        # These are the child and the processes that it started; the end of the pipe tells when all of them are gone.
        status = end(child)
        _read_while(reading, output, time.monotonic() + _CLEAN_UP, lambda: True)
        os.close(reading)
    return Ended(status, output.decode(errors="replace"), timed_out, threads)


def ask(question: Callable[[], Any], seconds: float) -> Any:
    """Fork a child that answers one question with an object that can be pickled; None if it died or hung.

    Args:
        question: What the child runs; what it prints is lost.
        seconds: How long the child may take.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            library.die_with_parent()
            nothing = os.open(os.devnull, os.O_RDWR)
            with output_to(nothing), open(writing, "wb") as told:
                answer = pickle.dumps(question())
                told.write(len(answer).to_bytes(_LENGTH, "little") + answer)
        finally:
            os._exit(0)
    os.close(writing)
    received = bytearray()
    deadline = time.monotonic() + seconds
    try:
        while select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            data = os.read(reading, 1 << 16)
            if not data:
                break
            received += data
        whole = len(received) >= _LENGTH and int.from_bytes(received[:_LENGTH], "little") == len(received) - _LENGTH
        return pickle.loads(received[_LENGTH:]) if whole else None
    finally:
        end(child)
        os.close(reading)


def end(child: int) -> int:
    """Kill a child process and all processes of its group; returns its exit status as `os.waitpid` tells it."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


@contextlib.contextmanager
def output_to(descriptor: int) -> Iterator[None]:
    """Send everything that is printed to a file descriptor, without buffering; standard input is empty."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    stream = io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), write_through=True, errors="replace")
    sys.stdin = open(nothing, closefd=False)  # noqa: SIM115 - it stays open as long as this process lives
    sys.stdout = sys.stderr = stream
    yield


def exit_code(end: SystemExit, descriptor: int) -> int:
    """The exit code that the interpreter would use for a SystemExit; its message is printed."""
    if isinstance(end.code, int):
        return end.code & 0xFF
    if end.code is not None:
        with contextlib.suppress(BaseException):
            os.write(descriptor, f"{end.code}\n".encode(errors="replace"))
    return int(end.code is not None)


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read_while(reading: int, output: bytearray, deadline: float, condition: Callable[[], bool]) -> bool:
    """Read what is printed, as long as a condition holds and the pipe has writers; only the beginning is kept.

    Returns:
        Whether the reading ended before the deadline.
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
