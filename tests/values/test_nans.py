"""NaNs: those of the same type and bits are the same, as one object is in Python's own containers."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    PersistentArray,
    PersistentDict,
    PersistentList,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
)
from pmemobj._format import ENTRY_SIZE
from pmemobj._hashtable.additions import append_entries
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._hashtable.new_entries import NewEntries
from pmemobj._values.words import encode

Pool = PersistentObjectPool


def nan(bits: int = 0x7FF8000000000000) -> float:
    """A new object each time."""
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


MAKERS: list[Callable[[], Any]] = [
    nan,
    lambda: nan(0xFFF8000000000000),
    lambda: nan(0x7FF8000000000001),
    lambda: complex(nan(), 1),
    lambda: complex(1, nan()),
    lambda: Decimal("NaN"),
    lambda: Decimal("-NaN123"),
]
KEYS: list[Callable[[], Any]] = [
    *MAKERS,
    lambda: (nan(), "x"),
    lambda: ("x", (1, complex(0, nan()))),
    lambda: (Decimal("NaN"),),
]

#: The hashes of three of them, which are a part of the layout.
PINNED = [0x8C1E93DC26CE63BC, 0x315EE89FCABA9A91, 0x4CAF33F86815C6AF]


def test_what_is_read_is_one_object(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, [make() for make in MAKERS])
    assert [items[at] is items[at] for at in range(len(items))] == [True] * len(items)
    assert items[0] is math.nan and len({id(item) for item in items}) == len(items)
    assert struct.pack("<d", items[2]) == struct.pack("<Q", 0x7FF8000000000001)


@pytest.mark.parametrize("cls", [PersistentList, PersistentTuple])
def test_in_sequences(pool: Pool, cls: type[Any]) -> None:
    plain = cls._p_plain
    items = pool.new(cls, ["a", *(make() for make in MAKERS), nan()])
    for at, make in enumerate(MAKERS, 1):
        assert make() in items and items.index(make()) == at and items.count(make()) == (2 if make is nan else 1)
    assert nan(0x7FF8000000000009) not in items and Decimal("NaN5") not in items
    same = plain(["a", *(make() for make in MAKERS), nan()])
    assert items == same and same == items and items == pool.new(cls, same)
    assert (items != same) is False and items <= same and not items < same and items < same + plain([1])
    assert items != plain(["a", *(make() for make in reversed(MAKERS)), nan()])
    assert pool.new(cls, [pool.new(PersistentTuple, [nan()])]) == plain([(nan(),)])
    if cls is PersistentList:
        items.remove(nan())
        assert len(items) == len(MAKERS) + 1
        items.remove(nan())
        with pytest.raises(ValueError):
            items.remove(nan())
    # As in Python: identity is asked first, and then a signalling NaN refuses the comparison.
    quiet = pool.new(cls, [Decimal("sNaN"), Decimal(1)])
    assert Decimal("sNaN") in quiet and quiet == plain([Decimal("sNaN"), 1])


def test_as_keys(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentDict, {make(): at for at, make in enumerate(KEYS)})
    pool = reopen(pool)
    table = pool.root
    assert [table[make()] for make in KEYS] == list(range(len(KEYS))) == [table[key] for key in table]
    for make in KEYS:
        table[make()] = "again"
        assert table.setdefault(make(), 1) == table.get(make()) == "again" and make() in table
    assert len(table) == len(KEYS) and set(table.values()) == {"again"}
    assert table == {make(): "again" for make in KEYS} and {make(): "again" for make in KEYS} == table
    assert table != {make(): "other" for make in KEYS}
    assert table.items() == {(make(), "again") for make in KEYS} and (nan(), "again") in table.items()
    table.update({nan(): nan(), "y": 1})
    assert len(table) == len(KEYS) + 1 and nan() in table.values() and (nan(), nan()) in table.items()
    table._check()
    assert_sound(pool)
    assert [table.pop(make()) for make in KEYS][1:] == ["again"] * (len(KEYS) - 1) and list(table) == ["y"]
    table |= {nan(): 1}
    table |= {nan(): 2}
    assert table == {"y": 1, nan(): 2}
    del table[nan()]
    with pytest.raises(KeyError):
        del table[nan()]
    # Two objects are two keys of a plain dict, and one here.
    assert len(pool.new(PersistentDict, {nan(): 1, nan(): 2})) == 1
    assert list(({nan(): 1} | pool.new(PersistentDict, {nan(): 2})).values()) == [2]
    assert list((pool.new(PersistentDict, {nan(): 2}) | {nan(): 1}).values()) == [1]


def test_in_sets(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentSet, [nan(), nan(), 1, *(make() for make in KEYS)])
    assert len(items) == len(KEYS) + 1
    for make in KEYS:
        items.add(make())
        assert make() in items
    everything = {make() for make in KEYS} | {1}
    assert len(items) == len(KEYS) + 1 and items == everything and everything == items and items <= everything
    assert len(items | everything) == len(everything | items) == len(items.union(iter(everything))) == len(everything)
    assert not items - everything and not everything - items and not items ^ everything and not everything ^ items
    assert len(items & everything) == len(items.intersection(list(everything))) == len(everything)
    assert items.issubset(everything) and items.issuperset(everything) and not items.isdisjoint([nan()])
    assert items.isdisjoint([nan(0x7FF8000000000009)])
    # What was not here is the object that it was.
    other = nan(0x7FF8000000000009)
    assert other in items | {other} and len(items | {other}) == len(items) + 1
    items.intersection_update([1, nan()])
    assert items == {1, nan()}
    items ^= {nan()}
    assert list(items) == [1]
    items |= {nan()}
    items.discard(nan())
    items.update([nan()], [nan()])
    items.remove(nan())
    with pytest.raises(KeyError):
        items.remove(nan())
    items._check()
    assert_sound(pool)


def test_in_views(pool: Pool) -> None:
    table = pool.new(PersistentDict, {nan(): nan(), 1: 2})
    keys, items = table.keys(), table.items()
    assert nan() in keys
    assert keys == {nan(), 1} and {nan(), 1} == keys and keys <= {nan(), 1, 2} and keys >= {nan()} and keys > {nan()}
    assert len(keys | {nan()}) == len({nan()} | keys) == 2 and len(keys & {nan()}) == 1
    assert keys - {nan()} == {1} and not {nan()} - keys and keys ^ [nan()] == {1}
    assert (
        items == {(nan(), nan()), (1, 2)}
        and len(items | {(nan(), nan())}) == 2
        and items - {(nan(), nan())} == {(1, 2)}
    )
    assert not keys.isdisjoint([nan()]) and keys != {1, 2}


def test_arrays_find_none_like_those_of_python(pool: Pool) -> None:
    stored, plain = pool.new(PersistentArray, "d", [math.nan]), array("d", [math.nan])
    for numbers in (stored, plain):
        assert math.nan not in numbers and numbers.count(math.nan) == 0 and numbers != numbers and numbers != plain
        with pytest.raises(ValueError):
            numbers.index(math.nan)
    assert pool.new(PersistentList, stored).count(nan()) == 1


def test_the_hashes_are_the_same_in_every_process(pool: Pool) -> None:
    assert [stored_hash(pool._heap, make()) for make in (nan, MAKERS[3], MAKERS[5])] == PINNED
    assert len({stored_hash(pool._heap, make()) for make in KEYS}) == len(KEYS)
    assert stored_hash(pool._heap, pool.new(PersistentTuple, [nan()])) == stored_hash(pool._heap, (nan(),))


def pile_up(pool: Pool, table: PersistentDict, keys: list[Any]) -> None:
    """Put keys in as they were before there was a rule: hashed by the identity of an object."""
    heap = pool._heap
    with pool.transaction():
        for number, key in enumerate(keys):
            new = NewEntries(ENTRY_SIZE)
            new.add_words(0x7F00 + 16 * number, encode(heap, key), encode(heap, number))
            append_entries(heap, table._p_offset, new)


def test_pools_in_which_they_have_piled_up(pool: Pool, reopen: Callable[..., Pool], scratch: Any) -> None:
    pool.root = pool.new(PersistentDict, a=1)
    pile_up(pool, pool.root, [nan(), nan(), Decimal("NaN"), Decimal("NaN"), complex(0, nan())])
    assert len(pool.root) == 6 and nan() not in pool.root
    pool.root[nan()] = "new"
    pool.root._check()
    pmemobj.dump(pool, str(scratch / "dump"))
    pool.close()
    assert pmemobj.check(pool.path).errors == ()
    pmemobj.restore(str(scratch / "dump"), str(scratch / "restored"))
    with pmemobj.open(str(scratch / "restored")) as restored:
        assert len(restored.root) == 7 and restored.root[nan()] == "new"
        restored.root._check()
        assert_sound(restored)
        assert restored.new(PersistentDict, restored.root)[Decimal("NaN")] == 3
    pool = reopen(pool)
    assert pool.root[nan()] == "new" and len(pool.new(PersistentDict, pool.root)) == 4
    while pool.root:
        pool.root.popitem()
    assert_sound(pool)


def test_moving_keys(pool: Pool, scratch: Any) -> None:
    pool.root = pool.new(PersistentDict, {make(): at for at, make in enumerate(KEYS)})
    pool.root["tuple"] = pool.new(PersistentDict, {pool.new(PersistentTuple, [nan(), Decimal("NaN")]): 1})
    assert pool.root["tuple"][(nan(), Decimal("NaN"))] == 1
    pmemobj.dump(pool, str(scratch / "dump"))
    pool.close()
    assert pmemobj.check(pool.path).errors == ()
    pmemobj.restore(str(scratch / "dump"), str(scratch / "restored"))
    with pmemobj.open(str(scratch / "restored")) as restored:
        assert [restored.root[make()] for make in KEYS] == list(range(len(KEYS)))
        assert restored.root["tuple"][(nan(), Decimal("NaN"))] == 1
        assert restored.root["tuple"].to_python() == {(math.nan, next(iter(restored.root["tuple"]))[1]): 1}
        assert_sound(restored)
