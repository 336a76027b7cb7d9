"""The checks of the exercises in notebook 8: they tell right answers from wrong ones, and why."""

from __future__ import annotations

import tempfile
from typing import Any

import course
import pytest
from course import garbage
from exercises import FAST, assert_told, cell, changed, run

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObject, PersistentObjectPool

pytestmark = pytest.mark.once
NOTEBOOK = "08_garbage"


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The variables of the notebook when its exercises begin."""
    monkeypatch.setattr(tempfile, "tempdir", FAST)
    variables = {each.__name__: each for each in (PersistentDict, PersistentList, PersistentObject)}
    variables |= {"garbage": garbage, "__name__": __name__}
    run(cell(NOTEBOOK, "class Wagon").partition("pool.root = ")[0], variables)
    return variables


def test_bridge(train: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = cell(NOTEBOOK, "def first_half")
    said = {}
    for answer in ("(None, None)", "(1, 1)", "(0, 0)", "(0, 1)"):
        run(changed(source, "(None, None)", answer), train)
        said[answer] = capsys.readouterr().out
    assert len(set(said.values())) == 4
    assert [answer for answer, text in said.items() if "✓" in text] == ["(0, 1)"]


def test_station(train: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    source = cell(NOTEBOOK, "def open_station")
    arrive, scrap = 'pool.root["log"][time] = wagon', 'pool.root["engine"] = None'
    by_value = changed(source, arrive, f"{arrive}.cargo")
    alone = "[setattr(each, side, None) for each in pool.root['log'].values() for side in ('ahead', 'behind')]"
    versions = {
        source: "but no wagon was freed",
        changed(source, scrap, 'pool.root["log"].clear()'): "the log has lost the arrival at 9:00",
        changed(source, scrap, "pool.root = None"): "the wagons are freed, but the log has lost the arrival",
        changed(source, arrive, 'pool.root["log"][time] = "coal"'): "corn arrived at 10:00, but the log does not say so",
        changed(by_value, scrap, "pass"): "but no wagon was freed",
        changed(source, scrap, f"{scrap}; {alone}"): "1 of 4 wagons were freed",
        changed(source, arrive, "wagon.nothing()"): "the code raised AttributeError",
        by_value: "✓ right",
        changed(source, scrap, f"{scrap}; log = pool.root['log']; log.update({{t: log[t].cargo for t in log}})"): "✓ right",
    }
    assert_told(source, source, versions, train, capsys)


def test_census(pool: PersistentObjectPool, train: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Garbage is counted, what the pool has for itself is not."""
    garbage.census(pool)
    assert len(capsys.readouterr().out.splitlines()) == 1
    pool.root = pool.new(PersistentDict)
    train["assemble"](pool, "coal", "corn")
    train["assemble"](pool)
    garbage.census(pool)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["PersistentDict", "1", "1"], ["Wagon", "4", "1"]]


def test_begin_anew(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever state a notebook was left in, it begins anew."""
    monkeypatch.chdir(tmp_path)
    open_one = pmemobj.create("open.pmem", 8 << 20)
    removed = pmemobj.create("removed.pmem", 8 << 20)
    (tmp_path / "removed.pmem").unlink()
    lent = pmemobj.create("lent.pmem", 8 << 20)
    lent.suspend()
    growing = pmemobj.create("growing.pmem", "auto")
    open_one.transaction().begin()
    (tmp_path / "text.dump").write_text("")
    course.begin_anew("open.pmem", "removed.pmem", "lent.pmem", "growing.pmem", "text.dump", "never.pmem")
    assert not list(tmp_path.iterdir())
    assert all(each.closed for each in (open_one, removed, lent, growing))
    assert not pmemobj.open_pools()
