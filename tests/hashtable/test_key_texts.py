"""The texts of keys lie in their table: at what size, through growth and deletion, roll-back, kill and restore."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentSet
from pmemobj._format import ENTRY_SIZE, PACKED_MAX, PACKED_STR, SET_ENTRY_SIZE, TABLE_TEXTS, Kind
from pmemobj._hashtable.entries import live_words

Pool = pmemobj.PersistentObjectPool

#: By their bytes: the shortest and the longest that lie there, and their neighbours.
TEXTS = [
    "",
    "seven b",
    "eight by",
    "é" * 4,
    "k" * 16,
    "\ud800" * 3,
    "k" * PACKED_MAX,
    "k" * (PACKED_MAX + 1),
    "é" * 128,
]


def key_words(table: Any) -> list[int]:
    each = 3 if isinstance(table, PersistentDict) else 2
    width = ENTRY_SIZE if each == 3 else SET_ENTRY_SIZE
    return live_words(table._p_heap, table._p_offset, width)[1::each]


def is_packed(word: int) -> bool:
    return word & 0xFF == PACKED_STR


def text_bytes(table: Any) -> int:
    heap = table._p_heap
    return int(heap.read(heap.read(table._p_offset + 24) + TABLE_TEXTS))


def put(table: Any, key: Any) -> None:
    if isinstance(table, PersistentDict):
        table[key] = len(table)
    else:
        table.add(key)


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
def test_which_texts_lie_in_the_table(pool: Pool, kind: type[Any], one_by_one: bool) -> None:
    pool.root = table = pool.new(kind)
    if one_by_one:
        for key in TEXTS:
            put(table, key)
    else:
        table.update(dict.fromkeys(TEXTS))
    sizes = [len(text.encode("utf-8", "surrogatepass")) for text in TEXTS]
    assert [is_packed(word) for word in key_words(table)] == [7 < size <= 255 for size in sizes]
    assert list(table) == TEXTS
    assert all(key in table for key in TEXTS) and "k" * 10 not in table and "K" * 16 not in table
    table._check()
    assert_sound(pool)


def test_they_need_no_allocation_each(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, {f"key number {number}": number for number in range(1000)})
    kinds = [kind for _, _, kind in pool._heap.allocations()]
    assert kinds.count(Kind.STR) <= 1 and kinds.count(Kind.DICT_TABLE) == 1


class Loud(str):
    """A str that is none of the pool's own, and equals it."""


def test_they_are_found_by_what_equals_them(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict, {"a text of a table": 1})
    assert table[Loud("a text of a table")] == 1 and Loud("a text of a tablE") not in table
    assert table.get(b"a text of a table") is None
    table[Loud("a text of a table")] = 2
    assert dict(table) == {"a text of a table": 2}


@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
def test_through_growth_and_deletion(pool: Pool, kind: type[Any]) -> None:
    pool.root = table = pool.new(kind)
    expected: dict[str, None] = {}
    for number in range(600):
        key = f"{number}: " + "text" * (number % 70)
        put(table, key)
        expected[key] = None
        if number % 3 == 2:
            gone = f"{number - 1}: " + "text" * ((number - 1) % 70)
            table.remove(gone) if kind is PersistentSet else table.pop(gone)
            del expected[gone]
    assert list(table) == list(expected)
    table._check()
    assert_sound(pool, no_garbage=False)


def test_a_table_does_not_fill_up_with_texts_of_deleted_keys(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict, {"a key that stays": 0})
    for number in range(2000):
        table[f"a key that comes and goes, number {number}"] = number
        del table[f"a key that comes and goes, number {number}"]
    assert text_bytes(table) < 1000 and dict(table) == {"a key that stays": 0}
    table._check()


def test_a_few_long_keys_among_many_short_ones_cost_few_moves(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict, dict.fromkeys(range(3000)))
    moves = 0
    at = pool._heap.read(table._p_offset + 24)
    for number in range(400):
        table[f"a key of a good many bytes {number:05}"] = None
        now = pool._heap.read(table._p_offset + 24)
        moves, at = moves + (now != at), now
    assert moves < 12


@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
def test_a_roll_back_leaves_nothing_of_them(pool: Pool, kind: type[Any]) -> None:
    pool.root = table = pool.new(kind, dict.fromkeys(f"kept key {number}" for number in range(5)))
    for _ in range(3):
        before, used = list(table), text_bytes(table)
        with pytest.raises(ZeroDivisionError), pool.transaction():
            for number in range(3):
                put(table, f"lost key {number}")
            if kind is PersistentSet:
                table.pop()
            else:
                table.popitem()
            put(table, "lost key again")
            raise ZeroDivisionError
        assert list(table) == before and "lost key 1" not in table and text_bytes(table) == used
        table._check()
        put(table, f"kept key {len(table)}")
        table._check()
        assert_sound(pool)


CHILD = """
import sys, pmemobj
with pmemobj.open(sys.argv[1]) as pool:
    table = pool.root
    number = 0
    print("ready", flush=True)
    while True:
        table[f"key number {number} of the child"] = number
        if number % 7 == 3:
            with pool.transaction():
                table[f"another key, {number}"] = number
                del table[f"key number {number - 2} of the child"]
        number += 1
"""


def test_a_kill_leaves_whole_keys(pool_path: str, spawn: Callable[..., Any]) -> None:
    with pmemobj.create(pool_path, pool_size=32 << 20) as pool:
        pool.root = pool.new(PersistentDict)
    for seconds in (0.02, 0.05, 0.11):
        child = spawn(CHILD, pool_path)
        assert child.stdout.readline().strip() == "ready"
        try:
            child.wait(seconds)
        except Exception:
            child.send_signal(signal.SIGKILL)
        assert child.wait(30) == -signal.SIGKILL
        with pmemobj.open(pool_path) as pool:
            pool.root._check()
            assert_sound(pool)
            assert all(type(key) is str and pool.root[key] == value for key, value in pool.root.items())
            pool.root.clear()


@pytest.mark.once
def test_dump_and_restore_give_the_same_form(pool: Pool, scratch: Path) -> None:
    pool.root = pool.new(PersistentDict, {text: number for number, text in enumerate(TEXTS)})
    pmemobj.dump(pool, scratch / "dump.json")
    pmemobj.restore(scratch / "dump.json", scratch / "again.pmem")
    with pmemobj.open(scratch / "again.pmem") as again:
        assert dict(again.root) == dict(pool.root)
        one, other = key_words(again.root), key_words(pool.root)
        assert [is_packed(word) for word in one] == [is_packed(word) for word in other]
        again.root["a key that is new"] = 1
        again.root._check()
        assert_sound(again)


@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
@pytest.mark.parametrize("place, word", [(8, 39), (8, 1 << 60), (16, 1 << 40)])
def test_a_table_that_miscounts_its_keys_is_not_rebuilt(pool: Pool, kind: type[Any], place: int, word: int) -> None:
    """One that counts too many as deleted would be made too small, and lose keys, or be searched for ever."""
    pool.root = table = pool.new(kind, dict.fromkeys(f"key number {number}" for number in range(40)))
    pool._heap.store(table._p_offset + place, word)
    with pytest.raises(pmemobj.PmemError):
        for number in range(40):
            put(table, f"a new key, number {number}")
    at = pool._heap.read(table._p_offset + 24)
    pool._heap.store(at + TABLE_TEXTS, (1 << 64) - 4096)
    with pytest.raises(pmemobj.PmemError):
        put(table, "one more that has no room")
    if place == 8:
        assert all(f"key number {number}" in table for number in range(40)), "nothing that was there is lost"
    pool.root = None  # so that what is closed is whole


@pytest.mark.parametrize("key", ["eight by", "k" * 16, "k" * 21])
def test_a_text_that_ends_where_the_pool_does_is_found(pool: Pool, key: str) -> None:
    heap = pool._heap
    pool.root = table = pool.new(PersistentDict, {key: 1})
    (word,) = key_words(table)
    limit = heap.limit
    try:
        heap.limit = (word >> 16) + (len(key) + 7 & ~7)  # all of its words, and no more
        assert key in table and table[key] == 1 and list(table) == [key]
    finally:
        heap.limit = limit
