"""The page with the pools below the notebook's folder: open, create, close and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import ipywidgets

from pmemobj_magics.views.panel.controls import button, choice, field, heading, list_of_choices, row, tick
from pmemobj_magics.views.panel.messages import Message
from pmemobj_magics.views.panel.spent_texts import SpentTexts

__all__ = ["PoolsActions", "PoolsPage"]

#: Sizes that are offered for a new pool: what is shown, and what ``%pmem_open --size`` is given.
_SIZES = (("16 MiB", "16M"), ("64 MiB", "64M"), ("256 MiB", "256M"), ("1 GiB", "1G"), ("grows by itself", "auto"))


_NO_POOLS = "<p>There is no pool in this folder yet. Write a path such as <code>bank.pmem</code>, and press Create.</p>"


class PoolsActions(Protocol):
    """What the controls of this page do."""

    def look_again(self) -> None: ...
    def open(self) -> None: ...
    def create(self) -> None: ...
    def close_pool(self) -> None: ...
    def ask_delete(self) -> None: ...
    def delete(self) -> None: ...
    def keep(self) -> None: ...
    def choose(self, path: str) -> None: ...


class PoolsPage(ipywidgets.VBox):
    """The pools of the folder.

    Attributes:
        pools: The list; its value is the path of the chosen pool, or None.
        path: The field for a path.
        name: The field for the variable.
        spent: Empties the field for the variable when a pool was opened.
        sandbox: The box for a sandbox.
        size: The choice of the size of a new pool.
        open_message, create_message, close_message: What the acts say, each beside its button.
    """

    def __init__(self, actions: PoolsActions) -> None:
        self.pools = list_of_choices("pools here", rows=5)
        self.path = field("path", "bank.pmem")
        self.name = field("variable", "pool", "pool")
        self.spent = SpentTexts(self.name)
        self.sandbox = tick("sandbox", "Keep all changes in memory. They are lost when the pool is closed.")
        self.size = choice("size", _SIZES)
        self.open_button = button("Open", "Open the pool at this path, and bind it to the variable.", actions.open)
        self.create_button = button("Create", "Create a pool of this size at this path, and open it.", actions.create)
        self.close_button = button("Close", "Close the pool. An open transaction is rolled back.", actions.close_pool)
        self.delete_button = button("Delete…", "Delete the files of the pool, after asking.", actions.ask_delete)
        self.again_button = button("Look again", "Search the folder for pools again.", actions.look_again)
        self.open_message, self.create_message, self.close_message = Message(), Message(), Message()
        self._none = ipywidgets.HTML(_NO_POOLS)
        self._question = ipywidgets.HTML()
        self._yes = button("Delete", "Delete the files of the pool for ever.", actions.delete, "danger")
        self._no = button("Keep it", "Do not delete anything.", actions.keep)
        self._asking = row(self._question, self._yes, self._no)
        self._asking.layout.display = "none"
        self.pools.observe(lambda change: self._on_choice(actions, change["new"]), names=["value"])
        super().__init__(
            [
                heading("Pools"),
                self._none,
                self.pools,
                row(self.path, self.name),
                row(self.open_button, self.sandbox, self.again_button),
                self.open_message,
                row(self.create_button, self.size),
                self.create_message,
                row(self.close_button, self.delete_button),
                self._asking,
                self.close_message,
            ]
        )

    @staticmethod
    def _on_choice(actions: PoolsActions, path: str | None) -> None:
        if path:
            actions.choose(path)

    def show_pools(self, rows: Sequence[tuple[str, str]], chosen: str | None) -> None:
        """Show the pools: for each its line and its path; `chosen` is the path that is marked."""
        if tuple(self.pools.options) != tuple(rows):
            self.pools.options = rows
        self.pools.layout.display = "flex" if rows else "none"
        self._none.layout.display = "none" if rows else "flex"
        if chosen in [path for _, path in rows] and self.pools.value != chosen:
            self.pools.value = chosen

    def show_question(self, text: str) -> None:
        """Ask before a pool is deleted; an empty text ends the question."""
        self._question.value = text
        self._asking.layout.display = "flex" if text else "none"
