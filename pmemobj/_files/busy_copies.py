"""A copy, in memory, of a pool that another process has open: as of its last commit, while that process goes on.

**With a journal**, the file changes only at checkpoints, and a checkpoint that is cut off is one of the crashes that a
journal is made for: whatever mixture of old and new pages the file has, laying the records over it gives the last
commit. So one pass over the file is enough, if the same generation of the journal lasts from before the pass until
its records were read. For the time of the pass, the owner is asked for no checkpoint (`onlookers`).

**In RAM and in place**, the owner changes the pages of the file themselves. What they have at one moment is what a kill
at that moment would leave, and libpmemobj's logs lead from there to the last commit. `mirror` finds such a moment.

Both are only read. A copy is a pool that was not closed and that needs no journal; whoever opens it recovers it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from pmemobj._durability import file_operations, journal_format, leftover, onlookers
from pmemobj._durability.journal_format import RECORDS, Header
from pmemobj._durability.leftover import Kind, Leftover
from pmemobj._durability.pool_space import PoolSpace
from pmemobj._files import holders, pool_file, poolset, storage
from pmemobj._files.medium import Medium, medium_of
from pmemobj._files.mirror import Mirror, count_data
from pmemobj._format import (
    POOL_HEADER_SIZE,
    POOL_ROOT_OFFSET,
    ROOT_STATE,
    STATE_OPEN,
    WORD,
)
from pmemobj.errors import DiskFullError, PmemError, PoolBusyError

#: Seconds in which a pool must come to rest, after the first pass over its files; to these, some passes are added.
_PATIENCE, _PASSES = 5.0, 5
#: The names of the directories that copies lie in, until they are mapped.
_PREFIX = "pmemobj-onlooker-"
#: Where no file of Linux reaches.
_FARTHEST = 1 << 62
_MEMORY_INFO, _GROUP_INFO, _GROUPS = "/proc/meminfo", "/proc/self/cgroup", "/sys/fs/cgroup"


class BusyCopy(NamedTuple):
    """A copy of a pool that another process has open.

    Attributes:
        path: The copy: a file, or the directory of a growing pool.
        holder: The process that has the original open, in words.
        warning: What the copy lacks, or an empty string.
    """

    path: str
    holder: str
    warning: str


def is_open_elsewhere(path: str) -> bool:
    """Whether there is a pool that another process has open, as far as the system tells without trying its lock."""
    with contextlib.suppress(OSError):
        first = pool_file.first_file(path)
        return holders.holder_of(first) not in (0, os.getpid()) and pool_file.is_pool_file(first)
    return False


def is_refused_for_another(path: str, error: PmemError) -> bool:
    """Whether a pool could not be read since another process has it open; it may even have looked damaged then.

    Args:
        path: The pool.
        error: Why it could not be read.
    """
    if is_open_elsewhere(path):
        return True
    if not isinstance(error, PoolBusyError):
        return False
    with contextlib.suppress(OSError):
        # The system may not tell of processes in other containers; of this process it tells.
        return holders.holder_of(pool_file.first_file(path)) != os.getpid()
    return False


def holder_in_words(path: str) -> str:
    """The process that has a pool open; "another process" if the system does not tell which one that is."""
    pid = 0
    with contextlib.suppress(OSError):
        pid = holders.holder_of(pool_file.first_file(path))
    return (holders.described(pid) if pid else "") or "another process"


def stands_for(holder: str) -> str:
    """What users are told of a copy, as a sentence without its end."""
    return f"open in {holder}; this is its state as of its last commit"


@contextlib.contextmanager
def copied(what: str, path: str, name: str = "") -> Iterator[BusyCopy]:
    """Copy a pool that another process has open; the copy is removed at the end of the block.

    If that process closes the pool meanwhile, or dies, the copy is what it has left.

    Args:
        what: The operation, for errors.
        path: The pool.
        name: How errors call it, if not by its path.

    Raises:
        PoolBusyError: the pool is changed all the time, so that there was no moment to copy it.
        DiskFullError: there is no room for the copy.
        PmemError: it cannot be read.
    """
    holder = holder_in_words(path)
    mirror = Mirror(iter(()))
    try:
        copying = _Copying(what, path, name or path, holder)
        with copying.room() as directory:
            mirror = copying.mirror = Mirror(copying.targets(directory))
            copying.run()
            yield BusyCopy(copying.finish(directory), holder, copying.warning)
    except OSError as error:
        if isinstance(error, PmemError):
            raise
        raise pool_file.translate(what, error, path) from None
    finally:
        mirror.close()


class _Copying:
    """The making of one copy."""

    def __init__(self, what: str, path: str, name: str, holder: str) -> None:
        self._what, self._path, self._name, self._holder = what, path, name, holder
        self._grows = poolset.is_growing_pool(path)
        self._journal = leftover.journal_path(path, self._grows)
        self.mirror = Mirror(iter(()))
        self.warning = ""
        #: Until when there must be a copy of one moment; 0 before the first attempt, which may take as long as it does.
        self._deadline = 0.0

    def targets(self, directory: str) -> Iterator[str]:
        """The paths of the copies of all parts there may be."""
        if not self._grows:
            return iter([os.path.join(directory, "pool")])
        return (os.path.join(directory, poolset.part_name(place)) for place in count())

    # ---- room ----

    @contextlib.contextmanager
    def room(self) -> Iterator[str]:
        """A directory with room for the copy, removed at the end of the block."""
        need = count_data(pool_file.all_files(self._what, self._path))
        with contextlib.suppress(OSError):
            need += os.stat(self._journal).st_size
        place = _place_for(self._what, self._holder, need)
        _sweep(place)
        directory, lock = _directory_in(place)
        try:
            yield directory
        finally:
            storage.remove(directory)
            os.close(lock)

    # ---- the copying ----

    def run(self) -> None:
        """Copy until the copy is that of one moment."""
        begun = time.monotonic()
        while True:
            try:
                if self._attempt():
                    return
            except FileNotFoundError:
                # A part was renamed; or the pool was removed, and then the next line says so.
                os.stat(pool_file.first_file(self._path))
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
            now = time.monotonic()
            self._deadline = self._deadline or now + _PATIENCE + _PASSES * (now - begun)
            if now > self._deadline:
                raise PoolBusyError(
                    self._what,
                    f"the pool is open in {self._holder}, which changes it all the time, so that there was no moment "
                    "to copy it",
                    "try again when that process changes less, or let it make a copy with pool.backup()",
                )

    def _attempt(self) -> bool:
        """Copy what differs; whether the copy is that of one moment now."""
        with onlookers.holding_checkpoints_off(self._journal) as journal:
            before = _header(journal)
            with self.mirror.before(pool_file.all_files(self._what, self._path)) as files:
                changed = self.mirror.catch_up()
                if leftover.names_journal(self._state()):
                    return self._take_records(journal, before, files, not changed)
                return self._find_moment() and self._identities() == files

    def _take_records(self, journal: int, before: Header | None, files: tuple[object, ...], is_steady: bool) -> bool:
        """Lay the records of the journal over the copy, if both are of the same generation."""
        read = b"" if journal < 0 else file_operations.current.read(journal, 1 << 62, 0)
        head = self.mirror.read(0, POOL_HEADER_SIZE)
        beside = leftover.look(self._what, self._path, self._grows, head, self._state())
        if self._identities() != files:
            return False
        if beside.kind is not Kind.PENDING:
            # Its owner may be opening or closing it at this moment; or the journal is missing for good.
            self.warning = beside.why
            return is_steady
        if not before == beside.header == journal_format.read_header(read[:RECORDS]):
            return False
        self.warning = ""
        self._lay_over(beside, read)
        return True

    def _lay_over(self, beside: Leftover, read: bytes) -> None:
        sizes = [size for _, size in pool_file.all_files(self._what, self._path)]
        paths = self.mirror.copies(len(sizes))
        files = list(zip(paths, sizes, strict=True))
        with contextlib.closing(PoolSpace(files)) as space:
            leftover.write_pages(space, beside.overlay(files, read))

    def _find_moment(self) -> bool:
        """Find a moment at which all pages were as they are in the copy, in a pool without a journal."""
        hot = self.mirror.catch_up()
        until = self._deadline or time.monotonic() + _PATIENCE
        while hot:
            moment = self.mirror.still(hot)
            changed = self.mirror.catch_up(() if moment is None else moment)
            if moment is not None and not changed:
                self.mirror.put(moment)
                break
            if time.monotonic() > until:
                return False
            hot = changed | set(moment or ())
        # It may have been closed meanwhile, and opened with a journal.
        return not leftover.names_journal(self._state())

    def _state(self) -> int:
        return int.from_bytes(self.mirror.read(self._state_at(), WORD), "little")

    def _state_at(self) -> int:
        at = int.from_bytes(self.mirror.read(POOL_ROOT_OFFSET, WORD), "little") + ROOT_STATE
        # In a damaged file, any word will do: whoever opens the copy finds the damage.
        return at if at < _FARTHEST else POOL_ROOT_OFFSET

    def _identities(self) -> tuple[tuple[int, int, int], ...]:
        """The files of the pool, as `Mirror.before` knows them."""
        found = []
        for path, size in pool_file.all_files(self._what, self._path):
            status = os.stat(path)
            found.append((status.st_dev, status.st_ino, size))
        return tuple(found)

    # ---- the end ----

    def finish(self, directory: str) -> str:
        """Make a pool of the copies that needs no journal; its path."""
        if leftover.names_journal(self._state()):
            self.mirror.write(self._state_at(), STATE_OPEN.to_bytes(WORD, "little"))
        if not self._grows:
            return self.mirror.copies(1)[0]
        parts = poolset.find(self._what, directory)
        # What the heap does not count is left of a growth that was not finished.
        self.mirror.copies(len(poolset.in_use(self._what, parts, self.mirror.read(0, POOL_HEADER_SIZE))))
        with open(os.path.join(directory, poolset.SET_NAME), "xb") as file:
            file.write(poolset.poolset(poolset.max_size(self._what, self._path), "/proc/self/cwd"))
        return directory


def _header(journal: int) -> Header | None:
    return None if journal < 0 else journal_format.read_header(file_operations.current.read(journal, RECORDS, 0))


# ---- where copies lie --------------------------------------------------------------------------------


def _place_for(what: str, holder: str, need: int) -> str:
    """A directory in memory, or else on a disk, that has room for so many bytes.

    Raises:
        DiskFullError: there is none.
    """
    import tempfile  # few programs need it

    places = (storage.MEMORY, tempfile.gettempdir())
    for place in places:
        if _room_in(place) > need + need // 8:
            return place
    raise DiskFullError(
        what,
        f"it is open in {holder}, so a copy of it is needed, and neither {' nor '.join(places)} has room for its "
        f"{need:,} bytes",
        "free memory, or space there; or close the pool in that process",
    )


def _room_in(place: str) -> int:
    """How many bytes files in a directory may still have."""
    try:
        there = os.statvfs(place)
    except OSError:
        return 0
    if not os.access(place, os.W_OK | os.X_OK):
        return 0
    room = there.f_bavail * there.f_frsize
    return min(room, _free_memory()) if medium_of(place) is Medium.RAM else room


def _free_memory() -> int:
    """How many bytes of memory the system, and the limit of a container, have left; files in memory count there."""
    free = [_numbers(_MEMORY_INFO).get("MemAvailable:", 1 << 40) << 10]
    with contextlib.suppress(OSError), open(_GROUP_INFO, encoding="ascii", errors="replace") as groups:
        for line in groups:
            kind, _, group = line.rstrip("\n").rpartition(":")
            folder = f"{_GROUPS}{group}"
            limit = _numbers(f"{folder}/memory.max").get("", -1)
            if kind == "0:" and limit >= 0:
                used = _numbers(f"{folder}/memory.current").get("", 0)
                cached = _numbers(f"{folder}/memory.stat")
                free.append(limit - used + cached.get("inactive_file", 0) + cached.get("active_file", 0))
    return max(0, min(free))


def _numbers(path: str) -> dict[str, int]:
    """The numbers in a file of the system, by their names; a number that stands alone has an empty name."""
    found = {}
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            words = line.split()
            name, number = ("", *words) if len(words) == 1 else (*words, "", "")[:2]
            if number.isdigit():
                found[name] = int(number)
    return found


def _directory_in(place: str) -> tuple[str, int]:
    """A new directory, and a descriptor whose lock says that a process uses it."""
    import tempfile

    while True:
        directory = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH)
        if os.path.isdir(directory):
            return directory, lock
        os.close(lock)  # another process has taken it for one that was left behind


def _sweep(place: str) -> None:
    """Remove copies that killed processes have left; the system has dropped their locks."""
    left: list[str] = []
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        left = [entry.path for entry in entries if entry.name.startswith(_PREFIX)]
    for directory in left:
        with contextlib.suppress(OSError):
            lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                storage.remove(directory)
            finally:
                os.close(lock)
