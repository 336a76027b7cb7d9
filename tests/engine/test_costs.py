"""What operations cost, counted in ranges logged and words made durable, not in seconds."""

from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
)
from pmemobj._engine.snapshots import PAGE, SnapshotRanges
from pmemobj._format import DICT_TABLE, TABLE_CAPACITY
from pmemobj._pmdk import library

Pool = PersistentObjectPool


class Point(PersistentObject):
    def __init__(self) -> None:
        self.x = 0


@pytest.fixture
def cost(pool: Pool) -> Callable[[Callable[[], Any]], tuple[int, int]]:
    """``cost(action)``: how many ranges it logged, and how many words it made durable by themselves."""
    heap = pool._heap

    def measure(action: Callable[[], Any]) -> tuple[int, int]:
        before = heap.snapshots, heap.persists
        action()
        return heap.snapshots - before[0], heap.persists - before[1]

    return measure


def test_one_word_is_one_store_and_an_append_two(pool: Pool, cost: Any) -> None:
    items = pool.root = pool.new(PersistentList, [1, 2, 3])
    table = pool.new(PersistentDict, a=1)
    point = pool.new(Point)
    items.append(table)
    items.append(point)
    assert cost(lambda: items.__setitem__(0, 5)) == (0, 1)
    assert cost(lambda: table.__setitem__("a", 5)) == (0, 1)
    assert cost(lambda: setattr(point, "x", 5)) == (0, 1)
    items.extend(range(100))
    while len(items) == pool._heap.read(items._p_offset + 16):
        items.append(0)
    assert cost(lambda: items.append(7)) == (0, 2)
    assert items[-1] == 7 and items[0] == table["a"] == point.x == 5


def test_no_range_is_logged_twice(pool: Pool, cost: Any) -> None:
    items = pool.root = pool.new(PersistentList, range(10))
    with pool.transaction():
        assert cost(lambda: items.__setitem__(0, 5)) == (1, 0)
        assert cost(lambda: [items.__setitem__(0, at) for at in range(50)]) == (0, 0)
    with pool.transaction():
        assert cost(lambda: items.__setitem__(0, 6)) == (1, 0)


def test_a_large_list_is_logged_by_the_page(pool: Pool, cost: Any) -> None:
    items = pool.root = pool.new(PersistentList, range(10_000))
    pages = math.ceil(8 * 10_000 / PAGE) + 1

    def change() -> None:
        with pool.transaction():
            for at in range(len(items)):
                items[at] = -at

    ranges, _ = cost(change)
    assert ranges <= pages + 4  # the first few words by themselves
    assert list(items) == [-at for at in range(10_000)]
    with pytest.raises(ZeroDivisionError), pool.transaction():
        for at in range(len(items)):
            items[at] = 7
        raise ZeroDivisionError
    assert list(items) == [-at for at in range(10_000)]


def test_a_few_words_are_logged_by_themselves(pool: Pool, cost: Any) -> None:
    lists = [pool.new(PersistentList, range(10_000)) for _ in range(2)]
    pool.root = pool.new(PersistentList, lists)
    before = pool._heap.logged
    with pool.transaction():
        assert cost(lambda: [lists[at % 2].__setitem__(at * 600, 7) for at in range(4)]) == (4, 0)
    assert pool._heap.logged - before == 4 * 8


def test_pages_are_logged_only_where_that_pays(pool: Pool, cost: Any) -> None:
    """Each of several words that are far apart would take 4 KiB of the log; a limited number of them does."""
    items = pool.root = pool.new(PersistentList, range(100_000))
    before = pool._heap.logged

    def change() -> None:
        with pool.transaction():
            for at in range(0, len(items), 512):
                items[at] = 7

    assert cost(change)[0] == math.ceil(100_000 / 512)
    assert pool._heap.logged - before < 40 * PAGE

    def change_often() -> None:
        with pool.transaction():
            for first in range(20):
                for at in range(first, len(items), 512):
                    items[at] = 8

    assert cost(change_often)[0] < 4 * 100_000 / 512


def test_nothing_behind_the_end_is_logged(pool: Pool) -> None:
    items = pool.root = pool.new(PersistentList, range(3000))
    heap = pool._heap
    del items[2000:]
    before = heap.logged
    with pool.transaction():
        for at in range(2000, 2500):
            items.append(at)
        items.append("a text that needs memory of its own")
    assert heap.logged - before == 8  # the length
    assert items == [*range(2500), "a text that needs memory of its own"]
    # Nothing is logged either in memory that the transaction has allocated.
    with pytest.raises(ZeroDivisionError), pool.transaction():
        items.extend(range(2000))
        before = heap.logged
        for at in range(50):
            items.append(at)
        assert heap.logged == before
        raise ZeroDivisionError
    assert items == [*range(2500), "a text that needs memory of its own"]


def test_what_is_behind_the_end_comes_back_where_a_roll_back_needs_it(pool: Pool) -> None:
    """Changes at random, so that places are taken, given up and taken again in one transaction."""
    chance = random.Random(3)
    items, table = pool.root = pool.new(PersistentTuple, [pool.new(PersistentList), pool.new(PersistentDict)])
    numbers = iter(range(1000))
    for _ in range(40):
        before = list(items), dict(table)
        fails = chance.random() < 0.5
        with contextlib.suppress(ZeroDivisionError), pool.transaction():
            for _ in range(chance.randrange(12)):
                match chance.randrange(6):
                    case 0 | 1:
                        items.append(chance.choice([next(numbers), f"a number: {next(numbers)}"]))
                    case 2:
                        del items[-chance.randrange(1, 4) :]
                    case 3 | 4:
                        table[chance.choice([next(numbers), f"a number: {next(numbers)}"])] = next(numbers)
                    case _:
                        for _ in range(min(len(table), chance.randrange(1, 3))):
                            table.popitem()
            if fails:
                raise ZeroDivisionError
        if fails:
            assert (list(items), dict(table)) == before
        items._check()
        table._check()
        assert_sound(pool)


def test_keys_that_were_rolled_back_cost_the_next_ones_nothing(pool: Pool, cost: Any) -> None:
    """Leftovers behind the last entry are cleared once, not for each key."""
    table = pool.root = pool.new(PersistentDict, dict.fromkeys(range(3000)))

    def add() -> None:
        for at in range(300):
            table[f"key {at}"] = at

    for at in range(2000):
        del table[2999 - at]
    with pytest.raises(ZeroDivisionError), pool.transaction():
        add()
        raise ZeroDivisionError
    assert len(table) == 1000
    with pool.transaction():
        table["first"] = 0
        ranges, _ = cost(add)
    assert ranges <= 12 and len(table) == 1301  # the pages of the index
    table._check()


def test_the_memory_for_logs_is_set_aside_before_the_first_change(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for logs is not set aside at open, since libpmemobj would look at all runs of the pool."""
    calls = []
    real = library.set_aside
    monkeypatch.setattr(library, "set_aside", lambda *of: calls.append(of) or real(*of))
    pool.root = pool.new(PersistentList, [1])
    pool.close()
    for change, expected in ((lambda _: None, 0), (lambda found: found.root.append("a long text, in memory"), 1)):
        calls.clear()
        with pmemobj.open(pool.path) as found:
            assert found.root[0] == 1
            change(found)
        assert len(calls) == expected
    calls.clear()
    with pmemobj.open(pool.path) as found:
        free = found.free
        assert len(calls) == 1
        with found.transaction():
            pass
        assert found.free == free


def test_growing_one_by_one_costs_amortised_constant_time(pool: Pool, cost: Any) -> None:
    items = pool.root = pool.new(PersistentList)
    sizes = [1000, 4000, 16_000]
    costs = []
    for size in sizes:
        costs.append(sum(cost(lambda size=size: [items.append(at) for at in range(len(items), size)])) / size)
    assert max(costs) < 2.5, costs
    # Inside a transaction the number of ranges hardly depends on the number of items.
    other = pool.new(PersistentList)

    def fill() -> None:
        with pool.transaction():
            for at in range(10_000):
                other.append(at)

    ranges, persists = cost(fill)
    assert persists == 0 and ranges < 1000


def test_a_new_key_costs_three_stores(pool: Pool, cost: Any) -> None:
    table = pool.root = pool.new(PersistentDict)
    read = pool._heap.read
    # Add keys until the table has places to spare.
    while not table or read(read(table._p_offset + DICT_TABLE) + TABLE_CAPACITY) < len(table) + 4:
        table[len(table)] = None

    def add() -> None:
        table["new"] = 1

    assert cost(add) == (0, 3)
    members = pool.new(PersistentSet, range(20))
    members.remove(19)
    assert cost(lambda: members.add("new")) == (0, 3)
    # A text that lies in the table is made durable with the entry, if the table has room for texts.
    published = pool._heap.published
    table["a key whose text lies in the table"] = 1
    assert cost(lambda: table.__setitem__("another such key", 1)) == (0, 3)
    assert pool._heap.published == published
    # A key that needs memory is published together with the count; its text, the entry and the slot are durable before.
    assert cost(lambda: table.__setitem__("a key that needs memory" * 20, 1)) == (0, 3)
    assert pool._heap.published == published + 1
    # A key that is pickled takes a transaction, which logs the slot and the count, but not the entry.
    assert cost(lambda: table.__setitem__((1, 2), 1))[0] == 2
    # A value that needs memory replaces another such value.
    table["new"] = "a value that needs memory"
    assert cost(lambda: table.__setitem__("new", "another value that needs memory")) == (0, 1)
    assert cost(lambda: table.__setitem__("new", 1)) == (0, 0) and table["new"] == 1
    assert pool._heap.published == published + 4

    def change_all() -> None:
        with pool.transaction():
            for key in table:
                table[key] = 2

    other = table = pool.root = pool.new(PersistentDict, dict.fromkeys(range(10_000)))
    ranges, _ = cost(change_all)
    assert ranges <= 24 * 16_000 // PAGE + 4 and set(other.values()) == {2}


def test_the_set_of_ranges_against_a_set() -> None:
    chance = random.Random(5)
    for _ in range(20):
        ranges, model = SnapshotRanges(), set()
        times: dict[int, int] = {}
        for _ in range(80):
            offset, size = 8 * chance.randrange(20_000), 8 * chance.choice([1, 1, 2, 3, 64, 100, 700, 2000])
            words = range(offset // 8, (offset + size) // 8)
            assert ranges.covers(offset, size) == all(word in model for word in words)
            ranges.add(offset, size)
            model.update(words)
            for page in {word >> 9 for word in words}:
                times[page] = times.get(page, 0) + 1
            page = chance.randrange(40)
            assert ranges.covers(offset, size) and ranges.times(page * PAGE) == times.get(page, 0)
        assert ranges.is_used and not SnapshotRanges().is_used and not SnapshotRanges().covers(0, 8)


@pytest.mark.once
def test_who_only_reads_asks_nothing_of_libpmemobj_s_heap(pool_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pmemobj.create(pool_path, 16 << 20) as pool:
        pool.root = pool.new(PersistentList, ["text" * 20, 1])
    asked: list[str] = []

    def note(name: str, real: Callable[..., Any], *arguments: Any) -> Any:
        asked.append(name)
        return real(*arguments)

    for name in ("add_allocation_class", "set_log_piece", "set_aside", "free_now"):
        monkeypatch.setattr(library, name, partial(note, name, getattr(library, name)))
    with pmemobj.open(pool_path) as pool:
        assert pmemobj.inspect.walk(pool) and list(pool.root) == ["text" * 20, 1]
    with pmemobj.open(pool_path) as pool:
        pool.root[1] = 2  # one word, in its place
        assert not asked
        pool.root[0] = "more" * 20
        classes = asked.count("add_allocation_class")
        assert classes > 20 and asked[classes:] == ["set_log_piece", "set_aside"]
        pool.root[0] = "most" * 20
        assert len(asked) == classes + 2
