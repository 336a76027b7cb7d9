"""Mistakes on purpose in the code that makes commits durable: the states after a power cut must show each of them.

Each is a change of the code while a program is recorded, in part also while the states are opened, or a wait for the
disk that is left out of the recording. The power is cut at the moments at which the mistake can do harm.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from disk_states import Event
from power_kinds import FIXED, FULL, GROWING, KINDS, MIB, RELAXED, Aim, Kind, Run, Tally, record, tried

from pmemobj._durability import file_operations, journal, journal_format
from pmemobj._durability.journal_format import RECORD_HEAD, RECORDS, SECTOR, Header, Record
from pmemobj._durability.leftover import Kind as Left
from pmemobj._durability.leftover import Leftover
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._format import STATE_OPEN, WORD
from pmemobj._pmdk import chunks

Patch = Callable[[ExitStack], None]
Forgotten = Callable[[Sequence[Event], int], bool]


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        text: What is wrong, for the table.
        kind: What the program does.
        aim: The moments at which it can do harm.
        mode: The mode of durability.
        size: The kind of pool.
        patch: Changes the code; undone with the stack.
        forgotten: Which events are left out: waits for the disk that the mistake leaves out.
        is_in_recovery: Whether the code is changed while the states are opened, too.
    """

    text: str
    kind: Kind
    aim: Aim
    mode: str = FULL
    size: int | str = FIXED
    patch: Patch = lambda _: None
    forgotten: Forgotten | None = None
    is_in_recovery: bool = False


# ---- moments -----------------------------------------------------------------------------------------


def _is_journal(event: Event) -> bool:
    return event.name.endswith("journal")


def _is_header(event: Event) -> bool:
    return event.kind == "write" and _is_journal(event) and event.offset < RECORDS and len(event.data) == SECTOR


def _is_record(event: Event) -> bool:
    return event.kind == "write" and _is_journal(event) and event.offset >= RECORDS and any(event.data)


def _is_state(event: Event) -> bool:
    return event.kind == "write" and event.name == "pool" and len(event.data) == WORD


def _behind(is_it: Callable[[Event], bool], distance: int = 0) -> Aim:
    """Moments so many events behind one."""
    return lambda events, moment: moment > distance and is_it(events[moment - 1 - distance])


def _near(is_it: Callable[[Event], bool], least: int, most: int) -> Aim:
    """Moments at most so many events behind one."""
    return lambda events, moment: any(map(is_it, events[max(0, moment - most) : max(0, moment - least + 1)]))


def _closing(events: Sequence[Event], moment: int) -> bool:
    return moment > len(events) - 8


def _state_written(events: Sequence[Event], moment: int) -> bool:
    """The opening has written the state."""
    return _opening(events, moment) and _is_state(events[moment - 1])


def _opening(events: Sequence[Event], moment: int) -> bool:
    return not any(event.kind == "promise" for event in events[:moment])


_PROMISE = _behind(lambda event: event.kind == "promise")
#: A long record is the first of its generation.
_LONG_RECORD = _behind(lambda event: _is_record(event) and event.offset == RECORDS and len(event.data) > 2 * SECTOR)


def _grown(events: Sequence[Event], moment: int) -> bool:
    """Soon after the first record behind a new part."""
    parts = [at for at, event in enumerate(events[:moment]) if event.kind == "create" and event.name.endswith("1.pmem")]
    return bool(parts) and any(map(_is_record, events[parts[0] : moment])) and moment < parts[0] + 20


# ---- changes of the code -----------------------------------------------------------------------------


def _replaced(where: Any, name: str, by: Any) -> Patch:
    return lambda stack: stack.enter_context(mock.patch.object(where, name, by)) and None


def _nothing(*_: Any) -> None:
    pass


def _lenient_records(data: memoryview, header: Header) -> Iterator[Record]:
    """Records of any generation, in any order, of which only the own checksum is looked at."""
    position = 0
    while position + RECORD_HEAD <= len(data):
        fields = journal_format._RECORD.unpack_from(data, position)
        magic, number, _, sequence, size, pages, _, _, checksum = fields
        if magic != journal_format._RECORD_MAGIC or number != header.number or size > len(data) - position:
            return
        record = data[position : position + size]
        if journal_format._checksum_of(record) != checksum:
            return
        yield Record(record, pages, sequence, checksum)
        position += size


def _any_checksum(record: memoryview) -> int:
    return int.from_bytes(record[journal_format._COVERED : RECORD_HEAD], "little")


def _first_sector_checksum(stack: ExitStack) -> None:
    real = journal_format.finish_record

    def checksum_of(record: Any) -> int:
        return zlib.crc32(record[RECORD_HEAD:SECTOR], zlib.crc32(record[: journal_format._COVERED]))

    def finish(record: bytearray, *more: Any) -> Any:
        place = real(record, *more)
        checksum = checksum_of(record)
        journal_format._CHECKSUM.pack_into(record, journal_format._COVERED, checksum)
        return place._replace(checksum=checksum)

    stack.enter_context(mock.patch.object(journal_format, "finish_record", finish))
    stack.enter_context(mock.patch.object(journal_format, "_checksum_of", checksum_of))


def _last_lines_left_out(stack: ExitStack) -> None:
    real = journal_format.finish_record

    def finish(record: bytearray, pages: int, lines: int, header: Any, place: Any) -> Any:
        if place.sequence % 3 == 2:
            record[-SECTOR:] = bytes(SECTOR)
        return real(record, pages, lines, header, place)

    stack.enter_context(mock.patch.object(journal_format, "finish_record", finish))


def _same_generation(self: Any) -> None:
    self._coming = self._header
    self._finish_generation()


def _generation_not_waited_for(self: Any) -> None:
    header = self._coming
    file_operations.current.write(self._made.file, header.pack(), header.offset)
    self._header = header
    self._place = journal_format.Place(RECORDS, self._place.sequence, header.checksum)
    self._coming = None


def _state_before_pages(self: Any, state_at: int, state: int) -> None:
    self._write_gathered()
    self._sync()
    self._write_pages(self._native.runs(self._base))
    self._space.write(state_at, state.to_bytes(WORD, "little"))
    self._space.sync()
    self._made.remove()


def _journal_before_pages(self: Any, state_at: int, state: int) -> None:
    self._write_gathered()
    self._sync()
    self._made.remove()
    self._write_pages(self._native.runs(self._base))
    self._space.sync()
    self._space.write(state_at, state.to_bytes(WORD, "little"))
    self._space.sync()


def _replay(order: str) -> Patch:
    """A replay whose steps are in another order: "p" writes the pages, "s" the state, "j" removes the journal, and
    "w" waits."""

    def replay(self: Leftover, files: Any, pages: Any, state_at: int) -> None:
        if self.kind is Left.PENDING:
            space = PoolSpace(files)
            for step in order:
                if step == "p":
                    for page, data in sorted(pages.items()):
                        space.write(journal_format.PAGE * page, data)
                elif step == "s":
                    space.write(state_at, STATE_OPEN.to_bytes(WORD, "little"))
                elif step == "w":
                    space.sync()
                else:
                    self._remove()
            space.close()

    return _replaced(Leftover, "replay", replay)


def _sync_of(*names: str) -> Forgotten:
    """Leave out the waits for files, or directories, of these names."""
    return lambda events, at: events[at].kind == "sync" and events[at].name in names


def _directory_after_growth(events: Sequence[Event], at: int) -> bool:
    return _sync_of("pool")(events, at) and any(event.kind == "promise" for event in events[:at])


def _first_sync_of_the_journal(events: Sequence[Event], at: int) -> bool:
    is_it = _sync_of("pool-journal")
    return is_it(events, at) and not any(is_it(events, before) for before in range(at))


def _sync_behind_a_removal(events: Sequence[Event], at: int) -> bool:
    return events[at].kind == "sync" and at > 0 and events[at - 1].kind == "unlink"


def _sync_of_the_copy(events: Sequence[Event], at: int) -> bool:
    return events[at].kind == "sync" and ".copying" in events[at].name


# ---- the mistakes ------------------------------------------------------------------------------------


def _generations(run: Run) -> None:
    """Generations of short records, of which one lies over another, and then one with a long record over these."""
    for turn in range(run.turns // 4):
        for number in (4 * turn, 4 * turn + 2):
            for n in (number, number + 1):
                run.pool.root["n"] = n
                run.told()
            run.pool._heap.journal.checkpoint()
            run.told(True)
        run.pool.root["list"].extend(range(200 + turn))
        run.told()
        run.pool._heap.journal.checkpoint()
        run.told(True)


def _neighbours(run: Run) -> None:
    """Areas of memory become free one after the other, and are joined; see `test_footers`."""
    run.pool.root["fill"].extend(bytes(17 * chunks.CHUNK_SIZE + 1000) for _ in range(6))
    run.pool.gc()
    run.pool._heap.journal.checkpoint()
    run.told(True)
    for number in (1, 2, 4):
        run.pool.root["fill"][number] = None
        run.pool.gc()
        run.told()


GENERATIONS = Kind("generations", _generations)
NEIGHBOURS = Kind("neighbours", _neighbours)

MISTAKES: dict[str, Mistake] = {
    "no sync before the acknowledgement": Mistake(
        "a commit returns before its record is durable",
        KINDS["statement"],
        _PROMISE,
        patch=_replaced(journal.Journal, "wait", _nothing),
    ),
    "checkpoint before sync": Mistake(
        "a checkpoint writes pages whose records are not durable yet",
        KINDS["transaction"],
        _behind(lambda event: event.kind == "write" and event.name == "pool"),
        RELAXED,
        patch=_replaced(journal.Journal, "_sync", _nothing),
    ),
    "pages not waited for": Mistake(
        "a generation begins before the pages of the checkpoint are durable",
        KINDS["checkpoint"],
        _near(_is_header, 1, 5),
        patch=_replaced(PoolSpace, "sync", _nothing),
    ),
    "generation not waited for": Mistake(
        "records are written before the header of their generation is durable",
        GENERATIONS,
        _LONG_RECORD,
        patch=_replaced(journal.Journal, "_finish_generation", _generation_not_waited_for),
    ),
    "generation not bumped": Mistake(
        "a checkpoint begins no new generation",
        GENERATIONS,
        _LONG_RECORD,
        patch=_replaced(journal.Journal, "_begin_generation", _same_generation),
    ),
    "header in place": Mistake(
        "the header of a generation is written over the one before",
        KINDS["checkpoint"],
        _behind(_is_header),
        patch=_replaced(Header, "offset", 0),
        is_in_recovery=True,
    ),
    "old records accepted": Mistake(
        "records of the generation before count, since neither chain nor generation is looked at",
        GENERATIONS,
        _near(lambda event: _is_record(event) and event.offset == RECORDS, 1, 4),
        patch=_replaced(journal_format, "whole_records", _lenient_records),
        is_in_recovery=True,
    ),
    "checksum not looked at": Mistake(
        "the checksum of a record is not looked at",
        KINDS["transaction"],
        _behind(_is_record),
        patch=_replaced(journal_format, "_checksum_of", _any_checksum),
        is_in_recovery=True,
    ),
    "checksum of the first sector": Mistake(
        "a record whose first sector is whole is believed, though others are torn",
        KINDS["transaction"],
        _behind(_is_record),
        patch=_first_sector_checksum,
        is_in_recovery=True,
    ),
    "lines left out": Mistake(
        "some lines of a commit are not in its record",
        KINDS["transaction"],
        _PROMISE,
        patch=_last_lines_left_out,
    ),
    "journal not durable": Mistake(
        "the file names a journal whose header is not durable",
        KINDS["opening"],
        _opening,
        forgotten=_first_sync_of_the_journal,
    ),
    "name of the journal": Mistake(
        "the file names a journal whose name is not durable",
        KINDS["statement"],
        lambda events, moment: moment < 40,
        forgotten=_sync_of("."),
    ),
    "replay: state first": Mistake(
        "a replay says that it is done before its pages are durable",
        KINDS["opening"],
        _state_written,
        patch=_replay("pswj"),
    ),
    "replay: journal first": Mistake(
        "a replay removes the journal before its pages are durable",
        KINDS["opening"],
        _opening,
        patch=_replay("pjwsw"),
    ),
    "replay: not waited for": Mistake(
        "a replay does not wait for its pages",
        KINDS["opening"],
        _opening,
        patch=_replay("psj"),
    ),
    "part not durable": Mistake(
        "a record counts a part that is not durable",
        KINDS["growth"],
        _grown,
        size=GROWING,
        patch=_replaced(PoolSpace, "sync_new_file", _nothing),
    ),
    "name of the part": Mistake(
        "a record counts a part whose name is not durable",
        KINDS["growth"],
        _grown,
        size=GROWING,
        forgotten=_directory_after_growth,
    ),
    "close: state first": Mistake(
        "the file says that it is closed before its pages are durable",
        KINDS["close"],
        lambda events, moment: _closing(events, moment) and _is_state(events[moment - 1]),
        patch=_replaced(journal.Journal, "finish", _state_before_pages),
    ),
    "close: journal first": Mistake(
        "the journal is removed before the pages are durable",
        KINDS["close"],
        _closing,
        patch=_replaced(journal.Journal, "finish", _journal_before_pages),
    ),
    "footers not noted": Mistake(
        "the footers of free areas are old in a file that was closed",
        NEIGHBOURS,
        lambda events, moment: moment == len(events),
        size=160 * MIB,  # the headers of its chunks fill more than one page, and a checkpoint writes whole pages
        patch=_replaced(journal.Journal, "_note_footers", _nothing),
    ),
    "removal not waited for": Mistake(
        "a journal that was removed comes back when libpmemobj has opened the pool since",
        KINDS["suspend"],
        _near(lambda event: event.kind == "settled", 1, 4),
        forgotten=_sync_behind_a_removal,
    ),
    "sync waits for nothing": Mistake(
        "`sync` returns before the last records are durable",
        KINDS["sync"],
        _PROMISE,
        RELAXED,
        patch=_replaced(journal.Journal, "sync", _nothing),
    ),
    "backup not durable": Mistake(
        "a backup gets its name before it is durable",
        KINDS["backup"],
        _near(lambda event: event.kind == "link", 1, 3),
        forgotten=_sync_of_the_copy,
    ),
}


def found(mistake: Mistake, scratch: Path, rounds: int, count: int) -> Tally:
    """Try states until one shows a mistake; `wrong` of the result is empty if none does.

    Args:
        mistake: The mistake.
        scratch: An empty directory.
        rounds: How many times `count` states are tried at most.
        count: How many states are tried at a time.
    """
    tally = Tally()
    with contextlib.ExitStack() as while_opened:
        with contextlib.ExitStack() as while_recorded:
            mistake.patch(while_opened if mistake.is_in_recovery else while_recorded)
            recording = record(mistake.kind, scratch / "made", mistake.mode, mistake.size)
        if mistake.forgotten is not None:
            left = [event for at, event in enumerate(recording.events) if not mistake.forgotten(recording.events, at)]
            assert len(left) < len(recording.events), "there is such an event"
            recording = replace(recording, events=left)
        for seed in range(1, rounds + 1):
            tally.add(tried(recording, scratch, count, seed, mistake.aim, at_first=True))
            if tally.wrong:
                break
    return tally
