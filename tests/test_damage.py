"""Damaged pools: an error or a sound pool, but never the end or the hanging of the process.

Each case is a file with some bytes changed. It is opened in a child, since the failure that these
tests look for is the death of the process: the child says how it went, and dies of nothing.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB, POOL_SIZE

import pmemobj
from pmemobj import PersistentDict, PersistentList, _layout

Run = Callable[..., subprocess.CompletedProcess[str]]
Change = Callable[[bytearray], Any]

#: Opens each file that it is given, uses what it finds, and prints one line about each.
OPENER = """
import sys
import pmemobj
import sample_classes
from soundness import assert_sound

for path in sys.argv[1:]:
    try:
        with pmemobj.open(path) as pool:
            try:
                assert_sound(pool)
                repr(pool.root)
                pool.root = pool.new(pmemobj.PersistentList, ["x" * 100] * 10)
                pool.gc()
                print("sound", pool.recovered, flush=True)
            except AssertionError as error:
                print("UNSOUND", error, flush=True)
    except pmemobj.PmemError as error:
        print(type(error).__name__, error, flush=True)
    except Exception as error:
        print("RAW", type(error).__name__, error, flush=True)
"""


def fill(pool: pmemobj.PersistentObjectPool) -> None:
    pool.root = pool.new(PersistentDict, {"list": pool.new(PersistentList, range(100)), "text": "t" * 500})
    pool.root["many"] = pool.new(PersistentList, [f"number {number}" for number in range(300)])
    pool.root["nested"] = pool.new(PersistentDict, {number: str(number) * 5 for number in range(50)})


@pytest.fixture(scope="module")
def clean_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pool that was closed in good order, with something in it."""
    path = tmp_path_factory.mktemp("damage") / "pool"
    with pmemobj.create(path, pool_size=POOL_SIZE) as pool:
        fill(pool)
    return path.read_bytes()


@pytest.fixture(scope="module")
def unclean_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pool as a process leaves it that dies in a transaction."""
    path = tmp_path_factory.mktemp("damage") / "pool"
    with pmemobj.create(path, pool_size=POOL_SIZE) as pool:
        fill(pool)
        pool.transaction().begin()
        pool.root["list"].extend(range(1000))
        del pool.root["text"]
        data = path.read_bytes()
        with pytest.raises(pmemobj.TransactionError):
            pool.__exit__(None, None, None)
    return data


@pytest.fixture
def outcomes(run_python: Run, scratch: Path) -> Callable[[bytes, list[Change]], list[str]]:
    """What becomes of each of some changes of a pool file, in one child."""

    def find(data: bytes, changes: list[Change]) -> list[str]:
        paths = []
        for number, change in enumerate(changes):
            damaged = bytearray(data)
            change(damaged)
            paths.append(scratch / f"{number}.pmem")
            paths[-1].write_bytes(damaged)
        done = run_python(OPENER, *paths, check=False)
        lines = done.stdout.splitlines()
        assert done.returncode == 0, f"died of {done.returncode} after {lines}: {done.stderr[-2000:]}"
        assert len(lines) == len(changes)
        return lines

    return find


def put(at: int, data: bytes) -> Change:
    def change(pool: bytearray) -> None:
        pool[at : at + len(data)] = data

    return change


def cut(size: int) -> Change:
    def change(pool: bytearray) -> None:
        del pool[size:]

    return change


def in_root(at: int, data: bytes) -> Change:
    """Bytes at an offset from the root object."""

    def change(pool: bytearray) -> None:
        root = int.from_bytes(pool[_layout.POOL_ROOT_OFFSET :][:8], "little")
        pool[root + at : root + at + len(data)] = data

    return change


def word(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_the_undamaged_pools_are_sound(
    outcomes: Callable[..., list[str]], clean_bytes: bytes, unclean_bytes: bytes
) -> None:
    assert outcomes(clean_bytes, [lambda pool: None]) == ["sound False"]
    assert outcomes(unclean_bytes, [lambda pool: None]) == ["sound True"]


DAMAGE: dict[str, Change] = {
    "root checksum": in_root(24, b"\xff"),
    "root magic": in_root(0, b"\xff"),
    "root offset 0": put(_layout.POOL_ROOT_OFFSET, word(0)),
    "root offset past the end": put(_layout.POOL_ROOT_OFFSET, word(POOL_SIZE)),
    "root offset at the very end": put(_layout.POOL_ROOT_OFFSET, word(POOL_SIZE - 8)),
    "root offset huge": put(_layout.POOL_ROOT_OFFSET, word((1 << 64) - 16)),
    "root offset in the middle of something": put(_layout.POOL_ROOT_OFFSET, word(4 * MIB + 8)),
    "cut to 1 MiB": cut(MIB),
    "cut behind the header": cut(_layout.POOL_HEADER_SIZE),
    "cut within the header": cut(4096),
    "cut within the header's first bytes": cut(20),
}


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
def test_damage_that_is_seen_before_libpmemobj_is_asked(
    outcomes: Callable[..., list[str]], clean_bytes: bytes, unclean_bytes: bytes, clean: bool
) -> None:
    lines = outcomes(clean_bytes if clean else unclean_bytes, list(DAMAGE.values()))
    found = dict(zip(DAMAGE, lines, strict=True))
    assert not {case: line for case, line in found.items() if not line.startswith("PoolDamagedError cannot open pool ")}


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
def test_a_file_that_was_cut_off(
    outcomes: Callable[..., list[str]], clean_bytes: bytes, unclean_bytes: bytes, clean: bool
) -> None:
    sizes = (POOL_SIZE - 4096, POOL_SIZE - 1, 12 * MIB, 8 * MIB, 8 * MIB + 3)
    lines = outcomes(clean_bytes if clean else unclean_bytes, [cut(size) for size in sizes])
    assert [line.split()[0] for line in lines] == ["PoolDamagedError"] * len(sizes)


def test_a_file_that_was_lengthened(outcomes: Callable[..., list[str]], clean_bytes: bytes) -> None:
    changes: list[Change] = [lambda pool, n=n: pool.extend(bytes(n)) for n in (1, 7, 4096, 3 * MIB)]
    for line in outcomes(clean_bytes, changes):
        assert line.startswith(("sound", "PoolDamagedError"))


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
def test_every_byte_of_the_headers(
    outcomes: Callable[..., list[str]], clean_bytes: bytes, unclean_bytes: bytes, clean: bool
) -> None:
    # Every eighth byte of what libpmemobj has in its headers, and all of their beginnings.
    # An unclean pool is tried in a process of its own, so that there fewer bytes must do.
    step = 8 if clean else 256
    places = [*range(0, 64, step), *range(64, 1024, 4 * step), *range(4096, 4160, step), *range(6144, 6400, step)]
    lines = outcomes(clean_bytes if clean else unclean_bytes, [flip(at) for at in places])
    wrong = {at: line for at, line in zip(places, lines, strict=True) if not is_fine(line)}
    assert not wrong


def flip(at: int) -> Change:
    def change(pool: bytearray) -> None:
        pool[at] ^= 0xFF

    return change


def is_fine(line: str) -> bool:
    """Opened and sound, or refused with an error of its own."""
    kind = line.split()[0]
    return kind == "sound" or (kind in dir(pmemobj.errors) and kind != "PmemError")


@pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\x5a"], ids=["zeros", "ones", "pattern"])
def test_overwritten_lanes_of_an_unclean_pool(
    outcomes: Callable[..., list[str]], unclean_bytes: bytes, filling: bytes
) -> None:
    # The lanes hold the undo logs; they lie between the header and the heap.
    (line,) = outcomes(unclean_bytes, [put(_layout.POOL_HEADER_SIZE, filling * (2 * MIB))])
    # With the log gone, the interrupted transaction cannot be rolled back: torn, but never fatal.
    assert line.startswith(("sound", "UNSOUND", "PoolDamagedError"))


def test_zeroed_lanes_of_a_clean_pool(outcomes: Callable[..., list[str]], clean_bytes: bytes) -> None:
    assert outcomes(clean_bytes, [put(_layout.POOL_HEADER_SIZE, bytes(2 * MIB))]) == ["sound False"]


ROOT_WORDS = {
    "past the end": word(POOL_SIZE + 16),
    "huge": word((1 << 64) - 16),
    "no object": word(4 * MIB),
    "a leaf that is none": word(4 * MIB | _layout.TAG_LEAF),
    "itself": word(0x10),
    "absent": word(0),
    "no constant": word(0x7C),
}


@pytest.mark.parametrize("at", [_layout.ROOT_VALUE, _layout.ROOT_CLASSES])
@pytest.mark.parametrize("data", ROOT_WORDS.values(), ids=ROOT_WORDS.keys())
@pytest.mark.parametrize("state", [_layout.STATE_CLEAN, _layout.STATE_OPEN], ids=["clean", "unclean"])
def test_a_root_word_that_leads_nowhere(scratch: Path, clean_bytes: bytes, at: int, data: bytes, state: int) -> None:
    damaged = bytearray(clean_bytes)
    in_root(at, data)(damaged)
    in_root(_layout.ROOT_STATE, word(state))(damaged)
    path = scratch / "pool"
    path.write_bytes(damaged)
    with pytest.raises(pmemobj.PoolDamagedError), pmemobj.open(path) as pool:
        print(pool.root)
        pool.new(PersistentList)
        pool.gc()


@pytest.mark.parametrize("state", [_layout.STATE_CLEAN, _layout.STATE_OPEN], ids=["clean", "unclean"])
def test_random_bytes_in_the_objects(outcomes: Callable[..., list[str]], clean_bytes: bytes, state: int) -> None:
    """Only bytes of our own allocations: libpmemobj's are no more ours to judge than to check."""
    rng = random.Random(state)
    kinds = {_layout.header(kind) & 0xFFFF for kind in _layout.ALL_KINDS}
    heads = [
        at for at in range(4 * MIB - MIB, POOL_SIZE, 16) if int.from_bytes(clean_bytes[at : at + 2], "little") in kinds
    ]
    assert len(heads) > 300

    def scramble(pool: bytearray) -> None:
        in_root(_layout.ROOT_STATE, word(state))(pool)
        for at in rng.sample(heads, 3):
            pool[at + 8 * rng.randrange(2) + rng.randrange(8)] ^= 1 << rng.randrange(8)

    lines = outcomes(clean_bytes, [scramble] * (25 if state == _layout.STATE_CLEAN else 4))
    assert not [line for line in lines if line.startswith("RAW")]


def test_a_failed_opening_changes_nothing_in_the_file(scratch: Path, clean_bytes: bytes) -> None:
    damaged = bytearray(clean_bytes)
    in_root(_layout.ROOT_VALUE, ROOT_WORDS["past the end"])(damaged)
    in_root(_layout.ROOT_STATE, word(_layout.STATE_OPEN))(damaged)
    path = scratch / "pool"
    path.write_bytes(damaged)
    with pytest.raises(pmemobj.PoolDamagedError):
        pmemobj.open(path)
    assert path.read_bytes() == damaged
    assert os.listdir(scratch) == ["pool"]
