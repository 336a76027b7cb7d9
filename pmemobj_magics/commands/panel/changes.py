"""The changes that the panel can make to an object, each as the lines of Python that make it.

Everything is checked before the lines run: that the key or index exists, and that the value can be written as Python.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pmemobj import (
    Persistent,
    PersistentArray,
    PersistentByteArray,
    PersistentDict,
    PersistentFrozenSet,
    PersistentList,
    PersistentObject,
    PersistentSet,
    PersistentTuple,
)
from pmemobj_magics.commands.panel.places import Located, attributes_of, key_code
from pmemobj_magics.commands.panel.values import ValueReader
from pmemobj_magics.errors import ExpressionError

__all__ = ["Change", "changes_of", "entries_of", "root_change"]

#: The largest number of keys that a field offers.
_OFFERED = 200


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        word: Its name for people.
        place: The name of the field for the key, index or attribute; empty if the change needs none.
        value: The name of the field for the value; empty if the change needs none.
        code: A function that returns the lines of Python, from the object, the reader and what was typed.
    """

    word: str
    place: str
    value: str
    code: Callable[[Located, ValueReader, str, str], str]


def changes_of(value: Any) -> dict[str, Change]:
    """The changes that an object allows, by their words; empty for an object that nobody can change.

    Raises:
        ExpressionError: the class of the object is missing, so it is only a stand-in.
    """
    if not isinstance(value, Persistent):
        return _by_word(_REPLACE_ROOT)
    if value._p_missing:
        raise ExpressionError(
            f"change an object of class {value._p_missing}",
            "the class is not defined, so this is a stand-in that can only be looked at",
            "run the cell that defines the class, or import it",
        )
    for cls, changes in _BY_CLASS:
        if isinstance(value, cls):
            return _by_word(*changes)
    return _by_word(_SET_ATTRIBUTE) if attributes_of(value) else {}


def root_change() -> dict[str, Change]:
    """The change that replaces the root, whatever it is."""
    return _by_word(_REPLACE_ROOT)


def entries_of(value: Any) -> list[str]:
    """What the field for the place can offer: the keys, indexes or attributes that exist."""
    if isinstance(value, PersistentDict):
        keys: list[str] = []
        for key in value:
            if len(keys) >= _OFFERED:
                break
            keys.append(key_code(key))
        return [key for key in keys if key]
    if isinstance(value, PersistentList | PersistentByteArray | PersistentArray):
        return [str(number) for number in range(min(len(value), _OFFERED))]
    return attributes_of(value) if isinstance(value, Persistent) and not isinstance(value, PersistentSet) else []


# ---- dicts -----------------------------------------------------------------------------------------


def _set_key(target: Located, reader: ValueReader, place: str, value: str) -> str:
    key, _ = reader.key(place)
    return f"{target.code}[{key}] = {reader.value(value)}"


def _delete_key(target: Located, reader: ValueReader, place: str, _value: str) -> str:
    return f"del {target.code}[{_existing_key(target, reader, place)}]"


def _rename_key(target: Located, reader: ValueReader, place: str, value: str) -> str:
    old = _existing_key(target, reader, place)
    new, key = reader.key(value, "new key")
    if key in target.value:
        raise ExpressionError(f"move {place} to {value}", f"{value} is a key already", "delete it first")
    return _together(reader, f"{target.code}[{new}] = {target.code}.pop({old})")


def _existing_key(target: Located, reader: ValueReader, place: str) -> str:
    written, key = reader.key(place)
    if key not in target.value:
        raise ExpressionError(f"find {place} in {target.code}", "there is no such key", "choose one of its keys")
    return written


# ---- lists and other sequences ---------------------------------------------------------------------


def _set_item(target: Located, reader: ValueReader, place: str, value: str) -> str:
    return f"{target.code}[{_index(target, reader, place)}] = {reader.value(value)}"


def _append(target: Located, reader: ValueReader, _place: str, value: str) -> str:
    return f"{target.code}.append({reader.value(value)})"


def _insert(target: Located, reader: ValueReader, place: str, value: str) -> str:
    return f"{target.code}.insert({_index(target, reader, place, end=True)}, {reader.value(value)})"


def _delete_item(target: Located, reader: ValueReader, place: str, _value: str) -> str:
    return f"del {target.code}[{_index(target, reader, place)}]"


def _move_item(target: Located, reader: ValueReader, place: str, value: str) -> str:
    start = _index(target, reader, place)
    end = _index(target, reader, value, field="new index")
    return _together(reader, f"{target.code}.insert({end}, {target.code}.pop({start}))")


def _index(target: Located, reader: ValueReader, place: str, end: bool = False, field: str = "index") -> int:
    number, length = reader.number(place, field), len(target.value)
    if not -length <= number < length + end:
        there = f"it has {length} item{'' if length == 1 else 's'}"
        todo = f"choose a number from 0 to {length - 1 + end}" if length + end else "append an item first"
        raise ExpressionError(f"use {place} as {field} of {target.code}", there, todo)
    return number


# ---- sets ------------------------------------------------------------------------------------------


def _add(target: Located, reader: ValueReader, _place: str, value: str) -> str:
    key, _ = reader.key(value, "element")
    return f"{target.code}.add({key})"


def _remove(target: Located, reader: ValueReader, _place: str, value: str) -> str:
    key, element = reader.key(value, "element")
    if element not in target.value:
        raise ExpressionError(f"remove {value} from {target.code}", "it is not in the set", "choose an element of it")
    return f"{target.code}.remove({key})"


# ---- objects and the root --------------------------------------------------------------------------


def _set_attribute(target: Located, reader: ValueReader, place: str, value: str) -> str:
    return f"{target.code}.{_name(place)} = {reader.value(value)}"


def _delete_attribute(target: Located, _reader: ValueReader, place: str, _value: str) -> str:
    name = _name(place)
    if name not in attributes_of(target.value):
        raise ExpressionError(
            f"delete {name} of {target.code}", "it has no such attribute", "choose one of its attributes"
        )
    return f"del {target.code}.{name}"


def _name(text: str) -> str:
    name = text.strip()
    if not name.isidentifier():
        raise ExpressionError(f"use {text or 'nothing'} as attribute", "it is not a name", "write a name such as title")
    if name.startswith("_p_"):
        raise ExpressionError(f"use {name} as attribute", "names with _p_ belong to pmemobj", "choose another name")
    return name


def _replace_root(target: Located, reader: ValueReader, _place: str, value: str) -> str:
    return f"{target.code} = {reader.value(value)}"


def _together(reader: ValueReader, statement: str) -> str:
    """A line that consists of two changes, so that both happen or none."""
    return f"with {reader.name}.transaction():\n    {statement}"


_REPLACE_ROOT = Change("set the root", "", "value", _replace_root)
_SET_ATTRIBUTE = Change("set", "attribute", "value", _set_attribute)
_SET_ITEM = Change("set", "index", "value", _set_item)
_SEQUENCE = (
    _SET_ITEM,
    Change("append", "", "value", _append),
    Change("insert", "index", "value", _insert),
    Change("delete", "index", "", _delete_item),
)
_BY_CLASS: tuple[tuple[type, tuple[Change, ...]], ...] = (
    (
        PersistentDict,
        (
            Change("set", "key", "value", _set_key),
            Change("delete", "key", "", _delete_key),
            Change("move", "key", "new key", _rename_key),
        ),
    ),
    (PersistentList, (*_SEQUENCE, Change("move", "index", "new index", _move_item))),
    (PersistentSet, (Change("add", "", "element", _add), Change("delete", "", "element", _remove))),
    (PersistentTuple, ()),
    (PersistentFrozenSet, ()),
    (PersistentByteArray, _SEQUENCE),
    (PersistentArray, _SEQUENCE),
    (PersistentObject, (_SET_ATTRIBUTE, Change("delete", "attribute", "", _delete_attribute))),
)


def _by_word(*changes: Change) -> dict[str, Change]:
    return {change.word: change for change in changes}
