"""Plain tuples as keys: one leaf that holds all the items, as bytes and back.

A tuple as a value may hold containers, and is a container itself (PersistentTuple). A tuple as a key
is mostly a handful of numbers and strings, must be found again by its contents, and belongs to its
entry alone; so it is a leaf like any other key, and no collector need look into it.

The payload is one item after the other; `_layout` has the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pmemobj._engine.heap import Handle
from pmemobj._format import Kind
from pmemobj._values.leaves import DECODERS, payload_of
from pmemobj.errors import NotPersistableError, PoolDamagedError, a_or_an

_ITEM = struct.Struct("<Q")
#: What an item of kind 0 is, by its number.
_SINGLETONS = (None, False, True)
#: How deep tuples may lie in one another; Python itself gives up at about a thousand calls.
MAX_DEPTH = 100


def key_tuple_payload(items: tuple[Any, ...], depth: int = 1) -> bytes:
    """The payload of the leaf for a plain tuple that is a key.

    Raises:
        NotPersistableError: an item has no form as a leaf, or tuples lie too deep in one another.
    """
    if depth > MAX_DEPTH:
        raise NotPersistableError(
            "use a tuple as a key", f"its tuples lie more than {MAX_DEPTH} deep in one another", "use a flatter key"
        )
    return join_parts(_item(item, depth) for item in items)


def join_parts(parts: Iterable[tuple[int, Any]]) -> bytes:
    """The payload of which `split_parts` makes these parts."""
    joined: list[bytes] = []
    for kind, item in parts:
        joined += (_ITEM.pack(kind | len(item) << 8), item) if kind else (_ITEM.pack(_SINGLETONS.index(item) << 8),)
    return b"".join(joined)


def _item(item: Any, depth: int) -> tuple[int, Any]:
    if item is None or item is True or item is False:
        return 0, item
    if type(item) is tuple:
        return Kind.KEY_TUPLE, key_tuple_payload(item, depth + 1)
    if isinstance(item, Handle):
        raise NotPersistableError(
            f"use a tuple with {a_or_an(type(item).__name__)} in it as a key",
            "a plain tuple is copied into its key, and persistent objects cannot be",
            "use a PersistentTuple of the same items as the key",
        )
    return payload_of(item)


def decode_key_tuple(payload: bytes) -> tuple[Any, ...]:
    """The tuple of a payload.

    Raises:
        PoolDamagedError: it is none.
    """
    return _decode(payload, 1, DECODERS)


def describe_key_tuple(payload: bytes) -> str:
    """A text for the tuple of a payload; reads no pickle, but else raises as `decode_key_tuple` does."""
    return repr(_decode(payload, 1, {**DECODERS, Kind.PICKLE: _Unread}))


class _Unread:
    """Stands in a text for an item that is a pickle."""

    def __init__(self, payload: bytes) -> None:
        self._size = len(payload)

    def __repr__(self) -> str:
        return f"<pickle of {self._size} bytes>"


def _decode(payload: bytes, depth: int, decoders: Mapping[int, Callable[[bytes], Any]]) -> tuple[Any, ...]:
    items: list[Any] = []
    for kind, item in split_parts(payload):
        if kind == 0:
            items.append(item)
        elif kind == Kind.KEY_TUPLE:
            if depth == MAX_DEPTH:
                raise _damaged("its tuples lie too deep in one another")
            items.append(_decode(item, depth + 1, decoders))
        elif kind in decoders:
            items.append(decoders[kind](item))
        else:
            raise _damaged(f"an item of it is of kind {kind}")
    return tuple(items)


def split_parts(payload: bytes) -> Iterator[tuple[int, Any]]:
    """The items of a payload, each as the kind and the payload of a leaf, or as 0 and None, False or True.

    Raises:
        PoolDamagedError: it is no such payload.
    """
    at = 0
    while at < len(payload):
        if len(payload) - at < _ITEM.size:
            raise _damaged("it ends in the middle of an item")
        (head,) = _ITEM.unpack_from(payload, at)
        kind, detail = head & 0xFF, head >> 8
        at += _ITEM.size
        if kind == 0:
            if detail >= len(_SINGLETONS):
                raise _damaged(f"an item of it has the number {detail}")
            yield 0, _SINGLETONS[detail]
            continue
        if detail > len(payload) - at:
            raise _damaged("an item of it is longer than all of it")
        yield kind, payload[at : at + detail]
        at += detail


def _damaged(why: str) -> PoolDamagedError:
    return PoolDamagedError("read a tuple that is a key", why, "restore the pool from a copy")


DECODERS[Kind.KEY_TUPLE] = decode_key_tuple
