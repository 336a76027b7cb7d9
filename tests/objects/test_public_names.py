"""What is public names the module from which programs import it; names that were stored before that are still found."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import pmemobj
from pmemobj import PersistentObjectPool as Pool
from pmemobj import _former_names
from pmemobj._objects.class_names import stored_name

#: The public modules, and where else a public name of theirs may belong.
MODULES = {
    "pmemobj": ("pmemobj", "pmemobj.errors"),
    "pmemobj.inspect": ("pmemobj.inspect",),
    "pmemobj.glance": ("pmemobj.glance",),
    "pmemobj.crash": ("pmemobj.crash",),
}
CLASSES = [
    pytest.param(item, homes, id=f"{module}.{name}")
    for module, homes in MODULES.items()
    for name in importlib.import_module(module).__all__
    if isinstance(item := getattr(importlib.import_module(module), name), type)
]


@pytest.mark.parametrize("cls, homes", CLASSES)
def test_a_public_class_belongs_to_a_public_module(cls: type, homes: tuple[str, ...]) -> None:
    assert cls.__module__ in homes
    assert getattr(importlib.import_module(cls.__module__), cls.__qualname__) is cls
    assert type.__repr__(cls) == f"<class '{cls.__module__}.{cls.__qualname__}'>"
    assert pickle.loads(pickle.dumps(cls)) is cls


def test_an_error_speaks_of_the_public_name(pool: Pool) -> None:
    names = pool.new(pmemobj.PersistentDict)
    with pytest.raises(AttributeError, match=r"'(pmemobj\.)?PersistentDict' object has no attribute 'spam'"):
        names.spam  # noqa: B018
    assert repr(pmemobj.PersistentDict[str, int]) == "pmemobj.PersistentDict[str, int]"


@pytest.mark.parametrize("former", sorted(_former_names._CURRENT), ids=":".join)
def test_a_former_name_leads_to_what_is_public(former: tuple[str, str]) -> None:
    module, name = former
    item = getattr(importlib.import_module(module), name)
    home, current = _former_names.current(module, name)
    assert item is getattr(importlib.import_module(home), current)
    assert pickle.loads(f"c{module}\n{name}\n.".encode()) is item
    if isinstance(item, type) and item.__module__ == home:
        assert _former_names.hashed_name(item) == ":".join(former)


def test_only_listed_names_are_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pmemobj._no_such_module")
    former: Any = importlib.import_module("pmemobj._base")
    with pytest.raises(AttributeError, match=r"module 'pmemobj\._base' has no attribute 'create'"):
        former.create  # noqa: B018
    with pytest.raises(ImportError):
        exec("from pmemobj._base import create")


def test_the_finder_comes_last_and_once(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_python(
        "import sys, importlib; before = list(sys.meta_path); import pmemobj; importlib.reload(pmemobj);"
        "print([finder in before for finder in sys.meta_path][-2:], type(sys.meta_path[-1]).__name__)"
    )
    assert done.stdout == "[True, False] _FormerModules\n"
    assert "pmemobj._base" not in sys.modules or sys.modules["pmemobj._base"].__spec__ is not None


def test_the_plain_class_is_stored_by_its_public_name(pool: Pool) -> None:
    pool.root = pool.new(pmemobj.PersistentObject)
    assert stored_name(pmemobj.PersistentObject) == "pmemobj:PersistentObject"
    assert pool._heap.types.layout(0).name == "pmemobj:PersistentObject"


def test_a_pool_with_the_old_name_gets_no_second_class(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as then:
        then.setattr("pmemobj._objects.class_table.stored_name", lambda cls: "pmemobj._object:PersistentObject")
        pool.root = pool.new(pmemobj.PersistentList, [pool.new(pmemobj.PersistentObject)])
    pool.root.append(pool.new(pmemobj.PersistentObject))
    assert pool._heap.types.count == 1 and [type(item) for item in pool.root] == [pmemobj.PersistentObject] * 2
    pool.root[0].__class__ = pmemobj.PersistentObject
