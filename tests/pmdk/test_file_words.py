"""The words of files that are read one by one, as the checks before a pool is opened need them."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

import pytest

from pmemobj._pmdk.file_words import FileWords

pytestmark = pytest.mark.once


@pytest.fixture
def files(scratch: Path) -> list[tuple[str, int]]:
    chance = random.Random(7)
    made = []
    for number, size in enumerate((4096, 8192, 4096 + 24)):
        path = scratch / f"part-{number}"
        path.write_bytes(chance.randbytes(size))
        made.append((str(path), size))
    return made


def test_the_words_are_those_of_the_files(files: list[tuple[str, int]]) -> None:
    expected = array("Q", b"".join(Path(path).read_bytes() for path, _ in files))
    chance = random.Random(8)
    with FileWords(files) as words:
        assert len(words) == len(expected)
        # Read the words in order, in two places in turn, and at random.
        assert [words[at] for at in range(len(expected))] == expected.tolist()
        for _ in range(500):
            for at in (chance.randrange(len(expected)), chance.randrange(70)):
                assert words[at] == expected[at]
        for nowhere in (-1, -1000, len(expected) + 64):
            with pytest.raises(IndexError):
                words[nowhere]
        assert words[5] == expected[5]
        for start, stop in ((0, 3), (500, 530), (1, len(expected)), (2040, 99_999), (7, 7), (9, 3), (-3, None)):
            assert words[start:stop].tolist() == expected[start:stop].tolist()


def test_a_file_that_gets_shorter_has_zeros(files: list[tuple[str, int]]) -> None:
    with FileWords(files) as words:
        first = words[0]
        Path(files[0][0]).write_bytes(b"")
        Path(files[1][0]).write_bytes(bytes(range(16)))
        assert words[0] == first and words[300] == 0
        there = [int.from_bytes(bytes(range(at, at + 8)), "little") for at in (0, 8)]
        assert words[510:515].tolist() == [0, 0, *there, 0]
        assert words[512] == int.from_bytes(bytes(range(8)), "little") and words[514] == 0


def test_it_lets_go_of_the_files(files: list[tuple[str, int]]) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with FileWords(files) as words:
        assert words[0] >= 0
    with pytest.raises(FileNotFoundError), FileWords([*files, (files[0][0] + "-not", 4096)]):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
