"""SIGKILL at random moments: every reopening finds every invariant, and all that was acknowledged.

The writers are forked off, so that a round takes no longer than it must. A forked child dies as any
process does: what it stored is in the file, and nothing else runs.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from mortal import tried_in_fork
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
ACCOUNTS, TOTAL = 12, 1200
PATIENCE = 30
_NUMBER = struct.Struct("<q")


class Reports:
    """A pipe through which a writer reports numbers."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.data = b""

    def send(self, number: int) -> None:
        os.write(self.writing, _NUMBER.pack(number))

    def wait(self, count: int = 1) -> None:
        """Wait until there are at least `count` numbers."""
        while len(self.data) < count * _NUMBER.size:
            assert select.select([self.reading], [], [], PATIENCE)[0], "the writer does not come to write"
            self.data += os.read(self.reading, _NUMBER.size)

    def received(self) -> list[int]:
        """All numbers, after the writer has died."""
        os.close(self.writing)
        with os.fdopen(self.reading, "rb") as pipe:
            self.data += pipe.read()
        return [number for (number,) in _NUMBER.iter_unpack(self.data)]


@contextlib.contextmanager
def victim(work: Callable[[], None]) -> Iterator[int]:
    """A forked process that works until it is killed at the end of the block."""
    child = os.fork()
    if child == 0:
        _work_and_die(work)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, f"ended by itself: status {status}"


def open_when_free(path: str | Path) -> Pool:
    """Open a pool whose owner has just been killed; the lock is released a moment after the process has died."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return pmemobj.open(path)
        except pmemobj.PoolBusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)


def _work_and_die(work: Callable[[], None]) -> NoReturn:
    try:
        work()
    except BaseException:
        import traceback

        traceback.print_exc()
    os._exit(99)


# ---- a writer with invariants --------------------------------------------------------------------


def lay_out(pool: Pool) -> None:
    pool.root = pool.new(
        PersistentDict,
        done=0,
        accounts=pool.new(PersistentList, [TOTAL // ACCOUNTS] * ACCOUNTS),
        items=pool.new(PersistentList),
        mirror=pool.new(PersistentDict),
        bag=pool.new(Bag),
    )
    pool.root["bag"].count = 0


def one_transaction(pool: Pool, rng: random.Random, number: int) -> None:
    """Increase `done` by one, and change several things that belong together."""
    with pool.transaction():
        root = pool.root
        root["done"] = number
        accounts, items, mirror, bag = root["accounts"], root["items"], root["mirror"], root["bag"]
        for _ in range(rng.randrange(1, 8)):
            match rng.randrange(6):
                case 0 | 1:
                    amount = rng.choice([rng.randrange(50), 1 << 70])  # in a word, or in a leaf
                    accounts[rng.randrange(ACCOUNTS)] -= amount
                    accounts[rng.randrange(ACCOUNTS)] += amount
                case 2 | 3:
                    text = f"{LONG} {number} {rng.random()}" * rng.randrange(1, 9)
                    items.insert(rng.randrange(len(items) + 1), text)
                    mirror[text] = pool.new(PersistentList, [text])
                case 4 if len(items) > 20:
                    for text in items[:15]:
                        del mirror[text]
                    del items[:15]
                case _:
                    bag.count += 1
                    setattr(bag, f"mark{bag.count % 40}", f"{LONG} {bag.count}")
        if rng.random() < 0.15:
            items.sort()


def check(pool: Pool, acknowledged: int) -> int:
    """Check every invariant; returns the number of the last committed transaction."""
    root = pool.root
    assert acknowledged <= root["done"] <= acknowledged + 1
    assert sum(root["accounts"]) == TOTAL
    assert sorted(root["items"]) == sorted(root["mirror"])
    assert all(mirrored == [text] for text, mirrored in root["mirror"].items())
    bag = root["bag"]
    for count in range(max(1, bag.count - 39), bag.count + 1):
        assert getattr(bag, f"mark{count % 40}") == f"{LONG} {count}"
    return int(root["done"])


def test_a_writer_killed_at_random_moments(scratch: Path) -> None:
    path = str(scratch / "pool")
    with pmemobj.create(path, pool_size=16 << 20) as pool:
        lay_out(pool)
    rng = random.Random(20240229)
    done, transactions, recoveries = 0, 0, 0
    for round_ in range(60):
        reports = Reports()

        def write(reports: Reports = reports, seed: int = round_, first: int = done) -> None:
            with pmemobj.open(path) as pool:
                work = random.Random(seed)
                number = first
                reports.send(number)
                while True:
                    number += 1
                    one_transaction(pool, work, number)
                    # Only a number that is reported after the commit is promised to somebody.
                    reports.send(number)
                    if work.random() < 0.05:
                        pool.gc()

        with victim(write):
            if round_ % 8:
                reports.wait(1 + round_ % 4)  # the first says that the pool is open
            time.sleep(rng.choice([0.002, 0.01, 0.04]) * rng.random())
        reported = reports.received()
        # Some rounds use a new Python process; the others avoid the time of its start.
        with contextlib.nullcontext() if round_ % 8 == 1 else tried_in_fork():
            pool = open_when_free(path)
        with pool:
            recoveries += pool.recovered
            last = check(pool, reported[-1] if reported else done)
            assert_sound(pool, no_garbage=True)
            transactions += last - done
            done = last
    # Otherwise the moments of the kills were badly chosen, and the test proves nothing.
    assert recoveries >= 50 and transactions >= 50, (recoveries, transactions)


def test_killed_again_while_recovering(scratch: Path) -> None:
    """The recovery itself is killed, several times in a row."""
    path = str(scratch / "pool")
    with pmemobj.create(path, pool_size=16 << 20) as pool:
        lay_out(pool)
        for number in range(1, 30):
            one_transaction(pool, random.Random(number), number)
    rng = random.Random(5)
    done = 29
    for round_ in range(4):
        reports = Reports()

        def write(reports: Reports = reports, seed: int = round_, first: int = done) -> None:
            pool = pmemobj.open(path)
            for _ in range(200):
                pool.new(PersistentList, [LONG])  # garbage, for a longer recovery
            work, number = random.Random(seed), first
            while True:
                number += 1
                one_transaction(pool, work, number)
                reports.send(number)

        with victim(write):
            reports.wait()
            time.sleep(0.01 * rng.random())
        for _ in range(5):
            with victim(lambda: [open_when_free(path), time.sleep(60)]):
                time.sleep(0.25 * rng.random())
        reported = reports.received()
        with open_when_free(path) as pool:
            done = check(pool, reported[-1] if reported else done)
            assert_sound(pool, no_garbage=True)


def test_killed_while_closing_and_collecting(scratch: Path) -> None:
    path = str(scratch / "pool")
    with pmemobj.create(path, pool_size=16 << 20) as pool:
        pool.root = pool.new(PersistentList, [LONG, pool.new(PersistentDict, a=LONG)])
    rng = random.Random(7)
    for _ in range(15):
        reports = Reports()

        def work(reports: Reports = reports) -> None:
            while True:
                with pmemobj.open(path) as pool:
                    with pool.transaction():
                        for number in range(300):
                            pool.new(PersistentDict, {LONG: pool.new(PersistentList, [LONG, number])})
                    reports.send(1)

        with victim(work):
            # Wait until there is garbage, then kill the process somewhere in its collection.
            reports.wait()
            time.sleep(0.05 * rng.random())
        reports.received()
        with tried_in_fork():
            pool = open_when_free(path)
        with pool:
            assert pool.root[0] == LONG and pool.root[1] == {"a": LONG}
            assert len(pool._heap.allocations()) == 6
            assert_sound(pool, no_garbage=True)


def test_killed_while_creating(scratch: Path) -> None:
    """There is never an incomplete pool under the name of the pool; leftovers have names that say what they are."""
    rng = random.Random(11)
    complete = unfinished = 0
    for round_ in range(25):
        directory = scratch / str(round_)
        directory.mkdir()
        reports = Reports()

        def create(directory: Path = directory, reports: Reports = reports) -> None:
            for number in range(1000):
                reports.send(number)
                with pmemobj.create(directory / f"pool{number}", pool_size=8 << 20):
                    pass

        with victim(create):
            reports.wait()
            time.sleep(rng.choice([0.02, 0.15]) * rng.random())
        reports.received()
        for path in sorted(directory.iterdir()):
            if path.name.startswith("pool"):
                with open_when_free(path) as pool:
                    assert pool.root is None
                    pool.root = pool.new(PersistentList, [LONG])
                complete += 1
            else:
                assert path.name.startswith(".") and "creating" in path.name
                unfinished += 1
            path.unlink()
    assert complete > 2 and unfinished > 2, (complete, unfinished)


def test_a_probe_dies_with_its_parent(scratch: Path) -> None:
    """A pool is tried in a child process before it is recovered; a child that outlives its parent would keep it busy."""
    path = str(scratch / "pool")
    reports = Reports()

    def write() -> None:
        pool = pmemobj.create(path, pool_size=16 << 20)
        with pool.transaction():
            pool.root = pool.new(PersistentList, [pool.new(PersistentList, [LONG]) for _ in range(3000)])
        reports.send(1)
        time.sleep(60)

    with victim(write):
        reports.wait()
    reports.received()
    with victim(lambda: [open_when_free(path), time.sleep(60)]) as opener:
        probe = child_that_has_open(opener, path)
        os.kill(probe, signal.SIGSTOP)  # so that it cannot come to its end by itself
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{probe}") and time.monotonic() < deadline:
        time.sleep(0.01)
    outlived = os.path.exists(f"/proc/{probe}")
    if outlived:
        os.kill(probe, signal.SIGKILL)
    assert not outlived
    with open_when_free(path) as pool:
        assert pool.recovered and len(pool.root) == 3000


def child_that_has_open(process: int, path: str) -> int:
    """The child of a process, as soon as the child has mapped a file."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{process}/task/{process}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if path in Path(f"/proc/{child}/maps").read_text():
                    return int(child)
    raise AssertionError("there was no probe")


def test_a_process_that_dies_of_a_signal_in_a_transaction(pool_path: str, run_python: Callable[..., Any]) -> None:
    """Other ways to die than SIGKILL: a crash of the interpreter, an exit without finalizers, a stack overflow."""
    pmemobj.create(pool_path, pool_size=16 << 20).close()
    for death in (
        "os.abort()",
        "os._exit(1)",
        "os.kill(os.getpid(), signal.SIGSEGV)",
        "os.kill(os.getpid(), signal.SIGTERM)",
        "__import__('ctypes').string_at(0)",
    ):
        done = run_python(
            f"""
import os, signal, sys, pmemobj, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
pool = pmemobj.open(sys.argv[1])
pool.root = pool.new(pmemobj.PersistentList, ["committed"])
with pool.transaction():
    pool.root.append("uncommitted")
    pool.root[0] = "changed"
    {death}
""",
            pool_path,
            check=False,
        )
        assert done.returncode != 0
        with pmemobj.open(pool_path) as pool:
            assert pool.recovered and pool.root == ["committed"]


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_statement_is_durable_when_it_returns(pool_path: str, at: str) -> None:
    reading, writing = os.pipe()

    def work() -> None:
        pool = pmemobj.create(pool_path, pool_size=16 << 20)
        pool.root = pool.new(PersistentDict, a=1)
        if at == "after":
            pool.root["a"] = 2
            pool.root["b"] = LONG
            pool.root["c"] = pool.new(PersistentList, [1])
            pool.root["c"].append(2)
        os.write(writing, b"x")
        time.sleep(60)

    with victim(work):
        os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    with pmemobj.open(pool_path) as pool:
        expected = {"a": 1} if at == "before" else {"a": 2, "b": LONG, "c": [1, 2]}
        assert pool.root == expected
