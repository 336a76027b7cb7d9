"""The checks of the exercises in notebook 6: they tell right answers from wrong ones, and why."""

from __future__ import annotations

import io
import struct
import tempfile
from itertools import pairwise
from typing import Any

import pytest
from course import inside_the_pool
from exercises import FAST, assert_told, cell, changed, run

from pmemobj import PersistentList, PersistentObjectPool
from pmemobj._files.medium import Medium
from pmemobj._lifecycle import session

pytestmark = pytest.mark.once
NOTEBOOK = "06_inside_the_pool"


@pytest.fixture
def names(pool: PersistentObjectPool, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The variables of the notebook when its exercises begin."""
    monkeypatch.setattr(tempfile, "tempdir", FAST)
    pool.root = pool.new(PersistentList, [1, 2, 3])
    return {"pool": pool, "struct": struct, "io": io, "inside_the_pool": inside_the_pool, "__name__": __name__}


def test_first_bytes(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    versions = {
        '{20: "", -1: ""}': "write two hexadecimal digits",
        '{20: "14", -1: "ff"}': "this is 20 itself",
        '{20: "28", -1: "ff"}': "its lowest bit says",
        '{20: "29", -1: "fe"}': "the word of -1 is twice its value",
        '{20: "29", -1: "01"}': "the word of -1 does not begin with 01",
        '{20: "29", -1: "ff"}': "✓ right",
        '{20: "0x29", -1: "FF"}': "✓ right",
    }
    assert_told(cell(NOTEBOOK, "answer = {20"), '{20: "", -1: ""}', versions, names, capsys)


def test_leaves(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    right = '{2**62, "harbours", "öööö", 1e300}'
    versions = {
        "set()": "put values into answer",
        '{"harbour"}': "'harbour' fits into a word",
        '{"oooo"}': "'oooo' is not one of the candidates",
        changed(right, '"öööö", ', ""): "but a str does, too",
        changed(right, "2**62, ", ""): "but an int does, too",
        changed(right, ", 1e300", ""): "but a float does, too",
        changed(right, "{", "{2**61, "): "2305843009213693952 fits into a word",
        right: "✓ right",
        f"list({right})": "✓ right",
    }
    assert_told(cell(NOTEBOOK, "candidates ="), "set()", versions, names, capsys)


def test_logged(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    versions = {
        "answer = None": "put a number",
        "answer = 32": "how many different words",
        "answer = 2": "how many bytes is that",
        "answer = 24": "not 24; a word that is in the log already",
        "answer = 16": "✓ right: 16 bytes",
        "answer = 16.0": "✓ right",
    }
    assert_told(cell(NOTEBOOK, "def change"), "answer = None", versions, names, capsys)
    with names["pool"].transaction():
        run(cell(NOTEBOOK, "def change"), names)
    assert "a transaction is open" in capsys.readouterr().out


def test_poke(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    right = """
    def word(at):
        file.seek(at)
        return struct.unpack("<q", file.read(8))[0]
    items = word(word(word(6144) + 40) + 24)
    file.seek(items + 8 * number)
    file.write(struct.pack("<q", 2 * value + 1))"""
    versions = {
        "    ...": "the list is still [10, 20, 30]",
        changed(right, "2 * value + 1", "value"): "✗ not yet:",
        changed(right, "8 * number", "number"): "✗ not yet:",
        changed(right, "8 * number", "8 * number + 8"): "should be -5, but now the list is [10, 20, -5]",
        changed(right, "items + 8", "8"): "✗ not yet:",
        changed(right, "struct.", "strict."): "NameError",
        right: "✓ right",
    }
    assert_told(cell(NOTEBOOK, "def poke"), "    ...", versions, names, capsys)


def test_growth(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The items move when there is no room for one more, and only then."""
    inside_the_pool.show_growth(50)
    lines = [line.removeprefix("with item").split(": room for ") for line in capsys.readouterr().out.splitlines()]
    moves = [(int(item), int(room)) for item, room in lines]
    assert moves[0][0] == 0 and len(moves) > 3
    assert all(room == then for (_, room), (then, _) in pairwise(moves))


def test_map(names: dict[str, Any]) -> None:
    drawn = inside_the_pool.FileMap(names["pool"].path)
    assert repr(drawn).splitlines()[0].split() == ["header", "8", "KiB"]
    assert drawn._repr_svg_().count("<rect") == 5


def test_a_pool_without_a_journal_says_why(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = names["pool"].path
    names["pool"].close()
    for medium, durability, words in (
        (Medium.RAM, "memory", "is open, but without a journal: 'full' promises something for a power cut"),
        (Medium.DISK, "full", f"is open, and its journal is {path}-journal"),
    ):
        monkeypatch.setattr(session, "medium_of", lambda _, medium=medium: medium)
        with inside_the_pool.open_with_journal(path) as pool:
            assert pool.durability == durability
        assert words in capsys.readouterr().out
