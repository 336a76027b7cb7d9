"""Power cuts of a pool with a journal: which states a disk may leave, and what must be in each of them.

The operations on files are recorded while a program works. A state is what is on the disk when the power is cut after
some operation: everything that was waited for, and of everything else any part, in sectors of 512 bytes; a name that
was not waited for is there or not.
"""

from __future__ import annotations

import mmap
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pmemobj._durability.file_operations import Data, FileOperations, standing_in
from pmemobj._durability.leftover import journal_path

SECTOR = 512


class RecordedDisk(FileOperations):
    """Does everything, and remembers the operations that change files of one directory, or wait for them."""

    def __init__(self, directory: Path) -> None:
        self._root = os.path.realpath(directory)
        self._names: dict[int, str] = {}
        #: The events: kind, name of the file, and what belongs to the kind.
        self.events: list[tuple[Any, ...]] = []

    def _note(self, kind: str, descriptor: int, *more: Any) -> None:
        name = self._names.get(descriptor)
        if name is None:  # it was open before the recording began
            whole = os.readlink(f"/proc/self/fd/{descriptor}")
            name = os.path.relpath(whole, self._root) if whole.startswith(self._root) else None
        if name is not None:
            self.events.append((kind, name, *more))

    def promise(self, value: Any) -> None:
        """What the program relies on from now on."""
        self.events.append(("promise", "", value))

    def open(self, path: str, flags: int, mode: int = 0o600, directory: int | None = None) -> int:
        whole = path if directory is None else os.path.join(os.readlink(f"/proc/self/fd/{directory}"), path)
        new = bool(flags & os.O_CREAT) and not os.path.lexists(whole)
        descriptor = super().open(path, flags, mode, directory)
        whole = os.readlink(f"/proc/self/fd/{descriptor}")
        if whole.startswith(self._root):
            self._names[descriptor] = os.path.relpath(whole, self._root)
            if new:
                self._note("create", descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        self._names.pop(descriptor, None)
        super().close(descriptor)

    def write(self, descriptor: int, data: Data, offset: int) -> None:
        super().write(descriptor, data, offset)
        self._note("write", descriptor, offset, bytes(data))

    def store(self, mapped: mmap.mmap, descriptor: int, data: Data, offset: int) -> None:
        super().store(mapped, descriptor, data, offset)
        self._note("write", descriptor, offset, bytes(data))

    def allocate(self, descriptor: int, offset: int, size: int) -> None:
        super().allocate(descriptor, offset, size)
        self._note("size", descriptor, os.fstat(descriptor).st_size)

    def truncate(self, descriptor: int, size: int) -> None:
        super().truncate(descriptor, size)
        self._note("size", descriptor, size)

    def sync_data(self, descriptor: int) -> None:
        super().sync_data(descriptor)
        self._note("sync", descriptor)

    def sync(self, descriptor: int) -> None:
        super().sync(descriptor)
        self._note("sync", descriptor)

    def rename(self, old: str, new: str, directory: int) -> None:
        raise AssertionError("nothing is renamed here")

    def link(self, old: str, new: str, directory: int) -> None:
        super().link(old, new, directory)
        place = os.readlink(f"/proc/self/fd/{directory}")
        self.events.append(
            ("link", *(os.path.relpath(os.path.join(place, name), self._root) for name in (old, new)))
        )

    def unlink(self, name: str, directory: int) -> None:
        super().unlink(name, directory)
        self.events.append(
            ("unlink", os.path.relpath(os.path.join(os.readlink(f"/proc/self/fd/{directory}"), name), self._root))
        )


@contextmanager
def recorded(directory: Path) -> Iterator[tuple[RecordedDisk, dict[str, bytes]]]:
    """Record in the block; with the files as they were before."""
    before = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    disk = RecordedDisk(directory)
    with standing_in(disk):
        yield disk, before


class File:
    """One file: what is durable of it, and what is not yet."""

    def __init__(self, content: bytes = b"", is_named: bool = True) -> None:
        self.content = bytearray(content)
        self.waiting: list[tuple[Any, ...]] = []
        self.is_named = is_named

    def settle(self) -> None:
        for event in self.waiting:
            self._apply(event, lambda _: True)
        self.waiting = []

    def _apply(self, event: tuple[Any, ...], wanted: Any) -> None:
        if event[0] == "size":
            if wanted(None):
                self.content = self.content[: event[2]].ljust(event[2], b"\0")
            return
        _, _, offset, data = event
        at = offset
        while at < offset + len(data):
            end = min((at // SECTOR + 1) * SECTOR, offset + len(data))
            if wanted(at):
                if end > len(self.content):
                    self.content.extend(bytes(end - len(self.content)))
                self.content[at:end] = data[at - offset : end - offset]
            at = end

    def after_cut(self, chance: random.Random, share: float) -> bytes:
        """The content after a power cut: each sector that was not waited for is new with a probability of `share`."""
        copy = File(bytes(self.content))
        for event in self.waiting:
            copy._apply(event, lambda _: chance.random() < share)
        return bytes(copy.content)


class Disk:
    """The files after some of the events."""

    def __init__(self, before: dict[str, bytes]) -> None:
        self.files = {name: File(content) for name, content in before.items()}
        #: Files whose names were removed, which a power cut may bring back.
        self.removed: dict[str, File] = {}
        self.promises: list[Any] = []

    def do(self, event: tuple[Any, ...]) -> None:
        kind, name = event[0], event[1]
        if kind == "promise":
            self.promises.append(event[2])
        elif kind == "create":
            self.files[name] = File(is_named=False)
            self.removed.pop(name, None)
        elif kind == "link":
            second = self.files[event[2]] = File(bytes(self.files[name].content), is_named=False)
            second.waiting = list(self.files[name].waiting)
        elif kind == "unlink":
            self.removed[name] = self.files.pop(name)
        elif kind == "sync" and name not in self.files and (name == "." or name not in self.removed):
            for file in self.files.values():
                file.is_named = True
            self.removed.clear()
        elif kind == "sync" and name in self.files:
            self.files[name].settle()
        elif name in self.files:
            self.files[name].waiting.append(event)

    def cut(self, directory: Path, chance: random.Random) -> None:
        """Write one of the states that a power cut may leave."""
        share = chance.choice([0.0, 1.0, 0.5, 0.9, 0.1])
        directory.mkdir(parents=True, exist_ok=True)
        for name, file in self.files.items():
            if file.is_named or chance.random() < 0.5:
                target = directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.after_cut(chance, chance.choice([share, 0.0, 1.0])))
        for name, file in self.removed.items():
            if chance.random() < 0.5:
                (directory / name).write_bytes(file.after_cut(chance, share))


def beside(path: Path) -> Path:
    """The journal of the pool at a path."""
    return Path(journal_path(str(path), path.is_dir()))
