"""What ``import pmemobj`` loads, what a program that opens a pool loads, and what waits until it is asked for."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE

import pmemobj

pytestmark = pytest.mark.once

#: Rooms and modules that a program needs only for looking, dumping, checking, and pools that nobody closed.
LATER = ("_dumping", "_history", "_inspection", "_verify", "_lifecycle.trial")
LATER += ("check", "crash", "dump", "glance", "inspect", "testing", "__main__")
#: Modules that take long to import, and that most programs do not need.
SLOW = ("argparse", "asyncio", "cffi", "dataclasses", "difflib", "hashlib", "inspect", "json", "linecache", "logging")
SLOW += ("multiprocessing", "pickletools", "pycparser", "secrets", "shutil", "socket", "subprocess", "tempfile")
SLOW += ("importlib.abc", "importlib.metadata", "importlib.resources", "IPython", "numpy", "pmemobj_magics")

IMPORT = "import pmemobj"
USE = """\
import pmemobj
with pmemobj.create({path!r}, 8 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentDict, one=1)
with pmemobj.open({path!r}) as pool, pool.transaction():
    pool.root["two"] = "a text that needs memory of its own" * 10
    pool.root["three"] = pool.new(pmemobj.PersistentList, [1.5, None])
"""


def loaded(code: str) -> set[str]:
    """The modules that a program loads. -I and -S: without what an installation loads, as for editable packages."""
    code = f"import sys\nsys.path[:] = {sys.path!r}\nbefore = {{*sys.modules}}\n{code}\nprint(*sys.modules.keys() - before)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("code", [IMPORT, USE], ids=["import", "use"])
def test_most_programs_load_only_what_they_need(code: str, pool_path: str) -> None:
    found = loaded(code.format(path=pool_path))
    rooms = {name.removeprefix("pmemobj.") for name in found if name.startswith("pmemobj.")}
    assert not {name for name in rooms if name.startswith(tuple(f"{late}." for late in LATER)) or name in LATER}
    assert not {name for name in found if name in SLOW or name.startswith(tuple(f"{slow}." for slow in SLOW))}


def test_a_use_loads_nothing_that_the_import_has_not_loaded(pool_path: str) -> None:
    # Otherwise the first pool would be slower than the others, and the import only look quick.
    assert not {name for name in loaded(USE.format(path=pool_path)) - loaded(IMPORT) if name.startswith("pmemobj")}


def test_every_public_name_is_there_when_it_is_asked_for() -> None:
    for name in pmemobj.__all__:
        assert getattr(pmemobj, name) is not None and name in dir(pmemobj)
    with pytest.raises(AttributeError, match="module 'pmemobj' has no attribute 'restart'"):
        pmemobj.restart  # type: ignore[attr-defined] # noqa: B018


def test_type_checkers_see_the_names_that_are_imported_later() -> None:
    tree = ast.parse(Path(pmemobj.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        seen.update({alias.name: "" if node.module == "pmemobj" else node.module for alias in node.names})
    assert seen == pmemobj._LATER
    assert set(pmemobj._LATER) <= set(pmemobj.__all__)


@pytest.mark.parametrize("name", ["check", "dump"])
def test_functions_keep_their_names_when_their_modules_are_imported(name: str) -> None:
    code = f"import pmemobj.{name}; from pmemobj.{name} import {name}; assert pmemobj.{name} is {name}"
    loaded(f"{code}; assert callable(pmemobj.{name})")
    module = importlib.import_module(f"pmemobj.{name}")
    assert getattr(pmemobj, name) is getattr(module, name)
