"""What ``import pmemobj`` loads, what a program that opens a pool loads, and what waits until it is asked for."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from decimal import Decimal
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
#: Modules of which a program needs no type until it stores or reads a value of the type.
SLOW += ("datetime", "decimal", "fractions", "numbers", "pickle", "platform", "uuid", "zoneinfo")
SLOW += ("pmemobj._values.exact_numbers", "pmemobj._values.pickling", "pmemobj._values.times", "pmemobj._values.uuids")
#: Modules of Python's own that an import of this package imports, besides those that these import. Every program pays
#: for each of them, so one more needs a good reason.
PAID = "_random, array, atexit, bisect, contextlib, enum, errno, fcntl, importlib.machinery, math, mmap, os, signal, "
PAID += "struct, threading, typing, warnings, weakref, zlib, __future__"

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


@pytest.mark.skipif(not pmemobj.compiled, reason="uncompiled modules import a stand-in for the compiler")
def test_an_import_loads_no_other_modules_of_python() -> None:
    found = {name for name in loaded(IMPORT) - loaded(f"import {PAID}") if name.split(".")[0] != "pmemobj"}
    assert {name for name in found if "cython" not in name} == {"_cffi_backend"}


#: For each module that is imported late, how it is imported, and a value of one of its types.
LATE = {
    "datetime": ("import datetime", "datetime.date(2024, 2, 29)"),
    "decimal": ("import decimal", "decimal.Decimal('1.10')"),
    "fractions": ("import fractions", "fractions.Fraction(1, 3)"),
    "uuid": ("import uuid", "uuid.UUID(int=1 << 100)"),
}


@pytest.mark.parametrize("first", ["before", "after"])
@pytest.mark.parametrize("module", list(LATE))
def test_types_are_known_whenever_their_module_is_imported(module: str, first: str, pool_path: str) -> None:
    statement, value = LATE[module]
    begin = f"{statement}\nimport pmemobj" if first == "before" else f"import pmemobj\n{statement}"
    store = f"""
{begin}
class Derived(type({value})):
    pass
with pmemobj.create({pool_path!r}, 8 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentDict)
    pool.root[{value}] = {value}
    key = Derived(*{value}.__reduce__()[1]) if {module!r} != "uuid" else Derived(int=1 << 100)
    assert key == {value} and pool.root[key] == {value}
"""
    loaded(store)
    # Another program has no module of a type before it reads a value of the type.
    read = f"""
import pmemobj
with pmemobj.open({pool_path!r}) as pool:
    assert len(pool.root) == 1 and {module!r} not in sys.modules
    ((key, found),) = pool.root.items()
    {statement}
    assert key == found == {value} and type(key) is type(found) is type({value})
"""
    loaded(read)


def test_a_program_may_forbid_a_module(pool_path: str) -> None:
    code = f"""
sys.modules.update(dict.fromkeys({list(LATE)!r}))
import pmemobj
with pmemobj.create({pool_path!r}, 8 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentDict, {{1.5: 2.5}})
    assert object() not in pool.root.values() and pool.root[1.5] == 2.5
    try:
        pool.root[1] = object()
    except pmemobj.NotPersistableError:
        sys.exit()
    assert False
"""
    loaded(code)


def test_a_nan_is_found_although_the_pool_has_not_been_read(pool_path: str) -> None:
    with pmemobj.create(pool_path, 8 << 20) as pool:
        pool.root = pool.new(pmemobj.PersistentList, [Decimal("nan")])
    code = f"""
import pmemobj
with pmemobj.open({pool_path!r}) as pool:
    import decimal
    nan = decimal.Decimal("nan")
    assert nan in pool.root and pool.root.index(nan) == 0
    assert pool.root == [decimal.Decimal("nan")]
"""
    loaded(code)


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
