"""The directory of a growing pool: which files are in it, and in which order they are the pool.

::

    pool.set       a poolset file, which marks the directory as a pool and says how large the pool may grow
    000000.pmem    the first part: libpmemobj's header, its logs, the beginning of the heap
    000001.pmem    and so on: each part continues where the part before it ends

libpmemobj adds a part when the heap is full. When it opens the pool, it trusts the directory: it takes every name that
ends in ``.pmem`` for a part, and the number at the beginning of the name for the position of the part. So the names are
checked here first, and what is left after a program was killed while its pool grew is removed: a part that the heap
does not count yet holds nothing. Gaps in the numbers are closed, since libpmemobj 1.12 skips a number when it fails to
grow, and then cannot open the pool again.

PMDK's own tools can read ``pool.set`` if they are run in the directory, since the path in the file is
``/proc/self/cwd/``. So the file stays right wherever the directory is moved or copied to.
"""

from __future__ import annotations

import os
import re
import stat
from itertools import takewhile
from typing import NamedTuple

from pmemobj._durability import file_operations
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


class Part(NamedTuple):
    """A part file.

    Attributes:
        number: The number in its name.
        path: The file.
        size: Bytes, rounded down to whole pages, since libpmemobj does not use the rest.
    """

    number: int
    path: str
    size: int


def is_growing_pool(path: str) -> bool:
    """Whether `path` is the directory of a growing pool."""
    try:
        # Most pools are one file. Asking such a file for its type is quicker than asking for a file in it.
        if stat.S_ISREG(os.stat(path).st_mode):
            return False
        return stat.S_ISREG(os.stat(os.path.join(path, SET_NAME)).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def demand_poolset(what: str, path: str) -> None:
    """Refuse a directory that is a growing pool without its poolset file.

    Raises:
        PoolDamagedError: there is a first part, but no poolset file.
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
    """How many bytes the pool may grow to, according to its poolset file.

    Raises:
        PoolDamagedError: the file is not what `poolset` writes.
    """
    with open(os.path.join(directory, SET_NAME), "rb") as file:
        text = file.read(_SET_LIMIT).decode("ascii", "replace")
    found = _SET.fullmatch(text)
    if found is None:
        raise PoolDamagedError(what, f"{SET_NAME} in it is no poolset of a growing pool", _COPY)
    return int(found[1]) & ~(PAGE - 1)


def set_max_size(directory: str, size: int) -> None:
    """Replace the poolset file; at every moment either the old or the new file has its name.

    No process may have the pool open.
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
        PoolDamagedError: the first part is missing, or libpmemobj would take another file for a part.
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
    """The parts that the heap counts; parts behind these are left of an unfinished growth.

    Args:
        what: The operation, for errors.
        parts: What `find` returned.
        head: The header, from the first part.

    Raises:
        PoolDamagedError: there are not enough parts, or one of them is too short.
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


def finished(parts: list[Part]) -> list[Part]:
    """The parts before the first that libpmemobj was still making when the program was killed.

    Such a part is empty, or has no permissions yet. The heap does not count it, with or without the journal.
    """
    return [parts[0], *takewhile(lambda part: part.size and stat.S_IMODE(os.lstat(part.path).st_mode), parts[1:])]


def is_tidy(parts: list[Part], used: list[Part]) -> bool:
    """Whether libpmemobj can open the directory as it is."""
    return len(parts) == len(used) and all(part.number == place for place, part in enumerate(used))


def tidy(what: str, directory: str) -> None:
    """Remove what is left of an unfinished growth, and close gaps in the numbers.

    No process may have the pool open.
    """
    parts = find(what, directory)
    with open(parts[0].path, "rb") as first:
        used = in_use(what, parts, first.read(POOL_HEADER_SIZE))
    with file_operations.opened_directory(directory) as descriptor:
        for part in parts[len(used) :]:
            file_operations.current.unlink(os.path.basename(part.path), descriptor)
    close_gaps(directory, used)


def part_name(number: int) -> str:
    """The name of the part of this number, from 0."""
    return f"{number:06}{ENDING}"


def close_gaps(directory: str, parts: list[Part]) -> None:
    """Number the parts without gaps. They may be mapped meanwhile, since a mapping does not depend on names."""
    with file_operations.opened_directory(directory) as descriptor:
        for place, part in enumerate(parts):
            if part.number != place:
                file_operations.current.rename(os.path.basename(part.path), part_name(place), descriptor)


def _word(head: bytes, at: int) -> int:
    return int.from_bytes(head[at : at + WORD], "little")
