"""Immutable values of nominated classes: stored as pickles, and nothing else is ever unpickled."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import os
import pickle
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_classes import Access, Colour, Fixed, Level, Mode, Money, Point, Price, Slotted, Suit
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentDict, PersistentList, PersistentObjectPool, UnpicklingRefusedError
from pmemobj._format import Kind
from pmemobj._values import pickles

Pool = PersistentObjectPool


@pytest.fixture(autouse=True)
def nominations() -> Any:
    """Each test begins without any; they belong to the process."""
    before = dict(pickles.nominated)
    pickles.nominated.clear()
    yield
    pickles.nominated.clear()
    pickles.nominated.update(before)


CASES: list[tuple[Any, tuple[Any, ...]]] = [
    (Colour.GREEN, (Colour,)),
    (Level.HIGH, (Level,)),
    (Suit.HEARTS, (Suit,)),
    (Access.READ, (Access,)),
    (Access.READ | Access.WRITE, (Access,)),
    (Access(0), (Access,)),
    (Mode.A | Mode.B, (Mode,)),
    (Mode(12), (Mode,)),  # with bits that have no name
    (Point(1, 2), (Point,)),
    (Money(5, "USD"), (Money,)),
    (Slotted(3, "x"), (Slotted,)),
    (Price(Money(5), Colour.RED, Point(1, Level.LOW)), (Price, Money, Colour, Point, Level)),
    ((1, ("two", 3.0)), (tuple,)),
    (frozenset({1, 2}), (frozenset,)),
    ((Money(1), Point(2, 3)), (tuple, Money, Point)),
    (datetime.datetime(2024, 2, 29, tzinfo=Fixed(90)), (datetime.datetime, Fixed)),
    (datetime.time(1, 2, tzinfo=Fixed(-90)), (datetime.time, Fixed)),
]


@pytest.mark.parametrize(
    "value, classes", CASES, ids=[f"{type(value).__name__}-{at}" for at, (value, _) in enumerate(CASES)]
)
def test_values_of_nominated_classes(
    pool: Pool, reopen: Callable[..., Pool], value: Any, classes: tuple[Any, ...]
) -> None:
    if type(value) not in (tuple, frozenset):
        with pytest.raises(NotPersistableError, match="cannot store"):
            pool.root = value
    pmemobj.persist_via_pickle(*classes)
    pool.root = pool.new(PersistentDict, value=value)
    pool.root["list"] = pool.new(PersistentList, [value])

    def check() -> None:
        for found in (pool.root["value"], pool.root["list"][0]):
            assert type(found) is type(value) and repr(found) == repr(value)

    check()
    pool = reopen(pool)
    check()
    assert_sound(pool, no_garbage=True)


def test_members_of_an_enum_come_back_as_themselves(pool: Pool) -> None:
    pmemobj.persist_via_pickle(Colour, Access)
    pool.root = pool.new(PersistentList, [Colour.GREEN, Access.READ | Access.WRITE])
    assert pool.root[0] is Colour.GREEN and pool.root[1] is Access.READ | Access.WRITE


def test_enums_do_not_depend_on_how_this_python_pickles_them(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    # The way of Python 3.11.2: a call of getattr, which no pool may make.
    def by_getattr(self: enum.Enum, _protocol: Any) -> Any:
        return getattr, (type(self), self.name)

    by_getattr.__module__ = "enum"
    monkeypatch.setattr(Colour, "__reduce_ex__", by_getattr)
    pmemobj.persist_via_pickle(Colour)
    pool.root = Colour.GREEN
    assert pool.root is Colour.GREEN


def test_an_enum_that_pickles_itself_in_its_own_way_is_left_to_it(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def always_red(self: enum.Enum, _protocol: Any) -> Any:
        return Colour, (1,)

    monkeypatch.setattr(Colour, "__reduce_ex__", always_red)
    pmemobj.persist_via_pickle(Colour)
    pool.root = Colour.GREEN
    assert pool.root is Colour.RED


class ByGetattr:
    def __reduce__(self) -> Any:
        return getattr, (self.__class__, "__init__")


def test_what_could_reach_anything_is_neither_nominated_nor_recommended(pool: Pool) -> None:
    for powerful in (getattr, eval, __import__, open):
        with pytest.raises(NotPersistableError, match="could do anything"):
            pmemobj.persist_via_pickle(powerful)
    with pytest.raises(NotPersistableError, match="it is a function of Python's own"):
        pmemobj.persist_via_pickle(len)
    assert not pickles.nominated
    pmemobj.persist_via_pickle(ByGetattr)
    with pytest.raises(UnpicklingRefusedError, match="pickled in another way") as caught:
        pool.root = ByGetattr()
    assert "persist_via_pickle" not in str(caught.value)


def test_a_class_within_must_be_nominated_too(pool: Pool) -> None:
    pmemobj.persist_via_pickle(tuple)
    with pytest.raises(UnpicklingRefusedError, match=r"persist_via_pickle\(sample_classes\.Money\)"):
        pool.root = (1, Money(2))
    assert pool.root is None
    pmemobj.persist_via_pickle(Money)
    pool.root = (1, Money(2))
    assert pool.root == (1, Money(2))


def test_a_subclass_of_a_nominated_class_is_not_nominated(pool: Pool) -> None:
    class Special(Money):
        pass

    pmemobj.persist_via_pickle(Money)
    with pytest.raises(NotPersistableError):
        pool.root = Special(1)


@pytest.mark.parametrize("bad", [5, "decimal.Decimal", None, decimal, decimal.Decimal(1)])
def test_only_classes_can_be_nominated(bad: Any) -> None:
    with pytest.raises(NotPersistableError, match="it is no class"):
        pmemobj.persist_via_pickle(bad)


@pytest.mark.parametrize("bad", [list, dict, set, bytearray, array.array, PersistentList, pmemobj.PersistentObject])
def test_what_changes_cannot_be_nominated(bad: Any) -> None:
    with pytest.raises(NotPersistableError, match="its instances change"):
        pmemobj.persist_via_pickle(decimal.Decimal, bad)
    assert decimal.Decimal not in pickles.nominated  # all of them or none


@dataclasses.dataclass
class Thawed:
    number: int = 1


@dataclasses.dataclass
class Guarded(Thawed):
    """Not frozen by name, but it has a `__setattr__` that may refuse."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError


class FrozenDict(dict[str, int]):
    def __setitem__(self, key: str, value: int) -> None:
        raise TypeError


class Planet(Money, enum.Enum):
    EARTH = 1


def test_what_is_known_to_change_cannot_be_nominated(pool: Pool) -> None:
    refused: list[tuple[Any, str]] = [
        (Thawed, r"dataclass that is not frozen .say @dataclass.frozen=True., or derive Thawed from"),
        (type("Sub", (Thawed,), {}), "not frozen"),
        (type("matrix", (type("ndarray", (), {"__module__": "numpy"}),), {}), "instances change.*tobytes"),
        (collections.OrderedDict, "instances change.*PersistentOrderedDict"),
        (collections.deque, "instances change.*PersistentDeque"),
        (type("MySet", (set,), {}), "instances change.*PersistentSet"),
        (types.SimpleNamespace, "instances change.*PersistentObject"),
        (object, "nominate the class of these values"),
        (type, "instances are code"),
        (enum.EnumMeta, "instances are code"),
        (types.FunctionType, "instances are code"),
        (property, "instances are code"),
        (lambda: 1, "pickle finds a function by its name, and this function has none"),
    ]
    for item, words in refused:
        with pytest.raises(NotPersistableError, match=words) as caught:
            pmemobj.persist_via_pickle(decimal.Decimal, item)
        assert caught.value.why and caught.value.todo
    assert not pickles.nominated
    pmemobj.persist_via_pickle(Guarded, FrozenDict, Planet, Money, frozenset)
    pool.root = Planet.EARTH
    assert pool.root is Planet.EARTH


def test_a_class_in_a_function_is_refused_when_its_value_is_stored(pool: Pool) -> None:
    @dataclasses.dataclass(frozen=True)
    class Local:
        number: int

    pmemobj.persist_via_pickle(Local)
    with pytest.raises(NotPersistableError, match=r"store a Local as a pickle: .*is local to a function.*top level"):
        pool.root = Local(1)
    assert pool.root is None


def test_what_cannot_be_pickled_is_refused_when_it_is_stored(pool: Pool) -> None:
    class Local:
        pass

    class Stubborn:
        def __reduce__(self) -> Any:
            raise RuntimeError("no")

    pmemobj.persist_via_pickle(Local, Stubborn)
    for value in (Local(), Stubborn()):
        with pytest.raises(NotPersistableError, match="pickle"):
            pool.root = value
    assert pool.root is None and not pool.in_transaction


# ---- pools that others wrote ---------------------------------------------------------------------


def test_a_pickle_of_a_class_that_this_program_did_not_nominate(pool_path: str, run_python: Callable[..., Any]) -> None:
    run_python(
        """
import sys, pmemobj
from sample_classes import Money
pmemobj.persist_via_pickle(Money)
with pmemobj.create(sys.argv[1], pool_size=16 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentList, [Money(7), "readable"])
""",
        pool_path,
    )
    with pmemobj.open(pool_path) as pool:
        with pytest.raises(UnpicklingRefusedError, match=r"persist_via_pickle\(sample_classes\.Money\)") as caught:
            pool.root[0]
        assert isinstance(caught.value, TypeError)
        assert pool.root[1] == "readable"
        pmemobj.persist_via_pickle(Money)
        assert pool.root[0] == Money(7)
        pickles.nominated.clear()
        pool.root[0] = "replaced without reading"
        assert pool.root == ["replaced without reading", "readable"]
        assert_sound(pool)


class Evil:
    """Its pickle calls whatever it likes when it is read."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def store_pickle(pool: Pool, data: bytes) -> None:
    """Put a pickle into the pool that no program would write."""
    heap = pool._heap
    data = data.ljust(8, b"\0")  # shorter ones would not be a leaf
    pool.root = pool.new(PersistentList, [b"x" * len(data)])
    # The leaf is that of a bytes object; with another kind it is a pickle.
    (offset,) = [offset for offset, _, kind in heap.allocations() if kind == Kind.BYTES]
    pool.close()
    path = Path(pool.path)
    raw = bytearray(path.read_bytes())
    assert raw[offset] == Kind.BYTES
    raw[offset] = Kind.PICKLE
    raw[offset + 8 : offset + 8 + len(data)] = data
    path.write_bytes(raw)


def test_a_class_that_is_nominated_anew_is_the_one_that_is_found(pool: Pool) -> None:
    """As when the cell of a notebook that defines it is run again."""

    def define() -> Any:
        made = enum.Enum("Grade", ["LOW", "HIGH"], module=__name__)
        made.__qualname__ = "Grade"
        globals()["Grade"] = made
        pmemobj.persist_via_pickle(made)
        return made

    first = define()
    pool.root = first.HIGH
    second = define()
    assert pool.root is second.HIGH
    pmemobj.persist_via_pickle(first)
    assert pool.root is first.HIGH


ATTACKS = {
    "os.system": lambda target: pickle.dumps(Evil(os.system, f"touch {target}")),
    "protocol 0": lambda target: pickle.dumps(Evil(os.system, f"touch {target}"), protocol=0),
    "eval": lambda target: pickle.dumps(Evil(eval, f"open({str(target)!r}, 'w')")),
    "an attribute of a nominated class": lambda target: b"\x80\x04\x8c\x0esample_classes\x8c\x0eMoney.__init__\x93.",
    "a name of a nominated class in another module": lambda target: b"\x80\x04\x8c\x02os\x8c\x05Money\x93.",
    "inst opcode": lambda target: f"(S'touch {target}'\nios\nsystem\n.".encode(),
    "extension opcode": lambda target: b"\x80\x02\x82\x01.",
    "persistent id": lambda target: b"Psomething\n.",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_a_malicious_pickle_is_not_executed(pool: Pool, scratch: Path, attack: Callable[[Path], bytes]) -> None:
    target = scratch / "executed"
    pmemobj.persist_via_pickle(Money)
    store_pickle(pool, attack(target))
    with pmemobj.open(pool.path) as again:
        assert pmemobj.inspect.walk(again).total == 1  # looking at it does not unpickle it
        repr(pmemobj.inspect.walk(again))
        assert not target.exists()
        with pytest.raises(pmemobj.PmemError) as caught:
            again.root[0]
        assert isinstance(caught.value, (UnpicklingRefusedError, pmemobj.PoolDamagedError))
        assert not target.exists()
        again.gc()
    assert not target.exists()


@pytest.mark.parametrize("data", [b"", b"\x80", b"garbage", pickle.dumps(Money(3))[:-4], b"\x80\xff."])
def test_a_damaged_pickle(pool: Pool, data: bytes) -> None:
    store_pickle(pool, data.ljust(8, b"\xff"))
    with pmemobj.open(pool.path) as again, pytest.raises(pmemobj.PoolDamagedError):
        again.root[0]
