"""The checks of the exercises in notebook 9: they tell right answers from wrong ones, and why."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from course import pools_that_move
from exercises import FAST, assert_told, cell, changed

import pmemobj

pytestmark = pytest.mark.once
NOTEBOOK = "09_pools_that_move"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The variables of the notebook when its exercises begin."""
    monkeypatch.setattr(tempfile, "tempdir", FAST)
    modules = {each.__name__.rpartition(".")[2]: each for each in (io, os, shutil, pmemobj, pools_that_move)}
    return {**modules, "Path": Path, "__name__": __name__}


def test_backup(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    careless = "shutil.copy(pool.path, path)"
    text = "text = io.StringIO(); pmemobj.dump(pool, text); text.seek(0)"
    versions = {
        careless: "made while the pool was in use",
        "pass": "there is no copy",
        f"pool.suspend(); {careless}": "its pool is still suspended",
        f"pool.close(); {careless}": "its pool is closed",
        f"pool.close(); {careless}; globals().update(kept=pmemobj.open(pool.path))": "its pool is closed",
        "pmemobj.dump(pool, path)": "cannot be opened as a pool (NotAPoolError)",
        "pmemobj.create(path, 8 << 20).close()": "does not hold what the original held",
        "raise OSError(28, 'full')": "the code raised OSError",
        f"pool.suspend(); {careless}; pool.resume()": "✓ right",
        f"{text}; pmemobj.restore(text, path)": "✓ right",
    }
    assert_told(cell(NOTEBOOK, "def backup"), careless, versions, names, capsys)
    assert not pmemobj.open_pools()


def test_rehearse(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = cell(NOTEBOOK, "def rehearse")
    careless = source[source.index("    pool =") : source.index("\n\n\n")]
    sandbox = changed(careless, "open(path)", "open(path, sandbox=True)")
    rolled_back = """
    with pmemobj.open(path) as pool:
        try:
            with pool.transaction() as transaction:
                result = change(pool)
                transaction.abort()
        except pmemobj.TransactionAborted:
            return result"""
    versions = {
        careless: "the change has reached the file",
        rolled_back: "the objects are as before, but some bytes of the file have changed",
        changed(sandbox, "pool.close()", "globals().update(kept=pool)"): "a pool is still open",
        changed(sandbox, "return result", "return pool.path"): "the result is",
        "    os.unlink(path)": "the file of the pool was removed",
        "    return 1 / 0": "the code raised ZeroDivisionError",
        sandbox: "✓ right",
        "    shutil.copy(path, path + '2.pmem')\n" + changed(careless, "(path)", "(path + '2.pmem')"): "✓ right",
    }
    assert_told(source, careless, versions, names, capsys)
    assert not pmemobj.open_pools()


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pool.set").write_bytes(b"x" * 54)
    (tmp_path / "000000.pmem").write_bytes(bytes(3 << 20))
    pools_that_move.show_files(str(tmp_path))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["000000.pmem", "3", "MiB"],
        ["pool.set", "54", "bytes"],
    ]
