"""The memory manager: every misuse is an error, none ends the process or tears the pool."""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    BadFieldError,
    Field,
    InvalidHandleError,
    MissingSnapshotError,
    Oid,
    OtherPoolError,
    Persistent,
    PersistentList,
    PersistentObjectPool,
    PoolFullError,
    TransactionError,
)

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


class Holder(Persistent):
    number = Field("q")
    small = Field("B")
    value = Field()
    items = Field("block")
    spare = Field("block")


@pytest.fixture
def holder(pool: Pool) -> Any:
    held = pool.root = pool.new(Holder)
    held.items = pool.mm.alloc(4, "value")
    held.items[:] = [LONG, 2, None, pool.new(PersistentList, [LONG])]
    held.spare = pool.mm.zalloc(4, "H")
    return held


# ---- what is refused -------------------------------------------------------------------------------------

MISUSES: dict[str, tuple[type[Exception], Callable[[Any, Any], Any]]] = {
    "negative count": (BadFieldError, lambda mm, held: mm.alloc(-1, "B")),
    "no count": (TypeError, lambda mm, held: mm.alloc("5", "B")),
    "no code": (BadFieldError, lambda mm, held: mm.alloc(5, "x")),
    "no code at all": (BadFieldError, lambda mm, held: mm.alloc(5, None)),
    "a block of blocks": (BadFieldError, lambda mm, held: mm.alloc(5, "block")),
    "far too large": (PoolFullError, lambda mm, held: mm.alloc(1 << 70, "Q")),
    "too large": (PoolFullError, lambda mm, held: mm.zalloc(1 << 24, "B")),
    "realloc to less than nothing": (BadFieldError, lambda mm, held: mm.realloc(held.items, -1)),
    "realloc beyond the pool": (PoolFullError, lambda mm, held: mm.realloc(held.items, 1 << 60)),
    "read past the end": (IndexError, lambda mm, held: mm.read(held.items, 4)),
    "read before the beginning": (IndexError, lambda mm, held: mm.read(held.items, -5)),
    "write past the end": (IndexError, lambda mm, held: mm.write(held.spare, 4, 1)),
    "store past the end": (IndexError, lambda mm, held: mm.store(held.spare, 1 << 80, 1)),
    "an index that is none": (TypeError, lambda mm, held: mm.write(held.spare, 1.0, 1)),
    "a slice with a step": (BadFieldError, lambda mm, held: mm.read(held.spare, slice(None, None, 2))),
    "a slice and too many values": (BadFieldError, lambda mm, held: mm.write(held.items, slice(1, 3), [1, 2, 3])),
    "a slice and a number": (TypeError, lambda mm, held: mm.write(held.items, slice(1, 3), 1)),
    "a number that does not fit": (BadFieldError, lambda mm, held: mm.write(held, "small", 256)),
    "a text as a number": (BadFieldError, lambda mm, held: mm.store(held.spare, 0, "1")),
    "no such field": (AttributeError, lambda mm, held: mm.read(held, "nothing")),
    "a value without its log": (BadFieldError, lambda mm, held: mm.store(held.items, 0, 1)),
    "a block without its log": (BadFieldError, lambda mm, held: mm.store(held, "items", None)),
    "a snapshot without a transaction": (TransactionError, lambda mm, held: mm.snapshot(held.spare)),
    "what cannot be stored": (pmemobj.NotPersistableError, lambda mm, held: mm.write(held.items, 1, {})),
    "a block as a value": (pmemobj.NotPersistableError, lambda mm, held: mm.write(held.items, 1, held.spare)),
    "a list as a block": (TypeError, lambda mm, held: mm.write(held, "items", [1])),
    "an object as memory": (TypeError, lambda mm, held: mm.free(held.items[3])),
    "a block with two owners": (BadFieldError, lambda mm, held: mm.write(held, "spare", held.items)),
    "a pickled block": (TypeError, lambda mm, held: pickle.dumps(held.items)),
    "a copied block": (TypeError, lambda mm, held: copy.copy(held.items)),
    "an oid of another pool": (OtherPoolError, lambda mm, held: mm.resurrect(Oid(1, held._p_offset))),
    "an oid of a block": (InvalidHandleError, lambda mm, held: mm.resurrect(oid_at(held, block_of(held)))),
    "an oid inside an object": (InvalidHandleError, lambda mm, held: mm.resurrect(oid_at(held, held._p_offset + 16))),
    "an oid outside of everything": (InvalidHandleError, lambda mm, held: mm.resurrect(oid_at(held, 1 << 60))),
}


def oid_at(held: Any, offset: int) -> Oid:
    return Oid(held._p_oid.pool, offset)


def block_of(held: Any) -> int:
    return int(next(held._p_substructures()))


def test_misuses_are_errors_and_change_nothing(pool: Pool, holder: Any) -> None:
    before = pool.used, list(holder.items), list(holder.spare), holder.number, holder.small
    for name, (error, misuse) in MISUSES.items():
        with pytest.raises(error):
            misuse(pool.mm, holder)
            pytest.fail(name)
        # Inside a transaction it leaves the transaction alone, or (where it allocated) rolls it back.
        if name not in ("a snapshot without a transaction",):
            with pytest.raises(error), pool.transaction():
                misuse(pool.mm, holder)
        assert (pool.used, list(holder.items), list(holder.spare), holder.number, holder.small) == before, name
    assert_sound(pool)


def test_memory_of_another_pool(pool: Pool, holder: Any, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    theirs = other.root = other.new(Holder)
    theirs.items = other.mm.alloc(1, "value")
    loose = other.mm.alloc(1, "B")
    for misuse in (
        lambda: pool.mm.free(loose),
        lambda: pool.mm.realloc(theirs.items, 2),
        lambda: pool.mm.write(theirs, "number", 1),
        lambda: pool.mm.read(theirs.items, 0),
        lambda: pool.mm.resurrect(theirs._p_oid),
    ):
        with pytest.raises(OtherPoolError):
            misuse()
    with pytest.raises(BadFieldError, match="a pool holds only its own"):
        holder.items = loose
    with pytest.raises(pmemobj.NotPersistableError):
        holder.items[0] = theirs
    other.close()
    for use in (lambda: loose[0], lambda: theirs.number, lambda: other.mm.alloc(1), lambda: other.mm.free(loose)):
        with pytest.raises((pmemobj.PoolClosedError, InvalidHandleError)):
            use()


# ---- blocks and their end -----------------------------------------------------------------------------------


def test_a_freed_block_is_known_to_be(pool: Pool, holder: Any) -> None:
    items, used = holder.items, pool.used
    again = holder.items
    assert items == again and hash(items) == hash(again) and items != holder.spare
    pool.mm.free(items)
    assert holder.items is None and pool.used < used
    for use in (lambda: items[0], lambda: pool.mm.free(again), lambda: again.__setitem__(0, 1), lambda: list(items)):
        with pytest.raises(InvalidHandleError, match="it was freed"):
            use()
    # Another block in its memory is another block.
    for _ in range(5):
        holder.items = pool.mm.alloc(4, "value")
    with pytest.raises(InvalidHandleError, match="it was freed"):
        holder.spare = items
    assert list(holder.items) == [None] * 4 and len(items) == 4
    pool.gc()
    assert_sound(pool)


def test_freeing_that_is_rolled_back(pool: Pool, holder: Any) -> None:
    items = holder.items
    with pytest.raises(KeyError), pool.transaction():
        pool.mm.free(items)
        with pytest.raises(InvalidHandleError):
            items[0]
        fresh = pool.mm.alloc(4, "value")
        holder.items = fresh
        raise KeyError
    assert items[0] == LONG and holder.items == items
    with pytest.raises(InvalidHandleError, match="rolled back"):
        fresh[0]
    assert_sound(pool)


def test_realloc_keeps_the_elements_and_frees_the_rest(pool: Pool, holder: Any) -> None:
    old = holder.items
    larger = pool.mm.realloc(old, 6)
    assert holder.items == larger and list(larger)[:3] == [LONG, 2, None] and list(larger)[4:] == [None, None]
    with pytest.raises(InvalidHandleError):
        old[0]
    used = pool.used
    smaller = pool.mm.realloc(larger, 0)
    assert list(smaller) == [] and pool.used < used
    assert pool.mm.realloc(holder.spare, 6)[:] == [0] * 6
    with pytest.raises(KeyError), pool.transaction():
        pool.mm.realloc(holder.spare, 1)
        raise KeyError
    assert len(holder.spare) == 6
    pool.gc()
    assert_sound(pool)


def test_a_block_that_nothing_owns_lives_with_its_python_object(pool: Pool, reopen: Callable[..., Pool]) -> None:
    block = pool.mm.alloc(2, "value")
    block[:] = [LONG, pool.new(PersistentList, [LONG])]
    assert pool.gc() == {} and block[1] == [LONG]
    block = pool.mm.realloc(block, 3)
    del block
    assert pool.gc() == {"block": 1, "str": 2, "PersistentList": 1, "items": 1}
    block = pool.mm.alloc(2, "Q")
    reopen(pool)
    with pytest.raises((InvalidHandleError, pmemobj.PoolClosedError)):
        block[0]


def test_a_block_that_gets_another_owner_after_the_first_gave_it_up(pool: Pool, holder: Any) -> None:
    holder.items = holder.items  # which is no change
    assert holder.items[0] == LONG
    used = pool.used
    holder.items = None
    assert pool.used < used
    holder._p_deallocate()
    assert (holder.number, holder.value, holder.spare) == (0, None, None)
    pool.gc()
    assert_sound(pool)


def test_a_block_keeps_the_object_that_owns_it(pool: Pool) -> None:
    held = pool.new(Holder)
    held.items = pool.mm.alloc(2, "value")
    held.value = LONG
    items = held.items
    del held
    assert pool.gc() == {}
    items = pool.mm.realloc(items, 9)
    pool.gc()
    pool.mm.free(items)
    assert pool.gc() == {"Holder": 1, "str": 1}
    assert_sound(pool, no_garbage=True)


@pytest.mark.parametrize("undone", [False, True])
def test_many_blocks_in_one_transaction(pool: Pool, holder: Any, undone: bool) -> None:
    used = pool.used
    with contextlib.suppress(KeyError), pool.transaction():
        for size in range(1, 12):
            holder.items = pool.mm.alloc(size, "value")
            holder.items[-1] = LONG
            pool.mm.realloc(holder.items, size + 3)
            pool.mm.free(holder.spare)
            holder.spare = pool.mm.zalloc(size, "q")
        if undone:
            raise KeyError
    assert len(holder.items) == (4 if undone else 14) and len(holder.spare) == (4 if undone else 11)
    pool.gc()
    assert_sound(pool)
    assert not undone or pool.used == used


def test_foreign_code_that_frees_the_block_while_it_is_written(pool: Pool, holder: Any) -> None:
    class Treacherous:
        def __index__(self) -> int:
            pool.mm.free(holder.spare)
            return 1

    with pytest.raises(InvalidHandleError, match="it was freed"):
        holder.spare[0] = Treacherous()
    assert holder.spare is None
    assert_sound(pool)


def test_resurrect(pool: Pool, holder: Any, reopen: Callable[..., Pool]) -> None:
    oid = holder._p_oid
    inner = holder.items[3]._p_oid
    assert pool.mm.resurrect(oid) is holder and pickle.loads(pickle.dumps(oid)) == oid
    pool.root = "the bytes of a string may look like an object" + pool._heap.read_bytes(inner.offset, 32).hex()
    pool.root = holder
    pool = reopen(pool)
    assert pool.mm.resurrect(oid) is pool.root and pool.mm.resurrect(inner) == [LONG]
    pool.root = None
    pool.gc()
    with pytest.raises(InvalidHandleError, match="there is no object"):
        pool.mm.resurrect(oid)


# ---- by hand, and what the checking mode says --------------------------------------------------------------


def test_one_snapshot_and_many_stores(pool: Pool, holder: Any) -> None:
    mm, spare = pool.mm, holder.spare
    with pool.transaction():
        mm.snapshot(spare)
        mm.snapshot(holder, "number")
        for at in range(4):
            mm.store(spare, at, at * 1000)
        mm.store(holder, "number", -5)
    assert list(spare) == [0, 1000, 2000, 3000] and holder.number == -5
    with pytest.raises(KeyError), pool.transaction():
        mm.snapshot(spare, slice(1, 3))
        mm.store(spare, slice(1, 3), [7, 8])
        raise KeyError
    assert list(spare) == [0, 1000, 2000, 3000]
    with pool.transaction():
        fresh = mm.alloc(3, "d")
        mm.store(fresh, None, [0.5, 1.5, 2.5])
        holder.spare = fresh
    assert list(holder.spare) == [0.5, 1.5, 2.5]


def test_a_forgotten_snapshot_is_caught_and_named(pool: Pool, holder: Any) -> None:
    mm = pool.mm
    at = block_of(holder)
    spare_at = next(offset for offset in holder._p_substructures() if offset != at)
    with pytest.raises(MissingSnapshotError) as caught, pool.transaction():
        mm.snapshot(holder)
        mm.store(holder.spare, 1, 99)
    message = str(caught.value)
    assert f"bytes {spare_at + 32:#x} to" in message and "BLOCK_BYTES of Holder" in message
    with pytest.raises(MissingSnapshotError, match=r"EXTENSION of Holder at .*without a snapshot"), pool.transaction():
        mm.snapshot(holder.spare)
        mm.store(holder, "number", 99)
    holder.number = 1


def test_a_forgotten_persist_is_caught(pool: Pool, holder: Any) -> None:
    mm = pool.mm
    mm.store(holder.spare, 0, 5)
    mm.persist(holder.spare, 0)
    holder.number = 6
    mm.store(holder.spare, slice(0, 2), [6, 7])
    with pytest.raises(MissingSnapshotError, match=r"BLOCK_BYTES of Holder.*persist"), pool.transaction():
        holder.number = 7
    assert holder.number == 6
    mm.store(holder, "small", 200)
    with pytest.raises(MissingSnapshotError, match="EXTENSION of Holder"):
        pool.close()


def test_persist_is_nothing_for_a_transaction(pool: Pool, holder: Any) -> None:
    with pool.transaction(), pytest.raises(TransactionError, match="commit it"):
        pool.mm.persist(holder.spare)


def test_store_in_a_dead_transaction(pool: Pool, holder: Any) -> None:
    with pytest.raises(pmemobj.TransactionAborted), pool.transaction() as transaction:
        with pytest.raises(pmemobj.TransactionAborted):
            transaction.abort()
        pool.mm.store(holder.spare, 0, 9)
    assert holder.spare[0] == 0
