"""PersistentSet does what set does; each operation is tried on both."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, MutableSet, Set
from typing import Any

import pytest
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentDict, PersistentList, PersistentObjectPool, PersistentSet

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def result_of(action: Callable[[Any], Any], items: Any) -> Any:
    """What an action returns or raises, with its message where that does not name the type."""
    try:
        return action(items)
    except Exception as error:
        return type(error), str(error).replace("pmemobj.", "").replace("PersistentSet", "set")


def one_of(pool: Pool, other: Any) -> list[Any]:
    """The operand itself, and for a set the persistent one that is equal."""
    return [other, pool.new(PersistentSet, other)] if isinstance(other, set) else [other]


METHODS: list[Callable[[Any], Any]] = [
    lambda items: items.add(1),
    lambda items: items.add(LONG),
    lambda items: items.add(1.0),
    lambda items: items.add([]),
    lambda items: items.remove("a"),
    lambda items: items.remove("missing"),
    lambda items: items.remove([]),
    lambda items: items.remove({1}),
    lambda items: items.discard("a"),
    lambda items: items.discard("missing"),
    lambda items: items.discard({}),
    lambda items: items.discard(object()),
    lambda items: items.clear(),
    lambda items: (items.clear(), items.add(2), items.update([LONG]))[1],
    lambda items: items.copy(),
    lambda items: len(items),
    lambda items: bool(items),
    lambda items: "a" in items,
    lambda items: True in items,
    lambda items: object() in items,
    lambda items: [] in items,
    lambda items: {1} in items,
    lambda items: sorted(items, key=repr),
    lambda items: hash(items),
    lambda items: items.update(),
    lambda items: items.update([1, 2], "ab", {LONG: 1}),
    lambda items: items.update(5),
    lambda items: items.update([[]]),
    lambda items: items.update(items),
    lambda items: items.difference_update([1], "ab"),
    lambda items: items.difference_update(),
    lambda items: items.difference_update(items),
    lambda items: items.difference_update([[]]),
    lambda items: items.intersection_update(),
    lambda items: items.intersection_update("ab", "bc"),
    lambda items: items.intersection_update([1, LONG]),
    lambda items: items.intersection_update(5),
    lambda items: items.intersection_update(items),
    lambda items: items.symmetric_difference_update("abx"),
    lambda items: items.symmetric_difference_update([1, 1, LONG, LONG]),
    lambda items: items.symmetric_difference_update(items),
    lambda items: items.union([9], "a"),
    lambda items: items.intersection("ab", [1]),
    lambda items: items.difference("ab"),
    lambda items: items.symmetric_difference("ab"),
    lambda items: items.isdisjoint("xyz"),
    lambda items: items.isdisjoint("abc"),
    lambda items: items.isdisjoint(5),
    lambda items: items.issubset([1, "a", LONG, None, 2.5]),
    lambda items: items.issuperset([]),
    lambda items: items.issuperset("a"),
    lambda items: items < 5,
    lambda items: items == 5,
    lambda items: items != [1],
    lambda items: items | [1],
    lambda items: [1] - items,
    lambda items: {"a": 1}.keys() & items,
    lambda items: items & {"a": 1}.keys(),
    lambda items: (items <= {"a": 1}.keys(), items > {"a": 1}.keys(), items == dict.fromkeys(items).keys()),
    lambda items: ({"a": 1}.keys() <= items, items == {"a": 1}.items(), items != {1: 2}.values()),
    lambda items: operator.ior(items, [1]),
    lambda items: items.pop() if not items else None,
]
OPERATORS = [
    operator.or_, operator.and_, operator.sub, operator.xor, operator.eq, operator.ne, operator.lt, operator.le,
    operator.gt, operator.ge, operator.ior, operator.iand, operator.isub, operator.ixor,
]  # fmt: skip
STARTS: list[set[Any]] = [set(), {"a"}, {1, "a", LONG, None, 2.5}]


@pytest.mark.parametrize("start", STARTS, ids=len)
def test_methods(pool: Pool, start: set[Any]) -> None:
    pool.root = stored = pool.new(PersistentSet)
    for method in METHODS:
        plain = set(start)
        stored.__init__(start)
        assert result_of(method, stored) == result_of(method, plain)
        assert stored == plain and len(stored) == len(plain)
        stored._check()
    assert_sound(pool)


@pytest.mark.parametrize("start", STARTS, ids=len)
def test_operators(pool: Pool, start: set[Any]) -> None:
    pool.root = stored = pool.new(PersistentSet)
    for operate in OPERATORS:
        for other in (*STARTS, {"a", "z"}, frozenset([1, LONG])):
            for operand in one_of(pool, other):
                stored.__init__(start)
                plain = set(start)
                found, expected = operate(stored, operand), operate(plain, other)
                assert stored == plain and type(stored) is PersistentSet
                stored._check()
                if expected is plain:
                    assert found is stored
                else:
                    assert found == expected and type(found) in (bool, set)
                    assert operate(operand, stored) == operate(other, set(start))


def test_the_operators_on_itself(pool: Pool) -> None:
    for operate in OPERATORS:
        stored = pool.new(PersistentSet, STARTS[2])
        plain = set(STARTS[2])
        assert operate(stored, stored) == operate(plain, plain) and stored == plain


def test_what_it_is(pool: Pool) -> None:
    items = pool.new(PersistentSet, ["b", "a", "b"])
    assert isinstance(items, MutableSet) and isinstance(items, Set)
    assert repr(items) == "PersistentSet({'b', 'a'})" and repr(pool.new(PersistentSet)) == "PersistentSet()"
    assert str(PersistentSet[int]) == "pmemobj.PersistentSet[int]"
    pool.root = table = pool.new(PersistentDict, items=items)
    table["own"] = pool.new(PersistentList, [table])
    for wrong in ((5,), ([], []), ([[]],)):
        with pytest.raises(TypeError):
            pool.new(PersistentSet, *wrong)
    with pytest.raises(pmemobj.InvalidHandleError, match="made without a pool"):
        PersistentSet([1])


def test_it_stays(pool: Pool, reopen: Callable[..., Pool]) -> None:
    owner = pool.new(Bag)
    pool.root = pool.new(PersistentSet, [owner, LONG, 1, (1, LONG), None, b"x" * 20])
    del owner
    pool = reopen(pool)
    owner, *others = pool.root
    assert type(owner) is Bag and owner in pool.root and others == [LONG, 1, (1, LONG), None, b"x" * 20]
    pool.gc()
    assert len(pool.root) == 6 and pool.new(Bag) not in pool.root
    pool.root.clear()
    del owner
    pool.gc()
    assert_sound(pool, no_garbage=True)
    assert pmemobj.inspect.walk(pool).nodes


def test_changing_while_iterating(pool: Pool) -> None:
    items = pool.new(PersistentSet, range(5))
    with pytest.raises(RuntimeError, match="Set changed size during iteration"):
        for item in items:
            items.add(item + 100)
    walk = iter(items)
    assert next(walk) == 0 and walk.__length_hint__() == 5
    items.discard(3)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="changed size"):
            next(walk)


def test_what_cannot_be_stored_changes_nothing(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentSet, [1, LONG])
    actions: list[Callable[[], Any]] = [
        lambda: items.add(object()),
        lambda: items.update([2, object()]),
        lambda: items.update([3], 5),
        lambda: items.symmetric_difference_update([1, object()]),
        lambda: items.difference_update([1, []]),
        lambda: items.__init__([7, object()]),
        lambda: operator.ior(items, {object()}),
    ]
    for action in actions:
        with pytest.raises(TypeError):
            action()
        with pool.transaction():
            with pytest.raises(TypeError):
                action()
            items.add("in between")
        items.remove("in between")
        assert list(items) == [1, LONG]
    with pytest.raises(NotPersistableError, match=r"a tuple with a Bag in it.*persistent tuple"):
        items.add((1, pool.new(Bag)))
    pool.gc()
    assert_sound(pool)


def test_a_nominated_frozenset_is_found_by_a_set(pool: Pool) -> None:
    before = dict(pmemobj._values.pickles.nominated)
    pmemobj.persist_via_pickle(frozenset)
    try:
        items = pool.new(PersistentSet, [frozenset("ab"), frozenset()])
        assert frozenset("ba") in items and set("ba") in items and pool.new(PersistentSet, "ba") in items
        items.remove(set())
        assert len(items) == 1
    finally:
        pmemobj._values.pickles.nominated.clear()
        pmemobj._values.pickles.nominated.update(before)


def test_memory_comes_back(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentSet)
    pool.gc()
    empty = pool.used
    items.update(range(2000))
    full = pool.used
    for start in range(0, 1980, 90):
        with pool.transaction():
            for item in range(start, start + 90):
                items.remove(item)
    items._check()
    assert pool.used - empty < (full - empty) // 20
    while items:
        items.pop()
    assert pool.used - empty < 1000
    items.update(range(1000))
    items.clear()
    assert pool.used == empty
    sizes = set()
    for turn in range(200):
        items.add(turn)
        items.discard(turn - 5)
        if turn > 100:
            sizes.add(pool.used)
    assert len(sizes) <= 2


def test_random_operations(pool: Pool) -> None:
    rng = random.Random(5)
    pool.root = items = pool.new(PersistentSet)
    model: dict[Any, None] = {}
    for turn in range(400):
        item = rng.choice([rng.randrange(40), f"{LONG}{rng.randrange(9)}", rng.randrange(5) << 30])
        if rng.random() < (0.4 if turn % 100 < 50 else 0.7):
            items.discard(item)
            model.pop(item, None)
        else:
            items.add(item)
            model.setdefault(item)
        if turn % 10 == 0:
            items._check()
            assert list(items) == list(model)
    assert_sound(pool)
