"""The sizes that a new pool can have, and the refusal of those that it cannot have."""

from __future__ import annotations

import os
import re
from typing import Any

from pmemobj._files import poolset
from pmemobj._format import MIN_POOL_SIZE
from pmemobj.errors import BadPoolSizeError, DiskFullError

#: Bytes, as a number or as text (``"64M"``); ``"auto"`` for a pool that grows.
PoolSize = int | str

_TEXT = re.compile(r"(\d+)(?:\.(\d+))?\s*(?:([KMGT])(?:i?B)?|B(?:ytes)?)?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}

#: Bytes of a new pool for which the program gives no size.
DEFAULT_POOL_SIZE = 64 * 1024 * 1024
#: Bytes that a growing pool may grow to if the program gives no limit, and at the most. libpmemobj 1.12 has no
#: room to manage more than six zones (of 16 GiB each) that are added while a pool is open.
DEFAULT_MAX_SIZE = 64 * 1024 * 1024 * 1024

#: libpmemobj counts the bytes of a pool in a signed integer of 64 bits.
_LARGEST = (1 << 63) - 1


def bytes_of(what: str, name: str, size: Any) -> Any:
    """The number of bytes that a size given as text means: ``"64M"``, ``"64 MiB"``, ``"1.5G"``, ``"67108864"``.

    K, M, G and T are powers of 1024. What is no text is returned as it is, and so is ``"auto"``, which a `max_size`
    cannot be.

    Args:
        what: The operation, for errors.
        name: The name of the argument, for errors.
        size: The size.

    Raises:
        BadPoolSizeError: the text is no size.
    """
    if not isinstance(size, str) or (size == "auto" and name != "max_size"):
        return size
    match = _TEXT.fullmatch(size.strip())
    if match is None:
        auto = ", or 'auto'" if name == "pool_size" else ""
        raise BadPoolSizeError(what, f"{name} is {size!r:.80}, which is no size", f"write it as in '64M'{auto}")
    whole, part, unit = match[1], match[2] or "", 1024 ** _POWERS[(match[3] or "").upper()]
    return int(whole + part) * unit // 10 ** len(part)


def demand_sizes(what: str, pool_size: Any, max_size: Any) -> tuple[int, int]:
    """Check the sizes that a program gave for a new pool.

    Args:
        what: The operation, for errors, as in "create pool game.pmem".
        pool_size: The size of a pool in one file, or ``"auto"``.
        max_size: What a growing pool may grow to; None for the default.

    Returns:
        The size of the file and 0 for a pool of fixed size; 0 and the limit in whole pages for a growing pool.

    Raises:
        BadPoolSizeError: a size is too small or too large, or a pool of fixed size has a `max_size`.
        TypeError: a size is neither an int nor text.
    """
    pool_size, max_size = bytes_of(what, "pool_size", pool_size), bytes_of(what, "max_size", max_size)
    if pool_size != "auto":
        if max_size is not None:
            raise BadPoolSizeError(
                what, "max_size is for a pool that grows", "give pool_size='auto' too, or leave max_size out"
            )
        _demand_size(what, "pool_size", pool_size, _LARGEST)
        return pool_size, 0
    if max_size is None:
        max_size = DEFAULT_MAX_SIZE
    demand_max_size(what, max_size)
    return 0, max_size & ~(poolset.PAGE - 1)


def demand_max_size(what: str, max_size: Any) -> None:
    """Refuse a limit that a growing pool cannot have.

    Raises:
        BadPoolSizeError: the limit is too small or too large.
        TypeError: the limit is no int.
    """
    _demand_size(what, "max_size", max_size, DEFAULT_MAX_SIZE)


def demand_space(what: str, size: int, directory: str) -> None:
    """Refuse a pool that the file system has no space for, before libpmemobj fills it up in trying.

    Args:
        what: The operation, for errors.
        size: Bytes of the pool; 0 for a growing pool, which begins small.
        directory: The directory in which the pool is to be made.

    Raises:
        DiskFullError: there is not enough space.
    """
    system = os.statvfs(directory)
    free = system.f_bfree * system.f_frsize
    # Some file systems report no blocks at all; they cannot be judged by these numbers.
    if system.f_blocks and size > free:
        raise DiskFullError(
            what,
            f"the pool needs {size:,} bytes, and the file system has space for {free:,} bytes",
            "choose a smaller size, or free space",
        )


def _demand_size(what: str, name: str, size: Any, largest: int) -> None:
    if not isinstance(size, int) or isinstance(size, bool):
        auto = ", or 'auto'" if name == "pool_size" else ""
        raise TypeError(f"cannot {what}: {name} is {size!r}, no int (give the number of bytes, text as in '64M'{auto})")
    if size > largest:
        raise BadPoolSizeError(
            what, f"{size:,} bytes are more than the {largest:,} that a pool can have", f"choose a smaller {name}"
        )
    if size < MIN_POOL_SIZE:
        raise BadPoolSizeError(
            what,
            f"{size:,} {'byte is' if size == 1 else 'bytes are'} below libpmemobj's minimum",
            f"choose {MIN_POOL_SIZE >> 20} MiB or more",
        )
