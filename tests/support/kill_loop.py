"""Programs that are killed at random moments, again and again: what they were told to be committed is there.

The tests kill a few (`test_kills`); ``make crash-figures`` runs this for ten minutes. The contents have many sizes, so
that chunks of libpmemobj's heap are allocated, freed and joined all the time. After each kill the pool is examined, and all memory
that is free is allocated: a value that is overwritten shows a heap that gives the same memory twice.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from power_kinds import MIB, Violation
from scratch import scratch_parent

import pmemobj
from pmemobj._durability.leftover import journal_path

SIZES = (48 * MIB, "auto")
MODES = ("full", "relaxed", "in-place")
#: A pool is killed so many times before another is made.
ROUNDS = 6

#: Puts values of many sizes into slots; `sums` has the checksum of each. Each number is told when it is committed.
WORKER = """
import random, sys, zlib
import pmemobj
from pmemobj._durability import journal
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import session

path, durability, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
session.medium_of = lambda _: Medium.DISK
if seed % 2:
    journal.MOST_PAGES = 60
chance = random.Random(seed)
pool = pmemobj.open(path, durability=durability)
root = pool.root
number = root["number"]
print("open", flush=True)
while True:
    number += 1
    size = chance.choice((10, 200, 3000, 40_000, 300_000, 700_000, 2_000_000, 4_500_000))
    with pool.transaction():
        root["number"] = number
        for _ in range(chance.randrange(1, 4)):
            slot = chance.randrange(len(root["slots"]))
            value = bytes([number % 251 + 1]) * (size + chance.randrange(size))
            if chance.randrange(3) == 0:
                value = b""
            try:
                root["slots"][slot] = value
            except pmemobj.PoolFullError:
                value = b""
                root["slots"][slot] = value
            root["sums"][slot] = zlib.crc32(value)
    print(number, flush=True)
    if number % 7 == 0:
        pool.gc()
    if number % 11 == 0:
        root["text"] = "x" * chance.randrange(3000)
    if number % 50 == 0:
        root["table"] = pool.persistent([[n] * (n % 30) for n in range(chance.randrange(300))])
"""


def _make(path: Path, size: int | str) -> None:
    how = {"max_size": 400 * MIB} if size == "auto" else {}
    with pmemobj.create(path, size, durability="in-place", **how) as pool:  # type: ignore[arg-type]
        slots = 14
        pool.root = pool.persistent(
            {"number": 0, "slots": [b""] * slots, "sums": [0] * slots, "text": "", "table": [], "more": []}
        )


def _kill(path: Path, durability: str, seed: int, seconds: float) -> int:
    """Let a program work, and kill it; the last number that it was told to be committed."""
    child = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(path), durability, str(seed)], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        if child.stdout.readline() != "open\n":
            raise Violation("the pool cannot be opened")
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        told = [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    if child.returncode != -signal.SIGKILL:
        raise Violation(f"the program ended with {child.returncode}")
    return int(told[-1]) if told else 0


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)


def _demand_values(pool: pmemobj.PersistentObjectPool) -> None:
    root = pool.root
    sums = [zlib.crc32(value) for value in root["slots"]]
    _demand(sums == list(root["sums"]), "a value is not what was stored")
    _demand(pool.check().ok, f"the pool is damaged: {pool.check()}")


def _fill(pool: pmemobj.PersistentObjectPool) -> None:
    """Allocate all that is free without growth, in pieces of many sizes, and free it again."""
    size, made = pool.size, []
    more = pool.root["more"]
    for length in (3_000_000, 390_000, 30_000, 2000):
        try:
            for _ in range(60):
                if pool.size != size:
                    break
                value = bytes([len(made) % 251 + 1]) * length
                more.append(value)
                made.append(value)
        except pmemobj.PoolFullError:
            continue
    _demand(list(more) == made, "values have got the same memory")
    _demand_values(pool)
    more.clear()


def _killed_once(path: Path, told: int, chance: random.Random) -> int:
    told = max(told, _kill(path, chance.choice(MODES), chance.randrange(1 << 30), 0.7 * chance.random()))
    with pmemobj.open(path) as pool:
        number = pool.root["number"]
        _demand(pool.recovered, "nobody has closed it")
        _demand(told <= number <= told + 1, f"{told} was committed, and {number} is there")
        _demand_values(pool)
        _fill(pool)
    beside = Path(journal_path(str(path), path.is_dir()))
    _demand(not beside.exists(), "a pool that was closed has a journal")
    return number


def killed_for(seconds: float, seed: int = 1) -> tuple[int, list[str]]:
    """Kill programs for so many seconds.

    Returns:
        How many were killed, and what was wrong. A pool with something wrong is kept, and named.
    """
    chance, kills, wrong = random.Random(seed), 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        directory = Path(tempfile.mkdtemp(prefix="pmemobj-kills-", dir=scratch_parent()))
        size = SIZES[kills // ROUNDS % len(SIZES)]
        _make(directory / "pool", size)
        told = 0
        try:
            for _ in range(ROUNDS):
                kills += 1
                told = _killed_once(directory / "pool", told, chance)
        except (Violation, pmemobj.PmemError) as error:
            wrong.append(f"{size}, {directory}: {error}")
        else:
            shutil.rmtree(directory)
    return kills, wrong


if __name__ == "__main__":
    print(killed_for(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else os.getpid()))
