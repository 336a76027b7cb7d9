"""The memory manager: what a class uses of its pool in order to lay out its objects in memory by itself.

Every call is checked. An element outside its block, a block that was freed or belongs to another pool or object, and a
missing transaction raise an error, and nothing changes. One mistake cannot be seen when it is made: a `store` without
the `snapshot` that it needs. The checking mode finds it at the commit.
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
    """The memory of one pool: ``pool.mm``, and for the objects in it ``self._p_mm``.

    `read`, `write`, `snapshot`, `store` and `persist` have a target and a key. The target is a `Block`, with an index,
    a slice, or None for the whole block as its key; or an object of a class derived from `Persistent`, with the name of
    a field as its key. Programs usually write ``block[i]`` and ``self.field`` instead, which mean the same.

    Example::

        import pmemobj

        class Samples(pmemobj.Persistent):
            values = pmemobj.Field("block")

            def __init__(self, count):
                self.values = self._p_mm.zalloc(count, "d")

        with pmemobj.create("samples.pmem", 16 << 20) as pool:
            samples = pool.root = pool.new(Samples, 3)
            samples.values[0] = 1.5
            assert pool.mm.read(samples.values) == [1.5, 0.0, 0.0]
    """

    def __init__(self, heap: Heap) -> None:
        if not isinstance(heap, Heap):
            raise TypeError(f"cannot manage {heap!r:.80}: it is no pool's memory (use pool.mm, or object._p_mm)")
        self._heap = heap

    # ---- objects and transactions ----

    def new(self, cls: type[P], /, *args: Any, **kwargs: Any) -> P:
        """Create a persistent object in the same pool; see `PersistentObjectPool.new`.

        Durability: one transaction; inside a transaction with its commit.
        Cost: one allocation or a few, and what ``__init__`` of the class does.
        """
        return base.create(self._heap, cls, args, kwargs)

    def persistent(self, value: Any) -> Any:
        """Convert a plain structure into the same pool; see `PersistentObjectPool.persistent`.

        Durability: one transaction; inside a transaction with its commit.
        Cost: proportional to the structure.
        """
        return to_persistent(self._heap, value)

    def transaction(self) -> Transaction:
        """A transaction on the same pool; see `PersistentObjectPool.transaction`.

        Cost: constant. Beginning and committing cost what `Transaction` says.
        """
        return Transaction(self._heap)

    def resurrect(self, oid: Oid) -> Any:
        """The object whose ``_p_oid`` is given.

        Args:
            oid: The name of the object. It is good for as long as the object exists.

        Raises:
            TypeError: `oid` is not the name of an object.
            OtherPoolError: it is the name of an object in another pool.
            InvalidHandleError: no object has this name any more.

        Cost: constant if there is a Python object for it already; otherwise every allocation of the pool is visited.
        """
        heap = self._heap
        if not (isinstance(oid, tuple) and len(oid) == 2 and all(isinstance(part, int) for part in oid)):
            raise TypeError(
                f"cannot resurrect {oid!r:.80}: it is not the name of an object "
                "(give the object's _p_oid, a pmemobj.Oid)"
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
            # The bytes of a string may look like an object. Only libpmemobj knows where objects begin.
            kinds = [kind for at, _, kind in heap.allocations() if at == offset and kind in CONTAINER_KINDS]
            if not kinds or kind_of(heap.read(offset)) != kinds[0]:
                raise InvalidHandleError(
                    f"resurrect object {offset:#x} in {heap.name}", "there is no object", "fetch it from the root"
                )
            return heap.handle(offset)

    # ---- blocks ----

    def alloc(self, count: int, code: str = "B") -> Block:
        """Allocate a block of `count` elements, which no object owns yet.

        An object owns the block as soon as the block is assigned to one of its fields, and the block is freed with the
        object. A block without an owner is freed by the garbage collection after the last `Block` for it is gone.

        Args:
            count: How many elements, 0 or more.
            code: 'value' for anything that can be stored; the elements begin as None. Or a code of `struct` for
                numbers, ``? b B h H i I q Q f d``; the elements begin as whatever was in this memory before, so write
                all of them before you read one, or use `zalloc`.

        Raises:
            BadFieldError: the count is negative, or there is no such code.
            PoolFullError: there is no room in the pool.

        Durability: one transaction; inside a transaction with its commit.
        Cost: one allocation; O(n) for values, which begin as None.
        C function: ``pmemobj_tx_xalloc``.
        """
        return blocks.alloc(self._heap, count, code, False)

    def zalloc(self, count: int, code: str = "B") -> Block:
        """Allocate a block as `alloc` does, in which all numbers are 0.

        Durability: one transaction; inside a transaction with its commit.
        Cost: one allocation, and O(n) to clear it.
        C function: ``pmemobj_tx_xalloc``.
        """
        return blocks.alloc(self._heap, count, code, True)

    def realloc(self, block: Block, count: int) -> Block:
        """Replace a block by one with another count and the same elements, also in the object that owns it.

        Elements that are added are 0 or None. The old block is freed.

        Returns:
            The new block.

        Raises:
            BadFieldError, PoolFullError: as for `alloc`.
            ClassNotFoundError: the class of the object that owns the block is missing.
            InvalidHandleError: the block was freed before.
            OtherPoolError: it is a block of another pool.

        Durability: one transaction; inside a transaction with its commit.
        Cost: one allocation, and O(n) to copy the elements.
        C functions: ``pmemobj_tx_xalloc``, ``pmemobj_tx_xfree``.
        """
        return blocks.realloc(self._own(block), count)

    def free(self, block: Block) -> None:
        """Free a block with the values in it. The field that held it becomes None.

        Objects are never freed by hand, since other objects may refer to them; the garbage collection frees them.

        Raises:
            ClassNotFoundError: the class of the object that owns the block is missing.
            InvalidHandleError: the block was freed before.
            OtherPoolError: it is a block of another pool.

        Durability: one transaction; inside a transaction with its commit.
        Cost: constant for numbers; O(n) for values, which may own memory.
        C function: ``pmemobj_tx_xfree``.
        """
        blocks.free(self._own(block))

    # ---- typed access ----

    def read(self, target: Block | StoredFields, key: Any = None) -> Any:
        """The element that `key` means; for a slice or None a list of elements.

        Raises:
            IndexError, AttributeError: there is no such element or field.
            InvalidHandleError: the block was freed before.
            OtherPoolError: the target is in another pool.

        Cost: O(k) for k elements; no C function is called.
        """
        self._own(target)
        return (
            read_field(target, key)
            if isinstance(target, StoredFields) and key is not None
            else typed_memory.read(target, key)
        )

    def write(self, target: Block | StoredFields, key: Any, value: Any) -> None:
        """Replace the element or the elements that `key` means.

        Args:
            target: A block or an object.
            key: An index, a slice, or None; or the name of a field.
            value: The new value. For a slice or None, as many values as there are elements.

        Raises:
            IndexError, AttributeError: there is no such element or field.
            ClassNotFoundError: the class of the object, or of the owner of the block, is missing.
            BadFieldError: a value does not fit the code, or the number of values is wrong.
            NotPersistableError: a value cannot be stored.
            InvalidHandleError: the block was freed before.
            OtherPoolError: the target is in another pool.

        Durability: one failure-atomic store if all changes are in one word, else one transaction; inside a
            transaction with its commit.

        Cost: O(k) for k elements.
        """
        self._own(target)
        if isinstance(target, StoredFields) and key is not None:
            write_field(target, key, value)
        else:
            typed_memory.write(target, key, value)

    # ---- by hand ----

    def snapshot(self, target: Block | StoredFields, key: Any = None) -> None:
        """Log the elements that `key` means, so that `store` may change them in this transaction.

        Args:
            target: A block, or an object.
            key: As for `read`. None means all elements, or all numbers of an object.

        Raises:
            TransactionError: no transaction is open.

        Durability: if the transaction fails, or the program ends before the commit, the elements get their old values.
        Cost: one entry of libpmemobj's undo log for all of them, O(k) bytes.
        C function: ``pmemobj_tx_add_range_direct``.
        """
        typed_memory.snapshot(self._own(target), key)

    def store(self, target: Block | StoredFields, key: Any, value: Any) -> None:
        """Replace numbers without a log entry and without a flush.

        This is correct in three cases: after a `snapshot` of the same elements in the same transaction; in a block that
        the transaction has allocated; and outside of transactions, if a `persist` follows. In the last case a crash
        before the `persist` may leave some words old and others new. If a `snapshot` was forgotten, the change survives
        an abort; if a `persist` was forgotten, a crash can lose it. With PMEMOBJ_CHECK=1 the next commit, or close,
        raises MissingSnapshotError and names the bytes.

        Durability: none by itself; with the commit, or with `persist`.
        Cost: O(k) for k elements; no C function is called.
        """
        typed_memory.store(self._own(target), key, value)

    def persist(self, target: Block | StoredFields, key: Any = None) -> None:
        """Make the changes durable that `store` has made outside a transaction.

        Raises:
            TransactionError: a transaction is open; its commit makes everything durable.

        Durability: durable when it returns.
        Cost: one flush of the cache lines, or one msync on a disk.
        C function: ``pmemobj_persist``.
        """
        typed_memory.persist(self._own(target), key)

    def _own(self, target: Any) -> Any:
        """The target, if it is a block or an object with fields in this pool."""
        if isinstance(target, Block):
            heap, _ = blocks.locate(target)
        elif isinstance(target, StoredFields):
            target._p_heap.read(target._p_offset)
            heap = target._p_heap
        else:
            raise TypeError(
                f"cannot use {a_or_an(type(target).__name__)} as memory: it is neither a Block nor an object with "
                "fields (other containers manage their own memory, and the garbage collection frees objects)"
            )
        if heap is not self._heap:
            raise OtherPoolError(
                f"use memory of pool {heap.name} in pool {self._heap.name}",
                "each pool has its own memory manager",
                "use the manager of the object's own pool, object._p_mm",
            )
        return target
