"""Notebook 5: the exercises tell right from wrong, with real kills, and leave the learner's bakery alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import child_environment
from course import crashes
from exercises import asker, assert_told_apart, run

import pmemobj
from pmemobj.crash import kill

pytestmark = pytest.mark.once


@pytest.fixture
def variables(pool: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The variables of the notebook; at the end the bakery is as it was."""
    monkeypatch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
    pool.root = pool.persistent({"shelf": 9, "customers": ["Eve"]})
    yield {"pool": pool, "pmemobj": pmemobj, "crashes": crashes}
    assert pool.root.to_python() == {"shelf": 9, "customers": ["Eve"]}


def body(*lines: str) -> str:
    return "\n    ".join(lines)


def test_what_a_program_leaves(
    variables: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The program names the pool of the notebook; here it is run on ours.
    monkeypatch.chdir(Path(variables["pool"].absolute_path).parent)
    ask = asker("05_crashes", variables, capsys)

    def answer(text: str) -> str:
        return f"later = later.replace('bakery', 'test'); answer = {text}"

    wrong = {
        answer("(10, [])"): "more sales are stored",
        answer("(8, ['Ada', 'Bob'])"): "fewer sales are stored",
        answer("(8, ['Ada'])"): "torn",
        answer("9"): "a pair",
    }
    assert_told_apart(ask, "check_later", "answer = None", wrong, [answer("(9, ['Ada'])")])


def test_torn_in_the_middle(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    pool = variables["pool"]

    def sale() -> None:
        pool.root["shelf"] -= 1
        pool.root["customers"].append("Ada")

    # There are fewer than 9 changes, so the second one dies when all is done.
    variables["sweep"] = type("Sweep", (), {"report": [kill(pool, sale, at) for at in (1, 9)]})
    ask = asker("05_crashes", variables, capsys)
    wrong = {
        "answer = set()": "some are missing",
        "answer = {1, 9}": "after change 9 loaves and customers make ten",
        "answer = {1, 5}": "there is no change 5",
        "answer = 1": "should be a set",
    }
    assert_told_apart(ask, "check_torn", "answer = None", wrong, ["answer = {1}"])


def test_sell_many(variables: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ask = asker("05_crashes", variables, capsys)
    enough = ["if count > pool.root['shelf']:", "    raise ValueError('not enough')"]
    take, put = "pool.root['shelf'] -= count", "pool.root['customers'].extend([customer] * count)"
    transaction, left = "with pool.transaction():", "return pool.root['shelf']"
    wrong = {
        body(*enough, take, put, left): "sell_many was killed, and left 5 on the shelf, sold to Ada, Bob",
        body(*enough, transaction, f"    {take}; {put}"): "5 loaves are left, but sell_many returns None",
        body(*enough, transaction, f"    {take}", put, left): "sell_many was killed",
        body(transaction, f"    {take}; {put}", left): "with too few loaves, it raises no error",
        body(take, *enough, transaction, f"    {put}", left): "with too few loaves, it left -2 on the shelf",
        body(*enough, transaction, f"    {take}", left): "three loaves for Cleo",
        body("pool.roots"): "AttributeError",
    }
    right = [body(transaction, f"    {take}", "    if pool.root['shelf'] < 0: raise ValueError", f"    {put}", left)]
    assert_told_apart(ask, "check_sell_many", "...", wrong, right)


def test_what_each_kill_leaves_is_drawn(variables: dict[str, Any]) -> None:
    pool = variables["pool"]
    run("def sell(pool, customer):\n    pool.root['shelf'] -= 1; pool.root['customers'].append(customer)", variables)
    moments = crashes.Moments(pool, variables["sell"])
    assert repr(moments).count("✗ torn") == 1 and repr(moments).count("✓ sold") == 2
    assert moments._repr_svg_().count("✗ torn") == 2  # once drawn, once told


def test_a_program_is_told_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    crashes.run_program("import os, signal; print('here', flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    crashes.run_program("raise SystemExit(3)")
    assert capsys.readouterr().out == "here\nkilled by SIGKILL\nended with code 3\n"
