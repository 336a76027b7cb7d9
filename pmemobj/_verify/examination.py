"""Finds everything that is wrong in a pool, and says where: the work behind `pmemobj.check`.

It follows the bytes as `_layout` describes them, with readers of its own for each kind, since those
of the containers stop at the first thing that is wrong. What it says is a stream of `Finding`,
given away one by one: the process that examines may die of the pool, and what it had found by
then should not die with it.

The readers of the kinds are in `READERS`, where `_examine_kinds` puts them; a kind without one is named
as information.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ALIGNMENT,
    ALLOCATION_HEADER_SIZE,
    CONTAINER_KINDS,
    LEAF_KINDS,
    ROOT_CLASSES,
    ROOT_VALUE,
    TAG_MASK,
    WORD,
    WORD_NONE,
    Kind,
    kind_of,
)
from pmemobj._objects.fields import parse
from pmemobj._objects.gc import REPORT_EVERY, Progress, reporter
from pmemobj._public_names import public_in
from pmemobj._values.key_tuples import MAX_DEPTH, split_parts
from pmemobj._values.leaves import value_of
from pmemobj._values.words import decode, is_container, is_leaf, is_packed
from pmemobj.errors import PmemError, PoolDamagedError, TimeZoneNotFoundError, TransactionError

ERROR, INFORMATION = "error", "information"


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        severity: ``"error"``, or ``"information"`` for what is worth knowing and no damage.
        path: Where, as a program would reach it from the root; or the part of the file.
        offset: The same in bytes from the start of the file; None where it has no place.
        text: What it is.
    """

    severity: str
    path: str
    offset: int | None
    text: str

    def __str__(self) -> str:
        at = "" if self.offset is None else f" (at {self.offset:#x})"
        return f"{self.severity}: {self.path}{at}: {self.text}"


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found.

    Attributes:
        path: The file of the pool.
        findings: All that was found, errors and information.
        objects: How many shared objects can be reached, as far as could be counted: those of the program, and
            the lists in which the pool notes its classes and their attributes.
    """

    path: str
    findings: tuple[Finding, ...]
    objects: int

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are damage."""
        return tuple(finding for finding in self.findings if finding.severity == ERROR)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; there may be information all the same."""
        return not self.errors

    def __str__(self) -> str:
        if self.ok:
            verdict = f"nothing wrong in {self.objects} objects (with the pool's own lists of classes)"
        else:
            verdict = f"{len(self.errors)} errors" if len(self.errors) > 1 else "1 error"
        return "\n".join([f"{self.path}: {verdict}", *(f"  {finding}" for finding in self.findings)])


@dataclass(frozen=True, slots=True)
class Slot:
    """A value word and the step that leads to it."""

    step: str
    word: int
    is_key: bool = False


#: For each kind the bytes of the object itself, and what reads it.
READERS: dict[int, tuple[int, Callable[[Examination, int], list[Slot]]]] = {}


class Examination:
    """One examination of a pool.

    Args:
        heap: An open pool, or an image of one.
        allocations: Offset, usable size and kind of every allocation; None on an image, where each
            is judged by the header that libpmemobj puts before it.
        tell: Called now and then with the number of allocations that have been reached.

    Attributes:
        objects: How many shared objects have been reached so far.
    """

    def __init__(
        self,
        heap: Heap,
        allocations: list[tuple[int, int, int]] | None,
        tell: Callable[[int], None] | None = None,
    ) -> None:
        self._heap = heap
        self._tell_progress = tell
        self._allocations = None if allocations is None else {at: (size, kind) for at, size, kind in allocations}
        self._found: list[Finding] = []
        #: From where each object was first reached, and by which step; 0 for what has no object above it.
        self._ways: dict[int, tuple[int, str]] = {}
        #: The object whose leaf or body an allocation is.
        self._owners: dict[int, int] = {}
        self._names: list[list[str]] = []
        #: The fields of each class that has some, as text that can be parsed.
        self._fields: dict[int, bytes] = {}
        self.objects = 0

    def run(self) -> Iterator[Finding]:
        """Examine; the findings as they come."""
        yield from self._overlaps()
        root = self._heap.root_offset
        # The class table first: the attributes of objects are named by it.
        for step, at in (("classes", ROOT_CLASSES), ("root", ROOT_VALUE)):
            waiting = [(0, Slot(step, self._heap.read(root + at)))]
            while waiting:
                holder, slot = waiting.pop()
                for child in self._follow(holder, slot):
                    waiting.append((slot.word, child))
                yield from self._found
                self._found = []
            if step == "classes":
                yield from self._class_table()
        yield from self._unreachable()

    def _tell(self, holder: int, step: str, offset: int | None, text: str, severity: str = ERROR) -> None:
        self._found.append(Finding(severity, self._path(holder, step), offset, text))

    def _path(self, holder: int, step: str) -> str:
        steps = [step]
        while holder:
            holder, step = self._ways[holder]
            steps.append(step)
        return "".join(reversed(steps))

    # ---- words -----------------------------------------------------------------------------------

    def _follow(self, holder: int, slot: Slot) -> list[Slot]:
        """Judge a value word; the words of the object that it leads to, if that is new."""
        word = slot.word
        if is_leaf(word):
            self._leaf(holder, slot)
        elif is_container(word):
            if word not in self._ways:
                return self._container(holder, slot)
        else:
            self._immediate(holder, slot)
        return []

    def _immediate(self, holder: int, slot: Slot) -> None:
        try:
            if slot.word == ABSENT:
                raise ValueError("its word is 0, which is no value")
            if is_packed(slot.word) and not slot.is_key:
                raise ValueError("its word is one that only the keys of a table have")
            decode(self._heap, slot.word)
        except (PmemError, ValueError) as error:
            self._tell(holder, slot.step, None, error.why if isinstance(error, PmemError) else str(error))

    def _leaf(self, holder: int, slot: Slot) -> None:
        offset = slot.word & ~TAG_MASK
        head = self._header(holder, slot.step, offset, LEAF_KINDS, "value")
        if not head:
            return
        kind, size = Kind(kind_of(head)), head >> 16
        self._own(holder, slot.step, offset)
        if not self._allocated(holder, slot.step, offset, kind, WORD + size):
            return
        payload = self._heap.read_bytes(offset + WORD, size)
        try:
            _try_payload(kind, payload)
        except TimeZoneNotFoundError as error:
            self._tell(holder, slot.step, offset, error.why, INFORMATION)
        except Exception as error:
            why = error.why if isinstance(error, PmemError) else error
            self._tell(holder, slot.step, offset, f"its {kind.name.lower()} cannot be decoded ({why})")

    def _container(self, holder: int, slot: Slot) -> list[Slot]:
        offset = slot.word
        head = self._header(holder, slot.step, offset, CONTAINER_KINDS, "object")
        if not head:
            return []
        self._ways[offset] = (holder, slot.step)
        self.objects += 1
        if self._tell_progress is not None and self.objects % REPORT_EVERY == 0:
            self._tell_progress(len(self._ways) + len(self._owners))
        kind = Kind(kind_of(head))
        if kind not in READERS:
            self._tell(holder, slot.step, offset, f"objects of kind {kind.name} are not examined", INFORMATION)
            return []
        size, read = READERS[kind]
        if not self._allocated(holder, slot.step, offset, kind, size):
            return []
        try:
            return read(self, offset)
        except PmemError as error:
            self._tell(holder, slot.step, offset, error.why)
            return []

    def _header(self, holder: int, step: str, offset: int, kinds: frozenset[Kind], what: str) -> int:
        """The header word at an offset, or 0 where there is none of these kinds."""
        if not self.is_place(offset):
            self._tell(holder, step, offset, "leads out of the pool")
            return 0
        head = self._heap.read(offset)
        if kind_of(head) not in kinds:
            self._tell(holder, step, offset, f"there is no {what} where it leads to")
            return 0
        return head

    # ---- memory ----------------------------------------------------------------------------------

    def _allocation(self, offset: int) -> tuple[int, int]:
        """Usable size and kind of the allocation at an offset; 0 and 0 where there is none."""
        if self._allocations is None:
            return self._heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE, self._heap.read(offset - WORD) & 0xFF
        return self._allocations.get(offset, (0, 0))

    def _allocated(self, holder: int, step: str, offset: int, kind: Kind, size: int) -> bool:
        """Whether the allocation at an offset is one of this kind, with room for `size` bytes."""
        usable, found_kind = self._allocation(offset)
        if not usable:
            self._tell(holder, step, offset, f"its {kind.name} lies in memory that is not allocated")
            return False
        if found_kind != kind:
            self._tell(holder, step, offset, f"the memory of its {kind.name} was allocated for kind {found_kind}")
        return self._fits(holder, step, offset, kind, size)

    def _fits(self, holder: int, step: str, offset: int, kind: Kind, size: int) -> bool:
        usable, _ = self._allocation(offset)
        if size > usable or offset + size > self._heap.limit:
            self._tell(holder, step, offset, f"its {kind.name} takes {size} bytes, and has {usable}")
            return False
        return True

    def _own(self, holder: int, step: str, offset: int) -> None:
        if offset in self._owners:
            other = self._path(self._owners[offset], "") or "the root"
            self._tell(holder, step, offset, f"the memory belongs to a slot of {other} as well")
        self._owners[offset] = holder

    def body(self, offset: int, body: int, kind: Kind, size: int) -> bool:
        """Whether the object at `offset` has a body of this kind and size at `body`."""
        if not self.is_place(body):
            self.say(offset, f"its {kind.name} at {body:#x} is outside the pool")
            return False
        self._own(offset, "", body)
        return self._allocated(offset, "", body, kind, size)

    def body_fits(self, offset: int, body: int, kind: Kind, size: int) -> bool:
        """Whether a body that the object has, as `body` said, has room for `size` bytes."""
        return self._fits(offset, "", body, kind, size)

    def has_room(self, offset: int, size: int) -> bool:
        """Whether the object at `offset` has room for `size` bytes, its header included."""
        return self._fits(offset, "", offset, Kind(kind_of(self._heap.read(offset))), size)

    def is_place(self, offset: int) -> bool:
        """Whether an allocation may begin at an offset."""
        return offset % ALIGNMENT == 0 and ALLOCATION_HEADER_SIZE <= offset <= self._heap.limit - WORD

    def say(self, offset: int, text: str) -> None:
        """A finding about the object at `offset`."""
        self._tell(offset, "", offset, text)

    @property
    def heap(self) -> Heap:
        """The pool that is examined."""
        return self._heap

    def attributes(self, number: int) -> list[str] | None:
        """The attribute names of a class; None if the pool has no such class."""
        return self._names[number] if number < len(self._names) else None

    def fields(self, number: int) -> bytes | None:
        """The list of the fields of a class; None if the pool has no such class of objects with fields."""
        return self._fields.get(number)

    # ---- the whole -------------------------------------------------------------------------------

    def _overlaps(self) -> Iterator[Finding]:
        end, last = 0, 0
        for offset in sorted(self._allocations or ()):
            if offset - ALLOCATION_HEADER_SIZE < end:
                yield Finding(ERROR, "memory", offset, f"an allocation begins inside that at {last:#x}")
            assert self._allocations is not None
            end, last = offset + self._allocations[offset][0], offset
        if end > self._heap.limit:
            yield Finding(ERROR, "memory", last, "an allocation reaches beyond the end of the pool")

    def _class_table(self) -> Iterator[Finding]:
        """Read the class names, once it is known that the table can be followed."""
        word = self._heap.read(self._heap.root_offset + ROOT_CLASSES)
        if word == WORD_NONE:
            return
        seen: set[Any] = set()
        for number, record in enumerate(self._texts(word)):
            where = f"classes[{number}]"
            texts = [self._text(each) for each in self._texts(record)]
            fields = texts.pop() if len(texts) == 2 and isinstance(texts[1], bytes) else None
            if not texts or not all(isinstance(text, str) for text in texts):
                yield Finding(ERROR, where, None, "it is no list of a class name and attribute names")
                self._names.append([])
                continue
            name, *attributes = texts
            module, colon, qualname = name.partition(":")
            if not (colon and module and qualname):
                yield Finding(ERROR, where, None, f"{name!r} is no name of a class, as in module:Class")
            if (name, fields) in seen or len(set(attributes)) != len(attributes):
                yield Finding(ERROR, where, None, f"a name occurs twice in {[name, *attributes]}")
            seen.add((name, fields))
            if fields is not None:
                try:
                    parse(fields)
                    self._fields[number] = fields
                except ValueError:
                    yield Finding(ERROR, where, None, f"{fields[:40]!r} is no list of fields")
            self._names.append(attributes)

    def _texts(self, word: int) -> list[int]:
        """The words of a list; nothing where it cannot be read."""
        try:
            if is_container(word) and kind_of(self._heap.read(word)) == Kind.LIST:
                length, capacity, items = self._heap.read_words(word + WORD, 3)
                if length <= capacity <= self._heap.limit and self.is_place(items):
                    return self._heap.read_words(items, length)
        except PmemError:
            pass
        return []

    def _text(self, word: int) -> Any:
        try:
            return None if is_container(word) else decode(self._heap, word)
        except PmemError:
            return None

    def _unreachable(self) -> Iterator[Finding]:
        reached = self._ways.keys() | self._owners.keys()
        lost = [at for at in self._allocations or () if at not in reached]
        if lost and self._allocations is not None:
            size = sum(self._allocations[at][0] for at in lost)
            yield Finding(
                INFORMATION, "memory", None, f"nothing refers to {len(lost)} allocations of {size} bytes; gc frees them"
            )


def examine(heap: Heap, path: str, progress: Progress | None) -> Report:
    """Everything that is wrong in an open pool, outside a transaction; see `PersistentObjectPool.check`.

    Raises:
        TransactionError: a transaction is open in this thread.
    """
    if heap.in_transaction():
        raise TransactionError(f"check {heap.name}", "a transaction is open", "commit or abort it first")
    with heap.lock:
        heap.read(heap.root_offset)
        try:
            allocations = heap.allocations()
            tell = reporter(heap, progress, "checking")
        except PoolDamagedError as error:
            return Report(path, (Finding(ERROR, "heap", None, error.why),), 0)
        examination = Examination(heap, allocations, tell)
        findings = tuple(examination.run())
        if tell is not None:
            tell(len(allocations))
    return Report(path, findings, examination.objects)


def _try_payload(kind: int, payload: bytes, depth: int = 1) -> None:
    """Decode a payload as far as that runs no code of a program; whatever is raised is said."""
    if kind == Kind.PICKLE:
        for _ in pickletools.genops(payload):
            pass
    elif kind == Kind.KEY_TUPLE:
        if depth > MAX_DEPTH:
            raise ValueError(f"tuples lie more than {MAX_DEPTH} deep in one another")
        for part, item in split_parts(payload):
            if part:
                _try_payload(part, item, depth + 1)
    else:
        value_of(kind, payload)
