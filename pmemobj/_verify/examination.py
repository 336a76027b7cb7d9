"""Finds everything that is wrong in a pool, and says where: the work behind `pmemobj.check`.

An examination follows the bytes as `_format` describes them, from the root. It has readers of its own for each kind
(`kind_readers`), since the readers of the containers stop at the first thing that is wrong. The findings are yielded
one by one: a damaged pool may kill the process that examines it, and what was found before must not be lost.
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
    ATTRIBUTES_SIZE,
    CONTAINER_KINDS,
    DERIVABLE_KINDS,
    LEAF_KINDS,
    ROOT_CLASSES,
    ROOT_VALUE,
    SIZES_WITHOUT_ATTRIBUTES,
    TAG_MASK,
    WORD,
    WORD_NONE,
    Kind,
    kind_of,
    record_number,
)
from pmemobj._objects.fields import parse
from pmemobj._objects.gc import REPORT_EVERY, reporter
from pmemobj._progress import Progress, demand_progress
from pmemobj._public_names import public_in
from pmemobj._values.leaves import value_of
from pmemobj._values.plain_containers import MAX_DEPTH, split_parts
from pmemobj._values.words import decode, is_container, is_leaf, is_packed
from pmemobj._verify.kind_readers import READERS, Reference, read_attributes
from pmemobj.errors import PmemError, PoolDamagedError, TimeZoneNotFoundError, TransactionError

ERROR, INFORMATION = "error", "information"


@public_in("pmemobj")
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        severity: ``"error"``, or ``"information"`` for what is worth knowing and no damage.
        path: Where it is, as a program would reach it from the root; or which region of the file.
        offset: Where it is, in bytes from the start of the file; None where it has no offset.
        text: What is wrong, or worth knowing.
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
        objects: How many shared objects can be reached, as far as they could be counted: those of the program, and
            the lists in which the pool records its classes and their attributes.
    """

    path: str
    findings: tuple[Finding, ...]
    objects: int

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that report damage."""
        return tuple(finding for finding in self.findings if finding.severity == ERROR)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; there may still be findings that are information."""
        return not self.errors

    def __str__(self) -> str:
        if self.ok:
            verdict = f"nothing wrong in {self.objects} objects (the pool's own lists of classes included)"
        else:
            verdict = f"{len(self.errors)} errors" if len(self.errors) > 1 else "1 error"
        return "\n".join([f"{self.path}: {verdict}", *(f"  {finding}" for finding in self.findings)])


class Examination:
    """One examination of a pool.

    Args:
        heap: An open pool, or an image of one.
        allocations: The offset, usable size and kind of every allocation; None on an image, where each allocation is
            judged by the header that libpmemobj puts before it.
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
        #: The object from which each object was first reached, and by which step; 0 where the root slots lead to it.
        self._ways: dict[int, tuple[int, str]] = {}
        #: The object that owns each leaf or body.
        self._owners: dict[int, int] = {}
        self._names: list[list[str]] = []
        #: The fields of each class that has fields, as text that can be parsed.
        self._fields: dict[int, bytes] = {}
        self.objects = 0

    def run(self) -> Iterator[Finding]:
        """Examine the pool; yields each finding as soon as there is one."""
        yield from self._overlaps()
        root = self._heap.root_offset
        # The class table comes first, since it names the attributes of objects.
        for step, at in (("classes", ROOT_CLASSES), ("root", ROOT_VALUE)):
            waiting = [(0, Reference(step, self._heap.read(root + at)))]
            while waiting:
                holder, reference = waiting.pop()
                for child in self._follow(holder, reference):
                    waiting.append((reference.word, child))
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

    def _follow(self, holder: int, reference: Reference) -> list[Reference]:
        """Judge a value word; returns the references of the object that it leads to, if that was not reached before."""
        word = reference.word
        if is_leaf(word):
            self._leaf(holder, reference)
        elif is_container(word):
            if word not in self._ways:
                return self._container(holder, reference)
        else:
            self._immediate(holder, reference)
        return []

    def _immediate(self, holder: int, reference: Reference) -> None:
        try:
            if reference.word == ABSENT:
                raise ValueError("its word is 0, which is no value")
            if is_packed(reference.word) and not reference.is_key:
                raise ValueError("its word is one that only the keys of a table have")
            decode(self._heap, reference.word)
        except (PmemError, ValueError) as error:
            self._tell(holder, reference.step, None, error.why if isinstance(error, PmemError) else str(error))

    def _leaf(self, holder: int, reference: Reference) -> None:
        offset = reference.word & ~TAG_MASK
        head = self._header(holder, reference.step, offset, LEAF_KINDS, "value")
        if not head:
            return
        kind, size = Kind(kind_of(head)), head >> 16
        self._own(holder, reference.step, offset)
        if not self._allocated(holder, reference.step, offset, kind, WORD + size):
            return
        payload = self._heap.read_bytes(offset + WORD, size)
        try:
            _try_payload(kind, payload)
        except TimeZoneNotFoundError as error:
            self._tell(holder, reference.step, offset, error.why, INFORMATION)
        except Exception as error:
            why = error.why if isinstance(error, PmemError) else error
            self._tell(holder, reference.step, offset, f"its {kind.name.lower()} cannot be decoded ({why})")

    def _container(self, holder: int, reference: Reference) -> list[Reference]:
        offset = reference.word
        head = self._header(holder, reference.step, offset, CONTAINER_KINDS, "object")
        if not head:
            return []
        self._ways[offset] = (holder, reference.step)
        self.objects += 1
        if self._tell_progress is not None and self.objects % REPORT_EVERY == 0:
            self._tell_progress(len(self._ways) + len(self._owners))
        kind = Kind(kind_of(head))
        if kind not in READERS:
            self._tell(holder, reference.step, offset, f"objects of kind {kind.name} are not examined", INFORMATION)
            return []
        size, read = READERS[kind]
        is_own = kind in DERIVABLE_KINDS and record_number(head) >= 0
        place = size if is_own and kind in SIZES_WITHOUT_ATTRIBUTES else 0
        if place:
            size += ATTRIBUTES_SIZE
        if not self._allocated(holder, reference.step, offset, kind, size):
            return []
        try:
            return [*read(self, offset), *(read_attributes(self, offset, place and offset + place) if is_own else ())]
        except PmemError as error:
            self._tell(holder, reference.step, offset, error.why)
            return []

    def _header(self, holder: int, step: str, offset: int, kinds: frozenset[Kind], what: str) -> int:
        """The header word at an offset; 0, and a finding, where no header of these kinds is."""
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
        """The usable size and the kind of the allocation at an offset; 0 and 0 where no allocation begins there."""
        if self._allocations is None:
            return self._heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE, self._heap.read(offset - WORD) & 0xFF
        return self._allocations.get(offset, (0, 0))

    def _allocated(self, holder: int, step: str, offset: int, kind: Kind, size: int) -> bool:
        """Whether an allocation with room for `size` bytes is at an offset; a wrong kind is only reported."""
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
        """Whether a body that `body` has accepted has room for `size` bytes."""
        return self._fits(offset, "", body, kind, size)

    def has_room(self, offset: int, size: int) -> bool:
        """Whether the allocation of the object at `offset` has room for `size` bytes, its header included."""
        return self._fits(offset, "", offset, Kind(kind_of(self._heap.read(offset))), size)

    def is_place(self, offset: int) -> bool:
        """Whether an allocation may begin at an offset."""
        return offset % ALIGNMENT == 0 and ALLOCATION_HEADER_SIZE <= offset <= self._heap.limit - WORD

    def say(self, offset: int, text: str) -> None:
        """Report an error in the object at `offset`."""
        self._tell(offset, "", offset, text)

    @property
    def heap(self) -> Heap:
        """The pool that is examined."""
        return self._heap

    def attributes(self, number: int) -> list[str] | None:
        """The attribute names of a class; None if the pool has no such class."""
        return self._names[number] if number < len(self._names) else None

    def fields(self, number: int) -> bytes | None:
        """The list of the fields of a class; None if the pool has no class with fields of that number."""
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
        """Read the names of classes and attributes, after the lists that hold them have been examined."""
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
        """The words of a list; empty where the list cannot be read."""
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
    """Find everything that is wrong in an open pool, outside a transaction; see `PersistentObjectPool.check`.

    Raises:
        TransactionError: a transaction is open in this thread.
    """
    demand_progress(f"check {heap.name}", progress)
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
    """Decode a payload as far as this is possible without running code of a program.

    Raises:
        Exception: the payload cannot be decoded; the caller reports it.
    """
    if kind == Kind.PICKLE:
        for _ in pickletools.genops(payload):
            pass
    elif kind == Kind.PLAIN_CONTAINER:
        if depth > MAX_DEPTH:
            raise ValueError(f"tuples lie more than {MAX_DEPTH} deep in one another")
        for part, item in split_parts(payload)[1]:
            if part:
                _try_payload(part, item, depth + 1)
    else:
        value_of(kind, payload)
