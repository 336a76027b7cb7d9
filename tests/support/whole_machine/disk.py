"""The disk of the machine: a plugin of nbdkit that loses what nobody waited for.

A disk may keep writes in a cache of its own until it is told to flush, and write them in any order. What it has of
them after a power cut is any subset, down to sectors of 512 bytes. This disk remembers what it overwrote since the
last flush. When QEMU is gone, it decides about these writes by its seed, and puts the old bytes back for those that are
lost. It runs in nbdkit's own Python, so it imports nothing but the standard library.

Settings: `image` is the file; `keep` says what a cut leaves of writes that nobody waited for, one of `KEEP`; `seed`;
`report` is a file for a line of JSON about the cut; `cut` is a file that is there as soon as the power is about to be
cut, and with `.over` behind its name when it is. A flush that has not ended by then never does. With `lies=1` the disk does not wait for anything when it is told to
flush: a mistake that must be found.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

API_VERSION = 2
SECTOR = 512
#: Seconds that a flush takes. Most cuts come while some program waits for one.
FLUSH = 0.002
#: What a cut leaves of the writes since the last flush.
KEEP = ("all", "none", "first", "writes", "sectors")

_settings: dict[str, str] = {}


class Disk:
    """An image, and what was overwritten in it since the last flush.

    Args:
        image: The file.
        lies: Whether a flush is confirmed, but waits for nothing.
    """

    def __init__(self, image: str, lies: bool = False) -> None:
        self._file = os.open(image, os.O_RDWR)
        self._lies = lies
        #: The place, the bytes before and the bytes after each write since the last flush, in their order.
        self._pending: list[tuple[int, bytes, bytes]] = []
        self.flushes = 0

    @property
    def size(self) -> int:
        """Bytes."""
        return os.fstat(self._file).st_size

    def read(self, buffer: Any, offset: int) -> None:
        """Fill the buffer: a disk reads what was written, whether it was flushed or not."""
        os.preadv(self._file, [buffer], offset)

    def write(self, data: bytes, offset: int) -> None:
        """Write whole sectors."""
        self._pending.append((offset, os.pread(self._file, len(data), offset), data))
        os.pwrite(self._file, data, offset)

    def flush(self) -> None:
        """From here on, no cut loses what was written before."""
        self.flushes += 1
        if not self._lies:
            self._pending.clear()

    def cut(self, keep: str, chance: random.Random) -> dict[str, int]:
        """Put the image into a state that a power cut may leave, and close it.

        Returns:
            How many writes nobody had waited for, how many sectors these have, and how many of them were lost.
        """
        versions: dict[int, list[bytes]] = {}
        for offset, before, after in self._pending:
            for at in range(0, len(after), SECTOR):
                sector = offset + at
                versions.setdefault(sector, [before[at : at + SECTOR]]).append(after[at : at + SECTOR])
        kept = self._kept(keep, chance)
        lost = 0
        number = dict.fromkeys(versions, 0)
        chosen = {sector: found[0] for sector, found in versions.items()}
        for index, (offset, _, after) in enumerate(self._pending):
            for sector in range(offset, offset + len(after), SECTOR):
                number[sector] += 1
                if kept(index):
                    chosen[sector] = versions[sector][number[sector]]
        for sector, data in chosen.items():
            if data != versions[sector][-1]:
                lost += 1
                os.pwrite(self._file, data, sector)
        os.close(self._file)
        return {"writes": len(self._pending), "sectors": len(versions), "lost": lost, "flushes": self.flushes}

    def _kept(self, keep: str, chance: random.Random) -> Callable[[int], bool]:
        """Decides about one sector of the write with a number; asked once for each of its sectors."""
        share = chance.random()
        if keep in ("all", "none"):
            return lambda index: keep == "all"
        if keep == "first":
            until = chance.randint(0, len(self._pending))
            return lambda index: index < until
        if keep == "writes":
            whole = [chance.random() < share for _ in self._pending]
            return lambda index: whole[index]
        return lambda index: chance.random() < share


# ---- what nbdkit calls ----


def config(key: str, value: str) -> None:
    """Take a setting from the command line of nbdkit."""
    if key not in ("image", "keep", "seed", "report", "cut", "lies"):
        raise ValueError(f"the disk has no setting {key!r}")
    _settings[key] = value


def config_complete() -> None:
    """Refuse a command line that leaves something open."""
    if _settings.get("keep") not in KEEP or not {"image", "seed", "report", "cut"} <= _settings.keys():
        raise ValueError(f"the disk needs image=, seed=, report=, cut= and keep=, which is one of {', '.join(KEEP)}")


def open(readonly: bool) -> Disk:
    """QEMU is there."""
    return Disk(_settings["image"], _settings.get("lies") == "1")


def get_size(disk: Disk) -> int:
    """Bytes of the disk."""
    return disk.size


def can_flush(disk: Disk) -> bool:
    """The disk has a cache that can be flushed; nbdkit makes a write and a flush of a write that must be durable."""
    return True


def pread(disk: Disk, buffer: Any, offset: int, flags: int) -> None:
    """Read."""
    disk.read(buffer, offset)


def pwrite(disk: Disk, buffer: Any, offset: int, flags: int) -> None:
    """Write."""
    disk.write(bytes(buffer), offset)


def flush(disk: Disk, flags: int) -> None:
    """Wait until everything is durable; nothing becomes so if the power is cut meanwhile."""
    time.sleep(FLUSH)
    if not os.path.exists(_settings["cut"]):
        disk.flush()
        return
    # An answer now might still reach the machine, which would acknowledge a commit that is not durable.
    while not os.path.exists(_settings["cut"] + ".over"):
        time.sleep(FLUSH)


def close(disk: Disk) -> None:
    """QEMU is gone: the power is cut."""
    found = disk.cut(_settings["keep"], random.Random(int(_settings["seed"])))
    descriptor = os.open(_settings["report"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(descriptor, json.dumps(found).encode())
    os.close(descriptor)
