"""What goes into a pool comes out of it: the same value of the same type, now and after reopening."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import io
import math
import random
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_classes import Account
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentDict, PersistentList, PersistentObjectPool
from pmemobj._format import ROOT_VALUE
from pmemobj._values.words import describe

Pool = PersistentObjectPool


def same(one: Any, other: Any) -> bool:
    """Equal, of the same type, and to the bit where floats are involved."""
    if type(one) is not type(other):
        return False
    if type(one) is float:
        return struct.pack("<d", one) == struct.pack("<d", other)
    if type(one) is complex:
        return same(one.real, other.real) and same(one.imag, other.imag)
    return bool(one == other)


def around(number: int) -> list[int]:
    return [sign * number + step for sign in (1, -1) for step in (-2, -1, 0, 1, 2)]


INTS = [0, 1, -1] + [
    value for bits in (7, 8, 31, 32, 53, 61, 62, 63, 64, 65, 127, 128, 1023, 4096) for value in around(1 << bits)
]
FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    math.pi,
    math.inf,
    -math.inf,
    sys.float_info.max,
    sys.float_info.min,
    sys.float_info.epsilon,
    5e-324,  # the smallest subnormal
    -5e-324,
    2.2250738585072011e-308,  # the greatest subnormal
    *(
        math.ldexp(sign * fraction, exponent)
        for exponent in range(-1080, 1025, 5)
        for sign in (1, -1)
        for fraction in (0.5, 0.75)
    ),
    *(struct.unpack("<d", struct.pack("<Q", (exponent << 52) | 0x000F_EDCB_A987_6543))[0] for exponent in range(2047)),
]
NANS = [
    struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in (0x7FF8 << 48, 0xFFF8 << 48, (0x7FF8 << 48) + 12345)
]
STRINGS = [
    "",
    "a",
    "\0",
    "\0" * 7,
    "\0" * 8,
    "ab",
    "abc",
    "abcd",
    "abcde",
    "abcdef",
    "\x7f\x7f",
    "1\x80",
    "1234567",
    "12345678",
    "ü",
    "üüü",
    "üüüü",
    "€€",
    "€€€",
    "😀",
    "😀😀",
    "\ud800",
    "\udcff\ud800x",
    "e\u0301",
    "\U0010ffff",
    "a\0b",
    "ends with nul\0",
    "x" * 1_000_000,
    "ä" * 300_000,
]
BYTES = [value.encode("utf-8", "surrogatepass") for value in STRINGS] + [bytes(range(256)), b"\xff" * 7, b"\xff" * 8]
COMPLEX = [0j, -0j, 1 + 2j, complex(math.inf, -0.0), complex(-0.0, -math.inf), complex(1e308, 5e-324)]
CONSTANTS = [None, False, True]

GROUPS = {
    "constants": CONSTANTS,
    "ints": INTS,
    "floats": FLOATS,
    "nans": NANS,
    "strings": STRINGS,
    "bytes": BYTES,
    "complex": COMPLEX,
}


@pytest.mark.parametrize("values", GROUPS.values(), ids=GROUPS.keys())
def test_values_come_back_as_they_were(pool: Pool, reopen: Callable[..., Pool], values: list[Any]) -> None:
    pool.root = pool.new(PersistentList, values)
    pool.root.append(pool.new(PersistentDict, {str(at): value for at, value in enumerate(values)}))

    def check() -> None:
        for at, value in enumerate(values):
            assert same(pool.root[at], value), repr(value)[:50]
            assert same(pool.root[-1][str(at)], value), repr(value)[:50]

    check()
    pool = reopen(pool)
    check()
    assert_sound(pool, no_garbage=True)


@pytest.mark.parametrize("values", GROUPS.values(), ids=GROUPS.keys())
def test_any_value_can_replace_any_other(pool: Pool, values: list[Any]) -> None:
    pool.root = pool.new(PersistentList, [None])
    rng = random.Random(1)
    everything = [
        value
        for group in GROUPS.values()
        for value in group
        if not isinstance(value, (str, bytes)) or len(value) < 1000
    ]
    for value in rng.choices(values, k=100):
        pool.root[0] = value
        assert same(pool.root[0], value)
        other = rng.choice(everything)
        pool.root[0] = other
        assert same(pool.root[0], other)
    pool.root = None
    pool.gc()
    assert pool.used == 0
    assert_sound(pool, no_garbage=True)


@pytest.mark.parametrize("value", [1, 2.5, True, "short", "a longer string", b"bytes", 1 << 100, 1j, None])
def test_the_root_may_be_any_value(pool: Pool, reopen: Callable[..., Pool], value: Any) -> None:
    pool.root = value
    assert same(pool.root, value)
    assert same(reopen(pool).root, value)


@settings(max_examples=150)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.complex_numbers(allow_nan=False)
        | st.text()
        | st.binary(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
        max_leaves=25,
    )
)
def test_trees_of_any_values(tree_pool: Pool, tree: Any) -> None:
    def store(value: Any) -> Any:
        if isinstance(value, list):
            return tree_pool.new(PersistentList, [store(item) for item in value])
        if isinstance(value, dict):
            return tree_pool.new(PersistentDict, {key: store(item) for key, item in value.items()})
        return value

    def fetch(value: Any) -> Any:
        if isinstance(value, PersistentList):
            return [fetch(item) for item in value]
        if isinstance(value, PersistentDict):
            return {key: fetch(item) for key, item in value.items()}
        return value

    tree_pool.root = store(tree)
    found = fetch(tree_pool.root)
    assert found == tree and repr(found) == repr(tree)
    tree_pool.root = None
    tree_pool.gc()
    assert tree_pool.used == 0


@pytest.fixture(scope="module")
def tree_pool(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pmemobj.create(tmp_path_factory.mktemp("trees") / "pool", pool_size=16 << 20) as pool:
        yield pool


# ---- what is refused --------------------------------------------------------------------------------


class MyInt(int):
    pass


class MyStr(str):
    pass


class Level(enum.IntEnum):
    LOW = 1


SUBCLASSES = [
    MyInt(5),
    MyStr("text"),
    Level.LOW,
    type("MyFloat", (float,), {})(1.5),
    type("MyBytes", (bytes,), {})(b"x"),
    type("MyComplex", (complex,), {})(1j),
    type("MyDate", (datetime.date,), {})(2000, 1, 1),
    type("MyDatetime", (datetime.datetime,), {})(2000, 1, 1),
    type("MyDecimal", (decimal.Decimal,), {})(1),
    collections.OrderedDict(),
]
OTHERS = [
    object(),
    (1, []),
    {1},
    bytearray(b"x"),
    memoryview(b"x"),
    array.array("b"),
    ...,
    len,
    int,
]
OTHERS += [collections.deque(), iter([]), NotImplemented, sys]


@pytest.mark.parametrize("value", [*SUBCLASSES, *OTHERS], ids=lambda value: type(value).__name__)
def test_other_types_are_refused(pool: Pool, value: Any) -> None:
    pool.root = pool.new(PersistentList, ["kept"])
    for store in (
        lambda: setattr(pool, "root", value),
        lambda: pool.root.append(value),
        lambda: pool.root.__setitem__(0, value),
    ):
        with pytest.raises(NotPersistableError, match=f"{type(value).__name__}") as caught:
            store()
        assert isinstance(caught.value, TypeError)
    assert pool.root == ["kept"]


TWINS = [
    ([1], "PersistentList"),
    ({"a": 1}, "PersistentDict"),
    ({1}, "PersistentSet"),
    (bytearray(b"x"), "PersistentByteArray"),
    (array.array("d", [1.0]), "PersistentArray"),
    (collections.Counter("a"), "PersistentCounter"),
    (collections.defaultdict(int), "PersistentDefaultDict"),
    (collections.OrderedDict(a=1), "PersistentOrderedDict"),
]


@pytest.mark.parametrize("value, twin", TWINS, ids=lambda value: type(value).__name__)
def test_a_plain_container_is_refused_and_the_persistent_one_named(pool: Pool, value: Any, twin: str) -> None:
    for store in (lambda: setattr(pool, "root", value), lambda: pool.new(PersistentList, [value])):
        with pytest.raises(NotPersistableError, match=rf"pool\.new\(pmemobj\.{twin}, .*pool\.persistent\("):
            store()


def numpy_class(name: str, *bases: type) -> Any:
    """A class as NumPy's, which is known by its name since it may be missing."""
    return type(name, bases, {"__module__": "numpy"})


@dataclasses.dataclass
class Thawed:
    number: int = 1


ADVICE = [
    (numpy_class("float64", numpy_class("generic"), float)(1.5), r"scalar of NumPy.*use value\.item\(\)"),
    (numpy_class("str_", str, numpy_class("generic"))("a"), r"scalar of NumPy.*use value\.item\(\)"),
    (numpy_class("ndarray")(), r"PersistentArray, array\.dtype, array\), or store array\.tobytes\(\)"),
    (..., r"store an ellipsis: it is a constant of the interpreter.*use None"),
    (len, r"it is code, and a pool holds no code \(store a name"),
    (lambda: 1, r"store a function: it is code"),
    (sys, r"store a module: it is code"),
    (int, r"store class int: it is a type, .*store its name"),
    (PersistentList, r"store class PersistentList: it is a class, not an object .*pool\.new\(PersistentList, \.\.\.\)"),
    (memoryview(b"x"), r"store bytes\(view\), or pool\.new\(pmemobj\.PersistentByteArray"),
    ((number for number in ()), r"a call that is still running.*store the items that it yields"),
    (iter([]), r"refers to those of another object \(store the items"),
    ({}.keys(), r"refers to those of another object \(store the items"),
    (io.BytesIO(), r"part of the running process.*begins with _v_"),
    (threading.Lock(), r"part of the running process.*begins with _v_"),
    (object(), r"nothing but its identity.*Enum member"),
    (collections.UserDict(), r"its instances change.*use the Persistent class for it: pool\.new\(pmemobj\.PersistentDict"),
    (Thawed(), r"dataclass that is not frozen \(say @dataclass\(frozen=True\)"),
]


def test_what_is_refused_comes_with_advice(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict)
    for value, words in ADVICE:
        with pytest.raises(NotPersistableError, match=words) as caught:
            pool.root["value"] = value
        assert caught.value.why and caught.value.todo
        if type(value).__hash__ is not None and not hasattr(value, "cells"):
            with pytest.raises(NotPersistableError, match=words):
                pool.root[value] = "as a key"
            if type(value).__eq__ is object.__eq__:
                assert value not in pool.root  # what compares by identity is just not there
    assert pool.root == {}


def test_no_error_advises_to_pickle_what_programs_work_with(pool: Pool) -> None:
    """UX2 27: `p.root = p` advised to pickle the pool."""
    with pool.transaction() as transaction:
        working: list[tuple[Any, str]] = [
            (pool, r"a pool is what values are stored in.*such as pool\.root, or the path of another pool, pool\.path"),
            (transaction, r"part of the running process.*store the values themselves"),
            (pool.mm, r"belongs to the open pool.*pool\.mm"),
            (pool.log, r"part of the running process.*store str\(entry\)"),
        ]
        for value, words in working:
            with pytest.raises(NotPersistableError, match=words) as caught:
                pool.root = value
            assert "pickle" not in str(caught.value)
            with pytest.raises(NotPersistableError, match=words):
                pmemobj.persist_via_pickle(type(value))
    assert pool.root is None


def test_an_object_of_another_pool_is_refused(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    other.root = other.new(PersistentList, [1])
    pool.root = pool.new(PersistentDict)
    for store in (
        lambda: setattr(pool, "root", other.root),
        lambda: pool.root.__setitem__("x", other.root),
        lambda: pool.new(PersistentList, [other.root]),
    ):
        with pytest.raises(NotPersistableError, match="a pool holds only its own objects") as caught:
            store()
        assert pool.path in str(caught.value) and other.path in str(caught.value)
    assert pool.root == {}


def test_the_pool_itself_and_its_transactions_are_no_values(pool: Pool) -> None:
    for value in (pool, pool.transaction(), pool.mm):
        with pytest.raises(NotPersistableError):
            pool.root = value


def test_messages_have_the_right_article(pool: PersistentObjectPool, make_pool: Callable[..., Any]) -> None:
    other = make_pool()
    for value, words in ((other.new(Account, "a", 5), "an Account"), (other.new(PersistentList), "a PersistentList")):
        with pytest.raises(pmemobj.PmemError) as error:
            pool.root = value
        assert f"store {words} of pool" in str(error.value)
    with pytest.raises(pmemobj.NotPersistableError, match=r"cannot store an array:"):
        pool.root = array.array("i")


@pytest.mark.parametrize(
    "value", [b"ab\0" * (1 << 20), "ab" * (1 << 20), "\N{SNOWMAN}a\udc80" * 1000, "\N{GRINNING FACE}" * 81]
)
def test_the_text_for_a_long_value_is_that_of_its_beginning(pool: PersistentObjectPool, value: Any) -> None:
    """... and does not take as long as the repr of all of it."""
    pool.root = value
    word = pool._heap.read(pool._heap.root_offset + ROOT_VALUE)
    shown = repr(value)[:39] + "…"
    begun = time.perf_counter()
    assert describe(pool._heap, word) == shown
    assert time.perf_counter() - begun < 0.005
