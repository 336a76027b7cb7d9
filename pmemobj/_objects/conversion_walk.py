"""The walk that converts a graph of containers into a graph of other containers, whatever the containers are.

Structures have shared parts and cycles, and may be nested to any depth. So nothing here recurses, and a conversion has
four steps:

1. Find every container that the start reaches, each of them once, and look at every value. Whatever must be refused is
   refused here, before anything has been made.
2. Make an empty counterpart for each container that can be filled later.
3. Make the counterparts of all others (tuples), each after those that it holds. Every cycle leads through a container
   that can be filled later, so this step comes to an end.
4. Fill the empty counterparts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pmemobj.errors import NotPersistableError, PoolDamagedError

#: The middle of a longer path is left out.
_PATH_MAX = 200

Parts = Iterable[tuple[Any, Any]]


def _no_parts(_source: Any) -> Parts:
    return ()


class Conversion(NamedTuple):
    """How the containers of one type are taken apart, and how their counterparts are put together.

    Attributes:
        target: What makes the counterpart: a function or class, or the kind of a persistent class.
        parts: The values in a container that are converted too, each with a label.
        fill: Puts labels and converted values into an empty counterpart; None if a counterpart cannot be filled later.
        arguments: The arguments with which the counterpart is made, from the container and the converted values.
        keys: The keys in a container, which are stored as they are.
        path: The text for a label in a path.
        empty: The arguments with which a counterpart is made that is filled later, from the container.
    """

    target: Any
    parts: Callable[[Any], Parts] = _no_parts
    fill: Callable[[Any, list[Any], list[Any]], Any] | None = None
    arguments: Callable[[Any, list[Any]], tuple[Any, ...]] = lambda _source, _values: ()
    keys: Callable[[Any], Iterable[Any]] = lambda _source: ()
    path: Callable[[Any], str] = lambda label: f"[{_quoted(label)}]"
    empty: Callable[[Any], tuple[Any, ...]] = lambda _source: ()


def _quoted(label: Any) -> str:
    if type(label) is str:
        return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(label)


_UNMADE: Any = object()
#: The counterpart is being made; those that it holds come first.
_OPEN: Any = object()


class _Node:
    """A container that was found: where it was found, its parts, and its counterpart."""

    __slots__ = ("conversion", "label", "labels", "parent", "result", "source", "values")

    def __init__(self, source: Any, conversion: Conversion, parent: _Node | None, label: Any) -> None:
        self.source, self.conversion, self.parent, self.label = source, conversion, parent, label
        self.labels: list[Any] = []
        self.values: list[Any] = []
        self.result = _UNMADE

    def path(self) -> str:
        """The path from the start to this container."""
        steps = []
        node = self
        while node.parent is not None:
            steps.append(node.parent.conversion.path(node.label))
            node = node.parent
        return _shortened("root" + "".join(reversed(steps)))

    def path_of(self, label: Any) -> str:
        """The path from the start to one of its parts."""
        return _shortened(self.path() + self.conversion.path(label))


def _shortened(path: str) -> str:
    return path if len(path) <= _PATH_MAX else f"{path[: _PATH_MAX // 2]}…{path[-_PATH_MAX // 2 :]}"


class ConversionWalk:
    """One conversion: call `find`, and then, if there is anything to convert, `build`.

    Args:
        conversion_of: Returns the conversion of a value, or None if the value stays as it is; raises if it cannot be
            stored.
        make: Makes a counterpart from the target and the arguments of a conversion.
    """

    def __init__(self, conversion_of: Callable[[Any], Conversion | None], make: Callable[..., Any]) -> None:
        self._conversion_of, self._make = conversion_of, make
        #: In the order in which they are found. A node keeps its container alive, so that no other object gets its id.
        self._nodes: list[_Node] = []
        self._by_id: dict[int, _Node] = {}

    def find(self, start: Any) -> bool:
        """Find all containers, and look at all values. Return whether there are any containers."""
        self._look(start, None, None)
        # A loop over a list also reaches the items that are added to the list meanwhile.
        for node in self._nodes:
            for label, value in list(node.conversion.parts(node.source)):
                node.labels.append(label)
                node.values.append(value)
                if id(value) not in self._by_id:
                    self._look(value, node, label)
        return bool(self._nodes)

    def _look(self, value: Any, parent: _Node | None, label: Any) -> None:
        try:
            conversion = self._conversion_of(value)
        except NotPersistableError as error:
            if parent is None:
                raise
            raise _located(error, parent.path_of(label)) from error.__cause__
        if conversion is not None:
            node = self._by_id[id(value)] = _Node(value, conversion, parent, label)
            self._nodes.append(node)

    def build(self) -> Any:
        """Make all counterparts, and return the counterpart of the start."""
        for node in self._nodes:
            if node.conversion.fill is not None:
                node.result = self._make(node.conversion.target, *node.conversion.empty(node.source))
        for node in self._nodes:
            if node.result is _UNMADE:
                self._complete(node)
        for node in self._nodes:
            if node.conversion.fill is not None:
                with _naming(node):
                    node.conversion.fill(node.result, node.labels, self._converted(node))
        return self._nodes[0].result

    def _complete(self, first: _Node) -> None:
        """Make a counterpart that cannot be filled later, after all counterparts of this sort that it holds."""
        first.result = _OPEN
        waiting = [(first, self._containers_in(first))]
        while waiting:
            node, held = waiting[-1]
            inner = next((other for other in held if other.result is _UNMADE or other.result is _OPEN), None)
            if inner is None:
                waiting.pop()
                arguments = node.conversion.arguments(node.source, self._converted(node))
                with _naming(node):
                    node.result = self._make(node.conversion.target, *arguments)
            elif inner.result is _OPEN:
                raise PoolDamagedError(
                    f"convert {inner.path()}", "it is immutable and contains itself", "restore the pool from a copy"
                )
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
    """Add the path to an error for a value that is found to be unsupported only when it is stored."""
    try:
        yield
    except NotPersistableError as error:
        raise _located(error, node.path()) from error.__cause__


def _located(error: NotPersistableError, path: str) -> NotPersistableError:
    return type(error)(f"{error.what} at {path}", error.why, error.todo)
