"""Imports between the rooms of pmemobj point down, to lower floors, and no imports form a circle.

Every import counts: at the top of a module, inside a function, and those for type checkers only.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from floors import ROOT, demand_no_circle, imports, modules_of, room

pytestmark = pytest.mark.once

#: The floors, lowest first. A room may import from itself and from lower floors. A folder is a room; here, as the
#: glossary says, each module at the top of the package counts as a room too.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("_build_mode", "_nocython", "_version"),
    ("errors", "_text", "_display", "_format", "_public_names", "_former_names"),
    ("_pmdk", "_progress"),
    ("_durability",),
    ("_engine", "_files"),
    ("_values",),
    ("_hashtable",),
    ("_containers",),
    ("_objects",),
    ("_inspection", "_history", "_verify"),
    ("inspect", "_lifecycle"),
    ("pool", "glance", "check"),
    ("_dumping",),
    ("dump",),
    ("__main__", "crash"),
    ("testing",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
#: The package that draws, and what it needs; no module of pmemobj may import any of these.
DRAWING = ("pmemobj_magics", "IPython", "ipywidgets", "graphviz", "anywidget")


MODULES = modules_of("pmemobj")


def complaints(source: str, module: str) -> list[str]:
    """What is wrong with the imports of a module of pmemobj."""
    own = room(module)
    found = []
    for target in imports(source, MODULES):
        top = target.split(".")[0]
        if top in DRAWING:
            found.append(target)
        elif top != "pmemobj" or own == "__init__" or room(target) == own:
            continue
        elif FLOOR.get(room(target), len(FLOORS)) >= FLOOR[own]:
            found.append(target)
    return found


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in MODULES} == {*FLOOR, "__init__"}


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_point_down(module: str) -> None:
    assert complaints(MODULES[module].read_text(), module) == []


def test_no_circle() -> None:
    demand_no_circle(MODULES)


@pytest.mark.parametrize(
    "source, module",
    [
        ("from pmemobj._containers.list import PersistentList", "pmemobj._engine.heap"),
        ("from pmemobj import pool", "pmemobj._objects.gc"),
        ("import pmemobj.crash", "pmemobj.pool"),
        ("def f():\n    from pmemobj import inspect", "pmemobj._values.words"),
        ("if TYPE_CHECKING:\n    from pmemobj.pool import create", "pmemobj._objects.gc"),
        ("import IPython", "pmemobj.inspect"),
        ("def f():\n    import pmemobj_magics.display_hooks", "pmemobj._display"),
        ("def f():\n    from pmemobj_magics import PoolGraph", "pmemobj._inspection.graphs"),
        ("import pmemobj", "pmemobj.pool"),
        ("from pmemobj import errors", "pmemobj._build_mode"),
    ],
)
def test_an_import_that_points_up_is_found(source: str, module: str) -> None:
    assert complaints(source, module)


@pytest.mark.parametrize(
    "source, module",
    [
        ("from pmemobj._engine.heap import Heap", "pmemobj._containers.list"),
        ("from pmemobj import _nocython as cython", "pmemobj._engine.heap"),
        ("import os", "pmemobj.errors"),
    ],
)
def test_an_import_that_points_down_is_not(source: str, module: str) -> None:
    assert complaints(source, module) == []


def test_no_module_names_the_package_that_draws() -> None:
    """It is found through its entry points."""
    assert [module for module, path in MODULES.items() if "pmemobj_magics" in path.read_text()] == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pmemobj_magics").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_magics_use_only_what_is_public(path: Path) -> None:
    for target in imports(path.read_text(), MODULES):
        if target.split(".")[0] == "pmemobj":
            assert "._" not in target, f"imports {target}"
