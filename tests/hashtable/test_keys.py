"""What can be a key, which keys are one, and that their hashes are the same in every process."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import itertools
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_classes import Bag, Colour, Money, Point
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentDict, PersistentObjectPool, PersistentSet, PoolDamagedError
from pmemobj._hashtable.hashes import stored_hash
from pmemobj._values.pickles import nominated
from pmemobj._values.plain_containers import MAX_DEPTH, decode_plain_container, plain_container_payload

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
UTC = datetime.UTC
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


class Text(str):
    pass


class Data(bytes):
    pass


class Number(int):
    pass


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    A = "a"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    note: Any = dataclasses.field(default=None, compare=False)


@dataclasses.dataclass(frozen=True)
class Folded:
    """A dataclass whose equality is not the generated one."""

    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folded) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())


class CaseBlind(str):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self.lower() == other.lower()

    def __hash__(self) -> int:
        return hash(self.lower())


class ByIdentity:
    pass


@pytest.fixture
def nominate() -> Any:
    before = dict(nominated)
    yield pmemobj.persist_via_pickle
    nominated.clear()
    nominated.update(before)


#: Groups of equal keys; keys of different groups are different.
SAME: list[list[Any]] = [
    [1, True, 1.0, 1 + 0j, Decimal(1), Decimal("1.00"), Fraction(1), Number(1), Level.LOW],
    [0, False, 0.0, -0.0, 0j, Decimal("-0"), Fraction(0)],
    [0.5, Decimal("0.5"), Fraction(1, 2), complex(0.5)],
    [1 << 80, float(1 << 80), Decimal(1 << 80), Fraction(1 << 80)],
    [-1, -1.0, Decimal(-1)],
    [float("inf"), Decimal("inf")],
    [Decimal("0.1")],
    [0.1, Fraction(0.1)],
    ["a", Text("a"), Word.A],
    [LONG, Text(LONG)],
    [b"a", Data(b"a")],
    [()],
    [(1, "a"), (True, Text("a")), Pair(1.0, "a")],
    [((1,), None), ((1.0,), None), Pair((Decimal(1),), None)],
    [(1,)],
    [Point(3, 4), (3, 4), Pair(3, 4)],
    [range(0), range(5, 5), range(9, 0)],
    [range(1, 2), range(1, 9, 99)],
    [range(0, 10, 3), range(0, 12, 3)],
    [range(0, 1 << 80), range(0, 1 << 80, 1)],
    [uuid.UUID(int=7), uuid.UUID(int=7, is_safe=uuid.SafeUUID.safe)],
    [datetime.timedelta(hours=24), datetime.timedelta(days=1)],
    [datetime.timedelta(-1)],
    [datetime.date(2024, 2, 29)],
    [datetime.datetime(2024, 2, 29), datetime.datetime(2024, 2, 29, fold=1)],
    [
        datetime.datetime(2024, 2, 29, tzinfo=UTC),
        datetime.datetime(2024, 2, 29, 5, 30, tzinfo=EAST),
        datetime.datetime(2024, 2, 29, 1, tzinfo=BERLIN),
    ],
    [datetime.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), datetime.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)],
    [datetime.datetime.min, datetime.datetime.min.replace(fold=1)],
    [datetime.datetime.min.replace(tzinfo=EAST)],
    [datetime.time(1, 2), datetime.time(1, 2, fold=1), datetime.time(1, 2, tzinfo=BERLIN)],
    [datetime.time(5, 30, tzinfo=EAST), datetime.time(0, tzinfo=UTC)],
    [datetime.time(0, tzinfo=EAST)],
    [frozenset(), frozenset(())],
    [frozenset({1, 2}), frozenset({2.0, 1})],
    [frozenset({1, 4}), frozenset({4, 1})],
    [frozenset({3, 2})],
    [Colour.RED],
    [Colour.GREEN],
    [Access.READ | Access.WRITE, Access(3)],
    [Access.READ],
    [Money(5), Money(5.0)],  # type: ignore[arg-type]
    [Money(5, "USD")],
    [Part("a", 1), Part("a", 2)],
]  # fmt: skip


def test_equal_keys_hash_alike(pool: Pool) -> None:
    hashes = []
    for group in SAME:
        assert all(one == other for one, other in itertools.product(group, group)), group
        (only,) = {stored_hash(pool._heap, key) for key in group}
        hashes.append(only)
    assert len(set(hashes)) == len(SAME), "keys that differ should hash differently, as far as it can be had"


def test_equal_keys_are_one_key(pool: Pool, nominate: Any, reopen: Callable[..., Pool]) -> None:
    nominate(
        Decimal, Fraction, Number, Level, Word, Text, Data, Point, Pair, range, uuid.UUID, uuid.SafeUUID,
        datetime.timedelta, datetime.date, datetime.datetime, datetime.time, datetime.timezone,
        Colour, Access, Money, Part,
    )  # fmt: skip
    groups = [[key for key in group if getattr(key, "tzinfo", None) is not BERLIN] for group in SAME]
    groups = [group for group in groups if group]
    # Whichever of them is stored, it is found by all the others.
    for choice in (0, -1):
        pool.root = table = pool.new(PersistentDict)
        model: dict[Any, Any] = {}
        for number, group in enumerate(groups):
            for key in group[choice], *group:
                table[key] = model[key] = number
        assert list(map(repr, table)) == list(map(repr, model))
        pool = reopen(pool)
        pool.root._check()
        for number, group in enumerate(groups):
            assert [pool.root[key] for key in group] == [number] * len(group)
            assert type(next(itertools.islice(pool.root, number, None))) is type(group[choice])
        assert_sound(pool)
        for group in groups[::2]:
            del pool.root[group[-1]]
        assert len(pool.root) == len(groups) // 2
        pool.root._check()


def test_hashes_do_not_depend_on_the_process(run_python: Callable[..., Any], scratch: Any) -> None:
    program = """
import sys, pmemobj, test_keys
from pmemobj._hashtable.hashes import stored_hash
with pmemobj.create(sys.argv[1], pool_size=8 << 20) as pool:
    print([stored_hash(pool._heap, key) for group in test_keys.SAME for key in group])
"""
    outputs = {run_python(program, scratch / f"p{seed}", env={"PYTHONHASHSEED": seed}).stdout for seed in "12"}
    assert len(outputs) == 1


@pytest.mark.once
def test_the_hashes_are_part_of_the_layout(pool: Pool) -> None:
    """Another hash in a later release would hide the keys of older pools."""
    keys = [
        (), (1, "a"), (None, (b"x",)), frozenset({1}), range(1, 9, 2), uuid.UUID(int=1), datetime.timedelta(1), datetime.date(2000, 1, 1),
        datetime.datetime(2000, 1, 1), datetime.datetime(2000, 1, 1, tzinfo=UTC), datetime.time(1), datetime.time(1, tzinfo=UTC),
        Colour.RED, Money(1), Decimal("1.5"), Fraction(1, 3),
    ]  # fmt: skip
    assert [stored_hash(pool._heap, key) for key in keys] == EXPECTED


def test_subclasses_that_cannot_be_stored_find_what_is_equal(pool: Pool) -> None:
    table = pool.new(PersistentDict, {"a": 1, LONG: 2, b"a": 3, 1: 4, (1, "a"): 5})
    assert [table[key] for key in (Text("a"), Text(LONG), Data(b"a"), Number(1), Pair(1, Text("a")))] == [1, 2, 3, 4, 5]
    assert table[Fraction(1)] == table[Decimal(1)] == 4
    table[Number(1)] = 7
    assert list(table)[3] == 1 and type(list(table)[3]) is int and table[1] == 7
    with pytest.raises(NotPersistableError):
        table[Text("b")] = 1
    numpy = pytest.importorskip("numpy") if _has_numpy() else None
    if numpy is not None:
        assert table[numpy.int64(1)] == table[numpy.float32(1)] == 7


def _has_numpy() -> bool:
    import importlib.util

    return importlib.util.find_spec("numpy") is not None


def test_what_equals_nothing_in_a_pool_is_not_there(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    table = pool.new(PersistentDict, {1: 2, pool.new(Bag): 3})
    foreign = make_pool().new(Bag)
    code = (len, [].append, "".join, str.upper, print.__call__, _has_numpy, _has_numpy.__code__, list[int], int | str)
    for key in (object(), int, ByIdentity(), foreign, (1, object()), Colour.RED, *code):
        assert key not in table and table.get(key, 5) == 5 and table.pop(key, 6) == 6
        with pytest.raises(KeyError):
            table[key]
        with pytest.raises(TypeError):
            table[key] = 1
    assert len(table) == 2


def test_what_has_an_equality_of_its_own_is_refused(pool: Pool, nominate: Any) -> None:
    nominate(CaseBlind, Folded, ByIdentity)

    class Equal(pmemobj.PersistentObject):
        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

    table = pool.new(PersistentDict, {"a": 1})
    for key in (CaseBlind("A"), Folded("a"), pool.new(Equal), ("a", Folded("b")), Path("a")):
        for action in (lambda key=key: table[key], lambda key=key: table.__setitem__(key, 1), lambda key=key: key in table):
            with pytest.raises(NotPersistableError, match="its own equality"):
                action()
    with pytest.raises(NotPersistableError, match="compares by identity"):
        table[ByIdentity()] = 1
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        table[(1, [])]
    with pytest.raises(TypeError, match="signaling NaN"):
        table[Decimal("sNaN")]
    assert table == {"a": 1}


# ---- tuples --------------------------------------------------------------------------------------

atoms = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.complex_numbers(allow_nan=False)
)  # fmt: skip
tuples = st.recursive(st.lists(atoms, max_size=4).map(tuple), lambda inner: st.lists(inner | atoms, max_size=4).map(tuple))


@given(tuples)
@settings(max_examples=100)
def test_tuples_come_back_as_they_were(key: tuple[Any, ...]) -> None:
    assert repr(decode_plain_container(plain_container_payload(key))) == repr(key)


@given(st.binary(max_size=40) | st.lists(st.integers(0, 1 << 12), max_size=4).map(lambda words: struct.pack(f"<{len(words)}Q", *words)))
@settings(max_examples=150)
def test_damaged_tuples_are_reported(pool_of_all: Pool, payload: bytes) -> None:
    from pmemobj._format import Kind
    from pmemobj._values.words import decode, new_leaf

    heap = pool_of_all._heap
    with pool_of_all.transaction():
        word = new_leaf(heap, Kind.PLAIN_CONTAINER, payload)
        try:
            assert type(decode(heap, word)) is tuple
        except (PoolDamagedError, pmemobj.UnpicklingRefusedError):
            pass
        heap.free(word & ~15)


@pytest.fixture(scope="module")
def pool_of_all(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pmemobj.create(str(tmp_path_factory.mktemp("keys") / "pool"), pool_size=8 << 20) as made:
        yield made


def test_tuples_as_keys(pool: Pool, reopen: Callable[..., Pool]) -> None:
    model = {(): 0, (1, 2): 1, (1, (2, LONG)): LONG, (None, True, 1 << 99, -0.5, b"x" * 30, "\ud800"): 3}
    pool.root = pool.new(PersistentDict, model)
    pool.root["set"] = pool.new(PersistentSet, model)
    pool = reopen(pool)
    stored = pool.root["set"]
    assert all(key in stored and pool.root[key] == value for key, value in model.items())
    assert (1, (2.0, LONG)) in stored and (1, 2, 3) not in stored
    assert [type(key) for key in stored] == [tuple] * 4
    del pool.root[(1.0, 2)]
    stored.clear()
    pool.gc()
    assert_sound(pool, no_garbage=True)


def test_a_picture_of_a_tuple_reads_no_pickle(pool: Pool, nominate: Any) -> None:
    nominate(Money)
    pool.root = pool.new(PersistentDict, {("sum", (Money(5),)): 1})
    nominated.clear()
    (label,) = [slot.label for node in pmemobj.inspect.walk(pool).nodes.values() for slot in node.slots]
    assert label.startswith("('sum', (<pickle of"), label
    with pytest.raises(pmemobj.UnpicklingRefusedError):
        list(pool.root)


def test_tuples_deep_in_one_another(pool: Pool) -> None:
    def nested(depth: int) -> Any:
        key: Any = ()
        for _ in range(depth - 1):
            key = (key,)
        return key

    pool.root = table = pool.new(PersistentDict)
    table[nested(MAX_DEPTH)] = 1
    assert table[nested(MAX_DEPTH)] == 1
    with pytest.raises(NotPersistableError, match="deep"):
        table[nested(MAX_DEPTH + 1)] = 1
    with pytest.raises((RecursionError, NotPersistableError)):
        table[nested(5000)] = 1
    assert len(table) == 1 and not pool.in_transaction
    table._check()


def test_persistent_tuples_as_keys(pool: Pool, reopen: Callable[..., Pool]) -> None:
    bag = pool.new(Bag)
    one, other, plain = (pool.new(pmemobj.PersistentTuple, items) for items in ((1, "a", bag), (1.0, "a", bag), (1, 2)))
    pool.root = table = pool.new(PersistentDict, [(one, 1), (plain, 2), ((1, 3), 3), ("bag", bag)])
    assert table[other] == table[1, "a", bag] == 1 and table[1, 2.0] == 2
    assert table[pool.new(pmemobj.PersistentTuple, (1, 3))] == 3
    table[other] = LONG
    items = pool.new(PersistentSet, [one, other, plain, (1, 2), pool.new(pmemobj.PersistentTuple, (one,))])
    assert len(table) == 4 and len(items) == 3 and (other,) in items
    with pytest.raises(TypeError, match="unhashable"):
        table[pool.new(pmemobj.PersistentTuple, [table])]
    table._check()
    items._check()
    pool = reopen(pool)
    assert pool.root[1, "a", pool.root["bag"]] == LONG
    pool.root._check()


# ---- foreign code in a look-up -------------------------------------------------------------------


def meddling_key(action: Callable[[], Any], call: int) -> Any:
    """A key equal to (7, "x"), which runs the action when it is compared the `call`-th time."""
    calls = itertools.count(1)

    class Item(Fraction):
        def __eq__(self, other: object) -> bool:
            if next(calls) == call:
                action()
            return Fraction.__eq__(self, other)

        def __hash__(self) -> int:
            return 7

    return (Item(7), "x")


CHANGES: dict[str, Callable[[Any], Any]] = {
    "clear": lambda table: table.clear(),
    "grow": lambda table: table.update(dict.fromkeys(range(100, 200), LONG)),
    "delete": lambda table: table.pop((7, "x"), None),
    "delete another": lambda table: table.pop(1),
    "exchange": lambda table: (table.pop((7, "x"), None), table.__setitem__((7, "x"), "again")),
    "fail": lambda table: 1 / 0,
}
LOOKS: dict[str, Callable[[Any, Any], Any]] = {
    "get": lambda table, key: table.get(key),
    "in": lambda table, key: key in table,
    "set": lambda table, key: table.__setitem__(key, 5),
    "set leaf": lambda table, key: table.__setitem__(key, LONG),
    "delete": lambda table, key: table.__delitem__(key),
    "pop": lambda table, key: table.pop(key, "nothing"),
    "setdefault": lambda table, key: table.setdefault(key, LONG),
    "update": lambda table, key: table.update([(key, LONG), ("other", LONG)]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_comparison_that_changes_the_dict(pool: Pool, change: Callable[[Any], Any]) -> None:
    start = {1: LONG, (7, "x"): LONG, "end": LONG}
    pool.root = table = pool.new(PersistentDict)
    for name, look in LOOKS.items():
        table.clear()
        table.update(start)
        plain = dict(start)
        states = []
        # To find the hash of such a number, one comparison with a plain number comes first.
        for it, call in ((table, 2), (plain, 1)):
            try:
                result = look(it, meddling_key(lambda it=it: change(it), call))
            except NotPersistableError:
                result = "not to be stored"
            except (ZeroDivisionError, KeyError, RuntimeError) as error:
                result = type(error)
            states.append((result, {repr(key): value for key, value in it.items()}))
        table._check()
        assert not pool.in_transaction
        if states[0][0] == "not to be stored":
            # Where dict now stores the meddling key itself, a pool cannot; nothing of the call is left.
            assert any("Item" in key for key in states[1][1]), name
        else:
            assert states[0] == states[1], name
    pool.gc()
    assert_sound(pool)


def test_comparisons_that_never_leave_the_dict_alone(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict, {(7, "x"): 0})

    class Restless(Fraction):
        def __eq__(self, other: object) -> bool:
            table.clear()
            table.update({(7, "x"): 0} | dict.fromkeys(range(len(table))))
            return Fraction.__eq__(self, other)

        def __hash__(self) -> int:
            return 7

    with pytest.raises(RuntimeError, match="changed"):
        table[Restless(7), "x"]
    table._check()


@pytest.mark.parametrize("change", ["grow", "clear", "delete another"])
def test_a_comparison_that_changes_the_dict_during_an_update(pool: Pool, change: str) -> None:
    # The words of all keys are looked for before the first is set, so what was found may be gone.
    pool.root = table = pool.new(PersistentDict, {1: LONG, (7, "x"): LONG, "end": LONG})
    new = {1: 2, "end": LONG, "other": 3, meddling_key(lambda: CHANGES[change](table), 2): 4}
    if change == "clear":
        with pytest.raises(NotPersistableError):  # now the key would have to be stored
            table.update(new)
        assert table == {1: LONG, (7, "x"): LONG, "end": LONG}
    else:
        table.update(new)
        assert [table[key] for key in (1, "end", "other", (7, "x"))] == [2, LONG, 3, 4]
        assert len(table) == (104 if change == "grow" else 4)
    table._check()
    assert_sound(pool)


@dataclasses.dataclass(frozen=True)
class Meddler:
    """Runs what the test wants whenever it is made, so also when its pickle is read."""

    name: str
    action = staticmethod(lambda: None)

    def __post_init__(self) -> None:
        Meddler.action()

    def __reduce__(self) -> Any:
        return Meddler, (self.name,)


def test_reading_or_writing_a_pickle_that_changes_the_dict(pool: Pool, nominate: Any) -> None:
    nominate(Meddler)
    one, other = Meddler("one"), Meddler("other")
    pool.root = table = pool.new(PersistentDict)
    items = pool.new(PersistentSet)
    table["items"] = items

    def meddle() -> None:
        Meddler.action = staticmethod(lambda: None)
        table.clear()
        items.clear()
        table.update({"items": items, one: 5})
        items.add(one)

    def armed(action: Callable[[], Any]) -> Any:
        table.clear()
        table.update({"items": items, "x": other, LONG: LONG, **dict.fromkeys(range(30))})
        items.clear()
        items.update(["x", other])
        Meddler.action = staticmethod(meddle)
        try:
            return action()
        except KeyError:
            return "missing"
        finally:
            Meddler.action = staticmethod(lambda: None)
            table._check()
            items._check()
            assert_sound(pool)

    def outcome_of(action: Callable[[], Any]) -> Any:
        """Storing what changes the pool while it is pickled may be refused; then nothing has happened."""
        try:
            armed(action)
        except pmemobj.TransactionError:
            return "refused"
        return dict(table)

    assert armed(lambda: table.pop("x")) == "missing" and dict(table) == {"items": items, one: 5}
    assert armed(lambda: table.popitem()) == (29, None)
    for action, expected in (
        (lambda: table.__setitem__(one, LONG), {"items": items, one: LONG}),
        (lambda: table.__setitem__("y", one), {"items": items, one: 5, "y": one}),
        (lambda: table.setdefault("y", one), {"items": items, one: 5, "y": one}),
        (lambda: table.update({LONG: 1, one: 7, "z": 3}), {"items": items, one: 7, LONG: 1, "z": 3}),
    ):
        assert outcome_of(action) in ("refused", expected)
    assert armed(lambda: items.pop()) == one and list(items) == []
    with pytest.raises(RuntimeError, match="changed size"):
        armed(lambda: items.intersection_update(["x"]))
    pool.gc()


#: Of layout version 1.
EXPECTED = [
    257, 18398589693472227744, 7178994622668941954, 9433057750796812722, 14637050465034152255,
    7409616892168021305, 15135854701046514857, 2320497332099806477, 13699410754743630943, 11134785484301226358,
    3304698879989536923, 2788010224562935048, 9567115104018628228, 15180399428808940937, 1152921504606846977,
    1537228672809129301,
]  # fmt: skip
