"""The checking mode itself: it must find a store without a snapshot, or the test suite proves nothing."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import MissingSnapshotError, PersistentDict, PersistentList, PersistentObjectPool
from pmemobj._format import ROOT_SIZE

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def poke(pool: Pool, offset: int, word: int) -> None:
    """A wrong store: straight into the mapping."""
    ctypes.c_uint64.from_address(pool._heap.base + offset).value = word


def items_of(pool: Pool) -> int:
    """The offset of the items of the list at the root."""
    return int(pool._heap.read(pool.root._p_offset + 24))


@pytest.fixture
def filled(pool: Pool) -> Pool:
    pool.root = pool.new(PersistentList, [1, 2, 3, LONG])
    return pool


def test_it_is_on_in_the_whole_suite(pool: Pool, run_python: Callable[..., Any]) -> None:
    assert pool._heap.observer is not None
    done = run_python(
        "import pmemobj, sys\npool = pmemobj.create(sys.argv[1])\nprint(pool._heap.observer is not None)",
        f"{pool.path}2",
    )
    assert done.stdout == "True\n"


def test_it_is_off_unless_it_is_asked_for(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.close()
    for value in ("0", "", None):
        monkeypatch.delenv("PMEMOBJ_CHECK", raising=False)
        if value is not None:
            monkeypatch.setenv("PMEMOBJ_CHECK", value)
        with pmemobj.open(pool.path) as again:
            assert again._heap.observer is None


def test_a_store_without_a_snapshot_is_caught_and_named(filled: Pool) -> None:
    at = items_of(filled) + 8
    with pytest.raises(MissingSnapshotError) as caught, filled.transaction():
        filled.root.append("right")
        poke(filled, at, 99 << 1 | 1)
    message = str(caught.value)
    assert f"{at:#x}" in message and "LIST_ITEMS" in message and "without a snapshot" in message
    assert isinstance(caught.value, AssertionError)


def test_the_transaction_is_rolled_back(filled: Pool) -> None:
    with pytest.raises(MissingSnapshotError), filled.transaction():
        filled.root[0] = "rolled back"
        poke(filled, items_of(filled) + 16, 99 << 1 | 1)
    assert filled.root[0] == 1 and not filled.in_transaction
    filled.root[0] = "usable"
    # The poked bytes are in no log, so a roll-back leaves them; this is why the checking mode must find them.
    assert list(filled.root) == ["usable", 2, 99, LONG]


PLACES: dict[str, Callable[[Pool], int]] = {
    "header of a list": lambda pool: pool.root._p_offset,
    "length of a list": lambda pool: pool.root._p_offset + 8,
    "last item": lambda pool: items_of(pool) + 24,
    "leaf": lambda pool: (pool._heap.read(items_of(pool) + 24) & ~15) + 16,
    "root object": lambda pool: pool._heap.root_offset + 128,
    "end of the root object": lambda pool: pool._heap.root_offset + ROOT_SIZE - 8,
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_every_kind_of_memory_is_watched(filled: Pool, place: Callable[[Pool], int]) -> None:
    at = place(filled)
    before = filled._heap.read(at)
    with pytest.raises(MissingSnapshotError, match=f"{at:#x}"), filled.transaction():
        poke(filled, at, before ^ (1 << 40))
    poke(filled, at, before)


@pytest.mark.parametrize("kind", [PersistentDict, Bag])
def test_other_containers_are_watched(pool: Pool, kind: type[Any]) -> None:
    pool.root = pool.new(kind)
    if kind is Bag:
        pool.root.a = LONG
    else:
        pool.root["a"] = LONG
    body = pool._heap.read(pool.root._p_offset + (16 if kind is Bag else 24))
    at = body if kind is Bag else body + 16
    before = pool._heap.read(at)
    with pytest.raises(MissingSnapshotError), pool.transaction():
        poke(pool, at, before ^ (1 << 50))
    poke(pool, at, before)


def test_a_snapshot_of_the_neighbour_does_not_count(filled: Pool) -> None:
    at = items_of(filled)
    with pytest.raises(MissingSnapshotError, match=f"{at + 8:#x}"), filled.transaction():
        filled._heap.snapshot(at, 8)
        poke(filled, at, 77)
        poke(filled, at + 8, 77)


def test_what_was_snapshotted_or_allocated_may_change(filled: Pool) -> None:
    at = items_of(filled)
    with filled.transaction():
        filled._heap.snapshot(at, 16)
        poke(filled, at, 7 << 1 | 1)
        poke(filled, at + 8, 8 << 1 | 1)
        fresh = filled.new(PersistentList, [1])
        filled.root.append(fresh)
        poke(filled, filled._heap.read(fresh._p_offset + 24), 9 << 1 | 1)
    assert filled.root[0:2] == [7, 8] and filled.root[-1] == [9]
    assert_sound(filled)


def test_what_the_last_transaction_snapshotted_does_not_count_in_the_next(filled: Pool) -> None:
    at = items_of(filled)
    with filled.transaction():
        filled._heap.snapshot(at, 8)
        poke(filled, at, 77)
    with pytest.raises(MissingSnapshotError), filled.transaction():
        poke(filled, at, 79)
    with pytest.raises(KeyError), filled.transaction():
        filled._heap.snapshot(at + 8, 8)
        raise KeyError
    with pytest.raises(MissingSnapshotError), filled.transaction():
        poke(filled, at + 8, 77)


def test_memory_that_was_added_late_is_watched_too(filled: Pool) -> None:
    # The address lies far beyond the memory that the pool used when it was opened.
    filled.root.append(filled.new(PersistentList, range(200_000)))
    at = filled._heap.read(filled.root[-1]._p_offset + 24) + 8 * 150_000
    before = filled._heap.read(at)
    with pytest.raises(MissingSnapshotError), filled.transaction():
        poke(filled, at, 5)
    poke(filled, at, before)


def test_a_wrong_store_in_a_single_statement_is_caught(filled: Pool) -> None:
    class Careless(pmemobj.PersistentObject):
        def __init__(self) -> None:
            poke(filled, items_of(filled), 5)

    with pytest.raises(MissingSnapshotError):
        filled.new(Careless)
    assert not filled.in_transaction
