"""What older versions have stored stays readable: pools, dumps, and the pickles that programs made themselves.

Beside this module lies a folder for each version, written by ``make_samples.py`` with that version. Its
``expected.json`` says what is in the samples, as that version found it. If a test fails here, users lose data, or have
to change their programs: mend the package, not the samples.

The samples are unpacked into a fresh directory before each test, and no test changes the packed ones.
"""

from __future__ import annotations

import base64
import importlib
import json
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sample_programs as programs
from sample_reader import (
    FIRST_NAMES,
    LIMITS,
    PACKED,
    Contents,
    checksum,
    contents,
    lines_of_dump,
    plain_contents,
    public_name,
    read_packed,
    report_of,
    text_of,
    tree,
    unpack,
)
from scratch import scratch_parent

import pmemobj
from pmemobj import PersistentObjectPool

VERSIONS = sorted(path.parent for path in Path(__file__).parent.glob("*/expected.json"))
EXPECTED: dict[Path, dict[str, Any]] = {
    folder: json.loads((folder / "expected.json").read_text(encoding="ascii"))["samples"] for folder in VERSIONS
}
PICKLES: dict[Path, dict[str, dict[str, dict[str, str]]]] = {
    folder: json.loads(read_packed(folder / f"pickles.json{PACKED}")) for folder in VERSIONS
}

POOLS = [(folder, name) for folder in VERSIONS for name in EXPECTED[folder]]
#: Those that were closed or suspended, so that they can be opened without recovery.
WHOLE = [(folder, name) for folder, name in POOLS if not EXPECTED[folder][name]["recovered"]]
#: Those whose program was killed.
KILLED = [each for each in POOLS if each not in WHOLE]
FILES = [(folder, name) for folder, name in WHOLE if name.endswith(".pmem")]
DUMPS = [(folder, name) for folder, name in POOLS if (folder / f"{name}.dump{PACKED}").exists()]
VALUES = [(folder, name) for folder in VERSIONS for name in PICKLES[folder]["values"]]
REFERENCES = [(folder, name) for folder in VERSIONS for name in PICKLES[folder]["references"]]


def _id(item: Path | str) -> str:
    """How the test of a sample is called: by the version and the name."""
    return item.name if isinstance(item, Path) else item


@pytest.fixture
def place() -> Iterator[Path]:
    """A fresh directory; on tmpfs if there is one, since a commit waits for the disk elsewhere."""
    with tempfile.TemporaryDirectory(prefix="pmemobj-samples-", dir=scratch_parent()) as directory:
        yield Path(directory)


def _unpacked(folder: Path, name: str, directory: Path) -> Path:
    """The sample as a file or directory in another directory."""
    unpack(folder / name, directory / name)
    return directory / name


def _open(path: Path, *, sandbox: bool = False) -> PersistentObjectPool:
    """The pool at a path, with all classes nominated that are in the samples as pickles."""
    pool = pmemobj.open(path, sandbox=sandbox)
    programs.nominate(pool)
    return pool


def _demand_same(pool: PersistentObjectPool, expected: dict[str, Any]) -> None:
    """Fail unless all that the root of an open pool reaches is as it was, and whole."""
    assert contents(pool) == expected["contents"]
    assert plain_contents(pool) == expected["plain"]
    assert tree(pool.graph(**LIMITS)) == expected["tree"]
    assert pool.check().ok


def test_there_are_samples_of_the_first_version() -> None:
    assert "0.1.0-cc242be" in [folder.name for folder in VERSIONS]
    assert len(WHOLE) > len(FILES) > 0 and KILLED and DUMPS and VALUES and REFERENCES


# ---- pools ---------------------------------------------------------------------------------------


def _change_everything(pool: PersistentObjectPool) -> int:
    """Change every object that the root reaches, and add new ones of every class; say how many were changed."""
    changed = 0
    for item in Contents(pool, pool.root).objects:
        changed += 1
        if isinstance(item, pmemobj.PersistentList):
            item.append("a new text that needs memory")
        elif isinstance(item, pmemobj.PersistentDict):
            item["a new key that is longer than a word"] = pool.persistent([1, {"two": 3.0}])
        elif isinstance(item, pmemobj.PersistentSet):
            item.add("a new item that is longer than a word")
        elif isinstance(item, pmemobj.PersistentByteArray):
            item.extend(b"new bytes" * 100)
        elif isinstance(item, pmemobj.PersistentArray):
            item[len(item) // 2 :] = item[len(item) // 2 :][::-1]
        elif isinstance(item, pmemobj.PersistentObject):
            item.new_attribute = pool.persistent(["of", item])
        elif isinstance(item, programs.RingBuffer):
            item.append("a new text that needs memory")
        elif isinstance(item, programs.EveryField):
            item.anything, item.double = item, 2.5
        elif isinstance(item, programs.Reading):
            item.place = "another place that needs memory"
        else:  # a tuple, or a stand-in
            changed -= 1
    news = [
        pool.new(programs.Account, "new"),
        pool.new(programs.Reading, 1.5, "new"),
        pool.new(pmemobj.PersistentObject),
    ]
    pool.root["new"] = pool.new(pmemobj.PersistentList, [*news, programs.Money(1), pool.root._p_oid, pool.medium])
    return changed


@pytest.mark.parametrize("folder, name", POOLS, ids=_id)
def test_a_pool_is_whole_and_is_found_and_used_as_it_was(folder: Path, name: str, place: Path) -> None:
    expected = EXPECTED[folder][name]
    path = _unpacked(folder, name, place)
    before = checksum(path)
    assert report_of(pmemobj.check(path)) == expected["check of the file"]
    assert checksum(path) == before
    if expected["recovered"]:
        torn = tree(pmemobj.inspect.walk_file(path, **LIMITS))
        assert torn == expected["tree before recovery"]
        # What the transaction of a killed program had changed is in the file, and recovery takes it back.
        assert (torn != expected["tree"]) == (name != "killed_outside.pmem")
    with _open(path) as pool:
        assert pool.recovered == expected["recovered"]
        assert report_of(pool.check()) == expected["check"]
        _demand_same(pool, expected)
    with _open(path) as pool:
        assert not pool.recovered and not pool.gc()
        with pytest.raises(pmemobj.TransactionAborted), pool.transaction() as transaction:
            assert _change_everything(pool)
            assert contents(pool) != expected["contents"]
            transaction.abort()
        assert contents(pool) == expected["contents"]
        with pool.transaction():
            _change_everything(pool)
        changed = contents(pool)
    with _open(path) as pool:
        assert contents(pool) == changed != expected["contents"]
        assert pool.check().ok


@pytest.mark.parametrize("folder, name", [*WHOLE, *KILLED[:1]], ids=_id)
def test_a_sandbox_shows_the_same_and_leaves_the_file_as_it_is(folder: Path, name: str, place: Path) -> None:
    path = _unpacked(folder, name, place)
    before = checksum(path)
    with _open(path, sandbox=True) as pool:
        assert pool.recovered == EXPECTED[folder][name]["recovered"]
        _demand_same(pool, EXPECTED[folder][name])
        pool.root = None
    assert checksum(path) == before


@pytest.mark.parametrize("folder", VERSIONS, ids=_id)
def test_objects_of_missing_classes_can_be_read_and_not_changed(folder: Path, place: Path) -> None:
    with _open(_unpacked(folder, "classes.pmem", place)) as pool:
        ghost, spirit = pool.root["missing class"], pool.root["missing class with fields"]
        assert (ghost.name, list(ghost.haunts)) == ("Nobody", ["attic", "cellar"])
        assert (spirit.age, spirit.name, list(spirit.steps)) == (300, "another nobody", [0, 0, 0, 0])
        with pytest.raises(pmemobj.ClassNotFoundError, match="class Ghost of module vanished_programs"):
            ghost.name = "Somebody"
        with pytest.raises(pmemobj.ClassNotFoundError, match="class Spirit of module vanished_programs"):
            spirit.steps[0] = 1


@pytest.mark.parametrize("folder", VERSIONS, ids=_id)
def test_objects_come_as_what_their_classes_are_called_now(folder: Path, place: Path) -> None:
    with _open(_unpacked(folder, "classes.pmem", place)) as pool:
        root = pool.root
        ada, bob = root["accounts"]
        assert type(ada) is programs.Account and type(bob) is programs.Savings and bob.friend is ada
        assert ada.doubled == 200 and ada._v_found and ada.currency == "EUR"
        assert type(root["renamed class"]) is programs.Hero and root["renamed class"].greeting() == "I am Zoë."
        assert type(root["inner class"]) is programs.House.Room
        # The pool calls the class of these by the module in which the package defined it then.
        for key in ("plain object", "plain object without attributes"):
            assert type(root[key]) is pmemobj.PersistentObject
        plain = root["plain object"]
        assert plain.itself is plain and root["plain objects as keys"][plain] == "found by its identity"


@pytest.mark.parametrize("folder", VERSIONS, ids=_id)
def test_what_is_stored_as_a_pickle_is_found_by_equal_keys_of_today(folder: Path, place: Path) -> None:
    with _open(_unpacked(folder, "pickled.pmem", place)) as pool:
        root = pool.root
        keys: list[Any] = [
            pool.medium,
            pmemobj.inspect.State.NEW,
            pmemobj.inspect.Meaning.HASH,
            pmemobj.crash.What.STORE,
        ]
        keys += [pmemobj.LogLine("game.py", 3), root["own"]._p_oid, programs.Colour.RED, programs.Money(5, "USD")]
        for key in keys:
            assert key in root["set"] and key in root["keys"], key
            assert root["keys"][key] == list(root["keys"]).index(key)
        assert pool.mm.resurrect(root["of the package"]["Oid of an object of this pool"]) is root["own"]


# ---- dumps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder, name", WHOLE, ids=_id)
def test_an_old_pool_can_be_dumped_and_the_dump_restored(folder: Path, name: str, place: Path) -> None:
    with _open(_unpacked(folder, name, place)) as pool:
        pmemobj.dump(pool, place / "dump")
    if (folder, name) in DUMPS:
        # The version that made the pool wrote the very same.
        assert lines_of_dump(place / "dump") == lines_of_dump(_unpacked(folder, f"{name}.dump", place))
    pmemobj.restore(place / "dump", place / "restored")
    with _open(place / "restored") as pool:
        _demand_same(pool, EXPECTED[folder][name])


@pytest.mark.parametrize("folder, name", DUMPS, ids=_id)
def test_an_old_dump_can_be_restored(folder: Path, name: str, place: Path) -> None:
    dump = _unpacked(folder, f"{name}.dump", place)
    pmemobj.restore(dump, place / "restored")
    with _open(place / "restored") as pool:
        _demand_same(pool, EXPECTED[folder][name])
        pmemobj.dump(pool, place / "again")
    assert lines_of_dump(place / "again") == lines_of_dump(dump)


@pytest.mark.parametrize("folder, name", FILES, ids=_id)
def test_an_old_pool_can_get_another_size(folder: Path, name: str, place: Path) -> None:
    path = _unpacked(folder, name, place)
    pmemobj.resize(path, 24 << 20)
    with _open(path) as pool:
        assert pool.size == 24 << 20
        _demand_same(pool, EXPECTED[folder][name])


# ---- pickles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder, name", VALUES, ids=_id)
def test_a_pickled_value_of_the_package_is_read(folder: Path, name: str) -> None:
    entry = PICKLES[folder]["values"][name]
    value = pickle.loads(base64.b64decode(entry["pickle"]))
    assert text_of(value) == entry["is"]
    assert str(value) and repr(value)
    assert text_of(pickle.loads(pickle.dumps(value))) == entry["is"]


@pytest.mark.parametrize("folder, name", REFERENCES, ids=_id)
def test_a_pickled_class_or_function_is_the_public_one(folder: Path, name: str) -> None:
    entry = PICKLES[folder]["references"][name]
    item = pickle.loads(base64.b64decode(entry["pickle"]))
    today = {first: name for name, first in FIRST_NAMES.items()}.get(name, name)
    module, _, member = today.partition(":")
    assert item is getattr(importlib.import_module(module), member)
    assert public_name(item) == entry["is"]
