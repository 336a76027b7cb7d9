"""Value words as JSON and back, with every kind of leaf.

The forms are those of `json_plain` and `json_leaves`, and tuples and frozensets, whose items are leaves again. A
kind of leaf without a form of its own is moved all the same, as ``{"leaf": "KIND", "data": base64}``. To give it a
form that people can read, add it to the table in `json_leaves`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pmemobj._dumping.json_leaves import LEAF_READERS, LEAF_WRITERS, exactly
from pmemobj._dumping.json_plain import PLAIN_READERS, PLAIN_WRITERS, Leaf, plain_to_json, read_form, unread_leaf
from pmemobj._engine.heap import Heap
from pmemobj._format import LEAF_KINDS, Kind
from pmemobj._values.leaves import payload_of
from pmemobj._values.plain_containers import MAX_DEPTH, join_parts, split_parts
from pmemobj._values.words import decode, is_container, is_leaf, leaf_parts


@dataclass(frozen=True, slots=True)
class ObjectNumber:
    """A reference to a shared object, by its number in the dump."""

    number: int


# ---- out -----------------------------------------------------------------------------------------


def to_json(heap: Heap, word: int, number_of: Callable[[int], int]) -> Any:
    """What stands in a dump for a value word.

    Args:
        heap: The pool that the word is from.
        word: The word; not `ABSENT`.
        number_of: Gives the number of the shared object at an offset.

    Raises:
        PoolDamagedError, BadPayload, struct.error: the word stands for no value.
    """
    if is_container(word):
        return {"ref": number_of(word)}
    if not is_leaf(word):
        return plain_to_json(decode(heap, word))
    return leaf_to_json(*leaf_parts(heap, word))


def leaf_to_json(kind: Kind, payload: bytes) -> Any:
    """What stands in a dump for a leaf; raises as `to_json` does."""
    writer = WRITERS.get(kind)
    return unread_leaf(kind, payload) if writer is None else writer(payload)


def _plain_container_to_json(payload: bytes) -> Any:
    cls, parts = split_parts(payload)
    return {cls.__name__: [leaf_to_json(Kind(kind), item) if kind else item for kind, item in parts]}


#: The classes whose values are such leaves, by the names of their forms.
_PLAIN: dict[str, type] = {"tuple": tuple, "frozenset": frozenset}

# ---- in ------------------------------------------------------------------------------------------


def from_json(form: Any) -> Any:
    """The value that `to_json` wrote: a plain value, a `Leaf` or an `ObjectNumber`.

    Raises:
        ValueError, TypeError, KeyError: it wrote no such thing.
    """
    return read_form(form, READERS)


def _read_reference(form: Any) -> ObjectNumber:
    if type(form["ref"]) is not int:
        raise ValueError("a reference is the number of an object")
    return ObjectNumber(form["ref"])


def _read_plain_container(form: Any, depth: int = 1) -> Leaf:
    if depth > MAX_DEPTH:
        raise ValueError(f"tuples lie more than {MAX_DEPTH} deep in one another")
    cls = _PLAIN[next(iter(form))]
    return Leaf(Kind.PLAIN_CONTAINER, join_parts(cls, [_read_item(item, depth) for item in form[cls.__name__]]))


def _read_item(form: Any, depth: int) -> tuple[int, Any]:
    nested = type(form) is dict and next(iter(form), None) in _PLAIN
    value = _read_plain_container(form, depth + 1) if nested else from_json(form)
    if isinstance(value, ObjectNumber):
        raise ValueError("a tuple that is a value holds no objects")
    if isinstance(value, Leaf):
        return value.kind, value.payload
    return (0, value) if value is None or type(value) is bool else payload_of(value)


# ---- the tables ----------------------------------------------------------------------------------

#: The JSON of a payload, by kind of leaf.
WRITERS: dict[Kind, Callable[[bytes], Any]] = {
    **PLAIN_WRITERS,
    **LEAF_WRITERS,
    Kind.PLAIN_CONTAINER: exactly(Kind.PLAIN_CONTAINER, _plain_container_to_json, _read_plain_container),
}

#: The value of a form, by its first name.
READERS: dict[str, Callable[[Any], Any]] = {
    "ref": _read_reference,
    **dict.fromkeys(_PLAIN, _read_plain_container),
    **PLAIN_READERS,
    **LEAF_READERS,
}

assert set(WRITERS) <= set(LEAF_KINDS)
