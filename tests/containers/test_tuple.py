"""PersistentTuple does what tuple does; each operation is tried on both."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Hashable, Iterator, MutableSequence, Sequence
from typing import Any

import pytest
from soundness import assert_sound
from test_list import HUGE, INDICES, LONG, SLICES, START, Failing, Index

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, PersistentTuple

Pool = PersistentObjectPool


def result_of(action: Callable[[Any], Any], items: Any) -> Any:
    """What an action returns or raises, in words that fit both types."""
    try:
        result = action(items)
    except Exception as error:
        return type(error), str(error).replace("pmemobj.", "").replace("PersistentTuple", "tuple")
    if isinstance(result, Iterator):
        result = list(result)
    return type(result), result


def alike(stored: Any, plain: Any, action: Callable[[Any], Any], words: bool = True) -> None:
    ours, theirs = result_of(action, stored), result_of(action, plain)
    if not words and isinstance(theirs[0], type) and issubclass(theirs[0], Exception):
        ours, theirs = ours[0], theirs[0]
    assert ours == theirs
    assert tuple(stored) == plain


METHODS: list[Callable[[Any], Any]] = [
    lambda items: items.index(2.5),
    lambda items: items.index(1, 1),
    lambda items: items.index(1, -3, -1),
    lambda items: items.index(1, -HUGE, HUGE),
    lambda items: items.index("missing"),
    lambda items: items.index(1, None),
    lambda items: items.index(Failing()),
    lambda items: items.count(1),
    lambda items: items.count(True),
    lambda items: items.count(Failing()),
    lambda items: LONG in items,
    lambda items: "missing" in items,
    lambda items: reversed(items),
    lambda items: iter(items),
    lambda items: operator.length_hint(iter(items)),
    lambda items: len(items),
    lambda items: bool(items),
    lambda items: hash(items),
    lambda items: {items: 1}[tuple(items)],
    lambda items: {tuple(items): 1}[items],
    lambda items: items == tuple(items),
    lambda items: tuple(items) != items,
    lambda items: operator.add(items, (LONG, 1)),
    lambda items: operator.add((LONG, 1), items),
    lambda items: items + items,
    *(lambda items, times=times: items * times for times in (0, 1, 3, -1, HUGE, True, Index(2), Failing())),
    *(lambda items, times=times: times * items for times in (0, 3, Index(2))),
]

MISUSES: list[Callable[[Any], Any]] = [
    lambda items: operator.add(items, [1]),
    lambda items: operator.add([1], items),
    lambda items: items * "2",
    lambda items: operator.setitem(items, 0, 1),
    lambda items: operator.delitem(items, 0),
    lambda items: operator.delitem(items, slice(None)),
    lambda items: items.append(1),
    lambda items: items.index(),
    lambda items: items < [1],
]


@pytest.mark.parametrize("start", [(), (1,), tuple(START), (2.5, 1, 1, LONG)], ids=len)
def test_it_does_what_tuple_does(pool: Pool, start: tuple[Any, ...]) -> None:
    pool.root = stored = pool.new(PersistentTuple, start)
    for index in [*INDICES, *SLICES]:
        alike(stored, start, lambda items, index=index: items[index])
    for method in METHODS:
        alike(stored, start, method)
    for method in MISUSES:
        alike(stored, start, method, words=False)
    stored._check()


def test_nothing_of_tuple_is_missing() -> None:
    # The one is for pickling, which persistent objects refuse.
    assert set(dir(tuple)) - set(dir(PersistentTuple)) == {"__getnewargs__"}


@pytest.mark.parametrize("other", [(), (1,), (1, 2), (3, 1, 2), (2, LONG), [1], 5, None], ids=str)
def test_comparing(pool: Pool, other: Any) -> None:
    for start in ((), (1,), (1, 1), (3, 1, 2), (2, LONG), (1, None)):
        stored = pool.new(PersistentTuple, start)
        for relation in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
            alike(stored, start, lambda items, r=relation: r(items, other))
            alike(stored, start, lambda items, r=relation: r(other, items), words=False)
            if isinstance(other, tuple):
                persistent = pool.new(PersistentTuple, other)
                ours = result_of(lambda items, r=relation, p=persistent: r(items, p), stored)
                assert ours == result_of(lambda items, r=relation: r(items, other), start)


def test_it_lasts(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentTuple, [1, LONG, pool.new(PersistentList, [2]), pool.new(PersistentTuple)])
    pool.root[2].append(pool.root)
    pool = reopen(pool)
    assert type(pool.root) is PersistentTuple and pool.root[:2] == (1, LONG) and pool.root[3] == ()
    assert pool.root[2] == [2, pool.root] and pool.root[2][1] is pool.root
    assert_sound(pool, no_garbage=True)
    assert repr(pool.root) == f"PersistentTuple((1, {LONG!r}, PersistentList([2, ...]), PersistentTuple(())))"
    assert repr(pool.new(PersistentTuple, "a")) == "PersistentTuple(('a',))"


def test_it_has_a_hash_when_its_items_have(pool: Pool) -> None:
    assert hash(pool.new(PersistentTuple, [1, pool.new(PersistentTuple, [2])])) == hash((1, (2,)))
    with pytest.raises(TypeError, match="unhashable"):
        hash(pool.new(PersistentTuple, [pool.new(PersistentList)]))


def test_it_never_changes(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentTuple, START)
    before = pool._heap.read_bytes(items._p_offset, 64)
    items.__init__([1, 2])
    items.__init__()
    assert items == tuple(START) and pool._heap.read_bytes(items._p_offset, 64) == before
    kept = items
    items += (1,)
    assert type(items) is tuple and kept == tuple(START) and pool.root is kept
    for results in (kept[:], kept[::2], kept + kept, kept * 1):
        assert type(results) is tuple


def test_making_one(pool: Pool) -> None:
    assert pool.new(PersistentTuple) == ()
    assert pool.new(PersistentTuple, {1: 2}) == (1,) == pool.new(PersistentTuple, iter([1]))
    large = pool.new(PersistentTuple, range(5000))
    assert large == tuple(range(5000)) and large[4999] == 4999
    pool.root = pool.new(PersistentTuple, large)
    assert pool.root is not large and pool.root == large
    used = pool.used
    with pool.transaction():
        for wrong in ((5,), ([], []), ([LONG, object()],), ([[]],)):
            with pytest.raises(TypeError):
                pool.new(PersistentTuple, *wrong)
        with pytest.raises(TypeError):
            pool.new(PersistentTuple, iterable=())
        pool.root = None
    pool.gc(keep_handles=False)
    assert pool.root is None and pool.used < used
    with pytest.raises(pmemobj.InvalidHandleError):
        large[0]
    with pytest.raises(pmemobj.PoolFullError):
        pool.new(PersistentTuple, [b"x" * 100_000] * 1000)


def test_one_that_is_rolled_back(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [1])
    with pytest.raises(ZeroDivisionError), pool.transaction():
        lost = pool.new(PersistentTuple, [LONG, pool.root])
        pool.root.append(lost)
        1 / 0  # noqa: B018
    with pytest.raises(pmemobj.InvalidHandleError, match="rolled back"):
        len(lost)
    assert pool.root == [1] and pool._heap.in_transaction() is False


def test_what_kind_of_thing_it_is(pool: Pool) -> None:
    items = pool.new(PersistentTuple, [1, pool.new(PersistentDict, a=1), 3])
    assert isinstance(items, Sequence) and isinstance(items, Hashable) and not isinstance(items, MutableSequence)
    assert PersistentTuple[int, str].__args__ == (int, str)
    match items:
        case (first, _, 3):
            assert first == 1
        case _:
            pytest.fail("a PersistentTuple is no sequence for `match`")
    a, b, c = items
    assert (a, b["a"], c) == (1, 1, 3) and (lambda *args: args)(*items) == items
    graph = pmemobj.inspect.walk(pool, items)
    node = graph.nodes[graph.start.target]
    assert (node.type, node.text, node.count) == ("PersistentTuple", "3 items", 3)
    assert [slot.text for slot in node.slots] == ["1", "PersistentDict", "3"] and len(graph.nodes) == 2


def test_check_finds_what_is_broken(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentTuple, [1, LONG])
    heap, at = pool._heap, items._p_offset
    for offset, word, complaint in ((at + 8, 1000, "needs 8016 bytes"), (at + 16, heap.read(at + 24), "owned twice")):
        with pytest.raises(ZeroDivisionError), pool.transaction():
            heap.write(offset, word)
            with pytest.raises(AssertionError, match=complaint):
                items._check()
            1 / 0  # noqa: B018
        items._check()


def test_random_tuples(pool: Pool, reopen: Callable[..., Pool]) -> None:
    """Tuples of tuples, replaced and collected, some in transactions that are rolled back."""
    rng = random.Random(3)
    pool.root, model = pool.new(PersistentList, [None] * 8), [None] * 8

    def made(depth: int) -> tuple[Any, Any]:
        """A persistent tuple and its model."""
        ours, theirs = [], []
        for _ in range(rng.randrange(6)):
            if depth and rng.random() < 0.3:
                one, other = made(depth - 1)
            else:
                one = other = rng.choice([None, rng.randrange(9), LONG + str(rng.randrange(9)), 1 << 80, b"b" * 30])
            ours.append(one)
            theirs.append(other)
        return pool.new(PersistentTuple, ours), tuple(theirs)

    for turn in range(60):
        at = rng.randrange(8)
        if turn % 5 == 4:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                pool.root[at] = made(3)[0]
                1 / 0  # noqa: B018
        else:
            pool.root[at], model[at] = made(3)
        assert pool.root == model
        if turn % 20 == 19:
            pool.gc()
            pool = reopen(pool)
            assert_sound(pool, no_garbage=True)
            for item in pool.root:
                if item is not None:
                    item._check()
