"""`pmemobj.inspect.Graph` to nested ``<details>``: what folds and unfolds in any browser, without a script or a kernel.

Every object is written out once, where the tree reaches it first, under a name of its own; elsewhere stands a link
to that place, which the browser unfolds as it goes there. So cycles end, and searching in the page finds all
there is. Colours are those of the page, light or dark; all styles are inline, since a notebook that is not
trusted loses style sheets.
"""

from __future__ import annotations

import hashlib
import html
from collections import deque
from collections.abc import Iterator, Mapping

from pmemobj.inspect import DOOMED, Change, Comparison, Graph, Node, Slot, slot_note, tree_text
from pmemobj_magics.common.texts import number_text

__all__ = ["small_tree", "to_html"]

#: How deep elements are nested; a browser ignores what is deeper than some hundred. What is deeper goes below the tree.
_DEEPEST = 40
#: Trees of so many objects begin with their second level unfolded.
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
    """What an object shows of itself: its repr, and folded below it what is inside."""
    short = text if len(text) <= _MOST_OF_REPR else f"{text[:_MOST_OF_REPR]}…"
    head = f'<code style="white-space:pre-wrap">{html.escape(short)}</code>'
    page = _Page(graph, None, False)
    inside = page.inside(graph.start.target, 1)
    body = f"<details><summary>{head}</summary>{inside}</details>{page.rest()}" if inside else head
    return f'<div class="pmem">{body}</div>'


class _Page:
    def __init__(self, graph: Graph, comparison: Comparison | None, offsets: bool) -> None:
        self.graph = graph
        self.nodes = graph.shown
        self.comparison = comparison
        self.offsets = offsets
        self.numbers = graph.shared
        self.written: set[int] = set()
        #: Objects that are too deep where they stand.
        self.waiting: deque[int] = deque()
        # The same tree has the same ids, so that a saved notebook changes only when the pool does.
        self.prefix = f"pmem-{hashlib.sha1(tree_text(graph).encode()).hexdigest()[:8]}"

    def whole(self, name: str, holders: Mapping[int, str]) -> str:
        parts = [self._entry(f"<strong>{html.escape(name)}</strong>: ", self.graph.start, 0), self.rest()]
        if self.graph.doomed:
            parts.append(f'<p style="margin:.4em 0 0">{html.escape(DOOMED)}</p>')
            parts += self._doomed(holders)
            parts.append(self.rest())
        for offset, node in ({} if self.comparison is None else self.comparison.removed).items():
            assert self.comparison is not None
            said = html.escape(f"− {node.type}, {node.text}  ({self.comparison.word(offset)})")
            parts.append(f'<div style="{_FAINT}">{said}</div>')
        return f'<div class="pmem pmem-tree">{"".join(parts)}</div>'

    def _doomed(self, holders: Mapping[int, str]) -> Iterator[str]:
        """The doomed objects, each below the one that leads to it."""
        for offset in self.graph.doomed_in_order:
            if offset not in self.written:
                label = f"<strong>{html.escape(holders[offset])}</strong>: " if offset in holders else ""
                yield self._entry(label, Slot("", self.nodes[offset].type, offset), 1)

    def rest(self) -> str:
        """What was too deep for its place; that may be too deep again."""
        parts = []
        while self.waiting:
            offset = self.waiting.popleft()
            if offset not in self.written:
                parts.append(self._entry(f"#{self.numbers[offset]}: ", Slot("", "", offset), 1))
        return "".join(parts)

    def _entry(self, label: str, slot: Slot, level: int, note: str = "") -> str:
        """A slot, or any other value, with what is inside of it."""
        node = self.nodes.get(slot.target) if slot.target is not None else None
        if node is None:
            missing = " <em>… (not shown)</em>" if slot.target is not None else ""
            return f"<div>{label}<code>{html.escape(slot.text)}</code>{missing}{note}</div>"
        if node.offset in self.written or level >= _DEEPEST:
            return f"<div>{label}{self._link(node)}{note}</div>"
        head = f"{label}{self._head(node)}{note}"
        inside = self.inside(node.offset, level + 1)
        if not inside:
            return f'<div id="{self._name(node.offset)}">{head}</div>'
        few = len(self.nodes) <= _FEW
        is_open = level == 0 or (few and (level == 1 or self._is_meant(node, inside))) or self._is_different(node)
        return f"<details{' open' if is_open else ''}><summary>{head}</summary>{inside}</details>"

    def inside(self, offset: int | None, level: int) -> str:
        """The slots of an object that is written here."""
        node = self.nodes.get(offset) if offset is not None else None
        if node is None:
            return ""
        self.written.add(node.offset)
        change = None if self.comparison is None else self.comparison.changes.get(node.offset)
        rows = "".join(self._rows(node, change, level))
        # In here and not on the element around it: a browser unfolds what is around the place it goes to.
        return f'<div id="{self._name(node.offset)}" style="{_INSIDE}">{rows}</div>' if rows else ""

    def _name(self, offset: int) -> str:
        return f"{self.prefix}-{offset}"

    def _rows(self, node: Node, change: Change | None, level: int) -> Iterator[str]:
        for number, slot in enumerate(node.slots):
            if slot.key_target is not None:
                yield self._entry("<em>key</em>: ", Slot("", slot.label, slot.key_target), level)
            note, sign = "", ""
            if change is not None and number in change.slots:
                kind = "new" if change.slots[number] is None else "changed"
                sign, note = _mark(_SIGNS[kind], kind), _mark(f" ({slot_note(change.slots[number])})", kind)
            yield self._entry(f"{sign}{_code(slot.label)}: ", slot, level, note)
        for slot in () if change is None else change.gone:
            was = f"<s>{_code(slot.label)}: {_code(slot.text)}</s> (removed)"
            yield f'<div style="{_FAINT}">− {was}</div>'
        if node.damage:
            yield f"<div>{html.escape(node.damage)}</div>"
        elif node.count > len(node.slots):
            yield f'<div style="{_FAINT}"><em>+{number_text(node.count - len(node.slots))} more</em></div>'

    def _head(self, node: Node) -> str:
        number = f" #{self.numbers[node.offset]}" if node.offset in self.numbers else ""
        notes = [] if node.damage else [node.text]
        if self.offsets:
            notes.append(f"at {node.offset:#x}, {number_text(node.size)} bytes")
        said = html.escape(" · ".join(notes))
        word = "" if self.comparison is None else self.comparison.word(node.offset)
        if word and self.comparison is not None:
            word = _mark(f" · {word}", self.comparison.changes[node.offset].kind)
        return f'<strong>{html.escape(node.type + number)}</strong> <small style="{_FAINT}">{said}</small>{word}'

    def _link(self, node: Node) -> str:
        if node.offset not in self.numbers:
            self.numbers[node.offset] = len(self.numbers) + 1
        if node.offset not in self.written:
            self.waiting.append(node.offset)
        said = f"{node.type} #{self.numbers[node.offset]}"
        return f'<a href="#{self._name(node.offset)}">{html.escape(said)}</a>'

    def _is_meant(self, node: Node, inside: str) -> bool:
        """Whether a link leads to the object, or to one inside of it: JupyterLab lets no link unfold anything."""
        return node.offset in self.numbers or any(f'"{self._name(offset)}"' in inside for offset in self.numbers)

    def _is_different(self, node: Node) -> bool:
        return self.comparison is not None and node.offset in self.comparison.changes


def _mark(text: str, kind: str) -> str:
    """A mark; for those who see no colours it says what it is, too."""
    return f'<span style="color:{_COLORS[kind]}">{html.escape(text)}</span>'


def _code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>"
