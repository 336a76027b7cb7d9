"""The dicts of `collections` in a pool: what makes them more than a dict. `test_methods` compares all their methods."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    ClassRefusedError,
    NotPersistableError,
    PersistentCounter,
    PersistentDefaultDict,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentOrderedDict,
    PersistentSet,
)

Pool = PersistentObjectPool
LONG = "a text that needs memory of its own"


class Account(PersistentObject):
    def __init__(self) -> None:
        self.balance = 0


FACTORIES = [
    (int, int), (float, float), (str, str), (bytes, bytes), (bool, bool), (tuple, tuple), (frozenset, frozenset),
    (list, PersistentList), (dict, PersistentDict), (set, PersistentSet), (PersistentList, PersistentList),
    (PersistentCounter, PersistentCounter), (Account, Account),
]  # fmt: skip


@pytest.mark.parametrize("factory, made", FACTORIES, ids=[factory.__name__ for factory, _ in FACTORIES])
def test_a_missing_key_gets_a_first_value(pool: Pool, factory: Any, made: type) -> None:
    index = pool.root = pool.new(PersistentDefaultDict, factory, old=1)
    assert index.get("new") is None and "new" not in index and index["old"] == 1
    first = index["new"]
    assert type(first) is made and index["new"] == first and len(index) == 2
    if issubclass(made, pmemobj.PersistentObject):
        assert index["new"] is first
    path = pool.path
    pool.close()
    with pmemobj.open(path) as again:
        assert type(again.root) is PersistentDefaultDict and again.root.default_factory is factory
        assert type(again.root["another"]) is made
        again.root._check()
        assert_sound(again)


def test_without_a_factory_it_is_a_dict(pool: Pool) -> None:
    index = pool.new(PersistentDefaultDict, None, a=1)
    with pytest.raises(KeyError, match="b"):
        index["b"]
    index.default_factory = int
    assert index["b"] == 0
    index.default_factory = None
    with pytest.raises(KeyError):
        index["c"]


@pytest.mark.parametrize("factory", [lambda: 1, len, 5, "list", object, PersistentObjectPool, range(3).index])
def test_a_factory_that_is_code_is_refused(pool: Pool, factory: Any) -> None:
    with pytest.raises(NotPersistableError, match=r"cannot take .* as a default_factory: .*__missing__"):
        pool.new(PersistentDefaultDict, factory)
    index = pool.new(PersistentDefaultDict, int)
    with pytest.raises(NotPersistableError):
        index.default_factory = factory
    assert index.default_factory is int


def test_a_factory_whose_class_is_gone_is_an_error_of_this_key_only(pool: Pool) -> None:
    index = pool.root = pool.new(PersistentDefaultDict, list, a=1)
    with pool.transaction():
        from pmemobj._objects.own_containers import set_stored

        set_stored(index, "default_factory", "os:abort")
    assert index["a"] == 1
    with pytest.raises(ClassRefusedError, match="its name is os:abort, and no persistent class"):
        index["b"]


def test_a_first_value_is_there_wholly_or_not_at_all(pool: Pool) -> None:
    class Failing(PersistentObject):
        def __init__(self) -> None:
            self.text = LONG
            raise RuntimeError

    index = pool.root = pool.new(PersistentDefaultDict, Failing)
    used = pool.used
    with pytest.raises(RuntimeError):
        index["a"]
    pool.gc()
    assert len(index) == 0 and pool.used == used


def test_counting(pool: Pool) -> None:
    stored, plain = pool.new(PersistentCounter, "abracadabra"), Counter("abracadabra")
    steps: list[Any] = [
        lambda it: it.update("banana"), lambda it: it.update({"a": 5, LONG: 1}), lambda it: it.update(z=2),
        lambda it: it.subtract("aaa"), lambda it: it.subtract({"q": 3}), lambda it: it.__delitem__("nothing"),
        lambda it: it.__iadd__(Counter("xyz")), lambda it: it.__isub__(Counter("xa")),
        lambda it: it.__ior__(Counter(a=50)), lambda it: it.__iand__(Counter(a=9, b=1, c=1)),
    ]  # fmt: skip
    for step in steps:
        step(stored), step(plain)
        assert stored == plain and dict(stored) == dict(plain), step
        assert stored.most_common(2) == plain.most_common(2) and stored.total() == plain.total()
        assert sorted(stored.elements()) == sorted(plain.elements())
        stored._check()
    assert stored["nothing"] == 0 and "nothing" not in stored
    other = Counter("abz")
    for operation in ("__add__", "__sub__", "__or__", "__and__", "__le__", "__lt__", "__ge__", "__gt__"):
        for operand in (other, pool.new(PersistentCounter, other)):
            assert getattr(stored, operation)(operand) == getattr(plain, operation)(other), operation
    assert other + stored == other + plain and other - stored == other - plain and +stored == +plain and -stored == -plain
    assert other | stored == other | plain and other & stored == other & plain
    with pytest.raises(TypeError):
        stored + {"a": 1}


def test_counting_is_all_or_nothing(pool: Pool) -> None:
    stored = pool.new(PersistentCounter, a=1, b="text")
    with pytest.raises(TypeError):
        stored.update(["a", "b"])
    assert stored == {"a": 1, "b": "text"}
    with pytest.raises(TypeError):
        stored.update([[]])
    assert stored == {"a": 1, "b": "text"}


def test_the_order_is_part_of_an_ordered_dict(pool: Pool) -> None:
    stored, plain = pool.new(PersistentOrderedDict, a=1, b=LONG, c=3), OrderedDict(a=1, b=LONG, c=3)
    assert stored == plain and stored != OrderedDict(c=3, b=LONG, a=1) and stored == {"c": 3, "b": LONG, "a": 1}
    for key, last in (("a", True), ("c", False), ("b", False), ("b", True), ("b", True)):
        stored.move_to_end(key, last), plain.move_to_end(key, last)
        assert list(stored.items()) == list(plain.items()) and list(reversed(stored)) == list(reversed(plain))
        stored._check()
    for wrong in ("nothing", 5):
        with pytest.raises(KeyError):
            stored.move_to_end(wrong)
    assert stored.popitem(last=False) == plain.popitem(last=False) and stored.popitem() == plain.popitem()
    assert stored == plain
    stored.popitem(last=False)
    for last in (True, False):
        with pytest.raises(KeyError, match="dictionary is empty"):
            stored.popitem(last)
    assert_sound(pool)


def test_moving_keeps_the_very_object_and_the_key(pool: Pool) -> None:
    account = pool.new(Account)
    stored = pool.root = pool.new(PersistentOrderedDict, {1: account, True + 1: "two"})
    stored.move_to_end(True)
    assert list(stored) == [2, 1] and type(list(stored)[1]) is int and stored[1] is account


def test_emptying_it_from_the_front_passes_no_deleted_entry_twice(pool: Pool) -> None:
    stored = pool.root = pool.new(PersistentOrderedDict, dict.fromkeys(range(1000)))
    reads = 0
    first = stored._first_entry
    numbers = []

    def counted() -> int:
        known = stored.__dict__.get("_v_front")
        start = known[-1] if known is not None and known[:-1] == stored._front_mark() else 0
        numbers.append(first() - start)
        return first()

    stored.__dict__["_first_entry"] = counted
    taken = [stored.popitem(last=False)[0] for _ in range(1000)]
    assert taken == list(range(1000)) and len(numbers) == 1000
    reads = sum(numbers)
    assert reads < 1000, "a search from the beginning each time would pass half a million entries"
    stored._check()


def test_the_front_is_right_after_changes_and_roll_backs(pool: Pool) -> None:
    stored, plain = pool.new(PersistentOrderedDict), OrderedDict[Any, Any]()
    for number in range(200):
        for each in (stored, plain):
            each[number] = number
            if number % 3 == 0:
                each.popitem(last=False)
            if number % 7 == 0:
                each.move_to_end(next(iter(each)), last=number % 2 == 0) if each else None
        with pytest.raises(ZeroDivisionError), pool.transaction():
            for _ in range(min(number % 5, len(stored))):
                stored.popitem(last=False)
            stored.update(dict.fromkeys(range(1000, 1000 + number % 40)))
            1 // 0  # noqa: B018
        assert list(stored.items()) == list(plain.items())
    while plain:
        assert stored.popitem(last=False) == plain.popitem(last=False)
    stored._check()


@pytest.mark.parametrize(
    "plain",
    [defaultdict(list, a=[1]), defaultdict(None, a=1), Counter("aab"), OrderedDict(b=1, a=[2])],
    ids=["list", "none", "counter", "ordered"],
)
def test_there_and_back(pool: Pool, plain: Any) -> None:
    stored = pool.root = pool.persistent({"it": plain})["it"]
    back = stored.to_python()
    assert type(back) is type(plain) and back == plain and list(back) == list(plain)
    assert getattr(back, "default_factory", None) is getattr(plain, "default_factory", None)
    assert stored.copy() == plain.copy() and type(stored.copy()) is type(plain)
    assert type(stored).__module__ == "pmemobj" and repr(stored).startswith(f"{type(stored).__name__}({{")


def test_a_program_derives_from_them(pool: Pool) -> None:
    class Words(PersistentCounter):
        def longest(self) -> Any:
            return max(self, key=len)

    words = pool.root = pool.new(Words, ["a", "bbb"])
    words.language = "none"
    assert words.longest() == "bbb" and words.language == "none" and words["c"] == 0
    path = pool.path
    pool.close()
    with pmemobj.open(path) as again:
        assert type(again.root) is Words and again.root.language == "none" and type(again.root.to_python()) is Counter
