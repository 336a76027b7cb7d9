"""An object's memory as it lies in the pool: its allocations, each word of them, and what it means.

`memory` describes a live object and changes nothing. It shows the object's own allocation, its bodies (the items of a
list, the table of a dict, ...), and the leaves that its slots own. In a transaction it distinguishes what is committed
from what is not, and shows the bytes in libpmemobj's undo log, which a crash at this moment would bring back. Damage
is described as damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pmemobj._containers.base import kind_at
from pmemobj._engine.consistent_reads import read_consistently
from pmemobj._engine.heap import Handle, Heap
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
from pmemobj._inspection.memory_buffers import block_layout
from pmemobj._inspection.memory_data import Gap, Memory, Piece, State, Word
from pmemobj._inspection.memory_kinds import describe_object, leaf_layout, root_layout
from pmemobj._inspection.word_meanings import AllocationLayout, Meaning, Span, unreadable
from pmemobj._objects.blocks import Block, locate
from pmemobj._pmdk.undo_log import UndoLog
from pmemobj._public_names import public_in
from pmemobj.errors import PmemError, a_or_an

#: How many words of an object are shown by default.
DEFAULT_WORDS = 200
#: Where several leaves share the remaining words, each gets this many.
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
        TypeError: `target` is none of these, or `max_words` no int.
        ValueError: `max_words` is not positive.
        PmemError: the pool is closed, or the object does not exist any more.

    Cost: proportional to what is shown, and in a transaction to what it has logged.

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
    return read_consistently(target, _describe, target, budget)


def _describe(target: Any, budget: int) -> Memory:
    if isinstance(target, Block):
        heap, offset = locate(target)
        return _PieceMaker(heap, budget).of([block_layout(heap, offset)], f"Block of {target.code!r}")
    heap = target._p_heap
    if not isinstance(target, Handle):
        heap.read(heap.root_offset)
        return _PieceMaker(heap, budget).of([root_layout(heap)], "root object")
    offset = target._p_offset
    heap.read(offset)
    return describe_at(heap, offset, budget)


def describe_at(heap: Heap, offset: int, budget: int = DEFAULT_WORDS) -> Memory:
    """Describe the memory of the object at an offset, in an open pool or an image of one."""
    view = _PieceMaker(heap, budget)
    name = "damaged"
    try:
        name = kind_at(heap, offset)._p_type_name(heap, offset)
        return view.of(describe_object(heap, offset), name)
    except PmemError as error:
        return view.of([unreadable("object", offset, error.why)], name)


class _PieceMaker:
    """Turns layouts into pieces, within a budget of words, and finds out what is committed."""

    def __init__(self, heap: Heap, budget: int) -> None:
        self._heap = heap
        self._budget = self._left = budget
        self._fresh = dict(heap.fresh) if heap.depth else {}
        self._log = UndoLog(self._read) if heap.depth else None

    def _read(self, offset: int, size: int) -> bytes:
        return self._heap.read_bytes(offset, max(0, min(size, self._heap.limit - offset)))

    def of(self, layouts: list[AllocationLayout], name: str) -> Memory:
        """The memory of an object whose allocations have these layouts."""
        pieces = self._pieces(layouts, self._budget)
        leaves = [(word, piece.depth) for piece in pieces for word in piece.words if word.meaning is Meaning.LEAF]
        if leaves and self._left < _LEAF_SHARE * len(leaves):
            # The leaves hold the values of the slots, so they get a share of the budget.
            pieces = self._pieces(layouts, self._budget * 2 // 3 or 1)
            leaves = [(word, piece.depth) for piece in pieces for word in piece.words if word.meaning is Meaning.LEAF]
        names = {layout.offset: layout.name for layout in layouts}
        earlier = self._given_up(layouts)
        left_out = 0
        for number, (word, depth) in enumerate(leaves):
            if self._left <= 0:
                left_out = len(leaves) - number
                break
            share = max(min(_LEAF_SHARE, self._left), self._left // (len(leaves) - number))
            layout = self._leaf(word)
            names[layout.offset] = layout.name
            pieces.append(self._piece(layout, depth + 1, share))
        linked = [_linked(piece, names, earlier) for piece in pieces]
        linked += earlier.values()
        return Memory(self._heap.name, name, tuple(linked), left_out, bool(self._heap.depth))

    def _pieces(self, layouts: list[AllocationLayout], most: int) -> list[Piece]:
        """The pieces of the object itself and its bodies, with at most `most` words."""
        self._left = most
        pieces = []
        for number, layout in enumerate(layouts):
            share = self._left if number == 0 else self._left // (len(layouts) - number)
            pieces.append(self._piece(layout, min(number, 1), share))
        self._left += self._budget - most
        return pieces

    def _given_up(self, layouts: list[AllocationLayout]) -> dict[int, Piece]:
        """The allocations that the transaction has exchanged for others, as they were before, by offset."""
        found: dict[int, Piece] = {}
        for layout in layouts if self._log is not None and layouts[0].offset not in self._fresh else ():
            with suppress(PmemError):
                before = layout.earlier(self._was) if layout.earlier is not None else layout
                if before.offset not in (0, layout.offset) and self._left > 0:
                    before.name, before.counted = f"{layout.name} before", None
                    share = max(1, self._left // 3)
                    found[before.offset] = replace(self._piece(before, 1, share), given_up=True)
        return found

    def _was(self, offset: int) -> int:
        """A word as it was before the transaction."""
        old = None if self._log is None else self._log.copy_of(offset)
        return self._heap.read(offset) if old is None else int.from_bytes(old, "little")

    def _leaf(self, word: Word) -> AllocationLayout:
        name = f"leaf of {word.label}"
        try:
            kind = kind_of(self._heap.read(word.target))
            if kind in LEAF_KINDS:
                return leaf_layout(self._heap, word.target, name)
        except PmemError:
            pass
        return unreadable(name, word.target, "there is no value where the slot leads to")

    def _piece(self, layout: AllocationLayout, depth: int, share: int) -> Piece:
        heap, offset = self._heap, layout.offset
        room, wrong = self._room(layout)
        library = self._library(layout) if room else ()
        kind = "" if layout.kind is None else layout.kind.name
        rows = tuple(self._rows(layout, min(room, heap.limit - offset), share)) if room else ()
        self._left -= sum(isinstance(row, Word) for row in rows)
        return Piece(
            layout.name,
            kind,
            offset,
            room + ALLOCATION_HEADER_SIZE if room else 0,
            rows,
            library,
            layout.text,
            offset in self._fresh,
            depth,
            layout.damage or wrong,
        )

    def _room(self, layout: AllocationLayout) -> tuple[int, str]:
        """The size of an allocation in bytes, 0 where there is none; and what is wrong with it."""
        heap, offset = self._heap, layout.offset
        if offset % ALIGNMENT or not ALLOCATION_HEADER_SIZE <= offset <= heap.limit - WORD:
            return 0, "its offset is outside of the pool"
        room = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
        if not 0 < room <= heap.limit - offset:
            return min(layout.size, heap.limit - offset), "the size in libpmemobj's header before it is impossible"
        found = heap.read(offset - WORD)
        if layout.kind is not None and found != layout.kind:
            return room, f"it was allocated as kind {found}"
        if layout.size > room:
            return room, f"its contents need {layout.size} bytes, but it has {room}"
        return room, ""

    def _library(self, layout: AllocationLayout) -> tuple[Word, ...]:
        """The two words that libpmemobj keeps before every allocation: its size and type number."""
        at = layout.offset - ALLOCATION_HEADER_SIZE
        size, kind = self._heap.read_words(at, 2)
        own = "; internal" if size & ALLOCATION_INTERNAL else ""
        sizes = f"{size & ALLOCATION_SIZE_MASK} bytes with these 16{own}"
        names = Kind(kind).name if kind in Kind._value2member_map_ else "none of ours"
        return (
            Word(-16, size.to_bytes(WORD, "little"), "size", Meaning.LIBRARY, sizes),
            Word(-8, kind.to_bytes(WORD, "little"), "type", Meaning.LIBRARY, f"{kind}, {names}" if kind else "0"),
        )

    def _rows(self, layout: AllocationLayout, room: int, share: int) -> Iterator[Word | Gap]:
        shown = _fair([min(span.length, span.few) for span in layout.spans], share)
        end = 0
        for span, number in zip(layout.spans, shown, strict=True):
            fitting = max(0, min(number, (room - span.at) // WORD))
            for at, word in enumerate(self._heap.read_words(layout.offset + span.at, fitting)):
                yield self._word(layout, span, at, word)
            if span.length > fitting:
                text = span.label(fitting)
                if span.label(span.length - 1) != text:
                    text += f" to {span.label(span.length - 1)}"
                unused = span.few < 1 << 30 and fitting and "unused" in span.read(0, 0).text
                yield Gap(span.at + WORD * fitting, span.length - fitting, "unused" if unused else text)
            end = span.at + WORD * span.length
        if room - end >= WORD:
            yield Gap(end, (room - end) // WORD, "left over, as libpmemobj rounds up sizes")

    def _word(self, layout: AllocationLayout, span: Span, number: int, word: int) -> Word:
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
        if layout.offset in self._fresh:
            return replace(described, state=State.NEW)
        old = self._log.copy_of(layout.offset + at)
        if old is not None:
            before = span.read(number, int.from_bytes(old, "little")).text
            if self._was_nothing(layout, at):
                before = _NOTHING
            elif found.meaning is Meaning.BODY:
                before = before.replace("→ ", "→ the old ")
            state = State.LOGGED if old == described.raw else State.CHANGED
            return replace(described, state=state, old=old, old_text=before)
        if self._was_nothing(layout, at):
            # Such words are not logged, since a roll-back has nothing to put back there: see Heap.append_in.
            return replace(described, state=State.CHANGED, old_text=_NOTHING)
        return described

    def _was_nothing(self, layout: AllocationLayout, at: int) -> bool:
        """Whether a word belongs to an entry that the transaction has added behind the last one."""
        if layout.counted is None or self._log is None:
            return False
        counted, first, width = layout.counted
        old = self._log.copy_of(counted)
        if old is None:
            return False
        before, now = int.from_bytes(old, "little"), self._heap.read(counted)
        return first + width * before <= at < first + width * now


#: What to say of the earlier content where entries were added.
_NOTHING = "unused before this transaction"


def _fair(wanted: list[int], share: int) -> list[int]:
    """How many words of each span to show: the longest are shortened first, so that every span is represented."""
    shown = list(wanted)
    while sum(shown) > share and max(shown) > 1:
        longest = shown.index(max(shown))
        shown[longest] = max(1, shown[longest] - (sum(shown) - share))
    for last in reversed(range(len(shown))):
        shown[last] = max(0, shown[last] - max(0, sum(shown) - share))
    return shown


def _linked(piece: Piece, names: dict[int, str], earlier: dict[int, Piece]) -> Piece:
    """The piece with the names of the pieces that its words lead to, and led to before."""
    rows: list[Word | Gap] = []
    for row in piece.rows:
        if isinstance(row, Word):
            row = replace(row, piece=names.get(row.target, ""))
            before = earlier.get(int.from_bytes(row.old or b"", "little"))
            if row.meaning is Meaning.BODY and before is not None:
                row = replace(row, old_piece=before.name, old_text=f"→ {before.name}")
        rows.append(row)
    return replace(piece, rows=tuple(rows))
