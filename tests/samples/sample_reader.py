"""Packs the samples, unpacks them, and describes what is in them as lines of text.

The description is what a reader must find. So the version that made the samples writes it, and every later version
compares it with what it reads. It is made with the public interface only. It shows nothing that may differ between
two runs, two machines, two releases of Python or two arrangements of the modules of the package: no addresses, no
hashes, no names of internal modules. A class of the package is called by its public name, and only if it is the very
class that has this name.

A change of this module may change the descriptions of all samples, those of older versions included, and then they do
not fit the expectations any more. So let it grow, for example for a new kind of container, but let it say the same
of what there is already.
"""

from __future__ import annotations

import array
import contextlib
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import importlib
import io
import json
import lzma
import re
import shutil
import struct
import types
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pmemobj
from pmemobj import Field, Persistent, PersistentObjectPool

#: The modules whose public names users write in their programs.
PUBLIC_MODULES = (
    "pmemobj",
    "pmemobj.errors",
    "pmemobj.inspect",
    "pmemobj.glance",
    "pmemobj.crash",
    "pmemobj.pool",
    "pmemobj.check",
    "pmemobj.convert",
    "pmemobj.dump",
)
#: Classes of the package that have another public name today, with the first one, by which all descriptions call them.
FIRST_NAMES = {
    "pmemobj.crash:BrokenInvariant": "pmemobj.crash:Finding",
    "pmemobj.crash:CacheLine": "pmemobj.crash:Line",
    "pmemobj.crash:Exploration": "pmemobj.crash:Report",
    "pmemobj.inspect:Allocation": "pmemobj.inspect:Part",
}
#: Attributes that are called otherwise today: class and attribute, and the first name.
FIRST_ATTRIBUTES = {
    ("Counterexample", "broken"): "finding",
    ("Graph", "unreachable"): "doomed",
    ("Graph", "unreachable_total"): "doomed_total",
    ("Node", "allocations"): "parts",
    ("Outcome", "broken"): "findings",
    ("Violation", "broken"): "finding",
}
#: The ending of a compressed file.
PACKED = ".xz"
#: What to show of a pool in a tree.
LIMITS = {"max_nodes": 60, "max_items": 20}

#: A text or bytes with more characters than this is shown shortened, with a checksum of the whole; likewise an entry.
_LONGEST, _LONGEST_ENTRY = 80, 150
#: Of more entries than this, and of more lines of a plain structure, the first and the last ones are shown, with a
#: checksum of all.
_MOST, _MOST_PLAIN, _SHOWN = 120, 40, 3
_PAGE = 4096


# ---- files ---------------------------------------------------------------------------------------


def pack(source: Path, target: Path) -> None:
    """Compress a pool: a file, or each file in the directory of a growing pool.

    Args:
        source: The pool.
        target: What to write, without the ending `PACKED`.
    """
    if source.is_dir():
        target.mkdir()
        for file in sorted(source.iterdir()):
            pack(file, target / file.name)
        return
    packed = lzma.compress(source.read_bytes(), preset=9 | lzma.PRESET_EXTREME)
    target.with_name(target.name + PACKED).write_bytes(packed)


def unpack(source: Path, target: Path) -> None:
    """Undo `pack`. Pages that are all zeros become holes of the new file.

    Args:
        source: What was given to `pack` as its target.
        target: The pool, which must not exist.
    """
    if source.is_dir():
        target.mkdir()
        for file in sorted(source.iterdir()):
            unpack(file.with_name(file.name.removesuffix(PACKED)), target / file.name.removesuffix(PACKED))
        return
    with lzma.open(source.with_name(source.name + PACKED)) as packed, target.open("xb") as pool:
        while page := packed.read(_PAGE):
            if page.count(0) < len(page):
                pool.write(page)
            else:
                pool.seek(len(page), io.SEEK_CUR)
        pool.truncate()


def checksum(path: Path) -> str:
    """A checksum of the bytes of a pool, and of all its files if it is a directory."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    whole = hashlib.sha256()
    for file in files:
        whole.update(f"{file.name} {file.stat().st_size}\n".encode() if path.is_dir() else b"")
        whole.update(file.read_bytes())
    return whole.hexdigest()


def copy(source: Path, target: Path) -> None:
    """Copy a pool, with its holes as zeros."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def read_packed(path: Path) -> bytes:
    """The bytes of a compressed file, which is named with its ending."""
    with lzma.open(path) as packed:
        return packed.read()


def lines_of_dump(dump: Path) -> list[dict[str, Any]]:
    """A dump as its JSON objects, one for each line, without the size of the pool that it came from."""
    with dump.open(encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    del lines[0]["pool_size"]
    return lines


# ---- values --------------------------------------------------------------------------------------

#: How a value is shown, by its exact type, if its repr is the same in every release of Python.
_PLAIN_REPRS: tuple[type, ...] = (
    types.NoneType,
    bool,
    datetime.date,
    datetime.time,
    datetime.datetime,
    datetime.timedelta,
    datetime.timezone,
    decimal.Decimal,
    fractions.Fraction,
    range,
)


def text_of(value: Any, reference: Callable[[Any], str] | None = None) -> str:
    """A value as text on one line, exact down to the bits of a NaN.

    Args:
        value: A value that can be stored or pickled. Objects that can contain themselves need a `reference`.
        reference: Gives the text for what has a line of its own, or an empty text for all else.
    """
    if reference is not None and (text := reference(value)):
        return text
    tell = functools.partial(text_of, reference=reference)
    kind = type(value)
    if kind in _PLAIN_REPRS:
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() <= 256 else _shortened(hex(value))
    if kind is float:
        return _float_text(value)
    if kind is complex:
        return f"complex({_float_text(value.real)}, {_float_text(value.imag)})"
    if kind is str:
        return _shortened(ascii(value))
    if kind in (bytes, bytearray):
        return _shortened(repr(value))
    if kind is uuid.UUID:
        return f"{value!r} {value.is_safe.name}"
    if kind is tuple:
        return f"({', '.join(map(tell, value))}{',' * (len(value) == 1)})"
    if kind is list:
        return f"[{', '.join(map(tell, value))}]"
    if kind in (set, frozenset):
        return f"{kind.__name__}({', '.join(sorted(map(tell, value)))})"
    if kind is dict:
        return f"{{{', '.join(f'{tell(key)}: {tell(held)}' for key, held in value.items())}}}"
    if kind is array.array:
        return f"array({value.typecode!r}, {tell(value.tolist())})"
    if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return public_name(value)
    return f"{public_name(kind)}({', '.join(_parts(value))})"


def _parts(value: Any) -> Iterator[str]:
    """The parts of an instance of a class that is pickled, each with its name; nothing in it has a line of its own."""
    if isinstance(value, enum.Enum):
        yield text_of(value.value)
        return
    if isinstance(value, pmemobj.PmemError):
        names: Iterable[str] = ("what", "why", "todo", *(["errno"] if isinstance(value, OSError) else []))
    elif isinstance(value, tuple):
        names = value._fields  # type: ignore[attr-defined]
    elif dataclasses.is_dataclass(value):
        # What a later version has added was not there when the sample was made.
        names = [field.name for field in dataclasses.fields(value) if not field.metadata.get("later")]
    else:
        names = getattr(type(value), "__slots__", None) or vars(value)
    for name in names:
        if not name.startswith("_"):
            first = FIRST_ATTRIBUTES.get((type(value).__name__, name), name)
            yield f"{first}={text_of(getattr(value, name))}"
    if not isinstance(value, tuple) and hasattr(type(value), "__len__"):
        yield f"length {len(value)}"


def _float_text(number: float) -> str:
    return repr(number) if number == number else f"nan:{struct.pack('>d', number).hex()}"


def _shortened(text: str, longest: int = _LONGEST) -> str:
    if len(text) <= longest:
        return text
    return f"{text[:longest]}... {len(text)} characters, sha256 {_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def public_name(item: Any) -> str:
    """The first public name of a class or function of the package; of all others, ``module:qualname``."""
    if not item.__module__.startswith("pmemobj"):
        return f"{item.__module__}:{item.__qualname__}"
    for name in PUBLIC_MODULES:
        module = importlib.import_module(name)
        if item.__name__ in module.__all__ and getattr(module, item.__name__) is item:
            found = f"{name}:{item.__name__}"
            return FIRST_NAMES.get(found, found)
    # Those of a few classes that users meet but never name, such as the one of `pool.medium`.
    return f"pmemobj, nameless:{item.__name__}"


# ---- objects -------------------------------------------------------------------------------------

_ABSENT = object()
#: The containers of Python that a `to_python` makes, and that can contain themselves.
_PLAIN_CONTAINERS = (list, dict, set, types.SimpleNamespace)


class Contents:
    """All objects that can be reached from a value, nearest first, each with a number and the text of its entries.

    Args:
        pool: The open pool; None if the value is a plain structure.
        value: Where to begin.

    Attributes:
        objects: The objects, in the order of their numbers.
        lines: What is found: the value itself, and then each object, followed by its entries.
    """

    def __init__(self, pool: PersistentObjectPool | None, value: Any) -> None:
        self._pool = pool
        self._numbers: dict[Any, int] = {}
        self.objects: list[Any] = []
        self.lines = [self._tell(value)]
        # The list grows while it is gone through.
        for number, item in enumerate(self.objects, 1):
            title, entries = self._described(item)
            self.lines.append(f"#{number} {title}")
            self.lines += [f"    {_shortened(entry, _LONGEST_ENTRY)}" for entry in _few(entries)]

    def _tell(self, value: Any) -> str:
        return text_of(value, self._reference)

    def _reference(self, value: Any) -> str:
        key: Any
        if isinstance(value, Persistent):
            key = value._p_oid
        elif self._pool is None and type(value) in _PLAIN_CONTAINERS:
            key = id(value)
        else:
            return ""
        if key not in self._numbers:
            self.objects.append(value)
            self._numbers[key] = len(self.objects)
        return f"#{self._numbers[key]}"

    def _described(self, item: Any) -> tuple[str, list[str]]:
        """What an object is, and the texts of its entries."""
        name, tell = public_name(type(item)), self._tell
        if isinstance(item, pmemobj.PersistentList | pmemobj.PersistentTuple | list):
            return f"{name}, {len(item)} items", [tell(each) for each in item]
        if isinstance(item, pmemobj.PersistentDict | dict):
            return f"{name}, {len(item)} keys", list(self._pairs(item))
        if isinstance(item, pmemobj.PersistentSet | set):
            return f"{name}, {len(item)} items", sorted(self._members(item))
        if isinstance(item, pmemobj.PersistentByteArray):
            return f"{name}, {len(item)} bytes", [tell(bytes(item))]
        if isinstance(item, pmemobj.PersistentArray):
            return f"{name}, {item.typecode} {item.shape}", [tell(item.tolist())]
        if isinstance(item, types.SimpleNamespace):
            return name, [f"{label}: {tell(held)}" for label, held in vars(item).items()]
        return name, list(self._attributes(item))

    def _pairs(self, item: Any) -> Iterator[str]:
        for key, held in item.items():
            lost = "" if key in item and self._tell(item[key]) == self._tell(held) else " (A LOOK-UP DOES NOT FIND IT)"
            yield f"{self._tell(key)}: {self._tell(held)}{lost}"

    def _members(self, item: Any) -> Iterator[str]:
        for key in item:
            yield self._tell(key) + ("" if key in item else " (A LOOK-UP DOES NOT FIND IT)")

    def _attributes(self, item: Any) -> Iterator[str]:
        """The attributes or fields of an object of a class, those included that its class does not know."""
        graph = pmemobj.inspect.walk(self._pool, item, depth=0)  # type: ignore[arg-type]
        labels = [slot.label for slot in graph.nodes[graph.start.target or 0].slots]
        stored = [re.sub(r"^len\((.*)\)$|\[\d+\]$", r"\1", label) for label in labels]
        declared = [name for cls in reversed(type(item).__mro__) for name, each in vars(cls).items() if _is_field(each)]
        for name in dict.fromkeys([*stored, *declared]):
            held = self._held(item, name)
            if isinstance(held, pmemobj.Block):
                yield f"{name}: block of {held.code}, {self._tell(list(held))}"
            else:
                yield f"{name}: {'absent' if held is _ABSENT else self._tell(held)}"

    def _held(self, item: Any, name: str) -> Any:
        """What an attribute or field holds; `_ABSENT` if the object has none with this name."""
        with contextlib.suppress(AttributeError):
            return getattr(item, name)
        # A field that the class does not declare any more is still there.
        with contextlib.suppress(AttributeError, TypeError):
            return self._pool.mm.read(item, name)  # type: ignore[union-attr]
        return _ABSENT


def _is_field(item: Any) -> bool:
    return isinstance(item, Field)


def _few(entries: list[str], most: int = _MOST) -> list[str]:
    if len(entries) <= most:
        return entries
    left_out = f"... {len(entries)} in all, sha256 {_digest('|'.join(entries))}"
    return [*entries[:_SHOWN], left_out, *entries[-_SHOWN:]]


def contents(pool: PersistentObjectPool) -> list[str]:
    """What the root of an open pool reaches, read value by value."""
    return Contents(pool, pool.root).lines


def plain_contents(pool: PersistentObjectPool) -> list[str]:
    """What `to_python` makes of the root; if that is a dict, of each of its values."""
    root = pool.root
    parts = dict(root) if isinstance(root, pmemobj.PersistentDict) else {"root": root}
    lines = []
    for key, part in parts.items():
        try:
            lines += [f"{text_of(key)}:", *_few(Contents(None, pmemobj.to_python(part)).lines, _MOST_PLAIN)]
        except TypeError:  # objects of a class that lays out its memory itself, and those that are keys
            lines.append(f"{text_of(key)} has no plain form")
    return lines


def tree(graph: pmemobj.inspect.Graph) -> list[str]:
    """A walk of a pool as a tree of text, without addresses."""
    lines = re.sub(r"\b0x[0-9a-f]+\b", "0x...", str(graph)).splitlines()
    # The first version wrote "+1 880 more", where "+1,880 more" is written today.
    return [re.sub(r"(?<=─ \+)[0-9,]+(?= more$)", lambda number: number[0].replace(",", " "), line) for line in lines]


def report_of(found: pmemobj.Report) -> dict[str, Any]:
    """What an examination found, without the places and names of files."""
    return {
        "ok": found.ok,
        "objects": found.objects,
        "findings": [f"{finding.severity}, {finding.path}" for finding in found.findings],
    }
