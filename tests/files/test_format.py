"""docs/format.md and docs/dump_format.md against the code: numbers, tables, and the reader on the page."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MIB
from sample_classes import Account
from sample_structures import SkipList

import pmemobj
from pmemobj import (
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentList,
    PersistentSet,
    PersistentTuple,
    _format,
)
from pmemobj._dumping import forms, json_values
from pmemobj._format import Kind
from pmemobj._pmdk import chunks

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "format.md").read_text(encoding="utf-8")
DUMP_PAGE = (DOCS / "dump_format.md").read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the rows of the first table below a heading."""
    part = page.split(f"\n## {heading}\n", 1)[1] if heading else page
    table = re.search(r"(?:^\|.*\n)+", part, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|\n").split(" | ")] for line in table[0].splitlines()[2:]]


def test_the_frame() -> None:
    found = {what.split(":")[0]: int(at) for at, _, what in rows(PAGE, "The frame")}
    assert found["offset of the lanes"] == _format.POOL_LANES_OFFSET
    assert found["number of the lanes, at most 1024"] == _format.POOL_LANE_COUNT
    assert found["offset of libpmemobj's heap"] == _format.POOL_HEAP_OFFSET
    assert found["offset of the root object"] == _format.POOL_ROOT_OFFSET
    assert found["the lanes"] == _format.POOL_HEADER_SIZE
    assert f"{_format.LANE_SIZE} each" in PAGE
    for at, capacity in _format.LANE_LOGS:
        assert re.search(rf"\b{at}\b", PAGE) and re.search(rf"\b{capacity}\b", PAGE)
    assert (_format.LOG_HEADER_SIZE, _format.LOG_NEXT, _format.LOG_CAPACITY) == (64, 8, 16)
    assert (chunks._HEAP_HEADER_SIZE, chunks._ZONE_HEADER_SIZE, chunks._MAX_CHUNKS) == (1024, 64, 65528)
    assert f"{chunks._ZONE_MAGIC:#X}".replace("0X", "0x") in PAGE and chunks.CHUNK_SIZE == 256 << 10


def test_the_root_object() -> None:
    at = {what: int(offset) for offset, _, what in rows(PAGE, "The root object")}
    identity = _format.root_identity()
    assert (
        identity[:8] == b"PyPmObj\x01" and len(identity) == at["state: 0 closed, 1 open or never closed, 2 suspended"]
    )
    assert _format.ROOT_STATE == 32 and (_format.STATE_CLEAN, _format.STATE_OPEN, _format.STATE_SUSPENDED) == (0, 1, 2)
    assert at["value word: the root"] == _format.ROOT_VALUE
    assert at["value word: the class table, or None"] == _format.ROOT_CLASSES
    assert f"version of the layout: {_format.LAYOUT_VERSION}" in at and f"{_format.ROOT_SIZE} bytes" in PAGE


def test_every_kind_is_on_the_page() -> None:
    assert {name: int(kind) for kind, name, _ in rows(PAGE, "Kinds")} == {kind.name: kind.value for kind in Kind}
    assert f"{_format.HEADER_MARK:#X}".replace("0X", "0x") in PAGE


def test_every_type_of_a_dump_is_on_its_page() -> None:
    part = DUMP_PAGE.split("An object has a `type`")[1]
    assert {row[0].strip("`") for row in rows(part, "")} == {form.name for form in forms.FORMS.values()}


def test_every_form_of_a_value_is_on_its_page() -> None:
    part = DUMP_PAGE.split("A value is what JSON has for it")[1]
    examples = [json.loads(text) for row in rows(part, "") for text in re.findall(r"`(\{.*?\})`", row[0])]
    assert {next(iter(form)) for form in examples} >= json_values.READERS.keys() - {"int", "float"}
    for form in examples:
        assert not isinstance(json_values.from_json(form), dict)
    assert '{"int": ' in part and '{"float": ' in part
    assert all(_format.Kind(kind).name in PAGE for kind in json_values.WRITERS)


def test_what_is_pinned_of_each_kind() -> None:
    contents = {name: text for _, name, text in rows(PAGE, "Kinds")}
    assert not [name for name, text in contents.items() if "_layout" in text]
    assert f"+{_format.TUPLE_ITEMS} value words" in contents["TUPLE"]
    assert f"entries of {_format.SET_ENTRY_SIZE} bytes" in contents["SET_TABLE"]
    for offset in (_format.DICT_DELETED, _format.DICT_USED, _format.DICT_TABLE):
        assert f"+{offset} " in contents["SET"] and f"+{offset} " in contents["DICT"]
    for offset in (_format.EXTENSION_COUNTS, _format.EXTENSION_BODY):
        assert f"+{offset} " in contents["EXTENSION"]
    for offset in (_format.BLOCK_ELEMENTS, _format.BLOCK_OWNER, _format.BLOCK_SLOT, _format.BLOCK_DATA):
        assert f"+{offset} " in PAGE.split("Blocks are an\nexception")[1].split("A zone")[0]
    assert (_format.BYTEARRAY_SIZE, _format.ARRAY_SIZE) == (32, 48)


def test_the_example_of_a_dump_is_one(scratch: Path) -> None:
    example = DUMP_PAGE.split("```\n")[1]
    pmemobj.restore(io.StringIO(example), scratch / "pool", 8 * MIB)
    text = io.StringIO()
    with pmemobj.open(scratch / "pool") as pool:
        pmemobj.dump(pool, text)
    again = [json.loads(line) for line in text.getvalue().splitlines()]
    assert again[0] | {"pool_size": 16777216} == json.loads(example.splitlines()[0])
    assert again[1:] == [json.loads(line) for line in example.splitlines()[1:]]


@pytest.fixture
def read_pool() -> Callable[[Path], Any]:
    """The reader at the end of the page."""
    names: dict[str, Any] = {}
    exec(PAGE.split("```python\n")[1].split("```")[0], names)
    reader: Callable[[Path], Any] = names["read_pool"]
    return reader


def test_the_reader_on_the_page_reads_a_pool(scratch: Path, read_pool: Callable[[Path], Any]) -> None:
    values = [None, True, False, 0, -1, 1 << 61, -(1 << 62), 1 << 200, -(1 << 99), 0.0, 1.5, -2.25, 1e300, -1e-300]
    values += [float("inf"), "", "short", "not so short a text", "\ud800é", b"", b"bytes", b"more bytes than fit"]
    with pmemobj.create(scratch / "pool", pool_size=8 * MIB) as pool:
        pool.root = pool.new(PersistentDict, {"values": pool.new(PersistentList, values), 2: "gone", 3.5: "kept"})
        pool.root["account"] = pool.new(Account, "Ann", 5)
        pool.root["self"] = pool.root
        pool.root["set"] = pool.new(PersistentSet, [1, "a text of some length", 2])
        pool.root["set"].discard(1)
        pool.root["tuple"] = pool.new(PersistentTuple, [pool.root, None])
        pool.root["bytes"] = pool.new(PersistentByteArray, b"some bytes")
        pool.root["array"] = pool.new(PersistentArray, "h", [1, -2])
        pool.root["skip"] = pool.new(SkipList)
        del pool.root[2]
    root = read_pool(scratch / "pool")
    assert repr(root["values"]) == repr(values) and root["self"] is root
    assert list(root) == ["values", 3.5, "account", "self", "set", "tuple", "bytes", "array", "skip"]
    assert root["set"] == {"a text of some length", 2} and root["tuple"][0] is root and root["tuple"][1] is None
    assert root["bytes"] == b"some bytes" and root["array"] == [1, -2]
    assert root["skip"]["class"] == "sample_structures:SkipList" and root["skip"]["head"]["key"] is None
    assert root["account"] == {"class": "sample_classes:Account", "owner": "Ann", "balance": 5}
