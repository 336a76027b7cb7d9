"""Plain tuples as keys: one leaf that holds all items, converted to bytes and back.

A tuple that is stored as a value may hold containers, and is a container itself (PersistentTuple). A tuple that is a
key usually holds a few numbers and strings, must be found again by its contents, and belongs to its entry alone. So it
is a leaf like any other key, and the garbage collector need not look into it.

The payload is one item after the other; `_format` describes the bytes.
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
#: The values that an item of kind 0 can be, by their numbers.
_SINGLETONS = (None, False, True)
#: How deep tuples may be nested. Python itself stops at about a thousand nested calls.
MAX_DEPTH = 100


def key_tuple_payload(items: tuple[Any, ...], depth: int = 1) -> bytes:
    """The payload of the leaf for a plain tuple that is a key.

    Raises:
        NotPersistableError: an item cannot be a leaf, or the tuples are nested too deeply.
    """
    if depth > MAX_DEPTH:
        raise NotPersistableError(
            "use a tuple as a key", f"its tuples are nested more than {MAX_DEPTH} deep", "use a flatter key"
        )
    return join_parts(_item(item, depth) for item in items)


def join_parts(parts: Iterable[tuple[int, Any]]) -> bytes:
    """The payload that `split_parts` splits into these parts."""
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
            "a plain tuple is copied into its key, and a persistent object cannot be copied",
            "use a PersistentTuple of the same items as the key",
        )
    return payload_of(item)


def decode_key_tuple(payload: bytes) -> tuple[Any, ...]:
    """The tuple of a payload.

    Raises:
        PoolDamagedError: the payload is damaged.
    """
    return _decode(payload, 1, DECODERS)


def describe_key_tuple(payload: bytes) -> str:
    """A text for the tuple of a payload. It reads no pickle; otherwise it raises what `decode_key_tuple` raises."""
    return repr(_decode(payload, 1, {**DECODERS, Kind.PICKLE: _UnreadPickle}))


class _UnreadPickle:
    """Represents an item that is a pickle in a text."""

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
                raise _damaged("its tuples are nested too deeply")
            items.append(_decode(item, depth + 1, decoders))
        elif kind in decoders:
            items.append(decoders[kind](item))
        else:
            raise _damaged(f"an item has the unknown kind {kind}")
    return tuple(items)


def split_parts(payload: bytes) -> Iterator[tuple[int, Any]]:
    """The items of a payload, each as the kind and the payload of a leaf, or as 0 and None, False or True.

    Raises:
        PoolDamagedError: the payload is damaged.
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
                raise _damaged(f"an item has the unknown number {detail}")
            yield 0, _SINGLETONS[detail]
            continue
        if detail > len(payload) - at:
            raise _damaged("an item is longer than the whole payload")
        yield kind, payload[at : at + detail]
        at += detail


def _damaged(why: str) -> PoolDamagedError:
    return PoolDamagedError("read a tuple that is a key", why, "restore the pool from a copy")

