"""Handles: one Python object for one persistent object, and a clear error when the object is gone."""

from __future__ import annotations

import gc
import os
import random
import shutil
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Account, Bag
from soundness import assert_sound

import pmemobj
from pmemobj import (
    InvalidHandleError,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PoolClosedError,
)
from pmemobj._engine.heap import Handle, Heap, attach

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"

MAKERS: dict[str, Callable[[Pool], Any]] = {
    "list": lambda pool: pool.new(PersistentList, [1, LONG]),
    "dict": lambda pool: pool.new(PersistentDict, a=1, b=LONG),
    "object": lambda pool: pool.new(Account, LONG, 1),
}
USES: dict[str, list[Callable[[Any], Any]]] = {
    "list": [
        len,
        repr,
        list,
        lambda items: items[0],
        lambda items: items[:],
        lambda items: items.append(1),
        lambda items: items.extend([LONG]),
        lambda items: items.clear(),
        lambda items: items.sort(),
        lambda items: items.__setitem__(0, 5),
        lambda items: items.__delitem__(0),
        lambda items: items == [1],
        lambda items: 1 in items,
        lambda items: items._p_mm.new(Bag),
        lambda items: items._p_mm.transaction().begin(),
    ],
    "dict": [
        len,
        repr,
        list,
        lambda table: table["a"],
        lambda table: table.get("a"),
        lambda table: "a" in table,
        lambda table: table.items().__len__(),
        lambda table: table.__setitem__("a", 2),
        lambda table: table.__setitem__("new", LONG),
        lambda table: table.pop("a"),
        lambda table: table.clear(),
        lambda table: table.update(x=1),
        lambda table: table == {},
        lambda table: table._p_mm.new(Bag),
    ],
    "object": [
        lambda account: account.balance,
        lambda account: account.doubled,
        lambda account: account.missing,
        lambda account: setattr(account, "balance", 2),
        lambda account: setattr(account, "new", LONG),
        lambda account: delattr(account, "balance"),
        lambda account: account._p_mm.new(Bag),
    ],
}
KINDS = pytest.mark.parametrize("kind", MAKERS)


def refuses_everything(handle: Any, kind: str, error: type[BaseException], words: str) -> None:
    for use in USES[kind]:
        with pytest.raises(error, match=words):
            use(handle)


# ---- identity ----------------------------------------------------------------------------------------


@KINDS
def test_the_same_object_as_long_as_one_is_alive(pool: Pool, reopen: Callable[..., Pool], kind: str) -> None:
    pool.root = pool.new(PersistentDict, x=MAKERS[kind](pool))
    assert pool.root is pool.root and pool.root["x"] is pool.root["x"]
    held = pool.root["x"]
    pool.root["again"] = pool.new(PersistentList, [held])
    assert pool.root["again"][0] is held
    pool = reopen(pool)
    assert pool.root["again"][0] is pool.root["x"]


def test_handles_are_not_kept_alive_by_the_pool(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, x=pool.new(Bag))
    watch = weakref.ref(pool.root["x"])
    gc.collect()
    assert watch() is None
    assert type(pool.root["x"]) is Bag


def test_volatile_attributes_show_that_it_is_the_same(pool: Pool) -> None:
    pool.root = pool.new(Bag)
    held = pool.root
    held._v_mark = object()
    assert pool.root._v_mark is held._v_mark


def test_thousands_of_handles(pool: Pool) -> None:
    with pool.transaction():
        pool.root = pool.new(PersistentList, [pool.new(PersistentList) for _ in range(2000)])
    handles = list(pool.root)
    assert len({id(handle) for handle in handles}) == 2000
    assert all(handle is pool.root[at] for at, handle in enumerate(handles))


def test_the_table_of_handles_knows_those_that_are_alive() -> None:
    heap, numbers = Heap("no pool"), random.Random(7)
    held: dict[int, Handle] = {}
    for _ in range(3000):
        offset = numbers.randrange(1, 400) << (4 + 20 * numbers.randrange(2))
        match numbers.randrange(4):
            case 0 | 1:
                handle = Handle.__new__(Handle)
                attach(handle, heap, offset)
                heap.handles.enter(offset, handle)  # also where there is one, which is known no longer
                held[offset] = handle
                del handle
            case 2:
                held.pop(offset, None)
            case _:
                assert heap.handles.remove(offset) is held.pop(offset, None)
        assert heap.handles.find(offset) is held.get(offset)
    assert {id(handle) for handle in heap.handles.live()} == {id(handle) for handle in held.values()}
    assert all(heap.handles.find(offset) is handle for offset, handle in held.items())
    held.clear()
    assert heap.handles.live() == []


def test_dead_handles_do_not_pile_up() -> None:
    heap = Heap("no pool")
    for number in range(1, 1000):
        handle = Handle.__new__(Handle)
        attach(handle, heap, 16 * number)
        heap.handles.enter(16 * number, handle)
    if not pmemobj.compiled:
        assert len(heap.handles._references) < 50


class Undead(PersistentObject):
    """Revives itself in its destructor."""

    def __del__(self) -> None:
        _revived.append(self)


_revived: list[Undead] = []


def test_a_handle_that_its_destructor_brings_back(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, x=pool.new(Undead))
    number = id(pool.root["x"])
    (back,) = _revived
    assert id(back) == number and pool.root["x"] is back
    back.mark = LONG
    # A destructor runs once, so this time the object is deallocated.
    _revived.clear()
    del back
    assert pool.root["x"].mark == LONG
    _revived.clear()


@pytest.mark.skipif(not pmemobj.compiled, reason="Python clears weak references to garbage before it calls __del__")
def test_a_handle_that_its_destructor_brings_back_out_of_a_cycle(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, x=pool.new(PersistentDict), y=pool.new(Undead))
    _revived.clear()
    gc.collect()
    _revived.clear()
    handle = pool.root["y"]
    handle._v_myself = handle
    del handle
    gc.collect()
    (back,) = _revived
    assert back._v_myself is back and pool.root["y"] is back
    pool.root["y"] = None
    pool.gc()
    back.mark = LONG  # it is alive, so its object is
    assert back.mark == LONG
    _revived.clear()


def test_a_handle_that_is_looked_for_while_it_goes(pool: Pool) -> None:
    seen = []

    class Last:
        def __del__(self) -> None:
            seen.append(pool.root["x"])

    pool.root = pool.new(PersistentDict, x=pool.new(Bag))
    handle = pool.root["x"]
    handle._v_last = Last()
    handle.mark = LONG
    del handle
    gc.collect()
    assert len(seen) == 1 and seen[0] is pool.root["x"] and seen[0].mark == LONG
    assert not hasattr(seen[0], "_v_last")


def test_handles_that_threads_drop_while_others_look_for_them(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [pool.new(PersistentList, [at]) for at in range(4)])
    wrong: list[Any] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            first, second = pool.root[0], pool.root[0]
            if first is not second or [pool.root[at][0] for at in range(4)] != [0, 1, 2, 3]:
                wrong.append((first, second))

    threads = [threading.Thread(target=look) for _ in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.00001)
    try:
        for thread in threads:
            thread.start()
        stop.wait(0.5)
        stop.set()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
    gc.collect()
    assert pool._heap.handles.live() == []


# ---- handles of objects that are gone ------------------------------------------------------------------


@KINDS
def test_a_handle_of_a_transaction_that_was_rolled_back(pool: Pool, kind: str) -> None:
    with pytest.raises(KeyError), pool.transaction():
        pool.root = handle = MAKERS[kind](pool)
        raise KeyError
    refuses_everything(handle, kind, InvalidHandleError, "the transaction that created it was rolled back")
    with pytest.raises(InvalidHandleError) as caught:
        pool.root = handle
    assert isinstance(caught.value, ReferenceError) and pool.root is None
    # Another object may now lie at the same offset.
    for _ in range(5):
        pool.root = MAKERS[kind](pool)
    refuses_everything(handle, kind, InvalidHandleError, "rolled back")


@KINDS
def test_a_handle_inside_a_dead_transaction(pool: Pool, kind: str) -> None:
    with pytest.raises(pmemobj.TransactionAborted), pool.transaction():
        with pytest.raises(KeyError), pool.transaction():
            handle = MAKERS[kind](pool)
            raise KeyError
        refuses_everything(handle, kind, InvalidHandleError, "rolled back")


@KINDS
def test_a_handle_that_lived_before_the_roll_back_goes_on(pool: Pool, kind: str) -> None:
    pool.root = handle = MAKERS[kind](pool)
    with pytest.raises(KeyError), pool.transaction():
        pool.root = None
        raise KeyError
    assert pool.root is handle
    for use in USES[kind][:3]:
        try:
            use(handle)
        except AttributeError:
            pass


@KINDS
def test_a_handle_of_a_closed_pool(pool: Pool, reopen: Callable[..., Pool], kind: str) -> None:
    pool.root = handle = MAKERS[kind](pool)
    pool.close()
    refuses_everything(handle, kind, PoolClosedError, "it was closed")
    pool = reopen(pool)
    refuses_everything(handle, kind, PoolClosedError, "it was closed")
    assert pool.root is not handle
    with pytest.raises(PoolClosedError):
        pool.root = handle


@KINDS
def test_a_handle_whose_object_was_freed(pool: Pool, kind: str) -> None:
    handle = MAKERS[kind](pool)
    pool.gc()
    for use in USES[kind][:2]:
        use(handle)
    pool.gc(keep_handles=False)
    refuses_everything(handle, kind, InvalidHandleError, "freed by garbage collection")
    for _ in range(5):
        pool.root = MAKERS[kind](pool)
    refuses_everything(handle, kind, InvalidHandleError, "freed by garbage collection")


@KINDS
def test_a_handle_whose_object_was_freed_by_closing(pool: Pool, kind: str) -> None:
    handle = MAKERS[kind](pool)
    pool.close()
    refuses_everything(handle, kind, pmemobj.PmemError, "closed|freed")


@pytest.mark.parametrize("cls, kind", [(PersistentList, "list"), (PersistentDict, "dict"), (Bag, "object")])
def test_an_object_that_was_made_without_a_pool(cls: type[Any], kind: str) -> None:
    with pytest.raises(InvalidHandleError, match=r"pool\.new\(Class, \.\.\.\)"):
        refuses_everything(cls.__new__(cls), kind, InvalidHandleError, "made without a pool")
        if cls is Bag:
            cls().attribute = 1
        else:
            cls([])


@pytest.mark.parametrize(
    "cls, arguments",
    [
        (pmemobj.PersistentSet, ()),
        (pmemobj.PersistentTuple, ()),
        (pmemobj.PersistentTuple, ([1],)),
        (pmemobj.PersistentByteArray, ()),
        (pmemobj.PersistentArray, ("d",)),
    ],
)
def test_no_container_can_be_made_without_a_pool(cls: type[Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidHandleError, match=r"pool\.new\(Class, \.\.\.\)"):
        cls(*arguments)


def test_objects_that_were_made_without_a_pool_cannot_be_stored(pool: Pool) -> None:
    for cls in (PersistentList, PersistentDict, Bag):
        with pytest.raises(InvalidHandleError, match="made without a pool"):
            pool.root = cls.__new__(cls)


def test_every_dead_handle_can_still_be_compared_and_dropped(pool: Pool) -> None:
    account = pool.new(Account, "x")
    pool.gc(keep_handles=False)
    assert account == account and account != 5 and hash(account) == hash(account)
    assert type(account) is Account and "Account" in object.__repr__(account)


def test_iterators_of_a_pool_that_is_closed_meanwhile(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, a=pool.new(PersistentList, range(10)), b=1)
    iterators = [iter(pool.root), iter(pool.root["a"]), iter(pool.root.items()), reversed(pool.root["a"])]
    for iterator in iterators:
        next(iterator)
    pool.close()
    for iterator in iterators:
        with pytest.raises(PoolClosedError):
            list(iterator)


# ---- suspended -------------------------------------------------------------------------------------


def test_handles_live_on_when_a_pool_is_suspended_and_resumed(pool: Pool) -> None:
    pool.root = root = pool.new(PersistentDict, a=pool.new(PersistentList, [LONG]))
    inner, orphan = root["a"], pool.new(PersistentList, ["orphan"])
    pool.suspend()
    assert pool.closed
    refuses_everything(root, "dict", PoolClosedError, "closed")
    with pytest.raises(PoolClosedError):
        pool.suspend()
    pool.resume()
    assert pool.root is root and root["a"] is inner and inner == [LONG] and orphan == ["orphan"]
    inner.append(orphan)
    assert_sound(pool)


def test_what_another_process_did_meanwhile(pool: Pool, run_python: Callable[..., Any]) -> None:
    pool.root = root = pool.new(PersistentDict, gone=pool.new(PersistentList, [1]), kept=pool.new(Account, "a"))
    gone, kept, orphan = root["gone"], root["kept"], pool.new(PersistentList)
    pool.suspend()
    run_python(
        """
import pmemobj, sys
from sample_classes import Bag
with pmemobj.open(sys.argv[1]) as pool:
    assert not pool.recovered
    del pool.root["gone"]
    pool.root["kept"].added = "by another process"
    pool.root["new"] = pool.new(Bag)
    pool.root["new"].x = 1
""",
        pool.path,
    )
    pool.resume()
    assert kept.added == "by another process" and root["new"].x == 1 and root["kept"] is kept
    refuses_everything(gone, "list", InvalidHandleError, "meanwhile|freed")
    refuses_everything(orphan, "list", InvalidHandleError, "meanwhile|freed")
    kept.mine = 2
    root["new"].y = 3
    assert_sound(pool)


@pytest.mark.parametrize("replacement", ["another pool", "nothing", "garbage"])
def test_a_pool_that_is_not_there_any_more_when_it_is_resumed(
    pool: Pool, scratch: Any, make_pool: Callable[..., Pool], replacement: str
) -> None:
    pool.root = handle = pool.new(PersistentList, [1, LONG])
    pool.suspend()
    os.rename(pool.path, scratch / "kept")
    if replacement == "another pool":
        other = make_pool("other")
        other.root = other.new(PersistentDict, a=LONG)
        other.close()
        shutil.copy(other.path, pool.path)
        before = (scratch / "other").read_bytes()
    elif replacement == "garbage":
        (scratch / "test.pmem").write_bytes(b"garbage" * 2_000_000)
    with pytest.raises(pmemobj.PmemError):
        pool.resume()
    with pytest.raises(pmemobj.PmemError):
        handle.append(1)
    assert pool.closed
    if replacement == "another pool":
        assert (scratch / "other").read_bytes()[8192:] == before[8192:]
    os.replace(scratch / "kept", pool.path)
    pool.resume()
    assert handle == [1, LONG] and pool.root is handle


def test_resuming_a_pool_that_is_open_does_nothing(pool: Pool) -> None:
    pool.root = 1
    pool.resume()
    assert pool.root == 1


def test_closing_a_suspended_pool(pool: Pool) -> None:
    pool.root = handle = pool.new(PersistentList)
    pool.suspend()
    pool.close()
    assert pool.closed
    with pytest.raises(PoolClosedError):
        handle.append(1)
    with pmemobj.open(pool.path) as again:
        assert again.root == []


# ---- subclasses with special methods of their own --------------------------------------------------


def test_an_equality_of_ones_own(pool: Pool) -> None:
    class Version(PersistentObject):
        def __init__(self, number: int) -> None:
            self.number = number

        def __eq__(self, other: Any) -> bool:
            return isinstance(other, Version) and self.number == other.number

        __hash__ = None  # type: ignore[assignment]

    pool.root = pool.new(PersistentList, [pool.new(Version, 1), pool.new(Version, 2)])
    assert pool.root.index(pool.new(Version, 2)) == 1 and pool.new(Version, 3) not in pool.root
    assert pool.root == [pool.new(Version, 1), pool.new(Version, 2)]
