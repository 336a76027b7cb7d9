"""What a pool lies in: one file of fixed size, or a directory of part files that grows.

Both are handed to libpmemobj as a path. For a directory that is the path of a poolset file, which
names the directory in which libpmemobj finds the parts and adds new ones. We give it neither path
as the user wrote it: the poolset file exists in memory only, and names the directory by an open
descriptor, ``/proc/self/fd/N/``. So no character of a path can be misread (the format has no
quotes), nothing in the directory holds its path, and the pool goes on growing in its directory
when that gets its name at the end of creation, or is moved while it is open.

In a sandbox the parts are mapped copy-on-write. libpmemobj would still put new parts into the
directory; so, once it has opened the pool, the descriptor is pointed to a directory in memory, and
each new part loses its name there as soon as it is mapped.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Protocol

from pmemobj._files import pool_file
from pmemobj._files import poolset as _parts
from pmemobj._format import LAYOUT_NAME
from pmemobj._pmdk import library
from pmemobj.errors import PoolAccessError

#: Where a sandbox grows: in memory, if there is room for some steps of libpmemobj's.
_MEMORY = "/dev/shm"
_ROOM = 512 * 1024 * 1024
_TEMPORARY = re.compile(r"\.(creating|building|dumping)-[0-9]+-[0-9a-f]{8}")
#: Seconds that a creator waits for the lock of a directory.
_PATIENCE = 1.0


class Storage(Protocol):
    """What pools of both kinds offer."""

    def create(self, size: int, mode: int) -> library.Pool:
        """Make it and map it: a file of `size` bytes, or the directory of a pool that grows up to `size`."""

    def open(self, copy_on_write: bool) -> library.Pool:
        """Map it; with `copy_on_write` its files stay as they are."""

    def grow_in_memory(self) -> None:
        """Let the pool, opened copy-on-write, grow outside its directory; else it must not grow."""

    def give_name(self, path: str) -> None:
        """Move what was created to its own name, unless there is something: FileExistsError."""

    def grown(self) -> None:
        """To be called when libpmemobj has made the pool larger."""

    def close(self) -> None:
        """Let go of it when it is mapped no longer."""


class SingleFile:
    """A pool in one file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def create(self, size: int, mode: int) -> library.Pool:
        return library.create(self._path, LAYOUT_NAME, size, mode)

    def open(self, copy_on_write: bool) -> library.Pool:
        return library.open_pool(self._path, LAYOUT_NAME, copy_on_write)

    def grow_in_memory(self) -> None:
        pass

    def give_name(self, path: str) -> None:
        pool_file.give_name(self._path, path)

    def grown(self) -> None:
        raise AssertionError("a file of fixed size has grown")

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

    def create(self, size: int, mode: int) -> library.Pool:
        os.mkdir(self._path, 0o700)
        set_path = os.path.join(self._path, _parts.SET_NAME)
        with open(set_path, "xb") as file:
            file.write(_parts.poolset(size, "/proc/self/cwd"))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(set_path, mode)
        with self._poolset() as name:
            pop = library.create(name, LAYOUT_NAME, 0, mode)
        # Who may read the parts may enter the directory.
        os.chmod(self._path, mode | (mode & 0o444) >> 2)
        return pop

    def open(self, copy_on_write: bool) -> library.Pool:
        with self._poolset() as name:
            return library.open_pool(name, LAYOUT_NAME, copy_on_write)

    @contextlib.contextmanager
    def _poolset(self) -> Iterator[str]:
        """The path of a poolset file for the open directory, which exists only while it is needed."""
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        file = os.memfd_create("poolset")
        try:
            os.write(file, _parts.poolset(self._max_size, f"/proc/self/fd/{self._descriptor}"))
            yield f"/proc/self/fd/{file}"
        finally:
            os.close(file)

    def grow_in_memory(self) -> None:
        self._memory = tempfile.mkdtemp(prefix="pmemobj-sandbox-", dir=_place_in_memory())
        memory = os.open(self._memory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.dup2(memory, self._descriptor, inheritable=False)
        finally:
            os.close(memory)

    def give_name(self, path: str) -> None:
        try:
            # Neither a file nor a directory with something in it is ever replaced by this.
            os.rename(self._path, path)
        except OSError:
            if os.path.lexists(path):
                raise FileExistsError(path) from None
            raise
        os.fsync(self._descriptor)
        pool_file.persist_names(path)

    def grown(self) -> None:
        """Make a part of what libpmemobj has added: its number, its permissions, its name on the medium."""
        # The pool works without it, and a wrong number is mended when it is opened the next time.
        with contextlib.suppress(OSError):
            if self._memory:
                for name in os.listdir(self._memory):
                    os.unlink(os.path.join(self._memory, name))
                return
            directory = f"/proc/self/fd/{self._descriptor}"
            parts = _parts.find("grow", directory)
            mode = os.stat(parts[0].path).st_mode & 0o777
            for part in parts[1:]:
                # libpmemobj gives new parts a mode of its own.
                os.chmod(part.path, mode)
            _parts.close_gaps(directory, parts)
            os.fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._memory:
            shutil.rmtree(self._memory, ignore_errors=True)
            self._memory = ""


def at(path: str, max_size: int) -> Storage:
    """The storage at `path`: of a growing pool if it has a `max_size`, else one file."""
    return Directory(path, max_size) if max_size else SingleFile(path)


def open_parts(parts: Iterable[tuple[str, int]]) -> library.Pool:
    """Map parts of a growing pool copy-on-write, given by path and size, whatever else is in its directory."""
    with contextlib.ExitStack() as opened:
        files = [(opened.enter_context(open(path, "rb+")), size) for path, size in parts]
        lines = [f"{size} /proc/self/fd/{file.fileno()}" for file, size in files]
        poolset = opened.enter_context(open(os.memfd_create("poolset"), "wb", buffering=0))
        poolset.write("\n".join([*_parts.HEAD, *lines, ""]).encode())
        return library.open_pool(f"/proc/self/fd/{poolset.fileno()}", LAYOUT_NAME, True)


def _place_in_memory() -> str | None:
    """A directory on tmpfs that has room; None, which means the one for temporary files, if there is none."""
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
    """Where a pool, or a dump, is while it is made; when it is complete it gets its own name.

    Short, since that may be as long as names can be; unique, so that no other creator is met, not even
    one that died and whose process id was given out again.
    """
    return os.path.join(directory, f".{purpose}-{os.getpid()}-{secrets.token_hex(4)}")


@contextlib.contextmanager
def creating_in(directory: str) -> Iterator[None]:
    """Remove what killed creators have left in a directory; then let nobody take what is created now for that.

    All creators have a shared lock on the directory, so who gets an exclusive one knows that there is
    none. It is let go of when a process dies, and holds between containers, where process ids do not tell.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        # It is missing, which creating the pool will say, or cannot be read: then nobody clears up in it.
        yield
        return
    try:
        # Not every file system has locks; where there are none, nothing is cleared up.
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
    """Whether a process has the file, or the first part of the growing pool, that is at `path`; if in doubt, yes.

    It may have been given its name already, and be open under that.
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
    """Take the shared lock. Others have the exclusive one for a moment; if a foreign program keeps it, go without."""
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
    """Remove what creating a pool has left at `path`, a temporary name, whichever kind it is."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)
