"""PersistentObject: attributes are the state, and everything else of a Python class works as always."""

from __future__ import annotations

import abc
import copy
import dataclasses
import enum
import functools
import pickle
import random
import sys
import types
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import pytest
from sample_classes import Account, Bag, Savings
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObject, PersistentObjectPool, PoolDamagedError

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def test_attributes_are_the_state(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = account = pool.new(Account, "Ada", 5)
    account.balance += 1
    account.note = LONG
    account.history = pool.new(PersistentList, [1, 2])
    account.history.append(account)
    del account
    pool = reopen(pool)
    account = pool.root
    assert type(account) is Account
    assert (account.owner, account.balance, account.note, account.history[:2]) == ("Ada", 6, LONG, [1, 2])
    assert account.history[2] is account


def test_the_first_attribute_of_an_object(pool: Pool) -> None:
    pool.root = pool.new(Bag)
    with pytest.raises(AttributeError, match="'Bag' object has no attribute 'missing'"):
        pool.root.missing  # noqa: B018
    with pytest.raises(AttributeError, match="missing"):
        del pool.root.missing
    pool.root.first = None
    assert pool.root.first is None and hasattr(pool.root, "first")


def test_deleting_attributes(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(Savings, LONG, 1, rate=LONG)
    del pool.root.rate, pool.root.balance
    assert pool.root.rate == 0.5  # the default of the class shows again
    with pytest.raises(AttributeError):
        del pool.root.rate
    pool = reopen(pool)
    assert pool.root.rate == 0.5 and not hasattr(pool.root, "balance")
    pool.root.rate = 2
    assert pool.root.rate == 2


def test_class_attributes_are_defaults(pool: Pool) -> None:
    one, other = pool.new(Account, "a"), pool.new(Account, "b")
    assert one.currency == other.currency == Account.currency == "EUR"
    one.currency = "USD"
    assert (one.currency, other.currency, Account.currency) == ("USD", "EUR", "EUR")


def test_properties(pool: Pool) -> None:
    account = pool.root = pool.new(Account, "a", 4)
    assert account.doubled == 8
    account.doubled = 20
    assert account.balance == 10
    assert "doubled" not in list(slots_of(pool))
    with pytest.raises(AttributeError):
        del account.doubled

    class ReadOnly(PersistentObject):
        @property
        def fixed(self) -> int:
            return 1

    with pytest.raises(AttributeError):
        pool.new(ReadOnly).fixed = 2


def slots_of(pool: Pool) -> list[str]:
    graph = pmemobj.inspect.walk(pool)
    return [slot.label for slot in graph.nodes[graph.start.target].slots]


def test_methods_class_methods_and_special_methods(pool: Pool) -> None:
    class Stack(PersistentObject):
        made = 0

        def __init__(self) -> None:
            self.items = self._p_mm.new(PersistentList)
            type(self).made += 1

        def push(self, value: Any) -> Stack:
            self.items.append(value)
            return self

        def __len__(self) -> int:
            return len(self.items)

        def __getitem__(self, at: int) -> Any:
            return self.items[at]

        @classmethod
        def of(cls, pool: Pool, *values: Any) -> Stack:
            stack = pool.new(cls)
            for value in values:
                stack.push(value)
            return stack

        @staticmethod
        def twice(value: Any) -> Any:
            return value * 2

    stack = Stack.of(pool, 1, 2)
    assert len(stack) == 2 and list(stack) == [1, 2] and stack.twice(3) == 6 and Stack.made == 1


def test_getattr_and_setattr_of_the_class_are_asked(pool: Pool) -> None:
    class Dynamic(PersistentObject):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("dynamic_"):
                return name[8:]
            raise AttributeError(name)

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value * 2)

        def __delattr__(self, name: str) -> None:
            super().__delattr__(name + "_x")

    pool.root = pool.new(Dynamic)
    pool.root.stored = 4
    pool.root.name_x = 1
    assert pool.root.stored == 8 and pool.root.dynamic_answer == "answer"
    with pytest.raises(AttributeError):
        pool.root.other  # noqa: B018
    del pool.root.name
    assert not hasattr(pool.root, "name_x")


def test_an_attribute_error_inside_a_property_is_not_swallowed(pool: Pool) -> None:
    class Broken(PersistentObject):
        @property
        def broken(self) -> Any:
            return self.missing_inside

    with pytest.raises(AttributeError, match="missing_inside"):
        pool.new(Broken).broken  # noqa: B018


def test_a_method_may_be_hidden_by_an_attribute(pool: Pool) -> None:
    class Greeter(PersistentObject):
        def greet(self) -> str:
            return "method"

    greeter = pool.new(Greeter)
    greeter.greet = "attribute"
    assert greeter.greet == "attribute"
    del greeter.greet
    assert greeter.greet() == "method"


def test_inheritance(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(Savings, "Ada", 7, rate=1.5, plan=LONG)
    pool = reopen(pool)
    savings = pool.root
    assert type(savings) is Savings and isinstance(savings, Account)
    assert (savings.owner, savings.doubled, savings.rate, savings.plan, savings.currency) == (
        "Ada",
        14,
        1.5,
        LONG,
        "EUR",
    )


def test_mixins_and_multiple_inheritance(pool: Pool) -> None:
    class Mixin:
        kind = "mixin"

        def shout(self) -> str:
            return self.text.upper()  # type: ignore[attr-defined]

    class Both(Mixin, PersistentObject):
        def __init__(self, text: str) -> None:
            self.text = text

    assert pool.new(Both, "loud").shout() == "LOUD"


def test_init_subclass_and_class_keywords(pool: Pool) -> None:
    seen = {}

    class Base(PersistentObject):
        def __init_subclass__(cls, *, colour: str = "none", **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            seen[cls.__name__] = colour

    class Red(Base, colour="red"):
        pass

    assert seen == {"Red": "red"} and type(pool.new(Red)) is Red


# ---- descriptors --------------------------------------------------------------------------------------


class Positive:
    """A data descriptor as the manuals write it: the value is kept under another name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = "_" + name

    def __get__(self, item: Any, owner: type | None = None) -> Any:
        return self if item is None else getattr(item, self.name, 0)

    def __set__(self, item: Any, value: int) -> None:
        if value < 0:
            raise ValueError("negative")
        setattr(item, self.name, value)

    def __delete__(self, item: Any) -> None:
        delattr(item, self.name)


class Twice:
    """No __set__, so that an attribute of the same name hides it."""

    def __get__(self, item: Any, owner: type | None = None) -> Any:
        return owner if item is None else item.size * 2


class OnlyDelete:
    def __delete__(self, item: Any) -> None:
        item.deleted = True


class Measured(PersistentObject):
    size = Positive()
    twice = Twice()
    special = OnlyDelete()


def test_descriptors(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = item = pool.new(Measured)
    assert item.size == 0 and isinstance(Measured.size, Positive) and Measured.twice is Measured
    item.size = 4
    with pytest.raises(ValueError, match="negative"):
        item.size = -1
    assert (item.size, item._size, item.twice) == (4, 4, 8)
    assert slots_of(pool) == ["_size"]
    item.twice = LONG
    assert item.twice == LONG
    del item.twice
    assert item.twice == 8
    del item.special
    with pytest.raises(AttributeError):
        item.special = 1
    del item
    pool = reopen(pool)
    assert (pool.root.size, pool.root.twice, pool.root.deleted) == (4, 8, True)
    del pool.root.size
    assert pool.root.size == 0
    with pytest.raises(AttributeError):
        del pool.root.size


def test_a_property_that_is_extended(pool: Pool) -> None:
    class Doubled(Savings):
        @property
        def doubled(self) -> int:
            return super().doubled + 1

        @doubled.setter
        def doubled(self, value: int) -> None:
            super(Doubled, Doubled).doubled.__set__(self, value - 1)

        @doubled.deleter
        def doubled(self) -> None:
            del self.balance

    item = pool.new(Doubled, "a", 2)
    assert item.doubled == 5
    item.doubled = 9
    assert item.balance == 4
    del item.doubled
    assert not hasattr(item, "balance")


def test_a_cached_property_is_forgotten_with_the_python_object(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class Report(PersistentObject):
        asked = 0

        @functools.cached_property
        def total(self) -> int:
            type(self).asked += 1
            return sum(self.numbers)

    pool.root = item = pool.new(Report)
    item.numbers = pool.new(PersistentList, [1, 2])
    assert item.total == item.total == 3 and Report.asked == 1
    item.numbers.append(4)
    assert item.total == 3
    del item.total
    assert item.total == 7 and slots_of(pool) == ["numbers"] and vars(item) == {"total": 7}
    with pytest.raises(ZeroDivisionError), pool.transaction():
        item.numbers.append(8)
        del item.total
        assert item.total == 15
        1 / 0  # noqa: B018
    assert item.total == 15  # a roll-back does not bring volatile attributes back
    # What is assigned is an attribute like any other.
    item.total = 5
    del item
    pool = reopen(pool)
    item = pool.root
    assert item.total == 5
    del item.total
    assert item.total == 7
    del item.total
    with pytest.raises(AttributeError, match="total"):
        del item.total


# ---- classes -------------------------------------------------------------------------------------------


class Named(PersistentObject):
    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(**more)
        self.name = name


class Priced(PersistentObject):
    def __init__(self, price: int = 0, **more: Any) -> None:
        super().__init__(**more)
        self.price = price


class Shouting:
    """Knows nothing of pools."""

    loudness = 1

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.loudness += 1

    def shout(self) -> str:
        return self.name.upper() + "!" * self.loudness  # type: ignore[attr-defined]


class Ware(Shouting, Named, Priced):
    pass


def test_a_diamond_with_a_plain_mixin(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(Ware, name="tea", price=3)
    assert pool.root.shout() == "TEA!!" and slots_of(pool) == ["price", "name", "loudness"]
    pool = reopen(pool)
    assert isinstance(pool.root, Priced) and pool.root.price == 3 and pool.root.shout() == "TEA!!"


def test_abstract_and_generic_classes(pool: Pool, reopen: Callable[..., Pool]) -> None:
    T = TypeVar("T")

    class Shape(PersistentObject, abc.ABC):
        @abc.abstractmethod
        def area(self) -> int: ...

    class Square(Shape, Generic[T]):
        def __init__(self, side: int) -> None:
            self.side = side

        def area(self) -> int:
            return self.side**2

    with pytest.raises(TypeError, match="abstract"):
        pool.new(Shape)
    pool.root = pool.new(Square, 3)
    assert Square[int].__origin__ is Square
    assert reopen(pool).root.area() == 9


def test_equality_and_hash(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class Point(PersistentObject):
        def __init__(self, x: int) -> None:
            self.x = x

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Point) and self.x == other.x

        def __hash__(self) -> int:
            return hash(self.x)

    one, other = pool.new(Bag), pool.new(Bag)
    assert one == one and one != other and hash(one) == hash(one) and len({one, other, one}) == 2
    point, same = pool.new(Point, 1), pool.new(Point, 1)
    assert point == same and point is not same and len({point, same}) == 1 and point != pool.new(Point, 2)
    pool.root = pool.new(PersistentList, [point, same])
    assert pool.root.index(same) == 0 and pool.root.count(point) == 2

    class Unhashable(Point):
        def __eq__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="unhashable"):
        hash(pool.new(Unhashable, 1))
    del point, same
    pool = reopen(pool)
    assert pool.root[0] == pool.root[1] and pool.root[0] is not pool.root[1]


def test_slots_are_refused_but_for_volatile_ones(pool: Pool) -> None:
    with pytest.raises(pmemobj.NotPersistableError, match=r"define class .*Slotted: its __slots__ \(a, b\)"):

        class Slotted(PersistentObject):
            __slots__ = ("_v_c", "a", "b")

    class Volatile(PersistentObject):
        __slots__ = ("_v_cache",)

    class Empty(PersistentObject):
        __slots__ = ()

    item = pool.new(Volatile)
    item._v_cache, item.kept = [1], LONG
    assert item._v_cache == [1] and item.kept == LONG
    pool.root = pool.new(Empty)
    pool.root.kept = LONG
    assert slots_of(pool) == ["kept"]


def test_names_with_two_underscores(pool: Pool) -> None:
    class Private(PersistentObject):
        def __init__(self) -> None:
            self.__hidden = LONG

        def hidden(self) -> str:
            return self.__hidden

    pool.root = item = pool.new(Private)
    assert item.hidden() == LONG and slots_of(pool) == ["_Private__hidden"]
    for name in ("__doc__", "__anything", "__orig_class__"):
        with pytest.raises(AttributeError, match="Python's own"):
            setattr(item, name, 1)
        with pytest.raises(AttributeError, match="Python's own"):
            delattr(item, name)
    with pytest.raises(AttributeError, match="not the state, which lies in the pool"):
        item.__dict__ = {"a": 1}
    item.__dict__["in_ordinary_memory"] = 1
    assert item.in_ordinary_memory == 1 and slots_of(pool) == ["_Private__hidden"]


def test_an_attribute_may_be_named_by_a_subclass_of_str(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class Field(enum.StrEnum):
        SIZE = "size"

    pool.root = pool.new(Bag)
    setattr(pool.root, Field.SIZE, 4)
    assert pool.root.size == getattr(pool.root, Field.SIZE) == 4
    assert reopen(pool).root.size == 4


def test_its_class_can_be_made_a_newer_definition_of_it(pool: Pool) -> None:
    def define(answer: int) -> type[PersistentObject]:
        class Redefined(PersistentObject):
            def answer(self) -> int:
                return answer

        return Redefined

    pool.root = item = pool.new(define(1))
    item.__class__ = define(2)
    assert item.answer() == 2 and type(pool.root) is type(item)
    for other in (Bag, PersistentObject, int, 5):
        with pytest.raises(TypeError, match="keeps the class of an object"):
            item.__class__ = other
    assert item.answer() == 2


# ---- copies --------------------------------------------------------------------------------------------


def test_a_copy_is_a_new_object_in_the_same_pool(pool: Pool, reopen: Callable[..., Pool]) -> None:
    original = pool.new(Savings, LONG, 5, extra=b"bytes " * 9, none=None, items=pool.new(PersistentList, [1]))
    original.itself = original
    original._v_volatile = 1
    made = copy.copy(original)
    pool.root = pool.new(PersistentList, [original, made])
    assert type(made) is Savings and made is not original
    # __init__ has not run, _v__init__ has.
    assert not hasattr(made, "_v_volatile") and not hasattr(made, "_v_inits") and made._v_revivals == 1
    for name in ("owner", "balance", "extra", "none", "itself", "items"):
        assert getattr(made, name) == getattr(original, name)
    assert made.items is original.items and made.itself is original
    made.owner = "another"
    made.extra = None
    del original.balance
    original.new = 1
    assert (original.owner, original.extra, made.balance) == (LONG, b"bytes " * 9, 5) and not hasattr(made, "new")
    made._check(), original._check()
    assert_sound(pool)
    del made, original
    pool = reopen(pool)
    assert [item.owner for item in pool.root] == [LONG, "another"] and pool.root[1].items is pool.root[0].items


def test_copying_what_has_no_attributes_or_a_way_of_its_own(pool: Pool) -> None:
    class Own(PersistentObject):
        def __copy__(self) -> str:
            return "own"

    assert type(copy.copy(pool.new(Bag))) is Bag and copy.copy(pool.new(Own)) == "own"
    with pytest.raises(ZeroDivisionError), pool.transaction():
        original = pool.new(Bag)
        original.a = LONG
        made = copy.copy(original)
        assert made.a == LONG
        1 / 0  # noqa: B018
    with pytest.raises(pmemobj.InvalidHandleError):
        made.a  # noqa: B018


def test_deep_copies_and_pickles_are_refused(pool: Pool) -> None:
    item = pool.new(Bag)
    with pytest.raises(pmemobj.NotPersistableError, match=r"deep copy of a Bag: .*use copy.copy\(\)"):
        copy.deepcopy([item])
    with pytest.raises(pmemobj.NotPersistableError, match="in a pool"):
        pickle.dumps(item)


# ---- dataclasses and patterns ----------------------------------------------------------------------------


@dataclasses.dataclass
class Place(PersistentObject):
    name: str
    height: int = 0
    _: dataclasses.KW_ONLY
    tags: Any = None

    def __post_init__(self) -> None:
        if self.tags is None:
            self.tags = self._p_mm.new(PersistentList)


@dataclasses.dataclass(order=True)
class City(Place):
    people: int = dataclasses.field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tags.append("city")


def test_dataclasses(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [pool.new(Place, LONG), pool.new(City, "Ulm", 478, people=5)])
    pool.root[0].height = 9
    pool = reopen(pool)
    place, city = pool.root
    assert (place.name, place.height, place.tags, city.people, city.tags) == (LONG, 9, [], 5, ["city"])
    assert repr(city) == "City(name='Ulm', height=478, tags=PersistentList(['city']), people=5)"
    assert place == pool.new(Place, LONG, 9) and place != city and place != pool.new(Place, LONG)
    assert pool.new(City, "Aalen") < city and [field.name for field in dataclasses.fields(city)][-1] == "people"
    city._check(), place._check()
    with pytest.raises(TypeError, match="unhashable"):
        hash(place)
    with pytest.raises(pmemobj.InvalidHandleError, match=r"create it with pool.new"):
        dataclasses.replace(city, name="x")
    match place:
        case Place(name=str(name), height=9):
            assert name == LONG
        case _:
            pytest.fail("no match")
    match city:
        case Place("Ulm", height, tags=[tag]):
            assert (height, tag) == (478, "city")
        case _:
            pytest.fail("no match by position")


def test_dataclasses_that_would_keep_their_fields_in_ordinary_memory(pool: Pool) -> None:
    @dataclasses.dataclass(frozen=True)
    class Frozen(PersistentObject):
        x: int

    class Below(Frozen):
        pass

    for cls in (Frozen, Below):
        with pytest.raises(pmemobj.NotPersistableError, match="leave frozen=True out"):
            pool.new(cls, 1)
    with pytest.raises(pmemobj.NotPersistableError, match="leave __slots__ out"):

        @dataclasses.dataclass(slots=True)
        class Slotted(PersistentObject):
            x: int

    @dataclasses.dataclass
    class Listed(PersistentObject):
        items: Any = dataclasses.field(default_factory=list)

    with pytest.raises(pmemobj.NotPersistableError, match="PersistentList"):
        pool.new(Listed)
    assert pool.used == 0


# ---- what is broken ---------------------------------------------------------------------------------------


class Meddler:
    """A nominated class whose pickling changes the object that it is stored in."""

    target: Any = None

    def __reduce__(self) -> Any:
        if Meddler.target is not None:
            for at in range(20):
                setattr(Meddler.target, f"more{at}", LONG)
        return Meddler, ()


def test_a_value_whose_pickling_changes_the_pool_is_refused(pool: Pool) -> None:
    pmemobj.persist_via_pickle(Meddler)
    pool.root = item = pool.new(Bag)
    item.a = LONG
    Meddler.target = item
    for name in ("a", "b"):
        with pytest.raises(pmemobj.TransactionError, match="pickling changed the pool"):
            setattr(item, name, Meddler())
    assert slots_of(pool) == ["a"]
    Meddler.target = None
    item.a = item.b = Meddler()
    assert isinstance(item.a, Meddler)
    item._check()


def test_check_finds_what_is_broken(pool: Pool) -> None:
    pool.root = item = pool.new(Bag)
    item.a, item.b = LONG, 1
    heap, at = pool._heap, item._p_offset
    row = heap.read(at + 16)
    for offset, word, complaint in (
        (at + 8, 1000, "OBJECT_SLOTS at .* needs 8000 bytes"),
        (at + 16, 0, "a row for"),
        (at + 16, at, "is of kind 20, not 66"),
        (row + 8, heap.read(row), "owned twice"),
        (row + 24, 1, r"attributes beyond the 2 names \['a', 'b'\]"),
    ):
        with pytest.raises(ZeroDivisionError), pool.transaction():
            heap.write(offset, word)
            with pytest.raises(AssertionError, match=complaint):
                item._check()
            1 / 0  # noqa: B018
        item._check()


# ---- life: __init__, _v__init__, _v_ ---------------------------------------------------------------


class Recorder(PersistentObject):
    log: list[str] = []  # noqa: RUF012

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Recorder.log.append(f"__init__ {args} {kwargs} {self._v_ready}")
        self.value = 1

    def _v__init__(self) -> None:
        Recorder.log.append("_v__init__")
        self._v_ready = True


def test_init_runs_once_and_v_init_at_every_resurrection(pool: Pool, reopen: Callable[..., Pool]) -> None:
    Recorder.log.clear()
    pool.root = pool.new(Recorder, 1, key=2)
    assert Recorder.log == ["_v__init__", "__init__ (1,) {'key': 2} True"]
    pool.root.value = 5
    assert pool.root.value == 5
    for times in (1, 2):
        pool = reopen(pool)
        Recorder.log.clear()
        assert pool.root.value == 5 and pool.root._v_ready
        assert Recorder.log == ["_v__init__"], times


def test_v_init_that_reads_the_state_and_its_neighbours(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class Node(PersistentObject):
        def _v__init__(self) -> None:
            # The neighbour may be this very object, which is still being resurrected.
            self._v_seen = getattr(self, "name", None), getattr(self, "other", None)

    pool.root = pool.new(Node)
    pool.root.name, pool.root.other = "one", pool.root
    pool = reopen(pool)
    assert pool.root._v_seen == ("one", pool.root)
    pool.root.other = pool.new(Node)
    pool.root.other.name, pool.root.other.other = "two", pool.root
    pool = reopen(pool)
    assert pool.root._v_seen[1]._v_seen == ("two", pool.root)


def test_v_init_that_fails(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class Fragile(PersistentObject):
        broken = False

        def _v__init__(self) -> None:
            if Fragile.broken:
                raise RuntimeError("on purpose")

    pool.root = pool.new(Fragile)
    pool = reopen(pool)
    Fragile.broken = True
    for _ in range(2):
        with pytest.raises(RuntimeError, match="on purpose"):
            pool.root  # noqa: B018
    with pytest.raises(RuntimeError, match="on purpose"):
        pool.new(Fragile)
    Fragile.broken = False
    assert type(pool.root) is Fragile
    assert_sound(pool)


def test_volatile_attributes_are_forgotten(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = bag = pool.new(Bag)
    bag._v_anything = anything = object()
    bag._v_list = [1, 2]
    assert bag._v_anything is anything and bag.__dict__ == {"_v_anything": anything, "_v_list": [1, 2]}
    assert pool.root._v_anything is anything  # as long as the Python object lives
    del bag._v_anything
    with pytest.raises(AttributeError):
        bag._v_anything  # noqa: B018
    with pytest.raises(AttributeError):
        del bag._v_anything
    del bag
    assert not hasattr(pool.root, "_v_list")
    pool = reopen(pool)
    with pytest.raises(AttributeError):
        pool.root._v_list  # noqa: B018
    assert pool.root.__dict__ == {}


def test_volatile_attributes_need_no_transaction(pool: Pool) -> None:
    pool.root = bag = pool.new(Bag)
    with pytest.raises(ZeroDivisionError), pool.transaction():
        bag._v_count = bag.count = 5
        1 / 0  # noqa: B018
    assert bag._v_count == 5 and not hasattr(bag, "count")


def test_names_that_are_pmemobjs_own_are_refused(pool: Pool) -> None:
    bag = pool.new(Bag)
    for name in ("_p_new", "_p_mm", "_p_"):
        with pytest.raises(AttributeError):
            setattr(bag, name, 1)
    pool.root = bag
    assert_sound(pool)


def test_mm_reaches_new_and_transaction(pool: Pool) -> None:
    class Tree(PersistentObject):
        def __init__(self, depth: int) -> None:
            self.children = self._p_mm.new(PersistentList, [self._p_mm.new(Tree, depth - 1) for _ in range(2) if depth])

        def reset(self) -> None:
            with self._p_mm.transaction():
                self.children.clear()
                raise KeyError

    pool.root = pool.new(Tree, 3)
    assert pool.root._p_mm is pool.mm is pool.root.children._p_mm
    with pytest.raises(KeyError):
        pool.root.reset()
    assert len(pool.root.children) == 2 and len(pool.root.children[0].children[1].children[0].children) == 0


def test_an_init_that_fails_leaves_nothing(pool: Pool) -> None:
    kept = []

    class Failing(PersistentObject):
        def __init__(self) -> None:
            self.a, self.b = LONG, self._p_mm.new(PersistentList)
            kept.append(self)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        pool.new(Failing)
    with pytest.raises(pmemobj.InvalidHandleError, match="rolled back"):
        kept[0].a  # noqa: B018
    assert pool.used == 0


# ---- shapes ---------------------------------------------------------------------------------------


def test_many_attributes(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = bag = pool.new(Bag)
    for number in range(150):
        setattr(bag, f"attribute_with_a_long_name_{number}", number if number % 2 else LONG * 2)
    del bag
    pool = reopen(pool)
    for number in range(150):
        assert getattr(pool.root, f"attribute_with_a_long_name_{number}") == (number if number % 2 else LONG * 2)
    assert len([name for name in dir(pool.root) if name.startswith("attribute_")]) == 150


def test_names_of_any_kind(pool: Pool, reopen: Callable[..., Pool]) -> None:
    names = [
        "x",
        "ünï",
        "with space",
        "",
        "1",
        "a" * 500,
        "日本",
        "_private",
        "_Bag__mangled",
        "class",
        "\ud800",
        "nul\0",
    ]
    pool.root = pool.new(Bag)
    for at, name in enumerate(names):
        setattr(pool.root, name, at)
    pool = reopen(pool)
    assert [getattr(pool.root, name) for name in names] == list(range(len(names)))


def test_what_an_object_drops_is_free_at_once(pool: Pool) -> None:
    pool.root = bag = pool.new(Bag)
    for number in range(20):
        setattr(bag, f"a{number}", LONG)
    bag.a1, bag.a2 = LONG * 2, None
    del bag.a3
    assert_sound(pool, no_garbage=True)


def test_objects_that_were_made_before_an_attribute_was_known(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [pool.new(Bag) for _ in range(3)])
    first, second, third = pool.root
    first.a, first.b = 1, 2
    for number in range(20):
        setattr(second, f"s{number}", number)
    third.s19 = LONG
    assert not hasattr(first, "s0") and not hasattr(second, "a") and not hasattr(third, "s18")
    assert (first.a, first.b, second.s19, third.s19) == (1, 2, 19, LONG)
    first.s5 = LONG
    assert (first.a, first.b, first.s5) == (1, 2, LONG)


def test_a_new_attribute_that_is_rolled_back(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [pool.new(Bag), pool.new(Bag)])
    one, other = pool.root
    one.kept = 1
    for _ in range(3):
        with pytest.raises(KeyError), pool.transaction():
            one.lost, one.lost_too = 2, LONG
            other.lost_too = 3
            assert (one.lost, other.lost_too) == (2, 3)
            raise KeyError
        assert not hasattr(one, "lost") and not hasattr(other, "lost_too")
    # What takes the place of the lost ones in the shape must not be mistaken for them.
    other.different = "different"
    assert not hasattr(one, "different") and not hasattr(other, "lost")
    one.lost = "found"
    assert (one.kept, one.lost, other.different) == (1, "found", "different")
    pool = reopen(pool)
    one, other = pool.root
    assert (one.kept, one.lost, other.different) == (1, "found", "different")


def test_a_new_class_that_is_rolled_back(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class One(PersistentObject):
        pass

    class Other(PersistentObject):
        pass

    for cls in (One, Other, One):
        with pytest.raises(KeyError), pool.transaction():
            pool.new(cls).attribute = 1
            raise KeyError
    other = pool.new(Other)
    other.b = "b"
    one = pool.new(One)
    one.a = "a"
    pool.root = pool.new(PersistentList, [one, other])
    assert not hasattr(one, "b") and not hasattr(other, "a") and not hasattr(one, "attribute")
    del one, other
    pool = reopen(pool)
    one, other = pool.root
    assert (type(one), type(other), one.a, other.b) == (One, Other, "a", "b")


def test_two_classes_with_the_same_attributes(pool: Pool) -> None:
    account, savings = pool.new(Account, "a", 1), pool.new(Savings, "b", 2, rate=3)
    pool.root = pool.new(PersistentList, [account, savings])
    account.extra, savings.balance = 1, 5
    assert (account.balance, savings.balance) == (1, 5) and not hasattr(savings, "extra")


def test_the_same_names_in_many_classes_at_once(pool: Pool) -> None:
    """Compiled, what was found is kept in 256 places for all classes; many more compete for them."""
    names = [f"a{number}" for number in range(90)]
    classes = [type(f"Competing{number}", (Bag,), {"__module__": __name__}) for number in range(4)]
    pool.root = pool.new(PersistentList, [pool.new(cls) for cls in classes])
    items = list(pool.root)
    with pool.transaction():
        for at, item in enumerate(items):
            for name in names if at % 2 else reversed(names):
                setattr(item, name, f"{at}{name}")
    for _ in range(2):
        for name in names:
            assert [getattr(item, name) for item in items] == [f"{at}{name}" for at in range(4)]
        with pool.transaction():
            for at, item in enumerate(items):
                for name in names:
                    setattr(item, name, at)
                    assert getattr(item, name) == at
                    setattr(item, name, f"{at}{name}")


def test_what_comes_to_stand_before_an_attribute(pool: Pool) -> None:
    class Late(PersistentObject):
        pass

    class Later(Late):
        pass

    item = pool.root = pool.new(Later)
    item.x, item.text = 1, LONG
    for _ in range(3):
        assert (item.x, item.text) == (1, LONG)
    Late.x = Late.text = property(lambda self: "before")  # type: ignore[attr-defined]
    # Each change gives the class another tag; after 256 of them it has the place again where the first was found.
    for number in range(300):
        Later.number = number  # type: ignore[attr-defined]
        assert (item.x, item.text) == ("before", "before")
    with pytest.raises(AttributeError):
        item.x = 2
    del Late.x, Late.text  # type: ignore[attr-defined]
    assert (item.x, item.text) == (1, LONG)
    item.x = 2
    assert item.x == 2


def test_what_is_damaged_is_no_way_out_of_the_pool(pool: Pool) -> None:
    item = pool.root = pool.new(Bag)
    item.a, item.b = 1, 2
    heap, at, end = pool._heap, item._p_offset, pool._heap.limit
    for offset, words in ((16, (1 << 63, end, end - 7)), (0, [heap.read(at) + (1 << 30)])):
        for word in words:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                heap.write(at + offset, word)
                with pytest.raises(PoolDamagedError):
                    item.b  # noqa: B018
                1 / 0  # noqa: B018
            assert (item.a, item.b) == (1, 2)


def test_many_classes(pool: Pool, reopen: Callable[..., Pool]) -> None:
    classes = [type(f"Class{number}", (PersistentObject,), {"__module__": __name__}) for number in range(40)]
    pool.root = pool.new(PersistentList, [pool.new(cls) for cls in classes])
    for number, item in enumerate(pool.root):
        setattr(item, f"a{number % 7}", number)
    pool = reopen(pool)
    for number, item in enumerate(pool.root):
        assert type(item) is classes[number] and getattr(item, f"a{number % 7}") == number


def test_objects_of_the_base_class_itself(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentObject)
    pool.root.anything = LONG
    assert reopen(pool).root.anything == LONG


@pytest.mark.parametrize("seed", range(2))
def test_random_operations(pool: Pool, reopen: Callable[..., Pool], seed: int) -> None:
    rng = random.Random(seed)
    classes = [Bag, Account, Savings]
    arguments: list[tuple[Any, ...]] = [(), ("owner", 1), ("owner", 2)]
    pool.root = pool.new(PersistentList, [pool.new(classes[at % 3], *arguments[at % 3]) for at in range(6)])
    models = [{} if at % 3 == 0 else {"owner": "owner", "balance": at % 3} for at in range(6)]
    names = [f"n{at}" for at in range(25)]

    def change(items: Any, set_: Callable[..., Any], delete: Callable[..., Any]) -> None:
        for _ in range(rng.randrange(1, 6)):
            at, name = rng.randrange(6), rng.choice(names)
            if rng.random() < 0.75:
                set_(items[at], name, rng.choice([None, 1, 2.5, LONG, LONG * 3, "short"]))
            else:
                delete(items[at], name)

    def delete_attribute(item: Any, name: str) -> None:
        if hasattr(item, name):
            delattr(item, name)

    for turn in range(60):
        state = rng.getstate()
        if turn % 4 == 3:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                change(pool.root, setattr, delete_attribute)
                pool.root[0].never_kept = 1
                1 / 0  # noqa: B018
            rng.setstate(state)
        change(pool.root, setattr, delete_attribute)
        rng.setstate(state)
        change(models, dict.__setitem__, lambda model, name: model.pop(name, None))
        if turn % 20 == 19:
            pool.gc()
            pool = reopen(pool)
            assert_sound(pool, no_garbage=True)
        for item, model in zip(pool.root, models, strict=True):
            found = {name: getattr(item, name) for name in [*names, "owner", "balance"] if hasattr(item, name)}
            assert found == model
            assert not hasattr(item, "never_kept")


# ---- finding the class again ------------------------------------------------------------------------


def test_a_class_that_is_defined_again_takes_over(pool: Pool, reopen: Callable[..., Pool]) -> None:
    def define(answer: int) -> type[PersistentObject]:
        class Redefined(PersistentObject):
            def answer(self) -> int:
                return answer

        return Redefined

    first = define(1)
    pool.root = item = pool.new(first)
    item.a = LONG
    second = define(2)
    # A live object keeps the class that it has; who is found again gets the new one.
    assert pool.root.answer() == 1
    del item
    pool = reopen(pool)
    assert type(pool.root) is second and pool.root.answer() == 2 and pool.root.a == LONG
    other = pool.new(second)
    other.a = 5
    assert pool.root.a == LONG


def write_with(run_python: Callable[..., Any], path: str, definition: str, *, module: str = "") -> None:
    run_python(
        f"""
import sys, types, pmemobj
{definition}
with pmemobj.create(sys.argv[1], pool_size=16 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentList, [pool.new(Thing), "readable"])
    pool.root[0].attribute = 5
""",
        path,
    )


def test_a_class_of_an_importable_module_is_imported(
    pool_path: str, run_python: Callable[..., Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shelf_of_things.py").write_text("import pmemobj\nclass Thing(pmemobj.PersistentObject): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    write_with(run_python, pool_path, "from shelf_of_things import Thing")
    assert "shelf_of_things" not in sys.modules
    with pmemobj.open(pool_path) as pool:
        assert pool.root[0].attribute == 5
        assert type(pool.root[0]) is sys.modules["shelf_of_things"].Thing
    del sys.modules["shelf_of_things"]


BROKEN_MODULES = {
    "syntax error": "class Thing(\n",
    "raises": "raise RuntimeError('while importing')\n",
}


@pytest.mark.parametrize("source", BROKEN_MODULES.values(), ids=BROKEN_MODULES.keys())
def test_a_class_whose_module_is_broken(
    pool_path: str,
    run_python: Callable[..., Any],
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
) -> None:
    (tmp_path / "broken_shelf.py").write_text("import pmemobj\nclass Thing(pmemobj.PersistentObject): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    write_with(run_python, pool_path, "sys.dont_write_bytecode = True\nfrom broken_shelf import Thing")
    (tmp_path / "broken_shelf.py").write_text(source)
    with pmemobj.open(pool_path) as pool:
        with pytest.raises((SyntaxError, RuntimeError)):
            pool.root[0]
        assert pool.root[1] == "readable"
    sys.modules.pop("broken_shelf", None)


@pytest.mark.parametrize(
    "name",
    [
        "sample_classes:NotPersistent",
        "os:system",
        "builtins:eval",
        "pmemobj:PersistentList",
        "os:path",
        "subprocess:Popen",
    ],
)
def test_a_name_that_leads_to_no_persistent_class(pool_path: str, run_python: Callable[..., Any], name: str) -> None:
    module, _, qualname = name.partition(":")
    attributes = {"__module__": module, "__qualname__": qualname}
    disguise = f"Thing = type('Thing', (pmemobj.PersistentObject,), {attributes})"
    write_with(run_python, pool_path, disguise)
    with pmemobj.open(pool_path) as pool:
        with pytest.raises(pmemobj.ClassRefusedError, match=f"its class is said to be {name}, which is no class derived from") as caught:
            pool.root[0]
        assert isinstance(caught.value, TypeError)
        assert pool.root[1] == "readable"
    assert isinstance(sys.modules[module], types.ModuleType)


def test_a_local_class_is_found_while_it_is_defined(pool: Pool, reopen: Callable[..., Pool]) -> None:
    class Local(PersistentObject):
        pass

    pool.root = pool.new(Local)
    pool.root.table = pool.new(PersistentDict, a=1)
    pool = reopen(pool)
    assert type(pool.root) is Local and pool.root.table == {"a": 1}
