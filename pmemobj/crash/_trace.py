"""A recording as plain dataclasses: every store, flush and fence, and what the program was doing.

The recorder (`_native.c`) writes events one after the other into memory that parent and child share::

    head    +0 bytes used, head included  +8 1 if the memory was too small  +16 reserved (16 bytes)
    event   +0 kind (16 bits)  +2 flags (16 bits)  +4 number of the site (32 bits)
            +8 offset  +16 length  +24 data, filled up to whole words: the stored bytes, or a text

A site is a place in the program: the lines of its call stack, written once, as an event of its own.
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
    """The kinds of events."""

    STORE = "store"
    FLUSH = "flush"
    FENCE = "fence"
    #: From here on: what the program did.
    SNAPSHOT = "snapshot"
    COMMIT = "commit begins"
    COMMITTED = "committed"
    STORED = "stored and persisted"
    ROLLED_BACK = "rolled back"
    ACKNOWLEDGED = "acknowledged"
    ENDED = "the code ended"


class Mark(IntEnum):
    """The numbers of the events that are neither store nor flush nor fence."""

    SNAPSHOT = 1
    COMMIT = 2
    COMMITTED = 3
    STORED = 4
    ROLLED_BACK = 5
    ACKNOWLEDGED = 6
    ENDED = 7


_KINDS = {_STORE: What.STORE, _FLUSH: What.FLUSH, _FENCE: What.FENCE}
#: After such an event, somebody relies on everything that was done before.
PROMISES = frozenset({What.COMMITTED, What.STORED, What.ACKNOWLEDGED, What.ENDED})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the source code of the program."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"

    @property
    def is_ours(self) -> bool:
        """Whether the place is in this package, and not in the program that uses it."""
        return self.file.startswith(_PACKAGE)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a recording.

    Attributes:
        number: Its position in the recording, from 0.
        what: What it is.
        offset: Where in the pool it happened, in bytes.
        size: How many bytes it concerns.
        data: Of a store, the bytes that it stored.
        by_library: Whether libpmemobj did it, and not the program.
        streaming: Whether the store bypassed the cache; such stores are not ordered before the next fence, either.
        stack: The places in the program that led to it, innermost first.
        text: Of `acknowledge`, the text that the program gave.
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
        """The innermost place in the user's program; if there is none, the innermost place of all."""
        for place in self.stack:
            if not place.is_ours:
                return place
        return self.stack[0] if self.stack else None

    @property
    def innermost(self) -> Place | None:
        """The innermost place, which may be in this package; compiled modules have no places."""
        return self.stack[0] if self.stack else None

    @property
    def lines(self) -> range:
        """The offsets of the cache lines that the event concerns."""
        return range(self.offset & ~(LINE - 1), self.offset + self.size, LINE)

    def __str__(self) -> str:
        at = f" {self.offset:#x}+{self.size}" if self.size and self.what is not What.ACKNOWLEDGED else ""
        who = " by libpmemobj" if self.by_library and self.what is What.STORE else ""
        return f"{self.number}: {self.what.value}{at}{who}" + (f", {self.place}" if self.place else "") + (
            f" ({self.text})" if self.text else ""
        )


def parse(memory: memoryview) -> tuple[tuple[Event, ...], bool]:
    """The events in the memory of a recorder, and whether the memory was too small for all of them."""
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
            # Offset and length describe a range; of `acknowledge`, the length is that of a text.
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
    """The places in the recorded code, without the frames of this lab that run it or write its marks."""
    places: list[Place] = []
    for line in text.decode(errors="replace").splitlines():
        file, function, number = line.rsplit("\t", 2)
        if file.startswith(_LAB):
            if places:
                break
            continue
        places.append(Place(file, int(number), function))
    return tuple(places)
