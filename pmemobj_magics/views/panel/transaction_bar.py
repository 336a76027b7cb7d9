"""Begin, commit and abort, and the list of what is not committed. It is visible on every page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Protocol

import ipywidgets

from pmemobj_magics.views.panel.controls import button, row
from pmemobj_magics.views.panel.messages import Message

__all__ = ["TransactionActions", "TransactionBar", "UncommittedRow"]

#: A line of the list: the place, what it was, what it is, and a word (changed, added, removed).
UncommittedRow = tuple[str, str, str, str]


class TransactionActions(Protocol):
    """What the buttons do."""

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...


class TransactionBar(ipywidgets.VBox):
    """The transaction of the pool.

    Attributes:
        message: What an act did, or why it failed.
    """

    def __init__(self, actions: TransactionActions) -> None:
        self.begin_button = button(
            "Begin", "Begin a transaction: what follows happens together, or not at all.", actions.begin
        )
        self.commit_button = button("Commit", "Keep all changes of the transaction.", actions.commit, "primary")
        self.abort_button = button("Abort", "Undo all changes of the transaction.", actions.abort)
        self.message = Message()
        self._list = ipywidgets.HTML()
        super().__init__([row(self.begin_button, self.commit_button, self.abort_button), self.message, self._list])
        self.add_class("pmem-panel-transaction")
        self.show(False, 0, (), "")

    def show(self, has_pool: bool, depth: int, rows: Sequence[UncommittedRow], note: str, can_end: bool = True) -> None:
        """Show the state of the transaction.

        Args:
            has_pool: Whether there is a pool.
            depth: How many transactions are open, each in the one before.
            rows: What is not committed.
            note: A sentence below the list.
            can_end: Whether the panel can end the transaction; one of a ``with`` block ends with the block.
        """
        self.begin_button.disabled = not has_pool
        self.begin_button.description = "Begin nested" if depth else "Begin"
        self.commit_button.disabled = self.abort_button.disabled = not depth or not can_end
        self._list.value = _html(depth, rows, note) if depth else ""

    @property
    def list_html(self) -> str:
        """The list of what is not committed, as HTML."""
        return str(self._list.value)


def _html(depth: int, rows: Sequence[UncommittedRow], note: str) -> str:
    levels = f" (depth {depth}: {depth - 1} nested)" if depth > 1 else ""
    head = f"<caption>Not committed{levels}</caption>"
    columns = "".join(f'<th scope="col">{name}</th>' for name in ("place", "was", "is", ""))
    lines = "".join(
        f'<tr class="pmem-pending-{word}"><th scope="row"><code>{html.escape(place)}</code></th>'
        f"<td>{_cell(was, 'del')}</td><td>{_cell(now, 'ins')}</td><td>{word}</td></tr>"
        for place, was, now, word in rows
    )
    body = f"<thead><tr>{columns}</tr></thead><tbody>{lines}</tbody>" if rows else ""
    below = f"<p>{html.escape(note)}</p>" if note else ""
    empty = "" if rows else "<p>Nothing was changed yet.</p>"
    return f'<div class="pmem-pending"><table>{head}{body}</table>{empty}{below}</div>'


def _cell(text: str, tag: str) -> str:
    return f"<{tag}><bdi>{html.escape(text)}</bdi></{tag}>" if text else ""
