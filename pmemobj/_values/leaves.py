"""Values that need memory of their own, converted to bytes and back: the payloads of leaves.

A leaf never changes and belongs to one slot (see `_format`), so its payload is the whole value. Only exact types are
encoded: an instance of a subclass of int, for example, would come back as an int.

The bytes may come from a damaged pool. Whatever a decoder does with them, `value_of` either returns a value of the kind
or raises `BadPayload`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from uuid import UUID, SafeUUID

from pmemobj._format import Kind
from pmemobj._values import pickles, times
from pmemobj._values.nans import canonical
from pmemobj._values.unsupported import unsupported_error
from pmemobj.errors import NotPersistableError, PmemError

_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_UUID_SIZE = 16
#: The size of every allocation has fewer bits than this.
_SIZE_BITS = 56
#: Does not depend on the context that the program has set: it rounds nothing, and traps only invalid operations.
_DECIMAL_CONTEXT = Context(capitals=1, traps=[InvalidOperation])


class BadPayload(ValueError):
    """A payload that is not the encoding of any value."""


# ---- ints, one and several -------------------------------------------------------------------


def _encode_int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _decode_int(payload: bytes) -> int:
    return int.from_bytes(payload, "little", signed=True)


def _encode_ints(*values: int) -> bytes:
    """Each int as its size in bytes, then its bytes. The size has seven bits in a byte, the lowest ones first."""
    payload = bytearray()
    for value in values:
        data = _encode_int(value)
        size = len(data)
        while size > 0x7F:
            payload.append(size & 0x7F | 0x80)
            size >>= 7
        payload.append(size)
        payload += data
    return bytes(payload)


def _decode_ints(payload: bytes, count: int) -> list[int]:
    values = []
    at = 0
    for _ in range(count):
        size = shift = 0
        while payload[at] > 0x7F:
            size |= (payload[at] & 0x7F) << shift
            shift += 7
            at += 1
            if shift > _SIZE_BITS:
                raise ValueError("the size of an int has no end")
        size |= payload[at] << shift
        at += 1
        values.append(_decode_int(payload[at : at + size]))
        at += size
    if at != len(payload):
        raise ValueError(f"{count} ints end at byte {at} of {len(payload)}")
    return values


# ---- other numbers, ids, ranges ----------------------------------------------------------------


def _decode_float(payload: bytes) -> Any:
    return canonical(_DOUBLE.unpack(payload)[0])


def _decode_complex(payload: bytes) -> Any:
    return canonical(complex(*_COMPLEX.unpack(payload)))


def _encode_decimal(value: Decimal) -> bytes:
    # The specification of decimal arithmetic makes this text exact, NaNs and trailing zeros included.
    return _DECIMAL_CONTEXT.to_sci_string(value).encode("ascii")


def _decode_decimal(payload: bytes) -> Any:
    value = Decimal(payload.decode("ascii"), _DECIMAL_CONTEXT)
    if _encode_decimal(value) != payload:
        raise ValueError("a Decimal is written in another way")
    return canonical(value)


def _encode_fraction(value: Fraction) -> bytes:
    return _encode_ints(value.numerator, value.denominator)


def _decode_fraction(payload: bytes) -> Fraction:
    numerator, denominator = _decode_ints(payload, 2)
    value = Fraction(numerator, denominator)
    if value.denominator != denominator:
        raise ValueError("the fraction is not in lowest terms")
    return value


def _encode_uuid(value: UUID) -> bytes:
    if value.is_safe is SafeUUID.unknown:
        return value.bytes
    return value.bytes + bytes([value.is_safe is SafeUUID.unsafe])


def _decode_uuid(payload: bytes) -> UUID:
    safety = {b"": SafeUUID.unknown, b"\0": SafeUUID.safe, b"\1": SafeUUID.unsafe}[payload[_UUID_SIZE:]]
    return UUID(bytes=payload[:_UUID_SIZE], is_safe=safety)


def _encode_range(value: range) -> bytes:
    return _encode_ints(value.start, value.stop, value.step)


def _decode_range(payload: bytes) -> range:
    return range(*_decode_ints(payload, 3))


# ---- the tables --------------------------------------------------------------------------------

#: For each type the kind of its leaves, and a function that encodes a value; it returns None if it cannot.
ENCODERS: dict[type, tuple[Kind, Callable[[Any], bytes | None]]] = {
    str: (Kind.STR, lambda value: value.encode("utf-8", "surrogatepass")),
    int: (Kind.INT, _encode_int),
    float: (Kind.FLOAT, _DOUBLE.pack),
    bytes: (Kind.BYTES, lambda value: value),
    complex: (Kind.COMPLEX, lambda value: _COMPLEX.pack(value.real, value.imag)),
    date: (Kind.DATE, times.encode_date),
    time: (Kind.TIME, times.encode_time),
    datetime: (Kind.DATETIME, times.encode_datetime),
    timedelta: (Kind.TIMEDELTA, times.encode_timedelta),
    Decimal: (Kind.DECIMAL, _encode_decimal),
    Fraction: (Kind.FRACTION, _encode_fraction),
    UUID: (Kind.UUID, _encode_uuid),
    range: (Kind.RANGE, _encode_range),
}

#: For each kind of leaf a function that decodes a payload, called through `value_of`. `_objects.registry` adds the one
#: for key tuples.
DECODERS: dict[int, Callable[[bytes], Any]] = {
    Kind.STR: lambda payload: payload.decode("utf-8", "surrogatepass"),
    Kind.INT: _decode_int,
    Kind.FLOAT: _decode_float,
    Kind.BYTES: lambda payload: payload,
    Kind.COMPLEX: _decode_complex,
    Kind.PICKLE: pickles.load,
    Kind.DATE: times.decode_date,
    Kind.TIME: times.decode_time,
    Kind.DATETIME: times.decode_datetime,
    Kind.TIMEDELTA: times.decode_timedelta,
    Kind.DECIMAL: _decode_decimal,
    Kind.FRACTION: _decode_fraction,
    Kind.UUID: _decode_uuid,
    Kind.RANGE: _decode_range,
}


def payload_of(value: Any) -> tuple[Kind, bytes]:
    """The kind and the payload of the leaf for a value.

    Raises:
        NotPersistableError: the value cannot be stored.
    """
    cls = type(value)
    encoder = ENCODERS.get(cls)
    if encoder is not None:
        kind, encode = encoder
        payload = encode(value)
        if payload is not None:
            return kind, payload
    if cls in pickles.nominated:
        return Kind.PICKLE, pickles.dump(value)
    raise _error_for(value)


def value_of(kind: int, payload: bytes) -> Any:
    """The value that a leaf stands for.

    Raises:
        BadPayload: the payload is damaged.
        UnpicklingRefusedError: this program did not nominate a class that the payload needs.
        TimeZoneNotFoundError: this system does not know the time zone.
    """
    try:
        return DECODERS[kind](payload)
    except PmemError:
        raise
    except (ValueError, ArithmeticError, LookupError, struct.error) as error:
        raise BadPayload(f"{Kind(kind).name.lower()} of {len(payload)} bytes: {error}") from None


# ---- what cannot be stored --------------------------------------------------------------------------


def _error_for(value: Any) -> NotPersistableError:
    cls = type(value)
    if cls in ENCODERS:
        return _refused_zone(_full_name(cls), times.foreign_zone(value))
    return unsupported_error(value)


def _refused_zone(name: str, zone: Any) -> NotPersistableError:
    what = f"store a {name} with the tzinfo {zone!r}"
    if times.is_zone_info(zone):
        return NotPersistableError(
            what, "it was read from a file, so no key leads back to it", "use zoneinfo.ZoneInfo(key)"
        )
    return NotPersistableError(
        what,
        f"pmemobj can store datetime.timezone and zoneinfo.ZoneInfo, but not {_full_name(type(zone))}",
        f"use one of these, or nominate both classes with pmemobj.persist_via_pickle({name}, {_full_name(type(zone))})",
    )


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
