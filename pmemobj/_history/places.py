"""Finds out which slot of which object a word of the pool is: ``root['tries']``, ``[3]``, ``.name``.

Nothing in a pool leads from a word back to the object that has it. But a program has a handle of each object that it
changes, so a `WordFinder` searches the objects that have handles. How an object is reached from the root is found by
walking from the root (`paths`).

This module trusts nothing that it reads; a word that makes no sense gets no name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pmemobj._containers.base import kind_at
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_TYPE,
    DICT_DELETED,
    DICT_TABLE,
    DICT_USED,
    ENTRY_HASH,
    ENTRY_KEY,
    ENTRY_SIZE,
    EXTENSION_BODY,
    IMMUTABLE_KINDS,
    ROOT_CLASSES,
    ROOT_SIZE,
    ROOT_STATE,
    ROOT_VALUE,
    SET_ENTRY_SIZE,
    STATE_CLEAN,
    STATE_JOURNAL,
    STATE_JOURNAL_MASK,
    STATE_OPEN,
    STATE_SUSPENDED,
    TABLE_CAPACITY,
    TABLE_ENTRIES,
    TUPLE_ITEMS,
    WORD,
    Kind,
    kind_of,
    record_number,
)
from pmemobj._hashtable.key_texts import texts_at
from pmemobj._objects.blocks import Anchor
from pmemobj._objects.fields import fields_at
from pmemobj._objects.own_containers import where_slots_are
from pmemobj._values.words import describe, is_container
from pmemobj.errors import PmemError

__all__ = ["CLASS_TABLE", "Spot", "WordFinder", "kind_text", "paths", "word_text"]

#: With more handles than this, the object that has a word is not searched for.
_MOST_HANDLES = 2000
#: The search for paths visits at most this many objects.
_MOST_VISITED = 5000
#: It looks at no more than this many entries of each object, and of all objects together.
_MOST_ENTRIES, _MOST_OF_ALL = 1000, 20_000

#: The roles of words: a value of the program, a number of the object itself, the state of the pool, or something else.
VALUE, NUMBER, STATE, OTHER = "value", "number", "state", "other"
_STATES = {STATE_CLEAN: "closed", STATE_OPEN: "open", STATE_SUSPENDED: "suspended"}

#: What to call the list of classes and its records, which are no objects of the program.
CLASS_TABLE = "class table"

_BODY_TEXTS = {
    Kind.LIST_ITEMS: "items of a list",
    Kind.DEQUE_ITEMS: "items of a deque",
    Kind.DICT_TABLE: "table of a dict",
    Kind.OBJECT_SLOTS: "slots of an object",
    Kind.SET_TABLE: "table of a set",
    Kind.BYTEARRAY_DATA: "data of a bytearray",
    Kind.ARRAY_DATA: "data of an array",
    Kind.BLOCK_WORDS: "block",
    Kind.BLOCK_BYTES: "block",
    Kind.PLAIN_CONTAINER: "tuple",
}
#: The fixed words of containers, by kind and offset.
_FIELDS = {
    Kind.LIST: {8: "length", 16: "capacity", 24: "place of the items"},
    Kind.DEQUE: {8: "state (number of items, and the first)", 16: "capacity", 24: "place of the items", 32: "maxlen"},
    Kind.DICT: {DICT_DELETED: "number of deleted keys", DICT_USED: "number of keys", DICT_TABLE: "place of the table"},
    Kind.SET: {DICT_DELETED: "number of deleted items", DICT_USED: "number of items", DICT_TABLE: "place of the table"},
    Kind.TUPLE: {8: "length"},
    Kind.FROZENSET: {8: "number of items"},
    Kind.OBJECT: {8: "capacity", 16: "place of the slots"},
    Kind.BYTEARRAY: {8: "length in bytes", 16: "capacity", 24: "place of the data"},
    Kind.ARRAY: {8: "length in bytes", 16: "capacity", 24: "place of the data", 32: "type code", 40: "shape"},
}


@dataclass(frozen=True, slots=True)
class Spot:
    """A word of the pool, described by the object that has it.

    Attributes:
        owner: The offset of the object; 0 for the pool's own root object.
        head: The header of the object, which distinguishes it from a later object at the same offset.
        type: The name of the object's type.
        slot: What the word is in the object: ``[3]``, ``['tries']``, ``.name``, ``length``; empty if that is not known.
        role: What the word is for: ``value``, ``number``, ``state`` or ``other``.
        unused: Whether the word means nothing until another word (a count) includes it.
    """

    owner: int
    head: int
    type: str
    slot: str
    role: str = OTHER
    unused: bool = False

    def text(self, name: str = "") -> str:
        """The spot in words, with the path of the object if there is one: ``root['guesses'][2]``."""
        if not self.owner:
            return self.slot
        if self.slot.startswith(("[", ".")):
            return f"{name or self.type}{self.slot}"
        return f"{name or self.type}: {self.slot}" if self.slot else name or self.type


class WordFinder:
    """Finds the objects that words belong to, in one open heap: those with a handle.

    Args:
        heap: The heap.
        more: The offsets of further objects in which to look.
    """

    def __init__(self, heap: Heap, more: Iterable[int] = ()) -> None:
        self._heap, self._more = heap, list(more)
        #: Of each allocation: its begin and end, the offset of its object, and the object's header.
        self._regions: list[tuple[int, int, int, int]] = []
        self._starts: list[int] = []

    def find(self, at: int) -> Spot | None:
        """The spot of the word at `at`, if one of the objects in which it looks has it."""
        heap = self._heap
        if heap.root_offset <= at < heap.root_offset + ROOT_SIZE:
            slot, role = _ROOT_SLOTS.get(at - heap.root_offset, ("header of the pool", OTHER))
            return Spot(0, 0, "pool", slot, role)
        region = self._region(at)
        if region is None:
            self._search_handles()
            region = self._region(at)
        return None if region is None else self._spot(region[2], region[3], region[0], at)

    def _region(self, at: int) -> tuple[int, int, int, int] | None:
        index = bisect_right(self._starts, at) - 1
        if index < 0:
            return None
        region = self._regions[index]
        start, end, owner, head = region
        try:
            if at >= end or self._heap.read(owner) != head:
                return None
            is_its_own = start == owner or start in kind_at(self._heap, owner)._p_bodies(self._heap, owner)
        except PmemError:
            return None
        return region if is_its_own else None

    def _search_handles(self) -> None:
        heap = self._heap
        regions = []
        for offset in {*self._class_table(), *self._handled(), *self._more}:
            try:
                head = heap.read(offset)
                for start in (offset, *kind_at(heap, offset)._p_bodies(heap, offset)):
                    end = start + heap.allocation_size(start) - ALLOCATION_HEADER_SIZE
                    regions.append((start, end, offset, head))
            except PmemError:
                continue
        self._regions = sorted(regions)
        self._starts = [region[0] for region in self._regions]

    def _handled(self) -> list[int]:
        live = [handle for handle in self._heap.handles.live() if not isinstance(handle, Anchor)]
        return [handle._p_offset for handle in live] if len(live) <= _MOST_HANDLES else []

    def _class_table(self) -> list[int]:
        """The offsets of the list of classes and of its first hundred records."""
        heap = self._heap
        try:
            table = heap.read(heap.root_offset + ROOT_CLASSES)
            if not is_container(table):
                return []
            return [
                table,
                *[word for word in list(kind_at(heap, table)._p_words(heap, table))[:100] if is_container(word)],
            ]
        except PmemError:
            return []

    def _spot(self, owner: int, head: int, area: int, at: int) -> Spot:
        heap = self._heap
        slot, role, unused = "", OTHER, False
        try:
            type_name = kind_at(heap, owner)._p_type_name(heap, owner)
            slot, role, unused = _slot(heap, owner, area, at)
        except (PmemError, ValueError, IndexError):
            type_name = "damaged object"
        if owner in self._class_table():
            type_name = CLASS_TABLE
        return Spot(owner, head, type_name, slot, role, unused)


_ROOT_SLOTS = {
    ROOT_STATE: ("state of the pool", STATE),
    ROOT_VALUE: ("root", VALUE),
    ROOT_CLASSES: (CLASS_TABLE, OTHER),
}


def _slot(heap: Heap, owner: int, area: int, at: int) -> tuple[str, str, bool]:
    """What the word at `at` is in the object at `owner`, in whose allocation at `area` it lies: slot, role, unused."""
    kind = Kind(kind_of(heap.read(owner)))
    inside = at - area
    if kind in IMMUTABLE_KINDS and inside >= TUPLE_ITEMS:
        return f"[{(inside - TUPLE_ITEMS) // WORD}]" if kind is Kind.TUPLE else " (item)", VALUE, False
    if kind is Kind.EXTENSION:
        return _slot_of_fields(heap, owner, area, at)
    if _holds_attributes(heap, owner, area, at):
        slots = heap.types.layout(record_number(heap.read(owner))).slots
        return (f".{list(slots)[inside // WORD]}", VALUE, False) if area != owner else ("attributes", OTHER, False)
    if area == owner:
        text = _FIELDS[kind].get(inside, "header") if kind in _FIELDS else ""
        is_number = text.startswith(("length", "number"))
        return text, NUMBER if is_number else OTHER, False
    if kind is Kind.LIST:
        index = inside // WORD
        return f"[{index}]", VALUE, index >= heap.read(owner + WORD)
    if kind is Kind.DEQUE:
        state, capacity = heap.read_words(owner + WORD, 2)
        number = (inside // WORD - (state >> 32)) % max(capacity, 1)
        return f"[{number}]", VALUE, number >= state & 0xFFFFFFFF
    if kind in (Kind.DICT, Kind.SET):
        return _slot_of_table(heap, owner, area, inside, ENTRY_SIZE if kind is Kind.DICT else SET_ENTRY_SIZE)
    return f"bytes {inside} to {inside + WORD - 1} of the data", OTHER, False


def _holds_attributes(heap: Heap, owner: int, area: int, at: int) -> bool:
    """Whether a word is an attribute of the object at `owner`, or leads to its attributes."""
    if kind_of(heap.read(owner)) == Kind.OBJECT:
        return area != owner
    if record_number(heap.read(owner)) < 0:
        return False
    place = where_slots_are(heap, owner)
    return bool(place) and (at >= place if area == owner else area == heap.read(place + WORD))


def _slot_of_table(heap: Heap, owner: int, table: int, inside: int, width: int) -> tuple[str, str, bool]:
    entry, rest = divmod(inside - TABLE_ENTRIES, width)
    if inside < TABLE_ENTRIES:
        return "size of the table", OTHER, False
    if entry >= heap.read(table + TABLE_CAPACITY):
        return ("index" if table + inside < texts_at(heap, table, width) else "text of a key"), OTHER, True
    unused = entry >= heap.read(owner + DICT_USED)
    key = heap.read(table + TABLE_ENTRIES + width * entry + ENTRY_KEY)
    name = "a deleted entry" if key == ABSENT else value_text(heap, key, 24)
    if unused:
        return "a new entry", OTHER, True
    if rest == ENTRY_HASH:
        return f"hash of {name}", OTHER, False
    if rest == ENTRY_KEY:
        return f"item {name}" if width == SET_ENTRY_SIZE else f"key {name}", OTHER, False
    return (f"[{name}]", VALUE, False) if key != ABSENT else (f"value of {name}", OTHER, False)


def _slot_of_fields(heap: Heap, owner: int, area: int, at: int) -> tuple[str, str, bool]:
    fields = fields_at(heap, owner)
    inside = at - owner - EXTENSION_BODY
    if area != owner:
        blocks = heap.read_words(owner + EXTENSION_BODY + WORD * fields.values, fields.blocks)
        number = blocks.index(area)
        name = next(name for name, (code, place) in fields.places.items() if code == "block" and place == number)
        return f"block .{name}", OTHER, False
    if inside < 0:
        return "header", OTHER, False
    for name, (code, place) in fields.places.items():
        if code == "value" and inside == WORD * place:
            return f".{name}", VALUE, False
        if code == "block" and inside == WORD * (fields.values + place):
            return f"place of the block .{name}", OTHER, False
    raw = inside - WORD * (fields.values + fields.blocks)
    names = [name for name, (code, place) in fields.places.items() if len(code) == 1 and raw <= place < raw + WORD]
    return ", ".join(f".{name}" for name in names) or "numbers", OTHER, False


def word_text(heap: Heap, role: str, word: int) -> str:
    """The text of a word that has a role."""
    if role == VALUE:
        return value_text(heap, word)
    if role == STATE and word & STATE_JOURNAL_MASK == STATE_JOURNAL:
        return "open, with a journal"
    return _STATES.get(word, "unknown") if role == STATE else str(word)


def value_text(heap: Heap, word: int, limit: int = 40) -> str:
    """The value of a word as a short text; an object is described by its type."""
    if not is_container(word):
        return describe(heap, word, limit)
    try:
        return kind_at(heap, word)._p_type_name(heap, word)
    except PmemError:
        return "damaged"


def kind_text(heap: Heap, offset: int) -> str:
    """What the allocation at `offset` is: ``str``, ``PersistentList``, ``table of a dict``."""
    kind = heap.read(offset - ALLOCATION_TYPE)
    if kind in _BODY_TEXTS:
        return _BODY_TEXTS[Kind(kind)]
    if kind < Kind.LIST:
        return Kind(kind).name.lower() if kind in set(Kind) else "memory"
    try:
        return kind_at(heap, offset)._p_type_name(heap, offset)
    except PmemError:
        return _FRESH_TEXTS[Kind(kind)] if kind in _FRESH_TEXTS else "object"


#: What to call an object whose memory is not filled yet.
_FRESH_TEXTS = {
    Kind.LIST: "PersistentList",
    Kind.DEQUE: "PersistentDeque",
    Kind.DICT: "PersistentDict",
    Kind.SET: "PersistentSet",
    Kind.TUPLE: "PersistentTuple",
    Kind.FROZENSET: "PersistentFrozenSet",
    Kind.BYTEARRAY: "PersistentByteArray",
    Kind.ARRAY: "PersistentArray",
}


def paths(heap: Heap, wanted: Iterable[int]) -> dict[int, str]:
    """How the objects at these offsets are reached from the root: ``root['guesses']``; unreachable ones are left out.

    Cost: visits the objects nearest to the root first, up to some thousands of them.
    """
    missing = set(wanted)
    found: dict[int, str] = {}
    for offset, path in nearest(heap) if missing else ():
        if offset in missing:
            found[offset] = path
            missing.discard(offset)
            if not missing:
                break
    return found


def nearest(heap: Heap) -> Iterator[tuple[int, str]]:
    """The offsets of the objects that the root reaches, and how it does, the nearest first, up to some thousands."""
    try:
        start = heap.read(heap.root_offset + ROOT_VALUE)
    except PmemError:
        return
    waiting = deque([(start, "root")] if is_container(start) else [])
    seen = {start}
    visited = looked_at = 0
    while waiting and visited < _MOST_VISITED and looked_at < _MOST_OF_ALL:
        visited += 1
        offset, path = waiting.popleft()
        yield offset, path
        try:
            kind = kind_of(heap.read(offset))
            _, entries = kind_at(heap, offset)._p_entries(heap, offset, _MOST_ENTRIES)
        except PmemError:
            continue
        looked_at += len(entries)
        for label, _, word in entries:
            if is_container(word) and word not in seen:
                seen.add(word)
                waiting.append((word, path + _step(kind, label)))


def _step(kind: int, label: str) -> str:
    if label.startswith("."):  # an attribute of a container, whose items have no labels that begin like this
        return label
    if kind in (Kind.OBJECT, Kind.EXTENSION):
        return f".{label}"
    return f"[{label}]" if kind in (Kind.LIST, Kind.DEQUE, Kind.TUPLE, Kind.DICT) else f" ({label})"
