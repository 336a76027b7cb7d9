"""The meanings of single words of a pool: what a word is there for, what it says, and where it leads to.

Which reading fits a word depends on the object that it belongs to: `memory_kinds` and `memory_buffers` decide that.
Nothing here raises for a damaged pool, makes a handle, or runs code of a program.

Some bytes differ from run to run: random stamps in headers, offsets, and unused bytes. A reading says which bytes
these are, so that a text can leave them out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from pmemobj._containers.base import kind_at
from pmemobj._engine.heap import Heap
from pmemobj._format import (
    ABSENT,
    ALL_KINDS,
    ALLOCATION_HEADER_SIZE,
    CONTAINER_KINDS,
    TAG_MASK,
    WORD,
    Kind,
    kind_of,
    record_number,
)
from pmemobj._objects.class_names import shown_name
from pmemobj._public_names import public_in
from pmemobj._values.words import decode, describe, is_container, is_leaf, is_packed
from pmemobj.errors import PmemError

#: The text of a value has at most this many characters, which is more than the default of `describe`, since
#: `%pmem_bytes` has a line for each word. Of a damaged allocation, this many words are shown.
_TEXT, _DAMAGED_WORDS = 48, 8


@public_in("pmemobj.inspect")
class Meaning(Enum):
    """What a word is there for."""

    LIBRARY = "libpmemobj's own"
    HEADER = "header"
    COUNT = "number"
    BODY = "offset of a part"
    VALUE = "value in the word"
    LEAF = "offset of a value"
    OBJECT = "offset of an object"
    HASH = "hash of a key"
    INDEX = "index"
    DATA = "bytes"
    UNUSED = "unused"


class Reading(NamedTuple):
    """What a word says.

    Attributes:
        meaning: What it is there for.
        text: What it says.
        tag: The low bits of a value word that tell what it is.
        target: The offset that it leads to; 0 for none.
        varying: The range of its bytes that differ from run to run: the first, and the one behind the last.
    """

    meaning: Meaning
    text: str
    tag: str = ""
    target: int = 0
    varying: tuple[int, int] = (0, 0)


class Span(NamedTuple):
    """Adjacent words that are read in the same way.

    Attributes:
        at: Where the first word is, in bytes from the beginning of the allocation.
        length: How many words there are.
        label: Gives the label of a word, by its number.
        read: Gives the reading of a word, by its number and the word.
        few: How many words to show at the most.
    """

    at: int
    length: int
    label: Callable[[int], str]
    read: Callable[[int, int], Reading]
    few: int = 1 << 30


@dataclass(slots=True)
class AllocationLayout:
    """How the words of one allocation of an object are laid out.

    Attributes:
        name: What to call the allocation: ``object``, ``items``, ``table``...
        offset: Where it begins.
        kind: Its kind; None for the root object, which libpmemobj made.
        spans: Its words, in order.
        text: What it holds as a whole.
        counted: Where new entries are added behind the last one, without a copy in the undo log: the offset of the word
            that counts them, where the first entry begins, and the size of each in bytes.
        damage: Why it cannot be described, or an empty string.
        earlier: Makes the layout as it was before the transaction, given a function that reads the words of the object
            as they were then. Its offset differs if the transaction has exchanged the allocation.
    """

    name: str
    offset: int
    kind: Kind | None
    spans: list[Span] = field(default_factory=list)
    text: str = ""
    counted: tuple[int, int, int] | None = None
    damage: str = ""
    earlier: Callable[[Callable[[int], int]], AllocationLayout] | None = None

    @property
    def size(self) -> int:
        """The size of all spans, in bytes: the bytes that have a meaning, or may get one."""
        return max((span.at + WORD * span.length for span in self.spans), default=0)


def room_at(heap: Heap, offset: int) -> int:
    """How many words the allocation at an offset can have; 0 where there can be no allocation."""
    if not ALLOCATION_HEADER_SIZE <= offset < heap.limit:
        return 0
    size = heap.allocation_size(offset) - ALLOCATION_HEADER_SIZE
    return max(0, min(size, heap.limit - offset) // WORD)


def guarded(name: str, offset: int, describe_layout: Callable[[], AllocationLayout]) -> AllocationLayout:
    """A layout; if the memory makes no sense, its first words as they are."""
    try:
        return describe_layout()
    except PmemError as error:
        return unreadable(name, offset, error.why)


def unreadable(name: str, offset: int, why: str) -> AllocationLayout:
    """The layout of an allocation that cannot be described, for the given reason."""

    def read(_: int, word: int) -> Reading:
        return Reading(Meaning.DATA, as_text(word.to_bytes(WORD, "little")))

    return AllocationLayout(name, offset, None, [Span(0, _DAMAGED_WORDS, lambda at: f"word {at}", read)], damage=why)


def single(at: int, label: str, read: Callable[[int], Reading]) -> Span:
    """A span of one word."""
    return Span(at, 1, lambda _: label, lambda _, word: read(word))


# ---- words of a container ------------------------------------------------------------------------


def with_body(
    heap: Heap,
    offset: int,
    kind: Kind,
    counts: dict[str, tuple[str, str]],
    name: str,
    layout: Callable[..., AllocationLayout],
) -> list[AllocationLayout]:
    """The layouts of an object that consists of a header, one or more counts, and the offset of its body.

    Args:
        heap: Where the object is.
        offset: The object.
        kind: Its kind.
        counts: The label of each count, with what it counts, in the singular and in the plural.
        name: What to call its body, of which there may be none yet.
        layout: Makes the layout of the body, given the counts and the offset of the body.
    """
    body_at = WORD * (1 + len(counts))
    spans = [
        single(0, "header", header_of(heap)),
        *(single(WORD * number, label, count(*counts[label])) for number, label in enumerate(counts, 1)),
        single(body_at, name, offset_of(name)),
    ]
    own = AllocationLayout("object", offset, kind, spans)
    body = heap.read(offset + body_at)
    if not body:
        return [own]

    def body_layout(word_at: Callable[[int], int]) -> AllocationLayout:
        return layout(*(word_at(offset + at) for at in range(WORD, body_at + WORD, WORD)))

    found = guarded(name, body, lambda: body_layout(heap.read))
    found.earlier = body_layout
    return [own, found]


def count(one: str = "", many: str = "") -> Callable[[int], Reading]:
    """Reads a plain number; the texts name what is counted, in the singular and in the plural."""
    return lambda word: Reading(Meaning.COUNT, f"{word} {one if word == 1 else many}".rstrip())


def offset_of(name: str) -> Callable[[int], Reading]:
    """Reads the offset of another allocation of the object."""
    return lambda word: Reading(Meaning.BODY, f"→ {name}" if word else f"no {name}", "", word, (0, WORD))


def header_of(heap: Heap) -> Callable[[int], Reading]:
    """Reads the header of a shared object; the stamp in it is random."""

    def read(word: int) -> Reading:
        kind = kind_of(word)
        if kind not in ALL_KINDS:
            return Reading(Meaning.HEADER, "no header")
        text = f"kind {kind}, {Kind(kind).name}"
        if kind in CONTAINER_KINDS and record_number(word) >= 0:
            text = f"{Kind(kind).name}; {class_text(heap, record_number(word))}"
        return Reading(Meaning.HEADER, f"{text}; stamp", varying=(5, WORD))

    return read


def class_text(heap: Heap, number: int) -> str:
    """``class 3, Guesser``."""
    try:
        return f"class {number}, {shown_name(heap.types.layout(number).name)}"
    except (PmemError, AttributeError):
        return f"class {number}, which the pool does not know"


def unused(why: str) -> Callable[[int, int], Reading]:
    """Reads a word that means nothing."""
    return lambda _, __: Reading(Meaning.UNUSED, why, varying=(0, WORD))


# ---- value words -----------------------------------------------------------------------------------


def value_in(heap: Heap) -> Callable[[int, int], Reading]:
    """Reads a value word."""
    return lambda _, word: value(heap, word)


def value(heap: Heap, word: int, absent: str = "no value") -> Reading:
    """What a value word says."""
    if word == ABSENT:
        return Reading(Meaning.VALUE, absent, "…0000")
    if is_container(word):
        return Reading(Meaning.OBJECT, f"→ {_type_at(heap, word)}", _tag(word), word, (0, WORD))
    text = describe(heap, word, _TEXT)
    if is_leaf(word):
        return Reading(Meaning.LEAF, f"→ {text}", _tag(word), word & ~TAG_MASK, (0, WORD))
    if text.startswith("damaged"):
        return Reading(Meaning.VALUE, text, _tag(word))
    if is_packed(word):
        return Reading(Meaning.VALUE, f"→ texts: {text}", _tag(word), varying=(2, WORD))
    found = decode(heap, word)
    return Reading(Meaning.VALUE, text if found is None else f"{type(found).__name__} {text}", _tag(word))


def _type_at(heap: Heap, offset: int) -> str:
    try:
        return kind_at(heap, offset)._p_type_name(heap, offset)
    except PmemError:
        return "damaged: no object there"


def _tag(word: int) -> str:
    """The tag bits of a value word: one bit for an int, two for a float, otherwise four."""
    return "…1" if word & 1 else "…10" if word & 3 == 2 else f"…{word & TAG_MASK:04b}"


# ---- bytes -------------------------------------------------------------------------------------------


def data(size: int, text: Callable[[bytes], str]) -> Callable[[int, int], Reading]:
    """Reads words that hold `size` bytes in all; the rest of the last word is unused."""

    def read(number: int, word: int) -> Reading:
        used = min(WORD, size - WORD * number)
        return Reading(Meaning.DATA, text(word.to_bytes(WORD, "little")[:used]), varying=(used, WORD))

    return read


def as_text(raw: bytes) -> str:
    """Bytes as a hex dump shows them."""
    return "|" + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in raw) + "|"
