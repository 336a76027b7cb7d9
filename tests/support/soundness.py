"""Whether the contents of a pool fit together, judged from the documented layout alone.

The tests call `assert_sound` after whatever might have damaged a pool. It shares no code with the
containers: it reads words and follows `_layout`. What it finds out is what a user would notice much
later: a slot that refers to freed memory, a leaf that two slots own, an index that misses an entry.
"""

from __future__ import annotations

import math
import re
import struct
from collections import Counter

import pmemobj
from pmemobj import _format as layout
from pmemobj._format import Kind


def assert_sound(pool: pmemobj.PersistentObjectPool, *, no_garbage: bool = False) -> None:
    """Fail unless everything that the root reaches is whole.

    Args:
        pool: An open pool.
        no_garbage: Whether every allocation must be reachable, as it is after a collection
            without live handles.
    """
    found = _Inspection(pool)
    shared = [f"{offset:#x}" for offset, owners in found.owners.items() if owners > 1]
    assert not shared, f"owned by more than one slot: {shared}"
    if no_garbage:
        orphans = {hex(at): kind for at, (_, kind) in found.allocations.items() if at not in found.reached}
        assert not orphans, f"nothing refers to {orphans}"


class _Inspection:
    def __init__(self, pool: pmemobj.PersistentObjectPool) -> None:
        self.heap = heap = pool._heap
        self.allocations = {offset: (size, kind) for offset, size, kind in heap.allocations()}
        self.reached: set[int] = set()
        #: How many slots own a leaf or a body.
        self.owners: Counter[int] = Counter()
        waiting = [heap.read(heap.root_offset + at) for at in (layout.ROOT_VALUE, layout.ROOT_CLASSES)]
        while waiting:
            waiting += self.follow(waiting.pop())

    def follow(self, word: int) -> list[int]:
        """Check what a value word refers to; return the words in there, if they are new."""
        assert word != layout.ABSENT
        tag = word & layout.TAG_MASK
        if word & 1 or word & 3 == 2 or tag not in (layout.TAG_LEAF, layout.TAG_CONTAINER):
            return []
        offset = word & ~layout.TAG_MASK
        head = self.heap.read(offset)
        kind = layout.kind_of(head)
        if tag == layout.TAG_LEAF:
            assert kind in layout.LEAF_KINDS, f"no leaf at {offset:#x}"
            self.own(offset, kind, layout.WORD + (head >> 16))
            payload = self.heap.read_bytes(offset + layout.WORD, head >> 16)
            if kind == Kind.PLAIN_CONTAINER:
                self.plain_container(payload)
            else:
                assert _is_payload(kind, payload), f"{Kind(kind).name} at {offset:#x} with payload {payload[:50]!r}"
            return []
        assert kind in layout.CONTAINER_KINDS, f"no container at {offset:#x}"
        if offset in self.reached:
            return []
        size, follow = {
            Kind.LIST: (32, self.list),
            Kind.DICT: (32, self.dict),
            Kind.SET: (32, self.set),
            Kind.DEQUE: (40, self.deque),
            Kind.TUPLE: (16, self.tuple),
            Kind.FROZENSET: (16, self.tuple),
            Kind.OBJECT: (24, self.object),
            Kind.BYTEARRAY: (32, self.bytearray),
            Kind.ARRAY: (48, self.array),
            Kind.EXTENSION: (16, self.extension),
        }[Kind(kind)]
        self.demand(offset, kind, size)
        # A container whose class number is not 0 is of a program's own class, and has attributes unless it is immutable.
        has_attributes = head >> 16 & 0xFFFFFF and kind in (Kind.LIST, Kind.DICT, Kind.SET, Kind.BYTEARRAY, Kind.ARRAY, Kind.DEQUE)
        return follow(offset) + (self.attributes(offset, kind, size) if has_attributes else [])

    def demand(self, offset: int, kind: int, size: int) -> None:
        """The offset must be that of an allocation of this kind with room for `size` bytes."""
        assert offset in self.allocations, f"{Kind(kind).name} at {offset:#x} is not allocated"
        usable, is_kind = self.allocations[offset]
        assert is_kind == kind, f"{offset:#x} is of kind {is_kind}, not {kind}"
        assert size <= usable, f"{Kind(kind).name} at {offset:#x} needs {size} bytes and has {usable}"
        self.reached.add(offset)

    def own(self, offset: int, kind: int, size: int) -> None:
        self.demand(offset, kind, size)
        self.owners[offset] += 1

    def list(self, offset: int) -> list[int]:
        length, capacity, items = self.heap.read_words(offset + 8, 3)
        assert length <= capacity
        if not items:
            assert capacity == 0
            return []
        self.own(items, Kind.LIST_ITEMS, 8 * capacity)
        return list(self.heap.read_words(items, length))

    def deque(self, offset: int) -> list[int]:
        state, capacity, items, limit = self.heap.read_words(offset + 8, 4)
        first, length = state >> 32, state & 0xFFFFFFFF
        assert length <= capacity and (first < capacity or first == 0) and (not limit or length < limit)
        if not items:
            assert capacity == 0
            return []
        self.own(items, Kind.DEQUE_ITEMS, 8 * capacity)
        words = self.heap.read_words(items, capacity)
        return [words[(first + at) % capacity] for at in range(length)]

    def tuple(self, offset: int) -> list[int]:
        length = self.heap.read(offset + 8)
        self.demand(offset, Kind(self.heap.read(offset) & 0xFF), 16 + 8 * length)
        return list(self.heap.read_words(offset + 16, length))

    def object(self, offset: int) -> list[int]:
        return self.attributes(offset, Kind.OBJECT, 8)

    def attributes(self, offset: int, kind: int, at: int) -> list[int]:
        """The attributes of an object, to which the two words behind its first `at` bytes lead."""
        self.demand(offset, kind, at + 16)
        capacity, row = self.heap.read_words(offset + at, 2)
        if not row:
            assert capacity == 0
            return []
        self.own(row, Kind.OBJECT_SLOTS, 8 * capacity)
        return [word for word in self.heap.read_words(row, capacity) if word != layout.ABSENT]

    def extension(self, offset: int) -> list[int]:
        counts = self.heap.read(offset + 8)
        values, blocks, raw = counts & 0xFFFF, counts >> 16 & 0xFFFF, counts >> 32
        self.demand(offset, Kind.EXTENSION, 16 + 8 * (values + blocks) + raw)
        words = self.heap.read_words(offset + 16, values)
        for slot, block in enumerate(self.heap.read_words(offset + 16 + 8 * values, blocks)):
            if block:
                words += self.block(block, offset, slot)
        return [word for word in words if word != layout.ABSENT]

    def block(self, offset: int, owner: int, slot: int) -> list[int]:
        head, elements, is_owner, is_slot = self.heap.read_words(offset, 4)
        assert (is_owner, is_slot) == (owner, slot), f"block at {offset:#x} is not that of {owner:#x}"
        code, count, kind = chr(elements & 0xFF), elements >> 8, layout.kind_of(head)
        assert kind == (Kind.BLOCK_WORDS if code == "v" else Kind.BLOCK_BYTES)
        self.own(offset, kind, 32 + count * (8 if code == "v" else struct.calcsize("<" + code)))
        return list(self.heap.read_words(offset + 32, count)) if code == "v" else []

    def dict(self, offset: int) -> list[int]:
        return self.table(offset, 3, Kind.DICT_TABLE)

    def set(self, offset: int) -> list[int]:
        return self.table(offset, 2, Kind.SET_TABLE)

    def table(self, offset: int, width: int, kind: Kind) -> list[int]:
        """A dict or a set, whose entries have so many words."""
        deleted, used, table = self.heap.read_words(offset + 8, 3)
        if not table:
            assert deleted == used == 0
            return []
        slots, capacity, texts = self.heap.read_words(table, 3)
        assert deleted <= used <= capacity < slots and slots & (slots - 1) == 0
        index_at = 24 + 8 * width * capacity
        self.own(table, kind, index_at + 4 * slots + texts)
        raw = self.heap.read_bytes(table + index_at, 4 * slots)
        index = [int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4)]
        entries = [tuple(self.heap.read_words(table + 24 + 8 * width * at, width)) for at in range(used)]
        present = [entry for entry in entries if entry[1] != layout.ABSENT]
        assert len(present) == used - deleted, f"table of {offset:#x}: {used} - {deleted} keys, and {len(present)}"
        # A slot has a number and the upper bits of the hash. A key that a crash kept from being added may have left one.
        bits = slots - 1
        marks = {held & bits: held - (held & bits) for held in index}
        assert slots >= 8 and all(marks[n] == entries[n - 1][0] % 2**32 & ~bits for n in range(1, used + 1))
        index = [held & bits if held & bits <= used else 0 for held in index]
        assert sorted(number for number in index if number) == list(range(1, used + 1))
        names = {(entry[0], self.name_of_key(entry[1])) for entry in present}
        assert len(names) == len(present), f"table of {offset:#x} has a key twice"
        for at, (key_hash, key, *values) in enumerate(entries):
            assert self.is_found(index, key_hash, at + 1), f"table of {offset:#x} cannot find entry {at}"
            assert all((word == layout.ABSENT) == (key == layout.ABSENT) for word in values)
        taken = self.texts(present, table + index_at + 4 * slots, texts)
        return [word for entry in present for word in entry[1:] if word not in taken]

    def texts(self, entries: list[tuple[int, ...]], start: int, size: int) -> set[int]:
        """Check the texts of packed keys, which lie in `size` bytes from `start` on; return the words of these keys."""
        words = {entry[1] for entry in entries if entry[1] & 0xFF == 0x88}
        free = set(range(start, start + size, 8))
        assert size % 8 == 0
        for word in words:
            place, length = word >> 16, word >> 8 & 0xFF
            parts = set(range(place, place + length, 8))
            assert parts <= free, f"the text at {place:#x} is not all in the table, or that of two keys"
            free -= parts
            self.heap.read_bytes(place, length).decode("utf-8", "surrogatepass")
        return words

    def name_of_key(self, word: int) -> int | bytes:
        """The same for the same key: the word, or the bytes of a leaf."""
        if word & 0xFF == 0x88:
            text = bytes(self.heap.read_bytes(word >> 16, word >> 8 & 0xFF))
            return struct.pack("<Q", layout.header(Kind.STR, len(text))) + text
        if word & 15 != layout.TAG_LEAF:
            return word
        size = self.heap.read(word & ~15) >> 16
        return bytes(self.heap.read_bytes(word & ~15, 8 + size))

    def plain_container(self, payload: bytes) -> None:
        """A word for each item, and then what it announces; before those of a frozenset a mark, and then in order."""
        if payload[:8] == (3 << 8).to_bytes(8, "little"):
            payload = payload[8:]
        while payload:
            head = int.from_bytes(payload[:8], "little")
            kind, detail, payload = head & 0xFF, head >> 8, payload[8:]
            if kind == 0:
                assert detail <= 2
                continue
            assert kind in layout.LEAF_KINDS and detail <= len(payload)
            if kind == Kind.PLAIN_CONTAINER:
                self.plain_container(payload[:detail])
            payload = payload[detail:]

    def bytearray(self, offset: int) -> list[int]:
        self.area(offset, Kind.BYTEARRAY_DATA)
        return []

    def array(self, offset: int) -> list[int]:
        length = self.area(offset, Kind.ARRAY_DATA)
        code, shape_at = self.heap.read_words(offset + 32, 2)
        size = {**dict.fromkeys(b"bB?", 1), **dict.fromkeys(b"hH", 2), **dict.fromkeys(b"iIf", 4)}.get(code, 8)
        assert code in b"bBhHiIlLqQfd?" and length % size == 0
        if shape_at:
            dimensions = self.heap.read(shape_at)
            self.own(shape_at, Kind.ARRAY_DATA, 8 + 8 * dimensions)
            assert dimensions > 1 and math.prod(self.heap.read_words(shape_at + 8, dimensions)) == length // size
        return []

    def area(self, offset: int, kind: Kind) -> int:
        """Check the area of bytes of an object; return how many of them count."""
        length, capacity, data = self.heap.read_words(offset + 8, 3)
        assert length <= capacity and capacity % 8 == 0 and bool(capacity) == bool(data)
        if data:
            self.own(data, kind, capacity)
        return int(length)

    @staticmethod
    def is_found(index: list[int], key_hash: int, number: int) -> bool:
        """CPython's probing sequence, as the layout names it."""
        mask = len(index) - 1
        slot, perturb = key_hash & mask, key_hash
        for _ in range(len(index) + 13):
            if index[slot] in (0, number):
                return index[slot] == number
            perturb >>= 5
            slot = (slot * 5 + perturb + 1) & mask
        return False


# ---- payloads --------------------------------------------------------------------------------------

_DAYS = 3652059
_DAY = 24 * 60 * 60 * 10**6
_DECIMAL = re.compile(rb"-?(\d+(\.\d+)?(E[+-]\d+)?|Infinity|s?NaN\d*)")


def _is_payload(kind: int, data: bytes) -> bool:
    """Whether bytes have the documented form of a leaf's payload, for the kinds that have more to say than a size."""
    number = int.from_bytes(data[:8], "little")
    if kind == Kind.DATE:
        return len(data) == 4 and 1 <= number <= _DAYS
    if kind in (Kind.TIME, Kind.DATETIME):
        moments = _DAY if kind == Kind.TIME else _DAYS * _DAY
        return len(data) >= 8 and number // 2 < moments and _is_zone(data[8:])
    if kind == Kind.TIMEDELTA:
        return 1 <= len(data) <= 9
    if kind == Kind.DECIMAL:
        return _DECIMAL.fullmatch(data) is not None
    if kind == Kind.UUID:
        return len(data) == 16 or (len(data) == 17 and data[16] <= 1)
    if kind in (Kind.FRACTION, Kind.RANGE):
        return _is_ints(data, 2 if kind == Kind.FRACTION else 3)
    return True


def _is_zone(data: bytes) -> bool:
    sizes = {1: range(9, 10), 2: range(9, 1000), 3: range(2, 1000)}
    return not data or (data[0] in sizes and len(data) in sizes[data[0]])


def _is_ints(data: bytes, count: int) -> bool:
    for _ in range(count):
        head = re.match(rb"[\x80-\xff]*[\x00-\x7f]", data, re.DOTALL)
        if head is None:
            return False
        size = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(head[0]))
        data = data[head.end() :]
        if not 1 <= size <= len(data):
            return False
        data = data[size:]
    return not data
