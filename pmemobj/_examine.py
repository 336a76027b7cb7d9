"""Finds everything that is wrong in a pool, and says where: the work behind `pmemobj.check`.

It follows the bytes as `_layout` describes them, with readers of its own for each kind, since those
of the containers stop at the first thing that is wrong. What it says is a stream of `Finding`,
given away one by one: the process that examines may die of the pool, and what it had found by
then should not die with it.

A new kind of container is a reader in `_READERS`; a kind without one is named as information.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pmemobj._hashes import stored_hash
from pmemobj._heap import Heap
from pmemobj._layout import (
    ABSENT,
    ALIGNMENT,
    ALLOCATION_HEADER_SIZE,
    CONTAINER_KINDS,
    DICT_SIZE,
    ENTRY_SIZE,
    LEAF_KINDS,
    LIST_SIZE,
    OBJECT_SIZE,
    ROOT_CLASSES,
    ROOT_VALUE,
    TABLE_ENTRIES,
    TAG_MASK,
    WORD,
    WORD_NONE,
    Kind,
    class_number,
    kind_of,
)
from pmemobj._leaves import DECODERS
from pmemobj._values import decode, describe, is_container, is_leaf
from pmemobj.errors import PmemError

#: Leaves whose hash follows from the value alone.
_PLAIN_KEYS = (Kind.STR, Kind.BYTES, Kind.INT)

ERROR, INFORMATION = "error", "information"


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


@dataclass(frozen=True, slots=True)
class _Slot:
    """A value word and the step that leads to it."""

    step: str
    word: int


class Examination:
    """One examination of a pool.

    Args:
        heap: An open pool, or an image of one.
        allocations: Offset, usable size and kind of every allocation; None on an image, where each
            is judged by the header that libpmemobj puts before it.

    Attributes:
        objects: How many shared objects have been reached so far.
    """

    def __init__(self, heap: Heap, allocations: list[tuple[int, int, int]] | None) -> None:
        self._heap = heap
        self._allocations = None if allocations is None else {at: (size, kind) for at, size, kind in allocations}
        self._found: list[Finding] = []
        #: From where each object was first reached, and by which step; 0 for what has no object above it.
        self._ways: dict[int, tuple[int, str]] = {}
        #: The object whose leaf or body an allocation is.
        self._owners: dict[int, int] = {}
        self._names: list[list[str]] = []
        self.objects = 0

    def run(self) -> Iterator[Finding]:
        """Examine; the findings as they come."""
        yield from self._overlaps()
        root = self._heap.root_offset
        # The class table first: the attributes of objects are named by it.
        for step, at in (("classes", ROOT_CLASSES), ("root", ROOT_VALUE)):
            waiting = [(0, _Slot(step, self._heap.read(root + at)))]
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

    def _follow(self, holder: int, slot: _Slot) -> list[_Slot]:
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

    def _immediate(self, holder: int, slot: _Slot) -> None:
        try:
            if slot.word == ABSENT:
                raise ValueError("its word is 0, which is no value")
            decode(self._heap, slot.word)
        except (PmemError, ValueError) as error:
            self._tell(holder, slot.step, None, error.why if isinstance(error, PmemError) else str(error))

    def _leaf(self, holder: int, slot: _Slot) -> None:
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
            if kind == Kind.PICKLE:
                for _ in pickletools.genops(payload):
                    pass
            elif kind in DECODERS:
                DECODERS[kind](payload)
        except Exception as error:
            self._tell(holder, slot.step, offset, f"its {kind.name.lower()} cannot be decoded ({error})")

    def _container(self, holder: int, slot: _Slot) -> list[_Slot]:
        offset = slot.word
        head = self._header(holder, slot.step, offset, CONTAINER_KINDS, "object")
        if not head:
            return []
        self._ways[offset] = (holder, slot.step)
        self.objects += 1
        kind = Kind(kind_of(head))
        if kind not in _READERS:
            self._tell(holder, slot.step, offset, f"objects of kind {kind.name} are not examined", INFORMATION)
            return []
        size, read = _READERS[kind]
        if not self._allocated(holder, slot.step, offset, kind, size):
            return []
        try:
            return read(self, offset)
        except PmemError as error:
            self._tell(holder, slot.step, offset, error.why)
            return []

    def _header(self, holder: int, step: str, offset: int, kinds: frozenset[Kind], what: str) -> int:
        """The header word at an offset, or 0 where there is none of these kinds."""
        if offset % ALIGNMENT or not ALLOCATION_HEADER_SIZE <= offset <= self._heap.limit - WORD:
            self._tell(holder, step, offset, "leads out of the pool")
            return 0
        head = self._heap.read(offset)
        if kind_of(head) not in kinds:
            self._tell(holder, step, offset, f"there is no {what} where it leads to")
            return 0
        return head

    # ---- memory ----------------------------------------------------------------------------------

    def _allocated(self, holder: int, step: str, offset: int, kind: Kind, size: int) -> bool:
        """Whether the allocation at an offset is one of this kind, with room for `size` bytes."""
        if self._allocations is None:
            usable = self._heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
            found_kind = self._heap.read(offset - WORD) & 0xFF
        elif offset in self._allocations:
            usable, found_kind = self._allocations[offset]
        else:
            self._tell(holder, step, offset, f"its {kind.name} lies in memory that is not allocated")
            return False
        if found_kind != kind:
            self._tell(holder, step, offset, f"the memory of its {kind.name} was allocated for kind {found_kind}")
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
        if body % ALIGNMENT or not ALLOCATION_HEADER_SIZE <= body <= self._heap.limit - WORD:
            self.say(offset, f"its {kind.name} at {body:#x} is outside the pool")
            return False
        self._own(offset, "", body)
        return self._allocated(offset, "", body, kind, size)

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
            names = self._texts(record)
            if not names or not all(isinstance(decoded, str) for decoded in map(self._text, names)):
                yield Finding(ERROR, where, None, "it is no list of a class name and attribute names")
                self._names.append([])
                continue
            name, *attributes = [str(self._text(each)) for each in names]
            module, colon, qualname = name.partition(":")
            if not (colon and module and qualname):
                yield Finding(ERROR, where, None, f"{name!r} is no name of a class, as in module:Class")
            if name in seen or len(set(attributes)) != len(attributes):
                yield Finding(ERROR, where, None, f"a name occurs twice in {[name, *attributes]}")
            seen.add(name)
            self._names.append(attributes)

    def _texts(self, word: int) -> list[int]:
        """The words of a list; nothing where it cannot be read."""
        try:
            if is_container(word) and kind_of(self._heap.read(word)) == Kind.LIST:
                length, _, items = self._heap.read_words(word + WORD, 3)
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


# ---- one reader for each kind of container ---------------------------------------------------------


def _read_list(examination: Examination, offset: int) -> list[_Slot]:
    length, capacity, items = examination.heap.read_words(offset + WORD, 3)
    if length > capacity:
        examination.say(offset, f"its length {length} is beyond its capacity {capacity}")
        return []
    if not items and not capacity:
        return []
    if not examination.body(offset, items, Kind.LIST_ITEMS, WORD * capacity):
        return []
    return [_Slot(f"[{at}]", word) for at, word in enumerate(examination.heap.read_words(items, length))]


def _read_object(examination: Examination, offset: int) -> list[_Slot]:
    heap = examination.heap
    names = examination.attributes(class_number(heap.read(offset)))
    if names is None:
        examination.say(offset, f"the pool has no class with its number {class_number(heap.read(offset))}")
        names = []
    capacity, row = heap.read_words(offset + WORD, 2)
    if not row and not capacity:
        return []
    if not examination.body(offset, row, Kind.OBJECT_SLOTS, WORD * capacity):
        return []
    slots = []
    for slot, word in enumerate(heap.read_words(row, capacity)):
        if word != ABSENT:
            if slot >= len(names):
                examination.say(offset, f"its slot {slot} has a value and its class no name for it")
            slots.append(_Slot(f".{names[slot]}" if slot < len(names) else f".<slot {slot}>", word))
    return slots


def _read_dict(examination: Examination, offset: int) -> list[_Slot]:
    heap = examination.heap
    live, used, table = heap.read_words(offset + WORD, 3)
    if not table:
        if live or used:
            examination.say(offset, f"it counts {live} keys, and has no table")
        return []
    if not examination.body(offset, table, Kind.DICT_TABLE, TABLE_ENTRIES):
        return []
    slots, capacity = heap.read_words(table, 2)
    # Limits first, so that no size is computed from nonsense.
    if max(slots, capacity) > heap.limit or slots & (slots - 1) or not used <= capacity < slots:
        examination.say(offset, f"its table has {slots} slots for {capacity} entries, {used} of them used")
        return []
    index_at = TABLE_ENTRIES + ENTRY_SIZE * capacity
    room = heap.allocation_size(table) - ALLOCATION_HEADER_SIZE
    if index_at + 4 * slots > room:
        examination.say(offset, f"its table takes {index_at + 4 * slots} bytes, and has {room}")
        return []
    words = heap.read_words(table + TABLE_ENTRIES, 3 * used)
    entries = [words[at : at + 3] for at in range(0, len(words), 3)]
    index = memoryview(heap.read_bytes(table + index_at, 4 * slots)).cast("I").tolist()
    present = [number for number, entry in enumerate(entries, 1) if entry[1] != ABSENT]
    if len(present) != live:
        examination.say(offset, f"it counts {live} keys, and has {len(present)}")
    for problem in _index_problems(index, entries, present):
        examination.say(offset, problem)
    for number in present:
        key_hash, key, _ = entries[number - 1]
        if not _may_hash_to(heap, key, key_hash):
            examination.say(offset, f"entry {number - 1} has not the hash of its key {describe(heap, key, 24)}")
    found = []
    for number in present:
        _, key, value = entries[number - 1]
        label = describe(heap, key, 24)
        found.append(_Slot(f"<key {label}>", key))
        found.append(_Slot(f"[{label}]", value))
    return found


def _index_problems(index: list[int], entries: list[list[int]], present: list[int]) -> Iterator[str]:
    numbers = [number for number in index if number]
    if any(number > len(entries) for number in numbers):
        yield "its index names entries that it does not have"
    if len(set(numbers)) != len(numbers):
        yield "its index names an entry twice"
    lost = [number for number in present if not _is_found(index, entries[number - 1][0], number)]
    if lost:
        yield f"its index does not lead to {len(lost)} of its keys, the first of them entry {lost[0] - 1}"


def _is_found(index: list[int], key_hash: int, number: int) -> bool:
    """Whether the probing sequence that `_layout` names comes to an entry."""
    mask = len(index) - 1
    slot, perturb = key_hash & mask, key_hash
    for _ in range(len(index) + 13):
        if index[slot] in (0, number):
            return index[slot] == number
        perturb >>= 5
        slot = (slot * 5 + perturb + 1) & mask
    return False


def _may_hash_to(heap: Heap, key: int, key_hash: int) -> bool:
    """Whether an entry may have this hash; where the key alone does not tell, it may."""
    if is_container(key) or (is_leaf(key) and kind_of(heap.read(key & ~TAG_MASK)) not in _PLAIN_KEYS):
        return True
    try:
        return stored_hash(heap, decode(heap, key)) == key_hash
    except (PmemError, TypeError, UnicodeDecodeError):
        return True  # an undecodable key is a finding of its own


#: For each kind the bytes of the object itself, and what reads it.
_READERS: dict[int, tuple[int, Callable[[Examination, int], list[_Slot]]]] = {
    Kind.LIST: (LIST_SIZE, _read_list),
    Kind.DICT: (DICT_SIZE, _read_dict),
    Kind.OBJECT: (OBJECT_SIZE, _read_object),
}
