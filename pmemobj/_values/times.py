"""Dates, times and time zones, converted to the payloads of leaves and back.

`_format` describes the bytes. They keep all that `datetime` itself distinguishes: microseconds, the fold, and the zone.
Zones of two classes can be stored: `datetime.timezone`, which is an offset and perhaps a name, and `zoneinfo.ZoneInfo`,
of which the key is stored, so its rules are those of the system that reads it. An encoder returns None if the zone of
the value cannot be stored.

Only programs that store or read a date or a time import this module (see `leaves`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, TypeGuard

from pmemobj._format import Kind
from pmemobj._values.late_types import loaded_class
from pmemobj.errors import NotPersistableError, TimeZoneNotFoundError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY = struct.Struct("<I")
_MOMENT = struct.Struct("<Q")
_OFFSET = struct.Struct("<q")
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_OF_DAY = timedelta(days=1) // _MICROSECOND

#: The first byte of a zone, which follows the moment. A naive value has no zone.
_BY_OFFSET, _BY_OFFSET_AND_NAME, _BY_KEY = range(1, 4)


# ---- date and timedelta ----


def encode_date(value: date) -> bytes:
    """The number of the day."""
    return _DAY.pack(value.toordinal())


def decode_date(payload: bytes) -> date:
    """What `encode_date` was given."""
    return date.fromordinal(*_DAY.unpack(payload))


def encode_timedelta(value: timedelta) -> bytes:
    """All microseconds as one int, which may have 67 bits."""
    microseconds = value // _MICROSECOND
    return microseconds.to_bytes(microseconds.bit_length() // 8 + 1, "little", signed=True)


def decode_timedelta(payload: bytes) -> timedelta:
    """What `encode_timedelta` was given."""
    return timedelta(microseconds=int.from_bytes(payload, "little", signed=True))


# ---- time and datetime ----


def encode_time(value: time) -> bytes | None:
    """The microseconds since midnight, the fold, and the zone."""
    zone = _encode_zone(value.tzinfo)
    if zone is None:
        return None
    since = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    return _MOMENT.pack(since // _MICROSECOND << 1 | value.fold) + zone


def decode_time(payload: bytes) -> time:
    """What `encode_time` was given."""
    moment = _moment(payload)
    if moment >> 1 >= _MICROSECONDS_OF_DAY:
        raise ValueError("there are more microseconds than a day has")
    clock = (datetime.min + (moment >> 1) * _MICROSECOND).time()
    return clock.replace(fold=moment & 1, tzinfo=_decode_zone(payload[_MOMENT.size :]))


def encode_datetime(value: datetime) -> bytes | None:
    """The microseconds since the beginning of the year 1 by the clock of the zone, the fold, and the zone."""
    zone = _encode_zone(value.tzinfo)
    if zone is None:
        return None
    since = value.replace(tzinfo=None, fold=0) - datetime.min
    return _MOMENT.pack(since // _MICROSECOND << 1 | value.fold) + zone


def decode_datetime(payload: bytes) -> datetime:
    """What `encode_datetime` was given."""
    moment = _moment(payload)
    naive = datetime.min + (moment >> 1) * _MICROSECOND
    return naive.replace(fold=moment & 1, tzinfo=_decode_zone(payload[_MOMENT.size :]))


def _moment(payload: bytes) -> int:
    """The microseconds, with the fold in the lowest bit."""
    (moment,) = _MOMENT.unpack_from(payload)
    return int(moment)


# ---- zones ----


def _encode_zone(zone: tzinfo | None) -> bytes | None:
    if zone is None:
        return b""
    if type(zone) is timezone:
        # No other attribute tells a zone with the name "UTC+01:00" from one without a name.
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        data = _OFFSET.pack(offset // _MICROSECOND)
        if not name:
            return bytes([_BY_OFFSET]) + data
        return bytes([_BY_OFFSET_AND_NAME]) + data + str(name[0]).encode("utf-8", "surrogatepass")
    if is_zone_info(zone) and _is_found_by_key(zone):
        return bytes([_BY_KEY]) + zone.key.encode("utf-8", "surrogatepass")
    return None


def is_zone_info(zone: Any) -> TypeGuard[ZoneInfo]:
    """Whether a zone is a `zoneinfo.ZoneInfo`. If there is one, the program has imported zoneinfo."""
    return type(zone) is loaded_class("zoneinfo", "ZoneInfo")


def _is_found_by_key(zone: ZoneInfo) -> bool:
    """Whether the key alone leads back to the zone. A zone that was read from a file may have any key, or none."""
    try:
        zone.__reduce__()
    except Exception as error:
        from pickle import PicklingError  # loaded by zoneinfo, for this error

        if isinstance(error, PicklingError):
            return False
        raise
    return True


def _decode_zone(data: bytes) -> tzinfo | None:
    if not data:
        return None
    form, rest = data[0], data[1:]
    if form == _BY_OFFSET:
        return timezone(_OFFSET.unpack(rest)[0] * _MICROSECOND)
    if form == _BY_OFFSET_AND_NAME:
        offset = _OFFSET.unpack_from(rest)[0] * _MICROSECOND
        return timezone(offset, rest[_OFFSET.size :].decode("utf-8", "surrogatepass"))
    if form == _BY_KEY:
        return _zone_of_key(rest.decode("utf-8", "surrogatepass"))
    raise ValueError(f"a time zone cannot begin with byte {form}")


def _zone_of_key(key: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(key)
    except (ZoneInfoNotFoundError, OSError) as error:
        # Some releases of Python raise OSError if the key names a directory.
        raise TimeZoneNotFoundError(
            f"read a time of zone {key}",
            f"this system has no data for it ({error})",
            "install the system's time zone data or the package tzdata",
        ) from None


def zone_error(value: Any) -> NotPersistableError:
    """The error for a time or datetime for which the encoder returned None."""
    name, zone = _full_name(type(value)), value.tzinfo
    what = f"store a {name} with the tzinfo {zone!r}"
    if is_zone_info(zone):
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


#: For each type the kind of its leaves, its encoder and its decoder.
CODECS: dict[Any, tuple[Kind, Callable[[Any], bytes | None], Callable[[bytes], Any]]] = {
    date: (Kind.DATE, encode_date, decode_date),
    time: (Kind.TIME, encode_time, decode_time),
    datetime: (Kind.DATETIME, encode_datetime, decode_datetime),
    timedelta: (Kind.TIMEDELTA, encode_timedelta, decode_timedelta),
}

assert (datetime.max - datetime.min) // _MICROSECOND < 1 << 63
