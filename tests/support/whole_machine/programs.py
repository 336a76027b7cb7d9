"""The programs that run in the machine, each on a pool of its own, all at the same time."""

from __future__ import annotations

from typing import NamedTuple

#: Where the guest mounts each medium.
MOUNTS = {"dax": "/media/dax", "disk": "/media/disk", "ram": "/media/ram"}
#: What `durability=` may say for a pool on a disk. Where the package has no such argument, there is only the last one.
MODES = ("full", "relaxed", "in-place")


class Program(NamedTuple):
    """One program.

    Attributes:
        medium: A key of `MOUNTS`.
        kind: ``file``, or ``growing`` for a pool that is a directory.
        mode: The `durability` of a pool on a disk; empty for other media, which have no choice.
    """

    medium: str
    kind: str
    mode: str = ""

    @property
    def name(self) -> str:
        """A word that stands for the program in messages, and begins the name of its pool."""
        return "-".join(part for part in self if part)

    @property
    def survives(self) -> bool:
        """Whether anything at all is left after a power cut."""
        return self.medium != "ram"

    @property
    def may_lose_the_last(self) -> bool:
        """Whether acknowledged commits may be lost, if they are the last ones."""
        return self.mode == "relaxed"


def programs(modes: tuple[str, ...]) -> list[Program]:
    """All programs, where the package offers `modes` on a disk."""
    on_disk = [Program("disk", kind, mode) for mode in MODES if mode in modes for kind in ("file", "growing")]
    return [Program("dax", "file"), Program("dax", "growing"), *on_disk, Program("ram", "file")]


def named(name: str) -> Program:
    """The program of this name.

    Raises:
        KeyError: there is none.
    """
    return {program.name: program for program in programs(MODES)}[name]
