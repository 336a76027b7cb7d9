"""Decimals and fractions, converted to the payloads of leaves and back.

Only programs that store or read such a value import this module (see `leaves`).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from pmemobj._format import Kind
from pmemobj._values.ints import decode_ints, encode_ints
from pmemobj._values.nans import canonical

#: Does not depend on the context that the program has set: it rounds nothing, and traps only invalid operations.
_CONTEXT = Context(capitals=1, traps=[InvalidOperation])


def _encode_decimal(value: Decimal) -> bytes:
    # The specification of decimal arithmetic makes this text exact, NaNs and trailing zeros included.
    return _CONTEXT.to_sci_string(value).encode("ascii")


def _decode_decimal(payload: bytes) -> Any:
    value = Decimal(payload.decode("ascii"), _CONTEXT)
    if _encode_decimal(value) != payload:
        raise ValueError("a Decimal is written in another way")
    return canonical(value)


def _encode_fraction(value: Fraction) -> bytes:
    return encode_ints(value.numerator, value.denominator)


def _decode_fraction(payload: bytes) -> Fraction:
    numerator, denominator = decode_ints(payload, 2)
    value = Fraction(numerator, denominator)
    if value.denominator != denominator:
        raise ValueError("the fraction is not in lowest terms")
    return value


#: For each type the kind of its leaves, its encoder and its decoder.
CODECS: dict[Any, tuple[Kind, Callable[[Any], bytes | None], Callable[[bytes], Any]]] = {
    Decimal: (Kind.DECIMAL, _encode_decimal, _decode_decimal),
    Fraction: (Kind.FRACTION, _encode_fraction, _decode_fraction),
}
