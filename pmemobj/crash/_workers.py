"""Worker processes that recover images, on this machine or wherever an executor runs its tasks.

A worker is forked off and works through its images by itself, so the check may be any callable of the caller, also a
closure. The worker reports each outcome as soon as it has it. If it dies or hangs, this is the outcome of the image
that it was working on, and another worker continues with the next one.

For an executor the unit of work is a `Batch`, which can be pickled if the check can be. The process that runs a batch
forks off a worker, too: an image is never opened in a process that goes on living.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pmemobj._engine.heap import live_heaps
from pmemobj._pmdk import library
from pmemobj.crash import _child
from pmemobj.crash._image import Image
from pmemobj.crash._recorder import Inherited, native
from pmemobj.crash._recovery import BrokenInvariant, Check, Outcome, Recovery
from pmemobj.crash._states import Choice, Moment
from pmemobj.crash._user_check import Note
from pmemobj.errors import ForkedPoolError, PmemError
from pmemobj.pool import PersistentObjectPool, open_pools

#: The moment and the choice of an image, which the worker makes and recovers, and whether to crash this recovery, too.
Job = tuple[Moment, Choice, bool]

_LENGTH = 4
#: With this many images, a second worker is worth the time that its start takes.
_ENOUGH_FOR_TWO = 48
#: How many images a batch for an executor has.
_BATCH = 64
_EXTENT = 1 << 16


@dataclass(frozen=True)
class Setting:
    """What is common to all images of an exploration.

    Attributes:
        base: The image from which the others differ.
        check: The user's check.
        invariants: Which other invariants are examined.
        patience: How many seconds one image may take.
        inherited: The open pool of the caller, if there is one; otherwise a worker makes a pool of its own.
        remarks: Remarks about the run as a whole; `run` adds them.
    """

    base: Image
    check: Check | None
    invariants: tuple[str, ...]
    patience: float
    inherited: Inherited | None
    remarks: list[str] = field(default_factory=list)


def run(
    setting: Setting,
    jobs: Sequence[Job],
    workers: int,
    deadline: float | None,
    progress: Callable[[int], object] | None = None,
) -> list[Outcome | None]:
    """The outcome of each job; None if the time was up before. `progress` is called with how many jobs are done."""
    outcomes: list[Outcome | None] = [None] * len(jobs)
    count = max(1, min(workers, 1 + len(jobs) // _ENOUGH_FOR_TWO))
    running = [_Worker(setting, jobs, range(first, len(jobs), count)) for first in range(count)]
    try:
        while running:
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                if any(worker.never_left_the_check for worker in running):
                    setting.remarks.append("your check was still running when the time was up; perhaps it never ends")
                break
            until = min(worker.patience_ends for worker in running)
            until = until if deadline is None else min(until, deadline)
            ready = select.select([worker.reading for worker in running], [], [], max(0.0, until - now))[0]
            for worker in list(running):
                if worker.reading in ready or time.monotonic() >= worker.patience_ends:
                    worker.listen(outcomes, worker.reading in ready)
                    if worker.is_done:
                        running.remove(worker)
            if progress is not None:
                progress(sum(outcome is not None for outcome in outcomes))
    finally:
        for worker in running:
            worker.kill()
    return outcomes


class _Worker:
    """One worker process after another, on the same list of jobs."""

    def __init__(self, setting: Setting, jobs: Sequence[Job], numbers: range) -> None:
        self._setting, self._jobs, self._numbers = setting, jobs, numbers
        self._next = 0
        self._start()

    def _start(self) -> None:
        self._received = bytearray()
        self._note = Note()
        self.reading, writing = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            _be_the_worker(self._setting, self._jobs, self._numbers[self._next :], writing, self._note)
        os.close(writing)
        self._wait_anew()

    def _wait_anew(self) -> None:
        self.patience_ends = time.monotonic() + self._setting.patience

    @property
    def is_done(self) -> bool:
        return self._next >= len(self._numbers)

    @property
    def never_left_the_check(self) -> bool:
        """Whether the worker is still running the check of its first image."""
        return self._next == 0 and self._note.at_check

    def listen(self, outcomes: list[Outcome | None], readable: bool) -> None:
        """Take the outcomes that the worker has reported; if it has died or hangs, record that."""
        if not readable:
            self._record_death(outcomes, "hung", f"did not end within {self._setting.patience:g} s")
            return
        data = os.read(self.reading, 1 << 16)
        if not data:
            self._record_death(outcomes, "died", "")
            return
        self._received += data
        while len(self._received) >= _LENGTH:
            length = int.from_bytes(self._received[:_LENGTH], "little")
            if len(self._received) < _LENGTH + length:
                break
            outcomes[self._numbers[self._next]] = pickle.loads(self._received[_LENGTH : _LENGTH + length])
            del self._received[: _LENGTH + length]
            self._next += 1
            self._wait_anew()
        if self.is_done:
            self.kill()

    def _record_death(self, outcomes: list[Outcome | None], status: str, why: str) -> None:
        """End a worker that died or hangs: this is the outcome of its image; start the next worker."""
        code = self.kill()
        at_check = self._note.at_check
        if self._note.closed:
            why = "it closed the pool"
        elif why:
            why = f"{'it' if at_check else 'recovery'} {why}"
        else:
            died = os.WIFSIGNALED(code)
            how = _child.signal_name(os.WTERMSIG(code)) if died else f"exit code {os.WEXITSTATUS(code)}"
            who = "the process ended while the check ran," if at_check else "the process that recovered it ended"
            why = f"{who} with {how}"
        broken = (BrokenInvariant("check" if at_check else "opens", why),)
        outcomes[self._numbers[self._next]] = Outcome(status, broken=broken)
        self._next += 1
        if not self.is_done:
            self._start()

    def kill(self) -> int:
        """End the worker; returns its exit status."""
        if self._process <= 0:
            return 0
        status = _child.end(self._process)
        self._process = 0
        os.close(self.reading)
        return status


def _be_the_worker(setting: Setting, jobs: Sequence[Job], numbers: Sequence[int], writing: int, note: Note) -> None:
    """Recover the images with these numbers; never returns."""
    try:
        os.setpgid(0, 0)
        library.die_with_parent()
        nothing = os.open(os.devnull, os.O_RDWR)
        with _child.output_to(nothing), open(writing, "wb", buffering=0) as told:
            pool = _take_over(setting)
            recorder = native("crash recoveries")
            recovery = Recovery(setting.base, pool, setting.check, setting.invariants, recorder, note)
            for number in numbers:
                moment, choice, crash_recovery = jobs[number]
                try:
                    outcome = recovery.outcome(moment.image(choice), crash_recovery)
                except Exception:
                    why = traceback.format_exc(limit=-4).strip()
                    outcome = Outcome("failed", broken=(BrokenInvariant("opens", why),))
                _tell(told, outcome)
            # The parent kills this process when it has read the last outcome.
            signal.pause()
    finally:
        os._exit(1)


def _tell(told: BinaryIO | Any, outcome: Outcome) -> None:
    message = pickle.dumps(outcome)
    data = memoryview(len(message).to_bytes(_LENGTH, "little") + message)
    while data:
        data = data[told.write(data) :]


def _take_over(setting: Setting) -> PersistentObjectPool:
    inherited = setting.inherited
    if inherited is None:
        native("recover images").patch()
        return PersistentObjectPool._without_file("a crash image")
    inherited.take_over()
    return inherited.pool


# ---- for executors --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Images and everything that is needed to recover them in another process."""

    size: int
    extents: tuple[tuple[int, bytes], ...]
    check: Check | None
    invariants: tuple[str, ...]
    patience: float
    identity: int
    jobs: tuple[Job, ...]


def run_elsewhere(
    executor: Executor, setting: Setting, jobs: Sequence[Job], identity: int, deadline: float | None
) -> list[Outcome | None]:
    """Do the same as `run` through an executor."""
    extents = tuple(_extents(setting.base))
    outcomes: list[Outcome | None] = [None] * len(jobs)
    submitted = {}
    for first in range(0, len(jobs), _BATCH):
        batch = Batch(
            setting.base.size,
            extents,
            setting.check,
            setting.invariants,
            setting.patience,
            identity,
            tuple(jobs[first : first + _BATCH]),
        )
        submitted[executor.submit(recover, batch)] = first
    timeout = None if deadline is None else min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
    try:
        for future in as_completed(submitted, timeout):
            first = submitted[future]
            outcomes[first : first + _BATCH] = future.result()
    except TimeoutError:
        pass
    finally:
        for future in submitted:
            future.cancel()
    return outcomes


def recover(batch: Batch) -> list[Outcome | None]:
    """The unit of work of an executor: recover the images of a batch, in a process forked off from this one.

    Raises:
        ForkedPoolError: this process was itself forked off while the pool was open. Then libpmemobj has the pool open
            in this process, too, and refuses every image of it.
    """
    _demand_no_fork(batch.identity)
    base = Image(batch.size)
    for offset, data in batch.extents:
        base.write(offset, zlib.decompress(data))
    inherited = [Inherited("recover images", pool) for pool in open_pools() if pool._heap.pool_uuid == batch.identity]
    setting = Setting(base, batch.check, batch.invariants, batch.patience, inherited[0] if inherited else None)
    return run(setting, batch.jobs, 1, None)


def _demand_no_fork(identity: int) -> None:
    for heap in live_heaps():
        if heap.identity != identity or heap.is_bound:
            continue
        try:
            heap.refuse()
        except ForkedPoolError:
            raise ForkedPoolError(
                "explore crashes with this executor",
                f"its process {os.getpid()} was forked off while pool {heap.name} was open",
                'use ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")), "forkserver", or threads',
            ) from None
        except PmemError:
            pass  # the pool was closed properly


def _extents(base: Image) -> Iterator[tuple[int, bytes]]:
    """The extents of an image that are not zero, compressed."""
    nothing = bytes(_EXTENT)
    for offset in range(0, base.size, _EXTENT):
        data = base.read(offset, _EXTENT)
        if data != nothing[: len(data)]:
            yield offset, zlib.compress(data, 1)


def in_worker(setting: Setting, question: Callable[[Recovery], Any]) -> Any:
    """Let a worker answer one question about images; None if the worker died or hung."""

    def answer() -> Any:
        pool = _take_over(setting)
        recorder = native("recover images")
        return question(Recovery(setting.base, pool, setting.check, setting.invariants, recorder))

    return _child.ask(answer, 10 * setting.patience)
