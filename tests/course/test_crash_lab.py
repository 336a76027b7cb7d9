"""The checks of the exercises in notebook 7: they tell right answers from wrong ones."""

from __future__ import annotations

import json
import linecache
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from course import crash_lab

import pmemobj
from pmemobj import PersistentDict, PersistentObjectPool, crash

pytestmark = pytest.mark.once

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07_crash_lab.ipynb"

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")


def cell(start: str) -> str:
    """The code of the notebook that begins like this."""
    sources = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]]
    (found,) = (source for source in sources if source.startswith(start))
    return found


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The variables of the notebook when its exercises begin, without the checking mode, as there."""
    monkeypatch.setenv("PMEMOBJ_CHECK", "0")
    with pmemobj.create(tmp_path / "bank.pmem", pool_size=16 << 20) as pool:
        pool.root = pool.new(PersistentDict, Ada=100, Bob=100)
        variables = {name: getattr(pmemobj, name) for name in ("Field", "Persistent")}
        yield {**variables, "pool": pool, "crash": crash, "crash_lab": crash_lab, "__name__": __name__}
        # The handles end with the variables, and not in the middle of closing.


def run(source: str, variables: dict[str, Any]) -> None:
    """Run a cell; its lines can be told."""
    linecache.cache["<cell>"] = len(source), None, source.splitlines(keepends=True), "<cell>"
    exec(compile(source, "<cell>", "exec"), variables)


def test_totals(bank: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    def money(pool: PersistentObjectPool) -> int:
        return pool.root["Ada"] + pool.root["Bob"]

    run(cell("def generous").partition("answer = ")[0], bank)
    recording = crash.record(bank["pool"], bank["generous"])
    said = {}
    for answer in (None, {200}, {200, 230}, {200, 230, 170}):
        crash_lab.check_totals(recording, money, answer)
        said[str(answer)] = capsys.readouterr().out
        assert ("✓" in said[str(answer)]) is (answer == {200, 230})
    assert len(set(said.values())) == 4
    assert "no power cut leaves 170" in said[str({200, 230, 170})]


def test_message(bank: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = cell("class Message")
    content, flag = 'mm.persist(self.content, 0)\n        ', 'mm.store(self, "ready", True)\n        '
    swapped = source.replace(flag + content, content + flag)
    assert swapped != source
    same_line = re.sub(r"    def __init__.*?\n\n", "", source.replace('"block"', '"B"'), flags=re.DOTALL)
    same_line = same_line.replace("self.content, 0", 'self, "content"').replace("content[0]", "content")
    versions = {
        source: "only this was lost:  ",
        source.replace("mm.persist", "mm.read"): "",
        source.replace(flag, ""): "the work is not done",
        swapped.rstrip().replace('        mm.persist(self, "ready")\n', ""): "can still lose some of its stores",
        source.replace("mm = ", "mn = "): "raised an exception: NameError",
        swapped: "✓ right",
        same_line: "✓ right",
    }
    assert len(versions) == 7
    for version, expected in versions.items():
        run(version, bank)
        crash_lab.check_send(bank["pool"])
        said = capsys.readouterr().out
        assert ("✓" in said) is expected.startswith("✓"), version
        assert expected in said, version


def test_purse(bank: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = cell("class Purse")
    other = 'mm.store(other, "coins", other.coins + amount)'
    snapshot = 'mm.snapshot(other, "coins")'
    between = "\n            "
    versions = {
        source: other,
        source.replace(other, other + between + snapshot): other,
        source.replace(other, "pass"): "",
        source.replace("with mm.transaction()", "if True").replace("mm.snapshot", "mm.read"): "",
        source.replace("mm.store(", "(lambda *given: None)("): "the work is not done",
        source.replace(other, snapshot + between + other): "✓ right",
        source.replace(other, "other.coins += amount"): "✓ right",
    }
    assert len(versions) == 7
    for version, expected in versions.items():
        run(version, bank)
        crash_lab.check_give(bank["pool"])
        said = capsys.readouterr().out
        assert ("✓" in said) is expected.startswith("✓"), version
        assert expected in said, version


def test_count(bank: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    run(cell("class Purse"), bank)
    run(cell("def scribble").partition("answer = ")[0], bank)
    recording = crash.record(bank["pool"], bank["scribble"])
    for answer in (None, 8, 16, 12):
        crash_lab.check_count(recording, answer)
        said = capsys.readouterr().out
        assert ("✓" in said) is (answer == 12)
        assert answer is None or str(answer) in said


def test_drawing_shows_what_is_in_doubt(bank: dict[str, Any]) -> None:
    run(cell("class Purse"), bank)
    recording = crash.record(bank["pool"], lambda: bank["red"].give(bank["blue"], 30))
    at = crash_lab.commit_begins(recording)
    drawing = crash_lab.Drawing(recording, 0, at)
    assert repr(drawing) == f"before step 0: 1 possible state\nbefore step {at}: 4 possible states"
    svg = drawing._repr_svg_()
    letters = re.findall(r'text-anchor="middle" fill="#\w+">(.)</text>', svg)
    assert letters.count("?") == 2
    names = [name for name in re.findall(r'font-weight="bold"[^>]*>([^<]+)</text>', svg) if "step" not in name]
    assert names[-2:] == ["A", "B"] and set(names[:-2]) == {"log"}
