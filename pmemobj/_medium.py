"""What kind of memory a path is on, and so what "durable" means for a pool there."""

from __future__ import annotations

import os
from enum import Enum


class Medium(Enum):
    """The kinds of memory that make a difference; the value is what people are told."""

    DAX = "DAX: persistent memory, stores are durable once flushed"
    RAM = "tmpfs: RAM, survives the program but not a restart of the machine"
    DISK = "disk: an ordinary file, every commit waits for msync"

    @property
    def short(self) -> str:
        """The kind in a word."""
        return self.value.partition(":")[0]


def medium_of(path: str) -> Medium:
    """The kind of memory under a path, told from the mount table (``/proc/self/mountinfo``)."""
    real = os.path.realpath(path)
    if real.startswith("/dev/dax"):
        return Medium.DAX
    best, kind, options = "", "", ""
    for point, found_kind, found_options in _mounts():
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind, options = point, found_kind, found_options
    if kind in ("tmpfs", "ramfs"):
        return Medium.RAM
    if {"dax", "dax=always"} & set(options.split(",")):
        return Medium.DAX
    return Medium.DISK


def _mounts() -> list[tuple[str, str, str]]:
    """Mount point, file system and options of every mount; nothing where there is no table."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
            lines = table.read().splitlines()
    except OSError:
        return []
    mounts = []
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split(" ")[4].encode().decode("unicode_escape")
        kind, _, options = right.split(" ", 2)
        mounts.append((point, kind, f"{left.split(' ')[5]},{options.rpartition(' ')[2]}"))
    return mounts
