"""The outcome of one image: the real libpmemobj recovers it, and the recovered pool is examined.

Only child processes do this, since a bad image may kill the process. Images are opened copy-on-write, so one scratch
file serves for all of them: only the lines that differ are written.

What the examinations find depends on the memory that recovery leaves, not on the image. So the expensive ones (the
walk, the check of the user, the garbage collection, an allocation, a second open) are done once for each such memory,
which is identified by the pages that differ from the beginning.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from pmemobj._engine.handle_table import new_handle_table
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ALIGNMENT,
    ALL_KINDS,
    ALLOCATION_HEADER_SIZE,
    POOL_HEAP_OFFSET,
    POOL_LANES_OFFSET,
    WORD,
    Kind,
)
from pmemobj._former_names import attribute_of
from pmemobj._objects import gc
from pmemobj._objects.class_table import ClassTable
from pmemobj._pmdk import library
from pmemobj._text import plural
from pmemobj._verify.examination import ERROR, Examination
from pmemobj.crash._few_lanes import OURS, FewLanes
from pmemobj.crash._forked import bind
from pmemobj.crash._heap_map import HeapMap
from pmemobj.crash._image import Image, Lines
from pmemobj.crash._states import VOLATILE, ImageKeys, choices, moments
from pmemobj.crash._trace import LINE, parse
from pmemobj.crash._user_check import Check as Check
from pmemobj.crash._user_check import Note, checked
from pmemobj.dump import contents_of
from pmemobj.errors import PmemError, PoolClosedError, PoolFullError
from pmemobj.pool import PersistentObjectPool

#: What is examined in every image that opens. The opening itself and the state are examined always.
INVARIANTS = ("sound", "garbage", "allocation", "second open")
#: At most this many images are tried at one moment of a recovery.
_RECOVERY_CAP = 32
_TRACE_SIZE = 4 << 20
#: The sizes of the allocations that are tried.
_TRIED = (24, 200, 5000)
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class BrokenInvariant:
    """An invariant that does not hold after recovery.

    Attributes:
        invariant: The name of the invariant; docs/crash_lab.md lists them.
        text: What is wrong.
    """

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an image.

    Attributes:
        status: ``recovered``; ``refused`` by libpmemobj; or the worker ``died`` or ``hung``.
        state: A digest of what the root reaches after recovery: equal for equal contents.
        broken: The invariants that do not hold.
        garbage: How many allocations a garbage collection freed.
        recoveries: How many images came from crashes during its recovery.
        memory: A digest of the memory after recovery, as far as it means anything.
        answer: What the check returned, if that is a true value but neither True nor None.
    """

    status: str
    state: str = ""
    broken: tuple[BrokenInvariant, ...] = ()
    garbage: int = 0
    recoveries: int = 0
    memory: bytes = b""
    answer: str = ""


class Recovery:
    """Recovers images that differ from `base` in some lines.

    Args:
        base: The image from which the others differ.
        pool: The pool that the check is given; its heap is bound to each image in turn.
        check: The user's check, or None.
        invariants: Which of `INVARIANTS` are examined.
        native: The recorder, which also finds the pages that recovery has changed.
        note: Where to note that the check runs.
    """

    def __init__(
        self,
        base: Image,
        pool: PersistentObjectPool,
        check: Check | None,
        invariants: Iterable[str],
        native: Any,
        note: Note | None = None,
    ) -> None:
        self._base, self._pool, self._check = base, pool, check
        self._heap = pool._heap
        self._invariants = frozenset(invariants)
        self._native = native
        self._note = note or Note()
        self._answer = ""
        self._content = mmap.mmap(base.file, base.size, prot=mmap.PROT_READ)
        self._scratch, self._second = _Scratch(base), _Scratch(base)
        self._pagemap = open("/proc/self/pagemap", "rb", buffering=0)  # noqa: SIM115 - as long as the process
        self._known: dict[bytes, Outcome] = {}
        lanes, heap = (int.from_bytes(base.read(at, WORD), "little") for at in (POOL_LANES_OFFSET, POOL_HEAP_OFFSET))
        #: The pages of the logs: what recovery leaves in them means nothing.
        self._logs = range(lanes & ~(_PAGE - 1), heap & ~(_PAGE - 1), _PAGE)

    @property
    def shown(self) -> Image:
        """The image that was recovered last, as it was before recovery."""
        return self._scratch.image

    def outcome(self, lines: Lines, crash_recovery: bool = False) -> Outcome:
        """Recover the image with these lines, and examine it; `crash_recovery` also tries crashes during recovery."""
        found = self._recover(lines)
        if crash_recovery and found.status == "recovered":
            broken, count = self._crash_recovery(lines, found.state)
            found = replace(found, broken=found.broken + broken, recoveries=count)
        return found

    def _recover(self, lines: Lines) -> Outcome:
        self._scratch.show(lines)
        try:
            pop = self._scratch.open(True)
        except OSError as error:
            return Outcome("refused", broken=(BrokenInvariant("opens", f"libpmemobj refuses it: {error.strerror}"),))
        try:
            pages = self._pages(pop, lines)
            key = self._key(pop, pages)
            known = self._known.get(key)
            if known is None:
                broken: list[BrokenInvariant] = []
                self._answer = ""
                state = self._look(pop, broken)
        finally:
            self._heap.unbind(_over())
            library.close(pop)
        if known is None:
            garbage = self._try_out(pages, state, broken)
            known = self._known[key] = Outcome("recovered", state, tuple(broken), garbage, 0, key, self._answer)
        return known

    # ---- the memory after recovery ----

    def _pages(self, pop: library.Pool, lines: Lines) -> dict[int, bytes]:
        """The pages that differ from the beginning: those that recovery changed, and those of the image."""
        base = library.address(pop)
        count = self._base.size // _PAGE
        self._pagemap.seek(base // _PAGE * WORD)
        changed = self._native.private_pages(self._pagemap.read(count * WORD))
        suspects = {line & ~(_PAGE - 1) for line in lines}
        suspects.update(number * _PAGE for number in changed)
        memory = library.view(pop, self._base.size)
        found = {}
        for page in sorted(suspects):
            content = _without_volatile(page, bytes(memory[page : page + _PAGE]))
            if content != _without_volatile(page, self._content[page : page + _PAGE]):
                found[page] = content
        memory.release()
        return found

    def _key(self, pop: library.Pool, pages: dict[int, bytes]) -> bytes:
        """A digest of these pages without what nobody reads: logs that recovery has processed, and free memory."""
        whole = library.view(pop, self._base.size)
        try:
            heap_map = HeapMap(whole.cast("Q"), self._base.size)
            digest = blake2b(digest_size=16)
            for page, content in pages.items():
                if page in self._logs:
                    continue
                meant = heap_map.meaningful(page, content)
                if meant != heap_map.meaningful(page, self._content[page : page + _PAGE]):
                    digest.update(page.to_bytes(WORD, "little"))
                    digest.update(meant)
        finally:
            whole.release()
        return digest.digest()

    # ---- the examinations ----

    @contextlib.contextmanager
    def _handles(self, pop: library.Pool) -> Any:
        """Bind the heap to an open image, with an empty table of handles."""
        heap = self._heap
        kept = heap.handles
        heap.handles = new_handle_table()
        try:
            bind(heap, pop, self._base.size)
            if heap.types is None:
                heap.types = ClassTable(heap)
            yield heap
        finally:
            heap.handles = kept

    def _look(self, pop: library.Pool, broken: list[BrokenInvariant]) -> str:
        """Examine everything that needs no change of the image; returns the digest of the state."""
        try:
            with self._handles(pop) as heap:
                state = state_of(heap)
                if "sound" in self._invariants:
                    broken += _sound(heap)
                if self._check is not None:
                    complaint, self._answer = checked(self._check, self._pool, self._note)
                    broken += [BrokenInvariant("check", complaint)] if complaint else []
                    if heap.in_transaction():
                        self._pool.abandon_transaction()
        except (PmemError, AssertionError) as error:
            broken.append(BrokenInvariant("sound", str(error)))
            state = "unreadable"
        return state

    def _try_out(self, pages: dict[int, bytes], state: str, broken: list[BrokenInvariant]) -> int:
        """Open the recovered image a second time, and use it; returns how many allocations were garbage."""
        if not self._invariants - {"sound"}:
            return 0
        lines = {
            at: content[at - page : at - page + LINE]
            for page, content in pages.items()
            for at in range(page, page + _PAGE, LINE)
        }
        self._second.show(lines)
        try:
            pop = self._second.open(True)
        except OSError as error:
            broken.append(BrokenInvariant("second open", f"libpmemobj refuses it: {error.strerror}"))
            return 0
        garbage = 0
        try:
            if "second open" in self._invariants:
                broken += _same(pages, self._pages(pop, lines))
            with self._handles(pop) as heap:
                if "second open" in self._invariants and state != "unreadable" and state_of(heap) != state:
                    broken.append(BrokenInvariant("second open", "it changes the objects that the root reaches"))
                if "garbage" in self._invariants:
                    garbage = _collect(heap, broken)
                if "allocation" in self._invariants:
                    _allocate(heap, broken)
        except (PmemError, AssertionError) as error:
            if state != "unreadable":  # otherwise the damage is reported already
                broken.append(BrokenInvariant("sound", str(error)))
        finally:
            self._heap.unbind(_over())
            library.close(pop)
        return garbage

    # ---- crashes during recovery ----

    def _crash_recovery(self, lines: Lines, state: str) -> tuple[tuple[BrokenInvariant, ...], int]:
        """Cut the power at every moment of the recovery of an image: the next recovery must lead to the same state."""
        third = _Scratch(self._base)
        third.show(lines)
        with mmap.mmap(-1, _TRACE_SIZE) as trace:
            address, pinned = library.pin(memoryview(trace))
            self._native.trace_to(address, _TRACE_SIZE)
            self._native.watch_next(self._base.size)
            try:
                pop = third.open(False)
            finally:
                self._native.unwatch()
            library.close(pop)
            with memoryview(trace) as memory:
                events, _ = parse(memory)
            library.unpin(pinned)
        there: Any = _Overlay(self._base, lines)
        chance = random.Random(0)
        keys, seen = ImageKeys(self._base), set()
        broken = []
        for moment in moments(there, events)[0]:
            for choice in choices(moment, "lines", _RECOVERY_CAP, chance):
                image = lines | moment.image(choice)
                key = keys.of_lines(image)
                if key in seen:
                    continue
                seen.add(key)
                again = self._recover(image)
                if again.state != state:
                    text = f"a crash at event {moment.event} of {len(events)} of the recovery leads to another state"
                    broken.append(BrokenInvariant("recovery", text if again.state else f"{text}: {again.broken[0]}"))
        return tuple(broken), len(seen)


class _Scratch:
    """A scratch copy of an image: it takes one set of lines after another, and opens quickly."""

    def __init__(self, base: Image) -> None:
        self._base = base
        self.image = base.copy()
        self._lanes = FewLanes(self.image)
        self._shown: Lines = {}

    def show(self, lines: Lines) -> None:
        for at in self._shown.keys() - lines.keys() - self._lanes.lines:
            self.image.write(at, self._base.line(at))
        for at, content in lines.items():
            if self._shown.get(at) != content and at not in self._lanes.lines:
                self.image.write(at, content)
                self._lanes.written(at)
        self._shown = lines

    def open(self, copy_on_write: bool) -> library.Pool:
        """Let libpmemobj open and recover the image; raises OSError if it refuses."""
        self._lanes.open_with()
        return self.image.open(copy_on_write)


class _Overlay:
    """An image with some lines replaced."""

    def __init__(self, base: Image, lines: Lines) -> None:
        self._base, self._lines = base, lines

    def line(self, offset: int) -> bytes:
        return self._lines.get(offset) or self._base.line(offset)


def state_of(heap: Heap) -> str:
    """A digest of what the root reaches: equal for equal contents, wherever the objects lie."""
    contents = contents_of(heap)
    digest = blake2b(repr(contents.root).encode(), digest_size=12)
    for _, record in contents.records():
        digest.update(repr(record).encode())
    return digest.hexdigest()


def _over() -> PmemError:
    return PoolClosedError("use the pool of a crash image", "the check is over", "use it only inside of the check")


def _without_volatile(page: int, content: bytes) -> bytes:
    if page != _PAGE:
        return content
    whole = bytearray(content)
    for volatile in (*VOLATILE, *OURS):
        whole[volatile.start - page : volatile.stop - page] = bytes(len(volatile))
    return bytes(whole)


def _sound(heap: Heap) -> list[BrokenInvariant]:
    """What `pmemobj.check` and the containers' own checks find wrong."""
    examination = Examination(heap, heap.allocations())
    found = [BrokenInvariant("sound", str(each)) for each in examination.run() if each.severity == ERROR]
    for offset in gc.containers(heap, gc.root_words(heap)):
        try:
            assert heap.resurrect is not None
            handle: Any = heap.resurrect(heap, offset)
            handle._check()
        except (AssertionError, PmemError) as error:
            found.append(BrokenInvariant("sound", str(error)))
    return found


def _same(before: dict[int, bytes], after: dict[int, bytes]) -> list[BrokenInvariant]:
    differing = [page for page in before.keys() | after.keys() if before.get(page) != after.get(page)]
    if not differing:
        return []
    places = []
    for page in sorted(differing):
        one, other = before.get(page, b""), after.get(page, b"")
        places += [page + at for at in range(0, _PAGE, WORD) if one[at : at + WORD] != other[at : at + WORD]]
    return [BrokenInvariant("second open", f"it changes {plural(len(places), 'word')}, the first at {places[0]:#x}")]


def _collect(heap: Heap, broken: list[BrokenInvariant]) -> int:
    """Collect the garbage; afterwards the root must reach every allocation."""
    freed = gc.collect(heap, keep_handles=False).total()
    reached = gc.mark(heap, gc.root_words(heap))
    left = [offset for offset in heap.offsets() if offset not in reached]
    if left:
        kind = heap.read(left[0] - ALLOCATION_HEADER_SIZE + WORD)
        name = Kind(kind).name if kind in ALL_KINDS else f"type {kind}"
        text = f"{plural(len(left), 'allocation')} leaked, the first at {left[0]:#x} ({name})"
        broken.append(BrokenInvariant("garbage", text))
    return freed


class _Enough(Exception):
    """Raised to roll back the allocations that were tried."""


def _allocate(heap: Heap, broken: list[BrokenInvariant]) -> None:
    """Allocate: new memory must not overlap an allocation, and no object that the root reaches may refer to it."""
    taken = [(offset - ALLOCATION_HEADER_SIZE, offset + size) for offset, size, _ in heap.allocations()]
    reached = gc.mark(heap, gc.root_words(heap))
    with contextlib.suppress(_Enough, PoolFullError), heap.statement:
        for size in _TRIED:
            offset = heap.alloc(size, Kind.BYTES)
            taken.append((offset - ALLOCATION_HEADER_SIZE, offset + size))
            used = next((at for at in range(offset, offset + size, ALIGNMENT) if at in reached), 0)
            if used:
                broken.append(BrokenInvariant("allocation", f"new memory is in use: an object refers to {used:#x}"))
                raise _Enough
        raise _Enough
    taken.sort()
    for (_, end), (start, _) in itertools.pairwise(taken):
        if start < end:
            broken.append(BrokenInvariant("allocation", f"new memory overlaps an existing allocation at {start:#x}"))
            return


def __getattr__(name: str) -> Any:
    """Give pickles of version 0.1.0 the classes that they know under former names."""
    return attribute_of(__name__, name)
