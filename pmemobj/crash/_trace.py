"""What was recorded, as plain dataclasses: every store, flush and fence, and what the program was doing.

The recorder (`_native.c`) writes events one behind the other into memory that parent and child share::

    head    +0 bytes used, head included  +8 1 where the memory was too small  +16 reserved (16 bytes)
    event   +0 kind (16 bits)  +2 flags (16 bits)  +4 number of the site (32 bits)
            +8 offset  +16 length  +24 data, filled up to whole words: the stored bytes, or a text

A site is a place in the program: the lines of its call stack, told once as an event of its own.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum

LINE = 64
_WORD = 8
_HEAD = struct.Struct("<QQQQ")
_EVENT = struct.Struct("<HHIQQ")
_STORE, _FLUSH, _FENCE, _MARK, _SITE = range(1, 6)
_BY_LIBRARY, _STREAMING = 1, 2
_LAB = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class What(Enum):
    """What an event is."""

    STORE = "store"
    FLUSH = "flush"
    FENCE = "fence"
    #: The program: it asked for a snapshot, allocated, began to commit, ...
    SNAPSHOT = "snapshot"
    COMMIT = "commit begins"
    COMMITTED = "committed"
    STORED = "stored and persisted"
    ROLLED_BACK = "rolled back"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "the code ended"


class Mark(IntEnum):
    """The numbers of what is no store, flush or fence."""

    SNAPSHOT = 1
    COMMIT = 2
    COMMITTED = 3
    STORED = 4
    ROLLED_BACK = 5
    ACKNOWLEDGED = 6
    ENDED = 7


_KINDS = {_STORE: What.STORE, _FLUSH: What.FLUSH, _FENCE: What.FENCE}
#: From here on somebody relies on what was done before.
PROMISES = frozenset({What.COMMITTED, What.STORED, What.ACKNOWLEDGED, What.ENDED})


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the program."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"

    @property
    def is_ours(self) -> bool:
        """Whether it is in this package, not in the program that uses it."""
        return self.file.startswith(_PACKAGE)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        number: Its place in the recording, from 0.
        what: What it is.
        offset: Where in the pool, in bytes.
        size: How many bytes.
        data: Of a store, what it left there.
        by_library: Whether libpmemobj did it, not the program.
        streaming: Whether it went past the cache; that orders nothing before the next fence either.
        stack: The lines of the program that led to it, innermost first.
        text: What the program called it.
    """

    number: int
    what: What
    offset: int = 0
    size: int = 0
    data: bytes = b""
    by_library: bool = False
    streaming: bool = False
    stack: tuple[Place, ...] = ()
    text: str = ""

    @property
    def place(self) -> Place | None:
        """The line of the user's program; where there is none, the innermost."""
        for place in self.stack:
            if not place.is_ours:
                return place
        return self.stack[0] if self.stack else None

    @property
    def innermost(self) -> Place | None:
        """The line that did it, in this package too; compiled modules have no lines."""
        return self.stack[0] if self.stack else None

    @property
    def lines(self) -> range:
        """The offsets of the cache lines it concerns."""
        return range(self.offset & ~(LINE - 1), self.offset + self.size, LINE)

    def __str__(self) -> str:
        at = f" {self.offset:#x}+{self.size}" if self.size and self.what is not What.ACKNOWLEDGED else ""
        who = " by libpmemobj" if self.by_library and self.what is What.STORE else ""
        return f"{self.number}: {self.what.value}{at}{who}" + (f", {self.place}" if self.place else "") + (
            f" ({self.text})" if self.text else ""
        )


def parse(memory: memoryview) -> tuple[tuple[Event, ...], bool]:
    """The events that are in a trace, and whether it ends because the memory was too small."""
    used, overflow, _, _ = _HEAD.unpack_from(memory)
    return tuple(_events(memory, used)), bool(overflow)


def _events(memory: memoryview, used: int) -> Iterator[Event]:
    sites: dict[int, tuple[Place, ...]] = {0: ()}
    at, number = _HEAD.size, 0
    while at < used:
        kind, flags, site, offset, length = _EVENT.unpack_from(memory, at)
        at += _EVENT.size
        if kind == _SITE:
            sites[site] = _stack(bytes(memory[at : at + length]))
            at += _whole(length)
            continue
        stack = sites.get(site, ())
        if kind == _MARK:
            # Offset and length are those of a range, or the length is that of a text.
            text = ""
            what = What[Mark(flags).name]
            if what is What.ACKNOWLEDGED:
                text = bytes(memory[at : at + length]).decode(errors="replace")
                at += _whole(length)
                offset = length = 0
            yield Event(number, what, offset, length, stack=stack, text=text)
        else:
            data = b""
            if kind == _STORE:
                data = bytes(memory[at : at + length])
                at += _whole(length)
            yield Event(
                number, _KINDS[kind], offset, length, data, bool(flags & _BY_LIBRARY), bool(flags & _STREAMING), stack
            )
        number += 1


def _whole(size: int) -> int:
    return (size + _WORD - 1) & ~(_WORD - 1)


def _stack(text: bytes) -> tuple[Place, ...]:
    """The lines of the recorded code: neither what runs it nor what notes its marks."""
    places: list[Place] = []
    for line in text.decode(errors="replace").splitlines():
        file, function, number = line.rsplit("\t", 2)
        if file.startswith(_LAB):
            if places:
                break
            continue
        places.append(Place(file, int(number), function))
    return tuple(places)
