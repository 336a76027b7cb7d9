"""The explorer as a widget: what it knows of its pool, and the traits that it shares with the page.

The page gets a whole scene at once and swaps it, so it goes on working when the kernel has died. What the page asks
for (another beginning, more entries) it sets as a trait; between two cells the kernel answers with another scene.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import DisplayHandle

import pmemobj
from pmemobj import PersistentObjectPool, PoolClosedError, TransactionError, glance
from pmemobj_magics.views.graph import PoolGraph
from pmemobj_magics.views.watch.bytes import memory_json
from pmemobj_magics.views.watch.scene import Limits, Scene, Step, as_json, take
from pmemobj_magics.views.watch.static import StaticPicture, page

__all__ = ["PoolExplorer"]

_PLACE = Path(__file__).parent
#: In this order one module; each has no more than it can be read at once.
_SCRIPTS = ("dom.js", "scene.js", "tree.js", "graph.js", "bytes.js", "details.js", "explorer.js")
#: An update is followed by a rest that is so many times longer, at least these seconds; in the middle of a cell it
#: is longer, lest a loop that is watched be slower than it is.
_REST, _SHORTEST_REST = 4, 0.2
_LONG_REST, _SHORTEST_LONG_REST = 12, 0.5
#: Seconds that a drawing may take, before the next one has fewer objects; and the fewest.
_SLOW, _FEWEST = 0.4, 15
#: How many entries of an object a reader can ask for.
MOST_ITEMS = 500
#: Words of memory of one object.
_WORDS = 200


class PoolExplorer(anywidget.AnyWidget):
    """Tree, graph and details of the objects of a pool, which follow what is done to it.

    In a terminal it is the tree, as it was when it was asked for.

    Args:
        pool: The open pool; it is not kept from being closed.
        trail: Where to begin: an object by its offset, and what it is called; the root if empty.
        limits: How much to show.
        offsets: Whether to show where things lie.

    Attributes:
        scene: What is shown.
        state: ``open``, ``uncommitted`` (in a transaction), ``busy`` (another thread changes the pool; shown is
            what was there before), ``closed``, or ``failed`` (the update failed; `note` says how).
        note: A sentence on that.
        selected: The object that details are shown of; the page and Python may set it.
        memory: The memory of the selected object, where the scene has not got it.
        trail: Where the scene begins; the page sets it.
        max_items: How many entries of each object are shown; likewise.
    """

    _esm = "\n".join((_PLACE / name).read_text() for name in _SCRIPTS)
    _css = (_PLACE / "explorer.css").read_text()
    scene = traitlets.Dict().tag(sync=True)
    state = traitlets.Unicode("open").tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    memory = traitlets.Dict().tag(sync=True)
    trail: Any = traitlets.List().tag(sync=True)
    max_items = traitlets.Int(20).tag(sync=True)

    def __init__(
        self,
        pool: PersistentObjectPool,
        trail: tuple[Step, ...] = (),
        limits: Limits | None = None,
        *,
        offsets: bool = False,
    ) -> None:
        self.path = pool.absolute_path
        self._process = os.getpid()
        self._meet(pool)
        self._limits, self._offsets = limits or Limits(), offsets
        self._drawn = self._limits.drawn
        self._last: Scene | None = None
        self._picture: PoolGraph | None = None
        self._seen: Any = None
        self._rested_at = self._well_rested_at = 0.0
        #: Of the picture below the explorer; its class carries no types.
        self._handle: Any = None
        self._is_to_be_pictured = self._is_answering = False
        super().__init__(trail=_told(trail), max_items=self._limits.items)
        self.update()
        self.observe(self._on_wish, names=["trail", "max_items"])
        self.observe(self._on_selected, names=["selected"])

    def begin(self, trail: tuple[Step, ...], limits: Limits, *, offsets: bool = False) -> None:
        """Show the pool as it is now, from here on, with other limits."""
        self._limits, self._drawn, self._offsets = limits, limits.drawn, offsets
        self._set(trail=_told(trail), max_items=limits.items)
        self.update()

    # ---- following ----

    @property
    def pool(self) -> PersistentObjectPool | None:
        """The pool, or one that was opened on its file since, if one is open."""
        pool = self._pool()
        if pool is None or pool.closed:
            pool = next((each for each in pmemobj.open_pools() if each.absolute_path == self.path), None)
            if pool is not None:
                self._meet(pool)
        return pool

    def _meet(self, pool: PersistentObjectPool) -> None:
        self._pool = weakref.ref(pool)
        glance.after_transactions(pool, self._after_transaction)

    def _after_transaction(self) -> None:
        """In the middle of a cell: of a loop, perhaps, whose transactions are many and short."""
        if time.monotonic() < self._well_rested_at or threading.current_thread() is not threading.main_thread():
            return
        # In a child that a cell is tried out in, nobody looks.
        if os.getpid() == self._process:
            self.follow()

    @property
    def is_rested(self) -> bool:
        """Whether the last update is so long ago that another one does not slow the user down."""
        return time.monotonic() >= self._rested_at

    def follow(self, anyway: bool = False) -> None:
        """Show the pool as it is now, if anything has changed, or anyway. An error is shown, not raised."""
        try:
            if anyway or self._stamp() != self._seen or (self._last is not None and self._last.has_undefined):
                self.update()
        except Exception as error:
            self._tell("failed", f"this could not be brought up to date: {type(error).__name__}: {error}")

    def update(self) -> None:
        """Show the pool as it is now."""
        pool, began = self.pool, time.monotonic()
        if pool is None:
            self._seen = None
            self._tell("closed", "the pool is closed; this is what it showed last")
            return
        limits = Limits(self._limits.nodes, self.max_items, self._drawn, self._limits.rows, self._limits.words)
        seen = self._stamp()
        try:
            scene = take(pool, _steps(self.trail), limits, self._last)
        except TransactionError:
            self._tell("busy", "another thread is in a transaction; this is what was there before")
            return
        self._show(scene, limits)
        self._seen = seen
        now = time.monotonic()
        self._rested_at = now + max(_SHORTEST_REST, _REST * (now - began))
        self._well_rested_at = now + max(_SHORTEST_LONG_REST, _LONG_REST * (now - began))

    def _stamp(self) -> Any:
        pool = self.pool
        if pool is None:
            return None
        try:
            return pool.path, *glance.stamp(pool)
        except PoolClosedError:
            return None

    def _show(self, scene: Scene, limits: Limits) -> None:
        began = time.monotonic()
        picture = scene.picture(limits, self._offsets)
        told = as_json(scene, picture, self._offsets)
        if time.monotonic() - began > _SLOW:
            self._drawn = max(_FEWEST, self._drawn // 2)
        state, note = "open", ""
        if scene.graph.is_open:
            state, note = "uncommitted", "in a transaction: what it has changed is not committed yet"
        if len(scene.trail) < len(self.trail):
            note = f"{self.trail[len(scene.trail)]['label']} is gone. {note}".strip()
        self._last, self._picture = scene, picture
        with self.hold_sync():
            self.scene, self.state, self.note = told, state, note
            self._set(trail=_told(scene.trail))
        self._on_selected()
        if self._handle is not None:
            self._handle.update(self._static())

    def _tell(self, state: str, note: str) -> None:
        with self.hold_sync():
            self.state, self.note = state, note

    def _set(self, **traits: Any) -> None:
        """Set what the page may set, without taking that for a wish of its."""
        self._is_answering = True
        try:
            for name, value in traits.items():
                setattr(self, name, value)
        finally:
            self._is_answering = False

    def _on_wish(self, _change: Any) -> None:
        if not self._is_answering:
            self._set(max_items=max(1, min(self.max_items, MOST_ITEMS)))
            self.follow(anyway=True)

    def _on_selected(self, _change: Any = None) -> None:
        """Tell the page the bytes that it has not got. An error is no error of the user's."""
        pool, nodes = self.pool, self.scene["nodes"]
        if pool is None or self.selected not in nodes or self.selected in self.scene["memories"]:
            return
        try:
            found = glance.look_into(pool, int(self.selected[1:]), _WORDS)
        except pmemobj.PmemError as error:
            self.memory = {"id": self.selected, "pieces": [], "left_out": error.why}
        else:
            self.memory = {"id": self.selected} | memory_json(found, self._offsets)

    # ---- texts and pictures ----

    @property
    def tree(self) -> str:
        """What is shown, as a tree of text."""
        return "" if self._last is None else self._last.tree(self._offsets)

    def __repr__(self) -> str:
        return "PoolExplorer()" if self._last is None else f"PoolExplorer({self._last.graph.summary})"

    def __str__(self) -> str:
        return self.tree

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        text = f"{self!r}\n{self.tree}"
        self._is_to_be_pictured = True
        shown = {"text/plain": text, "text/html": self._html(), "application/vnd.jupyter.widget-view+json": view}
        return shown, {}

    def _html(self) -> str:
        if self._last is None or self._picture is None:
            return ""
        return page(self._picture, self._last.html(self._offsets))

    def _static(self) -> StaticPicture:
        return StaticPicture(self._html())

    def show_picture(self) -> None:
        """Below an explorer that was shown, put a folded picture, for when nothing is left of the widget."""
        if self._is_to_be_pictured:
            self._is_to_be_pictured = False
            if self._handle is None:
                handle: Any = DisplayHandle
                self._handle = handle()
            self._handle.display(self._static())


def _steps(trail: Any) -> tuple[Step, ...]:
    """The trail as the page tells it; what makes no sense is left out."""
    steps = []
    for step in trail:
        name, label = (step.get("id"), step.get("label")) if isinstance(step, dict) else (None, None)
        if isinstance(name, str) and name[:1] == "o" and name[1:].isdecimal():
            steps.append((int(name[1:]), str(label)))
    return tuple(steps)


def _told(trail: tuple[Step, ...]) -> list[dict[str, str]]:
    return [{"id": f"o{offset}", "label": label} for offset, label in trail]
