"""Values that need memory of their own, as bytes and back: the payloads of leaves.

A leaf is immutable and belongs to one slot (see `_layout`), so its payload says all of it. Exact
types only: an instance of a subclass of, say, int would come back as an int.

Bytes from a damaged pool are expected everywhere here: whatever a decoder makes of them, `value_of`
either returns a value of the kind or raises a `BadPayload`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from pmemobj._format import Kind
from pmemobj._values import pickles, times
from pmemobj._values.nans import one
from pmemobj._values.unsupported import refusal
from pmemobj.errors import NotPersistableError, PmemError

_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")
_UUID_SIZE = 16
#: More bits than the size of any allocation has.
_SIZE_BITS = 56
#: Independent of what the program has set: nothing is rounded, nothing is trapped but nonsense.
_DECIMAL_CONTEXT = Context(capitals=1, traps=[InvalidOperation])


class BadPayload(ValueError):
    """A payload that stands for no value."""


# ---- ints, alone and several -------------------------------------------------------------------


def _encode_int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _decode_int(payload: bytes) -> int:
    return int.from_bytes(payload, "little", signed=True)


def _encode_ints(*values: int) -> bytes:
    """Each as its size in bytes, seven bits a byte and the lowest first, and its bytes."""
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
    return one(_DOUBLE.unpack(payload)[0])


def _decode_complex(payload: bytes) -> Any:
    return one(complex(*_COMPLEX.unpack(payload)))


def _encode_decimal(value: Decimal) -> bytes:
    # The specification of decimal arithmetic makes this text exact, NaNs and trailing zeros included.
    return _DECIMAL_CONTEXT.to_sci_string(value).encode("ascii")


def _decode_decimal(payload: bytes) -> Any:
    value = Decimal(payload.decode("ascii"), _DECIMAL_CONTEXT)
    if _encode_decimal(value) != payload:
        raise ValueError("not as a Decimal is written")
    return one(value)


def _encode_fraction(value: Fraction) -> bytes:
    return _encode_ints(value.numerator, value.denominator)


def _decode_fraction(payload: bytes) -> Fraction:
    numerator, denominator = _decode_ints(payload, 2)
    value = Fraction(numerator, denominator)
    if value.denominator != denominator:
        raise ValueError("not in lowest terms")
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

#: How the values of a type become bytes; None where this one has no form.
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

#: What makes the value of a payload, by kind; called through `value_of`.
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
        NotPersistableError: there is no form for it.
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
    raise _refusal(value)


def value_of(kind: int, payload: bytes) -> Any:
    """The value that a leaf stands for.

    Raises:
        BadPayload: none; the pool is damaged.
        UnpicklingRefusedError, TimeZoneNotFoundError: it needs what this program or system lacks.
    """
    try:
        return DECODERS[kind](payload)
    except PmemError:
        raise
    except (ValueError, ArithmeticError, LookupError, struct.error) as error:
        raise BadPayload(f"{Kind(kind).name.lower()} of {len(payload)} bytes: {error}") from None


# ---- what has no form --------------------------------------------------------------------------


def _refusal(value: Any) -> NotPersistableError:
    cls = type(value)
    if cls in ENCODERS:
        return _refused_zone(_full_name(cls), times.foreign_zone(value))
    return refusal(value)


def _refused_zone(name: str, zone: Any) -> NotPersistableError:
    what = f"store a {name} with the tzinfo {zone!r}"
    if type(zone) is ZoneInfo:
        return NotPersistableError(
            what, "it was read from a file, so that no key would bring it back", "use zoneinfo.ZoneInfo(key)"
        )
    return NotPersistableError(
        what,
        f"pmemobj has forms for datetime.timezone and zoneinfo.ZoneInfo, not for {_full_name(type(zone))}",
        f"use one of these, or nominate both classes with pmemobj.persist_via_pickle({name}, {_full_name(type(zone))})",
    )


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
