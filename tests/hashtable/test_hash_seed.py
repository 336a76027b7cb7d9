"""Python's hashes of str and bytes differ from process to process; those in a pool must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sample_classes import Account
from soundness import assert_sound

import pmemobj

#: Both programs build the same keys, from this text.
KEYS = """
import sys, pmemobj
from sample_classes import Account
keys = ["", "a", "key", "a key that is too long for a word", "\\u00fc\\u20ac", "\\ud800"]
keys += [f"generated key number {number}" for number in range(200)]
keys += [b"", b"a", b"key", b"a key that is too long for a word", b"\\xff" * 9]
keys += [f"generated {number}".encode() for number in range(100)]
keys += [None, True, False, 2, 3.5, -7, 1 << 62, 1 << 100, 1e300, float("inf"), 2.0 ** 70, 1 + 2j]
keys += list(range(-50, 0)) + [number / 7 for number in range(1, 50)]
keys = list(dict.fromkeys(keys))
"""

WRITE = (
    KEYS
    + """
with pmemobj.create(sys.argv[1], pool_size=16 << 20) as pool:
    pool.root = pool.new(pmemobj.PersistentDict, {key: repr(key) for key in keys})
    owner = pool.new(Account, "owner")
    pool.root["by object"] = pool.new(pmemobj.PersistentDict, [(owner, "of the owner"), ("owner", owner)])
    del pool.root["generated key number 5"]
print(hash("the seed"), hash(b"the seed"))
"""
)

CHANGE = (
    KEYS
    + """
with pmemobj.open(sys.argv[1]) as pool:
    root = pool.root
    assert len(root) == len(keys), (len(root), len(keys))
    for key in keys:
        if key == "generated key number 5":
            assert key not in root
            root[key] = repr(key)
        assert key in root and root[key] == repr(key), key
        root[key] = "changed " + repr(key)      # replaces, does not add
    assert len(root) == len(keys) + 1
    for key in keys[::3]:
        del root[key]
    root.update({f"added {number}": number for number in range(300)})   # builds the table anew
    by_object = root["by object"]
    assert by_object[by_object["owner"]] == "of the owner"
    by_object[by_object["owner"]] = "changed"
print(hash("the seed"), hash(b"the seed"))
"""
)

READ = (
    KEYS
    + """
with pmemobj.open(sys.argv[1]) as pool:
    root = pool.root
    for number, key in enumerate(keys):
        if number % 3 == 0:
            assert key not in root
        else:
            assert root[key] == "changed " + repr(key), key
    assert all(root[f"added {number}"] == number for number in range(300))
    assert root["by object"][root["by object"]["owner"]] == "changed"
print(hash("the seed"), hash(b"the seed"))
"""
)


def test_written_under_one_seed_read_and_changed_under_others(pool_path: str, run_python: Callable[..., Any]) -> None:
    hashes = {
        run_python(program, pool_path, env={"PYTHONHASHSEED": seed}).stdout
        for program, seed in ((WRITE, "1"), (CHANGE, "2"), (READ, "0"), (READ, "random"))
    }
    assert len(hashes) == 4, "the seeds made no difference, so that this shows nothing"
    with pmemobj.open(pool_path) as pool:
        assert pool.root["added 7"] == 7
        assert type(pool.root["by object"]["owner"]) is Account
        assert_sound(pool, no_garbage=True)


def test_the_stored_hashes_themselves_are_the_same(scratch: Any, run_python: Callable[..., Any]) -> None:
    program = """
import sys, pmemobj
from pmemobj._format import DICT_SIZE
with pmemobj.create(sys.argv[1], pool_size=8 << 20) as pool:
    pool.root = table = pool.new(pmemobj.PersistentDict, dict.fromkeys(["a", "long enough for a leaf", b"b", None, 1.5, -1, 1 << 90]))
    heap = pool._heap
    at = heap.read(table._p_offset + 24)
    print([heap.read(at + 24 + 24 * number) for number in range(7)])
"""
    outputs = {
        run_python(program, scratch / f"pool{seed}", env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2", "random")
    }
    assert len(outputs) == 1


@pytest.mark.once
def test_stored_hashes_are_part_of_the_layout(pool: Any) -> None:
    """Another hash in a later release would make the keys of older pools impossible to find."""
    from pmemobj._hashtable.hashes import stored_hash

    hashes = [
        stored_hash(pool._heap, key)
        for key in (None, 1, 1.0, True, -1, 0.5, "", "a", "eight by", "nine byte", b"a", 1j)
    ]
    assert hashes[1] == hashes[2] == hashes[3] == 1
    assert hashes == EXPECTED


#: Of layout version 1.
EXPECTED = [
    1852796517, 1, 1, 1, 18446744073709551614, 1152921504606846976, 93, 12914073266372450459,
    3096570954831575038, 17385782989892833899, 16183468446228931564, 1000003,
]  # fmt: skip
