"""The explorer as a widget: what it knows about its pool, and the traits that it shares with the page.

The page always gets a complete scene, so it still works when the kernel has died. To ask for another beginning or for
more entries, it sets a trait; between two cells the kernel answers with another scene.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import anywidget
import traitlets

import pmemobj
from pmemobj import PersistentObjectPool, PoolClosedError, TransactionError, glance
from pmemobj_magics.common.main_thread import MainThread
from pmemobj_magics.views.graph import PoolGraph
from pmemobj_magics.views.watch.memory_json import memory_json
from pmemobj_magics.views.watch.scene import Scene, TrailStep, WatchLimits, as_json, take
from pmemobj_magics.views.watch.static import PictureBelow, static_html

__all__ = ["PoolExplorer"]

_PLACE = Path(__file__).parent
#: The parts of the script, which are joined in this order.
_SCRIPTS = ("dom.js", "scene.js", "tree.js", "graph.js", "bytes.js", "details.js", "explorer.js")
#: After an update the explorer rests this many times as long as the update took, and at least this many seconds. The
#: rest in the middle of a cell is longer, so that a loop is hardly slowed down.
_REST, _SHORTEST_REST = 4, 0.2
_LONG_REST, _SHORTEST_LONG_REST = 12, 0.5
#: If a drawing takes more than this many seconds, the next one has half as many objects, and at least this many.
_SLOW, _FEWEST = 0.4, 15
#: The largest number of entries of an object that a reader can ask for.
MOST_ITEMS = 500
#: The largest number of words of memory of one object.
_WORDS = 200


class PoolExplorer(anywidget.AnyWidget):
    """A tree, a graph and the details of the objects of a pool, updated when the pool changes.

    A terminal shows the tree as it was when the explorer was made.

    Args:
        pool: The open pool; it can be closed.
        trail: Objects to focus on, by offset and name; the last one is the beginning. If empty, it is the root.
        limits: How much to show.
        offsets: Whether to show the offsets of objects.

    Attributes:
        scene: What is shown.
        state: ``open``, ``uncommitted`` (in a transaction), ``busy`` (another thread is changing the pool, and the
            scene is an earlier one), ``closed``, or ``failed`` (the update failed, and `note` says why).
        note: A sentence on the state.
        selected: The object whose details are shown; the page and Python may set it.
        memory: The memory of the selected object, if the scene does not contain it.
        trail: The objects on which the reader has focused; the page sets it.
        max_items: The largest number of entries of each object; the page sets it.
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
        trail: tuple[TrailStep, ...] = (),
        limits: WatchLimits | None = None,
        *,
        offsets: bool = False,
    ) -> None:
        self.path = pool.absolute_path
        self._process = os.getpid()
        self._meet(pool)
        self._limits, self._offsets = limits or WatchLimits(), offsets
        self._drawn = self._limits.drawn
        self._last: Scene | None = None
        self._picture: PoolGraph | None = None
        self._seen: Any = None
        self._rested_at = self._well_rested_at = 0.0
        self._below = PictureBelow(self.static_html)
        self._is_answering = False
        self._main = MainThread()
        super().__init__(trail=_told(trail), max_items=self._limits.items)
        self.update()
        self.observe(self._on_request, names=["trail", "max_items"])
        self.observe(self._on_selected, names=["selected"])

    def begin(self, trail: tuple[TrailStep, ...], limits: WatchLimits, *, offsets: bool = False) -> None:
        """Show the present state of the pool with another beginning and other limits."""
        self._limits, self._drawn, self._offsets = limits, limits.drawn, offsets
        self._set(trail=_told(trail), max_items=limits.items)
        self.update()

    # ---- following ----

    @property
    def pool(self) -> PersistentObjectPool | None:
        """The pool if it is open, or else an open pool on the same file, or None."""
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
        """Update in the middle of a cell, for example in a loop with many short transactions."""
        if time.monotonic() < self._well_rested_at or threading.current_thread() is not threading.main_thread():
            return
        # %%pmem_crash runs cells in a child process, which has nobody to show anything to.
        if os.getpid() == self._process:
            self.follow()

    @property
    def is_rested(self) -> bool:
        """Whether the rest after the last update is over."""
        return time.monotonic() >= self._rested_at

    def follow(self, anyway: bool = False) -> None:
        """Update if the pool has changed, or anyway. An error is shown in the explorer and not raised."""
        try:
            if anyway or self._stamp() != self._seen or (self._last is not None and self._last.has_undefined):
                self.update()
        except Exception as error:
            self._tell("failed", f"the update failed: {type(error).__name__}: {error}")

    def update(self) -> None:
        """Show the present state of the pool."""
        pool, began = self.pool, time.monotonic()
        if pool is None:
            self._seen = None
            self._show_rolled_back()
            self._tell("closed", "the pool is closed; this is its last known state")
            return
        limits = WatchLimits(self._limits.nodes, self.max_items, self._drawn, self._limits.rows, self._limits.words)
        seen = self._stamp()
        try:
            scene = take(pool, _steps(self.trail), limits, self._last)
        except TransactionError:
            self._tell("busy", "another thread is in a transaction; this is the state before it")
            return
        self._show(scene, limits)
        self._seen = seen
        now = time.monotonic()
        self._rested_at = now + max(_SHORTEST_REST, _REST * (now - began))
        self._well_rested_at = now + max(_SHORTEST_LONG_REST, _LONG_REST * (now - began))

    def _show_rolled_back(self) -> None:
        """Show the pool without the transaction that was open when it was seen last: closing has rolled it back."""
        last = self._last
        if last is not None and last.graph.is_open and last.graph.before is not None:
            before = replace(last.graph.before, is_open=False, before=None)
            self._show(Scene(before, last.trail, last.items), WatchLimits(items=self.max_items, drawn=self._drawn))

    def _stamp(self) -> Any:
        pool = self.pool
        if pool is None:
            return None
        try:
            return pool.path, *glance.stamp(pool)
        except PoolClosedError:
            return None

    def _show(self, scene: Scene, limits: WatchLimits) -> None:
        began = time.monotonic()
        picture = scene.picture(limits, self._offsets)
        told = as_json(scene, picture, self._offsets)
        if time.monotonic() - began > _SLOW:
            self._drawn = max(_FEWEST, self._drawn // 2)
        state, note = "open", ""
        if scene.graph.is_open:
            state, note = "uncommitted", "a transaction is open: its changes are uncommitted"
        if len(scene.trail) < len(self.trail):
            note = f"{self.trail[len(scene.trail)]['label']} was freed. {note}".strip()
        self._last, self._picture = scene, picture
        with self.hold_sync():
            self.scene, self.state, self.note = told, state, note
            self._set(trail=_told(scene.trail))
        self._on_selected()
        self._below.update()

    def _tell(self, state: str, note: str) -> None:
        with self.hold_sync():
            self.state, self.note = state, note

    def _set(self, **traits: Any) -> None:
        """Set traits that the page may set, without handling them as requests of the page."""
        self._is_answering = True
        try:
            for name, value in traits.items():
                setattr(self, name, value)
        finally:
            self._is_answering = False

    def _on_request(self, _change: Any) -> None:
        if not self._is_answering:
            self._main.call(self._answer)

    def _answer(self) -> None:
        self._set(max_items=max(1, min(self.max_items, MOST_ITEMS)))
        self.follow(anyway=True)

    def _on_selected(self, _change: Any = None) -> None:
        self._main.call(self._tell_memory)

    def _tell_memory(self) -> None:
        """Send the page the memory of the selected object, if the scene lacks it. An error is shown in its place."""
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
        """The scene as a tree of text."""
        return "" if self._last is None else self._last.tree(self._offsets)

    def __repr__(self) -> str:
        return "PoolExplorer()" if self._last is None else f"PoolExplorer({self._last.graph.summary})"

    def __str__(self) -> str:
        return self.tree

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        text = f"{self!r}\n{self.tree}"
        self._below.expect()
        shown = {"text/plain": text, "text/html": self.static_html(), "application/vnd.jupyter.widget-view+json": view}
        return shown, {}

    def static_html(self) -> str:
        """The scene as HTML that needs neither a script nor a kernel."""
        if self._last is None or self._picture is None:
            return ""
        return static_html(self._picture, self._last.html(self._offsets))

    def show_picture(self) -> None:
        """Put a folded static picture below an explorer that was shown, for viewers that have lost the widget."""
        self._below.show()


def _steps(trail: Any) -> tuple[TrailStep, ...]:
    """The trail that the page sent, without steps that have a wrong form."""
    steps = []
    for step in trail:
        name, label = (step.get("id"), step.get("label")) if isinstance(step, dict) else (None, None)
        if isinstance(name, str) and name[:1] == "o" and name[1:].isdecimal():
            steps.append((int(name[1:]), str(label)))
    return tuple(steps)


def _told(trail: tuple[TrailStep, ...]) -> list[dict[str, str]]:
    return [{"id": f"o{offset}", "label": label} for offset, label in trail]
