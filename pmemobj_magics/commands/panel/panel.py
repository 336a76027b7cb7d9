"""`PoolPanel`: the whole story of a pool by mouse or keyboard, with the line of Python for each act."""

from __future__ import annotations

import contextlib
import itertools
import os
import weakref
from collections.abc import Iterator
from typing import Any

import ipywidgets
from IPython.core.getipython import get_ipython

import pmemobj
from pmemobj import PersistentObjectPool, PmemError, inspect
from pmemobj.errors import a_or_an
from pmemobj_magics.commands.log import show_log
from pmemobj_magics.commands.panel.crashes import CrashActs
from pmemobj_magics.commands.panel.desk import Desk
from pmemobj_magics.commands.panel.edits import EditActs
from pmemobj_magics.commands.panel.places import Finder
from pmemobj_magics.commands.panel.pools import PoolActs
from pmemobj_magics.commands.panel.transactions import TransactionActs
from pmemobj_magics.errors import MagicUsageError
from pmemobj_magics.shell.session import Session
from pmemobj_magics.views.memory import MemoryPicture
from pmemobj_magics.views.panel import PanelFrame, static_panel
from pmemobj_magics.views.watch import Follower, PictureBelow, PoolExplorer

__all__ = ["PoolPanel", "show_panel"]

#: How many entries of the log and how many words of an object are shown.
_ENTRIES, _WORDS = 30, 64


class PoolPanel(ipywidgets.VBox):
    """Controls that open pools, begin transactions, change what is in a pool and crash it, beside an explorer.

    Every act shows the line of Python or the magic that does the same, and runs exactly that. A pool that is opened or
    closed in a cell, and a transaction that is begun in a cell, appear in the panel, and the other way round.

    A terminal shows the state of the pool as text.

    Args:
        pool: The pool to begin with, which may be closed; None for the only open pool, if there is one.

    Attributes:
        pool: The pool of the panel if it is open, or None.
        code: The session as the text of a cell. Run in a cell, it does the same to a new pool.

    Raises:
        MagicUsageError: this is not IPython or Jupyter, or `pool` is no pool.

    Durability: outside a transaction each change is durable when its button is released; inside one, with Commit.
    Cost: like `PoolExplorer`, after each act and each cell that changed the pool.

    Example::

        from pmemobj_magics import PoolPanel

        PoolPanel()
    """

    def __init__(self, pool: PersistentObjectPool | None = None) -> None:
        if pool is not None and not isinstance(pool, PersistentObjectPool):
            raise MagicUsageError(
                "make a panel", f"{pool!r:.60} is {a_or_an(type(pool).__name__)}, not a pool", "give an open pool"
            )
        self._session = _session()
        self._explorer: PoolExplorer | None = None
        #: What the panel shows, in short, and how many happenings of the session it knows.
        self._shown: Any = None
        self._met: weakref.ref[PersistentObjectPool] | None = None
        self._happened = self._session.record.count
        self._below = PictureBelow(self._html)
        self._is_refreshing = False
        self._desk = Desk(self._session, self.refresh)
        self._pools = PoolActs(self._desk, lambda: self.pool, self.choose, self._forget)
        self._transactions = TransactionActs(self._desk, lambda: self.pool)
        self._finder = Finder()
        self._edits = EditActs(self._desk, lambda: self.pool, lambda: self._selected, self._select_root, self._finder)
        self._crashes = CrashActs(self._desk, lambda: self.pool, lambda: self._selected, self._finder)
        #: What a press was about that is being done now; see `_aimed`.
        self._aim: tuple[PoolExplorer | None, int | None] | None = None
        self._frame = PanelFrame(
            self._pools,
            self._transactions,
            self._edits,
            self._crashes,
            self._on_page,
            lambda: (self._explorer, self._selected),
            self._aimed,
        )
        self._pools.page, self._transactions.bar = self._frame.pools, self._frame.transaction
        self._edits.page, self._crashes.page = self._frame.change, self._frame.crash
        self._desk.status = self._frame.status
        super().__init__(self._frame.children)
        self.add_class("pmem-panel")
        self._frame.code.box.belong_to(self)
        chosen = pool if pool is not None else _only_pool(self._session)
        if chosen is not None:
            self._meet(chosen)
            self._desk.transcript.mention(f"{chosen.path} was open as {self._session.call(chosen)}")
        self._pools.show(anew=True)
        self.refresh()
        _follower(self._session).add(self, f"panel {next(_numbers)}")

    # ---- the pool ----

    @property
    def pool(self) -> PersistentObjectPool | None:
        """The pool of the panel if it is open, or else None."""
        return None if self._explorer is None else self._explorer.pool

    @property
    def path(self) -> str:
        """The absolute path of the pool; empty if the panel has met none."""
        return "" if self._explorer is None else self._explorer.path

    @property
    def code(self) -> str:
        """The session as the text of a cell."""
        return self._desk.transcript.cell

    @property
    def explorer(self) -> PoolExplorer | None:
        """The explorer in the panel."""
        return self._explorer

    def choose(self, pool: PersistentObjectPool) -> None:
        """Show another pool.

        Raises:
            PoolClosedError: it is closed.
        """
        if pool.closed:
            raise pmemobj.PoolClosedError(f"show pool {pool.path}", "it is closed", "open it again")
        if self.pool is not pool:
            self._meet(pool)
        self.refresh()

    def _meet(self, pool: PersistentObjectPool) -> None:
        if pool.closed:
            return
        self._explorer = PoolExplorer(pool)
        self._explorer.layout.width = "100%"
        self._explorer.observe(self._on_selected, names=["selected", "trail"])
        self._frame.show_explorer(self._explorer)

    def _forget(self, path: str) -> None:
        """Show no pool any more, if the pool with this absolute path was shown and is closed."""
        if self._explorer is not None and self._explorer.pool is None and self._explorer.path == path:
            self._explorer = None

    @property
    def _selected(self) -> int | None:
        """The offset of the selected object, or else of the one that the reader focused on; None for the root."""
        explorer = self._explorer
        if explorer is None:
            return None
        if self._aim is not None and self._aim[0] is explorer:
            return self._aim[1]
        name = explorer.selected or (explorer.trail[-1]["id"] if explorer.trail else "")
        return int(name[1:]) if name[:1] == "o" and name[1:].isdecimal() else None

    @contextlib.contextmanager
    def _aimed(self, aim: tuple[PoolExplorer | None, int | None]) -> Iterator[bool]:
        """Do something to what was selected when a button was pressed, though another object may be selected now.

        Its value is whether the same pool is shown.
        """
        self._aim = aim
        try:
            yield aim[0] is self._explorer
        finally:
            self._aim = None
            if self._selected != aim[1]:
                self.refresh()

    def _forget_selection(self) -> None:
        """Select the root if the pool was opened anew: an object of another pool may have had this offset."""
        pool, explorer = self.pool, self._explorer
        if pool is None or explorer is None or (self._met is not None and self._met() is pool):
            return
        self._met = weakref.ref(pool)
        explorer.selected = ""

    def _select_root(self) -> None:
        if self._explorer is not None:
            self._explorer.trail = []
            # The page highlights the object with this name.
            self._explorer.selected = self._explorer.scene["start"][2] or ""

    # ---- what is shown ----

    @property
    def is_rested(self) -> bool:
        """Whether the explorer may look again; see `Follower`."""
        return self._explorer is None or self._explorer.is_rested

    def follow(self) -> None:
        """Show the present state after a cell; an error is shown in the panel and not raised."""
        self._desk.remember_loop()
        try:
            if self._explorer is None:
                pool = _only_pool(self._session)
                if pool is not None:
                    self._meet(pool)
            self._mention_cells()
            if self._key() != self._shown:
                self.refresh()
        except Exception as error:
            self._frame.transaction.message.error(error)

    def refresh(self) -> None:
        """Show the present state of the pools and of the transaction."""
        if self._is_refreshing:
            return
        self._is_refreshing = True
        try:
            self._finder.forget()
            self._forget_selection()
            self._shown = self._key()
            if self._explorer is not None:
                self._explorer.follow()
            else:
                self._frame.show_explorer(None)
            self._pools.show()
            self._transactions.show()
            self._show_status()
            if self._frame.page == "Change":
                self._edits.show()
            elif self._frame.page == "Crash":
                self._crashes.show()
            if self._frame.code.box.code != self.code:
                self._frame.code.box.code = self.code
            self._show_view()
            self._below.update()
        finally:
            self._is_refreshing = False

    def _key(self) -> Any:
        """What has to be equal for the panel to have nothing new to show."""
        pool = self.pool
        stamp = (
            None
            if pool is None
            else (pmemobj.glance.stamp(pool), pool.transaction_depth, tuple(self._session.names(pool)))
        )
        # A cell may define the class of an object.
        cells = self._session.shell.execution_count
        pools = tuple(each.absolute_path for each in pmemobj.open_pools())
        return stamp, cells, pools, self._selected, self._frame.page, self._frame.view, len(self.code)

    def _mention_cells(self) -> None:
        """Write into the transcript which cells have changed the pool between the acts."""
        for happening in self._session.record.since(self._happened):
            if happening.cell and self.path in happening.pools:
                self._desk.transcript.mention(f"In [{happening.cell}] changed the pool here; run that cell, too")
        self._happened = self._session.record.count

    def _show_status(self) -> None:
        told = {"state": self._state, "text": self._told, "begun": self._transactions.begun}
        if self._frame.status.told != told:
            self._frame.status.told = told

    @property
    def _state(self) -> str:
        pool = self.pool
        if pool is None:
            return "closed" if self._explorer is not None else "none"
        if not pool.in_transaction:
            return "open"
        return "aborted" if self._transactions.is_aborted else "uncommitted"

    @property
    def _told(self) -> str:
        """The line at the top in words."""
        pool = self.pool
        if pool is None:
            return (
                ""
                if self._explorer is None
                else f"{_short_path(self._explorer.path)} is closed; this is its last known state"
            )
        name = self._session.call(pool)
        kind = f"{pool.medium.short}{', sandbox: changes are lost at close' if pool.sandbox else ''}"
        text = f"{name}: {pool.path} ({kind})"
        depth = pool.transaction_depth
        if depth:
            text += " · in a transaction" + (f", depth {depth}" if depth > 1 else "")
        return text

    def _show_view(self) -> None:
        """Show the bytes or the log, if the reader has turned to them."""
        pool = self.pool
        if pool is None or self._frame.view == "Explorer":
            return
        try:
            if self._frame.view == "Bytes":
                self._frame.show_bytes(self._bytes(pool))
            else:
                self._frame.show_log(show_log(self._session, pool.path, last=_ENTRIES)._repr_html_())
        except PmemError as error:
            show = self._frame.show_bytes if self._frame.view == "Bytes" else self._frame.show_log
            show(f"<p>Cannot {error.what}: {error.why}</p>")

    def _bytes(self, pool: PersistentObjectPool) -> str:
        target = self._finder.locate(pool, self._session.call(pool), self._selected, self._session.holders(pool))
        if target is None or not isinstance(target.value, pmemobj.Persistent):
            return "<p>Select an object in the explorer to see its bytes.</p>"
        return MemoryPicture(inspect.memory(target.value, max_words=_WORDS), target.code).svg

    # ---- what the reader does ----

    def _on_page(self) -> None:
        self._desk.do(None, lambda: None)

    def _on_selected(self, _change: Any) -> None:
        if not self._is_refreshing:
            self._desk.do(None, lambda: None)

    # ---- texts and pictures ----

    def __repr__(self) -> str:
        return f"PoolPanel({self._told})" if self._told else "PoolPanel(no pool)"

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        tree = f"\n{self._explorer.tree}" if self._explorer is not None else ""
        self._below.expect()
        shown = {
            "text/plain": f"{self!r}{tree}",
            "text/html": self._html(),
            "application/vnd.jupyter.widget-view+json": view,
        }
        return shown, {}

    def _html(self) -> str:
        picture = "" if self._explorer is None else self._explorer.static_html()
        return static_panel(
            f"pool panel: {self._told or 'no pool'}", picture, self._frame.transaction.list_html, self.code
        )

    def show_picture(self) -> None:
        """Put a folded static picture below a panel that was shown, for viewers that have lost the widget."""
        self._below.show()


def _short_path(path: str) -> str:
    """A path below the notebook's folder from there, and any other one in full."""
    shorter = os.path.relpath(path)
    return path if shorter.startswith(os.pardir) else shorter


_numbers = itertools.count(1)


def show_panel(session: Session, name: str | None) -> PoolPanel:
    """The panel of a pool; the same name gives the same panel, so that a cell can be run again.

    Args:
        session: The session.
        name: The variable or the file of the pool; without it the panel begins with the only open pool.

    Raises:
        NoSuchPoolError: there is no such pool.
    """
    key = name or ""
    pool = session.find_any(name) if name else None
    panel: PoolPanel | None = session.panels.get(key)
    if panel is None:
        panel = PoolPanel(pool)
        session.panels[key] = panel
    elif pool is not None and not pool.closed:
        panel.choose(pool)
    else:
        panel.follow()
    return panel


def _session() -> Session:
    """The session of the magics of this shell; the extension is loaded if it was not yet.

    Raises:
        MagicUsageError: this is not IPython.
    """
    shell = get_ipython()
    if shell is None:
        raise MagicUsageError(
            "make a panel", "it lives in Jupyter or IPython, and this is neither", "make it in a cell of a notebook"
        )
    if "PmemMagics" not in shell.magics_manager.registry:
        shell.run_line_magic("load_ext", "pmemobj_magics")
    session: Session = shell.magics_manager.registry["PmemMagics"].session
    return session


def _only_pool(session: Session) -> PersistentObjectPool | None:
    """The pool that a magic without a name would take, or None."""
    try:
        pool = session.find_any(None)
    except PmemError:
        return None
    return None if pool.closed else pool


def _follower(session: Session) -> Follower:
    if session.follower is None:
        session.follower = Follower(session.shell)
    return session.follower
