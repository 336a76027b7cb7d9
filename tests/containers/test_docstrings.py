"""The public methods of containers and of the memory manager say what they cost and when a change is durable."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import pmemobj
from pmemobj import (
    Block,
    Field,
    MemoryManager,
    Persistent,
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentSet,
    PersistentTuple,
)

pytestmark = pytest.mark.once

CLASSES: list[type] = [
    PersistentList,
    PersistentTuple,
    PersistentDict,
    PersistentSet,
    PersistentByteArray,
    PersistentArray,
    PersistentObject,
    Persistent,
    Field,
    Block,
    MemoryManager,
]
FUNCTIONS = [pmemobj.to_python, pmemobj.alias, pmemobj.persist_via_pickle]
#: The methods that change nothing. A method that is not among them must say when its change is durable.
READING = {
    *("copy", "count", "fromkeys", "get", "index", "items", "keys", "tobytes", "tofile", "tolist", "to_python"),
    *("values", "view"),
    *("difference", "intersection", "isdisjoint", "issubset", "issuperset", "symmetric_difference", "union"),
    *("read", "resurrect", "transaction"),
    *(name for name in vars(bytearray) if name not in vars(list) or name in ("count", "index", "copy")),
}
#: What ``pool.root`` is in an example of a method.
ROOTS: dict[type, tuple[Any, ...]] = {
    PersistentList: (["b", "aa"],),
    PersistentTuple: ((1, 2),),
    PersistentDict: ({"name": "Ann"},),
    PersistentSet: (["z"],),
    PersistentByteArray: (b"abc",),
    PersistentArray: ("d", [1.5, 2.5]),
}


def methods() -> Iterator[tuple[type, str]]:
    """All public methods, those of base classes included."""
    for cls in CLASSES:
        for name in dir(cls):
            if not name.startswith("_") and callable(getattr(cls, name)):
                yield cls, name


METHODS = [pytest.param(cls, name, id=f"{cls.__name__}.{name}") for cls, name in methods()]


def test_the_methods_are_found() -> None:
    names = {(cls, name) for cls, name in methods()}
    assert {(PersistentList, "append"), (PersistentSet, "clear"), (MemoryManager, "alloc")} <= names
    assert {"append", "update", "pop", "store", "clear"}.isdisjoint(READING)


@pytest.mark.parametrize("cls, name", METHODS)
def test_a_method_says_its_cost_and_its_durability(cls: type, name: str) -> None:
    text = inspect.getdoc(getattr(cls, name)) or ""
    assert re.search(r"^Cost: .", text, re.MULTILINE), text
    if name not in READING:
        assert re.search(r"^Durability: .", text, re.MULTILINE), text


@pytest.mark.parametrize("item", [*CLASSES, *FUNCTIONS], ids=lambda item: item.__name__)
def test_a_class_or_function_says_its_cost_and_its_durability(item: Any) -> None:
    text = inspect.getdoc(item) or ""
    if item is not MemoryManager:  # Its methods say it.
        assert re.search(r"^Cost: .", text, re.MULTILINE) and re.search(r"^Durability: .", text, re.MULTILINE), text


def example_of(cls: type, name: str) -> str:
    """The example of a method that needs a pool, with the object as its root; empty if it has none."""
    text = inspect.getdoc(getattr(cls, name)) or ""
    _, _, block = text.partition("Example::\n\n")
    code = textwrap.dedent(block)
    return "" if "import pmemobj" in code else code


EXAMPLES = [
    pytest.param(cls, name, id=f"{cls.__name__}.{name}")
    for cls, name in methods()
    if cls in ROOTS and example_of(cls, name)
]


def test_the_examples_are_found() -> None:
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize("cls, name", EXAMPLES)
def test_the_example_of_a_method_runs(pool: pmemobj.PersistentObjectPool, cls: type, name: str) -> None:
    pool.root = pool.new(cls, *ROOTS[cls])
    code = example_of(cls, name)
    assert "pool.root." in code
    exec(code, {"pool": pool, "pmemobj": pmemobj})
    pool.root._check()
