"""A machine that does everything in any order, beside a model of plain Python objects."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from conftest import scratch_parent
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool

LONG = "a string that is too long for a word"

values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 5)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.just(LONG)
    | st.binary(max_size=20)
)
keys = st.sampled_from([None, 0, 1, 2.5, "a", "b", LONG, LONG + "2", b"bytes", 1 << 80, *range(10, 30)])
names = st.sampled_from(["a", "b", "c", *(f"attribute{at}" for at in range(12))])
places = st.integers(-3, 30)


class Everything(RuleBasedStateMachine):
    """One list, one dict and one object in a pool; the model has the same, and a copy for a roll-back."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp(prefix="pmemobj-test-", dir=scratch_parent())
        self.pool: PersistentObjectPool = pmemobj.create(f"{self.directory}/pool", pool_size=8 << 20)
        self.items: list[Any] = []
        self.table: dict[Any, Any] = {}
        self.attributes: dict[str, Any] = {}
        self.saved: Any = None
        self.transaction: Any = None
        #: Python objects that are kept, so that handles live on across everything.
        self.handles: list[Any] = []

    @initialize()
    def fill(self) -> None:
        pool = self.pool
        pool.root = pool.new(
            PersistentDict, items=pool.new(PersistentList), table=pool.new(PersistentDict), bag=pool.new(Bag)
        )

    def on_list(self, action: Callable[[Any], Any]) -> None:
        assert action(self.pool.root["items"]) == action(self.items)

    def on_dict(self, action: Callable[[Any], Any]) -> None:
        assert action(self.pool.root["table"]) == action(self.table)

    # ---- changes ----

    @rule(value=values)
    def append(self, value: Any) -> None:
        self.on_list(lambda items: items.append(value))

    @rule(at=places, value=values)
    def insert(self, at: int, value: Any) -> None:
        self.on_list(lambda items: items.insert(at, value))

    @rule(at=places, value=values)
    def set_item(self, at: int, value: Any) -> None:
        self.on_list(lambda items: items.__setitem__(at % len(items), value) if len(items) else None)

    @rule(at=places)
    def pop(self, at: int) -> None:
        self.on_list(lambda items: items.pop(at % len(items)) if len(items) else None)

    @rule(start=places, stop=places, step=st.sampled_from([1, 1, 2, -1, 3]))
    def delete_slice(self, start: int, stop: int, step: int) -> None:
        self.on_list(lambda items: items.__delitem__(slice(start, stop, step)))

    @rule(start=places, stop=places, new=st.lists(values, max_size=12))
    def assign_slice(self, start: int, stop: int, new: list[Any]) -> None:
        self.on_list(lambda items: items.__setitem__(slice(start, stop), new))

    @rule()
    def reverse(self) -> None:
        self.on_list(lambda items: items.reverse())

    @rule()
    def sort(self) -> None:
        self.on_list(lambda items: items.sort(key=repr))

    @rule(key=keys, value=values)
    def set_key(self, key: Any, value: Any) -> None:
        self.on_dict(lambda table: table.__setitem__(key, value))

    @rule(key=keys)
    def pop_key(self, key: Any) -> None:
        self.on_dict(lambda table: table.pop(key, "missing"))

    @rule(new=st.dictionaries(keys, values, max_size=15))
    def update(self, new: dict[Any, Any]) -> None:
        self.on_dict(lambda table: table.update(new))

    @rule()
    def clear(self) -> None:
        self.on_list(lambda items: items.clear())
        self.on_dict(lambda table: table.clear())

    @rule(name=names, value=values)
    def set_attribute(self, name: str, value: Any) -> None:
        setattr(self.pool.root["bag"], name, value)
        self.attributes[name] = value

    @rule(name=names)
    def delete_attribute(self, name: str) -> None:
        if self.attributes.pop(name, self) is self:
            assert not hasattr(self.pool.root["bag"], name)
        else:
            delattr(self.pool.root["bag"], name)

    @rule(value=values)
    def leave_garbage(self, value: Any) -> None:
        self.pool.new(PersistentList, [value, self.pool.new(PersistentDict, a=value)])

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

    # ---- transactions, collection, reopening ----

    @precondition(lambda self: self.transaction is None)
    @rule()
    def begin(self) -> None:
        self.saved = copy.deepcopy((self.items, self.table, self.attributes))
        self.transaction = self.pool.transaction().begin()

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def commit(self) -> None:
        self.transaction.commit()
        self.transaction = None

    @precondition(lambda self: self.transaction is not None)
    @rule()
    def abort(self) -> None:
        try:
            self.transaction.abort()
        except pmemobj.TransactionAborted:
            pass
        self.transaction = None
        self.items, self.table, self.attributes = self.saved

    @precondition(lambda self: self.transaction is None)
    @rule(keep=st.booleans())
    def collect(self, keep: bool) -> None:
        self.pool.gc(keep_handles=keep)
        assert_sound(self.pool, no_garbage=not keep)

    @precondition(lambda self: self.transaction is None)
    @rule()
    def reopen(self) -> None:
        self.pool.close()
        self.pool = pmemobj.open(self.pool.path)
        assert not self.pool.recovered
        assert_sound(self.pool, no_garbage=True)

    @precondition(lambda self: self.transaction is None)
    @rule()
    def suspend_and_resume(self) -> None:
        self.pool.suspend()
        self.pool.resume()

    # ---- what always holds ----

    @invariant()
    def is_like_the_model(self) -> None:
        root = self.pool.root
        if root is None:
            return
        assert root["items"] == self.items
        assert list(root["table"].items()) == list(self.table.items())
        bag = root["bag"]
        assert {name: getattr(bag, name) for name in dir(bag) if name[:1] in "abc"} == self.attributes
        assert self.pool.in_transaction == (self.transaction is not None)

    def teardown(self) -> None:
        try:
            if self.transaction is not None:
                self.commit()
            assert_sound(self.pool)
            self.pool.close()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)


TestEverything = Everything.TestCase
TestEverything.settings = settings(max_examples=15, stateful_step_count=40)
