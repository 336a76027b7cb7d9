"""Dates, times, exact numbers, UUIDs and ranges, in forms that people can read in a dump.

Such a form is used only if it reads back bit for bit. A payload whose form does not, because it is damaged or was
made by a later release, is written as bytes. Time zones are written as they are stored, since this system may not
know the zone.

A function imports the type that it makes, since few dumps have such values (see `late_types`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from pmemobj._dumping.json_plain import Leaf, plain_from_json, plain_to_json, unread_leaf
from pmemobj._format import Kind
from pmemobj._values.leaves import payload_of, value_of
from pmemobj.errors import PmemError

#: The size of a time without its zone, in bytes.
_MOMENT_SIZE = 8
#: By the value of a `uuid.SafeUUID` what a dump says.
_SAFETIES = {0: True, -1: False, None: None}


# ---- dates and times -------------------------------------------------------------------------------


def _moment_to_json(name: str, value: Any, zone: bytes) -> Any:
    form: dict[str, Any] = {name: value.replace(fold=0).isoformat()}
    if value.fold:
        form["fold"] = 1
    if zone:
        form["zone"] = _ZONES[zone[0]](zone[1:])
    return form


_OFFSET = struct.Struct("<q")
#: The JSON of a zone, by the first of its bytes; see `_format`.
_ZONES: dict[int, Callable[[bytes], Any]] = {
    1: lambda data: {"offset": _OFFSET.unpack(data)[0]},
    2: lambda data: {"offset": _OFFSET.unpack_from(data)[0], "name": plain_to_json(_text(data[_OFFSET.size :]))},
    3: lambda data: {"key": plain_to_json(_text(data))},
}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _zone_of(form: Any) -> bytes:
    zone = form.get("zone")
    if zone is None:
        return b""
    if "key" in zone:
        return b"\3" + _bytes_of_name(zone["key"])
    offset = _OFFSET.pack(zone["offset"])
    return b"\2" + offset + _bytes_of_name(zone["name"]) if "name" in zone else b"\1" + offset


def _bytes_of_name(form: Any) -> bytes:
    name = plain_from_json(form)
    if type(name) is not str:
        raise ValueError("the name of a zone is no text")
    return name.encode("utf-8", "surrogatepass")


def _read_time(form: Any) -> Leaf:
    from datetime import time

    value = time.fromisoformat(form["time"]).replace(tzinfo=None, fold=form.get("fold", 0))
    return Leaf(Kind.TIME, payload_of(value)[1] + _zone_of(form))


def _read_datetime(form: Any) -> Leaf:
    from datetime import datetime

    value = datetime.fromisoformat(form["datetime"]).replace(tzinfo=None, fold=form.get("fold", 0))
    return Leaf(Kind.DATETIME, payload_of(value)[1] + _zone_of(form))


def _read_date(form: Any) -> Leaf:
    from datetime import date

    return _leaf_of(date.fromisoformat(form["date"]))


def _read_timedelta(form: Any) -> Leaf:
    from datetime import timedelta

    return _leaf_of(timedelta(microseconds=_integers([form["timedelta"]], 1)[0]))


# ---- numbers, UUIDs and ranges ---------------------------------------------------------------------


def _read_decimal(form: Any) -> Leaf:
    from decimal import Decimal

    return _leaf_of(Decimal(form["decimal"]))


def _read_fraction(form: Any) -> Leaf:
    from fractions import Fraction

    return _leaf_of(Fraction(*_integers(form["fraction"], 2)))


def _uuid_to_json(payload: bytes) -> Any:
    value = value_of(Kind.UUID, payload)
    safe = _SAFETIES[value.is_safe.value]
    return {"uuid": str(value)} | ({} if safe is None else {"safe": safe})


def _read_uuid(form: Any) -> Leaf:
    from uuid import UUID, SafeUUID

    safety = {safe: safety for safety, safe in _SAFETIES.items()}[form.get("safe")]
    return _leaf_of(UUID(form["uuid"], is_safe=SafeUUID(safety)))


def _range_to_json(payload: bytes) -> Any:
    value = value_of(Kind.RANGE, payload)
    return {"range": _ints(value.start, value.stop, value.step)}


# ---- the tables ------------------------------------------------------------------------------------


def _ints(*values: int) -> list[Any]:
    return [plain_to_json(value) for value in values]


def _leaf_of(value: Any) -> Leaf:
    return Leaf(*payload_of(value))


def _integers(forms: Any, count: int) -> list[int]:
    values = [plain_from_json(form) for form in forms]
    if len(values) != count or any(type(value) is not int for value in values):
        raise ValueError(f"these are not {count} integers")
    return values


#: By kind, the functions that write and read it. The first name in the form is that of the kind.
_FORMS: dict[Kind, tuple[Callable[[bytes], Any], Callable[[Any], Any]]] = {
    Kind.DATE: (
        lambda payload: {"date": value_of(Kind.DATE, payload).isoformat()},
        _read_date,
    ),
    Kind.TIME: (
        lambda payload: _moment_to_json("time", value_of(Kind.TIME, payload[:_MOMENT_SIZE]), payload[_MOMENT_SIZE:]),
        _read_time,
    ),
    Kind.DATETIME: (
        lambda payload: _moment_to_json(
            "datetime", value_of(Kind.DATETIME, payload[:_MOMENT_SIZE]), payload[_MOMENT_SIZE:]
        ),
        _read_datetime,
    ),
    Kind.TIMEDELTA: (
        lambda payload: {"timedelta": plain_to_json(int.from_bytes(payload, "little", signed=True))},
        _read_timedelta,
    ),
    Kind.DECIMAL: (lambda payload: {"decimal": payload.decode("ascii")}, _read_decimal),
    Kind.FRACTION: (
        lambda payload: {"fraction": _ints(*value_of(Kind.FRACTION, payload).as_integer_ratio())},
        _read_fraction,
    ),
    Kind.UUID: (_uuid_to_json, _read_uuid),
    Kind.RANGE: (
        _range_to_json,
        lambda form: _leaf_of(range(*_integers(form["range"], 3))),
    ),
}


def exactly(kind: Kind, write: Callable[[bytes], Any], read: Callable[[Any], Any]) -> Callable[[bytes], Any]:
    """A writer that uses the form of `write` if `read` makes the same payload of it, else the bytes."""

    def written(payload: bytes) -> Any:
        try:
            form = write(payload)
            if read(form) == Leaf(kind, payload):
                return form
        except (PmemError, ValueError, ArithmeticError, LookupError, struct.error):
            pass
        return unread_leaf(kind, payload)

    return written


LEAF_WRITERS: dict[Kind, Callable[[bytes], Any]] = {
    kind: exactly(kind, write, read) for kind, (write, read) in _FORMS.items()
}
LEAF_READERS: dict[str, Callable[[Any], Any]] = {kind.name.lower(): read for kind, (_, read) in _FORMS.items()}
