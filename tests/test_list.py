"""PersistentList does what list does; each operation is tried on both."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, MutableSequence
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def result_of(action: Callable[[Any], Any], items: Any) -> Any:
    """What an action returns or raises; the words of most messages are not promised."""
    try:
        return action(items)
    except OverflowError:
        return IndexError, ()  # list.pop() puts it thus for huge numbers, list.__getitem__ does not
    except Exception as error:
        return type(error), error.args if isinstance(error, KeyError) else ()


def alike(pool: Pool, start: list[Any], action: Callable[[Any], Any]) -> None:
    """The action does the same to a plain and to a persistent list."""
    plain, stored = list(start), pool.new(PersistentList, start)
    pool.root = stored
    assert result_of(action, stored) == result_of(action, plain)
    assert list(stored) == plain and len(stored) == len(plain)


INDICES = [0, 1, 4, 5, 6, -1, -5, -6, -7, 99, -99, 1 << 62, 1 << 64, -(1 << 64), True, None, "1", 1.0]
SLICES = [
    slice(start, stop, step)
    for start in (None, 0, 2, 9, -2, -9)
    for stop in (None, 0, 3, 9, -1)
    for step in (None, 1, 2, -1, -3)
]


@pytest.mark.parametrize("size", [0, 1, 6])
def test_indices(pool: Pool, size: int) -> None:
    start = [LONG, 1, 2.5, "x", None, b"bytes"][:size]
    for index in INDICES:
        alike(pool, start, lambda items, index=index: items[index])
        alike(pool, start, lambda items, index=index: operator.setitem(items, index, LONG * 2))
        alike(pool, start, lambda items, index=index: operator.delitem(items, index))
        if start:
            alike(pool, start, lambda items, index=index: items.pop(index))
        alike(pool, start, lambda items, index=index: items.insert(index, LONG))


def test_indices_by_way_of_index(pool: Pool) -> None:
    class Index:
        def __index__(self) -> int:
            return 1

    pool.root = pool.new(PersistentList, "abc")
    pool.root[Index()] = "B"
    assert pool.root[Index()] == "B" and pool.root.pop(Index()) == "B"


@pytest.mark.parametrize("values", [[], [1], [LONG, 2], [LONG] * 9, "abc", (1, 2, 3), iter([5, 6]), 5, None], ids=lambda values: type(values).__name__)
def test_slices(pool: Pool, values: Any) -> None:
    once = list(values) if hasattr(values, "__next__") else values
    start = [LONG, 1, 2.5, "x", None, b"bytes long enough"]
    for chosen in SLICES if values in ([], [1]) else SLICES[::7]:
        alike(pool, start, lambda items, chosen=chosen: items[chosen])
        alike(pool, start, lambda items, chosen=chosen: operator.delitem(items, chosen))
        alike(pool, start, lambda items, chosen=chosen: operator.setitem(items, chosen, once))


def test_slices_whose_step_is_nothing(pool: Pool) -> None:
    alike(pool, [1, 2], lambda items: items[::0])
    alike(pool, [1, 2], lambda items: operator.setitem(items, slice(0, 1, "x"), []))


METHODS: list[Callable[[Any], Any]] = [
    lambda items: items.append(1),
    lambda items: items.extend([LONG, 2]),
    lambda items: items.extend(items),
    lambda items: items.extend(iter("abc")),
    lambda items: items.extend({1: 2}),
    lambda items: items.extend(5),
    lambda items: items.append(),
    lambda items: items.pop(),
    lambda items: items.pop(0),
    lambda items: items.remove(1),
    lambda items: items.remove(LONG),
    lambda items: items.remove("missing"),
    lambda items: items.remove(True),
    lambda items: items.index(2.5),
    lambda items: items.index(1, 1),
    lambda items: items.index(1, -3, -1),
    lambda items: items.index(1, 2, 1 << 70),
    lambda items: items.index("missing"),
    lambda items: items.index(None, 5, 3),
    lambda items: items.count(1),
    lambda items: items.count(LONG),
    lambda items: items.count([]),
    lambda items: items.clear(),
    lambda items: items.reverse(),
    lambda items: items.sort(key=str),
    lambda items: items.sort(key=str, reverse=True),
    lambda items: items.sort(),
    lambda items: items.sort(key=lambda value: value is None),
    lambda items: items.sort(5),
    lambda items: items.copy(),
    lambda items: 1 in items,
    lambda items: LONG in items,
    lambda items: "missing" in items,
    lambda items: list(reversed(items)),
    lambda items: [*items],
    lambda items: bool(items),
    lambda items: operator.iadd(items, [LONG]) is items,
    lambda items: operator.iadd(items, "ab") is items,
    lambda items: operator.iadd(items, 5),
    lambda items: max(items, key=str),
    lambda items: items[:] == items,
    lambda items: operator.setitem(items, slice(None), items),
    lambda items: operator.setitem(items, slice(None, None, -1), list(items)),
    lambda items: hash(items),
    lambda items: [].__add__(list(items)),
    lambda items: any(items) or all(items),
]


@pytest.mark.parametrize("start", [[], [1], [3, 1, 2], [LONG, 1, 2.5, None, 1, LONG]], ids=len)
def test_methods(pool: Pool, start: list[Any]) -> None:
    for method in METHODS:
        alike(pool, start, method)


@pytest.mark.parametrize("start", [[], [1], [1, 1], [3, 1, 2], [2, LONG], [1, None]], ids=str)
@pytest.mark.parametrize("other", [[], [1], [1, 2], [3, 1, 2], [2, LONG], (1,), 5, None], ids=str)
def test_comparing(pool: Pool, start: list[Any], other: Any) -> None:
    for relation in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        ours, theirs = pool.new(PersistentList, start), list(start)

        def comparison(items: Any, relation: Any = relation) -> Any:
            return relation(items, other)

        found = result_of(comparison, ours)
        assert found == result_of(comparison, theirs)
        if isinstance(other, list):
            stored = pool.new(PersistentList, other)
            assert result_of(lambda items, r=relation, s=stored: r(items, s), ours) == found
            mirrored = [result_of(lambda items, r=relation: r(other, items), items) for items in (ours, theirs)]
            assert mirrored[0] == mirrored[1]


def test_changing_while_iterating(pool: Pool) -> None:
    def grow(items: Any) -> list[Any]:
        seen = []
        for item in items:
            seen.append(item)
            if len(items) < 8:
                items.append(LONG)
        return seen

    def shrink(items: Any) -> list[Any]:
        seen = []
        for item in items:
            seen.append(item)
            items.pop()
        return seen

    def shrink_backwards(items: Any) -> list[Any]:
        seen = []
        for item in reversed(items):
            seen.append(item)
            items.pop(0)
        return seen

    for action in (grow, shrink, shrink_backwards):
        alike(pool, [1, 2, 3, 4, 5], action)


def test_sorting_is_stable_and_an_error_leaves_the_order(pool: Pool) -> None:
    words = ["bb", "a", "ccc", "dd", "e", "fff" * 5]
    alike(pool, words, lambda items: items.sort(key=len))
    alike(pool, words, lambda items: items.sort(key=len, reverse=True))
    alike(pool, [3, "x", 1], lambda items: items.sort())
    alike(pool, words, lambda items: items.sort(key=lambda word: 1 // (len(word) - 3)))


def test_sorting_notices_changes(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [LONG, 2, 1])

    def key(value: Any) -> str:
        if len(pool.root) < 6:
            pool.root.append(5)
        return str(value)

    with pytest.raises(ValueError, match="modified during sort"):
        pool.root.sort(key=key)
    assert_sound(pool)


def test_it_is_shown_like_a_list(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [1, LONG, pool.new(PersistentList, [None])])
    assert repr(pool.root) == f"PersistentList([1, {LONG!r}, PersistentList([None])])"
    pool.root.append(pool.root)
    assert repr(pool.root).endswith("...])") and str(pool.root) == repr(pool.root)


def test_a_list_that_contains_itself(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [1])
    pool.root.append(pool.root)
    assert pool.root[1] is pool.root and pool.root in pool.root
    pool = reopen(pool)
    assert pool.root[1][1][1] is pool.root
    with pytest.raises(RecursionError):
        pool.root == [1, pool.root[:]] or pool.root == pool.root.copy()
        pool.new(PersistentList, [1, pool.new(PersistentList, [2])])
        other = pool.new(PersistentList, [1])
        other.append(other)
        pool.root == other  # noqa: B015


def test_it_is_a_mutable_sequence(pool: Pool) -> None:
    assert isinstance(pool.new(PersistentList), MutableSequence)
    with pytest.raises(TypeError, match="in a pool"):
        __import__("copy").copy(pool.new(PersistentList))
    with pytest.raises(TypeError, match="in a pool"):
        __import__("pickle").dumps(pool.new(PersistentList))


def test_its_arguments_are_those_of_list(pool: Pool) -> None:
    assert pool.new(PersistentList) == [] and pool.new(PersistentList, "ab") == ["a", "b"]
    for wrong in ((1,), ([], [])):
        with pytest.raises(TypeError):
            pool.new(PersistentList, *wrong)
    items = pool.new(PersistentList, [1, LONG])
    items.__init__([2])
    assert items == [2]
    items.__init__(items)
    items.__init__()
    assert items == []
    assert_sound(pool)


def test_a_subclass_is_refused(pool: Pool) -> None:
    class Mine(PersistentList):
        pass

    with pytest.raises(pmemobj.NotPersistableError, match="derive the class from PersistentObject"):
        pool.new(Mine)


def test_nested_containers_are_shared_not_copied(pool: Pool) -> None:
    inner = pool.new(PersistentDict, a=1)
    pool.root = pool.new(PersistentList, [inner, inner])
    pool.root[0]["a"] = 2
    assert pool.root[1]["a"] == 2 and pool.root[0] is pool.root[1] is inner
    assert pool.root.index(inner) == 0 and pool.root.count(inner) == 2


@pytest.mark.parametrize("seed", range(6))
def test_random_operations(pool: Pool, reopen: Callable[..., Pool], seed: int) -> None:
    """Many operations in a row, some of them in transactions that are rolled back."""
    rng = random.Random(seed)
    pool.root, model = pool.new(PersistentList), []

    def value() -> Any:
        return rng.choice([None, rng.randrange(9), 1.5, "short", LONG + str(rng.randrange(99)), 1 << 80, b"b" * 30])

    def step(items: Any, choice: int, at: int, other: int, values: list[Any]) -> Any:
        size = len(items)
        match choice:
            case 0:
                return items.append(values[0])
            case 1:
                return items.insert(at, values[0])
            case 2 if size:
                return items.pop(at % size)
            case 3 if size:
                items[at % size] = values[0]
            case 4:
                items[at : at + other % 5] = values
            case 5:
                del items[at : at + other % 7]
            case 6:
                items.extend(values)
            case 7 if rng.random() < 0.2:
                items.reverse()
            case 8:
                items.sort(key=repr)
            case 9:
                del items[:: other % 5 + 2]
            case 10 if size > 60:
                items.clear()
        return None

    for turn in range(250):
        choice, at, other = rng.randrange(11), rng.randrange(-5, 40), rng.randrange(100)
        values = [value() for _ in range(rng.randrange(1, 6))]
        state = rng.getstate()
        if turn % 9 == 8:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                step(pool.root, choice, at, other, values)
                step(pool.root, 6, 0, 0, values * 10)
                1 / 0  # noqa: B018
        rng.setstate(state)
        found = step(pool.root, choice, at, other, values)
        rng.setstate(state)
        assert found == step(model, choice, at, other, values)
        assert pool.root == model
        if turn % 50 == 49:
            pool.gc()
            pool = reopen(pool)
            assert pool.root == model
            assert_sound(pool, no_garbage=True)
    pool.root.clear()
    assert_sound(pool)
