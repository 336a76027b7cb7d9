"""PersistentList does what list does: each operation is tried on both, with the same arguments.

Compared are results, contents, exceptions and, unless a case says otherwise, their words. What
differs on purpose has a test of its own that says so.
"""

from __future__ import annotations

import collections
import copy
import operator
import pickle
import random
import re
import sys
from collections.abc import Callable, Hashable, Iterator, MutableSequence
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, PersistentTuple, PoolDamagedError
from pmemobj._format import Kind, header

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
START = [LONG, 1, 2.5, "x", None, b"bytes that are too long for a word"]
HUGE = 1 << 70


class Index:
    """Serves as an index, as numpy's numbers do."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __index__(self) -> int:
        return self.number


class Failing:
    """Raises wherever it is asked something, but for its name."""

    def __repr__(self) -> str:
        return "Failing()"

    def __index__(self) -> int:
        raise ZeroDivisionError("in __index__")

    def __iter__(self) -> Any:
        raise TypeError("in __iter__")

    def __eq__(self, other: object) -> bool:
        raise ZeroDivisionError("in __eq__")

    __hash__ = None  # type: ignore[assignment]


def result_of(action: Callable[[Any], Any], items: Any) -> Any:
    """What an action returns or raises, in words that fit both types."""
    try:
        result = action(items)
    except Exception as error:
        return type(error), re.sub(r"(pmemobj\.)?Persistent(\w+)", lambda found: found[2].lower(), str(error))
    if result is items:
        return "itself"
    if isinstance(result, Iterator):
        result = list(result)
    return type(result), result


class Pair:
    """A persistent and a plain list with the same items."""

    def __init__(self, pool: Pool) -> None:
        self.stored = pool.root = pool.new(PersistentList)
        self.plain: list[Any] = []

    def alike(self, start: list[Any], action: Callable[[Any], Any], words: bool = True) -> None:
        """The action does the same to both lists, which begin as `start`."""
        if self.plain != start:
            self.stored[:] = self.plain[:] = start
        stored, plain = result_of(action, self.stored), result_of(action, self.plain)
        if not words and isinstance(plain[0], type) and issubclass(plain[0], Exception):
            stored, plain = stored[0], plain[0]
        assert stored == plain
        assert list(self.stored) == self.plain and len(self.stored) == len(self.plain)
        self.stored._check()


@pytest.fixture
def pair(pool: Pool) -> Pair:
    return Pair(pool)


INDICES = [0, 1, 5, 6, -1, -6, -7, 99, -99, 1 << 62, HUGE, -HUGE, True, None, "1", 1.0, Index(2), Index(HUGE), Failing()]
SLICES = [
    *(slice(start, stop, step) for start in (None, 0, 2, 9, -2, -9) for stop in (None, 3, 9, -1) for step in (None, 2, -3)),
    *(slice(Index(1), Index(4), Index(step)) for step in (1, 2, -1)),
    *(slice(HUGE, -HUGE, step) for step in (1, -1, HUGE)),
    *(slice(-HUGE, HUGE, step) for step in (1, 2, 1 << 64)),
    *(slice(0, 3, 0), slice("a", None), slice(None, 1.0), slice(None, None, "x"), slice(Failing(), 1), slice(4, 1)),
]


@pytest.mark.parametrize("size", [0, 1, 6])
def test_indices_and_slices(pair: Pair, size: int) -> None:
    start = START[:size]
    for index in [*INDICES, *SLICES]:
        pair.alike(start, lambda items, index=index: items[index])
        pair.alike(start, lambda items, index=index: operator.delitem(items, index))
    for index in INDICES:
        pair.alike(start, lambda items, index=index: operator.setitem(items, index, LONG * 2))
        pair.alike(start, lambda items, index=index: items.pop(index))
        pair.alike(start, lambda items, index=index: items.insert(index, LONG))
    pair.alike(start, lambda items: items.pop())


@pytest.mark.parametrize("values", [[], [LONG], [LONG, 2, 3], [LONG] * 9, "abc", {1: 2, 3: 4}, 5, None, Failing()], ids=str)
def test_assignment_to_slices(pair: Pair, values: Any) -> None:
    for chosen in SLICES:
        pair.alike(START, lambda items, chosen=chosen: operator.setitem(items, chosen, values))
    pair.alike(START, lambda items: operator.setitem(items, slice(1, 3), iter(values)))
    pair.alike(START, lambda items: operator.setitem(items, slice(None, None, 2), iter([1, LONG, 3])))


METHODS: dict[str, Callable[[Any], Any]] = {
    "append": lambda items: items.append(LONG),
    "extend": lambda items: items.extend([LONG, 2]),
    "extend by itself": lambda items: items.extend(items),
    "extend by an iterator": lambda items: items.extend(iter("abc")),
    "extend by keys": lambda items: items.extend({1: 2}),
    "extend by nothing": lambda items: items.extend(()),
    "extend by a number": lambda items: items.extend(5),
    "remove": lambda items: items.remove(1),
    "remove an equal one": lambda items: items.remove(True),
    "remove a leaf": lambda items: items.remove(LONG),
    "remove what is not there": lambda items: items.remove("missing"),
    "remove with an error": lambda items: items.remove(Failing()),
    "index": lambda items: items.index(2.5),
    "index from": lambda items: items.index(1, 1),
    "index within": lambda items: items.index(1, -3, -1),
    "index to a huge end": lambda items: items.index(1, -HUGE, HUGE),
    "index by Index": lambda items: items.index(1, Index(0), Index(9)),
    "index of what is not there": lambda items: items.index("missing"),
    "index within nothing": lambda items: items.index(None, 5, 3),
    "index from None": lambda items: items.index(1, None),
    "index to None": lambda items: items.index(1, 0, None),
    "index from a text": lambda items: items.index(1, "0"),
    "index with an error": lambda items: items.index(Failing()),
    "count": lambda items: items.count(1),
    "count leaves": lambda items: items.count(LONG),
    "count what is unhashable": lambda items: items.count([]),
    "count with an error": lambda items: items.count(Failing()),
    "clear": lambda items: items.clear(),
    "reverse": lambda items: items.reverse(),
    "sort by a key": lambda items: items.sort(key=str),
    "sort backwards": lambda items: items.sort(key=str, reverse=True),
    "sort": lambda items: items.sort(),
    "sort with many equal": lambda items: items.sort(key=lambda value: value is None),
    "sort with a bad key": lambda items: items.sort(key=5),
    "sort with a bad reverse": lambda items: items.sort(reverse="x"),
    "copy": lambda items: items.copy(),
    "in": lambda items: 1 in items,
    "in, a leaf": lambda items: LONG in items,
    "in, what is not there": lambda items: "missing" in items,
    "in, with an error": lambda items: Failing() in items,
    "reversed": lambda items: reversed(items),
    "iter": lambda items: iter(items),
    "hint": lambda items: operator.length_hint(iter(items)),
    "hint backwards": lambda items: operator.length_hint(reversed(items)),
    "unpacked": lambda items: [*items],
    "len": len,
    "bool": bool,
    "hash": hash,
    "max": lambda items: max(items, key=str),
    "all": lambda items: any(items) or all(items),
    "a[:] = a": lambda items: operator.setitem(items, slice(None), items),
    "a[::-1] = a": lambda items: operator.setitem(items, slice(None, None, -1), items),
    "a[1:1] = a": lambda items: operator.setitem(items, slice(1, 1), items),
    "a[::2] = a": lambda items: operator.setitem(items, slice(None, None, 2), items),
    "+": lambda items: operator.add(items, [LONG, 1]),
    "+, twice the same": lambda items: items + items,
    "+, reflected": lambda items: operator.add([LONG, 1], items),
    "+=": lambda items: operator.iadd(items, [LONG]),
    "+= text": lambda items: operator.iadd(items, "ab"),
    "+= itself": lambda items: operator.iadd(items, items),
    "+= number": lambda items: operator.iadd(items, 5),
    "sum": lambda items: sum([items, [1]], []),  # noqa: RUF017
    **{f"* {times}": lambda items, times=times: items * times for times in (0, 1, 3, -1, -HUGE, HUGE, True, Index(2))},
    **{f"{times} *": lambda items, times=times: times * items for times in (0, 3, Index(2))},
    **{
        f"*= {times}": lambda items, times=times: operator.imul(items, times)
        for times in (0, 1, 3, -1, -HUGE, HUGE, True, Index(2), Failing())
    },
}

#: Wrong use whose words are those of Python functions, or of operators that give the other operand its chance.
MISUSES: list[Callable[[Any], Any]] = [
    lambda items: items.append(),
    lambda items: items.append(object=1),
    lambda items: items.extend(),
    lambda items: items.sort(str),
    lambda items: items.pop(1, 2),
    lambda items: items.insert(1),
    lambda items: items.index(),
    lambda items: items.index(value=1),
    lambda items: items.__init__(1, 2),
    lambda items: items.__init__(iterable=()),
    lambda items: operator.add(items, (1,)),
    lambda items: operator.add((1,), items),
    lambda items: items + None,
    lambda items: items * "2",
    lambda items: items * 1.0,
    lambda items: operator.imul(items, "2"),
    lambda items: operator.imul(items, [1]),
    lambda items: items - [1],
    lambda items: items < (1,),
]


@pytest.mark.parametrize("start", [[], [1], [3, 1, 2], [LONG, 1, 2.5, None, 1, LONG]], ids=len)
def test_methods_and_operators(pair: Pair, start: list[Any]) -> None:
    for method in METHODS.values():
        pair.alike(start, method)
    for method in MISUSES:
        pair.alike(start, method, words=False)


def test_nothing_of_list_is_missing() -> None:
    assert set(dir(list)) <= set(dir(PersistentList))
    public = {name for name in dir(list) if name[0] != "_"}
    assert public <= {name.split()[0] for name in [*METHODS, "insert", "pop"]}


@pytest.mark.parametrize("other", [[], [1], [1, 2], [3, 1, 2], [2, LONG], (1,), 5, None, collections.UserList([1])], ids=str)
def test_comparing(pool: Pool, pair: Pair, other: Any) -> None:
    stored = pool.new(PersistentList, other) if isinstance(other, list) else other
    for start in ([], [1], [1, 1], [3, 1, 2], [2, LONG], [1, None]):
        for relation in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
            pair.alike(start, lambda items, r=relation: r(items, other))
            # Two items that do not compare are named by Python in the order in which it asked them.
            pair.alike(start, lambda items, r=relation: r(other, items), words=False)
            if isinstance(other, list):
                found = result_of(lambda items, r=relation: r(items, stored), pair.stored)
                assert found == result_of(lambda items, r=relation: r(items, other), pair.plain)


def test_a_subclass_of_list_is_a_list(pair: Pair) -> None:
    class Mine(list):  # type: ignore[type-arg]
        pass

    for action in (lambda items: items + Mine([2]), lambda items: Mine([2]) + items, lambda items: items == Mine(START)):
        pair.alike(START, action)


# ---- while somebody changes it ----------------------------------------------------------------------


def test_changing_while_iterating(pair: Pair) -> None:
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
        return [(item, items.pop(0)) for item in reversed(items)]

    def halve_backwards(items: Any) -> list[Any]:
        seen = []
        for item in reversed(items):
            seen.append(item)
            del items[-3:]
        return seen

    def end_for_good(items: Any) -> list[Any]:
        forwards, backwards = iter(items), reversed(items)
        seen = [*forwards, *backwards]
        hints = [operator.length_hint(it) for it in (forwards, backwards)]
        items.extend("abc")
        return [*seen, *hints, *forwards, *backwards]

    def hints(items: Any) -> list[Any]:
        forwards, backwards = iter(items), reversed(items)
        seen = []
        for _ in range(4):
            next(forwards, None), next(backwards, None)
            seen += [operator.length_hint(forwards), operator.length_hint(backwards)]
            items.pop()
        return seen

    for action in (grow, shrink, shrink_backwards, halve_backwards, end_for_good, hints):
        pair.alike([1, 2, 3, 4, 5], action)
        pair.alike([LONG] * 6, action)


class Meddling:
    """Changes the list when it is compared, or asked for a number or for items."""

    def __init__(self, items: Any, answer: bool = False, do: Callable[[Any], Any] = lambda items: items.clear()) -> None:
        self.items, self.answer, self.do = items, answer, do

    def __repr__(self) -> str:
        return "Meddling()"

    def __eq__(self, other: object) -> bool:
        self.do(self.items)
        return self.answer

    def __index__(self) -> int:
        self.do(self.items)
        return 1

    def __iter__(self) -> Iterator[Any]:
        yield LONG
        self.do(self.items)
        yield 2

    def __lt__(self, other: object) -> bool:
        self.do(self.items)
        return False

    __hash__ = None  # type: ignore[assignment]


DEEDS: list[Callable[[Any], Any]] = [
    lambda items: items.clear(),
    lambda items: items.pop() if items else None,
    lambda items: items.extend([LONG] * 5) if len(items) < 20 else None,
    lambda items: items.reverse(),
    lambda items: items.insert(0, LONG) if len(items) < 20 else None,
]


@pytest.mark.parametrize("deed", range(len(DEEDS)))
def test_what_foreign_code_does_to_the_list_meanwhile(pair: Pair, deed: int) -> None:
    def meddling(items: Any, answer: bool = False) -> Meddling:
        return Meddling(items, answer, DEEDS[deed])

    for action in (
        lambda items: meddling(items) in items,
        lambda items: meddling(items, True) in items,
        lambda items: items.count(meddling(items)),
        lambda items: items.index(meddling(items)),
        lambda items: items.index(meddling(items, True)),
        lambda items: items.remove(meddling(items, True)),
        lambda items: items.insert(meddling(items), LONG),
        lambda items: items.pop(meddling(items)),
        lambda items: items * meddling(items),
        lambda items: items[meddling(items)],
        lambda items: items[meddling(items) :],
        lambda items: items[:: meddling(items)],
        lambda items: items[5 : meddling(items) : -2],
        lambda items: operator.setitem(items, meddling(items), LONG),
        lambda items: operator.setitem(items, slice(meddling(items), None), [LONG]),
        lambda items: operator.setitem(items, slice(meddling(items), None, 2), [LONG] * 3),
        lambda items: operator.delitem(items, meddling(items)),
        lambda items: operator.delitem(items, slice(meddling(items), None)),
        lambda items: operator.delitem(items, slice(meddling(items), None, 2)),
        lambda items: operator.imul(items, meddling(items)),
        lambda items: items.index(LONG, meddling(items)),
        lambda items: items.index(LONG, 0, meddling(items)),
    ):
        pair.alike(START, action)
    # In these list does half of it before and half of it after, so that only soundness is looked at.
    for action in (
        lambda items: operator.setitem(items, slice(1, 3), meddling(items)),
        lambda items: operator.setitem(items, slice(0, 4, 2), meddling(items)),
        lambda items: items.extend(meddling(items)),
        lambda items: items == [*items[:2], meddling(items)],
        lambda items: items.sort(key=lambda value: meddling(items)),
    ):
        pair.stored[:] = START
        outcome = result_of(action, pair.stored)
        assert outcome[0] is not pmemobj.PoolDamagedError
        pair.stored._check()


class Spoiler:
    """A nominated class whose pickling changes the pool."""

    target: Any = None

    def __reduce__(self) -> Any:
        if Spoiler.target is not None:
            Spoiler.target.extend([LONG] * 20)
        return Spoiler, ()


def test_a_value_whose_pickling_changes_the_pool_is_refused(pool: Pool, pair: Pair) -> None:
    pmemobj.persist_via_pickle(Spoiler)
    pair.stored[:] = START
    for target, refused in ((pair.stored, pytest.raises(pmemobj.TransactionError, match="pickling")), (None, None)):
        Spoiler.target = target
        for action in (
            lambda: operator.setitem(pair.stored, 0, Spoiler()),
            lambda: operator.setitem(pair.stored, slice(0, 4, 2), [Spoiler(), 1]),
            lambda: pair.stored.append(Spoiler()),
        ):
            if refused:
                with refused:
                    action()
                assert pair.stored == START
            else:
                action()
        pair.stored._check()


# ---- sort -----------------------------------------------------------------------------------------------


def test_sorting_is_stable_and_an_error_leaves_the_order(pair: Pair) -> None:
    words = ["bb", "a", "ccc", "dd", "e", "fff" * 5]
    pair.alike(words, lambda items: items.sort(key=len))
    pair.alike(words, lambda items: items.sort(key=len, reverse=True))
    pair.alike([3, "x", 1], lambda items: items.sort())
    pair.alike(words, lambda items: items.sort(key=lambda word: 1 // (len(word) - 3)))
    pair.alike([3, 1], lambda items: items.sort(key=lambda value: Failing()))
    random.Random(5).shuffle(words := [f"{LONG} {at % 7} {at}" for at in range(200)])
    pair.alike(words, lambda items: items.sort(key=lambda word: word[-6:-4]))


def test_a_list_that_changes_while_it_is_sorted(pool: Pool, pair: Pair) -> None:
    """list hides its items meanwhile and drops the change; here the items are seen and the change stays."""
    pair.stored[:] = [LONG, 2, 1]
    seen = []

    def key(value: Any) -> str:
        seen.append(list(pair.stored))
        if value == 1:
            pair.stored.append(5)
        return str(value)

    with pytest.raises(ValueError, match="list modified during sort"):
        pair.stored.sort(key=key)
    assert seen == [[LONG, 2, 1]] * 3 and pair.stored == [LONG, 2, 1, 5]
    # In a transaction too an error before the first change of `sort` itself undoes nothing.
    with pool.transaction():
        pair.stored.append(6)
        with pytest.raises(TypeError):
            pair.stored.sort()
        pair.stored.append(7)
    assert pair.stored == [LONG, 2, 1, 5, 6, 7]


def test_sorting_with_values_that_compare_by_themselves(pool: Pool) -> None:
    inner = [pool.new(PersistentList, [at % 3, LONG]) for at in range(7)]
    items = pool.new(PersistentList, inner)
    items.sort()
    assert list(map(id, items)) == list(map(id, sorted(inner)))
    items.sort(key=lambda item: item[0], reverse=True)
    assert [item[0] for item in items] == [2, 2, 1, 1, 0, 0, 0]


# ---- what differs ---------------------------------------------------------------------------------------


def test_an_iterator_that_raises_has_changed_nothing(pair: Pair) -> None:
    """list keeps the items that came before the error."""

    def failing() -> Iterator[Any]:
        yield LONG
        raise ZeroDivisionError

    pair.stored[:] = START
    for action in (
        lambda items: items.extend(failing()),
        lambda items: operator.iadd(items, failing()),
        lambda items: items.__init__(failing()),
        lambda items: operator.setitem(items, slice(1, 2), failing()),
        lambda items: operator.setitem(items, slice(None, None, 2), failing()),
    ):
        with pytest.raises(ZeroDivisionError):
            action(pair.stored)
        assert pair.stored == START


def test_a_value_that_cannot_be_stored_changes_nothing(pool: Pool, pair: Pair) -> None:
    pair.stored[:] = START
    with pool.transaction():
        pair.stored.append(1)
        for action in (
            lambda items: items.append(object()),
            lambda items: items.extend([LONG, object()]),
            lambda items: items.insert(0, object()),
            lambda items: operator.iadd(items, [LONG, object()]),
            lambda items: operator.setitem(items, 0, object()),
            lambda items: operator.setitem(items, slice(1, 2), [LONG, object()]),
            lambda items: operator.setitem(items, slice(None, None, 2), [LONG, 1, 2, object()]),
        ):
            with pytest.raises(pmemobj.NotPersistableError):
                action(pair.stored)
    assert pair.stored == [*START, 1]


def test_results_are_plain_lists(pool: Pool) -> None:
    items = pool.new(PersistentList, START)
    sums = (items + items, operator.add(items, [1]), operator.add([1], items))
    for result in (*sums, items[:], items[::2], items * 2, 2 * items, items.copy()):
        assert type(result) is list
    plain = also_plain = [1]
    plain += items  # an operator of both sides, so that Python asks `[1] + items` first
    assert plain == [1, *START] and also_plain == [1]
    also_plain.extend(items)
    assert also_plain == plain


def test_its_arguments_are_those_of_list(pool: Pool) -> None:
    assert pool.new(PersistentList) == [] and pool.new(PersistentList, "ab") == ["a", "b"]
    for wrong in ((1,), ([], [])):
        with pytest.raises(TypeError):
            pool.new(PersistentList, *wrong)
    items = pool.new(PersistentList, [1, LONG])
    items.__init__([2])
    assert items == [2]
    items.__init__(items)  # list would be empty before it reads its argument
    assert items == [2]
    items.__init__()
    assert items == []
    assert_sound(pool)


# ---- what kind of thing it is -----------------------------------------------------------------------------


def test_it_is_a_mutable_sequence(pool: Pool) -> None:
    items = pool.new(PersistentList, START)
    assert isinstance(items, MutableSequence) and not isinstance(items, Hashable)
    assert PersistentList[int].__origin__ is PersistentList and PersistentList[int].__args__ == (int,)
    for action in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="in a pool"):
            action(items)


def test_it_matches_patterns(pool: Pool) -> None:
    match pool.new(PersistentList, [1, pool.new(PersistentTuple, [LONG]), 3, 4]):
        case [first, [str(text)], *rest]:
            assert (first, text, rest) == (1, LONG, [3, 4])
        case _:
            pytest.fail("a PersistentList is no sequence for `match`")
    match pool.new(PersistentList):
        case {}:
            pytest.fail("a PersistentList is a mapping for `match`")
        case []:
            pass


def test_it_is_shown_like_a_list(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [1, LONG, pool.new(PersistentList, [None])])
    assert repr(pool.root) == f"PersistentList([1, {LONG!r}, PersistentList([None])])"
    pool.root.append(pool.root)
    assert repr(pool.root).endswith("PersistentList([None]), ...])") and str(pool.root) == repr(pool.root)
    assert format(pool.root) == repr(pool.root)

    # An object of another pool may lie at the same offset, and be shown inside this one's text.
    class Pointer(pmemobj.PersistentObject):
        def __repr__(self) -> str:
            return f"-> {self._v_target!r}"

    other = make_pool("other.pmem")
    ours, theirs = ([each.new(PersistentList, [1]) for _ in range(20)] for each in (pool, other))
    item, twin = next((a, b) for a in ours for b in theirs if a._p_offset == b._p_offset)
    item[0] = pointer = pool.new(Pointer)
    pointer._v_target = twin
    assert repr(item) == "PersistentList([-> PersistentList([1])])"


def test_a_list_that_contains_itself(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [1])
    pool.root.append(pool.root)
    assert pool.root[1] is pool.root and pool.root in pool.root
    pool = reopen(pool)
    assert pool.root[1][1][1] is pool.root
    other = pool.new(PersistentList, [1])
    other.append(other)
    with pytest.raises(RecursionError):
        pool.root == other  # noqa: B015
    pool.root *= 2
    assert pool.root[1] is pool.root[3] is pool.root


def test_nested_containers_are_shared_not_copied(pool: Pool) -> None:
    inner = pool.new(PersistentDict, a=1)
    pool.root = pool.new(PersistentList, [inner, inner])
    pool.root[0]["a"] = 2
    assert pool.root[1]["a"] == 2 and pool.root[0] is pool.root[1] is inner
    assert pool.root.index(inner) == 0 and pool.root.count(inner) == 2


# ---- memory -----------------------------------------------------------------------------------------------


def test_a_list_that_shrinks_gives_memory_back(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList)
    empty = pool.used
    items.extend(range(20_000))
    full = pool.used
    items *= 1
    del items[100:]
    items._check()
    assert items == list(range(100)) and pool.used - empty < 4096 < full - empty
    items *= 50
    del items[::2], items[::2], items[::2], items[::2], items[::2], items[10:]
    assert len(items) == 10 and pool.used - empty < 2048
    for length in (1, 3, 5, 0):
        items[:] = [LONG] * length + [1] * 1000
        del items[length:]
        items._check()
        assert items == [LONG] * length and pool.used - empty < 1024
    assert pool.used == empty
    items.append(LONG)
    assert items == [LONG]


def test_what_a_list_drops_is_free_at_once(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList)
    for action in (
        lambda: operator.setitem(items, 1, LONG * 2),
        lambda: operator.setitem(items, slice(1, 3), [LONG]),
        lambda: operator.setitem(items, slice(None, None, 2), [LONG] * 10),
        lambda: operator.setitem(items, slice(None), items),
        lambda: operator.delitem(items, 4),
        lambda: operator.delitem(items, slice(2, 9)),
        lambda: operator.delitem(items, slice(None, None, -2)),
        lambda: items.pop(),
        lambda: items.remove(LONG),
        lambda: items.append(LONG),
        lambda: items.extend([LONG] * 200),
        lambda: items.reverse(),
        lambda: items.sort(),
        lambda: items.clear(),
        lambda: items.__init__([LONG]),
        lambda: operator.imul(items, 30),
        lambda: operator.imul(items, 0),
    ):
        items[:] = [LONG] * 20
        action()
        assert_sound(pool, no_garbage=True)


def test_a_list_shrinks_in_a_full_pool_too(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool("small.pmem", 8 << 20)
    pool.root = pool.new(PersistentList, [pool.new(PersistentList, range(1000))] + [None] * 20_000)
    at = 1
    # Chunks, then what is left of them, then the units that the smaller area would be one of.
    for size in (200_000, 900, 80):
        with pytest.raises(pmemobj.PoolFullError):
            while True:
                pool.root[at] = b"x" * size
                at += 1
    items = pool.root[0]
    del items[10:]
    assert items == list(range(10))
    items._check()


def test_multiplying_beyond_the_pool(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, START)
    for times in (1 << 20, 1 << 40, sys.maxsize):
        with pytest.raises(pmemobj.PoolFullError):
            items *= times
    assert items is pool.root and items == START


def test_multiplying_until_the_pool_is_full(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool("small.pmem", 8 << 20)
    pool.root = items = pool.new(PersistentList, [LONG] * 100)
    with pytest.raises(MemoryError):
        items *= 1000
    assert pool.root == [LONG] * 100
    pool.gc()
    assert_sound(pool, no_garbage=True)


def test_check_finds_what_is_broken(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, [LONG, 1])
    heap, at = pool._heap, items._p_offset
    area = heap.read(at + 24)

    def broken(offset: int, word: int, complaint: str) -> None:
        with pytest.raises(ZeroDivisionError), pool.transaction():
            heap.write(offset, word)
            with pytest.raises(AssertionError, match=complaint) as caught:
                items._check()
            assert f"+24   {heap.read(at + 24):#018x}" in str(caught.value)
            1 / 0  # noqa: B018
        items._check()

    broken(at + 8, 1000, "1000 items in an area for")
    broken(at + 16, 1000, "LIST_ITEMS at .* needs 8000 bytes")
    broken(at + 24, at, "is of kind 16, not 64")
    broken(at + 24, 0, "an area for")
    broken(at, heap.read(at) + 1, "names kind 17, not 16")
    broken(area + 8, heap.read(area), "owned twice")
    broken(area + 8, heap.read(area) + 16, "no value at offset")
    broken(area, area, "no object at")


@pytest.mark.parametrize("kind", [PersistentList, PersistentTuple])
def test_what_is_damaged_is_no_way_out_of_the_pool(pool: Pool, kind: Any) -> None:
    items = pool.root = pool.new(kind, [1, LONG, 3])
    heap, at = pool._heap, items._p_offset
    area = heap.read(at + 24) if kind is PersistentList else at + 16
    leaf = heap.read(area + 8) & ~0xF
    end = heap.limit

    def damaged(offset: int, word: int, *indices: int) -> None:
        with pytest.raises(ZeroDivisionError), pool.transaction():
            heap.write(offset, word)
            for index in indices:
                with pytest.raises(PoolDamagedError):
                    items[index]
            if 1 in indices:
                with pytest.raises(PoolDamagedError):
                    [item for item in items]  # noqa: C416 - list() would ask for the length
            1 / 0  # noqa: B018
        assert list(items) == [1, LONG, 3]

    for length in (1 << 63, (1 << 64) - 1, 1 << 61):
        damaged(at + 8, length, 0, 1, 1 << 29, 1 << 60, -1, -2)
    damaged(at + 8, end // 8, -1)
    for size in (1, 1 << 46):
        damaged(leaf, header(Kind.STR, end - leaf - 8 + size), 1)
    if kind is PersistentList:
        for target in (1 << 63, end, end - 7):
            damaged(at + 24, target, 0, 1, -1)
        damaged(at + 24, end - 8, 1, -1)


# ---- together ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
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
            case 11 if size < 60:
                items *= other % 3
            case 12 if size:
                items[:: -(size // 2) - 1] = values[:1] * len(items[:: -(size // 2) - 1])
        return None

    for turn in range(160):
        choice, at, other = rng.randrange(13), rng.randrange(-5, 40), rng.randrange(100)
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
        pool.root._check()
        if turn % 40 == 39:
            pool.gc()
            pool = reopen(pool)
            assert pool.root == model
            assert_sound(pool, no_garbage=True)
    pool.root.clear()
    assert_sound(pool)


SORTING_FOR_EVER = """
import sys, random, pmemobj
pool = pmemobj.open(sys.argv[1])
print("ready", flush=True)
rng = random.Random(int(sys.argv[2]))
long = "a string that is too long for a word"
while True:
    items = pool.root
    with pool.transaction():
        items.sort(key=lambda word: rng.random())
    items[::2] = items[1::2] + items[:: len(items) // 2][: len(items[::2]) - len(items[1::2])]
    items[:] = [f"{long} {at}" for at in range(64)]
    items *= 3
    del items[64:]
    items[10:20] = items[10:20][::-1]
"""


@pytest.mark.once
def test_a_killed_process_leaves_a_whole_list(pool: Pool, spawn: Callable[..., Any]) -> None:
    texts = [f"{LONG} {at}" for at in range(64)]
    pool.root = pool.new(PersistentList, texts)
    path = pool.path
    pool.close()
    rng = random.Random(9)
    for turn in range(2):
        child = spawn(SORTING_FOR_EVER, path, turn, PMEMOBJ_CHECK="0")
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(Exception, match="timed out"):
            child.wait(rng.uniform(0.02, 0.1))
        child.kill()
        child.wait()
        with pmemobj.open(path) as found:
            assert found.recovered
            found.root._check()
            assert len(found.root) in (64, 192) and set(found.root) <= set(texts)
            assert_sound(found)
