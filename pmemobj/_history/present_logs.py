"""What the logs of a pool have at this moment: libpmemobj's undo log, and the journal beside the pool.

A crash at this moment would need just these: a replay writes the records of the journal to the file, and a recovery
puts back what the undo log has. Nothing is changed here, and nothing that is read is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from pmemobj._durability import journal_format
from pmemobj._durability.journal_format import LINE, PAGE, Record
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Heap
from pmemobj._format import POOL_HEADER_SIZE, POOL_HEAP_OFFSET, WORD
from pmemobj._history.places import OTHER, Spot, WordFinder, nearest, word_text
from pmemobj._pmdk.undo_log import all_entries
from pmemobj._public_names import public_in
from pmemobj._text import plural
from pmemobj.errors import a_or_an

__all__ = ["JournalPage", "JournalRecord", "PresentLogs", "UndoCopy", "logs"]

#: So many pages of a record, and so many copies of the undo log, are described one by one; of a page, so many objects.
_MOST_PAGES, _MOST_COPIES, _MOST_OBJECTS = 12, 40, 3
#: What to call what no named object has.
_NAMELESS = "memory without a name"


class OpenPool(Protocol):
    """What this module needs of `pmemobj.PersistentObjectPool`, which is defined above this room."""

    @property
    def path(self) -> str: ...
    @property
    def durability(self) -> str: ...
    @property
    def _p_heap(self) -> Heap: ...


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class UndoCopy:
    """Bytes that the undo log has as they were before the running transaction.

    Attributes:
        where: What they are, in words: ``root['tries']``, ``root: length``.
        offset: Where they are in the pool.
        size: How many bytes.
        before: The text of the value, if the copy is one word that is a value or a number.
    """

    where: str
    offset: int
    size: int
    before: str

    def __str__(self) -> str:
        return f"{self.where}, {plural(self.size, 'byte')}" + (f": {self.before}" if self.before else "")


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class JournalPage:
    """The lines of one page that a record has.

    Attributes:
        number: The number of the page, of 4096 bytes, in the pool.
        lines: The numbers of the lines, of 64 bytes, in the page: 0 to 63.
        what: What lies in these lines now: libpmemobj's header or logs, or objects by their names. Only objects that a
            variable of the program refers to have names; other memory may also be freed, or libpmemobj's own.
    """

    number: int
    lines: tuple[int, ...]
    what: str

    @property
    def line_numbers(self) -> str:
        """The numbers of the lines, neighbours together: ``2 to 4, 9``."""
        runs: list[list[int]] = []
        for line in self.lines:
            if runs and line == runs[-1][1] + 1:
                runs[-1][1] = line
            else:
                runs.append([line, line])
        return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in runs)

    def __str__(self) -> str:
        return f"page {self.number:,}, {'line' if len(self.lines) == 1 else 'lines'} {self.line_numbers}: {self.what}"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One record of the journal: what one commit has changed.

    Attributes:
        number: Its number since the pool was opened, from 0.
        size: Its bytes in the journal, a multiple of 512.
        pages: The pages that it changes, at most a dozen.
        hidden: How many further pages there are.
        lines: How many lines it has in all pages.
    """

    number: int
    size: int
    pages: tuple[JournalPage, ...]
    hidden: int
    lines: int


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class PresentLogs:
    """What the logs of a pool have at this moment.

    Attributes:
        pool: The path of the pool.
        durability: `PersistentObjectPool.durability`.
        journal: Whether the pool has a journal.
        records: The last records of the journal; the checkpoint that comes next makes them void.
        count, size: How many records there are, and how many bytes they have.
        waiting_pages, waiting_lines: How many pages and lines were flushed since the last record; the next commit
            writes them.
        copies: What the undo log has, while a transaction is open in the calling thread; at most some dozens.
        hidden: How many further copies there are.
        logged: How many bytes all copies have.
    """

    pool: str
    durability: str
    journal: bool
    records: tuple[JournalRecord, ...]
    count: int
    size: int
    waiting_pages: int
    waiting_lines: int
    copies: tuple[UndoCopy, ...]
    hidden: int
    logged: int

    @property
    def journal_text(self) -> str:
        """The journal in one line."""
        if not self.journal:
            return f"journal: none, since the durability is {self.durability}"
        if not self.count:
            return "journal: empty; the file of the pool has every commit"
        return f"journal: {plural(self.count, 'record')}, {plural(self.size, 'byte')}, that the file of the pool lacks"

    @property
    def waiting_text(self) -> str:
        """What the next record will have, in one line; empty if there is nothing."""
        if not self.waiting_lines:
            return ""
        return f"in no record yet: {plural(self.waiting_lines, 'line')} on {plural(self.waiting_pages, 'page')}"

    @property
    def undo_text(self) -> str:
        """The undo log in one line."""
        count = len(self.copies) + self.hidden
        if not count:
            return "undo log: empty"
        return f"undo log: {count:,} {'copy' if count == 1 else 'copies'}, {plural(self.logged, 'byte')}"

    def text(self) -> str:
        """All of it as lines of text."""
        lines = [self.journal_text]
        if len(self.records) < self.count:
            lines.append(f"  the last {len(self.records):,}:")
        for record in self.records:
            lines.append(f"  record {record.number:,}: {plural(record.size, 'byte')}, {plural(record.lines, 'line')}")
            lines += [f"    {page}" for page in record.pages]
            if record.hidden:
                lines.append(f"    and {plural(record.hidden, 'page')} more")
        if self.waiting_text:
            lines.append(f"  {self.waiting_text}")
        lines.append(self.undo_text)
        lines += [f"  {copy}" for copy in self.copies]
        if self.hidden:
            lines.append(f"  and {self.hidden:,} more")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


@public_in("pmemobj.inspect")
def logs(pool: OpenPool, *, last: int | None = 10) -> PresentLogs:
    """Tell what the undo log and the journal of an open pool have at this moment.

    Args:
        pool: The pool.
        last: How many records to describe, the newest; None for all. All of them are counted.

    Returns:
        The records of the journal, and, in a transaction of the calling thread, the copies in libpmemobj's undo log.

    Raises:
        TypeError, ValueError: `pool` is no pool; `last` is no int, or negative.
        PoolClosedError: the pool is closed.
        OSError: the journal cannot be read.

    Cost: the journal is read, up to 64 MiB; a walk over some thousand objects finds out their names.

    Example::

        import pmemobj

        with pmemobj.create("shop.pmem", 16 << 20) as pool:
            pool.root = pool.persistent({"stock": 12})
            with pool.transaction():
                pool.root["stock"] = 11
                print(pmemobj.inspect.logs(pool))
    """
    if not isinstance(getattr(pool, "_p_heap", None), Heap) or not hasattr(pool, "durability"):
        raise TypeError(f"cannot tell the logs of {a_or_an(type(pool).__name__)}: it is no pool (give an open pool)")
    if last is not None and (not isinstance(last, int) or last < 0):
        kind = ValueError if isinstance(last, int) else TypeError
        raise kind(f"cannot describe the last {last!r} records: that is no number (give 0 or more, or None for all)")
    return read_consistently(pool, _describe, pool, last)


def _describe(pool: OpenPool, last: int | None) -> PresentLogs:
    heap = pool._p_heap
    heap.read(heap.root_offset)
    names = _Names(heap)

    def read(offset: int, size: int) -> bytes:
        return heap.read_bytes(offset, max(0, min(size, heap.limit - offset)))

    copies = list(all_entries(read)) if heap.in_transaction() else []
    journal = heap.journal
    records = [] if journal is None else journal.present_records()
    waiting = (0, 0) if journal is None else journal.waiting()
    shown = records if last is None else records[max(0, len(records) - last) :]
    return PresentLogs(
        pool.path,
        pool.durability,
        journal is not None,
        tuple(_record(record, names) for record in shown),
        len(records),
        sum(len(record.data) for record in records),
        *waiting,
        tuple(_copy(offset, data, names) for offset, data in copies[:_MOST_COPIES]),
        len(copies[_MOST_COPIES:]),
        sum(len(data) for _, data in copies),
    )


class _Names:
    """The names of what lies in a pool."""

    def __init__(self, heap: Heap) -> None:
        self.heap = heap
        self._paths = dict(nearest(heap))
        self._finder = WordFinder(heap, self._paths)
        self._heap_at = heap.read(POOL_HEAP_OFFSET)

    def spot(self, offset: int) -> Spot | None:
        """The spot of a word."""
        return self._finder.find(offset) if offset + WORD <= self.heap.limit else None

    def name(self, spot: Spot) -> str:
        """The spot in words, with the way from the root."""
        return spot.text(self._paths.get(spot.owner, ""))

    def area(self, page: int, lines: Iterable[int]) -> str:
        """What lies in lines of a page, in words."""
        if PAGE * page < POOL_HEADER_SIZE:
            return "libpmemobj's header"
        if PAGE * page < self._heap_at:
            return "libpmemobj's logs"
        found: dict[str, None] = {}
        for line in lines:
            begin = PAGE * page + LINE * line
            spots = [self.spot(at) for at in range(begin, begin + LINE, WORD)]
            found |= {self._object(spot): None for spot in spots if spot is not None}
        objects = list(found)
        if not objects:
            return _NAMELESS
        more = len(objects) - _MOST_OBJECTS
        return ", ".join(objects[:_MOST_OBJECTS]) + (f" and {plural(more, 'more object')}" if more > 0 else "")

    def _object(self, spot: Spot) -> str:
        """The object that has a spot, in words."""
        return self.name(replace(spot, slot="")) if spot.owner else "the root object"


def _record(record: Record, names: _Names) -> JournalRecord:
    pages = journal_format.lines_of(record)
    return JournalRecord(
        record.sequence,
        len(record.data),
        tuple(JournalPage(page, lines, names.area(page, lines)) for page, lines in pages[:_MOST_PAGES]),
        len(pages[_MOST_PAGES:]),
        sum(len(lines) for _, lines in pages),
    )


def _copy(offset: int, data: bytes, names: _Names) -> UndoCopy:
    first, end = names.spot(offset), names.spot(offset + len(data) - WORD)
    if first is None:
        return UndoCopy(_NAMELESS, offset, len(data), "")
    where = names.name(first)
    if end is not None and end.owner == first.owner and end.slot != first.slot:
        where += f" to {end.slot}"
    is_told = len(data) == WORD and first.role != OTHER
    before = word_text(names.heap, first.role, int.from_bytes(data, "little")) if is_told else ""
    return UndoCopy(where, offset, len(data), before)
