"""What libpmemobj never flushes and yet relies on: the footers of areas of chunks (`chunks.footers`).

An old word in the place of a footer makes libpmemobj allocate memory that is in use. A random kill of a growing pool
with a journal has shown it, once in 200.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
from conftest import MIB

import pmemobj
from pmemobj._durability.leftover import journal_path
from pmemobj._pmdk import chunks, interposition, library

library.load()
needs_journal = pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")

#: 18 chunks, which libpmemobj allocates as such: header and footer lie in different cache lines, so that no record has
#: the footer by chance.
CHUNKS = 18
LARGE = 17 * chunks.CHUNK_SIZE + 1000

#: Two neighbours are freed one after the other: their areas become one, whose footer was written by nobody who flushes.
PROGRAM = f"""
import os, sys, pmemobj
pool = pmemobj.open(sys.argv[1], durability=sys.argv[2])
root = pool.root
for number in range(6):
    root.append(bytes([number]) * {LARGE})
pool.gc()
pool._heap.journal.checkpoint()
for number in 1, 2, 4:
    root[number] = None
    pool.gc()
print("done", flush=True)
if sys.argv[3] == "kill":
    os.kill(os.getpid(), 9)
if sys.argv[3] == "back up":
    pool.backup(sys.argv[1] + ".copy")
pool.close()
"""


def footers_in(words: memoryview) -> list[tuple[int, bool]]:
    """The offset of each footer, and whether it is right."""
    return [(at, words[at >> 3] >> 32 == word >> 32) for at, word in chunks.footers(words)]


def footers_in_file(path: Path) -> list[tuple[int, bool]]:
    data = path.read_bytes()
    return footers_in(memoryview(data[: len(data) & -8]).cast("Q"))


def footers_in_use(pool: pmemobj.PersistentObjectPool) -> list[tuple[int, bool]]:
    heap = pool._heap
    with library.view(heap.pop, heap.limit) as memory, memory.cast("Q") as words:
        return footers_in(words)


def demand_right(footers: list[tuple[int, bool]], least: int) -> None:
    assert len(footers) >= least and all(is_right for _, is_right in footers), footers


def run(spawn: Callable[..., Popen[str]], path: Path, durability: str, end: str, size: int = 48) -> None:
    with pmemobj.create(path, size * MIB, durability=durability) as pool:
        pool.root = pool.persistent([])
    child = spawn(PROGRAM, path, durability, end)
    output, errors = child.communicate(timeout=60)
    assert output == "done\n" and child.returncode == (-9 if end == "kill" else 0), errors


@needs_journal
@pytest.mark.parametrize("then", ["full", "relaxed", "in-place"])
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_of_a_program_that_was_killed(
    tmp_path: Path, spawn: Callable[..., Popen[str]], durability: str, then: str
) -> None:
    path = tmp_path / "pool"
    run(spawn, path, durability, "kill")
    assert Path(journal_path(str(path), False)).exists()
    with pmemobj.open(path, durability=then) as pool:
        pool.root.append(1)
        demand_right(footers_in_use(pool), 5)
        wanted = [bytes([number]) * LARGE if number in (0, 3, 5) else None for number in range(6)]
        for number in (1, 2, 4):
            pool.root[number] = wanted[number] = bytes([16 + number]) * LARGE
        assert list(pool.root) == [*wanted, 1] and pool.check().ok
    demand_right(footers_in_file(path), 5)


@needs_journal
@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("end", ["close", "back up"])
def test_of_a_file_that_others_may_open(
    tmp_path: Path, spawn: Callable[..., Popen[str]], durability: str, end: str
) -> None:
    path = tmp_path / "pool"
    # So large that the headers of its chunks fill more than one page; only pages with something flushed are written.
    run(spawn, path, durability, end, 160)
    demand_right(footers_in_file(path), 5)
    if end == "back up":
        demand_right(footers_in_file(tmp_path / "pool.copy"), 5)


def test_a_footer_that_a_power_cut_has_left_old(scratch: Path) -> None:
    """In place, libpmemobj's own way: the power is cut before the cache line of a footer came to the medium."""
    path = scratch / "pool"
    with pmemobj.create(path, 48 * MIB) as pool:
        pool.root = pool.persistent([])
        for number in range(6):
            pool.root.append(bytes([number]) * LARGE)
        pool.root[1] = pool.root[3] = None
    areas = [at for at, word in _heads(path) if word & 0xFFFF == 2 and word >> 32 == CHUNKS]
    assert len(areas) == 2 and areas[1] - areas[0] == 8 * 2 * CHUNKS
    with path.open("r+b") as file:
        # The footer of the second area, from a time when both areas and what is between them were one.
        file.seek(areas[1] + 8 * (CHUNKS - 1))
        file.write(struct.pack("<HHI", 1, 0, 3 * CHUNKS))
    with pmemobj.open(path) as pool:
        # What lies behind the second area becomes free, and is joined to the area that the footer names.
        pool.root[4] = None
        pool.gc()
        wanted = [bytes(LARGE), None, b"\2" * LARGE, None, None, b"\5" * LARGE]
        with contextlib.suppress(pmemobj.PoolFullError):
            for number in range(100, 200):
                pool.root.append(bytes([number]) * (3 * chunks.CHUNK_SIZE // 2))
                wanted.append(bytes([number]) * (3 * chunks.CHUNK_SIZE // 2))
        assert len(wanted) > 20 and list(pool.root) == wanted
        assert pool.check().ok
        demand_right(footers_in_use(pool), 2)


def _heads(path: Path) -> list[tuple[int, int]]:
    """The offset and the word of each chunk header."""
    data = path.read_bytes()
    words = memoryview(data[: len(data) & -8]).cast("Q")
    found = []
    for first, heads in chunks._zones(words):
        at = first - chunks._CHUNKS_AT + chunks._ZONE_HEADER_SIZE
        chunk = 0
        while chunk < len(heads):
            found.append((at + 8 * chunk, heads[chunk]))
            chunk += heads[chunk] >> 32
    return found
