"""Dates, exact numbers, ranges and tuples that are keys, as people read them in a dump.

A form is only used if it comes back bit by bit; what does not, a payload that is damaged or made by a
later release, is moved as bytes. Time zones are written as they are stored, since this system may
know nothing of a zone by that name.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID, SafeUUID

from pmemobj._dumping.json_values import (
    READERS,
    WRITERS,
    Leaf,
    Reference,
    from_json,
    leaf_to_json,
    plain_to_json,
    unread_leaf,
)
from pmemobj._format import Kind
from pmemobj._values import times
from pmemobj._values.key_tuples import MAX_DEPTH, join_parts, split_parts
from pmemobj._values.leaves import payload_of, value_of
from pmemobj.errors import PmemError

#: Bytes of a time without its zone.
_MOMENT_SIZE = 8
_SAFETIES = {SafeUUID.safe: True, SafeUUID.unsafe: False, SafeUUID.unknown: None}


# ---- dates and times -------------------------------------------------------------------------------


def _moment_to_json(name: str, value: Any, zone: bytes) -> Any:
    form: dict[str, Any] = {name: value.replace(fold=0).isoformat()}
    if value.fold:
        form["fold"] = 1
    if zone:
        form["zone"] = _ZONES[zone[0]](zone[1:])
    return form


_OFFSET = struct.Struct("<q")
#: The JSON of a zone, by the first of its bytes; see `_layout`.
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
    name = from_json(form)
    if type(name) is not str:
        raise ValueError("the name of a zone is no text")
    return name.encode("utf-8", "surrogatepass")


def _read_time(form: Any) -> Leaf:
    value = time.fromisoformat(form["time"]).replace(tzinfo=None, fold=form.get("fold", 0))
    return Leaf(Kind.TIME, (times.encode_time(value) or b"") + _zone_of(form))


def _read_datetime(form: Any) -> Leaf:
    value = datetime.fromisoformat(form["datetime"]).replace(tzinfo=None, fold=form.get("fold", 0))
    return Leaf(Kind.DATETIME, (times.encode_datetime(value) or b"") + _zone_of(form))


# ---- ids and tuples --------------------------------------------------------------------------------


def _uuid_to_json(payload: bytes) -> Any:
    value = value_of(Kind.UUID, payload)
    safe = _SAFETIES[value.is_safe]
    return {"uuid": str(value)} | ({} if safe is None else {"safe": safe})


def _read_uuid(form: Any) -> Leaf:
    safety = {safe: safety for safety, safe in _SAFETIES.items()}[form.get("safe")]
    return Leaf(*payload_of(UUID(form["uuid"], is_safe=safety)))


def _range_to_json(payload: bytes) -> Any:
    value = value_of(Kind.RANGE, payload)
    return {"range": _ints(value.start, value.stop, value.step)}


def _tuple_to_json(payload: bytes) -> Any:
    return {"tuple": [leaf_to_json(Kind(kind), item) if kind else item for kind, item in split_parts(payload)]}


def _read_tuple(form: Any, depth: int = 1) -> Leaf:
    if depth > MAX_DEPTH:
        raise ValueError(f"tuples lie more than {MAX_DEPTH} deep in one another")
    return Leaf(Kind.KEY_TUPLE, join_parts([_read_item(item, depth) for item in form["tuple"]]))


def _read_item(form: Any, depth: int) -> tuple[int, Any]:
    nested = type(form) is dict and next(iter(form), None) == "tuple"
    value = _read_tuple(form, depth + 1) if nested else from_json(form)
    if isinstance(value, Reference):
        raise ValueError("a tuple that is a key holds no objects")
    if isinstance(value, Leaf):
        return value.kind, value.payload
    return (0, value) if value is None or type(value) is bool else payload_of(value)


# ---- the tables ------------------------------------------------------------------------------------


def _ints(*values: int) -> list[Any]:
    return [plain_to_json(value) for value in values]


def _leaf_of(value: Any) -> Leaf:
    return Leaf(*payload_of(value))


def _integers(forms: Any, count: int) -> list[int]:
    values = [from_json(form) for form in forms]
    if len(values) != count or any(type(value) is not int for value in values):
        raise ValueError(f"these are not {count} integers")
    return values


#: By kind, what writes and what reads it. The first name in the form is that of the kind.
_FORMS: dict[Kind, tuple[Callable[[bytes], Any], Callable[[Any], Any]]] = {
    Kind.DATE: (
        lambda payload: {"date": value_of(Kind.DATE, payload).isoformat()},
        lambda form: _leaf_of(date.fromisoformat(form["date"])),
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
        lambda form: _leaf_of(timedelta(microseconds=_integers([form["timedelta"]], 1)[0])),
    ),
    Kind.DECIMAL: (
        lambda payload: {"decimal": payload.decode("ascii")},
        lambda form: _leaf_of(Decimal(form["decimal"])),
    ),
    Kind.FRACTION: (
        lambda payload: {"fraction": _ints(*value_of(Kind.FRACTION, payload).as_integer_ratio())},
        lambda form: _leaf_of(Fraction(*_integers(form["fraction"], 2))),
    ),
    Kind.UUID: (_uuid_to_json, _read_uuid),
    Kind.RANGE: (
        _range_to_json,
        lambda form: _leaf_of(range(*_integers(form["range"], 3))),
    ),
    Kind.KEY_TUPLE: (_tuple_to_json, _read_tuple),
}

#: Where the name of the kind would say too much.
_NAMES = {Kind.KEY_TUPLE: "tuple"}


def _exactly(kind: Kind, write: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Write by `write` where reading it brings the payload back, else as bytes."""

    def written(payload: bytes) -> Any:
        try:
            form = write(payload)
            if from_json(form) == Leaf(kind, payload):
                return form
        except (PmemError, ValueError, ArithmeticError, LookupError, struct.error):
            pass
        return unread_leaf(kind, payload)

    return written


for _kind, (_write, _read) in _FORMS.items():
    WRITERS[_kind] = _exactly(_kind, _write)
    READERS[_NAMES.get(_kind, _kind.name.lower())] = _read
