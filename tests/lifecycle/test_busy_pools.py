"""Pools that another process has open are looked at as of their last commit, while that process goes on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from conftest import MIB, PATIENCE, child_environment, put_away
from soundness import assert_sound

import pmemobj
from pmemobj import crash, inspect
from pmemobj._durability import journal as journal_module
from pmemobj._durability import onlookers
from pmemobj._durability.leftover import journal_path
from pmemobj._files import busy_copies, holders, storage
from pmemobj._files.mirror import Mirror
from pmemobj._pmdk import interposition, library

# What copies a pool is never compiled.
pytestmark = pytest.mark.once

library.load()
needs_journal = pytest.mark.skipif(bool(interposition.problem()), reason="libpmem's functions cannot be replaced here")

#: How often each pool is looked at.
LOOKS = int(os.environ.get("PMEMOBJ_TEST_LOOKS", "12"))

Spawn = Callable[..., "Popen[str]"]

#: In each transaction, everything is made to fit to one number, which is told when it is committed: by memory that is
#: shared, since a pipe that nobody reads at the moment would make the writer wait.
WRITER = """
import mmap, sys, pmemobj
from pmemobj._durability import journal
path, durability, small = sys.argv[1], sys.argv[2], sys.argv[4] == "small"
with open(sys.argv[3], "rb+") as file:
    told = mmap.mmap(file.fileno(), 8)
if small:
    journal.MOST_PAGES = 40
pool = pmemobj.open(path, durability=None if durability == "memory" else durability)
assert pool.durability == durability
root = pool.root
number = root["a"]
print("open", flush=True)
while True:
    number += 1
    with pool.transaction():
        root["a"] = number
        if number % 100 == 0:
            root["list"].clear()
        else:
            root["list"].append(number)
        root["text"] = "x" * (number % 30)
        root["b"] = number
    told[:] = number.to_bytes(8, "little")
"""

#: Opens a pool, carries out the lines that it reads, and tells when each is done.
KEEPER = """
import sys, pmemobj
pool = pmemobj.open(sys.argv[1], durability=sys.argv[2] if len(sys.argv) > 2 else None)
root = pool.root
print("open", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""

MODES = [
    pytest.param("memory", id="memory"),
    pytest.param("in-place", id="in-place"),
    pytest.param("full", id="full", marks=needs_journal),
    pytest.param("relaxed", id="relaxed", marks=needs_journal),
]


class Writer:
    """A process that does nothing but commit."""

    def __init__(self, spawn: Spawn, path: Path, durability: str, small: bool = False) -> None:
        self._told = path.parent / "told"
        self._told.write_bytes(bytes(8))
        self.child = spawn(WRITER, path, durability, self._told, "small" if small else "")
        assert self.child.stdout is not None and self.child.stdout.readline() == "open\n"

    @property
    def told(self) -> int:
        """The last number that was told."""
        return int.from_bytes(self._told.read_bytes(), "little")


class Keeper:
    """A process that has a pool open, and does what it is told."""

    def __init__(self, child: Popen[str]) -> None:
        self.child, self.pid = child, child.pid
        assert child.stdout is not None and child.stdout.readline() == "open\n"

    def do(self, line: str) -> None:
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "done\n"

    def end(self) -> None:
        """Let it close its pool and end."""
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.stdin = None
        assert self.child.wait(PATIENCE) == 0


@pytest.fixture
def keep(spawn: Spawn) -> Callable[..., Keeper]:
    return lambda path, *mode: Keeper(spawn(KEEPER, path, *mode))


@pytest.fixture(autouse=True)
def memory(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that copies are made in; nothing must be left there."""
    place = scratch / "memory"
    place.mkdir()
    monkeypatch.setattr(storage, "MEMORY", str(place))
    monkeypatch.setattr(storage, "_place_in_memory", lambda: str(place))
    yield place
    assert list(place.iterdir()) == []


def made(path: Path, grows: bool = False, durability: str = "memory") -> Path:
    sizes: dict[str, Any] = {"pool_size": "auto", "max_size": 64 * MIB} if grows else {"pool_size": 16 * MIB}
    if durability in ("full", "relaxed"):
        sizes["durability"] = durability
    with pmemobj.create(path, **sizes) as pool:
        pool.root = pool.persistent({"a": 0, "b": 0, "list": [], "text": ""})
    return path


def trace(path: Path) -> dict[str, tuple[str, int, int]]:
    """Everything that would show a change of a pool or of its journal."""
    files = sorted(path.iterdir()) if path.is_dir() else [path, Path(journal_path(str(path), False))]
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_size, file.stat().st_mtime_ns)
        for file in files
        if file.exists()
    }


def demand_whole(a: int, b: int, length: int, text: int, at_least: int) -> None:
    assert a == b and length == a % 100 and text == a % 30, "half a transaction is seen"
    assert a >= at_least, "a commit is missing that was acknowledged before"


def slots_of(path: Path) -> dict[str, inspect.Slot]:
    graph = inspect.walk_file(path)
    assert graph.start.target is not None
    return {slot.label: slot for slot in graph.nodes[graph.start.target].slots} | {
        "length": inspect.Slot("", str(graph.nodes[graph.nodes[graph.start.target].slots[2].target or 0].count))
    }


# ---- while it is changed -----------------------------------------------------------------------------


@pytest.mark.parametrize("durability", MODES)
@pytest.mark.parametrize("grows", [False, True], ids=["file", "growing"])
def test_a_look_is_whole_and_not_old(scratch: Path, tmp_path: Path, spawn: Spawn, durability: str, grows: bool) -> None:
    folder = scratch if durability == "memory" else tmp_path
    path = made(folder / "pool", grows, durability)
    writer = Writer(spawn, path, durability, small=grows)
    last = 0
    for look in range(LOOKS):
        told_before = max(writer.told, last)
        if look % 10 == 5:
            with pmemobj.open(path, sandbox=True) as pool:
                assert pool.held_by.startswith(f"process {writer.child.pid} (") and pool.recovered
                root = pool.root
                last = root["a"]
                demand_whole(last, root["b"], len(root["list"]), len(root["text"]), told_before)
                assert_sound(pool)
                root["list"].extend(range(1000))
        elif look % 10 == 9:
            report = pmemobj.check(path)
            assert report.ok, report
        else:
            slots = slots_of(path)
            last = int(slots["'a'"].text)
            text = slots["'text'"].text.strip("'")
            demand_whole(last, int(slots["'b'"].text), int(slots["length"].text), len(text), told_before)
    assert writer.child.poll() is None and writer.told > 0
    writer.child.send_signal(signal.SIGKILL)
    writer.child.wait()
    with pmemobj.open(path) as pool:
        assert pool.root["a"] == pool.root["b"] >= last
        assert_sound(pool)


# ---- what happens to its owner meanwhile -------------------------------------------------------------


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[int]]:
    """``meanwhile(do)`` does something after the first pass over the files; it returns a list that counts passes."""

    def arrange(do: Callable[[], object]) -> list[int]:
        passes: list[int] = []
        catch_up = Mirror.catch_up

        def then(self: Mirror, *spared: Any) -> set[int]:
            changed = catch_up(self, *spared)
            passes.append(len(changed))
            if len(passes) == 1:
                do()
            return changed

        monkeypatch.setattr(Mirror, "catch_up", then)
        return passes

    return arrange


@pytest.mark.parametrize("durability", MODES)
@pytest.mark.parametrize("grows", [False, True], ids=["file", "growing"])
@pytest.mark.parametrize("how", ["closes", "dies", "opens again"])
def test_its_owner_goes(
    scratch: Path,
    tmp_path: Path,
    keep: Callable[..., Keeper],
    meanwhile: Callable[..., list[int]],
    durability: str,
    grows: bool,
    how: str,
) -> None:
    path = made((scratch if durability == "memory" else tmp_path) / "pool", grows, durability)
    mode = () if durability == "memory" else (durability,)
    keeper = keep(path, *mode)
    keeper.do("root['a'] = root['b'] = 7")

    def go() -> None:
        keeper.do("root['a'] = 8; root['list'].extend(range(5000))")
        if how == "dies":
            keeper.child.kill()
            keeper.child.wait()
        else:
            keeper.end()
        if how == "opens again":
            keep(path, *mode).do("root['a'] = 9")

    meanwhile(go)
    slots = slots_of(path)
    wanted = {"closes": (8,), "dies": (8,), "opens again": (9,)}[how]
    if durability in ("full", "relaxed") and how == "dies":
        wanted = (7, 8)  # the journal was read after the pass, so that it may have both
    assert int(slots["'a'"].text) in wanted and slots["'b'"].text == "7"


@needs_journal
def test_checkpoints_meanwhile_are_noticed(
    tmp_path: Path, keep: Callable[..., Keeper], meanwhile: Callable[..., list[int]]
) -> None:
    path = made(tmp_path / "pool", durability="full")
    keeper = keep(path, "full")
    passes = meanwhile(lambda: keeper.do("root['a'] = 1; pool._heap.journal.checkpoint(); root['b'] = 1"))
    with pmemobj.open(path, sandbox=True) as pool:
        assert (pool.root["a"], pool.root["b"]) == (1, 1)
    assert len(passes) == 2


@needs_journal
def test_a_part_that_is_added_meanwhile(
    tmp_path: Path, keep: Callable[..., Keeper], meanwhile: Callable[..., list[int]]
) -> None:
    path = tmp_path / "pool"
    with pmemobj.create(path, "auto", max_size=1 << 30, durability="full") as pool:
        pool.root = pool.persistent({"big": None})
    keeper = keep(path, "full")
    meanwhile(lambda: keeper.do("root['big'] = bytes(16 << 20); root['after'] = 'it grew'"))
    with pmemobj.open(path, sandbox=True) as pool:
        assert pool.root["after"] == "it grew" and len(pool.root["big"]) == 16 * MIB
        assert pool.size > 100 * MIB and pool.max_size == 1 << 30
        assert_sound(pool)


def test_it_is_removed_meanwhile(
    scratch: Path, keep: Callable[..., Keeper], meanwhile: Callable[..., list[int]]
) -> None:
    path = made(scratch / "pool")
    keeper = keep(path)

    def go() -> None:
        keeper.end()
        pmemobj.remove(path)

    meanwhile(go)
    with pytest.raises(pmemobj.PoolNotFoundError):
        pmemobj.open(path, sandbox=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_look_leaves_nothing(
    scratch: Path, keep: Callable[..., Keeper], meanwhile: Callable[..., list[int]], error: type[BaseException]
) -> None:
    path = made(scratch / "pool")
    keep(path)

    def go() -> None:
        raise error

    meanwhile(go)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(error):
        pmemobj.open(path, sandbox=True)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_pool_that_never_rests(scratch: Path, keep: Callable[..., Keeper], monkeypatch: pytest.MonkeyPatch) -> None:
    """After each pass over the files, a page is changed that was never changed before."""
    monkeypatch.setattr(busy_copies, "_PATIENCE", 0.3)
    path = scratch / "pool"
    with pmemobj.create(path, 32 * MIB) as pool:
        pool.root = pool.new(pmemobj.PersistentByteArray, 16 * MIB)
    keeper = keep(path)
    keeper.do("page = 0")
    catch_up = Mirror.catch_up

    def then(self: Mirror, *spared: Any) -> set[int]:
        changed = catch_up(self, *spared)
        keeper.do("page += 1; root[4096 * page] = 1")
        return changed

    monkeypatch.setattr(Mirror, "catch_up", then)
    for look in (lambda: pmemobj.open(path, sandbox=True), lambda: inspect.walk_file(path)):
        with pytest.raises(pmemobj.PoolBusyError, match="changes it all the time") as caught:
            look()
        assert f"process {keeper.pid} (" in caught.value.why and "pool.backup()" in caught.value.todo
    keeper.do("assert 4 < page < 4000")


# ---- checkpoints are held off ------------------------------------------------------------------------


@needs_journal
def test_checkpoints_wait_for_onlookers_within_a_bound(
    scratch: Path, short_journal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pmemobj.create(scratch / "pool", 16 * MIB, durability="full") as pool:
        pool.root = pool.persistent(list(range(5000)))
        journal = pool._heap.journal
        assert journal is not None

        def commits_until(done: Callable[[], bool]) -> int:
            for number in range(5000):
                if done():
                    return number
                pool.root[number] = "x" * 20
            raise AssertionError("never done")

        journal.checkpoint()
        made = journal.checkpoints
        usual = commits_until(lambda: journal.checkpoints > made)
        made, size = journal.checkpoints, os.path.getsize(journal.path)
        with onlookers.holding_checkpoints_off(journal.path) as descriptor:
            assert descriptor >= 0 and onlookers.are_there(journal._made.file)
            for number in range(2 * usual):
                pool.root[number] = "y" * 20
            assert journal.checkpoints == made and os.path.getsize(journal.path) > size
            # One that is stopped for good must not fill the disk.
            commits_until(lambda: journal.checkpoints > made)
            assert os.path.getsize(journal.path) <= 4 * journal._limit + MIB
        assert not onlookers.are_there(journal._made.file)
        made = journal.checkpoints
        limit, journal._limit = journal._limit, 64 * MIB  # then it is the memory of the pages that is bounded
        monkeypatch.setattr(journal_module, "MOST_PAGES", 10)
        with onlookers.holding_checkpoints_off(journal.path):
            assert 0 < commits_until(lambda: journal.checkpoints > made) < 5000
        journal._limit = limit
        monkeypatch.setattr(journal_module, "MOST_PAGES", 30)
        journal.checkpoint()
        made = journal.checkpoints
        assert commits_until(lambda: journal.checkpoints > made) <= 2 * usual
        assert os.path.getsize(journal.path) <= journal._limit
    with pmemobj.open(scratch / "pool") as pool:
        assert pool.check().ok


def test_where_there_is_no_journal(scratch: Path) -> None:
    with onlookers.holding_checkpoints_off(str(scratch / "none")) as descriptor:
        assert descriptor == -1
    read, write = os.pipe()  # of a kind that has no locks
    assert not onlookers.are_there(read)
    os.close(read)
    os.close(write)


# ---- what is left alone ------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", MODES)
@pytest.mark.parametrize("grows", [False, True], ids=["file", "growing"])
def test_the_pool_and_its_journal_stay_as_they_are(
    scratch: Path, tmp_path: Path, keep: Callable[..., Keeper], durability: str, grows: bool
) -> None:
    path = made((scratch if durability == "memory" else tmp_path) / "pool", grows, durability)
    keeper = keep(path, *(() if durability == "memory" else (durability,)))
    keeper.do("root['a'] = 5; pool.transaction().begin(); root['b'] = 6")
    before = trace(path)
    assert len(before) == (2 if grows else 1) + (durability in ("full", "relaxed"))
    with pmemobj.open(path, sandbox=True) as pool:
        assert dict(pool.root)["b"] == 0 and pool.root["a"] == 5, "what is not committed is not seen"
        pool.root["list"].extend(range(1000))
        pool.root["text"] = "changed"
        with pytest.raises(pmemobj.SandboxError):
            pool.suspend()
        assert pool.is_at(path) and pool in pmemobj.open_pools() and pool.durability == "none"
    slots = slots_of(path)
    assert (slots["'a'"].text, slots["'b'"].text) == ("5", "0")
    report = pmemobj.check(path)
    assert report.ok and report.path == str(path)
    (finding,) = report.findings
    assert (finding.severity, finding.path) == ("information", "process")
    assert finding.text.startswith(f"open in process {keeper.pid} (")
    assert finding.text.endswith("); this is its state as of its last commit")
    assert trace(path) == before
    keeper.do("root['b'] = 7; pool.abandon_transaction(); assert root['b'] == 0")
    keeper.end()
    with pmemobj.open(path) as pool:
        assert not pool.recovered and not pool.held_by and pool.root["a"] == 5


def test_a_growing_pool_grows_in_its_sandbox(scratch: Path, memory: Path, keep: Callable[..., Keeper]) -> None:
    path = scratch / "pool"
    with pmemobj.create(path, "auto", max_size=1 << 30) as pool:
        pool.root = pool.persistent({})
    keep(path)
    with pmemobj.open(path, sandbox=True) as pool:
        pool.root["big"] = bytes(50 * MIB)
        assert pool.size > 50 * MIB
        assert [list(place.iterdir()) for place in memory.iterdir()] == [[]]
        assert_sound(pool)
    assert sorted(file.name for file in path.iterdir()) == ["000000.pmem", "pool.set"]


def test_a_sandbox_of_a_sandbox(scratch: Path, keep: Callable[..., Keeper], spawn: Spawn) -> None:
    """The first has the lock of the file, and changes nothing in it."""
    path = made(scratch / "pool")
    first = Keeper(spawn(KEEPER.replace("durability=sys.argv[2] if len(sys.argv) > 2 else None", "sandbox=True"), path))
    first.do("root['a'] = 1")
    with pmemobj.open(path, sandbox=True) as pool:
        assert pool.root["a"] == 0 and pool.held_by and not pool.recovered


def test_the_crash_lab_sees_the_copy(scratch: Path, keep: Callable[..., Keeper]) -> None:
    path = made(scratch / "pool")
    keeper = keep(path)
    keeper.do("root['a'] = 1")
    with pmemobj.open(path, sandbox=True) as pool:
        keeper.do("root['a'] = 2; root['list'].extend(range(1000))")
        recording = crash.record(pool, lambda: pool.root.__setitem__("b", 3), rolled_back=True)
        assert recording.explore(lambda other: dict(other.root)["a"] == 1 and len(other.root["list"]) == 0).ok
        assert crash.kill_here(pool).ok
        with pytest.raises(pmemobj.SandboxError):
            crash.kill(pool, lambda: None)
    keeper.do("assert root['a'] == 2")


# ---- what is refused ---------------------------------------------------------------------------------


def test_without_a_sandbox_it_stays_busy(scratch: Path, keep: Callable[..., Keeper]) -> None:
    path = made(scratch / "pool")
    keeper = keep(path)
    with pytest.raises(pmemobj.PoolBusyError) as caught:
        pmemobj.open(path)
    assert f"process {keeper.pid} (" in caught.value.why and "sandbox=True" in caught.value.todo
    with pytest.raises(pmemobj.PoolBusyError):
        pmemobj.remove(path)


def test_one_process_has_one_copy(scratch: Path, keep: Callable[..., Keeper]) -> None:
    path = made(scratch / "pool")
    keep(path)
    with pmemobj.open(path, sandbox=True) as pool:
        with pytest.raises(pmemobj.PoolBusyError, match="this process has it open, or a copy of it"):
            pmemobj.open(path, sandbox=True)
        assert pool.root["a"] == 0
        assert inspect.walk_file(path).total == 2
    pmemobj.open(path, sandbox=True).close()


def test_of_its_own_process_no_copy_is_made(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(scratch / "pool")
    with pmemobj.open(path) as pool:
        for look in (lambda: pmemobj.open(path, sandbox=True), lambda: pmemobj.check(path)):
            with pytest.raises(pmemobj.PoolBusyError, match="in this process") as caught:
                look()
            assert "sandbox" not in caught.value.todo
        assert inspect.walk_file(path).pool == "pool"
        monkeypatch.setattr(holders, "lock_holders", dict)  # as where the system tells nothing
        with pytest.raises(pmemobj.PoolBusyError, match="this process has it open, or a copy of it"):
            pmemobj.open(path, sandbox=True)
        pool.root["a"] = 1


def test_where_the_system_does_not_tell_who_has_it(
    scratch: Path, keep: Callable[..., Keeper], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(scratch / "pool")
    keep(path).do("root['a'] = 1")
    monkeypatch.setattr(holders, "lock_holders", dict)
    with pmemobj.open(path, sandbox=True) as pool:
        assert pool.root["a"] == 1 and pool.held_by == "another process"
    report = pmemobj.check(path)
    assert report.ok and "open in another process;" in str(report)


HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "rb+")
fcntl.flock(file, fcntl.LOCK_EX)
print("open", flush=True)
sys.stdin.read()
"""


def held(spawn: Spawn, path: Path) -> None:
    child = spawn(HOLDER, path)
    assert child.stdout is not None and child.stdout.readline() == "open\n"


def test_a_file_that_is_no_pool_is_not_copied(scratch: Path, spawn: Spawn) -> None:
    path = scratch / "text"
    path.write_text("no pool " * 1000)
    held(spawn, path)
    with pytest.raises(pmemobj.NotAPoolError):
        pmemobj.open(path, sandbox=True)
    with pytest.raises(pmemobj.NotAPoolError):
        inspect.walk_file(path)
    (finding,) = pmemobj.check(path).errors
    assert finding.path == "header"


@pytest.mark.parametrize("size", [5000, MIB, 16 * MIB])
def test_a_damaged_pool_that_is_held(scratch: Path, spawn: Spawn, size: int) -> None:
    path = made(scratch / "pool")
    os.truncate(path, size)
    with open(path, "rb+") as file:
        file.seek(4096)
        file.write(b"\xff" * min(4096, size - 4096))
    held(spawn, path)
    with pytest.raises(pmemobj.PmemError) as caught:
        pmemobj.open(path, sandbox=True)
    assert isinstance(caught.value, (pmemobj.PoolDamagedError, pmemobj.PoolVersionError, pmemobj.PoolLayoutError))
    assert "memory" not in caught.value.what
    assert not pmemobj.check(path).ok


@needs_journal
def test_its_journal_is_missing(tmp_path: Path, keep: Callable[..., Keeper]) -> None:
    path = made(tmp_path / "pool", durability="full")
    keeper = keep(path, "full")
    keeper.do("root['a'] = 1")
    os.unlink(journal_path(str(path), False))
    with pytest.warns(RuntimeWarning, match="without its last commits: its last commits are in the journal"):
        pool = pmemobj.open(path, sandbox=True)
    assert pool.root["a"] == 0
    put_away(pool)
    report = pmemobj.check(path)
    assert [finding.path for finding in report.errors] == ["journal"]


def test_there_is_no_room(scratch: Path, keep: Callable[..., Keeper], monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(scratch / "pool")
    keeper = keep(path)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch / "memory"))
    monkeypatch.setattr(busy_copies, "_free_memory", lambda: 100_000)
    for look in (lambda: pmemobj.open(path, sandbox=True), lambda: pmemobj.check(path)):
        with pytest.raises(pmemobj.DiskFullError) as caught:
            look()
        assert f"open in process {keeper.pid} (" in caught.value.why and "has room for its" in caught.value.why
        assert "free memory" in caught.value.todo


def test_memory_that_is_free_is_known(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MIB < busy_copies._free_memory() < 1 << 50
    for name, text in {
        "meminfo": "MemTotal:  900 kB\nMemAvailable:  800 kB\n",
        "cgroup": "1:cpu:/other\n0::/mine\n",
        "groups/mine/memory.max": "500000\n",
        "groups/mine/memory.current": "450000\n",
        "groups/mine/memory.stat": "anon 1\ninactive_file 1000\nactive_file 2000\n",
    }.items():
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_text(text)
    monkeypatch.setattr(busy_copies, "_MEMORY_INFO", str(scratch / "meminfo"))
    monkeypatch.setattr(busy_copies, "_GROUP_INFO", str(scratch / "cgroup"))
    monkeypatch.setattr(busy_copies, "_GROUPS", str(scratch / "groups"))
    assert busy_copies._free_memory() == 53_000
    (scratch / "groups/mine/memory.max").write_text("max\n")
    assert busy_copies._free_memory() == 800 << 10
    (scratch / "cgroup").unlink()
    assert busy_copies._free_memory() == 800 << 10


def test_what_killed_onlookers_left_is_removed(scratch: Path, memory: Path, keep: Callable[..., Keeper]) -> None:
    path = made(scratch / "pool")
    keep(path)
    onlooker = Popen(
        [
            sys.executable,
            "-c",
            "import os, signal, sys\nfrom pmemobj._files import busy_copies, storage\n"
            "storage.MEMORY = sys.argv[2]\n"
            "with busy_copies.copied('look', sys.argv[1]): print('copied', flush=True); sys.stdin.read()",
            str(path),
            str(memory),
        ],
        env=child_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with onlooker:
        assert onlooker.stdout is not None and onlooker.stdout.readline() == "copied\n"
        inspect.walk_file(path)
        assert len(list(memory.iterdir())) == 1, "that of a living process stays"
        onlooker.kill()
    assert len(list(memory.iterdir())) == 1
    inspect.walk_file(path)
    assert list(memory.iterdir()) == []


# ---- the command line --------------------------------------------------------------------------------


def test_the_command_line(scratch: Path, keep: Callable[..., Keeper], run_python: Callable[..., Any]) -> None:
    path = made(scratch / "pool")
    keeper = keep(path)
    keeper.do("root['a'] = 5; pool.transaction().begin(); root['a'] = 6")

    def command(*words: object) -> Any:
        code = "import sys; from pmemobj.__main__ import main; sys.exit(main(sys.argv[1:]))"
        return run_python(code, *words, check=False)

    whose = f"open in process {keeper.pid} ("
    info = command("info", path)
    (line,) = [line for line in info.stdout.splitlines() if line.startswith("state")]
    assert info.returncode == 0 and line.startswith(f"state   {whose}") and "commits" not in info.stdout
    facts = json.loads(command("info", path, "--json").stdout)
    assert facts["held_by"].startswith(f"process {keeper.pid} (") and facts["durability"] == "none"
    tree = command("tree", path)
    assert tree.stdout.splitlines()[-1].startswith(f"({whose}") and "5" in tree.stdout
    assert json.loads(command("tree", path, "--json").stdout)["held_by"] == facts["held_by"]
    checked = command("check", path)
    assert checked.returncode == 0 and f"information: process: {whose}" in checked.stdout
    dumped = command("dump", path)
    assert dumped.returncode == 0 and dumped.stderr.startswith(f"pmemobj: {path} is {whose}")
    assert command("dump", path, "--quiet").stderr == ""
    (scratch / "dump").write_text(dumped.stdout)
    pmemobj.restore(scratch / "dump", scratch / "again")
    with pmemobj.open(scratch / "again") as pool:
        assert pool.root["a"] == 5
    for line in (("gc", path), ("backup", path, scratch / "copy"), ("resize", path)):
        refused = command(*line)
        assert refused.returncode == 3 and "is open already, in process" in refused.stderr
