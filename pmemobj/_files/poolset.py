"""The directory of a growing pool: which files are in it, and in which order they are the pool.

::

    pool.set       says what the directory is, and how large the pool may grow
    000000.pmem    the first part: libpmemobj's header, its logs, the beginning of the heap
    000001.pmem    and so on: each part goes on where the one before ends

libpmemobj adds a part when the heap is full, and trusts the directory when it opens it: it takes
every name that ends in ``.pmem`` for a part, and the number that the name begins with for its
place. So the names are looked at here first, and what a program that was killed while its pool
grew has left is tidied up: a part that the heap does not count yet holds nothing and is removed.
A gap in the numbers is closed, since libpmemobj 1.12 leaves out a number when it failed to grow,
and then could not open the pool again.

``pool.set`` is a poolset file as PMDK's own tools read it, if they are run in the directory: the
path in it is ``/proc/self/cwd/``. So it is right wherever the directory is moved or copied to.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

from pmemobj._format import MIN_PART_SIZE, MIN_POOL_SIZE, POOL_HEADER_SIZE, POOL_HEAP_OFFSET, POOL_HEAP_SIZE, WORD
from pmemobj.errors import PoolDamagedError

SET_NAME = "pool.set"
FIRST_NAME = "000000.pmem"
ENDING = ".pmem"
PAGE = 4096
#: The first lines of a poolset file.
HEAD = ("PMEMPOOLSET", "OPTION SINGLEHDR")
_NAME = re.compile(r"([0-9]{6})\.pmem")
_SET = re.compile(r"PMEMPOOLSET\nOPTION SINGLEHDR\n([0-9]{1,18}) \S+\n", re.ASCII)
_SET_LIMIT = 4096
_COPY = "restore the pool from a copy"


@dataclass(frozen=True, slots=True)
class Part:
    """A part file.

    Attributes:
        number: The one in its name.
        path: The file.
        size: Bytes, in whole pages, which is what libpmemobj uses of it.
    """

    number: int
    path: str
    size: int


def is_growing_pool(path: str) -> bool:
    """Whether `path` is the directory of a growing pool."""
    try:
        # Of a file that is no directory, to ask for a file in it would be slower than to see that.
        if stat.S_ISREG(os.stat(path).st_mode):
            return False
        return stat.S_ISREG(os.stat(os.path.join(path, SET_NAME)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def demand_poolset(what: str, path: str) -> None:
    """Refuse what is a growing pool but for its poolset file.

    Raises:
        PoolDamagedError: that is missing.
    """
    if os.path.isfile(os.path.join(path, FIRST_NAME)):
        raise PoolDamagedError(
            what,
            f"{SET_NAME} is missing in it, so that nothing tells how far the pool may grow",
            f"restore that file from a copy, or put the {SET_NAME} of another growing pool there",
        )


def poolset(max_size: int, directory: str) -> bytes:
    """The text of a poolset file for a growing pool of at most `max_size` bytes."""
    return "\n".join([*HEAD, f"{max_size} {directory}/", ""]).encode()


def max_size(what: str, directory: str) -> int:
    """How many bytes the pool may grow to, as its poolset file says.

    Raises:
        PoolDamagedError: that file says something else.
    """
    with open(os.path.join(directory, SET_NAME), "rb") as file:
        text = file.read(_SET_LIMIT).decode("ascii", "replace")
    found = _SET.fullmatch(text)
    if found is None:
        raise PoolDamagedError(what, f"{SET_NAME} in it is no poolset of a growing pool", _COPY)
    return int(found[1]) & ~(PAGE - 1)


def set_max_size(directory: str, size: int) -> None:
    """Write the poolset file anew; whoever looks finds the old one or the new one.

    Nobody else may have the pool open.
    """
    name = os.path.join(directory, SET_NAME)
    unfinished = f"{name}.new"
    with open(unfinished, "wb") as file:
        file.write(poolset(size & ~(PAGE - 1), "/proc/self/cwd"))
        os.fchmod(file.fileno(), stat.S_IMODE(os.stat(name).st_mode))
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, name)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def find(what: str, directory: str) -> list[Part]:
    """The parts in a directory, in order.

    Raises:
        PoolDamagedError: the first is missing, or a file would be taken for a part.
    """
    parts = []
    for name in os.listdir(directory):
        if name.endswith(ENDING):
            path = os.path.join(directory, name)
            number = _NAME.fullmatch(name)
            status = os.lstat(path)
            if number is None or not stat.S_ISREG(status.st_mode):
                raise PoolDamagedError(
                    what, f"{name!r} in it is no part of a pool", "move it elsewhere, or rename it to another ending"
                )
            parts.append(Part(int(number[1]), path, status.st_size & ~(PAGE - 1)))
    parts.sort(key=lambda part: part.number)
    if not parts or parts[0].number != 0:
        raise PoolDamagedError(what, "its first part is missing", _COPY)
    if parts[0].size < MIN_POOL_SIZE:
        raise PoolDamagedError(what, f"its first part has only {parts[0].size} bytes, so it was cut off", _COPY)
    return parts


def in_use(what: str, parts: list[Part], head: bytes) -> list[Part]:
    """Those of the parts that the heap counts; only the last may be followed by others.

    Args:
        what: What is being done, for errors.
        parts: As `find` gave them.
        head: The first bytes of the first of them.

    Raises:
        PoolDamagedError: there are not enough, or one of them is too short.
    """
    end = _word(head, POOL_HEAP_OFFSET) + _word(head, POOL_HEAP_SIZE)
    found: list[Part] = []
    total = 0
    for part in parts:
        if total >= end:
            break
        if part.size < MIN_PART_SIZE:
            raise PoolDamagedError(what, f"part {part.number} of it has only {part.size} bytes", _COPY)
        found.append(part)
        total += part.size
    if total < end:
        raise PoolDamagedError(what, f"its parts have {total} bytes together where {end} are in use", _COPY)
    return found


def is_tidy(parts: list[Part], used: list[Part]) -> bool:
    """Whether libpmemobj can open the directory as it is."""
    return len(parts) == len(used) and all(part.number == place for place, part in enumerate(used))


def tidy(what: str, directory: str) -> None:
    """Remove what was left of an unfinished growth, and close gaps in the numbers.

    Nobody may have the pool open.
    """
    parts = find(what, directory)
    with open(parts[0].path, "rb") as first:
        used = in_use(what, parts, first.read(POOL_HEADER_SIZE))
    for part in parts[len(used) :]:
        os.unlink(part.path)
    close_gaps(directory, used)


def close_gaps(directory: str, parts: list[Part]) -> None:
    """Number the parts without gaps; it does no harm while they are mapped."""
    for place, part in enumerate(parts):
        if part.number != place:
            os.rename(part.path, os.path.join(directory, f"{place:06}{ENDING}"))


def _word(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + WORD], "little")
