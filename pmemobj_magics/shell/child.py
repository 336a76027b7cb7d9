"""The body of a cell in a child process that is going to be killed.

The child inherits the sockets of the kernel. They belong to the parent, so the child must not display anything
through them and must not ask for input: what is displayed is printed as text, and `input` raises an error.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from IPython.display import display

from pmemobj_magics.shell.cell import CellCode, Shell
from pmemobj_magics.shell.session import Session

__all__ = ["in_child"]


def in_child(session: Session, code: CellCode) -> Callable[[], None]:
    """A function for the child: it runs the cell and prints the value of its last expression."""
    show: Callable[[Any], Any] = display

    def action() -> None:
        _detach(session.shell)
        value = code.run(session.namespace)
        if value is not None and not code.quiet:
            show(value)

    return action


def _detach(shell: Shell) -> None:
    """Keep the child away from the sockets of the kernel."""
    shell.display_pub = _Printer()
    builtins.input = _no_input


class _Printer:
    """Replaces the display publisher: it prints the plain text of what is displayed."""

    is_publishing = False

    def publish(self, data: dict[str, Any], *_args: Any, **_options: Any) -> None:
        print(data.get("text/plain", ""))

    def clear_output(self, wait: bool = False) -> None:
        """Do nothing, because printed text cannot be taken back."""


def _no_input(prompt: object = "") -> str:
    raise EOFError("input() is not possible in a cell that is going to crash")
