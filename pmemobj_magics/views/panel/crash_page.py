"""The page that crashes the open transaction: by a kill, by a power cut, and the same without a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import ipywidgets

from pmemobj_magics.views.panel.controls import button, choice, field, heading, offer, row
from pmemobj_magics.views.panel.messages import Message

__all__ = ["CrashActions", "CrashPage"]

_HELP = "<p>The crash happens to a copy. The pool that is open here stays as it is, and its transaction stays open.</p>"


class CrashActions(Protocol):
    """What the buttons do."""

    def end_program(self) -> None: ...
    def cut_power(self) -> None: ...
    def without_transaction(self) -> None: ...
    def choose_check(self) -> None: ...


class CrashPage(ipywidgets.VBox):
    """Crashes.

    Attributes:
        checks: The choice of checks.
        check: The field with the check, an expression of Python.
        message: What was found, or why it failed.
        result: The pictures of the last crash, which stand below the panel, where there is room for them.
    """

    def __init__(self, actions: CrashActions) -> None:
        self.end_button = button(
            "End the program here", "Kill a copy of this program in the middle of its transaction.", actions.end_program
        )
        self.power_button = button(
            "Cut the power", "Simulate a power cut before every step of this transaction.", actions.cut_power
        )
        self.without_button = button(
            "The same without a transaction",
            "Make the same changes one by one, and crash in the middle of them.",
            actions.without_transaction,
        )
        self.checks = choice("check", [("no check", "")])
        self.check = field("must hold", "sum(pool.root.values()) == 100")
        self.message = Message()
        self.result = ipywidgets.VBox()
        self.result.add_class("pmem-panel-result")
        self.checks.observe(lambda _: actions.choose_check(), names=["value"])
        super().__init__(
            [
                heading("Crash"),
                ipywidgets.HTML(_HELP),
                row(self.end_button, self.power_button, self.without_button),
                row(self.checks, self.check),
                self.message,
            ]
        )

    def show_checks(self, checks: Sequence[tuple[str, str]]) -> None:
        """Offer checks: for each a text and the expression."""
        offer(self.checks, (("no check", ""), *checks))

    def show_result(self, *parts: ipywidgets.Widget | str) -> None:
        """Show widgets and HTML in place of the last result."""
        for old in self.result.children:
            old.close()
        self.result.children = [ipywidgets.HTML(part) if isinstance(part, str) else part for part in parts]
