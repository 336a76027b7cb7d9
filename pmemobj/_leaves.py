"""Values that need memory of their own, as bytes and back: the payloads of leaves.

A leaf is immutable and belongs to one slot (see `_layout`), so its payload says all of it. Exact
types only: an instance of a subclass of, say, int would come back as an int.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pmemobj import _pickles
from pmemobj._layout import Kind
from pmemobj.errors import NotPersistableError

_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")


def payload_of(value: Any) -> tuple[Kind, bytes]:
    """The kind and the payload of the leaf for a value.

    Raises:
        NotPersistableError: there is no form for its type.
    """
    kind = type(value)
    if kind is str:
        return Kind.STR, value.encode("utf-8", "surrogatepass")
    if kind is int:
        return Kind.INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if kind is float:
        return Kind.FLOAT, _DOUBLE.pack(value)
    if kind is bytes:
        return Kind.BYTES, value
    if kind is complex:
        return Kind.COMPLEX, _COMPLEX.pack(value.real, value.imag)
    if kind in _pickles.nominated:
        return Kind.PICKLE, _pickles.dump(value)
    raise _refusal(kind)


def _refusal(kind: type) -> NotPersistableError:
    if kind in _pickles.MUTABLE_TWINS:
        twin = _pickles.MUTABLE_TWINS[kind]
        return NotPersistableError(
            f"store a {kind.__name__}", "it lives in ordinary memory", f"use pool.new(pmemobj.{twin}, ...)"
        )
    return NotPersistableError(
        f"store a value of type {kind.__module__}.{kind.__qualname__}",
        "pmemobj has no form for it in persistent memory",
        "derive its class from pmemobj.PersistentObject, or, if its instances never change, nominate it with "
        "pmemobj.persist_via_pickle()",
    )


def _complex(payload: bytes) -> complex:
    return complex(*_COMPLEX.unpack(payload))


#: What makes the value of a payload, by kind; may raise UnicodeDecodeError or struct.error for a damaged one.
DECODERS: dict[int, Callable[[bytes], Any]] = {
    Kind.STR: lambda payload: payload.decode("utf-8", "surrogatepass"),
    Kind.INT: lambda payload: int.from_bytes(payload, "little", signed=True),
    Kind.FLOAT: lambda payload: _DOUBLE.unpack(payload)[0],
    Kind.BYTES: lambda payload: payload,
    Kind.COMPLEX: _complex,
    Kind.PICKLE: _pickles.load,
}
