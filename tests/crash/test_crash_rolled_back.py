"""Crashes on a copy as of the beginning of the open transaction: `kill` and `record` with ``rolled_back``."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, _format
from pmemobj.crash import CrashReport, Verdict, _kill_on_copy, kill, record
from pmemobj.crash._kill_child import run_to_death

# The crash lab is never compiled.
pytestmark = pytest.mark.once

Pool = PersistentObjectPool
MIB = 1 << 20
LONG = "a string that is too long for a word"


def make_bank(path: str, **sizes: Any) -> None:
    with pmemobj.create(path, **sizes) as pool:
        pool.root = pool.persistent({"ada": 100, "bob": 100})


@pytest.fixture(params=["", "sandbox"])
def bank(request: pytest.FixtureRequest, pool_path: str) -> Iterator[Pool]:
    """A pool with 200 in two accounts, in which a transaction is open that has taken 10 and made a new object."""
    make_bank(pool_path, pool_size=16 * MIB)
    with pmemobj.open(pool_path, sandbox=bool(request.param)) as pool:
        yield from in_the_middle(pool)


@pytest.fixture(params=["", "sandbox"])
def growing_bank(request: pytest.FixtureRequest, pool_path: str) -> Iterator[Pool]:
    make_bank(pool_path, pool_size="auto", max_size=1 << 30)
    with pmemobj.open(pool_path, sandbox=bool(request.param)) as pool:
        yield from in_the_middle(pool)


def in_the_middle(pool: Pool) -> Iterator[Pool]:
    transaction = pool.transaction().begin()
    pool.root["ada"] -= 10
    pool.root["new"] = pool.persistent([LONG])
    new = pool.root["new"]
    yield pool
    assert transaction.active and pool.root == {"ada": 90, "bob": 100, "new": [LONG]} and pool.root["new"] is new
    pool.root["bob"] += 10
    transaction.commit()
    new.append(1)
    assert pool.root == {"ada": 90, "bob": 110, "new": [LONG, 1]}
    assert_sound(pool)


def transfer(pool: Pool) -> Callable[[], None]:
    def action() -> None:
        pool.root["ada"] -= 30
        pool.root["bob"] += 30

    return action


def accounts(graph: pmemobj.inspect.Graph) -> dict[str, str]:
    target = graph.start.target
    assert target is not None
    return {slot.label: slot.text for slot in graph.nodes[target].slots}


def children() -> str:
    """The child processes that this thread has, also those that have ended and nobody has waited for."""
    return Path("/proc/thread-self/children").read_text()


BEFORE, TORN, WHOLE = ({"'ada'": str(ada), "'bob'": str(bob)} for ada, bob in [(100, 100), (70, 100), (70, 130)])


def states(report: CrashReport) -> list[dict[str, str]]:
    return [accounts(graph) for _, graph in report.frames]


# ---- kill, in a transaction --------------------------------------------------------------------------


def test_a_kill_runs_on_the_pool_as_it_was_before(bank: Pool) -> None:
    report = kill(bank, transfer(bank), rolled_back=True)
    assert report.verdict is Verdict.ROLLED_BACK and report.ok and report.changes == 2 and report.complete
    assert states(report) == [BEFORE, WHOLE, BEFORE]
    assert str(report).startswith("killed just before the commit, 2 changes made: rolled back")
    middle = kill(bank, transfer(bank), report.changes // 2, rolled_back=True)
    assert middle.verdict is Verdict.ROLLED_BACK and not middle.complete
    assert states(middle) == [BEFORE, TORN, BEFORE]


def test_a_growing_pool(growing_bank: Pool) -> None:
    pool = growing_bank
    assert states(kill(pool, transfer(pool), 1, rolled_back=True)) == [BEFORE, TORN, BEFORE]
    assert states(kill(pool, transfer(pool), 1, rolled_back=True, transaction=False)) == [BEFORE, TORN, TORN]

    def grow() -> None:
        for number in range(50):
            pool.root[f"large {number}"] = bytes(4 * MIB)

    report = kill(pool, grow, rolled_back=True)
    assert report.verdict is Verdict.RAISED and "PoolFullError" in report.output and report.ok


def test_without_an_open_transaction_it_runs_on_the_pool_as_it_is(pool: Pool) -> None:
    pool.root = pool.persistent({"ada": 100, "bob": 100})
    assert states(kill(pool, transfer(pool), 1, rolled_back=True)) == [BEFORE, TORN, BEFORE]
    assert pool.root == {"ada": 100, "bob": 100} and not pool.in_transaction


def test_objects_that_the_open_transaction_created_do_not_exist_there(bank: Pool) -> None:
    new = bank.root["new"]
    report = kill(bank, lambda: new.append(2), rolled_back=True)
    assert report.verdict is Verdict.RAISED and "InvalidHandleError" in report.output
    assert "create it in the code that is crashed" in report.output
    assert "'new'" not in accounts(report.before)


def test_objects_that_existed_are_the_same_there(bank: Pool) -> None:
    root = bank.root

    def action() -> None:
        assert root is bank.root and "new" not in root
        root["new"] = bank.new(PersistentList, [LONG])

    report = kill(bank, action, rolled_back=True)
    assert report.verdict is Verdict.ROLLED_BACK and "'new'" in accounts(report.at_crash)


# ---- kill, without a transaction ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at, verdict, found, moment",
    [
        (1, Verdict.TORN, TORN, "killed after change 1"),
        (2, Verdict.STORED, WHOLE, "killed after change 2"),
        (3, Verdict.STORED, WHOLE, "killed just after the last statement"),
        (None, Verdict.STORED, WHOLE, "killed just after the last statement"),
    ],
)
def test_a_kill_between_two_statements_tears(
    bank: Pool, at: int | None, verdict: Verdict, found: dict[str, str], moment: str
) -> None:
    report = kill(bank, transfer(bank), at, rolled_back=True, transaction=False)
    assert report.verdict is verdict and states(report) == [BEFORE, found, found] and not report.ok
    assert str(report).startswith(f"{moment}, {report.changes} change")
    assert report.complete == (at in (None, 3))


def test_a_kill_in_the_middle_of_a_statement_does_not_tear_it(bank: Pool) -> None:
    """The statement is a transaction of its own, which makes several changes."""

    def action() -> None:
        bank.root.update({"ada": 1, "bob": 2, "eve": LONG})

    whole = kill(bank, action, rolled_back=True, transaction=False)
    assert whole.verdict is Verdict.STORED and whole.changes >= 2
    for at in range(1, whole.changes):
        report = kill(bank, action, at, rolled_back=True, transaction=False)
        assert report.verdict is Verdict.NOTHING_STORED and report.ok, at
        assert report.at_crash != report.before


def test_new_objects_do_not_make_two_runs_different(bank: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their stamps are random, and meanwhile another thread may make objects in another pool."""

    def run_later(*args: Any, **keywords: Any) -> Any:
        _format.new_header(_format.Kind.LIST)
        return run_to_death(*args, **keywords)

    monkeypatch.setattr(_kill_on_copy, "run_to_death", run_later)

    def action() -> None:
        bank.root["made"] = bank.new(PersistentDict, a=bank.new(PersistentList, [LONG]))
        bank.root["ada"] -= 30  # one store, so that nothing is to come after its only change

    whole = kill(bank, action, rolled_back=True, transaction=False)
    report = kill(bank, action, whole.changes, rolled_back=True, transaction=False)
    assert report.verdict is Verdict.STORED and report.after == whole.after and not report.complete


@pytest.mark.parametrize(
    "end, ending",
    [
        (lambda: 1 / 0, "not killed"),
        (lambda: os._exit(3), "exited with code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "died of SIGTERM"),
        (lambda: time.sleep(60), "killed when its time was up"),
    ],
)
@pytest.mark.parametrize("transaction", [True, False])
def test_other_ends(pool: Pool, end: Callable[[], object], ending: str, transaction: bool) -> None:
    pool.root = pool.persistent({"ada": 100, "bob": 100})

    def action() -> None:
        pool.root["ada"] -= 30
        end()

    report = kill(pool, action, seconds=1, rolled_back=True, transaction=transaction)
    assert report.ending == ending and not report.complete and report.ok == transaction
    if transaction:
        # An exception has rolled back the transaction before the child ends.
        assert states(report) == [BEFORE, BEFORE if ending == "not killed" else TORN, BEFORE]
        assert report.verdict not in (Verdict.CHANGED, Verdict.PARTLY_STORED)
    else:
        assert report.verdict is Verdict.PARTLY_STORED and states(report) == [BEFORE, TORN, TORN]
    early = kill(pool, end, seconds=1, rolled_back=True, transaction=transaction)
    assert early.ok and early.ending == ending
    assert transaction or "transaction was rolled back" not in str(early)


def test_nothing_is_done(bank: Pool) -> None:
    for transaction in (True, False):
        report = kill(bank, lambda: None, rolled_back=True, transaction=transaction)
        assert report.verdict is Verdict.UNCHANGED and report.changes == 0 and report.complete


def test_the_pool_itself_is_not_torn(pool: Pool) -> None:
    pool.root = 1
    with pytest.raises(ValueError, match="add rolled_back=True"):
        kill(pool, lambda: None, transaction=False)


def test_the_errors_of_today_say_this_way_out(pool: Pool) -> None:
    pool.root = 1
    with pool.transaction():
        with pytest.raises(pmemobj.TransactionError, match=r"kill_here, or use rolled_back=True"):
            kill(pool, lambda: None)
        with pytest.raises(pmemobj.TransactionError, match=r"rolled_back=True"):
            record(pool, lambda: None)


def test_not_in_a_transaction_of_another_pool(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    """A child would roll that transaction back, in memory that it shares with this process."""
    other = make_pool()
    pool.root, other.root = 1, other.new(PersistentList, [1])

    def action() -> None:
        with pool.transaction():
            pool.root = 2

    with other.transaction():
        other.root.append(2)
        for crash in (kill, record):
            for rolled_back in (True, False):
                with pytest.raises(pmemobj.TransactionError):
                    crash(pool, action, rolled_back=rolled_back)  # type: ignore[operator]
        assert other.root == [1, 2]
    assert other.root == [1, 2] and pool.root == 1


def test_nothing_is_left_over(bank: Pool) -> None:
    kill(bank, transfer(bank), 1, rolled_back=True, transaction=False)
    before = len(os.listdir("/proc/self/fd")), children()
    for _ in range(3):
        kill(bank, transfer(bank), 1, rolled_back=True, transaction=False)
    assert (len(os.listdir("/proc/self/fd")), children()) == before


# ---- power cuts ----------------------------------------------------------------------------------------


def holds(pool: Pool) -> bool:
    return sum(pool.root.values()) == 200


def test_power_cuts_on_the_pool_as_it_was_before(bank: Pool) -> None:
    def careful() -> None:
        with bank.transaction():
            transfer(bank)()

    good = record(bank, careful, rolled_back=True).explore(holds)
    assert good.ok and good.images > 2
    recording = record(bank, transfer(bank), rolled_back=True)
    bad = recording.explore(holds)
    assert bad.counts() == {"check": 2}
    pictures = recording.pictures([{}, bad.violations[0].lines()])
    found = [accounts(picture.after) for picture in pictures if picture.after is not None]
    assert found[0] == BEFORE and found[1] == TORN


def test_a_recording_can_be_explored_after_the_transaction(pool_path: str) -> None:
    make_bank(pool_path, pool_size=16 * MIB)
    with pmemobj.open(pool_path) as pool:
        with pool.transaction():
            pool.root["ada"] = 0
            recording = record(pool, transfer(pool), rolled_back=True)
        assert recording.explore(holds).counts() == {"check": 2}
        with pool.transaction():
            pool.root["ada"] = 1
            assert recording.explore(holds).counts() == {"check": 2}
    assert recording.explore(holds).counts() == {"check": 2}


def test_objects_that_are_new_do_not_exist_in_a_recording(bank: Pool) -> None:
    new = bank.root["new"]
    recording = record(bank, lambda: new.append(1), rolled_back=True)
    assert recording.ending == "raised an exception" and "InvalidHandleError" in recording.output


def test_an_executor_would_wait_for_the_transaction(bank: Pool) -> None:
    recording = record(bank, transfer(bank), rolled_back=True)
    with ThreadPoolExecutor(1) as executor, pytest.raises(pmemobj.TransactionError, match="leave out executor"):
        recording.explore(holds, executor=executor)


def test_growing_pools_and_sandboxes_are_refused_as_before(scratch: Path) -> None:
    make_bank(str(scratch / "grows.pmem"), pool_size="auto", max_size=1 << 30)
    with pmemobj.open(str(scratch / "grows.pmem")) as pool, pytest.raises(pmemobj.PmemError, match="growing pool"):
        record(pool, transfer(pool), rolled_back=True)
    make_bank(str(scratch / "fixed.pmem"), pool_size=16 * MIB)
    with pmemobj.open(str(scratch / "fixed.pmem"), sandbox=True) as pool:
        with pytest.raises(pmemobj.PmemError, match="sandbox"):
            record(pool, transfer(pool))
        with pytest.raises(pmemobj.SandboxError):
            kill(pool, transfer(pool))
