"""The examples of the README and the guide run as they stand, and the README knows every option of the magics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(block, id=f"{name} {number}")
    for name in ("README.md", "docs/guide.md", "docs/crash_lab.md")
    for number, block in enumerate(BLOCK.findall((ROOT / name).read_text()), 1)
]

pytestmark = pytest.mark.once


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_runs(run_python: Any, block: str) -> None:
    assert run_python(block).stderr == ""


def test_the_table_of_magics_is_complete() -> None:
    pytest.importorskip("IPython")
    from pmemobj_magics.magics import PmemMagics

    readme = (ROOT / "README.md").read_text()
    rows = [line for line in readme.splitlines() if line.startswith("| `%")]
    for kind, names in PmemMagics.magics.items():
        sign = "%" if kind == "line" else "%%"
        for name, method in names.items():
            mentioned = " ".join(row for row in rows if re.search(rf"`{sign}{name}\b", row))
            assert mentioned, name
            parser = getattr(PmemMagics, method).parser
            options = [word for action in parser._actions for word in action.option_strings if word.startswith("--")]
            for option in set(options) - {"--help"}:
                assert option in mentioned, f"{name} {option}"


def test_every_public_entry_is_on_a_page_for_users() -> None:
    import pmemobj

    pages = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("guide", "values", "persistent_classes"))]
    text = "\n".join(page.read_text() for page in pages)
    names = {*pmemobj.__all__, *("inspect.walk", "walk_file", "flag=", "cached_property", "dataclasses.replace")}
    for cls in (pmemobj.PersistentObjectPool, pmemobj.MemoryManager):
        names |= {name for name in vars(cls) if not name.startswith("_")}
    names -= {*pmemobj.errors.__all__, *("DEFAULT_MAX_SIZE", "DEFAULT_POOL_SIZE", "compiled", "errors")}
    names -= {"Finding", "Report", "PoolStats"}  # what `check` and `stats` return, which say what is in them
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}", text)} == set()
