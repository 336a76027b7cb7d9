"""Texts and tables of `pmemobj_magics.common`."""

from __future__ import annotations

import pytest

pytest.importorskip("IPython")

from pmemobj_magics.common.tables import Table
from pmemobj_magics.common.texts import count_text, number_text, plural, size_text

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1 KiB"),
        (16 << 20, "16 MiB"),
        (13_526_630, "12.9 MiB"),
        (3 << 40, "3 TiB"),
        (5 << 50, "5120 TiB"),
    ],
)
def test_sizes_are_told_in_the_largest_unit_that_fits(size: int, text: str) -> None:
    assert size_text(size) == text


def test_numbers() -> None:
    assert number_text(12431) == "12,431"
    assert [plural(number, "node") for number in (0, 1, 2)] == ["0 nodes", "1 node", "2 nodes"]


def test_how_much_of_a_whole_is_shown() -> None:
    assert count_text(200, 12431) == "showing 200 of 12,431 objects"
    assert count_text(12, 12) == "12 objects"
    assert count_text(5, None) == "showing 5 objects; damage prevents counting the others"


def test_table_as_text_has_aligned_columns() -> None:
    table = Table("2 pools", [("a", "1"), ("longer", "22")], ("name", "n"))
    assert repr(table) == "2 pools\n  name    n\n  a       1\n  longer  22"


def test_table_without_header_names_its_rows() -> None:
    table = Table("pool", [("size", "16 MiB")])
    assert repr(table) == "pool\n  size  16 MiB"
    assert '<th style="text-align:left">size</th>' in table._repr_html_()


def test_table_without_rows_is_its_title() -> None:
    table = Table("nothing")
    assert repr(table) == "nothing"
    assert "<table" not in table._repr_html_()


def test_table_escapes_html() -> None:
    bundle = Table("<b>", [("<i>", "&")], ("<u>", "x"))._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert not {"<b>", "<i>", "<u>"} & set(bundle["text/html"].split(">"))
    assert "&lt;b&gt;" in bundle["text/html"] and "&lt;i&gt;" in bundle["text/html"]
