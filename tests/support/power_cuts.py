"""Power cuts of a pool with a journal: the operations on files are recorded while a program works.

`disk_states` makes the states of them that a disk may leave. What libpmemobj writes itself, a new pool and a new part,
is noted when this library first opens it; `demand_complete` proves that nothing else was written.
"""

from __future__ import annotations

import itertools
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from disk_states import PAGE, Disk, Event, Pages, read_pages

from pmemobj._durability.file_operations import Data, FileOperations, standing_in
from pmemobj._durability.leftover import journal_path
from pmemobj._pmdk import library

#: What `Disk` starts from: number, path, contents (None for a directory) and size of each.
Before = list[tuple[int, str, Pages | None, int]]


class RecordedDisk(FileOperations):
    """Does everything, and remembers the operations that change what is in one directory, or wait for it.

    Attributes:
        events: What has happened.
    """

    def __init__(self, directory: Path) -> None:
        self._root = os.path.realpath(directory)
        self._nodes = {_key(os.stat(self._root)): Disk.ROOT}
        self._numbers = itertools.count(Disk.ROOT + 1)
        #: The second name of a file that was linked.
        self._second: dict[tuple[int, int], str] = {}
        self.events: list[Event] = []

    def snapshot(self) -> Before:
        """What there is before anything is recorded."""
        before: Before = []
        for path in sorted(Path(self._root).rglob("*")):
            key = _key(path.stat())
            if key not in self._nodes:
                self._nodes[key] = next(self._numbers)
            pages, size = (None, 0) if path.is_dir() else read_pages(path)
            before.append((self._nodes[key], str(path.relative_to(self._root)), pages, size))
        return before

    def promise(self, value: Any) -> None:
        """What the program relies on from now on."""
        self.events.append(Event("promise", "", data=value))

    def take_over(self, before: Before) -> None:
        """Record what libpmemobj has written by a mapping in place: one event, after which all of it is durable.

        That happens when a pool with long logs is opened (`Session._map`). libpmemobj makes its stores durable one by
        one; power cuts in between are for the crash lab.
        """
        model = Disk(before)
        for event in self.events:
            model.do(event)
        changes: dict[int, Pages] = {}
        for name, pages, _ in list(model.files()):
            path = Path(self._root, name)
            there, _ = read_pages(path)
            changed = [number for number in {*there, *pages} if there.get(number) != pages.get(number)]
            if changed:
                changes[self._nodes[_key(path.stat())]] = {number: there.get(number, bytes(PAGE)) for number in changed}
        if changes:
            self.events.append(Event("settled", "", data=changes))

    # ---- which file it is ----

    def _name(self, whole: str) -> str | None:
        """A path relative to the directory; None for one outside."""
        return os.path.relpath(whole, self._root) if f"{whole}/".startswith(f"{self._root}/") else None

    def _node(self, descriptor: int) -> tuple[str, int] | None:
        """The name and the number of an open file; None for one that is not recorded."""
        name = self._name(os.readlink(f"/proc/self/fd/{descriptor}"))
        status = os.fstat(descriptor)
        if name is None or not status.st_nlink:
            return None
        if name.endswith(" (deleted)"):
            name = self._second[_key(status)]  # the name by which it was opened is gone
        node = self._nodes.get(_key(status))
        return name, self._adopt(name) if node is None else node

    def _adopt(self, name: str) -> int:
        """Record what somebody else has made, with everything in it: libpmemobj, by a mapping that is gone."""
        path = Path(self._root, name)
        if _key(path.parent.stat()) not in self._nodes:
            self._adopt(os.path.dirname(name))
        node = self._new(name, "directory" if path.is_dir() else "create")
        if not path.is_dir():
            pages, size = read_pages(path)
            self.events.append(Event("size", name, node, size))
            for number, page in pages.items():
                self.events.append(Event("write", name, node, PAGE * number, page[: size - PAGE * number]))
        return node

    def _new(self, name: str, kind: str) -> int:
        key = _key(os.stat(os.path.join(self._root, name)))
        # A file that is gone may have had the same number of the system.
        node = self._nodes[key] = next(self._numbers)
        self.events.append(Event(kind, name, node))
        return node

    def _note(self, kind: str, descriptor: int, offset: int = 0, data: bytes = b"") -> None:
        found = self._node(descriptor)
        if found is not None:
            self.events.append(Event(kind, *found, offset, data))

    def _whole(self, path: str, directory: int | None) -> str:
        """A path whose last part may be a link or missing."""
        before = "" if directory is None else os.readlink(f"/proc/self/fd/{directory}")
        head, last = os.path.split(os.path.join(before, path))
        return os.path.join(os.path.realpath(head), last)

    # ---- the operations ----

    def open(self, path: str, flags: int, mode: int = 0o600, directory: int | None = None) -> int:
        is_new = bool(flags & os.O_CREAT) and not os.path.lexists(self._whole(path, directory))
        descriptor = super().open(path, flags, mode, directory)
        name = self._name(os.readlink(f"/proc/self/fd/{descriptor}"))
        if is_new and name is not None:
            self._new(name, "create")
        elif not flags & os.O_DIRECTORY:
            self._node(descriptor)
        return descriptor

    def write(self, descriptor: int, data: Data, offset: int) -> None:
        super().write(descriptor, data, offset)
        self._note("write", descriptor, offset, bytes(data))

    def store(self, mapped: mmap.mmap, descriptor: int, data: Data, offset: int) -> None:
        super().store(mapped, descriptor, data, offset)
        self._note("write", descriptor, offset, bytes(data))

    def allocate(self, descriptor: int, offset: int, size: int) -> None:
        before = os.fstat(descriptor).st_size
        super().allocate(descriptor, offset, size)
        if os.fstat(descriptor).st_size != before:
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

    def make_directory(self, path: str, mode: int) -> None:
        super().make_directory(path, mode)
        name = self._name(self._whole(path, None))
        if name is not None:
            self._new(name, "directory")

    def rename(self, old: str, new: str, directory: int) -> None:
        self._adopt_name(old, directory)
        super().rename(old, new, directory)
        self._note_names("rename", directory, old, new)

    def link(self, old: str, new: str, directory: int) -> None:
        self._adopt_name(old, directory)
        super().link(old, new, directory)
        self._note_names("link", directory, old, new)

    def unlink(self, name: str, directory: int) -> None:
        self._adopt_name(name, directory)
        before = os.stat(name, dir_fd=directory, follow_symlinks=False)
        super().unlink(name, directory)
        self._note_names("unlink", directory, name)
        if before.st_nlink == 1:
            self._nodes.pop(_key(before), None)

    def _adopt_name(self, name: str, directory: int) -> None:
        inside = self._name(self._whole(name, directory))
        if inside is not None and _key(os.stat(name, dir_fd=directory)) not in self._nodes:
            self._adopt(inside)

    def _note_names(self, kind: str, directory: int, name: str, other: str = "") -> None:
        inside = self._name(self._whole(name, directory))
        if inside is not None:
            second = os.path.join(os.path.dirname(inside), other) if other else ""
            if kind == "link":
                self._second[_key(os.stat(other, dir_fd=directory))] = second
            self.events.append(Event(kind, inside, other=second))


def _key(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


@contextmanager
def recorded(directory: Path) -> Iterator[tuple[RecordedDisk, Before]]:
    """Record in the block; with what there was before."""
    disk = RecordedDisk(directory)
    before = disk.snapshot()
    open_pool, close, in_place = library.open_pool, library.close, []

    def opened(name: str, layout: str, copy_on_write: bool, *more: Any, **others: Any) -> Any:
        pop = open_pool(name, layout, copy_on_write, *more, **others)
        if not copy_on_write:
            in_place.append(pop)
        return pop

    def closed(pop: Any) -> None:
        close(pop)
        if pop in in_place:
            in_place.remove(pop)
            disk.take_over(before)

    with (
        standing_in(disk),
        mock.patch.object(library, "open_pool", opened),
        mock.patch.object(library, "close", closed),
    ):
        yield disk, before


def demand_complete(recording: RecordedDisk, before: Before, directory: Path) -> None:
    """The events make of what there was exactly what there is: nothing was written that was not recorded."""
    model = Disk(before)
    for event in recording.events:
        model.do(event)
    made = {name: (pages, size) for name, pages, size in model.files() if not _is_unfinished(name)}
    names = [str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()]
    there = {name: read_pages(directory / name) for name in names if not _is_unfinished(name)}
    assert set(made) == set(there), (set(made), set(there))
    wrong = [
        (name, sorted(at for at in set(pages) | set(made[name][0]) if pages.get(at) != made[name][0].get(at))[:5])
        for name, (pages, size) in there.items()
        if made[name] != (pages, size)
    ]
    assert not wrong, f"pages that were written and not recorded: {wrong}"


def _is_unfinished(name: str) -> bool:
    """Whether it is something that the next creator removes; it is removed without being recorded."""
    return name.startswith(".")


def beside(path: Path) -> Path:
    """The journal of the pool at a path."""
    return Path(journal_path(str(path), path.is_dir()))
