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
from typing import Any, BinaryIO

from pmemobj import _chunks, _lib, _parts
from pmemobj._file_words import FileWords
from pmemobj._layout import (
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_INTERNAL,
    ALLOCATION_SIZE_MASK,
    ENTRY_CHECKSUM,
    ENTRY_DATA,
    ENTRY_KIND_SHIFT,
    ENTRY_LENGTH,
    ENTRY_OF_BYTES,
    FEATURE_SINGLE_HEADER,
    KNOWN_INCOMPAT_FEATURES,
    LANE_LOGS,
    LANE_SIZE,
    LAYOUT_NAME,
    LAYOUT_VERSION,
    LOG_CAPACITY,
    LOG_GENERATION,
    LOG_HEADER_SIZE,
    LOG_NEXT,
    MIN_POOL_SIZE,
    POOL_HEADER_SIZE,
    POOL_HEAP_OFFSET,
    POOL_HEAP_SIZE,
    POOL_INCOMPAT_FEATURES,
    POOL_LANE_COUNT,
    POOL_LANES_OFFSET,
    POOL_LAYOUT_NAME,
    POOL_ROOT_OFFSET,
    POOL_SIGNATURE,
    ROOT_SIZE,
    ROOT_STATE,
    WORD,
    fletcher64,
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
    a_or_an,
)

_MAX_LANES = 1024
#: Seconds that the processes of a killed program may take to let go of its pool.
_LETTING_GO = 0.5
#: Far more than a log ever has; a ring of them would go on for ever.
_MAX_CONTINUATIONS = 10_000
_CACHE_LINE = 64

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
        has_long_logs: Whether libpmemobj has kept a continuation of an undo log; it frees that when it opens
            the pool, and then looks at the heap before it has been told our classes of allocations.
        log_damage: What is wrong with libpmemobj's logs, whether the pool was closed or not; or an
            empty string.
        heap_damage: What is wrong with libpmemobj's bookkeeping of its heap, or that a log has something to
            undo, or an empty string. In a pool that was not closed both may be, and are put right at open.
    """

    files: tuple[tuple[str, int], ...]
    max_size: int
    tidy: bool
    root_offset: int
    state: int
    has_long_logs: bool
    log_damage: str
    heap_damage: str

    @property
    def size(self) -> int:
        """Bytes, of all files together."""
        return sum(size for _, size in self.files)


def checked_path(what: str, path: Any) -> str:
    """A path as a str.

    Args:
        what: What is to be done with it, as in "open pool".
        path: What a program gave.

    Raises:
        TypeError: it is no path, or one of bytes.
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
            f"cannot {what} {name!r}: it has half of a character, which no name in the file system can (mend the path)"
        ) from None
    if "\0" in name:
        raise ValueError(f"cannot {what} {name!r}: the path has a NUL character (mend the path)")
    return name


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
        else:
            _parts.demand_poolset(what, path)
        with open(first_file(path), "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise NotAPoolError(what, "it is no regular file", "name the file of a pool")
            # Before the directory is read: a part is there before the header counts it.
            head = file.read(POOL_HEADER_SIZE)
            _check_header(what, head, status.st_size, grows)
            if not grows and status.st_size < _end_of_heap(head):
                raise PoolDamagedError(
                    what,
                    f"the file has {status.st_size} bytes where {_end_of_heap(head)} are in use, so it was cut off",
                    "restore the pool from a copy",
                )
            root_offset = int.from_bytes(head[POOL_ROOT_OFFSET : POOL_ROOT_OFFSET + WORD], "little")
            if not POOL_HEADER_SIZE <= root_offset <= status.st_size - ROOT_SIZE:
                raise PoolDamagedError(what, "its root object is missing", "restore the pool from a copy")
            parts = _parts.find(what, path) if grows else [_parts.Part(0, path, status.st_size)]
            used = _parts.in_use(what, parts, head) if grows else parts
            # The reserve must hold what is there, whatever somebody has written into the file.
            max_size = max(_parts.max_size(what, path), sum(part.size for part in used)) if grows else 0
            file.seek(root_offset)
            root = file.read(ROOT_SIZE)
            files = tuple((part.path, part.size) for part in used)
            with FileWords(files) as words:
                heap_damage = _heap_damage(words)
            with _words_of(files) as words:
                log_damage = _log_damage(words)
                has_long_logs = not log_damage and _has_long_logs(words)
                heap_damage = heap_damage or ("" if log_damage else _unfinished_log(words))
    except PmemError:
        raise
    except OSError as error:
        raise translate(what, error, path) from None
    _check_root(what, root)
    state = int.from_bytes(root[ROOT_STATE : ROOT_STATE + WORD], "little")
    return PoolFile(
        files, max_size, _parts.is_tidy(parts, used), root_offset, state, has_long_logs, log_damage, heap_damage
    )


def _end_of_heap(head: bytes) -> int:
    """Where libpmemobj's heap ends, which is the end of a pool of fixed size."""
    offset, size = (int.from_bytes(head[at : at + WORD], "little") for at in (POOL_HEAP_OFFSET, POOL_HEAP_SIZE))
    return offset + size


def first_file(path: str) -> str:
    """The file that the pool at `path` begins with, whether it is there or not."""
    return os.path.join(path, _parts.FIRST_NAME) if _parts.is_growing_pool(path) else path


@contextmanager
def _words_of(files: tuple[tuple[str, int], ...]) -> Iterator[memoryview]:
    """The files of a pool, one behind the other, as 64-bit words."""
    with _lib.files_in_a_row(files) as image, image[: len(image) & -WORD] as whole, whole.cast("Q") as words:
        yield words


def _log_damage(words: memoryview) -> str:
    """What is wrong with the lanes, libpmemobj's logs, that nobody could have written; or nothing.

    libpmemobj follows some fields of them unchecked: at open the size of the first entry of an undo
    log, and at the first commit the continuation of a log. So these must be possible even in a pool
    that was not closed. A log that had continuations is left with a header of zeros. Only entries of
    bytes have a checksum; one of another kind it would carry out, and write to wherever it says.
    """
    offset, count = words[POOL_LANES_OFFSET // WORD], words[POOL_LANE_COUNT // WORD]
    if offset != POOL_HEADER_SIZE or not 0 < count <= _MAX_LANES:
        return "libpmemobj's logs are not where they should be"
    stride = LANE_SIZE // WORD
    if len(words) < offset // WORD + count * stride:
        return "the file ends within libpmemobj's logs"

    def column(at: int) -> list[int]:
        first = (offset + at) // WORD
        return words[first : first + stride * count : stride].tolist()

    for log, _ in LANE_LOGS:
        if not all(_continues_well(words, follower) for follower in set(column(log + LOG_NEXT)) if follower):
            return "a log of libpmemobj is continued where nothing can be"
    # Redo logs may have any capacity, since they are written with that of the copy in RAM that they are
    # made of; libpmemobj carries out only those whose checksum is right.
    undo, capacity = LANE_LOGS[-1]
    if not set(column(undo + LOG_CAPACITY)) <= {0, capacity}:
        return "an undo log of libpmemobj has a size that is none"
    firsts = zip(column(undo + LOG_HEADER_SIZE), column(undo + LOG_HEADER_SIZE + ENTRY_LENGTH), strict=True)
    for target, length in firsts:
        if target and length > capacity:
            return "an undo log of libpmemobj has an entry longer than itself"
        if target and target >> ENTRY_KIND_SHIFT != ENTRY_OF_BYTES:
            return "an undo log of libpmemobj begins with an entry of a kind that it never has"
    return ""


def _unfinished_log(words: memoryview) -> str:
    """Whether libpmemobj would undo something, as it must not in a pool that was closed.

    What a log held stays there; it is its generation, part of the checksums, that makes it void. To be
    asked only where `_log_damage` has found nothing.
    """
    lanes, count = words[POOL_LANES_OFFSET // WORD], words[POOL_LANE_COUNT // WORD]
    log, capacity = LANE_LOGS[-1]
    first, stride = (lanes + log) // WORD, LANE_SIZE // WORD
    targets = words[first + LOG_HEADER_SIZE // WORD :][: stride * count : stride].tolist()
    for lane in [number for number, target in enumerate(targets) if target]:
        header = first + stride * lane
        entry = header + LOG_HEADER_SIZE // WORD
        size = (ENTRY_DATA + words[entry + ENTRY_LENGTH // WORD] + _CACHE_LINE - 1) & -_CACHE_LINE
        content = words[entry : entry + size // WORD].tolist()
        checksum, content[ENTRY_CHECKSUM // WORD] = content[ENTRY_CHECKSUM // WORD], 0
        if size <= capacity and checksum == fletcher64([*content, words[header + LOG_GENERATION // WORD]]):
            return "it was closed, but an undo log of libpmemobj has something to undo"
    return ""


def _has_long_logs(words: memoryview) -> bool:
    undo, stride = LANE_LOGS[-1][0], LANE_SIZE // WORD
    offset, count = words[POOL_LANES_OFFSET // WORD], words[POOL_LANE_COUNT // WORD]
    first = (offset + undo + LOG_NEXT) // WORD
    return any(words[first : first + stride * count : stride])


def _continues_well(words: memoryview, offset: int) -> bool:
    """Whether the continuation of a log at `offset`, and each further one, is an allocation for it.

    The log itself begins at the next cache line in it.
    """
    size = WORD * len(words)
    for _ in range(_MAX_CONTINUATIONS):
        log = (offset + _CACHE_LINE - 1) & -_CACHE_LINE
        if offset % WORD or not POOL_HEADER_SIZE <= offset <= log <= size - LOG_HEADER_SIZE:
            return False
        allocation = words[(offset - ALLOCATION_HEADER_SIZE) // WORD]
        end = offset - ALLOCATION_HEADER_SIZE + (allocation & ALLOCATION_SIZE_MASK)
        if not allocation & ALLOCATION_INTERNAL or end > size:
            return False
        if not 0 < words[(log + LOG_CAPACITY) // WORD] <= end - log - LOG_HEADER_SIZE:
            return False
        offset = words[(log + LOG_NEXT) // WORD]
        if not offset:
            return True
    return False


def _heap_damage(words: FileWords) -> str:
    try:
        _chunks.verify(words)
    except _chunks.HeapDamage as error:
        return str(error)
    return ""


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


def give_name(unfinished: str, name: str) -> None:
    """Give a finished file its name unless the name is taken; `unfinished` may remain as a second one.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        os.link(unfinished, name)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links.
        if os.path.lexists(name):
            raise FileExistsError(name) from None
        os.rename(unfinished, name)
    persist_names(name)


def replace(finished: str, name: str) -> None:
    """Let a finished file take the place of the one at `name`: whoever looks finds one of the two."""
    os.replace(finished, name)
    persist_names(name)


def persist_names(path: str) -> None:
    """Wait until the directory of `path` is on the disk, with the names in it."""
    directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


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
        return PoolIsDirectoryError(what, "it is a directory, and not that of a growing pool", "name a pool in it")
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
