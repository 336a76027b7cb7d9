"""Garbage collection: what the root does not reach is freed, and nothing else ever is."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Account, Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, _format

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def fill(pool: Pool) -> None:
    """Something of every kind, with a cycle."""
    inner = pool.new(PersistentDict, {LONG: LONG, "number": 1 << 100, 2: 0.1})
    bag = pool.new(Bag)
    bag.text, bag.inner, bag.self = LONG, inner, bag
    pool.root = pool.new(PersistentList, [LONG, inner, bag, 2.5, b"b" * 100, 1j])


def test_nothing_that_the_root_reaches_is_freed(pool: Pool, reopen: Callable[..., Pool]) -> None:
    fill(pool)
    used = pool.used
    assert pool.gc() == Counter() and pool.gc(keep_handles=False) == Counter()
    assert pool.used == used
    pool = reopen(pool)
    assert pool.used == used and pool.root[1][LONG] == LONG and pool.root[2].self.inner is pool.root[1]
    assert_sound(pool, no_garbage=True)


def test_what_lost_its_last_reference_is_freed_at_close(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = "small"
    pool.new(Bag)  # the class stays known
    pool = reopen(pool)
    empty = pool.used
    fill(pool)
    assert pool.used > empty + 300
    pool.root = "small"
    pool = reopen(pool)
    assert pool.used <= empty + 200  # the names of the attributes stay known, too
    assert_sound(pool, no_garbage=True)


def test_what_was_freed_is_counted_by_type(pool: Pool) -> None:
    def make() -> None:
        pool.new(PersistentList, [LONG, pool.new(PersistentDict, {LONG: b"b" * 50, 1: 1 << 90})])
        pool.new(Account, LONG, 5)
        pool.new(PersistentList)

    make()
    assert pool.gc() == {
        "PersistentList": 2,
        "PersistentDict": 1,
        "Account": 1,
        "str": 2,  # that of the key lies in the table
        "bytes": 1,
        "int": 1,
        "items": 1,
        "table": 1,
        "slots": 1,
    }
    assert pool.gc() == Counter()
    assert_sound(pool, no_garbage=True)


def test_cycles_are_freed(pool: Pool) -> None:
    def make() -> None:
        one, other = pool.new(PersistentList), pool.new(PersistentDict)
        one.append(other)
        other["one"] = one
        bag = pool.new(Bag)
        bag.self, bag.other = bag, other

    pool.new(Bag).other = pool.new(Bag).self = None
    pool.gc()
    used = pool.used
    make()
    assert pool.used > used
    freed = pool.gc()
    assert (freed["PersistentList"], freed["PersistentDict"], freed["Bag"]) == (1, 1, 1)
    assert pool.used == used


def test_replaced_and_deleted_leaves_need_no_collection(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, a=LONG)
    used = pool.used
    for turn in range(50):
        pool.root["a"] = LONG + str(turn % 10)
    assert pool.used == used
    pool.root["b"] = LONG
    del pool.root["b"]
    assert pool.used == used
    pool.root = None
    assert pool.gc()["str"] == 1


def test_live_handles_keep_what_they_reach(pool: Pool) -> None:
    held = pool.new(PersistentList, [pool.new(PersistentDict, a=LONG), LONG])
    assert pool.gc() == Counter()
    assert held[0]["a"] == LONG
    inner = held[0]
    pool.root = inner
    del held
    assert pool.gc()["PersistentList"] == 1
    assert pool.root["a"] == LONG and inner is pool.root
    assert_sound(pool)


def test_handles_do_not_keep_what_is_closed(pool: Pool, reopen: Callable[..., Pool]) -> None:
    held = pool.new(PersistentList, [LONG])
    pool = reopen(pool)
    assert pool.used == 0
    with pytest.raises((pmemobj.PoolClosedError, pmemobj.InvalidHandleError)):
        len(held)


def test_collection_without_regard_to_handles(pool: Pool) -> None:
    held = pool.new(PersistentList, [pool.new(PersistentDict)])
    inner, kept = held[0], pool.new(PersistentList, [LONG])
    pool.root = kept
    freed = pool.gc(keep_handles=False)
    assert (freed["PersistentList"], freed["PersistentDict"]) == (1, 1)
    for gone in (held, inner):
        with pytest.raises(pmemobj.InvalidHandleError):
            len(gone)
    assert kept == [LONG] and pool.root is kept
    assert_sound(pool, no_garbage=True)


def test_what_a_transaction_took_back_is_no_garbage(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [LONG])
    used = pool.used
    with pytest.raises(KeyError), pool.transaction():
        fill(pool)
        raise KeyError
    assert pool.used == used
    assert pool.gc() == Counter() and pool.root == [LONG]


def test_much_garbage(pool: Pool) -> None:
    with pool.transaction():  # in the checking mode each commit looks at all of the pool
        pool.root = pool.new(PersistentList, [pool.new(PersistentList, [LONG]) for _ in range(2500)])
    pool.root = pool.root[1000]
    freed = pool.gc()
    assert freed["str"] == 2499 and freed["PersistentList"] == 2500
    assert pool.root == [LONG]
    assert_sound(pool, no_garbage=True)


def test_a_long_chain_is_no_deep_recursion(pool: Pool, reopen: Callable[..., Pool]) -> None:
    with pool.transaction():
        link = pool.new(PersistentList, ["end"])
        for _ in range(5000):
            link = pool.new(PersistentList, [link])
        pool.root = link
    del link
    assert pool.gc() == Counter()
    pool = reopen(pool)
    pool.root = None
    assert pool.gc()["PersistentList"] == 5001


def test_a_pool_that_was_only_read_is_not_searched(pool: Pool, reopen: Callable[..., Pool]) -> None:
    fill(pool)
    pool = reopen(pool)
    repr(pool.root)
    assert not pool._heap.may_have_garbage


def test_objects_of_missing_classes_are_traced(pool_path: str, run_python: Callable[..., Any]) -> None:
    run_python(
        """
import pmemobj, sys
class Unknown(pmemobj.PersistentObject): pass
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, [pool.new(Unknown)])
pool.root[0].inner = pool.new(pmemobj.PersistentList, ["kept" * 10])
pool.new(Unknown).x = 1
import os
os._exit(0)
""",
        pool_path,
    )
    with pmemobj.open(pool_path) as pool:
        assert pool.recovered and pool.gc() == Counter()
        graph = pmemobj.inspect.walk(pool)
        assert graph.total == 3
        assert_sound(pool, no_garbage=True)


# ---- after an unclean end ----------------------------------------------------------------------------

GARBAGE_MAKER = """
import os, sys, pmemobj
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, ["kept" * 10])
for number in range(100):
    pool.new(pmemobj.PersistentDict, {number: "garbage" * 10})
print("made", flush=True)
if len(sys.argv) > 2:
    pool.transaction().begin()
    pool.root.append("uncommitted")
    pool.new(pmemobj.PersistentList, ["uncommitted" * 10])
    print("begun", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("inside", [False, True], ids=["between transactions", "inside a transaction"])
def test_garbage_of_a_killed_process_is_freed_at_the_next_opening(
    pool_path: str, spawn: Callable[..., subprocess.Popen[str]], inside: bool
) -> None:
    child = spawn(GARBAGE_MAKER, pool_path, *(["inside"] * inside))
    assert child.stdout is not None
    for _ in range(1 + inside):
        assert child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    with pmemobj.open(pool_path) as pool:
        assert pool.recovered
        assert pool.root == ["kept" * 10]
        assert len(pool._heap.allocations()) == 3
        assert_sound(pool, no_garbage=True)
    with pmemobj.open(pool_path) as pool:
        assert not pool.recovered and pool.root == ["kept" * 10]


def test_a_pool_says_whether_it_was_recovered(pool: Pool, scratch: Any) -> None:
    pool.root = 1
    shutil.copy(pool.path, scratch / "copy")  # as it is: still open
    assert not pool.recovered
    pool.close()
    for path, recovered in ((pool.path, False), (scratch / "copy", True), (scratch / "copy", False)):
        with pmemobj.open(path) as again:
            assert again.recovered is recovered and again.root == 1


def state_of(path: str) -> int:
    with open(path, "rb") as file:
        data = file.read()
    root = int.from_bytes(data[_format.POOL_ROOT_OFFSET :][:8], "little")
    return int.from_bytes(data[root + _format.ROOT_STATE :][:8], "little")


def test_the_state_in_the_file(pool: Pool, run_python: Callable[..., Any]) -> None:
    assert state_of(pool.path) == _format.STATE_OPEN
    pool.new(PersistentList, [LONG])
    pool.suspend()
    assert state_of(pool.path) == _format.STATE_SUSPENDED
    # Another process finds a pool in good order, with garbage of ours, which it frees when it closes it.
    done = run_python(
        """
import pmemobj, sys
with pmemobj.open(sys.argv[1]) as pool:
    print(pool.recovered, len(pool._heap.allocations()))
""",
        pool.path,
    )
    assert done.stdout == "False 3\n"
    assert state_of(pool.path) == _format.STATE_CLEAN
    pool.resume()
    assert pool.used == 0 and not pool.recovered
    pool.close()
    assert state_of(pool.path) == _format.STATE_CLEAN


# ---- progress --------------------------------------------------------------------------------------------


def test_progress_is_told_and_may_stop_the_collection(pool: Pool) -> None:
    with pool.transaction():
        pool.root = pool.new(PersistentList, [pool.new(PersistentList) for _ in range(12_000)])
        pool.root.append(LONG)
    told: list[tuple[int, int]] = []
    pool.gc(progress=lambda done, total: told.append((done, total)))
    total = len(pool._heap.allocations())
    assert len(told) > 1 and told[-1] == (total, total) and told == sorted(told)
    pool.root = kept = pool.new(PersistentList, [LONG])

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pool.gc(progress=stop)
    assert not pool.in_transaction and kept == [LONG]
    assert_sound(pool)
    left = len(pool._heap.allocations())
    assert 3 < left < total, "the first batch was freed, the rest is left"
    assert sum(pool.gc().values()) == left - 3
    assert_sound(pool, no_garbage=True)


def test_progress_must_not_change_the_pool(pool: Pool) -> None:
    fill(pool)
    for change in (lambda: pool.new(PersistentList, [1]), lambda: setattr(pool, "root", 5)):
        with pytest.raises(pmemobj.TransactionError, match="the progress callback changed the pool"):
            pool.gc(progress=lambda done, total, change=change: change())  # type: ignore[misc]
    assert not pool.in_transaction
    assert_sound(pool)


# ---- when the pool is full ---------------------------------------------------------------------------------

BIG = b"b" * 200_000


def fill_with_garbage(pool: Pool) -> None:
    """Until nothing of that size fits any more; nothing of it is used."""
    pool._heap.reclaim, reclaim = None, pool._heap.reclaim
    with pytest.raises(pmemobj.PoolFullError):
        while True:
            pool.new(PersistentList, [BIG])
    pool._heap.reclaim = reclaim


def test_garbage_makes_room_before_an_allocation_fails(pool: Pool) -> None:
    fill(pool)
    held = pool.new(PersistentList, [LONG])
    fill_with_garbage(pool)
    full = pool.used
    pool.root.append(BIG)  # whose leaf is allocated before the first change
    assert pool.root[-1] == BIG and pool.used < full // 4 and held == [LONG]
    assert_sound(pool)
    fill_with_garbage(pool)
    with pool.transaction():
        pool.new(PersistentList, [BIG])
        pool.root[0] = BIG
    fill_with_garbage(pool)
    pool.root.extend([BIG] * 10)
    assert pool.root[1][LONG] == LONG and held == [LONG]
    assert_sound(pool)


def test_a_roll_back_after_garbage_made_room(pool: Pool, reopen: Callable[..., Pool]) -> None:
    fill(pool)
    fill_with_garbage(pool)
    with pytest.raises(KeyError), pool.transaction():
        pool.new(PersistentList, [BIG])
        pool.root.append(BIG)
        raise KeyError
    assert len(pool.root) == 6 and pool.root[2].self.inner is pool.root[1]
    assert_sound(pool)
    pool = reopen(pool)
    assert len(pool.root) == 6
    assert_sound(pool, no_garbage=True)


def test_what_a_roll_back_needs_makes_no_room(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [pool.new(PersistentList, [LONG, BIG])])
    fill_with_garbage(pool)
    with pytest.raises(pmemobj.PoolFullError), pool.transaction():
        pool.root.clear()
        while True:
            pool.new(PersistentList, [BIG])
    assert pool.root[0][0] == LONG and pool.root[0][1] == BIG
    assert_sound(pool)


def test_what_only_new_memory_refers_to_makes_no_room(pool: Pool) -> None:
    orphan = pool.new(PersistentList, [LONG])
    offset = orphan._p_offset
    fill_with_garbage(pool)
    with pool.transaction():
        heap = pool._heap
        fresh = heap.alloc(32, _format.Kind.TUPLE)
        heap.init(fresh, [_format.new_header(_format.Kind.TUPLE), 1, offset, 0])
        del orphan
        bag = pool.new(PersistentList, [BIG])  # makes room
        bag.append(heap.handle(offset))
        heap.free(fresh)
        pool.root = bag
    assert pool.root[1] == [LONG]
    assert_sound(pool)


# ---- out of space ------------------------------------------------------------------------------------------


def lots(count: int = 80) -> list[bytes]:
    return [bytes([at]) * 200_000 for at in range(count)]


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "extend": lambda pool: pool.root["list"].extend(lots()),
    "extend with numbers": lambda pool: pool.root["list"].extend(range(3_000_000)),
    "insert": lambda pool: pool.root["list"].insert(0, b"x" * 20_000_000),
    "assign a slice": lambda pool: pool.root["list"].__setitem__(slice(1, 3), lots()),
    "assign an extended slice": lambda pool: pool.root["list"].__setitem__(slice(0, 400, 5), lots()),
    "update": lambda pool: pool.root["dict"].update({str(at): one for at, one in enumerate(lots())}),
    "a dict that grows": lambda pool: pool.root["dict"].update(dict.fromkeys(range(400_000))),
    "an attribute": lambda pool: setattr(pool.root["bag"], "new", b"x" * 20_000_000),
    "a new object": lambda pool: pool.new(PersistentDict, {"a": lots()[0], "b": pool.new(PersistentList, lots())}),
    "the root": lambda pool: setattr(pool, "root", b"x" * 20_000_000),
    "a transaction": lambda pool: [pool.root.update({LONG: at, str(at): one}) for at, one in enumerate(lots())],
}


def test_out_of_space_changes_nothing(pool: Pool) -> None:
    bag = pool.new(Bag)
    bag.text = LONG
    pool.root = pool.new(
        PersistentDict,
        {"list": pool.new(PersistentList, [LONG] * 400), "dict": pool.new(PersistentDict, {1: LONG}), "bag": bag},
    )
    bag.new = 1
    pool.gc()
    used = pool.used
    for name, operation in OPERATIONS.items():
        with pytest.raises(pmemobj.PoolFullError) as caught, pool.transaction():
            operation(pool)
        assert isinstance(caught.value, MemoryError) and not pool.in_transaction
        assert str(pool.size) in caught.value.why and "bytes are free in all" in caught.value.why, name
        assert pool.root["list"] == [LONG] * 400 and pool.root["dict"] == {1: LONG} and len(pool.root) == 3
        assert (bag.text, bag.new) == (LONG, 1), name
        assert pool.used == used, name
    assert_sound(pool, no_garbage=True)
    pool.root["list"].append(LONG)


def test_no_room_for_the_log_of_a_sort(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, range(1_000_000, 0, -1))
    with pytest.raises(pmemobj.PoolFullError, match=r"log 8000000 bytes .*16777216 bytes has no piece"):
        pool.root.sort()
    with pytest.raises(pmemobj.PoolFullError):
        pool.root.reverse()
    assert pool.root[0] == 1_000_000 and pool.root[-1] == 1
    pool.root[0] = 5
    assert pool.root[0] == 5


# ---- what takes the space ------------------------------------------------------------------------------------


def test_stats(pool: Pool) -> None:
    fill(pool)
    pool.new(Account, LONG, 3)
    stats = pool.stats()
    assert (stats.size, stats.used, stats.free) == (pool.size, pool.used, pool.free)
    assert stats.overhead + stats.used + stats.free == stats.size
    assert {name: one.count for name, one in stats.types.items()} == {
        "PersistentList": 4,  # with the records of the two classes, and their table
        "PersistentDict": 1,
        "Bag": 1,
        "Account": 1,
    }
    assert sum(one.size for one in stats.types.values()) == stats.used
    assert 0 <= stats.fragmentation <= 1 and stats.medium is pool.medium
    assert f"{pool.used} used" in str(stats) and "PersistentDict" in str(stats)
    graph = pmemobj.inspect.walk(pool)
    assert stats.types["Bag"].size == sum(node.size for node in graph.nodes.values() if node.type == "Bag")
    pool.root = LONG
    pool.gc()
    assert pool.stats().types["other"].size == pool._heap.allocation_size(pool._heap.read(pool._heap.root_offset + 40) & ~15)
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        pool.stats()
