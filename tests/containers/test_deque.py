"""PersistentDeque does what collections.deque does; each operation is tried on both."""

from __future__ import annotations

import operator
import random
from collections import deque
from collections.abc import Callable, MutableSequence
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentDeque, PersistentList, PersistentObject, PersistentObjectPool

Pool = PersistentObjectPool
LONG = "a text that needs memory of its own"
START = [3, LONG, None, 2.5, LONG + "!"]


def result_of(action: Callable[[Any], Any], of: Any) -> Any:
    try:
        found = action(of)
    except Exception as error:
        return type(error), str(error).replace("PersistentDeque", "deque").replace("pmemobj.", "collections.")
    return "itself" if found is of else list(found) if isinstance(found, (deque, PersistentDeque)) else found


def step(rng: random.Random) -> Callable[[Any], Any]:
    """Some operation with some arguments."""
    value, count = rng.choice([rng.randrange(9), f"{LONG} {rng.randrange(9)}", None, (1, LONG)]), rng.randrange(-7, 8)
    return rng.choice(
        [
            lambda it: it.append(value), lambda it: it.appendleft(value), lambda it: it.pop(), lambda it: it.popleft(),
            lambda it: it.extend([value] * (count + 8)), lambda it: it.extendleft([value, count, LONG]),
            lambda it: it.rotate(count), lambda it: it.insert(count, value), lambda it: it.__delitem__(count),
            lambda it: it.__setitem__(count, value), lambda it: it[count], lambda it: it.reverse(),
            lambda it: it.remove(value), lambda it: it.count(value), lambda it: it.index(value), lambda it: value in it,
            lambda it: it.__imul__(count % 3) if len(it) < 50 else None, lambda it: it.clear() if count == 0 else None,
            lambda it: it.__iadd__([value]),
        ]
    )  # fmt: skip


@pytest.mark.parametrize("maxlen", [None, 0, 1, 5, 70])
def test_it_does_what_a_deque_does(pool: Pool, maxlen: int | None) -> None:
    rng = random.Random(f"deque {maxlen}")
    stored, plain = pool.new(PersistentDeque, START, maxlen), deque(START, maxlen)
    pool.root = stored
    for number in range(700):
        action = step(rng)
        if rng.random() < 0.2:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                result_of(action, stored)
                result_of(step(rng), stored)
                1 // 0  # noqa: B018
        elif rng.random() < 0.3:
            with pool.transaction():
                assert result_of(action, stored) == result_of(action, plain)
        else:
            assert result_of(action, stored) == result_of(action, plain)
        assert list(stored) == list(plain)
        if number % 20 == 0:
            stored._check()
    assert stored == plain and plain == stored and stored.maxlen == plain.maxlen
    assert list(reversed(stored)) == list(reversed(plain)) and stored.copy() == plain and stored.copy().maxlen == maxlen
    assert [stored[at] for at in range(-len(plain), len(plain))] == [plain[at] for at in range(-len(plain), len(plain))]
    path = pool.path
    pool.close()
    with pmemobj.open(path) as again:
        assert again.root == plain and again.root.maxlen == maxlen
        again.root.clear()
        again.gc()
        assert_sound(again, no_garbage=True)


def test_wrong_arguments_raise_what_they_raise_for_a_deque(pool: Pool) -> None:
    actions: list[Callable[[Any], Any]] = [
        lambda it: it["a"], lambda it: it[9], lambda it: it[-9], lambda it: it[1:2], lambda it: it.__setitem__(9, 1),
        lambda it: it.__setitem__("a", 1), lambda it: it.__delitem__(9), lambda it: it.insert("a", 1), lambda it: it.rotate("a"),
        lambda it: it.rotate(1.5), lambda it: it.extend(5), lambda it: it.extendleft(None), lambda it: it.remove("nothing"),
        lambda it: it.index("nothing"), lambda it: it.index(3, 1), lambda it: it.append(), lambda it: it.pop(1),
        lambda it: it * "a", lambda it: operator.add(it, [1]), lambda it: it < [1], lambda it: hash(it), lambda it: setattr(it, "maxlen", 3),
        lambda it: it[1 << 70], lambda it: it.index(3, "a"),
    ]  # fmt: skip
    for start in (START, []):
        stored, plain = pool.new(PersistentDeque, start), deque(start)
        for at, action in enumerate(actions):
            ours, theirs = result_of(action, stored), result_of(action, plain)
            assert ours[0] is theirs[0] or ours == theirs, at
            assert list(stored) == list(plain)
    for wrong in ((5,), ([], "a"), ([], -1), ([], 1.5), ([], 1, 2)):
        with pytest.raises((TypeError, ValueError)):
            deque(*wrong)
        with pytest.raises((TypeError, ValueError)):
            pool.new(PersistentDeque, *wrong)


def test_operators(pool: Pool) -> None:
    stored, plain = pool.new(PersistentDeque, [1, 2, LONG]), deque([1, 2, LONG])
    others: list[Any] = [deque([1]), deque([1, 2, LONG]), deque(), pool.new(PersistentDeque, [1, 3])]
    for other in others:
        same = other.copy()
        for operation in (operator.eq, operator.ne):
            assert operation(stored, other) is operation(plain, same) and operation(other, stored) is operation(same, plain)
        assert stored + other == plain + same and other + stored == same + plain and type(stored + other) is deque
    assert (stored < deque([1, 3])) is True and (deque([1, 3]) > stored) is True and (stored >= deque([9])) is False
    assert stored * 2 == plain * 2 == 2 * stored and stored != [1, 2, LONG] and isinstance(stored, MutableSequence)
    assert repr(stored) == f"PersistentDeque([1, 2, {LONG!r}])" and "maxlen=3" in repr(pool.new(PersistentDeque, [1], 3))
    match stored:
        case [1, *rest]:
            assert rest == [2, LONG]
        case _:
            pytest.fail("it is no sequence")


def test_an_iteration_notices_changes(pool: Pool) -> None:
    stored = pool.new(PersistentDeque, range(5))
    for change in (lambda: stored.append(1), lambda: stored.popleft(), lambda: stored.rotate(1)):
        iterator = iter(stored)
        assert next(iterator) == stored[0]
        change()
        with pytest.raises(RuntimeError, match="deque mutated during iteration"):
            next(iterator)
        assert list(iterator) == []
    stored[0] = "replaced"
    iterator = iter(stored)
    stored[1] = "seen"
    assert list(iterator)[1] == "seen" and list(iterator) == [] and operator.length_hint(iter(stored)) == len(stored)


def test_it_moves_there_and_back(pool: Pool) -> None:
    plain = deque([1, deque([LONG], 2), [3]], 9)
    stored = pool.root = pool.persistent(plain)
    assert type(stored) is PersistentDeque and type(stored[1]) is PersistentDeque and type(stored[2]) is PersistentList
    assert stored.maxlen == 9 and stored[1].maxlen == 2 and stored.to_python() == plain
    assert stored.to_python().maxlen == 9 and type(stored.to_python()[1]) is deque
    stored.append(stored)
    back = stored.to_python()
    assert back[-1] is back


def test_adding_what_cannot_be_stored_changes_nothing(pool: Pool) -> None:
    stored = pool.root = pool.new(PersistentDeque, START, 6)
    for action in (
        lambda: stored.append([]), lambda: stored.appendleft(object()), lambda: stored.extend([1, {}]),
        lambda: stored.extend([{}, *range(20)]), lambda: stored.extendleft([{}]), lambda: stored.insert(0, set()),
        lambda: stored.__setitem__(0, []),
    ):  # fmt: skip
        with pytest.raises(NotPersistableError):
            action()
        assert list(stored) == START
    assert_sound(pool)


def test_its_memory_follows_its_length(pool: Pool) -> None:
    stored = pool.root = pool.new(PersistentDeque)
    empty = pool.used
    for number in range(2000):
        stored.append(number)
        stored.append(LONG)
        stored.popleft()
    assert len(stored) == 2000
    while stored:
        stored.popleft()
    pool.gc()
    assert pool.used <= empty + 1024
    for number in range(5000):  # A queue whose ends both move takes no more than what is in it.
        stored.append(number)
        if number > 10:
            assert stored.popleft() == number - 11
    assert pool.used <= empty + 1024


def test_an_end_is_reached_by_few_stores(pool: Pool) -> None:
    """A PersistentList moves 100,000 items for each `pop(0)`."""
    stored = pool.root = pool.new(PersistentDeque, range(100_000))
    heap = pool._heap
    stored.append(0)
    snapshots, persists = heap.snapshots, heap.persists
    for number in range(100):
        stored.append(number)
        assert stored.popleft() == number
        stored.appendleft(number)
        assert stored.popleft() == number
        assert stored[50_000] == stored[-len(stored) + 50_000]
    assert heap.snapshots == snapshots and heap.persists - persists <= 600


def test_a_full_pool_is_emptied_from_both_ends(scratch: Any) -> None:
    with pmemobj.create(scratch / "full.pmem", "8M") as pool:
        stored = pool.root = pool.new(PersistentDeque)
        with pytest.raises(pmemobj.PoolFullError):
            while True:
                stored.append(LONG * 20)
        before = len(stored)
        for number in range(before):
            stored.popleft() if number % 2 else stored.pop()
        stored.append(LONG)
        assert before > 1000 and list(stored) == [LONG]
        assert_sound(pool)


def test_a_program_derives_from_it(pool: Pool) -> None:
    class Queue(PersistentDeque):
        pass

    queue = pool.root = pool.new(Queue, [1], 3)
    queue.owner = pool.new(PersistentObject)
    queue.extend([2, 3, 4])
    assert list(queue) == [2, 3, 4] and type(queue.owner) is PersistentObject
    queue._check()
    assert_sound(pool)
