"""Read a value that a person typed into a field, and turn it into a line of Python. Nothing typed is ever run as code.

What can be typed is a literal (``5``, ``'Ada'``, ``None``), a list, dict or set of such values, which becomes a
persistent one, a new instance of a class of the notebook (``Player('Ada', 3)``), or an object that is in the pool
already, by its path (``pool.root['guesses']``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pmemobj import Persistent, PersistentDict, PersistentList, PersistentTuple, PmemError
from pmemobj.errors import a_or_an
from pmemobj_magics.commands.panel.places import attributes_of
from pmemobj_magics.errors import ExpressionError, did_you_mean

__all__ = ["ValueReader", "classes_in"]

#: Calls that are written like those of Python, and make an empty or a converted persistent container.
_CONTAINERS = {"list": "[]", "dict": "{}", "set": "set()"}
_LONGEST = 60
_PLAIN = (int, float, complex, str, bytes, bool, type(None))


def classes_in(namespace: Mapping[str, Any]) -> dict[str, type]:
    """The classes of persistent objects that the notebook has defined or imported, by the names of the variables."""
    return {
        name: value
        for name, value in sorted(namespace.items())
        if isinstance(value, type)
        and issubclass(value, Persistent)
        and value.__module__.split(".")[0] != "pmemobj"
        and not name.startswith("_")
    }


@dataclass(frozen=True)
class ValueReader:
    """Reads what was typed for one pool.

    Attributes:
        name: The variable that holds the pool.
        root: A function that returns the root.
        namespace: The user's variables.
    """

    name: str
    root: Callable[[], Any]
    namespace: Mapping[str, Any]

    def value(self, text: str, field: str = "value") -> str:
        """The Python code for a value.

        Args:
            text: What was typed.
            field: The name of the field, for errors.

        Raises:
            ExpressionError: it is not a value; nothing was changed.
        """
        tree = _parsed(text, field)
        try:
            return self._code(tree, top=True)
        except _Refused as refused:
            raise ExpressionError(f"use {_short(text)} as {field}", str(refused), refused.todo) from None

    def key(self, text: str, field: str = "key") -> tuple[str, Any]:
        """The Python code for a key, and the key itself.

        Raises:
            ExpressionError: it is not a literal that a dict accepts as a key.
        """
        tree = _parsed(text, field)
        what = f"use {_short(text)} as {field}"
        try:
            key = _literal(tree)
            hash(key)
        except TypeError as error:
            raise ExpressionError(what, str(error), "use a text, a number, or a tuple of such values") from None
        except _Refused as refused:
            raise ExpressionError(what, str(refused), refused.todo) from None
        return ast.unparse(tree), key

    def number(self, text: str, field: str = "index") -> int:
        """A whole number.

        Raises:
            ExpressionError: it is something else.
        """
        tree = _parsed(text, field)
        try:
            number = _literal(tree)
        except _Refused:
            number = None
        if type(number) is not int:
            raise ExpressionError(f"use {_short(text)} as {field}", "it is not a whole number", "write a number: 0")
        return number

    # ---- from the syntax tree to code ----

    def _code(self, tree: ast.expr, top: bool) -> str:
        """The code for an expression; only at the `top`, a container still has to be made persistent."""
        if isinstance(tree, ast.List | ast.Set | ast.Dict | ast.Tuple):
            made = self._container(tree)
            return f"{self.name}.persistent({made})" if top else made
        if isinstance(tree, ast.Call):
            return self._call(tree, top)
        if isinstance(tree, ast.Subscript | ast.Attribute) or (isinstance(tree, ast.Name) and tree.id == self.name):
            self._follow(tree)
            return ast.unparse(tree)
        _literal(tree, self._known())
        return ast.unparse(tree)

    def _container(self, tree: ast.List | ast.Set | ast.Dict | ast.Tuple) -> str:
        if isinstance(tree, ast.Dict):
            if any(key is None for key in tree.keys):
                raise _Refused("** is not a value", "write each key and its value")
            pairs = (
                f"{_key_text(key)}: {self._code(value, top=False)}"
                for key, value in zip(tree.keys, tree.values, strict=True)
            )
            return f"{{{', '.join(pairs)}}}"
        items = [self._code(item, top=False) for item in tree.elts]
        if isinstance(tree, ast.Tuple):
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        return f"[{', '.join(items)}]" if isinstance(tree, ast.List) else f"{{{', '.join(items)}}}"

    def _call(self, tree: ast.Call, top: bool) -> str:
        called = tree.func.id if isinstance(tree.func, ast.Name) else ast.unparse(tree.func)
        if called in _CONTAINERS and not tree.args and not tree.keywords:
            made = _CONTAINERS[called]
            return f"{self.name}.persistent({made})" if top else made
        cls = classes_in(self.namespace).get(called)
        if cls is None:
            known = self._known()
            hint = did_you_mean(called, known) or (
                f"the classes of this notebook are: {', '.join(known)}"
                if known
                else "define a class derived from pmemobj.PersistentObject in a cell first"
            )
            raise _Refused(f"{called} is not a class of persistent objects in this notebook", hint)
        if any(keyword.arg is None for keyword in tree.keywords):
            raise _Refused("** is not a value", "write each argument")
        arguments = [called, *(self._code(each, top=True) for each in tree.args)]
        arguments += [f"{keyword.arg}={self._code(keyword.value, top=True)}" for keyword in tree.keywords]
        return f"{self.name}.new({', '.join(arguments)})"

    def _known(self) -> list[str]:
        return list(classes_in(self.namespace))

    # ---- a path to an object that exists ----

    def _follow(self, tree: ast.expr) -> Any:
        """The value at a path; only containers and stored attributes are read, so no code of the user runs."""
        if isinstance(tree, ast.Name):
            raise _Refused("it is the pool, which cannot be in itself", f"name an object in it: {self.name}.root")
        if not isinstance(tree, ast.Subscript | ast.Attribute):
            raise _Refused("it does not begin at the pool", f"write a path such as {self.name}.root['key']")
        if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name):
            if (tree.value.id, tree.attr) == (self.name, "root"):
                return self.root()
            raise _Refused("it does not begin at the root", f"write a path such as {self.name}.root['key']")
        holder = self._follow(tree.value)
        where = ast.unparse(tree)
        try:
            if isinstance(tree, ast.Attribute):
                if isinstance(holder, Persistent) and tree.attr in attributes_of(holder):
                    return getattr(holder, tree.attr)
            elif isinstance(holder, PersistentDict | PersistentList | PersistentTuple):
                return holder[_literal(tree.slice)]
        except (LookupError, TypeError, PmemError):
            pass
        raise _Refused(f"there is nothing at {where}", "choose an object in the explorer to see its path")


class _Refused(Exception):
    """A part of what was typed is no value."""

    def __init__(self, why: str, todo: str = "") -> None:
        super().__init__(why)
        self.todo = todo


def _parsed(text: str, field: str) -> ast.expr:
    if not text.strip():
        raise ExpressionError(f"read the {field}", "the field is empty", "write a value: 5, 'Ada', [1, 2], {'a': 1}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        why = f"it is not a value that Python can read ({getattr(error, 'msg', None) or error})"
        todo = f"a text needs quotes: {text.strip()!r}" if "'" not in text and '"' not in text else "see the brackets"
        raise ExpressionError(f"use {_short(text)} as {field}", why, todo) from None


def _literal(tree: ast.expr, known: list[str] | None = None) -> Any:
    try:
        value = ast.literal_eval(tree)
    except (ValueError, TypeError, MemoryError, RecursionError):
        if isinstance(tree, ast.Name):
            near = did_you_mean(tree.id, known or []) if tree.id in (known or []) else ""
            todo = f"for a new {tree.id} write {tree.id}(...)" if near else f"for a text write {tree.id!r}"
            raise _Refused(f"{tree.id} is a name; the panel takes values and does not run code", todo) from None
        raise _Refused(
            "it would have to be computed, and the panel does not run code", "write the value itself: 5, 'Ada', [1, 2]"
        ) from None
    if value is Ellipsis:
        raise _Refused(f"{a_or_an('ellipsis')} cannot be stored", "write a value")
    return value


def _key_text(tree: ast.expr | None) -> str:
    assert tree is not None
    try:
        hash(_literal(tree))
    except TypeError as error:
        raise _Refused(str(error), "a key is a text, a number, or a tuple of such values") from None
    return ast.unparse(tree)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
