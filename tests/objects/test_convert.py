"""Whole structures into a pool and back: nothing is lost, torn, or too deep."""

from __future__ import annotations

import array
import collections
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_classes import Account, Bag, Point
from soundness import assert_sound

import pmemobj
from pmemobj import (
    InvalidHandleError,
    NotPersistableError,
    PersistentDict,
    PersistentList,
    PersistentObject,
    PersistentObjectPool,
    PoolClosedError,
    PoolDamagedError,
    PoolFullError,
    to_python,
)
from pmemobj._format import Kind
from pmemobj._objects import conversion_walk as structures
from pmemobj._objects import convert
from pmemobj._values import pickles, unsupported
from pmemobj.crash import Verdict, kill

Pool = PersistentObjectPool
LONG = "a string that is too long for a word"
DEPTH = 10_000


def containers(start: Any) -> list[Any]:
    """Every list, dict and tuple that a plain value reaches, once each, without recursion."""
    found: dict[int, Any] = {}
    waiting = [start]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, dict, tuple)) and id(value) not in found:
            found[id(value)] = value
            waiting += value.values() if isinstance(value, dict) else value
    return list(found.values())


def assert_same_graph(one: Any, other: Any) -> None:
    """The same values in the same places, and the same containers shared."""
    partner: dict[int, int] = {}
    waiting = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        assert type(left) is type(right)
        if not isinstance(left, (list, dict, tuple)):
            assert left == right
            continue
        if id(left) in partner:
            assert partner[id(left)] == id(right)
            continue
        partner[id(left)] = id(right)
        assert len(left) == len(right)
        if isinstance(left, dict):
            assert list(left) == list(right)
            left, right = left.values(), right.values()
        waiting += zip(left, right, strict=True)
    assert len(set(partner.values())) == len(partner)


# ---- there and back --------------------------------------------------------------------------------


def test_a_nested_structure(pool: Pool, reopen: Callable[..., Pool]) -> None:
    players = [{"name": "Ada", "scores": [1, 2.5, None, LONG]}, {"name": "Bob", "scores": []}]
    structure = {"players": players, 1: {}, b"key": [[[]]], None: True}
    pool.root = pool.persistent(structure)
    assert type(pool.root) is PersistentDict and type(pool.root["players"]) is PersistentList
    assert type(pool.root["players"][0]["scores"]) is PersistentList
    players.clear()  # the pool has its own
    pool = reopen(pool)
    assert_sound(pool, no_garbage=True)
    found = pool.root.to_python()
    pool.close()
    assert found == {
        "players": [{"name": "Ada", "scores": [1, 2.5, None, LONG]}, {"name": "Bob", "scores": []}],
        1: {},
        b"key": [[[]]],
        None: True,
    }
    assert list(found) == list(structure)


leaf = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.dates() | st.fractions()
trees = st.recursive(
    leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
)


@settings(max_examples=15)
@given(st.lists(trees, max_size=5))
def test_any_tree(shared_pool: Pool, tree: Any) -> None:
    shared_pool.root = shared_pool.persistent(tree)
    assert_same_graph(shared_pool.root.to_python(), tree)


def random_graph(seed: int) -> Any:
    """Lists and dicts that refer to each other at random."""
    rng = random.Random(seed)
    nodes: list[Any] = [rng.choice(([], {})) for _ in range(25)]
    nodes = [type(node)() for node in nodes]
    for node in nodes:
        for number in range(rng.randrange(5)):
            value = rng.choice([*nodes, number, LONG])
            if isinstance(node, list):
                node.append(value)
            else:
                node[f"key {number}"] = value
    nodes[0] = [*nodes]
    nodes[0].append(nodes[0])
    return nodes[0]


@pytest.mark.parametrize("seed", range(4))
def test_cycles_and_shared_parts(shared_pool: Pool, seed: int) -> None:
    graph = random_graph(seed)
    shared_pool.root = shared_pool.persistent(graph)
    assert_same_graph(shared_pool.root.to_python(), graph)
    shared_pool.gc()
    assert len(pmemobj.inspect.walk(shared_pool).nodes) == len(containers(graph))
    assert_sound(shared_pool)


def test_no_depth_is_too_much(shared_pool: Pool) -> None:
    deep: Any = []
    for level in range(DEPTH):
        deep = [deep] if level % 2 else {"in": deep}
    assert sys.getrecursionlimit() < DEPTH
    shared_pool.root = shared_pool.persistent(deep)
    assert_same_graph(to_python(shared_pool.root), deep)
    shared_pool.root = None


def test_what_needs_no_conversion_is_returned(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentList, [1])
    account = pool.new(Account, "ada")
    for value in (None, 5, LONG, 2.5, pool.root, account):
        assert pool.persistent(value) is value
        if not isinstance(value, pmemobj.Persistent):
            assert to_python(value) is value
    structure = [account, {"list": pool.root, account: account}]
    pool.root = pool.persistent(structure)
    assert pool.root[0] is account and pool.root[1][account] is account and pool.root[1]["list"] == [1]
    plain = [pool.root]
    assert to_python(plain) is plain
    other = make_pool()
    with pytest.raises(NotPersistableError, match=r'at root\[0\]\["x"\]: a pool holds only its own objects'):
        other.persistent([{"x": account}])


def test_from_within_an_object(pool: Pool) -> None:
    class Team(PersistentObject):
        def __init__(self, players: list[str]) -> None:
            self.players = self._p_mm.persistent([{"name": name} for name in players])

    pool.root = pool.new(Team, ["Ada", "Bob"])
    assert [player["name"] for player in pool.root.players] == ["Ada", "Bob"]
    assert pool.root.to_python().players == [{"name": "Ada"}, {"name": "Bob"}]


# ---- all or nothing --------------------------------------------------------------------------------


class Ordinary:
    pass


class MyDict(dict[Any, Any]):
    pass


REFUSED: list[tuple[Any, str]] = [
    ({"players": [1, 2, 3, {"x": object()}]}, 'an object at root["players"][3]["x"]:'),
    ([[], [Ordinary()]], "test_convert.Ordinary at root[1][0]:"),
    ({'a"b\\': [..., 1]}, r'ellipsis at root["a\"b\\"][0]:'),
    ({5: {None: {2.5: len}}}, "at root[5][None][2.5]:"),
    ([1, {Ordinary: 1}], "at root[1]:"),
    ([MyDict()], "a test_convert.MyDict at root[0]: it would come back as a plain dict, without its class"),
    ({"x": MyDict()}, 'a test_convert.MyDict at root["x"]:'),
    ([collections.defaultdict(lambda: 1)], "take <lambda> as a default_factory: a pool holds no code"),
    ([type("MyList", (list,), {})()], "MyList at root[0]: it would come back as a plain list, without its class (store list(value) if"),
    ([Point(1, 2)], "Point at root[0]: it would come back as a plain tuple, without its class"),
    (MyDict(), "store a test_convert.MyDict: it would"),
    (object(), "store an object: it is nothing but"),
]


def test_what_cannot_be_stored_is_named_and_nothing_is_left(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "nominated", {})
    pool.root = pool.new(PersistentList)
    used = pool.used
    for value, text in REFUSED:
        with pytest.raises(NotPersistableError) as caught:
            pool.persistent(value)
        assert text in str(caught.value), str(caught.value)
        assert pool.used == used
    # It is refused before the first change, so that a transaction around it goes on.
    with pool.transaction():
        pool.root.append("kept")
        with pytest.raises(NotPersistableError):
            pool.persistent([[1], object()])
    assert pool.root == ["kept"]
    pmemobj.persist_via_pickle(Point)
    assert pool.persistent([Point(1, 2)])[0] == Point(1, 2)


def test_a_deep_path_is_shown_without_its_middle(pool: Pool) -> None:
    deep: Any = object()
    for _ in range(DEPTH):
        deep = [deep]
    with pytest.raises(NotPersistableError, match=r"at root\[0\]\[0\].*….*\[0\]:") as caught:
        pool.persistent(deep)
    assert len(str(caught.value)) < 600


def test_a_full_pool_is_left_as_it_was(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [LONG])
    used = pool.used
    with pytest.raises(PoolFullError):
        pool.persistent([[str(number), bytes(500_000)] for number in range(40)])
    assert pool.used == used and pool.root == [LONG] and not pool.in_transaction


def test_a_value_that_fails_late_is_rolled_back_and_named(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Moody:
        times = 0

        def __reduce__(self) -> Any:
            Moody.times += 1
            if Moody.times > 1:
                raise RuntimeError("not again")
            return Moody, ()

    Moody.__qualname__ = "Moody"
    monkeypatch.setattr(sys.modules[__name__], "Moody", Moody, raising=False)
    monkeypatch.setattr(pickles, "nominated", {Moody: None})
    used = pool.used
    with pytest.raises(NotPersistableError, match=r'a pickle at root\["x"\]: RuntimeError: not again'):
        pool.persistent({"w": [1, LONG], "x": [LONG, Moody()]})
    assert pool.used == used


def test_killed_in_the_middle(pool: Pool) -> None:
    pool.root = pool.new(PersistentList, [LONG])

    def action() -> None:
        pool.root = pool.persistent([LONG, {"a": [LONG]}, [2]])

    report = kill(pool, action, at=3)
    assert report.verdict is Verdict.ROLLED_BACK and report.changes == 3
    assert pool.root == [LONG]
    assert_sound(pool)


CONVERTER = """
import itertools, sys
import pmemobj
from test_convert import structure

with pmemobj.open(sys.argv[1]) as pool:
    for number in itertools.count():
        pool.root = pool.persistent(structure(number))
        print(number, flush=True)
"""


def structure(number: int) -> Any:
    """One that can be told to be whole."""
    shared = [number, LONG * (number % 3)]
    return {"number": number, "parts": [{"shared": shared, "at": at} for at in range(20)]}


def test_killed_at_any_moment(pool: Pool, spawn: Callable[..., subprocess.Popen[str]]) -> None:
    pool.close()
    child = spawn(CONVERTER, pool.path, PMEMOBJ_CHECK="0")
    assert child.stdout is not None
    last = 0
    while last < 20:
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    with pmemobj.open(pool.path) as again:
        assert again.recovered
        number = again.root["number"]
        assert number >= last
        assert_same_graph(again.root.to_python(), structure(number))
        assert_sound(again, no_garbage=True)


# ---- objects ---------------------------------------------------------------------------------------


def test_objects_become_namespaces(pool: Pool) -> None:
    ada = pool.new(Account, "Ada", 5)
    ada.friends = pool.new(PersistentList, [ada, ada])
    ada.born = None
    del ada.balance
    pool.root = pool.new(PersistentDict, {"first": ada, "second": ada, "empty": pool.new(Bag)})
    found = pool.root.to_python()
    plain = found["first"]
    assert type(plain) is SimpleNamespace and found["second"] is plain
    assert plain.friends == [plain, plain] and plain.friends[0] is plain
    assert vars(plain).keys() == {"_p_class", "owner", "friends", "born"}
    assert plain.owner == "Ada" and plain._p_class == "sample_classes:Account"
    assert vars(found["empty"]) == {"_p_class": "sample_classes:Bag"}
    ada.to_python = "an attribute of that name"
    assert to_python(ada).to_python == ada.to_python


def test_an_object_as_a_key_has_no_plain_form(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, {pool.new(Bag): 1})
    with pytest.raises(TypeError, match="keys are objects"):
        pool.root.to_python()


def test_a_class_that_is_not_known_inside_out(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.root = pool.new(PersistentDict, x=pool.new(PersistentList))
    monkeypatch.delitem(convert.TO_PLAIN, Kind.LIST)
    with pytest.raises(TypeError, match="convert a PersistentList into a plain object"):
        pool.root.to_python()


def test_objects_that_are_no_more(pool: Pool) -> None:
    with pytest.raises(RuntimeError), pool.transaction():
        lost = pool.persistent([1])
        assert lost.to_python() == [1]  # uncommitted is good enough
        raise RuntimeError
    with pytest.raises(InvalidHandleError):
        lost.to_python()
    with pytest.raises(InvalidHandleError):
        pool.persistent([lost])
    kept = pool.root = pool.persistent([1])
    pool.close()
    with pytest.raises(PoolClosedError):
        to_python(kept)
    with pytest.raises(PoolClosedError):
        pool.persistent([1])
    with pytest.raises(InvalidHandleError, match="without a pool"):
        PersistentList.__new__(PersistentList).to_python()


def test_other_threads_are_kept_out_meanwhile(pool: Pool) -> None:
    pool.root = pool.persistent({"here": list(range(60)), "there": []})
    done = threading.Event()

    def shift() -> None:
        here, there = pool.root["here"], pool.root["there"]
        while not done.is_set():
            with pool.transaction():
                (there if here else here).append((here or there).pop())

    thread = threading.Thread(target=shift)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        for _ in range(60):
            found = pool.root.to_python()
            assert sorted(found["here"] + found["there"]) == list(range(60))
    finally:
        sys.setswitchinterval(interval)
        done.set()
        thread.join()


# ---- immutable containers --------------------------------------------------------------------------

COPY = {
    list: structures.Conversion(list, enumerate, lambda new, _labels, values: new.extend(values)),
    tuple: structures.Conversion(tuple, enumerate, arguments=lambda _source, values: (values,)),
}


def copy_of(value: Any) -> Any:
    """Through the walk itself, from ordinary memory into ordinary memory."""
    walk = structures.ConversionWalk(lambda found: COPY.get(type(found)), lambda target, *args: target(*args))
    walk.find(value)
    return walk.build()


def test_the_walk_makes_tuples_after_what_they_hold() -> None:
    shared = (1, LONG)
    inner: list[Any] = [shared]
    around = (shared, (inner, shared), ())
    inner.append(around)  # a tuple in a cycle through a list
    for start in (around, inner):
        assert_same_graph(copy_of(start), start)
    deep: Any = (LONG,)
    for level in range(DEPTH):
        deep = (level, deep, deep)
    assert_same_graph(copy_of(deep), deep)


def test_a_tuple_that_holds_itself_is_damage() -> None:
    endless = Kind.TUPLE
    form = structures.Conversion(tuple, lambda source: [("x", source)], arguments=lambda _source, values: (values,))
    walk = structures.ConversionWalk(lambda _found: form, lambda target, *args: target(*args))
    walk.find(endless)
    with pytest.raises(PoolDamagedError, match="it is immutable and contains itself"):
        walk.build()


def test_tuples(pool: Pool, reopen: Callable[..., Pool]) -> None:
    inner: list[Any] = [1]
    around = ((LONG, ()), inner, (inner,))
    inner.append(around)
    pool.root = pool.persistent({"tuple": around, "again": around})
    pool = reopen(pool)
    assert type(pool.root["tuple"]).__name__ == "PersistentTuple" and pool.root["tuple"] is pool.root["again"]
    assert_same_graph(pool.root.to_python(), {"tuple": around, "again": around})
    deep: Any = ()
    for _ in range(DEPTH):
        deep = (deep,)
    assert_same_graph(to_python(pool.persistent(deep)), deep)


def test_sets(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.persistent([{1, LONG}, frozenset({2}), set()])
    pool = reopen(pool)
    assert [type(item).__name__ for item in pool.root] == ["PersistentSet", "frozenset", "PersistentSet"]
    found = pool.root.to_python()
    assert found == [{1, LONG}, {2}, set()] and [type(item) for item in found] == [set, frozenset, set]
    for bad in (Ordinary(), (1, (Ordinary(),)), frozenset({Ordinary()})):
        for structure in ([1, {bad}], [1, {bad: 1}]):
            with pool.transaction(), pytest.raises(NotPersistableError, match=r"at root\[1\]"):
                pool.persistent(structure)
    keys = {(1, ("two", None)): [(1,)]}
    pool.root = pool.persistent([keys, set(keys)])
    assert pool.root.to_python() == [keys, set(keys)]


def test_bytearrays(pool: Pool, reopen: Callable[..., Pool]) -> None:
    data = bytearray(range(256))
    pool.root = pool.persistent([data, data, bytearray()])
    data.clear()
    pool = reopen(pool)
    found = pool.root.to_python()
    assert found == [bytearray(range(256))] * 2 + [bytearray()] and found[0] is found[1]
    assert type(found[0]) is bytearray


def test_arrays(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.persistent([array.array("d", [1.5, -2]), array.array("b")])
    pool = reopen(pool)
    found = pool.root.to_python()
    assert found == [array.array("d", [1.5, -2]), array.array("b")]
    assert [item.typecode for item in found] == ["d", "b"]
    for made, plain in ((("i", [1, 2, 3, 4]), [[1, 2], [3, 4]]), (("?", [True, False]), [True, False])):
        new: Any = pool.new(pmemobj.PersistentArray, *made, **({"shape": (2, 2)} if len(made[1]) == 4 else {}))
        assert new.to_python() == plain


# ---- the page about it -------------------------------------------------------------------------------


def test_the_page_names_every_container() -> None:
    page = (Path(__file__).parents[2] / "docs" / "values.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| plain |")
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines() if line.startswith("| ")]
    forward = {plain: persistent for plain, persistent, _ in rows if plain}
    immutable = {tuple: "PersistentTuple", frozenset: "PersistentFrozenSet"}
    names = {cls.__name__: (unsupported.MUTABLE_TWINS | immutable)[cls] for cls in convert.TO_PERSISTENT}
    assert {plain.split(".")[-1]: persistent for plain, persistent in forward.items()} == names
    assert {persistent for _, persistent, _ in rows} == {*names.values(), "PersistentObject"}
    assert len({persistent for _, persistent, _ in rows}) == len(convert.TO_PLAIN) + len(convert.TO_PLAIN_OF_CLASS)
