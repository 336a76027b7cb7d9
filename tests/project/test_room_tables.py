"""Each room of pmemobj has a table of its modules, and the documents lead to all rooms."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pmemobj"
ROOMS = sorted(path.parent for path in PACKAGE.glob("_*/__init__.py"))
#: Folders with a table of modules; unlike a room, the crash lab also has public names in its `__init__`.
WITH_TABLES = [*ROOMS, PACKAGE / "crash"]
#: The pages that lead contributors to the code.
PAGES = [
    *(ROOT / "CONTRIBUTING.md", ROOT / "docs" / "architecture.md"),
    *sorted((ROOT / "docs" / "design").glob("*.md")),
    *sorted((ROOT / "docs" / "howto").glob("add_*.md")),
]
ROW = re.compile(r"^ *\| `(\w+)` \| (.+) \|$", re.MULTILINE)


def modules(room: Path) -> set[str]:
    """The modules of a room; a `.pxd` that has no `.py` beside it counts as a module."""
    return {path.stem for pattern in ("*.py", "*.pxd") for path in room.glob(pattern)} - {"__init__"}


@pytest.mark.parametrize("room", WITH_TABLES, ids=lambda room: room.name)
def test_the_table_of_a_room_names_its_modules(room: Path) -> None:
    """Exactly these, each once, and the `__init__` of a room holds nothing but the text."""
    source = ast.parse((room / "__init__.py").read_text())
    if room in ROOMS:
        assert len(source.body) == 1, "the __init__ of a room is a docstring: what it imported would be imported always"
    rows = ROW.findall(ast.get_docstring(source) or "")
    names = [name for name, _ in rows]
    assert len(names) == len(set(names))
    assert set(names) == modules(room)


def test_the_architecture_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert {room.name for room in ROOMS} == set(re.findall(r"^\| \[`(_\w+)`\]\(\.\./pmemobj/", page, re.MULTILINE))


def test_the_architecture_names_every_public_module() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    at_the_top = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.parent.name for path in PACKAGE.glob("*/__init__.py")
    }
    missing = {name for name in at_the_top - {"__init__"} if f"`{name}`" not in page}
    assert missing == set()


#: A file of pmemobj, and a function, class or method in it: `` `_engine/heap.py` `Heap.bind` ``.
FUNCTION = re.compile(r"`(?:pmemobj/)?(\w+(?:/\w+)*\.py)`,? `([\w.]+)`")


def defined(path: Path) -> set[str]:
    """The functions and classes at the top of a file, and the methods of the classes, as ``Class.method``."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
    return found


def test_the_journeys_pass_functions_that_exist() -> None:
    """The file that is named must define the name itself. A class that only inherits a method does not count."""
    named = FUNCTION.findall((ROOT / "docs" / "architecture.md").read_text())
    assert len(named) > 40
    wrong = []
    for file, name in named:
        if not (PACKAGE / file).exists():
            wrong.append(f"{file}: no such file")
        elif name not in defined(PACKAGE / file):
            wrong.append(f"{file}: no {name}")
    assert wrong == []


ABOVE = {
    "_verify": "check",
    "_inspection": "inspect",
    "_dumping": "dump",
    "_lifecycle": "pool",
    "_history": "pool",
}


@pytest.mark.parametrize("room, module", ABOVE.items())
def test_a_room_names_the_public_module_above_it(room: str, module: str) -> None:
    text = " ".join((PACKAGE / room / "__init__.py").read_text().split())
    assert f"The public module above this room is `pmemobj.{module}`" in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_for_contributors_names_exists(page: Path) -> None:
    """Except for those whose names have a part in capitals, which stands for a name of one's own."""
    named = re.findall(r"`((?:pmemobj|pmemobj_magics|tests|docs|notebooks|benchmarks|tools)/[\w/.]*)", page.read_text())
    assert [name for name in named if not (ROOT / name).exists() and not re.search("[A-Z]{4}", name)] == []


def test_the_picture_shows_the_floors() -> None:
    """It is made by ``python docs/make_architecture.py``."""
    spec = importlib.util.spec_from_file_location("make_architecture", ROOT / "docs" / "make_architecture.py")
    assert spec is not None and spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert {name for floor in maker.floors() for name in floor} <= set(maker.CAPTIONS)
    assert maker.PICTURE.read_text() == maker.picture()
