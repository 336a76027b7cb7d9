"""Values that need memory of their own, converted to bytes and back: the payloads of leaves.

A leaf never changes and belongs to one slot (see `_format`), so its payload is the whole value. Only exact types are
encoded: an instance of a subclass of int, for example, would come back as an int.

The bytes may come from a damaged pool. Whatever a decoder does with them, `value_of` either returns a value of the kind
or raises `BadPayload`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from pmemobj._format import Kind
from pmemobj._values import pickles
from pmemobj._values.ints import decode_int, decode_ints, encode_int, encode_ints
from pmemobj._values.late_types import TypeTable
from pmemobj._values.nans import canonical
from pmemobj._values.unsupported import unsupported_error
from pmemobj.errors import NotPersistableError, PmemError

_DOUBLE = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")


class BadPayload(ValueError):
    """A payload that is not the encoding of any value."""


#: Encoders return None if they cannot encode a value.
_Encoder = Callable[[Any], bytes | None]
_Decoder = Callable[[bytes], Any]
#: For types the kind of their leaves, their encoder and their decoder.
_Codecs = Mapping[Any, tuple[Kind, _Encoder, _Decoder]]


# ---- floats, complex numbers, ranges --------------------------------------------------------------


def _decode_float(payload: bytes) -> Any:
    return canonical(_DOUBLE.unpack(payload)[0])


def _decode_complex(payload: bytes) -> Any:
    return canonical(complex(*_COMPLEX.unpack(payload)))


def _encode_range(value: range) -> bytes:
    return encode_ints(value.start, value.stop, value.step)


def _decode_range(payload: bytes) -> range:
    return range(*decode_ints(payload, 3))


# ---- types of modules that few programs use ---------------------------------------------------------


def _times() -> _Codecs:
    from pmemobj._values import times

    return times.CODECS


def _exact_numbers() -> _Codecs:
    from pmemobj._values import exact_numbers

    return exact_numbers.CODECS


def _uuids() -> _Codecs:
    from pmemobj._values import uuids

    return uuids.CODECS


def _late_encoders(codecs: Callable[[], _Codecs]) -> Callable[[], Mapping[Any, Any]]:
    """The rows of `ENCODERS` for some types, made when the first value of one of them is stored."""
    return lambda: {cls: (kind, encode) for cls, (kind, encode, _) in codecs().items()}


def _late_decoder(codecs: Callable[[], _Codecs], kind: Kind) -> _Decoder:
    """Decodes the first payload of a kind, and puts the decoder of the kind in its own place in `DECODERS`."""

    def decode(payload: bytes) -> Any:
        (decoder,) = (decoder for each, _, decoder in codecs().values() if each == kind)
        DECODERS[kind] = decoder
        return decoder(payload)

    return decode


# ---- the tables --------------------------------------------------------------------------------

#: For each type the kind of its leaves, and a function that encodes a value; it returns None if it cannot.
ENCODERS = TypeTable(
    {
        str: (Kind.STR, lambda value: value.encode("utf-8", "surrogatepass")),
        int: (Kind.INT, encode_int),
        float: (Kind.FLOAT, _DOUBLE.pack),
        bytes: (Kind.BYTES, lambda value: value),
        complex: (Kind.COMPLEX, lambda value: _COMPLEX.pack(value.real, value.imag)),
        range: (Kind.RANGE, _encode_range),
    },
    late={
        "datetime": _late_encoders(_times),
        "decimal": _late_encoders(_exact_numbers),
        "fractions": _late_encoders(_exact_numbers),
        "uuid": _late_encoders(_uuids),
    },
)

#: For each kind of leaf a function that decodes a payload, called through `value_of`. `_objects.registry` adds the one
#: for tuples and frozensets, here and in `ENCODERS`.
DECODERS: dict[int, _Decoder] = {
    Kind.STR: lambda payload: payload.decode("utf-8", "surrogatepass"),
    Kind.INT: decode_int,
    Kind.FLOAT: _decode_float,
    Kind.BYTES: lambda payload: payload,
    Kind.COMPLEX: _decode_complex,
    Kind.PICKLE: pickles.load,
    Kind.DATE: _late_decoder(_times, Kind.DATE),
    Kind.TIME: _late_decoder(_times, Kind.TIME),
    Kind.DATETIME: _late_decoder(_times, Kind.DATETIME),
    Kind.TIMEDELTA: _late_decoder(_times, Kind.TIMEDELTA),
    Kind.DECIMAL: _late_decoder(_exact_numbers, Kind.DECIMAL),
    Kind.FRACTION: _late_decoder(_exact_numbers, Kind.FRACTION),
    Kind.UUID: _late_decoder(_uuids, Kind.UUID),
    Kind.RANGE: _decode_range,
}


def payload_of(value: Any) -> tuple[Kind, bytes]:
    """The kind and the payload of the leaf for a value.

    Raises:
        NotPersistableError: the value cannot be stored.
    """
    cls = type(value)
    encoder = ENCODERS[cls]
    if encoder is not None:
        kind, encode = encoder
        try:
            payload = encode(value)
        except NotPersistableError:
            if cls not in pickles.nominated:  # a tuple with something in it that only a pickle can hold
                raise
        else:
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
    if type(value) in ENCODERS:
        from pmemobj._values import times

        return times.zone_error(value)  # No other encoder returns None.
    return unsupported_error(value)
