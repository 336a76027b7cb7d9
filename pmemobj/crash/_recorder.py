"""Recording: a child process runs the code on a copy of the pool, and every store, flush and fence is noted.

The pool of the caller stays open and as it is. The child, forked off, inherits its mapping and the
libpmemobj that is loaded. It lays private memory over that mapping, so that closing it changes no
file; closes it, since a libpmemobj does not open two pools with one identity; points what libpmemobj calls of
libpmem to the recorder; and opens a copy, in memory, under the same heap. So the variables and the
persistent objects of the caller are there and lead into the copy, and what is recorded is the code as it is.
"""

from __future__ import annotations

import contextlib
import faulthandler
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
from pmemobj._engine.heap import Heap
from pmemobj._engine.observer import Watcher
from pmemobj._format import ROOT_SIZE
from pmemobj._pmdk import library
from pmemobj.crash import _child
from pmemobj.crash._image import Image, demand_plain
from pmemobj.crash._trace import Event, Mark, parse
from pmemobj.errors import PmemError, TransactionError
from pmemobj.pool import PersistentObjectPool

#: Bytes that a recording may have: some hundred thousand stores.
TRACE_SIZE = 64 << 20
#: libpmemobj is asked for at least so many of its calls; else it is none that we know.
_LEAST_CALLS = 8
_BURIED = "it was recorded in a child process, which has ended"


class End(IntEnum):
    """How the code ended, noted by the child: an exit code alone may be the code's own doing."""

    UNKNOWN, RETURNED, RAISED, FAILED = range(4)


class PowerModeError(PmemError, RuntimeError):
    """This installation or machine cannot record stores."""


def native(what: str) -> ModuleType:
    """The recorder.

    Raises:
        PowerModeError: it was not built, or this is no machine for it.
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
            f"the recorder pmemobj.crash._native is not there ({error})",
            "install pmemobj where there is a C compiler, or use crash.kill",
        ) from None
    return _native  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Taken:
    """What came out of the child.

    Attributes:
        base: The pool when the recording began, opened.
        events: Everything that was noted.
        end: How the code ended.
        ending: The same in words.
        output: What it printed, its traceback included.
        truncated: Whether the memory for events was too small, so that the end is missing.
    """

    base: Image
    events: tuple[Event, ...]
    end: End
    ending: str
    output: str
    truncated: bool


class Inherited:
    """What a child must know of a pool to take it over; made before the fork.

    Attributes:
        copy: An image of the pool, if one was asked for.
    """

    def __init__(self, what: str, pool: PersistentObjectPool, copied: bool = False) -> None:
        self.pool = pool
        demand_plain(what, pool)
        heap = pool._heap
        self.native = native(what)
        with heap.lock:
            heap.read(heap.root_offset)
            if heap.in_transaction():
                raise TransactionError(what, "a transaction is open", "commit or abort it first")
            self.copy = Image.of_pool(pool) if copied else None
            self.size = heap.limit
            self._pop, self._base = heap.pop, heap.base

    def take_over(self) -> None:
        """In the child: close the pool without changing its file, and get in front of libpmem."""
        faulthandler.disable()  # how this process dies is told by the parent
        library.map_over(self._base, [(self.pool._file, self.size)])
        self.pool._heap.checker = None
        if self.native.patch() < _LEAST_CALLS:
            raise PowerModeError(
                "record stores", "this libpmemobj does not call libpmem as the one that is known", "use version 1.12"
            )
        library.close(self._pop)


def bind(heap: Heap, pop: library.Pool, size: int) -> None:
    """Put a heap onto an open image."""
    heap.bind(pop, size, ROOT_SIZE)
    heap.demand_log_space()  # no part of what is recorded
    heap.slow = heap.by_page = False
    heap.checker = None
    if heap.types is not None:
        heap.types.reload()


class _Watcher(Watcher):
    """Stands in the place of the checking mode, which is told what a recording should hold."""

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


#: In a child that records, what takes marks; else None.
_marking: Callable[[int, int, int, bytes], None] | None = None


def acknowledge(text: str = "") -> None:
    """In code that is recorded: from here on somebody relies on all that was done before.

    A commit says so by itself; a program that makes its own stores durable says it here. Elsewhere it does nothing.
    """
    if _marking is not None:
        _marking(Mark.ACKNOWLEDGED, 0, 0, text.encode() or b" ")


def take(
    what: str, pool: PersistentObjectPool, action: Callable[[], object], seconds: float, trace_size: int, seed: int
) -> Taken:
    """Run `action` in a child and return what was recorded; see `record`."""
    inherited = Inherited(what, pool, copied=True)
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
        raise PmemError(what, why, "see the cause in what it says")
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
    """Never returns."""
    global _marking
    code = 1
    recorder = inherited.native
    try:
        with _child.output_to(writing):
            try:
                heap = inherited.pool._heap
                # The stamps of new objects are random; equal recordings should be equal to the byte.
                _format._chance.seed(seed)
                inherited.take_over()
                bind(heap, copy.open(False), copy.size)
                base.overwrite(copy)
                heap.checker = _Watcher(recorder.mark)
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
