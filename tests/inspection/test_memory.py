"""The memory of an object word by word: it is complete and correct, also in transactions and in damaged pools."""

from __future__ import annotations

import json
import random
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import pytest
from sample_classes import Account, Bag, Money

import pmemobj
from pmemobj import PersistentDict, PersistentList, PersistentObjectPool
from pmemobj._containers.base import resurrect
from pmemobj._engine.heap import Heap
from pmemobj._inspection.memory import describe_at
from pmemobj._objects.class_table import ClassTable
from pmemobj.inspect import Gap, Meaning, Memory, Piece, State, Word, memory, walk

Pool = PersistentObjectPool
LONG, LONGER = "a string that is too long", "another string, which is longer than the first one"
NOT_SAFE = {State.NEW, State.CHANGED}


class Fields(pmemobj.Persistent):
    """An object with a field of each sort."""

    number = pmemobj.Field("q")
    small = pmemobj.Field("h")
    any = pmemobj.Field()
    row = pmemobj.Field("block")
    values = pmemobj.Field("block")


def one_of_each(pool: Pool) -> dict[str, Any]:
    """Objects of every kind, to which the root refers."""
    fields = pool.new(Fields)
    fields.number, fields.small, fields.any = -7, 300, LONG
    fields.row, fields.values = pool.mm.zalloc(5, "i"), pool.mm.alloc(3, "value")
    fields.row[1], fields.values[2] = 77, LONGER
    pmemobj.persist_via_pickle(Money)
    kept = pool.root = pool.new(
        PersistentDict,
        list=pool.new(PersistentList, [25, LONG, 1.5, None, b"bytes", 2**70, Fraction(1, 3), Money(5)]),
        dict=pool.new(PersistentDict, {"name": LONG, 5: True, (1, "x", None): 2.5, LONGER: None}),
        set=pool.new(pmemobj.PersistentSet, [1, "two", LONG]),
        tuple=pool.new(pmemobj.PersistentTuple, (1, LONG, "three")),
        object=pool.new(Account, LONG, 7),
        bare=pool.new(Bag),
        bytes=pool.new(pmemobj.PersistentByteArray, b"0123456789abc"),
        floats=pool.new(pmemobj.PersistentArray, "f", [1.5, 2.5, -3]),
        shaped=pool.new(pmemobj.PersistentArray, "h", range(6), shape=(2, 3)),
        empty=pool.new(PersistentList),
        fields=fields,
    )
    kept["list"].append(kept)
    return {str(name): kept[name] for name in kept} | {"root": kept}


@pytest.fixture
def objects(pool: Pool) -> dict[str, Any]:
    return one_of_each(pool)


def texts(found: Memory, piece: int = 0) -> list[tuple[str, str]]:
    return [(word.label, word.text) for word in found.pieces[piece].words]


def word(found: Memory, label: str, piece: int = 0) -> Word:
    return next(each for each in found.pieces[piece].words if each.label == label)


# ---- what it says ------------------------------------------------------------------------------------


def test_a_list_is_a_header_that_points_to_an_array_of_words(pool: Pool) -> None:
    found = memory(pool.new(PersistentList, [25, LONG, None]))
    assert (found.type, [piece.name for piece in found.pieces]) == (
        "PersistentList",
        ["object", "items", "leaf of items[1]"],
    )
    own, items, leaf = found.pieces
    assert texts(found) == [
        ("header", "kind 16, LIST; stamp"),
        ("length", "3 items"),
        ("capacity", "4 places for items"),
        ("items", "→ items"),
    ]
    assert word(found, "items").target == items.offset and word(found, "items").piece == "items"
    assert [(each.text, each.tag) for each in items.words] == [
        ("int 25", "…1"),
        (f"→ {LONG!r}", "…0100"),
        ("None", "…1100"),
        ("unused, beyond the length", ""),
    ]
    assert items.words[0].raw == (25 << 1 | 1).to_bytes(8, "little")
    assert items.words[1].target == leaf.offset and leaf.text == repr(LONG) and leaf.is_leaf and not items.is_leaf
    assert b"".join(each.raw for each in leaf.words[1:])[: len(LONG)] == LONG.encode()
    assert [each.meaning for each in own.words] == [Meaning.HEADER, Meaning.COUNT, Meaning.COUNT, Meaning.BODY]
    assert [each.text for each in items.library] == [f"{items.size} bytes with these 16", "64, LIST_ITEMS"]
    assert repr(found) == f"<Memory of PersistentList: 3 allocations, {found.size} bytes; print() shows it>"
    assert str(found) == found.text()
    assert not found.in_transaction and not found.uncommitted and not found.damage and not found.left_out


def test_every_kind_is_complete_and_true(pool: Pool, objects: dict[str, Any]) -> None:
    """Each byte of each allocation is in one word or one gap, and has the right value."""
    with open(pool.path, "rb") as file:
        data = file.read()
    sizes = {node.offset: node.size for node in walk(pool).nodes.values()}
    for name, each in objects.items():
        found = memory(each, max_words=10_000)
        assert found.size == sizes[each._p_offset], name
        assert found.pieces[0].offset == each._p_offset and not found.damage and not found.left_out
        for piece in found.pieces:
            at = 0
            for row in piece.rows:
                assert row.at == at, (name, piece.name, row)
                at += 8 * row.count if isinstance(row, Gap) else 8
            assert at == piece.size - 16, (name, piece.name)
            for each_word in (*piece.library, *piece.words):
                assert data[piece.offset + each_word.at :][:8] == each_word.raw, (name, each_word)


@pytest.mark.once
def test_what_the_words_of_each_kind_say(objects: dict[str, Any]) -> None:
    told = {name: memory(each, max_words=10_000).text() for name, each in objects.items()}
    for name, parts in {
        "list": [
            "int 25",
            "float 1.5",
            "bytes b'bytes'",
            "→ 1180591620717411303424",
            "→ Fraction(1, 3)",
            "→ pickle of",
        ],
        "dict": ["entry 0 key", "str 'name'", "(1, 'x', None)", "entry 3 value", "slots 6, 7"],
        "set": ["entry 2 item", "its search begins at slot", "slots 4, 5"],
        "tuple": ["items[2]", "str 'three'", "3 items"],
        "object": ["class 1, Account", ".owner", ".balance", "int 7", "no attribute has this slot yet"],
        "bare": ["Bag", "no slots"],
        "bytes": ["data[0:8]", "|01234567|", "data[8:13]", "|89abc|", "13 bytes"],
        "floats": ["data[0:2]", "1.5, 2.5", "data[2]", "-3", "'f', as in struct", "one dimension only"],
        "shaped": ["0, 1, 2, 3", "shape[1]", "3 elements", "→ shape"],
        "empty": ["no items", "1 allocation, 48 bytes"],
        "fields": [".number", "-7 (q)", "300 (h)", "→ block .row", ".row[0:2]", "0, 77", "leaf of .values[2]", "None"],
    }.items():
        for part in parts:
            assert part in told[name], (name, part, told[name])


@pytest.mark.once
def test_blocks_the_root_object_and_a_class_that_is_missing(pool: Pool, run_python: Any, reopen: Any) -> None:
    block = pool.mm.zalloc(3, "d")
    assert memory(block).type == "Block of 'd'" and "nothing owns it yet" in memory(block).text()
    found = memory(pool)
    assert texts(found)[:2] == [("magic", "|PyPmObj.|"), ("version", "layout 2, required features 0x0")]
    assert word(found, "root").text == "None" and word(found, "state").text == "1, open or never closed"
    pool.close()
    run_python(
        "import sys, pmemobj\n"
        "class Gone(pmemobj.PersistentObject): pass\n"
        "with pmemobj.open(sys.argv[1]) as pool:\n"
        "    pool.root = pool.new(Gone)\n"
        "    pool.root.name = 'x'\n",
        pool.path,
    )
    again = reopen(pool.path)
    assert memory(again.root).type == "class Gone (not defined yet)"
    assert (".name", "str 'x'") in texts(memory(again.root), 1)


@pytest.mark.once
def test_the_text_is_the_same_wherever_the_object_lies(pool: Pool, make_pool: Callable[..., Pool]) -> None:
    other = make_pool()
    other.root = other.new(PersistentList, range(1000))  # so that all objects lie at other offsets
    one, two = one_of_each(pool), one_of_each(other)
    for name in one:
        first, second = memory(one[name]), memory(two[name])
        assert first.text() == second.text(), name
        assert first.pieces[0].offset != second.pieces[0].offset
        assert f"at {first.pieces[0].offset:#x}" in first.text(offsets=True)


def test_limits(pool: Pool) -> None:
    large = pool.new(PersistentList, [LONG] * 500)
    table = pool.new(PersistentDict, dict.fromkeys(range(500), LONG))
    for most in (1, 2, 7, 30, 200):
        for each in (large, table):
            found = memory(each, max_words=most)
            assert 1 <= sum(len(piece.words) for piece in found.pieces) <= most
    found = memory(large)
    assert any(piece.is_leaf for piece in found.pieces) and found.left_out > 0
    assert any(isinstance(row, Gap) and row.text.endswith("to items[499]") for row in found.pieces[1].rows)
    numbers = memory(pool.new(PersistentList, range(500)), max_words=100)
    assert len(numbers.pieces[1].words) == 96  # there are no leaves, so no part of the budget is reserved for them
    assert memory(pool.new(PersistentDict)).text().count("unused") == 0
    assert "unused, for the next entry" in memory(pool.new(PersistentDict, a=1)).text()


# ---- in a transaction ----------------------------------------------------------------------------------


def test_what_is_not_committed_is_marked_with_what_was_there(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, [1, 2, 3])
    with pytest.raises(ZeroDivisionError), pool.transaction():
        items[0] = 9
        items.append(LONG)
        found = memory(items)
        assert found.in_transaction
        first = word(found, "items[0]", 1)
        assert (first.state, first.text, first.old_text) == (State.CHANGED, "int 9", "int 1")
        assert first.old == (1 << 1 | 1).to_bytes(8, "little")
        assert (word(found, "length").state, word(found, "length").old_text) == (State.CHANGED, "3 items")
        assert word(found, "items[1]", 1).state is State.COMMITTED
        leaf = found.pieces[2]
        assert leaf.new and {each.state for each in leaf.words} == {State.NEW}
        assert set(found.uncommitted) == {
            each for piece in found.pieces for each in piece.words if each.state in NOT_SAFE
        }
        text = found.text()
        assert "  <      03 00 00 00 00 00 00 00  before        int 1" in text and "new, not committed" in text
        1 / 0  # noqa: B018
    assert not memory(items).uncommitted and items == [1, 2, 3]


def changes(pool: Pool, objects: dict[str, Any], chance: random.Random) -> list[Callable[[], Any]]:
    """Statements from which a transaction is composed."""
    some = lambda: chance.choice([chance.randrange(100), LONG, LONGER, None, 0.5])  # noqa: E731
    key = lambda: chance.choice(["name", 5, LONGER, chance.randrange(40)])  # noqa: E731
    return [
        lambda: objects["list"].append(some()),
        lambda: objects["list"].__setitem__(0, some()),
        lambda: objects["list"].pop(1),
        lambda: objects["dict"].__setitem__(key(), some()),
        lambda: objects["dict"].pop(key(), None),
        lambda: objects["set"].add(chance.randrange(40)),
        lambda: setattr(objects["object"], chance.choice(["owner", "balance", "more", "and_more"]), some()),
        lambda: objects["bytes"].extend(b"more"),
        lambda: objects["floats"].append(4.5),
        lambda: setattr(objects["fields"], "any", some()),
        lambda: setattr(objects["fields"], "number", chance.randrange(1000)),
        lambda: objects["fields"].row.__setitem__(0, chance.randrange(1000)),
    ]


def assert_true(pool: Pool, found: Memory, before: bytes) -> None:
    """Every word states correctly what a roll-back would restore."""
    for piece in found.pieces:
        assert piece.new == (piece.offset in pool._heap.fresh)
        for each in piece.words:
            was = before[piece.offset + each.at :][:8]
            if each.state in (State.COMMITTED, State.LOGGED):
                # A word that no count includes, before or now, means nothing.
                assert piece.new is False and (each.raw == was or "unused" in each.text), (piece.name, each)
            if each.state is State.CHANGED and each.old is None:
                assert each.old_text == "unused before this transaction"
            elif each.state is State.CHANGED:
                assert each.old == was != each.raw, (piece.name, each)
            elif each.state is State.LOGGED:
                assert each.old == was
            else:
                assert each.old is None and (each.state is State.NEW) == piece.new


def test_what_is_told_of_a_transaction_is_true(pool: Pool, objects: dict[str, Any]) -> None:
    """This holds for any mixture of statements; long ones need several continuations of the undo log."""
    chance = random.Random(1)
    for count, undone in ((2, False), (60, True), (60, False)):
        with open(pool.path, "rb") as file:
            before = file.read()
        with suppress(ZeroDivisionError), pool.transaction():
            for _ in range(count):
                chance.choice(changes(pool, objects, chance))()
            found = [memory(each, max_words=1000) for each in objects.values()]
            for each in found:
                assert_true(pool, each, before)
            assert any(each.uncommitted for each in found)
            if undone:
                1 / 0  # noqa: B018
        assert not any(memory(each).uncommitted for each in objects.values())


def test_a_log_with_continuations(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, range(5000))
    with pool.transaction():
        for number in range(0, 5000, 3):
            items[number] = -number
        found = memory(items, max_words=10_000)
        for number, each in enumerate(found.pieces[1].words[:5000]):
            assert each.old_text == ("" if each.old is None else f"int {number}")
            assert (each.state is State.CHANGED) == (number % 3 == 0 and number > 0)


def test_parts_that_a_transaction_exchanges_are_shown_as_they_were(pool: Pool, objects: dict[str, Any]) -> None:
    with open(pool.path, "rb") as file:
        before = file.read()
    places = {name: [piece.offset for piece in memory(each).pieces] for name, each in objects.items()}
    with suppress(ZeroDivisionError), pool.transaction():
        objects["list"][0] = 26
        objects["list"].extend(range(100))
        objects["dict"].update(dict.fromkeys(range(100)))
        objects["set"].update(range(100))
        objects["bytes"].extend(bytes(100))
        for number in range(10):
            setattr(objects["object"], f"attribute_{number}", number)
        for name, part in {
            "list": "items",
            "dict": "table",
            "set": "table",
            "bytes": "data",
            "object": "slots",
        }.items():
            found = memory(objects[name], max_words=1000)
            assert_true(pool, found, before)
            (old,) = [piece for piece in found.pieces if piece.given_up]
            assert (old.name, old.offset) == (f"{part} before", places[name][1])
            (link,) = [each for each in found.pieces[0].words if each.old_piece]
            assert (link.old_piece, link.old_text, link.piece) == (old.name, f"→ {old.name}", part)
            assert "freed at the commit" in found.text()
        items = next(piece for piece in memory(objects["list"]).pieces if piece.given_up)
        assert (items.words[0].old_text, items.words[8].text) == ("int 25", "→ PersistentDict")
        assert sum(len(piece.words) for piece in memory(objects["list"], max_words=30).pieces) <= 30
        1 / 0  # noqa: B018
    assert not any(piece.given_up for piece in memory(objects["list"]).pieces)


def test_the_transaction_of_another_thread(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, [1, 2])
    changed, seen = threading.Event(), threading.Event()

    def change() -> None:
        with pool.transaction():
            items[0] = 5
            changed.set()
            seen.wait(60)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        assert changed.wait(60)
        (only,) = memory(items).uncommitted
        assert (only.text, only.old_text) == ("int 5", "int 1")
    finally:
        seen.set()
        thread.join()
    assert not memory(items).uncommitted


def test_what_an_ended_transaction_left_in_the_log_is_void(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, range(600))
    for undone in (True, False):
        with suppress(ZeroDivisionError), pool.transaction():
            items[0] = items[599] = 1000
            if undone:
                1 / 0  # noqa: B018
        with pool.transaction():
            assert not memory(items, max_words=1000).uncommitted
            items[300] = -1
            (only,) = memory(items, max_words=1000).uncommitted
            assert only.label == "items[300]"
            items[300] = 300


def test_what_was_beyond_the_last_entry_was_nothing(pool: Pool) -> None:
    pool.root = items = pool.new(PersistentList, [1, 2, 3])
    items.pop()  # the word of the removed item stays in memory
    with pool.transaction():
        items.append(4)
        last = word(memory(items), "items[2]", 1)
        assert (last.state, last.text, last.old_text) == (State.CHANGED, "int 4", "unused before this transaction")


@pytest.mark.once
def test_after_a_kill_recovery_brings_back_the_old_bytes(pool: Pool, spawn: Any, reopen: Any) -> None:
    pool.root = pool.new(PersistentList, [1, LONG, 3])
    pool.root.append(4)
    offset = pool.root._p_offset
    pool.close()
    child = spawn(
        "import json, sys, pmemobj\n"
        "pool = pmemobj.open(sys.argv[1])\n"
        "with pool.transaction():\n"
        "    pool.root[1] = 5\n"
        "    pool.root.append('something that is longer than a word')\n"
        "    pieces = pmemobj.inspect.memory(pool.root).pieces\n"
        "    words = [(piece.offset + word.at, word.raw.hex(), word.old.hex()) for piece in pieces\n"
        "             for word in piece.words if word.old]\n"
        "    print(json.dumps(words), flush=True)\n"
        "    sys.stdin.read()\n",
        pool.path,
    )
    told = json.loads(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert len(told) >= 3
    with open(pool.path, "rb") as file:
        torn = file.read()
    assert all(torn[at : at + 8].hex() == raw for at, raw, _ in told)
    again = reopen(pool.path)
    assert again.recovered and again.root == [1, LONG, 3, 4] and again.root._p_offset == offset
    with open(pool.path, "rb") as file:
        whole = file.read()
    assert all(whole[at : at + 8].hex() == old for at, _, old in told)


# ---- damage, and what is refused -------------------------------------------------------------------------


@pytest.mark.once
def test_damage_is_described_and_never_raised(pool: Pool, objects: dict[str, Any]) -> None:
    places = [
        (each._p_offset, piece.offset + at)
        for each in objects.values()
        for piece in memory(each).pieces
        for at in (-16, -8, 0, 8, 16, 24)
    ]
    chance = random.Random(1)
    offsets = [each._p_offset for each in objects.values()]
    root = pool._heap.root_offset
    pool.close()
    with open(pool.path, "rb") as file:
        data = bytearray(file.read())
    heap = Heap("damaged")
    heap.bind_image(memoryview(data), root)
    heap.resurrect = resurrect
    heap.types = ClassTable(heap)
    damaged = 0
    for offset, at in chance.sample(places, 100):
        kept = data[at : at + 8]
        for bad in (0, 1, (1 << 64) - 1, 1 << 63, len(data), len(data) - 8, chance.choice(offsets), 0x10 | 0xB5 << 8):
            data[at : at + 8] = bad.to_bytes(8, "little")
            found = describe_at(heap, offset)
            assert isinstance(found.text(True), str) and sum(len(piece.words) for piece in found.pieces) <= 200
            damaged += bool(found.damage)
        data[at : at + 8] = kept
    assert damaged > 200
    for nowhere in (8, 16, len(data) - 8, len(data), 1 << 60):
        assert describe_at(heap, nowhere).damage
    heap.unbind(pmemobj.PoolClosedError("read", "it is closed", "open it"))


@pytest.mark.once
def test_what_is_refused(pool: Pool) -> None:
    gone = pool.new(PersistentList)
    block = pool.mm.alloc(1)
    pool.mm.free(block)
    for bad in (5, None, "x", [1], pool.mm, PersistentList, object()):
        with pytest.raises(TypeError, match=r"^cannot show the memory of .*: it is no persistent object \(.*\)$"):
            memory(bad)
    for limit in ("5", 1.5):
        with pytest.raises(TypeError, match="cannot show max_words="):
            memory(pool, max_words=limit)  # type: ignore[arg-type]
    for limit in (0, -1):
        with pytest.raises(ValueError, match="it is not positive"):
            memory(pool, max_words=limit)
    with pytest.raises(pmemobj.InvalidHandleError):
        memory(block)
    pool.close()
    for closed in (gone, pool):
        with pytest.raises(pmemobj.PmemError):
            memory(closed)


def test_pieces_compare_by_what_they_say(pool: Pool) -> None:
    items = pool.new(PersistentList, [1])
    first, second = memory(items), memory(items)
    assert first == second and isinstance(first.pieces[0], Piece)
    items.append(2)
    assert memory(items) != first
