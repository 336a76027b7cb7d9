"""One moment of a recording, to be drawn: the state of each cache line, and libpmemobj's undo log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from pmemobj._format import LANE_SIZE, POOL_HEAP_OFFSET, POOL_LANE_COUNT, POOL_LANES_OFFSET, WORD
from pmemobj._pmdk.undo_log import LOG, entries
from pmemobj.crash._image import Image
from pmemobj.crash._states import Memory
from pmemobj.crash._trace import LINE, PROMISES, Event


class LineState(Enum):
    """Where the latest bytes of a cache line are; the value is a letter to show."""

    #: Stored, and so far in the cache: a power cut may lose it, or not.
    DIRTY = "D"
    #: Flushed, on its way to the medium: a power cut before the next fence may lose it, or not.
    FLUSHED = "F"
    #: Flushed and fenced: it is on the medium.
    FENCED = "S"


@dataclass(frozen=True, slots=True)
class CacheLine:
    """A cache line to which the recorded code has stored.

    Attributes:
        offset: Where it begins.
        state: Where its latest bytes are.
        content: The bytes that the program sees.
        durable: The bytes that are certainly on the medium.
        versions: How many later versions of it may have reached the medium.
        stored_by: The last store to it.
    """

    offset: int
    state: LineState
    content: bytes
    durable: bytes
    versions: int
    stored_by: Event | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An entry of an undo log: recovery would put these bytes back.

    Attributes:
        lane: The number of the lane whose log has the entry.
        offset: Where the bytes were.
        data: The bytes.
    """

    lane: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment of a recording.

    Attributes:
        number: How many steps had happened.
        step: The next step; None at the end.
        promises: How many promises had been made.
        lines: The cache lines that were stored to, by offset.
        undo_log: The valid entries of the undo logs, as memory has them; empty once a commit has cleared them.
        possible: How many images a power cut could leave; not in the repr, since Python may refuse to write the number.
    """

    number: int
    step: Event | None
    promises: int
    lines: tuple[CacheLine, ...]
    undo_log: tuple[Snapshot, ...]
    possible: int = field(repr=False)


def frame_at(base: Image, steps: Sequence[Event], number: int) -> Frame:
    """The moment just before a step.

    Raises:
        IndexError: there is no such step.
    """
    return frames_at(base, steps, [number])[0]


def frames_at(base: Image, steps: Sequence[Event], numbers: Sequence[int]) -> list[Frame]:
    """The moments just before several steps, in ascending order.

    Raises:
        IndexError: there is no such step.
    """
    memory = Memory(base)
    last: dict[int, Event] = {}
    found: list[Frame] = []
    promises = played = 0
    for number in numbers:
        if not played <= number <= len(steps):
            raise IndexError(f"cannot show step {number}: there are {len(steps)} steps (0 is the beginning)")
        for event in steps[played:number]:
            memory.apply(event)
            promises += event.what in PROMISES
            if event.data:
                last.update(dict.fromkeys(event.lines, event))
        played = number
        moment = memory.moment(number, promises)
        lines = tuple(_line(base, memory, offset, last[offset]) for offset in sorted(last))
        step = steps[number] if number < len(steps) else None
        found.append(Frame(number, step, promises, lines, undo_log(base, memory), moment.possible))
    return found


def _line(base: Image, memory: Memory, offset: int, stored_by: Event) -> CacheLine:
    pending = memory.pending.get(offset, ())
    flushed = memory.flushed.get(offset, [0])[-1]
    state = LineState.FENCED if not pending else LineState.FLUSHED if flushed == len(pending) else LineState.DIRTY
    durable = memory.durable.get(offset) or base.line(offset)
    return CacheLine(offset, state, memory.line(offset), durable, len(pending), stored_by)


def undo_log(base: Image, memory: Memory) -> tuple[Snapshot, ...]:
    """What recovery would put back: the valid entries of the undo logs that the recorded code has changed."""

    def read(offset: int, size: int) -> bytes:
        first = offset & ~(LINE - 1)
        whole = b"".join(memory.latest.get(at) or base.line(at) for at in range(first, offset + size, LINE))
        return whole[offset - first : offset - first + size]

    def word(offset: int) -> int:
        return int.from_bytes(read(offset, WORD), "little")

    lanes, count, heap = (word(at) for at in (POOL_LANES_OFFSET, POOL_LANE_COUNT, POOL_HEAP_OFFSET))
    touched = {(at - lanes) // LANE_SIZE for at in memory.latest if lanes <= at < heap}
    found = []
    for lane in sorted(touched & set(range(count))):
        for offset, data in entries(read, lanes + lane * LANE_SIZE + LOG):
            found.append(Snapshot(lane, offset, data))
    return tuple(found)
