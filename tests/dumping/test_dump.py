"""Dumps, restored dumps and resized pools: everything is preserved, and a pool is made as a whole or not at all."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, put_away
from sample_classes import Account, Bag, Money
from soundness import assert_sound

import pmemobj
from pmemobj import PersistentByteArray, PersistentDict, PersistentList, PersistentObjectPool, PersistentTuple, _format
from pmemobj._containers import base
from pmemobj._dumping import builder, json_plain, json_values
from pmemobj._dumping.forms import FORMS
from pmemobj._format import Kind
from pmemobj._values import leaves
from pmemobj._values import words as _values
from pmemobj._verify import kind_readers

Open = Callable[..., PersistentObjectPool]

VALUES = [
    *(None, True, False, 0, 1, -1, 2**53, -(2**53), 2**53 + 1, 2**62, -(2**62) - 1, 10**5000, -(7**90)),
    *(0.0, -0.0, 1.0, 0.1, 1e308, 5e-324, 1e22, float("inf"), float("-inf"), float("nan")),
    *("", "short", "a longer text of some length", 'é\n\t"\\\u2028\x00', "\N{PILE OF POO}" * 3),
    *("\ud800", "two halves \ud83d\ude00 are no whole", "\udfff and \N{PILE OF POO} and \\u1234"),
    *(b"", b"bytes", bytes(range(256)), 3j, complex(-0.0, float("nan")), complex(float("-inf"), 1e-300)),
]


def words_of(pool: PersistentObjectPool, values: PersistentList) -> list[Any]:
    """The words of a list, and the kind and payload of leaves, which must be preserved bit for bit."""
    heap = pool._heap
    words = heap.read_words(heap.read(values._p_offset + 24), len(values))
    return [_values.leaf_parts(heap, word) if _values.is_leaf(word) else word for word in words]


def dumped(pool: PersistentObjectPool) -> str:
    text = io.StringIO()
    pmemobj.dump(pool, text)
    return text.getvalue()


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def fill(pool: PersistentObjectPool) -> None:
    """A structure with every kind, shared objects, a cycle, a key that is an object, and a deleted entry in a dict."""
    shared = pool.new(Account, "shared", 1)
    pool.root = pool.new(PersistentDict, {"values": pool.new(PersistentList, VALUES), "gone": 1, 2: "two", 2.5: b"b"})
    pool.root["accounts"] = pool.new(PersistentList, [pool.new(Account, f"owner number {n}", n) for n in range(5)])
    del pool.root["gone"]
    del pool.root["accounts"][3].balance
    pool.root[shared] = shared
    pool.root[2 + 1j] = pool.root
    pool.root["bag"] = pool.new(Bag)
    pool.root["bag"].twin = pool.root["bag"]
    pool.root["empty"] = pool.new(PersistentList, [pool.new(PersistentList), pool.new(PersistentDict), pool.new(Bag)])
    pool.root["numbers"] = pool.new(PersistentDict, {f"key number {n}": n for n in range(100)})


def assert_is_the_same(pool: PersistentObjectPool, original: PersistentObjectPool) -> None:
    assert_sound(pool, no_garbage=True)
    root = pool.root
    assert list(root)[:3] == ["values", 2, 2.5]
    assert words_of(pool, root["values"]) == words_of(original, original.root["values"])
    assert [vars_of(each) for each in root["accounts"]] == [vars_of(each) for each in original.root["accounts"]]
    (shared,) = (key for key in root if isinstance(key, Account))
    assert root[shared] is shared and (shared.owner, shared.balance) == ("shared", 1)
    assert root[2 + 1j] is root and root["bag"].twin is root["bag"]
    assert [type(each).__name__ for each in root["empty"]] == ["PersistentList", "PersistentDict", "Bag"]
    assert list(root["numbers"].items()) == list(original.root["numbers"].items())
    # Nothing refers to the old offsets, and all can be changed.
    root["numbers"]["key number 7"] = "seven " * 9
    root["numbers"]["new"] = root["numbers"].pop("key number 8")
    root["accounts"][3].balance = 9
    root["accounts"][3].more = "an attribute that is new"
    root["values"].extend(["longer text"] * 50)
    assert_sound(pool)


def vars_of(account: Account) -> dict[str, Any]:
    return {
        name: getattr(account, name) for name in ("owner", "balance") if name in dir(account) and hasattr(account, name)
    }


def test_everything_arrives(pool: PersistentObjectPool, scratch: Path, reopen: Open) -> None:
    fill(pool)
    path = scratch / "dump.jsonl"
    count = pmemobj.dump(pool, path)
    pmemobj.restore(path, scratch / "again.pmem")
    again = reopen(str(scratch / "again.pmem"))
    assert dumped(again).splitlines()[1:] == path.read_text(encoding="utf-8").splitlines()[1:]
    assert lines_of(dumped(again))[-1] == {"end": True, "classes": 2, "objects": count}
    assert_is_the_same(again, pool)
    assert sorted(os.listdir(scratch)) == ["again.pmem", "dump.jsonl", "test.pmem"]


def test_a_resized_pool_is_the_same(pool: PersistentObjectPool, scratch: Path, reopen: Open) -> None:
    fill(pool)
    twin = scratch / "twin.pmem"
    pmemobj.restore(io.StringIO(dumped(pool)), twin, 32 * MIB)
    os.chmod(twin, 0o640)
    pmemobj.resize(twin, 20 * MIB)
    assert stat.S_IMODE(twin.stat().st_mode) == 0o640 and twin.stat().st_size == 20 * MIB
    assert_is_the_same(reopen(str(twin)), pool)
    assert sorted(os.listdir(scratch)) == ["test.pmem", "twin.pmem"]


def test_a_symbolic_link_goes_on_pointing_to_the_pool(scratch: Path, make_pool: Open) -> None:
    make_pool("real.pmem", 8 * MIB).close()
    (scratch / "link").symlink_to("real.pmem")
    pmemobj.resize(scratch / "link", 9 * MIB)
    assert (scratch / "link").is_symlink() and (scratch / "real.pmem").stat().st_size == 9 * MIB


@pytest.mark.parametrize("root", [None, 5, "a text", "longer than a word", 1.5e300, b"x" * 30])
def test_a_root_that_is_no_object(scratch: Path, make_pool: Open, reopen: Open, root: Any) -> None:
    pool = make_pool("small.pmem", 8 * MIB)
    pool.root = root
    pmemobj.restore(io.BytesIO(dumped(pool).encode()), scratch / "again", 8 * MIB)
    assert reopen(str(scratch / "again")).root == root


def test_kinds_of_files(pool: PersistentObjectPool, scratch: Path) -> None:
    pool.root = pool.new(PersistentList, ["é" * 9, "\N{PILE OF POO}"])
    binary = io.BytesIO()
    pmemobj.dump(pool, binary)
    assert binary.getvalue().decode() == dumped(pool)
    with open(scratch / "pipe-like", "w+", encoding="utf-8") as text:
        pmemobj.dump(pool, text)
        text.seek(0)
        pmemobj.restore(text, scratch / "one", 8 * MIB)
    assert (scratch / "pipe-like").read_bytes() == binary.getvalue()
    read_end, write_end = os.pipe()
    with open(write_end, "wb") as out, open(read_end, "rb") as into:
        out.write(binary.getvalue())
        out.close()
        pmemobj.restore(into, scratch / "two", 8 * MIB)
    with pmemobj.open(scratch / "one") as one, pmemobj.open(scratch / "two") as two:
        assert list(one.root) == list(two.root) == list(pool.root)


def test_what_a_person_reads(pool: PersistentObjectPool) -> None:
    pool.root = pool.new(PersistentDict, {"player": pool.new(Account, "Ann", 3)})
    assert lines_of(dumped(pool)) == [
        {"format": "pmemobj dump", "version": 1, "pool_size": 16 * MIB, "classes": 1, "objects": 2, "root": {"ref": 1}},
        {"class": "sample_classes:Account", "attributes": ["owner", "balance"]},
        {"object": 1, "type": "dict", "items": [["player", {"ref": 2}]]},
        {
            "object": 2,
            "type": "object",
            "class": "sample_classes:Account",
            "attributes": [["owner", "Ann"], ["balance", 3]],
        },
        {"end": True, "classes": 1, "objects": 2},
    ]


MOVES_WITHOUT_ITS_CLASSES = """
import io, sys
import pmemobj
before = set(sys.modules)
text = io.StringIO()
with pmemobj.open(sys.argv[1]) as pool:
    pmemobj.dump(pool, text)
text.seek(0)
pmemobj.restore(text, sys.argv[2])
pmemobj.resize(sys.argv[2], 9 << 20)
assert not {"sample_classes", "gone"} & (set(sys.modules) - before), "something was imported"
print(text.getvalue())
"""


def test_objects_of_missing_classes_and_unnominated_pickles_are_moved(
    pool: PersistentObjectPool, scratch: Path, run_python: Any, reopen: Open
) -> None:
    pmemobj.persist_via_pickle(Money)
    Gone = type("Gone", (pmemobj.PersistentObject,), {"__module__": "gone", "__qualname__": "Gone"})
    pool.root = pool.new(PersistentList, [pool.new(Gone), Money(5, "USD"), pool.new(Account, "Ann")])
    pool.root[0].text = "what it holds"
    pool.root.append(pool.new(PersistentDict, {pool.root[0]: 1}))
    pool.close()
    done = run_python(MOVES_WITHOUT_ITS_CLASSES, pool.path, scratch / "moved")
    assert '"names": ["sample_classes.Money"]' in done.stdout and '"class": "gone:Gone"' in done.stdout
    moved = reopen(str(scratch / "moved"))
    assert type(moved.root[0]) is Gone and moved.root[0].text == "what it holds"
    assert moved.root[1] == Money(5, "USD") and moved.root[3][moved.root[0]] == 1
    assert not hasattr(moved.root[2], "_v_inits"), "__init__ ran"
    assert_sound(moved, no_garbage=True)


def test_leaves_without_a_form_of_their_own_keep_their_bytes() -> None:
    for kind in _format.LEAF_KINDS:
        form = json_plain.unread_leaf(kind, b"\x00payload\xff")
        assert json_values.from_json(json.loads(json.dumps(form))) == json_plain.Leaf(kind, b"\x00payload\xff")
    odd = {"float": "7ff8000000000001"}
    assert json_plain._float_to_json(json_values.from_json(odd).payload) == odd


def test_a_key_whose_hash_does_not_follow_from_it_keeps_it(scratch: Path, pool: PersistentObjectPool) -> None:
    pool.root = pool.new(PersistentDict, {2 + 1j: "complex", "plain": 0})
    (_, first, _) = lines_of(dumped(pool))
    (key, _, key_hash), plain = first["items"]
    assert key == {"complex": [2.0, 1.0]} and int(key_hash, 16) == hash(2 + 1j) % 2**64 and len(plain) == 2


# ---- what is refused -------------------------------------------------------------------------------


def restored_from(records: list[Any], path: Path) -> None:
    text = "".join((json.dumps(record) if isinstance(record, dict) else record) + "\n" for record in records)
    pmemobj.restore(io.StringIO(text), path, 8 * MIB)


def header_and_end(objects: int = 1, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    head = {"format": "pmemobj dump", "version": 1, "objects": objects, "classes": 0, "root": {"ref": 1}}
    return head | more, {"end": True, "classes": 0, "objects": objects}


HEAD, END = header_and_end()
ONE = {"object": 1, "type": "list", "values": []}
BAD = {
    "empty": [],
    "no dump": ["hello"],
    "no object": ["[]"],
    "other format": [{"format": "x"}],
    "newer": [HEAD | {"version": 2}, ONE, END],
    "no root": [{name: HEAD[name] for name in HEAD if name != "root"}, ONE, END],
    "count no number": [HEAD | {"objects": "1"}, ONE, END],
    "root leads nowhere": [HEAD | {"root": {"ref": 2}}, ONE, END],
    "root no value": [HEAD | {"root": [1]}, ONE, END],
    "no end": [HEAD, ONE],
    "an end without counts": [HEAD, ONE, {"end": True}],
    "an end of another dump": [HEAD, ONE, END | {"objects": 2}],
    "an object too few": [HEAD, END],
    "an object too many": [HEAD, ONE, ONE | {"object": 2}, END],
    "something follows": [HEAD, ONE, END, ONE],
    "wrong number": [HEAD, ONE | {"object": 2}, END],
    "wrong type": [HEAD, ONE | {"type": "tuplet"}, END],
    "no type": [HEAD, {"object": 1}, END],
    "no values": [HEAD, {"object": 1, "type": "list"}, END],
    "values no list": [HEAD, ONE | {"values": 5}, END],
    "reference to 0": [HEAD, ONE | {"values": [{"ref": 0}]}, END],
    "reference to nothing": [HEAD, ONE | {"values": [{"ref": 2}]}, END],
    "reference by name": [HEAD, ONE | {"values": [{"ref": "1"}]}, END],
    "unknown form": [HEAD, ONE | {"values": [{"datum": 1}]}, END],
    "no base64": [HEAD, ONE | {"values": [{"bytes": "a"}]}, END],
    "no leaf": [HEAD, ONE | {"values": [{"leaf": "LIST", "data": ""}]}, END],
    "no kind": [HEAD, ONE | {"values": [{"leaf": "NONE", "data": ""}]}, END],
    "no integer": [HEAD, ONE | {"values": [{"int": "0xg"}]}, END],
    "no float": [HEAD, ONE | {"values": [{"float": "00"}]}, END],
    "not JSON": [HEAD, '{"object": 1, "type": "list", "values": [NaN]}', END],
    "nested too deeply": [HEAD, '{"object": 1, "type": "list", "values": ' + "[" * 100000 + "]" * 100000 + "}", END],
    "a key twice": [HEAD, {"object": 1, "type": "dict", "items": [["a", 1], ["a", 2]]}, END],
    "a key twice, differently": [HEAD, {"object": 1, "type": "dict", "items": [[1, 1], [1.0, 2]]}, END],
    "a key alone": [HEAD, {"object": 1, "type": "dict", "items": [["a"]]}, END],
    **{
        f"{type_} {why}": [HEAD, {"object": 1, "type": type_} | rest, END]
        for type_, why, rest in [
            ("tuple", "without values", {}),
            ("set", "of bare items", {"items": ["a"]}),
            ("set", "of pairs", {"items": [["a", "0x1", 1]]}),
            ("set", "with an item twice", {"items": [["a"], ["a"]]}),
            ("set", "with a pickle without its hash", {"items": [[{"pickle": "gAVLBS4="}]]}),
            ("set", "with a pickle in a tuple without its hash", {"items": [[{"tuple": [{"pickle": "gAVLBS4="}]}]]}),
            ("bytearray", "no base64", {"data": "a"}),
            ("bytearray", "no text", {"data": 5}),
            ("array", "of no code", {"code": "x", "data": ""}),
            ("array", "of half an element", {"code": "i", "data": "AAA="}),
            ("array", "of another shape", {"code": "B", "data": "AAA=", "shape": [2, 2]}),
            ("array", "of no shape", {"code": "B", "data": "AAA=", "shape": [2, "1"]}),
            ("extension", "of no class", {"class": "a:B", "fields": "", "values": [], "blocks": [], "raw": ""}),
        ]
    },
    **{
        f"value {json.dumps(form)}": [HEAD, ONE | {"values": [form]}, END]
        for form in [
            {"date": "2026-02-30"},
            {"time": "12:30", "zone": {"offset": "x"}},
            {"time": "12:30", "zone": 5},
            {"datetime": "now"},
            {"timedelta": 1 << 70},
            {"decimal": "x"},
            {"fraction": [1, 0]},
            {"fraction": [1]},
            {"range": [0, 1, 0]},
            {"range": [0, 1.5, 1]},
            {"uuid": "x"},
            {"uuid": "12345678-1234-5678-1234-567812345678", "safe": 5},
            {"tuple": [{"ref": 1}]},
            {"tuple": [[1]]},
        ]
    },
    "fields no fields": [HEAD | {"classes": 1}, {"class": "a:B", "fields": "x=y"}, ONE, END | {"classes": 1}],
    "tuples too deep": [HEAD, '{"object": 1, "type": "list", "values": [' + '{"tuple": [' * 150 + "]}" * 150 + "]}", END],
    "unknown class": [HEAD, {"object": 1, "type": "object", "class": "a:B", "attributes": []}, END],
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_dump_leaves_no_pool(scratch: Path, case: str) -> None:
    with pytest.raises(pmemobj.DumpFormatError, match=r"^cannot read (line \d+ of )?the (dump|root|class .*): .+ \(.+\)$"):
        restored_from(BAD[case], scratch / "pool")
    assert os.listdir(scratch) == []


def test_the_undamaged_dump_of_these_cases_is_read(scratch: Path) -> None:
    restored_from([HEAD, ONE, END], scratch / "pool")
    assert (scratch / "pool").exists()


def test_a_dump_that_is_cut_off_anywhere(pool: PersistentObjectPool, scratch: Path) -> None:
    fill(pool)
    text = dumped(pool).encode()
    rng = random.Random(1)
    for size in [0, 1, len(text) - 1, *rng.sample(range(len(text)), 20)]:
        with pytest.raises(pmemobj.DumpFormatError):
            pmemobj.restore(io.BytesIO(text[:size]), scratch / "cut", 8 * MIB)
    assert os.listdir(scratch) == ["test.pmem"]


def test_an_existing_file_is_never_replaced(pool: PersistentObjectPool, scratch: Path) -> None:
    text = io.StringIO(dumped(pool))
    (scratch / "there").write_text("mine")
    with pytest.raises(FileExistsError):
        pmemobj.restore(text, scratch / "there")
    text.seek(0)
    # It may also appear while the pool is being built.
    pool.root = pool.new(PersistentList)
    with pytest.raises(FileExistsError):
        text = io.StringIO(dumped(pool))
        pmemobj.restore(text, scratch / "later", progress=lambda *_: (scratch / "later").write_text("mine"))
    assert (scratch / "there").read_text() == (scratch / "later").read_text() == "mine"


def test_a_dump_in_a_transaction_is_refused(pool: PersistentObjectPool, scratch: Path) -> None:
    with pool.transaction():
        pool.root = 1
        with pytest.raises(pmemobj.TransactionError):
            pmemobj.dump(pool, scratch / "dump")
    assert not (scratch / "dump").exists() and pool.root == 1


def test_a_dump_that_fails_leaves_the_older_one(pool: PersistentObjectPool, scratch: Path) -> None:
    fill(pool)
    (scratch / "dump").write_text("older")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pmemobj.dump(pool, scratch / "dump", progress=stop)
    with pytest.raises(pmemobj.TransactionError, match="changed meanwhile"):
        pmemobj.dump(pool, io.StringIO(), progress=lambda *_: pool.root["accounts"].append(1))
    with pytest.raises(ValueError, match="into itself"):
        pmemobj.dump(pool, pool.path)
    with pytest.raises(pmemobj.PoolNotFoundError):
        pmemobj.dump(pool, scratch / "nowhere" / "dump")
    assert (scratch / "dump").read_text() == "older" and sorted(os.listdir(scratch)) == ["dump", "test.pmem"]


def test_an_interrupted_restore_or_resize_leaves_everything_as_it_was(
    pool: PersistentObjectPool, scratch: Path, reopen: Open
) -> None:
    pool.root = pool.new(PersistentList, [pool.new(PersistentList) for _ in range(1100)])
    text = dumped(pool)
    pool.close()
    before = os.stat(pool.path)
    for stop_at in (1000, 2000, 2202):  # while it is checked, while it is made, and when all is done

        def stop(done: int, total: int, at: int = stop_at) -> None:
            if done >= at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pmemobj.restore(io.StringIO(text), scratch / "again", progress=stop)
        with pytest.raises(KeyboardInterrupt):
            pmemobj.resize(pool.path, 20 * MIB, progress=stop)
    assert os.listdir(scratch) == ["test.pmem"] and os.stat(pool.path).st_ino == before.st_ino
    assert pmemobj.open_pools() == [] and dumped(reopen(pool.path)) == text
    seen: list[tuple[int, int]] = []
    pmemobj.restore(io.StringIO(text), scratch / "again", progress=lambda *step: seen.append(step))
    assert seen == [(1000, 2202), (2000, 2202), (2202, 2202)]


def test_a_size_that_is_too_small_is_told_together_with_one_that_is_not(make_pool: Open, reopen: Open) -> None:
    pool = make_pool("large.pmem", 18 * MIB)
    pool.root = pool.new(PersistentList, [("t" * size) for size in range(20, 2000)])
    pool.root.append(pool.new(PersistentList, [1.5e300 + number for number in range(3000)]))
    pool.close()
    with pytest.raises(pmemobj.PoolFullError, match=r"choose a pool_size of at least (\d+) bytes") as failure:
        pmemobj.resize(pool.path, 8 * MIB)
    assert os.path.getsize(pool.path) == 18 * MIB
    needed = int(failure.value.todo.split()[-2])
    pmemobj.resize(pool.path, needed)
    assert os.path.getsize(pool.path) == needed < 18 * MIB
    assert len(reopen(pool.path).root) == 1981
    with pytest.raises(pmemobj.BadPoolSizeError):
        pmemobj.resize(closed(make_pool), MIB)


def closed(make_pool: Open) -> str:
    pool = make_pool("closed.pmem", 8 * MIB)
    pool.close()
    return pool.path


def test_no_transaction_is_large(scratch: Path, make_pool: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction for everything would need a log about as large as the pool."""
    pool = make_pool("many.pmem", 10 * MIB)
    with pool.transaction():
        pool.root = pool.new(PersistentList, [f"number {number}" for number in range(1500)])
        pool.root.extend(pool.new(PersistentList) for _ in range(1500))
    counts = []
    real = builder._Building.take

    def take(self: Any, kind: Kind, size: int) -> int:
        counts.append(len(self.heap.fresh))
        return real(self, kind, size)

    monkeypatch.setattr(builder._Building, "take", take)
    pmemobj.restore(io.StringIO(dumped(pool)), scratch / "again")
    assert len(counts) > 3000 and max(counts) <= 1000


def test_a_long_tuple_is_written_piece_by_piece(
    scratch: Path, pool: PersistentObjectPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "_PIECE", 10)
    pool.root = pool.new(PersistentTuple, range(95))
    pmemobj.restore(io.StringIO(dumped(pool)), scratch / "again", 8 * MIB)
    with pmemobj.open(scratch / "again") as again:
        assert again.root == tuple(range(95))


# ---- keys ------------------------------------------------------------------------------------------


def test_a_key_that_cannot_be_hashed_anew_is_refused(pool: PersistentObjectPool, scratch: Path) -> None:
    pmemobj.persist_via_pickle(Money)
    bag = pool.new(Bag)
    pool.root = pool.new(PersistentDict, {pool.new(PersistentTuple, [bag, Money(5)]): 1})
    with pytest.raises(pmemobj.NotPersistableError, match="its hash depends on where an object lies"):
        pmemobj.dump(pool, scratch / "dump")
    assert not (scratch / "dump").exists()


def test_nothing_is_unpickled_for_a_hash(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(leaves.DECODERS, Kind.PICKLE, lambda payload: pytest.fail("it was unpickled"))
    with pytest.raises(pmemobj.DumpFormatError, match="a key has no hash beside it"):
        restored_from([HEAD, ONE | {"type": "set", "items": [[{"pickle": "gAVLBS4="}]]}, END], scratch / "pool")
    restored_from([HEAD, ONE | {"type": "set", "items": [[{"pickle": "gAVLBS4="}, "0x7"]]}, END], scratch / "pool")


def test_a_hash_that_is_not_that_of_its_key_is_refused(scratch: Path) -> None:
    """With a wrong hash a key would never be found. Hashes of pickles and NaNs are accepted as they are."""
    keys = ["text", 1.5, None, {"tuple": [1, "a"]}, {"date": "2026-02-28"}, {"decimal": "0.5"}, {"ref": 2}]
    head, end = header_and_end(2)
    words = {"object": 2, "type": "tuple", "values": ["b"]}
    for key in keys:
        with pytest.raises(pmemobj.DumpFormatError, match=r"line 2 of the dump.*has the hash 0x[0-9a-f]{16}, not 0x7"):
            restored_from([head, ONE | {"type": "set", "items": [[key, "0x7"]]}, words, end], scratch / "pool")
    believed = [[{"float": "nan"}, "0x7"], [{"tuple": [{"float": "nan"}]}, "0x7"], [{"pickle": "gAVLBS4="}, "0x7"]]
    restored_from([head, ONE | {"type": "set", "items": believed}, words, end], scratch / "pool")


def test_keys_written_by_hand_are_found(scratch: Path) -> None:
    keys = [{"date": "2026-02-28"}, {"tuple": [1, "a", {"tuple": []}, None]}, {"decimal": "0.5"}, {"ref": 2}]
    objects = [
        ONE | {"type": "dict", "items": [[key, at] for at, key in enumerate(keys)]},
        {"object": 2, "type": "tuple", "values": [{"ref": 3}, 7]},
        {"object": 3, "type": "tuple", "values": ["b"]},
    ]
    head, end = header_and_end(3)
    restored_from([head, *objects, end], scratch / "pool")
    with pmemobj.open(scratch / "pool") as pool:
        found = [pool.root.get(key) for key in (date(2026, 2, 28), (1, "a", (), None), Decimal("0.5"), (("b",), 7))]
        assert found == [0, 1, 2, 3]


def test_objects_of_a_class_whose_fields_were_changed(pool: PersistentObjectPool, scratch: Path) -> None:
    def with_fields(**fields: str) -> Any:
        body = {name: pmemobj.Field(code) for name, code in fields.items()}
        return type("Same", (pmemobj.Persistent,), body | {"__module__": "gone", "__qualname__": "Same"})

    pool.root = pool.new(PersistentList, [pool.new(with_fields(a="q"))])
    pool.root[0].a = 5
    pool.root.append(pool.new(with_fields(b="value", a="h")))
    pool.root[1].b = "a text of some length"
    pmemobj.restore(io.StringIO(dumped(pool)), scratch / "again", 8 * MIB)
    with pmemobj.open(scratch / "again") as again:
        assert again.root[0].a == 5 and again.root[1].b == "a text of some length"
        assert_sound(again)
    assert pmemobj.check(scratch / "again").ok


# ---- pools that grow -------------------------------------------------------------------------------


def test_pools_that_grow(pool: PersistentObjectPool, scratch: Path, reopen: Open) -> None:
    fill(pool)
    text = dumped(pool)
    path = scratch / "grows"
    pmemobj.restore(io.StringIO(text), path, "auto", max_size=12 * MIB)
    with pytest.raises(FileExistsError):
        pmemobj.restore(io.StringIO(text), path, "auto")
    again = reopen(str(path))
    assert (again.size, again.max_size) == (8 * MIB, 12 * MIB)
    assert dumped(again).splitlines()[1:] == text.splitlines()[1:]
    for inside in (path, path / "dump"):
        with pytest.raises(ValueError, match="into itself"):
            pmemobj.dump(again, inside)
    again.close()
    assert pmemobj.check(path).ok and sorted(os.listdir(scratch)) == ["grows", "test.pmem"]
    with pytest.raises(pmemobj.PoolFullError, match=r"choose a max_size of at least \d+ bytes"):
        large = [{"object": 1, "type": "bytearray", "data": "A" * (16 * MIB)}]
        records = "".join(json.dumps(record) + "\n" for record in [HEAD, *large, END])
        pmemobj.restore(io.StringIO(records), scratch / "more", "auto", max_size=8 * MIB)
    assert sorted(os.listdir(scratch)) == ["grows", "test.pmem"]


def test_of_a_pool_that_grows_the_limit_can_be_changed(scratch: Path, reopen: Open) -> None:
    path = scratch / "grows"
    with pmemobj.create(path, "auto", max_size=8 * MIB) as pool:
        pool.root = pool.new(PersistentByteArray, bytes(2 * MIB))
        with pytest.raises(pmemobj.PoolBusyError):
            pmemobj.resize(path, max_size=16 * MIB)
        with pytest.raises(pmemobj.PoolFullError):
            pool.root.extend(bytes(3 * MIB))
    os.chmod(path / "pool.set", 0o640)
    for size in (None, 9 * MIB, "auto"):
        with pytest.raises(pmemobj.BadPoolSizeError, match=r"it grows by itself \(give the max_size"):
            pmemobj.resize(path, size)
    for limit in (MIB, 1 << 50):
        with pytest.raises(pmemobj.BadPoolSizeError):
            pmemobj.resize(path, max_size=limit)
    pmemobj.resize(path, max_size=16 * MIB)
    again = reopen(str(path))
    again._heap.observer = None  # it would compare the pool with its copy at each commit
    again.root.extend(bytes(3 * MIB))
    assert (again.size, again.max_size, len(again.root)) == (16 * MIB, 16 * MIB, 5 * MIB)
    again.close()
    with pytest.raises(pmemobj.BadPoolSizeError, match="it has 16777216 bytes already"):
        pmemobj.resize(path, max_size=8 * MIB)
    assert stat.S_IMODE((path / "pool.set").stat().st_mode) == 0o640
    assert sorted(os.listdir(path)) == ["000000.pmem", "000001.pmem", "pool.set"]


def test_a_file_does_not_become_a_pool_that_grows(make_pool: Open) -> None:
    path = closed(make_pool)
    for sizes in ({"new_size": "auto"}, {"max_size": 16 * MIB}, {"new_size": 9 * MIB, "max_size": 16 * MIB}):
        with pytest.raises(pmemobj.BadPoolSizeError, match=r"dump it, and restore the dump .* pool_size='auto'"):
            pmemobj.resize(path, **sizes)  # type: ignore[arg-type]


def test_a_sandbox_is_dumped_with_its_changes(pool: PersistentObjectPool) -> None:
    pool.root = pool.new(PersistentList, ["before"])
    pool.close()
    with pmemobj.open(pool.path, sandbox=True) as sandbox:
        sandbox.root.append("a change in the sandbox")
        assert lines_of(dumped(sandbox))[1]["values"] == ["before", "a change in the sandbox"]
    with pmemobj.open(pool.path) as again:
        assert list(again.root) == ["before"]


def test_an_open_pool_is_not_resized(pool: PersistentObjectPool) -> None:
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.resize(pool.path, 20 * MIB)
    with pytest.raises(pmemobj.PoolNotFoundError):
        pmemobj.resize(pool.path + "x", 20 * MIB)


# ---- killed ------------------------------------------------------------------------------------------

RESIZES = """
import sys
import pmemobj
size = 9 << 20
print("ready", flush=True)
while True:
    size ^= (9 ^ 10) << 20
    pmemobj.resize(sys.argv[1], size)
"""


def test_whenever_a_resizing_is_killed_there_is_a_whole_pool(scratch: Path, spawn: Any) -> None:
    path = scratch / "pool"
    with pmemobj.create(path, pool_size=9 * MIB) as pool:
        pool.root = pool.new(PersistentDict, {number: f"value number {number}" for number in range(300)})
    rng = random.Random(2)
    sizes = set()
    for _ in range(5):
        child: subprocess.Popen[str] = spawn(RESIZES, path, PMEMOBJ_CHECK="0")
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.15))
        child.send_signal(signal.SIGKILL)
        child.wait()
        with pmemobj.open(path) as pool:
            assert list(pool.root.items()) == [(number, f"value number {number}") for number in range(300)]
            assert_sound(pool)
            sizes.add(pool.size)
    assert sizes <= {9 * MIB, 10 * MIB}


RESTORES = """
import sys
import pmemobj
print("ready", flush=True)
pmemobj.restore(sys.argv[1], sys.argv[2], 8 << 20)
"""


def test_whenever_a_restoring_is_killed_there_is_a_whole_pool_or_none(
    pool: PersistentObjectPool, scratch: Path, spawn: Any
) -> None:
    pool.root = pool.new(PersistentList, [pool.new(PersistentList, [n]) for n in range(500)])
    pmemobj.dump(pool, scratch / "dump")
    for turn in range(4):
        path = scratch / f"pool {turn}"
        child: subprocess.Popen[str] = spawn(RESTORES, scratch / "dump", path, PMEMOBJ_CHECK="0")
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(0.02 * turn)
        child.send_signal(signal.SIGKILL)
        child.wait()
        with contextlib.suppress(pmemobj.PoolNotFoundError):
            restored = pmemobj.open(path)
            assert [list(each) for each in restored.root] == [[n] for n in range(500)]
            put_away(restored)


def test_what_is_no_file_is_written_to_and_stays(pool: Any, scratch: Path) -> None:
    pool.root = pool.new(PersistentList, ["x" * 10] * 3)
    pipe = scratch / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        text = threads.submit(pipe.read_text)
        assert pmemobj.dump(pool, pipe) == 1
        assert text.result(60).startswith('{"format": "pmemobj dump"')
    assert pipe.is_fifo() and sorted(os.listdir(scratch)) == ["pipe", os.path.basename(pool.path)]
    with pytest.raises(TypeError, match="no pool"):
        pmemobj.dump(pool.path, scratch / "dump")  # type: ignore[arg-type]


def test_all_kinds_of_containers_that_there_are_can_be_moved() -> None:
    """Each kind of container needs a form in dumps and a reader in `check`."""
    assert set(base.kinds) <= set(FORMS) and set(base.kinds) <= set(kind_readers.READERS)
    assert Kind.LIST in FORMS
