"""Which kind of memory a path is on, and therefore what "durable" means for a pool there."""

from __future__ import annotations

import os
import stat
from enum import Enum


class Medium(Enum):
    """The kinds of memory that differ in durability; the value is the text for a pool that works in place.

    The values stay as they are: a kind that is stored in a pool is found again by its value.
    """

    DAX = "DAX: persistent memory, stores are durable once flushed"
    RAM = "tmpfs: RAM, survives the program but not a restart of the machine"
    DISK = "disk: an ordinary file, every commit waits for msync"

    @property
    def text(self) -> str:
        """The kind in a sentence, whatever commits wait for."""
        return "disk: an ordinary file, survives a restart of the machine" if self is Medium.DISK else self.value

    @property
    def short(self) -> str:
        """The kind in a word."""
        return self.value.partition(":")[0]


def medium_of(path: str) -> Medium:
    """The kind of memory that a path is on, according to the mount table (``/proc/self/mountinfo``)."""
    try:
        status = os.stat(path)
    except OSError:
        return _under_mount_point(path)
    if stat.S_ISCHR(status.st_mode):
        return Medium.DAX  # /dev/dax
    # Each line of the table has the number of its device, and all mounts of a device are of one kind.
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    for line in _mounts():
        if line.split(" ", 3)[2] == device:
            return _kind(line)
    return _under_mount_point(path)


def _under_mount_point(path: str) -> Medium:
    """The kind of memory by the name of the mount point: btrfs, for one, gives its files device numbers that are not in
    the table."""
    real = os.path.realpath(path)
    if real.startswith("/dev/dax"):
        return Medium.DAX
    best, found = "", ""
    for line in _mounts():
        point = line.split(" ")[4].encode().decode("unicode_escape")
        if (real == point or real.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, found = point, line
    return _kind(found) if found else Medium.DISK


def _kind(line: str) -> Medium:
    left, _, right = line.partition(" - ")
    kind, _, options = right.split(" ", 2)
    if kind in ("tmpfs", "ramfs"):
        return Medium.RAM
    if {"dax", "dax=always"} & {*left.split(" ")[5].split(","), *options.rpartition(" ")[2].split(",")}:
        return Medium.DAX
    return Medium.DISK


def _mounts() -> list[str]:
    """The lines of the mount table; an empty list where there is none."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            return table.read().splitlines()
    except OSError:
        return []
