"""Which pools lie in a folder, told from their files without opening any of them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pmemobj._files import poolset
from pmemobj._files.holders import holder_of, lock_holders
from pmemobj._files.medium import Medium, medium_of
from pmemobj._files.pool_file import checked_path, first_file, identify, is_pool_file
from pmemobj._format import STATE_CLEAN, STATE_SUSPENDED
from pmemobj._public_names import public_in
from pmemobj.errors import PmemError

__all__ = ["PoolOnDisk", "PoolState", "find_pools", "pool_on_disk"]

#: The most files and folders that a search looks at; a folder such as a home may have millions.
_MOST_ENTRIES = 20_000


@public_in("pmemobj.inspect")
class PoolState(Enum):
    """The state of a pool that is not looked into; the value is the text for people."""

    CLOSED = "closed properly"
    UNCLOSED = "not closed by its last program; the next open recovers it"
    IN_USE = "open in a program"
    DAMAGED = "damaged"
    UNUSABLE = "cannot be opened"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class PoolOnDisk:
    """What the files of a pool tell about it.

    Attributes:
        path: The file, or the directory of a growing pool, below the folder that was searched.
        size: Bytes of all its files together.
        grows: Whether it grows by itself.
        medium: The kind of memory that it lies on.
        state: Whether it can be opened.
        pid: The number of the process that has it open; 0 if none has, or the system does not tell.
        why: What is wrong with a pool that is damaged or cannot be opened; otherwise an empty string.
    """

    path: str
    size: int
    grows: bool
    medium: Medium
    state: PoolState
    pid: int = 0
    why: str = ""


@public_in("pmemobj.inspect")
def find_pools(
    folder: str | os.PathLike[str] = ".", *, depth: int = 3, most: int = 200, seconds: float = 2.0
) -> list[PoolOnDisk]:
    """The pools in a folder and in the folders below it, without those whose names begin with a dot.

    No pool is opened and nothing is changed. Symbolic links to folders are not followed.

    Args:
        folder: Where to search.
        depth: How many levels of folders below it to search.
        most: The largest number of pools to return.
        seconds: How long to search; what is found by then is returned.

    Returns:
        The pools in the order of their paths.

    Raises:
        TypeError, ValueError: `folder` is no path, or a limit is no number, or negative.
        OSError: the folder cannot be read.

    Cost: one system call for each file, and some milliseconds for each pool.

    Example::

        import pmemobj
        from pmemobj import inspect

        pmemobj.create("bank.pmem", 16 << 20).close()
        for found in inspect.find_pools("."):
            print(found.path, found.size, found.state.value)
    """
    top = checked_path("search", folder)
    _demand_limits(depth=depth, most=most, seconds=seconds)
    deadline = time.monotonic() + seconds
    os.scandir(top).close()  # raises here and not in the middle, if there is no such folder
    found = []
    holders = lock_holders()
    for path in _candidates(top, depth):
        found.append(pool_on_disk(path, holders))
        if len(found) >= most or time.monotonic() > deadline:
            break
    return sorted(found, key=lambda pool: pool.path)


def _demand_limits(**limits: Any) -> None:
    for name, limit in limits.items():
        kinds = (int, float) if name == "seconds" else (int,)
        if not isinstance(limit, kinds):
            raise TypeError(f"cannot search with {name}={limit!r}: it is no number of this kind (give 0 or more)")
        if not limit >= 0:
            raise ValueError(f"cannot search with {name}={limit}: it is not 0 or more (give a larger number)")


def pool_on_disk(path: str, holders: dict[tuple[int, int], int] | None = None) -> PoolOnDisk:
    """What the files of one pool tell.

    Args:
        path: The file, or the directory of a growing pool.
        holders: What `lock_holders` returned, if it was called already.
    """
    grows = poolset.is_growing_pool(path)
    pid = _holder(path, holders)
    size, medium, why = _size_of(path), medium_of(path), ""
    try:
        file = identify(path)
    except PmemError as error:
        state, why = PoolState.UNUSABLE, error.why
    else:
        size = file.size
        is_closed = file.state in (STATE_CLEAN, STATE_SUSPENDED)
        why = file.log_damage or (file.heap_damage if is_closed else "")
        state = PoolState.DAMAGED if why else PoolState.CLOSED if is_closed else PoolState.UNCLOSED
    if pid:
        state, why = PoolState.IN_USE, ""
    return PoolOnDisk(path, size, grows, medium, state, pid, why)


def _candidates(top: str, depth: int) -> Iterator[str]:
    """Everything that looks like a pool, folder by folder, the nearest ones first."""
    level, looked_at = [top], 0
    for _ in range(depth + 1):
        below: list[str] = []
        for folder in level:
            for entry in _entries(folder):
                looked_at += 1
                if looked_at > _MOST_ENTRIES:
                    return
                path = os.path.normpath(entry.path)
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        if poolset.is_growing_pool(path):
                            yield path
                        else:
                            below.append(path)
                    elif is_pool_file(path):
                        yield path
        level = below


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.name[:1] != "."), key=lambda entry: entry.name)
    except OSError:
        return []


def _size_of(path: str) -> int:
    with contextlib.suppress(OSError):
        if os.path.isdir(path):
            return sum(entry.stat().st_size for entry in os.scandir(path))
        return os.stat(path).st_size
    return 0


def _holder(path: str, holders: dict[tuple[int, int], int] | None) -> int:
    with contextlib.suppress(OSError):
        return holder_of(first_file(path), holders)
    return 0
