"""Machines that do everything that dicts and sets can, in any order, beside Python's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from machines import LONG, PoolMachine

import pmemobj
from pmemobj import PersistentDict, PersistentSet

#: Few, so that they meet; some are equal, some have equal hashes, some share their low bits.
KEYS = [
    None, 0, 1, True, 1.0, 2.5, 0.0, -0.0, "a", "b", LONG, LONG + "2", b"bytes", b"bytes too long for a word", 1 << 80,
    (), (1,), (1.0,), (1, ("a", None)), (LONG, b""), 1 + 0j, (1 << 61) - 1, 2 * ((1 << 61) - 1), *(at << 20 for at in range(9)),
]  # fmt: skip
keys = st.sampled_from(KEYS)
values = st.none() | st.integers(0, 5) | st.just(LONG) | st.binary(max_size=12) | st.integers(1 << 70, 1 << 71)
groups = st.lists(keys, max_size=12)


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        return type(error), error.args


class Machine(PoolMachine):
    """One container, which is the root."""

    work_values = keys
    empty: Any
    kind: Any

    @initialize()
    def fill(self) -> None:
        self.pool.root = self.pool.new(self.kind)
        self.model = self.empty()

    @property
    def stored(self) -> Any:
        return self.pool.root

    def both(self, action: Callable[[Any], Any]) -> None:
        assert outcome(lambda: action(self.stored)) == outcome(lambda: action(self.model))

    @rule()
    def clear(self) -> None:
        self.both(lambda it: it.clear())

    def compare(self) -> None:
        self.stored._check()
        assert len(self.stored) == len(self.model)
        assert self.stored == self.model


class DictMachine(Machine):
    empty, kind = dict, PersistentDict

    def work(self, root: Any, new: list[Any]) -> None:
        for key in new:
            root[key] = LONG * 2
            root.pop("a", None)
            root.update(dict.fromkeys(KEYS[:9], len(LONG)))
            del root[KEYS[0]]

    @rule(key=keys, value=values)
    def set_key(self, key: Any, value: Any) -> None:
        self.both(lambda it: it.__setitem__(key, value))

    @rule(key=keys)
    def delete(self, key: Any) -> None:
        self.both(lambda it: it.__delitem__(key))

    @rule(key=keys)
    def pop(self, key: Any) -> None:
        self.both(lambda it: it.pop(key))

    @rule(count=st.integers(1, 8))
    def popitem(self, count: int) -> None:
        self.both(lambda it: [it.popitem() for _ in range(count)])

    @rule(count=st.integers(1, 8))
    def pop_first(self, count: int) -> None:
        self.both(lambda it: [it.pop(key) for key in list(it)[:count]])

    @rule(key=keys, value=values)
    def setdefault(self, key: Any, value: Any) -> None:
        self.both(lambda it: it.setdefault(key, value))

    @rule(new=groups, value=values)
    def update(self, new: list[Any], value: Any) -> None:
        self.both(lambda it: it.update(dict.fromkeys(new, value)))

    @rule(new=groups, value=values)
    def or_with(self, new: list[Any], value: Any) -> None:
        self.both(lambda it: it | dict.fromkeys(new, value))

    @rule(key=keys)
    def look(self, key: Any) -> None:
        self.both(lambda it: (it[key], it.get(key), key in it))

    @rule(new=groups)
    def views(self, new: list[Any]) -> None:
        self.both(lambda it: (it.keys() & new, it.keys() - set(new), it.keys() ^ new, it.keys() <= set(new)))

    @rule(value=values)
    def fail(self, value: Any) -> None:
        for pairs in ({0: value, 1: object()}, {"a": value, object(): 1}):
            assert outcome(lambda pairs=pairs: self.stored.update(pairs))[0] is pmemobj.NotPersistableError

    @invariant()
    def is_in_order(self) -> None:
        if self.pool.root is not None:
            assert repr(list(self.stored.items())) == repr(list(self.model.items()))
            assert list(reversed(self.stored)) == list(reversed(self.model))


class SetMachine(Machine):
    empty, kind = set, PersistentSet

    def work(self, root: Any, new: list[Any]) -> None:
        for key in new:
            root.add(key)
            root.discard("a")
            root ^= set(KEYS[:9])
            root.add(LONG)

    @rule(key=keys)
    def add(self, key: Any) -> None:
        self.both(lambda it: it.add(key))

    @rule(key=keys)
    def discard(self, key: Any) -> None:
        self.both(lambda it: it.discard(key))

    @rule(key=keys)
    def remove(self, key: Any) -> None:
        self.both(lambda it: it.remove(key))

    @rule()
    def pop(self) -> None:
        if self.model:
            self.model.remove(self.stored.pop())
        else:
            self.both(lambda it: it.pop())

    @rule(new=groups, more=groups)
    def update(self, new: list[Any], more: list[Any]) -> None:
        self.both(lambda it: it.update(new, more))

    @rule(new=groups, operator=st.sampled_from(["__ior__", "__iand__", "__isub__", "__ixor__"]))
    def in_place(self, new: list[Any], operator: str) -> None:
        self.both(lambda it: getattr(it, operator)(frozenset(new)) is it)

    @rule(new=groups, operator=st.sampled_from(["__or__", "__and__", "__sub__", "__xor__", "__lt__", "__ge__"]))
    def operate(self, new: list[Any], operator: str) -> None:
        self.both(lambda it: getattr(it, operator)(set(new)))

    @rule()
    def fail(self) -> None:
        for action in (
            lambda: self.stored.update([1, object()]),
            lambda: self.stored.symmetric_difference_update(["a", object()]),
        ):
            assert outcome(action)[0] is pmemobj.NotPersistableError


TestDict = DictMachine.TestCase
TestDict.settings = settings(max_examples=8, stateful_step_count=40)
TestSet = SetMachine.TestCase
TestSet.settings = settings(max_examples=7, stateful_step_count=40)
