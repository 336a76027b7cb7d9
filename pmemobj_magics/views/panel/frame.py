"""The panel: the line at the top, the transaction, the pages with controls, and the views beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import ipywidgets

from pmemobj_magics.common.main_thread import MainThread
from pmemobj_magics.views.panel.change_page import ChangeActions, ChangePage
from pmemobj_magics.views.panel.code_page import CodePage
from pmemobj_magics.views.panel.crash_page import CrashActions, CrashPage
from pmemobj_magics.views.panel.messages import Status
from pmemobj_magics.views.panel.pools_page import PoolsActions, PoolsPage
from pmemobj_magics.views.panel.transaction_bar import TransactionActions, TransactionBar

__all__ = ["PAGES", "VIEWS", "PanelFrame"]

PAGES = ("Pools", "Change", "Crash", "As code")
VIEWS = ("Explorer", "Bytes", "Log")


class PanelFrame:
    """Everything that a panel consists of.

    Args:
        pools, transactions, changes, crashes: What the controls of each part do.
        on_page: Called when the reader turns to another page or view.
        aim: Tells what the acts are about now. It is asked when a press arrives, in whatever thread.
        aimed: Makes the acts be about what `aim` told, inside a ``with`` block, whose value is whether they can be.

    Attributes:
        status, pools, transaction, change, crash, code: The parts.
        pages, views: The choices of the page and of the view.
        children: The widgets of the panel, from top to bottom.
    """

    def __init__(
        self,
        pools: PoolsActions,
        transactions: TransactionActions,
        changes: ChangeActions,
        crashes: CrashActions,
        on_page: Callable[[], object],
        aim: Callable[[], Any],
        aimed: Callable[[Any], AbstractContextManager[bool]],
    ) -> None:
        self._aim, self._aimed = aim, aimed
        self.status = Status()
        self.pools, self.transaction = PoolsPage(pools), TransactionBar(transactions)
        self.change, self.crash, self.code = ChangePage(changes), CrashPage(crashes), CodePage()
        self.pages = _turner("page", PAGES)
        self.views = _turner("view", VIEWS)
        pages = ipywidgets.Stack([self.pools, self.change, self.crash, self.code], selected_index=0)
        self._bytes, self._log = ipywidgets.HTML(), ipywidgets.HTML()
        self._explorer = ipywidgets.VBox()
        views = ipywidgets.Stack([self._explorer, self._bytes, self._log], selected_index=0)
        for turner, stack in ((self.pages, pages), (self.views, views)):
            stack.add_class("pmem-panel-stack")
            turner.observe(lambda _, turner=turner, stack=stack: _turn(turner, stack), names=["index"])
            turner.observe(lambda _: on_page(), names=["index"])
        controls = ipywidgets.VBox([self.transaction, self.pages, pages])
        controls.add_class("pmem-panel-controls")
        beside = ipywidgets.VBox([self.views, views])
        beside.add_class("pmem-panel-views")
        body = ipywidgets.HBox([controls, beside])
        body.add_class("pmem-panel-body")
        self._main = MainThread()
        self.status.on_press(self._on_press)
        self.status.on_use(lambda label: self._main.call(lambda: self._use(label)))
        self.pages.observe(lambda _: self._show_result(), names=["index"])
        self._show_result()
        self.children: Sequence[ipywidgets.Widget] = (self.status, body, self.crash.result)
        self._buttons = list(_buttons_in(controls))
        for number, button in enumerate(self._buttons):
            button.add_class(f"pmem-press-{number}")

    def _show_result(self) -> None:
        """Show the result of a crash only on the page that crashes."""
        self.crash.result.layout.display = "flex" if self.page == "Crash" else "none"

    @property
    def _fields(self) -> tuple[ipywidgets.Widget, ...]:
        pools, change, crash = self.pools, self.change, self.crash
        return (
            *(pools.path, pools.name, pools.size, pools.sandbox),
            *(change.kind, change.place, change.value, change.template),
            *(crash.checks, crash.check),
        )

    def _use(self, label: str) -> None:
        for spent in (self.pools.spent, self.change.spent):
            spent.use(label)

    def _on_press(self, number: int, label: str, fields: dict[str, Any]) -> None:
        """Do what a button does, when the running cell has ended, but to what the page showed when it was pressed."""
        if 0 <= number < len(self._buttons):
            button, aim = self._buttons[number], self._aim()
            self._main.call(lambda: self._press(button, label, aim, fields))

    def _press(self, button: ipywidgets.Button, label: str, aim: Any, fields: dict[str, Any]) -> None:
        if button.disabled:
            return
        with self._aimed(aim) as is_possible:
            if not is_possible:
                self.transaction.message.note(f"{label} was not done: another pool was chosen meanwhile. Press again.")
            elif button.description != label:
                self.transaction.message.note(
                    f"{label} was pressed once more before it was done, and was done once. The button says "
                    f"{button.description} now."
                )
            else:
                self._take(fields)
                button.click()

    def _take(self, fields: dict[str, Any]) -> None:
        """Set the fields to what the page says that they hold, in the order of their use; see `fields.js`."""
        by_label = {field.description: field for field in reversed(self._fields)}
        for label, found in fields.items():
            self._use(label)
            field = by_label.get(label)
            if isinstance(field, ipywidgets.Dropdown):
                labels = [option[0] if isinstance(option, tuple) else option for option in field.options]
                if found in labels and field.label != found:
                    field.index = labels.index(found)
            elif field is not None and isinstance(found, type(field.value)) and field.value != found:
                field.value = found

    def show_explorer(self, explorer: ipywidgets.DOMWidget | None) -> None:
        """Show an explorer, or say that there is no pool."""
        wanted = (explorer,) if explorer is not None else (ipywidgets.HTML(_NO_POOL),)
        if tuple(self._explorer.children[:1]) != wanted[:1] or explorer is None:
            self._explorer.children = wanted

    def show_bytes(self, html: str) -> None:
        """Show the bytes of an object (HTML)."""
        self._bytes.value = html

    def show_log(self, html: str) -> None:
        """Show the log of transactions (HTML)."""
        self._log.value = html

    @property
    def page(self) -> str:
        """The name of the page that is shown."""
        return str(self.pages.value)

    @property
    def view(self) -> str:
        """The name of the view that is shown."""
        return str(self.views.value)


_NO_POOL = '<p class="pmem-panel-empty">No pool is chosen. Open or create one on the page <em>Pools</em>.</p>'


def _buttons_in(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Button]:
    if isinstance(widget, ipywidgets.Button):
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _buttons_in(child)


def _turner(label: str, names: Sequence[str]) -> ipywidgets.ToggleButtons:
    made = ipywidgets.ToggleButtons(
        options=list(names), description="", tooltips=[f"show the {label} {name}" for name in names]
    )
    made.add_class("pmem-panel-turner")
    return made


def _turn(turner: ipywidgets.ToggleButtons, stack: ipywidgets.Stack) -> None:
    stack.selected_index = turner.index
