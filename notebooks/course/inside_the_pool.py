"""Notebook 6: how a list grows, a pool with a journal, and the checks of the exercises.

A check stores the values in a pool of its own and looks at their bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

import pmemobj
from course.answers import exercise, not_yet, right
from course.scratch import scratch_pool
from pmemobj import PersistentList, PersistentObjectPool
from pmemobj.errors import a_or_an
from pmemobj.inspect import Piece, memory
from pmemobj_magics.common.texts import size_text

#: Offsets in the file of a pool: the lanes, and the words of the header that point to the heap and to the root object.
LANES, HEAP_AT, ROOT_AT = 8192, 5136, 6144


@contextmanager
def _scratch_list(*values: Any) -> Iterator[Any]:
    """A list with these values in a scratch pool."""
    with scratch_pool() as pool:
        pool.root = pool.new(PersistentList, values)
        yield pool.root


class FileMap:
    """The parts of the file of a pool, drawn to scale, except for the header, which would be too narrow.

    Args:
        path: The file, open or not.
    """

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            head = file.read(LANES)
        # The header of libpmemobj says where the heap begins and where the root object is: docs/format.md.
        heap, self._root = (int.from_bytes(head[at : at + 8], "little") for at in (HEAP_AT, ROOT_AT))
        self._size = os.path.getsize(path)
        self._parts = (("header", 0, LANES), ("lanes (logs)", LANES, heap), ("heap", heap, self._size))

    def __repr__(self) -> str:
        lines = [f"{name:12} {size_text(end - begin):>9}" for name, begin, end in self._parts]
        return "\n".join([*lines, "the root object is the first piece of the heap"])

    def _repr_svg_(self) -> str:
        drawn, fills = [], ("#0072b2", "#f0e442", "#e9edf3")
        for (name, begin, end), fill, ink in zip(self._parts, fills, ("#ffffff", "#1b2733", "#1b2733"), strict=True):
            left, right = self._x(begin), self._x(end)
            middle = (left + right) / 2
            place = f'x="{left:.1f}" y="44" width="{right - left:.1f}" height="34"'
            drawn.append(f'<rect {place} fill="{fill}" stroke="#8593a6"/>')
            drawn += [_label(middle, 66, name, ink), _label(middle, 96, size_text(end - begin), "#1b2733")]
        root, word = self._x(self._root), self._x(LANES) - 12
        drawn.append(f'<rect x="{root:.1f}" y="44" width="5" height="34" fill="#d55e00"/>')
        arrow = f"M{word:.1f} 44 C{word:.1f} 14 {root:.1f} 14 {root + 2:.1f} 40"
        drawn.append(f'<path d="{arrow}" fill="none" stroke="#d55e00" stroke-width="1.5"/>')
        drawn.append(f'<path d="M{root + 2:.1f} 44 l-4 -8 h8 z" fill="#d55e00"/>')
        drawn.append(_label(root + 60, 30, "the root object", "#1b2733"))
        frame = '<rect width="580" height="108" rx="8" fill="#fbfcfe" stroke="#d0d7e2"/>'
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="580" height="108" viewBox="0 0 580 108" role="img" '
            f'font-family="Helvetica,Arial,sans-serif" font-size="12" aria-label="{escape(repr(self))}">'
            f"{frame}{''.join(drawn)}</svg>"
        )

    def _x(self, offset: int) -> float:
        """The horizontal position of an offset: the header has 70 pixels, the rest is to scale."""
        if offset < LANES:
            return 14 + 70 * offset / LANES
        return 84 + 482 * (offset - LANES) / (self._size - LANES)


def _label(x: float, y: float, text: str, ink: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="middle" fill="{ink}">{escape(text)}</text>'


def _items(numbers: Any) -> Piece:
    """The allocation with the items of a list."""
    return next(piece for piece in memory(numbers).pieces if piece.name == "items")


def _room(numbers: Any) -> int:
    """The number of items for which a list has room, read from its memory."""
    words = (word for word in memory(numbers).pieces[0].words if word.label == "capacity")
    return int.from_bytes(next(words).raw, "little")


def show_growth(count: int) -> None:
    """Append `count` numbers to an empty list, and print when its items move to a larger allocation."""
    lines, place = [], None
    with _scratch_list() as numbers:
        for number in range(count):
            numbers.append(number)
            moved = _items(numbers).offset
            if moved != place:
                lines.append(f"with item {number:2}: room for {_room(numbers)}")
            place = moved
    print("\n".join(lines))


def open_with_journal(path: str) -> PersistentObjectPool:
    """Open a pool with a journal; where that is not possible, open it without one, and print why."""
    try:
        pool = pmemobj.open(path, durability="full")
    except pmemobj.DurabilityError as error:
        print(f"{path} is open, but without a journal: {error.why}")
        return pmemobj.open(path)
    print(f"{path} is open, and its journal is {path}-journal")
    return pool


@exercise
def check_first_bytes(answer: dict[int, str]) -> None:
    """Check that the words of these numbers begin with these bytes."""
    given = {number: str(text).lower().removeprefix("0x") for number, text in answer.items()}
    if not all(given.values()):
        return not_yet("write two hexadecimal digits for each of the numbers")
    with _scratch_list(*given) as numbers:
        found = {number: f"{word.raw[0]:02x}" for number, word in zip(given, _items(numbers).words, strict=False)}
    for number, text in given.items():
        if text == found[number]:
            continue
        if text == f"{number & 0xFF:02x}":
            return not_yet(f"this is {number} itself; what about two times the value, and the tag?")
        if text == f"{2 * number & 0xFF:02x}":
            return not_yet(f"the word of {number} is twice its value, and its lowest bit says that it is an int")
        return not_yet(f"the word of {number} does not begin with {text}")
    return right("two times the value, plus the tag")


@exercise
def check_leaves(candidates: list[Any], answer: set[Any]) -> None:
    """Check that these are the values that need a leaf."""
    if not answer:
        return not_yet("put values into answer, in braces")
    leaves = {value for value in candidates if _is_leaf(value)}
    for value in answer:
        if value not in candidates:
            return not_yet(f"{value!r} is not one of the candidates")
        if value not in leaves:
            return not_yet(f"{value!r} fits into a word")
    missing = leaves.difference(answer)
    if missing:
        kinds = " and ".join(sorted({a_or_an(type(value).__name__) for value in missing}))
        return not_yet(f"these values need a leaf, but {kinds} does, too")
    return right("for a text its bytes count, and a float gives up a part of its range for the tag")


def _is_leaf(value: Any) -> bool:
    with _scratch_list(value) as values:
        return any(piece.is_leaf for piece in memory(values).pieces)


@exercise
def check_logged(pool: PersistentObjectPool, change: Callable[[Any], object], answer: int | None) -> None:
    """Check how many bytes a change copies to the undo log; the change is made to the root, a list of three items."""
    if answer is None:
        return not_yet("put a number into answer")
    pool.log.start()
    pool.log.clear()
    change(pool.root)
    snapshots, logged = (sum(getattr(entry, name) for entry in pool.log.entries) for name in ("snapshots", "logged"))
    if answer == 8 * 4:
        return not_yet("there are four assignments, but how many different words?")
    if answer in (snapshots, 1):
        return not_yet("this may be the number of words; how many bytes is that?")
    if answer != logged:
        return not_yet(f"it is not {answer}; a word that is in the log already is not copied again")
    return right(f"{logged} bytes: a word is copied before its first change, and not again")


@exercise
def check_poke(poke: Callable[[BinaryIO, int, int], object]) -> None:
    """Check that the poke changed this item, and nothing else."""
    values, wanted = [10, 20, 30], [10, -5, 30]
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "poked.pmem")
        with pmemobj.create(path, pool_size=8 << 20) as pool:
            pool.root = pool.new(PersistentList, values)
        with open(path, "r+b") as file:
            poke(file, 1, wanted[1])
        report = pmemobj.check(path)
        if not report.ok:
            return not_yet(f"the pool is damaged now: {report.errors[0]}")
        with pmemobj.open(path) as pool:
            found = list(pool.root) if isinstance(pool.root, PersistentList) else pool.root
    if found == values:
        return not_yet(f"the list is still {values}")
    if found != wanted:
        return not_yet(f"item 1 of {values} should be {wanted[1]}, but now the list is {found}")
    return right("the pool opens, has no damage, and has your number")
