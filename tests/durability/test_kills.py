"""A program that is killed at any moment loses no commit that it was told of, in every mode."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
from conftest import MIB

import pmemobj
from pmemobj._durability.leftover import journal_path
from pmemobj._pmdk import interposition, library

library.load()
pytestmark = [
    # What is tried here is the journal, which is never compiled; test_crashes.py kills uncompiled programs too.
    pytest.mark.once,
    pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here"),
]

#: Transactions, statements and publications, each of which leaves the counts in agreement; each is acknowledged.
WORKER = """
import sys, pmemobj
from pmemobj._durability import journal
path, durability, seed, small = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "small"
if small:
    journal.MOST_PAGES = 40
pool = pmemobj.open(path, durability=durability)
root = pool.root
number = root["number"]
print("open", flush=True)
while True:
    number += 1
    kind = number % 5
    if kind == 0:
        root["text"] = "x" * (number % 400)
    elif kind == 1:
        root["list"].append(number)
    elif kind == 2:
        root["dict"][str(number)] = number
    with pool.transaction():
        root["number"] = number
        root["copy"] = number
        root["table"][number % 500] = number
        if kind == 3:
            root["big"] = pool.persistent(list(range(number % 3000)))
        if kind == 4:
            root["dict"].clear()
            root["list"].clear()
    print(number, flush=True)
"""


def make(path: Path, size: int | str, durability: str) -> None:
    with pmemobj.create(path, size, durability=durability) as pool:
        pool.root = pool.persistent(
            {"number": 0, "copy": 0, "text": "", "list": [], "dict": {}, "table": [0] * 500, "big": []}
        )


def run_and_kill(spawn: Callable[..., Popen[str]], path: Path, durability: str, seconds: float, *more: object) -> int:
    """The last number that the program was told to be committed."""
    child = spawn(WORKER, path, durability, *more)
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n", child.stderr and child.stderr.read()
    time.sleep(seconds)
    child.send_signal(signal.SIGKILL)
    told = [line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    child.wait()
    return int(told[-1]) if told else 0


def demand_whole(pool: pmemobj.PersistentObjectPool, told: int) -> None:
    root = pool.root
    number = root["number"]
    assert told <= number <= told + 1 and root["copy"] == number
    assert [n for n in root["table"] if n > number] == []
    if number:
        assert root["table"][number % 500] == number
    assert all(later > earlier for earlier, later in zip(root["list"], list(root["list"])[1:], strict=False))
    assert pool.check().ok


@pytest.mark.parametrize("durability", ["full", "relaxed", "in-place"])
@pytest.mark.parametrize("size", [32 * MIB, "auto"])
def test_what_was_acknowledged_is_there(
    tmp_path: Path, spawn: Callable[..., Popen[str]], durability: str, size: int | str
) -> None:
    path = tmp_path / "pool"
    make(path, size, durability)
    chance = random.Random(f"{durability} {size}")
    told = 0
    # On a busy machine a program does little before it is killed.
    for turn in range(40):
        if turn >= 4 and told > 20:
            break
        told = max(told, run_and_kill(spawn, path, durability, 0.6 * chance.random(), turn, "small"))
        # Whoever opens it next need not use the same mode.
        beside = Path(journal_path(str(path), size == "auto"))
        assert beside.exists() == (durability != "in-place")
        with pmemobj.open(path, durability=chance.choice(["full", "relaxed", "in-place"])) as pool:
            assert pool.recovered
            demand_whole(pool, told)
            told = pool.root["number"]
        assert not beside.exists()
    with pmemobj.open(path) as pool:
        assert not pool.recovered
        demand_whole(pool, told)
    assert told > 20, sys.version
