"""What a file is, told from its bytes before libpmemobj sees it.

libpmemobj does not check everything that it reads: over a damaged or foreign file it may end the process, or hang. So
the header, the root object, the logs and the heap are read here first, and every kind of wrong file gets an error of
its own.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from pmemobj._durability import file_operations, leftover
from pmemobj._durability.leftover import Leftover, Pages
from pmemobj._files import holders, poolset
from pmemobj._format import (
    FEATURE_SINGLE_HEADER,
    KNOWN_INCOMPAT_FEATURES,
    LAYOUT_NAME,
    LAYOUT_VERSION,
    MIN_POOL_SIZE,
    POOL_HEADER_SIZE,
    POOL_HEAP_OFFSET,
    POOL_HEAP_SIZE,
    POOL_INCOMPAT_FEATURES,
    POOL_LAYOUT_NAME,
    POOL_ROOT_OFFSET,
    POOL_SIGNATURE,
    ROOT_SIZE,
    ROOT_STATE,
    WORD,
    parse_root_identity,
)
from pmemobj._pmdk import chunks
from pmemobj._pmdk import lanes as _lanes
from pmemobj._pmdk.file_words import FileWords
from pmemobj.errors import (
    DiskFullError,
    NotAPoolError,
    PmemError,
    PoolAccessError,
    PoolBusyError,
    PoolClosedError,
    PoolDamagedError,
    PoolExistsError,
    PoolIsDirectoryError,
    PoolLayoutError,
    PoolNotFoundError,
    PoolPermissionError,
    PoolVersionError,
    a_or_an,
)

#: Seconds to wait for the lock of a pool, since the child processes of a killed program end a moment after it.
_LETTING_GO = 0.5

#: What the system tells of the running process, and by which open directories have a path.
PROC = "/proc/self"
#: The longest name of a file, less the ending that libpmemobj appends when it opens a pool. It could create a pool
#: with a longer name, but never open it again.
_LONGEST_NAME = 255 - len("_r0_p0_badblocks.txt")

_OTHER_SIGNATURES = {
    b"PMEMBLK\0": "it is a pool of libpmemblk",
    b"PMEMLOG\0": "it is a pool of libpmemlog",
    b"PMEMPOOLSET": "it is a poolset description, not a pool",
}


class PoolFile(NamedTuple):
    """What is known of a pool before it is opened.

    Attributes:
        files: Path and size in bytes of each file of the pool: one file, or the parts of a growing pool in order.
        max_size: Bytes that a growing pool may have; 0 for a pool of fixed size.
        tidy: Whether the directory of a growing pool has nothing in it that a program left when it was killed while
            the pool grew.
        root_offset: Where the root object lies, in bytes from the start.
        state: How the last process left the pool, one of ``STATE_*``.
        has_long_logs: Whether libpmemobj keeps a continuation of an undo log. It frees the continuation when it opens
            the pool, and for that looks at the heap before it can be told our size classes.
        log_damage: What is wrong with libpmemobj's logs, or an empty string. It counts even if no process closed the
            pool.
        heap_damage: What is wrong with libpmemobj's bookkeeping of its heap, as far as it was read, or that a log has
            something to undo; or an empty string. If no process closed the pool, both are possible without damage,
            and libpmemobj repairs them at open.
        leftover: What lies beside the pool: a journal that was not replayed, for example. All that is said here holds
            for the pool with that journal.
        pages: The pages that the journal changes, by their numbers.
    """

    files: tuple[tuple[str, int], ...]
    max_size: int
    tidy: bool
    root_offset: int
    state: int
    has_long_logs: bool
    log_damage: str
    heap_damage: str
    leftover: Leftover
    pages: Pages

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(size for _, size in self.files)


# ---- paths -------------------------------------------------------------------------------------------


def checked_path(what: str, path: Any) -> str:
    """A path that a program gave, as a str.

    Args:
        what: The operation, for errors, as in "open pool".
        path: What the program gave.

    Raises:
        TypeError: `path` is no path, or a path of bytes.
        ValueError: no file can have such a name.
    """
    try:
        name = os.fspath(path)
    except TypeError:
        raise TypeError(
            f"cannot {what} {path!r:.80}: {a_or_an(type(path).__name__)} is no path "
            "(give the path of the file or directory; that of a pool is pool.path)"
        ) from None
    if not isinstance(name, str):
        raise TypeError(f"cannot {what} {path!r}: the path is no str (use os.fsdecode)")
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        raise ValueError(
            f"cannot {what} {name!r}: the path has half of a character, which no file name can have (correct the path)"
        ) from None
    if "\0" in name:
        raise ValueError(f"cannot {what} {name!r}: the path has a NUL character (correct the path)")
    return name


def demand_path(what: str, path: str) -> None:
    """Refuse an empty path.

    Raises:
        PoolNotFoundError: it is empty.
    """
    if not path:
        raise _empty_path_error(what)


def demand_new_name(what: str, path: str, name: str) -> None:
    """Refuse a path at which no pool can be created, or none could be opened later.

    Args:
        what: The operation, for errors.
        path: The absolute path.
        name: The path as the program gave it.

    Raises:
        PoolExistsError: there is a file already.
        PmemError: the path is empty, or the name of the file too long.
    """
    demand_path(what, name)
    if len(os.fsencode(os.path.basename(path))) > _LONGEST_NAME:
        raise translate(what, OSError(errno.ENAMETOOLONG, ""), name)
    if os.path.lexists(path):
        raise PoolExistsError(what, "there is a file of that name", "open it with pmemobj.open(), or remove it")


def demand_proc(what: str) -> None:
    """Refuse an operation that needs ``/proc`` where it is not mounted, as in some containers.

    Raises:
        PoolAccessError: it is missing.
    """
    if not os.path.exists(PROC):
        raise PoolAccessError(
            what,
            f"{PROC} is missing, which libpmemobj and pmemobj need to find files by their descriptors",
            "mount the file system proc at /proc",
            code=errno.ENOTSUP,
        )


# ---- reading a pool before it is opened --------------------------------------------------------------


def identify(path: str, name: str = "", thorough: bool = False) -> PoolFile:
    """Read and check the header of a pool, its root object, its logs and its heap.

    Args:
        path: The file, or the directory of a growing pool.
        name: How errors call the pool, if not by its path.
        thorough: Whether to check the runs of the heap too, which libpmemobj does not read when it opens the pool.
            They are also checked if libpmemobj will free something at open, and otherwise before the first allocation.

    Raises:
        PmemError: the subclass says what the file is instead.
    """
    what = f"open pool {name or path}"
    try:
        grows = poolset.is_growing_pool(path)
        if grows:
            poolset.find(what, path)  # otherwise a missing first part would look like a missing pool
        elif os.path.isdir(path):
            poolset.demand_poolset(what, path)
        # O_NONBLOCK, since opening a named pipe would wait for a writer.
        first = os.open(_first_file(path, grows), os.O_RDONLY | os.O_NONBLOCK)
        try:
            return _read_pool(what, path, grows, first, thorough)
        finally:
            os.close(first)
    except PmemError:
        raise
    except OSError as error:
        raise translate(what, error, path) from None


def demand_pool(what: str, path: str) -> None:
    """Refuse a path at which there is no pool, neither a sound nor a damaged one.

    Raises:
        NotAPoolError: there is something else.
        OSError: there is nothing, or it cannot be read.
    """
    first = first_file(path)
    if os.path.isdir(first) or not is_pool_file(first):
        raise NotAPoolError(what, "it is no pool", "name a pool, or delete it as any other file")


def is_pool_file(path: str) -> bool:
    """Whether a regular file begins as a pool of libpmemobj does.

    Raises:
        OSError: it cannot be read.
    """
    # O_NONBLOCK, since opening a named pipe would wait for a writer.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return stat.S_ISREG(os.fstat(file).st_mode) and os.pread(file, len(POOL_SIGNATURE), 0) == POOL_SIGNATURE
    finally:
        os.close(file)


def _read_pool(what: str, path: str, grows: bool, first: int, thorough: bool) -> PoolFile:
    size = _regular_size(what, first)
    # The header is read before the directory: libpmemobj creates a part before it counts it in the header.
    head = os.pread(first, POOL_HEADER_SIZE, 0)
    root_offset = _check_header(what, head, size, grows)
    parts = poolset.find(what, path) if grows else [poolset.Part(0, path, size)]
    state = int.from_bytes(os.pread(first, WORD, root_offset + ROOT_STATE), "little")
    beside = leftover.look(what, path, grows, head, state)
    readable = [(part.path, part.size) for part in (poolset.finished(parts) if grows else parts)]
    pages = beside.overlay(readable)
    with FileWords(readable, pages) as words:
        head = words[: POOL_HEADER_SIZE // WORD].tobytes()
        root = words[root_offset // WORD : (root_offset + ROOT_SIZE) // WORD].tobytes()
    used = poolset.in_use(what, parts, head) if grows else parts
    # The reserved addresses must hold all parts, even if somebody has edited the limit in the poolset file.
    max_size = max(poolset.max_size(what, path), sum(part.size for part in used)) if grows else 0
    files = tuple((part.path, part.size) for part in used)
    with FileWords(files, pages) as words:
        log_damage, has_long_logs, unfinished = _check_logs(words, first, pages)
        heap_damage = _heap_damage(words, thorough or has_long_logs)
    _check_root(what, root)
    return PoolFile(
        files,
        max_size,
        poolset.is_tidy(parts, used),
        root_offset,
        int.from_bytes(root[ROOT_STATE : ROOT_STATE + WORD], "little"),
        has_long_logs,
        log_damage,
        heap_damage or unfinished,
        beside,
        pages,
    )


def all_files(what: str, path: str) -> list[tuple[str, int]]:
    """Path and size of each file of a pool, with the parts that its heap may not count yet."""
    if poolset.is_growing_pool(path):
        return [(part.path, part.size) for part in poolset.find(what, path)]
    return [(path, os.path.getsize(path))]


def _regular_size(what: str, file: int) -> int:
    """The size of an open file in bytes, if it is a regular file."""
    status = os.fstat(file)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise NotAPoolError(what, "it is no regular file", "name the file of a pool")
    return status.st_size


def _end_of_heap(head: bytes) -> int:
    """Where libpmemobj's heap ends. A pool of fixed size ends there too."""
    offset, size = (int.from_bytes(head[at : at + WORD], "little") for at in (POOL_HEAP_OFFSET, POOL_HEAP_SIZE))
    return offset + size


def first_file(path: str) -> str:
    """The path of the file that the pool at `path` begins with; the file need not exist."""
    return _first_file(path, poolset.is_growing_pool(path))


def _first_file(path: str, grows: bool) -> str:
    return os.path.join(path, poolset.FIRST_NAME) if grows else path


def _heap_damage(words: FileWords, thorough: bool) -> str:
    try:
        if thorough:
            chunks.verify(words)
        else:
            chunks.verify_headers(words)
    except chunks.HeapDamage as error:
        return str(error)
    return ""


def _check_logs(words: FileWords, first: int, pages: Pages) -> tuple[str, bool, str]:
    """What is wrong with the logs; whether an undo log has a continuation; what a roll-back would undo."""
    misplaced = _lanes.misplaced(words)
    if misplaced:
        return misplaced, False, ""
    end = _lanes.end(words)
    with (
        mmap.mmap(first, end, access=mmap.ACCESS_COPY if pages else mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as image,
        image.cast("Q") as lanes,
    ):
        for number in [number for number in pages if poolset.PAGE * number < end]:
            first_byte = poolset.PAGE * number
            last_byte = min(first_byte + poolset.PAGE, end)
            image[first_byte:last_byte] = pages[number][: last_byte - first_byte]
        damage = _lanes.damage(lanes, words)
        return (damage, False, "") if damage else ("", _lanes.has_long_logs(lanes), _lanes.unfinished(lanes))


def _check_header(what: str, head: bytes, size: int, grows: bool) -> int:
    """Refuse a header that is not that of a pool of this package; the offset of the root object."""
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
    if not grows and size < _end_of_heap(head):
        raise PoolDamagedError(
            what,
            f"the file has {size} bytes where {_end_of_heap(head)} are in use, so it was cut off",
            "restore the pool from a copy",
        )
    root_offset = int.from_bytes(head[POOL_ROOT_OFFSET : POOL_ROOT_OFFSET + WORD], "little")
    if not POOL_HEADER_SIZE <= root_offset <= size - ROOT_SIZE:
        raise PoolDamagedError(what, "its root object is missing", "restore the pool from a copy")
    return root_offset


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
    """Keep every process from opening the pool at `path`, by libpmemobj's own lock on its first file.

    If a program is killed while it tries a pool in a child process, the child keeps the lock until it has died too,
    a moment later. So a program that finds the pool in use waits and retries for that moment.

    Args:
        path: The file, or the directory of a growing pool.
        name: How errors call the pool, if not by its path.

    Raises:
        PoolBusyError: some process has the pool open, and keeps it.
    """
    deadline = time.monotonic() + _LETTING_GO
    file = os.open(first_file(path), os.O_RDWR)
    try:
        while not _lock(file, f"open pool {name or path}", path, deadline):
            time.sleep(_LETTING_GO / 100)
        yield
    finally:
        os.close(file)


def _lock(file: int, what: str, path: str, deadline: float) -> bool:
    """Take the lock if it is free; False if it is not, and the deadline has not passed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError as error:
        if time.monotonic() > deadline:
            raise translate(what, error, path) from None
        return False
    except OSError as error:
        raise translate(what, error, path) from None


# ---- names -------------------------------------------------------------------------------------------


def give_name(unfinished: str, name: str) -> None:
    """Give a finished file its name, unless there is a file of that name; `unfinished` may remain as a second name.

    Raises:
        FileExistsError: there is a file of that name.
    """
    files = file_operations.current
    old, new = os.path.basename(unfinished), os.path.basename(name)
    with file_operations.opened_directory(os.path.dirname(os.path.abspath(name))) as directory:
        try:
            files.link(old, new, directory)
        except FileExistsError:
            raise
        except OSError:
            # The file system has no hard links.
            if os.path.lexists(name):
                raise FileExistsError(name) from None
            files.rename(old, new, directory)
        files.sync(directory)


def replace(finished: str, name: str) -> None:
    """Let a finished file take the place of the file at `name`; at every moment one of the two has that name."""
    os.replace(finished, name)
    persist_names(name)


def persist_names(path: str) -> None:
    """Wait until the directory of `path`, with the names in it, is durable."""
    with file_operations.opened_directory(os.path.dirname(os.path.abspath(path))) as directory:
        file_operations.current.sync(directory)


# ---- errors ------------------------------------------------------------------------------------------


def translate(what: str, error: OSError, path: str = "") -> PmemError:
    """The error of this package for an OSError of the system or of libpmemobj.

    Args:
        what: The operation, for the message.
        error: The error with its errno.
        path: The path of the pool, as the program gave it.
    """
    code = error.errno or 0
    why = error.strerror or str(error)
    if code in (errno.ENOENT, errno.ENOTDIR):
        directory = os.path.dirname(os.path.abspath(path))
        if not path:
            return _empty_path_error(what)
        if not os.path.isdir(directory):
            missing = f"there is no directory {directory}"
            return PoolNotFoundError(what, missing, "create the directory, or correct the path")
        return PoolNotFoundError(what, "there is no such file", "create it with pmemobj.create(), or with flag='c'")
    if code == errno.EISDIR:
        return PoolIsDirectoryError(what, "it is a directory, and not that of a growing pool", "name a pool in it")
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PoolPermissionError(
            what,
            os.strerror(code).lower(),
            "change the permissions, or choose another place; pools are read and written",
        )
    if code in (errno.EAGAIN, errno.EEXIST):
        return busy_error(what, path)
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFullError(what, f"no space is left for it ({why})", "free space, or choose a smaller pool_size")
    if code in (errno.EINVAL, errno.EIO):
        return PoolDamagedError(what, why, "restore the pool from a copy")
    if code == errno.ENXIO:
        return NotAPoolError(what, "it is no regular file", "name the file of a pool")
    # libpmemobj's own message is not used here, since it may name a temporary file.
    return PoolAccessError(what, os.strerror(code).lower() if code else why, code=code)


def _empty_path_error(what: str) -> PoolNotFoundError:
    return PoolNotFoundError(what, "the path is empty", "name a file")


def busy_error(what: str, path: str) -> PoolBusyError:
    """The error for a pool that is open already, or of which a copy is: libpmemobj cannot tell them apart.

    It names the process that has the pool open, if the system tells which one that is.
    """
    pid = 0
    with suppress(OSError):
        pid = holders.holder_of(first_file(path))
    where = "this process" if pid == os.getpid() else holders.described(pid) if pid else ""
    todo = "close it there first; one process at a time can have a pool open"
    if where and pid != os.getpid():
        todo += ", but with sandbox=True its last commit can be looked at"
    return PoolBusyError(
        what,
        f"the pool is open already, in {where}"
        if where
        else "the pool, or a copy of it, is open already, in this process or another",
        todo,
    )


def closed_error(path: str) -> PoolClosedError:
    """The error for every use of a closed pool."""
    return PoolClosedError(f"use pool {path}", "it was closed", "open it again with pmemobj.open()")
