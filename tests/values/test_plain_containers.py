"""Tuples and frozensets of values are values: stored as they are, as keys and as values, at any depth."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from soundness import assert_sound

import pmemobj
from pmemobj import NotPersistableError, PersistentDict, PersistentList, PersistentObjectPool, PoolDamagedError
from pmemobj._format import Kind
from pmemobj._values.plain_containers import (
    MAX_DEPTH,
    decode_plain_container,
    describe_plain_container,
    plain_container_payload,
)

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
VALUES = [
    (),
    frozenset(),
    (1, 2),
    (None, (True, (LONG, b"x" * 30)), frozenset({1, frozenset({2.5, (LONG,)})})),
    frozenset({None, False, 2, LONG, ((),)}),
    (Decimal("1.50"), 1 << 99, range(3), "\ud800"),
]

atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4).map(tuple) | st.lists(inner, max_size=4).map(frozenset), max_leaves=20
).filter(lambda value: type(value) in (tuple, frozenset))


@pytest.mark.parametrize("value", VALUES, ids=[f"{type(it).__name__}-{at}" for at, it in enumerate(VALUES)])
def test_they_come_back_as_plain_ones_from_everywhere(pool: Pool, reopen: Callable[..., Pool], value: Any) -> None:
    pool.root = root = pool.new(PersistentDict, a=value, l=pool.new(PersistentList, [value, value]))
    root[value] = value
    root["o"] = person = pool.new(pmemobj.PersistentObject)
    person.place = value
    root["converted"] = pool.persistent(value)
    for _ in range(2):
        root = pool.root
        found = [root["a"], *root["l"], root[value], root["o"].place, root["converted"], list(root)[2]]
        assert all(each == value and type(each) is type(value) for each in found)
        assert value in root and root["l"].index(value) == 0 and root["l"].count(value) == 2
        root._check()
        pool = reopen(pool)
    pool.root = value
    pool = reopen(pool)
    assert pool.root == value and type(pool.root) is type(value)
    pool.gc()
    assert_sound(pool, no_garbage=True)


@given(values)
@settings(max_examples=150)
def test_whatever_they_hold_comes_back(value: Any) -> None:
    found = decode_plain_container(plain_container_payload(value))
    assert found == value and type(found) is type(value)
    assert describe_plain_container(plain_container_payload(value)) == repr(found)


@given(st.lists(atoms | st.lists(atoms, max_size=3).map(tuple), max_size=6))
def test_equal_frozensets_have_the_same_bytes(items: list[Any]) -> None:
    one, other = frozenset(items), frozenset(reversed(items))
    if [*map(repr, sorted(one, key=repr))] == [*map(repr, sorted(other, key=repr))]:  # 1 and True are one item
        assert plain_container_payload(one) == plain_container_payload(other)


def test_conversion_leaves_values_as_they_are(pool: Pool) -> None:
    inside = pool.persistent([1])
    pool.root = pool.persistent(
        {"value": (1, (2, LONG)), "list": (1, [2]), "object": (1, inside), "set": {(1, 2)}, "nested": ((1, 2), ([],))}
    )
    kinds = {key: type(value).__name__ for key, value in pool.root.items()}
    assert kinds == {
        "value": "tuple", "list": "PersistentTuple", "object": "PersistentTuple", "set": "PersistentSet",
        "nested": "PersistentTuple",
    }  # fmt: skip
    assert type(pool.root["nested"][0]) is tuple
    assert pool.root.to_python()["nested"] == ((1, 2), ([],))


def test_what_is_no_value_is_refused_with_the_way_out(pool: Pool) -> None:
    pool.root = root = pool.new(PersistentDict, a=1)
    person = pool.new(pmemobj.PersistentObject)
    for value, message in (
        ((1, [2]), r"store a tuple with a list in it: .*pool\.persistent\(\.\.\.\)"),
        ((1, {}), r"store a tuple with a dict in it: .*pool\.persistent"),
        ((1, (2, root)), r"store a tuple with a PersistentDict in it: .*pool\.persistent"),
        (frozenset({person}), r"store a frozenset with a PersistentObject in it: .*pool\.persistent"),
        ((1, object()), "store an object: it is nothing but its identity"),
        ((1, len), "it is code"),
    ):
        with pytest.raises(NotPersistableError, match=message):
            root["a"] = value
        with pytest.raises(NotPersistableError, match=message):
            pool.root = value
    assert pool.root == {"a": 1}


def test_what_they_are_nested_in_has_a_limit(pool: Pool) -> None:
    def nested(depth: int) -> Any:
        value: Any = ()
        for level in range(depth - 1):
            value = (value,) if level % 2 else frozenset({value})
        return value

    pool.root = nested(MAX_DEPTH)
    assert pool.root == nested(MAX_DEPTH)
    with pytest.raises(NotPersistableError, match=f"nested more than {MAX_DEPTH} deep"):
        pool.root = nested(MAX_DEPTH + 1)
    pool.root = pool.persistent(nested(MAX_DEPTH + 1))  # persistent ones have no limit
    assert type(pool.root) in (pmemobj.PersistentTuple, pmemobj.PersistentFrozenSet)


def word(kind: int, detail: int) -> bytes:
    return struct.pack("<Q", kind | detail << 8)


@pytest.mark.parametrize(
    "payload, why",
    [
        (word(0, 3) + word(0, 3), "unknown number 3"),
        (word(0, 1) + word(0, 3), "unknown number 3"),
        (word(0, 3) + word(1, 5), "longer than the whole payload"),
        (word(0, 3) + b"abc", "in the middle of an item"),
        (word(0, 3) + word(99, 0), "unknown kind 99"),
        (word(0, 3) + word(11, 4) + b"sNaN", "no hash"),
    ],
)
def test_damage_is_reported(payload: bytes, why: str) -> None:
    with pytest.raises(PoolDamagedError, match=why):
        decode_plain_container(payload)


def test_nominated_ones_are_pickled_only_if_they_must(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmemobj._values.pickles.nominated", {tuple: None})
    pool.root = (1, 2)
    assert Kind.PICKLE not in {kind for _, _, kind in pool._heap.allocations()}
    pool.root = value = (1, (2, [3]))
    assert pool.root == value
