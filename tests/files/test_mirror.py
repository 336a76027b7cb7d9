"""Copies in memory of files that change, brought up to date until they are of one moment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pmemobj._files import mirror
from pmemobj._files.mirror import PAGE, Mirror, count_data


@pytest.fixture
def copy(scratch: Path) -> Iterator[Mirror]:
    made = Mirror(str(scratch / f"copy{number}") for number in range(10))
    yield made
    made.close()


@pytest.fixture
def file(scratch: Path) -> Path:
    """A file of 1,000 pages, of which two are no holes."""
    path = scratch / "file"
    path.touch()
    os.truncate(path, 1000 * PAGE)
    put(path, 3, b"old")
    put(path, 700, b"old")
    return path


def put(path: Path, page: int, data: bytes) -> None:
    with open(path, "rb+") as file:
        file.seek(PAGE * page)
        file.write(data)


def sources(*paths: Path) -> list[tuple[str, int]]:
    return [(str(path), path.stat().st_size) for path in paths]


def test_a_pass_copies_what_differs(file: Path, copy: Mirror, scratch: Path) -> None:
    with copy.before(sources(file)):
        assert copy.catch_up() == {3, 700}
        assert copy.catch_up() == set()
        put(file, 700, b"new")
        put(file, 999, b"new")
        assert copy.catch_up({700}) == {999}
        assert copy.catch_up() == {700}
    assert (scratch / "copy0").read_bytes() == file.read_bytes()
    assert count_data(sources(file)) == 3 * PAGE == (scratch / "copy0").stat().st_blocks * 512


def test_several_files_are_counted_through(file: Path, copy: Mirror, scratch: Path) -> None:
    second = scratch / "second"
    second.write_bytes(b"x" * (2 * PAGE + 100))
    with copy.before(sources(file, second)):
        assert copy.catch_up() == {3, 700, 1000, 1001, 1002}
        put(second, 2, b"new")
        moment = copy.still({3, 1002})
        assert moment is not None
        assert moment[3][:3] == b"old" and moment[1002] == b"new" + b"x" * 97
        copy.put(moment)
    assert (scratch / "copy1").read_bytes() == second.read_bytes()
    assert copy.copies(1) == [str(scratch / "copy0")] and not (scratch / "copy1").exists()


def test_another_file_of_the_name_leaves_nothing_of_the_first(file: Path, copy: Mirror, scratch: Path) -> None:
    with copy.before(sources(file)) as first:
        copy.catch_up()
    (scratch / "other").touch()
    os.truncate(scratch / "other", 1000 * PAGE)
    os.replace(scratch / "other", file)
    with copy.before(sources(file)) as second:
        assert copy.catch_up() == set() and second != first
    assert not any((scratch / "copy0").read_bytes())


@pytest.mark.parametrize("pages", [(3, 4), (3, 700)])
def test_a_moment_is_one_at_which_two_readings_are_the_same(
    file: Path, copy: Mirror, monkeypatch: pytest.MonkeyPatch, pages: tuple[int, int]
) -> None:
    """The file is changed in the middle of readings: the first page of the two was read before, the second after."""
    numbers = iter(range(1, 6))
    read = os.pread

    def changing(source: int, size: int, offset: int) -> bytes:
        data = read(source, size, offset)
        for number in numbers:
            for page in pages:
                put(file, page, b"%d" % number)
            break
        return data

    with copy.before(sources(file)):
        copy.catch_up()
        monkeypatch.setattr(mirror.os, "pread", changing)
        moment = copy.still(pages)
        monkeypatch.undo()
        assert moment is not None and next(numbers, None) is None
        assert moment[pages[0]][:1] == moment[pages[1]][:1] == b"5"


def test_of_too_many_pages_only_the_warm_ones_are_waited_for(
    file: Path, copy: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_TRYING", 0.0)
    read, readings = mirror._read, 0

    def changing(runs: list[mirror._Run]) -> list[bytes]:
        nonlocal readings
        readings += 1
        if readings == 2:
            put(file, 3, b"hot")
        return read(runs)

    with copy.before(sources(file)):
        copy.catch_up()
        put(file, 700, b"new")
        monkeypatch.setattr(mirror, "_read", changing)
        moment = copy.still({3, 700})
        assert moment is not None and list(moment) == [3] and moment[3][:3] == b"hot"
        assert copy.catch_up(moment) == set(), "the other page was copied"
        copy.put(moment)
        assert copy.catch_up() == set()
        readings = 1
        put(file, 3, b"was")
        monkeypatch.setattr(mirror, "_read", lambda runs: [os.urandom(PAGE) for _ in runs])
        assert copy.still({3}) is None


def test_a_file_that_is_shorter_than_it_was(file: Path, copy: Mirror) -> None:
    with copy.before(sources(file)):
        copy.catch_up()
        os.truncate(file, 700 * PAGE + 100)
        with pytest.raises(OSError, match="shorter"):
            copy.catch_up()
