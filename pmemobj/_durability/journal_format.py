"""The bytes of a journal: its header, its records, and their checksums.

::

    +0      512  header of an even generation
    +512    512  header of an odd generation
    +4096        records, each of whole sectors of 512 bytes

    header  magic, version, the identity of the pool, the number of the journal, the generation, what libpmemobj's
            `run_id` was in the file when the journal was made, and a checksum
    record  magic, the number of the journal, the generation, the sequence number, its size, how many pages and lines it
            has, the checksum of what comes before it (the header, or a record), and its own checksum;
            for each page, ascending, its number and a word with a bit for each line; the lines of 64 bytes

A generation lasts from one checkpoint to the next. Its header is durable before its first record is written, so
that records of the generation before, which lie behind the new ones, are never taken for new. The two
headers take turns: if the machine stops while one is written, the other is still whole.

All numbers are little-endian. The checksums are CRC-32. They are chained, so a record is only believed if
everything before it is as it was when the record was written.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

SECTOR = 512
#: Where the records begin.
RECORDS = 4096
LINE, PAGE = 64, 4096
#: Bytes of the header of a record.
RECORD_HEAD = 64

_VERSION = 1
_MAGIC = b"PyPmJrnl"
_RECORD_MAGIC = b"PyPmJRec"
_HEADER = struct.Struct("<8sII16sQQQ")
_CHECKSUM = struct.Struct("<I")
_RECORD = struct.Struct("<8sQQQQQQII")
#: Where in the header of a record its checksum is.
_COVERED = _RECORD.size - _CHECKSUM.size
_ENTRY = struct.Struct("<QQ")

assert _RECORD.size == RECORD_HEAD


class Header(NamedTuple):
    """The header of a journal.

    Attributes:
        identity: The identity of the pool, from libpmemobj's header.
        number: The number of the journal; it stands in the state of the pool.
        generation: How many checkpoints there were.
        run_id: libpmemobj's `run_id` in the file when the journal was made.
    """

    identity: bytes
    number: int
    generation: int
    run_id: int

    def pack(self) -> bytes:
        """The sector that this header is written to."""
        body = _HEADER.pack(_MAGIC, _VERSION, 0, self.identity, self.number, self.generation, self.run_id)
        return (body + _CHECKSUM.pack(zlib.crc32(body))).ljust(SECTOR, b"\0")

    @property
    def offset(self) -> int:
        """Where in the journal this header is written."""
        return SECTOR * (self.generation % 2)

    @property
    def checksum(self) -> int:
        """What the first record of this generation refers to."""
        return zlib.crc32(self.pack())


class Place(NamedTuple):
    """Where the next record goes, and what it refers to.

    Attributes:
        position: The offset in the journal.
        sequence: Its sequence number.
        checksum: The checksum of what comes before it.
    """

    position: int
    sequence: int
    checksum: int


class Record(NamedTuple):
    """A record that was read.

    Attributes:
        data: All of it.
        pages: How many pages it has.
        sequence: Its sequence number.
        checksum: Its checksum.
    """

    data: memoryview
    pages: int
    sequence: int
    checksum: int


def read_header(data: bytes) -> Header | None:
    """The newest whole header in the first bytes of a journal; None if there is none."""
    found = [header for at in (0, SECTOR) if (header := _whole_header(data[at : at + SECTOR])) is not None]
    return max(found, key=lambda header: header.generation, default=None)


def _whole_header(sector: bytes) -> Header | None:
    if len(sector) < SECTOR:
        return None
    magic, version, _, identity, number, generation, run_id = _HEADER.unpack_from(sector)
    (checksum,) = _CHECKSUM.unpack_from(sector, _HEADER.size)
    if magic != _MAGIC or version != _VERSION or checksum != zlib.crc32(sector[: _HEADER.size]):
        return None
    return Header(identity, number, generation, run_id)


def is_of_other_version(data: bytes) -> bool:
    """Whether the first bytes are those of a journal that another release wrote."""
    # A header that was torn while it was written for the first time may have the version 0.
    return len(data) >= SECTOR and data.startswith(_MAGIC) and _HEADER.unpack_from(data)[1] not in (0, _VERSION)


def is_unfinished(data: bytes) -> bool:
    """Whether the first bytes, up to the records, may be those of a journal whose first header was not durable yet.

    Any of its words may be missing then, and the rest is zeros.
    """
    end = _HEADER.size + _CHECKSUM.size
    return data[: len(_MAGIC)].strip(b"\0") in (b"", _MAGIC) and not data[end:].strip(b"\0")


def finish_record(record: bytearray, pages: int, lines: int, header: Header, place: Place) -> Place:
    """Fill in the header of a record that was gathered; where the record behind it will go."""
    size = len(record)
    position, sequence, before = place
    _RECORD.pack_into(
        record, 0, _RECORD_MAGIC, header.number, header.generation, sequence, size, pages, lines, before, 0
    )
    checksum = zlib.crc32(record)
    _CHECKSUM.pack_into(record, _COVERED, checksum)
    return Place(position + size, sequence + 1, checksum)


def _checksum_of(record: memoryview) -> int:
    """The checksum of a record: over all of it, with zeros in place of the checksum."""
    return zlib.crc32(record[RECORD_HEAD:], zlib.crc32(bytes(_CHECKSUM.size), zlib.crc32(record[:_COVERED])))


def whole_records(data: memoryview, header: Header) -> Iterator[Record]:
    """The records of the generation that the header names, in order, up to the first that is not whole.

    Args:
        data: The journal from `RECORDS` on.
        header: Its header.
    """
    position, sequence, before = 0, None, header.checksum
    while position + RECORD_HEAD <= len(data):
        magic, number, generation, own_sequence, size, pages, lines, previous, checksum = _RECORD.unpack_from(
            data, position
        )
        if (magic, number, generation, previous) != (_RECORD_MAGIC, header.number, header.generation, before):
            return
        if sequence is not None and own_sequence != sequence:
            return
        if size > len(data) - position or size < RECORD_HEAD + pages * _ENTRY.size + lines * LINE:
            return
        record = data[position : position + size]
        if _checksum_of(record) != checksum:
            return
        yield Record(record, pages, own_sequence, checksum)
        position, sequence, before = position + size, own_sequence + 1, checksum


def pages_of(record: Record) -> list[int]:
    """The numbers of the pages of which a record has lines."""
    return [page for page, _ in _entries(record)]


def lines_of(record: Record) -> list[tuple[int, tuple[int, ...]]]:
    """The numbers of the pages of which a record has lines, each with the numbers of these lines."""
    return [(page, tuple(line for line in range(PAGE // LINE) if bits >> line & 1)) for page, bits in _entries(record)]


def _entries(record: Record) -> Iterator[tuple[int, int]]:
    table = record.data[RECORD_HEAD : RECORD_HEAD + _ENTRY.size * record.pages]
    return _ENTRY.iter_unpack(table)


def scatter(record: Record, image: memoryview) -> None:
    """Put the lines of a record into an image of the pool, without the C module.

    Raises:
        ValueError: a page lies outside of the image.
    """
    at = RECORD_HEAD + _ENTRY.size * record.pages
    for page, bits in _entries(record):
        if PAGE * (page + 1) > len(image):
            raise ValueError(f"page {page} is not in an image of {len(image)} bytes")
        while bits:
            lowest = bits & -bits
            to = PAGE * page + LINE * (lowest.bit_length() - 1)
            image[to : to + LINE] = record.data[at : at + LINE]
            at += LINE
            bits ^= lowest
