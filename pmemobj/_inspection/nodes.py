"""What graphs consist of, as plain data: objects with their slots, references, and what became of one object.

An object is identified by its offset together with the stamp in its header: after an object was freed, another
one may be allocated at the same offset.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from pmemobj._public_names import public_in

__all__ = ["ENTRIES", "HEADER", "VALUE", "Allocation", "Change", "ChangeKind", "Edge", "Node", "Offsets", "Slot"]

ChangeKind = Literal["new", "changed", "removed"]


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Slot:
    """One labelled place of an object.

    Attributes:
        label: The index, key or attribute name, as text; for a row of bytes or numbers, the index of the first.
        text: The value, shortened; for an object, its type; for bytes and numbers, those in the row.
        target: The offset of the object that the slot refers to, or None for a plain value.
        key_target: The offset of the object that is the key, or None.
    """

    label: str
    text: str
    target: int | None = None
    key_target: int | None = None


#: What an allocation of an object holds.
HEADER, ENTRIES, VALUE = "header", "entries", "value"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Allocation:
    """An allocation that belongs to one object and to nothing else.

    Attributes:
        offset: Where it begins, in bytes from the start of the pool.
        size: How many bytes it has.
        what: `HEADER` (references lead there), `ENTRIES` (a body or table), or `VALUE` (a text, a large number, ...).
    """

    offset: int
    size: int
    what: str


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Edge:
    """A reference from one object to another, with the label of its slot."""

    source: int
    target: int
    label: str


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Node:
    """One persistent object.

    Attributes:
        offset: Where the object begins, in bytes from the start of the pool.
        type: The name of its type; for a class that is not defined, the name and a note.
        size: How many bytes of the pool it takes: its header, bodies and leaves, but not what it refers to.
        text: A few words about its contents.
        count: How many entries it has; for a bytearray or an array, how many rows.
        slots: The first of its entries, as many as the limits of the walk allow.
        depth: How many steps it is away from where the walk began.
        damage: What is wrong with it, or an empty string.
        stamp: Distinguishes it from another object that lies at the same offset earlier or later.
        digest: A checksum of all its entries where `slots` does not have all of them; else 0. It serves comparisons.
        allocations: The allocations that it consists of; of its values, those of the entries that are shown.
    """

    offset: int
    type: str
    size: int
    text: str
    count: int = 0
    slots: tuple[Slot, ...] = ()
    depth: int = 0
    damage: str = ""
    stamp: int = 0
    digest: int = field(default=0, compare=False)
    allocations: tuple[Allocation, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether `slots` has all of its entries."""
        return len(self.slots) >= self.count

    @property
    def edges(self) -> list[Edge]:
        """The references to other objects that its slots have, each key before its value."""
        found = []
        for slot in self.slots:
            if slot.key_target is not None:
                found.append(Edge(self.offset, slot.key_target, f"key {slot.label}"))
            if slot.target is not None:
                found.append(Edge(self.offset, slot.target, slot.label))
        return found


@public_in("pmemobj.inspect")
class Offsets:
    """An immutable set of offsets that takes eight bytes for each."""

    __slots__ = ("_sorted",)

    def __init__(self, offsets: Iterable[int]) -> None:
        self._sorted = array("Q", sorted(offsets))

    def __contains__(self, offset: int) -> bool:
        at = bisect_left(self._sorted, offset)
        return at < len(self._sorted) and self._sorted[at] == offset

    def __len__(self) -> int:
        return len(self._sorted)


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object between two graphs.

    Attributes:
        kind: ``new``, ``changed`` or ``removed``.
        slots: Of a changed object, the numbers of the slots that differ, each with the slot as it was before, or
            None where there was none.
        gone: The slots that the object had before and has no longer.
    """

    kind: ChangeKind
    slots: dict[int, Slot | None] = field(default_factory=dict)
    gone: tuple[Slot, ...] = ()
