"""What a disk may have after a power cut: a model of files and directories, of which only a part is durable.

What was waited for is there. Of everything else any part may be: of each sector of 512 bytes one of the versions that it
had since then, or a mixture of two, in words of 8 bytes; of the size one of the sizes; of the names any. Two things
are kept that every system keeps: of two writes to one sector the later is not there without the earlier, since
both change the same page in memory; and a name is changed by one step.

Contents are pages of 4096 bytes, of which those without anything but zeros take no memory and no time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SECTOR, PAGE, WORD = 512, 4096, 8
_ZEROS = bytes(PAGE)
#: A state in this many has a few sectors that were torn while they were written.
_TORN = 3

#: The contents of a file, by the numbers of its pages.
Pages = dict[int, bytes]


class Event(NamedTuple):
    """An operation on a file, or a promise of the program.

    Attributes:
        kind: What it is: "create", "directory", "write", "size", "sync", "link", "rename", "unlink", "promise", or
            "settled", what libpmemobj has written and made durable itself.
        name: The path, relative to the directory that is recorded.
        node: The number of the file or directory.
        offset: Where something is written; the size, where it changes.
        data: What is written, or promised.
        other: The second path of "link" and "rename".
    """

    kind: str
    name: str
    node: int = -1
    offset: int = 0
    data: Any = b""
    other: str = ""


def read_pages(path: Path) -> tuple[Pages, int]:
    """The contents of a file; its holes are not read."""
    pages: Pages = {}
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // PAGE * PAGE
            except OSError:  # there is nothing but a hole
                break
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            data = os.pread(file.fileno(), end - at, at)
            for start in range(0, len(data), PAGE):
                page = data[start : start + PAGE].ljust(PAGE, b"\0")
                if page != _ZEROS:
                    pages[(at + start) // PAGE] = page
            at = end
    return pages, size


def write_pages(path: Path, pages: Pages, size: int) -> None:
    """Make a file with holes where it has no pages."""
    with path.open("xb", buffering=0) as file:
        file.truncate(size)
        for number, page in pages.items():
            if PAGE * number < size and page != _ZEROS:
                os.pwrite(file.fileno(), page[: size - PAGE * number], PAGE * number)


class File:
    """A file: what is durable of it, and what has happened to it since."""

    def __init__(self, pages: Pages | None = None, size: int = 0) -> None:
        self.pages, self.size = pages or {}, size
        self.waiting: list[Event] = []

    def settle(self) -> None:
        """Everything is durable."""
        if self.waiting:
            self.pages, self.size = self.kept(lambda *_: True, lambda sizes: sizes[-1])
            self.waiting = []

    def versions(self) -> tuple[dict[int, list[tuple[int, int, int, bytes]]], list[int]]:
        """For each sector its versions, each with the number of the event, the sector's place in the event and the
        number of its sectors; and all sizes. The durable ones are not among the versions, and the first of the sizes."""
        sectors: dict[int, list[tuple[int, int, int, bytes]]] = {}
        sizes = [self.size]
        for number, event in enumerate(self.waiting):
            if event.kind == "size":
                if event.offset < sizes[-1]:
                    self._shrink(number, event.offset, sectors)
                sizes.append(event.offset)
                continue
            end = event.offset + len(event.data)
            if end > sizes[-1]:
                sizes.append(end)
            first, last = event.offset // SECTOR, (end - 1) // SECTOR
            for sector in range(first, last + 1):
                at, to = max(event.offset, SECTOR * sector), min(end, SECTOR * (sector + 1))
                data = event.data[at - event.offset : to - event.offset]
                if len(data) < SECTOR:
                    before = self._last(sector, sectors)
                    data = before[: at - SECTOR * sector] + data + before[to - SECTOR * sector :]
                sectors.setdefault(sector, []).append((number, sector - first, last - first + 1, bytes(data)))
        return sectors, sizes

    def _last(self, sector: int, sectors: dict[int, list[tuple[int, int, int, bytes]]]) -> bytes:
        return sectors[sector][-1][3] if sector in sectors else self._durable(sector)

    def _durable(self, sector: int) -> bytes:
        at = SECTOR * sector % PAGE
        return self.pages.get(SECTOR * sector // PAGE, _ZEROS)[at : at + SECTOR]

    def _shrink(self, number: int, size: int, sectors: dict[int, list[tuple[int, int, int, bytes]]]) -> None:
        """What lies behind the end is gone, should the file become longer again."""
        per_page = PAGE // SECTOR
        mine = {per_page * page + one for page in self.pages for one in range(per_page)} | set(sectors)
        for sector in [sector for sector in mine if SECTOR * (sector + 1) > size]:
            data = self._last(sector, sectors)[: max(0, size - SECTOR * sector)].ljust(SECTOR, b"\0")
            sectors.setdefault(sector, []).append((number, 0, 1, data))

    def kept(
        self,
        is_kept: Callable[[int, int, int], bool],
        size_of: Callable[[list[int]], int],
        torn: Callable[[list[int]], list[int]] = lambda _: [],
        chance: random.Random | None = None,
    ) -> tuple[Pages, int]:
        """The contents of which some versions are kept, and the size.

        Args:
            is_kept: Whether a version came to the disk, by the number of the event, the place of the sector in it,
                and the number of its sectors; all versions before it then count for nothing.
            size_of: Chooses one of the sizes.
            torn: Chooses the sectors that are torn.
            chance: For torn sectors, which words are new.
        """
        sectors, sizes = self.versions()
        size = size_of(sizes)
        pages = {number: bytearray(page) for number, page in self.pages.items()}
        chosen: dict[int, bytes] = {}
        for sector, versions in sectors.items():
            for number, place, count, data in reversed(versions):
                if is_kept(number, place, count):
                    chosen[sector] = data
                    break
        for sector in torn(sorted(sectors)):
            assert chance is not None
            old, new = chosen.get(sector, self._durable(sector)), sectors[sector][-1][3]
            words = [(new if chance.random() < 0.5 else old)[at : at + WORD] for at in range(0, SECTOR, WORD)]
            chosen[sector] = b"".join(words)
        for sector, data in chosen.items():
            page = pages.setdefault(SECTOR * sector // PAGE, bytearray(PAGE))
            at = SECTOR * sector % PAGE
            page[at : at + SECTOR] = data
        return {number: bytes(page) for number, page in pages.items() if PAGE * number < size}, size

    def after_cut(self, chance: random.Random) -> tuple[Pages, int]:
        """The contents and the size after a power cut."""
        if not self.waiting:
            return self.pages, self.size
        is_kept = _choice(chance, len(self.waiting))
        is_newest = chance.random() < 0.6
        is_torn = chance.randrange(_TORN) == 0
        return self.kept(
            is_kept,
            lambda sizes: sizes[-1] if is_newest else chance.choice(sizes),
            lambda sectors: chance.sample(sectors, min(2, len(sectors))) if is_torn else [],
            chance,
        )


def _choice(chance: random.Random, count: int) -> Callable[[int, int, int], bool]:
    """A way in which a part of `count` events may have come to the disk."""
    one, cut, share = chance.randrange(count), chance.random(), chance.choice((0.1, 0.5, 0.9))
    events = [chance.random() < share for _ in range(count)]
    some = random.Random(chance.random())
    ways: list[Callable[[int, int, int], bool]] = [
        lambda *_: False,
        lambda *_: True,
        lambda *_: some.random() < share,  # any sectors
        lambda event, *_: events[event],  # any events
        lambda event, *_: event < one,  # in the order of the program
        lambda event, *_: event != one,  # one is lost
        lambda event, *_: event == one,  # one has overtaken the others
        lambda event, place, size: event < one or (event == one and place <= cut * size),  # torn at its end
        lambda event, place, size: event != one or place > cut * size,  # torn at its beginning
        lambda event, place, size: event == one and place > cut * size,
    ]
    return chance.choice(ways)


class Folder:
    """A directory: the names that are durable, the names now, and what has happened to names since."""

    def __init__(self, names: dict[str, int] | None = None) -> None:
        self.durable = dict(names or {})
        self.now = dict(self.durable)
        #: Steps: names that vanish, and the name that then stands for a node.
        self.waiting: list[tuple[str, str, int]] = []

    def change(self, gone: str, new: str, node: int) -> None:
        """`gone` vanishes, and `new` is `node`; each may be empty."""
        self._apply(self.now, gone, new, node)
        self.waiting.append((gone, new, node))

    @staticmethod
    def _apply(names: dict[str, int], gone: str, new: str, node: int) -> None:
        names.pop(gone, None)
        if new:
            names[new] = node

    def settle(self) -> None:
        """All names are durable."""
        self.durable, self.waiting = dict(self.now), []

    def after_cut(self, chance: random.Random) -> dict[str, int]:
        """The names after a power cut."""
        share = chance.choice((0.0, 1.0, 0.5))
        names = dict(self.durable)
        for step in self.waiting:
            if chance.random() < share:
                self._apply(names, *step)
        return names


class Disk:
    """A directory, with everything in it, after some of the events.

    Args:
        before: What `snapshot` has found before the first event.
    """

    ROOT = 0

    def __init__(self, before: Sequence[tuple[int, str, Pages | None, int]]) -> None:
        self.nodes: dict[int, File | Folder] = {self.ROOT: Folder()}
        self.promises: list[Any] = []
        for node, name, pages, size in before:
            self.nodes.setdefault(node, Folder() if pages is None else File(dict(pages), size))
            folder, last = self._folder_of(name)
            folder.change("", last, node)
            folder.settle()

    def _at(self, name: str) -> int:
        node = self.ROOT
        for part in [part for part in name.split("/") if part not in ("", ".")]:
            folder = self.nodes[node]
            assert isinstance(folder, Folder)
            node = folder.now[part]
        return node

    def _folder_of(self, name: str) -> tuple[Folder, str]:
        directory, last = os.path.split(name)
        folder = self.nodes[self._at(directory)]
        assert isinstance(folder, Folder)
        return folder, last

    def do(self, event: Event) -> None:
        """Let an event happen."""
        if event.kind == "promise":
            self.promises.append(event.data)
        elif event.kind == "settled":
            for number, pages in event.data.items():
                file = self.nodes[number]
                assert isinstance(file, File)
                file.settle()
                file.pages = file.pages | pages
        elif event.kind in ("create", "directory"):
            self.nodes[event.node] = File() if event.kind == "create" else Folder()
            folder, last = self._folder_of(event.name)
            folder.change("", last, event.node)
        elif event.kind in ("link", "rename", "unlink"):
            folder, last = self._folder_of(event.name)
            gone = "" if event.kind == "link" else last
            other = os.path.basename(event.other)
            folder.change(gone, other, folder.now[last])
        elif event.node in self.nodes:
            node = self.nodes[event.node]
            if event.kind == "sync":
                node.settle()
            else:
                assert isinstance(node, File)
                node.waiting.append(event)

    def cut(self, directory: Path, chance: random.Random) -> None:
        """Write one of the states that a power cut may leave."""
        self._write(self.ROOT, directory, lambda node: node.after_cut(chance), {})

    def _write(self, number: int, path: Path, of: Callable[[Any], Any], written: dict[int, Path]) -> None:
        node = self.nodes[number]
        if isinstance(node, Folder):
            path.mkdir(parents=True, exist_ok=True)
            for name, child in of(node).items():
                self._write(child, path / name, of, written)
        elif number in written:
            path.hardlink_to(written[number])
        else:
            written[number] = path
            write_pages(path, *of(node))

    def files(self) -> Iterator[tuple[str, Pages, int]]:
        """Path, contents and size of every file as it is now, for the programs that run."""
        yield from self._files(self.ROOT, "")

    def _files(self, number: int, name: str) -> Iterator[tuple[str, Pages, int]]:
        node = self.nodes[number]
        if isinstance(node, Folder):
            for last, child in node.now.items():
                yield from self._files(child, os.path.join(name, last))
        else:
            pages, size = node.kept(lambda *_: True, lambda sizes: sizes[-1])
            yield name, {at: page for at, page in pages.items() if page != _ZEROS}, size
