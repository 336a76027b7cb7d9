"""Between plain containers and persistent ones, whole structures at a time.

Both directions are the same walk. A structure is a graph of containers: shared parts, cycles, any
depth. So nothing here recurses, and the walk has four steps:

1. find every container that the start reaches, once each, and look at every value in between. All
   that can be refused is refused here, before anything has been made;
2. make an empty counterpart for each container that can be filled later;
3. make the others (tuples), each after those that it holds. Every cycle goes through a container that
   can be filled later, so this comes to an end;
4. fill the empty ones.

`TO_PERSISTENT` and `TO_PLAIN` say what is taken apart and put together how: one line a type. They
name classes by their kind, so a type whose module is not there is simply not available.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType, SimpleNamespace
from typing import Any

from pmemobj import _base, _pickles
from pmemobj._base import Persistent, create, kinds
from pmemobj._hashes import stored_hash
from pmemobj._heap import Heap
from pmemobj._layout import ABSENT, Kind, class_number
from pmemobj._leaves import payload_of
from pmemobj._values import decode, immediate
from pmemobj.errors import NotPersistableError, PoolDamagedError

__all__ = ["to_python"]

#: What is stored as it is, without a look at the value.
_ATOMS = frozenset({NoneType, bool, int, float, complex, str, bytes})
#: Longer paths are shown without their middle.
_PATH_MAX = 200

Parts = Iterable[tuple[Any, Any]]


def _no_parts(_source: Any) -> Parts:
    return ()


@dataclass(frozen=True)
class _Form:
    """How containers of one type are taken apart, and their counterparts put together.

    Attributes:
        target: What makes the counterpart: a function or class, or the kind of a persistent class.
        parts: The values in a container that are converted too, each with a label.
        fill: Puts labels and converted values into an empty counterpart; None for one that is made
            at once.
        arguments: What the counterpart is made with, from the container and the converted values.
        keys: What in a container is a key, and stored as it is.
        path: How a label looks in a path.
    """

    target: Any
    parts: Callable[[Any], Parts] = _no_parts
    fill: Callable[[Any, list[Any], list[Any]], Any] | None = None
    arguments: Callable[[Any, list[Any]], tuple[Any, ...]] = lambda _source, _values: ()
    keys: Callable[[Any], Iterable[Any]] = lambda _source: ()
    path: Callable[[Any], str] = lambda label: f"[{_quoted(label)}]"


def _quoted(label: Any) -> str:
    if type(label) is str:
        return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(label)


# ---- the forms ---------------------------------------------------------------------------------


def _extend(new: Any, _labels: list[Any], values: list[Any]) -> None:
    new.extend(values)


def _update(new: Any, labels: list[Any], values: list[Any]) -> None:
    new.update(zip(labels, values, strict=True))


#: What a program has in ordinary memory, by exact type.
TO_PERSISTENT: dict[type, _Form] = {
    list: _Form(Kind.LIST, enumerate, _extend),
    dict: _Form(Kind.DICT, dict.items, _update, keys=iter),
    tuple: _Form(Kind.TUPLE, enumerate, arguments=lambda _source, values: (values,)),
    set: _Form(Kind.SET, arguments=lambda source, _values: (source.copy(),), keys=iter),
    frozenset: _Form(Kind.SET, arguments=lambda source, _values: (source,), keys=iter),
    bytearray: _Form(Kind.BYTEARRAY, arguments=lambda source, _values: (bytes(source),)),
    array: _Form(Kind.ARRAY, arguments=lambda source, _values: (source.typecode, source)),
}


def _keys_and_values(source: Any) -> Parts:
    """Keys are parts here too: one may be a persistent tuple."""
    for key, value in source.items():
        yield key, key
        yield key, value


def _update_from_pairs(new: Any, _labels: list[Any], values: list[Any]) -> None:
    _demand_hashable(values[::2])
    new.update(zip(values[::2], values[1::2], strict=True))


def _elements(source: Any) -> Parts:
    return ((element, element) for element in source)


def _add_all(new: Any, _labels: list[Any], values: list[Any]) -> None:
    _demand_hashable(values)
    new.update(values)


def _demand_hashable(keys: list[Any]) -> None:
    if any(type(key) is SimpleNamespace for key in keys):
        raise TypeError(
            "cannot convert a container whose keys are objects into a plain one: "
            "the plain form of an object is no key (convert its items one by one)"
        )


def _attributes(source: Any) -> Parts:
    heap, offset = source._p_heap, source._p_offset
    yield "_p_class", heap.types.shape(class_number(heap.read(offset))).name
    for name, _, word in kinds[Kind.OBJECT]._p_entries(heap, offset, sys.maxsize)[1]:
        yield name, decode(heap, word)


def _plain_array(source: Any) -> Any:
    """An array.array; a list where that has no such element, and lists in lists for several dimensions."""
    if source.typecode == "?" or len(source.shape) > 1:
        with source.view() as view:
            return view.tolist()
    return array(source.typecode, source.tobytes())


#: What lies in a pool, by the kind of its class.
TO_PLAIN: dict[int, _Form] = {
    Kind.LIST: _Form(list, enumerate, _extend),
    Kind.DICT: _Form(dict, _keys_and_values, _update_from_pairs),
    Kind.TUPLE: _Form(tuple, enumerate, arguments=lambda _source, values: (values,)),
    Kind.SET: _Form(set, _elements, _add_all),
    Kind.BYTEARRAY: _Form(bytearray, arguments=lambda source, _values: (bytes(source[:]),)),
    Kind.ARRAY: _Form(_plain_array, arguments=lambda source, _values: (source,)),
    Kind.OBJECT: _Form(
        SimpleNamespace,
        _attributes,
        lambda new, labels, values: vars(new).update(zip(labels, values, strict=True)),
        path=lambda label: f".{label}",
    ),
}


# ---- the walk ----------------------------------------------------------------------------------

_UNMADE: Any = object()
#: Being made: what it holds comes first.
_OPEN: Any = object()


class _Node:
    """A container that was found: where, what is in it, and what has become of it."""

    __slots__ = ("form", "label", "labels", "parent", "result", "source", "values")

    def __init__(self, source: Any, form: _Form, parent: _Node | None, label: Any) -> None:
        self.source, self.form, self.parent, self.label = source, form, parent, label
        self.labels: list[Any] = []
        self.values: list[Any] = []
        self.result = _UNMADE

    def path(self) -> str:
        """How to come here from the start."""
        steps = []
        node = self
        while node.parent is not None:
            steps.append(node.parent.form.path(node.label))
            node = node.parent
        return _shortened("root" + "".join(reversed(steps)))

    def path_of(self, label: Any) -> str:
        """How to come to one of its parts."""
        return _shortened(self.path() + self.form.path(label))


def _shortened(path: str) -> str:
    return path if len(path) <= _PATH_MAX else f"{path[: _PATH_MAX // 2]}…{path[-_PATH_MAX // 2 :]}"


class _Walk:
    """One conversion, in the steps that the text of the module names.

    Args:
        form_of: The form of a value, or None for one that stays as it is; raises if it cannot stay.
        make: Makes a counterpart, of the target and the arguments of a form.
    """

    def __init__(self, form_of: Callable[[Any], _Form | None], make: Callable[..., Any]) -> None:
        self._form_of, self._make = form_of, make
        #: In the order in which they are found. A node keeps its container alive, so that its id stays its own.
        self._nodes: list[_Node] = []
        self._by_id: dict[int, _Node] = {}

    def find(self, start: Any) -> None:
        """Find all containers, and look at all values."""
        self._look(start, None, None)
        # Going through a list reaches what is added to it meanwhile.
        for node in self._nodes:
            for label, value in list(node.form.parts(node.source)):
                node.labels.append(label)
                node.values.append(value)
                if id(value) not in self._by_id:
                    self._look(value, node, label)

    def _look(self, value: Any, parent: _Node | None, label: Any) -> None:
        try:
            form = self._form_of(value)
        except NotPersistableError as error:
            if parent is None:
                raise
            raise _located(error, parent.path_of(label)) from error.__cause__
        if form is not None:
            node = self._by_id[id(value)] = _Node(value, form, parent, label)
            self._nodes.append(node)

    def build(self) -> Any:
        """Make all counterparts; return that of the start."""
        for node in self._nodes:
            if node.form.fill is not None:
                node.result = self._make(node.form.target)
        for node in self._nodes:
            if node.result is _UNMADE:
                self._complete(node)
        for node in self._nodes:
            if node.form.fill is not None:
                with _naming(node):
                    node.form.fill(node.result, node.labels, self._converted(node))
        return self._nodes[0].result

    def _complete(self, first: _Node) -> None:
        """Make a counterpart that cannot be filled later, after all such that it holds."""
        first.result = _OPEN
        waiting = [(first, self._containers_in(first))]
        while waiting:
            node, held = waiting[-1]
            inner = next((other for other in held if other.result is _UNMADE or other.result is _OPEN), None)
            if inner is None:
                waiting.pop()
                arguments = node.form.arguments(node.source, self._converted(node))
                with _naming(node):
                    node.result = self._make(node.form.target, *arguments)
            elif inner.result is _OPEN:
                raise PoolDamagedError(f"convert {inner.path()}", "it is immutable and holds itself", "make it anew")
            else:
                inner.result = _OPEN
                waiting.append((inner, self._containers_in(inner)))

    def _containers_in(self, node: _Node) -> Iterator[_Node]:
        for value in node.values:
            found = self._by_id.get(id(value))
            if found is not None:
                yield found

    def _converted(self, node: _Node) -> list[Any]:
        nodes = (self._by_id.get(id(value)) for value in node.values)
        return [value if found is None else found.result for value, found in zip(node.values, nodes, strict=True)]


@contextmanager
def _naming(node: _Node) -> Iterator[None]:
    """Let the error for something that only storing it finds out say where it lies."""
    try:
        yield
    except NotPersistableError as error:
        raise _located(error, node.path()) from error.__cause__


def _located(error: NotPersistableError, path: str) -> NotPersistableError:
    return type(error)(f"{error.what} at {path}", error.why, error.todo)


# ---- into a pool -------------------------------------------------------------------------------


def to_persistent(heap: Heap, value: Any) -> Any:
    """What `pool.persistent` does."""
    walk = _Walk(lambda found: _persistent_form(heap, found), lambda kind, *args: create(heap, kinds[kind], args, {}))
    walk.find(value)
    if not walk._nodes:
        return value
    with heap.statement:
        return walk.build()


def _persistent_form(heap: Heap, value: Any) -> _Form | None:
    form = TO_PERSISTENT.get(type(value))
    if form is None or form.target not in kinds:
        _demand_storable(heap, value)
        return None
    for key in form.keys(value):
        stored_hash(heap, key)
        _demand_storable_key(heap, key)
    return form


def _demand_storable_key(heap: Heap, key: Any) -> None:
    """Plain tuples are good enough for keys, since nothing in them changes."""
    waiting = [key]
    while waiting:
        item = waiting.pop()
        if type(item) is tuple:
            waiting.extend(item)
        else:
            _demand_storable(heap, item)


def _demand_storable(heap: Heap, value: Any) -> None:
    cls = type(value)
    if cls in _ATOMS or immediate(heap, value) != ABSENT:
        return
    for base in TO_PERSISTENT:
        if isinstance(value, base) and cls is not base and cls not in _pickles.nominated:
            raise NotPersistableError(
                f"store a {cls.__module__}.{cls.__qualname__}",
                f"it would come back as a mere {base.__name__}",
                f"pass {base.__name__}(...) of it if that is enough",
            )
    payload_of(value)


# ---- out of a pool -----------------------------------------------------------------------------


def to_python(value: Any) -> Any:
    """The plain form of a persistent object and of all that it refers to.

    Lists, dicts, tuples and sets become Python's own. An object becomes a `types.SimpleNamespace` of
    its stored attributes; its class stands in ``_p_class``, as ``module:qualname``. What is shared
    stays shared, cycles stay cycles, and no depth is too much. The result has no part in the pool.

    Args:
        value: A persistent object; anything else is returned as it is.

    Raises:
        TypeError: something in there has no plain form: an object of a class that pmemobj does not know
            inside out, or an object that is a key.

    Cost: proportional to what is reached; other threads cannot change the pool meanwhile.
    """
    if not isinstance(value, Persistent):
        return value
    with value._p_heap.lock:
        walk = _Walk(_plain_form, lambda target, *args: target(*args))
        walk.find(value)
        return walk.build()


def _plain_form(value: Any) -> _Form | None:
    if not isinstance(value, Persistent):
        return None
    form = TO_PLAIN.get(int(type(value)._p_kind))
    if form is None:
        raise TypeError(
            f"cannot convert a {type(value).__qualname__} into a plain object: pmemobj does not know what is in it "
            "(convert what refers to it piece by piece)"
        )
    return form


_base.to_plain = to_python
