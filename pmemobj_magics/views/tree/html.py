"""`pmemobj.inspect.Graph` as nested ``<details>``, which fold and unfold in any browser without a script or a kernel.

The walk is that of `pmemobj.inspect.TreeWalk`: every object is written out once, where the tree reaches it first. It
has an id there, and each further reference is a link to that place, which the browser unfolds as it goes there. So
the tree of a graph with cycles ends, and a search in the page finds everything. Colours are those of the page, light
or dark; all styles are inline, since a notebook that is not trusted loses style sheets.
"""

from __future__ import annotations

import hashlib
import html
from collections import deque
from collections.abc import Mapping

from pmemobj.inspect import UNREACHABLE, Comparison, Graph, Node, TreeRow, TreeWalk, tree_text
from pmemobj_magics.common.texts import number_text

__all__ = ["small_tree", "to_html"]

#: How deep elements are nested: a browser ignores elements below some hundred levels. Deeper objects go below the tree.
_DEEPEST = 40
#: Trees of at most this many objects begin with their second level unfolded.
_FEW = 30
_MOST_OF_REPR = 400

_INSIDE = "margin-left:.45em;padding-left:.9em;border-left:1px solid #8886;scroll-margin-top:3em"
_SIGNS = {"new": "+ ", "changed": "~ ", "removed": "− "}
_FAINT = "opacity:.7"
#: Readable on white and on black.
_COLORS = {"new": "#2a9a4b", "changed": "#3b82d6", "removed": "inherit"}


def to_html(
    graph: Graph,
    comparison: Comparison | None = None,
    name: str = "",
    offsets: bool = False,
    holders: Mapping[int, str] | None = None,
) -> str:
    """The objects of `graph` as a tree; the arguments are those of `pmemobj.inspect.tree_text`."""
    return _Page(graph, comparison, offsets).whole(name or graph.start.label, holders or {})


def small_tree(graph: Graph, text: str) -> str:
    """What an object shows of itself: its repr, and folded below it the objects inside."""
    short = text if len(text) <= _MOST_OF_REPR else f"{text[:_MOST_OF_REPR]}…"
    head = f'<code style="white-space:pre-wrap">{html.escape(short)}</code>'
    page = _Page(graph, None, False)
    inside = page.inside(graph.start.target, 1)
    body = f"<details><summary>{head}</summary>{inside}</details>{page.rest()}" if inside else head
    return f'<div class="pmem">{body}</div>'


class _Page:
    def __init__(self, graph: Graph, comparison: Comparison | None, offsets: bool) -> None:
        self.graph = graph
        self.walk = TreeWalk(graph, comparison)
        self.offsets = offsets
        #: Objects that would be nested too deep where they stand.
        self.waiting: deque[int] = deque()
        # The same tree has the same ids, so that a saved notebook changes only when the pool does.
        self.prefix = f"pmem-{hashlib.sha1(tree_text(graph).encode()).hexdigest()[:8]}"

    def whole(self, name: str, holders: Mapping[int, str]) -> str:
        start = self.graph.start
        parts = [self._entry(f"<strong>{html.escape(name)}</strong>: ", start.text, start.target, 0), self.rest()]
        if self.graph.unreachable:
            parts.append(f'<p style="margin:.4em 0 0">{html.escape(UNREACHABLE)}</p>')
        for offset in self.walk.unreachable():
            label = f"<strong>{html.escape(holders[offset])}</strong>: " if offset in holders else ""
            parts.append(self._entry(label, "", offset, 1))
        parts.append(self.rest())
        for offset, node in self.walk.removed.items():
            said = html.escape(f"− {node.type}, {node.text}  ({self.walk.word(offset)})")
            parts.append(f'<div style="{_FAINT}">{said}</div>')
        return f'<div class="pmem pmem-tree">{"".join(parts)}</div>'

    def rest(self) -> str:
        """The objects that were too deep for their place; some of these may again hold objects that are too deep."""
        parts = []
        while self.waiting:
            offset = self.waiting.popleft()
            if offset not in self.walk.written:
                parts.append(self._entry(f"#{self.walk.numbers[offset]}: ", "", offset, 1))
        return "".join(parts)

    def _entry(self, label: str, text: str, target: int | None, level: int, note: str = "") -> str:
        """A value, with the objects inside of it if it is an object that is written here."""
        node = self.walk.node(target)
        if node is None:
            missing = " <em>… (not shown)</em>" if target is not None else ""
            return f"<div>{label}<code>{html.escape(text)}</code>{missing}{note}</div>"
        if node.offset in self.walk.written or level >= _DEEPEST:
            return f"<div>{label}{self._link(node)}{note}</div>"
        head = f"{label}{self._head(node)}{note}"
        inside = self.inside(node.offset, level + 1)
        if not inside:
            return f'<div id="{self._name(node.offset)}">{head}</div>'
        few = len(self.walk.nodes) <= _FEW
        is_open = level == 0 or (few and (level == 1 or self._is_linked(node, inside))) or self._is_different(node)
        return f"<details{' open' if is_open else ''}><summary>{head}</summary>{inside}</details>"

    def inside(self, offset: int | None, level: int) -> str:
        """The rows of an object that is written here."""
        rows = "".join(self._row(row, level) for row in self.walk.enter(offset))
        # The id stands in here, not on the element around it: a browser unfolds what is around the place it goes to.
        return f'<div id="{self._name(offset)}" style="{_INSIDE}">{rows}</div>' if rows else ""

    def _name(self, offset: int | None) -> str:
        return f"{self.prefix}-{offset}"

    def _row(self, row: TreeRow, level: int) -> str:
        if row.what == "key":
            return self._entry("<em>key</em>: ", row.text, row.target, level)
        if row.what == "slot":
            sign, note = "", ""
            if row.change is not None:
                sign, note = _mark(_SIGNS[row.change], row.change), _mark(f" ({row.note})", row.change)
            return self._entry(f"{sign}{_code(row.label)}: ", row.text, row.target, level, note)
        if row.what == "removed":
            was = f"<s>{_code(row.label)}: {_code(row.text)}</s> ({row.note})"
            return f'<div style="{_FAINT}">− {was}</div>'
        if row.what == "damage":
            return f"<div>{html.escape(row.text)}</div>"
        return f'<div style="{_FAINT}"><em>{html.escape(row.text)}</em></div>'

    def _head(self, node: Node) -> str:
        number = f" #{self.walk.numbers[node.offset]}" if node.offset in self.walk.numbers else ""
        notes = [] if node.damage else [node.text]
        if self.offsets:
            notes.append(f"at {node.offset:#x}, {number_text(node.size)} bytes")
        said = html.escape(" · ".join(notes))
        change = self.walk.change(node.offset)
        word = "" if change is None else _mark(f" · {self.walk.word(node.offset)}", change.kind)
        return f'<strong>{html.escape(node.type + number)}</strong> <small style="{_FAINT}">{said}</small>{word}'

    def _link(self, node: Node) -> str:
        numbers = self.walk.numbers
        if node.offset not in numbers:
            numbers[node.offset] = len(numbers) + 1
        if node.offset not in self.walk.written:
            self.waiting.append(node.offset)
        said = f"{node.type} #{numbers[node.offset]}"
        return f'<a href="#{self._name(node.offset)}">{html.escape(said)}</a>'

    def _is_linked(self, node: Node, inside: str) -> bool:
        """Whether a link leads to the object or to one inside of it: in JupyterLab, links do not unfold anything."""
        numbers = self.walk.numbers
        return node.offset in numbers or any(f'"{self._name(offset)}"' in inside for offset in numbers)

    def _is_different(self, node: Node) -> bool:
        return self.walk.change(node.offset) is not None


def _mark(text: str, kind: str) -> str:
    """A coloured mark; its text says the same as the colour, for readers who do not see colours."""
    return f'<span style="color:{_COLORS[kind]}">{html.escape(text)}</span>'


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>"
