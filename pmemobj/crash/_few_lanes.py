"""Images with no more lanes than are in use: libpmemobj spends most of an open on those that are not.

A lane is a set of logs for one thread, and a pool has 1,024. At each open libpmemobj makes some memory for each and
looks for something to recover in it; that takes five times as long as all else that it does with a small
pool. Lanes that no thread has ever had, and that hold nothing in any image, can be left out without a
difference to recovery. So the *scratch copy* of an image says that it has fewer. All else in it is as it was.
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

#: What such a copy has of its own: how many lanes it has, and the checksum over that.
OURS = tuple(range(at, at + WORD) for at in (POOL_LANE_COUNT, POOL_DESCRIPTOR_CHECKSUM))
#: libpmemobj hands its threads one lane after another, modulo this.
_LANES_AT_RUN_TIME = "PMEMOBJ_NLANES"


class FewLanes:
    """Keeps the number of lanes of an image as low as what is written to it allows.

    Attributes:
        lines: The cache lines that are not to be written any more.
    """

    def __init__(self, image: Image) -> None:
        self._image = image
        self._first, self._all = (
            int.from_bytes(image.read(at, WORD), "little") for at in (POOL_LANES_OFFSET, POOL_LANE_COUNT)
        )
        self._end = self._first + self._all * LANE_SIZE
        self.lines = frozenset(each.start & -LINE for each in OURS)
        self._count = 0
        self._say(self._in_use())

    def written(self, line: int) -> None:
        """A line of the image was written; if it is one of a lane, that lane counts from now on."""
        if self._first <= line < self._end:
            self._say((line - self._first) // LANE_SIZE + 1)

    def open_with(self) -> None:
        """Tell libpmemobj, before it opens the image, to use no other lanes; it does not look for that."""
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

    def _say(self, count: int) -> None:
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
