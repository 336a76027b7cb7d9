"""Bytes and numbers as rows of text for pictures, as in a hex dump, since a row for each would show little.

A row is a label, which is the position of its first element, and a text. The number of rows is that for the whole
contents, but only the first rows are made.
"""

from __future__ import annotations

from typing import Any

#: The most elements in a row, and the most rows that a picture shows for one object.
PER_ROW, MOST_ROWS = 16, 16
#: The characters of a row of numbers, and the text between two numbers.
_WIDTH = 64
_SEPARATOR = ", "

#: How many rows there are in all, and the first ones.
Rows = tuple[int, list[tuple[str, str]]]


def rows_of_bytes(length: int, first: bytes) -> Rows:
    """Rows of 16 bytes, in hexadecimal, and as text where they are printable ASCII.

    Args:
        length: How many bytes there are.
        first: The bytes that are shown.
    """
    wide = len(f"{bytes(min(length, PER_ROW)).hex(' ')}")
    rows = []
    for at in range(0, len(first), PER_ROW):
        part = first[at : at + PER_ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        rows.append((str(at), f"{part.hex(' '):{wide}}  |{text}|"))
    return -(-length // PER_ROW), rows


def rows_of_numbers(length: int, first: list[Any], single: bool, most: int) -> Rows:
    """Rows of as many numbers as fit: 16, 8, 4, 2 or 1.

    Args:
        length: How many numbers there are.
        first: The numbers that may be shown, `PER_ROW` for each row.
        single: Whether they are floats of 4 bytes, of which only seven digits mean something.
        most: How many rows are shown at the most.
    """
    texts = [f"{value:.7g}" if single else repr(value) for value in first]
    longest = max(map(len, texts), default=1) + len(_SEPARATOR)
    count = PER_ROW
    while count > 1 and count * longest > _WIDTH:
        count //= 2
    rows = [(str(at), _SEPARATOR.join(texts[at : at + count])) for at in range(0, len(texts), count)]
    return -(-length // count), rows[:most]
