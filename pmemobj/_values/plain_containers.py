"""Tuples and frozensets of values: one leaf that holds all items, converted to bytes and back.

A tuple or frozenset is a value like a str, as a key or as a value, if everything in it is a value, at any depth. So it
is a leaf that belongs to its slot alone, and the garbage collector need not look into it. One that holds persistent
objects is a persistent object itself (PersistentTuple, PersistentFrozenSet).

The payload is one item after the other; `_format` describes the bytes. The items of a frozenset are in the order of
their bytes, so that equal ones have the same payload.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pmemobj._engine.heap import Handle
from pmemobj._format import Kind
from pmemobj._values.leaves import DECODERS, payload_of
from pmemobj.errors import NotPersistableError, PoolDamagedError, a_or_an

_ITEM = struct.Struct("<Q")
#: The values that an item of kind 0 can be, by their numbers.
_SINGLETONS = (None, False, True)
#: What stands before the items of a frozenset: an item of kind 0 with the next number.
_FROZENSET_MARK = _ITEM.pack(len(_SINGLETONS) << 8)
#: How deep they may be nested. Python itself stops at about a thousand nested calls.
MAX_DEPTH = 100
#: The types that are stored so.
PLAIN_CONTAINERS = (tuple, frozenset)

#: The items of a payload, each as the kind and the payload of a leaf, or as 0 and None, False or True.
_Parts = Iterable[tuple[int, Any]]


# ---- to bytes ------------------------------------------------------------------------------------


def plain_container_payload(value: Collection[Any], depth: int = 1) -> bytes:
    """The payload of the leaf for a tuple or frozenset.

    Raises:
        NotPersistableError: an item is no value, or they are nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise NotPersistableError(
            f"store a {type(value).__name__}",
            f"it and others are nested more than {MAX_DEPTH} deep",
            "use a flatter one, or persistent containers: pool.new(pmemobj.PersistentTuple, ...)",
        )
    return join_parts(type(value), (_item(value, item, depth) for item in value))


def join_parts(cls: type, parts: _Parts) -> bytes:
    """The payload that `split_parts` splits into the class `cls` and these parts."""
    joined = [
        _ITEM.pack(kind | len(item) << 8) + item if kind else _ITEM.pack(_SINGLETONS.index(item) << 8)
        for kind, item in parts
    ]
    if cls is frozenset:
        joined = [_FROZENSET_MARK, *sorted(joined)]
    return b"".join(joined)


def _item(holder: Any, item: Any, depth: int) -> tuple[int, Any]:
    if item is None or item is True or item is False:
        return 0, item
    if type(item) in PLAIN_CONTAINERS:
        return Kind.PLAIN_CONTAINER, plain_container_payload(item, depth + 1)
    name = type(holder).__name__
    if isinstance(item, Handle):
        raise NotPersistableError(
            f"store a {name} with {a_or_an(type(item).__name__)} in it",
            f"a plain {name} is copied into the pool, and a persistent object cannot be copied",
            f"use pool.persistent(...), which makes a persistent {name}",
        )
    try:
        return payload_of(item)
    except NotPersistableError as error:
        if type(item).__hash__ is not None:
            raise
        # It changes, so it may become a persistent object.
        what = f"store a {name} with {a_or_an(type(item).__name__)} in it"
        todo = f"use pool.persistent(...), which makes persistent containers of the {name} and of what is in it"
        raise NotPersistableError(what, error.why, todo) from None


# ---- and back ------------------------------------------------------------------------------------


def decode_plain_container(payload: bytes) -> Any:
    """The tuple or frozenset of a payload.

    Raises:
        PoolDamagedError: the payload is damaged.
    """
    return _decode(payload, 1, DECODERS)


def describe_plain_container(payload: bytes) -> str:
    """A text for the value of a payload; raises what `decode_plain_container` raises, but reads no pickle."""
    return repr(_decode(payload, 1, {**DECODERS, Kind.PICKLE: _UnreadPickle}))


class _UnreadPickle:
    """Represents an item that is a pickle in a text."""

    def __init__(self, payload: bytes) -> None:
        self._size = len(payload)

    def __repr__(self) -> str:
        return f"<pickle of {self._size} bytes>"


def _decode(payload: bytes, depth: int, decoders: Mapping[int, Callable[[bytes], Any]]) -> Any:
    items: list[Any] = []
    cls, parts = split_parts(payload)
    for kind, item in parts:
        if kind == 0:
            items.append(item)
        elif kind == Kind.PLAIN_CONTAINER:
            if depth == MAX_DEPTH:
                raise _damaged("they are nested too deeply")
            items.append(_decode(item, depth + 1, decoders))
        elif kind in decoders:
            items.append(decoders[kind](item))
        else:
            raise _damaged(f"an item has the unknown kind {kind}")
    try:
        return cls(items)
    except TypeError as error:
        raise _damaged(f"an item of a frozenset has no hash ({error})") from None


def split_parts(payload: bytes) -> tuple[type, _Parts]:
    """The class that a payload is of, tuple or frozenset, and its items.

    The items are split while they are iterated over, which raises PoolDamagedError where the payload is damaged.
    """
    if payload.startswith(_FROZENSET_MARK):
        return frozenset, _split(payload, _ITEM.size)
    return tuple, _split(payload, 0)


def _split(payload: bytes, at: int) -> Iterator[tuple[int, Any]]:
    while at < len(payload):
        if len(payload) - at < _ITEM.size:
            raise _damaged("it ends in the middle of an item")
        (head,) = _ITEM.unpack_from(payload, at)
        kind, detail = head & 0xFF, head >> 8
        at += _ITEM.size
        if kind == 0:
            if detail >= len(_SINGLETONS):
                raise _damaged(f"an item has the unknown number {detail}")
            yield 0, _SINGLETONS[detail]
            continue
        if detail > len(payload) - at:
            raise _damaged("an item is longer than the whole payload")
        yield kind, payload[at : at + detail]
        at += detail


def _damaged(why: str) -> PoolDamagedError:
    return PoolDamagedError("read a tuple or frozenset", why, "restore the pool from a copy")
