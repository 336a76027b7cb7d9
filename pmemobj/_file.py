"""What a file is, told from its bytes before libpmemobj touches it.

libpmemobj takes a damaged or foreign file for granted in places, and then ends the process or
hangs. So the header is read here first, and every kind of wrong file gets an error of its own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from pmemobj import _parts
from pmemobj._layout import (
    FEATURE_SINGLE_HEADER,
    KNOWN_INCOMPAT_FEATURES,
    LANE_LOGS,
    LANE_SIZE,
    LAYOUT_NAME,
    LAYOUT_VERSION,
    LOG_CAPACITY,
    LOG_NEXT,
    MIN_POOL_SIZE,
    POOL_HEADER_SIZE,
    POOL_INCOMPAT_FEATURES,
    POOL_LANE_COUNT,
    POOL_LANES_OFFSET,
    POOL_LAYOUT_NAME,
    POOL_ROOT_OFFSET,
    POOL_SIGNATURE,
    ROOT_SIZE,
    ROOT_STATE,
    WORD,
    parse_root_identity,
)
from pmemobj.errors import (
    DiskFullError,
    NotAPoolError,
    PmemError,
    PoolAccessError,
    PoolBusyError,
    PoolClosedError,
    PoolDamagedError,
    PoolIsDirectoryError,
    PoolLayoutError,
    PoolNotFoundError,
    PoolPermissionError,
    PoolVersionError,
)

_MAX_LANES = 1024
#: Seconds that the processes of a killed program may take to let go of its pool.
_LETTING_GO = 0.5

_OTHER_SIGNATURES = {
    b"PMEMBLK\0": "it is a pool of libpmemblk",
    b"PMEMLOG\0": "it is a pool of libpmemlog",
    b"PMEMPOOLSET": "it is a poolset description, not a pool",
}


@dataclass(frozen=True, slots=True)
class PoolFile:
    """What is known of a pool before it is opened.

    Attributes:
        files: Path and size in bytes of each file that it consists of: one, or the parts of a
            growing pool in their order.
        max_size: Bytes that a growing pool may have; 0 for one of fixed size.
        tidy: Whether nothing is left in the directory of a growing pool by a program that was
            killed while it grew.
        root_offset: Where the root object lies, in bytes from the start.
        state: How the last process left it, one of ``STATE_*``.
        lanes_idle: Whether the lanes, libpmemobj's logs, look as after an orderly close.
    """

    files: tuple[tuple[str, int], ...]
    max_size: int
    tidy: bool
    root_offset: int
    state: int
    lanes_idle: bool

    @property
    def size(self) -> int:
        """Bytes, of all files together."""
        return sum(size for _, size in self.files)


def identify(path: str, name: str = "") -> PoolFile:
    """Read and check the header of a pool.

    Args:
        path: The file, or the directory of a growing pool.
        name: How errors call it, if not by its path.

    Raises:
        PmemError: the subclass says what the file is instead.
    """
    what = f"open pool {name or path}"
    try:
        grows = _parts.is_growing_pool(path)
        if grows:
            _parts.find(what, path)  # or the missing first part would look like a missing pool
        with open(first_file(path), "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotAPoolError(what, "it is no regular file", "name the file of a pool")
            # Before the directory is read: a part is there before the header counts it.
            head = file.read(POOL_HEADER_SIZE)
            _check_header(what, head, status.st_size, grows)
            root_offset = int.from_bytes(head[POOL_ROOT_OFFSET : POOL_ROOT_OFFSET + WORD], "little")
            if not POOL_HEADER_SIZE <= root_offset <= status.st_size - ROOT_SIZE:
                raise PoolDamagedError(what, "its root object is missing", "restore the pool from a copy")
            parts = _parts.find(what, path) if grows else [_parts.Part(0, path, status.st_size)]
            used = _parts.in_use(what, parts, head) if grows else parts
            # The reserve must hold what is there, whatever somebody has written into the file.
            max_size = max(_parts.max_size(what, path), sum(part.size for part in used)) if grows else 0
            file.seek(root_offset)
            root = file.read(ROOT_SIZE)
            lanes_idle = _lanes_idle(file, head)
    except PmemError:
        raise
    except OSError as error:
        raise translate(what, error, path) from None
    _check_root(what, root)
    state = int.from_bytes(root[ROOT_STATE : ROOT_STATE + WORD], "little")
    files = tuple((part.path, part.size) for part in used)
    return PoolFile(files, max_size, _parts.is_tidy(parts, used), root_offset, state, lanes_idle)


def first_file(path: str) -> str:
    """The file that the pool at `path` begins with, whether it is there or not."""
    return os.path.join(path, _parts.FIRST_NAME) if _parts.is_growing_pool(path) else path


def _lanes_idle(file: BinaryIO, head: bytes) -> bool:
    """Whether every log of every lane has a capacity of its own and no continuation.

    libpmemobj follows these fields unchecked when it opens a pool.
    """
    offset = int.from_bytes(head[POOL_LANES_OFFSET : POOL_LANES_OFFSET + WORD], "little")
    count = int.from_bytes(head[POOL_LANE_COUNT : POOL_LANE_COUNT + WORD], "little")
    if offset != POOL_HEADER_SIZE or not 0 < count <= _MAX_LANES:
        return False
    file.seek(offset)
    lanes = file.read(count * LANE_SIZE)
    if len(lanes) != count * LANE_SIZE:
        return False
    words = memoryview(lanes).cast("Q")
    stride = LANE_SIZE // WORD

    def column(at: int) -> set[int]:
        return set(words[at // WORD :: stride].tolist())

    return all(column(log + LOG_NEXT) == {0} and column(log + LOG_CAPACITY) <= idle for log, idle in LANE_LOGS)


def _open_without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe would wait for somebody to write."""
    return os.open(path, flags | os.O_NONBLOCK)


def _check_header(what: str, head: bytes, size: int, grows: bool) -> None:
    for signature, why in _OTHER_SIGNATURES.items():
        if head.startswith(signature):
            raise NotAPoolError(what, why, "name a pool of pmemobj: a file, or the directory of a growing pool")
    if not head.startswith(POOL_SIGNATURE):
        why = "the file is empty" if not head else "it does not begin like a libpmemobj pool"
        raise NotAPoolError(what, why, "create a pool with pmemobj.create() under another name")
    if size < MIN_POOL_SIZE:
        raise PoolDamagedError(
            what, f"the file has only {size} bytes, so it was cut off", "restore the pool from a copy"
        )
    layout = head[POOL_LAYOUT_NAME].rstrip(b"\0").decode(errors="replace")
    if layout != LAYOUT_NAME:
        raise PoolLayoutError(
            what, f"its layout is {layout!r}, not {LAYOUT_NAME!r}", "open it with the program that made it"
        )
    is_part = bool(int.from_bytes(head[POOL_INCOMPAT_FEATURES], "little") & FEATURE_SINGLE_HEADER)
    if is_part and not grows:
        raise NotAPoolError(what, "it is one part of a growing pool", "name the directory that it belongs to")


def _check_root(what: str, root: bytes) -> None:
    identity = parse_root_identity(root)
    if identity is None:
        raise PoolDamagedError(what, "the checksum of its root object is wrong", "restore the pool from a copy")
    version, incompat = identity
    if version != LAYOUT_VERSION or incompat & ~KNOWN_INCOMPAT_FEATURES:
        raise PoolVersionError(
            what,
            f"its layout has version {version} and features {incompat:#x}; this release knows version "
            f"{LAYOUT_VERSION} and features {KNOWN_INCOMPAT_FEATURES:#x}",
            "install the release of pmemobj that made it",
        )


@contextmanager
def locked(path: str, name: str = "") -> Iterator[None]:
    """Keep every process from opening the pool at `path`; errors call it by its name.

    A program that is killed while it tries a pool in a child lets go of it only when that child has
    died too, a moment later; so a lock is given that moment.

    Raises:
        PoolBusyError: some process has it open, and goes on.
    """
    deadline = time.monotonic() + _LETTING_GO
    with open(first_file(path), "rb+") as file:
        while not _lock(file, f"open pool {name or path}", deadline):
            time.sleep(_LETTING_GO / 100)
        yield


def _lock(file: BinaryIO, what: str, deadline: float) -> bool:
    """Take the lock if it is free; False while it is worth another attempt."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError as error:
        if time.monotonic() > deadline:
            raise translate(what, error) from None
        return False
    except OSError as error:
        raise translate(what, error, file.name) from None


def translate(what: str, error: OSError, path: str = "") -> PmemError:
    """The error of this package for an OSError of the system or of libpmemobj."""
    code = error.errno or 0
    why = error.strerror or str(error)
    if code in (errno.ENOENT, errno.ENOTDIR):
        directory = os.path.dirname(os.path.abspath(path))
        if not path:
            return PoolNotFoundError(what, "the path is empty", "name a file")
        if not os.path.isdir(directory):
            return PoolNotFoundError(what, f"there is no directory {directory}", "create it, or mend the path")
        return PoolNotFoundError(what, "there is no such file", "create it with pmemobj.create(), or with flag='c'")
    if code == errno.EISDIR:
        return PoolIsDirectoryError(
            what, "it is a directory, and not that of a growing pool", "name a pool in it"
        )
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PoolPermissionError(
            what,
            os.strerror(code).lower(),
            "change the permissions, or choose another place; pools are read and written",
        )
    if code in (errno.EAGAIN, errno.EEXIST):
        return busy_error(what)
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFullError(what, f"no space is left for it ({why})", "free space, or choose a smaller pool_size")
    if code in (errno.EINVAL, errno.EIO):
        return PoolDamagedError(what, why, "restore the pool from a copy")
    if code == errno.ENXIO:
        return NotAPoolError(what, "it is no regular file", "name the file of a pool")
    # Not libpmemobj's message: it may speak of a temporary file.
    return PoolAccessError(what, os.strerror(code).lower() if code else why, code=code)


def busy_error(what: str) -> PoolBusyError:
    """The error for a pool, or a copy of one, that is open somewhere."""
    return PoolBusyError(
        what,
        "the pool, or a copy of it, is open already, in this process or another",
        "close it there first; one process at a time can have a pool open",
    )


def closed_error(path: str) -> PoolClosedError:
    """The error for every use of a pool that was closed."""
    return PoolClosedError(f"use pool {path}", "it was closed", "open it again with pmemobj.open()")
