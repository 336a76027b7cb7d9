"""The acts that change the object that is selected in the explorer."""

from __future__ import annotations

import html
from collections.abc import Callable

import pmemobj
from pmemobj import Persistent, PersistentObjectPool, PmemError
from pmemobj_magics.commands.panel.changes import Change, changes_of, entries_of, root_change
from pmemobj_magics.commands.panel.desk import Desk
from pmemobj_magics.commands.panel.places import Finder, Located
from pmemobj_magics.commands.panel.values import ValueReader, classes_in
from pmemobj_magics.common.texts import plural
from pmemobj_magics.errors import ExpressionError
from pmemobj_magics.views.panel.change_page import ChangePage

__all__ = ["EditActs"]

#: Templates for new objects, which are put into the field for the value.
_TEMPLATES = ("[]", "{}", "set()", "''", "0", "True", "None")
#: The largest number of characters of a line that are shown.
_LONGEST = 1000
_ALONE = (
    "No transaction is open: each change is durable by itself as soon as it is done, and there is no undo. "
    "Press Begin first if several changes belong together."
)
_TOGETHER = (
    "A transaction is open: the change is stored with Commit. Abort undoes it, together with all other changes of the "
    "transaction; there is no other undo."
)
_LOST = "This object is reached by no path that can be written in Python; bind it to a variable in a cell to change it."


class EditActs:
    """What the page for changes does.

    Args:
        desk: Runs the acts.
        current: The pool of the panel, or None.
        selected: The offset of the selected object; None for the root.
        select: Selects the root.
        finder: Finds objects.
    """

    page: ChangePage

    def __init__(
        self,
        desk: Desk,
        current: Callable[[], PersistentObjectPool | None],
        selected: Callable[[], int | None],
        select: Callable[[], object],
        finder: Finder,
    ) -> None:
        self._desk, self._current, self._selected, self._select = desk, current, selected, select
        self._finder = finder
        self._target: Located | None = None
        self._changes: dict[str, Change] = {}
        self._is_showing = False
        #: The lines of the last change, as long as the message about it is shown.
        self._done = ""

    # ---- what is selected ----

    def show(self) -> None:
        """Show the selected object and its possible changes."""
        self._is_showing = True
        try:
            self._show()
        finally:
            self._is_showing = False
        self._fields()

    def _show(self) -> None:
        pool = self._current()
        self._target, self._changes = None, {}
        if pool is None:
            self.page.show_object("", "<p>Open a pool to change something in it.</p>", (), "")
            return
        promise = f"<p>{_TOGETHER if pool.in_transaction else _ALONE}</p>"
        session = self._desk.session
        try:
            target = self._finder.locate(pool, session.call(pool), self._selected(), session.holders(pool))
            if target is None:
                self.page.show_object("", f"<p>{_LOST}</p>", (), promise)
                return
            self._target = target
            self._changes = changes_of(target.value)
            if target.code.endswith(".root"):
                self._changes |= root_change()
        except PmemError as error:
            told = html.escape(f"Cannot {error.what}: {error.why}; {error.todo}")
            self.page.show_object("", f"<p>{told}</p>", (), promise)
            return
        kind = html.escape(_kind(target.value))
        fixed = "" if self._changes else " It cannot be changed: make another object, and put it in its place."
        head = f"<p>selected: <code>{html.escape(target.code)}</code> ({kind}).{fixed}</p>"
        self.page.show_object(f"{target.code} {type(target.value).__name__}", head, list(self._changes), promise)

    def select_root(self) -> None:
        """Select the root."""
        self._desk.do(None, self._select)

    # ---- what the fields hold ----

    def preview(self) -> None:
        """Show the line that the button would run. Nothing is changed."""
        if not self._is_showing:
            self._desk.do(None, self._fields)

    def _fields(self) -> None:
        self._is_showing = True
        try:
            change = self._changes.get(self.page.kind.value or "")
            if change is None or self._target is None:
                self.page.show_line("")
                return
            self.page.show_fields(change.place, change.value, entries_of(self._target.value), self._templates())
            typed = (not change.place or self.page.place.value) and (not change.value or self.page.value.value)
            if not typed:
                self.page.show_line("")
                return
            try:
                code = self._code(change)
                self.page.show_line(f"<pre>{html.escape(_short(code))}</pre>")
                if self._done and code != self._done:
                    # What was done before must not look like what is going to be done.
                    self.page.message.clear()
                    self._done = ""
            except PmemError as error:
                todo = f"; {error.todo}" if error.todo else ""
                self.page.show_line(f'<p class="pmem-hint">not yet: {html.escape(error.why + todo)}</p>')
        finally:
            self._is_showing = False

    def _templates(self) -> list[str]:
        return [*_TEMPLATES, *(f"{name}()" for name in classes_in(self._desk.session.namespace))]

    def _code(self, change: Change) -> str:
        pool = self._current()
        assert pool is not None and self._target is not None
        if not self._desk.session.names(pool):
            raise ExpressionError(
                "change this object", "no variable holds the pool", "press Open on the page Pools to bind it to one"
            )
        reader = ValueReader(self._desk.session.call(pool), lambda: pool.root, self._desk.session.namespace)
        return change.code(self._target, reader, self.page.place.value, self.page.value.value)

    # ---- the act ----

    def change(self) -> None:
        """Make the change."""
        self._desk.do(self.page.message, self._change)

    def _change(self) -> None:
        pool = self._current()
        if pool is None:
            raise pmemobj.PoolClosedError("change an object", "no pool is open in this panel", "open one first")
        self._show()
        change = self._changes.get(self.page.kind.value or "")
        if change is None or self._target is None:
            raise ExpressionError("change this object", "it cannot be changed", "select another one in the explorer")
        code = self._code(change)
        self._desk.run(code, changes=True, pool=pool)
        self._desk.note(code)
        kept = "not committed yet" if pool.in_transaction else "durable"
        self.page.message.done(f"Done; {kept}.", _short(code), self._desk.printed)
        self.page.spent.spend(self.page.place, self.page.value)
        self._done = code


def _short(code: str) -> str:
    return code if len(code) <= _LONGEST else f"{code[:_LONGEST]}…"


def _kind(value: object) -> str:
    if not isinstance(value, Persistent):
        return f"the value {value!r:.60}"
    name = type(value).__name__
    try:
        return f"{name}, {plural(len(value), 'item')}" if hasattr(value, "__len__") else name
    except (PmemError, TypeError):
        return name
