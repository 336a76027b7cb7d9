"""`check` says what is wrong and where, and changes nothing; these tests make each kind of damage on purpose."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from sample_classes import Account, Money

import pmemobj
from pmemobj import PersistentDict, PersistentList, _format, check
from pmemobj._inspection.walk import image
from pmemobj._lifecycle import trial
from pmemobj._verify.examination import Examination

#: The offsets of everything that is damaged below, found while the pool was open.
Places = dict[str, int]


def word_at(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Places]:
    """A pool with objects of every kind, which was closed properly."""
    path = tmp_path_factory.mktemp("check") / "pool"
    pmemobj.persist_via_pickle(Money)
    with pmemobj.create(path, pool_size=8 * MIB) as pool:
        players = pool.new(PersistentList, [pool.new(Account, f"player {n} of the game", n) for n in range(5)])
        pool.root = pool.new(PersistentDict, {"players": players, "a key that is long": Money(5), 7: 1.5e300})
        heap = pool._heap
        places = {"root": pool.root._p_offset, "list": players._p_offset, "object": players[3]._p_offset}
        places["items"] = heap.read(places["list"] + 24)
        places["table"] = heap.read(places["root"] + 24)
        places["slots"] = heap.read(places["object"] + 16)
        places["name"] = heap.read(places["slots"]) & ~15
        places["pickle"] = heap.read(places["table"] + 24 + 24 + 16) & ~15
        places["classes"] = heap.read(heap.root_offset + _format.ROOT_CLASSES)
        places["root object"] = heap.root_offset
        record = heap.read(heap.read(places["classes"] + 24))
        places["record items"] = heap.read(record + 24)
        places["class name"] = heap.read(places["record items"]) & ~15
    return path.read_bytes(), places


@pytest.fixture
def damaged(original: tuple[bytes, Places], scratch: Path) -> Callable[..., Path]:
    """A copy of the pool with some words replaced."""
    data, places = original

    def damage(*changes: tuple[Any, int, int]) -> Path:
        changed = bytearray(data)
        for place, distance, value in changes:
            at = (places[place] if isinstance(place, str) else place) + distance
            changed[at : at + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")
        (scratch / "pool").write_bytes(changed)
        return scratch / "pool"

    return damage


@pytest.fixture
def checked(damaged: Callable[..., Path]) -> Callable[..., pmemobj.Report]:
    """The report on a damaged copy; `check` must not have changed the file."""

    def run(*changes: tuple[Any, int, int], **options: Any) -> pmemobj.Report:
        path = damaged(*changes)
        before = hashlib.sha256(path.read_bytes()).digest()
        report = check(path, **options)
        assert hashlib.sha256(path.read_bytes()).digest() == before
        assert os.listdir(path.parent) == ["pool"]
        return report

    return run


def said(report: pmemobj.Report) -> list[str]:
    return [f"{finding.path}: {finding.text}" for finding in report.errors]


def test_a_pool_in_good_order(checked: Callable[..., pmemobj.Report]) -> None:
    report = checked()
    # The root, the list, five accounts, the class table and its record.
    assert report.ok and report.findings == () and report.objects == 9
    assert str(report).endswith("/pool: nothing wrong in 9 objects (the pool's own lists of classes included)")


#: For each case, which words are written where, and what the report says about them.
CASES: dict[str, tuple[Any, str]] = {
    "length": (("list", 8, 1000), r"root\['players'\]: its length 1000 is beyond its capacity \d+"),
    "capacity": (("list", 16, 1 << 40), r"root\['players'\]: its LIST_ITEMS takes \d+ bytes, and has \d+"),
    "items outside": (("list", 24, 1 << 40), r"root\['players'\]: its LIST_ITEMS at 0x10000000000 is outside the pool"),
    "an item absent": (("items", 8, 0), r"root\['players'\]\[1\]: its word is 0, which is no value"),
    "an item no value": (("items", 8, 0x7C), r"root\['players'\]\[1\]: the word .* stands for no value"),
    "an item outside": (("items", 8, 1 << 40), r"root\['players'\]\[1\]: leads out of the pool"),
    "an item in the void": (("items", 8, 6 * MIB), r"root\['players'\]\[1\]: there is no object where it leads to"),
    "a leaf in the void": (("items", 8, 6 * MIB | 4), r"root\['players'\]\[1\]: there is no value where it leads to"),
    "wrong kind": (("object", 0, 0), r"root\['players'\]\[3\]: there is no object where it leads to"),
    "unknown class": (("object", 0, _format.header(20, 77)), r"root\['players'\]\[3\]: .* no class with its number 77"),
    "no such slot": (("slots", 24, 3), r"root\['players'\]\[3\]: its slot 3 has a value and its class no name for it"),
    "no text": (("name", 8, 0xFFFFFFFF), r"root\['players'\]\[3\]\.owner: its str cannot be decoded .*"),
    "too long": (("name", 0, _format.header(1, 999)), r"root\['players'\]\[3\]\.owner: its STR takes 1007 bytes, .*"),
    "other kind": (("name", 0, _format.header(2, 3)), r"root\['players'\]\[3\]\.owner: .* was allocated for kind 1"),
    "no pickle": (("pickle", 8, 0xFFFFFFFFFFFF), r"root\['a key that is long'\]: its pickle cannot be decoded .*"),
    "deleted keys": (("root", 8, 2), r"root: it counts 2 deleted of 3 entries, and has 3 keys"),
    "used entries": (("root", 16, 1 << 30), r"root: its table has 8 slots for 5 entries, 1073741824 of them used"),
    "slots": (("table", 0, 6), r"root: its table has 6 slots for 5 entries, 3 of them used"),
    "huge table": (("table", 0, 1 << 62), r"root: its table has 4611686018427387904 slots .*"),
    "table of nothing": (("root", 24, 0), r"root: it counts 3 entries, and has no table"),
    "hash": (("table", 24, 5), r"root: entry 0 has not the hash of its key 'players'"),
    "index empty": (
        [("table", 144 + 8 * n, 0) for n in range(4)],
        r"root: its index does not lead to 3 of its keys, .*",
    ),
    "index beyond": (("table", 24 + 24 * 5, 0x67), r"root: its index names entries for which it has no room"),
    "text of a key": (("table", 24 + 24 + 8, 0x588), r"root: the text of a key at 0x0 is not between its texts"),
    "texts": (("table", 16, 1 << 40), r"root: its table takes 1099511627\d+ bytes, and has \d+"),
    "packed value": (("table", 24 + 16, 0x588), r"root: it has a value that only a key can be"),
    "packed item": (("items", 0, 0x588), r"root\['players'\]\[0\]: its word is one that only the keys of a table have"),
    "index twice": (("table", 24 + 24 * 5, 0x0000000100000001), r"root: its index names an entry twice"),
    "root absent": (("root object", 40, 0), r"root: its word is 0, which is no value"),
    "no class name": (("class name", 16, 0x2121212121212121), r"classes\[0\]: .* is no name of a class.*"),
    "attribute twice": (
        [("record items", at, 0x74786574_48) for at in (8, 16)],
        r"classes\[0\]: a name occurs twice .*",
    ),
    "attribute no text": (("record items", 8, 3), r"classes\[0\]: it is no list of a class name .*"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_damage_is_found_where_it_is(damaged: Callable[..., Path], case: str) -> None:
    # This does the work of the child process here, since a process for each case would take long.
    changes, expected = CASES[case]
    path = damaged(*changes) if isinstance(changes, list) else damaged(changes)
    with image(str(path)) as heap:
        findings = [finding for finding in Examination(heap, heap.allocations()).run() if finding.severity == "error"]
    texts = [f"{finding.path}: {finding.text}" for finding in findings]
    assert [text for text in texts if re.fullmatch(expected, text)], texts


def test_the_header_and_the_state(checked: Callable[..., pmemobj.Report]) -> None:
    assert said(checked(("root object", 32, 9))) == ["state: its state 0x9 is none that there is"]
    assert said(checked(("root object", 24, 0))) == ["header: the checksum of its root object is wrong"]


def test_slots_with_bits_of_another_hash(checked: Callable[..., pmemobj.Report], original: tuple[bytes, Places]) -> None:
    data, places = original
    index = [places["table"] + 144 + 8 * n for n in range(4)]
    report = checked(*((at, 0, word_at(data, at) ^ 0x4000_0000_4000_0000) for at in index))
    assert said(report) and "its index does not lead to 3 of its keys" in said(report)[0]


def test_a_leaf_with_two_owners(checked: Callable[..., pmemobj.Report], original: tuple[bytes, Places]) -> None:
    data, places = original
    report = checked(("slots", 8, word_at(data, places["slots"])))
    assert [text for text in said(report) if "belongs to a slot of root['players'][3] as well" in text]
    other = checked(("list", 24, places["slots"]))
    assert len(said(other)) >= 1


def test_everything_is_said_not_only_the_first(checked: Callable[..., pmemobj.Report]) -> None:
    report = checked(("items", 0, 0x7C), ("name", 8, 0xFFFFFFFF), ("table", 24, 5))
    assert len(report.errors) == 4, said(report)  # with this hash the index does not lead to the key, either
    assert str(report).splitlines()[0].endswith(": 4 errors")


def test_freed_memory_that_is_referred_to(scratch: Path) -> None:
    with pmemobj.create(scratch / "pool", pool_size=8 * MIB) as pool:
        pool.root = pool.new(PersistentList, ["a leaf of some length", 0])
        items = pool._heap.read(pool.root._p_offset + 24)
        word = pool._heap.read(items)
        pool.root[0] = 1
        with pool.transaction():
            pool._heap.write(items + 8, word)
    (finding,) = check(scratch / "pool").errors
    assert (finding.path, finding.text) == ("root[1]", "its STR lies in memory that is not allocated")
    assert finding.offset == word & ~15


def test_what_nothing_refers_to_is_information(scratch: Path) -> None:
    with pmemobj.create(scratch / "pool", pool_size=8 * MIB) as pool:
        pool.new(PersistentList, range(10))
        pool._heap.may_have_garbage = False
    report = check(scratch / "pool")
    assert report.ok and len(report.findings) == 1
    assert str(report.findings[0]).startswith("information: memory: nothing refers to 2 allocations of ")


def test_an_interrupted_transaction_is_information_and_rolled_back_in_memory_only(scratch: Path) -> None:
    with pmemobj.create(scratch / "live", pool_size=8 * MIB) as pool:
        pool.root = pool.new(PersistentList, range(100))
        pool.transaction().begin()
        pool.root.extend(["text"] * 1000)
        (scratch / "pool").write_bytes((scratch / "live").read_bytes())
        pool.abandon_transaction()
    before = (scratch / "pool").read_bytes()
    report = check(scratch / "pool")
    assert report.ok and "did not close" in report.findings[0].text and (scratch / "pool").read_bytes() == before


def test_libpmemobj_s_own_bookkeeping(checked: Callable[..., pmemobj.Report], original: tuple[bytes, Places]) -> None:
    data, _ = original
    # The size of an allocation, the header of a chunk, a run's unit size.
    assert "heap: the allocation at" in said(checked(("name", -16, 0)))[0]
    heap = word_at(data, 5136)
    chunk_header = heap + 1024 + 64
    assert said(checked((chunk_header, 0, 0))) == [
        f"heap: the header of chunk 0 of the zone at {heap + 1024:#x} is wrong"
    ]
    first_chunk = heap + 1024 + 64 + 8 * 65528
    assert "heap: the run at" in said(checked((first_chunk, 0, 0)))[0]
    assert "lanes: " in said(checked((8192, 8, 1 << 40)))[0]
    # Damage that can be found without libpmemobj is still reported.
    both = checked((chunk_header, 0, 0), ("items", 0, 0x7C))
    assert len(said(both)) == 2 and "root['players'][0]" in said(both)[1]


def test_what_cannot_be_read_at_all_is_an_error(scratch: Path, pool: pmemobj.PersistentObjectPool) -> None:
    with pytest.raises(pmemobj.PoolNotFoundError):
        check(scratch / "nowhere")
    with pytest.raises(pmemobj.PoolIsDirectoryError):
        check(scratch)
    with pytest.raises(pmemobj.PoolBusyError):
        check(pool.path)


def test_what_is_no_pool_is_a_finding(scratch: Path) -> None:
    (scratch / "text").write_text("hello" * 1000)
    (finding,) = check(scratch / "text").errors
    assert (finding.path, finding.text) == ("header", "it does not begin like a libpmemobj pool")


def test_pools_that_grow(scratch: Path) -> None:
    path = scratch / "grows"
    with pmemobj.create(path, "auto", max_size=16 * MIB) as pool:
        pool.root = pool.new(PersistentList, ["a leaf of some length"])
        at = pool._heap.read(pool.root._p_offset + 24)
        # These files are left if a program is killed while its pool grows, in the middle of a transaction.
        live = scratch / "live"
        pool.transaction().begin()
        pool.root.extend(["text"] * 100)
        shutil.copytree(path, live)
        pool.abandon_transaction()
    (live / "000003.pmem").write_bytes(bytes(2 * MIB))
    names = sorted(os.listdir(live))
    report = check(live)
    assert report.ok and [finding.path for finding in report.findings] == ["state", "directory"]
    assert report.objects == 1 and sorted(os.listdir(live)) == names
    with open(path / "000000.pmem", "r+b") as file:
        os.pwrite(file.fileno(), (0x7C).to_bytes(8, "little"), at)
    assert [finding.path for finding in check(path).errors] == ["root[0]"]
    os.unlink(path / "000000.pmem")
    assert said(check(path)) == ["header: its first part is missing"]


def test_a_child_that_dies_or_hangs_is_a_finding(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pmemobj.create(scratch / "pool", pool_size=8 * MIB).close()
    real = os.environ.get("PYTHONPATH", "")
    # This module replaces the trial and does what libpmemobj might do.
    for number, (does, says) in enumerate(
        {
            "os.kill(os.getpid(), 11)": "a trial process died of signal 11",
            "time.sleep(60)": "libpmemobj did not finish with the pool in 0.5 s",
        }.items()
    ):
        fake = scratch / f"fake{number}.py"
        fake.write_text(f"import os, sys, time\nprint(5, flush=True)\nif sys.argv[-1] == 'examine':\n    {does}\n")
        command = [trial.sys.executable, str(fake)]
        monkeypatch.setattr(trial, "_COMMAND", command)
        begin = time.monotonic()
        report = check(scratch / "pool", seconds=0.5)
        assert time.monotonic() - begin < 20
        assert says in said(report)[0] and report.objects == 5
    assert os.environ.get("PYTHONPATH", "") == real


@pytest.mark.parametrize("seconds", [0, -5, float("nan"), float("inf")])
def test_a_time_that_is_none(damaged: Callable[..., Path], seconds: float) -> None:
    with pytest.raises(ValueError, match="positive number"):
        check(damaged(), seconds=seconds)


# ---- a pool that is open -----------------------------------------------------------------------------


def test_an_open_pool_is_examined_as_its_file_would_be(damaged: Callable[..., Path]) -> None:
    for change in (("list", 8, 1000), ("items", 8, 1 << 30), ("table", 24 + 24, 1), ("name", 0, 0)):
        path = damaged(change)
        expected = check(path)
        with pmemobj.open(path) as pool:
            found = pool.check()
        assert not found.ok and set(found.errors) == set(expected.errors), change
        assert found.objects == expected.objects and found.path == str(path)


def test_the_check_of_an_open_pool_tells_how_far_it_is(damaged: Callable[..., Path]) -> None:
    told: list[tuple[int, int]] = []
    with pmemobj.open(damaged()) as pool:
        for work in (pool.check, pool.stats):
            told.clear()
            work(progress=lambda done, total: told.append((done, total)))
            assert told[-1][0] == told[-1][1] == len(pool._heap.offsets())

            def stop(_done: int, _total: int) -> None:
                raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                work(progress=stop)
            with pytest.raises(pmemobj.TransactionError, match="the progress callback changed the pool"):
                work(progress=lambda _done, _total: pool.root.update(a=1))
        assert pool.check().ok
        with pool.transaction():
            pool.stats(progress=stop)  # which is not asked there
            with pytest.raises(pmemobj.TransactionError, match=r"cannot check .*: a transaction is open"):
                pool.check()
    with pytest.raises(pmemobj.PoolClosedError):
        pool.check()
