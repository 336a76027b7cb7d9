"""What programs load of the C declarations is what declarations.h says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from pmemobj._pmdk import library
from pmemobj._pmdk.declarations import ffi

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


def test_the_generated_module_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_declarations", ROOT / "tools" / "make_declarations.py")
    assert spec is not None and spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    there = (ROOT / "pmemobj" / "_pmdk" / "declarations.py").read_text()
    assert there == maker.declarations(), "run `python tools/make_declarations.py`"


def test_the_library_has_all_functions_that_are_declared() -> None:
    loaded = library.load()
    header = (ROOT / "pmemobj" / "_pmdk" / "declarations.h").read_text()
    declared = re.findall(r"\b(pmemobj_\w+)\(", header)
    assert declared and set(declared) <= set(dir(loaded))
    assert all(ffi.addressof(loaded, name) != ffi.NULL for name in declared)
