"""The checks of the exercises in notebook 10: they tell right answers from wrong ones, and why."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from course import own_class
from exercises import FAST, assert_told, cell, changed, run

import pmemobj

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")
pytestmark = pytest.mark.once
NOTEBOOK = "10_own_class"
#: How the cells with the class can be told apart: before and after it got its transaction.
HASTY = "    def append(self, value):\n        cells = self.cells"
CAREFUL = "    def append(self, value):\n        with self._p_mm.transaction():"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The variables of the notebook when its exercises begin."""
    monkeypatch.setattr(tempfile, "tempdir", FAST)
    variables = {name: getattr(pmemobj, name) for name in ("Field", "Persistent", "MissingSnapshotError")}
    return {**variables, "own_class": own_class, "__name__": __name__}


def test_pop(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    run(cell(NOTEBOOK, CAREFUL), names)
    source = cell(NOTEBOOK, "def pop(self)")
    peek = "    return self.cells[self.first]\n"
    empty = "    if not self.count:\n        raise IndexError('pop of an empty ring')\n"
    taken = "taken, self.cells[self.first] = self.cells[self.first], None"
    moved = "self.first, self.count = (self.first + 1) % len(self.cells), self.count - 1"
    right = f"{empty}    with self._p_mm.transaction():\n        {taken}\n        {moved}\n    return taken\n"
    versions = {
        peek: "it is still in the ring",
        changed(right, "return taken", "pass"): "pop returns None",
        changed(right, taken, "taken = self.cells[self.first]"): "a cell still holds its memory",
        changed(right, "self.first + 1", "self.first + 2"): "should have rain and sun",
        changed(right, "(self.first + 1) %", "(self.first - 1) %"): "should have rain and sun",
        changed(right, empty, ""): "should raise IndexError",
        changed(right, "with self._p_mm.transaction()", "if True"): "this crash leaves half a pop",
        changed(right, "self.cells", "self.boxes"): "the code raised AttributeError",
        right: "✓ right",
    }
    assert_told(source, peek, versions, names, capsys)


def test_correct(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = cell(NOTEBOOK, "    def correct(")
    source = source[: source.index("\n\n\nday")] + "\n\n\nown_class.check_correct(Day)"
    snapshot, loop = "mm.snapshot(hours)", "            for number"
    store = "mm.store(hours, number, temperature + by)"
    between = "\n                "
    versions = {
        source: "MissingSnapshotError: bytes ... (BLOCK_BYTES of Day at ..., +32)",
        changed(source, loop, f"            mm.snapshot(hours, 0)\n{loop}"): "+40)",
        changed(source, store, f"{store}{between}mm.snapshot(hours, number)"): "a roll-back does not bring back",
        changed(source, "with mm.transaction()", "if True", store, "hours[number] = temperature + by"): "can still happen",
        changed(source, store, "pass"): "two degrees warmer",
        changed(source, store, "hours[number] = temperature + 2 * by"): "two degrees warmer",
        changed(source, "enumerate(hours)", "hours"): "the code raised TypeError",
        changed(source, loop, f"            {snapshot}\n{loop}"): "✓ right",
        changed(source, store, f"mm.snapshot(hours, number){between}{store}"): "✓ right",
        changed(source, store, "hours[number] = temperature + by"): "✓ right",
    }
    assert_told(source, source, versions, names, capsys)


def test_the_test_of_the_notebook(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """It passes for the class with the transaction, and fails for the one without."""
    source = cell(NOTEBOOK, "TEST =")
    for which, expected in ((CAREFUL, "1 passed\n"), (HASTY, "1 failed\n")):
        run(cell(NOTEBOOK, which), names)
        exec(source, names)  # as a cell of its own: the file has the cell with the class
        assert capsys.readouterr().out == expected


def test_what_an_error_tells() -> None:
    error = pmemobj.MissingSnapshotError("commit", "bytes 0x5415b0 to 0x5415b7 (X at 0x541590, +32) changed", "do it")
    assert own_class.told(error) == "bytes ... (X at ..., +32) changed"
    assert own_class.told(ValueError("no")) == "no"
