"""The rooms of pmemobj_magics stand on one another: imports point down the list, and none of them closes a circle.

Every import counts: at the top of a module, inside a function, and for type checkers alone. A feature has one name in
the rooms `magics`, `commands` and `views`, and the docstring of each room lists its modules.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from floors import ROOT, demand_no_circle, imports, modules_of, room

pytestmark = pytest.mark.once

PACKAGE = ROOT / "pmemobj_magics"
#: The floors, lowest first. A room may import from itself and from lower floors.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("common",),
    ("views",),
    ("display_hooks", "shell"),
    ("commands",),
    ("magics",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
#: The floors inside of `views`, lowest first.
VIEWS: tuple[tuple[str, ...], ...] = (
    ("dumps", "journal", "log", "memory", "panel", "pools", "transactions", "tree"),
    ("graph",),
    ("crash", "watch"),
)
VIEW_FLOOR = {view: number for number, views in enumerate(VIEWS) for view in views}
#: Modules that are no feature: what the features of a room share.
SHARED = {"magics": {"all", "base"}, "commands": {"objects"}, "views": set[str]()}


MODULES = modules_of("pmemobj_magics")


def complaints(source: str, module: str) -> list[str]:
    """The imports of a module that do not point down."""
    own, found = room(module), []
    for target in imports(source, MODULES):
        if target.split(".")[0] != "pmemobj_magics":
            continue
        other = room(target)
        if own != "__init__" and other != own and FLOOR.get(other, len(FLOORS)) >= FLOOR[own]:
            found.append(target)
        if own == other == "views" and target.count(".") > 1:
            here, there = module.split(".")[2], target.split(".")[2]
            if here != there and VIEW_FLOOR[there] >= VIEW_FLOOR[here]:
                found.append(target)
    return found


def features(name: str) -> set[str]:
    paths = (PACKAGE / name).iterdir()
    return {path.stem for path in paths if path.stem.strip("_") == path.stem} - SHARED[name]


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in MODULES} <= {*FLOOR, "__init__"}
    assert features("views") == set(VIEW_FLOOR)


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_point_down(module: str) -> None:
    assert complaints(MODULES[module].read_text(), module) == []


def test_no_circle() -> None:
    demand_no_circle(MODULES)


def test_a_feature_has_one_name_in_all_rooms() -> None:
    assert features("magics") == features("commands") == features("views")


@pytest.mark.parametrize(
    "package", [path.parent for path in sorted(PACKAGE.rglob("__init__.py"))], ids=lambda p: p.name
)
def test_the_docstring_of_a_room_lists_its_modules(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    listed = set(re.findall(r"^\| `(\w+)`", docstring, re.MULTILINE))
    there = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    assert listed == there - {"__init__"}


@pytest.mark.parametrize(
    "source, module",
    [
        ("from pmemobj_magics.commands.graph import draw_graph", "pmemobj_magics.views.graph.view"),
        ("from pmemobj_magics import magics", "pmemobj_magics.commands.graph"),
        ("def f():\n    import pmemobj_magics.shell.session", "pmemobj_magics.common.texts"),
        ("if TYPE_CHECKING:\n    from pmemobj_magics.views.graph import PoolGraph", "pmemobj_magics.errors"),
        ("from pmemobj_magics.views.crash.looks import row", "pmemobj_magics.views.graph.view"),
        ("from pmemobj_magics.views.watch import PoolExplorer", "pmemobj_magics.views.crash.power"),
        ("import pmemobj_magics", "pmemobj_magics.magics.base"),
    ],
)
def test_an_import_that_points_up_is_found(source: str, module: str) -> None:
    assert complaints(source, module)


@pytest.mark.parametrize(
    "source, module",
    [
        ("from pmemobj_magics.views.tree import footer", "pmemobj_magics.views.graph.view"),
        ("from pmemobj_magics.magics import PmemMagics", "pmemobj_magics"),
        ("from pmemobj_magics.commands.objects import find", "pmemobj_magics.commands.graph"),
        ("import pmemobj.crash", "pmemobj_magics.views.tree.view"),
    ],
)
def test_an_import_that_points_down_is_not(source: str, module: str) -> None:
    assert complaints(source, module) == []
