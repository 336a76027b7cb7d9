"""The examples of README, docs/ and docstrings run as they stand; the pages are complete, and their links work."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pmemobj
import pmemobj.crash
import pmemobj.inspect

ROOT = Path(__file__).parents[2]
AT_THE_TOP = [ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")]
PAGES = [*AT_THE_TOP, *sorted((ROOT / "docs").rglob("*.md"))]
#: The blocks of this page build on each other, and tests/objects/test_fields.py runs them.
ELSEWHERE = "docs/persistent_classes.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [
    pytest.param(block, id=f"{page.relative_to(ROOT)} {number}")
    for page in PAGES
    if str(page.relative_to(ROOT)) != ELSEWHERE
    for number, block in enumerate(BLOCK.findall(page.read_text()), 1)
]
#: Runs each example of a list in a directory of its own, as the main program.
RUN_ALL = """
import json, os, sys, traceback, types
for number, (name, code) in enumerate(json.load(sys.stdin)):
    os.mkdir(str(number))
    os.chdir(str(number))
    try:
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, name, "exec"), vars(main))
    except BaseException:
        print("The example of", name, "fails:", file=sys.stderr)
        traceback.print_exc()
    os.chdir("..")
"""

pytestmark = pytest.mark.once


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_runs(run_python: Any, block: str) -> None:
    if "import numpy" in block:
        pytest.importorskip("numpy")
    if "crash.record" in block:
        pytest.importorskip("pmemobj.crash._native")
    assert run_python(block).stderr == ""


def test_the_example_for_pytest_passes(run_python: Any) -> None:
    """The page begins with a class, and ends with a test of this class."""
    pytest.importorskip("pmemobj.crash._native")
    page = (ROOT / "docs" / "howto" / "own_class.md").read_text()
    (test,) = re.findall(r"^```\n(pytest_plugins.*?)^```", page, re.MULTILINE | re.DOTALL)
    program = BLOCK.findall(page)[0] + test
    code = "import pathlib, pytest, sys; pathlib.Path('test_stock.py').write_text(sys.stdin.read()); "
    code += "sys.exit(pytest.main(['-q', 'test_stock.py']))"
    done = run_python(code, input=program, seconds=110, env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert "1 passed" in done.stdout


def docstrings() -> Iterator[tuple[str, str]]:
    """The names and docstrings of all public functions and classes, and of their public methods."""
    yield "pmemobj", pmemobj.__doc__ or ""
    for module in (pmemobj, pmemobj.inspect, pmemobj.crash):
        for name in getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]:
            entry = getattr(module, name)
            if not callable(entry) or not (getattr(entry, "__module__", None) or "").startswith("pmemobj"):
                continue
            yield f"{module.__name__}.{name}", inspect.getdoc(entry) or ""
            if inspect.isclass(entry):
                for method in vars(entry):
                    if not method.startswith("_"):
                        yield f"{module.__name__}.{name}.{method}", inspect.getdoc(getattr(entry, method)) or ""
    yield "pmemobj.open", inspect.getdoc(pmemobj.open) or ""


def blocks(docstring: str) -> Iterator[str]:
    """The indented blocks after a line that ends in ``::``, if they are Python."""
    for found in re.finditer(r"::\n\n((?:(?:    .*)?\n?)+)", docstring):
        code = textwrap.dedent(found.group(1))
        try:
            ast.parse(code)
        except SyntaxError:
            continue
        if "import pmemobj" in code:  # tests/containers/test_docstrings.py runs the short ones in a pool
            yield code


def test_the_examples_of_the_docstrings_run(run_python: Any) -> None:
    """All of them run in one child, to save time."""
    examples = [(name, code) for name, docstring in dict(docstrings()).items() for code in blocks(docstring)]
    assert len(examples) >= 12, "the docstrings have examples, but they are not found"
    assert run_python(RUN_ALL, input=json.dumps(examples), seconds=110).stderr == ""


def test_what_is_public_is_in_the_reference() -> None:
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    entries = re.findall(r"(?:auto(?:function|class|exception)|py:data):: ([\w.]+)", pages)
    everything = (
        {*pmemobj.__all__, *pmemobj.crash.__all__} - set(pmemobj.errors.__all__) - {"errors", "glance", "inspect"}
    )
    assert everything - {entry.rpartition(".")[2] for entry in entries} == set()
    assert set(re.findall(r"automodule:: ([\w.]+)", pages)) == {
        *("pmemobj.errors", "pmemobj.glance", "pmemobj.inspect", "pmemobj.crash", "pmemobj.testing")
    }


def contents(index: Path) -> Iterator[Path]:
    """The pages in the tables of contents of a page, and in those of the pages that have one themselves."""
    for table in re.findall(r"^```\{toctree\}\n(.*?)^```", index.read_text(), re.MULTILINE | re.DOTALL):
        for line in table.splitlines():
            if line and not line.startswith(":") and "*" not in line:
                page = (index.parent / f"{line.strip('<> ').rpartition('<')[2]}.md").resolve()
                yield page
                yield from contents(page)


def test_every_page_is_in_the_table_of_contents_once() -> None:
    """Sphinx takes a page that is in two tables for a mistake."""
    index = ROOT / "docs" / "index.md"
    named = list(contents(index))
    assert len(named) == len(set(named))
    assert {page for page in PAGES if page != index} - set(named) == set()
    assert [page for page in named if not page.exists()] == []


def test_the_citation_has_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {project['version']}\n" in citation and f"\nlicense: {project['license']}\n" in citation


def test_every_link_leads_to_a_file() -> None:
    """Links to headings are checked by test_glossary.py, and when the site is made."""
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            if not re.match(r"https?:|#", link):
                assert (page.parent / link.partition("#")[0]).exists(), f"{page.name}: {link}"


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


def test_the_table_of_notebooks_is_complete() -> None:
    readme = (ROOT / "README.md").read_text()
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"| [{notebook.stem}](notebooks/{notebook.name}) |" in readme


def test_every_public_entry_is_on_a_page_for_users() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("guide", "values", "persistent_classes"))]
    text = "\n".join(page.read_text() for page in pages)
    names = {*pmemobj.__all__, *("inspect.walk", "walk_file", "flag=", "cached_property", "dataclasses.replace")}
    for cls in (pmemobj.PersistentObjectPool, pmemobj.MemoryManager):
        names |= {name for name in vars(cls) if not name.startswith("_")}
    names -= {*pmemobj.errors.__all__, *("DEFAULT_MAX_SIZE", "DEFAULT_POOL_SIZE", "compiled", "errors")}
    names -= {"Finding", "Report", "PoolStats"}  # the results of `check` and `stats`, which describe themselves
    assert {name for name in names if not re.search(rf"\b{re.escape(name)}", text)} == set()
