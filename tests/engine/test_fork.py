"""Forked children inherit the mapping of a pool, and must not touch it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from forks import in_child
from soundness import assert_sound

import pmemobj
from pmemobj import ForkedPoolError, PersistentDict, PersistentList, PersistentObjectPool

Pool = PersistentObjectPool
PATIENCE = 20


@pytest.fixture
def filled(pool: Pool) -> Pool:
    pool.root = pool.new(PersistentDict, items=pool.new(PersistentList, [1, 2]), text="x" * 50)
    return pool


def test_a_child_that_touches_the_pool_is_told_so(filled: Pool) -> None:
    root, items = filled.root, filled.root["items"]

    def child() -> None:
        for use in (
            lambda: filled.root,
            lambda: root["text"],
            lambda: items.append(3),
            lambda: items.__setitem__(0, 5),
            lambda: filled.new(PersistentList),
            lambda: filled.transaction().begin(),
            lambda: filled.gc(),
            lambda: filled.size,
            lambda: setattr(filled, "root", None),
            lambda: pmemobj.inspect.walk(filled),
            lambda: filled.__enter__(),
            lambda: filled.suspend(),
        ):
            with pytest.raises(ForkedPoolError, match="before this process was forked off") as caught:
                use()
            assert isinstance(caught.value, RuntimeError) and str(os.getpid()) in str(caught.value)

    in_child(child)
    assert filled.root["items"] == [1, 2]
    filled.root["items"].append(3)
    assert_sound(filled)


def test_a_child_may_close_what_it_inherited(filled: Pool) -> None:
    def child() -> None:
        assert filled not in pmemobj.open_pools()
        filled.close()
        assert filled.closed

    in_child(child)
    assert filled.root["items"] == [1, 2] and not filled.closed


def test_a_child_cannot_open_the_pool_of_its_parent(filled: Pool) -> None:
    def child() -> None:
        with pytest.raises(pmemobj.PoolBusyError):
            pmemobj.open(filled.path)

    in_child(child)
    assert filled.root["text"] == "x" * 50


def test_a_child_can_use_pools_of_its_own(filled: Pool, scratch: Any) -> None:
    def child() -> None:
        with pmemobj.create(scratch / "child", pool_size=8 << 20) as pool, pool.transaction():
            pool.root = pool.new(PersistentList, ["child"])

    in_child(child)
    with pmemobj.open(scratch / "child") as pool:
        assert pool.root == ["child"] and not pool.recovered
    filled.root["items"].append(3)


def test_a_child_forked_inside_a_transaction(filled: Pool, scratch: Any) -> None:
    """A child that leaves the ``with`` block of its parent changes nothing in the parent's pool."""

    def child() -> None:
        with pytest.raises((ForkedPoolError, pmemobj.TransactionError)):
            transaction.__exit__(None, None, None)
        with pytest.raises((ForkedPoolError, pmemobj.TransactionError)):
            filled.root["items"].append("child")
        assert not filled.in_transaction

    with filled.transaction() as transaction:
        filled.root["items"].append("uncommitted")
        in_child(child)
        filled.root["items"].append("after")
    assert filled.root["items"] == [1, 2, "uncommitted", "after"]
    with pytest.raises(KeyError), filled.transaction() as transaction:
        filled.root["items"].append("rolled back")
        in_child(child)
        raise KeyError
    assert filled.root["items"] == [1, 2, "uncommitted", "after"]
    assert_sound(filled)


def test_a_child_forked_inside_a_transaction_opens_no_pool(filled: Pool, scratch: Any) -> None:
    """libpmemobj takes the transaction of the parent for one of the child; to end it would undo the parent's changes."""

    pmemobj.create(scratch / "other", pool_size=8 << 20).close()

    def child() -> None:
        with pytest.raises(ForkedPoolError, match="in the middle of a transaction"):
            pmemobj.create(scratch / "new", pool_size=8 << 20)
        with pytest.raises(ForkedPoolError, match="in the middle of a transaction"):
            pmemobj.open(scratch / "other")

    with filled.transaction():
        filled.root["items"].append("uncommitted")
        in_child(child)
        filled.root["items"].append("after")
        assert filled.in_transaction
    assert filled.root["items"] == [1, 2, "uncommitted", "after"]
    assert_sound(filled)
    with pmemobj.open(scratch / "other") as pool:
        assert not pool.recovered
    assert not (scratch / "new").exists()


def test_a_child_that_ends_normally_leaves_the_parents_pool_alone(
    pool_path: str, run_python: Callable[..., Any]
) -> None:
    # The child ends with sys.exit and everything that an interpreter does at its end, as in multiprocessing.
    done = run_python(
        """
import os, sys, pmemobj
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, [1])
with pool.transaction():
    pool.root.append(2)
    if os.fork() == 0:
        sys.stderr = open(os.devnull, "w")
        sys.exit(0)
    os.wait()
    pool.root.append(3)
print(pool.root.copy(), flush=True)
garbage = pool.new(pmemobj.PersistentList, ["garbage" * 10])
if os.fork() == 0:
    sys.exit(0)
assert os.wait()[1] == 0
print(garbage.copy())
""",
        pool_path,
    )
    assert done.stdout == "[1, 2, 3]\n['" + "garbage" * 10 + "']\n"
    with pmemobj.open(pool_path) as pool:
        assert pool.root == [1, 2, 3] and not pool.recovered


def test_multiprocessing_with_fork(filled: Pool) -> None:
    import multiprocessing

    context = multiprocessing.get_context("fork")
    with context.Pool(2) as workers:
        assert workers.map(len, ["a", "bb", "ccc"]) == [1, 2, 3]
    filled.root["items"].append(3)
    assert filled.root["items"] == [1, 2, 3]


def test_a_forked_child_finds_no_lock_held(filled: Pool, scratch: Any) -> None:
    # Another thread is inside a transaction while this thread forks.
    import threading

    inside, done = threading.Event(), threading.Event()

    def work() -> None:
        with filled.transaction():
            inside.set()
            done.wait(PATIENCE)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    inside.wait(PATIENCE)

    def child() -> None:
        with pytest.raises(ForkedPoolError):
            filled.root["items"].append(3)
        with pytest.raises(ForkedPoolError):
            filled.gc()
        filled.close()

    try:
        in_child(child)
    finally:
        done.set()
        worker.join(PATIENCE)
    assert filled.root["items"] == [1, 2]


# ---- every kind of container, and every kind of pool --------------------------------------------------


def everything(pool: Pool) -> dict[str, Any]:
    """A pool with one container of each kind in its root."""
    pool.root = pool.new(
        PersistentDict,
        items=pool.new(PersistentList, [1, "x" * 50]),
        group=pool.new(pmemobj.PersistentSet, ["x" * 50]),
        pair=pool.new(pmemobj.PersistentTuple, (1, "x" * 50)),
        data=pool.new(pmemobj.PersistentByteArray, b"data" * 20),
        numbers=pool.new(pmemobj.PersistentArray, "q", range(20)),
    )
    return {name: pool.root[name] for name in pool.root}


def refuse_in_child(pool: Pool) -> None:
    """A child gets one clear error for every operation, and nothing of it reaches the parent's pool."""
    one = everything(pool)
    before = pmemobj.to_python(pool.root)
    view = one["data"].view()
    iterators = [iter(one[name]) for name in one]
    writing = one["numbers"].writing()

    def child() -> None:
        uses: list[Callable[[], Any]] = [
            *(lambda it=it: next(it) for it in iterators),
            *(lambda name=name: len(one[name]) for name in one),
            *(lambda name=name: list(one[name]) for name in one),
            *(lambda name=name: repr(one[name]) for name in one),
            *(lambda name=name: pmemobj.to_python(one[name]) for name in one),
            lambda: one["group"].add(2),
            lambda: one["group"].pop(),
            lambda: "a" in one["group"],
            lambda: one["pair"][0],
            lambda: one["data"].append(1),
            lambda: one["data"].__setitem__(0, 1),
            lambda: one["data"].view(),
            lambda: one["numbers"].__setitem__(0, 1),
            lambda: one["numbers"][0],
            lambda: writing.__enter__(),
            lambda: pool.persistent([1, [2]]),
            lambda: pool.stats(),
            lambda: pmemobj.dump(pool, os.devnull),
        ]
        for number, use in enumerate(uses):
            try:
                use()
            except ForkedPoolError:
                continue
            raise AssertionError(f"use {number} is not refused")
        assert bytes(view[:4]) == b"data"  # what was lent stays mapped

    in_child(child)
    assert pmemobj.to_python(pool.root) == before
    one["group"].add(3)
    one["numbers"][0] = 5
    with one["numbers"].writing() as numbers:
        numbers[1] = 7
    assert one["numbers"][:2].tolist() == [5, 7] and 3 in one["group"]
    view.release()


def test_every_container_in_a_child(pool: Pool) -> None:
    refuse_in_child(pool)
    assert_sound(pool)


def test_a_child_of_a_process_with_a_growing_pool(scratch: Any) -> None:
    path = str(scratch / "growing")
    with pmemobj.create(path, pool_size="auto", max_size=1 << 30) as pool:
        refuse_in_child(pool)

        def child() -> None:
            with pytest.raises(pmemobj.PoolBusyError):
                pmemobj.open(path)

        in_child(child)
        size = pool.size
        while pool.size == size:
            pool.root["items"].append(b"0" * (16 << 20))
    with pmemobj.open(path) as again:
        assert again.root["items"][-1] == b"0" * (16 << 20) and not again.recovered


def test_a_child_of_a_process_with_a_sandbox(pool: Pool) -> None:
    pool.close()
    with pmemobj.open(pool.path, sandbox=True) as sandbox:
        refuse_in_child(sandbox)
    with pmemobj.open(pool.path) as again:
        assert again.root is None


def test_a_child_forked_inside_a_writing_block(pool: Pool) -> None:
    numbers = everything(pool)["numbers"]

    def child() -> None:
        with pytest.raises((ForkedPoolError, pmemobj.TransactionError)):
            block.__exit__(None, None, None)

    block = numbers.writing()
    with block as view:
        view[0] = 9
        in_child(child)
    assert numbers[0] == 9
    assert_sound(pool)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_open_pools_of_their_own(pool: Pool, scratch: Any, run_python: Callable[..., Any], method: str) -> None:
    """Children use pools of their own while the parent has one open, and the parent reads what they wrote."""
    script = scratch / "workers.py"
    script.write_text(
        """
import multiprocessing, sys
import pmemobj

def work(path):
    with pmemobj.create(path, pool_size=8 << 20) as pool:
        pool.root = pool.new(pmemobj.PersistentList, [path])
    return len(path)

if __name__ == "__main__":
    directory, method = sys.argv[1:]
    with pmemobj.create(directory + "/parent", pool_size=8 << 20) as mine:
        mine.root = 1
        paths = [f"{directory}/worker{number}" for number in range(2)]
        with multiprocessing.get_context(method).Pool(2) as workers:
            assert workers.map(work, paths) == [len(path) for path in paths]
        mine.root = 2
        for path in paths:
            with pmemobj.open(path) as pool:
                assert pool.root == [path] and not pool.recovered
"""
    )
    run_python(script, scratch, method)
