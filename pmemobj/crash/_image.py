"""Images of pools in memory: files without a name, which libpmemobj opens like any other file.

An image is a copy of the file of a pool. A crash state is described by the cache lines in which it differs from an
image (`Lines`).
"""

from __future__ import annotations

import errno
import os
from typing import Any

from pmemobj._files import poolset
from pmemobj._files.extents import extents
from pmemobj._format import LAYOUT_NAME
from pmemobj._pmdk import library
from pmemobj.crash._trace import LINE
from pmemobj.errors import PmemError
from pmemobj.pool import PersistentObjectPool

#: The contents of cache lines by their offsets.
Lines = dict[int, bytes]

_COPY_AT_ONCE = 1 << 30


class Image:
    """A file in memory, of `size` bytes; child processes inherit it, and it disappears with the last of them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.file = os.memfd_create("pmemobj-crash", os.MFD_CLOEXEC)
        os.ftruncate(self.file, size)

    @classmethod
    def of_file(cls, path: str, size: int) -> Image:
        """A copy of the first `size` bytes of a file, without its holes."""
        image = cls(size)
        source = os.open(path, os.O_RDONLY)
        try:
            _copy(source, image.file)
        finally:
            os.close(source)
        return image

    def copy(self) -> Image:
        """A second image with the same contents."""
        other = Image(self.size)
        _copy(self.file, other.file)
        return other

    def overwrite(self, other: Image) -> None:
        """Make this empty image the same as another."""
        _copy(other.file, self.file)

    @property
    def path(self) -> str:
        """The path by which libpmemobj opens the image in this process."""
        return f"/proc/self/fd/{self.file}"

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self.file, size, offset)

    def line(self, offset: int) -> bytes:
        """The cache line at an offset."""
        return os.pread(self.file, LINE, offset)

    def write(self, offset: int, data: bytes) -> None:
        os.pwrite(self.file, data, offset)

    def open(self, copy_on_write: bool) -> library.Pool:
        """Let libpmemobj open the image, with recovery; raises OSError if it refuses."""
        return library.open_pool(self.path, LAYOUT_NAME, copy_on_write)

    def close(self) -> None:
        if self.file >= 0:
            os.close(self.file)
            self.file = -1

    __del__ = close

    def __deepcopy__(self, _memo: object) -> Image:
        return self  # a second object would close the file of the first

    def __reduce__(self) -> Any:
        raise TypeError("cannot pickle an image: it is an open file (export it)")


def _copy(source: int, target: int) -> None:
    """Copy a file without its holes, as far as the target reaches."""
    end = min(os.fstat(source).st_size, os.fstat(target).st_size)
    for start, stop in extents(source, end):
        os.lseek(target, start, os.SEEK_SET)
        while start < stop:
            sent = os.sendfile(target, source, start, min(stop - start, _COPY_AT_ONCE))
            if not sent:
                raise OSError(errno.EIO, f"the file became shorter, at {start} of {end} bytes")
            start += sent


def demand_plain(what: str, pool: PersistentObjectPool, sandbox_too: bool = False) -> None:
    """Refuse a pool whose contents are not one file.

    Args:
        what: The operation, for errors.
        pool: The open pool.
        sandbox_too: Whether one that is open in a sandbox is welcome.

    Raises:
        PmemError: it is a growing pool, or open in a sandbox.
    """
    if pool.sandbox and not sandbox_too:
        raise PmemError(what, "it is in a sandbox, so its changes are in no file", "open it without sandbox=True")
    if poolset.is_growing_pool(pool._file):
        raise PmemError(
            what, "it is a growing pool, which gets further files while it is open", "resize a copy to a fixed size"
        )
