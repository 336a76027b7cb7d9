"""Blocks: pieces of a pool that hold elements of one type and belong to one object.

A block says itself what it is: the kind in its header whether it holds value words or numbers, the
next word the code and the count of its elements, the two after that which object owns it. So it
is traced, shown and freed without the class that made it. A block that nothing owns yet is kept
by its Python object and freed by the garbage collection after that.

A header has 48 random bits, and freeing a block voids its header in the same transaction. A `Block`
remembers the header that it was made for and compares it at every use: one that was freed, or
whose memory has another block by now, says so, and one whose freeing was rolled back works again.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from typing import Any

from pmemobj._containers.base import Persistent, class_finders
from pmemobj._engine.heap import Handle, Heap, attach
from pmemobj._format import (
    ALLOCATION_HEADER_SIZE,
    BLOCK_DATA,
    BLOCK_ELEMENTS,
    BLOCK_KINDS,
    BLOCK_OWNER,
    BLOCK_SLOT,
    EXTENSION_BODY,
    EXTENSION_COUNTS,
    WORD,
    Kind,
    header,
    kind_of,
)
from pmemobj._objects import typed_memory
from pmemobj._objects.class_names import class_missing
from pmemobj._objects.typed_memory import SIZES, VALUE, Location, element_size, settled
from pmemobj._public_names import public_in
from pmemobj._values.words import free_leaf
from pmemobj.errors import BadFieldError, InvalidHandleError, PoolDamagedError

_LETTERS = {VALUE: "v"} | {code: code for code in SIZES}
_CODES = {ord(letter): code for code, letter in _LETTERS.items()}


class Anchor(Handle):
    """What keeps a block that a Python object knows, and is invalidated with it."""

    __slots__ = ("head",)

    head: int


@public_in("pmemobj")
class Block:
    """A row of elements in a pool; made with `MemoryManager.alloc` or `zalloc`.

    ``block[i]`` and ``block[i] = x`` read and write one element, slices (without a step) a list of
    them, as `MemoryManager.read` and `write` do. It does not change its length; see `MemoryManager.realloc`.

    Attributes:
        code: What its elements are: 'value', or a code of `struct`.
    """

    __slots__ = ("_anchor", "_count", "_head", "code")

    def __init__(self, anchor: Anchor) -> None:
        if not isinstance(anchor, Anchor):
            raise TypeError(f"cannot make a Block of {anchor!r:.80}: it needs memory in a pool (use pool.mm.alloc)")
        heap, offset = anchor._p_heap, anchor._p_offset
        self._anchor = anchor
        self._head = anchor.head
        self.code, self._count = shape_of(heap, offset)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: Any) -> Any:
        return typed_memory.read(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        typed_memory.write(self, key, value)

    def __iter__(self) -> Iterator[Any]:
        return iter(typed_memory.read(self, slice(None)))

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Block) and (self._anchor, self._head) == (other._anchor, other._head)

    def __hash__(self) -> int:
        return hash(self._head)

    def __repr__(self) -> str:
        return f"<Block of {self._count} {self.code!r}>"

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle or copy a Block: its elements are in a pool (copy them into a list)")

    @property
    def _p_heap(self) -> Heap:
        """For `steady`, as of a handle."""
        return self._anchor._p_heap

    def _p_location(self, key: Any, change: bool = False) -> Location:
        key = settled(key)  # first: foreign code may free the block
        heap, offset = _locate_to_change(self) if change else locate(self)
        data = offset + BLOCK_DATA
        size = element_size(self.code)
        if key is None:
            return Location(heap, self.code, data, self._count, False)
        if isinstance(key, slice):
            chosen = range(self._count)[key]
            if chosen.step != 1:
                raise BadFieldError("use a slice with a step on a block", "its elements lie side by side", "use a loop")
            return Location(heap, self.code, data + size * chosen.start, len(chosen), False)
        if not isinstance(key, int):
            raise TypeError(f"block indices must be integers or slices, not {type(key).__name__}")
        at = key + self._count if key < 0 else key
        if not 0 <= at < self._count:
            raise IndexError(f"block index out of range: {key} of {self._count} elements")
        return Location(heap, self.code, data + size * at, 1, True)


def locate(block: Block) -> tuple[Heap, int]:
    """Where a block lies.

    Raises:
        InvalidHandleError: it was freed.
    """
    anchor = block._anchor
    heap, offset = anchor._p_heap, anchor._p_offset
    if heap.read(offset) != block._head:
        raise InvalidHandleError(f"use this block of {heap.name}", "it was freed", "fetch it from its object again")
    return heap, offset


def _locate_to_change(block: Block) -> tuple[Heap, int]:
    """Where a block lies that is to change, which nobody does whose owner is a stand-in.

    Raises:
        ClassNotFoundError: the class of its owner is missing.
        InvalidHandleError: it was freed.
    """
    heap, offset = locate(block)
    owner = heap.read(offset + BLOCK_OWNER)
    if owner:
        known = heap.handles.find(owner)
        cls = type(known) if isinstance(known, Persistent) else class_finders[int(Kind.EXTENSION)](heap, owner)
        if cls._p_missing:
            raise class_missing("change a block", heap.name, cls._p_missing)
    return heap, offset


def block_at(heap: Heap, offset: int) -> Block:
    """The block at an offset at which there is one."""
    anchor: Any = heap.handles.find(offset)
    head = heap.read(offset)
    if not isinstance(anchor, Anchor) or anchor.head != head:
        anchor = Anchor()
        anchor.head = head
        attach(anchor, heap, offset)
        heap.handles.enter(offset, anchor)
    return Block(anchor)


# ---- for walkers -----------------------------------------------------------------------------------


def shape_of(heap: Heap, offset: int) -> tuple[str, int]:
    """The code of a block's elements and their count.

    Raises:
        PoolDamagedError: there is no block, or one that contradicts itself.
    """
    kind = kind_of(heap.read(offset))
    elements = heap.read(offset + BLOCK_ELEMENTS)
    code, count = _CODES.get(elements & 0xFF, ""), elements >> 8
    if kind in BLOCK_KINDS and code and (code == VALUE) is (kind == Kind.BLOCK_WORDS):
        room = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
        if BLOCK_DATA + count * element_size(code) <= room:
            return code, count
    raise PoolDamagedError(
        f"follow offset {offset:#x} in {heap.name}", "there is no whole block", "restore the pool from a copy"
    )


def words_of(heap: Heap, offset: int) -> list[int]:
    """The value words in a block; none in a block of numbers."""
    code, count = shape_of(heap, offset)
    return heap.read_words(offset + BLOCK_DATA, count) if code == VALUE else []


def owner_of(heap: Heap, offset: int) -> tuple[int, int]:
    """The offset of the object that owns a block, or 0, and which of its blocks it is."""
    heap.read(offset)  # refuses nonsense, which the sums below might make larger than a word
    return heap.read(offset + BLOCK_OWNER), heap.read(offset + BLOCK_SLOT)


def slot_address(heap: Heap, owner: int, slot: int) -> int:
    """Where an object keeps the offset of one of its blocks."""
    values = heap.read(owner + EXTENSION_COUNTS) & 0xFFFF
    return owner + EXTENSION_BODY + WORD * (values + slot)


def _place_of(heap: Heap, offset: int) -> int:
    """Where the offset of a block is kept by the object that owns it; 0 if none does.

    Raises:
        PoolDamagedError: that object does not know of it.
    """
    owner, slot = owner_of(heap, offset)
    if not owner:
        return 0
    address = slot_address(heap, owner, slot)
    if kind_of(heap.read(owner)) != Kind.EXTENSION or heap.read(address) != offset:
        raise PoolDamagedError(
            f"change the block at {offset:#x} in {heap.name}",
            f"the object at {owner:#x} does not own it",
            "restore the pool from a copy",
        )
    return address


# ---- changes ---------------------------------------------------------------------------------------


def size_of(code: str, count: int) -> int:
    """Bytes of a block: up to whole words, which is how it is logged."""
    return BLOCK_DATA + (count * element_size(code) + WORD - 1 & -WORD)


def kind_for(code: str) -> Kind:
    """The kind of a block with elements of this code."""
    return Kind.BLOCK_WORDS if code == VALUE else Kind.BLOCK_BYTES


def first_words(code: str, count: int, owner: int = 0, slot: int = 0) -> list[int]:
    """What stands before the elements of a new block."""
    head = header(kind_for(code), int.from_bytes(os.urandom(6), "little"))
    return [head, ord(_LETTERS[code]) | count << 8, owner, slot]


def alloc(heap: Heap, count: Any, code: str, zero: bool) -> Block:
    """A new block that nothing owns yet; see `MemoryManager.alloc`."""
    element_size(code)  # or there is no such code
    number = operator.index(count)
    if number < 0:
        raise BadFieldError(
            f"allocate {number} elements of type {code!r} in {heap.name}", "a count is not negative", "give 0 or more"
        )
    with heap.statement:
        # Value words must mean something from the start.
        offset = heap.alloc(size_of(code, number), kind_for(code), zero or code == VALUE)
        heap.init(offset, first_words(code, number))
        return block_at(heap, offset)


def realloc(block: Block, count: Any) -> Block:
    """A block with another count in the place of `block`, which is freed; see `MemoryManager.realloc`."""
    heap, _ = _locate_to_change(block)
    with heap.statement:
        larger = alloc(heap, count, block.code, True)
        # The count may be an object of the program, whose conversion may have freed the block.
        _, old = locate(block)
        _, new = locate(larger)
        size = element_size(block.code)
        kept = min(len(block), len(larger))
        heap.init_bytes(new + BLOCK_DATA, heap.read_bytes(old + BLOCK_DATA, kept * size))
        if block.code == VALUE:
            for word in heap.read_words(old + BLOCK_DATA + WORD * kept, len(block) - kept):
                free_leaf(heap, word)
        place = _place_of(heap, old)
        if place:
            heap.init(new + BLOCK_OWNER, owner_of(heap, old))
            heap.write(place, new)
        _void(heap, old)
    return larger


def free(block: Block) -> None:
    """Free a block and the leaves in it; the object that owns it has none in its place."""
    heap, _ = _locate_to_change(block)
    with heap.statement:
        _, offset = locate(block)
        place = _place_of(heap, offset)
        if place:
            heap.write(place, 0)
        release(heap, offset)


def release(heap: Heap, offset: int) -> None:
    """Free a block that nothing refers to any more, and its leaves."""
    for word in words_of(heap, offset):
        free_leaf(heap, word)
    _void(heap, offset)


def _void(heap: Heap, offset: int) -> None:
    """Free a block's own memory, and let all who know it see that it is gone."""
    heap.write(offset, 0)
    heap.free(offset)


def adopt(heap: Heap, owner: int, slot: int, block: Block | None) -> None:
    """Let an object own `block` (or none) in one of its places for blocks; what was there is freed.

    Raises:
        BadFieldError: another object, or another place, owns it already.
        NotPersistableError: it is a block of another pool.
    """
    with heap.statement:
        new = 0
        address = slot_address(heap, owner, slot)
        old = heap.read(address)
        if block is not None:
            where, new = locate(block)
            if where is not heap:
                raise BadFieldError(
                    f"keep a block of pool {where.name} in pool {heap.name}",
                    "a pool holds only its own",
                    "allocate one there",
                )
            if new == old:
                return
            if owner_of(heap, new)[0]:
                raise BadFieldError(
                    f"give block at {new:#x} of {heap.name} another owner",
                    f"it belongs to the object at {owner_of(heap, new)[0]:#x}",
                    "allocate a block for each place",
                )
            heap.write_words(new + BLOCK_OWNER, [owner, slot])
        heap.write(address, new)
        if old:
            release(heap, old)
