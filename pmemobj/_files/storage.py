"""What a pool lies in: one file of fixed size, or a directory of part files that grows.

libpmemobj gets both as a path. For a directory, this is the path of a poolset file, which names the directory in which
libpmemobj finds the parts and adds new ones. It gets neither path as the user wrote it: the poolset file exists in
memory only, and names the directory by an open descriptor, ``/proc/self/fd/N/``. This has three advantages: no
character of a path can be misread (the poolset format has no quotes), nothing in the directory holds its path, and the
pool goes on growing in its directory when the directory gets its final name, or is moved while the pool is open.

In a sandbox the parts are mapped copy-on-write. libpmemobj would still create new parts in the directory. So, once
it has opened the pool, the descriptor is made to refer to a directory in memory, and each new part is removed from
there as soon as it is mapped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from pmemobj._durability import file_operations, leftover
from pmemobj._files import pool_file
from pmemobj._files import poolset as _parts
from pmemobj._format import LAYOUT_NAME
from pmemobj._pmdk import library
from pmemobj._pmdk.interposition import PASS
from pmemobj.errors import PoolAccessError, PoolBusyError

#: Where a sandbox grows: in memory, if there is room for a few parts, which libpmemobj makes 128 MiB long.
_MEMORY = "/dev/shm"
_ROOM = 512 * 1024 * 1024
_TEMPORARY = re.compile(r"\.(creating|building|dumping|copying)-[0-9]+-[0-9a-f]{8}")
_OVERLAY = struct.Struct("=QQQ")
#: Seconds that a creator waits for the lock of a directory.
_PATIENCE = 1.0


class Storage(Protocol):
    """What both kinds of pools offer."""

    def create(self, size: int, mode: int, policy: int = PASS) -> library.Pool:
        """Create and map the pool: a file of `size` bytes, or the directory of a pool that may grow to `size`."""

    def open(self, copy_on_write: bool, policy: int = PASS, overlay: bytes = b"") -> library.Pool:
        """Map the pool; with `copy_on_write` its files stay as they are. For the rest see `library.open_pool`."""

    def grow_in_memory(self) -> None:
        """Let a pool that was opened copy-on-write grow outside its directory; without this it must not grow."""

    def give_name(self, path: str) -> None:
        """Move the new pool to its final name. Raises FileExistsError if there is a file of that name."""

    def grown(self) -> None:
        """Finish what libpmemobj has added; to be called after it has made the pool larger."""

    def parts_from(self, end: int) -> tuple[int, list[tuple[str, int]]]:
        """A descriptor of the directory, and name and size of each part in it that lies behind `end` in the pool."""

    def close(self) -> None:
        """Release what the storage holds, after the pool was unmapped."""


class SingleFile:
    """A pool in one file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def create(self, size: int, mode: int, policy: int = PASS) -> library.Pool:
        return library.create(self._path, LAYOUT_NAME, size, mode, policy)

    def open(self, copy_on_write: bool, policy: int = PASS, overlay: bytes = b"") -> library.Pool:
        return library.open_pool(self._path, LAYOUT_NAME, copy_on_write, policy, 0, overlay)

    def grow_in_memory(self) -> None:
        pass

    def give_name(self, path: str) -> None:
        pool_file.give_name(self._path, path)

    def grown(self) -> None:
        raise AssertionError("a file of fixed size has grown")

    def parts_from(self, end: int) -> tuple[int, list[tuple[str, int]]]:
        return -1, []

    def close(self) -> None:
        pass


class Directory:
    """A growing pool."""

    def __init__(self, path: str, max_size: int) -> None:
        self._path = path
        self._max_size = max_size
        #: The descriptor that libpmemobj knows the directory by.
        self._descriptor = -1
        #: Where a sandbox grows.
        self._memory = ""

    def create(self, size: int, mode: int, policy: int = PASS) -> library.Pool:
        files = file_operations.current
        files.make_directory(self._path, 0o700)
        set_path = os.path.join(self._path, _parts.SET_NAME)
        described = files.open(set_path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            files.write(described, _parts.poolset(size, "/proc/self/cwd"), 0)
            files.sync(described)
        finally:
            files.close(described)
        os.chmod(set_path, mode)
        with self._poolset() as name:
            pop = library.create(name, LAYOUT_NAME, 0, mode, policy, self._max_size)
        # A user who may read the parts may also enter the directory.
        os.chmod(self._path, mode | (mode & 0o444) >> 2)
        return pop

    def open(self, copy_on_write: bool, policy: int = PASS, overlay: bytes = b"") -> library.Pool:
        with self._poolset() as name:
            return library.open_pool(name, LAYOUT_NAME, copy_on_write, policy, self._max_size, overlay)

    @contextlib.contextmanager
    def _poolset(self) -> Iterator[str]:
        """The path of a poolset file for the open directory; the file exists in memory during the block."""
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        file = os.memfd_create("poolset")
        try:
            os.write(file, _parts.poolset(self._max_size, f"/proc/self/fd/{self._descriptor}"))
            yield f"/proc/self/fd/{file}"
        finally:
            os.close(file)

    def grow_in_memory(self) -> None:
        import tempfile

        self._memory = tempfile.mkdtemp(prefix="pmemobj-sandbox-", dir=_place_in_memory())
        memory = os.open(self._memory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.dup2(memory, self._descriptor, inheritable=False)
        finally:
            os.close(memory)

    def give_name(self, path: str) -> None:
        files = file_operations.current
        # The directory must not get its name before the names in it are durable.
        files.sync(self._descriptor)
        with file_operations.opened_directory(os.path.dirname(path)) as descriptor:
            try:
                # rename replaces neither a file nor a directory that is not empty.
                files.rename(os.path.basename(self._path), os.path.basename(path), descriptor)
            except OSError:
                if os.path.lexists(path):
                    raise FileExistsError(path) from None
                raise
            files.sync(descriptor)

    def grown(self) -> None:
        """Give new parts their numbers and permissions, and make their names durable."""
        # Errors are ignored: the pool works without this, and the next open corrects a wrong number.
        with contextlib.suppress(OSError):
            if self._memory:
                for name in os.listdir(self._memory):
                    os.unlink(os.path.join(self._memory, name))
                return
            directory = f"/proc/self/fd/{self._descriptor}"
            parts = _parts.find("grow", directory)
            mode = os.stat(parts[0].path).st_mode & 0o777
            for part in parts[1:]:
                # libpmemobj does not create new parts with the permissions of the others.
                os.chmod(part.path, mode)
            _parts.close_gaps(directory, parts)
            file_operations.current.sync(self._descriptor)

    def parts_from(self, end: int) -> tuple[int, list[tuple[str, int]]]:
        found, at = [], 0
        for part in _parts.find("grow", f"/proc/self/fd/{self._descriptor}"):
            if at >= end:
                found.append((os.path.basename(part.path), part.size))
            at += part.size
        return self._descriptor, found

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._memory:
            _remove_tree(self._memory)
            self._memory = ""


def at(path: str, max_size: int) -> Storage:
    """The storage at `path`: that of a growing pool if there is a `max_size`, else one file."""
    return Directory(path, max_size) if max_size else SingleFile(path)


def open_parts(parts: Iterable[tuple[str, int]], copy_on_write: bool = True, overlay: bytes = b"") -> library.Pool:
    """Map parts of a growing pool, given by path and size; other files in its directory are ignored."""
    with contextlib.ExitStack() as opened:
        files = [(opened.enter_context(open(path, "rb+")), size) for path, size in parts]
        lines = [f"{size} /proc/self/fd/{file.fileno()}" for file, size in files]
        poolset = opened.enter_context(open(os.memfd_create("poolset"), "wb", buffering=0))
        poolset.write("\n".join([*_parts.HEAD, *lines, ""]).encode())
        name = f"/proc/self/fd/{poolset.fileno()}"
        return library.open_pool(name, LAYOUT_NAME, copy_on_write, overlay=overlay)


def overlay_of(files: Sequence[tuple[str, int]], pages: Mapping[int, bytes]) -> bytes:
    """Pages of a pool, by their numbers, as `library.open_pool` takes them."""
    found, start = [], 0
    for path, size in files:
        status = os.stat(path)
        first, end = start // _parts.PAGE, (start + size) // _parts.PAGE
        for page in [page for page in pages if first <= page < end]:
            found.append(_OVERLAY.pack(status.st_dev, status.st_ino, _parts.PAGE * page - start) + pages[page])
        start += size
    return b"".join(found)


def _place_in_memory() -> str | None:
    """A directory on tmpfs that has room. If there is none, None, by which `tempfile` means its own directory."""
    with contextlib.suppress(OSError):
        there = os.statvfs(_MEMORY)
        if os.access(_MEMORY, os.W_OK) and there.f_bavail * there.f_frsize >= _ROOM:
            return _MEMORY
    return None


def umask(what: str) -> int:
    """The umask of the process, read without setting it, since other threads would see it changed.

    Args:
        what: The operation, for errors.

    Raises:
        PoolAccessError: ``/proc`` is missing.
    """
    try:
        with open(f"{pool_file.PROC}/status", encoding="ascii", errors="replace") as status:
            (mask,) = [line.split()[1] for line in status if line.startswith("Umask:")]
    except (OSError, ValueError):
        raise PoolAccessError(
            what,
            f"{pool_file.PROC}/status, which tells the permissions of new files (the umask), cannot be read",
            "mount the file system proc at /proc",
            code=errno.ENOTSUP,
        ) from None
    return int(mask, 8)


def temporary_name(directory: str, purpose: str = "creating") -> str:
    """The name of a pool, or a dump, while it is being made; it gets its final name when it is complete.

    The temporary name is short, since the final name may be as long as names can be. It has a random part, since a
    creator that died may have left a file, and its process id may be in use again.
    """
    return os.path.join(directory, f".{purpose}-{os.getpid()}-{os.urandom(4).hex()}")


@contextlib.contextmanager
def creating_in(directory: str) -> Iterator[None]:
    """Remove what killed creators have left in a directory, and keep others from removing what is created now.

    Every creator holds a shared lock on the directory. So a creator that gets the exclusive lock knows that there is no
    other, and that all temporary files are left over. The system releases the lock when a process dies, and the
    lock also works between containers, where process ids say nothing.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        # If the directory is missing, creating the pool will say so. If it cannot be read, nothing is removed from it.
        yield
        return
    try:
        # On a file system without locks nothing is removed.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _clear_up(directory)
        _share(descriptor)
        yield
    finally:
        os.close(descriptor)


def _clear_up(directory: str) -> None:
    with os.scandir(directory) as entries:
        left = [entry.path for entry in entries if _TEMPORARY.fullmatch(entry.name)]
    for path in left:
        if not _is_held(path):
            remove(path)


def _is_held(path: str) -> bool:
    """Whether a process has the pool at `path` open, or may have it open.

    A pool in one file gets its final name as a second name, so it may be open under that name.
    """
    first = os.path.join(path, _parts.FIRST_NAME) if os.path.isdir(path) else path
    try:
        descriptor = os.open(first, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _share(descriptor: int) -> None:
    """Take the shared lock. Other creators hold the exclusive lock for a moment; if a program keeps it, do without."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(_PATIENCE / 100)
        except OSError:
            return


def remove(path: str) -> None:
    """Remove the pool of either kind that is at `path`, a temporary name."""
    try:
        _remove(path)
    except BaseException:
        _remove(path)  # An interrupt that arrived in the middle must not leave the file behind.
        raise


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        _remove_tree(path)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _remove_tree(path: str) -> None:
    # shutil is imported here, since it takes as long to import as half of this package, and few programs need it.
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def remove_pool(what: str, path: str) -> None:
    """Delete a pool that no process has open; see `pmemobj.remove`."""
    try:
        pool_file.demand_pool(what, path)
        with pool_file.locked(path):
            grows = _parts.is_growing_pool(path)
            # The journal goes last: as long as there is a pool, it may need it.
            journal = leftover.journal_path(path, grows)
            if grows:
                parts = _parts.find(what, path)
                # Without its description the rest is no pool any more, so that goes first.
                os.unlink(os.path.join(path, _parts.SET_NAME))
                for part in parts:
                    os.unlink(part.path)
            else:
                os.unlink(path)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(journal)
            if grows:
                with contextlib.suppress(OSError):
                    os.rmdir(path)
        pool_file.persist_names(path)
    except PoolBusyError as error:
        raise PoolBusyError(what, error.why, error.todo) from None
    except OSError as error:
        raise pool_file.translate(what, error, path) from None
