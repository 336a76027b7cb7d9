"""One pool with everything in it, moved and examined as a whole: every kind of container, leaf and key."""

from __future__ import annotations

import array
import contextlib
import decimal
import fractions
import io
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import MIB, put_away
from sample_classes import Account, Bag, Colour, Money
from sample_structures import RingBuffer, SkipList
from soundness import assert_sound

import pmemobj
from pmemobj import (
    Field,
    PersistentArray,
    PersistentByteArray,
    PersistentCounter,
    PersistentDefaultDict,
    PersistentDeque,
    PersistentDict,
    PersistentFrozenSet,
    PersistentList,
    PersistentObjectPool,
    PersistentOrderedDict,
    PersistentSet,
    PersistentTuple,
    _format,
    inspect,
)
from pmemobj._format import Kind
from pmemobj._inspection.walk import image
from pmemobj._objects.class_table import ClassTable
from pmemobj._values.pickles import nominated
from pmemobj._verify.examination import Examination, Finding
from pmemobj.dump import contents_of

CEST = timezone(timedelta(hours=2), "CEST")
LEAVES = [
    *(None, True, 7, 1 << 80, 1.5, 1e300, float("nan"), 2 - 3j, "short", "a text of some length", b"b", b"bytes " * 4),
    *(date(1, 1, 1), date(9999, 12, 31), time(1, 2, 3, 4), time(5, tzinfo=UTC), time(5, fold=1, tzinfo=CEST)),
    *(datetime(2026, 2, 28, 12, 30), datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=CEST)),
    *(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Vienna")), timedelta(-1, 5, 7), timedelta.max),
    *(decimal.Decimal("1.500"), decimal.Decimal("-sNaN12"), decimal.Decimal("1E+400"), fractions.Fraction(-1, 1 << 70)),
    *(uuid.UUID(int=5), uuid.UUID(int=6, is_safe=uuid.SafeUUID.unsafe), range(3), range(1 << 70, 0, -(1 << 65))),
    Money(5, "USD"),
    *((), (1, ("a text of some length", frozenset({2.5, None}))), frozenset(), frozenset({(1, 2)}), (Money(5), 1)),
]
#: Values that can be keys, and that a look-up finds again.
KEYS = [
    *(None, False, 7, 1 << 80, 1.5, 1e300, 2 - 3j, "short", "a text of some length", b"b", b"bytes " * 4),
    *(date(2026, 2, 28), time(1, 2), datetime(2026, 2, 28, tzinfo=UTC), timedelta(1), decimal.Decimal("0.3")),
    *(fractions.Fraction(1, 3), uuid.UUID(int=5), range(3), Money(1), Colour.RED),
    *((), (1, "a text of some length", None, (2.5, b"x", date(1, 1, 1))), (Money(2), True)),
    *(frozenset(), frozenset({1, frozenset({"a text of some length"})}), (frozenset({Money(2)}),)),
]


class Shelf(PersistentDict):
    def __init__(self, place: str, items: Any = ()) -> None:
        super().__init__(items)
        self.place = place


class Row(PersistentList):
    pass


class Pair(PersistentTuple):
    pass


class Marks(PersistentSet):
    pass


class Raw(PersistentByteArray):
    pass


class Grid(PersistentArray):
    pass


class Fixed(PersistentFrozenSet):
    pass


class Mixed(pmemobj.Persistent):
    """Fields of all sorts, in an order that leaves gaps between the numbers."""

    flag = Field("?")
    first = Field()
    number = Field("d")
    row = Field("block")
    small = Field("h")
    second = Field("value")
    none = Field("block")
    bits = Field("block")


def fill(pool: PersistentObjectPool) -> None:
    """Shared objects, and cycles through every kind of container."""
    pmemobj.persist_via_pickle(Money, Colour)
    new = pool.new
    with pool.transaction():
        root = pool.root = new(PersistentDict)
        account = new(Account, "Ann", 5)
        account.back = root
        root["leaves"] = new(PersistentList, LEAVES)
        root["tuple"] = new(PersistentTuple, [root, account, "a leaf in a tuple", 1 << 90])
        root["set"] = new(PersistentSet, [*KEYS, account, root["tuple"][:0]])
        root["keys"] = new(PersistentDict, {key: at for at, key in enumerate(KEYS)})
        nested = new(PersistentTuple, [new(PersistentTuple, [account, 1]), "a leaf in a tuple", None])
        root["keys"][account] = root["keys"]
        root["keys"][nested] = nested
        root["keys"][new(PersistentTuple, [Money(3), 1])] = "by a pickle"
        del root["keys"][7]
        root["set"].add(new(PersistentTuple, [account, account]))
        root["frozen"] = new(PersistentFrozenSet, [account, "a leaf in a frozenset", (1, "a leaf in a leaf")])
        root["keys"][new(PersistentFrozenSet, [root["frozen"], nested])] = "by contents"
        shelf = root["shelf"] = new(Shelf, "an attribute of a dict", {"account": account, "long": "a value of a shelf"})
        shelf.back = shelf
        root["own"] = new(
            PersistentList,
            [new(Row, [1, 2]), new(Pair, [account, 3]), new(Marks, {1}), new(Raw, b"raw"), new(Grid, "h", [4]), new(Fixed, [5])],
        )
        for at, own in enumerate(root["own"]):
            if not isinstance(own, (Pair, Fixed)):
                own.number, own.note = at, f"the note of container {at}"
        queue = root["queue"] = new(PersistentDeque, [1, account, "a leaf in a deque", root], 4)
        queue.append(queue)
        root["count"] = new(PersistentCounter, "abca")
        root["index"] = new(PersistentDefaultDict, list, a=1)
        root["order"] = new(PersistentOrderedDict, b=1, a=2)
        root["bytes"] = new(PersistentByteArray, bytes(range(100)))
        root["numbers"] = new(PersistentArray, "d", [0.1, float("inf"), -0.0])
        root["grid"] = new(PersistentArray, "h", range(6), shape=(2, 3))
        root["bools"] = new(PersistentArray, "?", [True, False])
        ring = root["ring"] = new(RingBuffer, 3)
        for value in (ring, "a text in a block", root["tuple"], root):
            ring.append(value)
        skip = root["skip"] = new(SkipList)
        for number in (3, 1, 2):
            skip[number] = f"the value of {number}"
        mixed = root["mixed"] = new(Mixed)
        mixed.flag, mixed.number, mixed.small, mixed.first, mixed.second = True, 2.5, -7, mixed, "a text of a field"
        mixed.row, mixed.bits = pool.mm.zalloc(3, "i"), pool.mm.zalloc(0, "value")
        mixed.row[1] = -1
        root["empty"] = new(
            PersistentList,
            [new(cls) for cls in (PersistentList, PersistentTuple, PersistentSet, PersistentDict, PersistentByteArray)],
        )
        root["empty"].extend([new(PersistentArray, "i"), new(Mixed), new(Bag)])


def assert_is_whole(pool: PersistentObjectPool) -> None:
    """Everything that `fill` has stored is there, and is found by its keys."""
    assert_sound(pool, no_garbage=True)
    root = pool.root
    account = root["tuple"][1]
    assert type(account) is Account and account.back is root and root["tuple"][0] is root
    assert [repr(each) for each in root["leaves"]] == [repr(each) for each in LEAVES]
    assert [each.is_safe for each in root["leaves"] if type(each) is uuid.UUID] == [
        uuid.SafeUUID.unknown,
        uuid.SafeUUID.unsafe,
    ]
    keys = root["keys"]
    assert [keys.get(key) for key in KEYS] == [None if key == 7 else at for at, key in enumerate(KEYS)]
    assert all(key in root["set"] for key in KEYS) and account in root["set"] and (account, account) in root["set"]
    frozen = frozenset({account, "a leaf in a frozenset", (1, "a leaf in a leaf")})
    assert root["frozen"] == frozen and keys[frozenset({frozen, ((account, 1), "a leaf in a tuple", None)})] == "by contents"
    assert keys[account] is keys and keys[((account, 1), "a leaf in a tuple", None)][0][0] is account
    assert keys[Money(3), 1] == "by a pickle"
    shelf = root["shelf"]
    assert type(shelf) is Shelf and shelf.back is shelf and shelf.place == "an attribute of a dict"
    assert shelf == {"account": account, "long": "a value of a shelf"}
    assert [type(own) for own in root["own"]] == [Row, Pair, Marks, Raw, Grid, Fixed]
    assert [own.note for own in root["own"] if hasattr(own, "note")] == [f"the note of container {at}" for at in (0, 2, 3, 4)]
    assert root["own"] == [[1, 2], (account, 3), {1}, b"raw", array.array("h", [4]), frozenset({5})]
    queue = root["queue"]
    assert list(queue)[:2] == [account, "a leaf in a deque"] and queue[-1] is queue and queue.maxlen == 4
    assert root["count"]["a"] == 2 and root["index"].default_factory is list and type(root["count"]) is PersistentCounter
    assert list(root["order"]) == ["b", "a"] and type(root["order"]) is PersistentOrderedDict
    assert root["bytes"] == bytes(range(100)) and list(root["numbers"]) == [0.1, float("inf"), -0.0]
    assert root["grid"].shape == (2, 3) and root["grid"].tolist() == [*range(6)] and root["grid"].typecode == "h"
    assert list(root["bools"]) == [True, False]
    ring, mixed = root["ring"], root["mixed"]
    assert type(ring) is RingBuffer and list(ring) == ["a text in a block", root["tuple"], root] and ring.total == 4
    assert list(root["skip"].items()) == [(number, f"the value of {number}") for number in (1, 2, 3)]
    assert (mixed.flag, mixed.number, mixed.small, mixed.second) == (True, 2.5, -7, "a text of a field")
    assert mixed.first is mixed and list(mixed.row) == [0, -1, 0] and mixed.none is None and len(mixed.bits) == 0
    for each in walk(pool):
        each._check()


def walk(pool: PersistentObjectPool) -> Iterator[Any]:
    """A handle for each object that the root reaches."""
    for offset in inspect.walk(pool).nodes:
        yield pool._heap.handle(offset)


def assert_can_be_changed(pool: PersistentObjectPool) -> None:
    root = pool.root
    root["ring"].append("another text in a block")
    root["ring"].items = pool.mm.zalloc(2, "value")
    root["mixed"].row = None
    root["skip"][2] = "another"
    del root["skip"][1]
    root["keys"].clear()
    root["set"].clear()
    root["bytes"].extend(b"more" * 100)
    root["numbers"].append(1.0)
    pool.gc()
    assert_sound(pool)


def dumped(pool: PersistentObjectPool) -> str:
    text = io.StringIO()
    pmemobj.dump(pool, text)
    return text.getvalue()


@pytest.fixture(scope="module", autouse=True)
def own_nominations() -> Iterator[None]:
    """The nominations of this module end with it, so that other tests start without them."""
    before = dict(nominated)
    yield
    nominated.clear()
    nominated.update(before)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a closed pool with all these objects."""
    path = tmp_path_factory.mktemp("life") / "pool"
    with pmemobj.create(path, pool_size=8 * MIB) as pool:
        fill(pool)
    return path.read_bytes()


@pytest.fixture
def original(scratch: Path, everything: bytes) -> Path:
    (scratch / "pool").write_bytes(everything)
    return scratch / "pool"


def test_there_is_something_of_every_kind(original: Path) -> None:
    with pmemobj.open(original) as pool:
        found = {Kind(kind) for _, _, kind in pool._heap.allocations()}
        assert found == set(Kind), set(Kind) - found


def test_everything_is_moved(original: Path, scratch: Path, reopen: Callable[..., Any]) -> None:
    with pmemobj.open(original) as pool:
        assert_is_whole(pool)
        text = dumped(pool)
    assert '"leaf"' not in text, "a kind of leaf has no form that people can read"
    pmemobj.restore(io.StringIO(text), scratch / "again")
    assert pmemobj.check(original).findings == pmemobj.check(scratch / "again").findings == ()
    again = reopen(str(scratch / "again"))
    assert dumped(again).splitlines()[1:] == text.splitlines()[1:]
    assert_is_whole(again)
    assert_can_be_changed(again)


MOVES = """
import sys
import pmemobj
sys.modules["sample_classes"] = sys.modules["sample_structures"] = sys.modules["test_whole_life"] = None
with pmemobj.open(sys.argv[1]) as pool:
    pmemobj.dump(pool, sys.argv[2])
pmemobj.restore(sys.argv[2], sys.argv[3], "auto", max_size=16 << 20)
pmemobj.resize(sys.argv[1], 9 << 20)
"""


def test_it_is_moved_without_its_classes_into_a_pool_that_grows(
    original: Path, scratch: Path, run_python: Any, reopen: Callable[..., Any]
) -> None:
    run_python(MOVES, original, scratch / "dump", scratch / "grows")
    for name in ("grows", "pool"):
        pool = reopen(str(scratch / name))
        assert pool.max_size == (16 * MIB if name == "grows" else 9 * MIB)
        assert_is_whole(pool)
        put_away(pool)
    assert pmemobj.check(scratch / "grows").ok


# ---- damage ----------------------------------------------------------------------------------------

NONSENSE = (0, 1 << 40 | 4, 0xDEADBEEF_DEADBEE0, (1 << 64) - 1, 0x7C, 3)
#: Objects of these kinds differ in what lies at the same place, so that one object of a kind is not enough.
MANY_FORMS = (Kind.TUPLE, Kind.EXTENSION, Kind.BLOCK_WORDS, Kind.LIST_ITEMS)


def findings_with(path: Path, offset: int, word: int) -> list[Finding]:
    """The findings for a pool of which one word is replaced. A dump of it may fail only with an error of this package."""
    with open(path, "r+b", buffering=0) as file:
        before = os.pread(file.fileno(), 8, offset)
        os.pwrite(file.fileno(), word.to_bytes(8, "little"), offset)
        try:
            with image(str(path)) as heap:
                found = list(Examination(heap, heap.allocations()).run())
                with contextlib.suppress(pmemobj.PmemError):
                    heap.types = ClassTable(heap)
                    json.dumps([*contents_of(heap).records()])
                return found
        finally:
            os.pwrite(file.fileno(), before, offset)


def test_whatever_word_is_damaged_nothing_is_raised(original: Path) -> None:
    """In each kind of allocation, one word after another is set to nonsense, and examined as in the child of `check`."""
    with image(str(original)) as heap:
        places = heap.allocations()
    headers, rounds, silent = 0, 0, 0
    seen: set[tuple[int, int]] = set()
    for offset, size, kind in places:
        for at in range(0, min(size, 64), 8):
            if (kind, at) in seen and kind not in MANY_FORMS:
                continue
            seen.add((kind, at))
            found = findings_with(original, offset + at, NONSENSE[rounds % len(NONSENSE)])
            assert all(finding.path for finding in found)
            rounds += 1
            silent += not found
            if at == 0 and kind < Kind.LIST_ITEMS:
                headers += 1
                assert any(finding.severity == "error" for finding in found), f"{Kind(kind).name} at {offset:#x}"
    assert {kind for kind, _ in seen} == set(Kind) and headers >= 23 and silent < rounds // 2


def test_counts_beyond_all_numbers_are_damage(original: Path) -> None:
    """Counts that are negative in C, or overflow to 0 when multiplied, in each list, dict, set and class record."""
    with image(str(original)) as heap:
        places = [(at, kind) for at, _, kind in heap.allocations() if kind in (Kind.LIST, Kind.DICT, Kind.SET)]
    for offset, kind in places:
        for word in ((1 << 64) - 1, 1 << 63, 1 << 61):
            found = findings_with(original, offset + (8 if kind == Kind.LIST else 16), word)
            assert any(finding.severity == "error" for finding in found)


#: What is written, by the kind of the object and the offset in it, and what the check reports.
DAMAGE = {
    "set: deleted items": (Kind.SET, 8, 1, r"root\['set'\]: it counts 1 deleted of \d+ entries, and has \d+ keys"),
    "set: table": (Kind.SET, 24, 1 << 40, r"root\['set'\]: its SET_TABLE at 0x10000000000 is outside the pool"),
    "set: hash": (Kind.SET_TABLE, 24, 5, r"root\['set'\]: entry 0 has not the hash of its key None"),
    "tuple: length": (Kind.TUPLE, 8, 1 << 50, r"root.*: its TUPLE takes \d+ bytes, and has \d+"),
    "tuple: item": (Kind.TUPLE, 16, 0, r"root.*\[0\]: its word is 0, which is no value"),
    "tuple: a key": (Kind.TUPLE, 24, 3, r"root\['set'\]: entry \d+ has not the hash of its key .*"),
    "frozenset: length": (Kind.FROZENSET, 8, 1 << 50, r"root.*: its FROZENSET takes \d+ bytes, and has \d+"),
    "frozenset: item": (Kind.FROZENSET, 16, 0, r"root.*\[0\]: its word is 0, which is no value"),
    "own class: record": (Kind.DICT, 0, _format.header(Kind.DICT, 99), r"root\['.*'\]: the pool has no class with its number 98"),
    "own class: attributes": (Kind.DICT, 40, 1 << 40, r"root\['shelf'\]: its OBJECT_SLOTS at 0x10000000000 is outside .*"),
    "own class: an attribute": (Kind.OBJECT_SLOTS, 0, 0x7C, r"root\['shelf'\]\.place: the word .* stands for no value"),
    "deque: state": (Kind.DEQUE, 8, 9 << 32 | 2, r"root\['queue'\]: its 2 items from place 9 on do not fit its \d+ places"),
    "deque: maxlen": (Kind.DEQUE, 32, 3, r"root\['queue'\]: it has 4 items, where 2 are the most"),
    "bytearray: length": (Kind.BYTEARRAY, 8, 1 << 40, r"root\['bytes'\]: its 1099511627776 bytes do not fit an area of \d+"),
    "bytearray: capacity": (Kind.BYTEARRAY, 16, 8000, r"root\['bytes'\]: its BYTEARRAY_DATA takes 8000 bytes, .*"),
    "array: code": (Kind.ARRAY, 32, 77, r"root\['numbers'\]: its type code 0x4d is none that there is"),
    "array: length": (Kind.ARRAY, 8, 5, r"root\['numbers'\]: its 5 bytes are no whole elements of 8 bytes"),
    "array: shape": (Kind.ARRAY, 40, 24, r"root\['numbers'\]: its ARRAY_DATA at 0x18 is outside the pool"),
    "extension: counts": (Kind.EXTENSION, 8, 1 << 32, r"root\['ring'\]: its counts 0x.* are not those of the fields .*"),
    "extension: no room": (Kind.EXTENSION, 8, 0xFFFF, r"root\['ring'\]: its EXTENSION takes \d+ bytes, and has \d+"),
    "extension: block": (Kind.EXTENSION, 16, 64, r"root\['ring'\]: there is no block where its items leads to"),
    "extension: class": (Kind.EXTENSION, 0, _format.header(24, 99), r"root\['ring'\]: .* with fields with its number 99"),
    "block: owner": (Kind.BLOCK_WORDS, 16, 64, r"root\['ring'\]: its items says that it is block 0 of another object"),
    "block: count": (Kind.BLOCK_WORDS, 8, 0xFFFF << 8 | ord("v"), r"root\['ring'\]: its items: there is no whole block"),
    "block: value": (Kind.BLOCK_WORDS, 32, 0x7C, r"root\['ring'\]\.items\[0\]: the word .* stands for no value"),
    "date": (Kind.DATE, 8, 0, r"root\['leaves'\]\[\d+\]: its date cannot be decoded .*"),
    "zone": (Kind.TIME, 16, 9, r"root\['leaves'\]\[\d+\]: its time cannot be decoded .*"),
    "decimal": (Kind.DECIMAL, 8, 0x2121212121, r"root\['leaves'\]\[\d+\]: its decimal cannot be decoded .*"),
    "key tuple": (Kind.PLAIN_CONTAINER, 8, 9 << 8, r".*: its plain_container cannot be decoded \(an item has the unknown number 9\)"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_found_where_it_is(original: Path, case: str) -> None:
    kind, at, word, expected = DAMAGE[case]
    with image(str(original)) as heap:
        places = [offset for offset, size, is_kind in heap.allocations() if is_kind == kind and at + 8 <= size]
    found = []
    # The test need not know which of the objects the root reaches by this path.
    for offset in places[:40]:
        found += [f"{each.path}: {each.text}" for each in findings_with(original, offset + at, word)]
    assert [text for text in found if re.fullmatch(expected, text)], found
