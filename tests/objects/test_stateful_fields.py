"""A machine for classes derived from `Persistent`: fields of several codes, blocks and their owners."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from machines import LONG, Model, PoolMachine, places, values

import pmemobj
from pmemobj import Field, Persistent, PersistentList

counts = st.integers(0, 5)
blocks = st.sampled_from(["row", "numbers"])


class Node(Persistent):
    """One field of each sort."""

    flag = Field("?")
    number = Field("q")
    note = Field()
    row = Field("block")
    other = Field("value")
    numbers = Field("block")


class Leaf(Node):
    """With one more."""

    more = Field("H")


#: The code of the elements in each block, and what they begin with.
CODES: dict[str, tuple[str, Any]] = {"row": ("value", None), "numbers": ("i", 0)}
EMPTY: dict[str, Any] = {"flag": False, "number": 0, "note": None, "row": None, "other": None, "numbers": None}


def new_model(cls: type) -> Model:
    made = Model(cls)
    made.update(EMPTY | ({"more": 0} if cls is Leaf else {}))
    return made


class Fields(PoolMachine):
    """Nodes in a list, which refer to each other in fields and from their blocks."""

    @initialize()
    def fill(self) -> None:
        self.pool.root = self.pool.new(PersistentList)
        self.model = []
        #: Blocks that were freed for good, as Python objects.
        self.dead: list[Any] = []
        self.add(Node)
        self.add(Leaf)

    def compare(self) -> None:
        assert len(self.pool.root) == len(self.model)
        stand_for: dict[int, Any] = {}
        waiting: list[tuple[Any, Any]] = list(zip(self.pool.root, self.model, strict=True))
        while waiting:
            item, model = waiting.pop()
            if not isinstance(model, Model):
                assert item == model and type(item) is type(model)
                continue
            if id(model) in stand_for:
                assert stand_for[id(model)] is item
                continue
            stand_for[id(model)] = item
            assert type(item) is model.cls
            item._check()
            for name, expected in model.items():
                found = getattr(item, name)
                if isinstance(expected, list):
                    assert found.code == CODES[name][0] and len(found) == len(expected)
                    waiting += zip(found, expected, strict=True)
                else:
                    waiting.append((found, expected))

    def work(self, root: Any, new: list[Any]) -> None:
        for number, value in enumerate(new):
            if isinstance(root, PersistentList):
                node, mm = root[0], self.pool_of(root).mm
                node.note, node.number = value, number
                node.row = mm.alloc(2, "value")
                node.row[1] = value
                mm.realloc(node.row, 4)[3] = root[-1]
                root[-1].numbers = mm.zalloc(3, "i")
                root[-1].other = node
            else:
                root[0].update(note=value, number=number)
                root[-1]["numbers"] = [0, 0, 0]
                root[-1]["other"] = root[0]
                root[0]["row"] = [None, value, None, root[-1]]
                if root[-1] is root[0]:
                    root[0]["numbers"] = [0, 0, 0]

    @staticmethod
    def pool_of(root: Any) -> Any:
        """The pool of an object: in the process that is killed it is another than the machine's."""
        (pool,) = (pool for pool in pmemobj.open_pools() if pool.root is root)
        return pool

    def pick(self, at: int) -> tuple[Any, Model]:
        at %= len(self.model)
        return self.pool.root[at], self.model[at]

    @precondition(lambda self: self.model is not None and len(self.model) < 8)
    @rule(cls=st.sampled_from([Node, Leaf]))
    def add(self, cls: type) -> None:
        self.pool.root.append(self.pool.new(cls))
        self.model.append(new_model(cls))

    @precondition(lambda self: self.model is not None and len(self.model) > 1)
    @rule(at=places)
    def drop(self, at: int) -> None:
        at %= len(self.model)
        del self.pool.root[at], self.model[at]

    @rule(at=places, name=st.sampled_from(["note", "other"]), value=values)
    def set_value(self, at: int, name: str, value: Any) -> None:
        item, model = self.pick(at)
        setattr(item, name, value)
        model[name] = value

    @rule(at=places, number=st.integers(-(1 << 63), (1 << 63) - 1), flag=st.booleans())
    def set_numbers(self, at: int, number: int, flag: bool) -> None:
        item, model = self.pick(at)
        item.number, item.flag = model["number"], model["flag"] = number, flag
        if model.cls is Leaf:
            item.more = model["more"] = number & 0xFFFF

    @rule(at=places, to=places)
    def refer(self, at: int, to: int) -> None:
        (item, model), (other, other_model) = self.pick(at), self.pick(to)
        item.other, model["other"] = other, other_model

    @rule(at=places, name=blocks, count=counts)
    def give_a_block(self, at: int, name: str, count: int) -> None:
        item, model = self.pick(at)
        code, empty = CODES[name]
        setattr(item, name, self.pool.mm.zalloc(count, code))
        model[name] = [empty] * count
        if name == "row":
            item.row[:] = model["row"] = [LONG] * count

    @rule(at=places, to=places, value=values, place=counts)
    def set_element(self, at: int, to: int, value: Any, place: int) -> None:
        (item, model), (other, other_model) = self.pick(at), self.pick(to)
        if model["row"] and place < len(model["row"]):
            refers = value is None
            item.row[place] = other if refers else value
            model["row"][place] = other_model if refers else value
        if model["numbers"] and place < len(model["numbers"]):
            item.numbers[place] = model["numbers"][place] = place - 3

    @rule(at=places, name=blocks, count=counts)
    def change_the_count(self, at: int, name: str, count: int) -> None:
        item, model = self.pick(at)
        if model[name] is not None:
            block = getattr(item, name)
            self.pool.mm.realloc(block, count)
            model[name] = (model[name] + [CODES[name][1]] * count)[:count]
            self.is_dead(block)

    @rule(at=places, name=blocks, by_hand=st.booleans())
    def take_a_block(self, at: int, name: str, by_hand: bool) -> None:
        item, model = self.pick(at)
        block = getattr(item, name)
        if block is not None and by_hand:
            self.pool.mm.free(block)
        else:
            setattr(item, name, None)
        model[name] = None
        if block is not None:
            self.is_dead(block)

    def is_dead(self, block: Any) -> None:
        with pytest.raises(pmemobj.InvalidHandleError):
            block[:]
        if not self.transactions:
            self.dead.append(block)

    @rule()
    def the_dead_stay_dead(self) -> None:
        for block in self.dead:
            with pytest.raises((pmemobj.InvalidHandleError, pmemobj.PoolClosedError)):
                self.pool.mm.free(block)

    @rule(at=places)
    def deallocate(self, at: int) -> None:
        item, model = self.pick(at)
        item._p_deallocate()
        model.update(new_model(model.cls))

    @rule(at=places, to=places)
    def fail(self, at: int, to: int) -> None:
        """What is refused changes nothing, and leaves a transaction alone."""
        (item, _), (other, _) = self.pick(at), self.pick(to)
        block = other.row
        for action in (
            lambda: setattr(item, "note", object()),
            lambda: setattr(item, "number", 1 << 63),
            lambda: setattr(item, "row", [1]),
            lambda: setattr(item, "numbers", block) if block is not None else int("x"),
            lambda: block.__setitem__(slice(None), [LONG] * len(block) + [1]) if block is not None else int("x"),
        ):
            with pytest.raises((TypeError, ValueError)):
                action()

    @rule()
    def a_block_that_nobody_owns(self) -> None:
        self.pool.mm.alloc(2, "value")[0] = LONG


TestFields = Fields.TestCase
TestFields.settings = settings(max_examples=10, stateful_step_count=40)
