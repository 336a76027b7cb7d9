"""The checks of the exercises in notebook 11: they tell right answers from wrong ones, by counting and never by a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pmemobj.crash._native", reason="there is no recorder without a C compiler or off x86-64 Linux")

from course import how_fast

from pmemobj import PersistentObjectPool
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import session
from pmemobj._pmdk import interposition, library

pytestmark = pytest.mark.once

library.load()
without_replacing = pytest.mark.skipif(
    bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"
)

Enter = Callable[[PersistentObjectPool, Any], object]


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PersistentObjectPool]:
    """A pool as the notebook makes it, without the checking mode, as there."""
    monkeypatch.setenv("PMEMOBJ_CHECK", "0")
    with how_fast.new_pool(tmp_path / "fast.pmem") as pool:
        yield pool


def test_prediction(pool: PersistentObjectPool, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for answers in ((None, 20), (99, 20), (100, 2), (100, 90), (100, 20)):
        how_fast.check_prediction(pool, *answers)
        said.append(capsys.readouterr().out)
    assert ["✓" in each for each in said] == [False] * 4 + [True]
    assert len(set(said)) == 5
    assert "more than 2" in said[2]
    assert "less than 90" in said[3]


def one_by_one(pool: PersistentObjectPool, orders: Any) -> None:
    """As the notebook has it."""
    for amount in orders:
        pool.root["amounts"].append(amount)
        pool.root["total"] += amount


def together(pool: PersistentObjectPool, orders: Any) -> None:
    with pool.transaction():
        one_by_one(pool, orders)


def summed(pool: PersistentObjectPool, orders: Any) -> None:
    with pool.transaction():
        pool.root["amounts"].extend(orders)
        pool.root["total"] += sum(orders)


def summed_without(pool: PersistentObjectPool, orders: Any) -> None:
    pool.root["amounts"].extend(orders)
    pool.root["total"] += sum(orders)


def each(pool: PersistentObjectPool, orders: Any) -> None:
    for amount in orders:
        together(pool, [amount])


def idle(pool: PersistentObjectPool, orders: Any) -> None:
    pass


def failing(pool: PersistentObjectPool, orders: Any) -> None:
    raise KeyError("totals")


def test_enter(pool: PersistentObjectPool, capsys: pytest.CaptureFixture[str]) -> None:
    solutions: dict[Enter, str] = {
        one_by_one: "flushes for 10 orders; 40 are enough",
        each: "flushes for 10 orders; 40 are enough",
        summed_without: "a power cut can leave a total",
        idle: "are not what they should be",
        failing: "KeyError: 'totals'",
        together: "✓ right",
        summed: "✓ right",
    }
    for solution, answer in solutions.items():
        how_fast.check_enter(pool, solution)
        assert answer in capsys.readouterr().out, solution.__name__
    assert pool.root["total"] == 0, "the checks work on copies"


def test_pools_of_an_earlier_run_are_given_up(pool: PersistentObjectPool, tmp_path: Path) -> None:
    other = how_fast.new_pool(tmp_path / "other.pmem")
    pool.transaction().begin()
    again = how_fast.new_pool(tmp_path / "other.pmem")
    assert other.closed
    assert not pool.closed
    assert not pool.in_transaction
    assert list(again.root["numbers"]) == list(range(100))
    again.close()


def test_bars() -> None:
    bars = how_fast.Bars('of <all> "kinds"', {"quick": 14e-9, "slow & safe": 2.94e-3})
    title, quick, slow = repr(bars).splitlines()
    assert title == 'of <all> "kinds"'
    assert " 14 ns " in quick
    assert " 2.9 ms " in slow
    assert quick.count("█") < slow.count("█") / 2
    drawn = bars._repr_svg_()
    assert "slow &amp; safe" in drawn
    assert "10 ns" in drawn, "the scale"


@pytest.mark.parametrize(
    ("seconds", "text"), [(2, "2.0 s"), (0.0123, "12 ms"), (3.26e-6, "3.3 µs"), (29.8e-9, "30 ns"), (4e-10, "0.4 ns")]
)
def test_duration(seconds: float, text: str) -> None:
    assert how_fast.duration(seconds) == text


def test_ratios() -> None:
    ratios = how_fast.Ratios("of <RAM>", {"RAM": {"a": 1e-6, "b": 2e-6}, "disk": {"a": 12431.4e-6, "b": 2.4e-6}})
    title, head, first, second = repr(ratios).splitlines()
    assert title == "of <RAM>" and head.split() == ["a", "b"]
    assert first.split() == ["RAM", "1", "(1.0", "µs)", "1", "(2.0", "µs)"]
    assert second.split() == ["disk", "12,431", "1.2"]
    assert len(set(map(len, (head, first, second)))) == 1
    assert "of &lt;RAM&gt;" in ratios._repr_html_() and ">12,431<" in ratios._repr_html_()


def test_a_pool_that_cannot_have_the_mode_gets_another_and_says_so(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with how_fast.new_pool(scratch / "relaxed.pmem", "relaxed") as pool:
        said = capsys.readouterr().out
        assert pool.medium is not Medium.RAM or said.startswith("relaxed.pmem cannot be relaxed: ")
        assert pool.medium is Medium.RAM or (pool.durability == "relaxed" and not said)


@without_replacing
def test_syncs(
    as_disk: None, scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(scratch)
    said = []
    for numbers in ((None, 1, 0), (1, 1, 0), (100, 100, 0), (100, 1, 1), (100, 1, 0)):
        names = ("full, one by one", "full, in one transaction", "relaxed, one by one")
        how_fast.check_syncs(dict(zip(names, numbers, strict=True)))
        said.append(capsys.readouterr().out)
    assert ["✓" in each for each in said] == [False] * 4 + [True] and len(set(said)) == 5
    assert "predict all three" in said[0] and "is a commit, and waits" in said[1] and "how many commits" in said[2]
    assert not list(scratch.iterdir()), "the pools of the check are gone"


def test_syncs_without_a_disk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(session, "medium_of", lambda _: Medium.RAM)
    how_fast.check_syncs({"full, one by one": 100})
    assert "✗ not yet: this folder has no journals to count in" in capsys.readouterr().out
