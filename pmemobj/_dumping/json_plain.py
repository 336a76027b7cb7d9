"""Plain values and leaves as JSON and back: the smallest parts of a dump (see docs/dump_format.md).

JSON's own values stand for themselves: null, true, false, strings, integers up to 2**53 and finite floats. Anything
else is an object with one telling name, such as ``{"bytes": "aGVsbG8="}``. A leaf is its kind and its payload, in
both directions; nothing here imports a class or unpickles.
"""

from __future__ import annotations

import base64
import math
import pickletools
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pmemobj._format import LEAF_KINDS, Kind
from pmemobj._values.leaves import value_of

#: Larger integers are written as text: readers in other languages would round them.
_EXACT = 1 << 53
_NAN = struct.pack("<d", math.nan)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf that is not decoded: its kind and its payload."""

    kind: Kind
    payload: bytes


# ---- out -----------------------------------------------------------------------------------------


def plain_to_json(value: Any) -> Any:
    """What stands in a dump for a str, bytes, number or None."""
    if type(value) is str:
        return value if _is_text(value) else {"str": value.encode("unicode_escape").decode("ascii")}
    if type(value) is int:
        return value if -_EXACT <= value <= _EXACT else {"int": hex(value)}
    if type(value) is float:
        return _float_to_json(struct.pack("<d", value))
    if type(value) is bytes:
        return {"bytes": base64_of(value)}
    return value


def _is_text(value: str) -> bool:
    """Whether a str can be written as UTF-8: a str of Python may contain lone surrogates."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _float_to_json(payload: bytes) -> Any:
    (value,) = struct.unpack("<d", payload)
    if math.isfinite(value):
        return value
    if math.isinf(value) or payload == _NAN:
        return {"float": repr(value)}
    return {"float": payload[::-1].hex()}  # a NaN with bits of its own


def unread_leaf(kind: Kind, payload: bytes) -> Any:
    """A leaf as its kind and its bytes, which is exact for every leaf."""
    return {"leaf": kind.name, "data": base64_of(payload)}


def _pickle_to_json(payload: bytes) -> Any:
    return {"pickle": base64_of(payload), "names": pickled_names(payload)}


def pickled_names(payload: bytes) -> list[str]:
    """The classes and functions that a pickle names, read from its opcodes without running it."""
    names: list[str] = []
    texts: list[str] = []
    memo: list[str | None] = []
    try:
        for opcode, argument, _ in _opcodes(payload):
            if opcode.name == "GLOBAL":
                names.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                names.append(".".join(texts[-2:]))
            elif opcode.name == "MEMOIZE":
                memo.append(texts[-1] if texts else None)
            elif opcode.name in ("BINGET", "LONG_BINGET") and isinstance(argument, int) and argument < len(memo):
                texts.append(memo[argument] or "")
            elif isinstance(argument, str):
                texts.append(argument)
    except ValueError:
        pass  # a damaged pickle is moved like any other
    return list(dict.fromkeys(names))


_opcodes: Callable[[bytes], Iterable[tuple[Any, Any, Any]]] = pickletools.genops


def base64_of(data: bytes) -> str:
    """Bytes as they stand in a dump."""
    return base64.b64encode(data).decode("ascii")


#: The JSON of a payload, by kind of leaf.
PLAIN_WRITERS: dict[Kind, Callable[[bytes], Any]] = {
    Kind.STR: lambda payload: plain_to_json(value_of(Kind.STR, payload)),
    Kind.INT: lambda payload: plain_to_json(value_of(Kind.INT, payload)),
    Kind.BYTES: plain_to_json,
    Kind.FLOAT: _float_to_json,
    Kind.COMPLEX: lambda payload: {"complex": [_float_to_json(payload[:8]), _float_to_json(payload[8:])]},
    Kind.PICKLE: _pickle_to_json,
}


# ---- in ------------------------------------------------------------------------------------------


def plain_from_json(form: Any) -> Any:
    """The plain value or `Leaf` that stands in a dump.

    Raises:
        ValueError, TypeError, KeyError: it is neither.
    """
    return read_form(form, PLAIN_READERS)


def read_form(form: Any, readers: dict[str, Callable[[Any], Any]]) -> Any:
    """The value that stands in a dump, by the reader that its first name selects.

    Raises:
        ValueError, TypeError, KeyError: there is no such reader, or it cannot read the form.
    """
    if form is None or type(form) in (bool, int, float, str):
        return form
    if type(form) is not dict or not form:
        raise ValueError(f"{_short(form)} is no value")
    name = next(iter(form))
    if name not in readers:
        raise ValueError(f"{_short(form)} is no value: {name!r} is unknown")
    return readers[name](form)


def _short(form: Any) -> str:
    text = repr(form)
    return text if len(text) <= 60 else text[:59] + "…"


def _read_float(form: Any) -> Any:
    """A NaN with bits of its own stays a leaf, since it loses these bits in the registers of some machines."""
    if form["float"] in ("nan", "inf", "-inf"):
        return float(form["float"])
    payload = bytes.fromhex(form["float"])[::-1]
    if len(payload) != 8:
        raise ValueError("a float has 16 hexadecimal digits")
    return Leaf(Kind.FLOAT, payload)


def _read_complex(form: Any) -> Leaf:
    return Leaf(Kind.COMPLEX, b"".join(_double(part) for part in form["complex"]))


def _double(form: Any) -> bytes:
    value = plain_from_json(form)
    return value.payload if isinstance(value, Leaf) else struct.pack("<d", value)


def _read_leaf(form: Any) -> Leaf:
    kind = Kind[form["leaf"]]
    if kind not in LEAF_KINDS:
        raise ValueError(f"{kind.name} is no kind of value")
    return Leaf(kind, bytes_of(form["data"]))


def bytes_of(text: Any) -> bytes:
    """The bytes that `base64_of` wrote; ValueError or TypeError if it did not."""
    return base64.b64decode(text, validate=True)


#: The value of a form, by its first name.
PLAIN_READERS: dict[str, Callable[[Any], Any]] = {
    "str": lambda form: form["str"].encode("ascii").decode("unicode_escape"),
    "int": lambda form: int(form["int"], 16),
    "float": _read_float,
    "bytes": lambda form: bytes_of(form["bytes"]),
    "complex": _read_complex,
    "pickle": lambda form: Leaf(Kind.PICKLE, bytes_of(form["pickle"])),
    "leaf": _read_leaf,
}
