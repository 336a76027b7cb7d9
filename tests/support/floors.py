"""The modules of a package, what they import, and whether these imports form a circle.

The tests of the floors of pmemobj and of pmemobj_magics share this. Every import counts: at the top of a module, inside
a function, and those for type checkers only.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules_of(package: str) -> dict[str, Path]:
    """Every module of a package of this repository, by its full name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: str, modules: Mapping[str, Path]) -> Iterator[str]:
    """The modules that a source imports, wherever in it; `modules` tells modules from other names of a package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"line {node.lineno}: relative import"
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules else node.module for name in names)


def room(module: str) -> str:
    """``pmemobj._engine.heap`` is in the room ``_engine``; the package itself is above all rooms."""
    return module.split(".")[1] if "." in module else "__init__"


def demand_no_circle(modules: Mapping[str, Path]) -> None:
    """Fail if the imports between some modules form a circle."""
    # The `__init__` of a room only hands names on; an import of a module of the room does not depend on it.
    graph = {
        module: {target for target in imports(path.read_text(), modules) if target in modules and target != module}
        for module, path in modules.items()
        if path.name != "__init__.py"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
