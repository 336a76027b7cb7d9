"""Comparisons of graphs: uncommitted changes, differences from an earlier graph, and unreachable objects."""

from __future__ import annotations

import os
import random
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_classes import Account

import pmemobj
from pmemobj import PersistentArray, PersistentDict, PersistentList
from pmemobj._inspection import before_image
from pmemobj.inspect import Change, Slot, differences, walk

LONG = "a string that is too long for a word"


def changes(pool: Any) -> dict[str, Change]:
    """The uncommitted changes, by the type of the object."""
    graph = pool.graph()
    nodes = {**graph.before.shown, **graph.shown}
    return {nodes[offset].type: change for offset, change in graph.uncommitted.changes.items()}


# ---- a transaction that is open ---------------------------------------------------------------------


def test_what_is_not_committed(pool: Any) -> None:
    pool.root = pool.persistent({"name": "David", "guesses": [25, 40], "set": {1}, "same": pool.new(pmemobj.PersistentTuple, [1])})
    assert pool.graph().before is None and pool.graph().uncommitted is None
    with pool.transaction():
        assert pool.graph().uncommitted.changes == {}
        pool.root["name"] = LONG
        pool.root["account"] = pool.new(Account, LONG, 7)
        pool.root["guesses"][0] = 26
        pool.root["guesses"].append(45)
        target = pool.root["set"]._p_oid.offset
        del pool.root["set"]
        found = changes(pool)
        assert found == {
            "PersistentDict": Change(
                "changed",
                {0: Slot("'name'", "'David'"), 3: None},
                (Slot("'set'", "PersistentSet", target),),
            ),
            "PersistentList": Change("changed", {0: Slot("0", "25"), 2: None}),
            "Account": Change("new"),
            "PersistentSet": Change("removed"),
        }
        assert str(pool.graph()) == str(pool.tree()) == "\n".join(
            [
                "root: PersistentDict, 4 keys  (changed, uncommitted)",
                f"├─ 'name': '{LONG}'  (was 'David')",
                "├─ 'guesses': PersistentList, 3 items  (changed, uncommitted)",
                "│  ├─ 0: 26  (was 25)",
                "│  ├─ 1: 40",
                "│  └─ 2: 45  (added)",
                "├─ 'same': PersistentTuple, 1 item",
                "│  └─ 0: 1",
                "├─ 'account': Account, 2 attributes  (new, uncommitted)  (added)",
                f"│  ├─ owner: '{LONG}'",
                "│  └─ balance: 7",
                "└─ - 'set': PersistentSet  (removed)",
                "- PersistentSet, 1 item  (removed, uncommitted)",
            ]
        )
    assert pool.graph().before is None and not pool.graph().is_open


@pytest.mark.parametrize("kind", ["file", "sandbox", "growing"])
def test_the_state_before_is_what_it_was(pool_path: str, kind: str, scratch: Path) -> None:
    """The state before is exact after changes of every sort, also if the log has continuations."""
    with pmemobj.PersistentObjectPool(pool_path, "x", pool_size="auto" if kind == "growing" else 16 << 20) as pool:
        pool.root = pool.persistent(
            {"list": [LONG] * 40, "dict": {n: str(n) for n in range(30)}, "set": {*range(20)}, "bytes": bytearray(900)}
        )
        pool.root["array"] = pool.new(PersistentArray, "d", range(50))
        pool.root["account"] = pool.new(Account, LONG, 7)
    with pmemobj.open(pool_path, sandbox=kind == "sandbox") as pool:
        earlier = walk(pool)
        chance = random.Random(1)
        root = pool.root
        with pytest.raises(pmemobj.TransactionAborted), pool.transaction():  # the block ends with an abort
            for number in range(150):
                root["list"][chance.randrange(len(root["list"]))] = LONG * chance.randrange(3)
                root["dict"][chance.randrange(60)] = number
                root["set"].add(number)
                root["bytes"][chance.randrange(900)] = number
                root["array"][chance.randrange(50)] = number
            root["account"].balance = LONG
            root["list"].sort()
            root["dict"].clear()
            del root["set"]
            root["bytes"].extend(bytes(5000))
            entries = before_image._entries(pool._heap)
            # Each entry takes at least 64 bytes, and the log in the lane has 2048.
            assert entries is not None and len(entries) > 40
            before = pool.graph(max_nodes=None, max_items=None).before
            assert before.nodes == earlier.nodes and before.start == earlier.start
            with pytest.raises(ZeroDivisionError), pool.transaction():
                raise ZeroDivisionError
            assert not pool.graph().is_open, "it is rolled back"
        assert walk(pool).nodes == earlier.nodes


def test_a_walk_from_an_object(pool: Any) -> None:
    pool.root = pool.persistent([[1], [2]])
    with pool.transaction():
        pool.root[0].append(5)
        fresh = pool.new(PersistentList, [pool.root[1]])
        assert pool.graph(pool.root[0]).uncommitted.summary == "1 changed"
        assert pool.graph(pool.root[1]).uncommitted.summary == "no change"
        # An old object that a new object refers to is not new.
        assert pool.graph(fresh).uncommitted.summary == "1 added"
        pool.root = None
        assert str(pool.graph()).startswith("root: None  (was PersistentList)\n")


def test_where_it_cannot_be_told(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.root = pool.persistent({"list": [*range(3000)]})
    with pool.transaction():
        pool.root["list"].reverse()
        assert pool.graph().uncommitted.summary == "1 changed"
        with monkeypatch.context() as patch:
            patch.setattr(before_image, "_LONGEST", 4096)
            assert pool.graph().before is None and pool.graph().is_open
        graphs: list[Any] = []
        other = threading.Thread(target=lambda: graphs.append(pool.graph()))
        other.start()
        other.join()
        assert graphs[0].before is None and not graphs[0].is_open, "it is not the other thread's transaction"
        os.rename(pool.path, f"{pool.path}.moved")
        assert pool.graph().before is None and pool.graph().is_open
        os.rename(f"{pool.path}.moved", pool.path)


# ---- two graphs ---------------------------------------------------------------------------------------


def test_another_object_at_the_same_place_is_new(pool: Any) -> None:
    pool.root = pool.persistent([[1]])
    earlier = pool.graph()
    node = earlier.nodes[pool.root[0]._p_oid.offset]
    pool.root[0].extend(range(100))
    later = pool.graph().nodes[node.offset]
    assert later.stamp == node.stamp != 0
    # This simulates that the first object was freed, and its offset used again.
    there_before = replace(earlier, nodes={**earlier.nodes, node.offset: replace(node, stamp=node.stamp ^ 1)})
    assert differences(there_before, pool.graph()) == {node.offset: Change("new")}


def test_what_the_limits_leave_out_is_neither_new_nor_removed(pool: Any) -> None:
    pool.root = pool.persistent([[n] for n in range(20)])
    few = {"max_nodes": 5, "max_items": 8}
    earlier = pool.graph(**few)
    assert earlier.hidden == 16
    assert differences(earlier, pool.graph()) == {} == differences(pool.graph(), earlier)
    hidden, shown = pool.root[15], pool.root[1]._p_oid.offset
    hidden.append(0)
    assert differences(earlier, pool.graph(**few)) == {}
    # If the changed entry is not shown, it is known that there is a change, but not which one.
    pool.root[12] = None
    root = pool.root._p_oid.offset
    assert differences(earlier, pool.graph(**few)) == {root: Change("changed")}
    pool.root[1] = None
    found = differences(earlier, pool.graph(**few))
    assert found[root].slots == {1: Slot("1", "PersistentList", shown)}
    assert found[shown] == Change("removed")


def test_elements_of_sets_and_keys_that_look_alike(pool: Any) -> None:
    pool.root = pool.persistent([{1, 2, 3}, {"x" * 50 + "a": 1, "x" * 50 + "b": 2}])
    earlier = pool.graph()
    pool.root[0].discard(2)
    pool.root[0].add(9)
    pool.root[1]["x" * 50 + "b"] = 3
    found = differences(earlier, pool.graph())
    numbers, names = (found[each._p_oid.offset] for each in pool.root)
    assert [slot.text for slot in numbers.gone] == ["2"] and list(numbers.slots.values()) == [None]
    assert list(names.slots) == [1] and names.slots[1].text == "2"


# ---- unreachable ----------------------------------------------------------------------------------------


def test_what_only_the_program_holds_is_unreachable(pool: Any) -> None:
    pool.root = pool.persistent([[1]])
    inner = pool.root[0]
    spare = pool.new(PersistentList, [inner, pool.new(PersistentDict, a=1)])
    graph = pool.graph()
    assert (len(graph.nodes), len(graph.unreachable), graph.unreachable_total) == (2, 2, 2)
    assert repr(graph) == "Graph(root=PersistentList, 2 nodes, 3 edges, 2 unreachable)"
    assert str(graph).splitlines()[3:] == [
        "Not reachable from the root: kept only by Python variables, and freed when the pool closes",
        "└─ PersistentList, 2 items",
        "   ├─ 0: PersistentList #1 (shown above)",
        "   └─ 1: PersistentDict, 1 key",
        "      └─ 'a': 1",
    ]
    assert walk(pool).unreachable == {}, "only if it is asked for"
    del spare
    assert pool.graph().unreachable == {}
    pool.root.clear()
    assert list(pool.graph().unreachable) == [inner._p_oid.offset]


@pytest.mark.skipif(
    not pmemobj.compiled and sys.version_info < (3, 12), reason="Python classes have buffers since Python 3.12"
)
def test_what_only_a_buffer_holds_is_unreachable_too(pool: Any) -> None:
    array = pool.new(PersistentArray, "q", range(3))
    view = memoryview(array)
    del array
    assert [node.type for node in pool.graph().unreachable.values()] == ["PersistentArray"]
    view.release()


def test_a_few_unreachable_objects_are_shown_beside_whatever_there_is(pool: Any) -> None:
    pool.root = pool.persistent([[n] for n in range(30)])
    spare = [pool.new(PersistentList) for _ in range(9)]
    graph = pool.graph(max_nodes=8)
    assert (len(graph.nodes), graph.hidden, len(graph.unreachable), graph.unreachable_total) == (6, 25, 2, len(spare))


# ---- without a notebook ---------------------------------------------------------------------------------

WITHOUT = """
import sys
for name in ("IPython", "graphviz", "pmemobj_magics"):
    sys.modules[name] = None
import pmemobj
with pmemobj.create("a.pmem", 8 << 20) as pool:
    pool.root = pool.persistent({"a": [1]})
    print(pool.tree(depth=0))
    print(repr(pool.graph()))
    for shown in (pool.graph(), pool.tree(), pool.root):
        bundle = shown._repr_mimebundle_()
        assert list(bundle) == ["text/plain"], bundle
    print(bundle["text/plain"])
"""


@pytest.mark.once
def test_python_alone_has_the_text(run_python: Any) -> None:
    assert run_python(WITHOUT).stdout.splitlines() == [
        "root: PersistentDict, 1 key",
        "└─ 'a': PersistentList … (not shown)",
        "Graph(root=PersistentDict, 2 nodes, 1 edge)",
        "PersistentDict({'a': PersistentList([1])})",
    ]


def test_an_object_in_a_notebook_is_its_repr_and_a_tree(pool: Any) -> None:
    pool.root = pool.persistent({"a": [1, "<b>"]})
    bundle = pool.root._repr_mimebundle_()
    assert bundle["text/plain"] == repr(pool.root) == "PersistentDict({'a': PersistentList([1, '<b>'])})"
    assert "<details>" in bundle["text/html"] and "&lt;b&gt;" in bundle["text/html"]
    assert "<details>" not in pool.new(PersistentList)._repr_mimebundle_()["text/html"]
    root = pool.root
    pool.close()
    # There is no bundle, so IPython uses the repr, which says that the pool is closed.
    assert root._repr_mimebundle_() == {}


def test_the_tree_of_an_object_is_small(pool: Any) -> None:
    pool.root = pool.persistent([[[n] * 100 for n in range(50)] for _ in range(10)])
    html = pool.root._repr_mimebundle_()["text/html"]
    assert html.count("<details") == 30 and len(html) < 60_000 and "+30 more" in html and "+80 more" in html


class Shy(pmemobj.PersistentObject):
    """A class with a display method of its own."""

    def _repr_html_(self) -> str:
        return "<em>shy</em>"


class Sore(pmemobj.PersistentObject):
    """A class whose repr raises."""

    def __repr__(self) -> str:
        raise ValueError("sore")


def test_a_class_has_the_last_word(pool: Any) -> None:
    assert pool.new(Shy)._repr_mimebundle_() == {} == pool.new(Sore)._repr_mimebundle_()
