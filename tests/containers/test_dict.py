"""PersistentDict does what dict does, in the same order; each operation is tried on both."""

from __future__ import annotations

import operator
import random
import re
from collections.abc import Callable, ItemsView, KeysView, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from sample_classes import Bag
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool, PersistentSet
from pmemobj._format import DICT_DELETED
from pmemobj._hashtable.shape import shapes_for, size_of

Pool = PersistentObjectPool
MIB = 1 << 20
LONG = "a string that is too long for a word"


def result_of(action: Callable[[Any], Any], table: Any) -> Any:
    """What an action returns or raises, with its message where that does not name the type."""
    try:
        return action(table)
    except Exception as error:
        text = str(error).replace("pmemobj.", "").replace("PersistentDict", "dict")
        return type(error), re.sub("'(Keys|Values|Items)'", lambda found: f"'dict_{found[1].lower()}'", text)


def alike(pool: Pool, start: dict[Any, Any], action: Callable[[Any], Any]) -> None:
    """The action does the same to a plain and to a persistent dict."""
    plain, stored = dict(start), pool.new(PersistentDict, start)
    pool.root = stored
    assert result_of(action, stored) == result_of(action, plain)
    assert list(stored.items()) == list(plain.items()) and len(stored) == len(plain)
    stored._check()


class WithKeys:
    """A mapping as dict() knows it."""

    def keys(self) -> list[str]:
        return ["x", LONG]

    def __getitem__(self, key: str) -> int:
        return len(key)


METHODS: list[Callable[[Any], Any]] = [
    lambda table: table["a"],
    lambda table: table[LONG],
    lambda table: table["missing"],
    lambda table: operator.setitem(table, "a", LONG),
    lambda table: operator.setitem(table, "new", 5),
    lambda table: operator.setitem(table, LONG * 2, LONG),
    lambda table: operator.delitem(table, "a"),
    lambda table: operator.delitem(table, LONG),
    lambda table: operator.delitem(table, "missing"),
    lambda table: table.get("a"),
    lambda table: table.get("missing"),
    lambda table: table.get("missing", 7),
    lambda table: table.pop("a"),
    lambda table: table.pop(LONG, 5),
    lambda table: table.pop("missing"),
    lambda table: table.pop("missing", None),
    lambda table: table.popitem(),
    lambda table: [table.popitem() for _ in range(2)],
    lambda table: table.setdefault("a", 9),
    lambda table: table.setdefault("new"),
    lambda table: table.setdefault("new", LONG),
    lambda table: table.clear(),
    lambda table: (table.clear(), table.update(b=1)),
    lambda table: table.update({"a": 2, "b": LONG}),
    lambda table: table.update([("x", 1), ("x", 2)]),
    lambda table: table.update(iter([(LONG, 1)])),
    lambda table: table.update(WithKeys()),
    lambda table: table.update(WithKeys(), x="later"),
    lambda table: table.update(self=1, other=2, args=3),
    lambda table: table.update(table),
    lambda table: table.update(),
    lambda table: table.update(5),
    lambda table: table.update([1]),
    lambda table: table.update([(1, 2, 3)]),
    lambda table: "a" in table,
    lambda table: "missing" in table,
    lambda table: list(table),
    lambda table: list(reversed(table)),
    lambda table: list(table.keys()),
    lambda table: list(table.values()),
    lambda table: list(table.items()),
    lambda table: list(reversed(table.keys())),
    lambda table: list(reversed(table.items())),
    lambda table: (len(table.keys()), len(table.values()), len(table.items())),
    lambda table: "a" in table.keys(),  # noqa: SIM118
    lambda table: ("a", 1) in table.items(),
    lambda table: ("a", 2) in table.items(),
    lambda table: 1 in table.values(),
    lambda table: table.keys() & {"a", "z"},
    lambda table: table.keys() | {"z"},
    lambda table: table.keys() - {"a"},
    lambda table: table.keys() == {"a"},
    lambda table: table.copy(),
    lambda table: dict(table),
    lambda table: {**table},
    lambda table: bool(table),
    lambda table: table | {"z": 1},
    lambda table: {"z": 1, "a": 0} | dict(table),
    lambda table: operator.ior(table, {"z": LONG}) is table,
    lambda table: operator.ior(table, [("z", 1)]) is table,
    lambda table: hash(table),
    lambda table: sorted(table, key=str),
    lambda table: table == {"a": 1},
    lambda table: table != {"a": 1},
    lambda table: table == {"a": 1},
    lambda table: table == 5,
    lambda table: table == [],
    lambda table: table | 5,
    lambda table: table | [("z", 1)],
    lambda table: 5 | table,
    lambda table: operator.ior(table, 5),
    lambda table: operator.ior(table, {1}),
    lambda table: table < {},
    lambda table: table.update({}, {}),
    lambda table: table.update(None),
    lambda table: table.update([["x", 1], ("y", 2)], z=3),
    lambda table: table.update(["ab", "cd"]),
    lambda table: table.update([[[], 1]]),
    lambda table: table.update("abc"),
    lambda table: table[[]],
    lambda table: table.get([]),
    lambda table: table.pop({}) if table else None,  # an empty dict does not even look at the key
    lambda table: table.setdefault([]),
    lambda table: [] in table,
    lambda table: operator.delitem(table, []),
    lambda table: {**table, "own": 1},
    lambda table: (lambda **names: names)(**{key: 1 for key in table if isinstance(key, str)}),
    lambda table: matched(table),
]


def matched(table: Any) -> Any:
    match table:
        case [*_]:
            return "a sequence"
        case {"a": found, **rest}:
            return found, rest
        case {}:
            return "without a"
    return "no mapping"


VIEWS: list[Callable[[Any], Any]] = [
    lambda table: repr(table.keys()),
    lambda table: repr(table.values()),
    lambda table: repr(table.items()),
    lambda table: list(reversed(table.values())),
    lambda table: dict(table.keys().mapping) == dict(table.items().mapping) == dict(table.values().mapping) == table,
    lambda table: operator.setitem(table.keys().mapping, 1, 2),
    lambda table: hash(table.keys()),
    lambda table: hash(table.items()),
    lambda table: isinstance(hash(table.values()), int),
    lambda table: table.values() == table.values(),
    lambda table: table.keys() == table.keys(),
    lambda table: table.items() == table.items(),
    lambda table: table.keys() == {"a": 5}.keys(),
    lambda table: {"a": 5}.keys() == table.keys(),
    lambda table: table.keys() == {"a"},
    lambda table: table.keys() != {"a"},
    lambda table: table.keys() == ["a"],
    lambda table: {"a"} == table.keys(),
    lambda table: table.items() == {("a", 1)},
    lambda table: table.items() == {"a": 1}.items(),
    lambda table: table.keys() < {"a", "b"},
    lambda table: table.keys() <= {"a"},
    lambda table: table.keys() > set(),
    lambda table: table.keys() >= {"a"},
    lambda table: {"a", "b"} > table.keys(),
    lambda table: table.keys() < 5,
    lambda table: table.keys() <= ["a"],
    lambda table: table.items() <= {("a", 1), ("b", 2)},
    lambda table: table.keys() & "abc",
    lambda table: table.keys() & 5,
    lambda table: "abc" & table.keys(),
    lambda table: table.keys() & [[]],
    lambda table: table.keys() | ["z"],
    lambda table: ["z"] | table.keys(),
    lambda table: table.keys() - "abc",
    lambda table: "abc" - table.keys(),
    lambda table: table.keys() ^ "az",
    lambda table: {"a", "z"} ^ table.keys(),
    lambda table: table.items() & [("a", 1), 5, ("a",), ("missing", 1)],
    lambda table: table.items() | {1},
    lambda table: table.items() - {("a", 1)},
    lambda table: table.items() ^ {("a", 1)},
    lambda table: table.keys().isdisjoint("xyz"),
    lambda table: table.keys().isdisjoint("abc"),
    lambda table: table.keys().isdisjoint(5),
    lambda table: table.items().isdisjoint([("a", 1)]),
    lambda table: ("a", 1.0) in table.items(),
    lambda table: ["a", 1] in table.items(),
    lambda table: 5 in table.items(),
    lambda table: ([], 1) in table.items(),
    lambda table: [] in table.keys(),  # noqa: SIM118
    lambda table: [] in table.values(),
    lambda table: 2.5 in table.values(),
    lambda table: (table.keys(), table.update(z=1))[0] | set(),
    lambda table: [iter(table.keys()).__length_hint__(), iter(table.items()).__length_hint__()],
    lambda table: table.values() & {1},
    lambda table: table.keys() + table.keys(),
    lambda table: table.keys()[0],
]


@pytest.mark.parametrize("start", [{}, {"a": 1}, {LONG: LONG, "a": 1}, {"z": 0, None: 1, 3: LONG, "a": 2.5}], ids=len)
def test_methods(pool: Pool, start: dict[Any, Any]) -> None:
    for method in METHODS:
        alike(pool, start, method)


@pytest.mark.parametrize("start", [{}, {"a": 1}, {"z": 0, None: 1, 3: LONG, "a": 2.5}], ids=len)
def test_views(pool: Pool, start: dict[Any, Any]) -> None:
    pool.root = stored = pool.new(PersistentDict, start)
    for action in VIEWS:
        assert result_of(action, stored) == result_of(action, dict(start)), action
        stored.pop("z", None) if "z" not in start else stored.update(z=0)


def test_views_of_what_cannot_be_hashed(pool: Pool) -> None:
    inner = pool.new(PersistentList)
    table = pool.new(PersistentDict, a=inner, b=1)
    assert table.items() & [("b", 1)] == {("b", 1)} and ("a", inner) in table.items()
    assert table.items() == {"a": inner, "b": 1}.items()
    with pytest.raises(TypeError, match="unhashable"):
        table.items() | set()


def test_ior_with_a_persistent_dict(pool: Pool) -> None:
    one, other = pool.new(PersistentDict, a=1), pool.new(PersistentDict, a=2, b=LONG)
    assert one | other == {"a": 2, "b": LONG} and {"c": 0} | one == {"c": 0, "a": 1}
    one |= other
    assert one == other == {"a": 2, "b": LONG}


KEYS = [
    None, True, False, 0, 1, -1, 2, 1 << 62, 1 << 63, (1 << 61) - 1, -(1 << 80), 1 << 80,
    0.0, -0.0, 1.0, 2.0, 0.5, 1e308, float("inf"), float("-inf"), float(1 << 80),
    0j, 1 + 0j, 2j, complex(0.5, 0), "", "0", "1", "None", "short", "a\0", "a", LONG, "ü" * 20, "\ud800",
    b"", b"0", b"short", b"a\0", LONG.encode(), "1234567", "12345678", b"1234567", b"12345678",
]  # fmt: skip


def test_keys_that_are_equal_are_one_key(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentDict)
    model: dict[Any, Any] = {}
    for round_ in range(2):
        for number, key in enumerate(KEYS):
            pool.root[key] = model[key] = number + 100 * round_
    assert [(repr(k), v) for k, v in pool.root.items()] == [(repr(k), v) for k, v in model.items()]
    pool = reopen(pool)
    for key in KEYS:
        assert pool.root[key] == model[key] and key in pool.root, key
    for key in KEYS[::2]:
        assert pool.root.pop(key, None) == model.pop(key, None)
    assert list(pool.root) == list(model)
    assert_sound(pool)


def test_persistent_objects_are_keys_by_identity(pool: Pool, reopen: Callable[..., Pool]) -> None:
    one, other = pool.new(Bag), pool.new(Bag)
    pool.root = pool.new(PersistentDict, [(one, "one"), (other, LONG), ("first", one)])
    assert pool.root[one] == "one" and pool.root[other] == LONG
    assert pool.new(Bag) not in pool.root
    assert list(pool.root)[:2] == [one, other]
    del one, other
    pool = reopen(pool)
    assert pool.root[pool.root["first"]] == "one"
    pool.gc()
    (key,) = [key for key in pool.root if isinstance(key, Bag) and pool.root[key] == LONG]
    del pool.root[key]
    assert key not in pool.root and len(pool.root) == 2
    assert_sound(pool)


def test_keys_that_cannot_be_found_again_are_refused(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    class Equal(pmemobj.PersistentObject):
        def __eq__(self, other: Any) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

    class Unhashable(pmemobj.PersistentObject):
        def __eq__(self, other: Any) -> bool:
            return True

    pool.root = table = pool.new(PersistentDict)
    bad = [pool.new(Equal), object(), make_pool().new(Bag), type("S", (str,), {})("x"), (1, object()), int]
    unhashable = [[], {}, set(), pool.new(PersistentList), pool.new(PersistentDict), pool.new(Unhashable), ([],)]
    for key in bad + unhashable:
        with pytest.raises(TypeError):
            table[key] = 1
        for look in (operator.getitem, operator.delitem, operator.contains, PersistentDict.get, PersistentDict.pop):
            with pytest.raises((TypeError, KeyError)):
                assert not look(table, key)
                raise KeyError
    assert table == {}


def test_changing_while_iterating(pool: Pool) -> None:
    def grow(table: Any) -> None:
        for key in table:
            table[f"{key}{LONG}"] = 1

    def shrink(table: Any) -> None:
        for key in table:
            del table[key]

    def replace(table: Any) -> list[Any]:
        seen = []
        for key, value in table.items():
            table[key] = LONG
            seen.append((key, value))
        return seen

    seen: list[Any] = []

    def exchange(table: Any) -> None:
        for key in table:
            seen.append(key)
            table[key] = table.pop(key)

    def exchange_in_values(table: Any) -> None:
        for value in table.values():
            seen.append(value)
            table[value] = table.pop(value)

    def shrink_at_the_end(table: Any) -> None:
        for number, _ in enumerate(table.items()):
            if number == 7:
                table.popitem()

    def shrink_backwards(table: Any) -> None:
        for key in reversed(table):
            del table[key]

    def ask_again(table: Any) -> Any:
        walk = iter(table)
        next(walk)
        table.clear()
        return [result_of(next, walk), result_of(next, walk), walk.__length_hint__()]

    def exhausted(table: Any) -> Any:
        walk = iter(table)
        seen = list(walk)
        table["more"] = 1
        return seen, list(walk), walk.__length_hint__()

    for action in (grow, shrink, replace, shrink_at_the_end, shrink_backwards, ask_again, exhausted):
        alike(pool, {number: number for number in range(8)}, action)
    for action in (exchange, exchange_in_values):
        # When exactly dict notices depends on the size of its table.
        for it in (dict.fromkeys(range(8)), pool.new(PersistentDict, dict.fromkeys(range(8)))):
            it.update({number: number for number in range(8)})
            seen.clear()
            with pytest.raises(RuntimeError, match="dictionary keys changed during iteration"):
                action(it)
            assert sorted(it) == list(range(8))
        assert seen == list(range(len(seen))), "ours does not leave out or repeat any before that"


def test_a_table_that_is_rebuilt_under_an_iterator(pool: Pool) -> None:
    # dict says nothing here, and leaves out or repeats keys.
    table = pool.new(PersistentDict, dict.fromkeys(range(5)))
    walk = iter(table)
    next(walk)
    table.clear()
    table.update(dict.fromkeys("abcde"))
    with pytest.raises(RuntimeError, match="dictionary keys changed during iteration"):
        list(walk)


def test_exchanging_keys_while_iterating_ends(pool: Pool) -> None:
    # The size stays the same, which dict does not notice either; the table is rebuilt meanwhile.
    pool.root = table = pool.new(PersistentDict, dict.fromkeys(range(30), LONG))
    for number in range(20):
        del table[number]
    steps = 0
    try:
        for key in table:
            del table[key]
            table[f"new{steps}"] = LONG
            steps += 1
            if steps > 200:
                break
    except RuntimeError:
        pass
    assert len(table) == 10
    assert_sound(pool)


def test_the_order_is_that_of_insertion(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentDict)
    for key in ("b", "a", "c"):
        pool.root[key] = 1
    pool.root["b"] = 2
    del pool.root["a"]
    pool.root["a"] = 3
    assert list(pool.root) == ["b", "c", "a"]
    assert list(reopen(pool).root.items()) == [("b", 2), ("c", 1), ("a", 3)]


def test_keys_whose_hashes_collide(pool: Pool) -> None:
    # Equal in their low 20 bits, so that they want the same slot in every small table.
    pool.root = pool.new(PersistentDict)
    model = {}
    for number in range(200):
        pool.root[number << 20] = model[number << 20] = number
    for number in range(0, 200, 3):
        del pool.root[number << 20], model[number << 20]
    for number in range(0, 200, 5):
        pool.root[number << 20] = model[number << 20] = -number
    assert list(pool.root.items()) == list(model.items())
    assert_sound(pool)


def test_hashes_that_are_the_same(pool: Pool) -> None:
    # 2**61 - 1 is the modulus of Python's hash of numbers.
    keys = [number + step * ((1 << 61) - 1) for number in range(5) for step in range(5)]
    pool.root = pool.new(PersistentDict, {key: str(key) for key in keys})
    for key in keys:
        assert pool.root[key] == str(key)
    for key in keys[::2]:
        del pool.root[key]
    assert list(pool.root) == keys[1::2]
    assert_sound(pool)


def test_adding_and_deleting_for_long_does_not_grow_the_pool(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict)
    sizes = set()
    for turn in range(300):
        table[f"{LONG}{turn}"] = LONG
        if turn >= 10:
            del table[f"{LONG}{turn - 10}"]
        if turn > 150:
            sizes.add(pool.used)
    assert len(table) == 10 and len(sizes) <= 4
    assert_sound(pool)


def test_memory_comes_back(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict)
    empty = pool.used
    table.update(dict.fromkeys(range(1500), LONG))
    full = pool.used
    with pool.transaction():
        for number in range(1490):
            del table[number]
    table._check()
    assert list(table) == list(range(1490, 1500)) and pool.used - empty < (full - empty) // 20
    with pool.transaction():
        for number in range(1499, 1489, -1):
            assert table.popitem() == (number, LONG)
    assert table == {} and pool.used - empty < 400
    table.update(dict.fromkeys(range(1000), LONG))
    table.clear()
    assert pool.used == empty
    assert_sound(pool)


def test_what_is_added_and_taken_away_again_needs_no_new_table(pool: Pool) -> None:
    pool.root = table = pool.new(PersistentDict, {"stays": 1, "goes": 2, "also": 3})
    table["first"] = table["second"] = LONG  # needs more room than what was made at once
    del table["first"], table["second"]
    place = pool._heap.read(table._p_offset + 24)
    for turn in range(20):
        table[turn] = LONG
        table["last"] = turn
        del table[turn], table["last"]
    assert pool._heap.read(table._p_offset + 24) == place
    del table["goes"], table["also"]
    table._check()
    assert pool._heap.read(table._p_offset + 16) == 1, "the deleted entry before the last is given up with it"


def test_taking_the_last_is_quick_after_many_deletions(pool: Pool) -> None:
    # Counted in words that are read, of which a walk over what was deleted would need very many.
    pool.root = table = pool.new(PersistentDict, dict.fromkeys(range(4000)))
    with pool.transaction():
        for number in range(1000, 3999):
            del table[number]
        steps = 0
        while table:
            table.popitem()
            steps += pool._heap.read(table._p_offset + DICT_DELETED)
        assert steps == 0
    table._check()


@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
def test_a_table_that_is_made_at_once_takes_little_more_than_its_entries(pool: Pool, kind: type[Any]) -> None:
    count, width = 3800, 24 if kind is PersistentDict else 16
    before = pool.used
    pool.root = table = pool.new(kind, dict.fromkeys(range(count), 0))
    slots = pool._heap.read(pool._heap.read(table._p_offset + 24))
    assert count * 5 // 4 <= slots < count * 5 // 2
    # Pieces of memory come in steps of a third or a half.
    assert pool.used - before < 1.5 * (count * width + 4 * slots)
    table._check()
    assert_sound(pool)


@pytest.mark.parametrize("text", [0, 16, 256])
@pytest.mark.parametrize("width", [16, 24])
def test_growing_moves_each_entry_a_few_times(width: int, text: int) -> None:
    present = moved = tables = 0
    while present < 300_000:
        moved, tables = moved + present, tables + 1
        shapes = list(shapes_for(present, 1, width, text * (present + 1)))
        assert all(present < shape.places <= 4 * shape.slots // 5 for shape in shapes)
        assert shapes[-1].size <= shapes[0].size
        room = shapes[0].size - size_of(shapes[0].slots, shapes[0].places, width)
        present = min(shapes[0].places, room // text) if text else shapes[0].places
    assert moved < 5 * present and tables < 50


@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
def test_a_key_that_was_only_half_added_is_not_there_and_no_burden(scratch: Path, kind: type[Any]) -> None:
    def add(table: Any, *keys: Any) -> None:
        for key in keys:
            table.update({key: key}) if kind is PersistentDict else table.update([key])

    def add_one(table: Any, key: Any) -> None:
        table.__setitem__(key, key) if kind is PersistentDict else table.add(key)

    images: list[bytes] = []
    path = scratch / "pool"
    with pmemobj.create(path, pool_size=8 * MIB) as pool:
        pool.root = table = pool.new(kind)
        add(table, *range(5))
        table.pop(4) if kind is PersistentDict else table.remove(4)  # so that there is room
        pool._heap.on_change = lambda: images.append(path.read_bytes())
        add_one(table, 12)  # the same slot of eight as 4
        pool._heap.on_change = None
    assert len(images) == 3  # the entry, its slot, the count
    for number, image in enumerate(images):
        (scratch / "image").write_bytes(image)
        with pmemobj.open(scratch / "image") as pool:
            table = pool.root
            table._check()
            assert set(table) == {0, 1, 2, 3} | ({12} if number == 2 else set()) and (12 in table) == (number == 2)
            # One fewer, then two more, of which the second takes the place of what was left over.
            table.pop(3) if kind is PersistentDict else table.remove(3)
            for key in (4, 20, 28):
                add_one(table, key)
                assert key in table and (12 in table) == (number == 2)
                table._check()
            assert_sound(pool)


@pytest.mark.parametrize("kind", ["PersistentDict", "PersistentSet"])
def test_a_process_killed_while_it_changes_a_table(
    pool_path: str, spawn: Callable[..., Any], kind: str, reopen: Callable[..., Pool]
) -> None:
    program = """
import random, sys, pmemobj
pool = pmemobj.create(sys.argv[1], pool_size=8 << 20)
pool.root = table = pool.new(getattr(pmemobj, sys.argv[2]))
rng, turn = random.Random(1), 0
take_out = table.__delitem__ if sys.argv[2] == "PersistentDict" else table.remove
put_in = (lambda key: table.__setitem__(key, key)) if sys.argv[2] == "PersistentDict" else table.add
while True:
    turn += 1
    size = 5 if turn // 60 % 2 else 60
    while len(table) > size:
        take_out(rng.choice(list(table)[:9]))
    put_in("a string that is too long for a word " * (turn % 3) + str(turn))
    if turn == 200:
        print("going", flush=True)
"""
    child = spawn(program, pool_path, kind, PMEMOBJ_CHECK="0")
    assert child.stdout.readline() == "going\n"
    child.kill()
    child.wait()
    pool = reopen(pool_path)
    assert pool.recovered and 0 < len(pool.root) <= 62
    pool.root._check()
    assert_sound(pool, no_garbage=True)


def test_from_keys_needs_a_pool(pool: Pool) -> None:
    for maker in (PersistentDict, pool.new(PersistentDict)):
        with pytest.raises(TypeError, match=r"pool\.new\(PersistentDict, dict\.fromkeys"):
            maker.fromkeys("abc", 1)
    assert pool.new(PersistentDict, dict.fromkeys("ab", 1)) == {"a": 1, "b": 1}


def test_it_is_shown_like_a_dict(pool: Pool) -> None:
    pool.root = pool.new(PersistentDict, {"a": LONG, 1: pool.new(PersistentDict)})
    assert repr(pool.root) == f"PersistentDict({{'a': {LONG!r}, 1: PersistentDict({{}})}})"
    pool.root[2] = pool.root
    assert repr(pool.root).endswith("2: ...})")


def test_its_arguments_are_those_of_dict(pool: Pool) -> None:
    assert pool.new(PersistentDict) == {}
    assert pool.new(PersistentDict, {"a": 1}, b=2) == {"a": 1, "b": 2}
    assert pool.new(PersistentDict, [("a", 1)], a=2) == {"a": 2}
    assert pool.new(PersistentDict, self=1, cls=2, args=3, kwargs=4, heap=5) == {
        "self": 1,
        "cls": 2,
        "args": 3,
        "kwargs": 4,
        "heap": 5,
    }
    assert pool.mm.new(PersistentDict, self=1, cls=2) == {"self": 1, "cls": 2}
    for wrong in ((5,), ([1],), ({}, {})):
        with pytest.raises(TypeError):
            pool.new(PersistentDict, *wrong)
    table = pool.new(PersistentDict, a=LONG)
    table.__init__(b=LONG)
    assert table == {"a": LONG, "b": LONG}, "as dict.__init__ does, it adds"
    assert_sound(pool)


def test_it_is_a_mutable_mapping(pool: Pool) -> None:
    assert isinstance(pool.new(PersistentDict), MutableMapping)
    assert repr(PersistentDict[str, int]) == "pmemobj.PersistentDict[str, int]"
    assert isinstance(pool.new(PersistentDict).keys(), KeysView) and isinstance(pool.new(PersistentDict).items(), ItemsView)
    with pytest.raises(TypeError, match="in a pool"):
        __import__("copy").deepcopy(pool.new(PersistentDict))


def test_a_dict_that_contains_itself(pool: Pool, reopen: Callable[..., Pool]) -> None:
    pool.root = pool.new(PersistentDict)
    pool.root["self"] = pool.root
    pool = reopen(pool)
    assert pool.root["self"]["self"] is pool.root


@pytest.mark.parametrize("seed", range(2))
def test_random_operations(pool: Pool, reopen: Callable[..., Pool], seed: int) -> None:
    rng = random.Random(seed)
    pool.root, model = pool.new(PersistentDict), {}
    keys = [None, 1, 2.5, "short", b"bytes", 1 << 70, *(f"{LONG}{at}" for at in range(12)), *range(100, 140)]

    def step(table: Any, choice: int, key: Any, value: Any) -> Any:
        match choice:
            case 0 | 1 | 2 | 3:
                table[key] = value
            case 4 | 5:
                return table.pop(key, "nothing")
            case 6:
                return table.popitem() if len(table) else None
            case 7:
                return table.setdefault(key, value)
            case 8:
                table.update(dict.fromkeys(keys[:: len(str(value)) % 7 + 3], value))
            case 9 if len(table) > 45:
                table.clear()
        return None

    for turn in range(300):
        choice, key = rng.randrange(10), rng.choice(keys)
        value = rng.choice([None, turn, LONG + str(turn), 1 << 90, 2.5])
        if turn % 9 == 8:
            with pytest.raises(ZeroDivisionError), pool.transaction():
                step(pool.root, choice, key, value)
                step(pool.root, 8, key, "x" * turn)
                1 / 0  # noqa: B018
        assert step(pool.root, choice, key, value) == step(model, choice, key, value)
        assert list(pool.root.items()) == list(model.items())
        if turn % 60 == 59:
            pool.gc()
            pool = reopen(pool)
            assert list(pool.root.items()) == list(model.items())
            assert_sound(pool, no_garbage=True)
