"""The self-contained wheel of `make wheel` has all its files, and needs nothing on the machine but Python.

The slow half is run by `make test-wheel`, which makes the wheel first; it needs root, debootstrap and the package registries.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fresh_root
import pytest
from fresh_root import ROOT, FreshRoot

pytestmark = pytest.mark.once

slow = [pytest.mark.fresh_root, pytest.mark.timeout(0)]  # each step has its own patience

#: All steps that a user would take, in a process that has no other libpmemobj.
PROGRAM = r"""
import ctypes, os, signal, subprocess, sys, tempfile

try:
    ctypes.CDLL("libpmemobj.so.1")
except OSError:
    pass
else:
    sys.exit("this machine has a libpmemobj of its own")

import ssl  # a libcrypto of the wheel must not get in its way, whichever comes first
import pmemobj

os.chdir(tempfile.mkdtemp())
assert pmemobj.compiled
with pmemobj.create("bank.pmem", 16 << 20) as pool:
    pool.root = pool.persistent({"ada": 100, "bob": 100})

CHILD = '''
import os, signal, pmemobj
pool = pmemobj.open("bank.pmem")
with pool.transaction():
    pool.root["ada"] -= 30
    os.kill(os.getpid(), signal.SIGKILL)
'''
assert subprocess.run([sys.executable, "-c", CHILD]).returncode == -signal.SIGKILL
with pmemobj.open("bank.pmem") as pool:
    assert pool.recovered
    assert pool.root.to_python() == {"ada": 100, "bob": 100}

from pmemobj import crash

with pmemobj.open("bank.pmem") as pool:
    def transfer():
        pool.root["ada"] -= 30
        pool.root["bob"] += 30
    def rule(pool):
        assert sum(pool.root.values()) == 200
    report = crash.record(pool, transfer).explore(rule)
    assert not report.ok, report
loaded = {line.split()[-1] for line in open("/proc/self/maps") if "pmem" in line and ".so" in line}
assert any(path.endswith("pmemobj/_bundled/libpmemobj.so.1") for path in loaded), loaded
assert pmemobj.check("bank.pmem").ok
print("all well")
"""


def wheel() -> Path:
    found = list((ROOT / "dist").glob("pmemobj-*.whl"))
    if len(found) != 1:
        pytest.skip("there is no wheel: make wheel")
    return found[0]


#: This runs in a child, since a process loads the library only once.
LOADS_WHAT_LIES_BESIDE = """
import os
from pmemobj import errors
from pmemobj._pmdk import library

library._BUNDLED = os.path.abspath("libpmemobj.so.1")
open(library._BUNDLED, "wb").write(b"no library")
try:
    library.load()
except errors.LibraryError as error:
    assert library._BUNDLED in str(error), error
else:
    raise SystemExit("the system's library was loaded")
os.unlink(library._BUNDLED)
library.load()
"""


def test_a_library_beside_the_package_goes_before_the_system_s(run_python: Callable[..., Any]) -> None:
    run_python(LOADS_WHAT_LIES_BESIDE)


class TestFresh:
    """The program runs on a machine with Python and nothing else."""

    pytestmark = slow

    def test_what_is_in_the_wheel(self) -> None:
        with zipfile.ZipFile(wheel()) as archive:
            names = archive.namelist()
            (note,) = (archive.read(name).decode() for name in names if name.endswith("licenses/BUNDLED.txt"))
            (metadata,) = (archive.read(name).decode() for name in names if name.endswith("/METADATA"))
            texts = {Path(name).name: archive.read(name).decode() for name in names if "/licenses/" in name}
        assert "pmemobj/_bundled/libpmemobj.so.1" in names
        assert any(re.match(r"pmemobj/crash/_native\..*\.so", name) for name in names)
        assert any(name.startswith("pmemobj.libs/libpmem-") for name in names)
        assert "Redistribution and use in source and binary forms" in texts["libpmemobj1.txt"]
        for package in re.findall(r"^(\S+)\t", note, re.MULTILINE)[1:]:
            assert f"License-File: {package}.txt\n" in metadata and texts[f"{package}.txt"]
        assert "manylinux" in wheel().name

    def test_it_needs_nothing_else(self, tmp_path: Path) -> None:
        with fresh_root.made(tmp_path / "root") as root:
            root.install("python3", "python3-venv")
            version = root.run("python3 -c 'import sys; print(\"cp%d%d\" % sys.version_info[:2])'").strip()
            if version not in wheel().name:
                pytest.skip(f"the wheel is for another Python than the {version} of this machine's system")
            install(root, wheel())
            assert root.run('/opt/user/bin/python -c "$1"', PROGRAM).strip().endswith("all well")


def install(root: FreshRoot, file: Path) -> None:
    """A virtual environment with the wheel in it."""
    (root.path / "opt" / file.name).write_bytes(file.read_bytes())
    root.run('python3 -m venv /opt/user && /opt/user/bin/pip install -q "$1"', f"/opt/{file.name}")
