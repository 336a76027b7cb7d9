"""What every public entry says to an argument that means nothing: what failed, why, and what to do.

The methods of the containers are compared with those of Python's own types (`test_methods`); here are all
other entries, and a test that none is left out.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pmemobj
from pmemobj import Field, PersistentList, PersistentObject, PersistentObjectPool

Pool = PersistentObjectPool
#: ``cannot {what}: {why} ({what to do})``
THREE_PARTS = re.compile(r"cannot .+: .+ \(.+\)", re.DOTALL)


class Mine(PersistentObject):
    """Something to give an alias to."""


@dataclasses.dataclass
class Pair(PersistentObject):
    """A dataclass in a pool."""

    one: int = 1
    two: int = 2


#: Entries whose arguments are tried elsewhere, or that have none.
ELSEWHERE = {
    *("DEFAULT_MAX_SIZE", "DEFAULT_POOL_SIZE", "compiled", "errors", "inspect", "open_pools"),
    *("PersistentDict", "PersistentList", "PersistentSet", "PersistentTuple", "PersistentArray", "PersistentByteArray"),
    *("PersistentDeque", "PersistentFrozenSet", "PersistentCounter", "PersistentDefaultDict", "PersistentOrderedDict"),
    *("Persistent", "PersistentObject"),  # see test_object and test_extension
    *("Finding", "Oid", "PoolStats", "Report", "LogChange", "LogEntry", "LogLine", "LogStep"),  # plain records
    *("TransactionLog", "glance.Glance"),  # what pool.log and glance.look give
    "glance",
    "to_python",  # returns what is not persistent
    *pmemobj.errors.__all__,
    *(
        "pool.absolute_path",
        "pool.closed",
        "pool.free",
        "pool.durability",
        "pool.in_transaction",
        "pool.transaction_depth",
        "pool.max_size",
        "pool.medium",
        "pool.mm",
    ),
    *("pool.held_by", "pool.path", "pool.recovered", "pool.sandbox", "pool.size", "pool.used"),  # attributes
    *("pool.close", "pool.suspend", "pool.resume", "pool.sync", "pool.transaction", "pool.abandon_transaction"),
    *("mm.transaction", "transaction.active", "transaction.begin", "transaction.commit", "transaction.abort"),
}


def entries(pool: Pool, scratch: Path) -> dict[str, list[Callable[[], Any]]]:
    """Calls with wrong arguments, by the entry that they try."""
    mm, block, path = pool.mm, pool.mm.zalloc(3, "q"), str(scratch / "none.pmem")
    walk, walk_file, check = pmemobj.inspect.walk, pmemobj.inspect.walk_file, pmemobj.check
    Class, dump, restore, resize = PersistentObjectPool, pmemobj.dump, pmemobj.restore, pmemobj.resize
    no_paths: list[Any] = [pool, 5, None, b"bytes.pmem", pmemobj, "\0"]
    memory: list[Any] = [5, None, "x", pool, pool.new(PersistentList)]
    return {
        "PersistentObjectPool": [
            *(lambda bad=bad: Class(bad) for bad in no_paths),
            lambda: Class(path, "z"),
            lambda: Class(path, None),
            lambda: Class(path, "c", 5),
            lambda: Class(path, "c", "16 metres"),
            lambda: Class(path, "c", mode="x"),
            lambda: Class(path, "c", max_size=5),
        ],
        "open": [lambda bad=bad: pmemobj.open(bad) for bad in no_paths],
        "create": [*(lambda bad=bad: pmemobj.create(bad) for bad in no_paths), lambda: pmemobj.create(path, 16.5)],
        "transactional": [
            *(lambda bad=bad: pmemobj.transactional(bad) for bad in (5, None, "f")),
            *(lambda bad=bad: pmemobj.transactional(len)(bad) for bad in (5, None, [])),
        ],
        "remove": [lambda bad=bad: pmemobj.remove(bad) for bad in no_paths],
        "find_pools": [
            *(lambda bad=bad: pmemobj.inspect.find_pools(bad) for bad in no_paths),
            *(lambda bad=bad: pmemobj.inspect.find_pools(".", depth=bad) for bad in (-1, "x", None)),
            *(lambda bad=bad: pmemobj.inspect.find_pools(".", most=bad) for bad in (-1, 1.5)),
            *(lambda bad=bad: pmemobj.inspect.find_pools(".", seconds=bad) for bad in (-1, "x", float("nan"))),
        ],
        "check": [
            *(lambda bad=bad: check(bad) for bad in no_paths),
            *(lambda bad=bad: check(path, seconds=bad) for bad in (0, -1, "5", float("nan"))),
        ],
        "dump": [
            *(lambda bad=bad: dump(bad, path) for bad in (5, None, path)),
            *(lambda bad=bad: dump(pool, bad) for bad in (5, None, pool)),
            lambda: dump(pool, path, progress=5),
        ],
        "restore": [
            *(lambda bad=bad: restore(os.devnull, bad) for bad in no_paths),
            *(lambda bad=bad: restore(bad, path) for bad in (5, None, pool)),
            lambda: restore(os.devnull, path, progress=5),
        ],
        "resize": [*(lambda bad=bad: resize(bad) for bad in no_paths), lambda: resize(path, progress=5)],
        "walk": [
            *(lambda bad=bad: walk(bad) for bad in (5, None, path)),
            lambda: walk(pool, 5),
            *(lambda bad=bad: walk(pool, depth=bad) for bad in (-1, "1", 1.5)),
            lambda: walk(pool, max_nodes=-1),
            lambda: walk(pool, max_items=-1),
        ],
        "walk_file": [*(lambda bad=bad: walk_file(bad) for bad in no_paths), lambda: walk_file(path, depth=-1)],
        "nearby": [
            *(lambda bad=bad: pmemobj.inspect.nearby(bad) for bad in (5, None, pool)),
            lambda: pmemobj.inspect.nearby(pool.root, depth=-1),
        ],
        "memory": [
            *(lambda bad=bad: pmemobj.inspect.memory(bad) for bad in (5, None, "x", mm, PersistentList)),
            *(lambda bad=bad: pmemobj.inspect.memory(pool, max_words=bad) for bad in (0, -1, "1", 1.5)),
        ],
        "logs": [
            *(lambda bad=bad: pmemobj.inspect.logs(bad) for bad in (5, None, "x", mm, PersistentList, pool.root)),
            *(lambda bad=bad: pmemobj.inspect.logs(pool, last=bad) for bad in (-1, "1", 1.5)),
        ],
        "differences": [lambda bad=bad: pmemobj.inspect.differences(bad, bad) for bad in (5, None, pool)],
        "tree_text": [lambda bad=bad: pmemobj.inspect.tree_text(bad) for bad in (5, None, pool)],
        "slot_of": [lambda bad=bad: pmemobj.inspect.slot_of(bad) for bad in (-1, 1 << 64, "x", None)],
        "slot_note": [lambda bad=bad: pmemobj.inspect.slot_note(bad) for bad in (5, pool)],
        "glance.stamp": [lambda bad=bad: pmemobj.glance.stamp(bad) for bad in (5, None, "x")],
        "glance.look": [
            *(lambda bad=bad: pmemobj.glance.look(bad) for bad in (5, None, "x")),
            *(lambda bad=bad: pmemobj.glance.look(pool, bad) for bad in (5, "x")),
            *(lambda bad=bad: pmemobj.glance.look(pool, max_nodes=bad) for bad in (-1, "x")),
        ],
        "glance.look_into": [
            *(lambda bad=bad: pmemobj.glance.look_into(bad, 0) for bad in (5, None)),
            *(lambda bad=bad: pmemobj.glance.look_into(pool, bad) for bad in (5, None, "x")),
            lambda: pmemobj.glance.look_into(pool, pool.root._p_offset, -1),
        ],
        "glance.after_transactions": [
            *(lambda bad=bad: pmemobj.glance.after_transactions(bad, [].append) for bad in (5, None)),
            *(lambda bad=bad: pmemobj.glance.after_transactions(pool, bad) for bad in (5, None, len)),
        ],
        "alias": [lambda: pmemobj.alias("a:B", int), lambda: pmemobj.alias("B", Mine), lambda: pmemobj.alias(5, Mine)],
        "persist_via_pickle": [lambda bad=bad: pmemobj.persist_via_pickle(bad) for bad in (5, "x", None, list, object)],
        "Field": [lambda bad=bad: Field(bad) for bad in ("l", 5, None)],
        "Block": [lambda bad=bad: pmemobj.Block(bad) for bad in memory],
        "MemoryManager": [lambda bad=bad: pmemobj.MemoryManager(bad) for bad in memory],
        # Compiled, None was once taken, and the first use ended the process.
        "Transaction": [lambda bad=bad: pmemobj.Transaction(bad) for bad in memory],
        "pool.root": [lambda: setattr(pool, "root", object())],
        "pool.new": [lambda bad=bad: pool.new(bad) for bad in (5, None, "x", list, pool.root, pmemobj.Persistent)],
        "pool.persistent": [lambda: pool.persistent([1, object()])],
        "pool.gc": [lambda: pool.gc(progress=5)],
        "pool.backup": [
            *(lambda bad=bad: pool.backup(bad) for bad in no_paths),
            lambda: pool.backup(path, progress=5),
        ],
        "pool.check": [lambda: pool.check(progress=5)],
        "pool.stats": [lambda: pool.stats(progress=5)],
        "pool.graph": [
            *(lambda bad=bad: pool.graph(bad) for bad in (5, "x", pool)),
            *(lambda bad=bad: pool.graph(depth=bad) for bad in (-1, "x")),
        ],
        "pool.tree": [*(lambda bad=bad: pool.tree(bad) for bad in (5, "x", pool)), lambda: pool.tree(max_items=-1)],
        "pool.log": [
            *(lambda bad=bad: pool.log.last(bad) for bad in (-1, "x", 1.5)),
            *(lambda bad=bad: pool.log.text(bad) for bad in (-1, "x")),
        ],
        "pool.is_at": [lambda bad=bad: pool.is_at(bad) for bad in (5, None, pool)],
        "mm.new": [lambda bad=bad: mm.new(bad) for bad in (5, None, "x", list)],
        "mm.persistent": [lambda: mm.persistent(object())],
        "mm.alloc": [lambda: mm.alloc(-1), lambda: mm.alloc(1, "l"), lambda: mm.alloc(1, None)],
        "mm.zalloc": [lambda: mm.zalloc(-1), lambda: mm.zalloc(1, "l")],
        "mm.realloc": [*(lambda bad=bad: mm.realloc(bad, 1) for bad in memory), lambda: mm.realloc(block, -1)],
        "mm.free": [lambda bad=bad: mm.free(bad) for bad in memory],
        "mm.read": [lambda bad=bad: mm.read(bad) for bad in memory],
        "mm.write": [*(lambda bad=bad: mm.write(bad, 0, 1) for bad in memory), lambda: mm.write(block, 0, "x")],
        "mm.store": [*(lambda bad=bad: mm.store(bad, 0, 1) for bad in memory), lambda: mm.store(block, 0, "x")],
        "mm.snapshot": [lambda bad=bad: mm.snapshot(bad) for bad in memory],
        "mm.persist": [lambda bad=bad: mm.persist(bad) for bad in memory],
        "mm.resurrect": [lambda bad=bad: mm.resurrect(bad) for bad in (5, None, "xy", (1, "2"), (1, 2, 3))],
        "replace": [lambda: dataclasses.replace(pool.new(Pair), one=3)],
    }


def test_errors_have_three_parts_and_leave_everything_as_it_was(pool: Pool, scratch: Path) -> None:
    pool.root = kept = pool.new(PersistentList, [1, "long " * 10])
    before = sorted(path.name for path in scratch.iterdir())
    for name, calls in entries(pool, scratch).items():
        for number, call in enumerate(calls):
            with pytest.raises(Exception) as caught:
                call()
            error = caught.value
            assert isinstance(error, (TypeError, ValueError, pmemobj.InvalidHandleError)), (name, number, repr(error))
            assert THREE_PARTS.fullmatch(str(error)), (name, number, str(error))
    assert pool.root is kept and kept == [1, "long " * 10] and not pool.in_transaction
    assert sorted(path.name for path in scratch.iterdir()) == before


def test_advice_that_is_special(pool: Pool) -> None:
    with pytest.raises(TypeError, match=r"PersistentObjectPool is no path .*that of a pool is pool\.path"):
        pmemobj.check(pool)  # type: ignore[arg-type]
    with pytest.raises(
        pmemobj.InvalidHandleError, match=r"pool\.new\(Class, \.\.\.\), or out of another one with copy\.copy"
    ):
        dataclasses.replace(pool.new(Pair), one=3)


def test_no_entry_is_left_out(pool: Pool, scratch: Path) -> None:
    tried = entries(pool, scratch).keys() | ELSEWHERE
    names = [*pmemobj.__all__, "open", *(name for name in pmemobj.inspect.__all__ if name[0].islower())]
    for prefix, cls in (
        ("pool", PersistentObjectPool),
        ("mm", pmemobj.MemoryManager),
        ("transaction", pmemobj.Transaction),
    ):
        names += [f"{prefix}.{name}" for name, _ in inspect.getmembers(cls) if not name.startswith("_")]
        names += [f"{prefix}.{name}" for name in getattr(cls, "__annotations__", {}) if not name.startswith("_")]
    names += [f"glance.{name}" for name in pmemobj.glance.__all__]
    assert set(names) - tried == set()
