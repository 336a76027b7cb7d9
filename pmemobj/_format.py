"""The layout of a pool, byte by byte. The numbers of the layout are defined here and nowhere else.

All integers are little-endian and unsigned. Offsets count bytes from the start of the pool file;
offsets of allocations are multiples of 16, so that their four low bits are free for tags.

The root object (`ROOT_SIZE` bytes, allocated by ``pmemobj_root``)::

    +0    8  magic               ROOT_MAGIC
    +8    4  layout version      LAYOUT_VERSION; a pool with another version is refused
    +12   4  incompatible features   a pool with an unknown bit is refused
             bit 0: it may have containers of a program's own classes, or of kinds from FIRST_LATER_KIND on
    +16   4  compatible features     unknown bits are ignored
    +20   4  reserved            0
    +24   8  checksum            CRC-32 of the 24 bytes before
    +32   8  state               one of STATE_*, or the number of a journal: how the last process left the pool
    +40   8  root                a value word: the value of `pool.root`
    +48   8  classes             a value word: the class table (a list of class records)
    +56      reserved            0

A value word (8 bytes) holds any value. Its low bits tell which form the value has::

    ...........1   int           a signed integer of 63 bits above the tag
    ........SC10   float         sign S, exponent 0b011xxxxxxxx (C = 0) or 0b100xxxxxxxx (C = 1); the
                                 other 60 bits of the double stand above (see `_values.words`)
    00000...0000   absent        the whole word is 0: a slot that is not used; no value has this word
    ........0000   container     the offset of a shared object, which garbage collection finds by tracing
    ........0100   leaf          the offset plus 4 of an immutable value, which belongs to this slot alone
    ....LLLL1000   short str     L bytes (0-7) of UTF-8 follow in the higher bytes
    ....10001000   packed str    only for keys: 8 bits of size, then 48 bits of the offset of its UTF-8, which
                                 lies in the table that the key is in
    ....KKKK1100   the rest      K = 0 None, 1 False, 2 True, 3 0.0, 4 -0.0, 5 inf, 6 -inf;
                                 K = 8 + L: bytes, L (0-7) follow

Every allocation has its kind as its libpmemobj type number. Leaves and containers also begin with a header word, so
that they can be recognised by their bytes alone::

    bits 0-7    kind             one of Kind
    bits 8-15   HEADER_MARK      tells a header from other bytes
    bits 16-63  detail           leaf: payload size in bytes
                                 container: 24 bits class number, 24 bits stamp, which distinguishes it from a
                                 later container at the same offset. The class number of an object or extension is
                                 the position of its class record; that of a list, dict, ... is 0, or, if the class
                                 of the program is derived from such a container, the position plus 1

    leaf        +0 header  +8 payload
    list        +0 header  +8 length  +16 capacity  +24 offset of items
    items       capacity value words; the words at and beyond length have no meaning
    deque       +0 header  +8 state: 32 bits number of items, 32 bits position of the first  +16 capacity
                +24 offset of items  +32 the largest number of items plus 1, or 0 for any number
    items       capacity value words; the items of a deque lie one behind the other from the position of the first
                on, and go on at place 0 behind the last place; the words at other places have no meaning
    dict        +0 header  +8 entries deleted  +16 entries used, deleted ones included  +24 offset of table
    table       +0 index slots  +8 entry capacity  +16 bytes of texts  +24 entries  then the index, then the texts
                an entry is hash, key word, value word (24 bytes; a deleted entry has key 0)
                the number of slots is a power of two, at least 8, and greater than the capacity; each slot of the index
                has 4 bytes. Its low bits (as many as are needed to number the slots) hold the number of an entry
                plus 1, or, for an empty slot, 0 or a number above that of the used entries. The bits above are
                those that the lower half of the entry's hash has in their place. The index is what CPython's
                probing makes of the hashes of all used entries, inserted in the order of their numbers.
                (A key is added by three stores: the entry and its text, its slot, the count. Before the last
                store the key is not there.)
                the texts are those of the packed keys, in any order, each filled up to whole words; they may
                reach to the end of the allocation, and the texts of deleted keys remain
    set         +0 header  +8 entries deleted  +16 entries used, deleted ones included  +24 offset of table
    table       the same as the table of a dict, but an entry is hash and key word (16 bytes)
    tuple       +0 header  +8 length  +16 items, length value words; they never change
    frozenset   the same as a tuple; no two items are equal
    object      +0 header  +8 slot capacity  +16 offset of slots
    slots       capacity value words; slot i belongs to the i-th attribute name of the class
                (a list, dict, set, bytearray or array of a program's own class has two more words than others of
                its kind: the slot capacity and the offset of the slots. A tuple or frozenset has none.)
    bytearray   +0 header  +8 length  +16 capacity  +24 offset of data (0 where the capacity is 0)
    array       +0 header  +8 length  +16 capacity  +24 offset of data  +32 type code (one ASCII
                character)  +40 offset of the shape, or 0: data that is the number of
                dimensions (2 or more) and the elements in each, a word each
    data        capacity bytes (a multiple of 8), little-endian; the bytes at and beyond length have no
                meaning. Length and capacity count bytes, also for an array

A tuple or frozenset of values (PLAIN_CONTAINER) is a leaf. Its payload is the items one after the other, each as a
word and what the word announces::

    bits 0-7    kind             of a leaf: its payload follows; or 0
    bits 8-63   detail           the size of that payload; of kind 0: 0 None, 1 False, 2 True

If the first item is of kind 0 with the detail 3, it announces that the others are those of a frozenset. They are in the
order of their bytes.

The payload of a leaf, by kind. Ints are signed here, and take as few bytes as they need::

    str         UTF-8; lone surrogates as three bytes each
    bytes       the bytes themselves
    int         one int, which fills the payload
    float       8 bytes, IEEE 754
    complex     two doubles: the real and the imaginary part
    pickle      protocol 5
    date        4 bytes: the number of the day; the 1st of January of the year 1 is day 1
    time        8 bytes: microseconds of the day times 2, plus the fold; then the zone
    datetime    8 bytes: microseconds from the beginning of the year 1, by the clock of the zone, times 2, plus
                the fold; then the zone
    zone        nothing for a naive value; else a byte and
                1   8 bytes: the offset from UTC in microseconds, signed
                2   the same, then the name of the zone in UTF-8
                3   the key of a zoneinfo.ZoneInfo in UTF-8
    timedelta   one int: the whole duration in microseconds
    Decimal     the text that the General Decimal Arithmetic Specification calls a scientific string, in ASCII
    Fraction    two sized ints: numerator and denominator, in lowest terms
    UUID        16 bytes in the order of RFC 4122; a 17th if its safety is known: 0 safe, 1 unsafe
    range       three sized ints: start, stop and step
    sized int   the number of its bytes (seven bits a byte, lowest first, all but the last with bit 7 set), then
                these bytes

    extension   +0 header  +8 counts: V value words (16 bits), B blocks (16 bits), R raw bytes (32 bits)
                +16 V value words (0: None), then B offsets of blocks (0: none), then R raw bytes
    block       +0 header (48 random bits)  +8 element code (8 bits), count of elements (56 bits)
                +16 offset of the extension that owns it, or 0  +24 which of its B blocks it is  +32 elements
                block of words: value words (0: None), code "v"; block of bytes: numbers of struct's code

A class record is a list: the name ``module:qualname``, then the attribute names in the order of their slots. The record
of an extension has one bytes instead of these names: ``name=code`` of each field, separated by spaces. Value words and
blocks stand in the order of the fields. Raw fields do too, each at the next multiple of its size.
"""

from __future__ import annotations

import struct
import zlib
from _random import Random  # the module random takes ten times as long to import
from enum import IntEnum
from itertools import accumulate

LAYOUT_NAME = "pmemobj.python"
LAYOUT_VERSION = 2
#: The pool may have what releases before this bit would overlook, and so free: see the table above.
FEATURE_LATER_KINDS = 1
KNOWN_INCOMPAT_FEATURES = FEATURE_LATER_KINDS

# ---- the parts of libpmemobj's own file format (pool_hdr.h and obj.h of PMDK) that this package reads ----
POOL_SIGNATURE = b"PMEMOBJ\0"
POOL_LAYOUT_NAME = slice(4096, 4096 + 1024)
POOL_HEAP_OFFSET = 5136
POOL_ROOT_OFFSET = 6144
POOL_HEAP_SIZE = 6176
#: The identity of a pool, which its copies share; and a number that libpmemobj raises by 2 whenever it opens the pool.
POOL_IDENTITY = slice(24, 40)
POOL_RUN_ID = 6152
#: Features that a program must know to open the pool, and the feature that only the header of a growing pool has.
POOL_INCOMPAT_FEATURES = slice(16, 20)
FEATURE_SINGLE_HEADER = 1
POOL_HEADER_SIZE = 8192
#: In the header: the offset of the lanes, and their number.
POOL_LANES_OFFSET = 5120
POOL_LANE_COUNT = 5128
#: The bytes that the checksum at their end covers (Fletcher's, computed with zeros in place of the checksum).
POOL_DESCRIPTOR = slice(4096, 6144)
POOL_DESCRIPTOR_CHECKSUM = 6136
#: Bytes of a lane: three logs, each with a header (checksum, next, capacity, ...) and entries.
LANE_SIZE = 3072
#: Offset in the lane and capacity of each log: internal redo, external redo, undo. When libpmemobj has finished with a
#: log, it may clear the whole header, the capacity included.
LANE_LOGS = ((0, 192), (256, 640), (960, 2048))
LOG_NEXT = 8
LOG_CAPACITY = 16
LOG_HEADER_SIZE = 64
#: An entry of an undo log: the place of the snapshot (8 bytes), a checksum, the length, the bytes. The checksum is
#: Fletcher's, over the entry with zeros in place of the checksum, and over the generation in the header of the log.
LOG_GENERATION = 24
ENTRY_CHECKSUM = 8
ENTRY_LENGTH = 16
ENTRY_DATA = 24
#: The highest bits of the place are the kind of the entry. Undo logs only have entries of bytes to be restored.
ENTRY_KIND_SHIFT = 61
ENTRY_OF_BYTES = 6
MIN_POOL_SIZE = 8 * 1024 * 1024
#: The smallest part of a growing pool (PMEMOBJ_MIN_PART).
MIN_PART_SIZE = 2 * 1024 * 1024
#: libpmemobj's header before each allocation (of the kind "compact"): the size, then the type number.
ALLOCATION_HEADER_SIZE = 16
ALLOCATION_SIZE_MASK = (1 << 48) - 1
#: The type number stands so many bytes before the allocation.
ALLOCATION_TYPE = 8
#: This bit in the word of the size marks an allocation of libpmemobj's own, such as the root object or a log.
ALLOCATION_INTERNAL = 1 << 63
#: The largest single allocation that libpmemobj makes (PMEMOBJ_MAX_ALLOC_SIZE).
MAX_ALLOCATION = 0x3FFDFFFC0

# ---- the root object ----
ROOT_SIZE = 256
ROOT_MAGIC = b"PyPmObj\x01"
ROOT_STATE = 32
ROOT_VALUE = 40
ROOT_CLASSES = 48
#: The pool was closed in good order, and is free of garbage.
STATE_CLEAN = 0
#: The pool is in use. If this state is found at open, the last process did not close the pool.
STATE_OPEN = 1
#: The pool was unmapped in good order, but may have garbage.
STATE_SUSPENDED = 2
#: The low byte of the state of a pool that is in use, and whose last commits are in the journal beside it; the other
#: bytes are the number of that journal. An earlier release takes it for a pool that was not closed.
STATE_JOURNAL = 3
STATE_JOURNAL_MASK = 0xFF

_IDENTITY = struct.Struct("<8sIIII")
_CHECKSUM = struct.Struct("<Q")
ROOT_IDENTITY_SIZE = _IDENTITY.size + _CHECKSUM.size

# ---- value words ----
TAG_MASK = 0xF
TAG_CONTAINER = 0x0
TAG_LEAF = 0x4
TAG_STR = 0x8
TAG_REST = 0xC
#: At least one of these bits is set in a word that is a value by itself, and none in a word that leads to memory.
IMMEDIATE_BITS = 0xB
ABSENT = 0
WORD_NONE = 0x0C
WORD_FALSE = 0x1C
WORD_TRUE = 0x2C
WORD_ZERO = 0x3C
WORD_MINUS_ZERO = 0x4C
WORD_INF = 0x5C
WORD_MINUS_INF = 0x6C
SHORT_BYTES = 0x8C
#: The longest str (in UTF-8) or bytes that fits into a word.
SHORT_MAX = 7
#: The lowest byte of the word of a key whose text is packed into its table.
PACKED_STR = 0x88
PACKED_MAX = 255
#: The lowest bits of the size and of the offset in that word.
PACKED_SIZE_SHIFT, PACKED_OFFSET_SHIFT = 8, 16
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
    PLAIN_CONTAINER = 15
    KEY_TUPLE = 15  # its former name, which stands in dumps: at first only keys could be such tuples
    LIST = 16
    DICT = 17
    SET = 18
    TUPLE = 19
    OBJECT = 20
    BYTEARRAY = 21
    ARRAY = 22
    FROZENSET = 23
    EXTENSION = 24
    DEQUE = 25
    LIST_ITEMS = 64
    DICT_TABLE = 65
    OBJECT_SLOTS = 66
    SET_TABLE = 67
    BYTEARRAY_DATA = 68
    ARRAY_DATA = 69
    BLOCK_WORDS = 70
    BLOCK_BYTES = 71
    DEQUE_ITEMS = 72


ALL_KINDS = frozenset(Kind)
LEAF_KINDS = frozenset(kind for kind in Kind if kind < 16)
CONTAINER_KINDS = frozenset(kind for kind in Kind if 16 <= kind < 64)
#: From this kind on, a pool with such a container says so in its features.
FIRST_LATER_KIND = 25
#: The kinds of containers that have a hash table.
KEYED_KINDS = frozenset({Kind.DICT, Kind.SET})
BLOCK_KINDS = frozenset({Kind.BLOCK_WORDS, Kind.BLOCK_BYTES})

LIST_SIZE = 32
DICT_SIZE = 32
SET_SIZE = 32
#: The hash of a str is begun with this number.
STR_SEED = 0x5D
#: Offsets in a dict or a set.
DICT_DELETED, DICT_USED, DICT_TABLE = 8, 16, 24
#: Offsets in its table.
TABLE_SLOTS, TABLE_CAPACITY, TABLE_TEXTS, TABLE_ENTRIES = 0, 8, 16, 24
#: Offsets in an entry.
ENTRY_HASH, ENTRY_KEY, ENTRY_VALUE = 0, 8, 16
ENTRY_SIZE = 24
SET_ENTRY_SIZE = 16
OBJECT_SIZE = 24
#: The kinds of containers that never change, so that they are compared by their contents, and are keys by them.
IMMUTABLE_KINDS = frozenset({Kind.TUPLE, Kind.FROZENSET})
#: The offset of the items in a tuple or frozenset.
TUPLE_ITEMS = 16
BYTEARRAY_SIZE = 32
ARRAY_SIZE = 48
DEQUE_SIZE = 40
#: The bytes of a container itself, for the kinds from which a program may derive classes whose objects have attributes.
SIZES_WITHOUT_ATTRIBUTES = {
    Kind.LIST: LIST_SIZE,
    Kind.DICT: DICT_SIZE,
    Kind.SET: SET_SIZE,
    Kind.BYTEARRAY: BYTEARRAY_SIZE,
    Kind.ARRAY: ARRAY_SIZE,
    Kind.DEQUE: DEQUE_SIZE,
}
#: The kinds from which a program may derive classes at all.
DERIVABLE_KINDS = IMMUTABLE_KINDS | SIZES_WITHOUT_ATTRIBUTES.keys()
#: The bytes of the slot capacity and of the offset of the slots.
ATTRIBUTES_SIZE = 16
EXTENSION_COUNTS = 8
EXTENSION_BODY = 16
BLOCK_ELEMENTS = 8
BLOCK_OWNER = 16
BLOCK_SLOT = 24
BLOCK_DATA = 32


def header(kind: int, detail: int = 0) -> int:
    """The header word of an allocation of `kind`."""
    return kind | HEADER_MARK << 8 | detail << 16


#: A generator of its own: a program that seeds the shared one would make the stamps repeat.
_chance = Random()


def new_header(kind: int, number: int = 0) -> int:
    """The header word of a new container, with its class number and a random stamp."""
    return header(kind, number | _chance.getrandbits(24) << 24)


def class_number(word: int) -> int:
    """The class number in the header word of an object."""
    return word >> 16 & 0xFFFFFF


def record_number(word: int) -> int:
    """The position of the class record that the header word of a container names; -1 if it names none."""
    number = class_number(word)
    return number if word & 0xFF in (Kind.OBJECT, Kind.EXTENSION) else number - 1


def stamp_of(word: int) -> int:
    """The stamp in the header word of a container."""
    return word >> 40


def kind_of(word: int) -> int:
    """The kind that a header word names; 0 if the word is no header."""
    return word & 0xFF if (word >> 8) & 0xFF == HEADER_MARK else 0


def root_identity(features: int = 0) -> bytes:
    """The first bytes of a root object: magic number, versions, incompatible features and their checksum."""
    identity = _IDENTITY.pack(ROOT_MAGIC, LAYOUT_VERSION, features, 0, 0)
    return identity + _CHECKSUM.pack(zlib.crc32(identity))


def parse_root_identity(data: bytes) -> tuple[int, int] | None:
    """Read the bytes that `root_identity` has written.

    Returns:
        Layout version and incompatible features, or None if the magic number or the checksum is wrong.
    """
    magic, version, incompat, _, _ = _IDENTITY.unpack_from(data)
    (checksum,) = _CHECKSUM.unpack_from(data, _IDENTITY.size)
    if magic != ROOT_MAGIC or checksum != zlib.crc32(data[: _IDENTITY.size]):
        return None
    return version, incompat


assert _IDENTITY.size == 24 and ROOT_IDENTITY_SIZE == ROOT_STATE
assert ROOT_CLASSES + WORD <= ROOT_SIZE and len(ROOT_MAGIC) == 8
assert not any(word & 1 or word & 3 == 2 for word in (WORD_NONE, WORD_FALSE, WORD_TRUE, SHORT_BYTES))


def fletcher64(data: bytes | bytearray) -> int:
    """Fletcher's checksum as libpmemobj computes it, over numbers of 32 bits."""
    numbers = memoryview(data).cast("I").tolist()
    return (sum(accumulate(numbers)) & 0xFFFFFFFF) << 32 | sum(numbers) & 0xFFFFFFFF
