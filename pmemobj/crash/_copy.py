"""The memory of an open pool, copied: also in the middle of a transaction, of a growing pool, and of a sandbox.

Most of what a pool has in memory is in its files, since the mapping of a file and the file are the same pages. So the
files are copied, without their holes. The changes in a sandbox are in no file, and those of a pool with a journal are
not in its files yet: of their memory, the pages that belong to this process alone are copied in addition. The kernel
tells which ones these are. What a sandbox has grown by is read as a whole.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Iterator

from pmemobj._engine.heap import Heap
from pmemobj._files import pool_file, poolset, storage
from pmemobj._format import ROOT_STATE, STATE_OPEN, WORD
from pmemobj._pmdk import library
from pmemobj.crash._image import Image
from pmemobj.errors import PoolNotFoundError
from pmemobj.pool import PersistentObjectPool

#: What the kernel tells of each page of this process; a page may also be missing.
_PAGEMAP = "/proc/self/pagemap"
_PAGE = 4096
#: Blocks of zeros of this size are left out.
_BLOCK = 1 << 16
_PRESENT, _SWAPPED, _OF_A_FILE = 1 << 63, 1 << 62, 1 << 61
#: So many pages at a time: 128 MiB.
_AT_ONCE = 1 << 15


class PoolCopy:
    """A copy of the memory of an open pool, in files in memory, which child processes inherit.

    Args:
        what: The operation, for errors.
        pool: The open pool. The caller holds its lock, so that nobody changes it meanwhile.

    Attributes:
        size: Bytes of all files together.
        root_offset: Where the root object lies.

    Raises:
        PoolNotFoundError: its file was moved or removed.
    """

    def __init__(self, what: str, pool: PersistentObjectPool) -> None:
        heap = pool._heap
        if not pool.held_by and not pool._session.is_at(pool._file):
            raise PoolNotFoundError(
                what, "its file was moved or removed while the pool is open", f"move it back to {pool._file}"
            )
        self.root_offset = heap.root_offset
        self._grows = poolset.is_growing_pool(pool._file)
        # What was copied of a pool that another process has open is in no file any more.
        files = () if pool.held_by else pool_file.identify(pool._file).files
        self._images = [Image.of_file(path, size) for path, size in files]
        if pool.sandbox or heap.journal is not None:
            self._copy_private(heap)
        # The copy needs no journal: it has everything.
        self._write(heap.root_offset + ROOT_STATE, STATE_OPEN.to_bytes(WORD, "little"))
        self.size = sum(image.size for image in self._images)

    @property
    def files(self) -> list[tuple[str, int]]:
        """Path and size in bytes of each file; the paths are valid in this process and in its children."""
        return [(image.path, image.size) for image in self._images]

    @property
    def image(self) -> Image:
        """The only file of a pool that does not grow."""
        (image,) = self._images
        return image

    def open(self, copy_on_write: bool) -> library.Pool:
        """Let libpmemobj open the copy, with recovery; it cannot grow. Raises OSError if libpmemobj refuses it."""
        if self._grows:
            return storage.open_parts(self.files, copy_on_write)
        return self._images[0].open(copy_on_write)

    def again(self) -> PoolCopy:
        """A second copy with the same contents."""
        other = copy.copy(self)
        other._images = [image.copy() for image in self._images]
        return other

    def close(self) -> None:
        """Free the memory, as far as no child has the files open."""
        for image in self._images:
            image.close()

    def _write(self, offset: int, data: bytes) -> None:
        for image in self._images:
            if offset < image.size:
                image.write(offset, data)
                return
            offset -= image.size

    def _copy_private(self, heap: Heap) -> None:
        """Add to the copies of the files what a sandbox, or a pool with a journal, has changed, and has grown by."""
        start = 0
        for image in self._images:
            for page in _private_pages(heap.base + start, image.size):
                image.write(page, heap.read_bytes(start + page, _PAGE))
            start += image.size
        if heap.limit > start:
            # The new parts are files, too, but without names, so they are read through their mapping.
            image = Image(heap.limit - start)
            for at in range(start, heap.limit, _BLOCK):
                block = heap.read_bytes(at, min(_BLOCK, heap.limit - at))
                if block.count(0) != len(block):
                    image.write(at - start, block)
            self._images.append(image)


def _private_pages(address: int, size: int) -> Iterator[int]:
    """Which pages of a mapping belong to this process alone, by their distances from its beginning."""
    with open(_PAGEMAP, "rb", buffering=0) as pagemap:
        for first in range(0, size // _PAGE, _AT_ONCE):
            pagemap.seek((address // _PAGE + first) * WORD)
            entries = array("Q", pagemap.read(min(_AT_ONCE, size // _PAGE - first) * WORD))
            for number, entry in enumerate(entries):
                if entry & (_PRESENT | _SWAPPED) and not entry & _OF_A_FILE:
                    yield (first + number) * _PAGE
