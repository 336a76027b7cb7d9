"""One statement is atomic by itself, even when it fails half way, alone and in a transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import MIB
from sample_classes import Account, Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObject, PersistentObjectPool

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
#: A value of a type that no pool can hold.
BAD = object()


class OwnEquality:
    """Hashable, but its bytes do not tell what it is equal to."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OwnEquality)

    def __hash__(self) -> int:
        return 1


#: A key that cannot be stored, though a plain dict would take it.
BAD_KEY = OwnEquality()


class Trap(Exception):
    """Raised by the code of the tests in the middle of an operation."""


def springs(*values: Any) -> Iterator[Any]:
    """An iterable that raises in the middle."""
    yield from values
    raise Trap


@pytest.fixture
def items(pool: Pool) -> PersistentList:
    pool.root = pool.new(PersistentList, [3, LONG, 1, 2.5, "short"])
    return pool.root


@pytest.fixture
def table(pool: Pool) -> PersistentDict:
    pool.root = pool.new(PersistentDict, {"a": 1, LONG: LONG, 3: 2.5})
    return pool.root


@pytest.fixture
def bag(pool: Pool) -> Bag:
    pool.root = pool.new(Bag)
    pool.root.a, pool.root.text = 1, LONG
    return pool.root


def fails_without_a_trace(pool: Pool, action: Callable[[], Any], state: Callable[[], Any]) -> None:
    """The action must fail and change nothing, alone and inside a transaction, which stays usable."""
    before = state()
    with pytest.raises((TypeError, ValueError, Trap)):
        action()
    assert state() == before and not pool.in_transaction
    assert_sound(pool)
    with pool.transaction():
        with pytest.raises((TypeError, ValueError, Trap)):
            action()
        assert state() == before
    assert state() == before
    pool.gc()
    assert_sound(pool)


LISTS: dict[str, Callable[[PersistentList], Any]] = {
    "append": lambda items: items.append(BAD),
    "insert": lambda items: items.insert(0, BAD),
    "set item": lambda items: items.__setitem__(1, BAD),
    "extend with a bad end": lambda items: items.extend([1, LONG, LONG * 2, BAD]),
    "extend that breaks off": lambda items: items.extend(springs(1, LONG)),
    "+=": lambda items: items.__iadd__([LONG, BAD]),
    "slice": lambda items: items.__setitem__(slice(1, 2), [LONG, 1, BAD]),
    "slice that breaks off": lambda items: items.__setitem__(slice(0, 3), springs(LONG)),
    "extended slice": lambda items: items.__setitem__(slice(None, None, 2), [LONG, 2, BAD]),
    "extended slice of wrong size": lambda items: items.__setitem__(slice(None, None, 2), [LONG]),
    "sort": lambda items: items.sort(),
    "sort with a key that breaks off": lambda items: items.sort(key=lambda value: next(springs())),
    "init": lambda items: items.__init__([LONG, BAD]),
}


@pytest.mark.parametrize("action", LISTS.values(), ids=LISTS.keys())
def test_a_list_method_that_fails(pool: Pool, items: PersistentList, action: Callable[[Any], Any]) -> None:
    fails_without_a_trace(pool, lambda: action(items), lambda: list(items))


DICTS: dict[str, Callable[[PersistentDict], Any]] = {
    "set": lambda table: table.__setitem__("a", BAD),
    "new": lambda table: table.__setitem__("new", BAD),
    "new with a long key": lambda table: table.__setitem__(LONG * 2, BAD),
    "bad key": lambda table: table.__setitem__(BAD_KEY, 1),
    "unhashable key": lambda table: table.__setitem__([], 1),
    "setdefault": lambda table: table.setdefault("new", BAD),
    "update that breaks off": lambda table: table.update(springs(("a", 2), ("b", 3))),
    "update with what are no pairs": lambda table: table.update([("a", 2), (1, 2, 3)]),
    "delete of a bad key": lambda table: table.__delitem__(BAD_KEY),
    "update with a bad value at the end": lambda table: table.update({"a": LONG, "new": 2, "end": BAD}),
    "update with a bad key at the end": lambda table: table.update({LONG: 1, "new": LONG, BAD_KEY: 1}),
    "update with a key that cannot be stored": lambda table: table.update({LONG: 1, "new": LONG, BAD: 1}),
    "|=": lambda table: table.__ior__({LONG: 5, "end": BAD}),
    "keywords": lambda table: table.update(a=LONG, new=BAD),
}


@pytest.mark.parametrize("action", DICTS.values(), ids=DICTS.keys())
def test_a_dict_method_that_fails(pool: Pool, table: PersistentDict, action: Callable[[Any], Any]) -> None:
    fails_without_a_trace(pool, lambda: action(table), lambda: list(table.items()))


OBJECTS: dict[str, Callable[[Bag], Any]] = {
    "set": lambda bag: setattr(bag, "a", BAD),
    "set over a leaf": lambda bag: setattr(bag, "text", BAD),
    "new name": lambda bag: setattr(bag, "new", BAD),
    "container": lambda bag: setattr(bag, "new", [1, 2]),
}


@pytest.mark.parametrize("action", OBJECTS.values(), ids=OBJECTS.keys())
def test_an_attribute_that_cannot_be_set(pool: Pool, bag: Bag, action: Callable[[Any], Any]) -> None:
    fails_without_a_trace(pool, lambda: action(bag), lambda: [bag.a, bag.text, hasattr(bag, "new")])


def test_a_root_that_cannot_be_set(pool: Pool) -> None:
    pool.root = LONG
    fails_without_a_trace(pool, lambda: setattr(pool, "root", BAD), lambda: pool.root)


NEWS: dict[str, Callable[[Pool], Any]] = {
    "list": lambda pool: pool.new(PersistentList, [LONG, BAD]),
    "list that breaks off": lambda pool: pool.new(PersistentList, springs(LONG)),
    "dict": lambda pool: pool.new(PersistentDict, {"a": LONG, "b": BAD}),
    "object": lambda pool: pool.new(Account, LONG, BAD),
    "object with wrong arguments": lambda pool: pool.new(Account),
    "no class": lambda pool: pool.new(3),
    "plain class": lambda pool: pool.new(dict),
    "abstract base": lambda pool: pool.new(pmemobj.Persistent),
}


@pytest.mark.parametrize("action", NEWS.values(), ids=NEWS.keys())
def test_an_object_that_cannot_be_made_leaves_no_memory_allocated(pool: Pool, action: Callable[[Pool], Any]) -> None:
    # Let the pool know the class first: its entry in the table of classes is never freed.
    pool.new(Account, "x")
    pool.gc(keep_handles=False)
    used = pool.used
    with pytest.raises(TypeError if action is not NEWS["list that breaks off"] else Trap):
        action(pool)
    assert pool.used == used and not pool.in_transaction
    assert_sound(pool, no_garbage=True)


def test_a_failed_statement_in_a_transaction_takes_back_nothing_that_went_before(pool: Pool) -> None:
    pool.root = pool.new(PersistentList)
    with pool.transaction():
        pool.root.append(LONG)
        with pytest.raises(TypeError):
            pool.root.extend([LONG, BAD])
        pool.root.append(2)
    assert pool.root == [LONG, 2]


def test_half_of_an_operation_is_never_committed(pool: Pool) -> None:
    class Halves(PersistentObject):
        def __init__(self) -> None:
            self.table = pool.root
            self.table["a"] = "changed"
            raise Trap

    pool.root = pool.new(PersistentDict, a=1)
    with pytest.raises(pmemobj.TransactionAborted), pool.transaction():
        pool.root["b"] = "before"
        with pytest.raises(Trap):
            pool.new(Halves)
    assert dict(pool.root) == {"a": 1}


# ---- a full pool -----------------------------------------------------------------------------------


@pytest.fixture
def small(make_pool: Callable[..., Pool]) -> Pool:
    pool = make_pool("small.pmem", 8 * MIB)
    pool.root = pool.new(PersistentDict)
    return pool


def fill_up(pool: Pool, leave: int = 0) -> None:
    """Allocate nearly every byte, in pieces of every size; then free `leave` small pieces."""
    filling = pool.root["filling"] = pool.new(PersistentList)
    size = 50_000
    while size >= 8:
        try:
            filling.append(b"f" * size)
        except pmemobj.PoolFullError:
            size //= 2
    del filling[max(len(filling) - leave, 0) :]


GREEDY: dict[str, Callable[[Pool], Any]] = {
    "big bytes": lambda pool: pool.root.__setitem__("list", bytes(5 * MIB)),
    "set item": lambda pool: pool.root["list"].__setitem__(0, bytes(5 * MIB)),
    "extend": lambda pool: pool.root["list"].extend(range(700_000)),
    "extend by strings": lambda pool: pool.root["list"].extend([LONG * 20] * 7_000),
    "assign a slice": lambda pool: pool.root["list"].__setitem__(slice(0, 1), [LONG * 20] * 7_000),
    "dict update": lambda pool: pool.root["dict"].update(dict.fromkeys(range(7000), LONG * 20)),
    "new list": lambda pool: pool.new(PersistentList, [LONG * 20] * 7_000),
    "new dict": lambda pool: pool.new(PersistentDict, dict.fromkeys(range(7000), LONG * 20)),
    "new object": lambda pool: pool.new(Account, bytes(5 * MIB)),
    "attribute": lambda pool: setattr(pool.root["object"], "a", bytes(5 * MIB)),
    "new attribute": lambda pool: setattr(pool.root["object"], "new", bytes(5 * MIB)),
    "root": lambda pool: setattr(pool, "root", bytes(5 * MIB)),
}


@pytest.mark.parametrize("action", GREEDY.values(), ids=GREEDY.keys())
@pytest.mark.parametrize("full_before", [True, False], ids=["full", "not yet full"])
def test_a_pool_that_runs_full_is_as_before_and_usable(
    small: Pool, full_before: bool, action: Callable[[Pool], Any]
) -> None:
    root = small.root
    root["list"] = small.new(PersistentList, [1, LONG])
    root["dict"] = small.new(PersistentDict, a=LONG)
    root["object"] = small.new(Bag)
    root["object"].a = LONG
    root["filling"] = small.new(PersistentList)
    if full_before:
        fill_up(small)

    def state() -> Any:
        bag = root["object"]
        return list(root["list"]), dict(root["dict"]), bag.a, hasattr(bag, "new"), len(root["filling"]), len(root)

    before = state()
    with pytest.raises(pmemobj.PoolFullError):
        action(small)
    assert state() == before and not small.in_transaction
    assert_sound(small)
    # Inside a transaction, the earlier changes are kept, or all of them are rolled back.
    try:
        with small.transaction():
            root["list"][0] = 2
            with pytest.raises(pmemobj.PoolFullError):
                action(small)
    except pmemobj.TransactionAborted:
        assert root["list"][0] == 1
    else:
        assert root["list"][0] == 2
        root["list"][0] = 1
    assert state() == before
    assert_sound(small)
    root["filling"].clear()
    root["list"].append(LONG)
    root["dict"][LONG] = LONG
    root["object"].new = LONG
    small.gc()
    assert_sound(small)


def test_the_error_of_a_full_pool_says_what_to_do(small: Pool) -> None:
    with pytest.raises(pmemobj.PoolFullError) as caught:
        small.root["x"] = bytes(9 * MIB)
    assert isinstance(caught.value, MemoryError)
    assert str(8 * MIB) in str(caught.value) and "create a larger pool" in str(caught.value)


@pytest.mark.parametrize(
    "grow",
    [
        lambda root, turn: root["list"].append(turn),
        lambda root, turn: root["list"].append(LONG * 40),
        lambda root, turn: root["list"].insert(0, LONG * 40),
        lambda root, turn: root["dict"].__setitem__(turn, turn),
        lambda root, turn: root["dict"].__setitem__(f"{LONG}{turn}", LONG * 40),
        lambda root, turn: setattr(root["object"], f"attribute{turn}", LONG * 40),
    ],
    ids=["append of ints", "append", "insert", "dict", "dict leaves", "attributes"],
)
def test_growing_until_the_pool_is_full(
    small: Pool, reopen: Callable[..., Pool], grow: Callable[[Any, int], Any]
) -> None:
    root = small.root
    root["list"], root["dict"], root["object"] = (
        # The list is so long that there is no room for the next larger area; the values use up the rest.
        small.new(PersistentList, [0] * 16_250),
        small.new(PersistentDict),
        small.new(Bag),
    )
    fill_up(small, leave=20)
    turn = 0
    with pytest.raises(pmemobj.PoolFullError):
        for turn in range(0, 1_000_000, 100):
            before = len(root["list"]), len(root["dict"])
            with small.transaction():
                for step in range(100):
                    grow(root, turn + step)
    assert (len(root["list"]), len(root["dict"])) == before
    assert_sound(small)
    root = reopen(small).root
    assert (len(root["list"]), len(root["dict"])) == before
    root["filling"].clear()
    grow(root, turn)


def test_giving_up_memory_works_in_a_full_pool(small: Pool) -> None:
    small.root["list"] = items = small.new(PersistentList, [LONG] * 500)
    small.root["dict"] = table = small.new(PersistentDict, {f"{LONG}{at}": LONG for at in range(200)})
    fill_up(small)
    while items:
        items.pop()
    while table:
        table.popitem()
    # There is garbage, which must be freed although the log has no room for many frees at once.
    del small.root["filling"]
    small.gc(keep_handles=False)
    assert small.used < MIB
    assert_sound(small)


@pytest.mark.parametrize("collect", [lambda pool: pool.gc(keep_handles=False), Pool.close], ids=["gc", "close"])
def test_the_garbage_of_a_full_pool_can_be_freed(
    small: Pool, reopen: Callable[..., Pool], collect: Callable[[Pool], Any]
) -> None:
    small.root["list"] = small.new(PersistentList, [0] * 500)
    fill_up(small)
    del small.root["filling"]
    collect(small)
    pool = reopen(small)
    assert pool.used < MIB and not pool.recovered
    assert_sound(pool, no_garbage=True)


def test_a_log_that_finds_no_room(small: Pool) -> None:
    """Whatever fails in a transaction, nothing is lost, and nothing is freed that is still in use."""
    small.root["numbers"] = numbers = small.new(PersistentList, range(90_000))
    small.root["list"] = items = small.new(PersistentList, [LONG + str(at) for at in range(200)])
    small.root["dict"] = table = small.new(PersistentDict, {LONG + str(at): LONG for at in range(200)})
    fill_up(small)
    failures = 0
    for turn in range(12):
        expected = list(items), dict(table)
        try:
            with small.transaction():
                # Snapshot more and more memory, until there is no room for the log.
                for at in range(0, 90_000, 40):
                    try:
                        numbers[at] = turn
                    except pmemobj.PoolFullError:
                        failures += 1
                        break
                for attempt in range(10):
                    with contextlib.suppress(pmemobj.PoolFullError, IndexError):
                        [
                            lambda turn=turn: table.pop(LONG + str(turn), None),
                            lambda: items.__delitem__(slice(1, 4)),
                            lambda: items.__delitem__(slice(None, None, 9)),
                            lambda: items.pop(),
                            lambda: table.clear(),
                            lambda: items.__setitem__(0, 1),
                        ][(turn + attempt) % 6]()
        except pmemobj.PmemError:
            assert not small.in_transaction and (list(items), dict(table)) == expected
        assert_sound(small)
    assert failures, "the log never ran out of room, so that this test shows nothing"
