"""Images that declare only the lanes that are in use, since libpmemobj spends most of an open on the unused ones.

A lane is a set of logs for one thread, and a pool has 1,024 of them. At each open libpmemobj allocates memory for
every lane and looks for something to recover in it, which takes five times as long as everything else that it does
with a small pool. Lanes that no thread has ever used hold nothing in any image, so leaving them out makes no
difference to recovery. Therefore the *scratch copy* of an image declares fewer lanes; its other bytes are unchanged.
"""

from __future__ import annotations

import os
from struct import pack_into

from pmemobj._format import (
    LANE_LOGS,
    LANE_SIZE,
    LOG_CAPACITY,
    POOL_DESCRIPTOR,
    POOL_DESCRIPTOR_CHECKSUM,
    POOL_LANE_COUNT,
    POOL_LANES_OFFSET,
    WORD,
    fletcher64,
)
from pmemobj.crash._image import Image
from pmemobj.crash._trace import LINE

__all__ = ["OURS", "FewLanes"]

#: The words in which a scratch copy differs: the number of lanes, and the checksum over the header with it.
OURS = tuple(range(at, at + WORD) for at in (POOL_LANE_COUNT, POOL_DESCRIPTOR_CHECKSUM))
#: The environment variable that limits how many lanes libpmemobj hands out to threads.
_LANES_AT_RUN_TIME = "PMEMOBJ_NLANES"


class FewLanes:
    """Keeps the declared number of lanes of an image as low as its contents allow.

    Attributes:
        lines: The offsets of the cache lines that this object has changed, which nobody else may write.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._first, self._all = (
            int.from_bytes(image.read(at, WORD), "little") for at in (POOL_LANES_OFFSET, POOL_LANE_COUNT)
        )
        self._end = self._first + self._all * LANE_SIZE
        self.lines = frozenset(each.start & -LINE for each in OURS)
        self._count = 0
        self._declare(self._in_use())

    def written(self, line: int) -> None:
        """Take note that a line of the image was written: if it lies in a lane, this lane is in use from now on."""
        if self._first <= line < self._end:
            self._declare((line - self._first) // LANE_SIZE + 1)

    def open_with(self) -> None:
        """Tell libpmemobj to use no other lanes: by itself it does not look at the number in the header."""
        os.environ[_LANES_AT_RUN_TIME] = str(self._count)

    def _in_use(self) -> int:
        unused = bytearray(LANE_SIZE)
        for log, capacity in LANE_LOGS:
            pack_into("<Q", unused, log + LOG_CAPACITY, capacity)
        lanes = self._image.read(self._first, self._end - self._first)
        return next(
            (n for n in range(self._all, 1, -1) if lanes[(n - 1) * LANE_SIZE : n * LANE_SIZE] != unused),
            1,
        )

    def _declare(self, count: int) -> None:
        if count <= self._count:
            return
        self._count = count
        start, stop = POOL_DESCRIPTOR.start, POOL_DESCRIPTOR.stop
        descriptor = bytearray(self._image.read(start, stop - start))
        pack_into("<Q", descriptor, POOL_LANE_COUNT - start, count)
        pack_into("<Q", descriptor, POOL_DESCRIPTOR_CHECKSUM - start, 0)
        checksum = fletcher64(descriptor)
        pack_into("<Q", descriptor, POOL_DESCRIPTOR_CHECKSUM - start, checksum)
        self._image.write(start, bytes(descriptor))
