"""What a flush means on each kind of memory: the functions in the place of libpmem's, and the mode that a pool reports."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MIB, PATIENCE

import pmemobj
from pmemobj._pmdk import interposition, library

pytestmark = pytest.mark.once

library.load()
needs_module = pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")


def use(pool: pmemobj.PersistentObjectPool) -> None:
    """Every kind of change, so that every function of libpmem is called."""
    pool.root = pool.persistent({"list": list(range(100)), "dict": {}, "text": "x" * 1000})
    with pool.transaction():
        for number in range(300):
            pool.root["dict"][str(number)] = "y" * number
    pool.root["list"].extend(range(1000))
    pool.root["text"] = "z" * 5000
    del pool.root["dict"]["7"]
    pool.gc()
    with pytest.raises(ZeroDivisionError), pool.transaction():
        pool.root["list"][0] = "never"
        pool.root["list"].append(1 / 0)


def demand_used(pool: pmemobj.PersistentObjectPool) -> None:
    assert pool.root["list"] == [*range(100), *range(1000)] and pool.root["text"] == "z" * 5000
    assert len(pool.root["dict"]) == 299 and pool.root["dict"]["299"] == "y" * 299
    assert pool.check().ok


@needs_module
@pytest.mark.parametrize("size", [16 * MIB, "auto"])
def test_in_ram_nothing_is_flushed_and_everything_is_there(scratch: Path, size: int | str) -> None:
    path = str(scratch / "pool")
    with pmemobj.create(path, size) as pool:
        assert pool.durability == "memory" and not pool._heap.needs_flush
        assert interposition.native().noted(pool._heap.base) == (0, 0), "the pool has a policy, and no journal"
        use(pool)
    with pmemobj.open(path) as pool:
        assert not pool.recovered and pool.durability == "memory"
        demand_used(pool)


def test_a_killed_program_loses_no_commit_in_ram(pool_path: str) -> None:
    program = (
        f"import pmemobj, sys\npool = pmemobj.create({pool_path!r}, 16 << 20)\n"
        "pool.root = pool.persistent({'n': 0, 'copies': []})\n"
        "for n in range(1, 10**9):\n"
        " with pool.transaction():\n  pool.root['n'] = n\n  pool.root['copies'].append(n)\n"
        " print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 200:
                break
        child.send_signal(signal.SIGKILL)
        told = [200, *(int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n"))]
    with pmemobj.open(pool_path) as pool:
        assert pool.recovered and pool.root["n"] >= told[-1]
        assert pool.root["copies"] == list(range(1, pool.root["n"] + 1))


@needs_module
def test_pools_with_and_without_a_policy_do_not_disturb_each_other(scratch: Path, tmp_path: Path) -> None:
    with (
        pmemobj.create(scratch / "one", 16 * MIB) as one,
        pmemobj.create(tmp_path / "two", 16 * MIB) as two,
        pmemobj.create(scratch / "three", 16 * MIB) as three,
    ):
        for pool in (one, two, three):
            use(pool)
        for pool in (three, two, one):
            demand_used(pool)
    for path in (scratch / "one", tmp_path / "two", scratch / "three"):
        with pmemobj.open(path) as pool:
            demand_used(pool)


@needs_module
def test_the_policy_ends_with_the_mapping(pool_path: str) -> None:
    pool = pmemobj.create(pool_path, 16 * MIB)
    base = pool._heap.base
    pool.close()
    with pytest.raises(LookupError):
        interposition.native().noted(base)


def test_a_sandbox_promises_nothing(pool_path: str) -> None:
    pmemobj.create(pool_path, 16 * MIB).close()
    with pmemobj.open(pool_path, sandbox=True) as pool:
        use(pool)
        demand_used(pool)
        assert pool.durability == "none"
    with pmemobj.open(pool_path) as pool:
        assert pool.root is None


def test_without_the_module_everything_works_in_place(scratch: Path) -> None:
    program = (
        "import sys\nsys.modules['pmemobj._pmdk._interposer'] = None\nimport pmemobj\n"
        f"with pmemobj.PersistentObjectPool({str(scratch / 'pool')!r}, 'c', 16 << 20) as pool:\n"
        " assert pool.durability == 'in-place', pool.durability\n assert pool._heap.needs_flush\n"
        " pool.root = pool.persistent({'a': [1]})\n"
        " with pool.transaction(): pool.root['a'].extend(range(100))\n"
        "from pmemobj._pmdk import interposition\nassert 'was not built' in interposition.problem()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
