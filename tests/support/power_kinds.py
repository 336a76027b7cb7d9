"""Kinds of operation in which the power is cut, and what must be in every state that the disk may have then.

A recording is a program that does one kind of operation, with what it was promised after each. A state of it is opened
with the real code, in part of the states after the power was cut again while the pool recovered, up to three times.
Then the contents must be those after the last commit that was acknowledged, or the one that was under way; in relaxed
mode those after any commit since the last that was waited for. Nothing may be damaged, the memory that is free must be
free, and a pool that was closed must be one file that a program with plain libpmemobj can use.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from disk_states import Disk, Event, read_pages, write_pages
from mortal import tried_in_fork
from power_cuts import Before, RecordedDisk, beside, demand_complete, recorded

import pmemobj
from pmemobj._durability import journal
from pmemobj._durability.journal_format import RECORDS
from pmemobj._engine import checker
from pmemobj._files import pool_file
from pmemobj._files.medium import Medium
from pmemobj._format import STATE_CLEAN, STATE_SUSPENDED
from pmemobj._lifecycle import session
from pmemobj._pmdk import chunks

MIB = 1 << 20
KIB = 1 << 10
FULL, RELAXED = "full", "relaxed"
FIXED, GROWING = 8 * MIB, "auto"
#: The name of the pool in the directory that is recorded.
NAME = "pool"
#: How many of the states recover with another power cut; up to so many in a row.
AGAIN, MOST_CUTS = 0.35, 3
#: In one state of so many all memory that is free is allocated.
ALLOCATED = 12
#: So many values of each size are allocated at most.
MOST_VALUES = 50


class Promise(NamedTuple):
    """What the program knows when an operation has returned.

    Attributes:
        state: What the pool has then.
        is_durable: Whether a power cut must not lose it.
        copies: The backups that were made, by their names.
    """

    state: Any
    is_durable: bool
    copies: tuple[tuple[str, Any], ...] = ()


def plain(value: Any) -> Any:
    """A value that can be compared when the pool is gone."""
    if isinstance(value, pmemobj.PersistentList):
        return tuple([plain(item) for item in value])
    if isinstance(value, pmemobj.PersistentDict):
        return tuple(sorted((key, plain(item)) for key, item in value.items()))
    return value


def state_of(pool: pmemobj.PersistentObjectPool) -> Any:
    """Everything that a pool has, but zeros that only take room."""
    root = pool.root
    if root is None:
        return None
    return tuple(sorted((key, len(item) if key == "fill" else plain(item)) for key, item in root.items()))


# ---- what the programs do -----------------------------------------------------------------------------


@dataclass
class Run:
    """A program at work.

    Attributes:
        pool: The open pool.
        disk: What records.
        chance: What the program does.
        turns: How much it does.
        is_relaxed: Whether it waits for no sync.
    """

    pool: pmemobj.PersistentObjectPool
    disk: RecordedDisk
    chance: random.Random
    turns: int
    is_relaxed: bool
    copies: list[tuple[str, Any]] = field(default_factory=list)

    def told(self, is_durable: bool = False) -> None:
        """An operation has returned."""
        self.disk.promise(Promise(state_of(self.pool), is_durable or not self.is_relaxed, tuple(self.copies)))

    def statement(self, turn: int) -> None:
        """One change, durable alone."""
        root = self.pool.root
        kind = self.chance.randrange(6)
        if kind == 0:
            root["n"] = turn
        elif kind == 1:
            root["list"].append(turn)
        elif kind == 2:
            root["text"] = "x" * self.chance.randrange(600)
        elif kind == 3:
            root["dict"][str(turn)] = turn
        elif kind == 4:
            root["list"].extend(range(self.chance.randrange(60)))
        elif root["list"]:
            del root["list"][self.chance.randrange(len(root["list"]))]
        self.told()

    def transaction(self, turn: int) -> None:
        """Many changes, durable together; now and then one that is rolled back."""
        root, chance = self.pool.root, self.chance
        with contextlib.suppress(ZeroDivisionError), self.pool.transaction():
            if chance.randrange(3) == 0:
                root["list"].clear()
                root["dict"].clear()
            root["list"].extend(range(chance.randrange(800)))
            root["dict"].update({str(number): number for number in range(chance.randrange(60))})
            root["n"] = -turn
            if chance.randrange(6) == 0:
                raise ZeroDivisionError
        self.told()


def statements(run: Run) -> None:
    for turn in range(run.turns):
        run.statement(turn)


def transactions(run: Run) -> None:
    for turn in range(run.turns // 2):
        run.transaction(turn)


def publications(run: Run) -> None:
    for turn in range(run.turns // 4):
        size = run.chance.choice((100, 3000, 20_000))
        if turn % 2:
            run.pool.root["big"] = run.pool.persistent([run.chance.randrange(1 << 60) for _ in range(size // 8)])
        else:
            run.pool.root["data"] = run.chance.randbytes(size * 4)
        run.told()


def collections(run: Run) -> None:
    for turn in range(run.turns // 4):
        run.pool.root["big"] = run.pool.persistent([str(turn) * 200, [turn] * 500, bytes(300 * KIB)])
        run.told()
        run.pool.root["big"] = run.pool.root["data"] = None
        run.told()
        run.pool.gc()
        run.told()


def checkpoints(run: Run) -> None:
    for turn in range(run.turns // 4):
        run.transaction(turn)
        run.statement(turn)
        run.pool._heap.journal.checkpoint()
        run.told(True)


def longer_journals(run: Run) -> None:
    for turn in range(run.turns // 8):
        run.pool.root["list"].extend(range(run.chance.choice((100, 3000, 16_000))))
        run.told()
        run.transaction(turn)


def growths(run: Run) -> None:
    size = run.pool.size
    for turn in range(200):
        run.pool.root["list"].append(run.chance.randbytes(100))
        run.told()
        if run.pool.size > size and turn > 3:
            break
        run.pool.root["fill"].append(bytes(200 * KIB))
        run.told()
    assert run.pool.size > size, "the pool must grow"
    for turn in range(run.turns // 4):
        run.statement(turn)


def closings(run: Run) -> None:
    run.pool.root["data"] = bytes(5 * chunks.CHUNK_SIZE)
    run.told()
    run.pool.root["data"] = None
    run.told()
    for turn in range(4):
        run.statement(turn)
        run.transaction(turn)


def backups(run: Run) -> None:
    for turn in range(2):
        run.statement(turn)
        name = f"copy{turn}"
        run.copies.append((name, state_of(run.pool)))
        run.pool.backup(Path(run.pool.path).parent / name)
        run.told(True)
    run.statement(9)


def suspensions(run: Run) -> None:
    for turn in range(3):
        run.statement(turn)
        run.transaction(turn)
        state = state_of(run.pool)
        run.pool.suspend()
        run.disk.promise(Promise(state, True))
        run.pool.resume()
        run.told(True)


def syncs(run: Run) -> None:
    for turn in range(run.turns):
        run.statement(turn)
        if turn % 5 == 4:
            run.pool.sync()
            run.told(True)


def nothing(run: Run) -> None:
    """What is tried is the opening itself."""


def creations(run: Run) -> None:
    run.pool.root = run.pool.persistent(FRESH)
    run.told()
    for turn in range(6):
        run.statement(turn)


FRESH: dict[str, Any] = {"n": 0, "list": [], "dict": {}, "text": "", "big": None, "data": None, "fill": []}


@dataclass(frozen=True)
class Kind:
    """A kind of operation.

    Attributes:
        title: What it is, for the table.
        work: What the program does.
        start: What there is before: "closed", "killed" (a pool with a journal to be replayed), "full" (without room),
            or "nothing".
        sizes: The kinds of pools that can do it.
        modes: The modes in which it differs.
        is_closing: Whether the power is cut while the pool is closed, and else before.
    """

    title: str
    work: Callable[[Run], None]
    start: str = "closed"
    sizes: tuple[int | str, ...] = (FIXED, GROWING)
    modes: tuple[str, ...] = (FULL, RELAXED)
    is_closing: bool = False


KINDS = {
    "opening": Kind("opening with a replay", nothing, "killed"),
    "statement": Kind("statements", statements),
    "transaction": Kind("transactions", transactions),
    "publication": Kind("publication of large values", publications),
    "collection": Kind("garbage collection", collections),
    "checkpoint": Kind("checkpoints", checkpoints),
    "longer journal": Kind("a journal that becomes longer, and short again", longer_journals),
    "growth": Kind("growth", growths, "full", (GROWING,)),
    "close": Kind("closing", closings, is_closing=True),
    "backup": Kind("backup", backups),
    "suspend": Kind("suspending and resuming", suspensions),
    "sync": Kind("`sync` in relaxed mode", syncs, modes=(RELAXED,)),
    "create": Kind("creation", creations, "nothing"),
}


# ---- recording ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def short_journals() -> Iterator[None]:
    """Take tmpfs for a disk, and let journals be soon full; a pool that was not closed is tried in a fork.

    The checking mode is off: it looks for missing snapshots, and would take most of the time.
    """
    short = {"FIRST_SIZE": 80 * KIB, "_LEAST_LIMIT": 128 * KIB, "_MOST_LIMIT": 128 * KIB, "MOST_PAGES": 30}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(session, "medium_of", lambda _: Medium.DISK))
        stack.enter_context(mock.patch.multiple(journal, **short))
        stack.enter_context(mock.patch.object(checker, "wanted", lambda: False))
        stack.enter_context(tried_in_fork())
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error", RuntimeWarning)
        yield


@dataclass(frozen=True)
class Recording:
    """A program that was recorded.

    Attributes:
        before: What there was before.
        events: What happened.
        first: The first event of what is tried, and the next is the one behind the last.
        end: See `first`.
        is_new: Whether there was no pool before.
    """

    before: Before
    events: Sequence[Event]
    first: int
    end: int
    is_new: bool

    @property
    def promises(self) -> list[Promise]:
        return [event.data for event in self.events if event.kind == "promise"]


def prepare(kind: Kind, directory: Path, size: int | str) -> None:
    """Make what there is before the program starts."""
    directory.mkdir()
    if kind.start == "nothing":
        return
    path = directory / NAME
    with pmemobj.create(path, size, durability="in-place") as pool:
        pool.root = pool.persistent(FRESH)
        if kind.start == "full":
            begun = pool.size
            while pool.free > 3 * MIB:
                pool.root["fill"].append(bytes(MIB))
            assert pool.size == begun, "it must not grow yet"
    if kind.start == "killed":
        left = directory.parent / "left"
        with pmemobj.open(path, durability=FULL) as pool:
            run = Run(pool, RecordedDisk(directory), random.Random(3), 30, False)
            transactions(run)
            statements(run)
            _copy(directory, left)
        shutil.rmtree(directory)
        left.rename(directory)


def record(kind: Kind, directory: Path, durability: str, size: int | str, turns: int = 40, seed: int = 1) -> Recording:
    """Let a program work in a new directory, and record it."""
    prepare(kind, directory, size)
    path = directory / NAME
    is_new = kind.start == "nothing"
    with recorded(directory) as (disk, before):
        pool = (
            pmemobj.create(path, size, durability=durability) if is_new else pmemobj.open(path, durability=durability)
        )
        run = Run(pool, disk, random.Random(seed), turns, durability == RELAXED)
        opened = len(disk.events)
        run.told(True)
        kind.work(run)
        done = len(disk.events)
        last = Promise(state_of(pool), True, tuple(run.copies))
        pool.close()
        disk.promise(last)
    demand_complete(disk, before, directory)
    begin, end = (0, opened) if kind.work is nothing else (0 if is_new else opened, done)
    if kind.is_closing:
        begin, end = done, len(disk.events)
    return Recording(before, disk.events, begin, end, is_new)


# ---- states ------------------------------------------------------------------------------------------

Aim = Callable[[Sequence[Event], int], bool]


def moments(recording: Recording, chance: random.Random, count: int, aim: Aim | None = None) -> list[int]:
    """When the power is cut, in order: a third of the times anywhere, a third at moments that are rare, and a third
    anywhere in what is tried; with an `aim`, only at the moments for which it is true."""
    events, end = recording.events, len(recording.events)
    if aim is not None:
        aimed = [moment for moment in range(1, end + 1) if aim(events, moment)]
        return sorted(chance.choice(aimed) for _ in range(count))
    kinds: dict[Any, list[int]] = {}
    for moment in range(recording.first, recording.end + 1):
        near = tuple(_near(event) for event in events[max(0, moment - 2) : moment])
        kinds.setdefault(near, []).append(moment)
    rare = list(kinds.values())
    ways: list[Callable[[], int]] = [
        lambda: chance.randrange(end + 1),
        lambda: chance.choice(chance.choice(rare)),
        lambda: chance.randint(recording.first, recording.end),
    ]
    return sorted(ways[number % 3]() for number in range(count))


def _near(event: Event) -> Any:
    """What makes moments alike: the operation, and whether it writes a header or a single word, such as the state."""
    return event.kind, event.name, event.kind == "write" and (event.offset < RECORDS, len(event.data) == 8)


class Violation(AssertionError):
    """What must be in each state, and is not in this."""


@dataclass
class Tally:
    """What was tried.

    Attributes:
        states: How many states were opened, those of power cuts in a recovery included.
        again: How many of them are of power cuts in a recovery.
        wrong: What was wrong, one line each.
    """

    states: int = 0
    again: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take in what another one has counted."""
        self.states += other.states
        self.again += other.again
        self.wrong += other.wrong


def tried(
    recording: Recording,
    scratch: Path,
    count: int,
    seed: int = 1,
    aim: Aim | None = None,
    at_first: bool = False,
) -> Tally:
    """Open `count` states.

    Args:
        recording: What was recorded.
        scratch: Where the states are put.
        count: How many first states; power cuts in their recovery make more.
        seed: Another one makes other states.
        aim: At which moments the power is cut.
        at_first: Whether to end at the first violation.
    """
    tally, model, done = Tally(), Disk(recording.before), 0
    for number, moment in enumerate(moments(recording, random.Random(seed), count, aim)):
        while done < moment:
            model.do(recording.events[done])
            done += 1
        chance = random.Random(f"{seed} {number}")
        directory = scratch / "cut"
        model.cut(directory, chance)
        try:
            _try(recording, model.promises, directory, chance, tally)
        except Exception as error:  # whatever it is, it is a violation
            said = str(error) if isinstance(error, Violation) else repr(error)
            tally.wrong.append(f"state {number} of seed {seed}, after event {moment}: {said}")
            if at_first:
                return tally
        finally:
            shutil.rmtree(directory)
    return tally


def _try(recording: Recording, promises: list[Promise], directory: Path, chance: random.Random, tally: Tally) -> None:
    tally.states += 1
    allowed = _allowed(recording.promises, len(promises))
    if not (directory / NAME).exists():
        _demand(recording.is_new and not promises, "the pool is not there")
        _demand_creatable(directory)
        return
    for _ in range(MOST_CUTS):
        if chance.random() >= AGAIN:
            break
        allowed = [_cut_again(directory, allowed, chance)]
        tally.states += 1
        tally.again += 1
    _demand_footers(directory / NAME)
    with pmemobj.open(directory / NAME, durability=chance.choice((FULL, RELAXED, "in-place"))) as pool:
        found = state_of(pool)
        _demand(found in allowed, "the pool has neither what was promised nor what was under way")
        _demand(pool.check().ok, f"it is damaged: {pool.check()}")
        if chance.randrange(ALLOCATED) == 0 and found is not None:
            _demand_free_memory(pool)
    _demand(not beside(directory / NAME).exists(), "a pool that was closed has a journal")
    _demand_footers(directory / NAME)
    _demand_copies(recording, promises, directory)


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)


def _allowed(promises: list[Promise], made: int) -> list[Any]:
    """The states that may be there after `made` of the promises."""
    lowest = max((number for number in range(made) if promises[number].is_durable), default=0)
    return [promise.state for promise in promises[lowest : made + 1]]


def _cut_again(directory: Path, allowed: list[Any], chance: random.Random) -> Any:
    """Open the pool, and cut the power meanwhile; what it had, and must have again."""
    with recorded(directory) as (disk, before):
        with pmemobj.open(directory / NAME, durability=chance.choice((FULL, RELAXED))) as pool:
            opened = len(disk.events)
            found = state_of(pool)
        _demand(found in allowed, "after recovery the pool has neither what was promised nor what was under way")
    if chance.randrange(10) == 0:
        demand_complete(disk, before, directory)
    model = Disk(before)
    for event in disk.events[: chance.randint(0, opened if chance.random() < 0.8 else len(disk.events))]:
        model.do(event)
    shutil.rmtree(directory)
    model.cut(directory, chance)
    return found


def _demand_creatable(directory: Path) -> None:
    """What was left of a pool that did not get its name keeps nobody from creating one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the journal of the other pool is put aside
        with pmemobj.create(directory / NAME, FIXED, durability=FULL) as pool:
            pool.root = 1
    with pmemobj.open(directory / NAME) as pool:
        _demand(pool.root == 1, "a new pool has not what was stored")


def _demand_footers(path: Path) -> None:
    """A file that says of itself that it was closed has libpmemobj's footers: other programs follow them."""
    found = pool_file.identify(str(path))
    if found.state not in (STATE_CLEAN, STATE_SUSPENDED):
        return
    with pool_file.FileWords(found.files, {}) as words:
        wrong = [at for at, word in chunks.footers(words) if words[at >> 3] >> 32 != word >> 32]
    _demand(not wrong, f"the pool was closed, and footers are old: {wrong}")


def _demand_free_memory(pool: pmemobj.PersistentObjectPool) -> None:
    """Allocate all that is free: it overwrites nothing."""
    before, size, made = state_of(pool), pool.size, []
    pool.root["filler"] = pool.persistent([])
    for length in (3 * chunks.CHUNK_SIZE // 2, 3000, 200):
        with contextlib.suppress(pmemobj.PoolFullError):
            for _ in range(MOST_VALUES if pool.size == size else 0):
                value = bytes([len(made) % 251 + 1]) * length
                pool.root["filler"].append(value)
                made.append(value)
    _demand(list(pool.root["filler"]) == made, "new values have overwritten one another")
    del pool.root["filler"]
    _demand(state_of(pool) == before, "new values have overwritten what there was")
    _demand(pool.check().ok, f"it is damaged after allocations: {pool.check()}")


def _demand_copies(recording: Recording, promises: list[Promise], directory: Path) -> None:
    all_copies = dict(recording.promises[-1].copies)
    promised = dict(promises[-1].copies) if promises else {}
    for name, state in all_copies.items():
        if not (directory / name).exists():
            _demand(name not in promised, f"the backup {name} has returned, and is not there")
            continue
        with pmemobj.open(directory / name) as pool:
            _demand(not pool.recovered and state_of(pool) == state, f"the backup {name} is not what the pool was")


def _copy(source: Path, target: Path) -> None:
    """Copy a directory; holes stay holes."""
    target.mkdir()
    for path in source.iterdir():
        if path.is_dir():
            _copy(path, target / path.name)
        else:
            write_pages(target / path.name, *read_pages(path))
