"""The rules for keys: the hashes that agree with the equality of each type, and the words of keys.

The equality of a type decides its hash, and a type with the same equality as one that is known here is hashed like that
one: the rule for str serves each subclass that defines neither ``__eq__`` nor ``__hash__`` anew, the rule for tuples
serves each NamedTuple. So the rules are found by these two methods. A key with an unknown equality is refused, since a
wrong hash would hide it from look-ups with equal keys. A NaN is hashed by its bits, which decide whether two NaNs count
as the same (see `nans`).

This module is not compiled. It stands between the calls of `stored_hash` for the items of a tuple, so that a tuple
which is nested too deeply raises RecursionError and does not end the process.
"""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pmemobj._engine.heap import Handle, Heap
from pmemobj._format import ABSENT, WORD, Kind, kind_of
from pmemobj._former_names import hashed_name
from pmemobj._hashtable.hashes import compares_by_identity, hash_of_bytes, hash_of_str, mix, stored_hash
from pmemobj._values import pickles
from pmemobj._values.late_types import TypeTable, loaded_class
from pmemobj._values.leaves import ENCODERS
from pmemobj._values.plain_containers import PLAIN_CONTAINERS, plain_container_payload
from pmemobj._values.unsupported import advice
from pmemobj._values.words import encode, immediate, new_leaf
from pmemobj.errors import NotPersistableError, a_or_an

if TYPE_CHECKING:
    import datetime
    import decimal
    import uuid

_MASK = 0xFFFFFFFFFFFFFFFF

# One number for each kind of equality. These numbers are a part of the format, as the hashes are.
_TUPLE, _FROZENSET, _RANGE, _UUID, _TIMEDELTA, _DATE, _TIME, _AWARE_TIME = range(0x101, 0x109)
_DATETIME, _AWARE_DATETIME, _ENUM, _FLAG, _DATACLASS, _NAN = range(0x109, 0x10F)


# ---- the rules -----------------------------------------------------------------------------------


def _number(heap: Heap, key: Any) -> int:
    if key == key:
        return hash(key) & _MASK
    return mix(ENCODERS[float if isinstance(key, float) else complex][1](key), _NAN)


def _decimal(heap: Heap, key: decimal.Decimal) -> int:
    if not key.is_nan():
        return hash(key) & _MASK
    from decimal import Decimal

    return mix(ENCODERS[Decimal][1](key), _NAN)


def _str(heap: Heap, key: str) -> int:
    return hash_of_str(str.__str__(key))


def _bytes(heap: Heap, key: bytes) -> int:
    return hash_of_bytes(bytes.__getitem__(key, slice(None)))


def _tuple(heap: Heap, key: Iterable[Any]) -> int:
    return hash_of_tuple(stored_hash(heap, item) for item in key)


def hash_of_tuple(hashes: Iterable[int]) -> int:
    """The hash of a tuple whose items have these hashes."""
    return mix(b"".join(each.to_bytes(WORD, "little") for each in hashes), _TUPLE)


def _frozenset(heap: Heap, key: frozenset[Any]) -> int:
    return hash_of_frozenset(stored_hash(heap, item) for item in key)


def hash_of_frozenset(hashes: Iterable[int]) -> int:
    """The hash of a frozenset whose items have these hashes."""
    # It is a sum, since a set has no order; and one of mixed hashes, since {1, 4} and {2, 3} must differ.
    total = sum(mix(each.to_bytes(WORD, "little"), _FROZENSET) for each in hashes) & _MASK
    return mix(total.to_bytes(WORD, "little"), _FROZENSET)


def _range(heap: Heap, key: range) -> int:
    # Ranges with the same items are equal. The first and last item tell how many there are, also if len() would fail.
    if not key:
        return _in_order(heap, (), _RANGE)
    return _in_order(heap, (key[0], key[-1], key.step if key[0] != key[-1] else None), _RANGE)


def _uuid(heap: Heap, key: uuid.UUID) -> int:
    return mix(key.bytes, _UUID)


def _timedelta(heap: Heap, key: datetime.timedelta) -> int:
    return _whole(_microseconds(key), _TIMEDELTA)


def _date(heap: Heap, key: datetime.date) -> int:
    return _whole(key.toordinal(), _DATE)


def _time(heap: Heap, key: datetime.time) -> int:
    return _moment(key, 0, _TIME, _AWARE_TIME)


def _datetime(heap: Heap, key: datetime.datetime) -> int:
    return _moment(key, key.toordinal(), _DATETIME, _AWARE_DATETIME)


def _moment(key: Any, day: int, naive_seed: int, aware_seed: int) -> int:
    """The hash of a moment. An equal moment may be in another zone, or have another fold, which equality ignores."""
    offset = (key.replace(fold=0) if key.fold else key).utcoffset()
    seconds = ((day * 24 + key.hour) * 60 + key.minute) * 60 + key.second
    local = seconds * 1_000_000 + key.microsecond
    return _whole(local, naive_seed) if offset is None else _whole(local - _microseconds(offset), aware_seed)


def _microseconds(duration: datetime.timedelta) -> int:
    return (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds


def _in_order(heap: Heap, items: Iterable[Any], seed: int) -> int:
    return mix(b"".join(stored_hash(heap, item).to_bytes(WORD, "little") for item in items), seed)


def _whole(number: int, seed: int) -> int:
    return mix(number.to_bytes(2 * WORD, "little", signed=True), seed)


_Rule = Callable[[Heap, Any], int]


def _by_methods(rules: Mapping[Any, _Rule]) -> dict[Any, _Rule]:
    return {(cls.__hash__, cls.__eq__): rule for cls, rule in rules.items()}


def _decimal_rules() -> dict[Any, _Rule]:
    from decimal import Decimal

    return _by_methods({Decimal: _decimal})


def _fraction_rules() -> dict[Any, _Rule]:
    from fractions import Fraction

    return _by_methods({Fraction: _number})


def _uuid_rules() -> dict[Any, _Rule]:
    from uuid import UUID

    return _by_methods({UUID: _uuid})


def _datetime_rules() -> dict[Any, _Rule]:
    from datetime import date, datetime, time, timedelta

    return _by_methods({timedelta: _timedelta, date: _date, time: _time, datetime: _datetime})


#: The rules, by the methods `__hash__` and `__eq__` of the types that they are for.
_RULES = TypeTable(
    _by_methods(
        {
            int: _number,
            float: _number,
            complex: _number,
            str: _str,
            bytes: _bytes,
            tuple: _tuple,
            frozenset: _frozenset,
            range: _range,
        }
    ),
    late={
        "datetime": _datetime_rules,
        "decimal": _decimal_rules,
        "fractions": _fraction_rules,
        "uuid": _uuid_rules,
    },
)
#: The equality of builtin types whose instances equal only one another, and are never stored in a pool.
_NEVER_STORED = {
    cls.__eq__
    for cls in (
        types.BuiltinFunctionType,
        types.MethodType,
        types.MethodWrapperType,
        types.CodeType,
        types.GenericAlias,
        types.UnionType,
    )
}


def hash_of_other(heap: Heap, key: Any) -> int:
    """The hash of a key of a type for which `stored_hash` has no rule itself. It raises what `stored_hash` raises."""
    hash(key)  # This raises if the key is unhashable.
    kind: Any = type(key)
    by_identity = compares_by_identity(kind)
    if not by_identity:  # No rule is for a type that compares by identity.
        rule = _RULES[kind.__hash__, kind.__eq__]
        if rule is not None:
            return rule(heap, key)  # type: ignore[no-any-return]
    if by_identity and isinstance(key, enum.Enum):
        # In some versions of Python the combinations of a Flag have no names.
        seed, part = (_FLAG, key.value) if isinstance(key, enum.Flag) else (_ENUM, key.name)
        return _in_order(heap, (hashed_name(kind), part), seed)
    if by_identity or kind.__eq__ in _NEVER_STORED:
        return id(key) & _MASK  # It equals only itself or others of its type, so it equals no stored key.
    if isinstance(key, Handle):
        contents: Any = key
        match kind_of(key._p_heap.read(key._p_offset)):
            case Kind.TUPLE:
                return _tuple(heap, tuple(contents))
            case Kind.FROZENSET:
                return _frozenset(heap, frozenset(contents))
    fields = _compared_fields(kind)
    if fields is not None:
        return _in_order(heap, (hashed_name(kind), *(getattr(key, name) for name in fields)), _DATACLASS)
    if isinstance(key, loaded_class("numbers", "Number")):
        plain = _plain_number(key)
        if plain is not None and plain == key:
            return hash(plain) & _MASK
    what = f"use {a_or_an(kind.__module__)}.{kind.__qualname__} as a key"
    known = advice(key)
    if known is not None:
        raise NotPersistableError(what, *known)
    raise NotPersistableError(
        what,
        "it defines its own equality, so that no hash is known which is the same in every process",
        "use None, a number, str, bytes, a tuple of such, an Enum member, a frozen dataclass, or a persistent object "
        "that compares by identity",
    )


def _plain_number(key: Any) -> Any:
    """The number of a class of Python's own that may equal a number of another class, if there is one."""
    import numbers  # loaded already, by the module of the class

    if isinstance(key, numbers.Integral):
        return int(key)
    if isinstance(key, numbers.Rational):
        from fractions import Fraction

        return Fraction(int(key.numerator), int(key.denominator))
    if isinstance(key, numbers.Real):
        return float(key)
    return complex(key) if isinstance(key, numbers.Complex) else None


@cache
def _compared_fields(cls: type) -> tuple[str, ...] | None:
    """The fields that decide the equality of a dataclass; None if something else decides it."""
    if "__dataclass_params__" not in cls.__dict__:
        return None
    import dataclasses  # loaded already, by the module of the class

    fields = dataclasses.fields(cls)
    # A dataclass with the same fields has the same method, unless the class defines its own.
    twin = dataclasses.make_dataclass(
        cls.__name__, [(f.name, Any, dataclasses.field(default=None, compare=f.compare)) for f in fields]
    )
    own, generated = (getattr(it.__eq__, "__code__", None) for it in (cls, twin))
    if own is None or generated is None or (own.co_code, own.co_names) != (generated.co_code, generated.co_names):
        return None
    return tuple(f.name for f in fields if f.compare and f.hash is not False)


# ---- the words -----------------------------------------------------------------------------------


def encode_key(heap: Heap, key: Any) -> int:
    """The word for a key that is to be stored. It may allocate a leaf, so it is called inside a transaction.

    Raises:
        NotPersistableError: the key cannot be stored, or could not be found again.
        PoolFullError: there is no room for the leaf.
    """
    word = immediate(heap, key)
    if word != ABSENT:
        return word
    kind = type(key)
    if kind in PLAIN_CONTAINERS:
        return new_leaf(heap, Kind.PLAIN_CONTAINER, plain_container_payload(key))
    if kind in pickles.nominated and compares_by_identity(kind) and not isinstance(key, enum.Enum):
        raise NotPersistableError(
            f"use {a_or_an(kind.__module__)}.{kind.__qualname__} as a key",
            "it compares by identity, and reading it from a pool makes another object",
            "give its class __eq__ and __hash__, for instance as a frozen dataclass",
        )
    return encode(heap, key)

