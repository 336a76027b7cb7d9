"""Damaged pools: opening one raises an error or leads to a sound pool, but never kills or hangs the process.

Each case is a file with some bytes changed. It is opened in a child, since the failure that these
tests look for is the death of the process: the child says how it went, and dies of nothing.
"""

from __future__ import annotations

import functools
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import damage_lab
import pytest
from conftest import MIB, POOL_SIZE

import pmemobj
from pmemobj import PersistentDict, PersistentList, _format
from pmemobj._inspection.walk import image
from pmemobj._pmdk import chunks

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
    """A pool with some contents that was closed properly."""
    path = tmp_path_factory.mktemp("damage") / "pool"
    with pmemobj.create(path, pool_size=POOL_SIZE) as pool:
        fill(pool)
    return path.read_bytes()


@pytest.fixture(scope="module")
def unclean_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pool whose process has died in a transaction."""
    path = tmp_path_factory.mktemp("damage") / "pool"
    with pmemobj.create(path, pool_size=POOL_SIZE, durability="in-place") as pool:
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
    """The results of several changes of a pool file, all tried in one child process."""

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
        root = int.from_bytes(pool[_format.POOL_ROOT_OFFSET :][:8], "little")
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
    "root offset 0": put(_format.POOL_ROOT_OFFSET, word(0)),
    "root offset past the end": put(_format.POOL_ROOT_OFFSET, word(POOL_SIZE)),
    "root offset at the very end": put(_format.POOL_ROOT_OFFSET, word(POOL_SIZE - 8)),
    "root offset huge": put(_format.POOL_ROOT_OFFSET, word((1 << 64) - 16)),
    "root offset in the middle of something": put(_format.POOL_ROOT_OFFSET, word(4 * MIB + 8)),
    "cut to 1 MiB": cut(MIB),
    "cut behind the header": cut(_format.POOL_HEADER_SIZE),
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
    """The pool opens and is sound, or is refused with an error of pmemobj."""
    kind = line.split()[0]
    return kind == "sound" or (kind in dir(pmemobj.errors) and kind != "PmemError")


@pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\x5a"], ids=["zeros", "ones", "pattern"])
def test_overwritten_lanes_of_an_unclean_pool(
    outcomes: Callable[..., list[str]], unclean_bytes: bytes, filling: bytes
) -> None:
    # The lanes hold the undo logs; they lie between the header and the heap.
    (line,) = outcomes(unclean_bytes, [put(_format.POOL_HEADER_SIZE, filling * (2 * MIB))])
    # With the log gone, the interrupted transaction cannot be rolled back: torn, but never fatal.
    assert line.startswith(("sound", "UNSOUND", "PoolDamagedError"))


def test_zeroed_lanes_of_a_clean_pool(outcomes: Callable[..., list[str]], clean_bytes: bytes) -> None:
    assert outcomes(clean_bytes, [put(_format.POOL_HEADER_SIZE, bytes(2 * MIB))]) == ["sound False"]


def test_a_log_of_a_closed_pool_that_would_be_carried_out(outcomes: Callable[..., list[str]], scratch: Path) -> None:
    """libpmemobj follows entries without a checksum, and rolls back a finished transaction if the end mark is lost."""
    undo = _format.LANE_LOGS[-1][0]
    first = _format.POOL_HEADER_SIZE + undo
    unused = first + 816 * _format.LANE_SIZE
    with pmemobj.create(scratch / "original", pool_size=POOL_SIZE) as pool:
        fill(pool)
        for text in ("text", "more text", "other text"):
            pool.root["text"] = text
    clean_bytes = (scratch / "original").read_bytes()
    generation = int.from_bytes(clean_bytes[first + _format.LOG_GENERATION :][:8], "little")
    assert generation > 1 and clean_bytes[first + _format.LOG_HEADER_SIZE + 7] >> 5 == _format.ENTRY_OF_BYTES
    lines = outcomes(
        clean_bytes,
        [
            put(unused + _format.LOG_HEADER_SIZE - 2, bytes.fromhex("d81078941f82198d")),
            *(put(unused + _format.LOG_HEADER_SIZE, word(kind << 61 | POOL_SIZE // 2)) for kind in range(6)),
            put(first + _format.LOG_GENERATION, word(generation - 1)),
            put(first + _format.LOG_GENERATION, word(generation + 1)),  # which makes nothing valid
        ],
    )
    assert [line.partition(" ")[0] for line in lines] == ["PoolDamagedError"] * 8 + ["sound"], lines
    assert "has something to undo" in lines[7]
    assert not pmemobj.check(scratch / "0.pmem").ok and not pmemobj.check(scratch / "7.pmem").ok


def test_a_transaction_whose_logs_were_continued_is_rolled_back(scratch: Path) -> None:
    """The continuations of a log are verified before libpmemobj follows them; sound ones are no damage."""
    with pmemobj.create(scratch / "live", pool_size=POOL_SIZE) as pool:
        pool.root = pool.new(PersistentList, range(5000))
        pool.transaction().begin()
        for at in range(200):
            pool.root[20 * at] = "a text that is no word"
        pool.root.reverse()
        data = (scratch / "live").read_bytes()
        pool.abandon_transaction()
    lane = memoryview(data[_format.POOL_HEADER_SIZE :][: _format.LANE_SIZE]).cast("Q")
    continued = [log for log, _ in _format.LANE_LOGS if lane[(log + _format.LOG_NEXT) // 8]]
    assert len(continued) == 2, "this transaction does not test what it should"
    (scratch / "dead").write_bytes(data)
    with pmemobj.open(scratch / "dead") as pool:
        assert pool.recovered and list(pool.root) == list(range(5000))


ROOT_WORDS = {
    "past the end": word(POOL_SIZE + 16),
    "huge": word((1 << 64) - 16),
    "no object": word(4 * MIB),
    "a leaf that is none": word(4 * MIB | _format.TAG_LEAF),
    "itself": word(0x10),
    "absent": word(0),
    "no constant": word(0x7C),
}


@pytest.mark.parametrize("at", [_format.ROOT_VALUE, _format.ROOT_CLASSES])
@pytest.mark.parametrize("data", ROOT_WORDS.values(), ids=ROOT_WORDS.keys())
@pytest.mark.parametrize("state", [_format.STATE_CLEAN, _format.STATE_OPEN], ids=["clean", "unclean"])
def test_a_root_word_that_leads_nowhere(scratch: Path, clean_bytes: bytes, at: int, data: bytes, state: int) -> None:
    damaged = bytearray(clean_bytes)
    in_root(at, data)(damaged)
    in_root(_format.ROOT_STATE, word(state))(damaged)
    path = scratch / "pool"
    path.write_bytes(damaged)
    with pytest.raises(pmemobj.PoolDamagedError), pmemobj.open(path) as pool:
        print(pool.root)
        pool.new(PersistentList)
        pool.gc()


@pytest.mark.parametrize("state", [_format.STATE_CLEAN, _format.STATE_OPEN], ids=["clean", "unclean"])
def test_random_bytes_in_the_objects(outcomes: Callable[..., list[str]], clean_bytes: bytes, state: int) -> None:
    """Only bytes of our own allocations are damaged: what libpmemobj makes of its own data is not tested here."""
    rng = random.Random(state)
    kinds = {_format.header(kind) & 0xFFFF for kind in _format.ALL_KINDS}
    heads = [
        at for at in range(4 * MIB - MIB, POOL_SIZE, 16) if int.from_bytes(clean_bytes[at : at + 2], "little") in kinds
    ]
    assert len(heads) > 300

    def scramble(pool: bytearray) -> None:
        in_root(_format.ROOT_STATE, word(state))(pool)
        for at in rng.sample(heads, 3):
            pool[at + 8 * rng.randrange(2) + rng.randrange(8)] ^= 1 << rng.randrange(8)

    lines = outcomes(clean_bytes, [scramble] * (25 if state == _format.STATE_CLEAN else 4))
    assert not [line for line in lines if line.startswith("RAW")]


#: Reads a pool with damaged runs, and tries to change it; libpmemobj would follow what stands in them.
READER = """
import sys
import pmemobj

def refused(change):
    try:
        change()
    except pmemobj.PoolDamagedError as error:
        return "the run at" in error.why
    return False

def dumped():
    return pmemobj.dump(pool, path + ".dump") == 4

for path in sys.argv[1:]:
    pool = pmemobj.open(path)
    read = list(pool.root["list"]) == list(range(100)) and pool.root["text"] == "t" * 500
    print(
        read,
        refused(lambda: setattr(pool, "root", "x" * 100)),
        refused(lambda: pool.root.__setitem__("text", None)),  # frees, and allocates nothing
        refused(lambda: pool.root["list"].extend(range(1000))),
        refused(lambda: pool.new(pmemobj.PersistentList)),
        refused(pool.gc),
        dumped(),
        read and len(pool.root["many"]),
        flush=True,
    )
    pool.close()
"""


def test_a_pool_with_damaged_runs_is_read_but_not_changed(run_python: Run, scratch: Path, clean_bytes: bytes) -> None:
    with memoryview(clean_bytes) as image, image.cast("Q") as words:
        runs = [at for at, kind, _ in chunks._chunks(words) if kind == 4]
    paths = []
    for number, unit in enumerate((0, 8, 1 << 40)):
        damaged = bytearray(clean_bytes)
        for at in runs:
            put(at, word(unit))(damaged)
        paths.append(scratch / f"{number}.pmem")
        paths[-1].write_bytes(damaged)
    # The checking mode would read the damage at once.
    done = run_python(READER, *paths, check=False, env={"PMEMOBJ_CHECK": "0"})
    assert (done.returncode, done.stdout.splitlines()) == (0, ["True True True True True True True 300"] * len(paths)), done.stderr
    for path in paths:
        assert "the run at" in pmemobj.check(path).findings[0].text


def test_a_failed_opening_changes_nothing_in_the_file(scratch: Path, clean_bytes: bytes) -> None:
    damaged = bytearray(clean_bytes)
    in_root(_format.ROOT_VALUE, ROOT_WORDS["past the end"])(damaged)
    in_root(_format.ROOT_STATE, word(_format.STATE_OPEN))(damaged)
    path = scratch / "pool"
    path.write_bytes(damaged)
    with pytest.raises(pmemobj.PoolDamagedError):
        pmemobj.open(path)
    assert path.read_bytes() == damaged
    assert os.listdir(scratch) == ["pool"]


# ---- a thousand of them ------------------------------------------------------------------------------

SMALL = 8 * MIB
_HEAP = 8192 + 1024 * _format.LANE_SIZE
_ZONE = _HEAP + 1024
_CHUNKS = _ZONE + 64 + 8 * 65528


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """The same small pool twice: closed properly, and left in the middle of a transaction."""
    path = tmp_path_factory.mktemp("damage") / "pool"
    with pmemobj.create(path, pool_size=SMALL) as pool:
        fill(pool)
        pool.root["big"] = pool.new(PersistentList, [b"b" * 300_000, 1 << 500, 1.5e300, 2j])
    clean = path.read_bytes()
    with pmemobj.open(path, durability="in-place") as pool:
        pool.transaction().begin()
        pool.root["list"][10:60] = range(1000, 1030)
        del pool.root["text"]
        pool.root["many"][3] = "another text"
        unclean = path.read_bytes()
        pool.abandon_transaction()
    return clean, unclean


def some_word(rng: random.Random) -> bytes:
    """A word as damage may leave it."""
    value = rng.choice(
        [
            0,
            (1 << 64) - 1,
            rng.getrandbits(64),
            rng.randrange(256),
            1 << rng.randrange(64),
            rng.randrange(0, SMALL, 16) | rng.choice((0, 0, 4)),
            SMALL + 16 * rng.randrange(100),
        ]
    )
    return word(value)


def hurt(data: bytearray, at: int, rng: random.Random) -> None:
    """Change a bit, a byte or a word at about `at`."""
    how = rng.randrange(3)
    if how == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif how == 1:
        data[at] = rng.randrange(256)
    else:
        data[at & ~7 : (at & ~7) + 8] = some_word(rng)


def in_headers(data: bytearray, rng: random.Random) -> None:
    """Offsets in libpmemobj's headers before the lanes, and in our root object."""
    root = int.from_bytes(data[_format.POOL_ROOT_OFFSET :][:8], "little")
    places = (range(64), range(64, 4096), range(4096, 5200), range(6144, 6200), range(root, root + 64))
    for _ in range(rng.randrange(1, 4)):
        hurt(data, rng.choice(rng.choice(places)), rng)


def in_lanes(data: bytearray, rng: random.Random) -> None:
    """Offsets in the logs: mostly in the first lane, which has been used, and there mostly in the headers."""
    for _ in range(rng.randrange(1, 4)):
        lane = 8192 + _format.LANE_SIZE * rng.choice((0, 0, 0, rng.randrange(1024)))
        log, capacity = rng.choice(_format.LANE_LOGS)
        hurt(data, lane + log + rng.choice((rng.randrange(64), 64 + rng.randrange(capacity))), rng)


def in_heap(data: bytearray, rng: random.Random) -> None:
    """Offsets in libpmemobj's headers of heap, zone, chunks and runs, and in bitmaps."""
    chunk = _CHUNKS + rng.randrange(17) * 256 * 1024
    places = (range(_HEAP, _HEAP + 64), range(_ZONE, _ZONE + 16), range(_ZONE + 64, _ZONE + 64 + 8 * 17))
    for _ in range(rng.randrange(1, 3)):
        hurt(data, rng.choice(rng.choice((*places, range(chunk, chunk + 16), range(chunk + 16, chunk + 400)))), rng)


def heads_in(data: bytes) -> list[int]:
    """The offsets of the headers of our objects and leaves."""
    kinds = {_format.header(kind) & 0xFFFF for kind in _format.ALL_KINDS}
    return [at for at in range(_CHUNKS, len(data) - 64, 16) if int.from_bytes(data[at : at + 2], "little") in kinds]


def in_allocation_headers(data: bytearray, rng: random.Random) -> None:
    """Offsets in the 16 bytes that libpmemobj keeps before each allocation."""
    for at in rng.sample(HEADS, rng.randrange(1, 4)):
        hurt(data, at - 16 + rng.randrange(16), rng)


def in_objects(data: bytearray, rng: random.Random) -> None:
    """Offsets of our own words."""
    for at in rng.sample(HEADS, rng.randrange(1, 5)):
        hurt(data, at + rng.randrange(48), rng)


def in_blocks(data: bytearray, rng: random.Random) -> None:
    """A sector or a page that was not written, or was overwritten with another one."""
    size = rng.choice((512, 4096))
    ends = (SMALL, SMALL, _CHUNKS + 512 * 1024, 3 * 4096)
    at = rng.randrange(0, rng.choice(ends), size)
    other = rng.randrange(0, SMALL, size)
    data[at : at + size] = rng.choice((bytes(size), b"\xff" * size, rng.randbytes(size), data[other : other + size]))


#: The places of our headers in the pools of `pair`, found once.
HEADS: list[int] = []
FAMILIES = (in_headers, in_lanes, in_heap, in_allocation_headers, in_objects, in_blocks)
#: It is libpmemobj that may die, which is the same in both forms.
SEEDS = range(90 if pmemobj.compiled else 10)


def damaged_by(family: Callable[[Any, random.Random], None], name: str, data: Any) -> None:
    family(data, random.Random(name))


@pytest.mark.timeout(400)  # about 15 s on two idle cores
def test_a_thousand_damaged_pools_harm_no_process(pair: tuple[bytes, bytes], scratch: Path) -> None:
    """Each damaged pool is recovered, refused with a reason, or reported by `check`."""
    HEADS[:] = heads_in(pair[0])
    assert len(HEADS) > 300
    names, cases = [], []
    for state, data in zip(("clean", "unclean"), pair, strict=True):
        for family in FAMILIES:
            for seed in SEEDS:
                names.append(f"{state} {family.__name__} {seed}")

                damage = functools.partial(damaged_by, family, names[-1])
                cases.append(damage_lab.Case(data, damage))
    assert len(cases) >= 1000 or not pmemobj.compiled
    found = dict(zip(names, damage_lab.outcomes(cases, scratch), strict=True))
    wrong = {name: outcome for name, outcome in found.items() if outcome not in damage_lab.FINE}
    counts = Counter(found.values())
    assert not wrong, f"{len(wrong)} of {len(found)}: {wrong}"
    # All of them occur, so that none of these ways is untested.
    assert set(counts) == set(damage_lab.FINE), counts


# ---- damage and garbage ----------------------------------------------------------------------------------

_LEFT_OPEN = """
import os, pmemobj, sys
pool = pmemobj.create(sys.argv[1], 8 << 20)
pool.root = pool.persistent({"a": [1, 2, 3], "b": {"c": "a text that takes memory of its own"}})
pool.new(pmemobj.PersistentList)  # some garbage, too
print(pool._heap.root_offset, pool.root._p_offset, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("damage", ["root", "table", "value"])
def test_what_damage_hides_is_no_garbage(run_python: Any, scratch: Path, damage: str) -> None:
    """No collection (after a kill, at close, by `gc`) frees an object to which a damaged word may have referred."""
    path = scratch / "damaged.pmem"
    root, top = map(int, run_python(_LEFT_OPEN, path).stdout.split())
    with image(str(path)) as heap:
        table = heap.read(top + _format.DICT_TABLE)
        allocations = len(heap.offsets())
        entry = table + _format.TABLE_ENTRIES + _format.ENTRY_VALUE
        words = {
            "root": (root + _format.ROOT_VALUE, top + 8),
            "table": (top + _format.DICT_TABLE, 0),
            "value": (entry, 0x7C),
        }
    with open(path, "r+b") as file:
        at, word = words[damage]
        file.seek(at)
        file.write(word.to_bytes(8, "little"))
    with pytest.warns(RuntimeWarning, match=r"is damaged: .*nothing was freed"), pmemobj.open(path) as pool:
        with pytest.raises(pmemobj.PoolDamagedError, match=r"cannot collect the garbage .* only seem to be garbage"):
            pool.gc()
        assert len(pool._heap.offsets()) == allocations
    with pmemobj.open(path) as pool:
        assert len(pool._heap.offsets()) == allocations
