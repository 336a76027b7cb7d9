"""The memory manager: what an object reaches of its pool, to lay itself out in memory.

Everything is checked: an element outside its block, a block that was freed, one of another pool or of
another object, a transaction that is missing raise an error and change nothing. What cannot be
checked as it happens, a `store` whose `snapshot` was forgotten, the checking mode finds at the commit.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pmemobj._containers import base
from pmemobj._containers.base import Oid, Persistent
from pmemobj._engine.heap import Heap
from pmemobj._engine.transaction import Transaction
from pmemobj._format import CONTAINER_KINDS, kind_of
from pmemobj._objects import blocks, typed_memory
from pmemobj._objects.blocks import Block
from pmemobj._objects.convert import to_persistent
from pmemobj._objects.fields import StoredFields, read_field, write_field
from pmemobj._public_names import public_in
from pmemobj.errors import InvalidHandleError, OtherPoolError, a_or_an

P = TypeVar("P", bound=Persistent)


@public_in("pmemobj")
class MemoryManager:
    """The memory of one pool: ``pool.mm``, and for its objects ``self._p_mm``.

    The target of `read` and the like is a `Block`, whose key is an index, a slice or None for the whole,
    or an object of a class derived from `Persistent`, whose key is the name of a field. Everyday code
    writes ``block[i]`` and ``self.field`` instead, which mean the same.
    """

    def __init__(self, heap: Heap) -> None:
        if not isinstance(heap, Heap):
            raise TypeError(f"cannot manage {heap!r:.80}: it is no pool's memory (use pool.mm, or object._p_mm)")
        self._heap = heap

    # ---- objects and transactions ----

    def new(self, cls: type[P], /, *args: Any, **kwargs: Any) -> P:
        """Create a persistent object in the same pool; see `PersistentObjectPool.new`."""
        return base.create(self._heap, cls, args, kwargs)

    def persistent(self, value: Any) -> Any:
        """Convert a plain structure into the same pool; see `PersistentObjectPool.persistent`."""
        return to_persistent(self._heap, value)

    def transaction(self) -> Transaction:
        """A transaction on the same pool; see `PersistentObjectPool.transaction`."""
        return Transaction(self._heap)

    def resurrect(self, oid: Oid) -> Any:
        """The object with the name that its ``_p_oid`` was.

        Raises:
            TypeError: it is no name of an object.
            OtherPoolError: it is the name of an object of another pool.
            InvalidHandleError: there is no object of that name any more.

        Cost: visits every allocation of the pool, unless a Python object for it is alive.
        """
        heap = self._heap
        if not (isinstance(oid, tuple) and len(oid) == 2 and all(isinstance(part, int) for part in oid)):
            raise TypeError(
                f"cannot resurrect {oid!r:.80}: it is no name of an object (give what its _p_oid was, a pmemobj.Oid)"
            )
        pool, offset = oid
        heap.read(heap.root_offset)
        if pool != heap.pool_uuid:
            raise OtherPoolError(
                f"resurrect object {offset:#x} in {heap.name}",
                f"its oid names pool {pool:#x}, this one is {heap.pool_uuid:#x}",
                "use the manager of the object's own pool",
            )
        with heap.lock:
            known = heap.handles.find(offset)
            if isinstance(known, Persistent):
                return known
            # Bytes of a string may look like an object, so only libpmemobj knows where there is one.
            kinds = [kind for at, _, kind in heap.allocations() if at == offset and kind in CONTAINER_KINDS]
            if not kinds or kind_of(heap.read(offset)) != kinds[0]:
                raise InvalidHandleError(
                    f"resurrect object {offset:#x} in {heap.name}", "there is no object", "fetch it from the root"
                )
            return heap.handle(offset)

    # ---- blocks ----

    def alloc(self, count: int, code: str = "B") -> Block:
        """Allocate a block of `count` elements that nothing owns yet.

        It is owned by an object once it is set to a field of it, and freed with that; one that no
        object owns is freed when no Python object knows it any more and the garbage is collected.

        Args:
            count: How many elements, 0 or more.
            code: 'value' for anything that can be stored, which begins as None; or a code of
                `struct` for numbers, ``? b B h H i I q Q f d``, which begin as whatever was in that memory:
                write them all before any is read, or take `zalloc`.

        Raises:
            BadFieldError: the count is negative, or there is no such code.
            PoolFullError: no room.

        Durability: atomic by itself, or with the running transaction.
        C function: ``pmemobj_tx_xalloc``.
        """
        return blocks.alloc(self._heap, count, code, False)

    def zalloc(self, count: int, code: str = "B") -> Block:
        """As `alloc`, with all numbers 0."""
        return blocks.alloc(self._heap, count, code, True)

    def realloc(self, block: Block, count: int) -> Block:
        """Replace a block by one with another count and the same elements, also in the object that owns it.

        Elements that are added are 0 or None. The old block is freed.

        Returns:
            The new block.
        """
        return blocks.realloc(self._own(block), count)

    def free(self, block: Block) -> None:
        """Free a block, and the values in it; the field of its object is None then.

        Objects are not freed by hand, since others may refer to them: the garbage collection does it.

        Raises:
            ClassNotFoundError: the class of its object is missing.
            InvalidHandleError: it was freed before.
            OtherPoolError: it is one of another pool.

        C function: ``pmemobj_tx_xfree``.
        """
        blocks.free(self._own(block))

    # ---- typed access ----

    def read(self, target: Block | StoredFields, key: Any = None) -> Any:
        """The element that `key` means; a list of them for a slice or None. Cost: no C call."""
        self._own(target)
        return (
            read_field(target, key)
            if isinstance(target, StoredFields) and key is not None
            else typed_memory.read(target, key)
        )

    def write(self, target: Block | StoredFields, key: Any, value: Any) -> None:
        """Replace what `key` means: by itself atomically and durably, or with the running transaction.

        Args:
            target: A block or an object.
            key: Which of it.
            value: For a slice or None, as many values as there are elements.

        Raises:
            IndexError, AttributeError: there is no such element or field.
            ClassNotFoundError: the class of the object, or of the owner of the block, is missing.
            BadFieldError: a value does not fit the code, or the number of values is wrong.
            NotPersistableError: a value cannot be stored.
        """
        self._own(target)
        if isinstance(target, StoredFields) and key is not None:
            write_field(target, key, value)
        else:
            typed_memory.write(target, key, value)

    # ---- by hand ----

    def snapshot(self, target: Block | StoredFields, key: Any = None) -> None:
        """Log what `key` means (None: all elements, all numbers), so that `store` may change it now.

        Raises:
            TransactionError: no transaction is open.

        C function: ``pmemobj_tx_add_range_direct``.
        """
        typed_memory.snapshot(self._own(target), key)

    def store(self, target: Block | StoredFields, key: Any, value: Any) -> None:
        """Replace numbers and do nothing else: no log, no flush.

        Sound after a `snapshot` in the same transaction, in a block that this transaction allocated, or,
        outside of transactions, before a `persist`; a crash between the two may leave either state of
        each word. What was forgotten would survive an abort or be lost in a crash; with PMEMOBJ_CHECK=1
        the next commit, or close, raises MissingSnapshotError and names the bytes.

        Cost: one store.
        """
        typed_memory.store(self._own(target), key, value)

    def persist(self, target: Block | StoredFields, key: Any = None) -> None:
        """Make durable what `store` changed outside a transaction. C function: ``pmemobj_persist``.

        Raises:
            TransactionError: a transaction is open; its commit does it.
        """
        typed_memory.persist(self._own(target), key)

    def _own(self, target: Any) -> Any:
        """`target`, if it is memory with types in this pool."""
        if isinstance(target, Block):
            heap, _ = blocks.locate(target)
        elif isinstance(target, StoredFields):
            target._p_heap.read(target._p_offset)
            heap = target._p_heap
        else:
            raise TypeError(
                f"cannot use {a_or_an(type(target).__name__)} as memory: it is neither a Block nor an object with "
                "fields (the garbage collection frees objects; other containers look after their own memory)"
            )
        if heap is not self._heap:
            raise OtherPoolError(
                f"use memory of pool {heap.name} in pool {self._heap.name}",
                "each pool has its own",
                "use the manager of the object's own pool, object._p_mm",
            )
        return target
