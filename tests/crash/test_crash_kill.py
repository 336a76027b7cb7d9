"""`pmemobj.crash.kill`: a real child, a real SIGKILL, and the live pool as it was."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Account
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool
from pmemobj.crash import Verdict, kill

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


@pytest.fixture
def filled(pool: Pool) -> Pool:
    pool.root = pool.new(PersistentDict, items=pool.new(PersistentList, [1, LONG]), account=pool.new(Account, "a", 5))
    return pool


def change(pool: Pool) -> Callable[[], None]:
    """Make at least five changes."""

    def action() -> None:
        pool.root["items"].append("lost")
        pool.root["account"].balance = 99
        pool.root["new"] = pool.new(PersistentList, [LONG])
        del pool.root["items"][1]
        pool.root["account"].new_name = LONG

    return action


def unharmed(pool: Pool) -> None:
    """The pool is open and as before, it is sound, and it can be changed."""
    assert list(pool.root["items"]) == [1, LONG] and pool.root["account"].balance == 5 and len(pool.root) == 2
    assert not pool.closed and not pool.in_transaction and pool.recovered
    assert_sound(pool)
    with pool.transaction():
        pool.root["after"] = LONG
    del pool.root["after"]


# ---- where it dies ---------------------------------------------------------------------------------


def test_killed_just_before_the_commit(filled: Pool) -> None:
    report = kill(filled, change(filled))
    assert report.verdict is Verdict.ROLLED_BACK and report.ok and report.at is None
    assert report.changes >= 5 and report.output == ""
    assert report.before == report.after != report.at_crash
    texts = {slot.text for node in report.at_crash.nodes.values() for slot in node.slots}
    assert "'lost'" in texts and "99" in texts
    assert [title for title, _ in report.frames] == ["before", "at the crash", "after recovery"]
    assert "rolled back" in str(report) and "just before the commit" in str(report)
    unharmed(filled)


def test_killed_after_each_change_in_turn(filled: Pool) -> None:
    whole = kill(filled, change(filled)).changes
    for at in range(1, whole + 1):
        report = kill(filled, change(filled), at=at)
        assert (report.verdict, report.changes, report.at) == (Verdict.ROLLED_BACK, at, at)
        assert f"after change {at}" in str(report)
    unharmed(filled)


def test_killed_later_than_the_last_change(filled: Pool) -> None:
    report = kill(filled, change(filled), at=10_000)
    assert report.verdict is Verdict.ROLLED_BACK and 5 <= report.changes < 10_000
    unharmed(filled)


def test_an_action_that_changes_nothing(filled: Pool) -> None:
    report = kill(filled, lambda: repr(filled.root))
    assert (report.verdict, report.changes) == (Verdict.UNCHANGED, 0)
    assert report.before == report.after and report.before.nodes == report.at_crash.nodes
    unharmed(filled)


@pytest.mark.parametrize("at", [0, -1])
def test_a_change_that_there_cannot_be(filled: Pool, at: int) -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        kill(filled, change(filled), at=at)
    assert not filled.closed


# ---- what survives ---------------------------------------------------------------------------------


def test_handles_and_variables_of_the_caller_live_on(filled: Pool) -> None:
    root, items, orphan = filled.root, filled.root["items"], filled.new(PersistentList, ["orphan"])
    log: list[str] = []

    def action() -> None:
        log.append("in the child")
        items.append(LONG * 2)
        orphan.append(items)

    assert kill(filled, action).verdict is Verdict.ROLLED_BACK
    assert log == [] and filled.root is root and root["items"] is items
    items.append(3)
    orphan.append(4)
    assert items == [1, LONG, 3] and orphan == ["orphan", 4]
    assert_sound(filled)


def test_several_crashes_and_a_commit_in_between(filled: Pool) -> None:
    for number in range(3):
        assert kill(filled, change(filled), at=2).ok
        filled.root["account"].balance += number
    assert filled.root["account"].balance == 8


def test_other_pools_are_left_alone(filled: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    other.root = other.new(PersistentList, [1])
    report = kill(filled, lambda: other.root.append(2))
    assert report.verdict is Verdict.RAISED and "ForkedPoolError" in report.output
    assert other.root == [1]
    other.root.append(3)
    unharmed(filled)


def test_a_class_defined_in_the_calling_function(filled: Pool) -> None:
    class Local(pmemobj.PersistentObject):
        pass

    def action() -> None:
        filled.root["local"] = filled.new(Local)
        filled.root["local"].x = 1

    report = kill(filled, action)
    assert report.verdict is Verdict.ROLLED_BACK
    assert any("Local" in node.type for node in report.at_crash.nodes.values())
    unharmed(filled)


def test_a_pool_that_was_opened_by_a_relative_path(scratch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scratch)
    with pmemobj.create("relative", pool_size=16 << 20) as pool:
        pool.root = 1
        monkeypatch.chdir("/")
        assert kill(pool, lambda: setattr(pool, "root", 2)).verdict is Verdict.ROLLED_BACK
        assert pool.root == 1


# ---- actions that do not do as they should -----------------------------------------------------------


@pytest.mark.parametrize(
    "misdeed, shown",
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: signal.raise_signal(signal.SIGINT), "KeyboardInterrupt"),
        (lambda: undefined_name, "NameError"),  # type: ignore[name-defined]  # noqa: F821
    ],
    ids=["raises", "interrupts itself", "wrong"],
)
def test_an_action_that_raises(filled: Pool, misdeed: Callable[[], Any], shown: str) -> None:
    def action() -> None:
        filled.root["items"].append("lost")
        misdeed()

    report = kill(filled, action)
    assert report.verdict is Verdict.RAISED and report.ok and report.changes > 0
    assert shown in report.output and "Traceback" in report.output
    unharmed(filled)


def test_an_action_that_ends_its_process(filled: Pool) -> None:
    def action() -> None:
        filled.root["items"].append("lost")
        os._exit(0)

    report = kill(filled, action)
    assert report.verdict is not Verdict.CHANGED and report.ok
    unharmed(filled)


def test_an_action_that_never_ends(filled: Pool) -> None:
    def action() -> None:
        filled.root["items"].append("lost")
        while True:
            time.sleep(1)

    begun = time.monotonic()
    report = kill(filled, action, seconds=3)  # on a busy machine the child takes a second to begin
    assert report.verdict is Verdict.TIMED_OUT and report.ok and time.monotonic() - begun < 20
    unharmed(filled)


def test_an_action_that_prints(filled: Pool, capfd: pytest.CaptureFixture[str]) -> None:
    def action() -> None:
        print("to stdout")
        print("to stderr", file=sys.stderr)
        os.write(1, b"by descriptor\n")
        os.system("echo by a shell")
        filled.root["items"].append("lost")

    report = kill(filled, action)
    assert report.output == "to stdout\nto stderr\nby descriptor\nby a shell\n"
    assert report.verdict is Verdict.ROLLED_BACK
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""  # none of it here as well
    print("still ours")
    assert capfd.readouterr().out == "still ours\n"
    unharmed(filled)


def test_an_action_that_prints_very_much(filled: Pool) -> None:
    def action() -> None:
        for _ in range(3000):
            print("x" * 1000)
        filled.root["items"].append("lost")

    report = kill(filled, action)
    assert report.verdict is Verdict.ROLLED_BACK and report.output.startswith("xxx")
    assert 100_000 < len(report.output) < 3_100_000
    unharmed(filled)


def test_an_action_that_prints_what_is_no_text(filled: Pool) -> None:
    def action() -> None:
        print("ünï \ud800")
        os.write(1, b"\xff\xfe")

    assert kill(filled, action).verdict is Verdict.UNCHANGED
    unharmed(filled)


def test_an_action_that_asks_for_input(filled: Pool) -> None:
    report = kill(filled, lambda: input("name? "))
    assert report.verdict is Verdict.RAISED and "EOFError" in report.output
    unharmed(filled)


def test_an_action_that_leaves_a_process_behind(filled: Pool) -> None:
    """A process that the code leaves behind holds the pipe and, since it is inherited, the lock of the pool."""

    def action() -> None:
        filled.root["items"].append("lost")
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)

    begun = time.monotonic()
    report = kill(filled, action, seconds=20)
    assert report.verdict is Verdict.ROLLED_BACK and time.monotonic() - begun < 15
    unharmed(filled)


def test_an_action_with_threads(filled: Pool) -> None:
    def action() -> None:
        filled.root["items"].append("lost")
        worker = threading.Thread(target=time.sleep, args=(60,))
        worker.start()

    assert kill(filled, action).verdict is Verdict.ROLLED_BACK
    unharmed(filled)


def test_an_action_that_nests_and_fails_inside(filled: Pool) -> None:
    def action() -> None:
        filled.root["items"].append("lost")
        try:
            with filled.transaction():
                raise KeyError
        except KeyError:
            pass

    report = kill(filled, action)
    assert report.ok
    unharmed(filled)


def test_what_is_stored_outside_the_transaction_is_noticed(filled: Pool) -> None:
    def action() -> None:
        heap = filled._heap
        at = heap.read(filled.root["items"]._p_offset + 24)
        import ctypes

        ctypes.c_uint64.from_address(heap.base + at).value = 77 << 1 | 1

    report = kill(filled, action)
    assert report.verdict is Verdict.CHANGED and not report.ok
    assert filled.root["items"][0] == 77
    filled.root["items"][0] = 1
    unharmed(filled)


# ---- the parent --------------------------------------------------------------------------------------


def test_not_inside_a_transaction(filled: Pool) -> None:
    with filled.transaction():
        with pytest.raises(pmemobj.TransactionError):
            kill(filled, change(filled))
        filled.root["kept"] = 1
    assert filled.root["kept"] == 1


def test_not_on_a_closed_pool(filled: Pool) -> None:
    filled.close()
    with pytest.raises(pmemobj.PoolClosedError):
        kill(filled, lambda: None)


def test_an_interrupt_of_the_waiting_parent(pool_path: str, run_python: Callable[..., Any]) -> None:
    """The child is killed, the pool is opened again, and then the interrupt is raised."""
    done = run_python(
        """
import os, signal, sys, threading, time
import pmemobj
from pmemobj.crash import kill
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, [1])
held = pool.root
parent = os.getpid()

def action():
    held.append("lost")
    os.kill(parent, signal.SIGINT)
    time.sleep(60)

begun = time.monotonic()
try:
    kill(pool, action, seconds=50)
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - begun < 20)
print(held.copy(), pool.closed, pool.root is held)
held.append(2)
try:
    os.waitpid(-1, os.WNOHANG)
    print("a child is left")
except ChildProcessError:
    print("no child is left")
pool.close()
""",
        pool_path,
    )
    assert done.stdout.splitlines() == ["interrupted True", "[1] False True", "no child is left"]
    with pmemobj.open(pool_path) as pool:
        assert pool.root == [1, 2] and not pool.recovered


@pytest.mark.once
def test_an_interrupt_at_any_moment_finds_the_pool_open(pool_path: str, run_python: Callable[..., Any]) -> None:
    """An interrupt at the worst moment (the trial before the pool is opened again), and at 30 random ones."""
    done = run_python(
        """
import os, signal, sys, threading, time
import pmemobj
from pmemobj._lifecycle import trial
from pmemobj.crash import kill
pool = pmemobj.create(sys.argv[1], pool_size=8 << 20)
held = pool.root = pool.persistent([1])

def interrupted(prepare, called_off):
    try:
        prepare()
        kill(pool, lambda: held.append("lost"))
        time.sleep(60)  # for those that come later
    except KeyboardInterrupt:
        pass
    if pool.closed or held != [1] or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        print("harmed", called_off)

in_child = trial.in_child

def meanwhile(*args):
    # As a terminal does: to everybody, to this process twice.
    signal.raise_signal(signal.SIGINT)
    os.killpg(0, signal.SIGINT)
    return in_child(*args)

def at_the_trial():
    trial.in_child = meanwhile

os.setpgid(0, 0)
interrupted(at_the_trial, "at the trial")
trial.in_child = in_child
begun = time.monotonic()
kill(pool, lambda: held.append("lost"))
whole = time.monotonic() - begun
for moment in range(30):
    after = whole * moment / 30
    timer = threading.Timer(after, os.killpg, (0, signal.SIGINT))
    interrupted(timer.start, after)
    timer.join()
held.append(2)
pool.close()
print("done")
""",
        pool_path,
    )
    assert done.stdout.splitlines() == ["done"]
    with pmemobj.open(pool_path) as pool:
        assert pool.root == [1, 2]


def test_no_descriptors_are_left_open(filled: Pool) -> None:
    kill(filled, change(filled))
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        kill(filled, change(filled))
    assert len(os.listdir("/proc/self/fd")) == len(before)


# ---- other ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end, verdict, ending",
    [
        (lambda: os._exit(0), Verdict.EXITED, "exited with code 0"),
        (lambda: os._exit(3), Verdict.EXITED, "exited with code 3"),
        (lambda: sys.exit(), Verdict.EXITED, "exited with code 0"),
        (lambda: sys.exit("a last word"), Verdict.EXITED, "exited with code 1"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), Verdict.SIGNALLED, "died of SIGTERM"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), Verdict.SIGNALLED, "died of SIGKILL"),
        (lambda: 1 / 0, Verdict.RAISED, "not killed"),
    ],
)
def test_an_end_that_was_not_planned_is_told(
    filled: Pool, end: Callable[[], Any], verdict: Verdict, ending: str
) -> None:
    def action() -> None:
        filled.root["new"] = LONG
        end()

    report = kill(filled, action)
    assert (report.verdict, report.ending) == (verdict, ending)
    assert str(report) == f"{ending}, {report.changes} change{'s' * (report.changes != 1)} made: {verdict.value}"
    assert report.ok and ("a last word" in report.output) == (ending == "exited with code 1")
    unharmed(filled)


def test_a_report_says_in_words_when_it_died(filled: Pool) -> None:
    assert str(kill(filled, lambda: None)) == f"killed just before the commit, 0 changes made: {Verdict.UNCHANGED.value}"
    assert str(kill(filled, change(filled), at=2)).startswith("killed after change 2, 2 changes made: rolled back")
    assert str(kill(filled, lambda: filled.root.clear(), at=1000)).startswith("killed just before the commit, ")
    report = kill(filled, lambda: time.sleep(100), seconds=0.2)
    assert str(report) == f"killed when its time was up, 0 changes made: {Verdict.TIMED_OUT.value}"


def test_a_pool_whose_file_was_moved_is_not_crashed(filled: Pool) -> None:
    os.rename(filled.path, f"{filled.path}.moved")
    with pytest.raises(pmemobj.PoolNotFoundError, match="moved or removed"):
        kill(filled, change(filled))
    filled.root["after"] = 1  # it is open as before
    os.rename(f"{filled.path}.moved", filled.path)
