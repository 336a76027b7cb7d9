"""Machines that do everything in any order, beside a model of plain Python objects."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from machines import LONG, Model, PoolMachine, places, values
from sample_classes import Account, Bag
from soundness import assert_sound

from pmemobj import PersistentDict, PersistentList, PersistentTuple

keys = st.sampled_from([None, 0, 1, 2.5, "a", "b", LONG, LONG + "2", b"bytes", 1 << 80, *range(10, 30)])
names = st.sampled_from(["a", "b", "c", *(f"attribute{at}" for at in range(12))])
indices = st.integers(-12, 12)
bounds = st.none() | indices
slices = st.builds(slice, bounds, bounds, st.sampled_from([None, 1, 1, 2, -1, -2, 3]))


class ContainerMachine(PoolMachine):
    """Containers beside garbage, and handles that live on across everything."""

    def __init__(self) -> None:
        super().__init__()
        self.handles: list[Any] = []

    @rule(value=values)
    def leave_garbage(self, value: Any) -> None:
        self.pool.new(PersistentList, [value, self.pool.new(PersistentDict, a=value)])


class Everything(ContainerMachine):
    """One list, one dict and one object, side by side."""

    @initialize()
    def fill(self) -> None:
        pool = self.pool
        pool.root = pool.new(
            PersistentDict, items=pool.new(PersistentList), table=pool.new(PersistentDict), bag=pool.new(Bag)
        )
        self.model = {"items": [], "table": {}, "bag": {}}

    def on(self, name: str, action: Callable[[Any], Any]) -> None:
        assert action(self.pool.root[name]) == action(self.model[name])

    def compare(self) -> None:
        root = self.pool.root
        assert root["items"] == self.model["items"]
        assert list(root["table"].items()) == list(self.model["table"].items())
        assert attributes_of(root["bag"]) == self.model["bag"]
        for name in self.model:
            root[name]._check()

    def work(self, root: Any, new: list[Any]) -> None:
        for value in new:
            root["items"].append(value)
            root["items"][:2] = [value]
            root["table"][LONG] = value
            root["table"].pop("b", None)
            root["table"].update({10: value, 11: value})
            if isinstance(root["bag"], Bag):
                root["bag"].attribute1 = value
            else:
                root["bag"]["attribute1"] = value

    @rule(value=values)
    def append(self, value: Any) -> None:
        self.on("items", lambda items: items.append(value))

    @rule(start=places, stop=places, new=st.lists(values, max_size=12))
    def assign_slice(self, start: int, stop: int, new: list[Any]) -> None:
        self.on("items", lambda items: items.__setitem__(slice(start, stop), new))

    @rule(key=keys, value=values)
    def set_key(self, key: Any, value: Any) -> None:
        self.on("table", lambda table: table.__setitem__(key, value))

    @rule(key=keys)
    def pop_key(self, key: Any) -> None:
        self.on("table", lambda table: table.pop(key, "missing"))

    @rule(new=st.dictionaries(keys, values, max_size=15))
    def update(self, new: dict[Any, Any]) -> None:
        self.on("table", lambda table: table.update(new))

    @rule()
    def clear(self) -> None:
        self.on("items", lambda items: items.clear())
        self.on("table", lambda table: table.clear())

    @rule(name=names, value=values)
    def set_attribute(self, name: str, value: Any) -> None:
        setattr(self.pool.root["bag"], name, value)
        self.model["bag"][name] = value

    @rule(value=values)
    def fail(self, value: Any) -> None:
        for action in (
            lambda: self.pool.root["items"].extend([value, object()]),
            lambda: self.pool.root["table"].update({0: value, 1: object()}),
            lambda: setattr(self.pool.root["bag"], "a", object()),
        ):
            try:
                action()
            except TypeError:
                pass

    @rule()
    def keep_handles(self) -> None:
        root = self.pool.root
        self.handles = [root, root["items"], root["table"], root["bag"]]


def attributes_of(item: Any) -> dict[str, Any]:
    """The attributes of an object that the machines set, as far as it has them by itself."""
    return {name: getattr(item, name) for name in dir(item) if name[:1] in "abc" and name not in dir(type(item))}


def plainly(value: Any) -> str:
    """A key to sort by that is the same for a persistent tuple and a plain one."""
    return repr(tuple(value) if isinstance(value, PersistentTuple) else value)


class Lists(ContainerMachine):
    """All that a list can do; some of its items are tuples, and it may be among its own items' neighbours."""

    @initialize(start=st.lists(values, max_size=20))
    def fill(self, start: list[Any]) -> None:
        self.pool.root = self.pool.new(PersistentList, start)
        self.model = list(start)

    def both(self, action: Callable[[Any], Any]) -> None:
        """Do the same to both; results, exceptions and their words must be the same."""
        outcomes = []
        for items in (self.pool.root, self.model):
            try:
                result = action(items)
                outcomes.append("itself" if result is items else (type(result), result))
            except (ValueError, IndexError) as error:
                outcomes.append((type(error), str(error)))
        assert outcomes[0] == outcomes[1]

    def compare(self) -> None:
        root = self.pool.root
        assert root == self.model and len(root) == len(self.model)
        root._check()

    def work(self, root: Any, new: list[Any]) -> None:
        for value in new:
            root.insert(1, value)
            root.extend([value, LONG])
            del root[3::4]
            root.reverse()
            root[0] = value

    @rule(new=st.lists(values, max_size=4))
    def append_a_tuple(self, new: list[Any]) -> None:
        stored = self.pool.new(PersistentTuple, new)
        stored._check()
        self.pool.root.append(stored)
        self.model.append(tuple(new))

    @rule(value=values)
    def append(self, value: Any) -> None:
        self.both(lambda items: items.append(value))

    @rule(new=st.lists(values, max_size=12))
    def extend(self, new: list[Any]) -> None:
        self.both(lambda items: items.__iadd__(new))

    @rule(at=indices, value=values)
    def insert(self, at: int, value: Any) -> None:
        self.both(lambda items: items.insert(at, value))

    @rule(at=indices, value=values)
    def set_item(self, at: int, value: Any) -> None:
        self.both(lambda items: items.__setitem__(at, value))

    @rule(at=indices)
    def get_item(self, at: int) -> None:
        self.both(lambda items: (items[at],))

    @rule(at=indices)
    def pop(self, at: int) -> None:
        self.both(lambda items: (items.pop(at),))

    @rule(at=indices)
    def delete_item(self, at: int) -> None:
        self.both(lambda items: items.__delitem__(at))

    @rule(chosen=slices)
    def get_slice(self, chosen: slice) -> None:
        self.both(lambda items: items[chosen])

    @rule(chosen=slices)
    def delete_slice(self, chosen: slice) -> None:
        self.both(lambda items: items.__delitem__(chosen))

    @rule(chosen=slices, new=st.lists(values, max_size=12))
    def assign_slice(self, chosen: slice, new: list[Any]) -> None:
        self.both(lambda items: items.__setitem__(chosen, new))

    @rule(chosen=slices, value=values)
    def assign_slice_of_the_same_size(self, chosen: slice, value: Any) -> None:
        self.both(lambda items: items.__setitem__(chosen, [value] * len(items[chosen])))

    @rule(value=values)
    def remove(self, value: Any) -> None:
        self.both(lambda items: items.remove(value))

    @rule(value=values, start=indices)
    def search(self, value: Any, start: int) -> None:
        self.both(lambda items: (items.count(value), value in items))
        self.both(lambda items: items.index(value, start))

    @precondition(lambda self: self.model is not None and len(self.model) < 40)
    @rule(times=st.integers(-1, 3))
    def multiply(self, times: int) -> None:
        # Whole tuples are shared by persistent lists as by plain ones.
        self.both(lambda items: items.__imul__(times))

    @rule(other=st.lists(values, max_size=3))
    def new_lists(self, other: list[Any]) -> None:
        self.both(lambda items: (items + other, items.__mul__(2), items.copy(), list(reversed(items))))
        self.both(lambda items: (items == other, items != other, other == items))

    @rule()
    def reverse(self) -> None:
        self.both(lambda items: items.reverse())

    @rule(backwards=st.booleans())
    def sort(self, backwards: bool) -> None:
        self.both(lambda items: items.sort(key=plainly, reverse=backwards))

    @rule()
    def assign_to_itself(self) -> None:
        self.both(lambda items: items.__setitem__(slice(None), items))

    @rule(new=st.lists(values, max_size=5))
    def init_again(self, new: list[Any]) -> None:
        self.both(lambda items: items.__init__(new))

    @rule(value=values)
    def fail(self, value: Any) -> None:
        for action in (
            lambda items: items.extend([value, object()]),
            lambda items: items.__setitem__(slice(None), [value, object()]),
            lambda items: items.sort(key=lambda item: 1 / 0) if items else 1 / 0,
        ):
            try:
                action(self.pool.root)
                raise AssertionError("it should have failed")
            except (TypeError, ZeroDivisionError):
                pass

    @rule()
    def keep_handles(self) -> None:
        self.handles = [self.pool.root, *(item for item in self.pool.root if isinstance(item, PersistentTuple))]


class Objects(ContainerMachine):
    """Objects of two classes that refer to each other; the classes' shapes grow as they go."""

    @initialize()
    def fill(self) -> None:
        self.pool.root = self.pool.new(PersistentList)
        self.model = []
        self.add(Bag)
        self.add(Account)
        self.set_attribute(0, "a", LONG)

    def compare(self) -> None:
        assert len(self.pool.root) == len(self.model)
        stand_for: dict[int, Any] = {}
        waiting = list(zip(self.pool.root, self.model, strict=True))
        while waiting:
            item, model = waiting.pop()
            if id(model) in stand_for:
                assert stand_for[id(model)] is item
                continue
            stand_for[id(model)] = item
            assert type(item) is model.cls
            item._check()
            found = attributes_of(item)
            assert found.keys() == model.keys()
            for name, value in found.items():
                if isinstance(model[name], Model):
                    waiting.append((value, model[name]))
                else:
                    assert value == model[name] and type(value) is type(model[name])

    def work(self, root: Any, new: list[Any]) -> None:
        for number, value in enumerate(new):
            if isinstance(root, PersistentList):
                root[0].a = value
                setattr(root[-1], f"attribute{number}", value)
                root[-1].b = root[0]
            else:
                root[0]["a"] = root[-1][f"attribute{number}"] = value
                root[-1]["b"] = root[0]

    def pick(self, at: int) -> tuple[Any, Model]:
        at %= len(self.model)
        return self.pool.root[at], self.model[at]

    @precondition(lambda self: self.model is not None and len(self.model) < 8)
    @rule(cls=st.sampled_from([Bag, Account]))
    def add(self, cls: type) -> None:
        self.pool.root.append(self.pool.new(cls) if cls is Bag else self.pool.new(cls, "c", 1))
        self.model.append(Model(cls))
        if cls is Account:
            # Not of the names that are compared: `owner`. Set by its __init__: `balance`.
            self.model[-1]["balance"] = 1

    @precondition(lambda self: self.model is not None and len(self.model) > 1)
    @rule(at=places)
    def drop(self, at: int) -> None:
        at %= len(self.model)
        del self.pool.root[at], self.model[at]

    @rule(at=places, name=names, value=values)
    def set_attribute(self, at: int, name: str, value: Any) -> None:
        item, model = self.pick(at)
        setattr(item, name, value)
        model[name] = value

    @rule(at=places, name=names)
    def delete_attribute(self, at: int, name: str) -> None:
        item, model = self.pick(at)
        if model.pop(name, self) is self:
            assert not hasattr(item, name)
        else:
            delattr(item, name)

    @rule(at=places, name=names, to=places)
    def refer(self, at: int, name: str, to: int) -> None:
        item, model = self.pick(at)
        other, other_model = self.pick(to)
        setattr(item, name, other)
        model[name] = other_model

    @rule(at=places, value=st.integers(0, 99))
    def set_by_property(self, at: int, value: int) -> None:
        item, model = self.pick(at)
        if model.cls is Account:
            item.doubled = value
            model["balance"] = value // 2
            assert item.doubled == value // 2 * 2

    @rule(at=places)
    def set_volatile(self, at: int) -> None:
        item, _ = self.pick(at)
        item._v_volatile = at
        assert item._v_volatile == at

    @precondition(lambda self: self.model is not None and len(self.model) < 8)
    @rule(at=places)
    def copy(self, at: int) -> None:
        item, model = self.pick(at)
        self.pool.root.append(copy.copy(item))
        made = Model(model.cls)
        made.update(model)
        self.model.append(made)
        if not self.transactions:  # else libpmemobj does not tell of it yet
            assert_sound(self.pool)

    @rule(at=places, name=names)
    def fail(self, at: int, name: str) -> None:
        item, _ = self.pick(at)
        try:
            setattr(item, name, object())
            raise AssertionError("it should have failed")
        except TypeError:
            pass

    @rule()
    def keep_handles(self) -> None:
        self.handles = [self.pool.root, *self.pool.root]


TestEverything = Everything.TestCase
TestEverything.settings = settings(max_examples=8, stateful_step_count=30)
TestLists = Lists.TestCase
TestLists.settings = settings(max_examples=12, stateful_step_count=40)
TestObjects = Objects.TestCase
TestObjects.settings = settings(max_examples=10, stateful_step_count=40)
