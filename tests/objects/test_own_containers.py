"""Classes that a program derives from containers: made, found again, changed, rolled back, moved, drawn, missing."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    ClassNotFoundError,
    ClassRefusedError,
    NotPersistableError,
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentFrozenSet,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PersistentSet,
    PersistentTuple,
    inspect,
)

Pool = PersistentObjectPool
LONG = "a text that needs memory of its own"
T = TypeVar("T")


class Inventory(PersistentDict):
    """Things and how many there are of each."""

    kind = "by the class"

    def __init__(self, owner: Any = "nobody", /, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def total(self) -> int:
        return sum(self.values())

    @property
    def label(self) -> str:
        return f"{self.owner}'s {len(self)} things"

    @label.setter
    def label(self, text: str) -> None:
        self.owner = text.partition("'")[0]

    @functools.cached_property
    def slow(self) -> int:
        return self.total()


class Log(PersistentList):
    def __missing__(self, key: Any) -> None:
        raise AssertionError("only dicts ask for it")


class Larger(Inventory):
    def __missing__(self, key: Any) -> int:
        return 0


class Pair(PersistentTuple):
    pass


class Index(PersistentDict, Generic[T]):
    def first(self) -> Any:
        return next(iter(self.values()))


OWN: dict[Any, tuple[Any, ...]] = {
    type("OwnList", (PersistentList,), {"__module__": __name__}): ([1, LONG],),
    type("OwnDict", (PersistentDict,), {"__module__": __name__}): ({"a": LONG},),
    type("OwnSet", (PersistentSet,), {"__module__": __name__}): ([1, LONG],),
    type("OwnBytes", (PersistentByteArray,), {"__module__": __name__}): (b"bytes",),
    type("OwnArray", (PersistentArray,), {"__module__": __name__}): ("d", [1.5, 2.5]),
}
globals().update({cls.__name__: cls for cls in OWN})


def test_it_is_found_again_with_its_class_and_attributes(pool: Pool) -> None:
    inventory = pool.root = pool.new(Inventory, "Ada", {"nail": 3}, screw=4)
    inventory.note = LONG
    path = pool.path
    pool.close()
    with pmemobj.open(path) as again:
        found = again.root
        assert type(found) is Inventory and found is not inventory
        assert found == {"nail": 3, "screw": 4} and found.owner == "Ada" and found.note == LONG and found.total() == 7
        assert found.label == "Ada's 2 things" and found.kind == "by the class" and found.slow == 7
        found.label = "Bob's"
        found.kind = "by the object"
        assert found.owner == "Bob" and found.kind == "by the object" and Inventory.kind == "by the class"
        assert {"owner", "note", "kind", "total"} <= set(dir(found)) and set(vars(found)) == {"slow"}
        del found.kind, found.note
        assert found.kind == "by the class" and not hasattr(found, "note")
        with pytest.raises(AttributeError, match="note"):
            del found.note
        found._check()
        assert_sound(again)


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: cls.__name__)
def test_every_container_that_changes_can_be_derived_from(pool: Pool, cls: Any) -> None:
    arguments = OWN[cls]
    made = pool.root = pool.new(cls, *arguments)
    base = cls.__mro__[1]
    plain = pool.new(base, *arguments)
    assert made == plain and plain == made and type(made) is cls and isinstance(made, base)
    other = pool.new(PersistentObject)
    made.one, made.two, made.other = 1, LONG, other
    other.back = made
    del other
    for _ in range(20):
        made.name = LONG + "!"
    made._check()
    assert (made.one, made.two, made.other.back) == (1, LONG, made)
    with pytest.raises(ZeroDivisionError), pool.transaction():
        made.one, made.three = 2, LONG
        del made.two
        1 // 0  # noqa: B018
    assert (made.one, made.two) == (1, LONG) and not hasattr(made, "three")
    made._check()
    path = pool.path
    pool.close()
    with pmemobj.open(path) as again:
        assert type(again.root) is cls and again.root.two == LONG and again.root.other.back is again.root
        again.root = None
        again.gc(keep_handles=False)
        assert_sound(again, no_garbage=True)
        assert again.check().ok


def test_the_immutable_ones_have_no_attributes(pool: Pool) -> None:
    account = pool.new(PersistentObject)
    pair = pool.root = pool.new(Pair, [account, 2])
    frozen = pool.new(type("OwnFrozen", (PersistentFrozenSet,), {}), [account])
    for made in (pair, frozen):
        with pytest.raises(NotPersistableError, match=r"never changes, so its objects have no attributes .*_v_"):
            made.name = 1
        made._v_name = 1
        assert made._v_name == 1
        made._check()
    assert type(pair) is Pair and pair[1] == 2 and hash(pair) == hash((account, 2)) and account in frozen


def test_derived_classes_are_told_from_each_other(pool: Pool) -> None:
    first, second = pool.new(Inventory, "Ada"), pool.new(Larger, "Bob")
    assert type(first) is Inventory and type(second) is Larger and second["nothing"] == 0
    with pytest.raises(KeyError):
        first["nothing"]
    with pytest.raises(IndexError):
        pool.new(Log)[0]
    pool.root = [first, second] and pool.new(PersistentList, [first, second])
    assert {node.type for node in inspect.walk(pool).nodes.values()} == {"PersistentList", "Inventory", "Larger"}


def test_generic_classes_are_made_with_and_without_arguments(pool: Pool) -> None:
    for cls in (Index, Index[int], Index[T]):  # type: ignore[valid-type]
        made = pool.new(cls, {"a": 5})
        assert type(made) is Index and made.first() == 5
    assert type(pool.new(PersistentList[int], [1])) is PersistentList
    with pytest.raises(NotPersistableError, match="no Persistent class"):
        pool.new(list[int])


def test_a_class_is_refused_whose_attributes_would_be_lost(pool: Pool) -> None:
    with pytest.raises(NotPersistableError, match=r"its __slots__ .*would keep attributes in ordinary memory"):

        class Slotted(PersistentList):
            __slots__ = ("x",)

    for name in ("__setattr__", "__getattribute__", "__delattr__"):
        with pytest.raises(NotPersistableError, match=f"its {name} would stand in place of the one"):
            type("Hiding", (PersistentList,), {name: lambda *_: None})
    with pytest.raises(TypeError):  # Compiled, Python itself finds that the two do not fit together.
        type("Both", (PersistentList, PersistentDict), {})

    class Checked(Inventory):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value if name != "owner" else value.upper())

    assert pool.new(Checked, "ada").owner == "ADA"


def test_what_cannot_be_stored_is_refused_and_changes_nothing(pool: Pool) -> None:
    made = pool.root = pool.new(Inventory, "Ada")
    for name, value in (("owner", []), ("new", object()), ("__x__", 1), ("_p_x", 1), ("__dict__", {})):
        with pytest.raises((NotPersistableError, AttributeError)):
            setattr(made, name, value)
    with pytest.raises(NotPersistableError, match="keeps the class of an object for good"):
        made.__class__ = Larger
    assert made.owner == "Ada" and not hasattr(made, "new")
    made._check()
    with pytest.raises(TypeError):
        pool.new(Inventory, "Ada", 5)
    assert_sound(pool)


def test_a_dead_or_closed_one_says_so(pool: Pool) -> None:
    made = pool.new(Inventory, "Ada")
    pool.gc(keep_handles=False)
    for use in (lambda: made.owner, lambda: setattr(made, "owner", 1), lambda: made.get("x")):
        with pytest.raises(pmemobj.InvalidHandleError):
            use()
    kept = pool.root = pool.new(Inventory, "Ada")
    pool.close()
    for use in (lambda: kept.owner, lambda: setattr(kept, "owner", 1), lambda: kept.get("x"), lambda: kept.total()):
        with pytest.raises(pmemobj.PmemError, match="closed"):
            use()


def test_it_moves_through_a_dump(pool: Pool, scratch: Path) -> None:
    pool.root = pool.new(Inventory, "Ada", pair=pool.new(Pair, [1, LONG]), log=pool.new(Log, [1]))
    pool.root["log"].note = LONG
    text = io.StringIO()
    pmemobj.dump(pool, text)
    assert '"type": "dict"' in text.getvalue() and '["owner", "Ada"]' in text.getvalue()
    text.seek(0)
    path = str(scratch / "again.pmem")
    pmemobj.restore(text, path)
    with pmemobj.open(path) as again:
        root = again.root
        assert type(root) is Inventory and root.owner == "Ada" and type(root["pair"]) is Pair and root["pair"] == (1, LONG)
        assert type(root["log"]) is Log and root["log"].note == LONG
        for each in (root, root["pair"], root["log"]):
            each._check()
        assert again.check().ok
        assert_sound(again, no_garbage=True)


def test_its_plain_form_is_that_of_its_contents(pool: Pool) -> None:
    made = pool.new(Inventory, "Ada", log=pool.new(Log, [1]))
    assert made.to_python() == {"log": [1]} and type(made.to_python()) is dict


def test_it_is_drawn_with_its_attributes(pool: Pool) -> None:
    pool.root = pool.new(Inventory, "Ada", nail=3)
    (node,) = inspect.walk(pool).nodes.values()
    assert node.type == "Inventory" and [(slot.label, slot.text) for slot in node.slots] == [(".owner", "'Ada'"), ("'nail'", "3")]
    memory = inspect.memory(pool.root)
    assert [piece.name for piece in memory.pieces] == ["object", "table", "slots"]
    assert "class 0, Inventory" in str(memory) and ".owner" in str(memory)
    before = inspect.walk(pool)
    pool.root.owner = "Bob"
    (change,) = inspect.Comparison(before, inspect.walk(pool)).changes.values()
    assert [slot.text for slot in change.slots.values() if slot is not None] == ["'Ada'"]


def test_its_changes_are_named_in_the_log(pool: Pool) -> None:
    made = pool.root = pool.new(Inventory, "Ada")
    pool.log.start()
    made.owner = "Bob"
    with pool.transaction():
        made.owner = "Eve"
    text = pool.log.text()
    pool.log.stop()
    assert "root.owner" in text and "'Eve'" in text


CHILD = """
import sys, pmemobj
with pmemobj.open(sys.argv[1]) as pool:
    root = pool.root
    print(type(root).__name__, isinstance(root, pmemobj.PersistentDict), dict(root), root.owner, "class not defined" in repr(root))
    for change in (
        lambda: root.update(a=1), lambda: root.__setitem__("a", 1), lambda: setattr(root, "owner", 1),
        lambda: delattr(root, "owner"), lambda: root.pop("nail"), lambda: root.clear(),
    ):
        try:
            change()
        except pmemobj.ClassNotFoundError as error:
            assert "read-only stand-in" in str(error), error
        else:
            print("not refused")
    try:
        root.total
    except AttributeError as error:
        print("stand-in" in str(error))
    class Successor(pmemobj.PersistentDict):
        pass
    pmemobj.alias("test_own_containers:Inventory", Successor)
    pool.root["a"] = 1
    print(type(pool.root).__name__, pool.root.owner, pool.root["a"])
"""


def test_a_missing_class_has_a_stand_in_until_an_alias_names_its_successor(pool: Pool) -> None:
    pool.root = pool.new(Inventory, "Ada", nail=3)
    path = pool.path
    pool.close()
    done = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["Inventory True {'nail': 3} Ada True", "True", "Successor Ada 1"], done.stderr


def test_a_name_that_means_another_kind_of_class_is_refused(pool: Pool) -> None:
    class Passing(PersistentDict):
        pass

    pool.root = pool.new(Passing)
    path = pool.path
    pool.close()

    class Passing(PersistentList):  # type: ignore[no-redef]
        pass

    with pmemobj.open(path) as again:
        with pytest.raises(ClassRefusedError, match=r"the object is a PersistentDict.*alias"):
            again.root  # noqa: B018
        with pytest.raises(TypeError):
            pmemobj.alias(f"{__name__}:Inventory", Passing)


def test_older_releases_are_kept_from_such_a_pool_and_from_no_other(pool: Pool) -> None:
    def features() -> int:
        return pool._heap.read(pool._heap.root_offset + 8) >> 32

    pool.root = pool.new(PersistentList)
    assert features() == 0
    with pytest.raises(ZeroDivisionError), pool.transaction():
        pool.new(Inventory)
        assert features() == 1
        1 // 0  # noqa: B018
    assert features() == 0
    pool.root.append(pool.new(Inventory))
    assert features() == 1
    path = pool.path
    pool.close()
    with pmemobj.open(path) as again:
        assert again.root == [{}] and again.check().ok


def test_the_error_of_a_missing_class_is_in_three_parts() -> None:
    assert issubclass(ClassNotFoundError, pmemobj.PmemError)
