"""Imports point up the list of rooms only; nothing reaches past a door that is marked private."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parent.parent
#: Lowest first: a module may import those before it.
ORDER = [
    "errors",
    "_counts",
    "_show",
    "_tree",
    "_layout",
    "_lib",
    "_calls",
    "_ranges",
    "_chunks",
    "_undo",
    "_loans",
    "_handles",
    "_lock",
    "_heap",
    "_publish",
    "_transaction",
    "_watching",
    "_checking",
    "_advice",
    "_pickles",
    "_times",
    "_nans",
    "_leaves",
    "_key_tuples",
    "_values",
    "_hashes",
    "_keys",
    "_key_words",
    "_invariants",
    "_names",
    "_base",
    "_table_form",
    "_table_texts",
    "_new_entries",
    "_table",
    "_table_check",
    "_walk",
    "_views",
    "_sequence",
    "_list",
    "_tuple",
    "_dict",
    "_set",
    "_classes",
    "_object",
    "_rows",
    "_buffer",
    "_number_sequence",
    "_bytes_methods",
    "_bytearray",
    "_elements",
    "_array",
    "_structures",
    "convert",
    "_typed",
    "_blocks",
    "_extension",
    "_standin",
    "_manager",
    "_gc",
    "_parts",
    "_file_words",
    "_lanes",
    "_file",
    "_medium",
    "_storage",
    "_stats",
    "_before",
    "_graphs",
    "_readings",
    "_memory_raw",
    "_memory_kinds",
    "_memory_form",
    "_memory",
    "inspect",
    "_whereabouts",
    "_log_entries",
    "_log_drafts",
    "_log_recorder",
    "_log",
    "glance",
    "_examine",
    "_examine_kinds",
    "_probe",
    "pool",
    "_portable",
    "_portable_leaves",
    "_records",
    "_table_records",
    "_raw_records",
    "_build",
    "dump",
    "check",
    "__main__",
    "crash",
    "testing",
]
#: The one room with a door to the package that draws; it is opened in functions only, when something is displayed.
DOOR = "_show"
#: Needed before anything else can be imported, so they import nothing of the package.
FREE = {"_build_mode", "_nocython"}


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of everything that is imported, in functions too, but not for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imports(ast.Module([other], []))
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            for alias in node.names:
                yield node.module or "", alias.name
        yield from imports(node)


def rooms_of(module: str, name: str) -> str | None:
    """The room of pmemobj that an import enters; '' for the package itself."""
    parts = module.split(".")
    if parts[0] != "pmemobj":
        return None
    if len(parts) > 1:
        return parts[1]
    return name if name in ORDER or name in FREE else ""


def room_of_file(path: Path) -> str:
    """``pmemobj/crash/_kill.py`` is in the room crash; the public list is above them all."""
    return path.relative_to(ROOT / "pmemobj").parts[0].removesuffix(".py")


def complaints(source: str, room: str) -> list[str]:
    """What is wrong with the imports of a module of pmemobj."""
    found = []
    for module, name in imports(ast.parse(source)):
        what = f"{room} imports {module} {name}".rstrip()
        is_door = room == DOOR and module.startswith("pmemobj_magics.") and f"    from {module} import" in source
        if module.split(".")[0] in ("pmemobj_magics", "IPython", "ipywidgets", "graphviz") and not is_door:
            found.append(what)
        target = rooms_of(module, name)
        if target is None or target == room or room == "__init__":
            continue
        if room in FREE or target == "" or (target not in FREE and ORDER.index(target) > ORDER.index(room)):
            found.append(what)
    return found


FILES = sorted((ROOT / "pmemobj").rglob("*.py"))


def test_every_module_has_a_place() -> None:
    rooms = {room_of_file(path) for path in FILES}
    assert rooms == {*ORDER, *FREE, "__init__"}, "a module is missing in the order, or gone"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_up_the_list(path: Path) -> None:
    assert complaints(path.read_text(), room_of_file(path)) == []


@pytest.mark.parametrize(
    "source, room",
    [
        ("from pmemobj._list import PersistentList", "_heap"),
        ("from pmemobj import pool", "_gc"),
        ("import pmemobj.crash", "pool"),
        ("def f():\n    from pmemobj import inspect", "_values"),
        ("import IPython", "inspect"),
        ("import pmemobj_magics", "crash"),
        ("from pmemobj_magics.graph import PoolGraph", "_show"),
        ("def f():\n    import graphviz", "_show"),
        ("import pmemobj", "pool"),
        ("from pmemobj import errors", "_build_mode"),
        ("if x:\n    pass\nelse:\n    from pmemobj.pool import create", "_lib"),
    ],
)
def test_an_import_that_points_down_is_found(source: str, room: str) -> None:
    assert complaints(source, room)


@pytest.mark.parametrize(
    "source, room",
    [
        ("from pmemobj._heap import Heap", "_list"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pmemobj.pool import create", "inspect"),
        ("from pmemobj import _nocython as cython", "_heap"),
        ("import os", "errors"),
        ("def f():\n    from pmemobj_magics.graph import PoolGraph", "_show"),
    ],
)
def test_an_import_that_is_right_is_not(source: str, room: str) -> None:
    assert complaints(source, room) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "pmemobj_magics").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_magics_use_only_what_is_public(path: Path) -> None:
    for module, name in imports(ast.parse(path.read_text())):
        if module.split(".")[0] == "pmemobj":
            private = [part for part in [*module.split("."), name] if part.startswith("_")]
            assert not private, f"imports {module} {name}"


def test_there_is_a_place_for_each_layer_in_the_documentation() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in row.replace("`", "").replace(" ", "").split(",")]
    assert [name for name in named if name in ORDER] == ORDER
