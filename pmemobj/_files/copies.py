"""Copies of pools, file by file: written under an unfinished name, made durable, and only then given their name.

At every moment there is either no copy or a whole one under the final name, wherever the program is killed and the
power fails. What a killed program leaves has a temporary name, and the next creator in that directory removes it
(`storage.creating_in`).
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pmemobj._durability import file_operations, leftover
from pmemobj._files import pool_file, poolset, storage
from pmemobj._progress import Progress
from pmemobj.errors import DiskFullError, PmemError, PoolAccessError, PoolExistsError

#: So many bytes are copied between two calls of `progress`.
_AT_ONCE = 4 << 20
_ZEROS = bytes(_AT_ONCE)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Original(NamedTuple):
    """The files that are to be copied. Nobody changes them meanwhile.

    Attributes:
        files: Path and size in bytes of each, in order.
        directory: The directory of a growing pool; empty for a pool in one file.
        words: What the copy has instead of the original: pairs of an offset in the first file, and bytes.
    """

    files: Sequence[tuple[str, int]]
    directory: str
    words: Sequence[tuple[int, bytes]]


def demand_target(what: str, path: str, name: str) -> None:
    """Refuse a path at which no copy can be made.

    Args:
        what: The operation, for errors.
        path: The absolute path.
        name: The path as the program gave it.

    Raises:
        PoolExistsError: there is a file already, or a journal of another pool would be taken for that of the copy.
        PoolAccessError: it lies in the directory of a growing pool.
        PoolNotFoundError, PoolAccessError: the path is empty, or the name too long.
    """
    if name and os.path.lexists(path):
        raise _exists(what, path)
    pool_file.demand_new_name(what, path, name)
    directory = os.path.dirname(path)
    if poolset.is_growing_pool(directory):
        raise PoolAccessError(
            what,
            f"{directory} is a growing pool, to which every file in it may belong",
            "choose a path outside of that directory",
            code=errno.EINVAL,
        )
    journal = leftover.journal_path(path, False)
    if os.path.lexists(journal):
        raise PoolExistsError(
            what,
            f"{journal} is there, which may have the last commits of a pool that had this name",
            "choose another name, or put that journal back to its pool",
        )


def make_copy(
    what: str, original: Original, path: str, demand_unchanged: Callable[[], object], progress: Progress | None
) -> None:
    """Copy a pool.

    Args:
        what: The operation, for errors.
        original: What is copied.
        path: The absolute path of the copy.
        demand_unchanged: Called when all is copied; raises an error if it is no copy of one moment.
        progress: Called with numbers of bytes. An exception from it ends the copying.

    Raises:
        PoolExistsError: there is a file already.
        DiskFullError, PoolPermissionError, PoolNotFoundError, PoolAccessError: the system refuses the operation.
    """
    directory = os.path.dirname(path)
    unfinished = storage.temporary_name(directory, "copying")
    try:
        with storage.creating_in(directory):
            try:
                _write(original, unfinished, _Teller(original, progress))
                demand_unchanged()
                _give_name(unfinished, path, bool(original.directory))
            finally:
                storage.remove(unfinished)
    except FileExistsError:
        raise _exists(what, path) from None
    except OSError as error:
        if isinstance(error, PmemError):
            raise
        raise _translate(what, error, path) from None


class _Teller:
    """Counts the bytes that are done, and tells them."""

    def __init__(self, original: Original, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, sum(size for _, size in original.files), progress

    def add(self, size: int) -> None:
        self._done += size
        if self._progress is not None:
            self._progress(self._done, self._total)


def _write(original: Original, unfinished: str, teller: _Teller) -> None:
    """Write the whole copy under its unfinished name, and wait until it is durable."""
    if not original.directory:
        ((source, size),) = original.files
        _copy_file(source, unfinished, size, original.words, teller)
        return
    files = file_operations.current
    files.make_directory(unfinished, os.stat(original.directory).st_mode & 0o777)
    described = os.path.join(original.directory, poolset.SET_NAME)
    _copy_file(described, os.path.join(unfinished, poolset.SET_NAME), os.path.getsize(described), (), None)
    for place, (source, size) in enumerate(original.files):
        part = os.path.join(unfinished, poolset.part_name(place))
        _copy_file(source, part, size, () if place else original.words, teller)
    with file_operations.opened_directory(unfinished) as descriptor:
        files.sync(descriptor)


def _copy_file(source: str, target: str, size: int, words: Sequence[tuple[int, bytes]], teller: _Teller | None) -> None:
    files = file_operations.current
    with contextlib.ExitStack() as opened:
        original = files.open(source, os.O_RDONLY)
        opened.callback(files.close, original)
        copy = files.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.fstat(original).st_mode & 0o666)
        opened.callback(files.close, copy)
        # With all its room, since a hole for which the disk has none left would end a program that stores to it.
        files.allocate(copy, 0, size)
        for at in range(0, size, _AT_ONCE):
            piece = files.read(original, min(_AT_ONCE, size - at), at)
            if len(piece) < min(_AT_ONCE, size - at):
                raise OSError(errno.EIO, f"{source} has become shorter than {size} bytes")
            if piece != (_ZEROS if len(piece) == _AT_ONCE else _ZEROS[: len(piece)]):
                files.write(copy, piece, at)
            if teller is not None:
                teller.add(len(piece))
        for offset, word in words:
            files.write(copy, word, offset)
        files.sync(copy)


def _give_name(unfinished: str, path: str, is_directory: bool) -> None:
    """Give the copy its name, and make the name durable; if that fails, the name is taken back.

    Raises:
        FileExistsError: something has that name.
    """
    files = file_operations.current
    old, new = os.path.basename(unfinished), os.path.basename(path)
    made = os.stat(unfinished)
    with file_operations.opened_directory(os.path.dirname(path)) as descriptor:
        try:
            if is_directory or not _is_linked(old, new, descriptor):
                if os.path.lexists(path):
                    raise FileExistsError(path)
                files.rename(old, new, descriptor)
            files.sync(descriptor)
        except BaseException:
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(path), made):
                    storage.remove(path)
            raise


def _is_linked(old: str, new: str, directory: int) -> bool:
    """Give a file a second name; False where the file system has no hard links."""
    try:
        file_operations.current.link(old, new, directory)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _exists(what: str, path: str) -> PoolExistsError:
    if os.path.isdir(path) and not poolset.is_growing_pool(path):
        return PoolExistsError(what, "there is a directory of that name", "name a file in it that does not exist")
    return PoolExistsError(what, "there is a file of that name", "choose another name, or remove that file first")


def _translate(what: str, error: OSError, path: str) -> PmemError:
    code = error.errno or 0
    if code in _FULL:
        return DiskFullError(what, f"the disk has no room for the copy ({os.strerror(code)})", "free space on it")
    if code in (errno.EIO, errno.EINVAL):
        return PoolAccessError(what, os.strerror(code).lower(), "see to the disk, or choose another one", code=code)
    return pool_file.translate(what, error, path)
