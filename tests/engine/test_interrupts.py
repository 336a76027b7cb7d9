"""KeyboardInterrupt: real SIGINT, at chosen moments and at random moments.

Whatever the moment, the pool is consistent and usable afterwards: all changes of a transaction are there
or none, no lock is held, no transaction is open.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from soundness import assert_sound

import pmemobj
from pmemobj import (
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentObjectPool,
    PersistentSet,
)

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


def test_an_interrupt_inside_a_transaction_rolls_it_back(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [1, LONG])
    with pytest.raises(KeyboardInterrupt), pool.transaction():
        pool.root[1] = 5
        pool.root.append(2)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("code after the interrupt")
    assert pool.root == [1, LONG] and not pool.in_transaction
    with pool.transaction():
        pool.root.append(3)
    assert pool.root == [1, LONG, 3]
    assert_sound(pool)


def test_an_interrupt_in_an_inner_block(pool: Pool) -> None:
    with pytest.raises(pmemobj.TransactionAborted), pool.transaction():
        pool.root = 1
        with pytest.raises(KeyboardInterrupt), pool.transaction():
            signal.raise_signal(signal.SIGINT)
    assert pool.root is None
    pool.root = 2


def test_an_interrupt_that_the_block_itself_catches(pool: Pool) -> None:
    with pool.transaction():
        pool.root = 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert pool.root == 1


def test_an_interrupt_in_code_that_an_operation_calls(pool: Pool) -> None:
    def interrupting(value: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return value

    pool.root = pool.new(PersistentList, [2, LONG, 1])
    with pytest.raises(KeyboardInterrupt):
        pool.root.sort(key=interrupting)
    with pytest.raises(KeyboardInterrupt):
        pool.root.extend(interrupting(value) for value in "abc")
    assert pool.root == [2, LONG, 1] and not pool.in_transaction

    class Interrupted(pmemobj.PersistentObject):
        def __init__(self) -> None:
            self.name = LONG
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        pool.new(Interrupted)
    assert not pool.in_transaction
    pool.root = 1
    assert_sound(pool)


def test_ctrl_c_at_a_program_in_a_transaction(pool_path: str, spawn: Callable[..., subprocess.Popen[str]]) -> None:
    child = spawn(
        """
import pmemobj, sys, time
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentList, ["kept"])
try:
    with pool.transaction():
        pool.root.append("lost")
        print("ready", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print(pool.root.copy(), pool.in_transaction, flush=True)
pool.root.append("after")
""",
        pool_path,
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=30)
    assert (output, child.returncode) == ("['kept'] False\n", 0)
    with pmemobj.open(pool_path) as pool:
        assert pool.root == ["kept", "after"] and not pool.recovered


def test_a_program_that_ctrl_c_ends_leaves_a_clean_pool(
    pool_path: str, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    child = spawn(
        """
import pmemobj, sys, time
sys.stderr = open("/dev/null", "w")
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = 1
with pool.transaction():
    pool.root = 2
    print("ready", flush=True)
    time.sleep(60)
""",
        pool_path,
    )
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)
    assert child.returncode == -signal.SIGINT
    with pmemobj.open(pool_path) as pool:
        assert pool.root == 1 and not pool.recovered


# ---- at random moments ------------------------------------------------------------------------------


class Bank:
    """Changes that come in pairs, so that half of a pair is noticed."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        pool.root = pool.new(
            PersistentDict,
            items=pool.new(PersistentList),
            mirror=pool.new(PersistentDict),
            accounts=pool.new(PersistentList, [100] * 10),
            group=pool.new(PersistentSet),
            data=pool.new(PersistentByteArray),
            numbers=pool.new(PersistentArray, "q"),
        )

    def step(self, number: int) -> None:
        """One transaction, or one statement."""
        root = self.pool.root
        match number % 8:
            case 0:
                with self.pool.transaction():
                    root["accounts"][number % 10] -= 7
                    root["accounts"][(number // 10) % 10] += 7
            case 1:
                with self.pool.transaction():
                    root["items"].append(LONG + str(number))
                    root["mirror"][LONG + str(number)] = LONG * (number % 3 + 1)
            case 2 if len(root["items"]) > 3:
                with self.pool.transaction():
                    del root["mirror"][root["items"].pop(1)]
            case 3:
                with self.pool.transaction():
                    root["items"].reverse()
                    for key in list(root["mirror"])[:2]:
                        root["mirror"][key] = number
            case 4:
                with self.pool.transaction():
                    root["group"].add(LONG + str(number))
                    root["data"].extend(b"some bytes"[: 1 + number % 5] * 2)
                    root["numbers"].append(len(root["data"]))
            case 5 if len(root["group"]) > 5:
                with self.pool.transaction():
                    root["group"].pop()
                    del root["data"][root["numbers"][-2] :], root["numbers"][-1]
            case 6:
                with root["numbers"].writing() as view:
                    view[:] = view[:]
                root["structure"] = self.pool.persistent([LONG, {number: (LONG, [number])}])
            case _:
                root["count"] = LONG + str(number)

    def check(self) -> None:
        if not pmemobj.compiled:
            # docs/architecture.md describes this gap: an interrupt on entering __exit__.
            self.pool.abandon_transaction()
        root = self.pool.root
        assert not self.pool.in_transaction
        assert sum(root["accounts"]) == 1000
        assert sorted(root["items"]) == sorted(root["mirror"])
        assert len(root["group"]) == len(root["numbers"])
        assert len(root["data"]) == (root["numbers"][-1] if root["numbers"] else 0)
        assert_sound(self.pool)


def interrupt_often(pool: Pool, seconds: float) -> int:
    """Work, with a SIGINT every few hundred microseconds; return how many arrived."""
    bank = Bank(pool)
    count = number = 0
    handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            try:
                # The delay varies, so that every place is hit at some time.
                signal.setitimer(signal.ITIMER_REAL, 0.00002 + (count * 7919 % 1009) * 0.000001)
                while True:
                    number += 1
                    bank.step(number)
            except KeyboardInterrupt:
                count += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            if not pmemobj.compiled:
                # Python code can be interrupted on its way into or out of a block, so there a program
                # that goes on after an interrupt has to say that the transaction is over.
                pool.abandon_transaction()
            bank.check()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    return count


def test_interrupts_at_random_moments(pool_path: str, run_python: Callable[..., Any]) -> None:
    # The test runs in a child, since the time limit of the test uses the timer and the handler of SIGALRM, too.
    done = run_python(
        """
import sys, threading
import pmemobj, test_interrupts
from soundness import assert_sound
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
count = test_interrupts.interrupt_often(pool, 5)
# No lock is left behind: another thread can use the pool.
thread = threading.Thread(target=lambda: pool.root.__setitem__("thread", 1), daemon=True)
thread.start()
thread.join(10)
assert not thread.is_alive(), "a lock is still held"
pool.close()
with pmemobj.open(sys.argv[1]) as pool:
    assert not pool.recovered
    assert_sound(pool, no_garbage=True)
print(count)
""",
        pool_path,
    )
    assert int(done.stdout) > 100


def lost_interrupts(pool: Pool, count: int) -> int:
    """Make and drop handles, with `count` interrupts; return how many of them did not arrive."""
    came = caught = 0

    def interrupt(*_: Any) -> None:
        nonlocal came
        came += 1
        raise KeyboardInterrupt

    pool.root = pool.new(PersistentList, [pool.new(PersistentList) for _ in range(3)])
    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(count):
            seen = came
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005 + (number * 7919 % 1009) * 0.000001)
                while came == seen:
                    pool.root[0], pool.root[1], pool.root[2]
            except KeyboardInterrupt:
                caught += 1
    finally:
        signal.signal(signal.SIGALRM, handler)
    return came - caught


def test_no_interrupt_is_lost_where_handles_come_and_go(pool_path: str, run_python: Callable[..., Any]) -> None:
    # Python prints and forgets an exception that is raised in the callback for an object that has died.
    done = run_python(
        """
import sys
import pmemobj, test_interrupts
with pmemobj.create(sys.argv[1], pool_size=8 << 20) as pool:
    print(test_interrupts.lost_interrupts(pool, 1000))
""",
        pool_path,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
