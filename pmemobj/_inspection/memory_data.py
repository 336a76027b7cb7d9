"""The memory of an object as data, and as lines of text: what `_memory` makes.

Without offsets the text is the same in every run: bytes that depend on where something lies, or on chance, are dots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pmemobj._inspection.word_meanings import Meaning
from pmemobj._public_names import public_in

_LABEL, _HEX = 12, 23


@public_in("pmemobj.inspect")
class State(Enum):
    """Whether a word is committed."""

    COMMITTED = "committed"
    #: Allocated by the running transaction: a roll-back gives it back, so there is no copy.
    NEW = "new"
    #: Changed in place; the undo log has what was there, unless that meant nothing.
    CHANGED = "changed"
    #: The undo log has a copy, and the word is still the same.
    LOGGED = "logged"


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Word:
    """Eight bytes of an allocation.

    Attributes:
        at: Where it is, in bytes from the beginning of the allocation; libpmemobj's own lie before.
        raw: Its bytes, as they lie there: the lowest first.
        label: What to call it: ``length``, ``items[3]``, ``entry 0 key``.
        meaning: What it is there for.
        text: What it says.
        tag: The low bits of a value word that tell what it is.
        target: The offset that it leads to, in bytes from the start of the pool; 0 for none.
        piece: The name of the piece that it leads to, if that is shown.
        varying: The first and last (exclusive) of the bytes that differ from run to run: those of offsets, of random
            stamps, and what lies unused.
        state: Whether it is committed.
        old: The bytes that a roll-back would put back, from the undo log; None where there is no copy.
        old_text: What they say.
        old_piece: The name of the piece that they led to, if that is shown.
    """

    at: int
    raw: bytes
    label: str
    meaning: Meaning
    text: str
    tag: str = ""
    target: int = 0
    piece: str = ""
    varying: tuple[int, int] = (0, 0)
    state: State = State.COMMITTED
    old: bytes | None = None
    old_text: str = ""
    old_piece: str = ""

    def hex(self, whole: bool = True, old: bool = False) -> str:
        """The bytes in hexadecimal; those that differ from run to run as dots, unless the whole is wanted."""
        raw = (self.old or b"") if old else self.raw
        first, last = (0, 0) if whole else self.varying
        return " ".join("··" if first <= at < last else f"{byte:02x}" for at, byte in enumerate(raw))


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Gap:
    """Words that are left out.

    Attributes:
        at: Where they begin, in bytes from the beginning of the allocation.
        count: How many they are.
        text: What they are.
    """

    at: int
    count: int
    text: str


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Piece:
    """One allocation.

    Attributes:
        name: What to call it: ``object``, ``items``, ``table``, or, of a leaf, ``leaf of items[3]``.
        kind: The name of its kind, as in ``docs/format.md``.
        offset: Where it begins, in bytes from the start of the pool.
        size: Bytes of the pool that it takes, with the 16 that libpmemobj keeps before it.
        rows: Its words, and the gaps between those that are shown.
        library: The two words of libpmemobj before it: its size and its type number.
        text: Of a leaf, its value.
        new: Whether the running transaction has allocated it.
        depth: 0 for the object, 1 for its parts and what it owns, and so on.
        damage: What is wrong with it, or an empty string.
        given_up: Whether the running transaction has exchanged it for another; it is freed at the commit, and
            comes back with a roll-back.
    """

    name: str
    kind: str
    offset: int
    size: int
    rows: tuple[Word | Gap, ...]
    library: tuple[Word, ...] = ()
    text: str = ""
    new: bool = False
    depth: int = 0
    damage: str = ""
    given_up: bool = False

    @property
    def is_leaf(self) -> bool:
        """Whether it is a value that one slot owns, and no part of the object's own structure."""
        return self.depth > 0 and self.name.startswith("leaf of ")

    @property
    def words(self) -> tuple[Word, ...]:
        """The words that are shown."""
        return tuple(row for row in self.rows if isinstance(row, Word))


@public_in("pmemobj.inspect")
@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one object.

    Attributes:
        pool: The name of the pool.
        type: The name of its type.
        pieces: Its allocations: its own first, its parts, then the leaves.
        left_out: How many leaves are not shown.
        in_transaction: Whether a transaction is running, so that there may be something uncommitted.
    """

    pool: str
    type: str
    pieces: tuple[Piece, ...]
    left_out: int = 0
    in_transaction: bool = False

    @property
    def uncommitted(self) -> tuple[Word, ...]:
        """The words that a crash just now would lose."""
        safe = (State.COMMITTED, State.LOGGED)
        return tuple(word for piece in self.pieces for word in piece.words if word.state not in safe)

    @property
    def damage(self) -> tuple[str, ...]:
        """What is wrong, piece by piece."""
        return tuple(f"{piece.name}: {piece.damage}" for piece in self.pieces if piece.damage)

    @property
    def size(self) -> int:
        """Bytes of the pool that the pieces shown take."""
        return sum(piece.size for piece in self.pieces)

    def text(self, offsets: bool = False) -> str:
        """All of it as lines of text; the same in every run, unless offsets are wanted."""
        return _to_text(self, offsets)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Memory of {self.type}: {_count(self)}; print() shows it>"


# ---- as text ---------------------------------------------------------------------------------------


def _to_text(memory: Memory, offsets: bool) -> str:
    """All pieces, one below the other."""
    lines = [f"{memory.type}: {_count(memory)}"]
    if memory.in_transaction:
        lines.append("in a transaction; * is not committed, < is what the undo log has kept")
    for piece in memory.pieces:
        lines += ["", *_piece(piece, offsets)]
    if memory.left_out:
        lines += ["", f"… and {memory.left_out} more values in memory of their own"]
    return "\n".join(lines)


def _count(memory: Memory) -> str:
    pieces = "1 allocation" if len(memory.pieces) == 1 else f"{len(memory.pieces)} allocations"
    return f"{pieces}, {memory.size} bytes"


def _piece(piece: Piece, offsets: bool) -> Iterator[str]:
    title = piece.name + (f" ({piece.kind})" if piece.kind else "")
    notes = [f"at {piece.offset:#x}"] if offsets else []
    notes += [f"{piece.size} bytes"] if piece.size else []
    notes += ["new, not committed"] if piece.new else []
    notes += ["freed at the commit, back after a crash"] if piece.given_up else []
    notes += [f"DAMAGED: {piece.damage}"] if piece.damage else []
    yield f"{title}: {', '.join(notes)}" + (f"; {piece.text}" if piece.text else "")
    wide = max([_LABEL, *(len(word.label) for word in piece.words)])
    for word in () if piece.is_leaf else piece.library:
        yield _word(word, wide, offsets)
    for row in piece.rows:
        yield from _gap(row) if isinstance(row, Gap) else _lines(row, wide, offsets)


def _gap(gap: Gap) -> Iterator[str]:
    words = "1 word" if gap.count == 1 else f"{gap.count} words"
    yield f"   {'…':>5}   {words}: {gap.text}"


def _lines(word: Word, wide: int, offsets: bool) -> Iterator[str]:
    yield _word(word, wide, offsets)
    if word.old is not None and word.old != word.raw:
        yield f"  < {'':4} {word.hex(offsets, old=True):{_HEX}}  {'before':{wide}}  {word.old_text}".rstrip()


def _word(word: Word, wide: int, offsets: bool) -> str:
    mark = "*" if word.state in (State.NEW, State.CHANGED) else " "
    at = f"{word.at:+d}"
    texts = [word.text, word.tag and f"({word.tag})", _state(word)]
    if offsets and word.target:
        texts.insert(1, f"at {word.target:#x}")
    text = "  ".join(text for text in texts if text)
    return f"  {mark} {at:>4} {word.hex(offsets):{_HEX}}  {word.label:{wide}}  {text}".rstrip()


def _state(word: Word) -> str:
    return "[in the undo log, not changed]" if word.state is State.LOGGED else ""
