"""The read-only walk, on which every view of a pool is based."""

from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_classes import Account, Bag, Money

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool
from pmemobj.inspect import Edge, Graph, Slot, walk, walk_file

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"


@pytest.fixture
def filled(pool: Pool) -> Pool:
    account = pool.new(Account, LONG, 7)
    pool.root = pool.new(PersistentDict, items=pool.new(PersistentList, [1, LONG, None, account]), account=account)
    return pool


def node(graph: Graph, handle: Any) -> Any:
    return graph.nodes[handle._p_offset]


def test_nodes_slots_and_edges(filled: Pool) -> None:
    root, items, account = filled.root, filled.root["items"], filled.root["account"]
    graph = walk(filled)
    assert graph.start == Slot("root", "PersistentDict", root._p_offset)
    assert list(graph.nodes) == [root._p_offset, items._p_offset, account._p_offset]  # nearest first
    assert (graph.total, graph.hidden) == (3, 0)
    assert [(n.type, n.text, n.count, n.depth, n.damage) for n in graph.nodes.values()] == [
        ("PersistentDict", "2 keys", 2, 0, ""),
        ("PersistentList", "4 items", 4, 1, ""),
        ("Account", "2 attributes", 2, 1, ""),
    ]
    assert node(graph, items).slots == (
        Slot("0", "1"),
        Slot("1", repr(LONG)),
        Slot("2", "None"),
        Slot("3", "Account", account._p_offset),
    )
    assert [slot.label for slot in node(graph, account).slots] == ["owner", "balance"]
    assert [slot.label for slot in node(graph, root).slots] == ["'items'", "'account'"]
    assert set(graph.edges) == {
        Edge(root._p_offset, items._p_offset, "'items'"),
        Edge(root._p_offset, account._p_offset, "'account'"),
        Edge(items._p_offset, account._p_offset, "3"),
    }


def test_what_a_node_takes(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [1, LONG, "b" * 1000])
    (only,) = walk(pool).nodes.values()
    assert only.size == pool.used


@pytest.mark.parametrize("value, text", [(None, "None"), (5, "5"), ("short", "'short'"), (b"b" * 9, repr(b"b" * 9))])
def test_a_root_that_is_no_object(pool: Pool, value: Any, text: str) -> None:
    pool.root = value
    graph = walk(pool)
    assert graph.start == Slot("root", text) and not graph.nodes and not graph.edges and graph.total == 0


def test_long_values_are_shortened(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, {"k" * 500: "v" * 100_000, 1: 10**3000})
    (only,) = walk(pool).nodes.values()
    assert all(len(slot.label) <= 60 and len(slot.text) <= 60 for slot in only.slots)


def test_a_pickle_is_not_unpickled(pool: Pool) -> None:
    pmemobj.persist_via_pickle(Money)
    pool.root = pool.new(PersistentList, [Money(5)])
    (only,) = walk(pool).nodes.values()
    assert only.slots[0].text.startswith("pickle of ")


def test_objects_as_keys(pool: Pool) -> None:
    key, value = pool.new(Bag), pool.new(PersistentList)
    pool.root = pool.new(PersistentDict, [(key, value)])
    graph = walk(pool)
    assert node(graph, pool.root).slots[0].key_target == key._p_offset
    assert {(edge.target, edge.label.startswith("key ")) for edge in graph.edges} == {
        (key._p_offset, True),
        (value._p_offset, False),
    }


def test_cycles_and_shared_objects_are_shown_once(pool: Pool) -> None:
    shared = pool.new(PersistentList)
    pool.root = pool.new(PersistentList, [shared, shared])
    pool.root.append(pool.root)
    shared.append(pool.root)
    graph = walk(pool)
    assert len(graph.nodes) == graph.total == 2 and len(graph.edges) == 4


# ---- limits ----------------------------------------------------------------------------------------


@pytest.fixture
def tree(pool: Pool) -> Pool:
    """Three levels below the root with two children for each list: 15 lists."""

    def grow(depth: int) -> PersistentList:
        return pool.new(PersistentList, [grow(depth - 1) for _ in range(2)] if depth else range(50))

    pool.root = grow(3)
    return pool


@pytest.mark.parametrize("depth, shown", [(0, 1), (1, 3), (2, 7), (3, 15), (9, 15), (None, 15)])
def test_a_limit_of_depth(tree: Pool, depth: int | None, shown: int) -> None:
    graph = walk(tree, depth=depth)
    assert (len(graph.nodes), graph.total, graph.hidden) == (shown, 15, 15 - shown)
    assert max(n.depth for n in graph.nodes.values()) == min(3, 9 if depth is None else depth)


@pytest.mark.parametrize("limit", [1, 2, 7, 14, 15, 100])
def test_a_limit_of_nodes(tree: Pool, limit: int) -> None:
    graph = walk(tree, max_nodes=limit)
    assert (len(graph.nodes), graph.total) == (min(limit, 15), 15)
    assert graph.hidden == 15 - min(limit, 15)
    depths = [n.depth for n in graph.nodes.values()]
    assert depths == sorted(depths)


@pytest.mark.parametrize("limit", [0, 1, 10, 49, 50, 51])
def test_a_limit_of_items(tree: Pool, limit: int) -> None:
    graph = walk(tree, tree.root[0][0][0], max_items=limit)
    (only,) = graph.nodes.values()
    assert only.count == 50 and len(only.slots) == min(limit, 50)


def test_a_walk_from_any_object(filled: Pool) -> None:
    graph = walk(filled, filled.root["items"])
    assert graph.start == Slot("start", "PersistentList", filled.root["items"]._p_offset)
    assert graph.total == 2 and filled.root._p_offset not in graph.nodes


def test_a_walk_from_what_is_no_object_of_the_pool(filled: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    other.root = other.new(PersistentList)
    for start in (5, "text", [], other.root):
        with pytest.raises(TypeError):
            walk(filled, start)


# ---- what it must not do -----------------------------------------------------------------------------


def test_a_walk_changes_nothing_and_makes_no_handles(filled: Pool, reopen: Callable[..., Pool]) -> None:
    pool = reopen(filled)
    before = Path(pool.path).read_bytes()
    first = walk(pool)
    assert not [handle for handle in pool._heap.handles.live() if isinstance(handle, Account)]
    assert walk(pool) == first and Path(pool.path).read_bytes() == before


def test_its_results_are_plain_and_frozen(filled: Pool) -> None:
    graph = walk(filled)
    filled.close()
    repr(graph)
    for item in (graph, graph.start, graph.edges[0], next(iter(graph.nodes.values()))):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(item, dataclasses.fields(item)[0].name, 1)


MISSING = """
import pmemobj, sys
class Unknown(pmemobj.PersistentObject): pass
with pmemobj.create(sys.argv[1], pool_size=16 << 20) as pool:
    pool.root = pool.new(Unknown)
    pool.root.name = "visible"
    pool.root.inner = pool.new(pmemobj.PersistentList, [1])
"""


def test_an_object_whose_class_is_missing(pool_path: str, run_python: Callable[..., Any]) -> None:
    run_python(MISSING, pool_path)
    with pmemobj.open(pool_path) as pool:
        graph = walk(pool)
    assert graph == dataclasses.replace(walk_file(pool_path), pool=graph.pool)
    top = next(iter(graph.nodes.values()))
    assert "Unknown" in top.type and "not defined" in top.type
    assert [(slot.label, slot.text) for slot in top.slots] == [("name", "'visible'"), ("inner", "PersistentList")]
    assert graph.total == 2


# ---- states ----------------------------------------------------------------------------------------


def test_a_transaction_shows_what_is_not_committed(filled: Pool) -> None:
    before = walk(filled)
    with pytest.raises(KeyError), filled.transaction():
        filled.root["items"].append("uncommitted")
        filled.root["new"] = filled.new(PersistentList)
        inside = walk(filled)
        assert inside.total == 4 and node(inside, filled.root["items"]).count == 5
        raise KeyError
    assert walk(filled) == before


def test_the_file_of_an_open_pool_is_what_the_pool_is(filled: Pool) -> None:
    assert walk_file(filled.path).nodes == walk(filled).nodes
    filled.close()
    assert walk_file(filled.path).total == 3


def test_the_file_of_a_killed_writer_shows_the_torn_state(
    pool_path: str, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    child = spawn(
        """
import pmemobj, sys
pool = pmemobj.create(sys.argv[1], pool_size=16 << 20)
pool.root = pool.new(pmemobj.PersistentDict, old=1, list=pool.new(pmemobj.PersistentList, [1]))
pool.transaction().begin()
pool.root["old"] = 2
pool.root["new"] = pool.new(pmemobj.PersistentList)
print("begun", flush=True)
sys.stdin.read()
""",
        pool_path,
    )
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    before = Path(pool_path).read_bytes()
    torn = walk_file(pool_path)
    assert Path(pool_path).read_bytes() == before
    labels = {slot.label: slot.text for slot in next(iter(torn.nodes.values())).slots}
    assert labels["'old'"] == "2" and "'new'" in labels and torn.total == 3
    with pmemobj.open(pool_path) as pool:
        labels = {slot.label: slot.text for slot in next(iter(walk(pool).nodes.values())).slots}
        assert labels == {"'old'": "1", "'list'": "PersistentList"}


@pytest.mark.parametrize("content, error", [(b"", pmemobj.NotAPoolError), (None, pmemobj.PoolNotFoundError)])
def test_a_file_that_is_no_pool(scratch: Path, content: bytes | None, error: type[Exception]) -> None:
    if content is not None:
        (scratch / "file").write_bytes(content)
    with pytest.raises(error):
        walk_file(scratch / "file")


def test_damaged_objects_are_shown_as_damaged(filled: Pool) -> None:
    at = filled.root["items"]._p_offset
    filled.close()
    data = bytearray(Path(filled.path).read_bytes())
    data[at : at + 8] = b"\xee" * 8
    Path(filled.path).write_bytes(data)
    graph = walk_file(filled.path)
    damaged = graph.nodes[at]
    assert damaged.type == "damaged" and damaged.damage
    assert graph.total is None and len(graph.nodes) == 3 and graph.hidden == 0


def test_a_walk_of_random_damage_ends_without_another_error(filled: Pool) -> None:
    filled.root["more"] = filled.new(
        PersistentDict, {f"{LONG}{at}": filled.new(PersistentList, [at]) for at in range(30)}
    )
    places = [at for at, _, _ in filled._heap.allocations()]
    filled.close()
    data = Path(filled.path).read_bytes()
    rng = random.Random(3)
    for _ in range(150):
        damaged = bytearray(data)
        for at in rng.sample(places, 3):
            damaged[at + rng.randrange(32)] = rng.randrange(256)
        Path(filled.path).write_bytes(damaged)
        graph = walk_file(filled.path, max_nodes=200, max_items=50)
        repr(graph)


def test_a_hundred_thousand_objects(make_pool: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMEMOBJ_CHECK", "0")  # which keeps a copy of all of it
    pool = make_pool("large", 64 << 20)
    with pool.transaction():
        pool.root = pool.new(PersistentList, [pool.new(PersistentList) for _ in range(100_000)])
    graph = walk(pool, max_nodes=50, max_items=50)
    assert (len(graph.nodes), graph.total, graph.hidden) == (50, 100_001, 100_001 - 50)
    pool.root = None
