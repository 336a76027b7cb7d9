"""PersistentFrozenSet does what frozenset does; each operation is tried on both."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Set
from pathlib import Path
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    NotPersistableError,
    PersistentDict,
    PersistentFrozenSet,
    PersistentObject,
    PersistentObjectPool,
    PersistentSet,
)

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
ITEMS = [3, LONG, None, (1, ("two",)), frozenset({1, 2}), 2.5, b"bytes"]

OPERANDS: list[Any] = [
    set(), {3, LONG}, frozenset({3, 4}), {3: 1}.keys(), [3, 9, LONG], set(ITEMS), frozenset([*ITEMS, "more"]), 5, None, "text",
]  # fmt: skip
OPERATORS = (
    operator.or_, operator.and_, operator.sub, operator.xor,
    operator.eq, operator.ne, operator.le, operator.lt, operator.ge, operator.gt,
)  # fmt: skip
METHODS = ("isdisjoint", "issubset", "issuperset", "union", "intersection", "difference", "symmetric_difference")


def result_of(action: Callable[..., Any], *arguments: Any) -> Any:
    try:
        found = action(*arguments)
    except Exception as error:
        return type(error), str(error).replace("pmemobj.", "").replace("PersistentFrozenSet", "frozenset")
    return type(found), found


@pytest.mark.parametrize("operand", OPERANDS, ids=[f"{type(it).__name__}-{at}" for at, it in enumerate(OPERANDS)])
def test_operations_are_those_of_a_frozenset(pool: Pool, operand: Any) -> None:
    stored, plain = pool.new(PersistentFrozenSet, ITEMS), frozenset(ITEMS)
    for method in METHODS:
        assert result_of(getattr(stored, method), operand) == result_of(getattr(plain, method), operand)
    for operation in OPERATORS:
        for ours, theirs in (
            (result_of(operation, stored, operand), result_of(operation, plain, operand)),
            (result_of(operation, operand, stored), result_of(operation, operand, plain)),
        ):
            assert ours == theirs or ours[0] is theirs[0] is TypeError, operation
    for other in (pool.new(PersistentSet, [3, 4]), pool.new(PersistentFrozenSet, [3, 4])):
        for operation in OPERATORS:
            assert operation(stored, other) == operation(plain, {3, 4}) and operation(other, stored) == operation({3, 4}, plain)


def test_it_is_read_and_hashed_as_a_frozenset(pool: Pool, reopen: Callable[..., Pool]) -> None:
    member = pool.new(PersistentObject)
    pool.root = pool.persistent([member, pool.new(PersistentFrozenSet, [*ITEMS, member, 3, LONG])])
    pool.root.append(pool.new(PersistentFrozenSet))
    for _ in range(2):
        member, stored, empty = pool.root
        plain = frozenset([*ITEMS, member])
        assert list(stored) == [*ITEMS, member] and len(stored) == len(plain) == 8  # in the order of insertion
        assert hash(stored) == hash(plain) and {stored: 1}[plain] == {plain: 1}[stored] == 1
        assert member in stored and {1, 2} in stored and LONG in stored and "missing" not in stored
        assert pool.new(PersistentSet, [2, 1]) in stored and (1, ("two",)) in stored
        with pytest.raises(TypeError, match="unhashable"):
            assert [] in stored
        assert bool(stored) and not empty and repr(empty) == "PersistentFrozenSet()"
        assert repr(stored).startswith("PersistentFrozenSet({3, 'a string")
        assert stored.copy() == plain and type(stored.copy()) is frozenset
        assert isinstance(stored, Set) and isinstance(stored, Hashable) and not hasattr(stored, "add")
        stored._check()
        pool = reopen(pool)
    assert_sound(pool)


def test_it_is_a_key_by_its_contents(pool: Pool, reopen: Callable[..., Pool]) -> None:
    account = pool.new(PersistentObject)
    pool.root = table = pool.new(PersistentDict)
    inner = pool.new(PersistentFrozenSet, [account, 1])
    table[inner] = "a set"
    table[pool.new(pmemobj.PersistentTuple, [inner, LONG])] = "in a tuple"
    table[pool.new(PersistentFrozenSet, [inner, (1, 2)])] = "in a set"
    table["account"] = account
    for _ in range(2):
        account = table["account"]
        same = pool.new(PersistentFrozenSet, [1.0, account])
        assert table[frozenset({account, 1})] == table[same] == "a set"
        assert table[same, LONG] == "in a tuple" and table[frozenset({same, (1, 2.0)})] == "in a set"
        assert frozenset({account, 2}) not in table and frozenset({account}) not in table
        table._check()
        pool = reopen(pool)
        table = pool.root
    table[same if same._p_heap is pool._heap else frozenset({table["account"], 1})] = "replaced"
    assert len(table) == 4
    assert pool.check().ok
    assert_sound(pool)


def test_nans_are_found(pool: Pool) -> None:
    nan = float("nan")
    stored = pool.new(PersistentFrozenSet, [nan, (math.nan, 1), frozenset({nan})])
    assert len(stored) == 3 and float("nan") in stored and (float("nan"), 1) in stored
    assert stored == frozenset(stored) and stored | {nan} == stored


def test_what_it_refuses(pool: Pool) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        pool.new(PersistentFrozenSet, [[]])
    with pytest.raises(TypeError, match="not iterable"):
        pool.new(PersistentFrozenSet, 5)
    with pytest.raises(TypeError):
        pool.new(PersistentFrozenSet, [1], [2])
    with pytest.raises(NotPersistableError):
        pool.new(PersistentFrozenSet, [object()])
    stored: Any = pool.new(PersistentFrozenSet, [1])
    for name in ("add", "clear", "update", "discard"):
        assert not hasattr(stored, name)
    with pytest.raises(AttributeError):
        stored.x = 1
    stored.__init__([5])
    assert stored == {1}
    with pytest.raises(pmemobj.PmemError):
        PersistentFrozenSet([1])


def test_a_closed_pool_and_a_rolled_back_set_are_errors(pool: Pool) -> None:
    kept = pool.root = pool.new(PersistentFrozenSet, [1, LONG])
    assert 1 in kept
    with pytest.raises(ZeroDivisionError), pool.transaction():
        lost = pool.new(PersistentFrozenSet, [2])
        assert 2 in lost
        1 / 0  # noqa: B018
    with pytest.raises(pmemobj.PmemError):
        2 in lost  # noqa: B015
    pool.close()
    with pytest.raises(pmemobj.PoolClosedError):
        1 in kept  # noqa: B015


def test_conversion_both_ways_and_a_dump(pool: Pool, tmp_path: Path) -> None:
    account = pool.new(PersistentObject)
    pool.root = pool.persistent({"members": frozenset({account, 1, (2, account)}), "values": frozenset({1, (2, LONG)})})
    members = pool.root["members"]
    assert type(members) is PersistentFrozenSet and type(pool.root["values"]) is frozenset
    assert sorted(type(item).__name__ for item in members) == ["PersistentObject", "PersistentTuple", "int"]
    pool.root["plain"] = plain = pool.new(PersistentFrozenSet, [1, pool.new(pmemobj.PersistentTuple, (2, LONG))])
    assert plain.to_python() == {1, (2, LONG)} and type(plain.to_python()) is frozenset
    with pytest.raises(TypeError):
        members.to_python()  # a namespace cannot be in a frozenset
    pmemobj.dump(pool, tmp_path / "dump")
    pmemobj.restore(tmp_path / "dump", tmp_path / "again")
    with pmemobj.open(tmp_path / "again") as again:
        found = again.root["members"]
        assert type(found) is PersistentFrozenSet and len(found) == 3 and 1 in found
        assert again.root["values"] == {1, (2, LONG)} and type(again.root["values"]) is frozenset
        assert again.check().ok
        assert_sound(again)
