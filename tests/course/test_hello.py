"""The index of the course and notebook 1: the exercises tell right from wrong, and a notebook begins anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import child_environment
from course import begin_anew, hello, index
from exercises import asker, assert_told_apart

import pmemobj

pytestmark = pytest.mark.once


def test_twice(capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("00_index", {"index": index}, capsys)
    wrong = {
        "return x * x": "twice(7) returns 49",
        "return 2 + x": "twice(7) returns 9",
        "return x.double()": "AttributeError",
    }
    assert_told_apart(ask, "check_twice", "...", wrong, ["return 2 * x", "return x + x"])


def test_the_machine_is_tried(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    index.check_machine()
    first, drawings, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("✓ objects survive") and drawings.startswith("✗ drawings come as text")


@pytest.fixture
def variables(pool: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
    pool.root = pool.new(pmemobj.PersistentDict, name="Ada", visits=2)
    return {"pool": pool, "pmemobj": pmemobj, "exercises": hello}


def test_colours(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("01_hello", variables, capsys)
    new = 'pool.root["colours"] = '
    wrong = {
        f'{new}"red, green, blue"': "are a str",
        f'{new}pool.new(pmemobj.PersistentList, ["red"])': "the list has 1 colours, but should have at least 3",
        f"{new}pool.new(pmemobj.PersistentList, [1, 2, 3])": "not a string",
    }
    right = [f'{new}pool.new(pmemobj.PersistentList, ["red", "green", "blue"])']
    assert_told_apart(ask, "check_colours", "# Your line goes here.", wrong, right)
    assert "another process found red, green, blue" in ask("check_colours")
    with variables["pool"].transaction():
        assert "%pmem_abort" in ask("check_colours")


def test_what_a_pool_takes(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("01_hello", variables, capsys)
    wrong = {
        'answer = "ABCFG"': "the pool refuses B",
        'answer = "ACG"': "it takes more",
        'answer = "ACDFG"': "the pool refuses D",
        'answer = "ACFGX"': "there is no X",
    }
    right = ['answer = "ACFG"', 'answer = "g, f, c, a"']
    assert_told_apart(ask, "check_taken", 'answer = ""', wrong, right)


def test_visits(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("01_hello", variables, capsys)
    assert [ask("check_visits")[0] for _ in range(4)] == ["✗", "✗", "✗", "✓"]


def test_a_notebook_begins_anew_from_any_state(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scratch)
    begin_anew("a.pmem", "b.pmem")  # nothing there yet
    other = pmemobj.create("other.pmem", 16 << 20)
    pmemobj.create("b.pmem", "auto", max_size=256 << 20).close()
    pool = pmemobj.create("a.pmem", 16 << 20)
    pool.transaction().begin()
    begin_anew("a.pmem", "b.pmem")
    assert [path.name for path in scratch.iterdir()] == ["other.pmem"]
    assert pool.closed and not other.closed
    pmemobj.create("a.pmem", 16 << 20).close()
    other.close()
