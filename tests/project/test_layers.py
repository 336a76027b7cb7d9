"""The rooms of pmemobj stand on one another: imports point down the list, and none of them closes a circle.

Every import counts: at the top of a module, inside a function, and for type checkers alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pmemobj"
#: The floors, lowest first. A room (a folder, or a module at the top) may import from itself and from lower floors.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("_build_mode", "_nocython"),
    ("errors", "_text", "_display", "_format", "_public_names", "_former_names"),
    ("_pmdk",),
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
#: Imports that the flat modules had, and that still run up or across: each is to go.
KNOWN: set[tuple[str, str]] = {
    ("pmemobj._inspection.before_image", "pmemobj.pool"),
    ("pmemobj._lifecycle.trial", "pmemobj.inspect"),
    ("pmemobj.glance", "pmemobj.pool"),
    ("pmemobj.inspect", "pmemobj.pool"),
    ("pmemobj._inspection.tree_text", "pmemobj._inspection.graphs"),
}
#: What the package that draws brings along; nothing of pmemobj may need it.
DRAWING = ("pmemobj_magics", "IPython", "ipywidgets", "graphviz", "anywidget")


def modules() -> dict[str, Path]:
    """Every module of the package, by its full name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(source: str) -> Iterator[str]:
    """The modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"line {node.lineno}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def room(module: str) -> str:
    """``pmemobj._engine.heap`` is in the room ``_engine``; the package itself is above all rooms."""
    return module.split(".")[1] if "." in module else "__init__"


def complaints(source: str, module: str) -> list[str]:
    """What is wrong with the imports of a module of pmemobj."""
    own = room(module)
    found = []
    for target in imports(source):
        top = target.split(".")[0]
        if top in DRAWING and module != "pmemobj._display":  # its door is to become an entry point
            found.append(target)
        elif top == "pmemobj" and own != "__init__" and room(target) != own:
            if FLOOR.get(room(target), len(FLOORS)) >= FLOOR[own] and (module, target) not in KNOWN:
                found.append(target)
    return found


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in MODULES} == {*FLOOR, "__init__"}


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_point_down(module: str) -> None:
    assert complaints(MODULES[module].read_text(), module) == []


def test_no_circle() -> None:
    # The face of a room only hands names on; who imports a module of the room does not depend on it.
    graph = {
        module: {target for target in imports(path.read_text()) if target in MODULES and target != module}
        for module, path in MODULES.items()
        if path.name != "__init__.py"
    }
    for module, target in KNOWN:
        graph[module].discard(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(
    "source, module",
    [
        ("from pmemobj._containers.list import PersistentList", "pmemobj._engine.heap"),
        ("from pmemobj import pool", "pmemobj._objects.gc"),
        ("import pmemobj.crash", "pmemobj.pool"),
        ("def f():\n    from pmemobj import inspect", "pmemobj._values.words"),
        ("if TYPE_CHECKING:\n    from pmemobj.pool import create", "pmemobj.inspect"),
        ("import IPython", "pmemobj.inspect"),
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


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pmemobj_magics").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_magics_use_only_what_is_public(path: Path) -> None:
    for target in imports(path.read_text()):
        if target.split(".")[0] == "pmemobj":
            assert "._" not in target, f"imports {target}"
