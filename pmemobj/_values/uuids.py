"""UUIDs, converted to the payloads of leaves and back.

Only programs that store or read a UUID import this module (see `leaves`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, SafeUUID

from pmemobj._format import Kind

_SIZE = 16
_SAFETIES = {b"": SafeUUID.unknown, b"\0": SafeUUID.safe, b"\1": SafeUUID.unsafe}


def _encode_uuid(value: UUID) -> bytes:
    if value.is_safe is SafeUUID.unknown:
        return value.bytes
    return value.bytes + bytes([value.is_safe is SafeUUID.unsafe])


def _decode_uuid(payload: bytes) -> UUID:
    return UUID(bytes=payload[:_SIZE], is_safe=_SAFETIES[payload[_SIZE:]])


#: For each type the kind of its leaves, its encoder and its decoder.
CODECS: dict[Any, tuple[Kind, Callable[[Any], bytes | None], Callable[[bytes], Any]]] = {
    UUID: (Kind.UUID, _encode_uuid, _decode_uuid)
}
