"""The layout of a pool, byte by byte: the one place where its numbers stand.

All integers are little-endian and unsigned. Offsets count bytes from the start of the pool file;
those of allocations are multiples of 16, so that their four low bits are free for tags.

The root object (`ROOT_SIZE` bytes, allocated by ``pmemobj_root``)::

    +0    8  magic               ROOT_MAGIC
    +8    4  layout version      LAYOUT_VERSION; another major layout is refused
    +12   4  incompatible features   any unknown bit: refused
    +16   4  compatible features     unknown bits are harmless
    +20   4  reserved            0
    +24   8  checksum            CRC-32 of the 24 bytes before
    +32   8  state               one of STATE_*: how the last process left the pool
    +40   8  root                a value word: what `pool.root` is
    +48   8  classes             a value word: the class table (a list of class records)
    +56      reserved            0

A value word (8 bytes) holds any value, told apart by its low bits::

    ...........1   int           a signed integer of 63 bits above the tag
    ........SC10   float         sign S, exponent 0b011xxxxxxxx (C = 0) or 0b100xxxxxxxx (C = 1); the
                                 other 60 bits of the double stand above (see `_values`)
    00000...0000   absent        the whole word is 0: an unused slot, never a value
    ........0000   container     the offset of a shared object, found again by tracing
    ........0100   leaf          the offset plus 4 of an immutable value that this slot alone owns
    ....LLLL1000   short str     L bytes (0-7) of UTF-8 follow in the higher bytes
    ....KKKK1100   the rest      K = 0 None, 1 False, 2 True, 3 0.0, 4 -0.0, 5 inf, 6 -inf;
                                 K = 8 + L: bytes, L (0-7) follow

Every allocation carries its kind as libpmemobj type number. Leaves and containers also begin
with a header word, so that they can be recognised where only the bytes are at hand::

    bits 0-7    kind             one of Kind
    bits 8-15   HEADER_MARK      tells a header from other bytes
    bits 16-63  detail           leaf: payload size in bytes
                                 container: 24 bits class number (objects; else 0), 24 bits stamp,
                                 which tells it from a later one at the same offset

    leaf        +0 header  +8 payload
    list        +0 header  +8 length  +16 capacity  +24 offset of items
    items       capacity value words; those at and beyond length are meaningless
    dict        +0 header  +8 live keys  +16 entries used  +24 offset of table
    table       +0 index slots  +8 entry capacity  +16 entries  then the index
                an entry is hash, key word, value word (24 bytes; a deleted entry has key 0)
                the index has 4 bytes a slot: 0 never used, else the number of an entry plus 1
    object      +0 header  +8 slot capacity  +16 offset of slots
    slots       capacity value words; slot i belongs to the i-th attribute name of the class

A class record is a list: the name ``module:qualname``, then the attribute names in slot order.
"""

from __future__ import annotations

import random
import struct
import zlib
from enum import IntEnum

LAYOUT_NAME = "pmemobj.python"
LAYOUT_VERSION = 1
KNOWN_INCOMPAT_FEATURES = 0

# ---- libpmemobj's own file format (pool_hdr.h and obj.h of PMDK), as far as it is read here ----
POOL_SIGNATURE = b"PMEMOBJ\0"
POOL_LAYOUT_NAME = slice(4096, 4096 + 1024)
POOL_ROOT_OFFSET = 6144
POOL_HEADER_SIZE = 8192
#: In the header: where the lanes lie and how many there are.
POOL_LANES_OFFSET = 5120
POOL_LANE_COUNT = 5128
#: One lane: three logs, each a header (checksum, next, capacity, ...) and its entries.
LANE_SIZE = 3072
#: Offset in the lane and capacity of its logs: internal redo, external redo, undo.
LANE_LOGS = ((0, 192), (256, 640), (960, 2048))
LOG_NEXT = 8
LOG_CAPACITY = 16
LOG_HEADER_SIZE = 64
#: In an entry of an undo log: what it has snapshotted (8 bytes), a checksum, the length, the bytes.
ENTRY_LENGTH = 16
MIN_POOL_SIZE = 8 * 1024 * 1024
#: libpmemobj's header before each allocation ("compact"): its size, then its type number.
ALLOCATION_HEADER_SIZE = 16
ALLOCATION_SIZE_MASK = (1 << 48) - 1
#: In the word of the size: the allocation is libpmemobj's own, such as the root object or a log.
ALLOCATION_INTERNAL = 1 << 63
#: Largest single allocation that libpmemobj makes (PMEMOBJ_MAX_ALLOC_SIZE).
MAX_ALLOCATION = 0x3FFDFFFC0

# ---- the root object ----
ROOT_SIZE = 256
ROOT_MAGIC = b"PyPmObj\x01"
ROOT_STATE = 32
ROOT_VALUE = 40
ROOT_CLASSES = 48
#: Closed in good order, free of garbage.
STATE_CLEAN = 0
#: In use; found at open it means that the last process did not come to close it.
STATE_OPEN = 1
#: Let go of in good order, but not searched for garbage.
STATE_SUSPENDED = 2

_IDENTITY = struct.Struct("<8sIIII")
_CHECKSUM = struct.Struct("<Q")
ROOT_IDENTITY_SIZE = _IDENTITY.size + _CHECKSUM.size

# ---- value words ----
TAG_MASK = 0xF
TAG_CONTAINER = 0x0
TAG_LEAF = 0x4
TAG_STR = 0x8
TAG_REST = 0xC
ABSENT = 0
WORD_NONE = 0x0C
WORD_FALSE = 0x1C
WORD_TRUE = 0x2C
WORD_ZERO = 0x3C
WORD_MINUS_ZERO = 0x4C
WORD_INF = 0x5C
WORD_MINUS_INF = 0x6C
SHORT_BYTES = 0x8C
#: Longest str (in UTF-8) or bytes that fits into a word.
SHORT_MAX = 7
WORD = 8
ALIGNMENT = 16

# ---- headers ----
HEADER_MARK = 0xB5


class Kind(IntEnum):
    """What an allocation is; stored in headers and as libpmemobj type number."""

    STR = 1
    BYTES = 2
    INT = 3
    FLOAT = 4
    COMPLEX = 5
    PICKLE = 6
    DATE = 7
    TIME = 8
    DATETIME = 9
    TIMEDELTA = 10
    DECIMAL = 11
    FRACTION = 12
    UUID = 13
    RANGE = 14
    KEY_TUPLE = 15
    LIST = 16
    DICT = 17
    SET = 18
    TUPLE = 19
    OBJECT = 20
    BYTEARRAY = 21
    ARRAY = 22
    EXTENSION = 24
    LIST_ITEMS = 64
    DICT_TABLE = 65
    OBJECT_SLOTS = 66
    SET_TABLE = 67
    BYTEARRAY_DATA = 68
    ARRAY_DATA = 69
    BLOCK_WORDS = 70
    BLOCK_BYTES = 71


ALL_KINDS = frozenset(Kind)
LEAF_KINDS = frozenset(kind for kind in Kind if kind < 16)
CONTAINER_KINDS = frozenset(kind for kind in Kind if 16 <= kind < 64)

LIST_SIZE = 32
DICT_SIZE = 32
TABLE_ENTRIES = 16
ENTRY_SIZE = 24
OBJECT_SIZE = 24


def header(kind: int, detail: int = 0) -> int:
    """The header word of an allocation of `kind`."""
    return kind | HEADER_MARK << 8 | detail << 16


def new_header(kind: int, number: int = 0) -> int:
    """The header word of a new container, with its class number and a random stamp."""
    return header(kind, number | random.getrandbits(24) << 24)


def class_number(word: int) -> int:
    """The class number in the header word of an object."""
    return word >> 16 & 0xFFFFFF


def kind_of(word: int) -> int:
    """The kind that a header word names, or 0 where the word is no header."""
    return word & 0xFF if (word >> 8) & 0xFF == HEADER_MARK else 0


def root_identity() -> bytes:
    """The first bytes of a new root object: magic, versions and their checksum."""
    identity = _IDENTITY.pack(ROOT_MAGIC, LAYOUT_VERSION, KNOWN_INCOMPAT_FEATURES, 0, 0)
    return identity + _CHECKSUM.pack(zlib.crc32(identity))


def parse_root_identity(data: bytes) -> tuple[int, int] | None:
    """Read what `root_identity` wrote.

    Returns:
        Layout version and incompatible features, or None where magic or checksum are wrong.
    """
    magic, version, incompat, _, _ = _IDENTITY.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _IDENTITY.size)
    if magic != ROOT_MAGIC or checksum != zlib.crc32(data[: _IDENTITY.size]):
        return None
    return version, incompat


assert _IDENTITY.size == 24 and ROOT_IDENTITY_SIZE == ROOT_STATE
assert ROOT_CLASSES + WORD <= ROOT_SIZE and len(ROOT_MAGIC) == 8
assert not any(word & 1 or word & 3 == 2 for word in (WORD_NONE, WORD_FALSE, WORD_TRUE, SHORT_BYTES))
