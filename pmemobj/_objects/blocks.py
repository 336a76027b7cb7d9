"""Blocks: pieces of a pool that hold elements of one type and belong to one object.

A block describes itself. The kind in its header tells whether it holds value words or numbers, the next word has the
code and the count of its elements, and the two words after that name the object that owns it. So a block is traced,
shown and freed without the class that made it. A block without an owner is kept by its Python object, and the garbage
collection frees it when that is gone.

A header has 48 random bits, and the transaction that frees a block also clears its header. A `Block` remembers the
header that it was made for, and compares it each time it is used. So a `Block` reports that its block was freed, also
if another block lies in the same memory by now, and it works again if the transaction that freed its block is rolled
back.
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
    """Keeps a block alive that Python objects refer to, and is invalidated with the pool."""

    __slots__ = ("head",)

    head: int


@public_in("pmemobj")
class Block:
    """A row of elements in a pool; made with `MemoryManager.alloc` or `zalloc`.

    ``block[i]`` and ``block[i] = x`` read and write one element, slices (without a step) several, as
    `MemoryManager.read` and `write` do. The length of a block does not change; see `MemoryManager.realloc`.

    Attributes:
        code: The type of its elements: 'value', or a code of `struct`.

    Durability: as `MemoryManager.write`.
    Cost: reading k elements is O(k) and calls no C function; writing is as `MemoryManager.write`.
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
        """The heap in which the block lies, by the name that `read_consistently` expects."""
        return self._anchor._p_heap

    def _p_location(self, key: Any, change: bool = False) -> Location:
        key = settled(key)  # This comes first, since it may run foreign code that frees the block.
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
    """The heap and the offset of a block.

    Raises:
        InvalidHandleError: the block was freed.
    """
    anchor = block._anchor
    heap, offset = anchor._p_heap, anchor._p_offset
    if heap.read(offset) != block._head:
        raise InvalidHandleError(f"use this block of {heap.name}", "it was freed", "fetch it from its object again")
    return heap, offset


def _locate_to_change(block: Block) -> tuple[Heap, int]:
    """The same for a block that is to be changed, which is refused if its owner is a stand-in.

    Raises:
        ClassNotFoundError: the class of the object that owns the block is missing.
        InvalidHandleError: the block was freed.
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
    """The block at an offset; there must be one."""
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
        PoolDamagedError: there is no block, or its words contradict each other.
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
    """The offset of the object that owns a block, or 0; and the number of the block among those of the object."""
    heap.read(offset)  # This refuses a wrong offset, with which the sums below might overflow a word.
    return heap.read(offset + BLOCK_OWNER), heap.read(offset + BLOCK_SLOT)


def slot_address(heap: Heap, owner: int, slot: int) -> int:
    """The offset of the word in which an object keeps the offset of one of its blocks."""
    values = heap.read(owner + EXTENSION_COUNTS) & 0xFFFF
    return owner + EXTENSION_BODY + WORD * (values + slot)


def _owners_word(heap: Heap, offset: int) -> int:
    """The offset of the word in which the owner of a block keeps the block's offset; 0 if no object owns it.

    Raises:
        PoolDamagedError: the owner does not have this block.
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
    """The bytes of a block, rounded up to whole words, since whole words are logged."""
    return BLOCK_DATA + (count * element_size(code) + WORD - 1 & -WORD)


def kind_for(code: str) -> Kind:
    """The kind of a block with elements of this code."""
    return Kind.BLOCK_WORDS if code == VALUE else Kind.BLOCK_BYTES


def first_words(code: str, count: int, owner: int = 0, slot: int = 0) -> list[int]:
    """The words before the elements of a new block."""
    head = header(kind_for(code), int.from_bytes(os.urandom(6), "little"))
    return [head, ord(_LETTERS[code]) | count << 8, owner, slot]


def alloc(heap: Heap, count: Any, code: str, zero: bool) -> Block:
    """A new block without an owner; see `MemoryManager.alloc`."""
    element_size(code)  # It raises if there is no such code.
    number = operator.index(count)
    if number < 0:
        raise BadFieldError(
            f"allocate {number} elements of type {code!r} in {heap.name}", "a count is not negative", "give 0 or more"
        )
    with heap.statement:
        # Each value word must stand for a value from the start.
        offset = heap.alloc(size_of(code, number), kind_for(code), zero or code == VALUE)
        heap.init(offset, first_words(code, number))
        return block_at(heap, offset)


def realloc(block: Block, count: Any) -> Block:
    """Replace a block by one with another count, and free the old one; see `MemoryManager.realloc`."""
    heap, _ = _locate_to_change(block)
    with heap.statement:
        larger = alloc(heap, count, block.code, True)
        # The count may be an object of the program, and its conversion may have freed the block.
        _, old = locate(block)
        _, new = locate(larger)
        size = element_size(block.code)
        kept = min(len(block), len(larger))
        heap.init_bytes(new + BLOCK_DATA, heap.read_bytes(old + BLOCK_DATA, kept * size))
        if block.code == VALUE:
            for word in heap.read_words(old + BLOCK_DATA + WORD * kept, len(block) - kept):
                free_leaf(heap, word)
        at = _owners_word(heap, old)
        if at:
            heap.init(new + BLOCK_OWNER, owner_of(heap, old))
            heap.write(at, new)
        _void(heap, old)
    return larger


def free(block: Block) -> None:
    """Free a block and the leaves in it; the field of its owner becomes None."""
    heap, _ = _locate_to_change(block)
    with heap.statement:
        _, offset = locate(block)
        at = _owners_word(heap, offset)
        if at:
            heap.write(at, 0)
        release(heap, offset)


def release(heap: Heap, offset: int) -> None:
    """Free a block to which no object refers any more, and its leaves."""
    for word in words_of(heap, offset):
        free_leaf(heap, word)
    _void(heap, offset)


def _void(heap: Heap, offset: int) -> None:
    """Free the memory of a block, and clear its header, so that each `Block` for it notices."""
    heap.write(offset, 0)
    heap.free(offset)


def adopt(heap: Heap, owner: int, slot: int, block: Block | None) -> None:
    """Let an object own a block (or none) in one of its fields for blocks, and free the block that was there.

    Raises:
        BadFieldError: another object, or another field, owns the block already, or it lies in another pool.
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
                    "a pool holds only its own blocks",
                    "allocate a block in that pool",
                )
            if new == old:
                return
            if owner_of(heap, new)[0]:
                raise BadFieldError(
                    f"give block at {new:#x} of {heap.name} another owner",
                    f"it belongs to the object at {owner_of(heap, new)[0]:#x}",
                    "allocate a block for each field",
                )
            heap.write_words(new + BLOCK_OWNER, [owner, slot])
        heap.write(address, new)
        if old:
            release(heap, old)
