"""Whether the contents of a pool fit together, judged from the documented layout alone.

The tests call `assert_sound` after whatever might have damaged a pool. It shares no code with the
containers: it reads words and follows `_layout`. What it finds out is what a user would notice much
later: a slot that refers to freed memory, a leaf that two slots own, an index that misses an entry.
"""

from __future__ import annotations

import struct
from collections import Counter

import pmemobj
from pmemobj import _layout as layout
from pmemobj._layout import Kind

_BODY_OF = {Kind.LIST: Kind.LIST_ITEMS, Kind.DICT: Kind.DICT_TABLE, Kind.OBJECT: Kind.OBJECT_SLOTS}


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
            return []
        assert kind in layout.CONTAINER_KINDS, f"no container at {offset:#x}"
        if offset in self.reached:
            return []
        self.demand(offset, kind, {Kind.LIST: 32, Kind.DICT: 32, Kind.OBJECT: 24, Kind.EXTENSION: 16}[Kind(kind)])
        return {
            Kind.LIST: self.list,
            Kind.DICT: self.dict,
            Kind.OBJECT: self.object,
            Kind.EXTENSION: self.extension,
        }[Kind(kind)](offset)

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

    def object(self, offset: int) -> list[int]:
        capacity, row = self.heap.read_words(offset + 8, 2)
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
        live, used, table = self.heap.read_words(offset + 8, 3)
        if not table:
            assert live == used == 0
            return []
        slots, capacity = self.heap.read_words(table, 2)
        assert live <= used <= capacity < slots and slots & (slots - 1) == 0
        index_at = 16 + 24 * capacity
        self.own(table, Kind.DICT_TABLE, index_at + 4 * slots)
        raw = self.heap.read_bytes(table + index_at, 4 * slots)
        index = [int.from_bytes(raw[at : at + 4], "little") for at in range(0, len(raw), 4)]
        entries = [tuple(self.heap.read_words(table + 16 + 24 * at, 3)) for at in range(used)]
        present = [entry for entry in entries if entry[1] != layout.ABSENT]
        assert len(present) == live, f"dict at {offset:#x} counts {live} keys and has {len(present)}"
        assert max(index) <= used
        numbers = [number for number in index if number]
        assert len(numbers) == len(set(numbers)), f"dict at {offset:#x} has an entry twice in its index"
        for at, (key_hash, key, _) in enumerate(entries):
            if key != layout.ABSENT:
                assert self.is_found(index, key_hash, at + 1), f"dict at {offset:#x} cannot find entry {at}"
        return [word for _, key, value in present for word in (key, value)]

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
