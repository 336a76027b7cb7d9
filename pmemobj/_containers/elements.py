"""The element types of PersistentArray: type codes, their other names, and the conversion of values to bytes and back.

The codes are those of `array` and `struct`, in their native sizes and byte order, which are a part of the format of a
pool: x86-64, little-endian. `array.array` decides which values are allowed, and raises the errors. It knows all codes
except ``?`` (bool), for which the truth of a value counts.
"""

from __future__ import annotations

import math
import operator
import struct
from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

from pmemobj._containers.buffer import Buffer
from pmemobj._containers.bytes_methods import BytesLike


class Element(NamedTuple):
    """One type of elements.

    Attributes:
        code: The type code.
        size: The bytes of an element.
        form: The `struct.Struct` of an element.
        typestr: The name of the type in NumPy's array interface.
        store: The code of the `array.array` with the same bytes.
    """

    code: str
    size: int
    form: struct.Struct
    typestr: str
    store: str


#: The most dimensions that a memoryview can have.
MAX_DIMENSIONS = 64
#: The kinds in NumPy's array interface, by type code.
_NUMPY_KINDS = {**dict.fromkeys("bhilq", "i"), **dict.fromkeys("BHILQ", "u"), "f": "f", "d": "f", "?": "b"}


def _element(code: str) -> Element:
    form = struct.Struct("@" + code)
    kind = _NUMPY_KINDS[code]
    order = "|" if form.size == 1 else "<"
    return Element(code, form.size, form, f"{order}{kind}{form.size}", "B" if code == "?" else code)


#: The types of elements, by the number that a pool stores.
ELEMENTS = {ord(code): _element(code) for code in _NUMPY_KINDS}

#: The type codes by NumPy's names, long and short.
_NAMES = {
    **{f"int{8 * size}": code for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))},
    **{f"uint{8 * size}": code for size, code in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))},
    **{f"i{size}": code for size, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))},
    **{f"u{size}": code for size, code in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))},
    **{"float32": "f", "float64": "d", "f4": "f", "f8": "d", "bool": "?", "bool_": "?", "b1": "?"},
}


def element_of(dtype: Any) -> Element:
    """The type of elements for a type code, the name of a NumPy dtype, or such a dtype.

    Raises:
        TypeError: the argument is none of these.
        ValueError: elements of this type cannot be stored.
    """
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None) or getattr(dtype, "__name__", None)
    if not isinstance(name, str):
        raise TypeError(f"the type of elements must be a str or a NumPy dtype, not {type(dtype).__name__}")
    if getattr(dtype, "byteorder", "=") != ">":
        short = name.lstrip("<=@|") if len(name) > 1 else name
        found = _NAMES.get(short, short)
        if len(found) == 1 and ord(found) in ELEMENTS:
            return ELEMENTS[ord(found)]
    raise ValueError(f"bad typecode {name!r} (must be {', '.join(_NUMPY_KINDS)}, or NumPy's name of such a type)")


def pack(element: Element, values: Iterable[Any]) -> bytes:
    """The bytes of values. The errors are those of `array.array`."""
    if element.code == "?":
        return bytes([bool(value) for value in values])
    return array(element.code, list(values)).tobytes()


def pack_one(element: Element, value: Any) -> bytes:
    """The bytes of one value."""
    if element.code != "f":  # array.array turns large values into infinity, struct does not.
        try:
            return element.form.pack(value)
        except struct.error:
            pass  # array.array raises its own error below.
    return pack(element, (value,))


def unpack(element: Element, data: bytes) -> list[Any]:
    """The values for bytes."""
    return memoryview(data).cast(element.code).tolist()  # type: ignore[call-overload, no-any-return]


def as_array(element: Element, data: bytes) -> array[Any]:
    """Bytes as an `array.array`. For bools its elements are numbers."""
    found: array[Any] = array(element.store)
    found.frombytes(data)
    return found


def initial(element: Element, values: Any, shape: Iterable[int] | None) -> tuple[bytes, tuple[int, ...]]:
    """The bytes and the shape of a new array; see `PersistentArray` for the arguments.

    Raises:
        TypeError, ValueError, OverflowError: those of `array.array`; or the values do not fit the shape.
    """
    wanted = None if shape is None else tuple(operator.index(count) for count in shape)
    if wanted is not None and not (wanted and len(wanted) <= MAX_DIMENSIONS and (len(wanted) == 1 or min(wanted) > 0)):
        raise ValueError(f"a shape has 1 to {MAX_DIMENSIONS} dimensions, several only without 0, not {wanted}")
    if isinstance(values, tuple) and not values and wanted is not None:
        values = math.prod(wanted)
    if isinstance(values, BytesLike):
        values = values._bytes()
    own: tuple[int, ...] = ()
    raw = _raw_source(element, values) if not isinstance(values, (bytes, bytearray)) else None
    if raw is not None:
        data, own = raw
    elif hasattr(values, "__index__") and not hasattr(values, "__len__"):
        count = operator.index(values)
        if count < 0:
            raise ValueError("negative count")
        data = bytes(count * element.size)
    elif isinstance(values, (bytes, bytearray)):
        data = as_array(element, values).tobytes()  # type: ignore[arg-type]
    elif isinstance(values, str):
        raise TypeError(f"cannot use a str to initialize an array with typecode {element.code!r}")
    else:
        data = pack(element, values)
    if wanted is not None and math.prod(wanted) * element.size != len(data):
        raise ValueError(f"cannot shape {len(data) // element.size} elements as {wanted}")
    final = wanted if wanted is not None else own
    return data, final if 0 not in final else ()


def _raw_source(element: Element, source: Any) -> tuple[bytes, tuple[int, ...]] | None:
    """The bytes and the shape of a buffer that already holds elements of this type, else None."""
    if isinstance(source, Buffer):
        source = source.view()
    try:
        view = memoryview(source)
    except TypeError:
        return None
    with view:
        alike = view.itemsize == element.size and _kind_of(view.format) == _NUMPY_KINDS[element.code]
        # A NumPy scalar is a buffer, too. Like every number it is a count.
        return (view.tobytes(), tuple(view.shape)) if alike and view.shape else None


def _kind_of(format: str | None) -> str | None:
    """The kind of elements that a format of the buffer protocol means; codes of the same type and size have one kind.
    """
    return _NUMPY_KINDS.get((format or "B").lstrip("@=<")) if (format or "B")[0] not in ">!" else None
