"""Recording: a child process runs the code on a copy of the pool, and every store, flush and fence is recorded.

The pool of the caller stays open and unchanged. The child is forked off and inherits the mapping of the pool and the
loaded libpmemobj. It maps private memory over the mapping, so that closing the pool changes no file. It closes the
pool, since libpmemobj does not open two pools with one identity. It redirects the calls from libpmemobj to libpmem to
the recorder. Then it opens a copy of the pool, in memory, under the same heap. So the variables and the persistent
objects of the caller exist there and lead into the copy, and the code is recorded as it is.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import platform
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType
from typing import Any

from pmemobj import _format
from pmemobj._engine.observer import Observer
from pmemobj._pmdk import library
from pmemobj.crash import _child
from pmemobj.crash._copy import PoolCopy
from pmemobj.crash._forked import ForkedPool, bind
from pmemobj.crash._image import Image, demand_plain
from pmemobj.crash._trace import Event, Mark, parse
from pmemobj.errors import PmemError, TransactionError
from pmemobj.pool import PersistentObjectPool

#: The size that a recording may have, in bytes: some hundred thousand stores.
TRACE_SIZE = 64 << 20
#: A known libpmemobj has at least this many calls to libpmem that can be redirected.
_LEAST_CALLS = 8


class End(IntEnum):
    """How the code ended. The child notes this, since the code may also exit by itself with any exit code."""

    UNKNOWN, RETURNED, RAISED, FAILED = range(4)


class PowerModeError(PmemError, RuntimeError):
    """This installation or machine cannot record stores."""


def native(what: str) -> ModuleType:
    """The recorder.

    Raises:
        PowerModeError: it was not built, or it does not work on this machine.
    """
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        raise PowerModeError(
            what,
            f"stores are recorded on x86-64 Linux only, and this is {platform.machine()} {platform.system()}",
            "use crash.kill, which works everywhere",
        )
    try:
        from pmemobj.crash import _native  # type: ignore[attr-defined]
    except ImportError as error:
        raise PowerModeError(
            what,
            f"the recorder pmemobj.crash._native cannot be imported ({error})",
            "install pmemobj where there is a C compiler, or use crash.kill",
        ) from None
    return _native  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Taken:
    """What the child has recorded.

    Attributes:
        base: The pool when the recording began, after it was opened.
        events: Everything that was recorded.
        end: How the code ended.
        ending: How the code ended, in words; empty if it returned.
        output: What the code printed, including its traceback.
        truncated: Whether the memory for events was too small, so that the end of the recording is missing.
    """

    base: Image
    events: tuple[Event, ...]
    end: End
    ending: str
    output: str
    truncated: bool


class Inherited:
    """What a child must know about a pool to take it over; it is made before the fork.

    Args:
        what: The operation, for errors.
        pool: The open pool.
        copied: Whether to copy the pool.
        rolled_back: Whether the calling thread may be in a transaction, which the child ends by an abort. Then the pool
            may also be in a sandbox.

    Attributes:
        copy: An image of the pool, if one was asked for.
    """

    def __init__(self, what: str, pool: PersistentObjectPool, copied: bool = False, rolled_back: bool = False) -> None:
        self.pool = pool
        demand_plain(what, pool, sandbox_too=rolled_back)
        self.native = native(what)
        heap = pool._heap
        with heap.lock:
            if heap.in_transaction() and not rolled_back:
                otherwise = ", or record on a copy as of its beginning with rolled_back=True" if copied else ""
                raise TransactionError(what, "a transaction is open", f"commit or abort it first{otherwise}")
            self._forked = ForkedPool(what, pool)
            self.copy = PoolCopy(what, pool).image if copied else None
            self.size = heap.limit

    def take_over(self) -> None:
        """In the child: close the pool without changing its file, and redirect the calls to libpmem to the recorder."""
        pool = self.pool
        # The memory of a sandbox, and of a pool with a journal, is private already.
        is_private = pool.sandbox or pool._heap.journal is not None
        self._forked.stand_on([] if is_private else [(pool._file, self.size)])
        pool._heap.observer = None
        if self.native.patch() < _LEAST_CALLS:
            raise PowerModeError(
                "record stores", "this libpmemobj does not call libpmem as version 1.12 does", "use version 1.12"
            )
        self._forked.leave()


class _Observer(Observer):
    """Writes marks into the recording: it takes the place of the checking mode, which hears the same calls."""

    def __init__(self, mark: Callable[[int, int, int, bytes], None]) -> None:
        self._mark = mark
        self._commits = False
        self._expected: list[tuple[int, int]] = []

    def allow(self, offset: int, size: int) -> None:
        self._mark(Mark.SNAPSHOT, offset, size, b"")

    def expect(self, offset: int, size: int) -> None:
        self._expected.append((offset, size))

    def accept_expected(self) -> None:
        for offset, size in self._expected:
            self.accept(offset, size)
        self._expected = []

    def accept(self, offset: int, size: int) -> None:
        self._mark(Mark.STORED, offset, size, b"")

    def verify(self) -> None:
        self._commits = True
        self._mark(Mark.COMMIT, 0, 0, b"")

    def reset(self) -> None:
        self._mark(Mark.COMMITTED if self._commits else Mark.ROLLED_BACK, 0, 0, b"")
        self._commits = False


#: In a child that records, the function that writes marks into the recording; else None.
_marking: Callable[[int, int, int, bytes], None] | None = None


def acknowledge(text: str = "") -> None:
    """In recorded code: promise that everything done so far is durable, since somebody relies on it from now on.

    A commit is such a promise by itself; a program that makes its own stores durable calls this. In code that is not
    recorded, the call does nothing.
    """
    if _marking is not None:
        _marking(Mark.ACKNOWLEDGED, 0, 0, text.encode() or b" ")


def take(
    what: str,
    pool: PersistentObjectPool,
    action: Callable[[], object],
    seconds: float,
    trace_size: int,
    seed: int,
    rolled_back: bool,
) -> Taken:
    """Run `action` in a child process and return what was recorded; see `record`."""
    inherited = Inherited(what, pool, True, rolled_back)
    copy = inherited.copy
    assert copy is not None
    base = Image(copy.size)
    with mmap.mmap(-1, trace_size) as trace, mmap.mmap(-1, mmap.PAGESIZE) as shared:
        address, pinned = library.pin(memoryview(trace))

        def body(writing: int) -> None:
            _be_the_child(inherited, copy, base, action, writing, shared, address, trace_size, seed)

        try:
            ended = _child.run(body, seconds)
            with memoryview(trace) as memory:
                events, truncated = parse(memory)
        finally:
            library.unpin(pinned)
        end = End(shared[0])
    if end is End.FAILED:
        why = (ended.output.strip().splitlines() or ["the child ended"])[-1]
        raise PmemError(what, why, "see the cause in this message")
    copy.close()
    return Taken(base, events, end, _in_words(end, ended), ended.output, truncated)


def _in_words(end: End, ended: _child.Ended) -> str:
    if ended.timed_out:
        return "was killed when its time was up"
    if end is End.RETURNED:
        return ""
    if end is End.RAISED:
        return "raised an exception"
    if os.WIFSIGNALED(ended.status):
        return f"died of {_child.signal_name(os.WTERMSIG(ended.status))}"
    return f"exited with code {os.WEXITSTATUS(ended.status)}"


def _be_the_child(
    inherited: Inherited,
    copy: Image,
    base: Image,
    action: Callable[[], object],
    writing: int,
    shared: Any,
    trace: int,
    trace_size: int,
    seed: int,
) -> None:
    """Record the action; never returns."""
    global _marking
    code = 1
    recorder = inherited.native
    try:
        with _child.output_to(writing):
            try:
                heap = inherited.pool._heap
                # The stamps of new objects are random; with the seed, equal recordings are equal to the byte.
                _format._chance.seed(seed)
                inherited.take_over()
                bind(heap, copy.open(False), copy.size)
                base.overwrite(copy)
                heap.observer = _Observer(recorder.mark)
                _marking = recorder.mark
                recorder.trace_to(trace, trace_size)
                recorder.watch(heap.base, copy.size)
            except BaseException:
                shared[0] = End.FAILED
                raise
            try:
                action()
                recorder.mark(Mark.ENDED, 0, 0, b"")
                shared[0] = End.RETURNED
            except SystemExit as end:
                code = _child.exit_code(end, writing)
            except BaseException:
                shared[0] = End.RAISED
                raise
            finally:
                recorder.unwatch()
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(writing, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(code)
