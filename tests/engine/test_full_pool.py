"""A pool that is full to the last byte can free memory, and then store new items."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from soundness import assert_sound

import pmemobj
from pmemobj import (
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PoolFullError,
)
from pmemobj._pmdk import library

Pool = PersistentObjectPool
TEXT = "a text that is too long for a word"


class Note(PersistentObject):
    def __init__(self, text: str) -> None:
        self.text = text


def fill(pool: Pool) -> dict[str, Any]:
    """A pool with several containers and not one free byte."""
    root = pool.root = pool.new(PersistentDict)
    root["list"] = pool.new(PersistentList, [TEXT] * 3000)
    root["dict"] = pool.new(PersistentDict, {f"{TEXT}{at}": TEXT for at in range(1500)})
    root["bytes"] = pool.new(PersistentByteArray, bytes(60_000))
    root["objects"] = pool.new(PersistentList, [pool.new(Note, TEXT) for _ in range(300)])
    root["rest"] = rest = pool.new(PersistentList)
    size = 200_000
    while size >= 8:
        try:
            rest.append(b"r" * size)
        except PoolFullError:
            size //= 3
    return {name: root[name] for name in root}


#: Each action removes something; in this order they leave nothing.
REMOVALS: list[Callable[[dict[str, Any]], Any]] = [
    lambda all: all["list"].__delitem__(slice(0, 1000)),
    lambda all: all["list"].__delitem__(slice(0, None, 3)),
    lambda all: all["list"].pop(0),
    lambda all: all["list"].pop(),
    lambda all: all["list"].remove(TEXT),
    lambda all: [all["dict"].pop(f"{TEXT}{at}") for at in range(200)],
    lambda all: [all["dict"].__delitem__(f"{TEXT}{at}") for at in range(200, 300)],
    lambda all: all["dict"].popitem(),
    lambda all: all["bytes"].__delitem__(slice(0, 1000)),
    lambda all: all["bytes"].pop(),
    lambda all: delattr(all["objects"][0], "text"),
    lambda all: setattr(all["objects"][1], "text", None),
    lambda all: all["objects"].__delitem__(slice(0, 100)),
    lambda all: all["list"].clear(),
    lambda all: all["dict"].clear(),
    lambda all: all["bytes"].clear(),
    lambda all: all["rest"].clear(),
]


def state(all: dict[str, Any]) -> Any:
    return list(all["list"]), dict(all["dict"]), bytes(all["bytes"]), len(all["objects"]), list(all["rest"])


def test_everything_can_be_removed_from_a_full_pool(
    make_pool: Callable[..., Pool], reopen: Callable[..., Pool]
) -> None:
    pool = make_pool("full.pmem", 8 * MIB)
    all = fill(pool)
    before = state(all)
    with pytest.raises(KeyError), pool.transaction():
        for remove in REMOVALS:
            remove(all)
        raise KeyError
    assert state(all) == before
    assert_sound(pool)
    for remove in REMOVALS:
        now = state(all)
        with pytest.raises(KeyError), pool.transaction():
            remove(all)
            raise KeyError
        assert state(all) == now
        remove(all)
    assert_sound(pool)
    del all
    pool = reopen(pool)
    assert [len(pool.root[name]) for name in pool.root] == [0, 0, 0, 200, 0]
    pool.root["list"].extend([TEXT] * 20_000)
    assert_sound(pool, no_garbage=True)


def test_all_in_one_transaction(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool("full.pmem", 8 * MIB)
    all = fill(pool)
    with pool.transaction():
        for remove in REMOVALS:
            remove(all)
    all["list"].append(TEXT)
    pool.gc()
    assert pool.used < MIB
    assert_sound(pool, no_garbage=True)


def test_what_a_transaction_has_taken_is_not_free(make_pool: Callable[..., Pool]) -> None:
    """What a transaction takes counts at once, and an error for want of space advises to commit earlier, which helps."""
    pool = make_pool("full.pmem", 8 * MIB)
    pool.root = pool.new(PersistentList)
    used, free = pool.used, pool.free
    # Memory that is set aside for logs cannot be used for anything else.
    assert used + free <= 8 * MIB - (pool._heap.root_offset & ~0xFFF) - pmemobj._engine.size_classes.log_space(4 * MIB)
    with pool.transaction():
        block = pool.mm.alloc(MIB, "B")
        assert used + MIB <= pool.used <= used + MIB + 300_000 and pool.used + pool.free == used + free
        assert (pool.stats().used, pool.stats().free) == (pool.used, pool.free)
        pool.mm.free(block)
        assert pool.used == used, "it has given that back"
        pool.root.append(TEXT)
        inside = pool.used
    assert pool.used == inside > used
    with pytest.raises(PoolFullError) as caught, pool.transaction():
        while True:
            pool.root.append(TEXT * 20)
    shown = re.search(r"has taken (\d+) bytes.*commit in smaller transactions", str(caught.value))
    assert shown and int(shown[1]) > MIB, caught.value
    left = re.search(r"\((\d+) bytes are free in all", str(caught.value))
    assert left and int(left[1]) + int(shown[1]) <= free, caught.value
    with pytest.raises(PoolFullError) as caught:
        pool.mm.alloc(8 * MIB, "B")
    assert "smaller transactions" not in str(caught.value), "there is no other"


def test_sizes_that_a_list_has_outgrown_keep_no_chunks(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool("list.pmem", 8 * MIB)
    items = pool.root = pool.new(PersistentList)
    with contextlib.suppress(PoolFullError):
        while True:
            with pool.transaction():
                for _ in range(250):
                    items.append(TEXT)
    # Before, the list reached less than 30 %: each size that it grew through kept a chunk.
    assert pool.used > 2 * (pool.used + pool.free) // 5


def test_deleting_in_a_full_pool_searches_for_no_room(
    make_pool: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse table is moved to a smaller one if there is room; where there is none, this must cost nothing.

    Each deletion once collected the whole pool in vain.
    """
    pool = make_pool("full", size=8 * MIB)
    root = pool.root = pool.new(PersistentDict)
    root["dict"] = table = pool.new(PersistentDict)
    root["list"] = items = pool.new(PersistentList)
    root["kept"] = kept = pool.new(PersistentList)
    try:
        # What is kept lies between what is deleted, so that no large piece gets free.
        for number in range(10_000):
            with pool.transaction():
                table[number] = bytes(700)
                items.append(bytes(300))
                kept.extend([bytes(700), bytes(300)])
    except PoolFullError:
        pass
    size = 200_000
    while size >= 2000:
        try:
            kept.append(bytes(size))
        except PoolFullError:
            size //= 2
    searches: list[str] = []
    recycle, reclaim = library.recycle, pool._heap.reclaim
    monkeypatch.setattr(library, "recycle", lambda pop: [searches.append("recycle"), recycle(pop)][1])
    monkeypatch.setattr(pool._heap, "reclaim", lambda heap: [searches.append("collect"), reclaim(heap)][1])
    while len(items) > 10:
        del table[len(items) - 1]
        items.pop()
    assert searches.count("collect") == 0 and searches.count("recycle") == 0
    assert len(table) == 10 or len(table) == 11
    pool._heap.reclaim = reclaim
    table._check()
    items._check()
    assert_sound(pool)


@pytest.mark.parametrize("size", [8, 20, 36])
def test_logs_in_pools_of_all_sizes(make_pool: Callable[..., Pool], reopen: Callable[..., Pool], size: int) -> None:
    """With 20 and 36 MiB the memory for logs would have 64 and 128 units, for which libpmemobj has an error."""
    pool = make_pool("size.pmem", size * MIB)
    pool.root = pool.new(PersistentList, range(30_000))
    with pool.transaction():
        pool.root.reverse()
    pool = reopen(pool)
    assert pool.root[0] == 29_999
    assert_sound(pool)


def test_what_could_not_be_logged_is_not_taken_for_logged(pool: Pool) -> None:
    items = pool.root = pool.new(PersistentList, range(1_000_000))
    with pytest.raises(ZeroDivisionError), pool.transaction():
        for _ in range(3):
            with pytest.raises(PoolFullError):
                items.reverse()
        raise ZeroDivisionError
    assert (items[0], items[-1]) == (0, 999_999)


KILLED = """
import os, signal, sys
import pmemobj
from test_full_pool import REMOVALS
pool = pmemobj.open(sys.argv[1])
all = {name: pool.root[name] for name in pool.root}
left = int(sys.argv[2])
def count():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
pool._heap.on_change = count
with pool.transaction():
    for remove in REMOVALS:
        remove(all)
"""


def test_killed_while_removing(make_pool: Callable[..., Pool], run_python: Any, scratch: Path) -> None:
    pool = make_pool("full.pmem", 8 * MIB)
    before = state(fill(pool))
    for left in (1, 40, 400):
        pool.close()
        assert run_python(KILLED, pool.path, left, check=False).returncode == -9
        pool = pmemobj.open(pool.path)
        assert pool.recovered and state({name: pool.root[name] for name in pool.root}) == before
    assert_sound(pool)
    pool.close()


def test_what_is_optional_does_not_let_a_pool_grow_to_its_end(scratch: Path) -> None:
    with pmemobj.create(scratch / "grows", "auto", max_size=256 * MIB) as pool:
        before = {part.name: part.stat().st_size for part in (scratch / "grows").iterdir()}
        with pool.transaction():
            assert pool._heap.alloc_at_hand(300 * MIB, 1) == 0
            assert pool._heap.alloc_at_hand(1 << 50, 1) == 0
        assert {part.name: part.stat().st_size for part in (scratch / "grows").iterdir()} == before
