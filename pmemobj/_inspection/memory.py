"""An object's memory as it lies in the pool: its allocations, each word of them, and what it means.

`memory` describes a live object, and changes nothing: the object's own allocation, its parts (the items of a list, the
table of a dict...) and the leaves that its slots own. In a transaction it tells apart what is committed and what is
not, with the bytes that libpmemobj's undo log has kept: what a crash just now would bring back. What is damaged is
described as damaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pmemobj._containers.base import kind_at
from pmemobj._engine.heap import Handle, Heap, steady
from pmemobj._format import (
    ALIGNMENT,
    ALLOCATION_HEADER_SIZE,
    ALLOCATION_INTERNAL,
    ALLOCATION_SIZE_MASK,
    LEAF_KINDS,
    WORD,
    Kind,
    kind_of,
)
from pmemobj._inspection.memory_buffers import block_part
from pmemobj._inspection.memory_data import Gap, Memory, Piece, State, Word
from pmemobj._inspection.memory_kinds import DESCRIBERS, leaf_part, root_part
from pmemobj._inspection.word_meanings import Meaning, Part, Span, unreadable
from pmemobj._objects.blocks import Block, locate
from pmemobj._pmdk.undo_log import UndoLog
from pmemobj._public_names import public_in
from pmemobj.errors import PmemError, a_or_an

#: Words of an object that are shown, if nobody says how many.
DEFAULT_WORDS = 200
#: A leaf that has to share the rest with others gets so many words.
_LEAF_SHARE = 5


@public_in("pmemobj.inspect")
def memory(target: Any, *, max_words: int | None = None) -> Memory:
    """Describe the memory of a persistent object, word by word, as it lies in its pool.

    Args:
        target: A persistent object, a `Block`, or an open pool, which stands for the root object.
        max_words: How many words to show at the most; by default 200.

    Returns:
        Its allocations and their words. In a transaction those that are not committed are marked.

    Raises:
        TypeError: `target` is nothing of the kind, or `max_words` no int.
        ValueError: `max_words` is not positive.
        PmemError: the pool is closed, or the object is not there any more.

    Cost: proportional to what is shown, and in a transaction to what that has logged.

    Example::

        import pmemobj

        with pmemobj.create("bytes.pmem") as pool:
            pool.root = pool.new(pmemobj.PersistentList, [1, "two"])
            print(pmemobj.inspect.memory(pool.root).text(offsets=True))
    """
    if max_words is not None and not isinstance(max_words, int):
        raise TypeError(f"cannot show max_words={max_words!r}: it is no int (give a number, or None for the default)")
    if max_words is not None and max_words < 1:
        raise ValueError(f"cannot show max_words={max_words}: it is not positive (give 1 or more)")
    budget = DEFAULT_WORDS if max_words is None else max_words
    if not isinstance(target, (Handle, Block)) and not isinstance(getattr(target, "_p_heap", None), Heap):
        raise TypeError(
            f"cannot show the memory of {a_or_an(type(target).__name__)}: it is no persistent object "
            "(plain values are copied; show the object that holds them)"
        )
    return steady(target, _describe, target, budget)


def _describe(target: Any, budget: int) -> Memory:
    if isinstance(target, Block):
        heap, offset = locate(target)
        return _View(heap, budget).of([block_part(heap, offset)], f"Block of {target.code!r}")
    heap = target._p_heap
    if not isinstance(target, Handle):
        heap.read(heap.root_offset)
        return _View(heap, budget).of([root_part(heap)], "root object")
    offset = target._p_offset
    heap.read(offset)
    return describe_at(heap, offset, budget)


def describe_at(heap: Heap, offset: int, budget: int = DEFAULT_WORDS) -> Memory:
    """The same for the object at an offset, in an open pool or an image of one; a damaged one is shown as such."""
    view = _View(heap, budget)
    name = "damaged"
    try:
        name = kind_at(heap, offset)._p_type_name(heap, offset)
        return view.of(DESCRIBERS[kind_of(heap.read(offset))](heap, offset), name)
    except PmemError as error:
        return view.of([unreadable("object", offset, error.why)], name)


class _View:
    """Makes pieces of parts, within a budget of words, and tells what is committed."""

    def __init__(self, heap: Heap, budget: int) -> None:
        self._heap = heap
        self._budget = self._left = budget
        self._fresh = dict(heap.fresh) if heap.depth else {}
        self._log = UndoLog(self._read) if heap.depth else None

    def _read(self, offset: int, size: int) -> bytes:
        return self._heap.read_bytes(offset, max(0, min(size, self._heap.limit - offset)))

    def of(self, parts: list[Part], name: str) -> Memory:
        """The memory of an object that consists of these parts."""
        pieces = self._pieces(parts, self._budget)
        leaves = [(word, piece.depth) for piece in pieces for word in piece.words if word.meaning is Meaning.LEAF]
        if leaves and self._left < _LEAF_SHARE * len(leaves):
            # The leaves say what the slots hold, so they get their share.
            pieces = self._pieces(parts, self._budget * 2 // 3 or 1)
            leaves = [(word, piece.depth) for piece in pieces for word in piece.words if word.meaning is Meaning.LEAF]
        names = {part.offset: part.name for part in parts}
        earlier = self._given_up(parts)
        left_out = 0
        for number, (word, depth) in enumerate(leaves):
            if self._left <= 0:
                left_out = len(leaves) - number
                break
            share = max(min(_LEAF_SHARE, self._left), self._left // (len(leaves) - number))
            part = self._leaf(word)
            names[part.offset] = part.name
            pieces.append(self._piece(part, depth + 1, share))
        linked = [_linked(piece, names, earlier) for piece in pieces]
        linked += earlier.values()
        return Memory(self._heap.name, name, tuple(linked), left_out, bool(self._heap.depth))

    def _pieces(self, parts: list[Part], most: int) -> list[Piece]:
        """The object itself and its parts, with so many words at the most."""
        self._left = most
        pieces = []
        for number, part in enumerate(parts):
            share = self._left if number == 0 else self._left // (len(parts) - number)
            pieces.append(self._piece(part, min(number, 1), share))
        self._left += self._budget - most
        return pieces

    def _given_up(self, parts: list[Part]) -> dict[int, Piece]:
        """By their offsets the parts that the transaction has exchanged for others, as they were."""
        found: dict[int, Piece] = {}
        for part in parts if self._log is not None and parts[0].offset not in self._fresh else ():
            with suppress(PmemError):
                before = part.earlier(self._was) if part.earlier is not None else part
                if before.offset not in (0, part.offset) and self._left > 0:
                    before.name, before.counted = f"{part.name} before", None
                    share = max(1, self._left // 3)
                    found[before.offset] = replace(self._piece(before, 1, share), given_up=True)
        return found

    def _was(self, offset: int) -> int:
        """A word as it was before the transaction."""
        old = None if self._log is None else self._log.copy_of(offset)
        return self._heap.read(offset) if old is None else int.from_bytes(old, "little")

    def _leaf(self, word: Word) -> Part:
        name = f"leaf of {word.label}"
        try:
            kind = kind_of(self._heap.read(word.target))
            if kind in LEAF_KINDS:
                return leaf_part(self._heap, word.target, name)
        except PmemError:
            pass
        return unreadable(name, word.target, "there is no value where the slot leads to")

    def _piece(self, part: Part, depth: int, share: int) -> Piece:
        heap, offset = self._heap, part.offset
        room, wrong = self._room(part)
        library = self._library(part) if room else ()
        kind = "" if part.kind is None else part.kind.name
        rows = tuple(self._rows(part, min(room, heap.limit - offset), share)) if room else ()
        self._left -= sum(isinstance(row, Word) for row in rows)
        return Piece(
            part.name,
            kind,
            offset,
            room + ALLOCATION_HEADER_SIZE if room else 0,
            rows,
            library,
            part.text,
            offset in self._fresh,
            depth,
            part.damage or wrong,
        )

    def _room(self, part: Part) -> tuple[int, str]:
        """The bytes of an allocation, and what is wrong with it; 0 where there is none."""
        heap, offset = self._heap, part.offset
        if offset % ALIGNMENT or not ALLOCATION_HEADER_SIZE <= offset <= heap.limit - WORD:
            return 0, "it would lie outside the pool"
        room = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
        if not 0 < room <= heap.limit - offset:
            return min(part.size, heap.limit - offset), "libpmemobj's header before it gives no size that can be"
        found = heap.read(offset - WORD)
        if part.kind is not None and found != part.kind:
            return room, f"it was allocated as kind {found}"
        if part.size > room:
            return room, f"it takes {part.size} bytes, and has {room}"
        return room, ""

    def _library(self, part: Part) -> tuple[Word, ...]:
        """What libpmemobj has before every allocation: size and type number."""
        at = part.offset - ALLOCATION_HEADER_SIZE
        size, kind = self._heap.read_words(at, 2)
        own = ", its own" if size & ALLOCATION_INTERNAL else ""
        sizes = f"{size & ALLOCATION_SIZE_MASK} bytes with these 16{own}"
        names = Kind(kind).name if kind in Kind._value2member_map_ else "none of ours"
        return (
            Word(-16, size.to_bytes(WORD, "little"), "size", Meaning.LIBRARY, sizes),
            Word(-8, kind.to_bytes(WORD, "little"), "type", Meaning.LIBRARY, f"{kind}, {names}" if kind else "0"),
        )

    def _rows(self, part: Part, room: int, share: int) -> Iterator[Word | Gap]:
        shown = _fair([min(span.length, span.few) for span in part.spans], share)
        end = 0
        for span, number in zip(part.spans, shown, strict=True):
            fitting = max(0, min(number, (room - span.at) // WORD))
            for at, word in enumerate(self._heap.read_words(part.offset + span.at, fitting)):
                yield self._word(part, span, at, word)
            if span.length > fitting:
                text = span.label(fitting)
                if span.label(span.length - 1) != text:
                    text += f" to {span.label(span.length - 1)}"
                unused = span.few < 1 << 30 and fitting and "unused" in span.read(0, 0).text
                yield Gap(span.at + WORD * fitting, span.length - fitting, "unused" if unused else text)
            end = span.at + WORD * span.length
        if room - end >= WORD:
            yield Gap(end, (room - end) // WORD, "left over, as libpmemobj rounds up sizes")

    def _word(self, part: Part, span: Span, number: int, word: int) -> Word:
        found = span.read(number, word)
        at = span.at + WORD * number
        described = Word(
            at,
            word.to_bytes(WORD, "little"),
            span.label(number),
            found.meaning,
            found.text,
            found.tag,
            found.target,
            "",
            found.varying,
        )
        if self._log is None:
            return described
        if part.offset in self._fresh:
            return replace(described, state=State.NEW)
        old = self._log.copy_of(part.offset + at)
        if old is not None:
            before = span.read(number, int.from_bytes(old, "little")).text
            if self._was_nothing(part, at):
                before = _NOTHING
            elif found.meaning is Meaning.BODY:
                before = before.replace("→ ", "→ the old ")
            state = State.LOGGED if old == described.raw else State.CHANGED
            return replace(described, state=state, old=old, old_text=before)
        if self._was_nothing(part, at):
            # Nothing has to be put back there, so it is not logged: see Heap.append_in.
            return replace(described, state=State.CHANGED, old_text=_NOTHING)
        return described

    def _was_nothing(self, part: Part, at: int) -> bool:
        """Whether a word lies among the entries that were added behind the last one there was."""
        if part.counted is None or self._log is None:
            return False
        counted, first, width = part.counted
        old = self._log.copy_of(counted)
        if old is None:
            return False
        before, now = int.from_bytes(old, "little"), self._heap.read(counted)
        return first + width * before <= at < first + width * now


#: What was where entries were added.
_NOTHING = "nothing: not counted yet"


def _fair(wanted: list[int], share: int) -> list[int]:
    """How many words of each span to show: the longest give way first, so that every kind of word is seen."""
    shown = list(wanted)
    while sum(shown) > share and max(shown) > 1:
        longest = shown.index(max(shown))
        shown[longest] = max(1, shown[longest] - (sum(shown) - share))
    for last in reversed(range(len(shown))):
        shown[last] = max(0, shown[last] - max(0, sum(shown) - share))
    return shown


def _linked(piece: Piece, names: dict[int, str], earlier: dict[int, Piece]) -> Piece:
    """The piece, whose words tell the names of the pieces that they lead to, and led to."""
    rows: list[Word | Gap] = []
    for row in piece.rows:
        if isinstance(row, Word):
            row = replace(row, piece=names.get(row.target, ""))
            before = earlier.get(int.from_bytes(row.old or b"", "little"))
            if row.meaning is Meaning.BODY and before is not None:
                row = replace(row, old_piece=before.name, old_text=f"→ {before.name}")
        rows.append(row)
    return replace(piece, rows=tuple(rows))
