"""Every operation on a file that durability depends on.

The journal, checkpoints, replay, growth, closing and backups use files only through the object in `current`. A test
puts another object there, which records the operations, or lets one of them fail (`standing_in`).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pmemobj._pmdk import interposition

#: What can be written, byte by byte.
Data = bytes | bytearray | memoryview
#: File systems (ext4, XFS, tmpfs) on which a store to a mapped file never needs new blocks, once the file has all of
#: its blocks. Others write each block to a new place; where none is left, a store would end the process (SIGBUS).
_MAPPABLE = (0xEF53, 0x58465342, 0x01021994)
#: The most bytes that are asked for in one read.
_PIECE = 16 << 20


class FileOperations:
    """The operations of the system. Each raises `OSError`; a derived class may do something before, or instead."""

    def open(self, path: str, flags: int, mode: int = 0o600, directory: int | None = None) -> int:
        """``openat``: a descriptor, of which child processes know nothing; `path` may be relative to a `directory`."""
        return os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=directory)

    def close(self, descriptor: int) -> None:
        """``close``."""
        os.close(descriptor)

    def read(self, descriptor: int, size: int, offset: int) -> bytes:
        """``pread``, again and again: `size` bytes, or fewer at the end of the file."""
        pieces = []
        while size:
            # Python allocates as much as it is asked for, even if the file has less.
            piece = os.pread(descriptor, min(size, _PIECE), offset)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
            offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, descriptor: int, data: Data, offset: int) -> None:
        """``pwrite``: all of `data`."""
        done = os.pwrite(descriptor, data, offset)
        while done < len(data):
            with memoryview(data) as view, view[done:] as rest:
                done += os.pwrite(descriptor, rest, offset + done)

    def map(self, descriptor: int, size: int) -> mmap.mmap | None:
        """``mmap``: the first bytes of a file that has all of its blocks; None where storing to them could fail."""
        if interposition.native().file_system(descriptor) not in _MAPPABLE:
            return None
        try:
            return mmap.mmap(descriptor, size)
        except OSError:
            return None  # no address space is left, for instance; `write` does it as well

    def store(self, mapped: mmap.mmap, descriptor: int, data: Data, offset: int) -> None:
        """Store `data` in a file that `map` has mapped: a `write` without a call of the system."""
        mapped[offset : offset + len(data)] = data

    def allocate(self, descriptor: int, offset: int, size: int) -> None:
        """``posix_fallocate``: room for these bytes, so that writing them cannot fail for want of it."""
        os.posix_fallocate(descriptor, offset, size)

    def truncate(self, descriptor: int, size: int) -> None:
        """``ftruncate``."""
        os.ftruncate(descriptor, size)

    def sync_data(self, descriptor: int) -> None:
        """``fdatasync``: the contents, and as much of the file's data about them as finding them needs."""
        os.fdatasync(descriptor)

    def sync(self, descriptor: int) -> None:
        """``fsync``: a file with all data about it, or the names in a directory."""
        os.fsync(descriptor)

    def rename(self, old: str, new: str, directory: int) -> None:
        """``renameat``: both names are relative to a directory."""
        os.rename(old, new, src_dir_fd=directory, dst_dir_fd=directory)

    def link(self, old: str, new: str, directory: int) -> None:
        """``linkat``: a second name for a file, unless something has it; both are relative to a directory."""
        os.link(old, new, src_dir_fd=directory, dst_dir_fd=directory)

    def make_directory(self, path: str, mode: int) -> None:
        """``mkdir``."""
        os.mkdir(path, mode)

    def unlink(self, name: str, directory: int) -> None:
        """``unlinkat``: the name is relative to a directory."""
        os.unlink(name, dir_fd=directory)


#: What is used at this moment.
current = FileOperations()


@contextmanager
def standing_in(other: FileOperations) -> Iterator[None]:
    """Use another object in the block, for tests."""
    global current
    before, current = current, other
    try:
        yield
    finally:
        current = before


@contextmanager
def opened_directory(path: str) -> Iterator[int]:
    """A descriptor of a directory, as long as the block runs; names can be given relative to it."""
    descriptor = current.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        current.close(descriptor)
